/* Drives the integer tiles. A task owns a block of columns: it packs as many of its columns of B as fit the second-level cache,
 * all of k at once, and walks down the panels of A. */
#include "kernels/igemm/igemm.h"

#include "kernels/gemm/pack.h"

enum { CACHE = 1 << 19, SMALL = 1 << 17 };

static int32_t element(const ig_imatrix *x, const uint8_t *p) { return x->is_signed ? (int8_t)*p : *p; }

/* n lanes (rows of A or columns of B), `lane` and `step` apart along each other and along k. */
static void pack_lanes(const ig_imatrix *x, size_t first, size_t n, size_t width, size_t lane, size_t step, size_t k,
                       int16_t *out) {
    const uint8_t *data = (const uint8_t *)x->data + first * lane;
    size_t pairs = (k + 1) / 2;
    if (n < width || k % 2) memset(out, 0, pairs * width * 2 * sizeof *out);
    for (size_t p = 0; p < k; p++) {
        int16_t *to = out + p / 2 * width * 2 + p % 2;
        for (size_t i = 0; i < n; i++) {
            int32_t zero = x->zero ? x->zero[(first + i) * x->zero_step] : 0;
            to[2 * i] = (int16_t)(element(x, data + i * lane + p * step) - zero);
        }
    }
}

static size_t panel_width(const ig_igemm_i16 *t) { return t->vecs * t->lanes; }
static size_t count_panels(size_t n, size_t of) { return n ? (n - 1) / of + 1 : 0; }

bool ig_igemm_packed_a(const ig_kernels *kernels, size_t m, size_t k, size_t *count) {
    IG_UNUSED(kernels);
    return k < SIZE_MAX / 8 && !ig_mul_overflows(ig_round_up(k, 2), m, count) && *count < SIZE_MAX / 8;
}

bool ig_igemm_packed_b(const ig_kernels *kernels, size_t k, size_t n, size_t *count) {
    if (k > SIZE_MAX / 8 || n > SIZE_MAX / 8) return false;
    return !ig_mul_overflows(ig_round_up(k, 2), ig_round_up(n, panel_width(kernels->igemm_i16)), count) &&
           *count < SIZE_MAX / 8;
}

void ig_igemm_pack_a(const ig_kernels *kernels, const ig_imatrix *a, size_t m, size_t k, int16_t *out) {
    size_t panels = count_panels(m, kernels->igemm_i16->rows);
    for (size_t p = 0; p < panels; p++) {
        size_t row = ig_part_begin(m, panels, p), rows = ig_part_begin(m, panels, p + 1) - row;
        pack_lanes(a, row, rows, rows, a->row, a->col, k, out + row * ig_round_up(k, 2));
    }
}

void ig_igemm_pack_b(const ig_kernels *kernels, const ig_imatrix *b, size_t k, size_t n, int16_t *out) {
    size_t width = panel_width(kernels->igemm_i16);
    for (size_t col = 0; col < n; col += width)
        pack_lanes(b, col, ig_min_size(width, n - col), width, b->col, b->row, k, out + col * ig_round_up(k, 2));
}

typedef struct job {
    const ig_igemm *products;
    const ig_igemm_i16 *tiles;
    size_t width, row_panels, col_panels, row_parts, col_parts;
    size_t group;                     /* panels of columns packed together */
    size_t a_count, b_count, c_count; /* scratch of a worker: int16, int16, int32 */
    size_t room;                      /* of a worker, bytes */
    char *scratch;
} job;

static job plan(const ig_kernels *kernels, size_t threads, const ig_igemm *g, size_t count) {
    const ig_igemm_i16 *t = kernels->igemm_i16;
    job j = {.tiles = t, .width = panel_width(t), .row_parts = 1, .col_parts = 1};
    size_t k2 = ig_round_up(g->k, 2);
    j.row_panels = count_panels(g->m, t->rows);
    j.col_panels = count_panels(g->n, j.width);
    j.group = CACHE / (j.width * k2 * sizeof(int16_t) + 1) + 1;
    j.a_count = g->a.packed ? 0 : k2 * t->rows;
    j.b_count = g->b.packed ? 0 : k2 * j.width * ig_min_size(j.group, j.col_panels);
    j.c_count = g->c ? 0 : t->rows * j.width;
    j.room = ig_round_up(j.c_count * sizeof(int32_t) + (j.a_count + j.b_count) * sizeof(int16_t), 64);
    double work = (double)g->m * (double)g->n * (double)g->k * (double)count;
    if (threads == 1 || work < SMALL) return j;
    size_t wanted = ig_min_size(2 * threads, (size_t)(work / SMALL) + 1);
    if (count >= wanted) return j;
    size_t more = (wanted - 1) / count + 1;
    bool rows_first = g->b.packed && g->m > g->n;
    if (rows_first) j.row_parts = ig_min_size(more, j.row_panels);
    j.col_parts = ig_min_size((more - 1) / j.row_parts + 1, j.col_panels);
    if (!rows_first) j.row_parts = ig_min_size((more - 1) / j.col_parts + 1, j.row_panels);
    return j;
}

