/* Calls of layers: what rules ask of them, and what they build with. */
#include "formats/keras/layers.h"

#include <stdarg.h>
#include <stdio.h>

/* -------------------------------------------------------------------------------------------------------------- asking */

static bool is_tensor(const ig_value *v) { return v && v->type && v->type->kind == IG_KIND_TENSOR; }

ig_dtype ig_k_dtype(const ig_value *v) { return is_tensor(v) ? v->type->dtype : IG_UNDEFINED; }
int ig_k_rank(const ig_value *v) { return is_tensor(v) ? v->type->rank : -1; }

int64_t ig_k_dim(const ig_value *v, int axis) {
    int rank = ig_k_rank(v);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || !ig_dim_known(v->type->dims[axis])) return -1;
    return v->type->dims[axis].value;
}

bool ig_k_is_float(const ig_value *v) { return ig_dtype_is_float(ig_k_dtype(v)); }

ig_status ig_k_refuse(ig_k *k, const char *format, ...) {
    va_list args;
    if (k->l->reason[0]) return IG_E_UNSUPPORTED;
    va_start(args, format);
    vsnprintf(k->l->reason, sizeof k->l->reason, format, args);
    va_end(args);
    return IG_E_UNSUPPORTED;
}

ig_status ig_k_need_rank(ig_k *k, const ig_value *v, int *rank) {
    if (k->s->status != IG_OK) return k->s->status;
    *rank = ig_k_rank(v);
    return *rank < 0 ? ig_k_refuse(k, "the rank of what it reads isn't known") : IG_OK;
}

bool ig_k_numbers(ig_k *k, const ig_value *v, double *out, size_t cap, size_t *n) {
    ig_tensor *t;
    if (!v || !v->constant || v->is_input || v->constant->bad || v->constant->sparse) return false;
    if (ig_const_tensor(k->l->model, v->constant, &t, NULL) != IG_OK || t->count > cap || t->dtype == IG_STRING) return false;
    *n = t->count;
    for (size_t i = 0; i < t->count; i++) out[i] = ig_load_as_f64(t->dtype, t->data, i);
    return true;
}

bool ig_k_ints(const ig_k *k, const char *key, int64_t *out, size_t n, int64_t otherwise) {
    const ig_json *v = ig_k_get(k, key);
    for (size_t i = 0; i < n; i++) {
        const ig_json *x = ig_json_is_kind(v, IG_JSON_LIST) ? ig_json_at(v, v->n == 1 ? 0 : i) : v;
        if (v && !ig_json_is_kind(x, IG_JSON_INT)) return false;
        out[i] = ig_json_int(x, otherwise);
    }
    return !ig_json_is_kind(v, IG_JSON_LIST) || v->n == n || v->n == 1;
}

bool ig_k_channels_first(const ig_k *k) { return ig_k_is(k, "data_format", "channels_first"); }

const ig_json *ig_k_arg(const ig_k *k, const char *name, int position) {
    const ig_json *v = ig_json_get(k->kwargs, name);
    if (!v && position >= 0) v = ig_json_at(k->args, (size_t)position);
    if (!v) v = ig_k_get(k, name);
    return ig_json_is_kind(v, IG_JSON_NULL) ? NULL : v;
}

ig_value *ig_k_tensor(const ig_k *k, const ig_json *v) {
    const ig_json *number = ig_json_get(v, "tensor");
    if (!ig_json_is_kind(number, IG_JSON_INT) || number->i < 0 || (uint64_t)number->i >= k->n_in) return NULL;
    return k->in[number->i];
}

ig_value *ig_k_arg_tensor(const ig_k *k, const char *name, int position) {
    if (!k->args && !k->kwargs) return position >= 0 && (size_t)position < k->n_in ? k->in[position] : NULL;
    return ig_k_tensor(k, ig_k_arg(k, name, position));
}

size_t ig_k_arg_tensors(const ig_k *k, const char *name, int position, ig_value **out, size_t cap) {
    size_t n = 0;
    const ig_json *v = ig_k_arg(k, name, position);
    if (!k->args && !k->kwargs) {
        for (size_t i = 0; i < k->n_in && n < cap; i++) out[n++] = k->in[i];
    } else if (ig_k_tensor(k, v)) {
        if (cap) out[n++] = ig_k_tensor(k, v);
    } else {
        for (size_t i = 0; i < ig_json_count(v) && n < cap; i++) {
            ig_value *t = ig_k_tensor(k, &v->items[i]);
            if (t) out[n++] = t;
        }
    }
    return n;
}

