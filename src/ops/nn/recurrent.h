/* What RNN, GRU, LSTM and their kin share: shapes, directions, lengths, and the loop over time. */
#ifndef IG_OPS_NN_RECURRENT_H
#define IG_OPS_NN_RECURRENT_H

#include "kernels/gemm/gemm.h"
#include "ops/nn/activate.h"

typedef enum ig_cell { IG_CELL_RNN, IG_CELL_GRU, IG_CELL_LSTM } ig_cell;

/* Weights of one direction as rows: n x k elements, or the same packed for the float kernels. */
typedef struct ig_recurrent_weight {
    const void *rows;
    size_t row; /* elements from one row to the next */
    const float *packed;
    size_t n, k;
} ig_recurrent_weight;

typedef struct ig_recurrent ig_recurrent;

struct ig_recurrent {
    ig_cell cell;
    size_t gates, directions;
    size_t steps, batch, input, hidden;
    bool reverse[2];
    bool batch_first; /* layout 1 */
    bool couple;      /* LSTM: the forget gate is one minus the input gate */
    bool linear_before_reset;
    float clip; /* 0: none */
    ig_activation activations[2][3];
    ig_dtype type;                                            /* IG_F32 or IG_F64: of all that follows */
    const int32_t *lengths;                                   /* batch of them, or NULL: all `steps` */
    const void *x, *bias, *initial_h, *initial_c, *peepholes; /* NULL but for x: zeros */
    ig_recurrent_weight w[2], r[2][2];                        /* of each direction; GRU: r of z and r, then of h */
    void *y, *y_h, *y_c;                                      /* NULL: not wanted */
    /* Inputs of a product go through 8-bit integers, as a dynamically quantized product has them. */
    bool quantize;
    /* Attention around the cell (IG_F32 only): `extra` more inputs per step, from the state that `attend` makes of the hidden
     * state after each step. */
    size_t extra;
    ig_recurrent_weight extra_w[2];
    void (*attend)(void *arg, size_t direction, const float *h, float *state);
    void *attend_arg;
};

/* Outputs Y, Y_h and Y_c from inputs X (0) and R (2). transposed: R is directions x hidden x gates * hidden. */
ig_status ig_recurrent_infer(ig_infer *c, size_t n_outputs, bool transposed);
/* Attributes, sizes, lengths and initial states of a call; weights and outputs stay unset. initial_c and peepholes only for
 * LSTM. `sizes` has the shape of W: directions x gates * hidden x input. */
ig_status ig_recurrent_of_call(ig_call *c, ig_recurrent *r, ig_cell cell, const int64_t *w_dims);
/* Rooms for the outputs; then the loop over time, with outputs stored at the end. */
ig_status ig_recurrent_run(ig_call *c, ig_recurrent *r);

#endif
