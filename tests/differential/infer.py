#!/usr/bin/env python3
"""Type and shape inference against onnx's: single nodes made from the package's own operator cases, and changed at random.

usage: infer.py [--seed N] [--rounds N] [--op NAME] [-v]

Each case's node is tried as it is and with dims unknown, named or wrong, ranks unknown or changed, attributes changed or left out,
inputs constant, changed or left out, and in other opset versions. Both engines run strictly, with and without data propagation.
What onnx knows igata has to know, too; what onnx refuses igata should refuse and the other way round. Prints the operators for
which they differ; with -v every case.
"""

import argparse
import collections
import copy
import ctypes as C
import functools
import multiprocessing
import os
import random
import tempfile

import igata
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.backend.test.case.node import collect_testcases


class InferOptions(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("strict", C.c_bool), ("no_data_propagation", C.c_bool), ("dims", C.c_void_p), ("n_dims", C.c_size_t)]


class SaveOptions(C.Structure):
    _fields_ = [("struct_size", C.c_size_t), ("format", C.c_char_p), ("overwrite", C.c_bool), ("external", C.c_bool),
                ("inline_external", C.c_bool), ("external_from", C.c_uint64)]  # fmt: skip


OUT = os.path.join(tempfile.gettempdir(), f"infer-{os.getpid()}.onnx")


def igata_infer(model, strict=True, data_prop=True):
    """The model with all types, by igata. Raises igata.Failure."""
    data = model.SerializeToString()
    handle, report, err = C.c_void_p(), C.c_void_p(), igata.Error()
    if igata.LIB.ig_model_open_memory(C.byref(handle), data, C.c_size_t(len(data)), None, C.byref(err)):
        raise igata.Failure(err)
    try:
        options = InferOptions(C.sizeof(InferOptions), strict, not data_prop, None, 0)
        if igata.LIB.ig_model_infer_types(handle, C.byref(options), C.byref(report), C.byref(err)):
            raise igata.Failure(err)
        igata.LIB.ig_report_free(report)
        save = SaveOptions(C.sizeof(SaveOptions), None, True, False, False, 1024)
        if igata.LIB.ig_model_save(handle, OUT.encode(), C.byref(save), C.byref(err)):
            raise igata.Failure(err)
    finally:
        igata.LIB.ig_model_free(handle)
    out = onnx.load(OUT)
    os.unlink(OUT)
    return out


def type_of(t):
    kind = t.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        x = getattr(t, kind)
        dims = [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in x.shape.dim] if x.HasField("shape") else None
        return ("tensor", x.elem_type, dims)
    if kind in ("sequence_type", "optional_type"):
        return (kind, type_of(getattr(t, kind).elem_type))
    if kind == "map_type":
        return (kind, t.map_type.key_type, type_of(t.map_type.value_type))
    return None


def types_of(model):
    return {v.name: type_of(v.type) for v in [*model.graph.value_info, *model.graph.output]}


def lacks(want, got):
    """What `want` (onnx) says and `got` (igata) doesn't, or None."""
    if want is None:
        return None
    if got is None:
        return "no type"
    if want[0] != got[0]:
        return "another kind"
    if want[0] == "map_type":
        return None if want[1] == got[1] else "another key"
    if want[0] != "tensor":
        return lacks(want[1], got[1])
    if want[1] and want[1] != got[1]:
        return "another element type" if got[1] else "no element type"
    if want[2] is None:
        return None
    if got[2] is None:
        return "no rank"
    if len(want[2]) != len(got[2]):
        return "another rank"
    for w, g in zip(want[2], got[2]):
        if isinstance(w, int) and isinstance(g, int) and w != g:
            return "another size"
        if isinstance(w, int) and not isinstance(g, int):
            return "no size"
        if isinstance(w, str) and not isinstance(g, int) and not w.startswith("unk__") and (g is None or g.startswith("unk__")):
            return "no symbol"
    return None


def serve(pipe):
    while True:
        data, strict, data_prop = pipe.recv()
        try:
            pipe.send((shape_inference.infer_shapes(data, check_type=False, strict_mode=strict, data_prop=data_prop), None))
        except Exception as e:
            pipe.send((None, str(e).strip().splitlines()[-1][-300:]))


class Oracle:
    """onnx in a process of its own, since it aborts on some models."""

    process = None

    def ask(self, *question):
        if not self.process:
            self.pipe, other = multiprocessing.Pipe()
            self.process = multiprocessing.get_context("fork").Process(target=serve, args=(other,), daemon=True)
            self.process.start()
            other.close()
        try:
            self.pipe.send(question)
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            self.process = None
            return None, None


ORACLE = Oracle()


def compare(model, strict=True, data_prop=True):
    """(kind of difference, what) or None."""
    answer, refused = ORACLE.ask(model.SerializeToString(), strict, data_prop)
    if not answer and not refused:
        return None
    want = types_of(answer) if answer else {}
    try:
        got = types_of(igata_infer(model, strict, data_prop))
    except igata.Failure as e:
        # onnx leaves the number of inputs to its checker.
        return None if refused or " lacks input " in e.message or " takes " in e.message else ("only igata refuses", str(e))
    if refused:
        return ("only onnx refuses", refused)
    for name, w in want.items():
        what = lacks(w, got.get(name))
        if what:
            return (what, f"{name}: {got.get(name)}, onnx says {w}")
    return None


# ------------------------------------------------------------------------------------------------------------------ cases


class Seed:
    """A node with the types of its inputs and their values."""

    def __init__(self, node, infos, values, opsets):
        self.node, self.infos, self.values, self.opsets = node, infos, values, opsets


