/* One operator: its type and shape inference and its plain-C kernel, side by side in src/ops/<family>/<op>.c, and one line in
 * src/ops/ops.def. What versions, inputs and attributes it has stands in the schema table (ops/schema.h).
 *
 * The shape rule is written once: before every kernel call the outputs have been made from what `infer` says for the actual
 * inputs, whether long before (static shapes) or just now. A kernel only computes. Operators whose result shapes depend on
 * computed values (NonZero, Unique) make their outputs themselves with ig_call_output.
 */
#ifndef IG_OPS_OP_H
#define IG_OPS_OP_H

#include "base/threads.h"
#include "graph/graph.h"
#include "ops/schema.h"

/* ----------------------------------------------------------------------------------------------------------- inference */

/* What is known of the content of an integer tensor of rank 0 or 1, for chains such as Shape -> Gather -> Concat -> Reshape. */
typedef struct ig_ints {
    int rank;
    size_t n;
    const ig_dim *values;
} ig_ints;

typedef struct ig_infer ig_infer;

struct ig_infer {
    const ig_node *node;
    size_t n_in, n_out;
    const ig_type *const *in;     /* NULL entries: absent, or nothing known */
    const ig_tensor *const *data; /* content of inputs that are known constants, NULL entries otherwise */
    const ig_ints *const *ints;   /* partly known content of inputs; the array or its entries may be NULL */
    const ig_type **out;          /* results, preset to NULL */
    const ig_ints **out_ints;     /* results: content; NULL when the driver doesn't want it */
    ig_syms *syms;                /* NULL at run time: all dims are numbers then */
    ig_arena *arena;              /* for results */
    ig_error *err;
    /* Infers a graph attribute's body for the given input types (n of them; NULL entries: unknown) and sets *out to the types
     * of its outputs, as many as *n_out. */
    ig_status (*body)(ig_infer *c, ig_graph *body, const ig_type *const *in, size_t n, const ig_type *const **out,
                      size_t *n_out);
    void *engine; /* of whoever drives the inference */
};

/* Sets what can be said of the outputs; what it leaves NULL is unknown. Returns an error (by ig_infer_fail) only for what can
 * never be right. Called with any mix of known and unknown inputs; argument counts have been checked against the schema. */
typedef ig_status (*ig_infer_fn)(ig_infer *c);

bool ig_infer_has(const ig_infer *c, size_t i);       /* input i is given (its type may still be unknown) */
ig_dtype ig_infer_dtype(const ig_infer *c, size_t i); /* IG_UNDEFINED: unknown or absent */
/* True when input i is a tensor of known rank. */
bool ig_infer_shape(const ig_infer *c, size_t i, ig_shape *shape);
/* The content of an integer tensor input as far as it is known: true when its length is known; entries may be unknown. An
 * absent input gives false. At most IG_MAX_RANK * 2 entries. */
bool ig_infer_ints(const ig_infer *c, size_t i, ig_ints *ints);
/* A single known number (a scalar or one-element tensor); false when unknown. */
bool ig_infer_int(const ig_infer *c, size_t i, int64_t *value);

ig_status ig_infer_set(ig_infer *c, size_t i, ig_dtype dtype, const ig_shape *shape); /* shape NULL: unknown rank */
ig_status ig_infer_set_type(ig_infer *c, size_t i, const ig_type *type);
ig_status ig_infer_set_ints(ig_infer *c, size_t i, int rank, const ig_dim *values, size_t n);
/* IG_E_INPUT with a message; the driver adds the node. */
ig_status ig_infer_fail(ig_infer *c, const char *format, ...) IG_PRINTF(2, 3);

/* Ready rules that many operators share. */
ig_status ig_infer_same(ig_infer *c);           /* output 0 has the type and shape of input 0; also sequences and the like */
ig_status ig_infer_broadcast(ig_infer *c);      /* output 0: dtype of input 0, numpy broadcast of all inputs */
ig_status ig_infer_broadcast_bool(ig_infer *c); /* the same with dtype bool */
/* Broadcast of the shapes of inputs [first, last). False when a rank is unknown. */
bool ig_infer_broadcast_shape(ig_infer *c, size_t first, size_t last, ig_shape *shape, ig_status *status);
/* An axis attribute or input in [-rank, rank) (or one more when `past_end`), made non-negative; an error when it isn't. */
ig_status ig_infer_axis(ig_infer *c, int64_t axis, int rank, bool past_end, int *out);
/* Fails when input i is known to have another rank. */
ig_status ig_infer_rank(ig_infer *c, size_t i, int rank);
/* Joins what several inputs say of one size ("batch sizes") in *known; an error when they contradict each other. */
ig_status ig_infer_join(ig_infer *c, const char *what, ig_dim said, ig_dim *known);

