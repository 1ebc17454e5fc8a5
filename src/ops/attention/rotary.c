/* RotaryEmbedding of ai.onnx and of onnxruntime, and onnxruntime's MRotaryEmbedding and GemmaRotaryEmbedding. */
#include "ops/attention/heads.h"
#include "ops/nn/reals.h"

#include <math.h>

static bool is_ms(const ig_node *node) { return node->schema->domain[0] != 0; }
static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }

static ig_status infer(ig_infer *c) {
    ig_shape x;
    if (ig_infer_shape(c, 0, &x) && x.rank != 3 && x.rank != 4)
        return ig_infer_fail(c, "the input has rank %d, not 3 or 4", x.rank);
    bool onnx = !c->node->schema->domain[0] && c->syms;
    if (onnx && ig_infer_shape(c, 0, &x) && x.rank == 3 && ig_attr_int(c->node, "num_heads") < 1)
        return ig_infer_fail(c, "inputs of rank 3 need the attribute num_heads");
    return ig_infer_same(c);
}

typedef struct rotation {
    ig_head_operand x;
    size_t dim, cached; /* rotated elements of a head; positions in the caches */
    const float *cosines, *sines;
    const int64_t *positions; /* NULL: the caches have a row for each row of the batch */
    bool each, interleaved;   /* each row has its own position, else one for the first of a text */
    float *y;
} rotation;

static size_t cache_row(const rotation *j, size_t b, size_t r) {
    if (!j->positions) return b * j->x.rows + r;
    return j->each ? (size_t)j->positions[b * j->x.rows + r] : (size_t)j->positions[0] + r;
}

static void rotate_rows(void *arg, size_t begin, size_t end) {
    const rotation *j = arg;
    for (size_t item = begin; item < end; item++) {
        size_t b = item / j->x.rows, r = item % j->x.rows, row = cache_row(j, b, r), half = j->dim / 2;
        for (size_t h = 0; h < j->x.heads; h++) {
            size_t at = b * j->x.step.batch + h * j->x.step.head + r * j->x.step.row;
            if (j->y != j->x.data) memcpy(j->y + at, (const float *)j->x.data + at, j->x.size * sizeof(float));
            ig_rotate(j->y + at, j->dim, j->cosines + row * half, j->sines + row * half, j->interleaved);
        }
    }
}

