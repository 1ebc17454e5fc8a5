/* ai.onnx.contrib DecodeImage and EncodeImage. */
#include "codec/picture/picture.h"
#include "ops/op.h"

#define CONTRIB "ai.onnx.contrib"

/* Pixels are blue green red unless the model says otherwise. */
static bool color_space(const ig_node *node, bool *bgr) {
    *bgr = ig_attr_is(node, "color_space", "bgr");
    return *bgr || ig_attr_is(node, "color_space", "rgb");
}

static ig_status check_space(ig_infer *c) {
    bool bgr;
    return color_space(c->node, &bgr) ? IG_OK : ig_infer_fail(c, "attribute color_space is neither bgr nor rgb");
}

static bool is_bytes(const ig_tensor *x, int rank) { return x->kind == IG_KIND_TENSOR && x->dtype == IG_U8 && x->rank == rank; }

static ig_status infer_decode(ig_infer *c) {
    ig_shape y = {3, {ig_dim_unknown(), ig_dim_unknown(), ig_dim_of(3)}};
    IG_TRY(check_space(c));
    return ig_infer_set(c, 0, IG_U8, &y);
}

static ig_status run_decode(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_picture pic;
    bool bgr;
    if (!is_bytes(x, 1)) return ig_call_fail(c, "the encoded picture is no list of bytes");
    if (!color_space(c->node, &bgr)) return ig_call_fail(c, "attribute color_space is neither bgr nor rgb");
    IG_TRY(ig_picture_decode(&pic, c->context, (ig_span){x->data, x->count}, c->err));
    ig_status status = ig_call_output(c, 0, IG_U8, 3, (int64_t[]){(int64_t)pic.height, (int64_t)pic.width, 3});
    for (size_t i = 0; status == IG_OK && i < pic.width * pic.height; i++)
        for (size_t k = 0; k < 3; k++) ((uint8_t *)c->out[0]->data)[3 * i + k] = pic.pixels[4 * i + (bgr ? 2 - k : k)];
    ig_release(c->context, pic.pixels);
    return status;
}

const ig_op ig_op_contrib_decode_image = {
    .name = "DecodeImage", .domain = CONTRIB, .since = 1, .flags = IG_OP_DYNAMIC, .infer = infer_decode, .run = run_decode};

static ig_status infer_encode(ig_infer *c) {
    ig_shape x;
    IG_TRY(check_space(c));
    if (!ig_attr_is(c->node, "format", "png") && !ig_attr_is(c->node, "format", "jpg"))
        return ig_infer_fail(c, "attribute format is neither png nor jpg");
    if (ig_infer_shape(c, 0, &x) && x.rank != 3) return ig_infer_fail(c, "a picture has three dims: rows, columns and colours");
    return ig_infer_set(c, 0, IG_U8, &(ig_shape){1, {ig_dim_unknown()}});
}

static ig_status run_encode(ig_call *c) {
    const ig_tensor *x = c->in[0];
    const uint8_t *rgb = x->data;
    uint8_t *file;
    size_t n;
    bool bgr;
    if (!is_bytes(x, 3) || x->dims[2] != 3) return ig_call_fail(c, "the picture has no rows and columns of three bytes");
    if (!color_space(c->node, &bgr)) return ig_call_fail(c, "attribute color_space is neither bgr nor rgb");
    if (bgr) {
        uint8_t *turned = ig_call_scratch(c, x->count);
        if (!turned) return ig_oom(c->err);
        for (size_t i = 0; i < x->count; i += 3)
            for (size_t k = 0; k < 3; k++) turned[i + k] = rgb[i + 2 - k];
        rgb = turned;
    }
    bool png = ig_attr_is(c->node, "format", "png");
    IG_TRY((png ? ig_png_encode : ig_jpeg_encode)(c->context, rgb, (size_t)x->dims[1], (size_t)x->dims[0], &file, &n, c->err));
    ig_status status = ig_call_output(c, 0, IG_U8, 1, (int64_t[]){(int64_t)n});
    if (status == IG_OK) memcpy(c->out[0]->data, file, n);
    ig_release(c->context, file);
    return status;
}

const ig_op ig_op_contrib_encode_image = {
    .name = "EncodeImage", .domain = CONTRIB, .since = 1, .flags = IG_OP_DYNAMIC, .infer = infer_encode, .run = run_encode};
