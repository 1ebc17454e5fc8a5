#include "ops/nn/columns.h"

typedef struct columns {
    const ig_window *w;
    const void *cols;
    void *y;
} columns;

#define ADD(name, TYPE)                                                                                                        \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const columns *j = arg;                                                                                                \
        const ig_window *w = j->w;                                                                                             \
        int last = w->dims - 1;                                                                                                \
        size_t taps = ig_window_product(w, w->kernel), in = ig_window_product(w, w->in), n = ig_window_product(w, w->out);     \
        size_t row = (size_t)w->out[last], rows = row ? n / row : 0;                                                           \
        for (size_t plane = begin; plane < end; plane++)                                                                       \
            for (size_t t = 0; t < taps; t++) {                                                                                \
                const TYPE *x = (const TYPE *)j->cols + (plane * taps + t) * n;                                                \
                int64_t tap[IG_MAX_RANK], at[IG_MAX_RANK], first, stop;                                                        \
                ig_window_place(w->dims, w->kernel, t, tap);                                                                   \
                int64_t from = tap[last] * w->dilation[last] - w->begin[last], stride = w->stride[last];                       \
                ig_window_inside(from, stride, w->in[last], (int64_t)row, &first, &stop);                                      \
                for (size_t r = 0; r < rows; r++) {                                                                            \
                    int64_t base;                                                                                              \
                    ig_window_place(last, w->out, r, at);                                                                      \
                    if (!ig_window_row(w, at, tap, &base)) continue;                                                           \
                    TYPE *y = (TYPE *)j->y + (int64_t)(plane * in) + base + from;                                              \
                    const TYPE *source = x + r * row;                                                                          \
                    for (int64_t i = first; i < stop; i++) y[i * stride] += source[i];                                         \
                }                                                                                                              \
            }                                                                                                                  \
    }
ADD(add_f32, float)
ADD(add_f64, double)
ADD(add_i64, uint64_t)
ADD(add_c64, float _Complex)
ADD(add_c128, double _Complex)

void ig_columns_add(ig_threads *threads, const ig_window *w, ig_dtype type, size_t planes, const void *cols, void *y) {
    columns j = {w, cols, y};
    ig_range_fn fn = type == IG_F32    ? add_f32
                     : type == IG_F64  ? add_f64
                     : type == IG_C64  ? add_c64
                     : type == IG_C128 ? add_c128
                                       : add_i64;
    ig_parallel(threads, planes, 1, fn, &j);
}
