#include "ops/call.h"

#include <stdarg.h>
#include <stdio.h>

struct ig_scratch_block {
    ig_scratch_block *previous;
    size_t size;
};

enum { HEAD = 64 };

void ig_scratch_init(ig_scratch *s, ig_context *context) { *s = (ig_scratch){.context = context}; }

void ig_scratch_free(ig_scratch *s) {
    while (s->blocks) {
        ig_scratch_block *previous = s->blocks->previous;
        ig_release(s->context, s->blocks);
        s->blocks = previous;
    }
    s->used = 0;
}

void ig_scratch_reset(ig_scratch *s) {
    while (s->blocks && s->blocks->previous) {
        ig_scratch_block *old = s->blocks->previous;
        s->blocks->previous = old->previous;
        ig_release(s->context, old);
    }
    s->used = 0;
}

void *ig_scratch_alloc(ig_scratch *s, size_t bytes) {
    if (bytes > SIZE_MAX / 4) return NULL;
    bytes = ig_round_up(ig_max_size(bytes, 1), 64);
    if (!s->blocks || s->blocks->size - s->used < bytes) {
        size_t size = ig_max_size(bytes, s->blocks ? s->blocks->size * 2 : 4096);
        ig_scratch_block *b = ig_alloc(s->context, HEAD + size);
        if (!b && size > bytes) b = ig_alloc(s->context, HEAD + (size = bytes));
        if (!b) return NULL;
        b->previous = s->blocks;
        b->size = size;
        s->blocks = b;
        s->used = 0;
    }
    void *p = (char *)s->blocks + HEAD + s->used;
    s->used += bytes;
    return p;
}

void ig_error_at_node(ig_error *err, const ig_node *node) {
    if (node->name && node->name[0])
        ig_error_at(err, "node '%.80s' (%.80s)", node->name, ig_name_text(node->op));
    else if (node->n_out && node->out[0])
        ig_error_at(err, "node that makes '%.80s' (%.80s)", ig_name_text(node->out[0]->name), ig_name_text(node->op));
    else
        ig_error_at(err, "a node (%.80s)", ig_name_text(node->op));
}

ig_status ig_call_fail(ig_call *c, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ig_fail(c->err, IG_E_INPUT, "%s", text);
}

ig_status ig_call_no_kernel(ig_call *c, ig_dtype dtype) {
    ig_fail(c->err, IG_E_UNSUPPORTED, "%.80s: no kernel for elements of type %s", ig_name_text(c->node->op),
            ig_dtype_name(dtype) ? ig_dtype_name(dtype) : "?");
    ig_error_hint(c->err, "insert a Cast before and after the node, or convert the model to float32");
    return IG_E_UNSUPPORTED;
}

ig_status ig_call_output(ig_call *c, size_t i, ig_dtype dtype, int rank, const int64_t *dims) {
    if (i >= c->n_out) return IG_OK; /* a trailing output that the node doesn't have: nothing to make */
    ig_tensor *have = c->out[i];
    if (have && have->kind == IG_KIND_TENSOR && have->dtype == dtype && have->rank == rank &&
        (rank == 0 || memcmp(have->dims, dims, (size_t)rank * sizeof *dims) == 0))
        return IG_OK;
    if (have && !c->env->made[i])
        return ig_fail(c->err, IG_E_INTERNAL, "%.80s: output %zu has another shape than inferred", ig_name_text(c->node->op),
                       i);
    ig_tensor_free(c->env->made[i]);
    c->env->made[i] = c->out[i] = NULL;
    IG_TRY(ig_tensor_new(&c->env->made[i], c->context, dtype, rank, dims, c->err));
    c->out[i] = c->env->made[i];
    return IG_OK;
}

ig_status ig_call_set(ig_call *c, size_t i, ig_tensor *value) {
    if (!value) return ig_oom(c->err);
    if (i >= c->n_out) {
        ig_tensor_free(value);
        return IG_OK;
    }
    if (c->out[i] && !c->env->made[i]) { /* a planned place: the content goes there */
        ig_tensor *to = c->out[i];
        bool fits = value->kind == IG_KIND_TENSOR && to->dtype == value->dtype && to->bytes == value->bytes;
        if (fits && to->bytes) memcpy(to->data, value->data, to->bytes);
        ig_tensor_free(value);
        return fits
                   ? IG_OK
                   : ig_fail(c->err, IG_E_INTERNAL, "%.80s: output %zu is not what was inferred", ig_name_text(c->node->op), i);
    }
    ig_tensor_free(c->env->made[i]);
    c->env->made[i] = c->out[i] = value;
    return IG_OK;
}

ig_tensor *ig_call_keep(ig_call *c, const ig_tensor *input) {
    ig_tensor *t = (ig_tensor *)(uintptr_t)input;
    if (atomic_load_explicit(&t->references, memory_order_relaxed) > 0) return ig_tensor_clone(t);
    ig_tensor *copy = NULL;
    return ig_tensor_copy(&copy, c->context, t, c->err) == IG_OK ? copy : NULL;
}

void *ig_call_scratch(ig_call *c, size_t bytes) { return ig_scratch_alloc(c->env->scratch, bytes); }

ig_status ig_call_graph(ig_call *c, const char *attr, ig_tensor *const *in, size_t n, ig_tensor **out) {
    return c->env->graph ? c->env->graph(c, attr, in, n, out)
                         : ig_fail(c->err, IG_E_UNSUPPORTED, "%.80s can't be run ahead", ig_name_text(c->node->op));
}

