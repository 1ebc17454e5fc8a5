#include "ops/loops/reduce.h"
#include "kernels/kernels.h"
#include "ops/loops/convert.h"
#include "ops/loops/fold.h"
#include "ops/loops/work.h"

#include <math.h>

enum {
    CHUNK = 256,    /* results that one accumulator block holds */
    RUN = 512,      /* elements that are converted at a time */
    PART = 1 << 14, /* elements of one part when a long fold has few results */
    MAX_PARTS = 64,
};

typedef union accumulators {
    double f[CHUNK];
    int64_t i[CHUNK];
} accumulators;

/* --------------------------------------------------------------------------------------------------------- arrangement */

/* Dims joined into groups, alternately kept and reduced. The last kept group behind the last reduced one is `inner`. */
typedef struct arrangement {
    int n_kept, n_reduced; /* outer groups */
    size_t kept[IG_MAX_RANK], kept_step[IG_MAX_RANK];
    size_t reduced[IG_MAX_RANK], reduced_step[IG_MAX_RANK];
    size_t length, inner; /* of the last reduced group, which has step `inner`, and behind it */
    size_t n_outer;       /* product of `kept` */
    size_t n_runs;        /* product of `reduced` */
} arrangement;

static void arrange(arrangement *a, const ig_tensor *x, uint32_t axes) {
    size_t dims[IG_MAX_RANK], steps[IG_MAX_RANK], step = 1;
    bool reduce[IG_MAX_RANK];
    int n = 0; /* groups, last one first */
    for (int k = x->rank - 1; k >= 0; k--) {
        bool r = axes >> k & 1;
        size_t dim = (size_t)x->dims[k];
        if (dim == 1) continue;
        if (n > 0 && reduce[n - 1] == r) {
            dims[n - 1] *= dim;
        } else {
            dims[n] = dim;
            steps[n] = step;
            reduce[n++] = r;
        }
        step *= dim;
    }
    *a = (arrangement){.length = 1, .inner = 1, .n_outer = 1, .n_runs = 1};
    int at = 0;
    if (at < n && !reduce[at]) a->inner = dims[at++];
    if (at < n) a->length = dims[at++];
    for (int k = n - 1; k >= at; k--) { /* outermost first */
        if (reduce[k]) {
            a->reduced[a->n_reduced] = dims[k];
            a->reduced_step[a->n_reduced++] = steps[k];
            a->n_runs *= dims[k];
        } else {
            a->kept[a->n_kept] = dims[k];
            a->kept_step[a->n_kept++] = steps[k];
            a->n_outer *= dims[k];
        }
    }
}

static size_t offset_of(int n, const size_t *dims, const size_t *steps, size_t index) {
    size_t offset = 0;
    for (int k = n - 1; k >= 0; k--) {
        offset += index % dims[k] * steps[k];
        index /= dims[k];
    }
    return offset;
}

/* --------------------------------------------------------------------------------------------------------------- doing */

typedef struct job {
    arrangement a;
    const ig_reduce_rule *rule;
    const ig_tensor *x;
    ig_tensor *y;
    ig_dtype work;
    const ig_folds *kernels;
    ig_folder folder;
    bool direct;        /* elements are of the work type */
    uint64_t empty;     /* bits of the accumulator before the first element */
    uint64_t flip;      /* to compare uint64 as signed numbers */
    double count;       /* elements that make one result */
    size_t chunk;       /* results of one item */
    size_t per_outer;   /* items of one outer index, when there is an inner group */
    size_t parts, part; /* pieces of the last reduced group, their length */
    uint64_t *partial;  /* parts x results, when there are several parts */
    double *shift;      /* maxima, for exponentials */
} job;

/* n elements in the work type: where they lie, or converted in `room`. */
static const void *block_of(const job *j, size_t first, size_t n, void *room) {
    if (j->direct) return (const char *)j->x->data + first * ig_dtype_bytes(j->work);
    ig_convert(j->x->dtype, j->x->data, first, j->work, room, 0, n);
    for (size_t i = 0; i < n && j->flip; i++) ((uint64_t *)room)[i] ^= j->flip;
    return room;
}

static const double *exponentials(const double *x, size_t n, const double *shift, size_t shift_step, double *room) {
    for (size_t i = 0; i < n; i++) room[i] = exp(x[i] - shift[i * shift_step]);
    return room;
}

/* One result from one contiguous run. */
static void fold_run(const job *j, void *acc, size_t first, size_t n, const double *shift) {
    double room[RUN];
    size_t most = j->direct && !shift ? n : RUN;
    for (size_t done = 0; done < n; done += most) {
        size_t some = ig_min_size(n - done, most);
        const void *block = block_of(j, first + done, some, room);
        if (shift) block = exponentials(block, some, shift, 0, room);
        j->folder.along(j->kernels, acc, block, some);
    }
}

