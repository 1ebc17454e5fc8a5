#define _GNU_SOURCE
#include "ops/quant/cast_text.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The C library writes and reads a decimal point only in the C locale; the program around may have another. */
typedef struct c_locale {
    locale_t ours, before;
} c_locale;

static bool enter(c_locale *l) {
    l->ours = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!l->ours) return false;
    l->before = uselocale(l->ours);
    return true;
}

static void leave(c_locale *l) {
    uselocale(l->before);
    freelocale(l->ours);
}

/* ------------------------------------------------------------------------------------------------------------- to text */

static int print_real(double v, bool is_f64, char *out, size_t size) {
    static const int digits[] = {8, 9, 15, 16, 17};
    int n = 0;
    if (isnan(v)) return snprintf(out, size, "NaN");
    if (isinf(v)) return snprintf(out, size, v < 0 ? "-INF" : "INF");
    for (size_t i = 0; i < (is_f64 ? IG_COUNT_OF(digits) : 2); i++) {
        n = snprintf(out, size, "%.*g", digits[i], v);
        if (is_f64 ? strtod(out, NULL) == v : strtof(out, NULL) == (float)v) break;
    }
    return n;
}

static int print_element(const ig_tensor *t, size_t i, char *out, size_t size) {
    switch (ig_dtype_number(t->dtype)) {
    case IG_NUMBER_FLOAT: return print_real(ig_load_as_f64(t->dtype, t->data, i), t->dtype == IG_F64, out, size);
    case IG_NUMBER_UNSIGNED: return snprintf(out, size, "%llu", (unsigned long long)ig_load_as_i64(t->dtype, t->data, i));
    default: return snprintf(out, size, "%lld", (long long)ig_load_as_i64(t->dtype, t->data, i));
    }
}

ig_status ig_cast_to_text(ig_call *c, const ig_tensor *from, ig_tensor *to) {
    char text[64];
    c_locale l;
    bool ok = enter(&l);
    if (!ok) return ig_oom(c->err);
    for (size_t i = 0; ok && i < from->count; i++) {
        int n = print_element(from, i, text, sizeof text);
        ok = ig_tensor_set_string(to, i, (ig_str){text, (size_t)n});
    }
    leave(&l);
    return ok ? IG_OK : ig_oom(c->err);
}

/* ----------------------------------------------------------------------------------------------------------- from text */

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static ig_str trim(ig_str s) {
    while (s.n && is_blank(s.s[0])) s = (ig_str){s.s + 1, s.n - 1};
    while (s.n && is_blank(s.s[s.n - 1])) s.n--;
    return s;
}

static bool read_real(const char *text, double *v) {
    char *end;
    *v = strtod(text, &end);
    return end != text && *end == 0;
}

/* Also of numbers with a fraction or an exponent, which are truncated. */
static bool read_whole(const char *text, bool is_unsigned, int64_t *v) {
    char *end;
    double d;
    errno = 0;
    *v = is_unsigned && *text != '-' ? (int64_t)strtoull(text, &end, 10) : strtoll(text, &end, 10);
    if (end != text && *end == 0) return errno == 0;
    if (!read_real(text, &d)) return false;
    *v = isnan(d) ? 0 : d >= 0x1p63 ? INT64_MAX : d < -0x1p63 ? INT64_MIN : (int64_t)d;
    return true;
}

static bool read_truth(const char *text, int64_t *v) {
    double d;
    if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
        *v = *text == 't' || *text == 'T';
    else if (read_real(text, &d))
        *v = d != 0;
    else
        return false;
    return true;
}

static ig_status read_element(ig_call *c, ig_str s, size_t i, ig_tensor *to, void (*store)(void *user, size_t i, double value),
                              void *user) {
    char text[512];
    ig_str word = trim(s);
    bool fine = word.n > 0 && word.n < sizeof text && !memchr(word.s, 0, word.n);
    int64_t whole = 0;
    double real = 0;
    if (fine) {
        memcpy(text, word.s, word.n);
        text[word.n] = 0;
        if (ig_dtype_is_int(to->dtype))
            fine = read_whole(text, ig_dtype_number(to->dtype) == IG_NUMBER_UNSIGNED, &whole);
        else
            fine = to->dtype == IG_BOOL ? read_truth(text, &whole) : read_real(text, &real);
    }
    if (!fine)
        return ig_call_fail(c, "element %zu is '%.*s', which is no number that %s can hold", i, (int)ig_min_size(s.n, 80),
                            s.s ? s.s : "", ig_dtype_name(to->dtype));
    if (ig_dtype_is_float(to->dtype))
        store(user, i, real);
    else
        ig_store_i64(to->dtype, to->data, i, whole);
    return IG_OK;
}

ig_status ig_cast_from_text(ig_call *c, const ig_tensor *from, ig_tensor *to, void (*store)(void *user, size_t i, double value),
                            void *user) {
    c_locale l;
    ig_status status = IG_OK;
    if (!enter(&l)) return ig_oom(c->err);
    for (size_t i = 0; status == IG_OK && i < from->count; i++)
        status = read_element(c, ig_tensor_strings(from)[i], i, to, store, user);
    leave(&l);
    return status;
}
