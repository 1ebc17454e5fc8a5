#include "ops/generate/generate.h"

static bool named(const ig_value_info *v, const char *name) { return ig_str_is(ig_name_str(v->name), name); }

/* What is behind a prefix of the name; absent when it has another one. */
static ig_str behind(const ig_value_info *v, const char *prefix) {
    ig_str name = ig_name_str(v->name);
    size_t n = strlen(prefix);
    return ig_str_starts(name, prefix) ? (ig_str){name.s + n, name.n - n} : (ig_str){0};
}

static const ig_type *type_of(const ig_value_info *v) { return v->type ? v->type : v->value ? v->value->type : NULL; }

static ig_cache *find_cache(const ig_decoder *d, ig_str name) {
    for (size_t i = 0; i < d->n_caches; i++)
        if (ig_str_eq(d->caches[i].name, name)) return &d->caches[i];
    return NULL;
}

/* Caches of keys and values have the batch in front; one of both has it second. */
static int batch_axis(const ig_cache *cache) {
    return ig_str_starts(cache->name, "key") || ig_str_starts(cache->name, "value") ? 0 : 1;
}

static void set(ig_tensor **to, ig_tensor *value) {
    ig_tensor_free(*to);
    *to = value;
}

static ig_status new_ints(ig_decoder *d, ig_tensor **t, ig_dtype dtype, size_t columns) {
    ig_tensor *made;
    IG_TRY(ig_tensor_new(&made, d->g->c->context, dtype, 2, (int64_t[]){(int64_t)d->g->rows, (int64_t)columns}, d->g->c->err));
    set(t, made);
    return IG_OK;
}

static ig_dtype wanted_dtype(const ig_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->inputs.n; i++) {
        const ig_value_info *v = &graph->inputs.items[i];
        if (named(v, name) && type_of(v) && ig_dtype_is_int(type_of(v)->dtype)) return type_of(v)->dtype;
    }
    return IG_I32;
}

static bool wants(const ig_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->inputs.n; i++)
        if (named(&graph->inputs.items[i], name)) return true;
    return false;
}

/* ----------------------------------------------------------------------------------------------------------- first step */

/* A cache of no tokens: the declared shape with the batch put in and 0 for the one other dim that is free. */
static ig_status empty_cache(ig_decoder *d, const ig_value_info *v, ig_cache *cache) {
    const ig_type *type = type_of(v);
    ig_shape shape = ig_type_shape(type);
    int64_t dims[IG_MAX_RANK];
    int axis = batch_axis(cache);
    if (shape.rank < 3 || !type->dtype)
        return ig_call_fail(d->g->c, "the shape of '%.80s' must be declared", ig_name_text(v->name));
    for (int i = 0; i < shape.rank; i++)
        dims[i] = i == axis                     ? (int64_t)d->g->rows
                  : i == shape.rank - 2         ? 0
                  : ig_dim_known(shape.dims[i]) ? shape.dims[i].value
                                                : -1;
    for (int i = 0; i < shape.rank; i++)
        if (dims[i] < 0) return ig_call_fail(d->g->c, "dim %d of '%.80s' must be declared", i, ig_name_text(v->name));
    return ig_tensor_create(&cache->value, d->g->c->context, type->dtype, shape.rank, dims, d->g->c->err);
}

static ig_status list_caches(ig_decoder *d) {
    ig_call *c = d->g->c;
    d->caches = ig_call_scratch(c, (d->graph->inputs.n + 1) * sizeof *d->caches);
    if (!d->caches) return ig_oom(c->err);
    for (size_t i = 0; i < d->graph->inputs.n; i++) {
        const ig_value_info *v = &d->graph->inputs.items[i];
        if (named(v, "past_sequence_length") || named(v, "cache_indirection") || named(v, "beam_width"))
            return ig_fail(c->err, IG_E_UNSUPPORTED, "%.80s: a decoder whose past and present share a buffer",
                           ig_name_text(c->node->op));
        ig_str name = behind(v, "past_");
        if (name.s) d->caches[d->n_caches++] = (ig_cache){.name = name};
    }
    return IG_OK;
}

