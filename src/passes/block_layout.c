/* Lets convolutional parts of a graph work on blocked tensors (kernels/blocked), in which channels lie together.
 *
 *     t = Conv(x, w); y = Relu(t); z = Conv(y, v)
 *       =>   x5 = igata.Block(x); t5 = igata.BlockedConv(x5, w); y5 = Relu(t5); z5 = igata.BlockedConv(y5, v); z =
 * igata.Unblock(z5)
 *
 * Right because every node on the way treats channels alike or knows where they are; what the last block is filled up with
 * meets no weight. Every blocked value also has its plain form, which goes when nobody reads it. Weights, biases and
 * quantization must be constants, and the machine must have the tiles. */
#include "kernels/blocked/blocked.h"
#include "passes/match.h"

typedef struct layout {
    ig_map blocked; /* value -> its blocked form */
    ig_graph *graph;
    ig_pass_env *env;
} layout;

static ig_value *blocked_of(const layout *l, const ig_value *v) { return v ? ig_map_get(&l->blocked, IG_KEY(v)) : NULL; }

static bool is_constant(const ig_value *v) {
    return v && v->constant && !v->is_input && !v->constant->bad && !v->constant->sparse;
}
static bool is_scalar(const ig_value *v) { return is_constant(v) && v->constant->count == 1; }

/* Channels of a tensor of rank 4; 0: not known. */
static int64_t channels_of(const ig_value *v) {
    if (ig_match_rank(v) != 4 || !ig_dim_known(v->type->dims[1])) return 0;
    return v->type->dims[1].value;
}

/* Its blocked form has a known type, so that the kernel can choose its way ahead. */
static const ig_type *type_of(const ig_value *v, int64_t width) {
    const ig_type *t = v->type;
    ig_shape shape = {.rank = 5,
                      .dims = {t->dims[0], ig_dim_of((t->dims[1].value + width - 1) / width), t->dims[2], t->dims[3]}};
    shape.dims[4] = ig_dim_of(width);
    return ig_type_tensor(&v->graph->model->arena, t->dtype, &shape);
}

/* The blocked form, made when there is none yet. */
static ig_value *block(layout *l, ig_build *b, ig_value *v, int64_t width) {
    ig_value *have = blocked_of(l, v);
    if (have || !ig_model_import(l->graph, "igata", 1)) return have;
    ig_node *n = ig_build_node(b, "igata", "Block", &v, 1, 1);
    if (!n) return NULL;
    if (width != IG_BLOCK) ig_build_int(b, "width", width);
    ig_node_resolve(n);
    n->out[0]->type = type_of(v, width);
    return !b->failed && ig_map_set(&l->blocked, IG_KEY(v), n->out[0]) ? n->out[0] : NULL;
}

/* Puts the plain form of `made`, the blocked form of output `o` of `old`, in that output's place. */
static bool finish(layout *l, ig_build *b, ig_node *old, uint32_t o, ig_value *made) {
    ig_value *out = old->out[o];
    int64_t channels = channels_of(out);
    made->type = type_of(out, IG_BLOCK);
    if (!ig_model_import(l->graph, "igata", 1)) return false;
    ig_node *n = ig_build_node(b, "igata", "Unblock", &made, 1, 1);
    if (!n) return false;
    ig_build_int(b, "channels", channels);
    ig_node_resolve(n);
    ig_node_take_over(n, out, NULL, 0);
    return !b->failed && ig_map_set(&l->blocked, IG_KEY(out), made);
}

/* A copy of the node with other inputs, its outputs new. */
static ig_node *copy(ig_build *b, const ig_node *n, const char *domain, const char *op, ig_value *const *in, size_t n_in) {
    ig_node *made = ig_build_node(b, domain, op, in, n_in, n->n_out);
    if (!made || !ig_node_copy_attributes(made, n)) return NULL;
    made->name = n->name;
    ig_node_resolve(made);
    return made;
}

