"""Reductions, cumulative sums and softmax: every version and element type against NumPy in double precision, onnxruntime or onnx's
reference."""

import igata
import numpy as np
import pytest
from schemas import TOLERANCE, compare, every, numbers, ort_run
from test_move import expect, ints

FOLDS = {
    "ReduceSum": (np.sum, 0), "ReduceMean": (np.mean, np.nan), "ReduceMax": (np.max, None), "ReduceMin": (np.min, None), "ReduceProd": (np.prod, 1),
    "ReduceL1": (lambda x, **k: np.sum(np.abs(x), **k), 0), "ReduceL2": (lambda x, **k: np.sqrt(np.sum(np.square(x), **k)), 0),
    "ReduceLogSum": (lambda x, **k: np.log(np.sum(x, **k)), -np.inf), "ReduceSumSquare": (lambda x, **k: np.sum(np.square(x), **k), 0),
    "ReduceLogSumExp": (lambda x, **k: np.log(np.sum(np.exp(x), **k)), -np.inf),
}  # fmt: skip
AXES = [((4, 5, 6), None), ((4, 5, 6), [1]), ((4, 5, 6), [0, 2]), ((4, 5, 6), [-1, 0]), ((3, 1000), [1]), ((1000, 3), [0]), ((2, 3, 4, 5), [1, 3]),
        ((), None), ((5,), [0]), ((40000,), [0])]  # fmt: skip


def axes_of(op, version, axes):
    """Attributes and more inputs."""
    as_input = version >= (13 if op == "ReduceSum" else 18)
    if axes is None:
        return {}, []
    return ({}, [ints(*axes)]) if as_input else ({"axes": axes}, [])


def whole(x):
    return np.dtype(x.dtype).kind in "iub"


def close(op, version, feeds, attrs, want, t):
    tolerance = TOLERANCE.get(t, 2e-6)
    compare(op, version, feeds, attrs, oracle=lambda m, f: [want], rtol=tolerance, atol=tolerance, threads=2)


@pytest.mark.parametrize("op,version,t", every(FOLDS))
def test_reductions(op, version, t):
    rng = np.random.default_rng(1)
    fold = FOLDS[op][0]
    for shape, axes in AXES:
        if axes and min(axes) < 0 and version < 11:
            continue
        x = numbers(rng, t, shape, special=False)
        if op in ("ReduceLogSum", "ReduceL2", "ReduceMean") and whole(x):
            x = np.abs(x.astype(np.int64)).astype(x.dtype) + x.dtype.type(1)
        if op == "ReduceLogSum":
            x = (np.abs(x.astype(np.float64)) + 0.1).astype(x.dtype) if not whole(x) else x
        if op == "ReduceProd":
            x = numbers(rng, t, shape, low=1, high=1.02, special=False) if not whole(x) else x
        attrs, more = axes_of(op, version, axes)
        exact = whole(x) and op not in ("ReduceLogSum", "ReduceLogSumExp", "ReduceL2", "ReduceMean")
        wide = x.astype(np.uint64 if np.dtype(x.dtype).kind == "u" else np.int64) if exact else x.astype(np.float64)
        wide = x if t == 9 else wide
        for keep in (0, 1):
            with np.errstate(all="ignore"):
                want = np.asarray(fold(wide, axis=None if axes is None else tuple(axes), keepdims=bool(keep)))
                want = np.trunc(want) if whole(x) and not exact else want
                want = want.astype(x.dtype)
            close(op, version, [x, *more], {**attrs, "keepdims": keep}, want, t)


@pytest.mark.parametrize("op", FOLDS)
def test_empty_and_no_axes(op):
    version = 18 if op in ("ReduceLogSum", "ReduceLogSumExp") else 20 if op in ("ReduceMax", "ReduceMin") else 18
    fold, empty = FOLDS[op]
    if op == "ReduceSum":
        version = 13
    ends = {"ReduceMax": -np.inf, "ReduceMin": np.inf}
    x = np.zeros((2, 0, 3), np.float32)
    expect(op, version, [x, ints(1)], {}, np.full((2, 1, 3), ends.get(op, empty), np.float32))
    expect(op, version, [x, ints(0)], {"keepdims": 0}, np.zeros((0, 3), np.float32))
    y = np.array([[0.5, 2], [3, 4]], np.float32)
    same = fold(y.astype(np.float64), axis=()).astype(np.float32)
    for feeds in ([y], [y, ints()]):
        close(op, version, feeds, {"noop_with_empty_axes": 1}, same, 1)
        close(op, version, feeds, {}, np.asarray(fold(y.astype(np.float64), keepdims=True), np.float32), 1)
    if op in ends:
        for dtype in (np.int8, np.uint8, np.int32, np.int64, np.uint64):
            info = np.iinfo(dtype)
            expect(op, version, [np.zeros((0, 2), dtype), ints(0)], {}, np.full((1, 2), info.min if op == "ReduceMax" else info.max, dtype))
        nan = np.array([[1, np.nan, 2], [1, 2, 3]], np.float32)
        expect(op, version, [nan, ints(1)], {}, fold(nan, axis=1, keepdims=True))
        expect(op, version, [nan, ints(0)], {}, fold(nan, axis=0, keepdims=True))


