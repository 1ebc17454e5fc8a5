/* Copying graphs: cloning a model, splicing a body into a graph. */
#include "graph/graph.h"

/* One copy under way. Values map from the source's to the copy's; what isn't in the map lies outside and is used as it is
 * (within a model) or was mapped before (between models, outer graphs come first). */
typedef struct copier {
    ig_model *model; /* that the copy belongs to */
    bool same_model;
    ig_map values, functions;
    ig_map bound;        /* inputs of the source that are values of the copy's model */
    const ig_node *call; /* whose attributes replace references, or NULL */
    const ig_attr *defaults;
    bool failed;
} copier;

static ig_name copy_name(copier *c, ig_name name) {
    bool ok = true;
    if (c->same_model || !name) return name;
    ig_name copy = ig_model_intern(c->model, ig_name_str(name), &ok);
    if (!ok) c->failed = true;
    return copy;
}

static const ig_type *copy_type(copier *c, const ig_type *type) {
    if (c->same_model || !type) return type;
    ig_type *copy = ig_type_clone(&c->model->arena, type);
    if (!copy) {
        c->failed = true;
        return NULL;
    }
    copy->wire = type->wire; /* the file is kept by both models */
    for (ig_type *t = copy; t; t = (ig_type *)(uintptr_t)t->of)
        for (int i = 0; i < t->rank; i++) {
            char text[512];
            if (!t->dims[i].sym) continue; /* symbols are re-made in the other model's table */
            size_t n = ig_dim_text(t->dims[i], text, sizeof text);
            ((ig_dim *)(uintptr_t)t->dims)[i] = ig_dim_named(&c->model->syms, (ig_str){text, n});
        }
    return copy;
}

/* Bytes that the source's reader may have gathered in its arena. */
static ig_span copy_span(copier *c, ig_span span) {
    bool ok = true;
    if (c->same_model || !span.n) return span;
    ig_str copy = ig_arena_str(&c->model->arena, ig_str_of(span), &ok);
    if (!ok) c->failed = true;
    return ig_span_of(copy);
}

static bool copy_props(copier *c, ig_props *to, const ig_props *from) {
    bool ok = true;
    for (size_t i = 0; ok && i < from->n; i++) {
        ig_prop p = from->items[i];
        p.key = ig_arena_str(&c->model->arena, p.key, &ok);
        p.value = ig_arena_str(&c->model->arena, p.value, &ok);
        p.unknown = copy_span(c, p.unknown);
        ok = ok && IG_PUSH(&c->model->arena, to, p);
    }
    return ok;
}

/* Everything but the wire bytes, which lie in a file that both models keep. */
static bool copy_const_parts(copier *c, ig_const *copy, const ig_const *k) {
    ig_arena *arena = &c->model->arena;
    bool ok = true;
    copy->name = copy_name(c, k->name);
    copy->doc = ig_arena_str(arena, k->doc, &ok);
    int64_t *dims = IG_NEW_ARRAY(arena, int64_t, (size_t)k->rank);
    if (!dims || !ok) return false;
    if (k->rank) memcpy(dims, k->dims, (size_t)k->rank * sizeof *dims);
    copy->dims = dims;
    copy->origin = copy_span(c, k->origin);
    copy->props = (ig_props){0};
    if (k->external) {
        ig_external *e = IG_NEW(arena, ig_external);
        if (!e) return false;
        *e = *k->external;
        e->location = ig_arena_str(arena, e->location, &ok);
        e->checksum = ig_arena_str(arena, e->checksum, &ok);
        copy->external = e;
    }
    return ok && copy_props(c, &copy->props, &k->props);
}

static ig_const *copy_const(copier *c, const ig_const *k) {
    if (c->same_model) return (ig_const *)(uintptr_t)k;
    ig_const *copy = IG_NEW(&c->model->arena, ig_const);
    if (copy) *copy = *k;
    if (!copy || !copy_const_parts(c, copy, k)) {
        c->failed = true;
        return NULL;
    }
    if (k->tensor && !IG_PUSH(&c->model->arena, &c->model->tensors, ig_tensor_clone(k->tensor))) c->failed = true;
    return copy;
}

