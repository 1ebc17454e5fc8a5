/* Elementwise loops over reals and conversions of half floats, for every instruction set: loops.def says which there are,
 * simd.h makes them, <variant>.c compiles that for one set. */
#ifndef IG_KERNELS_LOOPS_LOOPS_H
#define IG_KERNELS_LOOPS_LOOPS_H

#include "kernels/loops/loop.h"

/* What loops with parameters read. */
typedef struct ig_params_f32 {
    float a, b, c;
} ig_params_f32;
typedef struct ig_params_add {
    float a, b, c, zero;
} ig_params_add;
typedef struct ig_params_f64 {
    double a, b, c;
} ig_params_f64;

#define IG_REAL_BOTH(name)       IG_REAL_##name##_f32, IG_REAL_##name##_f64,
#define IG_REAL_1(name, expr)    IG_REAL_BOTH(name)
#define IG_REAL_2(name, expr)    IG_REAL_BOTH(name)
#define IG_REAL_3(name, expr)    IG_REAL_BOTH(name)
#define IG_REAL_1P(name, expr)   IG_REAL_BOTH(name)
#define IG_REAL_2P(name, expr)   IG_REAL_BOTH(name)
#define IG_REAL(form, name, ...) IG_REAL_##name,
typedef enum ig_real_loop {
#include "kernels/loops/loops.def"
    IG_REAL_COUNT
} ig_real_loop;
#undef IG_REAL_1
#undef IG_REAL_2
#undef IG_REAL_3
#undef IG_REAL_1P
#undef IG_REAL_2P
#undef IG_REAL

typedef struct ig_loops {
    ig_loop_fn real[IG_REAL_COUNT];
    /* n elements; memory need not be aligned. */
    void (*f16_to_f32)(const uint16_t *in, size_t n, float *out), (*f32_to_f16)(const float *in, size_t n, uint16_t *out);
    void (*bf16_to_f32)(const uint16_t *in, size_t n, float *out), (*f32_to_bf16)(const float *in, size_t n, uint16_t *out);
} ig_loops;

#endif
