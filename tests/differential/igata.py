"""libigata through ctypes, for checks that compare many small models with another engine in one process.

The library is the one in $IGATA_LIB or build/libigata.so. Values are NumPy arrays (strings as dtype object), lists (sequences),
dicts (maps) and None (an absent optional).
"""

import ctypes as C
import hashlib
import os
from pathlib import Path

import ml_dtypes
import numpy as np

LIB = C.CDLL(os.environ.get("IGATA_LIB", str(Path(__file__).resolve().parents[2] / "build/libigata.so")))

DTYPES = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16,
    11: np.float64, 12: np.uint32, 13: np.uint64, 14: np.complex64, 15: np.complex128, 16: ml_dtypes.bfloat16,
    17: ml_dtypes.float8_e4m3fn, 18: ml_dtypes.float8_e4m3fnuz, 19: ml_dtypes.float8_e5m2, 20: ml_dtypes.float8_e5m2fnuz,
    21: ml_dtypes.uint4, 22: ml_dtypes.int4, 23: ml_dtypes.float4_e2m1fn, 24: ml_dtypes.float8_e8m0fnu, 25: ml_dtypes.uint2,
    26: ml_dtypes.int2, 27: ml_dtypes.float6_e2m3fn, 28: ml_dtypes.float6_e3m2fn,
}  # fmt: skip
BITS = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2, 27: 6, 28: 6}  # of types smaller than a byte, which are packed from the low bits up
NUMBERS = {np.dtype(v): k for k, v in DTYPES.items()}
STRING = 8
TENSOR, SPARSE, SEQUENCE, OPTIONAL, MAP = 1, 2, 3, 4, 5


class Error(C.Structure):
    _fields_ = [("status", C.c_int), ("message", C.c_char * 2048), ("detail", C.c_char * 512), ("hint", C.c_char * 512)]


class Str(C.Structure):
    _fields_ = [("s", C.c_char_p), ("n", C.c_size_t)]


class View(C.Structure):
    _fields_ = [("s", C.c_void_p), ("n", C.c_size_t)]


class SessionOptions(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("threads", C.c_uint), ("optimize", C.c_int), ("seed", C.c_uint64),
                ("dims", C.c_void_p), ("n_dims", C.c_size_t), ("profile", C.c_bool)]


class Failure(Exception):
    def __init__(self, err):
        self.status = err.status
        self.message = err.message.decode(errors="replace")
        self.detail = err.detail.decode(errors="replace")
        self.hint = err.hint.decode(errors="replace")
        super().__init__(f"{self.message} [{self.detail}]")


def _declare(name, result, *args):
    f = getattr(LIB, name)
    f.restype, f.argtypes = result, args
    return f


P = C.c_void_p
model_open = _declare("ig_model_open", C.c_int, C.POINTER(P), C.c_char_p, P, P)
model_open_memory = _declare("ig_model_open_memory", C.c_int, C.POINTER(P), P, C.c_size_t, P, P)
model_free = _declare("ig_model_free", None, P)
session_create = _declare("ig_session_create", C.c_int, C.POINTER(P), P, P, P)
session_free = _declare("ig_session_free", None, P)
session_context = _declare("ig_session_context", P, P)
output_count = _declare("ig_session_output_count", C.c_size_t, P)
session_run = _declare("ig_session_run", C.c_int, P, P, P, C.c_size_t, P, P, C.c_size_t, P, P)
tensor_create = _declare("ig_tensor_create", C.c_int, C.POINTER(P), P, C.c_int, C.c_int, P, P)
tensor_create_strings = _declare("ig_tensor_create_strings", C.c_int, C.POINTER(P), P, C.c_int, P, P, P)
tensor_create_sequence = _declare("ig_tensor_create_sequence", C.c_int, C.POINTER(P), P, P, C.c_size_t, P)
tensor_create_map = _declare("ig_tensor_create_map", C.c_int, C.POINTER(P), P, P, P, P)
tensor_create_none = _declare("ig_tensor_create_none", C.c_int, C.POINTER(P), P, P)
tensor_free = _declare("ig_tensor_free", None, P)
tensor_kind = _declare("ig_tensor_kind", C.c_int, P)
tensor_dtype = _declare("ig_tensor_dtype", C.c_int, P)
tensor_rank = _declare("ig_tensor_rank", C.c_int, P)
tensor_dims = _declare("ig_tensor_dims", C.POINTER(C.c_int64), P)
tensor_count = _declare("ig_tensor_count", C.c_size_t, P)
tensor_bytes = _declare("ig_tensor_bytes", C.c_size_t, P)
tensor_data = _declare("ig_tensor_data", P, P)
tensor_data_mut = _declare("ig_tensor_data_mut", P, P)
tensor_string = _declare("ig_tensor_string", View, P, C.c_size_t)
tensor_item = _declare("ig_tensor_item", P, P, C.c_size_t)


