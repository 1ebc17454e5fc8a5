"""Commands that cut, join and change models, beside onnx's own tools where it has them."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, compose, helper, inliner, numpy_helper, parser, utils

CHAIN = """
    <ir_version: 8, opset_import: ["": 17, "local": 1], producer_name: "p", metadata_props: ["k": "v"]>
    chain (float[batch,4] x, float[4] unused) => (float[batch,3] y, float[batch,4] side)
    <float[4,3] w = {1,2,3,4,5,6,7,8,9,10,11,12}, float[3] b = {1,1,1}, float[batch,4] a> {
        [first] a = Relu(x)  [scale] s = local.twice(a)  [product] p = MatMul(s, w)  [shift] q = Add(p, b)  y = Softmax(q)  side = Neg(a)
    }
    <domain: "local", opset_import: ["": 17]> twice (u) => (v) { v = Add(u, u) }
    <domain: "local", opset_import: ["": 17]> never (u) => (v) { v = Sub(u, u) }"""
RESHAPING = """
    <ir_version: 8, opset_import: ["": 17]>
    g (float[1,2,3] x) => (float[1,6] y) <int64[2] shape = {1,6}> { z = Relu(x)  y = Reshape(z, shape) }"""


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        onnx.save(parser.parse_model(text), tmp_path / name)
        return tmp_path / name
    return write


@pytest.fixture
def make(igata, tmp_path):
    """Runs a command that writes a model; returns the model, checked."""
    def make(*args):
        r = igata(args[0], *args[1:], tmp_path / "made.onnx", "--force")
        assert r.code == 0, r.err
        onnx.checker.check_model(str(tmp_path / "made.onnx"), full_check=True)
        return onnx.load(tmp_path / "made.onnx")
    return make


def run(igata, tmp_path, model, feeds):
    np.savez(tmp_path / "feeds.npz", **feeds)
    r = igata("run", model, "-i", tmp_path / "feeds.npz", "-o", tmp_path / "results.npz", "--force")
    assert r.code == 0, r.err
    return dict(np.load(tmp_path / "results.npz"))


def names(values):
    return [v.name for v in values]


X = np.arange(8, dtype=np.float32).reshape(2, 4) - 3


def test_extract(igata, make, write, tmp_path):
    whole = write("whole.onnx", CHAIN)
    m = make("extract", whole, "--inputs", "a", "--outputs", "q,s")
    assert (names(m.graph.input), names(m.graph.output)) == (["a"], ["q", "s"])
    assert [n.op_type for n in m.graph.node] == ["twice", "MatMul", "Add"]
    assert names(m.functions) == ["twice"] and names(m.graph.initializer) == ["w", "b"]
    assert [d.dim_param or d.dim_value for d in m.graph.output[0].type.tensor_type.shape.dim] == ["batch", 3]
    all_values = run(igata, tmp_path, make("add-outputs", whole) and tmp_path / "made.onnx", {"x": X, "unused": X[0]})
    make("extract", whole, "--inputs", "a", "--outputs", "q,s")
    part = run(igata, tmp_path, tmp_path / "made.onnx", {"a": all_values["a"]})
    assert np.array_equal(part["q"], all_values["q"]) and np.array_equal(part["s"], all_values["s"])
    utils.extract_model(str(whole), str(tmp_path / "theirs.onnx"), ["a"], ["q", "s"])
    assert names(onnx.load(tmp_path / "theirs.onnx").graph.initializer) == names(m.graph.initializer)


def test_extract_drops_what_it_does_not_need(make, write):
    m = make("extract", write("whole.onnx", CHAIN), "--outputs", "side")
    assert names(m.graph.input) == ["x"] and not m.graph.initializer and not m.functions
    assert names(m.graph.value_info) in ([], ["a"])


def test_extract_says_what_is_missing(igata, write, tmp_path):
    whole = write("whole.onnx", CHAIN)
    r = igata("extract", whole, tmp_path / "no.onnx", "--inputs", "p", "--outputs", "y,side")
    assert r.code == 2 and "'x'" in r.err
    r = igata("extract", whole, tmp_path / "no.onnx", "--outputs", "sidf")
    assert r.code == 2 and "'sidf'" in r.err and "side" in r.err
    assert igata("extract", whole, tmp_path / "no.onnx").code == 2
    assert not (tmp_path / "no.onnx").exists()


def test_outputs(igata, make, write, tmp_path):
    whole = write("whole.onnx", CHAIN)
    m = onnx.load(whole)
    r = igata("cut-outputs", whole, tmp_path / "cut.onnx", "s", "p")
    assert r.code == 0, r.err
    assert names(onnx.load(tmp_path / "cut.onnx").graph.output) == ["s", "p"]
    r = igata("add-outputs", whole, tmp_path / "more.onnx", "p", "y")
    assert names(onnx.load(tmp_path / "more.onnx").graph.output) == [*names(m.graph.output), "p"]
    r = igata("add-outputs", whole, tmp_path / "all.onnx", "--json")
    assert r.json()["written"] == str(tmp_path / "all.onnx")
    assert names(onnx.load(tmp_path / "all.onnx").graph.output) == ["y", "side", "a", "s", "p", "q"]
    onnx.checker.check_model(str(tmp_path / "all.onnx"), full_check=True)


FIRST = """
    <ir_version: 8, opset_import: ["": 17, "local": 1], metadata_props: ["k": "v"]>
    one (float[n,4] x) => (float[n,4] h, float[n,4] extra) <float[4] w = {1,2,3,4}> { h = local.f(x, w)  extra = Neg(h) }
    <domain: "local", opset_import: ["": 17]> f (a, b) => (c) { c = Add(a, b) }"""
SECOND = """
    <ir_version: 8, opset_import: ["": 17, "other": 2, "local": 1], metadata_props: ["j": "u"]>
    two (float[m,4] x, float[4] z) => (float[m,4] y) <float[4] w = {5,6,7,8}> {
        t = local.f(x, w)
        c = Greater(z, w)  l = ReduceMax <keepdims = 0> (z)  k = Greater(l, l)
        y = If (k) <then_branch = p () => (o) { o = Mul(t, z) }, else_branch = q () => (o) { o = Sub(t, z) }>
    }
    <domain: "local", opset_import: ["": 17]> f (a, b) => (c) { c = Mul(a, b) }"""


def test_merge(igata, write, tmp_path):
    a, b = write("a.onnx", FIRST), write("b.onnx", SECOND)
    r = igata("merge", a, b, tmp_path / "ab.onnx", "--map", "h=x", "--prefix1", "1/", "--prefix2", "2/")
    assert r.code == 0, r.err
    m = onnx.load(tmp_path / "ab.onnx")
    onnx.checker.check_model(m, full_check=True)
    theirs = compose.merge_models(onnx.load(a), onnx.load(b), [("h", "x")], prefix1="1/", prefix2="2/")
    for part in ("input", "output", "initializer"):
        assert names(getattr(m.graph, part)) == names(getattr(theirs.graph, part))
    assert [n.op_type for n in m.graph.node] == [n.op_type for n in theirs.graph.node]
    assert {o.domain: o.version for o in m.opset_import} == {"": 17, "local": 1, "other": 2}
    assert {p.key: p.value for p in m.metadata_props} == {"k": "v", "j": "u"}
    z = np.array([1, 2, 3, 4], np.float32)
    got = run(igata, tmp_path, tmp_path / "ab.onnx", {"1/x": X, "2/z": z})
    h = X + [1, 2, 3, 4]
    assert np.allclose(got["2/y"], h * [5, 6, 7, 8] - z) and np.allclose(got["1/extra"], -h)


def test_merge_choices(igata, write, tmp_path):
    a, b = write("a.onnx", FIRST), write("b.onnx", SECOND)
    both = ("--map", "extra=x", "--prefix2", "2/")
    assert igata("merge", a, b, tmp_path / "no.onnx", *both[:2]).code == 2  # both have a function f
    r = igata("merge", a, b, tmp_path / "ab.onnx", *both, "--prefix1", "1/", "--outputs", "y,1/h", "--inputs", "x,z")
    assert r.code == 0, r.err
    m = onnx.load(tmp_path / "ab.onnx")
    assert names(m.graph.output) == ["2/y", "1/h"] and names(m.graph.input) == ["1/x", "2/z"]
    r = igata("merge", a, b, tmp_path / "no.onnx", *both, "--prefix1", "1/", "--inputs", "x")
    assert r.code == 2 and "2/z" in r.err


@pytest.mark.parametrize("change,word", [
    (("ir_version: 8", "ir_version: 9"), "--ir-version"), (('"": 17, "other"', '"": 18, "other"'), "opset"), (('"j"', '"k"'), "metadata"),
    (("float[m,4] x", "float[m,5] x"), "float[m,5]"), (("float[m,4] x", "int64[m,4] x"), "int64")])
def test_merge_contradictions(igata, write, tmp_path, change, word):
    a, b = write("a.onnx", FIRST), write("b.onnx", SECOND.replace(*change))
    r = igata("merge", a, b, tmp_path / "no.onnx", "--map", "h=x", "--prefix1", "1/", "--prefix2", "2/")
    assert r.code in (2, 3) and word in r.err, r.err
    assert not (tmp_path / "no.onnx").exists()


def test_merge_names(igata, write, tmp_path):
    a, b = write("a.onnx", FIRST.replace("local.f", "Add")), write("b.onnx", SECOND.replace("local.f", "Mul"))
    r = igata("merge", a, b, tmp_path / "no.onnx", "--map", "h=x")
    assert r.code == 2 and "prefix" in r.err
    assert igata("merge", a, b, tmp_path / "no.onnx", "--map", "nothing=x").code == 2
    assert igata("merge", a, b, tmp_path / "no.onnx", "--map", "h=nothing").code == 2
    assert igata("merge", a, b, tmp_path / "no.onnx", "--map", "h").code == 2


def test_rename(igata, make, write, tmp_path):
    whole = write("whole.onnx", CHAIN)
    m = make("rename", whole, "--value", "x=pixels", "--value", "y=scores", "--value", "w=weights", "--value", "a=hidden", "--node",
             "product=matmul", "--dim", "batch=n")
    assert names(m.graph.input) == ["pixels", "unused"] and names(m.graph.output) == ["scores", "side"]
    assert names(m.graph.initializer) == ["weights", "b"]
    assert [n for n in m.graph.node if n.name == "matmul"][0].input[1] == "weights"
    assert names(m.graph.value_info) == ["hidden"]
    assert m.graph.value_info[0].type.tensor_type.shape.dim[0].dim_param == "n"
    got = run(igata, tmp_path, tmp_path / "made.onnx", {"pixels": X, "unused": X[0]})
    want = run(igata, tmp_path, whole, {"x": X, "unused": X[0]})
    assert np.array_equal(got["scores"], want["y"])
    for wrong in (("--value", "x=y"), ("--value", "none=z"), ("--node", "first=scale"), ("--node", "none=z"), ("--dim", "none=z"), ()):
        assert igata("rename", whole, tmp_path / "no.onnx", *wrong).code == 2


def test_prefix(make, write):
    whole = write("whole.onnx", SECOND)
    m, theirs = make("rename", whole, "--prefix", "p/"), compose.add_prefix(onnx.load(whole), "p/")
    assert names(m.graph.input) == names(theirs.graph.input) and names(m.functions) == names(theirs.functions)
    assert [list(n.input) for n in m.graph.node] == [list(n.input) for n in theirs.graph.node]


def shape(value):
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in value.type.tensor_type.shape.dim]


def test_set_shapes(igata, make, write, tmp_path):
    whole = write("whole.onnx", CHAIN)
    m = make("set", whole, "--dim", "batch=5")
    assert shape(m.graph.input[0]) == [5, 4] and shape(m.graph.output[0]) == [5, 3] and shape(m.graph.value_info[0]) == [5, 4]
    m = make("set", whole, "--batch", "n")
    assert shape(m.graph.input[0]) == ["n", 4] and shape(m.graph.output[1]) == ["n", 4]
    m = make("set", whole, "--shape", "x=7,4")
    assert shape(m.graph.output[0]) == [7, 3] and shape(m.graph.input[1]) == [4]
    r = igata("set", whole, tmp_path / "no.onnx", "--shape", "x=7,5")
    assert r.code == 3 and "MatMul" in r.err and not (tmp_path / "no.onnx").exists()
    for wrong in (("--shape", "q=1"), ("--dim", "none=1"), ("--batch", "1,2"), ("--batch", "-2"), ("--shape", "x=1,,2")):
        assert igata("set", whole, tmp_path / "no.onnx", *wrong).code == 2


def test_set_batch_through_reshape(igata, make, write, tmp_path):
    fixed = write("fixed.onnx", RESHAPING)
    m = make("set", fixed, "--batch", "4")
    assert shape(m.graph.output[0]) == [4, 6]
    x = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    assert np.array_equal(run(igata, tmp_path, tmp_path / "made.onnx", {"x": x})["y"], x.reshape(4, 6))
    free = make("set", fixed, "--batch", "?")
    assert shape(free.graph.input[0])[0] != 1


def test_set_texts(make, write):
    m = make("set", write("whole.onnx", CHAIN), "--doc", "a doc", "--producer", "me", "--producer-version", "7", "--domain", "d",
             "--graph-name", "g", "--graph-doc", "gd", "--model-version", "9", "--metadata", "new=a=b", "--remove-metadata", "k",
             "--opset", "18", "--ir-version", "10")
    assert (m.doc_string, m.producer_name, m.producer_version, m.domain) == ("a doc", "me", "7", "d")
    assert (m.graph.name, m.graph.doc_string, m.model_version, m.ir_version) == ("g", "gd", 9, 10)
    assert {p.key: p.value for p in m.metadata_props} == {"new": "a=b"}
    assert {o.domain: o.version for o in m.opset_import}[""] == 18


def test_weights(igata, tmp_path):
    w = np.arange(5000, dtype=np.float32).reshape(50, 100)
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [helper.make_tensor_value_info("x", 1, [2, 50])],
                              [helper.make_tensor_value_info("y", 1, [2, 100])], [numpy_helper.from_array(w, "w")])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "whole.onnx")
    (tmp_path / "sub").mkdir()
    assert igata("split-weights", tmp_path / "whole.onnx", tmp_path / "sub/split.onnx").code == 0
    assert (tmp_path / "sub/split.onnx").stat().st_size < 1000 < (tmp_path / "sub/split.onnx.data").stat().st_size
    assert np.array_equal(numpy_helper.to_array(onnx.load(tmp_path / "sub/split.onnx").graph.initializer[0]), w)
    assert igata("join-weights", tmp_path / "sub/split.onnx", tmp_path / "joined.onnx").code == 0
    joined = onnx.load(tmp_path / "joined.onnx", load_external_data=False)
    assert np.array_equal(numpy_helper.to_array(joined.graph.initializer[0]), w)
    assert igata("diff", tmp_path / "whole.onnx", tmp_path / "sub/split.onnx").code == 0
    assert igata("join-weights", tmp_path / "sub/split.onnx", tmp_path / "joined.onnx").code == 2  # it exists


CALLS = """
    <ir_version: 8, opset_import: ["": 17, "local": 1]>
    g (float[n,4] x) => (y) { t = local.square(x)  y = local.double_and_square <k = 2.0> (t) }
    <domain: "local", opset_import: ["": 17, "local": 1]>
    double_and_square <k> (x) => (y) { c = Constant <value_float: float = @k> ()  double = Mul(x, c)  y = local.square(double) }
    <domain: "local", opset_import: ["": 17]> square (x) => (y) { y = Mul(x, x) }"""


def test_inline(igata, make, write, tmp_path):
    whole = write("whole.onnx", CALLS)
    m = make("inline", whole)
    assert not m.functions
    assert sorted(n.op_type for n in m.graph.node) == sorted(n.op_type for n in inliner.inline_local_functions(onnx.load(whole)).graph.node)
    assert np.array_equal(run(igata, tmp_path, tmp_path / "made.onnx", {"x": X})["y"], (2 * X * X) ** 2)
    kept = make("inline", whole, "--exclude", "local.double_and_square")
    theirs = inliner.inline_selected_functions(onnx.load(whole), [("local", "double_and_square")], exclude=True)
    assert [n.op_type for n in kept.graph.node] == [n.op_type for n in theirs.graph.node]
    assert [[n.op_type for n in f.node] for f in kept.functions] == [[n.op_type for n in f.node] for f in theirs.functions]
    assert np.array_equal(run(igata, tmp_path, tmp_path / "made.onnx", {"x": X})["y"], (2 * X * X) ** 2)
    only = make("inline", whole, "--only", "local.double_and_square")
    assert [n.op_type for n in only.graph.node] == ["square", "Constant", "Mul", "square"]
    assert igata("inline", whole, tmp_path / "no.onnx", "--only", "local.none").code == 2


def test_inline_converts_bodies(igata, make, write, tmp_path):
    whole = write("whole.onnx", """
        <ir_version: 8, opset_import: ["": 18, "local": 1]> g (float[2,4] x) => (float[2,1] y) { y = local.mean(x) }
        <domain: "local", opset_import: ["": 12]> mean (a) => (b) { b = ReduceMean <axes = [1]> (a) }""")
    make("inline", whole)
    assert np.allclose(run(igata, tmp_path, tmp_path / "made.onnx", {"x": X})["y"], X.mean(1, keepdims=True))


def test_inline_operators(igata, make, write, tmp_path):
    whole = write("whole.onnx", """
        <ir_version: 8, opset_import: ["": 17]>
        g (float[2,4] x) => (float[2,4] y, float[2,4] z, float[2,4] l) <float[4] s = {1,2,3,4}> {
            y = Softsign(x)  z = HardSwish(y)  l = LayerNormalization(z, s) }""")
    m = make("inline", whole, "--operators")
    assert not {"Softsign", "HardSwish", "LayerNormalization"} & {n.op_type for n in m.graph.node}
    got = run(igata, tmp_path, tmp_path / "made.onnx", {"x": X})
    want = run(igata, tmp_path, whole, {"x": X})
    assert all(np.allclose(got[k], want[k], atol=1e-6) for k in want)
    m = make("inline", whole, "--operators", "--only", "Softsign")
    assert {"HardSwish", "LayerNormalization"} <= {n.op_type for n in m.graph.node} and "Softsign" not in {n.op_type for n in m.graph.node}


def changes(r):
    return {(d["what"], d["how"], d["where"]): d for d in r.json()["differences"]}


def test_diff(igata, write, tmp_path):
    a = write("a.onnx", CHAIN)
    assert igata("diff", a, a).code == 0
    b = write("b.onnx", CHAIN.replace('"": 17, "local"', '"": 18, "local"').replace("7,8,9", "7,8,9.5").replace("y = Softmax(q)", "r = Tanh(q) y = Softmax <axis = 0> (r)")
              .replace("float[batch,4] side", "float[batch,4] other").replace("side = Neg", "other = Neg").replace('"v"', '"w"').replace("v = Add(u, u)", "v = Mul(u, u)"))
    r = igata("diff", a, b, "--json")
    assert r.code == 1
    found = changes(r)
    assert found["opset", "changed", "ai.onnx"]["after"] == "18"
    assert found["metadata", "changed", "k"]["before"] == "v"
    assert ("output", "removed", "side") in found and ("output", "added", "other") in found
    w = found["weight", "changed", "w"]
    assert (w["elements"], w["changed"], w["max_abs"], w["norm"]) == (12, 1, 0.5, 0.5)
    assert w["relative"] == pytest.approx(0.5 / np.sqrt(sum(i * i for i in range(1, 13))))
    assert any(what == "node" and how == "added" and "Tanh" in where for what, how, where in found)
    assert any(what == "attribute" and how == "added" and "'axis'" in where for what, how, where in found)
    assert any(what == "node input" and "Softmax" in where for what, how, where in found)
    assert any(what == "node" and how == "removed" and "twice" in where and "Add" in where for what, how, where in found)
    text = igata("diff", a, b).out
    assert "1 of 12 elements, the most by 0.5" in text and "+ node" in text


def test_diff_sees_through_names(igata, write):
    a = write("a.onnx", CHAIN)
    b = write("b.onnx", CHAIN.replace(" p = MatMul(s, w)", " pp = MatMul(s, ww)").replace("Add(p, b)", "Add(pp, b)").replace("float[4,3] w", "float[4,3] ww"))
    found = changes(igata("diff", a, b, "--json"))
    assert {k[:2] for k in found} == {("weight", "renamed"), ("value", "renamed")}


def test_diff_enters_subgraphs(igata, write):
    a, b = write("a.onnx", SECOND), write("b.onnx", SECOND.replace("o = Sub(t, z)", "o = Sub(z, t)"))
    found = changes(igata("diff", a, b, "--json"))
    assert {k[0] for k in found} == {"node input"} and all("else_branch" in k[2] for k in found)


def test_diff_of_attributes_and_types(igata, tmp_path):
    def model(value, dtype, names):
        nodes = [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(value, dtype))),
                 helper.make_node("LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", keys_strings=names, values_int64s=[1, 2])]
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.STRING, [2])],
                                  [helper.make_tensor_value_info("y", TensorProto.INT64, [2])])
        return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)])
    onnx.save(model([1, 2], np.float32, ["a", "b"]), tmp_path / "a.onnx")
    onnx.save(model([1, 4], np.float32, ["a", "\u001b[31m"]), tmp_path / "b.onnx")
    onnx.save(model([1, 2], np.int64, ["a", "b"]), tmp_path / "c.onnx")
    r = igata("diff", tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert r.code == 1 and "\x1b" not in r.out and "['a', 'b'] ->" in r.out and "the most by 2" in r.out
    r = igata("diff", tmp_path / "a.onnx", tmp_path / "c.onnx")
    assert "float[2] -> int64[2]" in r.out
