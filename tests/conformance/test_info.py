"""The figures of igata info against what onnx says of the same model, and against arithmetic."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models import floats, value

F = TensorProto.FLOAT


def save(path, nodes, inputs, outputs, infos=(), weights=(), opset=21, **kw):
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(np.zeros(s, np.float32), n) for n, s in weights], value_info=infos)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)], ir_version=10, **kw), str(path))
    return path


def one(igata, tmp_path, op, inputs, outputs, weights=(), domain="", **attrs):
    node = helper.make_node(op, [n for n, _ in inputs] + [n for n, _ in weights], [n for n, _ in outputs], domain=domain, **attrs)
    m = save(tmp_path / "m.onnx", [node], [value(n, F, s) for n, s in inputs if n], [value(n, F, s) for n, s in outputs], weights=weights)
    return igata("info", m, "--json").json()["multiply_adds"]


def test_work_of_operators(igata, tmp_path):
    work = lambda *a, **k: one(igata, tmp_path, *a, **k)
    assert work("Conv", [("x", (2, 8, 10, 12))], [("y", (2, 6, 8, 10))], [("w", (6, 4, 3, 3))], group=2) == 2 * 6 * 8 * 10 * 4 * 9
    assert work("ConvTranspose", [("x", (1, 4, 5, 5))], [("y", (1, 3, 7, 7))], [("w", (4, 3, 3, 3))]) == 4 * 25 * 3 * 9
    assert work("MatMul", [("a", (3, 4, 5))], [("y", (3, 4, 6))], [("b", (5, 6))]) == 3 * 4 * 6 * 5
    assert work("Gemm", [("a", (5, 4))], [("y", (4, 6))], [("b", (6, 5))], transA=1, transB=1) == 4 * 6 * 5
    assert work("Einsum", [("a", (2, 3, 4)), ("b", (2, 4, 5))], [("y", (2, 3, 5))], equation="bij, bjk -> bik") == 2 * 3 * 4 * 5
    assert work("Einsum", [("a", (7, 2, 3)), ("b", (7, 3, 5))], [("y", (7, 2, 5))], equation="...ij,...jk->...ik") == 7 * 2 * 3 * 5
    assert work("LSTM", [("x", (9, 2, 3))], [("y", (9, 1, 2, 5))], [("w", (1, 20, 3)), ("r", (1, 20, 5))], hidden_size=5) == 9 * 2 * (60 + 100)
    assert work("Relu", [("x", (2, 3))], [("y", (2, 3))]) == 0


def test_free_dims_and_lifetimes(igata, tmp_path):
    """x -> a -> b -> y, with x read again at the end: x, a and b live at once in the middle."""
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("MatMul", ["a", "w"], ["b"]), helper.make_node("Add", ["b", "x"], ["y"])]
    infos = [value("a", F, ("n", 10)), value("b", F, ("n", 10))]
    m = save(tmp_path / "m.onnx", nodes, [value("x", F, ("n", 10))], [value("y", F, ("n", 10))], infos, [("w", (10, 10))])
    info = igata("info", m, "--json").json()
    assert info["multiply_adds"] == 100 and info["work_with_free_dims_as_1"] is True
    assert info["activation_bytes"] == 3 * 40
    fixed = save(tmp_path / "f.onnx", nodes, [value("x", F, (4, 10))], [value("y", F, (4, 10))], weights=[("w", (10, 10))])
    info = igata("info", fixed, "--json").json()
    if info["multiply_adds"] is not None:  # needs the shape rules of these operators
        assert info["multiply_adds"] == 400 and info["work_with_free_dims_as_1"] is False and info["activation_bytes"] == 480
    assert "work " in igata("info", m).out


def test_counts(igata, tmp_path):
    then = helper.make_graph([helper.make_node("Relu", ["x"], ["t"])], "then", [], [value("t")])
    other = helper.make_graph([helper.make_node("Relu", ["x"], ["e"]), helper.make_node("Neg", ["e"], ["e2"])], "else", [], [value("e2")])
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other), helper.make_node("Twice", ["y"], ["z"], domain="local")]
    function = helper.make_function("local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 21)])
    graph = helper.make_graph(nodes, "g", [value("x"), value("c", TensorProto.BOOL, ())], [value("z")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("local", 1)], functions=[function], ir_version=10,
                              producer_name="me", producer_version="7", doc_string="what it does")
    helper.set_model_props(model, {"author": "somebody", "größe": "klein"})
    onnx.save(model, str(tmp_path / "m.onnx"))
    info = igata("info", tmp_path / "m.onnx", "--json").json()
    ops = {(o["domain"], o["op"]): o["count"] for o in info["operators"]}
    assert ops == {("", "If"): 1, ("", "Relu"): 2, ("", "Neg"): 1, ("local", "Twice"): 1, ("", "Add"): 1} and info["nodes"] == 6
    assert info["functions"] == 1 and info["producer"] == "me" and info["producer_version"] == "7" and info["doc"] == "what it does"
    assert {p["key"]: p["value"] for p in info["metadata"]} == {"author": "somebody", "größe": "klein"}
    assert info["file_bytes"] == (tmp_path / "m.onnx").stat().st_size


def test_weights_are_not_read(igata, tmp_path):
    """External data that is missing is no reason not to describe the model."""
    model = helper.make_model(helper.make_graph([], "g", [value("x")], [value("x")], [numpy_helper.from_array(floats(100, 100), "w")]), ir_version=10)
    onnx.save(model, str(tmp_path / "m.onnx"), save_as_external_data=True, location="m.bin", size_threshold=0)
    info = igata("info", tmp_path / "m.onnx", "--json").json()
    assert info["parameters"] == 10000 and info["weight_bytes"] == 40000
    assert igata("tensors", tmp_path / "m.onnx", "-o", tmp_path / "w.npz").code == 0
    assert (np.load(tmp_path / "w.npz")["w"] == floats(100, 100)).all()
    (tmp_path / "m.bin").unlink()
    assert igata("info", tmp_path / "m.onnx").code == 0
    r = igata("tensors", tmp_path / "m.onnx", "-o", tmp_path / "w2.npz")
    assert r.code == 3 and "'w'" in r.err
