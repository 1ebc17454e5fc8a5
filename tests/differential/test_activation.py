"""Activations, dropout and random numbers, and the elementwise operators of com.microsoft."""

import numpy as np
import pytest
from schemas import compare, every, igata, model, numbers, ort_run, reference_run, types, versions

ATTRS = {
    "Relu": [{}], "LeakyRelu": [{}, {"alpha": 0.3}], "Elu": [{}, {"alpha": 2.0}], "Celu": [{}, {"alpha": 2.0}],
    "Selu": [{}, {"alpha": 2.0, "gamma": 3.0}], "Sigmoid": [{}], "HardSigmoid": [{}, {"alpha": 0.5, "beta": 0.6}], "HardSwish": [{}],
    "Softplus": [{}], "Softsign": [{}], "ThresholdedRelu": [{}, {"alpha": 0.3}], "Mish": [{}], "Gelu": [{}, {"approximate": "tanh"}],
    "Swish": [{}, {"alpha": 0.7}], "Shrink": [{}, {"lambd": 1.5, "bias": 1.5}],
}  # fmt: skip


def near(t):
    return {10: 4e-3, 16: 4e-2}.get(t, 2e-6)


@pytest.mark.parametrize("op,version,t", every(ATTRS))
def test_activation(op, version, t):
    rng = np.random.default_rng(1)
    x = numbers(rng, t, (5, 60), -9, 9)
    if x.dtype.kind == "f" or t == 16:  # oracles have no common answer for infinities in products with zero
        x = np.where(np.isinf(x.astype(np.float64)), np.array(2, x.dtype), x)
    if op == "Shrink" and t in (6, 7, 12, 13):  # ends of ranges pass through floats there
        x = numbers(rng, t, (5, 60), -9, 9, False)
    for attrs in ATTRS[op][1:] if (op, version) == ("Selu", 1) else ATTRS[op]:  # other defaults in that version
        compare(op, version, [x], attrs, rtol=near(t), oracle=reference_run)
        compare(op, version, [x], attrs, rtol=near(t), oracle=ort_run)


@pytest.mark.parametrize("op", list(ATTRS))
def test_ends(op):
    """Huge numbers and infinities give limits, NaN gives NaN."""
    x = np.array([-np.inf, -1e30, -200, -100, -1e-30, -0.0, 0.0, 1e-30, 100, 200, 1e30, np.inf, np.nan], np.float64)
    version = versions(op)[-1][0]
    got = [igata.Session(m).run(f)[0] for m, f in (model(op, version, [x.astype(d)]) for d in (np.float32, np.float64))]
    np.testing.assert_allclose(got[0][1:-2], got[1][1:-2], rtol=1e-5, atol=1e-30)
    assert np.isnan(got[0][-1]) or op in ("ThresholdedRelu", "Shrink")


@pytest.mark.parametrize("version,t", [(v, t) for v, s in versions("PRelu") for t in types(s, 0)])
@pytest.mark.parametrize("x,slope", [((2, 3, 4, 5), (3, 1, 1)), ((2, 3, 4, 5), ()), ((2, 3), (3,)), ((2, 3, 4), (2, 3, 4))])
def test_prelu(version, t, x, slope):
    rng = np.random.default_rng(2)
    if version < 7:
        slope = (3,) if len(slope) == 3 and slope[0] == 3 else (1,)
    a, b = numbers(rng, t, x), numbers(rng, t, slope, special=False)
    m, feeds = model("PRelu", version, [a, b])
    b = b.reshape((3,) + (1,) * (len(x) - 2)) if version < 7 and b.size == 3 else b
    with np.errstate(all="ignore"):
        want = np.where(a < 0, a * b, a).astype(a.dtype)
    np.testing.assert_allclose(igata.Session(m).run(feeds)[0].astype(np.float64), want.astype(np.float64), rtol=near(t))


@pytest.mark.parametrize("t", [1, 10, 11, 16])
def test_swiglu(t):
    rng = np.random.default_rng(3)
    a, b = numbers(rng, t, (3, 50), special=False), numbers(rng, t, (3, 50), special=False)
    for attrs in ({}, {"alpha": 1.7}):
        m, feeds = model("SwiGLU", 28, [a, b], attrs)
        x, y = a.astype(np.float64), b.astype(np.float64)
        want = x / (1 + np.exp(-attrs.get("alpha", 1.0) * x)) * y
        np.testing.assert_allclose(igata.Session(m).run(feeds)[0].astype(np.float64), want, rtol=near(t) * 3, atol=near(t))


