"""ImageDecoder's kinds of files against Pillow; damaged files are empty pictures."""

import io

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

RNG = np.random.default_rng(3)
COLOURS = Image.fromarray(RNG.integers(0, 256, (13, 17, 3), np.uint8).repeat(2, 0).repeat(2, 1))
FILES = {
    "bmp": ("BMP", COLOURS, {}), "bmp-32": ("BMP", COLOURS.convert("RGBA"), {}), "bmp-palette": ("BMP", COLOURS.quantize(200), {}), "bmp-grey": ("BMP", COLOURS.convert("L"), {}), "bmp-bits": ("BMP", COLOURS.convert("1"), {}),
    "ppm": ("PPM", COLOURS, {}), "pgm": ("PPM", COLOURS.convert("L"), {}), "pbm": ("PPM", COLOURS.convert("1"), {}), "pgm-16": ("PPM", COLOURS.convert("L").convert("I;16"), {}),
    "png": ("PNG", COLOURS, {}), "png-palette": ("PNG", COLOURS.quantize(16), {}), "png-bits": ("PNG", COLOURS.convert("1"), {}), "png-alpha": ("PNG", COLOURS.convert("RGBA"), {}),
    "jpeg": ("JPEG", COLOURS, {"quality": 90}), "jpeg-444": ("JPEG", COLOURS, {"subsampling": 0}), "jpeg-progressive": ("JPEG", COLOURS, {"progressive": True}), "jpeg-grey": ("JPEG", COLOURS.convert("L"), {}),
    "webp": ("WEBP", COLOURS, {"lossless": True}), "webp-lossy": ("WEBP", COLOURS, {"quality": 80}),
    "tiff": ("TIFF", COLOURS, {}), "tiff-lzw": ("TIFF", COLOURS, {"compression": "tiff_lzw"}), "tiff-deflate": ("TIFF", COLOURS, {"compression": "tiff_adobe_deflate"}), "tiff-grey": ("TIFF", COLOURS.convert("L"), {}),
    "jp2": ("JPEG2000", COLOURS, {"irreversible": False}), "jp2-grey": ("JPEG2000", COLOURS.convert("L"), {"irreversible": False}), "j2k": ("JPEG2000", COLOURS, {"no_jp2": True}),
}  # fmt: skip


def encoded(name):
    kind, picture, options = FILES[name]
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def decode(igata, folder, data, pixel_format="RGB"):
    node = helper.make_node("ImageDecoder", ["x"], ["y"], pixel_format=pixel_format)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n"])], [helper.make_tensor_value_info("y", TensorProto.UINT8, ["h", "w", "c"])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), folder / "m.onnx")
    np.savez(folder / "x.npz", x=np.frombuffer(data, np.uint8))
    r = igata("run", folder / "m.onnx", "-i", folder / "x.npz", "-o", folder / "y.npz", "--force")
    assert r.code == 0, r.err
    return np.load(folder / "y.npz")["y"]


@pytest.mark.parametrize("name", FILES)
def test_decode(igata, tmp_path, name):
    data = encoded(name)
    want = Image.open(io.BytesIO(data))
    if want.mode.startswith("I"):  # 16 bits: Pillow would clip, not scale
        want = Image.fromarray(np.round(np.asarray(want) / 257).astype(np.uint8))
    want = want.convert("RGB")
    got = decode(igata, tmp_path, data)
    assert got.shape == np.asarray(want).shape
    # Lossy kinds: builds of one library round their transforms differently.
    assert np.abs(got.astype(int) - np.asarray(want)).max() <= (2 if name in ("webp-lossy", "j2k") or name.startswith("jpeg") else 0)
    if name == "png":
        assert (decode(igata, tmp_path, data, "BGR") == got[..., ::-1]).all()
        assert (decode(igata, tmp_path, data, "Grayscale")[..., 0] == np.asarray(want.convert("L"))).all()


@pytest.mark.parametrize("name", ["bmp", "bmp-palette", "ppm", "pbm", "png", "webp", "tiff-lzw", "jp2", "jpeg"])
def test_cut_off(igata, tmp_path, name):
    data = encoded(name)
    for part in (0, len(data) // 8, len(data) // 2):
        assert decode(igata, tmp_path, data[:part]).shape in ((0, 0, 3), (26, 34, 3))
