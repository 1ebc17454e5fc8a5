#!/usr/bin/env python3
"""The whole test suite: builds, runs every stage, prints a line per stage and last `N passed, M failed`.

usage: tests/run.py [--long] [--stage NAME]...
Stages: static (format, floors), unit (cmocka, release build), conformance (Python against onnx, in .venv), differential (operators
against onnxruntime and onnx's reference), corpus (real files, when they are there; not counted), asan (unit and conformance again under AddressSanitizer and UndefinedBehaviorSanitizer),
fuzz (libFuzzer, a minute in all).
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
ASAN = {"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1:handle_abort=1", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}


def run(cmd, cwd=ROOT, **kw):
    return subprocess.run([str(c) for c in cmd], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **kw)


def build(preset):
    for cmd in (["cmake", "--preset", preset, "-DIGATA_TESTS=ON"], ["cmake", "--build", "--preset", preset]):
        r = run(cmd)
        if r.returncode:
            print(r.stdout[-6000:])
            raise SystemExit(f"build of preset {preset} failed\n0 passed, 1 failed")
    return ROOT / ("build" if preset == "release" else f"build/{preset}")


class Count:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed


def one(count, cmd, ok=(0,)):
    """A check that passes or fails as a whole."""
    r = run(cmd)
    if r.returncode not in ok:
        print(r.stdout[-4000:])
    count.add(r.returncode in ok, r.returncode not in ok)


def static(count, _):
    files = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    one(count, ["clang-format", "--dry-run", "-Werror", *files])
    one(count, [sys.executable, "scripts/check_floors.py"])


def unit_of(folder, count, env=None):
    for program in sorted(glob.glob(str(folder / "tests/test_*"))):
        if not os.access(program, os.X_OK) or os.path.isdir(program):
            continue
        r = run([program], cwd=ROOT / "tests", env={**os.environ, **(env or {})}, timeout=900)
        passed = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", r.stdout))
        failed = len(re.findall(r"^\[  FAILED  \] \S+$", r.stdout, re.M)) if r.returncode else 0
        if r.returncode and not failed:
            failed = 1
        if failed:
            print(f"--- {os.path.basename(program)}\n{r.stdout[-4000:]}")
        count.add(passed, failed)


def unit(count, long):
    folder = build("release")
    unit_of(folder, count)
    one(count, [folder / "tests/igata-kerncheck", "--threads", "2", "--cases", "20000" if long else "100"])


def venv():
    python = VENV / "bin/python"
    stamp = VENV / "requirements.txt"
    wanted = (ROOT / "tests/requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        for cmd in ([sys.executable, "-m", "venv", "--clear", VENV], [python, "-m", "pip", "install", "-q", "-r", "tests/requirements.txt"]):
            r = run(cmd)
            if r.returncode:
                print(r.stdout[-3000:])
                raise SystemExit("could not make the Python environment of the tests\n0 passed, 1 failed")
        stamp.write_text(wanted)
    return python


def pytest_of(folder, count, tests, env=None):
    r = run([venv(), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(os.cpu_count() or 1), "--dist", "loadgroup", tests],
            env={**os.environ, **(env or {}), "IGATA_BUILD": str(folder), "IGATA_LIB": str(folder / "libigata.so")}, timeout=3600)
    words = r.stdout.strip().splitlines()[-1] if r.stdout.strip() else ""
    passed = sum(int(n) for n in re.findall(r"(\d+) passed", words))
    failed = sum(int(n) for n in re.findall(r"(\d+) (?:failed|error)", words))
    if r.returncode and not failed:
        failed = 1
    if failed:
        print(r.stdout[-8000:])
    count.add(passed, failed)
    return r.stdout


def conformance(count, _):
    pytest_of(build("release"), count, "tests/conformance")


def differential(count, long):
    """Some 20,000 cases at least in the long suite, 2,000 otherwise: an oracle that went missing must not pass unnoticed."""
    text = pytest_of(build("release"), count, "tests/differential", {"IGATA_LONG": "1"} if long else None)
    cases = int((re.findall(r"^(\d+) cases$", text, re.M) or ["0"])[-1])
    print(f"differential: {cases} cases with an oracle")
    count.add(0, cases < (20000 if long else 2000))


def corpus(count, _):
    """Real files with recorded results, where a checkout has them beside it: their scorers' last lines, which are not counted."""
    tools = ROOT.parent / "shared/tools"
    runs = [["corpus_score.py", "onnx", "quant"], ["bad_score.py", "onnx-bad"],
            ["suite_score.py", *("onnx-" + s for s in ("shape", "check", "convert", "refeval", "compose", "parse", "print", "inline"))]]
    for program, *arguments in runs if tools.is_dir() else []:
        r = run([venv(), tools / program, *arguments, "--igata", build("release") / "igata"])
        print(f"{program} {' '.join(arguments)}:", *[line for line in r.stdout.splitlines() if re.fullmatch(r"\s*(\S+ )?\d+/\d+.*", line)][-8:], sep="\n  ")


def asan(count, _):
    folder = build("asan")
    unit_of(folder, count, ASAN)
    pytest_of(folder, count, "tests/conformance", ASAN)


def fuzz_runs(folder, long):
    """Name, program and seeds of every run: one for each fuzzer, and for that of operators (in the long suite) one for each
    family."""
    for target in sorted(glob.glob(str(folder / "tests/fuzz/fuzz_*"))):
        name = os.path.basename(target)
        if not os.access(target, os.X_OK) or os.path.isdir(target):
            continue
        if name != "fuzz_ops":
            yield name, target, ROOT / "tests/fuzz/seeds" / name
            continue
        for family in sorted((ROOT / "tests/fuzz/seeds/ops").glob("*.zip")) if long else []:
            seeds = folder / "seeds" / family.stem
            with zipfile.ZipFile(family) as z:
                z.extractall(seeds)
            yield f"fuzz_ops-{family.stem}", target, seeds


def fuzz(count, long):
    folder = build("asan")
    runs = list(fuzz_runs(folder, long))
    seconds = 300 if long else max(5, 60 // max(1, len(runs)))
    for name, target, seeds in runs:
        corpus = folder / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        r = run([target, f"-max_total_time={seconds}", "-rss_limit_mb=1024", "-timeout=25", "-print_final_stats=1",
                 f"-artifact_prefix={folder}/", corpus, *([seeds] if seeds.is_dir() else [])], env={**os.environ, **ASAN})
        if r.returncode:
            print(f"--- {name}\n{r.stdout[-4000:]}")
        count.add(r.returncode == 0, r.returncode != 0)


STAGES = {"static": static, "unit": unit, "conformance": conformance, "differential": differential, "corpus": corpus, "asan": asan, "fuzz": fuzz}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--long", action="store_true")
    a.add_argument("--stage", action="append", choices=list(STAGES))
    o = a.parse_args()
    total = Count()
    for name in o.stage or STAGES:
        count, start = Count(), time.time()
        STAGES[name](count, o.long)
        print(f"{name}: {count.passed} passed, {count.failed} failed ({time.time() - start:.0f} s)", flush=True)
        total.add(count.passed, count.failed)
    print(f"{total.passed} passed, {total.failed} failed")
    sys.exit(1 if total.failed or not total.passed else 0)


main()
