#!/usr/bin/env python3
"""Measures igata beside onnxruntime and OpenVINO and writes docs/performance.md.

usage: bench/run.py [DIR|MODEL.onnx]... [--engines igata,onnxruntime,openvino] [--threads 1,2] [--seconds 6] [--json FILE] [--write]
Models are DIR/NAME.onnx with inputs in DIR/NAME.npz (and NAME_prefill.npz, where there is one); without arguments they are made by
bench/models.py in build/bench. Every engine is a process of its own that waits while the others measure; they take turns, a slice
of time each, until the time is up. Outputs are compared with onnxruntime's. On one thread the figure is CPU time of a run, which other
work on the machine disturbs least; on more it is the time that passes. Medians; ratios below 1 are in igata's favour.
"""
import argparse
import datetime
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-bench"


def python():
    """An interpreter that has the engines: this one, or that of an environment made for the purpose."""
    wanted = "import numpy, ml_dtypes, onnx, onnxruntime, openvino"
    if subprocess.run([sys.executable, "-c", wanted], capture_output=True).returncode == 0:
        return sys.executable
    exe = VENV / "bin/python"
    if subprocess.run([exe, "-c", wanted], capture_output=True).returncode if exe.exists() else True:
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        subprocess.run([exe, "-m", "pip", "install", "-q", "-r", ROOT / "bench/requirements.txt"], check=True)
    return str(exe)