static ig_status replace(layout *l, ig_build *b, ig_node *old, ig_node *made) {
    if (!made) return ig_oom(l->env->err);
    for (uint32_t o = 0; o < old->n_out; o++)
        if (old->out[o] && !finish(l, b, old, o, made->out[o])) return ig_oom(l->env->err);
    ig_node_erase(old);
    l->env->changes++;
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------ convolution */

static bool is_conv(const ig_node *n, bool *bytes) {
    *bytes = ig_node_is(n, "", "QLinearConv");
    return *bytes || ig_node_is(n, "", "Conv") || ig_node_is(n, "com.microsoft", "FusedConv");
}

static const ig_blocked *tiles_of(const layout *l, bool bytes) {
    const ig_kernels *k = ig_kernels_of(l->graph->model->context);
    return bytes ? k->qblocked : k->blocked;
}

/* Zero points that are 0 for signed weights, 128 for unsigned ones: what is left stays in 8 bits. */
static bool good_zero(const ig_value *w, const ig_value *zero) {
    const ig_tensor *t = ig_match_content(zero);
    if (!t || t->kind != IG_KIND_TENSOR) return false;
    for (size_t i = 0; i < t->count; i++)
        if (ig_load_as_i64(t->dtype, t->data, i) != (w->constant->dtype == IG_I8 ? 0 : 128)) return false;
    return true;
}

static bool fits_conv(const layout *l, const ig_node *n, bool bytes) {
    const ig_value *x = n->in[0], *w = n->in[bytes ? 3 : 1];
    uint32_t bias = bytes ? 8 : 2;
    int64_t group = ig_attr_int(n, "group");
    if (n->n_out != 1 || !n->out[0] || !tiles_of(l, bytes)->fast || !is_constant(w) || w->constant->rank != 4 || group < 1)
        return false;
    if (ig_match_rank(x) != 4 || !channels_of(n->out[0]) || (n->n_in > bias && n->in[bias] && !is_constant(n->in[bias])))
        return false;
    const int64_t *dims = w->constant->dims;
    if (dims[0] % group || w->constant->count == 0 || channels_of(x) != dims[1] * group) return false;
    if (!ig_blocked_fits((size_t)group, (size_t)dims[1], (size_t)(dims[0] / group))) return false;
    if (!bytes) return ig_match_dtype(x, IG_F32) && w->constant->dtype == IG_F32;
    if (!ig_match_dtype(x, IG_U8)) return false;
    for (uint32_t i = 1; i < 8; i++)
        if (!is_constant(n->in[i]) || (i != 3 && i != 4 && i != 5 && n->in[i]->constant->count != 1)) return false;
    return good_zero(w, n->in[5]);
}

static ig_status visit_conv(layout *l, ig_node *n, bool bytes) {
    ig_build b = ig_build_before(n);
    ig_value *in[9] = {NULL};
    for (uint32_t i = 0; i < n->n_in && i < 9; i++) in[i] = n->in[i];
    in[0] = block(l, &b, n->in[0], channels_of(n->in[0]) <= 4 ? 4 : IG_BLOCK);
    if (!bytes && n->n_in > 3 && n->in[3]) in[3] = block(l, &b, n->in[3], IG_BLOCK);
    if (!in[0] || (!bytes && n->n_in > 3 && n->in[3] && !in[3])) return ig_oom(l->env->err);
    return replace(l, &b, n, copy(&b, n, "igata", bytes ? "BlockedQLinearConv" : "BlockedConv", in, n->n_in));
}

/* --------------------------------------------------------------------------------------------------- elementwise and company
 */

/* Inputs [0, n) that are tensors; all others must be scalars. */
static const struct each {
    const char *domain, *op;
    uint32_t tensors;
} each[] = {
    {"", "Relu", 1},
    {"", "Sigmoid", 1},
    {"", "Tanh", 1},
    {"", "Clip", 1},
    {"", "LeakyRelu", 1},
    {"", "Elu", 1},
    {"", "Selu", 1},
    {"", "HardSigmoid", 1},
    {"", "HardSwish", 1},
    {"", "Softplus", 1},
    {"", "Softsign", 1},
    {"", "Gelu", 1},
    {"", "Swish", 1},
    {"", "Mish", 1},
    {"", "Erf", 1},
    {"", "Exp", 1},
    {"", "Sqrt", 1},
    {"", "Abs", 1},
    {"", "Neg", 1},
    {"", "Add", 2},
    {"", "Sub", 2},
    {"", "Mul", 2},
    {"", "Div", 2},
    {"", "Max", 2},
    {"", "Min", 2},
    {"", "QuantizeLinear", 1},
    {"", "DequantizeLinear", 1},
    {"com.microsoft", "QLinearAdd", 4},
    {"com.microsoft", "QLinearMul", 4},
    {"com.microsoft", "QuickGelu", 1},
};

static const struct each *each_of(const ig_node *n) {
    for (size_t i = 0; i < IG_COUNT_OF(each); i++)
        if (ig_node_is(n, each[i].domain, each[i].op)) return &each[i];
    return NULL;
}

enum { MOST_IN = 16 };

/* Blocks have elements of 8 or 32 bits. */
static bool has_size(const ig_value *v) {
    ig_dtype dtype = v && v->type && v->type->kind == IG_KIND_TENSOR ? v->type->dtype : IG_UNDEFINED;
    return ig_dtype_valid(dtype) && (ig_dtypes[dtype].bits == 8 || ig_dtypes[dtype].bits == 32);
}

static ig_status visit_each(layout *l, ig_node *n, const struct each *e) {
    ig_value *in[MOST_IN], *blocked = NULL;
    int64_t channels = n->n_out ? channels_of(n->out[0]) : 0;
    if (!channels || n->n_out != 1 || !has_size(n->out[0]) || n->n_in > MOST_IN || (n->schema->since < 7 && e->tensors == 2))
        return IG_OK;
    for (uint32_t i = 0; i < n->n_in; i++) {
        in[i] = n->in[i];
        if (!in[i] || is_scalar(in[i])) continue;
        in[i] = i < e->tensors ? blocked_of(l, n->in[i]) : NULL;
        if (!in[i] || channels_of(n->in[i]) != channels) return IG_OK;
        blocked = in[i];
    }
    if (!blocked) return IG_OK;
    ig_build b = ig_build_before(n);
    return replace(l, &b, n, copy(&b, n, n->domain, n->op, in, n->n_in));
}

static ig_status visit_concat(layout *l, ig_node *n) {
    ig_value *in[MOST_IN];
    int64_t axis = ig_attr_int(n, "axis");
    if ((axis != 1 && axis != -3) || n->n_in > MOST_IN || !channels_of(n->out[0])) return IG_OK;
    for (uint32_t i = 0; i < n->n_in; i++) {
        in[i] = blocked_of(l, n->in[i]);
        if (!in[i] || channels_of(n->in[i]) == 0 || channels_of(n->in[i]) % IG_BLOCK) return IG_OK;
    }
    ig_build b = ig_build_before(n);
    ig_node *made = copy(&b, n, n->domain, n->op, in, n->n_in);
    if (!made || !ig_attr_put_int(made, "axis", 1)) return ig_oom(l->env->err);
    return replace(l, &b, n, made);
}

/* Parts that are whole blocks; their sizes become an input. */
static ig_status visit_split(layout *l, ig_node *n) {
    int64_t axis = ig_attr_int(n, "axis"), sizes[MOST_IN];
    ig_value *x = blocked_of(l, n->in[0]);
    if (!x || n->schema->since < 13 || (axis != 1 && axis != -3) || n->n_out > MOST_IN) return IG_OK;
    for (uint32_t o = 0; o < n->n_out; o++) {
        sizes[o] = n->out[o] ? channels_of(n->out[o]) : 0;
        if (!sizes[o] || sizes[o] % IG_BLOCK) return IG_OK;
        sizes[o] /= IG_BLOCK;
    }
    ig_build b = ig_build_before(n);
    ig_node *made =
        ig_build_node(&b, n->domain, n->op, (ig_value *const[]){x, ig_build_i64s(&b, sizes, n->n_out)}, 2, n->n_out);
    ig_build_int(&b, "axis", 1);
    if (!made || b.failed) return ig_oom(l->env->err);
    made->name = n->name;
    ig_node_resolve(made);
    return replace(l, &b, n, made);
}

static ig_status visit_pool(layout *l, ig_node *n) {
    ig_value *x = blocked_of(l, n->in[0]);
    bool bytes = x && ig_match_dtype(n->in[0], IG_U8);
    if (!x || (!bytes && !ig_match_dtype(n->in[0], IG_F32)) || !channels_of(n->out[0]) || !tiles_of(l, bytes)->fast)
        return IG_OK;
    if (n->n_out > 1 && n->out[1] && n->out[1]->n_uses) return IG_OK;
    ig_build b = ig_build_before(n);
    ig_node *made = ig_build_node(&b, "igata", "BlockedMaxPool", &x, 1, 1);
    if (!made || !ig_node_copy_attributes(made, n)) return ig_oom(l->env->err);
    ig_attr_remove(made, "storage_order");
    made->name = n->name;
    ig_node_resolve(made);
    ig_node_resize(n, n->n_in, 1);
    return replace(l, &b, n, made);
}

/* The mean of each channel. Axes may come as an attribute or as an input. */
static bool is_spatial_mean(const ig_node *n) {
    if (ig_node_is(n, "", "GlobalAveragePool")) return true;
    if (!ig_node_is(n, "", "ReduceMean") || !ig_attr_int(n, "keepdims")) return false;
    size_t count = 0;
    const int64_t *axes = n->schema->since < 18 ? ig_attr_ints(n, "axes", &count) : NULL;
    const ig_tensor *t = n->schema->since >= 18 && n->n_in > 1 ? ig_match_content(n->in[1]) : NULL;
    if ((t ? t->count : count) != 2) return false;
    int64_t a = t ? ig_load_as_i64(t->dtype, t->data, 0) : axes[0], b = t ? ig_load_as_i64(t->dtype, t->data, 1) : axes[1];
    a += a < 0 ? 4 : 0, b += b < 0 ? 4 : 0;
    return (a == 2 && b == 3) || (a == 3 && b == 2);
}

static ig_status visit_mean(layout *l, ig_node *n) {
    ig_value *x = blocked_of(l, n->in[0]);
    if (!x || !channels_of(n->out[0])) return IG_OK;
    ig_build b = ig_build_before(n);
    static const int64_t axes[2] = {2, 3};
    bool as_input = ig_graph_opset(l->graph, ig_model_name(l->graph->model, "")) >= 18;
    ig_value *in[2] = {x, as_input ? ig_build_i64s(&b, axes, 2) : NULL};
    ig_node *made = ig_build_node(&b, "", "ReduceMean", in, 2, 1);
    if (!as_input) ig_build_ints(&b, "axes", axes, 2);
    if (!made || b.failed) return ig_oom(l->env->err);
    made->name = n->name;
    ig_node_resolve(made);
    return replace(l, &b, n, made);
}

/* -------------------------------------------------------------------------------------------------------------------- pass */

static ig_status visit_node(layout *l, ig_node *n) {
    bool bytes;
    if (!n->schema || !n->n_out || !n->out[0] || !n->n_in || !n->in[0]) return IG_OK;
    if (is_conv(n, &bytes)) return fits_conv(l, n, bytes) ? visit_conv(l, n, bytes) : IG_OK;
    const struct each *e = each_of(n);
    if (e) return visit_each(l, n, e);
    if (ig_node_is(n, "", "Concat")) return visit_concat(l, n);
    if (ig_node_is(n, "", "Split")) return visit_split(l, n);
    if (ig_node_is(n, "", "MaxPool")) return visit_pool(l, n);
    return is_spatial_mean(n) ? visit_mean(l, n) : IG_OK;
}

static ig_status visit(ig_graph *g, void *user) {
    layout l = {.graph = g, .env = user};
    ig_arena scratch;
    ig_arena_init(&scratch, g->model->context);
    ig_map_init(&l.blocked, &scratch);
    ig_status status = IG_OK;
    for (ig_node *n = g->first, *next; n && status == IG_OK; n = next) {
        next = n->next;
        status = visit_node(&l, n);
    }
    ig_arena_free(&scratch);
    return status;
}

ig_status ig_pass_block_layout(ig_model *model, ig_pass_env *env) { return ig_graph_each(model->graph, visit, env); }
