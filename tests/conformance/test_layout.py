"""Models with channels last, as TensorFlow's converters write them, run without moving channels back and forth."""
import json

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

LAST, FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


class Net:
    """Each convolution and pool stands between two Transposes; everything else works with channels last."""

    def __init__(self):
        self.rng, self.nodes, self.constants, self.n = np.random.default_rng(0), [], [], 0

    def op(self, op, *inputs, **attrs):
        self.n += 1
        self.nodes.append(helper.make_node(op, inputs, [f"v{self.n}"], **attrs))
        return f"v{self.n}"

    def const(self, a):
        self.constants.append(numpy_helper.from_array(np.asarray(a), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def first(self, x, op, *rest, **attrs):
        y = self.op(op, self.op("Transpose", x, perm=FIRST), *rest, **attrs)
        return self.op("Transpose", y, perm=LAST)

    def conv(self, x, channels, out, kernel, stride=1, group=1):
        w = self.rng.normal(size=(out, channels // group, kernel, kernel)).astype(np.float32) * 0.3
        return self.first(x, "Conv", self.const(w), strides=[stride] * 2, pads=[kernel // 2] * 4, group=group)

    def bias(self, x, n):
        return self.op("Add", x, self.const(self.rng.normal(size=n).astype(np.float32)))

    def relu6(self, x):
        return self.op("Clip", x, self.const(np.float32(0)), self.const(np.float32(6)))

    def block(self, x, channels, out, stride):
        """An inverted residual with squeeze and excitation."""
        y = self.relu6(self.bias(self.conv(x, channels, 2 * channels, 1), 2 * channels))
        y = self.op("Pad", y, self.const(np.int64([0, 1, 1, 0, 0, 0, 0, 0])))
        y = self.relu6(self.bias(self.conv(y, 2 * channels, 2 * channels, 3, stride, 2 * channels), 2 * channels))
        s = self.op("ReduceMean", y, self.const(np.int64([1, 2])))
        s = self.op("Sigmoid", self.bias(self.conv(s, 2 * channels, 2 * channels, 1), 2 * channels))
        y = self.bias(self.conv(self.op("Mul", y, s), 2 * channels, out, 1), out)
        return self.op("Add", x, y) if stride == 3 else y

    def model(self):
        x = self.op("Sub", self.op("Mul", "x", self.const(np.float32(2))), self.const(np.float32([0.4, 0.5, 0.6])))
        x = self.relu6(self.bias(self.conv(x, 3, 8, 3, 2), 8))
        x = self.block(self.block(x, 8, 12, 2), 12, 16, 2)
        a, b = self.op("Relu", self.conv(x, 16, 4, 1)), self.first(x, "MaxPool", kernel_shape=[3, 3], pads=[1] * 4)
        x = self.op("Concat", a, b, self.op("PRelu", x, self.const(self.rng.normal(size=(1, 1, 16)).astype(np.float32))), axis=3)
        x = self.op("Resize", x, "", self.const(np.float32([1, 2, 2, 1])), mode="nearest", coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor")
        x = self.op("ReduceMean", self.conv(x, 36, 10, 1), self.const(np.int64([1, 2])), keepdims=0)
        self.nodes.append(helper.make_node("Softmax", [x], ["y"]))
        graph = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 32, 32, 3))],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 10))], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def steps(igata, model, tmp_path, *args):
    """The operators that a run goes through."""
    r = igata("run", model, "--profile", tmp_path / "trace.json", "-o", tmp_path / "out.npz", *args)
    assert r.code == 0, r.err
    return [e["name"] for e in json.loads((tmp_path / "trace.json").read_text())["traceEvents"]]


def test_transposes_only_at_borders(igata, tmp_path):
    model = Net().model()
    assert sum(n.op_type == "Transpose" for n in model.graph.node) == 24
    onnx.save(model, tmp_path / "m.onnx")
    x = np.random.default_rng(1).uniform(size=(2, 32, 32, 3)).astype(np.float32)
    np.savez(tmp_path / "in.npz", x=x)
    names = steps(igata, tmp_path / "m.onnx", tmp_path, "-i", tmp_path / "in.npz")
    assert names.count("Transpose") == 1  # of the picture
    want = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    assert np.allclose(np.load(tmp_path / "out.npz")["y"], want, rtol=1e-4, atol=1e-6)


def test_dims_of_one_are_no_border(igata, tmp_path):
    """Convolutions over time: pictures of one row."""
    net = Net()
    x = "x"
    for _ in range(3):
        w = net.const(net.rng.normal(size=(4, 4, 1, 3)).astype(np.float32))
        x = net.first(net.op("Unsqueeze", x, net.const(np.int64([1]))), "Conv", w, pads=[0, 1, 0, 1])
        x = net.op("Relu", net.op("Squeeze", x, net.const(np.int64([1]))))
    net.nodes.append(helper.make_node("Identity", [x], ["y"]))
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ("n", 20, 4)) for n in "xy"]
    graph = helper.make_graph(net.nodes, "g", info[:1], info[1:], net.constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), tmp_path / "m.onnx")
    assert steps(igata, tmp_path / "m.onnx", tmp_path, "--random", "--dim", "n=2").count("Transpose") == 2
