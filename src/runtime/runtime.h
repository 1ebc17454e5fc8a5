/* Inside the engine. A session compiles each graph into a program (steps over numbered slots); a program makes a plan per
 * signature of input shapes (types of all slots, places in one arena); a frame is one run of a plan. See README.md here. */
#ifndef IG_RUNTIME_RUNTIME_H
#define IG_RUNTIME_RUNTIME_H

#include "ops/call.h"

#include <pthread.h>

typedef struct ig_program ig_program;
typedef struct ig_plan ig_plan;
typedef struct ig_frame ig_frame;

#define IG_NO_SLOT UINT32_MAX
enum { IG_MAX_PLANS = 16 };

/* One node, bound to slots. */
typedef struct ig_step {
    const ig_node *node;
    const ig_op *op;
    void *state; /* what op->prepare made */
    uint32_t n_in, n_out;
    const uint32_t *in, *out; /* slots; IG_NO_SLOT: absent */
    const bool *wanted;       /* n_out: somebody reads it */
    ig_program **graphs;      /* programs of the graph attributes, in the order of the node's attributes */
    size_t n_graphs;
    uint32_t *dies; /* slots that nobody reads after this step */
    uint32_t n_dies;
} ig_step;

/* A slot of an outer program that a subgraph reads. */
typedef struct ig_capture {
    uint32_t slot, outer;
} ig_capture;

struct ig_program {
    ig_session *session;
    const ig_graph *graph;
    ig_program *outer;
    ig_step *steps;
    size_t n_steps;
    uint32_t n_slots;
    ig_tensor **constants; /* n_slots: content of constant slots (owned reference), NULL for others */
    uint32_t *alias;       /* n_slots: slot whose storage this one shares (a view), or itself */
    uint32_t *last;        /* n_slots: last step that reads the storage; UINT32_MAX: lives to the end */
    uint32_t *inputs, *outputs;
    size_t n_inputs, n_outputs;
    IG_VEC(ig_capture) captures;
    ig_map slot_of; /* ig_value -> slot + 1 */
    size_t max_in, max_out;

    pthread_mutex_t lock; /* of what follows */
    ig_plan *plans;       /* most recently made first */
    size_t n_plans;
};

/* Where the storage of a slot is in a run. */
typedef enum ig_place {
    IG_PLACE_NONE = 0, /* made while running */
    IG_PLACE_CONSTANT, /* of the program, or known for this signature */
    IG_PLACE_GIVEN,    /* an input or a capture */
    IG_PLACE_ARENA,
    IG_PLACE_OUTPUT, /* the caller's tensor, or a new one, made before the run */
    IG_PLACE_ALIAS,  /* that of the view's input, with a known shape */
} ig_place;

struct ig_plan {
    ig_plan *next;
    ig_program *program;
    ig_arena arena;
    uint64_t signature;
    const int64_t *key; /* n_key words that the signature hashes */
    size_t n_key;
    const ig_type **types; /* n_slots; NULL: known only while running */
    ig_tensor **known;     /* n_slots: content computed for this signature (owned) */
    uint8_t *place;        /* n_slots: ig_place */
    size_t *offset;        /* n_slots: in the arena */
    bool *skip;            /* n_steps: result is known */
    bool *is_static;       /* n_steps: all wanted outputs have a place */
    size_t arena_bytes;
    uint64_t multiply_adds; /* of the steps with known shapes */
    ig_frame *free_frames;  /* guarded by program->lock */
};

struct ig_frame {
    ig_frame *next;
    ig_plan *plan;
    ig_frame *outer;
    ig_buffer *memory;
    ig_tensor *tensors; /* n_slots: those with a place in the arena or an alias; references == 0 */
    ig_tensor **slots;  /* n_slots: what each slot holds now, or NULL */
    bool *owned;        /* n_slots: slots[i] is a reference of this frame */
    bool *lent;         /* n_outputs: the caller's tensor is written into */
    const ig_tensor **in;
    const ig_type **in_types, **out_types;
    ig_tensor **out, **made; /* of the step under way */
    ig_scratch scratch;
    ig_arena storage; /* of the arrays above */
    ig_arena infer;   /* types of steps that are inferred while running */
    const struct ig_run *run;
    uint64_t counter; /* of steps run, for random numbers */
};

/* What one call of ig_session_run shares with the frames below it. */
typedef struct ig_run {
    ig_session *session;
    const volatile bool *cancel;
    uint64_t number; /* of the run, for random numbers and the profile */
    ig_error *err;
} ig_run;

struct ig_session {
    ig_context *context;
    ig_model *model;           /* the session's own copy, optimized */
    ig_model *source;          /* as given, for a session with open defaults */
    ig_session *open_defaults; /* in which inputs with defaults are plain inputs; made on demand, under lock */
    ig_session *open_shapes;   /* in which declared shapes are not believed; likewise */
    ig_threads *threads;
    bool owns_threads;
    ig_program *program;
    ig_arena arena;
    ig_session_options options;
    ig_session_value *inputs, *outputs;
    size_t n_inputs, n_outputs;
    bool *any_rank; /* n_inputs: the declared shape is a rank without a single size or name */
    bool defaults_are_inputs, shapes_are_open;
    atomic_uint_least64_t n_runs;
    atomic_uint_least64_t multiply_adds; /* of the last run */
    pthread_mutex_t lock;                /* of what follows */
    IG_VEC(ig_node_time) profile;
    uint64_t profile_start;
};

/* program.c */
ig_status ig_program_create(ig_program **program, ig_session *session, ig_graph *graph, ig_program *outer, ig_error *err);
void ig_program_free(ig_program *program);
/* plan.c: the plan for these values of the program's inputs and captures, made when there is none yet. */
ig_status ig_plan_get(ig_plan **plan, ig_program *program, ig_tensor *const *given, ig_error *err);
void ig_plan_free(ig_plan *plan);
/* frame.c */
ig_status ig_frame_get(ig_frame **frame, ig_plan *plan, ig_error *err);
void ig_frame_put(ig_frame *frame); /* back to the plan, for the next run */
void ig_frame_free(ig_frame *frame);
/* execute.c: given: inputs, then captures (borrowed). outputs: n_outputs entries; NULL gets a new reference, a tensor is
 * written into. */
ig_status ig_program_run(ig_program *program, const ig_run *run, ig_frame *outer, ig_tensor *const *given, ig_tensor **outputs);
/* profile.c */
void ig_profile_add(ig_session *session, const ig_step *step, const ig_tensor *first_output, uint64_t start, uint64_t end,
                    uint64_t run);

#endif
