/* exec_test.c - see exec_test.h. */
#include "exec_test.h"
#include "base/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)

/* --- Rows ------------------------------------------------------------------------------------------------------------------------------------ */

void rows_init(struct rows *rows, const struct data_type *types, uint32_t n_cols)
{
    *rows = (struct rows){.n_cols = n_cols, .cols = mem_calloc(n_cols + 1, sizeof(struct column))};
    for (uint32_t i = 0; i < n_cols; i++) OK(column_init(&rows->cols[i], types[i], NULL));
    OK(column_init(&rows->weights, TYPE(INT64), NULL));
}
void rows_deinit(struct rows *rows)
{
    for (uint32_t i = 0; i < rows->n_cols; i++) column_deinit(&rows->cols[i]);
    column_deinit(&rows->weights);
    mem_free(rows->cols);
    *rows = (struct rows){0};
}
void rows_clear(struct rows *rows)
{
    for (uint32_t i = 0; i < rows->n_cols; i++) column_clear(&rows->cols[i]);
    column_clear(&rows->weights);
    rows->has_weights = false;
}
size_t rows_n(const struct rows *rows) { return rows->n_cols ? rows->cols[0].n : rows->weights.n; }

void rows_add_text(struct rows *rows, uint32_t col, const char *text)
{
    struct column *c = &rows->cols[col];
    if (strcmp(text, "NULL") == 0) {
        OK(column_append_null(c, 1, NULL));
        return;
    }
    if (type_phys(c->vec.type) == PHYS_STRING) {
        OK(column_append_string(c, text, strlen(text), NULL));
        return;
    }
    _Alignas(16) uint8_t value[16] = {0};
    assert_int_equal(text_parse_value(c->vec.type, text, strlen(text), value), PARSE_OK);
    OK(column_append_value(c, value, NULL));
}
void rows_add(struct rows *rows, int64_t weight, const char *const *values)
{
    for (uint32_t i = 0; i < rows->n_cols; i++) rows_add_text(rows, i, values[i]);
    OK(column_append_value(&rows->weights, &weight, NULL));
    rows->has_weights |= weight != 1;
}
void rows_add_i64(struct rows *rows, uint32_t col, int64_t value)
{
    struct column *c = &rows->cols[col];
    int32_t small = (int32_t)value;
    double real = (double)value;
    switch (type_phys(c->vec.type)) {
    case PHYS_F64: OK(column_append_value(c, &real, NULL)); break;
    case PHYS_I32: OK(column_append_value(c, &small, NULL)); break;
    default: OK(column_append_value(c, &value, NULL)); break;
    }
}
void rows_add_null(struct rows *rows, uint32_t col)
{
    OK(column_append_null(&rows->cols[col], 1, NULL));
}

void rows_append(struct rows *rows, const struct chunk *chunk)
{
    int64_t one = 1;
    for (uint32_t i = 0; i < rows->n_cols; i++)
        OK(column_append(&rows->cols[i], &chunk->cols[i], 0, chunk->n_rows, STRINGS_COPY, NULL));
    for (size_t i = 0; i < chunk->n_rows; i++)
        OK(column_append_value(&rows->weights, chunk->weights ? &chunk->weights[i] : &one, NULL));
    rows->has_weights |= chunk->weights != NULL;
}

struct chunk rows_chunk(const struct rows *rows, size_t from, size_t n, struct rows *into,
                        struct vector *vecs)
{
    rows_clear(into);
    for (uint32_t i = 0; i < rows->n_cols; i++) {
        OK(column_append(&into->cols[i], &rows->cols[i].vec, from, n, STRINGS_BORROW, NULL));
        vecs[i] = into->cols[i].vec;
    }
    struct chunk chunk = {.n_rows = (uint32_t)n, .n_cols = rows->n_cols, .cols = vecs};
    if (rows->has_weights) {
        OK(column_append(&into->weights, &rows->weights.vec, from, n, STRINGS_BORROW, NULL));
        chunk.weights = into->weights.vec.data;
    }
    return chunk;
}

