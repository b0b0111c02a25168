/* store.c - see store.h. LOG is a state_log; KEYED and BAG are multimaps by the key, or by the whole row.
 *
 * A BAG takes equal rows as they come and indexes them only when a retraction has to find one.
 * What a chunk needs of a file is read before it changes anything, so a disk that fails changes nothing of the chunk.
 * Within a step a key of a KEYED store may have several rows for a while (the new one came before the old one's retraction); between steps it has one.
 * Cost: upserting and applying are a probe and a comparison a row; a snapshot is O(pages) or O(runs). */
#include "exec/store.h"
#include "base/error.h"
#include "base/thread.h"
#include "exec/state_log.h"
#include "exec/state_multimap.h"

struct store {
    enum store_kind kind;
    struct schema *schema;
    struct state_log *log;
    struct state_multimap *map;
    /* scratch of upserts */
    struct column *cols;
    struct vector *vecs;
    struct vector *keys;
    uint32_t *last; /* set of rows by key: UPSERT_SLOTS */
};
enum { UPSERT_SLOTS = CHUNK_ROWS * 2 };

static laminar_status create_map(struct store *store, const uint32_t *key_cols, uint32_t n_key_cols,
                                 struct mem_account *account, struct laminar_error *err)
{
    uint32_t n = store->schema->n_columns;
    laminar_status status = LAMINAR_OK;
    struct data_type *types = mem_calloc(n, sizeof *types);
    uint32_t *all = mem_calloc(n, sizeof *all);
    if (!types || !all) TRY(error_oom(err));
    for (uint32_t i = 0; i < n; i++) {
        types[i] = store->schema->columns[i].type;
        all[i] = i;
    }
    struct multimap_options options = {.name = "rows",
                                       .types = types,
                                       .n_cols = n,
                                       .key_cols = store->kind == STORE_KEYED ? key_cols : all,
                                       .n_keys = store->kind == STORE_KEYED ? n_key_cols : n,
                                       .mode = store->kind == STORE_KEYED ? MULTIMAP_CHAIN
                                                                          : MULTIMAP_APPEND,
                                       .has_hash_groups = store->kind == STORE_BAG,
                                       .account = account};
    TRY(multimap_create(&options, &store->map, err));
    store->keys = mem_calloc(options.n_keys, sizeof *store->keys);
    store->vecs = mem_calloc(n, sizeof *store->vecs);
    store->cols = mem_calloc(n, sizeof *store->cols);
    store->last = mem_alloc(UPSERT_SLOTS * sizeof *store->last);
    if (!store->keys || !store->vecs || !store->cols || !store->last) TRY(error_oom(err));
    for (uint32_t i = 0; i < n; i++) TRY(column_init(&store->cols[i], types[i], err));
done:
    mem_free(types);
    mem_free(all);
    return status;
}

laminar_status store_create(enum store_kind kind, struct schema *schema, const uint32_t *key_cols,
                            uint32_t n_key_cols, struct retention retention,
                            struct mem_account *account, struct store **out,
                            struct laminar_error *err)
{
    struct store *store = mem_calloc(1, sizeof *store);
    if (!store) return error_oom(err);
    laminar_status status;
    store->kind = kind;
    store->schema = schema_ref(schema);
    if (kind == STORE_LOG)
        TRY(state_log_create("rows", schema, retention, account, &store->log, err));
    else
        TRY(create_map(store, key_cols, n_key_cols, account, err));
    *out = store;
    return LAMINAR_OK;
done:
    store_free(store);
    return status;
}

void store_free(struct store *store)
{
    if (!store) return;
    if (store->log) {
        struct state *state = state_log_base(store->log);
        state->cls->free(state);
    }
    multimap_free(store->map);
    for (uint32_t i = 0; store->cols && i < store->schema->n_columns; i++)
        column_deinit(&store->cols[i]);
    mem_free(store->cols);
    mem_free(store->vecs);
    mem_free(store->keys);
    mem_free(store->last);
    schema_unref(store->schema);
    mem_free(store);
}

struct state *store_state(struct store *store)
{
    return store->log ? state_log_base(store->log) : &store->map->rows.state;
}