static const ig_quant *copy_quant(copier *c, const ig_quant *q) {
    if (c->same_model || !q) return q;
    ig_arena *arena = &c->model->arena;
    ig_quant *copy = IG_NEW(arena, ig_quant);
    float *scales = IG_NEW_ARRAY(arena, float, q->n);
    int64_t *zero_points = q->zero_points ? IG_NEW_ARRAY(arena, int64_t, q->n) : NULL;
    if (!copy || !scales || (q->zero_points && !zero_points)) {
        c->failed = true;
        return NULL;
    }
    *copy = *q;
    copy->scales = q->n ? memcpy(scales, q->scales, q->n * sizeof *scales) : scales;
    if (zero_points && q->n) memcpy(zero_points, q->zero_points, q->n * sizeof *zero_points);
    copy->zero_points = zero_points;
    return copy;
}

static ig_value *copy_value(copier *c, ig_value *v) {
    if (!v) return NULL;
    ig_value *copy = ig_map_get(&c->values, IG_KEY(v));
    return copy || !c->same_model ? copy : v;
}

static bool fill_graph(copier *c, ig_graph *to, const ig_graph *from);

static ig_graph *copy_subgraph(copier *c, const ig_graph *from, ig_graph *outer, ig_node *owner) {
    ig_graph *g = ig_graph_new(c->model, outer, owner);
    return g && fill_graph(c, g, from) ? g : NULL;
}

static const ig_attr *referred(const copier *c, const ig_attr *a) {
    if (!a->ref || !c->call) return a;
    const ig_attr *given = ig_attr_find(c->call, a->ref);
    for (const ig_attr *d = c->defaults; d && !given; d = d->next)
        if (d->name && strcmp(d->name, a->ref) == 0) given = d;
    return given;
}

/* Appends at **end, which moves on; a malformed node may have two attributes of one name. */
static bool copy_attr(copier *c, ig_node *to, const ig_attr *from, ig_attr ***end) {
    const ig_attr *source = referred(c, from);
    if (!source) return true; /* the operator's default applies */
    ig_attr a = *source;
    a.name = copy_name(c, from->name);
    if (source != from) a.wire = (ig_span){0}; /* carries the caller's name */
    a.ref = copy_name(c, source->ref);
    a.doc = ig_str_of(copy_span(c, ig_span_of(a.doc)));
    a.unknown = copy_span(c, a.unknown);
    size_t n = a.n;
    ig_arena *arena = &c->model->arena;
    if (a.kind == IG_ATTR_GRAPH && a.g) {
        a.g = copy_subgraph(c, a.g, to->graph, to);
        if (!a.g) return false;
    } else if (a.kind == IG_ATTR_GRAPHS) {
        ig_graph **graphs = IG_NEW_ARRAY(arena, ig_graph *, n);
        for (size_t i = 0; graphs && i < n; i++)
            if (!(graphs[i] = copy_subgraph(c, a.graphs[i], to->graph, to))) return false;
        if (!graphs) return false;
        a.graphs = graphs;
    } else if (c->same_model) {
        /* everything else never changes and is shared */
    } else if (a.kind == IG_ATTR_TENSOR || a.kind == IG_ATTR_SPARSE) {
        if (a.t) a.t = copy_const(c, a.t);
    } else if (a.kind == IG_ATTR_TENSORS || a.kind == IG_ATTR_SPARSES) {
        ig_const **tensors = IG_NEW_ARRAY(arena, ig_const *, n);
        for (size_t i = 0; tensors && i < n; i++) tensors[i] = copy_const(c, a.tensors[i]);
        if (!tensors) return false;
        a.tensors = tensors;
    } else if (a.kind == IG_ATTR_TYPE) {
        a.type = copy_type(c, a.type);
    } else if (a.kind == IG_ATTR_TYPES) {
        const ig_type **types = IG_NEW_ARRAY(arena, const ig_type *, n);
        for (size_t i = 0; types && i < n; i++) types[i] = copy_type(c, a.types[i]);
        if (!types) return false;
        a.types = types;
    } else { /* lists and strings: arena of the source, or its file */
        bool ok = true;
        size_t size = a.kind == IG_ATTR_FLOATS ? sizeof(float) : a.kind == IG_ATTR_INTS ? sizeof(int64_t) : 0;
        if (size) {
            void *list = ig_arena_array(arena, n, size);
            if (!list) return false;
            if (n) memcpy(list, a.ints, n * size);
            a.ints = list;
        } else if (a.kind == IG_ATTR_STRING) {
            a.s = ig_arena_str(arena, a.s, &ok);
        } else if (a.kind == IG_ATTR_STRINGS) {
            ig_str *list = IG_NEW_ARRAY(arena, ig_str, n);
            for (size_t i = 0; list && i < n; i++) list[i] = ig_arena_str(arena, a.strings[i], &ok);
            if (!list) return false;
            a.strings = list;
        }
        if (!ok) return false;
    }
    ig_attr *copy = IG_NEW(arena, ig_attr);
    if (!copy || c->failed) return false;
    *copy = a;
    copy->next = NULL;
    **end = copy;
    *end = &copy->next;
    return true;
}

