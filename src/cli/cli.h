/* The igata command: what its parts share. A command is one file and one line in commands.def; its options are a table from
 * which parsing, -h and the man page all come. */
#ifndef IG_CLI_CLI_H
#define IG_CLI_CLI_H

#include <igata/igata.h>

#include <stdio.h>

#define CLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ------------------------------------------------------------------------------------------------------------- commands */

enum { CLI_DONE = 0, CLI_NO = 1, CLI_USAGE = 2, CLI_INPUT = 3, CLI_UNSUPPORTED = 4, CLI_LIMIT = 5, CLI_BUG = 70 };

typedef enum cli_kind {
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char *, NULL when absent */
    CLI_WHOLE,  /* int64_t, not negative */
    CLI_NUMBER, /* double */
    CLI_LIST,   /* cli_list: may be given again */
} cli_kind;

typedef struct cli_list {
    const char **items;
    size_t n;
} cli_list;

typedef struct cli_option {
    const char *name; /* without dashes */
    char letter;      /* short form, or 0 */
    cli_kind kind;
    size_t at;           /* offset of the value in the command's options struct */
    const char *value;   /* what stands for it in help ("N", "FILE"); NULL for flags */
    const char *help;    /* one line */
    const char *choices; /* the only texts allowed, spaces between, or NULL */
} cli_option;

#define CLI_OPTION(type, field, name, letter, kind, value, help)                                                               \
    { name, letter, kind, offsetof(type, field), value, help, NULL }
#define CLI_CHOICE(type, field, name, letter, value, help, choices)                                                            \
    { name, letter, CLI_TEXT, offsetof(type, field), value, help, choices }

typedef struct cli_call {
    const char *const *operands; /* arguments that are no options */
    size_t n;
    const void *options; /* the command's own struct */
    bool json;           /* --json, which every command has */
} cli_call;

typedef struct cli_command {
    const char *arguments;   /* "MODEL [NAME...]" */
    const char *description; /* paragraphs for -h and the man page */
    size_t least, most;      /* operands */
    const cli_option *options;
    size_t n_options;
    size_t options_size;              /* bytes of the struct */
    const char *examples[2][2];       /* a command line, what it does */
    int (*run)(const cli_call *call); /* returns the exit code */
} cli_command;

typedef struct cli_entry {
    const char *name, *summary;
    const cli_command *command;
} cli_entry;

extern const cli_entry cli_commands[];
extern const size_t cli_command_count;
const cli_entry *cli_find_command(const char *name); /* NULL: none */

/* Parses the arguments behind the command's name and runs it. */
int cli_run_command(const cli_entry *entry, int argc, char **argv);
/* The name in the list closest to a mistyped one, or NULL when none is close. `list` has n names, `stride` bytes apart. */
const char *cli_nearest(const char *word, const void *list, size_t n, size_t stride);
/* Options that every command has. */
extern const cli_option cli_common_options[];
extern const size_t cli_common_option_count;

void cli_print_help(const cli_entry *entry, FILE *out);
void cli_print_man(const cli_entry *entry, FILE *out);
void cli_print_overview(FILE *out);

/* ----------------------------------------------------------------------------------------------------------- messages */

/* The exit code that a status means. */
int cli_exit_code(ig_status status);
/* "file: error: message", then place and hint, on stderr. `file` may be NULL. Returns the exit code. */
int cli_fail(const char *file, const ig_error *err);
/* A wrong way to use the command: message and where help is. Returns CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "note: ..." on stderr. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line of progress that overwrites the one before, when stderr is a terminal; NULL clears it. */
void cli_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

typedef enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_RED, CLI_YELLOW, CLI_GREEN, CLI_DIM } cli_style;
/* Escape sequence that starts a style on a stream, "" where colours don't belong (no terminal, NO_COLOR). */
const char *cli_style_on(FILE *out, cli_style style);
const char *cli_style_off(FILE *out);

/* ---------------------------------------------------------------------------------------------------------------- text */

/* Memory that is never NULL: running out ends the program with CLI_LIMIT. */
void *cli_alloc(size_t size); /* zeroed */
char *cli_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A name from a file as one harmless line, to be freed. */
char *cli_clean(const char *text);
char *cli_clean_str(ig_str text);

