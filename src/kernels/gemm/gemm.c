/* Drives the tiles over a product of any size.
 *
 * The classic order of loops (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008) with the roles
 * of the caches turned round: a task owns a block of columns. For each block of k it packs its part of B, which then stays in
 * the second-level cache, and walks down the panels of A, each of which stays in the first-level cache while it meets all
 * panels of B. Tasks share nothing, so there is no waiting inside a product; what is packed twice because tasks are split both
 * ways is small beside the product. */
#include "kernels/gemm/pack.h"

#include <math.h>

ig_gemm ig_gemm_of(size_t m, size_t n, size_t k) {
    return (ig_gemm){.m = m,
                     .n = n,
                     .k = k,
                     .a_row = k,
                     .a_col = 1,
                     .b_row = n,
                     .b_col = 1,
                     .c_row = n,
                     .alpha = 1,
                     .add_row = n,
                     .beta = 1,
                     .min = -INFINITY,
                     .max = INFINITY};
}

typedef enum mode {
    PACKED, /* the general case */
    DIRECT, /* few rows: B is read where it lies, in wide panels */
    DOT,    /* a short side, operands contiguous along k */
} mode;

typedef struct job {
    const ig_gemm *products;
    ig_gemm_shape shape;
    mode mode;
    size_t vecs;                 /* of a tile: DIRECT uses wider ones */
    size_t row_parts, col_parts; /* tasks of one product */
    size_t a_floats, b_floats;   /* scratch of a worker */
    float *scratch;
} job;

enum { DOT_ROWS = 8, DOT_COLS = 4, LONG_BLOCK = 4096, SMALL = 1 << 16 };

static mode choose_mode(const ig_gemm_f32 *tiles, const ig_gemm *g) {
    bool plain = g->b && g->a && !g->b_packed && !g->a_packed && !g->source;
    if (plain && g->a_col == 1 && ((g->m <= DOT_ROWS && g->b_row == 1) || g->n <= DOT_COLS) && g->k >= tiles->lanes) return DOT;
    if (plain && g->b_col == 1 && g->m <= tiles->rows) return DIRECT;
    return PACKED;
}

/* The most vectors for which there is a tile of so many rows. */
static size_t widest(const ig_gemm_f32 *tiles, size_t rows) {
    size_t vecs = IG_TILE_MAX_VECS;
    while (!tiles->tile[rows][vecs]) vecs--;
    return vecs;
}

/* How a product is cut: into blocks of columns that suit the cache, then further along the side that costs least until every
 * thread has two tasks. */
static void cut(job *j, const ig_gemm *g, size_t count, size_t threads) {
    const ig_gemm_f32 *t = j->shape.tiles;
    size_t units_m = j->shape.row_panels, units_n = j->shape.col_panels, block = t->n_block / j->shape.width;
    if (j->mode == DIRECT) block = SIZE_MAX;
    if (j->mode == DOT) {
        units_m = (g->m - 1) / DOT_ROWS + 1;
        units_n = (g->n - 1) / DOT_COLS + 1;
        block = SIZE_MAX;
    }
    j->row_parts = 1;
    j->col_parts = (units_n - 1) / block + 1;
    double work = (double)g->m * (double)g->n * (double)g->k * (double)count;
    if (threads == 1 || work < SMALL) return;
    size_t wanted = ig_min_size(2 * threads, (size_t)(work / SMALL) + 1), have = count * j->col_parts;
    if (have >= wanted) return;
    size_t more = (wanted - 1) / have + 1;
    bool rows_first = g->b_packed || j->mode == DOT ? g->m > g->n : !g->a_packed && !g->source && g->m > g->n;
    if (rows_first) {
        j->row_parts = ig_min_size(more, units_m);
        more = (more - 1) / j->row_parts + 1;
    }
    j->col_parts = ig_min_size(j->col_parts * more, units_n);
    have = count * j->col_parts * j->row_parts;
    if (have < wanted && !rows_first) j->row_parts = ig_min_size((wanted - 1) / have + 1, units_m);
}

