/* The kernel of Einsum: operands are brought together one after the other, each pair as a stack of matrix products. */
#include "ops/loops/convert.h"
#include "ops/loops/copy.h"
#include "ops/loops/work.h"
#include "ops/matrix/einsum.h"
#include "ops/matrix/product.h"

/* A tensor in the work type with a label for each dim, no label twice. */
typedef struct operand {
    int rank;
    uint8_t labels[IG_EINSUM_LABELS];
    int64_t dims[IG_EINSUM_LABELS], steps[IG_EINSUM_LABELS];
    const void *data;
} operand;

typedef uint8_t label_set[IG_EINSUM_LABELS];

static int find(const operand *o, uint8_t label) {
    for (int k = 0; k < o->rank; k++)
        if (o->labels[k] == label) return k;
    return -1;
}

static void drop(operand *o, int k) {
    o->rank--;
    memmove(o->labels + k, o->labels + k + 1, (size_t)(o->rank - k));
    memmove(o->dims + k, o->dims + k + 1, (size_t)(o->rank - k) * sizeof *o->dims);
    memmove(o->steps + k, o->steps + k + 1, (size_t)(o->rank - k) * sizeof *o->steps);
}

/* A label that stands for several dims walks along the diagonal. */
static ig_status set_operand(ig_call *c, operand *o, const ig_tensor *t, const ig_einsum_term *term, const void *data) {
    int64_t steps[IG_MAX_RANK];
    ig_steps_of(t->rank, t->dims, steps);
    *o = (operand){.data = data};
    for (int k = 0; k < t->rank; k++) {
        int at = find(o, term->labels[k]);
        if (at >= 0) {
            if (o->dims[at] != t->dims[k])
                return ig_call_fail(c, "a diagonal of %lld and %lld elements", (long long)o->dims[at], (long long)t->dims[k]);
            o->steps[at] += steps[k];
            continue;
        }
        o->labels[o->rank] = term->labels[k];
        o->dims[o->rank] = t->dims[k];
        o->steps[o->rank++] = steps[k];
    }
    return IG_OK;
}

/* The operand's elements in the order of these labels (all of the operand's), one after the other; `count` of them. The copy
 * regions have at most IG_MAX_RANK dims, so leading ones are walked here. */
static ig_status arrange(ig_call *c, operand *o, const uint8_t *labels, size_t size) {
    operand r = {.rank = o->rank};
    int64_t count = 1;
    bool same = true;
    for (int k = o->rank - 1; k >= 0; k--) {
        int from = find(o, labels[k]);
        r.labels[k] = labels[k];
        r.dims[k] = o->dims[from];
        r.steps[k] = count;
        same &= r.dims[k] == 1 || o->steps[from] == count;
        if (__builtin_mul_overflow(count, r.dims[k], &count)) return ig_oom(c->err);
    }
    r.data = o->data;
    if (!same && count) {
        if (o->rank > IG_MAX_RANK) return ig_call_fail(c, "a product of %d dims", o->rank);
        size_t bytes;
        void *to = NULL;
        ig_copy region = {.rank = o->rank};
        for (int k = 0; k < o->rank; k++) {
            region.dims[k] = r.dims[k];
            region.to[k] = r.steps[k];
            region.from[k] = o->steps[find(o, labels[k])];
        }
        if (!ig_mul_overflows((size_t)count, size, &bytes)) to = ig_call_scratch(c, bytes);
        if (!to) return ig_oom(c->err);
        ig_copy_region(c->threads, &region, size, to, o->data);
        r.data = to;
    }
    *o = r;
    return IG_OK;
}

static int64_t product_of(const operand *o, int first, int last) {
    int64_t n = 1;
    for (int k = first; k < last; k++) n *= o->dims[k];
    return n;
}

#define SUM_ROWS(name, TYPE)                                                                                                   \
    static void name(const TYPE *x, size_t rows, size_t n, TYPE *y) {                                                          \
        for (size_t r = 0; r < rows; r++) {                                                                                    \
            TYPE sum = 0;                                                                                                      \
            for (size_t i = 0; i < n; i++) sum += x[r * n + i];                                                                \
            y[r] = sum;                                                                                                        \
        }                                                                                                                      \
    }
SUM_ROWS(sum_f32, float)
SUM_ROWS(sum_f64, double)
SUM_ROWS(sum_u64, uint64_t)

