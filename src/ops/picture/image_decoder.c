/* ImageDecoder: the bytes of a picture file to rows of pixels. */
#include "codec/picture/picture.h"
#include "ops/op.h"

static int64_t channels_of(const ig_node *node) {
    if (ig_attr_is(node, "pixel_format", "Grayscale")) return 1;
    return ig_attr_is(node, "pixel_format", "RGB") || ig_attr_is(node, "pixel_format", "BGR") ? 3 : 0;
}

static ig_status infer(ig_infer *c) {
    int64_t channels = channels_of(c->node);
    ig_shape x, y = {.rank = 3, .dims = {ig_dim_unknown(), ig_dim_unknown(), ig_dim_of(channels)}};
    if (!channels) return ig_infer_fail(c, "attribute pixel_format is neither RGB, BGR nor Grayscale");
    if (ig_infer_shape(c, 0, &x) && x.rank != 1) return ig_infer_fail(c, "the encoded stream should have one dim");
    return ig_infer_set(c, 0, IG_U8, &y);
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_picture pic;
    ig_error ignored = {0};
    if (x->rank != 1 || x->dtype != IG_U8) return ig_call_fail(c, "the encoded stream is no list of bytes");
    /* "If it can't decode for any reason …, it will return an empty matrix." */
    ig_status status = ig_picture_decode(&pic, c->context, (ig_span){x->data, x->count}, &ignored);
    if (status == IG_E_MEMORY) return ig_oom(c->err);
    int64_t channels = channels_of(c->node);
    const int64_t dims[] = {(int64_t)pic.height, (int64_t)pic.width, channels};
    status = ig_call_output(c, 0, IG_U8, 3, dims);
    for (size_t i = 0; status == IG_OK && i < pic.width * pic.height; i++) {
        uint8_t *y = (uint8_t *)c->out[0]->data + i * (size_t)channels;
        const uint8_t *p = pic.pixels + i * 4;
        bool bgr = ig_attr_is(c->node, "pixel_format", "BGR");
        if (channels == 1)
            *y = ig_picture_luma(p);
        else
            for (size_t k = 0; k < 3; k++) y[k] = p[bgr ? 2 - k : k];
    }
    ig_release(c->context, pic.pixels);
    return status;
}

const ig_op ig_op_image_decoder = {
    .name = "ImageDecoder", .domain = "", .since = 20, .flags = IG_OP_DYNAMIC, .infer = infer, .run = run};
