"""`igata infer-shapes` knows at least what onnx's own inference knows, and says what contradicts it."""
import random

import onnx
import pytest
from onnx import TensorProto, helper, parser, shape_inference


def known(model):
    """Name -> (element type, shape) of everything a model declares; None where nothing is said."""
    out = {}
    for v in [*model.graph.value_info, *model.graph.output]:
        t = v.type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in t.shape.dim] if t.HasField("shape") else None
        out[v.name] = (t.elem_type, dims)
    return out


def agrees(want, got):
    """`got` says all that `want` says. A size may have another name, or a number where onnx has a name."""
    if want[0] and want[0] != got[0]:
        return False
    if want[1] is None:
        return True
    return got[1] is not None and len(want[1]) == len(got[1]) and all(
        w is None or (isinstance(w, str) and g is not None) or w == g for w, g in zip(want[1], got[1]))


def infer(igata, tmp_path, model, *options):
    onnx.save(model, tmp_path / "in.onnx")
    r = igata("infer-shapes", tmp_path / "in.onnx", tmp_path / "out.onnx", "--force", *options)
    return r, onnx.load(tmp_path / "out.onnx") if r.code == 0 else None


def compare(igata, tmp_path, model):
    want = known(shape_inference.infer_shapes(model, strict_mode=True, data_prop=True))
    r, out = infer(igata, tmp_path, model, "--strict", "--data-propagation")
    assert r.code == 0, r.err
    onnx.checker.check_model(out)
    got = known(out)
    for name, w in want.items():
        assert name in got and agrees(w, got[name]), f"{name}: {got.get(name)}, onnx says {w}"
    return got


TEXTS = {
    "contents": """
        <ir_version: 8, opset_import: ["": 17]>
        g (float[batch, 12, 64] x) => (y) <int64[1] zero = {0}, int64[1] one = {1}, int64[1] minus = {-1}> {
            shape = Shape(x)
            first = Slice(shape, zero, one)
            target = Concat<axis = 0>(first, minus)
            y = Reshape(x, target)
        }""",
    "branches": """
        <ir_version: 8, opset_import: ["": 17]>
        g (bool c, float[n, 3] x) => (y) {
            y = If (c) <then_branch = a () => (t) { t = Neg(x) }, else_branch = b () => (e) { e = Add(x, x) }>
        }""",
    "functions": """
        <ir_version: 8, opset_import: ["": 17, "f": 1]>
        g (float[2, 3] x, int64[n] k) => (y, z, w) { y = f.twice(x) z = f.twice(k) w = f.turned<how = [1, 0]>(x) }
        <domain: "f", opset_import: ["": 17]> twice (a) => (b) { c = Neg(a) b = Add(a, c) }
        <domain: "f", opset_import: ["": 17]> turned <how> (a) => (b) { b = Transpose<perm: ints = @how>(a) }""",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(igata, tmp_path, name):
    got = compare(igata, tmp_path, parser.parse_model(TEXTS[name]))
    if name == "contents":
        assert got["y"] == (TensorProto.FLOAT, ["batch", 768])
    if name == "functions":
        assert got["w"] == (TensorProto.FLOAT, [3, 2]) and got["z"] == (TensorProto.INT64, ["n"])


class Chain:
    """A random graph of operators that move elements, over shapes that are known here as they go."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.nodes, self.constants, self.values = [], [], []

    def constant(self, numbers):
        name = f"k{len(self.constants)}"
        self.constants.append(helper.make_tensor(name, TensorProto.INT64, [len(numbers)], numbers))
        return name

    def node(self, op, inputs, shape, **attrs):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attrs))
        self.values.append((name, shape))

    def step(self):
        r = self.random
        name, shape = r.choice(self.values)
        rank = len(shape)
        kind = r.choice(["Neg", "Transpose", "Unsqueeze", "Squeeze", "Concat", "Slice", "Add", "Flatten", "Tile"])
        if kind == "Neg":
            self.node("Neg", [name], shape)
        elif kind == "Transpose" and rank:
            perm = r.sample(range(rank), rank)
            self.node("Transpose", [name], [shape[p] for p in perm], perm=perm)
        elif kind == "Unsqueeze" and rank < 6:
            at = r.randrange(-rank - 1, rank + 1)
            self.node("Unsqueeze", [name, self.constant([at])], shape[: at % (rank + 1)] + [1] + shape[at % (rank + 1):])
        elif kind == "Squeeze" and 1 in shape:
            at = shape.index(1)
            self.node("Squeeze", [name, self.constant([at])], shape[:at] + shape[at + 1:])
        elif kind == "Concat" and rank:
            at = r.randrange(rank)
            size = shape[at] * 2 if isinstance(shape[at], int) else None
            self.node("Concat", [name, name], shape[:at] + [size] + shape[at + 1:], axis=at)
        elif kind == "Slice" and rank and isinstance(shape[0], int):
            start, end, step = r.randrange(-5, 5), r.randrange(-5, 9), r.choice([1, 2, -1, 3])
            size = len(range(*slice(start, end, step).indices(shape[0])))
            self.node("Slice", [name, *(self.constant([k]) for k in (start, end, 0, step))], [size] + shape[1:])
        elif kind == "Add":
            other, other_shape = r.choice(self.values)
            if other_shape == shape:
                self.node("Add", [name, other], shape)
        elif kind == "Flatten" and rank:
            self.node("Flatten", [name], [None, None], axis=r.randrange(rank + 1))
        elif kind == "Tile" and rank:
            self.node("Tile", [name, self.constant([r.randrange(1, 3) for _ in shape])], [None] * rank)

    def model(self):
        self.values = [("x", ["n", 4, 1]), ("y", [3, 1, "m", 2])]
        inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in self.values]
        while len(self.nodes) < 12:
            self.step()
        out = helper.make_tensor_value_info(self.values[-1][0], TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "g", inputs, [out], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(igata, tmp_path, seed):
    compare(igata, tmp_path, Chain(seed).model())


def test_contradictions(igata, tmp_path):
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        g (float[2, 3] x, float[4] y) => (float[2, 3] z, int64[2, 3] w) { z = Add(x, y) w = Neg(x) }""")
    r, _ = infer(igata, tmp_path, model, "--strict")
    assert r.code == 3 and "can't be broadcast" in r.err and "graph.node[0] (Add)" in r.err
    r, out = infer(igata, tmp_path, model)
    assert r.code == 0 and "can't be broadcast" in r.err and "declared as int64[2,3]" in r.err and out
    r = igata("check", tmp_path / "in.onnx")
    assert r.code == 1 and "[shape]" in r.out and "[type]" in r.out


