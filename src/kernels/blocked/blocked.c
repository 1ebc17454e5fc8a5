/* Drives the tiles over blocked tensors: pads what windows reach over the edge, cuts rows of the result into tiles, and lets
 * each task walk down the places of some blocks of filters, whose weights stay in the caches. */
#include "kernels/blocked/blocked.h"

#include "kernels/blocked/winograd.h"
#include "kernels/gemm/pack.h"

bool ig_blocked_is_depthwise(size_t groups, size_t channels, size_t filters) {
    return groups > 1 && channels == 1 && filters == 1;
}

bool ig_blocked_fits(size_t groups, size_t channels, size_t filters) {
    if (ig_blocked_is_depthwise(groups, channels, filters)) return groups % IG_BLOCK == 0; /* every channel is a group */
    return groups == 1 || (channels % IG_BLOCK == 0 && filters % IG_BLOCK == 0);
}

static size_t unit_of(const ig_blocked_conv *c, size_t channels) { return c->bytes ? (channels + 3) / 4 : channels; }

/* Units of one filter, all taps. */
static bool units_of(const ig_blocked_conv *c, size_t *units) {
    size_t taps;
    return !ig_mul_overflows((size_t)c->window.kernel[0], (size_t)c->window.kernel[1], &taps) &&
           !ig_mul_overflows(taps, unit_of(c, c->channels), units);
}

/* The same where they have been looked at. */
static size_t known_units(const ig_blocked_conv *c) {
    return (size_t)(c->window.kernel[0] * c->window.kernel[1]) * unit_of(c, c->channels);
}

bool ig_blocked_packed(const ig_blocked_conv *c, size_t *bytes) {
    size_t units = 0;
    if (c->winograd) return ig_winograd_packed(c, bytes);
    if (!units_of(c, &units)) return false;
    bool single = ig_blocked_is_depthwise(c->groups, c->channels, c->filters);
    size_t blocks = single ? ig_blocks(c->groups) : c->groups * ig_blocks(c->filters);
    return !ig_mul_overflows(units, blocks, bytes) && *bytes < SIZE_MAX / 128 && !ig_mul_overflows(*bytes, 64, bytes);
}

/* Element (filter, channel, tap) of the weights into its place in a block. */
static void pack_element(const ig_blocked_conv *c, const char *w, size_t from, char *to, size_t lane, size_t channel) {
    if (!c->bytes)
        memcpy(to + channel * 64 + lane * 4, w + from * 4, 4);
    else
        to[channel / 4 * 64 + lane * 4 + channel % 4] = w[from];
}

static void pack_depthwise(const ig_blocked_conv *c, const char *w, char *out) {
    size_t taps = (size_t)(c->window.kernel[0] * c->window.kernel[1]);
    for (size_t g = 0; g < c->groups; g++)
        for (size_t t = 0; t < taps; t++) {
            char *to = out + (g / IG_BLOCK * taps + t) * 64 + g % IG_BLOCK * 4;
            int32_t value = (int8_t)w[g * taps + t];
            if (c->bytes)
                memcpy(to, &value, sizeof value);
            else
                memcpy(to, w + (g * taps + t) * 4, 4);
        }
}

