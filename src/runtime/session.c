/* The public face of the engine: sessions and runs. */
#include "formats/lower.h"
#include "passes/passes.h"
#include "runtime/runtime.h"

#include <math.h>
#include <stdio.h>

/* --------------------------------------------------------------------------------------------------------------- create */

/* A list of all operators without kernel, each once with its number of nodes and the first one's name. */
typedef struct missing {
    ig_arena *arena;
    ig_map seen; /* operator's interned name -> its entry */
    IG_VEC(struct missing_op {
        const ig_node *first;
        size_t count;
    }) ops;
    ig_error *err;
} missing;

static ig_status note_missing(ig_graph *g, void *user) {
    missing *m = user;
    for (const ig_node *n = g->first; n; n = n->next) {
        const ig_op *op = ig_op_of(n);
        if (op && op->run) continue;
        size_t i = 0;
        while (i < m->ops.n && (m->ops.items[i].first->op != n->op || m->ops.items[i].first->domain != n->domain)) i++;
        if (i < m->ops.n)
            m->ops.items[i].count++;
        else if (!IG_PUSH(m->arena, &m->ops, ((struct missing_op){n, 1})))
            return ig_oom(m->err);
    }
    return IG_OK;
}

static ig_status check_supported(ig_session *s, ig_error *err) {
    missing m = {.arena = &s->arena, .err = err};
    IG_TRY(ig_graph_each(s->model->graph, note_missing, &m));
    if (m.ops.n == 0) return IG_OK;
    ig_text list;
    ig_text_init(&list, &s->arena);
    for (size_t i = 0; i < m.ops.n; i++) {
        const ig_node *n = m.ops.items[i].first;
        const char *domain = ig_node_domain(n);
        ig_text_printf(&list, "%s%.60s%s%.80s (", i ? ", " : "", domain, domain[0] ? "." : "", ig_name_text(n->op));
        if (n->schema) ig_text_printf(&list, "version %d, ", n->schema->since);
        if (n->name && n->name[0]) ig_text_printf(&list, "node '%.60s', ", n->name);
        ig_text_printf(&list, "%zu use%s)", m.ops.items[i].count, m.ops.items[i].count == 1 ? "" : "s");
    }
    if (list.failed) return ig_oom(err);
    ig_fail(err, IG_E_UNSUPPORTED, "no kernel for %zu operator%s: %.1800s", m.ops.n, m.ops.n == 1 ? "" : "s", list.s);
    ig_error_hint(
        err, "write the operator yourself: ig_context_add_op, or a library given by --ops LIB; see docs/custom-operators.md");
    return IG_E_UNSUPPORTED;
}

/* Errors that the reader found make a model impossible to run. */
static ig_status check_findings(const ig_model *m, ig_error *err) {
    size_t n = 0;
    const ig_finding *first = NULL;
    for (size_t i = 0; i < m->findings.n; i++) {
        if (m->findings.items[i].severity != IG_ERROR) continue;
        if (!first) first = &m->findings.items[i];
        n++;
    }
    if (!first) return IG_OK;
    ig_fail(err, IG_E_INPUT, "%s%s", first->message, n > 1 ? " (and more: see igata check)" : "");
    ig_error_at(err, "%s", first->where);
    if (first->hint[0]) ig_error_hint(err, "%s", first->hint);
    return IG_E_INPUT;
}

/* Inputs with a default become plain constants, so that passes and kernels can work with them. In graphs of nodes too: before
 * IR version 4 their initializers were inputs that nobody gives. */
static ig_status fix_defaults(ig_graph *g, void *spared) {
    if (g == spared) return IG_OK;
    size_t kept = 0;
    for (size_t i = 0; i < g->inputs.n; i++) {
        ig_value *v = g->inputs.items[i].value;
        if (v->constant) {
            v->is_input = false;
            continue;
        }
        v->index = (uint32_t)kept;
        g->inputs.items[kept++] = g->inputs.items[i];
    }
    g->inputs.n = kept;
    return IG_OK;
}

