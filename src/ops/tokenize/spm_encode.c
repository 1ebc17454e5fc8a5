#include "ops/tokenize/spm.h"

#include <math.h>

/* Where a text is cut: pieces in order. */
typedef struct cut {
    size_t begin, end;
    int64_t id;
} cut;
typedef struct cuts {
    cut *items;
    size_t n;
} cuts;

/* -------------------------------------------------------------------------------------------------------------- unigram */

/* The best way to a place in the text (Viterbi). */
typedef struct step {
    float score;
    bool reached;
    size_t begin;
    int64_t id;
} step;

static void reach(step *to, double score, size_t begin, int64_t id) {
    if (!to->reached || score > (double)to->score) *to = (step){(float)score, true, begin, id};
}

/* Pieces that begin at `at`, and the character itself as unknown when no piece is just that. */
static void extend(const ig_spm *spm, ig_str text, size_t at, step *steps) {
    const double unknown = (double)(spm->least - 10.0f);
    size_t one = ig_spm_char(text, at);
    bool single = false;
    spm_walk walk = {0, spm->pieces.n, 0};
    for (size_t end = at; end < text.n && ig_spm_step(&spm->pieces, &walk, text.s[end]);) {
        const spm_entry *e = ig_spm_at(&spm->pieces, &walk);
        end++;
        if (!e) continue;
        double score =
            spm->types[e->id] == SPM_USER_DEFINED ? (double)((float)(end - at) * spm->most) - 0.1 : (double)spm->scores[e->id];
        reach(&steps[end], score + (double)steps[at].score, at, e->id);
        single = single || end - at == one;
    }
    if (!single) reach(&steps[at + one], (double)(float)((float)unknown + steps[at].score), at, spm->unknown);
}

static bool encode_unigram(const ig_spm *spm, ig_arena *scratch, ig_str text, cuts *out) {
    step *steps = IG_NEW_ARRAY(scratch, step, text.n + 1);
    if (!steps) return false;
    steps[0].reached = true;
    for (size_t at = 0; at < text.n; at += ig_spm_char(text, at)) {
        if (steps[at].reached) extend(spm, text, at, steps);
    }
    for (size_t end = text.n; end > 0; end = steps[end].begin) out->n++;
    size_t i = out->n;
    for (size_t end = text.n; end > 0; end = steps[end].begin) out->items[--i] = (cut){steps[end].begin, end, steps[end].id};
    return true;
}

/* ----------------------------------------------------------------------------------------------------------- the others */

typedef struct bpe {
    const ig_spm *spm;
    ig_str text;
    const uint8_t *frozen; /* user-defined symbols, by where they begin */
} bpe;

static double rank_of(const void *user, const ig_symbol *left, const ig_symbol *right, int64_t *id) {
    const bpe *b = user;
    if (b->frozen[left->begin] || b->frozen[right->begin]) return INFINITY;
    *id = ig_vocab_id(&b->spm->vocab, (ig_str){b->text.s + left->begin, right->end - left->begin});
    if (*id < 0 || (b->spm->types[*id] != SPM_NORMAL && b->spm->types[*id] != SPM_USER_DEFINED)) return INFINITY;
    return -(double)b->spm->scores[*id];
}

/* Characters and user-defined symbols. */
static void cut_characters(const ig_spm *spm, ig_str text, cuts *out, uint8_t *frozen) {
    for (size_t at = 0, n; at < text.n; at += n) {
        size_t symbol = ig_spm_symbol(spm, text, at);
        n = symbol ? symbol : ig_spm_char(text, at);
        if (frozen) frozen[at] = symbol > 0;
        out->items[out->n++] = (cut){at, at + n, ig_vocab_id(&spm->vocab, (ig_str){text.s + at, n})};
    }
}

static bool encode_bpe(const ig_spm *spm, ig_arena *scratch, ig_str text, cuts *out) {
    uint8_t *frozen = IG_NEW_ARRAY(scratch, uint8_t, text.n);
    ig_symbol *s = IG_NEW_ARRAY(scratch, ig_symbol, text.n);
    bpe b = {spm, text, frozen};
    if (!frozen || !s) return false;
    cut_characters(spm, text, out, frozen);
    for (size_t i = 0; i < out->n; i++) {
        const cut *c = &out->items[i];
        s[i] = (ig_symbol){c->id, c->begin, c->end, (int32_t)i - 1, i + 1 < out->n ? (int32_t)i + 1 : -1};
    }
    if (!ig_merge_symbols(s, out->n, scratch, rank_of, &b)) return false;
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        if (s[i].begin < s[i].end) out->items[n++] = (cut){s[i].begin, s[i].end, s[i].id};
    out->n = n;
    return true;
}

/* Words begin, or end, with U+2581. */
static void cut_words(const ig_spm *spm, ig_str text, cuts *out) {
    const ig_str space = IG_STR(IG_META_SPACE);
    for (size_t at = 0, end; at < text.n; at = end) {
        end = ig_string_find(text, space, spm->space_behind ? at : at + 1);
        end = end == SIZE_MAX ? text.n : end + (spm->space_behind ? space.n : 0);
        out->items[out->n++] = (cut){at, end, ig_vocab_id(&spm->vocab, (ig_str){text.s + at, end - at})};
    }
}

static bool cut_text(const ig_spm *spm, ig_arena *scratch, ig_str text, cuts *out) {
    out->items = IG_NEW_ARRAY(scratch, cut, text.n + 1);
    if (!out->items || text.n > INT32_MAX / 4) return false;
    switch (spm->kind) {
    case SPM_UNIGRAM: return encode_unigram(spm, scratch, text, out);
    case SPM_BPE: return encode_bpe(spm, scratch, text, out);
    case SPM_WORD: cut_words(spm, text, out); return true;
    case SPM_CHAR: cut_characters(spm, text, out, NULL); return true;
    }
    return false;
}

/* ---------------------------------------------------------------------------------------------------------------- output */

/* What is unknown becomes its bytes, or one token for neighbours together. */
static void add_cut(const ig_spm *spm, const cut *c, ig_str text, const size_t *origin, bool *after_unknown, ig_tokens *out) {
    size_t begin = origin[c->begin], end = origin[c->end];
    bool unknown = c->id < 0 || c->id == spm->unknown;
    if (unknown && spm->byte_fallback) {
        for (size_t i = c->begin; i < c->end; i++)
            ig_tokens_add(out, spm->bytes[(uint8_t)text.s[i]], begin, i + 1 == c->end ? end : begin);
    } else if (unknown && *after_unknown) {
        out->list.items[out->list.n - 1].end = end;
    } else {
        ig_tokens_add(out, unknown ? spm->unknown : c->id, begin, end);
    }
    *after_unknown = unknown;
}

ig_status ig_spm_encode(const ig_spm *spm, ig_str text, ig_tokens *out, ig_error *err) {
    ig_arena scratch;
    ig_str normal;
    size_t *origin;
    cuts cuts = {0};
    bool after_unknown = false;
    ig_arena_init(&scratch, out->arena->context);
    bool ok = ig_spm_normalize(spm, &scratch, text, &normal, &origin) && cut_text(spm, &scratch, normal, &cuts);
    for (size_t i = 0; ok && i < cuts.n && !out->failed; i++) add_cut(spm, &cuts.items[i], normal, origin, &after_unknown, out);
    ig_arena_free(&scratch);
    return ok && !out->failed ? IG_OK : ig_oom(err);
}
