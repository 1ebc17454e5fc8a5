/* What a session records of each node's time, when asked to. */
#include "runtime/runtime.h"

void ig_profile_add(ig_session *session, const ig_step *step, const ig_tensor *first_output, uint64_t start, uint64_t end,
                    uint64_t run) {
    char text[256] = "";
    pthread_mutex_lock(&session->lock);
    if (!session->profile_start) session->profile_start = start;
    if (first_output && first_output->kind == IG_KIND_TENSOR) {
        size_t n = 0;
        ig_arena scratch;
        ig_arena_init(&scratch, session->context);
        const ig_type *type = ig_tensor_type(&scratch, first_output);
        if (type) n = ig_type_text(type, text, sizeof text);
        text[n] = 0;
        ig_arena_free(&scratch);
    }
    bool ok = true;
    ig_node_time t = {.node = ig_name_text(step->node->name),
                      .op = ig_name_text(step->node->op),
                      .type = ig_arena_str(&session->arena, ig_str_c(text), &ok).s,
                      .start_ns = start - session->profile_start,
                      .ns = end - start,
                      .run = (unsigned)run};
    if (ok) IG_PUSH(&session->arena, &session->profile, t); /* out of memory: the profile has a hole, the run goes on */
    pthread_mutex_unlock(&session->lock);
}

size_t ig_session_profile(const ig_session *session, const ig_node_time **times) {
    *times = session->profile.items;
    return session->profile.n;
}
