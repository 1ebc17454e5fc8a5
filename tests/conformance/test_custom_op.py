"""The example of a library with operators, as its README has it."""
import shutil
import subprocess

import numpy as np
import pytest
from conftest import ROOT

EXAMPLE = ROOT / "examples/custom_op"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("custom")
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    subprocess.run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-I", ROOT / "include", EXAMPLE / "hann_smooth.c", "-lm", "-o", folder / "ops.so"], check=True)
    import sys
    subprocess.run([sys.executable, EXAMPLE / "make_model.py", folder / "model.onnx"], check=True)
    x = np.sin(np.arange(50) / 3).astype(np.float32)
    np.save(folder / "signal.npy", x)
    return folder, x


def test_run(igata, built):
    folder, x = built
    r = igata("run", folder / "model.onnx", "--ops", folder / "ops.so", "-i", f"signal={folder / 'signal.npy'}", "-o", folder / "out.npz")
    assert r.code == 0, r.err
    out = np.load(folder / "out.npz")
    w = np.hanning(7)[1:-1]
    want = np.convolve(np.pad(x, 2, mode="edge"), w / w.sum(), mode="valid")
    np.testing.assert_allclose(out["smooth"], want, atol=1e-6)
    y = out["smooth"]
    assert out["peaks"].tolist() == [i for i in range(1, 49) if y[i] > y[i - 1] and y[i] >= y[i + 1]]


def test_without_the_library(igata, built):
    folder, _ = built
    r = igata("run", folder / "model.onnx", "-i", f"signal={folder / 'signal.npy'}")
    assert r.code == 4 and "my.audio.Smooth" in r.err and "--ops" in r.err


def test_info_and_check(igata, built):
    folder, _ = built
    assert igata("info", folder / "model.onnx", "--ops", folder / "ops.so", "--json").json()
    assert igata("check", folder / "model.onnx", "--ops", folder / "ops.so").code == 0


def test_not_a_library(igata, built):
    folder, _ = built
    r = igata("run", folder / "model.onnx", "--ops", folder / "signal.npy")
    assert r.code == 3 and "igata_register_ops" in r.err
