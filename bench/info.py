#!/usr/bin/env python3
"""`igata info` against onnx.load, as whole processes, on a model of 100 MB. Wanted: 20 times faster, in less than 30 MB.

usage: bench/info.py [MODEL.onnx]... [--igata PATH] [--python PATH] [--runs N]

Without a model one of 25 weights of 4 MiB is made. The Python needs onnx and numpy. Medians of N runs.
"""
import argparse
import os
import subprocess
import sys
import tempfile

from check_and_infer import measure

MODEL = """
import sys, numpy as np, onnx
from onnx import helper, numpy_helper
rng = np.random.default_rng(0)
weights = [numpy_helper.from_array(rng.standard_normal((1024, 1024), np.float32), f"w{i}") for i in range(25)]
nodes = [helper.make_node("MatMul", [f"y{i}" if i else "x", f"w{i}"], [f"y{i + 1}"]) for i in range(25)]
info = lambda n: helper.make_tensor_value_info(n, 1, ["batch", 1024])
graph = helper.make_graph(nodes, "g", [info("x")], [info("y25")], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), sys.argv[1])
"""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="*")
    p.add_argument("--igata", default=os.path.join(os.path.dirname(__file__), "../build/igata"))
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--runs", type=int, default=9)
    o = p.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, "100 MB.onnx")
        if not o.models:
            subprocess.run([o.python, "-c", MODEL, made], check=True)
        for model in map(os.path.abspath, o.models or [made]):
            t, m = measure([os.path.abspath(o.igata), "info", model], o.runs)
            other_t, other_m = measure([o.python, "-c", "import sys, onnx; onnx.load(sys.argv[1])", model], max(3, o.runs // 3))
            fits = other_t >= 20 * t and m < 30
            print(f"info {os.path.basename(model):24} {t * 1e3:8.1f} ms {m:7.1f} MiB   onnx.load {other_t * 1e3:8.1f} ms {other_m:7.1f} MiB   "
                  f"{other_t / t:6.1f}x faster{'' if fits else '   MISSED'}", flush=True)  # fmt: skip
            good &= fits
    sys.exit(not good)


if __name__ == "__main__":
    main()
