/* state_log.h - append-only rows in order of arrival, the newest ones by a retention rule.
 *
 * A deque of runs. Big batches are kept as they are (a reference); what is smaller is copied into an open tail of up to CHUNK_ROWS rows, which is then
 * closed and stands as a run of its own: a million single-row inserts are 500 runs. Dropping old rows drops whole runs; within the oldest one a row number
 * says where the kept rows begin, so a limit on rows is exact. A limit on time or bytes works by runs: rows of one run go together, when the newest of
 * them is too old, or their bytes too many; the newest run always stays.
 * Closed runs may lie in a spill file instead of in memory: they never change, so they are written once, and only who reads the log reads them back.
 * A snapshot takes a reference on each run and copies the tail's fixed-width values (at most CHUNK_ROWS rows; string bytes are shared).
 * @thread the step owner; snapshots: any. */
#ifndef EXEC_STATE_LOG_H
#define EXEC_STATE_LOG_H

#include "catalog/catalog.h"
#include "exec/spill.h"
#include "exec/state.h"

enum { LOG_SHARE_ROWS = 512 }; /* batches with at least so many rows are kept as they are */

struct state_log;
laminar_status state_log_create(const char *name, struct schema *schema, struct retention retention,
                                struct mem_account *account, struct state_log **out,
                                struct laminar_error *err) must_check;
struct state *state_log_base(struct state_log *log);
/* Keeps a reference or a copy. Weights must be positive; a row of weight w is w rows. */
laminar_status state_log_append(struct state_log *log, struct batch *batch,
                                struct laminar_error *err) must_check;
laminar_status state_log_append_chunk(struct state_log *log, const struct chunk *chunk,
                                      int64_t time_us, struct laminar_error *err) must_check;

/* Writes closed runs to the file, oldest first, until that gave back bytes_max bytes or all are there; they are read back a piece at a time by those who
 * read the log. What snapshots hold stays in memory until they are released. A failure leaves the run at hand in memory. */
laminar_status state_log_spill(struct state_log *log, struct spill *spill, size_t bytes_max,
                               struct laminar_error *err) must_check;

/* Reading a frozen log: chunk after chunk from *cursor on (start with 0); n_rows = 0 at the end. The chunk's vectors live in `cols` (as many as the
 * schema has columns) and are valid until the next call; `scratch` (as many columns, initialised) holds rows that don't begin at a chunk's boundary. */
size_t state_log_snapshot_n_rows(const struct state_snapshot *snapshot);
/* The number of its oldest row: so many were dropped before it, ever. */
uint64_t state_log_snapshot_first_row(const struct state_snapshot *snapshot);
laminar_status state_log_snapshot_next(struct state_snapshot *snapshot, uint64_t *cursor,
                                       struct vector *cols, struct column *scratch,
                                       struct chunk *out, struct laminar_error *err) must_check;

#endif
