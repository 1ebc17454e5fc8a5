/* MatMul, and the forms of it that onnxruntime fuses. */
#include "ops/matrix/product.h"

static ig_stack_options left(const ig_node *node) {
    return (ig_stack_options){.transpose = ig_attr_int(node, "transA"), .transpose_batch = ig_attr_int(node, "transBatchA")};
}

static ig_stack_options right(const ig_node *node) {
    return (ig_stack_options){
        .transpose = ig_attr_int(node, "transB"), .transpose_batch = ig_attr_int(node, "transBatchB"), .right = true};
}

static ig_status infer(ig_infer *c) {
    ig_shape out;
    IG_TRY(ig_product_shape(c, 0, left(c->node), 1, right(c->node), &out));
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), out.rank < 0 ? NULL : &out);
}

static ig_status prepare(ig_prepare *p) { return ig_product_prepare(p, 0, left(p->node), 1, right(p->node)); }

/* A bias for each column and a tensor of the result's shape, of the domain igata's FusedMatMul. The matrix is one, so that the
 * product is a single one. */
static ig_status run_fused(ig_call *c) {
    const ig_tensor *a = c->in[0], *b = c->in[1], *bias = c->n_in > 2 ? c->in[2] : NULL, *add = c->n_in > 3 ? c->in[3] : NULL;
    if (a->dtype != IG_F32) return ig_call_no_kernel(c, a->dtype);
    if (b->rank != 2 || a->rank < 2)
        return ig_call_fail(c, "operands of ranks %d and %d, not 2 or more and 2", a->rank, b->rank);
    ig_product p = {.dtype = IG_F32,
                    .a = ig_stack_of(a->rank, a->dims, (ig_stack_options){0}),
                    .b = ig_stack_of(2, b->dims, (ig_stack_options){.right = true}),
                    .a_data = a->data,
                    .b_data = b->data,
                    .state = c->state,
                    .out = c->out[0]->data,
                    .tail = ig_gemm_of(0, 0, 0)};
    if (bias && bias->count != p.b.cols)
        return ig_call_fail(c, "the bias has %zu entries for %zu columns", bias->count, p.b.cols);
    if (add && add->count != c->out[0]->count) return ig_call_fail(c, "what is added has another shape than the result");
    if (bias) p.tail.bias_cols = bias->data;
    if (add) {
        p.tail.add = add->data;
        p.tail.add_row = p.b.cols;
    }
    IG_TRY(ig_activation_of_call(c, &p.activation));
    return ig_product_run(c, &p);
}

static ig_status prepare_fused(ig_prepare *p) {
    return ig_product_prepare(p, 0, (ig_stack_options){0}, 1, (ig_stack_options){.right = true});
}

static ig_status infer_fused(ig_infer *c) {
    ig_shape out;
    IG_TRY(ig_product_shape(c, 0, (ig_stack_options){0}, 1, (ig_stack_options){.right = true}, &out));
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), out.rank < 0 ? NULL : &out);
}

static ig_status run(ig_call *c) {
    ig_product p = {.dtype = c->in[0]->dtype,
                    .a = ig_stack_of(c->in[0]->rank, c->in[0]->dims, left(c->node)),
                    .b = ig_stack_of(c->in[1]->rank, c->in[1]->dims, right(c->node)),
                    .a_data = c->in[0]->data,
                    .b_data = c->in[1]->data,
                    .state = c->state,
                    .out = c->out[0]->data,
                    .tail = ig_gemm_of(0, 0, 0)};
    if (ig_schema_attr_find(c->node->schema, "alpha")) p.tail.alpha = ig_attr_float(c->node, "alpha");
    IG_TRY(ig_activation_of_call(c, &p.activation));
    return ig_product_run(c, &p);
}

const ig_op ig_op_mat_mul = {"", "MatMul", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_fused_mat_mul = {"com.microsoft", "FusedMatMul", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_fused_mat_mul_activation = {"com.microsoft", "FusedMatMulActivation", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_transpose_mat_mul = {"com.microsoft", "TransposeMatMul", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_own_fused_mat_mul = {"igata", "FusedMatMul", 1, 0, 0, infer_fused, run_fused, prepare_fused, NULL};
