/* onnxruntime's DynamicQuantizeLSTM (8-bit weights, inputs of products quantized as they come) and AttnLSTM (attention over a
 * memory around the cell). */
#include "ops/loops/real.h"
#include "ops/nn/reals.h"
#include "ops/nn/recurrent.h"

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }

/* ----------------------------------------------------------------------------------------------------- DynamicQuantizeLSTM */

static ig_status infer_quantized(ig_infer *c) { return ig_recurrent_infer(c, 3, true); }

/* Elements of a quantized weight (directions x k x n) as floats, each direction turned to n x k. */
static ig_status dequantize(ig_call *c, const ig_tensor *w, const ig_tensor *scale, const ig_tensor *zero, float **out) {
    size_t directions = (size_t)w->dims[0], k = (size_t)w->dims[1], n = (size_t)w->dims[2];
    if ((scale->count != directions && scale->count != directions * n) || scale->count != zero->count)
        return ig_call_fail(c, "a weight of %zu directions and %zu rows has %zu scales and %zu zero points", directions, n,
                            scale->count, zero->count);
    float *to = *out = ig_call_scratch(c, w->count * sizeof *to);
    if (!to) return ig_oom(c->err);
    bool each = scale->count != directions;
    for (size_t d = 0; d < directions; d++)
        for (size_t i = 0; i < n; i++) {
            size_t at = each ? d * n + i : d;
            float s = ((const float *)scale->data)[at], z = (float)ig_load_as_i64(zero->dtype, zero->data, at);
            for (size_t p = 0; p < k; p++) {
                const uint8_t *q = (const uint8_t *)w->data + (d * k + p) * n + i;
                to[(d * n + i) * k + p] = ((w->dtype == IG_I8 ? (float)(int8_t)*q : (float)*q) - z) * s;
            }
        }
    return IG_OK;
}

static ig_status run_quantized(ig_call *c) {
    const ig_tensor *w = c->in[1], *r = c->in[2];
    ig_recurrent job;
    float *fw, *fr;
    if (w->rank != 3 || r->rank != 3) return ig_call_fail(c, "W and R have ranks %d and %d, not 3", w->rank, r->rank);
    IG_TRY(ig_recurrent_of_call(c, &job, IG_CELL_LSTM, (int64_t[]){w->dims[0], w->dims[2], w->dims[1]}));
    size_t rows = job.gates * job.hidden;
    if (r->dims[0] != w->dims[0] || (size_t)r->dims[2] != rows || (size_t)r->dims[1] != job.hidden ||
        (size_t)w->dims[1] != job.input)
        return ig_call_fail(c, "W, R and X have sizes that don't fit");
    IG_TRY(dequantize(c, w, c->in[8], c->in[9], &fw));
    IG_TRY(dequantize(c, r, c->in[10], c->in[11], &fr));
    for (size_t d = 0; d < job.directions; d++) {
        job.w[d] = (ig_recurrent_weight){.rows = fw + d * rows * job.input, .row = job.input, .n = rows, .k = job.input};
        job.r[d][0] = (ig_recurrent_weight){.rows = fr + d * rows * job.hidden, .row = job.hidden, .n = rows, .k = job.hidden};
    }
    job.quantize = true;
    return ig_recurrent_run(c, &job);
}

/* ---------------------------------------------------------------------------------------------------------------- AttnLSTM */

static ig_status infer_attention(ig_infer *c) { return ig_recurrent_infer(c, 3, false); }

typedef struct attention {
    size_t batch, hidden, depth, size, memory, state; /* memory: steps of it; depth: of a step; state: of the result */
    const float *values;                              /* batch x memory x depth, zeros behind a text's end */
    const float *keys[2];                             /* batch x memory x size */
    const float *query[2], *v[2], *layer[2];          /* hidden x size, size, (hidden + depth) x state or NULL */
    const int32_t *lengths;
    float *processed, *align, *context; /* size, memory, depth */
} attention;

