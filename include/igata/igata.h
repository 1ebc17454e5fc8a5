/* igata: open, check, convert and run AI model files of every kind.
 *
 * The whole public interface of libigata. The rules that hold for every declaration:
 *
 *  - A fallible function returns ig_status (IG_OK is 0) and takes `ig_error *err` last. `err` may be NULL. On failure it
 *    is filled in, output arguments are set to NULL or left alone, and nothing needs to be freed.
 *  - The output argument comes first, options come last before the error. An options argument may be NULL: every field
 *    then has the value 0, which is always the documented default.
 *  - Whoever calls a `create`, `open`, `read` or `clone` function owns the result and calls the matching `free` once.
 *    Everything else returned by pointer belongs to the object it was asked of and lives as long as that object.
 *  - Objects of one model are used by one thread at a time while they are changed; a session may be run by many threads
 *    at once. There is no global state.
 *  - Strings are UTF-8. `ig_str` is a view (pointer, length) that need not end in a NUL; `s == NULL` means absent.
 *  - The library never prints, never aborts on file data, never executes anything found in a file.
 */
#ifndef IGATA_H
#define IGATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IG_VERSION_MAJOR  0
#define IG_VERSION_MINOR  1
#define IG_VERSION_PATCH  0
#define IG_VERSION_STRING "0.1.0"

#if defined(_WIN32)
#define IG_API __declspec(dllexport)
#else
#define IG_API __attribute__((visibility("default")))
#endif

/* First member of a designated initializer of any options struct: &(ig_session_options){IG_OPTIONS(ig_session_options),
 * .threads = 2}. Records how much of the struct the caller knows, so that later versions can append fields. */
#define IG_OPTIONS(type) .struct_size = sizeof(type)

/* Version of the library in use, "major.minor.patch". */
IG_API const char *ig_version(void);

/* ---------------------------------------------------------------------------------------------------- status, errors */

typedef enum ig_status {
    IG_OK = 0,
    IG_NO = 1,            /* the question was answered with no: invalid, different, dangerous */
    IG_E_ARGUMENT = 2,    /* the caller's argument is wrong */
    IG_E_INPUT = 3,       /* a file can't be read or is malformed */
    IG_E_UNSUPPORTED = 4, /* understood, but igata can't do it: the message names what */
    IG_E_LIMIT = 5,       /* a limit of the context was reached */
    IG_E_MEMORY = 6,      /* the allocator returned NULL */
    IG_E_IO = 7,          /* the operating system refused a read or a write */
    IG_E_CANCELLED = 8,   /* a run was cancelled by the caller */
    IG_E_INTERNAL = 9,    /* a bug of igata: please report it */
} ig_status;

/* One sentence naming a status ("unsupported"). Never NULL. */
IG_API const char *ig_status_text(ig_status status);

/* A failure, for a person and for a program. All texts are NUL-terminated, valid UTF-8 without control characters, cut
 * when too long, and empty when there is nothing to say. Lives where the caller puts it (about 3 KB). */
typedef struct ig_error {
    ig_status status;
    char message[2048]; /* what is wrong: "weight has 3 input channels, input has 4" */
    char detail[512];   /* where: file, byte offset, graph, node, operator, input */
    char hint[512];     /* what to do about it */
} ig_error;

/* A view of characters or bytes owned by something else; s == NULL: absent. */
typedef struct ig_str {
    const char *s;
    size_t n;
} ig_str;

/* Copies `text` to `out` (of `size` bytes, NUL-terminated, cut when too long) so that it can be shown anywhere: control
 * characters other than line breaks, characters that turn or hide text, and bytes that aren't UTF-8 become \xNN. Returns the
 * length. */
IG_API size_t ig_text_clean(char *out, size_t size, ig_str text);

/* ------------------------------------------------------------------------------------------------------------ context */

typedef struct ig_context ig_context;

/* One function allocates (old_size 0), resizes and frees (new_size 0). Returns NULL on failure or when new_size is 0.
 * Called from several threads. */
typedef struct ig_allocator {
    void *(*resize)(void *user, void *p, size_t old_size, size_t new_size);
    void *user;
} ig_allocator;

/* Bounds on what an untrusted file may cost. 0 means the default in brackets. */
typedef struct ig_limits {
    uint64_t memory;          /* bytes allocated at once through the context [3/4 of the machine's memory] */
    uint32_t depth;           /* nesting of graphs, types and messages [64] */
    uint64_t nodes;           /* nodes of a model after functions are expanded [10 million] */
    uint64_t loop_iterations; /* iterations of one Loop or Scan in one run [1 million] */
} ig_limits;

typedef enum ig_log_level { IG_LOG_ERROR, IG_LOG_WARNING, IG_LOG_INFO, IG_LOG_DEBUG } ig_log_level;

/* File input as the library uses it. Each callback gets `user`. `open` opens `path` below the folder `root` (a folder
 * path; "" is the current folder) and must not leave it through "..", links or special files unless root is NULL, when
 * path is the user's own choice. Returns 0 and a handle, or an errno value. `map` returns the whole content, which stays
 * readable after `close` and until `unmap`, or NULL. */
