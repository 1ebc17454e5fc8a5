"""Operators in the forms they had up to opset 12: attributes that became inputs, broadcasting by attribute, inputs that came and
went. The oracle is onnxruntime where it knows the version, else the same thing in NumPy or in the newer form."""

import numpy as np
import onnx
import pytest
from compare import check, model_of, ort_run, reference_run
from nn import floats, model
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(0)
X = floats(RNG, 2, 3, 4, 5)


def case(op, opset, inputs, attrs=None, want=None, outputs=1, rtol=1e-4, atol=1e-5, constant=()):
    """want: the results, or a list (operator, opset, inputs, attributes) of the same thing in another form, or None: ask onnxruntime,
    then the reference."""
    m, feeds = model(op, inputs, attrs, opset, "", outputs, constant)

    def oracle(m, feeds):
        if isinstance(want, tuple):
            name, version, ins, more = want
            other, given = model(name, ins, more, version, "", outputs)
            return ort_run(other, given)
        if want is not None:
            return want
        try:
            return ort_run(m, feeds)
        except Exception:
            return reference_run(m, feeds)

    check(m, feeds, rtol=rtol, atol=atol, oracle=oracle)


PAIRS = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}


@pytest.mark.parametrize("op", PAIRS)
@pytest.mark.parametrize("opset", [1, 2, 6])
def test_broadcast_attributes(op, opset):
    f = PAIRS[op]
    for shape, axis, view in (((), None, ()), ((5,), None, (5,)), ((4, 5), None, (4, 5)), ((3, 4), 1, (3, 4, 1)), ((2,), 0, (2, 1, 1, 1)),
                              ((3,), -3, (3, 1, 1)), ((1,), None, (1,)), ((2, 3), 0, (2, 3, 1, 1))):  # fmt: skip
        y = np.abs(floats(RNG, *shape)) + 0.5
        attrs = {"broadcast": 1} | ({} if axis is None else {"axis": axis})
        if opset < 6:
            attrs["consumed_inputs"] = [0, 0]
        case(op, opset, [X, y.astype(np.float32)], attrs, [f(X, y.astype(np.float32).reshape(view))])
    case(op, opset, [X, X + 9], {}, [f(X, X + 9)])


@pytest.mark.parametrize("op,f", [("And", np.logical_and), ("Or", np.logical_or), ("Xor", np.logical_xor), ("Greater", np.greater),
                                  ("Less", np.less), ("Equal", np.equal), ("Pow", np.power)])  # fmt: skip
def test_broadcast_attributes_of_others(op, f):
    x = X > 0 if op in ("And", "Or", "Xor") else (X * 3).astype(np.int32) if op == "Equal" else np.abs(X) + 0.1 if op == "Pow" else X
    for y, attrs in ((x[0, 0], {"broadcast": 1}), (x[:, :, 0, 0], {"broadcast": 1, "axis": 0}), (x[::-1].copy(), {})):
        view = y if y.ndim != 2 or "axis" not in attrs else y[..., None, None]
        case(op, 1, [x, y], attrs, [f(x, view)])


@pytest.mark.parametrize("op", ["Max", "Min", "Sum", "Mean"])
@pytest.mark.parametrize("opset", [1, 6, 8])
def test_many_inputs(op, opset):
    f = {"Max": lambda a: np.max(a, 0), "Min": lambda a: np.min(a, 0), "Sum": lambda a: np.sum(a, 0), "Mean": lambda a: np.mean(a, 0)}[op]
    for n in (1, 2, 3):
        xs = [floats(RNG, 3, 4) for _ in range(n)]
        case(op, opset, xs, {"consumed_inputs": [0] * n} if opset == 1 else {}, [f(np.stack(xs))])


