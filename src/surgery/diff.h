/* Inside of the comparison of models: diff.c (models, values, weights), diff_nodes.c (graphs), diff_value.c (contents, texts).
 */
#ifndef IG_SURGERY_DIFF_H
#define IG_SURGERY_DIFF_H

#include "graph/graph.h"

struct ig_differences {
    ig_context *context;
    ig_arena arena;
    IG_VEC(ig_difference_item) items;
};

typedef struct ig_diff {
    ig_differences *out;
    ig_arena *arena; /* of out */
    ig_model *a, *b;
    ig_map same; /* value before -> the value that it is after */
    ig_error *err;
} ig_diff;

/* Notes a change; texts are copied and cleaned, and may be NULL. */
ig_status ig_diff_add(ig_diff *d, const char *what, const char *how, const char *where, const char *before, const char *after);
/* The item noted last, for what else is known of it. */
ig_difference_item *ig_diff_last(ig_diff *d);

/* diff_nodes.c: nodes of two graphs, and graphs in them. `where` is what their places begin with ("" for main graphs). */
ig_status ig_diff_graphs(ig_diff *d, ig_graph *a, ig_graph *b);

/* diff_value.c */
typedef struct ig_content_diff {
    bool same, numbers; /* numbers: what follows is known */
    uint64_t count, changed;
    double max_abs, norm, relative;
} ig_content_diff;
/* Compares contents of one type and shape. */
ig_status ig_diff_content(ig_diff *d, ig_const *a, ig_const *b, ig_content_diff *out);
bool ig_diff_same_const_type(const ig_const *a, const ig_const *b);
bool ig_diff_same_attr(ig_diff *d, const ig_attr *a, const ig_attr *b, ig_status *status);
/* "float[2,3]" */
const char *ig_diff_const_text(ig_diff *d, const ig_const *c);
const char *ig_diff_type_text(ig_diff *d, const ig_type *type);
/* "[1, 2]", "'linear'", "float[2,3]", "graph"; long lists are cut. NULL for NULL. */
const char *ig_diff_attr_text(ig_diff *d, const ig_attr *attr);

#endif
