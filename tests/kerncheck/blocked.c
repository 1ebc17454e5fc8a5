#include "kerncheck.h"
#include "kernels/blocked/winograd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One case in plain order; the kernels see it blocked. */
typedef struct plain {
    ig_blocked_conv c;
    float *x, *w, *bias, *add, *y; /* of bytes too: whole numbers */
    float *scale;
    size_t nx, nw, ny, in, out;
} plain;

static int64_t pick(kc *k, uint32_t below) { return (int64_t)kc_random(k, below); }

static bool make_window(kc *k, ig_window *w) {
    w->dims = 2;
    bool points = kc_random(k, 4) == 0;
    for (int d = 0; d < 2; d++) {
        w->in[d] = 1 + pick(k, 20);
        w->kernel[d] = points ? 1 : kc_random(k, 2) ? 3 : 1 + pick(k, 5);
        w->stride[d] = points || kc_random(k, 2) ? 1 : 1 + pick(k, 3);
        w->dilation[d] = kc_random(k, 3) ? 1 : 1 + pick(k, 2);
        w->begin[d] = points || kc_random(k, 3) == 0 ? 0 : pick(k, 3);
        w->end[d] = points || kc_random(k, 3) == 0 ? 0 : pick(k, 3);
        if (kc_random(k, 20) == 0) w->begin[d] = -1;
        int64_t room = w->in[d] + w->begin[d] + w->end[d] - (w->kernel[d] - 1) * w->dilation[d] - 1;
        if (room < 0) return false;
        w->out[d] = room / w->stride[d] + 1;
    }
    return true;
}

static void make_shape(kc *k, ig_blocked_conv *c, bool max) {
    c->images = 1 + kc_random(k, 2);
    c->groups = 1;
    c->channels = 1 + kc_random(k, 40);
    c->filters = max ? c->channels : 1 + kc_random(k, 80);
    uint32_t kind = kc_random(k, 4);
    if (!max && kind == 0) c->groups = 2 + kc_random(k, 40), c->channels = c->filters = 1;
    if (!max && kind == 1) c->groups = 2, c->channels = 16 * (1 + kc_random(k, 2)), c->filters = 16 * (1 + kc_random(k, 3));
    c->x_width = c->groups * c->channels <= 4 && kc_random(k, 2) && !max ? 4 : IG_BLOCK;
    if (ig_blocked_is_depthwise(c->groups, c->channels, c->filters)) c->x_width = IG_BLOCK;
    c->min = kc_random(k, 4) ? -INFINITY : 0;
    c->max = kc_random(k, 4) ? INFINITY : 1;
}

/* The result by the definition, and the sum of the sizes of its terms. */
static double expect(const plain *p, size_t image, size_t filter, size_t place, bool max, double *size) {
    const ig_blocked_conv *c = &p->c;
    const ig_window *w = &c->window;
    size_t taps = (size_t)(w->kernel[0] * w->kernel[1]), group = max ? 0 : filter / c->filters;
    int64_t at[2], tap[2];
    double sum = max ? -INFINITY : 0;
    *size = 1;
    ig_window_place(2, w->out, place, at);
    size_t first = max ? filter : 0, last = max ? filter + 1 : c->channels;
    for (size_t ch = first; ch < last; ch++)
        for (size_t t = 0; t < taps; t++) {
            ig_window_place(2, w->kernel, t, tap);
            int64_t i = at[0] * w->stride[0] - w->begin[0] + tap[0] * w->dilation[0];
            int64_t j = at[1] * w->stride[1] - w->begin[1] + tap[1] * w->dilation[1];
            bool inside = i >= 0 && i < w->in[0] && j >= 0 && j < w->in[1];
            size_t from = ((image * c->groups + group) * c->channels + ch) * p->in + (size_t)(i * w->in[1] + j);
            double x = inside ? (double)p->x[from] : max ? (c->bytes ? 0.0 : -HUGE_VAL) : (double)c->fill;
            if (max) {
                sum = fmax(sum, x);
                continue;
            }
            double v = x * (double)p->w[(filter * c->channels + ch) * taps + t];
            sum += v;
            *size += fabs(v);
        }
    return sum;
}

