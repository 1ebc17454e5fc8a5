/* Columns of a window added back to where they were taken from: what Col2Im and ConvTranspose come down to. */
#ifndef IG_OPS_NN_COLUMNS_H
#define IG_OPS_NN_COLUMNS_H

#include "base/threads.h"
#include "kernels/conv/window.h"

/* For each of `planes` planes of the window's input size: y[place that the tap reads] += cols[tap][place of the window]. cols:
 * planes x taps x places. type: IG_F32, IG_F64, IG_I64 (wraps), IG_C64 or IG_C128. */
void ig_columns_add(ig_threads *threads, const ig_window *w, ig_dtype type, size_t planes, const void *cols, void *y);

#endif
