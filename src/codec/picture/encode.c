#include "codec/picture/picture.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <png.h>

enum { JPEG_QUALITY = 95, MAX_SIDE = 65500 }; /* as OpenCV writes; libjpeg's limit */

static ig_status keep(ig_context *context, const void *bytes, size_t n, uint8_t **out, size_t *size, ig_error *err) {
    *out = ig_alloc(context, n);
    if (!*out) return ig_oom(err);
    memcpy(*out, bytes, n);
    *size = n;
    return IG_OK;
}

ig_status ig_png_encode(ig_context *context, const uint8_t *rgb, size_t width, size_t height, uint8_t **out, size_t *size,
                        ig_error *err) {
    png_image image = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGB};
    png_alloc_size_t n = 0;
    if (!width || !height || width > MAX_SIDE || height > MAX_SIDE)
        return ig_fail(err, IG_E_INPUT, "a picture of %zu x %zu pixels can't be written", width, height);
    image.width = (png_uint_32)width;
    image.height = (png_uint_32)height;
    if (!png_image_write_get_memory_size(image, n, 0, rgb, 0, NULL))
        return ig_fail(err, IG_E_INPUT, "PNG: %.60s", image.message);
    void *bytes = malloc(n);
    if (!bytes) return ig_oom(err);
    ig_status status = png_image_write_to_memory(&image, bytes, &n, 0, rgb, 0, NULL)
                           ? keep(context, bytes, n, out, size, err)
                           : ig_fail(err, IG_E_INPUT, "PNG: %.60s", image.message);
    free(bytes);
    return status;
}

typedef struct failure {
    struct jpeg_error_mgr manager; /* first: libjpeg hands this back */
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
} failure;

static void on_error(j_common_ptr c) {
    failure *f = (failure *)c->err;
    c->err->format_message(c, f->message);
    longjmp(f->jump, 1);
}

/* Everything that may longjmp. */
static void write_jpeg(struct jpeg_compress_struct *c, const uint8_t *rgb, unsigned char **bytes, unsigned long *n) {
    jpeg_mem_dest(c, bytes, n);
    c->input_components = 3;
    c->in_color_space = JCS_RGB;
    jpeg_set_defaults(c);
    jpeg_set_quality(c, JPEG_QUALITY, TRUE);
    jpeg_start_compress(c, TRUE);
    while (c->next_scanline < c->image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(rgb + (size_t)c->next_scanline * c->image_width * 3);
        jpeg_write_scanlines(c, &row, 1);
    }
    jpeg_finish_compress(c);
}

ig_status ig_jpeg_encode(ig_context *context, const uint8_t *rgb, size_t width, size_t height, uint8_t **out, size_t *size,
                         ig_error *err) {
    struct jpeg_compress_struct c = {0};
    failure f;
    struct {
        unsigned char *bytes; /* read after a jump, but only changed behind pointers */
        unsigned long n;
    } to = {NULL, 0};
    ig_status status;
    if (!width || !height || width > MAX_SIDE || height > MAX_SIDE)
        return ig_fail(err, IG_E_INPUT, "a picture of %zu x %zu pixels can't be written", width, height);
    c.err = jpeg_std_error(&f.manager);
    f.manager.error_exit = on_error;
    jpeg_create_compress(&c);
    c.image_width = (JDIMENSION)width;
    c.image_height = (JDIMENSION)height;
    if (setjmp(f.jump) == 0) {
        write_jpeg(&c, rgb, &to.bytes, &to.n);
        status = keep(context, to.bytes, to.n, out, size, err);
    } else {
        status = ig_fail(err, IG_E_INPUT, "JPEG: %.120s", f.message);
    }
    jpeg_destroy_compress(&c);
    free(to.bytes);
    return status;
}
