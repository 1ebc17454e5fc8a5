"""What scripts and people rely on in the igata command: exit codes, JSON, messages, files, nothing raw on the terminal."""
import json
import os
import pty
import re
import subprocess

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import BUILD, ROOT
from models import floats, map_of, optional, passing, sequence, value

COMMANDS = re.findall(r'^COMMAND\("([a-z-]+)"', (ROOT / "src/cli/commands.def").read_text(), re.M)


@pytest.fixture
def model(tmp_path):
    return passing(tmp_path / "model.onnx", value("x"), value("y", TensorProto.INT64, (2,)))


@pytest.fixture
def arrays(tmp_path):
    np.savez(tmp_path / "in.npz", x=floats(2, 3), y=np.array([4, 5]))
    return tmp_path / "in.npz"


def no_controls(result):
    for stream in (result.raw_out, result.raw_err):
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", stream), stream


# ------------------------------------------------------------------------------------------------------------------ help

def test_overview(igata):
    r = igata()
    assert r.code == 0 and all(f"\n  {c} " in r.out for c in COMMANDS)
    assert igata("--help").out == r.out
    version = igata("--version")
    assert version.code == 0 and re.fullmatch(r"igata \d+\.\d+\.\d+\n", version.out)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(igata, command):
    r = igata(command, "-h")
    assert r.code == 0 and not r.err
    assert r.out == igata("help", command).out
    assert r.out.count(f"\n  igata {command}") >= 2, "two examples"
    assert "--json" in r.out and "exit code:\n  0  done" in r.out
    assert max(map(len, r.out.splitlines())) <= 120
    man = igata("help", "--man", command).out
    assert man.startswith(".TH IGATA\\-" + command.upper() + " 1") and ".SH EXAMPLES" in man
    for option in re.findall(r"^  (?:-\w, |    )(--[\w-]+)", r.out, re.M):
        assert option.replace("-", "\\-") in man


def test_help_as_json(igata):
    commands = {c["name"]: c for c in igata("help", "--json").json()["commands"]}
    assert list(commands) == COMMANDS and commands["run"] == igata("help", "run", "--json").json()
    option = next(o for o in commands["run"]["options"] if o["name"] == "output-format")
    assert option["choices"] == "npy npz pb json csv raw" and option["letter"] is None


@pytest.mark.parametrize("args,near", [
    (["ifno"], "info"), (["rnu"], "run"), (["run", "--thread", "2"], "--threads"), (["info", "--jsno"], "--json"),
    (["run", "--output-fromat", "pb"], "--output-format"), (["verify", "--rtoll=1", "x"], "--rtol")])
def test_nearest(igata, args, near):
    r = igata(*args)
    assert r.code == 2 and f"did you mean {near}?" in r.err and not r.out


@pytest.mark.parametrize("args", [
    ["xyzzy"], ["info"], ["info", "a", "b"], ["info", "--wrong", "a"], ["run", "m", "--threads"], ["run", "m", "--threads", "x"],
    ["run", "m", "--threads=-1"], ["run", "m", "--output-format", "xml"], ["run", "m", "--random=1"], ["run", "-z", "m"], ["bench", "m", "--seconds", "nan"],
    ["run", "m", "--dim", "n"], ["run", "m", "--dim", "n=x"], ["help", "nothing"], ["run", "m", "--layout", "hwc"]])
def test_usage(igata, args):
    r = igata(*args)
    assert r.code == 2 and "error:" in r.err and "-h" in r.err and not r.out


def test_option_forms(igata, model, arrays, tmp_path):
    for k, args in enumerate([["-i", arrays], [f"-i{arrays}"], ["--input", arrays], [f"--input={arrays}"]]):
        assert igata("run", *args, "--threads=1", "-o", tmp_path / f"{k}.npz", "--", model).code == 0


# ------------------------------------------------------------------------------------------------------------ exit codes

