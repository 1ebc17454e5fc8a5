#include "ops/loops/convert.h"

enum { BLOCK = 256 }; /* elements on their way through a wide type */

static const uint8_t *at_index(ig_dtype t, const void *p, size_t i) { return (const uint8_t *)p + i * ig_dtype_bytes(t); }

static bool is_whole(ig_dtype t) { return ig_dtype_is_int(t) || t == IG_BOOL; }

#define LOAD(TYPE, WIDE)                                                                                                       \
    do {                                                                                                                       \
        const TYPE *p = (const TYPE *)src;                                                                                     \
        for (size_t i = 0; i < n; i++) out[i] = (WIDE)p[i];                                                                    \
        return;                                                                                                                \
    } while (0)

#define STORE(TYPE, VALUE)                                                                                                     \
    do {                                                                                                                       \
        TYPE *p = (TYPE *)dst;                                                                                                 \
        for (size_t i = 0; i < n; i++) p[i] = (TYPE)(VALUE);                                                                   \
        return;                                                                                                                \
    } while (0)

static void load_whole(ig_dtype from, const void *data, size_t first, size_t n, int64_t *out) {
    const void *src = at_index(from, data, first);
    switch (from) {
    case IG_BOOL:
    case IG_U8: LOAD(uint8_t, int64_t);
    case IG_I8: LOAD(int8_t, int64_t);
    case IG_U16: LOAD(uint16_t, int64_t);
    case IG_I16: LOAD(int16_t, int64_t);
    case IG_U32: LOAD(uint32_t, int64_t);
    case IG_I32: LOAD(int32_t, int64_t);
    case IG_U64:
    case IG_I64: memcpy(out, src, n * sizeof *out); return;
    default:
        for (size_t i = 0; i < n; i++) out[i] = ig_load_as_i64(from, data, first + i);
    }
}

static void store_whole(ig_dtype to, void *data, size_t at, size_t n, const int64_t *in) {
    void *dst = (void *)(uintptr_t)at_index(to, data, at);
    switch (to) {
    case IG_BOOL: STORE(uint8_t, in[i] != 0);
    case IG_U8:
    case IG_I8: STORE(uint8_t, in[i]);
    case IG_U16:
    case IG_I16: STORE(uint16_t, in[i]);
    case IG_U32:
    case IG_I32: STORE(uint32_t, in[i]);
    case IG_U64:
    case IG_I64: memcpy(dst, in, n * sizeof *in); return;
    default:
        for (size_t i = 0; i < n; i++) ig_store_i64(to, data, at + i, in[i]);
    }
}

/* Whole numbers up to 32 bits convert straight: the common cases, and fast. */
static void whole_to_f32(ig_dtype from, const void *data, size_t first, size_t n, float *out) {
    const void *src = at_index(from, data, first);
    switch (from) {
    case IG_BOOL:
    case IG_U8: LOAD(uint8_t, float);
    case IG_I8: LOAD(int8_t, float);
    case IG_U16: LOAD(uint16_t, float);
    case IG_I16: LOAD(int16_t, float);
    case IG_U32: LOAD(uint32_t, float);
    case IG_I32: LOAD(int32_t, float);
    case IG_U64: LOAD(uint64_t, float);
    case IG_I64: LOAD(int64_t, float);
    default:
        for (size_t i = 0; i < n; i++) out[i] = (float)ig_load_as_i64(from, data, first + i);
    }
}

/* Toward zero; what no int64 holds becomes the nearest that one does. */
static inline int64_t truncate_f64(double v) {
    return v >= -0x1p63 ? (v < 0x1p63 ? (int64_t)v : INT64_MAX) : v < 0 ? INT64_MIN : 0;
}
static inline int64_t truncate_f32(float v) {
    return v >= -0x1p63f ? (v < 0x1p63f ? (int64_t)v : INT64_MAX) : v < 0 ? INT64_MIN : 0;
}
static inline uint64_t truncate_unsigned(double v) {
    return v >= 0x1p63 ? (v < 0x1p64 ? (uint64_t)v : UINT64_MAX) : (uint64_t)truncate_f64(v);
}

/* Floats of up to 32 bits. */
static void f32_to_whole(const float *in, size_t n, ig_dtype to, void *dst, size_t at, int64_t *wide) {
    if (to == IG_U64) {
        for (size_t i = 0; i < n; i++) ((uint64_t *)dst)[at + i] = truncate_unsigned((double)in[i]);
        return;
    }
    if (to == IG_BOOL)
        for (size_t i = 0; i < n; i++) wide[i] = in[i] != 0;
    else if (to == IG_I32)
        for (size_t i = 0; i < n; i++) wide[i] = ig_clamp_i64(truncate_f32(in[i]), INT32_MIN, INT32_MAX);
    else
        for (size_t i = 0; i < n; i++) wide[i] = truncate_f32(in[i]);
    store_whole(to, dst, at, n, wide);
}

