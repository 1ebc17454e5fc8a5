/* NumPy's .npy header: what array a file holds and where each of its fields lies. The header is a Python literal; it is parsed,
 * never evaluated. Format: NumPy Enhancement Proposal 1 and numpy.lib.format. */
#ifndef IG_CODEC_NPY_H
#define IG_CODEC_NPY_H

#include "base/base.h"

/* One field of the records of a structured array, or with an absent name the elements of a plain array. */
typedef struct ig_npy_field {
    ig_str name;   /* UTF-8; fields of nested records are joined with dots */
    char kind;     /* NumPy's type character: b i u f c S U V M m O */
    bool swapped;  /* big-endian */
    size_t size;   /* bytes of one element; of S and U all its characters */
    size_t offset; /* from the start of the record */
    int rank;      /* of a sub-array; 0: one element a record */
    int64_t dims[IG_MAX_RANK];
} ig_npy_field;

typedef struct ig_npy {
    unsigned major; /* format version: 1, 2 or 3 */
    bool fortran, structured;
    int rank;
    int64_t dims[IG_MAX_RANK];
    int64_t count;       /* product of dims */
    size_t item;         /* bytes of one element or record */
    size_t header_bytes; /* before the data */
    IG_VEC(ig_npy_field) fields;
    ig_span data; /* count * item bytes, checked to be there; object arrays: whatever follows the header */
    bool objects; /* a field holds Python objects: data is a pickle */
} ig_npy;

bool ig_npy_probe(ig_span file);
/* Fields live in the arena, names too. IG_E_INPUT: malformed, IG_E_UNSUPPORTED: more than IG_MAX_RANK dims. */
ig_status ig_npy_parse(ig_npy *npy, ig_arena *arena, ig_span file, ig_error *err);

/* The header of a version-1 file for a plain little-endian array in C order, padded to 64 bytes as NumPy does; `descr` is
 * NumPy's type text ("<f4"). Absent when memory ran out. */
ig_str ig_npy_header(ig_arena *arena, const char *descr, int rank, const int64_t *dims);

#endif
