/* The loop that makes whole numbers of floats, for the compiler to vectorize with each instruction set. */
#ifndef IG_KERNELS_NBITS_QUANTIZE_H
#define IG_KERNELS_NBITS_QUANTIZE_H

#include "base/def.h"

#include <math.h>
#include <string.h>

static float quantize(const float *a, size_t n, int8_t *q, float *scale) {
    int32_t most = 0, sum = 0;
    float size;
    for (size_t i = 0; i < n; i++) {
        int32_t bits;
        memcpy(&bits, &a[i], sizeof bits);
        bits &= 0x7FFFFFFF;
        most = bits > most ? bits : most; /* sizes of floats are ordered as their bits */
    }
    memcpy(&size, &most, sizeof size);
    *scale = most < 0x7F800000 ? size / 127 : (float)NAN;
    if (most >= 0x7F800000 || *scale == 0) { /* also for what is too small to be told from 0 */
        memset(q, 0, n);
        return 0;
    }
    float by = 1 / *scale;
    if (!(by < INFINITY)) {
        memset(q, 0, n);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        float x = (a[i] * by + 12582912.0f) - 12582912.0f; /* 1.5 * 2^23: rounds to nearest even */
        int32_t w = (int32_t)x;
        q[i] = (int8_t)w;
        sum += w;
    }
    return (float)sum;
}

#endif
