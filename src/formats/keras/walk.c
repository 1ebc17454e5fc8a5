/* The graph of a model: which layer is called on what, in what order. Functional models list the calls of each layer (Keras 3
 * as args and kwargs with tensors in them, Keras 1 and 2 as nested lists), sequential ones only their layers. */
#include "formats/keras/keras.h"

#include <ctype.h>

enum { MAX_OUTPUTS = 1024, MAX_PASSES = 4096 };

typedef struct call {
    const ig_json *node;
    ig_value **out;
    size_t n_out;
    bool done;
} call;

typedef struct layer {
    const ig_json *json;
    ig_str name, path;
    call *calls;
    size_t n_calls;
    bool from_one; /* calls are counted from 1 where they are referred to */
} layer;

typedef struct net {
    ig_keras_walk *w;
    ig_str path;
    layer *layers;
    size_t n_layers;
    ig_names names;
    ig_map by_name; /* interned name -> layer */
} net;

/* --------------------------------------------------------------------------------------------------------------- asking */

static const ig_json *config_of(const ig_json *l) { return ig_json_get(l, "config"); }

bool ig_keras_is_model(const ig_json *l) {
    const ig_json *config = config_of(l);
    if (ig_json_is(ig_json_get(l, "class_name"), "Sequential")) return config != NULL;
    return ig_json_is_kind(ig_json_get(config, "layers"), IG_JSON_LIST) && ig_json_get(config, "output_layers");
}

bool ig_keras_is_operation(const ig_json *l) {
    ig_str module = ig_json_text(ig_json_get(l, "module"));
    return ig_str_starts(module, "keras.src.ops.") || ig_str_starts(module, "keras.ops");
}

/* Of Keras 3; an older call may be an object too, of tensors with names. */
static bool is_new_call(const ig_json *node) {
    return ig_json_is_kind(node, IG_JSON_OBJECT) && ig_json_is_kind(ig_json_get(node, "args"), IG_JSON_LIST);
}

static ig_str name_of(const ig_json *l) {
    ig_str name = ig_json_text(ig_json_get(l, "name"));
    return name.s ? name : ig_json_text(ig_json_get(config_of(l), "name"));
}

/* As Keras's naming.to_snake_case: a "_" before a capital with small letters behind it, and between a small letter and a
 * capital. */
ig_str ig_keras_snake_case(ig_arena *arena, ig_str name, bool *ok) {
    char *out = IG_NEW_ARRAY(arena, char, 2 * name.n + 1);
    size_t n = 0;
    if (!out) {
        *ok = false;
        return (ig_str){0};
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.s[i];
        if (!isalnum((unsigned char)c) && c != '_') continue;
        bool upper = isupper((unsigned char)c), small_next = i + 1 < name.n && islower((unsigned char)name.s[i + 1]);
        bool small_before = i > 0 && islower((unsigned char)name.s[i - 1]);
        if (n && upper && (small_next || small_before)) out[n++] = '_';
        out[n++] = (char)tolower((unsigned char)c);
    }
    return (ig_str){out, n};
}

ig_str ig_keras_count(ig_arena *arena, ig_keras_counters *counters, ig_str class_name, bool *ok) {
    ig_str snake = ig_keras_snake_case(arena, class_name, ok);
    if (!*ok) return snake;
    for (size_t i = 0; i < counters->n; i++) {
        if (!ig_str_eq(counters->items[i].name, snake)) continue;
        const char *text = ig_arena_printf(arena, "%.*s_%zu", (int)snake.n, snake.s, ++counters->items[i].n);
        *ok &= text != NULL;
        return ig_str_c(text);
    }
    *ok &= IG_PUSH(arena, counters, ((ig_keras_counter){snake, 0}));
    return snake;
}

/* ----------------------------------------------------------------------------------------------------------- references */

typedef struct reference {
    ig_str name;
    int64_t call, tensor;
} reference;

