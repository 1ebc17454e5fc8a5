/* The tiles over blocked tensors of floats for any instruction set that kernels/vector.h speaks; a file of one set includes
 * this and lists the sizes it wants. */
#ifndef IG_KERNELS_BLOCKED_SIMD_H
#define IG_KERNELS_BLOCKED_SIMD_H

#include "kernels/blocked/tile.h"
#include "kernels/vector.h"

#include <math.h>

enum { VECS = IG_BLOCK / VF_LANES, UNIT = sizeof(float), PLACE = IG_BLOCK * sizeof(float) };

typedef vf accumulators[IG_BLOCKED_ROWS][IG_BLOCKED_BLOCKS * VECS];

/* One unit of every row. pixel: 0 when it isn't known to the compiler; then p has a pointer for each row. */
IG_INLINE void step(accumulators acc, const char *const *p, const size_t pixel, const size_t c, const char *w,
                    const size_t filter, const int rows, const int blocks) {
    vf weight[IG_BLOCKED_BLOCKS * VECS];
    IG_UNROLL for (int b = 0; b < blocks; b++) {
        IG_UNROLL for (int v = 0; v < VECS; v++) {
            weight[b * VECS + v] = vf_load((const float *)(w + (size_t)b * filter + c * PLACE) + v * VF_LANES);
        }
    }
    IG_UNROLL for (int r = 0; r < rows; r++) {
        vf x = vf_set(*(const float *)((pixel ? p[0] + (size_t)r * pixel : p[r]) + c * UNIT));
        IG_UNROLL for (int v = 0; v < blocks * VECS; v++) acc[r][v] = vf_fma(x, weight[v], acc[r][v]);
    }
}

/* To the next units of every row. */
IG_INLINE void advance(const char **p, const size_t pixel, const int rows, size_t bytes) {
    IG_UNROLL for (int r = 0; r < rows; r++) {
        if (r == 0 || !pixel) p[r] += bytes;
    }
}

IG_INLINE void multiply(const ig_blocked_tile *t, accumulators acc, const size_t pixel, const int rows, const int blocks) {
    const char *w = t->w;
    for (size_t b = 0; b < t->blocks; b++) {
        const size_t depth = b + 1 == t->blocks ? t->last : t->depth;
        for (size_t y = 0; y < t->rows; y++) {
            for (size_t x = 0; x < t->cols; x++) {
                const char *p[IG_BLOCKED_ROWS];
                p[0] = t->x + b * t->block + y * t->row + x * t->col;
                if (!pixel) {
                    IG_UNROLL for (int r = 1; r < rows; r++) p[r] = p[r - 1] + t->pixel;
                }
                size_t c = 0;
                for (; c + 4 <= depth; c += 4) {
                    IG_UNROLL for (size_t i = 0; i < 4; i++) step(acc, p, pixel, i, w, t->filter, rows, blocks);
                    advance(p, pixel, rows, (size_t)(4 * UNIT));
                    w += (size_t)(4 * PLACE);
                }
                for (; c < depth; c++) {
                    step(acc, p, pixel, 0, w, t->filter, rows, blocks);
                    advance(p, pixel, rows, (size_t)UNIT);
                    w += (size_t)PLACE;
                }
            }
        }
    }
}

IG_INLINE vf finish(const ig_blocked_tile *t, vf x, vf low, vf high, size_t at) {
    if (t->add) x = vf_add(x, vf_load((const float *)(t->add + at)));
    return vf_min(high, vf_max(low, x));
}

IG_INLINE void tile(const ig_blocked_tile *t, const int rows, const int blocks) {
    accumulators acc;
    IG_UNROLL for (int r = 0; r < rows; r++) {
        IG_UNROLL for (int v = 0; v < blocks * VECS; v++) acc[r][v] = vf_load((const float *)t->bias + v * VF_LANES);
    }
    if (t->pixel == PLACE)
        multiply(t, acc, PLACE, rows, blocks);
    else
        multiply(t, acc, 0, rows, blocks);
    vf low = vf_set(t->min), high = vf_set(t->max);
    IG_UNROLL for (int b = 0; b < blocks; b++) {
        IG_UNROLL for (int r = 0; r < rows; r++) {
            IG_UNROLL for (int v = 0; v < VECS; v++) {
                size_t at = (size_t)b * t->y_block + (size_t)(r * PLACE + v * VF_LANES * UNIT);
                vf_store((float *)(t->y + at), finish(t, acc[r][b * VECS + v], low, high, at));
            }
        }
    }
}

