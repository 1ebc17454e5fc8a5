/* The tables that tools/make_tflite_schema.py writes. */
#include "formats/tflite/schema.h"

#include <stddef.h>

#include "formats/tflite/schema.inc"
