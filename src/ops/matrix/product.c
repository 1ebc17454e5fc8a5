#include "ops/matrix/product.h"

ig_stack ig_stack_of(int rank, const int64_t *dims, ig_stack_options o) {
    ig_stack s = {.rank = rank > 2 ? rank - 2 : 0, .vector = rank == 1};
    if (s.vector) {
        s.rows = o.right ? (size_t)dims[0] : 1;
        s.cols = o.right ? 1 : (size_t)dims[0];
        s.row = o.right ? 1 : (size_t)dims[0];
        s.col = o.right ? 1 : 1;
        return s;
    }
    int64_t steps[IG_MAX_RANK], step = 1;
    for (int k = rank - 1; k >= 0; k--) {
        steps[k] = step;
        step *= dims[k];
    }
    int row = o.transpose_batch ? 0 : rank - 2, first = o.transpose_batch ? 1 : 0;
    for (int k = 0; k < s.rank; k++) {
        s.dims[k] = dims[first + k];
        s.steps[k] = steps[first + k];
    }
    s.rows = (size_t)dims[row], s.row = (size_t)steps[row];
    s.cols = (size_t)dims[rank - 1], s.col = 1;
    if (o.transpose) {
        s = (ig_stack){.rank = s.rank, .rows = s.cols, .cols = s.rows, .row = s.col, .col = s.row};
        for (int k = 0; k < s.rank; k++) {
            s.dims[k] = dims[first + k];
            s.steps[k] = steps[first + k];
        }
    }
    return s;
}

bool ig_stack_shape(const ig_shape *shape, ig_stack_options o, ig_shape *stack, ig_dim matrix[2]) {
    int rank = shape->rank;
    if (rank < 1) return false;
    stack->rank = rank > 2 ? rank - 2 : 0;
    if (rank == 1) {
        matrix[o.right ? 0 : 1] = shape->dims[0];
        matrix[o.right ? 1 : 0] = ig_dim_of(1);
        return true;
    }
    int row = o.transpose_batch ? 0 : rank - 2, first = o.transpose_batch ? 1 : 0;
    for (int k = 0; k < stack->rank; k++) stack->dims[k] = shape->dims[first + k];
    matrix[o.transpose ? 1 : 0] = shape->dims[row];
    matrix[o.transpose ? 0 : 1] = shape->dims[rank - 1];
    return true;
}

/* Two shapes right-aligned; false when a pair of dims can't be one. */
static bool broadcast(ig_syms *syms, const ig_shape *a, const ig_shape *b, ig_shape *out) {
    out->rank = a->rank > b->rank ? a->rank : b->rank;
    for (int k = 0; k < out->rank; k++) {
        int ka = k - (out->rank - a->rank), kb = k - (out->rank - b->rank);
        ig_dim da = ka >= 0 ? a->dims[ka] : ig_dim_of(1), db = kb >= 0 ? b->dims[kb] : ig_dim_of(1);
        if (!ig_dim_broadcast(syms, da, db, &out->dims[k])) return false;
    }
    return true;
}

