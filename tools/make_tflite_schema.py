#!/usr/bin/env python3
"""Writes src/formats/tflite/schema.h and schema.inc: the facts of TFLite's FlatBuffers schema as constant tables.

The facts (names, field numbers, defaults) come from schema.fbs of https://github.com/google-ai-edge/LiteRT, folder
tflite/converter/schema. Usage:

    python3 tools/make_tflite_schema.py schema.fbs            # rewrites the tables
    python3 tools/make_tflite_schema.py schema.fbs --check    # exit status 1 when they differ from what would be written
"""

import argparse
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src" / "formats" / "tflite"
# Tables that decode.c reads field by field.
STRUCTURE = ["Model", "OperatorCode", "SubGraph", "Tensor", "Operator", "Buffer", "Metadata", "TensorMap", "SignatureDef",
             "ExternalBufferGroup", "ExternalBuffer", "QuantizationParameters", "BlockwiseQuantization", "MultiAxisQuantization",
             "CustomQuantization", "SparsityParameters", "DimensionMetadata", "Int32Vector"]
SCALARS = {"bool": "BOOL", "byte": "I8", "ubyte": "U8", "int": "I32", "int32": "I32", "uint": "U32", "long": "I64", "ulong": "U64",
           "float": "F32", "string": "STR"}
VECTORS = {"int": "I32S", "int32": "I32S", "long": "I64S", "float": "F32S", "ubyte": "BYTES", "bool": "BOOLS"}


class Field:
    def __init__(self, number, name, type_, default):
        self.number, self.name, self.type, self.default = number, name, type_, default


def parse(text):
    text = re.sub(r"//[^\n]*", "", text)
    enums, unions, tables = {}, {}, {}
    for kind, name, base, body in re.findall(r"\b(enum|union|table)\s+(\w+)\s*(?::\s*(\w+))?\s*(?:\(\w+\))?\s*\{([^}]*)\}", text):
        if kind == "table":
            tables[name] = body
            continue
        entries, number = [], 1 if kind == "union" else 0
        for entry in filter(None, (re.sub(r"\(.*?\)", "", e).strip() for e in body.split(","))):
            parts = [p.strip() for p in entry.split("=")]
            number = int(parts[1]) if len(parts) > 1 else number
            entries.append((parts[0], number))
            number += 1
        (enums if kind == "enum" else unions)[name] = (base, entries)
    for name, body in tables.items():
        fields, number = [], 0
        for line in filter(None, (f.strip() for f in body.split(";"))):
            m = re.match(r"(\w+)\s*:\s*(\[?\s*\w+\s*\]?)\s*(?:=\s*([-\w.]+))?", line)
            number += m[2] in unions  # the number before is that of the union's type
            if "deprecated" not in line.split("(")[-1] or "(" not in line:
                fields.append(Field(number, m[1], m[2].replace(" ", ""), m[3]))
            number += 1
        tables[name] = fields
    return enums, unions, tables


def kind_of(field, enums):
    """The C kind of an option, the enum whose names it takes, and its default."""
    vector = field.type.startswith("[")
    base = field.type.strip("[]")
    default = field.default or "0"
    if base in enums:
        width = {"byte": "ENUM8", "uint": "ENUM32", "int": "ENUM32", "int32": "ENUM32"}[enums[base][0]]
        names = dict(enums[base][1])
        return ("ENUMS32" if vector else width), base, names.get(default, 0)
    if vector:
        return VECTORS[base], None, 0
    return SCALARS[base], None, {"true": 1, "false": 0}.get(default, default)


