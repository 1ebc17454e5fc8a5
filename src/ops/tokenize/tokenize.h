/* Text to token numbers: vocabularies, byte-pair encoding, word pieces, SentencePiece models. All structures are made once and
 * then only read. */
#ifndef IG_OPS_TOKENIZE_TOKENIZE_H
#define IG_OPS_TOKENIZE_TOKENIZE_H

#include "base/text.h"
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
/* One token a line, ids in their order; empty lines have one only when `empty`. The texts stay where they are. */
ig_status ig_vocab_from_lines(ig_vocab *v, ig_arena *arena, ig_str text, bool empty, ig_error *err);
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

/* What onnxruntime-extensions gives for a piece of text that the vocabulary lacks. */
#define IG_NO_TOKEN INT64_C(0xFFFFFFFF)
/* U+2581, which stands for a space in SentencePiece's vocabularies. */
#define IG_META_SPACE "\xE2\x96\x81"

/* Byte-pair encoding (Sennrich et al. 2016): pairs are merged in the order in which they were learnt. Symbols are bytes,
 * written as characters that are all visible (Radford et al. 2019), or characters. */
typedef struct ig_bpe {
    ig_vocab vocab;
    const char *suffix;                  /* of words */
    char letters[256][4];                /* the characters of bytes */
    int64_t bytes[256], last_bytes[256]; /* ids of single bytes, and with the end-of-word suffix */
    ig_table ranks;                      /* pair of ids -> its position in `merged` */
    int64_t *merged;
    size_t n_merges;
} ig_bpe;

/* merges: lines "a b", comments begin with #. `suffix` ends the last symbol of a word ("" or "</w>"); NULL: symbols are
 * characters, and bytes are written as tokens "<0x0A>". */
ig_status ig_bpe_create(ig_bpe *bpe, ig_arena *arena, ig_str vocab_json, ig_str merges, const char *suffix, ig_error *err);
/* Adds the tokens of one word with the bytes of the word that each stands for. True when the vocabulary has the whole word. */
bool ig_bpe_word(const ig_bpe *bpe, ig_str word, ig_tokens *out);
/* The same for symbols that are characters. Characters that the vocabulary lacks become tokens of their bytes, or IG_NO_TOKEN.
 */
bool ig_bpe_characters(const ig_bpe *bpe, ig_str word, ig_tokens *out);

/* Merges neighbours in a list of symbols, the pair with the smallest rank first, leftmost among equals. pair(user, left, right,
 * &id) gives a rank, or infinity for pairs that don't merge. In time n log n. Room for the work comes from `scratch`.
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

/* --------------------------------------------------------------------------------------------------------- SentencePiece */

typedef struct ig_spm ig_spm;
/* Of a serialized model (Kudo, Richardson 2018), of the kinds unigram, bpe, word and char. Keeps pointing into it. */
ig_status ig_spm_create(ig_spm **spm, ig_context *context, ig_span model, ig_error *err);
void ig_spm_free(ig_spm *spm);
/* Adds the ids of a text, without begin and end of sentence. */
ig_status ig_spm_encode(const ig_spm *spm, ig_str text, ig_tokens *out, ig_error *err);
/* Adds the text of ids. An error for ids that the model hasn't. */
ig_status ig_spm_decode(const ig_spm *spm, const int64_t *ids, size_t n, ig_text *out, ig_error *err);
int64_t ig_spm_bos(const ig_spm *spm); /* -1: the model has none */
int64_t ig_spm_eos(const ig_spm *spm);
int64_t ig_spm_unknown(const ig_spm *spm);

#endif
