"""Keras and TensorFlow.js models against what Keras answered when the fixtures were made (tests/fixtures/keras/make.py)."""
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "tests/fixtures/keras/files"
CASES = sorted(p.name.removesuffix(".in.npz") for p in FILES.glob("*.in.npz"))


def arrays(path):
    with np.load(path, allow_pickle=False) as z:
        return list(z.values())


def model_of(case):
    return next(p for p in (FILES / f"{case}.keras", FILES / f"{case}.h5", FILES / case / "model.json") if p.exists())


def test_there_are_cases():
    assert len(CASES) > 50


@pytest.mark.parametrize("case", CASES)
def test_answers(case, igata, tmp_path):
    r = igata("run", model_of(case), "-i", FILES / f"{case}.in.npz", "-o", tmp_path / "out.npz")
    assert r.code == 0, r.err
    got, want = arrays(tmp_path / "out.npz"), arrays(FILES / f"{case}.out.npz")
    assert [a.shape for a in got] == [a.shape for a in want]
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


def test_no_transposes_between_convolutions(igata, tmp_path):
    """Channels last become channels first at the input alone, whatever number of layers there is."""
    assert igata("convert", FILES / "k3_free_sizes.keras", tmp_path / "m.onnx").code == 0
    facts = json.loads(igata("info", "--json", tmp_path / "m.onnx").out)
    counts = {o["op"] if "op" in o else o["name"]: o["count"] for o in facts["operators"]}
    assert counts["Conv"] == 1 and counts["MaxPool"] == 1 and counts.get("Transpose", 0) <= 2


def test_rules_are_sorted():
    """A rule is found by halves."""
    text = (ROOT / "src/formats/keras/rules.def").read_text()
    names = re.findall(r'IG_K_RULE\("([^"]+)"', text)
    assert names == sorted(names, key=str.encode) and len(set(names)) == len(names)


def test_documents_are_up_to_date():
    subprocess.run([sys.executable, ROOT / "tools/make_format_docs.py", "--check"], check=True)


def changed(tmp_path, edit):
    """A copy of a TensorFlow.js model whose model.json was edited."""
    shutil.copytree(FILES / "js_merge", tmp_path / "m", dirs_exist_ok=True)
    path = tmp_path / "m/model.json"
    model = json.loads(path.read_text())
    edit(model)
    path.write_text(json.dumps(model))
    return path


@pytest.mark.parametrize("where", ["https://example.org/w.bin", "../w.bin", "/etc/hostname"])
def test_weights_stay_in_the_folder(where, igata, tmp_path):
    (tmp_path / "w.bin").write_bytes(b"1234")

    def edit(m):
        m["weightsManifest"] = [{"paths": [where], "weights": [{"name": "w", "shape": [1], "dtype": "float32"}]}]

    r = igata("tensors", changed(tmp_path, edit))
    assert r.code == 3, r.err
    assert "URL" in r.err or "path" in r.err or "folder" in r.err or ".." in r.err


def test_weights_that_are_cut_short(igata, tmp_path):
    def edit(m):
        m["weightsManifest"] = [{"paths": [], "weights": [{"name": "w", "shape": [1 << 40], "dtype": "float32"}]}]

    r = igata("tensors", changed(tmp_path, edit))
    assert r.code == 3 and "bytes" in r.err
