"""Gradients of every operator with a rule or a function body, against central differences in double precision.

Models are built in double, y is a weighted sum of the operator's output, Gradient differentiates y; the differences are of the
same model without the Gradient node, run by igata, too: operators are checked elsewhere."""

import igata
import numpy as np
import pytest
from compare import B, D, F, I64, model_of
from onnx import TensorProto, helper, numpy_helper

TRAINING = "ai.onnx.preview.training"
rng = np.random.default_rng(7)


def random(*shape, low=-2.0, high=2.0):
    return rng.uniform(low, high, shape)


def constant(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def build(nodes, inputs, result, opset, xs, constants, weights, gradient=True, domain=None):
    """loss = sum(result * weights) and its gradients d_<x> for xs."""
    nodes = list(nodes) + [helper.make_node("Mul", [result, "weights_"], ["weighted_"]),
                           helper.make_node("ReduceSum", ["weighted_"], ["loss_"], keepdims=0)]
    outputs = [("loss_", D, [])]
    if gradient:
        nodes.append(helper.make_node("Gradient", xs, [f"d_{x}" for x in xs], domain=TRAINING, xs=xs, y="loss_"))
        outputs += [(f"d_{x}", D, inputs[x].shape) for x in xs]
    infos = [(k, D, v.shape) for k, v in inputs.items()]
    opsets = {"": opset, TRAINING: 1}
    if domain:
        opsets[domain] = 1
    return model_of(nodes, infos, outputs, opsets, [*constants, constant("weights_", weights)])


def check_gradient(nodes, inputs, result="y", opset=21, xs=None, constants=(), tolerance=1e-5, step=1e-5, domain=None):
    xs = xs or list(inputs)
    plain = model_of(nodes, [(k, D, v.shape) for k, v in inputs.items()], [(result, D, None)], {"": opset, **({domain: 1} if domain else {})}, constants)
    forward = igata.Session(plain)
    y = forward.run(inputs)[0]
    weights = rng.uniform(-1, 1, y.shape)
    session = igata.Session(build(nodes, inputs, result, opset, xs, constants, weights, domain=domain))
    got = session.run(inputs)[1:]
    for x, g in zip(xs, got):
        want = np.zeros_like(inputs[x])
        for i in np.ndindex(*want.shape):
            moved = []
            for sign in (1, -1):
                value = inputs[x].copy()
                value[i] += sign * step
                moved.append((forward.run({**inputs, x: value})[0] * weights).sum())
            want[i] = (moved[0] - moved[1]) / (2 * step)
        assert g.shape == want.shape
        np.testing.assert_allclose(g, want, rtol=tolerance * 10, atol=tolerance, err_msg=x)


def node(op, inputs, outputs=("y",), **attrs):
    return helper.make_node(op, inputs, list(outputs), **attrs)


UNARY = {
    "Abs": {}, "Neg": {}, "Exp": {}, "Sin": {}, "Cos": {}, "Sinh": {}, "Cosh": {}, "Tanh": {}, "Atan": {}, "Asinh": {}, "Sigmoid": {},
    "Erf": {}, "Softplus": {}, "Softsign": {}, "Relu": {}, "LeakyRelu": {"alpha": 0.2}, "Elu": {"alpha": 1.5}, "Selu": {}, "Celu": {"alpha": 1.3},
    "HardSigmoid": {}, "HardSwish": {}, "Mish": {}, "ThresholdedRelu": {"alpha": 0.5}, "Gelu": {}, "Identity": {}, "Floor": {}, "Ceil": {}, "Round": {},
    "Sign": {}, "Softmax": {}, "LogSoftmax": {"axis": 0}, "Shrink": {"lambd": 0.3, "bias": 0.1}, "Reciprocal": {},
}


@pytest.mark.parametrize("op", UNARY)
def test_unary(op):
    x = random(2, 3)
    x[np.abs(x) < 0.05] = 0.1
    if op in ("Celu",):  # float only by its schema
        pytest.skip("float only")
    check_gradient([node(op, ["x"], **UNARY[op])], {"x": x})


@pytest.mark.parametrize("op,low,high", [("Log", 0.1, 2), ("Sqrt", 0.1, 2), ("Acos", -0.9, 0.9), ("Asin", -0.9, 0.9), ("Atanh", -0.9, 0.9), ("Acosh", 1.1, 3), ("Tan", -1, 1)])
def test_unary_in_domain(op, low, high):
    check_gradient([node(op, ["x"])], {"x": random(2, 3, low=low, high=high)})


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_swish(approximate):
    check_gradient([node("Gelu", ["x"], approximate=approximate)], {"x": random(7)})
    check_gradient([node("Swish", ["x"], alpha=0.7)], {"x": random(7)}, opset=24)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "PRelu", "Mod"])
