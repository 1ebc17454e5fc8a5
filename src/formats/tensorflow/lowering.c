/* The lowering of the domain "tensorflow": the table of rules, what happens around each rule, and before and after all of them.
 */
#include "formats/tensorflow/rules.h"

#include <stdio.h>
#include <stdlib.h>

/* What is worth computing at once: contents of shapes and small tables, no weights. */
enum { FOLD = 1 << 16 };

static const ig_lower_rule rules[] = {
#define IG_TF_TEXT(op, text)                {op, ig_tf_lower_text, text, 0},
#define IG_TF_LINEAR_TEXT(op, text)         {op, ig_tf_lower_text, text, IG_TF_LINEAR},
#define IG_TF_RULE(op, function, to, value) {op, ig_tf_lower_##function, to, value},
#include "formats/tensorflow/rules.def"
#undef IG_TF_TEXT
#undef IG_TF_LINEAR_TEXT
#undef IG_TF_RULE
};

/* --------------------------------------------------------------------------------------------------------- around a rule */

/* A list in a row's default: numbers or words between commas. */
static size_t count_items(ig_str s) {
    size_t n = s.n > 0;
    for (size_t i = 0; i < s.n; i++) n += s.s[i] == ',';
    return n;
}

static ig_str next_item(ig_str *s) {
    size_t n = 0;
    while (n < s->n && s->s[n] != ',') n++;
    ig_str item = {s->s, n};
    size_t skip = n < s->n ? n + 1 : n;
    *s = (ig_str){s->s + skip, s->n - skip};
    return item;
}

/* "?" or sizes with x between them. */
static const ig_type *default_shape(ig_arena *arena, ig_str text) {
    ig_shape shape = {.rank = ig_str_is(text, "?") ? IG_UNRANKED : 0};
    for (size_t at = 0; shape.rank >= 0 && at < text.n && shape.rank < IG_MAX_RANK;) {
        size_t n = 0;
        int64_t size = -1;
        while (at + n < text.n && text.s[at + n] != 'x') n++;
        ig_str_to_i64((ig_str){text.s + at, n}, &size);
        shape.dims[shape.rank++] = size < 0 ? ig_dim_unknown() : ig_dim_of(size);
        at += n + 1;
    }
    return ig_type_tensor(arena, IG_UNDEFINED, &shape);
}

static bool fill_default_list(ig_arena *arena, const ig_tf_default *d, ig_attr *a) {
    ig_str rest = d->value;
    a->n = count_items(rest);
    int64_t *ints = IG_NEW_ARRAY(arena, int64_t, a->n);
    float *floats = IG_NEW_ARRAY(arena, float, a->n);
    ig_str *strings = IG_NEW_ARRAY(arena, ig_str, a->n);
    const ig_type **types = IG_NEW_ARRAY(arena, const ig_type *, a->n);
    if (!ints || !floats || !strings || !types) return false;
    for (size_t i = 0; i < a->n; i++) {
        strings[i] = next_item(&rest);
        ig_str_to_i64(strings[i], &ints[i]);
        floats[i] = strtof(strings[i].s, NULL);
        if (d->kind == 'H' && !(types[i] = default_shape(arena, strings[i]))) return false;
    }
    a->kind = d->kind == 'F'                     ? IG_ATTR_FLOATS
              : d->kind == 'H'                   ? IG_ATTR_TYPES
              : d->kind == 'S' || d->kind == 'T' ? IG_ATTR_STRINGS
                                                 : IG_ATTR_INTS;
    if (a->kind == IG_ATTR_FLOATS) a->floats = floats;
    if (a->kind == IG_ATTR_TYPES) a->types = types;
    if (a->kind == IG_ATTR_STRINGS) a->strings = strings;
    if (a->kind == IG_ATTR_INTS) a->ints = ints;
    return true;
}

