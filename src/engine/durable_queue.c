/* durable_queue.c - durability = async: steps on their way to the log, and the two threads that bring them there.
 *
 * A step leaves references to its batches in a queue (small ones: their bytes). Much that waits is turned into bytes by the packer, which only computes; the flusher
 * puts bytes into the log, writes and syncs, and mostly waits for the disk. So packing and the disk overlap, and what waits for a slow disk is small.
 * Little that waits is left to the flusher alone: nobody is woken for it.
 *
 * Invariants: items leave the queue from its head only, so the log has the order of the steps. An item that is being packed stays where it is until it has its bytes;
 * `unpacked` is the first one that the packer has not looked at.
 *
 * @locks log before lock. The packer takes only lock, and holds none while it encodes. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include <string.h>

enum { RETRY_MS = 100 };

/* --- The queue ----------------------------------------------------------------------------------------------------------------------- */

static void free_list(struct pending *list)
{
    for (struct pending *p = list, *next; p; p = next) {
        next = p->next;
        batch_unref(p->batch);
        relation_unref(p->relation);
        mem_free(p);
    }
}

static void free_item(struct log_item *item)
{
    if (!item) return;
    free_list(item->list);
    strbuf_deinit(&item->small);
    mem_free(item);
}

/* Puts `item` at the end of the queue, or nothing where that was done, of which `bytes` are new. The caller holds lock. */
static void enqueue(struct durable *d, struct log_item *item, size_t bytes)
{
    if (item && d->tail)
        d->tail->next = item;
    else if (item)
        d->head = item;
    if (item) d->tail = item;
    if (item && item->list) {
        d->unpacked_bytes += bytes;
        if (!d->unpacked) d->unpacked = item;
        if (d->is_packer_waiting && d->unpacked_bytes >= LOG_PACK_BYTES) cond_signal(&d->packing);
    }
    uint64_t before = atomic_fetch_add_explicit(&d->queued_bytes, bytes, memory_order_relaxed);
    uint64_t full = LOG_QUEUE_BYTES_MAX / 4;
    if (before == 0 || (before < full && before + bytes >= full)) cond_signal(&d->changed);
}

static laminar_status log_by_reference(struct durable *d, const struct step_head *head,
                                       const struct pending *list, struct laminar_error *err)
{
    struct log_item *item = mem_calloc(1, sizeof *item);
    if (!item) return error_oom(err);
    item->head = *head;
    item->bytes = sizeof *item;
    struct pending **link = &item->list;
    for (const struct pending *p = list; p; p = p->next) {
        struct pending *copy = mem_alloc(sizeof *copy);
        if (!copy) {
            free_item(item);
            return error_oom(err);
        }
        *copy = *p;
        copy->next = NULL;
        relation_ref(copy->relation);
        if (copy->batch) batch_ref(copy->batch);
        item->bytes += sizeof *copy + (copy->batch ? copy->batch->bytes : 0);
        *link = copy;
        link = &copy->next;
    }
    mutex_lock(&d->lock);
    enqueue(d, item, item->bytes);
    mutex_unlock(&d->lock);
    return LAMINAR_OK;
}

/* An empty item with room for bytes from before, or without. The caller holds lock. NULL: no memory. */
static struct log_item *new_item(struct durable *d)
{
    struct log_item *item = d->spare;
    if (!item) return mem_calloc(1, sizeof *item);
    d->spare = item->next;
    d->n_spare--;
    item->next = NULL;
    return item;
}

/* The caller holds lock. False: it is to be freed. */
static bool keep_item(struct durable *d, struct log_item *item)
{
    if (d->n_spare >= LOG_SPARE_MAX || item->list || item->small.capacity > 2 * LOG_SMALL_BYTES)
        return false;
    strbuf_clear(&item->small);
    *item = (struct log_item){.small = item->small, .next = d->spare};
    d->spare = item;
    d->n_spare++;
    return true;
}

/* An item for small steps that has room. The caller holds lock. NULL: no memory. */
static struct log_item *small_item(struct durable *d, bool *is_new)
{
    struct log_item *item = d->tail;
    *is_new = !item || item->list || item->small.size == 0 || item->small.size >= LOG_SMALL_BYTES;
    return *is_new ? new_item(d) : item;
}

static laminar_status log_as_bytes(struct durable *d, const struct step_head *head,
                                   const struct pending *list, struct laminar_error *err)
{
    strbuf_clear(&d->encoded);
    laminar_status status = record_encode_step(&d->encoded, head, list, err);
    if (status != LAMINAR_OK) return status;
    uint32_t size = (uint32_t)d->encoded.size;
    bool is_new;
    mutex_lock(&d->lock);
    struct log_item *item = small_item(d, &is_new);
    size_t before = item ? item->small.size : 0;
    if (item) put_bytes(&item->small, &size, 4);
    if (item) put_bytes(&item->small, d->encoded.data, size);
    if (!item || item->small.failed) {
        if (item) {
            item->small.size = before;
            item->small.failed = false;
        }
        if (item && is_new && !keep_item(d, item)) free_item(item);
        status = error_oom(err);
    } else {
        item->bytes += item->small.size - before;
        enqueue(d, is_new ? item : NULL, item->small.size - before);
    }
    mutex_unlock(&d->lock);
    return status;
}

