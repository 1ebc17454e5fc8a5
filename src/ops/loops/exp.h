/* The exponential for loops that compilers turn into vectors. */
#ifndef IG_OPS_LOOPS_EXP_H
#define IG_OPS_LOOPS_EXP_H

#include <stdint.h>
#include <string.h>

/* e^x for x <= 0, within 1.5 units in the last place. Results below the smallest normal number are 0; NaN stays. x is taken
 * apart into k ln 2 + r with |r| <= ln 2 / 2, where seven terms of the series suffice, and 2^k is made from its exponent bits.
 */
static inline float ig_exp_down(float x) {
    const float to_int = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    float clamped = x < -87.0f ? -87.0f : x, t = clamped * 1.44269504f + to_int, k = t - to_int;
    float r = clamped - k * 0.693145751953125f - k * 1.42860682e-6f; /* ln 2 in two parts */
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits, magic;
    float scale;
    memcpy(&bits, &t, sizeof bits);
    memcpy(&magic, &to_int, sizeof magic);
    bits = (bits - magic + 127u) << 23;
    memcpy(&scale, &bits, sizeof scale);
    return x < -87.0f ? 0.0f : p * scale;
}

#endif
