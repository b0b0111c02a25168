/* agg_law.c - see agg_law.h. */
#include "agg_law.h"
#include "base/error.h"
#include <stdio.h>

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)

struct data_type naive_types[LAW_N_COLS] = {{.id = LAMINAR_TYPE_TIMESTAMP, .unit = UNIT_MICRO},
                                            {.id = LAMINAR_TYPE_INT64},
                                            {.id = LAMINAR_TYPE_VARCHAR},
                                            {.id = LAMINAR_TYPE_INT64},
                                            {.id = LAMINAR_TYPE_DOUBLE}};

void naive_open(struct naive_input *in, uint64_t seed)
{
    *in = (struct naive_input){.rng = {seed},
                               .null_percent = 5,
                               .time_from = -3000000,
                               .time_span = 10000000,
                               .n_keys = 12};
    rows_init(&in->rows, naive_types, LAW_N_COLS);
}
void naive_close(struct naive_input *in)
{
    rows_deinit(&in->rows);
    tally_deinit(&in->net);
    strmap_deinit(&in->where);
}

static void random_row(struct naive_input *in, struct rows *rows)
{
    struct rng *rng = &in->rng;
    int64_t one = 1;
    char text[64];
    for (uint32_t c = 0; c < LAW_N_COLS; c++) {
        if (rng_below(rng, 100) < in->null_percent) {
            rows_add_null(rows, c);
            continue;
        }
        size_t k = rng_below(rng, in->n_keys);
        switch (c) {
        case LAW_T:
            rows_add_i64(rows, c, in->time_from + (int64_t)rng_below(rng, (size_t)in->time_span));
            break;
        case LAW_S:
            snprintf(text, sizeof text, k % 2 ? "k%zu" : "key with a long name, number %zu", k);
            rows_add_text(rows, c, text);
            break;
        case LAW_K: rows_add_i64(rows, c, (int64_t)k); break;
        default: rows_add_i64(rows, c, (int64_t)rng_below(rng, 20) - 10); break;
        }
    }
    OK(column_append_value(&rows->weights, &one, NULL));
}

struct chunk naive_chunk(struct naive_input *in, size_t n, bool retracts, struct rows *into,
                         struct vector *vecs)
{
    struct strbuf text = {0};
    int64_t *weights;
    rows_clear(into);
    for (size_t i = 0; i < n; i++) {
        size_t known = rows_n(&in->rows);
        struct vector all[LAW_N_COLS];
        for (uint32_t c = 0; c < LAW_N_COLS; c++) all[c] = in->rows.cols[c].vec;
        struct chunk have = {(uint32_t)known, LAW_N_COLS, all, NULL};
        if (retracts && known && rng_below(&in->rng, 100) < 45) { /* one that is there */
            size_t row = rng_below(&in->rng, known);
            strbuf_clear(&text);
            row_print(&text, &have, row);
            int64_t *net = strmap_get_z(&in->net.map, text.data);
            if (net && *net > 0) {
                int64_t minus = -1;
                for (uint32_t c = 0; c < LAW_N_COLS; c++)
                    OK(column_append(&into->cols[c], &all[c], row, 1, STRINGS_COPY, NULL));
                OK(column_append_value(&into->weights, &minus, NULL));
                --*net;
                continue;
            }
        }
        random_row(in, into);
        for (uint32_t c = 0; c < LAW_N_COLS; c++) vecs[c] = into->cols[c].vec;
        struct chunk now = {(uint32_t)i + 1, LAW_N_COLS, vecs, NULL};
        strbuf_clear(&text);
        row_print(&text, &now, i);
        int64_t weight = 1;
        if (retracts && rng_below(&in->rng, 10) == 0) weight = 3;
        ((int64_t *)into->weights.vec.data)[i] = weight;
        tally_add(&in->net, text.data, weight);
        if (!strmap_get_z(&in->where, text.data)) {
            for (uint32_t c = 0; c < LAW_N_COLS; c++)
                OK(column_append(&in->rows.cols[c], &vecs[c], i, 1, STRINGS_COPY, NULL));
            assert_true(strmap_put(&in->where, text.data, strlen(text.data),
                                   (void *)(uintptr_t)rows_n(&in->rows)));
        }
    }
    for (uint32_t c = 0; c < LAW_N_COLS; c++) vecs[c] = into->cols[c].vec;
    /* now and then the deltas of a step come in an order that has the retraction first */
    weights = into->weights.vec.data;
    strbuf_deinit(&text);
    return (struct chunk){(uint32_t)n, LAW_N_COLS, vecs, retracts ? weights : NULL};
}

/* --- Plans ----------------------------------------------------------------------------------------------------------------------------------------- */

