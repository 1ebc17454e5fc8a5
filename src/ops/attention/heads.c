#include "ops/attention/heads.h"

#include "ops/loops/copy.h"
#include "ops/nn/reals.h"

#include <math.h>

ig_head_operand ig_head_operand_of(const ig_tensor *t, size_t heads) {
    ig_head_operand o = {.batch = (size_t)t->dims[0]};
    if (t->rank == 4) {
        o.heads = (size_t)t->dims[1], o.rows = (size_t)t->dims[2], o.size = (size_t)t->dims[3];
        o.step = ig_heads_first(o.heads, o.rows, o.size);
    } else {
        o.heads = heads, o.rows = (size_t)t->dims[1], o.size = heads ? (size_t)t->dims[2] / heads : 0;
        o.step = ig_heads_last(o.heads, o.rows, o.size);
    }
    return o;
}

void ig_heads_put(ig_call *c, const ig_head_operand *o, size_t total, size_t at, size_t size, void *to) {
    ig_copy r = {.rank = 4, .dims = {(int64_t)o->batch, (int64_t)o->heads, (int64_t)o->rows, (int64_t)o->size}};
    ig_heads step = ig_heads_first(o->heads, total, o->size);
    r.to[0] = (int64_t)step.batch, r.to[1] = (int64_t)step.head, r.to[2] = (int64_t)step.row, r.to[3] = 1;
    r.from[0] = (int64_t)o->step.batch, r.from[1] = (int64_t)o->step.head, r.from[2] = (int64_t)o->step.row, r.from[3] = 1;
    ig_copy_region(c->threads, &r, size, (char *)to + at * o->size * size, o->data);
}

ig_status ig_heads_append(ig_call *c, const void *old, size_t old_rows, size_t before, void *all, size_t room, ig_dtype type,
                          ig_head_operand *o) {
    size_t size = ig_dtype_bytes(type), total = before + o->rows;
    if (room < total || old_rows < before) return ig_call_fail(c, "a cache of %zu positions has no room for %zu", room, total);
    if (!all && !(all = ig_call_scratch(c, o->batch * o->heads * room * o->size * size))) return ig_oom(c->err);
    if (old && old_rows) {
        ig_head_operand past = {.batch = o->batch, .heads = o->heads, .rows = ig_min_size(old_rows, room), .size = o->size};
        past.step = ig_heads_first(o->heads, old_rows, o->size);
        past.data = old;
        if (room > old_rows) memset(all, 0, o->batch * o->heads * room * o->size * size);
        ig_heads_put(c, &past, room, 0, size, all);
    } else if (room > o->rows) {
        memset(all, 0, o->batch * o->heads * room * o->size * size);
    }
    ig_heads_put(c, o, room, before, size, all);
    o->rows = total;
    o->step = ig_heads_first(o->heads, room, o->size);
    o->data = all;
    return IG_OK;
}

ig_status ig_heads_join(ig_call *c, const ig_tensor *cache, size_t before, size_t out, ig_dtype type, ig_head_operand *o) {
    bool kept = out < c->n_out && c->out[out];
    if (!cache && !kept) return IG_OK;
    size_t room = kept ? (size_t)ig_tensor_dim(c->out[out], -2) : before + o->rows;
    const void *old = NULL;
    void *all = NULL;
    if (cache) {
        if (cache->rank != 4 || cache->dims[0] != (int64_t)o->batch || cache->dims[1] != (int64_t)o->heads ||
            cache->dims[3] != (int64_t)o->size)
            return ig_call_fail(c, "the past has another shape than what follows it");
        IG_TRY(ig_real_in(c, cache, type, &old));
    }
    if (kept) IG_TRY(ig_real_out(c, out, type, &all));
    IG_TRY(ig_heads_append(c, old, cache ? (size_t)cache->dims[2] : 0, before, all, room, type, o));
    if (kept) ig_real_done(c, out, type, all);
    return IG_OK;
}

ig_status ig_heads_add_bias(ig_call *c, ig_head_operand *o, const float *bias) {
    if (!bias) return IG_OK;
    size_t n = o->batch * o->heads * o->rows * o->size;
    float *sum = ig_call_scratch(c, n * sizeof *sum);
    if (!sum) return ig_oom(c->err);
    ig_heads step = ig_heads_last(o->heads, o->rows, o->size);
    for (size_t b = 0; b < o->batch; b++)
        for (size_t r = 0; r < o->rows; r++)
            for (size_t h = 0; h < o->heads; h++) {
                const float *from = (const float *)o->data + b * o->step.batch + h * o->step.head + r * o->step.row;
                float *to = sum + b * step.batch + h * step.head + r * step.row;
                for (size_t i = 0; i < o->size; i++) to[i] = from[i] + bias[h * o->size + i];
            }
    o->data = sum;
    o->step = step;
    return IG_OK;
}

