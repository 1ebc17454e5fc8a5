#include "base/bytes.h"
#include "ops/tokenize/spm.h"

typedef struct result {
    const ig_spm *spm;
    char *s;
    size_t *origin;
    size_t n, cap;
    ig_arena *arena;
    bool failed;
} result;

static void put(result *r, const char *s, size_t n, size_t origin) {
    if (r->n + n + 1 > r->cap) {
        size_t cap = 2 * r->cap + n + 64;
        char *bytes = IG_NEW_ARRAY(r->arena, char, cap);
        size_t *origins = IG_NEW_ARRAY(r->arena, size_t, cap);
        if (!bytes || !origins) {
            r->failed = true;
            return;
        }
        if (r->n) {
            memcpy(bytes, r->s, r->n);
            memcpy(origins, r->origin, r->n * sizeof *origins);
        }
        r->s = bytes;
        r->origin = origins;
        r->cap = cap;
    }
    memcpy(r->s + r->n, s, n);
    for (size_t i = 0; i < n; i++) r->origin[r->n++] = origin;
}

static void put_space(result *r, size_t origin) {
    if (r->spm->escape) {
        put(r, IG_META_SPACE, 3, origin);
    } else {
        put(r, " ", 1, origin);
    }
}

/* The value at the longest prefix that the double array has (units as in Yata's darts-clone: label, leaf flag, offset); its
 * length, 0 when there is none. */
static size_t longest_rule(ig_span trie, ig_str text, size_t at, size_t *value) {
    size_t units = trie.n / 4, node = 0, longest = 0;
    if (units == 0) return 0;
    uint32_t unit = ig_load_u32(trie.p);
    node ^= (size_t)(unit >> 10) << ((unit & 0x200) >> 6);
    for (size_t i = at; i < text.n; i++) {
        uint8_t c = (uint8_t)text.s[i];
        node ^= c;
        if (node >= units) break;
        unit = ig_load_u32(trie.p + 4 * node);
        if ((unit & 0x800000FF) != c) break;
        node ^= (size_t)(unit >> 10) << ((unit & 0x200) >> 6);
        if (!(unit & 0x100)) continue;
        if (node >= units) break;
        *value = ig_load_u32(trie.p + 4 * node) & 0x7FFFFFFF;
        longest = i + 1 - at;
    }
    return longest;
}

/* What the text at `at` becomes; returns how many bytes of it. */
static size_t replace(const ig_spm *spm, ig_str text, size_t at, ig_str *out) {
    size_t value = 0, n = ig_spm_symbol(spm, text, at);
    *out = (ig_str){text.s + at, n};
    if (n) return n;
    n = longest_rule(spm->trie, text, at, &value);
    if (n && value < spm->replacements.n) {
        *out = ig_str_c(spm->replacements.s + value);
        return n;
    }
    n = ig_utf8_length((ig_str){text.s + at, text.n - at});
    *out = n ? (ig_str){text.s + at, n} : IG_STR("\xEF\xBF\xBD");
    return n ? n : 1;
}

static bool ends_in(const result *r, ig_str what) {
    return r->n >= what.n && memcmp(r->s + r->n - what.n, what.s, what.n) == 0;
}

bool ig_spm_normalize(const ig_spm *spm, ig_arena *arena, ig_str text, ig_str *out, size_t **origin) {
    result r = {.spm = spm, .arena = arena};
    size_t at = 0;
    ig_str piece;
    put(&r, "", 0, 0); /* room for the end */
    for (size_t n; spm->trim && at < text.n; at += n) {
        n = replace(spm, text, at, &piece);
        if (!ig_str_is(piece, " ")) break;
    }
    bool any = at < text.n, after_space = spm->trim;
    if (any && spm->dummy && !spm->space_behind) put_space(&r, at);
    while (at < text.n && !r.failed) {
        size_t n = replace(spm, text, at, &piece);
        while (after_space && piece.n && piece.s[0] == ' ') piece = (ig_str){piece.s + 1, piece.n - 1};
        for (size_t i = 0; i < piece.n; i++) {
            if (piece.s[i] == ' ') {
                put_space(&r, at);
            } else {
                put(&r, piece.s + i, 1, at);
            }
        }
        if (piece.n) after_space = piece.s[piece.n - 1] == ' ';
        after_space = after_space && spm->trim;
        at += n;
    }
    ig_str space = spm->escape ? IG_STR(IG_META_SPACE) : IG_STR(" ");
    while (!r.failed && spm->trim && any && ends_in(&r, space)) {
        r.n -= space.n;
        at = r.origin[r.n];
    }
    if (any && spm->dummy && spm->space_behind) put_space(&r, at);
    if (r.failed) return false;
    r.origin[r.n] = at;
    *out = (ig_str){r.s, r.n};
    *origin = r.origin;
    return true;
}