void random_value(struct rng *rng, struct column *col, unsigned null_percent)
{
    if (rng_below(rng, 100) < null_percent) {
        OK(column_append_null(col, 1, NULL));
        return;
    }
    struct data_type type = col->vec.type;
    if (type.id == LAMINAR_TYPE_LIST) {
        size_t first = col->children[0].n, n = rng_below(rng, 3);
        for (size_t i = 0; i < n; i++) random_value(rng, &col->children[0], null_percent);
        OK(column_append_list(col, first, NULL));
        return;
    }
    if (type_phys(type) == PHYS_STRING) {
        char text[64];
        size_t k = rng_below(rng, 40);
        int n = snprintf(text, sizeof text, k % 3 == 0 ? "a rather long string number %zu" : "s%zu",
                         k);
        OK(column_append_string(col, text, (size_t)n, NULL));
        return;
    }
    if (type_is_float(type)) {
        static const double special[] = {0.0, -0.0, 0.0 / 0.0, 1e300, -1e300, 0.5};
        double value = rng_below(rng, 4) == 0 ? special[rng_below(rng, 6)]
                                              : (double)(int64_t)rng_below(rng, 40) - 20;
        float narrow = (float)value;
        OK(column_append_value(
            col, type.id == LAMINAR_TYPE_FLOAT ? (void *)&narrow : (void *)&value, NULL));
        return;
    }
    _Alignas(16) uint8_t value[16] = {0};
    int64_t k = (int64_t)rng_below(rng, 40);
    if (type.id == LAMINAR_TYPE_BOOL)
        k &= 1;
    else if (!type_is_unsigned(type) && type.id != LAMINAR_TYPE_UUID &&
             type.id != LAMINAR_TYPE_INTERVAL)
        k -= 20;
    memcpy(value, &k, 8);
    if (type.id == LAMINAR_TYPE_DECIMAL && k < 0) memset(value + 8, 0xFF, 8);
    OK(column_append_value(col, value, NULL));
}

/* --- Bags ------------------------------------------------------------------------------------------------------------------------------------------ */

void row_print(struct strbuf *out, const struct chunk *chunk, size_t row)
{
    for (uint32_t i = 0; i < chunk->n_cols; i++) {
        if (i) strbuf_puts(out, " | ");
        /* -0.0 and 0.0 are the same value */
        const struct vector *v = &chunk->cols[i];
        size_t at = v->shape == VEC_CONST ? 0 : row;
        bool is_zero = vector_is_valid(v, row) &&
                       ((v->type.id == LAMINAR_TYPE_DOUBLE && ((const double *)v->data)[at] == 0) ||
                        (v->type.id == LAMINAR_TYPE_FLOAT && ((const float *)v->data)[at] == 0));
        if (is_zero)
            strbuf_puts(out, "0.0");
        else
            text_print_value(out, v, row);
    }
}
void tally_deinit(struct tally *bag)
{
    const char *key;
    void *value;
    for (size_t i = 0; (value = strmap_next(&bag->map, &i, &key)) != NULL;) mem_free(value);
    strmap_deinit(&bag->map);
    *bag = (struct tally){0};
}
void tally_clear(struct tally *bag) { tally_deinit(bag); }
void tally_add(struct tally *bag, const char *text, int64_t weight)
{
    int64_t *count = strmap_get_z(&bag->map, text);
    if (!count) {
        count = mem_calloc(1, sizeof *count);
        assert_true(strmap_put(&bag->map, text, strlen(text), count));
    }
    *count += weight;
}
void tally_add_chunk(struct tally *bag, const struct chunk *chunk)
{
    struct strbuf text = {0};
    for (size_t i = 0; i < chunk->n_rows; i++) {
        strbuf_clear(&text);
        strbuf_puts(&text, "");
        row_print(&text, chunk, i);
        assert_false(text.failed);
        if (chunk->weights) assert_true(chunk->weights[i] != 0);
        tally_add(bag, text.data ? text.data : "", chunk->weights ? chunk->weights[i] : 1);
    }
    strbuf_deinit(&text);
}
size_t tally_n(const struct tally *bag)
{
    size_t n = 0;
    const char *key;
    int64_t *value;
    for (size_t i = 0; (value = strmap_next(&bag->map, &i, &key)) != NULL;) n += *value != 0;
    return n;
}
void tally_copy(struct tally *to, const struct tally *from)
{
    const char *key;
    int64_t *value;
    tally_clear(to);
    for (size_t i = 0; (value = strmap_next(&from->map, &i, &key)) != NULL;)
        if (*value) tally_add(to, key, *value);
}
static size_t tally_difference(const struct tally *a, const struct tally *b, bool also_common,
                               const char *what)
{
    size_t n = 0;
    const char *key;
    int64_t *value;
    for (size_t i = 0; (value = strmap_next(&a->map, &i, &key)) != NULL;) {
        int64_t *other = strmap_get_z(&b->map, key);
        int64_t y = other ? *other : 0;
        if (*value == y || (!also_common && other)) continue;
        if (n++ < 10)
            fprintf(stderr, "%s: [%s]: %lld and %lld\n", what, key, (long long)*value,
                    (long long)y);
    }
    return n;
}
void assert_tallies_equal(const struct tally *got, const struct tally *want, const char *what)
{
    size_t n = tally_difference(got, want, true, what);
    n += tally_difference(want, got, false, what);
    assert_int_equal(n, 0);
}

