#!/usr/bin/env python3
"""Write docs/formats/tensorflow.md: what igata reads of TensorFlow's files, and which operators become ONNX, from the tables in
src/formats/tensorflow (rules.def, ops.inc).

usage: make_tf_docs.py    (--check: say whether the file is up to date)
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src/formats/tensorflow"
OUT = ROOT / "docs/formats/tensorflow.md"
HEAD = """# TensorFlow: SavedModel, GraphDef, checkpoints

Made by tools/make_tf_docs.py from the tables in src/formats/tensorflow. Don't edit.

| format | what is read |
|---|---|
| `savedmodel` | a folder with `saved_model.pb` or `saved_model.pbtxt`: the signature that `--signature` names (or `serving_default`, else the only one), of the graph with the tags that are asked for; weights from `variables/` (any number of shards, CRC-32C checked); tables from `assets/`; `fingerprint.pb` |
| `frozen-graph` | a GraphDef, binary or text. Placeholders are inputs, what nobody reads is an output |
| `tf-checkpoint` | the index of a checkpoint (version 2), a file of version 1, or a folder with a file `checkpoint`: tensors by name |

Names of inputs and outputs are those of the signature; of a GraphDef those of the tensors (`node:0`).

Functions are put where they are called. `If`, `Case` and `While`, and TensorFlow 1's `Switch`, `Merge`, `Enter`, `Exit` and
`NextIteration`, become ONNX's `If` and `Loop`. TensorLists and TensorArrays become scan outputs where a loop only fills them, else
sequences. Variables are followed from write to read: a model is what one call of the signature computes. Complex numbers are pairs
of real tensors inside of a model, and can't be its inputs or outputs. Random numbers of the operators with a state are of the same
distribution as TensorFlow's, those of stateless uniform ones the same. What needs a constant (axes, permutations, kernel sizes) and gets a
computed value is refused with an error that names the operator and the node, as is every operator that isn't listed.

Operators of other domains in the result: `ai.onnx.ml` LabelEncoder for hash tables, `com.microsoft` CropAndResize, `ai.onnx.contrib` for some
texts (onnxruntime's extensions), `igata` StringFingerprint for hash buckets of texts.

"""


def main():
    rules = sorted(set(re.findall(r'^IG_TF_\w+\("([^"]+)"', (SOURCE / "rules.def").read_text(), re.M)))
    known = re.findall(r'^\{"([^"]+)"', (SOURCE / "ops.inc").read_text(), re.M)
    merged = ["Switch", "RefSwitch", "_SwitchN", "Merge", "RefMerge", "Enter", "RefEnter", "Exit", "RefExit", "NextIteration", "RefNextIteration", "Placeholder"]
    done = sorted(set(rules) | set(merged), key=str.lower)
    text = HEAD + f"## Operators ({len(done)})\n\n"
    letter = ""
    for op in done:
        first = op.lstrip("_")[0].upper()
        text += ("\n\n" if letter else "") + f"**{first}** " if first != letter else ", "
        letter = first
        text += f"`{op}`"
    rest = [op for op in known if op not in done]
    text += f"\n\nOf {len(known)} operators of TensorFlow 2.21 that igata can decode, {len(rest)} have no rule yet.\n"
    if "--check" in sys.argv:
        sys.exit(OUT.read_text() != text and "docs/formats/tensorflow.md is out of date: run tools/make_tf_docs.py")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(text)
    print(len(done))


main()
