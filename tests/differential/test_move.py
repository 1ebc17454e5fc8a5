"""Operators that change shapes and move elements: every version and element type, strings and types smaller than a byte among them,
against NumPy, onnxruntime or onnx's reference."""

import numpy as np
import pytest
from schemas import compare, every, igata, model, numbers, oracle, reference_run, types, versions

I64 = np.int64


def values(rng, t, shape):
    """Random elements of any type."""
    if t == 8:
        n = int(np.prod(shape))
        return np.array([rng.choice(["", "a", "été", "long string " * 3, "日本"]) + str(i % 5) for i in range(n)], object).reshape(shape)
    return numbers(rng, t, shape)


def ints(*a):
    return np.array(a, I64)


def expect(op, version, feeds, attrs, *want, domain="", **kw):
    compare(op, version, feeds, attrs, outputs=len(want), oracle=lambda m, f: list(want), rtol=0, domain=domain, **kw)


def reversed_shape(a):
    return a.transpose()


@pytest.mark.parametrize("op,version,t", every(["Reshape"]))
def test_reshape(op, version, t):
    x = values(np.random.default_rng(0), t, (2, 3, 4))
    for shape in ((4, 6), (2, -1), (0, -1, 2), (-1,), (1, 24, 1)):
        want = x.reshape([x.shape[i] if d == 0 else d for i, d in enumerate(shape)])
        if version == 1:
            expect(op, version, [x], {"shape": list(shape)}, want)
        else:
            expect(op, version, [x, ints(*shape)], {}, want)
    if version >= 14:
        empty = x[:, :0]
        expect(op, version, [empty, ints(0, 5)], {"allowzero": 1}, empty.reshape(0, 5))


@pytest.mark.parametrize("op,version,t", every(["Flatten", "Squeeze", "Unsqueeze", "Transpose", "Size", "Shape"]))
def test_views_and_transpose(op, version, t):
    x = values(np.random.default_rng(1), t, (2, 1, 5, 1))
    if op == "Flatten":
        for axis in (0, 1, 3, 4) + ((-1,) if version >= 11 else ()):
            at = axis % 4 if axis < 4 else 4
            expect(op, version, [x], {"axis": axis}, x.reshape(int(np.prod(x.shape[:at])), -1))
    elif op in ("Squeeze", "Unsqueeze"):
        for axes in ([1], [1, 3], [0, 2]) if op == "Unsqueeze" else ([1], [1, 3], None):
            want = np.squeeze(x, tuple(axes) if axes else None) if op == "Squeeze" else np.expand_dims(x, tuple(axes))
            attrs, more = ({"axes": axes} if axes else {}), []
            if version >= 13:
                attrs, more = {}, [ints(*axes)] if axes else []
            expect(op, version, [x, *more], attrs, want)
    elif op == "Transpose":
        for perm in (None, [0, 1, 2, 3], [2, 3, 0, 1], [3, 1, 0, 2]):
            expect(op, version, [x], {"perm": perm} if perm else {}, x.transpose(perm))
    elif op == "Size":
        expect(op, version, [x], {}, np.array(10, I64))
    else:
        expect(op, version, [x], {}, ints(2, 1, 5, 1))
        if version >= 15:
            for start, end in ((1, None), (-2, None), (0, -1), (-9, 9), (3, 1)):
                attrs = {"start": start} | ({} if end is None else {"end": end})
                expect(op, version, [x], attrs, ints(*x.shape[start:end]))


@pytest.mark.parametrize("shape,perm", [((5, 70), (1, 0)), ((3, 33, 65), (0, 2, 1)), ((3, 33, 65), (2, 0, 1)), ((130, 3, 7), (1, 2, 0)),
                                        ((4, 5, 6, 7), (3, 1, 2, 0)), ((64, 64), (1, 0)), ((2, 3, 4, 5, 6), (4, 2, 0, 3, 1)), ((1, 9, 1), (2, 1, 0)),
                                        ((300, 2), (1, 0)), ((2, 300, 2), (1, 0, 2)), ((0, 3), (1, 0))])  # fmt: skip