@pytest.mark.parametrize("a,b", [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 3), ()), ((4, 2, 3), (1, 2, 1)), ((2, 1), (1, 3))])
def test_broadcast(op, a, b):
    if op == "PRelu" and (a, b) == ((2, 1), (1, 3)):
        pytest.skip("one way only")
    x, z = random(*a, low=0.3), random(*b, low=0.4, high=2)
    attrs = {"fmod": 1} if op == "Mod" else {}
    check_gradient([node(op, ["x", "z"], **attrs)], {"x": x, "z": z}, tolerance=1e-4)


def test_where_clip_cast():
    check_gradient([node("Where", ["c", "x", "z"])], {"x": random(2, 3), "z": random(3)}, constants=[constant("c", np.array([[True, False, True], [False, False, True]]))])
    check_gradient([node("Clip", ["x", "low", "high"])], {"x": random(9)}, constants=[constant("low", -0.5), constant("high", 0.7)])
    check_gradient([node("Cast", ["x"], ["f"], to=D), node("Mul", ["f", "f"])], {"x": random(4)})


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"])
@pytest.mark.parametrize("axes", [None, [0], [1, 2], [-1]])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("opset", [12, 21])
def test_reduce(op, axes, keepdims, opset):
    x = random(2, 3, 2, low=0.2)
    by_input = opset == 21 and axes is not None
    attrs = {"axes": axes} if axes is not None and not by_input else {}
    check_gradient([node(op, ["x"] + (["a"] if by_input else []), keepdims=keepdims, **attrs)], {"x": x}, opset=opset,
                   constants=[constant("a", np.array(axes, np.int64))] if by_input else [], tolerance=1e-4)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("opset", [11, 13])
def test_softmax(op, axis, opset):
    check_gradient([node(op, ["x"], axis=axis)], {"x": random(2, 3, 2)}, opset=opset)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_cumsum(exclusive, reverse):
    check_gradient([node("CumSum", ["x", "axis"], exclusive=exclusive, reverse=reverse)], {"x": random(2, 4)}, constants=[constant("axis", np.int64(1))])


INTS = lambda *v: np.array(v, np.int64)
MOVES = [
    ("Reshape", {}, (2, 6), [INTS(3, -1)]), ("Flatten", {"axis": 1}, (2, 3, 2), []), ("Squeeze", {}, (2, 1, 3), [INTS(1)]),
    ("Unsqueeze", {}, (2, 3), [INTS(0, 2)]), ("Transpose", {"perm": [2, 0, 1]}, (2, 3, 4), []), ("Transpose", {}, (2, 3), []),
    ("Expand", {}, (3, 1), [INTS(2, 3, 4)]), ("Tile", {}, (2, 3), [INTS(2, 2)]), ("Slice", {}, (4, 5), [INTS(1, 0), INTS(4, 5), INTS(0, 1), INTS(1, 2)]),
    ("Slice", {}, (4, 5), [INTS(3), INTS(-10), INTS(1), INTS(-2)]), ("Gather", {"axis": 1}, (3, 4), [INTS(0, 2, 2)]), ("Gather", {}, (3, 4), [INTS(-1)]),
    ("GatherElements", {"axis": 1}, (2, 3), [np.array([[0, 0], [2, 1]], np.int64)]), ("GatherND", {}, (2, 3), [np.array([[0, 1], [1, 1], [0, 1]], np.int64)]),
    ("Pad", {}, (2, 3), [INTS(1, 0, 0, 2)]), ("Pad", {"mode": "reflect"}, (3, 3), [INTS(1, 1, 1, 1)]), ("Pad", {"mode": "edge"}, (2, 3), [INTS(1, 1, 0, 1)]),
    ("DepthToSpace", {"blocksize": 2}, (1, 4, 2, 2), []), ("SpaceToDepth", {"blocksize": 2}, (1, 1, 4, 4), []), ("Trilu", {"upper": 0}, (3, 3), []),
    ("Compress", {"axis": 0}, (3, 2), [np.array([True, False, True])]), ("ReverseSequence", {"batch_axis": 0, "time_axis": 1}, (2, 3), [INTS(2, 3)]),
    ("Resize", {"mode": "nearest"}, (1, 1, 2, 2), [np.zeros(0, np.float32), np.array([1, 1, 2, 2], np.float32)]),
]


