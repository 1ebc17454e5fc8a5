/* Clip: limits are attributes before opset 11, optional inputs since. An absent limit is the end of the type's range. */
#include "ops/math/elementwise.h"

#include <float.h>

#define LOOP(S, T)                                                                                                             \
    typedef struct limits_##S {                                                                                                \
        T low, high;                                                                                                           \
    } limits_##S;                                                                                                              \
    static inline T clip_one_##S(T x, T low, T high) {                                                                         \
        T t = x < low ? low : x;                                                                                               \
        return t > high ? high : t;                                                                                            \
    }                                                                                                                          \
    IG_LOOP_1P(clip_##S, T, T, limits_##S, clip_one_##S(x, p.low, p.high))

LOOP(u8, uint8_t)
LOOP(u16, uint16_t)
LOOP(u32, uint32_t)
LOOP(u64, uint64_t)
LOOP(i8, int8_t)
LOOP(i16, int16_t)
LOOP(i32, int32_t)
LOOP(i64, int64_t)

static const ig_loop loops[] = {IG_REAL_ROWS_1(clip), IG_WHOLE_ROWS(IG_ROW_1, clip)};

/* Ends of the range of a loop's type, as the pair of limits that the loop reads. */
static void widest(ig_dtype t, void *low, void *high) {
    unsigned bits = ig_dtypes[t].bits;
    switch (ig_dtype_number(t)) {
    case IG_NUMBER_FLOAT:
        ig_store_f64(t, low, 0, t == IG_F64 ? -DBL_MAX : (double)-FLT_MAX);
        ig_store_f64(t, high, 0, t == IG_F64 ? DBL_MAX : (double)FLT_MAX);
        return;
    case IG_NUMBER_SIGNED:
        ig_store_i64(t, low, 0, INT64_MIN >> (64 - bits));
        ig_store_i64(t, high, 0, INT64_MAX >> (64 - bits));
        return;
    default: ig_store_i64(t, low, 0, 0); ig_store_i64(t, high, 0, -1);
    }
}

static ig_status take_limit(ig_call *c, size_t i, ig_dtype t, void *limit) {
    const ig_tensor *in = i < c->n_in ? c->in[i] : NULL;
    if (!in) return IG_OK;
    if (in->count != 1) return ig_call_fail(c, "input %zu has %zu elements, a limit has one", i, in->count);
    if (t == IG_F32)
        ig_store_f64(t, limit, 0, ig_load_as_f64(in->dtype, in->data, 0));
    else
        memcpy(limit, in->data, ig_dtype_bytes(t));
    return IG_OK;
}

static ig_status run_clip(ig_call *c) {
    _Alignas(8) char limits[sizeof(ig_params_f64)] = {0}; /* the low and the high one, of the loop's type */
    const ig_loop *loop = ig_loop_pick(loops, IG_COUNT_OF(loops), c->in[0]->dtype);
    if (!loop) return ig_call_no_kernel(c, c->in[0]->dtype);
    ig_dtype t = loop->out;
    void *low = limits, *high = limits + ig_dtype_bytes(t);
    widest(t, low, high);
    if (ig_schema_attr_find(c->node->schema, "min")) {
        if (ig_schema_attr_find(c->node->schema, "min")->has_default || ig_attr_given(c->node, "min"))
            ig_store_f64(t, low, 0, (double)ig_attr_float(c->node, "min"));
        if (ig_schema_attr_find(c->node->schema, "max")->has_default || ig_attr_given(c->node, "max"))
            ig_store_f64(t, high, 0, (double)ig_attr_float(c->node, "max"));
    } else {
        IG_TRY(take_limit(c, 1, t, low));
        IG_TRY(take_limit(c, 2, t, high));
    }
    if (!c->out[0]) return IG_OK;
    ig_operand in = ig_operand_of(c->in[0]);
    const ig_loop_job job = {.loop = loop, .params = limits, .out = ig_operand_of(c->out[0]), .in = &in, .n_in = 1};
    return ig_loop_run(c, &job);
}

static ig_status infer_clip(ig_infer *c) {
    for (size_t i = 1; i < c->n_in; i++) {
        ig_shape limit;
        if (!ig_infer_shape(c, i, &limit)) continue;
        for (int d = 0; d < limit.rank; d++)
            if (ig_dim_known(limit.dims[d]) && !ig_dim_is(limit.dims[d], 1))
                return ig_infer_fail(c, "input %zu is a limit and has one element, not %lld", i,
                                     (long long)limit.dims[d].value);
    }
    return ig_infer_same(c);
}

IG_ELEMENTWISE(clip, "Clip", 1, IG_OP_INPLACE, infer_clip, run_clip)
