/* law.c - see law.h. */
#include "law.h"
#include "base/error.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

struct arena test_arena;

int arena_setup(void **state)
{
    (void)state;
    test_arena = (struct arena){0};
    return 0;
}

int arena_teardown(void **state)
{
    (void)state;
    arena_deinit(&test_arena);
    return 0;
}

/* --- Bags of text ---------------------------------------------------------------------------------------------------------------------- */

static uint64_t text_hash(const char *text)
{
    uint64_t hash = 1469598103934665603ULL;
    for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 1099511628211ULL;
    return hash ^ hash >> 29;
}

static void bag_grow(struct bag *bag)
{
    size_t n_slots = bag->n_slots ? bag->n_slots * 2 : 64;
    free(bag->slots);
    bag->slots = calloc(n_slots, sizeof *bag->slots);
    bag->n_slots = n_slots;
    for (size_t e = 0; e < bag->entries.n; e++) {
        size_t i = text_hash(bag->entries.items[e].text) & (n_slots - 1);
        while (bag->slots[i]) i = (i + 1) & (n_slots - 1);
        bag->slots[i] = (uint32_t)e + 1;
    }
}

static struct bag_entry *bag_find(const struct bag *bag, const char *text)
{
    if (!bag->n_slots) return NULL;
    for (size_t i = text_hash(text) & (bag->n_slots - 1); bag->slots[i];
         i = (i + 1) & (bag->n_slots - 1))
        if (strcmp(bag->entries.items[bag->slots[i] - 1].text, text) == 0)
            return &bag->entries.items[bag->slots[i] - 1];
    return NULL;
}

void bag_add(struct bag *bag, const char *text, int64_t weight)
{
    struct bag_entry *entry = bag_find(bag, text);
    if (entry) {
        entry->weight += weight;
        return;
    }
    if ((bag->entries.n + 1) * 2 > bag->n_slots) bag_grow(bag);
    if (bag->entries.n == bag->entries.capacity) {
        bag->entries.capacity = bag->entries.capacity ? bag->entries.capacity * 2 : 64;
        bag->entries.items = realloc(bag->entries.items,
                                     bag->entries.capacity * sizeof *bag->entries.items);
    }
    bag->entries.items[bag->entries.n++] = (struct bag_entry){strdup(text), weight};
    size_t i = text_hash(text) & (bag->n_slots - 1);
    while (bag->slots[i]) i = (i + 1) & (bag->n_slots - 1);
    bag->slots[i] = (uint32_t)bag->entries.n;
}

void bag_deinit(struct bag *bag)
{
    for (size_t i = 0; i < bag->entries.n; i++) free(bag->entries.items[i].text);
    free(bag->entries.items);
    free(bag->slots);
    *bag = (struct bag){0};
}

static int differences(const struct bag *a, const struct bag *b, const char *what,
                       bool only_missing)
{
    int n = 0;
    for (size_t i = 0; i < a->entries.n && n < 8; i++) {
        struct bag_entry *other = bag_find(b, a->entries.items[i].text);
        if (only_missing && other) continue;
        int64_t weight = other ? other->weight : 0;
        if (weight == a->entries.items[i].weight) continue;
        fprintf(stderr, "  %s %lld, else %lld: %s\n", what, (long long)a->entries.items[i].weight,
                (long long)weight, a->entries.items[i].text);
        n++;
    }
    return n;
}

bool bag_equal(const struct bag *got, const struct bag *wanted)
{
    return differences(got, wanted, "got", false) + differences(wanted, got, "wanted", true) == 0;
}

int64_t bag_weight(const struct bag *bag, const char *text)
{
    struct bag_entry *entry = bag_find(bag, text);
    return entry ? entry->weight : 0;
}

