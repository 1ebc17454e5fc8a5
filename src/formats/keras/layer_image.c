/* Pictures made larger and smaller, and cut. Sizes are changed by ONNX's Resize where TensorFlow's kernels do the same, else by
 * a matrix for each axis with the weights that those kernels use. */
#include "formats/keras/layers.h"

#include <math.h>

/* -------------------------------------------------------------------------------------------------------------- weights */

typedef struct filter {
    const char *name;
    double radius;
    double (*weight)(double x, double radius);
} filter;

static double triangle(double x, double radius) { return fmax(0, radius - fabs(x)); }

static double keys_cubic(double x, double radius) {
    x = fabs(x);
    if (x >= radius) return 0;
    return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : ((1.5 * x - 2.5) * x) * x + 1;
}

static double mitchell_cubic(double x, double radius) {
    x = fabs(x);
    if (x >= radius) return 0;
    return x >= 1 ? (((-7.0 / 18) * x + 2) * x - 10.0 / 3) * x + 16.0 / 9 : (((7.0 / 6) * x - 2) * x) * x + 8.0 / 9;
}

static double lanczos(double x, double radius) {
    const double pi = 3.14159265358979323846;
    x = fabs(x);
    if (x > radius) return 0;
    return x <= 1e-3 ? 1 : radius * sin(pi * x) * sin(pi * x / radius) / (pi * pi * x * x);
}

static double gaussian(double x, double radius) {
    double sigma = radius / 3;
    x = fabs(x);
    return x >= radius ? 0 : exp(-x * x / (2 * sigma * sigma));
}

static const filter filters[] = {
    {"bilinear", 1, triangle}, {"bicubic", 2, keys_cubic},           {"lanczos3", 3, lanczos},
    {"lanczos5", 5, lanczos},  {"mitchellcubic", 2, mitchell_cubic}, {"gaussian", 1.5, gaussian},
};

/* As TensorFlow's ScaleAndTranslate. */
static void filter_row(const filter *f, bool antialias, int64_t in, int64_t out, int64_t i, float *row) {
    float inverse = 1.0f / ((float)out / (float)in), scale = antialias && inverse > 1 ? inverse : 1;
    float at = ((float)i + 0.5f) * inverse, reach = (float)f->radius * scale;
    double total = 0;
    if (at < 0 || at > (float)in) return;
    int64_t from = (int64_t)ceilf(at - reach - 0.5f), to = (int64_t)floorf(at + reach - 0.5f);
    from = from < 0 ? 0 : from >= in ? in - 1 : from;
    to = to < 0 ? 0 : to >= in ? in - 1 : to;
    for (int64_t k = from; k <= to; k++) {
        double w = f->weight(((double)k + 0.5 - (double)at) / (double)scale, f->radius);
        row[k] = (float)w;
        total += (double)row[k];
    }
    for (int64_t k = from; k <= to && fabs(total) > 1e-30; k++) row[k] = (float)((double)row[k] / total);
}

/* As TensorFlow's ResizeBicubic: weights from a table of 1024 steps; what lies outside doesn't count. */
static void bicubic_row(int64_t in, int64_t out, int64_t i, float *row) {
    float scale = (float)in / (float)out, at = ((float)i + 0.5f) * scale - 0.5f;
    int64_t base = (int64_t)floorf(at);
    double step = (double)lrintf((at - (float)base) * 1024) / 1024, total = 0;
    const double distances[] = {step + 1, step, 1 - step, 2 - step};
    for (int k = 0; k < 4; k++) {
        int64_t from = base - 1 + k;
        if (from < 0 || from >= in) continue;
        row[from] = (float)keys_cubic(distances[k], 2);
        total += (double)row[from];
    }
    for (int64_t k = base - 1; k <= base + 2; k++)
        if (k >= 0 && k < in && fabs(total) > 1e-30) row[k] = (float)((double)row[k] / total);
}

