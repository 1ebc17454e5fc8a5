/* Recurrent operators. What ONNX's RNN and LSTM can say becomes one of them; everything else (projection, layer normalization,
 * clipped cells, other activations, quantized steps) a Scan over time whose body is one step.
 *
 * States are variables of the file: they start at zero in every run, and what is written to them is seen by later readers. */
#include "formats/tflite/rules.h"

static ig_value *present(const ig_lower *l, int i) { return i < 0 ? NULL : ig_lower_in(l, (uint32_t)i); }

/* Weights, biases and states as real numbers; integers of 32 bits have scales here too. */
static ig_value *number(ig_lower *l, int i) {
    ig_value *v = present(l, i);
    bool wide = ig_tfl_type(v) == IG_I32 && v->quant && v->quant->n == 1;
    if (wide) return IG_BUILD(&l->b, "DequantizeLinear", v, ig_build_f32(&l->b, v->quant->scales[0]));
    return v ? ig_tfl_dequantize(l, v) : NULL;
}

static ig_value *transposed(ig_lower *l, ig_value *w) { return w ? ig_tfl_transpose(l, w, (int64_t[]){1, 0}, 2) : NULL; }

/* Time first. */
static ig_value *by_time(ig_lower *l, ig_value *x, bool time_major) {
    return time_major ? x : ig_tfl_transpose(l, x, (int64_t[]){1, 0, 2}, 3);
}

static bool is_hybrid(const ig_lower *l, int weights) {
    return ig_tfl_is_float(ig_lower_in(l, 0)) && ig_tfl_quantized(present(l, weights));
}

/* Through int8 and back, each row with a scale of its own. */
static ig_value *round_rows(ig_lower *l, ig_value *x) {
    ig_build *b = &l->b;
    ig_value *most = IG_TFL_OP(l, "ReduceMax", "keepdims=1", IG_BUILD(b, "Abs", x), ig_tfl_ints1(l, -1));
    ig_value *limit = ig_build_f32(b, 127);
    ig_value *scale = IG_BUILD(b, "Div", IG_BUILD(b, "Max", most, ig_build_f32(b, 1e-30f)), limit);
    ig_value *q = IG_BUILD(b, "Clip", IG_BUILD(b, "Round", IG_BUILD(b, "Div", x, scale)), ig_build_f32(b, -127), limit);
    return IG_BUILD(b, "Mul", q, scale);
}

/* As the numbers of a quantized tensor have it. */
static ig_value *round_like(ig_lower *l, ig_value *x, const ig_value *like) {
    if (!ig_tfl_quantized(like)) return x;
    ig_value *q = ig_tfl_quantize(l, x, like);
    if (!q || !(q->type = ig_type_tensor(&l->model->arena, ig_tfl_type(like), NULL))) {
        l->b.failed = true;
        return NULL;
    }
    q->quant = like->quant;
    return ig_tfl_dequantize(l, q);
}

/* ---------------------------------------------------------------------------------------------------------------- Scan */

/* A Scan being built: `state` enters, `sequence` is taken apart along the first dim. Between begin and end l->b builds the
 * body. */
typedef struct scan {
    ig_node *node;
    ig_graph *body;
    ig_build outer;
    size_t n_state, n_in;
    ig_value *in[8]; /* of the body: states, then one step of each sequence */
    bool reverse;
} scan;

static bool begin_scan(ig_lower *l, scan *s, ig_value *const *state, size_t n_state, ig_value *const *sequence, size_t n,
                       bool reverse) {
    ig_value *in[8];
    *s = (scan){.n_state = n_state, .n_in = n_state + n, .reverse = reverse};
    if (s->n_in > IG_COUNT_OF(in)) return false;
    for (size_t i = 0; i < s->n_in; i++) in[i] = i < n_state ? state[i] : sequence[i - n_state];
    s->node = ig_build_node(&l->b, NULL, "Scan", in, s->n_in, n_state + 1);
    s->body = s->node ? ig_graph_new(l->model, l->b.graph, s->node) : NULL;
    s->outer = l->b;
    if (!s->body) return false;
    for (size_t i = 0; i < s->n_in; i++) {
        s->in[i] = ig_value_new(s->body, NULL, ig_type_tensor(&l->model->arena, IG_F32, NULL));
        if (!s->in[i] || !s->in[i]->type || !ig_graph_add_input(s->body, s->in[i])) return false;
    }
    l->b = ig_build_end(s->body);
    return true;
}