laminar_status durable_queue_step(struct durable *d, const struct step_head *head,
                                  const struct pending *list, struct laminar_error *err)
{
    uint64_t n_rows = 0;
    bool is_small = true; /* strings may be long */
    for (const struct pending *p = list; p && is_small; p = p->next) {
        n_rows += 1 + (p->batch ? p->batch->n_rows : 0);
        is_small = n_rows < LOG_SMALL_ROWS && (!p->batch || p->batch->bytes < LOG_SMALL_BYTES);
    }
    laminar_status status = is_small ? log_as_bytes(d, head, list, err)
                                     : log_by_reference(d, head, list, err);
    if (status == LAMINAR_OK) d->logged_seq++;
    return status;
}

void durable_queue_deinit(struct durable *d)
{
    for (struct log_item *item = d->head, *next; item; item = next) {
        next = item->next;
        free_item(item);
    }
    for (struct log_item *item = d->spare, *next; item; item = next) {
        next = item->next;
        free_item(item);
    }
    strbuf_deinit(&d->encoded);
}

/* --- Packing ------------------------------------------------------------------------------------------------------------------------- */

/* The first item from `item` on with references. */
static struct log_item *next_unpacked(struct log_item *item)
{
    while (item && !item->list) item = item->next;
    return item;
}

/* The caller holds lock: `unpacked` is no more. */
static void advance_unpacked(struct durable *d)
{
    d->unpacked_bytes -= d->unpacked->bytes;
    d->unpacked = next_unpacked(d->unpacked->next);
}

/* The bytes of the item, as small steps have them, into `out`. False: the flusher is to say what is wrong. */
static bool encode_item(const struct log_item *item, struct strbuf *out)
{
    uint32_t size = 0;
    put_bytes(out, &size, 4);
    if (record_encode_step(out, &item->head, item->list, NULL) != LAMINAR_OK ||
        out->size - 4 > WAL_RECORD_BYTES_MAX)
        return false;
    size = (uint32_t)(out->size - 4);
    memcpy(out->data, &size, 4);
    return true;
}

/* Whoever waits for bytes is not woken for each item. The caller holds lock. */
static void tell_flusher(struct durable *d)
{
    d->packed_bytes = 0;
    cond_broadcast(&d->packed);
}

/* Bytes instead of references. The caller holds lock, which is let go meanwhile. */
static void pack_one(struct durable *d)
{
    struct log_item *item = d->unpacked, *room = new_item(d);
    advance_unpacked(d);
    if (!room) {
        tell_flusher(d);
        return;
    }
    item->is_packing = true;
    mutex_unlock(&d->lock);
    bool is_packed = encode_item(item, &room->small);
    mutex_lock(&d->lock);
    item->is_packing = false;
    if (is_packed) {
        uint64_t bytes = sizeof *item + room->small.size;
        d->queued_bytes += bytes - item->bytes; /* modulo 2^64 */
        item->bytes = bytes;
        item->small = room->small;
        room->small = (struct strbuf){0};
        room->list = item->list;
        item->list = NULL;
        d->packed_bytes += bytes;
        cond_broadcast(&d->room);
    }
    if (!d->unpacked || d->packed_bytes >= LOG_PACKED_BYTES) tell_flusher(d);
    mutex_unlock(&d->lock);
    free_item(room); /* the batches too, which may be the caller's memory: without a lock */
    mutex_lock(&d->lock);
}

static void *packer_main(void *arg)
{
    struct durable *d = ((struct database *)arg)->durable;
    mutex_lock(&d->lock);
    while (!d->is_stopping) {
        if (!d->unpacked) {
            d->is_packer_waiting = true;
            cond_wait_until(&d->packing, &d->lock, CLOCK_NO_DEADLINE);
            d->is_packer_waiting = false;
        } else {
            pack_one(d);
        }
    }
    tell_flusher(d);
    mutex_unlock(&d->lock);
    return NULL;
}

/* --- Into the log -------------------------------------------------------------------------------------------------------------------- */

/* From the head of the queue: items that are bytes, or one that nobody has packed. */
static struct log_item *take_items(struct durable *d)
{
    mutex_lock(&d->lock);
    while (d->head && d->head->is_packing) cond_wait_until(&d->packed, &d->lock, CLOCK_NO_DEADLINE);
    struct log_item *items = d->head, *last = items;
    if (last && last->list) {
        if (d->unpacked == last) advance_unpacked(d);
    } else {
        while (last && last->next && !last->next->list) last = last->next;
    }
    if (last) {
        d->head = last->next;
        last->next = NULL;
        if (!d->head) d->tail = NULL;
    }
    mutex_unlock(&d->lock);
    return items;
}