static ig_status check_positions(ig_call *c, rotation *j, const ig_tensor *positions) {
    size_t rows = j->x.batch * j->x.rows;
    j->positions = positions ? positions->data : NULL;
    j->each = positions && positions->count == rows && (positions->count != 1 || positions->rank > 1);
    if (positions && !j->each && positions->count != 1)
        return ig_call_fail(c, "%zu positions for %zu rows", positions->count, rows);
    if (!positions && j->cached != rows) return ig_call_fail(c, "the caches have %zu rows, not %zu", j->cached, rows);
    for (size_t i = 0; positions && i < positions->count; i++) {
        int64_t last = j->positions[i] + (j->each ? 0 : (int64_t)ig_max_size(j->x.rows, 1) - 1);
        if (j->positions[i] < 0 || j->positions[i] > INT32_MAX || last >= (int64_t)j->cached)
            return ig_call_fail(c, "position %lld is outside of the %zu that the caches have", (long long)j->positions[i],
                                j->cached);
    }
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_node *node = c->node;
    const ig_tensor *x = c->in[0], *positions = is_ms(node) ? c->in[1] : input(c, 3);
    const ig_tensor *cosines = c->in[is_ms(node) ? 2 : 1], *sines = c->in[is_ms(node) ? 3 : 2];
    size_t heads = (size_t)ig_max_i64(ig_attr_int(node, "num_heads"), 0),
           wanted = (size_t)ig_max_i64(ig_attr_int(node, "rotary_embedding_dim"), 0);
    const void *pc, *ps;
    void *y;
    if (cosines->rank < 2 || sines->count != cosines->count || cosines->count == 0)
        return x->count ? ig_call_fail(c, "the caches of cosines and sines don't fit each other") : IG_OK;
    size_t half = (size_t)ig_tensor_dim(cosines, -1);
    if (x->rank == 3 && heads == 0 && is_ms(node)) heads = (size_t)x->dims[2] / (wanted ? wanted : 2 * half);
    if (x->rank == 3 && (heads == 0 || (size_t)x->dims[2] % heads))
        return ig_call_fail(c, "%lld elements can't be split into %zu heads", (long long)x->dims[2], heads);
    rotation j = {
        .x = ig_head_operand_of(x, heads), .cached = cosines->count / half, .interleaved = ig_attr_int(node, "interleaved")};
    j.dim = wanted ? wanted : j.x.size;
    if (j.dim > j.x.size || j.dim / 2 != half)
        return ig_call_fail(c, "heads of %zu are rotated by %zu, the caches have %zu angles", j.x.size, j.dim, half);
    IG_TRY(check_positions(c, &j, positions));
    IG_TRY(ig_real_in(c, x, IG_F32, &j.x.data));
    IG_TRY(ig_real_in(c, cosines, IG_F32, &pc));
    IG_TRY(ig_real_in(c, sines, IG_F32, &ps));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    j.cosines = pc, j.sines = ps, j.y = y;
    ig_parallel(c->threads, j.x.batch * j.x.rows, 1 + 4096 / (j.x.heads * j.x.size + 1), rotate_rows, &j);
    ig_real_done(c, 0, IG_F32, y);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------- MRotaryEmbedding */

/* Three positions for each token: in time, of the row and of the column. Each angle is taken from one of them. */
typedef struct streams {
    rotation r;
    int64_t sections[3];
    bool spread; /* sections go round in turn, else one follows the other */
    float *room; /* cosines and sines of each token */
} streams;

static size_t stream_of(const streams *j, size_t i) {
    int64_t k = (int64_t)i;
    if (j->spread) return k % 3 == 1 && k < 3 * j->sections[1] ? 1 : k % 3 == 2 && k < 3 * j->sections[2] ? 2 : 0;
    return k < j->sections[0] ? 0 : k < j->sections[0] + j->sections[1] ? 1 : 2;
}

static void gather_angles(void *arg, size_t begin, size_t end) {
    const streams *j = arg;
    size_t half = j->r.dim / 2, tokens = j->r.x.batch * j->r.x.rows;
    for (size_t t = begin; t < end; t++)
        for (size_t i = 0; i < half; i++) {
            size_t from = (size_t)j->r.positions[stream_of(j, i) * tokens + t] * half + i;
            j->room[t * half + i] = j->r.cosines[from];
            j->room[(tokens + t) * half + i] = j->r.sines[from];
        }
}

static ig_status read_streams(ig_call *c, streams *j) {
    const ig_tensor *x = c->in[0], *positions = c->in[1], *cosines = c->in[2], *sines = c->in[3];
    size_t n, heads = (size_t)ig_max_i64(ig_attr_int(c->node, "num_heads"), 0),
              wanted = (size_t)ig_max_i64(ig_attr_int(c->node, "rotary_embedding_dim"), 0);
    if (cosines->rank != 2 || sines->count != cosines->count || cosines->count == 0)
        return ig_call_fail(c, "the caches of cosines and sines don't fit each other");
    size_t half = (size_t)cosines->dims[1];
    if (x->rank == 3 && heads == 0) heads = (size_t)x->dims[2] / (wanted ? wanted : 2 * half);
    if (x->rank == 3 && (heads == 0 || (size_t)x->dims[2] % heads))
        return ig_call_fail(c, "%lld elements can't be split into %zu heads", (long long)x->dims[2], heads);
    j->r = (rotation){.x = ig_head_operand_of(x, heads), .interleaved = ig_attr_int(c->node, "interleaved"), .each = true};
    j->r.dim = wanted ? wanted : j->r.x.size;
    if (j->r.dim > j->r.x.size || j->r.dim / 2 != half)
        return ig_call_fail(c, "heads of %zu are rotated by %zu, the caches have %zu angles", j->r.x.size, j->r.dim, half);
    const int64_t *sections = ig_attr_ints(c->node, "mrope_section", &n);
    int64_t sum = 0;
    for (size_t i = 0; i < 3 && n == 3; i++) {
        j->sections[i] = ig_clamp_i64(sections[i], -1, INT32_MAX);
        if (j->sections[i] < 0) return ig_call_fail(c, "mrope_section must not be negative");
        sum += j->sections[i];
    }
    if (n != 3 || sum != (int64_t)half)
        return ig_call_fail(c, "mrope_section must have three entries that add up to %zu", half);
    j->spread = ig_attr_int(c->node, "mrope_layout") == 1;
    if (positions->count != 3 * j->r.x.batch * j->r.x.rows)
        return ig_call_fail(c, "%zu positions for %zu tokens", positions->count, j->r.x.batch * j->r.x.rows);
    j->r.positions = positions->data;
    for (size_t i = 0; i < positions->count; i++)
        if (j->r.positions[i] < 0 || j->r.positions[i] >= cosines->dims[0])
            return ig_call_fail(c, "position %lld is outside of the %lld that the caches have", (long long)j->r.positions[i],
                                (long long)cosines->dims[0]);
    return IG_OK;
}

static ig_status run_streams(ig_call *c) {
    streams j = {0};
    const void *pc, *ps;
    void *y;
    if (c->in[0]->count == 0) return IG_OK;
    IG_TRY(read_streams(c, &j));
    size_t tokens = j.r.x.batch * j.r.x.rows;
    IG_TRY(ig_real_in(c, c->in[0], IG_F32, &j.r.x.data));
    IG_TRY(ig_real_in(c, c->in[2], IG_F32, &pc));
    IG_TRY(ig_real_in(c, c->in[3], IG_F32, &ps));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    j.room = ig_call_scratch(c, tokens * j.r.dim * sizeof *j.room);
    if (!j.room) return ig_oom(c->err);
    j.r.cosines = pc, j.r.sines = ps, j.r.y = y;
    ig_parallel(c->threads, tokens, 1 + 4096 / j.r.dim, gather_angles, &j);
    j.r.positions = NULL; /* a row of angles for each token now */
    j.r.cosines = j.room, j.r.sines = j.room + tokens * (j.r.dim / 2);
    ig_parallel(c->threads, tokens, 1 + 4096 / (j.r.x.heads * j.r.x.size + 1), rotate_rows, &j.r);
    ig_real_done(c, 0, IG_F32, y);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------------- Gemma */

static ig_status infer_gemma(ig_infer *c) {
    IG_TRY(ig_infer_set_type(c, 0, c->in[1]));
    return ig_infer_set_type(c, 1, c->in[3]);
}

/* x * cos(angle) + rotated * sin(angle): the caller has turned the halves round. */
static ig_status rotate_gemma(ig_call *c, size_t x_index, size_t o) {
    const ig_tensor *angles = c->in[0], *x = c->in[x_index], *rotated = c->in[x_index + 1];
    const void *pa, *px, *pr;
    void *py;
    if (o >= c->n_out || !c->out[o]) return IG_OK;
    if (angles->rank != 3 || x->rank != 4 || rotated->count != x->count || x->dims[0] != angles->dims[0] ||
        x->dims[2] != angles->dims[1] || x->dims[3] != angles->dims[2])
        return ig_call_fail(c, "states and angles have shapes that don't fit");
    IG_TRY(ig_real_in(c, angles, IG_F32, &pa));
    IG_TRY(ig_real_in(c, x, IG_F32, &px));
    IG_TRY(ig_real_in(c, rotated, IG_F32, &pr));
    IG_TRY(ig_real_out(c, o, IG_F32, &py));
    size_t plane = (size_t)(x->dims[2] * x->dims[3]), heads = (size_t)x->dims[1];
    for (size_t i = 0; i < x->count; i++) {
        float angle = ((const float *)pa)[i / (plane * heads) * plane + i % plane];
        ((float *)py)[i] = ((const float *)px)[i] * cosf(angle) + ((const float *)pr)[i] * sinf(angle);
    }
    ig_real_done(c, o, IG_F32, py);
    return IG_OK;
}

static ig_status run_gemma(ig_call *c) {
    IG_TRY(rotate_gemma(c, 1, 0));
    return rotate_gemma(c, 3, 1);
}

const ig_op ig_op_rotary_embedding = {"", "RotaryEmbedding", 23, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_rotary_embedding = {"com.microsoft", "RotaryEmbedding", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_gemma_rotary_embedding = {
    "com.microsoft", "GemmaRotaryEmbedding", 1, 0, 0, infer_gemma, run_gemma, NULL, NULL};
const ig_op ig_op_ms_m_rotary_embedding = {"com.microsoft", "MRotaryEmbedding", 1, 0, 0, infer, run_streams, NULL, NULL};
