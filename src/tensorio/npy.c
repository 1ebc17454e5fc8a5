/* NumPy arrays. Types that NumPy has are taken as they are; byte order and Fortran order are converted; datetimes become int64
 * ticks; void elements become unsigned bits (of 2 bytes: bfloat16, which is what NumPy makes of that type). */
#include "tensorio/tensorio.h"

#include <math.h>
#include <stdio.h>

/* ------------------------------------------------------------------------------------------------------------ reading */

static ig_dtype sized(size_t size, ig_dtype one, ig_dtype two, ig_dtype four, ig_dtype eight) {
    return size == 1 ? one : size == 2 ? two : size == 4 ? four : size == 8 ? eight : IG_UNDEFINED;
}

static ig_dtype field_dtype(const ig_npy_field *f, ig_dtype wanted) {
    switch (f->kind) {
    case 'b': return IG_BOOL;
    case 'i': return sized(f->size, IG_I8, IG_I16, IG_I32, IG_I64);
    case 'u': return sized(f->size, IG_U8, IG_U16, IG_U32, IG_U64);
    case 'f': return f->size == 16 ? IG_F64 : sized(f->size, IG_UNDEFINED, IG_F16, IG_F32, IG_F64);
    case 'c': return f->size == 8 ? IG_C64 : f->size == 16 ? IG_C128 : IG_UNDEFINED;
    case 'S':
    case 'U': return IG_STRING;
    case 'M':
    case 'm': return IG_I64;
    case 'V':
        if (ig_dtype_bits(wanted) == 8 * f->size) return wanted;
        return sized(f->size, IG_U8, IG_BF16, IG_U32, IG_U64);
    default: return IG_UNDEFINED;
    }
}

/* The x87's 80-bit float, which NumPy on x86 stores as 16 bytes: 64 bits with an explicit leading one, then sign and exponent.
 */
static double long_double(const uint8_t *p) {
    uint64_t mantissa = ig_load_u64(p);
    unsigned top = ig_load_u16(p + 8), exponent = top & 0x7FFF;
    double v =
        exponent == 0x7FFF ? (mantissa << 1 ? (double)NAN : (double)INFINITY) : ldexp((double)mantissa, (int)exponent - 16446);
    return top & 0x8000 ? -v : v;
}

/* Where the elements of a field lie: dims of the array, then those of the sub-array, with a distance in bytes for each. */
typedef struct layout {
    int rank;
    int64_t dims[IG_MAX_RANK], strides[IG_MAX_RANK];
    bool plain; /* row-major without gaps */
} layout;

static ig_status field_layout(layout *l, const ig_npy *npy, const ig_npy_field *f, ig_error *err) {
    *l = (layout){.rank = npy->rank + f->rank};
    if (l->rank > IG_MAX_RANK) return ig_fail(err, IG_E_UNSUPPORTED, "an array of more than %d dimensions", IG_MAX_RANK);
    size_t step = npy->item;
    for (int k = 0; k < npy->rank; k++) {
        int i = npy->fortran ? k : npy->rank - 1 - k;
        l->dims[i] = npy->dims[i];
        l->strides[i] = (int64_t)step;
        step *= (size_t)npy->dims[i]; /* their product was checked by the parser */
    }
    step = f->size;
    for (int i = f->rank - 1; i >= 0; i--) {
        l->dims[npy->rank + i] = f->dims[i];
        l->strides[npy->rank + i] = (int64_t)step;
        step *= (size_t)f->dims[i];
    }
    l->plain = (!npy->fortran || npy->rank < 2) && npy->item == step;
    return IG_OK;
}

/* Calls `element` for each element in row-major order. */
typedef void (*element_fn)(void *user, size_t i, const uint8_t *p);
static void each_element(const layout *l, const uint8_t *start, size_t count, element_fn element, void *user) {
    int64_t at[IG_MAX_RANK] = {0};
    const uint8_t *p = start;
    for (size_t i = 0; i < count; i++) {
        element(user, i, p);
        for (int d = l->rank - 1; d >= 0; d--) {
            p += l->strides[d];
            if (++at[d] < l->dims[d]) break;
            p -= l->strides[d] * l->dims[d];
            at[d] = 0;
        }
    }
}

