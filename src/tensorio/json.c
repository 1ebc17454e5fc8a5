/* JSON: nested arrays, or {"dtype": "float", "shape": [2, 3], "data": [...]} with data nested or flat. NaN and infinities stand
 * as strings ("NaN", "Infinity", "-Infinity") and are also accepted bare, as many writers print them. A complex number is a
 * pair [re, im]. {"sequence": [...]}, {"keys": [...], "values": [...]} and null are the other kinds of values. */
#include "tensorio/tensorio.h"

#include <jansson.h>
#include <math.h>

bool ig_json_probe(ig_span file) {
    size_t i = 0;
    while (i < file.n && strchr(" \t\r\n", file.p[i]) && file.p[i]) i++;
    return i < file.n && (file.p[i] == '{' || file.p[i] == '[');
}

/* ------------------------------------------------------------------------------------------------------------ reading */

/* Bytes that the parsed form of one byte of text may take at most: "[]," makes an array object. */
enum { PARSED_PER_BYTE = 64 };

/* Puts bare NaN and Infinity into quotes, which JSON itself does not know. Text with n 0: memory ran out. */
static ig_str quote_specials(ig_arena *arena, ig_str text) {
    static const char *const words[] = {"NaN", "-Infinity", "Infinity"};
    ig_text out;
    ig_text_init(&out, arena);
    size_t copied = 0;
    bool inside = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.s[i];
        if (inside && c == '\\') {
            i++;
            continue;
        }
        if (c == '"') inside = !inside;
        if (inside || (c != 'N' && c != 'I' && c != '-')) continue;
        for (size_t w = 0; w < IG_COUNT_OF(words); w++) {
            if (!ig_str_starts((ig_str){text.s + i, text.n - i}, words[w])) continue;
            size_t n = strlen(words[w]);
            ig_text_add(&out, (ig_str){text.s + copied, i - copied});
            ig_text_printf(&out, "\"%s\"", words[w]);
            copied = i + n;
            i += n - 1;
            break;
        }
    }
    if (copied == 0) return text;
    ig_text_add(&out, (ig_str){text.s + copied, text.n - copied});
    return out.failed ? (ig_str){0} : (ig_str){out.s, out.n};
}

typedef struct filling {
    ig_tensor *tensor;
    size_t next;
    int complex_part; /* 1: leaves are halves of complex numbers */
    ig_error *err;
} filling;

static bool is_number_word(const char *s) {
    return strcmp(s, "NaN") == 0 || strcmp(s, "Infinity") == 0 || strcmp(s, "-Infinity") == 0 || strcmp(s, "inf") == 0 ||
           strcmp(s, "-inf") == 0 || strcmp(s, "nan") == 0;
}

/* The dims along the first elements. */
static ig_status find_shape(const json_t *v, int *rank, int64_t *dims, ig_error *err) {
    for (*rank = 0; json_is_array(v); v = json_array_get(v, 0)) {
        if (*rank == IG_MAX_RANK) return ig_fail(err, IG_E_UNSUPPORTED, "arrays nested more than %d deep", IG_MAX_RANK);
        dims[(*rank)++] = (int64_t)json_array_size(v);
        if (json_array_size(v) == 0) break;
    }
    return IG_OK;
}

enum { SEEN_BOOL = 1, SEEN_INT = 2, SEEN_REAL = 4, SEEN_TEXT = 8 };

/* Which kinds of leaves there are; depth is bounded by the shape's rank, which fill() checks too. */
static unsigned leaf_kinds(const json_t *v, int depth) {
    unsigned seen = 0;
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v) && depth < IG_MAX_RANK; i++)
            seen |= leaf_kinds(json_array_get(v, i), depth + 1);
        return seen;
    }
    if (json_is_boolean(v)) return SEEN_BOOL;
    if (json_is_integer(v)) return SEEN_INT;
    if (json_is_string(v)) return is_number_word(json_string_value(v)) ? SEEN_REAL : SEEN_TEXT;
    return SEEN_REAL;
}

static ig_dtype guess_dtype(const json_t *v) {
    unsigned seen = leaf_kinds(v, 0);
    return seen & SEEN_TEXT ? IG_STRING : seen & SEEN_REAL || !seen ? IG_F64 : seen & SEEN_INT ? IG_I64 : IG_BOOL;
}

static ig_status bad_leaf(const filling *f, const char *what) {
    return ig_fail(f->err, IG_E_INPUT, "element %zu is %s, %s is wanted", f->next, what, ig_dtypes[f->tensor->dtype].name);
}