/* Files leave out attributes that have their default. */
static bool add_default(ig_node *node, const ig_tf_default *d) {
    ig_model *m = node->graph->model;
    bool ok = true;
    ig_attr a = {.name = ig_intern(&m->names, d->name, &ok)};
    for (const ig_attr *have = node->attrs; have && a.name; have = have->next)
        if (have->name == a.name) return true;
    switch (d->kind) {
    case 'b':
    case 'i':
        a.kind = IG_ATTR_INT;
        ig_str_to_i64(d->value, &a.i);
        break;
    case 'f':
        a.kind = IG_ATTR_FLOAT;
        a.f = strtof(d->value.s, NULL);
        break;
    case 's':
    case 't':
        a.kind = IG_ATTR_STRING;
        a.s = d->value;
        break;
    case 'h':
        a.kind = IG_ATTR_TYPE;
        a.type = default_shape(&m->arena, d->value);
        ok = ok && a.type;
        break;
    default: ok = ok && fill_default_list(&m->arena, d, &a);
    }
    return ok && ig_attr_put(node, &a);
}

static bool add_defaults(ig_node *node) {
    const ig_tf_op_row *row = ig_tf_op_find(node->op);
    const char *defaults = row ? row->defaults : "";
    ig_tf_default d;
    while (ig_tf_next_default(&defaults, &d))
        if (!add_default(node, &d)) return false;
    return true;
}

/* What the inputs allow: NULL or why the rule can't be used. */
static const char *bad_inputs(const ig_lower *l, bool *broken, bool *complex) {
    int64_t flags = l->rule->arg;
    const char *why = NULL;
    *broken = *complex = false;
    for (uint32_t i = 0; i < ig_tf_count_in(l); i++) {
        const ig_value *v = l->node->in[i];
        const ig_tf_thing *t = ig_tf_thing_of(l, v);
        *broken |=
            (t && t->kind == IG_TF_BROKEN) || (v && v->producer && strcmp(ig_node_domain(v->producer), IG_TF_DOMAIN) == 0);
        if (!t || t->kind == IG_TF_BROKEN || (flags & IG_TF_THINGS)) continue;
        if (t->kind == IG_TF_VARIABLE && t->resource->reference && !(flags & IG_TF_REFERENCES)) continue;
        if (t->kind == IG_TF_COMPLEX && (flags & IG_TF_LINEAR))
            *complex = true;
        else if (!(flags & IG_TF_REFERENCES))
            why = t->kind == IG_TF_COMPLEX ? "it isn't lowered for complex numbers"
                                           : "an input is a resource or a list, which it isn't lowered for";
    }
    return why;
}

/* TensorFlow 1's variables are read by whoever has them as input. */
static ig_status read_references(ig_lower *l) {
    if (l->rule->arg & IG_TF_REFERENCES) return IG_OK;
    for (uint32_t i = 0; i < ig_tf_count_in(l); i++) {
        const ig_tf_thing *t = ig_tf_thing_of(l, l->node->in[i]);
        if (!t || t->kind != IG_TF_VARIABLE || !t->resource->reference) continue;
        if (!t->resource->value)
            return ig_lower_refuse(l, "variable '%.80s' has no value: freeze the graph, or open it with its checkpoint",
                                   t->resource->name);
        if (!ig_node_set_input(l->node, i, t->resource->value)) return ig_oom(l->err);
    }
    return IG_OK;
}

static void bind_inputs(ig_lower *l) {
    ig_sketch *s = ig_tf_s(l);
    uint32_t n = ig_tf_count_in(l);
    for (uint32_t i = 0; i < n && i < 64; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%u", i);
        ig_sketch_bind(s, name, l->node->in[i]);
    }
    if (n) ig_sketch_bind(s, "x", l->node->in[0]);
    for (uint32_t i = 0; i < n && !s->principal; i++)
        if (ig_tf_dtype_of(l->node->in[i])) s->principal = l->node->in[i];
    if (!s->principal && n) s->principal = l->node->in[0];
}

