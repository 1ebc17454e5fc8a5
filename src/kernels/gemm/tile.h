/* The inner loops of the float matrix product, as data: what gemm.c drives and what each instruction set provides. */
#ifndef IG_KERNELS_GEMM_TILE_H
#define IG_KERNELS_GEMM_TILE_H

#include "base/def.h"

enum { IG_TILE_MAX_ROWS = 14, IG_TILE_MAX_VECS = 8, IG_DOT_ROWS = 2, IG_DOT_COLS = 4 };

/* rows x cols of C = clamp(alpha * A * B + beta * add + bias). rows and the number of vectors that hold cols are those of the
 * function called. */
typedef struct ig_gemm_tile {
    size_t k;
    const float *a; /* packed: k steps of `rows` floats */
    const float *b; /* k steps, b_step floats apart, of all the vectors' floats */
    size_t b_step;
    float *c; /* rows c_step floats apart; only cols floats of each are written */
    size_t c_step, cols;
    float alpha, beta;
    const float *add; /* NULL: none; may be c itself. Rows are add_step floats apart (0: one row for all). */
    size_t add_step;
    const float *bias_rows, *bias_cols; /* one for each row, each column; NULL: none */
    float min, max;                     /* NaN passes; -INFINITY and INFINITY: no bound */
} ig_gemm_tile;

typedef void (*ig_gemm_tile_fn)(const ig_gemm_tile *t);

/* out[r * out_step + c] = sum over k of a[r * a_step + k] * b[c * b_step + k], for products with one short side whose operands
 * lie contiguous along k. At most IG_DOT_ROWS rows and IG_DOT_COLS columns, at least 1. */
typedef void (*ig_gemm_dot_fn)(size_t k, const float *a, size_t a_step, size_t rows, const float *b, size_t b_step, size_t cols,
                               float *out, size_t out_step);

typedef struct ig_gemm_f32 {
    size_t lanes; /* floats of a vector */
    size_t rows;  /* of the best tile */
    size_t vecs;  /* of the best tile: a packed panel has vecs * lanes columns */
    ig_gemm_tile_fn tile[IG_TILE_MAX_ROWS + 1][IG_TILE_MAX_VECS + 1]; /* [rows][vecs]; NULL: not there */
    ig_gemm_dot_fn dot;
    size_t k_block, n_block; /* that the caches like: a panel of A in the first level, k_block x n_block of B in the second */
} ig_gemm_f32;

#endif
