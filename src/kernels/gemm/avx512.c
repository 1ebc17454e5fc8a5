#include "kernels/gemm/simd.h"

/* 14 rows of 2 vectors: 28 accumulators, 2 vectors of B and 1 broadcast of A in 32 registers. */
TILE(1, 1, 2)
TILE(1, 2, 2)
TILE(1, 8, 1)
TILE(2, 1, 2)
TILE(2, 2, 2)
TILE(2, 8, 1)
TILE(3, 1, 2)
TILE(3, 2, 2)
TILE(3, 4, 1)
TILE(4, 1, 2)
TILE(4, 2, 1)
TILE(4, 4, 1)
TILE(5, 1, 2)
TILE(5, 2, 1)
TILE(6, 1, 1)
TILE(6, 2, 1)
TILE(7, 1, 1)
TILE(7, 2, 1)
TILE(8, 1, 1)
TILE(8, 2, 1)
TILE(9, 1, 1)
TILE(9, 2, 1)
TILE(10, 1, 1)
TILE(10, 2, 1)
TILE(11, 1, 1)
TILE(11, 2, 1)
TILE(12, 1, 1)
TILE(12, 2, 1)
TILE(13, 1, 1)
TILE(13, 2, 1)
TILE(14, 1, 1)
TILE(14, 2, 1)

const ig_gemm_f32 ig_gemm_f32_avx512 = {
    .lanes = VF_LANES,
    .rows = 14,
    .vecs = 2,
    .tile = {[1] = {[1] = tile_1x1, [2] = tile_1x2, [8] = tile_1x8},
             [2] = {[1] = tile_2x1, [2] = tile_2x2, [8] = tile_2x8},
             [3] = {[1] = tile_3x1, [2] = tile_3x2, [4] = tile_3x4},
             [4] = {[1] = tile_4x1, [2] = tile_4x2, [4] = tile_4x4},
             [5] = {[1] = tile_5x1, [2] = tile_5x2},
             [6] = {[1] = tile_6x1, [2] = tile_6x2},
             [7] = {[1] = tile_7x1, [2] = tile_7x2},
             [8] = {[1] = tile_8x1, [2] = tile_8x2},
             [9] = {[1] = tile_9x1, [2] = tile_9x2},
             [10] = {[1] = tile_10x1, [2] = tile_10x2},
             [11] = {[1] = tile_11x1, [2] = tile_11x2},
             [12] = {[1] = tile_12x1, [2] = tile_12x2},
             [13] = {[1] = tile_13x1, [2] = tile_13x2},
             [14] = {[1] = tile_14x1, [2] = tile_14x2}},
    .dot = dot,
    .k_block = 256,
    .n_block = 512,
};
