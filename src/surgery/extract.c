/* Parts of models: cutting out what lies between values, and showing values as outputs. */
#include "infer/infer.h"
#include "surgery/surgery.h"

#include <stdio.h>

/* ---- names ---- */

/* Edit distance of short names would be dearer than it is worth: the longest common beginning finds most slips. */
static ig_name nearest(const ig_graph *g, const char *name) {
    size_t best = 0;
    ig_name near = NULL;
    for (size_t i = 0; i < g->values.n; i++) {
        const ig_value *v = g->values.entries[i].value;
        size_t k = 0;
        if (!v || !v->name) continue;
        while (name[k] && name[k] == v->name[k]) k++;
        if (k > best) best = k, near = v->name;
    }
    return near;
}

ig_value *ig_surgery_value(ig_model *m, const char *name, ig_error *err) {
    ig_name known = ig_names_find(&m->names, ig_str_c(name));
    ig_value *v = known ? ig_map_get(&m->graph->values, IG_KEY(known)) : NULL;
    if (v && (v->producer || v->is_input || v->constant)) return v;
    ig_fail(err, IG_E_ARGUMENT, "the model has no value '%.80s'", name);
    ig_name near = nearest(m->graph, name);
    if (near) ig_error_hint(err, "there is '%.80s'; igata print shows all", near);
    return NULL;
}

/* ---- outputs ---- */

ig_status ig_surgery_set_outputs(ig_model *m, ig_value *const *outputs, size_t n, ig_error *err) {
    ig_graph *g = m->graph;
    ig_arena scratch;
    IG_VEC(ig_value_info) old = {0};
    ig_arena_init(&scratch, m->context);
    bool ok = true;
    for (size_t i = 0; ok && i < g->outputs.n; i++) ok = IG_PUSH(&scratch, &old, g->outputs.items[i]);
    if (ok) ig_graph_clear_outputs(g);
    for (size_t i = 0; ok && i < n; i++) {
        ok = ig_graph_add_output(g, outputs[i]);
        for (size_t k = 0; ok && k < old.n; k++) {
            if (old.items[k].value != outputs[i]) continue;
            g->outputs.items[i] = old.items[k];
            break;
        }
    }
    ig_arena_free(&scratch);
    return ok ? IG_OK : ig_oom(err);
}

void ig_surgery_settle_outputs(ig_model *m) {
    for (size_t i = 0; i < m->graph->outputs.n; i++) {
        ig_value_info *o = &m->graph->outputs.items[i];
        const ig_type *inferred = o->value ? o->value->type : NULL;
        bool vague = !o->type || (o->type->kind == IG_KIND_TENSOR && o->type->rank == IG_UNRANKED);
        if (inferred && vague) o->type = inferred;
    }
}

/* ---- what isn't needed ---- */

static ig_status mark_calls(ig_graph *g, void *user) {
    ig_map *called = user;
    for (ig_node *n = g->first; n; n = n->next) {
        if (!n->function || ig_map_get(called, IG_KEY(n->function))) continue;
        if (!ig_map_set(called, IG_KEY(n->function), n->function)) return IG_E_MEMORY;
        IG_TRY(ig_graph_each(n->function->body, mark_calls, called)); /* each function is entered once */
    }
    return IG_OK;
}

ig_status ig_surgery_remove_functions(ig_model *m, ig_error *err) {
    ig_arena scratch;
    ig_map called;
    size_t kept = 0;
    ig_arena_init(&scratch, m->context);
    ig_map_init(&called, &scratch);
    ig_status status = ig_graph_each(m->graph, mark_calls, &called);
    for (size_t i = 0; i < m->trainings.n && status == IG_OK; i++) {
        const ig_training *t = &m->trainings.items[i];
        if (t->initialization) status = ig_graph_each(t->initialization, mark_calls, &called);
        if (t->algorithm && status == IG_OK) status = ig_graph_each(t->algorithm, mark_calls, &called);
    }
    for (size_t i = 0; i < m->functions.n && status == IG_OK; i++)
        if (ig_map_get(&called, IG_KEY(m->functions.items[i]))) m->functions.items[kept++] = m->functions.items[i];
    if (status == IG_OK) m->functions.n = kept;
    ig_arena_free(&scratch);
    return status == IG_OK ? IG_OK : ig_oom(err);
}

ig_status ig_surgery_remove_dead(ig_model *m, ig_error *err) {
    ig_graph_remove_dead(m->graph);
    return ig_surgery_remove_functions(m, err);
}

void ig_surgery_remove_unread_inputs(ig_model *m) {
    for (size_t i = m->graph->inputs.n; i-- > 0;) {
        ig_value *v = m->graph->inputs.items[i].value;
        if (!v || v->n_uses) continue;
        ig_graph_remove_input(v);
        ig_value_remove(v);
    }
}

/* ---- extracting ---- */