def test_exit_codes(igata, model, arrays, tmp_path):
    for command in ("info", "run", "bench", "check", "tensors"):
        assert igata(command, tmp_path / "nothing.onnx").code == 3
        assert igata(command, tmp_path).code in (3, 4)
    (tmp_path / "bad.onnx").write_bytes(b"\x08\xff\xff\xff\xff garbage")
    for command in ("info", "run", "check", "tensors"):
        r = igata(command, tmp_path / "bad.onnx")
        assert r.code in (1, 3) and "error:" in r.err + r.out, (command, r.code)
    unknown = passing(tmp_path / "unknown.onnx", value("x"), nodes=[helper.make_node("Mystery", ["x"], ["z"], "the node", domain="test.domain")],
                      outputs=[value("z")])
    r = igata("run", unknown, "--random")
    assert r.code == 4 and "Mystery" in r.err and "test.domain" in r.err and "the node" in r.err
    info = igata("info", unknown, "--json").json()
    assert info["runs"] is False and info["unsupported_nodes"] == 1
    r = igata("run", model)
    assert r.code == 2 and "'x'" in r.err and "--random" in r.err
    assert igata("run", model, "--random").code == 0
    assert igata("verify", tmp_path / "in.npz").code == 3
    full = subprocess.run([BUILD / "igata", "formats"], stdout=open("/dev/full", "w"), stderr=subprocess.PIPE)
    assert full.returncode == 3 and b"can't write" in full.stderr


def test_nothing_is_overwritten(igata, model, arrays, tmp_path):
    out = tmp_path / "out.npz"
    run = lambda *more: igata("run", model, "-i", arrays, *more)
    assert run("-o", out).code == 0
    before = out.read_bytes()
    r = run("-o", out)
    assert r.code == 2 and "--force" in r.err and out.read_bytes() == before
    assert run("-o", out, "--force").code == 0 and out.read_bytes() == before
    folder = tmp_path / "folder"
    assert run("-o", folder, "--output-format", "json").code == 0
    assert run("-o", folder, "--output-format", "json").code == 2
    assert run("-o", folder, "--output-format", "npy").code == 0
    assert run("-o", folder, "--output-format", "npy", "-f").code == 0
    assert sorted(p.name for p in folder.iterdir()) == ["x.json", "x.npy", "y.json", "y.npy"]
    trace = tmp_path / "trace.json"
    assert run("--profile", trace).code == 0 and "traceEvents" in json.loads(trace.read_text())
    assert run("--profile", trace).code == 3
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]


# ------------------------------------------------------------------------------------------------------------------ JSON

def test_json(igata, model, arrays, tmp_path):
    initialized = passing(tmp_path / "w.onnx", value("x"), initializers=[numpy_helper.from_array(floats(4, 5), "w"), numpy_helper.from_array(np.arange(3), "i")])
    info = igata("info", initialized, "--json").json()
    assert info["format"] == "onnx" and info["initializers"] == 2 and info["parameters"] == 23 and info["weight_bytes"] == 104
    assert info["inputs"] == [{"name": "x", "type": "float[n,3]", "has_default": False}]
    assert info["weights"] == {"float": {"parameters": 20, "bytes": 80}, "int64": {"parameters": 3, "bytes": 24}}
    tensors = igata("tensors", initialized, "--json").json()
    assert tensors["bytes"] == 104 and tensors["tensors"][0] == {"name": "w", "dtype": "float", "shape": [4, 5], "bytes": 80}
    formats = igata("formats", "--json").json()["formats"]
    assert "onnx" in [f["name"] for f in formats]
    run = igata("run", model, "-i", arrays, "--json").json()
    assert [o["name"] for o in run["outputs"]] == ["x", "y"]
    assert run["outputs"][0]["shape"] == [2, 3] and run["outputs"][1]["first"] == [4, 5]
    bench = igata("bench", model, "-i", arrays, "--threads", "1", "--seconds", "0.05", "--json").json()
    assert set(bench) >= {"latency_ms", "runs", "threads", "load_ms", "first_run_ms", "peak_rss_mb", "gflop", "gflops_per_s"}
    assert set(bench["latency_ms"]) >= {"min", "median", "mean", "p90", "p99"} and bench["threads"] == 1 and bench["runs"] >= 5
    assert bench["latency_ms"]["min"] <= bench["latency_ms"]["median"] <= bench["latency_ms"]["p90"] <= bench["latency_ms"]["p99"]
    assert "operators" in igata("bench", model, "--seconds", "0.01", "--profile", "--json").json()
    check = igata("check", model, tmp_path / "none.onnx", "--json")
    assert check.code == 3 and len(check.json()["models"]) == 2


def test_special_numbers_in_json(igata, tmp_path):
    m = passing(tmp_path / "m.onnx", value("x", shape=(3,)))
    np.savez(tmp_path / "in.npz", x=np.array([np.nan, np.inf, 1], "f4"))
    o = igata("run", m, "-i", tmp_path / "in.npz", "--json").json()["outputs"][0]
    assert o["first"] == [None, None, 1] and o["nans"] == 1


# --------------------------------------------------------------------------------------------------------- hostile names

