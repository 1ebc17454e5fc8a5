/* ai.onnx.contrib GPT2Tokenizer, CLIPTokenizer, RobertaTokenizer: byte-level BPE with each model's own frame. */
#include "ops/tokenize/tokenize.h"

#include <utf8proc.h>

#define CONTRIB "ai.onnx.contrib"

typedef enum style { GPT2, CLIP, ROBERTA } style;

typedef struct tokenizer {
    ig_arena arena;
    style style;
    ig_bpe bpe;
    ig_str special[2]; /* recognized in texts */
    int64_t special_id[2];
    int64_t bos, eos, pad; /* -1: none */
} tokenizer;

/* A special token that the vocabulary lacks gets the next number. */
static int64_t special_id(const tokenizer *t, const char *text, int64_t *next) {
    int64_t id = ig_vocab_id(&t->bpe.vocab, ig_str_c(text));
    return id >= 0 ? id : (*next)++;
}

static void set_specials(tokenizer *t) {
    int64_t next = (int64_t)t->bpe.vocab.n;
    t->bos = t->eos = -1;
    t->special[0] = t->special[1] = (ig_str){0};
    if (t->style == ROBERTA) {
        t->bos = special_id(t, "<s>", &next);
        t->eos = special_id(t, "</s>", &next);
        t->pad = special_id(t, "<pad>", &next);
        return;
    }
    t->special[0] = IG_STR("<|endoftext|>");
    t->special_id[0] = special_id(t, "<|endoftext|>", &next);
    if (t->style == GPT2) return;
    t->special[1] = IG_STR("<|startoftext|>");
    t->special_id[1] = special_id(t, "<|startoftext|>", &next);
    t->bos = t->special_id[1];
    t->eos = t->pad = t->bpe.unknown = t->special_id[0];
}

static void release(ig_context *context, void *state) {
    tokenizer *t = state;
    ig_arena_free(&t->arena);
    ig_release(context, t);
}

static ig_status prepare(ig_prepare *p, style style) {
    tokenizer *t = p->state = ig_calloc(p->context, sizeof *t);
    if (!t) return ig_oom(p->err);
    ig_arena_init(&t->arena, p->context);
    t->style = style;
    IG_TRY(ig_bpe_create(&t->bpe, &t->arena, ig_attr_str(p->node, "vocab"), ig_attr_str(p->node, "merges"),
                         style == CLIP ? "</w>" : "", p->err));
    set_specials(t);
    return IG_OK;
}

static ig_status prepare_gpt2(ig_prepare *p) { return prepare(p, GPT2); }
static ig_status prepare_clip(ig_prepare *p) { return prepare(p, CLIP); }
static ig_status prepare_roberta(ig_prepare *p) { return prepare(p, ROBERTA); }

/* ------------------------------------------------------------------------------------------------------------- encoding */

/* A stretch without special tokens. */
static void encode_plain(const tokenizer *t, ig_str text, size_t begin, ig_tokens *out) {
    for (size_t at = 0; at < text.n && !out->failed;) {
        size_t end = t->style == CLIP ? ig_split_clip(text, &at) : ig_split_gpt2(text, at);
        if (end > at) ig_bpe_word(&t->bpe, (ig_str){text.s + at, end - at}, begin + at, out);
        at = end;
    }
}

/* Where the next special token is, and which; text.n when there is none. */
static size_t next_special(const tokenizer *t, ig_str text, size_t from, size_t *which) {
    size_t first = text.n;
    for (size_t i = 0; i < 2; i++) {
        size_t at = t->special[i].s ? ig_string_find(text, t->special[i], from) : SIZE_MAX;
        if (at >= first) continue;
        first = at;
        *which = i;
    }
    return first;
}

/* Small letters, as CLIP reads everything. */
static ig_str lower(ig_arena *arena, ig_str text) {
    char *out = IG_NEW_ARRAY(arena, char, 4 * text.n);
    size_t n = 0;
    if (!out) return (ig_str){0};
    for (size_t at = 0; at < text.n;) {
        size_t start = at;
        int32_t c = ig_char_next(text, &at);
        if (c < 0)
            out[n++] = text.s[start];
        else
            n += (size_t)utf8proc_encode_char(utf8proc_tolower(c), (utf8proc_uint8_t *)out + n);
    }
    return (ig_str){out, n};
}

