/* Making a tensor what its reader wants without changing what it says: whole numbers stay exact, floats are rounded. */
#include "tensorio/tensorio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static ig_status no_fit(ig_error *err, const ig_tensor *t, size_t i, ig_dtype to) {
    if (ig_dtype_is_int(t->dtype) || t->dtype == IG_BOOL)
        ig_fail(err, IG_E_INPUT, "element %zu is %lld, which %s can't hold", i, (long long)ig_tensor_get_i64(t, i),
                ig_dtypes[to].name);
    else
        ig_fail(err, IG_E_INPUT, "element %zu is %.9g, which %s can't hold", i, ig_tensor_get_f64(t, i), ig_dtypes[to].name);
    return IG_E_INPUT;
}

static bool is_large_u64(const ig_tensor *t, size_t i) {
    return t->dtype == IG_U64 && ig_load_u64((const uint8_t *)t->data + 8 * i) > INT64_MAX;
}

/* To a whole number or bool: the stored value must read back as the same. */
static bool cast_exact(const ig_tensor *from, ig_tensor *to, size_t i) {
    bool whole = !ig_dtype_is_float(from->dtype);
    if (is_large_u64(from, i)) {
        if (to->dtype != IG_U64) return false;
        memcpy((uint8_t *)to->data + 8 * i, (const uint8_t *)from->data + 8 * i, 8);
        return true;
    }
    if (!whole) {
        double v = ig_load_as_f64(from->dtype, from->data, i);
        ig_store_f64(to->dtype, to->data, i, v);
        return ig_load_as_f64(to->dtype, to->data, i) == v;
    }
    int64_t v = ig_load_as_i64(from->dtype, from->data, i);
    if (v < 0 && to->dtype == IG_U64) return false;
    ig_store_i64(to->dtype, to->data, i, v);
    return ig_load_as_i64(to->dtype, to->data, i) == v;
}

static void cast_to_complex(const ig_tensor *from, ig_tensor *to, size_t i) {
    bool complex = ig_dtype_number(from->dtype) == IG_NUMBER_COMPLEX;
    ig_dtype source = from->dtype == IG_C64 ? IG_F32 : from->dtype == IG_C128 ? IG_F64 : from->dtype;
    ig_dtype target = to->dtype == IG_C64 ? IG_F32 : IG_F64;
    double re = ig_load_as_f64(source, from->data, complex ? 2 * i : i);
    double im = complex ? ig_load_as_f64(source, from->data, 2 * i + 1) : 0;
    ig_store_f64(target, to->data, 2 * i, re);
    ig_store_f64(target, to->data, 2 * i + 1, im);
}