static bool copy_node(copier *c, ig_graph *g, const ig_node *from, ig_node *before) {
    ig_node *n = ig_node_new(g, copy_name(c, from->op), copy_name(c, from->domain), from->n_in, from->n_out);
    if (!n) return false;
    if (before) ig_node_move(n, before);
    bool ok = true;
    n->name = copy_name(c, from->name);
    n->overload = copy_name(c, from->overload);
    n->doc = ig_arena_str(&c->model->arena, from->doc, &ok);
    n->schema = from->schema;
    bool other_opset = ig_graph_opset(g, from->domain) != ig_graph_opset(from->graph, from->domain);
    n->pinned = from->pinned || (from->schema && other_opset);
    n->function = c->same_model ? from->function : ig_map_get(&c->functions, IG_KEY(from->function));
    n->device_configurations = copy_span(c, from->device_configurations);
    n->unknown = copy_span(c, from->unknown);
    for (uint32_t i = 0; i < n->n_in; i++)
        if (from->in[i] && !ig_node_set_input(n, i, copy_value(c, from->in[i]))) return false;
    for (uint32_t i = 0; i < n->n_out; i++)
        if (from->out[i]) ig_node_set_output(n, i, copy_value(c, from->out[i]));
    ig_attr **end = &n->attrs;
    for (const ig_attr *a = from->attrs; a; a = a->next)
        if (!copy_attr(c, n, a, &end)) return false;
    return ok && !c->failed && copy_props(c, &n->props, &from->props);
}

static bool copy_defined(copier *c, ig_graph *to, ig_value *v, bool rename) {
    if (!v || ig_map_get(&c->values, IG_KEY(v))) return true;
    ig_name name = copy_name(c, v->name);
    if (rename && ig_graph_find(to, name)) name = ig_model_fresh_name(c->model, v->name);
    ig_value *copy = name ? ig_value_new(to, name, copy_type(c, v->type)) : NULL;
    if (!copy || c->failed || !ig_map_set(&c->values, IG_KEY(v), copy)) return false;
    copy->quant = copy_quant(c, v->quant);
    if (v->constant) copy->constant = copy_const(c, v->constant);
    return !c->failed;
}

/* New values for everything the source graph defines. Splicing renames what would clash. In a malformed graph second values of
 * a name are not in the table of values, only where they are used. */
