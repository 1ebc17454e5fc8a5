/* Batches of matrix products for the operators that multiply matrices: shapes with numpy's broadcasting, every element type,
 * and packing of constant operands. */
#ifndef IG_OPS_MATRIX_PRODUCT_H
#define IG_OPS_MATRIX_PRODUCT_H

#include "kernels/gemm/gemm.h"
#include "ops/nn/activate.h"

/* A stack of matrices inside a tensor: the dims before the last two count the matrices. Steps are in elements. */
typedef struct ig_stack {
    int rank; /* of the stack, without the matrices */
    int64_t dims[IG_MAX_RANK], steps[IG_MAX_RANK];
    size_t rows, cols, row, col; /* of a matrix, and the steps between rows and between columns */
    bool vector;                 /* a tensor of rank 1: its result has a dim less */
} ig_stack;

/* How the operand lies: plain MatMul has nothing set. */
typedef struct ig_stack_options {
    bool transpose;       /* the last two dims are swapped */
    bool transpose_batch; /* the first dim is the matrix's, those up to the last one are the stack's */
    bool right;           /* a vector is a column */
} ig_stack_options;

/* The tensor of rank 1 or more as a stack. */
ig_stack ig_stack_of(int rank, const int64_t *dims, ig_stack_options options);
/* The same for shapes that may not be known: element 0 of `matrix` is the number of rows, 1 of columns. False when the rank is
 * 0. */
bool ig_stack_shape(const ig_shape *shape, ig_stack_options options, ig_shape *stack, ig_dim matrix[2]);
/* Shape of the product of inputs a and b (-1 in `rank` when one has no known rank). Errors name the inputs. */
ig_status ig_product_shape(ig_infer *c, size_t a, ig_stack_options a_options, size_t b, ig_stack_options b_options,
                           ig_shape *out);

/* Matrices of a stack; where matrix i begins, in elements; the dims of two stacks broadcast to one (rank comes out, the number
 * of matrices in *count); and which matrix of its own stack an operand gives for number i of that one. */
size_t ig_stack_count(const ig_stack *s);
size_t ig_stack_offset(const ig_stack *s, size_t i);
int ig_stack_broadcast(const ig_stack *a, const ig_stack *b, int64_t *dims, size_t *count);
size_t ig_stack_operand(const ig_stack *s, int rank, const int64_t *dims, size_t i);

/* Constant operands in the form that the float kernels want, made once. Exactly one operand is packed. */
typedef struct ig_product_state {
    bool b;                    /* the packed operand is B, else A */
    size_t floats;             /* of each packed matrix */
    _Alignas(64) float data[]; /* in the order of the stack */
} ig_product_state;

/* Packs input a or b of a node when it is a constant of floats. p->state stays NULL when there is nothing to pack. */
ig_status ig_product_prepare(ig_prepare *p, size_t a, ig_stack_options a_options, size_t b, ig_stack_options b_options);

typedef struct ig_product {
    ig_dtype dtype; /* of the operands and the result */
    ig_stack a, b;
    const void *a_data, *b_data;
    const ig_product_state *state; /* or NULL */
    void *out;                     /* the products one after the other, row-major */
    ig_activation activation;      /* after everything else */
    ig_gemm tail; /* alpha, beta, add, bias, min, max and post are taken from here; start with ig_gemm_of(0, 0, 0). Only
                     for float results, and what is added only for a single product. */
} ig_product;

ig_status ig_product_run(ig_call *c, ig_product *product);

#endif
