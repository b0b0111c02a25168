/* time_queue.h - which numbers (slots, groups) are due when a watermark passes: entries of a time and a number, taken out up to a bound that never
 * goes back.
 *
 * A radix heap (Ahuja, Mehlhorn, Orlin, Tarjan, "Faster Algorithms for the Shortest Path Problem", JACM 1990): bucket b > 0 holds the entries whose time
 * differs from the bound first in bit b - 1, bucket 0 those at the bound. Moving the bound empties whole buckets and spreads at most one over lower ones,
 * so an entry costs O(1) to put in and moves at most as often as its time has bits: what a watermark costs follows what it lets go, not what stays.
 * Entries can't be taken out before they are due: whoever takes them looks whether they still mean something. A time below the bound is due at once.
 * Derived from rows: not frozen, made again after a restore.
 * @thread the step owner. */
#ifndef EXEC_TIME_QUEUE_H
#define EXEC_TIME_QUEUE_H

#include "base/error.h"
#include "base/mem.h"

enum { TIME_BLOCK_ENTRIES = 62, TIME_BUCKETS = 65 };

struct time_entry {
    int64_t time;
    uint32_t number;
};
struct time_block {
    struct time_block *next;
    uint32_t n;
    struct time_entry entries[TIME_BLOCK_ENTRIES];
};
struct time_queue {
    struct mem_account *account;
    struct time_block *buckets[TIME_BUCKETS];
    struct time_block *due;
    struct time_block *spare;
    uint64_t bound; /* times with the sign bit turned over, so that they compare as unsigned */
    size_t n;       /* entries, due ones included */
    size_t n_blocks, n_spare;
};
void time_queue_init(struct time_queue *queue, struct mem_account *account);
void time_queue_deinit(struct time_queue *queue); /* safe on a zeroed struct */
/* Forgets all entries; the bound stays. */
void time_queue_clear(struct time_queue *queue);
laminar_status time_queue_push(struct time_queue *queue, int64_t time, uint32_t number,
                               struct laminar_error *err) must_check;
/* Entries with a time below `bound` become due; one that isn't above an earlier one changes nothing. When memory is out, entries may become
 * due too early: the owner stops. */
laminar_status time_queue_advance(struct time_queue *queue, int64_t bound,
                                  struct laminar_error *err) must_check;
/* Takes up to n due entries, in any order; 0 when there are none left. */
size_t time_queue_take(struct time_queue *queue, struct time_entry *out, size_t n);
bool time_queue_check(const struct time_queue *queue);

#endif
