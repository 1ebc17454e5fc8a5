"""Cast between every pair of types, BitCast, quantization and dequantization."""

import itertools

import ml_dtypes
import numpy as np
import pytest
from schemas import compare, igata, model, numbers, oracle, ort_run, reference_run

ALL = [t for t in range(1, 29) if t not in (8, 14, 15)]
FLOAT8 = (17, 18, 19, 20)


def values(t):
    x = numbers(np.random.default_rng(t), t, (5, 60), -20, 20)
    return x


def exact(got, want):
    """The same bits, but for which NaN it is."""
    assert got.dtype == want.dtype and got.shape == want.shape
    a, b = got.astype(np.float64), want.astype(np.float64)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.signbit(a[~np.isnan(a)]), np.signbit(b[~np.isnan(b)]))


@pytest.mark.parametrize("source,target", [p for p in itertools.product(ALL, ALL) if 24 not in p and p[0] != p[1]])
def test_cast(source, target):
    x, to = values(source), np.dtype(igata.DTYPES[target])
    whole = to.kind in "iu" or target in (21, 22, 25, 26)
    if whole and (x.dtype.kind in "fV") and source not in (21, 22, 25, 26):  # undefined for what doesn't fit: only what does
        wide = x.astype(np.float64)
        bits = igata.BITS.get(target, to.itemsize * 8)
        high = 2.0 ** (bits - (1 if to.kind == "i" or target in (22, 26) else 0))
        low = -high if to.kind == "i" or target in (22, 26) else 0
        x = np.where(np.isfinite(wide) & (wide > low - 1) & (wide < high), x, np.array(1, x.dtype))
    m, feeds = model("Cast", 28, [x], {"to": target})
    got = igata.Session(m).run(feeds)[0]
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64) if x.dtype.kind == "V" else x
        if target in FLOAT8:
            most = float(ml_dtypes.finfo(to).max)
            want = np.clip(np.where(np.isnan(wide), np.nan, wide) if wide.dtype.kind == "f" else wide, -most, most).astype(to)
            if target in (18, 20):
                want = np.where(np.isnan(wide), np.array(np.nan).astype(to), want) if wide.dtype.kind == "f" else want
        elif to.kind == "b":
            want = wide != 0
        elif whole and wide.dtype.kind == "f":
            want = np.trunc(wide).astype(np.uint64 if target == 13 else np.int64).astype(to)
        elif whole:
            want = wide.astype(np.int64).astype(to) if target != 13 else wide.astype(np.int64).astype(np.uint64)
        else:
            want = (x.astype(np.float32) if source in (21, 22, 25, 26) else x).astype(to)
    if target in (23, 27, 28):  # sign of a NaN's zero
        got, want = np.where(np.isnan(x.astype(np.float64)), np.array(0, to), got), np.where(np.isnan(x.astype(np.float64)), np.array(0, to), want)
    exact(got, want)


@pytest.mark.parametrize("source", [1, 10, 11, 16])
@pytest.mark.parametrize("target", FLOAT8)
@pytest.mark.parametrize("saturate", [0, 1])
def test_cast_to_float8(source, target, saturate):
    x = np.array([0, -0.0, 1, -1.06, 200, 240, 247, 248, 256, 448, 463, 465, 500, 57344, 6e4, 6.2e4, -7e4, np.inf, -np.inf, np.nan, 1e-3, 1e-5, 3e-8])
    to = np.dtype(igata.DTYPES[target])
    with np.errstate(all="ignore"):
        x = x.astype(igata.DTYPES[source])
        most = float(ml_dtypes.finfo(to).max)
        want = (np.clip(x.astype(np.float64), -most, most) if saturate else x).astype(to)  # ml_dtypes doesn't saturate
    m, feeds = model("Cast", 19, [x], {"to": target, "saturate": saturate})
    exact(igata.Session(m).run(feeds)[0], want)


