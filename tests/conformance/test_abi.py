"""The shared library's public symbols: none that was there goes away, and all carry the project's prefix."""

import subprocess

from conftest import BUILD, ROOT

SNAPSHOT = ROOT / "tests/abi/symbols.txt"


def exported():
    r = subprocess.run(["nm", "-D", "--defined-only", BUILD / "libigata.so"], capture_output=True, text=True, check=True)
    return {line.split()[-1].split("@")[0] for line in r.stdout.splitlines() if line.split()[-2] in "TDBRVW"}


def test_symbols():
    names = exported()
    assert all(n.startswith("ig_") for n in names), sorted(n for n in names if not n.startswith("ig_"))
    gone = set(SNAPSHOT.read_text().split()) - names
    assert not gone, f"removed or renamed, which breaks programs that link to them: {sorted(gone)}"
