/* A span of bytes and a reader that never passes its end. Loads are little-endian and need no alignment. */
#ifndef IG_BASE_BYTES_H
#define IG_BASE_BYTES_H

#include "base/def.h"

typedef struct ig_span {
    const uint8_t *p;
    size_t n;
} ig_span;

static inline ig_span ig_span_of(ig_str s) { return (ig_span){(const uint8_t *)s.s, s.n}; }
static inline ig_str ig_str_of(ig_span s) { return (ig_str){(const char *)s.p, s.n}; }
/* The n bytes at offset; false when they aren't all inside. */
static inline bool ig_span_sub(ig_span s, size_t offset, size_t n, ig_span *out) {
    if (offset > s.n || n > s.n - offset) return false;
    *out = (ig_span){s.p + offset, n};
    return true;
}

static inline uint16_t ig_load_u16(const void *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t ig_load_u32(const void *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint64_t ig_load_u64(const void *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline float ig_load_f32(const void *p) {
    float v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline double ig_load_f64(const void *p) {
    double v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Reads forward. After a read past the end `failed` is set, the value is 0 and the position stays. */
typedef struct ig_reader {
    ig_span span;
    size_t at;
    bool failed;
} ig_reader;

static inline size_t ig_reader_left(const ig_reader *r) { return r->span.n - r->at; }
ig_span ig_read_bytes(ig_reader *r, size_t n);
uint8_t ig_read_u8(ig_reader *r);
uint16_t ig_read_u16(ig_reader *r);
uint32_t ig_read_u32(ig_reader *r);
uint64_t ig_read_u64(ig_reader *r);

#endif
