/* Configs as attributes and back. */
#include "formats/keras/keras.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

ig_dtype ig_keras_dtype(ig_str name) {
    static const struct {
        const char *name;
        ig_dtype dtype;
    } names[] = {{"float32", IG_F32},        {"float64", IG_F64},  {"half", IG_F16}, {"float8_e4m3fn", IG_F8E4M3FN},
                 {"float8_e5m2", IG_F8E5M2}, {"string", IG_STRING}};
    char text[40];
    for (size_t i = 0; i < IG_COUNT_OF(names); i++)
        if (ig_str_is(name, names[i].name)) return names[i].dtype;
    if (name.n >= sizeof text) return IG_UNDEFINED;
    snprintf(text, sizeof text, "%.*s", (int)name.n, name.s ? name.s : "");
    return ig_dtype_from_name(text);
}

/* ------------------------------------------------------------------------------------------------------------- to nodes */

/* The number that the shortest text which gives this float means. */
static double shortest(float f) {
    char text[40];
    if (!isfinite(f)) return (double)f;
    for (int digits = 6; digits < 10; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)f);
        if (strtof(text, NULL) == f) break;
    }
    return strtod(text, NULL);
}

/* A float keeps the number, the way it comes back. */
static bool float_keeps(double x) { return isnan(x) || shortest((float)x) == x; }

static bool looks_like_json(ig_str s) {
    static const char *const words[] = {"null", "true", "false", "NaN", "Infinity"};
    if (s.n && (strchr("{[\"-", s.s[0]) || (s.s[0] >= '0' && s.s[0] <= '9')) && s.s[0]) return true;
    for (size_t i = 0; i < IG_COUNT_OF(words); i++)
        if (ig_str_is(s, words[i])) return true;
    return false;
}

static bool put(ig_node *node, const char *name, ig_attr attr) {
    attr.name = ig_model_name(node->graph->model, name);
    return attr.name && ig_attr_put(node, &attr);
}

bool ig_keras_put_text(ig_node *node, const char *name, ig_str text) {
    bool ok = true;
    if (!text.s) return true;
    ig_str copy = ig_arena_str(&node->graph->model->arena, text, &ok);
    return ok && put(node, name, (ig_attr){.kind = IG_ATTR_STRING, .s = copy});
}

bool ig_keras_put_texts(ig_node *node, const char *name, const ig_str *texts, size_t n) {
    ig_arena *arena = &node->graph->model->arena;
    bool ok = true;
    ig_str *copy = IG_NEW_ARRAY(arena, ig_str, n);
    for (size_t i = 0; copy && i < n; i++) copy[i] = ig_arena_str(arena, texts[i], &ok);
    return copy && ok && put(node, name, (ig_attr){.kind = IG_ATTR_STRINGS, .n = n, .strings = copy});
}

static bool put_list(ig_node *node, const char *name, const ig_json *v) {
    ig_arena *arena = &node->graph->model->arena;
    bool ints = true, reals = true, texts = true;
    for (size_t i = 0; i < v->n; i++) {
        const ig_json *x = &v->items[i];
        ints &= x->kind == IG_JSON_INT;
        reals &= (x->kind == IG_JSON_REAL || x->kind == IG_JSON_INT) && float_keeps(ig_json_real(x, 0));
        texts &= x->kind == IG_JSON_TEXT;
    }
    if (v->n == 0 || !(ints || reals || texts)) return ig_keras_put_text(node, name, v->source);
    if (ints) {
        int64_t *list = IG_NEW_ARRAY(arena, int64_t, v->n);
        for (size_t i = 0; list && i < v->n; i++) list[i] = v->items[i].i;
        return list && put(node, name, (ig_attr){.kind = IG_ATTR_INTS, .n = v->n, .ints = list});
    }
    if (reals) {
        float *list = IG_NEW_ARRAY(arena, float, v->n);
        for (size_t i = 0; list && i < v->n; i++) list[i] = (float)ig_json_real(&v->items[i], 0);
        return list && put(node, name, (ig_attr){.kind = IG_ATTR_FLOATS, .n = v->n, .floats = list});
    }
    ig_str *list = IG_NEW_ARRAY(arena, ig_str, v->n);
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < v->n; i++) list[i] = ig_arena_str(arena, v->items[i].s, &ok);
    return ok && put(node, name, (ig_attr){.kind = IG_ATTR_STRINGS, .n = v->n, .strings = list});
}

