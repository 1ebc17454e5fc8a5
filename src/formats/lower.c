#include "formats/lower.h"

#include "ops/schema.h"

#include <stdarg.h>
#include <stdio.h>

#define IG_LOWERING(symbol) extern const ig_lowering ig_lowering_##symbol;
#include "formats/lowerings.def"
#undef IG_LOWERING

#define IG_LOWERING(symbol) &ig_lowering_##symbol,
const ig_lowering *const ig_lowerings[] = {
#include "formats/lowerings.def"
    NULL,
};
#undef IG_LOWERING

const size_t ig_lowering_count = IG_COUNT_OF(ig_lowerings) - 1;

const ig_lowering *ig_lowering_find(const char *domain) {
    for (size_t i = 0; i < ig_lowering_count; i++)
        if (strcmp(ig_lowerings[i]->domain, domain) == 0) return ig_lowerings[i];
    return NULL;
}

static const ig_lower_rule *find_rule(const ig_lowering *lowering, const char *op) {
    size_t low = 0, high = lowering->n_rules;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = strcmp(op, lowering->rules[middle].op);
        if (c == 0) return &lowering->rules[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const ig_lower_rule *ig_lower_rule_find(const char *domain, const char *op) {
    const ig_lowering *lowering = ig_lowering_find(domain);
    return lowering ? find_rule(lowering, op) : NULL;
}

ig_value *ig_lower_in(const ig_lower *l, uint32_t i) { return i < l->node->n_in ? l->node->in[i] : NULL; }

/* So that what a file calls by name keeps its name. */
static bool swap_names(ig_value *a, ig_value *b) {
    ig_map *values = &a->graph->values;
    ig_name name = a->name;
    a->name = b->name;
    b->name = name;
    return ig_map_set(values, IG_KEY(a->name), a) && ig_map_set(values, IG_KEY(b->name), b);
}

void ig_lower_out(ig_lower *l, uint32_t i, ig_value *value) {
    if (i >= l->node->n_out || !l->node->out[i]) return;
    ig_value *old = l->node->out[i];
    ig_build_replace(&l->b, old, value);
    if (l->b.failed || value->type) return;
    value->type = old->type;
    if (value->graph == old->graph && !swap_names(value, old)) l->b.failed = true;
}

ig_status ig_lower_refuse(ig_lower *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(l->reason, sizeof l->reason, format, args);
    va_end(args);
    return IG_E_UNSUPPORTED;
}

ig_status ig_lower_need_opset(ig_lower *l, int64_t version) {
    ig_model *m = l->model;
    for (size_t i = 0; i < m->opsets.n; i++) {
        ig_opset *o = &m->opsets.items[i];
        if (ig_domain_canonical(o->domain)[0]) continue;
        if (o->version < version) o->version = version;
        return IG_OK;
    }
    ig_opset onnx = {.domain = ig_model_name(m, ""), .domain_given = true, .version_given = true, .version = version};
    return onnx.domain && IG_PUSH(&m->arena, &m->opsets, onnx) ? IG_OK : ig_oom(l->err);
}

bool ig_lower_separate_outputs(ig_graph *g) {
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

ig_status ig_lower_rename(ig_lower *l) {
    ig_node *n = ig_build_node(&l->b, NULL, l->rule->to, l->node->in, l->node->n_in, l->node->n_out);
    for (uint32_t o = 0; n && o < n->n_out; o++) ig_lower_out(l, o, n->out[o]);
    return IG_OK;
}

/* An operator that can't be lowered, with the first node and reason. */
typedef struct refusal {
    ig_name domain, op;
    const ig_node *node;
    const char *reason; /* "" when there is no rule at all */
    size_t count;
} refusal;

typedef struct driver {
    ig_model *model;
    ig_arena scratch;
    IG_VEC(refusal) refusals;
    ig_lower states[8]; /* of the lowerings in use */
    const ig_lowering *lowerings[8];
    size_t n;
    ig_error *err;
} driver;

static ig_status note_refusal(driver *d, const ig_node *n, const char *reason) {
    bool ok = true;
    for (size_t i = 0; i < d->refusals.n; i++) {
        refusal *r = &d->refusals.items[i];
        if (r->op != n->op || r->domain != n->domain || strcmp(r->reason, reason) != 0) continue;
        r->count++;
        return IG_OK;
    }
    refusal r = {n->domain, n->op, n, ig_arena_str(&d->scratch, ig_str_c(reason), &ok).s, 1};
    return ok && IG_PUSH(&d->scratch, &d->refusals, r) ? IG_OK : ig_oom(d->err);
}

/* The state of a domain's lowering, begun on first use. */
static ig_status state_of(driver *d, const ig_lowering *lowering, ig_lower **l) {
    for (size_t i = 0; i < d->n; i++)
        if (d->lowerings[i] == lowering) {
            *l = &d->states[i];
            return IG_OK;
        }
    if (d->n == IG_COUNT_OF(d->states)) return ig_fail(d->err, IG_E_UNSUPPORTED, "too many foreign domains in one model");
    *l = &d->states[d->n];
    **l = (ig_lower){.model = d->model, .driver = d, .err = d->err};
    d->lowerings[d->n++] = lowering;
    return lowering->begin ? lowering->begin(*l) : IG_OK;
}

static ig_status lower_node(driver *d, ig_node *n, const ig_lowering *lowering) {
    const ig_lower_rule *rule = n->op ? find_rule(lowering, n->op) : NULL;
    if (!rule) return note_refusal(d, n, "");
    ig_lower *l = NULL;
    IG_TRY(state_of(d, lowering, &l));
    l->node = n;
    l->rule = rule;
    l->b = ig_build_before(n);
    l->reason[0] = 0;
    ig_status status = lowering->around ? lowering->around(l) : rule->lower(l);
    if (status == IG_OK && l->reason[0]) status = IG_E_UNSUPPORTED; /* noted by a helper that can't return it */
    if (status == IG_E_UNSUPPORTED && l->reason[0]) return note_refusal(d, n, l->reason);
    if (status != IG_OK) return status;
    if (l->b.failed) return ig_oom(d->err);
    ig_node_erase(n);
    return IG_OK;
}

static ig_status lower_range(driver *d, ig_node *first, const ig_node *end) {
    for (ig_node *n = first, *next; n && n != end; n = next) {
        next = n->next;
        const char *domain = ig_node_domain(n);
        const ig_lowering *lowering = domain[0] ? ig_lowering_find(domain) : NULL;
        if (lowering) IG_TRY(lower_node(d, n, lowering));
    }
    return IG_OK;
}

static ig_status lower_graph(ig_graph *g, void *user) { return lower_range(user, g->first, NULL); }

ig_status ig_lower_range(ig_lower *l, ig_node *first, const ig_node *end) {
    ig_lower here = *l; /* rules of the range use the same struct */
    ig_status status = lower_range(l->driver, first, end);
    *l = here;
    return status;
}

static ig_status report(driver *d) {
    if (d->refusals.n == 0) return IG_OK;
    ig_text list;
    ig_text_init(&list, &d->scratch);
    for (size_t i = 0; i < d->refusals.n; i++) {
        const refusal *r = &d->refusals.items[i];
        ig_text_printf(&list, "%s%.60s.%.80s (", i ? "; " : "", ig_name_text(r->domain), ig_name_text(r->op));
        if (r->node->name && r->node->name[0]) ig_text_printf(&list, "node '%.80s', ", r->node->name);
        ig_text_printf(&list, "%zu use%s)%s%s", r->count, r->count == 1 ? "" : "s", r->reason[0] ? ": " : "", r->reason);
    }
    if (list.failed) return ig_oom(d->err);
    ig_fail(d->err, IG_E_UNSUPPORTED, "no lowering to ONNX for %.1900s", list.s);
    ig_error_hint(d->err, "igata formats lists what each format's reader can lower");
    return IG_E_UNSUPPORTED;
}

static ig_status import_onnx(ig_model *m, ig_opsets *opsets, ig_error *err) {
    for (size_t i = 0; i < opsets->n; i++)
        if (!ig_domain_canonical(opsets->items[i].domain)[0]) return IG_OK;
    ig_opset onnx = {.domain = ig_model_name(m, ""), .domain_given = true, .version = IG_LOWER_OPSET};
    return onnx.domain && IG_PUSH(&m->arena, opsets, onnx) ? IG_OK : ig_oom(err);
}

static ig_status begin_imported(driver *d) {
    for (size_t i = 0; i < d->model->opsets.n; i++) {
        const ig_lowering *lowering = ig_lowering_find(ig_domain_canonical(d->model->opsets.items[i].domain));
        ig_lower *l;
        if (lowering) IG_TRY(state_of(d, lowering, &l));
    }
    return IG_OK;
}

ig_status ig_model_lower(ig_model *m, ig_error *err) {
    driver d = {.model = m, .err = err};
    ig_arena_init(&d.scratch, m->context);
    ig_status status = begin_imported(&d);
    if (status == IG_OK) status = ig_graph_each(m->graph, lower_graph, &d);
    for (size_t i = 0; status == IG_OK && i < m->functions.n; i++)
        status = ig_graph_each(m->functions.items[i]->body, lower_graph, &d);
    for (size_t i = 0; i < d.n; i++)
        if (d.lowerings[i]->end) status = d.lowerings[i]->end(&d.states[i], status);
    if (status == IG_OK) status = report(&d);
    if (status == IG_OK && d.n) {
        status = import_onnx(m, &m->opsets, err);
        for (size_t i = 0; status == IG_OK && i < m->functions.n; i++)
            status = import_onnx(m, &m->functions.items[i]->opsets, err);
        if (status == IG_OK) ig_model_resolve(m);
    }
    ig_arena_free(&d.scratch);
    return status;
}

bool ig_model_is_foreign(const ig_model *m) {
    for (size_t i = 0; i < m->opsets.n; i++)
        if (ig_lowering_find(m->opsets.items[i].domain)) return true;
    return false;
}
