#include "formats/onnx/format.h"
#include "formats/onnx/messages.h"

/* How many fields are looked at: enough to know, and few. */
enum { LOOKED_AT = 64 };

/* A model is a message whose first fields are ModelProto's with the right wire types. Bytes that aren't protobuf, and other
 * protobuf messages, have a wrong one soon. A graph or an IR version are what makes it likely. */
static int probe(const ig_source *source) {
    ig_pb_reader r = {.base = source->file->data, .depth = source->context->limits.depth};
    ig_span rest = ig_buffer_span(source->file);
    bool graph = false, version = false, opset = false;
    for (int i = 0; i < LOOKED_AT; i++) {
        ig_pb_tag tag = {0};
        ig_status status = ig_pb_next(&r, &rest, &tag, NULL);
        if (status == IG_NO) break;
        if (status != IG_OK) return graph && version ? IG_PROBE_MAYBE : IG_PROBE_NO;
        for (size_t k = 0; k < ig_onnx_model_pb.n; k++) {
            const ig_pb_field *f = &ig_onnx_model_pb.fields[k];
            if (f->number == tag.number && ig_pb_types[f->type].wire != tag.wire) return IG_PROBE_NO;
        }
        graph |= tag.number == 7;
        opset |= tag.number == 8;
        version |= tag.number == 1 && tag.varint < 1000;
    }
    if (graph && version) return opset ? IG_PROBE_LIKELY + 10 : IG_PROBE_LIKELY;
    return graph || (version && opset) ? IG_PROBE_MAYBE : IG_PROBE_NO;
}

const ig_format ig_format_onnx = {
    .name = "onnx",
    .title = "ONNX",
    .extensions = "onnx pb",
    .flags = IG_FORMAT_LOWERED,
    .probe = probe,
    .read = ig_onnx_read,
    .write = ig_onnx_write,
};
