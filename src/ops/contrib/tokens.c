/* Operators of com.microsoft on token ids: BifurcationDetector (aggressive decoding, Sun et al. 2021) and NGramHashMapping. */
#include "ops/op.h"

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }

/* ---------------------------------------------------------------------------------------------------- BifurcationDetector */

static ig_status infer_bifurcation(ig_infer *c) {
    ig_shape tokens = {1, {ig_dim_unknown()}}, one = {.rank = 0};
    IG_TRY(ig_infer_set(c, 0, IG_I64, &tokens));
    return ig_infer_set(c, 1, IG_I64, &one);
}

/* Where the last n tokens begin in the source when they are there once; -1 otherwise. */
static int64_t find_once(const int64_t *source, int64_t n_source, const int64_t *last, int64_t n) {
    int64_t found = -1;
    for (int64_t i = 0; i + n <= n_source; i++) {
        if (memcmp(source + i, last, (size_t)n * sizeof *last) != 0) continue;
        if (found >= 0) return -1;
        found = i;
    }
    return found;
}

static ig_status run_bifurcation(ig_call *c) {
    const ig_tensor *source = c->in[0], *current = c->in[1], *previous = c->in[2], *predicted = input(c, 3);
    const int64_t *src = source->data, *cur = current->data, *pred = predicted ? predicted->data : NULL;
    int64_t n_source = (int64_t)source->count, n_current = (int64_t)current->count, n = 0;
    if (previous->count != 1) return ig_call_fail(c, "prev_suffix_match_idx has %zu entries", previous->count);
    int64_t at = ((const int64_t *)previous->data)[0];
    if (pred) {
        if (at < 0 || at > n_source) return ig_call_fail(c, "the suffix match %lld is outside the source", (long long)at);
        int64_t n_predicted = (int64_t)predicted->count;
        while (n < n_predicted && at + n < n_source && pred[n] == src[at + n]) n++;
        if (n < n_predicted) n++; /* the first one that differs is right, too: it was predicted from what agrees */
    }
    int64_t total = n_current + n, least = ig_attr_int(c->node, "min_ngram_size"),
            most = ig_attr_int(c->node, "max_ngram_size");
    if (least < 1 || most < least) return ig_call_fail(c, "n-grams of %lld to %lld tokens", (long long)least, (long long)most);
    IG_TRY(ig_call_output(c, 0, IG_I64, 1, &total));
    int64_t *out = c->out[0]->data;
    if (n_current) memcpy(out, cur, (size_t)n_current * sizeof *out);
    if (n) memcpy(out + n_current, pred, (size_t)n * sizeof *out);
    int64_t match = -1;
    for (int64_t size = least; size <= most && size <= total; size++) {
        int64_t found = find_once(src, n_source, out + total - size, size);
        if (found < 0) {
            bool any = false; /* none at all: nor would there be of more tokens */
            for (int64_t i = 0; i + size <= n_source && !any; i++)
                any = memcmp(src + i, out + total - size, (size_t)size * sizeof *out) == 0;
            if (!any) break;
            continue;
        }
        match = found + size;
        break;
    }
    if (c->n_out > 1 && c->out[1]) ((int64_t *)c->out[1]->data)[0] = match;
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------- NGramHashMapping */

static ig_status infer_hash(ig_infer *c) {
    int64_t most = ig_attr_int(c->node, "max_ngram_size"), heads = ig_attr_int(c->node, "n_head_per_ngram");
    if (most < 2 || most > 4096 || heads < 1 || heads > 1 << 20)
        return ig_infer_fail(c, "n-grams of up to %lld ids with %lld heads each", (long long)most, (long long)heads);
    ig_shape ids, y = {3, {ig_dim_unknown(), ig_dim_unknown(), ig_dim_of((most - 1) * heads)}};
    if (ig_infer_shape(c, 0, &ids)) {
        if (ids.rank != 2) return ig_infer_fail(c, "input_ids has rank %d, 2 is wanted", ids.rank);
        y.dims[0] = ids.dims[0], y.dims[1] = ids.dims[1];
    }
    ig_shape present = {2, {y.dims[0], ig_dim_of(most - 1)}};
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y));
    return ig_infer_set(c, 1, ig_infer_dtype(c, 0), &present);
}

typedef struct hashing {
    ig_dtype dtype;
    const ig_tensor *ids, *multipliers, *sizes, *past, *offsets, *end, *segments;
    int64_t most, heads, length, missing;
    bool resets;
} hashing;