/* --- Expressions and plans ----------------------------------------------------------------------------------------------------------------------------- */

struct expr *col_expr(struct arena *arena, uint32_t column, struct data_type type)
{
    struct expr *e = ARENA_NEW(arena, struct expr);
    *e = (struct expr){.kind = EXPR_COLUMN, .type = type, .is_nullable = true, .column = column};
    return e;
}
struct expr *const_expr(struct arena *arena, struct data_type type, const char *text)
{
    struct expr *e = ARENA_NEW(arena, struct expr);
    uint8_t *mem = arena_calloc(arena, 1, 16), *validity = arena_calloc(arena, 1, 1);
    *e = (struct expr){.kind = EXPR_CONST, .type = type};
    e->value = vector_const_null(type, mem, validity);
    if (strcmp(text, "NULL") == 0) return e;
    e->value.validity = NULL;
    char *copy = arena_strndup(arena, text, strlen(text));
    if (type_phys(type) == PHYS_STRING)
        *(struct string_view *)(void *)mem = string_make(copy, strlen(copy));
    else
        assert_int_equal(text_parse_value(type, copy, strlen(copy), mem), PARSE_OK);
    return e;
}
struct expr *cast_expr(struct arena *arena, struct expr *e, struct data_type type)
{
    if (type_equal(e->type, type)) return e;
    struct expr *call = ARENA_NEW(arena, struct expr);
    *call = (struct expr){
        .kind = EXPR_CALL, .type = type, .is_nullable = true, .is_cast = true, .n_args = 1};
    call->args = ARENA_ARRAY(arena, struct expr *, 1);
    call->args[0] = e;
    OK(cast_bind(arena, e->type, type, CAST_EXPLICIT, &call->fn, NULL));
    return call;
}
struct expr *call_expr(struct arena *arena, const char *name, struct expr *const *args,
                       uint32_t n_args)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct data_type types[8];
    const struct vector *constants[8];
    struct expr *e = ARENA_NEW(arena, struct expr);
    for (uint32_t i = 0; i < n_args; i++) {
        types[i] = args[i]->type;
        constants[i] = args[i]->kind == EXPR_CONST ? &args[i]->value : NULL;
    }
    *e = (struct expr){.kind = EXPR_CALL, .is_nullable = true, .n_args = n_args};
    if (function_bind(arena, name, types, n_args, constants, &e->fn, &err) != LAMINAR_OK)
        fail_msg("%s: %s", name, err.message);
    e->type = e->fn->result;
    e->args = ARENA_ARRAY(arena, struct expr *, n_args + 1);
    for (uint32_t i = 0; i < n_args; i++)
        e->args[i] = cast_expr(arena, args[i], e->fn->arg_types[i]);
    return e;
}
struct expr *call1(struct arena *arena, const char *name, struct expr *a)
{
    return call_expr(arena, name, &a, 1);
}
struct expr *call2(struct arena *arena, const char *name, struct expr *a, struct expr *b)
{
    return call_expr(arena, name, (struct expr *[]){a, b}, 2);
}
struct expr *kind_expr(struct arena *arena, enum expr_kind kind, struct data_type type,
                       struct expr *const *args, uint32_t n_args)
{
    struct expr *e = ARENA_NEW(arena, struct expr);
    *e = (struct expr){.kind = kind, .type = type, .is_nullable = true, .n_args = n_args};
    e->args = ARENA_ARRAY(arena, struct expr *, n_args + 1);
    memcpy(e->args, args, n_args * sizeof *args);
    return e;
}
void name_col(struct plan *plan, uint32_t i, struct data_type type)
{
    static const char *const names[] = {"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"};
    plan->cols[i] = (struct plan_column){.name = names[i % 8], .type = type, .is_nullable = true};
}
struct plan *node_plan(struct arena *arena, enum plan_kind kind, struct plan *input,
                       uint32_t n_cols)
{
    struct plan *plan = ARENA_NEW(arena, struct plan);
    *plan = (struct plan){.kind = kind,
                          .n_cols = n_cols,
                          .cols = ARENA_ARRAY(arena, struct plan_column, n_cols + 1),
                          .props = {.time_col = -1}};
    if (input) {
        plan->inputs = ARENA_ARRAY(arena, struct plan *, 1);
        plan->inputs[0] = input;
        plan->n_inputs = 1;
    }
    return plan;
}
struct plan *scan_plan(struct arena *arena, const struct data_type *types, uint32_t n_cols,
                       bool is_append_only, int32_t time_col)
{
    struct plan *plan = node_plan(arena, PLAN_SCAN, NULL, n_cols);
    for (uint32_t i = 0; i < n_cols; i++) name_col(plan, i, types[i]);
    plan->props.is_append_only = is_append_only;
    plan->props.time_col = time_col;
    return plan;
}
struct aggregate_call agg_call(struct arena *arena, const char *name, struct expr *const *args,
                               uint32_t n_args)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct data_type types[8];
    const struct vector *constants[8] = {NULL};
    struct aggregate_call call = {.n_args = n_args,
                                  .args = ARENA_ARRAY(arena, struct expr *, n_args + 1)};
    for (uint32_t i = 0; i < n_args; i++) types[i] = args[i]->type;
    if (aggregate_bind(arena, name, types, n_args, constants, &call.agg, &err) != LAMINAR_OK)
        fail_msg("%s: %s", name, err.message);
    for (uint32_t i = 0; i < n_args; i++)
        call.args[i] = cast_expr(arena, args[i], call.agg->arg_types[i]);
    return call;
}

