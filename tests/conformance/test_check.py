"""`igata check`: what it says beyond right and wrong, for people and for programs."""
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

HEAD = '<ir_version: 8, opset_import: ["": 17]>'


def save(path, text, *arrays):
    model = parser.parse_model(HEAD + text)
    for name, array in arrays:
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    onnx.save(model, path)
    return path


def findings(igata, path, *options, code=0):
    r = igata("check", "--json", *options, path)
    assert r.code == code, r.err
    return {(f["rule"], f["where"]): f for f in json.loads(r.out)["models"][0]["findings"]}


def test_what_a_graph_could_do_without(igata, tmp_path):
    path = save(tmp_path / "m.onnx", """
        g (float[2, 3] x) => (float[2, 3] y) <float[2, 3] nowhere> {
            a = Relu(x)
            b = Neg(a)
            c = Relu(x)
            d = Elu<alpha = 0.5>(x)
            e = Elu<alpha = 0.25>(x)
            f = Add(a, c)
            h = Add(d, e)
            y = Add(f, h)
        }""", ("lost", np.zeros((4, 4), np.float32)))
    found = findings(igata, path)
    assert set(found) == {("dead-node", "graph.node[1] (Neg)"), ("duplicate-node", "graph.node[2] (Relu)"),
                          ("unused-initializer", "graph, initializer 0"), ("value-info", "graph, value_info 0")}  # fmt: skip
    assert "64 bytes" in found["unused-initializer", "graph, initializer 0"]["message"]


def test_captured_values_are_used(igata, tmp_path):
    path = save(tmp_path / "m.onnx", """
        g (bool c, float[2] x) => (float[2] y) {
            a = Relu(x)
            b = Abs(x)
            y = If (c) <then_branch = t () => (p) { p = Neg(a) }, else_branch = e () => (b) { }>
        }""", ("k", np.ones(2, np.float32)))
    found = findings(igata, path)
    assert set(found) == {("unused-initializer", "graph, initializer 0")}


def test_dead_chains(igata, tmp_path):
    path = save(tmp_path / "m.onnx", "g (float[2] x) => (float[2] y) { a = Relu(x) b = Neg(a) c = Abs(b) y = Exp(x) }")
    assert [w for r, w in findings(igata, path)] == ["graph.node[0] (Relu)", "graph.node[1] (Neg)", "graph.node[2] (Abs)"]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_weights(igata, tmp_path, kind):
    sick = np.ones(10, kind)
    sick[:5] = np.nan, np.nan, np.inf, -np.inf, np.finfo(kind).smallest_subnormal
    dtype = helper.tensor_dtype_to_string(helper.np_dtype_to_tensor_dtype(np.dtype(kind))).split(".")[1].lower()
    path = save(tmp_path / "m.onnx", f"g ({dtype}[10] x) => ({dtype}[10] y) {{ a = Add(x, sick) y = Mul(a, none) }}",
                ("sick", sick), ("none", np.zeros(10, kind)))  # fmt: skip
    assert not findings(igata, path)
    texts = [f["message"] for f in json.loads(igata("check", "--json", "--weights", path).out)["models"][0]["findings"]]
    assert texts == ["2 of 10 elements are NaN", "2 of 10 elements are infinite", "1 of 10 elements are denormal", "all 10 elements are zero"]


def test_portability(igata, tmp_path):
    path = save(tmp_path / "m.onnx", "g (bfloat16[2, 3, 4, 5] x) => (bfloat16[2, 3] y) { y = Det(z) z = Conv(x, w) }")
    model = helper.make_model(helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["z"]), helper.make_node("Det", ["z"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1, 3, 4, 4])], [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [1, 2])],
        [numpy_helper.from_array(np.ones((2, 3, 1, 1)), "w")]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)  # fmt: skip
    onnx.save(model, path)
    assert not findings(igata, path)
    found = findings(igata, path, "--for", "onnxruntime", code=1)
    assert set(found) == {("portability", "graph.node[0] (Conv), input 0 'x'"), ("portability", "graph.node[0] (Conv), input 1 'w'"),
                          ("portability", "graph.node[0] (Conv), output 0 'z'"), ("portability", "graph.node[1] (Det), input 0 'z'"),
                          ("portability", "graph.node[1] (Det), output 0 'y'")}  # fmt: skip
    found = findings(igata, path, "--for", "openvino", code=1)
    assert set(found) == {("portability", "graph.node[1] (Det)")}
    for target in ("tensorrt", "coreml", "tflite"):
        findings(igata, path, "--for", target, code=0 if target == "tflite" else 1)
    assert igata("check", "--for", "nothing", path).code == 2


def test_onnxruntime_agrees(igata, tmp_path):
    """Models of one node that the table refuses, onnxruntime refuses, and the other way round."""
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    wrong = []
    for op, types in {"Relu": (1, 2, 3, 6, 7, 10, 11, 16), "Add": (1, 2, 3, 6, 7, 10, 11, 16), "Erf": (1, 10, 11), "MatMul": (1, 6, 7, 11, 12, 16),
                      "Softmax": (1, 10, 11), "Concat": (1, 3, 9, 8), "Gelu": (1, 11), "BitwiseAnd": (3, 6), "Mod": (1, 3, 10)}.items():  # fmt: skip
        for t in types:
            for opset in (13, 22):
                n = 2 if op in ("Add", "MatMul", "BitwiseAnd", "Mod", "Concat") else 1
                attrs = {"axis": 0} if op == "Concat" else {"fmod": 1} if op == "Mod" and t in (1, 10) else {}
                info = [helper.make_tensor_value_info(name, t, [2, 2]) for name in "ab"[:n]]
                out = helper.make_tensor_value_info("y", t, [4, 2] if op == "Concat" else [2, 2])
                graph = helper.make_graph([helper.make_node(op, list("ab")[:n], ["y"], **attrs)], "g", info, [out])
                model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
                try:
                    onnx.checker.check_model(model, full_check=True)
                except Exception:
                    continue
                onnx.save(model, tmp_path / "m.onnx")
                try:
                    ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
                    runs = True
                except Exception:
                    runs = False
                if runs != (igata("check", "--for", "onnxruntime", tmp_path / "m.onnx").code == 0):
                    wrong.append((op, t, opset, runs))
    # Small types that onnxruntime casts around a float kernel aren't in its list of kernels.
    assert [w for w in wrong if w[1] not in (10, 16) or not w[3]] == []


def test_sarif(igata, tmp_path):
    good = save(tmp_path / "good.onnx", "g (float[2] x) => (float[2] y) { y = Relu(x) }")
    bad = save(tmp_path / "b a d.onnx", "g (float[2] x) => (float[2] y) { y = Relu(x, x) }")
    (tmp_path / "none.onnx").write_bytes(b"\xff\xff\xff\xff")
    r = igata("check", "--sarif", good, bad, tmp_path / "none.onnx")
    log = json.loads(r.out)
    assert log["version"] == "2.1.0" and r.code == 3
    run = log["runs"][0]
    assert run["tool"]["driver"]["name"] == "igata"
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {result["ruleId"] for result in run["results"]}
    first = run["results"][0]
    assert first["ruleId"] == "arity" and first["level"] == "error" and "takes 1 input" in first["message"]["text"]
    where = first["locations"][0]
    assert where["physicalLocation"]["artifactLocation"]["uri"].endswith("/b%20a%20d.onnx")
    assert where["logicalLocations"][0]["fullyQualifiedName"] == "graph.node[0] (Relu)"