/* `width` results from n rows that lie a.inner apart. */
static void fold_rows(const job *j, void *acc, size_t first, size_t n, size_t width, const double *shift) {
    double room[CHUNK];
    if (j->direct && !shift) {
        j->folder.across(j->kernels, acc, block_of(j, first, 0, NULL), j->a.inner, n, width);
        return;
    }
    for (size_t row = 0; row < n; row++) {
        const void *block = block_of(j, first + row * j->a.inner, width, room);
        if (shift) block = exponentials(block, width, shift, 1, room);
        j->folder.across(j->kernels, acc, block, width, 1, width);
    }
}

/* The same for narrow rows that touch: several make one wide row, whose results are joined in the end. */
static void fold_narrow(const job *j, void *acc, size_t first, size_t n, size_t width) {
    size_t group = CHUNK / width, rows = n / group;
    accumulators wide;
    double room[CHUNK];
    for (size_t i = 0; i < group * width; i++) memcpy(&wide.i[i], &j->empty, sizeof j->empty);
    for (size_t row = 0; row < rows; row++) {
        const void *block = block_of(j, first + row * group * width, group * width, room);
        j->folder.across(j->kernels, &wide, block, group * width, 1, group * width);
    }
    ig_folder_join(j->rule->fold, j->work).across(j->kernels, acc, &wide, width, group, width);
    fold_rows(j, acc, first + rows * group * width, n - rows * group, width, NULL);
}

/* Results [first_result, +n) of outer index `outer`: all runs of reduced groups, one part of the last. */
static void fold_results(const job *j, void *acc, size_t outer, size_t inner, size_t n, size_t part, const double *shift) {
    const arrangement *a = &j->a;
    size_t begin = part * j->part, end = ig_min_size(a->length, begin + j->part);
    size_t base = offset_of(a->n_kept, a->kept, a->kept_step, outer) + inner + begin * a->inner;
    for (size_t run = 0; run < a->n_runs && begin < end; run++) {
        size_t first = base + offset_of(a->n_reduced, a->reduced, a->reduced_step, run);
        size_t length = end - begin;
        if (a->inner == 1) {
            fold_run(j, acc, first, length, shift);
        } else if (n == a->inner && n <= CHUNK / 8 && length >= 2 * CHUNK / n && !shift) {
            fold_narrow(j, acc, first, length, n);
        } else {
            fold_rows(j, acc, first, length, n, shift);
        }
    }
}

static void store_results(const job *j, accumulators *acc, size_t first, size_t n) {
    if (j->work == IG_I64) {
        for (size_t i = 0; i < n && j->flip; i++) acc->i[i] ^= (int64_t)j->flip;
        ig_convert(IG_I64, acc->i, 0, j->y->dtype, j->y->data, first, n);
        return;
    }
    if (j->shift) {
        for (size_t i = 0; i < n; i++) acc->f[i] = log(acc->f[i]) + j->shift[first + i];
    }
    if (j->rule->finish) j->rule->finish(acc->f, n, j->count);
    ig_convert(IG_F64, acc->f, 0, j->y->dtype, j->y->data, first, n);
}

static void fold_range(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    const arrangement *a = &j->a;
    size_t results = a->n_outer * a->inner;
    for (size_t index = begin; index < end; index++) {
        size_t part = index % j->parts, item = index / j->parts, first, n;
        accumulators acc;
        if (a->inner > 1) {
            size_t inner = item % j->per_outer * j->chunk;
            first = item / j->per_outer * a->inner + inner;
            n = ig_min_size(j->chunk, a->inner - inner);
        } else {
            first = item * j->chunk;
            n = ig_min_size(j->chunk, results - first);
        }
        for (size_t i = 0; i < n; i++) memcpy(&acc.i[i], &j->empty, sizeof j->empty);
        const double *shift = j->shift ? j->shift + first : NULL;
        if (a->inner > 1) {
            fold_results(j, &acc, first / a->inner, first % a->inner, n, part, shift);
        } else {
            for (size_t i = 0; i < n; i++) fold_results(j, &acc.i[i], first + i, 0, 1, part, shift ? shift + i : NULL);
        }
        if (j->partial) {
            memcpy(j->partial + part * results + first, &acc, n * sizeof(uint64_t));
        } else {
            store_results(j, &acc, first, n);
        }
    }
}

/* Adds up the parts. Their accumulators are all of the wide type, and sums of whatever kind add. */
static void join_parts(const job *j) {
    size_t results = j->a.n_outer * j->a.inner;
    ig_folder join = ig_folder_join(j->rule->fold, j->work);
    for (size_t first = 0; first < results; first += CHUNK) {
        size_t n = ig_min_size(CHUNK, results - first);
        accumulators acc;
        memcpy(&acc, j->partial + first, n * sizeof(uint64_t));
        join.across(j->kernels, &acc, j->partial + results + first, results, j->parts - 1, n);
        store_results(j, &acc, first, n);
    }
}

static uint64_t bits_of(double d) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

/* Range of an integer type as 64-bit numbers, uint64 with its top bit flipped. */
static int64_t smallest(ig_dtype t) {
    unsigned bits = ig_dtypes[t].bits;
    if (t == IG_U64) return INT64_MIN;
    return ig_dtype_number(t) == IG_NUMBER_SIGNED ? -(int64_t)((1ull << (bits - 1)) - 1) - 1 : 0;
}