/* ------------------------------------------------------------------------------------------------------------- kernels */

/* What a session knows when it gets a node ready, once. */
typedef struct ig_prepare {
    const ig_node *node;
    ig_context *context;
    ig_threads *threads;
    size_t n_in;
    const ig_tensor *const *in;  /* constant inputs; NULL entries: absent or computed at run time */
    const ig_type *const *types; /* of inputs, as far as known before the first run; NULL entries: unknown */
    bool *taken;                 /* n_in flags to set: the kernel keeps its own form of this constant, the original may go */
    void *state;                 /* result: allocated with ig_alloc, handed to every call and to `release` */
    ig_error *err;
} ig_prepare;

/* One call of a kernel. Several may be under way at once on different data: state is read-only. */
typedef struct ig_call {
    const ig_node *node;
    const void *state;
    size_t n_in, n_out;
    const ig_tensor *const *in; /* NULL entries: absent. Elements are aligned. */
    ig_tensor **out;            /* made as inferred; NULL entries: nobody wants this output, or see ig_call_output */
    const bool *wanted;         /* n_out flags */
    ig_context *context;
    ig_threads *threads;
    ig_error *err;
    struct ig_call_env *env; /* of the executor; see ops/call.h */
} ig_call;

typedef ig_status (*ig_run_fn)(ig_call *c);

/* Makes output i when infer could not say its shape in full (does nothing but check when it could): uninitialized content.
 * Harmless for an output that nobody wants: makes it anyway, so that c->out[i] can be used. */
ig_status ig_call_output(ig_call *c, size_t i, ig_dtype dtype, int rank, const int64_t *dims);
/* Hands over a value (a sequence, an optional, a map, or another reference to an input) as output i; takes the reference. */
ig_status ig_call_set(ig_call *c, size_t i, ig_tensor *value);
/* A reference to an input that may outlive the call, for building sequences and optionals: shares what can be shared, copies
 * what lies in a run's arena. NULL: out of memory. */
ig_tensor *ig_call_keep(ig_call *c, const ig_tensor *input);
/* Memory until the end of the call, 64-byte aligned, uninitialized. NULL: out of memory. Not from parallel ranges. */
void *ig_call_scratch(ig_call *c, size_t bytes);
/* IG_E_INPUT with a message; the executor adds the node. */
ig_status ig_call_fail(ig_call *c, const char *format, ...) IG_PRINTF(2, 3);
/* "Relu: no kernel for elements of type int4" as IG_E_UNSUPPORTED. */
ig_status ig_call_no_kernel(ig_call *c, ig_dtype dtype);
/* Runs a graph attribute of the node with these inputs; new references come out in `out` (as many as the graph has). */
ig_status ig_call_graph(ig_call *c, const char *attr, ig_tensor *const *in, size_t n, ig_tensor **out);
/* A stream of random numbers for this node and run: reproducible from the run's seed, the node's `seed` attribute (when given)
 * and how often the node ran. */
uint64_t ig_call_seed(ig_call *c);

enum {
    IG_OP_DYNAMIC = 1,     /* output shapes depend on computed values: kernel calls ig_call_output */
    IG_OP_VIEW = 2,        /* output 0 has the content of input 0 under another shape: no kernel call when it can be shared */
    IG_OP_INPLACE = 4,     /* output 0 may be written over input 0 when both have the same bytes and nobody else needs it */
    IG_OP_INPLACE_1 = 8,   /* or over input 1 */
    IG_OP_RANDOM = 16,     /* never computed ahead */
    IG_OP_GRAPHS = 32,     /* calls ig_call_graph */
    IG_OP_SHAPE_ONLY = 64, /* reads only the shape of input 0 (Shape, Size) */
};

typedef struct ig_op {
    const char *domain, *name;
    int since,
        until; /* opset versions of the schema (its `since`) that this entry implements, both included; until 0: newest */
    uint32_t flags;
    ig_infer_fn infer;
    ig_run_fn run;
    ig_status (*prepare)(ig_prepare *p);               /* or NULL */
    void (*release)(ig_context *context, void *state); /* or NULL: ig_release */
} ig_op;

/* Every operator that has a kernel or an inference rule, in the order of ops.def. */
extern const ig_op *const ig_ops[];
extern const size_t ig_op_count;
/* The entry for a resolved node; NULL when there is none. */
const ig_op *ig_op_of(const ig_node *node);
const ig_op *ig_op_find(const char *domain, const char *name, int version);

#endif
