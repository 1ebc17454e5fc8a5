/* Numbers in text: with a point, whatever the calling program's locale says. */
#ifndef IG_BASE_NUMBER_H
#define IG_BASE_NUMBER_H

#include "base/dtype.h"

/* Makes the C library read and write numbers as programs do, for this thread, until ig_c_locale_leave. */
typedef struct ig_c_locale {
    void *ours, *theirs;
} ig_c_locale;
ig_c_locale ig_c_locale_enter(void);
void ig_c_locale_leave(ig_c_locale locale);

/* The shortest decimal form that reads back as the same value of a float type. Returns the length. In the C locale. */
size_t ig_number_text(char *out, size_t size, ig_dtype dtype, double value);
/* A decimal number, "inf", "infinity" or "nan" in any case, with a sign or without; nothing else around it. In the C locale. */
bool ig_str_to_f64(ig_str text, double *value);

#endif
