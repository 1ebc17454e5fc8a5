/* The tiles of the matrix product for any instruction set that kernels/vector.h speaks; a file of one set includes this and
 * lists the sizes it wants. */
#ifndef IG_KERNELS_GEMM_SIMD_H
#define IG_KERNELS_GEMM_SIMD_H

#include "kernels/gemm/tile.h"
#include "kernels/vector.h"

enum { MAX_SETS = 2 };

typedef vf accumulators[MAX_SETS][IG_TILE_MAX_ROWS][IG_TILE_MAX_VECS];

/* `sets` accumulators for each element hide the latency of the multiply-add where a tile has few elements. */
IG_INLINE void multiply(const ig_gemm_tile *t, accumulators acc, const int rows, const int vecs, const int sets) {
    IG_UNROLL for (int s = 0; s < sets; s++) {
        IG_UNROLL for (int r = 0; r < rows; r++) { IG_UNROLL for (int v = 0; v < vecs; v++) acc[s][r][v] = vf_zero(); }
    }
    const float *a = t->a, *b = t->b;
    size_t k = t->k, b_step = t->b_step;
    for (; k >= (size_t)sets; k -= (size_t)sets) {
        IG_UNROLL for (int s = 0; s < sets; s++) {
            vf row[IG_TILE_MAX_VECS];
            IG_UNROLL for (int v = 0; v < vecs; v++) row[v] = vf_load(b + VF_LANES * v);
            IG_UNROLL for (int r = 0; r < rows; r++) {
                vf x = vf_set(a[r]);
                IG_UNROLL for (int v = 0; v < vecs; v++) acc[s][r][v] = vf_fma(x, row[v], acc[s][r][v]);
            }
            a += rows;
            b += b_step;
        }
    }
    if (sets == 1) return;
    if (k) {
        IG_UNROLL for (int r = 0; r < rows; r++) {
            vf x = vf_set(a[r]);
            IG_UNROLL for (int v = 0; v < vecs; v++) acc[0][r][v] = vf_fma(x, vf_load(b + VF_LANES * v), acc[0][r][v]);
        }
    }
    IG_UNROLL for (int r = 0; r < rows; r++) {
        IG_UNROLL for (int v = 0; v < vecs; v++) acc[0][r][v] = vf_add(acc[0][r][v], acc[1][r][v]);
    }
}

/* What follows the product, in registers. */
IG_INLINE void finish(const ig_gemm_tile *t, accumulators acc, const vf_mask *mask, const int rows, const int vecs) {
    if (t->alpha != 1) {
        vf alpha = vf_set(t->alpha);
        IG_UNROLL for (int r = 0; r < rows; r++) {
            IG_UNROLL for (int v = 0; v < vecs; v++) acc[0][r][v] = vf_mul(acc[0][r][v], alpha);
        }
    }
    if (t->add) {
        vf beta = vf_set(t->beta);
        IG_UNROLL for (int r = 0; r < rows; r++) {
            const float *p = t->add + (size_t)r * t->add_step;
            IG_UNROLL for (int v = 0; v < vecs; v++) {
                acc[0][r][v] = vf_fma(beta, vf_load_some(p + VF_LANES * v, mask[v]), acc[0][r][v]);
            }
        }
    }
    if (t->bias_rows) {
        IG_UNROLL for (int r = 0; r < rows; r++) {
            vf bias = vf_set(t->bias_rows[r]);
            IG_UNROLL for (int v = 0; v < vecs; v++) acc[0][r][v] = vf_add(acc[0][r][v], bias);
        }
    }
    if (t->bias_cols) {
        IG_UNROLL for (int v = 0; v < vecs; v++) {
            vf bias = vf_load_some(t->bias_cols + VF_LANES * v, mask[v]);
            IG_UNROLL for (int r = 0; r < rows; r++) acc[0][r][v] = vf_add(acc[0][r][v], bias);
        }
    }
}

IG_INLINE void tile(const ig_gemm_tile *t, const int rows, const int vecs, const int sets) {
    accumulators acc;
    vf_mask mask[IG_TILE_MAX_VECS];
    multiply(t, acc, rows, vecs, sets);
    IG_UNROLL for (int v = 0; v < vecs; v++) {
        size_t before = (size_t)(VF_LANES * v);
        mask[v] = vf_first(t->cols > before ? t->cols - before : 0);
    }
    finish(t, acc, mask, rows, vecs);
    vf low = vf_set(t->min), high = vf_set(t->max);
    bool full = t->cols == (size_t)(vecs * VF_LANES); /* masked stores are slow before AVX-512 */
    IG_UNROLL for (int r = 0; r < rows; r++) {
        float *c = t->c + (size_t)r * t->c_step;
        IG_UNROLL for (int v = 0; v < vecs; v++) {
            vf x = vf_min(high, vf_max(low, acc[0][r][v]));
            if (full)
                vf_store(c + VF_LANES * v, x);
            else
                vf_store_some(c + VF_LANES * v, mask[v], x);
        }
    }
}

#define TILE(rows, vecs, sets)                                                                                                 \
    static void tile_##rows##x##vecs(const ig_gemm_tile *t) { tile(t, rows, vecs, sets); }

static void dot(size_t k, const float *a, size_t a_step, size_t rows, const float *b, size_t b_step, size_t cols, float *out,
                size_t out_step) {
    vf acc[IG_DOT_ROWS][IG_DOT_COLS];
    IG_UNROLL for (int r = 0; r < IG_DOT_ROWS; r++) { IG_UNROLL for (int c = 0; c < IG_DOT_COLS; c++) acc[r][c] = vf_zero(); }
    /* Rows and columns beyond the last are computed again and not stored. */
    const float *pa[IG_DOT_ROWS], *pb[IG_DOT_COLS];
    IG_UNROLL for (size_t i = 0; i < IG_DOT_ROWS; i++) pa[i] = a + (i < rows ? i : rows - 1) * a_step;
    IG_UNROLL for (size_t i = 0; i < IG_DOT_COLS; i++) pb[i] = b + (i < cols ? i : cols - 1) * b_step;
    size_t i = 0;
    for (; i + VF_LANES <= k; i += VF_LANES) {
        vf x[IG_DOT_ROWS];
        IG_UNROLL for (int r = 0; r < IG_DOT_ROWS; r++) x[r] = vf_load(pa[r] + i);
        IG_UNROLL for (int c = 0; c < IG_DOT_COLS; c++) {
            vf y = vf_load(pb[c] + i);
            IG_UNROLL for (int r = 0; r < IG_DOT_ROWS; r++) acc[r][c] = vf_fma(x[r], y, acc[r][c]);
        }
    }
    vf_mask mask = vf_first(k - i);
    if (i < k) {
        IG_UNROLL for (int c = 0; c < IG_DOT_COLS; c++) {
            vf y = vf_load_some(pb[c] + i, mask);
            IG_UNROLL for (int r = 0; r < IG_DOT_ROWS; r++) { acc[r][c] = vf_fma(vf_load_some(pa[r] + i, mask), y, acc[r][c]); }
        }
    }
    float sums[IG_DOT_ROWS][IG_DOT_COLS];
    IG_UNROLL for (int r = 0; r < IG_DOT_ROWS; r++) {
        IG_UNROLL for (int c = 0; c < IG_DOT_COLS; c++) sums[r][c] = vf_sum(acc[r][c]);
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) out[r * out_step + c] = sums[r][c];
}

#endif
