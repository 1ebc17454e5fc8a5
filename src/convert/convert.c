/* The walk from version to version. */
#include "convert/convert.h"
#include "formats/lower.h"
#include "infer/infer.h"
#include "passes/passes.h"

#include <stdio.h>

/* An operator that can't be converted, with the first node and reason. */
typedef struct refusal {
    ig_name op;
    const char *place, *reason;
    size_t count;
} refusal;

typedef struct converter {
    ig_model *model;
    ig_arena scratch;
    IG_VEC(refusal) refusals;
    IG_VEC(ig_node *) nodes; /* to be looked at for one step */
    ig_map refused;          /* nodes: said once is enough */
    bool built;              /* nodes were made in this step */
    bool was_right;          /* inference found no fault with the model before */
    ig_error *err;
} converter;

static ig_status note_refusal(converter *c, ig_node *n, const char *reason) {
    bool ok = true;
    if (!ig_map_set(&c->refused, IG_KEY(n), n)) return ig_oom(c->err);
    for (size_t i = 0; i < c->refusals.n; i++) {
        refusal *r = &c->refusals.items[i];
        if (r->op != n->op || strcmp(r->reason, reason) != 0) continue;
        r->count++;
        return IG_OK;
    }
    char place[300];
    ig_node_place(n, place, sizeof place);
    refusal r = {n->op, ig_arena_str(&c->scratch, ig_str_c(place), &ok).s, ig_arena_str(&c->scratch, ig_str_c(reason), &ok).s,
                 1};
    return ok && IG_PUSH(&c->scratch, &c->refusals, r) ? IG_OK : ig_oom(c->err);
}

/* ---- one node, one step ---- */

static ig_status apply_rows(ig_adapt *a, const char *domain, bool *any) {
    for (size_t i = 0; i < ig_change_count; i++) {
        const ig_change *row = &ig_changes[a->up ? i : ig_change_count - 1 - i];
        if (row->version != a->version || strcmp(row->op, a->node->op) != 0 || strcmp(row->domain, domain) != 0) continue;
        ig_adapt_fn fn = a->up ? row->up : row->down;
        *any = true;
        a->row = row;
        if (fn) IG_TRY(fn(a));
        if (a->gone) return IG_OK;
    }
    return IG_OK;
}

static ig_status adapt_node(converter *c, ig_node *n, int64_t from, int64_t to) {
    const char *domain = ig_node_domain(n);
    const ig_schema *now = ig_schema_find(domain, n->op, from), *then = ig_schema_find(domain, n->op, to);
    if (!now || now == then) return IG_OK;
    bool any = false;
    ig_adapt a = {.model = c->model,
                  .node = n,
                  .from = now,
                  .to = then,
                  .b = ig_build_before(n),
                  .up = to > from,
                  .version = (int)(to > from ? to : from),
                  .fixed_inputs = c->model->ir_version_given && c->model->ir_version < 4,
                  .err = c->err};
    n->schema = now;
    ig_status status = apply_rows(&a, domain, &any);
    if (status == IG_OK && !a.gone) status = ig_adapt_fit(&a);
    if (status == IG_OK && !a.gone) status = ig_adapt_types(&a);
    if (a.b.failed) return ig_oom(c->err);
    c->built |= a.built || a.gone;
    return status == IG_E_UNSUPPORTED && a.reason[0] ? note_refusal(c, n, a.reason) : status;
}

/* ---- scopes: graphs under one list of opsets ---- */

typedef struct scope {
    ig_opset *opset;
    const char *domain;
    IG_VEC(ig_graph *) graphs;
} scope;

static ig_status list_nodes(ig_graph *g, void *user) {
    converter *c = user;
    for (ig_node *n = g->first; n; n = n->next)
        if (n->op && !n->function && !IG_PUSH(&c->scratch, &c->nodes, n)) return ig_oom(c->err);
    return IG_OK;
}

static ig_status step(converter *c, const scope *s, int64_t to) {
    c->nodes.n = 0;
    for (size_t i = 0; i < s->graphs.n; i++) IG_TRY(ig_graph_each(s->graphs.items[i], list_nodes, c));
    for (size_t i = 0; i < c->nodes.n; i++) {
        ig_node *n = c->nodes.items[i];
        if (!n->graph || ig_map_get(&c->refused, IG_KEY(n)) || strcmp(ig_node_domain(n), s->domain) != 0) continue;
        IG_TRY(adapt_node(c, n, s->opset->version, to));
    }
    return IG_OK;
}

/* "ai.onnx" is another spelling of "", which all readers know. */
static ig_status spell_node(ig_graph *g, void *user) {
    IG_UNUSED(user);
    for (ig_node *n = g->first; n; n = n->next)
        if (n->domain && !ig_node_domain(n)[0]) n->domain = NULL;
    return IG_OK;
}

