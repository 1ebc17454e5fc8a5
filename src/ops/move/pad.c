/* Pad (1 with `paddings`, 2 with `pads`, 11 with inputs, 13, 18 with axes, 19 with wrap, 21, 23, 24, 25) and the one of
 * com.microsoft. Negative pads cut off. */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

static const char *pads_attr(const ig_node *node) { return node->schema->since == 1 ? "paddings" : "pads"; }

static bool is_old(const ig_node *node) { return node->schema->domain[0] == '\0' && node->schema->since < 11; }

/* The one of com.microsoft has pads as an input from its first version on, of shape [2r] or [1, 2r]. */
static ig_known pads_list(ig_infer *c, ig_ints *pads) {
    ig_known known = ig_infer_list(c, is_old(c->node) ? pads_attr(c->node) : NULL, 1, pads);
    const ig_tensor *t = known != IG_IS_KNOWN && c->data && c->n_in > 1 ? c->data[1] : NULL;
    if (!t || t->rank != 2 || t->dims[0] != 1 || t->dims[1] > 2 * IG_MAX_RANK || !ig_dtype_is_int(t->dtype)) return known;
    ig_dim *values = IG_NEW_ARRAY(c->arena, ig_dim, t->count);
    if (!values) return IG_NOT_KNOWN;
    for (size_t i = 0; i < t->count; i++) values[i] = ig_dim_of(ig_load_as_i64(t->dtype, t->data, i));
    *pads = (ig_ints){1, t->count, values};
    return IG_IS_KNOWN;
}

/* The pads of both sides may pass 64 bits where the sum with the dim doesn't. */
static ig_status padded(ig_infer *c, ig_dim dim, ig_dim before, ig_dim after, ig_dim *out) {
    *out = ig_dim_unknown();
    if (!ig_dim_known(before) || !ig_dim_known(after)) return IG_OK;
    __int128 pads = (__int128)before.value + after.value, sum = pads + (ig_dim_known(dim) ? dim.value : 0);
    if (sum > INT64_MAX)
        return ig_infer_fail(c, "pads of %lld and %lld make a dim too large", (long long)before.value, (long long)after.value);
    if (ig_dim_known(dim)) {
        *out = ig_dim_of(sum < 0 ? -1 : (int64_t)sum);
    } else if (sum > INT64_MIN) {
        *out = ig_dim_add(c->syms, dim, ig_dim_of((int64_t)sum));
    }
    return IG_OK;
}

static ig_status infer_pad(ig_infer *c) {
    ig_shape x;
    ig_ints pads, axes;
    ig_dtype dtype = ig_infer_dtype(c, 0);
    uint32_t mask;
    ig_status status;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, dtype, NULL);
    ig_known known = pads_list(c, &pads), some = ig_infer_list(c, NULL, 3, &axes);
    bool clear = known == IG_IS_KNOWN && some != IG_NOT_KNOWN;
    if (known == IG_ABSENT) return ig_infer_fail(c, "the pads are missing");
    if (clear && some == IG_IS_KNOWN) {
        clear = ig_infer_axes(c, &axes, x.rank, &mask, &status);
        if (status != IG_OK) return status;
    }
    if (!clear) {
        for (int k = 0; k < x.rank; k++) x.dims[k] = ig_dim_unknown();
        return ig_infer_set(c, 0, dtype, &x);
    }
    size_t n = some == IG_IS_KNOWN ? axes.n : (size_t)x.rank;
    if (pads.n != 2 * n) return ig_infer_fail(c, "%zu pads are given for %zu axes", pads.n, n);
    for (size_t i = 0; i < n; i++) {
        int64_t axis = some == IG_IS_KNOWN ? axes.values[i].value : (int64_t)i;
        ig_dim *dim = &x.dims[axis < 0 ? axis + x.rank : axis];
        IG_TRY(padded(c, *dim, pads.values[i], pads.values[n + i], dim));
        if (ig_dim_known(*dim) && dim->value < 0)
            return ig_infer_fail(c, "more is cut off axis %lld than it has", (long long)axis);
    }
    return ig_infer_set(c, 0, dtype, &x);
}

