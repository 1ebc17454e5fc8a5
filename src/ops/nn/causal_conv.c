/* CausalConvWithState: each channel through a filter that looks back only, with what came before as a state. */
#include "ops/nn/activate.h"
#include "ops/nn/reals.h"

static ig_status infer(ig_infer *c) {
    ig_shape x, w, state = {.rank = 3};
    bool has_x = ig_infer_shape(c, 0, &x), has_w = ig_infer_shape(c, 1, &w);
    if ((has_x && x.rank != 3) || (has_w && w.rank != 3)) return ig_infer_fail(c, "input and weight should have rank 3");
    if (has_x && has_w && ig_dim_differ(x.dims[1], w.dims[0]))
        return ig_infer_fail(c, "the weight has another number of channels than the input");
    for (int k = 0; k < 2; k++) state.dims[k] = has_x ? x.dims[k] : ig_dim_unknown();
    state.dims[2] = has_w ? ig_dim_sub(c->syms, w.dims[2], ig_dim_of(1)) : ig_dim_unknown();
    if (ig_dim_known(state.dims[2]) && state.dims[2].value < 0) return ig_infer_fail(c, "the weight is empty");
    IG_TRY(ig_infer_same(c));
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
