/* MaxPool, AveragePool, LpPool: windows over each channel of each image. */
#include "ops/nn/pool.h"

#include "ops/nn/reals.h"

#include <math.h>

void ig_pool_channels_first(ig_shape *s) {
    ig_dim channels = s->dims[s->rank - 1];
    for (int k = s->rank - 1; k > 1; k--) s->dims[k] = s->dims[k - 1];
    s->dims[1] = channels;
}

void ig_pool_channels_last(ig_shape *s) {
    ig_dim channels = s->dims[1];
    for (int k = 1; k + 1 < s->rank; k++) s->dims[k] = s->dims[k + 1];
    s->dims[s->rank - 1] = channels;
}

ig_status ig_pool_infer_layout(ig_infer *c, bool channels_last) {
    ig_shape x, out;
    ig_dtype dtype = ig_infer_dtype(c, 0);
    size_t n = 0;
    ig_attr_ints(c->node, "kernel_shape", &n);
    bool known = ig_infer_shape(c, 0, &x);
    if (known && x.rank < 3) return ig_infer_fail(c, "the input has rank %d: images, channels and space are needed", x.rank);
    if (known && channels_last) ig_pool_channels_first(&x);
    char why[200];
    ig_window_rule rule;
    int dims = known ? x.rank - 2 : n < IG_MAX_RANK - 2 ? (int)n : 0;
    if (!ig_window_rule_of(&rule, c->node, dims, NULL, why, sizeof why)) return ig_infer_fail(c, "%s", why);
    out.rank = dims + 2;
    for (int k = 0; k < 2; k++) out.dims[k] = known ? x.dims[k] : ig_dim_unknown();
    for (int k = 0; k < dims; k++) {
        out.dims[k + 2] = known ? ig_window_positions(c->syms, &rule, k, x.dims[k + 2]) : ig_dim_unknown();
        if (ig_dim_known(out.dims[k + 2]) && out.dims[k + 2].value < 0)
            return ig_infer_fail(c, "the window is larger than the padded input along dim %d", k + 2);
    }
    if (channels_last) ig_pool_channels_last(&out);
    IG_TRY(ig_infer_set(c, 0, dtype, &out));
    return ig_infer_set(c, 1, IG_I64, &out);
}

ig_status ig_pool_infer(ig_infer *c) { return ig_pool_infer_layout(c, false); }

void ig_pool_counts(const ig_window *w, int d, bool padding, int64_t *counts) {
    for (int64_t o = 0; o < w->out[d]; o++) {
        int64_t first, last, start = o * w->stride[d] - w->begin[d], low = padding ? -w->begin[d] : 0;
        int64_t size = padding ? w->in[d] + w->end[d] + w->begin[d] : w->in[d];
        ig_window_inside(start - low, w->dilation[d], size, w->kernel[d], &first, &last);
        counts[o] = last - first;
    }
}

typedef struct pool {
    ig_window w;
    size_t taps, in, out, row; /* places of a window, a plane of x, a plane of y; the last dim of y */
    const void *x;
    void *y;
    int64_t *indices;
    bool column_major, wide;
    double p;              /* of LpPool */
    const int64_t *counts; /* of AveragePool: for each dim in turn, for each place */
} pool;

/* Taps one after the other over whole rows of places, so that the inner loop runs along memory; or, where windows are wider
 * than rows of places are long, places one after the other over whole rows of taps. `y` and `x` are the elements that STEP
 * brings together. */
