/* Pooling with a norm, Upsample and Resize, sampling of grids and regions. */
#include "convert/convert.h"

/* ---- pooling ---- */

/* Rounding up, windows that start in the padding at the end are left out from this version on; before they count. */
ig_status ig_adapt_pool_ceil_down(ig_adapt *a) {
    ig_value *x = ig_adapt_in(a, 0), *y = ig_adapt_out(a, 0);
    size_t n, n_pads, n_strides, n_dilations;
    const int64_t *kernel = ig_attr_ints(a->node, "kernel_shape", &n), *pads = ig_attr_ints(a->node, "pads", &n_pads);
    const int64_t *strides = ig_attr_ints(a->node, "strides", &n_strides);
    const int64_t *dilations = ig_attr_ints(a->node, "dilations", &n_dilations);
    if (!ig_attr_int(a->node, "ceil_mode") || n_pads != 2 * n || ig_adapt_rank(x) != (int)n + 2) return IG_OK;
    for (size_t i = 0; i < n; i++) {
        int64_t size = ig_adapt_dim(x, (int)i + 2), made = ig_adapt_dim(y, (int)i + 2);
        int64_t stride = n_strides == n ? strides[i] : 1, dilation = n_dilations == n ? dilations[i] : 1;
        if (size == IG_UNKNOWN || made == IG_UNKNOWN || stride < 1) continue;
        int64_t room = size + pads[i] + pads[n + i] - dilation * (kernel[i] - 1) - 1;
        if ((room + stride - 1) / stride + 1 != made)
            return ig_adapt_refuse(a, "a window that starts in the padding counts before version %d", a->version);
    }
    return IG_OK;
}

/* p was a float in version 1 of LpPool. */

