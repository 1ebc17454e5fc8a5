/* ONNX's messages as structs, and their tables (ig_onnx_model_pb …). The list is messages.def. */
#ifndef IG_FORMATS_ONNX_MESSAGES_H
#define IG_FORMATS_ONNX_MESSAGES_H

#include "codec/protobuf.h"

#include "codec/protobuf_structs.h"
#include "formats/onnx/messages.def"

#endif
