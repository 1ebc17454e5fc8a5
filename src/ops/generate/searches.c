/* com.microsoft GreedySearch, Sampling, BeamSearch, WhisperBeamSearch. */
#include "ops/generate/generate.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define MS "com.microsoft"

/* ----------------------------------------------------------------------------------------------------- one row per entry */

typedef struct chance {
    float logit;
    uint32_t token;
} chance;

static int likelier_first(const void *a, const void *b) {
    const chance *x = a, *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return x->token < y->token ? -1 : x->token > y->token;
}

typedef struct sampler {
    bool sample;
    float top_p, filter;
    size_t keep;
    chance *order; /* vocab */
    uint64_t random;
} sampler;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static double next_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Only the smallest set of likeliest tokens whose probabilities reach top_p stays, and at least `keep` of them; one is drawn.
 */
static size_t draw(sampler *s, float *logits, size_t n) {
    float sum = 0, before = 0;
    for (size_t v = 0; v < n; v++) s->order[v] = (chance){logits[v], (uint32_t)v};
    qsort(s->order, n, sizeof *s->order, likelier_first);
    float max = s->order[0].logit;
    for (size_t i = 0; i < n; i++) sum += expf(s->order[i].logit - max);
    size_t kept = 0;
    while (kept < n && (kept < s->keep || kept == 0 || before <= s->top_p)) before += expf(s->order[kept++].logit - max) / sum;
    for (size_t i = kept; i < n; i++) logits[s->order[i].token] = s->filter;
    double at = next_random(&s->random) * (double)before, total = 0;
    for (size_t i = 0; i < kept; i++) {
        total += (double)(expf(s->order[i].logit - max) / sum);
        if (total > at) return s->order[i].token;
    }
    return s->order[kept - 1].token;
}

static size_t likeliest(const float *logits, size_t n) {
    size_t best = 0;
    for (size_t v = 1; v < n; v++) best = logits[v] > logits[best] ? v : best;
    return best;
}

/* A row that has ended goes on with padding until all have. */
static ig_status run_rows(ig_generation *g, ig_decoder *d, sampler *s) {
    bool *ended = ig_call_scratch(g->c, g->rows * sizeof *ended);
    if (!ended) return ig_oom(g->c->err);
    memset(ended, 0, g->rows * sizeof *ended);
    while (g->length < g->max_length) {
        bool all = true;
        IG_TRY(ig_decoder_step(d));
        ig_generation_process(g, g->logits);
        for (size_t r = 0; r < g->rows; r++) {
            float *logits = g->logits + r * g->vocab;
            size_t token = s->sample ? draw(s, logits, g->vocab) : likeliest(logits, g->vocab);
            ended[r] |= (int64_t)token == g->eos; /* which is not written itself, as in onnxruntime */
            g->tokens[r * g->max_length + g->length] = ended[r] ? (int32_t)g->pad : (int32_t)token;
            all &= ended[r];
        }
        g->length++;
        if (all) break;
    }
    int64_t dims[2] = {(int64_t)g->rows, (int64_t)g->max_length};
    IG_TRY(ig_call_output(g->c, 0, IG_I32, 2, dims));
    int32_t *out = g->c->out[0]->data;
    for (size_t i = 0; i < g->rows * g->max_length; i++)
        out[i] = i % g->max_length < g->length ? g->tokens[i] : (int32_t)g->pad;
    return IG_OK;
}

static ig_status run_greedy(ig_call *c) {
    static const ig_generation_inputs in = {1, 2, -1, 3, 4, 5, 6, -1, -1, -1};
    ig_generation g;
    ig_decoder d;
    sampler s = {.sample = false};
    IG_TRY(ig_generation_begin(c, &g, &in));
    ig_status status = ig_decoder_begin(&d, &g, c->n_in > 6 ? c->in[6] : NULL);
    if (status == IG_OK) status = run_rows(&g, &d, &s);
    ig_decoder_end(&d);
    return status;
}