static struct aggregate_call filtered(struct arena *arena, struct aggregate_call call)
{
    call.filter = call2(arena, ">", col_expr(arena, LAW_V, TYPE(INT64)),
                        const_expr(arena, TYPE(INT64), "0"));
    return call;
}
static struct aggregate_call distinct(struct aggregate_call call)
{
    call.is_distinct = true;
    return call;
}
static struct aggregate_call ordered(struct arena *arena, struct aggregate_call call)
{
    call.n_order = 1;
    call.order_args = ARENA_ARRAY(arena, struct expr *, 1);
    call.order_args[0] = col_expr(arena, LAW_V, TYPE(INT64));
    call.order_keys = ARENA_ARRAY(arena, struct sort_key, 1);
    call.order_keys[0] = (struct sort_key){.column = 0, .is_descending = true};
    return call;
}

struct plan *naive_plan(struct arena *arena, bool is_append_only, const uint32_t *keys,
                        uint32_t n_keys, unsigned variant)
{
    struct plan *scan = scan_plan(arena, naive_types, LAW_N_COLS, is_append_only, LAW_T);
    struct aggregate_call calls[8];
    struct expr *v = col_expr(arena, LAW_V, TYPE(INT64)), *d = col_expr(arena, LAW_D, TYPE(DOUBLE)),
                *s = col_expr(arena, LAW_S, TYPE(VARCHAR));
    uint32_t n = 0;
    switch (variant) {
    case 0: /* kernels that retract */
        calls[n++] = agg_call(arena, "count", NULL, 0);
        calls[n++] = agg_call(arena, "count", &v, 1);
        calls[n++] = agg_call(arena, "sum", &v, 1);
        calls[n++] = agg_call(arena, "sum", &d, 1);
        break;
    case 1: /* min, max: kernels, or the first of a sorted set */
        calls[n++] = agg_call(arena, "min", &v, 1);
        calls[n++] = agg_call(arena, "max", &d, 1);
        calls[n++] = agg_call(arena, "max", &s, 1);
        break;
    case 2:
        calls[n++] = distinct(agg_call(arena, "count", &v, 1));
        calls[n++] = distinct(agg_call(arena, "sum", &d, 1));
        calls[n++] = agg_call(arena, "count", NULL, 0);
        break;
    case 3:
        calls[n++] = filtered(arena, agg_call(arena, "count", NULL, 0));
        calls[n++] = filtered(arena, agg_call(arena, "sum", &v, 1));
        calls[n++] = filtered(arena, distinct(agg_call(arena, "count", &d, 1)));
        calls[n++] = filtered(arena, agg_call(arena, "min", &d, 1));
        break;
    case 4: /* holistic */
        calls[n++] = agg_call(arena, "median", &v, 1);
        calls[n++] = agg_call(arena, "count", NULL, 0);
        break;
    case 5: /* strings in states */
        calls[n++] = agg_call(arena, "min", &s, 1);
        calls[n++] = agg_call(arena, "count", &s, 1);
        break;
    default: /* none at all: GROUP BY alone */ break;
    }
    (void)ordered;
    struct plan *plan = node_plan(arena, PLAN_AGGREGATE, scan, n_keys + n);
    plan->n_group = n_keys;
    plan->group = ARENA_ARRAY(arena, struct expr *, n_keys + 1);
    for (uint32_t i = 0; i < n_keys; i++) {
        plan->group[i] = col_expr(arena, keys[i], naive_types[keys[i]]);
        name_col(plan, i, naive_types[keys[i]]);
    }
    plan->n_aggs = n;
    plan->aggs = ARENA_ARRAY(arena, struct aggregate_call, n + 1);
    memcpy(plan->aggs, calls, n * sizeof *calls);
    for (uint32_t i = 0; i < n; i++) name_col(plan, n_keys + i, calls[i].agg->result);
    plan->emit = EMIT_ON_UPDATE;
    return plan;
}

struct plan *naive_windowed(struct arena *arena, struct plan *plan, enum window_kind kind,
                            int64_t size_us, int64_t slide_us, int64_t offset_us,
                            enum emit_mode emit)
{
    struct plan *out = node_plan(arena, PLAN_AGGREGATE, plan->inputs[0], plan->n_cols + 2);
    memcpy(out->cols + 2, plan->cols, plan->n_cols * sizeof *out->cols);
    name_col(out, 0, type_timestamp(UNIT_MILLI));
    name_col(out, 1, type_timestamp(UNIT_MILLI));
    out->group = plan->group;
    out->n_group = plan->n_group;
    out->aggs = plan->aggs;
    out->n_aggs = plan->n_aggs;
    out->emit = emit;
    out->props.time_col = 0;
    out->window = (struct window_spec){.kind = kind,
                                       .time = col_expr(arena, LAW_T, naive_types[LAW_T]),
                                       .size_us = size_us,
                                       .slide_us = slide_us,
                                       .offset_us = offset_us,
                                       .is_event_time = true};
    return out;
}

