/* Types, constants and attributes. */
#include "formats/onnxtxt/parse.h"

#include "formats/onnx/tensor.h"

/* ---- types ---- */

static int32_t dtype_named(ig_str name) {
    for (int d = 1; d < IG_DTYPE_COUNT; d++)
        if (ig_str_is(name, ig_dtypes[d].name)) return d;
    return 0;
}

typedef enum type_word { NO_TYPE, SEQ, OPTIONAL_OF, MAP, SPARSE, OPAQUE } type_word;

static type_word type_word_of(ig_str id) {
    static const char *const words[] = {"seq", "optional", "map", "sparse_tensor", "opaque"};
    for (size_t i = 0; i < IG_COUNT_OF(words); i++)
        if (ig_str_is(id, words[i])) return (type_word)(i + 1);
    return NO_TYPE;
}

bool ig_txt_at_type(ig_txt *t) {
    ig_str id = ig_txt_peek_id(t);
    return dtype_named(id) || type_word_of(id) != NO_TYPE;
}

static ig_status parse_dim(ig_txt *t, ig_onnx_shape *shape) {
    ig_onnx_dim *d = IG_NEW(t->arena, ig_onnx_dim);
    if (!d || !IG_PUSH(t->arena, &shape->dim, d)) return ig_oom(t->err);
    if (ig_txt_match(t, '?')) return IG_OK;
    if (ig_txt_at_name(t)) {
        d->value_case = 2;
        return ig_txt_name(t, "a dimension", &d->dim_param);
    }
    d->value_case = 1;
    return ig_txt_int(t, "a dimension", &d->dim_value);
}

/* float: a scalar; float[]: of unknown rank; float[2,n,?] */
static ig_status parse_tensor_type(ig_txt *t, ig_onnx_type_tensor **out) {
    ig_onnx_type_tensor *tensor = *out = IG_NEW(t->arena, ig_onnx_type_tensor);
    ig_onnx_shape *shape = IG_NEW(t->arena, ig_onnx_shape);
    if (!tensor || !shape) return ig_oom(t->err);
    ig_str id = ig_txt_peek_id(t);
    size_t at = t->at;
    tensor->has_elem_type = true;
    tensor->elem_type = dtype_named(id);
    if (!tensor->elem_type) return ig_txt_fail(t, at, "expected an element type such as float or int64");
    t->at += id.n;
    if (!ig_txt_match(t, '[')) {
        tensor->shape = shape;
        return IG_OK;
    }
    if (ig_txt_match(t, ']')) return IG_OK;
    tensor->shape = shape;
    do IG_TRY(parse_dim(t, shape));
    while (ig_txt_match(t, ','));
    return ig_txt_expect(t, ']', "behind the dimensions");
}

static ig_status parse_element(ig_txt *t, ig_onnx_type_of **out) {
    *out = IG_NEW(t->arena, ig_onnx_type_of);
    return *out ? ig_txt_type(t, &(*out)->elem_type) : ig_oom(t->err);
}

static ig_status parse_map_type(ig_txt *t, ig_onnx_type_map **out) {
    ig_onnx_type_map *map = *out = IG_NEW(t->arena, ig_onnx_type_map);
    if (!map) return ig_oom(t->err);
    ig_str key = ig_txt_peek_id(t);
    map->has_key_type = true;
    map->key_type = dtype_named(key);
    if (!map->key_type) return ig_txt_fail(t, t->at, "expected the element type of the map's keys");
    t->at += key.n;
    IG_TRY(ig_txt_expect(t, ',', "behind the type of the keys"));
    return ig_txt_type(t, &map->value_type);
}

