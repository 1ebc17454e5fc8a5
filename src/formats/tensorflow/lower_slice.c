/* Slices: of sizes, and with Python's syntax as masks. */
#include "formats/tensorflow/rules.h"

/* Value, begin, size (-1: to the end). */
ig_status ig_tf_lower_slice(ig_lower *l) {
    int64_t begin[IG_MAX_RANK], size[IG_MAX_RANK], end[IG_MAX_RANK];
    size_t n, m;
    bool known = ig_tf_ints(l, ig_tf_in(l, 1), begin, IG_MAX_RANK, &n) && ig_tf_ints(l, ig_tf_in(l, 2), size, IG_MAX_RANK, &m);
    if (known && n == m) {
        for (size_t i = 0; i < n; i++) end[i] = size[i] < 0 ? INT64_MAX : begin[i] + size[i];
        if (n == 0) return ig_tf_text(l, "y = Identity(x0)");
        return ig_tf_text(l, "y = Slice(x0, [%s], [%s])", ig_tf_join(l, begin, n), ig_tf_join(l, end, n));
    }
    return ig_tf_text(l, "b = i64(x1); s = i64(x2); y = Slice(x0, b, Where(Less(s, 0i), Shape(x0), b + s))");
}

/* What a strided slice does to one dim of the value. */
typedef struct part {
    int64_t axis;
    size_t entry; /* of begin, end, strides */
    int64_t step;
    bool from_edge, to_edge, one; /* no begin, no end, a single place whose dim goes away */
} part;

typedef struct slices {
    part parts[IG_MAX_RANK];
    size_t n;
    int64_t new_axes[IG_MAX_RANK], gone[IG_MAX_RANK]; /* of the result; of what has been sliced */
    size_t n_new, n_gone;
} slices;

static bool bit(int64_t mask, size_t i) { return i < 63 && (mask >> i & 1); }

/* Goes through the entries. The ellipsis stands for as many dims as the others leave. */
static ig_status plan(ig_lower *l, int rank, size_t entries, const int64_t *steps, slices *s) {
    int64_t ellipsis = ig_tf_int_attr(l, "ellipsis_mask"), fresh = ig_tf_int_attr(l, "new_axis_mask");
    int64_t shrink = ig_tf_int_attr(l, "shrink_axis_mask"), begins = ig_tf_int_attr(l, "begin_mask"),
            ends = ig_tf_int_attr(l, "end_mask");
    int64_t axis = 0, out = 0, others = 0;
    bool seen = false;
    for (size_t i = 0; i < entries; i++)
        if (!bit(ellipsis, i) && !bit(fresh, i)) others++;
    for (size_t i = 0; i < entries; i++) {
        if (bit(ellipsis, i)) {
            if (seen) return ig_lower_refuse(l, "it has two ellipses");
            if (rank < 0) return ig_lower_refuse(l, "the rank of input 0 is unknown");
            seen = true;
            axis += rank - others;
            out += rank - others;
            continue;
        }
        if (bit(fresh, i)) {
            if (s->n_new == IG_MAX_RANK) return ig_lower_refuse(l, "it makes too many dims");
            s->new_axes[s->n_new++] = out++;
            continue;
        }
        if (s->n == IG_MAX_RANK || (rank >= 0 && axis >= rank))
            return ig_lower_refuse(l, "it has more entries than the value has dims");
        part *p = &s->parts[s->n++];
        *p = (part){.axis = axis, .entry = i, .step = steps[i], .one = bit(shrink, i)};
        p->from_edge = bit(begins, i) && !p->one;
        p->to_edge = bit(ends, i) && !p->one;
        if (p->one)
            s->gone[s->n_gone++] = axis;
        else
            out++;
        axis++;
    }
    return IG_OK;
}

/* Dims that are taken whole need no mention. */
static void drop_whole(slices *s) {
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (!s->parts[i].from_edge || !s->parts[i].to_edge || s->parts[i].step != 1) s->parts[kept++] = s->parts[i];
    s->n = kept;
}

static int64_t edge(const part *p, bool first) {
    bool low = (p->step > 0) == first;
    return low ? (first ? 0 : INT64_MIN + 1) : INT64_MAX;
}

