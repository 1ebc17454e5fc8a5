/* Which variant of each hot loop a machine uses: one constant table per CPU level. See README.md here. */
#ifndef IG_KERNELS_KERNELS_H
#define IG_KERNELS_KERNELS_H

#include "base/base.h"
#include "kernels/blocked/tile.h"
#include "kernels/conv/loops.h"
#include "kernels/folds/folds.h"
#include "kernels/gemm/tile.h"
#include "kernels/igemm/tile.h"
#include "kernels/loops/loops.h"
#include "kernels/nbits/tile.h"

typedef struct ig_kernels {
#define IG_KERNEL(type, kernel, ...) const type *kernel;
#include "kernels/kernels.def"
#undef IG_KERNEL
} ig_kernels;

const ig_kernels *ig_kernels_at(ig_cpu level);
static inline const ig_kernels *ig_kernels_of(const ig_context *context) { return ig_kernels_at(context->cpu); }

#endif
