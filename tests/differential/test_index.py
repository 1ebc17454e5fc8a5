"""Operators that look up by index, search and sort: every version and element type against NumPy, onnxruntime or onnx's reference."""

import igata
import numpy as np
import pytest
from schemas import compare, every, model, numbers, types, versions
from test_move import expect, ints, values

I64 = np.int64


@pytest.mark.parametrize("op,version,t", every(["Gather", "GatherElements", "GatherND"]))
@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_gathers(op, version, t, kind):
    rng = np.random.default_rng(1)
    x = values(rng, t, (4, 5, 6))
    low = 0 if version == 1 else 1
    if op == "Gather":
        for axis, shape in ((0, (3,)), (1, (2, 2)), (2, ()), (1, (0,)), (-1, (7,))):
            at = rng.integers(-low * x.shape[axis], x.shape[axis], shape).astype(kind)
            expect(op, version, [x, np.array(at)], {"axis": axis}, np.take(x, at, axis), threads=2)
    elif op == "GatherElements":
        for axis in (0, 1, 2, -1):
            shape = [4, 3, 2]
            shape[axis] = 9
            shape = [s if k == axis % 3 else min(s, x.shape[k]) for k, s in enumerate(shape)]
            at = rng.integers(-x.shape[axis], x.shape[axis], shape).astype(kind)
            part = x[tuple(slice(None) if k == axis % 3 else slice(s) for k, s in enumerate(shape))]
            expect(op, version, [x, at], {"axis": axis}, np.take_along_axis(part, at.astype(I64), axis), threads=2)
    elif kind == I64:
        for batch, depth in ((0, 1), (0, 3), (1, 1), (1, 2), (2, 1)) if version >= 12 else ((0, 1), (0, 2), (0, 3)):
            lead = list(x.shape[:batch]) + [3]
            at = np.stack([rng.integers(-x.shape[batch + k], x.shape[batch + k], lead) for k in range(depth)], -1)
            want = np.empty(tuple(lead) + x.shape[batch + depth :], x.dtype)
            for i in np.ndindex(*lead):
                want[i] = x[i[:batch] + tuple(at[i])]
            expect(op, version, [x, at], {"batch_dims": batch} if batch else {}, want, threads=2)


REDUCE = {"none": lambda a, b: b, "add": lambda a, b: a + b, "mul": lambda a, b: a * b, "max": np.maximum, "min": np.minimum}


def scatter_cases():
    for op, version, t in every(["Scatter", "ScatterElements", "ScatterND"]):
        modes = {16: 3, 18: 5}.get(version, 1)
        for reduction in list(REDUCE)[:modes]:
            defined = reduction == "none" or (t not in (8, 14, 15) and not (t == 9 and reduction in ("add", "mul")))
            if defined and (op, version) != ("Scatter", 11):
                yield op, version, t, reduction