void ig_blocked_pack(const ig_blocked_conv *c, const void *weights, void *packed) {
    size_t bytes, taps = (size_t)(c->window.kernel[0] * c->window.kernel[1]), units = known_units(c);
    const char *w = weights;
    char *out = packed;
    if (c->winograd) {
        ig_winograd_pack(c, w, out);
        return;
    }
    ig_blocked_packed(c, &bytes);
    memset(out, 0, bytes);
    if (ig_blocked_is_depthwise(c->groups, c->channels, c->filters)) {
        pack_depthwise(c, w, out);
        return;
    }
    size_t filter_blocks = ig_blocks(c->filters), blocks = ig_blocks(c->channels);
    for (size_t f = 0; f < c->groups * c->filters; f++) {
        size_t own = f % c->filters;
        char *to = out + (f / c->filters * filter_blocks + own / IG_BLOCK) * units * 64;
        for (size_t b = 0; b < blocks; b++) {
            size_t n = ig_min_size(IG_BLOCK, c->channels - b * IG_BLOCK);
            for (size_t t = 0; t < taps; t++, to += unit_of(c, n) * 64)
                for (size_t i = 0; i < n; i++)
                    pack_element(c, w, (f * c->channels + b * IG_BLOCK + i) * taps + t, to, own % IG_BLOCK, i);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------------------ plan */

typedef struct job {
    const ig_blocked_conv *c;
    size_t element, place;              /* bytes of an element, of a place of x */
    size_t out_place;                   /* of y */
    size_t x_blocks, y_blocks;          /* of an image */
    bool pad;                           /* windows reach over the edge */
    int64_t rows, cols;                 /* of what is read: the padded plane or x itself */
    const char *x;                      /* what is read */
    size_t lines, line;                 /* of the result, and places of one */
    size_t filter_blocks, group_blocks; /* of one group: filters; blocks of filters that a task takes */
    size_t tile_rows, line_tiles, parts;
    size_t room; /* of a worker, bytes */
    char *rooms;
} job;

static job job_of(const ig_blocked_conv *c) {
    const ig_window *w = &c->window;
    job j = {.c = c, .element = c->bytes ? 1 : sizeof(float), .lines = (size_t)w->out[0], .line = (size_t)w->out[1]};
    j.place = c->x_width * j.element;
    j.out_place = IG_BLOCK * j.element;
    j.x_blocks = ig_blocks(c->groups * c->channels);
    j.y_blocks = ig_blocks(c->groups * c->filters);
    j.rows = w->in[0], j.cols = w->in[1];
    int64_t reach[2];
    for (int k = 0; k < 2; k++) {
        reach[k] = (w->out[k] - 1) * w->stride[k] + (w->kernel[k] - 1) * w->dilation[k] + 1;
        j.pad |= w->begin[k] != 0 || reach[k] > w->in[k];
    }
    if (j.pad) j.rows = reach[0], j.cols = reach[1];
    j.x = c->x;
    return j;
}

/* Points of a plane are places of one long line. */
static bool is_points(const job *j) {
    const ig_window *w = &j->c->window;
    return !j->pad && w->kernel[0] == 1 && w->kernel[1] == 1 && w->stride[0] == 1 && w->stride[1] == 1;
}

/* The tile that keeps most sums at work for lines of this length: few sums wait for each other, and read more than they
 * compute. */
static void choose_tile(job *j) {
    const ig_blocked *t = j->c->tiles;
    double best = 0;
    for (size_t b = 1; b <= IG_BLOCKED_BLOCKS; b++) {
        if (!t->most[b] || (b > 1 && b > j->filter_blocks)) continue;
        size_t tiles = (j->line - 1) / t->most[b] + 1;
        double score = (double)j->line / (double)tiles * (double)b;
        if (score <= best) continue;
        best = score;
        j->group_blocks = b;
        j->line_tiles = tiles;
        j->tile_rows = (j->line - 1) / tiles + 1;
    }
}

static void cut(job *j, size_t threads) {
    const ig_blocked_conv *c = j->c;
    size_t tasks = c->images * c->groups * ((j->filter_blocks - 1) / j->group_blocks + 1), tiles = j->lines * j->line_tiles;
    j->parts = 1;
    double work =
        (double)tasks * (double)j->group_blocks * (double)j->lines * (double)j->line * (double)known_units(c) * IG_BLOCK;
    if (threads == 1 || work < 1 << 16) return;
    size_t wanted = ig_min_size(4 * threads, (size_t)(work / (1 << 15)) + 1);
    if (tasks < wanted) j->parts = ig_min_size((wanted - 1) / tasks + 1, tiles);
}

/* --------------------------------------------------------------------------------------------------------------- padding */

static void fill(const job *j, char *to, size_t bytes) {
    if (j->c->bytes)
        memset(to, j->c->fill, bytes);
    else if (j->c->float_fill == 0)
        memset(to, 0, bytes);
    else
        for (size_t i = 0; i < bytes / sizeof(float); i++) ((float *)to)[i] = j->c->float_fill;
}

/* One row of a padded plane. */
static void pad_row(const job *j, const char *plane, int64_t row, char *to) {
    const ig_window *w = &j->c->window;
    int64_t from = row - w->begin[0], first, end;
    size_t all = (size_t)j->cols * j->place;
    ig_window_inside(-w->begin[1], 1, w->in[1], j->cols, &first, &end);
    if (from < 0 || from >= w->in[0] || first == end) {
        fill(j, to, all);
        return;
    }
    fill(j, to, (size_t)first * j->place);
    memcpy(to + (size_t)first * j->place, plane + (size_t)(from * w->in[1] + first - w->begin[1]) * j->place,
           (size_t)(end - first) * j->place);
    fill(j, to + (size_t)end * j->place, all - (size_t)end * j->place);
}

typedef struct padding {
    const job *j;
    char *out;
} padding;

static void pad_rows(void *arg, size_t begin, size_t end) {
    const padding *p = arg;
    const job *j = p->j;
    size_t plane = (size_t)(j->c->window.in[0] * j->c->window.in[1]) * j->place, row = (size_t)j->cols * j->place;
    for (size_t i = begin; i < end; i++)
        pad_row(j, (const char *)j->c->x + i / (size_t)j->rows * plane, (int64_t)(i % (size_t)j->rows), p->out + i * row);
}

/* ------------------------------------------------------------------------------------------------------------- convolution */

static ig_blocked_tile tile_of(const job *j) {
    const ig_blocked_conv *c = j->c;
    const ig_window *w = &c->window;
    size_t blocks = ig_blocks(c->channels), width = c->x_width;
    return (ig_blocked_tile){.pixel = (size_t)w->stride[1] * j->place,
                             .blocks = blocks,
                             .block = (size_t)(j->rows * j->cols) * j->place,
                             .depth = unit_of(c, width),
                             .last = unit_of(c, c->channels - (blocks - 1) * IG_BLOCK),
                             .rows = (size_t)w->kernel[0],
                             .row = (size_t)(w->dilation[0] * j->cols) * j->place,
                             .cols = (size_t)w->kernel[1],
                             .col = (size_t)w->dilation[1] * j->place,
                             .y_block = (size_t)(w->out[0] * w->out[1]) * j->out_place,
                             .min = c->min,
                             .max = c->max,
                             .zero = c->zero,
                             .is_signed = c->is_signed};
}

/* One tile for `blocks` blocks of filters, in as many calls as there are tiles for. */
static void run_tile(const job *j, ig_blocked_tile t, size_t rows, size_t blocks) {
    const ig_blocked_conv *c = j->c;
    while (blocks) {
        size_t some = blocks >= j->group_blocks ? j->group_blocks : blocks;
        while (!c->tiles->tile[some][rows]) some--;
        c->tiles->tile[some][rows](&t);
        for (size_t b = 0; c->post && b < some; b++) c->post(c->post_arg, (float *)(t.y + b * t.y_block), rows * IG_BLOCK);
        blocks -= some;
        t.w += some * t.filter;
        t.y += some * t.y_block;
        if (t.add) t.add += some * t.y_block;
        t.bias = (const float *)t.bias + some * IG_BLOCK; /* int32 has the same size */
        if (t.scale) t.scale += some * IG_BLOCK;
    }
}

static void run_task(void *arg, size_t worker, size_t task) {
    IG_UNUSED(worker);
    const job *j = arg;
    const ig_blocked_conv *c = j->c;
    size_t part = task % j->parts, steps = (j->filter_blocks - 1) / j->group_blocks + 1, tiles = j->lines * j->line_tiles;
    task /= j->parts;
    size_t first = task % steps * j->group_blocks, blocks = ig_min_size(j->group_blocks, j->filter_blocks - first);
    size_t group = task / steps % c->groups, image = task / steps / c->groups;
    ig_blocked_tile t = tile_of(j);
    size_t y_block = group * j->filter_blocks + first;
    t.filter = known_units(c) * 64;
    t.w = (const char *)c->packed + y_block * t.filter;
    t.bias = (const float *)c->bias + y_block * IG_BLOCK;
    if (c->scale) t.scale = c->scale + y_block * IG_BLOCK;
    const char *x = j->x + (image * j->x_blocks + group * (c->channels / IG_BLOCK)) * t.block;
    size_t y = (image * j->y_blocks + y_block) * t.y_block;
    for (size_t i = ig_part_begin(tiles, j->parts, part); i < ig_part_begin(tiles, j->parts, part + 1); i++) {
        size_t line = i / j->line_tiles, piece = i % j->line_tiles, begin = ig_part_begin(j->line, j->line_tiles, piece);
        size_t rows = ig_part_begin(j->line, j->line_tiles, piece + 1) - begin,
               at = y + (line * j->line + begin) * j->out_place;
        t.x = x + line * (size_t)(c->window.stride[0] * j->cols) * j->place + begin * t.pixel;
        t.y = (char *)c->y + at;
        t.add = c->add ? (const char *)c->add + at : NULL;
        run_tile(j, t, rows, blocks);
    }
}

/* ------------------------------------------------------------------------------------- one channel to one: depthwise, pools */

enum { ROOM = 1 << 16, LINES = 8 }; /* bytes of padded rows that a worker likes */

/* Lines of the result that a task takes at once, and the rows that they read. */
static size_t some_lines(const job *j, size_t *rows) {
    const ig_window *w = &j->c->window;
    size_t row = (size_t)j->cols * j->place, least = (size_t)((w->kernel[0] - 1) * w->dilation[0] + 1);
    size_t fit = ig_max_size(ROOM / ig_max_size(row, 1), least), lines = (fit - least) / (size_t)w->stride[0] + 1;
    lines = ig_min_size(ig_max_size(lines, LINES), (size_t)w->out[0]);
    *rows = (lines - 1) * (size_t)w->stride[0] + least;
    return lines;
}

typedef struct single {
    job j;
    bool max;
    size_t some, parts; /* lines of a task, tasks of a plane */
} single;

static void run_single(void *arg, size_t worker, size_t task) {
    const single *s = arg;
    const job *j = &s->j;
    const ig_blocked_conv *c = j->c;
    const ig_window *w = &c->window;
    size_t plane = task / s->parts, line = task % s->parts * s->some, end = ig_min_size(line + s->some, (size_t)w->out[0]);
    size_t block = plane % j->y_blocks, row = (size_t)j->cols * j->place;
    ig_blocked_tile t = tile_of(j);
    const char *x = (const char *)c->x + plane * (size_t)(w->in[0] * w->in[1]) * j->place;
    if (j->pad) {
        char *room = j->rooms + worker * j->room;
        size_t rows = (end - line - 1) * (size_t)w->stride[0] + (size_t)((w->kernel[0] - 1) * w->dilation[0] + 1);
        for (size_t r = 0; r < rows; r++) pad_row(j, x, (int64_t)(line * (size_t)w->stride[0] + r), room + r * row);
        x = room;
    } else
        x += line * (size_t)w->stride[0] * row;
    if (!s->max) {
        t.w = (const char *)c->packed + block * t.rows * t.cols * 64;
        t.bias = (const float *)c->bias + block * IG_BLOCK;
        if (c->scale) t.scale = c->scale + block * IG_BLOCK;
    }
    for (size_t i = line; i < end; i++) {
        size_t at = plane * t.y_block + i * j->line * j->out_place;
        t.x = x + (i - line) * (size_t)w->stride[0] * row;
        t.y = (char *)c->y + at;
        t.add = c->add && !s->max ? (const char *)c->add + at : NULL;
        (s->max ? c->tiles->max : c->tiles->depthwise)(&t, j->line);
    }
    if (!s->max && c->post)
        c->post(c->post_arg, (float *)((char *)c->y + plane * t.y_block) + line * j->line * IG_BLOCK,
                (end - line) * j->line * IG_BLOCK);
}

static single single_of(const ig_blocked_conv *c, bool max) {
    single s = {.j = job_of(c), .max = max};
    size_t rows;
    s.some = some_lines(&s.j, &rows);
    s.parts = ((size_t)c->window.out[0] - 1) / s.some + 1;
    if (s.j.pad) s.j.room = ig_round_up(rows * (size_t)s.j.cols * s.j.place, 64);
    return s;
}

static void run_singles(ig_threads *threads, const ig_blocked_conv *c, bool max, void *scratch) {
    single s = single_of(c, max);
    s.j.rooms = scratch;
    ig_parallel_items(threads, c->images * s.j.y_blocks * s.parts, run_single, &s);
}

static bool singles_scratch(const ig_threads *threads, const ig_blocked_conv *c, bool max, size_t *bytes) {
    job j = job_of(c);
    size_t row;
    if (ig_mul_overflows((size_t)j.rows, (size_t)j.cols, &row) || row > SIZE_MAX / 4096) return false;
    return !ig_mul_overflows(single_of(c, max).j.room, ig_threads_count(threads), bytes);
}

bool ig_blocked_max_scratch(const ig_threads *threads, const ig_blocked_conv *c, size_t *bytes) {
    return singles_scratch(threads, c, true, bytes);
}

void ig_blocked_max(ig_threads *threads, const ig_blocked_conv *c, void *scratch) { run_singles(threads, c, true, scratch); }

/* ------------------------------------------------------------------------------------------------------------------- run */

bool ig_blocked_scratch(const ig_threads *threads, const ig_blocked_conv *c, size_t *bytes) {
    if (c->winograd) return ig_winograd_scratch(threads, c, bytes);
    if (ig_blocked_is_depthwise(c->groups, c->channels, c->filters)) return singles_scratch(threads, c, false, bytes);
    job j = job_of(c);
    size_t plane;
    *bytes = 0;
    if (!j.pad) return true;
    return !ig_mul_overflows((size_t)j.rows, (size_t)j.cols, &plane) && !ig_mul_overflows(plane, j.place, &plane) &&
           !ig_mul_overflows(plane, c->images * j.x_blocks, bytes);
}

void ig_blocked_run(ig_threads *threads, const ig_blocked_conv *c, void *scratch) {
    if (c->images == 0 || c->window.out[0] <= 0 || c->window.out[1] <= 0 || c->filters == 0) return;
    if (c->winograd) {
        ig_winograd_run(threads, c, scratch);
        return;
    }
    if (ig_blocked_is_depthwise(c->groups, c->channels, c->filters)) {
        run_singles(threads, c, false, scratch);
        return;
    }
    job j = job_of(c);
    if (j.pad) {
        padding p = {&j, scratch};
        ig_parallel(threads, c->images * j.x_blocks * (size_t)j.rows, 1 + 16384 / ((size_t)j.cols * j.place), pad_rows, &p);
        j.x = scratch;
    }
    if (is_points(&j)) {
        j.line *= j.lines;
        j.lines = 1;
    }
    j.filter_blocks = ig_blocks(c->filters);
    choose_tile(&j);
    cut(&j, ig_threads_count(threads));
    size_t steps = (j.filter_blocks - 1) / j.group_blocks + 1;
    ig_parallel_items(threads, c->images * c->groups * steps * j.parts, run_task, &j);
}