static void put_back(struct durable *d, struct log_item *items)
{
    if (!items) return;
    struct log_item *last = items;
    while (last->next) last = last->next;
    mutex_lock(&d->lock);
    last->next = d->head;
    d->head = items;
    if (!d->tail) d->tail = last;
    mutex_unlock(&d->lock);
}

/* The log has all of it. */
static void item_done(struct durable *d, struct log_item *item)
{
    mutex_lock(&d->lock);
    atomic_fetch_sub_explicit(&d->queued_bytes, item->bytes, memory_order_relaxed);
    cond_broadcast(&d->room);
    bool is_kept = keep_item(d, item);
    mutex_unlock(&d->lock);
    if (!is_kept) free_item(item);
}

static laminar_status append_small(struct durable *d, struct log_item *item,
                                   struct laminar_error *err)
{
    while (item->at < item->small.size) {
        uint32_t size;
        memcpy(&size, item->small.data + item->at, 4);
        struct strbuf *out = wal_begin(d->wal);
        if (!out) return error_oom(err);
        strbuf_append(out, item->small.data + item->at + 4, size);
        laminar_status status = wal_end(d->wal, RECORD_STEP, NULL, err);
        if (status != LAMINAR_OK) return status;
        item->at += 4 + (size_t)size;
    }
    return LAMINAR_OK;
}

static laminar_status flush_log(struct durable *d, struct laminar_error *err)
{
    laminar_status status = wal_flush(d->wal, err);
    if (status == LAMINAR_OK) d->synced_us = clock_mono_us();
    return status;
}

/* Much that waits is brought to the disk in between, so that the disk works while the next records are made, and memory stays small. */
static laminar_status write_much(struct durable *d, struct laminar_error *err)
{
    int64_t interval_us = 1000 * d->db->settings.number[SETTING_ID_flush_interval_ms];
    if (wal_pending_bytes(d->wal) >= LOG_SYNC_BYTES ||
        (wal_pending_bytes(d->wal) >= LOG_WRITE_BYTES &&
         clock_mono_us() - d->synced_us > interval_us))
        return flush_log(d, err);
    if (wal_unwritten_bytes(d->wal) >= LOG_WRITE_BYTES) return wal_write(d->wal, err);
    return LAMINAR_OK;
}

laminar_status durable_encode_queue(struct durable *d, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct log_item *items;
    while (status == LAMINAR_OK && (items = take_items(d))) {
        while (items && status == LAMINAR_OK) {
            struct log_item *item = items;
            status = item->list || item->small.size == 0
                         ? durable_append_step(d, &item->head, item->list, err)
                         : append_small(d, item, err);
            if (status != LAMINAR_OK) break;
            items = item->next;
            item_done(d, item);
            status = write_much(d, err);
        }
        put_back(d, items);
    }
    return status;
}

laminar_status durable_flush(struct durable *d, struct laminar_error *err)
{
    mutex_lock(&d->log);
    laminar_status status = durable_encode_queue(d, err);
    if (status == LAMINAR_OK) status = flush_log(d, err);
    mutex_unlock(&d->log);
    return status;
}

/* The caller holds lock. */
static void note_outcome(struct durable *d, laminar_status status, const struct laminar_error *err)
{
    if (status != LAMINAR_OK) {
        d->failure = *err;
        d->failure.is_retriable = true;
    }
    atomic_store_explicit(&d->is_failing, status != LAMINAR_OK, memory_order_relaxed);
}

static void *flusher_main(void *arg)
{
    struct database *db = arg;
    struct durable *d = db->durable;
    bool is_behind = false; /* what was encoded has not been written */
    mutex_lock(&d->lock);
    while (!d->is_stopping) {
        if (!d->head && !is_behind) {
            cond_wait_until(&d->changed, &d->lock, CLOCK_NO_DEADLINE);
            continue;
        }
        /* Rows gather for a while; when many have, or at the end, it goes faster. */
        int64_t deadline = clock_deadline_us(
            is_behind ? RETRY_MS : db->settings.number[SETTING_ID_flush_interval_ms]);
        while (!d->is_stopping && d->queued_bytes < LOG_QUEUE_BYTES_MAX / 4 &&
               cond_wait_until(&d->changed, &d->lock, deadline)) {}
        mutex_unlock(&d->lock);
        struct laminar_error err = LAMINAR_ERROR_INIT;
        laminar_status status = durable_flush(d, &err);
        mutex_lock(&d->lock);
        note_outcome(d, status, &err);
        is_behind = status != LAMINAR_OK;
    }
    mutex_unlock(&d->lock);
    return NULL;
}

laminar_status durable_queue_start(struct database *db, struct laminar_error *err)
{
    struct durable *d = db->durable;
    laminar_status status = LAMINAR_OK;
    TRY(thread_start(&d->flusher, "laminar-log", flusher_main, db, err));
    d->has_flusher = true;
    TRY(thread_start(&d->packer, "laminar-pack", packer_main, db, err));
    d->has_packer = true;
done:
    return status;
}