uint64_t law_next(struct law_random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* --- Values ------------------------------------------------------------------------------------------------------------------------------ */

struct data_type law_data_type(enum law_type type)
{
    struct data_type list;
    switch (type) {
    case LAW_INT: return TYPE(INT64);
    case LAW_INT32: return TYPE(INT32);
    case LAW_DOUBLE: return TYPE(DOUBLE);
    case LAW_TEXT: return TYPE(VARCHAR);
    case LAW_TIME: return type_timestamp(UNIT_MICRO);
    case LAW_LIST: return type_list(TYPE(INT64), &list, NULL) == LAMINAR_OK ? list : TYPE(NULL);
    }
    return TYPE(NULL);
}

/* Every third text is too long to be inline. */
static void value_string(int64_t v, char *out, size_t size)
{
    snprintf(out, size, v % 3 == 0 ? "a rather long text with the number %lld" : "t%lld",
             (long long)v);
}

static void value_text(enum law_type type, int64_t v, char *out, size_t size)
{
    if (v == LAW_NULL)
        snprintf(out, size, "NULL");
    else if (type == LAW_DOUBLE)
        snprintf(out, size, "%.1f", (double)v / 2);
    else if (type == LAW_TEXT)
        value_string(v, out, size);
    else if (type == LAW_LIST)
        snprintf(out, size, "[%lld, %lld]", (long long)v, (long long)v);
    else
        snprintf(out, size, "%lld", (long long)v);
}

void law_row_text(const enum law_type *types, uint32_t n_cols, const struct law_row *row, char *out,
                  size_t size)
{
    size_t n = 0;
    for (uint32_t c = 0; c < n_cols; c++) {
        char text[100];
        value_text(types[c], row->values[c], text, sizeof text);
        n += (size_t)snprintf(out + n, size - n, c ? "|%s" : "%s", text);
    }
}

void law_append(struct column *col, enum law_type type, int64_t v)
{
    char text[100];
    double half = (double)v / 2;
    int32_t narrow = (int32_t)v;
    laminar_status status = LAMINAR_OK;
    if (v == LAW_NULL)
        status = column_append_null(col, 1, NULL);
    else if (type == LAW_TEXT) {
        value_string(v, text, sizeof text);
        status = column_append_string(col, text, strlen(text), NULL);
    } else if (type == LAW_LIST) {
        size_t first = col->children[0].n;
        assert_int_equal(column_append_value(&col->children[0], &v, NULL), LAMINAR_OK);
        assert_int_equal(column_append_value(&col->children[0], &v, NULL), LAMINAR_OK);
        status = column_append_list(col, first, NULL);
    } else
        status = column_append_value(col,
                                     type == LAW_DOUBLE  ? (void *)&half
                                     : type == LAW_INT32 ? (void *)&narrow
                                                         : (void *)&v,
                                     NULL);
    assert_int_equal(status, LAMINAR_OK);
}

static void vector_text(const struct vector *v, size_t row, char *out, size_t size)
{
    size_t i = v->shape == VEC_CONST ? 0 : row;
    if (!vector_is_valid(v, row)) {
        snprintf(out, size, "NULL");
        return;
    }
    switch (type_phys(v->type)) {
    case PHYS_I64: snprintf(out, size, "%lld", (long long)((const int64_t *)v->data)[i]); break;
    case PHYS_I32: snprintf(out, size, "%d", ((const int32_t *)v->data)[i]); break;
    case PHYS_F64: snprintf(out, size, "%.1f", ((const double *)v->data)[i]); break;
    case PHYS_STRING: {
        const struct string_view *view = &((const struct string_view *)v->data)[i];
        snprintf(out, size, "%.*s", (int)view->size, string_data(view));
        break;
    }
    case PHYS_LIST: {
        const struct list_entry *entry = &((const struct list_entry *)v->data)[i];
        const int64_t *items = v->children[0].data;
        assert_int_equal(entry->length, 2);
        snprintf(out, size, "[%lld, %lld]", (long long)items[entry->offset],
                 (long long)items[entry->offset + 1]);
        break;
    }
    default: fail();
    }
}

/* --- Rig --------------------------------------------------------------------------------------------------------------------------------- */

void law_chunk_add(struct bag *bag, const struct chunk *chunk, bool *has_negative)
{
    for (uint32_t i = 0; i < chunk->n_rows; i++) {
        char text[1000];
        size_t n = 0;
        text[0] = 0;
        for (uint32_t c = 0; c < chunk->n_cols; c++) {
            char value[100];
            vector_text(&chunk->cols[c], i, value, sizeof value);
            n += (size_t)snprintf(text + n, sizeof text - n, c ? "|%s" : "%s", value);
        }
        int64_t weight = chunk->weights ? chunk->weights[i] : 1;
        assert_true(weight != 0);
        if (has_negative) *has_negative |= weight < 0;
        bag_add(bag, text, weight);
    }
}

static laminar_status on_chunk(void *ctx, struct step *step, const struct chunk *chunk)
{
    struct law_rig *rig = ctx;
    (void)step;
    rig->n_out += chunk->n_rows;
    if (rig->keeps_net) law_chunk_add(&rig->net, chunk, &rig->has_negative);
    return LAMINAR_OK;
}

static laminar_status on_finish(void *ctx, struct step *step, int64_t watermark_us)
{
    (void)step;
    ((struct law_rig *)ctx)->watermark_us = watermark_us;
    return LAMINAR_OK;
}

static void on_failure(void *ctx, const struct laminar_error *err)
{
    ((struct law_rig *)ctx)->err = *err;
}

struct plan *law_plan(struct arena *arena, enum plan_kind kind, uint32_t n_inputs)
{
    struct plan *plan = ARENA_NEW(arena, struct plan);
    plan->kind = kind;
    plan->n_inputs = n_inputs;
    plan->inputs = ARENA_ARRAY(arena, struct plan *, n_inputs);
    plan->props.time_col = -1;
    return plan;
}

void law_scan_plans(struct arena *arena, struct law_spec *spec)
{
    for (uint32_t p = 0; p < spec->n_ports; p++) {
        struct plan *scan = law_plan(arena, PLAN_SCAN, 0);
        scan->n_cols = spec->ports[p].n_cols;
        scan->cols = ARENA_ARRAY(arena, struct plan_column, scan->n_cols);
        scan->scan_cols = ARENA_ARRAY(arena, uint32_t, scan->n_cols);
        for (uint32_t c = 0; c < scan->n_cols; c++) {
            scan->cols[c] = (struct plan_column){
                .name = "c", .type = law_data_type(spec->ports[p].types[c]), .is_nullable = true};
            scan->scan_cols[c] = c;
        }
        scan->props.is_append_only = spec->is_append_only[p];
        scan->props.time_col = spec->ports[p].time_col;
        spec->plan->inputs[p] = scan;
    }
}

void law_output(struct arena *arena, struct law_spec *spec, uint32_t n_ports)
{
    struct plan *plan = spec->plan;
    plan->n_cols = 0;
    plan->cols = ARENA_ARRAY(arena, struct plan_column, LAW_COLS_MAX * LAW_PORTS_MAX);
    for (uint32_t p = 0; p < n_ports; p++)
        for (uint32_t c = 0; c < plan->inputs[p]->n_cols; c++)
            plan->cols[plan->n_cols++] = plan->inputs[p]->cols[c];
}

laminar_status law_rig_try_init(struct law_rig *rig, const struct law_spec *spec,
                                enum circuit_mode mode)
{
    struct output_callbacks callbacks = {
        .on_chunk = on_chunk, .on_finish = on_finish, .on_failure = on_failure, .ctx = rig};
    laminar_status status;
    *rig = (struct law_rig){
        .keeps_net = true, .err = LAMINAR_ERROR_INIT, .watermark_us = WATERMARK_NONE};
    TRY(circuit_create(NULL, &rig->circuit, &rig->err));
    circuit_set_spill(rig->circuit, circuits_spill);
    for (uint32_t p = 0; p < spec->n_ports; p++) {
        TRY(op_scan_create(rig->circuit, spec->plan->inputs[p], mode, &rig->scans[p], &rig->err));
        TRY(circuit_add_op(rig->circuit, rig->scans[p], NULL, &rig->err));
    }
    TRY(spec->create(rig->circuit, spec->plan, mode, &rig->op, &rig->err));
    TRY(circuit_add_op(rig->circuit, rig->op, spec->n_ports ? rig->scans : NULL, &rig->err));
    TRY(circuit_add_output(rig->circuit, rig->op, &callbacks, &rig->output, &rig->err));
done:
    return status;
}

void law_rig_init(struct law_rig *rig, const struct law_spec *spec, enum circuit_mode mode)
{
    laminar_status status = law_rig_try_init(rig, spec, mode);
    if (status != LAMINAR_OK) fprintf(stderr, "%s\n", rig->err.message);
    assert_int_equal(status, LAMINAR_OK);
}

void law_rig_deinit(struct law_rig *rig)
{
    circuit_free(rig->circuit);
    bag_deinit(&rig->net);
}

void law_push(struct law_rig *rig, const struct law_spec *spec, uint32_t port,
              const struct law_row *rows, const int64_t *weights, size_t n, size_t cut)
{
    struct column cols[LAW_COLS_MAX];
    struct vector vecs[LAW_COLS_MAX];
    uint32_t n_cols = spec->ports[port].n_cols;
    struct step step = {.number = rig->n_steps, .err = NULL};
    if (getenv("LAW_TRACE")) {
        for (size_t i = 0; i < n; i++) {
            char text[300];
            law_row_text(spec->ports[port].types, spec->ports[port].n_cols, &rows[i], text,
                         sizeof text);
            fprintf(stderr, "step %llu port %u cut %zu: %+lld %s\n",
                    (unsigned long long)rig->n_steps, port, cut, (long long)weights[i], text);
        }
    }
    for (uint32_t c = 0; c < n_cols; c++)
        assert_int_equal(column_init(&cols[c], law_data_type(spec->ports[port].types[c]), NULL),
                         LAMINAR_OK);
    for (size_t from = 0; from < n; from += cut) {
        size_t count = n - from < cut ? n - from : cut;
        bool has_weights = false;
        for (uint32_t c = 0; c < n_cols; c++) {
            column_clear(&cols[c]);
            for (size_t i = 0; i < count; i++)
                law_append(&cols[c], spec->ports[port].types[c], rows[from + i].values[c]);
            vecs[c] = cols[c].vec;
        }
        for (size_t i = 0; i < count; i++) has_weights |= weights[from + i] != 1;
        struct chunk chunk = {.n_rows = (uint32_t)count,
                              .n_cols = n_cols,
                              .cols = vecs,
                              .weights = has_weights ? weights + from : NULL};
        assert_int_equal(circuit_push(rig->circuit, &step, rig->scans[port], &chunk), LAMINAR_OK);
    }
    for (uint32_t c = 0; c < n_cols; c++) column_deinit(&cols[c]);
}

void law_finish(struct law_rig *rig, bool is_last)
{
    struct step step = {.number = rig->n_steps++, .is_last = is_last};
    circuit_finish_step(rig->circuit, &step);
}

/* --- Freezing ---------------------------------------------------------------------------------------------------------------------------- */

struct piece {
    uint32_t kind;
    uint64_t page;
    void *data;
    size_t size;
};
struct piece_list {
    struct state_sink sink;
    struct state_source source;
    struct piece *pieces;
    size_t n, next;
};
struct law_pieces {
    size_t n_states;
    struct state_snapshot *snapshots[8];
    struct piece_list lists[8];
};

static laminar_status keep_piece(struct state_sink *sink, uint32_t kind, uint64_t page,
                                 uint64_t version, const void *data, size_t size,
                                 struct laminar_error *err)
{
    struct piece_list *list = CONTAINER_OF(sink, struct piece_list, sink);
    (void)version;
    (void)err;
    list->pieces = realloc(list->pieces, (list->n + 1) * sizeof *list->pieces);
    struct piece *piece = &list->pieces[list->n++];
    *piece = (struct piece){kind, page, malloc(size), size};
    memcpy(piece->data, data, size);
    return LAMINAR_OK;
}

static laminar_status give_piece(struct state_source *source, uint32_t *kind, uint64_t *page,
                                 const void **data, size_t *size, struct laminar_error *err)
{
    struct piece_list *list = CONTAINER_OF(source, struct piece_list, source);
    (void)err;
    if (list->next == list->n) {
        *size = 0;
        return LAMINAR_OK;
    }
    struct piece *piece = &list->pieces[list->next++];
    *kind = piece->kind;
    *page = piece->page;
    *data = piece->data;
    *size = piece->size;
    return LAMINAR_OK;
}

static void freeze_one(struct law_pieces *pieces, struct state *state)
{
    assert_int_equal(state->cls->freeze(state, &pieces->snapshots[pieces->n_states++], NULL),
                     LAMINAR_OK);
}

struct law_pieces *law_freeze_state(struct state *state)
{
    struct law_pieces *pieces = calloc(1, sizeof *pieces);
    freeze_one(pieces, state);
    return pieces;
}

struct law_pieces *law_freeze(struct op *op)
{
    struct law_pieces *pieces = calloc(1, sizeof *pieces);
    for (size_t i = 0; i < op->states.n; i++) freeze_one(pieces, op->states.items[i]);
    return pieces;
}

static void restore_one(struct piece_list *list, struct state_snapshot *snapshot, struct state *to)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    list->sink.write = keep_piece;
    list->source.read = give_piece;
    assert_int_equal(state_write(snapshot, &list->sink, NULL), LAMINAR_OK);
    state_release(snapshot);
    laminar_status status = state_restore(to, &list->source, &err);
    if (status != LAMINAR_OK) fprintf(stderr, "%s\n", err.message);
    assert_int_equal(status, LAMINAR_OK);
    assert_true(to->cls->check(to));
    for (size_t k = 0; k < list->n; k++) free(list->pieces[k].data);
    free(list->pieces);
}

