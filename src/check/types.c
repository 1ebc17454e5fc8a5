/* Rules about types: declared ones are complete, and type and shape inference finds no contradiction. */
#include "check/check.h"
#include "infer/infer.h"

#include <stdio.h>

void ig_check_types(ig_check *c);

/* What is missing in a declared type, or NULL. Nesting is bounded by the reader. */
static const char *lack_of(const ig_type *t, bool shape) {
    for (; t; t = t->of, shape = false) {
        switch (t->kind) {
        case IG_KIND_NONE: return "no kind of type";
        case IG_KIND_TENSOR:
        case IG_KIND_SPARSE:
            if (t->dtype == IG_UNDEFINED) return "no element type";
            return shape && t->rank < 0 ? "no shape" : NULL;
        case IG_KIND_OPAQUE: return t->opaque_name.n ? NULL : "no name of the opaque type";
        case IG_KIND_MAP:
            if (t->dtype == IG_UNDEFINED) return "no key type";
            break;
        default: break;
        }
        if (!t->of) return "no element type";
    }
    return "no type";
}

static void check_declared(ig_check *c, const ig_graph *g, const ig_value_info *info, const char *what, size_t i) {
    /* Formats other than ONNX know less of the types at the border; nothing is wrong with that. */
    bool strict = c->model->ir_version_given;
    const char *lack = lack_of(info->type, true);
    char which[160];
    snprintf(which, sizeof which, "%s %zu '%.80s'", what, i, ig_name_text(info->name));
    if (lack && strict)
        ig_report_graph(c, IG_ERROR, "type", g, which, "", "'%.80s' is declared with %s", ig_name_text(info->name), lack);
}

static void found(void *user, const ig_finding *f) {
    ig_report_add(user, f->severity, f->rule, f->where, f->hint, "%s", f->message);
}

void ig_check_types(ig_check *c) {
    const ig_graph *g = c->model->graph;
    for (size_t i = 0; i < g->inputs.n; i++) check_declared(c, g, &g->inputs.items[i], "input", i);
    for (size_t i = 0; i < g->outputs.n; i++) check_declared(c, g, &g->outputs.items[i], "output", i);
    ig_error err;
    /* Who asks for a runtime's types needs them noted. */
    const ig_infer_options how = {
        .fixed_defaults = true, .tolerant = true, .only_findings = !c->options->target, .found = found, .user = c};
    ig_status status = ig_model_infer(c->model, &how, &err);
    if (status == IG_E_MEMORY) {
        c->report->failed = true;
    } else if (status != IG_OK) {
        ig_report_add(c, IG_ERROR, "limit", err.detail, err.hint, "%s", err.message);
    }
}
