/* Operators under mutation: a small valid model whose inputs have defaults (the seeds, one a line of operators' families), and
 * a script that changes attributes, shapes, types, values and versions before it is run. Whatever comes out, nothing may crash,
 * read or write out of bounds, overflow or leak.
 *
 * The input: a byte n, n steps of four bytes each, the model file. */
#include "formats/onnx/format.h"
#include "runtime/runtime.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { STEP = 4, MAX_STEPS = 12 };

static volatile bool out_of_time; /* loops may run for ever: stops them between nodes */

static void on_alarm(int signal) {
    IG_UNUSED(signal);
    out_of_time = true;
}

static int64_t number_of(uint8_t v) {
    static const int64_t odd[] = {INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX,        UINT32_MAX, -129, 128, 255,
                                  256,       65535,     65536,     INT64_C(1) << 40, 1000,       4096, -32, 64};
    return v < 16 ? odd[v] : (int64_t)v - 48;
}

static float real_of(uint8_t v) {
    static const float odd[] = {0.0f, -0.0f, 1e-30f, 1e30f, -1e30f, 0.5f, -0.5f, 1.0f, 1e10f, 2.5f};
    if (v == 10) return __builtin_nanf("");
    if (v == 11) return __builtin_inff();
    return v < 10 ? odd[v] : (float)(v - 48) / 4;
}

/* ---------------------------------------------------------------------------------------------------------------- steps */

static void change_ints(ig_model *m, ig_attr *a, uint8_t where, uint8_t value) {
    size_t n = where >= 240 ? (size_t)where - 240 : a->n;
    int64_t *ints = IG_NEW_ARRAY(&m->arena, int64_t, n + 1);
    if (!ints) return;
    for (size_t i = 0; i < n; i++) ints[i] = i < a->n ? a->ints[i] : number_of(value);
    if (n && where < 240) ints[where % n] = number_of(value);
    a->ints = ints;
    a->n = n;
}

static void change_floats(ig_model *m, ig_attr *a, uint8_t where, uint8_t value) {
    size_t n = where >= 240 ? (size_t)where - 240 : a->n;
    float *floats = IG_NEW_ARRAY(&m->arena, float, n + 1);
    if (!floats) return;
    for (size_t i = 0; i < n; i++) floats[i] = i < a->n ? a->floats[i] : real_of(value);
    if (n && where < 240) floats[where % n] = real_of(value);
    a->floats = floats;
    a->n = n;
}

static ig_str change_text(ig_model *m, ig_str s, uint8_t where, uint8_t value) {
    char *text = IG_NEW_ARRAY(&m->arena, char, s.n + 1);
    if (!text || s.n == 0) return s;
    memcpy(text, s.s, s.n);
    text[where % s.n] = (char)value;
    return (ig_str){text, value == 0 ? where % s.n : s.n};
}

static void change_strings(ig_model *m, ig_attr *a, uint8_t where, uint8_t value) {
    ig_str *strings = IG_NEW_ARRAY(&m->arena, ig_str, a->n + 1);
    if (!strings || a->n == 0) return;
    memcpy(strings, a->strings, a->n * sizeof *strings);
    strings[where % a->n] = change_text(m, strings[where % a->n], value, where);
    a->strings = strings;
    if (value == 0) a->n--;
}

static void change_attr(ig_model *m, ig_node *node, const uint8_t *step) {
    ig_attr *a = node->attrs;
    size_t n = 0;
    for (const ig_attr *b = a; b; b = b->next) n++;
    if (n == 0) return;
    for (size_t i = step[1] % n; i-- > 0;) a = a->next;
    switch (a->kind) {
    case IG_ATTR_INT: a->i = number_of(step[3]); break;
    case IG_ATTR_FLOAT: a->f = real_of(step[3]); break;
    case IG_ATTR_STRING: a->s = change_text(m, a->s, step[2], step[3]); break;
    case IG_ATTR_INTS: change_ints(m, a, step[2], step[3]); break;
    case IG_ATTR_FLOATS: change_floats(m, a, step[2], step[3]); break;
    case IG_ATTR_STRINGS: change_strings(m, a, step[2], step[3]); break;
    default: break;
    }
    a->wire = (ig_span){0};
    if (step[2] == 239) ig_attr_remove(node, a->name);
}

