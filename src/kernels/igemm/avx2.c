#include "kernels/igemm/simd.h"

TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)

const ig_igemm_i16 ig_igemm_i16_avx2 = {
    .lanes = VF_LANES, .rows = 6, .vecs = 2, .tile = {ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6)}};
