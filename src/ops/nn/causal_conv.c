/* CausalConvWithState: each channel through a filter that looks back only, with what came before as a state. */
#include "ops/nn/activate.h"
#include "ops/nn/reals.h"

static ig_status infer(ig_infer *c) {
    ig_shape x, w, state;
    ig_dim batch = ig_dim_unknown(), channels = batch, before = batch;
    ig_str name = ig_attr_str(c->node, "activation");
    bool plain = (name.n == 0 && !c->syms) || ig_str_is(name, "none");
    if (!plain && !ig_str_is(name, "silu") && !ig_str_is(name, "swish"))
        return ig_infer_fail(c, "activation '%.*s' is not known: it may be none, silu or swish", (int)ig_min_size(name.n, 40),
                             name.s);
    IG_TRY(ig_infer_rank(c, 0, 3));
    IG_TRY(ig_infer_rank(c, 1, 3));
    IG_TRY(ig_infer_rank(c, 2, 1));
    IG_TRY(ig_infer_rank(c, 3, 3));
    bool has_x = ig_infer_shape(c, 0, &x);
    if (has_x) batch = x.dims[0], channels = x.dims[1];
    if (ig_infer_shape(c, 1, &w)) {
        IG_TRY(ig_infer_join(c, "numbers of channels", w.dims[0], &channels));
        if (ig_dim_differ(w.dims[1], ig_dim_of(1))) return ig_infer_fail(c, "the weight should be channels x 1 x taps");
        before = ig_dim_sub(c->syms, w.dims[2], ig_dim_of(1));
        if (ig_dim_known(before) && before.value < 0) return ig_infer_fail(c, "the weight is empty");
    }
    if (ig_infer_has(c, 2) && ig_infer_shape(c, 2, &w)) IG_TRY(ig_infer_join(c, "numbers of channels", w.dims[0], &channels));
    if (ig_infer_has(c, 3) && ig_infer_shape(c, 3, &w)) {
        IG_TRY(ig_infer_join(c, "batch sizes", w.dims[0], &batch));
        IG_TRY(ig_infer_join(c, "numbers of channels", w.dims[1], &channels));
        IG_TRY(ig_infer_join(c, "lengths of the state", w.dims[2], &before));
    }
    x = (ig_shape){.rank = 3, .dims = {batch, channels, has_x ? x.dims[2] : ig_dim_unknown()}};
    state = (ig_shape){.rank = 3, .dims = {batch, channels, before}};
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x));
    return ig_infer_set(c, 1, ig_infer_dtype(c, 0), &state);
}

typedef struct work {
    size_t channels, length, taps;
    const float *x, *w, *bias, *past;
    float *y, *room; /* room: past and input of a channel, for each one */
    float *present;  /* or NULL */
    ig_activation activation;
} work;

static void run_channel(void *arg, size_t begin, size_t end) {
    const work *j = arg;
    size_t before = j->taps - 1, all = before + j->length;
    for (size_t item = begin; item < end; item++) {
        size_t channel = item % j->channels;
        float *row = j->room + item * all, *y = j->y + item * j->length;
        const float *w = j->w + channel * j->taps;
        if (j->past)
            memcpy(row, j->past + item * before, before * sizeof *row);
        else
            memset(row, 0, before * sizeof *row);
        memcpy(row + before, j->x + item * j->length, j->length * sizeof *row);
        for (size_t i = 0; i < j->length; i++) y[i] = j->bias ? j->bias[channel] : 0;
        for (size_t t = 0; t < j->taps; t++)
            for (size_t i = 0; i < j->length; i++) y[i] += w[t] * row[i + t];
        ig_activate_f32(&j->activation, y, j->length);
        if (j->present) memcpy(j->present + item * before, row + j->length, before * sizeof *row);
    }
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *w = c->in[1], *bias = c->n_in > 2 ? c->in[2] : NULL, *past = c->n_in > 3 ? c->in[3] : NULL;
    ig_str name = ig_attr_str(c->node, "activation");
    const void *px, *pw, *pb, *pp;
    void *y, *present = NULL;
    work j = {.channels = (size_t)x->dims[1], .length = (size_t)x->dims[2], .taps = (size_t)w->dims[2]};
    size_t units = (size_t)x->dims[0] * j.channels, before = j.taps - 1;
    if (w->dims[1] != 1) return ig_call_fail(c, "the weight should be channels x 1 x taps");
    if (bias && bias->count != j.channels)
        return ig_call_fail(c, "the bias has %zu entries for %zu channels", bias->count, j.channels);
    if (past && past->count != units * before)
        return ig_call_fail(c, "past_state has %zu elements, not %zu", past->count, units * before);
    if (!ig_str_is(name, "none") && name.n && !ig_activation_of(&j.activation, name, NULL))
        return ig_call_fail(c, "activation '%.*s' is not known", (int)ig_min_size(name.n, 40), name.s);
    IG_TRY(ig_real_in(c, x, IG_F32, &px));
    IG_TRY(ig_real_in(c, w, IG_F32, &pw));
    IG_TRY(ig_real_in(c, bias, IG_F32, &pb));
    IG_TRY(ig_real_in(c, past, IG_F32, &pp));
    if (!c->out[0]) IG_TRY(ig_call_output(c, 0, x->dtype, 3, x->dims));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    bool kept = c->n_out > 1 && c->out[1];
    if (kept) IG_TRY(ig_real_out(c, 1, IG_F32, &present));
    j.x = px, j.w = pw, j.bias = pb, j.past = pp, j.y = y, j.present = present;
    j.room = ig_call_scratch(c, units * (before + j.length) * sizeof *j.room);
    if (!j.room) return ig_oom(c->err);
    ig_parallel(c->threads, units, 1 + 8192 / (j.length * j.taps + 1), run_channel, &j);
    ig_real_done(c, 0, IG_F32, y);
    if (kept) ig_real_done(c, 1, IG_F32, present);
    return IG_OK;
}

const ig_op ig_op_causal_conv_with_state = {"", "CausalConvWithState", 27, 0, 0, infer, run, NULL, NULL};
