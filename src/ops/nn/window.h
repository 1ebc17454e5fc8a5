/* The attributes that convolutions and pools share: kernel_shape, strides, dilations, pads, auto_pad, ceil_mode. */
#ifndef IG_OPS_NN_WINDOW_H
#define IG_OPS_NN_WINDOW_H

#include "kernels/conv/window.h"
#include "ops/op.h"

typedef enum ig_auto_pad { IG_PAD_GIVEN, IG_PAD_SAME_UPPER, IG_PAD_SAME_LOWER, IG_PAD_VALID } ig_auto_pad;

/* What a node says of its window, without the size of the input. */
typedef struct ig_window_rule {
    int dims;
    int64_t kernel[IG_MAX_RANK]; /* IG_UNKNOWN entries: not known yet */
    int64_t stride[IG_MAX_RANK], dilation[IG_MAX_RANK], begin[IG_MAX_RANK], end[IG_MAX_RANK];
    ig_auto_pad auto_pad;
    bool ceil;
} ig_window_rule;

/* Reads the attributes for a window of so many dims. kernel: the sizes known from a weight (entries may be IG_UNKNOWN), or NULL
 * when only kernel_shape says them. False with a message in `why` when they can't be right. */
bool ig_window_rule_of(ig_window_rule *rule, const ig_node *node, int dims, const int64_t *kernel, char *why, size_t size);
/* Number of positions along dim k for an input of size `in`. */
ig_dim ig_window_positions(ig_syms *syms, const ig_window_rule *rule, int k, ig_dim in);
/* The window on an input of known sizes; false when a size or the padding makes no sense. */
bool ig_window_on(ig_window *window, const ig_window_rule *rule, const int64_t *in);
/* The three in one at run time: the window of a node on spatial dims `in`. Errors as ig_call_fail. */
ig_status ig_window_of_call(ig_call *c, ig_window *window, int dims, const int64_t *in, const int64_t *kernel);

#endif
