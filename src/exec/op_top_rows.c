/* op_top_rows.c - the first rows of each partition of an append-only stream, with their row numbers where those are asked for.
 *
 * Algebra: the rows of a partition stand in the order of the sort keys, then of the whole row, as in op_top_n.c; of each row that is inserted the places behind
 * it move by one, and what is pushed off the last place never comes back, for nothing is taken back. So only rows in a place are kept. At the end of a
 * step what differs comes out: rows that have gone, rows that have come; with row numbers (PLAN_OVER over this) also those whose place is another.
 * State: "rows" (those in a place, one a place) and "groups": for each partition its rows' slots in order, each beside a number that sorts as the first sort key
 * does, so that a row finds its place, or is turned away, without a look at other rows unless that number is the same.
 * What was shown need not be kept: old rows that stay keep their order, and those that went were the last ones.
 * Cost: O(places) a row that gets one, a probe and a comparison for others. Partitions have few places (TOP_PLACES_MAX); for more there is op_top_n.c. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"
#include "exec/state_rows.h"
#include "vector/value_order.h"

enum { GONE_NONE = UINT32_MAX, SCAN_GROUPS = 64 };

/* A partition; behind it the places' numbers (uint64_t), then their slots in "rows" (uint32_t). */
struct top_group {
    uint64_t came; /* places of rows that came in this step: 0 between steps */
    uint32_t n;
    uint32_t n_gone; /* rows that went in this step */
    uint32_t gone;   /* the last one that went: an index of op_top_rows.gone */
    uint32_t pad;
};
struct gone_row {
    uint32_t slot;
    uint32_t next; /* the one that went before: it had a place behind */
};

struct op_top_rows {
    struct op base;
    const struct plan *top; /* the PLAN_TOP_N */
    uint32_t limit;
    uint32_t n_in;
    bool has_numbers; /* columns from n_in on are ROW_NUMBER() */
    bool wants_retractions;
    struct state_hash *groups;
    struct state_rows *rows;
    ARRAY_OF(uint64_t) touched; /* groups */
    ARRAY_OF(struct gone_row) gone;
    struct vector *keys;
    struct column *out_cols;
    struct vector *out_vecs;
    size_t n_out;
    struct top_rows_scratch {
        uint64_t groups[CHUNK_ROWS];
        uint8_t *payloads[CHUNK_ROWS];
        uint64_t order[CHUNK_ROWS];
        uint32_t sel[CHUNK_ROWS];
        uint32_t slots[CHUNK_ROWS];
        /* what comes out */
        uint32_t out_slots[CHUNK_ROWS];
        int64_t weights[CHUNK_ROWS];
        int64_t numbers[CHUNK_ROWS];
    } * scratch;
};

static uint64_t *group_order(struct top_group *group) { return (uint64_t *)(void *)(group + 1); }
static uint32_t *group_slots(const struct op_top_rows *top, struct top_group *group)
{
    return (uint32_t *)(void *)(group_order(group) + top->limit);
}

/* --- Order ------------------------------------------------------------------------------------------------------------------------------- */

#define ORDER_LOOP(T, expression)                                                                  \
    do {                                                                                           \
        const T *in = v->data;                                                                     \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = in[i & mask];                                                                    \
            order[i] = (expression) ^ flip;                                                        \
        }                                                                                          \
    } while (0)
#define SIGNED_ORDER ((uint64_t)(int64_t)x ^ (uint64_t)1 << 63)

static uint64_t wide_order(int128 x)
{
    int64_t clamped = x > INT64_MAX ? INT64_MAX : x < INT64_MIN ? INT64_MIN : (int64_t)x;
    return (uint64_t)clamped ^ (uint64_t)1 << 63;
}

static uint64_t text_order(const struct string_view *view)
{
    uint8_t bytes[8] = {0};
    memcpy(bytes, string_data(view), view->size < 8 ? view->size : 8);
    return load_u64_big(bytes);
}

