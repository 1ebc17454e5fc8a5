"""Operators of com.microsoft in src/ops/contrib against onnxruntime."""

import numpy as np
import pytest
from compare import D, F, I32, I64, check, model_of
from onnx import TensorProto, helper

MS = "com.microsoft"
U8 = TensorProto.UINT8
rng = np.random.default_rng(3)


def ms(op, inputs, outputs=1, opset=17, **attrs):
    """inputs: name -> (type, array or None for an absent one)."""
    names = [k if v is not None else "" for k, v in inputs.items()]
    n = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], domain=MS, **attrs)
    given = {k: v for k, v in inputs.items() if v is not None}
    m = model_of([n], [(k, t, list(a.shape)) for k, (t, a) in given.items()], [(f"y{i}", F, None) for i in range(outputs)], {"": opset, MS: 1}, ir=8)
    return m, {k: a for k, (t, a) in given.items()}


def f(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def test_inverse_cdist():
    check(*ms("Inverse", {"x": (F, f(3, 4, 4))}), rtol=1e-3, atol=1e-4)
    for metric in ("euclidean", "sqeuclidean"):
        check(*ms("CDist", {"a": (F, f(5, 7)), "b": (F, f(3, 7))}, metric=metric), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_crop_and_resize(mode):
    boxes = np.array([[0, 0, 1, 1], [0.2, 0.1, 0.7, 0.9], [-0.5, 0, 1.5, 1], [0.9, 0.9, 0.1, 0.1]], np.float32)
    for size in ([3, 4], [1, 1]):
        check(*ms("CropAndResize", {"x": (F, f(2, 3, 5, 6)), "r": (F, boxes), "b": (I32, np.array([0, 1, 1, 0], np.int32)), "s": (I32, np.array(size, np.int32))},
                  mode=mode, extrapolation_value=-7.0))


@pytest.mark.parametrize("attrs", [{"kernel_shape": [2, 2]}, {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}])
def test_maxpool_with_mask(attrs):
    for planes in ((2, 3), (1, 1)):
        mask = (rng.random((*planes, 5, 5)) < 0.8).astype(np.int32)
        if planes != (1, 1):  # onnxruntime reads masks of several planes from odd places
            mask[:] = 1
        check(*ms("MaxpoolWithMask", {"x": (F, f(2, 3, 5, 5)), "m": (I32, mask)}, **attrs))
    check(*ms("MaxpoolWithMask", {"x": (F, f(2, 3, 9)), "m": (I32, np.ones((2, 3, 9), np.int32))}, kernel_shape=[3]))


def test_conv_transpose_with_dynamic_pads():
    x, w, b = f(1, 2, 4, 4), f(2, 3, 3, 3), f(3)
    for pads in ([0, 0, 0, 0], [1, 0, 1, 1]):
        check(*ms("ConvTransposeWithDynamicPads", {"x": (F, x), "w": (F, w), "p": (I64, np.array(pads)), "b": (F, b)}, strides=[2, 1]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [0, 1])
def test_grid_sample(mode, padding, corners):
    check(*ms("GridSample", {"x": (F, f(2, 3, 5, 4)), "g": (F, rng.uniform(-1.3, 1.3, (2, 3, 6, 2)).astype(np.float32))}, mode=mode, padding_mode=padding, align_corners=corners),
          rtol=1e-4, atol=1e-4)


def test_word_conv_embedding():
    words = np.array([[1, 2, 3, 0, 0], [1, 2, 3, 4, 5], [7, 0, 0, 0, 0], [9, 8, 0, 0, 0]], np.int32)
    check(*ms("WordConvEmbedding", {"s": (I32, words), "w": (F, f(6, 1, 2, 4)), "b": (F, f(6)), "c": (F, f(10, 4))}), rtol=1e-4, atol=1e-5)


def test_sample_op():
    check(*ms("SampleOp", {"x": (F, f(2, 3))}))


ACTS = [("relu", 0), ("gelu", 0), ("silu", 0), ("identity", 0), ("swiglu", 1)]


@pytest.mark.parametrize("act,fusion", ACTS)
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("normalize", [0, 1])
@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8)])
def test_moe(act, fusion, k, normalize, shape):
    e, h, n = 4, 8, 16
    rows = 2 * n if fusion else n
    tokens = int(np.prod(shape[:-1]))
    extra = {"activation_alpha": 1.702, "activation_beta": 1.0, "swiglu_limit": 7.0} if act == "swiglu" else {}
    check(*ms("MoE", {"x": (F, f(*shape)), "r": (F, f(tokens, e)), "a": (F, f(e, rows, h)), "ab": (F, f(e, rows)), "b": (F, f(e, h, n)), "bb": (F, f(e, h))},
              k=k, activation_type=act, swiglu_fusion=fusion, normalize_routing_weights=normalize, **extra), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("act,fusion", [("relu", 0), ("silu", 0), ("swiglu", 1)])
@pytest.mark.parametrize("block", [0, 16])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("normalize", [0, 1])
def test_qmoe(bits, act, fusion, block, zeros, normalize):
    e, h, n, tokens = 3, 32, 64, 4
    rows = 2 * n if fusion else n
    q = lambda *s: (U8, rng.integers(0, 256, s).astype(np.uint8))
    s = lambda *s: (F, (rng.random(s) * 0.05).astype(np.float32))
    blocks = (lambda r, c: (e, r, c // block)) if block else (lambda r, c: (e, r))
    inputs = {"x": (F, f(tokens, h)), "r": (F, f(tokens, e)), "a": q(e, rows, h * bits // 8), "as": s(*blocks(rows, h)), "ab": (F, f(e, rows)),
              "b": q(e, h, n * bits // 8), "bs": s(*blocks(h, n)), "bb": (F, f(e, h)), "c": None, "cs": None, "cb": None}
    if zeros:
        pack = (lambda r, c: (e, r, -(-(c // block) * bits // 8))) if block else (lambda r, c: (e, -(-r * bits // 8)))
        inputs["az"], inputs["bz"] = q(*pack(rows, h)), q(*pack(h, n))
    extra = {"activation_alpha": 1.702, "activation_beta": 1.0, "swiglu_limit": 7.0} if act == "swiglu" else {}
    if block:
        extra["block_size"] = block
    check(*ms("QMoE", inputs, k=2, activation_type=act, swiglu_fusion=fusion, expert_weight_bits=bits, normalize_routing_weights=normalize, **extra), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("normalize", [0, 1])
def test_qmoe_router_weights(normalize):
    e, h, n, tokens = 3, 32, 64, 4
    q = lambda *s: (U8, rng.integers(0, 256, s).astype(np.uint8))
    s = lambda *s: (F, (rng.random(s) * 0.05).astype(np.float32))
    inputs = {"x": (F, f(tokens, h)), "r": (F, f(tokens, e)), "a": q(e, n, h // 2), "as": s(e, n), "ab": None, "b": q(e, h, n // 2), "bs": s(e, h), "bb": None,
              **{f"n{i}": None for i in range(6)}, "w": (F, rng.random((tokens, e)).astype(np.float32))}
    check(*ms("QMoE", inputs, k=2, normalize_routing_weights=normalize), rtol=2e-2, atol=2e-2)
