/* Where a window stands on an input: for convolutions and pools. */
#ifndef IG_KERNELS_CONV_WINDOW_H
#define IG_KERNELS_CONV_WINDOW_H

#include "base/base.h"

/* Position o of the window covers the input at o * stride - begin + t * dilation for its taps t = 0 … kernel - 1. */
typedef struct ig_window {
    int dims; /* spatial ones, 1 or more */
    int64_t in[IG_MAX_RANK], out[IG_MAX_RANK];
    int64_t kernel[IG_MAX_RANK], stride[IG_MAX_RANK], dilation[IG_MAX_RANK]; /* 1 or more */
    int64_t begin[IG_MAX_RANK], end[IG_MAX_RANK];                            /* padding; may be negative */
} ig_window;

static inline size_t ig_window_product(const ig_window *w, const int64_t *of) {
    size_t n = 1;
    for (int k = 0; k < w->dims; k++) n *= (size_t)of[k];
    return n;
}

/* The positions [*first, *last) of a row of n, of which position i reads place start + i * stride, that lie in [0, size). */
static inline void ig_window_inside(int64_t start, int64_t stride, int64_t size, int64_t n, int64_t *first, int64_t *last) {
    int64_t low = start >= 0 ? 0 : (-start + stride - 1) / stride;
    int64_t high = start >= size ? 0 : (size - 1 - start) / stride + 1;
    *first = low < n ? low : n;
    *last = high < *first ? *first : high < n ? high : n;
}

/* Row-major coordinates of place i of a block of these dims. */
static inline void ig_window_place(int dims, const int64_t *of, size_t i, int64_t *at) {
    for (int k = dims - 1; k >= 0; k--) {
        at[k] = (int64_t)(i % (size_t)of[k]);
        i /= (size_t)of[k];
    }
}

/* Where the row of the input begins that a tap reads for a row of places (coordinates without the last dim); false when it is
 * outside. */
static inline bool ig_window_row(const ig_window *w, const int64_t *at, const int64_t *tap, int64_t *base) {
    int last = w->dims - 1;
    *base = 0;
    for (int k = 0; k < last; k++) {
        int64_t i = at[k] * w->stride[k] - w->begin[k] + tap[k] * w->dilation[k];
        if (i < 0 || i >= w->in[k]) return false;
        *base = *base * w->in[k] + i;
    }
    *base *= w->in[last];
    return true;
}

#endif
