/* Trilu (14) and the same of com.microsoft. */
#include "ops/args.h"
#include "ops/loops/cells.h"

static ig_status infer_trilu(ig_infer *c) {
    ig_shape x;
    if (ig_infer_shape(c, 0, &x) && x.rank < 2) return ig_infer_fail(c, "the input has rank %d, at least 2 is wanted", x.rank);
    return ig_infer_same(c);
}

typedef struct triangle {
    char *to;
    const char *from;
    size_t size, rows, columns;
    int64_t diagonal;
    bool upper;
} triangle;

static void copy_rows(void *arg, size_t begin, size_t end) {
    const triangle *t = arg;
    for (size_t i = begin; i < end; i++) {
        int64_t row = (int64_t)(i % t->rows), columns = (int64_t)t->columns;
        /* columns [first, last) stay */
        int64_t first = t->upper ? ig_clamp_i64(row + t->diagonal, 0, columns) : 0;
        int64_t last = t->upper ? columns : ig_clamp_i64(row + t->diagonal + 1, 0, columns);
        char *to = t->to + i * t->columns * t->size;
        const char *from = t->from + i * t->columns * t->size;
        memset(to, 0, (size_t)first * t->size);
        memcpy(to + (size_t)first * t->size, from + (size_t)first * t->size, (size_t)(last - first) * t->size);
        memset(to + (size_t)last * t->size, 0, (size_t)(columns - last) * t->size);
    }
}

static ig_status run_trilu(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_cells from, to;
    int64_t k;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_call_number(c, NULL, 1, 0, &k));
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    triangle t = {.to = to.data, .from = from.data, .size = to.size, .upper = ig_attr_int(c->node, "upper") != 0};
    if (x->count == 0 || x->rank < 2) return IG_OK;
    t.rows = (size_t)ig_tensor_dim(x, -2);
    t.columns = (size_t)ig_tensor_dim(x, -1);
    t.diagonal = ig_clamp_i64(k, -(int64_t)t.rows - 1, (int64_t)t.columns + 1);
    ig_parallel(c->threads, x->count / t.columns, (1 << 16) / (t.columns * t.size) + 1, copy_rows, &t);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_trilu = {.name = "Trilu", .domain = "", .since = 14, .infer = infer_trilu, .run = run_trilu};
const ig_op ig_op_ms_trilu = {.name = "Trilu", .domain = "com.microsoft", .since = 1, .infer = infer_trilu, .run = run_trilu};
