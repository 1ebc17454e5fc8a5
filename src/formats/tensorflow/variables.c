#include "formats/tensorflow/variables.h"

#include <stdio.h>

/* The graph that is searched, and who called it. */
typedef struct search {
    ig_tf_reader *r;
    ig_tf_bundle *bundle;
    const ig_graph *graph;
    const ig_node *call; /* of the function whose body it is; NULL: the main graph */
} search;

static bool is_op(const ig_node *n, const char *op) { return n && strcmp(n->op, op) == 0; }

/* Past operators that only hand on, and out of the function to what the call gives it. */
static ig_value *source_of(const search *s, ig_value *v) {
    for (int steps = 0; v && steps < 64; steps++) {
        const ig_node *n = v->producer;
        bool hands_on = is_op(n, "Identity") || is_op(n, "Cast") || is_op(n, "DisableCopyOnRead");
        if (!n && v->is_input && s->call && v->graph == s->graph)
            v = v->index < s->call->n_in ? s->call->in[v->index] : NULL;
        else if (hands_on && n->n_in)
            v = n->in[0];
        else
            return v;
    }
    return NULL;
}

/* String i of a constant; absent when it has none. */
static ig_status string_of(const search *s, const ig_value *v, size_t i, ig_str *out) {
    ig_tensor *t;
    *out = (ig_str){0};
    if (!v || !v->constant || v->constant->bad || v->constant->dtype != IG_STRING) return IG_OK;
    IG_TRY(ig_const_tensor(s->r->model, v->constant, &t, s->r->err));
    if (t->count) *out = ig_tensor_string(t, i < t->count ? i : 0);
    return IG_OK;
}

/* The constant that a value is read as from the checkpoint; *out NULL when it isn't. */
static ig_status restored(const search *s, ig_value *v, ig_name name, ig_const **out) {
    ig_str key, slice;
    *out = NULL;
    v = source_of(s, v);
    const ig_node *n = v ? v->producer : NULL;
    if (!is_op(n, "RestoreV2") && !is_op(n, "RestoreSlice") && !is_op(n, "Restore")) return IG_OK;
    bool sliced = !is_op(n, "Restore") && n->n_in > 2;
    IG_TRY(string_of(s, n->n_in > 1 ? source_of(s, n->in[1]) : NULL, v->index, &key));
    IG_TRY(string_of(s, sliced ? source_of(s, n->in[2]) : NULL, v->index, &slice));
    if (!key.s) return IG_OK;
    IG_TRY(ig_tf_bundle_const(s->bundle, key, slice, name, out));
    if (!*out)
        ig_tf_find(s->r, IG_ERROR, "checkpoint", name, "the checkpoint has no tensor '%.*s'", (int)ig_min_size(key.n, 80),
                   key.s);
    return IG_OK;
}

/* Puts an initializer in as input `index` of a node that makes a resource. */
static ig_status bind(const search *s, ig_node *node, uint32_t index, ig_const *c) {
    ig_graph *g = s->r->model->graph;
    uint32_t n = node->n_in;
    if (ig_graph_find(g, c->name)) c->name = ig_model_fresh_name(g->model, c->name);
    ig_value *v = c->name ? ig_graph_add_initializer(g, c) : NULL;
    if (!v || !ig_node_resize(node, n + 1, node->n_out)) return ig_oom(s->r->err);
    for (uint32_t i = n; i > index; i--)
        if (!ig_node_set_input(node, i, node->in[i - 1])) return ig_oom(s->r->err);
    return ig_node_set_input(node, index, v) ? IG_OK : ig_oom(s->r->err);
}

/* The node in the main graph that makes a handle; NULL when it has its value already. */
static ig_node *handle_node(const search *s, ig_value *v) {
    v = source_of(s, v);
    ig_node *n = v && v->graph == s->r->model->graph ? v->producer : NULL;
    bool known = is_op(n, "VarHandleOp") || is_op(n, "VariableV2") || is_op(n, "Variable") || (n && strstr(n->op, "HashTable"));
    return known && ig_tf_n_in(n) == 0 ? n : NULL;
}

static ig_status bind_assignment(const search *s, const ig_node *n) {
    ig_node *handle = n->n_in > 1 ? handle_node(s, n->in[0]) : NULL;
    ig_const *c;
    if (!handle) return IG_OK;
    IG_TRY(restored(s, n->in[1], handle->name, &c));
    return c ? bind(s, handle, 0, c) : IG_OK;
}

