/* TIFF: the first picture of a file, by libtiff's conversion to colours of 8 bits. */
#include "codec/picture/picture.h"

#include <stdio.h>
#include <tiffio.h>

typedef struct source {
    ig_span file;
    uint64_t at;
    char message[160];
} source;

static tmsize_t read_some(thandle_t handle, void *out, tmsize_t size) {
    source *s = handle;
    uint64_t left = s->at < s->file.n ? s->file.n - s->at : 0, n = size < 0 ? 0 : (uint64_t)size < left ? (uint64_t)size : left;
    if (n) memcpy(out, s->file.p + s->at, n);
    s->at += n;
    return (tmsize_t)n;
}

static tmsize_t write_none(thandle_t handle, void *data, tmsize_t size) {
    IG_UNUSED(handle);
    IG_UNUSED(data);
    IG_UNUSED(size);
    return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    source *s = handle;
    return s->at = offset + (whence == SEEK_CUR ? s->at : whence == SEEK_END ? s->file.n : 0);
}

static int close_none(thandle_t handle) {
    IG_UNUSED(handle);
    return 0;
}

static toff_t size_of(thandle_t handle) { return ((source *)handle)->file.n; }

static int on_error(TIFF *tiff, void *arg, const char *module, const char *format, va_list args) {
    source *s = arg;
    IG_UNUSED(tiff);
    IG_UNUSED(module);
    vsnprintf(s->message, sizeof s->message, format, args);
    return 1;
}

static int on_warning(TIFF *tiff, void *arg, const char *module, const char *format, va_list args) {
    IG_UNUSED(tiff);
    IG_UNUSED(arg);
    IG_UNUSED(module);
    IG_UNUSED(format);
    IG_UNUSED(args);
    return 1;
}

static TIFF *open_memory(source *s) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, 1 << 28);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, s);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, s);
    /* "m": no memory mapping, the file is in memory */
    TIFF *tiff = TIFFClientOpenExt("picture", "rm", s, read_some, write_none, seek, close_none, size_of, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

static ig_status decode(ig_picture *out, ig_context *context, TIFF *tiff, const source *s, ig_error *err) {
    uint32_t width = 0, height = 0;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    IG_TRY(ig_picture_create(out, context, width, height, err));
    uint16_t photometric = PHOTOMETRIC_RGB;
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
    out->grey = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
    uint32_t *pixels = (uint32_t *)(void *)out->pixels; /* red lowest: bytes in our order on a little-endian machine */
    if (!TIFFReadRGBAImageOriented(tiff, width, height, pixels, ORIENTATION_TOPLEFT, 1))
        return ig_fail(err, IG_E_INPUT, "malformed TIFF: %s", s->message);
    return IG_OK;
}

ig_status ig_tiff_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err) {
    source s = {.file = file};
    TIFF *tiff = open_memory(&s);
    if (!tiff) return ig_fail(err, IG_E_INPUT, "malformed TIFF: %s", s.message);
    ig_status status = decode(out, context, tiff, &s, err);
    TIFFClose(tiff);
    return status;
}
