/* StringConcat (20), and StringConcat and StringEqual of ai.onnx.contrib: two tensors of strings, broadcast. */
#include "ops/args.h"
#include "ops/loops/copy.h"
#include "ops/text/text.h"

typedef ig_status (*pair_fn)(ig_call *c, size_t i, ig_str a, ig_str b);

static ig_status each_pair(ig_call *c, pair_fn fn) {
    IG_TRY(ig_call_strings(c, 0));
    IG_TRY(ig_call_strings(c, 1));
    const ig_tensor *x = c->in[0], *y = c->in[1], *z = c->out[0];
    int64_t x_steps[IG_MAX_RANK], y_steps[IG_MAX_RANK];
    IG_TRY(ig_call_made(c, 0));
    IG_TRY(ig_call_broadcasts(c, x, z));
    IG_TRY(ig_call_broadcasts(c, y, z));
    ig_steps_broadcast(x->rank, x->dims, z->rank, x_steps);
    ig_steps_broadcast(y->rank, y->dims, z->rank, y_steps);
    for (size_t i = 0; i < z->count; i++) {
        size_t rest = i;
        int64_t at_x = 0, at_y = 0;
        for (int k = z->rank - 1; k >= 0; k--) {
            int64_t here = (int64_t)(rest % (size_t)z->dims[k]);
            rest /= (size_t)z->dims[k];
            at_x += here * x_steps[k];
            at_y += here * y_steps[k];
        }
        IG_TRY(fn(c, i, ig_tensor_strings(x)[at_x], ig_tensor_strings(y)[at_y]));
    }
    return IG_OK;
}

static ig_status concat(ig_call *c, size_t i, ig_str a, ig_str b) {
    size_t total;
    char *room = ig_add_overflows(a.n, b.n, &total) ? NULL : ig_string_room(c->out[0], i, total);
    if (!room) return ig_oom(c->err);
    if (a.n) memcpy(room, a.s, a.n);
    if (b.n) memcpy(room + a.n, b.s, b.n);
    return IG_OK;
}

static ig_status equal(ig_call *c, size_t i, ig_str a, ig_str b) {
    ((uint8_t *)c->out[0]->data)[i] = ig_str_eq(a, b);
    return IG_OK;
}

static ig_status run_concat(ig_call *c) { return each_pair(c, concat); }
static ig_status run_equal(ig_call *c) { return each_pair(c, equal); }

const ig_op ig_op_string_concat = {
    .name = "StringConcat", .domain = "", .since = 20, .infer = ig_infer_broadcast, .run = run_concat};
const ig_op ig_op_contrib_string_concat = {
    .name = "StringConcat", .domain = "ai.onnx.contrib", .since = 1, .infer = ig_infer_broadcast, .run = run_concat};
const ig_op ig_op_contrib_string_equal = {
    .name = "StringEqual", .domain = "ai.onnx.contrib", .since = 1, .infer = ig_infer_broadcast_bool, .run = run_equal};