void law_restore_state(struct law_pieces *pieces, struct state *to)
{
    restore_one(&pieces->lists[0], pieces->snapshots[0], to);
    free(pieces);
}

laminar_status law_restore_damaged(struct state *from, struct state *to, struct law_random *random)
{
    struct piece_list list = {.sink.write = keep_piece, .source.read = give_piece};
    struct state_snapshot *snapshot;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(state_freeze(from, &snapshot, NULL), LAMINAR_OK);
    assert_int_equal(state_write(snapshot, &list.sink, NULL), LAMINAR_OK);
    state_release(snapshot);
    size_t n_pieces = list.n;
    struct piece *piece = &list.pieces[law_below(random, (int64_t)list.n)];
    switch (law_below(random, 4)) {
    case 0: list.n = (size_t)law_below(random, (int64_t)list.n); break; /* the end is missing */
    case 1: piece->size = (size_t)law_below(random, (int64_t)piece->size) + 1; break;
    default:
        for (int64_t i = law_below(random, 3); i >= 0; i--)
            ((uint8_t *)piece->data)[law_below(random, (int64_t)piece->size)] ^=
                (uint8_t)(1 << law_below(random, 8));
    }
    laminar_status status = state_restore(to, &list.source, &err);
    assert_true(to->cls->check(to));
    if (status != LAMINAR_OK) assert_int_equal(to->n_rows, 0);
    if (status != LAMINAR_OK) assert_int_equal(status, LAMINAR_CHECKPOINT_FAILED);
    for (size_t k = 0; k < n_pieces; k++) free(list.pieces[k].data);
    free(list.pieces);
    return status;
}

