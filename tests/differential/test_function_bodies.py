"""Operators that ONNX defines as functions: igata's kernel and the body that ONNX gives for the version (run node by node) agree."""

import igata
import numpy as np
import onnx
import pytest
from compare import difference
from nn import floats
from onnx import helper, inliner
from schemas import model

RNG = np.random.default_rng(0)
X, Y = floats(RNG, 3, 4, 5), floats(RNG, 3, 4, 5)
IMAGE = floats(RNG, 2, 8, 4, 6)
Q, K, V = floats(RNG, 2, 3, 4, 8), floats(RNG, 2, 3, 6, 8), floats(RNG, 2, 3, 6, 8)
I64 = lambda *a: np.array(a, np.int64)
SCALAR = lambda a, t=np.float32: np.array(a, t)

CASES = [
    ("AffineGrid", [floats(RNG, 2, 2, 3), I64(2, 3, 4, 5)], [{}, {"align_corners": 1}]),
    ("AffineGrid", [floats(RNG, 2, 3, 4), I64(2, 3, 4, 5, 6)], [{"align_corners": 1}]),
    ("Attention", [Q, K, V], [{}, {"is_causal": 1}, {"scale": 0.3, "softcap": 2.0}]),
    ("Attention", [Q, K, V, floats(RNG, 4, 6)], [{}, {"qk_matmul_output_mode": 1}]),
    ("Attention", [floats(RNG, 2, 4, 24), floats(RNG, 2, 6, 24), floats(RNG, 2, 6, 24)], [{"q_num_heads": 3, "kv_num_heads": 3}]),
    ("Attention", [floats(RNG, 2, 6, 4, 8), K, V], [{}]),
    ("Attention", [Q, K, V, floats(RNG, 4, 8), floats(RNG, 2, 3, 2, 8), floats(RNG, 2, 3, 2, 8)], [{}], 3),
    ("BlackmanWindow", [SCALAR(10, np.int32)], [{}, {"periodic": 0}]),
    ("HammingWindow", [SCALAR(10, np.int32)], [{}, {"periodic": 0}]),
    ("HannWindow", [SCALAR(10, np.int32)], [{}, {"periodic": 0}]),
    ("CastLike", [X * 3, SCALAR(0, np.int32)], [{}]),
    ("CastLike", [X * 3, SCALAR(0, np.float16)], [{}]),
    ("CausalConvWithState", [X, floats(RNG, 4, 1, 3)], [{}, {"activation": "silu"}], 2),
    ("CausalConvWithState", [X, floats(RNG, 4, 1, 3), floats(RNG, 4), floats(RNG, 3, 4, 2)], [{}], 2),
    ("Celu", [X], [{}, {"alpha": 0.5}]),
    ("CenterCropPad", [X, I64(2, 6, 5)], [{}]),
    ("CenterCropPad", [X, I64(2, 7)], [{"axes": [0, -1]}]),
    ("Clip", [X, SCALAR(-0.5), SCALAR(0.4)], [{}]),
    ("Clip", [X, SCALAR(-0.2)], [{}]),
    ("Clip", [X], [{}]),
    ("DepthToSpace", [IMAGE], [{"blocksize": 2}, {"blocksize": 2, "mode": "CRD"}]),
    ("SpaceToDepth", [IMAGE], [{"blocksize": 2}]),
    ("DynamicQuantizeLinear", [X], [{}], 3),
    ("Elu", [X], [{}, {"alpha": 0.4}]),
    ("Gelu", [X], [{}, {"approximate": "tanh"}]),
    ("GreaterOrEqual", [X, Y[:1]], [{}]),
    ("LessOrEqual", [X, Y[:1]], [{}]),
    ("GroupNormalization", [IMAGE, floats(RNG, 8), floats(RNG, 8)], [{"num_groups": 4}, {"num_groups": 2, "epsilon": 0.01}]),
    ("HardSigmoid", [X], [{}, {"alpha": 0.4, "beta": 0.1}]),
    ("HardSwish", [X * 3], [{}]),
    ("LayerNormalization", [X, floats(RNG, 5), floats(RNG, 5)], [{}, {"epsilon": 0.01}], 3),
    ("LayerNormalization", [X, floats(RNG, 4, 5)], [{"axis": 1}], 3),
    ("LeakyRelu", [X], [{}, {"alpha": 0.3}]),
    ("LinearAttention", [floats(RNG, 2, 4, 24), floats(RNG, 2, 4, 24), floats(RNG, 2, 4, 24)], [{"q_num_heads": 3, "kv_num_heads": 3, "update_rule": "linear"}], 2),
    ("LogSoftmax", [X], [{}, {"axis": 0}]),
    ("Softmax", [X], [{}, {"axis": 1}]),
    ("MeanVarianceNormalization", [IMAGE], [{"axes": [0, 2, 3]}, {"axes": [1]}]),
    ("Mish", [X], [{}]),
    ("NegativeLogLikelihoodLoss", [X, RNG.integers(0, 4, (3, 5))], [{}, {"reduction": "sum"}, {"reduction": "none", "ignore_index": 1}]),
    ("NegativeLogLikelihoodLoss", [X, RNG.integers(0, 4, (3, 5)), np.abs(floats(RNG, 4))], [{}, {"ignore_index": 2}]),
    ("SoftmaxCrossEntropyLoss", [X, RNG.integers(0, 4, (3, 5))], [{}, {"reduction": "none"}, {"reduction": "sum", "ignore_index": 1}], 2),
    ("PRelu", [X, floats(RNG, 4, 1)], [{}]),
    ("RMSNormalization", [X, floats(RNG, 5)], [{}, {"epsilon": 0.01}]),
    ("RMSNormalization", [X, floats(RNG, 4, 5)], [{"axis": 1}]),
    ("Range", [SCALAR(1.5), SCALAR(9.2), SCALAR(0.7)], [{}]),
    ("Range", [SCALAR(9, np.int64), SCALAR(-2, np.int64), SCALAR(-3, np.int64)], [{}]),
    ("ReduceL1", [X], [{}, {"keepdims": 0}]),
    ("ReduceL2", [X, I64(0, -1)], [{}, {"keepdims": 0}]),
    ("ReduceLogSum", [np.abs(X), I64(1)], [{}]),
    ("ReduceLogSumExp", [X, I64(1)], [{}, {"keepdims": 0}]),
    ("ReduceSumSquare", [X, I64(2)], [{}, {"keepdims": 0}]),
    ("Relu", [X], [{}]),
    ("RotaryEmbedding", [Q, floats(RNG, 9, 4), floats(RNG, 9, 4), RNG.integers(0, 9, (2, 4))], [{}, {"interleaved": 1}]),
    ("RotaryEmbedding", [floats(RNG, 2, 4, 24), floats(RNG, 2, 4, 4), floats(RNG, 2, 4, 4)], [{"num_heads": 3}]),
    ("Selu", [X], [{}, {"alpha": 1.2, "gamma": 0.9}]),
    ("Shrink", [X], [{}, {"lambd": 0.3, "bias": 0.1}]),
    ("Softplus", [X], [{}]),
    ("Softsign", [X], [{}]),
    ("SwiGLU", [X, Y], [{}, {"alpha": 1.3}]),
    ("Swish", [X], [{}, {"alpha": 0.6}]),
    ("ThresholdedRelu", [X], [{}, {"alpha": 0.2}]),
]  # fmt: skip