ig_status ig_heads_set(ig_call *c, ig_attention *a, const ig_head_operand *q, const ig_head_operand *k,
                       const ig_head_operand *v) {
    if (k->heads == 0 || q->heads % k->heads || k->heads != v->heads || q->size != k->size || k->rows != v->rows ||
        q->batch != k->batch || q->batch != v->batch)
        return ig_call_fail(c, "query, key and value have shapes that don't fit");
    a->batch = q->batch, a->heads = q->heads, a->kv_heads = k->heads;
    a->q_len = q->rows, a->kv_len = k->rows, a->head = q->size, a->v_head = v->size;
    a->q = q->data, a->k = k->data, a->v = v->data;
    a->q_step = q->step, a->k_step = k->step, a->v_step = v->step;
    a->left = a->right = -1;
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------------- masks */

/* Whether the mask lets query i of a text see key k. */
static bool shows(const ig_attention *a, const ig_tensor *mask, size_t past, size_t text, size_t i, size_t k) {
    const int32_t *m = mask->data;
    size_t last = (size_t)mask->dims[mask->rank - 1];
    switch (mask->rank) {
    case 1:
        if (mask->count == 2 * a->batch && (int64_t)k < m[a->batch + text]) return false;
        return (int64_t)k < m[text];
    case 2: return k >= last || m[text * last + k] > 0;
    case 3: return k >= last || m[(text * a->q_len + i) * last + k] > 0;
    default: return m[(text * last + past + i) * last + k] > 0;
    }
}

static bool mask_fits(const ig_attention *a, const ig_tensor *m, size_t past) {
    int64_t batch = (int64_t)a->batch, keys = (int64_t)a->kv_len, queries = (int64_t)a->q_len;
    switch (m->rank) {
    case 1: return m->count == a->batch || m->count == 2 * a->batch || m->count == 3 * a->batch + 2;
    case 2: return m->dims[0] == batch && m->dims[1] <= keys;
    case 3: return m->dims[0] == batch && m->dims[1] == queries && m->dims[2] <= keys;
    case 4:
        return m->dims[0] == batch && m->dims[1] == 1 && m->dims[2] == m->dims[3] && m->dims[3] >= keys &&
               m->dims[2] >= (int64_t)past + queries;
    default: return false;
    }
}

ig_status ig_heads_mask(ig_call *c, ig_attention *a, const ig_tensor *mask, const ig_tensor *extra, float hide, size_t past) {
    if (!mask && !extra) return IG_OK;
    if (!mask) return ig_attention_mask(c, a, extra);
    if (!mask_fits(a, mask, past))
        return ig_call_fail(c, "a mask with %zu entries and rank %d doesn't fit the attention", mask->count, mask->rank);
    ig_attention added = *a;
    if (extra) IG_TRY(ig_attention_mask(c, &added, extra));
    size_t heads = extra && added.bias_step.head ? a->heads : 1,
           rows = mask->rank > 2 || (extra && added.bias_step.row) ? a->q_len : 1;
    float *bias = ig_call_scratch(c, a->batch * heads * rows * a->kv_len * sizeof *bias);
    if (!bias) return ig_oom(c->err);
    float *to = bias;
    for (size_t b = 0; b < a->batch; b++)
        for (size_t h = 0; h < heads; h++)
            for (size_t i = 0; i < rows; i++, to += a->kv_len) {
                const float *from = added.bias;
                if (extra) from += b * added.bias_step.batch + h * added.bias_step.head + i * added.bias_step.row;
                for (size_t k = 0; k < a->kv_len; k++) {
                    bool beyond = extra && added.bias_len && k >= added.bias_len;
                    to[k] = (shows(a, mask, past, b, i, k) ? 0 : hide) + (extra ? (beyond ? -INFINITY : from[k]) : 0);
                }
            }
    a->bias = bias;
    a->bias_len = 0;
    a->bias_step.row = rows == 1 ? 0 : a->kv_len;
    a->bias_step.head = heads == 1 ? 0 : rows * a->kv_len;
    a->bias_step.batch = heads * rows * a->kv_len;
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------------- rotary */

void ig_rotate(float *x, size_t dim, const float *cosines, const float *sines, bool interleaved) {
    size_t half = dim / 2, step = interleaved ? 2 : 1, apart = interleaved ? 1 : half;
    for (size_t i = 0; i < half; i++) {
        float a = x[i * step], b = x[i * step + apart];
        x[i * step] = a * cosines[i] - b * sines[i];
        x[i * step + apart] = a * sines[i] + b * cosines[i];
    }
}
