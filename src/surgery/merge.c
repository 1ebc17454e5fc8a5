/* Two models in one: the outputs of the first feed the second. */
#include "ops/schema.h"
#include "surgery/surgery.h"

#include <stdio.h>

typedef struct merger {
    ig_model *a, *b; /* copies with their prefixes; a becomes the result */
    const ig_merge_options *o;
    ig_arena scratch;
    ig_value **bound; /* for each input of b: the value of a that it is, or NULL */
    ig_map used;      /* outputs of a that are in the map */
    size_t a_out;     /* how many outputs a had */
    ig_error *err;
} merger;

/* ---- what has to agree ---- */

static ig_status check_opsets(const merger *g) {
    for (size_t i = 0; i < g->b->opsets.n; i++) {
        const ig_opset *o = &g->b->opsets.items[i];
        int64_t other = ig_graph_opset(g->a->graph, o->domain);
        if (!other || other == o->version) continue;
        const char *domain = ig_domain_canonical(o->domain);
        ig_fail(g->err, IG_E_ARGUMENT, "the first model is of opset %lld of '%.60s', the second of %lld", (long long)other,
                *domain ? domain : "ai.onnx", (long long)o->version);
        ig_error_hint(g->err, "igata convert --opset brings one to the other's");
        return IG_E_ARGUMENT;
    }
    return IG_OK;
}

static const ig_prop *find_prop(const ig_props *props, ig_str key) {
    for (size_t i = 0; i < props->n; i++)
        if (ig_str_eq(props->items[i].key, key)) return &props->items[i];
    return NULL;
}

static ig_status check_models(const merger *g) {
    if (g->a->ir_version != g->b->ir_version) {
        ig_fail(g->err, IG_E_ARGUMENT, "the first model is of IR version %lld, the second of %lld", (long long)g->a->ir_version,
                (long long)g->b->ir_version);
        ig_error_hint(g->err, "igata convert --ir-version brings one to the other's");
        return IG_E_ARGUMENT;
    }
    IG_TRY(check_opsets(g));
    for (size_t i = 0; i < g->b->props.n; i++) {
        const ig_prop *p = &g->b->props.items[i], *other = find_prop(&g->a->props, p->key);
        if (other && !ig_str_eq(other->value, p->value))
            return ig_fail(g->err, IG_E_ARGUMENT, "the models have different values for the metadata '%.*s'",
                           (int)ig_min_size(p->key.n, 80), p->key.s);
    }
    for (size_t i = 0; i < g->b->functions.n; i++) {
        const ig_function *f = g->b->functions.items[i];
        for (size_t k = 0; k < g->a->functions.n; k++) {
            const ig_function *h = g->a->functions.items[k];
            if (!ig_str_eq(ig_name_str(f->name), ig_name_str(h->name)) ||
                !ig_str_eq(ig_name_str(f->domain), ig_name_str(h->domain)) ||
                !ig_str_eq(ig_name_str(f->overload), ig_name_str(h->overload)))
                continue;
            ig_fail(g->err, IG_E_ARGUMENT, "both models have a function '%.80s'", ig_name_text(f->name));
            ig_error_hint(g->err, "give one of the models a prefix");
            return IG_E_ARGUMENT;
        }
    }
    return IG_OK;
}

/* ---- names ---- */

/* The model's name for what the caller calls `name`, with the prefix or without. NULL: no such value. */
static ig_name name_in(merger *g, const ig_model *m, const char *prefix, const char *name) {
    const char *full = ig_arena_printf(&g->scratch, "%s%s", prefix ? prefix : "", name);
    if (!full) return NULL;
    ig_name found = ig_names_find(&m->names, ig_str_c(full));
    if (found && ig_map_get(&m->graph->values, IG_KEY(found))) return found;
    found = ig_names_find(&m->names, ig_str_c(name));
    return found && ig_map_get(&m->graph->values, IG_KEY(found)) ? found : NULL;
}

