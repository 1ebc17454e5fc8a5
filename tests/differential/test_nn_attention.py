"""Attention operators against onnxruntime and onnx's reference."""

import numpy as np
import pytest
from nn import floats, model, one, ort_run, reference_run

MS = "com.microsoft"


def tokens(rng, *shape):
    return floats(rng, *shape, scale=0.5)


def lengths(rng, batch, most):
    return rng.integers(1, most + 1, batch).astype(np.int32)


MASKS = [None, "ends", "both", "keys", "all"]


def mask_of(rng, kind, batch, queries, keys):
    if kind == "ends":
        return lengths(rng, batch, keys)
    if kind == "both":
        return np.concatenate([np.full(batch, keys), rng.integers(0, keys, batch)]).astype(np.int32)
    if kind == "keys":
        m = (rng.random((batch, keys)) < 0.6).astype(np.int32)
        m[:, 0] = 1
        return m
    if kind == "all":
        m = (rng.random((batch, queries, keys)) < 0.6).astype(np.int32)
        m[:, :, 0] = 1
        return m
    return None


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("past", [0, 3])
@pytest.mark.parametrize("extra", [False, True])
def test_merged(kind, causal, past, extra):
    rng = np.random.default_rng(1)
    b, s, n, d, size = 2, 5, 3, 8, 10
    inputs = [tokens(rng, b, s, size), tokens(rng, size, 3 * n * d), tokens(rng, 3 * n * d), mask_of(rng, kind, b, s, s + past),
              tokens(rng, 2, b, n, past, d) if past else None, tokens(rng, b, n, s, s + past) if extra else None]  # fmt: skip
    for constant in ((), (1, 2)):
        one("Attention", inputs, dict(num_heads=n, unidirectional=causal), domain=MS, outputs=2 if past else 1, constant=constant, atol=2e-3)


def test_merged_sizes():
    rng = np.random.default_rng(1)
    inputs = [tokens(rng, 2, 5, 10), tokens(rng, 10, 64), tokens(rng, 64)]
    one("Attention", inputs, dict(num_heads=4, qkv_hidden_sizes=[16, 16, 32], scale=0.3), domain=MS, constant=(1,))


@pytest.mark.parametrize("past", [0, 3])
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("causal", [0, 1])
def test_quantized(past, mask, each, causal):
    rng = np.random.default_rng(1)
    b, s, n, d, size = 2, 5, 3, 8, 10
    w = rng.integers(-127, 128, (size, 3 * n * d)).astype(np.int8)
    scale = (rng.random(3 * n * d if each else ()) * 0.01 + 0.01).astype(np.float32)
    inputs = [rng.integers(0, 256, (b, s, size)).astype(np.uint8), w, tokens(rng, 3 * n * d), np.float32(0.02), np.asarray(scale),
              lengths(rng, b, s + past) if mask else None, np.uint8(120), np.zeros(scale.shape, np.int8),
              tokens(rng, 2, b, n, past, d) if past else None]  # fmt: skip
    inputs = [None if i is None else np.asarray(i) for i in inputs]
    attrs = dict(num_heads=n, unidirectional=causal)
    one("QAttention", inputs, attrs, domain=MS, outputs=2 if past else 1, constant=(1, 4, 7), atol=1e-4)


@pytest.mark.parametrize("kind", [None, "ends", "keys", "all"])
@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("past", [0, 3])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("extra", [None, (2, 3), (1, 3), (1, 1)])
def test_multi_head(kind, causal, past, bias, extra):
    rng = np.random.default_rng(1)
    b, s, n, d = 2, 5, 3, 8
    total = s + past
    inputs = [tokens(rng, b, s, n * d), tokens(rng, b, s, n * d), tokens(rng, b, s, n * d), tokens(rng, 3 * n * d) if bias else None,
              mask_of(rng, kind, b, s, total), tokens(rng, *extra, s, total) if extra else None,
              tokens(rng, b, n, past, d) if past else None, tokens(rng, b, n, past, d) if past else None]  # fmt: skip
    outputs = 3 if past else 1
    one("MultiHeadAttention", inputs, dict(num_heads=n, unidirectional=causal), domain=MS, outputs=outputs)


