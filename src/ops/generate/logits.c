#include "ops/generate/generate.h"

#include <float.h>
#include <math.h>

void ig_log_softmax(float *x, size_t n) {
    float max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) max = fmaxf(max, x[i]);
    for (size_t i = 0; i < n; i++) sum += expf(x[i] - max);
    float all = logf(sum) + max;
    for (size_t i = 0; i < n; i++) x[i] -= all;
}

/* Keskar et al., "CTRL" (2019): what was said becomes less likely, whatever the sign of its score. Each token once. */
static void penalize_repetition(const ig_generation *g, size_t row, float *scores) {
    const int32_t *tokens = g->tokens + row * g->max_length;
    memset(g->seen, 0, g->vocab);
    for (size_t t = 0; t < g->length; t++) {
        float *s = &scores[tokens[t]];
        if (g->seen[tokens[t]]) continue;
        g->seen[tokens[t]] = 1;
        *s = *s < 0 ? *s * g->repetition : *s / g->repetition;
    }
}

/* No n-gram a second time: its last token is forbidden when the ones before it stand at the end. */
static void forbid_ngrams(const ig_generation *g, size_t row, float *scores) {
    const int32_t *tokens = g->tokens + row * g->max_length;
    size_t prefix = g->no_repeat - 1;
    if (g->length < g->no_repeat) return;
    for (size_t t = 0; t + prefix < g->length; t++) {
        bool same = prefix == 0 || memcmp(tokens + t, tokens + g->length - prefix, prefix * sizeof *tokens) == 0;
        if (same) scores[tokens[t + prefix]] = -FLT_MAX;
    }
}

void ig_generation_process(ig_generation *g, float *scores) {
    for (size_t r = 0; r < g->rows; r++) {
        float *s = scores + r * g->vocab;
        size_t b = r / g->beams;
        if (g->repetition != 1) penalize_repetition(g, r, s);
        if (g->no_repeat) forbid_ngrams(g, r, s);
        for (size_t v = 0; g->vocab_mask && v < g->vocab; v++)
            if (!g->vocab_mask[v]) s[v] = -FLT_MAX;
        for (size_t v = 0; g->prefix_mask && g->steps == 1 && v < g->vocab; v++)
            if (!g->prefix_mask[b * g->vocab + v]) s[v] = -FLT_MAX;
        if (g->length < g->min_length && g->eos >= 0 && (uint64_t)g->eos < g->vocab) s[g->eos] = -FLT_MAX;
        for (size_t v = 0; g->temperature != 1 && v < g->vocab; v++) s[v] /= g->temperature;
        for (size_t v = 0; g->presence_mask && v < g->vocab; v++)
            s[v] -= (float)g->presence_mask[b * g->vocab + v] * g->presence_penalty;
    }
}
