/* RegexFullMatch (20). */
#include "ops/text/text.h"

static ig_status infer_full_match(ig_infer *c) {
    ig_shape x;
    return ig_infer_set(c, 0, IG_BOOL, ig_infer_shape(c, 0, &x) ? &x : NULL);
}

static ig_status prepare_full_match(ig_prepare *p) {
    ig_regex *regex;
    IG_TRY(ig_regex_create(&regex, p->context, ig_attr_str(p->node, "pattern"), IG_REGEX_WHOLE, p->err));
    p->state = regex;
    return IG_OK;
}

static void release_full_match(ig_context *context, void *state) {
    IG_UNUSED(context);
    ig_regex_free(state);
}

static ig_status run_full_match(ig_call *c) {
    ig_matcher m;
    IG_TRY(ig_call_strings(c, 0));
    IG_TRY(ig_matcher_create(&m, c->state, c->err));
    ig_status status = IG_OK;
    for (size_t i = 0; i < c->in[0]->count; i++) {
        status = ig_match(&m, ig_tensor_strings(c->in[0])[i], 0, false, c->err);
        if (status != IG_OK && status != IG_NO) break;
        ((uint8_t *)c->out[0]->data)[i] = status == IG_OK;
        status = IG_OK;
    }
    ig_matcher_free(&m);
    return status;
}

const ig_op ig_op_regex_full_match = {.name = "RegexFullMatch",
                                      .domain = "",
                                      .since = 20,
                                      .infer = infer_full_match,
                                      .run = run_full_match,
                                      .prepare = prepare_full_match,
                                      .release = release_full_match};