static ig_status bind_table(const search *s, const ig_node *n) {
    ig_node *handle = n->n_in > 2 ? handle_node(s, n->in[0]) : NULL;
    ig_const *keys, *values;
    if (!handle) return IG_OK;
    IG_TRY(restored(s, n->in[1], handle->name, &keys));
    IG_TRY(restored(s, n->in[2], handle->name, &values));
    if (!keys || !values) return IG_OK;
    IG_TRY(bind(s, handle, 0, keys));
    return bind(s, handle, 1, values);
}

static ig_status bind_graph(const search *s) {
    for (const ig_node *n = s->graph->first; n; n = n->next) {
        if (is_op(n, "AssignVariableOp") || is_op(n, "Assign")) IG_TRY(bind_assignment(s, n));
        if (is_op(n, "LookupTableImportV2")) IG_TRY(bind_table(s, n));
    }
    return IG_OK;
}

/* A variable that the file has no value for, but another one starts as a copy of it and has one: saving copies variables. */
static ig_status bind_copied(const search *s, const ig_node *n) {
    ig_value *to = n->n_in > 1 ? source_of(s, n->in[0]) : NULL, *from = n->n_in > 1 ? source_of(s, n->in[1]) : NULL;
    const ig_node *copy = to && is_op(to->producer, "VarHandleOp") ? to->producer : NULL;
    const ig_node *read = from && is_op(from->producer, "ReadVariableOp") ? from->producer : NULL;
    ig_node *handle = copy && read && ig_tf_n_in(read) ? handle_node(s, read->in[0]) : NULL;
    if (!handle || ig_tf_n_in(copy) == 0 || !copy->in[0] || !copy->in[0]->constant) return IG_OK;
    ig_const *c = IG_NEW(&s->r->model->arena, ig_const);
    if (!c) return ig_oom(s->r->err);
    *c = *copy->in[0]->constant;
    c->name = handle->name;
    return bind(s, handle, 0, c);
}

static ig_status bind_copies(const search *s) {
    for (const ig_node *n = s->graph->first; n; n = n->next)
        if (is_op(n, "AssignVariableOp")) IG_TRY(bind_copied(s, n));
    return IG_OK;
}

ig_status ig_tf_bind_variables(ig_tf_reader *r, ig_tf_bundle *bundle, const ig_node *restore) {
    search s = {r, bundle, r->model->graph, NULL};
    IG_TRY(bind_graph(&s));
    const ig_attr *f = restore ? ig_attr_find(restore, "f") : NULL;
    ig_name name = f && f->kind == IG_ATTR_STRING ? ig_names_find(&r->model->names, f->s) : NULL;
    const ig_function *function = name ? ig_map_get(&r->decoded, IG_KEY(name)) : NULL;
    if (function) {
        search inside = {r, bundle, function->body, restore};
        IG_TRY(bind_graph(&inside));
    }
    return bind_copies(&s);
}

ig_status ig_tf_bind_assets(ig_tf_reader *r, ig_tf_asset *const *assets, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char path[512];
        ig_value *v = NULL;
        ig_tensor *t;
        ig_str file = assets[i]->filename;
        if (!assets[i]->tensor_info || file.n > 400 || !file.n) continue;
        IG_TRY(ig_tf_find_value(r, assets[i]->tensor_info->name, &v));
        bool placeholder = v && v->producer && ig_str_starts(ig_name_str(v->producer->op), "Placeholder");
        if (!v || (!v->constant && !placeholder)) continue;
        int len = snprintf(path, sizeof path, "assets/%.*s", (int)file.n, file.s);
        IG_TRY(ig_tensor_new(&t, r->model->context, IG_STRING, 0, NULL, r->err));
        bool ok = ig_tensor_set_string(t, 0, (ig_str){path, (size_t)len});
        ig_const *c = ok ? ig_const_create(r->model, v->name, t) : NULL;
        if (!ok) ig_tensor_free(t);
        if (!c) return ig_oom(r->err);
        if (placeholder) {
            ig_value *path_value = ig_graph_add_initializer(r->model->graph, c);
            if (!path_value || !ig_value_replace(v, path_value)) return ig_oom(r->err);
        } else {
            v->constant = c;
        }
    }
    return IG_OK;
}