/* 1 for tokens that count. Without a mask from the caller, padding in the prompt does not. */
static ig_status first_mask(ig_decoder *d, const ig_tensor *given, const char *name, size_t columns) {
    ig_generation *g = d->g;
    if (given && given->count != g->batch * columns) return ig_call_fail(g->c, "the attention mask doesn't fit the input");
    IG_TRY(new_ints(d, &d->mask, wanted_dtype(d->graph, name), columns));
    for (size_t i = 0; i < g->rows * columns; i++) {
        size_t from = i / columns / g->beams * columns + i % columns;
        bool counts = true;
        if (given)
            counts = ig_load_as_i64(given->dtype, given->data, from) != 0;
        else if (ig_dtype_is_int(g->c->in[0]->dtype))
            counts = ig_load_as_i64(g->c->in[0]->dtype, g->c->in[0]->data, from) != g->pad;
        ig_store_i64(d->mask->dtype, d->mask->data, i, counts);
    }
    return IG_OK;
}

static ig_status first_positions(ig_decoder *d) {
    ig_generation *g = d->g;
    IG_TRY(new_ints(d, &d->positions, wanted_dtype(d->graph, "position_ids"), g->length));
    for (size_t r = 0; r < g->rows; r++) {
        int64_t position = 0;
        for (size_t t = 0; t < g->length; t++) {
            bool counts = !d->mask || ig_load_as_i64(d->mask->dtype, d->mask->data, r * g->length + t) != 0;
            ig_store_i64(d->positions->dtype, d->positions->data, r * g->length + t, counts ? position++ : 0);
        }
    }
    return IG_OK;
}

/* Each entry of the batch as often as there are beams. */
static ig_status repeat_rows(ig_call *c, const ig_tensor *t, int axis, size_t times, ig_tensor **out) {
    int64_t dims[IG_MAX_RANK];
    size_t outer = 1, inner = ig_dtype_bytes(t->dtype), n = (size_t)t->dims[axis];
    memcpy(dims, t->dims, sizeof dims);
    dims[axis] *= (int64_t)times;
    for (int i = 0; i < axis; i++) outer *= (size_t)t->dims[i];
    for (int i = axis + 1; i < t->rank; i++) inner *= (size_t)t->dims[i];
    IG_TRY(ig_tensor_new(out, c->context, t->dtype, t->rank, dims, c->err));
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < n * times; i++)
            memcpy((char *)(*out)->data + (o * n * times + i) * inner, (const char *)t->data + (o * n + i / times) * inner,
                   inner);
    return IG_OK;
}

/* Results of an encoder are for the batch; the decoder works on rows. */
static ig_status take_encoder_output(ig_decoder *d, const ig_value_info *v, const ig_tensor *t) {
    ig_str name = behind(v, "present_");
    ig_cache *cache = name.s ? find_cache(d, name) : NULL;
    ig_tensor **to = cache ? &cache->value : named(v, "encoder_hidden_states") ? &d->hidden : NULL, *rows;
    if (!to) return IG_OK;
    int axis = cache ? batch_axis(cache) : 0;
    if (t->kind != IG_KIND_TENSOR || t->rank <= axis || (size_t)t->dims[axis] != d->g->batch)
        return ig_call_fail(d->g->c, "'%.80s' of the encoder has no batch", ig_name_text(v->name));
    IG_TRY(repeat_rows(d->g->c, t, axis, d->g->beams, &rows));
    set(to, rows);
    return IG_OK;
}

static ig_status take_logits(ig_decoder *d, const ig_tensor *t, size_t times) {
    ig_generation *g = d->g;
    if (t->kind != IG_KIND_TENSOR || t->rank != 3 || (size_t)t->dims[0] * times != g->rows || (size_t)t->dims[2] != g->vocab ||
        t->dims[1] < 1)
        return ig_call_fail(g->c, "logits [%zu, length, %zu] are due", g->rows / times, g->vocab);
    for (size_t r = 0; r < g->rows; r++) {
        size_t last = (r / times * (size_t)t->dims[1] + (size_t)t->dims[1] - 1) * g->vocab;
        ig_to_f32(t->dtype, t->data, last, g->vocab, g->logits + r * g->vocab);
    }
    return IG_OK;
}