/* order[i] < order[k] only where row i comes before row k; where they are the same the rows decide. */
static void order_numbers(const struct sort_key *key, const struct vector *v, size_t n,
                          uint64_t *order)
{
    uint64_t flip = key->is_descending ? UINT64_MAX : 0;
    size_t mask = v->shape == VEC_CONST ? 0 : SIZE_MAX;
    switch (type_phys(v->type)) {
    case PHYS_BOOL:
    case PHYS_U8: ORDER_LOOP(uint8_t, (uint64_t)x); break;
    case PHYS_U16: ORDER_LOOP(uint16_t, (uint64_t)x); break;
    case PHYS_U32: ORDER_LOOP(uint32_t, (uint64_t)x); break;
    case PHYS_U64: ORDER_LOOP(uint64_t, x); break;
    case PHYS_I8: ORDER_LOOP(int8_t, SIGNED_ORDER); break;
    case PHYS_I16: ORDER_LOOP(int16_t, SIGNED_ORDER); break;
    case PHYS_I32: ORDER_LOOP(int32_t, SIGNED_ORDER); break;
    case PHYS_I64: ORDER_LOOP(int64_t, SIGNED_ORDER); break;
    case PHYS_F32: ORDER_LOOP(float, f64_order_bits((double)x)); break;
    case PHYS_F64: ORDER_LOOP(double, f64_order_bits(x)); break;
    case PHYS_I128: ORDER_LOOP(int128, wide_order(x)); break;
    case PHYS_STRING: ORDER_LOOP(struct string_view, text_order(&x)); break;
    case PHYS_INTERVAL:
    case PHYS_UUID:
    case PHYS_LIST:
    case PHYS_STRUCT:
    case PHYS_NULL: memset(order, 0, n * sizeof *order); break;
    }
    uint64_t null = key->is_nulls_first ? 0 : UINT64_MAX;
    for (size_t i = 0; v->validity && i < n; i++)
        if (!vector_is_valid(v, i)) order[i] = null;
}

/* Intervals that are equally long are told apart, as everything is that can be. */
static int compare_col(const struct row_layout *layout, uint32_t col, const uint8_t *a,
                       const uint8_t *b)
{
    int order = row_compare_col(layout, col, a, b);
    if (order || layout->cols[col].phys != PHYS_INTERVAL) return order;
    uint32_t offset = layout->cols[col].offset;
    return memcmp(a + offset, b + offset, layout->cols[col].width);
}

static int compare_rows(const struct op_top_rows *top, uint32_t slot_a, uint32_t slot_b)
{
    const struct row_layout *layout = &top->rows->layout;
    const uint8_t *a = state_rows_at(top->rows, slot_a), *b = state_rows_at(top->rows, slot_b);
    for (uint32_t k = 0; k < top->top->n_sort; k++) {
        const struct sort_key *key = &top->top->sort[k];
        bool has_a = row_is_valid(layout, a, key->column),
             has_b = row_is_valid(layout, b, key->column);
        if (has_a != has_b) return has_a == key->is_nulls_first ? 1 : -1;
        int order = compare_col(layout, key->column, a, b);
        if (order) return key->is_descending ? -order : order;
    }
    for (uint32_t c = 0; c < layout->n_cols; c++) {
        int order = compare_col(layout, c, a, b);
        if (order) return order;
    }
    return 0;
}

/* --- Taking rows in ---------------------------------------------------------------------------------------------------------------------- */

/* The row at the last place makes room. One that came in this step was never shown. */
static laminar_status push_out(struct op_top_rows *top, struct top_group *group,
                               struct laminar_error *err)
{
    uint32_t last = group->n - 1, slot = group_slots(top, group)[last];
    if (group->came >> last & 1) {
        laminar_status status = state_rows_drop(top->rows, slot, err);
        if (status) return status;
        group->came &= ~((uint64_t)1 << last);
    } else {
        prefetch_read(state_rows_at(top->rows, slot));
        struct gone_row gone = {slot, group->n_gone++ ? group->gone : GONE_NONE};
        group->gone = (uint32_t)top->gone.n;
        if (!ARRAY_PUSH(&top->gone, gone)) return error_oom(err);
    }
    group->n--;
    return LAMINAR_OK;
}