@pytest.mark.parametrize("t", [1, 2, 8, 10, 11, 15, 22, 26, 27])
def test_large_transposes(shape, perm, t):
    x = values(np.random.default_rng(2), t, shape)
    expect("Transpose", 25, [x], {"perm": list(perm)}, x.transpose(perm), threads=3)


@pytest.mark.parametrize("op,version,t", every(["Expand", "Tile"]))
def test_expand_and_tile(op, version, t):
    rng = np.random.default_rng(3)
    x = values(rng, t, (3, 1, 4))
    if op == "Expand":
        for shape in ((2, 3, 5, 4), (3, 1, 1), (1,), (5, 1), ()):
            expect(op, version, [x, ints(*shape)], {}, np.broadcast_to(x, np.broadcast_shapes(x.shape, shape)))
        scalar = values(rng, t, ())
        expect(op, version, [scalar, ints(2, 0)], {}, np.broadcast_to(scalar, (2, 0)))
    elif version >= 6:
        for repeats in ((1, 1, 1), (2, 3, 1), (1, 1, 5), (0, 1, 2)):
            expect(op, version, [x, ints(*repeats)], {}, np.tile(x, repeats))
    else:
        dtype = x.dtype
        expect(op, version, [x, np.array(3).astype(dtype), np.array(2).astype(dtype)], {}, np.tile(x, (1, 1, 3)))


@pytest.mark.parametrize("op,version,t", every(["Concat", "Split"]))
def test_concat_and_split(op, version, t):
    rng = np.random.default_rng(4)
    x = values(rng, t, (3, 7, 4))
    for axis in (0, 1, 2) + ((-1,) if version >= 11 else ()):
        parts = np.split(x, [2] if axis == 0 else [1, 3], axis)
        sizes = [p.shape[axis] for p in parts]
        if op == "Concat":
            expect(op, version, [*parts, parts[0][:, :0] if axis == 1 else parts[0]], {"axis": axis},
                   np.concatenate([*parts, parts[0][:, :0] if axis == 1 else parts[0]], axis))  # fmt: skip
        elif version >= 13:
            expect(op, version, [x, ints(*sizes)], {"axis": axis}, *parts)
        else:
            expect(op, version, [x], {"axis": axis, "split": sizes}, *parts)
    if op == "Split":
        expect(op, version, [x], {"axis": 2} | ({"num_outputs": 2} if version >= 18 else {}), *np.split(x, 2, 2))
        if version >= 18:
            expect(op, version, [x], {"axis": 1, "num_outputs": 3}, *np.split(x, [3, 6], 1))
    elif version == 1:
        expect(op, version, [x, x], {}, np.concatenate([x, x], 1))


SLICES = [((1,), (3,), (0,), (1,)), ((0, 1), (2**63 - 1, -1), (1, 2), (2, 1)), ((-1,), (-(2**63),), (1,), (-1,)), ((5, 9), (-9, 2), (1, 0), (-2, 1)),
          ((1, 1), (1, 5), (0, 2), (1, 1)), ((100,), (-100,), (2,), (-3,)), ((0,), (2**31 - 1,), (-1,), (3,)), ((-3,), (-1,), (1,), (1,))]  # fmt: skip


@pytest.mark.parametrize("op,version,t", every(["Slice"]))
@pytest.mark.parametrize("starts,ends,axes,steps", SLICES)
def test_slice(op, version, t, starts, ends, axes, steps):
    x = values(np.random.default_rng(5), t, (4, 9, 5))
    if version == 1:
        if any(s != 1 for s in steps) or min(axes) < 0:
            pytest.skip("version 1 has no steps")
        index = [slice(None)] * 3
        for s, e, a in zip(starts, ends, axes):
            index[a] = slice(s, e)
        expect(op, version, [x], {"starts": starts, "ends": ends, "axes": axes}, x[tuple(index)])
        return
    index = [slice(None)] * 3
    for s, e, a, k in zip(starts, ends, axes, steps):
        index[a] = slice(s, None if k < 0 and e < -x.shape[a] else e, k)
    small = np.int32 if all(abs(v) < 2**31 for v in (*starts, *ends, *steps)) else I64
    expect(op, version, [x, *(np.array(v, small) for v in (starts, ends, axes, steps))], {}, x[tuple(index)])


