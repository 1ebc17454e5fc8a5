"""`igata convert` reads ONNX's textual syntax as onnx.parser does, and `igata print` writes it as onnx.printer does."""
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser, printer

TEXTS = {
    "model": """
        <ir_version: 7, opset_import: [ "" : 10, "com.microsoft": 1], producer_name: "p", model_version: 3, doc_string: "a \\"d\\"",
         metadata_props: ["k": "v", "k2": "w"]>
        agraph (float[N, 128] X, float[128,10] W = ["location": "w.bin", "offset": "8"], float B) => (float[N] C)
        <float[N, "2*k"] T, int64[2] shape = {1, -1}> {
           [first] T = MatMul(X, W)   # comment
           S, "", "x y" = com.microsoft.Add:o <a = 1, b = 1.5, c = "s", d = [1, 2], e = ["x", "y"], f: floats = [1, 2.5]> (T, "", B)
           C = Softmax(S,)
        }""",
    "types": """
        <ir_version: 10, opset_import: ["": 21]>
        g (seq(float[2,3]) a, optional(seq(int64)) b, map(string, float[?]) c, sparse_tensor(double[3,4]) d, opaque(a.b,c) e, float[] f)
          => (bool g) { g = Op <t = float[3], u: type_proto = seq(bfloat16[n])> (a) }""",
    "constants": """
        <ir_version: 10, opset_import: ["": 21]>
        g () => () <bool[2] a = {0, 1}, float16[2] b = {15360, 49152}, uint64[1] c = {18446744073709551615}, string[2] d = {"x", "\\\\n"},
                    float8e4m3fn[2] e = {56, 127}, double[2] f = {1e-300, -inf}, float[0] g = {}, int8 h = {-128}>
        { y = Constant <value = float[2] named {1.5, nan}> () z = Constant <value: tensor = bfloat16 {16256}> () }""",
    "graphs": """
        <ir_version: 8, opset_import: ["": 17]>
        g (bool c, float x) => (y) {
            y = If (c) <then_branch = a () => (float t) <float one = {1}> { t = Add(x, one) }, else_branch = b () => (e) { e = Neg(x) }>
        }""",
    "functions": """
        <ir_version: 8, opset_import: ["": 17, "local": 1]>
        g (float x) => (y) { y = local.f:v <k = 3> (x) }
        <domain: "local", opset_import: ["": 17], overload: "v", doc_string: "d">
        f <k, j: float = 1.5> (float a, b) => (c) <float[2] t> { t = Cast <to: int = @k> (a) c = Neg (t) }
        <domain: "local", opset_import: []> h () => () { }""",
}


def array_of(t):
    return numpy_helper.to_array(t).tobytes() if t.data_type != TensorProto.STRING else list(t.string_data)


def plain_tensor(t):
    if t.data_location == TensorProto.EXTERNAL:
        return
    content, name, dtype, dims = array_of(t), t.name, t.data_type, list(t.dims)
    t.Clear()
    t.name, t.data_type, t.raw_data = name, dtype, repr(content).encode()
    t.dims.extend(dims)


def plain_nodes(nodes):
    for n in nodes:
        for field in ("name", "domain", "overload"):
            setattr(n, field, getattr(n, field))
        for a in n.attribute:
            if a.HasField("t"):
                plain_tensor(a.t)
            if a.HasField("g"):
                plain_graph(a.g)


def plain_graph(g):
    for t in g.initializer:
        plain_tensor(t)
    plain_nodes(g.node)


def plain(m):
    """The model with each thing said in one way only."""
    m = onnx.ModelProto.FromString(m.SerializeToString())
    plain_graph(m.graph)
    for f in m.functions:
        f.overload = f.overload
        plain_nodes(f.node)
    return m


def write(tmp_path, text):
    (tmp_path / "in.onnxtxt").write_text(text)
    (tmp_path / "w.bin").write_bytes(bytes(8 + 4 * 1280))
    return tmp_path / "in.onnxtxt"


@pytest.mark.parametrize("name", TEXTS)
def test_reads_as_onnx_does(igata, tmp_path, name):
    r = igata("convert", write(tmp_path, TEXTS[name]), tmp_path / "out.onnx")
    assert r.code == 0, r.err
    got, want = onnx.load(tmp_path / "out.onnx", load_external_data=False), parser.parse_model(TEXTS[name])
    for m in (got, want):
        for t in m.graph.initializer:
            del t.external_data[:]
    assert plain(got) == plain(want)


@pytest.mark.parametrize("name", TEXTS)
def test_prints_as_onnx_does(igata, tmp_path, name):
    onnx.save(parser.parse_model(TEXTS[name]), tmp_path / "in.onnx")
    write(tmp_path, "")
    r = igata("print", tmp_path / "in.onnx")
    assert r.code == 0, r.err
    if name != "functions":  # onnx's printer leaves out what a function says of its values, defaults and doc
        want = printer.to_text(onnx.load(tmp_path / "in.onnx", load_external_data=False))
        assert r.out.rstrip() == re.sub(r"\( (\w)", r"(\1", want).rstrip()
    assert plain(parser.parse_model(r.out)) == plain(onnx.load(tmp_path / "in.onnx", load_external_data=False))


def test_says_what_is_left_out(igata, tmp_path):
    m = parser.parse_model(TEXTS["graphs"])
    m.graph.node[0].doc_string = "d"
    m.graph.node[0].metadata_props.add(key="k", value="v")
    onnx.save(m, tmp_path / "in.onnx")
    out = igata("print", tmp_path / "in.onnx").out
    assert "# not in this text: doc strings" in out and "# not in this text: metadata" in out
    parser.parse_model(out)


def test_short(igata, tmp_path):
    graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(np.zeros(9, np.float32), "w"), numpy_helper.from_array(np.ones(8, np.int8), "v")])
    onnx.save(helper.make_model(graph), tmp_path / "in.onnx")
    out = igata("print", "--short", tmp_path / "in.onnx").out
    assert "float[9] w =  ..." in out and "int8[8] v =  {1,1,1,1,1,1,1,1}" in out


def test_weights_beside_the_text(igata, tmp_path):
    weights = np.random.default_rng(1).standard_normal((64, 64)).astype(np.float32)
    graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph), tmp_path / "in.onnx")
    assert igata("convert", tmp_path / "in.onnx", tmp_path / "out.onnxtxt", "--external").code == 0
    assert (tmp_path / "out.onnxtxt").stat().st_size < 400
    assert igata("convert", tmp_path / "out.onnxtxt", tmp_path / "back.onnx", "--inline-external").code == 0
    assert np.array_equal(numpy_helper.to_array(onnx.load(tmp_path / "back.onnx").graph.initializer[0]), weights)


def test_errors_show_the_place(igata, tmp_path):
    r = igata("convert", write(tmp_path, "g () => () {\n  y = Add (a b)\n}"), tmp_path / "out.onnx")
    assert r.code == 3 and "y = Add (a b)\n               ^" in r.err and "line 2, column 14" in r.err
    assert not (tmp_path / "out.onnx").exists()
