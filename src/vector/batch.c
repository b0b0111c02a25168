/* batch.c - batches, their pool, and the builder that collects chunks: see vector.h and batch_body.h.
 *
 * The pool is a small hash table of free lists, keyed by schema layout and size class (a power of four of rows), behind one mutex that
 * is held for a few pointer writes. It counts the bytes of all its bodies, once a batch, for memory limits. It is bounded in bytes and bodies; when full, bodies of other lists make room, in turn, so that
 * streams which are gone don't hold memory for ever.
 * A builder fills one body; when a few rows came out in a body grown for many, they are copied into a small one, so that
 * what a batch keeps alive is in proportion to its rows. */
#include "base/hash.h"
#include "base/thread.h"
#include "vector/batch_body.h"
#include <stdatomic.h>

enum {
    POOL_LISTS = 64,
    SIZE_CLASS_MAX = 12,
    POOL_BODIES_MAX = 4096,
    POOL_BYTES_MAX = 256 << 20, /* and one body at most a quarter of it */
    WASTE_BYTES_MIN = 64 << 10, /* a body below this is never too large for its rows */
    WASTE_FACTOR = 16
};

struct batch_pool {
    /* one cache line */
    struct mutex lock;
    size_t n_free;
    size_t free_bytes;
    size_t n_out; /* bodies that will come back */
    size_t free_bytes_max;
    struct batch_body *lists[POOL_LISTS];
    unsigned evict_next;
    bool is_closed; /* freed by its owner; lives on until the last body is back */
    /* of all bodies, in use or free, but for those that somebody else counts (batch_count_elsewhere) */
    _Atomic int64_t bytes;
};

/* --- Batches ----------------------------------------------------------------------------------------------------------------- */

struct batch *batch_ref(struct batch *batch)
{
    if (batch) atomic_fetch_add_explicit(&batch->refs, 1, memory_order_relaxed);
    return batch;
}

void batch_unref(struct batch *batch)
{
    /* Release, then acquire by the last one: the memory is reused after all others' reads. */
    if (batch && atomic_fetch_sub_explicit(&batch->refs, 1, memory_order_acq_rel) == 1)
        batch->holder->release(batch->holder);
}

void batch_make_strings(const struct batch *batch, uint32_t column)
{
    struct batch_strings *strings = batch->strings;
    if (column >= strings->n_columns) return;
    struct pending_strings *pending = &strings->columns[column];
    for (;;) {
        uint32_t state = atomic_load_explicit(&pending->state, memory_order_acquire);
        if (state == STRINGS_DONE) return;
        if (state == STRINGS_PENDING &&
            atomic_compare_exchange_strong_explicit(&pending->state, &state, STRINGS_BUSY,
                                                    memory_order_acquire, memory_order_relaxed))
            break;
        thread_yield(); /* another reader is at it: microseconds */
    }
    strings_make_views(pending, batch->n_rows);
    /* a step that is still handing it to others looks at the pointer, for prefetching */
    __atomic_store_n(&batch->cols[column].data, (void *)pending->views, __ATOMIC_RELAXED);
    atomic_store_explicit(&pending->state, STRINGS_DONE, memory_order_release);
}

void batch_need_all(const struct batch *batch)
{
    if (likely(batch->strings == NULL)) return;
    for (uint32_t i = 0; i < batch->n_cols; i++) batch_make_strings(batch, i);
}

struct chunk batch_chunk(const struct batch *batch, size_t offset, struct vector *cols)
{
    batch_need_all(batch);
    return batch_chunk_needed(batch, offset, cols);
}

static bool is_pending(const struct batch *batch, uint32_t column)
{
    return unlikely(batch->strings != NULL) && column < batch->strings->n_columns &&
           atomic_load_explicit(&batch->strings->columns[column].state, memory_order_acquire) !=
               STRINGS_DONE;
}

struct chunk batch_chunk_needed(const struct batch *batch, size_t offset, struct vector *cols)
{
    assert(offset % CHUNK_ROWS == 0 && offset <= batch->n_rows);
    size_t n = batch->n_rows - offset < CHUNK_ROWS ? batch->n_rows - offset : CHUNK_ROWS;
    for (uint32_t i = 0; i < batch->n_cols; i++) {
        if (is_pending(batch, i))
            cols[i] = (struct vector){.type = batch->cols[i].type, .shape = VEC_FLAT};
        else
            cols[i] = vector_slice(&batch->cols[i], offset);
    }
    return (struct chunk){(uint32_t)n, batch->n_cols, cols,
                          batch->weights ? batch->weights + offset : NULL};
}