typedef struct name_check {
    const merger *g;
    size_t n;
    char list[400];
    size_t used;
} name_check;

static bool lives(const ig_value *v) { return v->producer || v->is_input || v->constant || v->uses; }

static ig_status has_value(ig_graph *graph, void *user) {
    ig_name *name = user;
    ig_name known = ig_names_find(&graph->model->names, ig_name_str(*name));
    const ig_value *v = known ? ig_map_get(&graph->values, IG_KEY(known)) : NULL;
    return v && lives(v) ? IG_NO : IG_OK;
}

static bool is_bound(const merger *g, const ig_value *v) {
    return v->graph == g->b->graph && v->is_input && v->index < g->b->graph->inputs.n && g->bound[v->index];
}

static ig_status compare_names(ig_graph *graph, void *user) {
    name_check *c = user;
    for (size_t i = 0; i < graph->values.n; i++) {
        const ig_value *v = graph->values.entries[i].value;
        if (!v || !ig_name_len(v->name) || !lives(v) || is_bound(c->g, v)) continue;
        ig_name name = v->name;
        if (ig_names_find(&c->g->a->names, ig_name_str(name)) == NULL) continue;
        if (ig_graph_each(c->g->a->graph, has_value, &name) == IG_OK) continue;
        if (c->n++ < 5 && c->used < sizeof c->list)
            c->used += (size_t)snprintf(c->list + c->used, sizeof c->list - c->used, "%s'%.70s'", c->n > 1 ? ", " : "", name);
    }
    return IG_OK;
}

static ig_status check_names(const merger *g) {
    name_check c = {.g = g};
    IG_TRY(ig_graph_each(g->b->graph, compare_names, &c));
    if (c.n == 0) return IG_OK;
    ig_fail(g->err, IG_E_ARGUMENT, "both models have values of the name%s %s%s", c.n > 1 ? "s" : "", c.list,
            c.n > 5 ? " and others" : "");
    ig_error_hint(g->err, "give one of the models a prefix");
    return IG_E_ARGUMENT;
}

/* ---- the map ---- */

static bool same_size(ig_dim a, ig_dim b) { return !ig_dim_known(a) || !ig_dim_known(b) || a.value == b.value; }

/* Named dims of two models say nothing about each other. */
static bool fits(const ig_type *from, const ig_type *to) {
    for (; from && to; from = from->of, to = to->of) {
        if (from->kind != to->kind) return false;
        if (from->dtype != IG_UNDEFINED && to->dtype != IG_UNDEFINED && from->dtype != to->dtype) return false;
        if (from->rank == IG_UNRANKED || to->rank == IG_UNRANKED) continue;
        if (from->rank != to->rank) return false;
        for (int i = 0; i < from->rank; i++)
            if (!same_size(from->dims[i], to->dims[i])) return false;
    }
    return true;
}

static ig_status bind(merger *g, const ig_pair *p) {
    const ig_graph *a = g->a->graph, *b = g->b->graph;
    ig_name out = name_in(g, g->a, g->o->prefix1, p->key), in = name_in(g, g->b, g->o->prefix2, p->value);
    ig_value *from = NULL, *to = in ? ig_map_get(&b->values, IG_KEY(in)) : NULL;
    const ig_type *given = NULL;
    for (size_t i = 0; i < a->outputs.n && out; i++)
        if (a->outputs.items[i].name == out) from = a->outputs.items[i].value, given = a->outputs.items[i].type;
    if (!from) return ig_fail(g->err, IG_E_ARGUMENT, "the first model has no output '%.80s'", p->key);
    if (!to || !to->is_input) return ig_fail(g->err, IG_E_ARGUMENT, "the second model has no input '%.80s'", p->value);
    if (g->bound[to->index]) return ig_fail(g->err, IG_E_ARGUMENT, "the input '%.80s' is in the map twice", p->value);
    const ig_type *wanted = b->inputs.items[to->index].type;
    if (!fits(given, wanted)) {
        char is[200], should[200];
        ig_type_text(given, is, sizeof is);
        ig_type_text(wanted, should, sizeof should);
        return ig_fail(g->err, IG_E_INPUT, "the output '%.80s' is %s, the input '%.80s' is %s", p->key, is, p->value, should);
    }
    g->bound[to->index] = from;
    return ig_map_set(&g->used, IG_KEY(from), from) ? IG_OK : ig_oom(g->err);
}

