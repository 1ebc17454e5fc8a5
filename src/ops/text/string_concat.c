/* StringConcat (20). */
#include "ops/loops/copy.h"
#include "ops/text/text.h"

/* Steps of an input along the output's dims: 0 where it is repeated. */
static void steps_along(const ig_tensor *x, const ig_tensor *y, int64_t *steps) {
    int64_t own[IG_MAX_RANK];
    ig_steps_of(x->rank, x->dims, own);
    for (int k = 0; k < y->rank; k++) {
        int at = k - (y->rank - x->rank);
        steps[k] = at < 0 || x->dims[at] == 1 ? 0 : own[at];
    }
}

static ig_status run_string_concat(ig_call *c) {
    IG_TRY(ig_call_strings(c, 0));
    IG_TRY(ig_call_strings(c, 1));
    const ig_tensor *x = c->in[0], *y = c->in[1];
    ig_tensor *z = c->out[0];
    int64_t x_steps[IG_MAX_RANK], y_steps[IG_MAX_RANK];
    steps_along(x, z, x_steps);
    steps_along(y, z, y_steps);
    for (size_t i = 0; i < z->count; i++) {
        size_t rest = i, total;
        int64_t at_x = 0, at_y = 0;
        for (int k = z->rank - 1; k >= 0; k--) {
            int64_t here = (int64_t)(rest % (size_t)z->dims[k]);
            rest /= (size_t)z->dims[k];
            at_x += here * x_steps[k];
            at_y += here * y_steps[k];
        }
        ig_str a = ig_tensor_strings(x)[at_x], b = ig_tensor_strings(y)[at_y];
        char *room = ig_add_overflows(a.n, b.n, &total) ? NULL : ig_string_room(z, i, total);
        if (!room) return ig_oom(c->err);
        if (a.n) memcpy(room, a.s, a.n);
        if (b.n) memcpy(room + a.n, b.s, b.n);
    }
    return IG_OK;
}

const ig_op ig_op_string_concat = {
    .name = "StringConcat", .domain = "", .since = 20, .infer = ig_infer_broadcast, .run = run_string_concat};
