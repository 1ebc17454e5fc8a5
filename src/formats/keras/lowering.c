/* The lowering of the domain "keras": the table of rules, what happens around each, and before and after all of them. */
#include "formats/keras/operations.h"

#include <stdio.h>

/* What is worth computing at once: shapes and small tables, no large weights. */
enum { FOLD = 1 << 16, MAX_DEPTH = 16 };

static ig_status lower_node(ig_lower *l);

static const ig_lower_rule rules[] = {
#define IG_K_RULE(op, rule, to, arg) {op, lower_node, to, arg},
#include "formats/keras/rules.def"
#undef IG_K_RULE
};

static const ig_k_rule functions[] = {
#define IG_K_RULE(op, rule, to, arg) ig_k_lower_##rule,
#include "formats/keras/rules.def"
#undef IG_K_RULE
};

/* --------------------------------------------------------------------------------------------------------------- types */

/* "float32", "mixed_float16", a policy as an object: the type that a layer computes in. */
static ig_dtype policy_type(const ig_json *v) {
    const ig_json *config = ig_json_get(v, "config"), *inner;
    ig_str name = ig_json_text(v);
    if (config && (inner = ig_json_get(config, "default_policy"))) return policy_type(inner);
    if (config && (inner = ig_json_get(config, "source_name"))) return policy_type(inner);
    if (config) name = ig_json_text(ig_json_get(config, "name"));
    if (!name.s) return IG_F32;
    if (ig_str_starts(name, "mixed_")) name = (ig_str){name.s + 6, name.n - 6};
    ig_dtype dtype = ig_keras_dtype(name);
    return dtype ? dtype : IG_F32;
}

/* ---------------------------------------------------------------------------------------------------------------- calls */

static ig_status run_rule(ig_k *k) {
    size_t index = (size_t)(k->rule - rules);
    bool raw = k->rule->arg & IG_K_RAW;
    bool casts = ig_k_bool(k, "autocast", true) && !raw;
    for (size_t i = 0; i < k->n_in && casts; i++) {
        ig_value *v = k->in[i];
        if (!ig_k_is_float(v) || ig_k_dtype(v) == k->dtype || !ig_dtype_is_float(k->dtype)) continue;
        k->in[i] = ig_k_cast(k, v, k->dtype);
        ig_k_set_mask(k, k->in[i], k->mask[i]);
    }
    k->s->principal = k->n_in ? k->in[0] : NULL;
    if (k->n_in && ig_k_dtype(k->in[0]) == IG_STRING) k->s->principal = NULL;
    IG_TRY(functions[index](k));
    if (k->l->reason[0]) return IG_E_UNSUPPORTED;
    if (k->s->status != IG_OK) return k->s->status;
    for (size_t o = 0; o < k->n_out; o++) {
        if (!k->out[o]) return ig_k_refuse(k, "it has no output %zu", o);
        ig_value *mask = k->out_mask[o];
        bool own = k->rule->arg & IG_K_OWN_MASK;
        if (!own && (k->rule->arg & IG_K_MASK) && k->n_in) mask = k->mask[0];
        if (!mask && ig_map_get(&k->state->masks, IG_KEY(k->out[o]))) { /* the same value, without the mask it had */
            ig_k_bind(k, "v", k->out[o]);
            k->out[o] = ig_k_v(k, "Identity(v)");
        }
        ig_k_set_mask(k, k->out[o], mask);
    }
    return k->s->status;
}

static ig_status prepare(ig_k *k) {
    k->mask = IG_NEW_ARRAY(k->arena, ig_value *, k->n_in);
    k->out_mask = IG_NEW_ARRAY(k->arena, ig_value *, k->n_out);
    if (!k->mask || !k->out_mask) return ig_oom(k->l->err);
    for (size_t i = 0; i < k->n_in; i++) k->mask[i] = ig_map_get(&k->state->masks, IG_KEY(k->in[i]));
    const ig_json *explicit = ig_json_get(k->kwargs, "mask"); /* Keras 3 notes masks that it computed as arguments */
    ig_value *given = ig_k_tensor(k, explicit);
    if (given && k->n_in && !k->mask[0] && given != k->in[0]) k->mask[0] = given;
    k->dtype = policy_type(ig_k_get(k, "dtype"));
    return IG_OK;
}

