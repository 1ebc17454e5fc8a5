/* Reductions over any set of dims. The dims are arranged as kept and reduced groups in the order of memory; sums of floats are
 * taken in short runs of float that add up in double, so that the error doesn't grow with the length. Results don't depend on
 * the number of threads. */
#ifndef IG_OPS_LOOPS_REDUCE_H
#define IG_OPS_LOOPS_REDUCE_H

#include "ops/op.h"

typedef enum ig_fold {
    IG_FOLD_SUM,
    IG_FOLD_SUM_ABS,
    IG_FOLD_SUM_SQUARE,
    IG_FOLD_SUM_EXP, /* logarithm of the sum of exponentials, without overflow */
    IG_FOLD_PROD,
    IG_FOLD_MIN, /* a NaN among the elements is the result, as in numpy */
    IG_FOLD_MAX,
    IG_FOLD_COUNT
} ig_fold;

typedef struct ig_reduce_rule {
    ig_fold fold;
    /* Turns n folded values of `count` elements each into results; NULL: they are the results. */
    void (*finish)(double *values, size_t n, double count);
} ig_reduce_rule;

/* Reduces x over the dims in `axes` (bit k is dim k) into y, which has one element for each combination of the kept dims.
 * Integers are folded in 64 bits with wrapping, or as doubles when the rule has a `finish` or y is of doubles. Nothing to
 * reduce gives what an empty fold is: 0, 1, or the type's largest or smallest value. */
ig_status ig_reduce(ig_call *c, const ig_reduce_rule *rule, const ig_tensor *x, uint32_t axes, ig_tensor *y);

#endif
