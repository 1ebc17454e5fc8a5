#include "kernels/blocked/simd.h"

/* 14 rows of 2 vectors: 28 accumulators, 2 vectors of weights and 1 broadcast in 32 registers. */
#define COLUMN(blocks)                                                                                                         \
    TILE(1, blocks)                                                                                                            \
    TILE(2, blocks)                                                                                                            \
    TILE(3, blocks)                                                                                                            \
    TILE(4, blocks)                                                                                                            \
    TILE(5, blocks)                                                                                                            \
    TILE(6, blocks)                                                                                                            \
    TILE(7, blocks)                                                                                                            \
    TILE(8, blocks) TILE(9, blocks) TILE(10, blocks) TILE(11, blocks) TILE(12, blocks) TILE(13, blocks) TILE(14, blocks)
COLUMN(1)
COLUMN(2)
TILE(1, 4)
TILE(2, 4)
TILE(3, 4)
TILE(4, 4)
TILE(5, 4)
TILE(6, 4)

const ig_blocked ig_blocked_avx512 = {
    .fast = true,
    .most = {0, 14, 14, 0, 6},
    .tile = {[1] = {NULL, tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1, tile_7x1, tile_8x1, tile_9x1, tile_10x1,
                    tile_11x1, tile_12x1, tile_13x1, tile_14x1},
             [2] = {NULL, tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2, tile_7x2, tile_8x2, tile_9x2, tile_10x2,
                    tile_11x2, tile_12x2, tile_13x2, tile_14x2},
             [4] = {NULL, tile_1x4, tile_2x4, tile_3x4, tile_4x4, tile_5x4, tile_6x4}},
    .depthwise = depthwise,
    .max = max,
    .to_tile = to_tile,
    .from_tile = from_tile};
