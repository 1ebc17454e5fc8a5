/* Functions of a real number that compilers can put into vectors: float versions without branches, tables or calls, and the C
 * library's for double. Each float version is within 3 units in the last place of the exact value (subnormal results of mish
 * apart) and right for infinities, NaN and zeros.
 *
 * The polynomials are minimax fits (Lawson's reweighted least squares) of the relative error over the reduced range.
 */
#ifndef IG_OPS_LOOPS_REAL_H
#define IG_OPS_LOOPS_REAL_H

#include "base/def.h"

#include <math.h>

static inline float ig_bits_f32(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}
static inline uint32_t ig_f32_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* e^x = 2^n e^r with |r| <= log(2)/2; the scale is applied in two steps so that it can't overflow before the result does. */
static inline float ig_exp_f32(float x) {
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    float shifted = x * 0x1.715476p+0f + 0x1.8p23f; /* the low bits of the sum hold n */
    float n = shifted - 0x1.8p23f;
    float r = (x - n * 0x1.62ep-1f) - n * 0x1.0bfbe8p-15f;
    float p = 0x1.6a243ap-10f;
    p = p * r + 0x1.1239ep-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    p = p * r * r + r + 1;
    int32_t e = (int32_t)(ig_f32_bits(shifted) - 0x4B400000u), half = e >> 1;
    return p * ig_bits_f32((uint32_t)(half + 127) << 23) * ig_bits_f32((uint32_t)(e - half + 127) << 23);
}

/* log(1 + x) for x in [0, 1]: with s = x / (2 + x) it is 2 artanh(s). */
static inline float ig_log1p_unit_f32(float x) {
    float s = x / (2 + x), q = s * s, p = 0x1.f17472p-3f;
    p = p * q + 0x1.b6e682p-3f;
    p = p * q + 0x1.2508b4p-2f;
    p = p * q + 0x1.9996bp-2f;
    p = p * q + 0x1.555558p-1f;
    return 2 * s + s * q * p;
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)): log(x) = e log(2) + 2 artanh((m - 1) / (m + 1)). */
static inline float ig_log_f32(float x) {
    bool tiny = x < 0x1p-126f;
    uint32_t bits = ig_f32_bits(tiny ? x * 0x1p23f : x) - 0x3F3504F3u; /* of sqrt(1/2) */
    float e = (float)((int32_t)bits >> 23) - (tiny ? 23 : 0);
    float m = ig_bits_f32((bits & 0x7FFFFFu) + 0x3F3504F3u), s = (m - 1) / (m + 1), q = s * s, p = 0x1.f17472p-3f;
    p = p * q + 0x1.b6e682p-3f;
    p = p * q + 0x1.2508b4p-2f;
    p = p * q + 0x1.9996bp-2f;
    p = p * q + 0x1.555558p-1f;
    float r = e * 0x1.62ep-1f + (2 * s + (s * q * p + e * 0x1.0bfbe8p-15f));
    r = x > 0 ? r : x == 0 ? -INFINITY : NAN;
    return x == INFINITY ? x : r;
}

static inline float ig_tanh_f32(float x) {
    float a = fabsf(x), s = x * x, p = -0x1.7560f6p-8f;
    p = p * s + 0x1.520ae6p-6f;
    p = p * s + -0x1.b8384ap-5f;
    p = p * s + 0x1.11070ap-3f;
    p = p * s + -0x1.555532p-2f;
    float small = x + x * s * p, large = copysignf(1 - 2 / (ig_exp_f32(2 * a) + 1), x);
    return a < 0.625f ? small : large;
}

static inline float ig_erf_f32(float x) {
    float a = fabsf(x), s = x * x, p = 0x1.49696ap-14f;
    p = p * s + -0x1.a3f6bcp-11f;
    p = p * s + 0x1.5405a8p-8f;
    p = p * s + -0x1.b7f90cp-6f;
    p = p * s + 0x1.ce2cf8p-4f;
    p = p * s + -0x1.81273ep-2f;
    p = p * s + 0x1.06ebap-3f;                   /* less the 1 that is added below, which rounds less */
    float t = a > 4 ? 4 : a, q = 0x1.6c06ap-16f; /* -log(erfc(t)); erf(4) rounds to 1 */
    q = q * t + -0x1.ceeafap-12f;
    q = q * t + 0x1.1398fep-8f;
    q = q * t + -0x1.9d0bd8p-6f;
    q = q * t + 0x1.bc18d2p-4f;
    q = q * t + 0x1.4434fp-1f;
    q = q * t + 0x1.212c2cp+0f;
    q = q * t + -0x1.8b3f64p-13f;
    return a < 1 || a != a ? x + x * p : copysignf(1 - ig_exp_f32(-q), x);
}

