/* RNN, GRU and LSTM. */
#include "ops/nn/reals.h"
#include "ops/nn/recurrent.h"

static ig_cell cell_of(const ig_node *node) {
    const char first = node->schema->name[0];
    return first == 'L' ? IG_CELL_LSTM : first == 'G' ? IG_CELL_GRU : IG_CELL_RNN;
}

static ig_status infer(ig_infer *c) { return ig_recurrent_infer(c, cell_of(c->node) == IG_CELL_LSTM ? 3 : 2, false); }

/* Constant weights packed: for each direction W, and R in one piece or (GRU) two. */
typedef struct state {
    const float *w[2], *r[2][2]; /* NULL: not packed */
    _Alignas(64) float data[];
} state;

/* Rows of R of a piece. */
static size_t piece_rows(ig_cell cell, size_t hidden, int piece) {
    if (cell == IG_CELL_GRU) return piece ? hidden : 2 * hidden;
    return piece ? 0 : hidden * (cell == IG_CELL_LSTM ? 4 : 1);
}

static bool packable(const ig_tensor *t) {
    return t && t->kind == IG_KIND_TENSOR && t->dtype == IG_F32 && t->rank == 3 && t->count;
}

static ig_status prepare(ig_prepare *p) {
    const ig_tensor *w = p->in[1], *r = p->in[2];
    ig_cell cell = cell_of(p->node);
    if (!packable(w) || !packable(r) || p->in[0] || w->dims[0] != r->dims[0] || w->dims[1] != r->dims[1] || w->dims[0] > 2)
        return IG_OK;
    const ig_kernels *kernels = ig_kernels_of(p->context);
    size_t hidden = (size_t)r->dims[2], rows = (size_t)r->dims[1], k = (size_t)w->dims[2], directions = (size_t)w->dims[0];
    size_t of_w, of_r[2], total = 0;
    if (piece_rows(cell, hidden, 0) + piece_rows(cell, hidden, 1) != rows) return IG_OK; /* an error at run time */
    if (!ig_gemm_packed_b(kernels, k, rows, &of_w)) return ig_oom(p->err);
    for (int i = 0; i < 2; i++)
        if (!ig_gemm_packed_b(kernels, hidden, piece_rows(cell, hidden, i), &of_r[i])) return ig_oom(p->err);
    total = directions * (of_w + of_r[0] + of_r[1]);
    state *s = ig_alloc(p->context, sizeof *s + total * sizeof(float));
    if (!s) return ig_oom(p->err);
    *s = (state){.w = {NULL}};
    float *at = s->data;
    for (size_t d = 0; d < directions; d++) {
        s->w[d] = at;
        ig_gemm_pack_b(kernels, p->threads, (const char *)w->data + d * rows * k * sizeof(float), 1, k, k, rows, at);
        at += of_w;
        for (int i = 0; i < 2; i++) {
            size_t first = i ? piece_rows(cell, hidden, 0) : 0;
            s->r[d][i] = at;
            ig_gemm_pack_b(kernels, p->threads, (const char *)r->data + (d * rows + first) * hidden * sizeof(float), 1, hidden,
                           hidden, piece_rows(cell, hidden, i), at);
            at += of_r[i];
        }
    }
    p->taken[1] = p->taken[2] = true;
    p->state = s;
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *w = c->in[1], *r = c->in[2];
    const state *s = c->state;
    ig_recurrent job;
    const void *pw = NULL, *pr = NULL;
    if (w->rank != 3 || r->rank != 3) return ig_call_fail(c, "W and R have ranks %d and %d, not 3", w->rank, r->rank);
    IG_TRY(ig_recurrent_of_call(c, &job, cell_of(c->node), w->dims));
    if (r->dims[0] != w->dims[0] || r->dims[1] != w->dims[1] || (size_t)r->dims[2] != job.hidden)
        return ig_call_fail(c, "R has another shape than W asks for");
    if (!s) {
        IG_TRY(ig_real_in(c, w, job.type, &pw));
        IG_TRY(ig_real_in(c, r, job.type, &pr));
    }
    size_t size = ig_dtype_bytes(job.type), rows = job.gates * job.hidden;
    for (size_t d = 0; d < job.directions; d++) {
        job.w[d] = (ig_recurrent_weight){.row = job.input, .n = rows, .k = job.input, .packed = s ? s->w[d] : NULL};
        if (!s) job.w[d].rows = (const char *)pw + d * rows * job.input * size;
        for (int i = 0; i < 2; i++) {
            size_t first = i ? piece_rows(job.cell, job.hidden, 0) : 0;
            job.r[d][i] = (ig_recurrent_weight){.row = job.hidden, .n = piece_rows(job.cell, job.hidden, i), .k = job.hidden};
            if (s)
                job.r[d][i].packed = s->r[d][i];
            else
                job.r[d][i].rows = (const char *)pr + (d * rows + first) * job.hidden * size;
        }
    }
    return ig_recurrent_run(c, &job);
}

const ig_op ig_op_rnn = {"", "RNN", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_gru = {"", "GRU", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_lstm = {"", "LSTM", 1, 0, 0, infer, run, prepare, NULL};
