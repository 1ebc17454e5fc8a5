/* The kernel of Resize. Every mode works dim by dim: along a dim each result is a weighted sum of a few elements of the input,
 * whose places and weights are worked out once. Nearest elements are only moved, so they may be of any type. */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/nn/reals.h"
#include "ops/nn/resize.h"

#include <math.h>

/* What results along one dim are made of. */
typedef struct table {
    int64_t in, out;
    size_t taps;
    int64_t *at;     /* out x taps places of the input */
    double *weights; /* out x taps */
    bool *outside;   /* out flags: the extrapolation value instead; NULL: none */
} table;

/* ---------------------------------------------------------------------------------------------------------------- tables */

/* Which place of the input is place i of the output. */
static double source_of(const ig_resample *r, int k, int64_t in, int64_t out, int64_t i) {
    double y = (double)i, scale = r->scale[k], width = scale * (double)in, start = r->roi[0][k], end = r->roi[1][k];
    switch (r->coordinates) {
    case IG_ALIGN_CORNERS: return width == 1 ? 0 : y * (double)(in - 1) / (width - 1);
    case IG_ASYMMETRIC: return y / scale;
    case IG_TF_HALF_PIXEL_FOR_NN: return (y + 0.5) / scale;
    case IG_TF_CROP_AND_RESIZE:
        return width == 1 ? 0.5 * (start + end) * (double)(in - 1)
                          : start * (double)(in - 1) + y * (end - start) * (double)(in - 1) / (width - 1);
    case IG_PYTORCH_HALF_PIXEL: return out > 1 ? (y + 0.5) / scale - 0.5 : 0;
    case IG_HALF_PIXEL_SYMMETRIC: return (double)in / 2 * (1 - (double)out / width) + (y + 0.5) / scale - 0.5;
    default: return (y + 0.5) / scale - 0.5;
    }
}

/* The same in float: places half-way between two, and whole ones, come out as such although a scale like 1.4 is no exact
 * number. */
static double near_source_of(const ig_resample *r, int k, int64_t in, int64_t out, int64_t i) {
    float y = (float)i, scale = (float)r->scale[k];
    switch (r->coordinates) {
    case IG_ASYMMETRIC: return (double)(y / scale);
    case IG_TF_HALF_PIXEL_FOR_NN: return (double)((y + 0.5f) / scale);
    case IG_HALF_PIXEL: return (double)((y + 0.5f) / scale - 0.5f);
    case IG_PYTORCH_HALF_PIXEL: return out > 1 ? (double)((y + 0.5f) / scale - 0.5f) : 0;
    default: return (double)(float)source_of(r, k, in, out, i);
    }
}

static double nearest_of(ig_resize_nearest mode, double scale, double x) {
    switch (mode) {
    case IG_ROUND_PREFER_FLOOR: return ceil(x - 0.5);
    case IG_ROUND_PREFER_CEIL: return floor(x + 0.5);
    case IG_ROUND_FLOOR: return floor(x);
    case IG_ROUND_EARLY: return scale < 1 ? ceil(x) : floor(x); /* opset 10, by its examples */
    default: return ceil(x);
    }
}

/* The filter at distance x, in places of the input (or of the output when shrinking without aliases). Keys (1981), equation 4.
 */
