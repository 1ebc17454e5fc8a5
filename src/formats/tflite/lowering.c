/* TFLite's operators to ONNX: the list of rules, and what happens before the first and after the last. */
#include "formats/tflite/rules.h"

static const ig_lower_rule rules[] = {
#define IG_TFL_RULE(op, rule, to, arg) {op, ig_tfl_lower_##rule, to, arg},
#include "formats/tflite/rules.def"
#undef IG_TFL_RULE
};

/* Complex numbers are seen to before a rule gets them that knows nothing of them. */
static ig_status around(ig_lower *l) {
    bool pairs = false;
    for (uint32_t i = 0; i < l->node->n_in; i++) pairs |= ig_tfl_is_pair(l, l->node->in[i]);
    return pairs && l->rule->lower != ig_tfl_lower_complex_part ? ig_tfl_lower_pair(l) : l->rule->lower(l);
}

/* Subgraphs are templates: rules copy them to where they are called. They leave the list of functions, so that nobody lowers
 * the templates themselves. */
static ig_status take_subgraphs(ig_lower *l, ig_tfl_state *state) {
    ig_model *m = l->model;
    size_t kept = 0;
    for (size_t i = 0; i < m->functions.n; i++) {
        ig_function *f = m->functions.items[i];
        int64_t number;
        bool ours = f->domain && strcmp(f->domain, IG_TFL_SUBGRAPH_DOMAIN) == 0;
        if (!ours || !f->overload || !ig_str_to_i64(ig_name_str(f->overload), &number)) {
            m->functions.items[kept++] = f;
        } else if (!ig_map_set(&state->subgraphs, (uint64_t)number + 1, f)) {
            return ig_oom(l->err);
        }
    }
    m->functions.n = kept;
    return IG_OK;
}

static ig_status begin(ig_lower *l) {
    ig_tfl_state *state = ig_calloc(l->model->context, sizeof *state);
    if (!state) return ig_oom(l->err);
    l->state = state;
    ig_arena_init(&state->arena, l->model->context);
    ig_map_init(&state->subgraphs, &state->arena);
    ig_map_init(&state->handles, &state->arena);
    ig_map_init(&state->pairs, &state->arena);
    return take_subgraphs(l, state);
}

static bool is_distinct(const ig_graph *g, size_t i) {
    const ig_value *v = g->outputs.items[i].value;
    if (!v->producer || v->graph != g || v->producer->graph != g) return false;
    for (size_t k = 0; k < i; k++)
        if (g->outputs.items[k].value == v) return false;
    return true;
}

/* In TFLite an output may be an input, a constant, or another output too. In ONNX each is a node's own. */
static bool separate_outputs(ig_graph *g) {
    ig_build b = ig_build_end(g);
    for (size_t i = 0; i < g->outputs.n && !b.failed; i++) {
        ig_value_info *info = &g->outputs.items[i];
        ig_value *v = info->value;
        if (is_distinct(g, i)) continue;
        ig_value *copy = IG_BUILD(&b, "Identity", v);
        if (!copy) return false;
        copy->type = v->type;
        copy->quant = v->quant;
        ig_value *holder = ig_map_get(&g->values, IG_KEY(info->name));
        if (holder && holder->is_input) info->name = copy->name; /* the input keeps the name */
        if (holder && !holder->is_input) {                       /* a constant, or what has been replaced */
            ig_name name = holder->name;
            holder->name = copy->name;
            copy->name = name;
            b.failed |= !ig_map_set(&g->values, IG_KEY(holder->name), holder);
        } else if (!holder) {
            ig_map_remove(&g->values, IG_KEY(copy->name));
            copy->name = info->name;
        }
        b.failed |= !ig_map_set(&g->values, IG_KEY(copy->name), copy) || !ig_graph_set_output(g, i, copy);
    }
    return !b.failed;
}

static void forget_import(ig_model *m) {
    size_t kept = 0;
    for (size_t i = 0; i < m->opsets.n; i++)
        if (strcmp(m->opsets.items[i].domain, IG_TFL_DOMAIN) != 0) m->opsets.items[kept++] = m->opsets.items[i];
    m->opsets.n = kept;
}

static ig_status end(ig_lower *l, ig_status so_far) {
    ig_tfl_state *state = l->state;
    if (!state) return so_far;
    for (size_t i = 0; so_far == IG_OK && i < l->model->graph->outputs.n; i++)
        if (ig_tfl_is_pair(l, l->model->graph->outputs.items[i].value))
            so_far = ig_fail(l->err, IG_E_UNSUPPORTED, "output '%.80s' has complex numbers, which no ONNX operator makes",
                             ig_name_text(l->model->graph->outputs.items[i].name));
    if (so_far == IG_OK && !separate_outputs(l->model->graph)) so_far = ig_oom(l->err);
    if (so_far == IG_OK) forget_import(l->model);
    ig_arena_free(&state->arena);
    ig_release(l->model->context, state);
    l->state = NULL;
    return so_far;
}

const ig_lowering ig_lowering_tflite = {IG_TFL_DOMAIN, rules, IG_COUNT_OF(rules), begin, end, around};
