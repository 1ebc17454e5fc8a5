/* Rules about model-local functions: recursion, outputs, attributes. That names are unique the reader sees. */
#include "check/check.h"

#include <stdio.h>

void ig_check_functions(ig_check *c);

static void place(const ig_function *f, char *out, size_t size) {
    char name[200];
    snprintf(out, size, "function '%.180s'", ig_function_text(f, name, sizeof name));
}

/* ----------------------------------------------------------------------------------------------------------- recursion */

/* Functions that a function calls, in order. */
typedef struct callees {
    ig_arena *arena;
    IG_VEC(ig_function *) list;
    uint8_t state; /* 0 new, 1 on the path, 2 done */
    size_t next;   /* of list to visit */
    const ig_function *function;
    bool failed;
} callees;

static ig_status collect_calls(ig_graph *graph, void *user) {
    callees *k = user;
    for (const ig_node *n = graph->first; n; n = n->next)
        if (n->function && !IG_PUSH(k->arena, &k->list, n->function)) k->failed = true;
    return IG_OK;
}

static callees *callees_of(ig_check *c, ig_map *all, ig_arena *arena, const ig_function *f) {
    callees *k = ig_map_get(all, IG_KEY(f));
    if (k) return k;
    k = IG_NEW(arena, callees);
    if (!k || !ig_map_set(all, IG_KEY(f), k)) {
        c->report->failed = true;
        return NULL;
    }
    k->arena = arena;
    k->function = f;
    if (f->body) ig_graph_each(f->body, collect_calls, k);
    if (k->failed) c->report->failed = true;
    return k;
}

static void report_cycle(ig_check *c, callees *const *path, size_t n, const callees *again) {
    size_t start = n;
    while (start > 0 && path[start - 1] != again) start--;
    char where[240], chain_text[800], name[200];
    size_t at = 0;
    place(again->function, where, sizeof where);
    for (size_t i = start - 1; i < n && at < sizeof chain_text; i++) {
        at += (size_t)snprintf(chain_text + at, sizeof chain_text - at, "%s -> ",
                               ig_function_text(path[i]->function, name, sizeof name));
    }
    ig_function_text(again->function, name, sizeof name);
    const char *hint = "functions can't be recursive; use Loop";
    if (start == n) {
        ig_report_add(c, IG_ERROR, "function-recursion", where, hint, "function %s calls itself", name);
    } else {
        ig_report_add(c, IG_ERROR, "function-recursion", where, hint, "functions call each other: %s%s", chain_text, name);
    }
}

/* Depth first without recursion: files can have chains of thousands of functions. */
static void check_recursion(ig_check *c, ig_arena *scratch) {
    ig_map all;
    ig_map_init(&all, scratch);
    size_t n_functions = c->model->functions.n;
    callees **path = IG_NEW_ARRAY(scratch, callees *, n_functions + 1);
    if (!path) c->report->failed = true;
    for (size_t i = 0; i < n_functions && path; i++) {
        size_t n = 0;
        path[n++] = callees_of(c, &all, scratch, c->model->functions.items[i]);
        if (!path[0] || path[0]->state) continue;
        path[0]->state = 1;
        while (n) {
            callees *top = path[n - 1];
            if (top->next == top->list.n) {
                top->state = 2;
                n--;
                continue;
            }
            callees *next = callees_of(c, &all, scratch, top->list.items[top->next++]);
            if (!next) return;
            if (next->state == 1) report_cycle(c, path, n, next);
            if (next->state) continue;
            next->state = 1;
            path[n++] = next;
        }
    }
}

/* ---------------------------------------------------------------------------------------------------------- signatures */

static bool declares(const ig_function *f, ig_name attr) {
    for (size_t i = 0; i < f->attributes.n; i++)
        if (f->attributes.items[i] == attr) return true;
    for (const ig_attr *a = f->default_attributes; a; a = a->next)
        if (a->name == attr) return true;
    return false;
}

static void check_references(ig_check *c, ig_graph *graph) {
    for (const ig_node *n = graph->first; n; n = n->next)
        for (const ig_attr *a = n->attrs; a; a = a->next) {
            if (!a->ref || (graph->function && declares(graph->function, a->ref))) continue;
            const char *why = graph->function ? "which the function doesn't declare" : "but stands in no function";
            ig_report_node(c, IG_ERROR, "attribute", n, "", "", "attribute '%.80s' refers to the attribute '%.80s', %s",
                           ig_name_text(a->name), a->ref, why);
        }
}

static void check_names(ig_check *c, const ig_function *f, const char *where) {
    for (size_t i = 0; i < f->attributes.n; i++) {
        bool twice = false;
        for (size_t k = 0; k < i && i < 1000; k++) twice |= f->attributes.items[k] == f->attributes.items[i];
        for (const ig_attr *a = f->default_attributes; a; a = a->next) twice |= a->name == f->attributes.items[i];
        if (twice)
            ig_report_add(c, IG_ERROR, "function", where, "", "attribute '%.80s' is declared twice",
                          ig_name_text(f->attributes.items[i]));
    }
    const ig_graph *body = f->body;
    for (size_t i = 0; i < body->outputs.n; i++)
        for (size_t k = 0; k < i && i < 1000; k++)
            if (body->outputs.items[k].name == body->outputs.items[i].name)
                ig_report_add(c, IG_ERROR, "function", where, "", "output '%.80s' is declared twice",
                              ig_name_text(body->outputs.items[i].name));
}

void ig_check_functions(ig_check *c) {
    ig_arena scratch;
    ig_arena_init(&scratch, c->model->context);
    check_recursion(c, &scratch);
    for (size_t i = 0; i < c->model->functions.n; i++) {
        const ig_function *f = c->model->functions.items[i];
        char where[240];
        place(f, where, sizeof where);
        if (f->body) check_names(c, f, where);
    }
    ig_check_each_graph(c, check_references);
    ig_arena_free(&scratch);
}
