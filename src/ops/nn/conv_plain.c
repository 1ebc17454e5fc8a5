#include "ops/nn/conv.h"

typedef struct plain {
    const ig_conv *c;
    const void *x, *w, *bias;
    void *y;
} plain;

/* For one filter of one image: every tap adds a shifted copy of the input, row by row. */
#define PLAIN(name, TYPE)                                                                                                      \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const plain *j = arg;                                                                                                  \
        const ig_conv *c = j->c;                                                                                               \
        const ig_window *w = &c->window;                                                                                       \
        int last = w->dims - 1;                                                                                                \
        size_t taps = ig_window_product(w, w->kernel), in = ig_window_product(w, w->in), n = ig_window_product(w, w->out);     \
        size_t row = (size_t)w->out[last], rows = row ? n / row : 0, filters = c->groups * c->filters;                         \
        for (size_t item = begin; item < end; item++) {                                                                        \
            size_t image = item / filters, filter = item % filters, group = filter / c->filters;                               \
            TYPE *y = (TYPE *)j->y + item * n, start = j->bias ? ((const TYPE *)j->bias)[filter] : 0;                          \
            for (size_t i = 0; i < n; i++) y[i] = start;                                                                       \
            for (size_t k = 0; k < c->channels * taps; k++) {                                                                  \
                const TYPE *x = (const TYPE *)j->x + ((image * c->groups + group) * c->channels + k / taps) * in;              \
                TYPE weight = ((const TYPE *)j->w)[filter * c->channels * taps + k];                                           \
                int64_t tap[IG_MAX_RANK], at[IG_MAX_RANK], first, stop;                                                        \
                ig_window_place(w->dims, w->kernel, k % taps, tap);                                                            \
                int64_t from = tap[last] * w->dilation[last] - w->begin[last], stride = w->stride[last];                       \
                ig_window_inside(from, stride, w->in[last], (int64_t)row, &first, &stop);                                      \
                for (size_t r = 0; r < rows; r++) {                                                                            \
                    int64_t base;                                                                                              \
                    ig_window_place(last, w->out, r, at);                                                                      \
                    if (!ig_window_row(w, at, tap, &base)) continue;                                                           \
                    const TYPE *p = x + base + from;                                                                           \
                    for (int64_t i = first; i < stop; i++) y[(int64_t)(r * row) + i] += weight * p[i * stride];                \
                }                                                                                                              \
            }                                                                                                                  \
        }                                                                                                                      \
    }

PLAIN(plain_f64, double)
PLAIN(plain_i32, uint32_t)

void ig_conv_plain(ig_threads *threads, const ig_conv *shape, ig_dtype type, const void *x, const void *w, const void *bias,
                   void *y) {
    plain j = {shape, x, w, bias, y};
    ig_parallel(threads, shape->images * shape->groups * shape->filters, 1, type == IG_F64 ? plain_f64 : plain_i32, &j);
}
