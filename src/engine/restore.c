/* restore.c - RESTORE FROM CHECKPOINT id: the running database becomes what it was when that checkpoint was made.
 *
 * The log says so first (RECORD_RESTORED): from then on it is done, and a recovery that comes to this record goes back to the checkpoint too. Then the
 * relations go and come again out of the checkpoint, newer checkpoints are removed, and a new one is made, behind the record. Numbers of steps and ids of
 * relations go on, so that none means two things. Subscriptions and cursors end; writers have to be made again.
 * A sink's file goes back with its sink. @locks checkpointing, control, step. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include "engine/history.h"
#include <string.h>

/* All that the checkpoint needs, before anything is changed. */
static laminar_status check_whole(struct durable *d, uint64_t id, struct laminar_error *err)
{
    struct checkpoint_reader *reader = NULL;
    uint64_t n_bad;
    laminar_status status = checkpoint_reader_open(d->checkpoints, id, &reader, err);
    if (status == LAMINAR_OK) status = checkpoint_reader_verify(reader, &n_bad, err);
    checkpoint_reader_close(reader);
    if (status != LAMINAR_OK && err && err->hint[0] == 0)
        error_hint(err, "SELECT id FROM system.checkpoints lists what there is");
    return status;
}

/* The caller holds control and step, or has the database for himself. */
static laminar_status go_back(struct database *db, uint64_t id, struct laminar_error *err)
{
    laminar_status status;
    bool was_held = db->sink_start.is_held, kept_limit = db->durable->keeps_memory_limit;
    int64_t replay_time_us = db->replay_time_us;
    TRY(database_remove_relations(db, err));
    db->sink_start.goes_on = true;
    db->sink_start.is_held = false;
    db->durable->keeps_memory_limit = true; /* how large the machine is has nothing to do with it */
    status = checkpoint_restore(db, id, err);
    db->durable->keeps_memory_limit = kept_limit;
    db->sink_start.is_held = was_held;
    db->replay_time_us = replay_time_us;
done:
    return status;
}

laminar_status restore_replay(struct database *db, const uint64_t *words, struct laminar_error *err)
{
    laminar_status status;
    bool is_unsure = db->durable->is_unsure;
    TRY(go_back(db, words[0], err));
    db->durable->is_unsure = is_unsure;
    TRY(epochs_lose(db, db->step_number, words[1], err));
    db->step_number = words[1];
    db->catalog.next_id = words[2];
    db->last_time_us = (int64_t)words[3];
    db->durable->restored_id = words[0];
done:
    return status;
}

static void end_subscriptions(struct database *db, uint64_t id)
{
    struct laminar_error ended = LAMINAR_ERROR_INIT;
    struct relation *relation;
    error_set(&ended, LAMINAR_SUBSCRIPTION_CLOSED, "the database went back to checkpoint %llu",
              (unsigned long long)id);
    error_hint(&ended, "subscribe again");
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        struct relation_runtime *runtime = relation->runtime;
        for (size_t j = 0; runtime && j < runtime->subs.n; j++)
            subscription_finish(runtime->subs.items[j], &ended);
    }
}

static laminar_status log_restored(struct durable *d, const uint64_t *words,
                                   struct laminar_error *err)
{
    struct record_parts parts = {
        .kind = RECORD_RESTORED, .head = words, .head_size = RESTORED_WORDS * sizeof *words};
    return durable_log_at_once(d, &parts, err);
}

/* The caller holds control and step. */
static laminar_status restore_locked(struct database *db, uint64_t id, struct laminar_error *err)
{
    struct durable *d = db->durable;
    laminar_status status;
    uint64_t words[RESTORED_WORDS] = {id, db->step_number, db->catalog.next_id,
                                      (uint64_t)db->last_time_us};
    TRY(log_restored(d, words, err));
    end_subscriptions(db, id);
    TRY(subscriptions_uninstall_readers(db, NULL, err));
    db->sink_start.goes_on = true;
    status = restore_replay(db, words, err);
    if (status == LAMINAR_OK) durable_recover_sinks(db);
    db->sink_start.goes_on = false;
done:
    timer_update(db);
    return status;
}

/* What is left in memory is neither the old nor the new: nobody may see it. */
static void give_up(struct database *db, struct laminar_error *err)
{
    atomic_store_explicit(&db->state, DB_STOPPED, memory_order_release);
    if (!err) return;
    err->is_fatal = true;
    error_hint(err, "close the database and open it again: it goes back to the checkpoint then");
}

laminar_status database_restore(struct database *db, uint64_t id, struct laminar_error *err)
{
    struct durable *d = db->durable;
    laminar_status status = durable_check_writable(db, err);
    if (status != LAMINAR_OK) return status;
    cursors_close(db);
    mutex_lock(&d->checkpointing);
    status = check_whole(d, id, err);
    if (status == LAMINAR_OK) {
        engine_hold_control(db);
        engine_lock_statement(db);
        uint64_t seq = d->logged_seq;
        atomic_store_explicit(&d->restorer, thread_self_id(), memory_order_relaxed);
        status = restore_locked(db, id, err);
        atomic_store_explicit(&d->restorer, 0, memory_order_relaxed);
        if (status != LAMINAR_OK && d->logged_seq != seq) give_up(db, err);
        engine_unlock_statement(db);
        engine_release_control(db);
    }
    if (status == LAMINAR_OK) {
        /* From here on failures change nothing: the log goes back whenever it is read again. */
        laminar_status cut = checkpoint_store_cut(d->checkpoints, id, NULL);
        if (cut == LAMINAR_OK) cut = checkpoint_make(db, NULL, NULL);
        (void)cut;
        checkpoint_list(d);
    }
    mutex_unlock(&d->checkpointing);
    return status;
}
