"""Products and convolutions of quantized tensors against onnxruntime."""

import numpy as np
import pytest
from nn import floats, one, reference_run

MS = "com.microsoft"
SHAPES = [((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 5, 3, 4), (2, 5, 4, 2)), ((7, 133), (133, 40)), ((1, 70), (70, 130)), ((130, 71), (71, 1))]
TYPES = [np.uint8, np.int8]


def ints(rng, dtype, *shape):
    i = np.iinfo(dtype)
    return rng.integers(i.min, i.max + 1, shape).astype(dtype)


def scales(rng, *shape):
    return np.asarray(rng.random(shape) * 0.02 + 0.01).astype(np.float32)


@pytest.mark.parametrize("a,b", SHAPES)
@pytest.mark.parametrize("ta", TYPES)
@pytest.mark.parametrize("tb", TYPES)
@pytest.mark.parametrize("constant", [(), (1, 3)])
def test_matmul_integer(a, b, ta, tb, constant):
    rng = np.random.default_rng(1)
    x, y = ints(rng, ta, *a), ints(rng, tb, *b)
    oracle = {"oracle": reference_run}
    one("MatMulInteger", [x, y], opset=10, constant=constant[:1], **oracle)
    one("MatMulInteger", [x, y, ints(rng, ta), ints(rng, tb)], opset=10, constant=constant, threads=2, **oracle)
    if len(b) == 2:
        one("MatMulInteger", [x, y, ints(rng, ta), ints(rng, tb, b[-1])], opset=10, constant=constant, **oracle)


@pytest.mark.parametrize("a,b", SHAPES)
@pytest.mark.parametrize("ta", TYPES)
@pytest.mark.parametrize("tb", TYPES)
def test_qlinear_matmul(a, b, ta, tb):
    rng = np.random.default_rng(1)
    if ta == np.int8 and tb == np.uint8:
        return
    x, y = ints(rng, ta, *a), ints(rng, tb, *b)
    inputs = [x, scales(rng), ints(rng, ta), y, scales(rng), ints(rng, tb), np.float32(0.9), ints(rng, ta)]
    inputs = [np.asarray(i) for i in inputs]
    one("QLinearMatMul", inputs, opset=10, atol=1)
    one("QLinearMatMul", inputs, opset=10, atol=1, constant=(3, 5))
    if len(b) == 2:
        inputs[4:6] = [scales(rng, b[-1]), ints(rng, tb, b[-1])]
        one("QLinearMatMul", inputs, opset=10, atol=1, constant=(3, 5))


@pytest.mark.parametrize("a,b", SHAPES)
@pytest.mark.parametrize("bias", [False, True])
def test_to_float(a, b, bias):
    rng = np.random.default_rng(1)
    for tb in TYPES:
        y = ints(rng, tb, *b)
        for n in ((), (b[-1],)) if len(b) == 2 else ((),):
            more = [floats(rng, b[-1])] if bias else []
            inputs = [ints(rng, np.uint8, *a), y, scales(rng), scales(rng, *n), ints(rng, np.uint8), ints(rng, tb, *n)] + more
            one("MatMulIntegerToFloat", inputs, domain=MS, constant=(1, 5), atol=1e-3)
            inputs = [floats(rng, *a), y, scales(rng, *n), ints(rng, tb, *n)] + more
            one("DynamicQuantizeMatMul", inputs, domain=MS, constant=(1, 2, 3), atol=2e-2)


