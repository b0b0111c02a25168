/* store.h - the rows that a relation keeps, and snapshots of them for queries, backfills and late subscribers.
 *
 * Three kinds, one interface:
 *   log     append-only rows: shared batches, the newest ones by the retention rule; small batches are merged in the background of appends
 *   keyed   one row per key (tables, keyed sources, streams with a known key): upsert gives the delta (-old, +new)
 *   bag     rows with multiplicities (retracting streams without a key, tables without one)
 * keyed and bag stand on state_hash, the log on state_log, so they freeze, write out and restore as all state does.
 * @thread the step owner; a snapshot may be read and released by any thread. */
#ifndef EXEC_STORE_H
#define EXEC_STORE_H

#include "catalog/catalog.h"
#include "exec/spill.h"
#include "exec/state.h"

enum store_kind { STORE_LOG, STORE_KEYED, STORE_BAG };
struct store;
laminar_status store_create(enum store_kind kind, struct schema *schema, const uint32_t *key_cols,
                            uint32_t n_key_cols, struct retention retention,
                            struct mem_account *account, struct store **out,
                            struct laminar_error *err) must_check;
void store_free(struct store *store);
struct state *store_state(struct store *store);
size_t store_n_rows(const struct store *store); /* multiplicities counted */
size_t store_bytes(const struct store *store);
/* KEYED, BAG, while it is empty: rows may go to a file when memory is short. Else they stay in memory. The policy outlives the store. */
void store_set_spill(struct store *store, struct spill_policy *policy);
/* LOG: old rows go to the file, until that gave back bytes_max bytes; see state_log_spill. The other kinds: see state_spill. */
laminar_status store_spill(struct store *store, struct spill *spill, size_t bytes_max,
                           struct laminar_error *err) must_check;

/* LOG: keeps (a reference on) the batch. */
laminar_status store_append(struct store *store, struct batch *batch, struct laminar_error *err)
    must_check;
/* LOG, from chunks that don't outlive the step: copied into the open batch. KEYED, BAG: applies the weights; for KEYED a -1 must name the row that is
 * there (the key decides), and -1/+1 of one key in one step may come in either order. */
laminar_status store_apply(struct store *store, const struct chunk *delta,
                           struct laminar_error *err) must_check;
/* KEYED: inserts or replaces by key, the last row of a key in the chunk wins; calls emit with delta chunks (weights -1 old, +1 new; unchanged rows
 * give nothing). */
laminar_status store_upsert(struct store *store, const struct chunk *rows,
                            laminar_status (*emit)(void *ctx, const struct chunk *delta), void *ctx,
                            struct laminar_error *err) must_check;

struct store_snapshot;
laminar_status store_snapshot_create(struct store *store, struct store_snapshot **out,
                                     struct laminar_error *err) must_check;
void store_snapshot_release(struct store_snapshot *snapshot);
/* The next chunk of rows (weights > 0, NULL = all 1), valid until the next call; n_rows = 0 at the end. */
laminar_status store_snapshot_next(struct store_snapshot *snapshot, struct chunk *out,
                                   struct laminar_error *err) must_check;
size_t store_snapshot_n_rows(const struct store_snapshot *snapshot);

#endif
