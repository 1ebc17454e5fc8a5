#include "ops/sketch.h"

#include "ops/call.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPSET = 21, MAX_ARGS = 32, MAX_DEPTH = 64, MAX_LIST = 64 };

typedef struct parser {
    ig_sketch *s;
    const char *text, *p;
    int depth;
} parser;

static void init(ig_sketch *s, ig_build build, const ig_node *node, ig_value *principal, ig_error *err) {
    *s = (ig_sketch){.build = build, .node = node, .principal = principal, .err = err};
    ig_arena_init(&s->arena, build.graph->model->context);
    ig_map_init(&s->ints, &s->arena);
}

void ig_sketch_init(ig_sketch *s, ig_node *before, const ig_node *node, ig_value *principal, ig_error *err) {
    init(s, ig_build_before(before), node, principal, err);
}

void ig_sketch_init_end(ig_sketch *s, ig_graph *graph, const ig_node *node, ig_value *principal, ig_error *err) {
    init(s, ig_build_end(graph), node, principal, err);
}

void ig_sketch_free(ig_sketch *s) { ig_arena_free(&s->arena); }

static void fail(ig_sketch *s, ig_status status) {
    if (s->status == IG_OK) s->status = status;
}

static void fail_memory(ig_sketch *s) {
    if (s->status == IG_OK) fail(s, ig_oom(s->err));
}

static void fail_text(parser *w, const char *what) {
    if (w->s->status != IG_OK) return;
    fail(w->s, ig_fail(w->s->err, IG_E_INTERNAL, "a sketch has %s at '%.60s'", what, w->p));
}

static void bind(ig_sketch *s, ig_str name, ig_value *value) {
    struct ig_sketch_name entry = {name, value};
    if (!IG_PUSH(&s->arena, &s->names, entry)) fail_memory(s);
}

void ig_sketch_bind(ig_sketch *s, const char *name, ig_value *value) {
    bool ok = true;
    ig_str copy = ig_arena_str(&s->arena, ig_str_c(name), &ok);
    if (!ok) fail_memory(s);
    bind(s, copy, value);
}

static bool find(const ig_sketch *s, ig_str name, ig_value **value) {
    for (size_t i = s->names.n; i-- > 0;) {
        if (!ig_str_eq(s->names.items[i].name, name)) continue;
        *value = s->names.items[i].value;
        return true;
    }
    return false;
}

ig_value *ig_sketch_get(const ig_sketch *s, const char *name) {
    ig_value *value = NULL;
    find(s, ig_str_c(name), &value);
    return value;
}

/* ---------------------------------------------------------------------------------------------------------------- nodes */

/* The schema that the texts mean, whatever opset the model has. */
static void resolve(ig_node *n) {
    ig_node_resolve(n);
    if (ig_node_domain(n)[0]) return;
    const ig_schema *scope = n->schema, *meant = ig_schema_find("", n->op, OPSET);
    if (!meant) meant = ig_schema_newest("", n->op);
    n->schema = meant;
    n->pinned = meant != scope;
}

typedef struct typing {
    const ig_type **in, **out;
    const ig_tensor **data;
    const ig_ints **ints, **out_ints;
} typing;

static bool alloc_typing(ig_sketch *s, typing *t, const ig_node *n) {
    t->in = IG_NEW_ARRAY(&s->arena, const ig_type *, n->n_in);
    t->out = IG_NEW_ARRAY(&s->arena, const ig_type *, n->n_out);
    t->data = IG_NEW_ARRAY(&s->arena, const ig_tensor *, n->n_in);
    t->ints = IG_NEW_ARRAY(&s->arena, const ig_ints *, n->n_in);
    t->out_ints = IG_NEW_ARRAY(&s->arena, const ig_ints *, n->n_out);
    return t->in && t->out && t->data && t->ints && t->out_ints;
}

static ig_map *known_map(const ig_sketch *s) { return s->known ? s->known : (ig_map *)(uintptr_t)&s->ints; }

