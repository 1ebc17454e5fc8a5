/* TopK (1 with `k` as an attribute, 10 as an input, 11 with `largest` and `sorted`, 24). Equal elements come by their index. */
#include "kernels/kernels.h"
#include "ops/args.h"
#include "ops/index/order.h"
#include "ops/loops/cells.h"
#include "ops/loops/lanes.h"

static ig_status infer_topk(ig_infer *c) {
    ig_shape x;
    ig_ints list;
    int axis;
    ig_dim k = ig_dim_unknown();
    if (!ig_infer_shape(c, 0, &x)) {
        IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL));
        return ig_infer_set(c, 1, IG_I64, NULL);
    }
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    if (c->node->schema->since == 1) {
        k = ig_dim_of(ig_max_i64(ig_attr_int(c->node, "k"), -1));
    } else if (ig_infer_list(c, NULL, 1, &list) == IG_IS_KNOWN && list.n == 1) {
        k = list.values[0];
    }
    if (ig_dim_known(k) && (k.value < 0 || (ig_dim_known(x.dims[axis]) && k.value > x.dims[axis].value))) {
        char text[100];
        ig_dim_text(x.dims[axis], text, sizeof text);
        return ig_infer_fail(c, "k is %lld, the axis has %s elements", (long long)k.value, text);
    }
    x.dims[axis] = k;
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x));
    return ig_infer_set(c, 1, IG_I64, &x);
}

typedef struct pair {
    uint64_t key; /* smaller is better */
    size_t index;
} pair;

typedef struct top {
    const ig_tensor *x;
    ig_lanes lanes;
    size_t k;
    uint64_t flip; /* all ones when the largest are wanted */
    const char *from;
    char *values; /* or NULL */
    size_t size;
    int64_t *indices; /* or NULL */
    const ig_folds *kernels;
} top;

static bool worse(pair a, pair b) { return a.key > b.key || (a.key == b.key && a.index > b.index); }

/* Moves the entry at `at` down a heap whose root is the worst. */
static void sink(pair *heap, size_t n, size_t at) {
    pair x = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && worse(heap[child + 1], heap[child])) child++;
        if (!worse(heap[child], x)) break;
        heap[at] = heap[child];
    }
    heap[at] = x;
}

enum { BLOCK = 256 };

/* Whether nothing in a block of floats is better than the worst of a full heap: most blocks of a long lane, when few are
 * wanted. */
static bool nothing_better(const top *t, const float *x, size_t n, pair worst) {
    float best = t->flip ? t->kernels->max(x, n) : t->kernels->min(x, n);
    return best == best && (ig_order_key(IG_F32, &best, 0) ^ t->flip) >= worst.key;
}

static size_t offer(const top *t, pair *heap, size_t have, pair p) {
    if (have < t->k) {
        heap[have++] = p;
        for (size_t at = t->k / 2; have == t->k && at-- > 0;) sink(heap, t->k, at);
    } else if (worse(heap[0], p)) {
        heap[0] = p;
        sink(heap, t->k, 0);
    }
    return have;
}

/* Floats in one piece: most are seen to be no better without making a key. `lane` is where the lane begins. */
static size_t offer_floats(const top *t, pair *heap, size_t have, const float *lane, size_t begin, size_t n) {
    if (have == t->k && nothing_better(t, lane + begin, n, heap[0])) return have;
    for (size_t i = begin; i < begin + n; i++) {
        float x = lane[i], limit = lane[heap[0].index];
        bool hopeless = t->flip ? x <= limit : x >= limit; /* false for NaN */
        if (have == t->k && hopeless) continue;
        have = offer(t, heap, have, (pair){ig_order_key(IG_F32, lane, i) ^ t->flip, i});
    }
    return have;
}

