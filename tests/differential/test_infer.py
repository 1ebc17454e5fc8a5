"""Inference against onnx's over single nodes, changed at random (infer.py says how)."""

import random

import infer

# Where onnx says something else than its specification: docs/conformance-notes.md.
KNOWN = {
    ("Attention", "another rank"), ("Attention", "another size"), ("Attention", "no size"), ("AveragePool", "another size"),
    ("Conv", "another size"), ("Loop", "no rank"), ("Loop", "only onnx refuses"), ("LpPool", "another size"), ("Max", "another rank"),
    ("MaxPool", "another size"), ("Mean", "another rank"), ("MeanVarianceNormalization", "only onnx refuses"), ("Min", "another rank"),
    ("OptionalGetElement", "only onnx refuses"), ("STFT", "another size"), ("StringNormalizer", "only onnx refuses"),
    ("Sum", "another rank"), ("FlexAttention", "only onnx refuses"), ("Resize", "only onnx refuses"),
}  # fmt: skip


def test_nodes():
    bad, n = [], 0
    for node, _, (kind, what) in infer.differences(random.Random(7), 3):
        n += 1
        if kind != "only igata refuses" and (node.op_type, kind) not in KNOWN:
            bad.append(f"{node.op_type}: {kind}: {what}")
    assert not bad, "\n".join(bad)
    assert n < 1000


def test_unchanged_nodes_are_accepted():
    """No node of onnx's own cases is refused, and what onnx infers of it igata infers, too."""
    rng = random.Random(1)
    for seed in infer.seeds():
        what = infer.compare(infer.mutant(rng, seed, 0))
        assert not what or (seed.node.op_type, what[0]) in KNOWN, f"{seed.node.op_type}: {what}"
