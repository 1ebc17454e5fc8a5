/* Values in files of their own: TensorProto, SparseTensorProto, SequenceProto, OptionalProto and MapProto (.pb). */
#ifndef IG_FORMATS_ONNX_ONNX_H
#define IG_FORMATS_ONNX_ONNX_H

#include "graph/graph.h"

/* Reads the value of a whole file. `kind` says which message it is: IG_KIND_TENSOR, _SPARSE, _SEQUENCE, _OPTIONAL or _MAP; the
 * file itself doesn't. An optional gives its value, or a value of kind NONE. The tensor shares the buffer. `name` (may be NULL)
 * gets the value's name, absent when it has none; it points into the buffer. */
ig_status ig_onnx_value_read(ig_tensor **out, ig_str *name, ig_context *context, ig_buffer *buffer, ig_kind kind,
                             ig_error *err);
/* Writes a value as the message of `kind`, which for IG_KIND_OPTIONAL holds any value, and otherwise is the value's own kind.
 * `name` may be NULL. Failures of the file itself show when it is committed. */
ig_status ig_onnx_value_write(const ig_tensor *value, ig_kind kind, const char *name, ig_file *file, ig_error *err);

#endif
