"""Operators that igata has and that ship without schemas, so the facts stand here: those of ai.onnx.contrib
(onnxruntime-extensions), and Im2Col, which onnx's reference evaluator has in the domain "experimental"."""
import onnx
from onnx.defs import OpSchema

S, I, B = "tensor(string)", "tensor(int64)", "tensor(bool)"
SAME_TEXT = (["input:" + S], ["output:" + S])
REPLACE = ["text:" + S, "pattern:" + S, "rewrite:" + S]
SPLIT = (["text:" + S, "delimiter:" + S, "keep_delimiter:" + S], ["words:" + S, "begins:" + I, "ends:" + I, "rows:" + I])
HASH = (["input:" + S, "num_buckets:" + I], ["output:" + I])

# name -> inputs, outputs, attributes (a default, or str: required text)
TABLE = {
    "MaskedFill": (["value:" + S, "mask:" + B], ["output:" + S], {}),
    "StringConcat": (["left:" + S, "right:" + S], ["output:" + S], {}),
    "StringECMARegexReplace": (REPLACE, ["output:" + S], {"global_replace": 1, "ignore_case": 0}),
    "StringECMARegexSplitWithOffsets": (*SPLIT, {"ignore_case": 0}),
    "StringEqual": (["left:" + S, "right:" + S], ["output:" + B], {}),
    "StringHash": (*HASH, {}),
    "StringHashFast": (*HASH, {}),
    "StringJoin": (["input:" + S, "separator:" + S, "axis:" + I], ["output:" + S], {}),
    "StringLength": (["input:" + S], ["output:" + I], {}),
    "StringLower": (*SAME_TEXT, {}),
    "StringMapping": (*SAME_TEXT, {"map": str}),
    "StringRegexReplace": (REPLACE, ["output:" + S], {"global_replace": 1}),
    "StringRegexSplitWithOffsets": (*SPLIT, {}),
    "StringSplit": (["input:" + S, "separators:" + S, "skip_empty:" + B], ["indices:" + I, "text:" + S, "shape:" + I], {}),
    "StringStrip": (*SAME_TEXT, {}),
    "StringToHashBucket": (*HASH, {}),
    "StringToHashBucketFast": (*HASH, {}),
    "StringToVector": (["input:" + S], ["output:" + I], {"map": str, "unk": str}),
    "StringUpper": (*SAME_TEXT, {}),
    "VectorToString": (["input:" + I], ["output:" + S], {"map": str, "unk": str}),
}


def formals(rows):
    return [OpSchema.FormalParameter(*row.split(":")) for row in rows]


def attribute(name, value):
    if value is str:
        return OpSchema.Attribute(name, OpSchema.AttrType.STRING, "", required=True)
    return OpSchema.Attribute(name, onnx.helper.make_attribute(name, value), "")


def im2col():
    numbers = ["float16", "float", "double", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bfloat16"]
    ints = [OpSchema.Attribute(name, OpSchema.AttrType.INTS, "", required=False) for name in ("dilations", "pads", "strides")]
    return OpSchema("Im2Col", "experimental", 1, inputs=formals(["img:T", "kernel_shape:" + I]), outputs=formals(["columns:T"]),
                    attributes=ints, type_constraints=[("T", [f"tensor({t})" for t in numbers], "")])  # fmt: skip


def schemas():
    return [im2col()] + [
        OpSchema(name, "ai.onnx.contrib", 1, inputs=formals(i), outputs=formals(o), attributes=[attribute(*a) for a in attrs.items()])
        for name, (i, o, attrs) in TABLE.items()
    ]
