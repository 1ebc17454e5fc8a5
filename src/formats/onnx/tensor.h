/* TensorProto and its kin: what one holds, its content as a tensor, and a tensor as one. */
#ifndef IG_FORMATS_ONNX_TENSOR_H
#define IG_FORMATS_ONNX_TENSOR_H

#include "formats/onnx/messages.h"
#include "graph/graph.h"

enum { IG_ONNX_DEFAULT = 0, IG_ONNX_EXTERNAL = 1 }; /* TensorProto.DataLocation */

/* Where a tensor's elements are. */
typedef enum ig_onnx_place {
    IG_ONNX_NOWHERE, /* it has no elements */
    IG_ONNX_BYTES,   /* in `content`, as in memory: raw_data, or packed float_data and double_data */
    IG_ONNX_VARINTS, /* in `content`: int32_data, int64_data or uint64_data */
    IG_ONNX_STRINGS,
    IG_ONNX_OUTSIDE, /* in another file: `external` */
} ig_onnx_place;

/* What the fields of a TensorProto say, checked against each other. */
typedef struct ig_onnx_facts {
    ig_dtype dtype; /* IG_UNDEFINED when it is none that exists */
    int rank;
    const int64_t *dims; /* in the arena */
    int64_t count;
    size_t bytes; /* that the content takes in memory */
    ig_onnx_place place;
    ig_pb_bytes content;
    ig_external external;
} ig_onnx_facts;

/* IG_NO when the tensor contradicts itself: then `err` says how, `facts` has what could be found out. Other failures: the bytes
 * are no such message, or memory ran out. With `deep`, varints are counted however many there are; otherwise only up to 16 MiB
 * of them, because opening a file should not read its weights. */
ig_status ig_onnx_facts_of(ig_arena *arena, const ig_onnx_tensor *t, bool deep, ig_onnx_facts *facts, ig_error *err);

/* The content as a new tensor. It shares `buffer` (in which the message lies) where the bytes are those of memory. */
ig_status ig_onnx_content(ig_tensor **out, ig_context *context, ig_buffer *buffer, const ig_onnx_tensor *t,
                          const ig_onnx_facts *facts, ig_error *err);

/* A SparseTensorProto as a sparse tensor, its indices checked. IG_NO as above. */
ig_status ig_onnx_sparse_content(ig_tensor **out, ig_context *context, ig_buffer *buffer, ig_arena *arena,
                                 const ig_onnx_sparse *s, ig_error *err);
/* Shape of a sparse tensor: dims in the arena, count of its dense form. IG_NO when impossible. */
ig_status ig_onnx_sparse_facts(ig_arena *arena, const ig_onnx_sparse *s, ig_onnx_facts *facts, ig_error *err);

/* A dense tensor as a message in the arena that points to the tensor's content. NULL when memory runs out. */
ig_onnx_tensor *ig_onnx_from_tensor(ig_arena *arena, const ig_tensor *tensor);
ig_onnx_sparse *ig_onnx_from_sparse(ig_arena *arena, const ig_tensor *tensor);

/* The kind of the (first) value that an attribute holds; undefined when it holds none. */
ig_attr_kind ig_onnx_attr_holds(const ig_onnx_attr *attr);

/* ig_const.decode for constants that were read from a TensorProto or SparseTensorProto. */
ig_status ig_onnx_decode_const(ig_model *model, ig_const *c, ig_error *err);

#endif