/* --- Expectation -------------------------------------------------------------------------------------------------------------------------------------- */

struct group_rows {
    int64_t start, end;    /* of the window, microseconds */
    ARRAY_OF(size_t) rows; /* in in->rows */
    ARRAY_OF(int64_t) weights;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static void add_to_group(struct strmap *groups, const struct naive_input *in,
                         const struct plan *plan, int64_t start, int64_t end, size_t row,
                         int64_t weight)
{
    struct strbuf key = {0};
    if (plan->window.kind != WINDOW_NONE)
        strbuf_printf(&key, "%lld %lld ", (long long)start, (long long)end);
    strbuf_puts(&key, "");
    for (uint32_t k = 0; k < plan->n_group; k++) {
        text_print_value(&key, &in->rows.cols[plan->group[k]->column].vec, row);
        strbuf_puts(&key, " | ");
    }
    const char *text = key.data ? key.data : "";
    struct group_rows *g = strmap_get_z(groups, text);
    if (!g) {
        g = mem_calloc(1, sizeof *g);
        g->start = start, g->end = end;
        assert_true(strmap_put(groups, text, strlen(text), g));
    }
    if (row != SIZE_MAX) assert_true(ARRAY_PUSH(&g->rows, row) && ARRAY_PUSH(&g->weights, weight));
    strbuf_deinit(&key);
}

static bool passes_filter(const struct naive_input *in, const struct aggregate_call *call,
                          size_t row)
{
    if (!call->filter) return true;
    const struct vector *v = &in->rows.cols[LAW_V].vec;
    return vector_is_valid(v, row) && ((const int64_t *)v->data)[row] > 0;
}

/* One aggregate of one group by its definition. */
static void value_by_definition(const struct naive_input *in, const struct aggregate_call *call,
                                const struct group_rows *g, struct strbuf *out)
{
    struct column args = {0}, sorted = {0}, weights = {0}, result = {0};
    uint32_t n_args = call->n_args;
    struct data_type type = n_args ? call->args[0]->type : TYPE(INT64);
    OK(column_init(&args, type, NULL));
    OK(column_init(&sorted, type, NULL));
    OK(column_init(&weights, TYPE(INT64), NULL));
    OK(column_init(&result, call->agg->result, NULL));
    size_t n = 0;
    int64_t *w = mem_calloc(g->rows.n + 1, sizeof *w);
    for (size_t i = 0; i < g->rows.n; i++) {
        if (!passes_filter(in, call, g->rows.items[i])) continue;
        size_t row = g->rows.items[i];
        const struct expr *arg = n_args ? call->args[0] : NULL;
        bool is_cast = arg && arg->kind != EXPR_COLUMN;
        const struct column *col = &in->rows.cols[is_cast ? arg->args[0]->column
                                                  : arg   ? arg->column
                                                          : LAW_V];
        /* BIGINT to DOUBLE is all that these calls ask for */
        if (is_cast && vector_is_valid(&col->vec, row)) {
            assert_int_equal(type.id, LAMINAR_TYPE_DOUBLE);
            double real = (double)((const int64_t *)col->vec.data)[row];
            OK(column_append_value(&args, &real, NULL));
        } else if (is_cast) {
            OK(column_append_null(&args, 1, NULL));
        } else {
            OK(column_append(&args, &col->vec, row, 1, STRINGS_COPY, NULL));
        }
        w[n++] = g->weights.items[i];
    }
    uint32_t *order = mem_calloc(n + 1, sizeof *order);
    struct sort_key key = {0};
    OK(kernel_sort(&args.vec, &key, 1, n, order, NULL));
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_again = kept && call->is_distinct &&
                        kernel_equal(&args.vec, order[i], &sorted.vec, kept - 1);
        if (is_again) continue;
        int64_t weight = call->is_distinct ? 1 : w[order[i]];
        OK(column_append_sel(&sorted, &args.vec, &order[i], 1, STRINGS_BORROW, NULL));
        OK(column_append_value(&weights, &weight, NULL));
        kept++;
    }
    OK(call->agg->finish_multiset(call->agg, n_args ? &sorted.vec : NULL, weights.vec.data, kept,
                                  &result, NULL));
    struct vector v = result.vec;
    row_print(out, &(struct chunk){1, 1, &v, NULL}, 0);
    column_deinit(&args);
    column_deinit(&sorted);
    column_deinit(&weights);
    column_deinit(&result);
    mem_free(w);
    mem_free(order);
}

static bool same_keys(const struct naive_input *in, const struct plan *plan, size_t a, size_t b)
{
    for (uint32_t k = 0; k < plan->n_group; k++) {
        const struct vector *v = &in->rows.cols[plan->group[k]->column].vec;
        if (!kernel_equal(v, a, v, b)) return false;
    }
    return true;
}

