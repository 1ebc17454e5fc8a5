"""Sequences and optionals against onnx's reference or what they must be."""

import igata
import numpy as np
import onnx
import pytest
from compare import check, model_of, reference_run
from onnx import TensorProto, helper
from schemas import ELEMENTS

F, I64, S = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def any_outputs(*names):
    return [onnx.ValueInfoProto(name=n) for n in names]


def run(text_nodes, inputs, feeds, outputs, version=24):
    nodes = [helper.make_node(op, i.split(), o.split(), **attrs) for op, i, o, attrs in text_nodes]
    return igata.Session(model_of(nodes, inputs, any_outputs(*outputs), {"": version})).run(feeds)


def arrays(n, t=F):
    dtype = igata.DTYPES.get(t, object)
    return [np.array([str(i), "é"], object) if t == S else np.arange(i, i + 2 + i % 2).astype(dtype) for i in range(n)]


def same(got, want):
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert g.shape == w.shape and g.dtype == w.dtype and (g == w).all()


@pytest.mark.parametrize("t", [t for t in ELEMENTS.values() if 0 < t < 17])
def test_building(t):
    a, b, c = arrays(3, t)
    infos = [(n, t, None) for n in "abc"]
    nodes = [("SequenceConstruct", "a b", "s", {}), ("SequenceInsert", "s c", "s2", {}), ("Constant", "", "one", {"value_ints": [1]}),
             ("Squeeze", "one", "i", {}), ("SequenceInsert", "s2 c i", "s3", {}), ("SequenceErase", "s3", "s4", {}),
             ("SequenceErase", "s4 i", "s5", {}), ("SequenceAt", "s4 i", "at", {}), ("SequenceLength", "s3", "n", {}),
             ("SequenceEmpty", "", "e", {"dtype": t}), ("SequenceLength", "e", "none", {}), ("SequenceInsert", "e a", "s6", {})]  # fmt: skip
    got = run(nodes, infos, {"a": a, "b": b, "c": c}, ["s", "s2", "s3", "s4", "s5", "at", "n", "none", "s6"])
    same(got[0], [a, b])
    same(got[1], [a, b, c])
    same(got[2], [a, c, b, c])
    same(got[3], [a, c, b])
    same(got[4], [a, b])
    same([got[5]], [c])
    assert got[6] == 4 and got[6].shape == () and got[7] == 0
    same(got[8], [a])


@pytest.mark.parametrize("t", [1, 2, 8, 10, 11, 15])
@pytest.mark.parametrize("version", [11, 24])
def test_split_and_concat(t, version):
    if version == 11 and t == 16:
        pytest.skip("came later")
    dtype = igata.DTYPES.get(t, object)
    x = np.array([str(i) for i in range(24)], object).reshape(2, 6, 2) if t == S else np.arange(24).astype(dtype).reshape(2, 6, 2)
    for split, attrs, want in ((None, {"axis": 1}, np.split(x, 6, 1)), (None, {"axis": -1, "keepdims": 0}, [x[..., 0], x[..., 1]]),
                               (np.array(4), {"axis": 1}, [x[:, :4], x[:, 4:]]), (np.array([1, 0, 5]), {"axis": 1}, np.split(x, [1, 1], 1))):  # fmt: skip
        feeds = {"x": x} | ({} if split is None else {"n": split})
        infos = [("x", t, None)] + ([] if split is None else [("n", I64, None)])
        nodes = [("SplitToSequence", " ".join(feeds), "s", attrs)]
        s = run(nodes, infos, feeds, ["s"], version)[0]
        same(s, want)
        if attrs.get("keepdims", 1):
            nodes.append(("ConcatFromSequence", "s", "y", {"axis": attrs["axis"]}))
            same(run(nodes, infos, feeds, ["y"], version), [x])
        else:
            nodes.append(("ConcatFromSequence", "s", "y", {"axis": -1, "new_axis": 1}))
            same(run(nodes, infos, feeds, ["y"], version), [x])


def test_given_sequences_and_optionals():
    sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(F, None))
    optional = helper.make_optional_type_proto(sequence)
    nodes = [("OptionalHasElement", "o", "has", {}), ("OptionalGetElement", "o", "s", {}), ("SequenceLength", "s", "n", {})]
    info = [helper.make_value_info("o", optional)]
    has, n = run(nodes, info, {"o": arrays(3)}, ["has", "n"], 18)
    assert has and n == 3
    assert not run(nodes[:1], info, {"o": None}, ["has"], 18)[0]
    with pytest.raises(igata.Failure, match="empty"):
        run(nodes, info, {"o": None}, ["n"], 18)


def test_making_optionals():
    x = np.arange(4, dtype=np.float32)
    text = helper.make_tensor_type_proto(F, [4])
    nodes = [("Optional", "x", "o", {}), ("OptionalHasElement", "o", "has", {}), ("OptionalGetElement", "o", "y", {}),
             ("Optional", "", "none", {"type": text}), ("OptionalHasElement", "none", "has_none", {}), ("OptionalHasElement", "x", "plain", {}),
             ("OptionalGetElement", "x", "z", {})]  # fmt: skip
    has, y, has_none, plain, z = run(nodes, [("x", F, [4])], {"x": x}, ["has", "y", "has_none", "plain", "z"], 18)
    assert has and not has_none and plain and (y == x).all() and (z == x).all()


@pytest.mark.parametrize("nodes,word", [
    ([("SequenceConstruct", "x x", "s", {}), ("SequenceErase", "s i", "y", {})], "position 7"),
    ([("SequenceConstruct", "x x", "s", {}), ("SequenceAt", "s i", "y", {})], "position 7"),
    ([("SequenceConstruct", "x x", "s", {}), ("SequenceInsert", "s x i", "y", {})], "position 7"),
    ([("SequenceConstruct", "x i", "y", {})], "int64"),
    ([("SequenceEmpty", "", "s", {}), ("ConcatFromSequence", "s", "y", {"axis": 0})], "one tensor or more"),
    ([("SplitToSequence", "x i", "y", {"axis": 3})], "axis"),
])  # fmt: skip
def test_impossible(nodes, word):
    with pytest.raises(igata.Failure, match=word):
        run(nodes, [("x", F, None), ("i", I64, None)], {"x": np.zeros((2, 3), np.float32), "i": np.array(7)}, ["y"])


def test_against_reference():
    x = np.arange(10, dtype=np.float32)
    node = helper.make_node("SplitToSequence", ["x"], ["y"])
    check(model_of([node], [("x", F, [10])], any_outputs("y"), {"": 11}), {"x": x}, oracle=reference_run)
