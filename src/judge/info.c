/* What a model is, and its weights. Nothing here reads the content of a weight. */
#include "formats/format.h"
#include "formats/lower.h"
#include "infer/infer.h"
#include "infer/work.h"
#include "ops/expand/expand.h"
#include "ops/op.h"
#include "passes/passes.h"

#include <stdio.h>
#include <stdlib.h>

/* The public struct with the memory that its texts and arrays live in. */
typedef struct facts {
    ig_info info; /* first: it is what the caller holds */
    ig_context *context;
    ig_arena arena;
} facts;

typedef struct op_count {
    const char *domain;
    ig_name op;
    uint64_t count;
    bool supported;
    struct op_count *next; /* other domains' operators of this name */
} op_count;

typedef struct counting {
    facts *facts;
    ig_map seen; /* op name -> op_count */
    IG_VEC(op_count *) ops;
    ig_error *err;
} counting;

static const char *text(facts *f, ig_str s) {
    bool ok = true;
    return s.n ? ig_arena_str(&f->arena, s, &ok).s : "";
}

/* ----------------------------------------------------------------------------------------------------------- operators */

/* Can igata run the node, with a kernel or by taking it apart first? A function runs when its body does; the depth bounds
 * functions that call each other. */
static bool is_supported(const ig_node *node, int depth) {
    if (!node->function) {
        if (node->op && ig_lower_rule_find(ig_node_domain(node), node->op)) return true;
        const ig_op *op = ig_op_of(node);
        return (op && op->run) || ig_expansion_of(node) || ig_node_is(node, "ai.onnx.preview.training", "Gradient");
    }
    for (const ig_node *n = node->function->body->first; n && depth > 0; n = n->next)
        if (!is_supported(n, depth - 1)) return false;
    return depth > 0;
}

static ig_status count_node(counting *c, const ig_node *node) {
    ig_info *info = &c->facts->info;
    const char *domain = ig_node_domain(node);
    ig_name op = node->op ? node->op : "";
    bool supported = is_supported(node, 8);
    info->n_nodes++;
    info->unsupported_nodes += !supported;
    op_count *first = node->op ? ig_map_get(&c->seen, IG_KEY(node->op)) : NULL, *o = first;
    while (o && (strcmp(o->domain, domain) != 0 || o->supported != supported)) o = o->next;
    if (!o) {
        o = IG_NEW(&c->facts->arena, op_count);
        if (!o) return ig_oom(c->err);
        *o = (op_count){.domain = domain, .op = op, .supported = supported, .next = first};
        if ((node->op && !ig_map_set(&c->seen, IG_KEY(node->op), o)) || !IG_PUSH(&c->facts->arena, &c->ops, o))
            return ig_oom(c->err);
    }
    o->count++;
    return IG_OK;
}

static void count_constant(ig_info *info, const ig_const *k) {
    info->n_initializers++;
    uint64_t count = k->count > 0 ? (uint64_t)k->count : 0;
    info->parameters += count;
    info->weight_bytes += k->bytes;
    if (!ig_dtype_valid(k->dtype)) return;
    info->bytes_of[k->dtype] += k->bytes;
    info->parameters_of[k->dtype] += count;
}

static ig_status count_graph(ig_graph *g, void *user) {
    counting *c = user;
    for (const ig_node *n = g->first; n; n = n->next) IG_TRY(count_node(c, n));
    for (size_t i = 0; i < g->initializers.n; i++)
        if (g->initializers.items[i]->constant) count_constant(&c->facts->info, g->initializers.items[i]->constant);
    return IG_OK;
}

static int most_frequent_first(const void *a, const void *b) {
    const ig_op_facts *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    int order = strcmp(x->domain, y->domain);
    return order ? order : strcmp(x->op, y->op);
}

