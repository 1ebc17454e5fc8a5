/* What a file says about itself: who converted it, which runtime it needs, and TFLite Metadata (names, labels, normalization)
 * with the files that belong to it, which stand in a zip archive behind the model. All of it becomes properties of the model.
 */
#include "codec/zip.h"
#include "formats/tflite/decode.h"

ig_status ig_tfl_read_metadata(ig_tfl_reader *r) { return ig_tfl_sound(r); }
