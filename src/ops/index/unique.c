/* Unique (11, 28), and the one of com.microsoft, which keeps the order of first occurrence. Elements are equal as numbers: 0
 * and -0 are one, all NaNs are one. */
#include "ops/args.h"
#include "ops/index/order.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"
#include "ops/loops/lanes.h"

static bool is_ms(const ig_node *node) { return node->schema->domain[0] != '\0'; }

/* Outputs: uniques, and in ai.onnx the first place of each; then the place of each element among the uniques, and counts. */
static ig_status infer_unique(ig_infer *c) {
    ig_shape x, y = {1, {ig_dim_unknown()}}, inverse = y, groups = y;
    bool axis_given = !is_ms(c->node) && ig_attr_given(c->node, "axis"), have = ig_infer_shape(c, 0, &x);
    size_t at = is_ms(c->node) ? 1 : 2;
    int axis = 0;
    if (have && axis_given) {
        IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
        inverse.dims[0] = x.dims[axis];
        x.dims[axis] = ig_dim_unknown();
        y = x;
    } else if (have) {
        inverse.dims[0] = ig_dim_product(c->syms, x.dims, (size_t)x.rank);
    }
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), have || !axis_given ? &y : NULL));
    if (at == 2) IG_TRY(ig_infer_set(c, 1, IG_I64, &groups));
    IG_TRY(ig_infer_set(c, at, IG_I64, &inverse));
    return ig_infer_set(c, at + 1, IG_I64, &groups);
}

/* What is compared: entries of `width` keys or strings. */
typedef struct entries {
    size_t n, width;
    const uint64_t *keys;
    const ig_str *strings;
} entries;

static int order_entries(const void *arg, size_t a, size_t b) {
    const entries *e = arg;
    for (size_t i = 0; i < e->width; i++) {
        if (e->strings) {
            int order = ig_str_cmp(e->strings[a * e->width + i], e->strings[b * e->width + i]);
            if (order) return order;
        } else {
            uint64_t x = e->keys[a * e->width + i], y = e->keys[b * e->width + i];
            if (x != y) return x < y ? -1 : 1;
        }
    }
    return 0;
}

static void *scratch_array(ig_call *c, size_t n, size_t size) {
    size_t bytes;
    return ig_mul_overflows(n, size, &bytes) ? NULL : ig_call_scratch(c, bytes);
}

/* The slices along the axis as entries that lie in one piece. */
static ig_status make_entries(ig_call *c, const ig_tensor *x, const ig_lanes *lanes, entries *e) {
    size_t parts = ig_dtype_number(x->dtype) == IG_NUMBER_COMPLEX ? 2 : 1, count = x->count * parts;
    *e = (entries){.n = lanes->length, .width = lanes->length ? count / lanes->length : 0};
    bool text = x->dtype == IG_STRING, moved = lanes->outer > 1;
    size_t unit = text ? sizeof(ig_str) : sizeof(uint64_t);
    char *flat = scratch_array(c, count, unit), *turned = moved ? scratch_array(c, count, unit) : NULL;
    if (!flat || (moved && !turned)) return ig_oom(c->err);
    ig_dtype dtype = x->dtype == IG_C64 ? IG_F32 : x->dtype == IG_C128 ? IG_F64 : x->dtype;
    if (text) {
        if (count) memcpy(flat, x->data, count * unit);
    } else {
        ig_order_keys(dtype, x->data, 0, 1, count, (uint64_t *)(void *)flat);
    }
    if (moved) {
        int64_t inner = (int64_t)(lanes->inner * parts), n = (int64_t)lanes->length, outer = (int64_t)lanes->outer;
        ig_copy r = {3, {n, outer, inner}, {outer * inner, inner, 1}, {inner, n * inner, 1}};
        ig_copy_region(c->threads, &r, unit, turned, flat);
        flat = turned;
    }
    if (text) {
        e->strings = (const ig_str *)(void *)flat;
    } else {
        e->keys = (const uint64_t *)(void *)flat;
    }
    return IG_OK;
}

typedef struct groups {
    size_t n;
    size_t *first, *count; /* of each group */
    size_t *of;            /* each entry's group */
    size_t *order;         /* groups as they come out */
} groups;

static int by_first(const void *arg, size_t a, size_t b) {
    const groups *g = arg;
    return g->first[a] < g->first[b] ? -1 : g->first[a] > g->first[b];
}

