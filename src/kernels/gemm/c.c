/* The plain form of the tiles: what the others are compared with. */
#include "kernels/gemm/tile.h"

enum { LANES = 4 };

static inline float finish(const ig_gemm_tile *t, size_t r, size_t j, float x) {
    x *= t->alpha;
    if (t->add) x += t->beta * t->add[r * t->add_step + j];
    if (t->bias_rows) x += t->bias_rows[r];
    if (t->bias_cols) x += t->bias_cols[j];
    x = x < t->min ? t->min : x;
    return x > t->max ? t->max : x;
}

static inline __attribute__((always_inline)) void tile(const ig_gemm_tile *t, const size_t rows, const size_t cols) {
    float acc[4][4 * LANES] = {{0}};
    for (size_t k = 0; k < t->k; k++) {
        const float *a = t->a + k * rows, *b = t->b + k * t->b_step;
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < cols; j++) acc[r][j] += a[r] * b[j];
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < t->cols; j++) t->c[r * t->c_step + j] = finish(t, r, j, acc[r][j]);
}

#define TILE(rows, vecs)                                                                                                       \
    static void tile_##rows##x##vecs(const ig_gemm_tile *t) { tile(t, rows, (vecs)*LANES); }
TILE(1, 1)
TILE(1, 2)
TILE(1, 4)
TILE(2, 1)
TILE(2, 2)
TILE(3, 1)
TILE(3, 2)
TILE(4, 1)
TILE(4, 2)

static void dot(size_t k, const float *a, size_t a_step, size_t rows, const float *b, size_t b_step, size_t cols, float *out,
                size_t out_step) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) {
            float sum = 0;
            for (size_t i = 0; i < k; i++) sum += a[r * a_step + i] * b[c * b_step + i];
            out[r * out_step + c] = sum;
        }
}

const ig_gemm_f32 ig_gemm_f32_c = {
    .lanes = LANES,
    .rows = 4,
    .vecs = 2,
    .tile = {[1] = {[1] = tile_1x1, [2] = tile_1x2, [4] = tile_1x4},
             [2] = {[1] = tile_2x1, [2] = tile_2x2},
             [3] = {[1] = tile_3x1, [2] = tile_3x2},
             [4] = {[1] = tile_4x1, [2] = tile_4x2}},
    .dot = dot,
    .k_block = 256,
    .n_block = 256,
};
