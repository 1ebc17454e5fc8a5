/* ReverseSequence (10, 28): the first sequence_lens[b] steps of batch entry b backwards, the rest as it is. */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

static ig_status infer_reverse_sequence(ig_infer *c) {
    ig_shape x, lengths;
    int time, batch;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_same(c);
    if (x.rank < 2) return ig_infer_fail(c, "the input has rank %d, at least 2 is wanted", x.rank);
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "time_axis"), x.rank, false, &time));
    IG_TRY(ig_infer_axis(c, ig_attr_int(c->node, "batch_axis"), x.rank, false, &batch));
    if (time == batch) return ig_infer_fail(c, "time_axis and batch_axis are both %d", time);
    if (ig_infer_shape(c, 1, &lengths)) {
        if (lengths.rank != 1) return ig_infer_fail(c, "sequence_lens has rank %d, 1 is wanted", lengths.rank);
        if (ig_dim_differ(lengths.dims[0], x.dims[batch]))
            return ig_infer_fail(c, "there isn't one length for each batch entry");
    }
    return ig_infer_same(c);
}

static ig_status run_reverse_sequence(ig_call *c) {
    const ig_tensor *x = c->in[0];
    const int64_t *lengths;
    size_t n;
    int time, batch;
    ig_cells from, to;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "time_axis"), x->rank, &time));
    IG_TRY(ig_call_axis(c, ig_attr_int(c->node, "batch_axis"), x->rank, &batch));
    IG_TRY(ig_call_list(c, NULL, 1, &lengths, &n));
    if ((int64_t)n != x->dims[batch] || time == batch) return ig_call_fail(c, "there isn't one length for each batch entry");
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    ig_copy r = {.rank = x->rank};
    memcpy(r.dims, x->dims, (size_t)x->rank * sizeof *r.dims);
    ig_steps_of(r.rank, r.dims, r.to);
    memcpy(r.from, r.to, sizeof r.to);
    int64_t step = r.to[time], total = x->dims[time];
    r.dims[batch] = 1;
    for (size_t b = 0; b < n && to.count; b++) {
        if (lengths[b] < 0 || lengths[b] > total)
            return ig_call_fail(c, "the length of entry %zu is %lld, the sequences have %lld steps", b, (long long)lengths[b],
                                (long long)total);
        int64_t begin = (int64_t)b * r.to[batch], back = begin + ig_max_i64(lengths[b] - 1, 0) * step,
                rest = begin + lengths[b] * step;
        r.dims[time] = lengths[b];
        r.from[time] = -step;
        ig_copy_region(c->threads, &r, to.size, to.data + (size_t)begin * to.size, from.data + (size_t)back * from.size);
        r.dims[time] = total - lengths[b];
        r.from[time] = step;
        if (r.dims[time])
            ig_copy_region(c->threads, &r, to.size, to.data + (size_t)rest * to.size, from.data + (size_t)rest * from.size);
    }
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_reverse_sequence = {
    .name = "ReverseSequence", .domain = "", .since = 10, .infer = infer_reverse_sequence, .run = run_reverse_sequence};
