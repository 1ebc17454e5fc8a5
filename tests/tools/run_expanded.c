/* Runs a model with every operator that has a function body replaced by it: run_expanded MODEL INPUTS.npz OUTPUTS.npz. Prints
 * the number of operators that were replaced. */
#include "passes/passes.h"

#include <stdio.h>

static ig_status run(ig_model *model, const char *inputs, const char *outputs, ig_error *err) {
    ig_pass_env env = {.err = err};
    ig_session *session;
    ig_tensors *in, *out;
    const char *names[64];
    const ig_tensor *values[64];
    ig_tensor *results[64] = {NULL};
    ig_model_resolve(model);
    IG_TRY(ig_expand_all(model, &env));
    IG_TRY(ig_model_validate(model, err));
    printf("%zu\n", env.changes);
    IG_TRY(ig_session_create(&session, model, NULL, err));
    IG_TRY(ig_tensors_read(&in, inputs, NULL, err));
    size_t n = ig_tensors_count(in), n_out = ig_session_output_count(session);
    for (size_t i = 0; i < n; i++) {
        names[i] = ig_tensors_name(in, i);
        values[i] = ig_tensors_at(in, i);
    }
    IG_TRY(ig_session_run(session, names, values, n, NULL, results, n_out, NULL, err));
    IG_TRY(ig_tensors_create(&out, ig_session_context(session), err));
    for (size_t o = 0; o < n_out; o++) IG_TRY(ig_tensors_set(out, ig_session_output(session, o).name, results[o], err));
    ig_write_options options = {IG_OPTIONS(ig_write_options), .overwrite = true};
    IG_TRY(ig_tensors_write(out, outputs, &options, err));
    for (size_t o = 0; o < n_out; o++) ig_tensor_free(results[o]);
    ig_tensors_free(in);
    ig_tensors_free(out);
    ig_session_free(session);
    return IG_OK;
}

int main(int argc, char **argv) {
    ig_error err = {0};
    ig_model *model = NULL;
    if (argc != 4) return 2;
    ig_status status = ig_model_open(&model, argv[1], NULL, &err);
    if (status == IG_OK) status = run(model, argv[2], argv[3], &err);
    if (status != IG_OK) fprintf(stderr, "%s [%s]\n", err.message, err.detail);
    ig_model_free(model);
    return (int)status;
}
