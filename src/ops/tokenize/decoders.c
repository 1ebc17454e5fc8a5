/* ai.onnx.contrib BertTokenizerDecoder and BpeDecoder: from token numbers to text. */
#include "base/text.h"
#include "ops/args.h"
#include "ops/tokenize/tokenize.h"

#define CONTRIB "ai.onnx.contrib"

static ig_status infer_one(ig_infer *c) { return ig_infer_set(c, 0, IG_STRING, &(ig_shape){1, {ig_dim_of(1)}}); }

static ig_status call_ids(ig_call *c, size_t i) {
    const ig_tensor *x = i < c->n_in ? c->in[i] : NULL;
    return x && x->kind == IG_KIND_TENSOR && x->dtype == IG_I64 ? IG_OK
                                                                : ig_call_fail(c, "input %zu holds no int64 numbers", i);
}

/* ------------------------------------------------------------------------------------------------- BertTokenizerDecoder */

typedef struct bert {
    ig_arena arena;
    ig_vocab vocab;
    ig_str unknown, suffix;
    int64_t skipped[3];
    bool skip, clean, parts;
} bert;

static void release_bert(ig_context *context, void *state) {
    bert *b = state;
    ig_arena_free(&b->arena);
    ig_release(context, b);
}

static ig_status prepare_bert(ig_prepare *p) {
    const ig_node *n = p->node;
    bert *b = p->state = ig_calloc(p->context, sizeof *b);
    if (!b) return ig_oom(p->err);
    ig_arena_init(&b->arena, p->context);
    IG_TRY(ig_vocab_from_lines(&b->vocab, &b->arena, ig_attr_str(n, "vocab_file"), false, p->err));
    b->unknown = ig_attr_str(n, "unk_token");
    b->suffix = ig_attr_str(n, "suffix_indicator");
    b->skip = ig_attr_int(n, "skip_special_tokens") != 0;
    b->clean = ig_attr_int(n, "clean_up_tokenization_spaces") != 0;
    b->parts = ig_attr_int(n, "use_indices") != 0;
    b->skipped[0] = ig_vocab_id(&b->vocab, ig_attr_str(n, "cls_token"));
    b->skipped[1] = ig_vocab_id(&b->vocab, ig_attr_str(n, "mask_token"));
    /* onnxruntime-extensions skips the separator or the padding, whichever has the larger number. */
    b->skipped[2] =
        ig_max_i64(ig_vocab_id(&b->vocab, ig_attr_str(n, "sep_token")), ig_vocab_id(&b->vocab, ig_attr_str(n, "pad_token")));
    return IG_OK;
}

static bool is_one_of(int32_t c, const char *set) { return c > 0 && c < 128 && strchr(set, c); }

/* No space stands between these characters, as English is written. */
static bool joined(ig_str before, ig_str after) {
    size_t at = before.n, next = 0;
    if (before.n == 0 || after.n == 0) return true;
    do at--;
    while (at > 0 && ((uint8_t)before.s[at] & 0xC0) == 0x80);
    int32_t last = ig_char_next(before, &at), first = ig_char_next(after, &next);
    return is_one_of(first, "!\"'),-./:>?@\\]}~") || is_one_of(last, "\"$'(-/<@[\\{") ||
           (first > 128 && ig_char_is_punctuation(first)) || (last > 128 && ig_char_is_punctuation(last));
}

static void add_words(const bert *b, const int64_t *ids, size_t n, ig_text *out) {
    ig_str before = {0};
    for (size_t i = 0; i < n; i++) {
        int64_t id = ids[i];
        bool known = id >= 0 && (uint64_t)id < b->vocab.n;
        ig_str token = known ? b->vocab.tokens[id] : b->unknown;
        if (b->skip && known && (id == b->skipped[0] || id == b->skipped[1] || id == b->skipped[2])) continue;
        bool inside = b->suffix.n && token.n >= b->suffix.n && memcmp(token.s, b->suffix.s, b->suffix.n) == 0;
        if (inside && out->n == 0) continue; /* a text can't begin inside of a word */
        if (inside) token = (ig_str){token.s + b->suffix.n, token.n - b->suffix.n};
        if (out->n && !inside && !(b->clean && known && joined(before, token))) ig_text_add(out, IG_STR(" "));
        ig_text_add(out, token);
        if (known) before = token;
    }
}

/* Begin and end of each text that is wanted. */
static ig_status positions(ig_call *c, int64_t *n) {
    IG_TRY(call_ids(c, 1));
    const ig_tensor *p = c->in[1], *x = c->in[0];
    if (p->rank != 2 || p->dims[1] != 2) return ig_call_fail(c, "the positions are no pairs");
    for (size_t i = 0; i < p->count; i += 2) {
        const int64_t *pair = (const int64_t *)p->data + i;
        if (pair[0] < 0 || pair[1] < pair[0] || (uint64_t)pair[1] > x->count)
            return ig_call_fail(c, "positions %lld to %lld of %zu tokens", (long long)pair[0], (long long)pair[1], x->count);
    }
    *n = p->dims[0];
    return IG_OK;
}

