/* batch_body.h - private to the layer: what a batch of ours consists of, and how it is recycled.
 *
 * A body is a batch with the columns that own its memory. When the last reference goes, the body returns to its pool with the columns'
 * memory kept, and the next batch of the same types takes it over: a steady stream of batches allocates nothing. A body holds a
 * reference on its schema while it rests in the pool too, so taking it back for the same schema touches no counter. */
#ifndef VECTOR_BATCH_BODY_H
#define VECTOR_BATCH_BODY_H

#include "base/error.h"
#include "vector/vector.h"

/* An imported column of strings whose views are not made yet: what they are made of, kept alive by the body's array. */
enum strings_state { STRINGS_DONE, STRINGS_PENDING, STRINGS_BUSY };
struct pending_strings {
    _Atomic uint32_t state; /* enum strings_state */
    const int32_t *offsets; /* n + 1, checked */
    const char *bytes;
    const uint8_t *validity; /* bit `start` is row 0's; NULL = all valid */
    size_t start;
    struct string_view *views; /* room for them */
};
struct batch_strings {
    uint32_t n_columns, n_pending;
    struct pending_strings columns[]; /* one a column */
};
void strings_make_views(const struct pending_strings *strings, size_t n_rows);

struct batch_body {
    struct batch batch; /* first: a batch of ours is its body */
    struct batch_holder holder;
    struct batch_pool *pool; /* may be NULL */
    struct batch_body *next_free;
    size_t rows_high; /* most rows it ever held: its size class */
    size_t bytes;     /* held by the columns and weights, measured when the batch was sealed */
    /* From here on only the maker writes while batches are small and its own: giving back in another thread takes the two cache lines above. */
    bool is_sealed;       /* handed out as a batch */
    bool has_heap;        /* a column had bytes of long strings when it was sealed */
    bool is_cleared;      /* the columns are empty; if not, that is left to whoever takes it */
    size_t counted_bytes; /* by the pool: `bytes` and what is borrowed */
    struct batch *base;   /* a batch whose memory this one's vectors point into; may be NULL */
    /* allocated once it is needed, then kept; batch.strings while in use */
    struct batch_strings *strings;
    struct column *columns; /* schema->n_columns */
    struct vector *vectors; /* the same number: batch.cols */
    int64_t *weights;
    size_t weights_capacity;
    struct ArrowArray array; /* imported: released when the batch goes, if array.release is set */
};

/* A body for `schema` (referenced), empty, meant for about `n_rows` rows: recycled where there is one, else new. */
laminar_status batch_body_take(struct batch_pool *pool, struct schema *schema, size_t n_rows,
                               struct batch_body **out, struct laminar_error *err) must_check;
/* Fills in the batch (refs 1) from the columns and weights: body->vectors[i] = columns[i].vec. */
void batch_body_seal(struct batch_body *body, size_t n_rows, bool has_weights);
/* The same, but body->vectors were set by the caller (import). */
void batch_body_seal_vectors(struct batch_body *body, size_t n_rows, bool has_weights);
/* The sealed batch keeps so many bytes alive that aren't its own. */
void batch_body_borrows(struct batch_body *body, size_t bytes);
/* The strings of `column` come later; before sealing. */
laminar_status batch_body_put_off(struct batch_body *body, uint32_t column,
                                  const struct pending_strings *strings, struct laminar_error *err)
    must_check;
/* Back to the pool, or freed. Releases `array` and `base`. */
void batch_body_give_back(struct batch_body *body);
/* Room for n weights in all. */
laminar_status batch_body_reserve_weights(struct batch_body *body, size_t n,
                                          struct laminar_error *err) must_check;

#endif
