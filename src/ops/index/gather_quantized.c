/* GatherBlockQuantized of com.microsoft: Gather from numbers that have a scale and a zero point for each block along an axis.
 */
#include "ops/args.h"
#include "ops/nn/reals.h"

static uint32_t packed_bits(ig_dtype dtype, const ig_node *node) {
    int64_t bits = ig_attr_int(node, "bits");
    return dtype == IG_U8 && (bits == 2 || bits == 4) ? (uint32_t)bits : 8;
}

static ig_status infer(ig_infer *c) {
    ig_shape x, at, y = {.rank = 0};
    int axis, quantized;
    ig_dtype dtype = ig_infer_dtype(c, 2);
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, dtype, NULL);
    if (x.rank == 0) return ig_infer_fail(c, "the data must have an axis to gather along");
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "gather_axis"), x.rank, false, &axis));
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "quantize_axis"), x.rank, false, &quantized));
    if (!ig_infer_shape(c, 1, &at)) return ig_infer_set(c, 0, dtype, NULL);
    if (x.rank + at.rank - 1 > IG_MAX_RANK) return ig_infer_fail(c, "the result would pass rank %d", IG_MAX_RANK);
    IG_TRY(
        ig_infer_times(c, x.dims[x.rank - 1], ig_dim_of(8 / packed_bits(ig_infer_dtype(c, 0), c->node)), &x.dims[x.rank - 1]));
    for (int k = 0; k < axis; k++) y.dims[y.rank++] = x.dims[k];
    for (int k = 0; k < at.rank; k++) y.dims[y.rank++] = at.dims[k];
    for (int k = axis + 1; k < x.rank; k++) y.dims[y.rank++] = x.dims[k];
    return ig_infer_set(c, 0, dtype, &y);
}

typedef struct lookup {
    const ig_tensor *x, *indices, *zeros;
    const float *scales;
    float *out;
    int rank, axis, quantized;
    int64_t dims[IG_MAX_RANK], scale_steps[IG_MAX_RANK]; /* of the numbers, also where bytes hold several */
    int64_t block;
    size_t inner, scale_row, zero_row; /* entries of the last dim of scales, and bytes of that of packed zero points */
    uint32_t bits;
    float preset; /* zero point when there are none */
} lookup;

static uint32_t bits_at(const uint8_t *bytes, size_t i, uint32_t bits) {
    return bytes[i * bits / 8] >> (i * bits % 8) & ((1u << bits) - 1);
}

static float number_at(const lookup *l, size_t i) {
    float x;
    if (l->bits < 8) return (float)bits_at(l->x->data, i, l->bits);
    ig_to_f32(l->x->dtype, l->x->data, i, 1, &x);
    return x;
}

static float zero_at(const lookup *l, size_t scale) {
    float x;
    if (!l->zeros) return l->preset;
    if (l->bits < 8)
        return (float)bits_at((const uint8_t *)l->zeros->data + scale / l->scale_row * l->zero_row, scale % l->scale_row,
                              l->bits);
    ig_to_f32(l->zeros->dtype, l->zeros->data, scale, 1, &x);
    return x;
}

/* The numbers behind one index: `inner` of them from number `first`. */
static void gather_one(const lookup *l, size_t first, float *out) {
    int64_t at[IG_MAX_RANK];
    size_t rest = first;
    for (int k = l->rank - 1; k >= 0; k--) {
        at[k] = (int64_t)(rest % (size_t)l->dims[k]);
        rest /= (size_t)l->dims[k];
    }
    for (size_t i = 0; i < l->inner; i++) {
        int64_t scale = 0;
        for (int k = 0; k < l->rank; k++) scale += (k == l->quantized ? at[k] / l->block : at[k]) * l->scale_steps[k];
        out[i] = (number_at(l, first + i) - zero_at(l, (size_t)scale)) * l->scales[scale];
        for (int k = l->rank - 1; k >= 0 && ++at[k] == l->dims[k]; k--) at[k] = 0;
    }
}

