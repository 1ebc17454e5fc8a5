/* The general rules: attributes, defaults and counts that fit the other version; and functions that many rows share. */
#include "convert/convert.h"

#include <stdio.h>

/* ---- the general rules ---- */

/* Attributes that never had an effect on results. */
static bool is_idle(const char *name) { return strcmp(name, "consumed_inputs") == 0; }

static bool is_default(const ig_adapt *a, const ig_attr *attr) {
    const ig_schema_attr *s = ig_schema_attr_find(a->node->schema, attr->name);
    if (attr->ref || !s) return false;
    if (attr->kind == IG_ATTR_INTS && strcmp(attr->name, "dilations") == 0) { /* none: 1 for each axis */
        for (size_t i = 0; i < attr->n; i++)
            if (attr->ints[i] != 1) return false;
        return true;
    }
    if (!s->has_default || s->kind != attr->kind) return false;
    switch (attr->kind) {
    case IG_ATTR_INT: return attr->i == s->i;
    case IG_ATTR_FLOAT: return attr->f == s->f;
    case IG_ATTR_STRING: return ig_str_is(attr->s, s->s);
    default: return false;
    }
}

static bool same_default(const ig_schema_attr *x, const ig_schema_attr *y) {
    if (x->kind == IG_ATTR_INT) return x->i == y->i;
    if (x->kind == IG_ATTR_FLOAT) return x->f == y->f;
    if (x->kind == IG_ATTR_STRING) return strcmp(x->s, y->s) == 0;
    return true;
}

/* Writes out the defaults that the other version has differently. */
static void keep_defaults(ig_adapt *a) {
    for (size_t i = 0; i < a->node->schema->n_attrs; i++) {
        const ig_schema_attr *old = &a->node->schema->attrs[i], *new = ig_schema_attr_find(a->to, old->name);
        if (!new || !old->has_default || old->kind != new->kind || ig_attr_find(a->node, old->name)) continue;
        if (new->has_default && same_default(old, new)) continue;
        bool ok = true;
        if (old->kind == IG_ATTR_INT) ok = ig_attr_put_int(a->node, old->name, old->i);
        if (old->kind == IG_ATTR_FLOAT) ok = ig_attr_put_float(a->node, old->name, old->f);
        if (old->kind == IG_ATTR_STRING) ok = ig_attr_put_str(a->node, old->name, old->s);
        if (!ok) a->b.failed = true;
    }
}

ig_status ig_adapt_fit(ig_adapt *a) {
    char side[40], problem[200];
    if (!a->to) return ig_adapt_refuse(a, "there is no %.60s %s", ig_name_text(a->node->op), ig_adapt_side(a, side));
    if (a->to->deprecated) return ig_adapt_refuse(a, "it is deprecated %s", ig_adapt_side(a, side));
    for (const ig_attr *attr = a->node->attrs, *next; attr; attr = next) {
        next = attr->next;
        const ig_schema_attr *s = ig_schema_attr_find(a->to, attr->name);
        if (s && (s->kind == attr->kind || attr->ref)) continue;
        if (!s && (is_idle(attr->name) || is_default(a, attr)))
            ig_attr_remove(a->node, attr->name);
        else if (s)
            return ig_adapt_refuse(a, "its attribute '%.60s' has to be of kind %s %s", attr->name,
                                   ig_attr_kind_name((ig_attr_kind)s->kind), ig_adapt_side(a, side));
        else
            return ig_adapt_refuse(a, "its attribute '%.60s' can't be said %s", attr->name, ig_adapt_side(a, side));
    }
    keep_defaults(a);
    for (size_t i = 0; i < a->to->n_attrs; i++)
        if (a->to->attrs[i].required && !ig_attr_find(a->node, a->to->attrs[i].name))
            return ig_adapt_refuse(a, "it needs the attribute '%.60s' %s", a->to->attrs[i].name, ig_adapt_side(a, side));
    ig_adapt_trim(a);
    a->node->schema = a->to;
    if (!ig_node_arity(a->node, problem, sizeof problem))
        return ig_adapt_refuse(a, "%s it %.150s", ig_adapt_side(a, side), problem);
    return IG_OK;
}

/* ---- attributes that became inputs ---- */

/* The function's attribute as a list, by a Constant that refers to it (from version 12 on). */
static ig_value *referred_list(ig_adapt *a, const ig_attr *attr) {
    ig_value *v = ig_build_op(&a->b, "Constant", NULL, 0);
    ig_attr value = {.name = ig_model_name(a->model, "value_ints"), .kind = IG_ATTR_INTS, .ref = attr->ref};
    if (!v || !value.name || !ig_attr_put(v->producer, &value)) a->b.failed = true;
    return v;
}

static ig_value *attr_as_value(ig_adapt *a, const ig_attr *attr) {
    ig_dtype dtype = ig_adapt_dtype(ig_adapt_in(a, 0));
    switch ((ig_moved)a->row->moved) {
    case IG_MOVED_INTS: return ig_adapt_i64s(a, attr->ints, attr->n);
    case IG_MOVED_INT: return ig_adapt_i64(a, attr->i);
    case IG_MOVED_INT_LIST: return ig_adapt_i64s(a, &attr->i, 1);
    case IG_MOVED_FLOATS: return ig_adapt_f32s(a, attr->floats, attr->n);
    case IG_MOVED_FLOAT: return ig_adapt_scalar(a, IG_F32, attr->f);
    default: return ig_adapt_scalar(a, dtype, attr->f);
    }
}

