/* Activations by name: those of recurrent networks, and those that onnxruntime fuses behind a product or a convolution. */
#ifndef IG_OPS_NN_ACTIVATE_H
#define IG_OPS_NN_ACTIVATE_H

#include "kernels/loops/loops.h"
#include "ops/op.h"

typedef enum ig_activation_kind {
    IG_ACT_NONE,
    IG_ACT_RELU,
    IG_ACT_TANH,
    IG_ACT_SIGMOID,
    IG_ACT_AFFINE,
    IG_ACT_LEAKY_RELU,
    IG_ACT_THRESHOLDED_RELU,
    IG_ACT_SCALED_TANH,
    IG_ACT_HARD_SIGMOID,
    IG_ACT_ELU,
    IG_ACT_SOFTSIGN,
    IG_ACT_SOFTPLUS,
    IG_ACT_CLIP, /* to [alpha, beta] */
    IG_ACT_GELU,
    IG_ACT_FAST_GELU,
    IG_ACT_SILU,       /* x * sigmoid(alpha * x) */
    IG_ACT_HARD_SWISH, /* x * min(1, max(0, x / 6 + 1/2)) */
    IG_ACT_IDENTITY,
} ig_activation_kind;

typedef struct ig_activation {
    ig_activation_kind kind;
    float alpha, beta;
    const ig_loops *loops; /* of an instruction set, for floats; NULL: plain loops */
} ig_activation;

/* The activation of this name (case doesn't matter) with ONNX's defaults; false when there is none. How many parameters it
 * takes comes out in *parameters, which may be NULL. */
bool ig_activation_of(ig_activation *activation, ig_str name, int *parameters);
/* In place. `activation` is a const ig_activation *: the signature is that of what may follow a product. */
void ig_activate_f32(const void *activation, float *x, size_t n);
void ig_activate_f64(const void *activation, double *x, size_t n);
/* What a fused operator says: the attribute `activation` with its parameters in activation_alpha and activation_beta, or in
 * activation_params. Kind IG_ACT_NONE when it says nothing. */
ig_status ig_activation_of_call(ig_call *c, ig_activation *activation);

#endif
