/* The way of ig_blocked_run for windows of 3 x 3 over many places. */
#ifndef IG_KERNELS_BLOCKED_WINOGRAD_H
#define IG_KERNELS_BLOCKED_WINOGRAD_H

#include "kernels/blocked/blocked.h"

/* Worth while for a convolution of these sizes: images and the window must be known. */
bool ig_winograd_suits(const ig_blocked_conv *c);
bool ig_winograd_packed(const ig_blocked_conv *c, size_t *bytes);
void ig_winograd_pack(const ig_blocked_conv *c, const void *w, void *out);
bool ig_winograd_scratch(const ig_threads *threads, const ig_blocked_conv *c, size_t *bytes);
void ig_winograd_run(ig_threads *threads, const ig_blocked_conv *c, void *scratch);

#endif