#define POOL(name, TYPE, FIRST, STEP, FINISH)                                                                                  \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const pool *j = arg;                                                                                                   \
        const ig_window *w = &j->w;                                                                                            \
        int last = w->dims - 1;                                                                                                \
        const double p = j->p;                                                                                                 \
        IG_UNUSED(p);                                                                                                          \
        for (size_t item = begin; item < end; item++) {                                                                        \
            const TYPE *plane = (const TYPE *)j->x + item * j->in;                                                             \
            TYPE *to = (TYPE *)j->y + item * j->out;                                                                           \
            for (size_t i = 0; i < j->out; i++) to[i] = FIRST;                                                                 \
            for (size_t i = 0; j->wide && i < j->out; i++) {                                                                   \
                int64_t tap[IG_MAX_RANK], at[IG_MAX_RANK], first, stop, base;                                                  \
                ig_window_place(w->dims, w->out, i, at);                                                                       \
                int64_t from = at[last] * w->stride[last] - w->begin[last], step = w->dilation[last];                          \
                ig_window_inside(from, step, w->in[last], w->kernel[last], &first, &stop);                                     \
                TYPE y = to[i];                                                                                                \
                for (size_t t = 0; t < j->taps / (size_t)w->kernel[last]; t++) {                                               \
                    ig_window_place(last, w->kernel, t, tap);                                                                  \
                    if (!ig_window_row(w, at, tap, &base)) continue;                                                           \
                    for (int64_t k = first; k < stop; k++) {                                                                   \
                        const TYPE x = plane[base + from + k * step];                                                          \
                        y = STEP;                                                                                              \
                    }                                                                                                          \
                }                                                                                                              \
                to[i] = y;                                                                                                     \
            }                                                                                                                  \
            for (size_t t = 0; !j->wide && t < j->taps; t++) {                                                                 \
                int64_t tap[IG_MAX_RANK], at[IG_MAX_RANK], first, stop;                                                        \
                ig_window_place(w->dims, w->kernel, t, tap);                                                                   \
                int64_t from = tap[last] * w->dilation[last] - w->begin[last], stride = w->stride[last];                       \
                ig_window_inside(from, stride, w->in[last], (int64_t)j->row, &first, &stop);                                   \
                for (size_t r = 0; r < j->out / j->row; r++) {                                                                 \
                    int64_t base;                                                                                              \
                    ig_window_place(last, w->out, r, at);                                                                      \
                    if (!ig_window_row(w, at, tap, &base)) continue;                                                           \
                    const TYPE *source = plane + base + from;                                                                  \
                    for (int64_t i = first; i < stop; i++) {                                                                   \
                        const TYPE x = source[i * stride], y = to[r * j->row + (size_t)i];                                     \
                        to[r * j->row + (size_t)i] = STEP;                                                                     \
                    }                                                                                                          \
                }                                                                                                              \
            }                                                                                                                  \
            FINISH;                                                                                                            \
        }                                                                                                                      \
    }

/* The mean: what FINISH divides by is a product of what each dim counts. */
static double count_at(const pool *j, size_t i) {
    const int64_t *counts = j->counts;
    int64_t n = 1, at[IG_MAX_RANK];
    ig_window_place(j->w.dims, j->w.out, i, at);
    for (int k = 0; k < j->w.dims; k++) {
        n *= counts[at[k]];
        counts += j->w.out[k];
    }
    return n > 0 ? (double)n : 1;
}

#define DIVIDE(TYPE)                                                                                                           \
    for (size_t i = 0; i < j->out; i++) to[i] /= (TYPE)count_at(j, i)
#define ROOT(POW)                                                                                                              \
    for (size_t i = 0; i < j->out; i++) to[i] = POW(to[i], 1 / p)

static inline float root_f32(float x, double r) { return (float)pow((double)x, r); }

/* A NaN stays the largest. */
POOL(max_f32, float, -INFINITY, x > y || x != x ? x : y, )
POOL(max_f64, double, -INFINITY, x > y || x != x ? x : y, )
POOL(max_u8, uint8_t, 0, x > y ? x : y, )
POOL(max_i8, int8_t, INT8_MIN, x > y ? x : y, )
POOL(mean_f32, float, 0, y + x, DIVIDE(float))
POOL(mean_f64, double, 0, y + x, DIVIDE(double))
POOL(lp1_f32, float, 0, y + fabsf(x), )
POOL(lp1_f64, double, 0, y + fabs(x), )
POOL(lp2_f32, float, 0, y + x * x, ROOT(root_f32))
POOL(lp2_f64, double, 0, y + x * x, ROOT(pow))
POOL(lp_f32, float, 0, y + root_f32(fabsf(x), p), ROOT(root_f32))
POOL(lp_f64, double, 0, y + pow(fabs(x), p), ROOT(pow))

