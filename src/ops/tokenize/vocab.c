#include "ops/tokenize/tokenize.h"

#include <jansson.h>

enum { MAX_IDS = 1 << 24 };

void ig_tokens_add(ig_tokens *t, int64_t id, size_t begin, size_t end) {
    ig_token token = {id, begin, end};
    if (!IG_PUSH(t->arena, &t->list, token)) t->failed = true;
}

ig_status ig_vocab_from_list(ig_vocab *v, ig_arena *arena, ig_str *tokens, size_t n, ig_error *err) {
    void *memory = ig_arena_alloc(arena, ig_table_bytes(n));
    if (!memory) return ig_oom(err);
    *v = (ig_vocab){.tokens = tokens, .n = n};
    ig_table_init(&v->table, memory, n);
    for (size_t i = n; i-- > 0;) /* the last of equal ones counts */
        if (tokens[i].s) ig_table_add_string(&v->table, tokens[i], i);
    return IG_OK;
}

ig_status ig_vocab_from_lines(ig_vocab *v, ig_arena *arena, ig_str text, bool empty, ig_error *err) {
    size_t n = 1, k = 0;
    for (size_t i = 0; i < text.n; i++) n += text.s[i] == '\n';
    ig_str *tokens = IG_NEW_ARRAY(arena, ig_str, n);
    if (!tokens) return ig_oom(err);
    for (size_t at = 0; at < text.n;) {
        const char *end = memchr(text.s + at, '\n', text.n - at);
        size_t next = end ? (size_t)(end - text.s) : text.n, length = next - at;
        if (length && text.s[next - 1] == '\r') length--;
        if (length || empty) tokens[k++] = (ig_str){text.s + at, length};
        at = next + 1;
    }
    return ig_vocab_from_list(v, arena, tokens, k, err);
}

static ig_status read_map(ig_vocab *v, ig_arena *arena, json_t *map, ig_error *err) {
    const char *key;
    json_t *value;
    size_t n = 0;
    bool ok = true;
    json_object_foreach(map, key, value) {
        json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < 0 || id >= MAX_IDS) return ig_fail(err, IG_E_INPUT, "the vocabulary gives '%.80s' no usable number", key);
        n = ig_max_size(n, (size_t)id + 1);
    }
    ig_str *tokens = IG_NEW_ARRAY(arena, ig_str, n);
    if (!tokens) return ig_oom(err);
    json_object_foreach(map, key, value) {
        ig_str *token = &tokens[json_integer_value(value)];
        *token = ig_arena_str(arena, (ig_str){key, strlen(key)}, &ok);
    }
    return ok ? ig_vocab_from_list(v, arena, tokens, n, err) : ig_oom(err);
}

ig_status ig_vocab_from_json(ig_vocab *v, ig_arena *arena, ig_str json, ig_error *err) {
    json_error_t problem;
    json_t *map = json_loadb(json.s ? json.s : "", json.n, 0, &problem);
    ig_status status = json_is_object(map)
                           ? read_map(v, arena, map, err)
                           : ig_fail(err, IG_E_INPUT, "the vocabulary is no JSON object: %.120s", map ? "" : problem.text);
    json_decref(map);
    return status;
}
