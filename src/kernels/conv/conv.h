/* Float convolution: which way suits it, packed weights, and the run. Nothing here allocates. */
#ifndef IG_KERNELS_CONV_CONV_H
#define IG_KERNELS_CONV_CONV_H

#include "kernels/conv/window.h"
#include "kernels/gemm/gemm.h"

/* x: images x groups * channels x in…; w: groups * filters x channels x kernel…; y: images x groups * filters x out… */
typedef struct ig_conv {
    ig_window window;
    size_t images, groups, channels, filters; /* channels and filters of one group */
    const float *x, *w, *bias;                /* bias: groups * filters, or NULL */
    const float *packed;                      /* from ig_conv_pack, instead of w */
    const float *add;                         /* of y's shape, or NULL; may be y itself */
    float *y;
    float min, max; /* -INFINITY and INFINITY: no clamp */
    ig_gemm_post_fn post;
    const void *post_arg;
} ig_conv;

/* Floats of the packed weights; 0: they are used as they are. False on overflow. */
bool ig_conv_packed(const ig_kernels *kernels, const ig_conv *conv, size_t *floats);
/* The weights need no alignment. Only groups, channels, filters and window.kernel count, so that weights can be packed before
 * the size of the input is known. */
void ig_conv_pack(const ig_kernels *kernels, ig_threads *threads, const ig_conv *conv, const void *w, float *out);
/* Bytes of scratch memory, 64-byte aligned, that ig_conv_run wants. False on overflow. */
bool ig_conv_scratch(const ig_kernels *kernels, const ig_threads *threads, const ig_conv *conv, size_t *bytes);
void ig_conv_run(const ig_kernels *kernels, ig_threads *threads, const ig_conv *conv, void *scratch);

/* The columns that a window sees, as a source of a matrix product (x: one image, one group): also for other number types' use.
 */
typedef struct ig_conv_columns {
    const ig_kernels *kernels;
    const ig_window *window;
    const float *x;
} ig_conv_columns;
void ig_conv_source(const void *columns, size_t k0, size_t kn, size_t n0, size_t nn, size_t width, float *out);

#endif
