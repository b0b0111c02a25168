/* vector.h - columns of values: the unit that kernels work on.
 *
 * A `vector` is a view: pointers to data and validity that somebody else keeps alive (a batch, an operator's scratch column, an
 * arena). It is passed by pointer, copied freely, never freed. Vectors and chunks that were handed to somebody are immutable.
 *
 * Layout is Arrow's but for: booleans are bytes; strings are 16-byte views with a pointer (below); list entries are offset + length.
 * Validity is an Arrow bitmap (bit i, LSB first, 1 = valid); NULL means that all values are valid. The value under a null is
 * unspecified but readable (for strings: an empty or valid view), so kernels may compute on it and mask.
 *
 * `shape` is VEC_FLAT, or VEC_CONST: one value (index 0) that stands for every row. Kernels take either for any argument. */
#ifndef VECTOR_VECTOR_H
#define VECTOR_VECTOR_H

#include "vector/type.h"
#include <assert.h>
#include <string.h>

enum { CHUNK_ROWS = 2048 };

enum vector_shape { VEC_FLAT = 0, VEC_CONST = 1 };

enum { STRING_INLINE_MAX = 12 };
/* size <= 12: all bytes inline (unused ones are 0). Longer: 4-byte prefix and a pointer. Equality of the first 8 bytes decides most
 * comparisons. (Neumann, Freitag: "Umbra", CIDR 2020; the same layout as Arrow's utf8_view but for the pointer.) */
struct string_view {
    uint32_t size;
    char prefix[4];
    union {
        char rest[8]; /* continues prefix */
        const char *ptr;
    };
};
static_assert(sizeof(struct string_view) == 16, "string_view is 16 bytes");

static inline const char *string_data(const struct string_view *s)
{
    return s->size <= STRING_INLINE_MAX ? s->prefix : s->ptr;
}
/* borrows data when long */
static inline struct string_view string_make(const char *data, size_t size)
{
    struct string_view s;
    memset(&s, 0, sizeof s);
    s.size = (uint32_t)size;
    if (size <= STRING_INLINE_MAX) {
        if (size) memcpy((char *)&s + offsetof(struct string_view, prefix), data, size);
    } else {
        memcpy(s.prefix, data, 4);
        s.ptr = data;
    }
    return s;
}
static inline bool string_equal(const struct string_view *a, const struct string_view *b)
{
    uint64_t a0, b0, a1, b1;
    memcpy(&a0, a, 8);
    memcpy(&b0, b, 8);
    if (a0 != b0) return false;
    memcpy(&a1, (const char *)a + 8, 8);
    memcpy(&b1, (const char *)b + 8, 8);
    if (a1 == b1) return true;
    return a->size > STRING_INLINE_MAX && memcmp(a->ptr, b->ptr, a->size) == 0;
}
/* <0, 0, >0: by bytes, which is code point order in UTF-8. */
int string_compare(const struct string_view *a, const struct string_view *b);

struct list_entry {
    uint32_t offset; /* into the child vector */
    uint32_t length;
};

typedef __int128 int128;

struct vector {
    struct data_type type;
    enum vector_shape shape;
    uint32_t n_children;
    void *data;              /* type_width() bytes a value, 8-byte aligned at least (16 for I128) */
    uint8_t *validity;       /* NULL = all valid */
    struct vector *children; /* LIST: [items]; MAP: [keys, values]; STRUCT: fields */
    size_t n_child_rows;     /* LIST, MAP: length of the children */
    /* STRUCT: row i is row child_offset + i of every child (slices share the children) */
    size_t child_offset;
};

/* Row of a STRUCT's children that belongs to row `row` of the STRUCT. */
static inline size_t vector_struct_row(const struct vector *v, size_t row)
{
    return v->child_offset + (v->shape == VEC_CONST ? 0 : row);
}