/* opaque(), opaque(name.with.dots), opaque(domain.with.dots, name) */
static ig_status parse_opaque_type(ig_txt *t, ig_onnx_type_opaque **out) {
    ig_onnx_type_opaque *opaque = *out = IG_NEW(t->arena, ig_onnx_type_opaque);
    if (!opaque) return ig_oom(t->err);
    if (ig_txt_peek(t) == ')') return IG_OK;
    ig_str first = ig_txt_peek_id(t), more = first;
    while (more.n) { /* with dots, without spaces */
        t->at += more.n;
        first.n = (size_t)(t->text.s + t->at - first.s);
        more.n = 0;
        if (t->at + 1 < t->text.n && t->text.s[t->at] == '.') {
            t->at++;
            more = ig_txt_peek_id(t);
        }
    }
    if (first.n == 0) return ig_txt_fail(t, t->at, "expected the name of an opaque type");
    opaque->name = first;
    if (!ig_txt_match(t, ',')) return IG_OK;
    opaque->domain = first;
    return ig_txt_name(t, "the name of an opaque type", &opaque->name);
}

static ig_status parse_in_brackets(ig_txt *t, type_word word, ig_onnx_type *type) {
    IG_TRY(ig_txt_expect(t, '(', "behind the kind of the type"));
    switch (word) {
    case SEQ:
        type->value_case = 4;
        IG_TRY(parse_element(t, &type->sequence_type));
        break;
    case OPTIONAL_OF:
        type->value_case = 9;
        IG_TRY(parse_element(t, &type->optional_type));
        break;
    case MAP:
        type->value_case = 5;
        IG_TRY(parse_map_type(t, &type->map_type));
        break;
    case SPARSE:
        type->value_case = 8;
        IG_TRY(parse_tensor_type(t, &type->sparse_tensor_type));
        break;
    default: type->value_case = 7; IG_TRY(parse_opaque_type(t, &type->opaque_type));
    }
    return ig_txt_expect(t, ')', "behind the type inside");
}

ig_status ig_txt_type(ig_txt *t, ig_onnx_type **out) {
    ig_onnx_type *type = *out = IG_NEW(t->arena, ig_onnx_type);
    if (!type) return ig_oom(t->err);
    ig_str id = ig_txt_peek_id(t);
    type_word word = type_word_of(id);
    if (word == NO_TYPE) {
        type->value_case = 1;
        return parse_tensor_type(t, &type->tensor_type);
    }
    t->at += id.n;
    IG_TRY(ig_txt_enter(t));
    ig_status status = parse_in_brackets(t, word, type);
    ig_txt_leave(t);
    return status;
}

/* ---- constants ---- */

/* The elements of one constant as they are read. */
typedef struct content {
    ig_dtype dtype; /* of a part: complex numbers have two */
    size_t unit;    /* bytes of an element on the way; smaller ones have a byte each until they are packed */
    IG_VEC(uint8_t) bytes;
    size_t n;
} content;

static void *add_element(ig_txt *t, content *c) {
    while (c->bytes.cap - c->bytes.n < c->unit)
        if (!ig_vec_grow_(t->arena, (void **)&c->bytes.items, c->bytes.n, &c->bytes.cap, 1)) return NULL;
    void *at = c->bytes.items + c->bytes.n;
    memset(at, 0, c->unit);
    c->bytes.n += c->unit;
    c->n++;
    return at;
}

static ig_status out_of_range(ig_txt *t, size_t at, ig_dtype dtype) {
    return ig_txt_fail(t, at, "no element of type %s has this value", ig_dtypes[dtype].name);
}

static bool parse_u64(ig_str s, uint64_t *value) {
    *value = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.s[i] < '0' || s.s[i] > '9' || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(s.s[i] - '0'), value))
            return false;
    return s.n > 0;
}

/* Stores whole number `text` as it is: of small floats it is the bit pattern, as ONNX's own printer writes them. */
static bool store_whole(ig_dtype dtype, void *element, ig_str text) {
    unsigned bits = ig_dtypes[dtype].bits;
    int64_t v;
    if (dtype == IG_U64) return parse_u64(text, element);
    if (!ig_str_to_i64(text, &v)) return false;
    bool is_signed = ig_dtype_number(dtype) == IG_NUMBER_SIGNED;
    int64_t most = dtype == IG_BOOL ? 1 : bits == 64 ? INT64_MAX : ((int64_t)1 << (bits - is_signed)) - 1;
    if (v > most || v < (is_signed ? -most - 1 : 0)) return false;
    if (bits < 8) v &= ((int64_t)1 << bits) - 1;
    memcpy(element, &v, (bits + 7) / 8);
    return true;
}

