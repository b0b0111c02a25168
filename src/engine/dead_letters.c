/* dead_letters.c - the rows that streams have left out (on_error = skip), for system.dead_letters: the newest ones, in a state_log, so that they are in checkpoints
 * and come again out of the log's replay like everything else.
 *
 * A letter shows the columns that the stream's operator had: those that its query uses. Where streams share the operator, each of them has left the row out, and has
 * its letter. Cost: only rows that fail pay.
 * @thread the step owner. */
#include "base/error.h"
#include "engine/engine.h"
#include "engine/rowset.h"
#include "exec/state_log.h"
#include "format/json.h"
#include <string.h>

enum { DEAD_LETTERS_KEPT = 10000, LETTER_BYTES_MAX = 16384 };

/* As in system.c: of the log, and of the relation. */
static const struct schema_column letter_columns[] = {
    {"epoch", {.id = LAMINAR_TYPE_INT64}, true},
    {"time_ms", {.id = LAMINAR_TYPE_INT64}, true},
    {"relation", {.id = LAMINAR_TYPE_VARCHAR}, true},
    {"operator", {.id = LAMINAR_TYPE_VARCHAR}, true},
    {"weight", {.id = LAMINAR_TYPE_INT64}, true},
    {"row", {.id = LAMINAR_TYPE_VARCHAR}, true}};

struct dead_letters {
    struct bad_row_taker taker;
    struct schema *schema;
    struct state_log *log;
};

/* {"a":1,"b":"x"}; a long one without its last columns, and "...":null instead. */
static void print_row(struct strbuf *out, const struct plan *input, const struct chunk *chunk,
                      uint32_t row)
{
    bool is_first = true;
    strbuf_clear(out);
    strbuf_putc(out, '{');
    for (uint32_t c = 0; c < chunk->n_cols && !out->failed; c++) {
        size_t before = out->size;
        const char *name = input && c < input->n_cols ? input->cols[c].name : NULL;
        if (!chunk->cols[c].data) continue; /* nobody reads it */
        if (!is_first) strbuf_putc(out, ',');
        json_write_string(out, name ? name : "", name ? strlen(name) : 0);
        strbuf_putc(out, ':');
        json_write_value(out, &chunk->cols[c], row);
        if (out->size > LETTER_BYTES_MAX && !out->failed) {
            out->size = before;
            strbuf_puts(out, is_first ? "\"...\":null" : ",\"...\":null");
            break;
        }
        is_first = false;
    }
    strbuf_putc(out, '}');
}

static void add_letter(struct rowset *set, const struct op *op, const struct step *step,
                       const struct relation_runtime *runtime, int64_t weight, const char *row)
{
    rowset_int(set, (int64_t)step->number);
    rowset_int(set, step->time_us / 1000);
    rowset_text(set, runtime ? runtime->relation->name : NULL);
    rowset_text(set, op->cls->name);
    rowset_int(set, weight);
    rowset_text(set, row);
}

static laminar_status take_rows(void *ctx, const struct op *op, const struct step *step,
                                const struct plan *input, const struct chunk *chunk,
                                const uint8_t *bits)
{
    struct dead_letters *letters = ctx;
    const struct relation_runtime *first = sharing_next_user(op, NULL);
    laminar_status status;
    struct strbuf text = {0};
    struct batch *batch = NULL;
    struct rowset set;
    TRY(rowset_init(&set, letters->schema, step->err));
    for (uint32_t row = 0; row < chunk->n_rows; row++) {
        if (!bitmap_get(bits, row)) continue;
        print_row(&text, input, chunk, row);
        if (text.failed) TRY(error_oom(step->err));
        int64_t weight = chunk->weights ? chunk->weights[row] : 1;
        const struct relation_runtime *runtime = first;
        do {
            add_letter(&set, op, step, runtime, weight, text.data);
        } while (op->n_parts > 1 && (runtime = sharing_next_user(op, runtime)));
    }
    TRY(rowset_finish(&set, &batch, step->err));
    batch->time_us = step->time_us;
    status = state_log_append(letters->log, batch, step->err);
done:
    batch_unref(batch);
    rowset_deinit(&set);
    strbuf_deinit(&text);
    return status;
}

laminar_status dead_letters_create(struct database *db, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct retention retention = {.kind = RETAIN_ROWS, .amount = DEAD_LETTERS_KEPT};
    struct dead_letters *letters = mem_calloc(1, sizeof *letters);
    if (!letters) return error_oom(err);
    letters->taker = (struct bad_row_taker){take_rows, letters};
    letters->schema = schema_create(letter_columns, ARRAY_LENGTH(letter_columns));
    if (!letters->schema) TRY(error_oom(err));
    TRY(state_log_create("dead letters", letters->schema, retention, &db->account, &letters->log,
                         err));
    db->dead_letters = letters;
    return LAMINAR_OK;
done:
    dead_letters_free(letters);
    return status;
}

void dead_letters_free(struct dead_letters *letters)
{
    if (!letters) return;
    if (letters->log) {
        struct state *state = state_log_base(letters->log);
        state->cls->free(state);
    }
    schema_unref(letters->schema);
    mem_free(letters);
}

const struct bad_row_taker *dead_letters_taker(const struct dead_letters *letters)
{
    return letters ? &letters->taker : NULL;
}

struct state *dead_letters_state(struct dead_letters *letters)
{
    return state_log_base(letters->log);
}

void dead_letters_fill(struct database *db, struct rowset *set)
{
    struct dead_letters *letters = db->dead_letters;
    enum { N = ARRAY_LENGTH(letter_columns) };
    struct state_snapshot *snapshot = NULL;
    struct column scratch[N] = {0};
    struct vector cols[N];
    struct chunk chunk;
    uint64_t cursor = 0;
    laminar_status status;
    TRY(state_freeze(dead_letters_state(letters), &snapshot, NULL));
    for (uint32_t c = 0; c < N; c++) TRY(column_init(&scratch[c], letter_columns[c].type, NULL));
    for (;;) {
        TRY(state_log_snapshot_next(snapshot, &cursor, cols, scratch, &chunk, NULL));
        if (chunk.n_rows == 0) break;
        for (uint32_t c = 0; c < N; c++)
            TRY(column_append(&set->columns[c], &cols[c], 0, chunk.n_rows, STRINGS_COPY, NULL));
    }
done:
    if (status != LAMINAR_OK) set->status = status;
    for (uint32_t c = 0; c < N; c++) column_deinit(&scratch[c]);
    state_release(snapshot);
}
