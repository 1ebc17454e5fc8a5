/* TensorFlow Lite, also called LiteRT. */
#include "formats/tflite/decode.h"

/* The identifier makes it certain. Files made by hand may lack it: then the root must look like a model's. */
static int probe(const ig_source *source) {
    ig_span file = ig_buffer_span(source->file);
    if (ig_fb_has_identifier(file, "TFL3")) return IG_PROBE_CERTAIN;
    ig_fb fb = ig_fb_open(file);
    ig_fb_table root = ig_fb_root(&fb);
    if (fb.wrong || ig_fb_u32(&fb, root, IG_TFL_MODEL_VERSION, 0) != 3) return IG_PROBE_NO;
    ig_fb_vector subgraphs = ig_fb_tables(&fb, root, IG_TFL_MODEL_SUBGRAPHS);
    ig_fb_vector buffers = ig_fb_tables(&fb, root, IG_TFL_MODEL_BUFFERS);
    ig_fb_vector codes = ig_fb_tables(&fb, root, IG_TFL_MODEL_OPERATOR_CODES);
    ig_fb_table first = ig_fb_item(&fb, subgraphs, 0);
    ig_fb_vector tensors = ig_fb_tables(&fb, first, IG_TFL_SUB_GRAPH_TENSORS);
    bool model = !fb.wrong && subgraphs.n && buffers.n && codes.p && tensors.n;
    ig_fb_table tensor = ig_fb_item(&fb, tensors, 0);
    ig_fb_scalars(&fb, tensor, IG_TFL_TENSOR_SHAPE, 4);
    return model && !fb.wrong ? IG_PROBE_LIKELY : IG_PROBE_NO;
}

const ig_format ig_format_tflite = {
    .name = "tflite",
    .title = "TensorFlow Lite",
    .extensions = "tflite lite",
    .domain = "tflite",
    .probe = probe,
    .read = ig_tfl_read,
};
