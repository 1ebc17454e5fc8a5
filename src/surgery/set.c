/* What a model says of itself, and the shapes of its inputs. */
#include "infer/infer.h"
#include "surgery/surgery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- texts ---- */

ig_status ig_model_set_text(ig_model *m, ig_model_text which, const char *text, ig_error *err) {
    bool ok = true;
    ig_error_clear(err);
    ig_str *const places[IG_TEXT_COUNT] = {[IG_TEXT_DOC] = &m->doc,
                                           [IG_TEXT_PRODUCER] = &m->producer_name,
                                           [IG_TEXT_PRODUCER_VERSION] = &m->producer_version,
                                           [IG_TEXT_DOMAIN] = &m->domain,
                                           [IG_TEXT_GRAPH_DOC] = &m->graph->doc};
    if ((unsigned)which >= IG_TEXT_COUNT) return ig_fail(err, IG_E_ARGUMENT, "there is no such text");
    if (which == IG_TEXT_GRAPH_NAME) {
        ig_name name = ig_model_name(m, text);
        if (!name) return ig_oom(err);
        m->graph->name = name;
        return IG_OK;
    }
    ig_str copy = ig_arena_str(&m->arena, ig_str_c(text), &ok);
    if (!ok) return ig_oom(err);
    *places[which] = copy;
    return IG_OK;
}

ig_status ig_model_set_version(ig_model *m, int64_t version, ig_error *err) {
    ig_error_clear(err);
    m->model_version = version;
    m->model_version_given = true;
    return IG_OK;
}

ig_status ig_model_set_metadata(ig_model *m, const char *key, const char *value, ig_error *err) {
    size_t kept = 0;
    bool ok = true, done = false;
    ig_error_clear(err);
    ig_str copy = value ? ig_arena_str(&m->arena, ig_str_c(value), &ok) : (ig_str){0};
    if (!ok) return ig_oom(err);
    for (size_t i = 0; i < m->props.n; i++) {
        ig_prop p = m->props.items[i];
        bool here = ig_str_is(p.key, key);
        if (here && (!value || done)) continue;
        if (here) p.value = copy, done = true;
        m->props.items[kept++] = p;
    }
    bool gone = kept < m->props.n;
    m->props.n = kept;
    if (!value) return done || gone ? IG_OK : ig_fail(err, IG_E_ARGUMENT, "the model has no metadata '%.80s'", key);
    ig_prop p = {.key = ig_arena_str(&m->arena, ig_str_c(key), &ok), .value = copy};
    return done || (ok && IG_PUSH(&m->arena, &m->props, p)) ? IG_OK : ig_oom(err);
}

/* ---- shapes ---- */

static ig_status parse_dim(ig_model *m, ig_str word, ig_dim *out, ig_error *err) {
    char text[24];
    *out = ig_dim_unknown();
    if (word.n == 0) return ig_fail(err, IG_E_ARGUMENT, "a shape has an empty dim");
    if (ig_str_is(word, "?")) return IG_OK;
    if (strchr("-+0123456789", word.s[0]) == NULL) {
        *out = ig_dim_named(&m->syms, word);
        return IG_OK;
    }
    char *end;
    size_t n = ig_min_size(word.n, sizeof text - 1);
    memcpy(text, word.s, n);
    text[n] = 0;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end || errno || value < 0 || word.n >= sizeof text)
        return ig_fail(err, IG_E_ARGUMENT, "'%.*s' is no size of a dim", (int)ig_min_size(word.n, 60), word.s);
    *out = ig_dim_of(value);
    return IG_OK;
}

static ig_status parse_shape(ig_model *m, const char *text, ig_shape *out, ig_error *err) {
    *out = (ig_shape){.rank = 0};
    if (!*text) return IG_OK;
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ",");
        if (out->rank == IG_MAX_RANK) return ig_fail(err, IG_E_ARGUMENT, "the shape has more than %d dims", IG_MAX_RANK);
        IG_TRY(parse_dim(m, (ig_str){p, n}, &out->dims[out->rank++], err));
        p += n;
        if (!*p) return IG_OK;
    }
}

typedef struct change {
    const char *dim;
    ig_dim to;
    size_t found;
} change;

