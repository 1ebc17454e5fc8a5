#include "codec/picture/picture.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

/* A progressive file may repeat scans of the whole picture at will: few bytes, much work. */
enum { MAX_SCANS = 200 };

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

static void on_message(j_common_ptr c) { IG_UNUSED(c); }

static void on_progress(j_common_ptr c) {
    if (((j_decompress_ptr)c)->input_scan_number <= MAX_SCANS) return;
    failure *f = (failure *)c->err;
    snprintf(f->message, sizeof f->message, "more than %d scans", MAX_SCANS);
    longjmp(f->jump, 1);
}

/* Spreads a row of `n` pixels from the end of the buffer's row to RGBA; CMYK of Adobe is stored inverted. */
static void spread(uint8_t *out, const uint8_t *in, size_t n, int components) {
    for (size_t x = 0; x < n; x++, out += 4, in += components) {
        for (int k = 0; k < 3; k++) {
            unsigned v = in[components == 1 ? 0 : k];
            out[k] = (uint8_t)(components == 4 ? (v * in[3] + 127) / 255 : v);
        }
        out[3] = 0xFF;
    }
}

/* Everything that may longjmp; what must survive the jump lives with the caller. */
static ig_status decode(ig_picture *out, ig_context *context, struct jpeg_decompress_struct *d, ig_span file, uint8_t **row,
                        ig_error *err) {
    jpeg_mem_src(d, file.p, (unsigned long)file.n);
    jpeg_read_header(d, TRUE);
    IG_TRY(ig_picture_create(out, context, d->image_width, d->image_height, err));
    out->grey = d->num_components == 1;
    d->out_color_space = d->num_components == 1 ? JCS_GRAYSCALE : d->num_components == 4 ? JCS_CMYK : JCS_RGB;
    d->mem->max_memory_to_use = (long)ig_min_size((size_t)context->limits.memory, 1u << 30);
    jpeg_start_decompress(d);
    *row = ig_alloc(context, (size_t)d->output_width * (size_t)d->output_components);
    if (!*row) return ig_oom(err);
    while (d->output_scanline < d->output_height) {
        uint8_t *to = out->pixels + (size_t)d->output_scanline * out->width * 4;
        if (jpeg_read_scanlines(d, row, 1) == 1) spread(to, *row, out->width, d->output_components);
    }
    jpeg_finish_decompress(d);
    return d->err->num_warnings == 0 ? IG_OK : ig_fail(err, IG_E_INPUT, "malformed JPEG: the data is damaged or cut off");
}

ig_status ig_jpeg_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err) {
    struct jpeg_decompress_struct d = {0};
    struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
    failure f;
    uint8_t *volatile row = NULL;
    ig_status status;
    d.err = jpeg_std_error(&f.manager);
    f.manager.error_exit = on_error;
    f.manager.output_message = on_message;
    if (setjmp(f.jump))
        status = ig_fail(err, IG_E_INPUT, "malformed JPEG: %.160s", f.message);
    else {
        jpeg_create_decompress(&d);
        d.progress = &progress;
        status = decode(out, context, &d, file, (uint8_t **)(uintptr_t)&row, err);
    }
    jpeg_destroy_decompress(&d);
    ig_release(context, row);
    return status;
}
