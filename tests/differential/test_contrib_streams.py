"""Streams of hidden states, tokens and positions in com.microsoft, against onnxruntime."""

import numpy as np
import pytest
from nn import floats, one

MS = "com.microsoft"


def test_branchwise_rms_norm():
    rng = np.random.default_rng(0)
    for scale in (None, (12,), (3, 4), (4,)):
        s = None if scale is None else floats(rng, *scale)
        one("BranchwiseRMSNorm", [floats(rng, 2, 5, 3, 4)] + ([s] if scale else []), {"epsilon": 1e-3}, domain=MS)
        one("BranchwiseRMSNorm", [floats(rng, 2, 5, 12)] + ([s] if scale else []), {"num_branches": 3}, domain=MS)


def test_gated_rms_norm():
    rng = np.random.default_rng(0)
    for activation in ("silu", "swish", "sigmoid"):
        x, g = floats(rng, 2, 5, 12), floats(rng, 2, 5, 12)
        one("GatedRMSNorm", [x, floats(rng, 4), g], {"activation": activation}, domain=MS, threads=2)
        one("GatedRMSNorm", [x.astype(np.float16), floats(rng, 12).astype(np.float16), g.astype(np.float16)], {"activation": activation},
            domain=MS, rtol=1e-2, atol=1e-2)  # fmt: skip


def test_hyper_connections():
    rng = np.random.default_rng(0)
    x, block, mix = floats(rng, 2, 5, 3, 4), floats(rng, 2, 5, 4), floats(rng, 2, 5, 3, 3)
    for gate in ((2, 5, 3), (2, 5, 3, 1), (2, 5, 3, 4)):
        g = floats(rng, *gate)
        one("HyperConnectionPreMix", [x, g], {"reduction_scale": 0.5}, domain=MS)
        one("HyperConnectionPostMix", [x, block, g], {}, domain=MS)
        one("HyperConnectionPostMix", [x, block, g, mix], {}, domain=MS)
    one("HyperConnectionPreMix", [x.reshape(2, 5, 12), floats(rng, 2, 5, 12)], {"num_branches": 3}, domain=MS)
    one("HyperConnectionPostMix", [x.reshape(2, 5, 12), block, floats(rng, 2, 5, 3), mix], {"num_branches": 3}, domain=MS)


def test_engram_gate():
    rng = np.random.default_rng(0)
    key, query, value = floats(rng, 2, 5, 3, 8), floats(rng, 2, 5, 3, 8), floats(rng, 2, 5, 8)
    scales = [floats(rng, 3, 8) for _ in range(3)]
    one("EngramGate", [key, query, value, *scales[:2]], {"epsilon": 1e-4}, domain=MS)
    one("EngramGate", [key, query, value, *scales], {}, domain=MS, outputs=2)


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("interleaved", [0, 1])
def test_m_rotary_embedding(layout, interleaved):
    rng = np.random.default_rng(0)
    cos, sin = floats(rng, 20, 8), floats(rng, 20, 8)
    at = rng.integers(0, 20, (3, 2, 5))
    for section in ([4, 2, 2], [8, 0, 0], [3, 3, 2]):
        attrs = {"mrope_section": section, "mrope_layout": layout, "interleaved": interleaved, "num_heads": 2}
        one("MRotaryEmbedding", [floats(rng, 2, 5, 32), at, cos, sin], attrs, domain=MS)
        one("MRotaryEmbedding", [floats(rng, 2, 2, 5, 16), at, cos, sin], attrs, domain=MS)
        attrs |= {"rotary_embedding_dim": 16, "num_heads": 2}
        one("MRotaryEmbedding", [floats(rng, 2, 5, 48), at, cos, sin], attrs, domain=MS, threads=2)


def test_bifurcation_detector():
    rng = np.random.default_rng(0)
    for seed in range(60):
        n = int(rng.integers(2, 12))
        source, current = rng.integers(0, 5, n), rng.integers(0, 5, int(rng.integers(1, 6)))
        at = np.array(int(rng.integers(0, n)))
        attrs = {"min_ngram_size": int(rng.integers(1, 3)), "max_ngram_size": int(rng.integers(3, 5))}
        tail = n - int(at) + 1
        predicted = np.concatenate([source[int(at):], rng.integers(0, 5, 1)])  # a token more than there are to check
        where = int(rng.integers(0, tail))
        predicted[where] = rng.integers(0, 5)
        one("BifurcationDetector", [source, current, at, predicted], attrs, domain=MS, outputs=2)
        one("BifurcationDetector", [source, current, at], attrs, domain=MS, outputs=2)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_ngram_hash_mapping(dtype):
    rng = np.random.default_rng(0)
    ids, past = rng.integers(0, 9, (2, 11)).astype(dtype), rng.integers(0, 9, (2, 3)).astype(dtype)
    multipliers = rng.integers(1, 2**30, 4).astype(dtype) * 2 + 1
    sizes, offsets = rng.integers(5, 99, 6).astype(dtype), rng.integers(0, 1000, 6).astype(dtype)
    end, segments = np.array(3, dtype), np.sort(rng.integers(0, 3, (2, 11))).astype(np.int32)
    attrs = {"max_ngram_size": 4, "n_head_per_ngram": 2, "pad_id": 7}
    for more in ([], [past], [past, offsets], [None, offsets, end], [past, offsets, end], [past, None, end, segments], [None, None, None, segments]):
        for reset in (0, 1):
            one("NGramHashMapping", [ids, multipliers, sizes, *more], attrs | {"reset_on_eos": reset}, domain=MS, outputs=2)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("activation", ["none", "silu", "swish"])
def test_causal_conv_with_state(last, activation):
    rng = np.random.default_rng(0)
    for taps, dilation, length in ((4, 1, 7), (3, 2, 5), (2, 1, 2), (1, 1, 3)):
        turn = (lambda a: np.ascontiguousarray(np.moveaxis(a, -1, -2))) if last else lambda a: a
        x, past = turn(floats(rng, 2, 6, length)), turn(floats(rng, 2, 6, (taps - 1) * dilation))
        attrs = {"dilation": dilation, "channels_last": last, "activation": activation}
        for more in ([], [floats(rng, 6)], [None, past], [floats(rng, 6), past]):
            one("CausalConvWithState", [x, floats(rng, 6, 1, taps), *more], attrs, domain=MS, outputs=2)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_causal_conv_with_states_of_several_positions(length):
    """onnxruntime has these for CUDA only: slot j is the state after position length - 3 + j, zeros before the first."""
    rng = np.random.default_rng(0)
    x, w, past = floats(rng, 2, 6, length), floats(rng, 6, 1, 3), floats(rng, 3, 2, 6, 4)
    row = np.concatenate([past[-1], x], -1)
    y = sum(w[:, 0, t, None] * row[..., 2 * t : 2 * t + length] for t in range(3))
    ends = [length - 2 + j for j in range(3)]
    states = np.stack([row[..., e : e + 4] if e > 0 else np.zeros((2, 6, 4), np.float32) for e in ends])
    attrs = {"dilation": 2, "state_window": 3}
    one("CausalConvWithState", [x, w, None, past], attrs, domain=MS, outputs=2, oracle=lambda *_: [y, states])
