"""Small models for the tests of the command: graphs whose outputs are their inputs, which need no kernel."""
import numpy as np
import onnx
from onnx import TensorProto, helper


def value(name, dtype=TensorProto.FLOAT, shape=("n", 3)):
    return helper.make_tensor_value_info(name, dtype, shape)


def sequence(name, dtype=TensorProto.FLOAT):
    return helper.make_tensor_sequence_value_info(name, dtype, None)


def map_of(name, key=TensorProto.STRING, value_type=TensorProto.FLOAT):
    v = onnx.ValueInfoProto()
    v.name = name
    v.type.map_type.key_type = key
    v.type.map_type.value_type.tensor_type.elem_type = value_type
    return v


def optional(name, dtype=TensorProto.FLOAT):
    return helper.make_value_info(name, helper.make_optional_type_proto(helper.make_tensor_type_proto(dtype, None)))


def passing(path, *values, initializers=(), nodes=(), outputs=None, opset=21, ir=10, **kw):
    """A model that gives back its inputs."""
    graph = helper.make_graph(list(nodes), kw.pop("name", "g"), list(values), list(values if outputs is None else outputs), list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("test.domain", 1)], ir_version=ir, **kw)
    onnx.save(model, str(path))
    return path


def floats(*shape):
    return (np.arange(int(np.prod(shape)), dtype=np.float32) * 0.5 - 3).reshape(shape)
