/* Beam search, with the bookkeeping of finished sequences that onnxruntime took from the transformers library. */
#include "ops/generate/generate.h"

#include <float.h>
#include <math.h>

typedef struct hypothesis {
    float score;
    size_t n;
    int32_t *tokens;
} hypothesis;

/* The best finished sequences of one entry of the batch, best first. */
typedef struct finished {
    hypothesis *best; /* room for `beams` */
    size_t n;
    bool done;
} finished;

typedef struct search {
    ig_generation *g;
    finished *finished; /* per entry of the batch */
    float *scores;      /* sum of log-probabilities of each row */
    float *next_scores;
    uint32_t *from;
    int32_t *next;
    int32_t *tokens; /* another [rows, max_length] to move rows into */
    bool early;
    float penalty;
} search;

typedef struct candidate {
    float score;
    size_t row, token;
} candidate;

static void finish_row(search *s, size_t batch, size_t row, float sum) {
    ig_generation *g = s->g;
    finished *f = &s->finished[batch];
    float score = sum / powf((float)g->length, s->penalty);
    size_t at = f->n;
    if (f->n == g->beams) {
        if (score <= f->best[g->beams - 1].score) return;
        at = g->beams - 1;
    } else {
        f->n++;
    }
    int32_t *room = f->best[at].tokens;
    for (; at > 0 && f->best[at - 1].score < score; at--) f->best[at] = f->best[at - 1];
    f->best[at] = (hypothesis){score, g->length, room};
    memcpy(room, g->tokens + row * g->max_length, g->length * sizeof *room);
}

/* No row that goes on can become better than what is finished. */
static bool is_done(const search *s, const finished *f, float best_sum) {
    if (f->n < s->g->beams) return false;
    return s->early || f->best[f->n - 1].score >= best_sum / powf((float)s->g->length, s->penalty);
}

/* The 2 * beams best continuations, best first: as many may end. */
static size_t best_candidates(const search *s, size_t batch, candidate *best) {
    const ig_generation *g = s->g;
    size_t n = 0, most = 2 * g->beams;
    for (size_t k = 0; k < g->beams; k++) {
        size_t row = batch * g->beams + k;
        for (size_t v = 0; v < g->vocab; v++) {
            float score = g->logits[row * g->vocab + v] + s->scores[row];
            if (n == most && !(score > best[n - 1].score)) continue;
            size_t at = n < most ? n++ : most - 1;
            for (; at > 0 && best[at - 1].score < score; at--) best[at] = best[at - 1];
            best[at] = (candidate){score, row, v};
        }
    }
    return n;
}

static void choose(search *s, size_t batch, candidate *best) {
    ig_generation *g = s->g;
    finished *f = &s->finished[batch];
    size_t first = batch * g->beams, taken = 0;
    if (f->done) {
        for (size_t k = 0; k < g->beams; k++) {
            s->next_scores[first + k] = 0;
            s->next[first + k] = (int32_t)g->pad;
            s->from[first + k] = (uint32_t)(first + k);
        }
        return;
    }
    size_t n = best_candidates(s, batch, best);
    for (size_t rank = 0; rank < n && taken < g->beams; rank++) {
        const candidate *b = &best[rank];
        if ((int64_t)b->token == g->eos) {
            if (rank < g->beams) finish_row(s, batch, b->row, b->score);
            continue;
        }
        s->next_scores[first + taken] = b->score;
        s->next[first + taken] = (int32_t)b->token;
        s->from[first + taken] = (uint32_t)b->row;
        taken++;
    }
    for (; taken < g->beams; taken++) { /* a vocabulary smaller than the beams */
        s->next_scores[first + taken] = -FLT_MAX;
        s->next[first + taken] = (int32_t)g->pad;
        s->from[first + taken] = (uint32_t)first;
    }
    f->done = is_done(s, f, n ? best[0].score : -FLT_MAX);
}

