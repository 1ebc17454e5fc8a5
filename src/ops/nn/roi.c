/* RoiAlign and MaxRoiPool: regions of interest of images, brought to one size. */
#include "ops/args.h"
#include "ops/nn/reals.h"

#include <math.h>

/* ---------------------------------------------------------------------------------------------------------------- RoiAlign */

static ig_status infer_align(ig_infer *c) {
    ig_shape x, rois, index, y = {.rank = 4};
    bool has_x = ig_infer_shape(c, 0, &x), has_rois = ig_infer_shape(c, 1, &rois), has_index = ig_infer_shape(c, 2, &index);
    int64_t height = ig_attr_int(c->node, "output_height"), width = ig_attr_int(c->node, "output_width");
    if (has_x && x.rank != 4) return ig_infer_fail(c, "the input has rank %d, not 4", x.rank);
    if (has_rois && (rois.rank != 2 || ig_dim_differ(rois.dims[1], ig_dim_of(4))))
        return ig_infer_fail(c, "rois should be regions x 4");
    if (has_index && index.rank != 1) return ig_infer_fail(c, "batch_indices has rank %d, not 1", index.rank);
    if (height < 1 || width < 1) return ig_infer_fail(c, "an output of %lld x %lld", (long long)height, (long long)width);
    y.dims[0] = has_rois ? rois.dims[0] : has_index ? index.dims[0] : ig_dim_unknown();
    if (has_rois && has_index && !ig_dim_merge(y.dims[0], index.dims[0], &y.dims[0]))
        return ig_infer_fail(c, "rois and batch_indices have different lengths");
    y.dims[1] = has_x ? x.dims[1] : ig_dim_unknown();
    y.dims[2] = ig_dim_of(height), y.dims[3] = ig_dim_of(width);
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

typedef struct region {
    double top, left, bin_height, bin_width; /* in places of the input */
    int64_t rows, cols;                      /* samples of a bin */
} region;

typedef struct align {
    size_t channels, height, width, out_height, out_width;
    double scale, offset;
    int64_t ratio;
    bool max;
    const void *x, *rois;
    const int64_t *index;
    void *y;
} align;

/* The four pixels around a sample and their weights. False outside. */
static bool around(const align *j, double y, double x, size_t *at, double *w) {
    double height = (double)j->height, width = (double)j->width;
    if (!(y >= -1 && y <= height && x >= -1 && x <= width)) return false;
    y = fmax(y, 0), x = fmax(x, 0);
    size_t top = (size_t)y, left = (size_t)x, bottom = top + 1, right = left + 1;
    if (top + 1 >= j->height) top = bottom = j->height - 1, y = (double)top;
    if (left + 1 >= j->width) left = right = j->width - 1, x = (double)left;
    double ly = y - (double)top, lx = x - (double)left;
    at[0] = top * j->width + left, at[1] = top * j->width + right, at[2] = bottom * j->width + left,
    at[3] = bottom * j->width + right;
    w[0] = (1 - ly) * (1 - lx), w[1] = (1 - ly) * lx, w[2] = ly * (1 - lx), w[3] = ly * lx;
    return true;
}

static region region_of(const align *j, const double *roi) {
    double left = roi[0] * j->scale - j->offset, top = roi[1] * j->scale - j->offset;
    double width = roi[2] * j->scale - j->offset - left, height = roi[3] * j->scale - j->offset - top;
    if (j->offset == 0) width = fmax(width, 1), height = fmax(height, 1); /* malformed ones */
    region r = {
        .top = top, .left = left, .bin_height = height / (double)j->out_height, .bin_width = width / (double)j->out_width};
    double most = 1 << 20;
    r.rows = j->ratio > 0 ? j->ratio : (int64_t)fmin(fmax(ceil(r.bin_height), 0), most);
    r.cols = j->ratio > 0 ? j->ratio : (int64_t)fmin(fmax(ceil(r.bin_width), 0), most);
    return r;
}

#define ALIGN(name, TYPE)                                                                                                      \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const align *j = arg;                                                                                                  \
        size_t bins = j->out_height * j->out_width;                                                                            \
        for (size_t item = begin; item < end; item++) {                                                                        \
            size_t n = item / bins, row = item % bins / j->out_width, col = item % j->out_width;                               \
            const TYPE *roi = (const TYPE *)j->rois + n * 4, *x = (const TYPE *)j->x;                                          \
            region r = region_of(j, (double[]){(double)roi[0], (double)roi[1], (double)roi[2], (double)roi[3]});               \
            TYPE *y = (TYPE *)j->y + n * j->channels * bins + item % bins;                                                     \
            x += (size_t)j->index[n] * j->channels * j->height * j->width;                                                     \
            for (size_t c = 0; c < j->channels; c++) y[c * bins] = 0;                                                          \
            bool first = true;                                                                                                 \
            for (int64_t iy = 0; iy < r.rows; iy++)                                                                            \
                for (int64_t ix = 0; ix < r.cols; ix++) {                                                                      \
                    size_t at[4] = {0};                                                                                        \
                    double w[4] = {0};                                                                                         \
                    double py = r.top + ((double)row + ((double)iy + 0.5) / (double)r.rows) * r.bin_height;                    \
                    double px = r.left + ((double)col + ((double)ix + 0.5) / (double)r.cols) * r.bin_width;                    \
                    around(j, py, px, at, w);                                                                                  \
                    for (size_t c = 0; c < j->channels; c++) {                                                                 \
                        const TYPE *p = x + c * j->height * j->width;                                                          \
                        TYPE v[4], most, sum = 0;                                                                              \
                        for (int k = 0; k < 4; k++) v[k] = (TYPE)w[k] * p[at[k]], sum += v[k];                                 \
                        most = v[0];                                                                                           \
                        for (int k = 1; k < 4; k++) most = v[k] > most ? v[k] : most;                                          \
                        TYPE *to = y + c * bins;                                                                               \
                        *to = j->max ? (first || most > *to ? most : *to) : *to + sum;                                         \
                    }                                                                                                          \
                    first = false;                                                                                             \
                }                                                                                                              \
            double count = (double)ig_max_i64(r.rows * r.cols, 1);                                                             \
            for (size_t c = 0; !j->max && c < j->channels; c++) y[c * bins] = (TYPE)((double)y[c * bins] / count);             \
        }                                                                                                                      \
    }
