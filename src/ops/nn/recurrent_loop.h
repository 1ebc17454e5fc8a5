/* The loop over time, written once for float and double: included by recurrent.c with REAL and NAME defined. */

/* out (m rows, out_row apart) = a (m x k) * weight' + bias, or added to out. */
static void NAME(multiply)(work *j, const REAL *a, size_t m, const ig_recurrent_weight *w, const REAL *bias, REAL *out,
                           size_t out_row, bool add);

static void NAME(clip)(const ig_recurrent *r, REAL *x, size_t n) {
    const REAL most = (REAL)r->clip;
    if (r->clip <= 0) return;
    for (size_t i = 0; i < n; i++) x[i] = x[i] > most ? most : x[i] < -most ? -most : x[i];
}

/* x: what the input gives to all gates, ready to be overwritten; hr: what the last hidden state gives. */
static void NAME(step_rnn)(const work *j, REAL *x, const REAL *hr, REAL *h) {
    size_t n = j->r->hidden;
    for (size_t i = 0; i < n; i++) h[i] = x[i] + hr[i];
    NAME(clip)(j->r, h, n);
    NAME(ig_activate)(&j->act[0], h, n);
}

static void NAME(step_lstm)(const work *j, REAL *x, const REAL *hr, REAL *h, REAL *c) {
    const ig_recurrent *r = j->r;
    size_t n = r->hidden;
    const REAL *p = j->peepholes;
    REAL *in = x, *out = x + n, *forget = x + 2 * n, *cell = x + 3 * n;
    for (size_t i = 0; i < 4 * n; i++) x[i] += hr[i];
    for (size_t i = 0; p && i < n; i++) {
        in[i] += p[i] * c[i];
        forget[i] += p[2 * n + i] * c[i];
    }
    NAME(clip)(r, in, n);
    NAME(clip)(r, forget, 2 * n);
    NAME(ig_activate)(&j->act[0], in, n);
    if (r->couple)
        for (size_t i = 0; i < n; i++) forget[i] = 1 - in[i];
    else
        NAME(ig_activate)(&j->act[0], forget, n);
    NAME(ig_activate)(&j->act[1], cell, n);
    for (size_t i = 0; i < n; i++) {
        c[i] = forget[i] * c[i] + in[i] * cell[i];
        if (p) out[i] += p[n + i] * c[i];
        h[i] = c[i];
    }
    NAME(clip)(r, out, n);
    NAME(ig_activate)(&j->act[0], out, n);
    NAME(ig_activate)(&j->act[2], h, n);
    for (size_t i = 0; i < n; i++) h[i] *= out[i];
}

/* The first half of a GRU's step: update and reset gates of one row. */
static void NAME(gates_gru)(const work *j, REAL *x, const REAL *hr) {
    size_t n = j->r->hidden;
    for (size_t i = 0; i < 2 * n; i++) x[i] += hr[i];
    NAME(clip)(j->r, x, 2 * n);
    NAME(ig_activate)(&j->act[0], x, 2 * n);
}

/* The second: hr is what the hidden state, reset before or after, gives to the candidate. */
static void NAME(step_gru)(const work *j, REAL *x, const REAL *hr, REAL *h) {
    const ig_recurrent *r = j->r;
    size_t n = r->hidden;
    const REAL *reset = x + n, *bias = j->late_bias;
    REAL *candidate = x + 2 * n;
    for (size_t i = 0; i < n; i++) candidate[i] += r->linear_before_reset ? reset[i] * (hr[i] + (bias ? bias[i] : 0)) : hr[i];
    NAME(clip)(r, candidate, n);
    NAME(ig_activate)(&j->act[1], candidate, n);
    for (size_t i = 0; i < n; i++) h[i] = (1 - x[i]) * candidate[i] + x[i] * h[i];
}

