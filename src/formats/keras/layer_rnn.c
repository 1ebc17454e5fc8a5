/* Recurrent layers. What ONNX's RNN, GRU and LSTM can say becomes one of them; everything else (masks, other activations, cells
 * on cells, convolutions) a Scan over time whose body is one step. The share of the inputs in the gates is computed for all
 * steps at once, before the Scan.
 *
 * A mask says which steps count: on the others the states stay as they are, and the result is the one of the step before, or
 * zero. */
#include "formats/keras/layers.h"

#include <stdio.h>

enum { MAX_CELLS = 8, MAX_STATES = 2 * MAX_CELLS };

typedef enum kind { SIMPLE, GRU, LSTM, CONV_LSTM, STACK } kind;

typedef struct cell {
    ig_k k; /* whose config and weights are the cell's */
    kind kind;
    int64_t units;
    int n_states;
    bool reset_after;
    ig_k_conv conv, inner; /* of CONV_LSTM: on inputs and on states */
    ig_value *kernel, *recurrent, *bias, *recurrent_bias;
    struct cell *cells; /* of STACK */
    int n_cells;
} cell;

/* ---------------------------------------------------------------------------------------------------------------- cells */

static ig_value *sub(ig_k *k, ig_value *v, int64_t axis, int64_t part, int64_t units) {
    return ig_k_slice(k, v, axis, part * units, (part + 1) * units, 1);
}

static ig_status read_conv(cell *c, int n) {
    ig_k *k = &c->k;
    size_t m = (size_t)n;
    c->conv = (ig_k_conv){.n = n, .group = 1, .padding = ig_k_is(k, "padding", "same") ? "same" : "valid"};
    bool ok = ig_k_ints(k, "kernel_size", c->conv.kernel, m, 1) && ig_k_ints(k, "strides", c->conv.strides, m, 1) &&
              ig_k_ints(k, "dilation_rate", c->conv.dilation, m, 1);
    for (size_t i = 0; i < m; i++) ok &= c->conv.kernel[i] > 0 && c->conv.strides[i] > 0 && c->conv.dilation[i] > 0;
    if (!ok) return ig_k_refuse(k, "its kernel_size, strides or dilation_rate are no sizes");
    c->inner = (ig_k_conv){.n = n, .group = 1, .padding = "same", .strides = {1, 1, 1}, .dilation = {1, 1, 1}};
    memcpy(c->inner.kernel, c->conv.kernel, sizeof c->inner.kernel);
    return IG_OK;
}

/* [spatial…, in, out] to [out, in, spatial…]. */
static ig_value *conv_kernel(ig_k *k, ig_value *w, int n) {
    int64_t perm[5] = {n + 1, n, 0, 1, 2};
    return ig_k_transpose(k, w, perm, (size_t)n + 2);
}

static ig_status load_cell(cell *c, int conv_dims) {
    ig_k *k = &c->k;
    bool bias = ig_k_bool(k, "use_bias", true);
    c->units = ig_k_int(k, c->kind == CONV_LSTM ? "filters" : "units", -1);
    if (c->units < 1 || c->units > 1 << 24) return ig_k_refuse(k, "its units are no size");
    c->n_states = c->kind == LSTM || c->kind == CONV_LSTM ? 2 : 1;
    c->reset_after = c->kind == GRU && ig_k_bool(k, "reset_after", k->version >= 3);
    c->kernel = ig_k_weight(k, "kernel", 0);
    c->recurrent = ig_k_weight(k, "recurrent_kernel", 1);
    c->bias = bias ? ig_k_weight(k, "bias", 2) : NULL;
    if (c->kind == CONV_LSTM) {
        IG_TRY(read_conv(c, conv_dims));
        if (ig_k_rank(c->kernel) != conv_dims + 2 || ig_k_rank(c->recurrent) != conv_dims + 2)
            return ig_k_refuse(k, "its kernels don't fit");
        c->kernel = conv_kernel(k, c->kernel, conv_dims);
        c->recurrent = conv_kernel(k, c->recurrent, conv_dims);
    }
    if (c->reset_after && c->bias) {
        c->recurrent_bias = ig_k_squeeze(k, ig_k_slice(k, c->bias, 0, 1, 2, 1), 0);
        c->bias = ig_k_squeeze(k, ig_k_slice(k, c->bias, 0, 0, 1, 1), 0);
    }
    return IG_OK;
}

static bool kind_of(ig_str class_name, kind *out) {
    static const struct {
        const char *name;
        kind kind;
    } names[] = {{"SimpleRNN", SIMPLE}, {"SimpleRNNCell", SIMPLE}, {"GRU", GRU},       {"GRUCell", GRU},
                 {"LSTM", LSTM},        {"LSTMCell", LSTM},        {"CuDNNGRU", GRU},  {"CuDNNLSTM", LSTM},
                 {"GRUV2", GRU},        {"LSTMV2", LSTM},          {"GRUCellV2", GRU}, {"LSTMCellV2", LSTM}};
    for (size_t i = 0; i < IG_COUNT_OF(names); i++)
        if (ig_str_is(class_name, names[i].name)) {
            *out = names[i].kind;
            return true;
        }
    return false;
}

