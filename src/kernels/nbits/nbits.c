#include "kernels/nbits/nbits.h"

/* With more rows than this it pays to make floats of the numbers, once, for the float product. */
enum { FEW_ROWS = 12, SMALL = 1 << 15 };

static size_t word_steps(const ig_nbits *w) { return 32 / w->bits; }
static unsigned kind_of(const ig_nbits *w) { return w->bits == 2 ? 1 : w->bits == 4 ? 2 : 3; }
static size_t panels_of(const ig_kernels *kernels, const ig_nbits *w) {
    size_t lanes = kernels->nbits->lanes;
    return w->n / lanes + (w->n % lanes != 0);
}

/* ----------------------------------------------------------------------------------------------------------------- packing */

typedef struct sizes {
    size_t words, scales, bytes; /* of the whole matrix, rounded so that the parts stay aligned */
} sizes;

static bool sizes_of(const ig_kernels *kernels, ig_nbits *w, sizes *s) {
    w->blocks = w->k / w->block + (w->k % w->block != 0);
    size_t lanes, steps, bytes, more;
    if (ig_mul_overflows(panels_of(kernels, w), kernels->nbits->lanes, &lanes) ||
        ig_mul_overflows(lanes, w->blocks, &s->scales) || ig_mul_overflows(s->scales, w->block / word_steps(w), &s->words) ||
        ig_add_overflows(s->scales, 15, &steps) || ig_add_overflows(s->words, 15, &steps))
        return false;
    s->scales = ig_round_up(s->scales, 16);
    s->words = ig_round_up(s->words, 16);
    if (ig_mul_overflows(s->scales, w->zeros ? 2 : 1, &more) || ig_add_overflows(s->words, more, &more) ||
        ig_mul_overflows(more, sizeof(float), &bytes))
        return false;
    s->bytes = bytes;
    return true;
}

bool ig_nbits_bytes(const ig_kernels *kernels, ig_nbits *w, size_t *bytes) {
    sizes s;
    if (!sizes_of(kernels, w, &s)) return false;
    *bytes = s.bytes;
    return true;
}

size_t ig_nbits_pack_scratch(const ig_threads *threads, const ig_nbits *w) {
    return ig_threads_count(threads) * ig_round_up(w->block, 64);
}

typedef struct packing {
    const ig_nbits *w;
    size_t lanes, panels;
    uint8_t *scratch;
    ig_nbits_block_fn block;
    const void *arg;
} packing;

static void pack_block(const packing *p, size_t panel, size_t lane, size_t b, uint8_t *numbers) {
    const ig_nbits *w = p->w;
    size_t column = panel * p->lanes + lane, at = (panel * w->blocks + b) * p->lanes + lane;
    size_t steps = word_steps(w), words = w->block / steps;
    uint32_t *out = w->data + (panel * w->blocks + b) * words * p->lanes + lane;
    float scale = 0, zero = (float)(1u << (w->bits - 1)), center = zero;
    if (column < w->n)
        p->block(p->arg, column, b, numbers, &scale, &zero);
    else
        memset(numbers, 0, w->block);
    if (w->k - b * w->block < w->block) memset(numbers + (w->k - b * w->block), 0, w->block - (w->k - b * w->block));
    for (size_t i = 0; i < words; i++, numbers += steps) {
        uint32_t x = 0;
        for (size_t s = 0; s < steps; s++) x |= (uint32_t)numbers[s] << (8 * (s % 4) + s / 4 * w->bits);
        out[i * p->lanes] = x;
    }
    w->scales[at] = scale;
    if (w->shifts) w->shifts[at] = center - zero;
}

static void pack_panel(void *arg, size_t worker, size_t panel) {
    const packing *p = arg;
    uint8_t *numbers = p->scratch + worker * ig_round_up(p->w->block, 64);
    for (size_t lane = 0; lane < p->lanes; lane++)
        for (size_t b = 0; b < p->w->blocks; b++) pack_block(p, panel, lane, b, numbers);
}

