#include "ops/nn/recurrent.h"

#include "ops/loops/real.h"
#include "ops/nn/reals.h"

#include <math.h>

static size_t gates_of(ig_cell cell) { return cell == IG_CELL_LSTM ? 4 : cell == IG_CELL_GRU ? 3 : 1; }

/* 1 or 2; 0: no such direction. */
static size_t directions_of(const ig_node *node, bool *reverse) {
    ig_str d = ig_attr_str(node, "direction");
    *reverse = ig_str_is(d, "reverse");
    if (ig_str_is(d, "bidirectional")) return 2;
    return ig_str_is(d, "forward") || ig_str_is(d, "foward") || *reverse ? 1 : 0; /* the default of GRU 1 has that typo */
}

static bool batch_first(const ig_node *node) {
    return ig_schema_attr_find(node->schema, "layout") && ig_attr_int(node, "layout");
}

ig_status ig_recurrent_infer(ig_infer *c, size_t n_outputs, bool transposed) {
    ig_shape x, r, y, h;
    bool reverse, first = batch_first(c->node), has_x = ig_infer_shape(c, 0, &x), has_r = ig_infer_shape(c, 2, &r);
    size_t directions = directions_of(c->node, &reverse);
    if (directions == 0) return ig_infer_fail(c, "attribute direction is not forward, reverse or bidirectional");
    if (has_x && x.rank != 3) return ig_infer_fail(c, "X has rank %d, not 3", x.rank);
    if (has_r && r.rank != 3) return ig_infer_fail(c, "R has rank %d, not 3", r.rank);
    int64_t size = ig_attr_int(c->node, "hidden_size");
    ig_dim hidden = size > 0 ? ig_dim_of(size) : has_r ? r.dims[transposed ? 1 : 2] : ig_dim_unknown();
    if (has_r && !ig_dim_merge(hidden, r.dims[transposed ? 1 : 2], &hidden))
        return ig_infer_fail(c, "hidden_size is %lld, R has another", (long long)size);
    ig_dim steps = has_x ? x.dims[first ? 1 : 0] : ig_dim_unknown(), batch = has_x ? x.dims[first ? 0 : 1] : ig_dim_unknown();
    ig_dim both = ig_dim_of((int64_t)directions);
    y = (ig_shape){.rank = 4, .dims = {steps, both, batch, hidden}};
    h = (ig_shape){.rank = 3, .dims = {both, batch, hidden}};
    if (first) {
        y = (ig_shape){.rank = 4, .dims = {batch, steps, both, hidden}};
        h = (ig_shape){.rank = 3, .dims = {batch, both, hidden}};
    }
    ig_dtype dtype = ig_infer_dtype(c, 0);
    for (size_t o = 0; o < n_outputs && o < c->n_out; o++) IG_TRY(ig_infer_set(c, o, dtype, o ? &h : &y));
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- attributes */

/* The names of both directions one after the other; parameters are taken from their lists by those that have some. */
static ig_status read_activations(ig_call *c, ig_recurrent *r) {
    static const char *const preset[] = {"Tanh", "Sigmoid\0Tanh", "Sigmoid\0Tanh\0Tanh"};
    size_t n, n_alpha, n_beta, alpha = 0, beta = 0, each = r->cell == IG_CELL_LSTM ? 3 : r->cell == IG_CELL_GRU ? 2 : 1;
    const ig_str *names = ig_attr_strs(c->node, "activations", &n);
    const float *alphas = ig_attr_floats(c->node, "activation_alpha", &n_alpha),
                *betas = ig_attr_floats(c->node, "activation_beta", &n_beta);
    if (n && n < each * r->directions) return ig_call_fail(c, "%zu activations for %zu directions", n, r->directions);
    for (size_t d = 0; d < r->directions; d++) {
        const char *p = preset[each - 1];
        for (size_t i = 0; i < each; i++, p += strlen(p) + 1) {
            ig_str name = n ? names[d * each + i] : ig_str_c(p);
            ig_activation *a = &r->activations[d][i];
            int parameters;
            if (!ig_activation_of(a, name, &parameters))
                return ig_call_fail(c, "activation '%.*s' is not known", (int)ig_min_size(name.n, 40), name.s);
            if (parameters > 0 && alpha < n_alpha) a->alpha = alphas[alpha++];
            if (parameters > 1 && beta < n_beta) a->beta = betas[beta++];
        }
    }
    return IG_OK;
}

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }

static ig_status expect(ig_call *c, const ig_tensor *t, size_t count, const char *what) {
    if (t && t->count != count) return ig_call_fail(c, "%s has %zu elements, not %zu", what, t->count, count);
    return IG_OK;
}

