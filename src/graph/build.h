/* Building graphs in few words, for passes and lowering rules. A builder puts ai.onnx nodes before one place of a graph.
 * Failure is sticky: when memory runs out, `failed` is set, values come back NULL, and passing those on is harmless; ask once
 * at the end.
 *
 *     ig_build b = ig_build_before(node);
 *     ig_value *t = IG_BUILD(&b, "Transpose", x);
 *     ig_build_ints(&b, "perm", (int64_t[]){0, 2, 3, 1}, 4);      // attribute of the node made last
 *     ig_value *y = IG_BUILD(&b, "Add", t, ig_build_f32(&b, 1.5f));
 *     if (b.failed) return ig_oom(err);
 */
#ifndef IG_GRAPH_BUILD_H
#define IG_GRAPH_BUILD_H

#include "graph/graph.h"

typedef struct ig_build {
    ig_graph *graph;
    ig_node *before; /* new nodes go in front of it; NULL: to the end */
    ig_node *last;   /* node made last */
    bool failed;
} ig_build;

static inline ig_build ig_build_before(ig_node *node) { return (ig_build){.graph = node->graph, .before = node}; }
static inline ig_build ig_build_end(ig_graph *graph) { return (ig_build){.graph = graph}; }

/* A node with n_out fresh outputs; NULL entries of `in` are absent inputs, trailing ones are dropped. NULL when it failed. */
ig_node *ig_build_node(ig_build *b, const char *domain, const char *op, ig_value *const *in, size_t n_in, size_t n_out);
/* The only output of a new ai.onnx node. */
ig_value *ig_build_op(ig_build *b, const char *op, ig_value *const *in, size_t n_in);
#define IG_BUILD(b, op, ...)                                                                                                   \
    ig_build_op((b), (op), (ig_value *const[]){__VA_ARGS__}, IG_COUNT_OF(((ig_value *const[]){__VA_ARGS__})))
/* Output i of a node, NULL for a NULL node. */
static inline ig_value *ig_build_out(ig_node *node, uint32_t i) { return node ? node->out[i] : NULL; }

/* Attributes of the node made last. */
void ig_build_int(ig_build *b, const char *name, int64_t value);
void ig_build_float(ig_build *b, const char *name, float value);
void ig_build_str(ig_build *b, const char *name, const char *value);
void ig_build_ints(ig_build *b, const char *name, const int64_t *values, size_t n);

/* Constants (initializers of the model's main graph or of a function's body). */
ig_value *ig_build_tensor(ig_build *b, ig_tensor *tensor);             /* takes over the reference; NULL passes failure on */
ig_value *ig_build_i64(ig_build *b, int64_t value);                    /* scalar */
ig_value *ig_build_i64s(ig_build *b, const int64_t *values, size_t n); /* rank 1 */
ig_value *ig_build_f32(ig_build *b, float value);                      /* scalar */
ig_value *ig_build_f32s(ig_build *b, const float *values, size_t n);   /* rank 1 */
/* A scalar of any real type. */
ig_value *ig_build_scalar(ig_build *b, ig_dtype dtype, double value);
/* Casts to a type unless the value is known to have it. */
ig_value *ig_build_cast(ig_build *b, ig_value *value, ig_dtype dtype);
/* Gives an existing value (an output of the node being replaced) the new value's producer: every use of `old` reads `new`. */
void ig_build_replace(ig_build *b, ig_value *old, ig_value *with);

#endif
