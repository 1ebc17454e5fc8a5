#include "ops/generate/generate.h"

static const ig_tensor *input(const ig_call *c, int i) { return i >= 0 && (size_t)i < c->n_in ? c->in[i] : NULL; }

ig_status ig_generation_number(ig_call *c, int i, double preset, double *value) {
    const ig_tensor *t = input(c, i);
    *value = preset;
    if (!t) return IG_OK;
    if (t->kind != IG_KIND_TENSOR || t->dtype == IG_STRING || t->count != 1)
        return ig_call_fail(c, "input %d must be one number", i);
    *value = ig_load_as_f64(t->dtype, t->data, 0);
    return IG_OK;
}

static ig_status read_size(ig_call *c, int i, double preset, size_t *value) {
    double x;
    IG_TRY(ig_generation_number(c, i, preset, &x));
    if (!(x >= 0 && x < 1e6)) return ig_call_fail(c, "input %d is %g", i, x);
    *value = (size_t)x;
    return IG_OK;
}

static ig_status read_mask(ig_call *c, int i, size_t n, const int32_t **mask) {
    const ig_tensor *t = input(c, i);
    *mask = NULL;
    if (!t) return IG_OK;
    if (t->dtype != IG_I32 || t->count != n)
        return ig_call_fail(c, "input %d must be a mask of %zu int32, it has %zu", i, n, t->count);
    *mask = t->data;
    return IG_OK;
}

/* The last dim of the decoder's logits, when the attribute does not say it. */
static ig_status read_vocab(ig_generation *g) {
    const ig_graph *decoder = ig_attr_graph(g->c->node, "decoder");
    int64_t n = ig_attr_int(g->c->node, "vocab_size");
    if (!decoder || decoder->outputs.n == 0) return ig_call_fail(g->c, "attribute 'decoder' with a graph is missing");
    if (n <= 0) {
        const ig_value_info *logits = &decoder->outputs.items[0];
        ig_shape shape = ig_type_shape(logits->type ? logits->type : logits->value ? logits->value->type : NULL);
        if (shape.rank == 3 && ig_dim_known(shape.dims[2])) n = shape.dims[2].value;
    }
    if (n < 1 || n > 1 << 26) return ig_call_fail(g->c, "the size of the vocabulary is not known; set vocab_size");
    g->vocab = (size_t)n;
    return IG_OK;
}

/* The prompt, once per beam: the given ids of a decoder, or what a decoder behind an encoder starts with. */
static ig_status fill_tokens(ig_generation *g, const ig_tensor *ids) {
    ig_call *c = g->c;
    g->tokens = ig_call_scratch(c, g->rows * g->max_length * sizeof *g->tokens);
    if (!g->tokens) return ig_oom(c->err);
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t t = 0; t < g->prompt; t++) {
            int64_t token = ids ? ig_load_as_i64(ids->dtype, ids->data, r / g->beams * g->prompt + t) : g->start;
            if (token < 0 || (uint64_t)token >= g->vocab)
                return ig_call_fail(c, "token %lld is outside of the vocabulary of %zu", (long long)token, g->vocab);
            g->tokens[r * g->max_length + t] = (int32_t)token;
        }
    }
    return IG_OK;
}

ig_status ig_generation_begin(ig_call *c, ig_generation *g, const ig_generation_inputs *in) {
    const ig_node *n = c->node;
    double repetition, temperature;
    *g = (ig_generation){.c = c,
                         .model = (int)ig_attr_int(n, "model_type"),
                         .eos = ig_attr_int(n, "eos_token_id"),
                         .pad = ig_attr_int(n, "pad_token_id"),
                         .start = ig_attr_int(n, "decoder_start_token_id"),
                         .beams = 1};
    const ig_tensor *x = c->in[0], *ids = g->model ? input(c, in->decoder_ids) : x;
    if (x->rank < 2 || x->dims[0] < 1) return ig_call_fail(c, "the input needs a batch and a sequence");
    if (ids && (ids->rank != 2 || !ig_dtype_is_int(ids->dtype) || ids->dims[0] != x->dims[0] || ids->dims[1] < 1))
        return ig_call_fail(c, "token ids [batch, length] are due");
    g->batch = (size_t)x->dims[0];
    g->prompt = ids ? (size_t)ids->dims[1] : 1;
    IG_TRY(read_size(c, in->max_length, 0, &g->max_length));
    IG_TRY(read_size(c, in->min_length, 0, &g->min_length));
    IG_TRY(read_size(c, in->beams, 1, &g->beams));
    IG_TRY(ig_generation_number(c, in->repetition, 1, &repetition));
    IG_TRY(ig_generation_number(c, in->temperature,
                                ig_attr_given(n, "temperature") ? (double)ig_attr_float(n, "temperature") : 1, &temperature));
    int64_t no_repeat = ig_attr_int(n, "no_repeat_ngram_size");
    if (g->beams < 1 || g->beams > 128 || !(repetition > 0) || no_repeat < 0)
        return ig_call_fail(c, "%zu beams, repetition penalty %g, n-grams of %lld", g->beams, repetition, (long long)no_repeat);
    if (g->max_length <= g->prompt)
        return ig_call_fail(c, "max_length is %zu, the prompt already has %zu tokens", g->max_length, g->prompt);
    if (g->max_length > c->context->limits.loop_iterations)
        return ig_fail(c->err, IG_E_LIMIT, "%zu tokens pass the limit of loop iterations", g->max_length);
    g->rows = g->batch * g->beams;
    g->length = g->prompt;
    g->no_repeat = (size_t)no_repeat;
    g->repetition = (float)repetition;
    g->temperature = temperature > 0 ? (float)temperature : 1;
    IG_TRY(read_vocab(g));
    IG_TRY(read_mask(c, in->vocab_mask, g->vocab, &g->vocab_mask));
    IG_TRY(read_mask(c, in->prefix_mask, g->batch * g->vocab, &g->prefix_mask));
    IG_TRY(read_mask(c, in->presence_mask, g->batch * g->vocab, &g->presence_mask));
    g->presence_penalty = ig_attr_float(n, "presence_penalty");
    g->logits = ig_call_scratch(c, g->rows * g->vocab * sizeof *g->logits);
    g->seen = ig_call_scratch(c, g->vocab);
    return g->logits && g->seen ? fill_tokens(g, ids) : ig_oom(c->err);
}
