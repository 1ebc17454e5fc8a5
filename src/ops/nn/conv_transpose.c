/* ConvTranspose, and onnxruntime's ConvTransposeWithDynamicPads: each input place adds a window of weights to the output. That
 * is a product of the transposed weight with the input, whose columns are added back. */
#include "ops/args.h"
#include "ops/matrix/product.h"
#include "ops/nn/columns.h"
#include "ops/nn/reals.h"
#include "ops/nn/window.h"

#include <stdio.h>

static bool is_ms(const ig_node *node) { return node->schema->domain[0] != 0; }

/* What attributes say beside the window's own. */
typedef struct extra {
    int64_t output[IG_MAX_RANK], padding[IG_MAX_RANK]; /* output_shape, output_padding */
    bool has_output;
} extra;

static bool read_extra(const ig_node *node, int dims, extra *e, char *why, size_t size) {
    size_t n = 0, np = 0;
    const int64_t *shape = ig_schema_attr_find(node->schema, "output_shape") ? ig_attr_ints(node, "output_shape", &n) : NULL;
    const int64_t *padding = ig_attr_ints(node, "output_padding", &np);
    size_t skip = n == (size_t)dims + 2 ? 2 : 0; /* images and channels, too, in old models */
    e->has_output = n > 0;
    if ((n && n - skip != (size_t)dims) || (np && np != (size_t)dims)) {
        snprintf(why, size, "output_shape and output_padding have %zu and %zu entries for %d spatial dims", n, np, dims);
        return false;
    }
    for (int k = 0; k < dims; k++) {
        e->output[k] = n ? shape[(size_t)k + skip] : 0;
        e->padding[k] = np ? padding[k] : 0;
        if (e->output[k] >= 0 && e->output[k] <= INT32_MAX && e->padding[k] >= 0 && e->padding[k] <= INT32_MAX) continue;
        snprintf(why, size, "output_shape or output_padding has an entry out of range");
        return false;
    }
    return true;
}

/* Size of the output along dim k without padding. */
static ig_dim natural(ig_syms *syms, const ig_window_rule *r, const extra *e, int k, ig_dim in) {
    if (r->kernel[k] == IG_UNKNOWN) return ig_dim_unknown();
    ig_dim steps = ig_dim_mul(syms, ig_dim_sub(syms, in, ig_dim_of(1)), ig_dim_of(r->stride[k]));
    return ig_dim_add(syms, steps, ig_dim_of(e->padding[k] + (r->kernel[k] - 1) * r->dilation[k] + 1));
}

static bool is_same(const ig_window_rule *r) { return r->auto_pad == IG_PAD_SAME_UPPER || r->auto_pad == IG_PAD_SAME_LOWER; }

static ig_dim output_dim(ig_syms *syms, const ig_window_rule *r, const extra *e, int k, ig_dim in) {
    if (e->has_output) return ig_dim_of(e->output[k]);
    if (is_same(r)) { /* but never more than there is */
        if (r->kernel[k] == IG_UNKNOWN) return ig_dim_unknown();
        bool enough = e->padding[k] + (r->kernel[k] - 1) * r->dilation[k] + 1 >= r->stride[k];
        return enough ? ig_dim_mul(syms, in, ig_dim_of(r->stride[k])) : natural(syms, r, e, k, in);
    }
    int64_t pads = r->auto_pad == IG_PAD_GIVEN ? r->begin[k] + r->end[k] : 0;
    return ig_dim_sub(syms, natural(syms, r, e, k, in), ig_dim_of(pads));
}