static ig_status bind_inputs(ig_model *m, const char *const *names, size_t n, ig_error *err) {
    ig_graph *g = m->graph;
    ig_arena scratch;
    ig_arena_init(&scratch, m->context);
    IG_VEC(ig_value_info) lists = {0};
    ig_status status = IG_OK;
    for (size_t i = 0; i < n && status == IG_OK; i++) {
        ig_value *v = ig_surgery_value(m, names[i], err);
        ig_value_info info = {.value = v, .name = v ? v->name : NULL, .type = v ? v->type : NULL};
        for (size_t k = 0; v && k < lists.n; k++)
            if (lists.items[k].value == v) status = ig_fail(err, IG_E_ARGUMENT, "the input '%.80s' is named twice", names[i]);
        for (size_t k = 0; v && k < g->inputs.n; k++)
            if (g->inputs.items[k].value == v) info = g->inputs.items[k];
        if (!v) status = IG_E_ARGUMENT;
        if (status == IG_OK && !IG_PUSH(&scratch, &lists, info)) status = ig_oom(err);
    }
    for (size_t i = g->inputs.n; i-- > 0 && status == IG_OK;) {
        ig_value *v = g->inputs.items[i].value;
        if (v) ig_graph_remove_input(v);
    }
    g->inputs.n = status == IG_OK ? 0 : g->inputs.n;
    for (size_t i = 0; i < lists.n && status == IG_OK; i++) {
        ig_value *v = lists.items[i].value;
        if (v->producer) ig_node_set_output(v->producer, v->index, NULL);
        if (!ig_graph_add_input(g, v)) status = ig_oom(err);
        if (status == IG_OK) g->inputs.items[i] = lists.items[i];
    }
    ig_arena_free(&scratch);
    return status;
}

/* The values that nothing makes any more. */
static ig_status check_sources(const ig_model *m, ig_error *err) {
    char list[400] = "";
    size_t n = 0, used = 0;
    for (size_t i = 0; i < m->graph->values.n; i++) {
        const ig_value *v = m->graph->values.entries[i].value;
        if (!v || !v->n_uses || v->producer || v->is_input || v->constant) continue;
        if (n++ < 5 && used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s'%.70s'", n > 1 ? ", " : "", ig_name_text(v->name));
    }
    if (n == 0) return IG_OK;
    ig_fail(err, IG_E_ARGUMENT, "the outputs depend on more than the inputs: on %s%s", list, n > 5 ? " and others" : "");
    ig_error_hint(err, "name these as inputs as well, or values before them");
    return IG_E_ARGUMENT;
}

static ig_status extract(ig_model *m, const char *const *inputs, size_t n_inputs, const char *const *outputs, size_t n_outputs,
                         ig_error *err) {
    IG_TRY(ig_model_infer(m, NULL, err));
    if (n_outputs) {
        ig_value **values = IG_NEW_ARRAY(&m->arena, ig_value *, n_outputs);
        if (!values) return ig_oom(err);
        for (size_t i = 0; i < n_outputs; i++)
            if (!(values[i] = ig_surgery_value(m, outputs[i], err))) return IG_E_ARGUMENT;
        IG_TRY(ig_surgery_set_outputs(m, values, n_outputs, err));
    }
    if (n_inputs) IG_TRY(bind_inputs(m, inputs, n_inputs, err));
    IG_TRY(ig_surgery_remove_dead(m, err));
    if (!n_inputs) ig_surgery_remove_unread_inputs(m);
    IG_TRY(check_sources(m, err));
    ig_surgery_settle_outputs(m);
    m->trainings.n = 0; /* about the whole model */
    return IG_OK;
}

ig_status ig_model_extract(ig_model **part, ig_model *model, const char *const *inputs, size_t n_inputs,
                           const char *const *outputs, size_t n_outputs, ig_error *err) {
    ig_model *m;
    *part = NULL;
    ig_error_clear(err);
    IG_TRY(ig_model_clone(&m, model, err));
    ig_status status = extract(m, inputs, n_inputs, outputs, n_outputs, err);
    if (status == IG_OK)
        *part = m;
    else
        ig_model_free(m);
    return status;
}

/* ---- showing values ---- */

static bool is_output(const ig_graph *g, const ig_value *v) {
    for (const ig_use *u = v->uses; u; u = u->next)
        if (!u->node && u->graph == g) return true;
    return false;
}

ig_status ig_model_add_outputs(ig_model *m, const char *const *names, size_t n, ig_error *err) {
    ig_graph *g = m->graph;
    ig_error_clear(err);
    for (size_t i = 0; i < n; i++)
        if (!ig_surgery_value(m, names[i], err)) return IG_E_ARGUMENT;
    IG_TRY(ig_model_infer(m, NULL, err));
    for (size_t i = 0; i < n; i++) {
        ig_value *v = ig_surgery_value(m, names[i], err);
        if (v && !is_output(g, v) && !ig_graph_add_output(g, v)) return ig_oom(err);
    }
    for (ig_node *node = n ? NULL : g->first; node; node = node->next)
        for (uint32_t o = 0; o < node->n_out; o++)
            if (node->out[o] && !is_output(g, node->out[o]) && !ig_graph_add_output(g, node->out[o])) return ig_oom(err);
    ig_surgery_settle_outputs(m);
    return IG_OK;
}