static double finish(const plain *p, double x, size_t filter, size_t i) {
    const ig_blocked_conv *c = &p->c;
    x += (double)p->bias[filter];
    if (c->bytes) {
        double low = c->is_signed ? -128 : 0;
        x = nearbyint((double)((float)x * p->scale[filter])) + (double)c->zero;
        return fmin(fmax(x, low), low + 255);
    }
    if (p->add) x += (double)p->add[i];
    return fmin(fmax(x, (double)c->min), (double)c->max);
}

static void compare(kc *k, const plain *p, bool max) {
    const ig_blocked_conv *c = &p->c;
    size_t filters = max ? c->channels : c->groups * c->filters;
    for (size_t i = 0; i < p->ny; i++) {
        double size, sum = expect(p, i / p->out / filters, i / p->out % filters, i % p->out, max, &size);
        double want = max ? sum : finish(p, sum, i / p->out % filters, i);
        if (want == (double)p->y[i] ||
            fabs(want - (double)p->y[i]) <= (c->bytes ? 0 : (c->winograd ? 1e-5 : 1e-6) * (size + 8)))
            continue;
        const ig_window *w = &c->window;
        kc_fail(k, "%s of %s, %zu groups of %zu to %zu, %lldx%lld window %lldx%lld, at %zu: %g, expected %g",
                max ? "max" : "conv", c->bytes ? "bytes" : "floats", c->groups, c->channels, c->filters, (long long)w->in[0],
                (long long)w->in[1], (long long)w->kernel[0], (long long)w->kernel[1], i, (double)p->y[i], want);
        return;
    }
}

static void *room(size_t bytes) {
    void *p = aligned_alloc(64, ig_round_up(bytes + 64, 64));
    if (!p) exit(2);
    memset(p, 0, bytes);
    return p;
}

/* Floats, or as bytes whose values they are. */
static void *as_bytes(const float *x, size_t n, bool is_signed) {
    uint8_t *out = room(n);
    for (size_t i = 0; i < n; i++) out[i] = is_signed ? (uint8_t)(int8_t)x[i] : (uint8_t)x[i];
    return out;
}

static void run(kc *k, plain *p, bool max) {
    ig_blocked_conv *c = &p->c;
    size_t size = c->bytes ? 1 : 4, filters = c->groups * c->filters, whole = ig_blocks(filters) * IG_BLOCK, bytes, packed = 0;
    size_t x_blocks = (c->groups * c->channels - 1) / c->x_width + 1;
    void *x = c->bytes ? as_bytes(p->x, p->nx, false) : p->x, *w = c->bytes ? as_bytes(p->w, p->nw, true) : p->w;
    void *bx = room(c->images * x_blocks * c->x_width * p->in * size), *by = room(c->images * whole * p->out * size),
         *pw = NULL;
    void *badd = p->add ? room(c->images * whole * p->out * size) : NULL;
    float *bias = room(whole * 4), *scale = room(whole * 4), *y = p->y;
    for (size_t f = 0; f < filters; f++) {
        if (c->bytes)
            ((int32_t *)(void *)bias)[f] = (int32_t)p->bias[f];
        else
            bias[f] = p->bias[f];
        scale[f] = p->scale[f];
    }
    ig_blocked_from(k->threads, size, c->images, c->groups * c->channels, p->in, c->x_width, x, bx);
    if (badd) ig_blocked_from(k->threads, size, c->images, filters, p->out, IG_BLOCK, p->add, badd);
    c->x = bx, c->y = by, c->add = badd, c->bias = bias, c->scale = scale;
    if (!max) {
        if (!ig_blocked_packed(c, &packed)) exit(2);
        c->packed = pw = room(packed);
        ig_blocked_pack(c, w, pw);
    }
    if (!(max ? ig_blocked_max_scratch : ig_blocked_scratch)(k->threads, c, &bytes)) exit(2);
    void *scratch = room(bytes);
    (max ? ig_blocked_max : ig_blocked_run)(k->threads, c, scratch);
    uint8_t *narrow = c->bytes ? room(p->ny) : NULL;
    ig_blocked_to(k->threads, size, c->images, filters, p->out, IG_BLOCK, by, c->bytes ? (void *)narrow : y);
    for (size_t i = 0; c->bytes && i < p->ny; i++) y[i] = c->is_signed ? (float)(int8_t)narrow[i] : (float)narrow[i];
    if (c->bytes) free(x), free(w);
    free(narrow), free(bx), free(by), free(pw), free(badd), free(bias), free(scale), free(scratch);
}

