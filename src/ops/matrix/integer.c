#include "ops/matrix/integer.h"

#include "ops/loops/real.h"

#include <math.h>

/* ------------------------------------------------------------------------------------------------------------ requantize */

static inline float value(const ig_requantize *r, int32_t sum, size_t row, size_t col) {
    float scale = r->scale * (r->row_scale ? r->row_scale[row] : 1) * (r->col_scale ? r->col_scale[col] : 1);
    int64_t biased = (int64_t)sum + (r->row_bias ? r->row_bias[row] : 0) + (r->col_bias ? r->col_bias[col] : 0);
    return (float)biased * scale;
}

void ig_requantize_row(const void *requantize, const int32_t *sums, size_t row, size_t col, size_t n) {
    const ig_requantize *r = requantize;
    size_t at = row * r->out_row + col * r->out_col;
    if (r->dtype == IG_F32) {
        float *out = (float *)r->out + at;
        for (size_t i = 0; i < n; i++)
            out[i * r->out_col] = value(r, sums[i], row, col + i) + (r->float_bias ? r->float_bias[col + i] : 0);
        return;
    }
    float low = r->dtype == IG_I8 ? -128 : 0, high = low + 255;
    uint8_t *out = (uint8_t *)r->out + at;
    for (size_t i = 0; i < n; i++) {
        float v = ig_round_f32(value(r, sums[i], row, col + i)) + r->zero;
        v = v > low ? v : low; /* NaN too */
        out[i * r->out_col] = (uint8_t)(int32_t)(v < high ? v : high);
    }
}

/* ------------------------------------------------------------------------------------------------------------ parameters */

size_t ig_lane_param(const ig_tensor *t, size_t lanes, size_t matrix, size_t lane) {
    if (t->count == 1) return 0;
    if (t->count == lanes && t->rank <= 1) return lane;
    size_t of_matrix = (size_t)(t->dims[t->rank - 1] * (t->rank > 1 ? t->dims[t->rank - 2] : 1));
    return matrix % (t->count / of_matrix) * of_matrix + (of_matrix == 1 ? 0 : lane);
}

bool ig_lane_param_fits(const ig_tensor *t, size_t lanes, size_t matrices) {
    if (!t || t->count == 1) return true;
    if (t->rank <= 1) return t->count == lanes;
    size_t of_matrix = (size_t)(t->dims[t->rank - 1] * t->dims[t->rank - 2]);
    if (of_matrix == 0 || (of_matrix != 1 && of_matrix != lanes)) return false;
    size_t n = t->count / of_matrix;
    return n == 1 || n == matrices;
}

/* Zero points of all lanes of matrix `matrix`. */
static void fill_zeros(const ig_tensor *t, size_t lanes, size_t matrix, int32_t *zeros) {
    for (size_t i = 0; i < lanes; i++)
        zeros[i] = (int32_t)ig_load_as_i64(t->dtype, t->data, ig_lane_param(t, lanes, matrix, i));
}

/* --------------------------------------------------------------------------------------------------------------- packing */

static bool is_bytes(const ig_tensor *t) { return t && t->kind == IG_KIND_TENSOR && (t->dtype == IG_U8 || t->dtype == IG_I8); }

