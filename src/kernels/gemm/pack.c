#include "kernels/gemm/pack.h"

ig_gemm_shape ig_gemm_shape_of(const ig_gemm_f32 *tiles, size_t m, size_t n, size_t k) {
    size_t width = tiles->vecs * tiles->lanes;
    return (ig_gemm_shape){.tiles = tiles,
                           .width = width,
                           .k_blocks = k ? (k - 1) / tiles->k_block + 1 : 1,
                           .row_panels = m ? (m - 1) / tiles->rows + 1 : 0,
                           .col_panels = n ? (n - 1) / width + 1 : 0};
}

/* Blocks of 4 x 4 that stay in registers: reads and writes run along lines of memory. */
static void transpose(float *out, size_t width, const char *src, size_t lane_step, size_t n, size_t kn) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const char *s = src + i * lane_step * sizeof(float);
        size_t step = lane_step * sizeof(float), p = 0;
        for (; p + 4 <= kn; p += 4) {
            float x[4][4];
            for (size_t r = 0; r < 4; r++) memcpy(x[r], s + r * step + p * sizeof(float), sizeof x[r]);
            for (size_t q = 0; q < 4; q++) {
                float y[4] = {x[0][q], x[1][q], x[2][q], x[3][q]};
                memcpy(out + (p + q) * width + i, y, sizeof y);
            }
        }
        for (; p < kn; p++)
            for (size_t r = 0; r < 4; r++) out[p * width + i + r] = ig_load_f32(s + r * step + p * sizeof(float));
    }
    for (; i < n; i++)
        for (size_t p = 0; p < kn; p++) out[p * width + i] = ig_load_f32(src + (i * lane_step + p) * sizeof(float));
}

void ig_gemm_pack_lanes(float *out, size_t width, const void *source, size_t lane_step, size_t k_step, size_t n, size_t kn) {
    const char *src = source;
    if (n < width)
        for (size_t p = 0; p < kn; p++) memset(out + p * width + n, 0, (width - n) * sizeof *out);
    if (lane_step == 1 && n == 32) { /* a whole panel of the widest tiles: the copy has a known size */
        for (size_t p = 0; p < kn; p++) memcpy(out + p * width, src + p * k_step * sizeof(float), 32 * sizeof *out);
    } else if (lane_step == 1) {
        for (size_t p = 0; p < kn; p++) memcpy(out + p * width, src + p * k_step * sizeof(float), n * sizeof *out);
    } else if (k_step == 1) {
        transpose(out, width, src, lane_step, n, kn);
    } else {
        for (size_t p = 0; p < kn; p++)
            for (size_t i = 0; i < n; i++) out[p * width + i] = ig_load_f32(src + (i * lane_step + p * k_step) * sizeof(float));
    }
}

bool ig_gemm_packed_a(const ig_kernels *kernels, size_t m, size_t k, size_t *floats) {
    IG_UNUSED(kernels);
    return !ig_mul_overflows(m, k, floats) && *floats <= SIZE_MAX / 8;
}

bool ig_gemm_packed_b(const ig_kernels *kernels, size_t k, size_t n, size_t *floats) {
    size_t width = kernels->gemm_f32->vecs * kernels->gemm_f32->lanes;
    if (n > SIZE_MAX / 2) return false;
    return !ig_mul_overflows(ig_round_up(n, width), k, floats) && *floats <= SIZE_MAX / 8;
}

typedef struct packing {
    ig_gemm_shape shape;
    const char *src;
    size_t lane_step, k_step, lanes, k;
    bool rows; /* of A */
    float *out;
} packing;

/* Packed A: for each block of k, panels of rows, each k steps of the panel's rows. Packed B: the same with columns, all panels
 * of full width. */
static void pack_panels(void *arg, size_t begin, size_t end) {
    const packing *j = arg;
    const ig_gemm_shape *s = &j->shape;
    for (size_t panel = begin; panel < end; panel++) {
        size_t first = j->rows ? ig_part_begin(j->lanes, s->row_panels, panel) : panel * s->width;
        size_t last = j->rows ? ig_part_begin(j->lanes, s->row_panels, panel + 1) : ig_min_size(j->lanes, first + s->width);
        size_t width = j->rows ? last - first : s->width, all = j->rows ? j->lanes : s->width * s->col_panels;
        for (size_t b = 0; b < s->k_blocks; b++) {
            size_t k0 = ig_part_begin(j->k, s->k_blocks, b), kn = ig_part_begin(j->k, s->k_blocks, b + 1) - k0;
            ig_gemm_pack_lanes(j->out + k0 * all + first * kn, width,
                               j->src + (first * j->lane_step + k0 * j->k_step) * sizeof(float), j->lane_step, j->k_step,
                               last - first, kn);
        }
    }
}

void ig_gemm_pack_a(const ig_kernels *kernels, ig_threads *threads, const void *a, size_t a_row, size_t a_col, size_t m,
                    size_t k, float *out) {
    packing j = {ig_gemm_shape_of(kernels->gemm_f32, m, 1, k), a, a_row, a_col, m, k, true, out};
    ig_parallel(threads, j.shape.row_panels, 4, pack_panels, &j);
}

void ig_gemm_pack_b(const ig_kernels *kernels, ig_threads *threads, const void *b, size_t b_row, size_t b_col, size_t k,
                    size_t n, float *out) {
    packing j = {ig_gemm_shape_of(kernels->gemm_f32, 1, n, k), b, b_col, b_row, n, k, false, out};
    ig_parallel(threads, j.shape.col_panels, 4, pack_panels, &j);
}