static ig_status read_lengths(ig_call *c, ig_recurrent *r) {
    const ig_tensor *t = input(c, 4);
    IG_TRY(expect(c, t, r->batch, "sequence_lens"));
    r->lengths = t ? t->data : NULL;
    for (size_t b = 0; t && b < r->batch; b++)
        if (r->lengths[b] < 0 || (size_t)r->lengths[b] > r->steps)
            return ig_call_fail(c, "sequence %zu has length %d of %zu steps", b, r->lengths[b], r->steps);
    return IG_OK;
}

ig_status ig_recurrent_of_call(ig_call *c, ig_recurrent *r, ig_cell cell, const int64_t *w_dims) {
    const ig_tensor *x = c->in[0];
    *r = (ig_recurrent){
        .cell = cell, .gates = gates_of(cell), .type = ig_real_type(x->dtype), .batch_first = batch_first(c->node)};
    r->directions = directions_of(c->node, &r->reverse[0]);
    r->reverse[1] = true;
    if (x->rank != 3) return ig_call_fail(c, "X has rank %d, not 3", x->rank);
    r->steps = (size_t)x->dims[r->batch_first ? 1 : 0];
    r->batch = (size_t)x->dims[r->batch_first ? 0 : 1];
    r->input = (size_t)x->dims[2];
    r->hidden = (size_t)w_dims[1] / r->gates;
    if ((size_t)w_dims[0] != r->directions || (size_t)w_dims[1] != r->gates * r->hidden)
        return ig_call_fail(c, "W should have %zu directions of %zu gates", r->directions, r->gates);
    if (c->node->schema->domain[0] == 0 && (size_t)w_dims[2] != r->input)
        return ig_call_fail(c, "W has %lld inputs, X has %zu", (long long)w_dims[2], r->input);
    r->couple = cell == IG_CELL_LSTM && ig_attr_int(c->node, "input_forget");
    r->linear_before_reset = cell == IG_CELL_GRU && ig_schema_attr_find(c->node->schema, "linear_before_reset") &&
                             ig_attr_int(c->node, "linear_before_reset");
    r->clip = ig_attr_float(c->node, "clip");
    IG_TRY(read_activations(c, r));
    IG_TRY(read_lengths(c, r));
    size_t states = r->directions * r->batch * r->hidden;
    IG_TRY(expect(c, input(c, 3), r->directions * 2 * r->gates * r->hidden, "B"));
    IG_TRY(expect(c, input(c, 5), states, "initial_h"));
    IG_TRY(ig_real_in(c, x, r->type, &r->x));
    IG_TRY(ig_real_in(c, input(c, 3), r->type, &r->bias));
    IG_TRY(ig_real_in(c, input(c, 5), r->type, &r->initial_h));
    if (cell != IG_CELL_LSTM) return IG_OK;
    IG_TRY(expect(c, input(c, 6), states, "initial_c"));
    IG_TRY(expect(c, input(c, 7), r->directions * 3 * r->hidden, "P"));
    IG_TRY(ig_real_in(c, input(c, 6), r->type, &r->initial_c));
    return ig_real_in(c, input(c, 7), r->type, &r->peepholes);
}

/* -------------------------------------------------------------------------------------------------------------------- loop */

typedef struct work {
    const ig_recurrent *r;
    const ig_kernels *kernels;
    ig_threads *threads;
    size_t direction;
    ig_activation act[3];
    const void *peepholes, *late_bias;
    void *xw, *x_step, *hr, *h, *c, *reset, *extra, *bias_sum;
    void *quantized; /* copy of what is multiplied */
    void *scratch;   /* of the product */
} work;

static size_t length_of(const ig_recurrent *r, size_t b) { return r->lengths ? (size_t)r->lengths[b] : r->steps; }

/* The time that step s of text b looks at; beyond its end, any. */
static size_t time_at(const work *j, size_t s, size_t b) {
    size_t n = length_of(j->r, b);
    if (s >= n) return 0;
    return j->r->reverse[j->direction] ? n - 1 - s : s;
}

static size_t row_at(const work *j, size_t s, size_t b) {
    const ig_recurrent *r = j->r;
    size_t t = time_at(j, s, b);
    return r->batch_first ? b * r->steps + t : t * r->batch + b;
}

static size_t y_at(const work *j, size_t s, size_t b) {
    const ig_recurrent *r = j->r;
    size_t t = time_at(j, s, b), d = j->direction;
    return r->batch_first ? (b * r->steps + t) * r->directions + d : (t * r->directions + d) * r->batch + b;
}

static size_t state_at(const ig_recurrent *r, size_t d, size_t b) {
    return r->batch_first ? b * r->directions + d : d * r->batch + b;
}

/* Rounded to 256 steps over the range of all elements, zero included, as onnxruntime's dynamic quantization has it. */
static const float *through_bytes(const float *x, size_t n, float *out) {
    float low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float scale = high == low ? 1 : (high - low) / 255, zero = ig_round_f32(-low / scale);
    for (size_t i = 0; i < n; i++) {
        float q = ig_round_f32(x[i] / scale) + zero;
        out[i] = ((q < 0 ? 0 : q > 255 ? 255 : q) - zero) * scale;
    }
    return out;
}