/* Rows take over the tokens of those that they continue. */
static void extend(search *s) {
    ig_generation *g = s->g;
    for (size_t r = 0; r < g->rows; r++) {
        int32_t *to = s->tokens + r * g->max_length;
        memcpy(to, g->tokens + s->from[r] * g->max_length, g->length * sizeof *to);
        to[g->length] = s->next[r];
    }
    int32_t *old = g->tokens;
    g->tokens = s->tokens;
    s->tokens = old;
    float *scores = s->scores;
    s->scores = s->next_scores;
    s->next_scores = scores;
    g->length++;
}

static bool get_room(search *s) {
    ig_generation *g = s->g;
    ig_call *c = g->c;
    s->finished = ig_call_scratch(c, g->batch * sizeof *s->finished);
    hypothesis *best = ig_call_scratch(c, g->rows * sizeof *best);
    int32_t *room = ig_call_scratch(c, g->rows * g->max_length * sizeof *room);
    s->scores = ig_call_scratch(c, g->rows * sizeof *s->scores);
    s->next_scores = ig_call_scratch(c, g->rows * sizeof *s->next_scores);
    s->from = ig_call_scratch(c, g->rows * sizeof *s->from);
    s->next = ig_call_scratch(c, g->rows * sizeof *s->next);
    s->tokens = ig_call_scratch(c, g->rows * g->max_length * sizeof *s->tokens);
    if (!s->finished || !best || !room || !s->scores || !s->next_scores || !s->from || !s->next || !s->tokens) return false;
    for (size_t b = 0; b < g->batch; b++) s->finished[b] = (finished){.best = best + b * g->beams};
    for (size_t r = 0; r < g->rows; r++) {
        best[r] = (hypothesis){.tokens = room + r * g->max_length};
        s->scores[r] = r % g->beams ? -1e9f : 0; /* all beams begin alike: only the first counts */
    }
    return true;
}

static ig_status write_results(search *s, size_t n_return) {
    ig_generation *g = s->g;
    ig_call *c = g->c;
    int64_t dims[3] = {(int64_t)g->batch, (int64_t)n_return, (int64_t)g->max_length};
    IG_TRY(ig_call_output(c, 0, IG_I32, 3, dims));
    bool scores = c->n_out > 1 && c->wanted[1];
    if (scores) IG_TRY(ig_call_output(c, 1, IG_F32, 2, dims));
    int32_t *out = c->out[0]->data;
    for (size_t i = 0; i < g->batch * n_return; i++) {
        const finished *f = &s->finished[i / n_return];
        const hypothesis *h = i % n_return < f->n ? &f->best[i % n_return] : NULL;
        for (size_t t = 0; t < g->max_length; t++) out[i * g->max_length + t] = h && t < h->n ? h->tokens[t] : (int32_t)g->pad;
        if (scores) ((float *)c->out[1]->data)[i] = h ? h->score : 0;
    }
    return IG_OK;
}

ig_status ig_generation_beams(ig_generation *g, ig_decoder *d, bool early, float penalty, size_t n_return) {
    search s = {.g = g, .early = early, .penalty = penalty};
    candidate *best = ig_call_scratch(g->c, 2 * g->beams * sizeof *best);
    if (!best || !get_room(&s)) return ig_oom(g->c->err);
    while (g->length < g->max_length) {
        IG_TRY(ig_decoder_step(d));
        for (size_t r = 0; r < g->rows; r++) ig_log_softmax(g->logits + r * g->vocab, g->vocab);
        ig_generation_process(g, g->logits);
        bool all = true;
        for (size_t b = 0; b < g->batch; b++) {
            choose(&s, b, best);
            all &= s.finished[b].done;
        }
        extend(&s);
        if (all) break;
        IG_TRY(ig_decoder_reorder(d, s.from));
    }
    for (size_t r = 0; r < g->rows; r++)
        if (!s.finished[r / g->beams].done) finish_row(&s, r / g->beams, r, s.scores[r]);
    return write_results(&s, n_return);
}
