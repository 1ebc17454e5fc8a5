/* Post-transforms of scores, with onnxruntime's roundings: they are computed in float. */
#include "ops/ml/ml.h"

#include <float.h>
#include <math.h>

bool ig_post_of(const ig_node *node, ig_post *post) {
    static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    for (size_t i = 0; i < IG_COUNT_OF(names); i++) {
        if (!ig_attr_is(node, "post_transform", names[i])) continue;
        *post = (ig_post)i;
        return true;
    }
    return false;
}

float ig_logistic(float x) {
    float v = 1 / (1 + expf(-fabsf(x)));
    return x < 0 ? 1 - v : v;
}

/* Winitzki, "A handy approximation for the error function and its inverse" (2008), with a = 0.147. */
static float inverse_erf(float x) {
    float sign = x < 0 ? -1.0f : 1.0f, a = 0.147f;
    float l = logf((1 - x) * (1 + x));
    float v = 2 / (3.14159265f * a) + 0.5f * l, w = 1 / a * l;
    return sign * sqrtf(-v + sqrtf(v * v - w));
}

static float probit(float x) { return 1.41421356f * inverse_erf(2 * x - 1); }

static void softmax(float *s, size_t n) {
    float max = -FLT_MAX, sum = 0;
    for (size_t i = 0; i < n; i++) max = s[i] > max ? s[i] : max;
    for (size_t i = 0; i < n; i++) sum += s[i] = expf(s[i] - max);
    for (size_t i = 0; i < n; i++) s[i] /= sum;
}

/* Scores of zero stay zero. */
static void softmax_zero(float *s, size_t n) {
    float max = -FLT_MAX, sum = 0;
    for (size_t i = 0; i < n; i++) max = s[i] > max ? s[i] : max;
    float scale = expf(-max);
    for (size_t i = 0; i < n; i++) {
        if (s[i] > 1e-7f || s[i] < -1e-7f)
            sum += s[i] = expf(s[i] - max);
        else
            s[i] *= scale;
    }
    for (size_t i = 0; i < n; i++) s[i] /= sum;
}

/* One score of a binary classifier. */
static size_t apply_one(float *s, ig_post post, ig_second second) {
    if (post == IG_POST_PROBIT) {
        s[0] = probit(s[0]);
        return 1;
    }
    if (second == IG_SECOND_NONE) return 1;
    float x = s[0];
    s[1] = post == IG_POST_LOGISTIC ? ig_logistic(x) : x;
    s[0] = second == IG_SECOND_ONE_MINUS ? 1 - s[1] : post == IG_POST_LOGISTIC ? ig_logistic(-x) : -x;
    return 2;
}

size_t ig_post_apply(float *s, size_t n, ig_post post, ig_second second) {
    if (n == 1) return apply_one(s, post, second);
    switch (post) {
    case IG_POST_NONE: break;
    case IG_POST_SOFTMAX: softmax(s, n); break;
    case IG_POST_SOFTMAX_ZERO: softmax_zero(s, n); break;
    case IG_POST_LOGISTIC:
        for (size_t i = 0; i < n; i++) s[i] = ig_logistic(s[i]);
        break;
    case IG_POST_PROBIT:
        for (size_t i = 0; i < n; i++) s[i] = probit(s[i]);
        break;
    }
    return n;
}