def _check(status, err):
    if status:
        raise Failure(err)


def pack(a, bits):
    codes = a.reshape(-1).view(np.uint8)
    return np.packbits(np.unpackbits(codes[:, None], axis=1, count=bits, bitorder="little").reshape(-1), bitorder="little")


def unpack(data, dtype, bits, count):
    flags = np.unpackbits(np.frombuffer(data, np.uint8), count=count * bits, bitorder="little").reshape(count, bits)
    codes = np.packbits(flags, axis=1, bitorder="little").reshape(-1)
    return codes.view(dtype)


def to_tensor(context, value):
    """A new igata value; the caller frees it."""
    t, err = P(), Error()
    if value is None:
        _check(tensor_create_none(C.byref(t), context, C.byref(err)), err)
    elif isinstance(value, list):
        items = [to_tensor(context, v) for v in value]
        array = (P * max(len(items), 1))(*items)
        status = tensor_create_sequence(C.byref(t), context, array, len(items), C.byref(err))
        for i in items:
            tensor_free(i)
        _check(status, err)
    elif isinstance(value, dict):
        keys = np.array(list(value.keys()), dtype=object if isinstance(next(iter(value)), str) else np.int64)
        first = next(iter(value.values()))
        kinds = {str: object, float: np.float32, int: np.int64}
        values = np.array(list(value.values()), dtype=kinds.get(type(first)))
        k, v = to_tensor(context, keys), to_tensor(context, values)
        status = tensor_create_map(C.byref(t), context, k, v, C.byref(err))
        tensor_free(k)
        tensor_free(v)
        _check(status, err)
    else:
        a = np.asarray(value)
        dims = (C.c_int64 * max(a.ndim, 1))(*a.shape)
        if a.dtype.kind in "OUS":
            texts = [x.encode() if isinstance(x, str) else bytes(x) for x in a.reshape(-1)]
            strings = (Str * max(len(texts), 1))(*[Str(x, len(x)) for x in texts])
            _check(tensor_create_strings(C.byref(t), context, a.ndim, dims, strings, C.byref(err)), err)
        else:
            a = np.asarray(a, order="C")
            _check(tensor_create(C.byref(t), context, NUMBERS[a.dtype], a.ndim, dims, C.byref(err)), err)
            a = pack(a, BITS[NUMBERS[a.dtype]]) if NUMBERS[a.dtype] in BITS else a
            if a.nbytes:
                C.memmove(tensor_data_mut(t), a.ctypes.data, a.nbytes)
    return t