typedef struct ig_io {
    int (*open)(void *user, const char *root, const char *path, void **handle, uint64_t *size);
    const void *(*map)(void *user, void *handle, uint64_t size);
    void (*unmap)(void *user, const void *data, uint64_t size);
    void (*close)(void *user, void *handle);
    void *user;
} ig_io;

typedef struct ig_context_options {
    size_t struct_size;
    ig_allocator allocator; /* [malloc] */
    ig_limits limits;
    ig_io io; /* [memory-mapped files of the operating system] */
    void (*log)(void *user, ig_log_level level, const char *text);
    void *log_user;
    const char *cpu; /* highest instruction set to use: "c", "avx2", "avx512", … [all that the CPU has] */
} ig_context_options;

/* Shared by models and sessions, which keep it alive. Free it when no longer needed by the caller. */
IG_API ig_status ig_context_create(ig_context **context, const ig_context_options *options, ig_error *err);
IG_API void ig_context_free(ig_context *context);
/* Bytes allocated through the context now, and the most there were at any time. */
IG_API uint64_t ig_context_memory(const ig_context *context, uint64_t *peak);
/* Name of the instruction set that kernels use in this context ("avx512"). */
IG_API const char *ig_context_cpu(const ig_context *context);

/* -------------------------------------------------------------------------------------------------------------- types */

/* Element types; the numbers are those of ONNX's TensorProto.DataType. */
typedef enum ig_dtype {
    IG_UNDEFINED = 0,
    IG_F32 = 1,
    IG_U8 = 2,
    IG_I8 = 3,
    IG_U16 = 4,
    IG_I16 = 5,
    IG_I32 = 6,
    IG_I64 = 7,
    IG_STRING = 8,
    IG_BOOL = 9,
    IG_F16 = 10,
    IG_F64 = 11,
    IG_U32 = 12,
    IG_U64 = 13,
    IG_C64 = 14,
    IG_C128 = 15,
    IG_BF16 = 16,
    IG_F8E4M3FN = 17,
    IG_F8E4M3FNUZ = 18,
    IG_F8E5M2 = 19,
    IG_F8E5M2FNUZ = 20,
    IG_U4 = 21,
    IG_I4 = 22,
    IG_F4E2M1 = 23,
    IG_F8E8M0 = 24,
    IG_U2 = 25,
    IG_I2 = 26,
    IG_F6E2M3 = 27,
    IG_F6E3M2 = 28,
    IG_DTYPE_COUNT
} ig_dtype;

/* ONNX's name of an element type ("float", "int64", "float8e4m3fn"); "undefined" for 0, NULL for a number out of range. */
IG_API const char *ig_dtype_name(ig_dtype dtype);
/* Bits of one element: 2, 4, 6, 8 … 128; 0 for strings and undefined. */
IG_API unsigned ig_dtype_bits(ig_dtype dtype);
IG_API ig_dtype ig_dtype_from_name(const char *name);

typedef enum ig_kind {
    IG_KIND_NONE = 0, /* unknown type; as a run-time value: an absent optional */
    IG_KIND_TENSOR,
    IG_KIND_SPARSE,
    IG_KIND_SEQUENCE,
    IG_KIND_OPTIONAL,
    IG_KIND_MAP,
    IG_KIND_OPAQUE,
} ig_kind;

#define IG_MAX_RANK 32

/* ------------------------------------------------------------------------------------------------------------ tensors */

/* A value at run time: a dense tensor (row-major, contiguous, sub-byte elements packed from the low bits up), or one of
 * the other kinds. Reference counted by clone/free; the content doesn't change once it is shared. */
typedef struct ig_tensor ig_tensor;

/* New dense tensor with zeroed content. rank 0 is a scalar. */
IG_API ig_status ig_tensor_create(ig_tensor **tensor, ig_context *context, ig_dtype dtype, int rank, const int64_t *dims,
                                  ig_error *err);
/* A dense tensor over the caller's memory, which must outlive it. Not for strings. NULL when memory runs out or an
 * argument is invalid. `data` needs no alignment. */
IG_API ig_tensor *ig_tensor_borrow(ig_dtype dtype, int rank, const int64_t *dims, void *data);
/* A tensor of strings, copied. `strings` has as many entries as the dims multiply to. */
IG_API ig_status ig_tensor_create_strings(ig_tensor **tensor, ig_context *context, int rank, const int64_t *dims,
                                          const ig_str *strings, ig_error *err);
/* A sequence of `n` values (all retained). An optional that holds a value is that value; an absent one has kind NONE. */
IG_API ig_status ig_tensor_create_sequence(ig_tensor **tensor, ig_context *context, ig_tensor *const *items, size_t n,
                                           ig_error *err);
/* A map from a rank-1 tensor of keys (integers or strings) to as many values: a rank-1 tensor. Both retained. */
IG_API ig_status ig_tensor_create_map(ig_tensor **tensor, ig_context *context, ig_tensor *keys, ig_tensor *values,
                                      ig_error *err);
