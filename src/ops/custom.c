#include "ops/custom.h"

#include "base/platform.h"

#include <stdarg.h>
#include <stdio.h>

/* What is made of one registration: a schema that allows everything, and an entry whose functions call the user's. */
typedef struct custom {
    ig_schema schema; /* first: node->schema leads here */
    ig_op entry;
    ig_custom_op op;
    ig_formal in[2], out[2];
    int until;
    struct custom *next;
} custom;

typedef struct library {
    void *handle;
    struct library *next;
} library;

typedef struct ig_custom_ops {
    ig_arena arena;
    custom *ops; /* newest first */
    library *libraries;
} ig_custom_ops;

/* Every type there is. */
static const ig_type_set any_type = {
    .name = "any",
    .tensor = UINT32_MAX,
    .sparse = UINT32_MAX,
    .sequence = UINT32_MAX,
    .optional = UINT32_MAX,
    .optional_sequence = UINT32_MAX,
    .others = "map(int64,string) map(int64,int64) map(int64,float) map(int64,double) map(string,string) map(string,int64) "
              "map(string,float) map(string,double) seq(map(int64,string)) seq(map(int64,int64)) seq(map(int64,float)) "
              "seq(map(int64,double)) seq(map(string,string)) seq(map(string,int64)) seq(map(string,float)) "
              "seq(map(string,double))"};

bool ig_schema_is_custom(const ig_schema *schema) {
    uintptr_t at = (uintptr_t)schema, first = (uintptr_t)ig_schemas;
    return schema && (at < first || at >= (uintptr_t)(ig_schemas + ig_schema_count));
}

static const custom *custom_of(const ig_schema *schema) { return (const custom *)(const void *)schema; }

const ig_op *ig_custom_entry(const ig_schema *schema) { return &custom_of(schema)->entry; }

const ig_schema *ig_custom_find(const ig_context *context, const char *domain, const char *name, int64_t opset) {
    if (opset < 1) opset = 1; /* a domain that the file does not import */
    for (const custom *c = context->ops ? context->ops->ops : NULL; c; c = c->next) {
        bool covers = opset >= c->schema.since && (c->until == 0 || opset <= c->until);
        if (covers && strcmp(c->schema.name, name) == 0 && strcmp(c->schema.domain, domain) == 0) return &c->schema;
    }
    return NULL;
}

/* --------------------------------------------------------------------------------------------------- from igata to the user */

typedef struct state {
    const custom *c;
    void *user_state;
} state;

static ig_status infer(ig_infer *c) {
    const custom *k = custom_of(c->node->schema);
    return k->op.infer ? k->op.infer((ig_custom_types *)(void *)c, k->op.user, c->err) : IG_OK;
}

static ig_status prepare(ig_prepare *p) {
    const custom *k = custom_of(p->node->schema);
    state *s = p->state = ig_calloc(p->context, sizeof *s);
    if (!s) return ig_oom(p->err);
    s->c = k;
    if (!k->op.prepare) return IG_OK;
    return k->op.prepare((const ig_custom_node *)(const void *)p->node, &s->user_state, k->op.user, p->err);
}

static void release(ig_context *context, void *made) {
    state *s = made;
    if (s->user_state && s->c->op.release) s->c->op.release(s->user_state, s->c->op.user);
    ig_release(context, s);
}