@functools.cache
def seeds():
    out = []
    for case in collect_testcases(None):
        graph = case.model.graph
        if case.model.functions or len(graph.node) != 1 or not case.data_sets:
            continue
        infos = {v.name: v.type for v in graph.input}
        values = dict(zip([v.name for v in graph.input], case.data_sets[0][0]))
        for t in graph.initializer:
            values[t.name] = numpy_helper.to_array(t)
            infos[t.name] = helper.make_tensor_type_proto(t.data_type, t.dims)
        out.append(Seed(graph.node[0], infos, values, {o.domain: o.version for o in case.model.opset_import}))
    return out


@functools.cache
def versions(domain, op):
    return sorted(s.since_version for s in onnx.defs.get_all_schemas_with_history() if s.name == op and s.domain == domain)


def change_type(rng, t):
    if t.WhichOneof("value") != "tensor_type":
        return
    shape, kind = t.tensor_type.shape, rng.randrange(7)
    if kind == 0:
        t.tensor_type.ClearField("shape")
        return
    dims = list(shape.dim)
    if kind == 5 and dims:
        del shape.dim[rng.randrange(len(dims))]
        return
    if kind == 6:
        shape.dim.add().dim_value = rng.randrange(4)
        return
    for d in dims:
        if rng.random() < 0.5 or not d.HasField("dim_value"):
            continue
        n = d.dim_value
        d.Clear()
        if kind == 2:
            d.dim_param = f"s{n}"
        elif kind == 3:
            d.dim_value = max(0, n + rng.choice([-1, 1, 2]))
        elif kind == 4:
            d.dim_value = rng.choice([0, 1, n])


def change_attr(rng, a):
    if a.type == a.INT:
        a.i = rng.choice([a.i + 1, a.i - 1, -a.i, 0, 1, 2, -1, -2, 7])
    elif a.type == a.INTS and a.ints:
        k = rng.randrange(len(a.ints) + 2)
        if k < len(a.ints):
            a.ints[k] += rng.choice([-2, -1, 1, 2])
        elif k == len(a.ints):
            a.ints.append(rng.randrange(-1, 3))
        else:
            a.ints.pop()
    elif a.type == a.STRING:
        a.s = rng.choice([b"", b"odd", a.s])


def constant(rng, name, array, change):
    if change and array.dtype.kind in "iu" and array.size:
        array = array.copy()
        array.flat[rng.randrange(array.size)] += rng.choice([-2, -1, 1, 3]) if array.dtype.kind == "i" else 1
    return numpy_helper.from_array(array, name)


def mutant(rng, seed, changes):
    """A model of the seed's node alone, with so many changes."""
    node = copy.deepcopy(seed.node)
    infos = {k: copy.deepcopy(v) for k, v in seed.infos.items()}
    opset = dict(seed.opsets)
    constants = {}
    for name, array in seed.values.items():
        if hasattr(array, "dtype") and array.dtype.kind in "iuf" and array.size <= 16 and rng.random() < 0.6:
            constants[name] = constant(rng, name, array, False)
    for _ in range(changes):
        kind = rng.randrange(8)
        given = [n for n in node.input if n]
        if kind <= 2 and given:
            change_type(rng, infos[rng.choice(given)])
        elif kind == 3 and node.attribute:
            change_attr(rng, rng.choice(node.attribute))
        elif kind == 4 and node.attribute:
            del node.attribute[rng.randrange(len(node.attribute))]
        elif kind == 5 and constants:
            name = rng.choice(list(constants))
            constants[name] = constant(rng, name, seed.values[name], True)
        elif kind == 6 and len(node.input) > 1:
            if rng.random() < 0.5:
                del node.input[-1]
            else:
                node.input[rng.randrange(len(node.input))] = ""
        elif kind == 7:
            v = versions(node.domain, node.op_type)
            opset[node.domain] = rng.choice(v) if v else opset[node.domain]
    if node.domain in opset and versions(node.domain, node.op_type):
        known = onnx.defs.get_schema(node.op_type, opset[node.domain], node.domain).attributes
        kept = [a for a in node.attribute if a.name in known]
        del node.attribute[:]
        node.attribute.extend(kept)
    used = [n for n in dict.fromkeys(node.input) if n]
    inputs = [helper.make_value_info(n, infos[n]) for n in used if n not in constants]
    outputs = [onnx.ValueInfoProto(name=n) for n in node.output if n]
    graph = helper.make_graph([node], "g", inputs, outputs, [constants[n] for n in used if n in constants])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(d, v) for d, v in opset.items()], ir_version=11)


def differences(rng, rounds, only=None):
    for seed in seeds():
        if only and seed.node.op_type != only:
            continue
        for k in range(rounds):
            model = mutant(rng, seed, 0 if k == 0 else rng.choice([1, 1, 2, 3]))
            what = compare(model, True, k % 2 == 0)
            if what:
                yield seed.node, model, what


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--rounds", type=int, default=4)
    p.add_argument("--op")
    p.add_argument("-v", action="store_true")
    o = p.parse_args()
    found = collections.defaultdict(list)
    for node, model, (kind, what) in differences(random.Random(o.seed), o.rounds, o.op):
        found[node.domain, node.op_type, kind].append((model, what))
    for (domain, op, kind), cases in sorted(found.items()):
        print(f"{domain + '.' if domain else ''}{op}: {kind}: {len(cases)}")
        seen = set()
        for model, what in cases if o.v else cases[:1]:
            if what in seen:
                continue
            seen.add(what)
            print("   ", what)
            if o.v:
                print(onnx.printer.to_text(model)[:1500])
    print(sum(map(len, found.values())), "differences")


if __name__ == "__main__":
    main()
