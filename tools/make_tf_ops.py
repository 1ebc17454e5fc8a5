#!/usr/bin/env python3
"""Write src/formats/tensorflow/ops.inc: what igata must know of TensorFlow's operators to read their nodes. Facts come from the
operator registry of the Python package tensorflow (2.21.0): names of outputs, which a function's nodes are called by, and
defaults of attributes, which files leave out.

usage: make_tf_ops.py > src/formats/tensorflow/ops.inc

A row: name, least number of inputs, outputs, defaults, whether it is stateful. Outputs are separated by spaces: name, then *N for as many as the attribute N says or
@A for one per entry of the list A, then :T for the type that the attribute T names or =type for a fixed one. Defaults: name=
and the value behind a letter for its kind (b bool, i int, f float, s text, t type, h shape; capital: a list with commas).
Left out: operators of training, input pipelines, distribution and accelerators, which no file for inference has.
"""
import re

from tensorflow.core.framework import op_def_pb2, types_pb2
from tensorflow.python.client import pywrap_tf_session as session
from tensorflow.python.framework import dtypes

SKIP = re.compile("Mkl|XLA|Xla|Risc|TPU|Tpu|Dataset|Iterator|BoostedTrees|Collective|Nccl|DTensor|Sdca|SparseCore|Apply|Queue|Reader|Grad|Backprop|"
                  "Experimental|Stage|Barrier|Accumulat|Rpc|feed|Dedup|Mutex|Summary|Attr|Polymorphic|Stats|Debug|Sampler|Mlir|Session|RecordInput|"
                  "^_(Host|Send|Recv|Scoped|Conf|Shut|Wait|Disc)|Delete|Anonymous|SparseCross|ThreadPool|Copy|Dummy|TensorMap|OrderedMap|PyFunc")
KEEP = {"Conv2DBackpropInput", "Conv2DBackpropInputV2", "Conv3DBackpropInput", "Conv3DBackpropInputV2", "DepthwiseConv2dNativeBackpropInput",
        "CTCGreedyDecoder", "AccumulateNV2", "StopGradient", "PreventGradient", "ResizeBilinearGrad", "DisableCopyOnRead", "PyFunc", "EagerPyFunc",
        "RaggedTensorToVariant", "AnonymousHashTable", "BroadcastGradientArgs"}

session_ops = op_def_pb2.OpList()
session_ops.ParseFromString(session.TF_GetBuffer(session.TF_GetAllOpList()))


def type_name(number):
    ref = number > 100
    return dtypes.as_dtype(number - 100 if ref else number).name + ("_ref" if ref else "")


def output(arg):
    text = arg.name
    if arg.number_attr:
        text += "*" + arg.number_attr
    if arg.type_list_attr:
        return text + "@" + arg.type_list_attr
    if arg.type_attr:
        return text + ":" + arg.type_attr
    return text + "=" + type_name(arg.type)


def number(f):
    return repr(float(f"{f:.9g}")).removesuffix(".0")


def shape(s):
    return "?" if s.unknown_rank else "x".join(str(d.size) for d in s.dim)


def default(attr):
    v = attr.default_value
    kind = v.WhichOneof("value")
    if kind is None or kind in ("tensor", "func"):
        return None
    if kind != "list":
        text = {"b": lambda: "b" + str(int(v.b)), "i": lambda: "i" + str(v.i), "f": lambda: "f" + number(v.f), "s": lambda: "s" + v.s.decode("latin1"),
                "type": lambda: "t" + type_name(v.type), "shape": lambda: "h" + shape(v.shape)}[kind]()
    else:
        kind = attr.type[5:-1]
        lists = {"int": ("I", map(str, v.list.i)), "float": ("F", map(number, v.list.f)), "string": ("S", (s.decode("latin1") for s in v.list.s)),
                 "bool": ("B", (str(int(b)) for b in v.list.b)), "type": ("T", map(type_name, v.list.type)), "shape": ("H", map(shape, v.list.shape))}
        if kind not in lists:
            return None
        text = lists[kind][0] + ",".join(lists[kind][1])
    if " " in text or '"' in text or any(ord(c) < 32 or ord(c) > 126 for c in text):
        return None
    return attr.name + "=" + text.replace("\\", "\\\\")


def main():
    rows = []
    for op in session_ops.op:
        if SKIP.search(op.name) and op.name not in KEEP:
            continue
        outs = " ".join(output(a) for a in op.output_arg)
        defaults = " ".join(filter(None, (default(a) for a in op.attr if a.HasField("default_value"))))
        least = sum(not (a.number_attr or a.type_list_attr) for a in op.input_arg)
        rows.append((op.name, f'{{"{op.name}", {least}, "{outs}", "{defaults}", {"true" if op.is_stateful else "false"}}},'))
    print("/* Made by tools/make_tf_ops.py from tensorflow 2.21.0. Don't edit. */")
    for _, row in sorted(rows):
        print(row)


main()