static void encode(const tokenizer *t, ig_str text, ig_tokens *out) {
    if (t->style == CLIP) text = lower(out->arena, text);
    if (!text.s) {
        out->failed = true;
        return;
    }
    if (t->bos >= 0) ig_tokens_add(out, t->bos, 0, 0);
    for (size_t at = 0, which = 0; at < text.n && !out->failed;) {
        size_t next = next_special(t, text, at, &which);
        encode_plain(t, (ig_str){text.s + at, next - at}, at, out);
        at = next;
        if (next == text.n) break;
        ig_tokens_add(out, t->special_id[which], next, next + t->special[which].n);
        at += t->special[which].n;
    }
    if (t->eos >= 0) ig_tokens_add(out, t->eos, 0, 0);
}

/* Ids, which of them count, and the bytes that they stand for. */
static void write_row(const ig_call *c, const tokenizer *t, const ig_tokens *tokens, size_t row, size_t length) {
    for (size_t k = 0; k < length; k++) {
        bool has = k < tokens->list.n;
        const ig_token *token = has ? &tokens->list.items[k] : NULL;
        size_t at = row * length + k;
        if (c->out[0]) ((int64_t *)c->out[0]->data)[at] = has ? token->id : t->pad;
        if (c->n_out > 1 && c->out[1]) ((int64_t *)c->out[1]->data)[at] = has;
        if (c->n_out < 3 || !c->out[2]) continue;
        ((int64_t *)c->out[2]->data)[2 * at] = has ? (int64_t)token->begin : 0;
        ((int64_t *)c->out[2]->data)[2 * at + 1] = has ? (int64_t)token->end : 0;
    }
}

static ig_status run_with(ig_call *c, ig_arena *arena) {
    const tokenizer *t = c->state;
    const ig_tensor *x = c->in[0];
    int64_t padding = ig_attr_int(c->node, "padding_length"), dims[IG_MAX_RANK];
    ig_tokens *rows = IG_NEW_ARRAY(arena, ig_tokens, x->count);
    size_t length = 0;
    if (!rows) return ig_oom(c->err);
    if (x->rank > IG_MAX_RANK - 2) return ig_call_fail(c, "texts in %d dimensions are too many", x->rank);
    for (size_t i = 0; i < x->count; i++) {
        rows[i].arena = arena;
        encode(t, ig_tensor_strings(x)[i], &rows[i]);
        if (rows[i].failed) return ig_oom(c->err);
        length = ig_max_size(length, rows[i].list.n);
    }
    if (padding > 0) length = (size_t)padding;
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank] = (int64_t)length;
    dims[x->rank + 1] = 2;
    for (size_t o = 0; o < c->n_out; o++) IG_TRY(ig_call_output(c, o, IG_I64, x->rank + (o == 2 ? 2 : 1), dims));
    for (size_t i = 0; i < x->count; i++) write_row(c, t, &rows[i], i, length);
    return IG_OK;
}

static ig_status run(ig_call *c) {
    ig_arena arena;
    IG_TRY(ig_call_strings(c, 0));
    ig_arena_init(&arena, c->context);
    ig_status status = run_with(c, &arena);
    ig_arena_free(&arena);
    return status;
}

static ig_status infer(ig_infer *c) {
    ig_shape x;
    int64_t padding = ig_attr_int(c->node, "padding_length");
    if (!ig_infer_shape(c, 0, &x) || x.rank > IG_MAX_RANK - 2) {
        for (size_t o = 0; o < c->n_out; o++) IG_TRY(ig_infer_set(c, o, IG_I64, NULL));
        return IG_OK;
    }
    x.dims[x.rank++] = padding > 0 ? ig_dim_of(padding) : ig_dim_unknown();
    IG_TRY(ig_infer_set(c, 0, IG_I64, &x));
    IG_TRY(ig_infer_set(c, 1, IG_I64, &x));
    x.dims[x.rank++] = ig_dim_of(2);
    return ig_infer_set(c, 2, IG_I64, &x);
}

const ig_op ig_op_contrib_gpt2_tokenizer = {CONTRIB, "GPT2Tokenizer", 1, 0, 0, infer, run, prepare_gpt2, release};
const ig_op ig_op_contrib_clip_tokenizer = {CONTRIB, "CLIPTokenizer", 1, 0, 0, infer, run, prepare_clip, release};
const ig_op ig_op_contrib_roberta_tokenizer = {CONTRIB, "RobertaTokenizer", 1, 0, 0, infer, run, prepare_roberta, release};