static bool is_triple(const ig_json *v, reference *r) {
    if (!ig_json_is_kind(v, IG_JSON_LIST) || v->n < 3 || v->n > 4 || v->items[0].kind != IG_JSON_TEXT) return false;
    if (v->items[1].kind != IG_JSON_INT || v->items[2].kind != IG_JSON_INT) return false;
    if (v->n == 4 && v->items[3].kind != IG_JSON_OBJECT && v->items[3].kind != IG_JSON_NULL) return false;
    *r = (reference){v->items[0].s, v->items[1].i, v->items[2].i};
    return true;
}

static bool is_tensor_object(const ig_json *v, reference *r) {
    if (!ig_json_is(ig_json_get(v, "class_name"), "__keras_tensor__")) return false;
    return is_triple(ig_json_get(config_of(v), "keras_history"), r);
}

static layer *find_layer(const net *m, ig_str name) {
    ig_name interned = ig_names_find(&m->names, name);
    return interned ? ig_map_get(&m->by_name, IG_KEY(interned)) : NULL;
}

/* A reference in the form that a call of this kind has. */
static bool is_reference(const net *m, bool objects, const ig_json *v, reference *r) {
    return objects ? is_tensor_object(v, r) : is_triple(v, r) && find_layer(m, r->name);
}

/* Calls `visit` for all references in a tree. Its depth is bounded by the parser's. */
static ig_status each_reference(const net *m, bool objects, const ig_json *v,
                                ig_status (*visit)(const net *m, const reference *r, bool in_call, void *user), void *user) {
    reference r;
    if (!v) return IG_OK;
    if (is_reference(m, objects, v, &r)) {
        IG_TRY(visit(m, &r, true, user));
        return objects || v->n < 4 ? IG_OK : each_reference(m, objects, &v->items[3], visit, user);
    }
    for (size_t i = 0; i < ig_json_count(v); i++) IG_TRY(each_reference(m, objects, &v->items[i], visit, user));
    return IG_OK;
}

static ig_status unknown_layer(const net *m, const reference *r) {
    return ig_fail(m->w->err, IG_E_INPUT, "the config refers to a layer '%.*s' that it doesn't have",
                   (int)ig_min_size(r->name.n, 80), r->name.s);
}

/* Which call a reference means. Models that are called count their own graph as the call before the first: always in Keras 1
 * and 2, in Keras 3 only where the outputs of the outer model are listed. */
static call *find_call(const net *m, const reference *r, bool in_call) {
    layer *l = find_layer(m, r->name);
    if (!l) return NULL;
    int64_t i = r->call;
    bool functional = ig_keras_is_model(l->json) && !ig_json_is(ig_json_get(l->json, "class_name"), "Sequential");
    if (m->w->version < 3 ? l->from_one : !in_call && functional) i -= i > 0;
    return i >= 0 && (size_t)i < l->n_calls ? &l->calls[i] : NULL;
}

static ig_status note_first(const net *m, const reference *r, bool in_call, void *user) {
    IG_UNUSED(in_call);
    IG_UNUSED(user);
    layer *l = find_layer(m, r->name);
    if (l && r->call == 0) l->from_one = false;
    return IG_OK;
}

/* How many results of each call are read. */
static ig_status note_output(const net *m, const reference *r, bool in_call, void *user) {
    IG_UNUSED(user);
    call *c = find_call(m, r, in_call);
    if (!find_layer(m, r->name)) return unknown_layer(m, r);
    if (!c || r->tensor < 0 || r->tensor >= MAX_OUTPUTS)
        return ig_fail(m->w->err, IG_E_INPUT,
                       "the config refers to call %lld, tensor %lld of layer '%.*s', which it doesn't have", (long long)r->call,
                       (long long)r->tensor, (int)ig_min_size(r->name.n, 80), r->name.s);
    c->n_out = ig_max_size(c->n_out, (size_t)r->tensor + 1);
    return IG_OK;
}

static ig_value *value_of(const net *m, const reference *r, bool in_call) {
    const call *c = find_call(m, r, in_call);
    return c && c->done && r->tensor >= 0 && (size_t)r->tensor < c->n_out ? c->out[r->tensor] : NULL;
}