/* --- Pool ---------------------------------------------------------------------------------------------------------------------- */

static unsigned size_class(size_t n_rows)
{
    unsigned class = 0;
    for (n_rows /= 16; n_rows && class < SIZE_CLASS_MAX; n_rows /= 4) class ++;
    return class;
}

static bool same_layout(const struct schema *a, const struct schema *b)
{
    if (a == b) return true;
    if (a->n_columns != b->n_columns) return false;
    for (uint32_t i = 0; i < a->n_columns; i++)
        if (!type_equal(a->columns[i].type, b->columns[i].type)) return false;
    return true;
}

static unsigned list_of(const struct schema *schema, unsigned class)
{
    uint64_t h = schema->n_columns;
    for (uint32_t i = 0; i < schema->n_columns && i < 8; i++)
        h = h * 31 + schema->columns[i].type.id;
    return (unsigned)(hash_u64(h * 16 + class) % POOL_LISTS);
}

struct batch_pool *batch_pool_create(void)
{
    struct batch_pool *pool = mem_alloc_aligned(sizeof *pool);
    if (!pool) return NULL;
    memset(pool, 0, sizeof *pool);
    mutex_init(&pool->lock);
    pool->free_bytes_max = POOL_BYTES_MAX;
    return pool;
}

/* What the pool counts of the body becomes `bytes`. A recycled body of unchanged size costs nothing. */
static void body_count(struct batch_body *body, struct batch_pool *pool, size_t bytes)
{
    if (!pool || body->counted_bytes == bytes) return;
    atomic_fetch_add_explicit(&pool->bytes, (int64_t)bytes - (int64_t)body->counted_bytes,
                              memory_order_relaxed);
    body->counted_bytes = bytes;
}

static void body_free(struct batch_body *body)
{
    for (uint32_t i = 0; i < body->batch.schema->n_columns; i++) column_deinit(&body->columns[i]);
    schema_unref(body->batch.schema);
    mem_free(body->weights);
    mem_free(body->strings);
    mem_free(body);
}

/* The pool counts these free bodies no more. */
static void bodies_uncount(struct batch_pool *pool, struct batch_body *body)
{
    for (; body; body = body->next_free) body_count(body, pool, 0);
}

/* Frees bodies that no pool counts. */
static void bodies_free(struct batch_body *body)
{
    for (struct batch_body *next; body; body = next) {
        next = body->next_free;
        body_free(body);
    }
}

static void pool_destroy(struct batch_pool *pool)
{
    mutex_deinit(&pool->lock);
    mem_free(pool);
}

void batch_pool_free(struct batch_pool *pool)
{
    if (!pool) return;
    mutex_lock(&pool->lock);
    pool->is_closed = true;
    bool is_last = pool->n_out == 0;
    for (unsigned i = 0; i < POOL_LISTS; i++) {
        bodies_uncount(pool, pool->lists[i]);
        bodies_free(pool->lists[i]);
        pool->lists[i] = NULL;
    }
    pool->n_free = pool->free_bytes = 0;
    mutex_unlock(&pool->lock);
    if (is_last) pool_destroy(pool);
}

int64_t batch_pool_bytes(const struct batch_pool *pool)
{
    return atomic_load_explicit(&((struct batch_pool *)(uintptr_t)pool)->bytes,
                                memory_order_relaxed);
}

size_t batch_pool_free_bytes(struct batch_pool *pool)
{
    mutex_lock(&pool->lock);
    size_t bytes = pool->free_bytes;
    mutex_unlock(&pool->lock);
    return bytes;
}

void batch_pool_trim(struct batch_pool *pool, size_t free_bytes_max)
{
    struct batch_body *dropped = NULL;
    mutex_lock(&pool->lock);
    for (unsigned i = 0; i < POOL_LISTS; i++) {
        while (pool->lists[i] && pool->free_bytes > free_bytes_max) {
            struct batch_body *victim = pool->lists[i];
            pool->lists[i] = victim->next_free;
            pool->n_free--;
            pool->free_bytes -= victim->bytes;
            victim->next_free = dropped;
            dropped = victim;
        }
    }
    bodies_uncount(pool, dropped);
    mutex_unlock(&pool->lock);
    bodies_free(dropped);
}

