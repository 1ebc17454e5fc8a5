/* Col2Im: blocks of columns added back to an image. */
#include "ops/args.h"
#include "ops/loops/convert.h"
#include "ops/loops/work.h"
#include "ops/nn/columns.h"
#include "ops/nn/window.h"

static ig_status infer(ig_infer *c) {
    ig_shape x, out;
    ig_ints image, block;
    bool has_x = ig_infer_shape(c, 0, &x), has_image = ig_infer_ints(c, 1, &image), has_block = ig_infer_ints(c, 2, &block);
    IG_TRY(ig_infer_rank(c, 0, 3));
    IG_TRY(ig_infer_rank(c, 1, 1));
    IG_TRY(ig_infer_rank(c, 2, 1));
    if (has_image && has_block && image.n != block.n)
        return ig_infer_fail(c, "image_shape and block_shape have different lengths");
    if (!has_image && !has_block) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    size_t n = has_image ? image.n : block.n;
    if (n < 1 || n > IG_MAX_RANK - 2) return ig_infer_fail(c, "an image of %zu dims", n);
    int64_t kernel[IG_MAX_RANK];
    ig_window_rule rule;
    char why[200];
    for (size_t k = 0; k < n; k++)
        kernel[k] = has_block && ig_dim_known(block.values[k]) && block.values[k].value < INT32_MAX ? block.values[k].value
                                                                                                    : IG_UNKNOWN;
    if (!ig_window_rule_of(&rule, c->node, (int)n, kernel, why, sizeof why)) return ig_infer_fail(c, "%s", why);
    out.rank = (int)n + 2;
    out.dims[0] = has_x ? x.dims[0] : ig_dim_unknown();
    ig_dim taps = ig_dim_of(1);
    for (size_t k = 0; k < n; k++) IG_TRY(ig_infer_times(c, taps, has_block ? block.values[k] : ig_dim_unknown(), &taps));
    for (size_t k = 0; k < n; k++) {
        out.dims[k + 2] = has_image ? image.values[k] : ig_dim_unknown();
        if (ig_dim_known(out.dims[k + 2]) && out.dims[k + 2].value < 0)
            return ig_infer_fail(c, "image_shape has a negative entry");
        if (has_block && ig_dim_known(block.values[k]) && block.values[k].value < 1)
            return ig_infer_fail(c, "block_shape has an entry below 1");
    }
    out.dims[1] = has_x && ig_dim_known(taps) ? ig_dim_floor_div(c->syms, x.dims[1], taps) : ig_dim_unknown();
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &out);
}

/* The window whose columns the input has. */
static ig_status window_of(ig_call *c, ig_window *w) {
    const ig_tensor *x = c->in[0];
    const int64_t *image, *block;
    size_t n, n_block;
    IG_TRY(ig_call_list(c, "", 1, &image, &n));
    IG_TRY(ig_call_list(c, "", 2, &block, &n_block));
    if (x->rank != 3 || n != n_block || n < 1 || n > IG_MAX_RANK - 2)
        return ig_call_fail(c, "the input should be batch x channels and taps x places");
    ig_window_rule rule;
    char why[200];
    if (!ig_window_rule_of(&rule, c->node, (int)n, block, why, sizeof why)) return ig_call_fail(c, "%s", why);
    if (!ig_window_on(w, &rule, image)) return ig_call_fail(c, "the block does not fit the image");
    size_t taps = ig_window_product(w, w->kernel), places = ig_window_product(w, w->out);
    if ((size_t)x->dims[1] % taps || (size_t)x->dims[2] != places)
        return ig_call_fail(c, "columns of %lld and %lld places don't fit blocks of %zu on %zu places", (long long)x->dims[1],
                            (long long)x->dims[2], taps, places);
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_window w;
    IG_TRY(ig_call_made(c, 0));
    IG_TRY(window_of(c, &w));
    ig_tensor *y = c->out[0];
    bool complex = ig_dtype_number(x->dtype) == IG_NUMBER_COMPLEX;
    ig_dtype type = complex ? x->dtype : ig_work_type(x->dtype);
    if (!type) return ig_call_no_kernel(c, x->dtype);
    size_t size = ig_dtype_bytes(type), planes = (size_t)(y->dims[0] * y->dims[1]);
    if (y->count == 0) return IG_OK;
    const void *cols = x->data;
    void *sum = y->data;
    if (type != x->dtype) {
        void *wide = ig_call_scratch(c, x->count * size);
        sum = ig_call_scratch(c, y->count * size);
        if (!wide || !sum) return ig_oom(c->err);
        ig_convert(x->dtype, x->data, 0, type, wide, 0, x->count);
        cols = wide;
    }
    memset(sum, 0, y->count * size);
    ig_columns_add(c->threads, &w, type, planes, cols, sum);
    if (type != x->dtype) ig_convert(type, sum, 0, y->dtype, y->data, 0, y->count);
    return IG_OK;
}

const ig_op ig_op_col2im = {"", "Col2Im", 18, 0, 0, infer, run, NULL, NULL};
