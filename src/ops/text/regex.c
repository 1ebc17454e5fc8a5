#define PCRE2_CODE_UNIT_WIDTH 8
#include "ops/text/text.h"

#include <pcre2.h>

/* Bounds for hostile patterns: steps of one search, and memory for backtracking in KiB. */
enum { MAX_STEPS = 10 * 1000 * 1000, MAX_HEAP = 64 * 1024 };

struct ig_regex {
    ig_context *context; /* retained */
    pcre2_general_context *memory;
    pcre2_code *code;
};

static void *take(PCRE2_SIZE n, void *context) { return ig_alloc(context, n); }
static void give(void *p, void *context) { ig_release(context, p); }

static ig_status compile(ig_regex *r, ig_str pattern, unsigned flags, ig_error *err) {
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    if (flags & IG_REGEX_WHOLE) options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    if (flags & IG_REGEX_ICASE) options |= PCRE2_CASELESS;
    r->memory = pcre2_general_context_create(take, give, r->context);
    pcre2_compile_context *c = r->memory ? pcre2_compile_context_create(r->memory) : NULL;
    if (!c) return ig_oom(err);
    pcre2_set_newline(c, PCRE2_NEWLINE_LF);
    int code;
    PCRE2_SIZE at;
    r->code = pcre2_compile((PCRE2_SPTR)(pattern.s ? pattern.s : ""), pattern.n, options, &code, &at, c);
    pcre2_compile_context_free(c);
    if (r->code) return IG_OK;
    PCRE2_UCHAR text[160];
    pcre2_get_error_message(code, text, sizeof text);
    return ig_fail(err, IG_E_INPUT, "the pattern '%.80s' is no regular expression: %s at byte %zu", pattern.s ? pattern.s : "",
                   (const char *)text, (size_t)at);
}

ig_status ig_regex_create(ig_regex **out, ig_context *context, ig_str pattern, unsigned flags, ig_error *err) {
    *out = NULL;
    ig_regex *r = ig_calloc(context, sizeof *r);
    if (!r) return ig_oom(err);
    r->context = ig_context_retain(context);
    ig_status status = compile(r, pattern, flags, err);
    if (status != IG_OK) {
        ig_regex_free(r);
        return status;
    }
    *out = r;
    return IG_OK;
}

void ig_regex_free(ig_regex *r) {
    if (!r) return;
    ig_context *context = r->context;
    pcre2_code_free(r->code);
    pcre2_general_context_free(r->memory);
    ig_release(context, r);
    ig_context_free(context);
}

size_t ig_regex_groups(const ig_regex *r) {
    uint32_t n = 0;
    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &n);
    return n;
}

size_t ig_regex_group(const ig_regex *r, ig_str name) {
    char text[64]; /* PCRE2's names have at most 32 characters */
    if (name.n >= sizeof text) return SIZE_MAX;
    memcpy(text, name.s, name.n);
    text[name.n] = '\0';
    int n = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)text);
    return n < 0 ? SIZE_MAX : (size_t)n;
}

ig_status ig_matcher_create(ig_matcher *m, const ig_regex *regex, ig_error *err) {
    *m = (ig_matcher){.regex = regex};
    m->data = pcre2_match_data_create_from_pattern(regex->code, regex->memory);
    m->limits = m->data ? pcre2_match_context_create(regex->memory) : NULL;
    if (!m->limits) {
        ig_matcher_free(m);
        return ig_oom(err);
    }
    pcre2_set_match_limit(m->limits, MAX_STEPS);
    pcre2_set_heap_limit(m->limits, MAX_HEAP);
    return IG_OK;
}

void ig_matcher_free(ig_matcher *m) {
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->limits);
    m->data = m->limits = NULL;
}

ig_status ig_match(ig_matcher *m, ig_str text, size_t from, bool not_empty, ig_error *err) {
    uint32_t options = not_empty ? PCRE2_NOTEMPTY_ATSTART : 0;
    int n = pcre2_match(m->regex->code, (PCRE2_SPTR)(text.s ? text.s : ""), text.n, from, options, m->data, m->limits);
    if (n > 0) {
        m->spans = pcre2_get_ovector_pointer(m->data);
        m->n = (size_t)n;
        return IG_OK;
    }
    if (n == PCRE2_ERROR_NOMATCH) return IG_NO;
    if (n == PCRE2_ERROR_NOMEMORY) return ig_oom(err);
    if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_HEAPLIMIT || n == PCRE2_ERROR_DEPTHLIMIT) {
        ig_fail(err, IG_E_LIMIT, "a search for the regular expression takes too many steps");
        ig_error_hint(err, "write the pattern without nested repetitions such as (a*)*");
        return IG_E_LIMIT;
    }
    PCRE2_UCHAR why[160];
    pcre2_get_error_message(n, why, sizeof why);
    return ig_fail(err, IG_E_INPUT, "matching fails: %s", (const char *)why);
}