ig_status ig_product_shape(ig_infer *c, size_t a, ig_stack_options ao, size_t b, ig_stack_options bo, ig_shape *out) {
    ig_shape sa, sb, stack_a, stack_b;
    ig_dim ma[2], mb[2];
    out->rank = IG_UNRANKED;
    bool has_a = ig_infer_shape(c, a, &sa), has_b = ig_infer_shape(c, b, &sb);
    if ((has_a && sa.rank == 0) || (has_b && sb.rank == 0)) return ig_infer_fail(c, "a scalar can't be multiplied as a matrix");
    if (!has_a || !has_b) return IG_OK;
    bo.right = true;
    if (!ig_stack_shape(&sa, ao, &stack_a, ma) || !ig_stack_shape(&sb, bo, &stack_b, mb)) return IG_OK;
    char ta[256], tb[256];
    ig_type_text(c->in[a], ta, sizeof ta);
    ig_type_text(c->in[b], tb, sizeof tb);
    if (ig_dim_differ(ma[1], mb[0]))
        return ig_infer_fail(
            c, "the matrices of %.160s and %.160s don't fit: the first has as many columns as the second has rows", ta, tb);
    if (!broadcast(c->syms, &stack_a, &stack_b, out))
        return ig_infer_fail(c, "%.160s and %.160s have different numbers of matrices", ta, tb);
    if (out->rank + 2 > IG_MAX_RANK) return ig_infer_fail(c, "a result of rank %d is too large", out->rank + 2);
    if (sa.rank > 1) out->dims[out->rank++] = ma[0];
    if (sb.rank > 1) out->dims[out->rank++] = mb[1];
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- packing */

size_t ig_stack_count(const ig_stack *s) {
    size_t n = 1;
    for (int k = 0; k < s->rank; k++) n *= (size_t)s->dims[k];
    return n;
}

/* Where matrix number i of the stack begins, in elements. */
size_t ig_stack_offset(const ig_stack *s, size_t i) {
    size_t at = 0;
    for (int k = s->rank - 1; k >= 0; k--) {
        at += i % (size_t)s->dims[k] * (size_t)s->steps[k];
        i /= (size_t)s->dims[k];
    }
    return at;
}

static ig_status pack(ig_prepare *p, size_t input, ig_stack_options options) {
    const ig_tensor *t = p->in[input];
    const ig_kernels *kernels = ig_kernels_of(p->context);
    ig_stack s = ig_stack_of(t->rank, t->dims, options);
    size_t floats, bytes, count = ig_stack_count(&s);
    bool fits =
        options.right ? ig_gemm_packed_b(kernels, s.rows, s.cols, &floats) : ig_gemm_packed_a(kernels, s.rows, s.cols, &floats);
    if (!fits || ig_mul_overflows(floats, count * sizeof(float), &bytes) ||
        ig_add_overflows(bytes, sizeof(ig_product_state), &bytes))
        return ig_oom(p->err);
    ig_product_state *state = ig_alloc(p->context, bytes);
    if (!state) return ig_oom(p->err);
    state->b = options.right;
    state->floats = floats;
    for (size_t i = 0; i < count; i++) {
        const char *src = (const char *)t->data + ig_stack_offset(&s, i) * sizeof(float);
        if (options.right)
            ig_gemm_pack_b(kernels, p->threads, src, s.row, s.col, s.rows, s.cols, state->data + i * floats);
        else
            ig_gemm_pack_a(kernels, p->threads, src, s.row, s.col, s.rows, s.cols, state->data + i * floats);
    }
    p->taken[input] = true;
    p->state = state;
    return IG_OK;
}

/* Without runs to come (a constant computed ahead) packing would be wasted, but then the other operand is constant too. */
ig_status ig_product_prepare(ig_prepare *p, size_t a, ig_stack_options ao, size_t b, ig_stack_options bo) {
    const ig_tensor *ta = p->in[a], *tb = p->in[b];
    ao.right = false;
    bo.right = true;
    if (ta && tb) return IG_OK;
    if (tb && tb->kind == IG_KIND_TENSOR && tb->dtype == IG_F32 && tb->rank > 0 && tb->count) return pack(p, b, bo);
    if (ta && ta->kind == IG_KIND_TENSOR && ta->dtype == IG_F32 && ta->rank > 1 && ta->count) return pack(p, a, ao);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- products */

/* Number i of the broadcast stack as a number of the operand's own stack. */
size_t ig_stack_operand(const ig_stack *s, int rank, const int64_t *dims, size_t i) {
    size_t index = 0, step = 1;
    for (int k = rank - 1; k >= 0; k--) {
        int own = k - (rank - s->rank);
        size_t at = i % (size_t)dims[k];
        i /= (size_t)dims[k];
        if (own < 0) continue;
        if (s->dims[own] != 1) index += at * step;
        step *= (size_t)s->dims[own];
    }
    return index;
}

/* The stack of A as one tall matrix when B is a single one and A's rows lie at even distances. */
static void join_rows(ig_stack *a, const ig_stack *b) {
    if (b->rank || a->rank == 0) return;
    int64_t next = (int64_t)(a->row * a->rows);
    for (int k = a->rank - 1; k >= 0; k--) {
        if (a->steps[k] != next) return;
        next *= a->dims[k];
    }
    a->rows *= ig_stack_count(a);
    a->rank = 0;
}

typedef struct batch {
    int rank;
    int64_t dims[IG_MAX_RANK];
    size_t count;
} batch;

int ig_stack_broadcast(const ig_stack *a, const ig_stack *b, int64_t *dims, size_t *count) {
    int rank = a->rank > b->rank ? a->rank : b->rank;
    *count = 1;
    for (int k = 0; k < rank; k++) {
        int ka = k - (rank - a->rank), kb = k - (rank - b->rank);
        int64_t da = ka >= 0 ? a->dims[ka] : 1, db = kb >= 0 ? b->dims[kb] : 1;
        dims[k] = da == 1 ? db : da;
        *count *= (size_t)dims[k];
    }
    return rank;
}

static ig_status run_f32(ig_call *c, ig_product *p, const batch *t, const float *a, const float *b, float *out) {
    const ig_kernels *kernels = ig_kernels_of(c->context);
    ig_gemm *items = ig_call_scratch(c, t->count * sizeof *items);
    if (!items) return ig_oom(c->err);
    ig_gemm g = p->tail;
    g.m = p->a.rows, g.n = p->b.cols, g.k = p->a.cols;
    g.a_row = p->a.row, g.a_col = p->a.col, g.b_row = p->b.row, g.b_col = p->b.col;
    g.c_row = g.n;
    if (p->activation.kind == IG_ACT_RELU) {
        g.min = 0;
    } else if (p->activation.kind != IG_ACT_NONE) {
        g.post = ig_activate_f32;
        g.post_arg = &p->activation;
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t ia = ig_stack_operand(&p->a, t->rank, t->dims, i), ib = ig_stack_operand(&p->b, t->rank, t->dims, i);
        items[i] = g;
        items[i].c = out + i * g.m * g.n;
        if (p->state && !p->state->b)
            items[i].a_packed = p->state->data + ia * p->state->floats;
        else
            items[i].a = a + ig_stack_offset(&p->a, ia);
        if (p->state && p->state->b)
            items[i].b_packed = p->state->data + ib * p->state->floats;
        else
            items[i].b = b + ig_stack_offset(&p->b, ib);
    }
    void *scratch = ig_call_scratch(c, ig_gemm_scratch(kernels, c->threads, items));
    if (!scratch) return ig_oom(c->err);
    ig_gemm_run(kernels, c->threads, items, t->count, scratch);
    return IG_OK;
}

/* Smaller floats are multiplied as floats and rounded once. */
static ig_status run_small_float(ig_call *c, ig_product *p, const batch *t) {
    size_t na = ig_stack_count(&p->a) * p->a.rows * p->a.cols, nb = ig_stack_count(&p->b) * p->b.rows * p->b.cols;
    size_t n = t->count * p->a.rows * p->b.cols;
    float *a = ig_call_scratch(c, na * sizeof *a), *b = ig_call_scratch(c, nb * sizeof *b),
          *out = ig_call_scratch(c, n * sizeof *out);
    if (!a || !b || !out) return ig_oom(c->err);
    ig_to_f32(p->dtype, p->a_data, 0, na, a);
    ig_to_f32(p->dtype, p->b_data, 0, nb, b);
    IG_TRY(run_f32(c, p, t, a, b, out));
    ig_from_f32(p->dtype, p->out, 0, n, out);
    return IG_OK;
}

typedef struct plain {
    const ig_product *p;
    const batch *t;
} plain;

/* Rows [begin, end) of all products. Whole numbers wrap, so they are multiplied without sign. */
#define PLAIN(name, TYPE)                                                                                                      \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const plain *j = arg;                                                                                                  \
        const ig_product *p = j->p;                                                                                            \
        size_t n = p->b.cols;                                                                                                  \
        for (size_t row = begin; row < end; row++) {                                                                           \
            size_t i = row / p->a.rows;                                                                                        \
            const TYPE *a = (const TYPE *)p->a_data +                                                                          \
                            ig_stack_offset(&p->a, ig_stack_operand(&p->a, j->t->rank, j->t->dims, i)) +                       \
                            row % p->a.rows * p->a.row;                                                                        \
            const TYPE *b =                                                                                                    \
                (const TYPE *)p->b_data + ig_stack_offset(&p->b, ig_stack_operand(&p->b, j->t->rank, j->t->dims, i));          \
            TYPE *out = (TYPE *)p->out + row * n;                                                                              \
            memset(out, 0, n * sizeof *out);                                                                                   \
            for (size_t k = 0; k < p->a.cols; k++) {                                                                           \
                const TYPE x = a[k * p->a.col], *y = b + k * p->b.row;                                                         \
                for (size_t q = 0; q < n; q++) out[q] += x * y[q * p->b.col];                                                  \
            }                                                                                                                  \
        }                                                                                                                      \
    }
PLAIN(plain_f64, double)
PLAIN(plain_u32, uint32_t)
PLAIN(plain_u64, uint64_t)

static void finish_f64(const ig_product *p, size_t n) {
    double *out = p->out, alpha = (double)p->tail.alpha;
    for (size_t i = 0; alpha != 1 && i < n; i++) out[i] *= alpha;
    ig_activate_f64(&p->activation, out, n);
}

ig_status ig_product_run(ig_call *c, ig_product *p) {
    if (!p->state || p->state->b) join_rows(&p->a, &p->b);
    batch t;
    t.rank = ig_stack_broadcast(&p->a, &p->b, t.dims, &t.count);
    if (t.count == 0 || p->a.rows == 0 || p->b.cols == 0) return IG_OK;
    plain j = {p, &t};
    size_t grain = 1 + 65536 / (p->a.cols * p->b.cols + 1);
    switch (p->dtype) {
    case IG_F32: return run_f32(c, p, &t, p->a_data, p->b_data, p->out);
    case IG_F16:
    case IG_BF16: return run_small_float(c, p, &t);
    case IG_F64:
        ig_parallel(c->threads, t.count * p->a.rows, grain, plain_f64, &j);
        finish_f64(p, t.count * p->a.rows * p->b.cols);
        return IG_OK;
    case IG_U32:
    case IG_I32: ig_parallel(c->threads, t.count * p->a.rows, grain, plain_u32, &j); return IG_OK;
    case IG_U64:
    case IG_I64: ig_parallel(c->threads, t.count * p->a.rows, grain, plain_u64, &j); return IG_OK;
    default: return ig_call_no_kernel(c, p->dtype);
    }
}