static ig_status decode_bert(ig_call *c, ig_arena *arena) {
    const bert *b = c->state;
    const ig_tensor *x = c->in[0];
    int64_t n = 1;
    if (x->rank > 2 || (x->rank == 2 && x->dims[0] != 1)) return ig_call_fail(c, "the tokens are no vector");
    if (b->parts) IG_TRY(positions(c, &n));
    IG_TRY(ig_call_output(c, 0, IG_STRING, 1, &n));
    for (size_t i = 0; i < (size_t)n; i++) {
        const int64_t *pair = b->parts ? (const int64_t *)c->in[1]->data + 2 * i : (const int64_t[]){0, (int64_t)x->count};
        ig_text text;
        ig_arena_reset(arena);
        ig_text_init(&text, arena);
        add_words(b, (const int64_t *)x->data + pair[0], (size_t)(pair[1] - pair[0]), &text);
        if (text.failed || !ig_tensor_set_string(c->out[0], i, (ig_str){text.s, text.n})) return ig_oom(c->err);
    }
    return IG_OK;
}

static ig_status with_arena(ig_call *c, ig_status (*work)(ig_call *c, ig_arena *arena)) {
    ig_arena arena;
    IG_TRY(call_ids(c, 0));
    ig_arena_init(&arena, c->context);
    ig_status status = work(c, &arena);
    ig_arena_free(&arena);
    return status;
}

static ig_status run_bert(ig_call *c) { return with_arena(c, decode_bert); }

static ig_status infer_bert(ig_infer *c) { return ig_infer_set(c, 0, IG_STRING, &(ig_shape){1, {ig_dim_unknown()}}); }

const ig_op ig_op_contrib_bert_tokenizer_decoder = {CONTRIB,  "BertTokenizerDecoder", 1,           0, IG_OP_DYNAMIC, infer_bert,
                                                    run_bert, prepare_bert,           release_bert};

/* ------------------------------------------------------------------------------------------------------------ BpeDecoder */

typedef struct bpe {
    ig_arena arena;
    ig_vocab vocab;
    ig_table bytes, added, special; /* characters -> byte; ids -> text; ids */
    uint8_t *byte_of;
    ig_str *text_of;
    ig_str unknown;
    bool skip, space;
} bpe;

static void release_bpe(ig_context *context, void *state) {
    bpe *b = state;
    ig_arena_free(&b->arena);
    ig_release(context, b);
}

static bool next_line(ig_str text, size_t *at, ig_str *line) {
    if (*at >= text.n) return false;
    const char *end = memchr(text.s + *at, '\n', text.n - *at);
    *line = (ig_str){text.s + *at, end ? (size_t)(end - text.s) - *at : text.n - *at};
    *at += line->n + 1;
    return true;
}

/* Lines "number", or "number<tab>text"; `texts` gets what stands behind the tab. */
static ig_status read_numbers(ig_prepare *p, bpe *b, const char *attr, ig_table *table, ig_str **texts) {
    ig_str all = ig_attr_str(p->node, attr), line;
    size_t n = 0, i = 0;
    for (size_t at = 0; next_line(all, &at, &line);) n++;
    void *memory = ig_arena_alloc(&b->arena, ig_table_bytes(n));
    ig_str *behind = IG_NEW_ARRAY(&b->arena, ig_str, n);
    if (!memory || !behind) return ig_oom(p->err);
    ig_table_init(table, memory, n);
    for (size_t at = 0; next_line(all, &at, &line); i++) {
        const char *tab = line.n ? memchr(line.s, '\t', line.n) : NULL;
        ig_str number = {line.s, tab ? (size_t)(tab - line.s) : line.n};
        int64_t key;
        if (line.n == 0) continue;
        if (!ig_str_to_i64(number, &key))
            return ig_fail(p->err, IG_E_INPUT, "%s has the malformed line '%.*s'", attr, (int)ig_min_size(line.n, 80), line.s);
        if (tab) behind[i] = (ig_str){tab + 1, line.n - number.n - 1};
        ig_table_add_number(table, key, i);
    }
    if (texts) *texts = behind;
    return IG_OK;
}

static ig_status read_bytes(ig_prepare *p, bpe *b) {
    ig_str *texts;
    int64_t byte;
    IG_TRY(read_numbers(p, b, "byte_decoder", &b->bytes, &texts));
    size_t n = b->bytes.n_slots; /* at least as many as there are lines */
    b->byte_of = IG_NEW_ARRAY(&b->arena, uint8_t, n);
    if (!b->byte_of) return ig_oom(p->err);
    for (size_t s = 0; s < n; s++) {
        size_t line = b->bytes.slots[s].position;
        if (!line--) continue;
        if (!ig_str_to_i64(texts[line], &byte) || byte < 0 || byte > 255)
            return ig_fail(p->err, IG_E_INPUT, "byte_decoder gives '%.*s' for a byte", (int)ig_min_size(texts[line].n, 20),
                           texts[line].s);
        b->byte_of[line] = (uint8_t)byte;
    }
    return IG_OK;
}