static ig_status run_rule(ig_lower *l, ig_tf_result *results) {
    ig_tf_state *st = ig_tf_state_of(l);
    ig_sketch s, *outer = st->s;
    ig_tf_result *outer_results = st->results;
    ig_sketch_init(&s, l->node, l->node, NULL, l->err);
    s.known = &st->known;
    s.fold = FOLD;
    st->s = &s;
    st->results = results;
    bind_inputs(l);
    ig_status status = l->rule->lower(l);
    if (status == IG_OK) status = s.status;
    if (status == IG_OK && l->b.failed) status = ig_oom(l->err);
    st->s = outer;
    st->results = outer_results;
    ig_sketch_free(&s);
    return status;
}

/* The rule twice, on the real and on the imaginary parts: right for what only moves or adds numbers. */
static ig_status run_on_parts(ig_lower *l, ig_tf_result *results, ig_arena *scratch) {
    uint32_t n = l->node->n_in, n_out = l->node->n_out;
    ig_value **in = IG_NEW_ARRAY(scratch, ig_value *, n);
    ig_tf_result *parts = IG_NEW_ARRAY(scratch, ig_tf_result, 2 * (size_t)n_out + 1);
    if (!in || !parts) return ig_oom(l->err);
    for (uint32_t i = 0; i < n; i++) in[i] = l->node->in[i];
    for (uint32_t half = 0; half < 2; half++) {
        for (uint32_t i = 0; i < n; i++) {
            const ig_tf_thing *t = ig_tf_thing_of(l, in[i]);
            if (t && t->kind == IG_TF_COMPLEX && !ig_node_set_input(l->node, i, t->part[half])) return ig_oom(l->err);
        }
        IG_TRY(run_rule(l, parts + half * n_out));
    }
    for (uint32_t o = 0; o < n_out; o++) {
        if (!parts[o].value) continue;
        ig_tf_thing *t = ig_tf_new_thing(l, IG_TF_COMPLEX);
        if (!t) return ig_oom(l->err);
        t->part[0] = parts[o].value;
        t->part[1] = parts[n_out + o].value;
        results[o].thing = t;
    }
    return IG_OK;
}

/* So that what a file calls by name keeps its name. */
static bool take_name(ig_value *from, ig_value *to) {
    if (to->graph != from->graph || !to->producer || !ig_str_starts(ig_name_str(to->name), "v_")) return true;
    ig_map *values = &to->graph->values;
    ig_name name = from->name;
    from->name = to->name;
    to->name = name;
    return ig_map_set(values, IG_KEY(from->name), from) && ig_map_set(values, IG_KEY(to->name), to);
}

static ig_status commit(ig_lower *l, const ig_tf_result *results) {
    for (uint32_t o = 0; o < l->node->n_out; o++) {
        ig_value *old = l->node->out[o], *v = results[o].value;
        if (!old) continue;
        if (results[o].thing) IG_TRY(ig_tf_set_thing(l, old, results[o].thing));
        if (!v) continue;
        if (!v->type) v->type = old->type;
        if (!ig_value_replace(old, v) || !take_name(old, v)) return ig_oom(l->err);
    }
    return IG_OK;
}

static ig_status mark_broken(ig_lower *l) {
    ig_tf_thing *t = ig_tf_new_thing(l, IG_TF_BROKEN);
    for (uint32_t o = 0; o < l->node->n_out; o++)
        if (l->node->out[o] && !ig_tf_thing_of(l, l->node->out[o])) IG_TRY(ig_tf_set_thing(l, l->node->out[o], t));
    return IG_OK;
}

/* The first use of an output that got nothing, as a refusal. */
static ig_status check_results(ig_lower *l, const ig_tf_result *results) {
    if (l->rule->arg & IG_TF_THINGS) return IG_OK; /* calls replace their outputs themselves */
    for (uint32_t o = 0; o < l->node->n_out; o++)
        if (ig_tf_wanted(l, o) && !results[o].value && !results[o].thing)
            return ig_lower_refuse(l, "its output %u isn't lowered, and something reads it", o);
    return IG_OK;
}

