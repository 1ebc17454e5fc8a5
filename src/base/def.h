/* Words used everywhere: macros, overflow-safe arithmetic, string views. */
#ifndef IG_BASE_DEF_H
#define IG_BASE_DEF_H

#include <igata/igata.h>
#include <string.h>

#define IG_COUNT_OF(array)   (sizeof(array) / sizeof((array)[0]))
#define IG_UNUSED(x)         ((void)(x))
#define IG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Returns from the calling function when `expr` (an ig_status) is not IG_OK. */
#define IG_TRY(expr)                                                                                                           \
    do {                                                                                                                       \
        ig_status ig_try_status_ = (expr);                                                                                     \
        if (ig_try_status_ != IG_OK) return ig_try_status_;                                                                    \
    } while (0)

#define IG_STR(literal) ((ig_str){(literal), sizeof(literal) - 1})

/* Copies a caller's options struct (or NULL) over ours, as much of it as both sides know. */
static inline void ig_options_copy(void *ours, size_t size, const void *theirs) {
    size_t their_size;
    if (!theirs) return;
    memcpy(&their_size, theirs, sizeof their_size); /* struct_size comes first */
    memcpy(ours, theirs, their_size < size ? their_size : size);
}

static inline size_t ig_min_size(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t ig_max_size(size_t a, size_t b) { return a > b ? a : b; }
static inline int64_t ig_min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ig_max_i64(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ig_clamp_i64(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }
static inline size_t ig_round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

/* True when the result does not fit; *out then has the wrapped value. */
static inline bool ig_add_overflows(size_t a, size_t b, size_t *out) { return __builtin_add_overflow(a, b, out); }
static inline bool ig_mul_overflows(size_t a, size_t b, size_t *out) { return __builtin_mul_overflow(a, b, out); }

/* Product of `rank` dims as an element count. False when a dim is negative or the product does not fit 63 bits. A zero dim
 * makes the product 0, but the others must still multiply without overflow. */
bool ig_dims_count(int rank, const int64_t *dims, int64_t *count);

static inline ig_str ig_str_c(const char *s) { return (ig_str){s, s ? strlen(s) : 0}; }
static inline bool ig_str_eq(ig_str a, ig_str b) { return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0); }
static inline bool ig_str_is(ig_str a, const char *b) { return ig_str_eq(a, ig_str_c(b)); }
bool ig_str_starts(ig_str s, const char *prefix);
bool ig_str_ends(ig_str s, const char *suffix);
/* memcmp order, shorter first. */
int ig_str_cmp(ig_str a, ig_str b);
/* A whole number in decimal, nothing else around it. False when malformed or out of range. */
bool ig_str_to_i64(ig_str s, int64_t *value);

#endif