ig_status ig_adapt_to_input(ig_adapt *a) {
    const ig_attr *attr = ig_attr_find(a->node, a->row->attr);
    if (!attr) return IG_OK;
    if (a->row->moved == IG_MOVED_SAME && ig_adapt_dtype(ig_adapt_in(a, 0)) == IG_UNDEFINED)
        return ig_adapt_refuse(a, "'%s' becomes an input of the type of the first one, which is not known", attr->name);
    if (attr->ref && (a->row->moved != IG_MOVED_INTS || a->version < 12))
        return ig_adapt_refuse(a, "'%s' becomes an input, but is an attribute of the function", attr->name);
    ig_adapt_set(a, a->row->input, attr->ref ? referred_list(a, attr) : attr_as_value(a, attr));
    ig_attr_remove(a->node, a->row->attr);
    return IG_OK;
}

ig_status ig_adapt_to_attr(ig_adapt *a) {
    ig_value *in = ig_adapt_in(a, a->row->input);
    if (!in) return IG_OK;
    const ig_tensor *t = ig_adapt_content(a, in);
    const char *name = a->row->attr;
    if (!t || !(ig_dtype_is_int(t->dtype) || ig_dtype_is_float(t->dtype))) {
        return ig_adapt_refuse(a, "its input %u becomes the attribute '%s' and has to be constant", a->row->input, name);
    }
    bool ok = true, single = a->row->moved != IG_MOVED_INTS && a->row->moved != IG_MOVED_FLOATS;
    if (single && t->count != 1)
        return ig_adapt_refuse(a, "its input %u becomes the attribute '%s' and is no single number", a->row->input, name);
    if (a->row->moved == IG_MOVED_INTS) {
        const int64_t *list;
        size_t n;
        ok = ig_adapt_ints(a, in, &list, &n) && ig_attr_put_ints(a->node, name, list, n);
    } else if (a->row->moved == IG_MOVED_FLOATS) {
        float *list = IG_NEW_ARRAY(&a->model->arena, float, t->count);
        ig_attr attr = {.name = ig_model_name(a->model, name), .kind = IG_ATTR_FLOATS, .n = t->count, .floats = list};
        if (list) ig_to_f32(t->dtype, t->data, 0, t->count, list);
        ok = list && attr.name && ig_attr_put(a->node, &attr);
    } else if (a->row->moved == IG_MOVED_INT || a->row->moved == IG_MOVED_INT_LIST) {
        ok = ig_attr_put_int(a->node, name, ig_load_as_i64(t->dtype, t->data, 0));
    } else {
        ok = ig_attr_put_float(a->node, name, (float)ig_load_as_f64(t->dtype, t->data, 0));
    }
    if (!ok) a->b.failed = true;
    ig_adapt_set(a, a->row->input, NULL);
    return IG_OK;
}

/* ---- small changes ---- */

ig_status ig_adapt_count_axes(ig_adapt *a) {
    const ig_attr *attr = ig_attr_find(a->node, a->row->attr);
    if (!attr) return IG_OK;
    if (attr->ref) return IG_OK; /* the caller's business */
    const int64_t *axes = attr->kind == IG_ATTR_INT ? &attr->i : attr->kind == IG_ATTR_INTS ? attr->ints : NULL;
    size_t n = !axes ? 0 : attr->kind == IG_ATTR_INT ? 1 : attr->n, negative = 0;
    for (size_t i = 0; i < n; i++) negative += axes[i] < 0;
    if (negative == 0) return IG_OK;
    int rank = ig_adapt_rank(ig_adapt_in(a, 0));
    if (rank == IG_UNRANKED) return ig_adapt_refuse(a, "a negative '%s' of an input whose rank is not known", attr->name);
    if (ig_node_is(a->node, "", "Unsqueeze") || ig_node_is(a->node, "", "OneHot")) rank += (int)n;
    int64_t *list = IG_NEW_ARRAY(&a->model->arena, int64_t, n);
    if (!list) return ig_oom(a->err);
    for (size_t i = 0; i < n; i++) list[i] = axes[i] < 0 ? axes[i] + rank : axes[i];
    bool ok = attr->kind == IG_ATTR_INT ? ig_attr_put_int(a->node, a->row->attr, list[0])
                                        : ig_attr_put_ints(a->node, a->row->attr, list, n);
    return ok ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_drop_attr(ig_adapt *a) {
    ig_attr_remove(a->node, a->row->attr);
    return IG_OK;
}

ig_status ig_adapt_not_text(ig_adapt *a) {
    char side[40];
    ig_str value = ig_attr_str(a->node, a->row->attr);
    for (const char *w = a->row->text; *w;) {
        size_t n = strcspn(w, " ");
        if (value.n == n && memcmp(value.s, w, n) == 0)
            return ig_adapt_refuse(a, "its %s '%.*s' can't be said %s", a->row->attr, (int)n, w, ig_adapt_side(a, side));
        w += n + (w[n] == ' ');
    }
    return IG_OK;
}

ig_status ig_adapt_to_text(ig_adapt *a) {
    ig_name name = ig_model_name(a->model, a->row->text);
    if (!name) return ig_oom(a->err);
    a->node->op = name;
    a->to = ig_schema_find(ig_node_domain(a->node), name, a->up ? a->version : a->version - 1);
    return IG_OK;
}

ig_status ig_adapt_no_such(ig_adapt *a) { return ig_adapt_refuse(a, "%s", a->row->text); }

ig_status ig_adapt_write_default(ig_adapt *a) {
    int64_t whole;
    if (ig_attr_find(a->node, a->row->attr)) return IG_OK;
    bool ok = ig_str_to_i64(ig_str_c(a->row->text), &whole) ? ig_attr_put_int(a->node, a->row->attr, whole)
                                                            : ig_attr_put_str(a->node, a->row->attr, a->row->text);
    return ok ? IG_OK : ig_oom(a->err);
}