@pytest.mark.parametrize("op,attrs,shape,more", MOVES)
def test_move(op, attrs, shape, more):
    names = [f"c{i}" for i in range(len(more))]
    check_gradient([node(op, ["x", *names], **attrs)], {"x": random(*shape)}, constants=[constant(n, v) for n, v in zip(names, more)])


def test_concat_split_scatter_topk():
    check_gradient([node("Concat", ["x", "z", "x"], axis=1)], {"x": random(2, 3), "z": random(2, 2)})
    check_gradient([node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2), node("Exp", ["a"], ["y"])], {"x": random(2, 4)})
    check_gradient([node("Split", ["x"], ["a", "b"], axis=0), node("Mul", ["a", "b"])], {"x": random(4, 3)}, opset=11)
    for reduction in ("none", "add"):
        i = constant("i", np.array([[0, 2]], np.int64))
        check_gradient([node("ScatterElements", ["x", "i", "u"], axis=1, reduction=reduction)], {"x": random(2, 3), "u": random(1, 2)}, constants=[i])
        i = constant("i", np.array([[1], [0]], np.int64))
        check_gradient([node("ScatterND", ["x", "i", "u"], reduction=reduction)], {"x": random(3, 2), "u": random(2, 2)}, constants=[i])
    check_gradient([node("TopK", ["x", "k"], ["y", "i"])], {"x": random(2, 5)}, constants=[constant("k", INTS(2))])


@pytest.mark.parametrize("a,b", [((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 2, 3), (3, 2)), ((2, 1, 2, 3), (3, 3, 2)), ((3,), (2, 3, 4)), ((2, 2, 3), (3,))])
def test_matmul(a, b):
    check_gradient([node("MatMul", ["x", "z"])], {"x": random(*a), "z": random(*b)})


@pytest.mark.parametrize("ta", [0, 1])
@pytest.mark.parametrize("tb", [0, 1])
@pytest.mark.parametrize("c", [(4,), (2, 1), ()])
def test_gemm(ta, tb, c):
    check_gradient([node("Gemm", ["x", "z", "c"], transA=ta, transB=tb, alpha=0.5, beta=1.5)],
                   {"x": random(*((3, 2) if ta else (2, 3))), "z": random(*((4, 3) if tb else (3, 4))), "c": random(*c)})


