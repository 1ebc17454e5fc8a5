#include "ops/attention/core.h"

#include "kernels/gemm/gemm.h"
#include "ops/loops/map.h"
#include "ops/loops/real.h"

/* Query heads that share a head of keys are taken together as rows when they lie at even distances; `group` is how many heads a
 * block's rows come from. */
typedef struct work {
    const ig_attention *a;
    const ig_kernels *kernels;
    size_t group, row_blocks, block_rows;
    size_t q_row, y_row; /* elements between rows of a block */
    size_t scores_bytes, room;
    char *rooms;
} work;

/* Rows [first, last) of the queries that belong together, against keys [low, high). */
typedef struct block {
    size_t text, kv_head, head, first, last, low, high;
} block;

static void query_of(const ig_attention *a, const block *b, size_t r, size_t *head, size_t *i) {
    *head = b->head + (b->first + r) / a->q_len;
    *i = (b->first + r) % a->q_len;
}

/* Keys [*low, *high) that query i of a text sees. */
static void visible(const ig_attention *a, size_t text, size_t i, size_t *low, size_t *high) {
    int64_t n = (int64_t)a->kv_len, first = 0, last = n, at = (int64_t)i + (a->offset ? a->offset[text] : 0);
    if (a->valid) last = ig_min_i64(last, a->valid[text]);
    if (a->causal) last = ig_min_i64(last, at + 1);
    if (a->right >= 0) last = ig_min_i64(last, at + a->right + 1);
    if (a->left >= 0) first = ig_max_i64(first, at - a->left);
    last = ig_clamp_i64(last, 0, n);
    *low = (size_t)ig_clamp_i64(first, 0, last);
    *high = (size_t)last;
}

static float sum_f32(const float *x, size_t n) {
    float part[16] = {0}, sum = 0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t k = 0; k < 16; k++) part[k] += x[i + k];
    for (; i < n; i++) sum += x[i];
    for (size_t k = 0; k < 16; k++) sum += part[k];
    return sum;
}

