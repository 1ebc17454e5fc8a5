"""Models that onnx makes, read and written by igata: onnx must read the same message back, unknown fields included."""
import struct

import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.model import collect_testcases as model_cases
from onnx.backend.test.case.node import collect_testcases as node_cases

from conftest import BUILD, program


def roundtrip(tmp_path, *models, mode=None):
    """Writes the models (or bytes), takes them through igata, and returns (line, new bytes) of each."""
    pairs = []
    for i, m in enumerate(models):
        (tmp_path / f"in{i}.onnx").write_bytes(m if isinstance(m, bytes) else m.SerializeToString())
        pairs += [tmp_path / f"in{i}.onnx", tmp_path / f"out{i}.onnx"]
    r = program(BUILD / "tests/roundtrip", *([mode] if mode else []), *pairs)
    lines = [s for s in r.out.splitlines() if not s.startswith("finding")]
    assert len(lines) == len(models), r.out + r.err
    return [(s, (tmp_path / f"out{i}.onnx").read_bytes() if s.startswith("ok") else None) for i, s in enumerate(lines)]


def same(tmp_path, *models):
    for m, (line, out) in zip(models, roundtrip(tmp_path, *models)):
        assert line.startswith("ok"), line
        assert onnx.ModelProto.FromString(out) == m


def findings(tmp_path, model):
    (tmp_path / "f.onnx").write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return program(BUILD / "tests/roundtrip", tmp_path / "f.onnx", "-").out


def value(name, dtype=TensorProto.FLOAT, shape=(2, 3)):
    return helper.make_tensor_value_info(name, dtype, shape)


def refers(kind, name, caller):
    """An attribute of a function's node that takes the caller's value."""
    return onnx.AttributeProto(name=name, type=kind, ref_attr_name=caller)


def save_external(model, path, location):
    copy = onnx.ModelProto.FromString(model.SerializeToString())  # onnx.save changes what it is given
    onnx.save(copy, path, save_as_external_data=True, location=location, size_threshold=0)


