/* Max, Min, Sum, Mean of one or more inputs. A NaN among floats is the maximum and the minimum. */
#include "ops/math/elementwise.h"

IG_WHOLE_LOOPS_2(max, x > y ? x : y)
static const ig_loop max_loops[] = {IG_REAL_ROWS_2(max), IG_WHOLE_ROWS(IG_ROW_2, max)};

IG_WHOLE_LOOPS_2(min, x < y ? x : y)
static const ig_loop min_loops[] = {IG_REAL_ROWS_2(min), IG_WHOLE_ROWS(IG_ROW_2, min)};

static const ig_loop add_loops[] = {IG_REAL_ROWS_2(add)};

IG_LOOP_1P(scale_f32, float, float, double, x *(float)p)
IG_LOOP_1P(scale_f64, double, double, double, x *p)

static ig_status fold(ig_call *c, const ig_loop *loops, size_t n, bool mean) {
    if (!c->out[0]) return IG_OK;
    const ig_loop *loop = ig_loop_pick(loops, n, c->in[0]->dtype);
    if (!loop) return ig_call_no_kernel(c, c->in[0]->dtype);
    ig_operand *in = ig_call_scratch(c, c->n_in * sizeof *in);
    if (!in) return ig_oom(c->err);
    for (size_t k = 0; k < c->n_in; k++) in[k] = ig_operand_of(c->in[k]);
    double scale = 1 / (double)c->n_in;
    const ig_loop_job job = {.loop = loop,
                             .params = &scale,
                             .out = ig_operand_of(c->out[0]),
                             .in = in,
                             .n_in = c->n_in,
                             .fold = true,
                             .finish = !mean                 ? NULL
                                       : loop->out == IG_F64 ? scale_f64
                                                             : scale_f32};
    return ig_loop_run(c, &job);
}

static ig_status run_max(ig_call *c) { return fold(c, max_loops, IG_COUNT_OF(max_loops), false); }
static ig_status run_min(ig_call *c) { return fold(c, min_loops, IG_COUNT_OF(min_loops), false); }
static ig_status run_sum(ig_call *c) { return fold(c, add_loops, IG_COUNT_OF(add_loops), false); }
static ig_status run_mean(ig_call *c) { return fold(c, add_loops, IG_COUNT_OF(add_loops), true); }

static ig_dim keep(ig_syms *syms, ig_dim x) {
    IG_UNUSED(syms);
    return x;
}

/* Content of one or two inputs: more of them don't occur in computations of shapes. */
static ig_status infer(ig_infer *c, ig_content_2 content) {
    IG_TRY(ig_infer_broadcast(c));
    if (c->n_in == 1) return ig_infer_content_1(c, keep);
    return c->n_in == 2 ? ig_infer_content_2(c, content) : IG_OK;
}

static ig_status infer_max(ig_infer *c) { return infer(c, ig_dim_max); }
static ig_status infer_min(ig_infer *c) { return infer(c, ig_dim_min); }

IG_ELEMENTWISE(max, "Max", 1, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_max, run_max)
IG_ELEMENTWISE(min, "Min", 1, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_min, run_min)
IG_ELEMENTWISE(sum, "Sum", 1, IG_OP_INPLACE | IG_OP_INPLACE_1, ig_infer_broadcast, run_sum)
IG_ELEMENTWISE(mean, "Mean", 1, IG_OP_INPLACE | IG_OP_INPLACE_1, ig_infer_broadcast, run_mean)
