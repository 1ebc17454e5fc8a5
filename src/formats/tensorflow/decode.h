/* Reading TensorFlow's files into graphs of the domain "tensorflow": what graph.c (graphs, functions), node.c (attributes),
 * tensor.c (constants), bundle.c (checkpoints) and the formats on top of them (saved_model.c, frozen_graph.c, checkpoint.c)
 * share.
 *
 * How a graph of TensorFlow looks here. Nodes keep their names, operators and attributes. Attributes: numbers and texts as they
 * are, truth values as 0 and 1, element types by TensorFlow's name ("float32"), shapes as types without an element type, calls
 * by the function's name. Output i of node n is the value "n:i". A constant without control inputs is an initializer and no
 * node. A control input is an input like the others, behind them, of the opaque type "control", made by the last output of the
 * other node ("^n"); so the order that the file wants is an order of values. Resources and variants are opaque types too.
 * Functions of the library become functions of the domain "tensorflow.function", those that are called from the main graph. */
#ifndef IG_FORMATS_TENSORFLOW_DECODE_H
#define IG_FORMATS_TENSORFLOW_DECODE_H

#include "formats/format.h"
#include "formats/tensorflow/messages.h"
#include "formats/tensorflow/ops.h"

#define IG_TF_DOMAIN          "tensorflow"
#define IG_TF_FUNCTION_DOMAIN "tensorflow.function"

typedef struct ig_tf_reader {
    ig_model *model;
    ig_error *err;
    ig_buffer *file;        /* that messages lie in; kept by the model */
    ig_arena arena;         /* until the model is read */
    ig_map library;         /* name of a function -> its ig_tf_function, not decoded further */
    ig_map decoded;         /* name of a function -> ig_function, for those that are called */
    ig_map nodes;           /* of the main graph: name of a node -> ig_tf_place */
    IG_VEC(ig_name) called; /* functions whose bodies are still to be decoded */
    const ig_type *control, *resource, *variant;
    size_t n_findings;
    bool failed; /* a finding could not be kept: memory ran out */
} ig_tf_reader;

/* Where the outputs of a name are. */
typedef struct ig_tf_place {
    ig_node *node;           /* NULL: an argument or a constant */
    ig_value *value;         /* of one that is no node */
    const ig_tf_op_row *row; /* of the node's operator, or NULL */
} ig_tf_place;

ig_status ig_tf_reader_init(ig_tf_reader *r, ig_model *model, ig_buffer *file, ig_error *err);
void ig_tf_reader_free(ig_tf_reader *r);
/* Records that something is wrong; of very many only the first are told. */
void ig_tf_find(ig_tf_reader *r, ig_severity severity, const char *rule, const char *where, const char *format, ...)
    IG_PRINTF(5, 6);
/* The protobuf reader for messages in the file, with structs in `scratch`. */
static inline ig_pb_reader ig_tf_pb(const ig_tf_reader *r, ig_arena *scratch) {
    return (ig_pb_reader){scratch, r->file->data, r->model->context->limits.depth, r->err, NULL};
}
/* An interned name; NULL (and r->failed) when memory runs out. */
ig_name ig_tf_name(ig_tf_reader *r, ig_str text);

/* ---- graph.c ---- */

/* Decodes a GraphDef into the main graph, and the functions that it calls. */
ig_status ig_tf_read_graph(ig_tf_reader *r, const ig_tf_graph *pb);
/* The value that a name like "node:0", "node" (output 0) or "^node" means in the main graph; NULL when there is none. */
ig_status ig_tf_find_value(ig_tf_reader *r, ig_str name, ig_value **out);
/* The output of a node of the main graph that says that it has run. */
ig_status ig_tf_control_output(ig_tf_reader *r, ig_node *node, ig_value **out);
/* Makes `value` (of a placeholder, or any other) an input of the main graph: whoever read it reads the input. */
ig_status ig_tf_make_input(ig_tf_reader *r, ig_value *value, ig_name name, const ig_type *type, ig_value **out);
/* Erases the nodes of the main graph that no graph output and none of the `roots` need, and functions that nobody calls. */
ig_status ig_tf_prune(ig_tf_reader *r, ig_node *const *roots, size_t n);

/* frozen_graph.c: for graphs that don't say what their inputs and outputs are. Placeholders that are read become inputs, those
 * with a constant default keep it; results of the main graph that nobody reads become outputs. */
ig_status ig_tf_make_inputs(ig_tf_reader *r);
ig_status ig_tf_make_outputs(ig_tf_reader *r);

/* True for outputs and inputs that only say what comes first. */
bool ig_tf_is_control(const ig_value *value);
/* Inputs and outputs without those of control. */
uint32_t ig_tf_n_in(const ig_node *node);
uint32_t ig_tf_n_out(const ig_node *node);

/* ---- node.c ---- */

/* Attributes of a NodeDef. Functions that they name are noted as called. */
ig_status ig_tf_read_attrs(ig_tf_reader *r, ig_node *node, ig_tf_attr *const *attrs, size_t n, ig_arena *scratch);
/* How many tensors an output of an operator is, by the attributes of the node. */
uint32_t ig_tf_output_count(const ig_node *node, const ig_tf_output *output);
/* The type of tensor k of an output: NULL when it isn't known. */
const ig_type *ig_tf_output_type(ig_tf_reader *r, const ig_node *node, const ig_tf_output *output, uint32_t k);

/* ---- tensor.c ---- */

/* The type for a shape (NULL: unknown) and an element type; opaque for resources and variants. NULL: out of memory. */
const ig_type *ig_tf_make_type(ig_tf_reader *r, int32_t type, const ig_tf_shape *shape);
/* Dims of a shape that must be known: in the model's arena. False when it is not, or has too many. */
bool ig_tf_dims(ig_model *model, const ig_tf_shape *shape, int *rank, int64_t **dims);
/* The constant of a TensorProto. Its content stays in the file where it can; what is wrong is a finding at `where`. */
ig_status ig_tf_read_const(ig_tf_reader *r, const ig_tf_tensor *pb, ig_name name, const char *where, ig_const **out);
/* Lays n elements of TensorFlow's, one byte each and possibly smaller, into a tensor's packed content. */
void ig_tf_pack_bits(ig_dtype dtype, void *to, const uint8_t *from, size_t n);

#endif