static ig_status lower_here(ig_lower *l, ig_arena *scratch) {
    bool broken, complex;
    const ig_tf_op_row *row = ig_tf_op_find(l->node->op);
    ig_tf_result *results = IG_NEW_ARRAY(scratch, ig_tf_result, (size_t)l->node->n_out + 1);
    if (!results) return ig_oom(l->err);
    const char *why = bad_inputs(l, &broken, &complex);
    if (broken) return mark_broken(l);
    if (why) return ig_lower_refuse(l, "%s", why);
    if (row && ig_tf_count_in(l) < row->least_inputs)
        return ig_lower_refuse(l, "it has %u inputs and needs %u", ig_tf_count_in(l), row->least_inputs);
    if (!add_defaults(l->node)) return ig_oom(l->err);
    IG_TRY(read_references(l));
    IG_TRY(complex ? run_on_parts(l, results, scratch) : run_rule(l, results));
    IG_TRY(check_results(l, results));
    return commit(l, results);
}

static ig_status around(ig_lower *l) {
    ig_arena scratch;
    const ig_node *node = l->node;
    ig_arena_init(&scratch, l->model->context);
    ig_status status = lower_here(l, &scratch);
    ig_arena_free(&scratch);
    if (status == IG_E_UNSUPPORTED) {
        ig_status marked = mark_broken(l);
        if (marked != IG_OK) status = marked;
        if (!l->reason[0]) snprintf(l->reason, sizeof l->reason, "%.200s", l->err ? l->err->message : "");
    } else if (status == IG_E_INPUT || status == IG_E_INTERNAL) {
        ig_error_at(l->err, "node '%.80s' (%.60s)", ig_name_text(node->name), ig_name_text(node->op));
    }
    return status;
}

/* ----------------------------------------------------------------------------------------------------- before and after */

/* The library's functions leave the model: their bodies go where they are called. */
static ig_status take_functions(ig_lower *l, ig_tf_state *st) {
    ig_model *m = l->model;
    size_t kept = 0;
    for (size_t i = 0; i < m->functions.n; i++) {
        ig_function *f = m->functions.items[i];
        if (!f->domain || strcmp(f->domain, IG_TF_FUNCTION_DOMAIN) != 0)
            m->functions.items[kept++] = f;
        else if (!ig_map_set(&st->library.functions, IG_KEY(f->name), f))
            return ig_oom(l->err);
    }
    m->functions.n = kept;
    return IG_OK;
}

/* Sizes that aren't known get symbols, so that equal ones are known to be equal. */
static ig_status name_dims(ig_lower *l, ig_value *v) {
    ig_shape shape = ig_type_shape(v->type);
    if (shape.rank < 0) return IG_OK;
    for (int i = 0; i < shape.rank; i++)
        if (!ig_dim_known(shape.dims[i]) && !shape.dims[i].sym) shape.dims[i] = ig_dim_fresh(&l->model->syms);
    v->type = ig_type_tensor(&l->model->arena, v->type->dtype, &shape);
    return v->type ? IG_OK : ig_oom(l->err);
}

static ig_status begin(ig_lower *l) {
    ig_tf_state *st = ig_calloc(l->model->context, sizeof *st);
    if (!st) return ig_oom(l->err);
    l->state = st;
    ig_arena_init(&st->arena, l->model->context);
    st->library = (ig_tf_functions){.model = l->model, .err = l->err};
    ig_map_init(&st->library.functions, &st->arena);
    ig_map_init(&st->library.effects, &st->arena);
    ig_map_init(&st->things, &st->arena);
    ig_map_init(&st->known, &st->arena);
    IG_TRY(ig_lower_need_opset(l, IG_LOWER_OPSET));
    IG_TRY(take_functions(l, st));
    IG_TRY(ig_tf_prepare(&st->library, l->model->graph));
    for (size_t i = 0; i < st->library.functions.n; i++) { /* more come while it goes on */
        ig_function *f = st->library.functions.entries[i].value;
        if (f) IG_TRY(ig_tf_prepare(&st->library, f->body));
    }
    const ig_graph *g = l->model->graph;
    for (size_t i = 0; i < g->inputs.n; i++) IG_TRY(name_dims(l, g->inputs.items[i].value));
    return IG_OK;
}

