/* Elementwise loops: out[i] = f(in0[i], in1[i], …) with numpy's broadcasting, for any element types.
 *
 * An operator brings a table of loops, one for each element type that it computes in. A loop sees plain arrays: every input has
 * either one element for each of the output or a single one for all of them. The driver folds the dims of all operands into as
 * few as possible, cuts the output into runs, spreads them over the threads, and hands other element types to the nearest loop
 * through blocks (float16 and smaller floats as float, 4-bit integers as bytes), so that a result is rounded once.
 */
#ifndef IG_OPS_LOOPS_MAP_H
#define IG_OPS_LOOPS_MAP_H

#include "ops/op.h"

enum { IG_LOOP_IN = 4 }; /* inputs of a loop, at most */

/* Computes n elements. Element i of input k is in[k][i * step[k]] with step[k] 0 or 1. `out` may be an input's memory when that
 * input has step 1 and elements of the same size. */
typedef void (*ig_loop_fn)(const void *params, size_t n, void *out, const void *const *in, const size_t *step);

typedef struct ig_loop {
    ig_loop_fn fn;
    ig_dtype out, in[IG_LOOP_IN]; /* element types that fn works on, of 8 bits or more */
} ig_loop;

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

/* ---- writing loops. No element depends on another one, which tells the compiler to use vectors although pointers may alias.
 */

#if defined(__clang__)
#define IG_EACH(i, n) _Pragma("clang loop vectorize(assume_safety)") for (size_t i = 0; i < (n); i++)
#else
#define IG_EACH(i, n) _Pragma("GCC ivdep") for (size_t i = 0; i < (n); i++)
#endif

/* IG_LOOP_1 makes a loop `name` from elements `x` of type A to elements of type R by an expression, IG_LOOP_2 from x and y of
 * types A and B, IG_LOOP_3 from x, y and z. With a P behind it the expression can use `p`, a copy of the parameters of type P.
 */
#define IG_LOOP_1(name, R, A, expr)           IG_LOOP_1_(name, R, A, IG_UNUSED(params_), expr)
#define IG_LOOP_2(name, R, A, B, expr)        IG_LOOP_2_(name, R, A, B, IG_UNUSED(params_), expr)
#define IG_LOOP_3(name, R, A, B, C, expr)     IG_LOOP_3_(name, R, A, B, C, IG_UNUSED(params_), expr)
#define IG_LOOP_1P(name, R, A, P, expr)       IG_LOOP_1_(name, R, A, IG_LOOP_PARAMS(P), expr)
#define IG_LOOP_2P(name, R, A, B, P, expr)    IG_LOOP_2_(name, R, A, B, IG_LOOP_PARAMS(P), expr)
#define IG_LOOP_3P(name, R, A, B, C, P, expr) IG_LOOP_3_(name, R, A, B, C, IG_LOOP_PARAMS(P), expr)

#define IG_LOOP_PARAMS(P)                                                                                                      \
    const P p = *(const P *)params_;                                                                                           \
    IG_UNUSED(p)

#define IG_LOOP_1_(name, R, A, setup, expr)                                                                                    \
    static void name(const void *params_, size_t n, void *out_, const void *const *in_, const size_t *step_) {                 \
        R *out = out_;                                                                                                         \
        const A *in0 = in_[0];                                                                                                 \
        setup;                                                                                                                 \
        if (step_[0]) {                                                                                                        \
            IG_EACH (i, n) {                                                                                                   \
                const A x = in0[i];                                                                                            \
                out[i] = (R)(expr);                                                                                            \
            }                                                                                                                  \
            return;                                                                                                            \
        }                                                                                                                      \
        const A x = in0[0];                                                                                                    \
        const R value = (R)(expr);                                                                                             \
        IG_EACH (i, n) {                                                                                                       \
            out[i] = value;                                                                                                    \
        }                                                                                                                      \
    }

#define IG_LOOP_2_(name, R, A, B, setup, expr)                                                                                 \
    static void name(const void *params_, size_t n, void *out_, const void *const *in_, const size_t *step_) {                 \
        R *out = out_;                                                                                                         \
        const A *in0 = in_[0];                                                                                                 \
        const B *in1 = in_[1];                                                                                                 \
        setup;                                                                                                                 \
        if (step_[0] && step_[1]) {                                                                                            \
            IG_EACH (i, n) {                                                                                                   \
                const A x = in0[i];                                                                                            \
                const B y = in1[i];                                                                                            \
                out[i] = (R)(expr);                                                                                            \
            }                                                                                                                  \
        } else if (step_[0]) {                                                                                                 \
            const B y = in1[0];                                                                                                \
            IG_EACH (i, n) {                                                                                                   \
                const A x = in0[i];                                                                                            \
                out[i] = (R)(expr);                                                                                            \
            }                                                                                                                  \
        } else if (step_[1]) {                                                                                                 \
            const A x = in0[0];                                                                                                \
            IG_EACH (i, n) {                                                                                                   \
                const B y = in1[i];                                                                                            \
                out[i] = (R)(expr);                                                                                            \
            }                                                                                                                  \
        } else {                                                                                                               \
            const A x = in0[0];                                                                                                \
            const B y = in1[0];                                                                                                \
            const R value = (R)(expr);                                                                                         \
            IG_EACH (i, n) {                                                                                                   \
                out[i] = value;                                                                                                \
            }                                                                                                                  \
        }                                                                                                                      \
    }

/* Only the patterns that occur often are worth vectors. */
#define IG_LOOP_3_(name, R, A, B, C, setup, expr)                                                                              \
    static void name(const void *params_, size_t n, void *out_, const void *const *in_, const size_t *step_) {                 \
        R *out = out_;                                                                                                         \
        const A *in0 = in_[0];                                                                                                 \
        const B *in1 = in_[1];                                                                                                 \
        const C *in2 = in_[2];                                                                                                 \
        size_t step0 = step_[0], step1 = step_[1], step2 = step_[2];                                                           \
        setup;                                                                                                                 \
        if (step0 && step1 && step2) {                                                                                         \
            IG_EACH (i, n) {                                                                                                   \
                const A x = in0[i];                                                                                            \
                const B y = in1[i];                                                                                            \
                const C z = in2[i];                                                                                            \
                out[i] = (R)(expr);                                                                                            \
            }                                                                                                                  \
        } else if (step0 && step1) {                                                                                           \
            const C z = in2[0];                                                                                                \
            IG_EACH (i, n) {                                                                                                   \
                const A x = in0[i];                                                                                            \
                const B y = in1[i];                                                                                            \
                out[i] = (R)(expr);                                                                                            \
            }                                                                                                                  \
        } else if (step0 && step2) {                                                                                           \
            const B y = in1[0];                                                                                                \
            IG_EACH (i, n) {                                                                                                   \
                const A x = in0[i];                                                                                            \
                const C z = in2[i];                                                                                            \
                out[i] = (R)(expr);                                                                                            \
            }                                                                                                                  \
        } else if (step0) {                                                                                                    \
            const B y = in1[0];                                                                                                \
            const C z = in2[0];                                                                                                \
            IG_EACH (i, n) {                                                                                                   \
                const A x = in0[i];                                                                                            \
                out[i] = (R)(expr);                                                                                            \
            }                                                                                                                  \
        } else {                                                                                                               \
            IG_EACH (i, n) {                                                                                                   \
                const A x = in0[i * step0];                                                                                    \
                const B y = in1[i * step1];                                                                                    \
                const C z = in2[i * step2];                                                                                    \
                out[i] = (R)(expr);                                                                                            \
            }                                                                                                                  \
        }                                                                                                                      \
    }

#endif
