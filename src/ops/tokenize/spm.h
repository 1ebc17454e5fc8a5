/* The inside of a SentencePiece model (Kudo, Richardson, "SentencePiece: A simple and language independent subword tokenizer",
 * 2018); whoever only uses one needs tokenize.h. */
#ifndef IG_OPS_TOKENIZE_SPM_H
#define IG_OPS_TOKENIZE_SPM_H

#include "ops/tokenize/tokenize.h"

/* The numbers of the file. */
typedef enum spm_kind { SPM_UNIGRAM = 1, SPM_BPE, SPM_WORD, SPM_CHAR } spm_kind;
typedef enum spm_type { SPM_NORMAL = 1, SPM_UNKNOWN, SPM_CONTROL, SPM_USER_DEFINED, SPM_UNUSED, SPM_BYTE } spm_type;

/* Texts in order: from one byte to the next the range that begins with what was read so far gets smaller. */
typedef struct spm_entry {
    ig_str text;
    int64_t id;
} spm_entry;
typedef struct spm_trie {
    spm_entry *entries;
    size_t n;
} spm_trie;
typedef struct spm_walk {
    size_t low, high, depth;
} spm_walk;

struct ig_spm {
    ig_arena arena;
    ig_vocab vocab;
    float *scores;
    uint8_t *types;
    spm_kind kind;
    spm_trie pieces, symbols; /* what texts are made of; user-defined symbols among them */
    int64_t unknown, bos, eos, bytes[256];
    float least, most; /* scores of normal pieces */
    ig_str unknown_surface;
    /* The normalizer. */
    ig_span trie;        /* a double array of 32-bit units; absent: no rules */
    ig_str replacements; /* NUL-terminated, at the offsets that are the array's values */
    bool space_behind;   /* U+2581 ends words instead of beginning them */
    bool dummy, trim, escape, byte_fallback;
};

void ig_spm_sort(spm_trie *trie);
/* Goes one byte on; false when no text goes on like this. */
bool ig_spm_step(const spm_trie *trie, spm_walk *walk, char byte);
/* The entry whose text is what was read so far, or NULL. */
const spm_entry *ig_spm_at(const spm_trie *trie, const spm_walk *walk);
/* The length of the longest user-defined symbol that the text begins with at `at`; 0: none. */
size_t ig_spm_symbol(const ig_spm *spm, ig_str text, size_t at);
/* The length of a character by its first byte, at most what is left. */
size_t ig_spm_char(ig_str text, size_t at);

/* The text as pieces are looked up in it; origin[i] is the byte of `text` that byte i came from, and origin[n] the end. False
 * when memory runs out. */
bool ig_spm_normalize(const ig_spm *spm, ig_arena *arena, ig_str text, ig_str *out, size_t **origin);

#endif
