/* The one in-memory model, with ONNX's semantics. Start here.
 *
 * A model owns an arena: graphs, nodes, values, names and attributes live in it and die with it. A graph lists its nodes in
 * execution order. A node points to the values that it reads and writes; a value knows the node that makes it and every use,
 * also those inside subgraphs that capture it. Names are interned per model, so equal names are equal pointers.
 *
 * Graphs read from a file may be wrong in any way a file can express (two values of one name, a value nobody makes, cycles):
 * what the reader notices stands in model->findings, the check floor finds the rest. Edit operations keep a right graph right;
 * ig_model_validate says whether it is.
 */
#ifndef IG_GRAPH_GRAPH_H
#define IG_GRAPH_GRAPH_H

#include "base/base.h"
#include "graph/dim.h"
#include "graph/tensor.h"
#include "graph/type.h"

typedef struct ig_graph ig_graph;
typedef struct ig_node ig_node;
typedef struct ig_value ig_value;
typedef struct ig_attr ig_attr;
typedef struct ig_function ig_function;

struct ig_schema;
struct ig_op;

/* One entry of metadata_props and the like. */
typedef struct ig_prop {
    ig_str key, value;
    ig_span unknown;
} ig_prop;
typedef IG_VEC(ig_prop) ig_props;

/* ---------------------------------------------------------------------------------------------------------- constants */

/* Where a tensor's bytes lie when not in the model file. */
typedef struct ig_external {
    ig_str location;        /* relative to the model's folder */
    int64_t offset, length; /* length -1: not given, as many bytes as the type needs */
    ig_str checksum;
} ig_external;

/* A tensor stored in a model: initializer or attribute. Never changes. Its content is decoded on first use, because a file may
 * hold gigabytes that nobody asks for. */
typedef struct ig_const {
    ig_name name;
    ig_dtype dtype;
    int rank;
    const int64_t *dims;
    int64_t count;
    ig_tensor *tensor; /* content, or NULL: not decoded yet, see ig_const_tensor */
    bool sparse;       /* of COO form; tensor has kind IG_KIND_SPARSE */
    bool bad;          /* malformed; a finding says why. There is no tensor. */
    uint64_t bytes;    /* that the content takes in memory */
    const ig_external *external;
    ig_str doc;
    ig_props props;
    ig_span wire;   /* ONNX TensorProto or SparseTensorProto it was read from */
    ig_span origin; /* what `decode` of another format goes by: plain bytes of that format's own */
    /* Decodes wire or origin into tensor; set by the format that read it, NULL when tensor is there from the start. */
    ig_status (*decode)(ig_model *model, struct ig_const *c, ig_error *err);
} ig_const;

/* The content, decoded now if it must be (then not thread-safe). Owned by the constant. */
ig_status ig_const_tensor(ig_model *model, ig_const *c, ig_tensor **tensor, ig_error *err);
/* A new constant that takes over the reference to `tensor`. NULL when memory runs out (tensor is then freed). */
ig_const *ig_const_create(ig_model *model, ig_name name, ig_tensor *tensor);

/* --------------------------------------------------------------------------------------------------------- attributes */

/* The numbers are those of ONNX's AttributeProto.AttributeType. */
typedef enum ig_attr_kind {
    IG_ATTR_UNDEFINED = 0,
    IG_ATTR_FLOAT = 1,
    IG_ATTR_INT = 2,
    IG_ATTR_STRING = 3,
    IG_ATTR_TENSOR = 4,
    IG_ATTR_GRAPH = 5,
    IG_ATTR_FLOATS = 6,
    IG_ATTR_INTS = 7,
    IG_ATTR_STRINGS = 8,
    IG_ATTR_TENSORS = 9,
    IG_ATTR_GRAPHS = 10,
    IG_ATTR_SPARSE = 11,
    IG_ATTR_SPARSES = 12,
    IG_ATTR_TYPE = 13,
    IG_ATTR_TYPES = 14,
    IG_ATTR_KIND_COUNT
} ig_attr_kind;

/* ONNX's name ("INTS"). */
const char *ig_attr_kind_name(ig_attr_kind kind);

struct ig_attr {
    ig_attr *next;
    ig_name name;
    ig_attr_kind kind;
    ig_name ref; /* inside a function: takes the value of the caller's attribute of this name */
    ig_str doc;
    size_t n; /* entries of the list kinds */
    union {
        float f;
        int64_t i;
        ig_str s;
        ig_const *t; /* also sparse */
        ig_graph *g;
        const ig_type *type;
        const float *floats; /* n of them; may be unaligned in the file: they are copied to the arena, so no */
        const int64_t *ints;
        const ig_str *strings;
        ig_const *const *tensors;
        ig_graph *const *graphs;
        const ig_type *const *types;
    };
    ig_span wire;    /* ONNX AttributeProto, for kinds without graphs; written back as it was */
    ig_span unknown; /* unknown fields, for kinds with graphs */
};

