#include "ops/tokenize/spm.h"

#include "codec/protobuf.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/protobuf_structs.h"
#include "ops/tokenize/spm_messages.def"

#include "codec/protobuf_tables.h"
#include "ops/tokenize/spm_messages.def"

enum { MAX_PIECES = 1 << 24 };

/* ---------------------------------------------------------------------------------------------------------------- tries */

static int compare(const void *a, const void *b) {
    const spm_entry *x = a, *y = b;
    int order = ig_str_cmp(x->text, y->text);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

void ig_spm_sort(spm_trie *trie) {
    if (trie->n) qsort(trie->entries, trie->n, sizeof *trie->entries, compare);
}

/* The first entry in [low, high) whose byte at `depth` is at least `byte`. All have more than `depth` bytes. */
static size_t first_at(const spm_trie *trie, size_t low, size_t high, size_t depth, unsigned byte) {
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uint8_t)trie->entries[middle].text.s[depth] < byte) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool ig_spm_step(const spm_trie *trie, spm_walk *walk, char byte) {
    size_t low = walk->low;
    while (low < walk->high && trie->entries[low].text.n == walk->depth) low++;
    walk->low = first_at(trie, low, walk->high, walk->depth, (uint8_t)byte);
    walk->high = first_at(trie, walk->low, walk->high, walk->depth, (uint8_t)byte + 1u);
    walk->depth++;
    return walk->low < walk->high;
}

const spm_entry *ig_spm_at(const spm_trie *trie, const spm_walk *walk) {
    return trie->entries[walk->low].text.n == walk->depth ? &trie->entries[walk->low] : NULL;
}

size_t ig_spm_symbol(const ig_spm *spm, ig_str text, size_t at) {
    spm_walk walk = {0, spm->symbols.n, 0};
    size_t longest = 0;
    for (size_t i = at; i < text.n && ig_spm_step(&spm->symbols, &walk, text.s[i]); i++)
        if (ig_spm_at(&spm->symbols, &walk)) longest = i + 1 - at;
    return longest;
}

size_t ig_spm_char(ig_str text, size_t at) {
    uint8_t first = (uint8_t)text.s[at];
    return ig_min_size(first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4, text.n - at);
}

/* -------------------------------------------------------------------------------------------------------------- reading */

static bool in_texts(uint8_t type) { return type == SPM_NORMAL || type == SPM_USER_DEFINED; }

static ig_status read_pieces(ig_spm *spm, const spm_model *model, ig_error *err) {
    size_t n = model->pieces.n;
    if (n > MAX_PIECES) return ig_fail(err, IG_E_LIMIT, "the SentencePiece model has %zu pieces", n);
    ig_str *texts = IG_NEW_ARRAY(&spm->arena, ig_str, n);
    spm->scores = IG_NEW_ARRAY(&spm->arena, float, n);
    spm->types = IG_NEW_ARRAY(&spm->arena, uint8_t, n);
    spm->pieces.entries = IG_NEW_ARRAY(&spm->arena, spm_entry, n);
    spm->symbols.entries = IG_NEW_ARRAY(&spm->arena, spm_entry, n);
    if (!texts || !spm->scores || !spm->types || !spm->pieces.entries || !spm->symbols.entries) return ig_oom(err);
    spm->unknown = -1;
    for (size_t i = 0; i < n; i++) {
        const spm_piece *p = model->pieces.items[i];
        int32_t type = p->has_type ? p->type : SPM_NORMAL;
        if (p->piece.n == 0) return ig_fail(err, IG_E_INPUT, "piece %zu of the SentencePiece model is empty", i);
        if (type < SPM_NORMAL || type > SPM_BYTE)
            return ig_fail(err, IG_E_INPUT, "piece %zu of the SentencePiece model has the unknown type %d", i, (int)type);
        texts[i] = p->piece;
        spm->scores[i] = p->score;
        spm->types[i] = (uint8_t)type;
        spm_entry entry = {p->piece, (int64_t)i};
        if (in_texts(spm->types[i])) spm->pieces.entries[spm->pieces.n++] = entry;
        if (type == SPM_USER_DEFINED) spm->symbols.entries[spm->symbols.n++] = entry;
        if (type == SPM_UNKNOWN) spm->unknown = (int64_t)i;
    }
    if (spm->unknown < 0) return ig_fail(err, IG_E_INPUT, "the SentencePiece model has no piece for what is unknown");
    ig_spm_sort(&spm->pieces);
    ig_spm_sort(&spm->symbols);
    return ig_vocab_from_list(&spm->vocab, &spm->arena, texts, n, err);
}

