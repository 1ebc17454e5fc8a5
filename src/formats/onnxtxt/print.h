/* Inside of the printer: print.c (models, graphs, functions, nodes) and print_value.c (types, constants, attributes). It writes
 * the messages of an ONNX file as text, in the layout of ONNX's own printer. */
#ifndef IG_FORMATS_ONNXTXT_PRINT_H
#define IG_FORMATS_ONNXTXT_PRINT_H

#include "formats/onnx/messages.h"
#include "graph/graph.h"

/* What the syntax has no words for; told at the end of the text. */
typedef enum ig_txt_lost {
    IG_TXT_LOST_DOCS,
    IG_TXT_LOST_METADATA,
    IG_TXT_LOST_ANNOTATIONS,
    IG_TXT_LOST_TRAINING,
    IG_TXT_LOST_CONTENT,
    IG_TXT_LOST_NAMES,
    IG_TXT_LOST_COUNT
} ig_txt_lost;

typedef struct ig_txt_out {
    ig_model *model;
    ig_arena scratch; /* for one node or value at a time */
    ig_pb_sink sink;
    ig_status status; /* of the first failure; nothing is written after it */
    ig_error *err;
    uint64_t most; /* elements of a constant that are written; larger ones are left out */
    int indent;
    uint32_t depth; /* of graphs */
    size_t lost[IG_TXT_LOST_COUNT];
    size_t n;
    char buffer[8192];
} ig_txt_out;

void ig_txt_put(ig_txt_out *o, ig_str s);
void ig_txt_printf(ig_txt_out *o, const char *format, ...) IG_PRINTF(2, 3);
/* A message that may be left undecoded, decoded; NULL when that failed. */
void *ig_txt_open(ig_txt_out *o, const ig_pb_message *type, ig_pb_head *head);
/* A name as it is or in quotes. */
void ig_txt_put_name(ig_txt_out *o, ig_str name);
void ig_txt_put_quoted(ig_txt_out *o, ig_str s);
/* True for names that need no quotes where a type could stand as well. */
bool ig_txt_is_plain(ig_str name);
/* Notes a text or list that the syntax has no place for, if it isn't empty. */
void ig_txt_lose(ig_txt_out *o, ig_txt_lost what, size_t n);

/* ---- print_value.c ---- */
void ig_txt_put_type(ig_txt_out *o, const ig_onnx_type *type);
/* "float[2] name = {1,2}" */
void ig_txt_put_tensor(ig_txt_out *o, ig_onnx_tensor *t, bool is_initializer);
void ig_txt_put_sparse(ig_txt_out *o, ig_onnx_sparse *s);
void ig_txt_put_attr(ig_txt_out *o, ig_onnx_attr *a);
void ig_txt_put_props(ig_txt_out *o, ig_onnx_prop *const *props, size_t n);

/* ---- print.c ---- */
void ig_txt_put_graph(ig_txt_out *o, ig_onnx_graph *g, bool in_attribute);

/* Prints a model's message. */
ig_status ig_txt_print(ig_model *model, ig_onnx_model *message, uint64_t most, ig_pb_sink sink, ig_error *err);

#endif