size_t store_n_rows(const struct store *store)
{
    if (store->log) return state_log_base(store->log)->n_rows;
    return store->map->rows.weight_sum > 0 ? (size_t)store->map->rows.weight_sum : 0;
}
size_t store_bytes(const struct store *store)
{
    return state_bytes(store->log ? state_log_base(store->log) : &store->map->rows.state);
}

void store_set_spill(struct store *store, struct spill_policy *policy)
{
    if (!store->map) return;
    store->map->rows.spill = policy;
    store->map->rows.state.can_spill = policy != NULL;
}

laminar_status store_spill(struct store *store, struct spill *spill, size_t bytes_max,
                           struct laminar_error *err)
{
    return store->log ? state_log_spill(store->log, spill, bytes_max, err) : LAMINAR_OK;
}

/* --- Writing ----------------------------------------------------------------------------------------------------------------------------- */

laminar_status store_append(struct store *store, struct batch *batch, struct laminar_error *err)
{
    assert(store->kind == STORE_LOG);
    return state_log_append(store->log, batch, err);
}

static void read_keys(struct store *store, const struct chunk *chunk, uint64_t *hashes)
{
    for (uint32_t k = 0; k < store->map->n_keys; k++)
        store->keys[k] = chunk->cols[store->map->key_cols[k]];
    kernel_hash(store->keys, store->map->n_keys, chunk->n_rows, hashes);
}

/* KEYED, a retraction whose row isn't there as it says: the key decides, if there is one row of it. */
static laminar_status retract_by_key(struct store *store, const uint64_t *hashes, uint32_t row,
                                     bool *is_done, struct laminar_error *err)
{
    struct state_rows *rows = &store->map->rows;
    uint32_t heads[CHUNK_ROWS];
    multimap_find(store->map, store->keys, hashes, &row, 1, heads, NULL);
    uint32_t head = heads[row];
    laminar_status status = state_rows_error(rows, err);
    if (status != LAMINAR_OK) return status;
    *is_done = head != ROW_NONE && multimap_next(store->map, head) == ROW_NONE &&
               row_weight(state_rows_at(rows, head)) == 1;
    return *is_done ? multimap_remove(store->map, head, err) : LAMINAR_OK;
}

/* Rows that can't be written stay in memory; it is the next insert that is refused. */
static laminar_status relax(struct store *store, struct laminar_error *err)
{
    if (!store->map->rows.spill) return LAMINAR_OK;
    laminar_status status = state_rows_error(&store->map->rows, err);
    if (status == LAMINAR_OK) (void)!state_rows_relax(&store->map->rows, NULL);
    return status;
}

laminar_status store_apply(struct store *store, const struct chunk *delta,
                           struct laminar_error *err)
{
    if (store->kind == STORE_LOG)
        return state_log_append_chunk(store->log, delta, clock_wall_us(), err);
    uint64_t hashes[CHUNK_ROWS];
    read_keys(store, delta, hashes);
    bool has_negative = false;
    for (uint32_t i = 0; delta->weights && i < delta->n_rows; i++)
        has_negative |= delta->weights[i] < 0;
    laminar_status status = LAMINAR_OK;
    TRY(multimap_want(store->map, hashes, delta->n_rows, err));
    if (store->kind == STORE_BAG || !has_negative) {
        TRY(multimap_apply(store->map, delta->cols, hashes, NULL, delta->n_rows, delta->weights,
                           NULL, err));
        return relax(store, err);
    }
    for (uint32_t i = 0; i < delta->n_rows; i++) {
        bool is_done = false;
        if (delta->weights[i] == -1 &&
            multimap_find_row(store->map, delta->cols, hashes, i) == ROW_NONE)
            TRY(retract_by_key(store, hashes, i, &is_done, err));
        TRY(state_rows_error(&store->map->rows, err));
        if (!is_done)
            TRY(multimap_apply(store->map, delta->cols, hashes, &i, 1, delta->weights, NULL, err));
    }
    TRY(relax(store, err));
done:
    return status;
}

