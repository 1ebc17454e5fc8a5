"""TensorFlow's operators: graphs that TensorFlow made, against what it computed (fixtures/tensorflow/make.py)."""
import tempfile
from pathlib import Path

import igata
import numpy as np
import pytest

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures/tensorflow"
CONTENT = dict(np.load(FIXTURES / "graphs.npz"))
GRAPHS = sorted(k.removesuffix("/graph") for k in CONTENT if k.endswith("/graph"))
# Kernels must have a known size, which those that are inputs here haven't.
NEEDS_SIZES = ("Conv1D", "Conv2D", "Conv3D", "ConvTranspose", "Depthwise", "Dilation2D")


def numbered(name, what):
    keys = sorted((k for k in CONTENT if k.startswith(f"{name}/{what}")), key=lambda k: int(k.rsplit("/", 1)[1][len(what):]))
    return [CONTENT[k] for k in keys]


def plain(a):
    return np.array([x.decode() for x in a.ravel()], object).reshape(a.shape) if a.dtype.kind == "S" else a


@pytest.mark.parametrize("name", GRAPHS)
def test_graph(name):
    case, kind = name.split("/")
    feeds = {f"in{k}:0": plain(a) for k, a in enumerate(numbered(case, "in"))}
    if kind != "known" and case.startswith(NEEDS_SIZES):
        with pytest.raises(igata.Failure, match="no lowering to ONNX for tensorflow"):
            igata.Session(CONTENT[f"{name}/graph"].tobytes())
        return
    session = igata.Session(CONTENT[f"{name}/graph"].tobytes())
    kept, session.data = session.data, None  # no model of ONNX that could be dumped; but the engine reads from it
    results = dict(zip(session.output_names(), session.run(feeds)))
    for k, want in enumerate(numbered(case, "out")):
        got, want = results[f"out{k}:0"], plain(want)
        assert got.shape == want.shape
        if want.dtype == object:
            assert [str(x if isinstance(x, str) else x.decode()) for x in got.ravel()] == list(want.ravel())
        else:
            assert got.dtype == want.dtype
            np.testing.assert_allclose(np.asarray(got, np.float64), np.asarray(want, np.float64), rtol=2e-4, atol=2e-5)
