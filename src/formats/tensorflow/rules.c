/* What rules ask of values, and how they hand over results. */
#include "formats/tensorflow/rules.h"

#include <stdarg.h>
#include <stdio.h>

/* -------------------------------------------------------------------------------------------------------------- things */

ig_tf_thing *ig_tf_new_thing(ig_lower *l, ig_tf_kind kind) {
    ig_tf_thing *t = IG_NEW(&ig_tf_state_of(l)->arena, ig_tf_thing);
    if (t)
        t->kind = kind;
    else
        l->b.failed = true;
    return t;
}

ig_status ig_tf_set_thing(ig_lower *l, const ig_value *v, ig_tf_thing *thing) {
    if (!v || !thing) return v ? ig_oom(l->err) : IG_OK;
    return ig_map_set(&ig_tf_state_of(l)->things, IG_KEY(v), thing) ? IG_OK : ig_oom(l->err);
}

/* One half of the numbers of a complex constant. */
static ig_value *half_constant(ig_lower *l, const ig_tensor *t, size_t half) {
    ig_dtype dtype = t->dtype == IG_C64 ? IG_F32 : IG_F64;
    size_t size = ig_dtype_bytes(dtype);
    ig_tensor *out = NULL;
    if (ig_tensor_new(&out, l->model->context, dtype, t->rank, t->dims, NULL) == IG_OK)
        for (size_t i = 0; i < t->count; i++)
            memcpy((uint8_t *)out->data + i * size, (const uint8_t *)t->data + (2 * i + half) * size, size);
    return ig_sketch_constant(ig_tf_s(l), out);
}

/* Complex constants are things from the moment somebody asks. */
static ig_tf_thing *complex_constant(ig_lower *l, const ig_value *v) {
    bool complex = v->constant && (v->constant->dtype == IG_C64 || v->constant->dtype == IG_C128);
    const ig_tensor *t = complex && ig_tf_state_of(l)->s ? ig_tf_const(l, v) : NULL;
    ig_tf_thing *thing = t ? ig_tf_new_thing(l, IG_TF_COMPLEX) : NULL;
    if (!thing) return NULL;
    thing->part[0] = half_constant(l, t, 0);
    thing->part[1] = half_constant(l, t, 1);
    if (ig_tf_set_thing(l, v, thing) != IG_OK) l->b.failed = true;
    return thing;
}

ig_tf_thing *ig_tf_thing_of(const ig_lower *l, const ig_value *v) {
    if (!v) return NULL;
    ig_tf_thing *thing = ig_map_get(&ig_tf_state_of(l)->things, IG_KEY(v));
    return thing ? thing : complex_constant((ig_lower *)(uintptr_t)l, v);
}

/* -------------------------------------------------------------------------------------------------------------- asking */

uint32_t ig_tf_count_in(const ig_lower *l) { return ig_tf_n_in(l->node); }
uint32_t ig_tf_count_out(const ig_lower *l) { return ig_tf_n_out(l->node); }
ig_value *ig_tf_in(const ig_lower *l, uint32_t i) { return i < l->node->n_in ? l->node->in[i] : NULL; }

bool ig_tf_wanted(const ig_lower *l, uint32_t o) { return o < l->node->n_out && l->node->out[o] && l->node->out[o]->n_uses; }

ig_dtype ig_tf_dtype_of(const ig_value *v) {
    return v && v->type && v->type->kind == IG_KIND_TENSOR ? v->type->dtype : IG_UNDEFINED;
}

int ig_tf_rank_of(const ig_value *v) { return v && v->type && v->type->kind == IG_KIND_TENSOR ? v->type->rank : IG_UNRANKED; }

int64_t ig_tf_dim_of(const ig_value *v, int axis) {
    int rank = ig_tf_rank_of(v);
    if (axis < 0) axis += rank;
    return axis >= 0 && axis < rank && ig_dim_known(v->type->dims[axis]) ? v->type->dims[axis].value : -1;
}

bool ig_tf_is_float(const ig_value *v) { return ig_dtype_is_float(ig_tf_dtype_of(v)); }

const ig_tensor *ig_tf_const(ig_lower *l, const ig_value *v) {
    ig_tensor *t;
    if (!v || !v->constant || v->is_input || v->constant->bad || v->constant->sparse) return NULL;
    return ig_const_tensor(l->model, v->constant, &t, NULL) == IG_OK && t->kind == IG_KIND_TENSOR ? t : NULL;
}