/* The session of a row: what is less than the gap away, and again what is less than the gap away from that. */
static void session_of(struct strmap *groups, const struct naive_input *in, const struct plan *plan,
                       size_t row, int64_t weight, int64_t until)
{
    const struct vector *v = &in->rows.cols[LAW_T].vec;
    const int64_t *times = v->data;
    int64_t gap = plan->window.size_us, first = times[row], last = first, *net;
    const char *key;
    for (bool grows = true; grows;) {
        grows = false;
        for (size_t i = 0; (net = strmap_next(&in->net.map, &i, &key)) != NULL;) {
            size_t other = (size_t)(uintptr_t)strmap_get_z(&in->where, key) - 1;
            if (*net <= 0 || !vector_is_valid(v, other) || !same_keys(in, plan, row, other))
                continue;
            int64_t t = times[other];
            bool is_near = t > first - gap && t < last + gap && (t < first || t > last);
            if (!is_near) continue;
            if (t < first) first = t;
            if (t > last) last = t;
            grows = true;
        }
    }
    if (last + gap <= until) add_to_group(groups, in, plan, first, last + gap, row, weight);
}

static void windows_of(struct strmap *groups, const struct naive_input *in, const struct plan *plan,
                       size_t row, int64_t weight, int64_t until)
{
    const struct window_spec *spec = &plan->window;
    if (spec->kind == WINDOW_NONE) {
        add_to_group(groups, in, plan, 0, 0, row, weight);
        return;
    }
    const struct vector *v = &in->rows.cols[LAW_T].vec;
    if (!vector_is_valid(v, row)) return;
    int64_t t = ((const int64_t *)v->data)[row];
    if (spec->kind == WINDOW_SESSION) {
        session_of(groups, in, plan, row, weight, until);
        return;
    }
    if (spec->kind == WINDOW_CUMULATE) {
        int64_t start = floor_div(t - spec->offset_us, spec->size_us) * spec->size_us +
                        spec->offset_us;
        for (int64_t end = start + spec->slide_us; end <= start + spec->size_us;
             end += spec->slide_us)
            if (t < end && end <= until) add_to_group(groups, in, plan, start, end, row, weight);
        return;
    }
    for (int64_t start =
             floor_div(t - spec->offset_us, spec->slide_us) * spec->slide_us + spec->offset_us;
         start + spec->size_us > t; start -= spec->slide_us)
        if (start + spec->size_us <= until)
            add_to_group(groups, in, plan, start, start + spec->size_us, row, weight);
}

static void group_print(const struct naive_input *in, const struct plan *plan,
                        const struct group_rows *g, struct strbuf *text)
{
    const char *separator = "";
    if (plan->window.kind != WINDOW_NONE) {
        text_print_timestamp(text, floor_div(g->start, 1000), UNIT_MILLI, NULL);
        strbuf_puts(text, " | ");
        text_print_timestamp(text, floor_div(g->end, 1000), UNIT_MILLI, NULL);
        separator = " | ";
    }
    for (uint32_t k = 0; k < plan->n_group; k++, separator = " | ") {
        strbuf_puts(text, separator);
        text_print_value(text, &in->rows.cols[plan->group[k]->column].vec, g->rows.items[0]);
    }
    for (uint32_t a = 0; a < plan->n_aggs; a++, separator = " | ") {
        strbuf_puts(text, separator);
        value_by_definition(in, &plan->aggs[a], g, text);
    }
}

void naive_expect(const struct naive_input *in, const struct plan *plan, int64_t until,
                  struct tally *out)
{
    struct strmap groups = {0};
    const char *key;
    int64_t *net;
    for (size_t i = 0; (net = strmap_next(&in->net.map, &i, &key)) != NULL;) {
        if (*net <= 0) continue;
        size_t row = (size_t)(uintptr_t)strmap_get_z(&in->where, key) - 1;
        windows_of(&groups, in, plan, row, *net, until);
    }
    if (plan->n_group == 0 && plan->window.kind == WINDOW_NONE && groups.n_live == 0)
        add_to_group(&groups, in, plan, 0, 0, SIZE_MAX, 0);
    struct group_rows *g;
    for (size_t i = 0; (g = strmap_next(&groups, &i, &key)) != NULL;) {
        struct strbuf text = {0};
        strbuf_puts(&text, "");
        group_print(in, plan, g, &text);
        tally_add(out, text.data ? text.data : "", 1);
        strbuf_deinit(&text);
        ARRAY_DEINIT(&g->rows);
        ARRAY_DEINIT(&g->weights);
        mem_free(g);
    }
    strmap_deinit(&groups);
}