static job plan(const ig_kernels *kernels, const ig_threads *threads, const ig_gemm *g, size_t count) {
    const ig_gemm_f32 *t = kernels->gemm_f32;
    job j = {.shape = ig_gemm_shape_of(t, g->m, g->n, g->k), .mode = choose_mode(t, g), .vecs = t->vecs};
    if (j.mode == DIRECT) {
        j.vecs = widest(t, g->m);
        j.shape.width = j.vecs * t->lanes;
        j.shape.col_panels = (g->n - 1) / j.shape.width + 1;
        /* Nothing packed has to stay in a cache: longer blocks write C less often. */
        if (g->m <= 4) j.shape.k_blocks = g->k / LONG_BLOCK + 1;
    }
    cut(&j, g, count, ig_threads_count(threads));
    size_t k_most = (g->k + j.shape.k_blocks - 1) / j.shape.k_blocks, cols = (j.shape.col_panels - 1) / j.col_parts + 1;
    if (j.mode == DOT) {
        j.b_floats = g->b_row == 1 ? 0 : g->n * g->k;
    } else {
        j.a_floats = g->a_packed ? 0 : k_most * t->rows;
        j.b_floats = g->b_packed ? 0 : j.mode == DIRECT ? k_most * j.shape.width : k_most * j.shape.width * cols;
    }
    j.a_floats = ig_round_up(j.a_floats, 16);
    j.b_floats = ig_round_up(j.b_floats, 16);
    return j;
}

size_t ig_gemm_scratch(const ig_kernels *kernels, const ig_threads *threads, const ig_gemm *g) {
    if (g->m == 0 || g->n == 0) return 0;
    job j = plan(kernels, NULL, g, 1); /* more threads make smaller parts */
    return (j.a_floats + j.b_floats) * sizeof(float) * ig_threads_count(threads);
}

size_t ig_gemm_scratch_most(const ig_kernels *kernels, size_t n, size_t k) {
    const ig_gemm_f32 *t = kernels->gemm_f32;
    size_t width = t->vecs * t->lanes, long_k = ig_min_size(k, LONG_BLOCK), a = long_k * t->rows;
    size_t packed = ig_min_size(k, t->k_block) * ig_round_up(ig_min_size(n, t->n_block), width);
    size_t direct = long_k * IG_TILE_MAX_VECS * t->lanes, dot = ig_min_size(n, DOT_COLS) * k;
    size_t b = ig_max_size(packed, ig_max_size(direct, dot));
    return (ig_round_up(a, 16) + ig_round_up(b, 16)) * sizeof(float);
}

/* One block of k of one panel of A against panels [p0, p1) of B. */
static void run_row_panel(const job *j, const ig_gemm *g, size_t block, size_t row, size_t rows, const float *a, const float *b,
                          size_t b_panel, size_t b_step, size_t p0, size_t p1) {
    const ig_gemm_f32 *tiles = j->shape.tiles;
    bool first = block == 0, last = block + 1 == j->shape.k_blocks;
    size_t k0 = ig_part_begin(g->k, j->shape.k_blocks, block);
    ig_gemm_tile t = {.k = ig_part_begin(g->k, j->shape.k_blocks, block + 1) - k0,
                      .a = a,
                      .b_step = b_step,
                      .c_step = g->c_row,
                      .alpha = g->alpha,
                      .beta = first ? g->beta : 1,
                      .add_step = first ? g->add_row : g->c_row,
                      .bias_rows = first && g->bias_rows ? g->bias_rows + row : NULL,
                      .min = last ? g->min : -INFINITY,
                      .max = last ? g->max : INFINITY};
    for (size_t p = p0; p < p1; p++) {
        size_t col = p * j->shape.width;
        t.cols = ig_min_size(j->shape.width, g->n - col);
        t.b = b + (p - p0) * b_panel;
        t.c = g->c + row * g->c_row + col;
        t.add = !first ? t.c : g->add ? g->add + row * g->add_row + col : NULL;
        t.bias_cols = first && g->bias_cols ? g->bias_cols + col : NULL;
        size_t vecs = t.cols <= tiles->lanes ? 1 : j->vecs;
        tiles->tile[rows][vecs](&t);
        for (size_t r = 0; last && g->post && r < rows; r++) g->post(g->post_arg, t.c + r * g->c_row, t.cols);
    }
}

