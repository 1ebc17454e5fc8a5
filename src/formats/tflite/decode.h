/* Inside of the TFLite reader: what decode.c (model, signatures, subgraphs), decode_node.c (operators), decode_tensor.c
 * (tensors, constants), sparse.c and metadata.c share. */
#ifndef IG_FORMATS_TFLITE_DECODE_H
#define IG_FORMATS_TFLITE_DECODE_H

#include "codec/flatbuffers.h"
#include "formats/format.h"
#include "formats/tflite/schema.h"

/* A subgraph while it is read. */
typedef struct ig_tfl_subgraph {
    uint32_t number;
    ig_graph *graph;
    ig_fb_vector tensors;
    ig_value **values; /* by tensor; NULL: not met yet */
    ig_name *names;    /* by tensor: names that a signature gives; NULL entries, or NULL: none */
} ig_tfl_subgraph;

typedef struct ig_tfl_reader {
    ig_model *model;
    ig_error *err;
    ig_buffer *file;
    ig_fb fb;
    ig_arena arena; /* until the model is read */
    ig_fb_table root;
    ig_fb_vector codes, subgraphs, signatures;
    ig_span *buffers; /* contents; absent: no content */
    uint32_t n_buffers;
    ig_map files;      /* interned name of an external file -> ig_buffer */
    ig_name *op_names; /* by operator code */
    bool ranks_given;  /* tensors say has_rank: a shape without dims is no scalar when they don't */
    size_t n_findings;
    bool failed; /* a finding could not be kept: memory ran out */
} ig_tfl_reader;

#define IG_TFL_DOMAIN           "tflite"
#define IG_TFL_SUBGRAPH_DOMAIN  "tflite.subgraph" /* of the functions that subgraphs become; their overload is the number */
#define IG_TFL_ATTR_OP_VERSION  "op_version"
#define IG_TFL_ATTR_CUSTOM      "custom_options"
#define IG_TFL_ATTR_INTER_SCALE "intermediate_scales" /* floats: of the intermediate tensors' quantization */
#define IG_TFL_ATTR_INTER_ZERO  "intermediate_zero_points"

/* decode.c: records that something is wrong; `where` is text for a person. Of very many only the first are told. */
void ig_tfl_find(ig_tfl_reader *r, ig_severity severity, const char *rule, const char *where, const char *format, ...)
    IG_PRINTF(5, 6);
/* Sets a property of the model; both texts are copied. */
ig_status ig_tfl_note(ig_tfl_reader *r, const char *key, ig_str value);
/* IG_OK unless the FlatBuffers data has proved malformed. */
ig_status ig_tfl_sound(const ig_tfl_reader *r);

/* decode_node.c: the operators of a subgraph as nodes. */
ig_status ig_tfl_read_codes(ig_tfl_reader *r);
ig_status ig_tfl_read_nodes(ig_tfl_reader *r, ig_tfl_subgraph *s, ig_fb_vector operators);

/* decode_tensor.c */
ig_status ig_tfl_read_buffers(ig_tfl_reader *r);
/* The ONNX number of a TFLite element type; IG_UNDEFINED for resources, variants and unknown numbers. */
ig_dtype ig_tfl_dtype(int64_t type);
/* How a tensor is met first. */
typedef enum ig_tfl_role {
    IG_TFL_GIVEN, /* an input of the subgraph */
    IG_TFL_MADE,  /* an operator's output */
    IG_TFL_READ,  /* neither: a constant or a variable */
} ig_tfl_role;
/* The value of a tensor, made on first use. *out is NULL for -1, and with a finding for numbers out of range. */
ig_status ig_tfl_value(ig_tfl_reader *r, ig_tfl_subgraph *s, int32_t tensor, ig_tfl_role role, const char *where,
                       ig_value **out);
/* The quantization of a tensor's table, or NULL. */
ig_status ig_tfl_read_quant(ig_tfl_reader *r, const ig_tfl_subgraph *s, ig_fb_table tensor, const char *where,
                            const ig_quant **out);
/* The content of a tensor with sparsity parameters, densified. *out stays NULL when a finding says what is wrong. */
ig_status ig_tfl_densify(ig_tfl_reader *r, ig_fb_table sparsity, ig_dtype dtype, int rank, const int64_t *dims, ig_span content,
                         const char *where, ig_tensor **out);

/* metadata.c: what the file says about itself, into the model's properties. */
ig_status ig_tfl_read_metadata(ig_tfl_reader *r);

/* format.c's interface */
ig_status ig_tfl_read(ig_model *model, const ig_source *source, ig_error *err);

#endif
