/* Text to token numbers: vocabularies, byte-pair encoding, word pieces, SentencePiece models. All structures are made once and
 * then only read. */
#ifndef IG_OPS_TOKENIZE_TOKENIZE_H
#define IG_OPS_TOKENIZE_TOKENIZE_H

#include "ops/op.h"
#include "ops/table.h"
#include "ops/text/text.h"

/* ------------------------------------------------------------------------------------------------------------ characters */

bool ig_char_is_letter(int32_t c);      /* Unicode's categories L */
bool ig_char_is_number(int32_t c);      /* N */
bool ig_char_is_punctuation(int32_t c); /* P, and the symbols of ASCII, as BERT has it */
bool ig_char_is_control(int32_t c);     /* Cc and Cf, but no tab, line feed or carriage return */
bool ig_char_is_ideograph(int32_t c);   /* the CJK blocks that BERT splits */

/* ------------------------------------------------------------------------------------------------------------ vocabulary */

typedef struct ig_vocab {
    ig_str *tokens; /* by id; absent texts for ids that nothing has */
    size_t n;       /* largest id + 1 */
    ig_table table;
} ig_vocab;

/* {"token": id, …}. The texts are copied to the arena. */
ig_status ig_vocab_from_json(ig_vocab *v, ig_arena *arena, ig_str json, ig_error *err);
/* One token a line, ids in their order. The texts stay where they are. */
ig_status ig_vocab_from_lines(ig_vocab *v, ig_arena *arena, ig_str text, ig_error *err);
/* An array of texts by id, kept. */
ig_status ig_vocab_from_list(ig_vocab *v, ig_arena *arena, ig_str *tokens, size_t n, ig_error *err);
/* -1 when absent. */
static inline int64_t ig_vocab_id(const ig_vocab *v, ig_str token) { return (int64_t)ig_table_string(&v->table, token); }

/* A growing list of tokens: ids, and the bytes of the text that each stands for. */
typedef struct ig_token {
    int64_t id;
    size_t begin, end;
} ig_token;

typedef struct ig_tokens {
    ig_arena *arena;
    IG_VEC(ig_token) list;
    bool failed; /* memory ran out */
} ig_tokens;
void ig_tokens_add(ig_tokens *t, int64_t id, size_t begin, size_t end);

/* ------------------------------------------------------------------------------------------------------------------ BPE */

/* Byte-level byte-pair encoding (Radford et al. 2019; Sennrich et al. 2016): bytes are written as characters that are all
 * visible, and pairs are merged in the order in which they were learnt. */
typedef struct ig_bpe {
    ig_vocab vocab;
    int64_t bytes[256], last_bytes[256]; /* ids of single bytes, and with the end-of-word suffix */
    ig_table ranks;                      /* pair of ids -> its position in `merged` */
    int64_t *merged;
    size_t n_merges;
    int64_t unknown; /* for bytes without an id */
} ig_bpe;

/* merges: lines "a b", comments begin with #. `suffix` ends the last symbol of a word ("" or "</w>"). */
ig_status ig_bpe_create(ig_bpe *bpe, ig_arena *arena, ig_str vocab_json, ig_str merges, const char *suffix, ig_error *err);
/* Adds the tokens of one word, whose bytes begin at `begin` of the whole text. */
void ig_bpe_word(const ig_bpe *bpe, ig_str word, size_t begin, ig_tokens *out);

/* Merges neighbours in a list of symbols, the pair with the smallest rank first, leftmost among equals. pair(user, left, right,
 * &id) gives a rank, or a negative number for pairs that don't merge. In time n log n. Room for the work comes from `scratch`.
 * False when memory runs out. */
typedef struct ig_symbol {
    int64_t id;
    size_t begin, end;
    int32_t previous, next; /* of what is left; -1 at the ends. A symbol that was merged away has begin == end. */
} ig_symbol;
bool ig_merge_symbols(ig_symbol *symbols, size_t n, ig_arena *scratch,
                      double (*pair)(const void *user, const ig_symbol *left, const ig_symbol *right, int64_t *id),
                      const void *user);

/* The end of the piece of text that GPT-2's pattern splits off at `at`. */
size_t ig_split_gpt2(ig_str text, size_t at);
/* CLIP's pattern; white space is skipped first, *at is moved to the piece's start. At the end of the text: at == n. */
size_t ig_split_clip(ig_str text, size_t *at);

/* --------------------------------------------------------------------------------------------------------- SentencePiece */

typedef struct ig_spm ig_spm;
/* Of a serialized model (Kudo, Richardson 2018), of the kinds unigram, bpe, word and char. Keeps pointing into it. */
ig_status ig_spm_create(ig_spm **spm, ig_context *context, ig_span model, ig_error *err);
void ig_spm_free(ig_spm *spm);
/* Adds the ids of a text, without begin and end of sentence. */
ig_status ig_spm_encode(const ig_spm *spm, ig_str text, ig_tokens *out, ig_error *err);
int64_t ig_spm_bos(const ig_spm *spm); /* -1: the model has none */
int64_t ig_spm_eos(const ig_spm *spm);
int64_t ig_spm_unknown(const ig_spm *spm);

#endif
