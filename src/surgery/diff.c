/* What changed between two models: what they say of themselves, inputs and outputs, weights, functions. */
#include "surgery/diff.h"

#include <stdio.h>

/* ---- the list ---- */

static const char *clean(ig_diff *d, const char *text) {
    char out[1024];
    if (!text) return NULL;
    ig_text_clean(out, sizeof out, ig_str_c(text));
    return ig_arena_printf(d->arena, "%s", out);
}

ig_status ig_diff_add(ig_diff *d, const char *what, const char *how, const char *where, const char *before, const char *after) {
    ig_difference_item item = {
        .what = what, .how = how, .where = clean(d, where ? where : ""), .before = clean(d, before), .after = clean(d, after)};
    bool ok = item.where && (item.before || !before) && (item.after || !after);
    return ok && IG_PUSH(d->arena, &d->out->items, item) ? IG_OK : ig_oom(d->err);
}

ig_difference_item *ig_diff_last(ig_diff *d) { return &d->out->items.items[d->out->items.n - 1]; }

size_t ig_differences_count(const ig_differences *l) { return l->items.n; }
ig_difference_item ig_differences_at(const ig_differences *l, size_t i) { return l->items.items[i]; }

void ig_differences_free(ig_differences *l) {
    if (!l) return;
    ig_context *context = l->context;
    ig_arena_free(&l->arena);
    ig_release(context, l);
    ig_context_free(context);
}

/* ---- the header ---- */

static ig_status compare_texts(ig_diff *d, const char *what, const char *where, ig_str a, ig_str b) {
    if (ig_str_eq(a, b)) return IG_OK;
    const char *before = a.n ? ig_arena_printf(d->arena, "%.*s", (int)ig_min_size(a.n, 500), a.s) : NULL;
    const char *after = b.n ? ig_arena_printf(d->arena, "%.*s", (int)ig_min_size(b.n, 500), b.s) : NULL;
    return ig_diff_add(d, what, !a.n ? "added" : !b.n ? "removed" : "changed", where, before, after);
}

static ig_status compare_versions(ig_diff *d, const char *what, const char *where, int64_t a, int64_t b) {
    char before[24], after[24];
    snprintf(before, sizeof before, "%lld", (long long)a);
    snprintf(after, sizeof after, "%lld", (long long)b);
    if (a == b) return IG_OK;
    return ig_diff_add(d, what, !a ? "added" : !b ? "removed" : "changed", where, a ? before : NULL, b ? after : NULL);
}

static int64_t version_in(const ig_opsets *list, ig_name domain) {
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(ig_domain_canonical(list->items[i].domain), ig_domain_canonical(domain)) == 0) return list->items[i].version;
    return 0;
}

static ig_status compare_opsets(ig_diff *d, const char *place, const ig_opsets *a, const ig_opsets *b) {
    for (size_t k = 0; k < 2; k++) {
        const ig_opsets *list = k ? b : a;
        for (size_t i = 0; i < list->n; i++) {
            ig_name domain = list->items[i].domain;
            int64_t before = version_in(a, domain), after = version_in(b, domain);
            if (k && before) continue; /* said already */
            const char *text = *ig_domain_canonical(domain) ? domain : "ai.onnx";
            const char *where = *place ? ig_arena_printf(d->arena, "%s, %s", place, text) : text;
            if (!where) return ig_oom(d->err);
            IG_TRY(compare_versions(d, "opset", where, before, after));
        }
    }
    return IG_OK;
}

static const ig_prop *find_prop(const ig_props *props, ig_str key) {
    for (size_t i = 0; i < props->n; i++)
        if (ig_str_eq(props->items[i].key, key)) return &props->items[i];
    return NULL;
}

static ig_status compare_props(ig_diff *d, const ig_props *a, const ig_props *b) {
    for (size_t k = 0; k < 2; k++) {
        const ig_props *list = k ? b : a;
        for (size_t i = 0; i < list->n; i++) {
            ig_str key = list->items[i].key;
            const ig_prop *x = find_prop(a, key), *y = find_prop(b, key);
            const char *where = ig_arena_printf(d->arena, "%.*s", (int)ig_min_size(key.n, 200), key.s ? key.s : "");
            if (!where) return ig_oom(d->err);
            if (k && x) continue;
            IG_TRY(compare_texts(d, "metadata", where, x ? x->value : (ig_str){0}, y ? y->value : (ig_str){0}));
        }
    }
    return IG_OK;
}

