/* What reaches the terminal: messages, tables, numbers for people. Texts from files are cleaned before they are printed. */
#define _GNU_SOURCE
#include "cli/cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void *cli_alloc(size_t size) {
    void *p = calloc(1, size ? size : 1);
    if (p) return p;
    fputs("igata: error: out of memory\n", stderr);
    exit(CLI_LIMIT);
}

static char *print_list(const char *format, va_list args) {
    char *text;
    if (vasprintf(&text, format, args) >= 0) return text;
    return cli_alloc(1); /* ends the program when memory is out */
}

char *cli_print(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = print_list(format, args);
    va_end(args);
    return text;
}

/* ---------------------------------------------------------------------------------------------------------------- text */

/* Cleans with `newline` in place of each line break. */
static char *clean(ig_str text, const char *newline) {
    size_t size = 4 * text.n + 1, lines = 0, step = strlen(newline);
    char *raw = cli_alloc(size), *out;
    size_t n = ig_text_clean(raw, size, text);
    for (size_t i = 0; i < n; i++) lines += raw[i] == '\n';
    out = cli_alloc(n + lines * step + 1);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (raw[i] != '\n') {
            out[at++] = raw[i];
            continue;
        }
        memcpy(out + at, newline, step);
        at += step;
    }
    free(raw);
    return out;
}

char *cli_clean_str(ig_str text) { return clean(text, "\\n"); }
char *cli_clean(const char *text) { return cli_clean_str((ig_str){text ? text : "", text ? strlen(text) : 0}); }

const char *cli_bytes(char out[32], uint64_t bytes) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1000 && u + 1 < CLI_COUNT(units)) v /= 1000, u++;
    snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

const char *cli_amount(char out[32], double amount) {
    static const char *const units[] = {"", " K", " M", " G", " T", " P"};
    size_t u = 0;
    while (amount >= 1000 && u + 1 < CLI_COUNT(units)) amount /= 1000, u++;
    snprintf(out, 32, u ? "%.3g%s" : "%.0f%s", amount, units[u]);
    return out;
}

char *cli_type_text(const ig_tensor *t) {
    char dims[IG_MAX_RANK * 21 + 1] = "";
    size_t n = 0;
    switch (ig_tensor_kind(t)) {
    case IG_KIND_NONE: return cli_print("absent");
    case IG_KIND_SEQUENCE: return cli_print("sequence of %zu", ig_tensor_count(t));
    case IG_KIND_MAP: return cli_print("map of %zu", ig_tensor_count(t));
    default: break;
    }
    for (int i = 0; i < ig_tensor_rank(t); i++)
        n += (size_t)snprintf(dims + n, sizeof dims - n, i ? ",%lld" : "%lld", (long long)ig_tensor_dims(t)[i]);
    const char *sparse = ig_tensor_kind(t) == IG_KIND_SPARSE ? "sparse " : "";
    return cli_print("%s%s[%s]", sparse, ig_dtype_name(ig_tensor_dtype(t)), dims);
}

bool cli_is_real(const ig_tensor *t) {
    ig_dtype d = ig_tensor_dtype(t);
    return ig_tensor_kind(t) == IG_KIND_TENSOR && d != IG_STRING && d != IG_C64 && d != IG_C128;
}

double cli_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* ----------------------------------------------------------------------------------------------------------- messages */

static bool is_colourful(FILE *out) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(out)) && !(no && no[0]) && !(term && strcmp(term, "dumb") == 0);
}

const char *cli_style_on(FILE *out, cli_style style) {
    static const char *const codes[] = {"", "\33[1m", "\33[1;31m", "\33[1;33m", "\33[32m", "\33[2m"};
    return is_colourful(out) ? codes[style] : "";
}

const char *cli_style_off(FILE *out) { return is_colourful(out) ? "\33[0m" : ""; }

int cli_exit_code(ig_status status) {
    switch (status) {
    case IG_OK: return CLI_DONE;
    case IG_NO:
    case IG_E_CANCELLED: return CLI_NO;
    case IG_E_ARGUMENT: return CLI_USAGE;
    case IG_E_INPUT:
    case IG_E_IO: return CLI_INPUT;
    case IG_E_UNSUPPORTED: return CLI_UNSUPPORTED;
    case IG_E_LIMIT:
    case IG_E_MEMORY: return CLI_LIMIT;
    case IG_E_INTERNAL: break;
    }
    return CLI_BUG;
}