/* Rows of the chunk that are the last ones with their key, in order. */
static size_t last_of_keys(struct store *store, const uint64_t *hashes, size_t n, uint32_t *sel)
{
    sel[0] = 0;
    if (n == 1) return 1;
    memset(store->last, 0xFF, UPSERT_SLOTS * sizeof *store->last);
    size_t n_sel = 0;
    uint8_t is_last[CHUNK_ROWS];
    for (uint32_t row = (uint32_t)n; row-- > 0;) {
        uint32_t i = (uint32_t)(hashes[row] >> 40) & (UPSERT_SLOTS - 1);
        is_last[row] = true;
        for (; store->last[i] != ROW_NONE; i = (i + 1) & (UPSERT_SLOTS - 1)) {
            uint32_t other = store->last[i];
            if (hashes[other] != hashes[row]) continue;
            bool is_equal = true;
            for (uint32_t k = 0; k < store->map->n_keys && is_equal; k++)
                is_equal = kernel_equal(&store->keys[k], row, &store->keys[k], other);
            if (!is_equal) continue;
            is_last[row] = false;
            break;
        }
        if (is_last[row]) store->last[i] = row;
    }
    for (uint32_t row = 0; row < n; row++) {
        sel[n_sel] = row;
        n_sel += is_last[row];
    }
    return n_sel;
}

static laminar_status emit_sel(struct store *store, const struct chunk *rows, const uint32_t *sel,
                               size_t n, const int64_t *weights,
                               laminar_status (*emit)(void *ctx, const struct chunk *delta),
                               void *ctx, struct laminar_error *err)
{
    struct chunk delta;
    laminar_status status;
    if (n == 0) return LAMINAR_OK;
    if (n == rows->n_rows) {
        delta = *rows;
    } else {
        struct chunk src = *rows;
        src.weights = NULL;
        TRY(kernel_gather_chunk(&src, sel, n, store->cols, NULL, store->vecs, &delta, err));
    }
    delta.weights = weights;
    TRY(emit(ctx, &delta));
done:
    return status;
}

static laminar_status emit_old(struct store *store, const uint32_t *slots, size_t n,
                               const int64_t *weights,
                               laminar_status (*emit)(void *ctx, const struct chunk *delta),
                               void *ctx, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct chunk delta = {.n_rows = (uint32_t)n,
                          .n_cols = store->schema->n_columns,
                          .cols = store->vecs,
                          .weights = weights};
    if (n == 0) return LAMINAR_OK;
    for (uint32_t c = 0; c < delta.n_cols; c++) {
        column_clear(&store->cols[c]);
        TRY(state_rows_gather(&store->map->rows, c, slots, n, &store->cols[c], err));
        store->vecs[c] = store->cols[c].vec;
    }
    TRY(emit(ctx, &delta));
done:
    return status;
}

laminar_status store_upsert(struct store *store, const struct chunk *rows,
                            laminar_status (*emit)(void *ctx, const struct chunk *delta), void *ctx,
                            struct laminar_error *err)
{
    assert(store->kind == STORE_KEYED && rows->n_rows <= CHUNK_ROWS);
    uint64_t hashes[CHUNK_ROWS];
    uint32_t sel[CHUNK_ROWS], heads[CHUNK_ROWS], new_sel[CHUNK_ROWS], changed_slots[CHUNK_ROWS],
        changed_sel[CHUNK_ROWS], inserted[CHUNK_ROWS];
    int64_t minus[CHUNK_ROWS];
    laminar_status status = LAMINAR_OK;
    if (rows->n_rows == 0) return LAMINAR_OK;
    read_keys(store, rows, hashes);
    TRY(multimap_want(store->map, hashes, rows->n_rows, err));
    size_t n_sel = last_of_keys(store, hashes, rows->n_rows, sel), n_new = 0, n_changed = 0,
           n_inserted = 0;
    multimap_find(store->map, store->keys, hashes, sel, n_sel, heads, NULL);
    for (size_t k = 0; k < n_sel; k++) {
        uint32_t row = sel[k], head = heads[row];
        if (head == ROW_NONE)
            inserted[n_inserted++] = row;
        else if (row_equals_vectors(&store->map->rows, state_rows_at(&store->map->rows, head),
                                    rows->cols, row))
            continue;
        else {
            minus[n_changed] = -1;
            changed_sel[n_changed] = row;
            changed_slots[n_changed++] = head;
        }
        new_sel[n_new++] = row;
    }
    TRY(state_rows_error(&store->map->rows, err));
    /* before the rows are overwritten: it borrows their strings */
    TRY(emit_old(store, changed_slots, n_changed, minus, emit, ctx, err));
    for (size_t k = 0; k < n_changed; k++)
        TRY(multimap_replace(store->map, changed_slots[k], rows->cols, changed_sel[k], err));
    TRY(multimap_apply(store->map, rows->cols, hashes, inserted, n_inserted, NULL, NULL, err));
    TRY(emit_sel(store, rows, new_sel, n_new, NULL, emit, ctx, err));
    TRY(relax(store, err));
done:
    return status;
}

