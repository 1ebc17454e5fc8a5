/* Keras models: what the readers (of .keras archives, .h5 files, TensorFlow.js layers models) and the lowering share.
 *
 * How a Keras model looks here. Each call of a layer is a node of the domain "keras" named like the layer, its operator the
 * layer's class ("Dense"); operations of keras.ops are "ops.Add", functions of TensorFlow in Keras 2 graphs "tf.nn.relu". The
 * members of the layer's config are attributes (config.c says how); in addition
 *   @inputs   how many inputs are tensors of the call; the others are weights
 *   @weights  what the weights are called, by their places in Keras 3's files ("vars/0", "cell/vars/1", "vocabulary.txt")
 *             or by names ("dense/kernel")
 *   @call     args and kwargs of the call as JSON, tensors in it as {"tensor": i}, when there is more to it than the tensors
 *   @module, @registered_name  where the class comes from, when it isn't Keras's own
 * Models inside models are taken apart: the names of their nodes begin with the inner model's name and a slash. A layer that is
 * called several times has as many nodes with the same weights. */
#ifndef IG_FORMATS_KERAS_KERAS_H
#define IG_FORMATS_KERAS_KERAS_H

#include "codec/hdf5.h"
#include "codec/json.h"
#include "codec/zip.h"
#include "formats/format.h"

#define IG_KERAS_DOMAIN "keras"

enum { IG_KERAS_MAX_DEPTH = 32 /* models and wrapped layers inside each other */ };

/* ---------------------------------------------------------------------------------------------------------- calls: walk.c */

/* One call of a layer while the graph of a model is walked. */
typedef struct ig_keras_site {
    const ig_json *layer; /* class_name, config, ... */
    ig_str name;
    ig_str path;         /* where its weights lie, in the terms of Keras 3's files: "layers/dense_1" */
    ig_str call;         /* what @call says; absent when it is the tensors and nothing else */
    ig_value *const *in; /* the tensors of the call */
    size_t n_in;
    uint32_t number; /* of the call, from 0 */
    ig_value **out;  /* to be filled: results that somebody reads */
    size_t n_out;
    bool is_input; /* an input of the model: in[0] is what it is given, NULL at the top */
} ig_keras_site;

typedef struct ig_keras_walk {
    ig_arena *arena;
    ig_error *err;
    int version;    /* of Keras: how models inside models are counted, and how calls are written */
    uint32_t depth; /* of models inside each other */
    ig_status (*visit)(void *user, const ig_keras_site *site);
    void *user;
} ig_keras_walk;

/* True when the object is a model with a graph (functional or sequential). */
bool ig_keras_is_model(const ig_json *layer);
/* True for operations of keras.ops, which are no layers. */
bool ig_keras_is_operation(const ig_json *layer);
/* Visits every call of a model's layers in an order in which they can be computed. `in` are the values of its inputs (n_in may
 * be 0 at the top: then the visitor makes them). The model's outputs come out, in the order of its config. */
typedef struct ig_keras_outputs {
    ig_value **values;
    ig_str *names; /* what Keras calls them */
    size_t n;
} ig_keras_outputs;
ig_status ig_keras_walk_model(ig_keras_walk *w, const ig_json *model, ig_str path, ig_value *const *in, size_t n_in,
                              ig_keras_outputs *out);
/* The same for a model that is called like a layer: the arguments of the call are matched with its inputs. */
ig_status ig_keras_walk_call(ig_keras_walk *w, const ig_keras_site *site);
/* "ConvLSTM2D" -> "conv_lstm2d": what groups of weights are called. */
ig_str ig_keras_snake_case(ig_arena *arena, ig_str name, bool *ok);
/* Numbers groups of the same name: "dense", "dense_1", ... */
typedef struct ig_keras_counter {
    ig_str name;
    size_t n;
} ig_keras_counter;
typedef IG_VEC(ig_keras_counter) ig_keras_counters;
ig_str ig_keras_count(ig_arena *arena, ig_keras_counters *counters, ig_str class_name, bool *ok);

