"""Models of one operator for the checks of neural-network operators."""

import ml_dtypes
import numpy as np
import onnx
from compare import check, model_of, ort_run, reference_run
from onnx import helper, numpy_helper

DTYPES = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int8): 3, np.dtype(np.uint16): 4, np.dtype(np.int16): 5,
          np.dtype(np.int32): 6, np.dtype(np.int64): 7, np.dtype(np.bool_): 9, np.dtype(np.float16): 10,
          np.dtype(np.float64): 11, np.dtype(np.uint32): 12, np.dtype(np.uint64): 13, np.dtype(np.complex64): 14,
          np.dtype(np.complex128): 15, np.dtype(ml_dtypes.bfloat16): 16}  # fmt: skip


def model(op, inputs, attrs=None, opset=22, domain="", outputs=1, constant=()):
    """inputs: arrays in order, None for absent ones; those whose numbers are in `constant` become initializers. outputs: how
    many, or a list of booleans. Returns the model and its feeds."""
    names = ["" if a is None else f"x{i}" for i, a in enumerate(inputs)]
    wanted = [True] * outputs if isinstance(outputs, int) else outputs
    outs = [f"y{i}" if w else "" for i, w in enumerate(wanted)]
    node = helper.make_node(op, names, outs, domain=domain, **(attrs or {}))
    given = {n: (i, a) for i, (n, a) in enumerate(zip(names, inputs)) if n}
    initializers = [numpy_helper.from_array(a, n) for n, (i, a) in given.items() if i in constant]
    infos = [(n, DTYPES[a.dtype], a.shape) for n, (i, a) in given.items() if i not in constant]
    opsets = {"": opset} if not domain else {domain: 1, "": opset}
    m = model_of([node], infos, [onnx.ValueInfoProto(name=o) for o in outs if o], opsets, initializers)
    return m, {n: a for n, (i, a) in given.items() if i not in constant}


def one(op, inputs, attrs=None, opset=22, domain="", outputs=1, constant=(), oracle=ort_run, rtol=1e-4, atol=1e-5, threads=1):
    m, feeds = model(op, inputs, attrs, opset, domain, outputs, constant)
    check(m, feeds, rtol=rtol, atol=atol, oracle=oracle, threads=threads)


def floats(rng, *shape, dtype=np.float32, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(dtype)


__all__ = ["check", "floats", "model", "one", "ort_run", "reference_run"]