def relu(**graph):
    parts = dict(name="g", nodes=[helper.make_node("Relu", ["x"], ["y"])], inputs=[value("x")], outputs=[value("y")])
    parts.update(graph)
    return helper.make_model(helper.make_graph(**parts), opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


# ---------------------------------------------------------------------------------------------------- models that exist


@pytest.mark.parametrize("part", range(4))
def test_all_operator_cases_of_onnx(tmp_path, part):
    models = [c.model for c in node_cases(None) if c.model is not None][part::4]
    assert len(models) > 300
    same(tmp_path, *models)


def test_all_model_files_in_the_onnx_package(tmp_path):
    from pathlib import Path
    files = sorted((Path(onnx.__file__).parent / "backend/test/data").rglob("*.onnx"))
    assert len(files) > 50
    same(tmp_path, *[onnx.load(f, load_external_data=False) for f in files])


# ------------------------------------------------------------------------------------------------------ every kind of thing

PACKED = [t for t in TensorProto.DataType.values() if t not in (TensorProto.UNDEFINED, TensorProto.STRING)]


def tensor_of(dtype, raw, shape=(3, 5), name="w"):
    n = int(np.prod(shape))
    np_dtype = helper.tensor_dtype_to_np_dtype(dtype)
    if dtype == TensorProto.STRING:
        return helper.make_tensor(name, dtype, shape, [f"größe {i}".encode() for i in range(n)])
    rng = np.random.default_rng(dtype)
    if dtype in (TensorProto.COMPLEX64, TensorProto.COMPLEX128):
        values = (rng.normal(size=n) + 1j * rng.normal(size=n)).astype(np_dtype)
    elif dtype == TensorProto.BOOL:
        values = rng.integers(0, 2, n).astype(bool)
    elif np_dtype.kind in "iu":
        values = rng.integers(np.iinfo(np_dtype).min, np.iinfo(np_dtype).max, n, dtype=np_dtype)
    else:
        values = np.clip(np.abs(rng.normal(size=n)) * 2, 0.5, 3).astype(np_dtype)
    t = numpy_helper.from_array(values.reshape(shape), name)
    if raw:
        return t
    return helper.make_tensor(name, dtype, shape, values.reshape(shape))


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("dtype", PACKED, ids=TensorProto.DataType.Name)
def test_tensors_of_every_type(tmp_path, dtype, raw):
    try:
        t = tensor_of(dtype, raw)
    except (TypeError, ValueError, NotImplementedError, KeyError) as e:
        pytest.skip(f"onnx can't make one: {e}")
    m = relu(initializer=[t])
    assert "finding" not in findings(tmp_path, m)
    same(tmp_path, m)
    (line, out), = roundtrip(tmp_path, m, mode="external")  # only the decoded content can be written there
    assert line.startswith("ok"), line
    moved = onnx.load(tmp_path / "out0.onnx", load_external_data=False).graph.initializer[0]
    assert moved.data_location == TensorProto.EXTERNAL and not moved.raw_data
    back = onnx.load(tmp_path / "out0.onnx").graph.initializer[0]
    want = numpy_helper.to_array(t)
    got = numpy_helper.to_array(back)
    assert got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()


def test_string_tensors_stay_inside(tmp_path):
    m = relu(initializer=[tensor_of(TensorProto.STRING, False)])
    same(tmp_path, m)
    (line, out), = roundtrip(tmp_path, m, mode="external")
    assert onnx.ModelProto.FromString(out) == m and not (tmp_path / "out0.onnx.data").exists()


def test_types_values_and_attributes(tmp_path):
    shape = ["batch", None, 3, "2*n + 1", ""]
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, shape, shape_denotation=["DATA_BATCH", "", "DATA_CHANNEL", "a", "b"])
    types = [tensor, helper.make_tensor_type_proto(TensorProto.INT64, None), helper.make_tensor_type_proto(TensorProto.INT8, []),
             helper.make_sequence_type_proto(tensor), helper.make_optional_type_proto(helper.make_sequence_type_proto(tensor)),
             helper.make_map_type_proto(TensorProto.STRING, tensor), helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, [3, 4])]
    opaque = onnx.TypeProto(denotation="X")
    opaque.opaque_type.domain, opaque.opaque_type.name = "acme", "Thing"
    inputs = [helper.make_value_info(f"i{k}", t, doc_string="d") for k, t in enumerate([*types, opaque, onnx.TypeProto()])]
    inputs.append(onnx.ValueInfoProto(name="bare"))
    helper.set_metadata_props(inputs[0], {"a": "b", "": ""})
    sub = helper.make_graph([helper.make_node("Identity", ["i0"], ["s"])], "sub", [], [onnx.ValueInfoProto(name="s")])
    sparse = helper.make_sparse_tensor(tensor_of(TensorProto.FLOAT, True, (2,), "v"),
                                       numpy_helper.from_array(np.array([1, 5], np.int64), "i"), [3, 4])
    node = helper.make_node("Anything", ["i0", "", "i1", ""], ["", "o", ""], name="n", domain="acme", overload="v2", doc_string="",
                            f=1.5, i=-3, s="text", fs=[1.0, float("inf")], ints=[1, -1, 2**62], ss=["a", b"\xff\x00"],
                            t=tensor_of(TensorProto.INT4, True), ts=[tensor_of(TensorProto.BOOL, True), tensor_of(TensorProto.STRING, False)],
                            g=sub, gs=[sub, sub], tp=tensor, tps=types, sp=sparse, sps=[sparse, sparse])
    node.attribute.append(refers(onnx.AttributeProto.INT, "q", "caller"))
    node.attribute[0].doc_string = "why"
    helper.set_metadata_props(node, {"k": "v"})
    graph = helper.make_graph([node], "g", inputs, [onnx.ValueInfoProto(name="o")], [tensor_of(TensorProto.FLOAT, True)], "doc",
                              [value("o"), value("never")], [sparse])
    graph.quantization_annotation.add(tensor_name="w").quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="s")
    helper.set_metadata_props(graph, {"g": "1"})
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), onnx.OperatorSetIdProto(domain="acme"),
                                                onnx.OperatorSetIdProto(version=0, domain="zero")],
                          producer_name="p", producer_version="", domain="org", model_version=0, doc_string="d")
    helper.set_model_props(m, {"author": "x", "empty": ""})
    out = findings(tmp_path, m)
    assert "finding" not in out, out
    same(tmp_path, m)