static ig_status spell_domain(converter *c, ig_graph *graph, ig_opset *opset) {
    if (!*opset->domain) return IG_OK;
    opset->domain = ig_model_name(c->model, ig_domain_canonical(opset->domain));
    return opset->domain ? ig_graph_each(graph, spell_node, NULL) : ig_oom(c->err);
}

static ig_status walk(converter *c, const scope *s, int64_t target) {
    for (size_t i = 0; i < s->graphs.n; i++) IG_TRY(spell_domain(c, s->graphs.items[i], s->opset));
    if (s->opset->version < 1 || s->opset->version > ig_domain_newest(s->domain))
        return ig_fail(c->err, IG_E_INPUT, "the model says opset %lld of domain '%.60s', which does not exist",
                       (long long)s->opset->version, s->domain[0] ? s->domain : "ai.onnx");
    while (s->opset->version != target) {
        int64_t to = s->opset->version + (target > s->opset->version ? 1 : -1);
        c->built = false;
        IG_TRY(step(c, s, to));
        s->opset->version = to;
        s->opset->version_given = true;
        if (c->built && !s->graphs.items[0]->function)
            IG_TRY(ig_model_infer(c->model, NULL, c->err));
        else
            ig_model_resolve(c->model);
    }
    return IG_OK;
}

static ig_opset *find_opset(ig_opsets *list, const char *domain) {
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(ig_domain_canonical(list->items[i].domain), domain) == 0) return &list->items[i];
    return NULL;
}

/* Files before IR version 3 don't say their opset: it is 1. */
static ig_status import_first(converter *c, ig_opset **out) {
    ig_opset first = {.domain = ig_model_name(c->model, ""), .domain_given = true, .version = 1, .version_given = true};
    if (!first.domain || !IG_PUSH(&c->model->arena, &c->model->opsets, first)) return ig_oom(c->err);
    *out = &c->model->opsets.items[c->model->opsets.n - 1];
    return IG_OK;
}

static ig_status convert_domain(converter *c, const char *domain, int64_t target) {
    ig_model *m = c->model;
    int64_t newest = ig_domain_newest(domain);
    if (target < 1 || target > newest) {
        ig_fail(c->err, IG_E_ARGUMENT, "there is no opset %lld of domain '%.60s'", (long long)target,
                domain[0] ? domain : "ai.onnx");
        ig_error_hint(c->err, "the newest known one is %lld", (long long)newest);
        return IG_E_ARGUMENT;
    }
    scope s = {.opset = find_opset(&m->opsets, domain), .domain = domain};
    if (!s.opset && !domain[0] && m->opsets.n == 0) IG_TRY(import_first(c, &s.opset));
    bool ok = IG_PUSH(&c->scratch, &s.graphs, m->graph);
    for (size_t i = 0; i < m->trainings.n && ok; i++) {
        const ig_training *t = &m->trainings.items[i];
        if (t->initialization) ok = IG_PUSH(&c->scratch, &s.graphs, t->initialization);
        if (t->algorithm) ok = ok && IG_PUSH(&c->scratch, &s.graphs, t->algorithm);
    }
    if (!ok) return ig_oom(c->err);
    if (s.opset) IG_TRY(walk(c, &s, target));
    for (size_t i = 0; i < m->functions.n; i++) {
        ig_function *f = m->functions.items[i];
        scope body = {.opset = find_opset(&f->opsets, domain), .domain = domain};
        if (!IG_PUSH(&c->scratch, &body.graphs, f->body)) return ig_oom(c->err);
        if (body.opset) IG_TRY(walk(c, &body, target));
    }
    return IG_OK;
}

/* ---- the verdict ---- */

static ig_status report(converter *c, const ig_convert_options *o) {
    if (c->refusals.n == 0) return IG_OK;
    ig_text list;
    ig_text_init(&list, &c->scratch);
    for (size_t i = 0; i < c->refusals.n && list.n < 1700; i++) {
        const refusal *r = &c->refusals.items[i];
        ig_text_printf(&list, "\n%.200s: %s", r->place, r->reason);
        if (r->count > 1) ig_text_printf(&list, " (%zu such nodes)", r->count);
        if (list.n >= 1700 && i + 1 < c->refusals.n) ig_text_printf(&list, "\nand %zu more", c->refusals.n - i - 1);
    }
    if (list.failed) return ig_oom(c->err);
    if (o->opset)
        ig_fail(c->err, IG_E_UNSUPPORTED, "it can't be converted to opset %lld:%s", (long long)o->opset, list.s);
    else
        ig_fail(c->err, IG_E_UNSUPPORTED, "it can't be converted:%s", list.s);
    return IG_E_UNSUPPORTED;
}