static int64_t value_of(void *user, ig_str name) {
    change *c = user;
    if (!ig_str_is(name, c->dim)) return IG_UNKNOWN;
    c->found++;
    return c->to.value;
}

/* The type with another shape. */
static const ig_type *with_shape(ig_model *m, const ig_type *type, const ig_shape *shape) {
    ig_type *made = ig_type_tensor(&m->arena, type->dtype, shape);
    if (made) made->denotation = type->denotation;
    if (made && type->rank == shape->rank) made->dim_denotations = type->dim_denotations;
    return made;
}

static bool is_open_input(const ig_value *v) { return v && v->is_input && !v->constant; }

/* Applies one change to one input; *touched counts. */
static ig_status change_input(ig_model *m, ig_value_info *info, const ig_reshape *r, size_t *touched, ig_error *err) {
    ig_shape shape = ig_type_shape(info->type), given;
    if (info->type->kind != IG_KIND_TENSOR)
        return r->name ? ig_fail(err, IG_E_ARGUMENT, "the input '%.80s' is no tensor", r->name) : IG_OK;
    IG_TRY(parse_shape(m, r->shape, &given, err));
    if (r->name) {
        shape = given;
    } else if (given.rank != 1) {
        return ig_fail(err, IG_E_ARGUMENT, "one size is wanted, not '%.80s'", r->shape);
    } else if (r->dim) {
        change c = {r->dim, given.dims[0], 0};
        for (int i = 0; i < shape.rank; i++) {
            bool whole = ig_str_is(ig_dim_name(shape.dims[i]), r->dim);
            if (whole) c.found++;
            shape.dims[i] = whole ? given.dims[0] : ig_dim_substitute(&m->syms, shape.dims[i], value_of, &c);
        }
        if (!c.found) return IG_OK;
    } else if (shape.rank < 1) {
        return IG_OK;
    } else {
        shape.dims[0] = given.dims[0];
    }
    const ig_type *made = with_shape(m, info->type, &shape);
    if (!made) return ig_oom(err);
    info->type = made;
    info->value->type = made;
    ++*touched;
    return IG_OK;
}

static ig_status change_inputs(ig_model *m, const ig_reshape *r, ig_error *err) {
    size_t touched = 0;
    if (!r->shape) return ig_fail(err, IG_E_ARGUMENT, "no shape is given");
    for (size_t i = 0; i < m->graph->inputs.n; i++) {
        ig_value_info *info = &m->graph->inputs.items[i];
        if (!info->type || (r->name ? strcmp(ig_name_text(info->name), r->name) != 0 : !is_open_input(info->value))) continue;
        if (info->value) IG_TRY(change_input(m, info, r, &touched, err));
    }
    if (touched) return IG_OK;
    if (r->name) return ig_fail(err, IG_E_ARGUMENT, "the model has no input '%.80s'", r->name);
    if (r->dim) return ig_fail(err, IG_E_ARGUMENT, "no input has a dim '%.80s'", r->dim);
    return ig_fail(err, IG_E_ARGUMENT, "no input has a batch: all are scalars or of unknown rank");
}

/* A Reshape to a constant shape that begins with the old batch keeps the batch of its input from now on: 0 copies it. */
static ig_status free_batch(ig_model *m, ig_node *n, ig_error *err) {
    ig_value *x = n->n_in == 2 ? n->in[0] : NULL, *shape = x ? n->in[1] : NULL;
    const ig_shape now = x ? ig_type_shape(x->type) : (ig_shape){.rank = 0};
    const ig_attr *zero = ig_attr_find(n, "allowzero");
    ig_tensor *old, *made;
    bool as_input = shape && shape->is_input; /* as all initializers are before IR version 4 */
    if (!shape || !shape->constant || (as_input && m->ir_version >= 4) || now.rank < 1 || !ig_dim_known(now.dims[0]) ||
        (zero && zero->i))
        return IG_OK;
    IG_TRY(ig_const_tensor(m, shape->constant, &old, err));
    if (old->dtype != IG_I64 || old->rank != 1 || old->count < 1 || ig_load_as_i64(IG_I64, old->data, 0) != now.dims[0].value)
        return IG_OK;
    IG_TRY(ig_tensor_new(&made, m->context, IG_I64, 1, old->dims, err));
    memcpy(made->data, old->data, made->bytes);
    ig_store_i64(IG_I64, made->data, 0, 0);
    ig_const *c = ig_const_create(m, ig_model_fresh_name(m, ig_name_text(shape->name)), made);
    ig_value *v = c ? ig_graph_add_initializer(m->graph, c) : NULL;
    if (!v || !ig_node_set_input(n, 1, v) || (as_input && !ig_graph_add_input(m->graph, v))) return ig_oom(err);
    if (shape->n_uses) return IG_OK;
    ig_graph_remove_input(shape);
    ig_value_remove(shape);
    return IG_OK;
}

