/* Configs to graphs: a node for every call of a layer, an input for every input layer. */
#include "formats/keras/keras.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct decoding {
    ig_keras_reader *r;
    ig_keras_walk walk;
    ig_names names; /* of nodes */
    ig_str prefix;  /* "model/inner/" inside models */
    ig_str owner;   /* the outermost model's name inside models */
} decoding;

ig_status ig_keras_reader_init(ig_keras_reader *r, ig_model *model, ig_error *err) {
    *r = (ig_keras_reader){.model = model, .err = err, .version = 3};
    ig_arena_init(&r->arena, model->context);
    return IG_OK;
}

void ig_keras_reader_free(ig_keras_reader *r) {
    ig_zip_free(r->zip);
    ig_arena_free(&r->arena);
}

int ig_keras_major(ig_str version) {
    if (ig_str_starts(version, "tfjs")) return 2; /* the layers of TensorFlow.js are those of Keras 2 */
    return version.n && version.s[0] >= '1' && version.s[0] <= '3' ? version.s[0] - '0' : 2;
}

/* --------------------------------------------------------------------------------------------------------------- inputs */

static const ig_type *input_type(decoding *d, const ig_json *layer) {
    const ig_json *config = ig_json_get(layer, "config"), *dims = ig_json_get(config, "batch_shape");
    if (!dims) dims = ig_json_get(config, "batch_input_shape");
    if (!dims) dims = ig_json_get(ig_json_get(layer, "build_config"), "input_shape");
    if (!dims) dims = ig_json_get(config, "build_input_shape");
    const ig_json *first = ig_json_at(ig_json_get(config, "layers"), 0);
    if (!first && ig_json_is_kind(config, IG_JSON_LIST)) first = ig_json_at(config, 0); /* bare lists of Keras 2.1 */
    if (!dims && first) {
        const ig_json *its = ig_json_get(first, "config");
        dims = ig_json_get(its, "batch_input_shape");
        if (!dims) dims = ig_json_get(ig_json_get(first, "build_config"), "input_shape");
        config = its;
    }
    const ig_json *dtype = ig_json_get(config, "dtype");
    if (ig_json_is_kind(dtype, IG_JSON_OBJECT)) dtype = NULL; /* a policy of a model: its inputs are floats */
    ig_dtype type = ig_keras_dtype(ig_json_text(dtype));
    if (!type) type = IG_F32; /* a policy's name: "mixed_float16" */
    ig_shape shape = {.rank = IG_UNRANKED};
    if (ig_json_is_kind(dims, IG_JSON_LIST) && dims->n <= IG_MAX_RANK) {
        shape.rank = (int)dims->n;
        for (int i = 0; i < shape.rank; i++) {
            int64_t size = ig_json_int(&dims->items[i], -1);
            shape.dims[i] = size < 0 ? ig_dim_unknown() : ig_dim_of(size);
        }
    }
    return ig_type_tensor(&d->r->model->arena, type, &shape);
}

