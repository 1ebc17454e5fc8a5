"""Operators by their own kernel and by their function body (build/tests/run_expanded) give the same."""

import os
import subprocess
from pathlib import Path

import igata
import numpy as np
import onnx
import pytest
from compare import F, difference, model_of
from onnx import TensorProto, helper

BUILD = Path(os.environ.get("IGATA_BUILD", Path(__file__).resolve().parents[2] / "build"))
TYPES = {np.dtype(np.float32): F, np.dtype(np.float64): TensorProto.DOUBLE, np.dtype(np.float16): TensorProto.FLOAT16, np.dtype(np.int64): TensorProto.INT64, np.dtype(np.int32): TensorProto.INT32}
rng = np.random.default_rng(5)


def f(*shape, dtype=np.float32):
    return (rng.standard_normal(shape) * 2).astype(dtype)


def both(tmp_path, op, inputs, opset, outputs=1, oracle=None, tolerance=1e-5, domain="", **attrs):
    given = {k: v for k, v in inputs.items() if v is not None}
    node = helper.make_node(op, [k if k in given else "" for k in inputs], [f"y{i}" for i in range(outputs)], domain=domain, **attrs)
    types = [TYPES[v.dtype] for v in given.values()]
    result = TensorProto.BOOL if op.endswith("OrEqual") else types[0]
    m = model_of([node], [(k, t, v.shape) for (k, v), t in zip(given.items(), types)], [(f"y{i}", result, None) for i in range(outputs)], {"": opset, **({domain: 1} if domain else {})})
    onnx.save(m, tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", **given)
    r = subprocess.run([BUILD / "tests/run_expanded", tmp_path / "m.onnx", tmp_path / "in.npz", tmp_path / "out.npz"], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    assert r.stdout.strip() == "1" or op == "SoftmaxCrossEntropyLoss", r.stdout
    out = np.load(tmp_path / "out.npz")
    want = oracle(m, given) if oracle else igata.Session(m).run(given)
    for i, w in enumerate(want):
        problem = difference(out[f"y{i}"], w, tolerance, tolerance)
        assert not problem, problem


UNARY = [("Celu", 12, {"alpha": 0.7}), ("Elu", 6, {"alpha": 1.2}), ("Selu", 6, {}), ("Relu", 14, {}), ("LeakyRelu", 16, {"alpha": 0.1}), ("ThresholdedRelu", 10, {"alpha": 0.4}),
         ("HardSigmoid", 6, {"alpha": 0.3}), ("HardSwish", 14, {}), ("Mish", 18, {}), ("Shrink", 9, {"lambd": 0.4, "bias": 0.2}), ("Softplus", 1, {}), ("Softsign", 1, {}), ("Swish", 24, {"alpha": 1.4}),
         ("Gelu", 20, {}), ("Gelu", 20, {"approximate": "tanh"}), ("Softmax", 13, {"axis": 0}), ("LogSoftmax", 13, {}), ("LpNormalization", 1, {"p": 1}), ("LpNormalization", 1, {"axis": 0})]


@pytest.mark.parametrize("op,opset,attrs", UNARY)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_unary(tmp_path, op, opset, attrs, dtype):
    if dtype == np.float16 and op == "Celu":
        pytest.skip("float only")
    x = f(4, 5, dtype=dtype)
    x[0, :2] = [80, -80] if dtype == np.float32 else [8, -8]
    both(tmp_path, op, {"x": x}, opset, tolerance=1e-5 if dtype == np.float32 else 5e-3, **attrs)


def test_binary(tmp_path):
    both(tmp_path, "PRelu", {"x": f(3, 4), "s": f(4)}, 16)
    both(tmp_path, "SwiGLU", {"x": f(3, 4), "s": f(3, 4)}, 28, alpha=1.2)
    for op in ("GreaterOrEqual", "LessOrEqual"):
        both(tmp_path, op, {"x": np.array([1, 2, np.nan], np.float32), "s": np.array([1, 3, 1], np.float32)}, 16)
    both(tmp_path, "Clip", {"x": f(9), "low": np.float32(-1) + np.zeros((), np.float32), "high": np.ones((), np.float32)}, 13)
    both(tmp_path, "Clip", {"x": f(9), "low": None, "high": np.ones((), np.float32)}, 13)


@pytest.mark.parametrize("op", ["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("axes", [None, [0], [-1, 0]])
@pytest.mark.parametrize("opset", [11, 13, 18])
def test_reduce(tmp_path, op, keepdims, axes, opset):
    x = np.abs(f(3, 4, 2)) + 0.1
    by_input = {"a": np.array(axes)} if opset == 18 and axes else {}
    both(tmp_path, op, {"x": x, **by_input}, opset, keepdims=keepdims, **({"axes": axes} if axes and opset < 18 else {}))


NORMS = [("MeanVarianceNormalization", 13, {"x": (2, 3, 4, 2)}, {}), ("InstanceNormalization", 6, {"x": (2, 3, 4), "s": (3,), "b": (3,)}, {}), ("GroupNormalization", 18, {"x": (2, 4, 3), "s": (2,), "b": (2,)}, {"num_groups": 2}),
         ("GroupNormalization", 21, {"x": (2, 4, 3), "s": (4,), "b": (4,)}, {"num_groups": 2}), ("RMSNormalization", 23, {"x": (2, 3, 4), "s": (3, 4)}, {"axis": 1}), ("LayerNormalization", 17, {"x": (2, 3, 4), "s": (4,)}, {}),
         ("LayerNormalization", 17, {"x": (2, 3, 4), "s": (3, 4), "b": (3, 4)}, {"axis": 1})]


@pytest.mark.parametrize("op,opset,shapes,attrs", NORMS)
def test_norms(tmp_path, op, opset, shapes, attrs):
    both(tmp_path, op, {k: f(*v) for k, v in shapes.items()}, opset, tolerance=1e-4, **attrs)


def test_layer_norm_statistics(tmp_path):
    both(tmp_path, "LayerNormalization", {"x": f(2, 3, 4), "s": f(3, 4), "b": f(3, 4)}, 17, outputs=3, tolerance=1e-4, axis=1)


@pytest.mark.parametrize("training", [0, 1])
def test_batch_norm(tmp_path, training):
    inputs = {"x": f(4, 3, 2), "s": f(3), "b": f(3), "m": f(3), "v": np.abs(f(3)) + 0.1}
    both(tmp_path, "BatchNormalization", inputs, 15, outputs=3 if training else 1, tolerance=1e-4, training_mode=training)


@pytest.mark.parametrize("op", ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [None, 1])
def test_losses(tmp_path, op, reduction, weighted, ignore):
    """These have no kernel of their own: the reference is onnx's."""
    from compare import reference_run

    inputs = {"x": f(3, 5, 2), "t": rng.integers(0, 5, (3, 2)), **({"w": np.abs(f(5))} if weighted else {})}
    both(tmp_path, op, inputs, 13, oracle=reference_run, tolerance=1e-4, reduction=reduction, **({"ignore_index": ignore} if ignore is not None else {}))


def test_microsoft(tmp_path):
    both(tmp_path, "Gelu", {"x": f(3, 4)}, 17, domain="com.microsoft")
    both(tmp_path, "QuickGelu", {"x": f(3, 4)}, 17, domain="com.microsoft", alpha=1.5)