void batch_pool_set_max(struct batch_pool *pool, size_t free_bytes_max)
{
    mutex_lock(&pool->lock);
    pool->free_bytes_max = free_bytes_max < POOL_BYTES_MAX ? free_bytes_max : POOL_BYTES_MAX;
    mutex_unlock(&pool->lock);
    batch_pool_trim(pool, free_bytes_max);
}

static struct batch_body *list_take(struct batch_pool *pool, const struct schema *schema,
                                    unsigned class)
{
    struct batch_body **link = &pool->lists[list_of(schema, class)], *found;
    for (; (found = *link) != NULL; link = &found->next_free) {
        if (size_class(found->rows_high) != class || !same_layout(found->batch.schema, schema))
            continue;
        *link = found->next_free;
        pool->n_free--;
        pool->free_bytes -= found->bytes;
        return found;
    }
    return NULL;
}

/* A free body of that layout and about that size, or NULL. Counts a body out in any case: the caller makes one where there is none.
 * @thread any @locks pool->lock */
static struct batch_body *pool_pop(struct batch_pool *pool, struct schema *schema, size_t n_rows)
{
    unsigned class = size_class(n_rows);
    mutex_lock(&pool->lock);
    struct batch_body *found = list_take(pool, schema, class);
    /* Sizes that swing around a border between classes: a body somewhat larger, or one that has yet to grow. */
    if (!found) found = list_take(pool, schema, class + 1);
    if (!found && class > 0) found = list_take(pool, schema, class - 1);
    /* Who begins with a whole chunk does not know yet how many rows come. */
    if (n_rows >= CHUNK_ROWS)
        for (unsigned more = class + 2; !found && more <= SIZE_CLASS_MAX; more++)
            found = list_take(pool, schema, more);
    pool->n_out++;
    mutex_unlock(&pool->lock);
    return found;
}

/* Takes bodies off other lists until `body` fits; returns them, chained. The lock is held. */
static struct batch_body *pool_evict(struct batch_pool *pool, const struct batch_body *body,
                                     unsigned keep)
{
    struct batch_body *evicted = NULL;
    for (unsigned tries = 0; tries < POOL_LISTS; tries++) {
        while (pool->n_free >= POOL_BODIES_MAX ||
               pool->free_bytes + body->bytes > pool->free_bytes_max) {
            unsigned list = pool->evict_next % POOL_LISTS;
            struct batch_body *victim = pool->lists[list];
            if (!victim || list == keep) break;
            pool->lists[list] = victim->next_free;
            pool->n_free--;
            pool->free_bytes -= victim->bytes;
            victim->next_free = evicted;
            evicted = victim;
        }
        pool->evict_next++;
    }
    return evicted;
}

/* The body is back: keeps it if there is room. @thread any @locks pool->lock */
static void pool_push(struct batch_pool *pool, struct batch_body *body)
{
    struct batch_body *dropped = NULL;
    unsigned list = list_of(body->batch.schema, size_class(body->rows_high));
    mutex_lock(&pool->lock);
    pool->n_out--;
    bool is_last = pool->is_closed && pool->n_out == 0;
    bool is_kept = !pool->is_closed && body->bytes <= pool->free_bytes_max / 4;
    if (is_kept && unlikely(pool->n_free >= POOL_BODIES_MAX ||
                            pool->free_bytes + body->bytes > pool->free_bytes_max)) {
        dropped = pool_evict(pool, body, list);
        is_kept = pool->n_free < POOL_BODIES_MAX &&
                  pool->free_bytes + body->bytes <= pool->free_bytes_max;
    }
    if (is_kept) {
        body->next_free = pool->lists[list];
        pool->lists[list] = body;
        pool->n_free++;
        pool->free_bytes += body->bytes;
    } else {
        body->next_free = dropped;
        dropped = body;
    }
    /* Within the lock: once it is let go, the last body may come back on another thread, which ends a closed pool. */
    bodies_uncount(pool, dropped);
    mutex_unlock(&pool->lock);
    bodies_free(dropped);
    if (is_last) pool_destroy(pool);
}

/* One body fewer will come back. */
static void pool_forget(struct batch_pool *pool)
{
    if (!pool) return;
    mutex_lock(&pool->lock);
    pool->n_out--;
    bool is_last = pool->is_closed && pool->n_out == 0;
    mutex_unlock(&pool->lock);
    if (is_last) pool_destroy(pool);
}