static ig_status run(ig_call *c) {
    const state *s = c->state;
    const custom *k = s->c;
    IG_TRY(k->op.run((ig_custom_call *)(void *)c, s->user_state, k->op.user, c->err));
    for (size_t o = 0; o < c->n_out; o++)
        if (c->wanted[o] && !c->out[o]) return ig_fail(c->err, IG_E_INTERNAL, "the operator's own code made no output %zu", o);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------- registration */

static void free_ops(ig_context *context) {
    ig_custom_ops *ops = context->ops;
    for (custom *c = ops->ops; c; c = c->next)
        if (c->op.free_user) c->op.free_user(c->op.user);
    for (library *l = ops->libraries; l; l = l->next) ig_platform_unload(l->handle);
    ig_arena_free(&ops->arena);
    ig_release(context, ops);
    context->ops = NULL;
}

static ig_custom_ops *ops_of(ig_context *context) {
    if (context->ops) return context->ops;
    ig_custom_ops *ops = ig_calloc(context, sizeof *ops);
    if (!ops) return NULL;
    ig_arena_init(&ops->arena, context);
    context->ops = ops;
    context->free_ops = free_ops;
    return ops;
}

static uint16_t bound(size_t n) { return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n; }

static ig_status check_op(const ig_custom_op *op, ig_error *err) {
    if (!op->domain || !op->name || !op->name[0]) return ig_fail(err, IG_E_ARGUMENT, "an operator needs a domain and a name");
    if (!op->run) return ig_fail(err, IG_E_ARGUMENT, "operator '%.80s' has no function run", op->name);
    if ((op->max_inputs && op->max_inputs < op->min_inputs) || (op->max_outputs && op->max_outputs < op->min_outputs))
        return ig_fail(err, IG_E_ARGUMENT, "operator '%.80s' takes fewer values at most than at least", op->name);
    return IG_OK;
}

static void fill_schema(custom *c) {
    const ig_custom_op *op = &c->op;
    static const char *const names[2] = {"input", "output"};
    for (int k = 0; k < 2; k++)
        *(k ? c->out : c->in) = (ig_formal){.name = names[k], .option = IG_VARIADIC, .homogeneous = false};
    size_t least = op->min_outputs ? op->min_outputs : 1;
    c->schema = (ig_schema){.domain = op->domain,
                            .name = op->name,
                            .since = op->since > 0 ? op->since : 1,
                            .min_in = bound(op->min_inputs),
                            .max_in = bound(op->max_inputs ? op->max_inputs : op->min_inputs),
                            .min_out = bound(least),
                            .max_out = bound(op->max_outputs ? op->max_outputs : least),
                            .n_in = 1,
                            .n_out = 1,
                            .n_types = 1,
                            .in = c->in,
                            .out = c->out,
                            .types = &any_type};
    c->until = op->until;
    c->entry = (ig_op){.domain = op->domain,
                       .name = op->name,
                       .since = c->schema.since,
                       .flags = op->varies ? IG_OP_RANDOM : 0,
                       .infer = infer,
                       .run = run,
                       .prepare = prepare,
                       .release = release};
}

ig_status ig_context_add_op(ig_context *context, const ig_custom_op *op, ig_error *err) {
    ig_custom_ops *ops = ops_of(context);
    custom *c = ops ? IG_NEW(&ops->arena, custom) : NULL;
    bool ok = true;
    if (!c) return ig_oom(err);
    memcpy(&c->op, op, ig_min_size(sizeof *op, op->struct_size));
    IG_TRY(check_op(&c->op, err));
    const char *domain = ig_domain_canonical(c->op.domain);
    c->op.domain = domain[0] ? ig_arena_str(&ops->arena, ig_str_c(domain), &ok).s : "";
    c->op.name = ig_arena_str(&ops->arena, ig_str_c(c->op.name), &ok).s;
    if (!ok) return ig_oom(err);
    fill_schema(c);
    c->next = ops->ops;
    ops->ops = c;
    return IG_OK;
}

ig_status ig_context_load_ops(ig_context *context, const char *path, ig_error *err) {
    char problem[512];
    void *function;
    ig_custom_ops *ops = ops_of(context);
    library *l = ops ? IG_NEW(&ops->arena, library) : NULL;
    if (!l) return ig_oom(err);
    l->handle = ig_platform_load(path, IG_OPS_ENTRY, &function, problem, sizeof problem);
    if (!l->handle) {
        ig_fail(err, IG_E_INPUT, "no operators can be loaded: %.400s", problem);
        ig_error_at(err, "%.200s", path);
        ig_error_hint(err, "the file must be a shared library with a function " IG_OPS_ENTRY "; see docs/custom-operators.md");
        return IG_E_INPUT;
    }
    l->next = ops->libraries;
    ops->libraries = l;
    ig_ops_entry entry;
    memcpy(&entry, &function, sizeof entry);
    ig_status status = entry(context, err);
    if (status != IG_OK) ig_error_at(err, "%.200s", path);
    return status;
}

/* ------------------------------------------------------------------------------------------------- from the user to igata */

static const ig_node *node_of(const ig_custom_node *node) { return (const ig_node *)(const void *)node; }
static const ig_infer *infer_of(const ig_custom_types *types) { return (const ig_infer *)(const void *)types; }
static const ig_call *call_of(const ig_custom_call *call) { return (const ig_call *)(const void *)call; }

ig_status ig_custom_fail(ig_error *err, ig_status status, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ig_fail(err, status, "%s", text);
}

const char *ig_custom_node_name(const ig_custom_node *node) { return ig_name_text(node_of(node)->name); }
size_t ig_custom_node_inputs(const ig_custom_node *node) { return node_of(node)->n_in; }
size_t ig_custom_node_outputs(const ig_custom_node *node) { return node_of(node)->n_out; }

static const ig_attr *attribute(const ig_custom_node *node, const char *name, ig_attr_kind kind) {
    const ig_attr *a = ig_attr_find(node_of(node), name);
    return a && a->kind == kind && !a->ref ? a : NULL;
}

bool ig_custom_attr_int(const ig_custom_node *node, const char *name, int64_t *value) {
    const ig_attr *a = attribute(node, name, IG_ATTR_INT);
    if (a) *value = a->i;
    return a != NULL;
}

bool ig_custom_attr_float(const ig_custom_node *node, const char *name, float *value) {
    const ig_attr *a = attribute(node, name, IG_ATTR_FLOAT);
    if (a) *value = a->f;
    return a != NULL;
}

bool ig_custom_attr_str(const ig_custom_node *node, const char *name, ig_str *value) {
    const ig_attr *a = attribute(node, name, IG_ATTR_STRING);
    if (a) *value = a->s;
    return a != NULL;
}

bool ig_custom_attr_ints(const ig_custom_node *node, const char *name, const int64_t **values, size_t *n) {
    const ig_attr *a = attribute(node, name, IG_ATTR_INTS);
    if (a) *values = a->ints;
    if (a) *n = a->n;
    return a != NULL;
}

bool ig_custom_attr_floats(const ig_custom_node *node, const char *name, const float **values, size_t *n) {
    const ig_attr *a = attribute(node, name, IG_ATTR_FLOATS);
    if (a) *values = a->floats;
    if (a) *n = a->n;
    return a != NULL;
}

bool ig_custom_attr_strs(const ig_custom_node *node, const char *name, const ig_str **values, size_t *n) {
    const ig_attr *a = attribute(node, name, IG_ATTR_STRINGS);
    if (a) *values = a->strings;
    if (a) *n = a->n;
    return a != NULL;
}

bool ig_custom_attr_tensor(const ig_custom_node *node, const char *name, const ig_tensor **value) {
    const ig_attr *a = attribute(node, name, IG_ATTR_TENSOR);
    ig_tensor *t;
    if (!a || ig_const_tensor(node_of(node)->graph->model, (ig_const *)a->t, &t, NULL) != IG_OK) return false;
    *value = t;
    return true;
}

const ig_custom_node *ig_custom_types_node(const ig_custom_types *types) {
    return (const ig_custom_node *)(const void *)infer_of(types)->node;
}

bool ig_custom_types_input(const ig_custom_types *types, size_t i, ig_dtype *dtype, int *rank, int64_t *dims) {
    const ig_infer *c = infer_of(types);
    const ig_type *t = i < c->n_in ? c->in[i] : NULL;
    if (!t || t->kind != IG_KIND_TENSOR) return false;
    ig_shape shape = ig_type_shape(t);
    *dtype = t->dtype;
    *rank = shape.rank;
    for (int k = 0; k < shape.rank; k++) dims[k] = ig_dim_known(shape.dims[k]) ? shape.dims[k].value : -1;
    return true;
}

const ig_tensor *ig_custom_types_content(const ig_custom_types *types, size_t i) {
    const ig_infer *c = infer_of(types);
    return c->data && i < c->n_in ? c->data[i] : NULL;
}

ig_status ig_custom_types_set(ig_custom_types *types, size_t o, ig_dtype dtype, int rank, const int64_t *dims, ig_error *err) {
    ig_shape shape = {.rank = rank};
    if (rank > IG_MAX_RANK) return ig_fail(err, IG_E_ARGUMENT, "rank %d is more than %d", rank, IG_MAX_RANK);
    for (int i = 0; i < rank; i++) shape.dims[i] = dims[i] < 0 ? ig_dim_unknown() : ig_dim_of(dims[i]);
    return ig_infer_set((ig_infer *)(void *)types, o, dtype, rank < 0 ? NULL : &shape);
}

ig_status ig_custom_types_same(ig_custom_types *types, size_t o, size_t i, ig_error *err) {
    ig_infer *c = (ig_infer *)(void *)types;
    if (i >= c->n_in) return ig_fail(err, IG_E_ARGUMENT, "the node has no input %zu", i);
    return ig_infer_set_type(c, o, c->in[i]);
}

const ig_custom_node *ig_custom_call_node(const ig_custom_call *call) {
    return (const ig_custom_node *)(const void *)call_of(call)->node;
}

ig_context *ig_custom_call_context(ig_custom_call *call) { return call_of(call)->context; }

const ig_tensor *ig_custom_call_input(const ig_custom_call *call, size_t i) {
    return i < call_of(call)->n_in ? call_of(call)->in[i] : NULL;
}

bool ig_custom_call_wanted(const ig_custom_call *call, size_t o) {
    return o < call_of(call)->n_out && call_of(call)->wanted[o];
}

ig_status ig_custom_call_output(ig_tensor **tensor, ig_custom_call *call, size_t o, ig_dtype dtype, int rank,
                                const int64_t *dims, ig_error *err) {
    ig_call *c = (ig_call *)(void *)call;
    *tensor = NULL;
    if (o >= c->n_out) return ig_fail(err, IG_E_ARGUMENT, "the node has no output %zu", o);
    IG_TRY(ig_call_output(c, o, dtype, rank, dims));
    *tensor = c->out[o];
    return IG_OK;
}

ig_status ig_custom_call_set(ig_custom_call *call, size_t o, ig_tensor *value, ig_error *err) {
    IG_UNUSED(err);
    return ig_call_set((ig_call *)(void *)call, o, value);
}

void *ig_custom_call_scratch(ig_custom_call *call, size_t bytes) { return ig_call_scratch((ig_call *)(void *)call, bytes); }

void ig_custom_call_parallel(ig_custom_call *call, size_t n, size_t grain, void (*work)(void *arg, size_t begin, size_t end),
                             void *arg) {
    ig_parallel(call_of(call)->threads, n, grain, work, arg);
}
