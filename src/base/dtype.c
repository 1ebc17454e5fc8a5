#include "base/dtype.h"

#include <math.h>

#define FLOAT(name, bits, ir, e, m)                                                                                            \
    { name, bits, IG_NUMBER_FLOAT, ir, e, m }
#define OTHER(name, bits, kind, ir)                                                                                            \
    { name, bits, IG_NUMBER_##kind, ir, 0, 0 }

const ig_dtype_info ig_dtypes[IG_DTYPE_COUNT] = {
    [IG_UNDEFINED] = OTHER("undefined", 0, NONE, 1),
    [IG_F32] = FLOAT("float", 32, 1, 8, 23),
    [IG_U8] = OTHER("uint8", 8, UNSIGNED, 1),
    [IG_I8] = OTHER("int8", 8, SIGNED, 1),
    [IG_U16] = OTHER("uint16", 16, UNSIGNED, 1),
    [IG_I16] = OTHER("int16", 16, SIGNED, 1),
    [IG_I32] = OTHER("int32", 32, SIGNED, 1),
    [IG_I64] = OTHER("int64", 64, SIGNED, 1),
    [IG_STRING] = OTHER("string", 8 * sizeof(ig_str), NONE, 1),
    [IG_BOOL] = OTHER("bool", 8, BOOL, 1),
    [IG_F16] = FLOAT("float16", 16, 1, 5, 10),
    [IG_F64] = FLOAT("double", 64, 1, 11, 52),
    [IG_U32] = OTHER("uint32", 32, UNSIGNED, 1),
    [IG_U64] = OTHER("uint64", 64, UNSIGNED, 1),
    [IG_C64] = OTHER("complex64", 64, COMPLEX, 1),
    [IG_C128] = OTHER("complex128", 128, COMPLEX, 1),
    [IG_BF16] = FLOAT("bfloat16", 16, 4, 8, 7),
    [IG_F8E4M3FN] = FLOAT("float8e4m3fn", 8, 9, 4, 3),
    [IG_F8E4M3FNUZ] = FLOAT("float8e4m3fnuz", 8, 9, 4, 3),
    [IG_F8E5M2] = FLOAT("float8e5m2", 8, 9, 5, 2),
    [IG_F8E5M2FNUZ] = FLOAT("float8e5m2fnuz", 8, 9, 5, 2),
    [IG_U4] = OTHER("uint4", 4, UNSIGNED, 10),
    [IG_I4] = OTHER("int4", 4, SIGNED, 10),
    [IG_F4E2M1] = FLOAT("float4e2m1", 4, 11, 2, 1),
    [IG_F8E8M0] = FLOAT("float8e8m0", 8, 12, 8, 0),
    [IG_U2] = OTHER("uint2", 2, UNSIGNED, 13),
    [IG_I2] = OTHER("int2", 2, SIGNED, 13),
    [IG_F6E2M3] = FLOAT("float6e2m3", 6, 14, 2, 3),
    [IG_F6E3M2] = FLOAT("float6e3m2", 6, 14, 3, 2),
};

const char *ig_dtype_name(ig_dtype dtype) { return (unsigned)dtype < IG_DTYPE_COUNT ? ig_dtypes[dtype].name : NULL; }

unsigned ig_dtype_bits(ig_dtype dtype) {
    return (unsigned)dtype < IG_DTYPE_COUNT && dtype != IG_STRING ? ig_dtypes[dtype].bits : 0;
}

ig_dtype ig_dtype_from_name(const char *name) {
    for (int i = 1; i < IG_DTYPE_COUNT; i++)
        if (strcmp(ig_dtypes[i].name, name) == 0) return (ig_dtype)i;
    return IG_UNDEFINED;
}

bool ig_dtype_size(ig_dtype dtype, int64_t count, size_t *bytes) {
    size_t bits, n = (size_t)count, unit = ig_dtypes[dtype].bits;
    if (count < 0) return false;
    if (unit % 8 == 0) return !ig_mul_overflows(n, unit / 8, bytes);
    if (ig_mul_overflows(n, unit, &bits)) return false;
    *bytes = bits / 8 + (bits % 8 != 0);
    return true;
}

float ig_f64_to_odd_f32(double d) {
    float f = (float)d;
    if (isnan(d) || isinf(f) || (double)f == d) return f;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (!(bits & 1u)) bits = fabs((double)f) > fabs(d) ? bits - 1 : bits + 1;
    return ig_load_f32(&bits);
}

uint16_t ig_f64_to_f16(double d) { return ig_f32_to_f16(ig_f64_to_odd_f32(d)); }

/* How each small float treats its top codes. Sources: arXiv 2209.05433 (fn, e5m2), arXiv 2206.02915 (fnuz), OCP Microscaling
 * Formats v1.0 (e8m0, 6 and 4 bits). */
typedef struct small_float {
    int bias;
    uint8_t max_code; /* largest finite magnitude */
    uint8_t nan_code; /* without sign; 0: the format has no NaN */
    uint8_t inf_code; /* 0: no infinity */
    bool fnuz;        /* no negative zero: its code is the NaN */
} small_float;

static const small_float small_floats[IG_DTYPE_COUNT] = {
    [IG_F8E4M3FN] = {7, 0x7E, 0x7F, 0, false},   [IG_F8E4M3FNUZ] = {8, 0x7F, 0x80, 0, true},
    [IG_F8E5M2] = {15, 0x7B, 0x7F, 0x7C, false}, [IG_F8E5M2FNUZ] = {16, 0x7F, 0x80, 0, true},
    [IG_F4E2M1] = {1, 0x07, 0, 0, false},        [IG_F6E2M3] = {1, 0x1F, 0, 0, false},
    [IG_F6E3M2] = {3, 0x1F, 0, 0, false},        [IG_F8E8M0] = {127, 0xFE, 0xFF, 0, false},
};

float ig_small_float_decode(ig_dtype dtype, uint8_t bits) {
    const small_float *s = &small_floats[dtype];
    if (dtype == IG_F8E8M0) return bits == 0xFF ? NAN : ldexpf(1.0f, bits - 127);
    int m_bits = ig_dtypes[dtype].mantissa, sign_bit = ig_dtypes[dtype].exponent + m_bits;
    int code = bits & ((1 << sign_bit) - 1);
    bool negative = (bits >> sign_bit) & 1;
    if (s->fnuz ? bits == 0x80 : s->nan_code && code > (s->inf_code ? s->inf_code : s->max_code)) return negative ? -NAN : NAN;
    if (s->inf_code && code == s->inf_code) return negative ? -INFINITY : INFINITY;
    int exponent = code >> m_bits, mantissa = code & ((1 << m_bits) - 1);
    float v = exponent ? ldexpf((float)(mantissa + (1 << m_bits)), exponent - s->bias - m_bits)
                       : ldexpf((float)mantissa, 1 - s->bias - m_bits);
    return negative ? -v : v;
}

static uint8_t encode_e8m0(float v) {
    if (isnan(v)) return 0xFF;
    v = fabsf(v);
    if (isinf(v)) return 0xFE;
    int e;
    float f = frexpf(v, &e); /* v = f * 2^e, f in [0.5, 1) */
    int code = e - 1 + (f > 0.75f || (f == 0.75f && (e & 1)) ? 1 : 0) + 127;
    return (uint8_t)(v == 0 || code < 0 ? 0 : code > 0xFE ? 0xFE : code);
}

uint8_t ig_small_float_encode(ig_dtype dtype, float value, bool saturate) {
    if (dtype == IG_F8E8M0) return encode_e8m0(value);
    const small_float *s = &small_floats[dtype];
    int m_bits = ig_dtypes[dtype].mantissa;
    unsigned sign = signbit(value) ? 1u << (ig_dtypes[dtype].exponent + m_bits) : 0;
    unsigned overflow = saturate || !s->nan_code ? s->max_code : s->inf_code ? s->inf_code : s->nan_code;
    unsigned no_nan = 1u << (ig_dtypes[dtype].exponent + m_bits); /* -0, as common implementations give */
    if (isnan(value)) return (uint8_t)(s->fnuz ? 0x80 : s->nan_code ? sign | s->nan_code : no_nan);
    if (s->fnuz && overflow == s->nan_code) sign = isinf(value) ? 0 : sign;
    float a = fabsf(value);
    unsigned code;
    if (isinf(a))
        code = overflow;
    else {
        int e;
        frexpf(a, &e);
        e = a == 0 || e - 1 < 1 - s->bias ? 1 - s->bias : e - 1; /* exponent of the leading bit, or of the subnormals */
        unsigned q = (unsigned)rintf(ldexpf(a, m_bits - e));     /* to nearest even; below 2^(m_bits+1) + 1 */
        if (q >> (m_bits + 1)) {
            q >>= 1;
            e++;
        }
        unsigned long long c = q >> m_bits ? ((unsigned long long)(e + s->bias) << m_bits) + (q - (1u << m_bits)) : q;
        code = c > s->max_code ? overflow : (unsigned)c;
    }
    if (s->fnuz && (code == 0 || code == 0x80)) return (uint8_t)code;
    return (uint8_t)(sign | code);
}

uint8_t ig_load_bits(ig_dtype dtype, const void *data, size_t i) {
    const uint8_t *p = data;
    unsigned width = ig_dtypes[dtype].bits;
    if (width == 8) return p[i];
    size_t bit = (i % 8) * width; /* groups of 8 elements fill whole bytes */
    p += i / 8 * width + bit / 8;
    unsigned shift = (unsigned)(bit % 8), v = (unsigned)p[0] >> shift;
    if (shift + width > 8) v |= (unsigned)p[1] << (8 - shift);
    return (uint8_t)(v & ((1u << width) - 1));
}

void ig_store_bits(ig_dtype dtype, void *data, size_t i, uint8_t bits) {
    uint8_t *p = data;
    unsigned width = ig_dtypes[dtype].bits;
    if (width == 8) {
        p[i] = bits;
        return;
    }
    size_t bit = (i % 8) * width;
    p += i / 8 * width + bit / 8;
    unsigned shift = (unsigned)(bit % 8), mask = (1u << width) - 1, v = bits & mask;
    p[0] = (uint8_t)((p[0] & ~(mask << shift)) | (v << shift));
    if (shift + width > 8) p[1] = (uint8_t)((p[1] & ~(mask >> (8 - shift))) | (v >> (8 - shift)));
}

static int64_t sign_extend(uint8_t v, unsigned width) { return v >> (width - 1) ? (int64_t)v - (1 << width) : v; }

int64_t ig_load_as_i64(ig_dtype dtype, const void *data, size_t i) {
    const uint8_t *p = data;
    switch (dtype) {
    case IG_U8: return p[i];
    case IG_BOOL: return p[i] != 0;
    case IG_I8: return (int8_t)p[i];
    case IG_U16: return ig_load_u16(p + 2 * i);
    case IG_I16: return (int16_t)ig_load_u16(p + 2 * i);
    case IG_U32: return ig_load_u32(p + 4 * i);
    case IG_I32: return (int32_t)ig_load_u32(p + 4 * i);
    case IG_U64:
    case IG_I64: return (int64_t)ig_load_u64(p + 8 * i);
    case IG_U2:
    case IG_U4: return ig_load_bits(dtype, data, i);
    case IG_I2:
    case IG_I4: return sign_extend(ig_load_bits(dtype, data, i), ig_dtypes[dtype].bits);
    default: break;
    }
    double v = ig_load_as_f64(dtype, data, i);
    return isnan(v) ? 0 : v >= 0x1p63 ? INT64_MAX : v <= -0x1p63 ? INT64_MIN : (int64_t)v;
}

double ig_load_as_f64(ig_dtype dtype, const void *data, size_t i) {
    const uint8_t *p = data;
    switch (dtype) {
    case IG_F32: return (double)ig_load_f32(p + 4 * i);
    case IG_F64: return ig_load_f64(p + 8 * i);
    case IG_F16: return (double)ig_f16_to_f32(ig_load_u16(p + 2 * i));
    case IG_BF16: return (double)ig_bf16_to_f32(ig_load_u16(p + 2 * i));
    case IG_U64: return (double)ig_load_u64(p + 8 * i);
    default: break;
    }
    if (ig_dtype_is_float(dtype)) return (double)ig_small_float_decode(dtype, ig_load_bits(dtype, data, i));
    return ig_dtype_number(dtype) == IG_NUMBER_NONE || ig_dtype_number(dtype) == IG_NUMBER_COMPLEX
               ? 0
               : (double)ig_load_as_i64(dtype, data, i);
}

void ig_store_i64(ig_dtype dtype, void *data, size_t i, int64_t value) {
    uint8_t *p = data;
    switch (dtype) {
    case IG_BOOL: p[i] = value != 0; return;
    case IG_U2:
    case IG_I2:
    case IG_U4:
    case IG_I4:
    case IG_U8:
    case IG_I8: ig_store_bits(dtype, data, i, (uint8_t)value); return;
    case IG_U16:
    case IG_I16: memcpy(p + 2 * i, &value, 2); return; /* little-endian: the low bytes come first */
    case IG_U32:
    case IG_I32: memcpy(p + 4 * i, &value, 4); return;
    case IG_U64:
    case IG_I64: memcpy(p + 8 * i, &value, 8); return;
    default: ig_store_f64(dtype, data, i, (double)value);
    }
}

void ig_store_f64(ig_dtype dtype, void *data, size_t i, double value) {
    uint8_t *p = data;
    float f = (float)value;
    uint16_t h;
    switch (dtype) {
    case IG_F32: memcpy(p + 4 * i, &f, 4); return;
    case IG_F64: memcpy(p + 8 * i, &value, 8); return;
    case IG_F16:
        h = ig_f64_to_f16(value);
        memcpy(p + 2 * i, &h, 2);
        return;
    case IG_BF16:
        h = ig_f32_to_bf16(ig_f64_to_odd_f32(value));
        memcpy(p + 2 * i, &h, 2);
        return;
    case IG_BOOL: p[i] = value != 0; return;
    case IG_STRING:
    case IG_C64:
    case IG_C128: return;
    default: break;
    }
    if (ig_dtype_is_float(dtype)) {
        ig_store_bits(dtype, data, i, ig_small_float_encode(dtype, ig_f64_to_odd_f32(value), true));
        return;
    }
    if (dtype == IG_U64 && value >= 0x1p63) {
        uint64_t u = value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
        memcpy(p + 8 * i, &u, 8);
        return;
    }
    ig_store_i64(dtype, data, i,
                 isnan(value)       ? 0
                 : value >= 0x1p63  ? INT64_MAX
                 : value <= -0x1p63 ? INT64_MIN
                                    : (int64_t)value);
}

void ig_to_f32(ig_dtype dtype, const void *data, size_t first, size_t n, float *out) {
    const uint8_t *p = data;
    switch (dtype) {
    case IG_F32: memcpy(out, p + 4 * first, 4 * n); return;
    case IG_F16:
        for (size_t i = 0; i < n; i++) out[i] = ig_f16_to_f32(ig_load_u16(p + 2 * (first + i)));
        return;
    case IG_BF16:
        for (size_t i = 0; i < n; i++) out[i] = ig_bf16_to_f32(ig_load_u16(p + 2 * (first + i)));
        return;
    default:
        for (size_t i = 0; i < n; i++) out[i] = (float)ig_load_as_f64(dtype, data, first + i);
    }
}

void ig_from_f32(ig_dtype dtype, void *data, size_t first, size_t n, const float *in) {
    uint8_t *p = data;
    uint16_t h;
    switch (dtype) {
    case IG_F32: memcpy(p + 4 * first, in, 4 * n); return;
    case IG_F16:
        for (size_t i = 0; i < n; i++) h = ig_f32_to_f16(in[i]), memcpy(p + 2 * (first + i), &h, 2);
        return;
    case IG_BF16:
        for (size_t i = 0; i < n; i++) h = ig_f32_to_bf16(in[i]), memcpy(p + 2 * (first + i), &h, 2);
        return;
    default:
        for (size_t i = 0; i < n; i++) ig_store_f64(dtype, data, first + i, (double)in[i]);
    }
}
