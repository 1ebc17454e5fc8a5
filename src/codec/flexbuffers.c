#include "codec/flexbuffers.h"

/* FlexBuffers' numbers of types (flexbuffers.h of the specification). */
enum {
    T_NULL = 0,
    T_INT = 1,
    T_UINT = 2,
    T_FLOAT = 3,
    T_KEY = 4,
    T_STRING = 5,
    T_INDIRECT_INT = 6,
    T_INDIRECT_UINT = 7,
    T_INDIRECT_FLOAT = 8,
    T_MAP = 9,
    T_VECTOR = 10,
    T_VECTOR_INT = 11,
    T_VECTOR_STRING = 15,
    T_VECTOR_INT2 = 16,
    T_VECTOR_FLOAT4 = 24,
    T_BLOB = 25,
    T_BOOL = 26,
    T_VECTOR_BOOL = 36,
};

static bool load_uint(ig_span d, size_t at, uint8_t width, uint64_t *out) {
    ig_span s;
    if (!ig_span_sub(d, at, width, &s)) return false;
    *out = width == 1 ? *s.p : width == 2 ? ig_load_u16(s.p) : width == 4 ? ig_load_u32(s.p) : ig_load_u64(s.p);
    return true;
}

/* Offsets lead back from where they stand. */
static bool follow(ig_span d, size_t at, uint8_t width, size_t *to) {
    uint64_t back;
    if (!load_uint(d, at, width, &back) || back == 0 || back > at) return false;
    *to = at - (size_t)back;
    return true;
}

static bool fits(ig_span d, size_t at, uint64_t n, size_t size) {
    size_t bytes;
    return n <= SIZE_MAX && !ig_mul_overflows((size_t)n, size, &bytes) && at <= d.n && bytes <= d.n - at;
}

/* A string, blob or vector has its size in front. Untyped vectors have a byte per element behind them for the types. */
static bool sized(ig_flex *v, uint8_t element, bool types) {
    if (v->at < v->width || !load_uint(v->data, v->at - v->width, v->width, &v->n)) return false;
    return fits(v->data, v->at, v->n, (size_t)element + types);
}

static bool resolve_key(ig_flex *v) {
    const uint8_t *end = memchr(v->data.p + v->at, 0, v->data.n - v->at);
    v->kind = IG_FLEX_STRING;
    v->n = end ? (uint64_t)(end - (v->data.p + v->at)) : 0;
    return end != NULL;
}

static bool resolve_target(ig_flex *v) {
    switch (v->type) {
    case T_KEY: return resolve_key(v);
    case T_STRING:
    case T_BLOB: v->kind = IG_FLEX_STRING; return sized(v, 1, false);
    case T_INDIRECT_INT: v->type = T_INT; break;
    case T_INDIRECT_UINT: v->type = T_UINT; break;
    case T_INDIRECT_FLOAT: v->type = T_FLOAT; break;
    case T_MAP: v->kind = IG_FLEX_MAP; return v->at >= 3 * (size_t)v->width && sized(v, v->width, true);
    case T_VECTOR: v->kind = IG_FLEX_VECTOR; return sized(v, v->width, true);
    default:
        v->kind = IG_FLEX_VECTOR;
        if (v->type >= T_VECTOR_INT2 && v->type <= T_VECTOR_FLOAT4) { /* tuples of 2, 3 or 4, without a size */
            v->n = 2 + (v->type - T_VECTOR_INT2) / 3u;
            return fits(v->data, v->at, v->n, v->width);
        }
        return ((v->type >= T_VECTOR_INT && v->type <= T_VECTOR_STRING) || v->type == T_VECTOR_BOOL) &&
               sized(v, v->width, false);
    }
    v->kind = v->type == T_FLOAT ? IG_FLEX_FLOAT : IG_FLEX_INT;
    return fits(v->data, v->at, 1, v->width);
}

/* The value in a slot of `parent` bytes; its type byte says what it is and how wide the thing is that it points to. */
static ig_flex value_at(ig_span d, size_t at, uint8_t parent, uint8_t packed) {
    ig_flex v = {.data = d, .type = packed >> 2, .width = (uint8_t)(1u << (packed & 3)), .at = at}, null = {.data = d};
    if (!fits(d, at, 1, parent)) return null;
    if (v.type <= T_FLOAT || v.type == T_BOOL) {
        v.width = parent;
        v.kind = v.type == T_NULL    ? IG_FLEX_NULL
                 : v.type == T_FLOAT ? IG_FLEX_FLOAT
                 : v.type == T_BOOL  ? IG_FLEX_BOOL
                                     : IG_FLEX_INT;
        return v;
    }
    return follow(d, at, parent, &v.at) && resolve_target(&v) ? v : null;
}

