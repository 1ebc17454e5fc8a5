"""Convolutions and pools against onnxruntime."""

import numpy as np
import pytest
from nn import floats, model, one, ort_run, reference_run

MS = "com.microsoft"


def random_window(rng, dims, pool=False):
    kernel = [int(rng.integers(1, 5)) for _ in range(dims)]
    attrs = {"kernel_shape": kernel}
    if rng.random() < 0.6:
        attrs["strides"] = [int(rng.integers(1, 4)) for _ in range(dims)]
    if rng.random() < 0.5:
        attrs["dilations"] = [int(rng.integers(1, 4)) for _ in range(dims)]
    if rng.random() < 0.6:
        most = min(kernel) if pool else 4
        attrs["pads"] = [int(rng.integers(0, most)) for _ in range(2 * dims)]
    elif rng.random() < 0.4:
        attrs["auto_pad"] = ["SAME_UPPER", "SAME_LOWER", "VALID"][rng.integers(3)]
        attrs.pop("dilations", None)
    return attrs, kernel


@pytest.mark.parametrize("seed", range(60))
def test_conv(seed):
    rng = np.random.default_rng(seed)
    dims = int(rng.integers(1, 4))
    attrs, kernel = random_window(rng, dims)
    group = int(rng.integers(1, 5)) if rng.random() < 0.5 else 1
    channels = int(rng.integers(1, 4)) if rng.random() < 0.7 else 1
    filters = group * int(rng.integers(1, 20))
    attrs["group"] = group
    space = [int(rng.integers(10, [60, 25, 14][dims - 1])) for _ in range(dims)]
    dtype = np.float64 if seed % 7 == 3 else np.float32
    x = floats(rng, int(rng.integers(1, 3)), group * channels, *space, dtype=dtype)
    w = floats(rng, filters, channels, *kernel, dtype=dtype)
    inputs = [x, w] + ([floats(rng, filters, dtype=dtype)] if rng.random() < 0.6 else [])
    oracle = reference_run if dtype == np.float64 else ort_run
    one("Conv", inputs, attrs, opset=11, constant=(1,) if seed % 2 else (), threads=2, oracle=oracle)


@pytest.mark.parametrize("activation,params", [("Relu", None), ("Tanh", None), ("Sigmoid", None), ("LeakyRelu", [0.2]),
                                               ("Clip", [-0.5, 0.8]), ("HardSigmoid", [0.3, 0.4])])  # fmt: skip
@pytest.mark.parametrize("z", [False, True])
def test_fused_conv(activation, params, z):
    rng = np.random.default_rng(1)
    attrs = dict(activation=activation, pads=[1, 1, 1, 1], **({"activation_params": params} if params else {}))
    inputs = [floats(rng, 1, 8, 9, 9), floats(rng, 16, 8, 3, 3), floats(rng, 16)] + ([floats(rng, 1, 16, 9, 9)] if z else [])
    one("FusedConv", inputs, attrs, domain=MS, constant=(1,))
    inputs = [floats(rng, 1, 8, 9, 9), floats(rng, 8, 1, 3, 3), floats(rng, 8)]
    one("FusedConv", inputs, dict(attrs, group=8), domain=MS, constant=(1,))