static ig_status check_ready(const net *m, const reference *r, bool in_call, void *user) {
    if (!value_of(m, r, in_call)) *(bool *)user = false;
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- calls */

/* A call on its way to a site: its tensors, and its arguments as text with the tensors' numbers in it. */
typedef struct arguments {
    const net *m;
    IG_VEC(ig_value *) in;
    ig_text text;
    bool objects, failed;
} arguments;

static void write_value(arguments *a, const ig_json *v);

static void write_members(arguments *a, const ig_json *v) {
    bool object = v->kind == IG_JSON_OBJECT;
    ig_text_printf(&a->text, object ? "{" : "[");
    for (size_t i = 0; i < v->n; i++) {
        ig_text_printf(&a->text, i ? ", " : "");
        if (object) { /* keys stand in the text with their quotes, in front of the value */
            ig_text_printf(&a->text, "\"");
            ig_text_add(&a->text, v->keys[i]);
            ig_text_printf(&a->text, "\": ");
        }
        write_value(a, &v->items[i]);
    }
    ig_text_printf(&a->text, object ? "}" : "]");
}

static void write_tensor(arguments *a, ig_value *value) {
    if (!IG_PUSH(a->m->w->arena, &a->in, value)) a->failed = true;
    ig_text_printf(&a->text, "{\"tensor\": %zu}", a->in.n - 1);
}

static bool is_constant(const ig_json *v) {
    return ig_json_is_kind(v, IG_JSON_LIST) && v->n >= 3 && ig_json_is(&v->items[0], "_CONSTANT_VALUE");
}

static void write_value(arguments *a, const ig_json *v) {
    reference r;
    if (is_reference(a->m, a->objects, v, &r))
        write_tensor(a, value_of(a->m, &r, true));
    else if (!a->objects && is_constant(v))
        write_value(a, &v->items[2]);
    else if (v->kind == IG_JSON_LIST || v->kind == IG_JSON_OBJECT)
        write_members(a, v);
    else
        ig_text_add(&a->text, v->source);
}

/* True when an object has something to say: members other than null, and other than those without a meaning for inference. */
static bool has_arguments(const ig_json *kwargs) {
    for (size_t i = 0; ig_json_is_kind(kwargs, IG_JSON_OBJECT) && i < kwargs->n; i++)
        if (kwargs->items[i].kind != IG_JSON_NULL && !ig_str_is(kwargs->keys[i], "name") &&
            !ig_str_is(kwargs->keys[i], "training"))
            return true;
    return false;
}

static void write_call(arguments *a, const ig_json *args, const ig_json *kwargs) {
    ig_text_printf(&a->text, "{\"args\": ");
    if (args)
        write_value(a, args);
    else
        ig_text_printf(&a->text, "[]");
    ig_text_printf(&a->text, ", \"kwargs\": ");
    if (ig_json_is_kind(kwargs, IG_JSON_OBJECT))
        write_value(a, kwargs);
    else
        ig_text_printf(&a->text, "{}");
    ig_text_printf(&a->text, "}");
}

/* Of Keras 1 and 2: [[layer, call, tensor, kwargs], ...]. Functions of TensorFlow keep the structure of their first argument,
 * for layers a list of one is the tensor itself. */
static void write_old_call(arguments *a, const ig_json *node, bool keeps_structure) {
    reference r;
    const ig_json *first = node, *kwargs = NULL;
    while (!is_triple(first, &r) && !is_constant(first) && ig_json_count(first)) first = &first->items[0];
    if (ig_json_count(first) >= 4 && ig_json_is_kind(first, IG_JSON_LIST)) kwargs = &first->items[3];
    if (!keeps_structure && ig_json_is_kind(node, IG_JSON_LIST) && node->n == 1) node = &node->items[0];
    ig_text_printf(&a->text, "{\"args\": [");
    write_value(a, node);
    ig_text_printf(&a->text, "], \"kwargs\": ");
    if (ig_json_is_kind(kwargs, IG_JSON_OBJECT))
        write_value(a, kwargs);
    else
        ig_text_printf(&a->text, "{}");
    ig_text_printf(&a->text, "}");
    if (!has_arguments(kwargs) && !keeps_structure && node->kind == IG_JSON_LIST) a->text.n = 0;
}

static bool is_plain_tensor(const net *m, const ig_json *args) {
    reference r;
    const ig_json *v = ig_json_at(args, 0);
    return ig_json_count(args) == 1 && is_reference(m, true, v, &r);
}

static bool is_function(const ig_json *l) {
    const ig_json *class_name = ig_json_get(l, "class_name");
    return ig_json_is(class_name, "TFOpLambda") || ig_json_is(class_name, "SlicingOpLambda");
}

static ig_status visit_call(net *m, layer *l, size_t number) {
    ig_arena *arena = m->w->arena;
    call *c = &l->calls[number];
    arguments a = {.m = m, .objects = is_new_call(c->node)};
    ig_text_init(&a.text, arena);
    if (a.objects) {
        const ig_json *args = ig_json_get(c->node, "args"), *kwargs = ig_json_get(c->node, "kwargs");
        write_call(&a, args, kwargs);
        if (is_plain_tensor(m, args) && !has_arguments(kwargs)) a.text.n = 0;
    } else {
        write_old_call(&a, c->node, is_function(l->json));
    }
    c->out = IG_NEW_ARRAY(arena, ig_value *, c->n_out);
    if (a.text.failed || a.failed || !c->out) return ig_oom(m->w->err);
    ig_keras_site site = {.layer = l->json,
                          .name = l->name,
                          .path = l->path,
                          .call = {a.text.n ? a.text.s : NULL, a.text.n},
                          .in = a.in.items,
                          .n_in = a.in.n,
                          .number = (uint32_t)number,
                          .out = c->out,
                          .n_out = c->n_out};
    IG_TRY(m->w->visit(m->w->user, &site));
    c->done = true;
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------- functional models */

static ig_status make_layers(net *m, const ig_json *list, ig_str path) {
    ig_arena *arena = m->w->arena;
    ig_keras_counters counters = {0};
    bool ok = true;
    m->n_layers = ig_json_count(list);
    m->layers = IG_NEW_ARRAY(arena, layer, m->n_layers);
    if (!m->layers) return ig_oom(m->w->err);
    for (size_t i = 0; i < m->n_layers; i++) {
        layer *l = &m->layers[i];
        const ig_json *json = &list->items[i], *nodes = ig_json_get(json, "inbound_nodes");
        l->json = json;
        l->name = name_of(json);
        ig_str class_name = ig_json_text(ig_json_get(json, "class_name"));
        if (!class_name.s || !l->name.s)
            return ig_fail(m->w->err, IG_E_INPUT, "layer %zu of the config has no class or no name", i);
        if (!ig_keras_is_operation(json)) {
            ig_str group = ig_keras_count(arena, &counters, class_name, &ok);
            const char *text =
                ok ? ig_arena_printf(arena, "%.*s%slayers/%.*s", (int)path.n, path.s, path.n ? "/" : "", (int)group.n, group.s)
                   : NULL;
            l->path = ig_str_c(text);
            ok &= text != NULL;
        }
        l->from_one = ig_keras_is_model(json);
        l->n_calls = ig_json_count(nodes);
        if (l->n_calls == 0) l->n_calls = 1; /* an input */
        l->calls = IG_NEW_ARRAY(arena, call, l->n_calls);
        ig_name name = ig_intern(&m->names, l->name, &ok);
        if (!ok || !l->calls || !ig_map_set(&m->by_name, IG_KEY(name), l)) return ig_oom(m->w->err);
        for (size_t k = 0; k < ig_json_count(nodes); k++) l->calls[k].node = &nodes->items[k];
    }
    return IG_OK;
}

static ig_status count_outputs(net *m, const ig_json *outputs) {
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < m->n_layers; i++)
            for (size_t k = 0; k < m->layers[i].n_calls; k++) {
                const ig_json *node = m->layers[i].calls[k].node;
                bool objects = is_new_call(node);
                IG_TRY(each_reference(m, objects, node, pass ? note_output : note_first, NULL));
            }
    IG_UNUSED(outputs);
    return IG_OK;
}

/* Inputs and outputs are listed as one triple, lists of them, or objects with names. */
typedef struct ends {
    IG_VEC(reference) list;
    IG_VEC(ig_str) keys;
} ends;

static bool list_ends(ig_arena *arena, const ig_json *v, ig_str key, ends *e) {
    reference r;
    if (is_triple(v, &r)) return IG_PUSH(arena, &e->list, r) && IG_PUSH(arena, &e->keys, key);
    for (size_t i = 0; i < ig_json_count(v); i++)
        if (!list_ends(arena, &v->items[i], v->kind == IG_JSON_OBJECT ? v->keys[i] : (ig_str){0}, e)) return false;
    return true;
}

static ig_status visit_inputs(net *m, const ends *e, ig_value *const *in, size_t n_in) {
    for (size_t i = 0; i < e->list.n; i++) {
        layer *l = find_layer(m, e->list.items[i].name);
        if (!l) return unknown_layer(m, &e->list.items[i]);
        call *c = &l->calls[0];
        if (c->done) continue;
        if (n_in && i >= n_in) return ig_fail(m->w->err, IG_E_INPUT, "a model inside the model is called with too few inputs");
        c->n_out = 1;
        c->out = IG_NEW_ARRAY(m->w->arena, ig_value *, 1);
        if (!c->out) return ig_oom(m->w->err);
        ig_keras_site site = {.layer = l->json,
                              .name = l->name,
                              .path = l->path,
                              .in = n_in ? &in[i] : NULL,
                              .n_in = n_in ? 1 : 0,
                              .out = c->out,
                              .n_out = 1,
                              .is_input = true};
        IG_TRY(m->w->visit(m->w->user, &site));
        c->done = true;
    }
    return IG_OK;
}

/* Calls whose tensors are there are visited, until all are. Files list layers in a good order: one pass does. */
static ig_status visit_calls(net *m) {
    for (int pass = 0; pass < MAX_PASSES; pass++) {
        size_t done = 0, left = 0;
        for (size_t i = 0; i < m->n_layers; i++)
            for (size_t k = 0; k < m->layers[i].n_calls; k++) {
                call *c = &m->layers[i].calls[k];
                bool ready = true;
                if (c->done || !c->node) continue;
                bool objects = is_new_call(c->node);
                IG_TRY(each_reference(m, objects, c->node, check_ready, &ready));
                left += !ready;
                if (!ready) continue;
                IG_TRY(visit_call(m, &m->layers[i], k));
                done++;
            }
        if (left == 0) return IG_OK;
        if (done == 0) break;
    }
    return ig_fail(m->w->err, IG_E_INPUT, "the layers of the config wait for each other's results");
}

/* What Keras calls outputs: the key they have, or the layer, with a number when it comes again. */
static ig_status name_outputs(net *m, const ends *e, ig_keras_outputs *out) {
    ig_keras_counters counters = {0};
    for (size_t i = 0; i < e->list.n; i++) {
        ig_str name = e->keys.items[i].s ? e->keys.items[i] : e->list.items[i].name;
        size_t k = 0;
        while (k < counters.n && !ig_str_eq(counters.items[k].name, name)) k++;
        out->names[i] = name;
        if (k < counters.n) {
            out->names[i] = ig_str_c(ig_arena_printf(m->w->arena, "%.*s_%zu", (int)name.n, name.s, ++counters.items[k].n));
            if (!out->names[i].s) return ig_oom(m->w->err);
        } else if (!IG_PUSH(m->w->arena, &counters, ((ig_keras_counter){name, 0}))) {
            return ig_oom(m->w->err);
        }
    }
    return IG_OK;
}

static ig_status walk_functional(ig_keras_walk *w, const ig_json *config, ig_str path, ig_value *const *in, size_t n_in,
                                 ig_keras_outputs *out) {
    net m = {.w = w, .path = path};
    ends inputs = {0}, outputs = {0};
    ig_names_init(&m.names, w->arena);
    ig_map_init(&m.by_name, w->arena);
    IG_TRY(make_layers(&m, ig_json_get(config, "layers"), path));
    if (!list_ends(w->arena, ig_json_get(config, "input_layers"), (ig_str){0}, &inputs) ||
        !list_ends(w->arena, ig_json_get(config, "output_layers"), (ig_str){0}, &outputs))
        return ig_oom(w->err);
    IG_TRY(count_outputs(&m, NULL));
    for (size_t i = 0; i < outputs.list.n; i++) IG_TRY(note_output(&m, &outputs.list.items[i], false, NULL));
    IG_TRY(visit_inputs(&m, &inputs, in, n_in));
    IG_TRY(visit_calls(&m));
    out->n = outputs.list.n;
    out->values = IG_NEW_ARRAY(w->arena, ig_value *, out->n);
    out->names = IG_NEW_ARRAY(w->arena, ig_str, out->n);
    if (!out->values || !out->names) return ig_oom(w->err);
    for (size_t i = 0; i < out->n; i++) {
        out->values[i] = value_of(&m, &outputs.list.items[i], false);
        if (!out->values[i]) return ig_fail(w->err, IG_E_INPUT, "output %zu of the model is computed by nothing", i);
    }
    return name_outputs(&m, &outputs, out);
}

/* ----------------------------------------------------------------------------------------------------- sequential models */

static ig_status visit_one(ig_keras_walk *w, ig_keras_site *site, ig_value **value) {
    site->out = IG_NEW_ARRAY(w->arena, ig_value *, 1);
    if (!site->out) return ig_oom(w->err);
    site->n_out = 1;
    IG_TRY(w->visit(w->user, site));
    *value = site->out[0];
    return IG_OK;
}

static bool is_input_layer(const ig_json *l) { return ig_json_is(ig_json_get(l, "class_name"), "InputLayer"); }

static ig_status walk_sequential(ig_keras_walk *w, const ig_json *model, ig_str path, ig_value *const *in, size_t n_in,
                                 ig_keras_outputs *out) {
    const ig_json *config = config_of(model),
                  *layers = ig_json_is_kind(config, IG_JSON_LIST) ? config : ig_json_get(config, "layers");
    ig_keras_counters counters = {0};
    ig_value *value = NULL;
    size_t n = ig_json_count(layers);
    bool ok = true;
    if (n == 0) return ig_fail(w->err, IG_E_INPUT, "a sequential model without layers");
    ig_str name = {0}, first = name_of(&layers->items[0]);
    if (n_in) value = in[0];
    if (!is_input_layer(&layers->items[0]) && !n_in) { /* the input goes without saying */
        const char *text = w->version >= 3 ? "input_layer" : ig_arena_printf(w->arena, "%.*s_input", (int)first.n, first.s);
        if (!text) return ig_oom(w->err);
        ig_keras_site site = {.layer = model, .name = ig_str_c(text), .is_input = true};
        IG_TRY(visit_one(w, &site, &value));
    }
    for (size_t i = 0; i < n; i++) {
        const ig_json *l = &layers->items[i];
        ig_str class_name = ig_json_text(ig_json_get(l, "class_name"));
        name = name_of(l);
        if (!class_name.s || !name.s) return ig_fail(w->err, IG_E_INPUT, "layer %zu of the config has no class or no name", i);
        ig_keras_site site = {.layer = l, .name = name, .in = &value, .n_in = value != NULL, .is_input = is_input_layer(l)};
        if (!site.is_input) { /* input layers are not among the layers that are saved */
            ig_str group = ig_keras_count(w->arena, &counters, class_name, &ok);
            site.path = ig_str_c(ok ? ig_arena_printf(w->arena, "%.*s%slayers/%.*s", (int)path.n, path.s, path.n ? "/" : "",
                                                      (int)group.n, group.s)
                                    : NULL);
            if (!site.path.s) return ig_oom(w->err);
        }
        ig_value *next;
        IG_TRY(visit_one(w, &site, &next));
        value = next;
    }
    out->n = 1;
    out->values = IG_NEW_ARRAY(w->arena, ig_value *, 1);
    out->names = IG_NEW_ARRAY(w->arena, ig_str, 1);
    if (!out->values || !out->names) return ig_oom(w->err);
    out->values[0] = value;
    out->names[0] = name;
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------------ both */

ig_status ig_keras_walk_model(ig_keras_walk *w, const ig_json *model, ig_str path, ig_value *const *in, size_t n_in,
                              ig_keras_outputs *out) {
    if (w->depth >= IG_KERAS_MAX_DEPTH)
        return ig_fail(w->err, IG_E_LIMIT, "models are nested more than %d deep", IG_KERAS_MAX_DEPTH);
    w->depth++;
    ig_status status = ig_json_is(ig_json_get(model, "class_name"), "Sequential")
                           ? walk_sequential(w, model, path, in, n_in, out)
                           : walk_functional(w, config_of(model), path, in, n_in, out);
    w->depth--;
    return status;
}

/* The tensors of a call in the order of the model's inputs: by name when they are given so. */
static ig_status match_inputs(ig_keras_walk *w, const ig_keras_site *s, ig_value **in, size_t *n_in) {
    const ig_json *call_json = NULL, *given;
    ends inputs = {0};
    *n_in = s->n_in;
    for (size_t i = 0; i < s->n_in; i++) in[i] = s->in[i];
    if (!s->call.s) return IG_OK;
    IG_TRY(ig_json_parse(&call_json, w->arena, s->call, w->err));
    given = ig_json_at(ig_json_get(call_json, "args"), 0);
    if (!given) given = ig_json_get(ig_json_get(call_json, "kwargs"), "inputs");
    if (!ig_json_is_kind(given, IG_JSON_OBJECT) || ig_json_get(given, "class_name") || ig_json_get(given, "tensor"))
        return IG_OK;
    if (!list_ends(w->arena, ig_json_get(config_of(s->layer), "input_layers"), (ig_str){0}, &inputs)) return ig_oom(w->err);
    for (size_t i = 0; i < inputs.list.n && i < s->n_in; i++) {
        ig_str key = inputs.keys.items[i].s ? inputs.keys.items[i] : inputs.list.items[i].name;
        for (size_t k = 0; k < given->n; k++) {
            int64_t tensor = ig_json_int(ig_json_get(&given->items[k], "tensor"), -1);
            if (ig_str_eq(given->keys[k], key) && tensor >= 0 && (size_t)tensor < s->n_in) in[i] = s->in[tensor];
        }
    }
    return IG_OK;
}

ig_status ig_keras_walk_call(ig_keras_walk *w, const ig_keras_site *s) {
    ig_keras_outputs out = {0};
    size_t n_in;
    ig_value **in = IG_NEW_ARRAY(w->arena, ig_value *, s->n_in);
    if (!in) return ig_oom(w->err);
    IG_TRY(match_inputs(w, s, in, &n_in));
    if (n_in == 0)
        return ig_fail(w->err, IG_E_INPUT, "the model '%.*s' is called without a tensor", (int)ig_min_size(s->name.n, 80),
                       s->name.s);
    IG_TRY(ig_keras_walk_model(w, s->layer, s->path, in, n_in, &out));
    for (size_t i = 0; i < s->n_out; i++) {
        if (i >= out.n)
            return ig_fail(w->err, IG_E_INPUT, "the model '%.*s' has no output %zu", (int)ig_min_size(s->name.n, 80), s->name.s,
                           i);
        s->out[i] = out.values[i];
    }
    return IG_OK;
}