static ig_status infer_node(ig_sketch *s, ig_node *n) {
    ig_model *model = n->graph->model;
    const ig_op *op = ig_op_of(n);
    typing t;
    if (!op || !op->infer) return IG_OK;
    if (!alloc_typing(s, &t, n)) return ig_oom(s->err);
    for (uint32_t i = 0; i < n->n_in; i++) {
        const ig_value *v = n->in[i];
        if (!v) continue;
        t.in[i] = v->type;
        t.ints[i] = ig_map_get(known_map(s), IG_KEY(v));
        bool small = v->constant && !v->is_input && !v->constant->bad && !v->constant->sparse && v->constant->bytes <= 1024;
        ig_tensor *content = NULL;
        if (small) IG_TRY(ig_const_tensor(model, v->constant, &content, s->err));
        t.data[i] = content;
    }
    ig_infer c = {.node = n,
                  .n_in = n->n_in,
                  .n_out = n->n_out,
                  .in = t.in,
                  .data = t.data,
                  .ints = t.ints,
                  .out = t.out,
                  .out_ints = t.out_ints,
                  .syms = &model->syms,
                  .arena = &model->arena,
                  .err = s->err};
    IG_TRY(op->infer(&c));
    for (uint32_t o = 0; o < n->n_out; o++) {
        if (t.out[o]) n->out[o]->type = t.out[o];
        if (t.out_ints[o] && !ig_map_set(known_map(s), IG_KEY(n->out[o]), (void *)(uintptr_t)t.out_ints[o]))
            return ig_oom(s->err);
    }
    return IG_OK;
}

/* ---- computing at once ---- */

/* Turns an output into a constant with this content (the reference is taken over). */
static bool become_constant(ig_value *v, ig_tensor *content) {
    ig_graph *g = v->graph;
    ig_const *c = ig_const_create(g->model, v->name, content);
    if (!c || !IG_PUSH(&g->model->arena, &g->initializers, v)) return false;
    v->constant = c;
    return true;
}

/* A tensor of the integers that are known of a value; *out NULL when some aren't. */
static ig_status known_tensor(ig_sketch *s, const ig_value *v, ig_tensor **out) {
    const ig_ints *ints = ig_map_get(known_map(s), IG_KEY(v));
    int64_t dims[1] = {ints ? (int64_t)ints->n : 0};
    *out = NULL;
    if (!ints || ints->rank > 1 || !v->type || !ig_dtype_is_int(v->type->dtype)) return IG_OK;
    for (size_t i = 0; i < ints->n; i++)
        if (!ig_dim_known(ints->values[i])) return IG_OK;
    IG_TRY(ig_tensor_new(out, v->graph->model->context, v->type->dtype, ints->rank, dims, s->err));
    for (size_t i = 0; i < ints->n; i++) ig_store_i64(v->type->dtype, (*out)->data, i, ints->values[i].value);
    return IG_OK;
}

static bool is_aligned(const ig_tensor *t) {
    size_t align = ig_min_size(ig_max_size(ig_dtype_bytes(t->dtype), 1), 8);
    return t->dtype == IG_STRING || (uintptr_t)t->data % align == 0;
}

/* Files lay their bytes anywhere: from now on the constant is a copy. */
static ig_status align_constant(ig_sketch *s, ig_value *v, ig_tensor **t) {
    ig_model *m = v->graph->model;
    ig_tensor *copy;
    IG_TRY(ig_tensor_new(&copy, m->context, (*t)->dtype, (*t)->rank, (*t)->dims, s->err));
    memcpy(copy->data, (*t)->data, ig_min_size(copy->bytes, (*t)->bytes));
    ig_const *c = ig_const_create(m, v->constant->name, copy);
    if (!c) return ig_oom(s->err);
    v->constant = c;
    return ig_const_tensor(m, c, t, s->err);
}