static const float *panel_of_a(const job *j, const ig_gemm *g, size_t k0, size_t kn, size_t row, size_t rows, float *scratch) {
    if (g->a_packed) return g->a_packed + k0 * g->m + row * kn;
    const float *a = g->a + row * g->a_row + k0 * g->a_col;
    if (rows == 1 && g->a_col == 1) return a;
    IG_UNUSED(j);
    ig_gemm_pack_lanes(scratch, rows, a, g->a_row, g->a_col, rows, kn);
    return scratch;
}

static void run_packed(const job *j, const ig_gemm *g, size_t r0, size_t r1, size_t p0, size_t p1, float *scratch) {
    const ig_gemm_shape *s = &j->shape;
    float *room = scratch + j->a_floats;
    for (size_t block = 0; block < s->k_blocks; block++) {
        size_t k0 = ig_part_begin(g->k, s->k_blocks, block), kn = ig_part_begin(g->k, s->k_blocks, block + 1) - k0;
        const float *b = room;
        if (g->b_packed) b = g->b_packed + k0 * s->col_panels * s->width + p0 * s->width * kn;
        for (size_t p = p0; p < p1 && !g->b_packed; p++) {
            size_t col = p * s->width, cols = ig_min_size(s->width, g->n - col);
            float *out = room + (p - p0) * s->width * kn;
            if (g->source)
                g->source(g->source_arg, k0, kn, col, cols, s->width, out);
            else
                ig_gemm_pack_lanes(out, s->width, g->b + k0 * g->b_row + col * g->b_col, g->b_col, g->b_row, cols, kn);
        }
        for (size_t r = r0; r < r1; r++) {
            size_t row = ig_part_begin(g->m, s->row_panels, r), rows = ig_part_begin(g->m, s->row_panels, r + 1) - row;
            const float *a = panel_of_a(j, g, k0, kn, row, rows, scratch);
            run_row_panel(j, g, block, row, rows, a, b, s->width * kn, s->width, p0, p1);
        }
    }
}

/* One panel of rows; the last panel of columns is packed unless it is full, so that nothing beyond B is read. */
static void run_direct(const job *j, const ig_gemm *g, size_t p0, size_t p1, float *scratch) {
    const ig_gemm_shape *s = &j->shape;
    float *room = scratch + j->a_floats;
    for (size_t block = 0; block < s->k_blocks; block++) {
        size_t k0 = ig_part_begin(g->k, s->k_blocks, block), kn = ig_part_begin(g->k, s->k_blocks, block + 1) - k0;
        const float *a = panel_of_a(j, g, k0, kn, 0, g->m, scratch);
        size_t full = ig_min_size(p1, g->n / s->width);
        if (p0 < full)
            run_row_panel(j, g, block, 0, g->m, a, g->b + k0 * g->b_row + p0 * s->width, s->width, g->b_row, p0, full);
        if (full == p1) continue;
        size_t col = full * s->width;
        ig_gemm_pack_lanes(room, s->width, g->b + k0 * g->b_row + col, 1, g->b_row, g->n - col, kn);
        run_row_panel(j, g, block, 0, g->m, a, room, 0, s->width, full, p1);
    }
}