void law_restore(struct law_pieces *pieces, struct op *to)
{
    assert_int_equal(pieces->n_states, to->states.n);
    for (size_t i = 0; i < pieces->n_states; i++)
        restore_one(&pieces->lists[i], pieces->snapshots[i], to->states.items[i]);
    if (to->cls->restored) assert_int_equal(to->cls->restored(to, NULL), LAMINAR_OK);
    free(pieces);
}

void law_rig_move(struct law_rig *rig, const struct law_spec *spec)
{
    struct law_rig old = *rig;
    law_rig_init(rig, spec, CIRCUIT_STREAM);
    law_restore(law_freeze(old.op), rig->op);
    bag_deinit(&rig->net);
    rig->net = old.net;
    rig->n_out = old.n_out;
    rig->has_negative = old.has_negative;
    old.net = (struct bag){0};
    law_rig_deinit(&old);
}

/* --- The law ----------------------------------------------------------------------------------------------------------------------------- */

static void table_add(struct law_table *table, const struct law_row *row, int64_t weight)
{
    for (size_t i = 0; i < table->rows.n; i++) {
        struct law_entry *entry = &table->rows.items[i];
        if (memcmp(entry->row.values, row->values, table->n_cols * sizeof(int64_t)) != 0) continue;
        entry->weight += weight;
        if (entry->weight == 0) *entry = table->rows.items[--table->rows.n];
        return;
    }
    if (table->rows.n == table->rows.capacity) {
        table->rows.capacity = table->rows.capacity ? table->rows.capacity * 2 : 64;
        table->rows.items = realloc(table->rows.items,
                                    table->rows.capacity * sizeof *table->rows.items);
    }
    table->rows.items[table->rows.n++] = (struct law_entry){*row, weight};
}