/* Contradictions that the model has. */
typedef struct faults {
    converter *c;
    size_t n;
    char first[400];
} faults;

static void note_fault(void *user, const ig_finding *f) {
    faults *seen = user;
    if (f->severity != IG_ERROR && strcmp(f->rule, "input-type") != 0) return;
    if (seen->n++ == 0) snprintf(seen->first, sizeof seen->first, "%.150s: %.230s", f->where, f->message);
}

/* Types that the other version doesn't take show when everything is in place. */
static ig_status judge(converter *c, const ig_convert_options *o) {
    faults seen = {.c = c};
    const ig_infer_options options = {.found = note_fault, .user = &seen};
    IG_TRY(ig_model_infer(c->model, &options, c->err));
    if (seen.n == 0 || !c->was_right) return IG_OK;
    ig_fail(c->err, IG_E_UNSUPPORTED, "it can't be converted to opset %lld:\n%s", (long long)o->opset, seen.first);
    if (seen.n > 1) ig_error_hint(c->err, "and %zu more contradictions of this kind", seen.n - 1);
    return IG_E_UNSUPPORTED;
}

/* Outputs whose declared type lacks a shape get the inferred one, because checkers ask for it. Those of inner graphs stay as
 * they were: what they are may depend on what was inferred for other values. */
static ig_status settle_outputs(ig_graph *g, void *user) {
    IG_UNUSED(user);
    for (size_t i = 0; i < g->outputs.n; i++) {
        ig_value_info *o = &g->outputs.items[i];
        const ig_type *inferred = o->value ? o->value->type : NULL;
        if (g->outer) {
            if (!o->type && o->value && o->value->graph == g) o->value->type = NULL;
        } else if (inferred && inferred->kind == IG_KIND_TENSOR) {
            if (!o->type || (o->type->kind == IG_KIND_TENSOR && o->type->rank == IG_UNRANKED)) o->type = inferred;
        }
    }
    return IG_OK;
}

/* ---- IR versions ---- */

/* Initializers are inputs as well before IR version 4. */
static ig_status inputs_for_initializers(converter *c) {
    ig_graph *g = c->model->graph;
    for (size_t i = 0; i < g->initializers.n; i++) {
        ig_value *v = g->initializers.items[i];
        if (!v->is_input && !ig_graph_add_input(g, v)) return ig_oom(c->err);
    }
    return IG_OK;
}

static ig_status newest_type(converter *c, const ig_type *type, const char *name, int64_t ir) {
    for (; type; type = type->of)
        if (type->dtype && ig_dtypes[type->dtype].min_ir > ir)
            return ig_fail(c->err, IG_E_UNSUPPORTED, "'%.80s' has elements of type %s, which came with IR version %d", name,
                           ig_dtypes[type->dtype].name, ig_dtypes[type->dtype].min_ir);
    return IG_OK;
}

static ig_status check_types(ig_graph *g, void *user) {
    converter *c = user;
    for (size_t i = 0; i < g->values.n; i++) {
        const ig_value *v = g->values.entries[i].value;
        if (v) IG_TRY(newest_type(c, v->type, ig_name_text(v->name), c->model->ir_version));
    }
    return IG_OK;
}

static ig_status set_ir_version(converter *c, int64_t ir) {
    ig_model *m = c->model;
    if (ir < 3 || ir > IG_IR_NEWEST)
        return ig_fail(c->err, IG_E_ARGUMENT, "there is no IR version %lld to convert to (3 to %d)", (long long)ir,
                       IG_IR_NEWEST);
    if (ir < 8 && m->functions.n) {
        ig_fail(c->err, IG_E_UNSUPPORTED, "functions came with IR version 8");
        ig_error_hint(c->err, "igata inline puts their bodies in place of their calls");
        return IG_E_UNSUPPORTED;
    }
    for (size_t i = 0; ir < 10 && i < m->functions.n; i++)
        if (ig_name_len(m->functions.items[i]->overload))
            return ig_fail(c->err, IG_E_UNSUPPORTED, "overloads of functions came with IR version 10");
    m->ir_version = ir;
    m->ir_version_given = true;
    IG_TRY(ig_graph_each(m->graph, check_types, c));
    return ir < 4 ? inputs_for_initializers(c) : IG_OK;
}

static ig_status choose_ir_version(converter *c, const ig_convert_options *o) {
    ig_model *m = c->model;
    int64_t needed = ig_ir_of_opset(ig_graph_opset(m->graph, NULL));
    if (o->ir_version) return set_ir_version(c, o->ir_version);
    if (m->ir_version_given && m->ir_version < 4 && needed < 4) IG_TRY(inputs_for_initializers(c));
    if ((o->opset || !m->ir_version_given) && m->ir_version < needed) {
        m->ir_version = needed;
        m->ir_version_given = true;
    }
    return IG_OK;
}