/* `state`: the new ones, then the result of the step. What comes out of the node is in its outputs. */
static bool end_scan(ig_lower *l, scan *s, ig_value *const *results) {
    for (size_t i = 0; i <= s->n_state; i++) {
        ig_value *v = IG_BUILD(&l->b, "Identity", results[i]);
        if (!v || !ig_graph_add_output(s->body, v)) return false;
    }
    bool failed = l->b.failed;
    l->b = s->outer;
    l->b.last = s->node;
    l->b.failed |= failed;
    size_t n = s->n_in - s->n_state;
    if (!ig_tfl_put_graph(s->node, "body", s->body)) return false;
    ig_build_int(&l->b, "num_scan_inputs", (int64_t)n);
    if (s->reverse) {
        ig_build_ints(&l->b, "scan_input_directions", (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1}, n);
        ig_build_ints(&l->b, "scan_output_directions", (int64_t[]){1}, 1);
    }
    return !l->b.failed;
}

/* ----------------------------------------------------------------------------------------------------------------- RNN */

/* One direction of a plain RNN, by the numbers of its inputs. */
typedef struct rnn {
    int weights, recurrent, bias, state, aux_weights;
    bool reverse;
} rnn;

static ig_value *reshape3(ig_lower *l, ig_value *v, const ig_value *like) {
    int64_t dims[] = {1, ig_tfl_dim(like, 0), ig_tfl_dim(like, 1)};
    return dims[1] >= 0 && dims[2] >= 0 ? ig_tfl_reshape(l, v, dims, 3) : ig_tfl_unsqueeze(l, v, 0);
}

/* h = act(W·x + A·aux + b + R·h) over [time,batch,…]. */
static ig_value *run_rnn(ig_lower *l, const rnn *r, ig_value *x, ig_value *aux) {
    bool hybrid = is_hybrid(l, r->weights), tanh = ig_tfl_attr_is(l, "fused_activation_function", "TANH");
    bool plain = tanh || ig_tfl_attr_is(l, "fused_activation_function", "RELU");
    ig_value *w = number(l, r->weights), *recurrent = number(l, r->recurrent), *bias = number(l, r->bias),
             *h = number(l, r->state);
    if (plain && !hybrid && !aux) {
        int64_t units = ig_tfl_dim(present(l, r->weights), 0);
        ig_value *zeros = ig_tfl_filled(l, ig_tfl_ints1(l, units), IG_F32, 0);
        ig_value *both = ig_tfl_unsqueeze(l, ig_tfl_concat(l, (ig_value *[]){bias, zeros}, 2, 0), 0);
        ig_value *in[] = {x,
                          reshape3(l, w, present(l, r->weights)),
                          reshape3(l, recurrent, present(l, r->recurrent)),
                          both,
                          NULL,
                          ig_tfl_unsqueeze(l, h, 0)};
        ig_node *n = ig_build_node(&l->b, NULL, "RNN", in, 6, 2);
        ig_attr a = {.name = ig_model_name(l->model, "activations"), .kind = IG_ATTR_STRINGS, .n = 1};
        static const ig_str names[] = {{"Tanh", 4}, {"Relu", 4}};
        a.strings = &names[!tanh];
        if (n && (!a.name || !ig_attr_put(n, &a))) l->b.failed = true;
        ig_build_int(&l->b, "hidden_size", units);
        if (r->reverse) ig_build_str(&l->b, "direction", "reverse");
        ig_tfl_set_state(l, (uint32_t)r->state, n ? ig_tfl_squeeze(l, n->out[1], 0) : NULL);
        return n ? ig_tfl_squeeze(l, n->out[0], 1) : NULL;
    }
    if (hybrid) x = round_rows(l, x);
    x = IG_BUILD(&l->b, "Add", IG_BUILD(&l->b, "MatMul", x, transposed(l, w)), bias);
    if (aux) {
        if (hybrid) aux = round_rows(l, aux);
        x = IG_BUILD(&l->b, "Add", x, IG_BUILD(&l->b, "MatMul", aux, transposed(l, number(l, r->aux_weights))));
    }
    recurrent = transposed(l, recurrent);
    scan s;
    if (!begin_scan(l, &s, &h, 1, &x, 1, r->reverse)) goto failed;
    ig_value *old = hybrid ? round_rows(l, s.in[0]) : s.in[0];
    ig_value *y = ig_tfl_activate(l, IG_BUILD(&l->b, "Add", s.in[1], IG_BUILD(&l->b, "MatMul", old, recurrent)));
    if (!end_scan(l, &s, (ig_value *[]){y, y})) goto failed;
    ig_tfl_set_state(l, (uint32_t)r->state, s.node->out[0]);
    return s.node->out[1];
failed:
    l->b.failed = true;
    return NULL;
}

