#define IG_LOOPS_VARIANT ig_loops_c
#include "kernels/loops/simd.h"
