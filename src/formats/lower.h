/* From a file's own operators to ONNX's. A reader leaves nodes in its domain ("tflite", "tensorflow", …); each domain has a
 * table of rules, op -> how, and one line in lowerings.def. Rules are applied to a copy of the model right before it is run or
 * converted; info and view show the file as it is.
 *
 * A rule builds ai.onnx nodes in front of the node, replaces the node's outputs by theirs, and returns IG_OK; the driver then
 * erases the node. When it can't (an argument ONNX has no words for) it returns ig_lower_refuse, which names the reason. All
 * nodes without a rule and all refusals of a model are reported in one error.
 */
#ifndef IG_FORMATS_LOWER_H
#define IG_FORMATS_LOWER_H

#include "graph/build.h"

typedef struct ig_lower {
    ig_model *model;
    ig_node *node; /* being lowered */
    ig_build b;    /* in front of it */
    const struct ig_lower_rule *rule;
    void *state; /* of the lowering, made by its `begin` */
    void *driver;
    ig_error *err;
    char reason[256]; /* of a refusal */
} ig_lower;

typedef ig_status (*ig_lower_fn)(ig_lower *l);

typedef struct ig_lower_rule {
    const char *op; /* in the domain */
    ig_lower_fn lower;
    const char *to; /* for rules that many operators share: the ONNX operator, or what the function makes of it */
    int64_t arg;
} ig_lower_rule;

typedef struct ig_lowering {
    const char *domain;
    const ig_lower_rule *rules; /* sorted by op (checked by a test) */
    size_t n_rules;
    /* Before the first and after the last rule; may be NULL. begin may set l->state, end must free it, also after a failure.
     * When the model imports the domain, begin comes before any graph is looked at, and may change graphs. */
    ig_status (*begin)(ig_lower *l);
    ig_status (*end)(ig_lower *l, ig_status so_far);
    /* Called for every node instead of l->rule->lower, which it calls; NULL: nothing stands between. */
    ig_lower_fn around;
} ig_lowering;

extern const ig_lowering *const ig_lowerings[];
extern const size_t ig_lowering_count;

/* NULL when the domain has none. */
const ig_lowering *ig_lowering_find(const char *domain);
const ig_lower_rule *ig_lower_rule_find(const char *domain, const char *op);
/* The node's input (output) i; NULL when absent or beyond. */
ig_value *ig_lower_in(const ig_lower *l, uint32_t i);
/* Makes every use of the node's output i read `value`. A value that has just been made takes over its type and name. */
void ig_lower_out(ig_lower *l, uint32_t i, ig_value *value);
/* Lowers at once the nodes from `first` up to, but without, `end` (NULL: to the last) of a graph: those of a body that a rule
 * has put in front of its node, or of a branch that it has made. */
ig_status ig_lower_range(ig_lower *l, ig_node *first, const ig_node *end);
/* Remembers why the node can't be lowered; returns IG_E_UNSUPPORTED. */
ig_status ig_lower_refuse(ig_lower *l, const char *format, ...) IG_PRINTF(2, 3);
/* At least this opset version of ai.onnx is imported by the model. */
ig_status ig_lower_need_opset(ig_lower *l, int64_t version);
/* For the end of a lowering: an output of a graph is the result of a node, each its own, and has the name that the file gave
 * it. False when memory runs out. */
bool ig_lower_separate_outputs(ig_graph *graph);
/* A ready rule: the same inputs and outputs under the ONNX operator rule->to, without attributes. */
ig_status ig_lower_rename(ig_lower *l);

/* Lowers every node of the model that has a lowering's domain, in all graphs and function bodies, and imports ai.onnx
 * (IG_LOWER_OPSET). A model without foreign nodes is left as it is. */
ig_status ig_model_lower(ig_model *model, ig_error *err);
/* True when the model imports a domain that is to be lowered. */
bool ig_model_is_foreign(const ig_model *model);
enum { IG_LOWER_OPSET = 23 };

#endif
