/* cold_array.c - see cold_array.h. */
#include "exec/cold_array.h"
#include "base/error.h"
#include <string.h>

static void charge(struct cold_array *array, int64_t bytes)
{
    array->held_bytes = (size_t)((int64_t)array->held_bytes + bytes);
    mem_account_add(array->owner->account, bytes);
}

laminar_status cold_array_create(struct state *owner, size_t bytes, struct cold_array **out,
                                 struct laminar_error *err)
{
    size_t n = (bytes + COLD_SEGMENT_BYTES - 1) / COLD_SEGMENT_BYTES;
    struct cold_array *array = mem_calloc(1, sizeof *array);
    if (!array) return error_oom(err);
    array->segments = mem_calloc(n, sizeof *array->segments);
    array->memory = mem_map(n * COLD_SEGMENT_BYTES);
    if (!array->segments || !array->memory) {
        mem_unmap(array->memory, n * COLD_SEGMENT_BYTES);
        mem_free(array->segments);
        mem_free(array);
        return error_oom(err);
    }
    array->bytes = n * COLD_SEGMENT_BYTES;
    array->use = (struct use_list){USE_NONE, USE_NONE};
    array->clock = 1;
    array->owner = owner;
    charge(array, (int64_t)(n * sizeof *array->segments));
    *out = array;
    return LAMINAR_OK;
}

static void forget_piece(struct cold_array *array, struct cold_segment *segment)
{
    if (!segment->piece) return;
    array->owner->spilled_bytes -= segment->piece->piece.size;
    charge(array, -(int64_t)sizeof *segment->piece);
    spill_shared_unref(segment->piece);
    segment->piece = NULL;
}

void cold_array_free(struct cold_array *array)
{
    if (!array) return;
    for (size_t i = 0; i < array->bytes / COLD_SEGMENT_BYTES; i++)
        forget_piece(array, &array->segments[i]);
    charge(array, -(int64_t)array->held_bytes);
    mem_unmap(array->memory, array->bytes);
    mem_free(array->segments);
    mem_free(array);
}

laminar_status cold_array_want(struct cold_array *array, size_t at, bool for_write,
                               struct laminar_error *err)
{
    size_t i = at >> COLD_SEGMENT_SHIFT;
    struct cold_segment *segment = &array->segments[i];
    if (unlikely(segment->use.stamp == 0)) {
        if (segment->piece) {
            laminar_status status = spill_read(segment->piece->spill, &segment->piece->piece,
                                               array->memory + (i << COLD_SEGMENT_SHIFT), err);
            if (status != LAMINAR_OK) return status;
        }
        charge(array, COLD_SEGMENT_BYTES);
    }
    if (segment->use.stamp != array->clock)
        use_touch(&array->use, &array->segments->use, sizeof *segment, (uint32_t)i, array->clock);
    if (for_write) forget_piece(array, segment);
    return LAMINAR_OK;
}

static bool is_zero(const uint8_t *bytes)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, COLD_SEGMENT_BYTES - 1) == 0;
}

laminar_status cold_array_evict(struct cold_array *array, struct spill *spill, size_t *freed,
                                struct laminar_error *err)
{
    uint32_t i = array->use.last;
    struct cold_segment *segment = &array->segments[i];
    uint8_t *bytes = array->memory + ((size_t)i << COLD_SEGMENT_SHIFT);
    if (!segment->piece && !is_zero(bytes)) {
        laminar_status status = spill_share(spill, bytes, COLD_SEGMENT_BYTES, &segment->piece, err);
        if (status != LAMINAR_OK) return status;
        array->owner->spilled_bytes += COLD_SEGMENT_BYTES;
        charge(array, (int64_t)sizeof *segment->piece);
    }
    mem_discard(bytes, COLD_SEGMENT_BYTES);
    use_remove(&array->use, &array->segments->use, sizeof *segment, i);
    charge(array, -(int64_t)COLD_SEGMENT_BYTES);
    *freed += COLD_SEGMENT_BYTES;
    return LAMINAR_OK;
}
