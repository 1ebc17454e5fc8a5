/* The plain form of the loops: what the others are compared with. */
#include "kernels/conv/loops.h"

static void gather(const ig_conv_piece *runs, size_t n_runs, size_t stride, const float *x, size_t plane, size_t channels,
                   float *out, size_t out_step, size_t width) {
    for (size_t c = 0; c < channels; c++) {
        memset(out, 0, width * sizeof *out);
        for (size_t r = 0; r < n_runs; r++) {
            const float *from = x + runs[r].from;
            for (size_t i = 0; i < runs[r].n; i++) out[runs[r].at + i] = from[i * stride];
        }
        x += plane;
        out += out_step;
    }
}

static void depthwise(const ig_depthwise *t) {
    for (size_t i = 0; i < t->n; i++) {
        float sum = t->bias + (t->add ? t->add[i] : 0);
        for (size_t r = 0; r < t->rows; r++)
            for (size_t c = 0; c < t->cols; c++)
                sum += t->w[r * t->cols + c] * t->x[r * t->row_step + c * t->col_step + i * t->stride];
        sum = sum < t->min ? t->min : sum;
        t->out[i] = sum > t->max ? t->max : sum;
    }
}

const ig_conv_f32 ig_conv_f32_c = {gather, depthwise};
