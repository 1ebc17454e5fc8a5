/* Pictures decoded to bytes: one decoder per kind of file, chosen by the first bytes. And PNG and JPEG written. */
#ifndef IG_CODEC_PICTURE_H
#define IG_CODEC_PICTURE_H

#include "base/base.h"

typedef struct ig_picture {
    size_t width, height;
    size_t channels; /* in memory: always 4, red green blue alpha */
    bool grey;       /* the file has no colours */
    uint8_t *pixels; /* of the context */
} ig_picture;

enum { IG_MAX_PIXELS = 1 << 28 };

/* True when some decoder knows the first bytes. */
bool ig_picture_probe(ig_span file);
/* On success the caller releases pixels. IG_E_INPUT: no picture, or a damaged one; IG_E_LIMIT: more than IG_MAX_PIXELS pixels;
 * IG_E_UNSUPPORTED: a kind that this build leaves out. */
ig_status ig_picture_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);
/* ITU-R 601 luma of a pixel, rounded as Pillow does. */
static inline uint8_t ig_picture_luma(const uint8_t *p) {
    return (uint8_t)((19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 0x8000u) >> 16);
}

/* A file with red, green and blue of every pixel; the caller releases *out. */
ig_status ig_png_encode(ig_context *context, const uint8_t *rgb, size_t width, size_t height, uint8_t **out, size_t *size,
                        ig_error *err);
ig_status ig_jpeg_encode(ig_context *context, const uint8_t *rgb, size_t width, size_t height, uint8_t **out, size_t *size,
                         ig_error *err);

/* For decoders: memory for width x height pixels, checked against the limits. */
ig_status ig_picture_create(ig_picture *pic, ig_context *context, size_t width, size_t height, ig_error *err);

/* Decoders leave *out to be released by ig_picture_decode when they fail. */
typedef ig_status (*ig_picture_fn)(ig_picture *out, ig_context *context, ig_span file, ig_error *err);
ig_status ig_png_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);
ig_status ig_jpeg_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);
ig_status ig_bmp_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);
ig_status ig_pnm_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);
ig_status ig_webp_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);
ig_status ig_tiff_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);
ig_status ig_jpeg2000_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);

#endif
