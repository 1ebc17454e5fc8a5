/* Inside of the check: the report and the rules. */
#ifndef IG_CHECK_CHECK_H
#define IG_CHECK_CHECK_H

#include "graph/graph.h"
#include "ops/schema.h"

struct ig_report {
    ig_context *context; /* retained */
    ig_arena arena;
    IG_VEC(ig_finding) items;
    IG_VEC(struct ig_rule_count {
        const char *rule;
        size_t n;
    }) counts;
    size_t errors, warnings; /* also those that are not listed */
    bool failed;             /* memory ran out */
};

typedef struct ig_check {
    ig_report *report;
    ig_model *model;
    const ig_check_options *options;
} ig_check;

/* A rule looks at the whole model. The list is rules.def. */
typedef void (*ig_check_fn)(ig_check *c);

/* An empty report; NULL when memory runs out. */
ig_report *ig_report_new(ig_context *context);
/* Adds a finding. Of one rule at most IG_REPORT_MOST are listed, the rest only counted: a hostile file can have millions. */
enum { IG_REPORT_MOST = 100 };
bool ig_report_lists(const ig_check *c, const char *rule); /* false when the next one would only be counted */
void ig_report_add(ig_check *c, ig_severity severity, const char *rule, const char *where, const char *hint, const char *format,
                   ...) IG_PRINTF(6, 7);
/* The same at a node (place in its graph, then `which` if not empty: "input 1 'w'"). */
void ig_report_node(ig_check *c, ig_severity severity, const char *rule, const ig_node *node, const char *which,
                    const char *hint, const char *format, ...) IG_PRINTF(7, 8);
void ig_report_graph(ig_check *c, ig_severity severity, const char *rule, const ig_graph *graph, const char *which,
                     const char *hint, const char *format, ...) IG_PRINTF(7, 8);

/* Calls `visit` for every graph of the model: main graph, bodies of functions, training graphs, and all graphs in them. */
void ig_check_each_graph(ig_check *c, void (*visit)(ig_check *c, ig_graph *graph));
/* True when a value (with a producer) is computed before `node`, which may stand in a graph inside the value's. node->mark is
 * the node's position in its graph. */
bool ig_check_computed_before(const ig_value *value, const ig_node *node);
/* The node of `graph` that `node` is, or stands inside of; NULL when it isn't inside. */
const ig_node *ig_check_at_level(const ig_graph *graph, const ig_node *node);
/* "f.A" or "A". */
const char *ig_function_text(const ig_function *f, char *out, size_t size);

#endif
