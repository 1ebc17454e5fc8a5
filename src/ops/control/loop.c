/* Loop: versions 1, 11, 13, 16, 19, 21, 23, 24, 25. A graph run again and again: inputs M (most iterations) and cond, then
 * values carried from one iteration to the next; outputs the last of those, then one row per iteration of every further output
 * of the body.
 *
 * The specification says that the body's condition is ignored when no condition is given. Both onnxruntime and the exporters
 * that write such models treat a false one as the end all the same, so that is what happens here. */
#include "ops/control/control.h"

/* ----------------------------------------------------------------------------------------------------------- inference */

enum { MAX_ROUNDS = 6 };

/* A carried value has in every iteration a type that covers what comes in first and what the body gives. Found by trying: each
 * round knows less. */
static ig_status infer_carried(ig_infer *c, ig_graph *body, const ig_type **in, const ig_type *const **out, size_t *n_out,
                               size_t n_carried) {
    bool settled = false;
    for (int round = 0; !settled; round++) {
        IG_TRY(c->body(c, body, in, n_carried + 2, out, n_out));
        if (*n_out < n_carried + 1)
            return ig_infer_fail(c, "the body gives %zu values, but a condition and %zu carried values are due", *n_out,
                                 n_carried);
        settled = true;
        for (size_t i = 0; i < n_carried; i++) {
            const ig_type *given = (*out)[i + 1], *now = in[i + 2], *t;
            if (!ig_type_join(c->arena, now, given, &t)) {
                bool tensors = now->kind == IG_KIND_TENSOR && given->kind == IG_KIND_TENSOR;
                char a[300], b[300];
                ig_type_text(now, a, sizeof a);
                ig_type_text(given, b, sizeof b);
                if (tensors) return ig_infer_fail(c, "carried value %zu is %s before the body and %s after it", i, a, b);
            }
            if (t && round >= MAX_ROUNDS && t->kind == IG_KIND_TENSOR) t = ig_type_tensor(c->arena, t->dtype, NULL);
            if (t && round >= MAX_ROUNDS && t->kind != IG_KIND_TENSOR) t = NULL;
            settled &= t == now || (t && now && ig_type_equal(t, now));
            in[i + 2] = t;
        }
    }
    return IG_OK;
}

