#include "kernels/conv/conv.h"
#include "kerncheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One result by the definition. */
static double expect(const ig_conv *c, size_t image, size_t filter, size_t place, double *size) {
    const ig_window *w = &c->window;
    size_t taps = ig_window_product(w, w->kernel), in = ig_window_product(w, w->in), group = filter / c->filters;
    int64_t at[IG_MAX_RANK], tap[IG_MAX_RANK];
    double sum = 0;
    *size = 1;
    ig_window_place(w->dims, w->out, place, at);
    for (size_t k = 0; k < c->channels * taps; k++) {
        int64_t from = 0;
        bool inside = true;
        ig_window_place(w->dims, w->kernel, k % taps, tap);
        for (int d = 0; d < w->dims; d++) {
            int64_t i = at[d] * w->stride[d] - w->begin[d] + tap[d] * w->dilation[d];
            inside &= i >= 0 && i < w->in[d];
            from = from * w->in[d] + i;
        }
        if (!inside) continue;
        const float *x = c->x + ((image * c->groups + group) * c->channels + k / taps) * in;
        double v = (double)x[from] * (double)c->w[filter * c->channels * taps + k];
        sum += v;
        *size += fabs(v);
    }
    return sum;
}

static void compare(kc *k, const ig_conv *c, const float *before) {
    size_t n = ig_window_product(&c->window, c->window.out), filters = c->groups * c->filters;
    for (size_t i = 0; i < c->images * filters * n; i++) {
        double size, want = expect(c, i / n / filters, i / n % filters, i % n, &size);
        if (c->bias) want += (double)c->bias[i / n % filters];
        if (c->add) want += (double)(c->add == c->y ? before : c->add)[i];
        want = fmin(fmax(want, (double)c->min), (double)c->max);
        if (fabs(want - (double)c->y[i]) <= 1e-6 * (size + 8)) continue;
        const ig_window *w = &c->window;
        kc_fail(k, "conv of %d dims, %zu groups of %zu to %zu, last dim %lld window %lld stride %lld, at %zu: %g, expected %g",
                w->dims, c->groups, c->channels, c->filters, (long long)w->in[w->dims - 1], (long long)w->kernel[w->dims - 1],
                (long long)w->stride[w->dims - 1], i, (double)c->y[i], want);
        return;
    }
}

static int64_t pick(kc *k, uint32_t below) { return (int64_t)kc_random(k, below); }

static bool make_window(kc *k, ig_window *w) {
    static const uint32_t most[] = {0, 80, 24, 8};
    w->dims = 1 + (int)kc_random(k, 3);
    if (kc_random(k, 2)) w->dims = 2;
    bool points = kc_random(k, 4) == 0;
    for (int d = 0; d < w->dims; d++) {
        w->in[d] = 1 + pick(k, most[w->dims]);
        w->kernel[d] = points ? 1 : 1 + pick(k, kc_random(k, 4) ? 3 : 6);
        if (!points && kc_random(k, 2)) w->kernel[d] = 3;
        w->stride[d] = kc_random(k, 2) || points ? 1 : 1 + pick(k, 4);
        w->dilation[d] = kc_random(k, 3) ? 1 : 1 + pick(k, 3);
        w->begin[d] = points || kc_random(k, 3) == 0 ? 0 : pick(k, 4);
        w->end[d] = points || kc_random(k, 3) == 0 ? 0 : pick(k, 4);
        if (kc_random(k, 20) == 0) w->begin[d] = -1;
        int64_t room = w->in[d] + w->begin[d] + w->end[d] - (w->kernel[d] - 1) * w->dilation[d] - 1;
        if (room < 0) return false;
        w->out[d] = room / w->stride[d] + 1;
    }
    return true;
}

static void run(kc *k, ig_conv *c, bool packed) {
    ig_conv use = *c;
    size_t np = 0, bytes;
    float *p = NULL;
    if (packed && ig_conv_packed(k->kernels, c, &np)) {
        p = kc_floats(k, np);
        ig_conv_pack(k->kernels, k->threads, c, c->w, p);
        use.packed = p;
        use.w = NULL;
    }
    if (!ig_conv_scratch(k->kernels, k->threads, &use, &bytes)) exit(2);
    float *scratch = aligned_alloc(64, ig_round_up(bytes + 64, 64));
    if (!scratch) exit(2);
    ig_conv_run(k->kernels, k->threads, &use, scratch);
    free(scratch);
    kc_free(k, p, np);
}

