/* JPEG 2000, as a .jp2 file or a bare codestream: grey or colour components of any precision; YCC comes out as colours. */
#include "codec/picture/picture.h"

#include <openjpeg.h>

typedef struct source {
    ig_span file;
    size_t at;
} source;

static OPJ_SIZE_T read_some(void *out, OPJ_SIZE_T size, void *arg) {
    source *s = arg;
    size_t n = ig_min_size(size, s->file.n - s->at);
    if (n == 0) return (OPJ_SIZE_T)-1;
    memcpy(out, s->file.p + s->at, n);
    s->at += n;
    return n;
}

static OPJ_OFF_T skip(OPJ_OFF_T n, void *arg) {
    source *s = arg;
    if (n < 0 || (size_t)n > s->file.n - s->at) return -1;
    s->at += (size_t)n;
    return n;
}

static OPJ_BOOL seek(OPJ_OFF_T at, void *arg) {
    source *s = arg;
    if (at < 0 || (size_t)at > s->file.n) return OPJ_FALSE;
    s->at = (size_t)at;
    return OPJ_TRUE;
}

/* Sample of a component at a pixel, as 8 bits. Components may be sampled more coarsely than the picture. */
static uint8_t sample(const opj_image_comp_t *c, size_t x, size_t y) {
    x = ig_min_size(x / c->dx, c->w - 1), y = ig_min_size(y / c->dy, c->h - 1);
    int64_t v = c->data[y * c->w + x] + (c->sgnd ? (int64_t)1 << (c->prec - 1) : 0);
    int64_t most = ((int64_t)1 << c->prec) - 1;
    return (uint8_t)((ig_clamp_i64(v, 0, most) * 255 + most / 2) / most);
}

/* ITU-R 601 from full-range YCC. */
static void from_ycc(uint8_t *p) {
    double y = p[0], cb = p[1] - 128.0, cr = p[2] - 128.0;
    const double rgb[3] = {y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb};
    for (size_t k = 0; k < 3; k++) p[k] = (uint8_t)(rgb[k] < 0 ? 0 : rgb[k] > 255 ? 255 : rgb[k] + 0.5);
}

static ig_status copy_pixels(ig_picture *out, ig_context *context, const opj_image_t *image, ig_error *err) {
    size_t n = image->numcomps;
    for (size_t k = 0; k < n; k++) {
        const opj_image_comp_t *c = &image->comps[k];
        if (!c->data || !c->w || !c->h || !c->dx || !c->dy || c->prec < 1 || c->prec > 31)
            return ig_fail(err, IG_E_INPUT, "malformed JPEG 2000: a component is missing");
    }
    if (n < 1) return ig_fail(err, IG_E_INPUT, "malformed JPEG 2000: no components");
    IG_TRY(ig_picture_create(out, context, image->comps[0].w, image->comps[0].h, err));
    out->grey = n < 3;
    bool ycc = n >= 3 && (image->color_space == OPJ_CLRSPC_SYCC || image->color_space == OPJ_CLRSPC_EYCC);
    size_t dx = image->comps[0].dx, dy = image->comps[0].dy;
    for (size_t i = 0; i < out->width * out->height; i++) {
        uint8_t *p = out->pixels + i * 4;
        for (size_t k = 0; k < 3; k++) p[k] = sample(&image->comps[n < 3 ? 0 : k], i % out->width * dx, i / out->width * dy);
        p[3] = n == 2 || n == 4 ? sample(&image->comps[n - 1], i % out->width * dx, i / out->width * dy) : 0xFF;
        if (ycc) from_ycc(p);
    }
    return IG_OK;
}

ig_status ig_jpeg2000_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err) {
    source s = {.file = file};
    opj_dparameters_t parameters;
    opj_image_t *image = NULL;
    opj_set_default_decoder_parameters(&parameters);
    opj_codec_t *codec = opj_create_decompress(file.p[0] == 0xFF ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
    ig_status status = codec && stream ? IG_OK : ig_oom(err);
    if (status == IG_OK) {
        opj_stream_set_user_data(stream, &s, NULL);
        opj_stream_set_user_data_length(stream, file.n);
        opj_stream_set_read_function(stream, read_some);
        opj_stream_set_skip_function(stream, skip);
        opj_stream_set_seek_function(stream, seek);
        if (!opj_setup_decoder(codec, &parameters) || !opj_read_header(stream, codec, &image))
            status = ig_fail(err, IG_E_INPUT, "malformed JPEG 2000: no header");
    }
    if (status == IG_OK && (uint64_t)(image->x1 - image->x0) * (image->y1 - image->y0) > IG_MAX_PIXELS)
        status = ig_fail(err, IG_E_LIMIT, "a JPEG 2000 picture passes the limit of pixels");
    if (status == IG_OK && (!opj_decode(codec, stream, image) || !opj_end_decompress(codec, stream)))
        status = ig_fail(err, IG_E_INPUT, "malformed JPEG 2000: the data is damaged or cut off");
    if (status == IG_OK) status = copy_pixels(out, context, image, err);
    if (image) opj_image_destroy(image);
    if (stream) opj_stream_destroy(stream);
    if (codec) opj_destroy_codec(codec);
    return status;
}