static void check(const struct law_spec *spec, const struct law_rig *rig,
                  const struct law_table *tables, uint64_t seed, const char *what)
{
    struct bag wanted = {0};
    if (rig->err.code != LAMINAR_OK)
        fail_msg("seed %llu: %s", (unsigned long long)seed, rig->err.message);
    for (size_t i = 0; i < rig->op->states.n; i++)
        if (!rig->op->states.items[i]->cls->check(rig->op->states.items[i]))
            fail_msg("seed %llu: state %zu is inconsistent", (unsigned long long)seed, i);
    if (spec->accept) {
        if (!spec->accept(spec, tables, &rig->net))
            fail_msg("seed %llu, step %llu, %s", (unsigned long long)seed,
                     (unsigned long long)rig->n_steps, what);
        return;
    }
    spec->expect(spec, tables, &wanted);
    bool is_equal = bag_equal(&rig->net, &wanted);
    bag_deinit(&wanted);
    if (!is_equal)
        fail_msg("seed %llu, step %llu, %s", (unsigned long long)seed,
                 (unsigned long long)rig->n_steps, what);
}

static size_t random_delta(const struct law_spec *spec, struct law_random *random,
                           struct law_table *table, uint32_t port, struct law_row *rows,
                           int64_t *weights, size_t n_max)
{
    size_t n = (size_t)law_below(random, (int64_t)n_max + 1);
    for (size_t i = 0; i < n; i++) {
        if (!spec->is_append_only[port] && table->rows.n && law_below(random, 5) < 2) {
            struct law_entry *entry = &table->rows.items[law_below(random, (int64_t)table->rows.n)];
            rows[i] = entry->row;
            weights[i] = law_below(random, 2) ? -1 : -entry->weight;
        } else {
            for (int tries = 0;; tries++) {
                memset(&rows[i], 0, sizeof rows[i]);
                spec->random_row(spec, random, port, &rows[i]);
                if (!spec->may_insert || spec->may_insert(spec, table, port, &rows[i])) break;
                if (tries == 20) return i;
            }
            weights[i] = law_below(random, 8) || spec->may_insert ? 1 : 2;
        }
        table_add(table, &rows[i], weights[i]);
    }
    return n;
}