def versions(op):
    """(version, newest opset that has it) of those with a body: some bodies need more than the opset that brought the version."""
    all_of = sorted((s for s in onnx.defs.get_all_schemas_with_history() if s.name == op and s.domain == ""), key=lambda s: s.since_version)
    ends = [s.since_version - 1 for s in all_of[1:]] + [onnx.defs.onnx_opset_version()]
    return [(s.since_version, e) for s, e in zip(all_of, ends) if s.has_function or s.has_context_dependent_function]


def inlined(m, op):
    """The model with the body in place of the node; None when ONNX gives no body for this form."""
    other = inliner.inline_selected_functions(m, [("", op)], exclude=False, inline_schema_functions=True)
    return None if any(n.op_type == op for n in other.graph.node) else other


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_kernel_and_body(case):
    op, inputs, forms = case[:3]
    outputs, ran = case[3] if len(case) > 3 else 1, 0
    for version, opset in versions(op):
        s = onnx.defs.get_schema(op, version, "")
        for attrs in forms:
            given = inputs
            if "axes" in s.attributes and len(inputs) > 1 and op.startswith("Reduce"):
                given, attrs = inputs[:1], attrs | {"axes": inputs[1].tolist()}
            if len(given) > s.max_input or any(k not in s.attributes for k in attrs) or outputs > s.max_output:
                continue
            if op == "GroupNormalization" and version < 21:
                given = [inputs[0]] + [i[: attrs["num_groups"]] for i in inputs[1:]]
            # The inliner forgets defaults, so every attribute is said.
            said = {n: helper.get_attribute_value(a.default_value) for n, a in s.attributes.items() if a.default_value.type}
            m, feeds = model(op, opset, given, said | attrs, outputs)
            body = inlined(m, op)
            if body is None:
                continue
            try:
                want = igata.Session(m).run(feeds)
            except igata.Failure as e:
                pytest.fail(f"{op} {version} {attrs}: {e}", pytrace=False)
            try:
                got = igata.Session(body).run(feeds)
            except igata.Failure as e:
                pytest.fail(f"{op} {version} {attrs}, body: {e}", pytrace=False)
            problem = difference(got, want, 2e-5, 2e-5)
            assert not problem, f"{op} {version} {attrs}: {problem}"
            ran += 1
    assert ran, "no body was run"


def test_every_function_is_here():
    """Bernoulli is random; SequenceMap and FlexAttention take graphs."""
    have = {c[0] for c in CASES} | {"Bernoulli", "SequenceMap", "FlexAttention"}
    named = {s.name for s in onnx.defs.get_all_schemas() if s.domain == "" and (s.has_function or s.has_context_dependent_function)}
    assert named <= have, named - have
