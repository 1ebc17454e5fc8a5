/* TensorLists and TensorArrays. A TensorArray's content goes with its flow, which is a list like any other; its handle only
 * says of what type the elements are. */
#include "formats/tensorflow/rules.h"

#include <stdio.h>

/* --------------------------------------------------------------------------------------------------------------- forms */

ig_tf_thing *ig_tf_list_of(ig_lower *l, ig_tf_form form, ig_value *part, ig_dtype dtype, const ig_type *element) {
    ig_tf_thing *t = ig_tf_new_thing(l, IG_TF_LIST);
    if (!t) return NULL;
    t->form = form;
    t->part[0] = part;
    t->dtype = dtype;
    t->element = element;
    return t;
}

static ig_value *set_type(ig_lower *l, ig_value *v, const ig_type *type) {
    if (v && type && (!v->type || ig_tf_rank_of(v) < 0)) v->type = type;
    IG_UNUSED(l);
    return v;
}

static const ig_type *sequence_type(ig_lower *l, const ig_tf_thing *t) {
    const ig_type *of = t->element ? t->element : ig_type_tensor(&l->model->arena, t->dtype, NULL);
    return ig_type_of_kind(&l->model->arena, IG_KIND_SEQUENCE, IG_UNDEFINED, of);
}

static ig_value *sequence_op(ig_lower *l, const char *op, ig_value *const *in, size_t n, const ig_tf_thing *t) {
    ig_value *v = ig_tf_node1(l, NULL, op, "", in, n);
    if (v && !v->type) v->type = sequence_type(l, t);
    return v;
}

/* Elements that nobody has set are zeros of the elements' shape where that is known, else empty. */
static ig_value *unset_rows(ig_lower *l, const ig_tf_thing *t) {
    ig_shape shape = ig_type_shape(t->element);
    int64_t dims[IG_MAX_RANK] = {0};
    size_t n = 1;
    bool known = shape.rank >= 0;
    for (int i = 0; known && i < shape.rank; i++) known = ig_dim_known(shape.dims[i]);
    for (int i = 0; known && i < shape.rank; i++) dims[i] = shape.dims[i].value;
    if (known) n = (size_t)shape.rank;
    ig_tf_bind(l, "n", t->part[0]);
    ig_tf_bind(l, "zero", ig_tf_scalar(l, t->dtype, 0));
    if (t->dtype == IG_STRING) ig_tf_bind(l, "zero", ig_tf_scalar(l, IG_STRING, 0));
    return ig_tf_v(l, "Expand(zero, Concat<axis=0>(Reshape(n, [1]), [%s]))", ig_tf_join(l, dims, n));
}

ig_value *ig_tf_list_sequence(ig_lower *l, ig_tf_thing *t) {
    char attributes[64];
    int64_t length;
    if (t->form == IG_TF_SEQUENCE) return t->part[0];
    if (t->form == IG_TF_SCAN) return NULL;
    if (t->form == IG_TF_RESERVED && ig_tf_int(l, t->part[0], &length) && length == 0) {
        snprintf(attributes, sizeof attributes, "dtype=%d", (int)t->dtype);
        ig_value *v = ig_tf_node1(l, NULL, "SequenceEmpty", attributes, NULL, 0);
        if (v) v->type = sequence_type(l, t);
        return v;
    }
    ig_value *rows = t->form == IG_TF_STACK ? t->part[0] : unset_rows(l, t);
    ig_value *v = ig_tf_node1(l, NULL, "SplitToSequence", "axis=0, keepdims=0", &rows, 1);
    if (v) v->type = sequence_type(l, t);
    return v;
}

/* The list that input i is; refuses anything else. */
static ig_status need_list(ig_lower *l, uint32_t i, ig_tf_thing **t) {
    *t = ig_tf_thing_of(l, ig_tf_in(l, i));
    if (!*t || (*t)->kind != IG_TF_LIST) return ig_lower_refuse(l, "its input %u is no list that igata has followed", i);
    return IG_OK;
}

static ig_value *length_of(ig_lower *l, ig_tf_thing *t) {
    if (t->form == IG_TF_RESERVED) return ig_tf_i64(l, t->part[0]);
    ig_tf_bind(l, "list", t->part[0]);
    if (t->form == IG_TF_STACK) return ig_tf_v(l, "Gather(Shape(list), 0i)");
    return ig_tf_v(l, "SequenceLength(list)");
}

