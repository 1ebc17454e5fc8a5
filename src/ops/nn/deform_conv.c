/* DeformConv: a convolution whose taps are moved by an input, place by place; between pixels the input is interpolated. */
#include "ops/matrix/product.h"
#include "ops/nn/conv.h"
#include "ops/nn/reals.h"

#include <math.h>

static ig_status infer(ig_infer *c) {
    ig_shape offset, out;
    IG_TRY(ig_conv_infer(c, 0, 1, ig_infer_dtype(c, 0), false));
    if (ig_infer_shape(c, 2, &offset)) { /* has the places of the result */
        const ig_type *t = c->out[0];
        out = ig_type_shape(t);
        if (out.rank >= 0 && out.rank != offset.rank)
            return ig_infer_fail(c, "offset has rank %d, not %d", offset.rank, out.rank);
        for (int k = 2; k < out.rank; k++)
            if (!ig_dim_merge(out.dims[k], offset.dims[k], &out.dims[k]))
                return ig_infer_fail(c, "offset doesn't have the places of the result");
        if (out.rank >= 0) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &out);
    }
    return IG_OK;
}

typedef struct work {
    ig_window w;
    size_t channels, offset_groups, taps, places, plane;
    const void *x, *offset, *mask; /* of one image; mask may be NULL */
    void *cols;                    /* channels * taps x places */
} work;

/* One channel and tap: where it reads for every place, linear between the 2^n pixels around. */
#define COLUMNS(name, TYPE)                                                                                                    \
    static TYPE sample_##name(const ig_window *w, const TYPE *x, const TYPE *at) {                                             \
        TYPE sum = 0, part[IG_MAX_RANK];                                                                                       \
        int64_t first[IG_MAX_RANK];                                                                                            \
        for (int k = 0; k < w->dims; k++) {                                                                                    \
            if (!(at[k] > -1 && at[k] < (TYPE)w->in[k])) return 0; /* NaN too */                                               \
            first[k] = (int64_t)floor((double)at[k]);                                                                          \
            part[k] = at[k] - (TYPE)first[k];                                                                                  \
        }                                                                                                                      \
        for (uint32_t corner = 0; corner < 1u << w->dims; corner++) {                                                          \
            TYPE weight = 1;                                                                                                   \
            int64_t place = 0;                                                                                                 \
            bool inside = true;                                                                                                \
            for (int k = 0; k < w->dims; k++) {                                                                                \
                bool next = (corner >> k) & 1;                                                                                 \
                int64_t i = first[k] + next;                                                                                   \
                weight *= next ? part[k] : 1 - part[k];                                                                        \
                inside &= i >= 0 && i < w->in[k];                                                                              \
                place = place * w->in[k] + i;                                                                                  \
            }                                                                                                                  \
            if (inside) sum += weight * x[place];                                                                              \
        }                                                                                                                      \
        return sum;                                                                                                            \
    }                                                                                                                          \
    static void columns_##name(void *arg, size_t begin, size_t end) {                                                          \
        const work *j = arg;                                                                                                   \
        const ig_window *w = &j->w;                                                                                            \
        size_t dims = (size_t)w->dims;                                                                                         \
        for (size_t k = begin; k < end; k++) {                                                                                 \
            size_t channel = k / j->taps, t = k % j->taps, group = channel / (j->channels / j->offset_groups);                 \
            const TYPE *x = (const TYPE *)j->x + channel * j->plane;                                                           \
            const TYPE *offset = (const TYPE *)j->offset + (group * j->taps + t) * dims * j->places;                           \
            const TYPE *mask = j->mask ? (const TYPE *)j->mask + (group * j->taps + t) * j->places : NULL;                     \
            TYPE *out = (TYPE *)j->cols + k * j->places;                                                                       \
            int64_t tap[IG_MAX_RANK], place[IG_MAX_RANK];                                                                      \
            TYPE at[IG_MAX_RANK];                                                                                              \
            ig_window_place(w->dims, w->kernel, t, tap);                                                                       \
            for (size_t i = 0; i < j->places; i++) {                                                                           \
                ig_window_place(w->dims, w->out, i, place);                                                                    \
                for (size_t d = 0; d < dims; d++)                                                                              \
                    at[d] =                                                                                                    \
                        (TYPE)(place[d] * w->stride[d] - w->begin[d] + tap[d] * w->dilation[d]) + offset[d * j->places + i];   \
                out[i] = sample_##name(w, x, at) * (mask ? mask[i] : 1);                                                       \
            }                                                                                                                  \
        }                                                                                                                      \
    }
COLUMNS(f32, float)
COLUMNS(f64, double)

