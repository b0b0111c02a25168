/* time_queue.c - see time_queue.h.
 *
 * Buckets are lists of small blocks that go back to a list of spare ones, so a queue that stays about as long allocates nothing. */
#include "exec/time_queue.h"
#include <assert.h>
#include <string.h>

static uint64_t biased(int64_t time) { return (uint64_t)time ^ (UINT64_C(1) << 63); }

static uint32_t bucket_of(uint64_t key, uint64_t bound)
{
    return key == bound ? 0 : 64 - (uint32_t)__builtin_clzll(key ^ bound);
}

/* --- Blocks ------------------------------------------------------------------------------------------------------------------------------ */

static struct time_block *block_create(struct time_queue *queue)
{
    struct time_block *block = mem_alloc(sizeof *block);
    if (!block) return NULL;
    mem_account_add(queue->account, (int64_t)sizeof *block);
    queue->n_blocks++;
    return block;
}

static void block_free(struct time_queue *queue, struct time_block *block)
{
    mem_account_add(queue->account, -(int64_t)sizeof *block);
    queue->n_blocks--;
    mem_free(block);
}

static void put_spare(struct time_queue *queue, struct time_block *block)
{
    enum { SPARE_MIN = 80 };
    if (queue->n_spare > SPARE_MIN && queue->n_spare > queue->n_blocks / 2) {
        block_free(queue, block);
        return;
    }
    block->next = queue->spare;
    queue->spare = block;
    queue->n_spare++;
}

static struct time_block *take_spare(struct time_queue *queue)
{
    struct time_block *block = queue->spare;
    if (!block) return block_create(queue);
    queue->spare = block->next;
    queue->n_spare--;
    return block;
}

static bool list_push(struct time_queue *queue, struct time_block **list, struct time_entry entry)
{
    struct time_block *block = *list;
    if (!block || block->n == TIME_BLOCK_ENTRIES) {
        block = take_spare(queue);
        if (!block) return false;
        block->n = 0;
        block->next = *list;
        *list = block;
    }
    block->entries[block->n++] = entry;
    return true;
}

static void list_join(struct time_block **to, struct time_block **from)
{
    struct time_block *last = *from;
    if (!last) return;
    while (last->next) last = last->next;
    last->next = *to;
    *to = *from;
    *from = NULL;
}

static void free_list(struct time_queue *queue, struct time_block **list)
{
    while (*list) {
        struct time_block *next = (*list)->next;
        block_free(queue, *list);
        *list = next;
    }
}

/* --- The queue --------------------------------------------------------------------------------------------------------------------------- */

void time_queue_init(struct time_queue *queue, struct mem_account *account)
{
    *queue = (struct time_queue){.account = account};
}

void time_queue_deinit(struct time_queue *queue)
{
    for (uint32_t b = 0; b < TIME_BUCKETS; b++) free_list(queue, &queue->buckets[b]);
    free_list(queue, &queue->due);
    free_list(queue, &queue->spare);
    queue->n = queue->n_spare = 0;
}

static void clear_list(struct time_queue *queue, struct time_block **list)
{
    while (*list) {
        struct time_block *block = *list;
        *list = block->next;
        put_spare(queue, block);
    }
}

void time_queue_clear(struct time_queue *queue)
{
    for (uint32_t b = 0; b < TIME_BUCKETS; b++) clear_list(queue, &queue->buckets[b]);
    clear_list(queue, &queue->due);
    queue->n = 0;
}

laminar_status time_queue_push(struct time_queue *queue, int64_t time, uint32_t number,
                               struct laminar_error *err)
{
    uint64_t key = biased(time);
    struct time_block **list = key < queue->bound ? &queue->due
                                                  : &queue->buckets[bucket_of(key, queue->bound)];
    if (!list_push(queue, list, (struct time_entry){time, number})) return error_oom(err);
    queue->n++;
    return LAMINAR_OK;
}

/* Spreads the list over lower buckets and the due ones, a block at a time. What is left when memory is out stays in the list. */
static bool spread(struct time_queue *queue, struct time_block **list)
{
    while (*list) {
        struct time_block *block = *list;
        while (block->n > 0) {
            struct time_entry entry = block->entries[block->n - 1];
            uint64_t key = biased(entry.time);
            struct time_block **to = key < queue->bound
                                         ? &queue->due
                                         : &queue->buckets[bucket_of(key, queue->bound)];
            if (!list_push(queue, to, entry)) return false;
            block->n--;
        }
        *list = block->next;
        put_spare(queue, block);
    }
    return true;
}

laminar_status time_queue_advance(struct time_queue *queue, int64_t bound,
                                  struct laminar_error *err)
{
    uint64_t key = biased(bound);
    if (key <= queue->bound) return LAMINAR_OK;
    uint32_t top = bucket_of(key, queue->bound);
    struct time_block *list = queue->buckets[top];
    /* Lower buckets agree with the old bound in bit top - 1, so they lie below the new one. */
    for (uint32_t b = 0; b < top; b++) list_join(&queue->due, &queue->buckets[b]);
    queue->buckets[top] = NULL;
    queue->bound = key;
    if (spread(queue, &list)) return LAMINAR_OK;
    /* Nobody's order depends on it: what could not be spread counts as due, and is looked at by whoever takes it. */
    list_join(&queue->due, &list);
    return error_oom(err);
}

size_t time_queue_take(struct time_queue *queue, struct time_entry *out, size_t n)
{
    size_t n_out = 0;
    while (n_out < n && queue->due) {
        struct time_block *block = queue->due;
        while (block->n > 0 && n_out < n) out[n_out++] = block->entries[--block->n];
        if (block->n > 0) break;
        queue->due = block->next;
        put_spare(queue, block);
    }
    queue->n -= n_out;
    return n_out;
}

bool time_queue_check(const struct time_queue *queue)
{
    size_t n = 0, n_blocks = 0, n_spare = 0;
    for (uint32_t b = 0; b < TIME_BUCKETS; b++) {
        for (const struct time_block *block = queue->buckets[b]; block; block = block->next) {
            n += block->n;
            n_blocks++;
            if (block->n == 0 || block->n > TIME_BLOCK_ENTRIES) return false;
            for (uint32_t i = 0; i < block->n; i++) {
                uint64_t key = biased(block->entries[i].time);
                if (key < queue->bound || bucket_of(key, queue->bound) != b) return false;
            }
        }
    }
    for (const struct time_block *block = queue->due; block; block = block->next) {
        n += block->n;
        n_blocks++;
    }
    for (const struct time_block *block = queue->spare; block; block = block->next) n_spare++;
    return n == queue->n && n_spare == queue->n_spare && n_blocks + n_spare == queue->n_blocks;
}