/* All elements in one tensor, along a new first axis. */
static ig_value *stacked(ig_lower *l, ig_tf_thing *t) {
    if (t->form == IG_TF_STACK) return t->part[0];
    if (t->form == IG_TF_RESERVED) return unset_rows(l, t);
    ig_value *v =
        ig_tf_node1(l, NULL, "ConcatFromSequence", "axis=0, new_axis=1", (ig_value *[]){ig_tf_list_sequence(l, t)}, 1);
    ig_shape shape = ig_type_shape(t->element);
    if (!v || shape.rank < 0 || shape.rank >= IG_MAX_RANK) return v;
    for (int i = shape.rank; i > 0; i--) shape.dims[i] = shape.dims[i - 1];
    shape.dims[0] = ig_dim_unknown();
    shape.rank++;
    return set_type(l, v, ig_type_tensor(&l->model->arena, t->dtype, &shape));
}

/* The type for elements of a list with a shape that a tensor says (-1: unknown); NULL when it says nothing. */
static const ig_type *element_type(ig_lower *l, ig_dtype dtype, const ig_value *shape_value) {
    int64_t dims[IG_MAX_RANK];
    size_t n;
    ig_shape shape = {0};
    if (!shape_value || ig_tf_rank_of(shape_value) == 0 || !ig_tf_ints(l, shape_value, dims, IG_MAX_RANK, &n)) return NULL;
    shape.rank = (int)n;
    for (size_t i = 0; i < n; i++) shape.dims[i] = dims[i] < 0 ? ig_dim_unknown() : ig_dim_of(dims[i]);
    return ig_type_tensor(&l->model->arena, dtype, &shape);
}

/* Whichever of two types of elements says more. */
static const ig_type *better(const ig_type *a, const ig_type *b) {
    if (!a || a->rank < 0) return b;
    if (!b || b->rank < 0) return a;
    int known[2] = {0, 0};
    for (int i = 0; i < a->rank; i++) known[0] += ig_dim_known(a->dims[i]) || a->dims[i].sym;
    for (int i = 0; i < b->rank; i++) known[1] += ig_dim_known(b->dims[i]) || b->dims[i].sym;
    return known[1] > known[0] ? b : a;
}

static ig_tf_thing *with_item(ig_lower *l, const ig_tf_thing *t, ig_value *sequence, const ig_value *item) {
    const ig_type *element = t->element;
    if (item && item->type && ig_tf_rank_of(item) >= 0) element = better(element, item->type);
    return ig_tf_list_of(l, IG_TF_SEQUENCE, sequence, t->dtype, element);
}

/* --------------------------------------------------------------------------------------------------------- TensorLists */

ig_status ig_tf_lower_list_reserve(ig_lower *l) {
    ig_dtype dtype = ig_tf_attr_dtype(l, "element_dtype");
    bool empty = ig_tf_rule_arg(l) == 1; /* EmptyTensorList: the other input is the most that it will hold */
    ig_value *n = empty ? ig_tf_scalar(l, IG_I64, 0) : ig_tf_i64(l, ig_tf_in(l, 1));
    ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_RESERVED, n, dtype, element_type(l, dtype, ig_tf_in(l, 0))));
    return IG_OK;
}

ig_status ig_tf_lower_list_from_tensor(ig_lower *l) {
    const ig_value *rows = ig_tf_in(l, 0);
    ig_dtype dtype = ig_tf_attr_dtype(l, "element_dtype");
    ig_shape shape = ig_type_shape(rows->type);
    const ig_type *element = element_type(l, dtype, ig_tf_in(l, 1));
    if (shape.rank > 0) {
        shape.rank--;
        for (int i = 0; i < shape.rank; i++) shape.dims[i] = shape.dims[i + 1];
        element = better(ig_type_tensor(&l->model->arena, dtype, &shape), element);
    }
    ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_STACK, ig_tf_in(l, 0), dtype, element));
    return IG_OK;
}

ig_status ig_tf_lower_list_stack(ig_lower *l) {
    ig_tf_thing *t;
    IG_TRY(need_list(l, 0, &t));
    t->element = better(t->element, element_type(l, t->dtype, ig_tf_in(l, 1)));
    ig_tf_out(l, 0, stacked(l, t));
    return IG_OK;
}

