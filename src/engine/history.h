/* history.h - what came out of a relation lately, for subscribers that go on from an epoch they have seen (SUBSCRIBE ... AS OF EPOCH n).
 *
 * An epoch is the number of the step that a delivery comes from: it grows, and means the same thing after a crash. A relation that declares retain_history
 * keeps its deltas - rows, weight, epoch - in a state_log, which bounds, freezes, writes and restores them like kept rows.
 * Invariant: all deltas after the epoch of the oldest row are there (of that one the beginning may be gone), and all there ever were when none was dropped.
 * Cost: a copy of each delta, where it is declared. A reader freezes the log, O(runs), and reads it in its own thread.
 * @thread the step owner, except readers: one thread each. */
#ifndef ENGINE_HISTORY_H
#define ENGINE_HISTORY_H

#include "engine/engine.h"

/* --- Epochs of the database ---------------------------------------------------------------------------------------------------------- */
/* Steps in (after, to] count no more: whoever has seen one of them has seen what the database does not hold. The caller holds step. */
laminar_status epochs_lose(struct database *db, uint64_t after, uint64_t to,
                           struct laminar_error *err) must_check;
/* Has the database been at `epoch`, and is what it holds what became of that? Else LAMINAR_SUBSCRIPTION_FAILED. The caller holds step. */
laminar_status epochs_check(const struct database *db, uint64_t epoch, struct laminar_error *err)
    must_check;

/* --- Of one relation ----------------------------------------------------------------------------------------------------------------- */
struct history;
/* From the step `epoch` on, before which the relation was not there. */
laminar_status history_create(struct database *db, const struct relation *relation, uint64_t epoch,
                              struct history **out, struct laminar_error *err) must_check;
void history_free(struct history *history); /* NULL is fine */
laminar_status history_append(struct history *history, const struct batch *batch,
                              struct laminar_error *err) must_check;
struct state *history_state(struct history *history);

/* What a checkpoint says of it besides its state: two words. */
enum { HISTORY_WORDS = 2 };
void history_describe(const struct history *history, uint64_t *words);
void history_described(struct history *history, const uint64_t *words);
/* It comes from a version that kept none: it begins at `epoch`. */
void history_begin_at(struct history *history, uint64_t epoch);

/* --- Reading ------------------------------------------------------------------------------------------------------------------------- */
struct history_reader;
/* What came after `epoch`, as it is now. LAMINAR_SUBSCRIPTION_FAILED, and which epoch is the oldest, where that is not all there any more. */
laminar_status history_read(struct history *history, const char *name, uint64_t epoch,
                            struct history_reader **out, struct laminar_error *err) must_check;
/* All of the next epoch as one batch; *out is NULL at the end. */
laminar_status history_reader_next(struct history_reader *reader, struct batch **out,
                                   struct laminar_error *err) must_check;
void history_reader_free(struct history_reader *reader); /* NULL is fine */

#endif
