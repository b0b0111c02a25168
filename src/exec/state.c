/* state.c - the calls that all kinds of state tables have in common. */
#include "exec/state.h"
#include "exec/state_core.h"

laminar_status state_freeze(struct state *state, struct state_snapshot **out,
                            struct laminar_error *err)
{
    return state->cls->freeze(state, out, err);
}
laminar_status state_write(struct state_snapshot *snapshot, struct state_sink *sink,
                           struct laminar_error *err)
{
    return snapshot->cls->write(snapshot, sink, err);
}
size_t state_bytes(const struct state *state)
{
    return state->cls->bytes ? state->cls->bytes(state) : state->bytes;
}
laminar_status state_spill(struct state *state, size_t want, size_t *freed,
                           struct laminar_error *err)
{
    return state->cls->spill ? state->cls->spill(state, want, freed, err) : LAMINAR_OK;
}
void state_release(struct state_snapshot *snapshot)
{
    if (snapshot) snapshot->cls->release(snapshot);
}
/* A failed restore leaves the state empty, never half filled. */
laminar_status state_restore(struct state *state, struct state_source *source,
                             struct laminar_error *err)
{
    laminar_status status = state->cls->restore(state, source, err);
    if (status) state->cls->clear(state);
    return status;
}
