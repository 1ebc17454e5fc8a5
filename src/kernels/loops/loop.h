/* How an elementwise loop is written. */
#ifndef IG_KERNELS_LOOPS_LOOP_H
#define IG_KERNELS_LOOPS_LOOP_H

#include "base/base.h"

/* Computes n elements, 1 or more. Element i of input k is in[k][i * step[k]] with step[k] 0 or 1. `out` may be an input's
 * memory when that input has step 1 and elements of the same size. */
typedef void (*ig_loop_fn)(const void *params, size_t n, void *out, const void *const *in, const size_t *step);

/* For each i. No element depends on another one, which tells the compiler to use vectors although pointers may alias. */
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

/* From float to float: `near` where |x| <= limit, in vectors, and `far`, which may call a function, for the rest, which is
 * rare. Infinities and NaN are for `near` to get right. */
#define IG_LOOP_FAR(name, limit, near, far)                                                                                    \
    static void name(const void *params_, size_t n, void *out_, const void *const *in_, const size_t *step_) {                 \
        enum { CHUNK = 256 };                                                                                                  \
        float *out = out_, v[CHUNK];                                                                                           \
        const float *in0 = in_[0];                                                                                             \
        IG_UNUSED(params_);                                                                                                    \
        for (size_t at = 0, some; at < n; at += some) {                                                                        \
            int32_t most = 0;                                                                                                  \
            some = n - at < CHUNK ? n - at : CHUNK;                                                                            \
            if (step_[0])                                                                                                      \
                memcpy(v, in0 + at, some * sizeof *v);                                                                         \
            else                                                                                                               \
                for (size_t i = 0; i < some; i++) v[i] = in0[0];                                                               \
            for (size_t i = 0; i < some; i++) {                                                                                \
                int32_t bits;                                                                                                  \
                memcpy(&bits, &v[i], sizeof bits);                                                                             \
                bits &= 0x7FFFFFFF;                                                                                            \
                most = bits > most ? bits : most;                                                                              \
            }                                                                                                                  \
            IG_EACH (i, some) {                                                                                                \
                const float x = v[i];                                                                                          \
                out[at + i] = (near);                                                                                          \
            }                                                                                                                  \
            float largest;                                                                                                     \
            memcpy(&largest, &most, sizeof largest);                                                                           \
            for (size_t i = 0; i < some && !(largest <= (limit)); i++) {                                                       \
                const float x = v[i];                                                                                          \
                if (x > (limit) || x < -(limit)) out[at + i] = (far);                                                          \
            }                                                                                                                  \
        }                                                                                                                      \
    }

#endif