static inline float ig_sigmoid_f32(float x) {
    float e = ig_exp_f32(-fabsf(x));
    return (x < 0 ? e : 1) / (1 + e);
}
static inline double ig_sigmoid_f64(double x) {
    double e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

/* log(1 + e^x) */
static inline float ig_softplus_f32(float x) {
    return (x > 0 ? x : 0) + (x != x ? x : ig_log1p_unit_f32(ig_exp_f32(-fabsf(x))));
}
static inline double ig_softplus_f64(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

/* x tanh(log(1 + e^x)), without the logarithm: with t = e^x (e^x + 2) it is x t / (t + 2). */
static inline float ig_mish_f32(float x) {
    float e = ig_exp_f32(x > 30 ? 30 : x), t = e * (e + 2);
    return x * (t / (t + 2));
}
static inline double ig_mish_f64(double x) { return x * tanh(ig_softplus_f64(x)); }

/* Sine, or cosine with `quarter` 1: x = n pi/2 + r with |r| <= pi/4, where pi/2 is taken in pieces whose products with n are
 * exact, but for the last (Cody, Waite: Software Manual for the Elementary Functions, 1980). For |x| up to IG_NEAR. */
#define IG_NEAR 8192
static inline float ig_circle_f32(float x, uint32_t quarter) {
    float shifted = x * 0x1.45f306p-1f + 0x1.8p23f;
    float n = shifted - 0x1.8p23f;
    float r = (((x - n * 0x1.92p+0f) - n * 0x1.fb4p-12f) - n * 0x1.444p-24f) - n * 0x1.68c234p-39f, q = r * r;
    float sine = r + r * q * (-0x1.555544p-3f + q * (0x1.1106b8p-7f + q * -0x1.99172p-13f));
    float cosine = 1 - q / 2 + q * q * (0x1.55554ap-5f + q * (-0x1.6c0ba6p-10f + q * 0x1.99c2b6p-16f));
    uint32_t turn = ig_f32_bits(shifted) + quarter; /* the low bits hold n */
    float v = turn & 1 ? cosine : sine;
    return ig_bits_f32(ig_f32_bits(v) ^ (turn & 2) << 30);
}

/* To nearest, ties to even: from 2^23 on the last bit of a float is 1. In this form it needs no instruction of SSE 4. */
static inline float ig_round_f32(float x) {
    float a = fabsf(x);
    return a < 0x1p23f ? copysignf((a + 0x1p23f) - 0x1p23f, x) : x;
}
static inline double ig_round_f64(double x) {
    double a = fabs(x);
    return a < 0x1p52 ? copysign((a + 0x1p52) - 0x1p52, x) : x;
}

/* NaN becomes the low end. */
static inline float ig_within(float v, float low, float high) { return v > low ? (v < high ? v : high) : low; }

/* The same expression for float and double. */
#define IG_OF(x, constant) ((__typeof__((x) + 0))(constant)) /* a constant of x's type */
#define IG_ROUND(x)        _Generic((x), float : ig_round_f32, double : ig_round_f64)(x)
#define IG_EXP(x)          _Generic((x), float : ig_exp_f32, double : exp)(x)
#define IG_LOG(x)          _Generic((x), float : ig_log_f32, double : log)(x)
#define IG_TANH(x)         _Generic((x), float : ig_tanh_f32, double : tanh)(x)
#define IG_ERF(x)          _Generic((x), float : ig_erf_f32, double : erf)(x)
#define IG_SIGMOID(x)      _Generic((x), float : ig_sigmoid_f32, double : ig_sigmoid_f64)(x)
#define IG_SOFTPLUS(x)     _Generic((x), float : ig_softplus_f32, double : ig_softplus_f64)(x)
#define IG_MISH(x)         _Generic((x), float : ig_mish_f32, double : ig_mish_f64)(x)

#define IG_SQRT(x)  _Generic((x), float : sqrtf, double : sqrt)(x)
#define IG_ABS(x)   _Generic((x), float : fabsf, double : fabs)(x)
#define IG_FLOOR(x) (IG_ROUND(x) - (IG_ROUND(x) > (x)))

#define IG_POSITIVE(x)  ((x) < 0 ? 0 : (x)) /* keeps NaN */
#define IG_NEGATIVE(x)  ((x) > 0 ? 0 : (x))
#define IG_BETWEEN(x)   ((x) < 0 ? 0 : (x) > 1 ? 1 : (x))
#define IG_GELU(x)      ((x) / 2 * (1 + IG_ERF((x)*IG_OF(x, 0x1.6a09e667f3bcdp-1))))
#define IG_TANH_GELU(x) ((x) / 2 * (1 + IG_TANH(IG_OF(x, 0x1.9884533d43651p-1) * ((x) + IG_OF(x, 0.044715) * (x) * (x) * (x)))))
/* With the rounded constants of com.microsoft. */
#define IG_FAST_GELU(x) ((x) / 2 * (1 + IG_TANH((x) * (IG_OF(x, 0.797885) + IG_OF(x, 0.035677) * (x) * (x)))))

#endif