static ig_status visit_input(decoding *d, const ig_keras_site *s) {
    ig_model *m = d->r->model;
    bool ok = true;
    if (s->n_in) {
        s->out[0] = s->in[0];
        return IG_OK;
    }
    if (d->prefix.n) return ig_fail(d->r->err, IG_E_INPUT, "a model inside the model is called without a tensor");
    const ig_type *type = input_type(d, s->layer);
    ig_name name = ig_model_intern(m, s->name, &ok);
    if (!type || !ok) return ig_oom(d->r->err);
    if (!name || ig_graph_find(m->graph, name)) name = NULL;
    ig_value *v = ig_value_new(m->graph, name, type);
    if (!v || !ig_graph_add_input(m->graph, v)) return ig_oom(d->r->err);
    s->out[0] = v;
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- nodes */

static bool is_keras_module(ig_str module) {
    return !module.s || ig_str_is(module, "keras") || ig_str_starts(module, "keras.") || ig_str_starts(module, "tf_keras") ||
           ig_str_starts(module, "tensorflow.keras") || ig_str_starts(module, "tensorflow.python.keras") ||
           ig_str_starts(module, "builtins");
}

/* The operator: the class; "ops.Add" for operations, "tf.nn.relu" for functions of TensorFlow, and for classes that aren't
 * Keras's the name under which they are registered. */
static const char *operator_of(decoding *d, const ig_json *layer) {
    ig_arena *arena = &d->r->arena;
    ig_str class_name = ig_json_text(ig_json_get(layer, "class_name")), module = ig_json_text(ig_json_get(layer, "module")),
           registered = ig_json_text(ig_json_get(layer, "registered_name")),
           function = ig_json_text(ig_json_get(ig_json_get(layer, "config"), "function"));
    int n = (int)class_name.n;
    if (ig_keras_is_operation(layer)) return ig_arena_printf(arena, "ops.%.*s", n, class_name.s);
    if (function.s && (ig_str_is(class_name, "TFOpLambda") || ig_str_is(class_name, "SlicingOpLambda")))
        return ig_arena_printf(arena, "tf.%.*s", (int)function.n, function.s);
    if (is_keras_module(module)) return ig_arena_printf(arena, "%.*s", n, class_name.s);
    if (registered.s) return ig_arena_printf(arena, "%.*s", (int)registered.n, registered.s);
    return ig_arena_printf(arena, "%.*s.%.*s", (int)module.n, module.s, n, class_name.s);
}

static bool put_attributes(decoding *d, ig_node *node, const ig_keras_site *s) {
    const ig_json *module = ig_json_get(s->layer, "module"), *registered = ig_json_get(s->layer, "registered_name");
    if (!ig_keras_put_config(node, ig_json_get(s->layer, "config"))) return false;
    if (!ig_attr_put_int(node, "@inputs", (int64_t)s->n_in) || !ig_keras_put_text(node, "@call", s->call)) return false;
    if (!is_keras_module(ig_json_text(module)) && !ig_keras_put_text(node, "@module", ig_json_text(module))) return false;
    IG_UNUSED(d);
    return !registered || ig_keras_put_text(node, "@registered_name", ig_json_text(registered));
}

static ig_name node_name(decoding *d, ig_str name, uint32_t number) {
    bool ok = true;
    const char *text =
        number ? ig_arena_printf(&d->r->arena, "%.*s%.*s_%u", (int)d->prefix.n, d->prefix.s, (int)name.n, name.s, number)
               : ig_arena_printf(&d->r->arena, "%.*s%.*s", (int)d->prefix.n, d->prefix.s, (int)name.n, name.s);
    return text ? ig_model_intern(d->r->model, ig_str_c(text), &ok) : NULL;
}

static ig_status visit_layer(decoding *d, const ig_keras_site *s) {
    ig_model *m = d->r->model;
    if (s->n_in > UINT32_MAX / 2) return ig_fail(d->r->err, IG_E_LIMIT, "a layer has too many inputs");
    const char *op = operator_of(d, s->layer);
    ig_name name = node_name(d, s->name, s->number), op_name = op ? ig_model_name(m, op) : NULL,
            domain = ig_model_name(m, IG_KERAS_DOMAIN);
    if (!name || !op_name || !domain) return ig_oom(d->r->err);
    if (m->n_nodes >= m->context->limits.nodes)
        return ig_fail(d->r->err, IG_E_LIMIT, "the model has more than %llu layers",
                       (unsigned long long)m->context->limits.nodes);
    ig_node *node = ig_node_new(m->graph, op_name, domain, (uint32_t)s->n_in, (uint32_t)s->n_out);
    if (!node) return ig_oom(d->r->err);
    node->name = name;
    for (size_t i = 0; i < s->n_in; i++)
        if (!ig_node_set_input(node, (uint32_t)i, s->in[i])) return ig_oom(d->r->err);
    if (!put_attributes(d, node, s)) return ig_oom(d->r->err);
    for (size_t i = 0; i < s->n_out; i++) {
        const char *text = ig_arena_printf(&d->r->arena, i ? "%s:%zu" : "%s", name, i);
        ig_name wanted = text ? ig_model_name(m, text) : NULL;
        if (!wanted) return ig_oom(d->r->err);
        ig_value *v = ig_value_new(m->graph, ig_graph_find(m->graph, wanted) ? NULL : wanted, NULL);
        if (!v) return ig_oom(d->r->err);
        ig_node_set_output(node, (uint32_t)i, v);
        s->out[i] = v;
    }
    if (ig_keras_is_operation(s->layer)) return IG_OK;
    ig_keras_place place = {.path = s->path, .name = s->name, .owner = d->owner.s ? d->owner : s->name};
    return ig_keras_attach_weights(d->r, node, &place);
}

static ig_status visit_model(decoding *d, const ig_keras_site *s) {
    ig_str prefix = d->prefix, owner = d->owner;
    const char *text =
        s->number ? ig_arena_printf(&d->r->arena, "%.*s%.*s_%u/", (int)prefix.n, prefix.s, (int)s->name.n, s->name.s, s->number)
                  : ig_arena_printf(&d->r->arena, "%.*s%.*s/", (int)prefix.n, prefix.s, (int)s->name.n, s->name.s);
    if (!text) return ig_oom(d->r->err);
    d->prefix = ig_str_c(text);
    if (!owner.s) d->owner = s->name;
    ig_status status = ig_keras_walk_call(&d->walk, s);
    d->prefix = prefix;
    d->owner = owner;
    return status;
}

static ig_status visit(void *user, const ig_keras_site *s) {
    decoding *d = user;
    if (s->is_input) return visit_input(d, s);
    return ig_keras_is_model(s->layer) ? visit_model(d, s) : visit_layer(d, s);
}

/* -------------------------------------------------------------------------------------------------------------- outputs */

/* An output of the graph named as Keras names it, when no other value has the name. */
static ig_status add_output(decoding *d, ig_value *v, ig_str name, size_t n, size_t i) {
    ig_model *m = d->r->model;
    bool ok = true;
    ig_graph *g = m->graph;
    IG_UNUSED(n);
    IG_UNUSED(i);
    ig_name wanted = ig_model_intern(m, name, &ok);
    if (!ok) return ig_oom(d->r->err);
    bool renamed = wanted && v->producer && v->n_uses == 0 && v->name != wanted && !ig_graph_find(g, wanted);
    if (renamed) {
        ig_map_remove(&g->values, IG_KEY(v->name));
        v->name = wanted;
        if (!ig_map_set(&g->values, IG_KEY(wanted), v)) return ig_oom(d->r->err);
    }
    return ig_graph_add_output(g, v) ? IG_OK : ig_oom(d->r->err);
}

/* A model of a class of somebody's own has no graph in its config: one node that says so. */
static ig_status read_opaque(decoding *d, const ig_json *config) {
    ig_str name = ig_json_text(ig_json_get(ig_json_get(config, "config"), "name"));
    ig_value *out[1];
    ig_keras_site site = {.layer = config, .name = name.s ? name : IG_STR("model"), .out = out, .n_out = 1};
    IG_TRY(visit_layer(d, &site));
    IG_TRY(ig_keras_add_all(d->r));
    return ig_graph_add_output(d->r->model->graph, out[0]) ? IG_OK : ig_oom(d->r->err);
}

static ig_status import_keras(ig_keras_reader *r) {
    ig_model *m = r->model;
    ig_opset o = {
        .domain = ig_model_name(m, IG_KERAS_DOMAIN), .domain_given = true, .version_given = true, .version = r->version};
    return o.domain && IG_PUSH(&m->arena, &m->opsets, o) ? IG_OK : ig_oom(r->err);
}

ig_status ig_keras_read_model(ig_keras_reader *r, const ig_json *config) {
    decoding d = {.r = r, .walk = {.arena = &r->arena, .err = r->err, .version = r->version, .visit = visit, .user = &d}};
    ig_keras_outputs out = {0};
    IG_TRY(import_keras(r));
    if (!ig_json_text(ig_json_get(config, "class_name")).s)
        return ig_fail(r->err, IG_E_INPUT, "the config of the model has no class_name");
    if (!ig_keras_is_model(config)) return read_opaque(&d, config);
    IG_TRY(ig_keras_walk_model(&d.walk, config, (ig_str){0}, NULL, 0, &out));
    for (size_t i = 0; i < out.n; i++) IG_TRY(add_output(&d, out.values[i], out.names[i], out.n, i));
    return IG_OK;
}