static void print_message(const char *who, cli_style style, const char *word, const char *message) {
    /* continued lines are set in, so that nothing in a file can look like a message of its own */
    char *clean_who = cli_clean(who), *text = clean((ig_str){message, strlen(message)}, "\n  ");
    cli_progress(NULL);
    fprintf(stderr, "%s: %s%s%s: %s\n", clean_who, cli_style_on(stderr, style), word, cli_style_off(stderr), text);
    free(clean_who);
    free(text);
}

int cli_fail(const char *file, const ig_error *err) {
    const char *detail = err->detail;
    size_t n = file ? strlen(file) : 0;
    if (n && strncmp(detail, file, n) == 0 && (!detail[n] || strncmp(detail + n, ": ", 2) == 0))
        detail += n + (detail[n] ? 2 : 0);
    print_message(file ? file : "igata", CLI_RED, "error", err->message[0] ? err->message : ig_status_text(err->status));
    if (detail[0] || err->hint[0])
        fprintf(stderr, "  %s%s%s%s%s\n", detail[0] ? "at " : "", detail, detail[0] && err->hint[0] ? "; " : "",
                err->hint[0] ? "hint: " : "", err->hint);
    return cli_exit_code(err->status);
}

int cli_usage(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = print_list(format, args), *who = cli_print(command ? "igata %s" : "igata", command);
    va_end(args);
    print_message(who, CLI_RED, "error", text);
    fprintf(stderr, "  hint: `%s -h` shows how it is used\n", who);
    free(text);
    free(who);
    return CLI_USAGE;
}

void cli_note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = print_list(format, args);
    va_end(args);
    print_message("igata", CLI_YELLOW, "note", text);
    free(text);
}

void cli_progress(const char *format, ...) {
    if (!isatty(fileno(stderr))) return;
    fputs("\r\33[K", stderr);
    if (!format) return;
    va_list args;
    va_start(args, format);
    char *raw = print_list(format, args), *text = cli_clean(raw);
    va_end(args);
    fprintf(stderr, "%.100s", text);
    fflush(stderr);
    free(text);
    free(raw);
}

/* -------------------------------------------------------------------------------------------------------------- tables */

struct cli_table {
    const char *columns;
    bool headed;
    char **cells;
    size_t n, cap, width[16];
};

/* Characters, not bytes: continuation bytes of UTF-8 don't count. */
static size_t columns_of(const char *text) {
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void add_cell(cli_table *t, char *text) {
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        char **cells = cli_alloc(cap * sizeof *cells);
        if (t->n) memcpy(cells, t->cells, t->n * sizeof *cells);
        free(t->cells);
        t->cells = cells;
        t->cap = cap;
    }
    size_t column = t->n % strlen(t->columns), width = columns_of(text);
    if (width > t->width[column]) t->width[column] = width;
    t->cells[t->n++] = text;
}

cli_table *cli_table_new(const char *columns, const char *const *headings) {
    cli_table *t = cli_alloc(sizeof *t);
    t->columns = columns;
    t->headed = headings != NULL;
    for (size_t i = 0; headings && columns[i]; i++) add_cell(t, cli_clean(headings[i]));
    return t;
}

void cli_table_cell(cli_table *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *raw = print_list(format, args);
    va_end(args);
    add_cell(t, cli_clean(raw));
    free(raw);
}

void cli_table_free(cli_table *t) {
    for (size_t i = 0; i < t->n; i++) free(t->cells[i]);
    free(t->cells);
    free(t);
}

void cli_table_print(cli_table *t, const char *indent, FILE *out) {
    size_t columns = strlen(t->columns);
    for (size_t i = 0; i < t->n; i++) {
        size_t c = i % columns, width = columns_of(t->cells[i]);
        bool heading = t->headed && i < columns, last = c + 1 == columns || i + 1 == t->n;
        size_t pad = t->width[c] > width ? t->width[c] - width : 0;
        bool right = t->columns[c] == 'r';
        fprintf(out, "%s%s%*s%s%*s%s%s", c ? "  " : indent, heading ? cli_style_on(out, CLI_BOLD) : "", right ? (int)pad : 0,
                "", t->cells[i], right || last ? 0 : (int)pad, "", heading ? cli_style_off(out) : "", last ? "\n" : "");
    }
    cli_table_free(t);
}
