/* STFT: transforms of overlapping, windowed frames of a signal. */
#include "ops/args.h"
#include "ops/nn/reals.h"
#include "ops/signal/fft.h"

enum { SIGNAL, STEP, WINDOW, LENGTH };

static ig_status check(ig_infer *c, ig_dim length, ig_dim window) {
    if (ig_dim_known(length) && length.value < 1) return ig_infer_fail(c, "frame_length is %lld", (long long)length.value);
    if (ig_dim_known(length) && ig_dim_known(window) && length.value != window.value)
        return ig_infer_fail(c, "the window has %lld values for frames of %lld", (long long)window.value,
                             (long long)length.value);
    return IG_OK;
}

static ig_status infer(ig_infer *c) {
    ig_shape x, w, y = {.rank = 4};
    int64_t v;
    bool known = ig_infer_shape(c, SIGNAL, &x);
    if (known && x.rank != 3) return ig_infer_fail(c, "the signal has rank %d, not 3", x.rank);
    ig_dim window = ig_infer_shape(c, WINDOW, &w) && w.rank == 1 ? w.dims[0] : ig_dim_unknown();
    ig_dim length = ig_infer_has(c, WINDOW) ? window : known ? x.dims[1] : ig_dim_unknown();
    if (c->syms) IG_TRY(ig_infer_rank(c, WINDOW, 1));
    if (c->syms && known && ig_dim_is(x.dims[2], 2) && ig_attr_int(c->node, "onesided"))
        return ig_infer_fail(c, "one side of a transform is for real signals");
    if (ig_infer_has(c, LENGTH)) {
        ig_ints given;
        length = ig_infer_ints(c, LENGTH, &given) && given.n == 1 ? given.values[0] : ig_dim_unknown();
        IG_TRY(check(c, length, window));
        ig_dim_merge(length, window, &length);
    }
    y.dims[0] = known ? x.dims[0] : ig_dim_unknown();
    y.dims[1] = ig_dim_unknown();
    if (known && ig_infer_int(c, STEP, &v)) {
        if (v < 1) return ig_infer_fail(c, "frame_step is %lld", (long long)v);
        if (ig_dim_known(x.dims[1]) && ig_dim_known(length) && length.value > x.dims[1].value)
            return ig_infer_fail(c, "frames of %lld are longer than the signal of %lld", (long long)length.value,
                                 (long long)x.dims[1].value);
        ig_dim rest = ig_dim_sub(c->syms, x.dims[1], length);
        y.dims[1] = ig_dim_add(c->syms, ig_dim_floor_div(c->syms, rest, ig_dim_of(v)), ig_dim_of(1));
    }
    y.dims[2] = length;
    if (ig_attr_int(c->node, "onesided"))
        y.dims[2] = ig_dim_add(c->syms, ig_dim_floor_div(c->syms, length, ig_dim_of(2)), ig_dim_of(1));
    y.dims[3] = ig_dim_of(2);
    return ig_infer_set(c, 0, ig_infer_dtype(c, SIGNAL), &y);
}

/* Frames times the window, one after the other. */
static void cut_frames(const ig_tensor *x, const double *signal, const double *window, size_t frames, size_t step,
                       size_t length, double *out) {
    size_t samples = (size_t)x->dims[1], parts = (size_t)x->dims[2];
    for (size_t i = 0; i < (size_t)x->dims[0] * frames; i++) {
        const double *in = signal + (i / frames * samples + i % frames * step) * parts;
        for (size_t k = 0; k < length * parts; k++) *out++ = in[k] * (window ? window[k / parts] : 1);
    }
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[SIGNAL], *w = c->n_in > WINDOW ? c->in[WINDOW] : NULL;
    int64_t step, length;
    if (x->rank != 3 || (x->dims[2] != 1 && x->dims[2] != 2))
        return ig_call_fail(c, "the signal is not [batch, length, 1 or 2]");
    if (w && (w->rank != 1 || w->dtype != x->dtype)) return ig_call_fail(c, "the window is no list of the signal's type");
    IG_TRY(ig_call_number(c, "frame_step", STEP, 1, &step));
    IG_TRY(ig_call_number(c, "frame_length", LENGTH, w ? w->dims[0] : x->dims[1], &length));
    if (step < 1 || length < 1 || length > x->dims[1] || (w && w->dims[0] != length))
        return ig_call_fail(c, "frames of %lld every %lld don't fit a signal of %lld, or a window of %lld", (long long)length,
                            (long long)step, (long long)x->dims[1], w ? (long long)w->dims[0] : 0);
    ig_dft_kind kind = ig_attr_int(c->node, "onesided") ? IG_DFT_HALF : IG_DFT_WHOLE;
    int64_t frames = (x->dims[1] - length) / step + 1;
    const int64_t dims[] = {x->dims[0], frames, (int64_t)ig_dft_length(kind, (size_t)length), 2};
    IG_TRY(ig_call_output(c, 0, x->dtype, 4, dims));
    const void *signal, *window;
    void *out;
    IG_TRY(ig_real_in(c, x, IG_F64, &signal));
    IG_TRY(ig_real_in(c, w, IG_F64, &window));
    IG_TRY(ig_real_out(c, 0, IG_F64, &out));
    size_t lanes, parts = (size_t)x->dims[2], bytes;
    if (ig_mul_overflows((size_t)x->dims[0], (size_t)frames, &lanes) ||
        ig_mul_overflows(lanes, (size_t)length * parts, &bytes) || ig_mul_overflows(bytes, sizeof(double), &bytes))
        return ig_oom(c->err);
    double *room = ig_call_scratch(c, bytes);
    if (!room && bytes) return ig_oom(c->err);
    cut_frames(x, signal, window, (size_t)frames, (size_t)step, (size_t)length, room);
    const ig_lanes all = {lanes, (size_t)length, 1};
    IG_TRY(ig_dft_lanes(c, kind, (size_t)length, &all, parts, room, out));
    ig_real_done(c, 0, IG_F64, out);
    return IG_OK;
}

const ig_op ig_op_stft = {.name = "STFT", .domain = "", .since = 17, .flags = IG_OP_DYNAMIC, .infer = infer, .run = run};