/* C may be what is added, so sums go to a small buffer first. */
static void dot_tile(const ig_gemm_f32 *tiles, const ig_gemm *g, size_t row, size_t rows, size_t col, size_t cols,
                     const float *b, size_t b_step) {
    float sums[IG_DOT_ROWS * IG_DOT_COLS];
    tiles->dot(g->k, g->a + row * g->a_row, g->a_row, rows, b, b_step, cols, sums, IG_DOT_COLS);
    for (size_t r = 0; r < rows; r++) {
        float *c = g->c + (row + r) * g->c_row + col;
        for (size_t i = 0; i < cols; i++) {
            float x = sums[r * IG_DOT_COLS + i] * g->alpha;
            if (g->add) x += g->beta * g->add[(row + r) * g->add_row + col + i];
            if (g->bias_rows) x += g->bias_rows[row + r];
            if (g->bias_cols) x += g->bias_cols[col + i];
            x = x < g->min ? g->min : x;
            c[i] = x > g->max ? g->max : x;
        }
        if (g->post) g->post(g->post_arg, c, cols);
    }
}

static void run_dot(const job *j, const ig_gemm *g, size_t row0, size_t row1, size_t col0, size_t col1, float *scratch) {
    const float *b = g->b + col0 * g->b_col;
    size_t b_step = g->b_col;
    if (g->b_row != 1) { /* n is small: its columns become contiguous */
        for (size_t i = col0; i < col1; i++)
            for (size_t p = 0; p < g->k; p++) scratch[(i - col0) * g->k + p] = g->b[p * g->b_row + i * g->b_col];
        b = scratch;
        b_step = g->k;
    }
    for (size_t col = col0; col < col1; col += IG_DOT_COLS)
        for (size_t row = row0; row < row1; row += IG_DOT_ROWS)
            dot_tile(j->shape.tiles, g, row, ig_min_size(IG_DOT_ROWS, row1 - row), col, ig_min_size(IG_DOT_COLS, col1 - col),
                     b + (col - col0) * b_step, b_step);
}

static void run_task(void *arg, size_t worker, size_t task) {
    const job *j = arg;
    float *scratch = j->scratch + worker * (j->a_floats + j->b_floats);
    size_t parts = j->row_parts * j->col_parts, part = task % parts;
    const ig_gemm *g = &j->products[task / parts];
    size_t row_part = part / j->col_parts, col_part = part % j->col_parts;
    if (j->mode == DOT) {
        size_t units_m = (g->m - 1) / DOT_ROWS + 1, units_n = (g->n - 1) / DOT_COLS + 1;
        run_dot(j, g, ig_part_begin(units_m, j->row_parts, row_part) * DOT_ROWS,
                ig_min_size(g->m, ig_part_begin(units_m, j->row_parts, row_part + 1) * DOT_ROWS),
                ig_part_begin(units_n, j->col_parts, col_part) * DOT_COLS,
                ig_min_size(g->n, ig_part_begin(units_n, j->col_parts, col_part + 1) * DOT_COLS), scratch);
        return;
    }
    size_t p0 = ig_part_begin(j->shape.col_panels, j->col_parts, col_part);
    size_t p1 = ig_part_begin(j->shape.col_panels, j->col_parts, col_part + 1);
    if (j->mode == DIRECT) {
        run_direct(j, g, p0, p1, scratch);
        return;
    }
    size_t r0 = ig_part_begin(j->shape.row_panels, j->row_parts, row_part);
    size_t r1 = ig_part_begin(j->shape.row_panels, j->row_parts, row_part + 1);
    run_packed(j, g, r0, r1, p0, p1, scratch);
}

void ig_gemm_run(const ig_kernels *kernels, ig_threads *threads, const ig_gemm *products, size_t count, void *scratch) {
    if (count == 0 || products->m == 0 || products->n == 0) return;
    job j = plan(kernels, threads, products, count);
    j.products = products;
    j.scratch = scratch;
    ig_parallel_items(threads, count * j.row_parts * j.col_parts, run_task, &j);
}