def upper(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def header(enums, tables):
    out = ["/* Made by tools/make_tflite_schema.py from TFLite's schema.fbs: numbers of fields and tables of names and options. */",
           "#ifndef IG_FORMATS_TFLITE_SCHEMA_H", "#define IG_FORMATS_TFLITE_SCHEMA_H", "", "#include <stdint.h>", "",
           "/* What a field of an options table holds. */", "typedef enum ig_tfl_kind {"]
    kinds = ["BOOL", "I8", "U8", "I32", "U32", "I64", "U64", "F32", "STR", "I32S", "I64S", "F32S", "BYTES", "BOOLS", "ENUM8",
             "ENUM32", "ENUMS32"]
    out += [f"    IG_TFL_{k}," for k in kinds] + ["} ig_tfl_kind;", ""]
    out += ["typedef struct ig_tfl_enum {", "    const char *const *names; /* by number; NULL entries: no such number */",
            "    uint32_t n;", "} ig_tfl_enum;", "", "typedef struct ig_tfl_field {", "    const char *name;",
            "    uint8_t number, kind;     /* ig_tfl_kind */", "    int32_t otherwise;        /* the default; of floats it is 0 */",
            "    const ig_tfl_enum *names; /* of the enum kinds */", "} ig_tfl_field;", "", "typedef struct ig_tfl_options {",
            '    const char *name; /* "Conv2DOptions"; NULL: no such number */', "    const ig_tfl_field *fields;",
            "    uint32_t n_fields;", "} ig_tfl_options;", "",
            "extern const ig_tfl_enum ig_tfl_ops; /* of the builtin operators */",
            "/* By the union's type: builtin_options and builtin_options_2. */",
            "extern const ig_tfl_options ig_tfl_options_1[], ig_tfl_options_2[];",
            "extern const uint32_t ig_tfl_n_options_1, ig_tfl_n_options_2;", "", "enum {"]
    out += [f"    IG_TFL_OP_{name} = {number}," for name, number in enums["BuiltinOperator"][1] if name in ("CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES")]
    out += ["};", "", "typedef enum ig_tfl_tensor_type {"]
    out += [f"    IG_TFL_TYPE_{name} = {number}," for name, number in enums["TensorType"][1]] + ["    IG_TFL_TYPE_COUNT", "} ig_tfl_tensor_type;", ""]
    for table in STRUCTURE:
        out += [f"/* Fields of {table}. */", "enum {"]
        out += [f"    IG_TFL_{upper(table)}_{f.name.upper()} = {f.number}," for f in tables[table]]
        out += ["};", ""]
    return "\n".join(out + ["#endif"]) + "\n"


def names_of(entries):
    names = [None] * (max(n for _, n in entries) + 1)
    for name, number in entries:
        names[number] = f'"{name}"'
    return ", ".join(n or "NULL" for n in names)


def source(enums, unions, tables):
    out = ["/* Made by tools/make_tflite_schema.py from TFLite's schema.fbs. */"]
    lists = [[(t, n) for t, n in unions[u][1]] for u in ("BuiltinOptions", "BuiltinOptions2")]
    used = sorted({kind_of(f, enums)[1] for entries in lists for t, _ in entries for f in tables[t]} - {None})
    for e in used + ["BuiltinOperator"]:
        out += [f"static const char *const {e}_names[] = {{{names_of(enums[e][1])}}};"]
        name = "const ig_tfl_enum ig_tfl_ops" if e == "BuiltinOperator" else f"static const ig_tfl_enum {e}"
        out += [f"{name} = {{{e}_names, sizeof {e}_names / sizeof *{e}_names}};"]
    out += [""]
    for entries in lists:
        for t, _ in entries:
            if not tables[t]:
                continue
            out += [f"static const ig_tfl_field {t}[] = {{"]
            for f in tables[t]:
                kind, enum, default = kind_of(f, enums)
                out += [f'    {{"{f.name}", {f.number}, IG_TFL_{kind}, {default}, {"&" + enum if enum else "NULL"}}},']
            out += ["};"]
    out += [""]
    for i, entries in enumerate(lists, 1):
        rows = {n: t for t, n in entries}
        out += [f"const ig_tfl_options ig_tfl_options_{i}[] = {{"]
        for n in range(max(rows) + 1):
            t = rows.get(n)
            fields = t and tables[t]
            out += [f'    {{"{t}", {t}, sizeof {t} / sizeof *{t}}},' if fields else f'    {{"{t}", NULL, 0}},' if t else "    {NULL, NULL, 0},"]
        out += ["};", f"const uint32_t ig_tfl_n_options_{i} = sizeof ig_tfl_options_{i} / sizeof *ig_tfl_options_{i};"]
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("schema", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    enums, unions, tables = parse(args.schema.read_text())
    files = {"schema.h": header(enums, tables), "schema.inc": source(enums, unions, tables)}
    different = [n for n, text in files.items() if not (FOLDER / n).exists() or (FOLDER / n).read_text() != text]
    if args.check:
        sys.exit(f"differ: {' '.join(different)}" if different else 0)
    for name in different:
        (FOLDER / name).write_text(files[name])


main()
