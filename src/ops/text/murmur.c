/* MurmurHash3 of com.microsoft: the 32-bit hash of each element's bytes (Austin Appleby, MurmurHash3_x86_32). */
#include "ops/text/text.h"

static ig_status infer_murmur(ig_infer *c) {
    ig_shape x;
    return ig_infer_set(c, 0, ig_attr_int(c->node, "positive") ? IG_U32 : IG_I32, ig_infer_shape(c, 0, &x) ? &x : NULL);
}

static uint32_t rotate(uint32_t x, unsigned by) { return x << by | x >> (32 - by); }

static uint32_t mix(uint32_t k) { return rotate(k * 0xCC9E2D51u, 15) * 0x1B873593u; }

static uint32_t murmur(const uint8_t *p, size_t n, uint32_t h) {
    size_t i = 0;
    uint32_t tail = 0;
    for (; i + 4 <= n; i += 4) h = rotate(h ^ mix(ig_load_u32(p + i)), 13) * 5 + 0xE6546B64u;
    for (size_t k = n; k-- > i;) tail = tail << 8 | p[k];
    if (i < n) h ^= mix(tail);
    h ^= (uint32_t)n;
    h = (h ^ h >> 16) * 0x85EBCA6Bu;
    h = (h ^ h >> 13) * 0xC2B2AE35u;
    return h ^ h >> 16;
}

static ig_status run_murmur(ig_call *c) {
    const ig_tensor *x = c->in[0];
    uint32_t seed = (uint32_t)ig_attr_int(c->node, "seed");
    size_t size = ig_dtype_bytes(x->dtype);
    if (!c->out[0] || x->kind != IG_KIND_TENSOR || (x->dtype != IG_STRING && size != 4 && size != 8))
        return ig_call_no_kernel(c, x->dtype);
    for (size_t i = 0; i < x->count; i++) {
        ig_str bytes = x->dtype == IG_STRING ? ig_tensor_strings(x)[i] : (ig_str){(const char *)x->data + i * size, size};
        ((uint32_t *)c->out[0]->data)[i] = murmur((const uint8_t *)bytes.s, bytes.n, seed);
    }
    return IG_OK;
}

const ig_op ig_op_ms_murmur_hash3 = {
    .name = "MurmurHash3", .domain = "com.microsoft", .since = 1, .infer = infer_murmur, .run = run_murmur};
