#!/usr/bin/env python3
"""Writes small seeds for the fuzzers into tests/fuzz/seeds/<fuzzer>/ (needs onnx). The seeds are kept in the repository; run this
when a part of the format is added, and look at what changed."""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent / "seeds"


def value(name, shape=(2,)):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model(nodes, **graph):
    parts = dict(inputs=[value("x")], outputs=[value("y")])
    parts.update(graph)
    m = helper.make_model(helper.make_graph(nodes, "g", **parts), opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    m.ClearField("producer_name")
    return m


def models():
    relu = helper.make_node("Relu", ["x"], ["y"])
    yield "relu", model([relu])
    kinds = [TensorProto.FLOAT, TensorProto.INT4, TensorProto.BOOL, TensorProto.INT64, TensorProto.UINT32, TensorProto.DOUBLE,
             TensorProto.FLOAT16, TensorProto.COMPLEX64, TensorProto.UINT2, TensorProto.FLOAT6E2M3]
    typed = [helper.make_tensor(f"t{k}", k, [2], np.ones(2, helper.tensor_dtype_to_np_dtype(k))) for k in kinds]
    typed.append(helper.make_tensor("s", TensorProto.STRING, [2], [b"a", b""]))
    yield "typed", model([relu], initializer=typed)
    yield "raw", model([relu], initializer=[numpy_helper.from_array(np.arange(3, dtype=np.float32), "w")])
    sub = helper.make_graph([helper.make_node("Neg", ["x"], ["z"])], "s", [], [value("z")])
    yield "nested", model([helper.make_node("If", ["x"], ["y"], then_branch=sub, else_branch=sub), helper.make_node("L", ["y"], ["q"], gs=[sub])])
    tensor = helper.make_tensor_type_proto(1, ["n", 2])
    sparse = helper.make_sparse_tensor(numpy_helper.from_array(np.ones(2, np.float32), "v"),
                                       numpy_helper.from_array(np.array([1, 3], np.int64), "i"), [5])
    yield "attributes", model([helper.make_node("A", ["x"], ["y"], domain="d", f=1.0, i=2, s="s", fs=[1.0], ints=[1, 2], ss=["a"],
                                                t=typed[0], ts=typed[:2], tp=tensor, tps=[tensor, tensor], sp=sparse, sps=[sparse])])
    yield "sparse", model([relu], sparse_initializer=[sparse])
    types = [helper.make_sequence_type_proto(tensor), helper.make_optional_type_proto(tensor), helper.make_map_type_proto(8, tensor)]
    yield "types", model([relu], inputs=[helper.make_value_info(f"i{k}", t) for k, t in enumerate(types)])
    body = [helper.make_node("Relu", ["X"], ["Y"])]
    m = model([helper.make_node("F", ["x"], ["y"], domain="f")])
    m.functions.append(helper.make_function("f", "F", ["X"], ["Y"], body, [helper.make_opsetid("", 21)], ["a"], [helper.make_attribute("b", 1)]))
    yield "function", m
    m = model([relu])
    m.training_info.append(helper.make_training_info(sub, [("a", "b")], sub, [("a", "b")]))
    m.configuration.add(name="c", num_devices=1)
    m.graph.node[0].device_configurations.add(configuration_id="c")
    m.graph.quantization_annotation.add(tensor_name="x")
    helper.set_model_props(m, {"k": "v"})
    yield "rest", onnx.ModelProto.FromString(m.SerializeToString() + b"\xa2\x3e\x01a")
    t = TensorProto(name="w", dims=[2], data_type=1, data_location=TensorProto.EXTERNAL)
    t.external_data.add(key="location", value="w.bin")
    yield "external", model([relu], initializer=[t])


def values():
    """A byte for the kind (see fuzz_onnx_value.c), then the message."""
    one, two = np.array([1, 2], np.float32), np.array([3], np.int64)
    yield "tensor", b"\0" + numpy_helper.from_array(one, "t").SerializeToString()
    yield "typed", b"\0" + helper.make_tensor("t", TensorProto.INT4, [3], [1, 2, 3]).SerializeToString()
    sparse = helper.make_sparse_tensor(numpy_helper.from_array(one, "v"), numpy_helper.from_array(np.array([1, 3]), "i"), [5])
    yield "sparse", b"\1" + sparse.SerializeToString()
    yield "sequence", b"\2" + numpy_helper.from_list([[one, two], [one]]).SerializeToString()
    yield "optional", b"\3" + numpy_helper.from_optional([one]).SerializeToString()
    yield "map", b"\4" + numpy_helper.from_dict({1: two, 2: two}).SerializeToString()
    yield "map_of_strings", b"\4" + onnx.MapProto(key_type=8, string_keys=[b"a"], values=numpy_helper.from_list([one])).SerializeToString()


def main():
    (ROOT / "fuzz_onnx_value").mkdir(parents=True, exist_ok=True)
    for name, data in values():
        (ROOT / "fuzz_onnx_value" / name).write_bytes(data)
    for name, m in models():
        (ROOT / "fuzz_onnx").mkdir(parents=True, exist_ok=True)
        (ROOT / "fuzz_onnx" / f"{name}.onnx").write_bytes(m.SerializeToString(deterministic=True))


main()