/* -------------------------------------------------------------------------------------------------------------- values */

/* One place where a value is read: input `index` of `node`, or with node NULL output `index` of `graph`. */
typedef struct ig_use {
    struct ig_use *next, *previous;
    ig_node *node;
    ig_graph *graph;
    uint32_t index;
} ig_use;

/* How the whole numbers of a value stand for real ones, in formats that note this at the value and not in nodes:
 * real = scale * (number - zero_point). One scale for all, one for each slice of an axis (n is the size of that dim), or one
 * for each run of `block` elements along the last dim (n is the number of elements divided by block). Never changes. */
typedef struct ig_quant {
    size_t n;
    const float *scales;
    const int64_t *zero_points; /* n of them; NULL: all are 0 */
    int axis;                   /* of n > 1 slices */
    int64_t block;              /* 0: not by blocks */
} ig_quant;

struct ig_value {
    ig_name name;          /* unique within graph; NULL only while a value is being made */
    ig_graph *graph;       /* that defines it */
    const ig_type *type;   /* declared or inferred; NULL: unknown */
    ig_node *producer;     /* NULL: graph input, initializer or undefined */
    uint32_t index;        /* output of producer, or graph input number */
    bool is_input;         /* of graph; with `constant` set, an input with a default */
    ig_const *constant;    /* initializer, or NULL */
    const ig_quant *quant; /* NULL: its numbers mean themselves */
    ig_use *uses;
    uint32_t n_uses;
    uint32_t slot; /* scratch number for whoever walks the graph (planner, writer) */
};

/* A ValueInfo as the file lists it: for inputs, outputs and value_info. */
typedef struct ig_value_info {
    ig_value *value;
    ig_name name;
    const ig_type *type;
    ig_str doc;
    ig_props props;
    ig_span unknown;
} ig_value_info;

/* --------------------------------------------------------------------------------------------------------------- nodes */

struct ig_node {
    ig_node *next, *previous;
    ig_graph *graph;
    ig_name name, op, domain, overload; /* domain NULL or "": ai.onnx; see ig_node_domain */
    ig_value **in, **out;               /* NULL entries: absent optionals */
    uint32_t n_in, n_out;
    ig_attr *attrs;
    const struct ig_schema *schema; /* of the op's version in scope; NULL: unknown op or not resolved; see ops/schema.h */
    ig_function *function;          /* model-local function it calls, or NULL */
    bool pinned;                    /* schema is not that of the opset in scope (it came from a function of other imports, or
                                       from an expansion): resolving leaves it alone */
    ig_str doc;
    ig_props props;
    ig_span device_configurations; /* ONNX field 10 entries with their tags, as they were */
    ig_span unknown;
    uint32_t mark; /* scratch for whoever walks the graph */
};

struct ig_graph {
    ig_model *model;
    ig_graph *outer;       /* graph that holds `owner`; NULL for main graphs and function bodies */
    ig_node *owner;        /* node of which this is an attribute */
    ig_function *function; /* of which this is the body (also set for its subgraphs) */
    ig_name name;
    ig_node *first, *last;
    size_t n_nodes;
    IG_VEC(ig_value_info) inputs, outputs, value_infos;
    IG_VEC(ig_value *) initializers; /* in the file's order; sparse ones have constant->sparse */
    ig_map values;                   /* name -> ig_value defined here */
    ig_str doc;
    ig_props props;
    IG_VEC(ig_span) quantization_annotations; /* ONNX TensorAnnotation messages as they were */
    ig_span unknown;
};

typedef struct ig_opset {
    ig_name domain;                   /* never NULL; "" is ai.onnx */
    bool domain_given, version_given; /* the file says so, even if "" or 0 */
    int64_t version;
    ig_span unknown;
} ig_opset;
typedef IG_VEC(ig_opset) ig_opsets;

/* A model-local function: a graph template whose inputs and outputs have names only. */
struct ig_function {
    ig_name name, domain, overload;
    ig_graph *body;
    IG_VEC(ig_name) attributes;  /* without defaults */
    ig_attr *default_attributes; /* with defaults */
    ig_opsets opsets;
    ig_str doc;
    ig_props props;
    ig_span unknown;
};