UNARY = ["Abs", "Neg", "Floor", "Ceil", "Sqrt", "Exp", "Log", "Reciprocal", "Relu", "Sigmoid", "Tanh", "Elu", "Selu", "LeakyRelu", "HardSigmoid",
         "Softplus", "Softsign", "ThresholdedRelu", "ParametricSoftplus", "Identity"]  # fmt: skip


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("opset", [1, 5, 6, 9, 12])
def test_unary(op, opset):
    schema = onnx.defs
    try:
        s = schema.get_schema(op, opset, "")
    except Exception:
        return
    if s.deprecated or (op, s.since_version) == ("Selu", 1):
        return
    x = np.abs(X) + 0.1 if op in ("Sqrt", "Log", "Reciprocal") else X
    attrs = {"consumed_inputs": [0]} if "consumed_inputs" in s.attributes else {}
    try:
        new = onnx.defs.get_schema(op, 13, "")
    except Exception:
        return
    values = {k: 0.7 for k in ("alpha", "beta", "gamma") if k in s.attributes and k in new.attributes}
    case(op, opset, [x], attrs, (op, 13, [x], {}) if opset != 1 or op not in ("Selu", "HardSigmoid", "Elu") else None)
    if values:
        case(op, opset, [x], attrs | values, (op, 13, [x], values))


def test_selu_of_the_first_opset():
    a, g = 1.6732, 1.0507
    case("Selu", 1, [X], {}, [np.where(X > 0, g * X, g * (a * np.exp(X) - a)).astype(np.float32)], rtol=1e-4)


@pytest.mark.parametrize("opset", [1, 6, 7, 9])
def test_batch_normalization(opset):
    scale, bias, mean, var = (floats(RNG, 3) for _ in range(4))
    var = np.abs(var) + 0.1
    attrs = {"epsilon": 1e-3}
    if opset < 7:
        attrs["is_test"] = 1
    if opset == 1:
        attrs["consumed_inputs"] = [0, 0, 0, 0, 0]
    want = ("BatchNormalization", 15, [X, scale, bias, mean, var], {"epsilon": 1e-3})
    case("BatchNormalization", opset, [X, scale, bias, mean, var], attrs, want)
    if opset < 9:
        s, b, m, v = (floats(RNG, 3, 4, 5) for _ in range(4))
        v = np.abs(v) + 0.1
        case("BatchNormalization", opset, [X, s, b, m, v], attrs | {"spatial": 0}, [(X - m) / np.sqrt(v + 1e-3) * s + b])