bool ig_igemm_scratch(const ig_kernels *kernels, const ig_threads *threads, const ig_igemm *g, size_t *bytes) {
    size_t all;
    *bytes = 0;
    if (g->m == 0 || g->n == 0) return true;
    if (!ig_igemm_packed_b(kernels, g->k, 1, &all) || all > SIZE_MAX / 64) return false;
    return !ig_mul_overflows(plan(kernels, 1, g, 1).room, ig_threads_count(threads), bytes);
}

/* One panel of rows against panels [p0, p1) of columns, whose packed form begins at b. */
static void run_row_panel(const job *j, const ig_igemm *g, size_t row, size_t rows, const int16_t *a, const int16_t *b,
                          size_t p0, size_t p1, int32_t *sums) {
    ig_igemm_tile t = {.pairs = (g->k + 1) / 2, .a = a, .c_step = g->c ? g->c_row : j->width};
    for (size_t p = p0; p < p1; p++) {
        size_t col = p * j->width;
        t.b = b + (p - p0) * j->width * t.pairs * 2;
        t.cols = ig_min_size(j->width, g->n - col);
        t.c = g->c ? g->c + row * g->c_row + col : sums;
        j->tiles->tile[rows][t.cols <= j->tiles->lanes ? 1 : j->tiles->vecs](&t);
        for (size_t r = 0; g->post && r < rows; r++) g->post(g->post_arg, t.c + r * t.c_step, row + r, col, t.cols);
    }
}

static void run_task(void *arg, size_t worker, size_t task) {
    const job *j = arg;
    int32_t *sums = (int32_t *)(j->scratch + worker * j->room);
    int16_t *a_room = (int16_t *)(sums + j->c_count), *b_room = a_room + j->a_count;
    size_t parts = j->row_parts * j->col_parts, part = task % parts;
    const ig_igemm *g = &j->products[task / parts];
    size_t k2 = ig_round_up(g->k, 2), row_part = part / j->col_parts, col_part = part % j->col_parts;
    size_t r0 = ig_part_begin(j->row_panels, j->row_parts, row_part),
           r1 = ig_part_begin(j->row_panels, j->row_parts, row_part + 1);
    size_t p1 = ig_part_begin(j->col_panels, j->col_parts, col_part + 1);
    for (size_t p0 = ig_part_begin(j->col_panels, j->col_parts, col_part); p0 < p1; p0 += j->group) {
        size_t end = ig_min_size(p0 + j->group, p1);
        const int16_t *b = g->b.packed ? g->b.packed + p0 * j->width * k2 : b_room;
        for (size_t p = p0; p < end && !g->b.packed; p++) {
            size_t col = p * j->width, cols = ig_min_size(j->width, g->n - col);
            int16_t *out = b_room + (p - p0) * j->width * k2;
            if (g->source)
                g->source(g->source_arg, col, cols, j->width, out);
            else
                pack_lanes(&g->b, col, cols, j->width, g->b.col, g->b.row, g->k, out);
        }
        for (size_t r = r0; r < r1; r++) {
            size_t row = ig_part_begin(g->m, j->row_panels, r), rows = ig_part_begin(g->m, j->row_panels, r + 1) - row;
            const int16_t *a = g->a.packed ? g->a.packed + row * k2 : a_room;
            if (!g->a.packed) pack_lanes(&g->a, row, rows, rows, g->a.row, g->a.col, g->k, a_room);
            run_row_panel(j, g, row, rows, a, b, p0, end, sums);
        }
    }
}

void ig_igemm_run(const ig_kernels *kernels, ig_threads *threads, const ig_igemm *products, size_t count, void *scratch) {
    if (count == 0 || products->m == 0 || products->n == 0) return;
    job j = plan(kernels, ig_threads_count(threads), products, count);
    j.products = products;
    j.scratch = scratch;
    ig_parallel_items(threads, count * j.row_parts * j.col_parts, run_task, &j);
}