ig_value *ig_k_mask_of(const ig_k *k, const ig_value *v) {
    for (size_t i = 0; i < k->n_in; i++)
        if (k->in[i] == v) return k->mask[i];
    return v ? ig_map_get(&k->state->masks, IG_KEY(v)) : NULL;
}

/* ------------------------------------------------------------------------------------------------------------- weights */

static ig_str last_part(ig_str path, ig_str *before) {
    size_t at = path.n;
    while (at && path.s[at - 1] != '/') at--;
    *before = (ig_str){path.s, at ? at - 1 : 0};
    return (ig_str){path.s + at, path.n - at};
}

/* A part of the path is the scope, or starts with it and "_" ("forward_lstm"). */
static bool in_scope(ig_str path, ig_str scope) {
    if (!scope.n) return true;
    for (size_t at = 0; at + scope.n <= path.n; at++) {
        if (at && path.s[at - 1] != '/') continue;
        if (memcmp(path.s + at, scope.s, scope.n) != 0) continue;
        if (at + scope.n == path.n || path.s[at + scope.n] == '/' || scope.s[scope.n - 1] == '_') return true;
    }
    return false;
}

static ig_value *find_by_path(const ig_k *k, int number) {
    char wanted[400];
    int n = snprintf(wanted, sizeof wanted, "%.*s%svars/%d", (int)k->path.n, k->path.s, k->path.n ? "/" : "", number);
    for (size_t i = 0; i < k->weights->n; i++)
        if (n > 0 && (size_t)n < sizeof wanted && ig_str_is(k->weights->names[i], wanted)) return k->weights->values[i];
    return NULL;
}

static ig_value *find_by_name(const ig_k *k, const char *name) {
    int seen = 0;
    for (size_t i = 0; i < k->weights->n; i++) {
        ig_str before, last = last_part(k->weights->names[i], &before);
        if (!ig_str_is(last, name) || !in_scope(before, k->scope)) continue;
        if (seen++ == k->nth) return k->weights->values[i];
    }
    return NULL;
}

ig_value *ig_k_find_weight(const ig_k *k, const char *name, int number) {
    return k->weights->by_path ? find_by_path(k, number) : find_by_name(k, name);
}

ig_value *ig_k_weight(ig_k *k, const char *name, int number) {
    ig_value *v = ig_k_find_weight(k, name, number);
    if (!v) {
        ig_k_refuse(k, "the file has no weight '%s' for it", name);
        return NULL;
    }
    return ig_k_is_float(v) && ig_dtype_is_float(k->dtype) ? ig_k_cast(k, v, k->dtype) : v;
}

ig_value *ig_k_asset(const ig_k *k, const char *name) {
    for (size_t i = 0; i < k->weights->n; i++) {
        ig_str before;
        if (ig_str_is(last_part(k->weights->names[i], &before), name)) return k->weights->values[i];
    }
    return NULL;
}

ig_k ig_k_part(ig_k *k, const char *path, const char *scope, int nth) {
    ig_k part = *k;
    if (path && path[0]) {
        const char *joined = ig_arena_printf(k->arena, "%.*s%s%s", (int)k->path.n, k->path.s, k->path.n ? "/" : "", path);
        part.path = joined ? ig_str_c(joined) : IG_STR("");
        if (!joined) k->s->build.failed = true;
    }
    if (scope) part.scope = ig_str_c(scope);
    part.nth = nth;
    return part;
}

/* ------------------------------------------------------------------------------------------------------------ building */

ig_value *ig_k_op(ig_k *k, const char *op, const char *attributes, ig_value *const *in, size_t n) {
    ig_node *node = ig_sketch_node(k->s, NULL, op, attributes, in, n, 1);
    return ig_build_out(node, 0);
}

ig_value *ig_k_i64s(ig_k *k, const int64_t *list, size_t n) {
    ig_tensor *t;
    int64_t count = (int64_t)n;
    if (k->s->status != IG_OK) return NULL;
    if (ig_tensor_new(&t, k->l->model->context, IG_I64, 1, &count, k->l->err) != IG_OK) {
        k->s->status = IG_E_MEMORY;
        return NULL;
    }
    if (n) memcpy(t->data, list, n * sizeof *list);
    return ig_sketch_constant(k->s, t);
}

