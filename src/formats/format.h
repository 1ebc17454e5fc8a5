/* What a file format is: one constant struct in src/formats/<format>/ and one line in formats.def. */
#ifndef IG_FORMATS_FORMAT_H
#define IG_FORMATS_FORMAT_H

#include "graph/graph.h"

/* What is to be opened. */
typedef struct ig_source {
    ig_context *context;
    const char *path;   /* NULL: from memory */
    const char *folder; /* of the file, or the folder itself; NULL from memory: no other file may be opened */
    ig_buffer *file;    /* the content; NULL when path is a folder */
    ig_open_options options;
} ig_source;

/* Where a model is to be written. */
typedef struct ig_target {
    ig_context *context;
    const char *path;
    ig_save_options options;
} ig_target;

/* Probe scores. Content decides; a fitting name only breaks ties and lets a damaged file reach the reader whose error says what
 * is wrong with it. */
enum {
    IG_PROBE_NO = 0,
    IG_PROBE_NAME = 20,     /* what a fitting extension alone is worth */
    IG_PROBE_MAYBE = 50,    /* the content fits, as that of other formats could */
    IG_PROBE_LIKELY = 80,   /* it would be a coincidence if it were anything else */
    IG_PROBE_CERTAIN = 100, /* a magic number of the format's own */
};

enum {
    IG_FORMAT_FOLDER = 1,  /* a model is a folder (also): probe and read are called with source->file NULL */
    IG_FORMAT_LOWERED = 2, /* write gets a copy in which operators of other formats are lowered to ONNX's */
};

typedef struct ig_format {
    const char *name, *title, *extensions; /* extensions: without dots, separated by spaces */
    uint32_t flags;
    const char *domain; /* of its own operators, see lower.h; NULL: it has ONNX's, or none */
    /* What people leave off paths: a path that doesn't exist is tried with it. NULL: nothing. */
    const char *ending;
    /* How much the content looks like this format. Reads little of it and allocates nothing; the name is not its business. */
    int (*probe)(const ig_source *source);
    /* Fills an empty model. What can be decoded goes in, right or wrong; findings say what is wrong. NULL: can't read. */
    ig_status (*read)(ig_model *model, const ig_source *source, ig_error *err);
    /* Writes the model through ig_file, so that a failure leaves nothing. NULL: can't write. */
    ig_status (*write)(ig_model *model, const ig_target *target, ig_error *err);
} ig_format;

extern const ig_format *const ig_formats[];
extern const size_t ig_formats_count;

/* NULL when no format has the name. */
const ig_format *ig_format_find(const char *name);
/* A file that is recognized as something other than a model gives IG_E_INPUT with an error that says what it is and what to do;
 * IG_OK when it could be anything. See not_model.c. */
ig_status ig_not_a_model(ig_span content, ig_error *err);
/* The part of a path behind the last slash. */
const char *ig_path_name(const char *path);

#endif
