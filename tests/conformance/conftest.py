"""Where the programs under test are, and how to run them."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("IGATA_BUILD", ROOT / "build"))
sys.path.insert(0, str(Path(__file__).parent))


class Result:
    def __init__(self, r):
        self.code, self.out, self.err = r.returncode, r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace")
        self.raw_out, self.raw_err = r.stdout, r.stderr

    def json(self):
        return json.loads(self.out)


def program(path, *args, cwd=None, env=None, timeout=120):
    r = subprocess.run([str(path), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, cwd=cwd,
                       env={**os.environ, **(env or {})})
    result = Result(r)
    assert r.returncode >= 0 and "Sanitizer" not in result.err and "runtime error:" not in result.err, result.err
    return result


@pytest.fixture
def igata():
    return lambda *args, **kw: program(BUILD / "igata", *args, **kw)


@pytest.fixture
def tensor_file():
    return lambda *args, **kw: program(BUILD / "tests/tensor_file", *args, **kw)