/* -------------------------------------------------------------------------------------------------------------- kernel */

typedef struct padding {
    int rank;
    int64_t before[IG_MAX_RANK], after[IG_MAX_RANK]; /* what is added; not negative */
    int64_t cut[IG_MAX_RANK], kept[IG_MAX_RANK];     /* what is left of the input: begin and size */
    int64_t dims[IG_MAX_RANK], steps[IG_MAX_RANK];   /* of the output */
} padding;

static ig_status read_padding(ig_call *c, padding *p) {
    const ig_tensor *x = c->in[0], *y = c->out[0];
    const int64_t *pads, *axes;
    size_t n_pads, n_axes;
    int at[IG_MAX_RANK];
    IG_TRY(ig_call_list(c, is_old(c->node) ? pads_attr(c->node) : NULL, 1, &pads, &n_pads));
    IG_TRY(ig_call_list(c, NULL, 3, &axes, &n_axes));
    if (axes) IG_TRY(ig_call_axes(c, axes, n_axes, x->rank, at, NULL));
    size_t n = axes ? n_axes : (size_t)x->rank;
    if (!pads || n_pads != 2 * n) return ig_call_fail(c, "%zu pads are given for %zu axes", n_pads, n);
    *p = (padding){.rank = x->rank};
    for (size_t i = 0; i < n; i++) {
        int k = axes ? at[i] : (int)i;
        p->before[k] = pads[i];
        p->after[k] = pads[n + i];
    }
    for (int k = 0; k < p->rank; k++) {
        p->cut[k] = ig_min_i64(p->before[k] < 0 ? 0 - p->before[k] : 0, x->dims[k]);
        p->kept[k] = x->dims[k] + ig_min_i64(p->before[k], 0) + ig_min_i64(p->after[k], 0);
        p->kept[k] = ig_max_i64(p->kept[k], 0); /* one side may cut more than there is when the other adds */
        p->before[k] = ig_max_i64(p->before[k], 0);
        p->after[k] = ig_max_i64(p->after[k], 0);
        p->dims[k] = y->dims[k];
        if (p->before[k] + p->kept[k] + p->after[k] != y->dims[k])
            return ig_call_fail(c, "more is cut off axis %d than it has", k);
    }
    ig_steps_of(y->rank, y->dims, p->steps);
    return IG_OK;
}

static void copy_inside(ig_call *c, const padding *p, const ig_cells *to, const ig_cells *from) {
    ig_copy r = {.rank = p->rank};
    int64_t begin = 0, target = 0;
    ig_steps_of(p->rank, c->in[0]->dims, r.from);
    for (int k = 0; k < p->rank; k++) {
        r.dims[k] = p->kept[k];
        r.to[k] = p->steps[k];
        begin += p->cut[k] * r.from[k];
        target += p->before[k] * r.to[k];
    }
    ig_copy_region(c->threads, &r, to->size, to->data + (size_t)target * to->size, from->data + (size_t)begin * from->size);
}

typedef enum mode { CONSTANT, REFLECT, EDGE, WRAP } mode;

/* Which of n elements stands at place i < 0 or i >= n. */
static int64_t source_of(mode m, int64_t i, int64_t n) {
    if (m == EDGE || n == 1) return ig_clamp_i64(i, 0, n - 1);
    int64_t period = m == WRAP ? n : 2 * (n - 1);
    i %= period;
    if (i < 0) i += period;
    return i < n ? i : period - i;
}

/* One axis' borders: whole along the axes before it, inside along those behind. Where the inside begins comes out. */
static int64_t border(const padding *p, int axis, ig_copy *r) {
    int64_t inside = 0;
    *r = (ig_copy){.rank = p->rank};
    for (int k = 0; k < p->rank; k++) {
        r->dims[k] = k < axis ? p->dims[k] : k == axis ? 1 : p->kept[k];
        r->to[k] = p->steps[k];
        inside += k > axis ? p->before[k] * p->steps[k] : 0;
    }
    return inside;
}