static ig_value *element_at(ig_lower *l, ig_tf_thing *t, ig_value *index) {
    ig_tf_bind(l, "at", ig_tf_i64(l, index));
    if (t->form == IG_TF_SEQUENCE) {
        ig_tf_bind(l, "list", t->part[0]);
        return set_type(l, ig_tf_v(l, "SequenceAt(list, at)"), t->element);
    }
    ig_tf_bind(l, "list", stacked(l, t));
    return ig_tf_v(l, "Gather<axis=0>(list, at)");
}

ig_status ig_tf_lower_list_get(ig_lower *l) {
    ig_tf_thing *t;
    IG_TRY(need_list(l, 0, &t));
    t->element = better(t->element, element_type(l, t->dtype, ig_tf_in(l, 2)));
    ig_tf_out(l, 0, element_at(l, t, ig_tf_in(l, 1)));
    return IG_OK;
}

static ig_value *replaced(ig_lower *l, ig_value *list, ig_value *at, ig_value *item, const ig_tf_thing *t) {
    list = sequence_op(l, "SequenceErase", (ig_value *[]){list, at}, 2, t);
    return sequence_op(l, "SequenceInsert", (ig_value *[]){list, item, at}, 3, t);
}

/* One branch of the choice below. */
static bool add_branch(ig_lower *l, ig_node *node, const char *name, ig_value *list, ig_value *at, ig_value *item,
                       const ig_tf_thing *t) {
    ig_graph *g = ig_graph_new(l->model, node->graph, node);
    ig_attr a = {.name = ig_model_name(l->model, name), .kind = IG_ATTR_GRAPH, .g = g};
    ig_tf_elsewhere e;
    if (!g || !a.name || !ig_attr_put(node, &a)) return false;
    ig_tf_enter(l, &e, g, NULL);
    ig_value *v = at ? replaced(l, list, at, item, t) : sequence_op(l, "SequenceInsert", (ig_value *[]){list, item}, 2, t);
    return ig_tf_leave(l, &e) == IG_OK && v && ig_graph_add_output(g, v);
}

/* The list may grow: the place is one that it has, or the next one. */
static ig_value *replaced_or_added(ig_lower *l, ig_value *list, ig_value *at, ig_value *item, const ig_tf_thing *t) {
    ig_build b = ig_build_before(l->node);
    ig_tf_bind(l, "list", list);
    ig_tf_bind(l, "at", at);
    ig_value *old = ig_tf_v(l, "Less(at, SequenceLength(list))");
    ig_node *node = ig_build_node(&b, NULL, "If", &old, 1, 1);
    if (!node || !add_branch(l, node, "then_branch", list, at, item, t) ||
        !add_branch(l, node, "else_branch", list, NULL, item, t)) {
        l->b.failed = true;
        return NULL;
    }
    node->out[0]->type = sequence_type(l, t);
    return node->out[0];
}

static ig_tf_thing *set_element(ig_lower *l, ig_tf_thing *t, ig_value *index, ig_value *item, bool grows) {
    if (t->form == IG_TF_SCAN) return ig_tf_list_of(l, IG_TF_SCAN, item, t->dtype, t->element);
    ig_value *list = ig_tf_list_sequence(l, t), *at = ig_tf_i64(l, index);
    list = grows ? replaced_or_added(l, list, at, item, t) : replaced(l, list, at, item, t);
    return with_item(l, t, list, item);
}

ig_status ig_tf_lower_list_set(ig_lower *l) {
    ig_tf_thing *t;
    IG_TRY(need_list(l, 0, &t));
    bool grows = ig_tf_int_attr(l, "resize_if_index_out_of_bounds") != 0;
    ig_tf_out_thing(l, 0, set_element(l, t, ig_tf_in(l, 1), ig_tf_in(l, 2), grows));
    return IG_OK;
}

ig_status ig_tf_lower_list_push(ig_lower *l) {
    ig_tf_thing *t;
    ig_value *item = ig_tf_in(l, 1);
    IG_TRY(need_list(l, 0, &t));
    if (t->form == IG_TF_SCAN) {
        ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_SCAN, item, t->dtype, t->element));
        return IG_OK;
    }
    ig_value *list = sequence_op(l, "SequenceInsert", (ig_value *[]){ig_tf_list_sequence(l, t), item}, 2, t);
    ig_tf_out_thing(l, 0, with_item(l, t, list, item));
    return IG_OK;
}

