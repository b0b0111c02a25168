/* spill.c - see spill.h. Free room is a list of extents in the order of the file, neighbours merged; the file grows where nothing fits. Writing and
 * reading are outside the lock: an extent belongs to one piece.
 * Cost: finding room is linear in the number of holes. */
#include "exec/spill.h"
#include "base/array.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/thread.h"
#include <stdatomic.h>
#include <string.h>

struct extent {
    uint64_t offset, size;
};
struct spill {
    _Atomic uint32_t refs;
    struct mutex lock;
    struct file file;
    char *path;
    uint64_t end; /* of the file's pieces and holes */
    ARRAY_OF(struct extent) holes;
    _Atomic uint64_t bytes;
};

laminar_status spill_create(const char *path, struct spill **out, struct laminar_error *err)
{
    struct spill *spill = mem_calloc(1, sizeof *spill);
    if (!spill || !(spill->path = mem_strdup(path))) {
        mem_free(spill);
        return error_oom(err);
    }
    atomic_init(&spill->refs, 1);
    mutex_init(&spill->lock);
    *out = spill;
    return LAMINAR_OK;
}

struct spill *spill_ref(struct spill *spill)
{
    atomic_fetch_add_explicit(&spill->refs, 1, memory_order_relaxed);
    return spill;
}

void spill_unref(struct spill *spill)
{
    if (!spill || atomic_fetch_sub_explicit(&spill->refs, 1, memory_order_acq_rel) != 1) return;
    if (file_is_open(&spill->file)) {
        laminar_status status = file_close(&spill->file, NULL);
        (void)status; /* nobody reads it any more */
    }
    ARRAY_DEINIT(&spill->holes);
    mutex_deinit(&spill->lock);
    mem_free(spill->path);
    mem_free(spill);
}

uint64_t spill_bytes(const struct spill *spill)
{
    return atomic_load_explicit(&((struct spill *)(uintptr_t)spill)->bytes, memory_order_relaxed);
}

/* --- Room, under the lock ---------------------------------------------------------------------------------------------------------- */

/* The offset of so many bytes that nobody uses. */
static uint64_t take_room(struct spill *spill, uint64_t size)
{
    for (size_t i = 0; i < spill->holes.n; i++) {
        struct extent *hole = &spill->holes.items[i];
        if (hole->size < size) continue;
        uint64_t offset = hole->offset;
        hole->offset += size;
        hole->size -= size;
        if (hole->size == 0) {
            memmove(hole, hole + 1, (spill->holes.n - i - 1) * sizeof *hole);
            spill->holes.n--;
        }
        return offset;
    }
    uint64_t offset = spill->end;
    spill->end += size;
    return offset;
}

/* A hole that there is no memory to note is lost until the end of the process. */
static void give_room(struct spill *spill, uint64_t offset, uint64_t size)
{
    size_t i = 0;
    struct extent *holes = spill->holes.items;
    while (i < spill->holes.n && holes[i].offset < offset) i++;
    bool joins_before = i > 0 && holes[i - 1].offset + holes[i - 1].size == offset;
    bool joins_after = i < spill->holes.n && offset + size == holes[i].offset;
    if (joins_before && joins_after) {
        holes[i - 1].size += size + holes[i].size;
        memmove(holes + i, holes + i + 1, (spill->holes.n - i - 1) * sizeof *holes);
        spill->holes.n--;
    } else if (joins_before) {
        holes[i - 1].size += size;
    } else if (joins_after) {
        holes[i].offset = offset;
        holes[i].size += size;
    } else if (ARRAY_RESERVE(&spill->holes, spill->holes.n + 1)) {
        holes = spill->holes.items;
        memmove(holes + i + 1, holes + i, (spill->holes.n - i) * sizeof *holes);
        holes[i] = (struct extent){offset, size};
        spill->holes.n++;
    }
}

static laminar_status open_file(struct spill *spill, struct laminar_error *err)
{
    if (file_is_open(&spill->file)) return LAMINAR_OK;
    laminar_status status = file_open(&spill->file, spill->path, FILE_CREATE, err);
    if (status != LAMINAR_OK) return status;
    status = file_remove(spill->path, err);
    if (status == LAMINAR_OK) return LAMINAR_OK;
    laminar_status closed = file_close(&spill->file, NULL);
    (void)closed;
    return status;
}

/* --- Pieces ------------------------------------------------------------------------------------------------------------------------------ */

laminar_status spill_write(struct spill *spill, const void *data, size_t size,
                           struct spill_piece *out, struct laminar_error *err)
{
    mutex_lock(&spill->lock);
    laminar_status status = open_file(spill, err);
    if (status == LAMINAR_OK) out->offset = take_room(spill, size);
    mutex_unlock(&spill->lock);
    if (status != LAMINAR_OK) return status;
    out->size = size;
    out->checksum = hash_stored(out->offset, data, size);
    atomic_fetch_add_explicit(&spill->bytes, size, memory_order_relaxed);
    status = file_write_at(&spill->file, data, size, out->offset, err);
    if (status != LAMINAR_OK) spill_free(spill, out);
    return status;
}

laminar_status spill_read(struct spill *spill, const struct spill_piece *piece, void *data,
                          struct laminar_error *err)
{
    laminar_status status = file_read_at(&spill->file, data, piece->size, piece->offset, err);
    if (status != LAMINAR_OK) return status;
    if (hash_stored(piece->offset, data, piece->size) == piece->checksum) return LAMINAR_OK;
    return error_set(err, LAMINAR_IO_ERROR,
                     "'%s' gives back other bytes at %llu than were written: the disk is damaged",
                     spill->path, (unsigned long long)piece->offset);
}

void spill_free(struct spill *spill, const struct spill_piece *piece)
{
    mutex_lock(&spill->lock);
    give_room(spill, piece->offset, piece->size);
    mutex_unlock(&spill->lock);
    atomic_fetch_sub_explicit(&spill->bytes, piece->size, memory_order_relaxed);
}