static ig_status infer(ig_infer *c) {
    ig_graph *body = ig_attr_graph(c->node, "body");
    if (!c->body || !body) return IG_OK; /* at run time the body's results say it */
    size_t n_carried = c->n_in > 2 ? c->n_in - 2 : 0, n = 0;
    size_t takes = body->inputs.n; /* before IR version 4 initializers stand behind, as inputs that nobody gives */
    while (takes > n_carried + 2 && body->inputs.items[takes - 1].value->constant) takes--;
    if (takes != n_carried + 2)
        return ig_infer_fail(c, "the body takes %zu inputs, but iteration, condition and %zu carried values are due", takes,
                             n_carried);
    const ig_type **in = IG_NEW_ARRAY(c->arena, const ig_type *, n_carried + 2);
    const ig_type *const *out;
    if (!in) return ig_oom(c->err);
    const ig_shape unranked = {.rank = IG_UNRANKED};
    in[0] = ig_type_tensor(c->arena, IG_I64, &unranked);
    in[1] = ig_type_tensor(c->arena, IG_BOOL, &unranked);
    for (size_t i = 0; i < n_carried; i++) in[i + 2] = c->in[i + 2];
    IG_TRY(infer_carried(c, body, in, &out, &n, n_carried));
    if (c->n_out > n - 1)
        return ig_infer_fail(c, "the node has %zu outputs, the body gives %zu besides the condition", c->n_out, n - 1);
    for (size_t i = 0; i < c->n_out; i++) {
        bool bad = false;
        const ig_type *t = i < n_carried ? in[i + 2] : ig_type_stack(c->arena, out[i + 1], 0, ig_dim_unknown(), &bad);
        IG_TRY(ig_infer_set_type(c, i, !t && i < n_carried ? out[i + 1] : t));
    }
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- running */

typedef struct loop {
    ig_call *c;
    const ig_graph *body;
    int64_t most; /* iterations */
    bool go;      /* the condition */
    size_t n_carried, n_rows;
    ig_tensor **in;  /* iteration, condition, carried values; owned from the third on when `own` */
    ig_tensor **out; /* of the body */
    ig_rows *rows;
    bool own; /* carried values are results of the body, not inputs of the node */
} loop;

/* The scalar as the body wants it: exporters before opset 11 declare a rank of 1. */
static ig_status new_scalar(loop *l, size_t input, ig_dtype dtype, ig_tensor **out) {
    const ig_value *v = l->body->inputs.items[input].value;
    int rank = v && ig_type_shape(v->type).rank == 1 ? 1 : 0;
    return ig_tensor_new(out, l->c->context, dtype, rank, (int64_t[]){1}, l->c->err);
}

static ig_status read_inputs(loop *l) {
    ig_call *c = l->c;
    const ig_tensor *most = c->n_in > 0 ? c->in[0] : NULL, *cond = c->n_in > 1 ? c->in[1] : NULL;
    l->most = INT64_MAX;
    l->go = true;
    if (most) {
        if (most->count != 1 || most->dtype != IG_I64)
            return ig_call_fail(c, "M must be one int64, it has %zu elements", most->count);
        l->most = *(const int64_t *)most->data;
    }
    if (cond) {
        if (cond->count != 1 || cond->dtype != IG_BOOL)
            return ig_call_fail(c, "the condition must be one boolean, it has %zu elements", cond->count);
        l->go = *(const bool *)cond->data;
    }
    for (size_t i = 0; i < l->n_carried; i++) {
        if (!c->in[i + 2]) return ig_call_fail(c, "carried value %zu is not given", i);
        l->in[i + 2] = (ig_tensor *)(uintptr_t)c->in[i + 2];
    }
    for (size_t i = 0; i < l->n_rows; i++) l->rows[i].expected = most ? ig_max_i64(l->most, 0) : 0;
    return IG_OK;
}

/* Kept from one iteration to the next unless the body kept it too. */
static ig_status set_scalar(loop *l, size_t input, ig_dtype dtype, const void *value, size_t bytes) {
    ig_tensor *t = l->in[input];
    if (!t || atomic_load_explicit(&t->references, memory_order_relaxed) > 1) {
        ig_tensor_free(t);
        l->in[input] = NULL;
        IG_TRY(new_scalar(l, input, dtype, &l->in[input]));
    }
    memcpy(l->in[input]->data, value, bytes);
    return IG_OK;
}

static ig_status check_limit(loop *l, int64_t iteration) {
    uint64_t limit = l->c->context->limits.loop_iterations;
    if ((uint64_t)iteration < limit) return IG_OK;
    ig_fail(l->c->err, IG_E_LIMIT, "a loop did not end after %llu iterations", (unsigned long long)limit);
    ig_error_hint(l->c->err, "raise the context's limit of loop iterations if the model is to be trusted");
    return IG_E_LIMIT;
}

/* Takes the body's results: the condition, then the carried values, then rows. All are freed or kept. */
static ig_status take_results(loop *l) {
    ig_call *c = l->c;
    ig_status status = IG_OK;
    const ig_tensor *cond = l->out[0];
    if (cond->kind != IG_KIND_TENSOR || cond->dtype != IG_BOOL || cond->count != 1)
        status = ig_call_fail(c, "the body's condition must be one boolean");
    else
        l->go = *(const bool *)cond->data;
    ig_tensor_free(l->out[0]);
    for (size_t i = 0; i < l->n_carried; i++) {
        if (l->own) ig_tensor_free(l->in[i + 2]);
        l->in[i + 2] = l->out[i + 1];
    }
    l->own = true;
    for (size_t i = 0; i < l->n_rows; i++) {
        ig_tensor *row = l->out[1 + l->n_carried + i];
        size_t o = l->n_carried + i;
        if (status == IG_OK && o < c->n_out && c->wanted[o]) status = ig_rows_add(c, &l->rows[i], row);
        ig_tensor_free(row);
    }
    return status;
}

static ig_status iterate(loop *l) {
    for (int64_t i = 0; i < l->most && l->go; i++) {
        IG_TRY(check_limit(l, i));
        IG_TRY(set_scalar(l, 0, IG_I64, &i, sizeof i));
        IG_TRY(set_scalar(l, 1, IG_BOOL, &l->go, sizeof l->go));
        IG_TRY(ig_call_graph(l->c, "body", l->in, l->n_carried + 2, l->out));
        IG_TRY(take_results(l));
    }
    return IG_OK;
}

static ig_status finish(loop *l) {
    ig_call *c = l->c;
    for (size_t i = 0; i < l->n_carried && i < c->n_out; i++) {
        if (!c->wanted[i]) continue;
        ig_tensor *t = l->own ? ig_tensor_clone(l->in[i + 2]) : ig_call_keep(c, l->in[i + 2]);
        IG_TRY(ig_call_set(c, i, t));
    }
    for (size_t i = 0; i < l->n_rows; i++) {
        size_t o = l->n_carried + i;
        IG_TRY(ig_rows_finish(c, &l->rows[i], o, 0, false, &l->body->outputs.items[o + 1]));
    }
    return IG_OK;
}

static ig_status run(ig_call *c) {
    loop l = {.c = c, .body = ig_attr_graph(c->node, "body")};
    if (!l.body) return ig_call_fail(c, "attribute 'body' with a graph is missing");
    l.n_carried = c->n_in > 2 ? c->n_in - 2 : 0;
    if (l.body->inputs.n != l.n_carried + 2 || l.body->outputs.n < l.n_carried + 1)
        return ig_call_fail(c, "%zu values are carried, but the body has %zu inputs and %zu outputs", l.n_carried,
                            (size_t)l.body->inputs.n, (size_t)l.body->outputs.n);
    l.n_rows = l.body->outputs.n - 1 - l.n_carried;
    size_t n_in = l.n_carried + 2;
    ig_tensor **room = ig_call_scratch(c, (n_in + l.body->outputs.n) * sizeof *room);
    l.rows = ig_call_scratch(c, l.n_rows * sizeof *l.rows);
    if (!room || !l.rows) return ig_oom(c->err);
    memset(l.rows, 0, l.n_rows * sizeof *l.rows);
    l.in = room;
    l.out = room + n_in;
    l.in[0] = l.in[1] = NULL;
    ig_status status = read_inputs(&l);
    if (status == IG_OK) status = iterate(&l);
    if (status == IG_OK) status = finish(&l);
    for (size_t i = 0; i < (l.own ? n_in : 2); i++) ig_tensor_free(l.in[i]);
    for (size_t i = 0; i < l.n_rows; i++) ig_rows_free(&l.rows[i]);
    return status;
}

const ig_op ig_op_loop = {"", "Loop", 1, 0, IG_OP_DYNAMIC | IG_OP_GRAPHS, infer, run, NULL, NULL};
