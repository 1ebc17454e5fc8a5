#include "formats/tensorflow/messages.h"

#include "codec/protobuf_tables.h"
#include "formats/tensorflow/messages.def"
