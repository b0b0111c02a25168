/* asof_run.c - see asof_run.h. */
#include "exec/asof_run.h"
#include "base/error.h"

void asof_run_deinit(struct asof_run *run)
{
    if (run->items) mem_free(run->items - run->n_skipped);
    *run = (struct asof_run){0};
}

static void move_to_front(struct asof_run *run)
{
    struct asof_entry *base = run->items - run->n_skipped;
    memmove(base, run->items, run->n * sizeof *base);
    run->items = base;
    run->capacity += run->n_skipped;
    run->n_skipped = 0;
}

laminar_status asof_run_append(struct asof_run *run, int64_t time, uint32_t slot,
                               struct laminar_error *err)
{
    /* so much has gone that moving the rest is paid for */
    if (run->n == run->capacity && run->n_skipped > run->n / 2) move_to_front(run);
    if (run->n == run->capacity) {
        if (run->n_skipped) move_to_front(run);
        if (run->capacity > UINT32_MAX / 2)
            return error_set(err, LAMINAR_QUERY_FAILED,
                             "one key of an ASOF join has more than %u rows", run->n);
        uint32_t capacity = run->capacity ? run->capacity * 2 : 4;
        struct asof_entry *items = mem_realloc(run->items, capacity * sizeof *items);
        if (!items) return error_oom(err);
        run->items = items;
        run->capacity = capacity;
    }
    run->items[run->n++] = (struct asof_entry){time, slot};
    return LAMINAR_OK;
}

static int compare(const struct state_rows *rows, const struct asof_entry *a,
                   const struct asof_entry *b)
{
    if (a->time != b->time) return a->time < b->time ? -1 : 1;
    return row_compare(&rows->layout, state_rows_at(rows, a->slot), state_rows_at(rows, b->slot));
}

/* Sorts items[0..n) using temp[0..n): insertion for short pieces, then merging. */
static void sort_entries(const struct state_rows *rows, struct asof_entry *items, size_t n,
                         struct asof_entry *temp)
{
    enum { PIECE = 16 };
    for (size_t from = 0; from < n; from += PIECE) {
        size_t end = from + PIECE < n ? from + PIECE : n;
        for (size_t i = from + 1; i < end; i++) {
            struct asof_entry entry = items[i];
            size_t k = i;
            for (; k > from && compare(rows, &items[k - 1], &entry) > 0; k--)
                items[k] = items[k - 1];
            items[k] = entry;
        }
    }
    for (size_t width = PIECE; width < n; width *= 2) {
        for (size_t from = 0; from + width < n; from += 2 * width) {
            size_t middle = from + width, end = middle + width < n ? middle + width : n;
            if (compare(rows, &items[middle - 1], &items[middle]) <= 0) continue;
            memcpy(temp, items + from, width * sizeof *temp);
            for (size_t a = 0, b = middle, to = from; a < width; to++)
                items[to] = b < end && compare(rows, &items[b], &temp[a]) < 0 ? items[b++]
                                                                              : temp[a++];
        }
    }
}

laminar_status asof_run_settle(struct asof_run *run, const struct state_rows *rows,
                               struct asof_scratch *scratch, struct laminar_error *err)
{
    uint32_t first = run->n_sorted;
    while (first < run->n &&
           (first == 0 || compare(rows, &run->items[first - 1], &run->items[first]) <= 0))
        first++;
    run->n_sorted = first; /* what came in order is in order */
    size_t n_new = run->n - first;
    if (n_new == 0) return LAMINAR_OK;
    if (scratch->capacity < n_new &&
        !array_grow((void **)&scratch->items, &scratch->capacity, sizeof *scratch->items, n_new))
        return error_oom(err);
    sort_entries(rows, run->items + first, n_new, scratch->items);
    /* Merge from behind; entries before the place of the first new one stay where they are. */
    memcpy(scratch->items, run->items + first, n_new * sizeof *scratch->items);
    size_t old = first, left = n_new, to = run->n;
    while (left > 0) {
        if (old > 0 && compare(rows, &run->items[old - 1], &scratch->items[left - 1]) > 0)
            run->items[--to] = run->items[--old];
        else
            run->items[--to] = scratch->items[--left];
    }
    run->n_sorted = run->n;
    return LAMINAR_OK;
}

uint32_t asof_run_lower(struct asof_run *run, int64_t time)
{
    const struct asof_entry *items = run->items;
    uint32_t n = run->n, low, high, step = 1;
    assert(run->n_sorted == n);
    uint32_t at = run->hint < n ? run->hint : n;
    if (at < n && items[at].time < time) {
        low = high = at + 1;
        while (high < n && items[high].time < time) {
            low = high + 1;
            high = n - low > step ? low + step : n;
            step *= 2;
        }
    } else {
        low = high = at;
        while (low > 0) {
            low = low > step ? low - step : 0;
            if (items[low].time < time) break;
            high = low;
            step *= 2;
        }
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (items[middle].time < time)
            low = middle + 1;
        else
            high = middle;
    }
    run->hint = low;
    return low;
}

void asof_run_remove(struct asof_run *run, uint32_t from, uint32_t n)
{
    assert(from + n <= run->n_sorted);
    if (n == 0) return;
    if (from == 0) {
        run->items += n;
        run->n_skipped += n;
        run->capacity -= n;
        run->n -= n;
        run->n_sorted -= n;
        run->hint = run->hint > n ? run->hint - n : 0;
        if (run->n == 0) move_to_front(run);
        return;
    }
    memmove(run->items + from, run->items + from + n, (run->n - from - n) * sizeof *run->items);
    run->n -= n;
    run->n_sorted -= n;
    run->hint = run->hint > from + n ? run->hint - n : run->hint > from ? from : run->hint;
}

bool asof_run_check(const struct asof_run *run, const struct state_rows *rows)
{
    if (run->n_sorted > run->n || run->n > run->capacity) return false;
    for (uint32_t i = 0; i < run->n; i++) {
        if (run->items[i].slot >= rows->n_slots ||
            !row_weight(state_rows_at(rows, run->items[i].slot)))
            return false;
        if (i > 0 && i < run->n_sorted && compare(rows, &run->items[i - 1], &run->items[i]) > 0)
            return false;
    }
    return true;
}
