/* Dropout, and com.microsoft's BiasDropout, BitmaskDropout, BitmaskBiasDropout. Only with `training_mode` true (since opset 12)
 * or `is_test` 0 (before opset 7) would elements be dropped; exporters of old opsets left `is_test` at 0 in inference graphs
 * and runtimes ignore it, so does this. */
#include "ops/generator/random.h"
#include "ops/math/elementwise.h"

/* Where an operator has what. */
typedef struct form {
    size_t bias, residual, ratio, training; /* input numbers; 0: none */
    bool bits;                              /* mask packed into words of 32 elements */
} form;

static const ig_tensor *input(const ig_call *c, size_t i) { return i && i < c->n_in ? c->in[i] : NULL; }

static ig_status one_number(ig_call *c, size_t i, double *value) {
    const ig_tensor *t = input(c, i);
    if (!t) return IG_OK;
    if (t->count != 1) return ig_call_fail(c, "input %zu has %zu elements, not one", i, t->count);
    *value = ig_load_as_f64(t->dtype, t->data, 0);
    return IG_OK;
}

static const ig_loop add[] = {IG_REAL_ROWS_2(add)};

/* a + b into the output, where b is broadcast; without b a copy. */
static ig_status put_sum(ig_call *c, const ig_tensor *a, const ig_tensor *b) {
    ig_tensor *out = c->out[0];
    if (!b) {
        if (out->data != a->data && out->bytes) memcpy(out->data, a->data, out->bytes);
        return IG_OK;
    }
    const ig_operand in[2] = {ig_operand_of(a), ig_operand_of(b)};
    const ig_loop_job job = {.loop = ig_loop_pick(add, 2, out->dtype), .out = ig_operand_of(out), .in = in, .n_in = 2};
    return job.loop ? ig_loop_run(c, &job) : ig_call_no_kernel(c, out->dtype);
}

static void keep_all(ig_tensor *mask, bool bits, size_t n) {
    if (!mask || !mask->bytes) return;
    if (!bits) {
        for (size_t i = 0; i < mask->count; i++) ig_store_i64(mask->dtype, mask->data, i, 1);
        return;
    }
    memset(mask->data, 0xFF, mask->bytes);
    if (n % 32) ((uint32_t *)mask->data)[mask->count - 1] = (1u << n % 32) - 1;
}

static void drop(ig_call *c, const form *f, double ratio, ig_tensor *mask) {
    ig_random r;
    ig_tensor *out = c->out[0];
    double scale = 1 / (1 - ratio);
    ig_random_start_node(&r, c);
    if (mask && f->bits && mask->bytes) memset(mask->data, 0, mask->bytes);
    size_t n = out->count;
    for (size_t i = 0; i < n; i++) {
        bool keep = ig_random_unit(&r) >= ratio;
        double v = ig_load_as_f64(out->dtype, out->data, i);
        ig_store_f64(out->dtype, out->data, i, keep ? v * scale : 0 * v);
        if (!mask) continue;
        if (f->bits)
            ((uint32_t *)mask->data)[i / 32] |= (uint32_t)keep << i % 32;
        else
            ig_store_i64(mask->dtype, mask->data, i, keep);
    }
}

static ig_status run_form(ig_call *c, const form *f) {
    double ratio = 0.5, training = 0;
    ig_tensor *mask = c->n_out > 1 ? c->out[1] : NULL;
    if (!c->out[0]) IG_TRY(ig_call_output(c, 0, c->in[0]->dtype, c->in[0]->rank, c->in[0]->dims));
    IG_TRY(one_number(c, f->ratio, &ratio));
    IG_TRY(one_number(c, f->training, &training));
    if (training != 0 && !(ratio >= 0 && ratio < 1)) return ig_call_fail(c, "the ratio is %g, outside [0, 1)", ratio);
    IG_TRY(put_sum(c, c->in[0], input(c, f->bias)));
    if (training != 0 && ratio > 0)
        drop(c, f, ratio, mask);
    else
        keep_all(mask, f->bits, c->out[0]->count);
    return input(c, f->residual) ? put_sum(c, c->out[0], input(c, f->residual)) : IG_OK;
}

static ig_status infer_form(ig_infer *c, ig_dtype mask, bool bits) {
    ig_shape shape;
    IG_TRY(ig_infer_same(c));
    if (!ig_infer_shape(c, 0, &shape)) return ig_infer_set(c, 1, mask, NULL);
    if (bits) {
        ig_dim n = ig_dim_of(1);
        for (int d = 0; d < shape.rank; d++) n = ig_dim_mul(c->syms, n, shape.dims[d]);
        shape.rank = 1;
        shape.dims[0] = ig_dim_ceil_div(c->syms, n, ig_dim_of(32));
    }
    return ig_infer_set(c, 1, mask, &shape);
}

/* The mask had the data's type until opset 10. */
static ig_status infer_dropout(ig_infer *c) {
    for (size_t i = 1; i < c->n_in && c->syms && c->node->schema->since >= 12; i++) IG_TRY(ig_infer_rank(c, i, 0));
    return infer_form(c, c->node->schema->since < 10 ? ig_infer_dtype(c, 0) : IG_BOOL, false);
}
static ig_status infer_mask(ig_infer *c) { return infer_form(c, IG_BOOL, false); }
static ig_status infer_bits(ig_infer *c) { return infer_form(c, IG_U32, true); }

static ig_status run_old(ig_call *c) { return run_form(c, &(form){0}); }
static ig_status run_dropout(ig_call *c) { return run_form(c, &(form){.ratio = 1, .training = 2}); }
static ig_status run_bias(ig_call *c) { return run_form(c, &(form){.bias = 1, .residual = 2, .ratio = 3, .training = 4}); }
static ig_status run_bits(ig_call *c) { return run_form(c, &(form){.ratio = 1, .training = 2, .bits = true}); }
static ig_status run_bias_bits(ig_call *c) {
    return run_form(c, &(form){.bias = 1, .residual = 2, .ratio = 3, .training = 4, .bits = true});
}

#define DROPOUT(symbol, domain_, text, since_, until_, flags_, infer_, run_)                                                   \
    const ig_op ig_op_##symbol = {                                                                                             \
        .domain = domain_, .name = text, .since = since_, .until = until_, .flags = flags_, .infer = infer_, .run = run_};

DROPOUT(dropout_1, "", "Dropout", 1, 10, IG_OP_INPLACE, infer_dropout, run_old)
DROPOUT(dropout, "", "Dropout", 12, 0, IG_OP_RANDOM | IG_OP_INPLACE, infer_dropout, run_dropout)
DROPOUT(ms_bias_dropout, "com.microsoft", "BiasDropout", 1, 0, IG_OP_RANDOM | IG_OP_INPLACE, infer_mask, run_bias)
DROPOUT(ms_bitmask_dropout, "com.microsoft", "BitmaskDropout", 1, 0, IG_OP_RANDOM | IG_OP_INPLACE, infer_bits, run_bits)
DROPOUT(ms_bitmask_bias_dropout, "com.microsoft", "BitmaskBiasDropout", 1, 0, IG_OP_RANDOM | IG_OP_INPLACE, infer_bits,
        run_bias_bits)
