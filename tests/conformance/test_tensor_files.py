"""Tensor files against NumPy and Pillow: what they write igata reads, what igata writes they read, to the bit."""
import io
import json
import zipfile

import ml_dtypes
import numpy as np
import pytest
from PIL import Image

rng = np.random.default_rng(7)
PLAIN = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
SHAPES = [(), (0,), (1,), (7,), (2, 3), (3, 0, 2), (2, 3, 4, 5)]


def sample(dtype, shape):
    dtype = np.dtype(dtype)
    n = int(np.prod(shape))
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        i = np.iinfo(dtype)
        return rng.integers(i.min, i.max, shape, dtype=dtype.newbyteorder("="), endpoint=True).astype(dtype)
    if dtype.kind == "U":
        words = np.array(["", "a", "größe", "鋳型", "x\U0001F600y", "a longer one, with a comma"])
        return words[rng.integers(0, len(words), shape)].astype(dtype)
    bits = rng.integers(0, 256, n * dtype.itemsize, dtype=np.uint8).tobytes()
    return np.frombuffer(bits, dtype.newbyteorder("=")).reshape(shape).astype(dtype)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


@pytest.mark.parametrize("dtype", PLAIN + ["U9"])
@pytest.mark.parametrize("shape", SHAPES)
def test_npy_round_trip(tensor_file, tmp_path, dtype, shape):
    a = sample(dtype, shape)
    for k, variant in enumerate([a, a.copy("F"), a.astype(a.dtype.newbyteorder(">"))]):
        np.save(tmp_path / "a.npy", variant)
        assert tensor_file(tmp_path / "a.npy", tmp_path / f"b{k}.npy").code == 0
        b = np.load(tmp_path / f"b{k}.npy", allow_pickle=False)
        if dtype == "U9":
            assert b.shape == a.shape and (b == a).all()
        elif np.dtype(dtype).kind in "fc":  # converting byte order in NumPy may quiet a NaN
            assert b.dtype == a.dtype and np.array_equal(a, b, equal_nan=True)
        else:
            assert same(a, b)


def test_npy_bytes_are_numpys(tensor_file, tmp_path):
    for dtype in PLAIN:
        a = sample(dtype, (3, 4))
        np.save(tmp_path / "a.npy", a)
        tensor_file(tmp_path / "a.npy", tmp_path / "b.npy")
        assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions(tensor_file, tmp_path, version):
    a = sample("f4", (5, 2))
    with open(tmp_path / "a.npy", "wb") as f:
        np.lib.format.write_array(f, a, version=version)
    assert tensor_file(tmp_path / "a.npy", tmp_path / "b.npy").code == 0
    assert same(a, np.load(tmp_path / "b.npy"))


def test_npy_other_types(tensor_file, tmp_path):
    cases = {
        "S5": (np.array([b"ab", b"", b"xyzzy"]), np.array(["ab", "", "xyzzy"])),
        "M8": (np.array(["2020-01-01", "1969-12-31"], "M8[s]"), None),
        "m8": (np.array([5, -7], "m8[ms]"), None),
        "g": (np.array([1.5, -0.0, np.inf, 1e300, 5e-324, 3], np.longdouble), None),
    }
    for name, (a, want) in cases.items():
        np.save(tmp_path / "a.npy", a)
        r = tensor_file(tmp_path / "a.npy", tmp_path / "b.npy")
        assert r.code == 0, r.err
        b = np.load(tmp_path / "b.npy")
        if want is None:
            want = a.astype("f8") if name == "g" else a.astype("i8")
        assert b.dtype.kind == want.dtype.kind and np.array_equal(b, want), name


def header(descr="'<f4'", order="False", shape="(2,)", version=1, extra="", data=b"\0" * 8):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}{extra}}}".encode("utf-8")
    text += b" " * (64 - (len(text) + 11) % 64) + b"\n"
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