/* *all: every input is a constant, and not large. */
static ig_status constant_inputs(ig_sketch *s, const ig_node *n, const ig_tensor **in, bool *all) {
    *all = false;
    for (uint32_t i = 0; i < n->n_in; i++) {
        ig_value *v = n->in[i];
        ig_tensor *t;
        if (!v) continue;
        if (!v->constant || v->is_input || v->constant->bad || v->constant->sparse || v->constant->bytes > s->fold)
            return IG_OK;
        IG_TRY(ig_const_tensor(n->graph->model, v->constant, &t, s->err));
        if (!is_aligned(t)) IG_TRY(align_constant(s, v, &t));
        in[i] = t;
    }
    *all = true;
    return IG_OK;
}

/* The node's results, one for each output; *done false when they can't be known yet. */
static ig_status compute(ig_sketch *s, ig_node *n, ig_tensor **out, bool *done) {
    const ig_op *op = ig_op_of(n);
    const ig_tensor **in = IG_NEW_ARRAY(&s->arena, const ig_tensor *, n->n_in);
    ig_error why;
    *done = n->n_out == 1 && n->out[0];
    if (!in) return ig_oom(s->err);
    if (*done) IG_TRY(known_tensor(s, n->out[0], &out[0]));
    if (out[0]) return IG_OK;
    *done = false;
    if (!op || !op->run || (op->flags & (IG_OP_RANDOM | IG_OP_GRAPHS))) return IG_OK;
    IG_TRY(constant_inputs(s, n, in, done));
    if (!*done) return IG_OK;
    ig_status status = ig_node_evaluate(op, n, n->graph->model->context, in, out, s->fold, &why);
    if (status == IG_E_MEMORY) return ig_oom(s->err);
    *done = status == IG_OK; /* a failure shows when it runs, if it comes to that */
    for (uint32_t o = 0; o < n->n_out; o++) *done &= out[o] && out[o]->kind == IG_KIND_TENSOR;
    return IG_OK;
}

static ig_status fold_node(ig_sketch *s, ig_node *n) {
    ig_tensor **out = IG_NEW_ARRAY(&s->arena, ig_tensor *, ig_max_size(n->n_out, 1));
    bool done, ok = out != NULL;
    if (!ok) return ig_oom(s->err);
    ig_status status = compute(s, n, out, &done);
    if (status == IG_OK && done) ig_node_erase(n);
    for (uint32_t o = 0; o < n->n_out; o++) {
        if (status != IG_OK || !done) {
            ig_tensor_free(out[o]);
            continue;
        }
        if (!n->out[o]->type) n->out[o]->type = ig_tensor_type(&n->graph->model->arena, out[o]);
        ok &= become_constant(n->out[o], out[o]);
    }
    return ok ? status : ig_oom(s->err);
}

bool ig_sketch_ints(const ig_sketch *s, const ig_value *v, ig_ints *ints) {
    const ig_ints *known = v ? ig_map_get(known_map(s), IG_KEY(v)) : NULL;
    if (known) *ints = *known;
    return known != NULL;
}

/* After the attributes are set. */
static void finish_node(ig_sketch *s, ig_node *n) {
    if (s->build.failed || !n) {
        fail_memory(s);
        return;
    }
    if (s->status != IG_OK) return;
    resolve(n);
    if (!n->schema) {
        fail(s, ig_fail(s->err, IG_E_INTERNAL, "a sketch calls '%.40s', which is no operator", n->op));
        return;
    }
    fail(s, infer_node(s, n));
    if (s->status == IG_OK && s->fold) fail(s, fold_node(s, n));
}