static inline bool vector_is_valid(const struct vector *v, size_t row)
{
    if (v->type.id == LAMINAR_TYPE_NULL) return false;
    size_t i = v->shape == VEC_CONST ? 0 : row;
    return !v->validity || (v->validity[i >> 3] >> (i & 7) & 1);
}
static inline void bitmap_set(uint8_t *bits, size_t i) { bits[i >> 3] |= (uint8_t)(1U << (i & 7)); }
static inline void bitmap_clear(uint8_t *bits, size_t i)
{
    bits[i >> 3] &= (uint8_t) ~(1U << (i & 7));
}
static inline bool bitmap_get(const uint8_t *bits, size_t i) { return bits[i >> 3] >> (i & 7) & 1; }
static inline size_t bitmap_bytes(size_t n) { return (n + 7) / 8; }
size_t bitmap_count(const uint8_t *bits, size_t n); /* ones in [0, n) */
/* dst[0..n) = src[from..from + n); dst byte-aligned; bits of the last byte beyond n are 0. */
void bitmap_copy(uint8_t *restrict dst, const uint8_t *restrict src, size_t from, size_t n);
/* dst = a & b, either may be NULL (all ones); returns NULL when both are, else dst. */
uint8_t *bitmap_and(uint8_t *dst, const uint8_t *a, const uint8_t *b, size_t n);
bool bitmap_all_set(const uint8_t *bits, size_t n);
bool bitmap_range_all_set(const uint8_t *bits, size_t from, size_t n);
/* Bits [from, from + n) to one value; the others stay. */
void bitmap_fill(uint8_t *bits, size_t from, size_t n, bool is_set);
/* dst[at..at + n) = src[from..from + n), any alignment; bits after them in the same byte are undefined. */
void bitmap_append(uint8_t *restrict dst, size_t at, const uint8_t *restrict src, size_t from,
                   size_t n);

/* A view of the rows of v from `offset` on. `offset` is a multiple of 8 where v has validity. */
struct vector vector_slice(const struct vector *v, size_t offset);

/* Up to CHUNK_ROWS rows of a relation's delta. A view, like vector. */
struct chunk {
    uint32_t n_rows;
    uint32_t n_cols;
    struct vector *cols;
    const int64_t *weights; /* NULL = all +1; else n_rows weights, none of them 0 */
};

/* --- column: a vector that owns its memory and grows ------------------------------------------------------------------------- */
/* The output column of an operator or kernel, reused from step to step: column_clear keeps the memory. Strings longer than 12 bytes
 * that are appended by copy live in `heap`. Zero-initialised + column_init is empty. Not shared. */
struct column {
    struct vector vec;
    size_t n;        /* rows */
    size_t capacity; /* rows that data has room for */
    /* room for `capacity` bits once allocated; vec.validity points here while there are nulls */
    uint8_t *validity;
    struct arena heap;       /* bytes of long strings */
    struct column *children; /* LIST, MAP, STRUCT: parallel to vec.children */
    /* set after init; charged for growth, given back by deinit. May be NULL */
    struct mem_account *account;
    size_t charged; /* bytes charged so far */
};
laminar_status column_init(struct column *col, struct data_type type, struct laminar_error *err)
    must_check;
void column_deinit(struct column *col);
void column_clear(struct column *col); /* to 0 rows, keeps memory */
/* Room for n rows in all; data (and validity, if `with_validity`: all set) may be written directly then; set col->n. */
laminar_status column_reserve(struct column *col, size_t n, struct laminar_error *err) must_check;
laminar_status column_reserve_validity(struct column *col, struct laminar_error *err) must_check;
/* Appends rows [from, from + n) of src (same type; const expands), or the rows sel[0..n). Strings: bytes copied into the heap when
 * `copy_strings`, else views are copied and the source must outlive the column's contents. */
enum string_copy { STRINGS_BORROW = 0, STRINGS_COPY = 1 };
laminar_status column_append(struct column *col, const struct vector *src, size_t from, size_t n,
                             enum string_copy copy, struct laminar_error *err) must_check;
laminar_status column_append_sel(struct column *col, const struct vector *src, const uint32_t *sel,
                                 size_t n, enum string_copy copy, struct laminar_error *err)
    must_check;
laminar_status column_append_null(struct column *col, size_t n, struct laminar_error *err)
    must_check;
/* Appends one string by copy (validated by the caller). */
laminar_status column_append_string(struct column *col, const char *data, size_t size,
                                    struct laminar_error *err) must_check;
/* Appends one fixed-width value of type_width() bytes (not for nested types; a string_view is borrowed). */
laminar_status column_append_value(struct column *col, const void *value, struct laminar_error *err)
    must_check;
/* Ends a row of a LIST or MAP column whose items, from row `first_item` of children[0] (and [1]) to their end, were appended to
 * col->children; of a STRUCT column whose children all got one row. */
laminar_status column_append_list(struct column *col, size_t first_item, struct laminar_error *err)
    must_check;
laminar_status column_append_struct(struct column *col, struct laminar_error *err) must_check;
/* Drops the rows from n on (bytes of long strings stay in the heap until column_clear). */
void column_truncate(struct column *col, size_t n);
/* Memory that the column holds, children included. */
size_t column_bytes(const struct column *col);

/* --- batch: immutable, shared, any number of rows --------------------------------------------------------------------------------- */
/* What outlives a step: inserted data, kept rows, what subscribers get, results. Reference-counted; its memory is one or several
 * buffers that it holds (its own slab, or an imported Arrow array). */
