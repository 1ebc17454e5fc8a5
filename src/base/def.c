#include "base/def.h"

bool ig_dims_count(int rank, const int64_t *dims, int64_t *count) {
    int64_t n = 1;
    bool zero = false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0) return false;
        if (dims[i] == 0)
            zero = true;
        else if (__builtin_mul_overflow(n, dims[i], &n))
            return false;
    }
    *count = zero ? 0 : n;
    return true;
}

bool ig_str_starts(ig_str s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.s, prefix, n) == 0;
}

bool ig_str_ends(ig_str s, const char *suffix) {
    size_t n = strlen(suffix);
    return s.n >= n && memcmp(s.s + (s.n - n), suffix, n) == 0;
}

int ig_str_cmp(ig_str a, ig_str b) {
    size_t n = ig_min_size(a.n, b.n);
    int c = n ? memcmp(a.s, b.s, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool ig_str_to_i64(ig_str s, int64_t *value) {
    size_t i = 0;
    bool negative = s.n > 0 && s.s[0] == '-';
    if (negative) i++;
    if (i == s.n) return false;
    int64_t v = 0;
    for (; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9') return false;
        int digit = s.s[i] - '0';
        if (__builtin_mul_overflow(v, 10, &v)) return false;
        if (negative ? __builtin_sub_overflow(v, digit, &v) : __builtin_add_overflow(v, digit, &v)) return false;
    }
    *value = v;
    return true;
}
