/* Convolution by windows of 3 x 3 with a quarter of the multiplications: F(4 x 4, 3 x 3) of Lavin and Gray, "Fast algorithms
 * for convolutional neural networks", 2015. Tiles of 6 x 6 places and the filters are transformed, 36 products of matrices
 * follow, one for each position in the tile, and their results are transformed back to 4 x 4 places. A task takes as many tiles
 * as fit the second-level cache. Results differ from the definition by some units in the last place more than a sum does. */
#include "kernels/blocked/winograd.h"

#include "kernels/gemm/pack.h"

#include <math.h>

enum { POSITIONS = 36, OUT = 4, CACHE = 1 << 19, LEAST_TILES = 16, LEAST_CHANNELS = 32, MOST_BYTES = 16 << 20 };

static size_t tiles_along(int64_t places) { return (size_t)(places + OUT - 1) / OUT; }

bool ig_winograd_suits(const ig_blocked_conv *c) {
    const ig_window *w = &c->window;
    if (c->bytes || c->groups != 1 || !c->tiles->to_tile || c->channels < LEAST_CHANNELS || c->filters < LEAST_CHANNELS)
        return false;
    for (int k = 0; k < 2; k++)
        if (w->kernel[k] != 3 || w->stride[k] != 1 || w->dilation[k] != 1 || w->out[k] < OUT) return false;
    size_t bytes;
    if (!ig_winograd_packed(c, &bytes) || bytes > MOST_BYTES) return false;
    return c->images * tiles_along(w->out[0]) * tiles_along(w->out[1]) >= LEAST_TILES;
}

bool ig_winograd_packed(const ig_blocked_conv *c, size_t *bytes) {
    return !ig_mul_overflows(ig_blocks(c->filters) * c->channels, (size_t)POSITIONS * IG_BLOCK * sizeof(float), bytes);
}

/* A filter of 3 x 3 becomes one of 6 x 6. */
static void transform_filter(const float g[9], float *u, size_t step) {
    static const double G[6][3] = {{1. / 4, 0, 0},
                                   {-1. / 6, -1. / 6, -1. / 6},
                                   {-1. / 6, 1. / 6, -1. / 6},
                                   {1. / 24, 1. / 12, 1. / 6},
                                   {1. / 24, -1. / 12, 1. / 6},
                                   {0, 0, 1}};
    double t[6][3];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 3; j++) t[i][j] = G[i][0] * (double)g[j] + G[i][1] * (double)g[3 + j] + G[i][2] * (double)g[6 + j];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            u[(size_t)(i * 6 + j) * step] = (float)(t[i][0] * G[j][0] + t[i][1] * G[j][1] + t[i][2] * G[j][2]);
}

/* For each position, block of filters and channel: IG_BLOCK floats. */
void ig_winograd_pack(const ig_blocked_conv *c, const void *weights, void *packed) {
    size_t bytes, position = ig_blocks(c->filters) * c->channels * IG_BLOCK;
    ig_winograd_packed(c, &bytes);
    memset(packed, 0, bytes);
    for (size_t f = 0; f < c->filters; f++)
        for (size_t k = 0; k < c->channels; k++) {
            float g[9];
            memcpy(g, (const char *)weights + (f * c->channels + k) * sizeof g, sizeof g);
            transform_filter(g, (float *)packed + (f / IG_BLOCK * c->channels + k) * IG_BLOCK + f % IG_BLOCK, position);
        }
}

typedef struct job {
    const ig_blocked_conv *c;
    size_t rows, cols, tiles;         /* of tiles: of an image, and of all images */
    size_t some, tasks;               /* tiles of a task */
    size_t x_blocks, y_blocks, group; /* blocks of filters that are computed together */
    size_t v_floats, m_floats;        /* of a worker */
    float *rooms;
} job;

static job job_of(const ig_blocked_conv *c, size_t threads) {
    job j = {.c = c, .rows = tiles_along(c->window.out[0]), .cols = tiles_along(c->window.out[1])};
    j.tiles = c->images * j.rows * j.cols;
    j.x_blocks = ig_blocks(c->channels);
    j.y_blocks = ig_blocks(c->filters);
    j.group = c->tiles->most[2] && j.y_blocks > 1 ? 2 : 1;
    size_t most = c->tiles->most[j.group], fit = CACHE / (POSITIONS * j.x_blocks * IG_BLOCK * sizeof(float));
    j.some = ig_max_size(fit / most, 1) * most;
    if (threads > 1) j.some = ig_min_size(j.some, ig_max_size(j.tiles / (2 * threads) / most, 1) * most);
    j.tasks = (j.tiles - 1) / j.some + 1;
    j.v_floats = POSITIONS * j.x_blocks * j.some * IG_BLOCK;
    j.m_floats = POSITIONS * j.group * j.some * IG_BLOCK;
    return j;
}

bool ig_winograd_scratch(const ig_threads *threads, const ig_blocked_conv *c, size_t *bytes) {
    size_t n = ig_threads_count(threads);
    job j = job_of(c, n);
    return !ig_mul_overflows((j.v_floats + j.m_floats) * sizeof(float), n, bytes);
}

/* Tile number `tile`: its image and the first place of its result. */
static size_t place_of(const job *j, size_t tile, int64_t *y, int64_t *x) {
    *y = (int64_t)(tile / j->cols % j->rows * OUT);
    *x = (int64_t)(tile % j->cols * OUT);
    return tile / j->cols / j->rows;
}