enum { MAX_DIMS = 16 }; /* corners are counted in a word */

static ig_status check(ig_call *c, const work *j, const ig_conv *conv, int64_t offset_groups) {
    const ig_tensor *x = c->in[0], *offset = c->in[2], *mask = c->n_in > 4 ? c->in[4] : NULL,
                    *bias = c->n_in > 3 ? c->in[3] : NULL;
    size_t images = conv->images, of_offset = j->offset_groups * j->taps * j->places;
    if (j->w.dims > MAX_DIMS) return ig_call_fail(c, "%d dims of space", j->w.dims);
    if (offset_groups < 1 || x->dims[1] % offset_groups)
        return ig_call_fail(c, "%lld channels can't be split into %lld offset groups", (long long)x->dims[1],
                            (long long)offset_groups);
    if (offset->count != images * of_offset * (size_t)j->w.dims)
        return ig_call_fail(c, "offset has %zu elements, not %zu", offset->count, images * of_offset * (size_t)j->w.dims);
    if (mask && mask->count != images * of_offset)
        return ig_call_fail(c, "mask has %zu elements, not %zu", mask->count, images * of_offset);
    if (bias && bias->count != conv->groups * conv->filters) return ig_call_fail(c, "the bias has %zu entries", bias->count);
    return IG_OK;
}

static void add_bias(ig_dtype type, const void *bias, size_t filters, size_t places, void *y) {
    for (size_t i = 0; bias && i < filters * places; i++) {
        if (type == IG_F64)
            ((double *)y)[i] += ((const double *)bias)[i / places];
        else
            ((float *)y)[i] += ((const float *)bias)[i / places];
    }
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *w = c->in[1], *mask = c->n_in > 4 ? c->in[4] : NULL;
    int64_t offset_groups = ig_attr_int(c->node, "offset_group");
    ig_dtype type = ig_real_type(x->dtype);
    ig_conv conv;
    const void *px, *pw, *pb, *po, *pm;
    void *y;
    IG_TRY(ig_conv_of_call(c, &conv, x, w, false));
    work j = {.w = conv.window, .channels = conv.groups * conv.channels, .offset_groups = (size_t)offset_groups};
    j.taps = ig_window_product(&j.w, j.w.kernel), j.places = ig_window_product(&j.w, j.w.out),
    j.plane = ig_window_product(&j.w, j.w.in);
    IG_TRY(check(c, &j, &conv, offset_groups));
    if (c->out[0]->count == 0) return IG_OK;
    IG_TRY(ig_real_in(c, x, type, &px));
    IG_TRY(ig_real_in(c, w, type, &pw));
    IG_TRY(ig_real_in(c, c->in[2], type, &po));
    IG_TRY(ig_real_in(c, c->n_in > 3 ? c->in[3] : NULL, type, &pb));
    IG_TRY(ig_real_in(c, mask, type, &pm));
    IG_TRY(ig_real_out(c, 0, type, &y));
    size_t size = ig_dtype_bytes(type), k = conv.channels * j.taps, filters = conv.groups * conv.filters, bytes;
    if (ig_mul_overflows(j.channels * j.taps, j.places * size, &bytes)) return ig_oom(c->err);
    j.cols = ig_call_scratch(c, bytes);
    if (!j.cols) return ig_oom(c->err);
    int64_t wd[3] = {(int64_t)conv.groups, (int64_t)conv.filters, (int64_t)k},
            cd[3] = {(int64_t)conv.groups, (int64_t)k, (int64_t)j.places};
    size_t of_offset = j.offset_groups * j.taps * j.places * size;
    for (size_t i = 0; i < conv.images; i++) {
        void *to = (char *)y + i * filters * j.places * size;
        j.x = (const char *)px + i * j.channels * j.plane * size;
        j.offset = (const char *)po + i * of_offset * (size_t)j.w.dims;
        j.mask = pm ? (const char *)pm + i * of_offset : NULL;
        ig_parallel(c->threads, j.channels * j.taps, 1, type == IG_F64 ? columns_f64 : columns_f32, &j);
        ig_product p = {.dtype = type,
                        .a = ig_stack_of(3, wd, (ig_stack_options){0}),
                        .b = ig_stack_of(3, cd, (ig_stack_options){.right = true}),
                        .a_data = pw,
                        .b_data = j.cols,
                        .out = to,
                        .tail = ig_gemm_of(0, 0, 0)};
        IG_TRY(ig_product_run(c, &p));
        add_bias(type, pb, filters, j.places, to);
    }
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

const ig_op ig_op_deform_conv = {"", "DeformConv", 19, 0, 0, infer, run, NULL, NULL};
