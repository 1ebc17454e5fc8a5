/* StringFingerprint of the domain "igata": 64 bits for each string, as TensorFlow sorts strings into buckets by: FarmHash's
 * Fingerprint64 (Geoff Pike), or with the two numbers of `key` SipHash-2-4 (Aumasson and Bernstein, 2012). */
#include "ops/text/text.h"

static uint64_t rotated(uint64_t x, int n) { return x >> n | x << (64 - n); }
static uint64_t mixed(uint64_t x) { return x ^ x >> 47; }

/* ------------------------------------------------------------------------------------------------------------- FarmHash */

static const uint64_t k0 = 0xC3A5C85C97CB3127u, k1 = 0xB492B66FBE98F273u, k2 = 0x9AE16A3B2F90404Fu;

static uint64_t join(uint64_t u, uint64_t v, uint64_t m) { return mixed((v ^ mixed((u ^ v) * m)) * m) * m; }

static uint64_t up_to_16(const char *s, size_t n) {
    uint64_t m = k2 + n * 2;
    if (n >= 8) {
        uint64_t a = ig_load_u64(s) + k2, b = ig_load_u64(s + n - 8);
        return join(rotated(b, 37) * m + a, (rotated(a, 25) + b) * m, m);
    }
    if (n >= 4) return join(n + ((uint64_t)ig_load_u32(s) << 3), ig_load_u32(s + n - 4), m);
    if (n == 0) return k2;
    uint32_t y = (uint8_t)s[0] + ((uint32_t)(uint8_t)s[n >> 1] << 8), z = (uint32_t)n + ((uint32_t)(uint8_t)s[n - 1] << 2);
    return mixed(y * k2 ^ z * k0) * k2;
}

static uint64_t up_to_32(const char *s, size_t n) {
    uint64_t m = k2 + n * 2, a = ig_load_u64(s) * k1, b = ig_load_u64(s + 8), c = ig_load_u64(s + n - 8) * m,
             d = ig_load_u64(s + n - 16) * k2;
    return join(rotated(a + b, 43) + rotated(c, 30) + d, a + rotated(b + k2, 18) + c, m);
}

static uint64_t up_to_64(const char *s, size_t n) {
    uint64_t m = k2 + n * 2, a = ig_load_u64(s) * k2, b = ig_load_u64(s + 8), c = ig_load_u64(s + n - 8) * m,
             d = ig_load_u64(s + n - 16) * k2;
    uint64_t y = rotated(a + b, 43) + rotated(c, 30) + d, z = join(y, a + rotated(b + k2, 18) + c, m);
    uint64_t e = ig_load_u64(s + 16) * m, f = ig_load_u64(s + 24);
    uint64_t g = (y + ig_load_u64(s + n - 32)) * m, h = (z + ig_load_u64(s + n - 24)) * m;
    return join(rotated(e + f, 43) + rotated(g, 30) + h, e + rotated(f + a, 18) + g, m);
}

typedef struct pair {
    uint64_t a, b;
} pair;

static pair weak(const char *s, uint64_t a, uint64_t b) {
    uint64_t w = ig_load_u64(s), x = ig_load_u64(s + 8), y = ig_load_u64(s + 16), z = ig_load_u64(s + 24);
    a += w;
    b = rotated(b + a + z, 21);
    uint64_t c = a;
    a += x + y;
    b += rotated(a, 44);
    return (pair){a + z, b + c};
}

typedef struct farm {
    uint64_t x, y, z;
    pair v, w;
} farm;

/* 64 bytes; the last round weighs a few things more. */
static void round64(farm *f, const char *s, uint64_t m, uint64_t weight) {
    f->x = rotated(f->x + f->y + f->v.a + ig_load_u64(s + 8), 37) * m;
    f->y = rotated(f->y + f->v.b + ig_load_u64(s + 48), 42) * m;
    f->x ^= f->w.b * weight;
    f->y += f->v.a * weight + ig_load_u64(s + 40);
    f->z = rotated(f->z + f->w.a, 33) * m;
    f->v = weak(s, f->v.b * m, f->x + f->w.a);
    f->w = weak(s + 32, f->z + f->w.b, f->y + ig_load_u64(s + 16));
    uint64_t z = f->z;
    f->z = f->x;
    f->x = z;
}

static uint64_t farmhash(ig_str text) {
    const char *s = text.s;
    size_t n = text.n;
    if (n <= 16) return up_to_16(s, n);
    if (n <= 32) return up_to_32(s, n);
    if (n <= 64) return up_to_64(s, n);
    const uint64_t seed = 81;
    farm f = {.x = seed * k2 + ig_load_u64(s), .y = seed * k1 + 113};
    f.z = mixed(f.y * k2 + 113) * k2;
    const char *end = s + (n - 1) / 64 * 64, *last = end + ((n - 1) & 63) - 63;
    for (; s != end; s += 64) round64(&f, s, k1, 1);
    uint64_t m = k1 + ((f.z & 0xff) << 1);
    f.w.a += (n - 1) & 63;
    f.v.a += f.w.a;
    f.w.a += f.v.a;
    round64(&f, last, m, 9);
    return join(join(f.v.a, f.w.a, m) + mixed(f.y) * k0 + f.z, join(f.v.b, f.w.b, m) + f.x, m);
}

/* -------------------------------------------------------------------------------------------------------------- SipHash */

static void sip_rounds(uint64_t *v, int n) {
    for (; n > 0; n--) {
        v[0] += v[1];
        v[1] = rotated(v[1], 64 - 13) ^ v[0];
        v[0] = rotated(v[0], 32);
        v[2] += v[3];
        v[3] = rotated(v[3], 64 - 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotated(v[3], 64 - 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotated(v[1], 64 - 17) ^ v[2];
        v[2] = rotated(v[2], 32);
    }
}

static uint64_t siphash(ig_str s, uint64_t a, uint64_t b) {
    uint64_t v[4] = {a ^ 0x736f6d6570736575u, b ^ 0x646f72616e646f6du, a ^ 0x6c7967656e657261u, b ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)s.n << 56;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t word = ig_load_u64(s.s + i);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
    }
    for (size_t k = 0; i + k < s.n; k++) last |= (uint64_t)(uint8_t)s.s[i + k] << 8 * k;
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ------------------------------------------------------------------------------------------------------------- operator */

static ig_status infer(ig_infer *c) {
    ig_shape x;
    return ig_infer_set(c, 0, IG_U64, ig_infer_shape(c, 0, &x) ? &x : NULL);
}

static ig_status run(ig_call *c) {
    size_t n;
    const int64_t *key = ig_attr_ints(c->node, "key", &n);
    IG_TRY(ig_call_strings(c, 0));
    if (n != 0 && n != 2) return ig_call_fail(c, "the key has %zu numbers, and not 2", n);
    uint64_t *out = c->out[0]->data;
    for (size_t i = 0; i < c->in[0]->count; i++) {
        ig_str s = ig_tensor_strings(c->in[0])[i];
        out[i] = n ? siphash(s, (uint64_t)key[0], (uint64_t)key[1]) : farmhash(s);
    }
    return IG_OK;
}

const ig_op ig_op_string_fingerprint = {.name = "StringFingerprint", .domain = "igata", .since = 1, .infer = infer, .run = run};
