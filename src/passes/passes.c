#include "passes/passes.h"

#define IG_PASS(symbol, name, summary) ig_status ig_pass_##symbol(ig_model *model, ig_pass_env *env);
#include "passes/passes.def"

#define IG_PASS(symbol, name, summary)        {name, summary, ig_pass_##symbol, false},
#define IG_NEEDED_PASS(symbol, name, summary) {name, summary, ig_pass_##symbol, true},
const ig_pass ig_passes[] = {
#include "passes/passes.def"
};

const size_t ig_pass_count = IG_COUNT_OF(ig_passes);

const ig_pass *ig_pass_find(const char *name) {
    for (size_t i = 0; i < ig_pass_count; i++)
        if (strcmp(ig_passes[i].name, name) == 0) return &ig_passes[i];
    return NULL;
}

ig_status ig_pass_run(const ig_pass *pass, ig_model *model, size_t *changes, ig_error *err) {
    ig_pass_env env = {.err = err};
    IG_TRY(pass->run(model, &env));
    if (changes) *changes = env.changes;
    return IG_OK;
}
