/* Netpbm's formats P1 to P6: bits, greys and colours, as text or as bytes (netpbm's pbm(5), pgm(5), ppm(5)). */
#include "codec/picture/picture.h"

typedef struct text {
    const uint8_t *p, *end;
} text;

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static void skip(text *t) {
    while (t->p < t->end && (is_space(*t->p) || *t->p == '#'))
        if (*t->p++ == '#')
            while (t->p < t->end && *t->p != '\n') t->p++;
}

/* A whole number below 2^31. */
static bool number(text *t, uint32_t *value) {
    skip(t);
    const uint8_t *start = t->p;
    for (*value = 0; t->p < t->end && *t->p >= '0' && *t->p <= '9' && *value < (1u << 27); t->p++)
        *value = *value * 10 + (uint32_t)(*t->p - '0');
    return t->p > start;
}

/* The bits of P1 need no space between them. */
static bool bit(text *t, uint32_t *value) {
    skip(t);
    if (t->p == t->end || (*t->p != '0' && *t->p != '1')) return false;
    *value = *t->p++ == '0';
    return true;
}

static bool sample(text *t, char kind, size_t width, uint32_t *value) {
    if (kind == '1') return bit(t, value);
    if (kind <= '3') return number(t, value);
    if (t->p + width > t->end) return false;
    *value = width == 2 ? (uint32_t)(t->p[0] << 8 | t->p[1]) : t->p[0];
    t->p += width;
    return true;
}

/* P4: rows of whole bytes, 1 is black. */
static bool read_bits(text *t, ig_picture *pic) {
    size_t row = (pic->width + 7) / 8;
    if (pic->height > (size_t)(t->end - t->p) / row) return false;
    for (size_t y = 0; y < pic->height; y++)
        for (size_t x = 0; x < pic->width; x++) {
            uint8_t *out = pic->pixels + (y * pic->width + x) * 4;
            memset(out, t->p[y * row + x / 8] >> (7 - x % 8) & 1 ? 0 : 0xFF, 3);
            out[3] = 0xFF;
        }
    return true;
}

static bool read_samples(text *t, char kind, uint32_t most, ig_picture *pic) {
    for (size_t i = 0; i < pic->width * pic->height; i++) {
        uint8_t *out = pic->pixels + i * 4;
        for (size_t k = 0; k < (kind == '3' || kind == '6' ? 3u : 1u); k++) {
            uint32_t v;
            if (!sample(t, kind, most > 255 ? 2 : 1, &v)) return false;
            out[k] = (uint8_t)((ig_min_size(v, most) * 255 + most / 2) / most);
        }
        if (kind != '3' && kind != '6') out[1] = out[2] = out[0];
        out[3] = 0xFF;
    }
    return true;
}

ig_status ig_pnm_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err) {
    text t = {file.p + 2, file.p + file.n};
    char kind = (char)file.p[1];
    uint32_t width, height, most = 1;
    bool bits = kind == '1' || kind == '4';
    if (!number(&t, &width) || !number(&t, &height) || (!bits && !number(&t, &most)) || most < 1 || most > UINT16_MAX)
        return ig_fail(err, IG_E_INPUT, "malformed PNM: no header");
    if (kind >= '4') t.p += t.p < t.end; /* one space before the bytes */
    if ((size_t)width * height / 8 > file.n) return ig_fail(err, IG_E_INPUT, "malformed PNM: the pixels are cut off");
    IG_TRY(ig_picture_create(out, context, width, height, err));
    out->grey = kind != '3' && kind != '6';
    bool ok = kind == '4' ? read_bits(&t, out) : read_samples(&t, kind, most, out);
    return ok ? IG_OK : ig_fail(err, IG_E_INPUT, "malformed PNM: the pixels are cut off");
}
