/* Tensors in ONNX's .pb files: see formats/onnx/onnx.h. */
#include "tensorio/tensorio.h"

#include "formats/onnx/onnx.h"

ig_status ig_pb_load(ig_tensor **tensor, const ig_load *load) {
    ig_kind kind = load->want->kind ? load->want->kind : IG_KIND_TENSOR;
    return ig_onnx_value_read(tensor, NULL, load->context, load->file, kind, load->err);
}

ig_status ig_pb_store(const ig_store *store, const ig_tensor *tensor) {
    ig_kind kind = store->kind ? store->kind : tensor->kind == IG_KIND_NONE ? IG_KIND_OPTIONAL : tensor->kind;
    return ig_onnx_value_write(tensor, kind, store->name, store->file, store->err);
}
