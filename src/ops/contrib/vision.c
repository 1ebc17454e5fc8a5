/* com.microsoft: CropAndResize, MaxpoolWithMask. */
#include "ops/op.h"

#include <float.h>
#include <math.h>

#define MS "com.microsoft"

/* -------------------------------------------------------------------------------------------------------- CropAndResize */

static ig_status infer_crop(ig_infer *c) {
    ig_shape x, rois, y = {.rank = 4};
    ig_ints size;
    bool known = ig_infer_ints(c, 3, &size) && size.n == 2;
    for (int i = 0; i < 4; i++) y.dims[i] = ig_dim_unknown();
    if (ig_infer_shape(c, 0, &x)) {
        if (x.rank != 4) return ig_infer_fail(c, "the input must have 4 dimensions");
        y.dims[1] = x.dims[1];
    }
    if (ig_infer_shape(c, 1, &rois)) {
        if (rois.rank != 2) return ig_infer_fail(c, "the boxes must be a matrix");
        y.dims[0] = rois.dims[0];
    }
    for (int i = 0; i < 2 && known; i++) {
        y.dims[2 + i] = size.values[i];
        if (ig_dim_known(size.values[i]) && size.values[i].value < 1) return ig_infer_fail(c, "the crop size must be positive");
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

typedef struct crops {
    const ig_tensor *x, *rois;
    const int32_t *batch;
    ig_tensor *y;
    bool bilinear;
    double outside;
} crops;

/* Position of sample i of n over [from, to] of a size: corners lie on corners. In the precision of the boxes, because nearest
 * pixels hang on the last bit. */
static double sample_at(ig_dtype dtype, double from, double to, size_t i, size_t n, size_t size) {
    double last = (double)size - 1;
    if (dtype == IG_F64)
        return n > 1 ? from * last + (double)i * ((to - from) * last / (double)(n - 1)) : 0.5 * (from + to) * last;
    float a = (float)from, b = (float)to, end = (float)last;
    return (double)(n > 1 ? a * end + (float)i * ((b - a) * end / (float)(n - 1)) : 0.5f * (a + b) * end);
}

static double pixel(const crops *k, size_t plane, size_t y, size_t x) {
    size_t h = (size_t)k->x->dims[2], w = (size_t)k->x->dims[3];
    return ig_load_as_f64(k->x->dtype, k->x->data, (plane * h + y) * w + x);
}

static double sample(const crops *k, size_t plane, double y, double x) {
    if (!k->bilinear) return pixel(k, plane, (size_t)round(y), (size_t)round(x));
    size_t top = (size_t)floor(y), left = (size_t)floor(x), bottom = (size_t)ceil(y), right = (size_t)ceil(x);
    double fy = y - (double)top, fx = x - (double)left;
    double above = pixel(k, plane, top, left) * (1 - fx) + pixel(k, plane, top, right) * fx;
    double below = pixel(k, plane, bottom, left) * (1 - fx) + pixel(k, plane, bottom, right) * fx;
    return above * (1 - fy) + below * fy;
}

/* One channel of one box after the other. */
static void crop_planes(void *arg, size_t begin, size_t end) {
    const crops *k = arg;
    size_t channels = (size_t)k->y->dims[1], h = (size_t)k->y->dims[2], w = (size_t)k->y->dims[3];
    double last_y = (double)k->x->dims[2] - 1, last_x = (double)k->x->dims[3] - 1;
    for (size_t p = begin; p < end; p++) {
        size_t box = p / channels, plane = (size_t)k->batch[box] * channels + p % channels;
        double at[4];
        for (size_t i = 0; i < 4; i++) at[i] = ig_load_as_f64(k->rois->dtype, k->rois->data, box * 4 + i);
        for (size_t i = 0; i < h; i++) {
            double y = sample_at(k->rois->dtype, at[0], at[2], i, h, (size_t)k->x->dims[2]);
            for (size_t j = 0; j < w; j++) {
                double x = sample_at(k->rois->dtype, at[1], at[3], j, w, (size_t)k->x->dims[3]);
                bool inside = y >= 0 && y <= last_y && x >= 0 && x <= last_x;
                ig_store_f64(k->y->dtype, k->y->data, (p * h + i) * w + j, inside ? sample(k, plane, y, x) : k->outside);
            }
        }
    }
}

static ig_status run_crop(ig_call *c) {
    const ig_tensor *x = c->in[0], *rois = c->in[1], *batch = c->in[2], *size = c->in[3];
    if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 4 || batch->count != (size_t)rois->dims[0] || size->count != 2)
        return ig_call_fail(c, "boxes [n, 4], their batch indices [n] and a crop size [2] are due");
    const int32_t *hw = size->data, *index = batch->data;
    if (hw[0] < 1 || hw[1] < 1) return ig_call_fail(c, "the crop size is %d, %d", (int)hw[0], (int)hw[1]);
    for (size_t i = 0; i < batch->count; i++)
        if (index[i] < 0 || index[i] >= x->dims[0])
            return ig_call_fail(c, "batch index %d is outside of [0, %lld)", (int)index[i], (long long)x->dims[0]);
    IG_TRY(ig_call_output(c, 0, x->dtype, 4, (int64_t[]){rois->dims[0], x->dims[1], hw[0], hw[1]}));
    crops k = {x,
               rois,
               index,
               c->out[0],
               ig_attr_is(c->node, "mode", "bilinear"),
               (double)ig_attr_float(c->node, "extrapolation_value")};
    if (!k.bilinear && !ig_attr_is(c->node, "mode", "nearest")) return ig_call_fail(c, "mode must be bilinear or nearest");
    if (c->out[0]->count) ig_parallel(c->threads, (size_t)(rois->dims[0] * x->dims[1]), 1, crop_planes, &k);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------ MaxpoolWithMask */

typedef struct pool {
    int n; /* spatial axes */
    int64_t kernel[3], stride[3], before[3], after[3];
} pool;

static bool read_pool(const ig_node *node, int rank, pool *p) {
    size_t n_kernel, n_stride, n_pads;
    const int64_t *kernel = ig_attr_ints(node, "kernel_shape", &n_kernel), *stride = ig_attr_ints(node, "strides", &n_stride),
                  *pads = ig_attr_ints(node, "pads", &n_pads);
    *p = (pool){.n = rank - 2};
    if (p->n < 1 || p->n > 3 || n_kernel != (size_t)p->n || (n_stride && n_stride != (size_t)p->n) ||
        (n_pads && n_pads != 2 * (size_t)p->n) || !ig_attr_is(node, "auto_pad", "NOTSET"))
        return false;
    bool ok = true;
    for (int i = 0; i < p->n; i++) {
        p->kernel[i] = kernel[i];
        p->stride[i] = n_stride ? stride[i] : 1;
        p->before[i] = n_pads ? pads[i] : 0;
        p->after[i] = n_pads ? pads[p->n + i] : 0;
        const int64_t sizes[] = {p->kernel[i], p->stride[i], p->before[i], p->after[i]};
        for (int k = 0; k < 4; k++) ok &= sizes[k] >= (k < 2) && sizes[k] < INT32_MAX;
    }
    return ok;
}

static ig_status infer_masked(ig_infer *c) {
    ig_shape x;
    pool p;
    if (!ig_infer_shape(c, 0, &x)) return IG_OK;
    if (!read_pool(c->node, x.rank, &p))
        return ig_infer_fail(c, "kernel_shape, strides and pads don't fit an input of rank %d", x.rank);
    for (int i = 0; i < p.n; i++) {
        ig_dim d = ig_dim_add(c->syms, x.dims[i + 2], ig_dim_of(p.before[i] + p.after[i] - p.kernel[i]));
        if (ig_dim_known(d) && d.value < 0) return ig_infer_fail(c, "the window is larger than the padded input");
        x.dims[i + 2] = ig_dim_add(c->syms, ig_dim_floor_div(c->syms, d, ig_dim_of(p.stride[i])), ig_dim_of(1));
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

typedef struct masked {
    const pool *p;
    const float *x;
    const int32_t *mask;
    size_t mask_planes; /* of which the input's planes take turns */
    float *y;
    int64_t in[3], out[3]; /* spatial sizes, filled up with ones in front */
    pool full;             /* the window likewise */
} masked;

/* A row of the window ends where its mask ends, as in onnxruntime (which takes masks of several planes from odd places). */
static float window_max(const masked *k, const float *x, const int32_t *mask, const int64_t *at) {
    float best = -FLT_MAX;
    int64_t from[3], to[3];
    for (int i = 0; i < 3; i++) {
        from[i] = at[i] * k->full.stride[i] - k->full.before[i];
        to[i] = ig_min_i64(from[i] + k->full.kernel[i], k->in[i]);
        from[i] = ig_max_i64(from[i], 0);
    }
    for (int64_t a = from[0]; a < to[0]; a++) {
        for (int64_t b = from[1]; b < to[1]; b++) {
            for (int64_t d = from[2]; d < to[2]; d++) {
                int64_t i = (a * k->in[1] + b) * k->in[2] + d;
                if (i > 0 && mask[i] == 0) break;
                best = x[i] > best ? x[i] : best;
            }
        }
    }
    return best;
}

static void pool_planes(void *arg, size_t begin, size_t end) {
    const masked *k = arg;
    size_t in = (size_t)(k->in[0] * k->in[1] * k->in[2]), out = (size_t)(k->out[0] * k->out[1] * k->out[2]);
    for (size_t p = begin; p < end; p++) {
        float *y = k->y + p * out;
        for (int64_t a = 0; a < k->out[0]; a++)
            for (int64_t b = 0; b < k->out[1]; b++)
                for (int64_t d = 0; d < k->out[2]; d++)
                    *y++ = window_max(k, k->x + p * in, k->mask + p % k->mask_planes * in, (int64_t[]){a, b, d});
    }
}

static ig_status run_masked(ig_call *c) {
    const ig_tensor *x = c->in[0], *mask = c->in[1];
    ig_tensor *y = c->out[0];
    pool p;
    if (!read_pool(c->node, x->rank, &p)) return ig_call_fail(c, "kernel_shape, strides and pads don't fit the input");
    masked k = {.p = &p, .x = x->data, .mask = mask->data, .y = y->data};
    size_t plane = 1;
    for (int i = 0; i < 3; i++) {
        int s = i - (3 - p.n);
        k.in[i] = s < 0 ? 1 : x->dims[s + 2];
        k.out[i] = s < 0 ? 1 : y->dims[s + 2];
        k.full.kernel[i] = s < 0 ? 1 : p.kernel[s];
        k.full.stride[i] = s < 0 ? 1 : p.stride[s];
        k.full.before[i] = s < 0 ? 0 : p.before[s];
        plane *= (size_t)k.in[i];
    }
    if (mask->kind != IG_KIND_TENSOR || plane == 0 || mask->count == 0 || mask->count % plane)
        return ig_call_fail(c, "the mask doesn't fit the input");
    size_t results = (size_t)(k.out[0] * k.out[1] * k.out[2]);
    if (x->dtype != IG_F32 || mask->dtype != IG_I32 || y->dtype != IG_F32 || y->count != x->count / plane * results)
        return ig_call_fail(c, "the input should be float and its mask int32");
    k.mask_planes = mask->count / plane;
    ig_parallel(c->threads, x->count / plane, 1 + 4096 / plane, pool_planes, &k);
    return IG_OK;
}

const ig_op ig_op_ms_crop_and_resize = {MS, "CropAndResize", 1, 0, 0, infer_crop, run_crop, NULL, NULL};
const ig_op ig_op_ms_maxpool_with_mask = {MS, "MaxpoolWithMask", 1, 0, 0, infer_masked, run_masked, NULL, NULL};
