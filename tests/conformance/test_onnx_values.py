"""Values in .pb files against onnx: what it writes igata reads, what igata writes it reads."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import BUILD, program


def convert(tmp_path, message, *options):
    data = message if isinstance(message, bytes) else message.SerializeToString()
    (tmp_path / "in.pb").write_bytes(data)
    r = program(BUILD / "tests/tensor_file", tmp_path / "in.pb", tmp_path / "out.pb", *options)
    return r, (tmp_path / "out.pb").read_bytes() if r.code == 0 else None


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tolist() == b.tolist()


FLOATS, INTS, TEXT = np.array([[1.5, np.inf]], np.float32), np.array(7, np.int64), np.array(["a", "größe", ""], object)


@pytest.mark.parametrize("items", [[], [FLOATS], [FLOATS, FLOATS[:, :1]], [INTS, INTS], [TEXT]], ids=len)
def test_sequences(tmp_path, items):
    r, out = convert(tmp_path, numpy_helper.from_list(items, "name"), "kind=sequence")
    assert r.code == 0, r.err
    back = numpy_helper.to_list(onnx.SequenceProto.FromString(out))
    assert len(back) == len(items) and all(same(a, b) for a, b in zip(back, items))


def test_sequences_of_sequences_and_maps(tmp_path):
    r, out = convert(tmp_path, numpy_helper.from_list([[FLOATS], [], [INTS, INTS]]), "kind=sequence")
    back = numpy_helper.to_list(onnx.SequenceProto.FromString(out))
    assert [len(b) for b in back] == [1, 0, 2] and same(back[0][0], FLOATS)
    r, out = convert(tmp_path, numpy_helper.from_list([{1: 2.0, 3: 4.0}, {5: 6.0}]), "kind=sequence")
    assert numpy_helper.to_list(onnx.SequenceProto.FromString(out)) == [{1: 2.0, 3: 4.0}, {5: 6.0}]


def map_of(value):
    """numpy_helper.from_dict knows no strings."""
    m = onnx.MapProto(key_type=TensorProto.INT64, values=numpy_helper.from_list([np.array(v, object if isinstance(v, str) else None)
                                                                                  for v in value.values()]))
    if isinstance(next(iter(value)), str):
        m.key_type = TensorProto.STRING
        m.string_keys.extend(k.encode() for k in value)
    else:
        m.keys.extend(value)
    return m


@pytest.mark.parametrize("value", [{1: 2.5, -7: 0.0}, {"a": 1, "größe": 2}, {1: "x", 2: "y"}])
def test_maps(tmp_path, value):
    r, out = convert(tmp_path, map_of(value), "kind=map")
    assert r.code == 0, r.err
    back = numpy_helper.to_dict(onnx.MapProto.FromString(out))
    assert {k.decode() if isinstance(k, bytes) else k: np.asarray(v).item() for k, v in back.items()} == value


def test_maps_of_tensors(tmp_path):
    r, out = convert(tmp_path, numpy_helper.from_dict({1: FLOATS, 2: FLOATS[:, 1:]}), "kind=map")
    back = numpy_helper.to_dict(onnx.MapProto.FromString(out))
    assert same(back[1], FLOATS) and same(back[2], FLOATS[:, 1:])


@pytest.mark.parametrize("key_type", [TensorProto.INT8, TensorProto.UINT16, TensorProto.UINT64, TensorProto.INT32])
def test_map_keys_keep_their_type(tmp_path, key_type):
    m = onnx.MapProto(key_type=key_type, keys=[1, 2], values=numpy_helper.from_list([INTS, INTS]))
    r, out = convert(tmp_path, m, "kind=map")
    back = onnx.MapProto.FromString(out)
    assert back.key_type == key_type and list(back.keys) == [1, 2]


def test_optionals(tmp_path):
    for value in (FLOATS, TEXT):
        r, out = convert(tmp_path, numpy_helper.from_optional(value), "kind=optional")
        assert same(numpy_helper.to_array(TensorProto.FromString(out)), value)
    r, out = convert(tmp_path, numpy_helper.from_optional([FLOATS]), "kind=optional")
    assert same(numpy_helper.to_list(onnx.SequenceProto.FromString(out))[0], FLOATS)
    for dtype in (onnx.OptionalProto.UNDEFINED, onnx.OptionalProto.TENSOR, onnx.OptionalProto.SEQUENCE):
        r, out = convert(tmp_path, numpy_helper.from_optional(None, dtype=dtype), "kind=optional")
        back = onnx.OptionalProto.FromString(out)
        assert r.code == 0 and not back.HasField("tensor_value") and back.elem_type == onnx.OptionalProto.UNDEFINED


@pytest.mark.parametrize("message,options,wanted", [
    (TensorProto(dims=[2], data_type=1, raw_data=b"1234"), (), "4 bytes of raw_data, 2 elements of type float need 8"),
    (TensorProto(dims=[2], data_type=77), (), "unknown element type 77"),
    (TensorProto(dims=[-2], data_type=1), (), "negative dimension -2"),
    (TensorProto(name="w", dims=[2], data_type=1, data_location=1), (), "without a location"),
    (onnx.MapProto(key_type=1), ("kind=map",), "impossible element type 1"),
    (onnx.MapProto(key_type=7, keys=[1]), ("kind=map",), "1 keys and 0 values"),
    (onnx.SequenceProto(tensor_values=[numpy_helper.from_array(INTS)], sequence_values=[onnx.SequenceProto()]), ("kind=sequence",), "2 kinds"),
    (b"\x0a", (), "truncated"), (b"<html>", (), "not a protobuf message")])
def test_broken_values(tmp_path, message, options, wanted):
    r, _ = convert(tmp_path, message, *options)
    assert r.code == 3 and wanted in r.err, r.err


def test_nesting_is_bounded(tmp_path):
    m = onnx.OptionalProto()
    for _ in range(90):
        m = onnx.OptionalProto(optional_value=m)
    r, _ = convert(tmp_path, m, "kind=optional")
    assert r.code == 5 and "nested deeper" in r.err


def test_sparse_values_of_an_optional(tmp_path):
    sparse = helper.make_sparse_tensor(numpy_helper.from_array(np.ones(2, np.float32), "v"),
                                       numpy_helper.from_array(np.array([[0, 1], [2, 0]]), "i"), [3, 4])
    r, out = convert(tmp_path, onnx.OptionalProto(elem_type=2, sparse_tensor_value=sparse), "kind=optional")
    back = onnx.SparseTensorProto.FromString(out)
    assert r.code == 0 and list(back.dims) == [3, 4] and same(numpy_helper.to_array(back.indices), [[0, 1], [2, 0]])