HOSTILE = "x\x1b[31mred\x07\r\nmodel.onnx: ok\u202e\u0085\x7f"


def test_hostile_names(igata, tmp_path):
    m = passing(tmp_path / "m.onnx", value(HOSTILE, shape=(1, 2)), initializers=[numpy_helper.from_array(floats(2), "w" + HOSTILE)],
                nodes=[helper.make_node("Op" + HOSTILE, [HOSTILE], ["z"], "node" + HOSTILE, domain="test.domain")],
                outputs=[value(HOSTILE, shape=(1, 2))], producer_name="p" + HOSTILE, doc_string=HOSTILE, name="g" + HOSTILE)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(m.read_bytes().replace(b"red\x07", b"\xff\xfe\x9b\x07"))
    np.savez(tmp_path / "in.npz", **{"other" + HOSTILE.replace("/", ""): floats(1, 2), "more": floats(2)})
    for path in (m, broken):
        for args in (["info", path], ["check", path], ["tensors", path], ["run", path], ["run", path, "--random"], ["bench", path, "--seconds", "0.01"],
                     ["run", path, "-i", tmp_path / "in.npz"], ["run", path, "-i", "a=b"], ["tensors", path, "-o", tmp_path / f"{path.stem}.npz"]):
            r = igata(*args)
            no_controls(r)
            assert not re.search(r"^model\.onnx: ok", r.out + r.err, re.M), "a name must not forge a line"
            r = igata(*args, "--json")
            no_controls(r)
            if r.out:
                json.loads(r.out)
    names = [v["name"] for v in igata("info", m, "--json").json()["inputs"]]
    assert names == [HOSTILE]
    for name in ("bad\x1b[2J.onnx", "--x.onnx"):
        r = igata("info", "--", name, cwd=tmp_path)
        assert r.code == 3
        no_controls(r)
    simple = passing(tmp_path / "s.onnx", value("../../up" + HOSTILE, shape=(1, 2)), value("../../up\x00", shape=(1, 2)))
    r = igata("run", simple, "--random", "-o", tmp_path / "sub/folder")
    assert r.code == 3  # its parent does not exist
    assert igata("run", simple, "--random", "-o", tmp_path / "folder").code == 0
    files = [p.name for p in (tmp_path / "folder").iterdir()]
    assert len(files) == 2 and all(re.fullmatch(r"[\w.-]+\.npy", f) and ".." not in f[:1] for f in files)


def test_colours_only_on_terminals(tmp_path):
    def on_terminal(**env):
        parent, child = pty.openpty()
        p = subprocess.Popen([BUILD / "igata", "info", tmp_path / "none.onnx"], stdout=child, stderr=child, stdin=child,
                             env={**os.environ, "TERM": "xterm", **env})
        p.wait(20)
        os.close(child)
        out = b""
        try:
            while more := os.read(parent, 65536):
                out += more
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(parent)
        return out
    env = {k: "" for k in ("NO_COLOR",)}
    assert b"\x1b[1;31merror" in on_terminal(**env)
    assert b"\x1b[1;31m" not in on_terminal(NO_COLOR="1")


# ---------------------------------------------------------------------------------------------------------------- inputs

TYPES = {"?": TensorProto.BOOL, "i1": TensorProto.INT8, "i2": TensorProto.INT16, "i4": TensorProto.INT32, "i8": TensorProto.INT64,
         "u1": TensorProto.UINT8, "u2": TensorProto.UINT16, "u4": TensorProto.UINT32, "u8": TensorProto.UINT64, "f2": TensorProto.FLOAT16,
         "f4": TensorProto.FLOAT, "f8": TensorProto.DOUBLE, "c8": TensorProto.COMPLEX64, "c16": TensorProto.COMPLEX128, "U": TensorProto.STRING}