@pytest.mark.parametrize("op,version,t", every(["Pad"]))
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
def test_pad(op, version, t, mode):
    if mode == "wrap" and version < 19 or (t == 8 and version < 13):
        pytest.skip("came later")
    rng = np.random.default_rng(6)
    x = values(rng, t, (3, 4, 5))
    fill = values(rng, t, (1,))[0] if version >= 11 else np.array(1.25).astype(x.dtype)
    for pads in ((0, 0, 0, 0, 0, 0), (1, 0, 2, 0, 3, 1), (0, 2, 0, 2, 0, 1), (4, 5, 6, 3, 2, 9), (-1, 0, 1, 0, -2, 2)):
        cut = x[tuple(slice(max(0, -b), n + min(0, e)) for b, e, n in zip(pads, pads[3:], x.shape))]
        width = [(max(b, 0), max(e, 0)) for b, e in zip(pads, pads[3:])]
        index = np.pad(np.arange(cut.size).reshape(cut.shape), width, mode, **({"constant_values": -1} if mode == "constant" else {}))
        padded = np.append(cut.reshape(-1), np.array([fill], x.dtype))[index]
        name = "paddings" if version == 1 else "pads"
        if version < 11:
            expect(op, version, [x], {name: pads, "mode": mode, "value": 1.25}, padded)
        else:
            expect(op, version, [x, ints(*pads), np.array(fill, x.dtype)], {"mode": mode}, padded)
    if version >= 18 and mode == "constant" and t != 24:  # float8e8m0 has no zero
        want = np.pad(np.arange(60).reshape(3, 4, 5), ((0, 2), (0, 0), (1, 0)), constant_values=-1)
        want = np.append(x.reshape(-1), np.array(["" if t == 8 else np.array(0).astype(x.dtype)], x.dtype))[want]
        expect(op, version, [x, ints(1, 0, 0, 2), None, ints(-1, 0)], {}, want)