@pytest.mark.parametrize("op,version,t,reduction", list(scatter_cases()))
def test_scatters(op, version, t, reduction):
    modes = {16: 3, 18: 5}.get(version, 1)
    rng = np.random.default_rng(2)
    x = values(rng, t, (5, 4, 3))
    f = REDUCE[reduction]
    wide = np.float32 if t in (10, 16, 17, 18, 19, 20, 24) else x.dtype  # narrow floats are rounded once, in the end
    attrs = {"reduction": reduction} if modes > 1 else {}
    with np.errstate(all="ignore"):
        if op == "ScatterND":
            for depth in (1, 2, 3):
                at = np.stack([rng.integers(-x.shape[k], x.shape[k], (2, 3)) for k in range(depth)], -1)
                if reduction == "none":
                    at = np.stack(np.unravel_index(rng.permutation(int(np.prod(x.shape[:depth])))[:3], x.shape[:depth]), -1)
                updates = values(rng, t, at.shape[:-1] + x.shape[depth:])
                want = x.astype(wide)
                for i in np.ndindex(*at.shape[:-1]):
                    want[tuple(at[i])] = f(want[tuple(at[i])], updates[i].astype(wide) if t != 8 else updates[i])
                expect(op, version, [x, at, updates], attrs, want.astype(x.dtype))
            return
        for axis in (0, 1, 2) + ((-2,) if version >= 11 else ()):
            shape = [3, 2, 2]
            low = 0 if version < 11 else -1
            at = rng.integers(low * x.shape[axis], x.shape[axis], shape).astype(rng.choice([np.int32, I64]))
            if reduction == "none":  # each place once
                n = shape[axis]
                order = np.stack([rng.permutation(x.shape[axis])[:n] for _ in range(int(np.prod(shape)) // n)], -1).reshape(
                    [n] + [s for k, s in enumerate(shape) if k != axis % 3])  # fmt: skip
                at = np.moveaxis(order, 0, axis)
            updates = values(rng, t, shape)
            want = x.astype(wide)
            for i in np.ndindex(*shape):
                place = list(i)
                place[axis] = at[i]
                update = np.array(updates[i]).astype(wide) if t != 8 else updates[i]
                want[tuple(place)] = f(want[tuple(place)], update)
            expect(op, version, [x, at, updates], {**attrs, "axis": axis}, want.astype(x.dtype))


@pytest.mark.parametrize("op,version,t", every(["TensorScatter"]))
def test_tensor_scatter(op, version, t):
    rng = np.random.default_rng(3)
    x, update = values(rng, t, (2, 3, 6, 2)), values(rng, t, (2, 3, 4, 2))
    for mode, at in (("linear", [1, 2]), ("circular", [3, 5]), ("linear", None)):
        want = x.copy()
        for b in range(2):
            for i in range(4):
                want[b, :, ((at[b] if at else 0) + i) % 6] = update[b, :, i]
        expect(op, version, [x, update] + ([ints(*at)] if at else []), {"mode": mode}, want)
    m, feeds = model(op, version, [x, update, ints(5, 5)])
    with pytest.raises(igata.Failure, match="don't fit"):
        igata.Session(m).run(feeds)


@pytest.mark.parametrize("version,t", [(v, t) for v, s in versions("OneHot") for t in types(s, 2)])
def test_one_hot(version, t):
    rng = np.random.default_rng(4)
    off_on = values(rng, t, (2,))
    for kind, axis in ((I64, -1), (np.int32, 0), (np.float32, 1), (np.uint8, 2)):
        low = -7 if version >= 11 and kind != np.uint8 else 0
        at = rng.integers(low, 8, (3, 4)).astype(kind)
        wrapped = np.where((at < 0) & (at >= -5), at + 5, at)
        hit = np.expand_dims(wrapped, axis if axis >= 0 else 2) == np.arange(5).reshape([5 if k == axis % 3 else 1 for k in range(3)])
        depth = np.array([5] if kind == I64 else 5).astype(rng.choice([I64, np.float32]))
        expect("OneHot", version, [at, depth, off_on], {"axis": axis}, np.where(hit, off_on[1], off_on[0]).astype(off_on.dtype))


@pytest.mark.parametrize("op,version,t", every(["NonZero", "Compress"]))
def test_nonzero_and_compress(op, version, t):
    rng = np.random.default_rng(5)
    x = values(rng, t, (3, 4, 5))
    if op == "NonZero":
        zero = "" if t == 8 else np.array(0).astype(x.dtype)
        x = np.where(rng.integers(0, 2, x.shape), x, zero).astype(x.dtype)
        truth = (x != "") if t == 8 else np.asarray(x.astype(np.complex128 if t in (14, 15) else np.float64) != 0)
        expect(op, version, [x], {}, np.stack(np.nonzero(truth)).astype(I64))
        expect(op, version, [x[:0]], {}, np.zeros((3, 0), I64))
    else:
        for axis, n in ((None, 17), (0, 3), (1, 3), (2, 5)) + (((-1, 4),) if version >= 11 else ()):
            c = rng.integers(0, 2, n).astype(bool)
            expect(op, version, [x, c], {} if axis is None else {"axis": axis}, np.compress(c, x, axis))


@pytest.mark.parametrize("op,version,t", every(["Unique"]))
@pytest.mark.parametrize("sort", [0, 1])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_unique(op, version, t, sort, axis):
    rng = np.random.default_rng(6)
    a = rng.integers(0, 2 if axis is not None else 5, (6, 3, 2))
    x = np.array([f"s{i}" for i in a.reshape(-1)], object).reshape(a.shape) if t == 8 else a.astype(igata.DTYPES[t])
    key = a if t != 9 else (a != 0).astype(I64)
    u, first, inverse, count = np.unique(key, True, True, True, axis=axis)
    order = np.arange(len(first)) if sort else np.argsort(first)
    place = np.argsort(order)
    first, count, inverse = first[order], count[order], place[inverse.reshape(-1)]
    want = x.reshape(-1)[first] if axis is None else np.take(x, first, axis)
    expect(op, version, [x], {"sorted": sort} | ({} if axis is None else {"axis": axis}), want, first, inverse, count)


def test_unique_oddities():
    nan = np.array([np.nan, 1, np.nan, -0.0, 0.0, -np.inf], np.float32)
    expect("Unique", 11, [nan], {}, np.array([-np.inf, -0.0, 1, np.nan], np.float32), ints(5, 3, 1, 0), ints(3, 2, 3, 1, 1, 0), ints(1, 2, 1, 2))
    expect("Unique", 11, [nan[:0]], {}, nan[:0], ints(), ints(), ints())
    x = np.array([5, 3, 5, 1, 3], np.int64)
    expect("Unique", 1, [x], {}, np.array([5, 3, 1], I64), ints(0, 1, 0, 2, 1), ints(2, 2, 1), domain="com.microsoft")


@pytest.mark.parametrize("op,version,t,largest", [(*c, l) for c in every(["TopK"]) for l in ((0, 1) if c[1] >= 11 else (1,))])
def test_topk(op, version, t, largest):
    rng = np.random.default_rng(7)
    for shape, axis in (((5, 40), 1), ((30, 3, 4), 0), ((2, 300), -1), ((7,), 0)):
        n = int(np.prod(shape))
        x = (rng.integers(0, 25, n).astype(igata.DTYPES[t]) if t in (2, 3) else numbers(rng, t, (n,), special=False)).reshape(shape)
        x.reshape(-1)[::7] = x.reshape(-1)[0]
        if np.dtype(x.dtype).kind == "f":
            x.reshape(-1)[1] = np.inf
        for k in (0, 1, 3, shape[axis]):
            key = -x.astype(np.float64) if largest else x.astype(np.float64)
            at = np.take(np.argsort(key, axis, kind="stable"), np.arange(k), axis)
            attrs = {"axis": axis} | ({"largest": largest} if version >= 11 else {}) | ({"k": k} if version == 1 else {})
            if version == 1 and k == 0:
                continue
            feeds = [x] if version == 1 else [x, ints(k)]
            expect(op, version, feeds, attrs, np.take_along_axis(x, at, axis), at, threads=2)


@pytest.mark.parametrize("op,version,t", every(["ArgMax", "ArgMin"]))
def test_arg_extremes(op, version, t):
    rng = np.random.default_rng(8)
    f = np.argmax if op == "ArgMax" else np.argmin
    for shape in ((4, 5, 6), (3, 300)):
        x = numbers(rng, t, shape, low=-2, high=2)
        wide = x.astype(np.float64)
        if t in (7, 13):
            wide = x
        for axis in range(-len(shape), len(shape)):
            if axis < 0 and version < 11:
                continue
            for last in (0, 1) if version >= 12 else (0,):
                flip = np.flip(wide, axis)
                want = shape[axis] - 1 - f(flip, axis) if last else f(wide, axis)
                for keep in (last, 1 - (axis & 1)):
                    w = np.expand_dims(want, axis) if keep else want
                    attrs = {"axis": axis, "keepdims": keep} | ({"select_last_index": last} if last else {})
                    expect(op, version, [x], attrs, np.asarray(w, I64), threads=2)


def test_sequence_operators_of_com_microsoft():
    rng = np.random.default_rng(9)
    compare("NGramRepeatBlock", 1, [rng.integers(0, 3, (2, 9)), rng.uniform(size=(2, 5)).astype(np.float32)], {"ngram_size": 3},
            domain="com.microsoft")  # fmt: skip
    for shape in ((5, 9), (1, 7, 3), (1, 1)):
        compare("DynamicTimeWarping", 1, [rng.uniform(size=shape).astype(np.float32)], domain="com.microsoft")


@pytest.mark.parametrize("op,feeds,attrs,word", [
    ("Gather", [np.zeros((2, 3)), ints(2)], {}, "index 2 is outside"),
    ("GatherElements", [np.zeros((2, 3)), ints(-3, 0, 0)[None]], {}, "index -3 is outside"),
    ("GatherND", [np.zeros((2, 3)), ints(0, 3)], {}, "index 3 is outside"),
    ("ScatterElements", [np.zeros(3), ints(5), np.zeros(1)], {}, "index 5 is outside"),
    ("ScatterND", [np.zeros(3), ints(5)[None], np.zeros(1)], {}, "index 5 is outside"),
    ("ScatterND", [np.zeros(3), ints(1)[None], np.zeros(2)], {}, "."),
    ("TopK", [np.zeros(3), ints(4)], {}, "k is 4"),
    ("ArgMax", [np.zeros((2, 0))], {"axis": 1}, "no elements"),
    ("Compress", [np.zeros(3), np.ones(4, bool)], {"axis": 0}, "4 entries"),
])  # fmt: skip
def test_impossible(op, feeds, attrs, word):
    m, given = model(op, versions(op)[-1][0], feeds, attrs, 2 if op == "TopK" else 1)
    with pytest.raises(igata.Failure, match=word):
        igata.Session(m).run(given)


@pytest.mark.parametrize("op,static,attrs,word", [
    ("Concat", [np.zeros((2, 3), np.float32)], {"axis": 1}, "fit together"),
    ("Expand", [ints(4, 3)], {}, "expanded"),
    ("GatherElements", [np.zeros((7, 3), np.int64)], {"axis": 1}, "larger"),
    ("GatherND", [np.zeros((7, 1), np.int64)], {"batch_dims": 1}, "batch dim"),
    ("ScatterElements", [np.zeros((7, 3), np.int64), np.zeros((7, 3), np.float32)], {"axis": 1}, "larger"),
    ("TensorScatter", [np.zeros((7, 2), np.float32)], {"axis": 1}, "differ"),
])  # fmt: skip
def test_sizes_that_turn_out_otherwise(op, static, attrs, word):
    """The first input has 5 rows, which nobody knows before the run; the others say that it has another number."""
    from compare import model_of
    from onnx import helper

    feeds = {"x": np.zeros((5, 3), np.float32), "keep": np.ones(5, bool)} | {f"s{i}": a for i, a in enumerate(static)}
    infos = [(n, igata.NUMBERS[a.dtype], a.shape) for n, a in feeds.items()]
    nodes = [helper.make_node("Compress", ["x", "keep"], ["d"], axis=0), helper.make_node(op, ["d", *list(feeds)[2:]], ["y"], **attrs)]
    outputs = [helper.make_tensor_value_info("y", 1, None)]
    with pytest.raises(igata.Failure, match=word):
        igata.Session(model_of(nodes, infos, outputs, {"": 24})).run(feeds)