/* As TensorFlow's ResizeArea: the mean over what the element covers. */
static void area_row(int64_t in, int64_t out, int64_t i, float *row) {
    double scale = (double)in / (double)out, from = (double)i * scale, to = (double)(i + 1) * scale;
    for (int64_t k = (int64_t)floor(from); (double)k < to && k < in; k++) {
        double covered = fmin((double)k + 1, to) - fmax((double)k, from);
        if (covered > 0) row[k] += (float)(covered / scale);
    }
}

/* [out, in] */
static ig_value *matrix(ig_k *k, ig_str mode, bool antialias, int64_t in, int64_t out) {
    const filter *f = NULL;
    ig_tensor *t;
    int64_t dims[] = {out, in};
    for (size_t i = 0; i < IG_COUNT_OF(filters); i++)
        if (ig_str_is(mode, filters[i].name)) f = &filters[i];
    if (in < 1 || out < 1 || in > 1 << 16 || out > 1 << 16 || (!f && !ig_str_is(mode, "area"))) {
        ig_k_refuse(k, in < 1 ? "the size of its picture isn't known" : "its interpolation is none that igata knows");
        return NULL;
    }
    if (k->s->status != IG_OK) return NULL;
    if (ig_tensor_new(&t, k->l->model->context, IG_F32, 2, dims, k->l->err) != IG_OK) {
        k->s->status = IG_E_MEMORY;
        return NULL;
    }
    memset(t->data, 0, t->bytes);
    for (int64_t i = 0; i < out; i++) {
        float *row = (float *)t->data + i * in;
        if (!f)
            area_row(in, out, i, row);
        else if (ig_str_is(mode, "bicubic") && !antialias)
            bicubic_row(in, out, i, row);
        else
            filter_row(f, antialias, in, out, i, row);
    }
    return ig_sketch_constant(k->s, t);
}

/* ---------------------------------------------------------------------------------------------------------------- Resize */

/* Of the last two dims. */
static ig_value *resize(ig_k *k, ig_value *x, ig_str mode, bool antialias, int64_t h, int64_t w) {
    int rank = ig_k_rank(x);
    bool nearest = ig_str_is(mode, "nearest"), bilinear = ig_str_is(mode, "bilinear");
    if (nearest || (bilinear && !antialias)) {
        ig_value *front = ig_k_shape(k, x, 0, rank - 2),
                 *sizes = ig_k_concat(k, (ig_value *[]){front, ig_k_i64s(k, (int64_t[]){h, w}, 2)}, 2, 0);
        const char *how = nearest
                              ? "mode='nearest', coordinate_transformation_mode='half_pixel', nearest_mode='round_prefer_ceil'"
                              : "mode='linear', coordinate_transformation_mode='half_pixel'";
        return ig_k_op(k, "Resize", how, (ig_value *[]){x, NULL, NULL, sizes}, 4);
    }
    ig_dtype dtype = ig_k_dtype(x);
    x = ig_k_cast(k, x, IG_F32);
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "rows", matrix(k, mode, antialias, ig_k_dim(x, rank - 2), h));
    ig_k_bind(k, "columns", matrix(k, mode, antialias, ig_k_dim(x, rank - 1), w));
    ig_value *y = ig_k_v(k, "MatMul(MatMul(rows, x), Transpose<perm=[1, 0]>(columns))");
    return ig_k_cast(k, y, ig_dtype_is_float(dtype) ? dtype : IG_F32);
}

