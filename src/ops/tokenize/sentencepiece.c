/* ai.onnx.contrib SentencepieceTokenizer and SentencepieceDecoder. */
#include "ops/args.h"
#include "ops/tokenize/tokenize.h"

#define CONTRIB "ai.onnx.contrib"

static void release(ig_context *context, void *state) {
    IG_UNUSED(context);
    ig_spm_free(state);
}

static ig_status prepare(ig_prepare *p) {
    ig_str model = ig_attr_str(p->node, "model");
    ig_spm *spm = NULL;
    ig_status status = ig_spm_create(&spm, p->context, (ig_span){(const uint8_t *)model.s, model.n}, p->err);
    p->state = spm;
    return status;
}

static bool flag(const ig_call *c, size_t i) {
    const ig_tensor *t = i < c->n_in ? c->in[i] : NULL;
    return t && t->kind == IG_KIND_TENSOR && t->dtype == IG_BOOL && t->count > 0 && *(const uint8_t *)t->data != 0;
}

/* fairseq's numbers begin with <s>, <pad>, </s>, <unk>; the others of the model follow. */
static int64_t to_fairseq(const ig_spm *spm, int64_t id) {
    if (id == ig_spm_bos(spm)) return 0;
    if (id == ig_spm_eos(spm)) return 2;
    return id == ig_spm_unknown(spm) ? 3 : id + 1;
}

static int64_t from_fairseq(const ig_spm *spm, int64_t id) {
    if (id == 0) return ig_spm_bos(spm);
    if (id == 2) return ig_spm_eos(spm);
    return id == 3 ? ig_spm_unknown(spm) : id - 1;
}

/* ------------------------------------------------------------------------------------------------------------- encoding */

enum { ADD_BOS = 3, ADD_EOS, REVERSE, FAIRSEQ }; /* inputs */

static ig_status add_text(ig_call *c, ig_str text, ig_tokens *out) {
    const ig_spm *spm = c->state;
    size_t first = out->list.n;
    if (flag(c, ADD_BOS)) ig_tokens_add(out, ig_spm_bos(spm), 0, 0);
    IG_TRY(ig_spm_encode(spm, text, out, c->err));
    if (flag(c, ADD_EOS)) ig_tokens_add(out, ig_spm_eos(spm), text.n, text.n);
    if (out->failed) return ig_oom(c->err);
    ig_token *tokens = out->list.items + first;
    size_t n = out->list.n - first;
    for (size_t i = 0; flag(c, REVERSE) && i < n / 2; i++) {
        ig_token token = tokens[i];
        tokens[i] = tokens[n - 1 - i];
        tokens[n - 1 - i] = token;
    }
    for (size_t i = 0; flag(c, FAIRSEQ) && !flag(c, REVERSE) && i < n; i++) tokens[i].id = to_fairseq(spm, tokens[i].id);
    return IG_OK;
}

/* Numbers and places of the tokens of all texts, and where each text's begin. */
static ig_status encode(ig_call *c, ig_tokens *tokens, int64_t *starts) {
    const ig_tensor *x = c->in[0];
    for (size_t i = 0; i < x->count; i++) {
        IG_TRY(add_text(c, ig_tensor_strings(x)[i], tokens));
        starts[i + 1] = (int64_t)tokens->list.n;
    }
    int64_t n = (int64_t)tokens->list.n, n_starts = (int64_t)x->count + 1;
    IG_TRY(ig_call_output(c, 0, IG_I32, 1, &n));
    IG_TRY(ig_call_output(c, 1, IG_I64, 1, &n_starts));
    IG_TRY(ig_call_output(c, 2, IG_I32, 1, &n));
    for (size_t i = 0; i < (size_t)n; i++) {
        const ig_token *token = &tokens->list.items[i];
        if (c->out[0]) ((int32_t *)c->out[0]->data)[i] = (int32_t)token->id;
        if (c->n_out > 2 && c->out[2]) ((int32_t *)c->out[2]->data)[i] = (int32_t)token->begin;
    }
    if (c->n_out > 1 && c->out[1]) memcpy(c->out[1]->data, starts, (size_t)n_starts * sizeof *starts);
    return IG_OK;
}

static ig_status run_tokenizer(ig_call *c) {
    ig_arena arena;
    size_t bytes;
    IG_TRY(ig_call_strings(c, 0));
    if (ig_mul_overflows(c->in[0]->count + 1, sizeof(int64_t), &bytes)) return ig_oom(c->err);
    int64_t *starts = ig_call_scratch(c, bytes);
    if (!starts) return ig_oom(c->err);
    starts[0] = 0;
    ig_arena_init(&arena, c->context);
    ig_tokens tokens = {.arena = &arena};
    ig_status status = encode(c, &tokens, starts);
    ig_arena_free(&arena);
    return status;
}

static ig_status infer_tokenizer(ig_infer *c) {
    ig_dim n = c->syms ? ig_dim_fresh(c->syms) : ig_dim_unknown();
    IG_TRY(ig_infer_set(c, 0, IG_I32, &(ig_shape){1, {n}}));
    if (c->n_out > 1) IG_TRY(ig_infer_set(c, 1, IG_I64, &(ig_shape){1, {ig_dim_unknown()}}));
    return c->n_out > 2 ? ig_infer_set(c, 2, IG_I32, &(ig_shape){1, {n}}) : IG_OK;
}

const ig_op ig_op_contrib_sentencepiece_tokenizer = {
    CONTRIB, "SentencepieceTokenizer", 1, 0, IG_OP_DYNAMIC, infer_tokenizer, run_tokenizer, prepare, release};

/* ------------------------------------------------------------------------------------------------------------- decoding */

static ig_status decode(ig_call *c, ig_arena *arena) {
    const ig_spm *spm = c->state;
    const ig_tensor *x = c->in[0];
    int64_t *ids = IG_NEW_ARRAY(arena, int64_t, x->count);
    ig_text text;
    if (!ids) return ig_oom(c->err);
    ig_text_init(&text, arena);
    for (size_t i = 0; i < x->count; i++) {
        int64_t id = ((const int64_t *)x->data)[i];
        ids[i] = flag(c, 1) ? from_fairseq(spm, id) : id;
    }
    IG_TRY(ig_spm_decode(spm, ids, x->count, &text, c->err));
    return ig_tensor_set_string(c->out[0], 0, (ig_str){text.s, text.n}) ? IG_OK : ig_oom(c->err);
}

static ig_status run_decoder(ig_call *c) {
    ig_arena arena;
    const ig_tensor *x = c->in[0];
    IG_TRY(ig_call_made(c, 0));
    if (x->kind != IG_KIND_TENSOR || x->dtype != IG_I64) return ig_call_fail(c, "input 0 holds no int64 numbers");
    ig_arena_init(&arena, c->context);
    ig_status status = decode(c, &arena);
    ig_arena_free(&arena);
    return status;
}

static ig_status infer_decoder(ig_infer *c) { return ig_infer_set(c, 0, IG_STRING, &(ig_shape){1, {ig_dim_of(1)}}); }

const ig_op ig_op_contrib_sentencepiece_decoder = {
    CONTRIB, "SentencepieceDecoder", 1, 0, 0, infer_decoder, run_decoder, prepare, release};
