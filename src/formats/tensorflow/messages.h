/* TensorFlow's messages as structs, and their tables (ig_tf_graph_pb …). The list is messages.def. */
#ifndef IG_FORMATS_TENSORFLOW_MESSAGES_H
#define IG_FORMATS_TENSORFLOW_MESSAGES_H

#include "codec/protobuf.h"

#include "codec/protobuf_structs.h"
#include "formats/tensorflow/messages.def"

#endif