/* Inputs and outputs as the model has them, before anything is rewritten. */
static ig_status describe(ig_session *s, const ig_value_info *infos, size_t n, ig_session_value **values, ig_error *err) {
    *values = IG_NEW_ARRAY(&s->arena, ig_session_value, n);
    if (!*values) return ig_oom(err);
    for (size_t i = 0; i < n; i++) {
        const ig_type *type = infos[i].type;
        ig_session_value *v = &(*values)[i];
        char text[512];
        size_t len = ig_type_text(type, text, sizeof text);
        bool ok = true;
        int64_t *dims = IG_NEW_ARRAY(&s->arena, int64_t, IG_MAX_RANK);
        v->name = ig_arena_str(&s->arena, infos[i].name ? ig_name_str(infos[i].name) : IG_STR(""), &ok).s;
        v->type = ig_arena_str(&s->arena, (ig_str){text, len}, &ok).s;
        if (!ok || !dims) return ig_oom(err);
        if (!v->name) v->name = "";
        v->kind = type ? type->kind : IG_KIND_NONE;
        v->dtype = type ? type->dtype : IG_UNDEFINED;
        v->has_default = infos[i].value && infos[i].value->constant;
        const ig_type *of = type ? type->of : NULL;
        v->element_kind = of ? of->kind : IG_KIND_NONE;
        for (; of; of = of->of) v->element = of->kind == IG_KIND_MAP ? IG_UNDEFINED : of->dtype;
        ig_shape shape = ig_type_shape(type);
        v->rank = shape.rank;
        v->dims = dims;
        for (int k = 0; k < shape.rank; k++) {
            dims[k] = ig_dim_known(shape.dims[k]) ? shape.dims[k].value : -1;
            ig_str name = ig_dim_name(shape.dims[k]);
            for (size_t d = 0; name.s && d < s->options.n_dims; d++)
                if (ig_str_is(name, s->options.dims[d].name)) dims[k] = s->options.dims[d].value;
        }
    }
    return IG_OK;
}

static ig_status copy_dims(ig_session *s, ig_error *err) {
    ig_dim_value *dims = IG_NEW_ARRAY(&s->arena, ig_dim_value, s->options.n_dims);
    bool ok = dims != NULL;
    for (size_t i = 0; ok && i < s->options.n_dims; i++) {
        dims[i] = s->options.dims[i];
        dims[i].name = ig_arena_str(&s->arena, ig_str_c(dims[i].name), &ok).s;
    }
    s->options.dims = dims;
    return ok ? IG_OK : ig_oom(err);
}

static ig_status optimize(ig_session *s, ig_error *err) {
    for (size_t i = 0; i < ig_pass_count; i++) {
        if (s->options.optimize < 0 && !ig_passes[i].needed) continue;
        IG_TRY(ig_pass_run(&ig_passes[i], s->model, NULL, err));
#ifndef NDEBUG
        IG_TRY(ig_model_validate(s->model, err));
#endif
    }
    return IG_OK;
}

/* Shapes such as [?,?] or [], of which nothing but the rank is said, are often a placeholder of the writer: they do not bind.
 */
static ig_status find_any_rank(ig_session *s, const ig_graph *g, ig_error *err) {
    s->any_rank = IG_NEW_ARRAY(&s->arena, bool, g->inputs.n);
    if (!s->any_rank) return ig_oom(err);
    for (size_t i = 0; i < g->inputs.n; i++) {
        ig_shape shape = ig_type_shape(g->inputs.items[i].type);
        s->any_rank[i] = shape.rank >= 0;
        for (int k = 0; k < shape.rank; k++) s->any_rank[i] &= !ig_dim_known(shape.dims[k]) && !ig_dim_name(shape.dims[k]).s;
    }
    return IG_OK;
}

/* Of tensors only their element types stay declared. */
static ig_status open_shapes(ig_graph *g, void *user) {
    bool *ok = user;
    const ig_value_info *lists[] = {g->inputs.items, g->outputs.items, g->value_infos.items};
    const size_t n[] = {g->inputs.n, g->outputs.n, g->value_infos.n};
    for (size_t l = 0; l < 3; l++)
        for (size_t i = 0; i < n[l]; i++) {
            ig_value *v = lists[l][i].value;
            if (!v || !v->type || v->type->kind != IG_KIND_TENSOR || (v->constant && !v->is_input)) continue;
            v->type = ig_type_tensor(&g->model->arena, v->type->dtype, NULL);
            *ok &= v->type != NULL;
            ((ig_value_info *)(uintptr_t)&lists[l][i])->type = v->type;
        }
    return IG_OK;
}

