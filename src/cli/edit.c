/* What the commands share that change a model and write it. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int cli_edit_open(ig_model **model, const char *path, const cli_edit *edit) {
    ig_error err;
    const ig_open_options open = {IG_OPTIONS(ig_open_options), .format = edit->from, .weights = edit->weights};
    return ig_model_open(model, path, &open, &err) ? cli_fail(path, &err) : CLI_DONE;
}

int cli_edit_save(ig_model *model, const cli_call *call, const char *path, const cli_edit *edit) {
    ig_error err;
    const ig_save_options save = {IG_OPTIONS(ig_save_options), .format = edit->to, .overwrite = edit->force,
                                  .external = edit->external, .inline_external = edit->inline_external};
    if (ig_model_save(model, path, &save, &err)) return cli_fail(path, &err);
    if (call->json)
        cli_json_print(json_pack("{s:o,s:o}", "model", cli_json_text(call->operands[0]), "written", cli_json_text(path)));
    return CLI_DONE;
}

int cli_edit_make(const cli_call *call, const cli_edit *edit,
                  ig_status (*make)(ig_model **made, ig_model *model, const cli_call *call, ig_error *err)) {
    ig_error err;
    ig_model *model, *made = NULL;
    int code = cli_edit_open(&model, call->operands[0], edit);
    if (code != CLI_DONE) return code;
    if (make(&made, model, call, &err))
        code = cli_fail(call->operands[0], &err);
    else
        code = cli_edit_save(made, call, call->operands[1], edit);
    if (made != model) ig_model_free(made);
    ig_model_free(model);
    return code;
}

int cli_parse_opsets(const char *command, const cli_list *list, ig_convert_options *out) {
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->items[i], *equals = strrchr(text, '='), *number = equals ? equals + 1 : text;
        size_t n = equals ? (size_t)(equals - text) : 0;
        char *end;
        long long version = strtoll(number, &end, 10);
        bool ml = n == 10 && strncmp(text, "ai.onnx.ml", n) == 0;
        if (end == number || *end || version < 1) return cli_usage(command, "--opset wants N or DOMAIN=N, not '%s'", text);
        if (n && !ml && !(n == 7 && strncmp(text, "ai.onnx", n) == 0))
            return cli_usage(command, "only ai.onnx and ai.onnx.ml have opsets that are known, not '%.*s'", (int)n, text);
        *(ml ? &out->ml_opset : &out->opset) = version;
    }
    return CLI_DONE;
}

static char *copy(const char *text, size_t n) {
    char *out = cli_alloc(n + 1);
    memcpy(out, text, n);
    return out;
}

cli_words cli_split(const cli_list *list) {
    cli_words words = {0};
    size_t most = 0;
    for (size_t i = 0; i < list->n; i++) {
        most++;
        for (const char *p = list->items[i]; *p; p++) most += *p == ',';
    }
    words.items = cli_alloc((most + 1) * sizeof *words.items);
    for (size_t i = 0; i < list->n; i++)
        for (const char *p = list->items[i]; *p; p += *p == ',') {
            size_t n = strcspn(p, ",");
            if (n) words.items[words.n++] = copy(p, n);
            p += n;
        }
    return words;
}

void cli_words_free(cli_words *words) {
    for (size_t i = 0; i < words->n; i++) free(words->items[i]);
    free(words->items);
}

int cli_split_pairs(cli_pairs *pairs, const char *command, const char *option, const cli_list *list) {
    *pairs = (cli_pairs){cli_alloc((list->n + 1) * sizeof *pairs->items), 0};
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->items[i], *equals = strchr(text, '=');
        if (!equals || equals == text) return cli_usage(command, "--%s wants A=B, not '%s'", option, text);
        pairs->items[pairs->n].key = copy(text, (size_t)(equals - text));
        pairs->items[pairs->n++].value = copy(equals + 1, strlen(equals + 1));
    }
    return CLI_DONE;
}

void cli_pairs_free(cli_pairs *pairs) {
    for (size_t i = 0; i < pairs->n; i++) {
        free((char *)(uintptr_t)pairs->items[i].key);
        free((char *)(uintptr_t)pairs->items[i].value);
    }
    free(pairs->items);
}
