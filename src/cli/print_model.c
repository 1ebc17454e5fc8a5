/* igata print: a model in ONNX's textual syntax. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct options {
    const char *format, *weights;
    bool shorten;
} options;

/* A terminal gets the text cleaned, a file or pipe as it is. */
static bool write_out(void *user, const char *text, size_t n) {
    if (fileno(user) < 0 || !isatty(fileno(user))) return fwrite(text, 1, n, user) == n;
    size_t size = 4 * n + 1;
    char *clean = cli_alloc(size);
    bool ok = fwrite(clean, 1, ig_text_clean(clean, size, (ig_str){text, n}), user) > 0 || n == 0;
    free(clean);
    return ok;
}

static int run(const cli_call *call) {
    const options *o = call->options;
    ig_error err;
    ig_model *model;
    const char *path = call->operands[0];
    const ig_open_options open = {IG_OPTIONS(ig_open_options), .format = o->format, .weights = o->weights};
    const ig_print_options print = {IG_OPTIONS(ig_print_options), .short_constants = o->shorten};
    if (ig_model_open(&model, path, &open, &err)) return cli_fail(path, &err);
    char *text = NULL;
    size_t size = 0;
    FILE *out = call->json ? open_memstream(&text, &size) : stdout;
    if (!out) return cli_usage("print", "out of memory");
    int code = ig_model_print(model, &print, write_out, out, &err) ? cli_fail(path, &err) : CLI_DONE;
    if (call->json) {
        fclose(out);
        if (code == CLI_DONE)
            cli_json_print(json_pack("{s:o,s:o}", "model", cli_json_text(path), "text", cli_json_str((ig_str){text, size})));
        free(text);
    }
    ig_model_free(model);
    return code;
}

static const cli_option table[] = {
    CLI_OPTION(options, shorten, "short", 's', CLI_FLAG, NULL, "show long constants as \"...\" (can't be read back)"),
    CLI_OPTION(options, weights, "weights", 0, CLI_TEXT, "FILE", "weights file of a format that keeps them apart"),
    CLI_OPTION(options, format, "from", 0, CLI_TEXT, "FORMAT", "format of the model (default: by its content)"),
};

const cli_command cli_print_model = {
    .arguments = "MODEL",
    .description =
        "Prints a model in ONNX's textual syntax, which igata convert reads back. What the syntax has no words for (doc "
        "strings of nodes, metadata of values) is told in comments at the end.",
    .least = 1,
    .most = 1,
    .options = table,
    .n_options = CLI_COUNT(table),
    .options_size = sizeof(options),
    .examples = {{"igata print model.onnx > model.onnxtxt", "a text to edit"},
                 {"igata print --short model.onnx", "the graph without its weights"}},
    .run = run,
};
