/* GridSample: the input read at places that a grid names; AffineGrid, which makes such grids. */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/convert.h"
#include "ops/nn/reals.h"

#include <math.h>

typedef enum mode { NEAREST, LINEAR, CUBIC } mode;
typedef enum padding { ZEROS, BORDER, REFLECTION } padding;

static bool modes_of(const ig_node *node, mode *m, padding *p) {
    static const char *const modes[] = {"nearest", "bilinear", "bicubic", "nearest", "linear", "cubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    int found = 0;
    for (int i = 0; i < 6; i++)
        if (ig_attr_is(node, "mode", modes[i])) *m = (mode)(i % 3), found |= 1;
    for (int i = 0; i < 3; i++)
        if (ig_attr_is(node, "padding_mode", paddings[i])) *p = (padding)i, found |= 2;
    return found == 3;
}

static ig_status infer(ig_infer *c) {
    ig_shape x, grid, y;
    mode m;
    padding p;
    bool has_x = ig_infer_shape(c, 0, &x), has_grid = ig_infer_shape(c, 1, &grid);
    if (!modes_of(c->node, &m, &p)) return ig_infer_fail(c, "attribute mode or padding_mode is not known");
    if (!has_x && !has_grid) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    int rank = has_x ? x.rank : grid.rank;
    if (rank < 3 || (has_x && has_grid && x.rank != grid.rank))
        return ig_infer_fail(c, "input and grid should both have images, channels and space");
    if (has_grid && ig_dim_known(grid.dims[rank - 1]) && grid.dims[rank - 1].value != rank - 2)
        return ig_infer_fail(c, "the grid has %lld coordinates for %d dims of space", (long long)grid.dims[rank - 1].value,
                             rank - 2);
    y.rank = rank;
    y.dims[0] = has_x ? x.dims[0] : grid.dims[0];
    if (has_x && has_grid) IG_TRY(ig_infer_join(c, "batch sizes", grid.dims[0], &y.dims[0]));
    y.dims[1] = has_x ? x.dims[1] : ig_dim_unknown();
    for (int k = 2; k < rank; k++) y.dims[k] = has_grid ? grid.dims[k - 1] : ig_dim_unknown();
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

enum { MAX_DIMS = 8, TAPS = 4 };

typedef struct work {
    mode mode;
    padding padding;
    bool align;
    int dims;
    int64_t in[MAX_DIMS];
    size_t channels, plane, places; /* elements of a plane of x, places of a plane of y */
    size_t parts;                   /* numbers of an element: 2 for complex ones */
    const double *grid;             /* images x places x dims, last dim of space first */
    const void *x;
    void *y;
    size_t size; /* bytes of an element that is only moved */
} work;

/* Back and forth between the borders. */
static double reflect(double x, double low, double high) {
    double range = high - low, from = x < low ? low - x : x - high;
    if (x >= low && x <= high) return x;
    if (!(range > 0)) return low;
    double n = floor(from / range), rest = from - n * range;
    bool even = fmod(n, 2) == 0;
    return (x < low) == even ? low + rest : high - rest;
}

static double low_border(const work *j) { return j->align ? 0 : -0.5; }
static double high_border(const work *j, int k) { return (double)j->in[k] - (j->align ? 1 : 0.5); }

/* An element's index after padding; -1: a zero. */
static int64_t index_of(const work *j, int k, int64_t i) {
    if (i >= 0 && i < j->in[k]) return i;
    if (j->padding == ZEROS) return -1;
    if (j->padding == REFLECTION) i = (int64_t)reflect((double)i, low_border(j), high_border(j, k));
    return ig_clamp_i64(i, 0, j->in[k] - 1);
}

/* Elements around a place and their weights, for each dim. */
typedef struct taps {
    int n;
    int64_t at[MAX_DIMS][TAPS];
    double weight[MAX_DIMS][TAPS];
} taps;

static void cubic(double x, double *w) { /* Keys (1981), with a = -0.75 */
    const double a = -0.75;
    w[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    w[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    w[3] = ((a * (2 - x) - 5 * a) * (2 - x) + 8 * a) * (2 - x) - 4 * a;
}

static void find_taps(const work *j, const double *grid, taps *t) {
    t->n = j->mode == NEAREST ? 1 : j->mode == LINEAR ? 2 : 4;
    for (int k = 0; k < j->dims; k++) {
        double g = grid[j->dims - 1 - k], n = (double)j->in[k], x = j->align ? (g + 1) / 2 * (n - 1) : ((g + 1) * n - 1) / 2;
        x = (double)(float)x; /* as onnx's reference has it: places on a border stay there */
        if (j->mode == NEAREST) x = rint(x);
        if (!(fabs(x) < 0x1p40)) x = j->padding == ZEROS ? -0x1p40 : x > 0 ? 0x1p40 : -0x1p40; /* NaN too */
        if (x < low_border(j) || x > high_border(j, k)) {
            if (j->padding == BORDER && j->mode != CUBIC) x = x < 0 ? 0 : n - 1; /* cubic: element by element, as PyTorch */
            if (j->padding == REFLECTION) x = reflect(x, low_border(j), high_border(j, k));
        }
        double first = floor(x);
        int before = j->mode == CUBIC ? 1 : 0;
        for (int i = 0; i < t->n; i++) t->at[k][i] = index_of(j, k, (int64_t)first - before + i);
        if (j->mode == NEAREST) t->weight[k][0] = 1;
        if (j->mode == LINEAR) t->weight[k][0] = 1 - (x - first), t->weight[k][1] = x - first;
        if (j->mode == CUBIC) cubic(x - first, t->weight[k]);
    }
}

/* Number `corner` of the elements around: its place (-1: a zero) and weight. */
static int64_t corner_of(const work *j, const taps *t, size_t corner, double *weight) {
    int64_t place = 0, step = 1;
    *weight = 1;
    for (int k = j->dims - 1; k >= 0; k--) {
        size_t i = corner % (size_t)t->n;
        corner /= (size_t)t->n;
        if (t->at[k][i] < 0) return -1;
        *weight *= t->weight[k][i];
        place += t->at[k][i] * step;
        step *= j->in[k];
    }
    return place;
}

/* Places of one image are worked out once for all channels. item: image * places + place. */
#define SAMPLE(name, TYPE)                                                                                                     \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const work *j = arg;                                                                                                   \
        size_t parts = j->parts;                                                                                               \
        for (size_t item = begin; item < end; item++) {                                                                        \
            taps t;                                                                                                            \
            size_t image = item / j->places, place = item % j->places, corners = 1;                                            \
            find_taps(j, j->grid + item * (size_t)j->dims, &t);                                                                \
            for (int k = 0; k < j->dims; k++) corners *= (size_t)t.n;                                                          \
            TYPE *y = (TYPE *)j->y + (image * j->channels * j->places + place) * parts;                                        \
            for (size_t ch = 0; ch < j->channels; ch++)                                                                        \
                for (size_t p = 0; p < parts; p++) y[ch * j->places * parts + p] = 0;                                          \
            for (size_t corner = 0; corner < corners; corner++) {                                                              \
                double weight;                                                                                                 \
                int64_t at = corner_of(j, &t, corner, &weight);                                                                \
                if (at < 0) continue;                                                                                          \
                const TYPE *x = (const TYPE *)j->x + (image * j->channels * j->plane + (size_t)at) * parts;                    \
                for (size_t ch = 0; ch < j->channels; ch++)                                                                    \
                    for (size_t p = 0; p < parts; p++)                                                                         \
                        y[ch * j->places * parts + p] += (TYPE)weight * x[ch * j->plane * parts + p];                          \
            }                                                                                                                  \
        }                                                                                                                      \
    }
SAMPLE(sample_f32, float)
SAMPLE(sample_f64, double)

static void move(void *arg, size_t begin, size_t end) {
    const work *j = arg;
    for (size_t item = begin; item < end; item++) {
        taps t;
        double weight;
        size_t image = item / j->places, place = item % j->places;
        find_taps(j, j->grid + item * (size_t)j->dims, &t);
        int64_t at = corner_of(j, &t, 0, &weight);
        for (size_t ch = 0; ch < j->channels; ch++) {
            char *y = (char *)j->y + ((image * j->channels + ch) * j->places + place) * j->size;
            if (at >= 0)
                memcpy(y, (const char *)j->x + ((image * j->channels + ch) * j->plane + (size_t)at) * j->size, j->size);
            else
                memset(y, 0, j->size);
        }
    }
}

static ig_status run_weighted(ig_call *c, work *j) {
    const ig_tensor *x = c->in[0];
    ig_tensor *y = c->out[0];
    bool complex = ig_dtype_number(x->dtype) == IG_NUMBER_COMPLEX;
    size_t items = (size_t)x->dims[0] * j->places;
    if (complex) {
        j->parts = 2;
        j->x = x->data, j->y = y->data;
        ig_parallel(c->threads, items, 64, x->dtype == IG_C64 ? sample_f32 : sample_f64, j);
        return IG_OK;
    }
    if (x->dtype == IG_STRING) return ig_call_no_kernel(c, x->dtype);
    bool whole = !ig_dtype_is_float(x->dtype);
    ig_dtype type = x->dtype == IG_F64 || (whole && ig_dtype_bytes(x->dtype) > 2) ? IG_F64 : IG_F32;
    void *out;
    IG_TRY(ig_real_in(c, x, type, &j->x));
    IG_TRY(ig_real_out(c, 0, type, &out));
    j->y = out;
    ig_parallel(c->threads, items, 64, type == IG_F64 ? sample_f64 : sample_f32, j);
    if (whole)
        ig_convert(type, out, 0, y->dtype, y->data, 0, y->count); /* truncates */
    else
        ig_real_done(c, 0, type, out);
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *grid = c->in[1];
    const void *g;
    work j = {.align = ig_attr_int(c->node, "align_corners") != 0, .dims = x->rank - 2, .parts = 1};
    if (!modes_of(c->node, &j.mode, &j.padding)) return ig_call_fail(c, "attribute mode or padding_mode is not known");
    if (j.dims > MAX_DIMS) return ig_call_fail(c, "%d dims of space, at most %d are supported", j.dims, MAX_DIMS);
    if (grid->rank != x->rank || grid->dims[0] != x->dims[0] || grid->dims[grid->rank - 1] != j.dims)
        return ig_call_fail(c, "the grid doesn't fit the input");
    if (c->out[0]->count == 0) return IG_OK;
    j.channels = (size_t)x->dims[1];
    j.plane = 1, j.places = 1;
    for (int k = 0; k < j.dims; k++) {
        j.in[k] = x->dims[k + 2];
        j.plane *= (size_t)x->dims[k + 2];
        j.places *= (size_t)grid->dims[k + 1];
    }
    if (j.plane == 0) return ig_call_fail(c, "an empty input has nothing to read");
    IG_TRY(ig_real_in(c, grid, IG_F64, &g));
    j.grid = g;
    if (j.mode != NEAREST) return run_weighted(c, &j);
    ig_cells in, out;
    IG_TRY(ig_cells_in(c, x, &in));
    IG_TRY(ig_cells_out(c, c->out[0], &out));
    j.x = in.data, j.y = out.data, j.size = in.size;
    ig_parallel(c->threads, (size_t)x->dims[0] * j.places, 256, move, &j);
    return ig_cells_done(c, c->out[0], &out);
}

/* -------------------------------------------------------------------------------------------------------------- AffineGrid */

static ig_status infer_affine(ig_infer *c) {
    ig_shape theta, y;
    ig_ints size;
    ig_dtype dtype = ig_infer_dtype(c, 0);
    bool has_theta = ig_infer_shape(c, 0, &theta), has_size = ig_infer_ints(c, 1, &size);
    IG_TRY(ig_infer_rank(c, 0, 3));
    IG_TRY(ig_infer_rank(c, 1, 1));
    if (has_size && size.n != 4 && size.n != 5) return ig_infer_fail(c, "size has %zu entries, not 4 or 5", size.n);
    if (!has_size) return ig_infer_set(c, 0, dtype, NULL);
    int dims = (int)size.n - 2;
    if (has_theta && (ig_dim_differ(theta.dims[1], ig_dim_of(dims)) || ig_dim_differ(theta.dims[2], ig_dim_of(dims + 1))))
        return ig_infer_fail(c, "theta should be batch x %d x %d", dims, dims + 1);
    y.rank = dims + 2;
    y.dims[0] = size.values[0];
    for (int k = 0; k < dims; k++) {
        y.dims[k + 1] = size.values[k + 2];
        if (ig_dim_known(y.dims[k + 1]) && y.dims[k + 1].value < 0) return ig_infer_fail(c, "size has a negative entry");
    }
    y.dims[dims + 1] = ig_dim_of(dims);
    return ig_infer_set(c, 0, dtype, &y);
}

static ig_status run_affine(ig_call *c) {
    const ig_tensor *theta = c->in[0];
    IG_TRY(ig_call_made(c, 0));
    ig_tensor *y = c->out[0];
    int dims = y->rank - 2;
    bool align = ig_attr_int(c->node, "align_corners") != 0;
    const void *t;
    void *out;
    if (theta->rank != 3 || theta->dims[0] != y->dims[0] || theta->dims[1] != dims || theta->dims[2] != dims + 1)
        return ig_call_fail(c, "theta doesn't fit the size");
    IG_TRY(ig_real_in(c, theta, IG_F64, &t));
    IG_TRY(ig_real_out(c, 0, IG_F64, &out));
    for (size_t i = 0; i < y->count / (size_t)dims; i++) {
        double at[4];
        size_t rest = i;
        for (int k = dims - 1; k >= 0; k--) { /* x is the last dim of space */
            int64_t n = y->dims[k + 1], p = (int64_t)(rest % (size_t)n);
            rest /= (size_t)n;
            at[dims - 1 - k] =
                align ? (n > 1 ? -1 + 2.0 * (double)p / (double)(n - 1) : 0) : -1 + (2.0 * (double)p + 1) / (double)n;
        }
        at[dims] = 1;
        const double *m = (const double *)t + rest * (size_t)(dims * (dims + 1));
        for (int r = 0; r < dims; r++) {
            double sum = 0;
            for (int k = 0; k <= dims; k++) sum += m[r * (dims + 1) + k] * at[k];
            ((double *)out)[i * (size_t)dims + (size_t)r] = sum;
        }
    }
    ig_real_done(c, 0, IG_F64, out);
    return IG_OK;
}

const ig_op ig_op_grid_sample = {"", "GridSample", 16, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_affine_grid = {"", "AffineGrid", 20, 0, 0, infer_affine, run_affine, NULL, NULL};
