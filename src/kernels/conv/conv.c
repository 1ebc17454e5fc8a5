/* Convolution as a matrix product: filters x taps times taps x places. The columns of the second matrix are never all there:
 * the product asks for the part it needs (Chetlur et al., "cuDNN", 2014, section 3.1), a block that stays in the cache. A
 * window of one place reads the input as it lies. Filters of a single channel have too little to do for a product and have a
 * loop of their own. */
#include "kernels/conv/conv.h"

#include "kernels/conv/columns.h"

typedef enum way { POINTS, COLUMNS, DEPTHWISE } way;

static bool is_depthwise(const ig_conv *c) {
    return c->channels == 1 && c->groups > 1 && c->filters <= 4 && c->window.dims <= 2;
}

static way choose(const ig_conv *c) {
    if (is_depthwise(c)) return DEPTHWISE;
    for (int k = 0; k < c->window.dims; k++) {
        const ig_window *w = &c->window;
        if (w->kernel[k] != 1 || w->stride[k] != 1 || w->begin[k] || w->end[k]) return COLUMNS;
    }
    return POINTS;
}

void ig_conv_source(const void *arg, size_t k0, size_t kn, size_t n0, size_t nn, size_t width, float *out) {
    const ig_conv_columns *c = arg;
    const ig_window *w = c->window;
    ig_columns_row rows[IG_COLUMNS_MOST];
    ig_conv_piece runs[IG_COLUMNS_MOST];
    size_t taps = ig_window_product(w, w->kernel), plane = ig_window_product(w, w->in);
    size_t n_rows = ig_columns_cut(w, n0, nn, rows), stride = (size_t)w->stride[w->dims - 1];
    for (size_t tap = 0; tap < taps && tap < kn; tap++) {
        size_t k = k0 + tap, channel = k / taps, count = (kn - tap - 1) / taps + 1;
        size_t n = ig_columns_tap(w, rows, n_rows, k % taps, runs);
        c->kernels->conv_f32->gather(runs, n, stride, c->x + channel * plane, plane, count, out + tap * width, taps * width,
                                     width);
    }
}

static void set_products(const ig_kernels *kernels, const ig_conv *c, way how, ig_gemm *items, ig_conv_columns *columns) {
    const ig_window *w = &c->window;
    size_t taps = ig_window_product(w, w->kernel), in = ig_window_product(w, w->in), n = ig_window_product(w, w->out);
    size_t k = c->channels * taps, floats = 0;
    if (c->packed) ig_gemm_packed_a(kernels, c->filters, k, &floats);
    for (size_t i = 0; i < c->images * c->groups; i++) {
        size_t group = i % c->groups;
        ig_gemm *g = &items[i];
        *g = ig_gemm_of(c->filters, n, k);
        if (c->packed)
            g->a_packed = c->packed + group * floats;
        else
            g->a = c->w + group * c->filters * k;
        const float *x = c->x + i * c->channels * in;
        if (how == POINTS) {
            g->b = x;
        } else {
            columns[i] = (ig_conv_columns){kernels, w, x};
            g->source = ig_conv_source;
            g->source_arg = &columns[i];
        }
        g->c = c->y + i * c->filters * n;
        if (c->add) g->add = c->add + i * c->filters * n;
        if (c->bias) g->bias_rows = c->bias + group * c->filters;
        g->min = c->min;
        g->max = c->max;
        g->post = c->post;
        g->post_arg = c->post_arg;
    }
}

/* ------------------------------------------------------------------------------------------------------------- depthwise */

typedef struct depthwise {
    const ig_kernels *kernels;
    const ig_conv *c;
    int64_t in[2], out[2], kernel[2], stride[2], dilation[2], begin[2];
    size_t rows, row; /* of the padded plane: rows, floats of a row */
    size_t room;      /* floats of a worker */
    float *scratch;
} depthwise;

/* One spatial dim is a plane of one row. */
static depthwise depthwise_of(const ig_kernels *kernels, const ig_conv *c) {
    const ig_window *w = &c->window;
    depthwise d = {.kernels = kernels, .c = c};
    for (int k = 0; k < 2; k++) {
        int own = k - (2 - w->dims);
        d.in[k] = own < 0 ? 1 : w->in[own];
        d.out[k] = own < 0 ? 1 : w->out[own];
        d.kernel[k] = own < 0 ? 1 : w->kernel[own];
        d.stride[k] = own < 0 ? 1 : w->stride[own];
        d.dilation[k] = own < 0 ? 1 : w->dilation[own];
        d.begin[k] = own < 0 ? 0 : w->begin[own];
    }
    /* Only what windows reach: rows and columns up to the last tap of the last place. */
    d.rows = (size_t)((d.out[0] - 1) * d.stride[0] + (d.kernel[0] - 1) * d.dilation[0] + 1);
    d.row = (size_t)((d.out[1] - 1) * d.stride[1] + (d.kernel[1] - 1) * d.dilation[1] + 1);
    d.room = ig_round_up(d.rows * d.row + IG_CONV_SLACK, 16);
    return d;
}

static void pad_plane(const depthwise *d, const float *x, float *out) {
    int64_t first, end;
    ig_window_inside(-d->begin[1], 1, d->in[1], (int64_t)d->row, &first, &end);
    for (size_t r = 0; r < d->rows; r++) {
        int64_t y = (int64_t)r - d->begin[0];
        float *to = out + r * d->row;
        if (y < 0 || y >= d->in[0] || first == end) {
            memset(to, 0, d->row * sizeof *to);
            continue;
        }
        memset(to, 0, (size_t)first * sizeof *to);
        memcpy(to + first, x + y * d->in[1] + first - d->begin[1], (size_t)(end - first) * sizeof *to);
        memset(to + end, 0, (d->row - (size_t)end) * sizeof *to);
    }
    memset(out + d->rows * d->row, 0, IG_CONV_SLACK * sizeof *out);
}