static ig_status make_cell(ig_k *k, const ig_json *json, const char *path, int nth, cell *c, bool nested);

static ig_status make_stack(ig_k *k, const ig_json *cells, const char *path, int nth, cell *c) {
    ig_keras_counters counters = {0};
    bool ok = true;
    c->kind = STACK;
    c->n_cells = (int)ig_json_count(cells);
    if (!ig_json_is_kind(cells, IG_JSON_LIST) || cells->n < 1 || cells->n > MAX_CELLS)
        return ig_k_refuse(k, "it has %d cells", c->n_cells);
    c->cells = IG_NEW_ARRAY(k->arena, cell, cells->n);
    for (size_t i = 0; c->cells && i < cells->n; i++) {
        ig_str name = ig_keras_count(k->arena, &counters, ig_json_text(ig_json_get(&cells->items[i], "class_name")), &ok);
        const char *at = ok ? ig_arena_printf(k->arena, "%s/cells/%.*s", path, (int)name.n, name.s) : NULL;
        if (!at) return ig_oom(k->l->err);
        IG_TRY(make_cell(k, &cells->items[i], at, nth * c->n_cells + (int)i, &c->cells[i], true));
        c->n_states += c->cells[i].n_states;
        c->units = c->cells[i].units;
    }
    return c->cells ? IG_OK : ig_oom(k->l->err);
}

static ig_status make_cell(ig_k *k, const ig_json *json, const char *path, int nth, cell *c, bool nested) {
    ig_str name = ig_json_text(ig_json_get(json, "class_name"));
    const ig_json *config = ig_json_get(json, "config");
    *c = (cell){0};
    if (ig_json_is_kind(json, IG_JSON_LIST) && !nested) return make_stack(k, json, path, nth, c);
    if (ig_str_is(name, "StackedRNNCells") && !nested) return make_stack(k, ig_json_get(config, "cells"), path, nth, c);
    if (!kind_of(name, &c->kind))
        return ig_k_refuse(k, "its cell is of the class '%.*s', which has no lowering", (int)ig_min_size(name.n, 60),
                           name.s ? name.s : "");
    c->k = ig_k_part(k, path, NULL, nth);
    c->k.config = config;
    return load_cell(c, 0);
}

/* What a step of the cell needs of its input: for one step, or for all with the time in front. */
static ig_value *project(cell *c, ig_k *k, ig_value *x) {
    if (c->kind == STACK) return project(&c->cells[0], k, x);
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "w", c->kernel);
    ig_k_bind(k, "b", c->bias);
    if (c->kind == CONV_LSTM) { /* [T,B,C,…] as one batch */
        ig_k_bind(k, "flat", ig_k_v(k, "Reshape(x, Concat<axis=0>([-1], Shape<start=2>(x)))"));
        ig_k_bind(k, "y", ig_k_convolve(k, &c->conv, ig_sketch_get(k->s, "flat"), c->kernel, c->bias));
        return ig_k_v(k, "Reshape(y, Concat<axis=0>(Shape<end=2>(x), Shape<start=1>(y)))");
    }
    return c->bias ? ig_k_v(k, "MatMul(x, w) + b") : ig_k_v(k, "MatMul(x, w)");
}

static ig_value *activate(cell *c, ig_k *k, const char *key, ig_value *v) {
    ig_k inner = c->k;
    inner.s = k->s;
    const ig_json *activation = ig_k_get(&c->k, key);
    return ig_k_activate(&inner, activation, v);
}

static ig_value *step_simple(cell *c, ig_k *k, ig_value *z, ig_value **state) {
    ig_k_bind(k, "z", z);
    ig_k_bind(k, "h", state[0]);
    ig_k_bind(k, "u", c->recurrent);
    return state[0] = activate(c, k, "activation", ig_k_v(k, "z + MatMul(h, u)"));
}