@pytest.mark.parametrize("ta,tb", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("c", [None, (6,), (1, 6), (5, 1), (5, 6)])
@pytest.mark.parametrize("quantized", [False, True])
def test_qgemm(ta, tb, c, quantized):
    rng = np.random.default_rng(1)
    a, b = ints(rng, np.uint8, *((9, 5) if ta else (5, 9))), ints(rng, np.int8, *((6, 9) if tb else (9, 6)))
    bias = None if c is None else rng.integers(-9999, 9999, c).astype(np.int32)
    for n in ((), (6,)):
        inputs = [a, scales(rng), ints(rng, np.uint8), b, scales(rng, *n), ints(rng, np.int8, *n), bias]
        if quantized:
            inputs += [np.asarray(np.float32(0.3)), ints(rng, np.uint8)]
        one("QGemm", inputs, dict(transA=ta, transB=tb, alpha=1.5), domain=MS, constant=(3, 5), atol=1 if quantized else 1e-3)


def test_integer16():
    rng = np.random.default_rng(1)
    for a, b in SHAPES[:3]:
        one("MatMulInteger16", [ints(rng, np.int16, *a), ints(rng, np.int16, *b)], domain=MS)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("op", ["ConvInteger", "QLinearConv", "ms"])
def test_conv(seed, op):
    rng = np.random.default_rng(seed)
    dims = int(rng.integers(1, 4)) if op != "ms" else 2
    kernel = [int(rng.integers(1, 4)) for _ in range(dims)]
    group = int(rng.integers(1, 4)) if rng.random() < 0.5 else 1
    channels, filters = int(rng.integers(1, 6)), group * int(rng.integers(1, 20))
    attrs = dict(kernel_shape=kernel, group=group, pads=[int(rng.integers(0, 3)) for _ in range(2 * dims)])
    attrs["strides"] = [int(rng.integers(1, 3)) for _ in range(dims)]
    attrs["dilations"] = [int(rng.integers(1, 3)) for _ in range(dims)]
    shape = [2, group * channels] + [int(rng.integers(8, 14)) for _ in range(dims)]
    tx, tw = TYPES[rng.integers(2)], TYPES[rng.integers(2)]
    if op != "ConvInteger" and tx == np.int8:
        tw = np.int8
    x, w = ints(rng, tx, *shape), ints(rng, tw, filters, channels, *kernel)
    n = (filters,) if rng.random() < 0.5 else ()
    if op == "ConvInteger":
        one(op, [x, w, ints(rng, tx), ints(rng, tw)], attrs, opset=10, constant=(1, 3) if seed % 2 else ())
        return
    zero = np.zeros(n, tw) if tw == np.int8 else ints(rng, tw) * np.ones(n, tw)
    inputs = [x, scales(rng), ints(rng, tx), w, scales(rng, *n), np.asarray(zero, tw), np.asarray(np.float32(0.2)), ints(rng, tx)]
    if rng.random() < 0.5:
        inputs.append(rng.integers(-9999, 9999, filters).astype(np.int32))
    if op == "ms":
        attrs["channels_last"] = 1
        inputs[0] = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    one("QLinearConv", inputs, attrs, opset=10, domain=MS if op == "ms" else "", constant=(3, 4, 5), atol=1)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("last", [0, 1])
def test_quantized_pools(dtype, last):
    rng = np.random.default_rng(1)
    for shape, attrs in [
        ((2, 3, 9), {"kernel_shape": [3], "strides": [2]}),
        ((1, 5, 7, 8), {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1]}),
        ((1, 5, 7, 8), {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "count_include_pad": 1, "strides": [2, 3]}),
        ((1, 2, 4, 5, 6), {"kernel_shape": [2, 2, 2], "ceil_mode": 1, "strides": [2, 2, 1]}),
        ((1, 4, 5, 5), {"kernel_shape": [40, 40], "pads": [20, 20, 20, 20], "strides": [5, 5]}),
    ]:
        x = ints(rng, dtype, *shape)
        if last:
            x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        inputs = [x, scales(rng), ints(rng, dtype), scales(rng), ints(rng, dtype)]
        attrs["channels_last"] = last
        if len(shape) < 5:  # onnxruntime refuses 3 dims of space
            one("QLinearAveragePool", inputs, attrs, domain="com.microsoft", atol=1)
        one("QLinearGlobalAveragePool", inputs, {"channels_last": last}, domain="com.microsoft", atol=1, threads=2)
        if last:
            del attrs["channels_last"]
            attrs.pop("count_include_pad", None)
            one("NhwcMaxPool", [x], attrs, domain="com.microsoft")


def test_windows_far_larger_than_the_input():
    """As exporters write adaptive pools; taps that never touch the input cost nothing."""
    rng = np.random.default_rng(1)
    x = floats(rng, 1, 64, 7, 7)
    attrs = {"kernel_shape": [1280, 1280], "pads": [640, 640, 640, 640], "strides": [900, 900]}
    want = np.full((1, 64, 1, 1), 1, np.float32) * x.mean((2, 3), keepdims=True)
    one("AveragePool", [x], attrs, oracle=lambda *_: [want])
    one("MaxPool", [x], attrs, oracle=lambda *_: [x.max((2, 3), keepdims=True)])
    attrs |= {"count_include_pad": 1, "kernel_shape": [9, 5], "pads": [4, 2, 4, 2], "strides": [1, 1]}
    one("AveragePool", [x], attrs)