static ig_status count_all(facts *f, ig_model *m, ig_error *err) {
    counting c = {.facts = f, .err = err};
    ig_map_init(&c.seen, &f->arena);
    IG_TRY(ig_graph_each(m->graph, count_graph, &c));
    for (size_t i = 0; i < m->functions.n; i++) IG_TRY(ig_graph_each(m->functions.items[i]->body, count_graph, &c));
    ig_op_facts *ops = IG_NEW_ARRAY(&f->arena, ig_op_facts, c.ops.n);
    if (!ops) return ig_oom(err);
    for (size_t i = 0; i < c.ops.n; i++) {
        const op_count *o = c.ops.items[i];
        ops[i] = (ig_op_facts){text(f, ig_str_c(o->domain)), text(f, ig_str_c(o->op)), o->count, o->supported};
        if (!ops[i].domain || !ops[i].op) return ig_oom(err);
    }
    qsort(ops, c.ops.n, sizeof *ops, most_frequent_first);
    f->info.ops = ops;
    f->info.n_ops = c.ops.n;
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- work */

/* Sizes of inputs that the model leaves free become 1: named ones through `dims`, for all declared types; those without a name
 * in the input's type. */
static bool fix_inputs(ig_model *m, ig_dim_value **dims, size_t *n) {
    IG_VEC(ig_dim_value) named = {0};
    for (size_t i = 0; i < m->graph->inputs.n; i++) {
        ig_value *v = m->graph->inputs.items[i].value;
        const ig_type *type = v ? v->type : NULL;
        if (!type || type->kind != IG_KIND_TENSOR || ig_type_static(type) || type->rank < 0) continue;
        ig_shape shape = ig_type_shape(type);
        for (int k = 0; k < shape.rank; k++) {
            if (ig_dim_known(shape.dims[k])) continue;
            bool ok = true;
            ig_str name = ig_arena_str(&m->arena, ig_dim_name(shape.dims[k]), &ok);
            if (!ok || !IG_PUSH(&m->arena, &named, ((ig_dim_value){name.s ? name.s : "", 1}))) return false;
            if (!name.s) shape.dims[k] = ig_dim_of(1);
        }
        v->type = ig_type_tensor(&m->arena, type->dtype, &shape);
        m->graph->inputs.items[i].type = v->type;
        if (!v->type) return false;
    }
    *dims = named.items;
    *n = named.n;
    return true;
}

typedef struct sizing {
    uint64_t multiply_adds;
    bool known;
    ig_arena *arena;
} sizing;

static ig_status add_work(ig_graph *g, void *user) {
    sizing *s = user;
    for (const ig_node *n = g->first; n; n = n->next) {
        if (!ig_node_has_work(n)) continue;
        const ig_type **types = IG_NEW_ARRAY(s->arena, const ig_type *, (size_t)n->n_in + n->n_out);
        if (!types) return IG_E_MEMORY;
        for (uint32_t i = 0; i < n->n_in; i++) types[i] = n->in[i] ? n->in[i]->type : NULL;
        for (uint32_t i = 0; i < n->n_out; i++) types[n->n_in + i] = n->out[i] ? n->out[i]->type : NULL;
        uint64_t work = ig_node_multiply_adds(n, types, n->n_in, types + n->n_in, n->n_out);
        bool sized = n->n_out && types[n->n_in] && ig_type_static(types[n->n_in]);
        if (!sized && work == 0) s->known = false;
        if (__builtin_add_overflow(s->multiply_adds, work, &s->multiply_adds)) s->multiply_adds = UINT64_MAX;
    }
    return IG_OK;
}

static uint64_t bytes_of(const ig_value *v, bool *known) {
    int64_t count;
    size_t bytes;
    int64_t dims[IG_MAX_RANK];
    if (v->constant) return 0;
    if (!ig_type_static(v->type)) {
        *known = false;
        return 0;
    }
    for (int i = 0; i < v->type->rank; i++) dims[i] = v->type->dims[i].value;
    if (!ig_dtype_valid(v->type->dtype) || !ig_dims_count(v->type->rank, dims, &count) ||
        !ig_dtype_size(v->type->dtype, count, &bytes)) {
        *known = false;
        return 0;
    }
    return bytes;
}

/* The most that values of the main graph take at once when each lives from its node to its last reader. Subgraphs count with
 * the node that holds them. */
static uint64_t peak_activations(ig_graph *g, bool *known) {
    uint64_t now = 0, peak = 0;
    uint32_t step = 1;
    for (ig_node *n = g->first; n; n = n->next) n->mark = step++;
    for (size_t i = 0; i < g->inputs.n; i++) now += g->inputs.items[i].value ? bytes_of(g->inputs.items[i].value, known) : 0;
    for (ig_node *n = g->first; n; n = n->next) {
        for (uint32_t i = 0; i < n->n_out; i++) now += n->out[i] ? bytes_of(n->out[i], known) : 0;
        if (now > peak) peak = now;
        for (uint32_t i = 0; i < n->n_in + n->n_out; i++) {
            const ig_value *v = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
            if (!v || v->graph != g) continue;
            bool done = true, repeated = false;
            for (uint32_t k = 0; k < i; k++) repeated |= (k < n->n_in ? n->in[k] : n->out[k - n->n_in]) == v;
            for (const ig_use *u = v->uses; u && done && !repeated; u = u->next) {
                const ig_node *reader = u->node;
                while (reader && reader->graph != g) reader = reader->graph->owner;
                done = reader && reader->mark <= n->mark; /* no reader: an output of the graph */
            }
            if (done && !repeated) now -= bytes_of(v, known);
        }
    }
    return peak;
}

/* Works on a copy, in which sizes may be fixed and functions put in place. What it can't find out stays unknown. */
static ig_status find_work(facts *f, ig_model *model, ig_error *err) {
    ig_model *m;
    ig_info *info = &f->info;
    IG_TRY(ig_model_clone(&m, model, err));
    ig_model_resolve(m);
    sizing s = {.known = true, .arena = &m->arena};
    ig_dim_value *dims = NULL;
    size_t n_dims = 0;
    ig_status status = ig_model_lower(m, err);
    if (status == IG_OK && m->functions.n) status = ig_pass_run(ig_pass_find("inline-functions"), m, NULL, err);
    if (status == IG_OK && !fix_inputs(m, &dims, &n_dims)) status = ig_oom(err);
    if (status == IG_OK) status = ig_graph_sort(m->graph, err);
    const ig_infer_options options = {.fixed_defaults = true, .tolerant = true, .dims = dims, .n_dims = n_dims};
    if (status == IG_OK) status = ig_model_infer(m, &options, err);
    if (status == IG_OK) status = ig_graph_each(m->graph, add_work, &s);
    if (status == IG_OK) info->activation_bytes = peak_activations(m->graph, &s.known);
    if (status == IG_OK && s.known) {
        info->work_known = true;
        info->work_assumed = n_dims > 0;
        info->multiply_adds = s.multiply_adds;
    } else
        info->activation_bytes = 0;
    ig_model_free(m);
    if (status == IG_E_MEMORY) return ig_oom(err);
    return IG_OK; /* a graph that can't be inferred still has facts */
}

/* --------------------------------------------------------------------------------------------------------------- facts */

static ig_status describe_values(facts *f, const ig_value_info *values, size_t n, const ig_value_facts **out, ig_error *err) {
    ig_value_facts *list = IG_NEW_ARRAY(&f->arena, ig_value_facts, n);
    if (!list) return ig_oom(err);
    for (size_t i = 0; i < n; i++) {
        char type[512];
        size_t length = ig_type_text(values[i].type, type, sizeof type);
        list[i].name = text(f, ig_name_str(values[i].name));
        list[i].type = text(f, (ig_str){type, length});
        list[i].has_default = values[i].value && values[i].value->constant;
        if (!list[i].name || !list[i].type) return ig_oom(err);
    }
    *out = list;
    return IG_OK;
}

static ig_status describe(facts *f, ig_model *m, ig_error *err) {
    ig_info *info = &f->info;
    char title[128];
    const char *name = m->format ? m->format->title : "a model made in memory";
    int n = m->ir_version ? snprintf(title, sizeof title, "%s IR %lld", name, (long long)m->ir_version)
                          : snprintf(title, sizeof title, "%s", name);
    info->format = m->format ? m->format->name : "";
    info->title = text(f, (ig_str){title, n > 0 ? (size_t)n : 0});
    info->producer = text(f, m->producer_name);
    info->producer_version = text(f, m->producer_version);
    info->domain = text(f, m->domain);
    info->doc = text(f, m->doc);
    info->graph_name = text(f, ig_name_str(m->graph->name));
    info->ir_version = m->ir_version;
    info->model_version = m->model_version;
    info->file_bytes = m->file_size;
    info->n_functions = m->functions.n;
    info->n_inputs = m->graph->inputs.n;
    info->n_outputs = m->graph->outputs.n;
    info->n_opsets = m->opsets.n;
    info->n_metadata = m->props.n;
    IG_TRY(describe_values(f, m->graph->inputs.items, info->n_inputs, &info->inputs, err));
    IG_TRY(describe_values(f, m->graph->outputs.items, info->n_outputs, &info->outputs, err));
    struct ig_opset_facts *opsets = IG_NEW_ARRAY(&f->arena, struct ig_opset_facts, info->n_opsets);
    ig_pair *metadata = IG_NEW_ARRAY(&f->arena, ig_pair, info->n_metadata);
    if (!opsets || !metadata) return ig_oom(err);
    for (size_t i = 0; i < info->n_opsets; i++)
        opsets[i] = (struct ig_opset_facts){text(f, ig_name_str(m->opsets.items[i].domain)), m->opsets.items[i].version};
    for (size_t i = 0; i < info->n_metadata; i++)
        metadata[i] = (ig_pair){text(f, m->props.items[i].key), text(f, m->props.items[i].value)};
    info->opsets = opsets;
    info->metadata = metadata;
    return IG_OK;
}

ig_status ig_model_info(const ig_info **out, ig_model *model, ig_error *err) {
    *out = NULL;
    facts *f = ig_calloc(model->context, sizeof *f);
    if (!f) return ig_oom(err);
    f->context = ig_context_retain(model->context);
    ig_arena_init(&f->arena, f->context);
    ig_model_resolve(model);
    ig_status status = describe(f, model, err);
    if (status == IG_OK) status = count_all(f, model, err);
    if (status == IG_OK) status = find_work(f, model, err);
    if (status == IG_OK)
        *out = &f->info;
    else
        ig_info_free(&f->info);
    return status;
}

void ig_info_free(const ig_info *info) {
    if (!info) return;
    facts *f = (facts *)(uintptr_t)info;
    ig_context *context = f->context;
    ig_arena_free(&f->arena);
    ig_release(context, f);
    ig_context_free(context);
}

/* ------------------------------------------------------------------------------------------------------------- weights */

/* Initializers of the main graph, then those of graphs in it and of functions. */
typedef struct search {
    size_t left; /* to pass over */
    ig_const *found;
    size_t total;
} search;

static ig_status search_graph(ig_graph *g, void *user) {
    search *s = user;
    s->total += g->initializers.n;
    if (s->left < g->initializers.n) {
        s->found = g->initializers.items[s->left]->constant;
        return IG_NO;
    }
    s->left -= g->initializers.n;
    return IG_OK;
}

static search search_weight(ig_model *model, size_t i) {
    search s = {.left = i};
    ig_status status = ig_graph_each(model->graph, search_graph, &s);
    for (size_t k = 0; k < model->functions.n && status == IG_OK; k++)
        status = ig_graph_each(model->functions.items[k]->body, search_graph, &s);
    return s;
}

size_t ig_model_weight_count(ig_model *model) { return search_weight(model, SIZE_MAX).total; }

ig_weight_facts ig_model_weight_at(ig_model *model, size_t i) {
    const ig_const *c = search_weight(model, i).found;
    if (!c) return (ig_weight_facts){.name = ""};
    return (ig_weight_facts){ig_name_text(c->name), c->dtype, c->rank, c->dims, c->bytes};
}

ig_status ig_model_weight(ig_tensor **out, ig_model *model, size_t i, ig_error *err) {
    *out = NULL;
    ig_const *c = search_weight(model, i).found;
    if (!c) return ig_fail(err, IG_E_ARGUMENT, "the model has no weight number %zu", i);
    ig_tensor *t;
    ig_status status = ig_const_tensor(model, c, &t, err);
    if (status == IG_OK)
        *out = ig_tensor_clone(t);
    else
        ig_error_at(err, "weight '%.80s'", ig_name_text(c->name));
    return status;
}
