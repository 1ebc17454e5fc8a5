/* Convolutions and pools over blocked tensors (see tile.h) of floats or of 8-bit integers. Nothing here allocates. */
#ifndef IG_KERNELS_BLOCKED_BLOCKED_H
#define IG_KERNELS_BLOCKED_BLOCKED_H

#include "kernels/conv/window.h"
#include "kernels/gemm/gemm.h"

typedef struct ig_blocked_conv {
    const ig_blocked *tiles;
    bool winograd;    /* weights are packed for the way of winograd.h */
    bool bytes;       /* x is uint8, weights int8, y 8 bits; else all are floats */
    ig_window window; /* of two dims */
    size_t images, groups, channels,
        filters;    /* channels and filters of one group; several groups have whole blocks or one of each */
    size_t x_width; /* channels of a block of x: IG_BLOCK, or 4 where there are no more than 4 */
    const void *x, *packed;
    const void *bias;   /* floats or int32, whole blocks */
    const void *add;    /* floats that lie like y, or NULL */
    const float *scale; /* bytes only: whole blocks */
    float zero;         /* bytes only */
    bool is_signed;
    int fill;         /* what padding holds: bytes */
    float float_fill; /* floats */
    void *y;
    float min, max;
    ig_gemm_post_fn post; /* floats only */
    const void *post_arg;
} ig_blocked_conv;

static inline size_t ig_blocks(size_t channels) { return (channels + IG_BLOCK - 1) / IG_BLOCK; }

/* One channel and one filter in each group. */
bool ig_blocked_is_depthwise(size_t groups, size_t channels, size_t filters);
/* False when groups don't come in whole blocks: there is no blocked form. */
bool ig_blocked_fits(size_t groups, size_t channels, size_t filters);
/* Bytes of packed weights. False on overflow. */
bool ig_blocked_packed(const ig_blocked_conv *c, size_t *bytes);
/* w: groups * filters x channels x taps floats or int8; needs no alignment. Only bytes, groups, channels, filters and
 * window.kernel of the convolution count. */
void ig_blocked_pack(const ig_blocked_conv *c, const void *w, void *out);

/* Bytes of scratch memory, 64-byte aligned. False on overflow. */
bool ig_blocked_scratch(const ig_threads *threads, const ig_blocked_conv *c, size_t *bytes);
void ig_blocked_run(ig_threads *threads, const ig_blocked_conv *c, void *scratch);
/* The largest of each window: only tiles, bytes, window, images, channels (filters alike, one group), the fill, x and y count.
 */
void ig_blocked_max(ig_threads *threads, const ig_blocked_conv *c, void *scratch);
bool ig_blocked_max_scratch(const ig_threads *threads, const ig_blocked_conv *c, size_t *bytes);

/* images x channels x places to images x blocks x places x width and back; size: of an element, 1 or 4. Channels that mean
 * nothing become 0. */
void ig_blocked_from(ig_threads *threads, size_t size, size_t images, size_t channels, size_t places, size_t width,
                     const void *x, void *y);
void ig_blocked_to(ig_threads *threads, size_t size, size_t images, size_t channels, size_t places, size_t width, const void *x,
                   void *y);

#endif
