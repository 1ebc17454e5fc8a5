/* The content of a tensor as cells of whole bytes (1, 2, 4, 8 or 16), for operators that move elements and never look inside.
 * Elements smaller than a byte are unpacked to a byte each and packed again when the operator is done; strings move as views
 * and get their own characters at the end. */
#ifndef IG_OPS_LOOPS_CELLS_H
#define IG_OPS_LOOPS_CELLS_H

#include "ops/op.h"

typedef struct ig_cells {
    char *data;
    size_t size, count; /* bytes of a cell, cells */
} ig_cells;

/* For reading: the tensor's own memory or an unpacked copy in the call's scratch memory. */
ig_status ig_cells_in(ig_call *c, const ig_tensor *tensor, ig_cells *cells);
/* For writing all cells of a tensor that was made for this call. */
ig_status ig_cells_out(ig_call *c, const ig_tensor *tensor, ig_cells *cells);
/* Brings what was written into the tensor. Views of strings must still be valid. */
ig_status ig_cells_done(ig_call *c, ig_tensor *tensor, const ig_cells *cells);
/* Gives a tensor of strings, whose entries are views of characters elsewhere, its own copy of all characters. */
ig_status ig_own_strings(ig_tensor *tensor, ig_error *err);

/* n elements of a type smaller than a byte, to and from one byte each (the low bits; the others are 0). */
void ig_unpack_bits(ig_dtype dtype, const void *packed, size_t n, uint8_t *bytes);
void ig_pack_bits(ig_dtype dtype, void *packed, size_t n, const uint8_t *bytes);

#endif