static ig_status fill_leaf(filling *f, const json_t *v) {
    ig_tensor *t = f->tensor;
    if (t->dtype == IG_STRING) {
        if (!json_is_string(v)) return bad_leaf(f, "no text");
        ig_str s = {json_string_value(v), json_string_length(v)};
        return ig_tensor_set_string(t, f->next++, s) ? IG_OK : ig_oom(f->err);
    }
    ig_dtype dtype = t->dtype == IG_C64 ? IG_F32 : t->dtype == IG_C128 ? IG_F64 : t->dtype;
    size_t i = f->next;
    bool exact = !ig_dtype_is_float(dtype), ok = true;
    if (json_is_boolean(v)) {
        ig_store_i64(dtype, t->data, i, json_is_true(v));
    } else if (json_is_integer(v)) {
        int64_t n = json_integer_value(v);
        if (exact) {
            ig_store_i64(dtype, t->data, i, n);
            ok = ig_load_as_i64(dtype, t->data, i) == n && !(n < 0 && dtype == IG_U64);
        } else
            ig_store_f64(dtype, t->data, i, (double)n);
    } else if (json_is_real(v)) {
        ig_store_f64(dtype, t->data, i, json_real_value(v));
        ok = !exact || ig_load_as_f64(dtype, t->data, i) == json_real_value(v);
    } else if (json_is_string(v))
        ok = ig_text_to_element((ig_str){json_string_value(v), json_string_length(v)}, dtype, t->data, i);
    else
        return bad_leaf(f, json_is_null(v) ? "null" : "an object");
    if (!ok) return bad_leaf(f, json_is_string(v) ? "text" : "a number out of its range");
    f->next++;
    return IG_OK;
}

static ig_status fill(filling *f, const json_t *v, int rank, const int64_t *dims) {
    if (rank == 0 && !json_is_array(v)) return fill_leaf(f, v);
    if (rank == 0 || !json_is_array(v) || (int64_t)json_array_size(v) != dims[0])
        return ig_fail(f->err, IG_E_INPUT, "the arrays are ragged: near element %zu the sizes differ", f->next);
    for (size_t i = 0; i < json_array_size(v); i++) IG_TRY(fill(f, json_array_get(v, i), rank - 1, dims + 1));
    return IG_OK;
}

static ig_status dense(ig_tensor **out, const ig_load *load, const json_t *v, ig_dtype dtype) {
    int rank;
    int64_t dims[IG_MAX_RANK];
    if (json_is_null(v)) return ig_tensor_create_none(out, load->context, load->err);
    if (json_is_object(v)) return ig_fail(load->err, IG_E_INPUT, "an object has no \"data\", \"sequence\" or \"keys\"");
    IG_TRY(find_shape(v, &rank, dims, load->err));
    if (dtype == IG_UNDEFINED) dtype = guess_dtype(v);
    bool empty = rank > 0 && dims[rank - 1] == 0;
    bool complex = !empty && ig_dtype_number(dtype) == IG_NUMBER_COMPLEX;
    if (complex && (rank == 0 || dims[rank - 1] != 2))
        return ig_fail(load->err, IG_E_INPUT, "complex numbers are pairs [re, im]");
    ig_tensor *t;
    IG_TRY(ig_tensor_create(&t, load->context, dtype, complex ? rank - 1 : rank, dims, load->err));
    filling f = {.tensor = t, .err = load->err};
    ig_status status = fill(&f, v, rank, dims);
    if (status != IG_OK)
        ig_tensor_free(t);
    else
        *out = t;
    return status;
}

static ig_dtype dtype_named(const char *name) {
    return strcmp(name, "float32") == 0 ? IG_F32 : strcmp(name, "float64") == 0 ? IG_F64 : ig_dtype_from_name(name);
}

static ig_status reshape(ig_tensor **tensor, const json_t *shape, ig_error *err) {
    int64_t dims[IG_MAX_RANK], count;
    size_t rank = json_array_size(shape);
    bool ok = json_is_array(shape) && rank <= IG_MAX_RANK;
    for (size_t i = 0; i < rank && ok; i++) {
        dims[i] = json_integer_value(json_array_get(shape, i));
        ok = json_is_integer(json_array_get(shape, i)) && dims[i] >= 0;
    }
    if (!ok) return ig_fail(err, IG_E_INPUT, "\"shape\" must be a list of at most %d sizes", IG_MAX_RANK);
    if (!ig_dims_count((int)rank, dims, &count) || (size_t)count != (*tensor)->count)
        return ig_fail(err, IG_E_INPUT, "\"data\" has %zu elements, which is not what \"shape\" says", (*tensor)->count);
    ig_tensor *view = ig_tensor_view(*tensor, (int)rank, dims);
    if (!view) return ig_oom(err);
    ig_tensor_free(*tensor);
    *tensor = view;
    return IG_OK;
}

