/* ai.onnx.contrib BertTokenizer, HfBertTokenizer, WordpieceTokenizer: Schuster, Nakajima, "Japanese and Korean voice search"
 * (2012), as in BERT. */
#include "ops/tokenize/tokenize.h"

#include <utf8proc.h>

#define CONTRIB "ai.onnx.contrib"

typedef struct tokenizer {
    ig_arena arena;
    ig_vocab vocab;
    ig_str suffix; /* before pieces inside of words */
    int64_t cls, sep, unknown;
    bool lower, basic, ideographs, strip;
    int64_t max_length; /* of a single text with its frame; -1: none */
    size_t max_word;    /* characters */
} tokenizer;

static void release(ig_context *context, void *state) {
    tokenizer *t = state;
    ig_arena_free(&t->arena);
    ig_release(context, t);
}

static ig_status prepare_bert(ig_prepare *p) {
    const ig_node *n = p->node;
    tokenizer *t = p->state = ig_calloc(p->context, sizeof *t);
    if (!t) return ig_oom(p->err);
    ig_arena_init(&t->arena, p->context);
    IG_TRY(ig_vocab_from_lines(&t->vocab, &t->arena, ig_attr_str(n, "vocab_file"), false, p->err));
    t->suffix = ig_attr_str(n, "suffix_indicator");
    t->cls = ig_vocab_id(&t->vocab, ig_attr_str(n, "cls_token"));
    t->sep = ig_vocab_id(&t->vocab, ig_attr_str(n, "sep_token"));
    t->unknown = ig_vocab_id(&t->vocab, ig_attr_str(n, "unk_token"));
    if (t->cls < 0 || t->sep < 0 || t->unknown < 0)
        return ig_fail(p->err, IG_E_INPUT, "the vocabulary lacks one of the special tokens cls_token, sep_token, unk_token");
    t->lower = ig_attr_int(n, "do_lower_case") != 0;
    t->basic = ig_attr_int(n, "do_basic_tokenize") != 0;
    t->ideographs = ig_attr_int(n, "tokenize_chinese_chars") != 0;
    t->strip = ig_attr_int(n, "strip_accents") != 0;
    t->max_length = ig_attr_int(n, "max_length");
    t->max_word = 100;
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- pieces */

/* Offsets count the bytes of the words as they are looked up, with one between words and before an unknown rest, which counts
 * as one. */
static void add_piece(ig_tokens *out, int64_t id, size_t n, size_t *offset) {
    ig_tokens_add(out, id, *offset, *offset + n);
    *offset += n;
}

/* The longest pieces from the left. Where nothing fits the rest of the word is unknown; the pieces before it stay. */
static void add_pieces(const tokenizer *t, ig_str word, char *text, size_t *offset, ig_tokens *out) {
    for (size_t at = 0; at < word.n;) {
        size_t end = word.n, room = at ? t->suffix.n : 0;
        int64_t id = -1;
        memcpy(text + t->suffix.n, word.s + at, word.n - at);
        for (; end > at; end--) {
            bool inside_character = end < word.n && ((uint8_t)word.s[end] & 0xC0) == 0x80;
            if (inside_character) continue;
            id = ig_vocab_id(&t->vocab, (ig_str){text + t->suffix.n - room, room + end - at});
            if (id >= 0) break;
        }
        *offset += id < 0 && at;
        add_piece(out, id < 0 ? t->unknown : id, id < 0 ? 1 : end - at, offset);
        if (id < 0) return;
        at = end;
    }
}

static void add_word(const tokenizer *t, ig_str word, size_t *offset, ig_tokens *out) {
    char *text = IG_NEW_ARRAY(out->arena, char, t->suffix.n + word.n);
    if (!text) {
        out->failed = true;
        return;
    }
    if (t->suffix.n) memcpy(text, t->suffix.s, t->suffix.n);
    if (ig_char_count(word) > t->max_word) {
        add_piece(out, t->unknown, 1, offset);
    } else {
        add_pieces(t, word, text, offset, out);
    }
    ++*offset;
}

/* Accents are marks of their own once characters are taken apart. */
static int32_t without_accent(int32_t c) {
    utf8proc_int32_t parts[8];
    if (c < 128) return c;
    utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 8, UTF8PROC_DECOMPOSE, NULL);
    return n >= 1 && n <= 8 ? parts[0] : c;
}