typedef struct ig_training {
    ig_graph *initialization, *algorithm; /* may be NULL */
    ig_props initialization_binding, update_binding;
    ig_span unknown;
} ig_training;

/* --------------------------------------------------------------------------------------------------------------- model */

typedef enum ig_severity { IG_NOTE, IG_WARNING, IG_ERROR } ig_severity;

/* Something wrong or noteworthy. All texts are clean (see ig_text_clean) and live in the model's arena. */
typedef struct ig_finding {
    ig_severity severity;
    const char *rule;    /* short stable id: "shape", "type", "ssa", "external-data" … */
    const char *message; /* "weight has 3 input channels, input 'x' has 4" */
    const char *where;   /* "graph.node[12] 'conv1' (Conv), input 1 'w'"; may be "" */
    const char *hint;    /* may be "" */
} ig_finding;

struct ig_format;

struct ig_model {
    ig_context *context; /* retained */
    ig_arena arena;
    ig_names names;
    ig_syms syms;
    const struct ig_format *format; /* it was read by; NULL for a model made here */
    const char *path;               /* it was read from, or NULL */
    const char *folder;             /* that external data must stay in; NULL: none allowed */
    uint64_t file_size;
    IG_VEC(ig_buffer *) buffers; /* retained: files that spans point into */
    IG_VEC(ig_tensor *) tensors; /* retained: content of constants */
    atomic_int references;

    ig_graph *graph; /* main graph; never NULL after a successful read */
    IG_VEC(ig_function *) functions;
    IG_VEC(ig_training) trainings;
    ig_opsets opsets;
    int64_t ir_version; /* 0: not given */
    int64_t model_version;
    bool ir_version_given, model_version_given, graph_given; /* by the file */
    ig_str producer_name, producer_version, domain, doc;
    ig_props props;
    IG_VEC(ig_span) configurations; /* ONNX DeviceConfigurationProto messages as they were */
    ig_span unknown;
    IG_VEC(ig_finding) findings; /* of the reader */
    uint64_t n_nodes;            /* in all graphs, for limits */
};

/* An empty model with an empty main graph. */
ig_status ig_model_new(ig_model **model, ig_context *context, ig_error *err);
ig_model *ig_model_retain(ig_model *model);
/* Records a finding; false when memory runs out. Formats with %.80s as messages do. */
bool ig_model_find(ig_model *model, ig_severity severity, const char *rule, const char *where, const char *hint,
                   const char *format, ...) IG_PRINTF(6, 7);
/* Keeps a buffer alive as long as the model, taking over the caller's reference. */
bool ig_model_keep(ig_model *model, ig_buffer *buffer);
/* The kept buffer in which the bytes at p lie; NULL when they lie in none. */
ig_buffer *ig_model_buffer_of(const ig_model *model, const void *p);
ig_name ig_model_intern(ig_model *model, ig_str text, bool *ok);
/* Interned copy of a C string; NULL when memory runs out. */
ig_name ig_model_name(ig_model *model, const char *text);
/* A name that no value of any graph has, starting with `prefix`. */
ig_name ig_model_fresh_name(ig_model *model, const char *prefix);

/* Version of the domain in scope at a graph (its function's imports or the model's); 0: not imported. */
int64_t ig_graph_opset(const ig_graph *graph, ig_name domain);
/* "" for NULL, and "" for "ai.onnx". */
const char *ig_domain_canonical(ig_name domain);
static inline const char *ig_node_domain(const ig_node *node) { return ig_domain_canonical(node->domain); }
/* Where a node stands, for messages: "graph.node[12] 'conv1' (Conv)", "graph.node[3] (If).then_branch.node[0] (Add)",
 * "function 'local.f'.node[1] (Add)". Returns the length; cut to size. */
size_t ig_node_place(const ig_node *node, char *out, size_t size);
/* The same for a graph: "graph", "graph.node[3] (If).then_branch", "function 'local.f'". */
size_t ig_graph_place(const ig_graph *graph, char *out, size_t size);
/* True when the node is this operator of ai.onnx (domain "") or of the given domain. */
bool ig_node_is(const ig_node *node, const char *domain, const char *op);

/* ---------------------------------------------------------------------------------------------------------------- edit */