static ig_status prepare_bpe(ig_prepare *p) {
    const ig_node *n = p->node;
    bpe *b = p->state = ig_calloc(p->context, sizeof *b);
    if (!b) return ig_oom(p->err);
    ig_arena_init(&b->arena, p->context);
    IG_TRY(ig_vocab_from_lines(&b->vocab, &b->arena, ig_attr_str(n, "id_vocab"), true, p->err));
    IG_TRY(read_bytes(p, b));
    IG_TRY(read_numbers(p, b, "added_tokens", &b->added, &b->text_of));
    IG_TRY(read_numbers(p, b, "all_special_ids", &b->special, NULL));
    b->unknown = ig_attr_str(n, "unk_token");
    b->skip = ig_attr_int(n, "skip_special_tokens") != 0;
    b->space = ig_attr_int(n, "whitespace_token") != 0;
    return IG_OK;
}

/* "<0x0A>": a byte. */
static bool byte_token(ig_str token, uint8_t *byte) {
    static const char digits[] = "0123456789ABCDEF";
    if (token.n != 6 || memcmp(token.s, "<0x", 3) != 0 || token.s[5] != '>') return false;
    const char *high = strchr(digits, token.s[3]), *low = strchr(digits, token.s[4]);
    if (!high || !low || !*high || !*low) return false;
    *byte = (uint8_t)((high - digits) << 4 | (low - digits));
    return true;
}

/* With U+2581 among the characters of bytes the vocabulary is SentencePiece's: bytes have tokens of their own, and characters
 * without a byte stand for themselves. In others a token with such a character is unknown. */
static void add_token(const bpe *b, ig_str token, ig_text *out) {
    bool pieces = ig_table_number(&b->bytes, 0x2581) != SIZE_MAX;
    uint8_t byte;
    if (pieces && byte_token(token, &byte)) {
        ig_text_add(out, (ig_str){(const char *)&byte, 1});
        return;
    }
    for (size_t at = 0; !pieces && at < token.n;) {
        if (ig_table_number(&b->bytes, ig_char_next(token, &at)) != SIZE_MAX) continue;
        ig_text_add(out, b->unknown);
        return;
    }
    for (size_t at = 0; at < token.n;) {
        size_t begin = at;
        size_t line = ig_table_number(&b->bytes, ig_char_next(token, &at));
        ig_text_add(out,
                    line == SIZE_MAX ? (ig_str){token.s + begin, at - begin} : (ig_str){(const char *)&b->byte_of[line], 1});
    }
}

static void add_tokens(const bpe *b, const int64_t *ids, size_t n, ig_text *out) {
    bool after_special = false;
    for (size_t i = 0; i < n; i++) {
        bool special = ig_table_number(&b->special, ids[i]) != SIZE_MAX, known = ids[i] >= 0 && (uint64_t)ids[i] < b->vocab.n;
        size_t added = ig_table_number(&b->added, ids[i]);
        if (b->skip && (special || (!known && added == SIZE_MAX))) continue;
        if (b->space && special && i > 0 && !after_special) ig_text_add(out, IG_STR(" "));
        if (added != SIZE_MAX) {
            ig_text_add(out, b->text_of[added]);
        } else if (known) {
            add_token(b, b->vocab.tokens[ids[i]], out);
        } else {
            ig_text_add(out, b->unknown);
        }
        if (b->space && special && i + 1 < n) ig_text_add(out, IG_STR(" "));
        after_special = special;
    }
}

/* The last dimension is a text's. */
static ig_status decode_bpe(ig_call *c, ig_arena *arena) {
    const ig_tensor *x = c->in[0];
    IG_TRY(ig_call_made(c, 0));
    size_t n = x->rank ? (size_t)x->dims[x->rank - 1] : 1;
    for (size_t i = 0; i < c->out[0]->count; i++) {
        ig_text text;
        ig_arena_reset(arena);
        ig_text_init(&text, arena);
        add_tokens(c->state, (const int64_t *)x->data + i * n, n, &text);
        if (text.failed || !ig_tensor_set_string(c->out[0], i, (ig_str){text.s, text.n})) return ig_oom(c->err);
    }
    return IG_OK;
}

static ig_status run_bpe(ig_call *c) { return with_arena(c, decode_bpe); }

static ig_status infer_bpe(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, IG_STRING, NULL);
    if (x.rank < 2) return infer_one(c);
    x.rank--;
    return ig_infer_set(c, 0, IG_STRING, &x);
}

const ig_op ig_op_contrib_bpe_decoder = {CONTRIB, "BpeDecoder", 1, 0, 0, infer_bpe, run_bpe, prepare_bpe, release_bpe};
