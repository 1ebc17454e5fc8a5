#include "kernels/conv/simd.h"

const ig_conv_f32 ig_conv_f32_avx2 = {gather, depthwise};
