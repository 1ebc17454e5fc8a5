#include "check/check.h"

#include <stdarg.h>
#include <stdio.h>

#define IG_CHECK(name) void ig_check_##name(ig_check *c);
#include "check/rules.def"
#undef IG_CHECK

static const ig_check_fn rules[] = {
#define IG_CHECK(name) ig_check_##name,
#include "check/rules.def"
#undef IG_CHECK
};

/* -------------------------------------------------------------------------------------------------------------- report */

/* How many findings of the rule came before this one. */
static size_t count_rule(ig_report *r, const char *rule) {
    for (size_t i = 0; i < r->counts.n; i++)
        if (strcmp(r->counts.items[i].rule, rule) == 0) return r->counts.items[i].n++;
    if (!IG_PUSH(&r->arena, &r->counts, ((struct ig_rule_count){rule, 1}))) r->failed = true;
    return 0;
}

/* Counts the finding; true when it is to be listed. */
static bool take(ig_report *r, ig_severity severity, const char *rule) {
    r->errors += severity == IG_ERROR;
    r->warnings += severity == IG_WARNING;
    return count_rule(r, rule) < IG_REPORT_MOST;
}

bool ig_report_lists(const ig_check *c, const char *rule) {
    for (size_t i = 0; i < c->report->counts.n; i++)
        if (strcmp(c->report->counts.items[i].rule, rule) == 0) return c->report->counts.items[i].n < IG_REPORT_MOST;
    return true;
}

static const char *clean(ig_report *r, const char *text) {
    char out[1400];
    bool ok = true;
    size_t n = ig_text_clean(out, sizeof out, ig_str_c(text ? text : ""));
    ig_str copy = ig_arena_str(&r->arena, (ig_str){out, n}, &ok);
    if (!ok) r->failed = true;
    return ok ? copy.s : "";
}

static void list(ig_report *r, ig_severity severity, const char *rule, const char *where, const char *hint,
                 const char *message) {
    ig_finding f = {severity, rule, clean(r, message), clean(r, where), clean(r, hint)};
    if (!IG_PUSH(&r->arena, &r->items, f)) r->failed = true;
}

void ig_report_add(ig_check *c, ig_severity severity, const char *rule, const char *where, const char *hint, const char *format,
                   ...) {
    char message[1300];
    if (!take(c->report, severity, rule)) return;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    list(c->report, severity, rule, where, hint, message);
}

void ig_report_node(ig_check *c, ig_severity severity, const char *rule, const ig_node *node, const char *which,
                    const char *hint, const char *format, ...) {
    char message[1300], where[900];
    if (!take(c->report, severity, rule)) return;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    size_t n = ig_node_place(node, where, sizeof where);
    snprintf(where + n, sizeof where - n, "%s%s", which[0] ? ", " : "", which);
    list(c->report, severity, rule, where, hint, message);
}

void ig_report_graph(ig_check *c, ig_severity severity, const char *rule, const ig_graph *graph, const char *which,
                     const char *hint, const char *format, ...) {
    char message[1300], where[900];
    if (!take(c->report, severity, rule)) return;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    size_t n = ig_graph_place(graph, where, sizeof where);
    snprintf(where + n, sizeof where - n, "%s%s", which[0] ? ", " : "", which);
    list(c->report, severity, rule, where, hint, message);
}

/* Says of which rules more was found than is listed. */
static void list_rest(ig_report *r) {
    for (size_t i = 0; i < r->counts.n; i++) {
        char message[100];
        size_t more = r->counts.items[i].n;
        if (more <= IG_REPORT_MOST) continue;
        snprintf(message, sizeof message, "%zu more findings of this kind are not listed", more - IG_REPORT_MOST);
        list(r, IG_NOTE, r->counts.items[i].rule, "", "", message);
    }
}

/* -------------------------------------------------------------------------------------------------------------- graphs */

typedef struct visitor {
    ig_check *c;
    void (*visit)(ig_check *c, ig_graph *graph);
} visitor;

static ig_status visit_graph(ig_graph *graph, void *user) {
    const visitor *v = user;
    v->visit(v->c, graph);
    return IG_OK;
}

