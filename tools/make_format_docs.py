#!/usr/bin/env python3
"""Writes docs/formats/keras.md and docs/formats/tfjs.md from the tables of src/formats/keras/rules.def.

    python3 tools/make_format_docs.py            # rewrites them
    python3 tools/make_format_docs.py --check    # exit status 1 when they differ from what would be written
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULE = re.compile(r'IG_K_RULE\("([^"]+)", (\w+),\s*(?:NULL|"(?:[^"\\]|\\.)*"),\s*([^)]*)\)', re.S)
FAMILIES = {
    "lower_": "", "conv": "convolution", "depthwise_conv": "convolution", "separable_conv": "convolution", "conv_transpose": "transposed convolution",
    "identity": "nothing: it has no effect when a model is used", "lambda": "refused: it is Python code", "rnn": "RNN, GRU, LSTM or Scan",
    "bidirectional": "RNN, GRU, LSTM or Scan, twice", "merge": "elementwise", "lookup": "LabelEncoder",
}  # fmt: skip
KERAS = """# Keras

<!-- Made by tools/make_format_docs.py. Don't edit. -->

igata reads `.keras` archives of Keras 3, whole models in `.h5` files of Keras 1, 2 and 3, and files of weights alone. No code in a file is
executed. Weights stay in the mapped file where they lie in one piece; HDF5 is read by a bounded reader of igata's own (see
`dependencies.md`).

- Sequential and functional models, models inside models, shared layers, several inputs and outputs, with names or without.
- Masks travel along the graph. Stateful layers begin every run with zeros.
- Policies: float16, bfloat16, float64 and their mixed forms; Dense, EinsumDense and Embedding quantized to int8; Dense and Embedding to
  int4; Dense and EinsumDense to float8.
- Lambda layers, classes of somebody's own and models without a graph in their config (subclassed ones) can be looked at, and their
  weights taken out, but not run: the error names the layer and its class.
- Weights in several shards (`model.weights.json`) are not read.

A layer whose arguments ONNX has no words for is refused by name, with the argument; nothing is dropped silently.

## Layers ({layers})

| class | becomes |
|---|---|
{layer_rows}

## Operations of `keras.ops` ({ops})

{op_list}

## Functions of TensorFlow in graphs of Keras 2 ({functions})

{function_list}
"""
TFJS = """# TensorFlow.js

<!-- Made by tools/make_format_docs.py. Don't edit. -->

igata reads `model.json` (or the folder that it is in) with the files of weights beside it: sharded anywhere, quantized to uint8, uint16 or
float16, strings. URLs are never followed, and paths never leave the folder.

- *Layers models* are Keras models: the {layers} layers of [keras.md](keras.md) lower.
- *Graph models* are graphs of TensorFlow: its operators lower as those of SavedModels do. Hash tables are filled by the model's
  initializer. Inputs and outputs are named by their nodes, as TensorFlow.js names them.
"""


def rows():
    text = (ROOT / "src/formats/keras/rules.def").read_text()
    found = RULE.findall(text)
    assert len(found) == text.count("IG_K_RULE("), "a row isn't understood"
    return found


def documents():
    layers, ops, functions = [], [], []
    for name, rule, _ in rows():
        (ops if name.startswith("ops.") else functions if name.startswith("tf.") else layers).append((name, rule))
    table = "\n".join(f"| {n} | {FAMILIES.get(r, r.replace('_', ' '))} |" for n, r in layers)
    fill = dict(layers=len(layers), ops=len(ops), functions=len(functions), layer_rows=table,
                op_list=", ".join(n[4:] for n, _ in ops), function_list=", ".join(n for n, _ in functions))  # fmt: skip
    return {"keras.md": KERAS.format(**fill), "tfjs.md": TFJS.format(**fill)}


def main():
    folder, stale = ROOT / "docs/formats", []
    folder.mkdir(exist_ok=True)
    for name, text in documents().items():
        path = folder / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text)
    if "--check" in sys.argv and stale:
        print("stale:", *stale)
        sys.exit(1)


main()