static ig_status free_batches(ig_model *m, const ig_reshape *changes, size_t n, ig_error *err) {
    bool batch = false;
    for (size_t i = 0; i < n; i++) batch |= !changes[i].name && !changes[i].dim;
    for (ig_node *node = batch ? m->graph->first : NULL; node; node = node->next)
        if (ig_node_is(node, "", "Reshape")) IG_TRY(free_batch(m, node, err));
    return IG_OK;
}

/* What was declared of results held for the old shapes. */
static ig_status forget(ig_graph *g, void *user) {
    IG_UNUSED(user);
    for (ig_node *n = g->first; n; n = n->next)
        for (uint32_t o = 0; o < n->n_out; o++)
            if (n->out[o]) n->out[o]->type = NULL;
    for (size_t i = 0; i < g->outputs.n; i++)
        if (g->outputs.items[i].value && g->outputs.items[i].value->producer) g->outputs.items[i].type = NULL;
    return IG_OK;
}

typedef struct faults {
    size_t n;
    char message[1000], where[500];
} faults;

static void note(void *user, const ig_finding *f) {
    faults *seen = user;
    if (f->severity != IG_ERROR || seen->n++) return;
    snprintf(seen->message, sizeof seen->message, "%s", f->message);
    snprintf(seen->where, sizeof seen->where, "%s", f->where);
}

static ig_status settle(ig_graph *g, void *user) {
    IG_UNUSED(user);
    for (size_t i = 0; i < g->outputs.n; i++)
        if (g->outputs.items[i].value && !g->outputs.items[i].type) g->outputs.items[i].type = g->outputs.items[i].value->type;
    size_t kept = 0;
    for (size_t i = 0; i < g->value_infos.n; i++) {
        ig_value_info info = g->value_infos.items[i];
        if (info.value && info.value->producer) info.type = info.value->type;
        if (info.type) g->value_infos.items[kept++] = info;
    }
    g->value_infos.n = kept;
    return IG_OK;
}

static ig_status reshape(ig_model *m, const ig_reshape *changes, size_t n, ig_error *err) {
    faults before = {0}, after = {0};
    IG_TRY(ig_model_infer(m, &(ig_infer_options){.found = note, .user = &before}, err));
    IG_TRY(free_batches(m, changes, n, err));
    for (size_t i = 0; i < n; i++) IG_TRY(change_inputs(m, &changes[i], err));
    IG_TRY(ig_graph_each(m->graph, forget, NULL));
    IG_TRY(ig_model_infer(m, &(ig_infer_options){.found = note, .user = &after}, err));
    if (after.n && !before.n) {
        ig_fail(err, IG_E_INPUT, "the new shapes don't fit: %s", after.message);
        ig_error_at(err, "%s", after.where);
        ig_error_hint(err, "the model has the old size in it, perhaps in a constant shape");
        return IG_E_INPUT;
    }
    return ig_graph_each(m->graph, settle, NULL);
}

ig_status ig_model_reshape(ig_model **out, ig_model *model, const ig_reshape *changes, size_t n, ig_error *err) {
    ig_model *m;
    *out = NULL;
    ig_error_clear(err);
    IG_TRY(ig_model_clone(&m, model, err));
    ig_status status = reshape(m, changes, n, err);
    if (status == IG_OK)
        *out = m;
    else
        ig_model_free(m);
    return status;
}
