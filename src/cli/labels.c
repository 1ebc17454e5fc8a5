/* Scores of classes as labelled probabilities. */
#include "cli/cli.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct labels {
    char *text;
    const char **lines;
    size_t n;
} labels;

enum { CHUNK = 1 << 16, MOST_LABEL_BYTES = 1 << 26 };

static char *read_text(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t got = 1;
    for (*n = 0; f && got && *n < MOST_LABEL_BYTES; *n += got) {
        char *larger = realloc(text, *n + CHUNK + 1);
        if (!larger) break;
        text = larger;
        got = fread(text + *n, 1, CHUNK, f);
    }
    bool good = f && !ferror(f) && got == 0;
    if (f) fclose(f);
    if (good) {
        text[*n] = 0;
        return text;
    }
    free(text);
    return NULL;
}

static int read_labels(labels *l, const char *path) {
    size_t n, lines = 1;
    l->text = read_text(path, &n);
    if (!l->text) {
        ig_error err = {.status = IG_E_INPUT, .message = "can't read the labels"};
        return cli_fail(path, &err);
    }
    for (size_t i = 0; i < n; i++) lines += l->text[i] == '\n';
    l->lines = cli_alloc(lines * sizeof *l->lines);
    for (char *p = l->text, *end = l->text + n; p < end;) {
        char *line_end = memchr(p, '\n', (size_t)(end - p));
        if (!line_end) line_end = end;
        l->lines[l->n++] = p;
        *line_end = 0;
        if (line_end > p && line_end[-1] == '\r') line_end[-1] = 0;
        p = line_end + 1;
    }
    return CLI_DONE;
}

/* Scores that are no probabilities go through softmax. Returns whether they did. */
static bool to_probabilities(double *p, size_t n) {
    double sum = 0, max = -INFINITY;
    bool plain = true;
    for (size_t i = 0; i < n; i++) {
        plain &= p[i] >= 0 && p[i] <= 1.0001;
        sum += p[i];
        max = fmax(max, p[i]);
    }
    if (plain && fabs(sum - 1) < 0.01) return false;
    sum = 0;
    for (size_t i = 0; i < n; i++) sum += p[i] = exp(p[i] - max);
    for (size_t i = 0; i < n; i++) p[i] /= sum;
    return true;
}

/* The likeliest classes of one row of scores. */
static json_t *top_of(double *p, size_t classes, size_t top, const labels *l) {
    json_t *list = json_array();
    bool softmax = to_probabilities(p, classes);
    for (size_t k = 0; k < top && k < classes; k++) {
        size_t best = 0;
        for (size_t i = 1; i < classes; i++)
            if (p[i] > p[best] || isnan(p[best])) best = i;
        char *label = best < l->n ? cli_print("%s", l->lines[best]) : cli_print("class %zu", best);
        json_array_append_new(list, json_pack("{s:I,s:o,s:o,s:b}", "class", (json_int_t)best, "label", cli_json_text(label),
                                              "probability", cli_json_number(p[best]), "softmax", softmax));
        free(label);
        p[best] = -1;
    }
    return list;
}

static bool is_scores(const ig_tensor *t) { return cli_is_real(t) && ig_tensor_rank(t) > 0 && ig_tensor_count(t) > 1; }

int cli_label(json_t **out, const ig_session *session, ig_tensor *const *outputs, size_t n, const char *path, size_t top) {
    labels l = {0};
    size_t which = 0;
    while (which < n && !is_scores(outputs[which])) which++;
    if (which == n) return cli_usage("run", "the model has no output of scores to label");
    int code = path ? read_labels(&l, path) : CLI_DONE;
    const ig_tensor *t = outputs[which];
    size_t classes = (size_t)ig_tensor_dims(t)[ig_tensor_rank(t) - 1], rows = ig_tensor_count(t) / classes;
    if (code == CLI_DONE && path && l.n < classes)
        cli_note("%s has %zu labels, output '%s' has %zu classes", path, l.n, ig_session_output(session, which).name, classes);
    double *p = cli_alloc(classes * sizeof *p);
    json_t *all = json_array();
    for (size_t row = 0; row < rows && code == CLI_DONE; row++) {
        for (size_t i = 0; i < classes; i++) p[i] = ig_tensor_get_f64(t, row * classes + i);
        json_array_append_new(all, top_of(p, classes, top, &l));
    }
    if (code == CLI_DONE)
        *out = all;
    else
        json_decref(all);
    free(p);
    free(l.lines);
    free(l.text);
    return code;
}

void cli_print_labels(const json_t *all) {
    for (size_t row = 0; row < json_array_size(all); row++) {
        const json_t *list = json_array_get(all, row), *first = json_array_get(list, 0);
        if (json_array_size(all) > 1) printf("%srow %zu:\n", row ? "\n" : "", row);
        cli_table *table = cli_table_new("rl", NULL);
        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *o = json_array_get(list, k);
            cli_table_cell(table, "%.2f %%", json_number_value(json_object_get(o, "probability")) * 100);
            cli_table_cell(table, "%s", json_string_value(json_object_get(o, "label")));
        }
        cli_table_print(table, "", stdout);
        if (json_is_true(json_object_get(first, "softmax"))) printf("(softmax of the scores)\n");
    }
}
