/* Types and shapes of all values of a model, by each operator's own rule, and everything that contradicts them. */
#ifndef IG_INFER_INFER_H
#define IG_INFER_INFER_H

#include "graph/graph.h"

/* All fields 0 is the default. */
typedef struct ig_infer_options {
    const ig_dim_value *dims; /* values for named dims of the declared types */
    size_t n_dims;
    bool strict;         /* the first contradiction ends the inference with IG_E_INPUT, except "input-type" */
    bool no_propagation; /* contents of values are not computed: only constants are known, as without onnx's data_prop */
    bool tolerant;       /* a function that calls itself is passed over: whoever asks reports it otherwise */
    bool only_findings;  /* value->type stays as it is: for whoever wants to hear of contradictions only */
    bool fixed_defaults; /* inputs that have a default value are taken to keep it */
    /* Hears of every contradiction; texts live for the call. May be NULL. */
    void (*found)(void *user, const ig_finding *finding);
    void *user;
} ig_infer_options;

/* Infers the main graph, the graphs in it and the functions it calls, and sets value->type of every value of the main graph
 * and the graphs in it to what was declared and inferred together. What an operator can't be right with is a finding (rules
 * "type", "shape", "input-type"), its outputs keep their declared types. Nodes are resolved first. Unknown dims get symbols of
 * their own. `options` may be NULL. Errors: IG_E_INPUT (strict), IG_E_MEMORY, IG_E_LIMIT. */
ig_status ig_model_infer(ig_model *model, const ig_infer_options *options, ig_error *err);
/* Puts the inferred types where a file shows them: types of graph outputs, and a value_info for every value that a node makes.
 */
ig_status ig_model_record_types(ig_model *model, ig_error *err);

#endif