void ig_check_each_graph(ig_check *c, void (*visit)(ig_check *c, ig_graph *graph)) {
    visitor v = {c, visit};
    ig_model *m = c->model;
    ig_graph_each(m->graph, visit_graph, &v);
    for (size_t i = 0; i < m->functions.n; i++)
        if (m->functions.items[i]->body) ig_graph_each(m->functions.items[i]->body, visit_graph, &v);
    for (size_t i = 0; i < m->trainings.n; i++) {
        if (m->trainings.items[i].initialization) ig_graph_each(m->trainings.items[i].initialization, visit_graph, &v);
        if (m->trainings.items[i].algorithm) ig_graph_each(m->trainings.items[i].algorithm, visit_graph, &v);
    }
}

static void number_nodes(ig_check *c, ig_graph *graph) {
    IG_UNUSED(c);
    uint32_t i = 0;
    for (ig_node *n = graph->first; n; n = n->next) n->mark = i++;
}

const ig_node *ig_check_at_level(const ig_graph *graph, const ig_node *node) {
    while (node && node->graph != graph) node = node->graph->owner;
    return node;
}

bool ig_check_computed_before(const ig_value *value, const ig_node *node) {
    const ig_node *at = ig_check_at_level(value->graph, node);
    return at && value->producer && value->producer->graph == value->graph && value->producer->mark < at->mark;
}

const char *ig_function_text(const ig_function *f, char *out, size_t size) {
    const char *domain = ig_domain_canonical(f->domain);
    snprintf(out, size, "%.80s%s%.80s", domain, domain[0] ? "." : "", ig_name_text(f->name));
    return out;
}

/* --------------------------------------------------------------------------------------------------------------- public */

ig_report *ig_report_new(ig_context *context) {
    ig_report *r = ig_calloc(context, sizeof *r);
    if (!r) return NULL;
    r->context = ig_context_retain(context);
    ig_arena_init(&r->arena, context);
    return r;
}

static bool is_target(const char *name) {
    size_t i = 0;
    while (i < ig_check_target_count() && strcmp(ig_check_target_at(i).name, name) != 0) i++;
    return i < ig_check_target_count();
}

ig_status ig_model_check(ig_report **out, ig_model *model, const ig_check_options *options, ig_error *err) {
    ig_check_options o = {0};
    *out = NULL;
    if (options) memcpy(&o, options, ig_min_size(options->struct_size, sizeof o));
    if (o.target && !is_target(o.target)) return ig_fail(err, IG_E_ARGUMENT, "unknown runtime '%.80s'", o.target);
    ig_report *r = ig_report_new(model->context);
    if (!r) return ig_oom(err);
    ig_check c = {r, model, &o};
    ig_model_resolve(model);
    ig_check_each_graph(&c, number_nodes);
    for (size_t i = 0; i < model->findings.n; i++) {
        const ig_finding *f = &model->findings.items[i];
        if (take(r, f->severity, f->rule)) list(r, f->severity, f->rule, f->where, f->hint, f->message);
    }
    for (size_t i = 0; i < IG_COUNT_OF(rules); i++) rules[i](&c);
    list_rest(r);
    if (r->failed) {
        ig_report_free(r);
        return ig_oom(err);
    }
    *out = r;
    return IG_OK;
}

void ig_report_free(ig_report *r) {
    if (!r) return;
    ig_context *context = r->context;
    ig_arena_free(&r->arena);
    ig_release(context, r);
    ig_context_free(context);
}

size_t ig_report_count(const ig_report *r) { return r->items.n; }
size_t ig_report_errors(const ig_report *r) { return r->errors; }
size_t ig_report_warnings(const ig_report *r) { return r->warnings; }

ig_report_item ig_report_at(const ig_report *r, size_t i) {
    if (i >= r->items.n) return (ig_report_item){0, "", "", "", ""};
    const ig_finding *f = &r->items.items[i];
    return (ig_report_item){(int)f->severity, f->rule, f->message, f->where, f->hint};
}
