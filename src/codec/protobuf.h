/* The protobuf wire format (protobuf.dev/programming-guides/encoding), read and written from tables.
 *
 * A message type is a C struct and a table of its fields, both made from one list (see protobuf_structs.h). Reading fills the
 * struct in an arena: strings, bytes and packed values stay where they lie in the input, fields that the table doesn't have are
 * kept as bytes, and writing gives them back. Whoever reads a big message declares repeated submessages as lazy and reads them
 * one by one, so that memory follows the largest part and not the file.
 *
 * The protobuf rules hold: the last value of a scalar counts, repeated occurrences of a submessage merge, repeated scalars come
 * packed or not, and a known field with another wire type is an unknown field.
 */
#ifndef IG_CODEC_PROTOBUF_H
#define IG_CODEC_PROTOBUF_H

#include "base/base.h"

typedef enum ig_pb_type {
    IG_PB_BOOL,
    IG_PB_INT32,
    IG_PB_INT64,
    IG_PB_UINT32,
    IG_PB_UINT64,
    IG_PB_SINT32,
    IG_PB_SINT64,
    IG_PB_ENUM, /* int32_t; numbers that the enum doesn't know are kept like any other */
    IG_PB_FIXED32,
    IG_PB_SFIXED32,
    IG_PB_FLOAT,
    IG_PB_FIXED64,
    IG_PB_SFIXED64,
    IG_PB_DOUBLE,
    IG_PB_STRING, /* ig_str; any bytes: who cares checks the UTF-8 */
    IG_PB_BYTES,  /* ig_span */
    IG_PB_MESSAGE,
    IG_PB_TYPE_COUNT
} ig_pb_type;

/* How a scalar is encoded, and the size of its C type. */
typedef enum ig_pb_wire { IG_PB_VARINT, IG_PB_EIGHT, IG_PB_LENGTH, IG_PB_GROUP, IG_PB_GROUP_END, IG_PB_FOUR } ig_pb_wire;
typedef struct ig_pb_type_info {
    uint8_t wire, size;
} ig_pb_type_info;
extern const ig_pb_type_info ig_pb_types[IG_PB_TYPE_COUNT];

typedef enum ig_pb_label {
    IG_PB_OPTIONAL, /* presence is known: has_<name> of scalars; strings, bytes and messages are NULL when absent */
    IG_PB_IMPLICIT, /* proto3: zero and empty mean absent */
    IG_PB_REPEATED,
    IG_PB_PACKED, /* like REPEATED, but written packed */
    IG_PB_LAZY,   /* repeated messages that are left undecoded: an array of ig_pb_head * with `lazy` set */
    IG_PB_ONEOF,  /* member of a oneof: <oneof>_case holds the field number of the member that is set */
} ig_pb_label;

/* Bytes that may have been gathered from several places. cap 0: they lie in the input. As the value of a repeated scalar field
 * they are its packed encoding, however the input had them. */
typedef struct ig_pb_bytes {
    const uint8_t *p;
    size_t n, cap;
} ig_pb_bytes;

/* What every message struct starts with. */
typedef struct ig_pb_head {
    ig_span wire;        /* what it was read from; absent when it was merged from several places */
    ig_pb_bytes unknown; /* fields that the table doesn't have, with their tags */
    uint64_t size;       /* scratch number of the writer */
    uint32_t parts;      /* how often it was read into, at most 2 */
    bool lazy;           /* there are no fields: the message is `wire`, and is written as that */
} ig_pb_head;

typedef struct ig_pb_message ig_pb_message;

typedef struct ig_pb_field {
    const char *name;
    uint32_t number;
    uint8_t type;             /* ig_pb_type */
    uint8_t label;            /* ig_pb_label */
    uint16_t offset;          /* of the value in the struct */
    uint16_t mark;            /* of has_<name> or <oneof>_case; 0: it has none */
    const ig_pb_message *sub; /* of messages */
} ig_pb_field;

struct ig_pb_message {
    const char *name;
    size_t size; /* of the struct */
    const ig_pb_field *fields;
    size_t n;
};

/* --------------------------------------------------------------------------------------------------------------- places */

/* A place in nested messages, for messages to people: "graph.node[3].attribute[0]". Lives on the stack of whoever descends. */
typedef struct ig_pb_path {
    const struct ig_pb_path *up; /* NULL: the outermost */
    const char *name;
    size_t index; /* of a repeated field; IG_PB_SINGLE otherwise */
} ig_pb_path;

#define IG_PB_SINGLE SIZE_MAX

/* Returns the length; cut to size, and deep paths lose their middle. "" for NULL. */
size_t ig_pb_path_text(const ig_pb_path *path, char *out, size_t size);

/* -------------------------------------------------------------------------------------------------------------- reading */

typedef struct ig_pb_reader {
    ig_arena *arena;     /* for structs and what must be copied */
    const uint8_t *base; /* byte offsets in errors count from here */
    uint32_t depth;      /* levels of messages that may be nested */
    ig_error *err;
    const ig_buffer *file; /* that is read, or NULL: memory under long fields is given back as they are passed */
} ig_pb_reader;