ig_status ig_tf_lower_list_pop(ig_lower *l) {
    ig_tf_thing *t;
    IG_TRY(need_list(l, 0, &t));
    t->element = better(t->element, element_type(l, t->dtype, ig_tf_in(l, 1)));
    ig_tf_bind(l, "list", ig_tf_list_sequence(l, t));
    ig_value *item = set_type(l, ig_tf_v(l, "SequenceAt(list, -1i)"), t->element);
    ig_value *rest = ig_tf_v(l, "SequenceErase(list, -1i)");
    if (rest && !rest->type) rest->type = sequence_type(l, t);
    ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_SEQUENCE, rest, t->dtype, t->element));
    ig_tf_out(l, 1, item);
    return IG_OK;
}

ig_status ig_tf_lower_list_length(ig_lower *l) {
    ig_tf_thing *t;
    IG_TRY(need_list(l, 0, &t));
    ig_tf_out(l, 0, ig_tf_cast(l, length_of(l, t), IG_I32));
    return IG_OK;
}

/* Longer with elements that nobody has set, or shorter. */
ig_status ig_tf_lower_list_resize(ig_lower *l) {
    ig_tf_thing *t;
    int64_t old_n, n;
    IG_TRY(need_list(l, 0, &t));
    if (t->form == IG_TF_RESERVED) {
        ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_RESERVED, ig_tf_i64(l, ig_tf_in(l, 1)), t->dtype, t->element));
        return IG_OK;
    }
    if (ig_tf_int(l, length_of(l, t), &old_n) && ig_tf_int(l, ig_tf_in(l, 1), &n) && n == old_n) {
        ig_tf_out_thing(l, 0, t);
        return IG_OK;
    }
    if (ig_tf_rank_of(stacked(l, t)) < 0) return ig_lower_refuse(l, "the rank of the list's elements is unknown");
    ig_tf_bind(l, "rows", stacked(l, t));
    ig_tf_bind(l, "want", ig_tf_i64(l, ig_tf_in(l, 1)));
    ig_value *v = ig_tf_v(l, "Slice(Concat<axis=0>(rows, Expand(CastLike(0, rows), Concat<axis=0>(Max(Reshape(want, [1]) -"
                             " Shape<start=0, end=1>(rows), [0]), Shape<start=1>(rows)))), [0], Reshape(want, [1]))");
    ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_STACK, v, t->dtype, t->element));
    return IG_OK;
}

static ig_value *gathered(ig_lower *l, ig_tf_thing *t, ig_value *indices) {
    int64_t range[64];
    size_t n;
    ig_tf_bind(l, "rows", stacked(l, t));
    ig_tf_bind(l, "at", indices);
    /* A TensorArray is stacked by gathering 0, 1, 2 …, as many as it has. */
    bool all = t->form == IG_TF_STACK && ig_tf_ints(l, indices, range, 64, &n) && ig_tf_dim_of(t->part[0], 0) == (int64_t)n;
    for (size_t i = 0; all && i < n; i++) all = range[i] == (int64_t)i;
    return all ? t->part[0] : ig_tf_v(l, "Gather<axis=0>(rows, at)");
}

ig_status ig_tf_lower_list_gather(ig_lower *l) {
    ig_tf_thing *t;
    IG_TRY(need_list(l, 0, &t));
    t->element = better(t->element, element_type(l, t->dtype, ig_tf_in(l, 2)));
    ig_tf_out(l, 0, gathered(l, t, ig_tf_in(l, 1)));
    return IG_OK;
}

/* Rows behind each other along the first axis, and the length of each. */
static void concatenated(ig_lower *l, ig_tf_thing *t) {
    if (t->form != IG_TF_SEQUENCE) {
        ig_tf_bind(l, "rows", stacked(l, t));
        ig_tf_out(l, 0, ig_tf_v(l, "Reshape(rows, Concat<axis=0>([-1], Shape<start=2>(rows)))"));
        if (ig_tf_wanted(l, 1)) ig_tf_out(l, 1, ig_tf_v(l, "Expand(Shape<start=1, end=2>(rows), Shape<start=0, end=1>(rows))"));
        return;
    }
    ig_value *list = t->part[0];
    ig_tf_out(l, 0, ig_tf_node1(l, NULL, "ConcatFromSequence", "axis=0", &list, 1));
}

ig_status ig_tf_lower_list_concat(ig_lower *l) {
    ig_tf_thing *t;
    IG_TRY(need_list(l, 0, &t));
    t->element = better(t->element, element_type(l, t->dtype, ig_tf_in(l, 1)));
    concatenated(l, t);
    return IG_OK;
}