static ig_value *step_gru(cell *c, ig_k *k, ig_value *z, ig_value **state) {
    ig_value *h = state[0], *u = c->recurrent, *zh;
    ig_k_bind(k, "z", z);
    ig_k_bind(k, "h", h);
    ig_k_bind(k, "u", c->reset_after ? u : ig_k_slice(k, u, 1, 0, 2 * c->units, 1));
    ig_k_bind(k, "rb", c->recurrent_bias);
    zh = c->recurrent_bias ? ig_k_v(k, "MatMul(h, u) + rb") : ig_k_v(k, "MatMul(h, u)");
    ig_k_bind(k, "xu", sub(k, z, -1, 0, c->units));
    ig_k_bind(k, "xr", sub(k, z, -1, 1, c->units));
    ig_k_bind(k, "xh", sub(k, z, -1, 2, c->units));
    ig_k_bind(k, "hu", sub(k, zh, -1, 0, c->units));
    ig_k_bind(k, "hr", sub(k, zh, -1, 1, c->units));
    ig_value *update = activate(c, k, "recurrent_activation", ig_k_v(k, "xu + hu"));
    ig_value *reset = activate(c, k, "recurrent_activation", ig_k_v(k, "xr + hr")), *candidate;
    ig_k_bind(k, "reset", reset);
    if (c->reset_after) {
        ig_k_bind(k, "hh", sub(k, zh, -1, 2, c->units));
        candidate = ig_k_v(k, "xh + reset * hh");
    } else {
        ig_k_bind(k, "uh", sub(k, u, 1, 2, c->units));
        candidate = ig_k_v(k, "xh + MatMul(reset * h, uh)");
    }
    ig_k_bind(k, "candidate", activate(c, k, "activation", candidate));
    ig_k_bind(k, "update", update);
    return state[0] = ig_k_v(k, "update * h + (1 - update) * candidate");
}

/* Gates in a row: input, forget, candidate, output. */
static ig_value *step_lstm(cell *c, ig_k *k, ig_value *z, ig_value **state) {
    int64_t axis = c->kind == CONV_LSTM ? 1 : -1;
    ig_value *zh;
    ig_k_bind(k, "h", state[0]);
    ig_k_bind(k, "u", c->recurrent);
    if (c->kind == CONV_LSTM)
        zh = ig_k_convolve(k, &c->inner, state[0], c->recurrent, NULL);
    else
        zh = ig_k_v(k, "MatMul(h, u)");
    ig_k_bind(k, "zx", z);
    ig_k_bind(k, "zh", zh);
    z = ig_k_v(k, "zx + zh");
    ig_k_bind(k, "i", activate(c, k, "recurrent_activation", sub(k, z, axis, 0, c->units)));
    ig_k_bind(k, "f", activate(c, k, "recurrent_activation", sub(k, z, axis, 1, c->units)));
    ig_k_bind(k, "g", activate(c, k, "activation", sub(k, z, axis, 2, c->units)));
    ig_k_bind(k, "o", activate(c, k, "recurrent_activation", sub(k, z, axis, 3, c->units)));
    ig_k_bind(k, "c", state[1]);
    state[1] = ig_k_v(k, "f * c + i * g");
    ig_k_bind(k, "a", activate(c, k, "activation", state[1]));
    return state[0] = ig_k_v(k, "o * a");
}

/* One step from what `project` made; states are replaced. */
static ig_value *step(cell *c, ig_k *k, ig_value *z, ig_value **state) {
    if (c->kind == SIMPLE) return step_simple(c, k, z, state);
    if (c->kind == GRU) return step_gru(c, k, z, state);
    if (c->kind != STACK) return step_lstm(c, k, z, state);
    ig_value *y = NULL;
    for (int i = 0, at = 0; i < c->n_cells; at += c->cells[i++].n_states) {
        if (i) z = project(&c->cells[i], k, y);
        y = step(&c->cells[i], k, z, state + at);
    }
    return y;
}

/* Zeros for a batch: [B, units], or as large as a step of a convolution. */
static ig_value *zero_state(cell *c, ig_k *k, ig_value *projected) {
    ig_value *shape;
    ig_k_bind(k, "p", projected);
    ig_k_like(k, projected);
    if (c->kind == CONV_LSTM)
        shape = ig_k_v(k, "Concat<axis=0>(Shape<start=1, end=2>(p), [%lld], Shape<start=3>(p))", (long long)c->units);
    else
        shape = ig_k_v(k, "Concat<axis=0>(Shape<start=1, end=2>(p), [%lld])", (long long)c->units);
    ig_k_bind(k, "shape", shape);
    return ig_k_v(k, "Expand(0, shape)");
}

static void zero_states(cell *c, ig_k *k, ig_value *projected, ig_value **state) {
    if (c->kind != STACK) {
        for (int i = 0; i < c->n_states; i++) state[i] = zero_state(c, k, projected);
        return;
    }
    for (int i = 0, at = 0; i < c->n_cells; at += c->cells[i++].n_states) zero_states(&c->cells[i], k, projected, state + at);
}

/* ----------------------------------------------------------------------------------------------------------------- Scan */

static const ig_type *step_type(ig_k *k, const ig_value *v) {
    ig_shape shape = ig_type_shape(v ? v->type : NULL);
    if (shape.rank < 1) return v ? v->type : NULL;
    for (int i = 1; i < shape.rank; i++) shape.dims[i - 1] = shape.dims[i];
    shape.rank--;
    return ig_type_tensor(&k->l->model->arena, v->type->dtype, &shape);
}

