/* Bodies in place of calls, in models that are to be written. */
#include "convert/convert.h"
#include "infer/infer.h"
#include "passes/passes.h"
#include "surgery/surgery.h"

typedef struct choice {
    const ig_inline_options *o;
    ig_model *model;
} choice;

static bool is_named(const ig_inline_options *o, ig_name domain, ig_name name) {
    for (size_t i = 0; i < o->n_functions; i++) {
        const char *text = o->functions[i], *dot = strrchr(text, '.');
        ig_str d = dot ? (ig_str){text, (size_t)(dot - text)} : IG_STR("");
        if (!ig_str_eq(d, ig_str_c(ig_domain_canonical(domain))) && !ig_str_eq(d, ig_name_str(domain))) continue;
        if (ig_str_eq(ig_str_c(dot ? dot + 1 : text), ig_name_str(name))) return true;
    }
    return false;
}

static bool is_chosen(const ig_inline_options *o, ig_name domain, ig_name name) {
    return (!o->n_functions && !o->exclude) || is_named(o, domain, name) != o->exclude;
}

static bool wants_function(const ig_function *f, void *user) {
    const choice *c = user;
    return is_chosen(c->o, f->domain, f->name);
}

/* Attributes of kinds that the operator doesn't have would not fit its body; igata check names them. */
static bool has_right_attrs(const ig_node *n) {
    for (const ig_attr *a = n->attrs; a; a = a->next) {
        const ig_schema_attr *s = n->schema && a->name ? ig_schema_attr_find(n->schema, a->name) : NULL;
        if (s && s->kind != a->kind) return false;
    }
    return true;
}

static bool wants_operator(const ig_node *n, void *user) {
    const choice *c = user;
    return has_right_attrs(n) && is_chosen(c->o, n->domain, n->op);
}

static ig_status check_names(const ig_model *m, const ig_inline_options *o, ig_error *err) {
    for (size_t i = 0; i < o->n_functions && !o->operators; i++) {
        ig_inline_options one = {.functions = o->functions + i, .n_functions = 1};
        bool found = false;
        for (size_t k = 0; k < m->functions.n; k++)
            found |= is_named(&one, m->functions.items[k]->domain, m->functions.items[k]->name);
        if (!found) return ig_fail(err, IG_E_ARGUMENT, "the model has no function '%.80s'", o->functions[i]);
    }
    return IG_OK;
}

/* What the bodies of functions import comes with them. */
static ig_status join_opsets(ig_model *m, ig_error *err) {
    for (size_t i = 0; i < m->functions.n; i++) {
        const ig_function *f = m->functions.items[i];
        for (size_t k = 0; k < f->opsets.n; k++) {
            ig_opset o = f->opsets.items[k];
            int64_t version = ig_graph_opset(m->graph, o.domain);
            if (version == o.version) continue;
            if (version)
                return ig_fail(err, IG_E_UNSUPPORTED,
                               "function '%.80s' wants version %lld of domain '%.60s', the model has %lld",
                               ig_name_text(f->name), (long long)o.version, o.domain, (long long)version);
            o.unknown = (ig_span){0};
            if (!IG_PUSH(&m->arena, &m->opsets, o)) return ig_oom(err);
        }
    }
    return IG_OK;
}

static ig_status unpin(ig_graph *g, void *user) {
    IG_UNUSED(user);
    for (ig_node *n = g->first; n; n = n->next) n->pinned = false;
    return IG_OK;
}

static ig_status inline_all(ig_model *m, const ig_inline_options *o, ig_error *err) {
    choice c = {o, m};
    ig_pass_env env = {.err = err};
    IG_TRY(check_names(m, o, err));
    IG_TRY(ig_convert_functions(m, err));
    IG_TRY(join_opsets(m, err));
    IG_TRY(ig_inline_some(m, wants_function, &c, &env));
    IG_TRY(ig_graph_each(m->graph, unpin, NULL)); /* the functions were brought to the model's versions */
    if (o->operators) IG_TRY(ig_expand_some(m, wants_operator, &c, &env));
    IG_TRY(ig_model_infer(m, NULL, err));
    IG_TRY(ig_convert_pinned(m, err));
    ig_surgery_settle_outputs(m);
    return ig_surgery_remove_functions(m, err);
}

ig_status ig_model_inline(ig_model **inlined, ig_model *model, const ig_inline_options *options, ig_error *err) {
    ig_inline_options o = {0};
    ig_model *m;
    *inlined = NULL;
    ig_error_clear(err);
    ig_options_copy(&o, sizeof o, options);
    IG_TRY(ig_model_clone(&m, model, err));
    ig_model_resolve(m);
    ig_status status = inline_all(m, &o, err);
    if (status == IG_OK)
        *inlined = m;
    else
        ig_model_free(m);
    return status;
}
