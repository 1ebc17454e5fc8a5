/* Resize and Upsample: what a node asks for along each dim, shared by inference (resize.c) and kernel (resize_run.c). */
#ifndef IG_OPS_NN_RESIZE_H
#define IG_OPS_NN_RESIZE_H

#include "ops/op.h"

typedef enum ig_resize_mode { IG_RESIZE_NEAREST, IG_RESIZE_LINEAR, IG_RESIZE_CUBIC } ig_resize_mode;
typedef enum ig_resize_coordinates {
    IG_HALF_PIXEL,
    IG_HALF_PIXEL_SYMMETRIC,
    IG_PYTORCH_HALF_PIXEL,
    IG_ALIGN_CORNERS,
    IG_ASYMMETRIC,
    IG_TF_CROP_AND_RESIZE,
    IG_TF_HALF_PIXEL_FOR_NN, /* of version 11 */
} ig_resize_coordinates;
typedef enum ig_resize_nearest {
    IG_ROUND_PREFER_FLOOR,
    IG_ROUND_PREFER_CEIL,
    IG_ROUND_FLOOR,
    IG_ROUND_CEIL,
    IG_ROUND_EARLY
} ig_resize_nearest;

typedef struct ig_resample {
    ig_resize_mode mode;
    ig_resize_coordinates coordinates;
    ig_resize_nearest nearest;
    bool antialias, exclude_outside;
    double cubic, outside; /* coefficient a; value beyond the input */
    int rank;
    bool has_sizes;
    ig_dim out[IG_MAX_RANK];
    double scale[IG_MAX_RANK]; /* 0: not known */
    double roi[2][IG_MAX_RANK];
} ig_resample;

/* From the attributes and what is known of the inputs scales, sizes and roi (tensors or NULL; `sizes` may be known in part as
 * `ints`). `in` has rank dims. False with a message in `why` when it can't be right. */
bool ig_resample_of(ig_resample *r, const ig_node *node, ig_syms *syms, int rank, const ig_dim *in, const ig_tensor *roi,
                    const ig_tensor *scales, const ig_ints *sizes, char *why, size_t size);
/* Which inputs they are for this version; -1: there is none. */
void ig_resample_inputs(const ig_node *node, int *roi, int *scales, int *sizes);

ig_status ig_resample_run(ig_call *c);

#endif