static ig_status call_model(ig_k *k, const ig_k_inner *inner, ig_value *const *in, size_t n_in, ig_value **out, size_t n_out);

ig_status ig_k_call(ig_k *k, const ig_k_inner *inner, ig_value *const *in, size_t n_in, ig_value **out, size_t n_out) {
    char class_name[80];
    const ig_json *layer = inner->layer;
    ig_str text = ig_json_text(ig_json_get(layer, "class_name"));
    if (!text.s) return ig_k_refuse(k, "a layer inside it has no class");
    if (k->state->depth >= MAX_DEPTH) return ig_k_refuse(k, "layers are nested more than %d deep", MAX_DEPTH);
    snprintf(class_name, sizeof class_name, "%.*s", (int)ig_min_size(text.n, 79), text.s);
    ig_k c = ig_k_part(k, inner->path, NULL, inner->nth);
    if (inner->scope.s) c.scope = inner->scope;
    k->state->depth++;
    ig_status status = IG_OK;
    if (ig_keras_is_model(layer)) {
        status = call_model(&c, inner, in, n_in, out, n_out);
        k->state->depth--;
        return status;
    }
    c.config = ig_json_get(layer, "config");
    c.name = ig_json_text(ig_json_get(c.config, "name"));
    c.args = inner->args;
    c.kwargs = inner->kwargs;
    c.rule = ig_lower_rule_find(IG_KERAS_DOMAIN, class_name);
    c.in = IG_NEW_ARRAY(k->arena, ig_value *, n_in);
    c.out = out;
    c.n_in = n_in;
    c.n_out = n_out;
    if (!c.in) return ig_oom(k->l->err);
    for (size_t i = 0; i < n_in; i++) c.in[i] = in[i];
    ig_str module = ig_json_text(ig_json_get(layer, "module"));
    bool foreign = module.s && !ig_str_starts(module, "keras") && !ig_str_starts(module, "tf_keras");
    if (!c.rule || foreign)
        status = ig_k_refuse(k, "it has a layer of the class '%s' inside, which has no lowering", class_name);
    if (status == IG_OK) status = prepare(&c);
    for (size_t i = 0; i < n_out; i++) out[i] = NULL;
    ig_value *principal = k->s->principal;
    if (status == IG_OK) status = run_rule(&c);
    k->s->principal = principal;
    k->state->depth--;
    return status;
}

/* ---- models inside wrappers ---- */

static ig_status visit_inner(void *user, const ig_keras_site *s) {
    ig_k *k = user;
    if (s->is_input) {
        if (!s->n_in) return ig_k_refuse(k, "a model inside it is called without a tensor");
        s->out[0] = s->in[0];
        return IG_OK;
    }
    const ig_json *call = NULL;
    if (s->call.s) {
        bool ok = true;
        ig_str copy = ig_arena_str(k->arena, s->call, &ok);
        if (!ok) return ig_oom(k->l->err);
        IG_TRY(ig_json_parse(&call, k->arena, copy, k->l->err));
    }
    const char *path = ig_arena_printf(k->arena, "%.*s", (int)s->path.n, s->path.s);
    if (!path) return ig_oom(k->l->err);
    ig_k_inner inner = {.layer = s->layer,
                        .path = path,
                        .scope = ig_keras_is_model(s->layer) ? (ig_str){0} : s->name,
                        .args = ig_json_get(call, "args"),
                        .kwargs = ig_json_get(call, "kwargs")};
    return ig_k_call(k, &inner, s->in, s->n_in, s->out, s->n_out);
}

