/* Windows that slide over an image: what the attributes of convolutions and pools say, and the padding that it means. */
#include "formats/tensorflow/window.h"

/* The entries of a list attribute for the dims between batch and channels; ones when it is absent. */
static ig_status spatial(ig_lower *l, const char *name, size_t n, int64_t *out) {
    size_t count;
    const int64_t *list = ig_attr_ints(l->node, name, &count);
    size_t first = ig_tf_channels_first(l) ? 2 : 1;
    for (size_t i = 0; i < n; i++) {
        out[i] = count == 0 ? 1 : count == n ? list[i] : count == n + 2 ? list[first + i] : 0;
        if (out[i] < 1 || out[i] > INT32_MAX) return ig_lower_refuse(l, "its %s don't fit its input", name);
    }
    size_t channels = ig_tf_channels_first(l) ? 1 : n + 1;
    if (count == n + 2 && strcmp(name, "dilations") != 0 && (list[0] != 1 || list[channels] != 1))
        return ig_lower_refuse(l, "its %s reach over batches or channels", name);
    return IG_OK;
}

ig_status ig_tf_read_window(ig_lower *l, int rank, const char *strides, const char *dilations, ig_tf_window *w) {
    size_t n_explicit;
    const int64_t *list = ig_attr_ints(l->node, "explicit_paddings", &n_explicit);
    if (rank < 3 || rank > 5) return ig_lower_refuse(l, "its input's rank isn't 3, 4 or 5");
    w->n = (size_t)rank - 2;
    IG_TRY(spatial(l, strides, w->n, w->stride));
    IG_TRY(spatial(l, dilations, w->n, w->dilation));
    w->same = ig_tf_attr_is(l, "padding", "SAME");
    if (ig_tf_attr_is(l, "padding", "EXPLICIT")) {
        size_t first = ig_tf_channels_first(l) ? 4 : 2;
        if (n_explicit != 2 * w->n + 4) return ig_lower_refuse(l, "its explicit_paddings don't fit its input");
        for (size_t i = 0; i < w->n; i++) {
            w->before[i] = list[first + 2 * i];
            w->after[i] = list[first + 2 * i + 1];
        }
    } else if (!w->same && !ig_tf_attr_is(l, "padding", "VALID")) {
        return ig_lower_refuse(l, "its padding is unknown");
    }
    return IG_OK;
}

int64_t ig_tf_reach(const ig_tf_window *w, size_t i) { return (w->kernel[i] - 1) * w->dilation[i] + 1; }

bool ig_tf_settle_padding(ig_lower *l, const ig_value *first, ig_tf_window *w) {
    IG_UNUSED(l);
    if (!w->same) return true;
    int64_t before[IG_TF_MAX_WINDOW], after[IG_TF_MAX_WINDOW];
    for (size_t i = 0; i < w->n; i++) {
        int64_t size = ig_tf_dim_of(first, (int)i + 2), reach = ig_tf_reach(w, i), total = reach - w->stride[i];
        if (size < 0 && w->stride[i] != 1) return false;
        if (size >= 0) total = reach - (size % w->stride[i] ? size % w->stride[i] : w->stride[i]);
        if (total < 0) total = 0;
        before[i] = total / 2;
        after[i] = total - total / 2;
    }
    memcpy(w->before, before, sizeof before);
    memcpy(w->after, after, sizeof after);
    w->same = false;
    return true;
}

const char *ig_tf_window_attributes(ig_lower *l, const ig_value *first, ig_tf_window *w, bool dilations) {
    ig_arena *arena = &ig_tf_s(l)->arena;
    int64_t pads[2 * IG_TF_MAX_WINDOW];
    const char *padding = "auto_pad='SAME_UPPER'";
    if (ig_tf_settle_padding(l, first, w)) {
        for (size_t i = 0; i < w->n; i++) {
            pads[i] = w->before[i];
            pads[w->n + i] = w->after[i];
        }
        padding = ig_arena_printf(arena, "pads=[%s]", ig_tf_join(l, pads, 2 * w->n));
    }
    const char *text = ig_arena_printf(arena, "kernel_shape=[%s], strides=[%s], %s", ig_tf_join(l, w->kernel, w->n),
                                       ig_tf_join(l, w->stride, w->n), padding ? padding : "");
    if (text && dilations) text = ig_arena_printf(arena, "%s, dilations=[%s]", text, ig_tf_join(l, w->dilation, w->n));
    if (!text || !padding) l->b.failed = true;
    return text ? text : "";
}

ig_value *ig_tf_pad_window(ig_lower *l, ig_value *first, ig_tf_window *w, ig_value *with) {
    int64_t axes[IG_TF_MAX_WINDOW], pads[2 * IG_TF_MAX_WINDOW];
    bool none = true;
    for (size_t i = 0; i < w->n; i++) axes[i] = (int64_t)i + 2;
    ig_tf_bind(l, "pv", first);
    ig_tf_bind(l, "with", with);
    if (ig_tf_settle_padding(l, first, w)) {
        for (size_t i = 0; i < w->n; i++) {
            pads[i] = w->before[i];
            pads[w->n + i] = w->after[i];
            none &= !w->before[i] && !w->after[i];
        }
        if (none) return first;
        ig_tf_bind(l, "pads", ig_tf_i64s(l, pads, 2 * w->n));
    } else {
        int64_t reach[IG_TF_MAX_WINDOW];
        for (size_t i = 0; i < w->n; i++) reach[i] = ig_tf_reach(w, i);
        ig_tf_bind(l, "size", ig_tf_v(l, "Shape<start=2>(pv)"));
        ig_tf_bind(l, "stride", ig_tf_i64s(l, w->stride, w->n));
        ig_tf_bind(l, "over", ig_tf_v(l, "Mod(size, stride)"));
        ig_tf_bind(l, "total", ig_tf_v(l, "Max([%s] - Where(Equal(over, 0i), stride, over), 0i)", ig_tf_join(l, reach, w->n)));
        ig_tf_bind(l, "pads", ig_tf_v(l, "Concat<axis=0>(total / 2i, total - total / 2i)"));
        w->same = false;
    }
    return ig_tf_v(l, "Pad(pv, pads, with, [%s])", ig_tf_join(l, axes, w->n));
}