static ig_status encoder_ids(ig_decoder *d, const ig_graph *encoder, ig_tensor **out) {
    ig_generation *g = d->g;
    IG_TRY(ig_tensor_new(out, g->c->context, wanted_dtype(encoder, "decoder_input_ids"), 2,
                         (int64_t[]){(int64_t)g->batch, (int64_t)g->prompt}, g->c->err));
    for (size_t b = 0; b < g->batch; b++)
        for (size_t t = 0; t < g->prompt; t++)
            ig_store_i64((*out)->dtype, (*out)->data, b * g->prompt + t, g->tokens[b * g->beams * g->max_length + t]);
    return IG_OK;
}

/* The encoder's mask is the decoder's too; here without beams. */
static ig_status encoder_mask(ig_decoder *d, const ig_tensor *given, ig_tensor **out) {
    ig_generation *g = d->g;
    const ig_tensor *x = g->c->in[0];
    size_t columns = (size_t)x->dims[1], n = g->batch * columns;
    if (given && given->count != n) return ig_call_fail(g->c, "the attention mask doesn't fit the input");
    IG_TRY(ig_tensor_new(out, g->c->context, IG_I32, 2, (int64_t[]){(int64_t)g->batch, (int64_t)columns}, g->c->err));
    for (size_t i = 0; i < n; i++) {
        int64_t counts = given                       ? ig_load_as_i64(given->dtype, given->data, i)
                         : ig_dtype_is_int(x->dtype) ? ig_load_as_i64(x->dtype, x->data, i) != g->pad
                                                     : 1;
        ((int32_t *)(*out)->data)[i] = counts != 0;
    }
    return IG_OK;
}

/* `made`: two values made for the encoder, to be freed. */
static ig_status run_encoder(ig_decoder *d, const ig_graph *encoder, const ig_tensor *attention, ig_tensor **made,
                             bool *decoded) {
    ig_call *c = d->g->c;
    size_t n_in = encoder->inputs.n, n_out = encoder->outputs.n;
    ig_tensor **in = ig_call_scratch(c, (n_in + n_out + 1) * sizeof *in), **out = in + n_in;
    if (!in) return ig_oom(c->err);
    for (size_t i = 0; i < n_in; i++) {
        const ig_value_info *v = &encoder->inputs.items[i];
        if (named(v, "decoder_input_ids")) {
            IG_TRY(encoder_ids(d, encoder, &made[0]));
            in[i] = made[0];
        } else if (named(v, "encoder_attention_mask")) {
            IG_TRY(encoder_mask(d, attention, &made[1]));
            in[i] = made[1];
        } else if (i == 0) {
            in[i] = (ig_tensor *)(uintptr_t)c->in[0];
        } else {
            return ig_fail(c->err, IG_E_UNSUPPORTED, "%.80s: an encoder's input '%.80s'", ig_name_text(c->node->op),
                           ig_name_text(v->name));
        }
    }
    IG_TRY(ig_call_graph(c, "encoder", in, n_in, out));
    ig_status status = IG_OK;
    for (size_t o = 0; o < n_out; o++) {
        const ig_value_info *v = &encoder->outputs.items[o];
        if (status == IG_OK && named(v, "logits")) {
            status = take_logits(d, out[o], d->g->beams);
            *decoded = true;
        } else if (status == IG_OK) {
            status = take_encoder_output(d, v, out[o]);
        }
        ig_tensor_free(out[o]);
    }
    return status;
}

