"""Shapes that a graph computes are followed in symbols: the chains that exporters write for views, windows, rolls and masks."""
import onnx
import pytest
from onnx import parser

CASES = {
    "heads": ("float[b,t,96] x", "b,t,4,24", """
        s = Shape(x)  i0 = Constant<value_int = 0>()  i1 = Constant<value_int = 1>()
        b = Gather(s, i0)  t = Gather(s, i1)  zero = Constant<value_ints = [0]>()
        bu = Unsqueeze(b, zero)  tu = Unsqueeze(t, zero)  rest = Constant<value_ints = [4, -1]>()
        target = Concat<axis = 0>(bu, tu, rest)  y = Reshape(x, target)"""),
    "flatten": ("float[b,3,h,w] x", "b,3*h*w", "zero = Constant<value_ints = [0, -1]>()  y = Reshape(x, zero)"),
    "windows": ("float[b,h,w,c] x", "b*floor(h/2)*floor(w/2),4,c", """
        s = Shape(x)  i = Constant<value_ints = [1, 2]>()  hw = Gather(s, i)  two = Constant<value_ints = [2]>()
        half = Div(hw, two)  n = Constant<value_ints = [1, 1]>()  h, w = Split<axis = 0>(half, n)
        bs = Shape<start = 0, end = 1>(x)  cs = Shape<start = 3>(x)  bh = Mul(bs, h)  bhw = Mul(bh, w)
        four = Constant<value_ints = [4]>()  target = Concat<axis = 0>(bhw, four, cs)  y = Reshape<allowzero = 1>(x, target)"""),
    "size": ("float[b,c] x", "b*c", "n = Size(x)  z = Constant<value_ints = [0]>()  u = Unsqueeze(n, z)  y = Reshape(x, u)"),
    "prod": ("float[b,c,d] x", "b*c,d", """
        s = Shape(x)  z = Constant<value_ints = [0]>()  two = Constant<value_ints = [2]>()  big = Constant<value_ints = [9223372036854775807]>()
        head = Slice(s, z, two, z)  tail = Slice(s, two, big, z)  p = ReduceProd<keepdims = 1>(head)
        target = Concat<axis = 0>(p, tail)  y = Reshape(x, target)"""),
    "roll": ("float[b,h] x", "b,h", """
        z = Constant<value_ints = [0]>()  m = Constant<value_ints = [-3]>()  one = Constant<value_ints = [1]>()
        big = Constant<value_ints = [9223372036854775807]>()
        tail = Slice(x, m, big, one)  head = Slice(x, z, m, one)  y = Concat<axis = 1>(tail, head)"""),
    "halves": ("float[b,h] x", "b,h", """
        z = Constant<value_ints = [0]>()  m = Constant<value_ints = [5]>()  one = Constant<value_ints = [1]>()
        big = Constant<value_ints = [9223372036854775807]>()
        head = Slice(x, z, m, one)  tail = Slice(x, m, big, one)  y = Concat<axis = 1>(head, tail)"""),
    "positions": ("float[b,t,8] x, float[1,512,8] p", "b,t,8", """
        t = Shape<start = 1, end = 2>(x)  z = Constant<value_ints = [0]>()  one = Constant<value_ints = [1]>()
        q = Slice(p, z, t, one)  y = Add(x, q)"""),
    "expand": ("float[b,1,c] x", "b,7,c", """
        s = Shape<end = 1>(x)  k = Constant<value_ints = [7, 1]>()  target = Concat<axis = 0>(s, k)  y = Expand(x, target)"""),
    "tile": ("float[b,c] x", "2*b,3*c", "r = Constant<value_ints = [2, 3]>()  y = Tile(x, r)"),
    "split": ("float[b,c] x", "b,floor((c + 1)/2)", "y, rest = Split<axis = 1, num_outputs = 2>(x)"),
    "pad": ("float[b,h] x", "b,h + 3", "p = Constant<value_ints = [0, 1, 0, 2]>()  y = Pad(x, p)"),
    "squeeze": ("float[1,b,1,c] x", "b,c", "a = Constant<value_ints = [0, 2]>()  y = Squeeze(x, a)"),
    "backwards": ("float[b,h] x", "b,h", """
        m = Constant<value_ints = [-1]>()  low = Constant<value_ints = [-9223372036854775807]>()  y = Slice(x, m, low, m, m)"""),
    "strided": ("float[b,h] x", "b,floor((h + 1)/2)", """
        z = Constant<value_ints = [0]>()  big = Constant<value_ints = [9223372036854775807]>()  one = Constant<value_ints = [1]>()
        two = Constant<value_ints = [2]>()  y = Slice(x, z, big, one, two)"""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_chain(igata, tmp_path, name):
    inputs, want, text = CASES[name]
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 20]> g ({inputs}) => (y) {{ {text} }}')
    onnx.save(model, tmp_path / "in.onnx")
    r = igata("infer-shapes", tmp_path / "in.onnx", tmp_path / "out.onnx", "--data-propagation")
    assert r.code == 0, r.err
    shape = onnx.load(tmp_path / "out.onnx").graph.output[0].type.tensor_type.shape
    assert [d.dim_param or d.dim_value for d in shape.dim] == [int(d) if d.isdigit() else d for d in want.split(",")]
