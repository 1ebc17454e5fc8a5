/* Inside of the HDF5 reader: shared by its files only.
 *
 * A file is a web of addresses, and a hostile one may point anywhere, in circles, or a million times to the same place. Each
 * entry of an index that is looked at takes from a budget that the size of the file gives, so that no reading costs more than
 * a true file of that size would. */
#ifndef IG_CODEC_HDF5_FILE_H
#define IG_CODEC_HDF5_FILE_H

#include "codec/hdf5.h"

#define IG_HDF5_NOWHERE UINT64_MAX

struct ig_hdf5 {
    ig_arena *arena;
    ig_span file;                     /* from the signature on */
    uint8_t offset_size, length_size; /* bytes of an address, of a length */
    uint64_t root;
    uint64_t budget;    /* entries of indexes that may still be looked at */
    ig_map objects;     /* address + 1 -> ig_hdf5_object */
    ig_map collections; /* address + 1 -> what is known of a global heap */
};

typedef struct ig_hdf5_filter {
    uint16_t id;
    bool optional;
    size_t n;
    uint32_t values[8];
} ig_hdf5_filter;

enum { IG_HDF5_MAX_FILTERS = 8 };

typedef enum ig_hdf5_storage {
    IG_HDF5_NONE,
    IG_HDF5_COMPACT,
    IG_HDF5_CONTIGUOUS,
    IG_HDF5_CHUNKED,
    IG_HDF5_VIRTUAL,
} ig_hdf5_storage;

typedef enum ig_hdf5_index {
    IG_HDF5_BTREE1 = 0,
    IG_HDF5_SINGLE = 1,
    IG_HDF5_IMPLICIT = 2,
    IG_HDF5_FIXED_ARRAY = 3,
    IG_HDF5_EXTENSIBLE_ARRAY = 4,
    IG_HDF5_BTREE2 = 5,
} ig_hdf5_index;

typedef struct ig_hdf5_layout {
    ig_hdf5_storage storage;
    ig_span compact;
    uint64_t address, size;
    bool external; /* the content lies in other files */
    /* chunked */
    ig_hdf5_index index;
    int chunk_rank;
    uint64_t chunk[IG_MAX_RANK + 1];
    uint64_t max_dims[IG_MAX_RANK]; /* that the dataset may grow to; IG_HDF5_NOWHERE: any */
    uint64_t single_size;           /* of a single filtered chunk; 0: unfiltered */
    uint32_t single_mask;
    bool partial_unfiltered; /* chunks that pass the edge aren't filtered */
    ig_hdf5_filter filters[IG_HDF5_MAX_FILTERS];
    size_t n_filters;
    ig_span fill; /* one element, or empty: zeros */
} ig_hdf5_layout;

/* ---- hdf5.c ---- */

ig_status ig_hdf5_bad(const ig_hdf5 *h, uint64_t at, ig_error *err, const char *what);
/* The n bytes at an address; IG_E_INPUT when they aren't all in the file. */
ig_status ig_hdf5_bytes(const ig_hdf5 *h, uint64_t address, uint64_t n, ig_span *out, ig_error *err);
/* A reader from an address to the end of the file that begins behind a four-letter signature. */
ig_status ig_hdf5_block(const ig_hdf5 *h, uint64_t address, const char *signature, ig_reader *out, ig_error *err);
/* Little-endian numbers of n bytes, at most 8. Addresses of all ones are IG_HDF5_NOWHERE. */
uint64_t ig_hdf5_uint(ig_reader *r, size_t n);
uint64_t ig_hdf5_offset(const ig_hdf5 *h, ig_reader *r);
uint64_t ig_hdf5_length(const ig_hdf5 *h, ig_reader *r);
/* Takes n entries from the budget. */
ig_status ig_hdf5_spend(ig_hdf5 *h, uint64_t n, ig_error *err);
/* Bits of x: 0 for 0, 1 for 1, 2 for 2 and 3 ... */
static inline unsigned ig_hdf5_bits(uint64_t x) { return x ? 64u - (unsigned)__builtin_clzll(x) : 0; }

/* ---- hdf5_type.c ---- */

