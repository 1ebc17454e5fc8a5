#!/usr/bin/env python3
"""`igata check` and `igata infer-shapes` against onnx.checker (full check) and onnx.shape_inference, as whole processes.

usage: bench/check_and_infer.py [MODEL.onnx]... [--igata PATH] [--python PATH] [--runs N]

A graph of 2,000 nodes is made and measured, too. Wanted: 20 times faster, with a fifth of the memory. The Python needs onnx. Each figure
is the median of N runs; time is what passes, memory is the peak of resident pages. Exit code 1 when the goal is missed.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

# Starts a command and prints seconds, KiB at the peak and exit status. A small process of its own, because the peak of a child counts
# from the fork on, when it still is a copy of its parent.
LAUNCH = """
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
_, status, usage = os.wait4(pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""

SYNTHETIC = """
import sys, numpy as np, onnx
from onnx import helper, numpy_helper
nodes, weights, x = [], [], "x"
constants = {"k": [0, -1, 4, 16], "zero": [0], "one": [1], "two": [2]}
weights += [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in constants.items()]
weights += [numpy_helper.from_array(np.ones((64, 64), np.float32), "w"), numpy_helper.from_array(np.ones(64, np.float32), "b")]
for i in range(200):
    def op(kind, *inputs, **attributes):
        nodes.append(helper.make_node(kind, list(inputs), [f"{kind}_{i}_{len(nodes)}"], **attributes))
        return nodes[-1].output[0]
    y = op("Add", op("MatMul", x, "w"), "b")
    length = op("Slice", op("Shape", y), "one", "two", "zero")
    heads = op("Transpose", op("Reshape", y, "k"), perm=[0, 2, 1, 3])
    back = op("Reshape", op("Transpose", heads, perm=[0, 2, 1, 3]), op("Concat", "zero", length, "minus", axis=0))
    x = op("Relu", back)
weights.append(numpy_helper.from_array(np.array([-1], np.int64), "minus"))
info = lambda n: helper.make_tensor_value_info(n, 1, ["batch", "length", 64])
graph = helper.make_graph(nodes, "g", [info("x")], [info(x)], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])
"""

CHECK = "import sys, onnx; onnx.checker.check_model(sys.argv[1], full_check=True)"
INFER = "import sys, onnx; onnx.shape_inference.infer_shapes_path(sys.argv[1], sys.argv[2], strict_mode=True, data_prop=True)"


def measure(command, runs):
    """Median of seconds and of MiB. A run before the first brings files into memory."""
    times, sizes = [], []
    for i in range(runs + 1):
        out = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCH, *command], capture_output=True, text=True, check=True).stdout.split()
        if out[2] != "0":
            sys.exit(f"{' '.join(command)}: exit code {out[2]}")
        if i:
            times.append(float(out[0]))
            sizes.append(int(out[1]) / 1024)
    return statistics.median(times), statistics.median(sizes)


def compare(what, name, ours, theirs, runs):
    (t, m), (other_t, other_m) = measure(ours, runs), measure(theirs, max(3, runs // 3))
    good = other_t >= 20 * t and other_m >= 5 * m
    print(f"{what:13} {name:24} {t * 1e3:8.1f} ms {m:7.1f} MiB   onnx {other_t * 1e3:8.1f} ms {other_m:7.1f} MiB   "
          f"{other_t / t:6.1f}x faster, {other_m / m:5.1f}x smaller{'' if good else '   MISSED'}", flush=True)  # fmt: skip
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="*")
    p.add_argument("--igata", default=os.path.join(os.path.dirname(__file__), "../build/igata"))
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--runs", type=int, default=9)
    o = p.parse_args()
    igata, good = os.path.abspath(o.igata), True
    with tempfile.TemporaryDirectory() as folder:
        made, out = os.path.join(folder, "2000 nodes.onnx"), os.path.join(folder, "out.onnx")
        subprocess.run([o.python, "-c", SYNTHETIC, made], check=True)
        for model in [made, *map(os.path.abspath, o.models)]:
            name = os.path.basename(model)
            good &= compare("check", name, [igata, "check", model], [o.python, "-c", CHECK, model], o.runs)
            if os.path.exists(out):
                os.unlink(out)
            good &= compare("infer-shapes", name, [igata, "infer-shapes", model, out, "--strict", "--data-propagation", "-f"],
                            [o.python, "-c", INFER, model, out], o.runs)  # fmt: skip
    sys.exit(not good)


if __name__ == "__main__":
    main()
