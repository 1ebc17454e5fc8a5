/* Pictures decoded to bytes. */
#ifndef IG_TENSORIO_IMAGE_H
#define IG_TENSORIO_IMAGE_H

#include "tensorio/tensorio.h"

typedef struct ig_picture {
    size_t width, height;
    size_t channels; /* in memory: always 4, red green blue alpha */
    bool grey;       /* the file has no colours */
    uint8_t *pixels; /* of the context */
} ig_picture;

bool ig_png_probe(ig_span file);
bool ig_jpeg_probe(ig_span file);
/* On success the caller releases pixels. Pictures of more than IG_MAX_PIXELS pixels are refused. */
ig_status ig_png_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);
ig_status ig_jpeg_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err);

enum { IG_MAX_PIXELS = 1 << 28 };
/* Memory for width × height pixels, checked against the limits. */
ig_status ig_picture_create(ig_picture *pic, ig_context *context, size_t width, size_t height, ig_error *err);

#endif
