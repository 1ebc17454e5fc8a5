#define IG_FOLDS_VARIANT ig_folds_avx2
#include "kernels/folds/simd.h"
