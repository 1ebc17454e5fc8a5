/* Getting graphs ready to be lowered: in order, and with nothing in them that nobody needs. */
#include "formats/tensorflow/rules.h"

ig_function *ig_tf_find_function(const ig_tf_functions *library, ig_str name) {
    ig_name key = name.s ? ig_names_find(&library->model->names, name) : NULL;
    return key ? ig_map_get(&library->functions, IG_KEY(key)) : NULL;
}

/* ---- what changes something ---- */

/* Operators that change a variable or a table. */
static bool changes_state(const char *op) {
    static const char *const ops[] = {
        "Assign",
        "AssignAdd",
        "AssignSub",
        "AssignAddVariableOp",
        "AssignSubVariableOp",
        "AssignVariableOp",
        "CountUpTo",
        "InitializeTable",
        "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2",
        "InitializeTableV2",
        "LookupTableImport",
        "LookupTableImportV2",
        "LookupTableInsert",
        "LookupTableInsertV2",
        "LookupTableRemoveV2",
        "ResourceCountUpTo",
        "ResourceStridedSliceAssign",
        "StridedSliceAssign",
    };
    for (size_t i = 0; i < IG_COUNT_OF(ops); i++)
        if (strcmp(op, ops[i]) == 0) return true;
    ig_str name = ig_str_c(op);
    bool scatter =
        ig_str_starts(name, "Scatter") && !ig_str_is(name, "ScatterNd") && !ig_str_is(name, "ScatterNdNonAliasingAdd");
    return ig_str_starts(name, "ResourceScatter") || scatter;
}

static ig_status graph_changes(ig_tf_functions *library, const ig_graph *g, uint32_t depth, bool *changes);

static ig_status function_changes(ig_tf_functions *library, const ig_function *f, uint32_t depth, bool *changes) {
    static const char yes, no;
    const char *known = ig_map_get(&library->effects, IG_KEY(f));
    if (known) {
        *changes |= known == &yes;
        return IG_OK;
    }
    if (depth == 0)
        return ig_fail(library->err, IG_E_LIMIT, "functions call each other more than %u deep",
                       library->model->context->limits.depth);
    bool here = false;
    if (!ig_map_set(&library->effects, IG_KEY(f), (void *)(uintptr_t)&no)) return ig_oom(library->err); /* ends recursion */
    IG_TRY(graph_changes(library, f->body, depth - 1, &here));
    if (here && !ig_map_set(&library->effects, IG_KEY(f), (void *)(uintptr_t)&yes)) return ig_oom(library->err);
    *changes |= here;
    return IG_OK;
}

/* The functions that a node names in its attributes. */
static ig_status node_changes(ig_tf_functions *library, const ig_node *n, uint32_t depth, bool *changes) {
    if (changes_state(n->op)) *changes = true;
    for (const ig_attr *a = n->attrs; a && !*changes; a = a->next) {
        const ig_str *names = a->kind == IG_ATTR_STRING ? &a->s : a->kind == IG_ATTR_STRINGS ? a->strings : NULL;
        size_t count = a->kind == IG_ATTR_STRING ? 1 : a->n;
        for (size_t i = 0; names && i < count && !*changes; i++) {
            const ig_function *f = ig_tf_find_function(library, names[i]);
            if (f) IG_TRY(function_changes(library, f, depth, changes));
        }
    }
    return IG_OK;
}

static ig_status graph_changes(ig_tf_functions *library, const ig_graph *g, uint32_t depth, bool *changes) {
    for (const ig_node *n = g->first; n && !*changes; n = n->next) IG_TRY(node_changes(library, n, depth, changes));
    return IG_OK;
}

/* ---- order, and what is needed ---- */

static bool has_old_control_flow(const ig_graph *g) {
    static const char *const ops[] = {"Switch",   "RefSwitch", "Merge",   "RefMerge", "Enter",
                                      "RefEnter", "Exit",      "RefExit", "_SwitchN"};
    for (const ig_node *n = g->first; n; n = n->next)
        for (size_t i = 0; i < IG_COUNT_OF(ops); i++)
            if (strcmp(n->op, ops[i]) == 0) return true;
    return false;
}

/* The order of nodes says from here on what comes first. */
static bool drop_control(ig_graph *g) {
    for (ig_node *n = g->first; n; n = n->next)
        if (!ig_node_resize(n, ig_tf_n_in(n), n->n_out)) return false;
    for (size_t i = g->outputs.n; i-- > 0 && ig_tf_is_control(g->outputs.items[i].value);) ig_graph_drop_last_output(g);
    for (ig_node *n = g->first; n; n = n->next)
        if (!ig_node_resize(n, n->n_in, ig_tf_n_out(n))) return false;
    return true;
}

static ig_status drop_unneeded(ig_tf_functions *library, ig_graph *g) {
    for (ig_node *n = g->last, *previous; n; n = previous) {
        previous = n->previous;
        uint32_t uses = 0;
        bool changes = false;
        for (uint32_t o = 0; o < n->n_out; o++) uses += n->out[o] ? n->out[o]->n_uses : 0;
        if (uses) continue;
        IG_TRY(node_changes(library, n, library->model->context->limits.depth, &changes));
        if (!changes) ig_node_erase(n);
    }
    return IG_OK;
}

ig_status ig_tf_prepare(ig_tf_functions *library, ig_graph *g) {
    if (has_old_control_flow(g)) IG_TRY(ig_tf_functionalize(library, g));
    ig_status status = ig_graph_sort(g, library->err);
    if (status == IG_NO) {
        ig_error_hint(library->err, "the graph has a cycle that is no loop");
        if (library->err) library->err->status = IG_E_INPUT;
        return IG_E_INPUT;
    }
    if (status != IG_OK) return status;
    if (!drop_control(g)) return ig_oom(library->err);
    return drop_unneeded(library, g);
}
