#include "infer/engine.h"

#include <stdarg.h>
#include <stdio.h>

/* True when this finding was not reported before. Memory running out only means that it may come twice. */
static bool is_new(ig_engine *e, const ig_finding *f) {
    uint64_t h =
        ig_hash(f->message, strlen(f->message), ig_hash(f->where, strlen(f->where), ig_hash(f->rule, strlen(f->rule), 0)));
    if (ig_map_get(&e->reported, h)) return false;
    ig_map_set(&e->reported, h, e);
    return true;
}

ig_status ig_infer_report(ig_engine *e, ig_severity severity, const char *rule, const ig_graph *graph, const ig_node *node,
                          const char *which, const char *hint, const char *format, ...) {
    char message[1200], where[900];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    size_t n = node ? ig_node_place(node, where, sizeof where) : ig_graph_place(graph, where, sizeof where);
    snprintf(where + n, sizeof where - n, "%s%s", which[0] ? ", " : "", which);
    /* Strictness is about shapes and declared types, as with onnx: its tests have inputs of types that operators don't take. */
    if (e->options->strict && strcmp(rule, IG_RULE_INPUT_TYPE) != 0) {
        ig_fail(e->err, IG_E_INPUT, "%s", message);
        ig_error_at(e->err, "%s", where);
        if (hint && hint[0]) ig_error_hint(e->err, "%s", hint);
        return IG_E_INPUT;
    }
    ig_finding finding = {.severity = severity, .rule = rule, .message = message, .where = where, .hint = hint ? hint : ""};
    if (e->options->found && is_new(e, &finding)) e->options->found(e->options->user, &finding);
    return IG_OK;
}