ig_flex ig_flex_root(ig_span d) {
    if (d.n < 3) return (ig_flex){.data = d};
    uint8_t width = d.p[d.n - 1], packed = d.p[d.n - 2];
    bool good = width == 1 || width == 2 || width == 4 || width == 8;
    if (!good || d.n < 2u + width) return (ig_flex){.data = d};
    return value_at(d, d.n - 2 - width, width, packed);
}

ig_flex ig_flex_at(const ig_flex *v, uint64_t i) {
    ig_flex null = {.data = v->data};
    if ((v->kind != IG_FLEX_VECTOR && v->kind != IG_FLEX_MAP) || i >= v->n) return null;
    size_t at = v->at + (size_t)i * v->width;
    if (v->type == T_VECTOR || v->type == T_MAP)
        return value_at(v->data, at, v->width, v->data.p[v->at + (size_t)v->n * v->width + (size_t)i]);
    uint8_t type = v->type == T_VECTOR_BOOL   ? T_BOOL
                   : v->type >= T_VECTOR_INT2 ? (uint8_t)(T_INT + (v->type - T_VECTOR_INT2) % 3)
                                              : (uint8_t)(T_INT + (v->type - T_VECTOR_INT));
    return value_at(v->data, at, v->width, (uint8_t)(type << 2));
}

/* In front of a map's size stand the width of its vector of keys and the offset to it. */
static ig_flex keys_of(const ig_flex *map) {
    ig_flex keys = {.data = map->data, .type = T_VECTOR_INT + (T_KEY - T_INT)}, null = {.data = map->data};
    uint64_t width;
    if (map->kind != IG_FLEX_MAP || map->at < 3 * (size_t)map->width) return null;
    if (!load_uint(map->data, map->at - 2 * (size_t)map->width, map->width, &width)) return null;
    if (width != 1 && width != 2 && width != 4 && width != 8) return null;
    keys.width = (uint8_t)width;
    if (!follow(map->data, map->at - 3 * (size_t)map->width, map->width, &keys.at)) return null;
    return resolve_target(&keys) && keys.n == map->n ? keys : null;
}

ig_str ig_flex_key(const ig_flex *map, uint64_t i) {
    ig_flex keys = keys_of(map), key = ig_flex_at(&keys, i);
    return ig_flex_str(&key);
}

ig_flex ig_flex_get(const ig_flex *map, const char *key) {
    ig_flex keys = keys_of(map);
    for (uint64_t i = 0; i < keys.n; i++) {
        ig_flex k = ig_flex_at(&keys, i);
        if (ig_str_is(ig_flex_str(&k), key)) return ig_flex_at(map, i);
    }
    return (ig_flex){.data = map->data};
}

static double load_float(const ig_flex *v) {
    const uint8_t *p = v->data.p + v->at;
    return v->width == 8   ? ig_load_f64(p)
           : v->width == 4 ? (double)ig_load_f32(p)
           : v->width == 2 ? (double)ig_f16_to_f32(ig_load_u16(p))
                           : 0;
}

int64_t ig_flex_int(const ig_flex *v) {
    uint64_t u = 0;
    if (v->kind == IG_FLEX_FLOAT) {
        double d = load_float(v);
        return ig_load_as_i64(IG_F64, &d, 0);
    }
    if ((v->kind != IG_FLEX_INT && v->kind != IG_FLEX_BOOL) || !load_uint(v->data, v->at, v->width, &u)) return 0;
    if (v->type != T_INT) return (int64_t)u;
    return v->width == 1 ? (int8_t)u : v->width == 2 ? (int16_t)u : v->width == 4 ? (int32_t)u : (int64_t)u;
}

double ig_flex_float(const ig_flex *v) {
    if (v->kind == IG_FLEX_FLOAT) return load_float(v);
    int64_t i = ig_flex_int(v);
    return v->type == T_UINT ? (double)(uint64_t)i : (double)i;
}

ig_str ig_flex_str(const ig_flex *v) {
    if (v->kind != IG_FLEX_STRING) return (ig_str){0};
    return (ig_str){(const char *)v->data.p + v->at, (size_t)v->n};
}
