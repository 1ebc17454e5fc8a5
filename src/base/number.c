#define _GNU_SOURCE /* newlocale, strncasecmp */
#include "base/number.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

ig_c_locale ig_c_locale_enter(void) {
    ig_c_locale l = {.ours = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0)};
    if (l.ours) l.theirs = uselocale((locale_t)l.ours);
    return l;
}

void ig_c_locale_leave(ig_c_locale l) {
    if (!l.ours) return;
    uselocale((locale_t)l.theirs);
    freelocale((locale_t)l.ours);
}

/* Digits that tell any two values of a type apart. */
static int needed_digits(ig_dtype dtype) {
    unsigned mantissa = ig_dtypes[dtype].mantissa;
    return mantissa > 23 ? 17 : mantissa > 10 ? 9 : mantissa > 7 ? 5 : 4;
}

size_t ig_number_text(char *out, size_t size, ig_dtype dtype, double value) {
    int most = needed_digits(dtype), n = 0;
    for (int digits = most > 9 ? 15 : most > 5 ? 6 : 1; digits <= most; digits++) {
        uint64_t element[1] = {0};
        n = snprintf(out, size, "%.*g", digits, value);
        ig_store_f64(dtype, element, 0, strtod(out, NULL));
        if (ig_load_as_f64(dtype, element, 0) == value) break;
    }
    return n < 0 ? 0 : (size_t)n;
}

bool ig_str_to_f64(ig_str s, double *value) {
    static const char *const words[] = {"inf", "infinity", "nan"};
    char text[400], *end;
    if (s.n == 0 || s.n >= sizeof text) return false;
    memcpy(text, s.s, s.n);
    text[s.n] = 0;
    const char *start = text + (text[0] == '-' || text[0] == '+');
    bool word = false;
    for (size_t i = 0; i < IG_COUNT_OF(words); i++) word |= strcasecmp(start, words[i]) == 0;
    /* strtod would also take hexadecimal digits, nan(...) and leading spaces */
    if (!word && (strspn(text, "0123456789+-.eE") != s.n || !strchr("0123456789.", *start))) return false;
    *value = strtod(text, &end);
    return end == text + s.n;
}
