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

/* One dimension of the transforms of winograd.c: 6 values in, 6 or 4 out, of a matrix whose elements are `step` apart. */
IG_INLINE void transform_6(const vf *d, vf *o, const int step) {
    const vf two = vf_set(2), four = vf_set(4), five = vf_set(5);
    vf d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    vf a = vf_sub(d4, vf_mul(four, d2)), b = vf_sub(d3, vf_mul(four, d1)), e = vf_sub(d4, d2), f = vf_mul(two, vf_sub(d3, d1));
    o[0] = vf_add(vf_sub(vf_mul(four, d0), vf_mul(five, d2)), d4);
    o[step] = vf_add(a, b);
    o[2 * step] = vf_sub(a, b);
    o[3 * step] = vf_add(e, f);
    o[4 * step] = vf_sub(e, f);
    o[5 * step] = vf_add(vf_sub(vf_mul(four, d1), vf_mul(five, d3)), d5);
}

IG_INLINE void transform_4(const vf *d, vf *o, const int d_step, const int o_step) {
    vf a = vf_add(d[d_step], d[2 * d_step]), b = vf_sub(d[d_step], d[2 * d_step]);
    vf e = vf_add(d[3 * d_step], d[4 * d_step]), f = vf_sub(d[3 * d_step], d[4 * d_step]);
    o[0] = vf_add(vf_add(d[0], a), e);
    o[o_step] = vf_fma(vf_set(2), f, b);
    o[2 * o_step] = vf_fma(vf_set(4), e, a);
    o[3 * o_step] = vf_add(vf_fma(vf_set(8), f, b), d[5 * d_step]);
}

static void to_tile(const float *x, size_t row, float *v, size_t v_step) {
    for (int lane = 0; lane < IG_BLOCK; lane += VF_LANES) {
        vf t[36];
        for (int c = 0; c < 6; c++) {
            vf d[6], o[6];
            IG_UNROLL for (int r = 0; r < 6; r++) d[r] = vf_load(x + (size_t)r * row + c * IG_BLOCK + lane);
            transform_6(d, o, 1);
            IG_UNROLL for (int r = 0; r < 6; r++) t[r * 6 + c] = o[r];
        }
        for (int r = 0; r < 6; r++) {
            vf o[6];
            transform_6(t + r * 6, o, 1);
            IG_UNROLL for (int c = 0; c < 6; c++) vf_store(v + (size_t)(r * 6 + c) * v_step + lane, o[c]);
        }
    }
}

static void from_tile(const ig_blocked_from_tile *t) {
    const vf low = vf_set(t->min), high = vf_set(t->max);
    for (int lane = 0; lane < IG_BLOCK; lane += VF_LANES) {
        vf s[4 * 6];
        for (int c = 0; c < 6; c++) {
            vf d[6], o[4];
            IG_UNROLL for (int r = 0; r < 6; r++) d[r] = vf_load(t->m + (size_t)(r * 6 + c) * t->m_step + lane);
            transform_4(d, o, 1, 1);
            IG_UNROLL for (int r = 0; r < 4; r++) s[r * 6 + c] = o[r];
        }
        vf bias = vf_load(t->bias + lane);
        for (size_t r = 0; r < t->rows; r++) {
            vf o[4];
            transform_4(s + r * 6, o, 1, 1);
            for (size_t c = 0; c < t->cols; c++) {
                size_t at = r * t->row + c * IG_BLOCK + (size_t)lane;
                vf y = vf_add(o[c], bias);
                if (t->add) y = vf_add(y, vf_load(t->add + at));
                vf_store(t->y + at, vf_min(high, vf_max(low, y)));
            }
        }
    }
}

#define TILE(rows, blocks)                                                                                                     \
    static void tile_##rows##x##blocks(const ig_blocked_tile *t) { tile(t, rows, blocks); }

#endif
