"""Operators that make tensors: Constant, ConstantOfShape, EyeLike, Range, windows; Identity."""

import igata
import numpy as np
import onnx
import pytest
from compare import check, model_of, reference_run
from onnx import TensorProto, helper, numpy_helper
from schemas import compare, model, numbers, types, versions


def run_constant(version, **attr):
    node = helper.make_node("Constant", [], ["y"], **attr)
    m = model_of([node], [], [onnx.ValueInfoProto(name="y")], {"": version})
    return [igata.Session(m, optimize=level).run({})[0] for level in (0, -1)]


@pytest.mark.parametrize("t", [t for t in range(1, 27) if t not in (8,)])
@pytest.mark.parametrize("shape", [(), (0,), (3, 5)])
def test_constant(t, shape):
    x = numbers(np.random.default_rng(1), t, shape)
    for got in run_constant(25, value=numpy_helper.from_array(x)):
        assert got.dtype == x.dtype and got.shape == x.shape and got.tobytes() == x.tobytes()


@pytest.mark.parametrize("attr,want", [({"value_int": 7}, np.int64(7)), ({"value_ints": [1, -2]}, np.array([1, -2])), ({"value_ints": []}, np.zeros(0, np.int64)),
                                       ({"value_float": 0.5}, np.float32(0.5)), ({"value_floats": [0.5, 2]}, np.array([0.5, 2], np.float32)),
                                       ({"value_string": "aü"}, np.array("aü", dtype=object)), ({"value_strings": ["a", ""]}, np.array(["a", ""], dtype=object))])
def test_constant_lists(attr, want):
    node = helper.make_node("Constant", [], ["y"])
    for k, v in attr.items():
        kind = {"value_ints": onnx.AttributeProto.INTS}.get(k)
        node.attribute.append(helper.make_attribute(k, v, attr_type=kind))
    m = model_of([node], [], [onnx.ValueInfoProto(name="y")], {"": 13})
    for level in (0, -1):
        got = igata.Session(m, optimize=level).run({})[0]
        assert got.shape == want.shape and got.dtype == want.dtype and (got == want).all()


@pytest.mark.parametrize("linear", [True, False])
def test_sparse_constant(linear):
    values = numpy_helper.from_array(np.array([1, 2, 3], np.float32), "v")
    indices = np.array([1, 5, 11]) if linear else np.array([[0, 1], [1, 1], [2, 3]])
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(indices, "i"), [3, 4])
    want = np.zeros(12, np.float32)
    want[[1, 5, 11]] = 1, 2, 3
    for got in run_constant(13, sparse_value=sparse):
        np.testing.assert_array_equal(got, want.reshape(3, 4))


@pytest.mark.parametrize("t", [t for v, s in versions("ConstantOfShape")[-1:] for t in range(1, 27) if t not in (8, 14, 15)])
@pytest.mark.parametrize("shape", [[], [0], [3, 5], [2, 1, 40000]])
def test_constant_of_shape(t, shape):
    value = np.array([2]).astype(igata.DTYPES[t])
    m, feeds = model("ConstantOfShape", 25, [np.array(shape, np.int64)], {"value": numpy_helper.from_array(value)})
    got = igata.Session(m, threads=2).run(feeds)[0]
    assert got.shape == tuple(shape) and got.dtype == value.dtype and (got.astype(np.float32) == value.astype(np.float32)).all()


def test_constant_of_shape_without_value():
    compare("ConstantOfShape", 9, [np.array([2, 3])], oracle=reference_run)
    m, feeds = model("ConstantOfShape", 9, [np.array([2, -3])])
    with pytest.raises(igata.Failure, match="-3"):
        igata.Session(m).run(feeds)


@pytest.mark.parametrize("k", [0, 1, -1, 3, 9, -9, 2**62, -(2**62)])
@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3), (0, 3)])
def test_eye_like(k, shape):
    for dtype in (None, 1, 7, 9, 10):
        x = np.zeros(shape, np.int32)
        m, feeds = model("EyeLike", 22, [x], {"k": k, **({"dtype": dtype} if dtype else {})})
        got = igata.Session(m).run(feeds)[0]
        np.testing.assert_array_equal(got, np.eye(*shape, k=max(min(k, 99), -99), dtype=got.dtype))


@pytest.mark.parametrize("t", [1, 5, 6, 7, 11])
@pytest.mark.parametrize("start,limit,delta", [(0, 10, 1), (3, 9, 3), (3, 10, 3), (10, 4, -2), (0, 0, 1), (5, 0, 1), (0, 5, -1), (-7, 8, 4)])
def test_range(t, start, limit, delta):
    feeds = [np.array(v, igata.DTYPES[t]) for v in (start, limit, delta)]
    compare("Range", 11, feeds)
    compare("Range", 1, feeds, domain="com.microsoft")


@pytest.mark.parametrize("t", [1, 10, 11, 16])
def test_range_of_fractions(t):
    feeds = [np.array(v, np.float32).astype(igata.DTYPES[t]) for v in (0.5, 9.3, 0.7)]
    compare("Range", 27, feeds, oracle=reference_run, rtol=1e-2 if t in (10, 16) else 1e-6)


def test_range_that_never_ends():
    for t in (1, 7):
        m, feeds = model("Range", 11, [np.array(v, igata.DTYPES[t]) for v in (0, 5, 0)])
        with pytest.raises(igata.Failure, match="no finite number"):
            igata.Session(m).run(feeds)
    m, feeds = model("Range", 11, [np.array(v, np.int64) for v in (-(2**63), 2**63 - 1, 1)])
    with pytest.raises(igata.Failure):
        igata.Session(m).run(feeds)
    m, feeds = model("Range", 11, [np.array(v, np.int64) for v in (-(2**63), 2**63 - 1, 2**62)])
    np.testing.assert_array_equal(igata.Session(m).run(feeds)[0], [-(2**63), -(2**62), 0, 2**62])


@pytest.mark.parametrize("op", ["HannWindow", "HammingWindow", "BlackmanWindow"])
@pytest.mark.parametrize("size", [2, 7, 16])
@pytest.mark.parametrize("periodic", [0, 1])
@pytest.mark.parametrize("t", [1, 10, 11, 16])
def test_window(op, size, periodic, t):
    compare(op, 17, [np.array(size)], {"periodic": periodic, "output_datatype": t}, oracle=reference_run, rtol=1e-2 if t in (10, 16) else 1e-5)


@pytest.mark.parametrize("bins,length,rate,low,high", [(8, 16, 8192, 0, 4096), (40, 512, 16000, 20, 8000), (3, 10, 100, 5, 40), (8, 16, 8192, 300, 300)])
def test_mel(bins, length, rate, low, high):
    feeds = [np.array(v) for v in (bins, length, rate)] + [np.array(v, np.float32) for v in (low, high)]
    compare("MelWeightMatrix", 17, feeds, {"output_datatype": 1}, oracle=reference_run)


@pytest.mark.parametrize("t", [t for t in types(versions("Identity")[0][1], 0)])
def test_identity(t):
    x = np.array(["a", "b c"], dtype=object) if t == 8 else numbers(np.random.default_rng(2), t, (3, 5))
    compare("Identity", 13, [x])


def test_identity_of_others():
    info = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
    m = model_of([helper.make_node("Identity", ["x"], ["y"])], [info], [helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)], {"": 16})
    check(m, {"x": [np.ones(3, np.float32), np.zeros((2, 2), np.float32)]}, oracle=reference_run)
