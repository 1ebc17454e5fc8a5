"""Normalizations against onnxruntime."""

import numpy as np
import pytest
from nn import floats, one, reference_run

MS = "com.microsoft"
SHAPES = [(2, 3, 8), (4, 33), (2, 2, 5, 7), (1, 1, 1025)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis", [-1, 1, 0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_layer_norm(shape, axis, dtype):
    rng = np.random.default_rng(1)
    w = shape[axis:]
    inputs = [floats(rng, *shape, dtype=dtype), floats(rng, *w, dtype=dtype), floats(rng, *w, dtype=dtype)]
    tolerance = dict(rtol=1e-2, atol=1e-2) if dtype == np.float16 else {}
    for n in (2, 3):
        one("LayerNormalization", inputs[:n], dict(axis=axis), opset=17, outputs=3, **tolerance)
        one("LayerNormalization", inputs[:n], dict(axis=axis), opset=11, outputs=3, **tolerance)
    one("SimplifiedLayerNormalization", inputs[:2], dict(axis=axis), opset=17, outputs=2, **tolerance)
    if dtype != np.float16:
        one("RMSNormalization", inputs[:2], dict(axis=axis), opset=23, oracle=reference_run, **tolerance)


@pytest.mark.parametrize("scale", [(1,), (1, 8), (3, 1), (3, 8), (2, 3, 8), (2, 1, 8)])
def test_layer_norm_broadcast(scale):
    rng = np.random.default_rng(1)
    one("LayerNormalization", [floats(rng, 2, 3, 8), floats(rng, *scale), floats(rng, 8)], dict(axis=-1), opset=17, oracle=reference_run)


@pytest.mark.parametrize("op", ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"])
@pytest.mark.parametrize("skip", [(2, 5, 16), (1, 5, 16), (5, 16)])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_skip_layer_norm(op, skip, dtype):
    rng = np.random.default_rng(1)
    inputs = [floats(rng, 2, 5, 16, dtype=dtype), floats(rng, *skip, dtype=dtype), floats(rng, 16, dtype=dtype)]
    more = [floats(rng, 16, dtype=dtype) for _ in range(2 if "Simplified" not in op else 1)]
    tolerance = dict(rtol=2e-2, atol=2e-2) if dtype == np.float16 else {}
    for n in range(len(more) + 1):
        one(op, inputs + more[:n], {"epsilon": 1e-5}, domain=MS, outputs=[True, False, False, True], **tolerance)


@pytest.mark.parametrize("shape", [(2, 6, 5), (2, 6, 3, 4), (1, 6, 2, 3, 4)])
def test_instance_and_group(shape):
    rng = np.random.default_rng(1)
    one("InstanceNormalization", [floats(rng, *shape), floats(rng, 6), floats(rng, 6)], opset=11)
    for groups in (1, 2, 3, 6):
        one("GroupNormalization", [floats(rng, *shape), floats(rng, 6), floats(rng, 6)], dict(num_groups=groups), opset=21)
        one("GroupNormalization", [floats(rng, *shape), floats(rng, groups), floats(rng, groups)], dict(num_groups=groups), opset=18)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("activation", [0, 1])
@pytest.mark.parametrize("skip", [None, "whole", "short"])
def test_ms_group_norm(last, activation, skip):
    rng = np.random.default_rng(1)
    shape = (2, 3, 5, 8) if last else (2, 8, 3, 5)
    x, g, b = floats(rng, *shape), floats(rng, 8), floats(rng, 8)
    s = floats(rng, *(shape if skip == "whole" else (2, 8)))

    def oracle(_, feeds):
        v = x if skip is None else x + (s if skip == "whole" else s[:, None, None] if last else s[:, :, None, None])
        n = v if last else np.moveaxis(v, 1, -1)
        r = n.reshape(2, 15, 4, 2).astype(np.float64)
        r = (r - r.mean((1, 3), keepdims=True)) / np.sqrt(r.var((1, 3), keepdims=True) + 1e-5)
        r = r.reshape(n.shape) * g + b
        r = r / (1 + np.exp(-r)) if activation else r
        r = (r if last else np.moveaxis(r, -1, 1)).astype(np.float32)
        return [r] if skip is None else [r, v]

    attrs = dict(groups=4, channels_last=last, activation=activation, epsilon=1e-5)
    if skip is None:
        one("GroupNorm", [x, g, b], attrs, domain=MS, oracle=oracle)
    else:
        one("SkipGroupNorm", [x, g, b, s], attrs, domain=MS, outputs=2, oracle=oracle)


@pytest.mark.parametrize("shape", [(2, 7, 5), (2, 7, 3, 4)])
def test_others(shape):
    rng = np.random.default_rng(1)
    x = floats(rng, *shape)
    for size in (1, 3, 5, 9) if len(shape) == 4 else ():
        one("LRN", [x], dict(size=size, alpha=0.1, beta=0.75 if size != 3 else 0.5, bias=1.5), opset=13)
    for axis in range(-len(shape), len(shape)):
        for p in (1, 2):
            one("LpNormalization", [x], dict(axis=axis, p=p), opset=1)
    for axes in ([0, 2], [1], [0, 1, 2], [-1]):
        one("MeanVarianceNormalization", [x], dict(axes=axes), opset=13)


@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("positions", [False, True])
def test_embed(segments, mask, positions):
    rng = np.random.default_rng(1)
    ids = lambda n: rng.integers(0, n, (2, 6)).astype(np.int32)
    inputs = [ids(20), ids(2) if segments else None, floats(rng, 20, 16), floats(rng, 10, 16), floats(rng, 2, 16) if segments else None,
              floats(rng, 16), floats(rng, 16), ids(2) if mask else None, ids(10) if positions else None]  # fmt: skip
    while inputs[-1] is None:
        inputs.pop()
    one("EmbedLayerNormalization", inputs, {"epsilon": 1e-5}, domain=MS, outputs=3)


def test_q_embed():
    rng = np.random.default_rng(1)
    q = lambda *s: rng.integers(0, 255, s).astype(np.uint8)
    ids = lambda n: rng.integers(0, n, (2, 6)).astype(np.int32)
    scales = [np.float32(x) for x in (0.01, 0.02, 0.03, 0.01, 0.02)]
    zeros = [np.uint8(x) for x in (120, 130, 128, 127, 125)]
    inputs = [ids(20), ids(2), q(20, 16), q(10, 16), q(2, 16), q(16), q(16), ids(2)] + [np.array(s) for s in scales + zeros]
    one("QEmbedLayerNormalization", inputs, {"epsilon": 1e-5}, domain=MS, outputs=2)