ig_value *ig_k_scalar(ig_k *k, ig_dtype dtype, double value) {
    ig_tensor *t;
    if (k->s->status != IG_OK || !dtype) return NULL;
    if (ig_tensor_new(&t, k->l->model->context, dtype, 0, NULL, k->l->err) != IG_OK) {
        k->s->status = IG_E_MEMORY;
        return NULL;
    }
    if (ig_dtype_is_float(dtype))
        ig_store_f64(dtype, t->data, 0, value);
    else
        ig_store_i64(dtype, t->data, 0, (int64_t)value);
    return ig_sketch_constant(k->s, t);
}

ig_value *ig_k_cast(ig_k *k, ig_value *v, ig_dtype dtype) {
    if (!v || ig_k_dtype(v) == dtype) return v;
    const char *attributes = ig_arena_printf(k->arena, "to=%s", ig_dtype_name(dtype));
    return attributes ? ig_k_op(k, "Cast", attributes, &v, 1) : NULL;
}

ig_value *ig_k_transpose(ig_k *k, ig_value *v, const int64_t *perm, size_t n) {
    bool same = true;
    for (size_t i = 0; i < n; i++) same &= perm[i] == (int64_t)i;
    if (same) return v;
    const char *attributes = ig_arena_printf(k->arena, "perm=[%s]", ig_k_list(k, perm, n));
    return attributes ? ig_k_op(k, "Transpose", attributes, &v, 1) : NULL;
}

ig_value *ig_k_reshape(ig_k *k, ig_value *v, const int64_t *dims, size_t n) {
    return IG_K_OP(k, "Reshape", "", v, ig_k_i64s(k, dims, n));
}

ig_value *ig_k_unsqueeze(ig_k *k, ig_value *v, int64_t axis) { return IG_K_OP(k, "Unsqueeze", "", v, ig_k_i64s(k, &axis, 1)); }
ig_value *ig_k_squeeze(ig_k *k, ig_value *v, int64_t axis) { return IG_K_OP(k, "Squeeze", "", v, ig_k_i64s(k, &axis, 1)); }

ig_value *ig_k_slice(ig_k *k, ig_value *v, int64_t axis, int64_t from, int64_t to, int64_t step) {
    return IG_K_OP(k, "Slice", "", v, ig_k_i64s(k, &from, 1), ig_k_i64s(k, &to, 1), ig_k_i64s(k, &axis, 1),
                   ig_k_i64s(k, &step, 1));
}

ig_value *ig_k_concat(ig_k *k, ig_value *const *v, size_t n, int64_t axis) {
    const char *attributes = ig_arena_printf(k->arena, "axis=%lld", (long long)axis);
    if (n == 1) return v[0];
    return attributes ? ig_k_op(k, "Concat", attributes, v, n) : NULL;
}

ig_value *ig_k_shape(ig_k *k, ig_value *v, int64_t from, int64_t to) {
    const char *attributes = to == INT64_MAX
                                 ? ig_arena_printf(k->arena, "start=%lld", (long long)from)
                                 : ig_arena_printf(k->arena, "start=%lld, end=%lld", (long long)from, (long long)to);
    return attributes ? ig_k_op(k, "Shape", attributes, &v, 1) : NULL;
}

ig_value *ig_k_texts(ig_k *k, const ig_str *texts, size_t n, int rank) {
    ig_tensor *t;
    int64_t count = (int64_t)n;
    if (k->s->status != IG_OK) return NULL;
    bool ok = ig_tensor_new(&t, k->l->model->context, IG_STRING, rank, &count, k->l->err) == IG_OK;
    for (size_t i = 0; ok && i < n; i++)
        if (!ig_tensor_set_string(t, i, texts[i])) {
            ig_tensor_free(t);
            ok = false;
        }
    if (ok) return ig_sketch_constant(k->s, t);
    k->s->status = ig_oom(k->l->err);
    return NULL;
}

bool ig_k_import(ig_k *k, const char *domain, int64_t version) {
    ig_model *m = k->l->model;
    for (size_t i = 0; i < m->opsets.n; i++)
        if (strcmp(m->opsets.items[i].domain, domain) == 0) return true;
    ig_opset o = {.domain = ig_model_name(m, domain), .domain_given = true, .version_given = true, .version = version};
    if (o.domain && IG_PUSH(&m->arena, &m->opsets, o)) return true;
    k->s->build.failed = true;
    return false;
}

ig_node *ig_k_foreign(ig_k *k, const char *domain, const char *op, const char *attributes, ig_value *const *in, size_t n,
                      size_t n_out) {
    return ig_k_import(k, domain, 1) ? ig_sketch_node(k->s, domain, op, attributes, in, n, n_out) : NULL;
}

