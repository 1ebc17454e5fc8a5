/* Arrays of weight files, and which layer they belong to. Keras 3 numbers the variables of each layer and keeps them where the
 * layer stands in the tree of objects ("layers/dense/vars/0"); older versions list names under each layer at the top
 * ("dense/kernel:0"), however deep in it the layer is that has the variable. */
#include "formats/keras/keras.h"

#include <stdio.h>

enum { MAX_DEPTH = 32, MAX_ARRAYS = 1 << 20 };

/* ------------------------------------------------------------------------------------------------------------- decoding */

/* What an ig_const goes by: it points to one of these in the model's arena. */
typedef struct origin {
    ig_hdf5 *h;
    const ig_hdf5_object *dataset;
} origin;

/* bfloat16 and the like, which HDF5 has no word for, are opaque bytes with the type's name beside them. */
static ig_dtype type_of(ig_keras_reader *r, const ig_hdf5_object *d) {
    if (d->type.kind == IG_HDF5_NUMBER) return d->type.dtype;
    if (d->type.kind == IG_HDF5_TEXT || d->type.kind == IG_HDF5_VARIABLE) return IG_STRING;
    const ig_hdf5_attr *attr = ig_hdf5_attr_find(d, "dtype");
    ig_str *name;
    if (d->type.kind != IG_HDF5_OPAQUE || !attr || attr->count != 1) return IG_UNDEFINED;
    if (ig_hdf5_attr_texts(r->h, attr, &name, NULL) != IG_OK) return IG_UNDEFINED;
    ig_dtype dtype = ig_keras_dtype(*name);
    return dtype && dtype != IG_STRING && ig_dtype_bytes(dtype) == d->type.size ? dtype : IG_UNDEFINED;
}

static ig_status decode(ig_model *model, ig_const *c, ig_error *err) {
    origin o;
    ig_tensor *t = NULL;
    ig_span content;
    memcpy(&o, c->origin.p, sizeof o);
    bool aligned =
        ig_hdf5_map(o.h, o.dataset, &content) && (uintptr_t)content.p % ig_max_size(ig_dtype_bytes(c->dtype), 1) == 0;
    ig_buffer *buffer = aligned ? ig_model_buffer_of(model, content.p) : NULL;
    if (buffer && content.n == c->bytes) {
        t = ig_tensor_over(model->context, c->dtype, c->rank, c->dims, buffer, content.p);
        if (!t) return ig_oom(err);
    } else {
        IG_TRY(ig_tensor_new(&t, model->context, c->dtype, c->rank, c->dims, err));
        ig_status status = ig_hdf5_read(o.h, o.dataset, t->data, err);
        if (status != IG_OK) {
            ig_tensor_free(t);
            return status;
        }
    }
    c->tensor = t;
    return IG_OK;
}

static ig_status make_texts(ig_keras_reader *r, const ig_hdf5_object *d, ig_name name, ig_const **out) {
    ig_str *texts;
    ig_tensor *t;
    IG_TRY(ig_hdf5_texts(r->h, d, &texts, r->err));
    IG_TRY(ig_tensor_new(&t, r->model->context, IG_STRING, d->rank, d->dims, r->err));
    for (size_t i = 0; i < t->count; i++)
        if (!ig_tensor_set_string(t, i, texts[i])) {
            ig_tensor_free(t);
            return ig_oom(r->err);
        }
    *out = ig_const_create(r->model, name, t);
    return *out ? IG_OK : ig_oom(r->err);
}

static ig_status make_const(ig_keras_reader *r, const ig_keras_array *array, ig_name name, ig_const **out) {
    const ig_hdf5_object *d = array->dataset;
    ig_model *m = r->model;
    ig_dtype dtype = type_of(r, d);
    size_t bytes;
    if (!dtype || d->rank < 0 || ig_mul_overflows((size_t)d->count, ig_max_size(ig_dtype_bytes(dtype), 1), &bytes))
        return ig_fail(r->err, IG_E_UNSUPPORTED, "the weight '%.80s' has a type that igata doesn't read", name);
    if (dtype == IG_STRING) return make_texts(r, d, name, out);
    ig_const *c = IG_NEW(&m->arena, ig_const);
    int64_t *dims = IG_NEW_ARRAY(&m->arena, int64_t, (size_t)d->rank);
    origin *o = IG_NEW(&m->arena, origin);
    if (!c || !dims || !o) return ig_oom(r->err);
    if (d->rank) memcpy(dims, d->dims, (size_t)d->rank * sizeof *dims);
    *o = (origin){r->h, d};
    *c = (ig_const){.name = name,
                    .dtype = dtype,
                    .rank = d->rank,
                    .dims = dims,
                    .count = d->count,
                    .bytes = bytes,
                    .origin = {(const uint8_t *)o, sizeof *o},
                    .decode = decode};
    *out = c;
    return IG_OK;
}

