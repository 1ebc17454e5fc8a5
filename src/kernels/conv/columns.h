/* The columns of a convolution's second matrix: for places of the output, what the taps of the window read. */
#ifndef IG_KERNELS_CONV_COLUMNS_H
#define IG_KERNELS_CONV_COLUMNS_H

#include "kernels/conv/loops.h"
#include "kernels/conv/window.h"

enum { IG_COLUMNS_MOST = 64 }; /* places that are cut at once */

/* Places of the output that lie in one row. */
typedef struct ig_columns_row {
    int64_t origin[IG_MAX_RANK]; /* input place of tap 0, without the last dim */
    int64_t first;               /* of the last dim: output place */
    uint32_t at, n;              /* the first of the n columns */
} ig_columns_row;

/* Cuts places [n0, n0 + nn) into rows, at most nn of them. Returns how many. */
size_t ig_columns_cut(const ig_window *w, size_t n0, size_t nn, ig_columns_row *rows);
/* The pieces of a plane that one tap reads: rows for which the tap is outside of the input are left out. Returns how many. */
size_t ig_columns_tap(const ig_window *w, const ig_columns_row *rows, size_t n_rows, size_t tap, ig_conv_piece *pieces);

#endif