/* MaxPool with the place of each maximum: the first of equal ones. */
#define MAX_INDEX(name, TYPE)                                                                                                  \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const pool *j = arg;                                                                                                   \
        const ig_window *w = &j->w;                                                                                            \
        for (size_t item = begin; item < end; item++)                                                                          \
            for (size_t i = 0; i < j->out; i++) {                                                                              \
                const TYPE *plane = (const TYPE *)j->x + item * j->in;                                                         \
                int64_t at[IG_MAX_RANK], tap[IG_MAX_RANK], best = -1;                                                          \
                ig_window_place(w->dims, w->out, i, at);                                                                       \
                for (size_t t = 0; t < j->taps; t++) {                                                                         \
                    ig_window_place(w->dims, w->kernel, t, tap);                                                               \
                    int64_t place = place_of(w, at, tap);                                                                      \
                    if (place < 0) continue;                                                                                   \
                    if (best < 0 || plane[place] > plane[best] ||                                                              \
                        (plane[place] != plane[place] && plane[best] == plane[best]))                                          \
                        best = place;                                                                                          \
                }                                                                                                              \
                store_index(j, item, i, best);                                                                                 \
                if (best >= 0) ((TYPE *)j->y)[item * j->out + i] = plane[best];                                                \
            }                                                                                                                  \
    }

/* The place of the plane that a tap stands on; -1 outside. */
static int64_t place_of(const ig_window *w, const int64_t *at, const int64_t *tap) {
    int64_t place = 0;
    for (int k = 0; k < w->dims; k++) {
        int64_t i = at[k] * w->stride[k] - w->begin[k] + tap[k] * w->dilation[k];
        if (i < 0 || i >= w->in[k]) return -1;
        place = place * w->in[k] + i;
    }
    return place;
}

static void store_index(const pool *j, size_t item, size_t i, int64_t place) {
    int64_t index = place < 0 ? 0 : place;
    if (j->column_major) {
        int64_t at[IG_MAX_RANK];
        ig_window_place(j->w.dims, j->w.in, (size_t)index, at);
        index = 0;
        for (int k = j->w.dims - 1; k >= 0; k--) index = index * j->w.in[k] + at[k];
    }
    j->indices[item * j->out + i] = (int64_t)(item * j->in) + index;
}

MAX_INDEX(max_index_f32, float)
MAX_INDEX(max_index_f64, double)
MAX_INDEX(max_index_u8, uint8_t)
MAX_INDEX(max_index_i8, int8_t)

/* Taps that never stand on the input are left out: exporters write windows of the size of the largest picture. */
static void clip(ig_window *w) {
    for (int k = 0; k < w->dims; k++) {
        if (w->out[k] < 1 || w->in[k] < 1) continue;
        int64_t nearest = -w->begin[k], farthest = nearest + (w->out[k] - 1) * w->stride[k], first, last;
        first = farthest >= 0 ? 0 : (-farthest + w->dilation[k] - 1) / w->dilation[k];
        last = nearest >= w->in[k] ? -1 : (w->in[k] - 1 - nearest) / w->dilation[k];
        if (last >= w->kernel[k]) last = w->kernel[k] - 1;
        if (first > last) first = last = 0; /* none does; one shows that */
        w->begin[k] -= first * w->dilation[k];
        w->kernel[k] = last - first + 1;
    }
}

static void pool_on(pool *j, const ig_window *w) {
    *j = (pool){.w = *w};
    clip(&j->w);
    j->taps = ig_window_product(&j->w, j->w.kernel);
    j->in = ig_window_product(&j->w, j->w.in);
    j->out = ig_window_product(&j->w, j->w.out);
    j->row = (size_t)j->w.out[j->w.dims - 1];
    j->wide = j->w.kernel[j->w.dims - 1] > j->w.out[j->w.dims - 1];
}

static ig_status pool_of_call(ig_call *c, pool *j, ig_window *w) {
    IG_TRY(ig_window_of_call(c, w, c->in[0]->rank - 2, c->in[0]->dims + 2, NULL));
    pool_on(j, w);
    return IG_OK;
}

/* Kernels of one operator, by the type that they compute in. */
typedef struct kernels {
    ig_range_fn f32, f64, u8, i8;
} kernels;

static void run_planes(ig_call *c, pool *j, ig_range_fn fn, size_t planes) {
    if (planes && j->out) ig_parallel(c->threads, planes, 1 + 4096 / (j->out * j->taps), fn, j);
}

