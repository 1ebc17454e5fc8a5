#!/usr/bin/env python3
"""Convert every ONNX model in some folders to every opset and compare the outputs with the original's on random inputs.

usage: convert_sweep.py [--igata PATH] [--first N] [--last N] FILE-OR-FOLDER...

Prints what differs or fails, what can't be converted and why, and counts; exit 1 when something differs or fails.
"""
import argparse
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

a = argparse.ArgumentParser()
a.add_argument("paths", nargs="+", type=Path)
a.add_argument("--igata", default="build/igata")
a.add_argument("--first", type=int, default=7)
a.add_argument("--last", type=int, default=28)
o = a.parse_args()


def convert(case):
    model, opset = case
    with tempfile.TemporaryDirectory() as folder:
        r = subprocess.run([o.igata, "convert", model, Path(folder) / "out.onnx", "--opset", str(opset), "--verify"],
                           capture_output=True, text=True, errors="replace", timeout=600)
    return model, opset, r.returncode, (r.stderr + r.stdout).replace(folder + "/", "").strip()


models = [m for p in o.paths for m in ([p] if p.is_file() else sorted(p.rglob("*.onnx")))]
with ThreadPoolExecutor(2) as pool:
    results = list(pool.map(convert, [(m, n) for m in models for n in range(o.first, o.last + 1)]))
words = {0: "agree", 4: "can't be converted"}
alike = defaultdict(list)
for model, opset, code, text in results:
    if code:
        alike[model, words.get(code, "FAILED"), text].append(opset)
for (model, word, text), opsets in alike.items():
    print(f"{model}: opset {', '.join(map(str, opsets))}: {word}: {text}")
counts = Counter(words.get(code, "FAILED") for _, _, code, _ in results)
print(", ".join(f"{n} {word}" for word, n in counts.items()))
sys.exit(1 if counts["FAILED"] or not results else 0)
