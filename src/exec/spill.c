/* spill.c - see spill.h. Small pieces (pages of state) take room in multiples of 512 bytes; what they give back waits in a list of that size. For
 * the others (runs of logs) free room is a list of extents in the order of the file, neighbours merged. The file grows where nothing fits. Writing and
 * reading are outside the lock: room belongs to one piece.
 * Cost: room for a small piece is a list operation, for a large one linear in the number of holes. */
#include "exec/spill.h"
#include "base/array.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/thread.h"
#include <stdatomic.h>
#include <string.h>

enum { ROOM_GRAIN = 512, ROOM_CLASSES = 128 /* 64 KiB */ };

struct extent {
    uint64_t offset, size;
};
struct free_rooms { /* of one size */
    ARRAY_OF(uint64_t) offsets;
};
struct spill {
    _Atomic uint32_t refs;
    struct mutex lock;
    struct file file;
    char *path;
    uint64_t end; /* of the file's pieces and holes */
    ARRAY_OF(struct extent) holes;
    struct free_rooms rooms[ROOM_CLASSES + 1]; /* by size / ROOM_GRAIN */
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
    for (size_t i = 0; i <= ROOM_CLASSES; i++) ARRAY_DEINIT(&spill->rooms[i].offsets);
    mutex_deinit(&spill->lock);
    mem_free(spill->path);
    mem_free(spill);
}

uint64_t spill_bytes(const struct spill *spill)
{
    return atomic_load_explicit(&((struct spill *)(uintptr_t)spill)->bytes, memory_order_relaxed);
}

/* --- Room, under the lock ---------------------------------------------------------------------------------------------------------- */

/* 0: not of a class. */
static size_t room_class(const struct spill_piece *piece)
{
    uint64_t grains = piece->size ? (piece->size + ROOM_GRAIN - 1) / ROOM_GRAIN : 1;
    return piece->is_small && grains <= ROOM_CLASSES ? (size_t)grains : 0;
}

/* The offset of so many bytes that nobody uses. */
static uint64_t take_room(struct spill *spill, const struct spill_piece *piece)
{
    uint64_t size = piece->size;
    size_t class = room_class(piece);
    if (class) {
        struct free_rooms *rooms = &spill->rooms[class];
        if (rooms->offsets.n) return rooms->offsets.items[--rooms->offsets.n];
        uint64_t offset = spill->end;
        spill->end += class * ROOM_GRAIN;
        return offset;
    }
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
static void give_room(struct spill *spill, const struct spill_piece *piece)
{
    uint64_t offset = piece->offset, size = piece->size;
    size_t i = 0, class = room_class(piece);
    if (class) {
        bool is_noted = ARRAY_PUSH(&spill->rooms[class].offsets, offset);
        (void)is_noted;
        return;
    }
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

static laminar_status write_piece(struct spill *spill, const void *data, size_t size, bool is_small,
                                  struct spill_piece *out, struct laminar_error *err)
{
    *out = (struct spill_piece){.size = size, .is_small = is_small};
    mutex_lock(&spill->lock);
    laminar_status status = open_file(spill, err);
    if (status == LAMINAR_OK) out->offset = take_room(spill, out);
    mutex_unlock(&spill->lock);
    if (status != LAMINAR_OK) return status;
    out->checksum = hash_stored(out->offset, data, size);
    atomic_fetch_add_explicit(&spill->bytes, size, memory_order_relaxed);
    status = file_write_at(&spill->file, data, size, out->offset, err);
    if (status != LAMINAR_OK) spill_free(spill, out);
    return status;
}

laminar_status spill_write(struct spill *spill, const void *data, size_t size,
                           struct spill_piece *out, struct laminar_error *err)
{
    return write_piece(spill, data, size, false, out, err);
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
    give_room(spill, piece);
    mutex_unlock(&spill->lock);
    atomic_fetch_sub_explicit(&spill->bytes, piece->size, memory_order_relaxed);
}

/* --- Shared pieces ------------------------------------------------------------------------------------------------------------------- */

laminar_status spill_share(struct spill *spill, const void *data, size_t size,
                           struct spill_shared **out, struct laminar_error *err)
{
    struct spill_shared *shared = mem_alloc(sizeof *shared);
    if (!shared) return error_oom(err);
    laminar_status status = write_piece(spill, data, size, true, &shared->piece, err);
    if (status != LAMINAR_OK) {
        mem_free(shared);
        return status;
    }
    atomic_init(&shared->refs, 1);
    shared->spill = spill_ref(spill);
    *out = shared;
    return LAMINAR_OK;
}

void spill_shared_unref(struct spill_shared *shared)
{
    if (!shared || atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) != 1) return;
    spill_free(shared->spill, &shared->piece);
    spill_unref(shared->spill);
    mem_free(shared);
}