static ig_status parse_number(ig_txt *t, content *c) {
    ig_str text;
    bool real;
    IG_TRY(ig_txt_number(t, "a number", &text, &real));
    void *element = add_element(t, c);
    if (!element) return ig_oom(t->err);
    size_t at = (size_t)(text.s - t->text.s);
    bool wide = c->dtype == IG_F32 || c->dtype == IG_F64;
    if (!wide && !real) return store_whole(c->dtype, element, text) ? IG_OK : out_of_range(t, at, c->dtype);
    double value;
    if (!ig_dtype_is_float(c->dtype) || !ig_str_to_f64(text, &value))
        return ig_txt_fail(t, at, "elements of type %s are whole numbers", ig_dtypes[c->dtype].name);
    ig_store_f64(c->dtype, element, 0, value);
    return IG_OK;
}

static ig_status parse_string_element(ig_txt *t, ig_onnx_tensor *tensor) {
    ig_str s;
    IG_TRY(ig_txt_string(t, "a string", &s));
    return IG_PUSH(t->arena, &tensor->string_data, ig_span_of(s)) ? IG_OK : ig_oom(t->err);
}

/* Elements smaller than a byte, one a byte, as a tensor holds them. */
static ig_status pack(ig_txt *t, content *c) {
    size_t size;
    if (!ig_dtype_size(c->dtype, (int64_t)c->n, &size)) return ig_oom(t->err);
    uint8_t *packed = ig_arena_alloc(t->arena, size);
    if (!packed) return ig_oom(t->err);
    for (size_t i = 0; i < c->n; i++) ig_store_bits(c->dtype, packed, i, c->bytes.items[i]);
    c->bytes.items = packed;
    c->bytes.n = size;
    return IG_OK;
}

/* Complex numbers are pairs; where there are half as many numbers as there should be, the imaginary parts are zero. */
static ig_status widen(ig_txt *t, content *c) {
    uint8_t *pairs = ig_arena_array(t->arena, c->n, 2 * c->unit);
    if (!pairs) return ig_oom(t->err);
    for (size_t i = 0; i < c->n; i++) memcpy(pairs + 2 * i * c->unit, c->bytes.items + i * c->unit, c->unit);
    c->bytes.items = pairs;
    c->bytes.n *= 2;
    c->n *= 2;
    return IG_OK;
}

static ig_status parse_elements(ig_txt *t, ig_onnx_tensor *tensor, int64_t count) {
    ig_dtype dtype = (ig_dtype)tensor->data_type;
    bool complex = ig_dtype_number(dtype) == IG_NUMBER_COMPLEX;
    content c = {.dtype = dtype == IG_C64 ? IG_F32 : dtype == IG_C128 ? IG_F64 : dtype};
    c.unit = ig_max_size(ig_dtype_bytes(c.dtype), 1);
    size_t open = t->at - 1;
    if (!ig_txt_match(t, '}')) {
        do IG_TRY(dtype == IG_STRING ? parse_string_element(t, tensor) : parse_number(t, &c));
        while (ig_txt_match(t, ','));
        IG_TRY(ig_txt_expect(t, '}', "behind the elements"));
    }
    if (complex && (int64_t)c.n == count) IG_TRY(widen(t, &c));
    size_t n = dtype == IG_STRING ? tensor->string_data.n : complex ? c.n / 2 : c.n;
    if ((int64_t)n != count || (complex && c.n % 2)) {
        return ig_txt_fail(t, open, "%zu numbers where the type has %lld elements", dtype == IG_STRING ? n : c.n,
                           (long long)count);
    }
    if (dtype == IG_STRING) return IG_OK;
    if (ig_dtypes[c.dtype].bits < 8) IG_TRY(pack(t, &c));
    tensor->raw_data = (ig_span){c.bytes.n ? c.bytes.items : (const uint8_t *)"", c.bytes.n};
    return IG_OK;
}