void kc_check_conv(kc *k) {
    for (size_t i = 0; i < k->n_cases; i++) {
        ig_conv c = {.images = 1 + kc_random(k, 2), .min = -INFINITY, .max = INFINITY};
        if (!make_window(k, &c.window)) continue;
        c.groups = kc_random(k, 2) ? 1 : 1 + kc_random(k, 6);
        c.channels = kc_random(k, 3) ? 1 + kc_random(k, 6) : 1;
        c.filters = 1 + kc_random(k, kc_random(k, 3) ? 3 : 20);
        const ig_window *w = &c.window;
        size_t nx = c.images * c.groups * c.channels * ig_window_product(w, w->in), filters = c.groups * c.filters;
        size_t nw = filters * c.channels * ig_window_product(w, w->kernel),
               ny = c.images * filters * ig_window_product(w, w->out);
        float *x = kc_floats(k, nx), *weight = kc_floats(k, nw), *y = kc_floats(k, ny), *bias = NULL, *add = NULL;
        float *before = malloc(ny * sizeof *before + 1);
        c.x = x, c.w = weight, c.y = y;
        if (kc_random(k, 2)) c.bias = bias = kc_floats(k, filters);
        if (kc_random(k, 4) == 0) c.add = add = kc_floats(k, ny);
        if (kc_random(k, 8) == 0) c.add = y;
        if (kc_random(k, 4) == 0) c.min = 0;
        if (kc_random(k, 4) == 0) c.max = 1;
        memcpy(before, y, ny * sizeof *before);
        run(k, &c, kc_random(k, 2));
        compare(k, &c, before);
        kc_free(k, x, nx);
        kc_free(k, weight, nw);
        kc_free(k, y, ny);
        kc_free(k, bias, filters);
        kc_free(k, add, ny);
        free(before);
        k->cases++;
    }
}

void kc_time_conv(kc *k) {
    static const struct { /* layers of ResNet-50 and MobileNet v2 */
        int64_t size, kernel, stride, pad;
        size_t channels, filters, groups;
    } rows[] = {
        {224, 7, 2, 3, 3, 64, 1},   {56, 1, 1, 0, 64, 64, 1},   {56, 3, 1, 1, 64, 64, 1},   {56, 1, 1, 0, 64, 256, 1},
        {56, 3, 2, 1, 128, 128, 1}, {28, 3, 1, 1, 128, 128, 1}, {14, 3, 1, 1, 256, 256, 1}, {14, 1, 1, 0, 1024, 256, 1},
        {7, 3, 1, 1, 512, 512, 1},  {7, 1, 1, 0, 512, 2048, 1}, {112, 3, 1, 1, 1, 1, 32},   {112, 3, 2, 1, 1, 1, 96},
        {14, 3, 1, 1, 1, 1, 384},   {7, 3, 1, 1, 1, 1, 960},    {56, 5, 1, 2, 1, 1, 144},   {28, 3, 1, 1, 4, 4, 32},
    };
    for (size_t i = 0; i < IG_COUNT_OF(rows); i++) {
        ig_conv c = {.images = 1,
                     .groups = rows[i].groups,
                     .channels = rows[i].channels,
                     .filters = rows[i].filters,
                     .min = -INFINITY,
                     .max = INFINITY};
        int64_t out = (rows[i].size + 2 * rows[i].pad - rows[i].kernel) / rows[i].stride + 1;
        c.window.dims = 2;
        for (int d = 0; d < 2; d++) {
            c.window.in[d] = rows[i].size, c.window.out[d] = out, c.window.kernel[d] = rows[i].kernel;
            c.window.stride[d] = rows[i].stride, c.window.dilation[d] = 1;
            c.window.begin[d] = c.window.end[d] = rows[i].pad;
        }
        size_t taps = (size_t)(rows[i].kernel * rows[i].kernel), n = (size_t)(out * out), floats, bytes;
        float *x = kc_floats(k, c.groups * c.channels * (size_t)(rows[i].size * rows[i].size));
        float *w = kc_floats(k, c.groups * c.filters * c.channels * taps), *y = kc_floats(k, c.groups * c.filters * n);
        c.x = x, c.w = w, c.y = y;
        if (!ig_conv_packed(k->kernels, &c, &floats)) exit(2);
        float *packed = kc_floats(k, floats);
        ig_conv_pack(k->kernels, k->threads, &c, w, packed);
        c.packed = packed;
        if (!ig_conv_scratch(k->kernels, k->threads, &c, &bytes)) exit(2);
        float *scratch = aligned_alloc(64, ig_round_up(bytes + 64, 64));
        double best = 1e9, work = (double)(c.groups * c.filters * c.channels * taps) * (double)n;
        for (int r = 0; r < 30; r++) {
            double t = kc_now();
            ig_conv_run(k->kernels, k->threads, &c, scratch);
            best = fmin(best, kc_now() - t);
        }
        printf("%-8s conv %4zu -> %4zu /%3zu  %3lldx%-3lld %lldx%lld/%lld %9.1f us %7.1f GFLOP/s\n", k->level,
               c.channels * c.groups, c.filters * c.groups, c.groups, (long long)rows[i].size, (long long)rows[i].size,
               (long long)rows[i].kernel, (long long)rows[i].kernel, (long long)rows[i].stride, best * 1e6,
               2 * work / best * 1e-9);
        free(scratch);
        kc_free(k, x, c.groups * c.channels * (size_t)(rows[i].size * rows[i].size));
        kc_free(k, w, c.groups * c.filters * c.channels * taps);
        kc_free(k, y, c.groups * c.filters * n);
        kc_free(k, packed, floats);
    }
}