static ig_status value(ig_tensor **out, const ig_load *load, const json_t *v, ig_dtype dtype, uint32_t depth);

static ig_status described(ig_tensor **out, const ig_load *load, const json_t *v) {
    const json_t *name = json_object_get(v, "dtype"), *shape = json_object_get(v, "shape"), *data = json_object_get(v, "data");
    ig_dtype dtype = IG_UNDEFINED;
    if (name) {
        dtype = json_is_string(name) ? dtype_named(json_string_value(name)) : IG_UNDEFINED;
        if (dtype == IG_UNDEFINED) return ig_fail(load->err, IG_E_INPUT, "\"dtype\" is no element type igata knows");
    }
    ig_tensor *t = NULL;
    IG_TRY(dense(&t, load, data, dtype ? dtype : load->want->dtype));
    ig_status status = shape && t->kind == IG_KIND_TENSOR ? reshape(&t, shape, load->err) : IG_OK;
    if (status != IG_OK)
        ig_tensor_free(t);
    else
        *out = t;
    return status;
}

static ig_status sequence(ig_tensor **out, const ig_load *load, const json_t *items, uint32_t depth) {
    if (!json_is_array(items)) return ig_fail(load->err, IG_E_INPUT, "a sequence must be an array");
    ig_tensor *s = ig_tensor_new_kind(load->context, IG_KIND_SEQUENCE), *item = NULL;
    ig_status status = s ? IG_OK : ig_oom(load->err);
    for (size_t i = 0; i < json_array_size(items) && status == IG_OK; i++) {
        status = value(&item, load, json_array_get(items, i), load->want->dtype, depth - 1);
        if (status == IG_OK && !ig_tensor_append(s, item)) {
            ig_tensor_free(item);
            status = ig_oom(load->err);
        }
    }
    if (status != IG_OK)
        ig_tensor_free(s);
    else
        *out = s;
    return status;
}

static ig_status map(ig_tensor **out, const ig_load *load, const json_t *v, uint32_t depth) {
    ig_tensor *keys = NULL, *values = NULL;
    ig_status status = value(&keys, load, json_object_get(v, "keys"), IG_UNDEFINED, depth - 1);
    if (status == IG_OK) status = value(&values, load, json_object_get(v, "values"), load->want->dtype, depth - 1);
    if (status == IG_OK && (keys->kind != IG_KIND_TENSOR || values->kind == IG_KIND_NONE))
        status = ig_fail(load->err, IG_E_INPUT, "a map needs \"keys\" and \"values\"");
    if (status == IG_OK) status = ig_tensor_create_map(out, load->context, keys, values, load->err);
    ig_tensor_free(keys);
    ig_tensor_free(values);
    return status;
}

static ig_status value(ig_tensor **out, const ig_load *load, const json_t *v, ig_dtype dtype, uint32_t depth) {
    if (depth == 0) return ig_fail(load->err, IG_E_LIMIT, "values nested too deeply");
    const json_t *items = json_object_get(v, "sequence");
    if (items || (depth == load->context->limits.depth && load->want->kind == IG_KIND_SEQUENCE && json_is_array(v)))
        return sequence(out, load, items ? items : v, depth);
    if (json_object_get(v, "keys")) return map(out, load, v, depth);
    if (json_object_get(v, "data")) return described(out, load, v);
    return dense(out, load, v, dtype);
}

