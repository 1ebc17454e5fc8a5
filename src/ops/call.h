/* What stands behind ig_call: for executors, not for operators. */
#ifndef IG_OPS_CALL_H
#define IG_OPS_CALL_H

#include "ops/op.h"

typedef struct ig_scratch_block ig_scratch_block;

/* Scratch memory that grows to what a run needs and is then used again without allocating. */
typedef struct ig_scratch {
    ig_context *context;
    ig_scratch_block *blocks; /* newest first; the newest is the largest */
    size_t used;              /* of the newest */
} ig_scratch;

void ig_scratch_init(ig_scratch *scratch, ig_context *context);
void ig_scratch_free(ig_scratch *scratch);
void ig_scratch_reset(ig_scratch *scratch); /* forgets the content, keeps the room */
void *ig_scratch_alloc(ig_scratch *scratch, size_t bytes);

typedef struct ig_call_env {
    ig_scratch *scratch;
    ig_tensor **made; /* n_out entries: references that the kernel made or handed over */
    ig_status (*graph)(ig_call *c, const char *attr, ig_tensor *const *in, size_t n, ig_tensor **out);
    uint64_t seed; /* of this step in this run */
    void *frame;   /* whose graphs `graph` runs */
} ig_call_env;

/* IG_E_INPUT when the node has another number of inputs or outputs than its operator, inputs of a kind it doesn't know, or
 * different element types where it wants one. in, data: n_in entries, NULL where nothing is known. */
ig_status ig_node_accepts(const ig_node *node, const ig_type *const *in, const ig_tensor *const *data, ig_error *err);
/* Infers the outputs of one node from concrete types, after ig_node_accepts. in, data: n_in entries (NULL: unknown). out: n_out
 * entries, set to types in the arena or NULL where nothing is known. Errors name the node. */
ig_status ig_step_infer(const ig_op *op, const ig_node *node, const ig_type *const *in, const ig_tensor *const *data,
                        const ig_type **out, ig_arena *arena, ig_error *err);
/* Calls a kernel whose outputs `out` (n_out; planned tensors or NULL) are made as far as shapes are known: makes the missing
 * ones, calls, and leaves all new references in env->made. */
ig_status ig_step_run(const ig_op *op, ig_call *c);
/* Infers and runs one node on its own: new references come out (NULL for absent outputs). Nodes with graph attributes are
 * IG_E_UNSUPPORTED. Results larger than max_bytes in all are refused with IG_E_LIMIT before the kernel runs. */
ig_status ig_node_evaluate(const ig_op *op, const ig_node *node, ig_context *context, const ig_tensor *const *in,
                           ig_tensor **out, uint64_t max_bytes, ig_error *err);
/* "node 'conv1' (Conv)" in front of where an error happened. */
void ig_error_at_node(ig_error *err, const ig_node *node);

#endif
