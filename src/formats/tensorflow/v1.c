/* Checkpoints of version 1: one table whose first entry lists the tensors; the others hold slices of them as TensorProtos. */
#include "formats/tensorflow/bundle.h"

#include "codec/sstable.h"

typedef struct v1 {
    ig_tf_reader *r;
    const ig_tf_saved_meta *meta;
    ig_map values; /* name of a tensor -> its value */
} v1;

static ig_status first_only(void *user, ig_span key, ig_span value, ig_error *err) {
    IG_UNUSED(err);
    *(bool *)user = key.n == 0 && value.n && value.p[0] == 0x0a; /* field 1 is a message; in version 2 it is a number */
    return IG_NO;
}

bool ig_tf_is_v1(ig_context *context, ig_span table) {
    bool is = false;
    ig_arena scratch;
    ig_arena_init(&scratch, context);
    ig_sstable_each(&scratch, table, first_only, &is, NULL);
    ig_arena_free(&scratch);
    return is;
}

static ig_status read_meta(v1 *w, ig_span value) {
    ig_pb_reader reader = {&w->r->arena, value.p, w->r->model->context->limits.depth, w->r->err, NULL};
    ig_tf_saved_slices all = {0};
    IG_TRY(ig_pb_read(&reader, &ig_tf_saved_slices_pb, value, &all, NULL));
    w->meta = all.meta;
    return IG_OK;
}

static const ig_tf_saved_slice_meta *meta_of(const v1 *w, ig_str name) {
    for (size_t i = 0; w->meta && i < w->meta->tensor.n; i++)
        if (ig_str_eq(w->meta->tensor.items[i]->name, name)) return w->meta->tensor.items[i];
    return NULL;
}

static ig_status add_tensor(v1 *w, const ig_tf_saved_slice *pb, const ig_tf_saved_slice_meta *meta) {
    ig_tf_reader *r = w->r;
    ig_name name = ig_tf_name(r, pb->name);
    ig_const *c;
    if (!name) return ig_oom(r->err);
    if (ig_map_get(&w->values, IG_KEY(name))) return IG_OK;
    if (meta->slice.n > 1) {
        ig_tf_find(r, IG_ERROR, "checkpoint", name,
                   "it is stored in slices, which igata reads in checkpoints of version 2 only");
        return IG_OK;
    }
    pb->data->tensor_shape = meta->shape; /* the messages with the content have none */
    pb->data->dtype = meta->type;
    pb->data->head.wire = (ig_span){0}; /* so that it is decoded now, with these */
    IG_TRY(ig_tf_read_const(r, pb->data, name, name, &c));
    ig_value *v = ig_graph_add_initializer(r->model->graph, c);
    return v && ig_map_set(&w->values, IG_KEY(name), v) ? IG_OK : ig_oom(r->err);
}

static ig_status visit(void *user, ig_span key, ig_span value, ig_error *err) {
    v1 *w = user;
    if (key.n == 0) return read_meta(w, value);
    ig_pb_reader reader = {&w->r->arena, value.p, w->r->model->context->limits.depth, err, NULL};
    ig_tf_saved_slices pb = {0};
    IG_TRY(ig_pb_read(&reader, &ig_tf_saved_slices_pb, value, &pb, NULL));
    const ig_tf_saved_slice_meta *meta = pb.data && pb.data->data ? meta_of(w, pb.data->name) : NULL;
    return meta ? add_tensor(w, pb.data, meta) : IG_OK;
}

ig_status ig_tf_read_v1(ig_tf_reader *r, ig_span table) {
    v1 w = {.r = r};
    ig_map_init(&w.values, &r->arena);
    /* What was compressed lies in the model's arena, as long as constants that point there. */
    return ig_sstable_each(&r->model->arena, table, visit, &w, r->err);
}
