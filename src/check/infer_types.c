/* Inference as a request of its own: the types go into the model, the contradictions into a report. */
#include "check/check.h"
#include "infer/infer.h"

static void found(void *user, const ig_finding *f) {
    ig_check c = {.report = user};
    ig_report_add(&c, f->severity, f->rule, f->where, f->hint, "%s", f->message);
}

ig_status ig_model_infer_types(ig_model *model, const ig_infer_types_options *options, ig_report **report, ig_error *err) {
    ig_infer_types_options o = {0};
    if (options) memcpy(&o, options, ig_min_size(options->struct_size, sizeof o));
    ig_report *r = ig_report_new(model->context);
    if (report) *report = NULL;
    if (!r) return ig_oom(err);
    ig_infer_options how = {.dims = o.dims,
                            .n_dims = o.n_dims,
                            .strict = o.strict,
                            .no_propagation = o.no_data_propagation,
                            .fixed_defaults = true,
                            .found = found,
                            .user = r};
    ig_status status = ig_model_infer(model, &how, err);
    if (status == IG_OK && r->failed) status = ig_oom(err);
    if (status == IG_OK) status = ig_model_record_types(model, err);
    if (status == IG_OK && report) {
        *report = r;
    } else {
        ig_report_free(r);
    }
    return status;
}
