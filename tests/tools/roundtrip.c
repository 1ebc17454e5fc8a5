/* Opens models and saves them: roundtrip [external|inline] IN OUT [IN OUT ...], for the Python checks. OUT "-": only opens.
 * A line per model: "ok NODES", "error STATUS message", each finding before it. Exit 1 when one failed. */
#include "graph/graph.h"

#include <stdio.h>

static bool one(const char *in, const char *out, const ig_save_options *options) {
    ig_error err = {0};
    ig_model *model = NULL;
    ig_status status = ig_model_open(&model, in, NULL, &err);
    for (size_t i = 0; model && i < model->findings.n; i++) {
        const ig_finding *f = &model->findings.items[i];
        printf("finding %d [%s] %s (%s) %s\n", (int)f->severity, f->rule, f->message, f->where, f->hint);
    }
    if (status == IG_OK && strcmp(out, "-") != 0) status = ig_model_save(model, out, options, &err);
    if (status == IG_OK)
        printf("ok %llu\n", (unsigned long long)model->n_nodes);
    else
        printf("error %d %s (%s) %s\n", (int)status, err.message, err.detail, err.hint);
    ig_model_free(model);
    return status == IG_OK;
}

int main(int argc, char **argv) {
    ig_save_options options = {IG_OPTIONS(ig_save_options), .overwrite = true};
    int first = 1;
    if (argc > 1) options.external = strcmp(argv[1], "external") == 0;
    if (argc > 1) options.inline_external = strcmp(argv[1], "inline") == 0;
    if (options.external) options.external_from = 1;
    if (options.external || options.inline_external) first = 2;
    bool ok = true;
    for (int i = first; i + 1 < argc; i += 2) ok &= one(argv[i], argv[i + 1], &options);
    return ok ? 0 : 1;
}