ig_status ig_hdf5_read_type(const ig_hdf5 *h, ig_span message, ig_hdf5_type *type, ig_error *err);
/* Rank, dims and the number of elements. */
ig_status ig_hdf5_read_space(const ig_hdf5 *h, ig_span message, int *rank, int64_t *dims, int64_t *count, ig_error *err);
/* The dims that a dataset may grow to; IG_HDF5_NOWHERE: any. */
void ig_hdf5_read_max_dims(const ig_hdf5 *h, ig_span message, uint64_t *dims);

/* ---- hdf5_header.c ---- */

/* Calls `visit` for every message of an object header. */
typedef ig_status (*ig_hdf5_message_fn)(void *user, unsigned type, unsigned flags, ig_span body, ig_error *err);
ig_status ig_hdf5_messages(ig_hdf5 *h, uint64_t address, ig_hdf5_message_fn visit, void *user, ig_error *err);
ig_status ig_hdf5_read_attr(ig_hdf5 *h, ig_hdf5_object *o, ig_span message, ig_error *err);

/* ---- hdf5_group.c ---- */

ig_status ig_hdf5_read_link(ig_hdf5 *h, ig_hdf5_object *o, ig_span message, ig_error *err);
/* Links of an old group: a B-tree of symbol nodes and a heap of names. */
ig_status ig_hdf5_read_symbols(ig_hdf5 *h, ig_hdf5_object *o, uint64_t tree, uint64_t heap, ig_error *err);
/* Links (attributes) that lie in a fractal heap, named by a B-tree of version 2. */
ig_status ig_hdf5_read_dense(ig_hdf5 *h, ig_hdf5_object *o, uint64_t heap, uint64_t tree, bool attributes, ig_error *err);

/* ---- hdf5_heap.c ---- */

/* What is needed of a fractal heap's header (section III.G). */
typedef struct ig_hdf5_heap {
    unsigned offset_bytes, length_bytes, max_bits, id_bytes;
    uint64_t width, start, max_direct, root, rows;
    uint64_t huge_tree;
    bool filtered, checksums;
} ig_hdf5_heap;
ig_status ig_hdf5_heap_open(ig_hdf5 *h, uint64_t address, ig_hdf5_heap *heap, ig_error *err);
/* The object that an id names. */
ig_status ig_hdf5_heap_get(ig_hdf5 *h, const ig_hdf5_heap *heap, ig_span id, ig_span *out, ig_error *err);
/* Object `index` of the global heap collection at an address (section III.E). */
ig_status ig_hdf5_global_get(ig_hdf5 *h, uint64_t address, uint32_t index, ig_span *out, ig_error *err);

/* ---- hdf5_btree2.c ---- */

typedef ig_status (*ig_hdf5_record_fn)(void *user, unsigned type, ig_span record, ig_error *err);
/* Calls `visit` for every record of a B-tree of version 2 (section III.A.2), in order. IG_NO from it ends the walk well. */
ig_status ig_hdf5_btree2(ig_hdf5 *h, uint64_t address, ig_hdf5_record_fn visit, void *user, ig_error *err);

/* ---- hdf5_chunks.c ---- */

/* One chunk: where it begins, in chunks along each axis, and where its bytes lie. */
typedef struct ig_hdf5_chunk {
    uint64_t address, size; /* size 0: as many as an unfiltered chunk has */
    uint32_t mask;          /* bit i: filter i was not applied */
    uint64_t at[IG_MAX_RANK];
} ig_hdf5_chunk;
typedef ig_status (*ig_hdf5_chunk_fn)(void *user, const ig_hdf5_chunk *chunk, ig_error *err);
ig_status ig_hdf5_chunks(ig_hdf5 *h, const ig_hdf5_object *o, ig_hdf5_chunk_fn visit, void *user, ig_error *err);

/* ---- hdf5_filter.c ---- */

/* Undoes the filters of a chunk: `out` has room for `size` bytes, which is what must come out. Scratch is the context's. */
ig_status ig_hdf5_unfilter(ig_hdf5 *h, const ig_hdf5_layout *l, uint32_t mask, ig_span in, uint8_t *out, size_t size,
                           ig_error *err);

#endif
