"""Runs a model with igata and with onnxruntime (or onnx's reference) and compares."""

import igata
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper


def model_of(nodes, inputs, outputs, opsets, initializers=(), ir=None, functions=()):
    """A ModelProto; inputs and outputs are (name, elem type, shape) or ValueInfoProtos."""
    info = lambda v: v if isinstance(v, onnx.ValueInfoProto) else helper.make_tensor_value_info(*v)
    graph = helper.make_graph(list(nodes), "g", [info(v) for v in inputs], [info(v) for v in outputs], list(initializers))
    imports = [helper.make_opsetid(d, v) for d, v in opsets.items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir or 10, functions=list(functions))


def ort_run(model, feeds, optimize=False):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, feeds)


def reference_run(model, feeds):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model).run(None, feeds)


def difference(got, want, rtol, atol, path="output"):
    """What is wrong, or None."""
    if want is None or got is None:
        return None if want is None and got is None else f"{path}: {got} want {want}"
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            return f"{path}: {type(got).__name__} of another length"
        parts = (difference(g, w, rtol, atol, f"{path}[{i}]") for i, (g, w) in enumerate(zip(got, want)))
        return next((p for p in parts if p), None)
    if isinstance(want, dict):
        if set(got) != set(want):
            return f"{path}: keys {list(got)[:5]} want {list(want)[:5]}"
        return difference(np.array([got[k] for k in want]), np.array([want[k] for k in want]), rtol, atol, path)
    g, w = np.asarray(got), np.asarray(want)
    if g.shape != w.shape:
        return f"{path}: shape {g.shape} want {w.shape}"
    if w.dtype.kind in "OUS":
        a, b = [str(x) for x in g.ravel()], [x.decode() if isinstance(x, bytes) else str(x) for x in w.ravel()]
        return None if a == b else f"{path}: {a[:6]} want {b[:6]}"
    if w.dtype.kind != "V" and g.dtype != w.dtype and not (g.dtype.kind == w.dtype.kind == "f" and isinstance(want, float)):
        return f"{path}: {g.dtype} want {w.dtype}"
    kind = np.complex128 if w.dtype.kind == "c" else np.float64
    a, b = g.astype(kind), w.astype(kind)
    ok = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    if ok.all():
        return None
    i = np.argmin(ok.ravel())
    return f"{path}: {(~ok).sum()} of {ok.size} differ, first at {i}: {a.ravel()[i]} want {b.ravel()[i]}"


def check(model, feeds, rtol=1e-5, atol=1e-6, oracle=ort_run, threads=1):
    """Fails the test when igata's results aren't the oracle's; skips it when the oracle refuses the model."""
    try:
        want = oracle(model, feeds)
    except Exception as e:
        pytest.skip(f"oracle: {str(e)[:200]}")
    try:
        got = igata.Session(model, threads=threads).run(feeds)
    except igata.Failure as e:
        pytest.fail(f"igata: {e}", pytrace=False)
    problem = difference(got, want, rtol, atol)
    if problem:
        pytest.fail(problem, pytrace=False)


F, D, I32, I64, S, B = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL
