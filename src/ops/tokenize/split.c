/* Splitting text into pieces that are encoded on their own, as the pattern of GPT-2 says:
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
#include "ops/tokenize/tokenize.h"

typedef enum kind { SPACE, LETTER, NUMBER, OTHER } kind;

static kind kind_of(int32_t c) {
    if (ig_char_is_letter(c)) return LETTER;
    if (ig_char_is_number(c)) return NUMBER;
    return ig_char_is_space(c) ? SPACE : OTHER;
}

/* The length of an English contraction's ending at `at`, or 0. */
static size_t contraction(ig_str text, size_t at) {
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < IG_COUNT_OF(endings); i++) {
        size_t n = strlen(endings[i]);
        if (text.n - at >= n && memcmp(text.s + at, endings[i], n) == 0) return n;
    }
    return 0;
}

/* The end of the run of characters of one kind. */
static size_t run_end(ig_str text, size_t at, kind k) {
    while (at < text.n) {
        size_t next = at;
        if (kind_of(ig_char_next(text, &next)) != k) break;
        at = next;
    }
    return at;
}

size_t ig_split_gpt2(ig_str text, size_t at) {
    size_t n = contraction(text, at), next = at, start = at;
    if (n) return at + n;
    int32_t c = ig_char_next(text, &next);
    kind k = kind_of(c);
    if (c == ' ' && next < text.n) { /* a space belongs to what follows */
        size_t second = next;
        kind following = kind_of(ig_char_next(text, &second));
        if (following != SPACE) {
            k = following;
            start = next;
        }
    }
    if (k != SPACE) return run_end(text, start, k);
    size_t end = run_end(text, at, SPACE), last = at;
    if (end == text.n) return end;
    for (size_t i = at; i < end;) { /* the last one is left for the next piece */
        last = i;
        ig_char_next(text, &i);
    }
    return last > at ? last : end;
}