ig_status ig_tf_lower_list_shape(ig_lower *l) {
    ig_tf_thing *t;
    IG_TRY(need_list(l, 0, &t));
    ig_shape shape = ig_type_shape(t->element);
    if (shape.rank < 0) return ig_lower_refuse(l, "the rank of the list's elements is unknown");
    ig_tf_bind(l, "rows", stacked(l, t));
    ig_tf_out(l, 0, ig_tf_cast(l, ig_tf_v(l, "Shape<start=1>(rows)"), ig_tf_attr_dtype(l, "shape_type")));
    return IG_OK;
}

/* Rows at given places of a new list; places that nobody sets are zeros. */
static ig_value *scattered(ig_lower *l, ig_value *rows, ig_value *indices, ig_value *n) {
    int64_t range[64];
    size_t count;
    int64_t length;
    bool all = ig_tf_ints(l, indices, range, 64, &count) && (!n || (ig_tf_int(l, n, &length) && length == (int64_t)count));
    for (size_t i = 0; all && i < count; i++) all = range[i] == (int64_t)i;
    ig_tf_bind(l, "rows", rows);
    ig_tf_bind(l, "at", ig_tf_i64(l, indices));
    ig_tf_bind(l, "n", n ? ig_tf_i64(l, n) : ig_tf_v(l, "ReduceMax<keepdims=0>(at) + 1i"));
    if (all) return rows;
    return ig_tf_v(l, "ScatterND(Expand(CastLike(0, rows), Concat<axis=0>(Reshape(n, [1]), Shape<start=1>(rows))), "
                      "Unsqueeze(at, [1]), rows)");
}

static const ig_type *row_type(ig_lower *l, const ig_value *rows) {
    ig_shape shape = ig_type_shape(rows ? rows->type : NULL);
    if (shape.rank < 1) return NULL;
    shape.rank--;
    for (int i = 0; i < shape.rank; i++) shape.dims[i] = shape.dims[i + 1];
    return ig_type_tensor(&l->model->arena, ig_tf_dtype_of(rows), &shape);
}

ig_status ig_tf_lower_list_scatter(ig_lower *l) {
    int64_t n = -1;
    ig_value *rows = ig_tf_in(l, 0), *length = ig_tf_count_in(l) > 3 ? ig_tf_in(l, 3) : NULL;
    if (length && ig_tf_int(l, length, &n) && n < 0) length = NULL;
    ig_dtype dtype = ig_tf_attr_dtype(l, "element_dtype");
    ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_STACK, scattered(l, rows, ig_tf_in(l, 1), length), dtype, row_type(l, rows)));
    return IG_OK;
}

/* The same into a list that is there. */
ig_status ig_tf_lower_list_scatter_into(ig_lower *l) {
    ig_tf_thing *t;
    IG_TRY(need_list(l, 0, &t));
    ig_value *rows = ig_tf_in(l, 1);
    if (t->form != IG_TF_RESERVED) { /* over what it holds */
        ig_tf_bind(l, "old", stacked(l, t));
        ig_tf_bind(l, "rows", rows);
        ig_tf_bind(l, "at", ig_tf_i64(l, ig_tf_in(l, 2)));
        rows = ig_tf_v(l, "ScatterND(old, Unsqueeze(at, [1]), rows)");
    } else {
        rows = scattered(l, rows, ig_tf_in(l, 2), t->part[0]);
    }
    ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_STACK, rows, t->dtype, row_type(l, ig_tf_in(l, 1))));
    return IG_OK;
}

/* Two lists, one behind the other. */
ig_status ig_tf_lower_list_join(ig_lower *l) {
    ig_tf_thing *a, *b;
    IG_TRY(need_list(l, 0, &a));
    IG_TRY(need_list(l, 1, &b));
    ig_tf_bind(l, "a", stacked(l, a));
    ig_tf_bind(l, "b", stacked(l, b));
    ig_tf_out_thing(
        l, 0, ig_tf_list_of(l, IG_TF_STACK, ig_tf_v(l, "Concat<axis=0>(a, b)"), a->dtype, better(a->element, b->element)));
    return IG_OK;
}

