"""One engine with one model in a process of its own, told what to do line by line (see run.py). Time is measured around the bare
call: conversion of inputs and outputs is left out where the engine allows it.

usage: engines.py ENGINE THREADS MODEL.onnx INPUTS.npz
"""
import ctypes as C
import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def peak_mib():
    """VmHWM of this process: ru_maxrss would show the parent's peak too."""
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024


def feeds_of(path):
    return {k: (v.astype(object) if v.dtype.kind in "US" else v) for k, v in np.load(path, allow_pickle=True).items()}


class Igata:
    def __init__(self, model, threads, feeds):
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/differential"))
        import igata

        self.api = igata
        self.session = igata.Session(Path(model), threads=threads)
        context = igata.session_context(self.session.session)
        self.names = (C.c_char_p * len(feeds))(*[k.encode() for k in feeds])
        self.inputs = (C.c_void_p * len(feeds))(*[igata.to_tensor(context, v) for v in feeds.values()])
        self.n = igata.output_count(self.session.session)
        self.outputs = (C.c_void_p * self.n)()
        self.version = "this tree"

    def call(self):
        for i in range(self.n):
            if self.outputs[i]:
                self.api.tensor_free(self.outputs[i])
                self.outputs[i] = None
        err = self.api.Error()
        status = self.api.session_run(self.session.session, self.names, self.inputs, len(self.inputs), None, self.outputs, self.n, None,
                                      C.byref(err))
        if status:
            raise RuntimeError(err.message.decode())

    def results(self):
        return [self.api.from_tensor(self.outputs[i]) for i in range(self.n)]


class Onnxruntime:
    def __init__(self, model, threads, feeds):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 4
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.feeds, self.version = feeds, ort.__version__

    def call(self):
        self.out = self.session.run(None, self.feeds)

    def results(self):
        return self.out


class Openvino:
    def __init__(self, model, threads, feeds):
        import openvino as ov

        core = ov.Core()
        loaded = core.read_model(model)
        loaded.reshape({k: list(v.shape) for k, v in feeds.items()})
        self.compiled = core.compile_model(loaded, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
                                                           "INFERENCE_PRECISION_HINT": "f32"})
        self.request, self.feeds, self.version = self.compiled.create_infer_request(), feeds, ov.__version__.split("-")[0]

    def call(self):
        self.out = self.request.infer(self.feeds, share_inputs=True)

    def results(self):
        return [self.out[i] for i in range(len(self.compiled.outputs))]


ENGINES = {"igata": Igata, "onnxruntime": Onnxruntime, "openvino": Openvino}


def measure(engine, seconds):
    wall, cpu, end = [], [], time.perf_counter() + seconds
    while len(wall) < 1 or (time.perf_counter() < end and len(wall) < 2000):
        c, t = time.process_time(), time.perf_counter()
        engine.call()
        wall.append(time.perf_counter() - t)
        cpu.append(time.process_time() - c)
    return {"wall": wall, "cpu": cpu}


def main():
    name, threads, model, inputs = sys.argv[1:5]
    answer = os.fdopen(os.dup(1), "w")  # engines may print to stdout
    os.dup2(2, 1)
    feeds, before = feeds_of(inputs), peak_mib()
    start = time.perf_counter()
    engine = ENGINES[name](model, int(threads), feeds)
    load = time.perf_counter() - start
    start = time.perf_counter()
    engine.call()
    first = time.perf_counter() - start
    print(json.dumps({"version": engine.version, "load": load, "first": first}), file=answer, flush=True)
    for line in sys.stdin:
        if line.startswith("measure "):
            print(json.dumps(measure(engine, float(line.split()[1]))), file=answer, flush=True)
        elif line.startswith("results "):
            rss = peak_mib() - before
            np.savez(line.split()[1], *[np.asarray(r) for r in engine.results() if getattr(r, "dtype", None) is None or r.dtype != object])
            print(json.dumps({"rss": rss}), file=answer, flush=True)


main()