static ig_status call_model(ig_k *k, const ig_k_inner *inner, ig_value *const *in, size_t n_in, ig_value **out, size_t n_out) {
    ig_keras_walk w = {.arena = k->arena, .err = k->l->err, .version = k->version, .visit = visit_inner, .user = k};
    ig_keras_site site = {.layer = inner->layer, .name = IG_STR("model"), .in = in, .n_in = n_in, .out = out, .n_out = n_out};
    return ig_keras_walk_call(&w, &site);
}

/* ----------------------------------------------------------------------------------------------------------------- node */

static ig_status find_weights(ig_k *k, ig_k_weights *w, uint32_t first) {
    const ig_attr *names = ig_attr_find(k->l->node, "@weights");
    w->values = k->l->node->in + first;
    w->n = k->l->node->n_in - first;
    if (names && names->kind == IG_ATTR_STRINGS && names->n == w->n) w->names = names->strings;
    if (w->n && !w->names) return ig_k_refuse(k, "its weights have no names");
    for (size_t i = 0; i < w->n; i++) {
        ig_str s = w->names[i];
        w->by_path |= ig_str_starts(s, "vars/");
        for (size_t at = 0; at + 6 <= s.n; at++) w->by_path |= memcmp(s.s + at, "/vars/", 6) == 0;
    }
    return IG_OK;
}

static ig_status read_call(ig_k *k) {
    const ig_attr *a = ig_attr_find(k->l->node, "@call");
    const ig_json *call;
    if (!a || a->kind != IG_ATTR_STRING) return IG_OK;
    IG_TRY(ig_json_parse(&call, k->arena, a->s, k->l->err));
    k->args = ig_json_get(call, "args");
    k->kwargs = ig_json_get(call, "kwargs");
    return IG_OK;
}

static ig_status lower_with(ig_lower *l, ig_sketch *s, ig_arena *arena) {
    ig_k_state *state = l->state;
    ig_k_weights weights = {0};
    const ig_attr *inputs = ig_attr_find(l->node, "@inputs");
    uint32_t n_in = l->node->n_in;
    if (inputs && inputs->kind == IG_ATTR_INT && inputs->i >= 0 && inputs->i <= n_in) n_in = (uint32_t)inputs->i;
    ig_k k = {.l = l,
              .state = state,
              .s = s,
              .arena = arena,
              .rule = l->rule,
              .version = state->version,
              .name = ig_name_str(l->node->name),
              .n_in = n_in,
              .n_out = l->node->n_out,
              .weights = &weights};
    IG_TRY(find_weights(&k, &weights, n_in));
    k.config = ig_keras_get_config(arena, l->node);
    k.in = IG_NEW_ARRAY(arena, ig_value *, n_in);
    k.out = IG_NEW_ARRAY(arena, ig_value *, k.n_out);
    if (!k.config || !k.in || !k.out) return ig_oom(l->err);
    for (uint32_t i = 0; i < n_in; i++) k.in[i] = l->node->in[i];
    IG_TRY(read_call(&k));
    for (uint32_t i = 0; i < n_in; i++) {
        const ig_value *v = k.in[i];
        const ig_node *from = v ? v->producer : NULL; /* a layer that was refused: that is told already */
        if (v && !v->is_input && !v->constant && (!from || strcmp(ig_node_domain(from), IG_KERAS_DOMAIN) == 0)) return IG_OK;
        if (!v || !v->type) return ig_k_refuse(&k, "the type of what it reads isn't known");
    }
    IG_TRY(prepare(&k));
    IG_TRY(run_rule(&k));
    for (uint32_t o = 0; o < l->node->n_out; o++)
        if (l->node->out[o]) {
            ig_value *mask = ig_map_get(&state->masks, IG_KEY(k.out[o]));
            ig_lower_out(l, o, k.out[o]);
            ig_k_set_mask(&k, k.out[o], mask);
        }
    return s->status;
}