/* One that winograd.c takes, if the machine has the loops. */
static void make_winograd(kc *k, ig_blocked_conv *c) {
    *c = (ig_blocked_conv){.tiles = c->tiles, .images = 1 + kc_random(k, 2), .groups = 1, .x_width = IG_BLOCK};
    c->channels = 32 + kc_random(k, 20), c->filters = 32 + kc_random(k, 40);
    c->min = kc_random(k, 4) ? -INFINITY : 0, c->max = kc_random(k, 4) ? INFINITY : 1;
    c->window.dims = 2;
    for (int d = 0; d < 2; d++) {
        ig_window *w = &c->window;
        w->in[d] = 20 + pick(k, 8), w->kernel[d] = 3, w->stride[d] = w->dilation[d] = 1;
        w->begin[d] = pick(k, 3), w->end[d] = pick(k, 3);
        w->out[d] = w->in[d] + w->begin[d] + w->end[d] - 2;
    }
    c->winograd = ig_winograd_suits(c);
}

static void check(kc *k, bool bytes) {
    for (size_t i = 0; i < k->n_cases; i++) {
        plain p = {.c = {.tiles = bytes ? k->kernels->qblocked : k->kernels->blocked, .bytes = bytes}};
        ig_blocked_conv *c = &p.c;
        bool max = kc_random(k, 6) == 0;
        if (!make_window(k, &c->window)) continue;
        make_shape(k, c, max);
        if (!bytes && !max && kc_random(k, 12) == 0) make_winograd(k, c);
        p.in = (size_t)(c->window.in[0] * c->window.in[1]), p.out = (size_t)(c->window.out[0] * c->window.out[1]);
        size_t filters = c->groups * c->filters;
        p.nx = c->images * c->groups * c->channels * p.in, p.ny = c->images * filters * p.out;
        p.nw = filters * c->channels * (size_t)(c->window.kernel[0] * c->window.kernel[1]);
        p.x = kc_floats(k, p.nx), p.w = kc_floats(k, p.nw), p.y = kc_floats(k, p.ny);
        p.bias = kc_floats(k, filters), p.scale = kc_floats(k, filters);
        if (!bytes && !max && kc_random(k, 3) == 0) p.add = kc_floats(k, p.ny);
        if (max) c->float_fill = -INFINITY;
        if (bytes) {
            for (size_t n = 0; n < p.nx; n++) p.x[n] = (float)kc_random(k, 256);
            for (size_t n = 0; n < p.nw; n++) p.w[n] = (float)kc_random(k, 256) - 128;
            for (size_t n = 0; n < filters; n++)
                p.bias[n] = (float)kc_random(k, 20000) - 10000, p.scale[n] = fabsf(p.scale[n]) * 0.002f;
            c->fill = max ? 0 : (int)kc_random(k, 256);
            c->is_signed = !max && kc_random(k, 2);
            c->zero = (float)kc_random(k, 100) - 50;
        }
        run(k, &p, max);
        compare(k, &p, max);
        kc_free(k, p.x, p.nx), kc_free(k, p.w, p.nw), kc_free(k, p.y, p.ny), kc_free(k, p.add, p.ny);
        kc_free(k, p.bias, filters), kc_free(k, p.scale, filters);
        k->cases++;
    }
}

