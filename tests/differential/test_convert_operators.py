"""Conversion between opsets: the operator cases of ONNX's backend tests give the same outputs after it, up and down."""
import ctypes as C
import json
import os
import subprocess
import sys
from pathlib import Path

import igata
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("IGATA_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/backend"))
import cases

OPSETS = range(1, 29) if os.environ.get("IGATA_LONG") else (1, 12, 28)


class ConvertOptions(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("opset", C.c_int64), ("ml_opset", C.c_int64), ("ir_version", C.c_int64)]


convert = igata._declare("ig_model_convert", C.c_int, C.POINTER(igata.P), igata.P, igata.P, igata.P)
save = igata._declare("ig_model_save", C.c_int, igata.P, C.c_char_p, igata.P, igata.P)


@pytest.fixture(scope="module")
def folder():
    return cases.write(ROOT / "build/backend") / "node"


def convert_all(folder, out, opset):
    """Writes what can be converted; returns how many that were, and what went wrong."""
    done, wrong = 0, []
    for case in sorted(folder.iterdir()):
        model, made, err = igata.P(), igata.P(), igata.Error()
        assert igata.model_open(C.byref(model), str(case / "model.onnx").encode(), None, C.byref(err)) == 0, err.message
        options = ConvertOptions(C.sizeof(ConvertOptions), opset)
        status = convert(C.byref(made), model, C.byref(options), C.byref(err))
        if status == 0:
            (out / case.name).mkdir()
            status = save(made, str(out / case.name / "model.onnx").encode(), None, C.byref(err))
            for other in case.iterdir():
                if other.name != "model.onnx":
                    os.symlink(other, out / case.name / other.name)
            done += 1
            igata.model_free(made)
        if status and (b"can't be converted" not in err.message or opset == 28):
            wrong.append((case.name, err.message))
        igata.model_free(model)
    return done, wrong


def failures(path):
    r = subprocess.run([BUILD / "igata", "verify", path, "--json"], capture_output=True, text=True)
    return {Path(f["case"]).name: f["reason"] for f in json.loads(r.stdout)["failures"]}


@pytest.fixture(scope="module")
def before(folder):
    return failures(folder)


@pytest.mark.parametrize("opset", OPSETS)
def test_operators(opset, folder, before, tmp_path):
    done, wrong = convert_all(folder, tmp_path, opset)
    assert not wrong
    assert done > 500
    assert {k: v for k, v in failures(tmp_path).items() if k not in before} == {}
