/* Convolutions and pools. */
#include "autodiff/autodiff.h"

#include <stdio.h>

enum { MAX_SPATIAL = 8 };

/* Attributes of a convolution or pool with `n` spatial axes, as lists in texts. */
typedef struct window {
    int n;
    char strides[128], dilations[128], pads[256]; /* "1, 2, " */
    char begin[128];                              /* first half of pads */
    char axes[64];                                /* 2, 3, … */
    char zeros[64];                               /* n of them */
} window;

static void put_list(char *text, size_t size, const int64_t *list, size_t n, int64_t preset, size_t count) {
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        long long v = i < n ? list[i] : preset;
        at += (size_t)snprintf(text + at, at < size ? size - at : 0, "%lld, ", v);
    }
}

static int64_t at_or(const int64_t *list, size_t n, size_t i, int64_t preset) { return i < n ? list[i] : preset; }

/* Pads that SAME_UPPER and SAME_LOWER mean, when all sizes are known. */
static bool same_pads(ig_sketch *s, const ig_node *node, const char *kernel_of, int n, int64_t *pads) {
    ig_shape x = ig_type_shape(node->in[0]->type), y = ig_type_shape(node->out[0] ? node->out[0]->type : NULL),
             k = {.rank = -1};
    size_t n_strides, n_dilations, n_kernel;
    const int64_t *strides = ig_attr_ints(node, "strides", &n_strides),
                  *dilations = ig_attr_ints(node, "dilations", &n_dilations),
                  *kernel = ig_attr_ints(node, "kernel_shape", &n_kernel);
    const ig_value *w = kernel_of ? ig_sketch_get(s, kernel_of) : NULL;
    if (w) k = ig_type_shape(w->type);
    for (int i = 0; i < n; i++) {
        int64_t size = kernel && (size_t)i < n_kernel ? kernel[i] : k.rank == n + 2 ? k.dims[i + 2].value : IG_UNKNOWN;
        if (x.rank != n + 2 || y.rank != n + 2 || size == IG_UNKNOWN || !ig_dim_known(x.dims[i + 2]) ||
            !ig_dim_known(y.dims[i + 2]))
            return false;
        int64_t reach = (size - 1) * at_or(dilations, n_dilations, (size_t)i, 1) + 1;
        int64_t total = (y.dims[i + 2].value - 1) * at_or(strides, n_strides, (size_t)i, 1) + reach - x.dims[i + 2].value;
        total = ig_max_i64(total, 0);
        bool upper = ig_attr_is(node, "auto_pad", "SAME_UPPER");
        pads[i] = upper ? total / 2 : total - total / 2;
        pads[n + i] = total - pads[i];
    }
    return true;
}

static bool read_window(ig_sketch *s, const ig_node *node, const char *kernel_of, window *w) {
    size_t n_strides, n_dilations, n_pads;
    int64_t pads[2 * MAX_SPATIAL] = {0}, axes[MAX_SPATIAL];
    int rank = ig_gradient_rank(s, "x0");
    *w = (window){.n = rank - 2};
    if (w->n < 1 || w->n > MAX_SPATIAL) {
        ig_gradient_unsupported(s, "the rank of its input is unknown");
        return false;
    }
    const int64_t *strides = ig_attr_ints(node, "strides", &n_strides),
                  *dilations = ig_attr_ints(node, "dilations", &n_dilations), *given = ig_attr_ints(node, "pads", &n_pads);
    bool same = ig_attr_is(node, "auto_pad", "SAME_UPPER") || ig_attr_is(node, "auto_pad", "SAME_LOWER");
    for (size_t i = 0; i < 2 * (size_t)w->n; i++) pads[i] = same ? 0 : at_or(given, n_pads, i, 0);
    if (same && !same_pads(s, node, kernel_of, w->n, pads)) {
        ig_gradient_unsupported(s, "auto_pad needs shapes that are known");
        return false;
    }
    for (int i = 0; i < w->n; i++) axes[i] = i + 2;
    put_list(w->strides, sizeof w->strides, strides, n_strides, 1, (size_t)w->n);
    put_list(w->dilations, sizeof w->dilations, dilations, n_dilations, 1, (size_t)w->n);
    put_list(w->pads, sizeof w->pads, pads, 2 * (size_t)w->n, 0, 2 * (size_t)w->n);
    put_list(w->begin, sizeof w->begin, pads, (size_t)w->n, 0, (size_t)w->n);
    put_list(w->axes, sizeof w->axes, axes, (size_t)w->n, 0, (size_t)w->n);
    put_list(w->zeros, sizeof w->zeros, NULL, 0, 0, (size_t)w->n);
    return true;
}