const char *ig_k_list(ig_k *k, const int64_t *list, size_t n) {
    ig_text text;
    ig_text_init(&text, k->arena);
    for (size_t i = 0; i < n; i++) ig_text_printf(&text, "%s%lld", i ? ", " : "", (long long)list[i]);
    return text.failed || !text.s ? "" : text.s;
}

const char *ig_k_float(ig_k *k, double x) {
    const char *text = ig_arena_printf(k->arena, "%.9e", x);
    return text ? text : "0.0";
}

ig_dtype ig_k_promote(ig_dtype a, ig_dtype b) {
    static const ig_dtype order[] = {IG_BOOL, IG_U8,  IG_I8,   IG_U16, IG_I16, IG_U32, IG_I32,
                                     IG_U64,  IG_I64, IG_BF16, IG_F16, IG_F32, IG_F64};
    size_t at_a = 0, at_b = 0;
    if (a == b) return a;
    if ((a == IG_F16 && b == IG_BF16) || (a == IG_BF16 && b == IG_F16)) return IG_F32;
    if ((a == IG_U8 && b == IG_I8) || (a == IG_I8 && b == IG_U8)) return IG_I16;
    if ((a == IG_U16 && b == IG_I16) || (a == IG_I16 && b == IG_U16)) return IG_I32;
    if ((a == IG_U32 && b == IG_I32) || (a == IG_I32 && b == IG_U32)) return IG_I64;
    if ((a == IG_I8 && b == IG_U16) || (a == IG_U16 && b == IG_I8)) return IG_I32;
    for (size_t i = 0; i < IG_COUNT_OF(order); i++) {
        if (order[i] == a) at_a = i;
        if (order[i] == b) at_b = i;
    }
    return at_a > at_b ? a : b;
}

void ig_k_same_type(ig_k *k, ig_value **v, size_t n) {
    ig_dtype dtype = IG_UNDEFINED;
    for (size_t i = 0; i < n; i++)
        if (ig_k_dtype(v[i])) dtype = dtype ? ig_k_promote(dtype, ig_k_dtype(v[i])) : ig_k_dtype(v[i]);
    for (size_t i = 0; i < n && dtype; i++) v[i] = ig_k_cast(k, v[i], dtype);
}

/* ---- constants ---- */

typedef struct flat {
    ig_arena *arena;
    IG_VEC(const ig_json *) items;
    int64_t dims[IG_MAX_RANK];
    int rank;
    bool bad;
} flat;

static void flatten(flat *f, const ig_json *v, int depth) {
    if (!ig_json_is_kind(v, IG_JSON_LIST)) {
        if (f->items.n == 0) f->rank = depth;
        f->bad |=
            depth != f->rank || !v || v->kind == IG_JSON_OBJECT || v->kind == IG_JSON_NULL || !IG_PUSH(f->arena, &f->items, v);
        return;
    }
    if (depth >= IG_MAX_RANK || (f->items.n && f->dims[depth] != (int64_t)v->n)) {
        f->bad = true;
        return;
    }
    f->dims[depth] = (int64_t)v->n;
    if (v->n == 0) f->rank = depth + 1;
    for (size_t i = 0; i < v->n && !f->bad; i++) flatten(f, &v->items[i], depth + 1);
}

static ig_dtype natural_type(const flat *f, ig_dtype like) {
    ig_dtype dtype = IG_UNDEFINED;
    for (size_t i = 0; i < f->items.n; i++) {
        ig_json_kind kind = f->items.items[i]->kind;
        ig_dtype one = kind == IG_JSON_TEXT   ? IG_STRING
                       : kind == IG_JSON_BOOL ? IG_BOOL
                       : kind == IG_JSON_INT  ? IG_I32
                                              : IG_F32;
        dtype = dtype && dtype != one ? (one == IG_F32 || dtype == IG_F32 ? IG_F32 : IG_I32) : one;
    }
    if (!dtype) return like ? like : IG_F32;
    if (dtype == IG_STRING || !like || like == IG_STRING) return dtype;
    if (dtype == IG_F32) return ig_dtype_is_float(like) ? like : IG_F32;
    if (dtype == IG_I32) return like == IG_BOOL ? IG_I32 : like;
    return like;
}

static void store(ig_dtype dtype, void *data, size_t i, double real, int64_t whole) {
    if (ig_dtype_is_float(dtype))
        ig_store_f64(dtype, data, i, real);
    else
        ig_store_i64(dtype, data, i, whole);
}