typedef struct copy {
    const ig_npy_field *field;
    ig_tensor *out;
    size_t width, unit; /* bytes of an element; of what byte order applies to */
    bool failed;        /* out of memory */
    size_t bad;         /* element that is no text, plus one */
} copy;

static void copy_number(void *user, size_t i, const uint8_t *p) {
    copy *c = user;
    uint8_t *to = (uint8_t *)c->out->data + i * c->width;
    if (!c->field->swapped) {
        memcpy(to, p, c->width);
        return;
    }
    for (size_t part = 0; part < c->width; part += c->unit)
        for (size_t b = 0; b < c->unit; b++) to[part + b] = p[part + c->unit - 1 - b];
}

static void copy_bool(void *user, size_t i, const uint8_t *p) { ((uint8_t *)((copy *)user)->out->data)[i] = *p != 0; }

static void copy_long_double(void *user, size_t i, const uint8_t *p) {
    double v = long_double(p);
    memcpy((uint8_t *)((copy *)user)->out->data + 8 * i, &v, sizeof v);
}

static void copy_bytes(void *user, size_t i, const uint8_t *p) {
    copy *c = user;
    size_t n = c->field->size;
    while (n && p[n - 1] == 0) n--; /* NumPy pads with NULs */
    if (!c->failed) c->failed = !ig_tensor_set_string(c->out, i, (ig_str){(const char *)p, n});
}

static uint32_t code_at(const copy *c, const uint8_t *p) {
    uint32_t code = ig_load_u32(p);
    return c->field->swapped ? __builtin_bswap32(code) : code;
}

static void copy_unicode(void *user, size_t i, const uint8_t *p) {
    copy *c = user;
    size_t n = c->field->size / 4, bytes = 0;
    char stack[256], *text = stack;
    while (n && code_at(c, p + 4 * (n - 1)) == 0) n--;
    if (n > sizeof stack / 4) text = ig_alloc(c->out->context, 4 * n);
    for (size_t k = 0; k < n && text; k++) {
        size_t length = ig_utf8_encode(code_at(c, p + 4 * k), text + bytes);
        if (length == 0 && !c->bad) c->bad = i + 1;
        bytes += length;
    }
    if (!text || !ig_tensor_set_string(c->out, i, (ig_str){text, bytes})) c->failed = true;
    if (text != stack) ig_release(c->out->context, text);
}

ig_status ig_npy_tensor(ig_tensor **out, ig_context *context, ig_buffer *file, const ig_npy *npy, const ig_npy_field *f,
                        ig_dtype wanted, ig_error *err) {
    *out = NULL;
    ig_dtype dtype = field_dtype(f, wanted);
    if (dtype == IG_UNDEFINED)
        return ig_fail(err, IG_E_UNSUPPORTED, "elements of NumPy type '%c%zu' are not supported", f->kind, f->size);
    layout l;
    IG_TRY(field_layout(&l, npy, f, err));
    const uint8_t *start = npy->data.p + f->offset;
    bool as_is = l.plain && (!f->swapped || f->size == 1) && strchr("iufcVMm", f->kind) && !(f->kind == 'f' && f->size == 16);
    if (as_is) {
        *out = ig_tensor_over(context, dtype, l.rank, l.dims, file, start);
        return *out ? IG_OK : ig_oom(err);
    }
    ig_tensor *t;
    IG_TRY(ig_tensor_new(&t, context, dtype, l.rank, l.dims, err));
    copy c = {.field = f, .out = t, .width = f->size, .unit = f->kind == 'c' ? f->size / 2 : f->size};
    element_fn element = f->kind == 'b'                    ? copy_bool
                         : f->kind == 'S'                  ? copy_bytes
                         : f->kind == 'U'                  ? copy_unicode
                         : f->kind == 'f' && f->size == 16 ? copy_long_double
                                                           : copy_number;
    each_element(&l, start, t->count, element, &c);
    if (!c.failed && !c.bad) {
        *out = t;
        return IG_OK;
    }
    ig_tensor_free(t);
    if (c.failed) return ig_oom(err);
    return ig_fail(err, IG_E_INPUT, "string %zu holds a number that is no Unicode character", c.bad - 1);
}