/* Words of a text: control characters vanish, punctuation and ideographs stand alone. */
static void add_basic(const tokenizer *t, ig_str text, ig_tokens *out) {
    char *word = IG_NEW_ARRAY(out->arena, char, 4 * text.n + 4);
    size_t n = 0, offset = 0;
    if (!word) {
        out->failed = true;
        return;
    }
    for (size_t at = 0; at <= text.n && !out->failed;) {
        size_t start = at;
        int32_t c = at < text.n ? ig_char_next(text, &at) : ' ';
        if (start == text.n) at++;
        bool skip = c <= 0 || ig_char_is_control(c);
        bool alone = !skip && (ig_char_is_punctuation(c) || (t->ideographs && ig_char_is_ideograph(c)));
        if (skip && start < text.n) continue;
        if (ig_char_is_space(c) || alone) {
            if (n) add_word(t, (ig_str){word, n}, &offset, out);
            n = 0;
            if (alone) add_word(t, (ig_str){text.s + start, at - start}, &offset, out);
            continue;
        }
        if (t->lower) c = utf8proc_tolower(c);
        if (t->strip) {
            c = without_accent(c);
            if (utf8proc_category(c) == UTF8PROC_CATEGORY_MN) continue;
        }
        n += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)word + n);
    }
}

static void add_spaced(const tokenizer *t, ig_str text, ig_tokens *out) {
    for (size_t at = 0, offset = 0; at < text.n && !out->failed;) {
        const char *space = memchr(text.s + at, ' ', text.n - at);
        size_t end = space ? (size_t)(space - text.s) : text.n;
        if (end > at) add_word(t, (ig_str){text.s + at, end - at}, &offset, out);
        at = end + 1;
    }
}

static void add_text(const tokenizer *t, ig_str text, ig_tokens *out) {
    if (t->basic)
        add_basic(t, text, out);
    else
        add_spaced(t, text, out);
}

/* ------------------------------------------------------------------------------------------------------------------ BERT */

/* [CLS] first [SEP] second [SEP]; *split is where the second part begins. A length limit holds for a text alone. Offsets are
 * those of both texts with [CLS] and [SEP] each, without the second [SEP] or what is cut off. */
static void frame(const tokenizer *t, const ig_tensor *x, ig_tokens *out, size_t *split) {
    ig_tokens_add(out, t->cls, 0, 0);
    for (size_t i = 0; i < x->count; i++) {
        add_text(t, ig_tensor_strings(x)[i], out);
        ig_tokens_add(out, t->sep, 0, 0);
        if (i == 0) *split = out->list.n;
    }
    if (x->count == 1 && t->max_length > 2 && !out->failed && out->list.n > (size_t)t->max_length) {
        out->list.n = (size_t)t->max_length;
        out->list.items[out->list.n - 1].id = t->sep;
    }
    for (size_t i = out->list.n; x->count == 2 && !out->failed && i-- > *split;) {
        const ig_token *from = &out->list.items[i > *split ? i - 1 : 0];
        out->list.items[i] = (ig_token){out->list.items[i].id, from->begin, from->end};
    }
    if (!t->basic)
        for (size_t i = 0; i < out->list.n; i++) out->list.items[i].begin = out->list.items[i].end = 0;
}

typedef enum part { IDS, TYPES, MASK, OFFSETS } part;