class Worker:
    def __init__(self, exe, engine, threads, model, inputs):
        self.process = subprocess.Popen([exe, ROOT / "bench/engines.py", engine, str(threads), model, inputs], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, "OMP_NUM_THREADS": str(threads), "IGATA_LIB": str(ROOT / "build/libigata.so")})
        self.wall, self.cpu = [], []
        self.info = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError((self.process.stderr.read().strip() or "no answer").splitlines()[-1][:160])
        return json.loads(line)

    def ask(self, text):
        print(text, file=self.process.stdin, flush=True)
        return self.read()

    def measure(self, seconds, keep=True):
        r = self.ask(f"measure {seconds}")
        if keep:
            self.wall += r["wall"]
            self.cpu += r["cpu"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def difference(np, files, reference):
    """Largest difference relative to the largest value of each output."""
    worst = 0.0
    a, b = np.load(files), np.load(reference)
    if a.files != b.files:
        return math.inf
    for k in a.files:
        x, y = a[k].astype(np.float64), b[k].astype(np.float64)
        if x.shape != y.shape:
            return math.inf
        if x.size:
            worst = max(worst, float(np.abs(x - y).max() / max(np.abs(y).max(), 1e-30)))
    return worst


def measure(exe, engines, threads, model, inputs, seconds):
    import numpy as np

    rows, workers = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in engines:
            try:
                workers[name] = Worker(exe, name, threads, str(model), str(inputs))
            except RuntimeError as e:
                rows[name] = {"error": str(e)}
        for w in workers.values():
            w.measure(0.3, keep=False)
        rounds = 8
        for _ in range(rounds):
            for w in workers.values():
                w.measure(seconds / rounds / len(engines))
        for name, w in workers.items():
            rss = w.ask(f"results {folder}/{name}.npz")["rss"]
            figure = w.cpu if threads == 1 else w.wall
            rows[name] = {**w.info, "ms": statistics.median(figure) * 1e3, "runs": len(figure), "rss": rss,
                          "load": w.info["load"] * 1e3, "first": w.info["first"] * 1e3}
            w.close()
        for name in workers:
            if name != "onnxruntime" and "onnxruntime" in workers:
                rows[name]["difference"] = difference(np, f"{folder}/{name}.npz", f"{folder}/onnxruntime.npz")
    return rows


def flops(model, inputs):
    """Floating-point work of a run, as igata counts it."""
    r = subprocess.run([ROOT / "build/igata", "bench", model, "-i", inputs, "--threads", "1", "--seconds", "0.1", "--json"], capture_output=True, text=True)
    return json.loads(r.stdout).get("gflop", 0) * 1e9 if r.returncode == 0 else 0


def peak():
    """GFLOP/s of the best float product that one thread does here, by the kernels' own check."""
    program = ROOT / "build/tests/igata-kerncheck"
    if not program.exists():
        return 0
    r = subprocess.run([program, "--peak"], capture_output=True, text=True)
    return float(r.stdout.split()[0]) if r.returncode == 0 and r.stdout else 0


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def table(results, engines, threads, top):
    """Markdown of one thread count."""
    peers = [e for e in engines if e != "igata"]
    head = ["model", "igata ms"] + [f"{e} ms" for e in peers] + [f"/ {e}" for e in peers] + ["% peak", "MiB", "load ms", "first ms", "agrees"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    ratios = {e: [] for e in peers}
    for r in results:
        if r["threads"] != threads:
            continue
        own, cells = r["igata"], [r["model"], f"{r['igata']['ms']:.3f}" if "ms" in r["igata"] else "fails"]
        cells += [f"{r[e]['ms']:.3f}" if "ms" in r[e] else "fails" for e in peers]
        for e in peers:
            both = "ms" in own and "ms" in r[e]
            cells.append(f"{own['ms'] / r[e]['ms']:.2f}" if both else "")
            if both:
                ratios[e].append(own["ms"] / r[e]["ms"])
        cells.append(f"{100 * r['flop'] / own['ms'] / 1e6 / top / threads:.0f}" if "ms" in own and r["flop"] and top else "")
        for key in ("rss", "load", "first"):
            cells.append(" / ".join(f"{r[e][key]:.0f}" if key in r[e] else "-" for e in engines))
        cells.append(f"{own['difference']:.0e}" if "difference" in own else "")
        lines.append("| " + " | ".join(cells) + " |")
    mean = ["**geometric mean**", ""] + [""] * len(peers) + [f"**{geomean(ratios[e]):.2f}**" for e in peers] + [""] * 5
    return "\n".join(lines + ["| " + " | ".join(mean) + " |"])


def report(results, engines, counts, top, path):
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown CPU")
    versions = {e: next((r[e]["version"] for r in results if "version" in r[e]), "") for e in engines}
    text = ["# Performance", "",
            "Written by `make bench` (bench/run.py says how it is measured). Ratios are igata's time by the other engine's: below 1 is faster.",
            "MiB is what an engine adds to a Python process at most, load and first run are what a start takes; each column is "
            + " / ".join(engines) + ".", "",
            f"- {datetime.date.today().isoformat()}, {cpu}, {os.cpu_count()} cores, {top:.0f} GFLOP/s of floats measured on one",
            "- " + ", ".join(f"{e} {v}" for e, v in versions.items()), "- all in 32-bit floats but for the models that are quantized themselves"]
    for n in counts:
        text += ["", f"## {n} thread{'s' if n > 1 else ''}", "", table(results, engines, n, top)]
    Path(path).write_text("\n".join(text) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="*")
    p.add_argument("--engines", default="igata,onnxruntime,openvino")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--seconds", type=float, default=6)
    p.add_argument("--json")
    p.add_argument("--write", action="store_true", help="write docs/performance.md also for models given by name")
    a = p.parse_args()
    exe = python()
    if exe != sys.executable and os.environ.get("IGATA_BENCH") != "1":
        os.execve(exe, [exe, *sys.argv], {**os.environ, "IGATA_BENCH": "1"})
    models = a.models or [str(ROOT / "build/bench")]
    if not a.models:
        subprocess.run([exe, ROOT / "bench/models.py", models[0]], check=True)
    files = [f for m in models for f in (sorted(Path(m).glob("*.onnx")) if os.path.isdir(m) else [Path(m)])]
    engines, counts, results, top = a.engines.split(","), [int(t) for t in a.threads.split(",")], [], peak()
    for n in counts:
        for model in files:
            for inputs in (model.with_suffix(".npz"), model.with_name(model.stem + "_prefill.npz")):
                if not inputs.exists():
                    continue
                rows = {"model": inputs.stem, "threads": n, "flop": flops(model, inputs), **measure(exe, engines, n, model, inputs, a.seconds)}
                results.append(rows)
                told = [f"{e} {rows[e]['ms']:.3f}" if "ms" in rows[e] else f"{e}: {rows[e]['error']}" for e in engines]
                if "ms" in rows["igata"]:
                    told += [f"/{e} {rows['igata']['ms'] / rows[e]['ms']:.2f}" for e in engines if e != "igata" and "ms" in rows[e]]
                    told += [f"rss {rows[e]['rss']:.0f}" for e in engines if "rss" in rows[e]]
                    told += [f"load {rows[e]['load']:.0f}+{rows[e]['first']:.0f}" for e in engines if "rss" in rows[e]]
                    told.append(f"diff {rows['igata'].get('difference', math.nan):.0e}")
                print(f"{inputs.stem:22} {n}t  " + "  ".join(told), flush=True)
                if a.json:
                    Path(a.json).write_text(json.dumps(results, indent=1))
    if not a.models or a.write:
        report(results, engines, counts, top, ROOT / "docs/performance.md")


main()