static ig_status compare_headers(ig_diff *d) {
    const ig_model *a = d->a, *b = d->b;
    IG_TRY(compare_versions(d, "IR version", "", a->ir_version, b->ir_version));
    IG_TRY(compare_opsets(d, "", &a->opsets, &b->opsets));
    IG_TRY(compare_versions(d, "model version", "", a->model_version, b->model_version));
    IG_TRY(compare_texts(d, "producer", "", a->producer_name, b->producer_name));
    IG_TRY(compare_texts(d, "producer version", "", a->producer_version, b->producer_version));
    IG_TRY(compare_texts(d, "domain", "", a->domain, b->domain));
    IG_TRY(compare_texts(d, "doc string", "", a->doc, b->doc));
    IG_TRY(compare_texts(d, "graph name", "", ig_name_str(a->graph->name), ig_name_str(b->graph->name)));
    return compare_props(d, &a->props, &b->props);
}

/* ---- inputs and outputs ---- */

static const ig_value_info *find_info(const ig_value_info *list, size_t n, ig_name name) {
    for (size_t i = 0; i < n; i++)
        if (ig_str_eq(ig_name_str(list[i].name), ig_name_str(name))) return &list[i];
    return NULL;
}

static ig_status compare_infos(ig_diff *d, const char *what, const ig_value_info *a, size_t na, const ig_value_info *b,
                               size_t nb) {
    bool moved = na == nb;
    for (size_t i = 0; i < na; i++) {
        const ig_value_info *other = find_info(b, nb, a[i].name);
        const char *before = ig_diff_type_text(d, a[i].type), *after = other ? ig_diff_type_text(d, other->type) : NULL;
        if (!before || (other && !after)) return ig_oom(d->err);
        moved &= other != NULL;
        if (!other)
            IG_TRY(ig_diff_add(d, what, "removed", ig_name_text(a[i].name), before, NULL));
        else if (strcmp(before, after) != 0)
            IG_TRY(ig_diff_add(d, what, "changed", ig_name_text(a[i].name), before, after));
    }
    for (size_t i = 0; i < nb; i++)
        if (!find_info(a, na, b[i].name))
            IG_TRY(ig_diff_add(d, what, "added", ig_name_text(b[i].name), NULL, ig_diff_type_text(d, b[i].type)));
    for (size_t i = 0; moved && i < na; i++) {
        if (ig_str_eq(ig_name_str(a[i].name), ig_name_str(b[i].name))) continue;
        return ig_diff_add(d, what, "moved", ig_name_text(a[i].name), NULL, NULL);
    }
    return IG_OK;
}

/* ---- weights ---- */

static ig_value *same_name(const ig_model *m, ig_name name) {
    ig_name known = ig_names_find(&m->names, ig_name_str(name));
    return known ? ig_map_get(&m->graph->values, IG_KEY(known)) : NULL;
}

static ig_status compare_weight(ig_diff *d, ig_value *x, ig_value *y) {
    const char *before = ig_diff_const_text(d, x->constant), *after = ig_diff_const_text(d, y->constant);
    ig_content_diff c;
    if (!before || !after) return ig_oom(d->err);
    if (!ig_diff_same_const_type(x->constant, y->constant))
        return ig_diff_add(d, "weight", "changed", ig_name_text(x->name), before, after);
    IG_TRY(ig_diff_content(d, x->constant, y->constant, &c));
    if (c.same) return IG_OK;
    IG_TRY(ig_diff_add(d, "weight", "changed", ig_name_text(x->name), before, after));
    ig_difference_item *item = ig_diff_last(d);
    item->numbers = c.numbers;
    item->count = c.count;
    item->changed = c.changed;
    item->max_abs = c.max_abs;
    item->norm = c.norm;
    item->relative = c.relative;
    return IG_OK;
}

/* A weight of the second model without a counterpart of its name, that has the same content. */
static ig_status find_content(ig_diff *d, const ig_value *x, ig_map *taken, ig_value **found) {
    *found = NULL;
    for (size_t i = 0; i < d->b->graph->initializers.n; i++) {
        ig_value *y = d->b->graph->initializers.items[i], *other = same_name(d->a, y->name);
        ig_content_diff c;
        if ((other && other->constant) || ig_map_get(taken, IG_KEY(y)) || !ig_diff_same_const_type(x->constant, y->constant))
            continue;
        IG_TRY(ig_diff_content(d, x->constant, y->constant, &c));
        if (!c.same) continue;
        *found = y;
        return ig_map_set(taken, IG_KEY(y), y) ? IG_OK : ig_oom(d->err);
    }
    return IG_OK;
}