static void copy_net(struct bag *to, const struct bag *from)
{
    for (size_t i = 0; i < from->entries.n; i++)
        bag_add(to, from->entries.items[i].text, from->entries.items[i].weight);
}

static void run_stream(const struct law_spec *spec, uint64_t seed, struct law_table *tables)
{
    struct law_random random = {seed};
    struct law_rig rig, next;
    struct law_row *rows = calloc(spec->rows_a_step + 1, sizeof *rows);
    int64_t *weights = calloc(spec->rows_a_step + 1, sizeof *weights);
    law_rig_init(&rig, spec, CIRCUIT_STREAM);
    for (uint32_t step = 0; step < spec->n_steps; step++) {
        struct law_pieces *pieces = NULL;
        bool is_frozen = law_below(&random, 6) == 0;
        if (is_frozen) {
            law_rig_init(&next, spec, CIRCUIT_STREAM);
            copy_net(&next.net, &rig.net);
            pieces = law_freeze(rig.op);
        }
        /* The old circuit goes on under the frozen states; the new one gets the same step after the restore. */
        struct {
            struct law_row *rows;
            int64_t *weights;
            size_t n, cut;
            uint32_t port;
        } deltas[LAW_PORTS_MAX * 2];
        size_t n_deltas = 0;
        for (uint32_t k = 0; k < spec->n_ports * 2; k++) {
            uint32_t port = (uint32_t)law_below(&random, spec->n_ports);
            size_t n = random_delta(spec, &random, &tables[port], port, rows, weights,
                                    spec->rows_a_step / 2);
            size_t cut = law_below(&random, 3) == 0
                             ? 1
                             : (size_t)law_below(&random,
                                                 spec->rows_a_step > 40 ? spec->rows_a_step : 40) +
                                   1;
            law_push(&rig, spec, port, rows, weights, n, cut);
            if (!is_frozen) continue;
            deltas[n_deltas].rows = memcpy(malloc(n * sizeof *rows + 1), rows, n * sizeof *rows);
            deltas[n_deltas].weights = memcpy(malloc(n * sizeof *weights + 1), weights,
                                              n * sizeof *weights);
            deltas[n_deltas].n = n;
            deltas[n_deltas].cut = cut;
            deltas[n_deltas++].port = port;
        }
        law_finish(&rig, false);
        check(spec, &rig, tables, seed, "stream");
        if (!is_frozen) continue;
        bool frees_first = law_below(&random, 2);
        if (frees_first) law_rig_deinit(&rig); /* snapshots outlive their table */
        law_restore(pieces, next.op);
        if (!frees_first) law_rig_deinit(&rig);
        for (size_t k = 0; k < n_deltas; k++) {
            law_push(&next, spec, deltas[k].port, deltas[k].rows, deltas[k].weights, deltas[k].n,
                     deltas[k].cut);
            free(deltas[k].rows);
            free(deltas[k].weights);
        }
        law_finish(&next, false);
        check(spec, &next, tables, seed, "restored");
        rig = next;
        struct output_callbacks callbacks = {
            .on_chunk = on_chunk, .on_finish = on_finish, .on_failure = on_failure, .ctx = &rig};
        struct op *output;
        circuit_disconnect(rig.circuit, rig.op, rig.output); /* its context has moved */
        assert_int_equal(circuit_add_output(rig.circuit, rig.op, &callbacks, &output, NULL),
                         LAMINAR_OK);
        rig.output = output;
    }
    law_rig_deinit(&rig);
    free(rows);
    free(weights);
}

