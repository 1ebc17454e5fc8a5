#include "formats/onnx/messages.h"

#include "codec/protobuf_tables.h"
#include "formats/onnx/messages.def"
