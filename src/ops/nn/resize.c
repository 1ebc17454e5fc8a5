/* Resize and the older Upsample. */
#include "ops/nn/resize.h"

#include <math.h>
#include <stdio.h>

void ig_resample_inputs(const ig_node *node, int *roi, int *scales, int *sizes) {
    bool upsample = node->schema->name[0] == 'U', early = upsample || node->schema->since < 11;
    *roi = early ? -1 : 1;
    *scales = upsample && node->schema->since < 9 ? -1 : early ? 1 : 2;
    *sizes = early ? -1 : 3;
}

static bool choose(const ig_node *node, const char *attr, const char *const *names, int n, int *value, char *why, size_t size) {
    ig_str text = ig_attr_str(node, attr);
    for (int i = 0; i < n; i++)
        if (ig_str_is(text, names[i])) {
            *value = i;
            return true;
        }
    snprintf(why, size, "attribute %s is '%.*s'", attr, (int)ig_min_size(text.n, 40), text.s ? text.s : "");
    return false;
}

static bool read_modes(ig_resample *r, const ig_node *node, char *why, size_t size) {
    static const char *const modes[] = {"nearest", "linear", "cubic", "bilinear"};
    static const char *const coordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",  "align_corners",
                                              "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn"};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    int value;
    if (!choose(node, "mode", modes, 4, &value, why, size)) return false;
    r->mode = value == 3 ? IG_RESIZE_LINEAR : (ig_resize_mode)value;
    r->coordinates = IG_ASYMMETRIC;
    r->nearest = IG_ROUND_EARLY;
    if (!ig_schema_attr_find(node->schema, "coordinate_transformation_mode")) return true; /* before version 11 */
    if (!choose(node, "coordinate_transformation_mode", coordinates, 7, &value, why, size)) return false;
    r->coordinates = (ig_resize_coordinates)value;
    if (!choose(node, "nearest_mode", nearest, 4, &value, why, size)) return false;
    r->nearest = (ig_resize_nearest)value;
    r->exclude_outside = ig_attr_int(node, "exclude_outside") != 0;
    r->cubic = (double)ig_attr_float(node, "cubic_coeff_a");
    r->outside = (double)ig_attr_float(node, "extrapolation_value");
    r->antialias = ig_schema_attr_find(node->schema, "antialias") && ig_attr_int(node, "antialias");
    return true;
}

/* The dims that scales, sizes and roi speak of. False: a wrong entry. */
static bool read_axes(const ig_node *node, int rank, int *axes, size_t *n, char *why, size_t size) {
    size_t given = 0;
    const int64_t *list = ig_schema_attr_find(node->schema, "axes") ? ig_attr_ints(node, "axes", &given) : NULL;
    *n = given ? given : (size_t)rank;
    uint32_t seen = 0;
    for (size_t i = 0; i < *n; i++) {
        int64_t a = given ? list[i] : (int64_t)i;
        if (a < 0) a += rank;
        if (a >= 0 && a < rank && !(seen >> a & 1)) {
            axes[i] = (int)a;
            seen |= 1u << a;
            continue;
        }
        snprintf(why, size, "axes has entry %lld for rank %d", (long long)a, rank);
        return false;
    }
    return true;
}

/* Scales of old versions are attributes. Returns how many there are. */
static size_t read_scales(const ig_node *node, const ig_tensor *t, float *out, size_t most) {
    size_t n = 0;
    if (t) {
        for (n = 0; n < t->count && n < most; n++) out[n] = (float)ig_load_as_f64(t->dtype, t->data, n);
        return t->count;
    }
    if (node->schema->name[0] != 'U') return 0;
    if (node->schema->since >= 7 && node->schema->since < 9) {
        const float *list = ig_attr_floats(node, "scales", &n);
        for (size_t i = 0; i < n && i < most; i++) out[i] = list[i];
        return n;
    }
    if (node->schema->since >= 7 || most < 4) return 0;
    out[0] = out[1] = 1;
    out[2] = ig_attr_float(node, "height_scale");
    out[3] = ig_attr_float(node, "width_scale");
    return 4;
}

static ig_dim scaled(ig_syms *syms, ig_dim in, float scale) {
    if (ig_dim_known(in)) {
        /* In float, as onnxruntime does, where a float can hold the result. */
        float v = floorf((float)in.value * scale);
        if (in.value < 1 << 23 && v < 0x1p23f) return v >= 0 ? ig_dim_of((int64_t)v) : ig_dim_unknown();
        double exact = floor((double)in.value * (double)scale);
        return exact >= 0 && exact < 0x1p62 ? ig_dim_of((int64_t)exact) : ig_dim_unknown();
    }
    if (scale == floorf(scale) && scale < 0x1p31f) return ig_dim_mul(syms, in, ig_dim_of((int64_t)scale));
    float part = 1 / scale;
    return part == floorf(part) && part < 0x1p31f ? ig_dim_floor_div(syms, in, ig_dim_of((int64_t)part)) : ig_dim_unknown();
}

static bool apply_scales(ig_resample *r, ig_syms *syms, const ig_dim *in, const int *axes, size_t n, const float *scales,
                         size_t count, char *why, size_t size) {
    if (count != n) {
        snprintf(why, size, "scales has %zu entries, not %zu", count, n);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!(scales[i] > 0) || isinf(scales[i])) {
            snprintf(why, size, "scales has entry %g", (double)scales[i]);
            return false;
        }
        r->scale[axes[i]] = (double)scales[i];
        r->out[axes[i]] = scaled(syms, in[axes[i]], scales[i]);
    }
    return true;
}