static double sum_f64(const double *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

#define REAL    float
#define NAME(x) x##_f32
#include "ops/attention/loop.h"
#undef REAL
#undef NAME
#define REAL    double
#define NAME(x) x##_f64
#include "ops/attention/loop.h"

static void product_f32(const work *j, size_t m, size_t n, size_t k, double scale, const float *a, size_t a_row, const float *b,
                        size_t b_row, size_t b_col, float *out, size_t out_row, void *scratch) {
    ig_gemm g = ig_gemm_of(m, n, k);
    g.a = a, g.a_row = a_row, g.b = b, g.b_row = b_row, g.b_col = b_col, g.c = out, g.c_row = out_row;
    g.alpha = (float)scale;
    ig_gemm_run(j->kernels, NULL, &g, 1, scratch);
}

static void product_f64(const work *j, size_t m, size_t n, size_t k, double scale, const double *a, size_t a_row,
                        const double *b, size_t b_row, size_t b_col, double *out, size_t out_row, void *scratch) {
    IG_UNUSED(j);
    IG_UNUSED(scratch);
    for (size_t i = 0; i < m; i++) {
        memset(out + i * out_row, 0, n * sizeof *out);
        for (size_t p = 0; p < k; p++)
            for (size_t q = 0; q < n; q++) out[i * out_row + q] += scale * a[i * a_row + p] * b[p * b_row + q * b_col];
    }
}

/* Keys that any query of the block sees; all when somebody wants the scores. */
static void see(const ig_attention *a, block *b) {
    b->low = a->kv_len, b->high = 0;
    for (size_t r = 0; r < b->last - b->first && r < a->q_len; r++) {
        size_t head, i, low, high;
        query_of(a, b, r, &head, &i);
        visible(a, b->text, i, &low, &high);
        if (low >= high) continue;
        b->low = ig_min_size(b->low, low);
        b->high = ig_max_size(b->high, high);
    }
    if (b->low > b->high) b->low = b->high = 0;
    if (a->scores) b->low = 0, b->high = a->kv_len;
}

static void run_item(void *arg, size_t worker, size_t item) {
    const work *j = arg;
    const ig_attention *a = j->a;
    size_t groups = a->heads / a->kv_heads / j->group, rows = j->group * a->q_len;
    block b = {.first = item % j->row_blocks * j->block_rows};
    b.last = ig_min_size(b.first + j->block_rows, rows);
    item /= j->row_blocks;
    size_t unit = item % (a->kv_heads * groups);
    b.text = item / (a->kv_heads * groups);
    b.kv_head = unit / groups;
    b.head = unit * j->group;
    see(a, &b);
    if (a->type == IG_F32)
        run_block_f32(j, &b, j->rooms + worker * j->room);
    else
        run_block_f64(j, &b, j->rooms + worker * j->room);
}

enum { SCORES = 1 << 16, LEAST_ROWS = 16, MOST_ROWS = 224 }; /* scores of a block, and its rows */

static bool make_room(work *j, const ig_threads *threads) {
    const ig_attention *a = j->a;
    size_t size = ig_dtype_bytes(a->type), scratch = 0, bytes;
    if (ig_mul_overflows(j->block_rows * size, ig_max_size(a->kv_len, 1), &bytes) || bytes > SIZE_MAX / 4) return false;
    j->scores_bytes = ig_round_up(bytes, 64);
    if (a->type == IG_F32)
        scratch = ig_max_size(ig_gemm_scratch_most(j->kernels, a->kv_len, a->head),
                              ig_gemm_scratch_most(j->kernels, a->v_head, a->kv_len));
    j->room = j->scores_bytes + ig_round_up(scratch, 64);
    return !ig_mul_overflows(j->room, ig_threads_count(threads), &bytes);
}

ig_status ig_attention_run(ig_call *c, const ig_attention *a) {
    work j = {.a = a, .kernels = ig_kernels_of(c->context), .group = 1, .q_row = a->q_step.row, .y_row = a->y_step.row};
    if (a->batch == 0 || a->heads == 0 || a->q_len == 0 || a->v_head == 0) return IG_OK;
    size_t shared = a->heads / a->kv_heads;
    bool even = a->q_len == 1 || (a->q_step.head == a->q_len * a->q_step.row && a->y_step.head == a->q_len * a->y_step.row);
    if (shared > 1 && even) {
        j.group = shared;
        if (a->q_len == 1) j.q_row = a->q_step.head, j.y_row = a->y_step.head;
    }
    size_t rows = j.group * a->q_len;
    j.block_rows = ig_min_size(ig_min_size(ig_max_size(SCORES / ig_max_size(a->kv_len, 1), LEAST_ROWS), MOST_ROWS), rows);
    size_t units = a->batch * (a->heads / j.group), least = 2 * ig_threads_count(c->threads);
    if (units < least) j.block_rows = ig_min_size(j.block_rows, ig_max_size(rows * units / least + 1, LEAST_ROWS));
    j.row_blocks = (rows - 1) / j.block_rows + 1;
    if (!make_room(&j, c->threads)) return ig_oom(c->err);
    j.rooms = ig_call_scratch(c, j.room * ig_threads_count(c->threads));
    if (!j.rooms) return ig_oom(c->err);
    ig_parallel_items(c->threads, units * j.row_blocks, run_item, &j);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------------- mask */

ig_status ig_attention_mask(ig_call *c, ig_attention *a, const ig_tensor *mask) {
    const int64_t want[4] = {(int64_t)a->batch, (int64_t)a->heads, (int64_t)a->q_len, (int64_t)a->kv_len};
    int64_t dims[4] = {1, 1, 1, 1};
    if (mask->rank < 1 || mask->rank > 4) return ig_call_fail(c, "a mask of rank %d", mask->rank);
    for (int k = 0; k < mask->rank; k++) dims[4 - mask->rank + k] = mask->dims[k];
    for (int k = 0; k < 4; k++)
        if (dims[k] != want[k] && (k == 3 ? dims[k] > want[k] : dims[k] != 1))
            return ig_call_fail(c, "a mask with %lld entries along a dim of %lld", (long long)dims[k], (long long)want[k]);
    size_t keys = (size_t)dims[3], rows = (size_t)(dims[0] * dims[1] * dims[2]), size = ig_dtype_bytes(a->type);
    char *bias = ig_call_scratch(c, rows * keys * size);
    if (!bias) return ig_oom(c->err);
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < keys; k++) {
            double v = ig_load_as_f64(mask->dtype, mask->data, r * keys + k);
            ig_store_f64(a->type, bias, r * keys + k, mask->dtype != IG_BOOL ? v : v != 0 ? 0 : -INFINITY);
        }
    a->bias = bias;
    a->bias_len = keys < a->kv_len ? keys : 0;
    a->bias_step.row = dims[2] == 1 ? 0 : keys;
    a->bias_step.head = dims[1] == 1 ? 0 : (size_t)dims[2] * keys;
    a->bias_step.batch = dims[0] == 1 ? 0 : (size_t)(dims[1] * dims[2]) * keys;
    return IG_OK;
}
