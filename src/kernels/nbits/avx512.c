#include "kernels/nbits/simd.h"

TILES_4(tile, 2)
TILES_4(tile, 4)
TILES_4(tile, 8)
TILES_8(whole, 2)
TILES_8(whole, 4)
EXPAND(2)
EXPAND(4)
EXPAND(8)

const ig_nbits_loops ig_nbits_avx512 = {
    .lanes = VF_LANES,
    .tile = {{0}, {ROWS_4(tile, 2)}, {ROWS_4(tile, 4)}, {ROWS_4(tile, 8)}},
    .whole = {{0}, {ROWS_8(whole, 2)}, {ROWS_8(whole, 4)}, {0}},
    .rows = 4,
    .whole_rows = 8,
    .expand = {NULL, expand_2, expand_4, expand_8},
    .quantize = quantize,
};
