/* Windows that slide over an image (convolutions, pools, patches). */
#ifndef IG_FORMATS_TENSORFLOW_WINDOW_H
#define IG_FORMATS_TENSORFLOW_WINDOW_H

#include "formats/tensorflow/rules.h"

enum { IG_TF_MAX_WINDOW = 3 };

/* For each of the n dims between batch and channels. */
typedef struct ig_tf_window {
    size_t n;
    int64_t kernel[IG_TF_MAX_WINDOW], stride[IG_TF_MAX_WINDOW], dilation[IG_TF_MAX_WINDOW];
    int64_t before[IG_TF_MAX_WINDOW], after[IG_TF_MAX_WINDOW]; /* padding */
    bool same; /* padding so that the output's size is the input's by the stride */
} ig_tf_window;

/* Reads everything but the kernel's size, for an input of a rank; the names are of the attributes. */
ig_status ig_tf_read_window(ig_lower *l, int rank, const char *strides, const char *dilations, ig_tf_window *w);
/* How far the kernel reaches in dim i. */
int64_t ig_tf_reach(const ig_tf_window *w, size_t i);
/* Turns "same" into numbers for a value with channels first; false when its size isn't known. */
bool ig_tf_settle_padding(ig_lower *l, const ig_value *first, ig_tf_window *w);
/* kernel_shape, strides, pads or auto_pad, and maybe dilations, as attributes of ONNX's operators. */
const char *ig_tf_window_attributes(ig_lower *l, const ig_value *first, ig_tf_window *w, bool dilations);
/* The value (channels first) with its padding added, filled with a number. */
ig_value *ig_tf_pad_window(ig_lower *l, ig_value *first, ig_tf_window *w, ig_value *with);

#endif