def from_tensor(t):
    kind = tensor_kind(t)
    if kind == 0:
        return None
    if kind == SEQUENCE:
        return [from_tensor(tensor_item(t, i)) for i in range(tensor_count(t))]
    if kind == MAP:
        keys, values = from_tensor(tensor_item(t, 0)), from_tensor(tensor_item(t, 1))
        return dict(zip(keys.tolist(), values.tolist()))
    if kind != TENSOR:
        raise TypeError(f"kind {kind}")
    shape = tuple(tensor_dims(t)[i] for i in range(tensor_rank(t)))
    dtype = tensor_dtype(t)
    if dtype == STRING:
        views = [tensor_string(t, i) for i in range(tensor_count(t))]
        texts = [C.string_at(v.s, v.n).decode(errors="replace") if v.n else "" for v in views]
        return np.array(texts, dtype=object).reshape(shape)
    data = C.string_at(tensor_data(t), tensor_bytes(t)) if tensor_bytes(t) else b""
    if dtype in BITS:
        return unpack(data, DTYPES[dtype], BITS[dtype], int(np.prod(shape))).reshape(shape)
    return np.frombuffer(data, dtype=DTYPES[dtype]).reshape(shape)


def dump(data, feeds):
    """With IGATA_DUMP=FOLDER small models are written there with their inputs as defaults: what the operators' fuzzer starts from."""
    folder = os.environ.get("IGATA_DUMP")
    if not folder or not data or len(data) > 1500 or any(not isinstance(v, np.ndarray) or v.size > 300 for v in feeds.values()):
        return
    import onnx

    model = onnx.ModelProto.FromString(data)
    for name, v in feeds.items():
        t = model.graph.initializer.add(name=name, dims=v.shape, data_type=8 if v.dtype.kind in "OUS" else NUMBERS[v.dtype])
        if t.data_type == 8:
            t.string_data.extend(str(x).encode() for x in v.ravel())
        elif t.data_type in BITS:
            return
        else:
            t.raw_data = np.ascontiguousarray(v).tobytes()
    data = model.SerializeToString()
    (Path(folder) / f"{hashlib.sha256(data).hexdigest()[:24]}.onnx").write_bytes(data)


class SessionValue(C.Structure):
    _fields_ = [("name", C.c_char_p), ("type", C.c_char_p), ("kind", C.c_int), ("dtype", C.c_int), ("rank", C.c_int), ("dims", C.POINTER(C.c_int64)),
                ("has_default", C.c_bool), ("element_kind", C.c_int), ("element", C.c_int)]  # fmt: skip


class Session:
    """A model (ModelProto, bytes or path) ready to run. With `optimize` -1 no passes run."""

    runs = 0  # of all sessions

    def __init__(self, model, threads=1, optimize=0, seed=0):
        self.model, self.session = P(), P()
        err = Error()
        if isinstance(model, (str, Path)):
            _check(model_open(C.byref(self.model), str(model).encode(), None, C.byref(err)), err)
        else:
            self.data = model if isinstance(model, bytes) else model.SerializeToString()
            _check(model_open_memory(C.byref(self.model), C.cast(C.c_char_p(self.data), P), len(self.data), None, C.byref(err)),
                   err)
        options = SessionOptions(C.sizeof(SessionOptions), threads, optimize, seed, None, 0, False)
        _check(session_create(C.byref(self.session), self.model, C.byref(options), C.byref(err)), err)

    def run(self, feeds):
        context, err = session_context(self.session), Error()
        dump(getattr(self, "data", None), feeds)
        Session.runs += 1
        names = (C.c_char_p * max(len(feeds), 1))(*[k.encode() for k in feeds])
        values = [to_tensor(context, v) for v in feeds.values()]
        inputs = (P * max(len(feeds), 1))(*values)
        n = output_count(self.session)
        outputs = (P * max(n, 1))()
        status = session_run(self.session, names, inputs, len(feeds), None, outputs, n, None, C.byref(err))
        for v in values:
            tensor_free(v)
        _check(status, err)
        results = [from_tensor(outputs[i]) for i in range(n)]
        for i in range(n):
            tensor_free(outputs[i])
        return results

    def output_names(self):
        output = LIB.ig_session_output
        output.restype, output.argtypes = SessionValue, (P, C.c_size_t)
        return [output(self.session, i).name.decode() for i in range(output_count(self.session))]

    def __del__(self):
        if getattr(self, "session", None):
            session_free(self.session)
        if getattr(self, "model", None):
            model_free(self.model)
