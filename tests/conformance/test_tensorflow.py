"""SavedModels that TensorFlow wrote (fixtures/tensorflow/make_models.py): runs, signatures, conversions, damaged files."""
import shutil

import numpy as np
import onnxruntime
import pytest

from conftest import ROOT

FIXTURES = ROOT / "tests/fixtures/tensorflow"
CALLS = [("words", "serving_default"), ("words", "name"), ("state", "serving_default"), ("recurrent", "serving_default")]


def values(model, signature, what):
    content = np.load(FIXTURES / model / "values.npz")
    prefix = f"{signature}/{what}/"
    arrays = {k.removeprefix(prefix): content[k] for k in content.files if k.startswith(prefix)}
    return {k: np.char.decode(a) if a.dtype.kind == "S" else a for k, a in arrays.items()}


def same(got, want):
    assert set(want) <= set(got)
    for name, w in want.items():
        assert got[name].shape == w.shape and got[name].dtype.kind == w.dtype.kind
        if w.dtype.kind == "U":
            assert (got[name] == w).all()
        else:
            np.testing.assert_allclose(got[name], w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model, signature", CALLS)
def test_run(igata, tmp_path, model, signature):
    np.savez(tmp_path / "in.npz", **values(model, signature, "in"))
    r = igata("run", FIXTURES / model, "--signature", signature, "-i", tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    assert r.code == 0, r.err
    same(dict(np.load(tmp_path / "out.npz")), values(model, signature, "out"))


@pytest.mark.parametrize("model, signature", [c for c in CALLS if c[0] != "words"])  # whose hash is an operator of igata
def test_convert(igata, tmp_path, model, signature):
    r = igata("convert", FIXTURES / model, tmp_path / "m.onnx")
    assert r.code == 0, r.err
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    got = session.run(None, values(model, signature, "in"))
    names = [o.name for o in session.get_outputs()]
    same({n: np.asarray(a, "U") if a.dtype == object else a for n, a in zip(names, got)}, values(model, signature, "out"))


def test_signatures(igata):
    assert igata("info", FIXTURES / "words", "--signature", "name").code == 0
    r = igata("info", FIXTURES / "words", "--signature", "no such")
    assert r.code != 0 and "no such" in r.err


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"])
def test_damaged(igata, tmp_path, file):
    """Truncated, or with a byte that is another: an error or other numbers, never a crash."""
    rng = np.random.default_rng(5)
    np.savez(tmp_path / "in.npz", **values("words", "serving_default", "in"))
    whole = (FIXTURES / "words" / file).read_bytes()
    shutil.copytree(FIXTURES / "words", tmp_path / "m")
    for k in range(12):
        damaged = bytearray(whole[: rng.integers(len(whole))] if k % 2 else whole)
        if not k % 2:
            damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        (tmp_path / "m" / file).write_bytes(damaged)
        igata("run", tmp_path / "m", "-i", tmp_path / "in.npz", "-o", tmp_path / "out.npz", "--force", timeout=20)


def test_documented():
    """The page about TensorFlow is that of the tables."""
    import subprocess
    import sys

    r = subprocess.run([sys.executable, ROOT / "tools/make_tf_docs.py", "--check"], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
