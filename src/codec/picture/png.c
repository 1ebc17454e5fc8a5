#include "codec/picture/picture.h"

#include <png.h>
#include <setjmp.h>

typedef struct source {
    ig_reader reader;
    char message[200];
} source;

static void read_bytes(png_structp png, png_bytep out, png_size_t n) {
    source *s = png_get_io_ptr(png);
    ig_span bytes = ig_read_bytes(&s->reader, n);
    if (s->reader.failed) png_error(png, "the file is cut off");
    memcpy(out, bytes.p, n);
}

static void on_error(png_structp png, png_const_charp text) {
    source *s = png_get_error_ptr(png);
    size_t n = ig_min_size(strlen(text), sizeof s->message - 1);
    memcpy(s->message, text, n);
    s->message[n] = 0;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    IG_UNUSED(png);
    IG_UNUSED(text);
}

/* Everything that may longjmp; what must survive the jump lives with the caller. */
static ig_status decode(ig_picture *out, ig_context *context, png_structp png, png_infop info, ig_error *err) {
    png_set_user_limits(png, 1 << 20, 1 << 20);
    png_set_chunk_malloc_max(png, 8 << 20);
    png_read_info(png, info);
    png_uint_32 width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    IG_TRY(ig_picture_create(out, context, width, height, err));
    out->grey = !(png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR);
    png_set_expand(png); /* palettes, few bits, transparent colours */
    png_set_strip_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xFF, PNG_FILLER_AFTER);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != (size_t)width * 4) png_error(png, "unexpected layout");
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 y = 0; y < height; y++) png_read_row(png, out->pixels + (size_t)y * width * 4, NULL);
    return IG_OK;
}

ig_status ig_png_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err) {
    source s = {.reader = {.span = file}};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    ig_status status;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return ig_oom(err);
    }
    png_set_read_fn(png, &s, read_bytes);
    if (setjmp(png_jmpbuf(png)))
        status = ig_fail(err, IG_E_INPUT, "malformed PNG: %s", s.message);
    else
        status = decode(out, context, png, info, err);
    png_destroy_read_struct(&png, &info, NULL);
    return status;
}
