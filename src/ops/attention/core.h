/* Scaled dot-product attention, for all operators that have it: softmax(cap(scale * Q * K') + bias) * V, head by head, with
 * keys that some queries don't see. Operands are read where they lie, whatever the order of their dims. */
#ifndef IG_OPS_ATTENTION_CORE_H
#define IG_OPS_ATTENTION_CORE_H

#include "ops/op.h"

/* Elements from one text of the batch, one head, one position to the next; the elements of a head lie next to each other. */
typedef struct ig_heads {
    size_t batch, head, row;
} ig_heads;

/* batch x heads x positions x size, and batch x positions x heads x size. */
static inline ig_heads ig_heads_first(size_t heads, size_t rows, size_t size) {
    return (ig_heads){heads * rows * size, rows * size, size};
}
static inline ig_heads ig_heads_last(size_t heads, size_t rows, size_t size) {
    return (ig_heads){heads * rows * size, size, heads * size};
}

typedef struct ig_attention {
    ig_dtype type;                                              /* IG_F32 or IG_F64: of all operands */
    size_t batch, heads, kv_heads, q_len, kv_len, head, v_head; /* heads is a multiple of kv_heads */
    const void *q, *k, *v;
    void *y;
    ig_heads q_step, k_step, v_step, y_step;
    double scale, softcap; /* softcap 0: none */
    const void *bias;      /* added to scores; -INFINITY hides a key; NULL: none */
    ig_heads bias_step;    /* 0 where it is the same for all; keys lie next to each other */
    size_t bias_len;       /* keys that the bias speaks of; those behind are hidden. 0: all */
    bool causal;           /* a query sees keys up to its own position */
    int64_t left, right;   /* keys that far before and after its position, too; -1: any */
    const int64_t *offset; /* position of query 0 among the keys, for each text; NULL: 0 */
    const int64_t *valid;  /* keys of each text; NULL: all */
    const void *sink;      /* for each head, a score that takes part in the softmax and has no value; NULL: none */
    bool brain;   /* IG_F32 only: every step's result is rounded to bfloat16, as ONNX's function body has it for that type */
    void *scores; /* batch x heads x q_len x kv_len, or NULL: what stands before the stage below */
    enum { IG_SCORES_RAW, IG_SCORES_CAPPED, IG_SCORES_BIASED, IG_SCORES_SOFTMAX } scores_stage;
} ig_attention;

/* Uses the call's scratch memory. A query that sees no key gives zeros. */
ig_status ig_attention_run(ig_call *c, const ig_attention *attention);

/* A mask broadcastable to batch x heads x q_len x kv_len (its last dim may be shorter) as a bias of the attention's type:
 * booleans hide where they are false, numbers are added. */
ig_status ig_attention_mask(ig_call *c, ig_attention *attention, const ig_tensor *mask);

#endif
