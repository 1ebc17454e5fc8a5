/* Attention in one number type: included by core.c with REAL and NAME defined. */

/* out (m x n) = scale * a (m x k, rows a_row apart) * b, where element (k, n) of b is b[k * b_row + n * b_col]. */
static void NAME(product)(const work *j, size_t m, size_t n, size_t k, double scale, const REAL *a, size_t a_row, const REAL *b,
                          size_t b_row, size_t b_col, REAL *out, size_t out_row, void *scratch);

static void NAME(keep)(const ig_attention *a, const block *b, size_t r, int stage, const REAL *row) {
    if (!a->scores || (int)a->scores_stage != stage) return;
    size_t head, i;
    query_of(a, b, r, &head, &i);
    memcpy((REAL *)a->scores + ((b->text * a->heads + head) * a->q_len + i) * a->kv_len, row, a->kv_len * sizeof *row);
}

static void NAME(round)(const ig_attention *a, REAL *x, size_t n) {
    for (size_t i = 0; a->brain && i < n; i++) x[i] = ig_bf16_to_f32(ig_f32_to_bf16((float)x[i]));
}

/* Scores to weights, after the largest has been found. */
static void NAME(softmax)(const ig_attention *a, REAL *s, size_t n, REAL most, REAL extra) {
    if (a->brain) {
        REAL sum = extra;
        for (size_t k = 0; k < n; k++) s[k] -= most;
        NAME(round)(a, s, n);
        IG_EACH (k, n) {
            s[k] = IG_EXP(s[k]);
        }
        NAME(round)(a, s, n);
        for (size_t k = 0; k < n; k++) {
            sum += s[k];
            NAME(round)(a, &sum, 1);
        }
        for (size_t k = 0; k < n; k++) s[k] /= sum;
        NAME(round)(a, s, n);
        return;
    }
    IG_EACH (k, n) {
        s[k] = IG_EXP(s[k] - most);
    }
    const REAL by = 1 / (NAME(sum)(s, n) + extra);
    IG_EACH (k, n) {
        s[k] *= by;
    }
}

/* Scores of keys [b->low, b->high) for one query to what they weigh. */
static void NAME(weigh)(const ig_attention *a, const block *b, size_t r, REAL *s) {
    size_t head, i, n = b->high - b->low, low, high;
    query_of(a, b, r, &head, &i);
    visible(a, b->text, i, &low, &high);
    low = ig_max_size(low, b->low) - b->low;
    high = ig_max_size(ig_min_size(high, b->high), b->low) - b->low;
    NAME(round)(a, s, n);
    NAME(keep)(a, b, r, IG_SCORES_RAW, s);
    if (a->softcap > 0) {
        const REAL cap = (REAL)a->softcap;
        IG_EACH (k, n) {
            s[k] = cap * IG_TANH(s[k] / cap);
        }
        NAME(round)(a, s, n);
    }
    NAME(keep)(a, b, r, IG_SCORES_CAPPED, s);
    if (a->bias) {
        const REAL *bias =
            (const REAL *)a->bias + b->text * a->bias_step.batch + head * a->bias_step.head + i * a->bias_step.row + b->low;
        size_t most = a->bias_len && a->bias_len < b->high ? (a->bias_len > b->low ? a->bias_len - b->low : 0) : n;
        high = ig_min_size(high, most);
        low = ig_min_size(low, high);
        /* What is hidden stays hidden whatever its score, even not a number. */
        IG_EACH (k, most) {
            s[k] = bias[k] == -INFINITY ? -INFINITY : s[k] + bias[k];
        }
        NAME(round)(a, s, most);
    }
    low = ig_min_size(low, high);
    for (size_t k = 0; k < low; k++) s[k] = -INFINITY;
    for (size_t k = high; k < n; k++) s[k] = -INFINITY;
    NAME(keep)(a, b, r, IG_SCORES_BIASED, s);
    REAL most = -INFINITY, sink = a->sink ? ((const REAL *)a->sink)[head] : -INFINITY;
    for (size_t k = low; k < high; k++) most = s[k] > most ? s[k] : most;
    bool none = most == -INFINITY;
    for (size_t k = low; none && k < high; k++) none = s[k] == -INFINITY; /* a NaN is a score too */
    most = sink > most ? sink : most;
    if (none)
        memset(s, 0, n * sizeof *s);
    else
        NAME(softmax)(a, s, n, most, a->sink ? IG_EXP(sink - most) : 0);
    NAME(keep)(a, b, r, IG_SCORES_SOFTMAX, s);
}

static void NAME(run_block)(const work *j, const block *b, void *room) {
    const ig_attention *a = j->a;
    size_t rows = b->last - b->first, n = b->high - b->low, head, i;
    REAL *s = room;
    void *scratch = (char *)room + j->scores_bytes;
    query_of(a, b, 0, &head, &i);
    const REAL *q = (const REAL *)a->q + b->text * a->q_step.batch + head * a->q_step.head + i * a->q_step.row;
    const REAL *k = (const REAL *)a->k + b->text * a->k_step.batch + b->kv_head * a->k_step.head + b->low * a->k_step.row;
    const REAL *v = (const REAL *)a->v + b->text * a->v_step.batch + b->kv_head * a->v_step.head + b->low * a->v_step.row;
    REAL *y = (REAL *)a->y + b->text * a->y_step.batch + head * a->y_step.head + i * a->y_step.row;
    NAME(product)(j, rows, n, a->head, a->scale, q, j->q_row, k, 1, a->k_step.row, s, n, scratch);
    for (size_t r = 0; r < rows; r++) NAME(weigh)(a, b, r, s + r * n);
    NAME(product)(j, rows, a->v_head, n, 1, s, n, v, a->v_step.row, 1, y, j->y_row, scratch);
}