ig_graph *ig_graph_new(ig_model *model, ig_graph *outer, ig_node *owner);
/* A value named `name` (fresh when NULL) defined in the graph. NULL when memory runs out. */
ig_value *ig_value_new(ig_graph *graph, ig_name name, const ig_type *type);
/* The value that `name` means in the graph: its own, else an outer graph's. */
ig_value *ig_graph_find(const ig_graph *graph, ig_name name);
/* A node at the end of the graph with n_in absent inputs and n_out absent outputs. */
ig_node *ig_node_new(ig_graph *graph, ig_name op, ig_name domain, uint32_t n_in, uint32_t n_out);
/* Moves a node within its graph before `before` (NULL: to the end). */
void ig_node_move(ig_node *node, ig_node *before);
/* Sets an input (value NULL: absent), keeping uses right. False when memory runs out. */
bool ig_node_set_input(ig_node *node, uint32_t index, ig_value *value);
/* Makes the node the producer of `value` as its output `index` (NULL: absent). */
void ig_node_set_output(ig_node *node, uint32_t index, ig_value *value);
/* Changes the number of inputs or outputs; new ones are absent, dropped ones are detached. */
bool ig_node_resize(ig_node *node, uint32_t n_in, uint32_t n_out);
/* Takes a node out of its graph. Its outputs stay as undefined values; its subgraphs' uses are dropped too. */
void ig_node_erase(ig_node *node);
/* Every use of `from` reads `to` instead, graph outputs and captures included. */
bool ig_value_replace(ig_value *from, ig_value *to);
/* Removes a value that has no uses, no producer and is no input from its graph (and from the initializers). */
void ig_value_remove(ig_value *value);
bool ig_graph_add_input(ig_graph *graph, ig_value *value);
bool ig_graph_add_output(ig_graph *graph, ig_value *value);
/* Makes output `index` another value. */
bool ig_graph_set_output(ig_graph *graph, size_t index, ig_value *value);
/* Takes the last output off the graph's list. */
void ig_graph_drop_last_output(ig_graph *graph);
/* Takes all outputs off; the values stay. */
void ig_graph_clear_outputs(ig_graph *graph);
/* A graph input stops being one; the value stays. */
void ig_graph_remove_input(ig_value *value);
/* Gives a value another name, which no other value of its graph has, wherever the graph's lists have it. */
bool ig_value_rename(ig_value *value, ig_name name);
/* An initializer holding the constant, named by it. */
ig_value *ig_graph_add_initializer(ig_graph *graph, ig_const *constant);

ig_attr *ig_attr_find(const ig_node *node, const char *name);
/* Adds or replaces an attribute. The node's attributes belong to the model's arena. */
bool ig_attr_put(ig_node *node, const ig_attr *attr);
bool ig_attr_put_int(ig_node *node, const char *name, int64_t value);
bool ig_attr_put_float(ig_node *node, const char *name, float value);
bool ig_attr_put_str(ig_node *node, const char *name, const char *value);
bool ig_attr_put_ints(ig_node *node, const char *name, const int64_t *values, size_t n);
void ig_attr_remove(ig_node *node, const char *name);

/* Calls `visit` for the graph and all graphs in it, outer ones first; stops at the first status that isn't IG_OK. */
ig_status ig_graph_each(ig_graph *graph, ig_status (*visit)(ig_graph *graph, void *user), void *user);
/* Sorts nodes so that each comes after what it reads, keeping their order otherwise. IG_NO with an error naming a node when
 * there is a cycle. Subgraphs too. */
ig_status ig_graph_sort(ig_graph *graph, ig_error *err);
/* Erases nodes whose results nobody uses, and initializers without uses. Returns how many nodes went. */
size_t ig_graph_remove_dead(ig_graph *graph);
/* A model of its own with the same content; files and constants are shared. */
ig_status ig_model_clone(ig_model **out, const ig_model *model, ig_error *err);
/* Copies the nodes of `body` before `before` in `graph`, its inputs bound to `in` and its outputs returned in `out` (both as
 * many as the body has). Attributes that refer to the function's (ref) take the value of `call`'s attribute of that name, else
 * the default from `defaults`, else vanish. For inlining functions and branches. */
ig_status ig_graph_splice(ig_graph *graph, ig_node *before, const ig_graph *body, ig_value *const *in, ig_value **out,
                          const ig_node *call, const ig_attr *defaults, ig_error *err);
/* Adds what another model has to `to`: its functions, and inputs, outputs, weights, nodes of its main graph. Its input i is
 * `in[i]`, a value of `to`, where that isn't NULL. Names have to differ from those there; files and constants are shared. */
ig_status ig_model_append(ig_model *to, const ig_model *from, ig_value *const *in, ig_error *err);
/* For tests and after every pass in debug builds: uses, producers, names, order and lists agree. IG_E_INTERNAL says what not.
 */
ig_status ig_model_validate(const ig_model *model, ig_error *err);

#endif