def test_precision():
    """Sums don't lose digits with length, and logarithms of sums of exponentials don't overflow."""
    x = np.full(10**6, 0.1, np.float32)
    total = np.array(np.sum(x.astype(np.float64)), np.float32)
    compare("ReduceSum", 13, [x], {"keepdims": 0}, oracle=lambda m, f: [total], rtol=2.5e-7, atol=0)
    means = np.full(1000, np.float32(0.1))
    compare("ReduceMean", 18, [x.reshape(1000, 1000), ints(0)], {"keepdims": 0}, oracle=lambda m, f: [means], rtol=2.5e-7, atol=0)
    y = np.array([[1000, 1000], [-1000, -1000], [np.inf, 0], [-np.inf, -np.inf]], np.float32)
    want = np.array([1000 + np.log(2), -1000 + np.log(2), np.inf, -np.inf], np.float32)
    close("ReduceLogSumExp", 18, [y, ints(1)], {"keepdims": 0}, want, 1)
    h = np.full(4096, 16, np.float16)
    expect("ReduceMean", 18, [h], {"keepdims": 0}, np.array(16, np.float16))


@pytest.mark.parametrize("op,version,t", every(["Softmax", "LogSoftmax", "Hardmax"]))
def test_softmaxes(op, version, t):
    rng = np.random.default_rng(2)
    for shape in ((3, 4, 5), (2, 1500), (2, 40, 33), (7,)):
        x = numbers(rng, t, shape, low=-9, high=9, special=False)
        for axis in range(-len(shape) if version >= 11 else 0, len(shape)):
            flat = (int(np.prod(shape[: axis % len(shape)])), -1)
            wide = x.astype(np.float64).reshape(flat) if version < 13 else x.astype(np.float64)
            along = -1 if version < 13 else axis
            e = np.exp(wide - wide.max(along, keepdims=True))
            s = e.sum(along, keepdims=True)
            want = e / s if op == "Softmax" else np.log(e / s)
            if op == "Hardmax":
                want = np.expand_dims(wide.argmax(along), along) == np.arange(wide.shape[along]).reshape(
                    [-1 if k == along % wide.ndim else 1 for k in range(wide.ndim)])  # fmt: skip
            close(op, version, [x], {"axis": axis}, want.reshape(shape).astype(x.dtype), t)


def test_softmax_of_extremes():
    inf, nan = np.inf, np.nan
    x = np.array([[0, -inf, -200, 5], [-inf, -inf, -inf, -inf], [1e38, -1e38, 1e38, 0], [nan, 1, 2, 3], [88, -88, 0, 87]], np.float32)
    compare("Softmax", 13, [x], {}, oracle=ort_run)
    compare("LogSoftmax", 13, [x[[0, 2, 4]]], {}, oracle=ort_run)
    compare("Softmax", 13, [x.T.copy()], {"axis": 0}, oracle=ort_run)


@pytest.mark.parametrize("op,version,t", every(["CumSum", "CumProd"]))
def test_cumulative(op, version, t):
    rng = np.random.default_rng(3)
    f, start = (np.cumsum, 0) if op == "CumSum" else (np.cumprod, 1)
    for shape in ((3, 4, 5), (2, 20, 33), (6,)):
        x = numbers(rng, t, shape, low=0, high=2, special=False)
        wide = x if whole(x) else x.astype(np.float64)
        for axis in range(-len(shape), len(shape)):
            for exclusive, reverse in ((0, 0), (0, 1), (1, 0), (1, 1)):
                a = np.flip(wide, axis) if reverse else wide
                if exclusive:
                    a = np.roll(a, 1, axis)
                    a[tuple(slice(1) if k == axis % x.ndim else slice(None) for k in range(x.ndim))] = start
                want = f(a, axis, dtype=a.dtype)
                want = np.flip(want, axis) if reverse else want
                close(op, version, [x, np.array(axis, np.int32 if reverse else np.int64)], {"exclusive": exclusive, "reverse": reverse},
                      want.astype(x.dtype), t)  # fmt: skip


def test_reductions_of_com_microsoft():
    rng = np.random.default_rng(4)
    for dtype, wide in ((np.int8, np.int32), (np.uint8, np.uint32)):
        x = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (5, 6, 7)).astype(dtype)
        expect("ReduceSumInteger", 1, [x], {"axes": [0, 2], "keepdims": 1}, x.sum((0, 2), dtype=wide, keepdims=True), domain="com.microsoft")
        scale, zero = lambda: rng.uniform(0.02, 0.1, ()).astype(np.float32), lambda: rng.integers(0, 9, ()).astype(dtype)
        feeds = [x, scale(), zero(), scale(), zero()]
        mean = np.rint((x.astype(np.float64).mean(1) - float(feeds[2])) * float(feeds[1]) / float(feeds[3])) + float(feeds[4])
        want = np.clip(mean, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)
        compare("QLinearReduceMean", 1, feeds, {"axes": [1], "keepdims": 0}, domain="com.microsoft", atol=1, oracle=lambda m, f: [want])
        for opset, axis in ((12, 1), (13, -1), (13, 0)):
            for y_scale in (1 / 256, 1 / 255, 0.0048):
                feeds = [x, scale(), zero(), np.array(y_scale, np.float32), np.array(0 if dtype == np.uint8 else -128, dtype)]
                compare("QLinearSoftmax", 1, feeds, {"opset": opset, "axis": axis}, domain="com.microsoft", atol=0)