static void run_one_shot(const struct law_spec *spec, uint64_t seed, struct law_table *tables)
{
    struct law_rig rig;
    law_rig_init(&rig, spec, CIRCUIT_ONE_SHOT);
    for (uint32_t p = spec->n_ports; p-- > 0;) {
        struct law_row *rows = calloc(tables[p].rows.n + 1, sizeof *rows);
        int64_t *weights = calloc(tables[p].rows.n + 1, sizeof *weights);
        for (size_t i = 0; i < tables[p].rows.n; i++) {
            rows[i] = tables[p].rows.items[i].row;
            weights[i] = tables[p].rows.items[i].weight;
        }
        law_push(&rig, spec, p, rows, weights, tables[p].rows.n, CHUNK_ROWS);
        free(rows);
        free(weights);
    }
    law_finish(&rig, true);
    check(spec, &rig, tables, seed, "one-shot");
    if (rig.has_negative)
        fail_msg("seed %llu: the one-shot form retracts", (unsigned long long)seed);
    law_rig_deinit(&rig);
}

void law_run(const struct law_spec *spec, uint64_t seed)
{
    struct law_table tables[LAW_PORTS_MAX] = {0};
    for (uint32_t p = 0; p < spec->n_ports; p++) {
        tables[p].n_cols = spec->ports[p].n_cols;
        memcpy(tables[p].types, spec->ports[p].types, sizeof tables[p].types);
    }
    run_stream(spec, seed, tables);
    run_one_shot(spec, seed, tables);
    for (uint32_t p = 0; p < spec->n_ports; p++) free(tables[p].rows.items);
}

/* --- Allocations ------------------------------------------------------------------------------------------------------------------------- */

enum { PREPARED_MAX = 12 };
struct prepared { /* a chunk that is ready to be pushed */
    uint32_t port;
    uint32_t n;
    struct column cols[LAW_COLS_MAX];
    struct vector vecs[LAW_COLS_MAX];
    int64_t *weights;
};
struct prepared_steps {
    const struct law_spec *spec;
    struct prepared chunks[PREPARED_MAX];
    size_t n;
};

