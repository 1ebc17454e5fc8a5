#include "cli/cli.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *cli_json_str(ig_str text) {
    json_t *v = json_stringn(text.s ? text.s : "", text.n);
    if (v) return v;
    char *clean = cli_clean_str(text); /* no UTF-8 */
    v = json_string(clean);
    free(clean);
    return v;
}

json_t *cli_json_text(const char *text) { return cli_json_str((ig_str){text, text ? strlen(text) : 0}); }

json_t *cli_json_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

/* jansson leaves DEL as it is. */
static int put(const char *text, size_t n, void *user) {
    (void)user;
    for (size_t i = 0; i < n; i++)
        if (text[i] == 0x7F)
            fputs("\\u007f", stdout);
        else
            fputc(text[i], stdout);
    return 0;
}

void cli_json_print(json_t *value) {
    json_dump_callback(value, put, NULL, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    fputc('\n', stdout);
    json_decref(value);
}
