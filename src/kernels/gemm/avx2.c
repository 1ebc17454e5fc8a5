#include "kernels/gemm/simd.h"

/* 6 rows of 2 vectors: 12 accumulators, 2 vectors of B and 1 broadcast of A in 16 registers. */
TILE(1, 1, 2)
TILE(1, 2, 2)
TILE(1, 8, 1)
TILE(2, 1, 2)
TILE(2, 2, 2)
TILE(2, 4, 1)
TILE(3, 1, 2)
TILE(3, 2, 1)
TILE(4, 1, 2)
TILE(4, 2, 1)
TILE(5, 1, 1)
TILE(5, 2, 1)
TILE(6, 1, 1)
TILE(6, 2, 1)

const ig_gemm_f32 ig_gemm_f32_avx2 = {
    .lanes = VF_LANES,
    .rows = 6,
    .vecs = 2,
    .tile = {[1] = {[1] = tile_1x1, [2] = tile_1x2, [8] = tile_1x8},
             [2] = {[1] = tile_2x1, [2] = tile_2x2, [4] = tile_2x4},
             [3] = {[1] = tile_3x1, [2] = tile_3x2},
             [4] = {[1] = tile_4x1, [2] = tile_4x2},
             [5] = {[1] = tile_5x1, [2] = tile_5x2},
             [6] = {[1] = tile_6x1, [2] = tile_6x2}},
    .dot = dot,
    .k_block = 256,
    .n_block = 512,
};