ALIGN(align_f32, float)
ALIGN(align_f64, double)

static ig_status check_index(ig_call *c, const int64_t *index, size_t n, int64_t images) {
    for (size_t i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= images)
            return ig_call_fail(c, "region %zu is of image %lld, there are %lld", i, (long long)index[i], (long long)images);
    return IG_OK;
}

static ig_status run_align(ig_call *c) {
    const ig_tensor *x = c->in[0], *rois = c->in[1], *index = c->in[2];
    ig_tensor *t = c->out[0];
    ig_dtype type = ig_real_type(x->dtype);
    void *y;
    bool half = ig_schema_attr_find(c->node->schema, "coordinate_transformation_mode") &&
                ig_attr_is(c->node, "coordinate_transformation_mode", "half_pixel");
    if (index->count != (size_t)rois->dims[0]) return ig_call_fail(c, "rois and batch_indices have different lengths");
    if (t->count == 0) return IG_OK;
    IG_TRY(check_index(c, index->data, index->count, x->dims[0]));
    if (x->dims[2] == 0 || x->dims[3] == 0) return ig_call_fail(c, "an empty input has no regions");
    align j = {.channels = (size_t)x->dims[1],
               .height = (size_t)x->dims[2],
               .width = (size_t)x->dims[3],
               .out_height = (size_t)t->dims[2],
               .out_width = (size_t)t->dims[3],
               .scale = (double)ig_attr_float(c->node, "spatial_scale"),
               .offset = half ? 0.5 : 0,
               .ratio = ig_clamp_i64(ig_attr_int(c->node, "sampling_ratio"), 0, 1 << 20),
               .max = ig_attr_is(c->node, "mode", "max"),
               .index = index->data};
    IG_TRY(ig_real_in(c, x, type, &j.x));
    IG_TRY(ig_real_in(c, rois, type, &j.rois));
    IG_TRY(ig_real_out(c, 0, type, &y));
    j.y = y;
    ig_parallel(c->threads, (size_t)rois->dims[0] * j.out_height * j.out_width, 4, type == IG_F64 ? align_f64 : align_f32, &j);
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- MaxRoiPool */

static ig_status infer_pool(ig_infer *c) {
    ig_shape x, rois, y = {.rank = 4};
    size_t n;
    const int64_t *shape = ig_attr_ints(c->node, "pooled_shape", &n);
    bool has_x = ig_infer_shape(c, 0, &x), has_rois = ig_infer_shape(c, 1, &rois);
    if (has_x && x.rank != 4) return ig_infer_fail(c, "the input has rank %d, not 4", x.rank);
    if (has_rois && (rois.rank != 2 || ig_dim_differ(rois.dims[1], ig_dim_of(5))))
        return ig_infer_fail(c, "rois should be regions x 5");
    if (n != 2 || shape[0] < 1 || shape[1] < 1) return ig_infer_fail(c, "attribute pooled_shape should be two sizes");
    y.dims[0] = has_rois ? rois.dims[0] : ig_dim_unknown();
    y.dims[1] = has_x ? x.dims[1] : ig_dim_unknown();
    y.dims[2] = ig_dim_of(shape[0]), y.dims[3] = ig_dim_of(shape[1]);
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

/* Places [first, last) of bin i of n over a side of `size` places from `start`. */
static void bin_of(int64_t start, int64_t size, int64_t i, int64_t n, int64_t most, int64_t *first, int64_t *last) {
    double bin = (double)size / (double)n;
    *first = ig_clamp_i64((int64_t)floor((double)i * bin) + start, 0, most);
    *last = ig_clamp_i64((int64_t)ceil((double)(i + 1) * bin) + start, 0, most);
}

static ig_status run_pool(ig_call *c) {
    const ig_tensor *x = c->in[0], *rois = c->in[1];
    ig_tensor *t = c->out[0];
    float scale = ig_attr_float(c->node, "spatial_scale");
    const void *px, *pr;
    void *py;
    if (t->count == 0) return IG_OK;
    IG_TRY(ig_real_in(c, x, IG_F64, &px));
    IG_TRY(ig_real_in(c, rois, IG_F64, &pr));
    IG_TRY(ig_real_out(c, 0, IG_F64, &py));
    int64_t height = x->dims[2], width = x->dims[3], rows = t->dims[2], cols = t->dims[3];
    double *y = py;
    for (size_t n = 0; n < (size_t)rois->dims[0]; n++) {
        const double *roi = (const double *)pr + n * 5;
        int64_t image = roi[0] >= 0 && roi[0] < (double)x->dims[0] ? (int64_t)roi[0] : -1, corner[4];
        if (image < 0) return ig_call_fail(c, "region %zu is of an image that isn't there", n);
        for (int k = 0; k < 4; k++) corner[k] = (int64_t)fmin(fmax((double)roundf((float)roi[k + 1] * scale), -0x1p40), 0x1p40);
        int64_t w = ig_max_i64(corner[2] - corner[0] + 1, 1), h = ig_max_i64(corner[3] - corner[1] + 1, 1);
        for (int64_t ch = 0; ch < x->dims[1]; ch++)
            for (int64_t i = 0; i < rows * cols; i++) {
                int64_t top, bottom, left, right;
                bin_of(corner[1], h, i / cols, rows, height, &top, &bottom);
                bin_of(corner[0], w, i % cols, cols, width, &left, &right);
                bool empty = bottom <= top || right <= left;
                double most = empty ? 0 : -INFINITY;
                const double *plane = (const double *)px + (image * x->dims[1] + ch) * height * width;
                for (int64_t r = top; r < bottom; r++)
                    for (int64_t q = left; q < right; q++) most = fmax(most, plane[r * width + q]);
                *y++ = most;
            }
    }
    ig_real_done(c, 0, IG_F64, py);
    return IG_OK;
}

const ig_op ig_op_roi_align = {"", "RoiAlign", 10, 0, 0, infer_align, run_align, NULL, NULL};
const ig_op ig_op_max_roi_pool = {"", "MaxRoiPool", 1, 0, 0, infer_pool, run_pool, NULL, NULL};
