/* Inside of the ONNX writer: what encode.c (models, graphs, functions, nodes), encode_value.c (types, value infos, attributes)
 * and encode_const.c (constants, side file) share. Messages are made in an arena and point to the model's own memory. */
#ifndef IG_FORMATS_ONNX_ENCODE_H
#define IG_FORMATS_ONNX_ENCODE_H

#include "formats/format.h"
#include "formats/onnx/messages.h"
#include "formats/onnx/tensor.h"

/* A tensor that goes into the side file. */
typedef struct ig_onnx_outside {
    ig_const *constant;
    uint64_t offset;
} ig_onnx_outside;

typedef struct ig_onnx_writer {
    ig_model *model;
    ig_arena *arena;
    ig_error *err;
    bool external, inline_external;
    bool keep_external; /* tensors read from other files go on lying there: for showing a model */
    uint64_t external_from;
    const char *location; /* name of the side file */
    uint64_t side_size;
    IG_VEC(ig_onnx_outside) outside;
    ig_map renamed; /* ig_value -> ig_name: those that are written under another name than their own */
    unsigned depth;
} ig_onnx_writer;

enum { IG_ONNX_MAX_GRAPHS = 300 }; /* in one another; a message of a graph has three levels */

/* The name under which a value is written. */
static inline ig_str ig_onnx_written_name(const ig_onnx_writer *w, const ig_value *v) {
    ig_name name = w->renamed.n ? ig_map_get(&w->renamed, IG_KEY(v)) : NULL;
    return ig_name_str(name ? name : v->name);
}

/* A message that is written as bytes that are there already. NULL: memory ran out. */
static inline void *ig_onnx_verbatim(ig_onnx_writer *w, ig_span wire) {
    ig_pb_head *head = IG_NEW(w->arena, ig_pb_head);
    if (head) *head = (ig_pb_head){.wire = wire, .lazy = true};
    return head;
}

static inline ig_pb_bytes ig_onnx_unknown(ig_span s) { return (ig_pb_bytes){s.p, s.n, 0}; }

/* `pb` is any vector of ig_onnx_prop pointers, empty. */
ig_status ig_onnx_make_props(ig_onnx_writer *w, const ig_props *props, void *pb);

/* ---- encode.c ---- */
/* A writer for what the target's options say, in `arena`. */
ig_status ig_onnx_writer_init(ig_onnx_writer *w, ig_model *model, ig_arena *arena, const ig_target *target, ig_error *err);
/* The whole model as a message. */
ig_status ig_onnx_make_model(ig_onnx_writer *w, ig_onnx_model *out);
/* Writes the side file, if the message needs one, and the target's file, whose content comes from `body`. Both files get their
 * names only when both are complete. */
ig_status ig_onnx_write_files(ig_onnx_writer *w, const ig_target *target,
                              ig_status (*body)(void *user, ig_pb_sink sink, ig_error *err), void *user);
/* Bytes that may lie in a file the model was read from: what was written is given back, so that a copy takes little memory. */
void ig_onnx_write_bytes(const ig_model *model, ig_file *file, const void *data, size_t n);
ig_status ig_onnx_make_graph(ig_onnx_writer *w, ig_graph *g, ig_onnx_graph **out);

/* ---- encode_value.c ---- */
ig_status ig_onnx_make_type(ig_onnx_writer *w, const ig_type *type, ig_onnx_type **out); /* NULL for NULL */
ig_status ig_onnx_make_info(ig_onnx_writer *w, const ig_value_info *info, ig_pb_head **out);
ig_status ig_onnx_make_attr(ig_onnx_writer *w, const ig_attr *a, ig_pb_head **out);

/* ---- encode_const.c ---- */
/* `name` is what the constant is called in the file; the constant's own name when NULL. *out is a TensorProto, or a
 * SparseTensorProto for a sparse one. */
ig_status ig_onnx_make_const(ig_onnx_writer *w, ig_const *c, const ig_str *name, ig_pb_head **out);
/* True when the constant can't be written as it was read, because its content moves in or out of the side file. */
bool ig_onnx_moves(const ig_onnx_writer *w, const ig_const *c);
/* Writes the content of all constants that were found to lie outside. */
ig_status ig_onnx_write_outside(ig_onnx_writer *w, ig_file *file);

#endif