ig_value *ig_k_constant(ig_k *k, const ig_json *v, ig_dtype like) {
    flat f = {.arena = k->arena};
    ig_tensor *t;
    const ig_json *value = ig_json_get(ig_json_get(v, "config"), "value"); /* __tensor__, __numpy__ */
    ig_dtype own = value ? ig_keras_dtype(ig_json_text(ig_json_get(ig_json_get(v, "config"), "dtype"))) : IG_UNDEFINED;
    flatten(&f, value ? value : v, 0);
    if (f.bad || k->s->status != IG_OK) {
        ig_k_refuse(k, "an argument is no number, text or regular list of them");
        return NULL;
    }
    ig_dtype dtype = own ? own : natural_type(&f, like);
    ig_status status = ig_tensor_new(&t, k->l->model->context, dtype, f.rank, f.dims, k->l->err);
    bool ok = status == IG_OK && t->count == f.items.n;
    for (size_t i = 0; ok && i < f.items.n; i++) {
        const ig_json *x = f.items.items[i];
        if (dtype == IG_STRING)
            ok = ig_tensor_set_string(t, i, ig_json_text(x));
        else if (x->kind == IG_JSON_INT)
            store(dtype, t->data, i, (double)x->i, x->i);
        else
            store(dtype, t->data, i, ig_json_real(x, ig_json_bool(x, false)), ig_json_int(x, 0));
    }
    if (ok) return ig_sketch_constant(k->s, t);
    if (status == IG_OK) ig_tensor_free(t);
    k->s->status = status == IG_OK ? ig_fail(k->l->err, IG_E_INPUT, "a list in the config isn't regular") : status;
    return NULL;
}

/* ---- elsewhere ---- */

void ig_k_enter(ig_k *k, ig_k_elsewhere *e, ig_graph *graph) {
    e->outer = k->s;
    ig_sketch_init_end(&e->sketch, graph, k->s->node, k->s->principal, k->l->err);
    e->sketch.known = k->s->known;
    e->sketch.fold = k->s->fold;
    e->sketch.status = k->s->status;
    k->s = &e->sketch;
}

void ig_k_leave(ig_k *k, ig_k_elsewhere *e) {
    k->s = e->outer;
    if (k->s->status == IG_OK) k->s->status = e->sketch.status;
    k->s->build.failed |= e->sketch.build.failed;
    ig_sketch_free(&e->sketch);
}

/* ------------------------------------------------------------------------------------------------------------- results */

void ig_k_out(ig_k *k, size_t i, ig_value *v) {
    if (i < k->n_out) k->out[i] = v;
}

void ig_k_set_mask(ig_k *k, ig_value *v, ig_value *mask) {
    if (v && mask && !ig_map_set(&k->state->masks, IG_KEY(v), mask)) k->s->build.failed = true;
}

static void perm_first(int rank, int64_t *perm) {
    for (int i = 0; i < rank; i++) perm[i] = i < 1 ? i : i == 1 ? rank - 1 : i - 1;
}

bool ig_k_has_first(const ig_k *k, const ig_value *v) { return v && ig_map_get(&k->state->first, IG_KEY(v)); }

ig_value *ig_k_first(ig_k *k, ig_value *v) {
    int64_t perm[IG_MAX_RANK];
    int rank = ig_k_rank(v);
    ig_value *known = v ? ig_map_get(&k->state->first, IG_KEY(v)) : NULL;
    if (known) return known;
    if (rank < 3) return v;
    perm_first(rank, perm);
    ig_value *first = ig_k_transpose(k, v, perm, (size_t)rank);
    if (first && first->graph == k->l->model->graph && !ig_map_set(&k->state->first, IG_KEY(v), first))
        k->s->build.failed = true;
    return first;
}

ig_value *ig_k_last(ig_k *k, ig_value *v) {
    int64_t perm[IG_MAX_RANK];
    int rank = ig_k_rank(v);
    if (rank < 3) return v;
    for (int i = 0; i < rank; i++) perm[i] = i < 1 ? i : i == rank - 1 ? 1 : i + 1;
    ig_value *last = ig_k_transpose(k, v, perm, (size_t)rank);
    if (last && last->graph == k->l->model->graph && !ig_map_set(&k->state->first, IG_KEY(last), v)) k->s->build.failed = true;
    return last;
}

void ig_k_out_first(ig_k *k, size_t i, ig_value *v) { ig_k_out(k, i, ig_k_channels_first(k) ? v : ig_k_last(k, v)); }
