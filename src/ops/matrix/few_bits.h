/* Products with matrices of few bits a number: what MatMulNBits and its relatives share. */
#ifndef IG_OPS_MATRIX_FEW_BITS_H
#define IG_OPS_MATRIX_FEW_BITS_H

#include "kernels/nbits/nbits.h"
#include "ops/op.h"

/* A matrix of k rows and n columns as an operator has it. A column is cut in blocks of numbers that share a scale and a zero
 * point. */
typedef struct ig_few_bits {
    size_t n, k, block, blocks; /* blocks of a column */
    uint32_t bits;
    bool zeros;         /* of their own for each block */
    const float *table; /* what 16 numbers stand for; NULL: themselves, less the zero point */
    bool plain;         /* the packed form can't say it: `value` gives floats */
    ig_nbits_block_fn read;
    float (*value)(const struct ig_few_bits *m, size_t n, size_t k); /* for `plain` */
    const ig_tensor *numbers, *scales, *zero, *groups;
} ig_few_bits;

/* How the matrix is kept for products; in an operator's state when it is constant. */
typedef struct ig_few_bits_form {
    bool plain;
    ig_nbits packed;
    _Alignas(64) char memory[]; /* of `packed`, or n x k floats */
} ig_few_bits_form;

/* From ig_alloc. */
ig_status ig_few_bits_prepare(ig_prepare *p, const ig_few_bits *m, void **form);

/* C = A * B + bias with A and C of m rows; the form is made for the call when `form` is NULL. With `turned` B takes part as a
 * matrix of n rows and k columns. */
typedef struct ig_few_bits_product {
    size_t m;
    const float *a, *bias;
    float *c;
    bool whole, turned;
} ig_few_bits_product;

ig_status ig_few_bits_run(ig_call *c, const ig_few_bits *m, const ig_few_bits_form *form, const ig_few_bits_product *p);

#endif
