/* A value at run time, from the inside. The public face is in igata.h. */
#ifndef IG_GRAPH_TENSOR_H
#define IG_GRAPH_TENSOR_H

#include "graph/type.h"

struct ig_tensor {
    ig_context *context; /* retained */
    atomic_int references;
    ig_kind kind;
    ig_dtype dtype;
    int rank;
    int64_t dims[IG_MAX_RANK];
    size_t count;      /* elements; of sequence and map: entries */
    size_t bytes;      /* of data; strings: of the array of ig_str */
    void *data;        /* strings: ig_str[count] */
    ig_buffer *buffer; /* keeps data alive; NULL: the caller's memory or a run's arena */
    ig_buffer *source; /* keeps the characters of strings alive that lie in a file */
    ig_arena *strings; /* owned characters of strings set one by one */
    ig_tensor **items; /* sequence: entries; map: keys, values; sparse: values, indices */
    size_t n_items, items_cap;
};

/* A dense tensor over part of a buffer (retained), or with buffer NULL over memory that outlives it. `bytes` is derived from
 * the type and dims, which the caller has checked against the buffer. */
ig_tensor *ig_tensor_over(ig_context *context, ig_dtype dtype, int rank, const int64_t *dims, ig_buffer *buffer,
                          const void *data);
/* Uninitialized content. Strings start as "". */
ig_status ig_tensor_new(ig_tensor **tensor, ig_context *context, ig_dtype dtype, int rank, const int64_t *dims, ig_error *err);
/* The same content (shared) under other dims with the same count. */
ig_tensor *ig_tensor_view(ig_tensor *tensor, int rank, const int64_t *dims);
/* A copy with its own memory. */
ig_status ig_tensor_copy(ig_tensor **out, ig_context *context, const ig_tensor *tensor, ig_error *err);
/* Copies characters into the tensor's own store. False when memory runs out. */
bool ig_tensor_set_string(ig_tensor *tensor, size_t i, ig_str text);
/* Appends to a sequence under construction, taking over the caller's reference. False when memory runs out. */
bool ig_tensor_append(ig_tensor *sequence, ig_tensor *item);
/* Kinds other than dense tensors, empty. */
ig_tensor *ig_tensor_new_kind(ig_context *context, ig_kind kind);
/* A sparse tensor in COO form from its values (rank 1) and indices (rank 1 linear or rank 2), both retained. */
ig_status ig_tensor_create_sparse(ig_tensor **tensor, ig_context *context, int rank, const int64_t *dims, ig_tensor *values,
                                  ig_tensor *indices, ig_error *err);
/* The dense tensor that a sparse one in COO form stands for: zeros but at its indices. Indices out of range, a count that
 * doesn't fit and values of strings are IG_E_INPUT. */
ig_status ig_tensor_densify(ig_tensor **out, ig_context *context, const ig_tensor *sparse, ig_error *err);
/* The type of a value; dims all known. NULL when memory runs out. */
ig_type *ig_tensor_type(ig_arena *arena, const ig_tensor *tensor);

static inline const ig_str *ig_tensor_strings(const ig_tensor *t) { return t->data; }
/* Dim i counted from the end when negative. */
static inline int64_t ig_tensor_dim(const ig_tensor *t, int i) { return t->dims[i < 0 ? i + t->rank : i]; }

#endif
