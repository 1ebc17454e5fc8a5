/* ImageScaler and Crop of the first opset: pictures as [batch, channel, height, width]. */
#include "ops/loops/cells.h"
#include "ops/math/elementwise.h"

/* --------------------------------------------------------------------------------------------------------- ImageScaler */

IG_LOOP_3(scale_f32, float, float, float, float, x *y + z)
IG_LOOP_3(scale_f64, double, double, double, double, x *y + z)
static const ig_loop scale_loops[] = {IG_LOOP_ROW(scale_f32, IG_F32, IG_F32, IG_F32, IG_F32),
                                      IG_LOOP_ROW(scale_f64, IG_F64, IG_F64, IG_F64, IG_F64)};

static ig_status run_image_scaler(ig_call *c) {
    size_t n;
    const float *bias = ig_attr_floats(c->node, "bias", &n);
    float scale = ig_attr_float(c->node, "scale"), none = 0;
    const ig_tensor *x = c->in[0];
    if (!c->out[0]) return IG_OK;
    if (n && (x->rank != 4 || n != (size_t)x->dims[1]))
        return ig_call_fail(c, "%zu biases for an input of rank %d; one for each channel of rank 4 is expected", n, x->rank);
    const ig_loop *loop = ig_loop_pick(scale_loops, 2, x->dtype);
    if (!loop) return ig_call_no_kernel(c, x->dtype);
    const int64_t channels[3] = {(int64_t)n, 1, 1};
    const ig_operand in[3] = {
        ig_operand_of(x), {IG_F32, 0, NULL, &scale}, {IG_F32, n ? 3 : 0, channels, n ? (void *)(uintptr_t)bias : &none}};
    const ig_loop_job job = {.loop = loop, .out = ig_operand_of(c->out[0]), .in = in, .n_in = 3};
    return ig_loop_run(c, &job);
}

const ig_op ig_op_image_scaler = {.domain = "",
                                  .name = "ImageScaler",
                                  .since = 1,
                                  .until = 1,
                                  .flags = IG_OP_INPLACE,
                                  .infer = ig_infer_same,
                                  .run = run_image_scaler};

/* ---------------------------------------------------------------------------------------------------------------- Crop */

/* Rows and columns that stay: `border` is left, top, right, bottom; `scale`, when given, is the height and width instead of the
 * last two. */
typedef struct window {
    int64_t top, left, height, width;
} window;

static bool find_window(const ig_node *node, int64_t height, int64_t width, window *w) {
    size_t n, n_scale;
    const int64_t *border = ig_attr_ints(node, "border", &n), *scale = ig_attr_ints(node, "scale", &n_scale);
    if (n != 4 || (n_scale && n_scale != 2)) return false;
    for (size_t i = 0; i < 4; i++)
        if (border[i] < 0 || border[i] > (i % 2 ? height : width)) return false;
    *w = (window){border[1], border[0], height - border[1] - border[3], width - border[0] - border[2]};
    if (n_scale) {
        w->height = scale[0];
        w->width = scale[1];
    }
    return w->height >= 0 && w->width >= 0 && w->height <= height - w->top && w->width <= width - w->left;
}

static ig_status infer_crop(ig_infer *c) {
    ig_shape x;
    window w;
    if (!ig_infer_shape(c, 0, &x)) return IG_OK;
    if (x.rank != 4) return ig_infer_fail(c, "the input has rank %d, pictures have 4", x.rank);
    bool known = ig_dim_known(x.dims[2]) && ig_dim_known(x.dims[3]);
    if (known && !find_window(c->node, x.dims[2].value, x.dims[3].value, &w))
        return ig_infer_fail(c, "attributes 'border' and 'scale' cut out nothing of %lld x %lld", (long long)x.dims[2].value,
                             (long long)x.dims[3].value);
    x.dims[2] = known ? ig_dim_of(w.height) : ig_dim_unknown();
    x.dims[3] = known ? ig_dim_of(w.width) : ig_dim_unknown();
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

static ig_status run_crop(ig_call *c) {
    const ig_tensor *x = c->in[0];
    window w;
    ig_cells from, to;
    if (!c->out[0]) return IG_OK;
    if (x->rank != 4 || !find_window(c->node, x->dims[2], x->dims[3], &w))
        return ig_call_fail(c, "attributes 'border' and 'scale' don't fit the input");
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    size_t row = (size_t)w.width * to.size, rows = row ? to.count / (size_t)w.width : 0;
    for (size_t r = 0; r < rows; r++) {
        size_t picture = r / (size_t)w.height, y = r % (size_t)w.height + (size_t)w.top;
        size_t at = (picture * (size_t)x->dims[2] + y) * (size_t)x->dims[3] + (size_t)w.left;
        memcpy(to.data + r * row, from.data + at * from.size, row);
    }
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_crop = {.domain = "", .name = "Crop", .since = 1, .until = 1, .infer = infer_crop, .run = run_crop};
