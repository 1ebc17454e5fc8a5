/* CumSum (11, 14) and CumProd (26). */
#include "ops/args.h"
#include "ops/loops/lanes.h"

static ig_status infer_cumulate(ig_infer *c) {
    ig_shape x;
    int64_t axis;
    int at;
    if (ig_infer_shape(c, 0, &x) && ig_infer_int(c, 1, &axis)) IG_TRY(ig_infer_axis(c, axis, x.rank, false, &at));
    return ig_infer_same(c);
}

typedef struct way {
    bool exclusive, reverse;
} way;

/* `acc` is a type that holds more digits, so that each result is rounded once. */
#define CUMULATE(name, type, wide, start, op)                                                                                  \
    static void name(const void *arg, const type *in, type *out, size_t n) {                                                   \
        const way *w = arg;                                                                                                    \
        wide acc = start;                                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                                                       \
            size_t at = w->reverse ? n - 1 - i : i;                                                                            \
            wide before = acc;                                                                                                 \
            acc = acc op(wide) in[at];                                                                                         \
            out[at] = (type)(w->exclusive ? before : acc);                                                                     \
        }                                                                                                                      \
    }
CUMULATE(sum_f32, float, double, 0, +)
CUMULATE(sum_f64, double, double, 0, +)
CUMULATE(sum_i64, int64_t, uint64_t, 0, +)
CUMULATE(prod_f32, float, double, 1, *)
CUMULATE(prod_f64, double, double, 1, *)
CUMULATE(prod_i64, int64_t, uint64_t, 1, *)

static ig_status cumulate(ig_call *c, const ig_lane_map *map) {
    const ig_tensor *x = c->in[0];
    way w = {ig_attr_int(c->node, "exclusive") != 0, ig_attr_int(c->node, "reverse") != 0};
    int64_t wanted;
    int axis;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_call_number(c, NULL, 1, 0, &wanted));
    IG_TRY(ig_call_axis(c, wanted, x->rank, &axis));
    ig_lanes lanes = ig_lanes_of(x->rank, x->dims, axis);
    return ig_lanes_map(c, &lanes, x, c->out[0], map, &w);
}

static ig_status run_cum_sum(ig_call *c) {
    static const ig_lane_map map = {sum_f32, sum_f64, sum_i64};
    return cumulate(c, &map);
}

static ig_status run_cum_prod(ig_call *c) {
    static const ig_lane_map map = {prod_f32, prod_f64, prod_i64};
    return cumulate(c, &map);
}

const ig_op ig_op_cum_sum = {
    .name = "CumSum", .domain = "", .since = 11, .flags = IG_OP_INPLACE, .infer = infer_cumulate, .run = run_cum_sum};
const ig_op ig_op_cum_prod = {
    .name = "CumProd", .domain = "", .since = 26, .flags = IG_OP_INPLACE, .infer = infer_cumulate, .run = run_cum_prod};