/* Dims of a constant are numbers. */
static ig_status constant_dims(ig_txt *t, const ig_onnx_type_tensor *type, ig_pb_bytes *out, int64_t *count) {
    if (!type->shape) return ig_txt_fail(t, t->at, "a constant's type has a shape");
    size_t n = type->shape->dim.n;
    int64_t *dims = IG_NEW_ARRAY(t->arena, int64_t, n);
    if (!dims) return ig_oom(t->err);
    for (size_t i = 0; i < n; i++) {
        const ig_onnx_dim *d = type->shape->dim.items[i];
        if (d->value_case != 1 || d->dim_value < 0) return ig_txt_fail(t, t->at, "a constant's dimensions are numbers");
        dims[i] = d->dim_value;
    }
    bool ok = n <= INT32_MAX && ig_dims_count((int)n, dims, count);
    if (!ok) return ig_txt_fail(t, t->at, "a constant's dimensions multiply to more elements than there can be");
    *out = ig_pb_pack(t->arena, IG_PB_INT64, dims, n, &ok);
    return ok ? IG_OK : ig_oom(t->err);
}

ig_status ig_txt_props(ig_txt *t, void *pb) {
    IG_VEC(ig_onnx_prop *) out = {0};
    IG_TRY(ig_txt_expect(t, '[', "before the entries"));
    while (ig_txt_peek(t) != ']') {
        ig_onnx_prop *p = IG_NEW(t->arena, ig_onnx_prop);
        if (!p || !IG_PUSH(t->arena, &out, p)) return ig_oom(t->err);
        IG_TRY(ig_txt_string(t, "an entry's name in quotes", &p->key));
        IG_TRY(ig_txt_expect(t, ':', "behind an entry's name"));
        IG_TRY(ig_txt_string(t, "an entry's text in quotes", &p->value));
        if (!ig_txt_match(t, ',')) break;
    }
    memcpy(pb, &out, sizeof out);
    return ig_txt_expect(t, ']', "behind the entries");
}

ig_status ig_txt_tensor_data(ig_txt *t, const ig_onnx_type *type, ig_str name, ig_onnx_tensor **out) {
    ig_onnx_tensor *tensor = *out = IG_NEW(t->arena, ig_onnx_tensor);
    int64_t count;
    if (!tensor) return ig_oom(t->err);
    if (type->value_case != 1) return ig_txt_fail(t, t->at, "a constant is a tensor");
    IG_TRY(constant_dims(t, type->tensor_type, &tensor->dims, &count));
    tensor->has_data_type = true;
    tensor->data_type = type->tensor_type->elem_type;
    tensor->name = name;
    if (ig_txt_match(t, '{')) return parse_elements(t, tensor, count);
    if (ig_txt_peek(t) == '[') {
        tensor->has_data_location = true;
        tensor->data_location = IG_ONNX_EXTERNAL;
        return ig_txt_props(t, &tensor->external_data);
    }
    if (ig_txt_peek(t) == '.') return ig_txt_fail(t, t->at, "the elements were left out when this text was written");
    char shown[32];
    return ig_txt_fail(t, t->at, "expected the elements in { } or external data in [ ], found %s", ig_txt_shown(t, shown));
}

static ig_status parse_plain_tensor(ig_txt *t, ig_onnx_tensor **out) {
    ig_onnx_type *type;
    IG_TRY(ig_txt_type(t, &type));
    return ig_txt_tensor_data(t, type, (ig_str){0}, out);
}

/* Not part of ONNX's syntax, which has no words for it: values, then indices, each with its type. */
ig_status ig_txt_sparse_data(ig_txt *t, const ig_onnx_type *type, ig_str name, ig_onnx_sparse **out) {
    ig_onnx_sparse *sparse = *out = IG_NEW(t->arena, ig_onnx_sparse);
    int64_t count;
    if (!sparse) return ig_oom(t->err);
    IG_TRY(constant_dims(t, type->sparse_tensor_type, &sparse->dims, &count));
    IG_TRY(parse_plain_tensor(t, &sparse->values));
    sparse->values->name = name;
    return parse_plain_tensor(t, &sparse->indices);
}

/* ---- attributes ---- */