static double filter(const ig_resample *r, double x) {
    double a = r->cubic;
    x = fabs(x);
    if (r->mode == IG_RESIZE_LINEAR) return x < 1 ? 1 - x : 0;
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static size_t taps_of(const ig_resample *r, int k) {
    if (r->mode == IG_RESIZE_NEAREST) return 1;
    double reach = r->mode == IG_RESIZE_LINEAR ? 1 : 2, stretch = r->antialias ? fmin(r->scale[k], 1) : 1;
    return (size_t)(2 - 2 * (int64_t)(floor(-reach / stretch) + 1));
}

/* Weights of the taps for a place between two elements: `part` behind the first of them, in (0, 1]. */
static void set_weights(const ig_resample *r, const table *t, int k, int64_t first, double part, int64_t *at, double *w) {
    double stretch = r->antialias ? fmin(r->scale[k], 1) : 1, sum = 0;
    int64_t before = (int64_t)t->taps / 2 - 1; /* taps before that element */
    for (size_t i = 0; i < t->taps; i++) {
        int64_t place = first - before + (int64_t)i;
        w[i] = filter(r, ((double)((int64_t)i - before) - part) * stretch);
        if (r->exclude_outside && (place < 0 || place >= t->in)) w[i] = 0;
        at[i] = ig_clamp_i64(place, 0, t->in - 1);
        sum += w[i];
    }
    bool norm = r->exclude_outside || r->antialias;
    for (size_t i = 0; norm && sum != 0 && i < t->taps; i++) w[i] /= sum;
}

static ig_status make_table(ig_call *c, const ig_resample *r, int k, int64_t in, int64_t out, table *t) {
    *t = (table){.in = in, .out = out, .taps = taps_of(r, k)};
    size_t n, bytes;
    if (t->taps > 1u << 24 || ig_mul_overflows((size_t)out, t->taps, &n) || ig_mul_overflows(n, sizeof(double), &bytes))
        return ig_call_fail(c, "scale %g asks for too many elements for each result", r->scale[k]);
    t->at = ig_call_scratch(c, n * sizeof *t->at);
    t->weights = ig_call_scratch(c, n * sizeof *t->weights);
    if (r->coordinates == IG_TF_CROP_AND_RESIZE) t->outside = ig_call_scratch(c, (size_t)out * sizeof *t->outside);
    if (!t->at || !t->weights || (r->coordinates == IG_TF_CROP_AND_RESIZE && !t->outside)) return ig_oom(c->err);
    for (int64_t i = 0; i < out; i++) {
        double x = source_of(r, k, in, out, i);
        if (t->outside) t->outside[i] = !(x >= 0 && x <= (double)(in - 1));
        x = fmin(fmax(x, -0x1p50), 0x1p50); /* NaN too */
        if (r->mode == IG_RESIZE_NEAREST) {
            x = fmin(fmax(near_source_of(r, k, in, out, i), -0x1p50), 0x1p50);
            t->at[i] = ig_clamp_i64((int64_t)nearest_of(r->nearest, r->scale[k], x), 0, in - 1);
            continue;
        }
        double base = ceil(x) - 1;
        set_weights(r, t, k, (int64_t)base, x - base, t->at + (size_t)i * t->taps, t->weights + (size_t)i * t->taps);
    }
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------- weighted sums */

typedef struct pass {
    const table *t;
    size_t inner; /* elements of one place */
    double outside;
    const void *in;
    void *out;
} pass;

/* Rows of results: item = outer index * out + place. Rows of one element (the last dim) go by whole rows of places. */
#define PASS(name, TYPE)                                                                                                       \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const pass *j = arg;                                                                                                   \
        const table *t = j->t;                                                                                                 \
        size_t inner = j->inner, in = (size_t)t->in, out = (size_t)t->out;                                                     \
        for (size_t item = begin; item < end; item++) {                                                                        \
            size_t place = item % out;                                                                                         \
            const TYPE *x = (const TYPE *)j->in + item / out * in * inner;                                                     \
            TYPE *y = (TYPE *)j->out + item * inner;                                                                           \
            const int64_t *at = t->at + place * t->taps;                                                                       \
            const double *w = t->weights + place * t->taps;                                                                    \
            if (t->outside && t->outside[place]) {                                                                             \
                for (size_t i = 0; i < inner; i++) y[i] = (TYPE)j->outside;                                                    \
                continue;                                                                                                      \
            }                                                                                                                  \
            if (inner == 1) {                                                                                                  \
                TYPE sum = 0;                                                                                                  \
                for (size_t k = 0; k < t->taps; k++) sum += (TYPE)w[k] * x[at[k]];                                             \
                *y = sum;                                                                                                      \
                continue;                                                                                                      \
            }                                                                                                                  \
            const TYPE first = (TYPE)w[0], *from = x + (size_t)at[0] * inner;                                                  \
            for (size_t i = 0; i < inner; i++) y[i] = first * from[i];                                                         \
            for (size_t k = 1; k < t->taps; k++) {                                                                             \
                const TYPE weight = (TYPE)w[k];                                                                                \
                from = x + (size_t)at[k] * inner;                                                                              \
                for (size_t i = 0; i < inner; i++) y[i] += weight * from[i];                                                   \
            }                                                                                                                  \
        }                                                                                                                      \
    }
PASS(pass_f32, float)
PASS(pass_f64, double)

/* Whether anything happens along a dim. */
static bool works(const ig_resample *r, int k, int64_t in, int64_t out) {
    bool crop = r->coordinates == IG_TF_CROP_AND_RESIZE && (r->roi[0][k] != 0 || r->roi[1][k] != 1);
    return in != out || r->scale[k] != 1 || crop;
}

static ig_status run_weighted(ig_call *c, const ig_resample *r, ig_dtype type, const void *x, void *y) {
    const ig_tensor *tx = c->in[0], *ty = c->out[0];
    int64_t dims[IG_MAX_RANK];
    memcpy(dims, tx->dims, sizeof dims);
    const void *from = x;
    size_t size = ig_dtype_bytes(type);
    int last = -1;
    for (int k = 0; k < r->rank; k++)
        if (works(r, k, tx->dims[k], ty->dims[k])) last = k;
    if (last < 0) memcpy(y, x, ty->count * size);
    for (int k = 0; k <= last; k++) {
        if (!works(r, k, tx->dims[k], ty->dims[k])) continue;
        table t;
        IG_TRY(make_table(c, r, k, tx->dims[k], ty->dims[k], &t));
        pass j = {.t = &t, .inner = 1, .outside = r->outside, .in = from, .out = y};
        size_t outer = 1, bytes;
        for (int d = 0; d < r->rank; d++) *(d < k ? &outer : &j.inner) *= d == k ? 1 : (size_t)dims[d];
        dims[k] = ty->dims[k];
        if (ig_mul_overflows(outer * (size_t)t.out, j.inner * size, &bytes)) return ig_oom(c->err);
        if (k != last && !(j.out = ig_call_scratch(c, bytes))) return ig_oom(c->err);
        ig_parallel(c->threads, outer * (size_t)t.out, 1 + 8192 / (j.inner * t.taps), type == IG_F64 ? pass_f64 : pass_f32, &j);
        from = j.out;
    }
    return IG_OK;
}

/* Whole numbers are rounded to the nearest even one and saturate. */
static void store_whole(ig_tensor *y, ig_dtype type, const void *v) {
    bool is_signed = ig_dtype_number(y->dtype) == IG_NUMBER_SIGNED;
    unsigned bits = ig_dtypes[y->dtype].bits;
    double high = ldexp(1, (int)bits - is_signed) - 1, low = is_signed ? -high - 1 : 0;
    for (size_t i = 0; i < y->count; i++) {
        double x = rint(type == IG_F64 ? ((const double *)v)[i] : (double)((const float *)v)[i]);
        ig_store_f64(y->dtype, y->data, i, x < low ? low : x > high ? high : x);
    }
}

static ig_status run_sums(ig_call *c, const ig_resample *r) {
    const ig_tensor *x = c->in[0];
    ig_tensor *y = c->out[0];
    bool whole = ig_dtype_is_int(x->dtype);
    if (!whole && !ig_dtype_is_float(x->dtype)) return ig_call_no_kernel(c, x->dtype);
    ig_dtype type = x->dtype == IG_F64 || (whole && ig_dtype_bytes(x->dtype) > 2) ? IG_F64 : IG_F32;
    const void *px;
    void *py;
    IG_TRY(ig_real_in(c, x, type, &px));
    IG_TRY(ig_real_out(c, 0, type, &py));
    IG_TRY(run_weighted(c, r, type, px, py));
    if (whole)
        store_whole(y, type, py);
    else
        ig_real_done(c, 0, type, py);
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- nearest */

typedef struct gather {
    int rank;
    const table *tables;
    int64_t steps[IG_MAX_RANK]; /* of the input, in elements */
    size_t row;                 /* places of the last dim */
    size_t size;                /* bytes of an element */
    const char *in;
    char *out;
    const void *outside; /* an element for what is outside, or NULL */
} gather;

#define MOVE(TYPE)                                                                                                             \
    for (size_t i = 0; i < j->row; i++) memcpy(to + i * sizeof(TYPE), from + (size_t)last->at[i] * sizeof(TYPE), sizeof(TYPE))

static void gather_rows(void *arg, size_t begin, size_t end) {
    const gather *j = arg;
    const table *last = &j->tables[j->rank - 1];
    for (size_t r = begin; r < end; r++) {
        size_t rest = r;
        int64_t base = 0;
        bool outside = false;
        for (int k = j->rank - 2; k >= 0; k--) {
            const table *t = &j->tables[k];
            size_t place = rest % (size_t)t->out;
            rest /= (size_t)t->out;
            base += t->at[place] * j->steps[k];
            outside |= t->outside && t->outside[place];
        }
        const char *from = j->in + (size_t)base * j->size;
        char *to = j->out + r * j->row * j->size;
        switch (j->size) {
        case 1: MOVE(uint8_t); break;
        case 2: MOVE(uint16_t); break;
        case 4: MOVE(uint32_t); break;
        case 8: MOVE(uint64_t); break;
        default:
            for (size_t i = 0; i < j->row; i++) memcpy(to + i * j->size, from + (size_t)last->at[i] * j->size, j->size);
        }
        for (size_t i = 0; j->outside && i < j->row; i++)
            if (outside || last->outside[i]) memcpy(to + i * j->size, j->outside, j->size);
    }
}

static ig_status run_nearest(ig_call *c, const ig_resample *r) {
    const ig_tensor *x = c->in[0];
    ig_tensor *y = c->out[0];
    ig_cells in, out;
    table tables[IG_MAX_RANK];
    uint8_t outside[16] = {0};
    gather j = {.rank = r->rank, .tables = tables, .row = (size_t)y->dims[r->rank - 1]};
    int64_t step = 1;
    for (int k = r->rank - 1; k >= 0; k--) {
        j.steps[k] = step;
        step *= x->dims[k];
        IG_TRY(make_table(c, r, k, x->dims[k], y->dims[k], &tables[k]));
    }
    IG_TRY(ig_cells_in(c, x, &in));
    IG_TRY(ig_cells_out(c, y, &out));
    if (r->coordinates == IG_TF_CROP_AND_RESIZE && x->dtype != IG_STRING) {
        ig_store_f64(x->dtype, outside, 0, r->outside);
        j.outside = outside;
    }
    j.in = in.data, j.out = out.data, j.size = in.size;
    ig_parallel(c->threads, y->count / j.row, 1 + 8192 / j.row, gather_rows, &j);
    return ig_cells_done(c, y, &out);
}

/* ------------------------------------------------------------------------------------------------------------------- run */

ig_status ig_resample_run(ig_call *c) {
    const ig_tensor *x = c->in[0];
    int inputs[3];
    const ig_tensor *args[3] = {NULL};
    ig_resample_inputs(c->node, &inputs[0], &inputs[1], &inputs[2]);
    for (int i = 0; i < 3; i++)
        if (inputs[i] >= 0 && (size_t)inputs[i] < c->n_in) args[i] = c->in[inputs[i]];
    if (args[1] && args[1]->count == 0 && inputs[2] >= 0) args[1] = NULL;
    if (args[2] && args[2]->count == 0) args[2] = NULL;
    if (!args[1] && !args[2] && inputs[2] >= 0) return ig_call_fail(c, "neither scales nor sizes are given");
    IG_TRY(ig_call_made(c, 0));
    ig_dim in[IG_MAX_RANK], sizes[IG_MAX_RANK];
    ig_ints list = {1, args[2] ? args[2]->count : 0, sizes};
    for (int k = 0; k < x->rank; k++) in[k] = ig_dim_of(x->dims[k]);
    for (size_t k = 0; k < list.n && k < IG_MAX_RANK; k++)
        sizes[k] = ig_dim_of(ig_load_as_i64(args[2]->dtype, args[2]->data, k));
    ig_resample r;
    char why[200];
    if (!ig_resample_of(&r, c->node, NULL, x->rank, in, args[0], args[1], args[2] ? &list : NULL, why, sizeof why))
        return ig_call_fail(c, "%s", why);
    if (c->out[0]->count == 0) return IG_OK;
    for (int k = 0; k < x->rank; k++)
        if (x->dims[k] == 0 || !(r.scale[k] > 0))
            return ig_call_fail(c, "an empty input can't be resized to %lld elements", (long long)c->out[0]->dims[k]);
    if (r.coordinates == IG_TF_CROP_AND_RESIZE && !args[0]) return ig_call_fail(c, "tf_crop_and_resize needs roi");
    if (x->rank == 0) return ig_call_copy(c, 0, 0);
    return r.mode == IG_RESIZE_NEAREST ? run_nearest(c, &r) : run_sums(c, &r);
}
