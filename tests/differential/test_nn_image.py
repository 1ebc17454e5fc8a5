"""Resizing, sampling and regions against onnxruntime."""

import numpy as np
import pytest
from nn import floats, one, reference_run


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"])
@pytest.mark.parametrize("sizes", [(7, 9), (3, 4), (1, 5), (10, 12)])
def test_resize(mode, coordinates, sizes):
    rng = np.random.default_rng(1)
    x = floats(rng, 1, 2, 5, 6)
    roi = np.array([0, 0, 0.1, 0.2, 1, 1, 0.8, 1.1], np.float32) if coordinates == "tf_crop_and_resize" else None
    attrs = dict(mode=mode, coordinate_transformation_mode=coordinates, extrapolation_value=5.0)
    if mode == "nearest":
        attrs["nearest_mode"] = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"][sizes[0] % 4]
    one("Resize", [x, roi, None, np.array([1, 2, *sizes])], attrs, opset=19, rtol=1e-3, atol=1e-4)
    if coordinates not in ("align_corners", "tf_crop_and_resize"):  # the oracles differ for lengths that aren't whole
        scales = np.array([1, 1, sizes[0] / 5, sizes[1] / 6], np.float32)
        one("Resize", [x, roi, scales], attrs, opset=13, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int32, np.float64])
@pytest.mark.parametrize("exclude", [0, 1])
@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
def test_resize_antialias(mode, dtype, exclude, policy):
    rng = np.random.default_rng(1)
    x = (floats(rng, 1, 2, 11, 13) * 40 + 100).astype(dtype)
    for antialias in (0, 1):
        attrs = dict(mode=mode, antialias=antialias, exclude_outside=exclude, axes=[2, 3], keep_aspect_ratio_policy=policy)
        one("Resize", [x, None, None, np.array([4, 17])], attrs, opset=19, oracle=reference_run, atol=1.01 if np.dtype(dtype).kind in "iu" else 1e-4)


@pytest.mark.parametrize("shape,scales", [((2, 3, 7), (1, 1, 2)), ((3, 4), (2, 1.5)), ((1, 2, 3, 4, 5), (1, 1, 2, 1, 2)), ((5,), (3,))])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsample(shape, scales, mode):
    rng = np.random.default_rng(1)
    x = floats(rng, *shape)
    one("Resize", [x, np.array(scales, np.float32)], dict(mode=mode), opset=10)
    one("Upsample", [x, np.array(scales, np.float32)], dict(mode=mode), opset=9)
    one("Upsample", [x], dict(mode=mode, scales=list(map(float, scales))), opset=7)
    if mode == "nearest":
        for dtype in (np.int64, np.uint8, np.float16, np.bool_):
            one("Resize", [x.astype(dtype), None, np.array(scales, np.float32)], dict(mode=mode), opset=13, oracle=reference_run)


@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [0, 1])
def test_grid_sample(mode, padding, align):
    rng = np.random.default_rng(1)
    x, grid = floats(rng, 2, 3, 5, 6), floats(rng, 2, 4, 7, 2, scale=0.8)
    attrs = dict(mode=mode, padding_mode=padding, align_corners=align)
    one("GridSample", [x, grid], attrs, opset=20, rtol=1e-3, atol=1e-4)
    one("GridSample", [x, grid], dict(attrs, mode={"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)), opset=16, rtol=1e-3, atol=1e-4)
    if mode != "cubic":
        x, grid = floats(rng, 2, 2, 3, 4, 5), floats(rng, 2, 3, 2, 4, 3, scale=0.8)
        one("GridSample", [x, grid], attrs, opset=20, rtol=1e-3, atol=1e-4)
        one("GridSample", [x.astype(np.float64), grid.astype(np.float64)], attrs, opset=20, oracle=reference_run, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("align", [0, 1])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 3, 4, 5, 6), (1, 1, 2, 3)])
def test_affine_grid(align, size):
    rng = np.random.default_rng(1)
    d = len(size) - 2
    one("AffineGrid", [floats(rng, size[0], d, d + 1), np.array(size)], dict(align_corners=align), opset=20)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("ratio", [0, 2])
@pytest.mark.parametrize("opset,coordinates", [(10, None), (16, "half_pixel"), (16, "output_half_pixel")])
def test_roi_align(mode, ratio, opset, coordinates):
    rng = np.random.default_rng(1)
    corners = rng.random((6, 2)) * 8
    rois = np.concatenate([corners, corners + rng.random((6, 2)) * 8], 1).astype(np.float32)
    attrs = dict(mode=mode, sampling_ratio=ratio, output_height=3, output_width=2, spatial_scale=0.6)
    if coordinates:
        attrs["coordinate_transformation_mode"] = coordinates
    one("RoiAlign", [floats(rng, 2, 3, 9, 10), rois, rng.integers(0, 2, 6)], attrs, opset=opset)


def test_max_roi_pool():
    rng = np.random.default_rng(1)
    corners = rng.integers(0, 8, (6, 2))
    rois = np.concatenate([rng.integers(0, 2, (6, 1)), corners, corners + rng.integers(0, 8, (6, 2))], 1).astype(np.float32)
    one("MaxRoiPool", [floats(rng, 2, 3, 9, 10), rois], dict(pooled_shape=[3, 2], spatial_scale=0.7), opset=1)


@pytest.mark.parametrize("seed", range(20))
def test_nms(seed):
    rng = np.random.default_rng(seed)
    corners = rng.random((2, 30, 2))
    boxes = np.concatenate([corners, corners + rng.random((2, 30, 2)) * 0.5 - 0.1], 2).astype(np.float32)
    if seed % 2:
        boxes[..., 2:] = np.abs(boxes[..., 2:])
    scores = rng.random((2, 3, 30)).astype(np.float32)
    inputs = [boxes, scores, np.array([int(rng.integers(1, 9))]), np.array([0.3], np.float32), np.array([0.4], np.float32)]
    for n in (3, 4, 5):
        one("NonMaxSuppression", inputs[:n], dict(center_point_box=seed % 2), opset=11)