ig_status ig_npy_read(ig_tensor **out, ig_context *context, ig_buffer *file, ig_dtype wanted, ig_error *err) {
    *out = NULL;
    ig_npy npy;
    ig_arena arena;
    ig_arena_init(&arena, context);
    ig_status status = ig_npy_parse(&npy, &arena, ig_buffer_span(file), err);
    if (status == IG_OK && npy.objects) {
        status = ig_fail(err, IG_E_UNSUPPORTED,
                         "an array of Python objects: its data is a pickle, which is never loaded because it could run code");
        ig_error_hint(err, "save the array with a plain type, for example a.astype('float32') or a.astype('U')");
    } else if (status == IG_OK && npy.structured) {
        status = ig_fail(err, IG_E_UNSUPPORTED, "a structured array of %zu fields is no tensor", npy.fields.n);
        ig_error_hint(err, "save each field as an array of its own, for example a['%.40s']",
                      npy.fields.n ? npy.fields.items[0].name.s : "field");
    }
    if (status == IG_OK) status = ig_npy_tensor(out, context, file, &npy, &npy.fields.items[0], wanted, err);
    ig_arena_free(&arena);
    return status;
}

ig_status ig_npy_load(ig_tensor **tensor, const ig_load *load) {
    return ig_npy_read(tensor, load->context, load->file, load->want->dtype, load->err);
}

/* ------------------------------------------------------------------------------------------------------------ writing */

/* What NumPy calls a type; absent ones are written as the type in `wider`. */
static const struct {
    const char *descr;
    uint8_t wider;
} numpy_types[IG_DTYPE_COUNT] = {
    [IG_F32] = {"<f4", 0},
    [IG_U8] = {"|u1", 0},
    [IG_I8] = {"|i1", 0},
    [IG_U16] = {"<u2", 0},
    [IG_I16] = {"<i2", 0},
    [IG_I32] = {"<i4", 0},
    [IG_I64] = {"<i8", 0},
    [IG_BOOL] = {"|b1", 0},
    [IG_F16] = {"<f2", 0},
    [IG_F64] = {"<f8", 0},
    [IG_U32] = {"<u4", 0},
    [IG_U64] = {"<u8", 0},
    [IG_C64] = {"<c8", 0},
    [IG_C128] = {"<c16", 0},
    [IG_BF16] = {NULL, IG_F32},
    [IG_F8E4M3FN] = {NULL, IG_F32},
    [IG_F8E4M3FNUZ] = {NULL, IG_F32},
    [IG_F8E5M2] = {NULL, IG_F32},
    [IG_F8E5M2FNUZ] = {NULL, IG_F32},
    [IG_U4] = {NULL, IG_U8},
    [IG_I4] = {NULL, IG_I8},
    [IG_F4E2M1] = {NULL, IG_F32},
    [IG_F8E8M0] = {NULL, IG_F32},
    [IG_U2] = {NULL, IG_U8},
    [IG_I2] = {NULL, IG_I8},
    [IG_F6E2M3] = {NULL, IG_F32},
    [IG_F6E3M2] = {NULL, IG_F32},
};

static size_t characters(ig_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; n++) i += ig_utf8_length((ig_str){s.s + i, s.n - i});
    return n;
}

/* Strings become UTF-32 text; when one of them isn't UTF-8 all of them become byte strings. */
static const char *prepare_strings(ig_npy_out *out, ig_arena *arena) {
    const ig_str *s = ig_tensor_strings(out->tensor);
    for (size_t i = 0; i < out->tensor->count && !out->byte_strings; i++) out->byte_strings = !ig_utf8_valid(s[i]);
    out->width = 1; /* NumPy's shortest */
    for (size_t i = 0; i < out->tensor->count; i++)
        out->width = ig_max_size(out->width, out->byte_strings ? s[i].n : characters(s[i]));
    return ig_arena_printf(arena, out->byte_strings ? "|S%zu" : "<U%zu", out->width);
}