static bool put_member(ig_node *node, const char *name, const ig_json *v) {
    switch (v->kind) {
    case IG_JSON_BOOL: return put(node, name, (ig_attr){.kind = IG_ATTR_INT, .i = v->b});
    case IG_JSON_INT: return put(node, name, (ig_attr){.kind = IG_ATTR_INT, .i = v->i});
    case IG_JSON_REAL:
        if (float_keeps(v->r)) return put(node, name, (ig_attr){.kind = IG_ATTR_FLOAT, .f = (float)v->r});
        return ig_keras_put_text(node, name, v->source);
    case IG_JSON_TEXT: return ig_keras_put_text(node, name, looks_like_json(v->s) ? v->source : v->s);
    case IG_JSON_LIST: return put_list(node, name, v);
    default: return ig_keras_put_text(node, name, v->source);
    }
}

bool ig_keras_put_config(ig_node *node, const ig_json *config) {
    ig_arena *arena = &node->graph->model->arena;
    for (size_t i = 0; ig_json_is_kind(config, IG_JSON_OBJECT) && i < config->n; i++) {
        bool ok = true;
        ig_str name = ig_arena_str(arena, config->keys[i], &ok);
        if (!ok || !put_member(node, name.s, &config->items[i])) return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------------- from nodes */

static bool get_list(ig_arena *arena, const ig_attr *a, ig_json *v) {
    ig_json *items = IG_NEW_ARRAY(arena, ig_json, a->n);
    if (!items) return false;
    for (size_t i = 0; i < a->n; i++) {
        if (a->kind == IG_ATTR_INTS) items[i] = (ig_json){.kind = IG_JSON_INT, .i = a->ints[i]};
        if (a->kind == IG_ATTR_FLOATS) items[i] = (ig_json){.kind = IG_JSON_REAL, .r = shortest(a->floats[i])};
        if (a->kind == IG_ATTR_STRINGS) items[i] = (ig_json){.kind = IG_JSON_TEXT, .s = a->strings[i]};
    }
    *v = (ig_json){.kind = IG_JSON_LIST, .n = a->n, .items = items};
    return true;
}

static bool get_member(ig_arena *arena, const ig_attr *a, ig_json *v) {
    const ig_json *parsed;
    ig_error err;
    *v = (ig_json){.kind = IG_JSON_NULL};
    switch (a->kind) {
    case IG_ATTR_INT: *v = (ig_json){.kind = IG_JSON_INT, .i = a->i}; return true;
    case IG_ATTR_FLOAT: *v = (ig_json){.kind = IG_JSON_REAL, .r = shortest(a->f)}; return true;
    case IG_ATTR_INTS:
    case IG_ATTR_FLOATS:
    case IG_ATTR_STRINGS: return get_list(arena, a, v);
    case IG_ATTR_STRING:
        *v = (ig_json){.kind = IG_JSON_TEXT, .s = a->s};
        if (!looks_like_json(a->s)) return true;
        if (ig_json_parse(&parsed, arena, a->s, &err) == IG_OK)
            *v = *parsed;
        else
            return err.status != IG_E_MEMORY;
        return true;
    default: return true;
    }
}

const ig_json *ig_keras_get_config(ig_arena *arena, const ig_node *node) {
    size_t n = 0, i = 0;
    for (const ig_attr *a = node->attrs; a; a = a->next) n++;
    ig_json *v = IG_NEW(arena, ig_json), *items = IG_NEW_ARRAY(arena, ig_json, n);
    ig_str *keys = IG_NEW_ARRAY(arena, ig_str, n);
    if (!v || !items || !keys) return NULL;
    for (const ig_attr *a = node->attrs; a; a = a->next, i++) {
        keys[i] = ig_name_str(a->name);
        if (!get_member(arena, a, &items[i])) return NULL;
    }
    *v = (ig_json){.kind = IG_JSON_OBJECT, .n = n, .items = items, .keys = keys};
    return v;
}
