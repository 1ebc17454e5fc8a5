/* Cast and CastLike: every type to every other. */
#include "ops/loops/cells.h"
#include "ops/loops/convert.h"
#include "ops/math/elementwise.h"
#include "ops/quant/cast_text.h"

#include <math.h>

/* ----------------------------------------------------------------------------------------------------------- inference */

/* The wanted type; the first version names it by a string ("FLOAT"). */
static ig_status wanted_type(ig_infer *c, ig_dtype *out) {
    const ig_schema_attr *attr = ig_schema_attr_find(c->node->schema, "to");
    if (attr && attr->kind == IG_ATTR_STRING) {
        char name[16] = "";
        ig_str s = ig_attr_str(c->node, "to");
        for (size_t i = 0; i < s.n && s.n < sizeof name; i++)
            name[i] = (char)(s.s[i] >= 'A' && s.s[i] <= 'Z' ? s.s[i] + 32 : s.s[i]);
        *out = ig_dtype_from_name(name);
        return *out ? IG_OK : ig_infer_fail(c, "attribute 'to' is '%.*s', which is no type", (int)ig_min_size(s.n, 40), s.s);
    }
    int64_t to = ig_attr_int(c->node, "to");
    if (!ig_dtype_valid(to)) return ig_infer_fail(c, "attribute 'to' is %lld, which is no type", (long long)to);
    *out = (ig_dtype)to;
    return IG_OK;
}

static ig_dim same(ig_syms *syms, ig_dim x) {
    IG_UNUSED(syms);
    return x;
}
static ig_dim truth(ig_syms *syms, ig_dim x) {
    IG_UNUSED(syms);
    return ig_dim_known(x) ? ig_dim_of(x.value != 0) : x;
}

static ig_status infer_to(ig_infer *c, ig_dtype to) {
    ig_shape shape;
    bool known = ig_infer_shape(c, 0, &shape);
    ig_dtype from = ig_infer_dtype(c, 0);
    if (known || to) IG_TRY(ig_infer_set(c, 0, to, known ? &shape : NULL));
    if (!ig_dtype_is_int(from) && from != IG_BOOL) return IG_OK;
    return ig_infer_content_1(c, to == IG_BOOL ? truth : same);
}

static ig_status infer_cast(ig_infer *c) {
    ig_dtype to = IG_UNDEFINED;
    IG_TRY(wanted_type(c, &to));
    return infer_to(c, to);
}
static ig_status infer_cast_like(ig_infer *c) { return infer_to(c, ig_infer_dtype(c, 1)); }

/* -------------------------------------------------------------------------------------------------- one real to 8 bits */

typedef enum direction { UP, DOWN, NEAREST } direction;

typedef struct cast_job {
    const ig_tensor *from;
    ig_tensor *to;
    const ig_loops *loops;
    bool saturate;
    direction direction; /* of rounding to powers of two */
} cast_job;

/* The code of the power of two, 2^(code - 127). ONNX leaves negative numbers open: they count by magnitude. Without `saturate`
 * what the type can't hold is NaN, zero included. */
static uint8_t power_code(double v, bool saturate, direction d) {
    enum { MOST = 0xFE, NAN_CODE = 0xFF };
    int e;
    v = fabs(v);
    if (isnan(v)) return NAN_CODE;
    if (isinf(v)) return saturate ? MOST : NAN_CODE;
    if (v < 0x1p-127) return saturate ? 0 : NAN_CODE;
    double f = frexp(v, &e); /* v = f 2^e, f in [0.5, 1) */
    int code = e - 1 + 127 + (d == UP ? f > 0.5 : d == NEAREST && f >= 0.75);
    return (uint8_t)(code <= MOST ? code : saturate ? MOST : NAN_CODE);
}

static void store_real(void *user, size_t i, double v) {
    const cast_job *j = user;
    if (j->to->dtype == IG_F8E8M0)
        ((uint8_t *)j->to->data)[i] = power_code(v, j->saturate, j->direction);
    else if (j->saturate || ig_dtypes[j->to->dtype].bits != 8)
        ig_store_f64(j->to->dtype, j->to->data, i, v);
    else
        ((uint8_t *)j->to->data)[i] = ig_small_float_encode(j->to->dtype, ig_f64_to_odd_f32(v), false);
}

/* ------------------------------------------------------------------------------------------------------------- kernels */

enum { UNIT = 4096 }; /* elements of a range: a multiple of 8, so that packed elements of two ranges share no byte */

static void convert_range(void *arg, size_t begin, size_t end) {
    const cast_job *j = arg;
    size_t first = begin * UNIT, n = ig_min_size(end * UNIT, j->from->count) - first;
    ig_convert_on(j->loops, j->from->dtype, j->from->data, first, j->to->dtype, j->to->data, first, n);
}

static void store_range(void *arg, size_t begin, size_t end) {
    const cast_job *j = arg;
    for (size_t i = begin * UNIT; i < end * UNIT && i < j->from->count; i++)
        store_real(arg, i, ig_load_as_f64(j->from->dtype, j->from->data, i));
}

static bool is_real(ig_dtype t) { return ig_dtype_number(t) != IG_NUMBER_NONE && ig_dtype_number(t) != IG_NUMBER_COMPLEX; }

static ig_status run_cast(ig_call *c) {
    cast_job j = {.from = c->in[0], .to = c->out[0], .loops = ig_kernels_of(c->context)->loops, .saturate = true};
    if (!j.to) return IG_OK;
    if (ig_schema_attr_find(c->node->schema, "saturate")) j.saturate = ig_attr_int(c->node, "saturate") != 0;
    if (ig_attr_is(c->node, "round_mode", "down")) j.direction = DOWN;
    if (ig_attr_is(c->node, "round_mode", "nearest")) j.direction = NEAREST;
    ig_dtype from = j.from->dtype, to = j.to->dtype;
    if (from == IG_STRING && to == IG_STRING) {
        if (j.to->bytes) memcpy(j.to->data, j.from->data, j.to->bytes);
        return ig_own_strings(j.to, c->err);
    }
    if (to == IG_STRING && is_real(from)) return ig_cast_to_text(c, j.from, j.to);
    if (from == IG_STRING && is_real(to)) return ig_cast_from_text(c, j.from, j.to, store_real, &j);
    if (from != to && (!is_real(from) || !is_real(to))) return ig_call_no_kernel(c, is_real(from) ? to : from);
    bool special = from != to && (to == IG_F8E8M0 || (ig_dtype_is_float(to) && ig_dtypes[to].bits == 8 && !j.saturate));
    ig_parallel(c->threads, (j.from->count + UNIT - 1) / UNIT, 4, special ? store_range : convert_range, &j);
    return IG_OK;
}

IG_ELEMENTWISE(cast, "Cast", 1, 0, infer_cast, run_cast)
IG_ELEMENTWISE(cast_like, "CastLike", 15, 0, infer_cast_like, run_cast)