/* "cut": from a full (unpadded) transposed convolution "f" the part that lies over an input whose spatial sizes are "sx"; what
 * the windows did not reach is zero. */
static void cut(ig_sketch *s, const window *w) {
    ig_sketch_run(s,
                  "b = [%s]; e = Max(b + sx - Slice(Shape(f), [2], [%d]), 0i);"
                  "p = Concat<axis=0>([0, 0, %s0, 0], e); cut = Slice(Pad(f, p), b, b + sx, [%s])",
                  w->begin, w->n + 2, w->zeros, w->axes);
}

/* "wide" like x: the text of the permutation that swaps the first two of n + 2 axes. */
static void swap_text(char *text, size_t size, int n) {
    size_t at = (size_t)snprintf(text, size, "1, 0, ");
    for (int i = 0; i < n; i++) at += (size_t)snprintf(text + at, size - at, "%d, ", i + 2);
}

/* The gradient "dw" of a convolution's weights (whose shape is "shape_w") from its input "u" and its output's gradient "v": a
 * convolution of the input, batch and channels swapped, with the gradient as weights; strides and dilations change places. */
static void weight_gradient(ig_sketch *s, const window *w, int64_t group) {
    char swap[64], split[80];
    size_t at = (size_t)snprintf(split, sizeof split, "2, 1, 0, ");
    swap_text(swap, sizeof swap, w->n);
    for (int i = 0; i < w->n; i++) at += (size_t)snprintf(split + at, sizeof split - at, "%d, ", i + 3);
    ig_sketch_run(s, "su = Slice(Shape(u), [2], [%d])", w->n + 2);
    if (group == 1)
        ig_sketch_run(s, "t = Transpose<perm=[%s]>(u)", swap);
    else
        ig_sketch_run(s,
                      "t = Reshape(u, Concat<axis=0>([0, %lld, -1], su));"
                      "t = Reshape(Transpose<perm=[%s]>(t), Concat<axis=0>([0, -1], Reshape(su, [-1])));"
                      "t = Reshape(t, Concat<axis=0>([0, -1], su))",
                      (long long)group, split);
    ig_sketch_run(s,
                  "q = Conv<group=%lld, pads=[%s], strides=[%s], dilations=[%s]>(t, Transpose<perm=[%s]>(v));"
                  "dw = Slice(Transpose<perm=[%s]>(q), [%s], Slice(shape_w, [2], [%d]), [%s])",
                  (long long)group, w->pads, w->dilations, w->strides, swap, swap, w->zeros, w->n + 2, w->axes);
}

static void bias_gradient(ig_sketch *s, const window *w) {
    ig_sketch_run(s, "d2 = ReduceSum<keepdims=0>(g, [0, %s])", w->axes);
}

void ig_gradient_conv(ig_sketch *s, const ig_node *node) {
    window w;
    int64_t group = ig_attr_int(node, "group");
    if (!read_window(s, node, "x1", &w)) return;
    if (ig_gradient_wanted(s, 0)) {
        ig_sketch_run(s,
                      "sx = Slice(Shape(x0), [2], [%d]);"
                      "f = ConvTranspose<group=@group, strides=[%s], dilations=[%s]>(g, x1)",
                      w.n + 2, w.strides, w.dilations);
        cut(s, &w);
        ig_sketch_run(s, "d0 = cut");
    }
    if (ig_gradient_wanted(s, 1)) {
        ig_sketch_run(s, "u = x0; v = g; shape_w = Shape(x1)");
        weight_gradient(s, &w, group);
        ig_sketch_run(s, "d1 = dw");
    }
    if (ig_gradient_wanted(s, 2)) bias_gradient(s, &w);
}

/* The other way round: the output is what a convolution would read. */
void ig_gradient_conv_transpose(ig_sketch *s, const ig_node *node) {
    window w;
    size_t n_shape;
    ig_attr_ints(node, "output_shape", &n_shape);
    bool automatic = !ig_attr_is(node, "auto_pad", "NOTSET") && !ig_attr_is(node, "auto_pad", "VALID");
    if (n_shape || automatic) {
        ig_gradient_unsupported(s, "output_shape and auto_pad are not known to its rule");
        return;
    }
    if (!read_window(s, node, NULL, &w)) return;
    if (ig_gradient_wanted(s, 0))
        ig_sketch_run(s,
                      "q = Conv<group=@group, strides=[%s], dilations=[%s], pads=[%s]>(g, x1);"
                      "d0 = Slice(q, [%s], Slice(Shape(x0), [2], [%d]), [%s])",
                      w.strides, w.dilations, w.pads, w.zeros, w.n + 2, w.axes);
    if (ig_gradient_wanted(s, 1)) {
        ig_sketch_run(s, "u = g; v = x0; shape_w = Shape(x1)");
        weight_gradient(s, &w, ig_attr_int(node, "group"));
        ig_sketch_run(s, "d1 = dw");
    }
    if (ig_gradient_wanted(s, 2)) bias_gradient(s, &w);
}

