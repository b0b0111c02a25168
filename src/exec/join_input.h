/* join_input.h - one side of a join of any kind: where its keys and its time come from, and reading a chunk of it.
 *
 * Keys and time are plain columns, or expressions that a program computes and that are kept behind the columns. Times are compared in the
 * unit of the column, as int64. */
#ifndef EXEC_JOIN_INPUT_H
#define EXEC_JOIN_INPUT_H

#include "exec/op.h"

struct join_input {
    const struct plan *plan; /* of the input */
    uint32_t n_cols;
    uint32_t n_keys;
    bool has_time;
    struct program *program; /* keys and time that aren't plain columns; NULL = all are */
    struct vector *computed; /* its results */
    int32_t *key_sources;    /* key k: input column >= 0, or computed -1 - i */
    int32_t time_source;
    /* of the chunk at hand */
    struct vector *keys;
    struct vector time;
    struct vector *stored; /* columns as they are kept: input, computed */
    uint32_t n_stored;
    uint32_t *key_stored; /* which of them are the keys */
    uint32_t time_stored;
    struct data_type *stored_types;
    struct vector *nulls; /* a constant null for each input column */
};
/* Working memory for one chunk. */
struct join_rows {
    uint64_t hashes[CHUNK_ROWS];
    uint32_t sel[CHUNK_ROWS];      /* rows with a key, and a time */
    uint32_t null_sel[CHUNK_ROWS]; /* rows without: they match nothing */
    size_t n_sel, n_null;
    uint8_t bad_rows[CHUNK_ROWS / 8];
    struct arena arena; /* of evaluations */
};
/* `time` may be NULL. On failure join_input_deinit cleans up. */
laminar_status join_input_init(struct join_input *input, const struct plan *plan,
                               struct expr *const *keys, uint32_t n_keys, struct expr *time,
                               struct laminar_error *err) must_check;
void join_input_deinit(struct join_input *input);
/* Fills keys, time, stored and `rows`. Rows that an expression fails for (on_error = skip) are in neither list, and counted in op->bad_rows. */
laminar_status join_input_read(struct join_input *input, struct op *op, struct step *step,
                               const struct chunk *chunk, struct join_rows *rows) must_check;
/* Takes rows behind the watermark out of rows->sel, counting them in op->late_rows. */
void join_input_drop_late(const struct join_input *input, struct op *op, int64_t watermark_us,
                          struct join_rows *rows);

/* The time of row `row` of a time vector. */
static inline int64_t join_time_at(const struct vector *v, size_t row)
{
    size_t i = v->shape == VEC_CONST ? 0 : row;
    return type_phys(v->type) == PHYS_I32 ? ((const int32_t *)v->data)[i]
                                          : ((const int64_t *)v->data)[i];
}
/* Of a stored row: `width` bytes (4: DATE) at `at`. */
static inline int64_t join_stored_time(const uint8_t *at, uint32_t width)
{
    return width == 4 ? *(const int32_t *)(const void *)at : *(const int64_t *)(const void *)at;
}
/* Microseconds in the unit of a time column (BIGINT: milliseconds). Watermark bounds stay what they are. */
int64_t join_time_ceil(struct data_type type, int64_t us);  /* the least time that isn't below us */
int64_t join_time_floor(struct data_type type, int64_t us); /* the greatest that isn't above */
int64_t join_watermark_add(int64_t watermark_us, int64_t us); /* saturating; NONE and END stay */
static inline int64_t join_saturating_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}
static inline int64_t join_saturating_sub(int64_t a, int64_t b)
{
    int64_t difference;
    if (!__builtin_sub_overflow(a, b, &difference)) return difference;
    return b < 0 ? INT64_MAX : INT64_MIN;
}
/* One-shot: does the node give rows at the end of the step, rather than as its input comes? */
bool join_input_is_late(const struct plan *plan);

#endif