/* A tensor cut along its first axis into pieces of given lengths. */
static ig_tf_thing *split(ig_lower *l, ig_value *rows, ig_value *lengths, ig_dtype dtype) {
    ig_value *list = ig_tf_node1(l, NULL, "SplitToSequence", "axis=0", (ig_value *[]){rows, ig_tf_i64(l, lengths)}, 2);
    ig_shape shape = ig_type_shape(rows->type);
    if (shape.rank > 0) shape.dims[0] = ig_dim_unknown();
    ig_tf_thing *t = ig_tf_list_of(l, IG_TF_SEQUENCE, list, dtype, ig_type_tensor(&l->model->arena, dtype, &shape));
    if (t && list && !list->type) list->type = sequence_type(l, t);
    return t;
}

ig_status ig_tf_lower_list_split(ig_lower *l) {
    ig_tf_out_thing(l, 0, split(l, ig_tf_in(l, 0), ig_tf_in(l, 2), ig_tf_attr_dtype(l, "element_dtype")));
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------- TensorArrays */

ig_status ig_tf_lower_array(ig_lower *l) {
    ig_dtype dtype = ig_tf_attr_dtype(l, "dtype");
    const ig_type *shape = ig_attr_type(l->node, "element_shape");
    ig_shape dims = ig_type_shape(shape);
    ig_tf_thing *handle = ig_tf_new_thing(l, IG_TF_ARRAY);
    if (!handle) return ig_oom(l->err);
    handle->dtype = dtype;
    handle->element = dims.rank >= 0 ? ig_type_tensor(&l->model->arena, dtype, &dims) : NULL;
    handle->grows = ig_tf_int_attr(l, "dynamic_size") != 0;
    ig_tf_out_thing(l, 0, handle);
    ig_tf_out_thing(l, 1, ig_tf_list_of(l, IG_TF_RESERVED, ig_tf_i64(l, ig_tf_in(l, 0)), dtype, handle->element));
    return IG_OK;
}

static const ig_tf_thing *array_of(ig_lower *l) {
    const ig_tf_thing *t = ig_tf_thing_of(l, ig_tf_in(l, 0));
    return t && t->kind == IG_TF_ARRAY ? t : NULL;
}

ig_status ig_tf_lower_array_read(ig_lower *l) { /* handle, index, flow */
    ig_tf_thing *t;
    IG_TRY(need_list(l, 2, &t));
    ig_tf_out(l, 0, element_at(l, t, ig_tf_in(l, 1)));
    return IG_OK;
}

ig_status ig_tf_lower_array_write(ig_lower *l) { /* handle, index, value, flow */
    ig_tf_thing *t;
    const ig_tf_thing *array = array_of(l);
    IG_TRY(need_list(l, 3, &t));
    bool grows = array && array->grows;
    ig_tf_out_thing(l, 0, set_element(l, t, ig_tf_in(l, 1), ig_tf_in(l, 2), grows));
    return IG_OK;
}

ig_status ig_tf_lower_array_gather(ig_lower *l) { /* handle, indices, flow */
    ig_tf_thing *t;
    IG_TRY(need_list(l, 2, &t));
    ig_tf_out(l, 0, gathered(l, t, ig_tf_in(l, 1)));
    return IG_OK;
}

ig_status ig_tf_lower_array_scatter(ig_lower *l) { /* handle, indices, value, flow */
    ig_tf_thing *t;
    const ig_tf_thing *array = array_of(l);
    IG_TRY(need_list(l, 3, &t));
    if (t->form != IG_TF_RESERVED) return ig_lower_refuse(l, "it scatters into a TensorArray that has elements");
    ig_value *rows = ig_tf_in(l, 2), *n = array && array->grows ? NULL : t->part[0];
    ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_STACK, scattered(l, rows, ig_tf_in(l, 1), n), t->dtype, row_type(l, rows)));
    return IG_OK;
}

ig_status ig_tf_lower_array_size(ig_lower *l) { /* handle, flow */
    ig_tf_thing *t;
    IG_TRY(need_list(l, 1, &t));
    ig_tf_out(l, 0, ig_tf_cast(l, length_of(l, t), IG_I32));
    return IG_OK;
}

ig_status ig_tf_lower_array_concat(ig_lower *l) { /* handle, flow */
    ig_tf_thing *t;
    IG_TRY(need_list(l, 1, &t));
    concatenated(l, t);
    return IG_OK;
}

ig_status ig_tf_lower_array_split(ig_lower *l) { /* handle, value, lengths, flow */
    ig_tf_thing *t;
    IG_TRY(need_list(l, 3, &t));
    ig_tf_out_thing(l, 0, split(l, ig_tf_in(l, 1), ig_tf_in(l, 2), t->dtype));
    return IG_OK;
}
