/* Elementwise loops: out[i] = f(in0[i], in1[i], …) with numpy's broadcasting, for any element types.
 *
 * An operator brings a table of loops, one for each element type that it computes in. A loop sees plain arrays: every input has
 * either one element for each of the output or a single one for all of them. The driver folds the dims of all operands into as
 * few as possible, cuts the output into runs, spreads them over the threads, and hands other element types to the nearest loop
 * through blocks (float16 and smaller floats as float, 4-bit integers as bytes), so that a result is rounded once.
 */
#ifndef IG_OPS_LOOPS_MAP_H
#define IG_OPS_LOOPS_MAP_H

#include "kernels/kernels.h"
#include "ops/op.h"

enum { IG_LOOP_IN = 4 }; /* inputs of a loop, at most */

typedef struct ig_loop {
    ig_loop_fn fn;                /* NULL: a loop that there is for every instruction set, see kernels/loops/loops.def */
    ig_dtype out, in[IG_LOOP_IN]; /* element types that it works on, of 8 bits or more */
    ig_real_loop real;            /* which, when fn is NULL */
} ig_loop;

/* A row of a table of loops: function, result's type, inputs' types. */
#define IG_LOOP_ROW(fn_, out_, ...)                                                                                            \
    {                                                                                                                          \
        .fn = fn_, .out = out_, .in = { __VA_ARGS__ }                                                                          \
    }

/* A tensor as the loops see it: its dims may differ from the tensor's own (old broadcasting rules). */
typedef struct ig_operand {
    ig_dtype dtype;
    int rank;
    const int64_t *dims;
    void *data;
} ig_operand;

static inline ig_operand ig_operand_of(const ig_tensor *t) {
    return t ? (ig_operand){t->dtype, t->rank, t->dims, t->data} : (ig_operand){IG_UNDEFINED, 0, NULL, NULL};
}

typedef struct ig_loop_job {
    const ig_loop *loop;
    const void *params; /* handed to the loop, read-only */
    ig_operand out;
    const ig_operand *in; /* n_in of them, as many as the loop takes */
    size_t n_in;
    /* The loop takes two inputs and is applied from left to right over any number of them (one or more). */
    bool fold;
    ig_loop_fn finish; /* of a fold: a loop of one input for the result, in place; or NULL */
    size_t grain;      /* elements worth a thread of their own; 0: for loops of a few instructions an element */
} ig_loop_job;

/* IG_E_INPUT when an input's dims don't fit the output's. Elements of types that no conversion leads to the loop's (strings,
 * complex numbers) must have the loop's own type. */
ig_status ig_loop_run(ig_call *c, const ig_loop_job *map);

/* The type that an operator computes elements of this type in when it has no loop for it: float for float16, bfloat16 and small
 * floats, a byte for smaller integers, otherwise the type itself. */
ig_dtype ig_loop_widen(ig_dtype dtype);
/* The loop whose input 0 has this element type, or that which the type is widened to; NULL when there is none. */
const ig_loop *ig_loop_pick(const ig_loop *loops, size_t n, ig_dtype dtype);
/* The usual kernel: all inputs of the node to output 0 with the loop for the type of input 0. */
ig_status ig_loop_call(ig_call *c, const ig_loop *loops, size_t n, const void *params, size_t grain);

enum { IG_GRAIN = 16384, IG_GRAIN_HEAVY = 2048 }; /* of a few instructions an element; of exponentials and the like */

#endif