void ig_nbits_pack(const ig_kernels *kernels, ig_threads *threads, ig_nbits *w, void *memory, void *scratch,
                   ig_nbits_block_fn block, const void *arg) {
    sizes s;
    if (!sizes_of(kernels, w, &s)) return;
    w->scales = memory;
    w->shifts = w->zeros ? w->scales + s.scales : NULL;
    w->data = (uint32_t *)(void *)(w->scales + s.scales * (w->zeros ? 2 : 1));
    uint32_t mask = w->bits == 2 ? 3 : 15;
    for (uint32_t i = 0; i < 16; i++) w->numbers[i] = w->table ? w->table[i] : (float)(i & mask) - (float)(1u << (w->bits - 1));
    packing p = {w, kernels->nbits->lanes, panels_of(kernels, w), scratch, block, arg};
    ig_parallel_items(threads, p.panels, pack_panel, &p);
}

/* ---------------------------------------------------------------------------------------------------------------- products */

typedef struct job {
    const ig_nbits_loops *loops;
    const ig_nbits *w;
    const ig_nbits_product *p;
    unsigned kind;
    bool whole;
    size_t a_step;
    const float *a, *sums, *a_scales;
    const int8_t *a_whole;
} job;

typedef enum way { FLOATS, WHOLE, EXPANDED } way;

static way way_of(const ig_kernels *kernels, const ig_nbits *w, const ig_nbits_product *p) {
    if (p->whole && !w->table && kernels->nbits->whole[kind_of(w)][1]) return WHOLE;
    return p->m > FEW_ROWS ? EXPANDED : FLOATS;
}

static ig_gemm expanded(const ig_nbits *w, const ig_nbits_product *p) {
    ig_gemm g = ig_gemm_of(p->m, w->n, w->k);
    g.a = p->a;
    g.c = p->c;
    g.bias_cols = p->bias;
    return g;
}

static ig_nbits_tile tile_of(const job *j, size_t panel) {
    const ig_nbits *w = j->w;
    size_t words = w->block / word_steps(w), lanes = j->loops->lanes, at = panel * w->blocks * lanes;
    return (ig_nbits_tile){.blocks = w->blocks,
                           .words = words,
                           .data = w->data + at * words,
                           .scales = w->scales + at,
                           .shifts = w->shifts ? w->shifts + at : NULL,
                           .table = w->numbers,
                           .center = (float)(1u << (w->bits - 1)),
                           .a_step = j->a_step};
}

static void source(const void *arg, size_t k0, size_t kn, size_t n0, size_t nn, size_t width, float *out) {
    const job *j = arg;
    size_t lanes = j->loops->lanes;
    for (size_t i = 0; i < width; i += lanes) {
        if (i < nn) {
            ig_nbits_tile t = tile_of(j, (n0 + i) / lanes);
            j->loops->expand[j->kind](&t, k0, kn, width, out + i);
        } else {
            for (size_t k = 0; k < kn; k++) memset(out + k * width + i, 0, lanes * sizeof *out);
        }
    }
}

bool ig_nbits_scratch(const ig_kernels *kernels, const ig_threads *threads, const ig_nbits *w, const ig_nbits_product *p,
                      size_t *bytes) {
    way how = way_of(kernels, w, p);
    size_t steps, entries;
    if (how == EXPANDED) {
        ig_gemm g = expanded(w, p);
        g.source = source;
        *bytes = ig_gemm_scratch(kernels, threads, &g);
        return true;
    }
    if (ig_mul_overflows(w->blocks, p->m, &entries) || ig_mul_overflows(entries, w->block, &steps) ||
        ig_mul_overflows(steps, sizeof(float), &steps) || ig_mul_overflows(entries, 2 * sizeof(float), &entries) ||
        ig_add_overflows(steps, entries, bytes) || ig_add_overflows(*bytes, 128, bytes))
        return false;
    return true;
}