def test_dims_get_values(igata, tmp_path):
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        g (float[batch, 3] x) => (y) { y = Concat<axis = 0>(x, x) }""")
    _, out = infer(igata, tmp_path, model)
    assert known(out)["y"][1] == ["2*batch", 3]
    _, out = infer(igata, tmp_path, model, "--dim", "batch=5")
    assert known(out)["y"][1] == [10, 3]


GIVEN = """
    <ir_version: 8, opset_import: ["": 17]>
    g (float[batch, 3, h, w] x, float[8, 3, 3, 3] k, float[seq, 4] s, float[past, 4] p) => (y, z) {
        y = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, k)
        z = Concat<axis = 0>(p, s)
    }"""


@pytest.mark.parametrize("options, y, z, x", [
    ([], ["batch", 8, "floor((h + 1)/2)", "floor((w + 1)/2)"], ["seq + past", 4], ["batch", 3, "h", "w"]),
    (["--dim", "batch=4", "--dim", "past=5"], [4, 8, "floor((h + 1)/2)", "floor((w + 1)/2)"], ["seq + 5", 4], [4, 3, "h", "w"]),
    (["--shape", "x=?,3,224,225", "--shape", "s=2,4"], ["batch", 8, 112, 113], ["past + 2", 4], ["batch", 3, 224, 225]),
])  # fmt: skip
def test_given_sizes(igata, tmp_path, options, y, z, x):
    r, out = infer(igata, tmp_path, parser.parse_model(GIVEN), *options)
    assert r.code == 0, r.err
    got = known(out)
    assert got["y"][1] == y and sorted(map(str, got["z"][1])) == sorted(map(str, z))
    assert [d.dim_value or d.dim_param for d in out.graph.input[0].type.tensor_type.shape.dim] == x


@pytest.mark.parametrize("option, code, message", [("x=1,4,5,6", 2, "dim 1 of input 'x' is 3"), ("x=1,3", 2, "has rank 4"),
                                                   ("q=1", 2, "no input 'q'"), ("x=1,a", 2, "no shape"), ("x", 2, "NAME=")])  # fmt: skip
def test_given_shapes_that_cannot_be(igata, tmp_path, option, code, message):
    r, _ = infer(igata, tmp_path, parser.parse_model(GIVEN), "--shape", option)
    assert r.code == code and message in r.err


def test_recursion_is_refused(igata, tmp_path):
    text = """<ir_version: 8, opset_import: ["": 17, "f": 1]>
        g (float[2] x) => (float[2] y) { y = f.a(x) }
        <domain: "f", opset_import: ["f": 1]> a (x) => (y) { y = f.b(x) }
        <domain: "f", opset_import: ["f": 1]> b (x) => (y) { y = f.a(x) }"""
    r, _ = infer(igata, tmp_path, parser.parse_model(text))
    assert r.code == 3 and "calls itself" in r.err
