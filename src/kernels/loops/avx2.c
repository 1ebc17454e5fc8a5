#define IG_LOOPS_VARIANT ig_loops_avx2
#include "kernels/loops/simd.h"