IG_API ig_status ig_tensor_create_none(ig_tensor **tensor, ig_context *context, ig_error *err);
/* Another reference to the same value. */
IG_API ig_tensor *ig_tensor_clone(ig_tensor *tensor);
IG_API void ig_tensor_free(ig_tensor *tensor);

IG_API ig_kind ig_tensor_kind(const ig_tensor *tensor);
IG_API ig_dtype ig_tensor_dtype(const ig_tensor *tensor);
IG_API int ig_tensor_rank(const ig_tensor *tensor);
IG_API const int64_t *ig_tensor_dims(const ig_tensor *tensor);
/* Number of elements of a tensor, entries of a sequence or map. */
IG_API size_t ig_tensor_count(const ig_tensor *tensor);
/* Bytes of the content; 0 for strings and kinds other than dense tensors. */
IG_API size_t ig_tensor_bytes(const ig_tensor *tensor);
/* The content of a dense tensor, NULL for strings. Aligned to the element only for tensors that igata allocated. */
IG_API const void *ig_tensor_data(const ig_tensor *tensor);
/* Writable content, for a tensor that the caller created and has not shared yet. */
IG_API void *ig_tensor_data_mut(ig_tensor *tensor);
/* Element i of a tensor of strings. */
IG_API ig_str ig_tensor_string(const ig_tensor *tensor, size_t i);
/* Entry i of a sequence; of a map: 0 the keys, 1 the values; of a sparse tensor: 0 the values, 1 the indices. */
IG_API ig_tensor *ig_tensor_item(const ig_tensor *tensor, size_t i);
/* Element i of a dense numeric tensor as a double or a 64-bit integer (rounded toward zero, saturating). */
IG_API double ig_tensor_get_f64(const ig_tensor *tensor, size_t i);
IG_API int64_t ig_tensor_get_i64(const ig_tensor *tensor, size_t i);
/* The same values as another element type: a new reference. Floats are rounded to the nearest; for whole numbers and bool every
 * value must be exact, otherwise IG_E_INPUT names the first that isn't. Strings are parsed as numbers. */
IG_API ig_status ig_tensor_cast(ig_tensor **out, ig_tensor *tensor, ig_dtype dtype, ig_error *err);

/* -------------------------------------------------------------------------------------------------------- tensor files */

typedef enum ig_file_format {
    IG_FILE_AUTO = 0, /* by content, then by name */
    IG_FILE_NPY,
    IG_FILE_NPZ,
    IG_FILE_PB, /* ONNX TensorProto, SequenceProto, OptionalProto or MapProto, by the wanted kind */
    IG_FILE_JSON,
    IG_FILE_CSV,
    IG_FILE_RAW,
    IG_FILE_IMAGE, /* PNG or JPEG */
} ig_file_format;

/* How a file becomes the tensor that a model's input wants. `dtype`, `rank`, `dims` say what is wanted (dims < 0: any): raw
 * files need them, JSON and CSV are converted to them, pictures are resized and laid out for them. */
typedef struct ig_read_options {
    size_t struct_size;
    ig_context *context; /* [malloc, default limits] */
    ig_file_format format;
    ig_kind kind; /* of the value in a .pb file [tensor] */
    ig_dtype dtype;
    int rank; /* of dims; dims NULL: unknown shape */
    const int64_t *dims;
    /* pictures */
    const char *layout;        /* "nchw" or "nhwc" [where dims have 1, 3 or 4 channels, else nchw] */
    const float *mean, *scale; /* per channel: (pixel - mean) * scale; pixel in 0…255 [0 and 1/255 for floats, 0 and 1 else] */
    size_t n_mean, n_scale;    /* 1 or one per channel */
    bool bgr, crop;            /* channel order; keep the aspect ratio and cut the middle */
} ig_read_options;

IG_API ig_status ig_tensor_read(ig_tensor **tensor, const char *path, const ig_read_options *options, ig_error *err);

/* Named tensors: what an .npz file holds, what a run takes and gives. */
typedef struct ig_tensors ig_tensors;
IG_API ig_status ig_tensors_create(ig_tensors **tensors, ig_context *context, ig_error *err);
/* Reads an .npz file. Sequences (name.0, name.1 …) and maps (name.keys, name.values) stay separate arrays. */
IG_API ig_status ig_tensors_read(ig_tensors **tensors, const char *path, const ig_read_options *options, ig_error *err);
IG_API void ig_tensors_free(ig_tensors *tensors);
/* Adds one (retained, replaces one of the same name). */
IG_API ig_status ig_tensors_set(ig_tensors *tensors, const char *name, ig_tensor *tensor, ig_error *err);
IG_API size_t ig_tensors_count(const ig_tensors *tensors);
IG_API const char *ig_tensors_name(const ig_tensors *tensors, size_t i);
IG_API ig_tensor *ig_tensors_at(const ig_tensors *tensors, size_t i);
IG_API ig_tensor *ig_tensors_get(const ig_tensors *tensors, const char *name); /* NULL when absent */