/* A row that is among the kept ones finds its place, behind rows equal to it, or goes again. */
static laminar_status place_row(struct op_top_rows *top, uint64_t number, struct top_group *group,
                                uint64_t row_order, uint32_t row_slot, struct laminar_error *err)
{
    uint64_t *order = group_order(group);
    uint32_t *slots = group_slots(top, group), at = group->n;
    laminar_status status = LAMINAR_OK;
    while (at > 0 &&
           (row_order < order[at - 1] ||
            (row_order == order[at - 1] && compare_rows(top, row_slot, slots[at - 1]) < 0)))
        at--;
    if (at == top->limit) return state_rows_drop(top->rows, row_slot, err);
    if (!group->came && !ARRAY_PUSH(&top->touched, number)) return error_oom(err);
    if (group->n == top->limit) TRY(push_out(top, group, err));
    memmove(&order[at + 1], &order[at], (group->n - at) * sizeof *order);
    memmove(&slots[at + 1], &slots[at], (group->n - at) * sizeof *slots);
    order[at] = row_order;
    slots[at] = row_slot;
    uint64_t bit = (uint64_t)1 << at, before = group->came & (bit - 1);
    group->came = before | bit | (group->came ^ before) << 1;
    group->n++;
done:
    return status;
}

/* Rows scratch->sel[0..n): they are stored, then placed. */
static laminar_status place_rows(struct op_top_rows *top, const struct chunk *chunk, size_t n,
                                 struct laminar_error *err)
{
    struct top_rows_scratch *scratch = top->scratch;
    laminar_status status = LAMINAR_OK;
    if (n == 0) return LAMINAR_OK;
    TRY(state_rows_add(top->rows, chunk->cols, scratch->sel, n, NULL, scratch->slots, err));
    for (size_t i = 0; i < n; i++) {
        uint32_t row = scratch->sel[i];
        TRY(place_row(top, scratch->groups[row], (void *)scratch->payloads[row],
                      scratch->order[row], scratch->slots[i], err));
    }
done:
    return status;
}

static laminar_status top_rows_process(struct op *op, struct step *step, uint32_t port,
                                       const struct chunk *chunk)
{
    (void)port;
    struct op_top_rows *top = CONTAINER_OF(op, struct op_top_rows, base);
    struct top_rows_scratch *scratch = top->scratch;
    laminar_status status = LAMINAR_OK;
    for (uint32_t k = 0; k < top->top->n_partition; k++)
        top->keys[k] = chunk->cols[top->top->partition[k]];
    TRY(state_hash_upsert(top->groups, top->keys, chunk->n_rows, scratch->groups, scratch->payloads,
                          NULL, step->err));
    if (top->top->n_sort)
        order_numbers(&top->top->sort[0], &chunk->cols[top->top->sort[0].column], chunk->n_rows,
                      scratch->order);
    else
        memset(scratch->order, 0, chunk->n_rows * sizeof *scratch->order);
    size_t n = 0;
    for (uint32_t i = 0; i < chunk->n_rows; i++) {
        struct top_group *group = (void *)scratch->payloads[i];
        bool is_behind = group->n == top->limit &&
                         scratch->order[i] > group_order(group)[top->limit - 1];
        scratch->sel[n] = i;
        n += !is_behind;
        if (likely(!chunk->weights || chunk->weights[i] == 1) || is_behind) continue;
        ENSURE(chunk->weights[i] > 0, step->err);
        /* a row that is there several times takes as many places */
        int64_t copies = chunk->weights[i] < top->limit ? chunk->weights[i] : top->limit;
        while (--copies > 0) {
            if (n == CHUNK_ROWS) {
                TRY(place_rows(top, chunk, n, step->err));
                n = 0;
            }
            scratch->sel[n++] = i;
        }
        if (n == CHUNK_ROWS) {
            TRY(place_rows(top, chunk, n, step->err));
            n = 0;
        }
    }
    TRY(place_rows(top, chunk, n, step->err));
done:
    return status;
}

