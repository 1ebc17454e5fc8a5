/* Protobuf's text format (protobuf.dev/reference/protobuf/textformat-spec) turned into the wire format, by the same tables as
 * everything else: what reads a message needs to know one form only. */
#ifndef IG_CODEC_PROTOBUF_TEXT_H
#define IG_CODEC_PROTOBUF_TEXT_H

#include "codec/protobuf.h"

typedef struct ig_pb_text {
    ig_context *context;
    uint32_t depth; /* levels of messages that may be nested */
    /* The number of an enum's name; false when it has none. May be NULL: then enums are numbers. */
    bool (*enum_value)(const ig_pb_field *field, ig_str name, int32_t *value);
    ig_error *err;
} ig_pb_text;

/* Encodes a text as the message. Fields that the table doesn't have are skipped. IG_E_INPUT with the line for what isn't text
 * format, or a value that its field can't hold. */
ig_status ig_pb_text_encode(const ig_pb_text *how, const ig_pb_message *message, ig_span text, ig_buffer **out);

/* True when a text starts, after white space and comments, with one of the message's fields and what may follow its name. */
bool ig_pb_text_probe(const ig_pb_message *message, ig_span text);

#endif