static const ig_type *all_steps_type(ig_k *k, const ig_value *step, const ig_value *sequence) {
    ig_shape shape = ig_type_shape(step ? step->type : NULL), time = ig_type_shape(sequence ? sequence->type : NULL);
    if (shape.rank < 0 || shape.rank >= IG_MAX_RANK || time.rank < 1) return NULL;
    for (int i = shape.rank; i > 0; i--) shape.dims[i] = shape.dims[i - 1];
    shape.dims[0] = time.dims[0];
    shape.rank++;
    return ig_type_tensor(&k->l->model->arena, step->type->dtype, &shape);
}

static ig_value *body_input(ig_k *k, ig_graph *body, const ig_type *type) {
    ig_value *v = type ? ig_value_new(body, NULL, type) : NULL;
    if (!v || !ig_graph_add_input(body, v)) k->s->build.failed = true;
    return v;
}

static void body_output(ig_k *k, ig_graph *body, ig_value *v) {
    ig_k_bind(k, "v", v);
    v = ig_k_v(k, "Identity(v)");
    if (!v || !ig_graph_add_output(body, v)) k->s->build.failed = true;
}

/* The results of all steps; the last states replace those in `state`. `mask`: [T,B,1,…] or NULL. */
static ig_value *scan(ig_k *k, cell *c, ig_value *projected, ig_value *mask, bool zero_masked, ig_value **state) {
    ig_value *in[MAX_STATES + 3], *inside[MAX_STATES + 3] = {NULL}, *old[MAX_STATES], *before = NULL, *y;
    int n = c->n_states;
    bool carries = mask && !zero_masked;
    size_t n_state = (size_t)n + carries, n_in = n_state + 1 + (mask != NULL);
    ig_model *m = k->l->model;
    for (int i = 0; i < n; i++) in[i] = state[i];
    if (carries) {
        ig_k_bind(k, "h", state[c->kind == STACK ? n - c->cells[c->n_cells - 1].n_states : 0]);
        in[n] = ig_k_v(k, "zeros(h)");
    }
    in[n_state] = projected;
    if (mask) in[n_state + 1] = mask;
    if (k->s->status != IG_OK || k->l->reason[0]) return NULL;
    ig_node *node = ig_build_node(&k->s->build, NULL, "Scan", in, n_in, n_state + 1);
    ig_graph *body = node ? ig_graph_new(m, k->s->build.graph, node) : NULL;
    ig_name name = ig_model_name(m, "body");
    if (!body || !name) {
        k->s->build.failed = true;
        return NULL;
    }
    for (size_t i = 0; i < n_in; i++) inside[i] = body_input(k, body, i < n_state ? in[i]->type : step_type(k, in[i]));
    ig_k_elsewhere e;
    ig_k_enter(k, &e, body);
    ig_k_like(k, inside[n_state]);
    for (int i = 0; i < n; i++) old[i] = state[i] = inside[i];
    before = carries ? inside[n] : NULL;
    y = step(c, k, inside[n_state], state);
    if (mask) {
        ig_k_bind(k, "mask", inside[n_state + 1]);
        for (int i = 0; i < n; i++) {
            ig_k_bind(k, "new", state[i]);
            ig_k_bind(k, "old", old[i]);
            state[i] = ig_k_v(k, "Where(mask, new, old)");
        }
        ig_k_bind(k, "y", y);
        ig_k_bind(k, "before", before);
        y = before ? ig_k_v(k, "Where(mask, y, before)") : ig_k_v(k, "Where(mask, y, zeros(y))");
    }
    for (int i = 0; i < n; i++) body_output(k, body, state[i]);
    if (carries) body_output(k, body, y);
    body_output(k, body, y);
    const ig_type *all = all_steps_type(k, y, projected);
    ig_k_leave(k, &e);
    ig_attr a = {.name = name, .kind = IG_ATTR_GRAPH, .g = body};
    if (!all || !ig_attr_put(node, &a) || !ig_attr_put_int(node, "num_scan_inputs", (int64_t)(n_in - n_state)))
        k->s->build.failed = true;
    for (size_t i = 0; i < n_state; i++) node->out[i]->type = in[i]->type;
    node->out[n_state]->type = all;
    for (int i = 0; i < n; i++) state[i] = node->out[i];
    return node->out[n_state];
}

/* --------------------------------------------------------------------------------------------------- ONNX's own operators */