/* A number as people write them, "nan", "inf", "true" and "false" too. */
static bool parse_number(ig_str s, double *value) {
    char text[64], *end;
    while (s.n && (s.s[0] == ' ' || s.s[0] == '\t')) s.s++, s.n--;
    while (s.n && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t')) s.n--;
    if (s.n == 0 || s.n >= sizeof text || memchr(s.s, 0, s.n)) return false;
    memcpy(text, s.s, s.n);
    text[s.n] = 0;
    *value = strcmp(text, "true") == 0 || strcmp(text, "True") == 0;
    if (*value != 0 || strcmp(text, "false") == 0 || strcmp(text, "False") == 0) return true;
    if (text[strspn(text, "0123456789+-.eEnNaAiIfFtTyY")]) return false; /* no hexadecimal floats */
    *value = strtod(text, &end);
    return *end == 0;
}

bool ig_text_to_element(ig_str s, ig_dtype dtype, void *data, size_t i) {
    int64_t whole;
    double value;
    if (!ig_dtype_is_float(dtype) && ig_str_to_i64(s, &whole)) {
        if (whole < 0 && dtype == IG_U64) return false;
        ig_store_i64(dtype, data, i, whole);
        return ig_load_as_i64(dtype, data, i) == whole;
    }
    if (!parse_number(s, &value)) return false;
    ig_store_f64(dtype, data, i, value);
    return ig_dtype_is_float(dtype) || ig_load_as_f64(dtype, data, i) == value;
}

static ig_status cast_strings(ig_tensor *out, const ig_tensor *t, ig_error *err) {
    for (size_t i = 0; i < t->count; i++) {
        ig_str s = ig_tensor_strings(t)[i];
        if (ig_text_to_element(s, out->dtype, out->data, i)) continue;
        return ig_fail(err, IG_E_INPUT, "element %zu, '%.*s', is no %s", i, (int)ig_min_size(s.n, 40), s.s,
                       ig_dtypes[out->dtype].name);
    }
    return IG_OK;
}

static ig_status cast_numbers(ig_tensor *out, const ig_tensor *t, ig_error *err) {
    ig_number number = ig_dtype_number(out->dtype);
    if (number == IG_NUMBER_COMPLEX) {
        for (size_t i = 0; i < t->count; i++) cast_to_complex(t, out, i);
        return IG_OK;
    }
    if (number == IG_NUMBER_FLOAT) {
        for (size_t i = 0; i < t->count; i++) ig_store_f64(out->dtype, out->data, i, ig_load_as_f64(t->dtype, t->data, i));
        return IG_OK;
    }
    for (size_t i = 0; i < t->count; i++)
        if (!cast_exact(t, out, i)) return no_fit(err, t, i, out->dtype);
    return IG_OK;
}

ig_status ig_tensor_cast(ig_tensor **out, ig_tensor *t, ig_dtype dtype, ig_error *err) {
    *out = NULL;
    if (t->kind == IG_KIND_TENSOR && t->dtype == dtype) {
        *out = ig_tensor_clone(t);
        return IG_OK;
    }
    bool complex = ig_dtype_number(t->dtype) == IG_NUMBER_COMPLEX;
    if (t->kind != IG_KIND_TENSOR || !ig_dtype_valid(dtype) || dtype == IG_STRING ||
        (complex && ig_dtype_number(dtype) != IG_NUMBER_COMPLEX) ||
        (t->dtype == IG_STRING && ig_dtype_number(dtype) == IG_NUMBER_COMPLEX))
        return ig_fail(err, IG_E_INPUT, "%s can't become %s",
                       t->kind == IG_KIND_TENSOR ? ig_dtypes[t->dtype].name : "a value that is no dense tensor",
                       ig_dtype_name(dtype) ? ig_dtype_name(dtype) : "an unknown type");
    ig_tensor *made;
    IG_TRY(ig_tensor_create(&made, t->context, dtype, t->rank, t->dims, err));
    ig_status status = t->dtype == IG_STRING ? cast_strings(made, t, err) : cast_numbers(made, t, err);
    if (status != IG_OK)
        ig_tensor_free(made);
    else
        *out = made;
    return status;
}

/* The wanted dims with at most one free one filled in so that they multiply to `count`; false when they can't. */
static bool fill_dims(const ig_read_options *want, size_t count, int64_t *dims) {
    int free_at = -1;
    for (int i = 0; i < want->rank; i++) {
        dims[i] = want->dims[i];
        if (dims[i] >= 0) continue;
        if (free_at >= 0) return false;
        free_at = i;
        dims[i] = 1;
    }
    int64_t product;
    if (!ig_dims_count(want->rank, dims, &product)) return false;
    if (free_at < 0) return (size_t)product == count;
    if (product == 0 || count % (size_t)product) return false;
    dims[free_at] = (int64_t)(count / (size_t)product);
    return true;
}

ig_status ig_tensor_fit(ig_tensor **tensor, const ig_read_options *want, ig_error *err) {
    ig_tensor *t = *tensor, *made = NULL;
    ig_status status = IG_OK;
    int64_t dims[IG_MAX_RANK];
    if (t->kind != IG_KIND_TENSOR) return IG_OK;
    if (want->dtype != IG_UNDEFINED && want->dtype != t->dtype) {
        status = ig_tensor_cast(&made, t, want->dtype, err);
        ig_tensor_free(t);
        *tensor = t = made;
    }
    if (status != IG_OK || !want->dims || want->rank == t->rank || !fill_dims(want, t->count, dims)) return status;
    made = ig_tensor_view(t, want->rank, dims);
    ig_tensor_free(t);
    *tensor = made;
    return made ? IG_OK : ig_oom(err);
}