/* ---- the result ---- */

static ig_status join_text(merger *g, ig_str *to, ig_str other, const char *between) {
    if (!other.n) return IG_OK;
    const char *s = to->n ? ig_arena_printf(&g->a->arena, "%.*s%s%.*s", (int)ig_min_size(to->n, 1 << 20), to->s, between,
                                            (int)ig_min_size(other.n, 1 << 20), other.s)
                          : ig_arena_printf(&g->a->arena, "%.*s", (int)ig_min_size(other.n, 1 << 20), other.s);
    if (!s) return ig_oom(g->err);
    *to = ig_str_c(s);
    return IG_OK;
}

static ig_status join_header(merger *g) {
    ig_model *a = g->a;
    const ig_model *b = g->b;
    bool ok = true;
    for (size_t i = 0; i < b->opsets.n; i++) {
        ig_opset o = b->opsets.items[i];
        if (ig_graph_opset(a->graph, o.domain)) continue;
        o.domain = ig_model_intern(a, ig_name_str(o.domain), &ok);
        o.unknown = (ig_span){0};
        if (!ok || !IG_PUSH(&a->arena, &a->opsets, o)) return ig_oom(g->err);
    }
    for (size_t i = 0; i < b->props.n; i++) {
        ig_prop p = {.key = ig_arena_str(&a->arena, b->props.items[i].key, &ok),
                     .value = ig_arena_str(&a->arena, b->props.items[i].value, &ok)};
        if (find_prop(&a->props, p.key)) continue;
        if (!ok || !IG_PUSH(&a->arena, &a->props, p)) return ig_oom(g->err);
    }
    IG_TRY(join_text(g, &a->doc, b->doc, "\n\n"));
    ig_str name = ig_name_str(a->graph->name);
    IG_TRY(join_text(g, &name, ig_name_str(b->graph->name), "_"));
    a->graph->name = ig_model_intern(a, name, &ok);
    a->producer_name = IG_STR("igata");
    a->producer_version = ig_str_c(ig_version());
    a->model_version = 1;
    a->model_version_given = true;
    return ok ? IG_OK : ig_oom(g->err);
}

/* Outputs of the result: those asked for, or all that don't feed the second model. */
static ig_status choose_outputs(merger *g) {
    ig_graph *graph = g->a->graph;
    size_t n = 0, room = graph->outputs.n + g->o->n_outputs;
    ig_value_info *kept = IG_NEW_ARRAY(&g->scratch, ig_value_info, room);
    if (!kept) return ig_oom(g->err);
    for (size_t i = 0; i < graph->outputs.n && !g->o->n_outputs; i++) {
        const ig_value_info *o = &graph->outputs.items[i];
        if (i >= g->a_out || !ig_map_get(&g->used, IG_KEY(o->value))) kept[n++] = *o;
    }
    for (size_t k = 0; k < g->o->n_outputs; k++) {
        const char *prefixes[] = {g->o->prefix1, g->o->prefix2};
        size_t before = n;
        for (size_t i = 0; i < 2 && n == before; i++) {
            ig_name name = name_in(g, g->a, prefixes[i], g->o->outputs[k]);
            for (size_t j = 0; j < graph->outputs.n && name && n == before; j++)
                if (graph->outputs.items[j].name == name) kept[n++] = graph->outputs.items[j];
        }
        if (n == before) return ig_fail(g->err, IG_E_ARGUMENT, "neither model has an output '%.80s'", g->o->outputs[k]);
    }
    ig_graph_clear_outputs(graph);
    for (size_t i = 0; i < n; i++) {
        if (kept[i].value ? !ig_graph_add_output(graph, kept[i].value) : !IG_PUSH(&g->a->arena, &graph->outputs, kept[i]))
            return ig_oom(g->err);
        graph->outputs.items[i] = kept[i];
    }
    return IG_OK;
}