ig_status ig_npy_prepare(ig_npy_out *out, ig_arena *arena, const ig_tensor *t, bool raw_bits, ig_error *err) {
    *out = (ig_npy_out){.tensor = t, .as = t->dtype};
    if (t->kind != IG_KIND_TENSOR) return ig_fail(err, IG_E_ARGUMENT, "a .npy file holds one dense tensor, nothing else");
    const char *descr = numpy_types[t->dtype].descr;
    size_t item;
    if (t->dtype == IG_STRING) {
        descr = prepare_strings(out, arena);
        if (!descr) return ig_oom(err);
        if (ig_mul_overflows(out->width, out->byte_strings ? 1 : 4, &item)) item = SIZE_MAX;
    } else {
        out->bits = !descr && raw_bits;
        if (!descr)
            out->as = !raw_bits ? (ig_dtype)numpy_types[t->dtype].wider : ig_dtype_bits(t->dtype) == 16 ? IG_U16 : IG_U8;
        descr = numpy_types[out->as].descr;
        item = ig_dtype_bytes(out->as);
    }
    out->header = ig_npy_header(arena, descr, t->rank, t->dims);
    if (!out->header.s) return ig_oom(err);
    size_t total;
    if (ig_mul_overflows(item, t->count, &total) || ig_add_overflows(total, out->header.n, &total))
        return ig_fail(err, IG_E_LIMIT, "as text of one width for all the strings would overflow");
    out->bytes = total;
    return IG_OK;
}

static void put_zeros(ig_sink sink, size_t n) {
    static const uint8_t zeros[4096];
    for (; n > sizeof zeros; n -= sizeof zeros) sink.put(sink.user, zeros, sizeof zeros);
    if (n) sink.put(sink.user, zeros, n);
}

static void put_unicode(ig_str s, size_t width, ig_sink sink) {
    uint32_t codes[256];
    size_t n = 0, done = 0;
    for (size_t i = 0; i < s.n;) {
        size_t length = ig_utf8_length((ig_str){s.s + i, s.n - i});
        codes[n++] = ig_utf8_decode(s.s + i, length);
        i += length;
        if (n < IG_COUNT_OF(codes) && i < s.n) continue;
        sink.put(sink.user, codes, 4 * n);
        done += n;
        n = 0;
    }
    put_zeros(sink, 4 * (width - done));
}

static void put_converted(const ig_npy_out *out, ig_sink sink) {
    const ig_tensor *t = out->tensor;
    uint8_t chunk[4096];
    size_t width = ig_dtype_bytes(out->as), step = sizeof chunk / width;
    for (size_t first = 0; first < t->count; first += step) {
        size_t n = ig_min_size(step, t->count - first);
        for (size_t i = 0; i < n; i++) {
            if (out->bits)
                ig_store_i64(out->as, chunk, i, ig_load_bits(t->dtype, t->data, first + i));
            else if (ig_dtype_is_int(out->as))
                ig_store_i64(out->as, chunk, i, ig_load_as_i64(t->dtype, t->data, first + i));
            else
                ig_store_f64(out->as, chunk, i, ig_load_as_f64(t->dtype, t->data, first + i));
        }
        sink.put(sink.user, chunk, n * width);
    }
}

void ig_npy_put(const ig_npy_out *out, ig_sink sink) {
    const ig_tensor *t = out->tensor;
    sink.put(sink.user, out->header.s, out->header.n);
    bool same_bits = out->as == t->dtype || (out->bits && ig_dtype_bits(t->dtype) == 16);
    if (t->dtype == IG_STRING) {
        for (size_t i = 0; i < t->count; i++) {
            ig_str s = ig_tensor_strings(t)[i];
            if (!out->byte_strings) {
                put_unicode(s, out->width, sink);
                continue;
            }
            if (s.n) sink.put(sink.user, s.s, s.n);
            put_zeros(sink, out->width - s.n);
        }
    } else if (!same_bits)
        put_converted(out, sink);
    else if (t->bytes)
        sink.put(sink.user, t->data, t->bytes);
}

static void put_file(void *user, const void *data, size_t n) { ig_file_write(user, data, n); }

ig_status ig_npy_store(const ig_store *store, const ig_tensor *tensor) {
    ig_npy_out out;
    ig_arena arena;
    ig_arena_init(&arena, store->context);
    ig_status status = ig_npy_prepare(&out, &arena, tensor, store->raw_bits, store->err);
    if (status == IG_OK) ig_npy_put(&out, (ig_sink){put_file, store->file});
    ig_arena_free(&arena);
    return status;
}
