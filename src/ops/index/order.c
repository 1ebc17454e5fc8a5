#include "ops/index/order.h"

#include <math.h>

enum { TOP = 1, SORTED_RUN = 12 };

static uint64_t of_whole(int64_t v) { return (uint64_t)v ^ (uint64_t)TOP << 63; }

/* Positive numbers sort by their bits, negative ones backwards; exact in double for all types but 64-bit integers. */
static uint64_t of_real(double v) {
    if (isnan(v)) return UINT64_MAX;
    if (v == 0) v = 0; /* no negative zero */
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)TOP << 63;
}

uint64_t ig_order_key(ig_dtype dtype, const void *data, size_t i) {
    if (ig_dtype_is_float(dtype)) return of_real(ig_load_as_f64(dtype, data, i));
    if (dtype == IG_U64) return ((const uint64_t *)data)[i];
    return of_whole(ig_load_as_i64(dtype, data, i));
}

void ig_order_keys(ig_dtype dtype, const void *data, size_t first, size_t step, size_t n, uint64_t *keys) {
    const float *f = (const float *)data + first;
    for (size_t i = 0; i < n && dtype == IG_F32; i++) keys[i] = of_real((double)f[i * step]);
    for (size_t i = 0; i < n && dtype != IG_F32; i++) keys[i] = ig_order_key(dtype, data, first + i * step);
}

static void insert(size_t *indices, size_t n, ig_order_fn order, const void *arg) {
    for (size_t i = 1; i < n; i++) {
        size_t x = indices[i], at = i;
        for (; at > 0 && order(arg, indices[at - 1], x) > 0; at--) indices[at] = indices[at - 1];
        indices[at] = x;
    }
}

/* Merge sort from the bottom up. */
void ig_order_indices(size_t *indices, size_t n, size_t *room, ig_order_fn order, const void *arg) {
    for (size_t i = 0; i < n; i += SORTED_RUN) insert(indices + i, ig_min_size(SORTED_RUN, n - i), order, arg);
    size_t *from = indices, *to = room;
    for (size_t run = SORTED_RUN; run < n; run *= 2) {
        for (size_t begin = 0; begin < n; begin += 2 * run) {
            size_t a = begin, middle = ig_min_size(begin + run, n), b = middle, end = ig_min_size(begin + 2 * run, n);
            for (size_t k = begin; k < end; k++) {
                bool first = a < middle && (b == end || order(arg, from[a], from[b]) <= 0);
                to[k] = from[first ? a++ : b++];
            }
        }
        size_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != indices) memcpy(indices, from, n * sizeof *indices);
}