/* --------------------------------------------------------------------------------------------------------------- pools */

#define POOL "auto_pad=@auto_pad, ceil_mode=@ceil_mode, kernel_shape=@kernel_shape, pads=@pads, strides=@strides"

/* The second output of MaxPool says which element of x each maximum is. */
void ig_gradient_max_pool(ig_sketch *s, const ig_node *node) {
    if (ig_attr_int(node, "storage_order")) {
        ig_gradient_unsupported(s, "column-major indices");
        return;
    }
    ig_sketch_run(s, "v, i = MaxPool<dilations=@dilations, " POOL ">(x); n = Reshape(Size(x), [1]);"
                     "f = ScatterElements<axis=0, reduction='add'>(Expand(0, n), Reshape(i, [-1]), Reshape(g, [-1]));"
                     "d0 = Reshape(f, Shape(x))");
}

void ig_gradient_global_max_pool(ig_sketch *s, const ig_node *node) {
    char axes[64];
    size_t at = 0;
    int rank = ig_gradient_rank(s, "x");
    IG_UNUSED(node);
    if (rank < 3 || rank > MAX_SPATIAL + 2) {
        ig_gradient_unsupported(s, "the rank of its input is unknown");
        return;
    }
    for (int i = 2; i < rank; i++) at += (size_t)snprintf(axes + at, sizeof axes - at, "%d, ", i);
    ig_sketch_run(s, "m = CastLike(Equal(x, y), g); d0 = g * m / ReduceSum<keepdims=1>(m, [%s])", axes);
}

/* Each window's gradient goes in equal parts to its elements: a transposed convolution with ones, channel by channel. */
void ig_gradient_average_pool(ig_sketch *s, const ig_node *node) {
    window w;
    char kernel[128], end[128];
    size_t n_kernel, n_strides, n_dilations;
    int64_t past[MAX_SPATIAL];
    const int64_t *sizes = ig_attr_ints(node, "kernel_shape", &n_kernel), *strides = ig_attr_ints(node, "strides", &n_strides),
                  *dilations = ig_attr_ints(node, "dilations", &n_dilations);
    bool all = ig_attr_int(node, "count_include_pad") != 0;
    if (all && ig_attr_int(node, "ceil_mode")) {
        ig_gradient_unsupported(s, "ceil_mode together with count_include_pad");
        return;
    }
    if (!read_window(s, node, NULL, &w)) return;
    double total = 1;
    for (size_t i = 0; i < n_kernel; i++) total *= (double)sizes[i];
    put_list(kernel, sizeof kernel, sizes, n_kernel, 1, (size_t)w.n);
    for (size_t i = 0; i < (size_t)w.n; i++) /* as far as a window that ceil_mode adds may reach */
        past[i] = at_or(sizes, n_kernel, i, 1) * at_or(dilations, n_dilations, i, 1) + at_or(strides, n_strides, i, 1);
    put_list(end, sizeof end, past, (size_t)w.n, 0, (size_t)w.n);
    ig_sketch_run(s, "sx = Slice(Shape(x), [2], [%d])", w.n + 2);
    if (all)
        ig_sketch_run(s, "q = g / %g", total);
    else /* how many elements of x lie in each window, with sums of ones over windows whose padding is zeros */
        ig_sketch_run(s,
                      "o = Pad(ones(x), [0, 0, %s0, 0, %s]);"
                      "q = g / Slice(AveragePool<kernel_shape=[%s], strides=[%s], dilations=[%s]>(o) * %g, [%s],"
                      "              Slice(Shape(g), [2], [%d]), [%s])",
                      w.begin, end, kernel, w.strides, w.dilations, total, w.zeros, w.n + 2, w.axes);
    ig_sketch_run(s,
                  "r = Reshape(q, Concat<axis=0>([-1, 1], Slice(Shape(g), [2], [%d])));"
                  "f = ConvTranspose<strides=[%s], dilations=[%s]>(r, Expand(1, [1, 1, %s]))",
                  w.n + 2, w.strides, w.dilations, kernel);
    cut(s, &w);
    ig_sketch_run(s, "d0 = Reshape(cut, Shape(x))");
}