/* Sizes that keep the aspect ratio are those of the smallest or the largest scale. */
static void keep_ratio(ig_resample *r, const ig_dim *in, const int *axes, size_t n, const ig_dim *sizes, bool largest) {
    double scale = largest ? 0 : INFINITY;
    bool known = true;
    for (size_t i = 0; i < n; i++) {
        known &= ig_dim_known(sizes[i]) && ig_dim_known(in[axes[i]]) && in[axes[i]].value > 0;
        if (!known) break;
        double s = (double)sizes[i].value / (double)in[axes[i]].value;
        scale = largest ? fmax(scale, s) : fmin(scale, s);
    }
    for (size_t i = 0; i < n; i++) {
        r->scale[axes[i]] = known ? scale : 0;
        r->out[axes[i]] = known ? ig_dim_of((int64_t)(scale * (double)in[axes[i]].value + 0.5)) : ig_dim_unknown();
    }
}

static bool apply_sizes(ig_resample *r, const ig_node *node, const ig_dim *in, const int *axes, size_t n, const ig_ints *sizes,
                        char *why, size_t size) {
    if (sizes->n != n) {
        snprintf(why, size, "sizes has %zu entries, not %zu", sizes->n, n);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (ig_dim_known(sizes->values[i]) && (sizes->values[i].value < 0 || sizes->values[i].value > INT64_MAX >> 16)) {
            snprintf(why, size, "sizes has entry %lld", (long long)sizes->values[i].value);
            return false;
        }
    bool policy = ig_schema_attr_find(node->schema, "keep_aspect_ratio_policy") != NULL;
    if (policy && !ig_attr_is(node, "keep_aspect_ratio_policy", "stretch")) {
        keep_ratio(r, in, axes, n, sizes->values, ig_attr_is(node, "keep_aspect_ratio_policy", "not_smaller"));
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        ig_dim from = in[axes[i]], to = sizes->values[i];
        r->out[axes[i]] = to;
        r->scale[axes[i]] =
            ig_dim_known(from) && ig_dim_known(to) && from.value > 0 ? (double)to.value / (double)from.value : 0;
    }
    return true;
}

bool ig_resample_of(ig_resample *r, const ig_node *node, ig_syms *syms, int rank, const ig_dim *in, const ig_tensor *roi,
                    const ig_tensor *scales, const ig_ints *sizes, char *why, size_t size) {
    *r = (ig_resample){.rank = rank};
    int axes[IG_MAX_RANK];
    size_t n;
    float list[IG_MAX_RANK];
    if (!read_modes(r, node, why, size) || !read_axes(node, rank, axes, &n, why, size)) return false;
    for (int k = 0; k < rank; k++) {
        r->out[k] = in[k];
        r->scale[k] = 1;
        r->roi[0][k] = 0, r->roi[1][k] = 1;
    }
    for (size_t i = 0; i < n; i++) r->out[axes[i]] = ig_dim_unknown(), r->scale[axes[i]] = 0;
    if (roi && roi->count == 2 * n)
        for (size_t i = 0; i < 2 * n; i++) r->roi[i / n][axes[i % n]] = ig_load_as_f64(roi->dtype, roi->data, i);
    size_t count = read_scales(node, scales, list, IG_MAX_RANK);
    if (sizes) {
        r->has_sizes = true;
        return apply_sizes(r, node, in, axes, n, sizes, why, size);
    }
    return count == 0 || apply_scales(r, syms, in, axes, n, list, count, why, size);
}

static ig_status infer(ig_infer *c) {
    ig_shape x;
    ig_dtype dtype = ig_infer_dtype(c, 0);
    int roi, scales, sizes;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, dtype, NULL);
    ig_resample_inputs(c->node, &roi, &scales, &sizes);
    if (c->syms && sizes >= 0 && !ig_infer_has(c, (size_t)scales) && !ig_infer_has(c, (size_t)sizes))
        return ig_infer_fail(c, "neither scales nor sizes are given");
    const ig_tensor *ts = scales >= 0 && c->data && (size_t)scales < c->n_in ? c->data[scales] : NULL;
    const ig_tensor *tr = roi >= 0 && c->data && (size_t)roi < c->n_in ? c->data[roi] : NULL;
    if (ts && ts->count == 0 && sizes >= 0) ts = NULL;
    ig_ints list;
    bool has_sizes = sizes >= 0 && (size_t)sizes < c->n_in && ig_infer_ints(c, (size_t)sizes, &list) && list.n > 0;
    ig_resample r;
    char why[200];
    if (!ig_resample_of(&r, c->node, c->syms, x.rank, x.dims, tr, ts, has_sizes ? &list : NULL, why, sizeof why))
        return ig_infer_fail(c, "%s", why);
    memcpy(x.dims, r.out, sizeof r.out);
    return ig_infer_set(c, 0, dtype, &x);
}

const ig_op ig_op_resize = {"", "Resize", 10, 0, 0, infer, ig_resample_run, NULL, NULL};
const ig_op ig_op_upsample = {"", "Upsample", 1, 0, 0, infer, ig_resample_run, NULL, NULL};