ig_status ig_int_product_prepare(ig_prepare *p, size_t b, ig_stack_options options, int zero) {
    const ig_tensor *t = p->in[b], *z = NULL;
    if (!is_bytes(t) || t->rank < 1 || t->count == 0 || p->in[0]) return IG_OK;
    if (zero >= 0 && (size_t)zero < p->n_in && p->node->in[zero]) {
        z = p->in[zero];
        if (!is_bytes(z)) return IG_OK; /* known only at run time */
    }
    options.right = true;
    ig_stack s = ig_stack_of(t->rank, t->dims, options);
    const ig_kernels *kernels = ig_kernels_of(p->context);
    size_t count, bytes, n = ig_stack_count(&s);
    if (!ig_lane_param_fits(z, s.cols, n)) return IG_OK; /* an error at run time */
    if (!ig_igemm_packed_b(kernels, s.rows, s.cols, &count) || ig_mul_overflows(count, n * sizeof(int16_t), &bytes))
        return ig_oom(p->err);
    int32_t *zeros = z ? ig_alloc(p->context, s.cols * sizeof *zeros) : NULL;
    ig_int_state *state = ig_alloc(p->context, sizeof *state + bytes);
    if (!state || (z && !zeros)) {
        ig_release(p->context, zeros);
        ig_release(p->context, state);
        return ig_oom(p->err);
    }
    state->count = count;
    for (size_t i = 0; i < n; i++) {
        if (z) fill_zeros(z, s.cols, i, zeros);
        ig_imatrix m = {.data = (const uint8_t *)t->data + ig_stack_offset(&s, i),
                        .row = s.row,
                        .col = s.col,
                        .is_signed = t->dtype == IG_I8,
                        .zero = zeros,
                        .zero_step = 1};
        ig_igemm_pack_b(kernels, &m, s.rows, s.cols, state->data + i * count);
    }
    ig_release(p->context, zeros);
    p->taken[b] = true;
    p->state = state;
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------------- run */

/* Zero points of every matrix of an operand, or NULL when there are none. */
static ig_status all_zeros(ig_call *c, const ig_tensor *t, size_t lanes, size_t matrices, int32_t **zeros) {
    *zeros = NULL;
    if (!t) return IG_OK;
    if (!ig_lane_param_fits(t, lanes, matrices))
        return ig_call_fail(c, "a zero point with %zu entries doesn't fit its matrix", t->count);
    *zeros = ig_call_scratch(c, lanes * matrices * sizeof **zeros);
    if (!*zeros) return ig_oom(c->err);
    for (size_t i = 0; i < matrices; i++) fill_zeros(t, lanes, i, *zeros + i * lanes);
    return IG_OK;
}

ig_status ig_int_product_run(ig_call *c, ig_int_product *p) {
    const ig_kernels *kernels = ig_kernels_of(c->context);
    const ig_stack *a = &p->a, *b = &p->b;
    int64_t dims[IG_MAX_RANK];
    size_t count, bytes;
    int rank = ig_stack_broadcast(a, b, dims, &count);
    if (count == 0 || a->rows == 0 || b->cols == 0) return IG_OK;
    int32_t *za, *zb = NULL;
    IG_TRY(all_zeros(c, p->a_zero, a->rows, ig_stack_count(a), &za));
    if (!p->state) IG_TRY(all_zeros(c, p->b_zero, b->cols, ig_stack_count(b), &zb));
    ig_igemm *items = ig_call_scratch(c, count * sizeof *items);
    ig_requantize *posts = ig_call_scratch(c, count * sizeof *posts);
    if (!items || !posts) return ig_oom(c->err);
    size_t m = a->rows, n = b->cols;
    for (size_t i = 0; i < count; i++) {
        size_t ia = ig_stack_operand(a, rank, dims, i), ib = ig_stack_operand(b, rank, dims, i);
        items[i] = (ig_igemm){.m = m, .n = n, .k = a->cols, .c = p->out ? p->out + i * m * n : NULL, .c_row = n};
        items[i].a = (ig_imatrix){.data = (const uint8_t *)p->a_data + ig_stack_offset(a, ia),
                                  .row = a->row,
                                  .col = a->col,
                                  .is_signed = p->a_signed,
                                  .zero = za ? za + ia * m : NULL,
                                  .zero_step = 1};
        items[i].b = (ig_imatrix){.row = b->row,
                                  .col = b->col,
                                  .is_signed = p->b_tensor->dtype == IG_I8,
                                  .zero = zb ? zb + ib * n : NULL,
                                  .zero_step = 1};
        if (p->state)
            items[i].b.packed = p->state->data + ib * p->state->count;
        else
            items[i].b.data = (const uint8_t *)p->b_tensor->data + ig_stack_offset(b, ib);
        if (p->out) continue;
        posts[i] = p->base;
        posts[i].out = (char *)p->base.out + i * m * n * ig_dtype_bytes(p->base.dtype);
        if (p->each) p->each(p->each_arg, &posts[i], ia, ib);
        items[i].post = ig_requantize_row;
        items[i].post_arg = &posts[i];
    }
    void *scratch = NULL;
    if (ig_igemm_scratch(kernels, c->threads, items, &bytes)) scratch = ig_call_scratch(c, bytes);
    if (!scratch) return ig_oom(c->err);
    ig_igemm_run(kernels, c->threads, items, count, scratch);
    return IG_OK;
}
