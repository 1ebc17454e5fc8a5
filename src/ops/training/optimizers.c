/* ai.onnx.preview.training: Adam, Adagrad, Momentum (version 1). One step for any number of tensors: R, T, then all X, all G
 * and all states; outputs are all new X, then the new states. */
#include "ops/op.h"

#include <math.h>

#define TRAINING "ai.onnx.preview.training"

/* What is the same for all elements. */
typedef struct step {
    double rate, norm, norm_post, epsilon, alpha, beta;
    bool nesterov;
} step;

/* The new value of an element, from its gradient and states, which are updated. */
typedef double (*update_fn)(const step *s, double x, double g, double *state);

static double adam(const step *s, double x, double g, double *state) {
    g += s->norm * x;
    state[0] = s->alpha * state[0] + (1 - s->alpha) * g;
    state[1] = s->beta * state[1] + (1 - s->beta) * g * g;
    return (1 - s->norm_post) * (x - s->rate * state[0] / (sqrt(state[1]) + s->epsilon));
}

static double adagrad(const step *s, double x, double g, double *state) {
    g += s->norm * x;
    state[0] += g * g;
    return x - s->rate * g / (sqrt(state[0]) + s->epsilon);
}

static double momentum(const step *s, double x, double g, double *state) {
    g += s->norm * x;
    state[0] = s->alpha * state[0] + s->beta * g;
    return x - s->rate * (s->nesterov ? g + s->alpha * state[0] : state[0]);
}

/* The number of tensors that are optimized, with `states` states each; 0: the inputs can't be divided so. */
static size_t tensors(size_t n_in, size_t states) {
    return n_in < 2 || (n_in - 2) % (states + 2) ? 0 : (n_in - 2) / (states + 2);
}

static ig_status infer(ig_infer *c, size_t states) {
    size_t n = tensors(c->n_in, states);
    if (n == 0) return ig_infer_fail(c, "%zu inputs: R, T and %zu per tensor are due", c->n_in, states + 2);
    for (size_t o = 0; o < n * (states + 1); o++) /* X, or past the gradients the states */
        IG_TRY(ig_infer_set_type(c, o, c->in[2 + (o < n ? o : o + n)]));
    return IG_OK;
}

static ig_status infer_one_state(ig_infer *c) { return infer(c, 1); }
static ig_status infer_two_states(ig_infer *c) { return infer(c, 2); }

typedef struct job {
    update_fn update;
    const step *s;
    size_t states;
    const ig_tensor *x, *g, *state[2];
    ig_tensor *new_x, *new_state[2]; /* NULL: nobody wants it */
} job;

static void update_range(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    for (size_t i = begin; i < end; i++) {
        double state[2] = {0};
        for (size_t k = 0; k < j->states; k++) state[k] = ig_load_as_f64(j->state[k]->dtype, j->state[k]->data, i);
        double x =
            j->update(j->s, ig_load_as_f64(j->x->dtype, j->x->data, i), ig_load_as_f64(j->g->dtype, j->g->data, i), state);
        if (j->new_x) ig_store_f64(j->new_x->dtype, j->new_x->data, i, x);
        for (size_t k = 0; k < j->states; k++)
            if (j->new_state[k]) ig_store_f64(j->new_state[k]->dtype, j->new_state[k]->data, i, state[k]);
    }
}

static ig_status run(ig_call *c, update_fn update, const step *s, size_t states) {
    size_t n = tensors(c->n_in, states);
    for (size_t t = 0; t < n; t++) {
        job j = {.update = update, .s = s, .states = states, .x = c->in[2 + t], .g = c->in[2 + n + t]};
        bool same = j.x && j.g && j.g->count == j.x->count;
        if (t < c->n_out) j.new_x = c->out[t];
        for (size_t k = 0; k < states; k++) {
            size_t o = n * (k + 1) + t;
            j.state[k] = c->in[2 + n * (k + 2) + t];
            if (o < c->n_out) j.new_state[k] = c->out[o];
            same &= j.state[k] && j.x && j.state[k]->count == j.x->count;
        }
        if (!same) return ig_call_fail(c, "tensor %zu, its gradient and its states have different shapes", t);
        ig_parallel(c->threads, j.x->count, 1 << 12, update_range, &j);
    }
    return IG_OK;
}

/* R and T are single numbers. */
static ig_status start(ig_call *c, step *s, double *count) {
    const ig_tensor *r = c->in[0], *t = c->in[1];
    if (!r || !t || r->count != 1 || t->count != 1) return ig_call_fail(c, "R and T must be single numbers");
    *s = (step){.rate = ig_load_as_f64(r->dtype, r->data, 0),
                .norm = (double)ig_attr_float(c->node, "norm_coefficient"),
                .norm_post = (double)ig_attr_float(c->node, "norm_coefficient_post"),
                .epsilon = (double)ig_attr_float(c->node, "epsilon"),
                .alpha = (double)ig_attr_float(c->node, "alpha"),
                .beta = (double)ig_attr_float(c->node, "beta")};
    *count = (double)ig_load_as_i64(t->dtype, t->data, 0);
    return IG_OK;
}

static ig_status run_adam(ig_call *c) {
    step s;
    double t;
    IG_TRY(start(c, &s, &t));
    if (t > 0) s.rate *= sqrt(1 - pow(s.beta, t)) / (1 - pow(s.alpha, t));
    return run(c, adam, &s, 2);
}

static ig_status run_adagrad(ig_call *c) {
    step s;
    double t;
    IG_TRY(start(c, &s, &t));
    s.rate /= 1 + t * (double)ig_attr_float(c->node, "decay_factor");
    return run(c, adagrad, &s, 1);
}

static ig_status run_momentum(ig_call *c) {
    step s;
    double t;
    IG_TRY(start(c, &s, &t));
    s.nesterov = ig_attr_is(c->node, "mode", "nesterov");
    if (!s.nesterov && !ig_attr_is(c->node, "mode", "standard")) return ig_call_fail(c, "mode must be standard or nesterov");
    if (t <= 0) s.beta = 1;
    return run(c, momentum, &s, 1);
}

const ig_op ig_op_adam = {TRAINING, "Adam", 1, 0, 0, infer_two_states, run_adam, NULL, NULL};
const ig_op ig_op_adagrad = {TRAINING, "Adagrad", 1, 0, 0, infer_one_state, run_adagrad, NULL, NULL};
const ig_op ig_op_momentum = {TRAINING, "Momentum", 1, 0, 0, infer_one_state, run_momentum, NULL, NULL};