static ig_status lower_node(ig_lower *l) {
    ig_k_state *state = l->state;
    ig_arena arena;
    ig_sketch s;
    ig_arena_init(&arena, l->model->context);
    ig_sketch_init(&s, l->node, l->node, NULL, l->err);
    s.known = &state->known;
    s.fold = FOLD;
    ig_error_clear(l->err);
    ig_status status = lower_with(l, &s, &arena);
    if (s.build.failed && status == IG_OK) status = ig_oom(l->err);
    ig_sketch_free(&s);
    ig_arena_free(&arena);
    if (status == IG_E_UNSUPPORTED && !l->reason[0])
        snprintf(l->reason, sizeof l->reason, "%.200s", l->err ? l->err->message : "");
    if (status == IG_E_INPUT || status == IG_E_INTERNAL)
        ig_error_at(l->err, "layer '%.80s' (%.60s)", ig_name_text(l->node->name), ig_name_text(l->node->op));
    return status;
}

/* ----------------------------------------------------------------------------------------------------- before and after */

static ig_status begin(ig_lower *l) {
    ig_k_state *state = ig_calloc(l->model->context, sizeof *state);
    if (!state) return ig_oom(l->err);
    l->state = state;
    ig_arena_init(&state->arena, l->model->context);
    ig_map_init(&state->known, &state->arena);
    ig_map_init(&state->masks, &state->arena);
    ig_map_init(&state->first, &state->arena);
    state->version = 3;
    for (size_t i = 0; i < l->model->opsets.n; i++)
        if (strcmp(l->model->opsets.items[i].domain, IG_KERAS_DOMAIN) == 0)
            state->version = (int)l->model->opsets.items[i].version;
    const ig_graph *g = l->model->graph;
    for (size_t i = 0; i < g->inputs.n; i++) { /* sizes that aren't known get symbols */
        ig_value *v = g->inputs.items[i].value;
        ig_shape shape = ig_type_shape(v->type);
        for (int d = 0; d < shape.rank; d++)
            if (!ig_dim_known(shape.dims[d]) && !shape.dims[d].sym) shape.dims[d] = ig_dim_fresh(&l->model->syms);
        if (shape.rank >= 0) v->type = ig_type_tensor(&l->model->arena, v->type->dtype, &shape);
        if (!v->type) return ig_oom(l->err);
    }
    return ig_lower_need_opset(l, IG_LOWER_OPSET);
}

static void forget_import(ig_model *m) {
    size_t kept = 0;
    for (size_t i = 0; i < m->opsets.n; i++)
        if (strcmp(ig_name_text(m->opsets.items[i].domain), IG_KERAS_DOMAIN) != 0) m->opsets.items[kept++] = m->opsets.items[i];
    m->opsets.n = kept;
}

/* Rules mean operators of the version that the model now imports. */
static ig_status unpin(ig_graph *g, void *user) {
    IG_UNUSED(user);
    for (ig_node *n = g->first; n; n = n->next) n->pinned = false;
    return IG_OK;
}

static ig_status end(ig_lower *l, ig_status so_far) {
    ig_k_state *state = l->state;
    if (!state) return so_far;
    if (so_far == IG_OK && !ig_lower_separate_outputs(l->model->graph)) so_far = ig_oom(l->err);
    if (so_far == IG_OK) {
        bool left = false;
        for (const ig_node *n = l->model->graph->first; n; n = n->next) left |= strcmp(ig_node_domain(n), IG_KERAS_DOMAIN) == 0;
        if (!left) forget_import(l->model);
        ig_graph_each(l->model->graph, unpin, NULL);
        ig_graph_remove_dead(l->model->graph);
    }
    ig_arena_free(&state->arena);
    ig_release(l->model->context, state);
    l->state = NULL;
    return so_far;
}

const ig_lowering ig_lowering_keras = {IG_KERAS_DOMAIN, rules, IG_COUNT_OF(rules), begin, end, NULL};