static ig_status compare_weights(ig_diff *d) {
    ig_map taken;
    ig_map_init(&taken, d->arena);
    const ig_graph *a = d->a->graph, *b = d->b->graph;
    for (size_t i = 0; i < a->initializers.n; i++) {
        ig_value *x = a->initializers.items[i], *y = same_name(d->b, x->name);
        bool here = y && y->constant;
        if (here) IG_TRY(compare_weight(d, x, y));
        if (!here) IG_TRY(find_content(d, x, &taken, &y));
        if (!here && y)
            IG_TRY(ig_diff_add(d, "weight", "renamed", ig_name_text(x->name), ig_name_text(x->name), ig_name_text(y->name)));
        if (!y) IG_TRY(ig_diff_add(d, "weight", "removed", ig_name_text(x->name), ig_diff_const_text(d, x->constant), NULL));
        if (y && !ig_map_set(&d->same, IG_KEY(x), y)) return ig_oom(d->err);
    }
    for (size_t i = 0; i < b->initializers.n; i++) {
        ig_value *y = b->initializers.items[i], *x = same_name(d->a, y->name);
        if ((x && x->constant) || ig_map_get(&taken, IG_KEY(y))) continue;
        IG_TRY(ig_diff_add(d, "weight", "added", ig_name_text(y->name), NULL, ig_diff_const_text(d, y->constant)));
    }
    return IG_OK;
}

/* ---- functions ---- */

static ig_function *find_function(const ig_model *m, const ig_function *f) {
    for (size_t i = 0; i < m->functions.n; i++) {
        ig_function *g = m->functions.items[i];
        if (ig_str_eq(ig_name_str(f->name), ig_name_str(g->name)) &&
            ig_str_eq(ig_name_str(f->domain), ig_name_str(g->domain)) &&
            ig_str_eq(ig_name_str(f->overload), ig_name_str(g->overload)))
            return g;
    }
    return NULL;
}

static ig_status compare_functions(ig_diff *d) {
    for (size_t i = 0; i < d->a->functions.n; i++) {
        const ig_function *f = d->a->functions.items[i];
        ig_function *g = find_function(d->b, f);
        char place[300];
        ig_graph_place(f->body, place, sizeof place);
        if (!g) {
            IG_TRY(ig_diff_add(d, "function", "removed", place, NULL, NULL));
            continue;
        }
        IG_TRY(compare_opsets(d, place, &f->opsets, &g->opsets));
        if (f->body->inputs.n != g->body->inputs.n || f->body->outputs.n != g->body->outputs.n)
            IG_TRY(ig_diff_add(d, "function", "changed", place, "other inputs or outputs", NULL));
        IG_TRY(ig_diff_graphs(d, f->body, g->body));
    }
    for (size_t i = 0; i < d->b->functions.n; i++) {
        const ig_function *g = d->b->functions.items[i];
        char place[300];
        ig_graph_place(g->body, place, sizeof place);
        if (!find_function(d->a, g)) IG_TRY(ig_diff_add(d, "function", "added", place, NULL, NULL));
    }
    return IG_OK;
}

static ig_status diff(ig_diff *d) {
    const ig_graph *a = d->a->graph, *b = d->b->graph;
    IG_TRY(compare_headers(d));
    IG_TRY(compare_infos(d, "input", a->inputs.items, a->inputs.n, b->inputs.items, b->inputs.n));
    IG_TRY(compare_infos(d, "output", a->outputs.items, a->outputs.n, b->outputs.items, b->outputs.n));
    IG_TRY(compare_weights(d));
    IG_TRY(ig_diff_graphs(d, d->a->graph, d->b->graph));
    return compare_functions(d);
}

ig_status ig_model_diff(ig_differences **out, ig_model *before, ig_model *after, ig_error *err) {
    ig_error_clear(err);
    *out = ig_calloc(before->context, sizeof **out);
    if (!*out) return ig_oom(err);
    (*out)->context = ig_context_retain(before->context);
    ig_arena_init(&(*out)->arena, before->context);
    ig_diff d = {.out = *out, .arena = &(*out)->arena, .a = before, .b = after, .err = err};
    ig_map_init(&d.same, d.arena);
    ig_status status = diff(&d);
    if (status != IG_OK) {
        ig_differences_free(*out);
        *out = NULL;
    }
    return status;
}