void kc_check_blocked(kc *k) { check(k, false); }
void kc_check_qblocked(kc *k) { check(k, true); }

static void time_layers(kc *k, bool bytes) {
    static const struct { /* layers of ResNet-50 and MobileNet v2 */
        int64_t size, kernel, stride, pad;
        size_t channels, filters, groups;
    } rows[] = {
        {224, 7, 2, 3, 3, 64, 1},   {56, 1, 1, 0, 64, 64, 1},   {56, 3, 1, 1, 64, 64, 1},   {56, 1, 1, 0, 64, 256, 1},
        {56, 3, 2, 1, 128, 128, 1}, {28, 3, 1, 1, 128, 128, 1}, {14, 3, 1, 1, 256, 256, 1}, {14, 1, 1, 0, 1024, 256, 1},
        {7, 3, 1, 1, 512, 512, 1},  {7, 1, 1, 0, 512, 2048, 1}, {112, 3, 1, 1, 1, 1, 32},   {112, 3, 2, 1, 1, 1, 96},
        {14, 3, 1, 1, 1, 1, 384},   {7, 3, 1, 1, 1, 1, 960},    {56, 5, 1, 2, 1, 1, 144},   {112, 1, 1, 0, 16, 96, 1},
    };
    for (size_t i = 0; i < IG_COUNT_OF(rows); i++) {
        ig_blocked_conv c = {.tiles = bytes ? k->kernels->qblocked : k->kernels->blocked, .bytes = bytes, .images = 1};
        int64_t out = (rows[i].size + 2 * rows[i].pad - rows[i].kernel) / rows[i].stride + 1;
        c.groups = rows[i].groups, c.channels = rows[i].channels, c.filters = rows[i].filters;
        c.x_width = c.channels * c.groups <= 4 ? 4 : IG_BLOCK, c.min = -INFINITY, c.max = INFINITY;
        c.window.dims = 2;
        for (int d = 0; d < 2; d++) {
            c.window.in[d] = rows[i].size, c.window.out[d] = out, c.window.kernel[d] = rows[i].kernel;
            c.window.stride[d] = rows[i].stride, c.window.dilation[d] = 1;
            c.window.begin[d] = c.window.end[d] = rows[i].pad;
        }
        c.winograd = ig_winograd_suits(&c);
        size_t taps = (size_t)(rows[i].kernel * rows[i].kernel), n = (size_t)(out * out), size = bytes ? 1 : 4, packed, scratch;
        size_t whole = ig_blocks(c.groups * c.filters) * IG_BLOCK;
        if (!ig_blocked_packed(&c, &packed) || !ig_blocked_scratch(k->threads, &c, &scratch)) exit(2);
        void *x = room(ig_round_up(c.groups * c.channels, c.x_width) * (size_t)(rows[i].size * rows[i].size) * size);
        void *y = room(whole * n * size), *w = room(packed), *bias = room(whole * 4), *more = room(scratch);
        c.x = x, c.y = y, c.packed = w, c.bias = bias, c.scale = bias;
        double best = 1e9, work = (double)(c.groups * c.filters * c.channels * taps) * (double)n;
        for (int r = 0; r < 30; r++) {
            double t = kc_now();
            ig_blocked_run(k->threads, &c, more);
            best = fmin(best, kc_now() - t);
        }
        printf("%-12s %s %4zu -> %4zu /%3zu  %3lldx%-3lld %lldx%lld/%lld %9.1f us %7.1f Gop/s\n", k->level,
               bytes ? "qblocked" : "blocked", c.channels * c.groups, c.filters * c.groups, c.groups, (long long)rows[i].size,
               (long long)rows[i].size, (long long)rows[i].kernel, (long long)rows[i].kernel, (long long)rows[i].stride,
               best * 1e6, 2 * work / best * 1e-9);
        free(x), free(y), free(w), free(bias), free(more);
    }
}

void kc_time_blocked(kc *k) { time_layers(k, false); }
void kc_time_qblocked(kc *k) { time_layers(k, true); }