typedef struct ig_write_options {
    size_t struct_size;
    ig_file_format format; /* [by the path's extension] */
    bool raw_bits;         /* types that NumPy lacks as unsigned bits of the same width instead of exact wider values */
    bool overwrite;        /* an existing file; otherwise IG_E_ARGUMENT */
    const ig_kind *kinds;  /* which message each tensor becomes in a .pb file: IG_KIND_OPTIONAL wraps it [its own kind] */
} ig_write_options;

IG_API ig_status ig_tensor_write(const ig_tensor *tensor, const char *name, const char *path, const ig_write_options *options,
                                 ig_error *err);
/* One .npz file, or a folder with one file per tensor (name.npy …, for .pb output_<k>.pb by position). */
IG_API ig_status ig_tensors_write(const ig_tensors *tensors, const char *path, const ig_write_options *options, ig_error *err);

/* -------------------------------------------------------------------------------------------------------------- models */

typedef struct ig_model ig_model;

typedef struct ig_open_options {
    size_t struct_size;
    ig_context *context;   /* [a new one with default limits] */
    const char *format;    /* name of the format [found by content, then by name] */
    const char *signature; /* entry point of formats that have several [the default one] */
    const char *weights;   /* path of a separate weights file, for formats that need one */
} ig_open_options;

/* Opens a file (or folder) of any format. Weights stay in the mapped file. Only what can't be decoded at all is an error here;
 * what is wrong otherwise, ig_model_check says. */
IG_API ig_status ig_model_open(ig_model **model, const char *path, const ig_open_options *options, ig_error *err);
/* The same from memory, which must stay valid and unchanged until the model is freed. External data is refused. */
IG_API ig_status ig_model_open_memory(ig_model **model, const void *data, size_t size, const ig_open_options *options,
                                      ig_error *err);
IG_API void ig_model_free(ig_model *model);
IG_API ig_context *ig_model_context(ig_model *model);

typedef struct ig_save_options {
    size_t struct_size;
    const char *format; /* [by the path's extension] */
    bool overwrite;
    bool external;          /* put weights into a side file "<name>.data" [only when the model would pass 2 GB] */
    bool inline_external;   /* put external weights into the model file */
    uint64_t external_from; /* bytes from which a tensor is put into the side file [1024] */
} ig_save_options;

/* Writes the model; a failed write leaves no file behind. */
IG_API ig_status ig_model_save(ig_model *model, const char *path, const ig_save_options *options, ig_error *err);

typedef struct ig_convert_options {
    size_t struct_size;
    int64_t opset;      /* version of ai.onnx [the model's] */
    int64_t ml_opset;   /* version of ai.onnx.ml [the model's] */
    int64_t ir_version; /* [the model's, raised where the opset asks for it] */
} ig_convert_options;

/* A new model (to be freed) for other opset versions, up or down; models of other formats are lowered to ONNX. IG_E_UNSUPPORTED
 * names every operator that can't be converted, with its place and the reason. The model itself stays as it is; content is
 * shared. */
IG_API ig_status ig_model_convert(ig_model **converted, ig_model *model, const ig_convert_options *options, ig_error *err);

/* ------------------------------------------------------------------------------------------------------------- surgery */

/* Changing models. Values are those of the main graph, by name. What is made anew (and has to be freed) shares weights with the
 * model it comes from, which stays as it was. What changes a model in place checks first: after an error it is as it was,
 * unless memory ran out. Sessions made before don't change. */

/* The part of a model between values: its inputs are `inputs` (n_inputs 0: those of the model's inputs that it needs), its
 * outputs `outputs` (n_outputs 0: the model's). Everything else goes: nodes, weights, functions. IG_E_ARGUMENT names values
 * that don't exist, and values that the outputs depend on besides the inputs. */
IG_API ig_status ig_model_extract(ig_model **part, ig_model *model, const char *const *inputs, size_t n_inputs,
                                  const char *const *outputs, size_t n_outputs, ig_error *err);
/* Makes values outputs too, behind those that there are; n 0: all results of nodes. */
IG_API ig_status ig_model_add_outputs(ig_model *model, const char *const *names, size_t n, ig_error *err);

typedef struct ig_merge_options {
    size_t struct_size;
    const struct ig_pair *map; /* key: an output of the first model, value: an input of the second that it becomes */
    size_t n_map;
    const char *prefix1, *prefix2; /* of all names of values, nodes and functions of the models [none] */
    const char *const *inputs;     /* of the merged model [all inputs but those in the map] */
    size_t n_inputs;
    const char *const *outputs; /* [all outputs but those in the map] */
    size_t n_outputs;
} ig_merge_options;

/* One model of two: outputs of the first feed inputs of the second. Names in the options are those before prefixes are put in
 * front; inputs and outputs may have theirs. IG_E_ARGUMENT: names that don't exist, IR versions, opsets or metadata that
 * contradict each other, names that both have. IG_E_INPUT: types that don't fit. */
