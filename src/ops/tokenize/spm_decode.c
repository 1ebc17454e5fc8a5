#include "base/text.h"
#include "ops/tokenize/spm.h"

/* A run of tokens that are bytes: characters where they form some, else U+FFFD for each. */
static void add_bytes(ig_text *out, ig_str bytes) {
    for (size_t at = 0; at < bytes.n;) {
        size_t n = ig_utf8_length((ig_str){bytes.s + at, bytes.n - at});
        ig_text_add(out, n ? (ig_str){bytes.s + at, n} : IG_STR("\xEF\xBF\xBD"));
        at += n ? n : 1;
    }
}

static void add_piece(const ig_spm *spm, int64_t id, bool *begun, ig_text *out) {
    ig_str piece = spm->vocab.tokens[id];
    const ig_str space = IG_STR(IG_META_SPACE);
    if (spm->types[id] == SPM_CONTROL) return;
    if (spm->types[id] == SPM_UNKNOWN) {
        ig_text_add(out, spm->unknown_surface);
        return;
    }
    if (!*begun && out->n == 0 && (spm->dummy || spm->trim) && ig_str_starts(piece, IG_META_SPACE)) {
        piece = (ig_str){piece.s + space.n, piece.n - space.n};
        *begun = !spm->trim;
    }
    for (size_t at = 0; at < piece.n;) {
        size_t next = ig_string_find(piece, space, at), end = ig_min_size(next, piece.n);
        ig_text_add(out, (ig_str){piece.s + at, end - at});
        if (next < piece.n) ig_text_add(out, IG_STR(" "));
        at = next < piece.n ? next + space.n : piece.n;
    }
}

ig_status ig_spm_decode(const ig_spm *spm, const int64_t *ids, size_t n, ig_text *out, ig_error *err) {
    bool begun = false;
    char *bytes = IG_NEW_ARRAY(out->arena, char, n);
    size_t n_bytes = 0;
    if (!bytes) return ig_oom(err);
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (uint64_t)ids[i] >= spm->vocab.n)
            return ig_fail(err, IG_E_INPUT, "token %lld isn't one of the %zu of the SentencePiece model", (long long)ids[i],
                           spm->vocab.n);
        if (spm->types[ids[i]] == SPM_BYTE) {
            for (unsigned b = 0; b < 256; b++)
                if (spm->bytes[b] == ids[i]) bytes[n_bytes++] = (char)b;
            continue;
        }
        add_bytes(out, (ig_str){bytes, n_bytes});
        n_bytes = 0;
        add_piece(spm, ids[i], &begun, out);
    }
    add_bytes(out, (ig_str){bytes, n_bytes});
    return out->failed ? ig_oom(err) : IG_OK;
}
