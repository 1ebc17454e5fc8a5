/* Graph rewrites. Each is one file with one function and one line in passes.def; it leaves the model valid
 * (ig_model_validate) and its answers as they were. */
#ifndef IG_PASSES_PASSES_H
#define IG_PASSES_PASSES_H

#include "ops/op.h"

typedef struct ig_pass_env {
    ig_error *err;
    size_t changes; /* to be counted up by the pass */
    bool compact;   /* constants are computed only where they don't make the model larger */
} ig_pass_env;

typedef struct ig_pass {
    const char *name, *summary;
    ig_status (*run)(ig_model *model, ig_pass_env *env);
    bool needed; /* a model may not run without it: done also when nothing else is to be changed */
} ig_pass;

extern const ig_pass ig_passes[];
extern const size_t ig_pass_count;
const ig_pass *ig_pass_find(const char *name);
ig_status ig_pass_run(const ig_pass *pass, ig_model *model, size_t *changes, ig_error *err);

/* tidy.c: to be done after lowering when the model is to be written. */
ig_status ig_model_tidy(ig_model *model, ig_error *err);
/* inline_functions.c: only calls of functions that `wanted` says yes to, also in the bodies of those that stay. */
ig_status ig_inline_some(ig_model *model, bool (*wanted)(const ig_function *f, void *user), void *user, ig_pass_env *env);
/* expand_functions.c: only operators that `wanted` says yes to; NULL: all. */
ig_status ig_expand_some(ig_model *model, bool (*wanted)(const ig_node *n, void *user), void *user, ig_pass_env *env);
/* expand_functions.c: replaces all operators that have a function body, also those with a kernel. For tests and exports. */
ig_status ig_expand_all(ig_model *model, ig_pass_env *env);

#endif
