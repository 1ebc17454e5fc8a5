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
