"""Operators of the domain igata: what passes make of others inside a session, and what other formats have that ONNX has no
operator for (StringFingerprint)."""
import onnx
from onnx.defs import OpSchema

CONV = {"auto_pad": "NOTSET", "dilations": list, "group": 1, "kernel_shape": list, "pads": list, "strides": list}
FUSED = {"activation": "", "activation_params": float}
POOL = {k: v for k, v in CONV.items() if k != "group"} | {"ceil_mode": 0}

# name -> inputs (optional ones end with ?), outputs, attributes (a default, list: optional integers, float: optional floats)
TABLE = {
    "Block": (["X:T"], ["Y:T"], {"width": 16}),
    "BlockedConv": (["X:T", "W:T", "B?:T", "Z?:T"], ["Y:T"], CONV | FUSED),
    "BlockedMaxPool": (["X:T"], ["Y:T"], POOL),
    "BlockedQLinearConv": (["x:T1", "x_scale:T", "x_zero_point:T1", "w:T4", "w_scale:T", "w_zero_point:T4", "y_scale:T",
                            "y_zero_point:T2", "B?:T3"], ["y:T2"], CONV),
    "FusedMatMul": (["A:T", "B:T", "bias?:T", "Z?:T"], ["Y:T"], FUSED),
    "StringFingerprint": (["input:tensor(string)"], ["output:tensor(uint64)"], {"key": list}),
    "Unblock": (["X:T"], ["Y:T"], {"channels": 0}),
}  # fmt: skip
TYPES = ["float", "uint8", "int8"]
CONSTRAINTS = [("T", [f"tensor({t})" for t in TYPES], ""), ("T1", [f"tensor({t})" for t in TYPES[1:]], ""),
               ("T2", [f"tensor({t})" for t in TYPES[1:]], ""), ("T3", ["tensor(int32)"], ""),
               ("T4", [f"tensor({t})" for t in TYPES[1:]], "")]  # fmt: skip


def formals(rows):
    option = OpSchema.FormalParameterOption
    return [OpSchema.FormalParameter(name.rstrip("?"), kind, "", param_option=option.Optional if name.endswith("?") else option.Single)
            for name, kind in (row.split(":") for row in rows)]  # fmt: skip


def attribute(name, value):
    if value is list:
        return OpSchema.Attribute(name, OpSchema.AttrType.INTS, "", required=False)
    if value is float:
        return OpSchema.Attribute(name, OpSchema.AttrType.FLOATS, "", required=False)
    return OpSchema.Attribute(name, onnx.helper.make_attribute(name, value), "")


def schemas():
    used = lambda rows: {row.split(":")[1] for row in rows}  # noqa: E731
    return [
        OpSchema(name, "igata", 1, inputs=formals(i), outputs=formals(o), attributes=[attribute(*a) for a in attrs.items()],
                 type_constraints=[c for c in CONSTRAINTS if c[0] in used(i + o)])
        for name, (i, o, attrs) in TABLE.items()
    ]  # fmt: skip
