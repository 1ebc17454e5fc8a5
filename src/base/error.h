/* Filling in ig_error. Texts are cleaned: control characters and bytes that aren't UTF-8 appear as \xNN, so that a hostile
 * name can't reach a terminal. Format names from files with %.80s: they can be long. */
#ifndef IG_BASE_ERROR_H
#define IG_BASE_ERROR_H

#include "base/def.h"

/* Sets status and message, clears detail and hint, and returns status. */
ig_status ig_fail(ig_error *err, ig_status status, const char *format, ...) IG_PRINTF(3, 4);
void ig_oom_set(ig_error *err);
/* Inline, so that compilers and analyzers know that it never returns IG_OK. */
static inline ig_status ig_oom(ig_error *err) {
    ig_oom_set(err);
    return IG_E_MEMORY;
}
/* Adds where it happened. The innermost place is set first; a later call puts its text in front ("outer: inner"). */
void ig_error_at(ig_error *err, const char *format, ...) IG_PRINTF(2, 3);
/* Sets the hint unless there is one. */
void ig_error_hint(ig_error *err, const char *format, ...) IG_PRINTF(2, 3);
void ig_error_clear(ig_error *err);

#endif
