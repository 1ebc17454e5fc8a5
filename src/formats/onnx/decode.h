/* Inside of the ONNX reader: what decode.c (models, graphs, functions), decode_node.c (nodes, attributes), decode_value.c
 * (types, value infos, constants) and external.c (other files) share. */
#ifndef IG_FORMATS_ONNX_DECODE_H
#define IG_FORMATS_ONNX_DECODE_H

#include "formats/format.h"
#include "formats/onnx/messages.h"
#include "formats/onnx/tensor.h"

/* How often a rule was broken. A damaged file can break one a million times: the first ones are told, the others counted. */
typedef struct ig_onnx_count {
    const char *rule;
    ig_severity severity;
    size_t n;
} ig_onnx_count;

enum { IG_ONNX_TOLD = 50 };

typedef struct ig_onnx_reader {
    ig_model *model;
    ig_error *err;
    ig_buffer *file;
    ig_arena arena;     /* until the model is read */
    uint32_t depth;     /* graphs under way, one in the other */
    ig_map files;       /* interned location -> ig_onnx_file */
    ig_names functions; /* seen so far */
    ig_onnx_count counts[24];
    size_t n_counts;
    bool failed; /* a finding could not be kept: memory ran out */
} ig_onnx_reader;

/* Records that something is wrong at a place. `name` (may be NULL) is of the thing there, `hint` may be NULL. */
void ig_onnx_find(ig_onnx_reader *r, ig_severity severity, const char *rule, const ig_pb_path *path, const char *name,
                  const char *hint, const char *format, ...) IG_PRINTF(7, 8);
/* Tells how many findings were left out. */
void ig_onnx_find_rest(ig_onnx_reader *r);

/* The protobuf reader with structs in `scratch`. */
static inline ig_pb_reader ig_onnx_pb(const ig_onnx_reader *r, ig_arena *scratch) {
    return (ig_pb_reader){scratch, r->file->data, r->model->context->limits.depth, r->err, r->file};
}

/* ---- decode.c ---- */

/* Reads a graph's parts into an empty graph. */
ig_status ig_onnx_read_graph(ig_onnx_reader *r, ig_graph *g, const ig_onnx_graph *pb, const ig_pb_path *path);

/* ---- decode_value.c ---- */

/* An interned name; NULL when absent. Bytes that aren't UTF-8 are a finding that calls it `what`. */
ig_status ig_onnx_name(ig_onnx_reader *r, ig_str text, const char *what, const ig_pb_path *path, ig_name *name);
/* Bytes that outlive the reading. */
ig_status ig_onnx_keep(ig_onnx_reader *r, ig_pb_bytes bytes, ig_span *out);
typedef IG_VEC(ig_onnx_prop *) ig_onnx_props;
/* `pb` is any vector of ig_onnx_prop pointers. */
ig_status ig_onnx_read_props(ig_onnx_reader *r, const void *pb, ig_props *out);
/* *out NULL for NULL. */
ig_status ig_onnx_read_type(ig_onnx_reader *r, const ig_onnx_type *pb, const ig_pb_path *path, const ig_type **out);
/* Everything of a ValueInfoProto but its value. */
ig_status ig_onnx_read_info(ig_onnx_reader *r, const ig_pb_head *head, ig_arena *scratch, const ig_pb_path *path,
                            ig_value_info *info);
/* A constant. `wire` is what the message was read from; absent when it isn't in one piece. */
ig_status ig_onnx_read_const(ig_onnx_reader *r, const ig_onnx_tensor *pb, ig_arena *scratch, const ig_pb_path *path,
                             ig_const **out);
ig_status ig_onnx_read_sparse(ig_onnx_reader *r, const ig_onnx_sparse *pb, ig_arena *scratch, const ig_pb_path *path,
                              ig_const **out);

/* ---- decode_node.c ---- */

/* First pass: the node with its outputs. */
ig_status ig_onnx_begin_node(ig_onnx_reader *r, ig_graph *g, const ig_pb_head *head, ig_arena *scratch, const ig_pb_path *path);
/* Second pass, when all names of the graph are known: inputs, attributes and the rest. */
ig_status ig_onnx_end_node(ig_onnx_reader *r, ig_node *node, const ig_pb_head *head, ig_arena *scratch, const ig_pb_path *path);
/* Appends an attribute of `node` in `g` at **end, which moves on; node NULL: a function's default. */
ig_status ig_onnx_read_attr(ig_onnx_reader *r, ig_graph *g, ig_node *node, const ig_pb_head *head, ig_arena *scratch,
                            const ig_pb_path *path, ig_attr ***end);
/* The value that a name means in the graph, made when there is none. */
ig_status ig_onnx_resolve(ig_onnx_reader *r, ig_graph *g, ig_name name, ig_value **out);

/* ---- external.c ---- */

/* The content of a tensor that lies in another file, mapped. Findings say what is wrong; *out is NULL then. */
ig_status ig_onnx_map_external(ig_onnx_reader *r, const ig_onnx_facts *facts, const ig_pb_path *path, const char *name,
                               ig_tensor **out);

#endif