ig_node *ig_sketch_copy(ig_sketch *s, const ig_node *node, ig_value *const *in, size_t n_in) {
    if (s->status != IG_OK) return NULL;
    ig_node *n = ig_build_node(&s->build, node->domain, node->op, in, n_in, node->n_out);
    for (const ig_attr *a = node->attrs; n && a; a = a->next) {
        ig_attr copy = *a;
        copy.next = NULL;
        if (a->kind == IG_ATTR_GRAPH || a->kind == IG_ATTR_GRAPHS) {
            fail(s, ig_fail(s->err, IG_E_UNSUPPORTED, "%.80s has graphs and can't be copied", ig_name_text(node->op)));
            return NULL;
        }
        if (!ig_attr_put(n, &copy)) s->build.failed = true;
    }
    if (s->build.failed || !n) {
        fail_memory(s);
        return NULL;
    }
    n->schema = node->schema;
    n->pinned = true;
    fail(s, infer_node(s, n));
    return s->status == IG_OK ? n : NULL;
}

static ig_value *call1(ig_sketch *s, const char *op, ig_value *const *in, size_t n) {
    if (s->status != IG_OK) return NULL;
    ig_value *out = ig_build_op(&s->build, op, in, n);
    finish_node(s, s->build.last);
    return s->status == IG_OK ? out : NULL;
}

#define CALL(s, op, ...) call1((s), (op), (ig_value *const[]){__VA_ARGS__}, IG_COUNT_OF(((ig_value *const[]){__VA_ARGS__})))

static ig_dtype principal_dtype(const ig_sketch *s) {
    return !s->principal ? IG_F32 : s->principal->type ? s->principal->type->dtype : IG_UNDEFINED;
}

static ig_value *set_type(ig_sketch *s, ig_value *v) {
    if (s->build.failed || !v) {
        fail_memory(s);
        return NULL;
    }
    ig_shape shape = {.rank = v->constant->rank};
    for (int i = 0; i < shape.rank; i++) shape.dims[i] = ig_dim_of(v->constant->dims[i]);
    v->type = ig_type_tensor(&v->graph->model->arena, v->constant->dtype, &shape);
    if (!v->type) fail_memory(s);
    return v;
}

ig_value *ig_sketch_constant(ig_sketch *s, ig_tensor *tensor) { return set_type(s, ig_build_tensor(&s->build, tensor)); }

static ig_value *number(ig_sketch *s, double x) {
    ig_dtype dtype = principal_dtype(s);
    if (dtype) return set_type(s, ig_build_scalar(&s->build, dtype, x));
    return CALL(s, "CastLike", set_type(s, ig_build_scalar(&s->build, IG_F64, x)), s->principal);
}

static ig_value *whole(ig_sketch *s, int64_t x) { return set_type(s, ig_build_i64(&s->build, x)); }

static ig_value *vector(ig_sketch *s, const int64_t *list, size_t n) { return set_type(s, ig_build_i64s(&s->build, list, n)); }

/* ------------------------------------------------------------------------------------------------------------ functions */

static ig_value *filled(ig_sketch *s, ig_value *x, double value) {
    ig_value *shape = CALL(s, "Shape", x), *of = number(s, value);
    return CALL(s, "Expand", of, shape);
}

/* As an integer of 64 bits. */
static ig_value *as_i64(ig_sketch *s, ig_value *v) {
    if (v && v->type && v->type->kind == IG_KIND_TENSOR && v->type->dtype == IG_I64) return v;
    ig_value *y = s->status == IG_OK ? ig_build_op(&s->build, "Cast", &v, 1) : NULL;
    if (y) ig_build_int(&s->build, "to", IG_I64);
    if (s->status == IG_OK) finish_node(s, s->build.last);
    return s->status == IG_OK ? y : NULL;
}

static bool known_shape(const ig_value *v, ig_shape *shape) {
    *shape = ig_type_shape(v ? v->type : NULL);
    return shape->rank >= 0;
}

static bool same_shape(const ig_shape *a, const ig_shape *b) {
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = ig_dim_equal(a->dims[i], b->dims[i]);
    return same;
}