ig_status ig_json_load(ig_tensor **out, const ig_load *load) {
    ig_str text = ig_str_of(ig_buffer_span(load->file));
    if (text.n > load->context->limits.memory / PARSED_PER_BYTE)
        return ig_fail(load->err, IG_E_LIMIT, "%zu bytes of JSON pass the memory limit; use .npy for big tensors", text.n);
    ig_arena arena;
    ig_arena_init(&arena, load->context);
    ig_str clean = quote_specials(&arena, text);
    json_error_t problem;
    json_t *root = clean.n || !text.n ? json_loadb(clean.s, clean.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem) : NULL;
    ig_status status;
    if (root)
        status = value(out, load, root, load->want->dtype, load->context->limits.depth);
    else if (text.n && !clean.n)
        status = ig_oom(load->err);
    else {
        status = ig_fail(load->err, IG_E_INPUT, "malformed JSON: %.160s", problem.text);
        ig_error_at(load->err, "line %d, column %d", problem.line, problem.column);
    }
    json_decref(root);
    ig_arena_free(&arena);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ writing */

static void put_text(ig_file *f, ig_str s) {
    ig_file_write(f, "\"", 1);
    for (size_t i = 0; i < s.n;) {
        size_t n = ig_utf8_length((ig_str){s.s + i, s.n - i});
        unsigned char c = (unsigned char)s.s[i];
        if (n == 0)
            ig_file_printf(f, "\\ufffd"); /* a byte that is no UTF-8 has no form in JSON */
        else if (c == '"' || c == '\\')
            ig_file_printf(f, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            ig_file_printf(f, "\\u%04x", c);
        else
            ig_file_write(f, s.s + i, n);
        i += n ? n : 1;
    }
    ig_file_write(f, "\"", 1);
}

static void put_real(ig_file *f, ig_dtype dtype, double v) {
    char text[40];
    bool word = !isfinite(v);
    ig_number_text(text, sizeof text, dtype, v);
    ig_file_printf(f, word ? "\"%s\"" : "%s", isnan(v) ? "NaN" : !word ? text : v < 0 ? "-Infinity" : "Infinity");
}

static void put_element(ig_file *f, const ig_tensor *t, size_t i) {
    if (t->dtype == IG_STRING)
        put_text(f, ig_tensor_strings(t)[i]);
    else if (t->dtype == IG_BOOL)
        ig_file_printf(f, "%s", ig_load_as_i64(t->dtype, t->data, i) ? "true" : "false");
    else if (ig_dtype_number(t->dtype) == IG_NUMBER_COMPLEX) {
        ig_dtype half = t->dtype == IG_C64 ? IG_F32 : IG_F64;
        ig_file_write(f, "[", 1);
        put_real(f, half, ig_load_as_f64(half, t->data, 2 * i));
        ig_file_write(f, ",", 1);
        put_real(f, half, ig_load_as_f64(half, t->data, 2 * i + 1));
        ig_file_write(f, "]", 1);
    } else if (t->dtype == IG_U64)
        ig_file_printf(f, "%llu", (unsigned long long)ig_load_as_i64(t->dtype, t->data, i));
    else if (ig_dtype_is_float(t->dtype))
        put_real(f, t->dtype, ig_load_as_f64(t->dtype, t->data, i));
    else
        ig_file_printf(f, "%lld", (long long)ig_load_as_i64(t->dtype, t->data, i));
}

static void put_nested(ig_file *f, const ig_tensor *t, int axis, size_t *next) {
    if (axis == t->rank) {
        put_element(f, t, (*next)++);
        return;
    }
    ig_file_write(f, "[", 1);
    for (int64_t i = 0; i < t->dims[axis]; i++) {
        if (i) ig_file_write(f, ",", 1);
        put_nested(f, t, axis + 1, next);
    }
    ig_file_write(f, "]", 1);
}

static ig_status put_value(const ig_store *store, const ig_tensor *t, bool named, uint32_t depth) {
    ig_file *f = store->file;
    if (depth == 0) return ig_fail(store->err, IG_E_LIMIT, "values nested too deeply");
    if (t->kind == IG_KIND_NONE) {
        ig_file_printf(f, "null");
        return IG_OK;
    }
    ig_file_printf(f, "{");
    if (named && store->name) {
        ig_file_printf(f, "\"name\": ");
        put_text(f, ig_str_c(store->name));
        ig_file_printf(f, ", ");
    }
    if (t->kind == IG_KIND_TENSOR) {
        size_t next = 0;
        ig_file_printf(f, "\"dtype\": \"%s\", \"shape\": [", ig_dtypes[t->dtype].name);
        for (int i = 0; i < t->rank; i++) ig_file_printf(f, i ? ", %lld" : "%lld", (long long)t->dims[i]);
        ig_file_printf(f, "], \"data\": ");
        if (t->count)
            put_nested(f, t, 0, &next);
        else
            ig_file_printf(f, "[]");
    } else if (t->kind == IG_KIND_SEQUENCE) {
        ig_file_printf(f, "\"sequence\": [");
        for (size_t i = 0; i < t->n_items; i++) {
            if (i) ig_file_printf(f, ", ");
            IG_TRY(put_value(store, t->items[i], false, depth - 1));
        }
        ig_file_printf(f, "]");
    } else { /* maps and sparse tensors have two parts */
        static const char *const parts[][2] = {{"keys", "values"}, {"values", "indices"}};
        for (size_t i = 0; i < 2 && i < t->n_items; i++) {
            ig_file_printf(f, i ? ", \"%s\": " : "\"%s\": ", parts[t->kind == IG_KIND_SPARSE][i]);
            IG_TRY(put_value(store, t->items[i], false, depth - 1));
        }
    }
    ig_file_printf(f, "}");
    return IG_OK;
}

ig_status ig_json_store(const ig_store *store, const ig_tensor *t) {
    IG_TRY(put_value(store, t, true, store->context->limits.depth));
    ig_file_printf(store->file, "\n");
    return IG_OK;
}