/* ------------------------------------------------------------------------------------------------------ attributes: config.c
 */

/* By the name that Keras and NumPy have for it ("float32"); IG_UNDEFINED for others. */
ig_dtype ig_keras_dtype(ig_str name);
/* Members of a config become attributes: numbers, truth values (as 0 and 1), texts, lists of whole numbers, of reals or of
 * texts as they are, everything else (null, objects, mixed lists, reals that a float doesn't keep) as texts of JSON. A text
 * that could be taken for JSON stands in quotes. False when memory runs out. */
bool ig_keras_put_config(ig_node *node, const ig_json *config);
bool ig_keras_put_text(ig_node *node, const char *name, ig_str text); /* absent: nothing is put */
bool ig_keras_put_texts(ig_node *node, const char *name, const ig_str *texts, size_t n);
/* The config again. NULL when memory runs out. */
const ig_json *ig_keras_get_config(ig_arena *arena, const ig_node *node);

/* ---------------------------------------------------------------------------------------------------------- reading: decode.c
 */

/* One array of a file of weights. */
typedef struct ig_keras_array {
    ig_str name;                   /* of the initializer: its path in the file */
    ig_str as;                     /* what the layer calls it: "dense/kernel", "vars/0"; see @weights */
    ig_str owner;                  /* the layer at the top that it belongs to; absent: any */
    const ig_hdf5_object *dataset; /* NULL: `value` is there from the start */
    ig_value *value;               /* initializer, made when first asked for */
} ig_keras_array;

typedef struct ig_keras_reader {
    ig_model *model;
    ig_error *err;
    ig_arena arena;  /* until the model is read */
    ig_hdf5 *h;      /* lives in the model's arena; NULL: weights are not in an HDF5 file */
    ig_buffer *file; /* that h lies in, kept by the model */
    ig_zip *zip;     /* assets; may be NULL */
    int version;     /* 1, 2 or 3 */
    bool by_path;    /* weights lie where Keras 3 puts them; otherwise they have names with the layer's in them */
    IG_VEC(ig_keras_array) arrays;
} ig_keras_reader;

ig_status ig_keras_reader_init(ig_keras_reader *r, ig_model *model, ig_error *err);
void ig_keras_reader_free(ig_keras_reader *r);
/* "3.15.1" -> 3. */
int ig_keras_major(ig_str version);
/* Fills the model's graph with what the config (class_name and config) says. Arrays are there. */
ig_status ig_keras_read_model(ig_keras_reader *r, const ig_json *config);

/* ---- weights.c ---- */

ig_status ig_keras_open_hdf5(ig_keras_reader *r, ig_buffer *file, ig_span content);
/* All datasets below a group become arrays named by their paths. */
ig_status ig_keras_add_datasets(ig_keras_reader *r, const ig_hdf5_object *group, ig_str path);
/* The arrays that layer_names and weight_names of Keras 1 and 2 list. */
ig_status ig_keras_add_listed(ig_keras_reader *r, const ig_hdf5_object *group);
/* All arrays as initializers: files of weights alone. */
ig_status ig_keras_add_all(ig_keras_reader *r);
/* Where a layer's weights are: its place in Keras 3's files (corrected by the names that newer files note), or its name. */
typedef struct ig_keras_place {
    ig_str path;  /* "layers/dense" */
    ig_str name;  /* of the layer */
    ig_str owner; /* the outermost layer or model */
} ig_keras_place;
/* Adds the layer's weights to the node's inputs, and says in @weights what they are called. */
ig_status ig_keras_attach_weights(ig_keras_reader *r, ig_node *node, const ig_keras_place *place);

/* ---- archive.c, hdf5.c: the formats ---- */

extern const ig_format ig_format_keras, ig_format_keras_h5;

#endif
