/* QLinearConcat of com.microsoft: 8-bit tensors, each with a scale and a zero point, one after the other in the output's. */
#include "ops/args.h"
#include "ops/loops/copy.h"

#include <math.h>

/* Inputs: scale and zero point of the output, then a tensor, a scale and a zero point for each part. */
enum { FIRST = 2, EACH = 3 };

static ig_status infer_qlinear_concat(ig_infer *c) {
    ig_shape y = {.rank = IG_UNRANKED};
    int axis = 0;
    bool all = true;
    if (c->n_in < FIRST + EACH || (c->n_in - FIRST) % EACH)
        return ig_infer_fail(c, "each part needs a tensor, a scale and a zero point");
    for (size_t i = FIRST; i < c->n_in; i += EACH) {
        ig_shape x;
        if (!ig_infer_shape(c, i, &x)) {
            all = false;
        } else if (y.rank == IG_UNRANKED) {
            IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "axis"), x.rank, false, &axis));
            y = x;
        } else {
            if (x.rank != y.rank) return ig_infer_fail(c, "the parts differ in rank");
            for (int k = 0; k < y.rank; k++) {
                if (k == axis) {
                    IG_TRY(ig_infer_plus(c, y.dims[k], x.dims[k], &y.dims[k]));
                } else if (!ig_dim_merge(y.dims[k], x.dims[k], &y.dims[k])) {
                    return ig_infer_fail(c, "the parts differ in dim %d", k);
                }
            }
        }
    }
    if (!all && y.rank >= 0) y.dims[axis] = ig_dim_unknown();
    return ig_infer_set(c, 0, ig_infer_dtype(c, 1), y.rank < 0 ? NULL : &y);
}

typedef struct scaling {
    float scale;
    int64_t zero;
} scaling;

static ig_status scaling_at(ig_call *c, size_t scale, size_t zero, scaling *s) {
    const ig_tensor *a = c->in[scale], *b = c->in[zero];
    bool good = a && b && a->kind == IG_KIND_TENSOR && b->kind == IG_KIND_TENSOR && a->count == 1 && b->count == 1 &&
                a->dtype == IG_F32 && (b->dtype == IG_U8 || b->dtype == IG_I8);
    if (!good) return ig_call_fail(c, "inputs %zu and %zu are no scale and zero point", scale, zero);
    memcpy(&s->scale, a->data, sizeof s->scale);
    s->zero = ig_load_as_i64(b->dtype, b->data, 0);
    return s->scale > 0 ? IG_OK : ig_call_fail(c, "the scale of input %zu isn't positive", scale);
}

/* What each of the 256 codes becomes. */
static void code_table(ig_dtype dtype, scaling from, scaling to, uint8_t *table) {
    int64_t low = dtype == IG_I8 ? -128 : 0, high = dtype == IG_I8 ? 127 : 255;
    for (int code = 0; code < 256; code++) {
        uint8_t bits = (uint8_t)code;
        /* Step by step in float, as dequantizing and quantizing would: ties are common. */
        float x = (float)(ig_load_as_i64(dtype, &bits, 0) - from.zero) * from.scale, v = rintf(x / to.scale);
        int64_t q = v > 1e6f ? high : v < -1e6f ? low : ig_clamp_i64((int64_t)v + to.zero, low, high);
        table[code] = (uint8_t)q;
    }
}

static ig_status run_qlinear_concat(ig_call *c) {
    IG_TRY(ig_call_made(c, 0));
    const ig_tensor *y = c->out[0];
    scaling to, from;
    int axis;
    int64_t begin = 0;
    ig_copy r = {.rank = y->rank};
    IG_TRY(scaling_at(c, 0, 1, &to));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "axis"), y->rank, &axis));
    ig_steps_of(y->rank, y->dims, r.to);
    for (size_t i = FIRST; i < c->n_in; i += EACH) {
        const ig_tensor *x = c->in[i];
        uint8_t table[256], *codes = ig_call_scratch(c, x->count);
        IG_TRY(ig_call_like(c, i, 0));
        IG_TRY(ig_call_fits(c, x, y, axis));
        if (x->dims[axis] > y->dims[axis] - begin) return ig_call_fail(c, "the inputs are longer than the output");
        IG_TRY(scaling_at(c, i + 1, i + 2, &from));
        if (!codes) return ig_oom(c->err);
        code_table(y->dtype, from, to, table);
        for (size_t k = 0; k < x->count; k++) codes[k] = table[((const uint8_t *)x->data)[k]];
        memcpy(r.dims, x->dims, (size_t)x->rank * sizeof *r.dims);
        ig_steps_of(x->rank, x->dims, r.from);
        ig_copy_region(c->threads, &r, 1, (uint8_t *)y->data + begin * r.to[axis], codes);
        begin += x->dims[axis];
    }
    return IG_OK;
}

const ig_op ig_op_ms_qlinear_concat = {
    .name = "QLinearConcat", .domain = "com.microsoft", .since = 1, .infer = infer_qlinear_concat, .run = run_qlinear_concat};