/* Bahdanau's attention for one text: how well its memory fits the hidden state, and what it says by that measure. */
static void attend_one(const attention *a, size_t d, size_t b, const float *h, float *state) {
    size_t length = a->lengths ? (size_t)a->lengths[b] : a->memory;
    for (size_t s = 0; s < a->size; s++) {
        float sum = 0;
        for (size_t i = 0; i < a->hidden; i++) sum += h[i] * a->query[d][i * a->size + s];
        a->processed[s] = sum;
    }
    float most = -INFINITY, total = 0;
    for (size_t m = 0; m < length; m++) {
        const float *key = a->keys[d] + (b * a->memory + m) * a->size;
        float sum = 0;
        for (size_t s = 0; s < a->size; s++) sum += a->v[d][s] * ig_tanh_f32(key[s] + a->processed[s]);
        a->align[m] = sum;
        most = sum > most ? sum : most;
    }
    for (size_t m = 0; m < length; m++) total += a->align[m] = ig_exp_f32(a->align[m] - most);
    memset(a->context, 0, a->depth * sizeof *a->context);
    for (size_t m = 0; m < length; m++)
        for (size_t i = 0; i < a->depth; i++)
            a->context[i] += a->align[m] / total * a->values[(b * a->memory + m) * a->depth + i];
    if (!a->layer[d]) {
        memcpy(state, a->context, a->depth * sizeof *state);
        return;
    }
    for (size_t s = 0; s < a->state; s++) {
        float sum = 0;
        for (size_t i = 0; i < a->hidden; i++) sum += h[i] * a->layer[d][i * a->state + s];
        for (size_t i = 0; i < a->depth; i++) sum += a->context[i] * a->layer[d][(a->hidden + i) * a->state + s];
        state[s] = sum;
    }
}

static void attend(void *arg, size_t direction, const float *h, float *state) {
    const attention *a = arg;
    for (size_t b = 0; b < a->batch; b++) attend_one(a, direction, b, h + b * a->hidden, state + b * a->state);
}

static ig_status check_attention(ig_call *c, const ig_recurrent *r) {
    const ig_tensor *qw = input(c, 8), *mw = input(c, 9), *v = input(c, 10), *m = input(c, 11), *lens = input(c, 12),
                    *aw = input(c, 13);
    if (!qw || !mw || !v || !m) return ig_call_fail(c, "QW, MW, V and M are needed");
    if (qw->rank != 3 || mw->rank != 3 || v->rank != 2 || m->rank != 3 || (aw && aw->rank != 3))
        return ig_call_fail(c, "the inputs of the attention have wrong ranks");
    int64_t d = (int64_t)r->directions, hidden = (int64_t)r->hidden, size = qw->dims[2], depth = m->dims[2];
    bool fits = qw->dims[0] == d && qw->dims[1] == hidden && mw->dims[0] == d && mw->dims[1] == depth && mw->dims[2] == size &&
                v->dims[0] == d && v->dims[1] == size && m->dims[0] == (int64_t)r->batch;
    if (aw) fits &= aw->dims[0] == d && aw->dims[1] == depth + hidden;
    if (!fits) return ig_call_fail(c, "the inputs of the attention have sizes that don't fit");
    if (lens && lens->count != r->batch) return ig_call_fail(c, "memory_seq_lens has %zu entries", lens->count);
    for (size_t b = 0; lens && b < r->batch; b++) {
        int32_t n = ((const int32_t *)lens->data)[b];
        if (n < 1 || n > m->dims[1]) return ig_call_fail(c, "memory %zu has length %d of %lld", b, n, (long long)m->dims[1]);
    }
    return IG_OK;
}