static int64_t load(const ig_tensor *t, int64_t i) { return ig_load_as_i64(t->dtype, t->data, (size_t)i); }

/* The id at place i of row b, which may lie before what is given. */
static int64_t id_at(const hashing *h, int64_t b, int64_t i) {
    if (i >= 0) return load(h->ids, b * h->length + i);
    int64_t n = h->most - 1;
    return h->past && i >= -n ? load(h->past, b * n + n + i) : h->missing;
}

/* True when nothing before place i may be looked at from it. */
static bool begins(const hashing *h, int64_t b, int64_t i) {
    if (h->resets && id_at(h, b, i - 1) == load(h->end, 0)) return true;
    return h->segments && i > 0 && load(h->segments, b * h->length + i) != load(h->segments, b * h->length + i - 1);
}

static int64_t modulo(const hashing *h, uint64_t mix, int64_t size) {
    int64_t x = h->dtype == IG_I32 ? (int64_t)(int32_t)(uint32_t)mix : (int64_t)mix;
    int64_t r = size == -1 ? 0 : x % size;
    return r < 0 ? r + size : r;
}

static ig_status run_hash(ig_call *c) {
    hashing h = {.dtype = c->in[0]->dtype, .ids = c->in[0], .multipliers = c->in[1], .sizes = c->in[2], .past = input(c, 3)};
    h.offsets = input(c, 4), h.end = input(c, 5), h.segments = input(c, 6);
    h.most = ig_attr_int(c->node, "max_ngram_size"), h.heads = ig_attr_int(c->node, "n_head_per_ngram");
    if (h.ids->rank != 2) return ig_call_fail(c, "input_ids has rank %d, 2 is wanted", h.ids->rank);
    int64_t batch = h.ids->dims[0], all = (h.most - 1) * h.heads;
    h.length = h.ids->dims[1];
    if ((int64_t)h.multipliers->count < h.most || (int64_t)h.sizes->count != all ||
        (h.past && (int64_t)h.past->count != batch * (h.most - 1)) || (h.offsets && (int64_t)h.offsets->count != all) ||
        (h.end && h.end->count != 1) || (h.segments && h.segments->count != h.ids->count))
        return ig_call_fail(c, "the inputs don't fit n-grams of up to %lld ids with %lld heads", (long long)h.most,
                            (long long)h.heads);
    for (int64_t i = 0; i < all; i++)
        if (load(h.sizes, i) < 1) return ig_call_fail(c, "vocab_sizes has entry %lld", (long long)load(h.sizes, i));
    h.missing = h.end ? load(h.end, 0) : ig_attr_int(c->node, "pad_id");
    h.resets = h.end && ig_attr_int(c->node, "reset_on_eos");
    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t < h.length; t++) {
            uint64_t mix = (uint64_t)id_at(&h, b, t) * (uint64_t)load(h.multipliers, 0);
            bool cut = false;
            for (int64_t n = 1; n < h.most; n++) {
                cut = cut || begins(&h, b, t - n + 1);
                int64_t id = cut ? h.missing : id_at(&h, b, t - n);
                mix ^= (uint64_t)id * (uint64_t)load(h.multipliers, n);
                for (int64_t k = 0; k < h.heads && c->out[0]; k++) {
                    int64_t head = (n - 1) * h.heads + k, y = modulo(&h, mix, load(h.sizes, head));
                    if (h.offsets) y = (int64_t)((uint64_t)y + (uint64_t)load(h.offsets, head));
                    ig_store_i64(h.dtype, c->out[0]->data, (size_t)((b * h.length + t) * all + head), y);
                }
            }
        }
    if (c->n_out < 2 || !c->out[1]) return IG_OK;
    for (int64_t b = 0; b < batch; b++)
        for (int64_t i = 0; i < h.most - 1; i++)
            ig_store_i64(h.dtype, c->out[1]->data, (size_t)(b * (h.most - 1) + i), id_at(&h, b, h.length - (h.most - 1) + i));
    return IG_OK;
}

const ig_op ig_op_ms_bifurcation_detector = {"com.microsoft",   "BifurcationDetector", 1,    0,   IG_OP_DYNAMIC,
                                             infer_bifurcation, run_bifurcation,       NULL, NULL};
const ig_op ig_op_ms_ngram_hash_mapping = {"com.microsoft", "NGramHashMapping", 1, 0, 0, infer_hash, run_hash, NULL, NULL};
