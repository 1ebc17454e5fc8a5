"""Arithmetic, elementary functions, bits, comparisons and logic: every version and element type against onnxruntime or onnx's
reference, with infinities, NaN, ends of ranges, and all ways to broadcast."""

import numpy as np
import pytest
from schemas import compare, every, igata, model, numbers, oracle, reference_run, types, versions

SHAPES = [((2, 3, 7), (2, 3, 7)), ((2, 3, 7), (7,)), ((7,), (2, 3, 7)), ((2, 3, 7), (3, 1)), ((2, 1, 7), (1, 3, 1)), ((), (5,)), ((5,), ()),
          ((), ()), ((0, 3), (1, 3)), ((1, 1), (1,)), ((2, 3, 40), (3, 40)), ((3, 1100), (3, 1))]  # fmt: skip

# Functions of one number and the range that is interesting.
UNARY = {"Neg": 4, "Abs": 4, "Sign": 4, "Ceil": 4, "Floor": 4, "Round": 4, "Sqrt": 4, "Reciprocal": 4, "Exp": 9, "Log": 4, "Sin": 9, "Cos": 9,
         "Tan": 1.4, "Asin": 1, "Acos": 1, "Atan": 9, "Sinh": 4, "Cosh": 4, "Tanh": 6, "Asinh": 9, "Acosh": 9, "Atanh": 1, "Erf": 4,
         "IsNaN": 4, "IsInf": 4, "BitwiseNot": 40}  # fmt: skip
BINARY = ["Add", "Sub", "Mul", "Div", "Mod", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "And", "Or", "Xor", "Equal", "Greater",
          "GreaterOrEqual", "Less", "LessOrEqual"]  # fmt: skip


@pytest.mark.parametrize("op,version,t", every(UNARY))
def test_unary(op, version, t):
    rng = np.random.default_rng(1)
    compare(op, version, [numbers(rng, t, (3, 50), -UNARY[op], UNARY[op])], oracle=reference_run if op == "Sign" else oracle)


@pytest.mark.parametrize("op,version,t", [c for c in every(BINARY) if c[1] >= 7 and c[2] != 8])
@pytest.mark.parametrize("a,b", SHAPES)
def test_binary(op, version, t, a, b):
    rng = np.random.default_rng(2)
    x, y = numbers(rng, t, a), numbers(rng, t, b)
    attrs = {"fmod": 1} if op == "Mod" and t in (1, 10, 11, 16) else {}
    if op in ("Div", "Mod") and t not in (1, 10, 11, 16):  # a zero divisor traps elsewhere, and here it gives 0
        y = np.where(y == 0, 1, y).astype(y.dtype)
        x = np.where(y == y.dtype.type(-1) if y.dtype.kind == "i" else False, 1, x).astype(x.dtype)
    compare(op, version, [x, y], attrs, oracle=reference_run if t in (1, 10, 11, 16) else oracle)


@pytest.mark.parametrize("version,t", [(v, t) for v, s in versions("Mod") for t in types(s, 0)])
@pytest.mark.parametrize("fmod", [0, 1])
def test_mod(version, t, fmod):
    rng = np.random.default_rng(3)
    x, y = numbers(rng, t, (4, 30)), numbers(rng, t, (30,), special=t in (1, 10, 11, 16))
    if t not in (1, 10, 11, 16):
        y = np.where(y == 0, 3, y).astype(y.dtype)
    compare("Mod", version, [x, y], {"fmod": fmod}, oracle=reference_run)


def test_division_by_zero_is_zero():
    for t in (2, 3, 4, 5, 6, 7, 12, 13):
        dtype = igata.DTYPES[t]
        lowest = np.iinfo(dtype).min
        x, y = np.array([5, 0, lowest], dtype), np.array([0, 0, np.array(-1).astype(dtype)], dtype)
        m, feeds = model("Div", 14, [x, y])
        got = igata.Session(m).run(feeds)[0]
        assert got[0] == 0 and got[1] == 0 and (np.dtype(dtype).kind == "u" or got[2] == lowest)
        m, feeds = model("Mod", 13, [x, y])
        assert igata.Session(m).run(feeds)[0][0] == 0


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"])
@pytest.mark.parametrize("a,b,axis", [((2, 3, 4, 5), (), None), ((2, 3, 4, 5), (5,), None), ((2, 3, 4, 5), (4, 5), None), ((2, 3, 4, 5), (3, 4), 1),
                                      ((2, 3, 4, 5), (2,), 0), ((2, 3, 4, 5), (1, 1), None), ((2, 3), (2, 3), None), ((2, 3, 4), (3,), -2)])