/* Sums over the labels that nobody needs. */
static ig_status sum_out(ig_call *c, operand *o, const label_set needed, ig_dtype type) {
    uint8_t order[IG_EINSUM_LABELS];
    int kept = 0, n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < o->rank; k++)
            if ((needed[o->labels[k]] == 0) == pass) order[n++] = o->labels[k], kept += !pass;
    if (kept == o->rank) return IG_OK;
    IG_TRY(arrange(c, o, order, ig_dtype_bytes(type)));
    size_t rows = (size_t)product_of(o, 0, kept), cols = (size_t)product_of(o, kept, o->rank);
    void *y = ig_call_scratch(c, rows * ig_dtype_bytes(type));
    if (!y) return ig_oom(c->err);
    if (type == IG_F32)
        sum_f32(o->data, rows, cols, y);
    else if (type == IG_F64)
        sum_f64(o->data, rows, cols, y);
    else
        sum_u64(o->data, rows, cols, y);
    o->rank = kept;
    o->data = y;
    int64_t step = 1;
    for (int k = kept - 1; k >= 0; k--) {
        o->steps[k] = step;
        step *= o->dims[k];
    }
    return IG_OK;
}

/* Dims of 1 that the other operand has more of are nothing to walk along. */
static void drop_ones(operand *o, const operand *other) {
    for (int k = o->rank - 1; k >= 0; k--) {
        int at = find(other, o->labels[k]);
        if (at >= 0 && o->dims[k] == 1 && other->dims[at] != 1) drop(o, k);
    }
}

/* a * b summed over labels that both have and nobody needs: labels of both that are needed count matrices, those of one are
 * rows or columns. */
static ig_status contract(ig_call *c, operand *a, operand *b, const label_set needed, ig_dtype type) {
    label_set in_a = {0}, in_b = {0}, keep_a, keep_b;
    drop_ones(a, b);
    drop_ones(b, a);
    for (int k = 0; k < a->rank; k++) in_a[a->labels[k]] = 1;
    for (int k = 0; k < b->rank; k++) in_b[b->labels[k]] = 1;
    for (int i = 0; i < IG_EINSUM_LABELS; i++) {
        keep_a[i] = needed[i] || in_b[i];
        keep_b[i] = needed[i] || in_a[i];
    }
    IG_TRY(sum_out(c, a, keep_a, type));
    IG_TRY(sum_out(c, b, keep_b, type));
    uint8_t order_a[IG_EINSUM_LABELS], order_b[IG_EINSUM_LABELS];
    operand out = {.rank = 0};
    int stacks = 0, rows = 0, cols = 0, inner = 0;
    for (int k = 0; k < a->rank; k++) /* matrices */
        if (in_b[a->labels[k]] && needed[a->labels[k]]) order_a[stacks] = order_b[stacks] = a->labels[k], stacks++;
    for (int k = 0; k < a->rank; k++)
        if (!in_b[a->labels[k]]) order_a[stacks + rows++] = a->labels[k];
    for (int k = 0; k < a->rank; k++)
        if (in_b[a->labels[k]] && !needed[a->labels[k]])
            order_a[stacks + rows + inner] = order_b[stacks + inner] = a->labels[k], inner++;
    for (int k = 0; k < b->rank; k++)
        if (!in_a[b->labels[k]]) order_b[stacks + inner + cols++] = b->labels[k];
    IG_TRY(arrange(c, a, order_a, ig_dtype_bytes(type)));
    IG_TRY(arrange(c, b, order_b, ig_dtype_bytes(type)));
    int64_t count = product_of(a, 0, stacks), m = product_of(a, stacks, stacks + rows),
            k = product_of(a, stacks + rows, a->rank);
    int64_t n = product_of(b, stacks + inner, b->rank), total;
    size_t bytes;
    if (__builtin_mul_overflow(count, m, &total) || __builtin_mul_overflow(total, n, &total) ||
        ig_mul_overflows((size_t)total, ig_dtype_bytes(type), &bytes))
        return ig_oom(c->err);
    void *y = ig_call_scratch(c, bytes);
    if (!y) return ig_oom(c->err);
    if (k == 0) memset(y, 0, bytes);
    ig_product p = {.dtype = type == IG_I64 ? IG_U64 : type,
                    .a = ig_stack_of(3, (int64_t[]){count, m, k}, (ig_stack_options){0}),
                    .b = ig_stack_of(3, (int64_t[]){count, k, n}, (ig_stack_options){.right = true}),
                    .a_data = a->data,
                    .b_data = b->data,
                    .out = y,
                    .tail = ig_gemm_of(0, 0, 0)};
    if (total && k) IG_TRY(ig_product_run(c, &p));
    for (int i = 0; i < stacks + rows; i++) out.labels[out.rank] = a->labels[i], out.dims[out.rank++] = a->dims[i];
    for (int i = stacks + inner; i < b->rank; i++) out.labels[out.rank] = b->labels[i], out.dims[out.rank++] = b->dims[i];
    int64_t step = 1;
    for (int i = out.rank - 1; i >= 0; i--) {
        out.steps[i] = step;
        step *= out.dims[i];
    }
    out.data = y;
    *a = out;
    return IG_OK;
}

