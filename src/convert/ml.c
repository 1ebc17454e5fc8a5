/* ai.onnx.ml: LabelEncoder's lists, numbers of trees in tensors. */
#include "convert/convert.h"

/* ---- LabelEncoder: a list of classes that stand for their positions in version 1, keys and values in version 2 ---- */

static int64_t *positions(ig_adapt *a, size_t n) {
    int64_t *list = IG_NEW_ARRAY(&a->model->arena, int64_t, n);
    for (size_t i = 0; list && i < n; i++) list[i] = (int64_t)i;
    return list;
}

static bool put_strings(ig_adapt *a, const char *name, const ig_str *list, size_t n) {
    ig_attr attr = {.name = ig_model_name(a->model, name), .kind = IG_ATTR_STRINGS, .n = n, .strings = list};
    return attr.name && ig_attr_put(a->node, &attr);
}

ig_status ig_adapt_label_encoder_up(ig_adapt *a) {
    size_t n;
    const ig_str *classes = ig_attr_strs(a->node, "classes_strings", &n);
    ig_dtype in = ig_adapt_dtype(ig_adapt_in(a, 0));
    int64_t *numbers = positions(a, n);
    if (in != IG_STRING && in != IG_I64)
        return ig_adapt_refuse(
            a, "whether it turns strings into numbers or back depends on the type of its input, which is not known");
    bool to_numbers = in == IG_STRING;
    bool ok = numbers && put_strings(a, to_numbers ? "keys_strings" : "values_strings", classes, n) &&
              ig_attr_put_ints(a->node, to_numbers ? "values_int64s" : "keys_int64s", numbers, n);
    ig_attr_remove(a->node, "classes_strings");
    return ok ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_label_encoder_down(ig_adapt *a) {
    size_t n, n_numbers;
    bool to_numbers = ig_attr_given(a->node, "keys_strings");
    const ig_str *classes = ig_attr_strs(a->node, to_numbers ? "keys_strings" : "values_strings", &n);
    const int64_t *numbers = ig_attr_ints(a->node, to_numbers ? "values_int64s" : "keys_int64s", &n_numbers);
    bool counts = n > 0 && n == n_numbers;
    for (size_t i = 0; counts && i < n; i++) counts = numbers[i] == (int64_t)i;
    if (!counts)
        return ig_adapt_refuse(a, "before version 2 it maps a list of strings to their positions or back, nothing else");
    if (!put_strings(a, "classes_strings", classes, n)) return ig_oom(a->err);
    static const char *const gone[] = {"keys_strings", "values_strings", "keys_int64s", "values_int64s", "default_float"};
    for (size_t i = 0; i < IG_COUNT_OF(gone); i++) ig_attr_remove(a->node, gone[i]);
    return IG_OK;
}

/* A constant as the attribute list of its element type: `prefix`_strings, _int64s or _floats. */
static ig_status tensor_to_list(ig_adapt *a, const char *from, const char *const names[3]) {
    const ig_attr *attr = ig_attr_find(a->node, from);
    ig_tensor *t;
    if (!attr) return IG_OK;
    if (attr->kind != IG_ATTR_TENSOR || !attr->t) return ig_adapt_refuse(a, "its attribute '%s' holds no tensor", from);
    IG_TRY(ig_const_tensor(a->model, attr->t, &t, a->err));
    bool ok = true;
    if (t->dtype == IG_STRING && names[0]) {
        ok = put_strings(a, names[0], ig_tensor_strings(t), t->count);
    } else if (t->dtype == IG_I64 && names[1]) {
        ok = ig_attr_put_ints(a->node, names[1], t->data, t->count);
    } else if (t->dtype == IG_F32 && names[2]) {
        ig_attr list = {.name = ig_model_name(a->model, names[2]), .kind = IG_ATTR_FLOATS, .n = t->count, .floats = t->data};
        ok = list.name && ig_attr_put(a->node, &list);
    } else {
        return ig_adapt_refuse(a, "its attribute '%s' has elements of type %s, which lists don't hold", from,
                               ig_dtypes[t->dtype].name);
    }
    ig_attr_remove(a->node, from);
    return ok ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_label_tensor_down(ig_adapt *a) {
    static const char *const keys[3] = {"keys_strings", "keys_int64s", "keys_floats"};
    static const char *const values[3] = {"values_strings", "values_int64s", "values_floats"};
    IG_TRY(tensor_to_list(a, "keys_tensor", keys));
    IG_TRY(tensor_to_list(a, "values_tensor", values));
    const ig_attr *preset = ig_attr_find(a->node, "default_tensor");
    ig_tensor *t;
    if (!preset) return IG_OK;
    IG_TRY(ig_const_tensor(a->model, preset->t, &t, a->err));
    bool ok = true;
    if (t->count == 1 && t->dtype == IG_I64)
        ok = ig_attr_put_int(a->node, "default_int64", ig_load_as_i64(IG_I64, t->data, 0));
    else if (t->count == 1 && t->dtype == IG_F32)
        ok = ig_attr_put_float(a->node, "default_float", ig_load_f32(t->data));
    else if (t->count == 1 && t->dtype == IG_STRING) {
        ig_attr attr = {
            .name = ig_model_name(a->model, "default_string"), .kind = IG_ATTR_STRING, .s = ig_tensor_strings(t)[0]};
        ok = attr.name && ig_attr_put(a->node, &attr);
    } else
        return ig_adapt_refuse(a, "its default_tensor is of a type that version 2 doesn't have");
    ig_attr_remove(a->node, "default_tensor");
    return ok ? IG_OK : ig_oom(a->err);
}

/* ---- trees: numbers of doubles came in tensors with version 3 ---- */

ig_status ig_adapt_trees_down(ig_adapt *a) {
    static const char *const names[] = {"base_values", "class_weights", "target_weights", "nodes_values", "nodes_hitrates"};
    for (size_t i = 0; i < IG_COUNT_OF(names); i++) {
        char from[48];
        const char *const lists[3] = {NULL, NULL, names[i]};
        size_t n = strlen(names[i]);
        memcpy(from, names[i], n);
        memcpy(from + n, "_as_tensor", sizeof "_as_tensor");
        IG_TRY(tensor_to_list(a, from, lists));
    }
    return IG_OK;
}
