/* What one step of a reduction does, by fold and work type. */
#ifndef IG_OPS_LOOPS_FOLD_H
#define IG_OPS_LOOPS_FOLD_H

#include "kernels/folds/folds.h"
#include "ops/loops/reduce.h"

/* Accumulators are doubles for float and double, 64-bit integers for int64. */
typedef struct ig_folder {
    /* n elements into one accumulator. */
    void (*along)(const ig_folds *kernels, void *acc, const void *x, size_t n);
    /* `rows` rows of elements, `step` apart, into `width` accumulators. */
    void (*across)(const ig_folds *kernels, void *acc, const void *x, size_t step, size_t rows, size_t width);
} ig_folder;

/* work: IG_F32, IG_F64 or IG_I64. For the sum of exponentials it is that of a sum: the exponentials are taken on the way. */
ig_folder ig_folder_of(ig_fold fold, ig_dtype work);
/* What adds up accumulators of several parts. */
ig_folder ig_folder_join(ig_fold fold, ig_dtype work);

#endif