/* --- Harness ------------------------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status source_process(struct op *op, struct step *step, uint32_t port,
                                     const struct chunk *chunk)
{
    (void)port;
    return op_emit(op, step, chunk);
}
static void source_free(struct op *op)
{
    op_deinit(op);
    mem_free(op);
}
static const struct op_class source_class = {
    .name = "source", .process = source_process, .free = source_free};

static laminar_status on_chunk(void *ctx, struct step *step, const struct chunk *chunk)
{
    (void)step;
    struct harness *h = ctx;
    h->n_chunks++;
    h->n_rows += chunk->n_rows;
    for (size_t i = 0; chunk->weights && i < chunk->n_rows; i++)
        h->n_minus += chunk->weights[i] < 0;
    if (!h->is_recording) return LAMINAR_OK;
    tally_add_chunk(&h->out, chunk);
    tally_add_chunk(&h->step_out, chunk);
    return LAMINAR_OK;
}
static bool wants_retractions(void *ctx)
{
    return !((const struct harness *)ctx)->ignores_retractions;
}
static laminar_status on_finish(void *ctx, struct step *step, int64_t watermark_us)
{
    (void)step;
    ((struct harness *)ctx)->watermark = watermark_us;
    return LAMINAR_OK;
}
static void on_failure(void *ctx, const struct laminar_error *err)
{
    ((struct harness *)ctx)->failure = *err;
}

laminar_status harness_open(struct harness *h, const struct plan *plan, op_create_fn create,
                            enum circuit_mode mode)
{
    laminar_status status;
    *h = (struct harness){.is_recording = true, .watermark = WATERMARK_NONE};
    h->err = h->failure = LAMINAR_ERROR_INIT;
    h->step = (struct step){.zone = "UTC", .err = &h->err};
    if ((status = circuit_create(NULL, &h->circuit, &h->err))) return status;
    circuit_set_spill(h->circuit, circuits_spill);
    h->source = mem_calloc(1, sizeof *h->source);
    if (!h->source) return error_oom(NULL);
    const struct plan *input = plan->inputs[0];
    if (create == op_filter_project_create) input = input->inputs[0];
    if ((status = op_init(h->source, &source_class, h->circuit, input, 1, &h->err))) {
        source_free(h->source);
        return status;
    }
    if ((status = circuit_add_op(h->circuit, h->source, NULL, &h->err))) return status;
    if ((status = create(h->circuit, plan, mode, &h->op, &h->err))) return status;
    if ((status = circuit_add_op(h->circuit, h->op, &h->source, &h->err))) return status;
    struct output_callbacks callbacks = {.on_chunk = on_chunk,
                                         .on_finish = on_finish,
                                         .on_failure = on_failure,
                                         .wants_retractions = wants_retractions,
                                         .ctx = h};
    return circuit_add_output(h->circuit, h->op, &callbacks, &h->output, &h->err);
}
void harness_close(struct harness *h)
{
    circuit_free(h->circuit);
    tally_deinit(&h->out);
    tally_deinit(&h->step_out);
    h->circuit = NULL;
}
void harness_restart(struct harness *h, const struct plan *plan, op_create_fn create,
                     enum circuit_mode mode)
{
    struct harness old = *h;
    OK(harness_open(h, plan, create, mode));
    copy_states(old.op, h->op);
    check_states(h->op);
    h->out = old.out;
    h->step = old.step;
    h->step.err = &h->err;
    h->is_recording = old.is_recording;
    h->n_rows = old.n_rows, h->n_minus = old.n_minus, h->n_chunks = old.n_chunks;
    h->late_rows = old.late_rows + old.op->late_rows;
    old.out = (struct tally){0};
    circuit_free(old.circuit);
    tally_deinit(&old.step_out);
}
void harness_push(struct harness *h, const struct chunk *chunk)
{
    for (size_t at = 0; at < chunk->n_rows; at += CHUNK_ROWS)
        OK(circuit_push(h->circuit, &h->step, h->source, chunk));
}
void harness_watermark(struct harness *h, int64_t watermark_us)
{
    circuit_set_watermark(h->circuit, h->source, watermark_us);
}
void harness_finish(struct harness *h)
{
    /* what process emitted before was added to `out` all the same */
    if (h->is_recording) tally_clear(&h->step_out);
    circuit_finish_step(h->circuit, &h->step);
    h->step.number++;
    h->step.time_us += 1000;
}
void harness_finish_last(struct harness *h)
{
    h->step.is_last = true;
    harness_finish(h);
}