/* Which axes were repeated, when the shapes say so: those where x has 1 and g has not, and those that x lacks. */
static bool known_axes(const ig_shape *g, const ig_shape *x, int64_t *axes, size_t *n) {
    int skip = g->rank - x->rank;
    *n = 0;
    if (skip < 0) return false;
    for (int i = 0; i < g->rank; i++) {
        bool repeated = i < skip;
        if (i >= skip && !ig_dim_equal(g->dims[i], x->dims[i - skip])) {
            repeated = ig_dim_is(x->dims[i - skip], 1);
            if (!repeated && !ig_dim_known(x->dims[i - skip])) return false; /* it may be 1 at run time */
        }
        if (repeated) axes[(*n)++] = i;
    }
    return true;
}

ig_value *ig_sketch_like(ig_sketch *s, ig_value *g, ig_value *x) {
    ig_shape gs, xs;
    int64_t axes[IG_MAX_RANK];
    size_t n, outside = s->names.n;
    if (s->status != IG_OK) return NULL;
    bool known = known_shape(g, &gs) && known_shape(x, &xs);
    if (known && same_shape(&gs, &xs)) return g;
    bind(s, IG_STR("g"), g);
    bind(s, IG_STR("x"), x);
    if (known && known_axes(&gs, &xs, axes, &n)) {
        bind(s, IG_STR("axes"), vector(s, axes, n));
    } else { /* all axes where x has 1 or nothing: summing over one that g has 1 of too does no harm */
        ig_sketch_run(s, "more = Expand(1i, Reshape(Size(Shape(g)) - Size(Shape(x)), [1]));"
                         "axes = Reshape(NonZero(Equal(Concat<axis=0>(more, Shape(x)), 1i)), [-1])");
    }
    ig_value *sum = ig_sketch_value(s, "Reshape(ReduceSum<keepdims=1, noop_with_empty_axes=1>(g, axes), Shape(x))");
    s->names.n = ig_min_size(outside, s->names.n);
    return sum;
}

/* -------------------------------------------------------------------------------------------------------------- reading */

static void skip_space(parser *w) {
    while (isspace((unsigned char)*w->p)) w->p++;
}

/* The next character when it is `c`, consumed. */
static bool take(parser *w, char c) {
    skip_space(w);
    if (*w->p != c) return false;
    w->p++;
    return true;
}