/* From what is already in the output. */
static ig_status fill_from_inside(ig_call *c, const padding *p, mode m, int axis, const ig_cells *to) {
    ig_copy r;
    int64_t inside = border(p, axis, &r), n = p->kept[axis], step = p->steps[axis];
    if (p->before[axis] + p->after[axis] == 0) return IG_OK;
    if (n == 0) return ig_call_fail(c, "axis %d has no elements to pad with", axis);
    memcpy(r.from, r.to, sizeof r.to);
    for (int64_t i = -p->before[axis]; i < n + p->after[axis]; i++) {
        if (i >= 0 && i < n) continue;
        int64_t target = inside + (p->before[axis] + i) * step, source = inside + (p->before[axis] + source_of(m, i, n)) * step;
        ig_copy_region(c->threads, &r, to->size, to->data + (size_t)target * to->size, to->data + (size_t)source * to->size);
    }
    return IG_OK;
}

static void fill_with(ig_call *c, const padding *p, int axis, const ig_cells *to, const void *cell) {
    ig_copy r;
    int64_t inside = border(p, axis, &r), behind = p->before[axis] + p->kept[axis];
    r.dims[axis] = p->before[axis];
    ig_copy_region(c->threads, &r, to->size, to->data + (size_t)inside * to->size, cell);
    r.dims[axis] = p->after[axis];
    ig_copy_region(c->threads, &r, to->size, to->data + (size_t)(inside + behind * p->steps[axis]) * to->size, cell);
}

/* The value to pad with, as one cell: the input or the attribute of old, else zero or "". */
static ig_status constant_cell(ig_call *c, void *cell) {
    const ig_tensor *y = c->out[0], *value = !is_old(c->node) && c->n_in > 2 ? c->in[2] : NULL;
    memset(cell, 0, 16);
    if (value) {
        ig_cells one;
        if (value->kind != IG_KIND_TENSOR || value->dtype != y->dtype || value->count != 1)
            return ig_call_fail(c, "the value to pad with is no single element of the input's type");
        IG_TRY(ig_cells_in(c, value, &one));
        memcpy(cell, one.data, one.size);
    } else if (y->dtype == IG_STRING) {
        ((ig_str *)cell)->s = "";
    } else if (is_old(c->node)) {
        ig_store_f64(y->dtype, cell, 0, (double)ig_attr_float(c->node, "value"));
    }
    return IG_OK;
}

static ig_status run_pad(ig_call *c) {
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    ig_cells from, to;
    padding p;
    _Alignas(16) char cell[16];
    size_t m = 0;
    IG_TRY(ig_call_like(c, 0, 0));
    while (m < IG_COUNT_OF(names) && !ig_attr_is(c->node, "mode", names[m])) m++;
    if (m == IG_COUNT_OF(names)) {
        ig_str mode_text = ig_attr_str(c->node, "mode");
        return ig_call_fail(c, "unknown mode '%.*s'", (int)ig_min_size(mode_text.n, 80), mode_text.s);
    }
    IG_TRY(read_padding(c, &p));
    IG_TRY(ig_cells_in(c, c->in[0], &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    IG_TRY(constant_cell(c, cell));
    if (to.count) copy_inside(c, &p, &to, &from);
    for (int k = 0; k < p.rank && to.count; k++) {
        if (m == CONSTANT) {
            fill_with(c, &p, k, &to, cell);
        } else {
            IG_TRY(fill_from_inside(c, &p, (mode)m, k, &to));
        }
    }
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_pad = {.name = "Pad", .domain = "", .since = 1, .infer = infer_pad, .run = run_pad};
const ig_op ig_op_ms_pad = {.name = "Pad", .domain = "com.microsoft", .since = 1, .infer = infer_pad, .run = run_pad};
