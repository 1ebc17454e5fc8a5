/* Tensor files from the inside: one file per format, joined by the table in files.c. */
#ifndef IG_TENSORIO_TENSORIO_H
#define IG_TENSORIO_TENSORIO_H

#include "codec/npy.h"
#include "graph/tensor.h"

/* One file on its way to becoming a tensor. */
typedef struct ig_load {
    ig_context *context;
    ig_buffer *file;             /* its content */
    const ig_read_options *want; /* complete */
    ig_error *err;
} ig_load;

/* One value on its way into a file. */
typedef struct ig_store {
    ig_context *context;
    ig_file *file;
    const char *name; /* of the tensor; may be NULL */
    ig_kind kind;     /* of the message in a .pb file; IG_KIND_NONE: the value's own */
    bool raw_bits;
    ig_error *err;
} ig_store;

typedef struct ig_tensor_format {
    ig_file_format id;
    const char *name;            /* "npy" */
    const char *extensions;      /* without dots, spaces between; the first is used for writing */
    bool (*probe)(ig_span file); /* by content; NULL: only by name */
    ig_status (*read)(ig_tensor **tensor, const ig_load *load); /* NULL: see ig_tensors_read */
    ig_status (*write)(const ig_store *store, const ig_tensor *tensor);
    bool any_kind; /* writes sequences, maps and absent optionals too */
} ig_tensor_format;

/* Where content goes: a file or an entry of an archive. */
typedef struct ig_sink {
    void (*put)(void *user, const void *data, size_t n);
    void *user;
} ig_sink;

/* Copies the caller's options as far as both sides know them and gives them a context (a new reference). */
ig_status ig_read_options_complete(ig_read_options *out, const ig_read_options *in, ig_error *err);

/* npy.c: the tensor of one field, over the file's bytes when they are already as a tensor wants them. */
ig_status ig_npy_tensor(ig_tensor **tensor, ig_context *context, ig_buffer *file, const ig_npy *npy, const ig_npy_field *field,
                        ig_dtype wanted, ig_error *err);
/* Reads a whole .npy file that is a plain array. */
ig_status ig_npy_read(ig_tensor **tensor, ig_context *context, ig_buffer *file, ig_dtype wanted, ig_error *err);
/* A dense tensor ready to be written as .npy. */
typedef struct ig_npy_out {
    const ig_tensor *tensor;
    ig_dtype as;  /* element type in the file */
    bool bits;    /* elements go as unsigned bits */
    size_t width; /* of a string in characters (bytes when not UTF-8) */
    bool byte_strings;
    ig_str header;
    uint64_t bytes; /* of the whole file */
} ig_npy_out;
ig_status ig_npy_prepare(ig_npy_out *out, ig_arena *arena, const ig_tensor *tensor, bool raw_bits, ig_error *err);
void ig_npy_put(const ig_npy_out *out, ig_sink sink);

ig_status ig_npy_load(ig_tensor **tensor, const ig_load *load);
ig_status ig_npy_store(const ig_store *store, const ig_tensor *tensor);
ig_status ig_pb_load(ig_tensor **tensor, const ig_load *load);
ig_status ig_pb_store(const ig_store *store, const ig_tensor *tensor);
bool ig_json_probe(ig_span file);
ig_status ig_json_load(ig_tensor **tensor, const ig_load *load);
ig_status ig_json_store(const ig_store *store, const ig_tensor *tensor);
ig_status ig_csv_load(ig_tensor **tensor, const ig_load *load);
ig_status ig_csv_store(const ig_store *store, const ig_tensor *tensor);
ig_status ig_raw_load(ig_tensor **tensor, const ig_load *load);
ig_status ig_raw_store(const ig_store *store, const ig_tensor *tensor);
bool ig_image_probe(ig_span file);
ig_status ig_image_load(ig_tensor **tensor, const ig_load *load);

/* npz.c */
bool ig_npz_probe(ig_span file);
ig_status ig_npz_load(ig_tensors *tensors, const ig_load *load);
ig_status ig_npz_store(const ig_store *store, const ig_tensors *tensors);

ig_context *ig_tensors_context(const ig_tensors *tensors);
/* tensors.c: adds `tensor` under `name`, other kinds than dense tensors taken apart into dense ones: name.0 …, name.keys and
 * name.values. An absent optional adds nothing. */
ig_status ig_tensors_flatten(ig_tensors *out, const char *name, const ig_tensor *tensor, ig_error *err);

/* convert.c: a number in text as element i of `data`; false when it is none or the (whole number) type can't hold it. */
bool ig_text_to_element(ig_str text, ig_dtype dtype, void *data, size_t i);
/* The wanted element type, and the wanted rank when the dims multiply to the same (or the one free dim follows). */
ig_status ig_tensor_fit(ig_tensor **tensor, const ig_read_options *want, ig_error *err);

#endif
