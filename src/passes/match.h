/* Questions that passes ask of a graph. */
#ifndef IG_PASSES_MATCH_H
#define IG_PASSES_MATCH_H

#include "graph/build.h"
#include "passes/passes.h"

/* The node that reads the value when exactly one does and it is no graph output; NULL otherwise. */
ig_node *ig_match_only_reader(const ig_value *v);
/* The content of a constant (not an input with a default), decoded and aligned; NULL otherwise or when memory runs out. */
const ig_tensor *ig_match_constant(const ig_value *v);
/* The same without regard to alignment, to be read through ig_load_as_i64 and the like. */
const ig_tensor *ig_match_content(const ig_value *v);
/* A constant with one real element, as a double. */
bool ig_match_scalar(const ig_value *v, double *value);
/* Both are known to be dense tensors of the same element type and equal shapes. */
bool ig_match_same_type(const ig_value *a, const ig_value *b);
bool ig_match_dtype(const ig_value *v, ig_dtype dtype);
/* Rank of a dense tensor; IG_UNRANKED when unknown. */
int ig_match_rank(const ig_value *v);

/* An elementwise function that is all that happens to a value: `out` is the result, made by one or two nodes. */
typedef struct ig_match_activation {
    const char *name; /* as ops/nn/activate.h knows it */
    float params[2];
    size_t n_params;
    ig_value *out;
    ig_node *nodes[2]; /* that make it; the second may be NULL */
} ig_match_activation;
bool ig_match_activation_of(ig_value *v, ig_match_activation *match);
/* Writes it as onnxruntime's fused operators have it: `activation` and `activation_params`. */
void ig_build_activation(ig_build *b, const ig_match_activation *activation);

/* Imports a domain unless the scope of the graph (model or function) does. False when memory runs out. */
bool ig_model_import(ig_graph *graph, const char *domain, int64_t version);
/* Copies all attributes of a node. */
bool ig_node_copy_attributes(ig_node *to, const ig_node *from);
/* Takes output `index` of a node away from its old producer and gives it to `to` as its output 0, then erases the nodes in
 * `old` (n of them; NULL entries are skipped), which must have no other uses. */
void ig_node_take_over(ig_node *to, ig_value *out, ig_node *const *old, size_t n);

#endif
