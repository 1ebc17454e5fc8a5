/* com.microsoft's text generation: GreedySearch, Sampling, BeamSearch, WhisperBeamSearch run a decoder graph token by token.
 *
 * A decoder's inputs and outputs are known by their names, as onnxruntime's converters write them: input_ids, position_ids,
 * attention_mask or encoder_attention_mask, encoder_hidden_states; past_X and present_X are one cache before and after a step.
 */
#ifndef IG_OPS_GENERATE_GENERATE_H
#define IG_OPS_GENERATE_GENERATE_H

#include "ops/op.h"

typedef struct ig_generation {
    ig_call *c;
    int model;                 /* 0 decoder only, 1 encoder and decoder, 2 Whisper */
    size_t batch, beams, rows; /* rows = batch * beams */
    size_t vocab;
    int64_t eos, pad, start;
    size_t prompt, length, max_length, min_length; /* tokens: given, so far, at most, before eos may come */
    float repetition, temperature;
    size_t no_repeat; /* size of n-grams that may not come again; 0: any may */
    const int32_t *vocab_mask, *prefix_mask, *presence_mask;
    float presence_penalty;
    int32_t *tokens; /* [rows, max_length] */
    float *logits;   /* [rows, vocab] of the last step */
    uint8_t *seen;   /* vocab, for ig_generation_process */
    size_t steps;    /* done so far */
} ig_generation;

/* ---- arguments.c ---- */

/* Which inputs of the operator hold what; -1: it has none. */
typedef struct ig_generation_inputs {
    int max_length, min_length, beams, repetition, vocab_mask, prefix_mask, attention_mask, presence_mask, decoder_ids,
        temperature;
} ig_generation_inputs;
ig_status ig_generation_begin(ig_call *c, ig_generation *g, const ig_generation_inputs *inputs);
/* A single number that is an input; the preset when it is absent. */
ig_status ig_generation_number(ig_call *c, int input, double preset, double *value);

/* ---- decoder.c: running the graphs, and the caches in between ---- */

typedef struct ig_cache {
    ig_str name;      /* behind past_ and present_ */
    ig_tensor *value; /* owned */
} ig_cache;

typedef struct ig_decoder {
    ig_generation *g;
    const ig_graph *graph;
    const char *attr; /* "decoder" or "init_decoder" */
    ig_cache *caches;
    size_t n_caches;
    ig_tensor *ids, *positions, *mask, *hidden; /* owned; NULL: not needed */
} ig_decoder;

/* Runs the encoder, if there is one, or gets the first step ready. `attention` is the operator's mask input or NULL. */
ig_status ig_decoder_begin(ig_decoder *d, ig_generation *g, const ig_tensor *attention);
/* One step on the newest tokens (the first: on all); sets g->logits. */
ig_status ig_decoder_step(ig_decoder *d);
/* Row r continues what row from[r] was. */
ig_status ig_decoder_reorder(ig_decoder *d, const uint32_t *from);
void ig_decoder_end(ig_decoder *d);

/* ---- logits.c ---- */

/* Applies what the arguments ask for to scores [rows, vocab] of the next token. */
void ig_generation_process(ig_generation *g, float *scores);
void ig_log_softmax(float *x, size_t n);

/* ---- beams.c ---- */

ig_status ig_generation_beams(ig_generation *g, ig_decoder *d, bool early_stopping, float length_penalty, size_t n_return);

#endif