GOOD = {
    "python 2": header(shape="(2L,)"), "no space": header("\"<f4\""), "number word": header("'=f4'"), "bool": header("'|?'", data=b"\1\0"),
}
BAD = {
    "object": (4, header("'|O'", data=b"\x80\x04.")), "record": (4, header("[('a', '<f4')]")), "empty": (3, b""),
    "magic only": (3, b"\x93NUMPY"), "version 9": (3, header(version=9)), "cut": (3, header()[:-1]), "negative": (3, header(shape="(-1,)")),
    "overflow": (3, header(shape="(4611686018427387904, 8)")), "huge number": (3, header(shape="(99999999999999999999,)")),
    "unknown type": (3, header("'<q99'")), "size": (3, header("'<f3'")), "call": (3, header("__import__('os')")),
    "shape call": (3, header(shape="tuple((2,))")), "extra key": (3, header(extra=", 'x': 1")), "twice": (3, header(extra=", 'shape': (2,)")),
    "deep": (3, header("[" * 5000)), "deep records": (3, header("[('a', " * 50)), "bool text": (3, header(order="Maybe")),
    "open string": (3, header("'<f4")), "after": (3, header(shape="(2,)}, {")), "rank": (4, header(shape="(" + "1," * 40 + ")", data=b"\0" * 4)),
    "unicode": (3, header("'<U1'", shape="(1,)", data=b"\0\xd8\0\0")), "no dictionary": (3, b"\x93NUMPY\1\0\2\0()"),
    "void": (4, header("'|V3'")), "long": (4, header("'<c32'", shape="(0,)")),
}


@pytest.mark.parametrize("name", GOOD)
def test_npy_good(tensor_file, tmp_path, name):
    (tmp_path / "a.npy").write_bytes(GOOD[name])
    r = tensor_file(tmp_path / "a.npy", tmp_path / "b.npy")
    assert r.code == 0, r.err


@pytest.mark.parametrize("name", BAD)
def test_npy_bad(tensor_file, tmp_path, name):
    code, content = BAD[name]
    (tmp_path / "a.npy").write_bytes(content)
    r = tensor_file(tmp_path / "a.npy", tmp_path / "b.npy")
    assert (r.code, (tmp_path / "b.npy").exists()) == (code, False), r.err
    assert len(r.err) > 20
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]


