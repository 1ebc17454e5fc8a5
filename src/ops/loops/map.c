#include "ops/loops/map.h"
#include "ops/loops/convert.h"

enum {
    BLOCK = 512,  /* elements that go through buffers at a time: they stay in the first-level cache */
    SHORT = 32,   /* shorter runs are put together into blocks first */
    ELEMENT = 16, /* bytes of the largest element */
};

/* An operand after the dims have been folded. */
typedef struct lane {
    const char *data;
    ig_dtype from, to;
    size_t size;          /* bytes of an element of `from`; 0: less than one */
    bool whole, single;   /* has an element for each of the output's; has just one */
    const size_t *stride; /* in elements, per folded dim, innermost first */
} lane;

typedef struct work {
    const ig_loop_job *map;
    lane *in;
    size_t n_in, n_dims, total;
    size_t *dims;  /* innermost first */
    bool buffered; /* blocks instead of whole rows */
    ig_dtype out_to;
    size_t out_size;
    ig_loop_fn fn;
    const ig_loops *loops;
} work;

ig_dtype ig_loop_widen(ig_dtype t) {
    switch (ig_dtype_number(t)) {
    case IG_NUMBER_FLOAT: return t == IG_F64 ? t : IG_F32;
    case IG_NUMBER_SIGNED: return ig_dtypes[t].bits < 8 ? IG_I8 : t;
    case IG_NUMBER_UNSIGNED: return ig_dtypes[t].bits < 8 ? IG_U8 : t;
    default: return t;
    }
}

