#define IG_FOLDS_VARIANT ig_folds_avx512
#include "kernels/folds/simd.h"