@pytest.mark.parametrize("mode,saturate", [(m, s) for m in ("up", "down", "nearest") for s in (0, 1)])
def test_cast_to_powers_of_two(mode, saturate):
    x = np.array([1, 1.4, 1.5, 1.6, 2, 3, 5, 6, 7, 0.3, 1e-30, 2.0**-126, 2.0**127, 3.3e38, np.nan], np.float32)
    compare("Cast", 24, [x], {"to": 24, "round_mode": mode, "saturate": saturate}, oracle=reference_run)
    m, feeds = model("Cast", 24, [np.array([0, np.inf], np.float32)], {"to": 24, "round_mode": mode, "saturate": saturate})
    got = igata.Session(m).run(feeds)[0].view(np.uint8)
    assert list(got) == ([0, 0xFE] if saturate else [0xFF, 0xFF])


@pytest.mark.parametrize("target", [1, 10, 11])
def test_text_to_floats(target):
    x = np.array(["3.14", "1000", "1e-5", "1E8", "INF", "+inf", "-INF", "NaN", " 12 ", "+5"], dtype=object)
    compare("Cast", 13, [x], {"to": target})


@pytest.mark.parametrize("target", [2, 3, 4, 5, 6, 7, 12, 13])
def test_text_to_whole_numbers(target):
    compare("Cast", 13, [np.array(["12", " 7", "100.5", "+5", "0"], dtype=object)], {"to": target}, oracle=ort_run)


@pytest.mark.parametrize("source", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13])
def test_numbers_to_text(source):
    dtype = np.dtype(igata.DTYPES[source])
    special = [0.1, 1, -2.5, 1e10, 1e-10, np.nan, np.inf, -np.inf, 123456.0, 0.0, -0.0, 1e6] if dtype.kind == "f" else [0, 1, 100, 127]
    with np.errstate(all="ignore"):
        compare("Cast", 13, [np.array(special).astype(dtype)], {"to": 8}, oracle=ort_run)


def test_text_reads_back():
    for dtype, to in ((np.float32, 1), (np.float64, 11)):
        x = np.random.default_rng(1).standard_normal(2000).astype(dtype) * dtype(10) ** np.random.default_rng(2).integers(-30, 30, 2000).astype(dtype)
        m, feeds = model("Cast", 13, [x], {"to": 8})
        texts = igata.Session(m).run(feeds)[0]
        m, feeds = model("Cast", 13, [texts], {"to": to})
        np.testing.assert_array_equal(igata.Session(m).run(feeds)[0], x)


def test_text_that_is_no_number():
    for text in ("abc", "", "1x", "0x", "1 2"):
        for to in (1, 7, 9):
            m, feeds = model("Cast", 13, [np.array(["1", text], dtype=object)], {"to": to})
            with pytest.raises(igata.Failure, match="element 1 is"):
                igata.Session(m).run(feeds)


@pytest.mark.parametrize("name,t", [("FLOAT", 1), ("INT64", 7), ("DOUBLE", 11), ("BOOL", 9)])
def test_first_cast(name, t):
    m, feeds = model("Cast", 1, [np.array([0, 1.7, -2.2], np.float32)], {"to": name})
    assert igata.Session(m).run(feeds)[0].dtype == igata.DTYPES[t]


WIDTHS = [[2, 3, 9, 17, 18, 19, 20, 24], [4, 5, 10, 16], [1, 6, 12], [7, 11, 13], [21, 22, 23], [25, 26]]


@pytest.mark.parametrize("a,b", [p for w in WIDTHS for p in itertools.product(w, w) if p[1] != 9])
def test_bit_cast(a, b):
    x = numbers(np.random.default_rng(3), a, (3, 7))
    m, feeds = model("BitCast", 26, [x], {"to": b})
    got = igata.Session(m).run(feeds)[0]
    mask = (1 << igata.BITS.get(a, 8)) - 1
    np.testing.assert_array_equal(got.view(np.uint8) & mask, x.view(np.uint8) & mask)


# ------------------------------------------------------------------------------------------------------- quantization