/* An activation as ONNX names it, with alpha and beta; NULL: it has no word for it. */
static const char *onnx_activation(const ig_k *k, const char *key, const char *preset, float *alpha, float *beta) {
    static const struct {
        const char *keras, *onnx;
        float alpha, beta;
    } names[] = {{"tanh", "Tanh", 0, 0},         {"sigmoid", "Sigmoid", 0, 0},   {"relu", "Relu", 0, 0},
                 {"softsign", "Softsign", 0, 0}, {"softplus", "Softplus", 0, 0}, {"hard_sigmoid", "HardSigmoid", 0.2f, 0.5f}};
    ig_str name = ig_json_text(ig_k_get(k, key));
    if (!name.s && !ig_k_get(k, key)) name = ig_str_c(preset);
    for (size_t i = 0; i < IG_COUNT_OF(names); i++) {
        if (!ig_str_is(name, names[i].keras)) continue;
        *alpha = names[i].alpha;
        *beta = names[i].beta;
        if (names[i].alpha > 0 && k->version >= 3) *alpha = 1.0f / 6;
        return names[i].onnx;
    }
    return NULL;
}

/* Gates of [..., n * units] in ONNX's order, in front. */
static ig_value *gates_first(ig_k *k, ig_value *v, const int *order, int n, int64_t units) {
    ig_value *parts[4];
    int64_t perm[] = {1, 0};
    bool matrix = ig_k_rank(v) == 2;
    for (int i = 0; i < n; i++) parts[i] = sub(k, v, -1, order[i], units);
    v = order[1] == 1 ? v : ig_k_concat(k, parts, (size_t)n, -1);
    return ig_k_unsqueeze(k, matrix ? ig_k_transpose(k, v, perm, 2) : v, 0);
}

static bool put_activations(ig_k *k, ig_node *node, const char *const *names, const float *alpha, const float *beta, size_t n) {
    ig_arena *arena = &k->l->model->arena;
    ig_str *list = IG_NEW_ARRAY(arena, ig_str, n);
    float *a = IG_NEW_ARRAY(arena, float, n), *b = IG_NEW_ARRAY(arena, float, n);
    bool numbers = false;
    if (!list || !a || !b) return false;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        list[i] = ig_str_c(names[i]);
        if (strcmp(names[i], "HardSigmoid") != 0) continue;
        a[used] = alpha[i]; /* only functions that have parameters take from the lists */
        b[used++] = beta[i];
        numbers = true;
    }
    ig_name name = ig_model_name(k->l->model, "activations"), name_a = ig_model_name(k->l->model, "activation_alpha"),
            name_b = ig_model_name(k->l->model, "activation_beta");
    if (!name || !name_a || !name_b) return false;
    bool ok = ig_attr_put(node, &(ig_attr){.name = name, .kind = IG_ATTR_STRINGS, .n = n, .strings = list});
    if (numbers) {
        ok = ok && ig_attr_put(node, &(ig_attr){.name = name_a, .kind = IG_ATTR_FLOATS, .n = used, .floats = a});
        ok = ok && ig_attr_put(node, &(ig_attr){.name = name_b, .kind = IG_ATTR_FLOATS, .n = used, .floats = b});
    }
    return ok;
}

/* NULL when it takes a Scan. x: [T,B,in]. States: absent ones (NULL) are zeros. */
static ig_value *fused(ig_k *k, cell *c, ig_value *x, ig_value **state) {
    static const int lstm_order[] = {0, 3, 1, 2}, plain_order[] = {0, 1, 2};
    static const char *const ops[] = {"RNN", "GRU", "LSTM"};
    const char *names[3];
    float alpha[3] = {0}, beta[3] = {0};
    if (c->kind > LSTM || c->units < 1 || ig_k_dtype(x) != IG_F32) return NULL;
    int n = c->kind == LSTM ? 4 : c->kind == GRU ? 3 : 1, functions = c->kind == SIMPLE ? 1 : c->kind == GRU ? 2 : 3;
    const int *order = c->kind == LSTM ? lstm_order : plain_order;
    const char *preset = c->k.version >= 3 ? "sigmoid" : "hard_sigmoid";
    for (int i = 0; i < functions; i++) {
        bool recurrent = i == 0 && c->kind != SIMPLE;
        names[i] = onnx_activation(&c->k, recurrent ? "recurrent_activation" : "activation", recurrent ? preset : "tanh",
                                   &alpha[i], &beta[i]);
        if (!names[i]) return NULL;
    }
    ig_value *b = NULL, *h0 = state[0] ? ig_k_unsqueeze(k, state[0], 0) : NULL,
             *c0 = c->kind == LSTM && state[1] ? ig_k_unsqueeze(k, state[1], 0) : NULL;
    if (c->bias) {
        ig_value *wb = gates_first(k, c->bias, order, n, c->units), *rb;
        ig_k_like(k, wb);
        ig_k_bind(k, "wb", wb);
        rb = c->recurrent_bias ? gates_first(k, c->recurrent_bias, order, n, c->units) : ig_k_v(k, "zeros(wb)");
        b = ig_k_concat(k, (ig_value *[]){wb, rb}, 2, -1);
    }
    ig_value *in[] = {
        x, gates_first(k, c->kernel, order, n, c->units), gates_first(k, c->recurrent, order, n, c->units), b, NULL, h0, c0};
    size_t n_in = c0 ? 7 : h0 ? 6 : b ? 4 : 3;
    if (k->s->status != IG_OK) return NULL;
    const char *attributes =
        ig_arena_printf(k->arena, "hidden_size=%lld%s", (long long)c->units, c->reset_after ? ", linear_before_reset=1" : "");
    ig_node *node = attributes ? ig_sketch_node(k->s, NULL, ops[c->kind], attributes, in, n_in, c->kind == LSTM ? 3 : 2) : NULL;
    if (!node) return NULL;
    if (!node->graph || !put_activations(k, node, names, alpha, beta, (size_t)functions)) {
        k->s->build.failed = true;
        return NULL;
    }
    for (int i = 0; i < c->n_states; i++) state[i] = ig_k_squeeze(k, node->out[i + 1], 0);
    return ig_k_squeeze(k, node->out[0], 1);
}

