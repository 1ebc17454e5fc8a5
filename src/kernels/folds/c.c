#define IG_FOLDS_VARIANT ig_folds_c
#include "kernels/folds/simd.h"
