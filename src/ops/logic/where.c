/* Where: elements are moved by their size, whatever their type. */
#include "ops/loops/cells.h"
#include "ops/math/elementwise.h"

typedef struct bytes16 {
    uint64_t half[2];
} bytes16;

#define LOOP(S, T) IG_LOOP_3(where_##S, T, uint8_t, T, T, x ? y : z)
LOOP(8, uint8_t)
LOOP(16, uint16_t)
LOOP(32, uint32_t)
LOOP(64, uint64_t)
LOOP(128, bytes16)

#define ROW(S, T) IG_LOOP_ROW(where_##S, T, IG_BOOL, T, T)
static const ig_loop loops[] = {ROW(8, IG_U8), ROW(16, IG_U16), ROW(32, IG_U32), ROW(64, IG_U64), ROW(128, IG_C128)};

static const ig_loop *pick(ig_dtype t) {
    for (size_t i = 0; i < IG_COUNT_OF(loops); i++)
        if (ig_dtypes[loops[i].out].bits == ig_dtypes[t].bits) return &loops[i];
    return NULL;
}

static ig_status run(ig_call *c) {
    ig_tensor *out = c->out[0];
    if (!out) return IG_OK;
    const ig_loop *loop = pick(out->dtype);
    if (!loop) return ig_call_no_kernel(c, out->dtype);
    ig_operand in[3], result = ig_operand_of(out);
    for (size_t k = 0; k < 3; k++) {
        in[k] = ig_operand_of(c->in[k]);
        in[k].dtype = loop->in[k];
    }
    result.dtype = loop->out;
    const ig_loop_job job = {.loop = loop, .out = result, .in = in, .n_in = 3};
    IG_TRY(ig_loop_run(c, &job));
    return out->dtype == IG_STRING ? ig_own_strings(out, c->err) : IG_OK;
}

static ig_status infer_content(ig_infer *c) {
    ig_ints in[3];
    ig_dim values[IG_MAX_RANK * 2];
    size_t n = 1;
    int rank = 0;
    if (!c->out_ints || !ig_dtype_is_int(c->out[0]->dtype)) return IG_OK;
    for (size_t k = 0; k < 3; k++) {
        if (!ig_infer_ints(c, k, &in[k])) return IG_OK;
        if (in[k].n != 1) n = in[k].n;
        if (in[k].rank > rank) rank = in[k].rank;
    }
    if (n > IG_COUNT_OF(values)) return IG_OK;
    for (size_t i = 0; i < n; i++) {
        ig_dim at[3];
        for (size_t k = 0; k < 3; k++) {
            if (in[k].n != n && in[k].n != 1) return IG_OK;
            at[k] = in[k].values[in[k].n == 1 ? 0 : i];
        }
        values[i] = ig_dim_known(at[0]) ? at[at[0].value ? 1 : 2] : ig_dim_equal(at[1], at[2]) ? at[1] : ig_dim_unknown();
    }
    return ig_infer_set_ints(c, 0, rank, values, n);
}

static ig_status infer(ig_infer *c) {
    ig_shape shape;
    ig_status status = IG_OK;
    bool known = ig_infer_broadcast_shape(c, 0, 3, &shape, &status);
    ig_dtype dtype = ig_infer_dtype(c, 1) ? ig_infer_dtype(c, 1) : ig_infer_dtype(c, 2);
    IG_TRY(status);
    if (!known && !dtype) return IG_OK;
    IG_TRY(ig_infer_set(c, 0, dtype, known ? &shape : NULL));
    return infer_content(c);
}

IG_ELEMENTWISE(where, "Where", 9, 0, infer, run)