IG_API ig_status ig_model_merge(ig_model **merged, ig_model *first, ig_model *second, const ig_merge_options *options,
                                ig_error *err);

typedef struct ig_inline_options {
    size_t struct_size;
    const char *const *functions; /* "domain.name": only calls of these [all functions of the model] */
    size_t n_functions;
    bool exclude;   /* all but these */
    bool operators; /* also operators of the standard that are defined by a function: these or all but these, too */
} ig_inline_options;

/* A model in which bodies stand in place of calls of functions; functions that nothing calls any more are gone. Bodies for
 * another opset than the model's are converted to it. */
IG_API ig_status ig_model_inline(ig_model **inlined, ig_model *model, const ig_inline_options *options, ig_error *err);

typedef enum ig_name_of { IG_NAME_OF_VALUE, IG_NAME_OF_NODE, IG_NAME_OF_DIM, IG_NAME_OF_COUNT } ig_name_of;
/* Gives a value, a node or a named dim another name, also in subgraphs. IG_E_ARGUMENT: there is none of this name, or one of
 * the other. */
IG_API ig_status ig_model_rename(ig_model *model, ig_name_of what, const char *from, const char *to, ig_error *err);
/* Puts text in front of the names of all values, nodes and functions. */
IG_API ig_status ig_model_add_prefix(ig_model *model, const char *prefix, ig_error *err);

typedef enum ig_model_text {
    IG_TEXT_DOC,
    IG_TEXT_PRODUCER,
    IG_TEXT_PRODUCER_VERSION,
    IG_TEXT_DOMAIN,
    IG_TEXT_GRAPH_NAME,
    IG_TEXT_GRAPH_DOC,
    IG_TEXT_COUNT
} ig_model_text;
IG_API ig_status ig_model_set_text(ig_model *model, ig_model_text which, const char *text, ig_error *err);
IG_API ig_status ig_model_set_version(ig_model *model, int64_t version, ig_error *err); /* of the model itself */
/* An entry of the model's metadata; value NULL takes it out. */
IG_API ig_status ig_model_set_metadata(ig_model *model, const char *key, const char *value, ig_error *err);

/* One change of shape: of the input `name` to the dims in `shape` ("1,3,224,224"; a word is a named dim, ? is unknown), or with
 * `name` NULL of dim 0 of all inputs (`shape` has one dim: the batch), or with `dim` of the dim of that name in all inputs. */
typedef struct ig_reshape {
    const char *name, *dim, *shape;
} ig_reshape;
/* A model whose inputs have other shapes, and all other values those that follow. IG_E_INPUT names the first place that
 * contradicts the new shapes, such as a Reshape with a batch of its own. */
IG_API ig_status ig_model_reshape(ig_model **reshaped, ig_model *model, const ig_reshape *changes, size_t n, ig_error *err);

/* What changed between two models. Members that don't apply are NULL, 0 or false; texts live as long as the list. */
typedef struct ig_difference_item {
    const char *what;               /* "opset", "input", "weight", "node", "function", … */
    const char *how;                /* "added", "removed", "changed", "renamed" */
    const char *where;              /* name or place */
    const char *before, *after;     /* text */
    bool numbers;                   /* the next are known: of weights of one shape */
    uint64_t count, changed;        /* elements in all, and those that differ */
    double max_abs, norm, relative; /* of the difference: largest, root of the sum of squares, and that by the norm before */
} ig_difference_item;
typedef struct ig_differences ig_differences;
IG_API ig_status ig_model_diff(ig_differences **differences, ig_model *before, ig_model *after, ig_error *err);
IG_API size_t ig_differences_count(const ig_differences *differences);
IG_API ig_difference_item ig_differences_at(const ig_differences *differences, size_t i);
IG_API void ig_differences_free(ig_differences *differences);

/* ----------------------------------------------------------------------------------------------------- text, formats */

typedef struct ig_print_options {
    size_t struct_size;
    bool short_constants; /* constants of more than 8 elements are shown as "...", which can't be read back */
} ig_print_options;

/* The model in ONNX's textual syntax, piece by piece; `write` returns false to stop. What the syntax has no words for is told
 * in comments at the end. */
IG_API ig_status ig_model_print(ig_model *model, const ig_print_options *options,
                                bool (*write)(void *user, const char *text, size_t n), void *user, ig_error *err);

typedef struct ig_pair {
    const char *key, *value;
} ig_pair;

/* A format of model files that this library knows. */
typedef struct ig_format_info {
    const char *name, *title, *extensions; /* "onnx", "ONNX", "onnx pb" */
    bool reads, writes;
    const char *domain; /* of its own operators ("tflite"); NULL: it has ONNX's, or holds weights only */
    size_t n_operators; /* of its own that are lowered to ONNX's, which is how they run and are converted */
} ig_format_info;
IG_API size_t ig_format_count(void);
IG_API ig_format_info ig_format_at(size_t i);
/* An operator of format i that is lowered, in the order of names: its name, and the ONNX operator that does its work when it is
 * one ("" otherwise). Both are NULL from n_operators on. */