/* --- Bodies ------------------------------------------------------------------------------------------------------------------------ */

static void body_release(struct batch_holder *holder)
{
    batch_body_give_back(CONTAINER_OF(holder, struct batch_body, holder));
}

static laminar_status body_create(struct schema *schema, struct batch_body **out,
                                  struct laminar_error *err)
{
    size_t n = schema->n_columns, columns_size = n * sizeof(struct column),
           vectors_size = n * sizeof(struct vector);
    size_t size = sizeof(struct batch_body) + columns_size + vectors_size;
    struct batch_body *body = mem_alloc_aligned(size);
    if (!body) return error_oom(err);
    memset(body, 0, size);
    body->is_cleared = true;
    body->columns = (struct column *)(void *)(body + 1);
    body->vectors = (struct vector *)(void *)((char *)body->columns + columns_size);
    body->batch.schema = schema_ref(schema);
    body->holder.release = body_release;
    for (size_t i = 0; i < n; i++) {
        laminar_status status = column_init(&body->columns[i], schema->columns[i].type, err);
        if (status) {
            body_free(body);
            return status;
        }
    }
    *out = body;
    return LAMINAR_OK;
}

static void body_clear(struct batch_body *body)
{
    for (uint32_t i = 0; i < body->batch.schema->n_columns; i++) column_clear(&body->columns[i]);
    body->is_cleared = true;
}

laminar_status batch_body_take(struct batch_pool *pool, struct schema *schema, size_t n_rows,
                               struct batch_body **out, struct laminar_error *err)
{
    struct batch_body *body = pool ? pool_pop(pool, schema, n_rows) : NULL;
    if (!body) {
        laminar_status status = body_create(schema, &body, err);
        if (status) {
            pool_forget(pool);
            return status;
        }
    } else if (body->batch.schema != schema) {
        schema_unref(body->batch.schema);
        body->batch.schema = schema_ref(schema);
    }
    if (!body->is_cleared) body_clear(body);
    body->pool = pool;
    body->is_sealed = false;
    *out = body;
    return LAMINAR_OK;
}

static void body_measure(struct batch_body *body)
{
    size_t bytes = sizeof *body + body->weights_capacity * sizeof(int64_t);
    bool has_heap = false;
    for (uint32_t i = 0; i < body->batch.schema->n_columns; i++) {
        bytes += column_bytes(&body->columns[i]);
        has_heap |= body->columns[i].heap.head != NULL || body->columns[i].children != NULL;
    }
    body->bytes = bytes;
    body->has_heap = has_heap;
}

void batch_body_give_back(struct batch_body *body)
{
    if (!body) return;
    if (!body->is_sealed) body_measure(body);
    body_count(body, body->pool, body->bytes);
    /* Heaps may be large: they go now. Lengths are reset by whoever takes it, who has the columns in his cache. */
    if (body->has_heap || !body->is_sealed) body_clear(body);
    if (body->array.release) {
        body->array.release(&body->array);
        body->array.release = NULL;
    }
    if (body->base) {
        batch_unref(body->base);
        body->base = NULL;
    }
    if (body->strings) body->strings->n_pending = 0;
    if (body->pool)
        pool_push(body->pool, body);
    else
        body_free(body);
}

void batch_body_seal_vectors(struct batch_body *body, size_t n_rows, bool has_weights)
{
    struct schema *schema = body->batch.schema;
    if (n_rows > body->rows_high) body->rows_high = n_rows;
    body_measure(body);
    body_count(body, body->pool, body->bytes);
    body->is_sealed = true;
    body->is_cleared = false;
    bool has_pending = body->strings != NULL && body->strings->n_pending > 0;
    body->batch = (struct batch){
        .refs = 1,
        .n_cols = schema->n_columns,
        .n_rows = n_rows,
        .cols = body->vectors,
        .weights = has_weights ? body->weights : NULL,
        .schema = schema,
        .bytes = body->bytes,
        .holder = &body->holder,
        .strings = has_pending ? body->strings : NULL,
    };
}

void batch_body_borrows(struct batch_body *body, size_t bytes)
{
    body->batch.bytes += bytes;
    body_count(body, body->pool, body->batch.bytes);
}

void batch_count_elsewhere(const struct batch *batch, bool is_elsewhere)
{
    if (!batch->holder || batch->holder->release != body_release) return;
    struct batch_pool *pool = CONTAINER_OF(batch->holder, struct batch_body, holder)->pool;
    if (!pool) return;
    atomic_fetch_add_explicit(&pool->bytes,
                              is_elsewhere ? -(int64_t)batch->bytes : (int64_t)batch->bytes,
                              memory_order_relaxed);
}

