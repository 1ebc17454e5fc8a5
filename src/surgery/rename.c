/* Other names for values, nodes, functions and dims. */
#include "ops/schema.h"
#include "surgery/surgery.h"

#include <stdio.h>

/* ---- values ---- */

typedef struct renaming {
    ig_model *model;
    ig_name from, to;
    ig_str prefix; /* instead of from and to: put in front of every name */
    size_t found;
    ig_error *err;
} renaming;

static ig_name prefixed(const renaming *r, ig_name name) {
    char *text;
    bool ok = true;
    size_t n = ig_name_len(name);
    if (!n) return name;
    text = ig_arena_array(&r->model->arena, r->prefix.n + n, 1);
    if (!text) return NULL;
    memcpy(text, r->prefix.s, r->prefix.n);
    memcpy(text + r->prefix.n, name, n);
    ig_name made = ig_model_intern(r->model, (ig_str){text, r->prefix.n + n}, &ok);
    return ok ? made : NULL;
}

static ig_status has_name(ig_graph *g, void *user) {
    renaming *r = user;
    const ig_value *v = ig_map_get(&g->values, IG_KEY(r->to));
    r->found += v && (v->producer || v->is_input || v->constant || v->uses);
    return IG_OK;
}

/* Training information and quantization annotations name values by text. */
static void rename_props(ig_props *props, const renaming *r) {
    for (size_t i = 0; i < props->n; i++) {
        if (ig_str_eq(props->items[i].key, ig_name_str(r->from))) props->items[i].key = ig_name_str(r->to);
        if (ig_str_eq(props->items[i].value, ig_name_str(r->from))) props->items[i].value = ig_name_str(r->to);
    }
}

static ig_status rename_value(ig_model *m, const char *from, const char *to, ig_error *err) {
    renaming r = {.model = m, .to = ig_model_name(m, to), .err = err};
    ig_value *v = ig_surgery_value(m, from, err);
    if (!v) return IG_E_ARGUMENT;
    if (!r.to) return ig_oom(err);
    r.from = v->name;
    if (r.to == r.from) return IG_OK;
    if (!*to) return ig_fail(err, IG_E_ARGUMENT, "a value can't have an empty name");
    if (m->graph->quantization_annotations.n)
        return ig_fail(err, IG_E_UNSUPPORTED, "the model has quantization annotations, which name values in their own way");
    IG_TRY(ig_graph_each(m->graph, has_name, &r));
    if (r.found) return ig_fail(err, IG_E_ARGUMENT, "there is a value '%.80s' already", to);
    if (!ig_value_rename(v, r.to)) return ig_oom(err);
    for (size_t i = 0; i < m->trainings.n; i++) {
        rename_props(&m->trainings.items[i].initialization_binding, &r);
        rename_props(&m->trainings.items[i].update_binding, &r);
    }
    return IG_OK;
}

/* ---- nodes ---- */

static ig_status rename_nodes(ig_graph *g, void *user) {
    renaming *r = user;
    for (ig_node *n = g->first; n; n = n->next)
        if (n->name == r->from) n->name = r->to, r->found++;
    return IG_OK;
}

static ig_status find_nodes(ig_graph *g, void *user) {
    renaming *r = user;
    for (const ig_node *n = g->first; n; n = n->next) r->found += n->name == r->to;
    return IG_OK;
}

static ig_status rename_node(ig_model *m, const char *from, const char *to, ig_error *err) {
    renaming r = {.model = m, .from = ig_names_find(&m->names, ig_str_c(from)), .to = ig_model_name(m, to), .err = err};
    if (!r.to) return ig_oom(err);
    if (r.from && *to) IG_TRY(ig_graph_each(m->graph, find_nodes, &r));
    if (r.found && r.from != r.to) return ig_fail(err, IG_E_ARGUMENT, "there is a node '%.80s' already", to);
    r.found = 0;
    if (r.from && *from) IG_TRY(ig_graph_each(m->graph, rename_nodes, &r));
    return r.found ? IG_OK : ig_fail(err, IG_E_ARGUMENT, "the model has no node '%.80s'", from);
}

/* ---- dims ---- */

static bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

/* The expression with one word of it replaced; unchanged text when it isn't in it. */
static ig_dim other_dim(renaming *r, ig_dim d) {
    char text[512], made[1024];
    size_t n = ig_dim_text(d, text, sizeof text), used = 0, from = ig_name_len(r->from);
    bool found = false;
    if (!d.sym || n >= sizeof text - 1) return d;
    ig_str whole = ig_dim_name(d);
    if (whole.s && ig_str_eq(whole, ig_name_str(r->from))) {
        r->found++;
        return ig_dim_symbol(&r->model->syms, ig_name_str(r->to));
    }
    for (size_t i = 0; i < n;) {
        bool start = is_word(text[i]) && (i == 0 || !is_word(text[i - 1]));
        bool here =
            start && n - i >= from && memcmp(text + i, r->from, from) == 0 && (i + from == n || !is_word(text[i + from]));
        size_t room = sizeof made - used;
        if (here && ig_name_len(r->to) >= room) return d;
        if (here) {
            memcpy(made + used, r->to, ig_name_len(r->to));
            used += ig_name_len(r->to);
            i += from;
            found = true;
        } else {
            if (room < 2) return d;
            made[used++] = text[i++];
        }
    }
    r->found += found;
    return found ? ig_dim_named(&r->model->syms, (ig_str){made, used}) : d;
}

