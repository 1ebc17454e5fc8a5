#include "ops/nn/window.h"

#include <stdio.h>

enum { LARGEST = 1 << 30 }; /* of an attribute: products of three of them and sums stay in 63 bits with room */

static bool list(const ig_node *node, const char *name, int n, int64_t least, int64_t otherwise, int64_t *out, char *why,
                 size_t size) {
    size_t count = 0;
    const int64_t *given = ig_schema_attr_find(node->schema, name) ? ig_attr_ints(node, name, &count) : NULL;
    if (count && count != (size_t)n) {
        snprintf(why, size, "attribute %s has %zu entries for %d spatial dims", name, count, n);
        return false;
    }
    for (int k = 0; k < n; k++) {
        out[k] = count ? given[k] : otherwise;
        if (out[k] == IG_UNKNOWN && !count) continue;
        if (out[k] >= least && out[k] <= LARGEST) continue;
        snprintf(why, size, "attribute %s has entry %lld", name, (long long)out[k]);
        return false;
    }
    return true;
}

static bool read_pads(ig_window_rule *r, const ig_node *node, char *why, size_t size) {
    int64_t pads[2 * IG_MAX_RANK];
    if (!list(node, "pads", 2 * r->dims, -LARGEST, 0, pads, why, size)) return false;
    for (int k = 0; k < r->dims; k++) {
        r->begin[k] = pads[k];
        r->end[k] = pads[r->dims + k];
    }
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    ig_str mode = ig_schema_attr_find(node->schema, "auto_pad") ? ig_attr_str(node, "auto_pad") : IG_STR("NOTSET");
    if (mode.n == 0) mode = IG_STR("NOTSET");
    for (int i = 0; i < 4; i++)
        if (ig_str_is(mode, names[i])) {
            r->auto_pad = (ig_auto_pad)i;
            return true;
        }
    snprintf(why, size, "attribute auto_pad is '%.*s'", (int)ig_min_size(mode.n, 40), mode.s);
    return false;
}

bool ig_window_rule_of(ig_window_rule *r, const ig_node *node, int dims, const int64_t *kernel, char *why, size_t size) {
    *r = (ig_window_rule){.dims = dims};
    if (dims < 1 || dims > IG_MAX_RANK - 2) {
        snprintf(why, size, "the input has no spatial dims");
        return false;
    }
    if (!list(node, "kernel_shape", dims, 1, IG_UNKNOWN, r->kernel, why, size) ||
        !list(node, "strides", dims, 1, 1, r->stride, why, size) ||
        !list(node, "dilations", dims, 1, 1, r->dilation, why, size) || !read_pads(r, node, why, size))
        return false;
    for (int k = 0; k < dims; k++) {
        int64_t own = kernel ? kernel[k] : IG_UNKNOWN;
        if (own != IG_UNKNOWN && r->kernel[k] != IG_UNKNOWN && own != r->kernel[k]) {
            snprintf(why, size, "kernel_shape says %lld, the weight has %lld", (long long)r->kernel[k], (long long)own);
            return false;
        }
        if (r->kernel[k] == IG_UNKNOWN) r->kernel[k] = own;
        if (r->kernel[k] == IG_UNKNOWN && !kernel) {
            snprintf(why, size, "attribute kernel_shape is missing");
            return false;
        }
        if (r->kernel[k] != IG_UNKNOWN && (r->kernel[k] < 1 || r->kernel[k] > LARGEST)) {
            snprintf(why, size, "a window of size %lld", (long long)r->kernel[k]);
            return false;
        }
    }
    r->ceil = ig_schema_attr_find(node->schema, "ceil_mode") && ig_attr_int(node, "ceil_mode");
    return true;
}

/* Places that the taps span: 1 + (kernel - 1) * dilation. */
static int64_t span(const ig_window_rule *r, int k) { return 1 + (r->kernel[k] - 1) * r->dilation[k]; }

ig_dim ig_window_positions(ig_syms *syms, const ig_window_rule *r, int k, ig_dim in) {
    ig_dim stride = ig_dim_of(r->stride[k]), one = ig_dim_of(1);
    if (r->auto_pad == IG_PAD_SAME_UPPER || r->auto_pad == IG_PAD_SAME_LOWER) return ig_dim_ceil_div(syms, in, stride);
    if (r->kernel[k] == IG_UNKNOWN || (!ig_dim_known(in) && !in.sym)) return ig_dim_unknown();
    bool pads = r->auto_pad == IG_PAD_GIVEN;
    int64_t begin = pads ? r->begin[k] : 0, end = pads ? r->end[k] : 0;
    ig_dim room = ig_dim_add(syms, in, ig_dim_of(begin + end - span(r, k)));
    if (!r->ceil || !pads) return ig_dim_add(syms, ig_dim_floor_div(syms, room, stride), one);
    /* A window that would begin behind the input and its first padding is left out. */
    ig_dim last = ig_dim_floor_div(syms, ig_dim_add(syms, in, ig_dim_of(begin - 1)), stride);
    return ig_dim_add(syms, ig_dim_min(syms, ig_dim_ceil_div(syms, room, stride), last), one);
}

bool ig_window_on(ig_window *w, const ig_window_rule *r, const int64_t *in) {
    int64_t taps = 1; /* their number bounds the work for one result */
    w->dims = r->dims;
    for (int k = 0; k < r->dims; k++) {
        if (__builtin_mul_overflow(taps, r->kernel[k], &taps) || taps > LARGEST) return false;
        w->in[k] = in[k];
        w->kernel[k] = r->kernel[k];
        w->stride[k] = r->stride[k];
        w->dilation[k] = r->dilation[k];
        w->begin[k] = r->auto_pad == IG_PAD_GIVEN ? r->begin[k] : 0;
        w->end[k] = r->auto_pad == IG_PAD_GIVEN ? r->end[k] : 0;
        ig_dim out = ig_window_positions(NULL, r, k, ig_dim_of(in[k]));
        if (!ig_dim_known(out) || out.value < 0) return false;
        w->out[k] = out.value;
        if (r->auto_pad != IG_PAD_SAME_UPPER && r->auto_pad != IG_PAD_SAME_LOWER) continue;
        int64_t total = (w->out[k] - 1) * r->stride[k] + span(r, k) - in[k];
        if (total < 0) total = 0;
        w->begin[k] = r->auto_pad == IG_PAD_SAME_UPPER ? total / 2 : total - total / 2;
        w->end[k] = total - w->begin[k];
    }
    return true;
}

ig_status ig_window_of_call(ig_call *c, ig_window *window, int dims, const int64_t *in, const int64_t *kernel) {
    char why[200];
    ig_window_rule rule;
    if (!ig_window_rule_of(&rule, c->node, dims, kernel, why, sizeof why)) return ig_call_fail(c, "%s", why);
    if (!ig_window_on(window, &rule, in)) return ig_call_fail(c, "the window does not fit the input");
    return IG_OK;
}
