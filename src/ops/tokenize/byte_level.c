/* ai.onnx.contrib GPT2Tokenizer, CLIPTokenizer, RobertaTokenizer and SpmTokenizer: byte-pair encoding with each model's own
 * frame. The reference is the implementation in onnxruntime-extensions, also in what it calls offsets. */
#include "ops/tokenize/tokenize.h"

#include <utf8proc.h>

#define CONTRIB "ai.onnx.contrib"

/* A text's frame and how it is split follow from the operator, or from its attribute model_name. */
typedef enum style { GPT2, CLIP, ROBERTA, SPM } style;

enum { UNKNOWN, BOS, EOS, PAD, SPECIALS };

static const char *const special_texts[][SPECIALS] = {
    [GPT2] = {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>", NULL},
    [CLIP] = {"<|endoftext|>", "<|startoftext|>", "<|endoftext|>", "<|endoftext|>"},
    [ROBERTA] = {"<unk>", "<s>", "</s>", "<pad>"},
    [SPM] = {"<unk>", "<s>", "</s>", NULL},
};

typedef struct special {
    ig_str text;
    int64_t id;
} special;

typedef struct tokenizer {
    ig_arena arena;
    ig_bpe bpe;
    bool clip, spm, begin, end; /* how to split; whether a text is framed */
    int64_t bos, eos, pad;
    IG_VEC(special) specials; /* tokens that are recognized in texts: the model's, and added ones */
} tokenizer;

static bool add_special(tokenizer *t, ig_str text, int64_t id) {
    special s = {text, id};
    return IG_PUSH(&t->arena, &t->specials, s);
}

/* Lines "text=id". */
static ig_status add_tokens(tokenizer *t, ig_str text, ig_error *err) {
    for (size_t at = 0; at < text.n;) {
        const char *end = memchr(text.s + at, '\n', text.n - at);
        ig_str line = {text.s + at, end ? (size_t)(end - text.s) - at : text.n - at};
        size_t equals = line.n;
        int64_t id = -1;
        at += line.n + 1;
        while (equals > 0 && line.s[equals - 1] != '=') equals--;
        if (line.n == 0) continue;
        if (equals < 2 || !ig_str_to_i64((ig_str){line.s + equals, line.n - equals}, &id) || id < 0)
            return ig_fail(err, IG_E_INPUT, "the added token '%.*s' has no usable number", (int)ig_min_size(line.n, 80),
                           line.s);
        if (!add_special(t, (ig_str){line.s, equals - 1}, id)) return ig_oom(err);
    }
    return IG_OK;
}

/* A special token that neither the vocabulary nor the added ones have gets the next number. */
static int64_t special_id(const tokenizer *t, ig_str text, int64_t *next) {
    int64_t id = ig_vocab_id(&t->bpe.vocab, text);
    for (size_t i = 0; id < 0 && i < t->specials.n; i++)
        if (ig_str_eq(t->specials.items[i].text, text)) id = t->specials.items[i].id;
    return id >= 0 ? id : (*next)++;
}

static ig_status set_specials(tokenizer *t, style style, ig_error *err) {
    int64_t ids[SPECIALS], next = (int64_t)t->bpe.vocab.n;
    for (int k = 0; k < SPECIALS; k++) {
        ig_str text = ig_str_c(special_texts[style][k]);
        ids[k] = text.s ? special_id(t, text, &next) : style == SPM ? IG_NO_TOKEN : 0;
        if (text.s && !add_special(t, text, ids[k])) return ig_oom(err);
    }
    t->bos = ids[BOS];
    t->eos = ids[EOS];
    t->pad = ids[PAD];
    return IG_OK;
}

static void release(ig_context *context, void *state) {
    tokenizer *t = state;
    ig_arena_free(&t->arena);
    ig_release(context, t);
}

static ig_status prepare(ig_prepare *p, style style) {
    const ig_node *n = p->node;
    ig_str model = ig_attr_str(n, "model_name");
    tokenizer *t = p->state = ig_calloc(p->context, sizeof *t);
    if (!t) return ig_oom(p->err);
    ig_arena_init(&t->arena, p->context);
    t->spm = style == SPM;
    t->clip = model.n ? ig_str_is(model, "CLIP") : style == CLIP;
    t->begin = t->spm || (model.n ? !ig_str_is(model, "GPT2") && !ig_str_is(model, "CodeGen") : style != GPT2);
    t->end = t->begin && !t->spm;
    IG_TRY(ig_bpe_create(&t->bpe, &t->arena, ig_attr_str(n, "vocab"), ig_attr_str(n, "merges"),
                         t->spm    ? NULL
                         : t->clip ? "</w>"
                                   : "",
                         p->err));
    IG_TRY(add_tokens(t, ig_attr_str(n, "added_token"), p->err));
    return set_specials(t, style, p->err);
}

static ig_status prepare_gpt2(ig_prepare *p) { return prepare(p, GPT2); }
static ig_status prepare_clip(ig_prepare *p) { return prepare(p, CLIP); }
static ig_status prepare_roberta(ig_prepare *p) { return prepare(p, ROBERTA); }
static ig_status prepare_spm(ig_prepare *p) { return prepare(p, SPM); }

/* ------------------------------------------------------------------------------------------------------------- encoding */

/* An offset grows by what each token spells in the alphabet of visible bytes, two bytes for those that aren't ASCII; in a word
 * behind a space by one less; and by the bytes of the text for a word that the vocabulary has as a whole. */
static size_t spelled(const tokenizer *t, ig_str word, const ig_token *token) {
    size_t n = 0;
    for (size_t i = token->begin; i < token->end; i++) n += (uint8_t)word.s[i] > ' ' && (uint8_t)word.s[i] < 127 ? 1 : 2;
    return n + (t->clip && token->end == word.n ? strlen("</w>") : 0);
}

static void encode_word(const tokenizer *t, ig_str word, size_t *offset, ig_tokens *out) {
    size_t first = out->list.n, shorter = word.s[0] == ' ';
    *offset += shorter;
    if (t->clip && shorter) {
        word = (ig_str){word.s + 1, word.n - 1};
        shorter = 0;
    }
    if (word.n == 0) return;
    bool whole = ig_bpe_word(&t->bpe, word, out);
    for (size_t i = first; i < out->list.n; i++) {
        ig_token *token = &out->list.items[i];
        size_t n = whole ? word.n : spelled(t, word, token);
        token->begin = *offset;
        *offset += n - ig_min_size(n, shorter);
        token->end = *offset;
    }
}

/* The end of a word for SentencePiece's vocabularies: as GPT-2 splits, but a space stays only before letters. */
static size_t spm_word_end(ig_str text, size_t at) {
    size_t end = ig_split_gpt2(text, at), next = at + 1;
    if (text.s[at] != ' ') return end;
    return end > next && ig_char_is_letter(ig_char_next(text, &next)) ? end : at + 1;
}

/* U+2581 stands for spaces and before the text. Offsets count bytes of a word that the vocabulary has, else characters. */
static void encode_spm(const tokenizer *t, ig_str text, ig_tokens *out) {
    ig_str spaced = {IG_NEW_ARRAY(out->arena, char, text.n + 1), text.n + 1};
    char *room = IG_NEW_ARRAY(out->arena, char, 3 * text.n + 3);
    if (!spaced.s || !room) {
        out->failed = true;
        return;
    }
    *(char *)spaced.s = ' ';
    memcpy((char *)spaced.s + 1, text.s, text.n);
    for (size_t at = 0, end, offset = 0; at < spaced.n && !out->failed; at = end) {
        end = spm_word_end(spaced, at);
        size_t first = out->list.n;
        ig_str word = {room, 0};
        for (size_t i = at; i < end; i++) {
            size_t n = spaced.s[i] == ' ' ? 3 : 1;
            memcpy(room + word.n, n == 3 ? IG_META_SPACE : spaced.s + i, n);
            word.n += n;
        }
        bool whole = ig_bpe_characters(&t->bpe, word, out);
        for (size_t i = first; i < out->list.n; i++) {
            ig_token *token = &out->list.items[i];
            size_t length = whole ? word.n : ig_char_count((ig_str){word.s + token->begin, token->end - token->begin});
            *token = (ig_token){token->id, offset, offset + ig_max_size(length, 1)};
            offset = token->end;
        }
    }
}

/* A stretch without special tokens. */
static void encode_plain(const tokenizer *t, ig_str text, size_t *offset, ig_tokens *out) {
    if (t->spm) {
        if (text.n) encode_spm(t, text, out);
        return;
    }
    for (size_t at = 0; at < text.n && !out->failed;) {
        size_t end = ig_split_gpt2(text, at);
        encode_word(t, (ig_str){text.s + at, end - at}, offset, out);
        at = end;
    }
}

/* The next special token, the longest of those that begin first; its position, text.n when there is none. */
static size_t next_special(const tokenizer *t, ig_str text, size_t from, const special **which) {
    size_t first = text.n;
    for (size_t i = 0; i < t->specials.n; i++) {
        const special *s = &t->specials.items[i];
        size_t at = ig_string_find(text, s->text, from);
        if (at >= text.n || at > first || (at == first && s->text.n <= (*which)->text.n)) continue;
        first = at;
        *which = s;
    }
    return first;
}

/* CLIP reads small letters; runs of white space become their first character, line ends and the white space around vanish. */
static ig_str clean_clip(ig_arena *arena, ig_str text) {
    char *out = IG_NEW_ARRAY(arena, char, 4 * text.n);
    size_t n = 0;
    bool space = true;
    if (!out) return (ig_str){0};
    for (size_t at = 0; at < text.n;) {
        size_t start = at;
        int32_t c = ig_char_next(text, &at);
        bool blank = ig_char_is_space(c), skip = blank && space;
        space = blank;
        if (c == '\n' || c == '\r' || skip) continue;
        if (c < 0)
            out[n++] = text.s[start];
        else
            n += (size_t)utf8proc_encode_char(utf8proc_tolower(c), (utf8proc_uint8_t *)out + n);
    }
    while (n && (out[n - 1] == ' ' || out[n - 1] == '\t')) n--;
    return (ig_str){out, n};
}

static void encode(const tokenizer *t, ig_str text, ig_tokens *out) {
    size_t offset = 0;
    if (!text.s) text = IG_STR("");
    if (t->clip) text = clean_clip(out->arena, text);
    if (!text.s) {
        out->failed = true;
        return;
    }
    if (t->begin) ig_tokens_add(out, t->bos, 0, 0);
    for (size_t at = 0; at < text.n && !out->failed;) {
        const special *which = NULL;
        size_t next = next_special(t, text, at, &which);
        encode_plain(t, (ig_str){text.s + at, next - at}, &offset, out);
        at = next;
        if (!which) break;
        ig_tokens_add(out, which->id, 0, 0);
        at += which->text.n;
    }
    if (t->end) ig_tokens_add(out, t->eos, 0, 0);
}

/* Ids, which of them count, and offsets. */
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
    bool known = ig_infer_shape(c, 0, &x) && x.rank <= IG_MAX_RANK - 2;
    if (known) x.dims[x.rank++] = padding > 0 ? ig_dim_of(padding) : ig_dim_unknown();
    for (size_t o = 0; o < c->n_out; o++) {
        if (known && o == 2) x.dims[x.rank++] = ig_dim_of(2);
        IG_TRY(ig_infer_set(c, o, IG_I64, known ? &x : NULL));
    }
    return IG_OK;
}

#define BPE_OP(symbol, text, ready)                                                                                            \
    const ig_op ig_op_contrib_##symbol = {CONTRIB, text, 1, 0, IG_OP_DYNAMIC, infer, run, ready, release};

BPE_OP(gpt2_tokenizer, "GPT2Tokenizer", prepare_gpt2)
BPE_OP(clip_tokenizer, "CLIPTokenizer", prepare_clip)
BPE_OP(roberta_tokenizer, "RobertaTokenizer", prepare_roberta)
BPE_OP(spm_tokenizer, "SpmTokenizer", prepare_spm)