def test_multi_head_cross():
    rng = np.random.default_rng(1)
    q, k, v = tokens(rng, 2, 5, 24), tokens(rng, 2, 3, 7, 8), tokens(rng, 2, 3, 7, 8)
    one("MultiHeadAttention", [q, k, v], dict(num_heads=3), domain=MS)
    one("MultiHeadAttention", [q, k, v, tokens(rng, 72)], dict(num_heads=3), domain=MS)
    one("MultiHeadAttention", [q, tokens(rng, 2, 7, 24), tokens(rng, 2, 7, 48), tokens(rng, 96)], dict(num_heads=3), domain=MS)
    packed = tokens(rng, 2, 5, 3, 3, 8)
    parts = [np.ascontiguousarray(packed[:, :, :, i]).reshape(2, 5, 24) for i in range(3)]
    want = ort_run(*model("MultiHeadAttention", parts, dict(num_heads=3), domain=MS))
    one("MultiHeadAttention", [packed], dict(num_heads=3), domain=MS, oracle=lambda *_: want)
    two = np.stack([p.reshape(2, 5, 3, 8) for p in parts[1:]], 3)
    one("MultiHeadAttention", [parts[0], two], dict(num_heads=3), domain=MS, oracle=lambda *_: want)


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("extra", [False, True])
def test_decoder_masked(beams, mask, bias, extra):
    rng = np.random.default_rng(1)
    b, n, d, most, past = 2 * beams, 3, 8, 9, 5
    m = mask_of(rng, "keys", b, 1, past + 1) if mask else None
    inputs = [tokens(rng, b, 1, n * d), tokens(rng, b, 1, n * d), tokens(rng, b, 1, n * d), m,
              tokens(rng, 1, n, 1, past + 1) if extra else None, tokens(rng, b, n, most, d), tokens(rng, b, n, most, d),
              np.array([past], np.int32), np.array([beams], np.int32) if beams > 1 else None,
              rng.integers(0, beams, (2, beams, most)).astype(np.int32) if beams > 1 else None,
              tokens(rng, 3 * n * d) if bias else None]  # fmt: skip
    op, attrs = "DecoderMaskedMultiHeadAttention", dict(num_heads=n, past_present_share_buffer=1)
    m3, feeds = model(op, inputs, attrs, domain=MS, outputs=3)  # the oracle needs all outputs; what is behind the end is its own
    one(op, inputs, attrs, domain=MS, oracle=lambda *_: ort_run(m3, feeds)[:1])


def packed_oracle(run, offsets, width):
    """Text by text through the operator with padding."""
    return lambda *_: [np.concatenate([run(a, b)[0].reshape(-1, width) for a, b in zip(offsets, offsets[1:])])]


@pytest.mark.parametrize("extra", [False, True])
def test_packed(extra):
    rng = np.random.default_rng(1)
    n, d, size, offsets = 3, 8, 10, [0, 3, 4, 9]
    x, w, bias = tokens(rng, 9, size), tokens(rng, size, 3 * n * d), tokens(rng, 3 * n * d)
    more = tokens(rng, 1, n, 5, 5) if extra else None
    info = [np.arange(15).reshape(3, 5).astype(np.int32), np.array(offsets, np.int32)]
    crop = lambda a, b: np.ascontiguousarray(more[:, :, : b - a, : b - a]) if extra else None
    run = lambda a, b: ort_run(*model("Attention", [x[None, a:b], w, bias, None, None, crop(a, b)], dict(num_heads=n), domain=MS))
    one("PackedAttention", [x, w, bias, *info, more], dict(num_heads=n), domain=MS, oracle=packed_oracle(run, offsets, n * d))
    q, k, v = (tokens(rng, 9, n * d) for _ in range(3))
    run = lambda a, b: ort_run(*model("MultiHeadAttention", [q[None, a:b], k[None, a:b], v[None, a:b], bias, None, crop(a, b)], dict(num_heads=n), domain=MS))  # fmt: skip
    one("PackedMultiHeadAttention", [q, k, v, bias, *info, more], dict(num_heads=n), domain=MS, oracle=packed_oracle(run, offsets, n * d))


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("dim", [0, 4])
def test_rotary(interleaved, rank, dim):
    rng = np.random.default_rng(1)
    x = tokens(rng, 2, 5, 24) if rank == 3 else tokens(rng, 2, 3, 5, 8)
    half = (dim or 8) // 2
    cos, sin = tokens(rng, 20, half), tokens(rng, 20, half)
    attrs = dict(interleaved=interleaved, rotary_embedding_dim=dim)
    if rank == 3 or dim:
        attrs["num_heads"] = 3
    ids = rng.integers(0, 20, (2, 5))
    for positions in (ids, np.array([3])):
        one("RotaryEmbedding", [x, positions, cos, sin], attrs, domain=MS)
    one("RotaryEmbedding", [x, cos, sin, ids], attrs, opset=23, oracle=reference_run)
    one("RotaryEmbedding", [x, tokens(rng, 2, 5, half), tokens(rng, 2, 5, half)], attrs, opset=23, oracle=reference_run)