#define REAL    float
#define NAME(x) x##_f32
#include "ops/nn/recurrent_loop.h"
#undef REAL
#undef NAME
#define REAL    double
#define NAME(x) x##_f64
#include "ops/nn/recurrent_loop.h"

static ig_gemm product_of(const ig_recurrent_weight *w, size_t m) {
    ig_gemm g = ig_gemm_of(m, w->n, w->k);
    g.b_packed = w->packed;
    if (!w->packed) {
        g.b = w->rows;
        g.b_row = 1;
        g.b_col = w->row;
    }
    return g;
}

static void multiply_f32(work *j, const float *a, size_t m, const ig_recurrent_weight *w, const float *bias, float *out,
                         size_t out_row, bool add) {
    ig_gemm g = product_of(w, m);
    g.a = j->r->quantize ? through_bytes(a, m * w->k, j->quantized) : a;
    g.c = out;
    g.c_row = out_row;
    g.bias_cols = bias;
    if (add) {
        g.add = out;
        g.add_row = out_row;
    }
    ig_gemm_run(j->kernels, j->threads, &g, 1, j->scratch);
}

static void multiply_f64(work *j, const double *a, size_t m, const ig_recurrent_weight *w, const double *bias, double *out,
                         size_t out_row, bool add) {
    IG_UNUSED(j);
    for (size_t i = 0; i < m; i++)
        for (size_t n = 0; n < w->n; n++) {
            const double *x = a + i * w->k, *y = (const double *)w->rows + n * w->row;
            double sum = bias ? bias[n] : 0;
            for (size_t k = 0; k < w->k; k++) sum += x[k] * y[k];
            out[i * out_row + n] = add ? out[i * out_row + n] + sum : sum;
        }
}

static size_t scratch_of(const work *j, const ig_recurrent_weight *w, size_t m) {
    if (w->n == 0 || j->r->type != IG_F32) return 0;
    ig_gemm g = product_of(w, m);
    static const float some = 0;
    g.a = &some; /* only its presence counts */
    return ig_gemm_scratch(j->kernels, j->threads, &g);
}

static ig_status get_rooms(ig_call *c, work *j) {
    const ig_recurrent *r = j->r;
    size_t gates = r->gates * r->hidden, size = ig_dtype_bytes(r->type), scratch = 0, n_quantized = 0;
    for (size_t d = 0; d < r->directions; d++) {
        scratch = ig_max_size(scratch, scratch_of(j, &r->w[d], r->steps * r->batch));
        for (int k = 0; k < 2; k++) scratch = ig_max_size(scratch, scratch_of(j, &r->r[d][k], r->batch));
        scratch = ig_max_size(scratch, scratch_of(j, &r->extra_w[d], r->batch));
    }
    if (r->quantize) n_quantized = ig_max_size(r->steps * r->batch * r->input, r->batch * r->hidden);
    const struct {
        void **room;
        size_t n;
    } rooms[] = {{&j->xw, r->steps * r->batch * gates}, {&j->x_step, r->batch * gates}, {&j->hr, r->batch * gates},
                 {&j->h, r->batch * r->hidden},         {&j->c, r->batch * r->hidden},  {&j->reset, r->batch * r->hidden},
                 {&j->extra, r->batch * r->extra},      {&j->bias_sum, gates},          {&j->quantized, n_quantized},
                 {&j->scratch, scratch / sizeof(float)}};
    for (size_t i = 0; i < IG_COUNT_OF(rooms); i++) {
        size_t bytes;
        if (ig_mul_overflows(rooms[i].n, size, &bytes)) return ig_oom(c->err);
        *rooms[i].room = ig_call_scratch(c, bytes);
        if (!*rooms[i].room) return ig_oom(c->err);
    }
    return IG_OK;
}

ig_status ig_recurrent_run(ig_call *c, ig_recurrent *r) {
    void **outputs[] = {&r->y, &r->y_h, &r->y_c};
    work j = {.r = r, .kernels = ig_kernels_of(c->context), .threads = c->threads};
    for (size_t o = 0; o < c->n_out && o < 3; o++) {
        if (!c->out[o]) continue;
        IG_TRY(ig_real_out(c, o, r->type, outputs[o]));
        size_t bytes = c->out[o]->count * ig_dtype_bytes(r->type);
        if (bytes) memset(*outputs[o], 0, bytes);
    }
    IG_TRY(get_rooms(c, &j));
    for (j.direction = 0; j.direction < r->directions; j.direction++) {
        memcpy(j.act, r->activations[j.direction], sizeof j.act);
        if (r->type == IG_F32)
            run_direction_f32(&j);
        else
            run_direction_f64(&j);
    }
    for (size_t o = 0; o < c->n_out && o < 3; o++)
        if (c->out[o]) ig_real_done(c, o, r->type, *outputs[o]);
    return IG_OK;
}
