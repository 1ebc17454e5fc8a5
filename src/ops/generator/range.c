/* Range: start + i * delta while below (or above) the limit. */
#include "ops/op.h"

#include <math.h>

/* An input that holds one number. */
static ig_status one(ig_infer *c, size_t i, const ig_tensor **t) {
    ig_shape shape;
    *t = c->data && i < c->n_in ? c->data[i] : NULL;
    if (!ig_infer_shape(c, i, &shape)) return IG_OK;
    bool single = shape.rank == 0 || (shape.rank == 1 && !ig_dim_differ(shape.dims[0], ig_dim_of(1)));
    return single ? IG_OK : ig_infer_fail(c, "input %zu is not a single number", i);
}

/* Numbers of whole type are counted exactly: their differences may pass 2^53, even 2^63. */
static bool count_whole(int64_t start, int64_t limit, int64_t delta, uint64_t *n) {
    bool up = delta > 0;
    if (delta == 0) return false;
    if (up ? start >= limit : start <= limit) {
        *n = 0;
        return true;
    }
    uint64_t span = up ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    uint64_t step = up ? (uint64_t)delta : 0 - (uint64_t)delta;
    *n = (span - 1) / step + 1;
    return true;
}

static ig_status count(ig_infer *c, const ig_tensor *const *t, bool has_delta, ig_dim *out) {
    ig_dtype dtype = t[0]->dtype;
    uint64_t n = 0;
    double real = 0;
    bool fine;
    if (ig_dtype_is_int(dtype)) {
        fine = count_whole(ig_load_as_i64(dtype, t[0]->data, 0), ig_load_as_i64(t[1]->dtype, t[1]->data, 0),
                           has_delta ? ig_load_as_i64(t[2]->dtype, t[2]->data, 0) : 1, &n);
    } else {
        double start = ig_load_as_f64(dtype, t[0]->data, 0), limit = ig_load_as_f64(t[1]->dtype, t[1]->data, 0);
        double delta = has_delta ? ig_load_as_f64(t[2]->dtype, t[2]->data, 0) : 1;
        real = ceil((limit - start) / delta);
        fine = delta != 0 && !isnan(real) && real < 0x1p62;
        n = fine && real > 0 ? (uint64_t)real : 0;
    }
    if (!fine) return ig_infer_fail(c, "start, limit and delta give no finite number of elements");
    *out = n <= INT64_MAX ? ig_dim_of((int64_t)n) : ig_dim_unknown();
    return n <= INT64_MAX ? IG_OK : ig_infer_fail(c, "the range has more than 2^63 elements");
}

/* Sizes that depend on symbols: sequences of positions, going up. */
static ig_dim symbolic_count(ig_infer *c, bool has_delta) {
    ig_ints in[3];
    int64_t delta = 1;
    if (!ig_dtype_is_int(ig_infer_dtype(c, 0))) return ig_dim_unknown();
    if (!ig_infer_ints(c, 0, &in[0]) || !ig_infer_ints(c, 1, &in[1]) || in[0].n != 1 || in[1].n != 1) return ig_dim_unknown();
    if (has_delta && (!ig_infer_int(c, 2, &delta) || delta <= 0)) return ig_dim_unknown();
    ig_dim span = ig_dim_sub(c->syms, in[1].values[0], in[0].values[0]);
    if (ig_dim_known(span)) return ig_dim_of(span.value > 0 ? (span.value - 1) / delta + 1 : 0);
    return delta == 1 ? span : ig_dim_ceil_div(c->syms, span, ig_dim_of(delta));
}

static ig_status infer_content(ig_infer *c, ig_dim n, bool has_delta) {
    ig_dim values[IG_MAX_RANK * 2];
    ig_ints start;
    int64_t delta = 1;
    if (!c->out_ints || !ig_dim_known(n) || n.value > IG_MAX_RANK * 2 || !ig_dtype_is_int(ig_infer_dtype(c, 0))) return IG_OK;
    if (!ig_infer_ints(c, 0, &start) || start.n != 1 || (has_delta && !ig_infer_int(c, 2, &delta))) return IG_OK;
    for (int64_t i = 0; i < n.value; i++)
        values[i] = ig_dim_add(c->syms, start.values[0], ig_dim_mul(c->syms, ig_dim_of(i), ig_dim_of(delta)));
    return ig_infer_set_ints(c, 0, 1, values, (size_t)n.value);
}

static ig_status infer(ig_infer *c) {
    const ig_tensor *t[3] = {NULL};
    ig_shape shape = {.rank = 1};
    bool has_delta = ig_infer_has(c, 2);
    for (size_t i = 0; i < 3; i++) IG_TRY(one(c, i, &t[i]));
    ig_dtype dtype = IG_UNDEFINED;
    for (size_t i = 0; i < 3 && !dtype; i++) dtype = ig_infer_dtype(c, i);
    if (t[0] && t[1] && (t[2] || !has_delta) && t[0]->count == 1 && t[1]->count == 1 && (!has_delta || t[2]->count == 1))
        IG_TRY(count(c, t, has_delta, &shape.dims[0]));
    else
        shape.dims[0] = symbolic_count(c, has_delta);
    IG_TRY(ig_infer_set(c, 0, dtype, &shape));
    return infer_content(c, shape.dims[0], has_delta);
}

static ig_status run(ig_call *c) {
    ig_tensor *out = c->out[0];
    if (!out) return IG_OK;
    const ig_tensor *start = c->in[0], *delta = c->n_in > 2 ? c->in[2] : NULL;
    ig_dtype t = out->dtype;
    if (ig_dtype_is_int(t)) {
        uint64_t from = (uint64_t)ig_load_as_i64(t, start->data, 0);
        uint64_t step = delta ? (uint64_t)ig_load_as_i64(t, delta->data, 0) : 1;
        for (size_t i = 0; i < out->count; i++) ig_store_i64(t, out->data, i, (int64_t)(from + i * step));
        return IG_OK;
    }
    double from = ig_load_as_f64(t, start->data, 0), step = delta ? ig_load_as_f64(t, delta->data, 0) : 1;
    for (size_t i = 0; i < out->count; i++) ig_store_f64(t, out->data, i, from + (double)i * step);
    return IG_OK;
}

const ig_op ig_op_range = {.domain = "", .name = "Range", .since = 11, .infer = infer, .run = run};
const ig_op ig_op_ms_range = {.domain = "com.microsoft", .name = "Range", .since = 1, .infer = infer, .run = run};