/* Columns of text: each cell is a clean copy. Numbers are set to the right. */
typedef struct cli_table cli_table;
/* `columns`: a letter for each, 'l' or 'r'. `headings` may be NULL. */
cli_table *cli_table_new(const char *columns, const char *const *headings);
void cli_table_cell(cli_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_table_free(cli_table *table);
/* Prints with two spaces between columns, each line behind `indent`, and frees. */
void cli_table_print(cli_table *table, const char *indent, FILE *out);

/* "14.0 MB", "3.5 M": decimal units. */
const char *cli_bytes(char out[32], uint64_t bytes);
const char *cli_amount(char out[32], double amount);
/* "float[2,3]", "sequence of 3", "map of 2 from string", "absent". To be freed. */
char *cli_type_text(const ig_tensor *tensor);
/* A dense tensor of real numbers. */
bool cli_is_real(const ig_tensor *tensor);
/* Monotonic milliseconds. */
double cli_now_ms(void);

/* ---------------------------------------------------------------------------------------------------------------- JSON */

struct json_t;
/* Text that may be no UTF-8. */
struct json_t *cli_json_text(const char *text);
struct json_t *cli_json_str(ig_str text);
struct json_t *cli_json_number(double value); /* null for NaN and infinities */
/* Prints in ASCII, so that nothing in a file can reach a terminal, and frees. */
void cli_json_print(struct json_t *value);

/* ------------------------------------------------------------------------------------------------------ edited models */

/* Options of the commands that change a model and write it. */
typedef struct cli_edit {
    const char *from, *weights, *to;
    bool external, inline_external, force;
} cli_edit;

/* Their lines for the table of a command whose options struct `type` has a cli_edit as `edit`. */
#define CLI_EDIT_OPTIONS(type)                                                                                                 \
    CLI_OPTION(type, edit.external, "external", 0, CLI_FLAG, NULL, "put weights into a side file beside the model"),           \
        CLI_OPTION(type, edit.inline_external, "inline-external", 0, CLI_FLAG, NULL, "put all weights into the model file"),   \
        CLI_OPTION(type, edit.force, "force", 'f', CLI_FLAG, NULL, "overwrite a file that exists"),                            \
        CLI_OPTION(type, edit.to, "to", 0, CLI_TEXT, "FORMAT", "format to write (default: by the name)"),                      \
        CLI_OPTION(type, edit.weights, "weights", 0, CLI_TEXT, "FILE", "weights file of a format that keeps them apart"),      \
        CLI_OPTION(type, edit.from, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)")

/* Prints what fails; returns an exit code. */
int cli_edit_open(ig_model **model, const char *path, const cli_edit *edit);
/* Writes the model and tells programs (--json) that it is written. */
int cli_edit_save(ig_model *model, const cli_call *call, const char *path, const cli_edit *edit);
/* Opens operand 0, makes another model of it, writes that as operand 1. `make` may hand back the same model. */
int cli_edit_make(const cli_call *call, const cli_edit *edit,
                  ig_status (*make)(ig_model **made, ig_model *model, const cli_call *call, ig_error *err));
/* "17" or "ai.onnx.ml=3", again and again. Returns an exit code. */
int cli_parse_opsets(const char *command, const cli_list *list, ig_convert_options *out);
/* The words of a list of comma-separated words, to be freed. */
typedef struct cli_words {
    char **items;
    size_t n;
} cli_words;
cli_words cli_split(const cli_list *list);
void cli_words_free(cli_words *words);
/* "a=b" as pairs of a and b, cut at the first '='; CLI_USAGE when one has none. To be freed, also then. */
typedef struct cli_pairs {
    ig_pair *items;
    size_t n;
} cli_pairs;
int cli_split_pairs(cli_pairs *pairs, const char *command, const char *option, const cli_list *list);
void cli_pairs_free(cli_pairs *pairs);

/* -------------------------------------------------------------------------------------------------------- model inputs */

/* The option of commands that meet operators: a cli_list. */
#define CLI_OPERATORS_OPTION(type, field)                                                                                      \
    CLI_OPTION(type, field, "ops", 0, CLI_LIST, "LIB", "shared library with operators of your own (its code is run)")
/* A new context that knows the operators of these libraries. Prints what fails; returns an exit code. */
int cli_context(ig_context **context, const cli_list *ops);

/* Options of the commands that run a model, and what they lead to. */
typedef struct cli_source {
    cli_list inputs; /* -i */
    bool random;
    int64_t seed;
    cli_list dims; /* --dim */
    cli_list ops;  /* --ops */
    int64_t threads;
    const char *signature, *weights, *format;
    const char *layout, *mean, *scale;
    bool bgr, crop;
} cli_source;

/* Their lines for the table of a command whose options struct `type` has a cli_source as `source`. */
#define CLI_SOURCE_OPTIONS(type)                                                                                               \
    CLI_OPTION(type, source.inputs, "input", 'i', CLI_LIST, "[NAME=]FILE",                                                     \
               "inputs: an .npz, or one input's .npy .pb .json .csv .raw .png .jpg"),                                          \
        CLI_OPTION(type, source.random, "random", 0, CLI_FLAG, NULL, "make up the inputs that are not given"),                 \
        CLI_OPTION(type, source.seed, "seed", 0, CLI_WHOLE, "N", "seed of made-up inputs and of random operators"),            \
        CLI_OPTION(type, source.dims, "dim", 0, CLI_LIST, "NAME=N", "size of a named free dimension"),                         \
        CLI_OPERATORS_OPTION(type, source.ops),                                                                                \
        CLI_OPTION(type, source.threads, "threads", 0, CLI_WHOLE, "N", "threads to compute with (default: one per core)"),     \
        CLI_OPTION(type, source.signature, "signature", 0, CLI_TEXT, "NAME", "entry point of a model that has several"),       \
        CLI_OPTION(type, source.weights, "weights", 0, CLI_TEXT, "FILE", "weights file of a format that keeps them apart"),    \
        CLI_OPTION(type, source.format, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)"),       \
        CLI_CHOICE(type, source.layout, "layout", 0, "LAYOUT", "of picture inputs: nchw or nhwc", "nchw nhwc"),                \
        CLI_OPTION(type, source.mean, "mean", 0, CLI_TEXT, "A[,B,C]", "taken from pixels (0 to 255), one or one a channel"),   \
        CLI_OPTION(type, source.scale, "scale", 0, CLI_TEXT, "A[,B,C]", "then multiplied (default: 1/255 for float inputs)"),  \
        CLI_OPTION(type, source.bgr, "bgr", 0, CLI_FLAG, NULL, "blue first in pictures"),                                      \
        CLI_OPTION(type, source.crop, "crop", 0, CLI_FLAG, NULL, "keep a picture's aspect ratio and cut its middle")

/* A model made ready. Zero it first; cli_ready_free whatever happened. */
typedef struct cli_ready {
    ig_context *context;
    ig_model *model;
    ig_session *session;
    const char **names; /* of the inputs given */
    ig_tensor **values;
    size_t n;
    double load_ms;
} cli_ready;

/* The values of --dim options; to be freed also when an exit code other than CLI_DONE comes back. */
int cli_parse_dims(const char *command, const cli_list *list, ig_dim_value **dims);
void cli_dims_free(ig_dim_value *dims, size_t n);
/* Opens the model and makes a session. Prints what fails; returns an exit code. */
int cli_open(cli_ready *ready, const char *command, const char *path, const cli_source *source, bool profile);
/* Reads the inputs for it. With `random_rest` what isn't given is made up. */
int cli_read_inputs(cli_ready *ready, const char *command, const cli_source *source, bool random_rest);
void cli_ready_free(cli_ready *ready);

/* labels.c: the likeliest classes of each row of the first output of scores, as JSON: rows of {class, label, probability}.
 * `path` may be NULL. Prints what fails; returns an exit code. */
int cli_label(struct json_t **out, const ig_session *session, ig_tensor *const *outputs, size_t n, const char *path,
              size_t top);
void cli_print_labels(const struct json_t *labels);

#endif
