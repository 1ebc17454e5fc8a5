/* How much a node computes. */
#ifndef IG_INFER_WORK_H
#define IG_INFER_WORK_H

#include "graph/graph.h"

/* Multiply-adds of the node for inputs and outputs of these types (NULL entries: absent or unknown): of convolutions, matrix
 * products, recurrences, attention; 0 for all other operators, which are cheap beside them, and when the shapes that matter are
 * not known. Bodies of graph attributes don't count. */
uint64_t ig_node_multiply_adds(const ig_node *node, const ig_type *const *in, size_t n_in, const ig_type *const *out,
                               size_t n_out);
/* True when the operator is one of those whose work is counted. */
bool ig_node_has_work(const ig_node *node);

#endif
