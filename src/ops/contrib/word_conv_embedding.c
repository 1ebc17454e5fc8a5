/* com.microsoft WordConvEmbedding: words of characters (numbers, 0 behind the last one) become vectors: embeddings of the
 * characters, a convolution over them, tanh, and the maximum over positions. */
#include "ops/op.h"

#include <float.h>
#include <math.h>

#define MS "com.microsoft"

static ig_status infer(ig_infer *c) {
    ig_shape s, w, y;
    int64_t size = ig_attr_int(c->node, "embedding_size");
    if (!ig_infer_shape(c, 0, &s)) return ig_infer_set(c, 0, IG_F32, NULL);
    if (s.rank < 1) return ig_infer_fail(c, "the words must have an axis of characters");
    y = s;
    y.dims[y.rank - 1] = ig_dim_unknown();
    if (ig_attr_given(c->node, "embedding_size"))
        y.dims[y.rank - 1] = ig_dim_of(size);
    else if (ig_infer_shape(c, 1, &w) && w.rank > 0)
        y.dims[y.rank - 1] = w.dims[0];
    return ig_infer_set(c, 0, IG_F32, &y);
}

typedef struct job {
    const int32_t *words;
    const float *w, *b, *chars;
    float *y;
    size_t length, filters, window, size; /* characters of a word; of the convolution; of a character's vector */
} job;

static void embed_words(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    for (size_t word = begin; word < end; word++) {
        const int32_t *text = j->words + word * j->length;
        size_t n = 0;
        while (n < j->length && text[n] > 0) n++;
        size_t positions = n >= j->window ? n - j->window + 1
                           : n            ? 1
                                          : 0; /* a short word is filled up with the padding's vector */
        for (size_t f = 0; f < j->filters; f++) {
            float best = positions ? -FLT_MAX : 0;
            for (size_t p = 0; p < positions; p++) {
                float sum = 0;
                for (size_t k = 0; k < j->window; k++) {
                    size_t character = p + k < j->length ? (size_t)text[p + k] : 0;
                    const float *v = j->chars + character * j->size, *w = j->w + (f * j->window + k) * j->size;
                    for (size_t i = 0; i < j->size; i++) sum += v[i] * w[i];
                }
                best = fmaxf(best, tanhf(sum + j->b[f]));
            }
            j->y[word * j->filters + f] = best;
        }
    }
}

static ig_status run(ig_call *c) {
    const ig_tensor *s = c->in[0], *w = c->in[1], *b = c->in[2], *chars = c->in[3];
    if (s->rank < 1 || w->rank != 4 || chars->rank != 2 || w->dims[3] != chars->dims[1] || b->count != (size_t)w->dims[0] ||
        w->dims[1] != 1)
        return ig_call_fail(c, "weights [filters, 1, window, size], bias [filters] and characters [n, size] are due");
    for (size_t i = 0; i < s->count; i++) {
        int32_t v = ((const int32_t *)s->data)[i];
        if (v < 0 || v >= chars->dims[0])
            return ig_call_fail(c, "character %d is outside of [0, %lld)", (int)v, (long long)chars->dims[0]);
    }
    int64_t dims[IG_MAX_RANK];
    memcpy(dims, s->dims, sizeof dims);
    dims[s->rank - 1] = w->dims[0];
    IG_TRY(ig_call_output(c, 0, IG_F32, s->rank, dims));
    job j = {s->data,
             w->data,
             b->data,
             chars->data,
             c->out[0]->data,
             (size_t)s->dims[s->rank - 1],
             (size_t)w->dims[0],
             (size_t)w->dims[2],
             (size_t)w->dims[3]};
    if (j.length && c->out[0]->count) ig_parallel(c->threads, s->count / j.length, 1, embed_words, &j);
    return IG_OK;
}

const ig_op ig_op_ms_word_conv_embedding = {MS, "WordConvEmbedding", 1, 0, 0, infer, run, NULL, NULL};