def grid(rng, shape, scale_shape, dtype, x_type, zero_type, zero=True):
    x = (rng.standard_normal(shape) * 40).astype(np.int32 if x_type == np.int32 else np.float32).astype(x_type)
    x.reshape(-1)[:1] = 0
    scale = rng.uniform(0.1, 2, scale_shape).astype(np.float32).astype(dtype)
    if not zero:
        return [x, scale]
    small = zero_type in (17, 18, 19, 20, 23, 27, 28)
    z = np.zeros(scale_shape, np.float32).astype(igata.DTYPES[zero_type]) if small else numbers(rng, zero_type, scale_shape, -2, 2, False)
    return [x, scale, z]


LAYOUTS = [((3, 4, 6), (), {}), ((3, 4, 6), (1,), {}), ((3, 4, 6), (4,), {}), ((3, 4, 6), (6,), {"axis": -1}), ((3, 4, 6), (3,), {"axis": 0}),
           ((3, 4, 6), (3, 2, 6), {"axis": 1, "block_size": 2}), ((3, 4, 6), (3, 4, 2), {"axis": 2, "block_size": 3}),
           ((3, 5, 6), (3, 3, 6), {"axis": 1, "block_size": 2}), ((7, 2), (3, 2), {"axis": 0, "block_size": 3}), ((40,), (), {})]
QUANTIZED = [2, 3, 4, 5, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28]


@pytest.mark.parametrize("shape,scale,attrs", LAYOUTS)
@pytest.mark.parametrize("t", QUANTIZED)
@pytest.mark.parametrize("zero", [True, False])
def test_quantize(shape, scale, attrs, t, zero):
    feeds = grid(np.random.default_rng(1), shape, scale, np.float32, np.float32, t, zero)
    attrs = attrs if zero else {**attrs, "output_dtype": t}
    compare("QuantizeLinear", 28, feeds, attrs, oracle=reference_run, rtol=0, atol=0)


@pytest.mark.parametrize("version", [10, 13, 19, 21])
@pytest.mark.parametrize("t", [2, 3, 4, 5, 21, 22])
@pytest.mark.parametrize("scale", [(), (4,)])
def test_quantize_like_onnxruntime(version, t, scale):
    feeds = grid(np.random.default_rng(2), (3, 4, 6), scale, np.float32, np.float32, t)
    feeds[0].reshape(-1)[:4] = 1e9, -1e9, np.inf, -np.inf
    if version == 10 and scale:
        pytest.skip("one scale in this version")
    if (version < 21 and t > 3):
        pytest.skip("type of a later version")
    compare("QuantizeLinear", version, feeds, oracle=ort_run, rtol=0, atol=0)


@pytest.mark.parametrize("x,scale", [(np.float16, np.float16), (ml_dtypes.bfloat16, ml_dtypes.bfloat16), (np.int32, np.float32), (np.float16, np.float32)])
@pytest.mark.parametrize("t", [2, 3, 17, 22])
@pytest.mark.parametrize("precision", [0, 1, 10])
def test_quantize_precision(x, scale, t, precision):
    feeds = grid(np.random.default_rng(3), (3, 4, 6), (4,), scale, x, t)
    attrs = {"precision": precision} if precision else {}
    compare("QuantizeLinear", 24, feeds, attrs, oracle=reference_run, rtol=0, atol=1 if x == np.int32 else 0)


@pytest.mark.parametrize("t", [17, 18, 19, 20])
def test_quantize_without_saturation(t):
    x = np.array([0, 1, 1000, -1e6, 3e5, np.inf, np.nan], np.float32)
    compare("QuantizeLinear", 21, [x, np.float32(0.5), np.array(0, np.float32).astype(igata.DTYPES[t])], {"saturate": 0}, oracle=reference_run)


