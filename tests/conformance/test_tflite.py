"""TFLite models against what TensorFlow's own kernels answered when the fixtures were made (tests/fixtures/tflite/make.py)."""
from pathlib import Path

import numpy as np
import pytest

FILES = Path(__file__).resolve().parents[1] / "fixtures/tflite/files"
CASES = sorted(p.stem for p in FILES.glob("*.tflite"))


def arrays(path):
    with np.load(path, allow_pickle=False) as z:
        return {k: z[k] for k in z.files}


FAR = {"softmax_int16": 8}  # its kernel looks up tables


def wrong(name, got, want):
    """How many elements differ. Integers that stand for reals may be one off: some kernels round products more than once."""
    if got.shape != want.shape:
        return f"shape {got.shape} want {want.shape}"
    if want.dtype.kind in "SU":
        return sum(str(a) != str(b) for a, b in zip(got.ravel(), want.ravel()))
    if want.dtype.kind in "fc":
        return int((~np.isclose(got, want, rtol=1e-4, atol=1e-5, equal_nan=True)).sum())
    return int((np.abs(got.astype(np.int64) - want.astype(np.int64)) > FAR.get(name, want.dtype.itemsize < 4)).sum())


@pytest.mark.parametrize("case", CASES)
def test_answers(case, igata, tmp_path):
    r = igata("run", FILES / f"{case}.tflite", "-i", FILES / f"{case}.in.npz", "-o", tmp_path / "out.npz")
    assert r.code == 0, r.err
    got, want = arrays(tmp_path / "out.npz"), arrays(FILES / f"{case}.out.npz")
    assert {k: w for k, v in want.items() if (w := wrong(k, got[k], v))} == {}


def test_formats_list_operators(igata):
    formats = {f["name"]: f for f in igata("formats", "--json").json()["formats"]}
    assert formats["tflite"]["reads"] and formats["tflite"]["operators"] >= 200
    rows = {r["operator"]: r["onnx"] for r in igata("formats", "tflite", "--json").json()["operators"]}
    assert rows["ADD"] == "Add" and rows["CONV_2D"] == "" and len(rows) == formats["tflite"]["operators"]


def test_info(igata):
    r = igata("info", FILES / "conv_float.tflite", "--json").json()
    assert r["runs"] and r["unsupported_nodes"] == 0
