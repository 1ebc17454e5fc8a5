#!/usr/bin/env python3
"""Writes src/ops/schemas/*.inc: every version of every operator as C tables for src/ops/schema.c.

The facts (names, types, arities, attributes and defaults) come from the Python packages onnx, for its own domains, and
onnxruntime, for com.microsoft and for the ai.onnx operators of old that only onnxruntime still knows; for ai.onnx.contrib from
contrib_schemas.py, for igata from own_schemas.py. Usage:

    python3 tools/make_schemas.py            # rewrites the tables
    python3 tools/make_schemas.py --check    # exit status 1 when they differ from what would be written
"""

import argparse
import math
import pathlib
import sys

import contrib_schemas
import onnx
import onnxruntime
import own_schemas
from onnxruntime.capi import onnxruntime_pybind11_state as ort

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src" / "ops" / "schemas"
DTYPES = {name.lower(): number for name, number in onnx.TensorProto.DataType.items()}
DTYPES["double"], DTYPES["float16"] = onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16
OPTIONS = ["IG_SINGLE", "IG_OPTIONAL", "IG_VARIADIC"]
UNBOUNDED = 2**31 - 1


def c_string(text):
    if text is None:
        return "NULL"
    if isinstance(text, bytes):
        text = text.decode()
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def c_float(value):
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "-INFINITY" if value < 0 else "INFINITY"
    # The shortest decimal that is this float again.
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if onnx.helper.make_attribute("x", float(text)).f == value:
            break
    return text + ("" if any(c in text for c in ".e") else ".0") + "f"


def c_int(value):
    return "INT64_MIN" if value == -(2**63) else str(value)


class Pool:
    """Lists of rows laid into one array; a list that already occurs in the array is not stored again."""

    def __init__(self, name):
        self.name, self.rows, self.at = name, [], {}

    def fill(self, lists):
        for rows in sorted(set(lists), key=lambda r: (-len(r), r)):
            if rows:
                self.at[rows] = self.find(rows)

    def find(self, rows):
        n = len(rows)
        for i in range(len(self.rows) - n + 1):
            if tuple(self.rows[i : i + n]) == rows:
                return i
        overlap = next(k for k in range(n - 1, -1, -1) if not k or tuple(self.rows[-k:]) == rows[:k])
        self.rows.extend(rows[overlap:])
        return len(self.rows) - n

    def pointer(self, rows):
        return f"{self.name} + {self.at[rows]}" if rows else "NULL"


def type_set(name, texts):
    """A row of ig_type_set."""
    masks = {"tensor": 0, "sparse_tensor": 0, "seq": 0, "optional": 0, "optional_seq": 0}
    others = []
    for text in sorted(texts):
        kind, _, inner = text.replace(" ", "").rstrip(")").rpartition("(")
        kind = kind.replace("(", "_").replace("_tensor", "") if kind not in ("tensor", "sparse_tensor") else kind
        if kind in masks and inner in DTYPES:
            masks[kind] |= 1 << DTYPES[inner]
        else:
            others.append(text.replace(" ", ""))
    numbers = ", ".join(hex(m) if m > 9 else str(m) for m in masks.values())
    return f"{{{c_string(name)}, {numbers}, {c_string(' '.join(others)) if others else 'NULL'}}}"


def attribute(attr):
    """A row of ig_schema_attr."""
    default = onnx.AttributeProto()
    value = getattr(attr, "default_value", None)
    if value is not None:
        default.CopyFrom(value)
    else:
        default.ParseFromString(attr._default_value)
    kind, given = int(attr.type.value), default.type != onnx.AttributeProto.UNDEFINED
    row = [c_string(attr.name), f"IG_ATTR_{KINDS[kind]}", "1" if attr.required else "0", "1" if given else "0"]
    if given and default.type != kind:
        raise ValueError(f"default of {attr.name} has another kind")
    value = onnx.helper.get_attribute_value(default) if given else None
    if kind == onnx.AttributeProto.INT and given:
        row.append(f".i = {c_int(value)}")
    elif kind == onnx.AttributeProto.FLOAT and given:
        row.append(f".f = {c_float(value)}")
    elif kind == onnx.AttributeProto.STRING and given:
        row.append(f".s = {c_string(value)}")
    elif given:
        c_type, text = {
            onnx.AttributeProto.INTS: ("int64_t", c_int),
            onnx.AttributeProto.FLOATS: ("float", c_float),
            onnx.AttributeProto.STRINGS: ("ig_str", lambda s: f"{{{c_string(s)}, {len(s)}}}"),
        }[kind]
        if len(value):
            row.append(f".list = (const {c_type}[]){{{', '.join(map(text, value))}}}, .n = {len(value)}")
    else:
        row.append(".n = 0")
    return "{" + ", ".join(row) + "}"