def group_query(rng, b, s, n, kv, d, past, most, lens, rotary, packed, extra=None, sink=False, dtype=np.float32):
    q, k, v = tokens(rng, b, s, n * d), tokens(rng, b, s, kv * d), tokens(rng, b, s, kv * d)
    total = s + past
    caches = [tokens(rng, b, kv, most, d), tokens(rng, b, kv, most, d)] if most else [None, None]
    inputs = [np.concatenate([q, k, v], 2) if packed else q, None if packed else k, None if packed else v, *caches,
              np.asarray(lens, np.int32) - 1, np.array(total, np.int32)]  # fmt: skip
    inputs += [tokens(rng, 64, d // 2), tokens(rng, 64, d // 2)] if rotary else [None, None]
    inputs += [None, tokens(rng, *extra, s, total) if extra else None, tokens(rng, n) if sink else None]
    return [i if i is None or i.dtype != np.float32 else i.astype(dtype) for i in inputs]


@pytest.mark.parametrize("rotary", [0, 1])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("window,softcap", [(-1, 0.0), (3, 0.0), (-1, 5.0)])
@pytest.mark.parametrize("b,s,past,most,lens", [(2, 5, 0, 0, [5, 5]), (2, 5, 0, 9, [5, 5]), (2, 1, 6, 9, [7, 7]), (2, 1, 6, 9, [7, 4]), (1, 3, 4, 7, [7]),
                                                (1, 3, 4, 4, [7])])  # fmt: skip
def test_group_query(rotary, packed, window, softcap, b, s, past, most, lens):
    rng = np.random.default_rng(1)
    inputs = group_query(rng, b, s, 6, 2, 16, past, most, lens, rotary, packed)
    attrs = dict(num_heads=6, kv_num_heads=2, do_rotary=rotary, local_window_size=window, softcap=softcap, rotary_interleaved=packed)
    m, feeds = model("GroupQueryAttention", inputs, attrs, domain=MS, outputs=3)

    def oracle(*_):
        y, k, v = ort_run(m, feeds)
        return [y]

    one("GroupQueryAttention", inputs, attrs, domain=MS, outputs=1, oracle=oracle)
    if len(set(lens)) == 1 and most in (0, s + past):
        one("GroupQueryAttention", inputs, attrs, domain=MS, outputs=3)


@pytest.mark.parametrize("extra", [None, (2, 1), (1, 6)])
@pytest.mark.parametrize("sink", [None, "smooth", "heads"])
@pytest.mark.parametrize("qk", [0, 1, 2])
def test_group_query_more(extra, sink, qk):
    rng = np.random.default_rng(1)
    inputs = group_query(rng, 2, 5, 6, 2, 16, 0, 0, [5, 5], 0, False, extra, sink == "heads")
    attrs = dict(num_heads=6, kv_num_heads=2, qk_output=qk, **({"smooth_softmax": 1} if sink == "smooth" else {}))
    if qk == 1:  # hidden scores are the oracle's own
        inputs[5] = np.full(2, 4, np.int32)
    m, feeds = model("GroupQueryAttention", inputs, attrs, domain=MS, outputs=4 if qk else 3)

    def oracle(*_):
        want = ort_run(m, feeds)
        return want if qk != 1 else want[:3]

    one("GroupQueryAttention", inputs, attrs, domain=MS, outputs=3 if qk != 2 else 4, oracle=oracle)


@pytest.mark.parametrize("kind", ["PER_TENSOR", "PER_CHANNEL"])
@pytest.mark.parametrize("bits", [8, 4])
def test_group_query_quantized(kind, bits):
    rng = np.random.default_rng(1)
    inputs = group_query(rng, 1, 1, 6, 2, 16, 6, 9, [7], 0, False)
    scale = (rng.random((1, 2, 1, 16) if kind == "PER_CHANNEL" else (1,)) * 0.01 + (0.02 if bits == 8 else 0.2)).astype(np.float32)
    for i in (3, 4):
        inputs[i] = rng.integers(-128, 128, (1, 2, 9, 16)).astype(np.int8) if bits == 8 else rng.integers(0, 256, (1, 2, 9, 8)).astype(np.uint8)
    attrs = dict(num_heads=6, kv_num_heads=2, k_quant_type=kind, v_quant_type=kind, kv_cache_bit_width=bits)
    m, feeds = model("GroupQueryAttention", inputs + [scale, scale], attrs, domain=MS, outputs=3)
    one("GroupQueryAttention", inputs + [scale, scale], attrs, domain=MS, outputs=1, oracle=lambda *_: ort_run(m, feeds)[:1], atol=1e-3)