def test_npz_round_trip(tensor_file, tmp_path):
    arrays = {f"a/{d}:0": sample(d, (3, 4)) for d in PLAIN} | {"größe": sample("U9", (4,)), "empty": np.zeros((0, 3), "f4"), "0d": np.float32(3)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        r = tensor_file(tmp_path / "a.npz", tmp_path / "b.npz")
        assert r.code == 0, r.err
        with np.load(tmp_path / "b.npz", allow_pickle=False) as z:
            assert z.files == list(arrays)
            for k, a in arrays.items():
                assert z[k].shape == np.shape(a)
                assert (z[k] == a).all() if a.dtype.kind == "U" else same(z[k], a), k
    first = (tmp_path / "b.npz").read_bytes()
    tensor_file(tmp_path / "a.npz", tmp_path / "b.npz")
    assert first == (tmp_path / "b.npz").read_bytes()
    assert zipfile.ZipFile(tmp_path / "b.npz").testzip() is None


def zip_bytes(entries, method=zipfile.ZIP_DEFLATED):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", method) as z:
        for name, content in entries:
            z.writestr(name, content)
    return b.getvalue()


def npy_bytes(a):
    b = io.BytesIO()
    np.save(b, a, allow_pickle=True)
    return b.getvalue()


def test_npz_bad(tensor_file, tmp_path):
    good = zip_bytes([("a.npy", npy_bytes(np.arange(1000)))])
    damaged = bytearray(zip_bytes([("a.npy", npy_bytes(np.arange(1000)))], zipfile.ZIP_STORED))
    damaged[500] ^= 1
    cases = {
        "cut": (3, good[:-30]), "crc": (3, bytes(damaged)), "no zip": (3, b"PK\3\4" + b"\0" * 100), "pickle": (4, b"\x80\x04cos\nsystem\n."),
        "object": (4, zip_bytes([("a.npy", npy_bytes(np.array([{}], object)))])), "short": (3, zip_bytes([("a.npy", npy_bytes(np.arange(9))[:-8])])),
    }
    for name, (code, content) in cases.items():
        (tmp_path / "a.npz").write_bytes(content)
        r = tensor_file(tmp_path / "a.npz", tmp_path / "b.npz")
        assert r.code == code and not (tmp_path / "b.npz").exists(), (name, r.code, r.err)
    (tmp_path / "a.npz").write_bytes(zip_bytes([("../../slip.npy", npy_bytes(np.arange(3))), ("x.txt", b"no array")]))
    assert tensor_file(tmp_path / "a.npz", tmp_path / "folder").code == 0
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["_._.._slip.npy"]


NARROW = {
    "bfloat16": (ml_dtypes.bfloat16, "f4", "u2"), "float8e4m3fn": (ml_dtypes.float8_e4m3fn, "f4", "u1"), "float8e5m2": (ml_dtypes.float8_e5m2, "f4", "u1"),
    "float8e4m3fnuz": (ml_dtypes.float8_e4m3fnuz, "f4", "u1"), "float8e5m2fnuz": (ml_dtypes.float8_e5m2fnuz, "f4", "u1"),
    "float8e8m0": (ml_dtypes.float8_e8m0fnu, "f4", "u1"), "float4e2m1": (ml_dtypes.float4_e2m1fn, "f4", "u1"), "float6e2m3": (ml_dtypes.float6_e2m3fn, "f4", "u1"),
    "float6e3m2": (ml_dtypes.float6_e3m2fn, "f4", "u1"), "int4": (ml_dtypes.int4, "i1", "u1"), "uint4": (ml_dtypes.uint4, "u1", "u1"),
    "int2": (ml_dtypes.int2, "i1", "u1"), "uint2": (ml_dtypes.uint2, "u1", "u1"),
}


@pytest.mark.parametrize("name", NARROW)
def test_types_numpy_lacks(tensor_file, tmp_path, name):
    """Every value of the type, from raw bytes, comes out as the nearest wider type or as bits."""
    dtype, wide, bits = NARROW[name]
    width = {"bfloat16": 16, "float4e2m1": 4, "float6e2m3": 6, "float6e3m2": 6, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2}.get(name, 8)
    codes = np.arange(1 << width, dtype=np.uint16 if width == 16 else np.uint8)
    values = codes.view(dtype).astype(wide)
    as_bits = "".join(format(int(c), f"0{width}b")[::-1] for c in codes)  # packed from the low bits up
    packed = bytes(int(as_bits[i:i + 8][::-1], 2) for i in range(0, len(as_bits), 8))
    (tmp_path / "a.raw").write_bytes(packed)
    dims = f"dims={len(codes)}"
    assert tensor_file(tmp_path / "a.raw", tmp_path / "w.npy", f"dtype={name}", dims).code == 0
    w = np.load(tmp_path / "w.npy")
    assert w.dtype == np.dtype(wide) and np.array_equal(w, values, equal_nan=wide == "f4")
    assert tensor_file(tmp_path / "a.raw", tmp_path / "b.npz", f"dtype={name}", dims, "raw=1").code == 0
    b = np.load(tmp_path / "b.npz")["x"]
    assert b.dtype == np.dtype(bits) and np.array_equal(b, codes)
    assert tensor_file(tmp_path / "a.raw", tmp_path / "c.raw", f"dtype={name}", dims).code == 0
    assert (tmp_path / "c.raw").read_bytes() == packed


def test_void_is_bfloat16(tensor_file, tmp_path):
    a = np.array([1.5, -2, 3e38], ml_dtypes.bfloat16)
    np.save(tmp_path / "a.npy", a)
    assert np.load(tmp_path / "a.npy").dtype == np.dtype("V2")
    assert tensor_file(tmp_path / "a.npy", tmp_path / "b.npy").code == 0
    assert np.array_equal(np.load(tmp_path / "b.npy"), a.astype("f4"))


JSON_CASES = [
    ("[[1, 2], [3, 4]]", "", np.array([[1, 2], [3, 4]], "i8")), ("[1, 2.5]", "", np.array([1, 2.5])), ("[true, false]", "", np.array([True, False])),
    ("3", "dtype=float", np.array(3, "f4")), ("[NaN, Infinity, -Infinity, 1]", "dtype=float", np.array([np.nan, np.inf, -np.inf, 1], "f4")),
    ('["NaN", "Infinity", "-Infinity"]', "dtype=double", np.array([np.nan, np.inf, -np.inf])),
    ('["a, NaN \\" Infinity", "ö"]', "dtype=string", np.array(['a, NaN " Infinity', "ö"])),
    ('{"dtype": "float16", "shape": [2, 1], "data": [1, 2]}', "", np.array([[1], [2]], "f2")),
    ('{"dtype": "float32", "shape": [1, 2], "data": [[1, 2]]}', "", np.array([[1, 2]], "f4")),
    ('{"dtype": "complex64", "data": [[1, 2], [3, -4]]}', "", np.array([1 + 2j, 3 - 4j], "c8")),
    ("[9007199254740993]", "", np.array([9007199254740993])), ("[[], []]", "", np.zeros((2, 0))),
    ("[1, 0]", "dtype=bool", np.array([True, False])), ("[1, 2, 3, 4]", "dims=1,-1,2", np.array([[[1, 2], [3, 4]]])),
]


@pytest.mark.parametrize("case", range(len(JSON_CASES)))
def test_json(tensor_file, tmp_path, case):
    text, option, want = JSON_CASES[case]
    (tmp_path / "a.json").write_text(text)
    r = tensor_file(tmp_path / "a.json", tmp_path / "b.npy", *([option] if option else []))
    assert r.code == 0, r.err
    got = np.load(tmp_path / "b.npy")
    assert got.dtype.kind == want.dtype.kind and got.shape == want.shape
    assert (got == want).all() if want.dtype.kind == "U" else np.array_equal(got, want, equal_nan=want.dtype.kind in "fc")


@pytest.mark.parametrize("text", ["", "[1,", "[[1], [2, 3]]", "[[1], 2]", "[1, [2]]", "[" * 3000, '{"x": 1}', '[{"a": 1}]', "[null]", '{"dtype": "nonsense", "data": [1]}',
                                  '{"shape": [3], "data": [1]}', '{"shape": [-1], "data": [1]}', "[1e999]", "[99999999999999999999]", "\xff\xfe"])
def test_json_bad(tensor_file, tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="latin1")
    r = tensor_file(tmp_path / "a.json", tmp_path / "b.npy")
    assert r.code in (3, 4) and len(r.err) > 20, (r.code, r.err)


def test_narrowing_is_exact_or_refused(tensor_file, tmp_path):
    for text, option, code in [("[255]", "dtype=uint8", 0), ("[256]", "dtype=uint8", 3), ("[-1]", "dtype=uint64", 3), ("[1.5]", "dtype=int32", 3),
                               ("[2.0]", "dtype=int32", 0), ("[2]", "dtype=bool", 3), ('["x"]', "dtype=float", 3), ('["1.5"]', "dtype=float", 0)]:
        (tmp_path / "a.json").write_text(text)
        assert tensor_file(tmp_path / "a.json", tmp_path / "b.npy", option).code == code, text


@pytest.mark.parametrize("dtype", PLAIN + ["U9"])
def test_json_round_trip(tensor_file, tmp_path, dtype):
    for shape in SHAPES:
        a = sample(dtype, shape)
        np.save(tmp_path / "a.npy", a)
        assert tensor_file(tmp_path / "a.npy", tmp_path / "a.json").code == 0
        if a.size < 40 or dtype != "U9":
            parsed = json.loads((tmp_path / "a.json").read_text())
            assert parsed["shape"] == list(shape) and parsed["name"] == "x"
        if dtype == "u8" and a.size and a.max() > np.iinfo("i8").max:
            continue  # JSON readers, ours too, take integers as 64 bits with a sign
        r = tensor_file(tmp_path / "a.json", tmp_path / "b.npy")
        assert r.code == 0, r.err
        b = np.load(tmp_path / "b.npy")
        assert b.shape == a.shape and ((b == a).all() if dtype == "U9" else np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def test_csv(tensor_file, tmp_path):
    for text, option, want in [
            ("1,2\n3,4\n", "", np.array([[1, 2], [3, 4]])), ("a;b\r\n1;2.5\r\n", "", np.array([[1, 2.5]])), ("1\n2\n\n3", "", np.array([1, 2, 3])),
            ('"x, ""y""",b\nc,d\n', "", np.array([['x, "y"', "b"], ["c", "d"]])), ("1,,3\n", "dtype=float", np.array([[1, np.nan, 3]], "f4")),
            ("\ufeffa\tb\n1\t2\n", "dtype=float", np.array([[1, 2]], "f4")), ("1,2,3,4\n", "dims=1,2,-1", np.array([[[1, 2], [3, 4]]]))]:
        (tmp_path / "a.csv").write_text(text, newline="")
        r = tensor_file(tmp_path / "a.csv", tmp_path / "b.npy", *([option] if option else []))
        assert r.code == 0, r.err
        got = np.load(tmp_path / "b.npy")
        assert got.shape == want.shape and got.dtype.kind == want.dtype.kind, (text, got)
        assert (got == want).all() if want.dtype.kind == "U" else np.array_equal(got, want, equal_nan=want.dtype.kind == "f")
    (tmp_path / "a.csv").write_text("1,2\n3\n")
    assert tensor_file(tmp_path / "a.csv", tmp_path / "b.npy").code == 3
    for dtype in ("f4", "f8", "f2", "i8", "U9"):
        a = sample(dtype, (5, 3))
        np.save(tmp_path / "a.npy", a)
        assert tensor_file(tmp_path / "a.npy", tmp_path / "a.csv").code == 0
        kind = {"f4": "float", "f8": "double", "f2": "float16", "i8": "int64", "U9": "string"}[dtype]
        assert tensor_file(tmp_path / "a.csv", tmp_path / "b.npy", f"dtype={kind}").code == 0
        b = np.load(tmp_path / "b.npy")
        assert (a == b).all() if dtype == "U9" else np.array_equal(a, b, equal_nan=dtype[0] == "f")


def test_raw(tensor_file, tmp_path):
    a = sample("f4", (2, 3, 4))
    (tmp_path / "a.raw").write_bytes(a.tobytes())
    for dims in ("2,3,4", "-1,3,4", "2,-1,4"):
        assert tensor_file(tmp_path / "a.raw", tmp_path / "b.npy", "dtype=float", f"dims={dims}").code == 0
        assert same(np.load(tmp_path / "b.npy"), a)
    for dims in ("2,3,5", "-1,-1,4", "5,-1,4"):
        assert tensor_file(tmp_path / "a.raw", tmp_path / "b.npy", "dtype=float", f"dims={dims}").code in (2, 3)


def picture(mode, size=(53, 37)):
    y, x = np.mgrid[:size[1], :size[0]]
    base = np.stack([(x * 5) % 256, (y * 7) % 256, (x * y) % 256, 255 - (x * 3) % 256], -1).astype(np.uint8)
    base[5:9, 7:20] = rng.integers(0, 256, (4, 13, 4))
    return Image.fromarray(base, "RGBA").convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize("size", [(53, 37), (17, 11), (90, 61), (20, 37), (53, 8), (1, 1)])
def test_png_as_pillow(tensor_file, tmp_path, mode, size):
    p = picture("L" if mode == "I;16" else mode)
    (Image.fromarray(np.asarray(p).astype(np.uint16) * 257) if mode == "I;16" else p).save(tmp_path / "a.png")
    want = np.asarray(p.convert("RGB").resize(size, Image.BILINEAR)).transpose(2, 0, 1)[None]
    r = tensor_file(tmp_path / "a.png", tmp_path / "b.npy", "dtype=uint8", f"dims=1,3,{size[1]},{size[0]}")
    assert r.code == 0, r.err
    assert np.array_equal(np.load(tmp_path / "b.npy"), want)


def test_png_interlaced_and_cut(tensor_file, tmp_path):
    p = picture("RGB")
    p.save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    for n in (0, 7, 8, 20, 33, 60, len(content) // 2, len(content) - 20):
        (tmp_path / "c.png").write_bytes(content[:n])
        r = tensor_file(tmp_path / "c.png", tmp_path / "b.npy")
        assert r.code == 3, (n, r.code, r.err)
    huge = content[:16] + (60000).to_bytes(4, "big") * 2 + content[24:]
    (tmp_path / "c.png").write_bytes(huge)
    assert tensor_file(tmp_path / "c.png", tmp_path / "b.npy").code in (3, 5)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_as_pillow(tensor_file, tmp_path, mode, progressive):
    picture("RGB", (160, 120)).convert(mode).save(tmp_path / "a.jpg", quality=90, progressive=progressive)
    p = Image.open(tmp_path / "a.jpg")
    for size in [(160, 120), (64, 48)]:
        want = np.asarray(p.convert("RGB").resize(size, Image.BILINEAR)).astype(int)
        r = tensor_file(tmp_path / "a.jpg", tmp_path / "b.npy", "dtype=uint8", f"dims=1,{size[1]},{size[0]},3")
        assert r.code == 0, r.err
        assert np.abs(np.load(tmp_path / "b.npy")[0].astype(int) - want).max() <= 1
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "c.jpg").write_bytes(content[:len(content) // 2])
    assert tensor_file(tmp_path / "c.jpg", tmp_path / "b.npy").code == 3


def test_picture_layouts(tensor_file, tmp_path):
    p = picture("RGB")
    p.save(tmp_path / "a.png")
    pixels = np.asarray(p)

    def read(*options):
        r = tensor_file(tmp_path / "a.png", tmp_path / "b.npy", *options)
        assert r.code == 0, r.err
        return np.load(tmp_path / "b.npy")

    assert np.array_equal(read(), pixels.transpose(2, 0, 1)[None])
    assert np.array_equal(read("layout=nhwc"), pixels[None])
    assert np.array_equal(read("dims=37,53,3"), pixels)
    assert np.array_equal(read("dims=3,-1,-1"), pixels.transpose(2, 0, 1))
    assert np.array_equal(read("dims=37,53"), np.asarray(p.convert("L")))
    assert np.array_equal(read("dims=1,1,37,53")[0, 0], np.asarray(p.convert("L")))
    assert np.array_equal(read("bgr=1", "layout=nhwc"), pixels[None, :, :, ::-1])
    assert np.array_equal(read("dims=1,4,37,53")[0, 3], np.full((37, 53), 255))
    assert np.allclose(read("dtype=float", "layout=nhwc"), pixels[None] / np.float32(255), atol=1e-7)
    got = read("dtype=float", "layout=nhwc", "mean=123.7,116.3,103.5", "scale=0.0171,0.0175,0.0174")
    assert np.allclose(got, (pixels[None] - np.float32([123.7, 116.3, 103.5])) * np.float32([0.0171, 0.0175, 0.0174]), atol=1e-5)
    assert np.array_equal(read("dtype=int8", "layout=nhwc", "mean=128"), (pixels[None].astype(int) - 128).astype(np.int8))
    assert np.array_equal(read("dtype=float16", "scale=1", "layout=nhwc"), pixels[None].astype("f2"))
    box = ((53 - 37) / 2, 0, (53 + 37) / 2, 37)
    want = np.asarray(p.resize((16, 16), Image.BILINEAR, box=box))
    assert np.array_equal(read("dims=16,16,3", "crop=1"), want)
    for bad in (["dims=2,3,8,8"], ["dims=5,8,8"], ["dims=8"], ["layout=chwn"], ["dtype=string"], ["mean=1,2", "dtype=float"]):
        assert tensor_file(tmp_path / "a.png", tmp_path / "b.npy", *bad).code == 2, bad
