/* TensorFlow's files in protobuf's text format. */
#ifndef IG_FORMATS_TENSORFLOW_TEXT_H
#define IG_FORMATS_TENSORFLOW_TEXT_H

#include "formats/tensorflow/decode.h"

/* When the reader's file is a text, encodes it and makes that the file. */
ig_status ig_tf_from_text(ig_tf_reader *r, const ig_pb_message *message);

#endif
