"""`igata convert --opset`: models of every age, what can't be converted, functions, subgraphs, IR versions."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

TEXTS = {
    "broadcast": """
        <ir_version: 3, opset_import: ["": 6]>
        g (float[2,3,4] x, float[3] a) => (float[2,3,4] y) { s = Add <broadcast = 1, axis = 1> (x, a)  y = Mul <broadcast = 1> (s, s) }""",
    "classifier": """
        <ir_version: 8, opset_import: ["": 13]>
        g (float[2,3,8,8] x) => (float[2,4] y) <float[4,3,3,3] w = {%s}> {
            c = Conv <pads = [1,1,1,1]> (x, w)  r = Relu(c)  m = ReduceMean <axes = [-2,-1], keepdims = 0> (r)
            d, mask = Dropout(m)  l = LogSoftmax <axis = -1> (d)  y = Clip(l)
        }""" % ",".join(str(i % 7 - 3) for i in range(108)),
    "shapes": """
        <ir_version: 10, opset_import: ["": 21]>
        g (float[n,4,6] x) => (p, q, r, u) <int64[3] shape = {0,-1,2}, int64[1] one = {1}, int64[2] parts = {1,3}, int64[1] k = {2}> {
            p = Reshape(x, shape)  t = Unsqueeze(x, one)  q = Squeeze(t, one)  a, b = Split <axis = 1> (x, parts)
            v, i = TopK <axis = -1, largest = 0> (b, k)  r = Pad(v, pads)  pads = Constant <value_ints = [0,0,1,0,1,0]> ()
            u = ReduceSum <keepdims = 0, noop_with_empty_axes = 1> (a)
        }""".replace("r = Pad(v, pads)  pads = Constant <value_ints = [0,0,1,0,1,0]> ()",
                     "pads = Constant <value_ints = [0,0,1,0,1,0]> ()  r = Pad(v, pads)"),
    "subgraph": """
        <ir_version: 8, opset_import: ["": 17]>
        g (bool c, float[2,3] x) => (float[2,3] y) {
            y = If (c) <then_branch = a () => (float[2,3] t) { t = Softmax <axis = 0> (x) },
                        else_branch = b () => (float[2,3] e) { k = Constant <value_float = 2.0> () e = Pow(x, k) }>
        }""",
    "function": """
        <ir_version: 8, opset_import: ["": 17, "local": 1]>
        g (float[2,3] x) => (float[2,1] y) { y = local.mean (x) }
        <domain: "local", opset_import: ["": 17]> mean (a) => (b) { c = HardSwish(a) b = ReduceMean <axes = [1]> (c) }""",
    "resize": """
        <ir_version: 4, opset_import: ["": 9]>
        g (float[1,2,3,4] x) => (float[1,2,6,8] y) <float[4] s = {1,1,2,2}> { y = Upsample <mode = "nearest"> (x, s) }""",
}


def write(path, text):
    onnx.save(parser.parse_model(text), path)
    return path


@pytest.mark.parametrize("name,opset", [(name, n) for name in TEXTS for n in (1, 7, 9, 11, 13, 18, 28)
                                        if name != "function" or n > 6])  # whose shapes aren't known, as they had to be before
def test_same_answers(igata, tmp_path, name, opset):
    model = write(tmp_path / "in.onnx", TEXTS[name])
    r = igata("convert", model, tmp_path / "out.onnx", "--opset", opset, "--verify", "--json")
    assert r.code == 0, r.err
    assert r.json()["verified"]["equal"]
    made = onnx.load(tmp_path / "out.onnx")
    assert {o.domain: o.version for o in made.opset_import}[""] == opset
    assert all(o.version == opset for f in made.functions for o in f.opset_import if o.domain == "")
    onnx.checker.check_model(made)


def test_weights_stay_bytes(igata, tmp_path):
    model = write(tmp_path / "in.onnx", TEXTS["classifier"])
    assert igata("convert", model, tmp_path / "out.onnx", "--opset", 21).code == 0
    before, after = (numpy_helper.to_array(onnx.load(tmp_path / f).graph.initializer[0]) for f in ("in.onnx", "out.onnx"))
    assert np.array_equal(before, after)


def test_refusals_name_all(igata, tmp_path):
    model = write(tmp_path / "in.onnx", """
        <ir_version: 10, opset_import: ["": 21]>
        g (float[2,3] x, float[3] i) => (y, z, s) {
            [trim] y = Trilu(x)  [mod] m = Mod <fmod = 1> (x, x)  z = Einsum <equation = "ij,ij->j"> (m, x)  s = StringConcat(t, t)
            t = Cast <to = 8> (x)
        }""".replace("s = StringConcat(t, t)\n            t = Cast <to = 8> (x)", "t = Cast <to = 8> (x)  s = StringConcat(t, t)"))
    r = igata("convert", model, tmp_path / "out.onnx", "--opset", 9)
    assert r.code == 4
    assert not (tmp_path / "out.onnx").exists()
    for word in ("'trim' (Trilu)", "'mod' (Mod)", "Einsum", "StringConcat", "before version 20"):
        assert word in r.err, r.err


@pytest.mark.parametrize("opset", ["0", "29", "99"])
def test_no_such_opset(igata, tmp_path, opset):
    model = write(tmp_path / "in.onnx", TEXTS["resize"])
    r = igata("convert", model, tmp_path / "out.onnx", "--opset", opset)
    assert r.code in (2, 4) and not (tmp_path / "out.onnx").exists()


def test_refused_attributes_and_types(igata, tmp_path):
    blocked = write(tmp_path / "blocked.onnx", """
        <ir_version: 10, opset_import: ["": 21]>
        g (int8[4,6] x, float[4,2] s) => (y) { y = DequantizeLinear <axis = 1, block_size = 3> (x, s) }""")
    r = igata("convert", blocked, tmp_path / "out.onnx", "--opset", 19)
    assert r.code == 4 and "block_size" in r.err
    bits = write(tmp_path / "bits.onnx", """
        <ir_version: 10, opset_import: ["": 21]> g (int4[4,6] x) => (int4[6,4] y) { y = Transpose(x) }""")
    r = igata("convert", bits, tmp_path / "out.onnx", "--opset", 20)
    assert r.code == 4 and "int4" in r.err


def test_ir_version(igata, tmp_path):
    model = write(tmp_path / "in.onnx", TEXTS["classifier"])
    assert igata("convert", model, tmp_path / "old.onnx", "--opset", 8, "--ir-version", 3, "--verify").code == 0
    old = onnx.load(tmp_path / "old.onnx")
    assert old.ir_version == 3
    assert {i.name for i in old.graph.initializer} <= {i.name for i in old.graph.input}
    onnx.checker.check_model(old)
    assert igata("convert", model, tmp_path / "new.onnx", "--ir-version", 12).code == 0
    assert onnx.load(tmp_path / "new.onnx").ir_version == 12
    function = write(tmp_path / "f.onnx", TEXTS["function"])
    r = igata("convert", function, tmp_path / "no.onnx", "--ir-version", 7)
    assert r.code == 4 and "inline" in r.err and not (tmp_path / "no.onnx").exists()
    assert igata("convert", model, tmp_path / "no.onnx", "--ir-version", 99).code == 2


def test_raises_ir_version(igata, tmp_path):
    model = write(tmp_path / "in.onnx", TEXTS["broadcast"])
    assert igata("convert", model, tmp_path / "out.onnx", "--opset", 28).code == 0
    assert onnx.load(tmp_path / "out.onnx").ir_version == 14


def label_encoder(version, dtype, **attrs):
    node = helper.make_node("LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", **attrs)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", dtype, [3])],
                              [helper.make_tensor_value_info("y", TensorProto.INT64 if dtype == 8 else TensorProto.STRING, [3])])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", version)])


def test_ml(igata, tmp_path):
    old = label_encoder(1, TensorProto.STRING, classes_strings=["a", "b", "c"])
    onnx.save(old, tmp_path / "old.onnx")
    assert igata("convert", tmp_path / "old.onnx", tmp_path / "new.onnx", "--opset", "ai.onnx.ml=4").code == 0
    new = onnx.load(tmp_path / "new.onnx")
    assert {a.name for a in new.graph.node[0].attribute} >= {"keys_strings", "values_int64s"}
    onnx.checker.check_model(new)
    assert igata("convert", tmp_path / "new.onnx", tmp_path / "back.onnx", "--opset", "ai.onnx.ml=1").code == 0
    back = onnx.load(tmp_path / "back.onnx").graph.node[0]
    assert [a.strings[:] for a in back.attribute if a.name == "classes_strings"] == [[b"a", b"b", b"c"]]
    r = igata("convert", tmp_path / "old.onnx", tmp_path / "no.onnx", "--opset", "com.example=3")
    assert r.code == 2