/* --- Reading ----------------------------------------------------------------------------------------------------------------------------- */

struct store_snapshot {
    struct schema *schema;
    struct state_snapshot *state;
    bool is_log;
    size_t n_rows;
    uint64_t cursor;
    struct column *cols;
    struct vector *vecs;
    int64_t weights[CHUNK_ROWS];
};

laminar_status store_snapshot_create(struct store *store, struct store_snapshot **out,
                                     struct laminar_error *err)
{
    struct store_snapshot *snapshot = mem_alloc(sizeof *snapshot);
    laminar_status status = LAMINAR_OK;
    if (!snapshot) return error_oom(err);
    uint32_t n = store->schema->n_columns;
    *snapshot = (struct store_snapshot){.schema = schema_ref(store->schema),
                                        .is_log = store->log != NULL,
                                        .n_rows = store_n_rows(store)};
    snapshot->cols = mem_calloc(n, sizeof *snapshot->cols);
    snapshot->vecs = mem_calloc(n, sizeof *snapshot->vecs);
    if (!snapshot->cols || !snapshot->vecs) TRY(error_oom(err));
    for (uint32_t i = 0; i < n; i++)
        TRY(column_init(&snapshot->cols[i], store->schema->columns[i].type, err));
    TRY(state_freeze(store_state(store), &snapshot->state, err));
    *out = snapshot;
    return LAMINAR_OK;
done:
    store_snapshot_release(snapshot);
    return status;
}

void store_snapshot_release(struct store_snapshot *snapshot)
{
    if (!snapshot) return;
    for (uint32_t i = 0; snapshot->cols && i < snapshot->schema->n_columns; i++)
        column_deinit(&snapshot->cols[i]);
    mem_free(snapshot->cols);
    mem_free(snapshot->vecs);
    state_release(snapshot->state);
    schema_unref(snapshot->schema);
    mem_free(snapshot);
}

static laminar_status next_rows(struct store_snapshot *snapshot, struct chunk *out,
                                struct laminar_error *err)
{
    const struct row_layout *layout = state_rows_snapshot_layout(snapshot->state);
    const uint8_t *addresses[CHUNK_ROWS];
    size_t n, n_kept = 0;
    bool has_weights = false;
    *out = (struct chunk){.n_cols = snapshot->schema->n_columns, .cols = snapshot->vecs};
    while (n_kept == 0) {
        laminar_status status = state_rows_snapshot_scan(snapshot->state, &snapshot->cursor,
                                                         addresses, CHUNK_ROWS, &n, err);
        if (status != LAMINAR_OK) return status;
        if (n == 0) break;
        for (size_t i = 0; i < n; i++) {
            int64_t weight = row_weight(addresses[i]);
            addresses[n_kept] = addresses[i];
            snapshot->weights[n_kept] = weight;
            n_kept += weight > 0;
            has_weights |= weight > 1;
        }
    }
    for (uint32_t c = 0; n_kept && c < out->n_cols; c++) {
        column_clear(&snapshot->cols[c]);
        laminar_status status = row_gather(layout, c, addresses, n_kept, &snapshot->cols[c], err);
        if (status != LAMINAR_OK) return status;
        snapshot->vecs[c] = snapshot->cols[c].vec;
    }
    out->n_rows = (uint32_t)n_kept;
    out->weights = has_weights ? snapshot->weights : NULL;
    return LAMINAR_OK;
}

laminar_status store_snapshot_next(struct store_snapshot *snapshot, struct chunk *out,
                                   struct laminar_error *err)
{
    if (snapshot->is_log)
        return state_log_snapshot_next(snapshot->state, &snapshot->cursor, snapshot->vecs,
                                       snapshot->cols, out, err);
    return next_rows(snapshot, out, err);
}

size_t store_snapshot_n_rows(const struct store_snapshot *snapshot) { return snapshot->n_rows; }