def test_old_broadcast(op, a, b, axis):
    """Before opset 7 the second input lies along `axis` of the first; there is no oracle left but NumPy."""
    rng = np.random.default_rng(4)
    t = 9 if op in ("And", "Or", "Xor") else 6 if op == "Equal" else 1
    x, y = numbers(rng, t, a, 1, 4, False), numbers(rng, t, b, 1, 4, False)
    version = 6 if op in ("Add", "Sub", "Mul", "Div") else 1
    m, feeds = model(op, version, [x, y], {"broadcast": 1, **({"axis": axis} if axis is not None else {})})
    start = (len(a) - len(b)) if axis is None else axis % len(a)
    wide = y.reshape(()) if y.size == 1 else y.reshape(b + (1,) * (len(a) - start - len(b)))
    want = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": np.power, "And": np.logical_and, "Or": np.logical_or,
            "Xor": np.logical_xor, "Equal": np.equal, "Greater": np.greater, "Less": np.less}[op](x, wide)  # fmt: skip
    np.testing.assert_allclose(igata.Session(m).run(feeds)[0], want, rtol=1e-6)


@pytest.mark.parametrize("x,y", [(x, y) for x in (1, 6, 7, 10, 11, 16) for y in (1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 16)])
def test_pow(x, y):
    rng = np.random.default_rng(5)
    real = x in (1, 10, 11, 16)
    base = numbers(rng, x, (3, 20), -4 if real or y in (6, 7) else 0, 4, real)
    exponent = numbers(rng, y, (20,), 0, 3 if real else 2, False)
    compare("Pow", 15, [base, exponent], rtol={10: 5e-3, 16: 5e-2}.get(x, 1e-5))


@pytest.mark.parametrize("exponent", [2.0, 3.0, 0.5, -1.0, 0.0, 1.0])
def test_pow_of_one_exponent(exponent):
    rng = np.random.default_rng(6)
    x = numbers(rng, 1, (300,))
    x[x == -np.inf] = -1  # the oracles take the root of it, which is NaN; pow says infinity
    compare("Pow", 15, [x, np.float32(exponent)], rtol=1e-5)


@pytest.mark.parametrize("op,version,t", [c for c in every(["Max", "Min", "Sum", "Mean"])])
@pytest.mark.parametrize("shapes", [[(3, 4)], [(3, 4), (3, 4)], [(3, 4), (4,), (1,)], [(2, 1, 4), (3, 1), (), (4,)], [(40,)] * 5])
def test_variadic(op, version, t, shapes):
    rng = np.random.default_rng(7)
    if version < 8:
        shapes = [shapes[0]] * len(shapes)
    compare(op, version, [numbers(rng, t, s) for s in shapes], rtol={10: 3e-3, 16: 3e-2}.get(t, 1e-6))


@pytest.mark.parametrize("version,t", [(v, t) for v, s in versions("Clip") if v >= 11 for t in types(s, 0)])
@pytest.mark.parametrize("low,high", [(None, None), (1, None), (None, 3), (1, 3), (3, 1)])
def test_clip(version, t, low, high):
    rng = np.random.default_rng(8)
    x = numbers(rng, t, (3, 40))
    if t in (1, 10, 11, 16):
        x = np.where(np.isinf(x.astype(np.float64)), np.array(1, x.dtype), x)  # an absent limit stops infinity, or doesn't
    bound = lambda v: None if v is None else np.array(v).astype(x.dtype)
    compare("Clip", version, [x, bound(low), bound(high)])