static bool copy_values(copier *c, ig_graph *to, const ig_graph *from, bool rename) {
    bool ok = true;
    for (size_t i = 0; ok && i < from->values.n; i++) ok = copy_defined(c, to, from->values.entries[i].value, rename);
    for (size_t i = 0; ok && i < from->inputs.n; i++) ok = copy_defined(c, to, from->inputs.items[i].value, rename);
    for (size_t i = 0; ok && i < from->initializers.n; i++) ok = copy_defined(c, to, from->initializers.items[i], rename);
    for (const ig_node *n = from->first; ok && n; n = n->next)
        for (uint32_t o = 0; ok && o < n->n_out; o++) ok = copy_defined(c, to, n->out[o], rename);
    for (size_t i = 0; ok && i < from->initializers.n; i++) {
        if (ig_map_get(&c->bound, IG_KEY(from->initializers.items[i]))) continue;
        ig_value *copy = ig_map_get(&c->values, IG_KEY(from->initializers.items[i]));
        if (copy->graph == to && copy->constant) ok = IG_PUSH(&c->model->arena, &to->initializers, copy); /* no bound input */
    }
    return ok;
}

static bool copy_info(copier *c, ig_value_info *to, const ig_value_info *from) {
    bool ok = true;
    *to = (ig_value_info){.value = copy_value(c, from->value),
                          .name = copy_name(c, from->name),
                          .type = copy_type(c, from->type),
                          .doc = ig_arena_str(&c->model->arena, from->doc, &ok),
                          .unknown = copy_span(c, from->unknown)};
    return ok && !c->failed && copy_props(c, &to->props, &from->props);
}

/* Lists, behind what the graph has: inputs that aren't bound, nodes, outputs, value infos. */
static bool copy_lists(copier *c, ig_graph *to, const ig_graph *from) {
    ig_arena *arena = &c->model->arena;
    bool ok = true;
    for (size_t i = 0; ok && i < from->inputs.n; i++) {
        ig_value_info info;
        if (ig_map_get(&c->bound, IG_KEY(from->inputs.items[i].value))) continue;
        ok = copy_info(c, &info, &from->inputs.items[i]) && IG_PUSH(arena, &to->inputs, info);
        if (ok && info.value && info.value->graph == to) {
            info.value->is_input = true;
            info.value->index = (uint32_t)to->inputs.n - 1;
        }
    }
    for (const ig_node *n = from->first; ok && n; n = n->next) ok = copy_node(c, to, n, NULL);
    for (size_t i = 0; ok && i < from->outputs.n; i++) {
        ig_value_info info;
        ok = copy_info(c, &info, &from->outputs.items[i]);
        if (!ok) break;
        ig_value *value = info.value;
        info.value = NULL;
        ok = IG_PUSH(arena, &to->outputs, info) && (!value || ig_graph_set_output(to, to->outputs.n - 1, value));
    }
    for (size_t i = 0; ok && i < from->value_infos.n; i++) {
        ig_value_info info;
        if (ig_map_get(&c->bound, IG_KEY(from->value_infos.items[i].value))) continue;
        ok = copy_info(c, &info, &from->value_infos.items[i]) && IG_PUSH(arena, &to->value_infos, info);
    }
    for (size_t i = 0; ok && i < from->quantization_annotations.n; i++)
        ok = IG_PUSH(arena, &to->quantization_annotations, from->quantization_annotations.items[i]);
    return ok && !c->failed;
}

static bool fill_graph(copier *c, ig_graph *to, const ig_graph *from) {
    ig_arena *arena = &c->model->arena;
    bool ok = copy_values(c, to, from, false);
    to->name = copy_name(c, from->name);
    to->doc = ig_arena_str(arena, from->doc, &ok);
    to->unknown = copy_span(c, from->unknown);
    return ok && copy_lists(c, to, from) && copy_props(c, &to->props, &from->props);
}

static bool copy_opsets(copier *c, ig_opsets *to, const ig_opsets *from) {
    for (size_t i = 0; i < from->n; i++) {
        ig_opset o = from->items[i];
        o.domain = copy_name(c, o.domain);
        o.unknown = copy_span(c, o.unknown);
        if (!IG_PUSH(&c->model->arena, to, o)) return false;
    }
    return !c->failed;
}