@pytest.mark.parametrize("equation,a,b", [("ij,jk->ik", (2, 3), (3, 4)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("i,j->ij", (2,), (3,)), ("ij->ji", (2, 3), None), ("ij->i", (2, 3), None)])
def test_einsum(equation, a, b):
    inputs = {"x": random(*a), **({"z": random(*b)} if b else {})}
    check_gradient([node("Einsum", list(inputs), equation=equation)], inputs)


CONVS = [
    ((1, 2, 5, 5), (3, 2, 3, 3), {}), ((2, 2, 6, 5), (3, 2, 3, 2), {"strides": [2, 2], "pads": [1, 0, 1, 1]}), ((1, 4, 6, 6), (4, 2, 3, 3), {"group": 2, "strides": [2, 1]}),
    ((1, 3, 7), (3, 1, 3), {"group": 3, "dilations": [2], "pads": [1, 2]}), ((1, 1, 4, 4, 4), (2, 1, 2, 2, 2), {"strides": [2, 2, 2]}),
    ((1, 2, 5, 5), (2, 2, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}), ((1, 2, 7, 7), (2, 2, 2, 2), {"strides": [3, 3]}), ((1, 2, 4, 4), (2, 2, 3, 3), {"auto_pad": "SAME_LOWER"}),
]


@pytest.mark.parametrize("x,w,attrs", CONVS)
def test_conv(x, w, attrs):
    check_gradient([node("Conv", ["x", "w", "b"], **attrs)], {"x": random(*x), "w": random(*w), "b": random(w[0])}, tolerance=1e-4)


@pytest.mark.parametrize("x,w,attrs", [
    ((1, 2, 3, 3), (2, 3, 3, 3), {}), ((2, 2, 3, 4), (2, 3, 3, 2), {"strides": [2, 2], "pads": [1, 0, 1, 1]}), ((1, 4, 3, 3), (4, 2, 3, 3), {"group": 2, "strides": [2, 1], "output_padding": [1, 0]}),
    ((1, 2, 5), (2, 2, 3), {"dilations": [2]})])
def test_conv_transpose(x, w, attrs):
    check_gradient([node("ConvTranspose", ["x", "w", "b"], **attrs)], {"x": random(*x), "w": random(*w), "b": random(w[1] * attrs.get("group", 1))}, tolerance=1e-4)


POOLS = [{"kernel_shape": [2, 2]}, {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}, {"kernel_shape": [3, 2], "auto_pad": "SAME_UPPER", "strides": [2, 2]}]


@pytest.mark.parametrize("attrs", POOLS)
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_pool(op, attrs):
    check_gradient([node(op, ["x"], **attrs)], {"x": random(1, 2, 5, 5)})


def test_pool_more():
    check_gradient([node("AveragePool", ["x"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)], {"x": random(1, 2, 5, 5)})
    check_gradient([node("GlobalAveragePool", ["x"])], {"x": random(2, 3, 2, 2)})
    check_gradient([node("GlobalMaxPool", ["x"])], {"x": random(2, 3, 2, 2)})


NORMS = [
    ("LayerNormalization", {"axis": -1}, (3, 4), [(4,), (4,)], 17), ("LayerNormalization", {"axis": 1}, (2, 3, 2), [(3, 2), (3, 2)], 17), ("RMSNormalization", {}, (3, 4), [(4,)], 23),
    ("InstanceNormalization", {}, (2, 3, 4), [(3,), (3,)], 21), ("GroupNormalization", {"num_groups": 2}, (2, 4, 3), [(4,), (4,)], 21), ("MeanVarianceNormalization", {}, (2, 3, 2, 2), [], 13),
    ("LpNormalization", {"axis": 1}, (2, 3), [], 21), ("LpNormalization", {"p": 1}, (2, 3), [], 21),
]


@pytest.mark.parametrize("op,attrs,x,more,opset", NORMS)
def test_norm(op, attrs, x, more, opset):
    inputs = {"x": random(*x), **{f"p{i}": random(*s, low=0.5) for i, s in enumerate(more)}}
    check_gradient([node(op, list(inputs), **attrs)], inputs, opset=opset, tolerance=1e-4)


@pytest.mark.parametrize("training", [0, 1])
def test_batch_norm(training):
    inputs = {"x": random(3, 2, 2), "s": random(2, low=0.5), "b": random(2)}
    check_gradient([node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "rm", "rv"] if training else ["y"], training_mode=training)], inputs,
                   constants=[constant("m", random(2)), constant("v", random(2, low=0.5))], opset=15, tolerance=1e-4)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [False, True])
@pytest.mark.parametrize("op", ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"])
def test_losses(op, reduction, weighted, ignore):
    t = constant("t", np.array([[1, 0], [2, 1]], np.int64))
    attrs = {"ignore_index": 2} if ignore else {}
    names = ["x", "t"] + (["w"] if weighted else [])
    check_gradient([node(op, names, reduction=reduction, **attrs)], {"x": random(2, 3, 2)}, opset=13,
                   constants=[t] + ([constant("w", random(3, low=0.5))] if weighted else []))


def test_dropout_in_training():
    x, ratio, training = random(50, 4), constant("r", 0.4), constant("t", True)
    nodes = [node("Dropout", ["x", "r", "t"], ["y"], seed=3)]
    m = build(nodes, {"x": x}, "y", 13, ["x"], [ratio, training], np.ones((50, 4)))
    d = igata.Session(m).run({"x": x})[1]
    assert set(np.round(np.unique(d), 6)) == {0.0, round(1 / 0.6, 6)}


def test_chain_of_layers():
    """A small network: convolution, pool, product, loss, each parameter's gradient at once."""
    nodes = [node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), node("Relu", ["a"], ["b"]), node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
             node("Flatten", ["c"], ["d"]), node("Gemm", ["d", "v", "u"], ["e"]), node("SoftmaxCrossEntropyLoss", ["e", "t"], ["y"])]
    inputs = {"x": random(2, 1, 4, 4), "w": random(2, 1, 3, 3), "v": random(8, 3), "u": random(3)}
    check_gradient(nodes, inputs, opset=13, constants=[constant("t", INTS(0, 2))], tolerance=1e-4)


