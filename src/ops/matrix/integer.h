/* Products of quantized matrices for the operators that have them: zero points and scales for the whole matrix, for each row of
 * A or each column of B, and for each matrix of a stack. */
#ifndef IG_OPS_MATRIX_INTEGER_H
#define IG_OPS_MATRIX_INTEGER_H

#include "kernels/igemm/igemm.h"
#include "ops/matrix/product.h"

/* What becomes of 32-bit sums: (sum + bias) * scale, rounded to a quantized type, or with a bias of floats as floats. Several
 * of its kind belong to one product, so it holds no memory. */
typedef struct ig_requantize {
    const float *row_scale, *col_scale; /* one for each row, each column; NULL: 1 */
    float scale;
    const int32_t *row_bias, *col_bias; /* NULL: none */
    const float *float_bias;            /* for each column, after scaling; NULL: none */
    ig_dtype dtype;                     /* of the result: IG_U8, IG_I8, IG_F32 */
    float zero;                         /* added to quantized results */
    void *out;
    size_t out_row, out_col; /* elements from one row, one column to the next */
} ig_requantize;

void ig_requantize_row(const void *requantize, const int32_t *sums, size_t row, size_t col, size_t n);

/* Element `lane` of a scale or zero point for matrix `matrix` of a stack that has `lanes` rows or columns: one number for all,
 * one for each lane, or one for each lane of each matrix. */
size_t ig_lane_param(const ig_tensor *t, size_t lanes, size_t matrix, size_t lane);
/* False when a scale or zero point has none of the three forms for `matrices` matrices. */
bool ig_lane_param_fits(const ig_tensor *t, size_t lanes, size_t matrices);

typedef struct ig_int_state {
    size_t count;                /* of each packed matrix */
    _Alignas(64) int16_t data[]; /* in the order of the stack */
} ig_int_state;

typedef struct ig_int_product {
    ig_stack a, b;
    const ig_tensor *a_tensor, *b_tensor, *a_zero, *b_zero; /* zero points may be NULL */
    const void *a_data;                                     /* of a_tensor's elements */
    bool a_signed;
    const ig_int_state *state; /* of a packed B, or NULL */
    int32_t *out;              /* sums, one product after the other; NULL: they go to `requantize` */
    /* What product number i does with its sums; `base` is what has been set for all. */
    ig_requantize base;
    void (*each)(void *arg, ig_requantize *r, size_t a_matrix, size_t b_matrix);
    void *each_arg;
} ig_int_product;

/* Packs input b of a node with the zero point `zero` (an input number, or -1) when both are constant. */
ig_status ig_int_product_prepare(ig_prepare *p, size_t b, ig_stack_options options, int zero);
ig_status ig_int_product_run(ig_call *c, ig_int_product *p);

#endif