static ig_status write_part(ig_call *c, size_t o, part what, const ig_tokens *tokens, size_t split, bool batched) {
    size_t n = tokens->list.n;
    int64_t dims[3] = {1, (int64_t)n, 2}, *shape = batched ? dims : dims + 1;
    IG_TRY(ig_call_output(c, o, IG_I64, (batched ? 2 : 1) + (what == OFFSETS), shape));
    if (o >= c->n_out) return IG_OK;
    int64_t *out = c->out[o]->data;
    for (size_t i = 0; i < n; i++) {
        const ig_token *token = &tokens->list.items[i];
        if (what == OFFSETS) {
            out[2 * i] = (int64_t)token->begin;
            out[2 * i + 1] = (int64_t)token->end;
        } else {
            out[i] = what == IDS ? token->id : what == TYPES ? i >= split : 1;
        }
    }
    return IG_OK;
}

static ig_status run_framed(ig_call *c, const part *parts, size_t n_parts, bool batched) {
    const tokenizer *t = c->state;
    ig_arena arena;
    size_t split = 0;
    IG_TRY(ig_call_strings(c, 0));
    if (c->in[0]->count < 1 || c->in[0]->count > 2 || (batched && c->in[0]->count != 2))
        return ig_call_fail(c, "%zu texts are given, %s due", c->in[0]->count, batched ? "two are" : "one or two are");
    ig_arena_init(&arena, c->context);
    ig_tokens tokens = {.arena = &arena};
    frame(t, c->in[0], &tokens, &split);
    ig_status status = tokens.failed ? ig_oom(c->err) : IG_OK;
    for (size_t o = 0; o < n_parts && status == IG_OK; o++) status = write_part(c, o, parts[o], &tokens, split, batched);
    ig_arena_free(&arena);
    return status;
}

static ig_status run_bert(ig_call *c) { return run_framed(c, (const part[]){IDS, TYPES, MASK, OFFSETS}, 4, false); }
static ig_status run_hf_bert(ig_call *c) { return run_framed(c, (const part[]){IDS, MASK, TYPES}, 3, true); }

static ig_status infer_bert(ig_infer *c) {
    ig_shape y = {.rank = 1};
    y.dims[0] = ig_dim_unknown();
    for (size_t o = 0; o < 3; o++) IG_TRY(ig_infer_set(c, o, IG_I64, &y));
    y.dims[y.rank++] = ig_dim_of(2);
    return ig_infer_set(c, 3, IG_I64, &y);
}

