/* The plain form of the tiles: what the others are compared with. */
#include "kernels/igemm/tile.h"

enum { LANES = 4 };

static inline __attribute__((always_inline)) void tile(const ig_igemm_tile *t, const size_t rows, const size_t cols,
                                                       const size_t width) {
    uint32_t acc[4][2 * LANES] = {{0}}; /* unsigned: sums wrap */
    for (size_t p = 0; p < t->pairs; p++) {
        const int16_t *a = t->a + 2 * p * rows, *b = t->b + 2 * p * width;
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < cols; j++)
                acc[r][j] += (uint32_t)(a[2 * r] * b[2 * j]) + (uint32_t)(a[2 * r + 1] * b[2 * j + 1]);
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < t->cols; j++) t->c[r * t->c_step + j] = (int32_t)acc[r][j];
}

#define TILE(rows, vecs)                                                                                                       \
    static void tile_##rows##x##vecs(const ig_igemm_tile *t) { tile(t, rows, (vecs)*LANES, 2 * LANES); }
TILE(1, 1)
TILE(1, 2)
TILE(2, 1)
TILE(2, 2)
TILE(3, 1)
TILE(3, 2)
TILE(4, 1)
TILE(4, 2)

const ig_igemm_i16 ig_igemm_i16_c = {
    .lanes = LANES,
    .rows = 4,
    .vecs = 2,
    .tile = {[1] = {[1] = tile_1x1, [2] = tile_1x2},
             [2] = {[1] = tile_2x1, [2] = tile_2x2},
             [3] = {[1] = tile_3x1, [2] = tile_3x2},
             [4] = {[1] = tile_4x1, [2] = tile_4x2}},
};