static void depthwise_plane(void *arg, size_t worker, size_t item) {
    const depthwise *d = arg;
    const ig_conv *c = d->c;
    float *padded = d->scratch + worker * d->room;
    size_t taps = (size_t)(d->kernel[0] * d->kernel[1]), group = item % c->groups, n = (size_t)(d->out[0] * d->out[1]);
    pad_plane(d, c->x + item * (size_t)(d->in[0] * d->in[1]), padded);
    for (size_t f = 0; f < c->filters; f++) {
        size_t filter = group * c->filters + f;
        float *y = c->y + (item * c->filters + f) * n;
        const float *add = c->add ? c->add + (item * c->filters + f) * n : NULL;
        ig_depthwise t = {.w = (c->packed ? c->packed : c->w) + filter * taps,
                          .rows = (size_t)d->kernel[0],
                          .cols = (size_t)d->kernel[1],
                          .row_step = d->row * (size_t)d->dilation[0],
                          .col_step = (size_t)d->dilation[1],
                          .stride = (size_t)d->stride[1],
                          .n = (size_t)d->out[1],
                          .bias = c->bias ? c->bias[filter] : 0,
                          .min = c->min,
                          .max = c->max};
        for (size_t r = 0; r < (size_t)d->out[0]; r++) {
            t.x = padded + r * (size_t)d->stride[0] * d->row;
            t.out = y + r * t.n;
            t.add = add ? add + r * t.n : NULL;
            d->kernels->conv_f32->depthwise(&t);
        }
        if (c->post) c->post(c->post_arg, y, n);
    }
}

/* ------------------------------------------------------------------------------------------------------------------ ways */

bool ig_conv_packed(const ig_kernels *kernels, const ig_conv *c, size_t *floats) {
    size_t taps = 1, one;
    for (int k = 0; k < c->window.dims; k++)
        if (ig_mul_overflows(taps, (size_t)c->window.kernel[k], &taps)) return false;
    if (ig_mul_overflows(taps, c->channels, &taps)) return false;
    if (is_depthwise(c)) return !ig_mul_overflows(taps, c->groups * c->filters, floats);
    return ig_gemm_packed_a(kernels, c->filters, taps, &one) && !ig_mul_overflows(one, c->groups, floats);
}

void ig_conv_pack(const ig_kernels *kernels, ig_threads *threads, const ig_conv *c, const void *w, float *out) {
    size_t k = c->channels * ig_window_product(&c->window, c->window.kernel), floats;
    if (is_depthwise(c)) {
        memcpy(out, w, c->groups * c->filters * k * sizeof *out);
        return;
    }
    ig_gemm_packed_a(kernels, c->filters, k, &floats);
    for (size_t g = 0; g < c->groups; g++)
        ig_gemm_pack_a(kernels, threads, (const char *)w + g * c->filters * k * sizeof(float), k, 1, c->filters, k,
                       out + g * floats);
}

/* Scratch memory: the products, their sources, and what the products want. */
typedef struct layout {
    size_t items, columns, total;
} layout;

static bool lay_out(const ig_kernels *kernels, const ig_threads *threads, const ig_conv *c, layout *l) {
    *l = (layout){0};
    if (choose(c) == DEPTHWISE) {
        depthwise d = depthwise_of(kernels, c);
        size_t plane;
        return !ig_mul_overflows(d.rows, d.row, &plane) && plane < SIZE_MAX / 64 &&
               !ig_mul_overflows(d.room, ig_threads_count(threads) * sizeof(float), &l->total);
    }
    size_t n = c->images * c->groups, k = c->channels * ig_window_product(&c->window, c->window.kernel);
    if (ig_mul_overflows(n, sizeof(ig_gemm) + sizeof(ig_conv_columns), &l->total) || l->total > SIZE_MAX / 4) return false;
    ig_gemm g = ig_gemm_of(c->filters, ig_window_product(&c->window, c->window.out), k);
    g.a_packed = c->packed;
    g.a = c->w;
    if (choose(c) == COLUMNS)
        g.source = ig_conv_source;
    else
        g.b = c->x;
    l->items = ig_round_up(n * sizeof(ig_gemm), 64);
    l->columns = ig_round_up(n * sizeof(ig_conv_columns), 64);
    l->total = l->items + l->columns + ig_gemm_scratch(kernels, threads, &g);
    return true;
}

bool ig_conv_scratch(const ig_kernels *kernels, const ig_threads *threads, const ig_conv *c, size_t *bytes) {
    layout l;
    bool fits = lay_out(kernels, threads, c, &l);
    *bytes = l.total;
    return fits;
}

void ig_conv_run(const ig_kernels *kernels, ig_threads *threads, const ig_conv *c, void *scratch) {
    size_t n = c->images * c->groups;
    way how = choose(c);
    if (n == 0 || c->filters == 0 || ig_window_product(&c->window, c->window.out) == 0) return;
    if (how == DEPTHWISE) {
        depthwise d = depthwise_of(kernels, c);
        d.scratch = scratch;
        ig_parallel_items(threads, n, depthwise_plane, &d);
        return;
    }
    layout l;
    lay_out(kernels, threads, c, &l);
    ig_gemm *items = scratch;
    ig_conv_columns *columns = (ig_conv_columns *)((char *)scratch + l.items);
    set_products(kernels, c, how, items, columns);
    ig_gemm_run(kernels, threads, items, n, (char *)scratch + l.items + l.columns);
}
