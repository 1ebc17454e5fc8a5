/* Inside of the reader of ONNX's textual syntax: scan.c (characters to words), parse_value.c (types, constants, attributes) and
 * parse.c (models, graphs, functions, nodes). The text becomes the messages of an ONNX file, which the ONNX reader then reads,
 * so that whatever can be wrong with a model is found in one place. */
#ifndef IG_FORMATS_ONNXTXT_PARSE_H
#define IG_FORMATS_ONNXTXT_PARSE_H

#include "formats/onnx/messages.h"

typedef struct ig_txt {
    ig_str text;
    size_t at;
    ig_arena *arena;
    ig_error *err;
    uint32_t depth, most_depth; /* graphs and types under way, one in the other */
} ig_txt;

/* ---- scan.c ---- */

/* The next character that is neither white space nor in a comment; -1 at the end. Moves to it. */
int ig_txt_peek(ig_txt *t);
/* Takes the character if it comes next. */
bool ig_txt_match(ig_txt *t, char c);
/* Takes it, or fails: "expected ')' behind the inputs". `where` says behind what, with its preposition. */
ig_status ig_txt_expect(ig_txt *t, char c, const char *where);
/* The "=>" of graphs and functions. */
ig_status ig_txt_arrow(ig_txt *t);
/* The identifier that comes next, without taking it; empty when none does. */
ig_str ig_txt_peek_id(ig_txt *t);
/* True when a name comes: an identifier or a string. */
bool ig_txt_at_name(ig_txt *t);
/* Takes a name; fails saying that `what` was expected. */
ig_status ig_txt_name(ig_txt *t, const char *what, ig_str *name);
ig_status ig_txt_string(ig_txt *t, const char *what, ig_str *string);
/* Takes a number as text; *real when it has a point or exponent, or is no finite number. */
ig_status ig_txt_number(ig_txt *t, const char *what, ig_str *number, bool *real);
ig_status ig_txt_int(ig_txt *t, const char *what, int64_t *value);
/* IG_E_INPUT with line, column and an excerpt of the text at byte `at`. */
ig_status ig_txt_fail(ig_txt *t, size_t at, const char *format, ...) IG_PRINTF(3, 4);
/* "'x'" or "the end" for what comes next, for messages. */
const char *ig_txt_shown(ig_txt *t, char out[32]);
ig_status ig_txt_enter(ig_txt *t);
static inline void ig_txt_leave(ig_txt *t) { t->depth--; }

/* ---- parse_value.c ---- */

/* True when the next word begins a type. */
bool ig_txt_at_type(ig_txt *t);
ig_status ig_txt_type(ig_txt *t, ig_onnx_type **out);
/* The data of a constant of the type behind "=" (or where that may be left out). */
ig_status ig_txt_tensor_data(ig_txt *t, const ig_onnx_type *type, ig_str name, ig_onnx_tensor **out);
ig_status ig_txt_sparse_data(ig_txt *t, const ig_onnx_type *type, ig_str name, ig_onnx_sparse **out);
/* [ "key": "value", … ] into a vector of ig_onnx_prop pointers. */
ig_status ig_txt_props(ig_txt *t, void *pb);
/* name = value */
ig_status ig_txt_attr(ig_txt *t, ig_onnx_attr **out);

/* ---- parse.c ---- */

ig_status ig_txt_graph(ig_txt *t, ig_onnx_graph **out);
ig_status ig_txt_model(ig_txt *t, ig_onnx_model *out);

#endif