static ig_status infer_hf_bert(ig_infer *c) {
    ig_shape y = {.rank = 2};
    y.dims[0] = ig_dim_of(1);
    y.dims[1] = ig_dim_unknown();
    for (size_t o = 0; o < 3; o++) IG_TRY(ig_infer_set(c, o, IG_I64, &y));
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------- WordpieceTokenizer */

static ig_status prepare_wordpiece(ig_prepare *p) {
    const ig_node *n = p->node;
    tokenizer *t = p->state = ig_calloc(p->context, sizeof *t);
    if (!t) return ig_oom(p->err);
    ig_arena_init(&t->arena, p->context);
    IG_TRY(ig_vocab_from_json(&t->vocab, &t->arena, ig_attr_str(n, "vocab"), p->err));
    t->suffix = ig_attr_str(n, "suffix_indicator");
    t->unknown = -1;
    t->max_word = (size_t)ig_max_i64(ig_attr_int(n, "max_input_chars_per_word"), 0);
    return IG_OK;
}

/* Texts are rows; row_indices say at which texts rows begin, when several texts are one row. */
typedef struct rows {
    const ig_tensor *indices; /* NULL: each text is one */
    const size_t *ends;       /* of the texts' words */
    size_t n_texts, n;        /* n: rows, and where the last one ends */
} rows;

static size_t row_text(const rows *r, size_t i) {
    if (!r->indices) return i;
    return i < r->indices->count ? (size_t)ig_load_as_i64(r->indices->dtype, r->indices->data, i) : r->n_texts;
}

static ig_status find_rows(ig_call *c, rows *r) {
    const ig_tensor *indices = c->n_in > 1 ? c->in[1] : NULL;
    r->n = r->n_texts + 1;
    if (!indices || indices->count == 0 || r->n_texts == 0) return IG_OK;
    if (indices->kind != IG_KIND_TENSOR || indices->dtype != IG_I64) return ig_call_fail(c, "input 1 holds no int64 numbers");
    r->indices = indices;
    r->n = indices->count;
    for (size_t i = 0; i < indices->count; i++)
        if (row_text(r, i) > r->n_texts) return ig_call_fail(c, "a row begins behind the last of %zu texts", r->n_texts);
    r->n += row_text(r, r->n - 1) < r->n_texts;
    return IG_OK;
}

static ig_status write_rows(ig_call *c, const ig_tokens *tokens, const rows *r) {
    const tokenizer *t = c->state;
    int64_t n = (int64_t)tokens->list.n, n_rows = (int64_t)r->n, n_spans = n_rows - 1;
    IG_TRY(ig_call_output(c, 0, IG_STRING, 1, &n));
    IG_TRY(ig_call_output(c, 1, IG_I64, 1, &n_rows));
    IG_TRY(ig_call_output(c, 2, IG_I64, 1, &n_spans));
    IG_TRY(ig_call_output(c, 3, IG_I64, 1, &n_spans));
    for (size_t i = 0; i < (size_t)n; i++) {
        int64_t id = tokens->list.items[i].id;
        ig_str text = id < 0 ? ig_attr_str(c->node, "unknown_token") : t->vocab.tokens[id];
        if (c->out[0] && !ig_tensor_set_string(c->out[0], i, text)) return ig_oom(c->err);
    }
    for (size_t i = 0; i < r->n; i++) {
        size_t text = row_text(r, i);
        int64_t at = text ? (int64_t)r->ends[text - 1] : 0;
        if (c->n_out > 1 && c->out[1]) ((int64_t *)c->out[1]->data)[i] = at;
        if (c->n_out > 2 && c->out[2] && i + 1 < r->n) ((int64_t *)c->out[2]->data)[i] = at;
        if (c->n_out > 3 && c->out[3] && i > 0) ((int64_t *)c->out[3]->data)[i - 1] = at;
    }
    return IG_OK;
}

static ig_status run_wordpiece(ig_call *c) {
    ig_arena arena;
    IG_TRY(ig_call_strings(c, 0));
    const ig_tensor *x = c->in[0];
    size_t *ends = ig_call_scratch(c, x->count * sizeof *ends);
    if (!ends) return ig_oom(c->err);
    ig_arena_init(&arena, c->context);
    ig_tokens tokens = {.arena = &arena};
    for (size_t i = 0; i < x->count; i++) {
        add_spaced(c->state, ig_tensor_strings(x)[i], &tokens);
        ends[i] = tokens.list.n;
    }
    rows rows = {.ends = ends, .n_texts = x->count};
    ig_status status = tokens.failed ? ig_oom(c->err) : find_rows(c, &rows);
    if (status == IG_OK) status = write_rows(c, &tokens, &rows);
    ig_arena_free(&arena);
    return status;
}

static ig_status infer_wordpiece(ig_infer *c) {
    ig_shape y = {.rank = 1};
    y.dims[0] = ig_dim_unknown();
    for (size_t o = 0; o < 4; o++) IG_TRY(ig_infer_set(c, o, o ? IG_I64 : IG_STRING, &y));
    return IG_OK;
}

const ig_op ig_op_contrib_bert_tokenizer = {CONTRIB,  "BertTokenizer", 1,      0, IG_OP_DYNAMIC, infer_bert,
                                            run_bert, prepare_bert,    release};
const ig_op ig_op_contrib_hf_bert_tokenizer = {CONTRIB,     "HfBertTokenizer", 1,      0, IG_OP_DYNAMIC, infer_hf_bert,
                                               run_hf_bert, prepare_bert,      release};
const ig_op ig_op_contrib_wordpiece_tokenizer = {CONTRIB,       "WordpieceTokenizer", 1,      0, IG_OP_DYNAMIC, infer_wordpiece,
                                                 run_wordpiece, prepare_wordpiece,    release};
