#include "base/bytes.h"

ig_span ig_read_bytes(ig_reader *r, size_t n) {
    ig_span out = {0};
    if (r->failed || !ig_span_sub(r->span, r->at, n, &out))
        r->failed = true;
    else
        r->at += n;
    return out;
}

#define READ(name, type, load)                                                                                                 \
    type name(ig_reader *r) {                                                                                                  \
        ig_span s = ig_read_bytes(r, sizeof(type));                                                                            \
        return r->failed ? 0 : load(s.p);                                                                                      \
    }

static uint8_t load_u8(const void *p) { return *(const uint8_t *)p; }

READ(ig_read_u8, uint8_t, load_u8)
READ(ig_read_u16, uint16_t, ig_load_u16)
READ(ig_read_u32, uint32_t, ig_load_u32)
READ(ig_read_u64, uint64_t, ig_load_u64)