/* Places of a tile that lie over the edge are 0. */
static void transform_in(const job *j, size_t tile, float *v, size_t v_step, size_t v_block) {
    const ig_blocked_conv *c = j->c;
    const ig_window *w = &c->window;
    int64_t y, x;
    size_t image = place_of(j, tile, &y, &x), row = (size_t)w->in[1] * IG_BLOCK;
    y -= w->begin[0], x -= w->begin[1];
    bool inside = y >= 0 && x >= 0 && y + 6 <= w->in[0] && x + 6 <= w->in[1];
    for (size_t b = 0; b < j->x_blocks; b++) {
        const float *plane = (const float *)c->x + (image * j->x_blocks + b) * (size_t)w->in[0] * row;
        if (inside) {
            c->tiles->to_tile(plane + (size_t)y * row + (size_t)x * IG_BLOCK, row, v + b * v_block, v_step);
            continue;
        }
        float room[6 * 6 * IG_BLOCK] = {0};
        for (int64_t r = 0; r < 6; r++)
            for (int64_t k = 0; k < 6; k++)
                if (y + r >= 0 && y + r < w->in[0] && x + k >= 0 && x + k < w->in[1])
                    memcpy(room + (r * 6 + k) * IG_BLOCK, plane + (size_t)(y + r) * row + (size_t)(x + k) * IG_BLOCK,
                           IG_BLOCK * sizeof *room);
        c->tiles->to_tile(room, 6 * IG_BLOCK, v + b * v_block, v_step);
    }
}

static void transform_out(const job *j, size_t tile, const float *m, size_t m_step, size_t block) {
    const ig_blocked_conv *c = j->c;
    const ig_window *w = &c->window;
    int64_t y, x;
    size_t image = place_of(j, tile, &y, &x), row = (size_t)w->out[1] * IG_BLOCK;
    size_t at = ((image * j->y_blocks + block) * (size_t)w->out[0] + (size_t)y) * row + (size_t)x * IG_BLOCK;
    ig_blocked_from_tile t = {.m = m,
                              .m_step = m_step,
                              .bias = (const float *)c->bias + block * IG_BLOCK,
                              .y = (float *)c->y + at,
                              .add = c->add ? (const float *)c->add + at : NULL,
                              .row = row,
                              .rows = ig_min_size(OUT, (size_t)(w->out[0] - y)),
                              .cols = ig_min_size(OUT, (size_t)(w->out[1] - x)),
                              .min = c->min,
                              .max = c->max};
    c->tiles->from_tile(&t);
    for (size_t r = 0; c->post && r < t.rows; r++) c->post(c->post_arg, t.y + r * row, t.cols * IG_BLOCK);
}

/* Position by position: n transformed tiles times the filters of some blocks. */
static void multiply(const job *j, const float *v, float *m, size_t n, size_t first, size_t blocks) {
    static const float zeros[IG_BLOCKED_BLOCKS * IG_BLOCK];
    const ig_blocked_conv *c = j->c;
    size_t most = c->tiles->most[blocks], parts = (n - 1) / most + 1, filter = c->channels * IG_BLOCK;
    ig_blocked_tile t = {.pixel = IG_BLOCK * sizeof(float),
                         .blocks = j->x_blocks,
                         .block = j->some * IG_BLOCK * sizeof(float),
                         .depth = IG_BLOCK,
                         .last = c->channels - (j->x_blocks - 1) * IG_BLOCK,
                         .rows = 1,
                         .cols = 1,
                         .filter = filter * sizeof(float),
                         .y_block = j->some * IG_BLOCK * sizeof(float),
                         .bias = zeros,
                         .min = -INFINITY,
                         .max = INFINITY};
    for (size_t p = 0; p < POSITIONS; p++) {
        t.w = (const char *)((const float *)c->packed + (p * j->y_blocks + first) * filter);
        for (size_t i = 0; i < parts; i++) {
            size_t begin = ig_part_begin(n, parts, i), rows = ig_part_begin(n, parts, i + 1) - begin;
            t.x = (const char *)(v + (p * j->x_blocks * j->some + begin) * IG_BLOCK);
            t.y = (char *)(m + (p * j->group * j->some + begin) * IG_BLOCK);
            c->tiles->tile[blocks][rows](&t);
        }
    }
}

static void run_task(void *arg, size_t worker, size_t task) {
    const job *j = arg;
    float *v = j->rooms + worker * (j->v_floats + j->m_floats), *m = v + j->v_floats;
    size_t first = task * j->some, n = ig_min_size(j->some, j->tiles - first);
    for (size_t i = 0; i < n; i++)
        transform_in(j, first + i, v + i * IG_BLOCK, j->x_blocks * j->some * IG_BLOCK, j->some * IG_BLOCK);
    for (size_t b = 0; b < j->y_blocks; b += j->group) {
        size_t blocks = ig_min_size(j->group, j->y_blocks - b);
        multiply(j, v, m, n, b, blocks);
        for (size_t k = 0; k < blocks; k++)
            for (size_t i = 0; i < n; i++)
                transform_out(j, first + i, m + (k * j->some + i) * IG_BLOCK, j->group * j->some * IG_BLOCK, b + k);
    }
}

void ig_winograd_run(ig_threads *threads, const ig_blocked_conv *c, void *scratch) {
    job j = job_of(c, ig_threads_count(threads));
    j.rooms = scratch;
    ig_parallel_items(threads, j.tasks, run_task, &j);
}