def test_batch_normalization_training():
    """Before opset 9 the running statistics are weighted with momentum, and come with those of the batch."""
    scale, bias, mean, var = (floats(RNG, 3) for _ in range(4))
    var = np.abs(var) + 0.1
    m, v = X.mean((0, 2, 3)), X.var((0, 2, 3))
    shape = (1, 3, 1, 1)
    y = (X - m.reshape(shape)) / np.sqrt(v.reshape(shape) + 1e-5) * scale.reshape(shape) + bias.reshape(shape)
    want = [y, mean * 0.8 + m * 0.2, var * 0.8 + v * 0.2]
    for opset, attrs in ((1, {"consumed_inputs": [0, 0, 0, 0, 0], "is_test": 0}), (6, {"is_test": 0}), (7, {})):
        case("BatchNormalization", opset, [X, scale, bias, mean, var], attrs | {"momentum": 0.8}, want, outputs=3, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("opset", [1, 6, 7, 10, 12])
def test_dropout(opset):
    attrs = {"is_test": 1} if opset < 7 else {}
    case("Dropout", opset, [X], attrs | ({"ratio": 0.3} if opset < 12 else {}), [X])
    if opset == 1:
        case("Dropout", opset, [X], {"is_test": 1, "consumed_inputs": [0]}, [X])


def test_pad():
    pads = [0, 1, 0, 2, 1, 0, 2, 0]
    for mode in ("constant", "reflect", "edge"):
        width = [(pads[i], pads[i + 4]) for i in range(4)]
        more = {"constant_values": 0.5} if mode == "constant" else {}
        want = [np.pad(X, width, mode, **more)]
        case("Pad", 1, [X], {"paddings": pads, "mode": mode, "value": 0.5}, want)
        case("Pad", 2, [X], {"pads": pads, "mode": mode, "value": 0.5}, want)
        case("Pad", 11, [X, np.array(pads), np.array(0.5, np.float32)], {"mode": mode}, want)
    case("Pad", 2, [X], {"pads": [0, 0, -1, -2, 0, 0, 0, 1], "value": 2.0},
         [np.pad(X[:, :, 1:, 2:], [(0, 0), (0, 0), (0, 0), (0, 1)], constant_values=2)])  # fmt: skip


def test_clip():
    for opset in (1, 6):
        case("Clip", opset, [X], {"min": -0.5, "max": 0.7}, [np.clip(X, -0.5, 0.7)])
        case("Clip", opset, [X], {"max": 0.7}, [np.minimum(X, np.float32(0.7))])
        case("Clip", opset, [X], {}, [X])
    lo, hi = np.array(-0.5, np.float32), np.array(0.7, np.float32)
    for opset in (11, 12):
        case("Clip", opset, [X, lo, hi], {}, [np.clip(X, lo, hi)])
        case("Clip", opset, [X, None, hi], {}, [np.minimum(X, hi)])
        case("Clip", opset, [X, lo], {}, [np.maximum(X, lo)])


def test_slice():
    for axes, starts, ends in (([0, 2], [0, 1], [1, 3]), ([3], [-3], [-1]), ([1, 2], [0, 0], [1000, -1]), ([2], [3], [1])):
        at = [slice(None)] * 4
        for a, s, e in zip(axes, starts, ends):
            at[a] = slice(s, e)
        want = [X[tuple(at)]]
        case("Slice", 1, [X], {"axes": axes, "starts": starts, "ends": ends}, want)
        case("Slice", 10, [X, np.array(starts), np.array(ends), np.array(axes)], {}, want)
    case("Slice", 1, [X], {"starts": [0, 1], "ends": [1, 2]}, [X[0:1, 1:2]])
    case("Slice", 10, [X, np.array([-1, 3]), np.array([-9, 0]), np.array([2, 3]), np.array([-1, -2])], {}, [X[:, :, ::-1, 3:0:-2]])


def test_split():
    want = [X[..., :2], X[..., 2:]]
    case("Split", 1, [X], {"axis": 3, "split": [2, 3]}, want, outputs=2)
    case("Split", 1, [X, np.array([2, 3], np.float32)], {"axis": 3}, want, outputs=2)
    case("Split", 2, [X], {"axis": 3, "split": [2, 3]}, want, outputs=2)
    case("Split", 11, [X], {"axis": -1, "split": [2, 3]}, want, outputs=2)
    for opset in (1, 2, 11):
        case("Split", opset, [X], {"axis": 2}, [X[:, :, :2], X[:, :, 2:]], outputs=2)
        case("Split", opset, [X], {}, [X[:1], X[1:]], outputs=2)


def test_squeeze_unsqueeze():
    x = X[:1, :, :1]
    for opset in (1, 11):
        case("Squeeze", opset, [x], {}, [x.squeeze()])
        case("Squeeze", opset, [x], {"axes": [2]}, [x.squeeze(2)])
        case("Unsqueeze", opset, [x], {"axes": [0, 3]}, [np.expand_dims(x, (0, 3))])
    case("Squeeze", 11, [x], {"axes": [-2, 0]}, [x.squeeze((0, 2))])
    case("Unsqueeze", 11, [x], {"axes": [-1]}, [x[..., None]])


def test_reshape():
    case("Reshape", 1, [X], {"shape": [0, -1, 4]}, [X.reshape(2, -1, 4)])
    case("Reshape", 1, [X], {"shape": [6, 20], "consumed_inputs": [0]}, [X.reshape(6, 20)])
    case("Reshape", 5, [X, np.array([0, -1])], {}, [X.reshape(2, -1)])


def test_upsample():
    big = X.repeat(2, 2).repeat(3, 3)
    case("Upsample", 1, [X], {"height_scale": 2.0, "width_scale": 3.0, "mode": "nearest"}, [big])
    case("Upsample", 7, [X], {"scales": [1.0, 1.0, 2.0, 3.0]}, [big])
    case("Upsample", 9, [X, np.array([1, 1, 2, 3], np.float32)], {}, [big])
    case("Resize", 10, [X, np.array([1, 1, 2, 3], np.float32)], {}, [big])
    for mode in ("nearest", "linear"):
        for scales in ((1, 1, 2, 2), (1, 1, 1.5, 2.3), (1, 1, 0.6, 0.5)):
            up = min(scales) >= 1
            if up:
                case("Upsample", 7, [X], {"scales": [float(s) for s in scales], "mode": mode})
                case("Upsample", 9, [X, np.array(scales, np.float32)], {"mode": mode})
            case("Resize", 10, [X, np.array(scales, np.float32)], {"mode": mode})


def test_topk():
    order = np.argsort(-X, 3, kind="stable")[..., :3]
    want = [np.take_along_axis(X, order, 3), order]
    case("TopK", 1, [X], {"k": 3}, want, outputs=2)
    case("TopK", 1, [X], {"k": 2, "axis": 1}, None, outputs=2)
    case("TopK", 10, [X, np.array([3])], {}, want, outputs=2)
    case("TopK", 11, [X, np.array([2])], {"largest": 0, "axis": -2}, None, outputs=2)


def test_cast():
    for name, dtype in (("FLOAT", np.float32), ("INT32", np.int32), ("DOUBLE", np.float64), ("UINT8", np.uint8), ("BOOL", np.bool_)):
        x = np.abs(X) * 5
        case("Cast", 1, [x], {"to": name}, [x.astype(dtype)])
        for opset in (6, 9):
            case("Cast", opset, [x], {"to": getattr(TensorProto, name)}, [x.astype(dtype)])


def test_concat():
    case("Concat", 1, [X, X], {}, [np.concatenate([X, X], 1)])
    case("Concat", 1, [X, X], {"axis": 3}, [np.concatenate([X, X], 3)])
    case("Concat", 4, [X, X], {"axis": 0}, [np.concatenate([X, X], 0)])
    case("Concat", 11, [X, X], {"axis": -2}, [np.concatenate([X, X], 2)])


@pytest.mark.parametrize("opset", [1, 6, 7, 9, 11])
def test_gemm(opset):
    a, b, c = floats(RNG, 3, 4), floats(RNG, 4, 5), floats(RNG, 3, 5)
    case("Gemm", opset, [a, b, c], {"alpha": 0.5, "beta": 2.0}, [0.5 * a @ b + 2 * c])
    case("Gemm", opset, [a.T.copy(), b.T.copy(), c], {"transA": 1, "transB": 1}, [a @ b + c])
    for bias in (c[0], c[:1], c[:, :1]) if opset >= 7 else (c[0],):
        case("Gemm", opset, [a, b, bias.copy()], {"broadcast": 1} if opset < 7 else {}, [a @ b + bias])
    if opset >= 11:
        case("Gemm", opset, [a, b], {}, [a @ b])


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("opset", [1, 11, 13])
def test_softmax(op, opset):
    for axis in (None, 0, 1, 2, 3) + ((-1, -3) if opset > 1 else ()):
        case(op, opset, [X], {} if axis is None else {"axis": axis})


REDUCTIONS = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"]


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("opset", [1, 11, 12])
def test_reductions(op, opset):
    x = np.abs(X) + 0.1
    for attrs in ({}, {"axes": [1]}, {"axes": [0, 2], "keepdims": 0}, {"keepdims": 0}) + (({"axes": [-1]},) if opset > 1 else ()):
        case(op, opset, [x], attrs)


def test_tile():
    case("Tile", 1, [X, np.array(3, np.float32), np.array(1, np.float32)], {}, [np.tile(X, (1, 3, 1, 1))])
    case("Tile", 1, [X, np.array([2], np.float32), np.array([3], np.float32)], {}, [np.tile(X, (1, 1, 1, 2))])
    case("Tile", 6, [X, np.array([1, 2, 1, 3])], {}, [np.tile(X, (1, 2, 1, 3))])


@pytest.mark.parametrize("op,gates", [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_recurrent(op, gates):
    x, w, r, b = floats(RNG, 5, 2, 3), floats(RNG, 1, gates * 4, 3), floats(RNG, 1, gates * 4, 4), floats(RNG, 1, gates * 8)
    for opset, attrs in ((1, {"output_sequence": 1}), (3, {"output_sequence": 1}), (7, {})):
        if op != "GRU" and opset == 3:
            continue
        if op == "GRU" and opset == 3:
            attrs["linear_before_reset"] = 1
        new = {k: v for k, v in attrs.items() if k != "output_sequence"} | {"hidden_size": 4}
        case(op, opset, [x, w, r, b], attrs | {"hidden_size": 4}, (op, 14, [x, w, r, b], new), outputs=2)
        new["direction"] = "reverse"
        case(op, opset, [x, w, r, b], attrs | {"hidden_size": 4, "direction": "reverse"}, (op, 14, [x, w, r, b], new), outputs=2)


def test_pools():
    k = {"kernel_shape": [2, 3]}
    for opset in (1, 8, 10, 11, 12):
        case("MaxPool", opset, [X], k | {"strides": [1, 2], "pads": [0, 1, 1, 0]})
        case("MaxPool", opset, [X], k | {"auto_pad": "SAME_LOWER"})
        if opset >= 8:
            case("MaxPool", opset, [X], k | {"storage_order": 1}, None, outputs=2)
    for opset in (1, 7, 10, 11):
        for more in ({}, {"pads": [0, 1, 1, 0]}, {"auto_pad": "SAME_UPPER"}, {"auto_pad": "VALID", "strides": [2, 2]}):
            # The reference evaluator divides by all taps in version 1: "divided by the number of elements exclude pad" says otherwise.
            case("AveragePool", opset, [X], k | more, ("AveragePool", 7, [X], k | more))
        if opset >= 7:
            case("AveragePool", opset, [X], k | {"pads": [1, 1, 1, 1], "count_include_pad": 1})
        if opset >= 10:
            case("AveragePool", opset, [X], k | {"strides": [2, 2], "ceil_mode": 1})
    want = [(np.abs(X) ** 3).sum((2, 3), keepdims=True) ** (1 / 3)]
    case("GlobalLpPool", 1, [X], {"p": 3.0}, want)
    case("GlobalLpPool", 2, [X], {"p": 3}, want)
    for opset, p in ((1, 3.0), (2, 3), (11, 3)):
        case("LpPool", opset, [X], k | {"p": p}, ("LpPool", 18, [X], k | {"p": 3}))
    case("LpPool", 1, [X], k, ("LpPool", 18, [X], k))


def test_normalizations():
    s, b = floats(RNG, 3), floats(RNG, 3)
    want = ("InstanceNormalization", 6, [X, s, b], {"epsilon": 1e-3})
    case("InstanceNormalization", 1, [X, s, b], {"epsilon": 1e-3, "consumed_inputs": [0, 0, 0]}, want)
    case("InstanceNormalization", 6, [X, s, b], {"epsilon": 1e-3})
    case("LRN", 1, [X], {"size": 3, "alpha": 0.5, "beta": 0.6, "bias": 2.0})
    for p in (1, 2):
        case("LpNormalization", 1, [X], {"axis": 1, "p": p})
    case("MeanVarianceNormalization", 9, [X], {}, [(X - X.mean((0, 2, 3), keepdims=True)) / X.std((0, 2, 3), keepdims=True)])


def test_prelu():
    for opset in (1, 6):
        s = floats(RNG, 3)
        case("PRelu", opset, [X, s], {"consumed_inputs": [0, 0]} if opset == 1 else {}, [np.where(X < 0, X * s.reshape(3, 1, 1), X)])
        case("PRelu", opset, [X, s[:1]], {}, [np.where(X < 0, X * s[0], X)])
    for opset in (7, 9):
        s = floats(RNG, 3, 1, 1)
        case("PRelu", opset, [X, s], {}, [np.where(X < 0, X * s, X)])


def test_indexing():
    at = np.array([[1, 0], [1, 1]])
    case("Gather", 1, [X, at], {"axis": 1}, [X.take(at, 1)])
    case("Gather", 11, [X, -at], {"axis": -1}, [X.take(-at, 3)])
    for op, opset in (("Scatter", 9), ("ScatterElements", 11)):
        case(op, opset, [X[0, 0], np.array([[1, 0, 2, 0, 1]]), np.ones((1, 5), np.float32)], {"axis": 0})
    for opset in (9, 11):
        depth = np.array([4], np.float32) if opset == 9 else np.array(4, np.int64)
        case("OneHot", opset, [np.array([1, 3, 7 if opset == 9 else -2]), depth, np.array([2, 5], np.float32)], {"axis": 0})
    for op in ("ArgMax", "ArgMin"):
        for opset in (1, 11, 12):
            case(op, opset, [X], {"axis": 2, "keepdims": 0})
            case(op, opset, [X], {})
        case(op, 12, [np.round(X)], {"axis": 1, "select_last_index": 1})
    case("GatherND", 11, [X, np.array([[0, 1], [1, 2]])], {})
    case("GatherND", 12, [X, np.array([[1], [2]])], {"batch_dims": 1})
    for opset in (1, 9, 11):
        case("Flatten", opset, [X], {"axis": 2}, [X.reshape(6, 20)])
        case("Flatten", opset, [X], {}, [X.reshape(2, 60)])
        case("Flatten", opset, [X], {"axis": 0}, [X.reshape(1, 120)])
    case("Flatten", 11, [X], {"axis": -1}, [X.reshape(24, 5)])
    x = floats(RNG, 1, 8, 2, 3)
    case("DepthToSpace", 1, [x], {"blocksize": 2})
    for mode in ("DCR", "CRD"):
        case("DepthToSpace", 11, [x], {"blocksize": 2, "mode": mode})
    case("SpaceToDepth", 1, [X[:, :, :, :4].copy()], {"blocksize": 2})


def test_constants():
    t = numpy_helper.from_array(X)
    case("Constant", 1, [], {"value": t}, [X])
    case("Constant", 9, [], {"value": t}, [X])
    case("Constant", 11, [], {"value": t}, [X])
    case("Constant", 12, [], {"value_ints": [3, 1]}, [np.array([3, 1])])
    case("Constant", 12, [], {"value_float": 0.5}, [np.array(0.5, np.float32)])
    case("Constant", 12, [], {"value_floats": [0.5, 2.0]}, [np.array([0.5, 2], np.float32)])
    case("ConstantOfShape", 9, [np.array([2, 3])], {}, [np.zeros((2, 3), np.float32)])
    case("EyeLike", 9, [X[0, 0]], {"k": 1}, [np.eye(4, 5, 1, dtype=np.float32)])
    case("Shape", 1, [X], {}, [np.array(X.shape)])
    case("Size", 1, [X], {}, [np.array(X.size)])
    case("Expand", 8, [X[:, :1], np.array([3, 1, 1])], {}, [X[:, :1] * np.ones((3, 1, 1), np.float32)])
    case("NonZero", 9, [np.round(X)], {}, [np.array(np.nonzero(np.round(X)))])


@pytest.mark.parametrize("opset", [10, 11])
def test_boxes(opset):
    boxes, scores = np.sort(RNG.random((1, 8, 4)).astype(np.float32)), RNG.random((1, 2, 8)).astype(np.float32)
    boxes = boxes[..., [0, 1, 2, 3]]
    case("NonMaxSuppression", opset, [boxes, scores, np.array([3]), np.array([0.3], np.float32), np.array([0.1], np.float32)], {})
    case("NonMaxSuppression", opset, [boxes, scores, np.array([2])], {"center_point_box": 1})


def test_quantization():
    s, z = np.array(0.1, np.float32), np.array(120, np.uint8)
    case("QuantizeLinear", 10, [X, s, z], {})
    case("DequantizeLinear", 10, [RNG.integers(0, 255, (3, 4)).astype(np.uint8), s, z], {})
    case("QuantizeLinear", 10, [X, s], {})
    case("DynamicQuantizeLinear", 11, [X], {}, None, outputs=3)


@pytest.mark.parametrize("opset", [1, 11])
def test_convolutions(opset):
    w, b = floats(RNG, 4, 3, 2, 3), floats(RNG, 4)
    for attrs in ({}, {"pads": [1, 0, 0, 1], "strides": [2, 1]}, {"auto_pad": "SAME_UPPER"}, {"dilations": [2, 1]}):
        case("Conv", opset, [X, w, b], attrs)
    w = floats(RNG, 3, 2, 2, 3)
    for attrs in ({}, {"pads": [1, 0, 0, 1], "strides": [2, 1]}, {"output_padding": [1, 0], "strides": [2, 2]}, {"output_shape": [9, 12], "strides": [2, 2]}):
        case("ConvTranspose", opset, [X, w], attrs)


def graph(nodes, ins, outs, initializers=()):
    info = lambda n, t=TensorProto.FLOAT: helper.make_tensor_value_info(n, t, None)
    return helper.make_graph(nodes, "g", [info(*i) if isinstance(i, tuple) else info(i) for i in ins],
                             [info(*o) if isinstance(o, tuple) else info(o) for o in outs], list(initializers))  # fmt: skip


@pytest.mark.parametrize("opset", [1, 8, 9, 10, 11, 12])
def test_control(opset):
    node, I, B = helper.make_node, TensorProto.INT64, TensorProto.BOOL
    then = graph([node("Neg", ["x"], ["y"])], [], ["y"])
    other = graph([node("Exp", ["x"], ["y"])], [], ["y"])
    x = floats(RNG, 3)
    for cond in (True, False):
        m = model_of([node("If", ["c"], ["r"], then_branch=then, else_branch=other)], [("c", B, ()), ("x", 1, (3,))],
                     [onnx.ValueInfoProto(name="r")], {"": max(opset, 6)})  # fmt: skip
        check(m, {"c": np.array(cond), "x": x}, oracle=lambda *_: [-x if cond else np.exp(x)], rtol=1e-4)
    body = graph([node("Add", ["v", "v"], ["w"]), node("Identity", ["c"], ["c2"]), node("Identity", ["w"], ["s"])],
                 [("i", I), ("c", B), "v"], [("c2", B), "w", "s"])  # fmt: skip
    m = model_of([node("Loop", ["n", "c0", "x"], ["r", "all"], body=body)], [("n", I, ()), ("c0", B, ()), ("x", 1, (3,))],
                 [onnx.ValueInfoProto(name="r"), onnx.ValueInfoProto(name="all")], {"": max(opset, 7)})  # fmt: skip
    check(m, {"n": np.array(3), "c0": np.array(True), "x": x}, oracle=lambda *_: [x * 8, np.stack([x * 2, x * 4, x * 8])])
    if opset < 8:
        return
    body = graph([node("Add", ["s", "e"], ["s2"]), node("Identity", ["s2"], ["o"])], ["s", "e"], ["s2", "o"])
    if opset == 8:
        xs, s = floats(RNG, 2, 4, 3), floats(RNG, 2, 3)
        m = model_of([node("Scan", ["", "s0", "xs"], ["r", "all"], body=body, num_scan_inputs=1)], [("s0", 1, (2, 3)), ("xs", 1, (2, 4, 3))],
                     [onnx.ValueInfoProto(name="r"), onnx.ValueInfoProto(name="all")], {"": 8})  # fmt: skip
        want = s[:, None] + np.cumsum(xs, 1)
        check(m, {"s0": s, "xs": xs}, oracle=lambda *_: [want[:, -1], want])
        return
    xs, s = floats(RNG, 4, 3), floats(RNG, 3)
    m = model_of([node("Scan", ["s0", "xs"], ["r", "all"], body=body, num_scan_inputs=1, scan_output_directions=[1])], [("s0", 1, (3,)), ("xs", 1, (4, 3))],
                 [onnx.ValueInfoProto(name="r"), onnx.ValueInfoProto(name="all")], {"": opset})  # fmt: skip
    want = s + np.cumsum(xs, 0)
    check(m, {"s0": s, "xs": xs}, oracle=lambda *_: [want[-1], want[::-1]])


def test_operators_that_went():
    """Experimental ones of the first opsets."""
    case("Affine", 1, [X], {"alpha": 2.0, "beta": 0.5}, [2 * X + np.float32(0.5)])
    case("Scale", 1, [X], {"scale": 3.0}, [3 * X])
    case("ScaledTanh", 1, [X], {"alpha": 2.0, "beta": 0.5}, [2 * np.tanh(0.5 * X)])
    case("ParametricSoftplus", 1, [X], {"alpha": 2.0, "beta": 0.5}, [2 * np.log1p(np.exp(0.5 * X))])
    case("ImageScaler", 1, [X], {"scale": 2.0, "bias": [1.0, 2.0, 3.0]}, [2 * X + np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1)])
    case("Crop", 1, [X], {"border": [1, 1, 2, 1]}, [X[:, :, 1:3, 1:3]])
    case("Crop", 1, [X], {"border": [1, 1, 0, 0], "scale": [2, 3]}, [X[:, :, 1:3, 1:4]])