/* --- Snapshots -------------------------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status sink_write(struct state_sink *sink, uint32_t kind, uint64_t page,
                                 uint64_t version, const void *data, size_t size,
                                 struct laminar_error *err)
{
    struct pieces *pieces = CONTAINER_OF(sink, struct pieces, sink);
    struct piece piece = {kind, page, version, mem_alloc(size), size};
    if (!piece.data) return error_oom(err);
    memcpy(piece.data, data, size);
    if (ARRAY_PUSH(&pieces->items, piece)) return LAMINAR_OK;
    mem_free(piece.data);
    return error_oom(err);
}
static laminar_status source_read(struct state_source *source, uint32_t *kind, uint64_t *page,
                                  const void **data, size_t *size, struct laminar_error *err)
{
    (void)err;
    struct pieces *pieces = CONTAINER_OF(source, struct pieces, source);
    if (pieces->next == pieces->items.n) {
        *size = 0;
        return LAMINAR_OK;
    }
    const struct piece *piece = &pieces->items.items[pieces->next++];
    *kind = piece->kind, *page = piece->page, *data = piece->data, *size = piece->size;
    return LAMINAR_OK;
}
void pieces_init(struct pieces *pieces)
{
    *pieces = (struct pieces){.sink = {.write = sink_write}, .source = {.read = source_read}};
}
void pieces_deinit(struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->items.n; i++) mem_free(pieces->items.items[i].data);
    ARRAY_DEINIT(&pieces->items);
}
static int by_place(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    return (x->page > y->page) - (x->page < y->page);
}
void pieces_rewind(struct pieces *pieces)
{
    qsort(pieces->items.items, pieces->items.n, sizeof(struct piece), by_place);
    pieces->next = 0;
}
void copy_states(struct op *from, struct op *to)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(from->states.n, to->states.n);
    for (size_t i = 0; i < from->states.n; i++) {
        struct state_snapshot *snapshot;
        struct pieces pieces;
        pieces_init(&pieces);
        OK(state_freeze(from->states.items[i], &snapshot, &err));
        OK(state_write(snapshot, &pieces.sink, &err));
        state_release(snapshot);
        pieces_rewind(&pieces);
        if (state_restore(to->states.items[i], &pieces.source, &err) != LAMINAR_OK)
            fail_msg("%s", err.message);
        pieces_deinit(&pieces);
    }
    if (to->cls->restored) OK(to->cls->restored(to, &err));
}
void check_states(const struct op *op)
{
    for (size_t i = 0; i < op->states.n; i++)
        assert_true(op->states.items[i]->cls->check(op->states.items[i]));
}

/* --- Spilling ------------------------------------------------------------------------------------------------------------------------------------------- */

struct spill_policy *circuits_spill;

static size_t test_excess(struct spill_policy *base)
{
    struct test_policy *policy = (struct test_policy *)base;
    int64_t bytes = atomic_load(&policy->account.bytes);
    if (policy->budget == 0) return SIZE_MAX;
    return bytes > policy->budget ? (size_t)(bytes - policy->budget) : 0;
}
static laminar_status test_file(struct spill_policy *base, struct spill **out,
                                struct laminar_error *err)
{
    (void)err;
    *out = spill_ref(((struct test_policy *)base)->spill);
    return LAMINAR_OK;
}

void open_policy(struct test_policy *policy, char *folder)
{
    char path[100];
    *policy = (struct test_policy){.base = {test_excess, test_file}};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state", folder);
    assert_int_equal(spill_create(path, &policy->spill, NULL), LAMINAR_OK);
}
void close_policy(struct test_policy *policy, const char *folder)
{
    assert_int_equal(spill_bytes(policy->spill), 0); /* all was given back */
    assert_int_equal(atomic_load(&policy->account.bytes), 0);
    spill_unref(policy->spill);
    assert_int_equal(rmdir(folder), 0); /* the file has no name */
}