static void prepare(struct prepared_steps *steps, uint64_t seed, size_t n_chunks)
{
    const struct law_spec *spec = steps->spec;
    struct law_random random = {seed};
    struct law_table tables[LAW_PORTS_MAX] = {0};
    struct law_row *rows = calloc(spec->rows_a_step + 1, sizeof *rows);
    for (uint32_t p = 0; p < spec->n_ports; p++) tables[p].n_cols = spec->ports[p].n_cols;
    for (size_t i = 0; i < n_chunks; i++) {
        struct prepared *chunk = &steps->chunks[steps->n];
        chunk->port = (uint32_t)(i % spec->n_ports);
        chunk->weights = calloc(spec->rows_a_step + 1, sizeof *chunk->weights);
        chunk->n = (uint32_t)random_delta(spec, &random, &tables[chunk->port], chunk->port, rows,
                                          chunk->weights, spec->rows_a_step);
        for (uint32_t c = 0; c < spec->ports[chunk->port].n_cols; c++) {
            enum law_type type = spec->ports[chunk->port].types[c];
            assert_int_equal(column_init(&chunk->cols[c], law_data_type(type), NULL), LAMINAR_OK);
            for (uint32_t r = 0; r < chunk->n; r++)
                law_append(&chunk->cols[c], type, rows[r].values[c]);
            chunk->vecs[c] = chunk->cols[c].vec;
        }
        steps->n++;
    }
    for (uint32_t p = 0; p < spec->n_ports; p++) free(tables[p].rows.items);
    free(rows);
}

static void prepared_deinit(struct prepared_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        for (uint32_t c = 0; c < LAW_COLS_MAX; c++) column_deinit(&steps->chunks[i].cols[c]);
        free(steps->chunks[i].weights);
    }
}

static void push_prepared(struct law_rig *rig, const struct prepared *prepared, uint32_t n_cols)
{
    struct step step = {0};
    struct chunk chunk = {.n_rows = prepared->n,
                          .n_cols = n_cols,
                          .cols = (struct vector *)(uintptr_t)prepared->vecs,
                          .weights = prepared->weights};
    assert_int_equal(circuit_push(rig->circuit, &step, rig->scans[prepared->port], &chunk),
                     LAMINAR_OK);
}

static laminar_status fault_scenario(void *arg)
{
    const struct prepared_steps *steps = arg;
    struct law_rig rig;
    struct state_snapshot *snapshots[8] = {0};
    laminar_status status;
    TRY(law_rig_try_init(&rig, steps->spec, CIRCUIT_STREAM));
    rig.keeps_net = false;
    for (size_t i = 0; i < steps->n && rig.err.code == LAMINAR_OK; i++) {
        push_prepared(&rig, &steps->chunks[i], steps->spec->ports[steps->chunks[i].port].n_cols);
        law_finish(&rig, false);
        for (size_t s = 0; i == steps->n / 2 && s < rig.op->states.n; s++)
            TRY(state_freeze(rig.op->states.items[s], &snapshots[s], NULL));
    }
    status = rig.err.code;
done:
    for (size_t s = 0; s < 8; s++) state_release(snapshots[s]);
    if (status == LAMINAR_OK)
        for (size_t s = 0; s < rig.op->states.n; s++)
            if (!rig.op->states.items[s]->cls->check(rig.op->states.items[s]))
                status = LAMINAR_INTERNAL_ERROR;
    circuit_free(rig.circuit);
    return status;
}

void law_fail_allocations(const struct law_spec *spec, uint64_t seed)
{
    struct prepared_steps steps = {.spec = spec};
    prepare(&steps, seed, 6);
    assert_true(unit_fail_each_allocation(fault_scenario, &steps) > 10);
    prepared_deinit(&steps);
}

void law_steady(const struct law_spec *spec, uint64_t seed)
{
    struct prepared_steps steps = {.spec = spec};
    struct law_rig rig;
    uint64_t before = 0;
    prepare(&steps, seed, spec->n_ports);
    law_rig_init(&rig, spec, CIRCUIT_STREAM);
    rig.keeps_net = false;
    for (int round = 0; round < 60; round++) {
        if (round == 20) before = mem_allocation_count();
        for (int sign = 1; sign >= -1; sign -= 2) {
            for (size_t i = 0; i < steps.n; i++) {
                for (uint32_t r = 0; r < steps.chunks[i].n; r++) steps.chunks[i].weights[r] = sign;
                push_prepared(&rig, &steps.chunks[i], spec->ports[steps.chunks[i].port].n_cols);
            }
            law_finish(&rig, false);
        }
    }
    assert_int_equal(rig.err.code, LAMINAR_OK);
    assert_int_equal(mem_allocation_count() - before, 0);
    for (size_t s = 0; s < rig.op->states.n; s++)
        assert_int_equal(rig.op->states.items[s]->n_rows, 0);
    law_rig_deinit(&rig);
    prepared_deinit(&steps);
}