static ig_status run_pool(ig_call *c, pool *j, const kernels *k) {
    ig_dtype dtype = c->in[0]->dtype;
    size_t planes = (size_t)(c->in[0]->dims[0] * c->in[0]->dims[1]);
    ig_range_fn fn = dtype == IG_U8 ? k->u8 : dtype == IG_I8 ? k->i8 : dtype == IG_F64 ? k->f64 : k->f32;
    if (!fn || (!ig_dtype_is_float(dtype) && fn == k->f32)) return ig_call_no_kernel(c, dtype);
    if (!c->out[0]) IG_TRY(ig_call_output(c, 0, dtype, c->in[0]->rank, c->out[1]->dims));
    if (planes == 0 || j->out == 0) return IG_OK;
    bool bytes = dtype == IG_U8 || dtype == IG_I8;
    ig_dtype type = bytes ? dtype : ig_real_type(dtype);
    void *y;
    IG_TRY(ig_real_in(c, c->in[0], type, &j->x));
    IG_TRY(ig_real_out(c, 0, type, &y));
    j->y = y;
    run_planes(c, j, fn, planes);
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

ig_status ig_pool_max(ig_call *c, const ig_window *w, ig_dtype dtype, size_t planes, const void *x, void *y) {
    pool j;
    pool_on(&j, w);
    j.x = x, j.y = y;
    run_planes(c, &j, dtype == IG_U8 ? max_u8 : max_i8, planes);
    return IG_OK;
}

static ig_status run_max(ig_call *c) {
    static const kernels plain = {max_f32, max_f64, max_u8, max_i8};
    static const kernels indexed = {max_index_f32, max_index_f64, max_index_u8, max_index_i8};
    pool j;
    ig_window w;
    IG_TRY(pool_of_call(c, &j, &w));
    bool index = c->n_out > 1 && c->out[1];
    if (!index) return run_pool(c, &j, &plain);
    j.indices = c->out[1]->data;
    j.column_major = ig_attr_int(c->node, "storage_order");
    return run_pool(c, &j, &indexed);
}

/* The counts are those of the whole window. */
static ig_status set_counts(ig_call *c, pool *j, const ig_window *w, bool padding) {
    size_t n = 0;
    for (int d = 0; d < w->dims; d++) n += (size_t)w->out[d];
    int64_t *counts = ig_call_scratch(c, n * sizeof *counts);
    if (!counts) return ig_oom(c->err);
    j->counts = counts;
    for (int d = 0; d < w->dims; d++) {
        ig_pool_counts(w, d, padding, counts);
        counts += w->out[d];
    }
    return IG_OK;
}

ig_status ig_pool_mean(ig_call *c, const ig_window *w, bool padding, size_t planes, const float *x, float *y) {
    pool j;
    pool_on(&j, w);
    j.x = x, j.y = y;
    IG_TRY(set_counts(c, &j, w, padding));
    run_planes(c, &j, mean_f32, planes);
    return IG_OK;
}

static ig_status run_mean(ig_call *c) {
    static const kernels k = {mean_f32, mean_f64, NULL, NULL};
    pool j;
    ig_window w;
    IG_TRY(pool_of_call(c, &j, &w));
    bool padding = ig_schema_attr_find(c->node->schema, "count_include_pad") && ig_attr_int(c->node, "count_include_pad");
    IG_TRY(set_counts(c, &j, &w, padding));
    return run_pool(c, &j, &k);
}

/* p was a float at first. */
static double power(const ig_node *node) {
    return node->schema->since < 2 ? (double)ig_attr_float(node, "p") : (double)ig_attr_int(node, "p");
}

static ig_status run_lp(ig_call *c) {
    static const kernels any = {lp_f32, lp_f64, NULL, NULL}, one = {lp1_f32, lp1_f64, NULL, NULL},
                         two = {lp2_f32, lp2_f64, NULL, NULL};
    pool j;
    ig_window w;
    IG_TRY(pool_of_call(c, &j, &w));
    j.p = power(c->node);
    return run_pool(c, &j, j.p == 1 ? &one : j.p == 2 ? &two : &any);
}

const ig_op ig_op_max_pool = {"", "MaxPool", 1, 0, 0, ig_pool_infer, run_max, NULL, NULL};
const ig_op ig_op_average_pool = {"", "AveragePool", 1, 0, 0, ig_pool_infer, run_mean, NULL, NULL};
const ig_op ig_op_lp_pool = {"", "LpPool", 1, 0, 0, ig_pool_infer, run_lp, NULL, NULL};