const ig_loop *ig_loop_pick(const ig_loop *loops, size_t n, ig_dtype dtype) {
    for (size_t i = 0; i < n; i++)
        if (loops[i].in[0] == dtype) return &loops[i];
    ig_dtype wide = ig_loop_widen(dtype);
    for (size_t i = 0; i < n && wide != dtype; i++)
        if (loops[i].in[0] == wide) return &loops[i];
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------- folding dims */

/* True when operand k has more than one element along dim d of the output. */
static bool moves(const ig_operand *o, int out_rank, int d) {
    int own = d - (out_rank - o->rank);
    return own >= 0 && o->dims[own] != 1;
}

static ig_status check_dims(ig_call *c, const ig_loop_job *m, size_t k) {
    const ig_operand *o = &m->in[k];
    int skip = m->out.rank - o->rank;
    for (int d = 0; d < o->rank; d++) {
        int64_t want = d + skip < 0 ? 1 : m->out.dims[d + skip];
        if (o->dims[d] != 1 && o->dims[d] != want)
            return ig_call_fail(c, "input %zu has %lld elements along its axis %d, the output %lld", k, (long long)o->dims[d],
                                d, (long long)want);
    }
    return IG_OK;
}

/* Neighbouring dims along which the same operands move are one dim to the loops. */
static bool joins(const ig_loop_job *m, int d, int inner) {
    for (size_t k = 0; k < m->n_in; k++)
        if (moves(&m->in[k], m->out.rank, d) != moves(&m->in[k], m->out.rank, inner)) return false;
    return true;
}

static void fold_dims(work *w, size_t *strides) {
    const ig_loop_job *m = w->map;
    int inner = -1;
    for (int d = m->out.rank - 1; d >= 0; d--) {
        size_t size = (size_t)m->out.dims[d];
        if (size == 1) continue;
        if (inner >= 0 && joins(m, d, inner)) {
            w->dims[w->n_dims - 1] *= size;
            continue;
        }
        inner = d;
        w->dims[w->n_dims++] = size;
        for (size_t k = 0; k < m->n_in; k++) strides[k * IG_MAX_RANK + w->n_dims - 1] = moves(&m->in[k], m->out.rank, d);
    }
    for (size_t k = 0; k < m->n_in; k++) {
        size_t *s = strides + k * IG_MAX_RANK, elements = 1;
        lane *in = &w->in[k];
        in->whole = in->single = true;
        for (size_t d = 0; d < w->n_dims; d++) {
            in->whole &= s[d] != 0;
            in->single &= s[d] == 0;
            if (!s[d]) continue;
            s[d] = elements;
            elements *= w->dims[d];
        }
        in->stride = s;
    }
}

/* ---------------------------------------------------------------------------------------------------------- fetching */

static size_t offset_of(const work *w, const lane *in, size_t at) {
    if (in->whole) return at;
    size_t offset = 0;
    for (size_t d = 0; d < w->n_dims && !in->single; d++) {
        offset += at % w->dims[d] * in->stride[d];
        at /= w->dims[d];
    }
    return offset;
}

static void repeat(char *to, size_t size, size_t n) {
    for (size_t done = 1; done < n; done *= 2) memcpy(to + done * size, to, ig_min_size(done, n - done) * size);
}

/* Steps a position over the output's rows (its folded dims but the innermost). */
static void next_row(const work *w, const lane *in, size_t *coords, size_t *offset) {
    for (size_t d = 1; d < w->n_dims; d++) {
        *offset += in->stride[d];
        if (++coords[d] < w->dims[d]) return;
        *offset -= in->stride[d] * w->dims[d];
        coords[d] = 0;
    }
}

/* Elements [at, at + n) of the output as the input has them, in the loop's type, one after the other. */
static void gather(const work *w, const lane *in, size_t at, size_t n, char *to) {
    size_t size = ig_dtype_bytes(in->to), inner = w->dims[0], pos = at % inner, row = at / inner, offset = 0;
    size_t coords[IG_MAX_RANK] = {0};
    for (size_t d = 1; d < w->n_dims; d++) {
        coords[d] = row % w->dims[d];
        row /= w->dims[d];
        offset += coords[d] * in->stride[d];
    }
    while (n) {
        size_t run = ig_min_size(inner - pos, n);
        if (in->stride[0])
            ig_convert_on(w->loops, in->from, in->data, offset + pos, in->to, to, 0, run);
        else {
            ig_convert_on(w->loops, in->from, in->data, offset, in->to, to, 0, 1);
            repeat(to, size, run);
        }
        to += run * size;
        n -= run;
        pos = 0;
        next_row(w, in, coords, &offset);
    }
}

/* The same without copying where the memory is already as the loop wants it. */
static const void *fetch(const work *w, const lane *in, size_t at, size_t n, void *buffer, size_t *step) {
    bool one_row = in->whole || in->single || at % w->dims[0] + n <= w->dims[0];
    *step = !in->single && (in->whole || !one_row || in->stride[0]);
    if (one_row) {
        size_t offset = offset_of(w, in, at);
        if (in->from == in->to) return in->data + offset * in->size;
        ig_convert_on(w->loops, in->from, in->data, offset, in->to, buffer, 0, *step ? n : 1);
    } else
        gather(w, in, at, n, buffer);
    return buffer;
}

/* ------------------------------------------------------------------------------------------------------------ running */

typedef struct block {
    _Alignas(64) char bytes[BLOCK * ELEMENT];
} block;

static void run_loop(const work *w, size_t at, size_t n, void *out, block *buffers) {
    const void *in[IG_LOOP_IN];
    size_t step[IG_LOOP_IN];
    for (size_t k = 0; k < w->n_in; k++) in[k] = fetch(w, &w->in[k], at, n, buffers[k].bytes, &step[k]);
    w->fn(w->map->params, n, out, in, step);
}

static void run_fold(const work *w, size_t at, size_t n, void *out, block *buffers) {
    const ig_loop_job *m = w->map;
    const void *in[2];
    size_t step[2];
    in[0] = fetch(w, &w->in[0], at, n, buffers[0].bytes, &step[0]);
    if (w->n_in == 1) {
        for (size_t i = 0; i < (step[0] ? 1 : n) && n; i++)
            memmove((char *)out + i * w->out_size, in[0], (step[0] ? n : 1) * w->out_size);
    }
    for (size_t k = 1; k < w->n_in; k++) {
        in[1] = fetch(w, &w->in[k], at, n, buffers[1].bytes, &step[1]);
        w->fn(m->params, n, out, in, step);
        in[0] = out;
        step[0] = 1;
    }
    in[0] = out;
    step[0] = 1;
    if (m->finish) m->finish(m->params, n, out, in, step);
}

/* Runs of the innermost dim, straight from and to the tensors. */
static void run_rows(const work *w, size_t at, size_t end) {
    size_t coords[IG_MAX_RANK], offset[IG_LOOP_IN], step[IG_LOOP_IN], rest = at;
    const void *in[IG_LOOP_IN];
    for (size_t d = 0; d < w->n_dims; d++) {
        coords[d] = rest % w->dims[d];
        rest /= w->dims[d];
    }
    for (size_t k = 0; k < w->n_in; k++) {
        offset[k] = offset_of(w, &w->in[k], at);
        step[k] = w->in[k].stride[0];
    }
    for (size_t n; at < end; at += n) {
        n = ig_min_size(end - at, w->dims[0] - coords[0]);
        for (size_t k = 0; k < w->n_in; k++) {
            in[k] = w->in[k].data + offset[k] * w->in[k].size;
            offset[k] -= coords[0] * step[k];
        }
        w->fn(w->map->params, n, (char *)w->map->out.data + at * w->out_size, in, step);
        coords[0] = 0;
        for (size_t d = 1; d < w->n_dims; d++) {
            bool carry = ++coords[d] == w->dims[d];
            if (carry) coords[d] = 0;
            for (size_t k = 0; k < w->n_in; k++)
                offset[k] += w->in[k].stride[d] - (carry ? w->in[k].stride[d] * w->dims[d] : 0);
            if (!carry) break;
        }
    }
}

/* Blocks of results that go through buffers. */
static void run_blocks(const work *w, size_t at, size_t end) {
    const ig_loop_job *m = w->map;
    block buffers[IG_LOOP_IN], result;
    bool direct = w->out_to == m->out.dtype;
    for (size_t n; at < end; at += n) {
        n = ig_min_size(end - at, BLOCK);
        void *out = direct ? (char *)m->out.data + at * w->out_size : result.bytes;
        (m->fold ? run_fold : run_loop)(w, at, n, out, buffers);
        if (!direct) ig_convert_on(w->loops, w->out_to, result.bytes, 0, m->out.dtype, m->out.data, at, n);
    }
}

/* Ranges are given in blocks, so that elements smaller than a byte of different threads share none. */
static void run_range(void *arg, size_t begin, size_t end) {
    const work *w = arg;
    (w->buffered ? run_blocks : run_rows)(w, begin * BLOCK, ig_min_size(end * BLOCK, w->total));
}

/* A small operand that all rows share is converted once. */
static bool widen_shared(work *w, ig_call *c, lane *in) {
    size_t count = 1;
    if (in->from == in->to || in->whole) return true;
    for (size_t d = 0; d < w->n_dims; d++) count *= in->stride[d] ? w->dims[d] : 1;
    if (count > w->total / 4 + 1) return true;
    void *data = ig_call_scratch(c, count * ig_dtype_bytes(in->to));
    if (!data) return false;
    ig_convert_on(w->loops, in->from, in->data, 0, in->to, data, 0, count);
    in->data = data;
    in->from = in->to;
    in->size = ig_dtype_bytes(in->to);
    return true;
}

static bool prepare(work *w, ig_call *c) {
    const ig_loop_job *m = w->map;
    w->in = ig_call_scratch(c, m->n_in * sizeof *w->in);
    w->dims = ig_call_scratch(c, IG_MAX_RANK * sizeof *w->dims);
    size_t *strides = ig_call_scratch(c, m->n_in * IG_MAX_RANK * sizeof *strides);
    if (!w->in || !w->dims || !strides) return false;
    w->n_in = m->n_in;
    w->out_to = m->loop->out;
    w->out_size = ig_dtype_bytes(w->out_to);
    for (size_t k = 0; k < m->n_in; k++) {
        const ig_operand *o = &m->in[k];
        w->in[k] = (lane){
            .data = o->data, .from = o->dtype, .to = m->loop->in[m->fold && k ? 1 : k], .size = ig_dtype_bytes(o->dtype)};
    }
    memset(strides, 0, m->n_in * IG_MAX_RANK * sizeof *strides);
    fold_dims(w, strides);
    if (!w->n_dims) w->dims[w->n_dims++] = 1;
    w->buffered = m->fold || w->out_to != m->out.dtype || (w->n_dims > 1 && w->dims[0] < SHORT);
    for (size_t k = 0; k < m->n_in; k++) {
        if (!widen_shared(w, c, &w->in[k])) return false;
        w->buffered |= w->in[k].from != w->in[k].to;
    }
    return true;
}

ig_status ig_loop_run(ig_call *c, const ig_loop_job *m) {
    int64_t total;
    if (!ig_dims_count(m->out.rank, m->out.dims, &total)) return ig_call_fail(c, "the output has no valid shape");
    for (size_t k = 0; k < m->n_in; k++) IG_TRY(check_dims(c, m, k));
    if (total == 0) return IG_OK;
    work w = {.map = m, .total = (size_t)total, .loops = ig_kernels_of(c->context)->loops};
    w.fn = m->loop->fn ? m->loop->fn : w.loops->real[m->loop->real];
    if (!prepare(&w, c)) return ig_oom(c->err);
    size_t grain = (m->grain ? m->grain : IG_GRAIN) / BLOCK;
    ig_parallel(c->threads, (w.total + BLOCK - 1) / BLOCK, ig_max_size(grain, 1), run_range, &w);
    return IG_OK;
}

ig_status ig_loop_call(ig_call *c, const ig_loop *loops, size_t n, const void *params, size_t grain) {
    ig_operand in[IG_LOOP_IN];
    if (!c->out[0]) return IG_OK;
    const ig_loop *loop = ig_loop_pick(loops, n, c->in[0]->dtype);
    if (!loop) return ig_call_no_kernel(c, c->in[0]->dtype);
    for (size_t k = 0; k < c->n_in; k++) in[k] = ig_operand_of(c->in[k]);
    const ig_loop_job m = {
        .loop = loop, .params = params, .out = ig_operand_of(c->out[0]), .in = in, .n_in = c->n_in, .grain = grain};
    return ig_loop_run(c, &m);
}