/* ---- the public face ---- */

static ig_status convert(converter *c, const ig_convert_options *o) {
    faults before = {.c = c};
    const ig_infer_options options = {.found = note_fault, .user = &before};
    if (ig_model_is_foreign(c->model)) {
        IG_TRY(ig_model_lower(c->model, c->err));
        IG_TRY(ig_model_tidy(c->model, c->err));
    }
    if (o->opset || o->ml_opset) {
        IG_TRY(ig_model_infer(c->model, &options, c->err));
        c->was_right = before.n == 0;
        if (o->opset) IG_TRY(convert_domain(c, "", o->opset));
        if (o->ml_opset) IG_TRY(convert_domain(c, "ai.onnx.ml", o->ml_opset));
        IG_TRY(report(c, o));
        IG_TRY(judge(c, o));
        IG_TRY(ig_graph_each(c->model->graph, settle_outputs, NULL));
    }
    return choose_ir_version(c, o);
}

/* ---- nodes that came with versions of their own ---- */

/* Nodes carry their version as a mark; those made on the way have none yet. */
static ig_status mark_nodes(ig_graph *g, void *user) {
    int64_t version = *(const int64_t *)user;
    for (ig_node *n = g->first; n; n = n->next)
        if (!n->mark) n->mark = (uint32_t)(n->pinned && n->schema && !*ig_node_domain(n) ? n->schema->since : version);
    return IG_OK;
}

static ig_status clear_marks(ig_graph *g, void *user) {
    IG_UNUSED(user);
    for (ig_node *n = g->first; n; n = n->next) n->mark = 0;
    return IG_OK;
}

static ig_status unpin_nodes(ig_graph *g, void *user) {
    converter *c = user;
    int64_t target = ig_graph_opset(g, NULL);
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        if (!n->pinned) continue;
        while (n->graph && n->mark != target) {
            int64_t to = n->mark < target ? n->mark + 1 : n->mark - 1;
            ig_node *before = n->previous;
            c->built = false;
            IG_TRY(adapt_node(c, n, n->mark, to));
            n->mark = (uint32_t)to;
            for (ig_node *made = before ? before->next : g->first; made && made != next; made = made->next) {
                if (made == n || made->mark) continue;
                made->mark = (uint32_t)to;
                made->pinned = true;
            }
            if (c->built) next = before ? before->next : g->first; /* what was made has to go on as well */
            if (next == n) break;
        }
        if (n->mark == target) n->pinned = false;
    }
    return IG_OK;
}

ig_status ig_convert_pinned(ig_model *model, ig_error *err) {
    converter c = {.model = model, .err = err};
    ig_convert_options o = {0};
    int64_t version = ig_graph_opset(model->graph, NULL);
    if (!version) return IG_OK;
    ig_arena_init(&c.scratch, model->context);
    ig_map_init(&c.refused, &c.scratch);
    ig_status status = ig_graph_each(model->graph, clear_marks, NULL);
    if (status == IG_OK) status = ig_graph_each(model->graph, mark_nodes, &version);
    if (status == IG_OK) status = ig_graph_each(model->graph, unpin_nodes, &c);
    if (status == IG_OK) status = report(&c, &o);
    ig_arena_free(&c.scratch);
    return status;
}

ig_status ig_convert_functions(ig_model *model, ig_error *err) {
    if (!model->functions.n) return IG_OK;
    converter c = {.model = model, .err = err};
    ig_convert_options o = {.opset = ig_graph_opset(model->graph, NULL),
                            .ml_opset = ig_graph_opset(model->graph, "ai.onnx.ml")};
    ig_arena_init(&c.scratch, model->context);
    ig_map_init(&c.refused, &c.scratch);
    ig_status status = o.opset ? convert_domain(&c, "", o.opset) : IG_OK;
    if (status == IG_OK && o.ml_opset) status = convert_domain(&c, "ai.onnx.ml", o.ml_opset);
    if (status == IG_OK) status = report(&c, &o);
    ig_arena_free(&c.scratch);
    return status;
}

ig_status ig_model_convert(ig_model **out, ig_model *model, const ig_convert_options *options, ig_error *err) {
    ig_convert_options o = {0};
    *out = NULL;
    ig_error_clear(err);
    ig_options_copy(&o, sizeof o, options);
    converter c = {.err = err};
    IG_TRY(ig_model_clone(&c.model, model, err));
    ig_arena_init(&c.scratch, c.model->context);
    ig_map_init(&c.refused, &c.scratch);
    ig_status status = convert(&c, &o);
    ig_arena_free(&c.scratch);
    if (status == IG_OK)
        *out = c.model;
    else
        ig_model_free(c.model);
    return status;
}
