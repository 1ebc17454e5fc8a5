#include "ops/signal/fft.h"

#include <math.h>

static ig_complex times(ig_complex a, ig_complex b) {
    return (ig_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* exp(-2 pi i k / n) */
static ig_complex root(size_t k, size_t n) {
    double angle = -2 * M_PI * ((double)k / (double)n);
    return (ig_complex){cos(angle), sin(angle)};
}

static void swap_parts(ig_complex *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = (ig_complex){x[i].im, x[i].re};
}

static void reverse_bits(ig_complex *x, size_t n) {
    for (size_t i = 1, j = 0; i < n; i++) {
        size_t bit = n >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) {
            ig_complex t = x[i];
            x[i] = x[j];
            x[j] = t;
        }
    }
}

/* n: a power of two. */
static void run_power(ig_complex *x, size_t n, const ig_complex *roots) {
    reverse_bits(x, n);
    for (size_t half = 1; half < n; half *= 2)
        for (size_t i = 0; i < n; i += 2 * half)
            for (size_t k = 0; k < half; k++) {
                ig_complex a = x[i + k], b = times(x[i + k + half], roots[k * (n / half / 2)]);
                x[i + k] = (ig_complex){a.re + b.re, a.im + b.im};
                x[i + k + half] = (ig_complex){a.re - b.re, a.im - b.im};
            }
}

ig_status ig_fft_prepare(ig_call *c, size_t n, ig_fft *f) {
    *f = (ig_fft){.n = n, .power = 1};
    if (n > (size_t)1 << 40) return ig_call_fail(c, "a transform of length %zu is too long", n);
    bool chirps = n & (n - 1);
    while (f->power < (chirps ? 2 * n - 1 : n)) f->power *= 2;
    size_t entries = f->power / 2 + 1 + (chirps ? n + f->power : 0);
    ig_complex *room = ig_call_scratch(c, entries * sizeof *room);
    if (!room) return ig_oom(c->err);
    for (size_t k = 0; k < f->power / 2; k++) room[k] = root(k, f->power);
    f->roots = room;
    if (!chirps) return IG_OK;
    ig_complex *chirp = room + f->power / 2 + 1, *filter = chirp + n;
    for (size_t k = 0, square = 0; k < n; k++) { /* square: k^2 modulo 2n, which keeps the angle exact */
        chirp[k] = root(square, 2 * n);
        square = (square + 2 * k + 1) % (2 * n);
    }
    memset(filter, 0, f->power * sizeof *filter);
    for (size_t k = 0; k < n; k++) {
        ig_complex conjugate = {chirp[k].re, -chirp[k].im};
        filter[k] = conjugate;
        if (k) filter[f->power - k] = conjugate;
    }
    run_power(filter, f->power, f->roots);
    f->chirp = chirp;
    f->filter = filter;
    return IG_OK;
}

void ig_fft_run(const ig_fft *f, ig_complex *x, bool inverse) {
    if (inverse) swap_parts(x, f->n); /* the inverse is the transform with both sides' parts swapped */
    if (!f->chirp) {
        run_power(x, f->power, f->roots);
    } else {
        for (size_t k = 0; k < f->n; k++) x[k] = times(x[k], f->chirp[k]);
        memset(x + f->n, 0, (f->power - f->n) * sizeof *x);
        run_power(x, f->power, f->roots);
        for (size_t k = 0; k < f->power; k++) x[k] = times(x[k], f->filter[k]);
        swap_parts(x, f->power);
        run_power(x, f->power, f->roots);
        double scale = 1 / (double)f->power;
        for (size_t k = 0; k < f->n; k++) x[k] = times((ig_complex){x[k].im * scale, x[k].re * scale}, f->chirp[k]);
    }
    if (inverse) swap_parts(x, f->n);
}

/* ------------------------------------------------------------------------------------------------------- along an axis */

typedef struct job {
    ig_fft fft;
    ig_dft_kind kind;
    ig_lanes lanes;
    size_t parts;
    const double *x;
    double *y;
} job;

static void load_lane(const job *j, size_t lane, ig_complex *room) {
    size_t n = j->fft.n, given = ig_min_size(j->lanes.length, j->kind == IG_DFT_FROM_HALF ? n / 2 + 1 : n);
    const double *x = j->x + ig_lane_first(&j->lanes, lane) * j->parts;
    memset(room, 0, n * sizeof *room);
    for (size_t k = 0; k < given; k++) {
        const double *v = x + k * j->lanes.inner * j->parts;
        room[k] = (ig_complex){v[0], j->parts == 2 ? v[1] : 0};
    }
    if (j->kind != IG_DFT_FROM_HALF) return;
    room[0].im = 0; /* what is left of the transform of real numbers is the mirrored first half */
    if (n % 2 == 0) room[n / 2].im = 0;
    for (size_t k = 1; k < (n + 1) / 2; k++) room[n - k] = (ig_complex){room[k].re, -room[k].im};
}

static void run_lane(void *arg, size_t lane, void *memory) {
    const job *j = arg;
    ig_complex *room = memory;
    bool inverse = j->kind == IG_DFT_INVERSE || j->kind == IG_DFT_FROM_HALF;
    size_t n = j->fft.n, out = ig_dft_length(j->kind, n), parts = j->kind == IG_DFT_FROM_HALF ? 1 : 2;
    double scale = inverse ? 1 / (double)n : 1;
    load_lane(j, lane, room);
    ig_fft_run(&j->fft, room, inverse);
    double *y = j->y + (lane / j->lanes.inner * out * j->lanes.inner + lane % j->lanes.inner) * parts;
    for (size_t k = 0; k < out; k++) {
        double *v = y + k * j->lanes.inner * parts;
        v[0] = room[k].re * scale;
        if (parts == 2) v[1] = room[k].im * scale;
    }
}

ig_status ig_dft_lanes(ig_call *c, ig_dft_kind kind, size_t n, const ig_lanes *lanes, size_t parts, const double *x,
                       double *y) {
    job j = {.kind = kind, .lanes = *lanes, .parts = parts, .x = x, .y = y};
    if (n == 0 || lanes->outer * lanes->inner == 0) return IG_OK;
    IG_TRY(ig_fft_prepare(c, n, &j.fft));
    return ig_lanes_each(c, lanes, j.fft.power * sizeof(ig_complex), run_lane, &j);
}
