#!/usr/bin/env python3
"""Write the backend test cases of the Python package onnx as folders that `igata verify` runs.

usage: cases.py OUT     (needs onnx 1.23.2, numpy, ml_dtypes)

OUT/<kind>/<case>/ holds model.onnx, test_data_set_<n>/{input,output}_<m>.pb and tol.json. Kinds: node (made by running the case
generators), simple, pytorch-operator, pytorch-converted (stored in the package), light (real architectures whose weights are made by
ConstantOfShape; the package stores their outputs, the inputs are a ramp, as its own runner makes them). A finished OUT is kept.
"""

import fcntl
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case import model as model_cases
from onnx.backend.test.loader import load_model_tests

STORED = Path(onnx.__file__).parent / "backend/test/data"


def value_bytes(value, info):
    kind = info.type.WhichOneof("value")
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name).SerializeToString()
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name).SerializeToString()
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name).SerializeToString()
    if isinstance(value, TensorProto):
        return value.SerializeToString()
    return numpy_helper.from_array(np.asarray(value), info.name).SerializeToString()


def write_tolerance(folder, case):
    (folder / "tol.json").write_text(json.dumps({"rtol": case.rtol if case else 1e-3, "atol": case.atol if case else 1e-7}))


def write_made(out, case):
    folder = out / case.kind / case.name
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    write_tolerance(folder, case)
    graph = case.model.graph
    for n, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{n}"
        data.mkdir()
        for word, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for i, (value, info) in enumerate(zip(values, infos)):
                (data / f"{word}_{i}.pb").write_bytes(value_bytes(value, info))


def write_stored(out):
    for kind in ("simple", "pytorch-operator", "pytorch-converted"):
        for case in load_model_tests(kind=kind):
            folder = out / kind / case.name
            if case.model_dir and not folder.exists():
                shutil.copytree(case.model_dir, folder)
                write_tolerance(folder, case)


def write_light(out):
    real = {case.model_name: case for case in load_model_tests(kind="real")}
    for path in sorted((STORED / "light").glob("*.onnx")):
        folder = out / "light" / path.stem
        data = folder / "test_data_set_0"
        data.mkdir(parents=True)
        shutil.copy(path, folder / "model.onnx")
        graph = onnx.load(path).graph
        given = [i for i in graph.input if i.name not in {t.name for t in graph.initializer}]
        for n, info in enumerate(given):
            shape = [d.dim_value if d.HasField("dim_value") else 1 for d in info.type.tensor_type.shape.dim]
            ramp = (np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(np.float32)
            (data / f"input_{n}.pb").write_bytes(numpy_helper.from_array(ramp, info.name).SerializeToString())
        for n in range(len(graph.output)):
            shutil.copy(path.with_name(f"{path.stem}_output_{n}.pb"), data / f"output_{n}.pb")
        write_tolerance(folder, real.get(path.stem.replace("light_", "")))


def write(out):
    """Several processes may ask at once: one writes, the others wait."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{out}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return write_all(out)


def write_all(out):
    done = out / f"onnx-{onnx.__version__}"
    if done.exists():
        return out
    shutil.rmtree(out, ignore_errors=True)
    for case in load_model_tests(kind="node"):
        write_made(out, case)
    for case in model_cases.collect_testcases():
        if case.kind != "real":
            write_made(out, case)
    write_stored(out)
    write_light(out)
    done.touch()
    return out


if __name__ == "__main__":
    write(Path(sys.argv[1]))