/* ---------------------------------------------------------------------------------------------------------------- layers */

typedef struct run {
    bool sequences, states, reverse, time_major, zero_masked;
} run;

static ig_value *flipped(ig_k *k, ig_value *v, int64_t axis) { return ig_k_slice(k, v, axis, -1, INT64_MIN + 1, -1); }

static ig_value *swapped(ig_k *k, ig_value *v) {
    int64_t perm[IG_MAX_RANK];
    int rank = ig_k_rank(v);
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[0] = 1;
    perm[1] = 0;
    return rank >= 2 ? ig_k_transpose(k, v, perm, (size_t)rank) : v;
}

/* Time in front, and channels before the spatial dims of convolutions. */
static ig_value *arrange(ig_k *k, const cell *c, const run *r, ig_value *x) {
    int64_t perm[5];
    int rank = ig_k_rank(x);
    if (!r->time_major) x = swapped(k, x);
    if (r->reverse) x = flipped(k, x, 0);
    if (c->kind != CONV_LSTM || ig_k_channels_first(&c->k)) return x;
    for (int i = 0; i < rank; i++) perm[i] = i < 2 ? i : i == 2 ? rank - 1 : i - 1;
    return ig_k_transpose(k, x, perm, (size_t)rank);
}

/* The channels of a result or state back behind the spatial dims; `front`: dims before them. */
static ig_value *channels_back(ig_k *k, const cell *c, ig_value *v, int front) {
    int64_t perm[6];
    int rank = ig_k_rank(v);
    if (c->kind != CONV_LSTM || ig_k_channels_first(&c->k) || rank < 0 || rank > 6) return v;
    for (int i = 0; i < rank; i++) perm[i] = i < front ? i : i == rank - 1 ? front : i + 1;
    return ig_k_transpose(k, v, perm, (size_t)rank);
}

static ig_value *channels_forward(ig_k *k, const cell *c, ig_value *v) {
    int64_t perm[5];
    int rank = ig_k_rank(v);
    if (c->kind != CONV_LSTM || ig_k_channels_first(&c->k) || rank < 2 || rank > 5) return v;
    for (int i = 0; i < rank; i++) perm[i] = i < 1 ? i : i == 1 ? rank - 1 : i - 1;
    return ig_k_transpose(k, v, perm, (size_t)rank);
}

/* out: the result, then states when r->states. */
static ig_status run_cell(ig_k *k, cell *c, const run *r, ig_value *x, ig_value *mask, ig_value *const *initial,
                          size_t n_initial, ig_value **out) {
    ig_value *state[MAX_STATES] = {NULL}, *y = NULL;
    int rank, conv = c->kind == CONV_LSTM ? c->conv.n : 0;
    IG_TRY(ig_k_need_rank(k, x, &rank));
    if (k->l->reason[0]) return IG_E_UNSUPPORTED;
    if (rank != 3 + conv + (conv ? 0 : 0)) return ig_k_refuse(k, "its input has %d dims, and not %d", rank, 3 + conv);
    if (n_initial && n_initial != (size_t)c->n_states)
        return ig_k_refuse(k, "it is given %zu states, and not %d", n_initial, c->n_states);
    for (size_t i = 0; i < n_initial; i++) state[i] = channels_forward(k, c, ig_k_cast(k, initial[i], k->dtype));
    x = arrange(k, c, r, ig_k_cast(k, x, k->dtype));
    ig_k_like(k, x);
    if (!mask) y = fused(k, c, x, state);
    if (k->l->reason[0]) return IG_E_UNSUPPORTED;
    if (!y) {
        ig_value *projected = project(c, k, x);
        if (!n_initial) zero_states(c, k, projected, state);
        if (mask) {
            mask = r->time_major ? mask : swapped(k, mask);
            mask = ig_k_cast(k, ig_k_rank(mask) == 3 ? mask : ig_k_unsqueeze(k, mask, -1), IG_BOOL);
            if (r->reverse) mask = flipped(k, mask, 0);
            for (int i = 0; i < conv; i++) mask = ig_k_unsqueeze(k, mask, -1);
        }
        ig_k_like(k, projected);
        y = scan(k, c, projected, mask, r->zero_masked, state);
    }
    if (!r->sequences)
        y = channels_back(k, c, ig_k_squeeze(k, ig_k_slice(k, y, 0, -1, INT64_MAX, 1), 0), 1);
    else
        y = channels_back(k, c, r->time_major ? y : swapped(k, y), 2);
    out[0] = y;
    for (int i = 0; i < c->n_states && r->states; i++) out[i + 1] = channels_back(k, c, state[i], 1);
    return k->s->status;
}

