#!/usr/bin/env python3
"""Write docs/formats/: README.md says what each format's reader and writer can do, a page for each family of formats which of its
operators are lowered to ONNX's. Pages that other scripts make (Keras, TensorFlow) are left alone.

usage: make_operator_docs.py [IGATA]     (default build/igata)

Everything comes from the program itself (`igata formats --json`) and, for TFLite, from the table that the schema's generator wrote.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs/formats"
IGATA = sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/igata"
MADE = "<!-- made by tools/make_operator_docs.py -->\n"

# What the table of a domain needs in words: (title, text before the table).
TEXTS = {
    "tflite": (
        "TensorFlow Lite",
        "Every version of an operator is read: what versions differ in are its options and the types and quantization of its tensors. "
        "Tensors of 2, 4, 8 and 16 bits with scales (one, or one a channel) become integers between DequantizeLinear and QuantizeLinear, "
        "which round as TFLite's kernels do. Names in capitals are builtin operators of the schema, others are custom ones; names "
        "that begin with Flex are TensorFlow's.",
    ),
}


def ask(*args):
    return json.loads(subprocess.run([str(IGATA), "formats", *args, "--json"], capture_output=True, check=True).stdout)


def columns(names, width=6):
    """Names in rows of a few."""
    return "\n".join(", ".join(f"`{n}`" for n in names[i : i + width]) + ("," if i + width < len(names) else "") for i in range(0, len(names), width))


def missing_tflite(have):
    text = (ROOT / "src/formats/tflite/schema.inc").read_text()
    names = re.search(r"BuiltinOperator_names\[\] = \{(.*?)\};", text, re.S)
    known = re.findall(r'"([A-Z0-9_]+)"', names[1])
    no_operators = {"CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"}
    return [n for n in known if n not in have and n not in no_operators], len([n for n in known if n not in no_operators])


def page(domain, formats):
    title, text = TEXTS.get(domain, (formats[0]["title"], ""))
    rows = ask(formats[0]["name"])["operators"]
    have = {r["operator"] for r in rows}
    lines = [f"# Operators of {title}\n", MADE]
    lines.append(f"Read by the format{'s' if len(formats) > 1 else ''} " + ", ".join(f"`{f['name']}`" for f in formats) + f". {text}\n")
    if domain == "tflite":
        missing, total = missing_tflite(have)
        lines.append(f"{total - len(missing)} of the {total} builtin operators are lowered, and {len(rows) - (total - len(missing))} others. "
                     "Not lowered, and refused by name: " + ", ".join(f"`{n}`" for n in missing) + ".\n")
    else:
        lines.append(f"{len(rows)} are lowered. Others are refused by name.\n")
    direct = [r for r in rows if r["onnx"]]
    several = [r["operator"] for r in rows if not r["onnx"]]
    if direct:
        lines += ["## By one ONNX operator\n", "| operator | ONNX |", "|---|---|"]
        lines += [f"| `{r['operator']}` | {r['onnx']} |" for r in direct] + [""]
    if several:
        lines += ["## By several\n", columns(several), ""]
    return "\n".join(lines)


def main():
    formats = ask()["formats"]
    OUT.mkdir(parents=True, exist_ok=True)
    by_domain = {}
    for f in formats:
        if f.get("domain"):
            by_domain.setdefault(f["domain"], []).append(f)
    yes = lambda b: "yes" if b else "no"
    index = ["# Formats of model files\n", MADE, "A file's format is found by its content first. Operators of other formats than ONNX are lowered to ONNX's when a "
             "model is run or converted; `igata formats NAME` lists them, and `igata info` says for a model which are not.\n",
             "| format | what it is | extensions | reads | writes | operators |", "|---|---|---|---|---|---|"]
    for f in formats:
        ops = f"[{f['operators']}]({f['domain']}.md)" if f.get("domain") else ("all" if f["name"].startswith("onnx") else "")
        index.append(f"| `{f['name']}` | {f['title']} | {f['extensions']} | {yes(f['reads'])} | {yes(f['writes'])} | {ops} |")
    (OUT / "README.md").write_text("\n".join(index) + "\n")
    for domain, of in by_domain.items():
        if domain in TEXTS:
            (OUT / f"{domain}.md").write_text(page(domain, of))


main()