static const ig_type *other_type(renaming *r, const ig_type *type) {
    size_t before = r->found;
    ig_type *copy = type ? ig_type_clone(&r->model->arena, type) : NULL;
    if (!copy) return type;
    for (ig_type *t = copy; t; t = (ig_type *)(uintptr_t)t->of) /* the clone is ours to write to */
        for (int i = 0; i < t->rank; i++) ((ig_dim *)(uintptr_t)t->dims)[i] = other_dim(r, t->dims[i]);
    return r->found > before ? copy : type;
}

static void other_infos(renaming *r, ig_value_info *infos, size_t n) {
    for (size_t i = 0; i < n; i++) infos[i].type = other_type(r, infos[i].type);
}

static ig_status rename_dims(ig_graph *g, void *user) {
    renaming *r = user;
    for (size_t i = 0; i < g->values.n; i++) {
        ig_value *v = g->values.entries[i].value;
        if (v) v->type = other_type(r, v->type);
    }
    other_infos(r, g->inputs.items, g->inputs.n);
    other_infos(r, g->outputs.items, g->outputs.n);
    other_infos(r, g->value_infos.items, g->value_infos.n);
    return IG_OK;
}

static ig_status rename_dim(ig_model *m, const char *from, const char *to, ig_error *err) {
    renaming r = {.model = m, .from = ig_model_name(m, from), .to = ig_model_name(m, to), .err = err};
    if (!r.from || !r.to) return ig_oom(err);
    if (!*from || !*to) return ig_fail(err, IG_E_ARGUMENT, "a dim can't have an empty name");
    IG_TRY(ig_graph_each(m->graph, rename_dims, &r));
    return r.found ? IG_OK : ig_fail(err, IG_E_ARGUMENT, "the model has no dim '%.80s'", from);
}

ig_status ig_model_rename(ig_model *m, ig_name_of what, const char *from, const char *to, ig_error *err) {
    static ig_status (*const by[IG_NAME_OF_COUNT])(ig_model *, const char *, const char *,
                                                   ig_error *) = {rename_value, rename_node, rename_dim};
    ig_error_clear(err);
    if ((unsigned)what >= IG_NAME_OF_COUNT) return ig_fail(err, IG_E_ARGUMENT, "there is no such kind of name");
    return by[what](m, from, to, err);
}

/* ---- prefixes ---- */

static ig_status prefix_graph(ig_graph *g, void *user) {
    renaming *r = user;
    ig_arena scratch;
    IG_VEC(ig_value *) all = {0};
    ig_arena_init(&scratch, r->model->context);
    bool ok = true;
    for (size_t i = 0; ok && i < g->values.n; i++) {
        ig_value *v = g->values.entries[i].value;
        if (v && ig_name_len(v->name)) ok = IG_PUSH(&scratch, &all, v);
    }
    for (size_t i = 0; ok && i < all.n; i++) ig_map_remove(&g->values, IG_KEY(all.items[i]->name));
    for (size_t i = 0; ok && i < all.n; i++) {
        ig_name name = prefixed(r, all.items[i]->name);
        ok = name && ig_value_rename(all.items[i], name);
    }
    for (ig_node *n = g->first; ok && n; n = n->next) {
        n->name = prefixed(r, n->name);
        if (n->function) n->op = prefixed(r, n->op), ok = n->op != NULL;
    }
    ig_arena_free(&scratch);
    return ok ? IG_OK : ig_oom(r->err);
}

/* Nodes of function bodies are called by names of their own, which can't clash; what they call has new names. */
static ig_status prefix_calls(ig_graph *g, void *user) {
    renaming *r = user;
    for (ig_node *n = g->first; n; n = n->next)
        if (n->function && !(n->op = prefixed(r, n->op))) return ig_oom(r->err);
    return IG_OK;
}

ig_status ig_model_add_prefix(ig_model *m, const char *prefix, ig_error *err) {
    renaming r = {.model = m, .prefix = ig_str_c(prefix), .err = err};
    ig_error_clear(err);
    if (!r.prefix.n) return IG_OK;
    if (m->graph->quantization_annotations.n || m->trainings.n)
        return ig_fail(err, IG_E_UNSUPPORTED, "the model has %s, which name values in their own way",
                       m->trainings.n ? "training information" : "quantization annotations");
    ig_model_resolve(m); /* which nodes are calls */
    IG_TRY(ig_graph_each(m->graph, prefix_graph, &r));
    for (size_t i = 0; i < m->functions.n; i++) {
        ig_function *f = m->functions.items[i];
        IG_TRY(ig_graph_each(f->body, prefix_calls, &r));
        if (!(f->name = prefixed(&r, f->name))) return ig_oom(err);
    }
    return IG_OK;
}
