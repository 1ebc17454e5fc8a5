/* What the text operators share: making strings, Unicode, regular expressions. Strings are UTF-8; bytes that aren't are kept as
 * they are and belong to no class of characters. */
#ifndef IG_OPS_TEXT_TEXT_H
#define IG_OPS_TEXT_TEXT_H

#include "ops/op.h"

/* Room for a new string of n bytes as element i of a tensor of strings. NULL: out of memory. Not from parallel ranges. */
char *ig_string_room(ig_tensor *t, size_t i, size_t n);
/* An error unless input i is a tensor of strings. */
ig_status ig_call_strings(ig_call *c, size_t i);
/* The only string of input i. */
ig_status ig_call_one_string(ig_call *c, size_t i, ig_str *out);

/* The character at s[*at], moving *at behind it; -1 for a byte that belongs to none. */
int32_t ig_char_next(ig_str s, size_t *at);
size_t ig_char_count(ig_str s);
/* White space as Unicode and Python have it. */
bool ig_char_is_space(int32_t c);
/* Simple case mapping, one character to one, without a language's own rules. */
ig_status ig_string_case(ig_call *c, ig_tensor *t, size_t i, ig_str text, bool upper);
/* Position of `what` in `text` from `from`; SIZE_MAX when it isn't there. */
size_t ig_string_find(ig_str text, ig_str what, size_t from);

/* A regular expression. Operators say RE2 syntax; this is PCRE2 restricted to act like it where both know a construct: "."
 * stops at a newline, "$" is the very end, classes like \d are ASCII, only \n is a newline. What RE2 lacks (look-around, back
 * references, possessive quantifiers) is accepted too. Where PCRE2 differs: \s has the vertical tab, and a search that takes
 * too many steps is an error. ECMAScript patterns are close enough to be read the same way. */
typedef struct ig_regex ig_regex;
enum { IG_REGEX_WHOLE = 1, IG_REGEX_ICASE = 2 }; /* must match all of the text; upper and lower case are the same */

ig_status ig_regex_create(ig_regex **regex, ig_context *context, ig_str pattern, unsigned flags, ig_error *err);
void ig_regex_free(ig_regex *regex);
size_t ig_regex_groups(const ig_regex *regex); /* without the whole match */
/* Number of a named group; SIZE_MAX when there is none. */
size_t ig_regex_group(const ig_regex *regex, ig_str name);
/* One at a time for each matcher. */
typedef struct ig_matcher {
    const ig_regex *regex;
    void *data, *limits;
    const size_t *spans; /* of a match: begin and end of the whole, then of each group; SIZE_MAX: not part of the match */
    size_t n;            /* groups that have spans, the whole one included */
} ig_matcher;
ig_status ig_matcher_create(ig_matcher *matcher, const ig_regex *regex, ig_error *err);
void ig_matcher_free(ig_matcher *matcher);
/* Searches from byte `from`. IG_NO without an error when there is no match. `not_empty`: not an empty match right at `from`. */
ig_status ig_match(ig_matcher *matcher, ig_str text, size_t from, bool not_empty, ig_error *err);

#endif