def test_functions_training_and_devices(tmp_path):
    default = helper.make_attribute("alpha", 0.5)
    body = [helper.make_node("LeakyRelu", ["X"], ["Y"])]
    body[0].attribute.append(refers(onnx.AttributeProto.FLOAT, "alpha", "alpha"))
    opset = [helper.make_opsetid("", 21)]
    f = [helper.make_function("f", "A", ["X"], ["Y"], body, opset, ["beta"], [default], "doc", o, [value("Y")]) for o in (None, "v2")]
    helper.set_metadata_props(f[0], {"k": "v"})
    m = relu(nodes=[helper.make_node("A", ["x"], ["y"], domain="f", overload="v2")])
    m.functions.extend(f)
    m.opset_import.append(helper.make_opsetid("f", 1))
    loss = helper.make_graph([helper.make_node("Add", ["w", "w"], ["w2"])], "train", [], [value("w2")])
    info = helper.make_training_info(loss, [("w", "w2")], loss, [("w", "w2")])
    m.training_info.append(info)
    m.graph.initializer.append(tensor_of(TensorProto.FLOAT, True))
    m.configuration.add(name="c", num_devices=2, device=["a", "b"])
    conf = m.graph.node[0].device_configurations.add(configuration_id="c", pipeline_stage=1)
    spec = conf.sharding_spec.add(tensor_name="x", device=[0, 1])
    spec.index_to_device_group_map.add(key=1, value=[2, 3])
    spec.sharded_dim.add(axis=0).simple_sharding.add(dim_param="batch", num_shards=2)
    m.graph.node[0].device_configurations.add(configuration_id="d")
    out = findings(tmp_path, m)
    assert "finding" not in out, out
    same(tmp_path, m)


def test_unknown_fields_stay_where_they_were(tmp_path):
    unknown = bytes([0xA2, 0x3E]) + b"\x03abc" + bytes([0xA8, 0x3E, 0x05])  # fields 1000 and 1001

    def extended(message):
        return type(message).FromString(message.SerializeToString() + unknown)

    m = relu(initializer=[tensor_of(TensorProto.FLOAT, True)])
    sub = helper.make_graph([helper.make_node("Neg", ["x"], ["z"])], "s", [], [value("z")])
    m.graph.node.append(helper.make_node("If", ["x"], ["q"], then_branch=sub, else_branch=sub))
    helper.set_model_props(m, {"a": "b"})
    parts = [m.graph.node[0], m.graph.node[1].attribute[0], m.graph.node[1].attribute[0].g, m.graph.initializer[0], m.graph.input[0],
             m.graph.input[0].type, m.opset_import[0], m.metadata_props[0], m.graph, m]
    for p in parts:
        p.CopyFrom(extended(p))
        (line, out), = roundtrip(tmp_path, m)
        back = onnx.ModelProto.FromString(out)
        assert back == m and len(out) == len(m.SerializeToString())


# ------------------------------------------------------------------------------------------------------------ external data


def weights(n=5):
    return [numpy_helper.from_array(np.full((10 * 4**i,), i, np.float32), f"w{i}") for i in range(n)]


