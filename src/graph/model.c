/* Models: making, sharing, names, findings, constants. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>

ig_status ig_model_new(ig_model **out, ig_context *context, ig_error *err) {
    *out = NULL;
    ig_model *m = ig_calloc(context, sizeof *m);
    if (!m) return ig_oom(err);
    m->context = ig_context_retain(context);
    ig_arena_init(&m->arena, context);
    ig_names_init(&m->names, &m->arena);
    ig_syms_init(&m->syms, &m->arena);
    atomic_init(&m->references, 1);
    m->graph = ig_graph_new(m, NULL, NULL);
    if (!m->graph) {
        ig_model_free(m);
        return ig_oom(err);
    }
    *out = m;
    return IG_OK;
}

ig_model *ig_model_retain(ig_model *m) {
    atomic_fetch_add_explicit(&m->references, 1, memory_order_relaxed);
    return m;
}

void ig_model_free(ig_model *m) {
    if (!m || atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < m->tensors.n; i++) ig_tensor_free(m->tensors.items[i]);
    for (size_t i = 0; i < m->buffers.n; i++) ig_buffer_release(m->buffers.items[i]);
    ig_context *context = m->context;
    ig_arena_free(&m->arena);
    ig_release(context, m);
    ig_context_free(context);
}

ig_context *ig_model_context(ig_model *m) { return m->context; }

bool ig_model_keep(ig_model *m, ig_buffer *buffer) {
    if (IG_PUSH(&m->arena, &m->buffers, buffer)) return true;
    ig_buffer_release(buffer);
    return false;
}

ig_buffer *ig_model_buffer_of(const ig_model *m, const void *p) {
    uintptr_t at = (uintptr_t)p;
    for (size_t i = 0; i < m->buffers.n; i++) {
        ig_buffer *b = m->buffers.items[i];
        if (at >= (uintptr_t)b->data && at - (uintptr_t)b->data < b->size) return b;
    }
    return NULL;
}

bool ig_model_find(ig_model *m, ig_severity severity, const char *rule, const char *where, const char *hint, const char *format,
                   ...) {
    char raw[1024], clean[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    bool ok = true;
    ig_finding f = {.severity = severity, .rule = rule};
    size_t len = ig_text_clean(clean, sizeof clean, (ig_str){raw, n < 0 ? 0 : ig_min_size((size_t)n, sizeof raw - 1)});
    f.message = ig_arena_str(&m->arena, (ig_str){clean, len}, &ok).s;
    len = ig_text_clean(clean, sizeof clean, ig_str_c(where ? where : ""));
    f.where = ig_arena_str(&m->arena, (ig_str){clean, len}, &ok).s;
    len = ig_text_clean(clean, sizeof clean, ig_str_c(hint ? hint : ""));
    f.hint = ig_arena_str(&m->arena, (ig_str){clean, len}, &ok).s;
    return ok && IG_PUSH(&m->arena, &m->findings, f);
}

ig_name ig_model_intern(ig_model *m, ig_str text, bool *ok) { return ig_intern(&m->names, text, ok); }

ig_name ig_model_name(ig_model *m, const char *text) {
    bool ok = true;
    ig_name name = ig_intern(&m->names, ig_str_c(text), &ok);
    return ok ? name : NULL;
}

ig_name ig_model_fresh_name(ig_model *m, const char *prefix) {
    char text[256];
    for (size_t i = m->names.n;; i++) { /* the count only grows, so few tries are needed */
        snprintf(text, sizeof text, "%.200s_%zu", prefix, i);
        if (!ig_names_find(&m->names, ig_str_c(text))) return ig_model_name(m, text);
    }
}

ig_const *ig_const_create(ig_model *m, ig_name name, ig_tensor *tensor) {
    ig_const *c = IG_NEW(&m->arena, ig_const);
    int64_t *dims = IG_NEW_ARRAY(&m->arena, int64_t, (size_t)ig_max_i64(tensor->rank, 1));
    if (!c || !dims || !IG_PUSH(&m->arena, &m->tensors, tensor)) {
        ig_tensor_free(tensor);
        return NULL;
    }
    if (tensor->rank > 0) memcpy(dims, tensor->dims, (size_t)tensor->rank * sizeof *dims);
    c->name = name;
    c->dtype = tensor->dtype;
    c->rank = tensor->rank;
    c->dims = dims;
    c->count = (int64_t)tensor->count;
    c->bytes = tensor->bytes;
    c->sparse = tensor->kind == IG_KIND_SPARSE;
    c->tensor = tensor;
    return c;
}

ig_status ig_const_tensor(ig_model *m, ig_const *c, ig_tensor **tensor, ig_error *err) {
    *tensor = NULL;
    if (c->bad) {
        ig_fail(err, IG_E_INPUT, "tensor '%.80s' is malformed", ig_name_text(c->name));
        ig_error_hint(err, "igata check says what is wrong with it");
        return IG_E_INPUT;
    }
    if (!c->tensor && c->decode) {
        IG_TRY(c->decode(m, c, err));
        if (!c->tensor) return ig_fail(err, IG_E_INTERNAL, "tensor '%.80s' was not decoded", ig_name_text(c->name));
        if (!IG_PUSH(&m->arena, &m->tensors, c->tensor)) {
            ig_tensor_free(c->tensor);
            c->tensor = NULL;
            return ig_oom(err);
        }
    }
    *tensor = c->tensor;
    return c->tensor ? IG_OK : ig_fail(err, IG_E_INPUT, "tensor '%.80s' has no content", ig_name_text(c->name));
}

const char *ig_domain_canonical(ig_name domain) { return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain; }

bool ig_node_is(const ig_node *node, const char *domain, const char *op) {
    return node->op && strcmp(node->op, op) == 0 && strcmp(ig_node_domain(node), domain) == 0;
}

int64_t ig_graph_opset(const ig_graph *graph, ig_name domain) {
    const ig_opsets *opsets = graph->function ? &graph->function->opsets : &graph->model->opsets;
    for (size_t i = 0; i < opsets->n; i++)
        if (strcmp(ig_domain_canonical(opsets->items[i].domain), ig_domain_canonical(domain)) == 0)
            return opsets->items[i].version;
    return 0;
}