/* --- Output ------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status emit_rows(struct op_top_rows *top, struct step *step)
{
    struct top_rows_scratch *scratch = top->scratch;
    laminar_status status = LAMINAR_OK;
    bool has_weights = false;
    for (size_t i = 0; i < top->n_out; i++) has_weights |= scratch->weights[i] != 1;
    for (uint32_t c = 0; c < top->base.n_cols; c++) {
        if (c >= top->n_in) {
            top->out_vecs[c] = (struct vector){
                .type = TYPE(INT64), .shape = VEC_FLAT, .data = scratch->numbers};
            continue;
        }
        column_clear(&top->out_cols[c]);
        TRY(state_rows_gather(top->rows, c, scratch->out_slots, top->n_out, &top->out_cols[c],
                              step->err));
        top->out_vecs[c] = top->out_cols[c].vec;
    }
    TRY(op_emit(&top->base, step,
                &(struct chunk){.n_rows = (uint32_t)top->n_out,
                                .n_cols = top->base.n_cols,
                                .cols = top->out_vecs,
                                .weights = has_weights ? scratch->weights : NULL}));
done:
    top->n_out = 0;
    return status;
}

static void put_out(struct op_top_rows *top, uint32_t slot, int64_t weight, uint32_t place)
{
    if (weight < 0 && !top->wants_retractions) return;
    top->scratch->out_slots[top->n_out] = slot;
    top->scratch->weights[top->n_out] = weight;
    top->scratch->numbers[top->n_out++] = (int64_t)place + 1;
}

/* Rows have come and gone, whatever their places. None that came equals one that went: equal rows stand in the order of their coming. */
static void put_rows(struct op_top_rows *top, struct top_group *group)
{
    const uint32_t *slots = group_slots(top, group);
    for (uint32_t i = group->n_gone ? group->gone : GONE_NONE; i != GONE_NONE;
         i = top->gone.items[i].next)
        put_out(top, top->gone.items[i].slot, -1, 0);
    for (uint64_t left = group->came; left; left &= left - 1)
        put_out(top, slots[__builtin_ctzll(left)], 1, 0);
}

/* Place by place: the row that was there and the one that is. */
static void put_places(struct op_top_rows *top, struct top_group *group)
{
    struct state_rows *rows = top->rows;
    const uint32_t *slots = group_slots(top, group);
    uint32_t n_stay = group->n - (uint32_t)__builtin_popcountll(group->came),
             n_before = n_stay + group->n_gone, gone = group->gone;
    uint64_t stay = ~group->came;
    for (uint32_t place = 0; place < group->n || place < n_before; place++) {
        uint32_t before = ROW_NONE, now = place < group->n ? slots[place] : ROW_NONE;
        if (place < n_stay) {
            before = slots[__builtin_ctzll(stay)];
            stay &= stay - 1;
        } else if (place < n_before) {
            before = top->gone.items[gone].slot;
            gone = top->gone.items[gone].next;
        }
        if (before == now) continue;
        if (before != ROW_NONE && now != ROW_NONE &&
            row_equal(&rows->layout, state_rows_at(rows, before), state_rows_at(rows, now), NULL,
                      top->n_in))
            continue;
        if (before != ROW_NONE) put_out(top, before, -1, place);
        if (now != ROW_NONE) put_out(top, now, 1, place);
    }
}

static laminar_status top_rows_finish(struct op *op, struct step *step)
{
    struct op_top_rows *top = CONTAINER_OF(op, struct op_top_rows, base);
    laminar_status status = LAMINAR_OK;
    op->watermark_out = op->watermark_in;
    top->wants_retractions = top->touched.n && op_wants_retractions(op);
    for (size_t i = 0; i < top->touched.n; i++) {
        if (top->n_out + 2 * (size_t)top->limit > CHUNK_ROWS) TRY(emit_rows(top, step));
        /* written in this step already: can't fail */
        struct top_group *group = (void *)state_hash_row_for_write(top->groups,
                                                                   top->touched.items[i]);
        if (top->has_numbers)
            put_places(top, group);
        else
            put_rows(top, group);
        group->came = 0;
        group->n_gone = group->gone = 0;
    }
    if (top->n_out) TRY(emit_rows(top, step));
    for (size_t i = 0; i < top->gone.n; i++)
        TRY(state_rows_drop(top->rows, top->gone.items[i].slot, step->err));
    top->touched.n = 0;
    top->gone.n = 0;
done:
    return status;
}

