/* Element types: sizes, names, and conversion of single elements and of blocks. */
#ifndef IG_BASE_DTYPE_H
#define IG_BASE_DTYPE_H

#include "base/bytes.h"

typedef enum ig_number {
    IG_NUMBER_NONE, /* undefined, string */
    IG_NUMBER_BOOL,
    IG_NUMBER_UNSIGNED,
    IG_NUMBER_SIGNED,
    IG_NUMBER_FLOAT,
    IG_NUMBER_COMPLEX,
} ig_number;

typedef struct ig_dtype_info {
    const char *name;           /* ONNX's */
    uint8_t bits;               /* of one element in a tensor; strings: those of an ig_str */
    uint8_t number;             /* ig_number */
    uint8_t min_ir;             /* IR version that brought it */
    uint8_t exponent, mantissa; /* bits, for floats */
} ig_dtype_info;

extern const ig_dtype_info ig_dtypes[IG_DTYPE_COUNT];

static inline bool ig_dtype_valid(int64_t dtype) { return dtype > 0 && dtype < IG_DTYPE_COUNT; }
static inline ig_number ig_dtype_number(ig_dtype t) { return (ig_number)ig_dtypes[t].number; }
static inline bool ig_dtype_is_int(ig_dtype t) {
    return ig_dtype_number(t) == IG_NUMBER_SIGNED || ig_dtype_number(t) == IG_NUMBER_UNSIGNED;
}
static inline bool ig_dtype_is_float(ig_dtype t) { return ig_dtype_number(t) == IG_NUMBER_FLOAT; }
/* Bytes that hold `count` elements in memory (strings: of ig_str). False on overflow. */
bool ig_dtype_size(ig_dtype dtype, int64_t count, size_t *bytes);
/* Bytes of one element; 0 for types smaller than a byte. */
static inline size_t ig_dtype_bytes(ig_dtype t) { return ig_dtypes[t].bits / 8u; }

/* Halves (IEEE 754 binary16, bfloat16) are converted without branches, so that loops over them can use vectors. */
static inline float ig_f16_to_f32(uint16_t h) {
    uint32_t bits = (uint32_t)(h & 0x7FFFu) << 13;
    float f;
    memcpy(&f, &bits, sizeof f);
    f *= 0x1p112f; /* exact, also for what is subnormal before */
    memcpy(&bits, &f, sizeof bits);
    bits |= (h & 0x7C00u) == 0x7C00u ? 0x7F800000u : 0u;
    bits |= (uint32_t)(h & 0x8000u) << 16;
    memcpy(&f, &bits, sizeof f);
    return f;
}
/* Round to nearest, ties to even. */
static inline uint16_t ig_f32_to_f16(float f) {
    int32_t bits, small;
    memcpy(&bits, &f, sizeof bits);
    int32_t sign = (bits >> 16) & 0x8000, a = bits & 0x7FFFFFFF;
    memcpy(&f, &a, sizeof f);
    f += 0.5f; /* for what is below 2^-14: the sum's last bit is 2^-24, so the addition rounds as wanted */
    memcpy(&small, &f, sizeof small);
    int32_t h = (int32_t)((uint32_t)a + 0xFFFu + (((uint32_t)a >> 13) & 1u) - 0x38000000u) >> 13;
    h = a < 0x38800000 ? small - 0x3F000000 : h;
    h = a >= 0x477FF000 ? 0x7C00 : h; /* rounds past 65504 */
    h = a > 0x7F800000 ? 0x7E00 | ((a >> 13) & 0x3FF) : h;
    return (uint16_t)(sign | h);
}
static inline float ig_bf16_to_f32(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}
/* Round to nearest, ties to even; NaN stays NaN. */
static inline uint16_t ig_f32_to_bf16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint32_t h = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    return (uint16_t)((int32_t)(bits & 0x7FFFFFFFu) > 0x7F800000 ? (bits >> 16) | 0x40u : h);
}
uint16_t ig_f64_to_f16(double d);
/* Rounded to odd: whoever rounds the result to a smaller type next rounds as if once. */
float ig_f64_to_odd_f32(double d);

/* The small floats (8, 6 and 4 bits) by their bit pattern. Encoding rounds to nearest even; `saturate` clamps finite values and
 * infinities to the largest finite value, otherwise they become infinity or NaN as the format has them (ONNX Cast). */
float ig_small_float_decode(ig_dtype dtype, uint8_t bits);
uint8_t ig_small_float_encode(ig_dtype dtype, float value, bool saturate);

/* Any real number type (no string, no complex), element index i of packed content; no alignment needed. Integer stores wrap
 * like C casts of int64, float stores round to nearest even. */
double ig_load_as_f64(ig_dtype dtype, const void *data, size_t i);
int64_t ig_load_as_i64(ig_dtype dtype, const void *data, size_t i); /* floats: truncated, saturated, NaN is 0 */
void ig_store_f64(ig_dtype dtype, void *data, size_t i, double value);
void ig_store_i64(ig_dtype dtype, void *data, size_t i, int64_t value);
/* n elements from index `first` to or from floats, for real number types: how kernels compute on types they have no loop for.
 */
void ig_to_f32(ig_dtype dtype, const void *data, size_t first, size_t n, float *out);
void ig_from_f32(ig_dtype dtype, void *data, size_t first, size_t n, const float *in);
/* The raw bits of element i of a type of 8 bits or less. */
uint8_t ig_load_bits(ig_dtype dtype, const void *data, size_t i);
void ig_store_bits(ig_dtype dtype, void *data, size_t i, uint8_t bits);

#endif
