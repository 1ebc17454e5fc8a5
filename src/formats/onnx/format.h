/* The two halves of the ONNX format, joined in format.c. */
#ifndef IG_FORMATS_ONNX_FORMAT_H
#define IG_FORMATS_ONNX_FORMAT_H

#include "formats/format.h"

extern const ig_format ig_format_onnx;

ig_status ig_onnx_read(ig_model *model, const ig_source *source, ig_error *err);
/* The file's bytes in the arena, all weights inside. */
ig_status ig_onnx_write_memory(ig_model *model, ig_arena *arena, ig_span *out, ig_error *err);
ig_status ig_onnx_write(ig_model *model, const ig_target *target, ig_error *err);

#endif