IG_API ig_pair ig_format_operator(size_t i, size_t operator_index);
/* Name of the format that a model was read from ("tflite"); "" when it was made in memory. */
IG_API const char *ig_model_format(const ig_model *model);

/* One thing that check found. Texts live as long as the report. */
typedef struct ig_report_item {
    int severity; /* 0 note, 1 warning, 2 error */
    const char *rule, *message, *where, *hint;
} ig_report_item;
typedef struct ig_report ig_report;
typedef struct ig_check_options {
    size_t struct_size;
    bool weights;       /* also read all weights: NaN, infinities, denormal numbers, tensors of zeros only [no] */
    const char *target; /* also say what this runtime would refuse: "onnxruntime", ... see ig_check_target_at [none] */
} ig_check_options;
/* Everything found wrong or doubtful, not only the first. IG_OK also when there are errors in the model. IG_E_ARGUMENT for an
 * unknown target. `options` may be NULL. */
IG_API ig_status ig_model_check(ig_report **report, ig_model *model, const ig_check_options *options, ig_error *err);
/* Runtimes of which it is known what they take: name, and where that knowledge is from. */
typedef struct ig_check_target {
    const char *name, *title, *source;
} ig_check_target;
IG_API size_t ig_check_target_count(void);
IG_API ig_check_target ig_check_target_at(size_t i);
IG_API void ig_report_free(ig_report *report);
IG_API size_t ig_report_count(const ig_report *report);
IG_API ig_report_item ig_report_at(const ig_report *report, size_t i);
IG_API size_t ig_report_errors(const ig_report *report);
IG_API size_t ig_report_warnings(const ig_report *report);

/* The shape of an input. */
typedef struct ig_input_shape {
    const char *name;
    int rank;
    const int64_t *dims; /* -1 entries stay free */
} ig_input_shape;

/* How types and shapes are inferred. */
typedef struct ig_infer_types_options {
    size_t struct_size;
    bool strict;                     /* the first contradiction is an error (IG_E_INPUT) */
    bool no_data_propagation;        /* contents of values are not computed: shapes that depend on them stay unknown */
    const struct ig_dim_value *dims; /* values for named dims */
    size_t n_dims;
    const ig_input_shape *shapes; /* of inputs; a named dim that one of them fixes has that value everywhere */
    size_t n_shapes;
} ig_infer_types_options;
/* Infers the types and shapes of all values and notes them in the model, where saving writes them: types of outputs, a
 * value_info for each value between. `report` (may be NULL) lists contradictions between operators and declared types. */
IG_API ig_status ig_model_infer_types(ig_model *model, const ig_infer_types_options *options, ig_report **report,
                                      ig_error *err);

/* ---------------------------------------------------------------------------------------------------------------- info */

typedef struct ig_value_facts {
    const char *name, *type; /* "float[1,3,224,224]" */
    bool has_default;
} ig_value_facts;
typedef struct ig_op_facts {
    const char *domain, *op;
    uint64_t count;
    bool supported; /* igata can run it */
} ig_op_facts;

/* What a model is, without its weights being read. New members are added at the end. */
typedef struct ig_info {
    const char *format, *title; /* "onnx", "ONNX IR 8" */
    const char *producer, *producer_version, *domain, *doc, *graph_name;
    int64_t ir_version, model_version;
    uint64_t file_bytes;
    size_t n_opsets, n_inputs, n_outputs, n_ops, n_metadata, n_functions;
    const struct ig_opset_facts {
        const char *domain;
        int64_t version;
    } * opsets;
    const ig_value_facts *inputs, *outputs;
    const ig_op_facts *ops; /* most frequent first; nodes of subgraphs and functions count once each */
    const ig_pair *metadata;
    uint64_t n_nodes, n_initializers, parameters, weight_bytes;
    uint64_t bytes_of[IG_DTYPE_COUNT], parameters_of[IG_DTYPE_COUNT];
    bool work_known;           /* shapes sufficed for the next two */
    uint64_t multiply_adds;    /* of one run */
    uint64_t activation_bytes; /* most that intermediate values need at once */
    uint64_t unsupported_nodes;
    bool work_assumed; /* free dims were taken to be 1 for the work */
} ig_info;
IG_API ig_status ig_model_info(const ig_info **info, ig_model *model, ig_error *err);
IG_API void ig_info_free(const ig_info *info);

/* A weight: an initializer, or a tensor of a weights file. */
typedef struct ig_weight_facts {
    const char *name;
    ig_dtype dtype;
    int rank;
    const int64_t *dims;
    uint64_t bytes;
} ig_weight_facts;
IG_API size_t ig_model_weight_count(ig_model *model);
IG_API ig_weight_facts ig_model_weight_at(ig_model *model, size_t i);
/* The content (a new reference). */
IG_API ig_status ig_model_weight(ig_tensor **tensor, ig_model *model, size_t i, ig_error *err);

/* ------------------------------------------------------------------------------------------------------------- session */

typedef struct ig_session ig_session;