static ig_status build(ig_session *s, ig_model *model, ig_threads *threads, ig_error *err) {
    IG_TRY(copy_dims(s, err));
    IG_TRY(check_findings(model, err));
    IG_TRY(ig_model_clone(&s->model, model, err));
    const ig_graph *g = s->model->graph;
    IG_TRY(find_any_rank(s, g, err));
    bool complete = true;
    if (s->shapes_are_open) ig_graph_each(s->model->graph, open_shapes, &complete);
    if (!complete) return ig_oom(err);
    IG_TRY(describe(s, g->inputs.items, g->inputs.n, &s->inputs, err));
    s->n_inputs = g->inputs.n;
    IG_TRY(describe(s, g->outputs.items, g->outputs.n, &s->outputs, err));
    s->n_outputs = g->outputs.n;
    ig_model_resolve(s->model);
    ig_model_resolve_early(s->model);
    IG_TRY(ig_model_lower(s->model, err));
    IG_TRY(ig_graph_sort(s->model->graph, err));
    for (size_t i = 0; i < s->model->functions.n; i++) IG_TRY(ig_graph_sort(s->model->functions.items[i]->body, err));
    ig_graph_each(s->model->graph, fix_defaults, s->defaults_are_inputs ? s->model->graph : NULL);
    IG_TRY(optimize(s, err));
    IG_TRY(check_supported(s, err));
    s->threads = threads;
    if (!threads) {
        IG_TRY(ig_threads_create(&s->threads, s->context, s->options.threads, err));
        s->owns_threads = true;
    }
    return ig_program_create(&s->program, s, s->model->graph, NULL, err);
}

static ig_status create(ig_session **out, ig_model *model, const ig_session_options *options, bool defaults_are_inputs,
                        bool shapes_are_open, ig_threads *threads, ig_error *err) {
    *out = NULL;
    ig_session *s = ig_calloc(model->context, sizeof *s);
    if (!s) return ig_oom(err);
    s->context = ig_context_retain(model->context);
    s->source = ig_model_retain(model);
    s->defaults_are_inputs = defaults_are_inputs;
    s->shapes_are_open = shapes_are_open;
    ig_arena_init(&s->arena, s->context);
    pthread_mutex_init(&s->lock, NULL);
    if (options) memcpy(&s->options, options, ig_min_size(sizeof *options, options->struct_size));
    ig_status status = build(s, model, threads, err);
    if (status != IG_OK) {
        ig_session_free(s);
        return status;
    }
    *out = s;
    return IG_OK;
}

ig_status ig_session_create(ig_session **out, ig_model *model, const ig_session_options *options, ig_error *err) {
    ig_status status = create(out, model, options, false, false, NULL, err);
    if (status != IG_OK && model->path) ig_error_at(err, "%.200s", model->path);
    return status;
}

void ig_session_free(ig_session *s) {
    if (!s) return;
    ig_context *context = s->context;
    ig_session_free(s->open_defaults);
    ig_session_free(s->open_shapes);
    ig_program_free(s->program);
    if (s->owns_threads) ig_threads_free(s->threads);
    ig_model_free(s->model);
    ig_model_free(s->source);
    ig_arena_free(&s->arena);
    pthread_mutex_destroy(&s->lock);
    ig_release(context, s);
    ig_context_free(context);
}

ig_context *ig_session_context(ig_session *s) { return s->context; }
size_t ig_session_input_count(const ig_session *s) { return s->n_inputs; }
size_t ig_session_output_count(const ig_session *s) { return s->n_outputs; }
ig_session_value ig_session_input(const ig_session *s, size_t i) { return s->inputs[i]; }
ig_session_value ig_session_output(const ig_session *s, size_t i) { return s->outputs[i]; }
uint64_t ig_session_multiply_adds(const ig_session *s) { return atomic_load(&s->multiply_adds); }

/* ------------------------------------------------------------------------------------------------------------------ run */