void batch_body_seal(struct batch_body *body, size_t n_rows, bool has_weights)
{
    uint32_t n_cols = body->batch.schema->n_columns;
    for (uint32_t i = 0; i < n_cols; i++) body->vectors[i] = body->columns[i].vec;
    batch_body_seal_vectors(body, n_rows, has_weights);
}

laminar_status batch_body_put_off(struct batch_body *body, uint32_t column,
                                  const struct pending_strings *strings, struct laminar_error *err)
{
    uint32_t n = body->batch.schema->n_columns;
    if (!body->strings) {
        body->strings = mem_calloc(1, sizeof *body->strings + n * sizeof(struct pending_strings));
        if (!body->strings) return error_oom(err);
        body->strings->n_columns = n;
    }
    if (body->strings->n_pending++ == 0)
        for (uint32_t i = 0; i < n; i++) body->strings->columns[i].state = STRINGS_DONE;
    struct pending_strings *pending = &body->strings->columns[column];
    *pending = *strings;
    pending->views = body->columns[column].vec.data;
    pending->state = STRINGS_PENDING;
    return LAMINAR_OK;
}

laminar_status batch_body_reserve_weights(struct batch_body *body, size_t n,
                                          struct laminar_error *err)
{
    if (n <= body->weights_capacity) return LAMINAR_OK;
    size_t capacity = body->weights_capacity * 2 < 16 ? 16 : body->weights_capacity * 2, bytes;
    if (capacity < n) capacity = n;
    if (!size_mul(capacity, sizeof(int64_t), &bytes)) return error_oom(err);
    int64_t *grown = mem_realloc(body->weights, bytes);
    if (!grown) return error_oom(err);
    body->weights = grown;
    body->weights_capacity = capacity;
    return LAMINAR_OK;
}

/* --- Builder ------------------------------------------------------------------------------------------------------------------------ */

struct batch_builder {
    struct schema *schema;
    struct batch_pool *pool;
    struct batch_body *body; /* NULL while there are no rows and none is left over */
    size_t n_rows;
    size_t n_rows_expected; /* as many as last time; 0 before */
    bool has_weights;
};

laminar_status batch_builder_create(struct schema *schema, struct batch_pool *pool,
                                    struct batch_builder **out, struct laminar_error *err)
{
    struct batch_builder *builder = mem_calloc(1, sizeof *builder);
    if (!builder) return error_oom(err);
    builder->schema = schema_ref(schema);
    builder->pool = pool;
    *out = builder;
    return LAMINAR_OK;
}

void batch_builder_free(struct batch_builder *builder)
{
    if (!builder) return;
    batch_body_give_back(builder->body);
    schema_unref(builder->schema);
    mem_free(builder);
}

size_t batch_builder_n_rows(const struct batch_builder *builder) { return builder->n_rows; }

size_t batch_builder_bytes(const struct batch_builder *builder)
{
    size_t bytes = 0;
    for (uint32_t i = 0; builder->body && i < builder->schema->n_columns; i++)
        bytes += column_bytes(&builder->body->columns[i]);
    return bytes;
}

void batch_builder_clear(struct batch_builder *builder)
{
    if (builder->body)
        for (uint32_t i = 0; i < builder->schema->n_columns; i++)
            column_clear(&builder->body->columns[i]);
    builder->n_rows = 0;
    builder->has_weights = false;
}

static laminar_status append_weights(struct batch_builder *builder, const int64_t *weights,
                                     const uint32_t *sel, size_t n, struct laminar_error *err)
{
    struct batch_body *body = builder->body;
    if (!weights && !builder->has_weights) return LAMINAR_OK;
    laminar_status status = batch_body_reserve_weights(body, builder->n_rows + n, err);
    if (status) return status;
    if (!builder->has_weights) {
        for (size_t i = 0; i < builder->n_rows; i++) body->weights[i] = 1;
        builder->has_weights = true;
    }
    int64_t *out = body->weights + builder->n_rows;
    if (!weights)
        for (size_t i = 0; i < n; i++) out[i] = 1;
    else if (sel)
        for (size_t i = 0; i < n; i++) out[i] = weights[sel[i]];
    else
        memcpy(out, weights, n * sizeof *out);
    return LAMINAR_OK;
}

