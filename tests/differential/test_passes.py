"""Rewrites keep a model's answers: random small graphs of the kinds that passes look for, run with and without them."""

import numpy as np
import onnx
import pytest
from igata import Session
from onnx import TensorProto, helper, numpy_helper


class Graph:
    def __init__(self, seed, opset=17):
        self.rng, self.nodes, self.weights, self.opset = np.random.default_rng(seed), [], [], opset

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def weight(self, value):
        self.weights.append(numpy_helper.from_array(np.asarray(value), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def draw(self, *shape, scale=1.0):
        return (self.rng.standard_normal(shape) * scale).astype(np.float32)

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        names = [self.weight(x) if isinstance(x, (np.ndarray, np.generic)) else x for x in inputs]
        out = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, out, domain=domain, **attributes))
        return out[0] if outputs == 1 else out

    def conv(self, x, i, o, k=1, stride=1, group=1, bias=True, dilation=1):
        return self.op("Conv", x, self.draw(o, i // group, k, k, scale=(k * k * i // group) ** -0.5), *([self.draw(o)] if bias else []),
                       kernel_shape=[k, k], strides=[stride] * 2, pads=[k // 2 * dilation] * 4, group=group, dilations=[dilation] * 2)

    def quantize(self, x, scale=0.03, zero=128, kind=np.uint8):
        return self.op("QuantizeLinear", x, np.float32(scale), kind(zero))

    def through(self, x, scale=0.03, zero=128, kind=np.uint8):
        return self.op("DequantizeLinear", self.quantize(x, scale, zero, kind), np.float32(scale), kind(zero))

    def model(self, feeds, *outputs):
        types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
        graph = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info(k, types[v.dtype], v.shape) for k, v in feeds.items()],
                                  [helper.make_empty_tensor_value_info(o) for o in outputs], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)], ir_version=8)


def compare(g, feeds, *outputs, tolerance=2e-5, quantum=None, threads=1):
    model = g.model(feeds, *outputs)
    want, have = Session(model, optimize=-1).run(feeds), Session(model, threads=threads).run(feeds)
    for a, b in zip(want, have):
        assert a.shape == b.shape and a.dtype == b.dtype
        a, b = a.astype(np.float64), b.astype(np.float64)
        if quantum is None:
            np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * max(1, np.abs(a).max(initial=0)))
        else:  # a rounding that falls the other way moves what follows by a step
            assert np.abs(a - b).max(initial=0) <= quantum * 2.01 and (np.abs(a - b) > quantum * 0.5).mean() < 0.02


ACTIVATIONS = ["Relu", "Sigmoid", "HardSigmoid", "Tanh", "LeakyRelu", "silu", "relu6", None]


def activate(g, x, act):
    if act == "silu":
        return g.op("Mul", x, g.op("Sigmoid", x))
    if act == "relu6":
        return g.op("Clip", x, np.float32(0), np.float32(6))
    return g.op(act, x) if act else x


@pytest.mark.parametrize("seed", range(40))
def test_convolutional(seed):
    g = Graph(seed, opset=[13, 17, 18][seed % 3])
    size, images = int(g.rng.integers(5, 20)), int(g.rng.integers(1, 3))
    i = int(g.pick(1, 3, 4, 16, 17, 32))
    feeds = {"x": g.draw(images, i, size, size + 1)}
    x, outputs = "x", []
    for _ in range(4):
        o = int(g.pick(3, 16, 24, 32, 48))
        kind = g.pick("conv", "conv", "depthwise", "grouped", "pool", "residual", "concat", "split", "excite", "mean")
        act = ACTIVATIONS[g.rng.integers(len(ACTIVATIONS))]
        if kind == "depthwise":
            o = i
            x = activate(g, g.conv(x, i, i, int(g.pick(3, 5)), int(g.pick(1, 2)), i), act)
        elif kind == "grouped" and i % 32 == 0:
            o = 32
            x = activate(g, g.conv(x, i, o, 3, 1, 2), act)
        elif kind == "pool":
            x, o = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=int(g.pick(0, 1))), i
        elif kind == "residual":
            y = g.conv(activate(g, g.conv(x, i, o, 3), act), o, i, 1, bias=False)
            x, o = activate(g, g.op("Add", y, x), act), i
        elif kind == "concat":
            x, o = g.op("Concat", g.conv(x, i, 16), g.conv(x, i, 32, 3), axis=1), 48
        elif kind == "split":
            a, b = g.op("Split", g.conv(x, i, 48), np.array([16, 32]), outputs=2, axis=1)
            x, o = g.op("Concat", b, a, axis=-3), 48
            outputs.append(a)
        elif kind == "excite":
            y = g.op("GlobalAveragePool", x)
            x, o = g.op("Mul", x, g.op("Sigmoid", g.conv(g.op("Relu", g.conv(y, i, 8)), 8, i))), i
        elif kind == "mean" and g.opset < 18:
            outputs.append(g.op("ReduceMean", g.conv(x, i, o), axes=[2, 3], keepdims=1))
            o = i
        else:
            x = activate(g, g.conv(x, i, o, int(g.pick(1, 3, 7)), int(g.pick(1, 2)), dilation=int(g.pick(1, 2))), act)
        i = o
        if g.rng.integers(3) == 0:
            outputs.append(x)
    compare(g, feeds, *dict.fromkeys([*outputs, x]), threads=1 + seed % 2)


