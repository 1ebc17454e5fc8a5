/* What the standards say an operator is: every version of every operator as constant tables, made by tools/make_schemas.py
 * from the facts in the Python packages onnx and onnxruntime. */
#ifndef IG_OPS_SCHEMA_H
#define IG_OPS_SCHEMA_H

#include "graph/graph.h"

/* Newest version of the file format that is known. */
enum { IG_IR_NEWEST = 14 };

typedef enum ig_option { IG_SINGLE, IG_OPTIONAL, IG_VARIADIC } ig_option;

/* The types that a type parameter stands for; bit t of a mask is ig_dtype t. */
typedef struct ig_type_set {
    const char *name; /* "T", or for a fixed type its own text "tensor(int64)" */
    uint32_t tensor, sparse, sequence, optional, optional_sequence;
    const char *others; /* space-separated texts of types that masks can't say ("map(int64,float)"), or NULL */
} ig_type_set;

/* A formal input or output. */
typedef struct ig_formal {
    const char *name;
    uint16_t types;    /* index into the schema's type sets */
    uint8_t option;    /* ig_option */
    uint8_t min_arity; /* of a variadic one */
    bool homogeneous;  /* all arguments of a variadic one have the same type */
} ig_formal;

typedef struct ig_schema_attr {
    const char *name;
    uint8_t kind; /* ig_attr_kind */
    bool required, has_default;
    int64_t i;        /* default of an INT */
    float f;          /* of a FLOAT */
    const char *s;    /* of a STRING */
    const void *list; /* of INTS (int64_t), FLOATS (float) or STRINGS (ig_str) */
    size_t n;
} ig_schema_attr;

typedef struct ig_schema {
    const char *domain; /* "" is ai.onnx */
    const char *name;
    int since; /* first opset version with this definition */
    bool deprecated, is_function;
    uint16_t min_in, max_in, min_out, max_out; /* UINT16_MAX: no bound */
    uint8_t n_in, n_out, n_attrs, n_types;
    const ig_formal *in, *out;
    const ig_schema_attr *attrs;
    const ig_type_set *types;
} ig_schema;

/* All schemas, sorted by domain, name, version. */
extern const ig_schema ig_schemas[];
extern const size_t ig_schema_count;

/* The definition in force at an opset version of the domain; NULL when there is none. A deprecated one is returned. */
const ig_schema *ig_schema_find(const char *domain, const char *name, int64_t opset);
/* Any version of it, the newest: to say "came with opset 20". NULL: no such operator. */
const ig_schema *ig_schema_newest(const char *domain, const char *name);
/* The IR version that came with an opset version of ai.onnx, or before it (onnx/docs/Versioning.md, table of releases). */
int64_t ig_ir_of_opset(int64_t opset);
/* Newest opset version of a domain that the tables know; 0: unknown domain. */
int64_t ig_domain_newest(const char *domain);
const ig_schema_attr *ig_schema_attr_find(const ig_schema *schema, const char *name);
/* The formal of actual input (output) i, following the last one when variadic; NULL when there are not so many. */
const ig_formal *ig_schema_input(const ig_schema *schema, size_t i);
const ig_formal *ig_schema_output(const ig_schema *schema, size_t i);
/* True when a value of this type may stand where the set does. What isn't known of the type fits; so does NULL. */
bool ig_type_set_has(const ig_type_set *set, const ig_type *type);
/* "tensor(float), tensor(double), seq(tensor(float))" for messages. Returns the length; cut to size. */
size_t ig_type_set_text(const ig_type_set *set, char *out, size_t size);

/* True when the node has as many inputs and outputs as its schema allows, none of them absent that must be there. Otherwise
 * says in `problem` what is wrong ("takes 2 inputs, has 1"). True for a node without schema. */
bool ig_node_arity(const ig_node *node, char *problem, size_t size);

/* Sets node->schema (and node->function for calls of model-local functions) in the graph and all graphs in it. Model-local
 * functions come before operators of the same name. */
void ig_model_resolve(ig_model *model);
void ig_node_resolve(ig_node *node);
/* After that: an operator that came with a later opset than the model imports gets its first definition. Checks report it; who
 * runs a model does what can only be meant. */
void ig_model_resolve_early(ig_model *model);

/* ---- attribute values of a resolved node: what the node says, else the schema's default, else 0 / absent / NULL ---- */
bool ig_attr_given(const ig_node *node, const char *name); /* by the node itself */
int64_t ig_attr_int(const ig_node *node, const char *name);
float ig_attr_float(const ig_node *node, const char *name);
ig_str ig_attr_str(const ig_node *node, const char *name);
const int64_t *ig_attr_ints(const ig_node *node, const char *name, size_t *n);
const float *ig_attr_floats(const ig_node *node, const char *name, size_t *n);
const ig_str *ig_attr_strs(const ig_node *node, const char *name, size_t *n);
ig_graph *ig_attr_graph(const ig_node *node, const char *name);
ig_const *ig_attr_const(const ig_node *node, const char *name);
const ig_type *ig_attr_type(const ig_node *node, const char *name);
/* True when a STRING attribute (or its default) equals `text`. */
bool ig_attr_is(const ig_node *node, const char *name, const char *text);

#endif