static bool copy_function(copier *c, ig_function *to, const ig_function *from) {
    bool ok = true;
    to->name = copy_name(c, from->name);
    to->domain = copy_name(c, from->domain);
    to->overload = copy_name(c, from->overload);
    to->doc = ig_arena_str(&c->model->arena, from->doc, &ok);
    to->unknown = copy_span(c, from->unknown);
    for (size_t i = 0; ok && i < from->attributes.n; i++)
        ok = IG_PUSH(&c->model->arena, &to->attributes, copy_name(c, from->attributes.items[i]));
    to->body = ok ? ig_graph_new(c->model, NULL, NULL) : NULL;
    if (!to->body) return false;
    to->body->function = to;
    /* Defaults are copied through a node of their own, which only lends its attribute list. */
    ig_node holder = {.graph = to->body};
    ig_attr **end = &holder.attrs;
    for (const ig_attr *a = from->default_attributes; a; a = a->next)
        if (!copy_attr(c, &holder, a, &end)) return false;
    to->default_attributes = holder.attrs;
    for (ig_attr *a = to->default_attributes; a; a = a->next) { /* graphs as defaults have no owner */
        if (a->kind == IG_ATTR_GRAPH && a->g) a->g->owner = NULL;
        for (size_t i = 0; a->kind == IG_ATTR_GRAPHS && i < a->n; i++) a->graphs[i]->owner = NULL;
    }
    return copy_opsets(c, &to->opsets, &from->opsets) && fill_graph(c, to->body, from->body) &&
           copy_props(c, &to->props, &from->props);
}

static bool copy_functions(copier *c, ig_model *to, const ig_model *from) {
    bool ok = true;
    size_t first = to->functions.n;
    for (size_t i = 0; ok && i < from->functions.n; i++) { /* all exist before any body calls one */
        ig_function *f = IG_NEW(&to->arena, ig_function);
        ok = f && IG_PUSH(&to->arena, &to->functions, f) && ig_map_set(&c->functions, IG_KEY(from->functions.items[i]), f);
    }
    for (size_t i = 0; ok && i < from->functions.n; i++)
        ok = copy_function(c, to->functions.items[first + i], from->functions.items[i]);
    return ok;
}

static bool copy_training(copier *c, const ig_training *from) {
    ig_training t = {.unknown = copy_span(c, from->unknown)};
    if (from->initialization && !(t.initialization = copy_subgraph(c, from->initialization, NULL, NULL))) return false;
    if (from->algorithm && !(t.algorithm = copy_subgraph(c, from->algorithm, c->model->graph, NULL))) return false;
    return copy_props(c, &t.initialization_binding, &from->initialization_binding) &&
           copy_props(c, &t.update_binding, &from->update_binding) && IG_PUSH(&c->model->arena, &c->model->trainings, t);
}

static bool copy_model(copier *c, ig_model *to, const ig_model *from) {
    ig_arena *arena = &to->arena;
    bool ok = true;
    to->format = from->format;
    to->path = from->path ? ig_arena_str(arena, ig_str_c(from->path), &ok).s : NULL;
    to->folder = from->folder ? ig_arena_str(arena, ig_str_c(from->folder), &ok).s : NULL;
    to->file_size = from->file_size;
    to->ir_version = from->ir_version;
    to->model_version = from->model_version;
    to->ir_version_given = from->ir_version_given;
    to->model_version_given = from->model_version_given;
    to->graph_given = from->graph_given;
    to->producer_name = ig_arena_str(arena, from->producer_name, &ok);
    to->producer_version = ig_arena_str(arena, from->producer_version, &ok);
    to->domain = ig_arena_str(arena, from->domain, &ok);
    to->doc = ig_arena_str(arena, from->doc, &ok);
    to->unknown = copy_span(c, from->unknown);
    for (size_t i = 0; ok && i < from->buffers.n; i++) ok = ig_model_keep(to, ig_buffer_retain(from->buffers.items[i]));
    for (size_t i = 0; ok && i < from->configurations.n; i++)
        ok = IG_PUSH(arena, &to->configurations, from->configurations.items[i]);
    for (size_t i = 0; ok && i < from->findings.n; i++) {
        const ig_finding *f = &from->findings.items[i];
        ok = ig_model_find(to, f->severity, f->rule, f->where, f->hint, "%s", f->message);
    }
    ok = ok && copy_props(c, &to->props, &from->props) && copy_opsets(c, &to->opsets, &from->opsets);
    ok = ok && copy_functions(c, to, from);
    ok = ok && fill_graph(c, to->graph, from->graph);
    for (size_t i = 0; ok && i < from->trainings.n; i++) ok = copy_training(c, &from->trainings.items[i]);
    return ok && !c->failed;
}

