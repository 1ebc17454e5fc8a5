/* Checkpoints: tensors by name, in a table (version 1) or in an index and data files beside it (version 2, the "bundle"). */
#ifndef IG_FORMATS_TENSORFLOW_BUNDLE_H
#define IG_FORMATS_TENSORFLOW_BUNDLE_H

#include "formats/tensorflow/decode.h"

enum { IG_TF_SLICE_RANK = 8 }; /* most dims of tensors that are stored in slices */

/* Part of a tensor: along each dim where it starts and how much of it there is. */
typedef struct ig_tf_box {
    int64_t start[IG_TF_SLICE_RANK], size[IG_TF_SLICE_RANK];
} ig_tf_box;

/* A tensor of the checkpoint. */
typedef struct ig_tf_entry {
    ig_name name;
    const ig_tf_bundle_entry *pb;
} ig_tf_entry;

typedef struct ig_tf_bundle {
    ig_tf_reader *r;
    const char *folder, *prefix; /* files are <prefix>.index and <prefix>.data-00000-of-00001 below the folder */
    bool big;                    /* numbers are big-endian */
    IG_VEC(ig_tf_entry) entries; /* in the order of the index, those of slices left out */
    ig_map by_key;               /* interned key -> ig_tf_bundle_entry, those of slices too */
    ig_buffer **shards;          /* data files; NULL: not opened yet */
    size_t n_shards;
} ig_tf_bundle;

/* Reads an index, `file`, whose data files are `prefix`.data-… below the folder. The bundle lives in the reader's arena. */
ig_status ig_tf_bundle_read(ig_tf_bundle *bundle, ig_tf_reader *r, ig_span index, const char *folder, const char *prefix);
/* The constant called `name` with the content of the tensor `key`, of which `slice` is wanted ("" all, otherwise as RestoreV2
 * has it: "10 4 0,5:-", the tensor's dims and start,size or - for each). *out is NULL when there is no such tensor; what else
 * is wrong is a finding. Checksums are checked when the content is decoded. */
ig_status ig_tf_bundle_const(ig_tf_bundle *bundle, ig_str key, ig_str slice, ig_name name, ig_const **out);

/* Version 1: adds the tensors of a table to the main graph as initializers. */
ig_status ig_tf_read_v1(ig_tf_reader *r, ig_span table);
/* Whether a table is of version 1. */
bool ig_tf_is_v1(ig_context *context, ig_span table);

/* slice.c: what bundle.c and v1.c share. */

/* The number of elements; false when the box leaves the dims, or there are too many of them. */
bool ig_tf_box_fits(const ig_tf_box *box, int rank, const int64_t *dims, int64_t *count);
/* The box of a TensorSliceProto; false when it doesn't fit. */
bool ig_tf_box_of(const ig_tf_slice *pb, int rank, const int64_t *dims, ig_tf_box *box);
/* A slice as RestoreV2 has it, for a tensor of these dims. */
bool ig_tf_parse_slice(ig_str text, int rank, const int64_t *dims, ig_tf_box *box);
/* Copies what the boxes `from` and `to` of one tensor have in common, elements of `size` bytes. Returns how many elements. */
int64_t ig_tf_copy_box(const ig_tf_box *from, const void *source, const ig_tf_box *to, void *target, int rank, size_t size);
/* The key under which a slice of a tensor stands in a table. NULL when memory runs out. */
ig_name ig_tf_slice_key(ig_tf_reader *r, ig_name name, const ig_tf_slice *pb);

#endif
