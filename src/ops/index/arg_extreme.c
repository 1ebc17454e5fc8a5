/* ArgMax and ArgMin (1, 11, 12 with `select_last_index`, 13). A NaN counts as the extreme, as in numpy. */
#include "ops/args.h"
#include "ops/loops/convert.h"
#include "ops/loops/lanes.h"
#include "ops/loops/work.h"

static ig_status infer_arg(ig_infer *c) {
    ig_shape x, y = {.rank = 0};
    int axis;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, IG_I64, NULL);
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
    for (int k = 0; k < x.rank; k++) {
        if (k != axis) y.dims[y.rank++] = x.dims[k];
        if (k == axis && ig_attr_int(c->node, "keepdims")) y.dims[y.rank++] = ig_dim_of(1);
    }
    return ig_infer_set(c, 0, IG_I64, &y);
}

enum { WIDTH = 256 };

typedef struct search {
    const ig_tensor *x;
    ig_dtype work;
    uint64_t flip; /* of integers: the top bit of uint64 */
    ig_lanes lanes;
    size_t groups; /* of lanes in one outer index */
    int64_t *out;
    bool smallest, last;
} search;

/* `width` lanes side by side: the best so far and where it was. */
#define SCAN(name, type, is_nan)                                                                                               \
    static void scan_##name(const search *s, type *best, int64_t *where, const type *x, size_t width, int64_t at) {            \
        for (size_t i = 0; i < width; i++) {                                                                                   \
            type v = x[i], b = best[i];                                                                                        \
            bool better = s->smallest ? v < b : v > b, same = v == b;                                                          \
            if (is_nan) better |= (v != v) & (b == b), same |= (v != v) & (b != b);                                            \
            if (at == 0 || better || (s->last && same)) {                                                                      \
                best[i] = v;                                                                                                   \
                where[i] = at;                                                                                                 \
            }                                                                                                                  \
        }                                                                                                                      \
    }
SCAN(f32, float, true)
SCAN(f64, double, true)
SCAN(i64, int64_t, false)

static void scan(const search *s, void *best, int64_t *where, const void *x, size_t width, int64_t at) {
    if (s->work == IG_F32) {
        scan_f32(s, best, where, x, width, at);
    } else if (s->work == IG_F64) {
        scan_f64(s, best, where, x, width, at);
    } else {
        scan_i64(s, best, where, x, width, at);
    }
}

static void search_range(void *arg, size_t begin, size_t end) {
    const search *s = arg;
    size_t n = s->lanes.length, inner = s->lanes.inner, unit = ig_dtype_bytes(s->work);
    double best[WIDTH], room[WIDTH]; /* of any work type */
    for (size_t item = begin; item < end; item++) {
        size_t first = item % s->groups * WIDTH, width = ig_min_size(WIDTH, inner - first), outer = item / s->groups;
        int64_t *where = s->out + outer * inner + first;
        size_t rows = inner == 1 ? WIDTH : 1; /* taken from memory at once */
        for (size_t row = 0; row < n; row += rows) {
            size_t some = ig_min_size(rows, n - row);
            ig_convert(s->x->dtype, s->x->data, (outer * n + row) * inner + first, s->work, room, 0, some * width);
            for (size_t i = 0; i < some * width && s->flip; i++) ((uint64_t *)(void *)room)[i] ^= s->flip;
            for (size_t i = 0; i < some; i++)
                scan(s, best, where, (const char *)room + i * width * unit, width, (int64_t)(row + i));
        }
    }
}

static ig_status run_arg(ig_call *c) {
    const ig_tensor *x = c->in[0];
    int axis;
    IG_TRY(ig_call_made(c, 0));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), x->rank, &axis));
    search s = {.x = x, .work = ig_work_type(x->dtype), .out = c->out[0]->data};
    if (!s.work) return ig_call_no_kernel(c, x->dtype);
    s.lanes = ig_lanes_of(x->rank, x->dims, axis);
    s.groups = (s.lanes.inner + WIDTH - 1) / WIDTH;
    s.flip = x->dtype == IG_U64 ? 1ull << 63 : 0;
    s.smallest = strcmp(c->node->op, "ArgMin") == 0;
    s.last = ig_attr_int(c->node, "select_last_index") != 0;
    if (s.lanes.outer * s.lanes.inner == 0) return IG_OK;
    if (s.lanes.length == 0) return ig_call_fail(c, "axis %d has no elements to choose from", axis);
    size_t work = s.lanes.length * ig_min_size(s.lanes.inner, WIDTH);
    ig_parallel(c->threads, s.lanes.outer * s.groups, (1 << 14) / work + 1, search_range, &s);
    return IG_OK;
}

const ig_op ig_op_arg_max = {.name = "ArgMax", .domain = "", .since = 1, .infer = infer_arg, .run = run_arg};
const ig_op ig_op_arg_min = {.name = "ArgMin", .domain = "", .since = 1, .infer = infer_arg, .run = run_arg};