/* owns all that a batch consists of, struct batch included; called once, by the last unref, on any thread */
struct batch_holder {
    void (*release)(struct batch_holder *holder);
};
struct batch_strings; /* string columns that were imported but not looked at yet */
struct batch {
    _Atomic uint32_t refs;
    uint32_t n_cols;
    size_t n_rows;
    struct vector *cols;
    const int64_t *weights; /* NULL = all +1 */
    struct schema *schema;  /* referenced; may be NULL for internal ones */
    size_t bytes;           /* memory that the batch keeps alive, for accounting */
    uint64_t step;          /* that emitted or accepted it; 0 = none */
    int64_t time_us;        /* wall clock of that step */
    struct batch_holder *holder;
    struct batch_strings *strings; /* NULL = all columns are there: see batch_need */
    /* intrusive: for the one owner that queues it before sharing; NULL when shared */
    struct batch *next;
};
struct batch *batch_ref(struct batch *batch); /* NULL is fine */
void batch_unref(struct batch *batch);        /* NULL is fine */
/* Views of imported strings are made when they are first needed: most streams leave most columns alone. Until then the column's `data` is NULL. Whoever reads
 * batch->cols[column] of a batch that may come from an import calls this first; batch_chunk does it for all columns. Any thread. */
void batch_make_strings(const struct batch *batch, uint32_t column);
static inline void batch_need(const struct batch *batch, uint32_t column)
{
    if (unlikely(batch->strings != NULL)) batch_make_strings(batch, column);
}
void batch_need_all(const struct batch *batch);
/* Rows [offset, offset + n) as a chunk; `cols` has room for batch->n_cols vectors. offset is a multiple of CHUNK_ROWS. */
struct chunk batch_chunk(const struct batch *batch, size_t offset, struct vector *cols);
/* The same, but columns that nobody has needed yet stay without data. */
struct chunk batch_chunk_needed(const struct batch *batch, size_t offset, struct vector *cols);

/* Collects chunks into a batch. Owned by one thread; reusable after finish. Memory for small batches is recycled through `pool`
 * (may be NULL), so that a steady stream of batches allocates nothing once its readers give them back. */
struct batch_pool; /* thread-safe free list of slabs, bounded */
struct batch_pool *batch_pool_create(void);
void batch_pool_free(struct batch_pool *pool); /* batches still out stay valid */
/* Bytes of all its batches, in use or waiting for their next use, as they were when they were finished. @thread any, as all four */
int64_t batch_pool_bytes(const struct batch_pool *pool);
/* those that wait for their next use */
size_t batch_pool_free_bytes(struct batch_pool *pool);
/* Gives memory of free batches back until no more than that is left; set_max: now and from now on. */
void batch_pool_trim(struct batch_pool *pool, size_t free_bytes_max);
void batch_pool_set_max(struct batch_pool *pool, size_t free_bytes_max);
/* A holder of the batch counts its bytes itself (true), and does no more (false), so that they aren't counted twice. */
void batch_count_elsewhere(const struct batch *batch, bool is_elsewhere);

struct batch_builder;
/* `schema` is referenced. */
laminar_status batch_builder_create(struct schema *schema, struct batch_pool *pool,
                                    struct batch_builder **out, struct laminar_error *err)
    must_check;
void batch_builder_free(struct batch_builder *builder);
/* Copies the rows (string bytes too). Weights are kept as soon as one chunk has them. */
laminar_status batch_builder_append(struct batch_builder *builder, const struct chunk *chunk,
                                    struct laminar_error *err) must_check;
laminar_status batch_builder_append_sel(struct batch_builder *builder, const struct chunk *chunk,
                                        const uint32_t *sel, size_t n, struct laminar_error *err)
    must_check;
/* For those who make rows themselves (CSV, JSON): the columns, one a schema column, to append rows to; valid until the builder's next use.
 * Then batch_builder_added says that all of them got n more rows, or batch_builder_undo that they go back to the rows before. */
laminar_status batch_builder_columns(struct batch_builder *builder, struct column **out,
                                     struct laminar_error *err) must_check;
laminar_status batch_builder_added(struct batch_builder *builder, size_t n,
                                   struct laminar_error *err) must_check;
void batch_builder_undo(struct batch_builder *builder);
size_t batch_builder_n_rows(const struct batch_builder *builder);
size_t batch_builder_bytes(const struct batch_builder *builder); /* of the columns so far */
/* The rows so far as a batch (refs = 1); the builder is empty again. */
laminar_status batch_builder_finish(struct batch_builder *builder, struct batch **out,
                                    struct laminar_error *err) must_check;
void batch_builder_clear(struct batch_builder *builder);

#endif
