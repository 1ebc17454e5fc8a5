"""Every version and type that the standard lists for an operator, and an oracle for each: onnxruntime where it has a kernel, else
onnx's reference."""

import functools

import igata
import numpy as np
import onnx
from compare import check, model_of, ort_run, reference_run
from onnx import helper

ELEMENTS = {f"tensor({n})": i for i, n in enumerate(
    "undefined float uint8 int8 uint16 int16 int32 int64 string bool float16 double uint32 uint64 complex64 complex128 bfloat16 "
    "float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2 float6e2m3 float6e3m2"
    .split())}  # fmt: skip
TOLERANCE = {10: 2e-3, 16: 2e-2, 17: 0.13, 18: 0.13, 19: 0.26, 20: 0.26}


@functools.cache
def versions(op):
    return sorted({s.since_version: s for s in onnx.defs.get_all_schemas_with_history() if s.name == op and s.domain == ""}.items())


def types(schema, formal):
    """Element types (numbers) of a formal input's type parameter or fixed type."""
    text = schema.inputs[formal].type_str
    sets = {t.type_param_str: t.allowed_type_strs for t in schema.type_constraints}
    return [ELEMENTS[t] for t in sets.get(text, [text]) if t in ELEMENTS]


def every(ops):
    """(op, version, type of input 0) for parametrize."""
    return [(op, v, t) for op in ops for v, s in versions(op) for t in types(s, 0)]


def oracle(model, feeds):
    try:
        return ort_run(model, feeds)
    except Exception:
        return reference_run(model, feeds)


def numbers(rng, t, shape, low=-4, high=4, special=True):
    """Random elements of a type, with the odd ones of it among them."""
    dtype, n = igata.DTYPES[t], int(np.prod(shape))
    if t == 9:
        return rng.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind in "iu" or t in (21, 22, 25, 26):
        bits = igata.BITS.get(t, np.dtype(dtype).itemsize * 8)
        signed = np.dtype(dtype).kind == "i" or t in (22, 26)
        ends = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        a = rng.integers(max(low * 3, ends[0]), min(high * 3, ends[1]), n, endpoint=True).astype(object)
        if special and n > 3:
            a[:3] = ends[0], ends[1], 0
        return np.array([int(x) for x in a], dtype=np.uint64 if t == 13 else np.int64).astype(dtype).reshape(shape)
    a = rng.uniform(low, high, n)
    if special and n > 6:
        a[:7] = np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, -1.5
    if dtype in (np.complex64, np.complex128):
        return (a + 1j * rng.uniform(low, high, n)).astype(dtype).reshape(shape)
    return a.astype(np.float32 if np.dtype(dtype).kind == "V" else np.float64).astype(dtype).reshape(shape)


def model(op, version, feeds, attrs=None, outputs=1, domain=""):
    """feeds: arrays by position, None for absent inputs."""
    names = ["" if a is None else f"x{i}" for i, a in enumerate(feeds)]
    outs = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, outs, domain=domain, **(attrs or {}))
    kinds = lambda a: 8 if a.dtype.kind in "OUS" else igata.NUMBERS[a.dtype]
    infos = [(n, kinds(a), a.shape) for n, a in zip(names, feeds) if n]
    opsets = {"": version} if not domain else {domain: version, "": 21}
    m = model_of([node], infos, [onnx.ValueInfoProto(name=o) for o in outs], opsets)
    return m, {n: a for n, a in zip(names, feeds) if n}


def compare(op, version, feeds, attrs=None, outputs=1, domain="", oracle=oracle, rtol=None, atol=None, threads=1):
    m, given = model(op, version, feeds, attrs, outputs, domain)
    t = igata.NUMBERS.get(feeds[0].dtype) if len(feeds) and feeds[0] is not None else 1
    rtol = TOLERANCE.get(t, 2e-6) if rtol is None else rtol
    with np.errstate(all="ignore"):
        check(m, given, rtol=rtol, atol=rtol if atol is None else atol, oracle=oracle, threads=threads)


__all__ = ["check", "compare", "every", "model", "numbers", "oracle", "ort_run", "reference_run", "types", "versions"]