/* Reads a message into a zeroed struct, or merges it into one that was read before. `path` (may be NULL) says where it stands.
 * IG_E_INPUT with the byte offset and the field when the bytes are no such message, IG_E_LIMIT when they nest too deep. */
ig_status ig_pb_read(const ig_pb_reader *reader, const ig_pb_message *message, ig_span in, void *out, const ig_pb_path *path);

/* The next varint; NULL when it doesn't end before `end` or is longer than 10 bytes. */
const uint8_t *ig_pb_varint(const uint8_t *p, const uint8_t *end, uint64_t *value);
/* How many values there are in packed bytes. Counts only: an overlong varint is found when it is read. */
size_t ig_pb_count(ig_pb_type type, ig_pb_bytes packed);
/* The values in an array of the type's C type, count in *n. NULL: out of memory, or malformed when *malformed is set. */
void *ig_pb_unpack(ig_arena *arena, ig_pb_type type, ig_pb_bytes packed, size_t *n, bool *malformed);

/* One tag and the extent of the field behind it, for those who only look. */
typedef struct ig_pb_tag {
    uint32_t number;
    ig_pb_wire wire;
    ig_span whole;   /* with the tag */
    ig_span payload; /* of IG_PB_LENGTH without the length */
    uint64_t varint; /* of IG_PB_VARINT */
} ig_pb_tag;

/* Takes the next field off `in`. IG_NO at the end, errors as in ig_pb_read. */
ig_status ig_pb_next(const ig_pb_reader *reader, ig_span *in, ig_pb_tag *tag, const ig_pb_path *path);

/* -------------------------------------------------------------------------------------------------------------- writing */

/* Where written bytes go, in order. Large pieces come as they lie in memory. */
typedef struct ig_pb_sink {
    ig_status (*write)(void *user, const void *data, size_t n, ig_error *err);
    void *user;
} ig_pb_sink;

/* The encoded length, which is also left in the heads of the message and all in it for ig_pb_write. Fails when messages nest
 * deeper than 1000 levels. */
ig_status ig_pb_size(const ig_pb_message *message, void *in, uint64_t *size, ig_error *err);
/* Writes a message whose size was taken and that hasn't changed since: first the table's fields in their order, then the
 * unknown ones. */
ig_status ig_pb_write(const ig_pb_message *message, const void *in, ig_pb_sink sink, ig_error *err);
/* Both, into memory of the arena. */
ig_status ig_pb_encode(ig_arena *arena, const ig_pb_message *message, void *in, ig_span *out, ig_error *err);
/* Values as the content of a repeated field, in the arena; `values` are of the type's C type. *ok false: out of memory. */
ig_pb_bytes ig_pb_pack(ig_arena *arena, ig_pb_type type, const void *values, size_t n, bool *ok);
/* Adds bytes to gathered ones; false when memory runs out. */
bool ig_pb_append(ig_arena *arena, ig_pb_bytes *bytes, ig_span more);

/* -------------------------------------------------------------------------------------------- what the list macros need */

#define IG_PB_CAT_(a, b) a##b
#define IG_PB_CAT(a, b)  IG_PB_CAT_(a, b)

#define IG_PB_C_BOOL     bool
#define IG_PB_C_INT32    int32_t
#define IG_PB_C_INT64    int64_t
#define IG_PB_C_UINT32   uint32_t
#define IG_PB_C_UINT64   uint64_t
#define IG_PB_C_SINT32   int32_t
#define IG_PB_C_SINT64   int64_t
#define IG_PB_C_ENUM     int32_t
#define IG_PB_C_FIXED32  uint32_t
#define IG_PB_C_SFIXED32 int32_t
#define IG_PB_C_FLOAT    float
#define IG_PB_C_FIXED64  uint64_t
#define IG_PB_C_SFIXED64 int64_t
#define IG_PB_C_DOUBLE   double
#define IG_PB_C_STRING   ig_str
#define IG_PB_C_BYTES    ig_span

/* What a type keeps beside its value to know presence: a flag for scalars, nothing for views. */
#define IG_PB_CLASS_BOOL     SCALAR
#define IG_PB_CLASS_INT32    SCALAR
#define IG_PB_CLASS_INT64    SCALAR
#define IG_PB_CLASS_UINT32   SCALAR
#define IG_PB_CLASS_UINT64   SCALAR
#define IG_PB_CLASS_SINT32   SCALAR
#define IG_PB_CLASS_SINT64   SCALAR
#define IG_PB_CLASS_ENUM     SCALAR
#define IG_PB_CLASS_FIXED32  SCALAR
#define IG_PB_CLASS_SFIXED32 SCALAR
#define IG_PB_CLASS_FLOAT    SCALAR
#define IG_PB_CLASS_FIXED64  SCALAR
#define IG_PB_CLASS_SFIXED64 SCALAR
#define IG_PB_CLASS_DOUBLE   SCALAR
#define IG_PB_CLASS_STRING   STRING
#define IG_PB_CLASS_BYTES    BYTES

#endif