ig_status ig_adapt_lp_pool_up(ig_adapt *a) {
    const ig_attr *p = ig_attr_find(a->node, "p");
    if (!p || p->kind != IG_ATTR_FLOAT) return IG_OK;
    int64_t whole = (int64_t)p->f;
    if ((float)whole != p->f)
        return ig_adapt_refuse(a, "its p %g is no whole number, as it has to be from version 2 on", (double)p->f);
    return ig_attr_put_int(a->node, "p", whole) ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_lp_pool_down(ig_adapt *a) {
    return ig_attr_put_float(a->node, "p", (float)ig_attr_int(a->node, "p")) ? IG_OK : ig_oom(a->err);
}

/* ---- Upsample: width and height in version 1, a list in 7, an input in 9 ---- */

static bool put_text(ig_adapt *a, const char *name, const char *text) { return ig_attr_put_str(a->node, name, text); }

ig_status ig_adapt_upsample_up(ig_adapt *a) {
    float *scales = IG_NEW_ARRAY(&a->model->arena, float, 4);
    ig_attr attr = {.name = ig_model_name(a->model, "scales"), .kind = IG_ATTR_FLOATS, .n = 4, .floats = scales};
    if (!scales || !attr.name) return ig_oom(a->err);
    scales[0] = scales[1] = 1;
    scales[2] = ig_attr_float(a->node, "height_scale");
    scales[3] = ig_attr_float(a->node, "width_scale");
    bool linear = ig_attr_is(a->node, "mode", "bilinear");
    ig_attr_remove(a->node, "height_scale");
    ig_attr_remove(a->node, "width_scale");
    return ig_attr_put(a->node, &attr) && (!linear || put_text(a, "mode", "linear")) ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_upsample_down(ig_adapt *a) {
    size_t n;
    const float *scales = ig_attr_floats(a->node, "scales", &n);
    if (n != 4 || scales[0] != 1 || scales[1] != 1)
        return ig_adapt_refuse(a, "only height and width can be scaled before version 7");
    bool ok = ig_attr_put_float(a->node, "height_scale", scales[2]) && ig_attr_put_float(a->node, "width_scale", scales[3]);
    if (ig_attr_is(a->node, "mode", "linear")) ok = ok && put_text(a, "mode", "bilinear");
    ig_attr_remove(a->node, "scales");
    return ok ? IG_OK : ig_oom(a->err);
}

/* ---- Resize ---- */

/* Before version 10 there is only Upsample, which doesn't shrink. */
ig_status ig_adapt_resize_10_down(ig_adapt *a) {
    const ig_tensor *scales = ig_adapt_content(a, ig_adapt_in(a, 1));
    if (!scales) return ig_adapt_refuse(a, "its scales have to be constant before version 10");
    for (size_t i = 0; i < scales->count; i++)
        if (ig_load_as_f64(scales->dtype, scales->data, i) < 1)
            return ig_adapt_refuse(a, "shrinking is possible from version 10 on only");
    ig_name name = ig_model_name(a->model, "Upsample");
    if (!name) return ig_oom(a->err);
    a->node->op = name;
    a->to = ig_schema_find("", name, 9);
    return IG_OK;
}

/* Version 10 rounds down from x / scale; version 11 says that in words, and has a region in between. */
ig_status ig_adapt_resize_11_up(ig_adapt *a) {
    ig_value *scales = ig_adapt_in(a, 1);
    ig_adapt_set(a, 2, scales);
    ig_adapt_set(a, 1, ig_adapt_f32s(a, NULL, 0));
    bool ok = put_text(a, "coordinate_transformation_mode", "asymmetric");
    if (ig_attr_is(a->node, "mode", "nearest")) ok = ok && put_text(a, "nearest_mode", "floor");
    return ok ? IG_OK : ig_oom(a->err);
}

/* Growing by a whole factor, the nearest source of a pixel is the one that rounding down from x / scale finds too. */
static bool is_whole_growth(ig_adapt *a, const ig_tensor *scales) {
    static const char *const same[] = {"half_pixel", "pytorch_half_pixel"};
    bool half = false;
    for (size_t i = 0; i < IG_COUNT_OF(same); i++) half |= ig_attr_is(a->node, "coordinate_transformation_mode", same[i]);
    if (!half || !scales) return false;
    if (!ig_attr_is(a->node, "nearest_mode", "round_prefer_floor") && !ig_attr_is(a->node, "nearest_mode", "round_prefer_ceil"))
        return false;
    for (size_t i = 0; i < scales->count; i++) {
        double s = ig_load_as_f64(scales->dtype, scales->data, i);
        if (s < 1 || s > 1e6 || s != (double)(int64_t)s) return false;
    }
    return true;
}

static bool is_empty(const ig_value *v) { return !v || (ig_adapt_rank(v) == 1 && ig_adapt_dim(v, 0) == 0); }

ig_status ig_adapt_resize_11_down(ig_adapt *a) {
    ig_value *scales = ig_adapt_in(a, 2);
    bool nearest = ig_attr_is(a->node, "mode", "nearest");
    if (!is_empty(ig_adapt_in(a, 3)) || is_empty(scales))
        return ig_adapt_refuse(a, "its result's sizes can't be said before version 11, only scales");
    if (ig_attr_is(a->node, "mode", "cubic")) return ig_adapt_refuse(a, "its mode cubic came with version 11");
    bool plain = ig_attr_is(a->node, "coordinate_transformation_mode", "asymmetric") &&
                 (!nearest || ig_attr_is(a->node, "nearest_mode", "floor"));
    if (!plain && !(nearest && is_whole_growth(a, ig_adapt_content(a, scales))))
        return ig_adapt_refuse(
            a, "its way to find source pixels can't be said before version 11 (only asymmetric, rounding down)");
    static const char *const gone[] = {"coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside",
                                       "extrapolation_value"};
    for (size_t i = 0; i < IG_COUNT_OF(gone); i++) ig_attr_remove(a->node, gone[i]);
    ig_adapt_set(a, 1, scales); /* first: what nobody uses goes */
    ig_adapt_set(a, 2, NULL);
    ig_adapt_set(a, 3, NULL);
    return IG_OK;
}

/* Empty lists stood for absent inputs before version 13. */
ig_status ig_adapt_resize_13_up(ig_adapt *a) {
    for (uint32_t i = 1; i < 4; i++)
        if (ig_adapt_in(a, i) && is_empty(ig_adapt_in(a, i))) ig_adapt_set(a, i, NULL);
    char side[40];
    if (ig_attr_is(a->node, "coordinate_transformation_mode", "tf_half_pixel_for_nn"))
        return ig_adapt_refuse(a, "its coordinate_transformation_mode tf_half_pixel_for_nn can't be said %s",
                               ig_adapt_side(a, side));
    return IG_OK;
}

ig_status ig_adapt_resize_13_down(ig_adapt *a) {
    for (uint32_t i = 1; i < 3; i++)
        if (!ig_adapt_in(a, i)) ig_adapt_set(a, i, ig_adapt_f32s(a, NULL, 0));
    return IG_OK;
}

/* Spreads a list for some axes over all of them. */
static ig_value *spread(ig_adapt *a, ig_value *v, const ig_attr *axes, int rank, bool sizes) {
    const ig_tensor *t = ig_adapt_content(a, v);
    float scales[IG_MAX_RANK];
    int64_t whole[IG_MAX_RANK];
    if (!t || t->count != axes->n) return NULL;
    for (int i = 0; i < rank; i++) {
        scales[i] = 1;
        whole[i] = ig_adapt_dim(ig_adapt_in(a, 0), i);
    }
    for (size_t i = 0; i < axes->n; i++) {
        int64_t at = axes->ints[i] < 0 ? axes->ints[i] + rank : axes->ints[i];
        if (at < 0 || at >= rank) return NULL;
        scales[at] = (float)ig_load_as_f64(t->dtype, t->data, i);
        whole[at] = ig_load_as_i64(t->dtype, t->data, i);
    }
    for (int i = 0; sizes && i < rank; i++)
        if (whole[i] == IG_UNKNOWN) return NULL;
    return sizes ? ig_adapt_i64s(a, whole, (size_t)rank) : ig_adapt_f32s(a, scales, (size_t)rank);
}

ig_status ig_adapt_resize_18_down(ig_adapt *a) {
    const ig_attr *axes = ig_attr_find(a->node, "axes");
    int rank = ig_adapt_rank(ig_adapt_in(a, 0));
    if (!axes) return IG_OK;
    ig_value *scales = ig_adapt_in(a, 2), *sizes = ig_adapt_in(a, 3);
    ig_value *all = rank == IG_UNRANKED ? NULL : spread(a, sizes ? sizes : scales, axes, rank, sizes != NULL);
    if (!all || ig_attr_is(a->node, "coordinate_transformation_mode", "tf_crop_and_resize"))
        return ig_adapt_refuse(a, "its axes can't be said before version 18, and its scales or sizes are not constant");
    ig_attr_remove(a->node, "axes");
    ig_adapt_set(a, sizes ? 3 : 2, all);
    return IG_OK;
}

/* ---- grids and regions ---- */

static ig_status rename_mode(ig_adapt *a, const char *const names[][2], size_t n, const char *preset) {
    const ig_attr *mode = ig_attr_find(a->node, "mode");
    if (!mode) return put_text(a, "mode", preset) ? IG_OK : ig_oom(a->err);
    for (size_t i = 0; i < n; i++)
        if (ig_str_is(mode->s, names[i][0])) return put_text(a, "mode", names[i][1]) ? IG_OK : ig_oom(a->err);
    return IG_OK;
}

ig_status ig_adapt_grid_sample_up(ig_adapt *a) {
    static const char *const names[][2] = {{"bilinear", "linear"}, {"bicubic", "cubic"}};
    return rename_mode(a, names, IG_COUNT_OF(names), "linear");
}

ig_status ig_adapt_grid_sample_down(ig_adapt *a) {
    static const char *const names[][2] = {{"linear", "bilinear"}, {"cubic", "bicubic"}};
    if (ig_adapt_rank(ig_adapt_in(a, 0)) != 4)
        return ig_adapt_refuse(a, "its input has to be known to be of rank 4 before version 20");
    return rename_mode(a, names, IG_COUNT_OF(names), "bilinear");
}

ig_status ig_adapt_roi_align_down(ig_adapt *a) {
    if (!ig_attr_is(a->node, "coordinate_transformation_mode", "output_half_pixel"))
        return ig_adapt_refuse(a, "its coordinate_transformation_mode half_pixel came with version 16");
    ig_attr_remove(a->node, "coordinate_transformation_mode");
    return IG_OK;
}