/* A graph's outputs are results of its own nodes, each its own, named as the file names them. */
static bool separate_outputs(ig_graph *g) {
    ig_build b = ig_build_end(g);
    for (size_t i = 0; i < g->outputs.n && !b.failed; i++) {
        ig_value_info *info = &g->outputs.items[i];
        ig_value *v = info->value;
        bool own = v->producer && v->graph == g;
        for (size_t k = 0; k < i; k++) own &= g->outputs.items[k].value != v;
        if (own && v->name == info->name) continue;
        ig_value *holder = ig_map_get(&g->values, IG_KEY(info->name));
        if (!own || (holder && holder->is_input)) {
            v = IG_BUILD(&b, "Identity", v);
            if (!v) return false;
            v->type = info->value->type;
        }
        if (holder && holder->is_input) { /* the input keeps the name */
            info->name = v->name;
        } else {
            ig_name old = v->name;
            v->name = info->name;
            if (holder) {
                holder->name = old;
                b.failed |= !ig_map_set(&g->values, IG_KEY(old), holder);
            } else {
                ig_map_remove(&g->values, IG_KEY(old));
            }
            b.failed |= !ig_map_set(&g->values, IG_KEY(v->name), v);
        }
        b.failed |= !ig_graph_set_output(g, i, v);
    }
    return !b.failed;
}

static ig_status check_outputs(ig_lower *l) {
    const ig_graph *g = l->model->graph;
    for (size_t i = 0; i < g->outputs.n; i++) {
        const ig_tf_thing *t = ig_tf_thing_of(l, g->outputs.items[i].value);
        if (!t || t->kind == IG_TF_BROKEN) continue;
        if (t->kind == IG_TF_VARIABLE && t->resource->reference && t->resource->value) {
            if (!ig_graph_set_output((ig_graph *)(uintptr_t)g, i, t->resource->value)) return ig_oom(l->err);
            continue;
        }
        return ig_fail(l->err, IG_E_UNSUPPORTED, "output '%.80s' of the model is %s, which ONNX has no type for",
                       ig_name_text(g->outputs.items[i].name), t->kind == IG_TF_COMPLEX ? "complex" : "a resource or a list");
    }
    return IG_OK;
}

static void forget_import(ig_model *m) {
    size_t kept = 0;
    for (size_t i = 0; i < m->opsets.n; i++)
        if (strcmp(ig_name_text(m->opsets.items[i].domain), IG_TF_DOMAIN) != 0) m->opsets.items[kept++] = m->opsets.items[i];
    m->opsets.n = kept;
}

/* Rules mean operators of the version that the model now imports. ONNX's graphs must have names. */
static ig_status unpin(ig_graph *g, void *user) {
    IG_UNUSED(user);
    if (!g->name || !g->name[0]) g->name = ig_model_name(g->model, g->owner ? "body" : "main");
    if (!g->name) return IG_E_MEMORY;
    for (ig_node *n = g->first; n; n = n->next) n->pinned = false;
    return IG_OK;
}

static ig_status end(ig_lower *l, ig_status so_far) {
    ig_tf_state *st = l->state;
    if (!st) return so_far;
    if (so_far == IG_OK) so_far = check_outputs(l);
    if (so_far == IG_OK && !separate_outputs(l->model->graph)) so_far = ig_oom(l->err);
    if (so_far == IG_OK) {
        forget_import(l->model);
        if (ig_graph_each(l->model->graph, unpin, NULL) != IG_OK) so_far = ig_oom(l->err);
        ig_graph_remove_dead(l->model->graph);
    }
    ig_arena_free(&st->arena);
    ig_release(l->model->context, st);
    l->state = NULL;
    return so_far;
}

const ig_lowering ig_lowering_tensorflow = {IG_TF_DOMAIN, rules, IG_COUNT_OF(rules), begin, end, around};