@pytest.mark.parametrize("version", [1, 6])
@pytest.mark.parametrize("attrs", [{}, {"min": -1.0}, {"max": 2.0}, {"min": -1.0, "max": 2.0}])
def test_clip_attributes(version, attrs):
    x = numbers(np.random.default_rng(9), 1, (60,), special=False)
    m, feeds = model("Clip", version, [x], attrs)
    np.testing.assert_array_equal(igata.Session(m).run(feeds)[0], np.clip(x, attrs.get("min", -np.inf), attrs.get("max", np.inf)))


@pytest.mark.parametrize("version,t", [(v, t) for v, s in versions("BitShift") for t in types(s, 0)])
@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
def test_bit_shift(version, t, direction):
    rng = np.random.default_rng(10)
    x, y = numbers(rng, t, (4, 30), -40, 40), numbers(rng, t, (30,), 0, 2, False)
    compare("BitShift", version, [x, y], {"direction": direction})


def test_bit_shift_past_the_width():
    for t in (2, 3, 4, 5, 6, 7, 12, 13):
        dtype = igata.DTYPES[t]
        bits = np.dtype(dtype).itemsize * 8
        x = np.array([1, 100, np.iinfo(dtype).min, np.array(-1).astype(dtype)], dtype)
        amounts = [bits, bits + 1] + ([-1] if np.dtype(dtype).kind == "i" else [])
        for direction in ("LEFT", "RIGHT"):
            for amount in amounts:
                m, feeds = model("BitShift", 28, [x, np.array([amount], dtype)], {"direction": direction})
                fill = np.where((x < 0) & (direction == "RIGHT"), -1, 0)
                np.testing.assert_array_equal(igata.Session(m).run(feeds)[0].astype(np.int64), fill)


@pytest.mark.parametrize("t", [t for v, s in versions("Where")[-1:] for t in types(s, 1)])
@pytest.mark.parametrize("c,x,y", [((3, 40), (3, 40), (3, 40)), ((3, 1), (1, 4), ()), ((), (4,), (3, 1)), ((5,), (), ()), ((0,), (1,), (1,))])
def test_where(t, c, x, y):
    rng = np.random.default_rng(11)
    texts = lambda s: np.array([f"word {i} " * 3 for i in range(int(np.prod(s)))], dtype=object).reshape(s)
    value = (lambda s: texts(s)) if t == 8 else (lambda s: numbers(rng, t, s))
    compare("Where", 16, [numbers(rng, 9, c), value(x), value(y)])


def test_equal_strings():
    a, b = np.array(["a", "bc", "", "ü"], dtype=object), np.array(["a", "b", "", "u"], dtype=object)
    compare("Equal", 19, [a, b])


@pytest.mark.parametrize("t", [1, 10, 11])
@pytest.mark.parametrize("shape", [(2, 2), (3, 4, 4), (1, 1), (2, 0, 5, 5), (7, 7)])
def test_det(t, shape):
    x = numbers(np.random.default_rng(12), t, shape, special=False)
    m, feeds = model("Det", 22, [x])
    want = np.linalg.det(x.astype(np.float64))
    np.testing.assert_allclose(igata.Session(m).run(feeds)[0], want, rtol=1e-2 if t == 10 else 1e-4, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 4])
def test_large(threads):
    rng = np.random.default_rng(13)
    x, y = numbers(rng, 1, (3, 50, 1000)), numbers(rng, 1, (50, 1))
    for op in ("Add", "Mul", "Max"):
        compare(op, 13, [x, y], threads=threads, oracle=reference_run)
    compare("Exp", 13, [x], threads=threads)
    half = x.astype(np.float16)
    compare("Sub", 14, [half, half[:, ::2].repeat(2, 1)], threads=threads, oracle=reference_run)


@pytest.mark.parametrize("op", ["Sin", "Cos"])
def test_far_angles(op):
    x = np.concatenate([np.linspace(-8192, 8192, 999), np.array([1e4, -1e5, 1e9, 3e38, 8192.5, -0.0, 1e-40])]).astype(np.float32)
    compare(op, 22, [x], oracle=reference_run, rtol=3e-7, atol=1e-7)