static ig_status value_of(ig_keras_reader *r, ig_keras_array *a, ig_value **out) {
    bool ok = true;
    ig_const *c = NULL;
    if (!a->value) {
        ig_name name = ig_model_intern(r->model, a->name, &ok);
        if (!ok || !name) return ig_oom(r->err);
        ig_value *taken = ig_graph_find(r->model->graph, name);
        if (taken && !(name = ig_model_fresh_name(r->model, name))) return ig_oom(r->err);
        IG_TRY(make_const(r, a, name, &c));
        a->value = ig_graph_add_initializer(r->model->graph, c);
        if (!a->value) return ig_oom(r->err);
    }
    *out = a->value;
    return IG_OK;
}

ig_status ig_keras_add_all(ig_keras_reader *r) {
    ig_value *v;
    for (size_t i = 0; i < r->arrays.n; i++) IG_TRY(value_of(r, &r->arrays.items[i], &v));
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- listing */

ig_status ig_keras_open_hdf5(ig_keras_reader *r, ig_buffer *file, ig_span content) {
    r->file = file;
    return ig_hdf5_open(&r->h, &r->model->arena, content, r->err);
}

static ig_status add(ig_keras_reader *r, ig_keras_array array) {
    if (r->arrays.n >= MAX_ARRAYS) return ig_fail(r->err, IG_E_LIMIT, "the file has more than %d weights", MAX_ARRAYS);
    return IG_PUSH(&r->arena, &r->arrays, array) ? IG_OK : ig_oom(r->err);
}

static ig_str join(ig_keras_reader *r, ig_str a, ig_str b) {
    const char *text = ig_arena_printf(&r->arena, "%.*s%s%.*s", (int)a.n, a.s, a.n ? "/" : "", (int)b.n, b.s);
    return ig_str_c(text);
}

static ig_status add_below(ig_keras_reader *r, const ig_hdf5_object *group, ig_str path, int depth) {
    if (depth > MAX_DEPTH) return ig_fail(r->err, IG_E_LIMIT, "groups are nested more than %d deep", MAX_DEPTH);
    for (size_t i = 0; i < group->links.n; i++) {
        const ig_hdf5_link *link = &group->links.items[i];
        const ig_hdf5_object *child;
        ig_str name = join(r, path, link->name);
        if (!name.s) return ig_oom(r->err);
        IG_TRY(ig_hdf5_object_at(r->h, link->address, &child, r->err));
        if (child->is_dataset) IG_TRY(add(r, (ig_keras_array){.name = name, .as = name, .dataset = child}));
        if (child->is_group) IG_TRY(add_below(r, child, name, depth + 1));
    }
    return IG_OK;
}

ig_status ig_keras_add_datasets(ig_keras_reader *r, const ig_hdf5_object *group, ig_str path) {
    return add_below(r, group, path, 0);
}

/* The attribute, or all of it when it is cut into name0, name1, … because it is larger than HDF5 lets attributes be. */
static ig_status texts_of(ig_keras_reader *r, const ig_hdf5_object *o, const char *name, ig_str **out, size_t *n) {
    const ig_hdf5_attr *a = ig_hdf5_attr_find(o, name);
    IG_VEC(ig_str) list = {0};
    ig_str *texts;
    char part[64];
    *n = 0;
    *out = NULL;
    if (a && a->count == 0) return IG_OK;
    if (a) {
        *n = (size_t)a->count;
        return ig_hdf5_attr_texts(r->h, a, out, r->err);
    }
    for (int i = 0; i < MAX_ARRAYS; i++) {
        snprintf(part, sizeof part, "%s%d", name, i);
        if (!(a = ig_hdf5_attr_find(o, part))) break;
        IG_TRY(ig_hdf5_attr_texts(r->h, a, &texts, r->err));
        for (int64_t k = 0; k < a->count; k++)
            if (!IG_PUSH(&r->arena, &list, texts[k])) return ig_oom(r->err);
    }
    *out = list.items;
    *n = list.n;
    return IG_OK;
}

static ig_status add_layer(ig_keras_reader *r, const ig_hdf5_object *group, ig_str owner) {
    ig_str *names;
    size_t n;
    IG_TRY(texts_of(r, group, "weight_names", &names, &n));
    for (size_t i = 0; i < n; i++) {
        const ig_hdf5_object *d;
        IG_TRY(ig_hdf5_find(r->h, group, names[i], &d, r->err));
        if (!d || !d->is_dataset) {
            ig_fail(r->err, IG_E_INPUT, "layer '%.*s' has no weight '%.*s', which it lists", (int)ig_min_size(owner.n, 80),
                    owner.s, (int)ig_min_size(names[i].n, 80), names[i].s);
            return IG_E_INPUT;
        }
        ig_str as = names[i];
        if (ig_str_ends(as, ":0")) as.n -= 2;
        ig_str name = join(r, owner, names[i]);
        if (!name.s) return ig_oom(r->err);
        IG_TRY(add(r, (ig_keras_array){.name = name, .as = as, .owner = owner, .dataset = d}));
    }
    return IG_OK;
}

ig_status ig_keras_add_listed(ig_keras_reader *r, const ig_hdf5_object *root) {
    ig_str *names;
    size_t n;
    IG_TRY(texts_of(r, root, "layer_names", &names, &n));
    for (size_t i = 0; i <= n; i++) {
        const ig_hdf5_object *group;
        ig_str name = i < n ? names[i] : IG_STR("top_level_model_weights");
        IG_TRY(ig_hdf5_find(r->h, root, name, &group, r->err));
        if (group) IG_TRY(add_layer(r, group, name));
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- matching */

static bool has_component(ig_str path, ig_str name) {
    for (size_t at = 0; at + name.n <= path.n; at++) {
        bool starts = at == 0 || path.s[at - 1] == '/', ends = at + name.n == path.n || path.s[at + name.n] == '/';
        if (starts && ends && memcmp(path.s + at, name.s, name.n) == 0) return true;
    }
    return false;
}

/* The name of the object at a place of Keras 3's tree, which newer files note. */
static ig_status noted_name(ig_keras_reader *r, const ig_hdf5_object *group, ig_str path, ig_str *name) {
    const ig_hdf5_object *vars;
    *name = (ig_str){0};
    ig_str full = join(r, path, IG_STR("vars"));
    if (!full.s) return ig_oom(r->err);
    IG_TRY(ig_hdf5_find(r->h, group, full, &vars, r->err));
    const ig_hdf5_attr *a = vars ? ig_hdf5_attr_find(vars, "name") : NULL;
    ig_str *texts;
    if (a && a->count == 1 && ig_hdf5_attr_texts(r->h, a, &texts, NULL) == IG_OK) *name = texts[0];
    return IG_OK;
}

/* Layers are found by their class and how many of it come before. Where the file notes names and this one's is another's, the
 * group that bears it is the right one. */
static ig_status correct_path(ig_keras_reader *r, const ig_keras_place *place, ig_str *path) {
    const ig_hdf5_object *root, *parent;
    ig_str name;
    size_t cut = place->path.n;
    *path = place->path;
    if (!r->h) return IG_OK;
    IG_TRY(ig_hdf5_root(r->h, &root, r->err));
    IG_TRY(noted_name(r, root, place->path, &name));
    if (name.s && ig_str_eq(name, place->name)) return IG_OK;
    while (cut && place->path.s[cut - 1] != '/') cut--;
    if (cut == 0) return IG_OK;
    ig_str above = {place->path.s, cut - 1};
    IG_TRY(ig_hdf5_find(r->h, root, above, &parent, r->err));
    for (size_t i = 0; parent && i < parent->links.n; i++) {
        ig_str other = join(r, above, parent->links.items[i].name);
        if (!other.s) return ig_oom(r->err);
        IG_TRY(noted_name(r, root, other, &name));
        if (!ig_str_eq(name, place->name)) continue;
        *path = other;
        return IG_OK;
    }
    return IG_OK;
}

/* Vocabularies and the like stand in the archive beside the weights: one string a line. */
static ig_status add_assets(ig_keras_reader *r, ig_str path) {
    const char *prefix = ig_arena_printf(&r->arena, "assets/%.*s/", (int)path.n, path.s);
    if (!prefix) return ig_oom(r->err);
    for (size_t i = 0; r->zip && i < ig_zip_count(r->zip); i++) {
        ig_str name = ig_zip_name(r->zip, i);
        ig_buffer *content;
        ig_tensor *t;
        int64_t n = 0;
        if (!ig_str_starts(name, prefix) || !ig_str_ends(name, ".txt")) continue;
        bool known = false, ok = true;
        for (size_t k = 0; k < r->arrays.n; k++) known |= ig_str_eq(r->arrays.items[k].name, name);
        if (known) continue;
        IG_TRY(ig_zip_read(&content, r->zip, i, r->err));
        for (size_t at = 0; at < content->size; at++) n += content->data[at] == '\n' || at + 1 == content->size;
        ig_status status = ig_tensor_new(&t, r->model->context, IG_STRING, 1, &n, r->err);
        for (size_t at = 0, start = 0, k = 0; status == IG_OK && at < content->size; at++) {
            bool line = content->data[at] == '\n';
            if (!line && at + 1 < content->size) continue;
            ok = ok && ig_tensor_set_string(t, k++, (ig_str){(const char *)content->data + start, at + !line - start});
            start = at + 1;
        }
        ig_buffer_release(content);
        if (status != IG_OK) return status;
        name = ig_arena_str(&r->model->arena, name, &ok);
        ig_name interned = ok ? ig_model_intern(r->model, name, &ok) : NULL;
        if (!ok) {
            ig_tensor_free(t);
            return ig_oom(r->err);
        }
        ig_const *c = ig_const_create(r->model, interned, t);
        ig_value *value = c ? ig_graph_add_initializer(r->model->graph, c) : NULL;
        if (!value) return ig_oom(r->err);
        ig_str as = {name.s + strlen("assets/"), name.n - strlen("assets/")};
        IG_TRY(add(r, (ig_keras_array){.name = name, .as = as, .value = value}));
    }
    return IG_OK;
}

static bool belongs(const ig_keras_reader *r, const ig_keras_array *a, const ig_keras_place *place, ig_str path, ig_str *as) {
    *as = a->as;
    if (r->by_path) {
        if (a->as.n <= path.n || memcmp(a->as.s, path.s, path.n) != 0 || (path.n && a->as.s[path.n] != '/')) return false;
        size_t skip = path.n ? path.n + 1 : 0;
        *as = (ig_str){a->as.s + skip, a->as.n - skip};
        return true;
    }
    if (a->owner.s && !ig_str_eq(a->owner, place->owner)) return false;
    bool top = ig_str_eq(place->owner, place->name);
    return (a->owner.s && top) || has_component(a->as, place->name);
}

ig_status ig_keras_attach_weights(ig_keras_reader *r, ig_node *node, const ig_keras_place *place) {
    IG_VEC(ig_str) names = {0};
    ig_str path = place->path, as;
    if (r->by_path) {
        if (!path.n) return IG_OK;
        IG_TRY(correct_path(r, place, &path));
        IG_TRY(add_assets(r, path));
    }
    for (size_t i = 0; i < r->arrays.n; i++) {
        ig_value *v;
        if (!belongs(r, &r->arrays.items[i], place, path, &as)) continue;
        IG_TRY(value_of(r, &r->arrays.items[i], &v));
        uint32_t at = node->n_in;
        if (!IG_PUSH(&r->arena, &names, as) || !ig_node_resize(node, at + 1, node->n_out) || !ig_node_set_input(node, at, v))
            return ig_oom(r->err);
    }
    if (names.n && !ig_keras_put_texts(node, "@weights", names.items, names.n)) return ig_oom(r->err);
    return IG_OK;
}