static const char *const kind_words[IG_ATTR_KIND_COUNT] = {
    NULL,      "float",   "int",    "string",        "tensor",         "graph",      "floats",     "ints",
    "strings", "tensors", "graphs", "sparse_tensor", "sparse_tensors", "type_proto", "type_protos"};

/* The kind of a list of such values, or of the entries of such a list; undefined when there is none. */
static ig_attr_kind list_of(ig_attr_kind kind) {
    switch (kind) {
    case IG_ATTR_FLOAT: return IG_ATTR_FLOATS;
    case IG_ATTR_INT: return IG_ATTR_INTS;
    case IG_ATTR_STRING: return IG_ATTR_STRINGS;
    case IG_ATTR_TENSOR: return IG_ATTR_TENSORS;
    case IG_ATTR_GRAPH: return IG_ATTR_GRAPHS;
    case IG_ATTR_SPARSE: return IG_ATTR_SPARSES;
    case IG_ATTR_TYPE: return IG_ATTR_TYPES;
    default: return IG_ATTR_UNDEFINED;
    }
}

static ig_attr_kind entry_of(ig_attr_kind list) {
    for (int k = 1; k < IG_ATTR_KIND_COUNT; k++)
        if (list && list_of((ig_attr_kind)k) == list) return (ig_attr_kind)k;
    return IG_ATTR_UNDEFINED;
}

static bool is_number_word(ig_str id) {
    double value;
    return id.n && ig_str_to_f64(id, &value);
}

static ig_status parse_typed_value(ig_txt *t, ig_onnx_attr *a) {
    ig_onnx_type *type;
    ig_str name = {0};
    IG_TRY(ig_txt_type(t, &type));
    int next = ig_txt_peek(t);
    bool named = ig_txt_at_name(t);
    if (next != '{' && next != '=' && !named) {
        a->type = IG_ATTR_TYPE;
        a->tp = type;
        return IG_OK;
    }
    bool sparse = type->value_case == 8;
    if (sparse && named && ig_txt_at_type(t)) named = false; /* the values' type */
    if (named) IG_TRY(ig_txt_name(t, "a tensor's name", &name));
    ig_txt_match(t, '=');
    a->type = sparse ? IG_ATTR_SPARSE : IG_ATTR_TENSOR;
    return sparse ? ig_txt_sparse_data(t, type, name, &a->sparse_tensor) : ig_txt_tensor_data(t, type, name, &a->t);
}

static ig_status parse_number_value(ig_txt *t, ig_onnx_attr *a) {
    ig_str text;
    bool real;
    double value = 0;
    IG_TRY(ig_txt_number(t, "an attribute's value", &text, &real));
    size_t at = (size_t)(text.s - t->text.s);
    if (!real) {
        a->type = IG_ATTR_INT;
        a->has_i = true;
        return ig_str_to_i64(text, &a->i) ? IG_OK : ig_txt_fail(t, at, "a whole number of more than 64 bits");
    }
    ig_str_to_f64(text, &value);
    a->type = IG_ATTR_FLOAT;
    a->has_f = true;
    a->f = (float)value;
    return IG_OK;
}

/* A string; a quoted name with "(" or "=>" behind it is a graph's. */
static ig_status parse_quoted_value(ig_txt *t, ig_onnx_attr *a) {
    size_t from = t->at;
    ig_str s;
    IG_TRY(ig_txt_string(t, "a string", &s));
    int next = ig_txt_peek(t);
    if (next == '(' || next == '=') {
        t->at = from;
        a->type = IG_ATTR_GRAPH;
        return ig_txt_graph(t, &a->g);
    }
    a->type = IG_ATTR_STRING;
    a->s = ig_span_of(s);
    return IG_OK;
}