static ig_status set_attention(ig_call *c, const ig_recurrent *r, attention *a) {
    const ig_tensor *m = input(c, 11), *lens = input(c, 12), *aw = input(c, 13);
    const void *qw, *mw, *v, *values, *layer;
    IG_TRY(ig_real_in(c, input(c, 8), IG_F32, &qw));
    IG_TRY(ig_real_in(c, input(c, 9), IG_F32, &mw));
    IG_TRY(ig_real_in(c, input(c, 10), IG_F32, &v));
    IG_TRY(ig_real_in(c, m, IG_F32, &values));
    IG_TRY(ig_real_in(c, aw, IG_F32, &layer));
    *a = (attention){.batch = r->batch, .hidden = r->hidden, .depth = (size_t)m->dims[2], .memory = (size_t)m->dims[1]};
    a->size = (size_t)input(c, 8)->dims[2];
    a->state = aw ? (size_t)aw->dims[2] : a->depth;
    a->values = values;
    a->lengths = lens ? lens->data : NULL;
    a->processed = ig_call_scratch(c, a->size * sizeof(float));
    a->align = ig_call_scratch(c, a->memory * sizeof(float));
    a->context = ig_call_scratch(c, a->depth * sizeof(float));
    if (!a->processed || !a->align || !a->context) return ig_oom(c->err);
    for (size_t d = 0; d < r->directions; d++) {
        size_t rows = a->batch * a->memory;
        float *keys = ig_call_scratch(c, rows * a->size * sizeof *keys);
        if (!keys) return ig_oom(c->err);
        a->query[d] = (const float *)qw + d * a->hidden * a->size;
        a->v[d] = (const float *)v + d * a->size;
        a->layer[d] = layer ? (const float *)layer + d * (a->hidden + a->depth) * a->state : NULL;
        a->keys[d] = keys;
        ig_gemm g = ig_gemm_of(rows, a->size, a->depth);
        g.a = a->values;
        g.b = (const float *)mw + d * a->depth * a->size;
        g.c = keys;
        void *scratch = ig_call_scratch(c, ig_gemm_scratch(ig_kernels_of(c->context), c->threads, &g));
        if (!scratch) return ig_oom(c->err);
        ig_gemm_run(ig_kernels_of(c->context), c->threads, &g, 1, scratch);
    }
    return IG_OK;
}

static ig_status run_attention(ig_call *c) {
    const ig_tensor *w = c->in[1], *r = c->in[2];
    ig_recurrent job;
    attention a;
    const void *pw, *pr;
    if (w->rank != 3 || r->rank != 3) return ig_call_fail(c, "W and R have ranks %d and %d, not 3", w->rank, r->rank);
    if (c->in[0]->dtype != IG_F32) return ig_call_no_kernel(c, c->in[0]->dtype);
    IG_TRY(ig_recurrent_of_call(c, &job, IG_CELL_LSTM, w->dims));
    IG_TRY(check_attention(c, &job));
    IG_TRY(set_attention(c, &job, &a));
    size_t rows = job.gates * job.hidden, columns = job.input + a.state;
    if (r->dims[0] != w->dims[0] || (size_t)r->dims[1] != rows || (size_t)r->dims[2] != job.hidden ||
        (size_t)w->dims[2] != columns)
        return ig_call_fail(c, "W and R don't fit X and the attention: W should have %zu columns", columns);
    IG_TRY(ig_real_in(c, w, IG_F32, &pw));
    IG_TRY(ig_real_in(c, r, IG_F32, &pr));
    for (size_t d = 0; d < job.directions; d++) {
        const float *of = (const float *)pw + d * rows * columns;
        job.w[d] = (ig_recurrent_weight){.rows = of, .row = columns, .n = rows, .k = job.input};
        job.extra_w[d] = (ig_recurrent_weight){.rows = of + job.input, .row = columns, .n = rows, .k = a.state};
        job.r[d][0] = (ig_recurrent_weight){
            .rows = (const float *)pr + d * rows * job.hidden, .row = job.hidden, .n = rows, .k = job.hidden};
    }
    job.extra = a.state;
    job.attend = attend;
    job.attend_arg = &a;
    return ig_recurrent_run(c, &job);
}

const ig_op ig_op_ms_dynamic_quantize_lstm = {"com.microsoft", "DynamicQuantizeLSTM", 1,    0,   0,
                                              infer_quantized, run_quantized,         NULL, NULL};
const ig_op ig_op_ms_attn_lstm = {"com.microsoft", "AttnLSTM", 1, 0, 0, infer_attention, run_attention, NULL, NULL};