static ig_status begin_with_encoder(ig_decoder *d, const ig_tensor *attention) {
    ig_generation *g = d->g;
    const ig_graph *encoder = ig_attr_graph(g->c->node, "encoder");
    ig_tensor *made[2] = {NULL, NULL};
    bool decoded = false;
    if (!encoder) return ig_call_fail(g->c, "attribute 'encoder' with a graph is missing");
    ig_status status = run_encoder(d, encoder, attention, made, &decoded);
    ig_tensor_free(made[0]);
    ig_tensor_free(made[1]);
    IG_TRY(status);
    if (wants(d->graph, "encoder_attention_mask"))
        IG_TRY(first_mask(d, attention, "encoder_attention_mask", (size_t)g->c->in[0]->dims[1]));
    if (decoded) g->steps = 1; /* the encoder ran the decoder's first step */
    return IG_OK;
}

ig_status ig_decoder_begin(ig_decoder *d, ig_generation *g, const ig_tensor *attention) {
    bool has_init = ig_attr_graph(g->c->node, "init_decoder") != NULL;
    *d = (ig_decoder){.g = g, .attr = has_init ? "init_decoder" : "decoder", .graph = ig_attr_graph(g->c->node, "decoder")};
    if (has_init && g->model)
        return ig_fail(g->c->err, IG_E_UNSUPPORTED, "%.80s: an init_decoder behind an encoder", ig_name_text(g->c->node->op));
    IG_TRY(list_caches(d));
    if (g->model) IG_TRY(begin_with_encoder(d, attention));
    for (size_t i = 0; i < d->graph->inputs.n; i++) {
        const ig_value_info *v = &d->graph->inputs.items[i];
        ig_str name = behind(v, "past_");
        ig_cache *cache = name.s ? find_cache(d, name) : NULL;
        if (cache && !cache->value) IG_TRY(empty_cache(d, v, cache));
    }
    if (!g->model && wants(d->graph, "attention_mask")) IG_TRY(first_mask(d, attention, "attention_mask", g->prompt));
    if (!g->model && wants(d->graph, "position_ids")) IG_TRY(first_positions(d));
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- steps */

/* The tokens that the decoder has not seen yet. */
static ig_status new_ids(ig_decoder *d) {
    ig_generation *g = d->g;
    size_t n = g->steps == 0 ? g->length : 1;
    IG_TRY(new_ints(d, &d->ids, wanted_dtype(d->graph, "input_ids"), n));
    for (size_t r = 0; r < g->rows; r++)
        for (size_t t = 0; t < n; t++)
            ig_store_i64(d->ids->dtype, d->ids->data, r * n + t, g->tokens[r * g->max_length + g->length - n + t]);
    return IG_OK;
}

/* After the first step: one position on, one more that counts. */
static ig_status advance(ig_decoder *d) {
    ig_generation *g = d->g;
    ig_tensor *old_mask = d->mask, *old = d->positions;
    if (old) {
        size_t n = (size_t)old->dims[1];
        d->positions = NULL;
        ig_status status = new_ints(d, &d->positions, old->dtype, 1);
        for (size_t r = 0; status == IG_OK && r < g->rows; r++)
            ig_store_i64(old->dtype, d->positions->data, r, ig_load_as_i64(old->dtype, old->data, r * n + n - 1) + 1);
        ig_tensor_free(old);
        IG_TRY(status);
    }
    if (!old_mask || g->model) return IG_OK;
    size_t n = (size_t)old_mask->dims[1];
    d->mask = NULL;
    ig_status status = new_ints(d, &d->mask, old_mask->dtype, n + 1);
    for (size_t i = 0; status == IG_OK && i < g->rows * (n + 1); i++) {
        size_t r = i / (n + 1), t = i % (n + 1);
        ig_store_i64(old_mask->dtype, d->mask->data, i,
                     t == n ? 1 : ig_load_as_i64(old_mask->dtype, old_mask->data, r * n + t));
    }
    ig_tensor_free(old_mask);
    return status;
}

static ig_tensor *input_value(const ig_decoder *d, const ig_value_info *v) {
    ig_str cache = behind(v, "past_");
    ig_cache *found = cache.s ? find_cache(d, cache) : NULL;
    if (found) return found->value;
    if (named(v, "input_ids") || named(v, "decoder_input_ids")) return d->ids;
    if (named(v, "position_ids")) return d->positions;
    if (named(v, "attention_mask") || named(v, "encoder_attention_mask")) return d->mask;
    if (named(v, "encoder_hidden_states")) return d->hidden;
    return NULL;
}

static ig_status run_graph(ig_decoder *d, const ig_graph *graph) {
    ig_call *c = d->g->c;
    size_t n_in = graph->inputs.n, n_out = graph->outputs.n;
    ig_tensor **in = ig_call_scratch(c, (n_in + n_out + 1) * sizeof *in), **out = in + n_in;
    if (!in) return ig_oom(c->err);
    for (size_t i = 0; i < n_in; i++) {
        in[i] = input_value(d, &graph->inputs.items[i]);
        if (!in[i])
            return ig_fail(c->err, IG_E_UNSUPPORTED, "%.80s: a decoder's input '%.80s'", ig_name_text(c->node->op),
                           ig_name_text(graph->inputs.items[i].name));
    }
    IG_TRY(ig_call_graph(c, d->attr, in, n_in, out));
    ig_status status = IG_OK;
    for (size_t o = 0; o < n_out; o++) {
        ig_str name = behind(&graph->outputs.items[o], "present_");
        ig_cache *cache = name.s ? find_cache(d, name) : NULL;
        if (cache) {
            set(&cache->value, out[o]);
            continue;
        }
        if (status == IG_OK && o == 0) status = take_logits(d, out[o], 1);
        ig_tensor_free(out[o]);
    }
    return status;
}

ig_status ig_decoder_step(ig_decoder *d) {
    ig_generation *g = d->g;
    if (g->steps == 1 && g->length == g->prompt) return IG_OK; /* the encoder did it */
    const ig_graph *graph = ig_attr_graph(g->c->node, d->attr);
    IG_TRY(new_ids(d));
    if (g->steps) IG_TRY(advance(d));
    IG_TRY(run_graph(d, graph));
    d->attr = "decoder";
    g->steps++;
    return IG_OK;
}

static ig_status reorder(ig_call *c, ig_tensor **value, int axis, const uint32_t *from, size_t rows) {
    const ig_tensor *t = *value;
    ig_tensor *made;
    size_t outer = 1, inner = ig_dtype_bytes(t->dtype);
    if (t->rank <= axis || (size_t)t->dims[axis] != rows) return ig_call_fail(c, "a cache has no row per beam");
    for (int i = 0; i < axis; i++) outer *= (size_t)t->dims[i];
    for (int i = axis + 1; i < t->rank; i++) inner *= (size_t)t->dims[i];
    IG_TRY(ig_tensor_new(&made, c->context, t->dtype, t->rank, t->dims, c->err));
    for (size_t o = 0; o < outer; o++)
        for (size_t r = 0; r < rows; r++)
            memcpy((char *)made->data + (o * rows + r) * inner, (const char *)t->data + (o * rows + from[r]) * inner, inner);
    set(value, made);
    return IG_OK;
}

ig_status ig_decoder_reorder(ig_decoder *d, const uint32_t *from) {
    bool same = true;
    for (size_t r = 0; r < d->g->rows; r++) same &= from[r] == r;
    for (size_t i = 0; i < d->n_caches && !same; i++) {
        if (strstr(d->caches[i].name.s, "cross")) continue; /* the same for all beams of an entry of the batch */
        IG_TRY(reorder(d->g->c, &d->caches[i].value, batch_axis(&d->caches[i]), from, d->g->rows));
    }
    return IG_OK;
}

void ig_decoder_end(ig_decoder *d) {
    for (size_t i = 0; i < d->n_caches; i++) ig_tensor_free(d->caches[i].value);
    ig_tensor_free(d->ids);
    ig_tensor_free(d->positions);
    ig_tensor_free(d->mask);
    ig_tensor_free(d->hidden);
}