static laminar_status top_rows_contents(struct op *op, struct step *step)
{
    struct op_top_rows *top = CONTAINER_OF(op, struct op_top_rows, base);
    laminar_status status = LAMINAR_OK;
    uint64_t cursor = 0, numbers[SCAN_GROUPS];
    assert(top->touched.n == 0 && top->n_out == 0);
    for (size_t n; (n = state_hash_scan(top->groups, &cursor, numbers, SCAN_GROUPS)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            struct top_group *group = (void *)state_hash_row(top->groups, numbers[i]);
            const uint32_t *slots = group_slots(top, group);
            if (top->n_out + top->limit > CHUNK_ROWS) TRY(emit_rows(top, step));
            for (uint32_t place = 0; place < group->n; place++)
                put_out(top, slots[place], 1, place);
        }
    }
    if (top->n_out) TRY(emit_rows(top, step));
done:
    return status;
}

/* --- Operator ---------------------------------------------------------------------------------------------------------------------------- */

/* The groups' slots come from a file: each must be a row's, and no other's. */
static laminar_status top_rows_restored(struct op *op, struct laminar_error *err)
{
    struct op_top_rows *top = CONTAINER_OF(op, struct op_top_rows, base);
    const struct state_rows *rows = top->rows;
    uint64_t cursor = 0, numbers[SCAN_GROUPS];
    size_t n_placed = 0;
    bool is_good = true;
    uint8_t *seen = mem_calloc(1, bitmap_bytes(rows->n_slots) + 1);
    if (!seen) return error_oom(err);
    for (size_t n; (n = state_hash_scan(top->groups, &cursor, numbers, SCAN_GROUPS)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            struct top_group *group = (void *)state_hash_row(top->groups, numbers[i]);
            const uint32_t *slots = group_slots(top, group);
            is_good &= group->n > 0 && group->n <= top->limit && !group->came && !group->n_gone;
            for (uint32_t k = 0; is_good && k < group->n; k++) {
                is_good = slots[k] < rows->n_slots && !bitmap_get(seen, slots[k]) &&
                          row_weight(state_rows_at(rows, slots[k])) == 1;
                if (is_good) bitmap_set(seen, slots[k]);
                n_placed++;
            }
        }
    }
    mem_free(seen);
    if (is_good && n_placed == rows->state.n_rows) return LAMINAR_OK;
    return error_set(err, LAMINAR_CHECKPOINT_FAILED,
                     "the first rows of partitions can't be restored: a place has no row");
}

static void top_rows_free(struct op *op)
{
    struct op_top_rows *top = CONTAINER_OF(op, struct op_top_rows, base);
    columns_free(top->out_cols, top->n_in);
    ARRAY_DEINIT(&top->touched);
    ARRAY_DEINIT(&top->gone);
    mem_free(top->keys);
    mem_free(top->out_vecs);
    mem_free(top->scratch);
    op_deinit(op);
    mem_free(top);
}

static void top_rows_explain(const struct op *op, struct strbuf *out)
{
    const struct op_top_rows *top = CONTAINER_OF(op, struct op_top_rows, base);
    strbuf_printf(out, "top %u of each of %zu partitions, %zu rows kept", top->limit,
                  state_hash_base(top->groups)->n_rows, top->rows->state.n_rows);
    if (top->has_numbers) strbuf_puts(out, ", numbered");
}

static const struct op_class top_rows_class = {.name = "top_n",
                                               .process = top_rows_process,
                                               .finish_step = top_rows_finish,
                                               .free = top_rows_free,
                                               .explain = top_rows_explain,
                                               .restored = top_rows_restored,
                                               .contents = top_rows_contents};

/* --- Creation ---------------------------------------------------------------------------------------------------------------------------- */

static void rows_free(struct state_rows *rows)
{
    state_rows_deinit(rows);
    mem_free(rows);
}
static const struct state_rows_index rows_index = {.free = rows_free};

