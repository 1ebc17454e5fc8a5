#define _GNU_SOURCE /* memmem */
/* Any text: reading never fails in a bad way, and what was read prints as a text that reads again and prints the same. */
#include "graph/graph.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct printed {
    char *text;
    size_t n, cap;
} printed;

static bool take(void *user, const char *text, size_t n) {
    printed *p = user;
    if (n > p->cap - p->n) {
        p->cap = 2 * (p->n + n);
        p->text = realloc(p->text, p->cap);
        if (!p->text) abort();
    }
    memcpy(p->text + p->n, text, n);
    p->n += n;
    return true;
}

static bool once(const char *text, size_t n, printed *out) {
    const ig_open_options options = {IG_OPTIONS(ig_open_options), .format = "onnxtxt"};
    ig_model *m;
    if (ig_model_open_memory(&m, text, n, &options, NULL) != IG_OK) return false;
    bool ok = ig_model_print(m, NULL, take, out, NULL) == IG_OK;
    ig_model_free(m);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    printed first = {0}, second = {0};
    if (once((const char *)data, size, &first) && !memmem(first.text, first.n, "# not in this text", 18)) {
        if (!once(first.text, first.n, &second)) abort();
        if (first.n != second.n || memcmp(first.text, second.text, first.n) != 0) abort();
    }
    free(first.text);
    free(second.text);
    return 0;
}