uint64_t ig_call_seed(ig_call *c) { return c->env->seed; }

ig_status ig_step_infer(const ig_op *op, const ig_node *node, const ig_type *const *in, const ig_tensor *const *data,
                        const ig_type **out, ig_arena *arena, ig_error *err) {
    for (uint32_t i = 0; i < node->n_out; i++) out[i] = NULL;
    ig_status status = ig_node_accepts(node, in, data, err);
    if (status != IG_OK || !op->infer) {
        if (status != IG_OK) ig_error_at_node(err, node);
        return status;
    }
    ig_infer c = {
        .node = node, .n_in = node->n_in, .n_out = node->n_out, .in = in, .data = data, .out = out, .arena = arena, .err = err};
    status = op->infer(&c);
    if (status != IG_OK) ig_error_at_node(err, node);
    return status;
}

ig_status ig_step_run(const ig_op *op, ig_call *c) {
    ig_status status = op->run(c);
    if (status != IG_OK) ig_error_at_node(c->err, c->node);
    return status;
}

/* Makes the outputs whose types say everything. */
static ig_status make_outputs(ig_call *c, const ig_type *const *types, uint64_t max_bytes) {
    uint64_t total = 0;
    for (size_t i = 0; i < c->n_out; i++) {
        if (!c->wanted[i] || !ig_type_static(types[i]) || types[i]->rank > IG_MAX_RANK || !types[i]->dtype) continue;
        int64_t dims[IG_MAX_RANK], count;
        size_t bytes;
        for (int k = 0; k < types[i]->rank; k++) dims[k] = types[i]->dims[k].value;
        if (!ig_dims_count(types[i]->rank, dims, &count) || !ig_dtype_size(types[i]->dtype, count, &bytes) ||
            __builtin_add_overflow(total, bytes, &total) || total > max_bytes)
            return ig_fail(c->err, IG_E_LIMIT, "the result would take more than %llu bytes", (unsigned long long)max_bytes);
        IG_TRY(ig_call_output(c, i, types[i]->dtype, types[i]->rank, dims));
    }
    return IG_OK;
}

static ig_status evaluate(const ig_op *op, ig_call *c, const ig_tensor *const *in, uint64_t max_bytes, ig_arena *arena) {
    const ig_type **in_types = IG_NEW_ARRAY(arena, const ig_type *, c->n_in);
    const ig_type **out_types = IG_NEW_ARRAY(arena, const ig_type *, c->n_out);
    bool *wanted = IG_NEW_ARRAY(arena, bool, c->n_out);
    if (!in_types || !out_types || !wanted) return ig_oom(c->err);
    for (size_t i = 0; i < c->n_in; i++)
        if (in[i] && !(in_types[i] = ig_tensor_type(arena, in[i]))) return ig_oom(c->err);
    for (size_t i = 0; i < c->n_out; i++) wanted[i] = c->node->out[i] != NULL;
    c->wanted = wanted;
    IG_TRY(ig_step_infer(op, c->node, in_types, in, out_types, arena, c->err));
    ig_status status = make_outputs(c, out_types, max_bytes);
    if (status != IG_OK) ig_error_at_node(c->err, c->node);
    void *state = NULL;
    if (status == IG_OK && op->prepare) {
        bool *taken = IG_NEW_ARRAY(arena, bool, c->n_in);
        ig_prepare p = {.node = c->node,
                        .context = c->context,
                        .n_in = c->n_in,
                        .in = in,
                        .types = in_types,
                        .taken = taken,
                        .err = c->err};
        status = taken ? op->prepare(&p) : ig_oom(c->err);
        c->state = state = p.state;
    }
    if (status == IG_OK) status = ig_step_run(op, c);
    if (state) op->release ? op->release(c->context, state) : ig_release(c->context, state);
    return status;
}

ig_status ig_node_evaluate(const ig_op *op, const ig_node *node, ig_context *context, const ig_tensor *const *in,
                           ig_tensor **out, uint64_t max_bytes, ig_error *err) {
    ig_arena arena;
    ig_scratch scratch;
    ig_arena_init(&arena, context);
    ig_scratch_init(&scratch, context);
    for (uint32_t i = 0; i < node->n_out; i++) out[i] = NULL;
    ig_call_env env = {.scratch = &scratch, .made = IG_NEW_ARRAY(&arena, ig_tensor *, node->n_out)};
    ig_tensor **slots = IG_NEW_ARRAY(&arena, ig_tensor *, node->n_out);
    ig_call c = {.node = node,
                 .n_in = node->n_in,
                 .n_out = node->n_out,
                 .in = in,
                 .out = slots,
                 .context = context,
                 .err = err,
                 .env = &env};
    ig_status status = IG_OK;
    if (op->flags & IG_OP_GRAPHS)
        status = ig_fail(err, IG_E_UNSUPPORTED, "%.80s has graphs and can't be run on its own", ig_name_text(node->op));
    else
        status = env.made && slots ? evaluate(op, &c, in, max_bytes, &arena) : ig_oom(err);
    for (uint32_t i = 0; env.made && i < node->n_out; i++) {
        if (status == IG_OK && node->out[i])
            out[i] = env.made[i];
        else
            ig_tensor_free(env.made[i]);
    }
    ig_scratch_free(&scratch);
    ig_arena_free(&arena);
    return status;
}
