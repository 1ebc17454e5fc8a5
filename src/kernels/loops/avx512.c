#define IG_LOOPS_VARIANT ig_loops_avx512
#include "kernels/loops/simd.h"
