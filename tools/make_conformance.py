#!/usr/bin/env python3
"""Write docs/conformance.md: how many backend cases of the Python package onnx pass in igata, onnxruntime and onnx's reference.

usage: make_conformance.py CASES [IGATA]     (CASES: what tests/backend/cases.py wrote; needs onnx, onnxruntime, ml_dtypes, numpy)

Every case runs with each engine under the same comparison: types, shapes, and |got - want| <= atol + rtol |want| with the tolerances of
the case, but never less than one unit in the last place of the output's largest float. An engine that refuses a model fails the case:
onnxruntime refuses files newer than its IR version and opset, which is most of what it misses. What its Python interface can't take or
give (bfloat16, float8, four and two bits) goes in as initializers and comes out through a Cast.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted", "light")
RANDOM = ("bernoulli", "training_dropout")


def read(path, info):
    data, kind = path.read_bytes(), info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    if kind == "map_type":
        return numpy_helper.to_dict(onnx.MapProto.FromString(data))
    return numpy_helper.to_array(TensorProto.FromString(data))


def same(got, want, rtol, atol, random):
    if want is None or got is None:
        return want is None and got is None
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(same(g, w, rtol, atol, random) for g, w in zip(got, want))
    if isinstance(want, dict):
        return got == want
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or (got.dtype != want.dtype and want.dtype.kind not in "OUS"):
        return False
    if random:
        return True
    if want.dtype.kind in "OUS":
        return [str(x) for x in got.ravel()] == [str(x) for x in want.ravel()]
    if want.dtype.kind not in "fcV":
        return bool((got == want).all())
    got, want = got.astype(np.complex128), want.astype(np.complex128)
    finite = np.abs(want[np.isfinite(want)])
    return np.allclose(got, want, rtol=rtol, atol=max(atol, finite.max(initial=0) * 2.0**-23), equal_nan=True)


def by_reference(folder, model, feeds):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(onnx.load(folder / "model.onnx")).run(None, feeds)


def is_narrow(elem):
    return elem not in (0, TensorProto.STRING) and onnx.helper.tensor_dtype_to_np_dtype(elem).isbuiltin != 1


def widened(model, feeds):
    """The model with inputs of types that NumPy lacks as initializers and such outputs cast to float: the Python interface of
    onnxruntime can neither take nor give them."""
    narrow = {i.name: feeds[i.name] for i in model.graph.input if is_narrow(i.type.tensor_type.elem_type) and i.name in feeds}
    kept = [i for i in model.graph.input if i.name not in narrow]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(x, n) for n, x in narrow.items())
    for o in model.graph.output:
        if is_narrow(o.type.tensor_type.elem_type):
            model.graph.node.append(onnx.helper.make_node("Cast", [o.name], [o.name + "_float"], to=TensorProto.FLOAT))
            o.name, o.type.tensor_type.elem_type = o.name + "_float", TensorProto.FLOAT
    return model, {n: x for n, x in feeds.items() if n not in narrow}


def by_onnxruntime(folder, model, feeds):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    elems = [o.type.tensor_type.elem_type for o in model.graph.output]
    source = str(folder / "model.onnx")
    if any(map(is_narrow, elems)) or any(is_narrow(i.type.tensor_type.elem_type) for i in model.graph.input):
        changed, feeds = widened(onnx.load(source), feeds)
        source = changed.SerializeToString()
    out = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"]).run(None, feeds)
    return [x.astype(onnx.helper.tensor_dtype_to_np_dtype(e)) if is_narrow(e) else x for x, e in zip(out, elems)]


ENGINES = {"reference": by_reference, "onnxruntime": by_onnxruntime}


def passes(engine, folder):
    warnings.simplefilter("ignore")
    tolerance = json.loads((folder / "tol.json").read_text())
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    weights = {t.name for t in model.graph.initializer}
    infos = [i for i in model.graph.input if i.name not in weights] if len(list(folder.glob("test_data_set_0/input_*.pb"))) < len(model.graph.input) else list(model.graph.input)
    try:
        for data in sorted(folder.glob("test_data_set_*")):
            feeds = {i.name: read(data / f"input_{n}.pb", i) for n, i in enumerate(infos) if (data / f"input_{n}.pb").exists()}
            out = ENGINES[engine](folder, model, feeds)
            for n, o in enumerate(model.graph.output):
                path = data / f"output_{n}.pb"
                if path.exists() and not same(out[n], read(path, o), tolerance["rtol"], tolerance["atol"], any(w in str(folder) for w in RANDOM)):
                    return False
    except Exception:
        return False
    return True


def in_child(job):
    """A crash of an engine is a failed case, not the end."""
    child = multiprocessing.get_context("fork").Process(target=lambda: os._exit(0 if passes(*job) else 1))
    child.start()
    child.join(300)
    if child.is_alive():
        child.kill()
    return child.exitcode == 0


def engine_passes(engine, folders):
    import onnx.reference  # noqa: F401  loaded once, before the forks
    import onnxruntime  # noqa: F401

    return {str(f): in_child((engine, f)) for f in folders}


def igata_passes(igata, kind_folder, folders):
    r = subprocess.run([igata, "verify", "--json", kind_folder], capture_output=True, text=True)
    failed = {str(Path(f["case"])) for f in json.loads(r.stdout)["failures"]}
    return {str(f): str(f) not in failed for f in folders}


def operators_of(folder):
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    return sorted({n.op_type for n in model.graph.node})


def main():
    cases, igata = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ROOT / "build/igata"
    import onnxruntime

    rows, differing = [], {}
    with ProcessPoolExecutor(2) as pool:
        for kind in KINDS:
            folders = sorted(p.parent for p in (cases / kind).glob("*/model.onnx"))
            others = [pool.submit(engine_passes, e, folders) for e in ENGINES]
            results = {"igata": igata_passes(igata, cases / kind, folders), **{e: f.result() for e, f in zip(ENGINES, others)}}
            rows.append((kind, len(folders), *(sum(results[e].values()) for e in ("igata", "onnxruntime", "reference"))))
            for f in folders if kind == "node" else []:
                name = operators_of(f)[0] if len(operators_of(f)) == 1 else "several operators"
                entry = differing.setdefault(name, [0, 0, 0, 0])
                entry[0] += 1
                for k, e in enumerate(("igata", "onnxruntime", "reference")):
                    entry[k + 1] += results[e][str(f)]
    head = f"| cases | igata | onnxruntime {onnxruntime.__version__} (CPU) | onnx {onnx.__version__}'s reference evaluator |\n|---:|---:|---:|---:|\n"
    text = [__doc__.split("\n\n")[2].strip()]
    out = ["# Conformance", "", "Written by `tools/make_conformance.py`. The cases are the backend tests that the Python package `onnx` "
           f"{onnx.__version__} carries.", *text, "", "| kind " + head.replace("|---", "|---|---", 1).rstrip()]
    out += [f"| {k} | {n} | {a} | {b} | {c} |" for k, n, a, b, c in rows]
    out += [f"| all | {' | '.join(str(sum(r[i] for r in rows)) for i in range(1, 5))} |", "",
            "Operators of the node cases that not every engine passes in full:", "", "| operator " + head.replace("|---", "|---|---", 1).rstrip()]
    out += [f"| {k} | {n} | {a} | {b} | {c} |" for k, (n, a, b, c) in sorted(differing.items()) if not n == a == b == c]
    notes = ROOT / "docs/conformance-notes.md"
    if notes.exists():
        out += ["", "Where recorded results of other suites are wrong by the specification: [conformance-notes.md](conformance-notes.md)."]
    (ROOT / "docs/conformance.md").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