def test_npz_all_types(igata, tmp_path):
    rng = np.random.default_rng(3)
    arrays = {}
    for d in TYPES:
        a = rng.integers(0, 2 if d == "?" else 100, (2, 3))
        arrays["in_" + d.strip("?") + "_"] = a.astype(str) if d == "U" else a.astype(d)
    m = passing(tmp_path / "m.onnx", *[value(k, t) for k, t in zip(arrays, TYPES.values())])
    np.savez(tmp_path / "in.npz", **arrays)
    r = igata("run", m, "-i", tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    assert r.code == 0 and not r.err, r.err
    with np.load(tmp_path / "out.npz", allow_pickle=False) as z:
        assert z.files == list(arrays)
        for k, a in arrays.items():
            assert z[k].dtype.kind == a.dtype.kind and (z[k] == a).all()
            assert a.dtype.kind == "U" or z[k].dtype == a.dtype
    for form in ("npy", "json"):
        assert igata("run", m, "-i", tmp_path / "in.npz", "-o", tmp_path / form, "--output-format", form).code == 0
        again = [x for k in arrays for x in ("-i", f"{k}={tmp_path / form / k}.{form}")]
        assert igata("run", m, *again, "-o", tmp_path / f"{form}.npz").code == 0
        with np.load(tmp_path / f"{form}.npz") as z:
            assert all((z[k] == a).all() for k, a in arrays.items())


@pytest.mark.parametrize("kind,dtype", [("BFLOAT16", ml_dtypes.bfloat16), ("FLOAT8E4M3FN", ml_dtypes.float8_e4m3fn), ("INT4", ml_dtypes.int4),
                                        ("UINT4", ml_dtypes.uint4), ("FLOAT4E2M1", ml_dtypes.float4_e2m1fn)])
def test_types_numpy_lacks(igata, tmp_path, kind, dtype):
    m = passing(tmp_path / "m.onnx", value("x", getattr(TensorProto, kind), (5,)), opset=23, ir=11)
    a = np.array([0, 1, 2, 3, 6], "f4")
    np.savez(tmp_path / "in.npz", x=a)
    r = igata("run", m, "-i", tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    assert r.code == 0, r.err
    assert (np.load(tmp_path / "out.npz")["x"] == a).all()
    assert igata("run", m, "-i", tmp_path / "in.npz", "-o", tmp_path / "raw.npz", "--raw").code == 0
    raw = np.load(tmp_path / "raw.npz")["x"]
    bits = a.astype(dtype).view(np.uint16 if kind == "BFLOAT16" else np.uint8)
    assert raw.dtype == bits.dtype and (raw == bits).all()


def test_conversion_of_inputs(igata, tmp_path):
    m = passing(tmp_path / "m.onnx", value("x", TensorProto.FLOAT, (2,)), value("k", TensorProto.UINT8, (2,)))
    np.savez(tmp_path / "in.npz", x=np.array([1.5, 2.0]), k=np.array([1, 255]))
    r = igata("run", m, "-i", tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    assert r.code == 0 and "note" in r.err
    z = np.load(tmp_path / "out.npz")
    assert z["x"].dtype == np.float32 and z["k"].dtype == np.uint8
    np.savez(tmp_path / "in.npz", x=np.array([1.5, 2.0]), k=np.array([1, 256]))
    r = igata("run", m, "-i", tmp_path / "in.npz")
    assert r.code == 3 and "256" in r.err and "uint8" in r.err and "'k'" in r.err
    np.savez(tmp_path / "in.npz", x=floats(3), k=np.array([1, 2]))
    r = igata("run", m, "-i", tmp_path / "in.npz")
    assert r.code == 2 and "float[3]" in r.err and "float[2]" in r.err


def test_by_position(igata, tmp_path):
    m = passing(tmp_path / "m.onnx", value("a", shape=(2,)), value("b", shape=(3,)))
    np.savez(tmp_path / "in.npz", floats(2), floats(3))
    r = igata("run", m, "-i", tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    assert r.code == 0 and "by its position" in r.err
    np.savez(tmp_path / "in.npz", a=floats(2), other=floats(3), third=floats(1))
    r = igata("run", m, "-i", tmp_path / "in.npz")
    assert r.code == 2 and "'other'" in r.err and "'b'" in r.err
    assert igata("run", m, "-i", tmp_path / "in.npz", "--random").code == 0
    np.save(tmp_path / "b.npy", floats(3))
    assert igata("run", m, "-i", tmp_path / "in.npz", "-i", f"b={tmp_path / 'b.npy'}").code == 0
    r = igata("run", m, "-i", tmp_path / "b.npy")
    assert r.code == 2 and "NAME=FILE" in r.err
    r = igata("run", m, "-i", "c=none.npy")
    assert r.code == 2 and "a, b" in r.err


def test_sequences_and_maps(igata, tmp_path):
    m = passing(tmp_path / "m.onnx", sequence("s"), map_of("m"), optional("o"))
    arrays = {"s.0": floats(2), "s.1": floats(3, 2), "m.keys": np.array(["a", "bb"]), "m.values": np.array([1.5, 2.5])}
    np.savez(tmp_path / "in.npz", **arrays)
    r = igata("run", m, "-i", tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    assert r.code == 0, r.err
    with np.load(tmp_path / "out.npz") as z:
        assert z.files == list(arrays)  # an absent optional is left out
        for k, a in arrays.items():
            assert (z[k] == a).all()
        assert z["m.values"].dtype == np.float32
    arrays["o"] = floats(4)
    np.savez(tmp_path / "in.npz", **arrays)
    assert igata("run", m, "-i", tmp_path / "in.npz", "-o", tmp_path / "with.npz").code == 0
    assert (np.load(tmp_path / "with.npz")["o"] == arrays["o"]).all()
    assert igata("run", m, "-i", tmp_path / "in.npz").code == 0
    numbered = passing(tmp_path / "numbered.onnx", map_of("m", TensorProto.INT64, TensorProto.DOUBLE))
    np.savez(tmp_path / "in.npz", **{"m.keys": np.array([3, 5], "i4"), "m.values": np.array([1, 2], "f4")})
    assert igata("run", numbered, "-i", tmp_path / "in.npz", "-o", tmp_path / "map.npz").code == 0
    with np.load(tmp_path / "map.npz") as z:
        assert z["m.keys"].dtype == np.int64 and z["m.values"].dtype == np.float64
    one = passing(tmp_path / "one.onnx", sequence("s"))
    np.savez(tmp_path / "in.npz", **{"q.0": floats(2), "q.1": floats(3)})
    r = igata("run", one, "-i", tmp_path / "in.npz", "-o", tmp_path / "q.npz")
    assert r.code == 0 and sorted(np.load(tmp_path / "q.npz").files) == ["s.0", "s.1"]


def test_sequence_of_maps(igata, tmp_path):
    v = onnx.ValueInfoProto()
    v.name = "z"
    inner = v.type.sequence_type.elem_type.map_type
    inner.key_type = TensorProto.INT64
    inner.value_type.tensor_type.elem_type = TensorProto.FLOAT
    m = passing(tmp_path / "m.onnx", v)
    arrays = {"z.keys": np.array([3, 1, 2]), "z.values": floats(4, 3)}
    np.savez(tmp_path / "in.npz", **arrays)
    r = igata("run", m, "-i", tmp_path / "in.npz", "-o", tmp_path / "out.npz")
    assert r.code == 0, r.err
    with np.load(tmp_path / "out.npz") as z:
        assert z.files == list(arrays) and all((z[k] == a).all() for k, a in arrays.items())


def test_pb_files(igata, tmp_path):
    m = passing(tmp_path / "m.onnx", value("x", shape=(2, 3)), sequence("s"), optional("o"), value("t", TensorProto.STRING, (2,)))
    x, s = floats(2, 3), [floats(2), floats(4)]
    (tmp_path / "x.pb").write_bytes(numpy_helper.from_array(x).SerializeToString())
    (tmp_path / "s.pb").write_bytes(numpy_helper.from_list(s).SerializeToString())
    (tmp_path / "o.pb").write_bytes(numpy_helper.from_optional(None, dtype=onnx.OptionalProto.TENSOR).SerializeToString())
    (tmp_path / "t.pb").write_bytes(numpy_helper.from_array(np.array(["a", "ö"], object)).SerializeToString())
    inputs = [a for n in "xsot" for a in ("-i", f"{n}={tmp_path / n}.pb")]
    r = igata("run", m, *inputs, "-o", tmp_path / "out", "--output-format", "pb")
    assert r.code == 0, r.err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"output_{k}.pb" for k in range(4)]
    parse = lambda k, kind: kind.FromString((tmp_path / f"out/output_{k}.pb").read_bytes())
    assert (numpy_helper.to_array(parse(0, TensorProto)) == x).all()
    assert all((a == b).all() for a, b in zip(numpy_helper.to_list(parse(1, onnx.SequenceProto)), s))
    assert numpy_helper.to_optional(parse(2, onnx.OptionalProto)) is None
    assert [b.decode() if isinstance(b, bytes) else b for b in numpy_helper.to_array(parse(3, TensorProto))] == ["a", "ö"]
    np.save(tmp_path / "o.npy", x)
    inputs[5] = f"o={tmp_path / 'o.npy'}"
    assert igata("run", m, *inputs, "-o", tmp_path / "out", "--output-format", "pb", "--force").code == 0
    assert (numpy_helper.to_optional(parse(2, onnx.OptionalProto)) == x).all()


def test_random_inputs_and_dims(igata, tmp_path):
    m = passing(tmp_path / "m.onnx", value("x", shape=("n", "m")))
    read = lambda name: np.load(tmp_path / name)["x"]
    for name, args in {"a": ["--seed", 1], "b": ["--seed", 1], "c": ["--seed", 2]}.items():
        assert igata("run", m, "--random", "--dim", "n=4", "--dim=m=5", *args, "-o", tmp_path / f"{name}.npz").code == 0
    assert read("a.npz").shape == (4, 5) and (read("a.npz") == read("b.npz")).all() and (read("a.npz") != read("c.npz")).any()


def test_labels(igata, tmp_path):
    m = passing(tmp_path / "m.onnx", value("x", shape=("n", 3)))
    (tmp_path / "labels.txt").write_text("cat\ndog \x1b[31m\r\nbird\n")
    np.savez(tmp_path / "in.npz", x=np.array([[0.2, 0.7, 0.1]], "f4"))
    r = igata("run", m, "-i", tmp_path / "in.npz", "--labels", tmp_path / "labels.txt", "--top", 2)
    no_controls(r)
    assert [l.split()[:3] for l in r.out.splitlines()] == [["70.00", "%", "dog"], ["20.00", "%", "cat"]]
    np.savez(tmp_path / "in.npz", x=np.array([[0, 5, -5], [9, 0, 0]], "f4"))
    top = igata("run", m, "-i", tmp_path / "in.npz", "--labels", tmp_path / "labels.txt", "--top", 1, "--json").json()["top"]
    assert [row[0]["class"] for row in top] == [1, 0] and abs(top[0][0]["probability"] - 1 / (1 + np.exp(-5) + np.exp(-10))) < 1e-6


# ---------------------------------------------------------------------------------------------------------------- verify

def case(folder, x, expected, tol=None):
    (folder / "test_data_set_0").mkdir(parents=True)
    passing(folder / "model.onnx", value("x", shape=None))
    (folder / "test_data_set_0/input_0.pb").write_bytes(numpy_helper.from_array(x, "x").SerializeToString())
    (folder / "test_data_set_0/output_0.pb").write_bytes(numpy_helper.from_array(expected, "x").SerializeToString())
    if tol:
        (folder / "tol.json").write_text(json.dumps(tol))


def test_verify(igata, tmp_path):
    x = floats(2, 3)
    case(tmp_path / "all/good", x, x)
    case(tmp_path / "all/deep/near", x, x * np.float32(1.0005))
    case(tmp_path / "all/test_bernoulli_x", x, x + 5)
    r = igata("verify", tmp_path / "all")
    assert r.code == 0 and r.out == "3 of 3 cases passed\n", r.out
    case(tmp_path / "all/far", x, x + 1)
    case(tmp_path / "all/strict", x, x * np.float32(1.0005), {"rtol": 1e-6, "atol": 1e-6})
    case(tmp_path / "all/shape", x, x[:1])
    case(tmp_path / "all/bernoulli_shape", x, x[:1])
    r = igata("verify", tmp_path / "all", "--json")
    answer = r.json()
    assert r.code == 1 and (answer["cases"], answer["passed"]) == (7, 3)
    assert sorted(os.path.basename(f["case"]) for f in answer["failures"]) == ["bernoulli_shape", "far", "shape", "strict"]
    assert "expected float[1,3]" in next(f["reason"] for f in answer["failures"] if f["case"].endswith("/shape"))
    r = igata("verify", tmp_path / "all", "--atol", 10)
    assert r.code == 1 and "5 of 7 cases passed" in r.out
    assert igata("verify", tmp_path / "all/good", tmp_path / "all/deep").code == 0


# ----------------------------------------------------------------------------------------------------------------- tensors

def test_tensors(igata, tmp_path):
    weights = {"a/b": floats(2, 3), "i": np.arange(4), "h": floats(3).astype("f2"), "größe": np.array(["x", "yz"])}
    m = passing(tmp_path / "m.onnx", value("x"), initializers=[numpy_helper.from_array(a.astype(object) if a.dtype.kind == "U" else a, k) for k, a in weights.items()])
    r = igata("tensors", m, "-o", tmp_path / "w.npz")
    assert r.code == 0, r.err
    with np.load(tmp_path / "w.npz") as z:
        assert z.files == list(weights) and all((z[k] == a).all() for k, a in weights.items())
    assert igata("tensors", m, "-o", tmp_path / "w.npz").code == 2
    r = igata("tensors", m)
    assert r.code == 0 and "float[2,3]" in r.out and "4 tensors" in r.out