ig_status ig_model_clone(ig_model **out, const ig_model *model, ig_error *err) {
    IG_TRY(ig_model_new(out, model->context, err));
    ig_arena scratch;
    ig_arena_init(&scratch, model->context);
    copier c = {.model = *out};
    ig_map_init(&c.values, &scratch);
    ig_map_init(&c.functions, &scratch);
    ig_map_init(&c.bound, &scratch);
    bool ok = copy_model(&c, *out, model);
    ig_arena_free(&scratch);
    if (ok) return IG_OK;
    ig_model_free(*out);
    *out = NULL;
    return ig_oom(err);
}

ig_status ig_model_append(ig_model *to, const ig_model *from, ig_value *const *in, ig_error *err) {
    ig_arena scratch;
    ig_arena_init(&scratch, to->context);
    copier c = {.model = to};
    ig_map_init(&c.values, &scratch);
    ig_map_init(&c.functions, &scratch);
    ig_map_init(&c.bound, &scratch);
    const ig_graph *g = from->graph;
    bool ok = true;
    for (size_t i = 0; ok && i < g->inputs.n; i++) {
        const ig_value *v = g->inputs.items[i].value;
        if (v && in[i]) ok = ig_map_set(&c.values, IG_KEY(v), in[i]) && ig_map_set(&c.bound, IG_KEY(v), in[i]);
    }
    for (size_t i = 0; ok && i < from->buffers.n; i++) ok = ig_model_keep(to, ig_buffer_retain(from->buffers.items[i]));
    ok = ok && copy_functions(&c, to, from) && copy_values(&c, to->graph, g, false) && copy_lists(&c, to->graph, g);
    ig_arena_free(&scratch);
    return ok ? IG_OK : ig_oom(err);
}

ig_status ig_graph_splice(ig_graph *g, ig_node *before, const ig_graph *body, ig_value *const *in, ig_value **out,
                          const ig_node *call, const ig_attr *defaults, ig_error *err) {
    ig_arena scratch;
    ig_arena_init(&scratch, g->model->context);
    copier c = {.model = g->model, .same_model = true, .call = call, .defaults = defaults};
    ig_map_init(&c.values, &scratch);
    ig_map_init(&c.bound, &scratch);
    bool ok = true;
    for (size_t i = 0; ok && i < body->inputs.n; i++)
        if (in[i] && body->inputs.items[i].value) ok = ig_map_set(&c.values, IG_KEY(body->inputs.items[i].value), in[i]);
    ok = ok && copy_values(&c, g, body, true);
    for (size_t i = 0; ok && i < body->inputs.n; i++) { /* an input that isn't given is absent wherever it is read */
        ig_value *v = body->inputs.items[i].value, *copy = v && !in[i] ? ig_map_get(&c.values, IG_KEY(v)) : NULL;
        if (copy) {
            ig_map_remove(&g->values, IG_KEY(copy->name));
            copy->name = NULL;
        }
    }
    for (const ig_node *n = body->first; ok && n; n = n->next) ok = copy_node(&c, g, n, before);
    for (size_t i = 0; ok && i < body->inputs.n; i++) {
        ig_value *v = body->inputs.items[i].value, *copy = v && !in[i] ? ig_map_get(&c.values, IG_KEY(v)) : NULL;
        while (copy && copy->uses && copy->uses->node) ig_node_set_input(copy->uses->node, copy->uses->index, NULL);
    }
    for (size_t i = 0; ok && i < body->outputs.n; i++) out[i] = copy_value(&c, body->outputs.items[i].value);
    ig_arena_free(&scratch);
    return ok ? IG_OK : ig_oom(err);
}
