"""DFT and STFT against NumPy's transforms in double."""

import igata
import ml_dtypes
import numpy as np
import pytest
from compare import model_of
from onnx import TensorProto as T
from onnx import helper

TYPES = [(T.FLOAT, np.float32, 1e-5), (T.DOUBLE, np.float64, 1e-12), (T.FLOAT16, np.float16, 4e-3), (T.BFLOAT16, ml_dtypes.bfloat16, 3e-2)]


def pairs(z):
    return np.stack([z.real, z.imag], -1)


def check(got, want, tolerance):
    assert got.shape == want.shape
    assert np.abs(got.astype(np.float64) - want).max(initial=0) <= tolerance * max(1, np.abs(want).max(initial=0))


def run(op, version, elem, feeds, **attrs):
    names = [n if v is not None else "" for n, v in feeds.items()]
    types = [(n, elem if v.dtype.kind in "fV" else T.INT64, v.shape) for n, v in feeds.items() if v is not None]
    m = model_of([helper.make_node(op, names, ["y"], **attrs)], types, [helper.make_tensor_value_info("y", elem, None)], {"": version})
    return igata.Session(m).run({n: v for n, v in feeds.items() if v is not None})[0]


@pytest.mark.parametrize("elem,dtype,tolerance", TYPES)
@pytest.mark.parametrize("version", [17, 20])
@pytest.mark.parametrize("n", [1, 2, 7, 16, 30, 97, 128])
@pytest.mark.parametrize("form", ["real", "complex", "inverse", "half", "from_half"])
@pytest.mark.parametrize("length", [None, 5, 40])
def test_dft(elem, dtype, tolerance, version, n, form, length):
    rng = np.random.default_rng(n)
    for axis in (1, 2) if version == 17 else (0, -2):
        shape = [2, 3, 3]
        shape[axis if axis >= 0 else axis + 4] = n
        x = rng.standard_normal([*shape, 1 if form in ("real", "half") else 2]).astype(dtype)
        z = x.astype(np.float64)
        z = z[..., 0] + (1j * z[..., 1] if x.shape[-1] == 2 else 0)
        a = axis if axis >= 0 else axis + 4
        size = length or (n if form != "from_half" else 2 * (n - 1))
        if size < 1:
            continue
        want = {"real": lambda: pairs(np.fft.fft(z, size, a)), "complex": lambda: pairs(np.fft.fft(z, size, a)), "inverse": lambda: pairs(np.fft.ifft(z, size, a)),
                "half": lambda: pairs(np.fft.rfft(z.real, size, a)), "from_half": lambda: np.fft.irfft(z, size, a)[..., None]}[form]()
        feeds = {"x": x, "n": None if length is None else np.array(length, np.int64)}
        attrs = {"inverse": int(form in ("inverse", "from_half")), "onesided": int("half" in form)}
        if version == 17:
            attrs["axis"] = axis
        else:
            feeds["axis"] = np.array(axis, np.int64)
        check(run("DFT", version, elem, feeds, **attrs), want, tolerance)


@pytest.mark.parametrize("elem,dtype,tolerance", TYPES)
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("step,length,window", [(3, 8, True), (5, 13, False), (1, 6, True), (40, 40, False), (4, None, True)])
def test_stft(elem, dtype, tolerance, parts, step, length, window):
    rng = np.random.default_rng(step)
    x = rng.standard_normal((2, 40, parts)).astype(dtype)
    size = length or 8
    w = rng.standard_normal(size).astype(dtype) if window else None
    z = x.astype(np.float64)
    z = z[..., 0] + (1j * z[..., 1] if parts == 2 else 0)
    frames = np.stack([z[:, i : i + size] for i in range(0, 40 - size + 1, step)], 1) * (1 if w is None else w.astype(np.float64))
    feeds = {"x": x, "step": np.array(step, np.int64), "w": w, "length": None if length is None else np.array(length, np.int64)}
    for onesided in (0, 1) if parts == 1 else (0,):
        want = pairs(np.fft.rfft(frames.real) if onesided else np.fft.fft(frames))
        check(run("STFT", 17, elem, feeds, onesided=onesided), want, tolerance)


@pytest.mark.parametrize("op,version,feeds", [("DFT", 20, {"x": np.zeros((2, 4, 3), np.float32)}), ("DFT", 20, {"x": np.zeros((2, 4, 1), np.float32), "n": np.array(0)}),
                                              ("DFT", 20, {"x": np.zeros((2, 4, 1), np.float32), "n": None, "axis": np.array(-1)}), ("DFT", 20, {"x": np.zeros((2, 4, 1), np.float32), "n": np.array(1 << 60)}),
                                              ("STFT", 17, {"x": np.zeros((1, 8, 1), np.float32), "step": np.array(0)}), ("STFT", 17, {"x": np.zeros((1, 8, 1), np.float32), "step": np.array(1), "w": None, "n": np.array(9)})])
def test_refused(op, version, feeds):
    with pytest.raises(igata.Failure):
        run(op, version, T.FLOAT, feeds)