def test_second_order():
    """d/dx of d/dx sum(x^3 z) is 6 x z."""
    nodes = [node("Mul", ["x", "x"], ["x2"]), node("Mul", ["x2", "x"], ["x3"]), node("Mul", ["x3", "z"], ["y"]),
             helper.make_node("Gradient", ["x", "z"], ["dx", "dz"], domain=TRAINING, xs=["x"], zs=["z"], y="y"),
             helper.make_node("Gradient", ["x", "z"], ["ddx"], domain=TRAINING, xs=["x", "z"], y="dx")]
    nodes[3].output.pop()
    m = model_of(nodes, [("x", D, [3]), ("z", D, [3])], [("dx", D, [3]), ("ddx", D, [3])], {"": 21, TRAINING: 1})
    x, z = random(3), random(3)
    dx, ddx = igata.Session(m).run({"x": x, "z": z})
    np.testing.assert_allclose(dx, 3 * x * x * z)
    np.testing.assert_allclose(ddx, 6 * x * z)


def test_at_other_values():
    """Gradient's inputs say where: here not at the x that y was computed from."""
    nodes = [node("Exp", ["x"], ["h"]), node("Mul", ["h", "x"], ["y"]), helper.make_node("Gradient", ["p"], ["d"], domain=TRAINING, xs=["x"], y="y")]
    m = model_of(nodes, [("x", D, [2]), ("p", D, [2])], [("y", D, [2]), ("d", D, [2])], {"": 21, TRAINING: 1})
    x, p = random(2), random(2)
    y, d = igata.Session(m).run({"x": x, "p": p})
    np.testing.assert_allclose(y, np.exp(x) * x)
    np.testing.assert_allclose(d, np.exp(p) * (p + 1))


def test_intermediate_and_unrelated_values():
    nodes = [node("Exp", ["x"], ["h"]), node("Mul", ["h", "h"], ["y"]), helper.make_node("Gradient", ["h", "u"], ["dh", "du"], domain=TRAINING, xs=["h", "u"], y="y")]
    m = model_of(nodes, [("x", F, [2]), ("u", F, [3])], [("dh", F, [2]), ("du", F, [3])], {"": 21, TRAINING: 1})
    dh, du = igata.Session(m).run({"x": np.array([0, 1], np.float32), "u": np.ones(3, np.float32)})
    np.testing.assert_allclose(dh, 2 * np.exp([0, 1]), rtol=1e-6)
    np.testing.assert_array_equal(du, np.zeros(3, np.float32))


def test_dynamic_shapes():
    """Shapes that are known only while running: what was broadcast is found out then."""
    nodes = [node("Add", ["x", "b"], ["h"]), node("Mul", ["h", "h"], ["y"]), helper.make_node("Gradient", ["x", "b"], ["dx", "db"], domain=TRAINING, xs=["x", "b"], y="y")]
    m = model_of(nodes, [("x", F, ["n", "k"]), ("b", F, None)], [("dx", F, None), ("db", F, None)], {"": 21, TRAINING: 1})
    s = igata.Session(m)
    for b in (np.ones((1, 3), np.float32), np.ones(3, np.float32), np.float32(1), np.ones((4, 1), np.float32)):
        x = random(4, 3).astype(np.float32)
        dx, db = s.run({"x": x, "b": b})
        h = 2 * (x + b)
        np.testing.assert_allclose(dx, h, rtol=1e-6)
        while h.ndim > db.ndim:
            h = h.sum(0)
        h = h.sum(tuple(i for i in range(h.ndim) if db.shape[i] == 1), keepdims=True)
        np.testing.assert_allclose(db, h, rtol=1e-5)


def test_no_rule_is_named():
    nodes = [node("Det", ["x"], ["y"]), helper.make_node("Gradient", ["x"], ["d"], domain=TRAINING, xs=["x"], y="y")]
    with pytest.raises(igata.Failure, match="no gradient of Det"):
        igata.Session(model_of(nodes, [("x", F, [2, 2])], [("d", F, [2, 2])], {"": 21, TRAINING: 1}))


def test_unknown_name():
    nodes = [node("Exp", ["x"]), helper.make_node("Gradient", ["x"], ["d"], domain=TRAINING, xs=["x"], y="nothing")]
    with pytest.raises(igata.Failure, match="names 'nothing'"):
        igata.Session(model_of(nodes, [("x", F, [2])], [("d", F, [2])], {"": 21, TRAINING: 1}))
