/* Operators explained by simpler ones: the function bodies of ONNX in our own words (sketch.h). A session replaces a node that
 * it has no kernel for by its body; gradients go through the bodies of operators that have no gradient rule. */
#ifndef IG_OPS_EXPAND_EXPAND_H
#define IG_OPS_EXPAND_EXPAND_H

#include "ops/sketch.h"

typedef struct ig_expansion {
    const char *domain, *name;
    int since, until; /* schema versions, both included; until 0: newest */
    /* Inputs are x0, x1, … (x is x0); the results are y0, y1, … (or y). Either the text or the function, which binds the
     * results itself; that one leaves s->status at IG_E_UNSUPPORTED for a form that it can't explain. */
    const char *text;
    void (*body)(ig_sketch *s, const ig_node *node);
} ig_expansion;

/* The body of a resolved node's operator, or NULL. */
const ig_expansion *ig_expansion_of(const ig_node *node);
/* Replaces the node by its body. IG_E_UNSUPPORTED: nothing was changed that matters (new nodes may be dead). */
ig_status ig_node_expand(ig_node *node, const ig_expansion *expansion, ig_error *err);

/* Helpers of bodies. */
bool ig_sketch_has(const ig_sketch *s, const char *name); /* bound and not absent */
void ig_sketch_unsupported(ig_sketch *s, const char *what);
/* Shape of a bound value; false when the rank is unknown. */
bool ig_sketch_shape(const ig_sketch *s, const char *name, ig_shape *shape);

#endif