/* Rows of A with the sums, or as whole numbers with their scales and sums, of their blocks. */
typedef struct reading {
    const ig_nbits_loops *loops;
    const ig_nbits *w;
    const float *a;
    float *floats; /* NULL: A is used where it is */
    int8_t *whole;
    float *sums, *scales;
} reading;

static void read_rows(void *arg, size_t begin, size_t end) {
    const reading *r = arg;
    const ig_nbits *w = r->w;
    size_t step = w->blocks * w->block;
    for (size_t row = begin; row < end; row++) {
        const float *a = r->a + row * w->k;
        for (size_t b = 0; b < w->blocks; b++) {
            size_t i = row * w->blocks + b, n = ig_min_size(w->block, w->k - b * w->block);
            const float *x = a + b * w->block;
            if (r->floats && !r->whole) {
                float *to = r->floats + row * step + b * w->block;
                memcpy(to, x, n * sizeof *to);
                memset(to + n, 0, (w->block - n) * sizeof *to);
            }
            if (r->whole) {
                int8_t *q = r->whole + row * step + b * w->block;
                r->sums[i] = r->loops->quantize(x, n, q, &r->scales[i]);
                memset(q + n, 0, w->block - n);
                continue;
            }
            float sum = 0;
            for (size_t s = 0; w->shifts && s < n; s++) sum += x[s];
            r->sums[i] = sum;
        }
    }
}

static void run_panels(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    const ig_nbits *w = j->w;
    size_t most = j->whole ? j->loops->whole_rows : j->loops->rows, lanes = j->loops->lanes;
    const ig_nbits_tile_fn *tiles = j->whole ? j->loops->whole[j->kind] : j->loops->tile[j->kind];
    for (size_t panel = begin; panel < end; panel++) {
        ig_nbits_tile t = tile_of(j, panel);
        size_t col = panel * lanes;
        t.cols = ig_min_size(lanes, w->n - col);
        t.bias = j->p->bias ? j->p->bias + col : NULL;
        t.c_step = w->n;
        for (size_t row = 0; row < j->p->m; row += most) {
            t.a = j->a ? j->a + row * j->a_step : NULL;
            t.a_whole = j->a_whole ? j->a_whole + row * j->a_step : NULL;
            t.sums = j->sums + row * w->blocks;
            t.a_scales = j->a_scales ? j->a_scales + row * w->blocks : NULL;
            t.c = j->p->c + row * w->n + col;
            tiles[ig_min_size(most, j->p->m - row)](&t);
        }
    }
}

void ig_nbits_run(const ig_kernels *kernels, ig_threads *threads, const ig_nbits *w, const ig_nbits_product *p, void *scratch) {
    if (p->m == 0 || w->n == 0) return;
    way how = way_of(kernels, w, p);
    job j = {.loops = kernels->nbits, .w = w, .p = p, .kind = kind_of(w), .whole = how == WHOLE};
    if (how == EXPANDED) {
        ig_gemm g = expanded(w, p);
        g.source = source;
        g.source_arg = &j;
        ig_gemm_run(kernels, threads, &g, 1, scratch);
        return;
    }
    size_t entries = w->blocks * p->m;
    reading r = {kernels->nbits, w, p->a, NULL, NULL, scratch, NULL};
    char *room = (char *)scratch + ig_round_up(entries * sizeof(float), 64);
    if (how == WHOLE) {
        r.scales = (float *)(void *)room;
        r.whole = (int8_t *)room + ig_round_up(entries * sizeof(float), 64);
    } else if (w->k != w->blocks * w->block) {
        r.floats = (float *)(void *)room;
    }
    ig_parallel(threads, p->m, 1 + SMALL / (w->k + 1), read_rows, &r);
    j.a = r.floats ? r.floats : p->a;
    j.a_step = r.floats || r.whole ? w->blocks * w->block : w->k;
    j.a_whole = r.whole;
    j.sums = r.sums;
    j.a_scales = r.scales;
    size_t lanes = kernels->nbits->lanes;
    ig_parallel(threads, panels_of(kernels, w), 1 + SMALL / (w->k * lanes * p->m + 1), run_panels, &j);
}
