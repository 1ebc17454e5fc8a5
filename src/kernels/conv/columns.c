#include "kernels/conv/columns.h"

size_t ig_columns_cut(const ig_window *w, size_t n0, size_t nn, ig_columns_row *rows) {
    int last = w->dims - 1;
    size_t n = 0, row = (size_t)w->out[last];
    for (size_t at = 0; at < nn; n++) {
        size_t place = n0 + at, x = place % row, count = ig_min_size(row - x, nn - at);
        ig_columns_row *p = &rows[n];
        ig_window_place(last, w->out, place / row, p->origin);
        for (int k = 0; k < last; k++) p->origin[k] = p->origin[k] * w->stride[k] - w->begin[k];
        p->first = (int64_t)x;
        p->at = (uint32_t)at;
        p->n = (uint32_t)count;
        at += count;
    }
    return n;
}

size_t ig_columns_tap(const ig_window *w, const ig_columns_row *rows, size_t n_rows, size_t tap, ig_conv_piece *pieces) {
    int last = w->dims - 1;
    int64_t t[IG_MAX_RANK];
    size_t n = 0;
    ig_window_place(w->dims, w->kernel, tap, t);
    for (size_t i = 0; i < n_rows; i++) {
        const ig_columns_row *p = &rows[i];
        int64_t from = 0, first, end;
        bool inside = true;
        for (int k = 0; k < last; k++) {
            int64_t at = p->origin[k] + t[k] * w->dilation[k];
            inside &= at >= 0 && at < w->in[k];
            from = from * w->in[k] + at;
        }
        int64_t start = p->first * w->stride[last] - w->begin[last] + t[last] * w->dilation[last];
        ig_window_inside(start, w->stride[last], w->in[last], p->n, &first, &end);
        if (!inside || first == end) continue;
        pieces[n++] = (ig_conv_piece){.from = (ptrdiff_t)(from * w->in[last] + start + first * w->stride[last]),
                                      .at = p->at + (uint32_t)first,
                                      .n = (uint32_t)(end - first)};
    }
    return n;
}
