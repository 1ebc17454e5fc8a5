"""Graphs with Transposes everywhere, of operators that take part in turning layouts: the answers stay those of onnxruntime."""

import igata
import numpy as np
import onnx
import pytest
from compare import difference, model_of, ort_run
from onnx import TensorProto, helper, numpy_helper

PERMS = {4: [(0, 3, 1, 2), (0, 2, 3, 1), (0, 1, 3, 2), (3, 2, 1, 0)], 3: [(0, 2, 1), (1, 0, 2), (2, 0, 1)]}


class Maker:
    """A random graph of values that all have one of few shapes, so that many of them fit together."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants, self.values = [], [], []  # values: (name, shape)

    def pick(self, items):
        return items[self.rng.integers(len(items))]

    def constant(self, a):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(a), name))
        return name

    def node(self, op, inputs, shape, outputs=1, **attrs):
        names = [f"v{len(self.nodes)}_{o}" for o in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attrs))
        self.values += [(n, tuple(shape)) for n in names]
        return names[0]

    def step(self):
        rng = self.rng
        recent = self.values[-6:]
        x, shape = self.pick(recent)
        rank = len(shape)
        axis = int(rng.integers(rank))
        kind = self.pick(["transpose"] * 6 + ["unary"] * 3 + ["binary"] * 3 + ["constant"] * 2
                         + "one one one scalar concat pad slice split reduce drop softmax arg cumsum tile shape clip where resize quantize prelu".split())
        if kind == "transpose":
            perm = self.pick(PERMS[rank])
            self.node("Transpose", [x], [shape[p] for p in perm], perm=perm)
        elif kind == "unary":
            self.node(self.pick(["Relu", "Neg", "Sigmoid", "Abs", "Identity", "LeakyRelu"]), [x], shape)
        elif kind == "binary":
            same = [n for n, s in self.values if s == shape]
            self.node(self.pick(["Add", "Mul", "Sub", "Max"]), [x, self.pick(same)], shape)
        elif kind == "constant":
            dims = [d if rng.integers(2) else 1 for d in shape][int(rng.integers(rank)):]
            pair = [x, self.constant(rng.normal(size=dims).astype(np.float32))]
            self.node(self.pick(["Add", "Mul"]), pair if rng.integers(2) else pair[::-1], shape)
        elif kind == "scalar":
            self.node("Mul", [x, self.constant(np.float32(rng.uniform(0.5, 1.5)))], shape)
        elif kind == "one":
            ones = [i for i, d in enumerate(shape) if d == 1]
            if rank == 4 and ones:
                gone = int(self.pick(ones))
                left = [d for i, d in enumerate(shape) if i != gone]
                by = [np.int64(left)] if rng.integers(2) else [np.int64([gone])]
                self.node("Reshape" if len(by[0]) > 1 else "Squeeze", [x, self.constant(by[0])], left)
            elif rank == 3:
                at = int(rng.integers(4))
                self.node("Unsqueeze", [x, self.constant(np.int64([at]))], [*shape[:at], 1, *shape[at:]])
        elif kind == "prelu":
            self.node("PRelu", [x, self.constant(rng.normal(size=shape[-1:]).astype(np.float32))], shape)
        elif kind == "where":
            m = f"m{len(self.nodes)}"
            self.nodes.append(helper.make_node("Greater", [x, self.constant(np.float32(0))], [m]))
            self.node("Where", [m, x, self.constant(rng.normal(size=shape[-1:]).astype(np.float32))], shape)
        elif kind == "concat":
            same = [n for n, s in self.values if s == shape]
            self.node("Concat", [x, self.pick(same)], [d * 2 if i == axis else d for i, d in enumerate(shape)], axis=axis - rank)
        elif kind == "pad":
            pads = rng.integers(0, 3, 2 * rank)
            self.node("Pad", [x, self.constant(pads.astype(np.int64))], [d + pads[i] + pads[i + rank] for i, d in enumerate(shape)])
        elif kind == "slice":
            starts, ends, axes = [np.int64([v]) for v in (0, max(1, shape[axis] - 1), axis)]
            self.node("Slice", [x] + [self.constant(v) for v in (starts, ends, axes)],
                      [min(d, max(1, d - 1)) if i == axis else d for i, d in enumerate(shape)])
        elif kind == "split" and shape[axis] % 2 == 0:
            half = [d // 2 if i == axis else d for i, d in enumerate(shape)]
            self.node("Split", [x], half, outputs=2, axis=axis, num_outputs=2)
        elif kind == "reduce":
            axes = np.int64(sorted(set(rng.integers(0, rank, 2))))
            op = self.pick(["ReduceMean", "ReduceSum", "ReduceMax"])
            y = self.node(op, [x, self.constant(axes)], [1 if i in axes else d for i, d in enumerate(shape)])
            self.node("Add", [y, x], shape)
        elif kind == "drop" and rank == 4:
            axes = np.int64(sorted(set(rng.integers(0, rank, 2))))
            left = [d for i, d in enumerate(shape) if i not in axes]
            self.node("ReduceMean", [x, self.constant(axes)], left, keepdims=0)
            if len(left) < 3:
                self.dropped.append(self.values.pop())
        elif kind == "softmax":
            self.node("Softmax", [x], shape, axis=axis)
        elif kind == "arg":
            self.node("ArgMax", [x], [1 if i == axis else d for i, d in enumerate(shape)], axis=axis, keepdims=int(rng.integers(2)))
            self.dropped.append(self.values.pop())
        elif kind == "cumsum":
            self.node("CumSum", [x, self.constant(np.int64(axis))], shape)
        elif kind == "tile" and np.prod(shape) < 2000:
            repeats = np.int64([2 if i == axis else 1 for i in range(rank)])
            self.node("Tile", [x, self.constant(repeats)], np.array(shape) * repeats)
        elif kind == "shape":
            start = int(rng.integers(rank))
            self.node("Shape", [x], [rank - start], start=start)
            self.dropped.append(self.values.pop())
        elif kind == "clip":
            self.node("Clip", [x, self.constant(np.float32(-1)), self.constant(np.float32(1))], shape)
        elif kind == "resize" and np.prod(shape) < 2000:
            scales = np.float32([2 if i == axis else 1 for i in range(rank)])
            self.node("Resize", [x, "", self.constant(scales)], np.array(shape) * np.int64(scales), mode="nearest",
                      coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        elif kind == "quantize":
            n = shape[axis] if rng.integers(2) else 0
            scale = self.constant(rng.uniform(0.02, 0.05, n).astype(np.float32) if n else np.float32(0.03))
            zero = self.constant(rng.integers(-5, 5, n).astype(np.int8) if n else np.int8(3))
            attrs = {"axis": axis} if n else {}
            q = self.node("QuantizeLinear", [x, scale, zero], shape, **attrs)
            self.values.pop()
            self.node("DequantizeLinear", [q, scale, zero], shape, **attrs)

    def model(self, steps):
        self.dropped = []
        shape = self.pick([(2, 4, 6, 3), (1, 4, 4, 2), (4, 5, 2), (1, 4, 2)])
        self.values = [("x", shape), ("y", shape)]
        for _ in range(steps):
            self.step()
        read = {i for n in self.nodes for i in n.input}
        ends = [n for n, s in self.values + self.dropped if n not in read or self.rng.integers(8) == 0]
        outputs = [onnx.ValueInfoProto(name=n) for n in dict.fromkeys(ends) if n not in "xy"]
        inputs = [(n, TensorProto.FLOAT, [None, *shape[1:]]) for n in "xy"]
        graph = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info(*i) for i in inputs], outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.checker.check_model(onnx.shape_inference.infer_shapes(model))
        model.graph.ClearField("output")
        types = {v.name: v for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
        model.graph.output.extend(types[o.name] for o in outputs)
        return model, {n: self.rng.normal(size=shape).astype(np.float32) for n in "xy"}


@pytest.mark.parametrize("seed", range(150))
def test_random_graphs(seed):
    model, feeds = Maker(seed).model(8 + seed % 40)
    want = ort_run(model, feeds)
    problem = difference(igata.Session(model).run(feeds), want, 1e-4, 1e-5)
    if problem:
        pytest.fail(problem, pytrace=False)
