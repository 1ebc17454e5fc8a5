/* RandomUniform, RandomNormal and their Like forms, Bernoulli, Multinomial. */
#include "ops/generator/random.h"

#include <math.h>

/* ----------------------------------------------------------------------------------------------------------- generator */

/* MT19937: Matsumoto, Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998). */
void ig_random_start(ig_random *r, uint32_t seed) {
    r->state[0] = seed;
    for (uint32_t i = 1; i < IG_TWISTER; i++) r->state[i] = 1812433253u * (r->state[i - 1] ^ (r->state[i - 1] >> 30)) + i;
    r->at = IG_TWISTER;
    r->has_spare = false;
}

static void twist(ig_random *r) {
    enum { MIDDLE = 397 };
    for (size_t i = 0; i < IG_TWISTER; i++) {
        uint32_t y = (r->state[i] & 0x80000000u) | (r->state[(i + 1) % IG_TWISTER] & 0x7FFFFFFFu);
        r->state[i] = r->state[(i + MIDDLE) % IG_TWISTER] ^ (y >> 1) ^ (y & 1 ? 0x9908B0DFu : 0);
    }
    r->at = 0;
}

uint32_t ig_random_u32(ig_random *r) {
    if (r->at == IG_TWISTER) twist(r);
    uint32_t y = r->state[r->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680u;
    y ^= (y << 15) & 0xEFC60000u;
    return y ^ (y >> 18);
}

double ig_random_unit(ig_random *r) {
    uint32_t a = ig_random_u32(r) >> 5, b = ig_random_u32(r) >> 6;
    return ((double)a * 0x1p26 + (double)b) * 0x1p-53;
}

/* Marsaglia's polar method, two numbers at a time. */
double ig_random_normal(ig_random *r) {
    double x, y, s;
    if (r->has_spare) {
        r->has_spare = false;
        return r->spare;
    }
    do {
        x = 2 * ig_random_unit(r) - 1;
        y = 2 * ig_random_unit(r) - 1;
        s = x * x + y * y;
    } while (s >= 1 || s == 0);
    double f = sqrt(-2 * log(s) / s);
    r->spare = f * x;
    r->has_spare = true;
    return f * y;
}

void ig_random_start_node(ig_random *r, ig_call *c) {
    uint64_t seed = ig_call_seed(c);
    const ig_schema_attr *attr = ig_schema_attr_find(c->node->schema, "seed");
    if (!attr || !ig_attr_given(c->node, "seed") || (attr->kind == IG_ATTR_FLOAT && isnan(ig_attr_float(c->node, "seed"))))
        seed ^= seed >> 32;
    else if (attr->kind == IG_ATTR_INT)
        seed = (uint64_t)ig_attr_int(c->node, "seed");
    else {
        float f = ig_attr_float(c->node, "seed");
        seed = fabsf(f) < 0x1p62f ? (uint64_t)(int64_t)f : 0;
    }
    ig_random_start(r, (uint32_t)seed);
}

/* ----------------------------------------------------------------------------------------------------------- inference */

/* The attribute `dtype`, or input 0's type. */
static ig_status result_type(ig_infer *c, ig_dtype *out) {
    int64_t dtype = ig_attr_int(c->node, "dtype");
    const ig_schema_attr *attr = ig_schema_attr_find(c->node->schema, "dtype");
    *out = ig_infer_dtype(c, 0);
    if (!ig_attr_given(c->node, "dtype") && !(attr && attr->has_default)) return IG_OK;
    if (!ig_dtype_valid(dtype) || ig_dtype_number((ig_dtype)dtype) == IG_NUMBER_NONE)
        return ig_infer_fail(c, "attribute 'dtype' is %lld, which is no type of numbers", (long long)dtype);
    *out = (ig_dtype)dtype;
    return IG_OK;
}

static ig_status infer_shaped(ig_infer *c) {
    size_t n;
    ig_dtype dtype;
    ig_shape shape = {.rank = 0};
    const int64_t *dims = ig_attr_ints(c->node, "shape", &n);
    IG_TRY(result_type(c, &dtype));
    if (n > IG_MAX_RANK) return ig_infer_fail(c, "attribute 'shape' has %zu dims, the limit is %d", n, IG_MAX_RANK);
    for (size_t d = 0; d < n; d++) {
        if (dims[d] < 0) return ig_infer_fail(c, "attribute 'shape' has the dim %lld", (long long)dims[d]);
        shape.dims[shape.rank++] = ig_dim_of(dims[d]);
    }
    return ig_infer_set(c, 0, dtype, &shape);
}

static ig_status infer_like(ig_infer *c) {
    ig_dtype dtype;
    ig_shape shape;
    IG_TRY(result_type(c, &dtype));
    bool known = ig_infer_shape(c, 0, &shape);
    return known || dtype ? ig_infer_set(c, 0, dtype, known ? &shape : NULL) : IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- kernels */

typedef double (*draw_fn)(ig_random *r);

static ig_status fill(ig_call *c, draw_fn draw, double from, double width) {
    ig_random r;
    ig_tensor *out = c->out[0];
    if (!out) return IG_OK;
    if (!ig_dtype_is_float(out->dtype)) return ig_call_no_kernel(c, out->dtype);
    ig_random_start_node(&r, c);
    for (size_t i = 0; i < out->count; i++) ig_store_f64(out->dtype, out->data, i, from + width * draw(&r));
    return IG_OK;
}

static ig_status run_uniform(ig_call *c) {
    double low = (double)ig_attr_float(c->node, "low"), high = (double)ig_attr_float(c->node, "high");
    return fill(c, ig_random_unit, low, high - low);
}

static ig_status run_normal(ig_call *c) {
    return fill(c, ig_random_normal, (double)ig_attr_float(c->node, "mean"), (double)ig_attr_float(c->node, "scale"));
}

static ig_status run_bernoulli(ig_call *c) {
    ig_random r;
    const ig_tensor *p = c->in[0];
    if (!c->out[0]) return IG_OK;
    ig_random_start_node(&r, c);
    for (size_t i = 0; i < p->count; i++) { /* which end of [0, 1) is true is as in NumPy */
        double u = ig_random_unit(&r), chance = ig_load_as_f64(p->dtype, p->data, i);
        ig_store_i64(c->out[0]->dtype, c->out[0]->data, i, chance > 0.5 ? u <= chance : u > 1 - chance);
    }
    return IG_OK;
}

static ig_status infer_multinomial(ig_infer *c) {
    ig_shape in, out = {.rank = 2};
    ig_dtype dtype;
    int64_t samples = ig_attr_int(c->node, "sample_size");
    IG_TRY(result_type(c, &dtype));
    if (dtype != IG_I32 && dtype != IG_I64)
        return ig_infer_fail(c, "attribute 'dtype' is %s, neither int32 nor int64", ig_dtype_name(dtype));
    if (samples < 0) return ig_infer_fail(c, "attribute 'sample_size' is %lld", (long long)samples);
    if (ig_infer_shape(c, 0, &in) && in.rank != 2) return ig_infer_fail(c, "the input has rank %d, not 2", in.rank);
    out.dims[0] = in.rank == 2 ? in.dims[0] : ig_dim_unknown();
    out.dims[1] = ig_dim_of(samples);
    return ig_infer_set(c, 0, dtype, &out);
}

/* Inverts the distribution's sum for each row of unnormalized log-probabilities. */
static ig_status run_multinomial(ig_call *c) {
    ig_random r;
    const ig_tensor *x = c->in[0];
    ig_tensor *out = c->out[0];
    if (!out || !out->count) return IG_OK;
    size_t classes = (size_t)x->dims[1], samples = (size_t)out->dims[1];
    double *sums = ig_call_scratch(c, classes * sizeof *sums);
    if (!sums) return ig_oom(c->err);
    if (!classes) return ig_call_fail(c, "there are no classes to draw from");
    ig_random_start_node(&r, c);
    for (size_t row = 0; row < (size_t)x->dims[0]; row++) {
        double top = -INFINITY, sum = 0;
        for (size_t k = 0; k < classes; k++) top = fmax(top, ig_load_as_f64(x->dtype, x->data, row * classes + k));
        for (size_t k = 0; k < classes; k++) {
            double v = ig_load_as_f64(x->dtype, x->data, row * classes + k);
            sums[k] = sum += isnan(v) || v == -(double)INFINITY ? 0 : exp(v - top);
        }
        for (size_t s = 0; s < samples; s++) {
            double at = ig_random_unit(&r) * sum;
            size_t low = 0, high = classes - 1; /* the first class whose sum passes `at` */
            while (low < high) {
                size_t middle = (low + high) / 2;
                if (sums[middle] > at)
                    high = middle;
                else
                    low = middle + 1;
            }
            ig_store_i64(out->dtype, out->data, row * samples + s, (int64_t)low);
        }
    }
    return IG_OK;
}

#define RANDOM_OP(symbol, text, since_, infer_, run_)                                                                          \
    const ig_op ig_op_##symbol = {                                                                                             \
        .domain = "", .name = text, .since = since_, .flags = IG_OP_RANDOM, .infer = infer_, .run = run_};

RANDOM_OP(random_uniform, "RandomUniform", 1, infer_shaped, run_uniform)
RANDOM_OP(random_normal, "RandomNormal", 1, infer_shaped, run_normal)
RANDOM_OP(random_uniform_like, "RandomUniformLike", 1, infer_like, run_uniform)
RANDOM_OP(random_normal_like, "RandomNormalLike", 1, infer_like, run_normal)
RANDOM_OP(bernoulli, "Bernoulli", 15, infer_like, run_bernoulli)
RANDOM_OP(multinomial, "Multinomial", 7, infer_multinomial, run_multinomial)
