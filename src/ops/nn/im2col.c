/* Im2Col of the domain "experimental" (onnx's reference evaluator): the columns that a convolution multiplies. Columns of all
 * images stand side by side: [channels * taps, images * positions]. */
#include "ops/args.h"
#include "ops/nn/window.h"

/* Attributes of the window for a kernel of these sizes; the input's leading dims of a weight are left out. */
static ig_status infer(ig_infer *c) {
    ig_shape x, y = {.rank = 2};
    ig_ints weight;
    y.dims[0] = y.dims[1] = ig_dim_unknown();
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
    if (x.rank < 3) return ig_infer_fail(c, "the input has rank %d: images, channels and space are needed", x.rank);
    if (!ig_infer_ints(c, 1, &weight)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
    if (weight.n != (size_t)x.rank)
        return ig_infer_fail(c, "kernel_shape has %zu entries, the shape of a weight for this input has %d", weight.n, x.rank);
    int64_t kernel[IG_MAX_RANK];
    for (int k = 2; k < x.rank; k++) kernel[k - 2] = weight.values[k].value;
    char why[200];
    ig_window_rule rule;
    if (!ig_window_rule_of(&rule, c->node, x.rank - 2, kernel, why, sizeof why)) return ig_infer_fail(c, "%s", why);
    y.dims[0] = x.dims[1];
    y.dims[1] = x.dims[0];
    for (int k = 2; k < x.rank; k++) {
        ig_dim places = ig_window_positions(c->syms, &rule, k - 2, x.dims[k]);
        if (ig_dim_known(places) && places.value < 0)
            return ig_infer_fail(c, "the window is larger than the padded input along dim %d", k);
        IG_TRY(ig_infer_times(c, y.dims[0], weight.values[k], &y.dims[0]));
        IG_TRY(ig_infer_times(c, y.dims[1], places, &y.dims[1]));
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

typedef struct job {
    ig_window w;
    size_t images, channels, taps, places, plane, bytes;
    const char *x;
    char *y;
} job;

/* Rows [begin, end) of the result: a tap of a channel each. */
static void rows(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    const ig_window *w = &j->w;
    int last = w->dims - 1;
    size_t length = (size_t)w->out[last];
    for (size_t r = begin; r < end; r++) {
        int64_t tap[IG_MAX_RANK], at[IG_MAX_RANK], first, stop, base;
        ig_window_place(w->dims, w->kernel, r % j->taps, tap);
        int64_t from = tap[last] * w->dilation[last] - w->begin[last], stride = w->stride[last];
        ig_window_inside(from, stride, w->in[last], w->out[last], &first, &stop);
        for (size_t image = 0; image < j->images; image++) {
            const char *plane = j->x + (image * j->channels + r / j->taps) * j->plane * j->bytes;
            char *to = j->y + (r * j->images + image) * j->places * j->bytes;
            memset(to, 0, j->places * j->bytes);
            for (size_t row = 0; row < j->places / length; row++, to += length * j->bytes) {
                ig_window_place(last, w->out, row, at);
                if (!ig_window_row(w, at, tap, &base)) continue;
                for (int64_t i = first; i < stop; i++)
                    memcpy(to + (size_t)i * j->bytes, plane + (size_t)(base + from + i * stride) * j->bytes, j->bytes);
            }
        }
    }
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *weight = c->in[1];
    int64_t kernel[IG_MAX_RANK];
    if (weight->count != (size_t)x->rank || x->rank < 3)
        return ig_call_fail(c, "kernel_shape has %zu entries for an input of rank %d", weight->count, x->rank);
    for (int k = 2; k < x->rank; k++) kernel[k - 2] = ((const int64_t *)weight->data)[k];
    job j = {.images = (size_t)x->dims[0], .channels = (size_t)x->dims[1], .bytes = ig_dtype_bytes(x->dtype), .x = x->data};
    IG_TRY(ig_window_of_call(c, &j.w, x->rank - 2, x->dims + 2, kernel));
    j.taps = ig_window_product(&j.w, j.w.kernel);
    j.places = ig_window_product(&j.w, j.w.out);
    j.plane = ig_window_product(&j.w, j.w.in);
    int64_t dims[2];
    if (__builtin_mul_overflow(j.channels, j.taps, &dims[0]) || __builtin_mul_overflow(j.images, j.places, &dims[1]))
        return ig_oom(c->err);
    IG_TRY(ig_call_output(c, 0, x->dtype, 2, dims));
    j.y = c->out[0]->data;
    if (c->out[0]->count == 0) return IG_OK;
    ig_parallel(c->threads, (size_t)dims[0], 1 + 4096 / (size_t)dims[1], rows, &j);
    return IG_OK;
}

const ig_op ig_op_experimental_im2col = {"experimental", "Im2Col", 1, 0, IG_OP_DYNAMIC, infer, run, NULL, NULL};
