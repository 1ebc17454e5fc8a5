/* HDF5 files, read only: groups, attributes and datasets as NumPy's and Keras's writers make them. The bytes stay where they
 * are; everything that is made lives in the caller's arena. Links to other files and soft links are never followed, filters are
 * those built in here, and nothing else is opened. See src/codec/README.md for why this isn't libhdf5.
 *
 * Names follow "HDF5 File Format Specification Version 3.0" (The HDF Group); its sections are cited where they matter. */
#ifndef IG_CODEC_HDF5_H
#define IG_CODEC_HDF5_H

#include "base/base.h"

typedef enum ig_hdf5_kind {
    IG_HDF5_OTHER = 0, /* a type that nothing here reads (compound, reference, array, ...) */
    IG_HDF5_NUMBER,    /* `dtype` says which */
    IG_HDF5_TEXT,      /* texts of `size` bytes */
    IG_HDF5_VARIABLE,  /* texts of any length */
    IG_HDF5_OPAQUE,    /* `size` bytes of which the file knows nothing more */
} ig_hdf5_kind;

typedef struct ig_hdf5_type {
    ig_hdf5_kind kind;
    ig_dtype dtype; /* of a number; IG_UNDEFINED: a number of no such type */
    uint32_t size;  /* bytes of one element in the file */
    bool big_endian;
    bool space_padded; /* texts end in spaces instead of NULs */
} ig_hdf5_type;

/* Type, shape and bytes of an attribute. */
typedef struct ig_hdf5_attr {
    ig_str name;
    ig_hdf5_type type;
    int rank; /* -1: it has no content */
    int64_t dims[IG_MAX_RANK];
    int64_t count;
    ig_span data; /* count elements, as they stand in the file */
} ig_hdf5_attr;

typedef struct ig_hdf5_link {
    ig_str name;
    uint64_t address; /* of the object */
} ig_hdf5_link;

struct ig_hdf5_layout;

/* A group, a dataset, or neither (a named type). */
typedef struct ig_hdf5_object {
    uint64_t address;
    bool is_group, is_dataset;
    IG_VEC(ig_hdf5_link) links; /* in order of their names' bytes, unless the file kept the order of creation */
    IG_VEC(ig_hdf5_attr) attrs;
    uint32_t n_soft; /* links that were passed over: soft ones, and those into other files */
    /* datasets */
    ig_hdf5_type type;
    int rank; /* -1: it has no content */
    int64_t dims[IG_MAX_RANK];
    int64_t count;
    struct ig_hdf5_layout *layout;
} ig_hdf5_object;

typedef struct ig_hdf5 ig_hdf5;

bool ig_hdf5_probe(ig_span file);
/* Everything, also errors' texts, goes to the arena; `file` must outlive it. */
ig_status ig_hdf5_open(ig_hdf5 **out, ig_arena *arena, ig_span file, ig_error *err);
/* An object by its address; read once, then remembered. Objects may link to each other in circles. */
ig_status ig_hdf5_object_at(ig_hdf5 *h, uint64_t address, const ig_hdf5_object **out, ig_error *err);
ig_status ig_hdf5_root(ig_hdf5 *h, const ig_hdf5_object **out, ig_error *err);
/* The object at a path like "layers/dense/vars/0" below a group; NULL when there is none. */
ig_status ig_hdf5_find(ig_hdf5 *h, const ig_hdf5_object *from, ig_str path, const ig_hdf5_object **out, ig_error *err);

/* NULL when there is none. */
const ig_hdf5_attr *ig_hdf5_attr_find(const ig_hdf5_object *object, const char *name);
/* The texts of an attribute or dataset, count of them, as views of the file. IG_E_INPUT when they aren't texts. */
ig_status ig_hdf5_attr_texts(ig_hdf5 *h, const ig_hdf5_attr *attr, ig_str **out, ig_error *err);
ig_status ig_hdf5_texts(ig_hdf5 *h, const ig_hdf5_object *dataset, ig_str **out, ig_error *err);
/* Where the content of a dataset of numbers or opaque bytes lies, when it lies in one piece as memory wants it. */
bool ig_hdf5_map(ig_hdf5 *h, const ig_hdf5_object *dataset, ig_span *content);
/* The content of such a dataset, unpacked and little-endian: count * size bytes. */
ig_status ig_hdf5_read(ig_hdf5 *h, const ig_hdf5_object *dataset, void *out, ig_error *err);

#endif
