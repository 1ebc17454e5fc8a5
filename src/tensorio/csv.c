/* Tables as text: one row a line, columns between commas (or semicolons or tabs, whichever the first line has), quotes as in
 * RFC 4180. A first line of words above columns of numbers is a heading. */
#include "tensorio/tensorio.h"

#include <math.h>

/* ------------------------------------------------------------------------------------------------------------ reading */

typedef IG_VEC(ig_str) cells;

typedef struct table {
    ig_arena *arena;
    cells cells;
    size_t columns, rows;
    ig_error *err;
} table;

static char separator(ig_str text) {
    static const char candidates[] = {',', ';', '\t'};
    for (size_t k = 0; k < IG_COUNT_OF(candidates); k++) {
        bool quoted = false;
        for (size_t i = 0; i < text.n && (quoted || text.s[i] != '\n'); i++) {
            if (text.s[i] == '"') quoted = !quoted;
            if (!quoted && text.s[i] == candidates[k]) return candidates[k];
        }
    }
    return ',';
}

/* One cell starting at *at; leaves *at at the separator, line end or end of text. */
static bool cell(table *t, ig_str text, size_t *at, char between, ig_str *out) {
    size_t i = *at, start = i;
    if (i < text.n && text.s[i] == '"') {
        ig_text clean;
        ig_text_init(&clean, t->arena);
        ig_text_add(&clean, IG_STR(""));
        for (i++; i < text.n; i++) {
            if (text.s[i] == '"' && (i + 1 >= text.n || text.s[i + 1] != '"')) break;
            if (text.s[i] == '"') i++;
            ig_text_add(&clean, (ig_str){text.s + i, 1});
        }
        *out = (ig_str){clean.s, clean.n};
        *at = i < text.n ? i + 1 : i;
        while (*at < text.n && text.s[*at] != between && text.s[*at] != '\n') (*at)++;
        return !clean.failed;
    }
    while (i < text.n && text.s[i] != between && text.s[i] != '\n') i++;
    *at = i;
    if (i > start && text.s[i - 1] == '\r') i--;
    *out = (ig_str){text.s + start, i - start};
    return true;
}

static ig_status parse(table *t, ig_str text) {
    if (ig_str_starts(text, "\xEF\xBB\xBF")) text.s += 3, text.n -= 3; /* byte order mark */
    char between = separator(text);
    for (size_t at = 0; at < text.n;) {
        size_t columns = 0;
        ig_str c;
        size_t line = at;
        for (;; at++, columns++) {
            if (!cell(t, text, &at, between, &c) || !IG_PUSH(t->arena, &t->cells, c)) return ig_oom(t->err);
            if (at >= text.n || text.s[at] == '\n') break;
        }
        columns++;
        at++;
        bool blank = columns == 1 && c.n == 0 && text.s[line] != '"';
        if (blank) {
            t->cells.n--;
            continue;
        }
        if (t->rows && columns != t->columns)
            return ig_fail(t->err, IG_E_INPUT, "row %zu has %zu columns, the first has %zu", t->rows + 1, columns, t->columns);
        t->columns = columns;
        t->rows++;
    }
    return IG_OK;
}

static bool is_number(ig_str s) {
    double v;
    return ig_text_to_element(s, IG_F64, &v, 0);
}

/* True when the first row can't be data of the other rows' kind. */
static bool has_heading(const table *t, ig_dtype wanted) {
    if (t->rows < 2 || wanted == IG_STRING) return false;
    for (size_t c = 0; c < t->columns; c++) {
        if (is_number(t->cells.items[c])) return false;
        if (wanted == IG_UNDEFINED && !is_number(t->cells.items[t->columns + c])) return false;
    }
    return true;
}

static ig_dtype guess_dtype(const cells *cells, size_t first) {
    ig_dtype guess = IG_I64;
    int64_t v;
    for (size_t i = first; i < cells->n; i++) {
        if (!is_number(cells->items[i])) return IG_STRING;
        if (!ig_str_to_i64(cells->items[i], &v)) guess = IG_F64;
    }
    return guess;
}