static laminar_status create_states(struct op_top_rows *top, const struct data_type *types,
                                    struct laminar_error *err)
{
    struct mem_account *account = circuit_account(top->base.circuit);
    size_t bytes = sizeof(struct top_group) +
                   (size_t)top->limit * (sizeof(uint64_t) + sizeof(uint32_t));
    struct state_rows *rows = mem_calloc(1, sizeof *rows);
    if (!rows) return error_oom(err);
    laminar_status status = state_rows_init(rows, &rows_index, "rows", types, top->n_in,
                                            STATE_ROWS_PLAIN, account, err);
    if (status) {
        mem_free(rows);
        return status;
    }
    TRY(op_add_state(&top->base, &rows->state, err));
    top->rows = rows;
    struct state_hash_options groups = {.name = "groups",
                                        .key_types = types + top->n_in,
                                        .n_keys = top->top->n_partition,
                                        .payload_bytes = (uint32_t)((bytes + 7) & ~(size_t)7),
                                        .payload_align = 8,
                                        .account = account};
    TRY(state_hash_create(&groups, &top->groups, err));
    TRY(op_add_state(&top->base, state_hash_base(top->groups), err));
done:
    return status;
}

static bool numbers_rows(const struct plan *over, const struct plan *top)
{
    if (over->n_sort != top->n_sort || over->n_partition != top->n_partition) return false;
    for (uint32_t i = 0; i < over->n_overs; i++)
        if (over->overs[i].kind != OVER_ROW_NUMBER) return false;
    for (uint32_t k = 0; k < top->n_sort; k++)
        if (over->sort[k].column != top->sort[k].column ||
            over->sort[k].is_descending != top->sort[k].is_descending ||
            over->sort[k].is_nulls_first != top->sort[k].is_nulls_first)
            return false;
    for (uint32_t k = 0; k < top->n_partition; k++)
        if (over->partition[k] != top->partition[k]) return false;
    return true;
}

bool op_top_rows_may(const struct plan *plan, enum circuit_mode mode)
{
    const struct plan *top = plan->kind == PLAN_OVER ? plan->inputs[0] : plan;
    return mode == CIRCUIT_STREAM && top->kind == PLAN_TOP_N && top->ties == TIES_CUT &&
           top->n_partition > 0 && top->has_limit && top->offset == 0 && top->limit > 0 &&
           top->limit <= TOP_PLACES_MAX && top->inputs[0]->props.is_append_only &&
           (plan == top || numbers_rows(plan, top));
}

laminar_status op_top_rows_create(struct circuit *circuit, const struct plan *plan,
                                  enum circuit_mode mode, struct op **out,
                                  struct laminar_error *err)
{
    (void)mode;
    assert(op_top_rows_may(plan, CIRCUIT_STREAM));
    struct op_top_rows *top = mem_calloc(1, sizeof *top);
    struct data_type *types = NULL;
    if (!top) return error_oom(err);
    laminar_status status;
    TRY(op_init(&top->base, &top_rows_class, circuit, plan, 1, err));
    top->has_numbers = plan->kind == PLAN_OVER;
    top->top = top->has_numbers ? plan->inputs[0] : plan;
    top->base.input = top->top->inputs[0];
    top->limit = (uint32_t)top->top->limit;
    TRY(columns_create(plan->cols, top->top->n_cols, &top->out_cols, err));
    top->n_in = top->top->n_cols;
    types = mem_calloc(top->n_in + top->top->n_partition, sizeof *types);
    top->out_vecs = mem_calloc(plan->n_cols, sizeof *top->out_vecs);
    top->keys = mem_calloc(top->top->n_partition, sizeof *top->keys);
    top->scratch = mem_alloc(sizeof *top->scratch);
    if (!types || !top->out_vecs || !top->keys || !top->scratch) TRY(error_oom(err));
    for (uint32_t c = 0; c < top->n_in; c++) types[c] = top->top->cols[c].type;
    for (uint32_t k = 0; k < top->top->n_partition; k++)
        types[top->n_in + k] = types[top->top->partition[k]];
    TRY(create_states(top, types, err));
    mem_free(types);
    *out = &top->base;
    return LAMINAR_OK;
done:
    mem_free(types);
    top_rows_free(&top->base);
    return status;
}
