/* The loops of convolutions for any instruction set that kernels/vector.h speaks. */
#ifndef IG_KERNELS_CONV_SIMD_H
#define IG_KERNELS_CONV_SIMD_H

#include "kernels/conv/loops.h"
#include "kernels/vector.h"

IG_INLINE void gather_run(const ig_conv_piece *r, size_t stride, const float *x, float *out) {
    const float *from = x + r->from;
    float *to = out + r->at;
    size_t i = 0;
    if (stride == 1) {
        for (; i + VF_LANES <= r->n; i += VF_LANES) vf_store(to + i, vf_load(from + i));
        if (i < r->n) {
            vf_mask m = vf_first(r->n - i);
            vf_store_some(to + i, m, vf_load_some(from + i, m));
        }
    } else if (stride == 2) {
        for (; i < r->n; i += VF_LANES) {
            size_t n = r->n - i < VF_LANES ? r->n - i : VF_LANES;
            vf x2 = vf_load_even(from + 2 * i, n);
            if (n == VF_LANES)
                vf_store(to + i, x2);
            else
                vf_store_some(to + i, vf_first(n), x2);
        }
    } else {
        for (; i < r->n; i++) to[i] = from[i * stride];
    }
}

static void gather(const ig_conv_piece *runs, size_t n_runs, size_t stride, const float *x, size_t plane, size_t channels,
                   float *out, size_t out_step, size_t width) {
    bool whole = n_runs == 1 && runs->n == width;
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; !whole && i < width; i += VF_LANES) vf_store(out + i, vf_zero()); /* width is whole vectors */
        for (size_t r = 0; r < n_runs; r++) gather_run(&runs[r], stride, x, out);
        x += plane;
        out += out_step;
    }
}

/* `vecs` vectors of results at once; rows, cols, stride are 0 when they aren't known to the compiler. */
IG_INLINE void depthwise_block(const ig_depthwise *t, size_t i, const int vecs, const size_t rows, const size_t cols,
                               const size_t stride) {
    size_t n_rows = rows ? rows : t->rows, n_cols = cols ? cols : t->cols, s = stride ? stride : t->stride;
    vf acc[4];
    IG_UNROLL for (int v = 0; v < vecs; v++) {
        size_t at = i + (size_t)(v * VF_LANES);
        acc[v] = vf_set(t->bias);
        if (t->add) acc[v] = vf_add(acc[v], vf_load_some(t->add + at, vf_first(t->n - at)));
    }
    const float *w = t->w;
    for (size_t r = 0; r < n_rows; r++) {
        const float *x = t->x + r * t->row_step + i * s;
        for (size_t c = 0; c < n_cols; c++) {
            vf weight = vf_set(*w++);
            IG_UNROLL for (int v = 0; v < vecs; v++) {
                const float *p = x + (size_t)(v * VF_LANES) * s;
                acc[v] = vf_fma(weight, s == 1 ? vf_load(p) : vf_load_even(p, VF_LANES), acc[v]);
            }
            x += t->col_step;
        }
    }
    vf low = vf_set(t->min), high = vf_set(t->max);
    IG_UNROLL for (int v = 0; v < vecs; v++) {
        size_t at = i + (size_t)(v * VF_LANES);
        vf y = vf_min(high, vf_max(low, acc[v]));
        if (at + VF_LANES <= t->n)
            vf_store(t->out + at, y);
        else
            vf_store_some(t->out + at, vf_first(t->n - at), y);
    }
}

IG_INLINE void depthwise_row(const ig_depthwise *t, const size_t rows, const size_t cols, const size_t stride) {
    size_t i = 0;
    for (; i + 3 * VF_LANES < t->n; i += 4 * VF_LANES) depthwise_block(t, i, 4, rows, cols, stride);
    for (; i + VF_LANES < t->n; i += 2 * VF_LANES) depthwise_block(t, i, 2, rows, cols, stride);
    for (; i < t->n; i += VF_LANES) depthwise_block(t, i, 1, rows, cols, stride);
}

/* Strides beyond 2 are rare. */
static void depthwise_any(const ig_depthwise *t) {
    for (size_t i = 0; i < t->n; i++) {
        float sum = t->bias + (t->add ? t->add[i] : 0);
        for (size_t r = 0; r < t->rows; r++)
            for (size_t c = 0; c < t->cols; c++)
                sum += t->w[r * t->cols + c] * t->x[r * t->row_step + c * t->col_step + i * t->stride];
        sum = sum < t->min ? t->min : sum;
        t->out[i] = sum > t->max ? t->max : sum;
    }
}

static void depthwise(const ig_depthwise *t) {
    bool three = t->rows == 3 && t->cols == 3;
    if (t->stride == 1)
        three ? depthwise_row(t, 3, 3, 1) : depthwise_row(t, 0, 0, 1);
    else if (t->stride == 2)
        three ? depthwise_row(t, 3, 3, 2) : depthwise_row(t, 0, 0, 2);
    else
        depthwise_any(t);
}

#endif
