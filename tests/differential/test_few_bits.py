"""Products and lookups with weights of few bits against onnxruntime."""

import ml_dtypes
import numpy as np
import pytest
from nn import floats, one

MS = "com.microsoft"


def pack(q, bits):
    """Numbers along the last axis, from the low bits of bytes up."""
    flat = np.unpackbits(q.astype(np.uint8)[..., None], axis=-1, bitorder="little")[..., :bits]
    flat = flat.reshape(*q.shape[:-1], -1)
    return np.packbits(flat, axis=-1, bitorder="little")


def nbits(rng, k, n, bits, block, zero=None, dtype=np.float32, bias=False, m=(2, 3), level=0, groups=False, **kw):
    blocks = -(-k // block)
    b = pack(rng.integers(0, 2**bits, (n, blocks, block)), bits)
    scales = (rng.random((n, blocks)) * 0.02 + 0.01).astype(dtype)
    z = None
    if zero == "packed":
        z = pack(rng.integers(0, 2**bits, (n, blocks)), bits)
    elif zero:
        z = (rng.random((n, blocks)) * 2**bits).astype(dtype)
    g = (np.arange(k) // block).astype(np.int32) if groups else None
    if groups:
        rng.shuffle(g)
    inputs = [floats(rng, *m, k).astype(dtype), b, scales, z, g, floats(rng, n).astype(dtype) if bias else None]
    while inputs[-1] is None:
        inputs.pop()
    attrs = {"K": k, "N": n, "bits": bits, "block_size": block}
    if level:
        attrs["accuracy_level"] = level
    kw.setdefault("constant", (1, 2, 3, 4, 5))
    one("MatMulNBits", inputs, attrs, domain=MS, **kw)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("zero", [None, "packed", "float"])
@pytest.mark.parametrize("m", [(1,), (4,), (2, 3), (33,)])
def test_matmul_nbits(bits, zero, m):
    rng = np.random.default_rng(1)
    if zero == "float" and bits != 4:
        return  # not there in onnxruntime's CPU provider
    for k, n, block in ((64, 8, 16), (96, 40, 32), (100, 17, 64), (20, 33, 128), (256, 5, 256)):
        nbits(rng, k, n, bits, block, zero, m=m, threads=2, atol=1e-4)
    nbits(rng, 128, 24, bits, 32, zero, m=m, bias=True, atol=1e-4)
    nbits(rng, 64, 24, bits, 32, zero, m=m, atol=1e-4, constant=() if bits == 4 and zero is None else (1, 2, 3))


@pytest.mark.parametrize("m", [(1,), (5,), (40,)])
def test_nbits_as_whole_numbers(m):
    """onnxruntime rounds A the same way, but the last bits of its scales differ."""
    rng = np.random.default_rng(2)
    for bits in (4, 8):
        for zero in (None, "packed"):
            nbits(rng, 160, 40, bits, 32, zero, m=m, level=4, rtol=1e-2, atol=2e-2)
            nbits(rng, 100, 33, bits, 64, zero, m=m, level=4, rtol=1e-2, atol=2e-2, bias=True, threads=2)


def test_nbits_groups_and_halves():
    rng = np.random.default_rng(3)
    nbits(rng, 128, 24, 4, 32, None, groups=True)  # onnxruntime 1.31.1 forgets the zero points when there is g_idx
    for zero in (None, "packed"):
        nbits(rng, 64, 24, 4, 32, zero, dtype=np.float16, rtol=1e-2, atol=1e-2)
        nbits(rng, 64, 24, 4, 32, zero, dtype=np.float16, bias=True, m=(20,), rtol=1e-2, atol=2e-2)


FP4 = [0, 0.0052083333, 2 / 3, 1, 1 / 3, 0.5, 1 / 6, 0.25]
NF4 = [-1, -0.69619280, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0,
       0.07958030, 0.16093020, 0.24611230, 0.33791524, 0.44070983, 0.56261700, 0.72295684, 1]  # fmt: skip


def bnb4(kind, b, absmax, n, k, block):
    table = np.array(NF4 if kind else FP4 + [-x for x in FP4], np.float32)
    numbers = table[np.stack([b >> 4, b & 15], 1).ravel()[: n * k]]
    return (numbers * np.repeat(absmax, block)[: n * k]).reshape(n, k)


@pytest.mark.parametrize("kind", [0, 1])
def test_matmul_bnb4(kind):
    rng = np.random.default_rng(4)
    for k, n, block, m in ((64, 8, 16, (2, 3)), (128, 40, 64, (1,)), (96, 24, 64, (3,)), (50, 7, 32, (40,))):
        b = rng.integers(0, 256, (n * k + 1) // 2).astype(np.uint8)
        absmax = rng.random(-(-n * k // block)).astype(np.float32)
        attrs = {"K": k, "N": n, "quant_type": kind, "block_size": block}
        one("MatMulBnb4", [floats(rng, *m, k), b, absmax], attrs, domain=MS, constant=(1, 2), atol=1e-4)
        # Turned: onnxruntime 1.31.1 multiplies by the transpose all the same and reads behind the weights.
        x, weights = floats(rng, *m, n), bnb4(kind, b, absmax, n, k, block)
        attrs["transB"] = 0
        one("MatMulBnb4", [x, b, absmax], attrs, domain=MS, constant=(1, 2), atol=1e-4, oracle=lambda *_: [x @ weights])


@pytest.mark.parametrize("kind", [0, 1])
def test_matmul_fpq4(kind):
    rng = np.random.default_rng(5)
    block = 32  # onnxruntime 1.31.1 takes no blob of blocks of 64 for right
    for k, n in ((64, 8), (96, 40), (40, 5)):
        blob = b""
        for _ in range(n * -(-k // block)):
            blob += np.float32(rng.random() * 0.1).tobytes()
            blob += bytes([rng.integers(16)]) if kind == 1 else b""
            blob += rng.integers(0, 256, block // 2).astype(np.uint8).tobytes()
        inputs = [floats(rng, 3, k), np.frombuffer(blob, np.uint8), np.array([k, n])]
        one("MatMulFpQ4", inputs, {"blk_quant_type": kind}, domain=MS, constant=(1, 2), atol=1e-4)


def lookup(rng, shape, at, bits=4, axis=0, along=1, block=16, zero=True, dtype=np.uint8, scale=np.float32, indices=None, **kw):
    """Data of `shape` numbers, packed when they are bytes."""
    blocks = list(shape)
    blocks[along] = -(-shape[along] // block)
    if dtype == np.uint8:
        data, z = pack(rng.integers(0, 2**bits, shape), bits), pack(rng.integers(0, 2**bits, blocks), bits)
    else:
        low = -8 if dtype == ml_dtypes.int4 else 0
        data, z = rng.integers(low, low + 16, shape).astype(dtype), rng.integers(low, low + 16, blocks).astype(dtype)
    if indices is None:
        indices = rng.integers(-shape[axis], shape[axis], at)
    inputs = [data, indices, (rng.random(blocks) + 0.1).astype(scale)] + ([z] if zero else [])
    attrs = {"bits": bits, "gather_axis": axis, "quantize_axis": along, "block_size": block}
    one("GatherBlockQuantized", inputs, attrs, domain=MS, constant=(0, 2, 3), **kw)


def test_gather_block_quantized():
    rng = np.random.default_rng(6)
    for zero in (False, True):
        for bits in (2, 4, 8):
            lookup(rng, (10, 64), (3, 2), bits, zero=zero, threads=2)
            lookup(rng, (10, 3, 96), (4,), bits, along=2, block=32, zero=zero)
            lookup(rng, (10, 48), (), bits, zero=zero)
        for dtype in (ml_dtypes.uint4, ml_dtypes.int4):
            lookup(rng, (7, 64), (2, 3), dtype=dtype, zero=zero)
            lookup(rng, (5, 32, 3), (2,), axis=2, along=1, dtype=dtype, zero=zero, scale=np.float16)
            lookup(rng, (4, 20, 6), (2, 2), axis=1, along=2, dtype=dtype, zero=zero)
            lookup(rng, (40, 6), (2, 2), axis=1, along=0, dtype=dtype, zero=zero)


def test_gather_block_quantized_small_floats():
    rng = np.random.default_rng(7)
    x = floats(rng, 6, 32).astype(ml_dtypes.float8_e4m3fn)
    at, scale = np.array([[0, -1], [7, 3]]), (rng.random((6, 2)) + 0.1).astype(np.float32)
    want = x.astype(np.float32) * np.repeat(scale, 16, 1)
    want = np.where((at < 6)[..., None], want[np.where(at < 6, at, 0)], 0)
    attrs = {"gather_axis": 0, "quantize_axis": 1, "block_size": 16}
    one("GatherBlockQuantized", [x, at, scale], attrs, domain=MS, constant=(0, 2), oracle=lambda *_: [want])
    attrs["block_size"] = 0
    want = x.astype(np.float32)[[1, 2]] * scale[:1, :1]
    one("GatherBlockQuantized", [x, np.array([1, 2]), scale[:1, :1]], attrs, domain=MS, constant=(0, 2), oracle=lambda *_: [want])