static void gather_range(void *arg, size_t begin, size_t end) {
    const lookup *l = arg;
    int64_t n = l->dims[l->axis];
    for (size_t i = begin; i < end; i++) {
        int64_t at = ig_load_as_i64(l->indices->dtype, l->indices->data, i % l->indices->count);
        if (at < 0) at += n;
        if (at < 0 || at >= n) /* the definition: zeros, no error */
            memset(l->out + i * l->inner, 0, l->inner * sizeof(float));
        else
            gather_one(l, (i / l->indices->count * (size_t)n + (size_t)at) * l->inner, l->out + i * l->inner);
    }
}

/* How scales, and zero points, lie beside the numbers. */
static ig_status set_scales(ig_call *c, lookup *l, const ig_tensor *scales) {
    int64_t n = l->dims[l->quantized], step = 1;
    bool any = ig_dtype_is_float(l->x->dtype);
    if (scales->rank != l->rank) return ig_call_fail(c, "the scales have rank %d, the data %d", scales->rank, l->rank);
    for (int k = l->rank - 1; k >= 0; k--) {
        int64_t wanted = k == l->quantized ? n / l->block + (n % l->block != 0) : l->dims[k];
        if (scales->dims[k] != wanted && !(any && k != l->quantized && scales->dims[k] == 1))
            return ig_call_fail(c, "dim %d of the scales is %lld, must be %lld", k, (long long)scales->dims[k],
                                (long long)wanted);
        l->scale_steps[k] = scales->dims[k] == wanted ? step : 0;
        step *= scales->dims[k];
    }
    l->scale_row = (size_t)scales->dims[l->rank - 1];
    l->zero_row = (l->scale_row * l->bits + 7) / 8;
    if (!l->zeros) return IG_OK;
    size_t rows = l->scale_row ? scales->count / l->scale_row : 0;
    if (l->zeros->dtype != l->x->dtype || l->zeros->count != (l->bits < 8 ? rows * l->zero_row : scales->count))
        return ig_call_fail(c, "the zero points must be of the data's type, one for each scale");
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *scales = c->in[2];
    lookup l = {.x = x, .indices = c->in[1], .zeros = c->n_in > 3 ? c->in[3] : NULL, .rank = x->rank};
    void *out;
    const void *s;
    if (!c->out[0]) return IG_OK;
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "gather_axis"), x->rank, &l.axis));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "quantize_axis"), x->rank, &l.quantized));
    l.bits = packed_bits(x->dtype, c->node);
    if (l.bits < 8 && l.axis == x->rank - 1) return ig_call_fail(c, "the axis to gather along must not be the packed one");
    for (int k = 0; k < x->rank; k++) l.dims[k] = x->dims[k];
    l.dims[x->rank - 1] *= 8 / l.bits;
    l.block = ig_attr_int(c->node, "block_size");
    if (l.block == 0 && ig_dtype_is_float(x->dtype)) l.block = l.dims[l.quantized] ? l.dims[l.quantized] : 1;
    if (l.block < 1) return ig_call_fail(c, "block_size must be positive, is %lld", (long long)l.block);
    l.preset = x->dtype == IG_U8 ? (float)(1u << (l.bits - 1)) : 0;
    l.inner = 1;
    for (int k = l.axis + 1; k < l.rank; k++) l.inner *= (size_t)l.dims[k];
    IG_TRY(set_scales(c, &l, scales));
    if (c->out[0]->count == 0) return IG_OK;
    IG_TRY(ig_real_in(c, scales, IG_F32, &s));
    IG_TRY(ig_real_out(c, 0, IG_F32, &out));
    l.scales = s;
    l.out = out;
    ig_parallel(c->threads, c->out[0]->count / l.inner, 1 + 2048 / l.inner, gather_range, &l);
    ig_real_done(c, 0, IG_F32, out);
    return IG_OK;
}

const ig_op ig_op_ms_gather_block_quantized = {"com.microsoft", "GatherBlockQuantized", 1, 0, 0, infer, run, NULL, NULL};
