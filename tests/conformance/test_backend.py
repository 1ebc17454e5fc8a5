"""Every backend test case of the Python package onnx, through `igata verify`."""

import sys

import pytest
from conftest import BUILD, ROOT, program

sys.path.insert(0, str(ROOT / "tests/backend"))
import cases

OUT = cases.write(ROOT / "build/backend")
FOLDERS = sorted(p.parent for p in OUT.glob("*/*/model.onnx"))

pytestmark = pytest.mark.xdist_group("backend")  # one process runs them all at once


@pytest.fixture(scope="session")
def failures():
    return {f["case"]: f["reason"] for f in program(BUILD / "igata", "verify", OUT, "--json", timeout=1800).json()["failures"]}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_case(folder, failures):
    assert str(folder) not in failures, failures[str(folder)]