KINDS = {number: name.replace("SPARSE_TENSOR", "SPARSE").replace("TYPE_PROTO", "TYPE")
         for name, number in onnx.AttributeProto.AttributeType.items()}  # fmt: skip


class Operator:
    def __init__(self, schema):
        self.schema = schema
        self.key = (schema.domain.encode(), schema.name.encode(), schema.since_version)
        constraints = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
        names, sets = [], []

        def index(formal):
            name = getattr(formal, "type_str", None) or formal.typeStr
            if name not in names:
                names.append(name)
                sets.append(type_set(name.replace(" ", ""), constraints.get(name, formal.types)))
            return names.index(name)

        def formals(rows, least):
            out = []
            for i, f in enumerate(rows):
                option = getattr(f.option, "value", f.option)
                homogeneous = f.is_homogeneous if hasattr(f, "is_homogeneous") else f.isHomogeneous
                arity = max(0, least - i) if option == 2 else 0
                out.append(f"{{{c_string(f.name)}, {index(f)}, {OPTIONS[option]}, {arity}, {int(homogeneous)}}}")
            return tuple(out)

        self.inputs = formals(schema.inputs, schema.min_input)
        self.outputs = formals(schema.outputs, schema.min_output)
        self.types = tuple(sets)
        self.attrs = tuple(attribute(a) for _, a in sorted(schema.attributes.items()))
        self.function = bool(getattr(schema, "has_function", False) or getattr(schema, "has_context_dependent_function", False))

    def row(self, formals, attrs, types):
        s = self.schema
        counts = [s.min_input, s.max_input, s.min_output, s.max_output]
        bounds = ", ".join("UINT16_MAX" if n == UNBOUNDED else str(n) for n in counts)
        return (
            f"{{{c_string(s.domain)}, {c_string(s.name)}, {s.since_version}, {int(s.deprecated)}, {int(self.function)}, {bounds}, "
            f"{len(self.inputs)}, {len(self.outputs)}, {len(self.attrs)}, {len(self.types)}, {formals.pointer(self.inputs)}, "
            f"{formals.pointer(self.outputs)}, {attrs.pointer(self.attrs)}, {types.pointer(self.types)}}},"
        )


def all_operators():
    own = list(onnx.defs.get_all_schemas_with_history())
    known = {(s.domain, s.name, s.since_version) for s in own}
    foreign = [s for s in ort.get_all_operator_schema() if s.domain in ("", "com.microsoft")]
    foreign = [s for s in foreign if (s.domain, s.name, s.since_version) not in known]
    operators = sorted((Operator(s) for s in own + foreign + contrib_schemas.schemas() + own_schemas.schemas()), key=lambda o: o.key)
    if len({o.key for o in operators}) != len(operators):
        raise ValueError("an operator version occurs twice")
    return operators


def newest_versions(operators):
    newest = {}
    for o in operators:
        newest[o.schema.domain] = max(newest.get(o.schema.domain, 0), o.schema.since_version)
    release = onnx.helper.VERSION_TABLE[-1]
    newest[""], newest["ai.onnx.ml"], newest["ai.onnx.training"] = release[2], release[3], release[4]
    return [f"{{{c_string(d)}, {v}}}," for d, v in sorted(newest.items())]


def make():
    operators = all_operators()
    formals, attrs, types = Pool("formals"), Pool("attrs"), Pool("type_sets")
    formals.fill([o.inputs for o in operators] + [o.outputs for o in operators])
    attrs.fill([o.attrs for o in operators])
    types.fill([o.types for o in operators])
    return {
        "types.inc": [r + "," for r in types.rows],
        "formals.inc": [r + "," for r in formals.rows],
        "attrs.inc": [r + "," for r in attrs.rows],
        "operators.inc": [o.row(formals, attrs, types) for o in operators],
        "domains.inc": newest_versions(operators),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="write nothing, compare")
    check = arguments.parse_args().check
    header = (
        f"/* Made by tools/make_schemas.py from onnx {onnx.__version__} and onnxruntime {onnxruntime.__version__}."
        " Don't edit. */\n"
    )
    same = True
    for name, rows in make().items():
        path, text = FOLDER / name, header + "\n".join(rows) + "\n"
        if check:
            same = same and path.exists() and path.read_text() == text
        else:
            path.write_text(text)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
