"""onnxruntime-extensions as an oracle. Not every place that runs the tests can install it, so its answers lie in a file:
with the package installed and IGATA_RECORD=1 the tests write what it says; otherwise they read."""

import atexit
import hashlib
import json
import os
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parent.parent / "fixtures" / "contrib" / "answers.json"
RECORD = os.environ.get("IGATA_RECORD") == "1"
_answers = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() and not RECORD else {}


def _run(model, feeds):
    import onnxruntime as ort
    from onnxruntime_extensions import get_library_path

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.register_custom_ops_library(get_library_path())
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, feeds)


def _key(model, feeds):
    node = model.graph.node[0]
    parts = [node.op_type, node.domain, str(len(node.output)), *sorted(a.SerializeToString(deterministic=True).hex() for a in node.attribute)]
    parts += [f"{k} {a.dtype.kind if a.dtype.kind in 'OU' else a.dtype} {a.shape} {a.tolist()}" for k, a in sorted(feeds.items())]
    return node.op_type + " " + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _save():
    FILE.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False, separators=(',', ':'))}" for k, v in sorted(_answers.items())]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if RECORD:
    atexit.register(_save)


def extensions_run(model, feeds):
    """What onnxruntime-extensions gives; raises where it refuses, fails where nothing is recorded."""
    key = _key(model, feeds)
    if RECORD:
        try:
            results = _run(model, feeds)
        except Exception as e:
            _answers[key] = str(e)[:60].replace("\n", " ")
            raise
        _answers[key] = [[str(a.dtype), list(a.shape), a.ravel().tolist()] for a in map(np.asarray, results)]
        return results
    answer = _answers.get(key)
    assert answer is not None, f"no recorded answer for {key}: run with onnxruntime-extensions and IGATA_RECORD=1"
    if isinstance(answer, str):
        raise ValueError(answer)
    return [np.array(values, dtype).reshape(shape) for dtype, shape, values in answer]
