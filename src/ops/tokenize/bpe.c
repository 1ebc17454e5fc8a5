#include "ops/tokenize/tokenize.h"

#include <math.h>
#include <stdio.h>

/* GPT-2's alphabet: bytes that are visible in Latin-1 stand for themselves, the others follow from U+0100 on. Returns the
 * length in UTF-8. */
static size_t write_byte(unsigned byte, char *out) {
    unsigned c = byte, hidden = 0;
    for (unsigned b = 0; b <= byte; b++) {
        bool visible = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (visible) continue;
        if (b == byte) c = 256 + hidden;
        hidden++;
    }
    if (c < 128) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = (char)(0xC0 | c >> 6);
    out[1] = (char)(0x80 | (c & 63));
    return 2;
}

static void find_bytes(ig_bpe *bpe) {
    for (unsigned b = 0; b < 256; b++) {
        char text[16];
        size_t n = write_byte(b, text);
        memcpy(bpe->letters[b], text, n);
        bpe->bytes[b] = ig_vocab_id(&bpe->vocab, (ig_str){text, n});
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", bpe->suffix);
        bpe->last_bytes[b] = ig_vocab_id(&bpe->vocab, (ig_str){text, n});
    }
}

/* Tokens of bytes, as SentencePiece's vocabularies have them. */
static void find_byte_tokens(ig_bpe *bpe) {
    for (unsigned b = 0; b < 256; b++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", b);
        bpe->bytes[b] = ig_vocab_id(&bpe->vocab, ig_str_c(text));
    }
}

/* The next line that is a pair; false at the end. */
static bool next_merge(ig_str text, size_t *at, ig_str *left, ig_str *right) {
    while (*at < text.n) {
        const char *start = text.s + *at, *end = memchr(start, '\n', text.n - *at);
        size_t n = end ? (size_t)(end - start) : text.n - *at;
        *at += n + 1;
        if (n && start[n - 1] == '\r') n--;
        const char *space =
            n && !(start[0] == '#' && ig_str_starts((ig_str){start, n}, "#version")) ? memchr(start, ' ', n) : NULL;
        if (!space) continue;
        *left = (ig_str){start, (size_t)(space - start)};
        *right = (ig_str){space + 1, n - left->n - 1};
        return true;
    }
    return false;
}

static int64_t pair_key(int64_t left, int64_t right) { return (int64_t)((uint64_t)left << 32 | (uint64_t)right); }

static ig_status read_merges(ig_bpe *bpe, ig_arena *arena, ig_str merges, ig_error *err) {
    ig_str left, right;
    size_t n = 0, at = 0, room = 0;
    char *text = NULL;
    while (next_merge(merges, &at, &left, &right)) {
        n++;
        room = ig_max_size(room, left.n + right.n);
    }
    void *memory = ig_arena_alloc(arena, ig_table_bytes(n));
    bpe->merged = IG_NEW_ARRAY(arena, int64_t, n);
    text = IG_NEW_ARRAY(arena, char, room);
    if (!memory || !bpe->merged || !text) return ig_oom(err);
    ig_table_init(&bpe->ranks, memory, n);
    for (at = 0; next_merge(merges, &at, &left, &right); bpe->n_merges++) {
        memcpy(text, left.s, left.n);
        memcpy(text + left.n, right.s, right.n);
        int64_t a = ig_vocab_id(&bpe->vocab, left), b = ig_vocab_id(&bpe->vocab, right);
        int64_t both = ig_vocab_id(&bpe->vocab, (ig_str){text, left.n + right.n});
        bpe->merged[bpe->n_merges] = both;
        if (a >= 0 && b >= 0 && both >= 0) ig_table_add_number(&bpe->ranks, pair_key(a, b), bpe->n_merges);
    }
    return IG_OK;
}

ig_status ig_bpe_create(ig_bpe *bpe, ig_arena *arena, ig_str vocab_json, ig_str merges, const char *suffix, ig_error *err) {
    *bpe = (ig_bpe){.suffix = suffix};
    if (merges.n == 0) return ig_fail(err, IG_E_INPUT, "there are no merges");
    IG_TRY(ig_vocab_from_json(&bpe->vocab, arena, vocab_json, err));
    if (suffix) {
        find_bytes(bpe);
    } else {
        find_byte_tokens(bpe);
    }
    return read_merges(bpe, arena, merges, err);
}

