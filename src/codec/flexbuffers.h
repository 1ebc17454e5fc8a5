/* FlexBuffers, the schema-less sibling of FlatBuffers: maps, vectors and scalars that carry their types, as found in the
 * options of custom operators. Read in place; whatever is malformed reads as null.
 * https://flatbuffers.dev/internals/#flexbuffers */
#ifndef IG_CODEC_FLEXBUFFERS_H
#define IG_CODEC_FLEXBUFFERS_H

#include "base/base.h"

typedef enum ig_flex_kind {
    IG_FLEX_NULL,
    IG_FLEX_BOOL,
    IG_FLEX_INT,
    IG_FLEX_FLOAT,
    IG_FLEX_STRING, /* also keys and blobs */
    IG_FLEX_VECTOR,
    IG_FLEX_MAP,
} ig_flex_kind;

/* A value: a small struct to be passed around; it stays valid as long as the bytes. */
typedef struct ig_flex {
    ig_span data;
    ig_flex_kind kind;
    uint8_t type;  /* FlexBuffers' own number */
    uint8_t width; /* bytes of a scalar, or of the sizes and elements of a vector */
    size_t at;     /* of the scalar, or of the first element */
    uint64_t n;    /* elements or characters */
} ig_flex;

/* The value that the bytes hold; null when they aren't FlexBuffers. */
ig_flex ig_flex_root(ig_span data);
/* Element i of a vector or map. */
ig_flex ig_flex_at(const ig_flex *vector, uint64_t i);
/* Key i of a map, in their (sorted) order. */
ig_str ig_flex_key(const ig_flex *map, uint64_t i);
/* The value of a key; null when the map has none. */
ig_flex ig_flex_get(const ig_flex *map, const char *key);
/* Scalars, converted among themselves; anything else is 0. */
int64_t ig_flex_int(const ig_flex *value);
double ig_flex_float(const ig_flex *value);
/* Characters of a string, key or blob; absent for anything else. */
ig_str ig_flex_str(const ig_flex *value);

#endif