static ig_status fill(ig_tensor *t, const table *table, size_t first, ig_error *err) {
    for (size_t i = 0; i < t->count; i++) {
        ig_str s = table->cells.items[first + i];
        if (t->dtype == IG_STRING) {
            if (!ig_tensor_set_string(t, i, s)) return ig_oom(err);
            continue;
        }
        bool missing = s.n == 0 && ig_dtype_is_float(t->dtype);
        if (missing)
            ig_store_f64(t->dtype, t->data, i, (double)NAN);
        else if (!ig_text_to_element(s, t->dtype, t->data, i))
            return ig_fail(err, IG_E_INPUT, "row %zu, column %zu: '%.*s' is no %s", (first + i) / table->columns + 1,
                           i % table->columns + 1, (int)ig_min_size(s.n, 40), s.s, ig_dtypes[t->dtype].name);
    }
    return IG_OK;
}

ig_status ig_csv_load(ig_tensor **out, const ig_load *load) {
    ig_arena arena;
    ig_arena_init(&arena, load->context);
    table table = {.arena = &arena, .err = load->err};
    ig_dtype dtype = load->want->dtype;
    ig_tensor *t = NULL;
    ig_status status = parse(&table, ig_str_of(ig_buffer_span(load->file)));
    if (status == IG_OK && ig_dtype_number(dtype) == IG_NUMBER_COMPLEX)
        status = ig_fail(load->err, IG_E_UNSUPPORTED, "complex numbers are not read from CSV; use .npy");
    if (status == IG_OK) {
        size_t first = has_heading(&table, dtype) ? table.columns : 0;
        if (dtype == IG_UNDEFINED) dtype = guess_dtype(&table.cells, first);
        bool column = table.columns == 1;
        int64_t dims[2] = {(int64_t)(table.rows - (first ? 1 : 0)), (int64_t)table.columns};
        status = ig_tensor_create(&t, load->context, dtype, column ? 1 : 2, dims, load->err);
        if (status == IG_OK) status = fill(t, &table, first, load->err);
    }
    if (status != IG_OK)
        ig_tensor_free(t);
    else
        *out = t;
    ig_arena_free(&arena);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ writing */

static void put_quoted(ig_file *f, ig_str s) {
    bool plain = s.n > 0;
    for (size_t i = 0; i < s.n; i++) plain &= !strchr(",;\t\"\r\n", s.s[i]) || !s.s[i];
    if (plain) {
        ig_file_write(f, s.s, s.n);
        return;
    }
    ig_file_write(f, "\"", 1);
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == '"') ig_file_write(f, "\"", 1);
        ig_file_write(f, s.s + i, 1);
    }
    ig_file_write(f, "\"", 1);
}

static void put_cell(ig_file *f, const ig_tensor *t, size_t i) {
    char text[40];
    if (t->dtype == IG_STRING)
        put_quoted(f, ig_tensor_strings(t)[i]);
    else if (ig_dtype_is_float(t->dtype)) {
        ig_number_text(text, sizeof text, t->dtype, ig_load_as_f64(t->dtype, t->data, i));
        ig_file_write(f, text, strlen(text));
    } else if (t->dtype == IG_U64)
        ig_file_printf(f, "%llu", (unsigned long long)ig_load_as_i64(t->dtype, t->data, i));
    else
        ig_file_printf(f, "%lld", (long long)ig_load_as_i64(t->dtype, t->data, i));
}

/* The first dim counts the rows, all others make columns. */
ig_status ig_csv_store(const ig_store *store, const ig_tensor *t) {
    if (ig_dtype_number(t->dtype) == IG_NUMBER_COMPLEX)
        return ig_fail(store->err, IG_E_UNSUPPORTED, "complex numbers are not written as CSV; use npy or json");
    size_t columns = t->rank < 2 || t->dims[0] == 0 ? 1 : t->count / (size_t)t->dims[0];
    for (size_t i = 0; i < t->count; i++) {
        put_cell(store->file, t, i);
        ig_file_write(store->file, (i + 1) % columns ? "," : "\n", 1);
    }
    return IG_OK;
}