static size_t find_value(const ig_session_value *values, size_t n, const char *name) {
    size_t i = 0;
    while (i < n && strcmp(values[i].name, name) != 0) i++;
    return i;
}

/* A given tensor against the declared type. */
static ig_status check_input(const ig_session_value *want, const ig_tensor *t, ig_error *err) {
    if (want->kind == IG_KIND_NONE || want->kind == IG_KIND_OPTIONAL) return IG_OK;
    bool fits = t->kind == want->kind;
    if (fits && t->kind == IG_KIND_TENSOR) {
        fits = (!want->dtype || t->dtype == want->dtype) && (want->rank < 0 || t->rank == want->rank);
        for (int k = 0; fits && k < want->rank; k++) fits = want->dims[k] < 0 || t->dims[k] == want->dims[k];
    }
    if (fits) return IG_OK;
    char have[256] = "another kind of value";
    ig_arena scratch;
    ig_arena_init(&scratch, t->context);
    const ig_type *type = ig_tensor_type(&scratch, t);
    if (type) ig_type_text(type, have, sizeof have);
    ig_arena_free(&scratch);
    ig_fail(err, IG_E_ARGUMENT, "input '%.80s' is %s, the model wants %.200s", want->name, have, want->type);
    return IG_E_ARGUMENT;
}

static ig_status bind_inputs(ig_session *s, const char *const *names, const ig_tensor *const *inputs, size_t n,
                             ig_tensor **given, bool *overrides, bool *shapeless, ig_error *err) {
    for (size_t i = 0; i < n; i++) {
        size_t k = find_value(s->inputs, s->n_inputs, names[i]);
        if (k == s->n_inputs) {
            ig_fail(err, IG_E_ARGUMENT, "the model has no input '%.80s'", names[i]);
            if (s->n_inputs) ig_error_hint(err, "its first input is '%.80s'; igata info lists them all", s->inputs[0].name);
            return IG_E_ARGUMENT;
        }
        const ig_tensor *t = inputs[i];
        bool other = s->any_rank[k] && t->kind == IG_KIND_TENSOR && t->dtype == s->inputs[k].dtype && s->inputs[k].rank >= 0 &&
                     t->rank != s->inputs[k].rank;
        *shapeless |= other;
        if (!other) IG_TRY(check_input(&s->inputs[k], t, err));
        given[k] = (ig_tensor *)(uintptr_t)inputs[i];
        *overrides |= s->inputs[k].has_default;
    }
    for (size_t k = 0; k < s->n_inputs; k++) {
        if (given[k] || s->inputs[k].has_default) continue;
        if (s->inputs[k].kind == IG_KIND_OPTIONAL) continue; /* absent; bound below */
        ig_fail(err, IG_E_ARGUMENT, "input '%.80s' %s is not given", s->inputs[k].name, s->inputs[k].type);
        ig_error_hint(err, "give every input of the model by its name");
        return IG_E_ARGUMENT;
    }
    return IG_OK;
}

enum { MAX_NESTING = 64 }; /* of sequences and maps in a value; readers allow no more */

static bool is_aligned(const ig_tensor *t, int depth) {
    if (t->kind == IG_KIND_TENSOR)
        return t->dtype == IG_STRING || (uintptr_t)t->data % ig_min_size(ig_max_size(ig_dtype_bytes(t->dtype), 1), 8) == 0;
    for (size_t i = 0; i < t->n_items && depth < MAX_NESTING; i++)
        if (!is_aligned(t->items[i], depth + 1)) return false;
    return true;
}

/* A copy in which every tensor has memory of its own where it must. */
static ig_status align_value(ig_session *s, ig_tensor *t, int depth, ig_tensor **out, ig_error *err) {
    if (is_aligned(t, depth)) {
        *out = ig_tensor_clone(t);
        return IG_OK;
    }
    IG_TRY(ig_tensor_copy(out, s->context, t, err));
    for (size_t i = 0; t->kind != IG_KIND_TENSOR && i < t->n_items; i++) {
        ig_tensor *item;
        ig_status status = align_value(s, t->items[i], depth + 1, &item, err);
        if (status != IG_OK) {
            ig_tensor_free(*out);
            *out = NULL;
            return status;
        }
        ig_tensor_free((*out)->items[i]);
        (*out)->items[i] = item;
    }
    return IG_OK;
}

