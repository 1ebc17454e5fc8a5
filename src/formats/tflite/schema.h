/* Made by tools/make_tflite_schema.py from TFLite's schema.fbs: numbers of fields and tables of names and options. */
#ifndef IG_FORMATS_TFLITE_SCHEMA_H
#define IG_FORMATS_TFLITE_SCHEMA_H

#include <stdint.h>

/* What a field of an options table holds. */
typedef enum ig_tfl_kind {
    IG_TFL_BOOL,
    IG_TFL_I8,
    IG_TFL_U8,
    IG_TFL_I32,
    IG_TFL_U32,
    IG_TFL_I64,
    IG_TFL_U64,
    IG_TFL_F32,
    IG_TFL_STR,
    IG_TFL_I32S,
    IG_TFL_I64S,
    IG_TFL_F32S,
    IG_TFL_BYTES,
    IG_TFL_BOOLS,
    IG_TFL_ENUM8,
    IG_TFL_ENUM32,
    IG_TFL_ENUMS32,
} ig_tfl_kind;

typedef struct ig_tfl_enum {
    const char *const *names; /* by number; NULL entries: no such number */
    uint32_t n;
} ig_tfl_enum;

typedef struct ig_tfl_field {
    const char *name;
    uint8_t number, kind;     /* ig_tfl_kind */
    int32_t otherwise;        /* the default; of floats it is 0 */
    const ig_tfl_enum *names; /* of the enum kinds */
} ig_tfl_field;

typedef struct ig_tfl_options {
    const char *name; /* "Conv2DOptions"; NULL: no such number */
    const ig_tfl_field *fields;
    uint32_t n_fields;
} ig_tfl_options;

extern const ig_tfl_enum ig_tfl_ops; /* of the builtin operators */
/* By the union's type: builtin_options and builtin_options_2. */
extern const ig_tfl_options ig_tfl_options_1[], ig_tfl_options_2[];
extern const uint32_t ig_tfl_n_options_1, ig_tfl_n_options_2;

enum {
    IG_TFL_OP_CUSTOM = 32,
    IG_TFL_OP_DELEGATE = 51,
    IG_TFL_OP_PLACEHOLDER_FOR_GREATER_OP_CODES = 127,
};

typedef enum ig_tfl_tensor_type {
    IG_TFL_TYPE_FLOAT32 = 0,
    IG_TFL_TYPE_FLOAT16 = 1,
    IG_TFL_TYPE_INT32 = 2,
    IG_TFL_TYPE_UINT8 = 3,
    IG_TFL_TYPE_INT64 = 4,
    IG_TFL_TYPE_STRING = 5,
    IG_TFL_TYPE_BOOL = 6,
    IG_TFL_TYPE_INT16 = 7,
    IG_TFL_TYPE_COMPLEX64 = 8,
    IG_TFL_TYPE_INT8 = 9,
    IG_TFL_TYPE_FLOAT64 = 10,
    IG_TFL_TYPE_COMPLEX128 = 11,
    IG_TFL_TYPE_UINT64 = 12,
    IG_TFL_TYPE_RESOURCE = 13,
    IG_TFL_TYPE_VARIANT = 14,
    IG_TFL_TYPE_UINT32 = 15,
    IG_TFL_TYPE_UINT16 = 16,
    IG_TFL_TYPE_INT4 = 17,
    IG_TFL_TYPE_BFLOAT16 = 18,
    IG_TFL_TYPE_INT2 = 19,
    IG_TFL_TYPE_UINT4 = 20,
    IG_TFL_TYPE_FLOAT8_E4M3FN = 21,
    IG_TFL_TYPE_FLOAT8_E5M2 = 22,
    IG_TFL_TYPE_COUNT
} ig_tfl_tensor_type;

/* Fields of Model. */
enum {
    IG_TFL_MODEL_VERSION = 0,
    IG_TFL_MODEL_OPERATOR_CODES = 1,
    IG_TFL_MODEL_SUBGRAPHS = 2,
    IG_TFL_MODEL_DESCRIPTION = 3,
    IG_TFL_MODEL_BUFFERS = 4,
    IG_TFL_MODEL_METADATA_BUFFER = 5,
    IG_TFL_MODEL_METADATA = 6,
    IG_TFL_MODEL_SIGNATURE_DEFS = 7,
    IG_TFL_MODEL_EXTERNAL_BUFFER_GROUPS = 8,
    IG_TFL_MODEL_EXTERNAL_BUFFERS = 9,
};

/* Fields of OperatorCode. */
enum {
    IG_TFL_OPERATOR_CODE_DEPRECATED_BUILTIN_CODE = 0,
    IG_TFL_OPERATOR_CODE_CUSTOM_CODE = 1,
    IG_TFL_OPERATOR_CODE_VERSION = 2,
    IG_TFL_OPERATOR_CODE_BUILTIN_CODE = 3,
};

/* Fields of SubGraph. */
enum {
    IG_TFL_SUB_GRAPH_TENSORS = 0,
    IG_TFL_SUB_GRAPH_INPUTS = 1,
    IG_TFL_SUB_GRAPH_OUTPUTS = 2,
    IG_TFL_SUB_GRAPH_OPERATORS = 3,
    IG_TFL_SUB_GRAPH_NAME = 4,
    IG_TFL_SUB_GRAPH_DEBUG_METADATA_INDEX = 5,
};

