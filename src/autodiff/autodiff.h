/* Reverse-mode differentiation of graphs. */
#ifndef IG_AUTODIFF_AUTODIFF_H
#define IG_AUTODIFF_AUTODIFF_H

#include "ops/sketch.h"

/* Adds nodes in front of `before` that compute the derivatives of the sum of y's elements with respect to each of xs, which are
 * taken to be independent of each other. All of them are values of before's graph, made before it. gradients: n entries, set to
 * values of the shapes of xs; NULL where y does not depend on x. Types must have been inferred. Operators without a gradient
 * rule that have a function body are replaced by it. IG_E_UNSUPPORTED names an operator that has neither. */
ig_status ig_differentiate(ig_node *before, ig_value *y, ig_value *const *xs, size_t n, ig_value **gradients, ig_error *err);

/* How one operator passes gradients on. A rule is a sketch, as text or made by a function: inputs are x0, x1, … (x is x0),
 * outputs y0, y1, … (y), gradients of the outputs g0, g1, … (g; absent ones are NULL, but for texts g is there); it assigns
 * d0, d1, … to gradients of inputs. Inputs it assigns nothing for get no gradient. Numbers have the type of g. */
typedef struct ig_gradient {
    const char *domain, *name;
    int since, until; /* schema versions, both included; until 0: newest */
    const char *text;
    void (*rule)(ig_sketch *s, const ig_node *node);
} ig_gradient;

const ig_gradient *ig_gradient_of(const ig_node *node); /* NULL: no rule */

/* For rules. */
bool ig_gradient_wanted(const ig_sketch *s, size_t input);
void ig_gradient_unsupported(ig_sketch *s, const char *what);
bool ig_gradient_has(const ig_sketch *s, const char *name);
/* Rank of a bound value; negative when unknown. */
int ig_gradient_rank(const ig_sketch *s, const char *name);

#endif