static void expect(parser *w, char c) {
    if (!take(w, c)) {
        char what[] = "no 'x'";
        what[4] = c;
        fail_text(w, what);
    }
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static ig_str take_word(parser *w) {
    skip_space(w);
    const char *start = w->p;
    while (is_word(*w->p)) w->p++;
    return (ig_str){start, (size_t)(w->p - start)};
}

static ig_value *expression(parser *w);

/* -1, 2, 3 after "[". */
static size_t int_list(parser *w, int64_t *list) {
    size_t n = 0;
    while (!take(w, ']') && w->s->status == IG_OK) {
        char *end;
        skip_space(w);
        int64_t value = strtoll(w->p, &end, 10);
        if (end == w->p || n == MAX_LIST) {
            fail_text(w, "a list of something else than integers");
            break;
        }
        w->p = end;
        list[n++] = value;
        take(w, ',');
    }
    return n;
}

/* "@name" as a value. */
static ig_value *attribute_value(parser *w) {
    ig_sketch *s = w->s;
    char name[64];
    size_t n;
    ig_str word = take_word(w);
    snprintf(name, sizeof name, "%.*s", (int)word.n, word.s);
    skip_space(w);
    bool is_whole = w->p[0] == 'i' && !is_word(w->p[1]);
    if (is_whole) w->p++;
    const ig_attr *a = ig_attr_find(s->node, name);
    const ig_schema_attr *preset = s->node->schema ? ig_schema_attr_find(s->node->schema, name) : NULL;
    ig_attr_kind kind = a ? a->kind : preset ? (ig_attr_kind)preset->kind : IG_ATTR_UNDEFINED;
    if (kind == IG_ATTR_INTS) {
        const int64_t *list = ig_attr_ints(s->node, name, &n);
        return vector(s, list, n);
    }
    if (kind == IG_ATTR_INT && is_whole) return whole(s, ig_attr_int(s->node, name));
    if (kind == IG_ATTR_INT) return number(s, (double)ig_attr_int(s->node, name));
    if (kind == IG_ATTR_FLOAT) return number(s, (double)ig_attr_float(s->node, name));
    fail_text(w, "an attribute that is no number");
    return NULL;
}

static ig_value *number_value(parser *w) {
    char *end;
    double x = strtod(w->p, &end);
    if (end == w->p) {
        fail_text(w, "no expression");
        return NULL;
    }
    if (*end == 'i' && !is_word(end[1])) {
        w->p = end + 1;
        return whole(w->s, (int64_t)x);
    }
    w->p = end;
    return number(w->s, x);
}

/* ------------------------------------------------------------------------------------------------------ calls, attributes */

static void copy_attribute(parser *w, const char *name, ig_str from) {
    ig_sketch *s = w->s;
    char source[64];
    size_t n;
    snprintf(source, sizeof source, "%.*s", (int)from.n, from.s);
    const ig_attr *a = ig_attr_find(s->node, source);
    const ig_schema_attr *preset = s->node->schema ? ig_schema_attr_find(s->node->schema, source) : NULL;
    if (a) {
        ig_attr copy = *a;
        copy.next = NULL;
        copy.wire = (ig_span){0};
        copy.name = ig_model_name(s->build.graph->model, name);
        if (!copy.name || !ig_attr_put(s->build.last, &copy)) s->build.failed = true;
    } else if (preset && preset->has_default && preset->kind == IG_ATTR_INT) {
        ig_build_int(&s->build, name, preset->i);
    } else if (preset && preset->has_default && preset->kind == IG_ATTR_FLOAT) {
        ig_build_float(&s->build, name, preset->f);
    } else if (preset && preset->has_default && preset->kind == IG_ATTR_STRING) {
        ig_build_str(&s->build, name, preset->s);
    } else if (preset && preset->has_default && preset->kind == IG_ATTR_INTS) {
        const int64_t *list = ig_attr_ints(s->node, source, &n);
        ig_build_ints(&s->build, name, list, n);
    }
}

static void text_attribute(parser *w, const char *name) {
    char text[64];
    const char *end = strchr(w->p, '\'');
    if (!end) {
        fail_text(w, "a text without end");
        return;
    }
    snprintf(text, sizeof text, "%.*s", (int)(end - w->p), w->p);
    w->p = end + 1;
    ig_build_str(&w->s->build, name, text);
}

static void word_attribute(parser *w, const char *name) {
    char text[32];
    ig_str word = take_word(w);
    snprintf(text, sizeof text, "%.*s", (int)word.n, word.s);
    ig_dtype dtype = strcmp(text, "T") == 0 ? principal_dtype(w->s) : ig_dtype_from_name(text);
    if (!dtype) {
        fail_text(w, strcmp(text, "T") == 0 ? "an element type that isn't known" : "an unknown word");
        return;
    }
    ig_build_int(&w->s->build, name, dtype);
}

static void number_attribute(parser *w, const char *name) {
    char *end;
    const char *p = w->p;
    double x = strtod(p, &end);
    bool is_float = false;
    for (; p < end; p++) is_float |= *p == '.' || *p == 'e';
    if (end == w->p) fail_text(w, "no value of an attribute");
    w->p = end;
    if (is_float)
        ig_build_float(&w->s->build, name, (float)x);
    else
        ig_build_int(&w->s->build, name, (int64_t)x);
}

/* "axis=1, perm=[1, 0]>" for the node made last. */
static void attributes(parser *w) {
    ig_sketch *s = w->s;
    while (!take(w, '>') && s->status == IG_OK && !s->build.failed) {
        char name[64];
        int64_t list[MAX_LIST];
        ig_str word = take_word(w);
        snprintf(name, sizeof name, "%.*s", (int)word.n, word.s);
        expect(w, '=');
        skip_space(w);
        if (take(w, '@'))
            copy_attribute(w, name, take_word(w));
        else if (take(w, '['))
            ig_build_ints(&s->build, name, list, int_list(w, list));
        else if (take(w, '\''))
            text_attribute(w, name);
        else if (isalpha((unsigned char)*w->p))
            word_attribute(w, name);
        else
            number_attribute(w, name);
        take(w, ',');
    }
}

ig_node *ig_sketch_node(ig_sketch *s, const char *domain, const char *op, const char *attrs, ig_value *const *in, size_t n_in,
                        size_t n_out) {
    if (s->status != IG_OK) return NULL;
    ig_node *node = ig_build_node(&s->build, domain, op, in, n_in, n_out);
    if (node && attrs[0]) {
        const char *text = ig_arena_printf(&s->arena, "%s>", attrs);
        parser w = {.s = s, .text = text, .p = text};
        if (text)
            attributes(&w);
        else
            fail_memory(s);
    }
    finish_node(s, node);
    return s->status == IG_OK ? node : NULL;
}

/* Past a "<...>" that is read later, when the node exists. Texts in it may hold a '>'. */
static const char *skip_attributes(parser *w) {
    if (!take(w, '<')) return NULL;
    const char *start = w->p;
    bool in_text = false;
    for (; *w->p && (in_text || *w->p != '>'); w->p++) in_text ^= *w->p == '\'';
    if (*w->p) w->p++;
    return start;
}

static size_t arguments(parser *w, ig_value **args) {
    size_t n = 0;
    expect(w, '(');
    while (!take(w, ')') && w->s->status == IG_OK) {
        if (n == MAX_ARGS) {
            fail_text(w, "too many arguments");
            break;
        }
        args[n++] = expression(w);
        skip_space(w);
        if (*w->p != ')') expect(w, ',');
    }
    return n;
}

static ig_value *function_value(parser *w, ig_str name, ig_value **args, size_t n) {
    if (ig_str_is(name, "like") && n == 2) return ig_sketch_like(w->s, args[0], args[1]);
    if (ig_str_is(name, "zeros") && n == 1) return filled(w->s, args[0], 0);
    if (ig_str_is(name, "ones") && n == 1) return filled(w->s, args[0], 1);
    if (ig_str_is(name, "i64") && n == 1) return as_i64(w->s, args[0]);
    fail_text(w, "an unknown function");
    return NULL;
}

/* The node of a call whose name was read; NULL with *value set for a function. */
static ig_node *call_node(parser *w, ig_str name, size_t n_out, ig_value **value) {
    ig_sketch *s = w->s;
    ig_value *args[MAX_ARGS];
    char op[64];
    const char *attrs = skip_attributes(w);
    size_t n = arguments(w, args);
    *value = NULL;
    if (s->status != IG_OK) return NULL;
    if (islower((unsigned char)name.s[0])) {
        *value = function_value(w, name, args, n);
        return NULL;
    }
    snprintf(op, sizeof op, "%.*s", (int)name.n, name.s);
    ig_node *node = ig_build_node(&s->build, NULL, op, args, n, n_out);
    if (attrs && node) {
        parser inner = {.s = s, .text = attrs, .p = attrs};
        attributes(&inner);
    }
    finish_node(s, node);
    *value = s->status == IG_OK ? node->out[0] : NULL;
    return node;
}

static ig_value *primary(parser *w) {
    int64_t list[MAX_LIST];
    skip_space(w);
    if (take(w, '(')) {
        ig_value *v = expression(w);
        expect(w, ')');
        return v;
    }
    if (take(w, '[')) {
        size_t n = int_list(w, list);
        return vector(w->s, list, n);
    }
    if (take(w, '@')) return attribute_value(w);
    if (!isalpha((unsigned char)*w->p) && *w->p != '_') return number_value(w);
    ig_str word = take_word(w);
    if (ig_str_is(word, "_")) return NULL;
    skip_space(w);
    ig_value *value = NULL;
    if (*w->p == '(' || *w->p == '<')
        call_node(w, word, 1, &value);
    else if (!find(w->s, word, &value))
        fail_text(w, "an unknown name");
    return value;
}

static ig_value *unary(parser *w) {
    if (take(w, '-')) {
        ig_value *v = unary(w);
        return CALL(w->s, "Neg", v);
    }
    return primary(w);
}

static ig_value *product(parser *w) {
    ig_value *v = unary(w);
    for (;;) {
        const char *op = take(w, '*') ? "Mul" : take(w, '/') ? "Div" : NULL;
        if (!op) return v;
        ig_value *right = unary(w);
        v = CALL(w->s, op, v, right);
    }
}

static ig_value *expression(parser *w) {
    if (w->depth >= MAX_DEPTH || w->s->status != IG_OK) {
        fail_text(w, "too deep an expression");
        return NULL;
    }
    w->depth++;
    ig_value *v = product(w);
    for (;;) {
        const char *op = take(w, '+') ? "Add" : take(w, '-') ? "Sub" : NULL;
        if (!op) break;
        ig_value *right = product(w);
        v = CALL(w->s, op, v, right);
    }
    w->depth--;
    return v;
}

/* ----------------------------------------------------------------------------------------------------------- statements */

/* d<k> is a result that may not be wanted. */
static bool is_unwanted(const ig_sketch *s, ig_str name) {
    int64_t k;
    if (!s->wanted || name.n < 2 || name.s[0] != 'd' || !ig_str_to_i64((ig_str){name.s + 1, name.n - 1}, &k)) return false;
    return k < 0 || (uint64_t)k >= s->n_wanted || !s->wanted[k];
}

/* Names live as long as the sketch. */
static void assign(parser *w, ig_str name, ig_value *value) {
    bool ok = true;
    ig_str copy = ig_arena_str(&w->s->arena, name, &ok);
    if (!ok) fail_memory(w->s);
    bind(w->s, copy, value);
}

static void statement(parser *w) {
    ig_str names[MAX_ARGS];
    size_t n = 0;
    do {
        if (n == MAX_ARGS) fail_text(w, "too many results");
        names[n < MAX_ARGS ? n : 0] = take_word(w);
        n++;
    } while (take(w, ',') && w->s->status == IG_OK);
    expect(w, '=');
    if (w->s->status != IG_OK) return;
    if (n == 1 && is_unwanted(w->s, names[0])) {
        while (*w->p && *w->p != ';') w->p++;
        return;
    }
    if (n == 1) {
        ig_value *value = expression(w);
        assign(w, names[0], value);
        return;
    }
    ig_value *first;
    ig_node *node = call_node(w, take_word(w), n, &first);
    for (size_t i = 0; i < n && w->s->status == IG_OK; i++) assign(w, names[i], ig_build_out(node, (uint32_t)i));
}

static char *formatted(ig_sketch *s, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n < 0 ? NULL : IG_NEW_ARRAY(&s->arena, char, (size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    else
        fail_memory(s);
    va_end(again);
    return text;
}

ig_status ig_sketch_run(ig_sketch *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = formatted(s, format, args);
    va_end(args);
    parser w = {.s = s, .text = text, .p = text};
    while (s->status == IG_OK) {
        skip_space(&w);
        if (!*w.p) break;
        statement(&w);
        skip_space(&w);
        if (*w.p) expect(&w, ';');
    }
    return s->status;
}

ig_value *ig_sketch_value(ig_sketch *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = formatted(s, format, args);
    va_end(args);
    if (s->status != IG_OK) return NULL;
    parser w = {.s = s, .text = text, .p = text};
    ig_value *value = expression(&w);
    skip_space(&w);
    if (*w.p) fail_text(&w, "more than an expression");
    return s->status == IG_OK ? value : NULL;
}