/* Fields of Tensor. */
enum {
    IG_TFL_TENSOR_SHAPE = 0,
    IG_TFL_TENSOR_TYPE = 1,
    IG_TFL_TENSOR_BUFFER = 2,
    IG_TFL_TENSOR_NAME = 3,
    IG_TFL_TENSOR_QUANTIZATION = 4,
    IG_TFL_TENSOR_IS_VARIABLE = 5,
    IG_TFL_TENSOR_SPARSITY = 6,
    IG_TFL_TENSOR_SHAPE_SIGNATURE = 7,
    IG_TFL_TENSOR_HAS_RANK = 8,
    IG_TFL_TENSOR_VARIANT_TENSORS = 9,
    IG_TFL_TENSOR_EXTERNAL_BUFFER = 10,
};

/* Fields of Operator. */
enum {
    IG_TFL_OPERATOR_OPCODE_INDEX = 0,
    IG_TFL_OPERATOR_INPUTS = 1,
    IG_TFL_OPERATOR_OUTPUTS = 2,
    IG_TFL_OPERATOR_BUILTIN_OPTIONS = 4,
    IG_TFL_OPERATOR_CUSTOM_OPTIONS = 5,
    IG_TFL_OPERATOR_CUSTOM_OPTIONS_FORMAT = 6,
    IG_TFL_OPERATOR_MUTATING_VARIABLE_INPUTS = 7,
    IG_TFL_OPERATOR_INTERMEDIATES = 8,
    IG_TFL_OPERATOR_LARGE_CUSTOM_OPTIONS_OFFSET = 9,
    IG_TFL_OPERATOR_LARGE_CUSTOM_OPTIONS_SIZE = 10,
    IG_TFL_OPERATOR_BUILTIN_OPTIONS_2 = 12,
    IG_TFL_OPERATOR_DEBUG_METADATA_INDEX = 13,
};

/* Fields of Buffer. */
enum {
    IG_TFL_BUFFER_DATA = 0,
    IG_TFL_BUFFER_OFFSET = 1,
    IG_TFL_BUFFER_SIZE = 2,
};

/* Fields of Metadata. */
enum {
    IG_TFL_METADATA_NAME = 0,
    IG_TFL_METADATA_BUFFER = 1,
};

/* Fields of TensorMap. */
enum {
    IG_TFL_TENSOR_MAP_NAME = 0,
    IG_TFL_TENSOR_MAP_TENSOR_INDEX = 1,
};

/* Fields of SignatureDef. */
enum {
    IG_TFL_SIGNATURE_DEF_INPUTS = 0,
    IG_TFL_SIGNATURE_DEF_OUTPUTS = 1,
    IG_TFL_SIGNATURE_DEF_SIGNATURE_KEY = 2,
    IG_TFL_SIGNATURE_DEF_SUBGRAPH_INDEX = 4,
};

/* Fields of ExternalBufferGroup. */
enum {
    IG_TFL_EXTERNAL_BUFFER_GROUP_NAME = 0,
};

/* Fields of ExternalBuffer. */
enum {
    IG_TFL_EXTERNAL_BUFFER_ID = 0,
    IG_TFL_EXTERNAL_BUFFER_GROUP = 1,
    IG_TFL_EXTERNAL_BUFFER_OFFSET = 2,
    IG_TFL_EXTERNAL_BUFFER_LENGTH = 3,
    IG_TFL_EXTERNAL_BUFFER_PACKING = 4,
};

/* Fields of QuantizationParameters. */
enum {
    IG_TFL_QUANTIZATION_PARAMETERS_MIN = 0,
    IG_TFL_QUANTIZATION_PARAMETERS_MAX = 1,
    IG_TFL_QUANTIZATION_PARAMETERS_SCALE = 2,
    IG_TFL_QUANTIZATION_PARAMETERS_ZERO_POINT = 3,
    IG_TFL_QUANTIZATION_PARAMETERS_DETAILS = 5,
    IG_TFL_QUANTIZATION_PARAMETERS_QUANTIZED_DIMENSION = 6,
};

/* Fields of BlockwiseQuantization. */
enum {
    IG_TFL_BLOCKWISE_QUANTIZATION_SCALES = 0,
    IG_TFL_BLOCKWISE_QUANTIZATION_ZERO_POINTS = 1,
    IG_TFL_BLOCKWISE_QUANTIZATION_BLOCK_SIZE = 2,
};

/* Fields of MultiAxisQuantization. */
enum {
    IG_TFL_MULTI_AXIS_QUANTIZATION_SCALES = 0,
    IG_TFL_MULTI_AXIS_QUANTIZATION_ZERO_POINTS = 1,
    IG_TFL_MULTI_AXIS_QUANTIZATION_BLOCK_SIZE = 2,
    IG_TFL_MULTI_AXIS_QUANTIZATION_QUANTIZED_DIMENSIONS = 3,
};

/* Fields of CustomQuantization. */
enum {
    IG_TFL_CUSTOM_QUANTIZATION_CUSTOM = 0,
};

/* Fields of SparsityParameters. */
enum {
    IG_TFL_SPARSITY_PARAMETERS_TRAVERSAL_ORDER = 0,
    IG_TFL_SPARSITY_PARAMETERS_BLOCK_MAP = 1,
    IG_TFL_SPARSITY_PARAMETERS_DIM_METADATA = 2,
};

/* Fields of DimensionMetadata. */
enum {
    IG_TFL_DIMENSION_METADATA_FORMAT = 0,
    IG_TFL_DIMENSION_METADATA_DENSE_SIZE = 1,
    IG_TFL_DIMENSION_METADATA_ARRAY_SEGMENTS = 3,
    IG_TFL_DIMENSION_METADATA_ARRAY_INDICES = 5,
};

/* Fields of Int32Vector. */
enum {
    IG_TFL_INT32_VECTOR_VALUES = 0,
};

#endif