static int64_t largest(ig_dtype t) {
    unsigned bits = ig_dtypes[t].bits;
    if (t == IG_BOOL) return 1;
    if (t == IG_U64) return INT64_MAX;
    return ig_dtype_number(t) == IG_NUMBER_SIGNED ? (int64_t)((1ull << (bits - 1)) - 1) : (int64_t)((1ull << bits) - 1);
}

static void set_empty(job *j) {
    bool whole = j->work == IG_I64;
    switch (j->rule->fold) {
    case IG_FOLD_PROD: j->empty = whole ? 1 : bits_of(1); break;
    case IG_FOLD_MIN: j->empty = whole ? (uint64_t)largest(j->x->dtype) : bits_of((double)INFINITY); break;
    case IG_FOLD_MAX: j->empty = whole ? (uint64_t)smallest(j->x->dtype) : bits_of(-(double)INFINITY); break;
    default: j->empty = 0;
    }
    bool compares = j->rule->fold == IG_FOLD_MIN || j->rule->fold == IG_FOLD_MAX;
    if (whole && compares && j->x->dtype == IG_U64) j->flip = 1ull << 63;
}

static void divide_work(job *j, size_t *items) {
    const arrangement *a = &j->a;
    size_t run = ig_max_size(a->length * a->n_runs, 1);
    j->chunk = a->inner > 1 ? ig_min_size(a->inner, CHUNK) : PART / run < 1 ? 1 : ig_min_size(PART / run, CHUNK);
    j->per_outer = (a->inner + j->chunk - 1) / j->chunk;
    *items = a->inner > 1 ? a->n_outer * j->per_outer : (a->n_outer + j->chunk - 1) / j->chunk;
    j->parts = 1;
    j->part = a->length;
    size_t work = a->length * ig_min_size(a->inner, CHUNK);
    if (*items < 16 && work >= 2 * PART && j->rule->fold != IG_FOLD_SUM_EXP) {
        j->part = ig_max_size((a->length + MAX_PARTS - 1) / MAX_PARTS, PART / ig_min_size(a->inner, CHUNK));
        j->parts = (a->length + j->part - 1) / j->part;
    }
    *items *= j->parts;
}

static ig_status run_job(ig_call *c, job *j) {
    size_t items, results = j->a.n_outer * j->a.inner;
    if (results == 0) return IG_OK;
    set_empty(j);
    j->direct = j->work == j->x->dtype || (j->work == IG_I64 && j->x->dtype == IG_U64 && !j->flip);
    divide_work(j, &items);
    if (j->parts > 1) {
        j->partial = ig_call_scratch(c, j->parts * results * sizeof(uint64_t));
        if (!j->partial) return ig_oom(c->err);
    }
    size_t per_item = ig_max_size(j->chunk * ig_max_size(j->part * j->a.n_runs, 1), 1);
    ig_parallel(c->threads, items, 2 * PART / per_item + 1, fold_range, j);
    if (j->partial) join_parts(j);
    return IG_OK;
}

/* The largest element for each result, as doubles; 0 where it isn't finite. */
static ig_status maxima(ig_call *c, const ig_tensor *x, uint32_t axes, const ig_tensor *y, double **out) {
    static const ig_reduce_rule rule = {IG_FOLD_MAX, NULL};
    ig_tensor t = {.kind = IG_KIND_TENSOR, .dtype = IG_F64, .count = y->count};
    size_t bytes;
    if (ig_mul_overflows(y->count, sizeof(double), &bytes) || !(t.data = ig_call_scratch(c, bytes))) return ig_oom(c->err);
    IG_TRY(ig_reduce(c, &rule, x, axes, &t));
    *out = t.data;
    for (size_t i = 0; i < y->count; i++) {
        if (!isfinite((*out)[i])) (*out)[i] = 0;
    }
    return IG_OK;
}

ig_status ig_reduce(ig_call *c, const ig_reduce_rule *rule, const ig_tensor *x, uint32_t axes, ig_tensor *y) {
    job j = {.rule = rule, .x = x, .y = y, .work = ig_work_type(x->dtype)};
    if (j.work == IG_UNDEFINED) return ig_call_no_kernel(c, x->dtype);
    bool real = rule->finish || y->dtype == IG_F64;
    if (rule->fold == IG_FOLD_SUM_EXP || (real && j.work == IG_I64)) j.work = IG_F64;
    j.kernels = ig_kernels_of(c->context)->folds;
    j.folder = ig_folder_of(rule->fold, j.work);
    arrange(&j.a, x, axes);
    double count = 1;
    for (int k = 0; k < x->rank; k++) count *= axes >> k & 1 ? (double)x->dims[k] : 1;
    j.count = count;
    if (rule->fold == IG_FOLD_SUM_EXP) IG_TRY(maxima(c, x, axes, y, &j.shift));
    return run_job(c, &j);
}
