#include "tensorio/tensorio.h"

ig_status ig_pb_load(ig_tensor **tensor, const ig_load *load) {
    IG_UNUSED(tensor);
    return ig_fail(load->err, IG_E_UNSUPPORTED, "ONNX .pb tensors are not read yet");
}

ig_status ig_pb_store(const ig_store *store, const ig_tensor *tensor) {
    IG_UNUSED(tensor);
    return ig_fail(store->err, IG_E_UNSUPPORTED, "ONNX .pb tensors are not written yet");
}
