#!/usr/bin/env python3
"""Time and memory of converting a SavedModel of ResNet-50 to ONNX: `igata convert` beside `python -m tf2onnx.convert`, each as a
whole process.

usage: bench/convert_savedmodel.py [FOLDER] [--runs 3]    (Python with tensorflow 2.19 to 2.21 and tf2onnx 1.17)
FOLDER holds the SavedModel; without one it is made, with random weights, in build/bench.
"""
import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("IGATA_BUILD", ROOT / "build"))


def make(folder):
    import tensorflow as tf

    model = tf.keras.applications.ResNet50(weights=None)
    model.export(str(folder))


def measure(command):
    """Seconds, and the most megabytes that the process and its children held at once."""
    start = time.monotonic()
    code = ("import resource, subprocess, sys; r = subprocess.run(sys.argv[1:], capture_output=True); sys.stderr.buffer.write(r.stderr[-2000:]);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(r.returncode)")
    r = subprocess.run([sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True)
    if r.returncode:
        raise SystemExit(f"{command[0]}: {r.stderr[-1000:]}")
    return time.monotonic() - start, int(r.stdout) / 1024


def main():
    a = argparse.ArgumentParser()
    a.add_argument("folder", nargs="?", type=Path, default=BUILD / "bench/resnet50_savedmodel")
    a.add_argument("--runs", type=int, default=3)
    a = a.parse_args()
    if not (a.folder / "saved_model.pb").exists():
        make(a.folder)
    out = BUILD / "bench/resnet50.onnx"
    commands = {
        "igata": [BUILD / "igata", "convert", a.folder, out, "--force"],
        "tf2onnx": [sys.executable, "-m", "tf2onnx.convert", "--saved-model", a.folder, "--output", out],
    }
    best = {}
    for name, command in commands.items():
        best[name] = min(measure(command) for _ in range(a.runs))
        print(f"{name:8} {best[name][0]:8.2f} s {best[name][1]:8.0f} MB")
    print(f"ratio    {best['tf2onnx'][0] / best['igata'][0]:8.1f}   {best['tf2onnx'][1] / best['igata'][1]:8.1f}")


main()
