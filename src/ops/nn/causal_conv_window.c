/* CausalConvWithState of com.microsoft: that of ai.onnx (causal_conv.c) with taps that stand apart, channels that may come
 * last, and states of several positions. Of the dims of space it takes one. */
#include "ops/nn/activate.h"
#include "ops/nn/reals.h"

static bool is_last(const ig_node *node) { return ig_attr_int(node, "channels_last") != 0; }

static ig_status infer(ig_infer *c) {
    ig_shape x, w, state = {.rank = 0};
    int64_t slots = ig_attr_int(c->node, "state_window"), dilation = ig_attr_int(c->node, "dilation");
    ig_dim before = ig_dim_unknown();
    if (slots < 0 || slots > 1024 || dilation < 1 || dilation > INT32_MAX)
        return ig_infer_fail(c, "state_window is %lld, dilation %lld", (long long)slots, (long long)dilation);
    if (ig_infer_shape(c, 1, &w) && w.rank >= 3)
        before = ig_dim_mul(c->syms, ig_dim_sub(c->syms, w.dims[2], ig_dim_of(1)), ig_dim_of(dilation));
    bool known = ig_infer_shape(c, 0, &x);
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), known ? &x : NULL));
    if (!known) return ig_infer_set(c, 1, ig_infer_dtype(c, 0), NULL);
    if (x.rank < 3 || x.rank == IG_MAX_RANK || (x.rank > 3 && !is_last(c->node)))
        return ig_infer_fail(c, "an input of rank %d: batch, channels and one dim of space are supported", x.rank);
    if (slots) state.dims[state.rank++] = ig_dim_of(slots);
    for (int k = 0; k < x.rank; k++) state.dims[state.rank++] = k == (is_last(c->node) ? 1 : 2) ? before : x.dims[k];
    return ig_infer_set(c, 1, ig_infer_dtype(c, 0), &state);
}

typedef struct work {
    size_t channels, length, taps, dilation, before, slots, units;
    bool last;
    const float *x, *w, *bias, *past;
    float *y, *room; /* room: past and input of a channel, and its results, for each one */
    float *present;  /* or NULL */
    ig_activation activation;
} work;

/* Element t of a unit (image and channel) in a tensor with `length` places. */
static size_t element(const work *j, size_t unit, size_t t, size_t length) {
    size_t channel = unit % j->channels;
    return j->last ? (unit / j->channels * length + t) * j->channels + channel : unit * length + t;
}

static void keep_states(const work *j, size_t unit, const float *row) {
    size_t slots = j->slots ? j->slots : 1;
    for (size_t s = 0; s < slots; s++) {
        float *to = j->present + s * j->units * j->before;
        size_t seen = j->length + s + 1; /* slots more than the positions that the state comes after */
        bool none = j->slots && seen <= slots;
        for (size_t i = 0; i < j->before; i++) to[element(j, unit, i, j->before)] = none ? 0 : row[seen - slots + i];
    }
}

static void run_channel(void *arg, size_t begin, size_t end) {
    const work *j = arg;
    size_t all = j->before + j->length;
    const float *past = j->past && j->slots ? j->past + (j->slots - 1) * j->units * j->before : j->past;
    for (size_t unit = begin; unit < end; unit++) {
        float *row = j->room + unit * (all + j->length), *y = row + all;
        const float *w = j->w + unit % j->channels * j->taps;
        for (size_t i = 0; i < j->before; i++) row[i] = past ? past[element(j, unit, i, j->before)] : 0;
        for (size_t i = 0; i < j->length; i++) {
            row[j->before + i] = j->x[element(j, unit, i, j->length)];
            y[i] = j->bias ? j->bias[unit % j->channels] : 0;
        }
        for (size_t t = 0; t < j->taps; t++)
            for (size_t i = 0; i < j->length; i++) y[i] += w[t] * row[i + t * j->dilation];
        ig_activate_f32(&j->activation, y, j->length);
        for (size_t i = 0; i < j->length; i++) j->y[element(j, unit, i, j->length)] = y[i];
        if (j->present) keep_states(j, unit, row);
    }
}

static ig_status read_work(ig_call *c, work *j) {
    const ig_tensor *x = c->in[0], *w = c->in[1], *bias = c->n_in > 2 ? c->in[2] : NULL, *past = c->n_in > 3 ? c->in[3] : NULL;
    ig_str name = ig_attr_str(c->node, "activation");
    bool last = is_last(c->node);
    if (ig_attr_int(c->node, "ndim") != 1) return ig_call_fail(c, "only ndim = 1 is supported");
    if (x->rank < 3 || (x->rank > 3 && !last) || w->rank != 3 || w->dims[1] != 1 || w->dims[2] < 1)
        return ig_call_fail(c, "the input should be batch x channels x length, the weight channels x 1 x taps");
    *j = (work){
        .last = last, .length = (size_t)x->dims[last ? 1 : 2], .taps = (size_t)w->dims[2], .channels = (size_t)w->dims[0]};
    j->dilation = (size_t)ig_attr_int(c->node, "dilation");
    j->slots = (size_t)ig_attr_int(c->node, "state_window");
    j->units = (size_t)x->dims[0] * j->channels;
    size_t all;
    if (ig_mul_overflows(j->taps - 1, j->dilation, &j->before) || ig_mul_overflows(j->before, ig_max_size(j->slots, 1), &all) ||
        ig_mul_overflows(all, j->units, &all))
        return ig_oom(c->err);
    if (x->count != j->units * j->length || (bias && bias->count != j->channels))
        return ig_call_fail(c, "input, weight and bias have different numbers of channels");
    if (past && past->count != all) return ig_call_fail(c, "past_state has %zu elements, not %zu", past->count, all);
    if (!ig_str_is(name, "none") && name.n && !ig_activation_of(&j->activation, name, NULL))
        return ig_call_fail(c, "activation '%.*s' is not known", (int)ig_min_size(name.n, 40), name.s);
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *in[] = {x, c->in[1], c->n_in > 2 ? c->in[2] : NULL, c->n_in > 3 ? c->in[3] : NULL};
    const void *p[4];
    void *y, *present = NULL;
    work j;
    IG_TRY(read_work(c, &j));
    for (size_t i = 0; i < 4; i++) IG_TRY(ig_real_in(c, in[i], IG_F32, &p[i]));
    if (!c->out[0]) IG_TRY(ig_call_output(c, 0, x->dtype, x->rank, x->dims));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    bool kept = c->n_out > 1 && c->out[1];
    if (kept) IG_TRY(ig_real_out(c, 1, IG_F32, &present));
    j.x = p[0], j.w = p[1], j.bias = p[2], j.past = p[3], j.y = y, j.present = present;
    size_t floats;
    if (ig_mul_overflows(j.units, j.before + 2 * j.length, &floats) || ig_mul_overflows(floats, sizeof(float), &floats))
        return ig_oom(c->err);
    j.room = ig_call_scratch(c, floats);
    if (!j.room) return ig_oom(c->err);
    ig_parallel(c->threads, j.units, 1 + 8192 / (j.length * j.taps + 1), run_channel, &j);
    ig_real_done(c, 0, IG_F32, y);
    if (kept) ig_real_done(c, 1, IG_F32, present);
    return IG_OK;
}

const ig_op ig_op_ms_causal_conv_with_state = {"com.microsoft", "CausalConvWithState", 1, 0, 0, infer, run, NULL, NULL};