/* An attribute that the operator knows and the node lacks. */
static void add_attr(ig_node *node, const uint8_t *step) {
    const ig_schema *s = node->schema;
    if (!s || s->n_attrs == 0) return;
    const ig_schema_attr *a = &s->attrs[step[1] % s->n_attrs];
    int64_t ints[4] = {number_of(step[3]), 1, number_of(step[2]), 2};
    if (a->kind == IG_ATTR_INT) ig_attr_put_int(node, a->name, ints[0]);
    if (a->kind == IG_ATTR_FLOAT) ig_attr_put_float(node, a->name, real_of(step[3]));
    if (a->kind == IG_ATTR_INTS) ig_attr_put_ints(node, a->name, ints, step[2] % 5);
    if (a->kind == IG_ATTR_STRING) ig_attr_put_str(node, a->name, a->s ? a->s : "x");
}

/* The value's default becomes a copy with other dims or elements of another type, filled with what it had. */
static void change_shape(ig_model *m, ig_value *v, const uint8_t *step, bool retype) {
    ig_tensor *old, *t;
    int64_t dims[IG_MAX_RANK];
    if (ig_const_tensor(m, v->constant, &old, NULL) != IG_OK || old->kind != IG_KIND_TENSOR) return;
    int rank = old->rank;
    ig_dtype dtype = retype ? (ig_dtype)(1 + step[3] % (IG_DTYPE_COUNT - 1)) : old->dtype;
    if (retype && (dtype == IG_STRING) != (old->dtype == IG_STRING)) return;
    memcpy(dims, old->dims, sizeof dims);
    if (!retype && step[2] >= 250 && rank < 8)
        dims[rank++] = step[3] % 5;
    else if (!retype && step[2] >= 240 && rank > 0)
        rank--;
    else if (!retype && rank > 0)
        dims[step[2] % rank] = step[3] < 250 ? step[3] % 10 : step[3];
    if (ig_tensor_new(&t, m->context, dtype, rank, dims, NULL) != IG_OK) return;
    if (dtype == IG_STRING) {
        for (size_t i = 0; i < t->count; i++)
            if (old->count) ig_tensor_set_string(t, i, ig_tensor_strings(old)[i % old->count]);
    } else {
        for (size_t i = 0; i < t->bytes; i++)
            ((uint8_t *)t->data)[i] = old->bytes ? ((const uint8_t *)old->data)[i % old->bytes] : 0;
        if (dtype == IG_BOOL)
            for (size_t i = 0; i < t->count; i++) ((uint8_t *)t->data)[i] &= 1;
    }
    ig_const *c = ig_const_create(m, v->name, t);
    if (c) v->constant = c;
}

static void change_element(ig_model *m, ig_value *v, const uint8_t *step) {
    ig_tensor *old, *t;
    if (ig_const_tensor(m, v->constant, &old, NULL) != IG_OK || old->kind != IG_KIND_TENSOR || old->count == 0) return;
    if (ig_tensor_copy(&t, m->context, old, NULL) != IG_OK) return;
    size_t at = step[2] % t->count;
    if (t->dtype == IG_STRING) {
        ig_tensor_set_string(t, at, change_text(m, ig_tensor_strings(old)[at], 0, step[3]));
    } else if (t->dtype == IG_I64) {
        ((int64_t *)t->data)[at] = number_of(step[3]);
    } else if (t->dtype == IG_I32) {
        ((int32_t *)t->data)[at] = (int32_t)number_of(step[3]);
    } else if (t->dtype == IG_F32) {
        ((float *)t->data)[at] = real_of(step[3]);
    } else {
        ((uint8_t *)t->data)[step[2] % t->bytes] = t->dtype == IG_BOOL ? step[3] & 1 : step[3];
    }
    ig_const *c = ig_const_create(m, v->name, t);
    if (c) v->constant = c;
}

static ig_node *node_at(ig_model *m, size_t i) {
    ig_node *n = m->graph->first;
    for (size_t k = m->graph->n_nodes ? i % m->graph->n_nodes : 0; n && k-- > 0;) n = n->next;
    return n;
}

