#include "formats/tensorflow/text.h"

#include "codec/protobuf_text.h"

#include <ctype.h>

/* "DT_INT32_REF": names of DataType, which differ from the element types' own in three cases. */
static bool data_type(ig_str name, int32_t *value) {
    char text[40];
    if (!ig_str_starts(name, "DT_") || name.n >= sizeof text) return false;
    size_t n = name.n - 3;
    for (size_t i = 0; i < n; i++) text[i] = (char)tolower((unsigned char)name.s[i + 3]);
    ig_str type = {text, n};
    bool reference = ig_str_ends(type, "_ref");
    if (reference) type.n -= 4;
    *value = ig_str_is(type, "invalid")  ? 0
             : ig_str_is(type, "float")  ? 1
             : ig_str_is(type, "double") ? 2
             : ig_str_is(type, "half")   ? 19
                                         : ig_tf_type_of(type);
    if (*value && reference) *value += IG_TF_REF;
    return *value || ig_str_is(type, "invalid");
}

static bool enum_value(const ig_pb_field *field, ig_str name, int32_t *value) {
    IG_UNUSED(field);
    return data_type(name, value);
}

ig_status ig_tf_from_text(ig_tf_reader *r, const ig_pb_message *message) {
    ig_span file = ig_buffer_span(r->file);
    ig_buffer *encoded;
    if (!ig_pb_text_probe(message, file)) return IG_OK;
    ig_pb_text how = {
        .context = r->model->context, .depth = r->model->context->limits.depth, .enum_value = enum_value, .err = r->err};
    IG_TRY(ig_pb_text_encode(&how, message, file, &encoded));
    if (!ig_model_keep(r->model, encoded)) return ig_oom(r->err);
    r->file = encoded;
    return IG_OK;
}