/* One step. */
ig_status ig_tfl_lower_rnn(ig_lower *l) {
    rnn r = {.weights = 1, .recurrent = 2, .bias = 3, .state = 4, .aux_weights = -1};
    ig_value *y = run_rnn(l, &r, ig_tfl_unsqueeze(l, ig_lower_in(l, 0), 0), NULL);
    ig_tfl_out(l, 0, ig_tfl_squeeze(l, y, 0));
    return IG_OK;
}

ig_status ig_tfl_lower_sequence_rnn(ig_lower *l) {
    bool time_major = ig_tfl_attr(l, "time_major");
    rnn r = {.weights = 1, .recurrent = 2, .bias = 3, .state = 4, .aux_weights = -1};
    ig_value *y = run_rnn(l, &r, by_time(l, ig_lower_in(l, 0), time_major), NULL);
    ig_tfl_out(l, 0, by_time(l, y, time_major));
    return IG_OK;
}

/* The results of both directions, in one output or two. */
static void out_both(ig_lower *l, ig_value *forward, ig_value *backward, bool time_major) {
    if (ig_tfl_attr(l, "merge_outputs")) {
        ig_value *y = ig_tfl_concat(l, (ig_value *[]){forward, backward}, 2, -1);
        ig_tfl_out_real(l, 0, by_time(l, y, time_major));
        return;
    }
    ig_tfl_out_real(l, 0, by_time(l, forward, time_major));
    ig_tfl_out_real(l, 1, by_time(l, backward, time_major));
}

