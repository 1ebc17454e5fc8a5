/* ArgMax and ArgMin (1, 11, 12 with `select_last_index`, 13). A NaN counts as the extreme, as in numpy. */
#include "kernels/kernels.h"
#include "kernels/loops/loop.h"
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
        if (k == axis && ig_attr_int(c->node, "keepdims") == 1) y.dims[y.rank++] = ig_dim_of(1);
    }
    return ig_infer_set(c, 0, IG_I64, &y);
}

enum { WIDTH = 256 };

typedef struct search {
    const ig_tensor *x;
    ig_dtype work;
    int64_t flip; /* of integers: the top bit of uint64 */
    ig_lanes lanes;
    size_t groups; /* of lanes in one outer index */
    int64_t *out;
    bool smallest, last;
    const ig_folds *kernels;
} search;

/* Blocks of lanes side by side, in any work type. */
typedef union block {
    float f[WIDTH];
    double d[WIDTH];
    int64_t i[WIDTH];
} block;

/* Where the best of each lane was, in integers of the elements' width for the sake of vectors. */
typedef union places {
    int32_t few[WIDTH];
    int64_t many[WIDTH];
} places;

/* Takes in row number `at`. A condition says when x is better than the best so far, b. */
#define TAKE(better)                                                                                                           \
    IG_EACH (i, width) {                                                                                                       \
        bool take = (better);                                                                                                  \
        b[i] = take ? x[i] : b[i];                                                                                             \
        w[i] = take ? at : w[i];                                                                                               \
    }
#define SCAN(name, type, index, nan)                                                                                           \
    static void scan_##name(const search *s, type *b, index *w, const type *x, size_t width, index at) {                       \
        if (at == 0) {                                                                                                         \
            memcpy(b, x, width * sizeof *b);                                                                                   \
            memset(w, 0, width * sizeof *w);                                                                                   \
        } else if (s->smallest && s->last) {                                                                                   \
            TAKE((x[i] <= b[i]) | (nan && x[i] != x[i]))                                                                       \
        } else if (s->smallest) {                                                                                              \
            TAKE((x[i] < b[i]) | (nan && (x[i] != x[i]) & (b[i] == b[i])))                                                     \
        } else if (s->last) {                                                                                                  \
            TAKE((x[i] >= b[i]) | (nan && x[i] != x[i]))                                                                       \
        } else {                                                                                                               \
            TAKE((x[i] > b[i]) | (nan && (x[i] != x[i]) & (b[i] == b[i])))                                                     \
        }                                                                                                                      \
    }
SCAN(f32, float, int32_t, true)
SCAN(f64, double, int64_t, true)
SCAN(i64, int64_t, int64_t, false)

static void scan(const search *s, block *best, places *where, const block *rows, size_t row, size_t width, size_t at) {
    if (s->work == IG_F32) {
        scan_f32(s, best->f, where->few, rows->f + row * width, width, (int32_t)at);
    } else if (s->work == IG_F64) {
        scan_f64(s, best->d, where->many, rows->d + row * width, width, (int64_t)at);
    } else {
        scan_i64(s, best->i, where->many, rows->i + row * width, width, (int64_t)at);
    }
}

static bool same_f32(float a, float b) { return a == b || (a != a && b != b); }

/* The place of a value that is there. */
static size_t place_of(const float *x, size_t n, float value, bool last) {
    size_t i = last ? n - 1 : 0;
    while (!same_f32(x[i], value)) i += last ? (size_t)-1 : 1;
    return i;
}

/* A lane of floats in one piece: what the extreme is, then where. */
static int64_t search_lane(const search *s, const float *x, size_t n) {
    return (int64_t)place_of(x, n, s->smallest ? s->kernels->min(x, n) : s->kernels->max(x, n), s->last);
}

static void search_block(const search *s, size_t outer, size_t first, size_t width) {
    size_t n = s->lanes.length, inner = s->lanes.inner, rows = inner == 1 ? WIDTH : 1; /* taken from memory at once */
    int64_t *out = s->out + outer * inner + first;
    block best, room;
    places where;
    for (size_t at = 0; at < n; at += rows) {
        size_t some = ig_min_size(rows, n - at), count = some * width;
        ig_convert(s->x->dtype, s->x->data, (outer * n + at) * inner + first, s->work, &room, 0, count);
        for (size_t i = 0; i < count && s->flip; i++) room.i[i] ^= s->flip;
        for (size_t r = 0; r < some; r++) scan(s, &best, &where, &room, r, width, at + r);
    }
    for (size_t i = 0; i < width; i++) out[i] = s->work == IG_F32 ? where.few[i] : where.many[i];
}

static void search_range(void *arg, size_t begin, size_t end) {
    const search *s = arg;
    size_t n = s->lanes.length, inner = s->lanes.inner;
    for (size_t item = begin; item < end; item++) {
        size_t first = item % s->groups * WIDTH, outer = item / s->groups;
        if (inner == 1 && s->x->dtype == IG_F32) {
            s->out[outer] = search_lane(s, (const float *)s->x->data + outer * n, n);
        } else {
            search_block(s, outer, first, ig_min_size(WIDTH, inner - first));
        }
    }
}

static ig_status run_arg(ig_call *c) {
    const ig_tensor *x = c->in[0];
    int axis;
    IG_TRY(ig_call_made(c, 0));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), x->rank, &axis));
    search s = {.x = x, .work = ig_work_type(x->dtype), .out = c->out[0]->data, .kernels = ig_kernels_of(c->context)->folds};
    if (!s.work) return ig_call_no_kernel(c, x->dtype);
    s.lanes = ig_lanes_of(x->rank, x->dims, axis);
    s.groups = (s.lanes.inner + WIDTH - 1) / WIDTH;
    s.smallest = strcmp(c->node->op, "ArgMin") == 0;
    s.flip = x->dtype == IG_U64 ? INT64_MIN : 0;
    if (s.work == IG_F32 && s.lanes.length > INT32_MAX) s.work = IG_F64;
    s.last = ig_attr_int(c->node, "select_last_index") != 0;
    if (s.lanes.outer * s.lanes.inner == 0) return IG_OK;
    if (s.lanes.length == 0) return ig_call_fail(c, "axis %d has no elements to choose from", axis);
    size_t work = s.lanes.length * ig_min_size(s.lanes.inner, WIDTH);
    ig_parallel(c->threads, s.lanes.outer * s.groups, (1 << 14) / work + 1, search_range, &s);
    return IG_OK;
}

const ig_op ig_op_arg_max = {.name = "ArgMax", .domain = "", .since = 1, .infer = infer_arg, .run = run_arg};
const ig_op ig_op_arg_min = {.name = "ArgMin", .domain = "", .since = 1, .infer = infer_arg, .run = run_arg};
