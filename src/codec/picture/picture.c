#include "codec/picture/picture.h"

#ifndef IGATA_HAVE_WEBP
#define ig_webp_decode NULL
#endif
#ifndef IGATA_HAVE_TIFF
#define ig_tiff_decode NULL
#endif
#ifndef IGATA_HAVE_OPENJPEG
#define ig_jpeg2000_decode NULL
#endif

static const struct {
    const char *name, *library; /* that a build may lack */
    struct {
        size_t at;
        const char *bytes;
        size_t n;
    } magic[2]; /* all of them */
    ig_picture_fn decode;
} kinds[] = {
    {"PNG", "libpng", {{0, "\x89PNG\r\n\x1a\n", 8}}, ig_png_decode},
    {"JPEG", "libjpeg", {{0, "\xFF\xD8\xFF", 3}}, ig_jpeg_decode},
    {"BMP", "", {{0, "BM", 2}}, ig_bmp_decode},
    {"PNM", "", {{0, "P1", 2}}, ig_pnm_decode},
    {"PNM", "", {{0, "P2", 2}}, ig_pnm_decode},
    {"PNM", "", {{0, "P3", 2}}, ig_pnm_decode},
    {"PNM", "", {{0, "P4", 2}}, ig_pnm_decode},
    {"PNM", "", {{0, "P5", 2}}, ig_pnm_decode},
    {"PNM", "", {{0, "P6", 2}}, ig_pnm_decode},
    {"WebP", "libwebp", {{0, "RIFF", 4}, {8, "WEBP", 4}}, ig_webp_decode},
    {"TIFF", "libtiff", {{0, "II*\0", 4}}, ig_tiff_decode},
    {"TIFF", "libtiff", {{0, "MM\0*", 4}}, ig_tiff_decode},
    {"JPEG 2000", "libopenjp2", {{4, "jP  \r\n\x87\n", 8}}, ig_jpeg2000_decode},
    {"JPEG 2000", "libopenjp2", {{0, "\xFF\x4F\xFF\x51", 4}}, ig_jpeg2000_decode},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static size_t kind_of(ig_span file) {
    for (size_t i = 0; i < KINDS; i++) {
        bool same = true;
        for (size_t k = 0; k < 2; k++) {
            size_t at = kinds[i].magic[k].at, n = kinds[i].magic[k].n;
            same &= n == 0 || (file.n >= at + n && memcmp(file.p + at, kinds[i].magic[k].bytes, n) == 0);
        }
        if (same) return i;
    }
    return KINDS;
}

bool ig_picture_probe(ig_span file) { return kind_of(file) < KINDS; }

ig_status ig_picture_create(ig_picture *pic, ig_context *context, size_t width, size_t height, ig_error *err) {
    if (width == 0 || height == 0) return ig_fail(err, IG_E_INPUT, "a picture without pixels");
    if (width > IG_MAX_PIXELS / height)
        return ig_fail(err, IG_E_LIMIT, "a picture of %zu x %zu pixels passes the limit", width, height);
    *pic = (ig_picture){.width = width, .height = height, .channels = 4};
    pic->pixels = ig_calloc(context, width * height * 4);
    return pic->pixels ? IG_OK : ig_oom(err);
}

ig_status ig_picture_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err) {
    size_t kind = kind_of(file);
    *out = (ig_picture){0};
    if (kind == KINDS) return ig_fail(err, IG_E_INPUT, "no picture of a known kind");
    if (!kinds[kind].decode) {
        ig_fail(err, IG_E_UNSUPPORTED, "this build of igata has no decoder of %s pictures", kinds[kind].name);
        return ig_error_hint(err, "build it with %s, or convert the picture to PNG", kinds[kind].library), IG_E_UNSUPPORTED;
    }
    ig_status status = kinds[kind].decode(out, context, file, err);
    if (status == IG_OK) return IG_OK;
    ig_release(context, out->pixels);
    *out = (ig_picture){0};
    return status;
}
