/* Rules about nodes: the operator exists in the imported version; numbers of inputs and outputs; attributes. */
#include "check/check.h"
#include "ops/custom.h"

#include <stdio.h>

void ig_check_nodes(ig_check *c);

static const char *shown_domain(const char *domain) { return domain[0] ? domain : "ai.onnx"; }

/* ---------------------------------------------------------------------------------------------------------- operators */

/* Number of single-letter edits from a to b, or 3 for more than 2 (Levenshtein's distance, one row at a time). */
static unsigned edits(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    unsigned row[64];
    if (n >= 64 || m >= 64 || (n > m ? n - m : m - n) > 2) return 3;
    for (size_t j = 0; j <= m; j++) row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned change = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            unsigned shift = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            row[j] = change < shift ? change : shift;
        }
    }
    return row[m] > 2 ? 3 : row[m];
}

/* "did you mean Relu?" for a name that is nearly one of the domain's, or the domain that has the name; "" otherwise. */
static void suggest(const char *domain, const char *op, char *out, size_t size) {
    unsigned best = 3;
    out[0] = '\0';
    for (size_t i = 0; i < ig_schema_count; i++) {
        const ig_schema *s = &ig_schemas[i];
        if (strcmp(s->domain, domain) != 0) {
            if (best == 3 && strcmp(s->name, op) == 0)
                snprintf(out, size, "the operator of this name is in domain '%s'", shown_domain(s->domain));
            continue;
        }
        unsigned distance = edits(op, s->name);
        if (distance >= best || distance * 3 > strlen(op)) continue;
        best = distance;
        snprintf(out, size, "did you mean %s?", s->name);
    }
}

static void check_unresolved(ig_check *c, const ig_node *n) {
    const char *domain = ig_node_domain(n);
    int64_t opset = ig_graph_opset(n->graph, n->domain), known = ig_domain_newest(domain);
    char hint[200];
    if (opset == 0 && !(n->graph->model->ir_version < 3 && !domain[0])) {
        snprintf(hint, sizeof hint, "add an opset_import for it%s", n->graph->function ? " to the function" : "");
        ig_report_node(c, IG_ERROR, "opset", n, "", hint, "domain '%.80s' is not imported", shown_domain(domain));
        return;
    }
    if (known == 0) return; /* a domain of someone's own: nothing is known of its operators */
    const ig_schema *newest = ig_schema_newest(domain, n->op);
    if (!newest) {
        hint[0] = '\0';
        if (ig_report_lists(c, "unknown-op")) suggest(domain, n->op, hint, sizeof hint);
        bool own = strcmp(domain, "com.microsoft") == 0; /* grows between releases */
        ig_report_node(c, own ? IG_WARNING : IG_ERROR, "unknown-op", n, "", hint, "unknown operator %.80s in domain '%.80s'",
                       n->op, shown_domain(domain));
        return;
    }
    const ig_schema *first = newest;
    while (first > ig_schemas && strcmp(first[-1].name, n->op) == 0 && strcmp(first[-1].domain, domain) == 0) first--;
    snprintf(hint, sizeof hint, "convert the model to opset %d or later", first->since);
    ig_report_node(c, IG_ERROR, "unknown-op", n, "", hint, "%.80s came with opset %d of domain '%.80s', the model imports %lld",
                   n->op, first->since, shown_domain(domain), (long long)opset);
}

/* --------------------------------------------------------------------------------------------------------- attributes */

static void check_attr(ig_check *c, const ig_node *n, const ig_attr *a) {
    const char *name = ig_name_text(a->name);
    const ig_schema_attr *known = ig_schema_attr_find(n->schema, name);
    if (!known) {
        bool internal = name[0] == '_' && name[1] == '_'; /* by agreement for tools */
        bool own = strcmp(n->schema->domain, "com.microsoft") == 0;
        if (internal) return;
        ig_report_node(c, own ? IG_WARNING : IG_ERROR, "attribute", n, "", "", "%s of version %d has no attribute '%.80s'",
                       n->schema->name, n->schema->since, name);
    } else if (a->kind != (ig_attr_kind)known->kind && a->kind != IG_ATTR_UNDEFINED) {
        ig_report_node(c, IG_ERROR, "attribute", n, "", "", "attribute '%.80s' has to be of kind %s, is %s", name,
                       ig_attr_kind_name((ig_attr_kind)known->kind), ig_attr_kind_name(a->kind));
    }
}

static void check_attrs(ig_check *c, const ig_node *n) {
    size_t count = 0;
    for (const ig_attr *a = n->attrs; a; a = a->next, count++) {
        if (n->schema && !ig_schema_is_custom(n->schema)) check_attr(c, n, a);
        const ig_attr *same = n->attrs;
        for (size_t k = 0; k < count && k < 1000 && same->name != a->name; k++) same = same->next;
        if (same != a && same->name == a->name)
            ig_report_node(c, IG_ERROR, "attribute", n, "", "", "attribute '%.80s' is given twice", ig_name_text(a->name));
    }
    for (size_t i = 0; n->schema && i < n->schema->n_attrs; i++) {
        const ig_schema_attr *a = &n->schema->attrs[i];
        if (!a->required || ig_attr_given(n, a->name)) continue;
        ig_report_node(c, IG_ERROR, "attribute", n, "", "", "%s lacks the attribute '%s' (%s)", n->schema->name, a->name,
                       ig_attr_kind_name((ig_attr_kind)a->kind));
    }
}

/* --------------------------------------------------------------------------------------------------------------- nodes */

static void check_node(ig_check *c, const ig_node *n) {
    char problem[200];
    if (!n->op || !n->op[0]) return; /* the reader says so */
    if (!n->schema && !n->function) check_unresolved(c, n);
    if (n->schema && n->schema->deprecated) {
        ig_report_node(c, IG_WARNING, "deprecated-op", n, "", "", "%s is deprecated since opset %d of domain '%s'",
                       n->schema->name, n->schema->since, shown_domain(n->schema->domain));
    }
    if (!ig_node_arity(n, problem, sizeof problem)) {
        ig_report_node(c, IG_ERROR, "arity", n, "", "", "%s of version %d %s", n->schema->name, n->schema->since, problem);
    }
    if (n->function) {
        const ig_graph *body = n->function->body;
        if (body && (n->n_in > body->inputs.n || n->n_out > body->outputs.n)) {
            ig_report_node(c, IG_ERROR, "arity", n, "", "",
                           "the function %.80s has %zu inputs and %zu outputs, the call %u and %u", n->op, body->inputs.n,
                           body->outputs.n, n->n_in, n->n_out);
        }
    }
    check_attrs(c, n);
}

static void check_graph(ig_check *c, ig_graph *g) {
    for (const ig_node *n = g->first; n; n = n->next) check_node(c, n);
}

void ig_check_nodes(ig_check *c) { ig_check_each_graph(c, check_graph); }