/* A symbolic dim of the model's inputs given a value. */
typedef struct ig_dim_value {
    const char *name;
    int64_t value;
} ig_dim_value;

typedef struct ig_session_options {
    size_t struct_size;
    unsigned threads; /* [one per core] */
    int optimize;     /* 0 the default (all passes), -1 none */
    uint64_t seed;    /* of random operators */
    const ig_dim_value *dims;
    size_t n_dims;
    bool profile; /* record the time of every node: ig_session_profile */
} ig_session_options;

/* Gets a model ready to run. The session keeps what it needs of the model, which may be freed. IG_E_UNSUPPORTED names every
 * operator that igata has no kernel for, with its nodes. */
IG_API ig_status ig_session_create(ig_session **session, ig_model *model, const ig_session_options *options, ig_error *err);
IG_API void ig_session_free(ig_session *session);
IG_API ig_context *ig_session_context(ig_session *session);

typedef struct ig_session_value {
    const char *name;
    const char *type; /* "float[batch,3,224,224]" */
    ig_kind kind;
    ig_dtype dtype;
    int rank;             /* -1: unknown */
    const int64_t *dims;  /* -1: not fixed */
    bool has_default;     /* an input that need not be given */
    ig_kind element_kind; /* of what a sequence, optional or map holds */
    ig_dtype element;     /* of the tensors inside it, however deep */
} ig_session_value;
IG_API size_t ig_session_input_count(const ig_session *session);
IG_API ig_session_value ig_session_input(const ig_session *session, size_t i);
IG_API size_t ig_session_output_count(const ig_session *session);
IG_API ig_session_value ig_session_output(const ig_session *session, size_t i);

typedef struct ig_run_options {
    size_t struct_size;
    const volatile bool *cancel; /* polled between nodes: true stops the run with IG_E_CANCELLED */
} ig_run_options;

/* Runs the graph. `names` and `inputs` pair up (n of them); inputs with a default may be left out. `wanted` (n_outputs names,
 * or NULL for the first n_outputs of the model) come out in `outputs`: an entry that is NULL gets a new tensor, which the
 * caller frees; an entry that holds a tensor of the right type and shape is written into. May be called from several threads at
 * once. */
IG_API ig_status ig_session_run(ig_session *session, const char *const *names, const ig_tensor *const *inputs, size_t n,
                                const char *const *wanted, ig_tensor **outputs, size_t n_outputs, const ig_run_options *options,
                                ig_error *err);

/* A value with random content that suits an input: normal numbers for floats, 0 or 1 for integers;
 * dims that aren't fixed become 1 unless the session has a value for them. */
IG_API ig_status ig_session_random_input(ig_tensor **tensor, ig_session *session, size_t input, uint64_t seed, ig_error *err);

/* Where the time went, of all runs since the session was made with `profile`. */
typedef struct ig_node_time {
    const char *node, *op, *type; /* type: of the first output */
    uint64_t start_ns, ns;        /* since the first run's start */
    unsigned run;
} ig_node_time;
IG_API size_t ig_session_profile(const ig_session *session, const ig_node_time **times);
/* Multiply-adds of a run with the shapes of the last one; 0 when unknown. */
IG_API uint64_t ig_session_multiply_adds(const ig_session *session);

/* --------------------------------------------------------------------------------------------------------- own operators */

/* An operator of your own: what a session calls for nodes of this domain and name. The three handles are what callbacks get
 * to ask their questions of; they are valid during the call. See docs/custom-operators.md for a worked example. */
typedef struct ig_custom_node ig_custom_node;   /* a node: its attributes */
typedef struct ig_custom_types ig_custom_types; /* a node whose result types are asked for */
typedef struct ig_custom_call ig_custom_call;   /* a node that is to be computed */

typedef struct ig_custom_op {
    size_t struct_size;
    const char *domain, *name;
    int since, until;                /* opset versions of the domain, both included [all] */
    size_t min_inputs, max_inputs;   /* [0; as many as min_inputs]; SIZE_MAX: any number */
    size_t min_outputs, max_outputs; /* [1; as many as min_outputs] */
    /* Says what is known of the results' types before a run and between its nodes; what it does not set is unknown. May be
     * NULL. An error means that a node like this can never run. */
    ig_status (*infer)(ig_custom_types *types, void *user, ig_error *err);
    /* Called once per node and session; *state is handed to run and release. May be NULL. */
    ig_status (*prepare)(const ig_custom_node *node, void **state, void *user, ig_error *err);
    void (*release)(void *state, void *user);
    /* Computes the results. Several may be under way at once in different threads. */
    ig_status (*run)(ig_custom_call *call, void *state, void *user, ig_error *err);
    void *user;                    /* for all callbacks */
    void (*free_user)(void *user); /* when the context goes; may be NULL */
    bool varies; /* results depend on more than inputs and attributes, so that they are never computed ahead */
} ig_custom_op;

/* Registers an operator with a context, for models opened with it afterwards. It comes before operators of igata with the same
 * domain and name. The strings are copied. */