@pytest.mark.parametrize("version,t", [(v, t) for v, s in versions("Dropout") for t in types(s, 0)])
def test_dropout_keeps_everything(version, t):
    x = numbers(np.random.default_rng(4), t, (3, 50))
    m, feeds = model("Dropout", version, [x], {"is_test": 1} if version < 7 else {}, outputs=2)
    y, mask = igata.Session(m).run(feeds)
    np.testing.assert_array_equal(y.astype(np.float64), x.astype(np.float64))
    assert mask.astype(np.float32).all() and (mask.dtype == np.bool_ if version >= 10 else mask.dtype == x.dtype)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.75])
def test_dropout_trains(ratio):
    x = np.arange(1, 501, dtype=np.float32).reshape(5, 100)
    compare("Dropout", 22, [x, np.float32(ratio), np.array(True)], {"seed": 7}, outputs=2, oracle=reference_run)


@pytest.mark.parametrize("op,attrs", [("RandomUniform", {"low": -2.0, "high": 3.0}), ("RandomNormal", {"mean": 1.0, "scale": 2.0})])
@pytest.mark.parametrize("dtype", [1, 10, 11])
def test_seeded_random_numbers(op, attrs, dtype):
    m, feeds = model(op, 1, [], {**attrs, "seed": 5.0, "dtype": dtype, "shape": [3, 41]})
    state, shape = np.random.RandomState(5), (3, 41)
    want = state.uniform(-2, 3, shape) if op == "RandomUniform" else 1 + 2 * state.standard_normal(shape)
    np.testing.assert_allclose(igata.Session(m).run(feeds)[0], want.astype(igata.DTYPES[dtype]), rtol=1e-6)


def test_random_numbers_without_seed():
    m, feeds = model("RandomNormalLike", 1, [np.zeros((50, 100), np.float32)])
    a, b = igata.Session(m, seed=1), igata.Session(m, seed=1)
    first = a.run(feeds)[0]
    np.testing.assert_array_equal(first, b.run(feeds)[0])
    assert (first != a.run(feeds)[0]).any() and (first != igata.Session(m, seed=2).run(feeds)[0]).any()
    assert abs(first.mean()) < 0.1 and abs(first.std() - 1) < 0.1


@pytest.mark.parametrize("out", [1, 2, 6, 9, 10, 11, 16, None])
def test_bernoulli(out):
    p = np.linspace(0, 1, 4000, dtype=np.float32)
    m, feeds = model("Bernoulli", 15, [p], {"seed": 3.0, **({"dtype": out} if out else {})})
    got = igata.Session(m).run(feeds)[0]
    np.testing.assert_array_equal(got.astype(np.float32), np.random.RandomState(3).binomial(1, p=p))


def test_multinomial():
    logits = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-30]], np.float32))
    m, feeds = model("Multinomial", 7, [logits], {"sample_size": 5000, "seed": 1.0, "dtype": 7})
    got = igata.Session(m).run(feeds)[0]
    assert got.shape == (2, 5000) and got.dtype == np.int64
    share = np.array([np.bincount(r, minlength=3) / 5000 for r in got])
    np.testing.assert_allclose(share, [[0.1, 0.2, 0.7], [0.5, 0.5, 0]], atol=0.03)


MS = "com.microsoft"


@pytest.mark.parametrize("op", ["Gelu", "QuickGelu", "FastGelu"])
@pytest.mark.parametrize("t", [1, 10, 11])
def test_ms_unary(op, t):
    compare(op, 1, [numbers(np.random.default_rng(5), t, (4, 70), -5, 5, False)], domain=MS, rtol=max(near(t), 2e-5))


@pytest.mark.parametrize("op", ["BiasGelu", "FastGelu"])
def test_ms_bias(op):
    rng = np.random.default_rng(6)
    compare(op, 1, [numbers(rng, 1, (2, 3, 70), special=False), numbers(rng, 1, (70,), special=False)], domain=MS, rtol=2e-5)