/* All rows of the batch at step s. A row whose text has ended stays as it is. */
static void NAME(step)(work *j, size_t s) {
    const ig_recurrent *r = j->r;
    size_t n = r->hidden, gates = r->gates * n, d = j->direction, batch = r->batch;
    REAL *h = j->h, *hr = j->hr, *x = j->x_step, *xw = j->xw, *reset = j->reset;
    bool gru = r->cell == IG_CELL_GRU;
    NAME(multiply)(j, h, batch, &r->r[d][0], NULL, hr, gates, false);
    if (gru && r->linear_before_reset) NAME(multiply)(j, h, batch, &r->r[d][1], NULL, hr + 2 * n, gates, false);
    if (r->extra) NAME(multiply)(j, j->extra, batch, &r->extra_w[d], NULL, hr, gates, true);
    for (size_t b = 0; b < batch; b++) {
        memcpy(x + b * gates, xw + row_at(j, s, b) * gates, gates * sizeof *x);
        if (!gru) continue;
        NAME(gates_gru)(j, x + b * gates, hr + b * gates);
        for (size_t i = 0; i < n; i++) reset[b * n + i] = x[b * gates + n + i] * h[b * n + i];
    }
    if (gru && !r->linear_before_reset) NAME(multiply)(j, reset, batch, &r->r[d][1], NULL, hr + 2 * n, gates, false);
    for (size_t b = 0; b < batch; b++) {
        if (s >= length_of(r, b)) continue;
        REAL *row = x + b * gates, *state = h + b * n;
        const REAL *from = hr + b * gates;
        if (gru)
            NAME(step_gru)(j, row, from + 2 * n, state);
        else if (r->cell == IG_CELL_LSTM)
            NAME(step_lstm)(j, row, from, state, (REAL *)j->c + b * n);
        else
            NAME(step_rnn)(j, row, from, state);
        if (r->y) memcpy((REAL *)r->y + y_at(j, s, b) * n, state, n * sizeof *state);
    }
    if (r->attend) r->attend(r->attend_arg, d, j->h, j->extra);
}

static void NAME(run_direction)(work *j) {
    const ig_recurrent *r = j->r;
    size_t n = r->hidden, gates = r->gates * n, d = j->direction, rows = r->steps * r->batch, most = 0;
    const REAL *bias = r->bias ? (const REAL *)r->bias + d * 2 * gates : NULL;
    REAL *sum = j->bias_sum;
    for (size_t i = 0; bias && i < gates; i++) {
        bool late = r->cell == IG_CELL_GRU && r->linear_before_reset && i >= 2 * n;
        sum[i] = bias[i] + (late ? 0 : bias[gates + i]);
    }
    j->late_bias = bias ? bias + gates + 2 * n : NULL;
    j->peepholes = r->peepholes ? (const REAL *)r->peepholes + d * 3 * n : NULL;
    NAME(multiply)(j, r->x, rows, &r->w[d], bias ? sum : NULL, j->xw, gates, false);
    for (size_t b = 0; b < r->batch; b++) {
        size_t from = state_at(r, d, b) * n;
        for (size_t i = 0; i < n; i++) {
            ((REAL *)j->h)[b * n + i] = r->initial_h ? ((const REAL *)r->initial_h)[from + i] : 0;
            ((REAL *)j->c)[b * n + i] = r->initial_c ? ((const REAL *)r->initial_c)[from + i] : 0;
        }
        most = ig_max_size(most, length_of(r, b));
    }
    if (r->extra) memset(j->extra, 0, r->batch * r->extra * sizeof(REAL));
    for (size_t s = 0; s < most; s++) NAME(step)(j, s);
    for (size_t b = 0; b < r->batch; b++) {
        size_t to = state_at(r, d, b) * n;
        if (r->y_h) memcpy((REAL *)r->y_h + to, (REAL *)j->h + b * n, n * sizeof(REAL));
        if (r->y_c) memcpy((REAL *)r->y_c + to, (REAL *)j->c + b * n, n * sizeof(REAL));
    }
}