/* `rows` places at once; taps are 0 when they aren't known to the compiler. */
IG_INLINE void depthwise_some(const ig_blocked_tile *t, const char *x, size_t at, const int rows, const size_t tap_rows,
                              const size_t tap_cols) {
    vf acc[8][VECS];
    const size_t n_rows = tap_rows ? tap_rows : t->rows, n_cols = tap_cols ? tap_cols : t->cols;
    IG_UNROLL for (int r = 0; r < rows; r++) {
        IG_UNROLL for (int v = 0; v < VECS; v++) acc[r][v] = vf_load((const float *)t->bias + v * VF_LANES);
    }
    const float *w = (const float *)t->w;
    for (size_t y = 0; y < n_rows; y++) {
        const char *p = x + y * t->row;
        for (size_t c = 0; c < n_cols; c++) {
            IG_UNROLL for (int v = 0; v < VECS; v++) {
                vf weight = vf_load(w + v * VF_LANES);
                IG_UNROLL for (int r = 0; r < rows; r++) {
                    acc[r][v] = vf_fma(weight, vf_load((const float *)(p + (size_t)r * t->pixel) + v * VF_LANES), acc[r][v]);
                }
            }
            w += IG_BLOCK;
            p += t->col;
        }
    }
    vf low = vf_set(t->min), high = vf_set(t->max);
    IG_UNROLL for (int r = 0; r < rows; r++) {
        IG_UNROLL for (int v = 0; v < VECS; v++) {
            size_t place = at + (size_t)(r * PLACE + v * VF_LANES * UNIT);
            vf_store((float *)(t->y + place), finish(t, acc[r][v], low, high, place));
        }
    }
}

IG_INLINE void depthwise_line(const ig_blocked_tile *t, size_t n, const size_t tap_rows, const size_t tap_cols) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) depthwise_some(t, t->x + i * t->pixel, i * PLACE, 8, tap_rows, tap_cols);
    for (; i + 4 <= n; i += 4) depthwise_some(t, t->x + i * t->pixel, i * PLACE, 4, tap_rows, tap_cols);
    for (; i < n; i++) depthwise_some(t, t->x + i * t->pixel, i * PLACE, 1, tap_rows, tap_cols);
}

static void depthwise(const ig_blocked_tile *t, size_t n) {
    if (t->rows == 3 && t->cols == 3)
        depthwise_line(t, n, 3, 3);
    else if (t->rows == 5 && t->cols == 5)
        depthwise_line(t, n, 5, 5);
    else
        depthwise_line(t, n, 0, 0);
}

/* A NaN stays the largest. */
static void max(const ig_blocked_tile *t, size_t n) {
    for (size_t r = 0; r < n; r++) {
        vf acc[VECS];
        IG_UNROLL for (int v = 0; v < VECS; v++) acc[v] = vf_set(-INFINITY);
        for (size_t y = 0; y < t->rows; y++) {
            for (size_t x = 0; x < t->cols; x++) {
                const float *p = (const float *)(t->x + r * t->pixel + y * t->row + x * t->col);
                IG_UNROLL for (int v = 0; v < VECS; v++) acc[v] = vf_max_nan(vf_load(p + v * VF_LANES), acc[v]);
            }
        }
        IG_UNROLL for (int v = 0; v < VECS; v++) vf_store((float *)(t->y + r * PLACE) + v * VF_LANES, acc[v]);
    }
}

#define TILE(rows, blocks)                                                                                                     \
    static void tile_##rows##x##blocks(const ig_blocked_tile *t) { tile(t, rows, blocks); }

#endif