static double rank_of(const void *user, const ig_symbol *left, const ig_symbol *right, int64_t *id) {
    const ig_bpe *bpe = user;
    if (left->id < 0 || right->id < 0) return INFINITY;
    size_t rank = ig_table_number(&bpe->ranks, pair_key(left->id, right->id));
    if (rank == SIZE_MAX) return INFINITY;
    *id = bpe->merged[rank];
    return (double)rank;
}

static bool add_whole(const ig_bpe *bpe, ig_str spelled, size_t n, ig_tokens *out) {
    int64_t id = ig_vocab_id(&bpe->vocab, spelled);
    if (id >= 0) ig_tokens_add(out, id, 0, n);
    return id >= 0;
}

/* Merges the n symbols of a word and adds what is left. */
static void add_merged(const ig_bpe *bpe, ig_symbol *s, size_t n, ig_str word, ig_arena *scratch, ig_tokens *out) {
    if (!ig_merge_symbols(s, n, scratch, rank_of, bpe)) out->failed = true;
    for (size_t i = 0; i < n && !out->failed; i++) {
        if (s[i].begin == s[i].end) continue;
        bool spell = s[i].id < 0 && !bpe->suffix && bpe->bytes[(uint8_t)word.s[s[i].begin]] >= 0;
        for (size_t k = s[i].begin; spell && k < s[i].end; k++)
            ig_tokens_add(out, bpe->bytes[(uint8_t)word.s[k]], s[i].begin, k + 1 == s[i].end ? k + 1 : s[i].begin);
        if (!spell) ig_tokens_add(out, s[i].id < 0 ? IG_NO_TOKEN : s[i].id, s[i].begin, s[i].end);
    }
}

/* The word as the vocabulary would spell it. */
static ig_str spell(const ig_bpe *bpe, ig_str word, ig_arena *scratch) {
    ig_text text;
    ig_text_init(&text, scratch);
    for (size_t i = 0; i < word.n; i++) ig_text_add(&text, ig_str_c(bpe->letters[(uint8_t)word.s[i]]));
    ig_text_add(&text, ig_str_c(bpe->suffix));
    return text.failed ? (ig_str){0} : (ig_str){text.s, text.n};
}

bool ig_bpe_word(const ig_bpe *bpe, ig_str word, ig_tokens *out) {
    ig_arena scratch;
    ig_arena_init(&scratch, out->arena->context);
    ig_str spelled = spell(bpe, word, &scratch);
    ig_symbol *s = IG_NEW_ARRAY(&scratch, ig_symbol, word.n);
    bool ok = spelled.s && s, whole = ok && add_whole(bpe, spelled, word.n, out);
    for (size_t i = 0; ok && !whole && i < word.n; i++) {
        const int64_t *ids = i + 1 == word.n ? bpe->last_bytes : bpe->bytes;
        s[i] = (ig_symbol){ids[(uint8_t)word.s[i]], i, i + 1, (int32_t)i - 1, i + 1 < word.n ? (int32_t)i + 1 : -1};
    }
    if (!ok) out->failed = true;
    if (ok && !whole) add_merged(bpe, s, word.n, word, &scratch, out);
    ig_arena_free(&scratch);
    return whole;
}

bool ig_bpe_characters(const ig_bpe *bpe, ig_str word, ig_tokens *out) {
    ig_arena scratch;
    if (add_whole(bpe, word, word.n, out)) return true;
    ig_arena_init(&scratch, out->arena->context);
    ig_symbol *s = IG_NEW_ARRAY(&scratch, ig_symbol, word.n);
    size_t n = 0;
    for (size_t at = 0; s && at < word.n; n++) {
        size_t begin = at;
        ig_char_next(word, &at);
        s[n] = (ig_symbol){ig_vocab_id(&bpe->vocab, (ig_str){word.s + begin, at - begin}), begin, at, (int32_t)n - 1,
                           at < word.n ? (int32_t)n + 1 : -1};
    }
    if (s) {
        add_merged(bpe, s, n, word, &scratch, out);
    } else {
        out->failed = true;
    }
    ig_arena_free(&scratch);
    return false;
}
