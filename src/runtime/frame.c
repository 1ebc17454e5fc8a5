/* Frames: the memory of one run, kept by the plan for the next. */
#include "runtime/runtime.h"

static bool alloc_frame(ig_frame *f) {
    const ig_program *p = f->plan->program;
    ig_arena *arena = &f->storage;
    f->tensors = IG_NEW_ARRAY(arena, ig_tensor, p->n_slots);
    f->slots = IG_NEW_ARRAY(arena, ig_tensor *, p->n_slots);
    f->owned = IG_NEW_ARRAY(arena, bool, p->n_slots);
    f->lent = IG_NEW_ARRAY(arena, bool, p->n_outputs);
    f->in = IG_NEW_ARRAY(arena, const ig_tensor *, p->max_in);
    f->in_types = IG_NEW_ARRAY(arena, const ig_type *, p->max_in);
    f->out_types = IG_NEW_ARRAY(arena, const ig_type *, p->max_out);
    f->out = IG_NEW_ARRAY(arena, ig_tensor *, p->max_out);
    f->made = IG_NEW_ARRAY(arena, ig_tensor *, p->max_out);
    f->memory = ig_buffer_create(p->session->context, f->plan->arena_bytes, false);
    return f->tensors && f->slots && f->owned && f->lent && f->in && f->in_types && f->out_types && f->out && f->made &&
           f->memory;
}

/* Fills in what stays the same in every run: constants and places in the arena. */
static void bind_frame(ig_frame *f) {
    const ig_plan *plan = f->plan;
    const ig_program *p = plan->program;
    for (uint32_t i = 0; i < p->n_slots; i++) {
        if (plan->place[i] == IG_PLACE_CONSTANT) f->slots[i] = plan->known[i] ? plan->known[i] : p->constants[i];
        if (plan->place[i] != IG_PLACE_ARENA && plan->place[i] != IG_PLACE_ALIAS) continue;
        ig_tensor *t = &f->tensors[i];
        const ig_type *type = plan->types[i];
        int64_t count = 0;
        t->context = p->session->context;
        t->kind = IG_KIND_TENSOR;
        t->dtype = type->dtype;
        t->rank = type->rank;
        for (int k = 0; k < type->rank; k++) t->dims[k] = type->dims[k].value;
        ig_dims_count(t->rank, t->dims, &count); /* measured before: fits */
        t->count = (size_t)count;
        ig_dtype_size(t->dtype, count, &t->bytes);
        if (plan->place[i] == IG_PLACE_ARENA) t->data = f->memory->data + plan->offset[i];
        f->slots[i] = t;
    }
}

ig_status ig_frame_get(ig_frame **out, ig_plan *plan, ig_error *err) {
    ig_program *p = plan->program;
    pthread_mutex_lock(&p->lock);
    ig_frame *f = *out = plan->free_frames;
    if (f) plan->free_frames = f->next;
    pthread_mutex_unlock(&p->lock);
    if (f) return IG_OK;
    f = *out = ig_calloc(p->session->context, sizeof *f);
    if (!f) return ig_oom(err);
    f->plan = plan;
    ig_scratch_init(&f->scratch, p->session->context);
    ig_arena_init(&f->storage, p->session->context);
    ig_arena_init(&f->infer, p->session->context);
    if (!alloc_frame(f)) {
        ig_frame_free(f);
        *out = NULL;
        return ig_oom(err);
    }
    bind_frame(f);
    return IG_OK;
}

void ig_frame_put(ig_frame *f) {
    const ig_program *p = f->plan->program;
    for (uint32_t i = 0; i < p->n_slots; i++) {
        if (f->owned[i]) ig_tensor_free(f->slots[i]);
        f->owned[i] = false;
        uint8_t place = f->plan->place[i];
        if (place == IG_PLACE_NONE || place == IG_PLACE_GIVEN || place == IG_PLACE_OUTPUT) f->slots[i] = NULL;
    }
    f->outer = NULL;
    f->run = NULL;
    pthread_mutex_lock(&f->plan->program->lock);
    f->next = f->plan->free_frames;
    f->plan->free_frames = f;
    pthread_mutex_unlock(&f->plan->program->lock);
}

void ig_frame_free(ig_frame *f) {
    ig_context *context = f->plan->program->session->context;
    ig_buffer_release(f->memory);
    ig_scratch_free(&f->scratch);
    ig_arena_free(&f->storage);
    ig_arena_free(&f->infer);
    ig_release(context, f);
}
