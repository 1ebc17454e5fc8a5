/* roundtrip IN [OUT] [external|inline]: opens a model, prints its findings and how long that took, and saves it. */
#include "graph/graph.h"

#include <stdio.h>
#include <time.h>

static int fail(const ig_error *err) {
    printf("error: %s [%s] (%s) status %d\n", err->message, err->detail, err->hint, (int)err->status);
    return 1;
}

static double seconds(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    ig_error err = {0};
    ig_model *model;
    if (argc < 2) return 2;
    double start = seconds();
    if (ig_model_open(&model, argv[1], NULL, &err) != IG_OK) return fail(&err);
    uint64_t peak;
    double opened = seconds() - start;
    ig_context_memory(model->context, &peak);
    printf("opened in %.1f ms, %.1f MiB, %llu nodes\n", opened * 1e3, (double)peak / 1048576,
           (unsigned long long)model->n_nodes);
    for (size_t i = 0; i < model->findings.n; i++) {
        const ig_finding *f = &model->findings.items[i];
        printf("finding %d [%s] %s (%s) hint: %s\n", (int)f->severity, f->rule, f->message, f->where, f->hint);
    }
    if (ig_model_validate(model, &err) != IG_OK) printf("invalid: %s\n", err.message);
    ig_save_options options = {IG_OPTIONS(ig_save_options), .overwrite = true};
    if (argc > 3) options.external = argv[3][0] == 'e', options.inline_external = argv[3][0] == 'i';
    if (options.external) options.external_from = 1;
    if (argc > 2 && ig_model_save(model, argv[2], &options, &err) != IG_OK) {
        ig_model_free(model);
        return fail(&err);
    }
    ig_model_free(model);
    return 0;
}
