#include "ops/ml/tree.h"

/* Several walks at once hide the time that each waits for memory. */
enum {
    LANES = 8,
    BLOCK = 64,
    WALKS = 1 << 15 /* that are worth a thread: about a millisecond */
};

typedef struct job {
    const ig_trees *t;
    const void *x;
    size_t rows, columns;
    void *scores;
    uint8_t *has;
} job;

static bool is_member(const ig_trees *t, uint32_t node, double x) {
    const ig_tree_span *set = &t->sets[node];
    const double *members = t->members + set->first;
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (members[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->n && members[low] == x;
}

/* The walk and the sums for one type of features and thresholds. */
#define IG_TREE_WALK(T, suffix)                                                                                                \
    /* LANES walks from nodes `at` to leaves. */                                                                               \
    static void walk_plain_##suffix(const ig_tree_node_##suffix *nodes, const T *const *x, uint32_t *at) {                     \
        uint32_t moved;                                                                                                        \
        do {                                                                                                                   \
            moved = 0;                                                                                                         \
            for (int k = 0; k < LANES; k++) {                                                                                  \
                const ig_tree_node_##suffix *n = &nodes[at[k]];                                                                \
                uint32_t next = n->child[x[k][n->code >> 3] <= n->t];                                                          \
                moved |= next ^ at[k];                                                                                         \
                at[k] = next;                                                                                                  \
            }                                                                                                                  \
        } while (moved);                                                                                                       \
    }                                                                                                                          \
                                                                                                                               \
    static bool passes_##suffix(const ig_trees *t, uint32_t node, const ig_tree_node_##suffix *n, T v) {                       \
        uint32_t kind = n->code >> 1 & 3;                                                                                      \
        bool nan = (n->code & 1) && v != v;                                                                                    \
        if (kind == IG_TREE_TEST_LEQ) return nan | (v <= n->t);                                                                \
        if (kind == IG_TREE_TEST_EQ) return nan | (v == n->t);                                                                 \
        return nan || is_member(t, node, (double)v);                                                                           \
    }                                                                                                                          \
                                                                                                                               \
    static void walk_##suffix(const ig_trees *t, const T *const *x, uint32_t *at) {                                            \
        const ig_tree_node_##suffix *nodes = t->suffix;                                                                        \
        uint32_t moved;                                                                                                        \
        if (t->plain) {                                                                                                        \
            walk_plain_##suffix(nodes, x, at);                                                                                 \
            return;                                                                                                            \
        }                                                                                                                      \
        do {                                                                                                                   \
            moved = 0;                                                                                                         \
            for (int k = 0; k < LANES; k++) {                                                                                  \
                const ig_tree_node_##suffix *n = &nodes[at[k]];                                                                \
                uint32_t next = n->child[passes_##suffix(t, at[k], n, x[k][n->code >> 3])];                                    \
                moved |= next ^ at[k];                                                                                         \
                at[k] = next;                                                                                                  \
            }                                                                                                                  \
        } while (moved);                                                                                                       \
    }                                                                                                                          \
                                                                                                                               \
    static void take_##suffix(const job *j, size_t row, size_t target, T value) {                                              \
        T *score = (T *)j->scores + row * j->t->n_targets + target;                                                            \
        uint8_t *has = &j->has[row * j->t->n_targets + target];                                                                \
        ig_tree_aggregate how = j->t->aggregate;                                                                               \
        if (how == IG_TREE_SUM || how == IG_TREE_AVERAGE)                                                                      \
            *score += value;                                                                                                   \
        else if (!*has || (how == IG_TREE_MIN ? value < *score : value > *score))                                              \
            *score = value;                                                                                                    \
        *has = 1;                                                                                                              \
    }                                                                                                                          \
                                                                                                                               \
    static void add_leaf_##suffix(const job *j, size_t row, uint32_t leaf) {                                                   \
        const ig_tree_span *w = &j->t->weights[leaf];                                                                          \
        if (j->t->n_targets == 1) { /* as onnxruntime: of several weights the first */                                         \
            if (w->n) take_##suffix(j, row, 0, j->t->suffix[leaf].t);                                                          \
            return;                                                                                                            \
        }                                                                                                                      \
        const ig_tree_weight *weight = j->t->weight + w->first;                                                                \
        for (uint32_t i = 0; i < w->n; i++) take_##suffix(j, row, weight[i].target, (T)weight[i].value);                       \
    }                                                                                                                          \
                                                                                                                               \
    /* A multiple of LANES rows side by side, tree after tree. */                                                              \
    static void score_rows_##suffix(const job *j, size_t begin, size_t end) {                                                  \
        const ig_trees *t = j->t;                                                                                              \
        for (size_t tree = 0; tree < t->n_trees; tree++) {                                                                     \
            for (size_t r = begin; r < end; r += LANES) {                                                                      \
                uint32_t at[LANES];                                                                                            \
                const T *x[LANES];                                                                                             \
                for (size_t k = 0; k < LANES; k++) {                                                                           \
                    at[k] = t->roots[tree];                                                                                    \
                    x[k] = (const T *)j->x + (r + k) * j->columns;                                                             \
                }                                                                                                              \
                walk_##suffix(t, x, at);                                                                                       \
                for (size_t k = 0; k < LANES; k++) add_leaf_##suffix(j, r + k, at[k]);                                         \
            }                                                                                                                  \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    /* Few rows: trees side by side. */                                                                                        \
    static void score_row_##suffix(const job *j, size_t row) {                                                                 \
        const ig_trees *t = j->t;                                                                                              \
        const T *x[LANES];                                                                                                     \
        for (size_t k = 0; k < LANES; k++) x[k] = (const T *)j->x + row * j->columns;                                          \
        for (size_t tree = 0; tree < t->n_trees; tree += LANES) {                                                              \
            uint32_t at[LANES];                                                                                                \
            for (size_t k = 0; k < LANES; k++) at[k] = t->roots[ig_min_size(tree + k, t->n_trees - 1)];                        \
            walk_##suffix(t, x, at);                                                                                           \
            for (size_t k = 0; k < LANES && tree + k < t->n_trees; k++) add_leaf_##suffix(j, row, at[k]);                      \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    static void score_range_##suffix(void *arg, size_t begin, size_t end) {                                                    \
        const job *j = arg;                                                                                                    \
        size_t whole = begin + (end - begin) / LANES * LANES;                                                                  \
        for (size_t r = begin; r < whole; r += BLOCK) score_rows_##suffix(j, r, ig_min_size(r + BLOCK, whole));                \
        for (size_t r = whole; r < end; r++) score_row_##suffix(j, r);                                                         \
    }

IG_TREE_WALK(float, f32)
IG_TREE_WALK(double, f64)

void ig_trees_score(const ig_trees *t, ig_threads *threads, const void *x, size_t rows, size_t columns, void *scores,
                    uint8_t *has) {
    job j = {t, x, rows, columns, scores, has};
    if (t->n_trees == 0) return;
    size_t grain = ig_max_size(LANES, WALKS / (1 + t->n_trees));
    ig_parallel(threads, rows, grain, t->wide ? score_range_f64 : score_range_f32, &j);
}