static run read_run(const ig_k *k) {
    return (run){.sequences = ig_k_bool(k, "return_sequences", false),
                 .states = ig_k_bool(k, "return_state", false),
                 .reverse = ig_k_bool(k, "go_backwards", false),
                 .time_major = ig_k_bool(k, "time_major", false),
                 .zero_masked = ig_k_bool(k, "zero_output_for_mask", false)};
}

/* The cell of a layer: its own config, or that of "cell". */
static ig_status layer_cell(ig_k *k, ig_str class_name, int64_t conv, cell *c) {
    const ig_json *inside = ig_k_get(k, "cell");
    if (inside) return make_cell(k, inside, "cell", k->nth, c, false);
    *c = (cell){.kind = CONV_LSTM, .k = ig_k_part(k, "cell", NULL, k->nth)};
    if (!conv && !kind_of(class_name, &c->kind)) return ig_k_refuse(k, "its class is no recurrent layer that igata knows");
    return load_cell(c, (int)conv);
}

/* Initial states: an argument, or tensors beside the first. */
static size_t initial_states(const ig_k *k, ig_value **out) {
    size_t n = ig_k_arg_tensors(k, "initial_state", k->args ? 1 : -1, out, MAX_STATES);
    if (n || !k->args) {
        if (k->args || k->kwargs) return n;
        n = 0;
        for (size_t i = 1; i < k->n_in && n < MAX_STATES; i++) out[n++] = k->in[i];
        return n;
    }
    const ig_json *first = ig_json_at(k->args, 0);
    for (size_t i = 1; ig_json_is_kind(first, IG_JSON_LIST) && i < first->n && n < MAX_STATES; i++)
        out[n++] = ig_k_tensor(k, &first->items[i]);
    return n;
}

ig_status ig_k_lower_rnn(ig_k *k) {
    ig_value *initial[MAX_STATES], *out[MAX_STATES + 1] = {NULL};
    cell c;
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    IG_TRY(layer_cell(k, ig_str_c(k->rule->op), ig_k_arg_of(k), &c));
    run r = read_run(k);
    size_t n = initial_states(k, initial);
    ig_value *mask = k->mask[0];
    IG_TRY(run_cell(k, &c, &r, k->in[0], mask, initial, n, out));
    for (size_t i = 0; i < k->n_out && i <= MAX_STATES; i++) ig_k_out(k, i, out[i]);
    if (r.sequences && k->n_out) k->out_mask[0] = mask;
    return IG_OK;
}

/* ---- Bidirectional ---- */

typedef struct direction {
    cell cell;
    run run;
    ig_value *out[MAX_STATES + 1];
} direction;

static ig_status run_direction(ig_k *k, const ig_json *layer, bool backward, ig_value *const *initial, size_t n, direction *d) {
    ig_str class_name = ig_json_text(ig_json_get(layer, "class_name"));
    ig_k inner = ig_k_part(k, backward ? "backward_layer" : "forward_layer", NULL, 2 * k->nth + backward);
    inner.config = ig_json_get(layer, "config");
    char name[40];
    snprintf(name, sizeof name, "%.*s", (int)ig_min_size(class_name.n, 39), class_name.s ? class_name.s : "");
    const ig_lower_rule *rule = ig_lower_rule_find(IG_KERAS_DOMAIN, name);
    int64_t conv = ig_str_starts(class_name, "ConvLSTM") && rule ? rule->arg & 15 : 0;
    IG_TRY(layer_cell(&inner, class_name, conv, &d->cell));
    d->run = read_run(&inner);
    d->run.zero_masked = d->run.sequences;
    return run_cell(k, &d->cell, &d->run, k->in[0], k->mask[0], initial, n, d->out);
}

