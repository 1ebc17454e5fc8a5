/* Where the values of variables and tables of a SavedModel come from. */
#ifndef IG_FORMATS_TENSORFLOW_VARIABLES_H
#define IG_FORMATS_TENSORFLOW_VARIABLES_H

#include "formats/tensorflow/bundle.h"

/* A SavedModel's graph says itself how it is restored: operators RestoreV2 read tensors by name, others assign them to
 * variables or import them into tables, in the main graph (TensorFlow 1) or in a function that `restore` calls (2; NULL: none).
 * Follows them: every variable gets its value in the checkpoint as its first input, an initializer of its name, every table its
 * keys and values. */
ig_status ig_tf_bind_variables(ig_tf_reader *r, ig_tf_bundle *bundle, const ig_node *restore);
/* Names of files in constants become paths below the model's folder. */
ig_status ig_tf_bind_assets(ig_tf_reader *r, ig_tf_asset *const *assets, size_t n);

#endif