static ig_status group(ig_call *c, const entries *e, bool sorted, groups *g) {
    size_t *index = scratch_array(c, e->n, 6 * sizeof(size_t));
    if (!index) return ig_oom(c->err);
    size_t *room = index + e->n;
    *g = (groups){.first = room + e->n, .count = room + 2 * e->n, .of = room + 3 * e->n, .order = room + 4 * e->n};
    for (size_t i = 0; i < e->n; i++) index[i] = i;
    ig_order_indices(index, e->n, room, order_entries, e);
    for (size_t i = 0; i < e->n; i++) {
        if (i == 0 || order_entries(e, index[i - 1], index[i]) != 0) {
            g->first[g->n] = index[i]; /* stable: the first one of its kind */
            g->order[g->n] = g->n;
            g->count[g->n++] = 0;
        }
        g->count[g->n - 1]++;
        g->of[index[i]] = g->n - 1;
    }
    if (!sorted) ig_order_indices(g->order, g->n, room, by_first, g);
    return IG_OK;
}

static ig_status write_uniques(ig_call *c, const ig_lanes *l, const groups *g, int axis, bool flat) {
    const ig_tensor *x = c->in[0];
    int64_t dims[IG_MAX_RANK] = {(int64_t)g->n};
    ig_cells from, to;
    if (!flat) memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    if (!flat) dims[axis] = (int64_t)g->n;
    IG_TRY(ig_call_output(c, 0, x->dtype, flat ? 1 : x->rank, dims));
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    size_t block = l->inner * to.size;
    for (size_t o = 0; o < l->outer && to.count; o++) {
        for (size_t i = 0; i < g->n; i++)
            memcpy(to.data + (o * g->n + i) * block, from.data + (o * l->length + g->first[g->order[i]]) * block, block);
    }
    return ig_cells_done(c, c->out[0], &to);
}

/* Output o as n numbers; NULL when nobody wants it. */
static ig_status number_output(ig_call *c, size_t o, size_t n, int64_t **out) {
    *out = NULL;
    if (o >= c->n_out || !c->wanted[o]) return IG_OK;
    IG_TRY(ig_call_output(c, o, IG_I64, 1, (int64_t[]){(int64_t)n}));
    *out = c->out[o]->data;
    return IG_OK;
}

static ig_status run_unique(ig_call *c) {
    const ig_tensor *x = c->in[0];
    bool ms = is_ms(c->node), flat = ms || !ig_attr_given(c->node, "axis");
    int axis = 0;
    ig_lanes l = {1, x->count, 1};
    entries e;
    groups g;
    int64_t *first = NULL, *inverse, *count;
    if (x->kind != IG_KIND_TENSOR) return ig_call_fail(c, "the input is no tensor");
    if (!flat) {
        IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), x->rank, &axis));
        l = ig_lanes_of(x->rank, x->dims, axis);
    }
    IG_TRY(make_entries(c, x, &l, &e));
    IG_TRY(group(c, &e, !ms && ig_attr_int(c->node, "sorted") != 0, &g));
    if (c->wanted[0]) IG_TRY(write_uniques(c, &l, &g, axis, flat));
    if (!ms) IG_TRY(number_output(c, 1, g.n, &first));
    IG_TRY(number_output(c, ms ? 1 : 2, e.n, &inverse));
    IG_TRY(number_output(c, ms ? 2 : 3, g.n, &count));
    size_t *place = scratch_array(c, g.n, sizeof(size_t));
    if (!place) return ig_oom(c->err);
    for (size_t i = 0; i < g.n; i++) {
        place[g.order[i]] = i;
        if (first) first[i] = (int64_t)g.first[g.order[i]];
        if (count) count[i] = (int64_t)g.count[g.order[i]];
    }
    for (size_t i = 0; i < e.n && inverse; i++) inverse[i] = (int64_t)place[g.of[i]];
    return IG_OK;
}

const ig_op ig_op_unique = {
    .name = "Unique", .domain = "", .since = 11, .flags = IG_OP_DYNAMIC, .infer = infer_unique, .run = run_unique};
const ig_op ig_op_ms_unique = {
    .name = "Unique", .domain = "com.microsoft", .since = 1, .flags = IG_OP_DYNAMIC, .infer = infer_unique, .run = run_unique};