/* A second input without weights of its own is what the backward direction reads. */
ig_status ig_tfl_lower_bidirectional_sequence_rnn(ig_lower *l) {
    bool time_major = ig_tfl_attr(l, "time_major");
    ig_value *x = by_time(l, ig_lower_in(l, 0), time_major), *aux = ig_lower_in(l, 9);
    bool weights = ig_lower_in(l, 10) != NULL;
    if (aux) aux = by_time(l, aux, time_major);
    rnn forward = {.weights = 1, .recurrent = 2, .bias = 3, .state = 4, .aux_weights = 10};
    rnn backward = {.weights = 5, .recurrent = 6, .bias = 7, .state = 8, .aux_weights = 11, .reverse = true};
    ig_value *f = run_rnn(l, &forward, x, weights ? aux : NULL);
    ig_value *b = run_rnn(l, &backward, aux && !weights ? aux : x, weights ? aux : NULL);
    out_both(l, f, b, time_major);
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- LSTM */

enum { INPUT_GATE, FORGET_GATE, CELL_GATE, OUTPUT_GATE, GATES };

/* One direction of an LSTM, by the numbers of its inputs; -1: none. Four inputs in a row are those of the gates. */
typedef struct lstm {
    int weights, recurrent, peephole, bias, projection, state, cell, norm, aux_weights;
    bool reverse, hybrid, cifg, diagonal;
    float cell_clip, proj_clip;
} lstm;

static lstm lstm_at(const ig_lower *l, int first, int state, int norm, int aux_weights, bool reverse) {
    lstm m = {.weights = first,
              .recurrent = first + 4,
              .peephole = first + 8,
              .bias = first + 11,
              .projection = first + 15,
              .state = state,
              .cell = state + 1,
              .norm = norm,
              .aux_weights = aux_weights,
              .reverse = reverse};
    m.cifg = !present(l, m.weights);
    m.hybrid = is_hybrid(l, m.weights + 1);
    m.diagonal = ig_tfl_attr(l, "diagonal_recurrent_tensors");
    m.cell_clip = ig_attr_float(l->node, "cell_clip");
    m.proj_clip = ig_attr_float(l->node, "proj_clip");
    return m;
}

/* Peepholes of the input, forget and output gates stand in a row. */
static int peephole_of(const ig_lower *l, const lstm *m, int gate) {
    int i = gate == CELL_GATE ? -1 : m->peephole + (gate == OUTPUT_GATE ? 2 : gate);
    return present(l, i) ? i : -1;
}

static bool is_plain(const ig_lower *l, const lstm *m) {
    bool normed = m->norm >= 0 && present(l, m->norm + 1);
    return !m->hybrid && !m->diagonal && !normed && m->cell_clip == 0 && !present(l, m->projection) &&
           ig_tfl_attr_is(l, "fused_activation_function", "TANH") && !ig_tfl_quantized(ig_lower_in(l, 0)) &&
           ig_tfl_static(present(l, m->weights + 1)) && ig_tfl_static(present(l, m->recurrent + 1));
}

/* Gates in ONNX's order. Coupled gates: the input gate is 1 - forget gate, and 1 - sigmoid(z) is sigmoid(-z). */
static ig_value *stacked(ig_lower *l, const lstm *m, int first) {
    static const int order[] = {INPUT_GATE, OUTPUT_GATE, FORGET_GATE, CELL_GATE};
    ig_value *parts[GATES];
    for (int k = 0; k < GATES; k++) {
        bool coupled = order[k] == INPUT_GATE && m->cifg;
        parts[k] = number(l, first + (coupled ? FORGET_GATE : order[k]));
        if (coupled) parts[k] = IG_BUILD(&l->b, "Neg", parts[k]);
    }
    return ig_tfl_unsqueeze(l, ig_tfl_concat(l, parts, GATES, 0), 0);
}

static ig_value *stacked_peepholes(ig_lower *l, const lstm *m, int64_t units) {
    static const int order[] = {INPUT_GATE, OUTPUT_GATE, FORGET_GATE};
    ig_value *parts[3];
    if (peephole_of(l, m, OUTPUT_GATE) < 0 && peephole_of(l, m, FORGET_GATE) < 0) return NULL;
    for (int k = 0; k < 3; k++) {
        bool coupled = order[k] == INPUT_GATE && m->cifg;
        ig_value *p = number(l, peephole_of(l, m, coupled ? FORGET_GATE : order[k]));
        parts[k] = !p ? ig_tfl_filled(l, ig_tfl_ints1(l, units), IG_F32, 0) : coupled ? IG_BUILD(&l->b, "Neg", p) : p;
    }
    return ig_tfl_unsqueeze(l, ig_tfl_concat(l, parts, 3, 0), 0);
}

/* ONNX's LSTM has no second input: its weights stand beside those of the first. */
static ig_value *plain_lstm(ig_lower *l, const lstm *m, ig_value *x, ig_value *aux) {
    int64_t units = ig_tfl_dim(present(l, m->weights + 1), 0);
    ig_value *w = stacked(l, m, m->weights), *bias = stacked(l, m, m->bias);
    if (aux) {
        x = ig_tfl_concat(l, (ig_value *[]){x, aux}, 2, -1);
        w = ig_tfl_concat(l, (ig_value *[]){w, stacked(l, m, m->aux_weights)}, 2, -1);
    }
    ig_value *zeros = ig_tfl_filled(l, ig_tfl_list(l, (int64_t[]){1, 4 * units}, 2), IG_F32, 0);
    ig_value *in[] = {x,
                      w,
                      stacked(l, m, m->recurrent),
                      ig_tfl_concat(l, (ig_value *[]){bias, zeros}, 2, 1),
                      NULL,
                      ig_tfl_unsqueeze(l, number(l, m->state), 0),
                      ig_tfl_unsqueeze(l, number(l, m->cell), 0),
                      stacked_peepholes(l, m, units)};
    ig_node *n = ig_build_node(&l->b, NULL, "LSTM", in, IG_COUNT_OF(in), 3);
    ig_build_int(&l->b, "hidden_size", units);
    if (m->reverse) ig_build_str(&l->b, "direction", "reverse");
    if (!n) return NULL;
    ig_tfl_set_state(l, (uint32_t)m->state, ig_tfl_squeeze(l, n->out[1], 0));
    ig_tfl_set_state(l, (uint32_t)m->cell, ig_tfl_squeeze(l, n->out[2], 0));
    return ig_tfl_squeeze(l, n->out[0], 1);
}

/* The share of the inputs in a gate, for all steps at once: W·x + A·aux. */
static ig_value *gate_input(ig_lower *l, const lstm *m, int gate, ig_value *x, ig_value *aux) {
    ig_value *z = IG_BUILD(&l->b, "MatMul", x, transposed(l, number(l, m->weights + gate)));
    if (aux) z = IG_BUILD(&l->b, "Add", z, IG_BUILD(&l->b, "MatMul", aux, transposed(l, number(l, m->aux_weights + gate))));
    return z;
}

/* What a step reads, made before the loop. */
typedef struct gate_weights {
    ig_value *recurrent, *peephole, *norm, *bias;
} gate_weights;

static gate_weights gate_at(ig_lower *l, const lstm *m, int gate) {
    gate_weights g = {.recurrent = number(l, m->recurrent + gate),
                      .peephole = number(l, peephole_of(l, m, gate)),
                      .norm = m->norm >= 0 ? number(l, m->norm + gate) : NULL,
                      .bias = number(l, m->bias + gate)};
    if (!m->diagonal) g.recurrent = transposed(l, g.recurrent);
    return g;
}

/* Before the activation. Layer normalization: zero mean, unit variance (+1e-8), times coefficients. */
static ig_value *gate_sum(ig_lower *l, const lstm *m, const gate_weights *g, ig_value *z, ig_value *h, ig_value *c) {
    ig_build *b = &l->b;
    z = IG_BUILD(b, "Add", z, IG_BUILD(b, m->diagonal ? "Mul" : "MatMul", h, g->recurrent));
    if (g->peephole) z = IG_BUILD(b, "Add", z, IG_BUILD(b, "Mul", c, g->peephole));
    if (g->norm) {
        ig_value *axis = ig_tfl_ints1(l, -1);
        ig_value *d = IG_BUILD(b, "Sub", z, IG_TFL_OP(l, "ReduceMean", "keepdims=1", z, axis));
        ig_value *variance = IG_TFL_OP(l, "ReduceMean", "keepdims=1", IG_BUILD(b, "Mul", d, d), axis);
        ig_value *deviation = IG_BUILD(b, "Sqrt", IG_BUILD(b, "Add", variance, ig_build_f32(b, 1e-8f)));
        z = IG_BUILD(b, "Mul", IG_BUILD(b, "Div", d, deviation), g->norm);
    }
    return g->bias ? IG_BUILD(b, "Add", z, g->bias) : z;
}

static ig_value *clipped(ig_lower *l, ig_value *v, float limit) {
    return limit > 0 ? IG_BUILD(&l->b, "Clip", v, ig_build_f32(&l->b, -limit), ig_build_f32(&l->b, limit)) : v;
}

static ig_value *scanned_lstm(ig_lower *l, const lstm *m, ig_value *x, ig_value *aux) {
    ig_value *sequences[GATES], *start[2] = {number(l, m->state), number(l, m->cell)};
    gate_weights gates[GATES] = {0};
    int first = m->cifg ? FORGET_GATE : INPUT_GATE;
    if (m->hybrid) {
        x = round_rows(l, x);
        aux = aux ? round_rows(l, aux) : NULL;
    }
    for (int k = first; k < GATES; k++) {
        sequences[k - first] = gate_input(l, m, k, x, aux);
        gates[k] = gate_at(l, m, k);
    }
    ig_value *projection = transposed(l, number(l, m->projection)), *projection_bias = number(l, m->projection + 1);
    scan s;
    if (!begin_scan(l, &s, start, 2, sequences, (size_t)(GATES - first), m->reverse)) goto failed;
    ig_build *b = &l->b;
    ig_value *h = m->hybrid && !m->diagonal ? round_rows(l, s.in[0]) : s.in[0], *c = s.in[1], *z[GATES];
    for (int k = first; k < OUTPUT_GATE; k++) z[k] = gate_sum(l, m, &gates[k], s.in[2 + k - first], h, c);
    ig_value *forget = IG_BUILD(b, "Sigmoid", z[FORGET_GATE]);
    ig_value *input = m->cifg ? IG_BUILD(b, "Sub", ig_build_f32(b, 1), forget) : IG_BUILD(b, "Sigmoid", z[INPUT_GATE]);
    ig_value *candidate = ig_tfl_activate(l, z[CELL_GATE]);
    ig_value *cell = IG_BUILD(b, "Add", IG_BUILD(b, "Mul", forget, c), IG_BUILD(b, "Mul", input, candidate));
    cell = round_like(l, clipped(l, cell, m->cell_clip), present(l, m->cell));
    ig_value *output = IG_BUILD(b, "Sigmoid", gate_sum(l, m, &gates[OUTPUT_GATE], s.in[2 + OUTPUT_GATE - first], h, cell));
    ig_value *y = IG_BUILD(b, "Mul", output, ig_tfl_activate(l, cell));
    if (projection) {
        y = IG_BUILD(b, "MatMul", m->hybrid ? round_rows(l, y) : y, projection);
        if (projection_bias) y = IG_BUILD(b, "Add", y, projection_bias);
        y = clipped(l, y, m->proj_clip);
    }
    y = round_like(l, y, present(l, m->state));
    if (!end_scan(l, &s, (ig_value *[]){y, cell, y})) goto failed;
    if (!ig_tfl_quantized(present(l, m->state))) {
        ig_tfl_set_state(l, (uint32_t)m->state, s.node->out[0]);
        ig_tfl_set_state(l, (uint32_t)m->cell, s.node->out[1]);
    }
    return s.node->out[2];
failed:
    l->b.failed = true;
    return NULL;
}

/* Over [time,batch,…]. */
static ig_value *run_lstm(ig_lower *l, const lstm *m, ig_value *x, ig_value *aux) {
    return is_plain(l, m) ? plain_lstm(l, m, x, aux) : scanned_lstm(l, m, x, aux);
}

ig_status ig_tfl_lower_sequence_lstm(ig_lower *l) {
    bool time_major = ig_tfl_attr(l, "time_major");
    lstm m = lstm_at(l, 1, 18, 20, -1, false);
    ig_value *y = by_time(l, run_lstm(l, &m, by_time(l, ig_tfl_real(l, 0), time_major), NULL), time_major);
    const ig_value *state = present(l, m.state), *out = l->node->n_out ? l->node->out[0] : NULL;
    if (ig_tfl_quantized(state) && ig_tfl_quantized(out) && ig_tfl_type(state) == ig_tfl_type(out))
        ig_tfl_out(l, 0, ig_tfl_quantize(l, y, state)); /* the kernel writes both alike, whatever scale the output has */
    else
        ig_tfl_out_real(l, 0, y);
    return IG_OK;
}

ig_status ig_tfl_lower_bidirectional_sequence_lstm(ig_lower *l) {
    bool time_major = ig_tfl_attr(l, "time_major");
    ig_value *x = by_time(l, ig_tfl_real(l, 0), time_major), *aux = ig_lower_in(l, 39);
    bool weights = ig_lower_in(l, 41) != NULL;
    if (aux) aux = by_time(l, ig_tfl_real(l, 39), time_major);
    lstm forward = lstm_at(l, 1, 35, -1, 40, false), backward = lstm_at(l, 18, 37, -1, 44, true);
    ig_value *f = run_lstm(l, &forward, x, weights ? aux : NULL);
    ig_value *b = run_lstm(l, &backward, aux && !weights ? aux : x, weights ? aux : NULL);
    out_both(l, f, b, time_major);
    return IG_OK;
}

/* The kernel type BASIC: data, activation, weights [4·units, inputs + units] of the gates input, new, forget, output, bias,
 * cell. */
static ig_status basic_lstm(ig_lower *l) {
    ig_build *b = &l->b;
    ig_value *both = ig_tfl_concat(l, (ig_value *[]){ig_tfl_real(l, 0), ig_tfl_real(l, 1)}, 2, -1);
    ig_value *z = IG_TFL_OP(l, "Gemm", "transB=1", both, number(l, 2), number(l, 3));
    ig_node *split = ig_build_node(b, NULL, "Split", &z, 1, GATES);
    ig_build_int(b, "axis", -1);
    ig_build_int(b, "num_outputs", GATES);
    if (!split) return IG_OK;
    ig_value *input = IG_BUILD(b, "Sigmoid", split->out[0]), *candidate = IG_BUILD(b, "Tanh", split->out[1]);
    ig_value *forget = IG_BUILD(b, "Sigmoid", split->out[2]), *output = IG_BUILD(b, "Sigmoid", split->out[3]);
    ig_value *cell = IG_BUILD(b, "Mul", forget, ig_tfl_real(l, 4));
    cell = IG_BUILD(b, "Add", cell, IG_BUILD(b, "Mul", input, candidate));
    ig_tfl_out_real(l, 0, IG_BUILD(b, "Mul", output, IG_BUILD(b, "Tanh", cell)));
    ig_tfl_out_real(l, 1, cell);
    ig_tfl_out_real(l, 2, both);
    ig_tfl_out_real(l, 3, z);
    return IG_OK;
}

/* One step. */
ig_status ig_tfl_lower_lstm(ig_lower *l) {
    if (ig_tfl_attr_is(l, "kernel_type", "BASIC")) return basic_lstm(l);
    lstm m = lstm_at(l, 1, 18, 20, -1, false);
    ig_value *y = run_lstm(l, &m, ig_tfl_unsqueeze(l, ig_tfl_real(l, 0), 0), NULL);
    ig_tfl_out_real(l, 0, ig_tfl_squeeze(l, y, 0));
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- SVDF */

/* Each filter keeps the products of the last steps; a unit is the sum of `rank` filters, weighted over time. */
ig_status ig_tfl_lower_svdf(ig_lower *l) {
    ig_build *b = &l->b;
    ig_value *feature = ig_lower_in(l, 1), *time = ig_lower_in(l, 2), *state = ig_lower_in(l, 4);
    int64_t filters = ig_tfl_dim(feature, 0), memory = ig_tfl_dim(time, 1), rank = ig_tfl_attr(l, "rank");
    if (filters < 1 || memory < 1 || rank < 1 || filters % rank) return ig_lower_refuse(l, "its weights don't fit its rank");
    ig_value *x = ig_tfl_real(l, 0);
    if (is_hybrid(l, 1)) x = round_rows(l, x);
    ig_value *product = IG_TFL_OP(l, "Gemm", "transB=1", x, number(l, 1));
    product = ig_tfl_unsqueeze(l, round_like(l, product, state), -1);
    ig_value *kept = ig_tfl_reshape(l, number(l, 4), (int64_t[]){-1, filters, memory}, 3);
    kept = ig_tfl_concat(l, (ig_value *[]){ig_tfl_slice(l, kept, 2, 1, INT64_MAX), product}, 2, 2);
    ig_value *y = IG_TFL_OP(l, "ReduceSum", "keepdims=0", IG_BUILD(b, "Mul", kept, number(l, 2)), ig_tfl_ints1(l, -1));
    if (rank > 1) {
        y = ig_tfl_reshape(l, y, (int64_t[]){-1, filters / rank, rank}, 3);
        y = IG_TFL_OP(l, "ReduceSum", "keepdims=0", y, ig_tfl_ints1(l, -1));
    }
    ig_value *bias = number(l, 3);
    if (bias) y = IG_BUILD(b, "Add", y, bias);
    ig_tfl_out_real(l, 0, ig_tfl_activate(l, y));
    if (!ig_tfl_quantized(state)) ig_tfl_set_state(l, 4, ig_tfl_reshape(l, kept, (int64_t[]){-1, filters * memory}, 2));
    return IG_OK;
}