/* Inputs that aren't asked for have to be of no use. */
static ig_status choose_inputs(merger *g) {
    ig_graph *graph = g->a->graph;
    const char *prefixes[] = {g->o->prefix1, g->o->prefix2};
    ig_map kept;
    ig_map_init(&kept, &g->scratch);
    for (size_t k = 0; k < g->o->n_inputs; k++) {
        ig_value *v = NULL;
        for (size_t i = 0; i < 2 && !v; i++) {
            ig_name name = name_in(g, g->a, prefixes[i], g->o->inputs[k]);
            v = name ? ig_map_get(&graph->values, IG_KEY(name)) : NULL;
            if (v && !v->is_input) v = NULL;
        }
        if (!v) return ig_fail(g->err, IG_E_ARGUMENT, "neither model has a free input '%.80s'", g->o->inputs[k]);
        if (!ig_map_set(&kept, IG_KEY(v), v)) return ig_oom(g->err);
    }
    for (size_t i = graph->inputs.n; i-- > 0;) {
        ig_value *v = graph->inputs.items[i].value;
        if (!v || ig_map_get(&kept, IG_KEY(v))) continue;
        if (v->n_uses && !v->constant)
            return ig_fail(g->err, IG_E_ARGUMENT, "the outputs depend on the input '%.80s', which is not asked for",
                           ig_name_text(v->name));
        ig_graph_remove_input(v);
        if (!v->n_uses) ig_value_remove(v);
    }
    return IG_OK;
}

static ig_status merge(merger *g) {
    ig_model_resolve(g->a); /* which functions are called */
    ig_model_resolve(g->b);
    g->bound = IG_NEW_ARRAY(&g->scratch, ig_value *, g->b->graph->inputs.n);
    if (!g->bound) return ig_oom(g->err);
    IG_TRY(check_models(g));
    for (size_t i = 0; i < g->o->n_map; i++) IG_TRY(bind(g, &g->o->map[i]));
    IG_TRY(check_names(g));
    g->a_out = g->a->graph->outputs.n;
    IG_TRY(ig_model_append(g->a, g->b, g->bound, g->err));
    IG_TRY(join_header(g));
    IG_TRY(choose_outputs(g));
    if (g->o->n_inputs || g->o->n_outputs) IG_TRY(ig_surgery_remove_dead(g->a, g->err));
    g->a->trainings.n = 0; /* about one of them */
    return g->o->n_inputs ? choose_inputs(g) : IG_OK;
}

ig_status ig_model_merge(ig_model **merged, ig_model *first, ig_model *second, const ig_merge_options *options, ig_error *err) {
    ig_merge_options o = {0};
    *merged = NULL;
    ig_error_clear(err);
    ig_options_copy(&o, sizeof o, options);
    merger g = {.o = &o, .err = err};
    IG_TRY(ig_model_clone(&g.a, first, err));
    ig_arena_init(&g.scratch, g.a->context);
    ig_map_init(&g.used, &g.scratch);
    ig_status status = ig_model_clone(&g.b, second, err);
    if (status == IG_OK && o.prefix1) status = ig_model_add_prefix(g.a, o.prefix1, err);
    if (status == IG_OK && o.prefix2) status = ig_model_add_prefix(g.b, o.prefix2, err);
    if (status == IG_OK) status = merge(&g);
    ig_arena_free(&g.scratch);
    ig_model_free(g.b);
    if (status == IG_OK)
        *merged = g.a;
    else
        ig_model_free(g.a);
    return status;
}
