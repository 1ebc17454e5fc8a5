#include "kernels/blocked/simd.h"

/* 6 rows of 2 vectors: 12 accumulators, 2 vectors of weights and 1 broadcast in 16 registers. */
TILE(1, 1)
TILE(2, 1)
TILE(3, 1)
TILE(4, 1)
TILE(5, 1)
TILE(6, 1)
TILE(1, 2)
TILE(2, 2)
TILE(3, 2)

const ig_blocked ig_blocked_avx2 = {
    .fast = true,
    .most = {0, 6, 3},
    .tile =
        {[1] = {NULL, tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1}, [2] = {NULL, tile_1x2, tile_2x2, tile_3x2}},
    .depthwise = depthwise,
    .max = max,
    .to_tile = to_tile,
    .from_tile = from_tile};