bool ig_tf_ints(ig_lower *l, const ig_value *v, int64_t *out, size_t cap, size_t *n) {
    ig_ints known;
    const ig_tensor *t = ig_tf_const(l, v);
    if (t && (ig_dtype_is_int(t->dtype) || t->dtype == IG_BOOL) && t->count <= cap) {
        for (*n = 0; *n < t->count; ++*n) out[*n] = ig_load_as_i64(t->dtype, t->data, *n);
        return true;
    }
    if (t || !ig_sketch_ints(ig_tf_s(l), v, &known) || known.n > cap) return false;
    for (*n = 0; *n < known.n; ++*n) {
        if (!ig_dim_known(known.values[*n])) return false;
        out[*n] = known.values[*n].value;
    }
    return true;
}

bool ig_tf_int(ig_lower *l, const ig_value *v, int64_t *out) {
    size_t n;
    return ig_tf_ints(l, v, out, 1, &n) && n == 1;
}

bool ig_tf_number(ig_lower *l, const ig_value *v, double *out) {
    const ig_tensor *t = ig_tf_const(l, v);
    if (!t || t->count != 1 || t->dtype == IG_STRING || ig_dtype_number(t->dtype) == IG_NUMBER_COMPLEX) return false;
    *out = ig_load_as_f64(t->dtype, t->data, 0);
    return true;
}

ig_dtype ig_tf_attr_dtype(const ig_lower *l, const char *name) {
    return ig_tf_dtype(ig_tf_type_of(ig_attr_str(l->node, name)));
}

bool ig_tf_attr_is(const ig_lower *l, const char *name, const char *text) {
    return ig_str_is(ig_attr_str(l->node, name), text);
}

bool ig_tf_channels_first(const ig_lower *l) { return ig_str_starts(ig_attr_str(l->node, "data_format"), "NC"); }

ig_status ig_tf_need_rank(ig_lower *l, uint32_t i, int *rank) {
    *rank = ig_tf_rank_of(ig_tf_in(l, i));
    return *rank >= 0 ? IG_OK : ig_lower_refuse(l, "the rank of input %u is unknown", i);
}

ig_status ig_tf_need_axis(ig_lower *l, uint32_t i, int rank, int *axis) {
    int64_t a;
    if (!ig_tf_int(l, ig_tf_in(l, i), &a)) return ig_lower_refuse(l, "its axis (input %u) is computed at run time", i);
    if (a < -rank || a >= rank) return ig_lower_refuse(l, "its axis %lld is out of range for rank %d", (long long)a, rank);
    *axis = (int)(a < 0 ? a + rank : a);
    return IG_OK;
}

ig_status ig_tf_need_ints(ig_lower *l, uint32_t i, int64_t *out, size_t cap, size_t *n) {
    if (ig_tf_ints(l, ig_tf_in(l, i), out, cap, n)) return IG_OK;
    return ig_lower_refuse(l, "its input %u is computed at run time, or longer than %zu", i, cap);
}

/* ------------------------------------------------------------------------------------------------------------- results */

void ig_tf_out(ig_lower *l, uint32_t o, ig_value *v) {
    if (o < l->node->n_out) ig_tf_state_of(l)->results[o] = (ig_tf_result){.value = v};
}

void ig_tf_out_thing(ig_lower *l, uint32_t o, ig_tf_thing *thing) {
    if (o < l->node->n_out) ig_tf_state_of(l)->results[o] = (ig_tf_result){.thing = thing};
}

void ig_tf_out_complex(ig_lower *l, uint32_t o, ig_value *real, ig_value *imaginary) {
    ig_tf_thing *t = ig_tf_new_thing(l, IG_TF_COMPLEX);
    if (!t) return;
    t->part[0] = real;
    t->part[1] = imaginary;
    ig_tf_out_thing(l, o, t);
}

ig_status ig_tf_take(ig_lower *l) {
    ig_sketch *s = ig_tf_s(l);
    for (uint32_t o = 0; o < l->node->n_out && s->status == IG_OK; o++) {
        char name[16];
        snprintf(name, sizeof name, "y%u", o);
        ig_value *v = ig_sketch_get(s, name);
        if (!v && o == 0) v = ig_sketch_get(s, "y");
        if (v) ig_tf_out(l, o, v);
    }
    return s->status;
}

ig_status ig_tf_text(ig_lower *l, const char *format, ...) {
    char text[2000];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text) return ig_fail(l->err, IG_E_INTERNAL, "a rule's text is too long");
    ig_sketch_run(ig_tf_s(l), "%s", text);
    return ig_tf_take(l);
}

