#!/usr/bin/env python3
"""Packs what the operators' fuzzer starts from: seeds/ops/<family>.zip with the smallest models of every operator of a family, a
folder of src/ops. The models come from the differential tests:

    IGATA_DUMP=FOLDER pytest tests/differential && python3 make_op_seeds.py FOLDER
"""
import re
import sys
import zipfile
from pathlib import Path

import onnx

HERE = Path(__file__).resolve().parent
OPS = HERE.parent.parent / "src" / "ops"
PER_OPERATOR = 2


def families():
    """Operator -> folder of the file that has its name in quotes."""
    found = {}
    for file in sorted(OPS.glob("*/*.c")):
        for name in re.findall(r'"([A-Z][A-Za-z0-9_]+)"', file.read_text()):
            found.setdefault(name, file.parent.name)
    return found


def main():
    family_of, best = families(), {}
    for file in Path(sys.argv[1]).glob("*.onnx"):
        data = file.read_bytes()
        model = onnx.ModelProto.FromString(data)
        versions = {o.domain: o.version for o in model.opset_import}
        for node in model.graph.node:
            if node.op_type not in family_of:
                continue
            kinds = len(model.graph.initializer) and model.graph.initializer[0].data_type
            key = node.domain, node.op_type, versions.get(node.domain) if len(model.graph.node) == 1 else 0
            best.setdefault(key, {}).setdefault(kinds, []).append((len(data), data))
    packed = {}
    for (domain, op, version), kinds in sorted(best.items(), key=str):
        smallest = sorted(min(models) for models in kinds.values())[:PER_OPERATOR]
        for i, (_, data) in enumerate(smallest):
            packed.setdefault(family_of[op], {})[f"{domain or 'ai.onnx'}.{op}-{version}-{i}"] = b"\0" + data
    folder = HERE / "seeds" / "ops"
    folder.mkdir(parents=True, exist_ok=True)
    for family, files in packed.items():
        with zipfile.ZipFile(folder / f"{family}.zip", "w", zipfile.ZIP_DEFLATED) as z:
            for name, data in sorted(files.items()):
                z.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        print(family, len(files))
    print("without seeds:", sorted({p.name for p in OPS.iterdir() if any(p.glob("*.c"))} - set(packed)))


main()