@pytest.mark.parametrize("seed", range(40))
def test_wide_convolution(seed):
    """Sizes at which other ways to convolve are worth their while."""
    g = Graph(seed)
    i, o, size = int(g.pick(32, 48, 64)), int(g.pick(32, 64, 80)), int(g.rng.integers(6, 40))
    feeds = {"x": g.draw(1 + seed % 2, i, size, int(g.rng.integers(6, 40)))}
    x = g.op("Conv", "x", g.draw(o, i, 3, 3, scale=(9 * i) ** -0.5), g.draw(o), kernel_shape=[3, 3], pads=[int(p) for p in g.rng.integers(0, 2, 4)])
    compare(g, feeds, activate(g, x, ACTIVATIONS[seed % len(ACTIVATIONS)]), tolerance=1e-4, threads=1 + seed % 2)


@pytest.mark.parametrize("seed", range(30))
def test_quantized(seed):
    g = Graph(seed)
    i, size = int(g.pick(3, 16, 20)), int(g.rng.integers(5, 14))
    feeds = {"x": g.draw(1, i, size, size)}
    kind = np.uint8 if seed % 4 else np.int8
    zero = int(g.pick(0, 100, 128)) if kind == np.uint8 else int(g.pick(-128, 0, 7))
    x = g.through("x", 0.03, zero, kind)

    def qconv(x, i, o, k, group=1, act=None):
        w = g.rng.integers(-127, 128, (o, i // group, k, k)).astype(np.int8)
        scales = (g.rng.random(o) * 0.01 + 0.002).astype(np.float32) / (k * (i // group) ** 0.5)
        each = g.rng.integers(2)
        scales = scales if each else scales[0]
        w = g.op("DequantizeLinear", w, scales, np.zeros(scales.shape, np.int8), **({"axis": 0} if each else {}))
        b = g.rng.integers(-3000, 3000, o).astype(np.int32)
        b = g.op("DequantizeLinear", b, np.float32(0.03) * scales, np.zeros(scales.shape, np.int32), **({"axis": 0} if each else {}))
        y = g.op("Conv", x, w, b, kernel_shape=[k, k], pads=[k // 2] * 4, group=group)
        return g.op(act, y) if act else y

    for _ in range(3):
        what = g.pick("conv", "conv", "depthwise", "add", "pool")
        if what == "conv":
            o = int(g.pick(16, 24, 32))
            x, i = g.through(qconv(x, i, o, int(g.pick(1, 3)), act=g.pick("Relu", None)), 0.03, zero, kind), o
        elif what == "depthwise":
            x = g.through(qconv(x, i, i, 3, i), 0.03, zero, kind)
        elif what == "add":
            x = g.through(g.op("Add", x, g.through(qconv(x, i, i, 1), 0.03, zero, kind)), 0.03, zero, kind)
        else:
            x = g.through(g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 0.03, zero, kind)
    compare(g, feeds, x, quantum=0.03)


@pytest.mark.parametrize("seed", range(8))
def test_quantized_products(seed):
    g = Graph(seed)
    feeds = {"x": g.draw(5, 24)}
    x = g.through("x", 0.03, 120)
    w = g.rng.integers(-127, 128, (24, 18) if seed % 2 else (18, 24)).astype(np.int8)
    scales = (g.rng.random(18) * 0.002 + 0.001).astype(np.float32)
    w = g.op("DequantizeLinear", w, scales, np.zeros(18, np.int8), axis=1 if seed % 2 else 0)
    if seed % 2:
        y = g.op("MatMul", x, w)
    else:
        b = g.op("DequantizeLinear", g.rng.integers(-900, 900, 18).astype(np.int32), np.float32(0.03) * scales, np.zeros(18, np.int32), axis=0)
        y = g.op("Gemm", x, w, b, transB=1)
    compare(g, feeds, g.through(y, 0.01, 128), quantum=0.01)


def gelu(g, x, form):
    if form == 0:
        return g.op("Mul", x, g.op("Mul", np.float32(0.5), g.op("Add", g.op("Erf", g.op("Div", x, np.float32(2**0.5))), np.float32(1))))
    if form == 1:
        return g.op("Mul", g.op("Mul", x, g.op("Add", np.float32(1), g.op("Erf", g.op("Mul", x, np.float32(0.5**0.5))))), np.float32(0.5))
    cube = g.op("Mul", np.float32(0.044715), g.op("Pow", x, np.float32(3)))
    t = g.op("Tanh", g.op("Mul", np.float32((2 / np.pi) ** 0.5), g.op("Add", x, cube)))
    return g.op("Mul", g.op("Mul", np.float32(0.5), x), g.op("Add", np.float32(1), t))


@pytest.mark.parametrize("seed", range(24))
def test_products(seed):
    g = Graph(seed)
    n, k = int(g.pick(1, 17, 40)), int(g.pick(8, 33))
    feeds = {"x": g.draw(2, int(g.pick(1, 5, 20)), k)}
    y = g.op("MatMul", "x", g.draw(k, n))
    if seed % 3:
        y = g.op("Add", *((y, g.draw(n)) if seed % 2 else (g.draw(1, 1, n), y)))
    what = seed % 6
    if what < 3:
        y = gelu(g, y, what)
    elif what == 3:
        y = activate(g, y, g.pick("Relu", "silu", "Tanh", "relu6"))
    elif what == 4:
        y = g.op("Add", g.op("MatMul", "x", g.draw(k, n)), y)
    compare(g, feeds, y)


@pytest.mark.parametrize("seed", range(6))
def test_gemm(seed):
    g = Graph(seed)
    feeds = {"x": g.draw(5, 20)}
    y = g.op("Gemm", "x", g.draw(12, 20), g.draw(12), transB=1, alpha=0.5)
    compare(g, feeds, activate(g, y, ["Relu", "silu", "relu6", "LeakyRelu", "Sigmoid", "Tanh"][seed]))