laminar_status batch_builder_append_sel(struct batch_builder *builder, const struct chunk *chunk,
                                        const uint32_t *sel, size_t n, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint32_t n_cols = builder->schema->n_columns;
    ENSURE(chunk->n_cols == n_cols, err);
    if (n == 0) return LAMINAR_OK;
    if (!builder->body) {
        size_t n_expected = n > builder->n_rows_expected ? n : builder->n_rows_expected;
        status = batch_body_take(builder->pool, builder->schema, n_expected, &builder->body, err);
        if (status) return status;
    }
    struct column *columns = builder->body->columns;
    for (uint32_t i = 0; i < n_cols; i++) {
        if (sel)
            TRY(column_append_sel(&columns[i], &chunk->cols[i], sel, n, STRINGS_COPY, err));
        else
            TRY(column_append(&columns[i], &chunk->cols[i], 0, n, STRINGS_COPY, err));
    }
    TRY(append_weights(builder, chunk->weights, sel, n, err));
    builder->n_rows += n;
done:
    if (status) /* all columns stay equally long */
        for (uint32_t i = 0; i < n_cols; i++) column_truncate(&columns[i], builder->n_rows);
    return status;
}

laminar_status batch_builder_append(struct batch_builder *builder, const struct chunk *chunk,
                                    struct laminar_error *err)
{
    return batch_builder_append_sel(builder, chunk, NULL, chunk->n_rows, err);
}

laminar_status batch_builder_columns(struct batch_builder *builder, struct column **out,
                                     struct laminar_error *err)
{
    if (!builder->body) {
        laminar_status status = batch_body_take(builder->pool, builder->schema,
                                                builder->n_rows_expected, &builder->body, err);
        if (status) return status;
    }
    *out = builder->body->columns;
    return LAMINAR_OK;
}

laminar_status batch_builder_added(struct batch_builder *builder, size_t n,
                                   struct laminar_error *err)
{
    for (uint32_t i = 0; i < builder->schema->n_columns; i++)
        ENSURE(builder->body->columns[i].n == builder->n_rows + n, err);
    laminar_status status = append_weights(builder, NULL, NULL, n, err);
    if (status) return status;
    builder->n_rows += n;
    return LAMINAR_OK;
}

void batch_builder_undo(struct batch_builder *builder)
{
    if (!builder->body) return;
    for (uint32_t i = 0; i < builder->schema->n_columns; i++)
        column_truncate(&builder->body->columns[i], builder->n_rows);
}

/* The few rows in a body grown for many go to a body of their size; the large one stays with the builder. */
static laminar_status copy_to_smaller(struct batch_builder *builder, struct batch_body **out,
                                      struct laminar_error *err)
{
    struct batch_body *large = builder->body, *small = NULL;
    uint32_t n_cols = builder->schema->n_columns;
    laminar_status status = batch_body_take(builder->pool, builder->schema, builder->n_rows, &small,
                                            err);
    if (status) return status;
    for (uint32_t i = 0; i < n_cols; i++) {
        struct column *column = &small->columns[i];
        TRY(column_append(column, &large->columns[i].vec, 0, builder->n_rows, STRINGS_COPY, err));
    }
    if (builder->has_weights) {
        TRY(batch_body_reserve_weights(small, builder->n_rows, err));
        memcpy(small->weights, large->weights, builder->n_rows * sizeof(int64_t));
    }
    for (uint32_t i = 0; i < n_cols; i++) column_clear(&large->columns[i]);
    *out = small;
    small = NULL;
done:
    batch_body_give_back(small);
    return status;
}

laminar_status batch_builder_finish(struct batch_builder *builder, struct batch **out,
                                    struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t n = builder->n_rows;
    if (!builder->body) {
        status = batch_body_take(builder->pool, builder->schema, 0, &builder->body, err);
        if (status) return status;
    }
    struct batch_body *body = builder->body;
    bool is_wasteful = body->bytes > WASTE_BYTES_MIN && n * WASTE_FACTOR < body->rows_high;
    if (unlikely(is_wasteful)) {
        status = copy_to_smaller(builder, &body, err);
        if (status) return status;
    } else {
        builder->body = NULL;
    }
    builder->n_rows_expected = n;
    batch_body_seal(body, n, builder->has_weights);
    builder->n_rows = 0;
    builder->has_weights = false;
    *out = &body->batch;
    return LAMINAR_OK;
}