/* A backward layer isn't written out when it is the forward one turned around. */
ig_status ig_k_lower_bidirectional(ig_k *k) {
    const ig_json *layer = ig_k_get(k, "layer"), *other = ig_k_get(k, "backward_layer");
    direction f = {0}, b = {0};
    ig_value *initial[2 * MAX_STATES], *y = NULL, *back;
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    size_t n = initial_states(k, initial);
    ig_k turned = *k;
    IG_TRY(run_direction(k, layer, false, initial, n / 2, &f));
    if (!other) {
        size_t members = ig_json_count(ig_json_get(layer, "config"));
        const ig_json *config = ig_json_get(layer, "config");
        ig_json *copy = IG_NEW(k->arena, ig_json), *object = IG_NEW(k->arena, ig_json),
                *items = IG_NEW_ARRAY(k->arena, ig_json, members + 1), *parts = IG_NEW_ARRAY(k->arena, ig_json, 2);
        ig_str *keys = IG_NEW_ARRAY(k->arena, ig_str, members + 1), *names = IG_NEW_ARRAY(k->arena, ig_str, 2);
        if (!copy || !object || !items || !keys || !parts || !names) return ig_oom(k->l->err);
        size_t count = 0;
        for (size_t i = 0; i < members; i++) {
            if (ig_str_is(config->keys[i], "go_backwards")) continue;
            keys[count] = config->keys[i];
            items[count++] = config->items[i];
        }
        keys[count] = IG_STR("go_backwards");
        items[count++] = (ig_json){.kind = IG_JSON_BOOL, .b = !f.run.reverse};
        *copy = (ig_json){.kind = IG_JSON_OBJECT, .n = count, .items = items, .keys = keys};
        names[0] = IG_STR("class_name");
        parts[0] = (ig_json){.kind = IG_JSON_TEXT, .s = ig_json_text(ig_json_get(layer, "class_name"))};
        names[1] = IG_STR("config");
        parts[1] = *copy;
        *object = (ig_json){.kind = IG_JSON_OBJECT, .n = 2, .items = parts, .keys = names};
        other = object;
    }
    IG_TRY(run_direction(&turned, other, true, initial + n / 2, n / 2, &b));
    back = b.out[0];
    if (b.run.sequences) back = flipped(k, back, f.run.time_major ? 0 : 1);
    size_t at = 1;
    ig_k_like(k, f.out[0]);
    ig_k_bind(k, "f", f.out[0]);
    ig_k_bind(k, "b", back);
    if (ig_k_is(k, "merge_mode", "sum")) y = ig_k_v(k, "f + b");
    if (ig_k_is(k, "merge_mode", "mul")) y = ig_k_v(k, "f * b");
    if (ig_k_is(k, "merge_mode", "ave")) y = ig_k_v(k, "(f + b) / 2");
    const ig_json *mode = ig_json_get(k->config, "merge_mode");
    if (ig_json_is(mode, "concat")) y = ig_k_v(k, "Concat<axis=-1>(f, b)");
    if (!y && mode && mode->kind != IG_JSON_NULL) return ig_k_refuse(k, "its merge_mode is none that igata knows");
    ig_k_out(k, 0, y ? y : f.out[0]);
    if (!y) ig_k_out(k, at++, back);
    for (int i = 0; i < f.cell.n_states && f.run.states; i++) ig_k_out(k, at++, f.out[i + 1]);
    for (int i = 0; i < b.cell.n_states && b.run.states; i++) ig_k_out(k, at++, b.out[i + 1]);
    for (size_t i = 0; f.run.sequences && i < (y ? 1u : 2u) && i < k->n_out; i++) k->out_mask[i] = k->mask[0];
    return IG_OK;
}

/* ---- TimeDistributed ---- */

/* Batch and time as one batch. */
ig_status ig_k_lower_time_distributed(ig_k *k) {
    int rank;
    ig_value *x, *y = NULL;
    if (!k->n_in || !k->n_out) return ig_k_refuse(k, "it is called without a tensor");
    IG_TRY(ig_k_need_rank(k, k->in[0], &rank));
    if (rank < 2) return ig_k_refuse(k, "its input has %d dims", rank);
    ig_k_bind(k, "x", k->in[0]);
    x = ig_k_v(k, "Reshape<allowzero=1>(x, Concat<axis=0>([-1], Shape<start=2>(x)))");
    ig_k_inner inner = {.layer = ig_k_get(k, "layer"), .path = "layer", .nth = k->nth};
    IG_TRY(ig_k_call(k, &inner, &x, 1, &y, 1));
    ig_k_bind(k, "x", k->in[0]);
    ig_k_bind(k, "y", y);
    ig_k_out(k, 0, ig_k_v(k, "Reshape(y, Concat<axis=0>(Shape<end=2>(x), Shape<start=1>(y)))"));
    k->out_mask[0] = k->mask[0];
    return IG_OK;
}