static ig_status infer(ig_infer *c) {
    ig_shape x, w, out;
    int64_t group = ig_attr_int(c->node, "group"), kernel[IG_MAX_RANK];
    bool has_x = ig_infer_shape(c, 0, &x), has_w = ig_infer_shape(c, 1, &w);
    ig_dtype dtype = ig_infer_dtype(c, 0);
    if (!has_x && !has_w) return ig_infer_set(c, 0, dtype, NULL);
    int rank = has_x ? x.rank : w.rank;
    if (rank < 3) return ig_infer_fail(c, "an input has rank %d: images, channels and space are needed", rank);
    if (has_x && has_w && x.rank != w.rank)
        return ig_infer_fail(c, "the input has rank %d, the weight has rank %d", x.rank, w.rank);
    if (group < 1) return ig_infer_fail(c, "attribute group is %lld", (long long)group);
    if (has_x && has_w && ig_dim_differ(x.dims[1], w.dims[0]))
        return ig_infer_fail(c, "the weight has another number of channels than the input");
    if (has_w && ig_dim_known(w.dims[0]) && w.dims[0].value % group)
        return ig_infer_fail(c, "%lld channels can't be split into %lld groups", (long long)w.dims[0].value, (long long)group);
    for (int k = 0; k < rank - 2; k++) kernel[k] = has_w ? w.dims[k + 2].value : IG_UNKNOWN;
    char why[200];
    ig_window_rule rule;
    extra e;
    if (!ig_window_rule_of(&rule, c->node, rank - 2, kernel, why, sizeof why) ||
        !read_extra(c->node, rank - 2, &e, why, sizeof why))
        return ig_infer_fail(c, "%s", why);
    for (int k = 0; k < rank - 2 && c->syms; k++)
        if (rule.begin[k] < 0 || rule.end[k] < 0) return ig_infer_fail(c, "attribute pads has an entry below 0");
    ig_ints pads = {0};
    bool dynamic = is_ms(c->node) && ig_infer_has(c, 2),
         has_pads = dynamic && ig_infer_ints(c, 2, &pads) && pads.n == 2 * (size_t)(rank - 2);
    out.rank = rank;
    out.dims[0] = has_x ? x.dims[0] : ig_dim_unknown();
    out.dims[1] = ig_dim_unknown();
    if (has_w) IG_TRY(ig_infer_times(c, w.dims[1], ig_dim_of(group), &out.dims[1]));
    for (int k = 0; k < rank - 2; k++) {
        out.dims[k + 2] = has_x || e.has_output ? output_dim(c->syms, &rule, &e, k, has_x ? x.dims[k + 2] : ig_dim_unknown())
                                                : ig_dim_unknown();
        if (dynamic)
            out.dims[k + 2] = !has_pads ? ig_dim_unknown()
                                        : ig_dim_sub(c->syms, out.dims[k + 2],
                                                     ig_dim_add(c->syms, pads.values[k], pads.values[k + rank - 2]));
        if (ig_dim_known(out.dims[k + 2]) && out.dims[k + 2].value < 0)
            return ig_infer_fail(c, "the padding is larger than the result along dim %d", k + 2);
    }
    return ig_infer_set(c, 0, dtype, &out);
}

/* The window over the output whose places are the input's. */
static ig_status window_of(ig_call *c, ig_window *w) {
    const ig_tensor *x = c->in[0], *y = c->out[0];
    ig_window_rule r;
    extra e;
    char why[200];
    int dims = x->rank - 2;
    const int64_t *pads = NULL;
    size_t n = 0;
    if (!ig_window_rule_of(&r, c->node, dims, c->in[1]->dims + 2, why, sizeof why) ||
        !read_extra(c->node, dims, &e, why, sizeof why))
        return ig_call_fail(c, "%s", why);
    if (is_ms(c->node) && c->n_in > 2 && c->in[2]) {
        IG_TRY(ig_call_list(c, "", 2, &pads, &n));
        if (n != 2 * (size_t)dims) return ig_call_fail(c, "Pads has %zu entries, not %d", n, 2 * dims);
    }
    *w = (ig_window){.dims = dims};
    int64_t taps = 1;
    for (int k = 0; k < dims; k++) {
        w->in[k] = y->dims[k + 2];
        w->out[k] = x->dims[k + 2];
        w->kernel[k] = r.kernel[k], w->stride[k] = r.stride[k], w->dilation[k] = r.dilation[k];
        if (__builtin_mul_overflow(taps, r.kernel[k], &taps) || taps > INT32_MAX)
            return ig_call_fail(c, "the window is too large");
        w->begin[k] = pads ? pads[k] : r.auto_pad == IG_PAD_GIVEN ? r.begin[k] : 0;
        if (!e.has_output && !is_same(&r)) continue;
        int64_t total = ig_max_i64(natural(NULL, &r, &e, k, ig_dim_of(x->dims[k + 2])).value - y->dims[k + 2], 0);
        w->begin[k] = r.auto_pad == IG_PAD_SAME_UPPER ? total / 2 : total - total / 2;
    }
    return IG_OK;
}

