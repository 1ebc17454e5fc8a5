#!/usr/bin/env python3
"""Write the tables of what runtimes take: src/check/portability/<runtime>.inc.

usage: make_portability.py OUT [onnxruntime] [openvino] [tensorrt=operators.md] [coreml=coreml_supported_mlprogram_ops.md] [tflite=README.md]

onnxruntime and openvino are asked themselves (the installed Python packages): the list of CPU kernels of the one, and which operators
the other can convert. The other tables come from documents: docs/operators.md of github.com/onnx/onnx-tensorrt,
tools/ci_build/github/apple/coreml_supported_mlprogram_ops.md of github.com/microsoft/onnxruntime, README.md of
github.com/PINTO0309/onnx2tf. A row: domain, operator, first and last schema version, type parameter ("" for every tensor), types.
"""

import re
import sys
from pathlib import Path

import onnx
from onnx import helper

TYPES = ("undefined float uint8 int8 uint16 int16 int32 int64 string bool float16 double uint32 uint64 complex64 complex128 bfloat16 "
         "float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2").split()  # fmt: skip
LAST = 32767  # of versions: no end


def mask(names):
    return sum(1 << TYPES.index(n) for n in set(names) if n in TYPES)


def elements(types):
    """Element types of texts such as tensor(float) and seq(tensor(float)); None when other types are among them."""
    out = [re.fullmatch(r"(?:seq\()?(?:optional\()?(?:seq\()?tensor\((\w+)\)+", t) for t in types]
    return None if None in out else [m.group(1) for m in out]


def onnxruntime():
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    rows = {}
    for k in state.get_all_opkernel_def():
        if k.provider != "CPUExecutionProvider" or k.domain not in ("", "ai.onnx.ml", "com.microsoft", "ai.onnx.preview.training"):
            continue
        first, last = k.version_range
        key = (k.domain, k.op_name, first, min(last, LAST))
        row = rows.setdefault(key, {})
        for name, types in k.type_constraints.items():
            names = elements(types)
            row[name] = None if names is None or row.get(name, 0) is None else row.get(name, 0) | mask(names)
    for (domain, op, first, last), types in sorted(rows.items()):
        known = {n: m for n, m in sorted(types.items()) if m}
        for name, m in (known or {"": 0}).items():
            yield domain, op, first, last, name, m
    print("onnxruntime", onnxruntime.__version__)


def openvino():
    import openvino as ov

    core = ov.Core()
    print("openvino", ov.__version__)
    have = {(s.domain, s.name, s.since_version, s.min_input) for s in onnx.defs.get_all_schemas_with_history() if not s.deprecated}
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    have |= {(s.domain, s.name, s.since_version, s.min_input) for s in state.get_all_operator_schema() if s.domain == "com.microsoft"}
    taken = {}
    for domain, op, version, n in sorted(have):
        node = helper.make_node(op, ["x"] * max(1, n), ["y"], domain=domain)
        graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", 1, [1, 2, 3, 4])], [helper.make_tensor_value_info("y", 1, None)])
        sets = {domain: version, "": version if not domain else 17}
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*s) for s in sets.items()], ir_version=8)
        try:
            core.read_model(model.SerializeToString())
            text = ""
        except Exception as e:
            text = str(e)
        if "No conversion rule" not in text:
            taken.setdefault((domain, op), []).append(version)
    for (domain, op), versions in sorted(taken.items()):
        every = sorted(v for d, o, v, _ in have if (d, o) == (domain, op))
        yield domain, op, versions[0], LAST if versions[-1] == every[-1] else versions[-1], "", 0


def table(path):
    for line in Path(path).read_text().splitlines():
        cells = [c.strip() for c in line.strip()[1:].removesuffix("|").split("|")]
        if line.strip().startswith("|") and len(cells) >= 2 and re.fullmatch(r"[\w.:]+", cells[0]):
            yield cells


def tensorrt(path):
    short = {"FP32": ["float", "double"], "FP16": ["float16"], "BF16": ["bfloat16"], "INT64": ["int64"], "INT32": ["int32"], "INT8": ["int8"],
             "INT4": ["int4"], "UINT8": ["uint8"], "BOOL": ["bool"], "FP8": ["float8e4m3fn"]}  # fmt: skip
    for cells in table(path):
        if cells[1] == "Y":
            yield "", cells[0], 1, LAST, "", mask(t for name in re.split(r"[,\s]+", cells[2]) for t in short.get(name, []))


def named(names):
    known = {s.name.lower(): s.name for s in onnx.defs.get_all_schemas_with_history() if s.domain == ""}
    for name in names:
        if name.lower() in known:
            yield "", known[name.lower()], 1, LAST, "", 0


def coreml(path):
    yield from named([*(c[0].split(":")[-1] for c in table(path))])


def tflite(path):
    text = Path(path).read_text()
    yield from named(re.findall(r"^\s*\|(\w+)\|:(?:heavy|white)_check_mark:\|", text, re.M))


def main():
    out = Path(sys.argv[1])
    for what in sys.argv[2:]:
        name, _, path = what.partition("=")
        rows = globals()[name](*([path] if path else []))
        lines = [f'{{"{d}", "{o}", {a}, {b}, "{t}", 0x{m:x}}},\n' for d, o, a, b, t, m in sorted(set(rows))]
        text = "/* Made by tools/make_portability.py. */\n" + "".join(lines)
        (out / f"{name}.inc").write_text(text)
        print(name, len(lines), "rows")


main()