@pytest.mark.parametrize("op,version,t", every(["DepthToSpace", "SpaceToDepth"]))
def test_depth_and_space(op, version, t):
    x = values(np.random.default_rng(7), t, (2, 12, 4, 6))
    n, c, h, w = x.shape
    modes = ["DCR", "CRD"] if (version >= 11 and op == "DepthToSpace") or version >= 28 else [None]
    for mode in modes:
        attrs = {"blocksize": 2} | ({"mode": mode} if mode else {})
        if op == "DepthToSpace":
            a = x.reshape((n, c // 4, 2, 2, h, w) if mode == "CRD" else (n, 2, 2, c // 4, h, w))
            a = a.transpose((0, 1, 4, 2, 5, 3) if mode == "CRD" else (0, 3, 4, 1, 5, 2)).reshape(n, c // 4, 2 * h, 2 * w)
        else:
            a = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose((0, 1, 3, 5, 2, 4) if mode == "CRD" else (0, 3, 5, 1, 2, 4))
            a = a.reshape(n, 4 * c, h // 2, w // 2)
        expect(op, version, [x], attrs, a)


@pytest.mark.parametrize("op,version,t", every(["ReverseSequence", "CenterCropPad", "Trilu"]))
def test_other_moves(op, version, t):
    rng = np.random.default_rng(8)
    x = values(rng, t, (4, 6, 3))
    if op == "ReverseSequence":
        for time, batch in ((0, 1), (1, 0)):
            lengths = rng.integers(1, x.shape[time] + 1, x.shape[batch])
            y = x.copy() if time else x.transpose(1, 0, 2).copy()
            for b, n in enumerate(lengths):
                y[b, :n] = y[b, :n][::-1].copy()
            expect(op, version, [x, lengths], {"time_axis": time, "batch_axis": batch}, y if time else y.transpose(1, 0, 2))
    elif op == "CenterCropPad":
        if t in (8, 14, 15):
            zero = "" if t == 8 else x.dtype.type(0)
            y = np.full((4, 4, 5), zero, x.dtype)
            y[:, :, 1:4] = x[:, 1:5]
            expect(op, version, [x, ints(4, 5)], {"axes": [1, -1]}, y)
            return
        for shape, axes in (((3, 8, 3), None), ((7, 2), [2, 0]), ((1,), [1])):
            compare(op, version, [x, ints(*shape)], {"axes": axes} if axes else {}, oracle=reference_run, rtol=0)
    elif t != 8:
        for upper in (0, 1):
            for k in (None, 0, 2, -1, -9, 9, 2**62):
                mask = np.tril(np.ones(x.shape), min(k or 0, 99)) if not upper else np.triu(np.ones(x.shape), min(k or 0, 99))
                want = np.where(mask, x, np.array(0).astype(x.dtype))
                expect(op, version, [x] if k is None else [x, np.array(k, I64)], {"upper": upper}, want)


def test_com_microsoft_moves():
    x = np.arange(24, dtype=np.float32).reshape(2, 12)
    expect("UnfoldTensor", 1, [x], {"dim": 1, "size": 5, "step": 3}, np.stack([x[:, i : i + 5] for i in (0, 3, 6)], 1), domain="com.microsoft")
    expect("ExpandDims", 1, [x, np.array(-1, np.int32)], {}, x[..., None], domain="com.microsoft")
    expect("Pad", 1, [x, ints(0, 1, 1, 0).reshape(1, 4), np.array([2], np.float32)], {}, np.pad(x, ((0, 1), (1, 0)), constant_values=2),
           domain="com.microsoft")  # fmt: skip
    expect("Trilu", 1, [x, np.array(1, I64)], {"upper": 0}, np.tril(x, 1), domain="com.microsoft")


def test_qlinear_concat():
    rng = np.random.default_rng(9)
    for dtype in (np.uint8, np.int8):
        zero = lambda: rng.integers(0, 20, ()).astype(dtype)
        scale = lambda: rng.uniform(0.01, 0.1, ()).astype(np.float32)
        part = lambda n: rng.integers(0, 100, (2, n, 3)).astype(dtype)
        feeds = [scale(), zero(), part(2), scale(), zero(), part(5), scale(), zero()]
        compare("QLinearConcat", 1, feeds, {"axis": 1}, domain="com.microsoft", atol=0)


@pytest.mark.parametrize("op,feeds,attrs,word", [
    ("Reshape", [np.zeros((2, 3), np.float32), ints(4)], {}, "reshape"),
    ("Reshape", [np.zeros((2, 3), np.float32), ints(-1, -1)], {}, "both"),
    ("Squeeze", [np.zeros((2, 3), np.float32), ints(0)], {}, "squeezed"),
    ("Unsqueeze", [np.zeros((2, 3), np.float32), ints(5)], {}, "axis"),
    ("Transpose", [np.zeros((2, 3), np.float32)], {"perm": [0, 0]}, "permutation"),
    ("Expand", [np.zeros((2, 3), np.float32), ints(2, 4)], {}, "expanded"),
    ("Tile", [np.zeros((2, 3), np.float32), ints(-1, 4)], {}, "repeated"),
    ("Tile", [np.zeros((2, 3), np.float32), ints(2**40, 2**40)], {}, "."),
    ("Concat", [np.zeros((2, 3), np.float32), np.zeros((3, 3), np.float32)], {"axis": 1}, "dim 0"),
    ("Split", [np.zeros((2, 3), np.float32), ints(1, 1)], {"axis": 1}, "add up"),
    ("Slice", [np.zeros((2, 3), np.float32), ints(0), ints(1), ints(0), ints(0)], {}, "step"),
    ("Slice", [np.zeros((2, 3), np.float32), ints(0), ints(1), ints(2)], {}, "axis"),
    ("Pad", [np.zeros((2, 3), np.float32), ints(0, 0, -3, 0)], {}, "cut"),
    ("Pad", [np.zeros((2, 3), np.float32), ints(0, 0, 2**62, 2**62)], {}, "."),
    ("DepthToSpace", [np.zeros((1, 6, 2, 2), np.float32)], {"blocksize": 2}, "multiple"),
    ("ReverseSequence", [np.zeros((2, 3), np.float32), ints(1, 2, 3)], {}, "length"),
])  # fmt: skip
def test_impossible(op, feeds, attrs, word):
    version = versions(op)[-1][0]
    m, given = model(op, version, feeds, attrs, 2 if op == "Split" else 1)
    with pytest.raises(igata.Failure, match=word):
        igata.Session(m).run(given)