/* Kernels load whole elements: memory of the caller that isn't aligned is copied. Absent optionals become values. New
 * references stand in `kept`. */
static ig_status settle_inputs(ig_session *s, ig_tensor **given, ig_tensor **kept, ig_error *err) {
    for (size_t k = 0; k < s->n_inputs; k++) {
        ig_tensor *t = given[k];
        if (!t && !s->inputs[k].has_default) IG_TRY(ig_tensor_create_none(&kept[k], s->context, err));
        if (t && !is_aligned(t, 0)) IG_TRY(align_value(s, t, 0, &kept[k], err));
        if (kept[k]) given[k] = kept[k];
    }
    return IG_OK;
}

/* The session in which inputs with defaults are plain inputs. */
static ig_status open_session(ig_session *s, ig_session **out, ig_error *err) {
    ig_status status = IG_OK;
    pthread_mutex_lock(&s->lock);
    if (!s->open_defaults)
        status = create(&s->open_defaults, s->source, &s->options, true, s->shapes_are_open, s->threads, err);
    *out = s->open_defaults;
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* The session in which declared shapes are not believed. */
static ig_status shapeless_session(ig_session *s, ig_session **out, ig_error *err) {
    ig_status status = IG_OK;
    pthread_mutex_lock(&s->lock);
    if (!s->open_shapes) status = create(&s->open_shapes, s->source, &s->options, false, true, s->threads, err);
    *out = s->open_shapes;
    pthread_mutex_unlock(&s->lock);
    return status;
}

static ig_status add_defaults(ig_session *s, ig_tensor **given, ig_error *err) {
    for (size_t k = 0; k < s->n_inputs; k++) {
        if (given[k] || !s->inputs[k].has_default) continue;
        IG_TRY(ig_const_tensor(s->model, s->model->graph->inputs.items[k].value->constant, &given[k], err));
    }
    return IG_OK;
}

/* The program takes only the inputs without defaults, unless those are open. */
static ig_status run_given(ig_session *s, ig_tensor **given, ig_tensor **outputs, const ig_run_options *options,
                           ig_error *err) {
    size_t n = 0;
    for (size_t k = 0; k < s->n_inputs; k++)
        if (s->defaults_are_inputs || !s->inputs[k].has_default) given[n++] = given[k];
    ig_run run = {.session = s, .err = err, .number = atomic_fetch_add(&s->n_runs, 1)};
    if (options && options->struct_size >= sizeof *options) run.cancel = options->cancel;
    return ig_program_run(s->program, &run, NULL, given, outputs);
}

/* Results go from the model's order to the wanted order. */
static ig_status pick_outputs(ig_session *s, const char *const *wanted, ig_tensor **outputs, size_t n, ig_tensor **all,
                              bool before, ig_error *err) {
    for (size_t i = 0; i < n; i++) {
        size_t k = wanted ? find_value(s->outputs, s->n_outputs, wanted[i]) : i;
        if (k >= s->n_outputs)
            return ig_fail(err, IG_E_ARGUMENT, "the model has no output '%.80s'", wanted ? wanted[i] : "(position)");
        if (before)
            all[k] = outputs[i];
        else if (!outputs[i])
            outputs[i] = ig_tensor_clone(all[k]);
        else if (outputs[i] != all[k])
            return ig_fail(err, IG_E_ARGUMENT, "output '%.80s' is wanted twice", s->outputs[k].name);
    }
    return IG_OK;
}

typedef struct run_arrays {
    ig_tensor **given, **kept, **all;
    bool *lent; /* all[k] is the caller's */
} run_arrays;

static ig_status run_with(ig_session *s, const run_arrays *a, const char *const *names, const ig_tensor *const *inputs,
                          size_t n, const char *const *wanted, ig_tensor **outputs, size_t n_outputs,
                          const ig_run_options *options, ig_error *err) {
    bool overrides = false, shapeless = false;
    ig_session *with = s;
    IG_TRY(bind_inputs(s, names, inputs, n, a->given, &overrides, &shapeless, err));
    if (shapeless) {
        IG_TRY(shapeless_session(s, &with, err));
        return ig_session_run(with, names, inputs, n, wanted, outputs, n_outputs, options, err);
    }
    IG_TRY(pick_outputs(s, wanted, outputs, n_outputs, a->all, true, err));
    for (size_t k = 0; k < s->n_outputs; k++) a->lent[k] = a->all[k] != NULL;
    if (overrides) {
        IG_TRY(open_session(s, &with, err));
        IG_TRY(add_defaults(with, a->given, err));
    }
    IG_TRY(settle_inputs(s, a->given, a->kept, err));
    IG_TRY(run_given(with, a->given, a->all, options, err));
    return pick_outputs(s, wanted, outputs, n_outputs, a->all, false, err);
}

ig_status ig_session_run(ig_session *s, const char *const *names, const ig_tensor *const *inputs, size_t n,
                         const char *const *wanted, ig_tensor **outputs, size_t n_outputs, const ig_run_options *options,
                         ig_error *err) {
    ig_tensor *few[24] = {0};
    size_t words = 2 * s->n_inputs + 2 * s->n_outputs;
    ig_tensor **list = words <= IG_COUNT_OF(few) ? few : ig_calloc(s->context, words * sizeof *list);
    if (!list) return ig_oom(err);
    run_arrays a = {.given = list, .kept = list + s->n_inputs, .all = list + 2 * s->n_inputs};
    a.lent = (bool *)(list + 2 * s->n_inputs + s->n_outputs);
    ig_status status = run_with(s, &a, names, inputs, n, wanted, outputs, n_outputs, options, err);
    for (size_t k = 0; k < s->n_inputs; k++) ig_tensor_free(a.kept[k]);
    for (size_t k = 0; k < s->n_outputs; k++)
        if (!a.lent[k]) ig_tensor_free(a.all[k]);
    if (list != few) ig_release(s->context, list);
    return status;
}

/* --------------------------------------------------------------------------------------------------------------- random */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double next_normal(uint64_t *state) { /* Box and Muller (1958) */
    double u = ((double)(next_random(state) >> 11) + 1) * 0x1p-53, v = (double)(next_random(state) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static ig_status fill_random(ig_tensor *t, uint64_t *state, ig_error *err) {
    for (size_t i = 0; i < t->count; i++) {
        if (t->dtype == IG_STRING) {
            char text[8];
            int n = snprintf(text, sizeof text, "w%u", (unsigned)(next_random(state) % 100));
            if (!ig_tensor_set_string(t, i, (ig_str){text, (size_t)n})) return ig_oom(err);
        } else if (t->dtype == IG_C64 || t->dtype == IG_C128) {
            ig_dtype part = t->dtype == IG_C64 ? IG_F32 : IG_F64;
            ig_store_f64(part, t->data, 2 * i, next_normal(state));
            ig_store_f64(part, t->data, 2 * i + 1, next_normal(state));
        } else if (ig_dtype_is_float(t->dtype))
            ig_store_f64(t->dtype, t->data, i, next_normal(state));
        else
            ig_store_i64(t->dtype, t->data, i, (int64_t)(next_random(state) % 2));
    }
    return IG_OK;
}

ig_status ig_session_random_input(ig_tensor **out, ig_session *s, size_t input, uint64_t seed, ig_error *err) {
    *out = NULL;
    const ig_session_value *v = &s->inputs[input];
    if (v->kind != IG_KIND_TENSOR || !v->dtype) {
        ig_fail(err, IG_E_UNSUPPORTED, "input '%.80s' is %s: no random value can be made for it", v->name, v->type);
        ig_error_hint(err, "give a value with -i %.40s=FILE", v->name);
        return IG_E_UNSUPPORTED;
    }
    int64_t dims[IG_MAX_RANK];
    for (int k = 0; k < v->rank; k++) dims[k] = v->dims[k] < 0 ? 1 : v->dims[k];
    IG_TRY(ig_tensor_new(out, s->context, v->dtype, v->rank < 0 ? 0 : v->rank, dims, err));
    uint64_t state = seed * 0x9E3779B97F4A7C15u + input;
    ig_status status = fill_random(*out, &state, err);
    if (status != IG_OK) {
        ig_tensor_free(*out);
        *out = NULL;
    }
    return status;
}
