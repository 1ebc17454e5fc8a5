/* Types of values: element type and shape with symbolic dims, sequences, optionals, maps. A type never changes once made, so
 * values share them. */
#ifndef IG_GRAPH_TYPE_H
#define IG_GRAPH_TYPE_H

#include "base/base.h"

/* An expression over named dims ("2*batch", "floor((h+2)/2)"), interned in an ig_syms table: equal expressions are equal
 * pointers. See graph/dim.h. */
typedef struct ig_sym ig_sym;

/* A whole number that may be unknown or symbolic: the size of a dim (never negative), or an element of a tensor of integers
 * that a shape is computed from. */
typedef struct ig_dim {
    int64_t value;     /* IG_UNKNOWN when it isn't a known number */
    const ig_sym *sym; /* when value is unknown: the expression, or NULL when nothing is known */
} ig_dim;

#define IG_UNKNOWN INT64_MIN
enum { IG_UNRANKED = -1 };

static inline ig_dim ig_dim_of(int64_t value) { return (ig_dim){value, NULL}; }
static inline ig_dim ig_dim_unknown(void) { return (ig_dim){IG_UNKNOWN, NULL}; }
static inline bool ig_dim_known(ig_dim d) { return d.value != IG_UNKNOWN; }
static inline bool ig_dim_is(ig_dim d, int64_t value) { return d.value == value; }

/* A shape by value, for computing with. rank IG_UNRANKED: not even the rank is known. */
typedef struct ig_shape {
    int rank;
    ig_dim dims[IG_MAX_RANK];
} ig_shape;

typedef struct ig_type {
    ig_kind kind;
    ig_dtype dtype;                /* element of tensor and sparse tensor, key of a map; IG_UNDEFINED: unknown */
    int rank;                      /* tensor and sparse tensor; IG_UNRANKED: no shape */
    const ig_dim *dims;            /* rank of them */
    const struct ig_type *of;      /* element of sequence and optional, value of map; NULL: unknown */
    ig_str denotation;             /* ONNX's semantic tag of the type */
    const ig_str *dim_denotations; /* rank of them, or NULL */
    ig_str opaque_domain, opaque_name;
    ig_span wire; /* the ONNX TypeProto it was read from, written back as it was; empty for types made here */
} ig_type;

/* New types in an arena; NULL when memory runs out. */
ig_type *ig_type_tensor(ig_arena *arena, ig_dtype dtype, const ig_shape *shape /* NULL: unknown rank */);
ig_type *ig_type_of_kind(ig_arena *arena, ig_kind kind, ig_dtype map_key, const ig_type *of);
/* A deep copy without wire bytes. Symbols stay those of the same table. */
ig_type *ig_type_clone(ig_arena *arena, const ig_type *type);
/* The shape of a tensor or sparse tensor; rank unknown for other kinds and for NULL. */
ig_shape ig_type_shape(const ig_type *type);
/* True when the type is a dense tensor whose dims are all known. */
bool ig_type_static(const ig_type *type);
/* "float[1,3,batch,?]", "seq(int64[?])", "map(int64,float)"; "?" for NULL. Returns the length; cut to size. */
size_t ig_type_text(const ig_type *type, char *out, size_t size);
bool ig_type_equal(const ig_type *a, const ig_type *b);

#endif
