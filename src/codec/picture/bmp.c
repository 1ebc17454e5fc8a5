/* Windows bitmaps: palettes of 1, 2, 4 and 8 bits, 16 to 32 bits with or without masks; not compressed ones. After Microsoft's
 * description of BITMAPFILEHEADER, BITMAPCOREHEADER and BITMAPINFOHEADER to BITMAPV5HEADER. */
#include "codec/picture/picture.h"

enum { FILE_HEADER = 14, CORE = 12, INFO = 40, BI_RGB = 0, BI_BITFIELDS = 3, BI_ALPHABITFIELDS = 6 };

typedef struct bitmap {
    ig_span file;
    size_t pixels, width, height, bits, row; /* row: bytes of one */
    bool upside_down;                        /* rows go from the lowest to the highest */
    const uint8_t *palette;
    size_t colours, colour; /* bytes of an entry */
    uint32_t masks[4];      /* red green blue alpha */
} bitmap;

static uint32_t get(ig_span file, size_t at, size_t n) {
    uint32_t v = 0;
    for (size_t i = 0; i < n && at + i < file.n; i++) v |= (uint32_t)file.p[at + i] << 8 * i;
    return v;
}

static ig_status malformed(ig_error *err, const char *what) { return ig_fail(err, IG_E_INPUT, "malformed BMP: %s", what); }

static ig_status read_masks(bitmap *b, uint32_t header, uint32_t compression, ig_error *err) {
    static const uint32_t of_16[4] = {0x7C00, 0x3E0, 0x1F, 0}, of_32[4] = {0xFF0000, 0xFF00, 0xFF, 0};
    memcpy(b->masks, b->bits == 16 ? of_16 : of_32, sizeof b->masks);
    if (compression == BI_RGB) return IG_OK;
    if (compression != BI_BITFIELDS && compression != BI_ALPHABITFIELDS)
        return ig_fail(err, IG_E_UNSUPPORTED, "compressed BMP (method %u) can't be read", compression);
    if (b->bits != 16 && b->bits != 32) return malformed(err, "masks for pixels of neither 16 nor 32 bits");
    bool alpha = header > INFO + 12 || compression == BI_ALPHABITFIELDS;
    for (size_t i = 0; i < 4; i++) b->masks[i] = i < 3 || alpha ? get(b->file, FILE_HEADER + INFO + 4 * i, 4) : 0;
    return IG_OK;
}

static ig_status read_header(bitmap *b, ig_error *err) {
    uint32_t header = get(b->file, 14, 4), compression = BI_RGB, used = 0;
    if (b->file.n < 26 || (header != CORE && header < INFO) || header > b->file.n) return malformed(err, "no header");
    b->pixels = get(b->file, 10, 4);
    if (header == CORE) {
        b->width = get(b->file, 18, 2), b->height = get(b->file, 20, 2), b->bits = get(b->file, 24, 2);
        b->upside_down = true;
    } else {
        int64_t height = (int32_t)get(b->file, 22, 4), width = (int32_t)get(b->file, 18, 4);
        if (width < 1) return malformed(err, "no width");
        b->width = (size_t)width, b->height = (size_t)(height < 0 ? -height : height), b->bits = get(b->file, 28, 2);
        b->upside_down = height > 0;
        compression = get(b->file, 30, 4), used = get(b->file, 46, 4);
    }
    if (b->bits != 1 && b->bits != 2 && b->bits != 4 && b->bits != 8 && b->bits != 16 && b->bits != 24 && b->bits != 32)
        return ig_fail(err, IG_E_UNSUPPORTED, "BMP with pixels of %zu bits can't be read", b->bits);
    IG_TRY(read_masks(b, header, compression, err));
    size_t at = FILE_HEADER + header + (header == INFO && compression == BI_BITFIELDS ? 12 : 0),
           most = (size_t)1 << b->bits % 32;
    b->colour = header == CORE ? 3 : 4;
    b->colours = b->bits > 8 ? 0 : used && used < most ? used : most;
    if (at > b->file.n || b->colours > (b->file.n - at) / b->colour) return malformed(err, "the palette is cut off");
    b->palette = b->file.p + at;
    b->row = (b->width * b->bits + 31) / 32 * 4;
    if (b->pixels > b->file.n || b->height > (b->file.n - b->pixels) / b->row) return malformed(err, "the pixels are cut off");
    return IG_OK;
}

/* A masked field widened to 8 bits. */
static uint8_t field(uint32_t pixel, uint32_t mask) {
    if (!mask) return 0;
    uint32_t shift = (uint32_t)__builtin_ctz(mask), most = mask >> shift;
    return (uint8_t)(((uint64_t)((pixel & mask) >> shift) * 255 + most / 2) / most);
}

static void unpack(const bitmap *b, const uint8_t *row, size_t x, uint8_t *out) {
    if (b->bits <= 8) {
        size_t bit = x * b->bits, i = ((size_t)row[bit / 8] >> (8 - b->bits - bit % 8)) & (((size_t)1 << b->bits) - 1);
        const uint8_t *c = b->palette + i * b->colour;
        for (size_t k = 0; k < 3; k++) out[k] = i < b->colours ? c[2 - k] : 0;
        out[3] = 0xFF;
        return;
    }
    uint32_t pixel = get((ig_span){row + x * b->bits / 8, b->bits / 8}, 0, b->bits / 8);
    for (size_t k = 0; k < 4; k++) out[k] = k == 3 && !b->masks[3] ? 0xFF : field(pixel, b->masks[k]);
}

ig_status ig_bmp_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err) {
    bitmap b = {.file = file};
    IG_TRY(read_header(&b, err));
    IG_TRY(ig_picture_create(out, context, b.width, b.height, err));
    for (size_t y = 0; y < b.height; y++) {
        const uint8_t *row = file.p + b.pixels + (b.upside_down ? b.height - 1 - y : y) * b.row;
        for (size_t x = 0; x < b.width; x++) unpack(&b, row, x, out->pixels + (y * b.width + x) * 4);
    }
    return IG_OK;
}