IG_API ig_status ig_context_add_op(ig_context *context, const ig_custom_op *op, ig_error *err);
/* Loads a shared library and calls its function IG_OPS_ENTRY, an ig_ops_entry, which registers operators. The library stays
 * loaded as long as the context. Code in it runs with the rights of this process. */
IG_API ig_status ig_context_load_ops(ig_context *context, const char *path, ig_error *err);
#define IG_OPS_ENTRY "igata_register_ops"
typedef ig_status (*ig_ops_entry)(ig_context *context, ig_error *err);

/* Fills in an error for a person to read, and returns its status. */
IG_API ig_status ig_custom_fail(ig_error *err, ig_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

IG_API const char *ig_custom_node_name(const ig_custom_node *node); /* may be "" */
IG_API size_t ig_custom_node_inputs(const ig_custom_node *node);    /* absent ones count */
IG_API size_t ig_custom_node_outputs(const ig_custom_node *node);
/* The value of an attribute of this kind; false, with the value left alone, when the node has none. Lists and texts live as
 * long as the session. */
IG_API bool ig_custom_attr_int(const ig_custom_node *node, const char *name, int64_t *value);
IG_API bool ig_custom_attr_float(const ig_custom_node *node, const char *name, float *value);
IG_API bool ig_custom_attr_str(const ig_custom_node *node, const char *name, ig_str *value);
IG_API bool ig_custom_attr_ints(const ig_custom_node *node, const char *name, const int64_t **values, size_t *n);
IG_API bool ig_custom_attr_floats(const ig_custom_node *node, const char *name, const float **values, size_t *n);
IG_API bool ig_custom_attr_strs(const ig_custom_node *node, const char *name, const ig_str **values, size_t *n);
/* Not to be called while running: the content may have to be decoded. */
IG_API bool ig_custom_attr_tensor(const ig_custom_node *node, const char *name, const ig_tensor **value);

IG_API const ig_custom_node *ig_custom_types_node(const ig_custom_types *types);
/* What is known of input i: *dtype may be IG_UNDEFINED, *rank -1, dims (room for IG_MAX_RANK) -1. False when the input is
 * absent, no tensor, or nothing is known. */
IG_API bool ig_custom_types_input(const ig_custom_types *types, size_t i, ig_dtype *dtype, int *rank, int64_t *dims);
/* The content of input i when it is a known constant, else NULL. */
IG_API const ig_tensor *ig_custom_types_content(const ig_custom_types *types, size_t i);
/* Sets output o: rank -1 and dims of -1 are unknown. */
IG_API ig_status ig_custom_types_set(ig_custom_types *types, size_t o, ig_dtype dtype, int rank, const int64_t *dims,
                                     ig_error *err);
/* Output o has the type and shape of input i, names of dims included. */
IG_API ig_status ig_custom_types_same(ig_custom_types *types, size_t o, size_t i, ig_error *err);

IG_API const ig_custom_node *ig_custom_call_node(const ig_custom_call *call);
IG_API ig_context *ig_custom_call_context(ig_custom_call *call);
/* Input i, or NULL for an absent one. Elements are aligned. */
IG_API const ig_tensor *ig_custom_call_input(const ig_custom_call *call, size_t i);
/* False when nobody reads output o: it need not be made. */
IG_API bool ig_custom_call_wanted(const ig_custom_call *call, size_t o);
/* The tensor to write output o into, of this type and shape; content undefined. It must be what infer said, if that said all.
 */
IG_API ig_status ig_custom_call_output(ig_tensor **tensor, ig_custom_call *call, size_t o, ig_dtype dtype, int rank,
                                       const int64_t *dims, ig_error *err);
/* Hands over a value as output o (a sequence, a map, or a tensor made elsewhere); takes the reference. */
IG_API ig_status ig_custom_call_set(ig_custom_call *call, size_t o, ig_tensor *value, ig_error *err);
/* Memory until the end of the call, 64-byte aligned. NULL: out of memory. */
IG_API void *ig_custom_call_scratch(ig_custom_call *call, size_t bytes);
/* Calls work(arg, begin, end) for ranges that cover [0, n), at least `grain` long, on the session's threads. */
IG_API void ig_custom_call_parallel(ig_custom_call *call, size_t n, size_t grain,
                                    void (*work)(void *arg, size_t begin, size_t end), void *arg);

/* --------------------------------------------------------------------------------------------------------- verification */

/* How far two values are apart. */
typedef struct ig_difference {
    bool equal; /* within the tolerances, same types and shapes */
    double max_abs, max_rel;
    uint64_t differing, total; /* elements outside the tolerances */
    char reason[256];          /* "shape float[2,3], expected float[3,2]"; empty when equal */
} ig_difference;
/* |actual - expected| <= atol + rtol * |expected|; NaN equals NaN; strings, booleans and integers exactly (integers within
 * atol). */
IG_API void ig_tensor_compare(ig_difference *difference, const ig_tensor *actual, const ig_tensor *expected, double rtol,
                              double atol);

#ifdef __cplusplus
}
#endif

#endif