static void fill_bias(ig_dtype type, const void *bias, size_t channels, size_t plane, void *y) {
    for (size_t m = 0; m < channels; m++)
        for (size_t i = 0; i < plane; i++) {
            if (type == IG_F64)
                ((double *)y)[m * plane + i] = bias ? ((const double *)bias)[m] : 0;
            else
                ((float *)y)[m * plane + i] = bias ? ((const float *)bias)[m] : 0;
        }
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *w = c->in[1], *bias;
    size_t at = is_ms(c->node) ? 3 : 2;
    bias = c->n_in > at ? c->in[at] : NULL;
    ig_dtype type = ig_real_type(x->dtype);
    ig_window window;
    const void *px, *pw, *pb;
    void *y;
    IG_TRY(ig_call_made(c, 0));
    IG_TRY(window_of(c, &window));
    int64_t groups = ig_attr_int(c->node, "group"), channels = w->dims[0] / groups, filters = w->dims[1];
    size_t size = ig_dtype_bytes(type), taps = ig_window_product(&window, window.kernel),
           places = ig_window_product(&window, window.out);
    size_t plane = ig_window_product(&window, window.in), all = (size_t)(groups * filters), images = (size_t)x->dims[0];
    if (bias && bias->count != all) return ig_call_fail(c, "the bias has %zu entries for %zu filters", bias->count, all);
    if (c->out[0]->count == 0) return IG_OK;
    IG_TRY(ig_real_in(c, x, type, &px));
    IG_TRY(ig_real_in(c, w, type, &pw));
    IG_TRY(ig_real_in(c, bias, type, &pb));
    IG_TRY(ig_real_out(c, 0, type, &y));
    size_t bytes;
    if (ig_mul_overflows(all * taps, ig_max_size(places, 1) * size, &bytes)) return ig_oom(c->err);
    void *cols = ig_call_scratch(c, bytes);
    if (!cols) return ig_oom(c->err);
    int64_t wd[3] = {groups, channels, filters * (int64_t)taps}, xd[3] = {groups, channels, (int64_t)places};
    for (size_t i = 0; i < images; i++) {
        char *to = (char *)y + i * all * plane * size;
        fill_bias(type, pb, all, plane, to);
        if (places == 0) continue;
        ig_product p = {.dtype = type,
                        .a = ig_stack_of(3, wd, (ig_stack_options){.transpose = true}),
                        .b = ig_stack_of(3, xd, (ig_stack_options){.right = true}),
                        .a_data = pw,
                        .b_data = (const char *)px + i * (size_t)w->dims[0] * places * size,
                        .out = cols,
                        .tail = ig_gemm_of(0, 0, 0)};
        IG_TRY(ig_product_run(c, &p));
        ig_columns_add(c->threads, &window, type, all, cols, to);
    }
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

const ig_op ig_op_conv_transpose = {"", "ConvTranspose", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_conv_transpose_with_dynamic_pads = {
    "com.microsoft", "ConvTransposeWithDynamicPads", 1, 0, 0, infer, run, NULL, NULL};