@pytest.mark.parametrize("group", [1, 4])
@pytest.mark.parametrize("op", ["NhwcConv", "NhwcFusedConv"])
def test_nhwc_conv(group, op):
    rng = np.random.default_rng(1)
    x, w, b = floats(rng, 2, 9, 7, 8), floats(rng, 16, 8 // group, 3, 3), floats(rng, 16)
    attrs = dict(pads=[1, 0, 1, 0], group=group)

    def oracle(_, feeds):
        m, _ = model("Conv", [np.moveaxis(x, -1, 1), w, b], attrs, opset=11)
        (y,) = ort_run(m, {"x0": np.ascontiguousarray(np.moveaxis(x, -1, 1)), "x1": w, "x2": b})
        y = np.moveaxis(y, 1, -1)
        return [np.maximum(y, 0) if op == "NhwcFusedConv" else y]

    one(op, [x, w, b], dict(attrs, **({"activation": "Relu"} if op == "NhwcFusedConv" else {})), domain=MS, constant=(1,), oracle=oracle)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
def test_pool(seed, op):
    rng = np.random.default_rng(seed)
    dims = int(rng.integers(1, 4))
    attrs, _ = random_window(rng, dims, pool=True)
    if rng.random() < 0.4 and "auto_pad" not in attrs:
        attrs["ceil_mode"] = 1
    if op == "AveragePool" and rng.random() < 0.5:
        attrs["count_include_pad"] = 1
    if op == "LpPool":
        attrs["p"] = int(rng.integers(1, 4))
    space = [int(rng.integers(10, 20)) for _ in range(dims)]
    dtype = np.float32
    outputs = 1
    if op == "MaxPool":
        outputs = 1 + int(rng.integers(2))
        if outputs == 2 and rng.random() < 0.5 and attrs.get("auto_pad") is None:
            attrs["storage_order"] = 1
        dtype = [np.float32, np.float64, np.int8, np.uint8][rng.integers(4)]
    x = floats(rng, 2, 3, *space, scale=50).astype(dtype) if dtype != np.uint8 else rng.integers(0, 255, (2, 3, *space), np.uint8)
    one(op, [x], attrs, opset=19 if op != "LpPool" else 18, outputs=outputs)


@pytest.mark.parametrize("op", ["GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"])
def test_global_pool(op):
    rng = np.random.default_rng(1)
    for shape in ((2, 3, 7), (1, 5, 9, 11), (2, 2, 3, 4, 5)):
        one(op, [floats(rng, *shape)], {"p": 3} if op == "GlobalLpPool" else {}, opset=13)


@pytest.mark.parametrize("shape", [(4, 5), (2, 5, 7), (2, 5, 3, 4), (2, 5, 2, 3, 4)])
def test_batch_normalization(shape):
    rng = np.random.default_rng(1)
    c = shape[1]
    inputs = [floats(rng, *shape), floats(rng, c), floats(rng, c), floats(rng, c), np.abs(floats(rng, c)) + 0.5]
    for opset in (7, 9, 14, 15):
        one("BatchNormalization", inputs, dict(epsilon=1e-3), opset=opset)
    one("BatchNormalization", inputs, dict(training_mode=1, momentum=0.8), opset=15, outputs=3)


@pytest.mark.parametrize("seed", range(60))
def test_conv_transpose(seed):
    rng = np.random.default_rng(seed)
    dims = int(rng.integers(1, 4))
    kernel = [int(rng.integers(1, 4)) for _ in range(dims)]
    strides = [int(rng.integers(1, 4)) for _ in range(dims)]
    group = int(rng.integers(1, 4)) if rng.random() < 0.5 else 1
    attrs = dict(kernel_shape=kernel, strides=strides, group=group)
    space = [int(rng.integers(3, 7)) for _ in range(dims)]
    if rng.random() < 0.5:
        attrs["dilations"] = [int(rng.integers(1, 3)) for _ in range(dims)]
    if rng.random() < 0.5:
        attrs["output_padding"] = [int(rng.integers(0, s)) for s in strides]
    choice = rng.random()
    if choice < 0.4:
        attrs["pads"] = [int(rng.integers(0, 2)) for _ in range(2 * dims)]
    elif choice < 0.6:
        attrs["auto_pad"] = ["SAME_UPPER", "SAME_LOWER", "VALID"][rng.integers(3)]
    elif choice < 0.8:
        attrs["output_shape"] = [s * t + int(rng.integers(0, 2)) for s, t in zip(space, strides)]
        attrs["auto_pad"] = ["SAME_UPPER", "NOTSET"][rng.integers(2)]
    channels, filters = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    x, w = floats(rng, 2, group * channels, *space), floats(rng, group * channels, filters, *kernel)
    inputs = [x, w] + ([floats(rng, group * filters)] if rng.random() < 0.5 else [])
    one("ConvTranspose", inputs, attrs, opset=11)
    if "pads" in attrs:
        pads = np.array(attrs.pop("pads"), np.int64)
        m, feeds = model("ConvTranspose", inputs, dict(attrs, pads=pads.tolist()), opset=11)
        dynamic = [x, w, pads] + inputs[2:]
        one("ConvTransposeWithDynamicPads", dynamic, attrs, domain=MS, oracle=lambda *_: ort_run(m, feeds))


def test_conv_transpose_double():
    rng = np.random.default_rng(1)
    x, w = floats(rng, 2, 3, 5, 6, dtype=np.float64), floats(rng, 3, 4, 3, 3, dtype=np.float64)
    one("ConvTranspose", [x, w], dict(strides=[2, 2]), opset=11, oracle=reference_run)


@pytest.mark.parametrize("seed", range(20))
def test_deform_conv(seed):
    rng = np.random.default_rng(seed)
    kernel, strides = [int(rng.integers(1, 4)) for _ in range(2)], [int(rng.integers(1, 3)) for _ in range(2)]
    pads, dilations = [int(rng.integers(0, 2)) for _ in range(4)], [int(rng.integers(1, 3)) for _ in range(2)]
    group, og = (2, 2) if seed % 2 else (1, 1)
    space = [7, 8]
    out = [(s + pads[i] + pads[i + 2] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i, s in enumerate(space)]
    taps = kernel[0] * kernel[1]
    x, w = floats(rng, 2, 4, *space), floats(rng, 6, 4 // group, *kernel)
    inputs = [x, w, floats(rng, 2, og * taps * 2, *out), floats(rng, 6), floats(rng, 2, og * taps, *out)]
    attrs = dict(strides=strides, pads=pads, dilations=dilations, group=group, offset_group=og)
    for n in (3, 4, 5):
        one("DeformConv", inputs[:n], attrs, opset=19)


@pytest.mark.parametrize("seed", range(20))
def test_col2im(seed):
    rng = np.random.default_rng(seed)
    dims = int(rng.integers(1, 4)) + 1
    image, block = [int(rng.integers(4, 8)) for _ in range(dims)], [int(rng.integers(1, 4)) for _ in range(dims)]
    strides, dilations = [int(rng.integers(1, 3)) for _ in range(dims)], [int(rng.integers(1, 2)) for _ in range(dims)]
    pads = [int(rng.integers(0, 2)) for _ in range(2 * dims)]
    out = [(s + pads[i] + pads[i + dims] - (block[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i, s in enumerate(image)]
    x = floats(rng, 2, 3 * int(np.prod(block)), int(np.prod(out)))
    attrs = dict(strides=strides, dilations=dilations, pads=pads)
    one("Col2Im", [x, np.array(image), np.array(block)], attrs, opset=18)