static ig_status load(ig_call *c, const ig_tensor *t, ig_dtype type, const void **data) {
    *data = t->data;
    if (t->dtype == type || (t->dtype == IG_U64 && type == IG_I64)) return IG_OK;
    void *wide = ig_call_scratch(c, t->count * ig_dtype_bytes(type));
    if (!wide) return ig_oom(c->err);
    ig_convert(t->dtype, t->data, 0, type, wide, 0, t->count);
    *data = wide;
    return IG_OK;
}

/* The result in the order of the output; labels that only had ones are missing in it. */
static ig_status store(ig_call *c, operand *o, const ig_einsum_term *out, ig_dtype type) {
    ig_tensor *y = c->out[0];
    ig_copy region = {.rank = out->rank};
    size_t size = ig_dtype_bytes(type);
    ig_steps_of(y->rank, y->dims, region.to);
    for (int k = 0; k < out->rank; k++) {
        int at = find(o, out->labels[k]);
        region.dims[k] = y->dims[k];
        region.from[k] = at < 0 || o->dims[at] == 1 ? 0 : o->steps[at];
        if (at >= 0 && o->dims[at] != 1 && o->dims[at] != y->dims[k])
            return ig_call_fail(c, "operands have different sizes along one label");
    }
    bool same = y->dtype == type || (y->dtype == IG_U64 && type == IG_I64);
    void *to = same ? y->data : ig_call_scratch(c, y->count * size);
    if (!to) return ig_oom(c->err);
    if (y->count) ig_copy_region(c->threads, &region, size, to, o->data);
    if (!same) ig_convert(type, to, 0, y->dtype, y->data, 0, y->count);
    return IG_OK;
}

/* Labels of the output and of operands that are still to come. */
static bool needed_after(ig_call *c, size_t i, const ig_einsum_term *out, label_set needed) {
    ig_einsum e;
    ig_einsum_term term;
    char why[200];
    memset(needed, 0, IG_EINSUM_LABELS);
    for (int k = 0; k < out->rank; k++) needed[out->labels[k]] = 1;
    if (!ig_einsum_begin(&e, ig_attr_str(c->node, "equation"), why, sizeof why)) return false;
    for (size_t k = i + 1; k < c->n_in; k++) {
        if (!ig_einsum_input(&e, k, c->in[k]->rank, &term, why, sizeof why)) return false;
        for (int d = 0; d < term.rank; d++) needed[term.labels[d]] = 1;
    }
    return true;
}

ig_status ig_einsum_run(ig_call *c) {
    ig_einsum e;
    ig_einsum_term term, out;
    operand sum, next;
    label_set needed;
    char why[200];
    const void *data;
    ig_dtype type = ig_work_type(c->in[0]->dtype);
    if (!ig_einsum_begin(&e, ig_attr_str(c->node, "equation"), why, sizeof why)) return ig_call_fail(c, "%s", why);
    for (size_t i = 0; i < c->n_in; i++)
        if (!ig_einsum_input(&e, i, c->in[i]->rank, &term, why, sizeof why)) return ig_call_fail(c, "%s", why);
    if (!ig_einsum_output(&e, &out, why, sizeof why)) return ig_call_fail(c, "%s", why);
    for (size_t i = 0; i < c->n_in; i++) {
        if (!ig_einsum_input(&e, i, c->in[i]->rank, &term, why, sizeof why) || !needed_after(c, i, &out, needed))
            return ig_call_fail(c, "the equation is malformed");
        IG_TRY(load(c, c->in[i], type, &data));
        IG_TRY(set_operand(c, i ? &next : &sum, c->in[i], &term, data));
        if (i) IG_TRY(contract(c, &sum, &next, needed, type));
    }
    if (!needed_after(c, c->n_in, &out, needed)) return ig_call_fail(c, "the equation is malformed");
    IG_TRY(sum_out(c, &sum, needed, type));
    return store(c, &sum, &out, type);
}
