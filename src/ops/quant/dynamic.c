/* DynamicQuantizeLinear: the scale and zero point that fit the input's range, zero included. */
#include "ops/loops/real.h"
#include "ops/math/elementwise.h"

typedef struct range {
    float low, high;
} range;

enum { PIECES = 256 };

typedef struct range_job {
    const float *x;
    size_t n, piece; /* elements; in a piece */
    range *out;      /* one for each piece */
} range_job;

static void find_range(void *arg, size_t begin, size_t end) {
    const range_job *j = arg;
    for (size_t k = begin; k < end; k++) {
        float low = 0, high = 0;
        size_t last = ig_min_size((k + 1) * j->piece, j->n);
        for (size_t i = k * j->piece; i < last; i++) {
            low = j->x[i] < low ? j->x[i] : low;
            high = j->x[i] > high ? j->x[i] : high;
        }
        j->out[k] = (range){low, high};
    }
}

static range range_of(ig_call *c, const ig_tensor *x) {
    range pieces[PIECES], all = {0, 0};
    size_t piece = ig_max_size(x->count / PIECES + 1, 4096), n = (x->count + piece - 1) / piece;
    range_job j = {x->data, x->count, piece, pieces};
    ig_parallel(c->threads, n, 4, find_range, &j);
    for (size_t k = 0; k < n; k++) {
        all.low = pieces[k].low < all.low ? pieces[k].low : all.low;
        all.high = pieces[k].high > all.high ? pieces[k].high : all.high;
    }
    return all;
}

static ig_status run(ig_call *c) {
    static const ig_loop loop = IG_REAL_ROW(quantize_u8, IG_U8, IG_F32, IG_F32, IG_F32);
    range r = range_of(c, c->in[0]);
    float scale = r.high == r.low ? 1 : (r.high - r.low) / 255, zero = ig_round_f32(ig_within(0 - r.low / scale, 0, 255));
    if (c->n_out > 1 && c->out[1]) *(float *)c->out[1]->data = scale;
    if (c->n_out > 2 && c->out[2]) *(uint8_t *)c->out[2]->data = (uint8_t)(int32_t)zero;
    if (!c->out[0]) return IG_OK;
    const ig_params_f32 limits = {.a = 0, .b = 255};
    const ig_operand in[3] = {ig_operand_of(c->in[0]), {IG_F32, 0, NULL, &scale}, {IG_F32, 0, NULL, &zero}};
    const ig_loop_job job = {.loop = &loop, .params = &limits, .out = ig_operand_of(c->out[0]), .in = in, .n_in = 3};
    return ig_loop_run(c, &job);
}

static ig_status infer(ig_infer *c) {
    const ig_shape scalar = {.rank = 0};
    ig_shape x;
    IG_TRY(ig_infer_set(c, 0, IG_U8, ig_infer_shape(c, 0, &x) ? &x : NULL));
    IG_TRY(ig_infer_set(c, 1, IG_F32, &scalar));
    return ig_infer_set(c, 2, IG_U8, &scalar);
}

const ig_op ig_op_dynamic_quantize_linear = {
    .domain = "", .name = "DynamicQuantizeLinear", .since = 11, .infer = infer, .run = run};