ig_status ig_k_lower_up_sampling(ig_k *k) {
    int n = (int)ig_k_arg_of(k), rank;
    int64_t size[3];
    float scales[5] = {1, 1, 1, 1, 1};
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    IG_TRY(ig_k_need_rank(k, k->in[0], &rank));
    if (rank != n + 2 || !ig_k_ints(k, "size", size, (size_t)n, 2)) return ig_k_refuse(k, "its size doesn't fit its input");
    ig_value *x = ig_k_channels_first(k) ? k->in[0] : ig_k_first(k, k->in[0]);
    ig_str mode = ig_json_text(ig_k_get(k, "interpolation"));
    if (mode.s && !ig_str_is(mode, "nearest") && n == 2) {
        int64_t h = ig_k_dim(x, 2), w = ig_k_dim(x, 3);
        if (h < 0 || w < 0 || h > 1 << 20 || w > 1 << 20 || size[0] < 1 || size[1] < 1 || size[0] > 1024 || size[1] > 1024)
            return ig_k_refuse(k, "the size of its picture isn't known");
        ig_k_out_first(k, 0, resize(k, x, mode, false, h * size[0], w * size[1]));
        return IG_OK;
    }
    for (int i = 0; i < n; i++) scales[i + 2] = (float)size[i];
    ig_tensor *t;
    int64_t dims = n + 2;
    IG_TRY(ig_tensor_new(&t, k->l->model->context, IG_F32, 1, &dims, k->l->err));
    memcpy(t->data, scales, t->bytes);
    ig_value *factors = ig_sketch_constant(k->s, t);
    ig_k_out_first(k, 0,
                   ig_k_op(k, "Resize", "mode='nearest', coordinate_transformation_mode='asymmetric', nearest_mode='floor'",
                           (ig_value *[]){x, NULL, factors}, 3));
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------- pictures with or without batch
 */

/* The picture with channels before the spatial dims, those last. */
static ig_status enter(ig_k *k, ig_value **x) {
    int rank;
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    IG_TRY(ig_k_need_rank(k, k->in[0], &rank));
    if (rank != 3 && rank != 4) return ig_k_refuse(k, "its input has %d dims, and no picture has", rank);
    *x = k->in[0];
    if (ig_k_channels_first(k)) return IG_OK;
    *x = rank == 4 ? ig_k_first(k, *x) : ig_k_transpose(k, *x, (int64_t[]){2, 0, 1}, 3);
    return IG_OK;
}

static void leave(ig_k *k, ig_value *y) {
    if (ig_k_channels_first(k))
        ig_k_out(k, 0, y);
    else
        ig_k_out(k, 0, ig_k_rank(k->in[0]) == 4 ? ig_k_last(k, y) : ig_k_transpose(k, y, (int64_t[]){1, 2, 0}, 3));
}

static ig_value *cut(ig_k *k, ig_value *x, int64_t top, int64_t left, int64_t h, int64_t w) {
    int rank = ig_k_rank(x);
    int64_t from[] = {top, left}, to[] = {top + h, left + w}, axes[] = {rank - 2, rank - 1};
    return IG_K_OP(k, "Slice", "", x, ig_k_i64s(k, from, 2), ig_k_i64s(k, to, 2), ig_k_i64s(k, axes, 2));
}

static ig_value *padded(ig_k *k, ig_value *x, int64_t top, int64_t left, double fill) {
    int64_t pads[8] = {0};
    int rank = ig_k_rank(x);
    pads[rank - 2] = pads[2 * rank - 2] = top;
    pads[rank - 1] = pads[2 * rank - 1] = left;
    return IG_K_OP(k, "Pad", "", x, ig_k_i64s(k, pads, (size_t)rank * 2), ig_k_scalar(k, ig_k_dtype(x), fill));
}

/* A part of the picture with the sides of the result. */
static ig_value *cut_to_aspect(ig_k *k, ig_value *x, int64_t h, int64_t w) {
    int64_t height = ig_k_dim(x, -2), width = ig_k_dim(x, -1);
    if (height < 1 || width < 1) {
        ig_k_refuse(k, "the size of its picture isn't known");
        return NULL;
    }
    int64_t ch = (int64_t)((float)(width * h) / (float)w), cw = (int64_t)((float)(height * w) / (float)h);
    ch = ch > height ? height : ch < 1 ? 1 : ch;
    cw = cw > width ? width : cw < 1 ? 1 : cw;
    return cut(k, x, (height - ch) / 2, (width - cw) / 2, ch, cw);
}

static ig_value *pad_to_aspect(ig_k *k, ig_value *x, int64_t h, int64_t w, double fill) {
    int64_t height = ig_k_dim(x, -2), width = ig_k_dim(x, -1);
    if (height < 1 || width < 1) {
        ig_k_refuse(k, "the size of its picture isn't known");
        return NULL;
    }
    int64_t ph = (int64_t)((float)(width * h) / (float)w), pw = (int64_t)((float)(height * w) / (float)h);
    ph = ph < height ? height : ph;
    pw = pw < width ? width : pw;
    return padded(k, x, (ph - height) / 2, (pw - width) / 2, fill);
}

static ig_status read_sides(ig_k *k, int64_t *h, int64_t *w) {
    *h = ig_k_int(k, "height", 0);
    *w = ig_k_int(k, "width", 0);
    return *h < 1 || *w < 1 || *h > 1 << 16 || *w > 1 << 16 ? ig_k_refuse(k, "its height and width are no sizes") : IG_OK;
}

ig_status ig_k_lower_resizing(ig_k *k) {
    ig_value *x;
    int64_t h, w;
    IG_TRY(read_sides(k, &h, &w));
    IG_TRY(enter(k, &x));
    ig_str mode = ig_json_text(ig_k_get(k, "interpolation"));
    if (!mode.s) mode = IG_STR("bilinear");
    x = ig_k_is_float(x) ? x : ig_k_cast(k, x, k->dtype);
    if (ig_k_bool(k, "crop_to_aspect_ratio", false)) x = cut_to_aspect(k, x, h, w);
    if (ig_k_bool(k, "pad_to_aspect_ratio", false)) x = pad_to_aspect(k, x, h, w, ig_k_real(k, "fill_value", 0));
    if (x) leave(k, resize(k, x, mode, ig_k_bool(k, "antialias", false), h, w));
    return IG_OK;
}

/* The middle; a picture that is too small is made larger, its sides cut to fit. */
ig_status ig_k_lower_center_crop(ig_k *k) {
    ig_value *x;
    int64_t h, w;
    IG_TRY(read_sides(k, &h, &w));
    IG_TRY(enter(k, &x));
    x = ig_k_is_float(x) ? x : ig_k_cast(k, x, k->dtype);
    int64_t height = ig_k_dim(x, -2), width = ig_k_dim(x, -1);
    if (height < 1 || width < 1) return ig_k_refuse(k, "the size of its picture isn't known");
    if (height >= h && width >= w)
        x = cut(k, x, (height - h) / 2, (width - w) / 2, h, w);
    else
        x = resize(k, cut_to_aspect(k, x, h, w), IG_STR("bilinear"), false, h, w);
    leave(k, x);
    return IG_OK;
}

/* When a model is used, Keras 3 leaves the picture alone; Keras 2 makes it smaller, its sides cut to fit. */
ig_status ig_k_lower_random_crop(ig_k *k) {
    ig_value *x;
    int64_t h, w;
    if (k->version >= 3) {
        if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
        ig_k_out(k, 0, ig_k_cast(k, k->in[0], k->dtype));
        return IG_OK;
    }
    IG_TRY(read_sides(k, &h, &w));
    IG_TRY(enter(k, &x));
    x = cut_to_aspect(k, ig_k_cast(k, x, k->dtype), h, w);
    if (x) leave(k, resize(k, x, IG_STR("bilinear"), false, h, w));
    return IG_OK;
}

ig_status ig_k_lower_rescaling(ig_k *k) {
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    const ig_json *scale = ig_k_get(k, "scale"), *offset = ig_k_get(k, "offset");
    bool scalars = !ig_json_count(scale) && !ig_json_count(offset), twin = scalars && ig_k_has_first(k, k->in[0]);
    ig_value *x = ig_k_cast(k, twin ? ig_k_first(k, k->in[0]) : k->in[0], k->dtype);
    const ig_json *values[] = {scale, offset};
    for (int i = 0; i < 2; i++) {
        if (!values[i]) continue;
        ig_value *v = ig_k_constant(k, values[i], k->dtype);
        if (ig_k_rank(v) > 0 && ig_k_channels_first(k)) v = ig_k_reshape(k, v, (int64_t[]){-1, 1, 1}, 3);
        x = IG_K_OP(k, i ? "Add" : "Mul", "", x, v);
    }
    ig_k_out(k, 0, twin ? ig_k_last(k, x) : x);
    return IG_OK;
}
