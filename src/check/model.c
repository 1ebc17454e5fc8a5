/* Rules about the model as a whole: IR version, metadata, opset imports. */
#include "check/check.h"

#include <stdio.h>

void ig_check_model(ig_check *c);
void ig_check_opsets(ig_check *c);

static void check_metadata(ig_check *c, const ig_props *props, const char *where) {
    ig_arena scratch;
    ig_map seen;
    ig_arena_init(&scratch, c->model->context);
    ig_map_init(&seen, &scratch);
    for (size_t i = 0; i < props->n; i++) {
        const ig_prop *p = &props->items[i], *same;
        uint64_t key = ig_hash(p->key.s, p->key.n, 0);
        if (!p->key.n) ig_report_add(c, IG_WARNING, "metadata", where, "", "metadata entry %zu has no key", i);
        /* Equal hashes of different keys are too rare to spoil more than a finding. */
        if (p->key.n && (same = ig_map_get(&seen, key)) && ig_str_eq(same->key, p->key)) {
            ig_report_add(c, IG_ERROR, "metadata", where, "remove one of them", "metadata key '%.*s' occurs twice",
                          (int)ig_min_size(p->key.n, 80), p->key.s ? p->key.s : "");
        }
        if (!ig_map_set(&seen, key, (void *)p)) c->report->failed = true;
    }
    ig_arena_free(&scratch);
}

void ig_check_model(ig_check *c) {
    const ig_model *m = c->model;
    long long ir = (long long)m->ir_version;
    if (m->ir_version_given && ir < 1) {
        ig_report_add(c, IG_ERROR, "ir-version", "model", "", "invalid IR version %lld", ir);
    } else if (ir > IG_IR_NEWEST) {
        ig_report_add(c, IG_ERROR, "ir-version", "model", "a newer igata may know it",
                      "unsupported IR version %lld, the newest known is %d", ir, IG_IR_NEWEST);
    }
    if (m->functions.n && m->ir_version_given && ir < 8) {
        ig_report_add(c, IG_WARNING, "ir-version", "model", "", "functions came with IR version 8, the model says %lld", ir);
    }
    check_metadata(c, &m->props, "model");
}

static void check_import(ig_check *c, const ig_opset *o, const char *where) {
    const char *domain = ig_domain_canonical(o->domain);
    const char *shown = domain[0] ? domain : "ai.onnx";
    int64_t newest = ig_domain_newest(domain);
    if (o->version < 1) {
        ig_report_add(c, IG_ERROR, "opset", where, "", "invalid opset version %lld of domain '%.80s'", (long long)o->version,
                      shown);
    } else if (newest && o->version > newest) {
        ig_report_add(c, strcmp(domain, "com.microsoft") ? IG_ERROR : IG_WARNING, "opset", where, "a newer igata may know it",
                      "opset %lld of domain '%.80s' is unknown, the newest known is %lld", (long long)o->version, shown,
                      (long long)newest);
    }
}

static void check_imports(ig_check *c, const ig_opsets *list, const char *where) {
    for (size_t i = 0; i < list->n; i++) check_import(c, &list->items[i], where);
}

void ig_check_opsets(ig_check *c) {
    const ig_model *m = c->model;
    if (m->opsets.n == 0 && m->ir_version >= 3) {
        ig_report_add(c, IG_ERROR, "opset", "model", "the file must say which version of the operators it means",
                      "opset_import is missing");
    }
    if (m->opsets.n != 0 && m->ir_version_given && m->ir_version > 0 && m->ir_version < 3) {
        ig_report_add(c, IG_ERROR, "opset", "model", "", "opset_import came with IR version 3, the model says %lld",
                      (long long)m->ir_version);
    }
    check_imports(c, &m->opsets, "model");
    int64_t opset = ig_graph_opset(m->graph, NULL);
    if (opset && m->ir_version >= 3 && m->ir_version < ig_ir_of_opset(opset)) {
        ig_report_add(c, IG_NOTE, "ir-version", "model", "", "opset %lld came with IR version %lld, the model says %lld",
                      (long long)opset, (long long)ig_ir_of_opset(opset), (long long)m->ir_version);
    }
    for (size_t i = 0; i < m->functions.n; i++) {
        char name[200], where[240];
        ig_function_text(m->functions.items[i], name, sizeof name);
        snprintf(where, sizeof where, "function '%.180s'", name);
        check_imports(c, &m->functions.items[i]->opsets, where);
    }
}
