#include "ops/tokenize/tokenize.h"

/* GPT-2's alphabet: bytes that are visible in Latin-1 stand for themselves, the others follow from U+0100 on. Returns the length
 * in UTF-8. */
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

static void find_bytes(ig_bpe *bpe, const char *suffix) {
    for (unsigned b = 0; b < 256; b++) {
        char text[16];
        size_t n = write_byte(b, text), m = strlen(suffix);
        bpe->bytes[b] = ig_vocab_id(&bpe->vocab, (ig_str){text, n});
        memcpy(text + n, suffix, m);
        bpe->last_bytes[b] = ig_vocab_id(&bpe->vocab, (ig_str){text, n + m});
    }
}

/* The next line that is a pair; false at the end. */
static bool next_merge(ig_str text, size_t *at, ig_str *left, ig_str *right) {
    while (*at < text.n) {
        const char *start = text.s + *at, *end = memchr(start, '\n', text.n - *at);
        size_t n = end ? (size_t)(end - start) : text.n - *at;
        *at += n + 1;
        if (n && start[n - 1] == '\r') n--;
        const char *space = n && !(start[0] == '#' && ig_str_starts((ig_str){start, n}, "#version")) ? memchr(start, ' ', n) : NULL;
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
    *bpe = (ig_bpe){.unknown = 0};
    IG_TRY(ig_vocab_from_json(&bpe->vocab, arena, vocab_json, err));
    find_bytes(bpe, suffix);
    return read_merges(bpe, arena, merges, err);
}

static double rank_of(const void *user, const ig_symbol *left, const ig_symbol *right, int64_t *id) {
    const ig_bpe *bpe = user;
    if (left->id < 0 || right->id < 0) return -1;
    size_t rank = ig_table_number(&bpe->ranks, pair_key(left->id, right->id));
    if (rank == SIZE_MAX) return -1;
    *id = bpe->merged[rank];
    return (double)rank;
}

void ig_bpe_word(const ig_bpe *bpe, ig_str word, size_t begin, ig_tokens *out) {
    ig_arena scratch;
    ig_arena_init(&scratch, out->arena->context);
    ig_symbol *s = IG_NEW_ARRAY(&scratch, ig_symbol, word.n);
    for (size_t i = 0; s && i < word.n; i++) {
        const int64_t *ids = i + 1 == word.n ? bpe->last_bytes : bpe->bytes;
        s[i] = (ig_symbol){ids[(uint8_t)word.s[i]], i, i + 1, (int32_t)i - 1, i + 1 < word.n ? (int32_t)i + 1 : -1};
    }
    bool ok = s && ig_merge_symbols(s, word.n, &scratch, rank_of, bpe);
    for (size_t i = 0; ok && i < word.n; i++)
        if (s[i].begin < s[i].end) ig_tokens_add(out, s[i].id < 0 ? bpe->unknown : s[i].id, begin + s[i].begin, begin + s[i].end);
    if (!ok) out->failed = true;
    ig_arena_free(&scratch);
}