/* Where the slices start or end, as one vector. */
static ig_value *bounds(ig_lower *l, const slices *s, uint32_t input, bool first) {
    int64_t known[IG_MAX_RANK], list[IG_MAX_RANK], entry[IG_MAX_RANK], masked[IG_MAX_RANK], edges[IG_MAX_RANK],
        one[IG_MAX_RANK];
    size_t n;
    ig_value *begin = ig_tf_in(l, input), *end = ig_tf_in(l, input + 1);
    if (ig_tf_ints(l, first ? begin : end, known, IG_MAX_RANK, &n) && (first || ig_tf_ints(l, begin, list, IG_MAX_RANK, &n))) {
        for (size_t i = 0; i < s->n; i++) {
            const part *p = &s->parts[i];
            if (p->entry >= n) return NULL;
            bool at_edge = first ? p->from_edge : p->to_edge;
            int64_t start = first ? known[p->entry] : list[p->entry];
            edges[i] = at_edge       ? edge(p, first)
                       : first       ? start
                       : !p->one     ? known[p->entry]
                       : start == -1 ? INT64_MAX
                                     : start + 1;
        }
        return ig_tf_i64s(l, edges, s->n);
    }
    for (size_t i = 0; i < s->n; i++) {
        const part *p = &s->parts[i];
        entry[i] = (int64_t)p->entry;
        one[i] = p->one;
        masked[i] = first ? p->from_edge : p->to_edge;
        edges[i] = edge(p, first);
    }
    ig_tf_bind(l, "begin", ig_tf_i64(l, begin));
    ig_tf_bind(l, "end", ig_tf_i64(l, end));
    ig_tf_bind(l, "at", ig_tf_i64s(l, entry, s->n));
    ig_tf_bind(l, "one", ig_tf_i64s(l, one, s->n));
    ig_tf_bind(l, "masked", ig_tf_i64s(l, masked, s->n));
    ig_tf_bind(l, "edges", ig_tf_i64s(l, edges, s->n));
    ig_tf_bind(l, "b", ig_tf_v(l, "Gather(begin, at)"));
    if (!first) {
        ig_tf_bind(l, "next", ig_tf_v(l, "Where(Equal(b, -1i), %lldi, b + 1i)", (long long)1 << 62));
        ig_tf_bind(l, "b", ig_tf_v(l, "Where(Cast<to=bool>(one), next, Gather(end, at))"));
    }
    return ig_tf_v(l, "Where(Cast<to=bool>(masked), edges, b)");
}

static ig_status read_plan(ig_lower *l, ig_value *v, uint32_t input, slices *s) {
    int64_t steps[IG_MAX_RANK];
    size_t n;
    IG_TRY(ig_tf_need_ints(l, input + 2, steps, IG_MAX_RANK, &n));
    IG_TRY(plan(l, ig_tf_rank_of(v), n, steps, s));
    drop_whole(s);
    return IG_OK;
}

ig_value *ig_tf_slice_like(ig_lower *l, ig_value *v, uint32_t input) {
    slices s = {.n = 0};
    int64_t axes[IG_MAX_RANK], steps[IG_MAX_RANK];
    bool plain = true;
    if (read_plan(l, v, input, &s) != IG_OK) return NULL;
    for (size_t i = 0; i < s.n; i++) {
        axes[i] = s.parts[i].axis;
        steps[i] = s.parts[i].step;
        plain &= steps[i] == 1;
    }
    if (s.n) {
        ig_tf_bind(l, "sliced", v);
        ig_tf_bind(l, "from", bounds(l, &s, input, true));
        ig_tf_bind(l, "to", bounds(l, &s, input, false));
        const char *list = ig_tf_join(l, axes, s.n);
        v = plain ? ig_tf_v(l, "Slice(sliced, from, to, [%s])", list)
                  : ig_tf_v(l, "Slice(sliced, from, to, [%s], [%s])", list, ig_tf_join(l, steps, s.n));
    }
    if (s.n_gone) {
        ig_tf_bind(l, "sliced", v);
        v = ig_tf_v(l, "Squeeze(sliced, [%s])", ig_tf_join(l, s.gone, s.n_gone));
    }
    if (s.n_new) {
        ig_tf_bind(l, "sliced", v);
        v = ig_tf_v(l, "Unsqueeze(sliced, [%s])", ig_tf_join(l, s.new_axes, s.n_new));
    }
    return v;
}

ig_status ig_tf_lower_strided_slice(ig_lower *l) {
    ig_value *v = ig_tf_slice_like(l, ig_tf_in(l, 0), 1);
    if (!v)
        return l->reason[0]                  ? IG_E_UNSUPPORTED
               : ig_tf_s(l)->status != IG_OK ? ig_tf_s(l)->status
                                             : ig_lower_refuse(l, "its bounds are too short");
    if (v == ig_tf_in(l, 0)) return ig_tf_text(l, "y = Identity(x0)");
    ig_tf_out(l, 0, v);
    return IG_OK;
}

/* x[a:b:c] = value: the places are those that the slice would read from numbers 0, 1, 2 … */
ig_value *ig_tf_slice_update(ig_lower *l, ig_value *v, ig_value *with) {
    ig_tf_bind(l, "old", v);
    ig_tf_bind(l, "with", with);
    ig_value *places = ig_tf_v(l, "Reshape(Range(0i, Size(old), 1i), Shape(old))");
    ig_value *slice = places ? ig_tf_slice_like(l, places, 1) : NULL;
    if (!slice) return NULL;
    ig_tf_bind(l, "at", slice);
    return ig_tf_v(l, "Reshape(ScatterElements<axis=0>(Reshape(old, [-1]), Reshape(at, [-1]), Reshape(Expand(with, Shape(at)), "
                      "[-1])), Shape(old))");
}

ig_status ig_tf_lower_strided_slice_update(ig_lower *l) {
    ig_value *v = ig_tf_slice_update(l, ig_tf_in(l, 0), ig_tf_in(l, 4));
    if (!v)
        return l->reason[0]                  ? IG_E_UNSUPPORTED
               : ig_tf_s(l)->status != IG_OK ? ig_tf_s(l)->status
                                             : ig_lower_refuse(l, "its bounds are too short");
    ig_tf_out(l, 0, v);
    return IG_OK;
}