def test_ms_three_inputs():
    rng = np.random.default_rng(7)
    x, bias, skip, gate = (numbers(rng, 1, s, special=False) for s in ((2, 5, 64), (64,), (2, 5, 64), (2, 5, 1)))
    for op, feeds, want in (("BiasAdd", [x, bias, skip], x + bias + skip), ("GatedAdd", [x, skip, gate], x + skip * gate)):
        m, given = model(op, 1, feeds, domain=MS)
        np.testing.assert_allclose(igata.Session(m).run(given)[0], want, rtol=1e-5, atol=1e-6)
    h = [a.astype(np.float16) for a in (x, skip, gate)]
    m, given = model("GatedAdd", 1, h, domain=MS)
    np.testing.assert_array_equal(igata.Session(m).run(given)[0], h[0] + h[1] * h[2])
    m, given = model("BiasSplitGelu", 1, [x, bias], domain=MS)
    z = torch_gelu((x + bias)[..., 32:].astype(np.float64))
    np.testing.assert_allclose(igata.Session(m).run(given)[0], (x + bias)[..., :32] * z, rtol=1e-4, atol=1e-5)
    m, given = model("ScaledSiLU", 1, [h[0], np.array(1.5, np.float16)], domain=MS)
    z = np.float16(1.5) * h[0]
    np.testing.assert_allclose(igata.Session(m).run(given)[0], z * (1 / (1 + np.exp(-z.astype(np.float32)))).astype(np.float16), rtol=2e-3)


def torch_gelu(x):
    from math import erf

    return x / 2 * (1 + np.vectorize(erf)(x / np.sqrt(2)))


@pytest.mark.parametrize("op", ["ComplexMul", "ComplexMulConj"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("b", [(3, 20, 2), (20, 2), (1, 1, 2)])
def test_complex(op, dtype, b):
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((3, 20, 2)).astype(dtype), rng.standard_normal(b).astype(dtype)
    m, feeds = model(op, 1, [x, y], domain=MS)
    z = (x[..., 0] + 1j * x[..., 1]) * (y[..., 0] + (1j if op == "ComplexMul" else -1j) * y[..., 1])
    want = np.stack([z.real, z.imag], -1)
    np.testing.assert_allclose(igata.Session(m).run(feeds)[0], want, rtol=1e-2 if dtype == np.float16 else 1e-5, atol=1e-2 if dtype == np.float16 else 1e-6)


@pytest.mark.parametrize("value,attrs,want", [(1, {}, True), (np.nan, {}, False), (np.inf, {}, False), (np.inf, {"isnan_only": 1}, True),
                                              (np.nan, {"isinf_only": 1}, True), (1e300, {}, True)])
def test_is_all_finite(value, attrs, want):
    dtype = np.float64 if value == 1e300 else np.float32
    x, y = np.ones(1000, dtype), np.full((3, 400), 2, dtype)
    y[2, 300] = value
    m, feeds = model("IsAllFinite", 1, [x, y], attrs, domain=MS)
    assert igata.Session(m).run(feeds)[0] == want


@pytest.mark.parametrize("op,attrs,f", [("Affine", {"alpha": 2.0, "beta": 1.0}, lambda x: 2 * x + 1), ("Scale", {"scale": 3.0}, lambda x: 3 * x),
                                        ("ScaledTanh", {"alpha": 2.0, "beta": 0.5}, lambda x: 2 * np.tanh(x / 2)),
                                        ("ParametricSoftplus", {"alpha": 2.0, "beta": 0.5}, lambda x: 2 * np.log1p(np.exp(x / 2))),
                                        ("ImageScaler", {"scale": 2.0, "bias": [1.0, 2.0, 3.0]}, lambda x: 2 * x + np.array([1, 2, 3]).reshape(3, 1, 1)),
                                        ("Crop", {"border": [1, 2, 3, 1]}, lambda x: x[:, :, 2:-1, 1:-3]),
                                        ("Crop", {"border": [1, 2, 0, 0], "scale": [2, 3]}, lambda x: x[:, :, 2:4, 1:4])])
def test_experimental(op, attrs, f):
    x = np.random.default_rng(9).standard_normal((2, 3, 6, 7)).astype(np.float32)
    m, feeds = model(op, 1, [x], attrs)
    np.testing.assert_allclose(igata.Session(m).run(feeds)[0], f(x), rtol=1e-5, atol=1e-6)


def test_given_tensor_fill():
    m, feeds = model("GivenTensorFill", 1, [], {"shape": [2, 2], "values": [1.0, 2.0, 3.0, 4.0]})
    np.testing.assert_array_equal(igata.Session(m).run(feeds)[0], [[1, 2], [3, 4]])