def test_external_data_in_and_out(tmp_path):
    m = relu(initializer=weights())
    save_external(m, tmp_path / "a.onnx", "a.bin")
    r = program(BUILD / "tests/roundtrip", tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert r.code == 0, r.out
    b = onnx.load(tmp_path / "b.onnx", load_external_data=False)
    offsets = [int({e.key: e.value for e in t.external_data}["offset"]) for t in b.graph.initializer]
    assert all(e.value == "b.onnx.data" for t in b.graph.initializer for e in t.external_data if e.key == "location")
    assert all(o % 64 == 0 for o in offsets) and offsets[4] % 4096 == 0 and offsets == sorted(offsets)
    assert [numpy_helper.to_array(t).tobytes() for t in onnx.load(tmp_path / "b.onnx").graph.initializer] == \
        [numpy_helper.to_array(t).tobytes() for t in m.graph.initializer]
    onnx.checker.check_model(tmp_path / "b.onnx")
    (tmp_path / "c").mkdir()
    assert program(BUILD / "tests/roundtrip", "inline", tmp_path / "b.onnx", tmp_path / "c/c.onnx").code == 0
    assert onnx.load(tmp_path / "c/c.onnx") == m and [p.name for p in (tmp_path / "c").iterdir()] == ["c.onnx"]


def test_a_model_is_written_over_itself(tmp_path):
    m = relu(initializer=weights())
    save_external(m, tmp_path / "a.onnx", "a.onnx.data")
    for _ in range(2):
        assert program(BUILD / "tests/roundtrip", tmp_path / "a.onnx", tmp_path / "a.onnx").code == 0
    back = onnx.load(tmp_path / "a.onnx")
    assert [numpy_helper.to_array(t).tobytes() for t in back.graph.initializer] == \
        [numpy_helper.to_array(t).tobytes() for t in m.graph.initializer]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.onnx", "a.onnx.data"]


def test_attribute_tensors_move_too(tmp_path):
    t = numpy_helper.from_array(np.arange(100, dtype=np.float32), "c")
    m = relu(nodes=[helper.make_node("Constant", [], ["c"], value=t), helper.make_node("Add", ["x", "c"], ["y"])])
    (line, out), = roundtrip(tmp_path, m, mode="external")
    assert line.startswith("ok") and (tmp_path / "out0.onnx.data").stat().st_size == 400
    assert numpy_helper.to_array(onnx.load(tmp_path / "out0.onnx").graph.node[0].attribute[0].t).tobytes() == t.raw_data


@pytest.mark.parametrize("entries,wanted", [
    ([("location", "gone.bin")], "no such file"), ([("offset", "0")], "without a location"),
    ([("location", "../x")], "'..'"), ([("location", "/etc/passwd")], "absolute"), ([("location", "w.bin"), ("offset", "+1")], "bad offset"),
    ([("location", "w.bin"), ("offset", "")], "bad offset"), ([("location", "w.bin"), ("offset", " 1")], "bad offset"),
    ([("location", "w.bin"), ("length", "40")], "length 40"), ([("location", "w.bin"), ("offset", "4")], "pass the end"),
    ([("location", "w.bin"), ("offset", "9223372036854775807")], "pass the end"),
    ([("location", "w.bin"), ("offset", "9223372036854775808")], "bad offset"), ([("location", "w.bin"), ("length", "48")], None)])
def test_external_entries_are_checked(tmp_path, entries, wanted):
    (tmp_path / "w.bin").write_bytes(bytes(48))
    t = TensorProto(name="w", dims=[12], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for k, v in entries:
        t.external_data.add(key=k, value=v)
    out = findings(tmp_path, relu(initializer=[t]))
    assert out.splitlines()[-1] == "ok 1"
    assert (wanted in out if wanted else "finding" not in out), out


# -------------------------------------------------------------------------------------------------------------- broken files


def test_every_truncation_is_an_error_or_a_model(tmp_path):
    sub = helper.make_graph([helper.make_node("Neg", ["x"], ["z"])], "s", [], [value("z")])
    m = relu(nodes=[helper.make_node("If", ["x"], ["y"], then_branch=sub, else_branch=sub)], initializer=[tensor_of(TensorProto.INT64, False)])
    data = m.SerializeToString()
    results = roundtrip(tmp_path, *[data[:n] for n in range(len(data))])
    assert results[0][0].startswith("error 3 the file is empty")
    assert sum(r[0].startswith("error 3") for r in results) > 0.9 * len(data)
    for (line, out), n in zip(results, range(len(data))):
        try:
            want = onnx.ModelProto.FromString(data[:n]) if n else None
        except Exception:
            want = None
        assert (out is None) == (want is None), (n, line)
        assert want is None or onnx.ModelProto.FromString(out) == want


def test_every_flipped_byte_is_an_error_or_a_model(tmp_path):
    m = relu(initializer=[tensor_of(TensorProto.INT32, False)])
    data = m.SerializeToString()
    broken = [data[:i] + bytes([data[i] ^ bit]) + data[i + 1:] for i in range(len(data)) for bit in (1, 0x80, 7)]
    for d, (line, out) in zip(broken, roundtrip(tmp_path, *broken)):
        assert line.startswith(("ok", "error 3", "error 5")), line
        if out is None:
            continue
        try:
            want = onnx.ModelProto.FromString(d)
        except Exception:
            continue  # igata is more lenient: it only needs to carry the bytes along
        assert onnx.ModelProto.FromString(out).graph.initializer == want.graph.initializer


def test_packed_and_unpacked_numbers(tmp_path):
    plain = relu(initializer=[helper.make_tensor("w", TensorProto.INT64, [3], [1, -2, 300])])
    t = plain.graph.initializer[0]
    dims = b"\x0a\x01\x03"  # packed, although onnx writes dims unpacked
    data = b"".join(b"\x38" + v for v in (b"\x01", struct.pack("<9sB", b"\xfe" + b"\xff" * 8, 1), b"\xac\x02"))  # unpacked
    mixed = dims + b"\x10\x07" + data + b"\x42\x01w"
    assert TensorProto.FromString(mixed) == t
    rest = onnx.ModelProto.FromString(plain.SerializeToString())
    del rest.graph.initializer[:]
    graph = bytes([0x2A, len(mixed)]) + mixed
    data = rest.SerializeToString() + b"\x3a" + bytes([len(graph)]) + graph  # a second graph field: merged with the first
    assert "finding" not in findings(tmp_path, data)
    for mode in (None, "external"):
        (line, out), = roundtrip(tmp_path, data, mode=mode)
        back = onnx.load(tmp_path / "out0.onnx")
        assert list(numpy_helper.to_array(back.graph.initializer[0])) == [1, -2, 300]
        assert list(back.graph.node) == list(plain.graph.node)


@pytest.mark.parametrize("content,wanted", [
    (b"", "the file is empty"), (b"<!DOCTYPE html><html>", "web page"), (b"  \n<HTML>", "web page"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer, not the model itself"),
    (b"PK\x03\x04" + bytes(30), "zip archive"), (b"\x1f\x8b\x08" + bytes(30), "gzip"), (b"\x89PNG\r\n\x1a\n" + bytes(9), "PNG picture"),
    (bytes(100), "zeros"), (b'{"error":"Repository not found"}', "error message of a server")])
@pytest.mark.parametrize("name", ["m.onnx", "m.bin"])
def test_files_that_are_no_models(tmp_path, content, wanted, name):
    (tmp_path / name).write_bytes(content)
    out = program(BUILD / "tests/roundtrip", tmp_path / name, "-").out
    assert out.startswith("error 3") and wanted in out and name in out, out
    if b"git-lfs" in content:
        assert "git lfs pull" in out


def test_the_format_is_known_by_its_content(tmp_path):
    (tmp_path / "model.bin").write_bytes(relu().SerializeToString())
    assert program(BUILD / "tests/roundtrip", tmp_path / "model.bin", "-").out == "ok 1\n"
    (tmp_path / "text.bin").write_bytes(b"hello, this is a text file\n")
    out = program(BUILD / "tests/roundtrip", tmp_path / "text.bin", "-").out
    assert "not a model of any format" in out
