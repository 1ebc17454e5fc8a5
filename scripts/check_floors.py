#!/usr/bin/env python3
"""Check that no include points up a floor of the house (docs/architecture.md). Prints each that does; exit 1 when there is one."""
import re
import sys
from pathlib import Path

FLOORS = [  # bottom to top; folders on one line stand side by side
    ["base"], ["codec"], ["graph"], ["ops", "kernels"], ["infer", "check"], ["formats", "tensorio"], ["autodiff", "convert", "passes", "quantize"], ["surgery"],
    ["runtime"], ["llm"], ["judge"], ["cli", "server", "bindings"]]
LEVEL = {name: i for i, floor in enumerate(FLOORS) for name in floor}


def main():
    root = Path(__file__).resolve().parent.parent / "src"
    wrong = 0
    for path in sorted(root.rglob("*.[ch]")):
        floor = path.relative_to(root).parts[0]
        if floor not in LEVEL:
            print(f"{path}: folder '{floor}' is on no floor; add it to scripts/check_floors.py")
            wrong += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
            if not m or m[1] not in LEVEL:
                continue
            up = LEVEL[m[1]] > LEVEL[floor]
            outside = floor == "cli" and m[1] != "cli"  # the command uses only the public interface
            if up or outside:
                print(f"{path}:{number}: {floor} must not include {m[1]}: {line.strip()}")
                wrong += 1
    sys.exit(1 if wrong else 0)


main()