/* One value, which says its kind itself. `wanted` (may be undefined): a whole number may stand for a float. */
static ig_status parse_single(ig_txt *t, ig_attr_kind wanted, ig_onnx_attr *a) {
    int next = ig_txt_peek(t);
    size_t at = t->at;
    ig_str id = ig_txt_peek_id(t);
    if (ig_txt_at_type(t))
        IG_TRY(parse_typed_value(t, a));
    else if (next == '"')
        IG_TRY(parse_quoted_value(t, a));
    else if (id.n && !is_number_word(id)) {
        a->type = IG_ATTR_GRAPH;
        IG_TRY(ig_txt_graph(t, &a->g));
    } else
        IG_TRY(parse_number_value(t, a));
    if (wanted == IG_ATTR_FLOAT && a->type == IG_ATTR_INT) {
        a->type = IG_ATTR_FLOAT;
        a->has_i = false;
        a->has_f = true;
        a->f = (float)a->i;
    }
    if (!wanted || (ig_attr_kind)a->type == wanted) return IG_OK;
    return ig_txt_fail(t, at, "expected a value of kind %s, this is one of kind %s", kind_words[wanted], kind_words[a->type]);
}

static bool add_numbers(ig_txt *t, ig_onnx_attr *list, const ig_onnx_attr *entry) {
    ig_pb_bytes *to = entry->type == IG_ATTR_INT ? &list->ints : &list->floats;
    bool ok = true;
    ig_pb_bytes one = entry->type == IG_ATTR_INT ? ig_pb_pack(t->arena, IG_PB_INT64, &entry->i, 1, &ok)
                                                 : ig_pb_pack(t->arena, IG_PB_FLOAT, &entry->f, 1, &ok);
    return ok && ig_pb_append(t->arena, to, (ig_span){one.p, one.n});
}

static bool add_entry(ig_txt *t, ig_onnx_attr *list, const ig_onnx_attr *entry) {
    switch (entry->type) {
    case IG_ATTR_STRING: return IG_PUSH(t->arena, &list->strings, entry->s);
    case IG_ATTR_TENSOR: return IG_PUSH(t->arena, &list->tensors, &entry->t->head);
    case IG_ATTR_SPARSE: return IG_PUSH(t->arena, &list->sparse_tensors, &entry->sparse_tensor->head);
    case IG_ATTR_GRAPH: return IG_PUSH(t->arena, &list->graphs, entry->g);
    case IG_ATTR_TYPE: return IG_PUSH(t->arena, &list->type_protos, &entry->tp->head);
    default: return add_numbers(t, list, entry);
    }
}

static ig_status parse_list(ig_txt *t, ig_onnx_attr *a) {
    ig_attr_kind entry = entry_of((ig_attr_kind)a->type);
    size_t open = t->at - 1;
    if (a->type && !entry) return ig_txt_fail(t, open, "a value of kind %s is no list", kind_words[a->type]);
    if (ig_txt_match(t, ']'))
        return a->type ? IG_OK : ig_txt_fail(t, open, "the kind of an empty list has to be said: name: ints = []");
    do {
        ig_onnx_attr one = {0};
        IG_TRY(parse_single(t, entry, &one));
        entry = (ig_attr_kind)one.type;
        if (!add_entry(t, a, &one)) return ig_oom(t->err);
    } while (ig_txt_match(t, ','));
    a->type = (int32_t)list_of(entry);
    return ig_txt_expect(t, ']', "behind a list");
}

ig_status ig_txt_attr(ig_txt *t, ig_onnx_attr **out) {
    ig_onnx_attr *a = *out = IG_NEW(t->arena, ig_onnx_attr);
    if (!a) return ig_oom(t->err);
    IG_TRY(ig_txt_name(t, "an attribute's name", &a->name));
    if (ig_txt_match(t, ':')) {
        ig_str word = ig_txt_peek_id(t);
        for (int k = 1; k < IG_ATTR_KIND_COUNT; k++)
            if (ig_str_is(word, kind_words[k])) a->type = k;
        if (!a->type) return ig_txt_fail(t, t->at, "expected a kind of attribute such as int, floats or tensor");
        t->at += word.n;
    }
    IG_TRY(ig_txt_expect(t, '=', "behind an attribute's name"));
    ig_status status;
    if (ig_txt_match(t, '@'))
        status = ig_txt_name(t, "the name of a function's attribute", &a->ref_attr_name);
    else if (ig_txt_match(t, '['))
        status = parse_list(t, a);
    else
        status = parse_single(t, (ig_attr_kind)a->type, a);
    a->has_type = a->type != 0;
    return status;
}