static ig_status run_sampling(ig_call *c) {
    static const ig_generation_inputs in = {1, 2, -1, 3, 4, 5, 6, 7, -1, -1};
    ig_generation g;
    ig_decoder d;
    IG_TRY(ig_generation_begin(c, &g, &in));
    sampler s = {.sample = true,
                 .top_p = ig_attr_float(c->node, "top_p"),
                 .filter = ig_attr_float(c->node, "filter_value"),
                 .keep = (size_t)ig_max_i64(ig_attr_int(c->node, "min_tokens_to_keep"), 0),
                 .random = ig_call_seed(c)};
    const ig_tensor *seed = c->n_in > 8 ? c->in[8] : NULL;
    if (seed && seed->count) s.random = (uint64_t)ig_load_as_i64(seed->dtype, seed->data, 0);
    s.order = ig_call_scratch(c, g.vocab * sizeof *s.order);
    if (!s.order) return ig_oom(c->err);
    ig_status status = ig_decoder_begin(&d, &g, c->n_in > 6 ? c->in[6] : NULL);
    if (status == IG_OK) status = run_rows(&g, &d, &s);
    ig_decoder_end(&d);
    if (status != IG_OK || c->n_out < 2 || !c->wanted[1]) return status;
    IG_TRY(ig_call_output(c, 1, IG_F32, 2, (int64_t[]){(int64_t)g.rows, (int64_t)g.vocab}));
    memcpy(c->out[1]->data, g.logits, g.rows * g.vocab * sizeof *g.logits);
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- beams */

static ig_status run_with_beams(ig_call *c, const ig_generation_inputs *in) {
    ig_generation g;
    ig_decoder d;
    double n_return, penalty;
    IG_TRY(ig_generation_begin(c, &g, in));
    IG_TRY(ig_generation_number(c, 4, 1, &n_return));
    IG_TRY(ig_generation_number(c, 5, 1, &penalty));
    if (!(n_return >= 1 && n_return <= (double)g.beams))
        return ig_call_fail(c, "%g sequences of %zu beams are to be returned", n_return, g.beams);
    for (size_t o = 2; o < c->n_out; o++)
        if (c->wanted[o])
            return ig_fail(c->err, IG_E_UNSUPPORTED, "%.80s: output %zu can't be made", ig_name_text(c->node->op), o);
    double processor = 0;
    IG_TRY(ig_generation_number(c, 11, 0, &processor));
    if (processor != 0)
        return ig_fail(c->err, IG_E_UNSUPPORTED, "%.80s: logits_processor %g", ig_name_text(c->node->op), processor);
    ig_status status = ig_decoder_begin(&d, &g, c->n_in > 9 ? c->in[9] : NULL);
    if (status == IG_OK)
        status = ig_generation_beams(&g, &d, ig_attr_int(c->node, "early_stopping") != 0, (float)penalty, (size_t)n_return);
    ig_decoder_end(&d);
    return status;
}

static ig_status run_beams(ig_call *c) {
    static const ig_generation_inputs in = {1, 2, 3, 6, 7, 8, 9, -1, 10, -1};
    return run_with_beams(c, &in);
}

static ig_status run_whisper(ig_call *c) {
    static const ig_generation_inputs in = {1, 2, 3, 6, 7, 8, 9, -1, 10, 14};
    return run_with_beams(c, &in);
}

/* ----------------------------------------------------------------------------------------------------------- inference */

static ig_dim number(ig_infer *c, size_t i) {
    int64_t n;
    return ig_infer_int(c, i, &n) && n >= 0 ? ig_dim_of(n) : ig_dim_unknown();
}

static ig_status infer_rows(ig_infer *c) {
    ig_shape x, y = {.rank = 2};
    y.dims[0] = ig_infer_shape(c, 0, &x) && x.rank > 0 ? x.dims[0] : ig_dim_unknown();
    y.dims[1] = number(c, 1);
    IG_TRY(ig_infer_set(c, 0, IG_I32, &y));
    y.dims[1] = ig_dim_unknown();
    return ig_infer_set(c, 1, IG_F32, &y);
}

static ig_status infer_beams(ig_infer *c) {
    ig_shape x, y = {.rank = 3};
    y.dims[0] = ig_infer_shape(c, 0, &x) && x.rank > 0 ? x.dims[0] : ig_dim_unknown();
    y.dims[1] = number(c, 4);
    y.dims[2] = number(c, 1);
    IG_TRY(ig_infer_set(c, 0, IG_I32, &y));
    y.rank = 2;
    return ig_infer_set(c, 1, IG_F32, &y);
}

enum { SEARCH = IG_OP_DYNAMIC | IG_OP_GRAPHS };
const ig_op ig_op_ms_greedy_search = {MS, "GreedySearch", 1, 0, SEARCH, infer_rows, run_greedy, NULL, NULL};
const ig_op ig_op_ms_sampling = {MS, "Sampling", 1, 0, SEARCH | IG_OP_RANDOM, infer_rows, run_sampling, NULL, NULL};
const ig_op ig_op_ms_beam_search = {MS, "BeamSearch", 1, 0, SEARCH, infer_beams, run_beams, NULL, NULL};
const ig_op ig_op_ms_whisper_beam_search = {MS, "WhisperBeamSearch", 1, 0, SEARCH, infer_beams, run_whisper, NULL, NULL};
