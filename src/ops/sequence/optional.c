/* Optional (15, 28), OptionalHasElement and OptionalGetElement (15, 18 with inputs that aren't optional, 28). At run time an
 * optional that holds a value is that value. */
#include "ops/args.h"

static ig_status infer_optional(ig_infer *c) {
    const ig_type *of = ig_infer_has(c, 0) ? c->in[0] : ig_attr_type(c->node, "type");
    if (!of && !ig_infer_has(c, 0)) return ig_infer_fail(c, "neither an input nor the attribute type is given");
    if (!of) return IG_OK;
    const ig_type *type = ig_type_of_kind(c->arena, IG_KIND_OPTIONAL, IG_UNDEFINED, of);
    return type ? ig_infer_set_type(c, 0, type) : ig_oom(c->err);
}

static ig_status run_optional(ig_call *c) {
    bool held = c->n_in && c->in[0];
    return ig_call_set(c, 0, held ? ig_call_keep(c, c->in[0]) : ig_tensor_new_kind(c->context, IG_KIND_NONE));
}

const ig_op ig_op_optional = {.name = "Optional", .domain = "", .since = 15, .infer = infer_optional, .run = run_optional};

static ig_status infer_has(ig_infer *c) { return ig_infer_set(c, 0, IG_BOOL, &(ig_shape){.rank = 0}); }

static ig_status run_has(ig_call *c) {
    *(uint8_t *)c->out[0]->data = c->n_in && c->in[0] && c->in[0]->kind != IG_KIND_NONE;
    return IG_OK;
}

const ig_op ig_op_optional_has_element = {
    .name = "OptionalHasElement", .domain = "", .since = 15, .infer = infer_has, .run = run_has};

static ig_status infer_get(ig_infer *c) {
    const ig_type *t = c->n_in ? c->in[0] : NULL;
    return ig_infer_set_type(c, 0, t && t->kind == IG_KIND_OPTIONAL ? t->of : t);
}

static ig_status run_get(ig_call *c) {
    if (c->in[0]->kind == IG_KIND_NONE) return ig_call_fail(c, "the optional is empty");
    return ig_call_set(c, 0, ig_call_keep(c, c->in[0]));
}

const ig_op ig_op_optional_get_element = {
    .name = "OptionalGetElement", .domain = "", .since = 15, .flags = IG_OP_VIEW, .infer = infer_get, .run = run_get};