@pytest.mark.parametrize("shape,scale,attrs", LAYOUTS)
@pytest.mark.parametrize("t", QUANTIZED + [6])
@pytest.mark.parametrize("out", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("zero", [True, False])
def test_dequantize(shape, scale, attrs, t, out, zero):
    rng = np.random.default_rng(4)
    feeds = grid(rng, shape, scale, out, np.float32, t, zero and t != 6)
    feeds[0] = numbers(rng, t, shape, -40, 40, False)
    compare("DequantizeLinear", 28, feeds, attrs, oracle=reference_run, rtol=1e-6)


def test_dequantize_to_another_type():
    rng = np.random.default_rng(5)
    x, scale = numbers(rng, 3, (3, 8)), rng.uniform(0.1, 2, 3).astype(np.float16)
    for t in (1, 10, 16):
        compare("DequantizeLinear", 23, [x, scale], {"axis": 0, "output_dtype": t}, oracle=reference_run)


@pytest.mark.parametrize("x", [[0, 2, -3, -2.5, 1.34, 0.5], [-1, -2.1, -1.3, -2.5, -3.34, -4], [1, 2.1, 1.3, 2.5, 3.34, 4], [0, 0, 0]])
def test_dynamic_quantize(x):
    compare("DynamicQuantizeLinear", 11, [np.array(x, np.float32)], outputs=3, oracle=oracle)
    rng = np.random.default_rng(6)
    compare("DynamicQuantizeLinear", 11, [rng.standard_normal((40, 999)).astype(np.float32)], outputs=3, threads=3)


MS = "com.microsoft"


@pytest.mark.parametrize("op", ["QuantizeLinear", "DequantizeLinear"])
@pytest.mark.parametrize("t", [2, 3, 4, 5, 6, 21, 22])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("scale,attrs", [((), {}), ((4,), {"axis": 1})])
def test_ms_linear(op, t, dtype, scale, attrs):
    rng = np.random.default_rng(7)
    feeds = grid(rng, (3, 4, 6), scale, dtype, dtype, t)
    if op == "DequantizeLinear":
        feeds[0] = numbers(rng, t, (3, 4, 6))
        feeds[2] = np.zeros_like(feeds[2]) if t == 6 else feeds[2]
    compare(op, 1, feeds, attrs, domain=MS, oracle=ort_run, rtol=1e-3 if dtype == np.float16 else 1e-6)


@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("t", [2, 3])
@pytest.mark.parametrize("b", [(3, 40), (40,), (3, 1), ()])
def test_qlinear_pair(op, t, b):
    rng = np.random.default_rng(8)
    f, z = lambda v: np.array(v, np.float32), lambda v: np.array(v, igata.DTYPES[t])
    feeds = [numbers(rng, t, (3, 40), -99, 99), f(0.1), z(3), numbers(rng, t, b, -99, 99), f(0.07), z(5), f(0.2 if op == "QLinearAdd" else 1.1), z(7)]
    compare(op, 1, feeds, domain=MS, oracle=ort_run, atol=1)


@pytest.mark.parametrize("op", ["QLinearLeakyRelu", "QLinearSigmoid"])
@pytest.mark.parametrize("t", [2, 3])
def test_qlinear_function(op, t):
    x = np.arange(256).astype(np.uint8).view(igata.DTYPES[t])
    f, z = lambda v: np.array(v, np.float32), lambda v: np.array(v, igata.DTYPES[t])
    compare(op, 1, [x, f(0.1), z(30), f(0.05 if op == "QLinearLeakyRelu" else 1 / 256), z(7)], domain=MS, oracle=ort_run, atol=1)


@pytest.mark.parametrize("t", [2, 3])
def test_qlinear_where(t):
    rng = np.random.default_rng(9)
    f, z = lambda v: np.array(v, np.float32), lambda v: np.array(v, igata.DTYPES[t])
    feeds = [numbers(rng, 9, (3, 1)), numbers(rng, t, (3, 40), -99, 99), f(0.1), z(3), numbers(rng, t, (40,), -99, 99), f(0.07), z(5), f(0.12), z(7)]
    compare("QLinearWhere", 1, feeds, domain=MS, oracle=ort_run, atol=1)


@pytest.mark.parametrize("t", [2, 3])
def test_mul_integer(t):
    rng = np.random.default_rng(10)
    x, y, z = numbers(rng, t, (3, 40), -99, 99), numbers(rng, t, (40,), -99, 99), np.array(5, igata.DTYPES[t])
    m, feeds = model("MulInteger", 1, [x, z, y, None], domain=MS)
    np.testing.assert_array_equal(igata.Session(m).run(feeds)[0], (x.astype(np.int32) - 5) * y.astype(np.int32))