static void find_scores(ig_spm *spm) {
    bool any = false;
    for (size_t i = 0; i < spm->vocab.n; i++) {
        float s = spm->scores[i];
        if (spm->types[i] != SPM_NORMAL) continue;
        if (!any || s < spm->least) spm->least = s;
        if (!any || s > spm->most) spm->most = s;
        any = true;
    }
}

static int64_t control(const ig_spm *spm, ig_str given, const char *usual) {
    int64_t id = ig_vocab_id(&spm->vocab, given.s ? given : ig_str_c(usual));
    return id >= 0 && spm->types[id] == SPM_CONTROL ? id : -1;
}

/* First the size of the double array, then the array, then the replacements. */
static ig_status read_rules(ig_spm *spm, ig_span rules, ig_error *err) {
    if (rules.n == 0) return IG_OK;
    size_t size = rules.n >= 4 ? ig_load_u32(rules.p) : SIZE_MAX;
    if (rules.n < 4 || size > rules.n - 4 || size % 4 || rules.n - 4 == size || rules.p[rules.n - 1] != 0)
        return ig_fail(err, IG_E_INPUT, "the SentencePiece model's rules for characters are damaged");
    spm->trie = (ig_span){rules.p + 4, size};
    spm->replacements = (ig_str){(const char *)rules.p + 4 + size, rules.n - 4 - size};
    return IG_OK;
}

static ig_status fill(ig_spm *spm, const spm_model *model, ig_error *err) {
    static const spm_trainer no_trainer;
    static const spm_normalizer no_normalizer;
    const spm_trainer *t = model->trainer_spec ? model->trainer_spec : &no_trainer;
    const spm_normalizer *n = model->normalizer_spec ? model->normalizer_spec : &no_normalizer;
    char text[8];
    IG_TRY(read_pieces(spm, model, err));
    int32_t kind = t->has_model_type ? t->model_type : SPM_UNIGRAM;
    if (kind < SPM_UNIGRAM || kind > SPM_CHAR)
        return ig_fail(err, IG_E_INPUT, "SentencePiece model of the unknown kind %d", (int)kind);
    spm->kind = (spm_kind)kind;
    spm->space_behind = t->treat_whitespace_as_suffix;
    spm->byte_fallback = t->byte_fallback;
    spm->unknown_surface = t->unk_surface.s ? t->unk_surface : IG_STR(" \xE2\x81\x87 ");
    spm->bos = control(spm, t->bos_piece, "<s>");
    spm->eos = control(spm, t->eos_piece, "</s>");
    spm->dummy = !n->has_add_dummy_prefix || n->add_dummy_prefix;
    spm->trim = !n->has_remove_extra_whitespaces || n->remove_extra_whitespaces;
    spm->escape = !n->has_escape_whitespaces || n->escape_whitespaces;
    for (unsigned b = 0; b < 256; b++) {
        snprintf(text, sizeof text, "<0x%02X>", b);
        spm->bytes[b] = ig_vocab_id(&spm->vocab, ig_str_c(text));
        if (spm->bytes[b] < 0 && spm->byte_fallback)
            return ig_fail(err, IG_E_INPUT, "the SentencePiece model spells unknown characters in bytes, but lacks %s", text);
    }
    find_scores(spm);
    return read_rules(spm, n->precompiled_charsmap, err);
}

ig_status ig_spm_create(ig_spm **out, ig_context *context, ig_span bytes, ig_error *err) {
    ig_spm *spm = *out = ig_calloc(context, sizeof *spm);
    if (!spm) return ig_oom(err);
    ig_arena_init(&spm->arena, context);
    spm_model model = {.head = {.parts = 0}};
    ig_pb_reader reader = {&spm->arena, bytes.p, 16, err, NULL};
    ig_status status = ig_pb_read(&reader, &spm_model_pb, bytes, &model, NULL);
    if (status == IG_OK) status = fill(spm, &model, err);
    if (status != IG_OK) {
        ig_spm_free(spm);
        *out = NULL;
    }
    return status;
}

void ig_spm_free(ig_spm *spm) {
    if (!spm) return;
    ig_context *context = spm->arena.context;
    ig_arena_free(&spm->arena);
    ig_release(context, spm);
}

int64_t ig_spm_bos(const ig_spm *spm) { return spm->bos; }
int64_t ig_spm_eos(const ig_spm *spm) { return spm->eos; }
int64_t ig_spm_unknown(const ig_spm *spm) { return spm->unknown; }
