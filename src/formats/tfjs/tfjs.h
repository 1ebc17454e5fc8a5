/* TensorFlow.js models: model.json with a layers model (of Keras) or a graph (of TensorFlow) in it, and files of weights beside
 * it. */
#ifndef IG_FORMATS_TFJS_TFJS_H
#define IG_FORMATS_TFJS_TFJS_H

#include "codec/json.h"
#include "formats/format.h"

typedef struct ig_tfjs_weight {
    ig_str name;
    ig_const *constant; /* named so; content is decoded when it is wanted */
} ig_tfjs_weight;

typedef struct ig_tfjs_reader {
    ig_model *model;
    const ig_source *source;
    ig_error *err;
    ig_arena arena; /* until the model is read */
    const ig_json *json;
    ig_names names;
    ig_map by_name; /* interned name -> ig_tfjs_weight */
    IG_VEC(ig_tfjs_weight *) weights;
} ig_tfjs_reader;

/* ---- weights.c ---- */

/* All weights that weightsManifest lists. URLs are never followed and paths never leave the folder. */
ig_status ig_tfjs_read_weights(ig_tfjs_reader *r);
ig_tfjs_weight *ig_tfjs_find(const ig_tfjs_reader *r, ig_str name);

/* ---- graph.c ---- */

ig_status ig_tfjs_read_graph(ig_tfjs_reader *r);

#endif
