/* The loops of loops.def as plain C, which the compiler turns into vectors of the instruction set at hand, and a descriptor
 * named IG_LOOPS_VARIANT. */
#include "kernels/loops/loops.h"
#include "ops/loops/real.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

#define IG_REAL_1(name, expr)                                                                                                  \
    IG_LOOP_1(name##_f32, float, float, expr)                                                                                  \
    IG_LOOP_1(name##_f64, double, double, expr)
#define IG_REAL_2(name, expr)                                                                                                  \
    IG_LOOP_2(name##_f32, float, float, float, expr)                                                                           \
    IG_LOOP_2(name##_f64, double, double, double, expr)
#define IG_REAL_3(name, expr)                                                                                                  \
    IG_LOOP_3(name##_f32, float, float, float, float, expr)                                                                    \
    IG_LOOP_3(name##_f64, double, double, double, double, expr)
#define IG_REAL_1P(name, expr)                                                                                                 \
    IG_LOOP_1P(name##_f32, float, float, ig_params_f32, expr)                                                                  \
    IG_LOOP_1P(name##_f64, double, double, ig_params_f64, expr)
#define IG_REAL_2P(name, expr)                                                                                                 \
    IG_LOOP_2P(name##_f32, float, float, float, ig_params_f32, expr)                                                           \
    IG_LOOP_2P(name##_f64, double, double, double, ig_params_f64, expr)
#define IG_REAL(form, name, ...) IG_LOOP_##form(name, __VA_ARGS__)
#include "kernels/loops/loops.def"
#undef IG_REAL_1
#undef IG_REAL_2
#undef IG_REAL_3
#undef IG_REAL_1P
#undef IG_REAL_2P
#undef IG_REAL

static void f16_to_f32(const uint16_t *in, size_t n, float *out) {
    size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(in + i))));
#endif
    for (; i < n; i++) out[i] = ig_f16_to_f32(in[i]);
}
static void f32_to_f16(const float *in, size_t n, uint16_t *out) {
    size_t i = 0;
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
#endif
    for (; i < n; i++) out[i] = ig_f32_to_f16(in[i]);
}
static void bf16_to_f32(const uint16_t *in, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) out[i] = ig_bf16_to_f32(in[i]);
}
static void f32_to_bf16(const float *in, size_t n, uint16_t *out) {
    for (size_t i = 0; i < n; i++) out[i] = ig_f32_to_bf16(in[i]);
}

#define IG_REAL_BOTH_OF(name)    [IG_REAL_##name##_f32] = name##_f32, [IG_REAL_##name##_f64] = name##_f64,
#define IG_REAL_1(name, expr)    IG_REAL_BOTH_OF(name)
#define IG_REAL_2(name, expr)    IG_REAL_BOTH_OF(name)
#define IG_REAL_3(name, expr)    IG_REAL_BOTH_OF(name)
#define IG_REAL_1P(name, expr)   IG_REAL_BOTH_OF(name)
#define IG_REAL_2P(name, expr)   IG_REAL_BOTH_OF(name)
#define IG_REAL(form, name, ...) [IG_REAL_##name] = name,
const ig_loops IG_LOOPS_VARIANT = {
    .real =
        {
#include "kernels/loops/loops.def"
        },
    .f16_to_f32 = f16_to_f32,
    .f32_to_f16 = f32_to_f16,
    .bf16_to_f32 = bf16_to_f32,
    .f32_to_bf16 = f32_to_bf16,
};
