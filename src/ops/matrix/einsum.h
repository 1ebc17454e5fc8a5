/* The equation of an Einsum, shared by inference (einsum.c) and kernel (einsum_run.c). */
#ifndef IG_OPS_MATRIX_EINSUM_H
#define IG_OPS_MATRIX_EINSUM_H

#include "ops/op.h"

/* Letters are labels 0 … 51; the dims of an ellipsis are labels from IG_EINSUM_DOTS on, counted from the last. */
enum { IG_EINSUM_DOTS = 52, IG_EINSUM_LABELS = IG_EINSUM_DOTS + IG_MAX_RANK };

typedef struct ig_einsum_term {
    int rank;
    uint8_t labels[IG_MAX_RANK];
} ig_einsum_term;

typedef struct ig_einsum {
    ig_str inputs, output; /* of the equation; output absent: implicit */
    size_t n;              /* terms of the inputs */
    int dots;              /* most dims of an ellipsis that have been seen */
    uint8_t seen[IG_EINSUM_DOTS];
} ig_einsum;

/* Splits an equation. False with a message in `why` when it is malformed. */
bool ig_einsum_begin(ig_einsum *e, ig_str equation, char *why, size_t size);
/* The labels of input term i for an operand of this rank. Terms are asked for in order. */
bool ig_einsum_input(ig_einsum *e, size_t i, int rank, ig_einsum_term *term, char *why, size_t size);
/* The labels of the output, after all inputs. */
bool ig_einsum_output(ig_einsum *e, ig_einsum_term *term, char *why, size_t size);

ig_status ig_einsum_run(ig_call *c);

#endif
