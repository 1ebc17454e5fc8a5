/* Inference as a request of its own: the types go into the model, the contradictions into a report. */
#include "check/check.h"
#include "infer/infer.h"

static void found(void *user, const ig_finding *f) {
    ig_check c = {.report = user};
    ig_report_add(&c, f->severity, f->rule, f->where, f->hint, "%s", f->message);
}

/* ---------------------------------------------------------------------------------------------------------- given shapes */

typedef IG_VEC(ig_dim_value) dim_values;

static ig_value_info *find_input(const ig_graph *g, const char *name) {
    for (size_t i = 0; i < g->inputs.n; i++)
        if (strcmp(ig_name_text(g->inputs.items[i].name), name) == 0) return &g->inputs.items[i];
    return NULL;
}

/* What a given dim means for the declared one: the same number, the value of a name, or a number where nothing is known. */
static ig_status use_dim(ig_model *m, const ig_input_shape *s, int k, ig_dim declared, dim_values *values, ig_dim *out,
                         ig_error *err) {
    ig_str name = ig_dim_name(declared);
    *out = s->dims[k] < 0 ? declared : ig_dim_of(s->dims[k]);
    if (s->dims[k] < 0) return IG_OK;
    if (ig_dim_known(declared) && declared.value != s->dims[k])
        return ig_fail(err, IG_E_ARGUMENT, "dim %d of input '%.80s' is %lld, it can't be made %lld", k, s->name,
                       (long long)declared.value, (long long)s->dims[k]);
    if (!name.n) return IG_OK;
    bool ok = true;
    ig_dim_value value = {ig_model_intern(m, name, &ok), s->dims[k]};
    return ok && IG_PUSH(&m->arena, values, value) ? IG_OK : ig_oom(err);
}

static ig_status use_shape(ig_model *m, const ig_input_shape *s, dim_values *values, ig_error *err) {
    ig_value_info *info = find_input(m->graph, s->name);
    if (!info || !info->value) return ig_fail(err, IG_E_ARGUMENT, "the model has no input '%.80s'", s->name);
    const ig_type *t = info->type;
    if (t && t->kind != IG_KIND_TENSOR) return ig_fail(err, IG_E_ARGUMENT, "input '%.80s' is no tensor", s->name);
    bool ranked = t && t->rank >= 0;
    if (s->rank < 0 || s->rank > IG_MAX_RANK || (ranked && t->rank != s->rank))
        return ig_fail(err, IG_E_ARGUMENT, "input '%.80s' has rank %d, %d dims are given", s->name, ranked ? t->rank : -1,
                       s->rank);
    ig_shape shape = {.rank = s->rank};
    for (int k = 0; k < s->rank; k++)
        IG_TRY(use_dim(m, s, k, ranked ? t->dims[k] : ig_dim_unknown(), values, &shape.dims[k], err));
    ig_type *copy = ig_type_tensor(&m->arena, t ? t->dtype : IG_UNDEFINED, &shape);
    if (!copy) return ig_oom(err);
    info->type = info->value->type = copy;
    return IG_OK;
}

/* Inputs get the values of their dims, too; what inference made up for unknown dims stays unknown. */
static ig_dim without_fresh(ig_dim d) { return ig_dim_is_fresh(d) ? ig_dim_unknown() : d; }

static ig_status note_inputs(ig_model *m, ig_error *err) {
    for (size_t i = 0; i < m->graph->inputs.n; i++) {
        ig_value_info *info = &m->graph->inputs.items[i];
        const ig_type *t = info->value ? info->value->type : NULL;
        if (!t || t->kind != IG_KIND_TENSOR || t->rank < 0 || t->rank > IG_MAX_RANK || ig_type_equal(t, info->type)) continue;
        ig_shape shape = ig_type_shape(t);
        for (int k = 0; k < shape.rank; k++) shape.dims[k] = without_fresh(shape.dims[k]);
        info->type = ig_type_tensor(&m->arena, t->dtype, &shape);
        if (!info->type) return ig_oom(err);
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------------ all */

static ig_status infer(ig_model *model, const ig_infer_types_options *o, ig_report *r, ig_error *err) {
    dim_values values = {0};
    for (size_t i = 0; i < o->n_dims; i++)
        if (!IG_PUSH(&model->arena, &values, o->dims[i])) return ig_oom(err);
    for (size_t i = 0; i < o->n_shapes; i++) IG_TRY(use_shape(model, &o->shapes[i], &values, err));
    ig_infer_options how = {.dims = values.items,
                            .n_dims = values.n,
                            .strict = o->strict,
                            .no_propagation = o->no_data_propagation,
                            .fixed_defaults = true,
                            .found = found,
                            .user = r};
    IG_TRY(ig_model_infer(model, &how, err));
    if (r->failed) return ig_oom(err);
    if (values.n || o->n_shapes) IG_TRY(note_inputs(model, err));
    return ig_model_record_types(model, err);
}

ig_status ig_model_infer_types(ig_model *model, const ig_infer_types_options *options, ig_report **report, ig_error *err) {
    ig_infer_types_options o = {0};
    if (options) memcpy(&o, options, ig_min_size(options->struct_size, sizeof o));
    ig_report *r = ig_report_new(model->context);
    if (report) *report = NULL;
    if (!r) return ig_oom(err);
    ig_status status = infer(model, &o, r, err);
    if (status == IG_OK && report) {
        *report = r;
    } else {
        ig_report_free(r);
    }
    return status;
}