static void f64_to_whole(const double *in, size_t n, ig_dtype to, void *dst, size_t at, int64_t *wide) {
    if (to == IG_U64)
        for (size_t i = 0; i < n; i++) wide[i] = (int64_t)truncate_unsigned(in[i]);
    else if (to == IG_BOOL)
        for (size_t i = 0; i < n; i++) wide[i] = in[i] != 0;
    else if (to == IG_I32)
        for (size_t i = 0; i < n; i++) wide[i] = ig_clamp_i64(truncate_f64(in[i]), INT32_MIN, INT32_MAX);
    else
        for (size_t i = 0; i < n; i++) wide[i] = truncate_f64(in[i]);
    store_whole(to, dst, at, n, wide);
}

static void to_f64(ig_dtype from, const void *src, size_t first, double *out, size_t n) {
    if (from == IG_F32)
        for (size_t i = 0; i < n; i++) out[i] = (double)((const float *)src)[first + i];
    else
        for (size_t i = 0; i < n; i++) out[i] = ig_load_as_f64(from, src, first + i);
}

static void from_f64(const double *in, ig_dtype to, void *dst, size_t at, size_t n, int64_t *wide) {
    if (is_whole(to))
        f64_to_whole(in, n, to, dst, at, wide);
    else if (to == IG_F32)
        for (size_t i = 0; i < n; i++) ((float *)dst)[at + i] = (float)in[i];
    else
        for (size_t i = 0; i < n; i++) ig_store_f64(to, dst, at + i, in[i]);
}

/* One block through int64, float or double: whichever holds the values of both types, so that nothing is rounded twice. */
static void convert_block(ig_dtype from, const void *src, size_t first, ig_dtype to, void *dst, size_t at, size_t n) {
    int64_t whole[BLOCK];
    float real[BLOCK];
    if (from == IG_F64)
        from_f64((const double *)src + first, to, dst, at, n, whole);
    else if (to == IG_F64)
        to_f64(from, src, first, (double *)dst + at, n);
    else if (is_whole(from) && is_whole(to)) {
        load_whole(from, src, first, n, whole);
        store_whole(to, dst, at, n, whole);
    } else {
        float *wide = to == IG_F32 ? (float *)dst + at : real;
        const float *have = from == IG_F32 ? (const float *)src + first : wide;
        if (is_whole(from))
            whole_to_f32(from, src, first, n, wide);
        else if (from != IG_F32)
            ig_to_f32(from, src, first, n, wide);
        if (is_whole(to))
            f32_to_whole(have, n, to, dst, at, whole);
        else if (to != IG_F32)
            ig_from_f32(to, dst, at, n, have);
    }
}

/* A type to itself. */
static void copy(ig_dtype t, const void *src, size_t first, void *dst, size_t at, size_t n) {
    size_t size = ig_dtype_bytes(t);
    if (size)
        memcpy((char *)dst + at * size, (const char *)src + first * size, n * size);
    else
        for (size_t i = 0; i < n; i++) ig_store_bits(t, dst, at + i, ig_load_bits(t, src, first + i));
}

/* The conversions that there are for every instruction set. */
static bool convert_half(const ig_loops *loops, ig_dtype from, const void *src, ig_dtype to, void *dst, size_t n) {
    if (to == IG_F32 && from == IG_F16)
        loops->f16_to_f32(src, n, dst);
    else if (to == IG_F32 && from == IG_BF16)
        loops->bf16_to_f32(src, n, dst);
    else if (from == IG_F32 && to == IG_F16)
        loops->f32_to_f16(src, n, dst);
    else if (from == IG_F32 && to == IG_BF16)
        loops->f32_to_bf16(src, n, dst);
    else
        return false;
    return true;
}

void ig_convert_on(const ig_loops *loops, ig_dtype from, const void *src, size_t first, ig_dtype to, void *dst, size_t at,
                   size_t n) {
    if (from == to) {
        copy(from, src, first, dst, at, n);
        return;
    }
    if (loops && convert_half(loops, from, at_index(from, src, first), to, (void *)(uintptr_t)at_index(to, dst, at), n)) return;
    for (size_t i = 0; i < n; i += BLOCK) convert_block(from, src, first + i, to, dst, at + i, ig_min_size(n - i, BLOCK));
}

void ig_convert(ig_dtype from, const void *src, size_t first, ig_dtype to, void *dst, size_t at, size_t n) {
    ig_convert_on(NULL, from, src, first, to, dst, at, n);
}