ig_status ig_tf_lower_text(ig_lower *l) {
    ig_sketch_run(ig_tf_s(l), "%s", l->rule->to);
    return ig_tf_take(l);
}

/* ------------------------------------------------------------------------------------------------------------ building */

const char *ig_tf_join(ig_lower *l, const int64_t *list, size_t n) {
    ig_text text;
    ig_text_init(&text, &ig_tf_s(l)->arena);
    ig_text_add(&text, IG_STR(""));
    for (size_t i = 0; i < n; i++) ig_text_printf(&text, "%s%lld", i ? ", " : "", (long long)list[i]);
    if (text.failed) l->b.failed = true;
    return text.failed || !text.s ? "" : text.s;
}

ig_value *ig_tf_node1(ig_lower *l, const char *domain, const char *op, const char *attributes, ig_value *const *in, size_t n) {
    return ig_tf_nth(ig_sketch_node(ig_tf_s(l), domain, op, attributes, in, n, 1), 0);
}

ig_value *ig_tf_cast(ig_lower *l, ig_value *v, ig_dtype dtype) {
    char to[40];
    if (!v || ig_tf_dtype_of(v) == dtype || dtype == IG_UNDEFINED) return v;
    snprintf(to, sizeof to, "to=%d", (int)dtype);
    return ig_tf_node1(l, NULL, "Cast", to, (ig_value *[]){v}, 1);
}

ig_value *ig_tf_i64(ig_lower *l, ig_value *v) {
    const ig_node *n = v ? v->producer : NULL;
    bool cast = n && n->op && strcmp(n->op, "Cast") == 0 && !ig_node_domain(n)[0] && ig_tf_dtype_of(v) == IG_I32;
    if (cast && ig_tf_dtype_of(n->in[0]) == IG_I64) return n->in[0]; /* sizes fit both */
    return ig_tf_cast(l, v, IG_I64);
}

ig_value *ig_tf_transpose(ig_lower *l, ig_value *v, const int64_t *perm, size_t n) {
    bool moves = false;
    for (size_t i = 0; i < n; i++) moves |= perm[i] != (int64_t)i;
    if (!v || !moves) return v;
    const char *attributes = ig_arena_printf(&ig_tf_s(l)->arena, "perm=[%s]", ig_tf_join(l, perm, n));
    if (!attributes) l->b.failed = true;
    return attributes ? ig_tf_node1(l, NULL, "Transpose", attributes, (ig_value *[]){v}, 1) : NULL;
}

ig_value *ig_tf_to_first(ig_lower *l, ig_value *v, int rank) {
    int64_t perm[IG_MAX_RANK];
    if (ig_tf_channels_first(l)) return v;
    for (int i = 0; i < rank; i++) perm[i] = i == 0 ? 0 : i == 1 ? rank - 1 : i - 1;
    return ig_tf_transpose(l, v, perm, (size_t)rank);
}

ig_value *ig_tf_to_last(ig_lower *l, ig_value *v, int rank) {
    int64_t perm[IG_MAX_RANK];
    if (ig_tf_channels_first(l)) return v;
    for (int i = 0; i < rank; i++) perm[i] = i == 0 ? 0 : i == rank - 1 ? 1 : i + 1;
    return ig_tf_transpose(l, v, perm, (size_t)rank);
}

ig_value *ig_tf_i64s(ig_lower *l, const int64_t *list, size_t n) {
    ig_tensor *t = NULL;
    int64_t dims[1] = {(int64_t)n};
    if (ig_tensor_new(&t, l->model->context, IG_I64, 1, dims, NULL) == IG_OK && n) memcpy(t->data, list, n * sizeof *list);
    return ig_sketch_constant(ig_tf_s(l), t);
}

ig_value *ig_tf_scalar(ig_lower *l, ig_dtype dtype, double value) {
    ig_tensor *t = NULL;
    if (ig_tensor_new(&t, l->model->context, dtype ? dtype : IG_F32, 0, NULL, NULL) == IG_OK)
        ig_store_f64(t->dtype, t->data, 0, value);
    return ig_sketch_constant(ig_tf_s(l), t);
}

uint64_t ig_tf_next_random(ig_lower *l) { return ++ig_tf_state_of(l)->n_random; }

void ig_tf_need_opset(ig_lower *l, int64_t version) {
    if (ig_lower_need_opset(l, version) != IG_OK) l->b.failed = true;
}