static size_t offer_block(const top *t, pair *heap, size_t have, size_t first, size_t begin, size_t n) {
    uint64_t keys[BLOCK];
    ig_order_keys(t->x->dtype, t->x->data, first + begin * t->lanes.inner, t->lanes.inner, n, keys);
    for (size_t i = 0; i < n; i++) have = offer(t, heap, have, (pair){keys[i] ^ t->flip, begin + i});
    return have;
}

/* The k best of a lane, best first: a heap of the best so far, sorted in the end. */
static void select_lane(const top *t, size_t lane, pair *heap) {
    size_t n = t->lanes.length, first = ig_lane_first(&t->lanes, lane), step = t->lanes.inner, have = 0;
    const float *floats = t->x->dtype == IG_F32 && step == 1 ? (const float *)t->x->data + first : NULL;
    heap[0].index = 0;
    for (size_t begin = 0; begin < n; begin += BLOCK) {
        size_t some = ig_min_size(n - begin, BLOCK);
        have = floats ? offer_floats(t, heap, have, floats, begin, some) : offer_block(t, heap, have, first, begin, some);
    }
    for (size_t end = t->k; end-- > 1;) {
        pair last = heap[0];
        heap[0] = heap[end];
        heap[end] = last;
        sink(heap, end, 0);
    }
}

static void top_lane(void *arg, size_t lane, void *room) {
    const top *t = arg;
    pair *heap = room;
    select_lane(t, lane, heap);
    size_t from = ig_lane_first(&t->lanes, lane), step = t->lanes.inner;
    size_t to = lane / step * t->k * step + lane % step;
    for (size_t i = 0; i < t->k; i++) {
        size_t place = to + i * step;
        if (t->indices) t->indices[place] = (int64_t)heap[i].index;
        if (t->values) memcpy(t->values + place * t->size, t->from + (from + heap[i].index * step) * t->size, t->size);
    }
}

static ig_status run_topk(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_cells from, to = {0};
    int64_t k, dims[IG_MAX_RANK];
    int axis;
    size_t room;
    if (x->kind != IG_KIND_TENSOR || ig_dtype_number(x->dtype) == IG_NUMBER_NONE ||
        ig_dtype_number(x->dtype) == IG_NUMBER_COMPLEX)
        return ig_call_no_kernel(c, x->dtype);
    bool attribute = c->node->schema->since == 1, largest = c->node->schema->since < 11 || ig_attr_int(c->node, "largest") != 0;
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), x->rank, &axis));
    IG_TRY(ig_call_number(c, attribute ? "k" : NULL, 1, 0, &k));
    if (k < 0 || k > x->dims[axis])
        return ig_call_fail(c, "k is %lld, the axis has %lld elements", (long long)k, (long long)x->dims[axis]);
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    dims[axis] = k;
    if (c->wanted[0]) IG_TRY(ig_call_output(c, 0, x->dtype, x->rank, dims));
    if (c->n_out > 1 && c->wanted[1]) IG_TRY(ig_call_output(c, 1, IG_I64, x->rank, dims));
    ig_tensor *values = c->wanted[0] ? c->out[0] : NULL, *indices = c->n_out > 1 && c->wanted[1] ? c->out[1] : NULL;
    IG_TRY(ig_cells_in(c, x, &from));
    if (values) IG_TRY(ig_cells_out(c, values, &to));
    top t = {.x = x, .lanes = ig_lanes_of(x->rank, x->dims, axis), .k = (size_t)k, .flip = largest ? UINT64_MAX : 0};
    t.kernels = ig_kernels_of(c->context)->folds;
    t.from = from.data;
    t.values = to.data;
    t.size = from.size;
    t.indices = indices ? indices->data : NULL;
    if (ig_mul_overflows(t.k, sizeof(pair), &room)) return ig_oom(c->err);
    if (k) IG_TRY(ig_lanes_each(c, &t.lanes, room, top_lane, &t));
    return values ? ig_cells_done(c, values, &to) : IG_OK;
}

const ig_op ig_op_topk = {.name = "TopK", .domain = "", .since = 1, .infer = infer_topk, .run = run_topk};