static void take_step(ig_model *m, const uint8_t *step) {
    ig_graph *g = m->graph;
    ig_node *node = node_at(m, step[0] >> 4);
    ig_value *v = g->initializers.n ? g->initializers.items[step[1] % g->initializers.n] : NULL;
    switch (step[0] % 8) {
    case 0:
    case 1:
        if (node) change_attr(m, node, step);
        break;
    case 2:
        if (node) add_attr(node, step);
        break;
    case 3:
        if (v) change_shape(m, v, step, false);
        break;
    case 4:
        if (v) change_shape(m, v, step, true);
        break;
    case 5:
        if (v) change_element(m, v, step);
        break;
    case 6:
        if (node && node->n_in) ig_node_set_input(node, step[1] % node->n_in, step[2] & 1 ? v : NULL);
        break;
    case 7:
        if (m->opsets.n) m->opsets.items[step[1] % m->opsets.n].version = step[3] % 30;
        break;
    }
}

/* ------------------------------------------------------------------------------------------------------------------- run */

/* Declared types follow the defaults, so that what was changed gets to the operators. */
static void set_types(ig_model *m) {
    for (size_t i = 0; i < m->graph->inputs.n; i++) {
        ig_value_info *info = &m->graph->inputs.items[i];
        ig_tensor *t;
        if (!info->value->constant || ig_const_tensor(m, info->value->constant, &t, NULL) != IG_OK) continue;
        info->value->type = info->type = ig_tensor_type(&m->arena, t);
    }
    for (size_t i = 0; i < m->graph->outputs.n; i++) {
        ig_value_info *info = &m->graph->outputs.items[i];
        info->type = NULL;
        if (info->value && !info->value->is_input) info->value->type = NULL;
    }
}

static void run(ig_model *m, bool optimize) {
    ig_session_options options = {IG_OPTIONS(ig_session_options), .threads = 1, .optimize = optimize ? 0 : -1};
    ig_run_options run_options = {IG_OPTIONS(ig_run_options), .cancel = &out_of_time};
    ig_session *session;
    ig_error err = {0};
    if (ig_session_create(&session, m, &options, &err) != IG_OK) return;
    size_t n = ig_session_output_count(session);
    ig_tensor *outputs[64] = {NULL};
    if (n <= 64 && ig_session_run(session, NULL, NULL, 0, NULL, outputs, n, &run_options, &err) == IG_OK)
        for (size_t i = 0; i < n; i++) ig_tensor_free(outputs[i]);
    ig_session_free(session);
}

static void try(ig_context *context, const uint8_t *steps, size_t n, const uint8_t *file, size_t size) {
    ig_open_options options = {IG_OPTIONS(ig_open_options), .context = context, .format = "onnx"};
    ig_model *m;
    if (ig_model_open_memory(&m, file, size, &options, NULL) != IG_OK) return;
    ig_model_resolve(m);
    for (size_t i = 0; i < n; i++) take_step(m, steps + i * STEP);
    set_types(m);
    ig_model_resolve(m);
    run(m, n % 2);
    ig_model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ig_context *context;
    ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 32 << 20, .depth = 16}};
    struct itimerval second = {.it_value = {.tv_sec = 1}}, never = {.it_value = {.tv_sec = 0}};
    size_t n = size ? data[0] % (MAX_STEPS + 1) : 0;
    if (size < 1 + n * STEP || ig_context_create(&context, &limits, NULL) != IG_OK) return 0;
    out_of_time = false;
    signal(SIGVTALRM, on_alarm);
    setitimer(ITIMER_VIRTUAL, &second, NULL);
    try(context, data + 1, n, data + 1 + n * STEP, size - 1 - n * STEP);
    setitimer(ITIMER_VIRTUAL, &never, NULL);
    if (ig_context_memory(context, NULL) != 0) abort();
    ig_context_free(context);
    return 0;
}

/* Mostly the script is changed; bytes of the model now and then. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    uint8_t steps[STEP * MAX_STEPS];
    if (size == 0 || seed % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
    size_t n = data[0] % (MAX_STEPS + 1);
    if (size < 1 + n * STEP) return LLVMFuzzerMutate(data, size, max_size);
    size_t rest = size - 1 - n * STEP;
    memcpy(steps, data + 1, n * STEP);
    size_t room = LLVMFuzzerMutate(steps, n * STEP, sizeof steps), many = (room + STEP - 1) / STEP;
    if (1 + many * STEP + rest > max_size) return size;
    for (size_t i = room; i < many * STEP; i++) steps[i] = (uint8_t)(seed >> (i % 4 * 8));
    memmove(data + 1 + many * STEP, data + 1 + n * STEP, rest);
    memcpy(data + 1, steps, many * STEP);
    data[0] = (uint8_t)many;
    return 1 + many * STEP + rest;
}
