/* Inside of the inference: shared by its files only. */
#ifndef IG_INFER_ENGINE_H
#define IG_INFER_ENGINE_H

#include "infer/infer.h"
#include "ops/op.h"

typedef struct ig_engine {
    ig_model *model;
    const ig_infer_options *options;
    ig_error *err;
    ig_error why;             /* of the operator at hand */
    ig_arena arena;           /* types, contents and frames until the end */
    ig_map operators;         /* schema -> const ig_op, or &no_op */
    ig_map functions;         /* ig_function -> ig_engine_function */
    ig_map reported;          /* hashes of findings: one that comes again is not reported again */
    IG_VEC(ig_tensor *) made; /* contents computed on the way; freed at the end */
    uint64_t budget;          /* of n_nodes */
    uint64_t n_nodes;         /* inferred so far, bodies as often as they were */
    uint32_t depth;           /* of graphs and calls */
    ig_status stopped;        /* what ended the inference inside a body: operators only pass it on */
} ig_engine;

/* What is known of the values of one graph and the graphs in it: of the main graph, or of a function's body for one call.
 * Arrays are indexed by value->slot. */
typedef struct ig_infer_frame {
    ig_engine *e;
    const ig_type **declared, **types;
    const ig_ints **ints;
    const ig_tensor **data; /* contents that are known whole */
    bool *absent;           /* inputs of the function that the call doesn't give; NULL in the main graph */
    const ig_node *call;    /* with attributes that have values; NULL in the main graph */
    const struct ig_infer_frame *caller;
} ig_infer_frame;

/* One node's arguments and results on the way. Arrays are as long as the node's inputs and outputs. */
typedef struct ig_step_types {
    const ig_node *node;
    const ig_type **in, **out;
    const ig_tensor **data, **out_data;
    const ig_ints **ints, **out_ints;
} ig_step_types;

/* ---- infer.c */
ig_status ig_infer_graph(ig_infer_frame *f, ig_graph *graph, const ig_type *const *in, size_t n);
/* Numbers the values of a graph and the graphs in it (value->slot). */
typedef struct ig_numbered {
    ig_arena *arena;
    IG_VEC(ig_value *) values;
    bool failed;
} ig_numbered;
void ig_number_values(ig_numbered *list, ig_graph *graph);
bool ig_infer_frame_init(ig_infer_frame *f, ig_engine *e, const ig_numbered *list);

/* ---- calls.c: functions of the model */
typedef struct ig_engine_function ig_engine_function;
ig_status ig_infer_call(ig_infer_frame *f, ig_step_types *s);
/* The node as the call makes it: attributes that refer to the function's have values, absent inputs are absent. The node
 * itself where nothing changes; NULL when memory runs out. */
const ig_node *ig_infer_bound_node(ig_infer_frame *f, const ig_node *node);

/* ---- contents.c: data propagation */
/* What is known whole of a value that is small. */
const ig_tensor *ig_infer_content(ig_infer_frame *f, const ig_value *v);
/* Computes outputs of a node whose inputs are known. */
ig_status ig_infer_evaluate(ig_infer_frame *f, ig_step_types *s, const ig_op *op);

/* ---- merge.c: types */
typedef struct ig_merge_problem {
    const char *rule; /* "type" or "shape"; NULL: none */
    int dim;          /* that differs, -1: not a dim */
} ig_merge_problem;
/* What both say together, in the arena; the first where they contradict each other. */
const ig_type *ig_type_merge(ig_arena *arena, const ig_type *a, const ig_type *b, ig_merge_problem *problem);
/* The type with a symbol for each unknown dim of a tensor. */
const ig_type *ig_type_freshen(ig_arena *arena, ig_syms *syms, const ig_type *type);
/* The type without dims that `drop` says to forget. */
const ig_type *ig_type_forget(ig_arena *arena, const ig_type *type, bool (*drop)(ig_dim d, uint32_t user), uint32_t user);
const ig_type *ig_type_substitute(ig_arena *arena, ig_syms *syms, const ig_type *type, const ig_infer_options *o);

/* ---- constraints.c: what the schema says */
/* Checks inputs against the schema's types and completes the types of outputs from it. */
ig_status ig_infer_check_inputs(ig_infer_frame *f, const ig_step_types *s);
void ig_infer_fill_outputs(ig_infer_frame *f, ig_step_types *s);

/* ---- report.c */
#define IG_RULE_INPUT_TYPE "input-type" /* an input has a type that the schema doesn't allow */
/* Reports a contradiction at a node (NULL: of the graph); `which` names the input or output or is "". Returns IG_OK to go on.
 */
ig_status ig_infer_report(ig_engine *e, ig_severity severity, const char *rule, const ig_graph *graph, const ig_node *node,
                          const char *which, const char *hint, const char *format, ...) IG_PRINTF(8, 9);

#endif
