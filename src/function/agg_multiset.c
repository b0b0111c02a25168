/* agg_multiset.c - aggregates that exist only over all of a group's rows: median, percentiles, mode, string_agg, array_agg, histogram.
 *
 * They get the rows sorted: by the aggregate's ORDER BY, else by the arguments, nulls last; each with how often it counts. So median and mode are
 * walks over sorted values, and string_agg without ORDER BY has a definite order. */
#include "function/agg.h"
#include "vector/kernel.h"

static int64_t weight_of(const int64_t *weights, size_t row) { return weights ? weights[row] : 1; }

/* Total weight of the rows that have a value. */
static int64_t value_count(const struct vector *v, const int64_t *weights, size_t n)
{
    int64_t total = 0;
    for (size_t i = 0; i < n; i++)
        if (vector_is_valid(v, i)) total += weight_of(weights, i);
    return total;
}

/* The row of the value with index `index` (from 0) among the sorted values, each counted by its weight. */
static size_t row_at(const struct vector *v, const int64_t *weights, size_t n, int64_t index)
{
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(v, i)) continue;
        index -= weight_of(weights, i);
        if (index < 0) return i;
    }
    return n - 1;
}

/* --- Percentiles -------------------------------------------------------------------------------------------------------------------- */

static double number_at(const struct vector *v, size_t row)
{
    return v->type.id == LAMINAR_TYPE_DOUBLE ? ROW(double, v, row) : (double)ROW(int64_t, v, row);
}

static laminar_status append_interpolated(const struct vector *v, const int64_t *weights, size_t n,
                                          double fraction, struct column *out,
                                          struct laminar_error *err)
{
    int64_t total = value_count(v, weights, n);
    if (total == 0) return column_append_null(out, 1, err);
    double position = fraction * (double)(total - 1), below = floor(position);
    size_t row_low = row_at(v, weights, n, (int64_t)below),
           row_high = row_at(v, weights, n, (int64_t)ceil(position));
    if (v->type.id == LAMINAR_TYPE_DOUBLE) {
        double low = number_at(v, row_low), high = number_at(v, row_high), rest = position - below;
        double value = rest == 0 || low == high ? low : low + (high - low) * rest;
        return column_append_value(out, &value, err);
    }
    int64_t low = ROW(int64_t, v, row_low), high = ROW(int64_t, v, row_high);
    int64_t value = low + (int64_t)(((double)high - (double)low) * (position - below));
    return column_append_value(out, &value, err);
}

static laminar_status median_multiset(MULTISET_ARGS)
{
    (void)agg;
    return append_interpolated(&args[0], weights, n, 0.5, out, err);
}

static laminar_status fraction_of(const struct bound_aggregate *agg, const struct vector *args,
                                  size_t n, double *out, struct laminar_error *err)
{
    *out = 0;
    if (n == 0) return LAMINAR_OK;
    if (!vector_is_valid(&args[1], 0))
        return error_set(err, LAMINAR_QUERY_FAILED, "%s: the fraction is null", agg->name);
    *out = ROW(double, &args[1], 0);
    if (*out >= 0 && *out <= 1) return LAMINAR_OK;
    return error_set(err, LAMINAR_QUERY_FAILED, "%s: the fraction %g is not between 0 and 1",
                     agg->name, *out);
}

static laminar_status percentile_cont_multiset(MULTISET_ARGS)
{
    double fraction;
    laminar_status status = fraction_of(agg, args, n, &fraction, err);
    return status != LAMINAR_OK ? status
                                : append_interpolated(&args[0], weights, n, fraction, out, err);
}

static laminar_status percentile_disc_multiset(MULTISET_ARGS)
{
    double fraction;
    laminar_status status = fraction_of(agg, args, n, &fraction, err);
    if (status != LAMINAR_OK) return status;
    int64_t total = value_count(&args[0], weights, n);
    if (total == 0) return column_append_null(out, 1, err);
    int64_t index = (int64_t)ceil(fraction * (double)total) - 1;
    return column_append(out, &args[0], row_at(&args[0], weights, n, index < 0 ? 0 : index), 1,
                         STRINGS_COPY, err);
}

/* --- Mode, histogram ------------------------------------------------------------------------------------------------------------------ */

/* End of the run of values equal to row `start`'s, and its weight. Runs are of neighbours: rows are sorted by the argument. */
static size_t run_end(const struct vector *v, const int64_t *weights, size_t n, size_t start,
                      int64_t *total)
{
    size_t end = start;
    *total = 0;
    while (end < n && kernel_compare(v, start, v, end) == 0) *total += weight_of(weights, end++);
    return end;
}

static laminar_status mode_multiset(MULTISET_ARGS)
{
    (void)agg;
    int64_t best = 0, total;
    size_t best_row = 0;
    for (size_t i = 0, end; i < n; i = end) {
        end = run_end(&args[0], weights, n, i, &total);
        if (vector_is_valid(&args[0], i) && total > best) best = total, best_row = i;
    }
    return best ? column_append(out, &args[0], best_row, 1, STRINGS_COPY, err)
                : column_append_null(out, 1, err);
}

static laminar_status histogram_multiset(MULTISET_ARGS)
{
    (void)agg;
    int64_t total;
    size_t first = out->children[0].n;
    for (size_t i = 0, end; i < n; i = end) {
        end = run_end(&args[0], weights, n, i, &total);
        if (!vector_is_valid(&args[0], i)) continue;
        laminar_status status = column_append(&out->children[0], &args[0], i, 1, STRINGS_COPY, err);
        if (status == LAMINAR_OK) status = column_append_value(&out->children[1], &total, err);
        if (status != LAMINAR_OK) return status;
    }
    return out->children[0].n == first ? column_append_null(out, 1, err)
                                       : column_append_list(out, first, err);
}

/* --- Lists and texts of all values ------------------------------------------------------------------------------------------------------- */

static laminar_status array_multiset(MULTISET_ARGS)
{
    (void)agg;
    if (n == 0) return column_append_null(out, 1, err);
    size_t first = out->children[0].n;
    for (size_t i = 0; i < n; i++) {
        for (int64_t k = weight_of(weights, i); k > 0; k--) {
            laminar_status status = column_append(&out->children[0], &args[0], i, 1, STRINGS_COPY,
                                                  err);
            if (status != LAMINAR_OK) return status;
        }
    }
    return column_append_list(out, first, err);
}

static laminar_status string_multiset(MULTISET_ARGS)
{
    struct strbuf text = {0};
    bool has_value = false;
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        if (!vector_is_valid(&args[0], i)) continue;
        const struct string_view *s = &ROW(struct string_view, &args[0], i);
        for (int64_t k = weight_of(weights, i); k > 0 && status == LAMINAR_OK; k--) {
            if (has_value && agg->n_args > 1 && vector_is_valid(&args[1], i)) {
                const struct string_view *separator = &ROW(struct string_view, &args[1], i);
                strbuf_append(&text, string_data(separator), separator->size);
            }
            strbuf_append(&text, string_data(s), s->size);
            has_value = true;
            if (text.failed) status = error_oom(err);
            if (text.size > STRING_RESULT_MAX)
                status = error_set(err, LAMINAR_QUERY_FAILED,
                                   "%s: the text would be longer than %d bytes", agg->name,
                                   STRING_RESULT_MAX);
        }
    }
    if (status == LAMINAR_OK)
        status = has_value ? column_append_string(out, text.data ? text.data : "", text.size, err)
                           : column_append_null(out, 1, err);
    strbuf_deinit(&text);
    return status;
}

/* --- Binding ---------------------------------------------------------------------------------------------------------------------------- */

static laminar_status bound(struct aggregate_binding *binding, struct data_type result,
                            laminar_status (*multiset)(const struct bound_aggregate *,
                                                       const struct vector *, const int64_t *,
                                                       size_t, struct column *,
                                                       struct laminar_error *))
{
    binding->agg->result = result;
    binding->agg->finish_multiset = multiset;
    return LAMINAR_OK;
}

/* Numbers as DOUBLE, dates and timestamps as they are. */
static bool interpolable(struct aggregate_binding *binding)
{
    struct data_type *type = &binding->agg->arg_types[0];
    if (type_is_timestamp(*type) || type->id == LAMINAR_TYPE_TIME) return true;
    if (type->id == LAMINAR_TYPE_DATE) {
        *type = type_timestamp(UNIT_MICRO);
        return true;
    }
    return agg_want(binding, 0, TYPE(DOUBLE));
}

static laminar_status bind_median(struct aggregate_binding *binding)
{
    if (!interpolable(binding)) return aggregate_mismatch(binding);
    return bound(binding, binding->agg->arg_types[0], median_multiset);
}
static laminar_status bind_percentile(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    bool is_cont = agg->function->param != NULL;
    if ((is_cont && !interpolable(binding)) || !agg_want(binding, 1, TYPE(DOUBLE)))
        return aggregate_mismatch(binding);
    if (agg->arg_types[0].id == LAMINAR_TYPE_NULL) agg->arg_types[0] = TYPE(DOUBLE);
    return bound(binding, agg->arg_types[0],
                 is_cont ? percentile_cont_multiset : percentile_disc_multiset);
}
static laminar_status bind_mode(struct aggregate_binding *binding)
{
    if (binding->agg->arg_types[0].id == LAMINAR_TYPE_NULL)
        binding->agg->arg_types[0] = TYPE(INT64);
    return bound(binding, binding->agg->arg_types[0], mode_multiset);
}
static laminar_status bind_histogram(struct aggregate_binding *binding)
{
    struct data_type map;
    if (binding->agg->arg_types[0].id == LAMINAR_TYPE_NULL)
        binding->agg->arg_types[0] = TYPE(INT64);
    laminar_status status = type_map(binding->agg->arg_types[0], TYPE(INT64), &map, binding->err);
    return status != LAMINAR_OK ? status : bound(binding, map, histogram_multiset);
}
static laminar_status bind_array(struct aggregate_binding *binding)
{
    struct data_type list;
    if (binding->agg->arg_types[0].id == LAMINAR_TYPE_NULL)
        binding->agg->arg_types[0] = TYPE(INT64);
    binding->agg->flags = AGG_NEEDS_ORDER;
    laminar_status status = type_list(binding->agg->arg_types[0], &list, binding->err);
    return status != LAMINAR_OK ? status : bound(binding, list, array_multiset);
}
static laminar_status bind_string(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    if (type_is_nested(agg->arg_types[0])) return aggregate_mismatch(binding);
    agg->arg_types[0] = TYPE(VARCHAR); /* anything that isn't text yet is cast to it */
    if (agg->n_args > 1 && !agg_want(binding, 1, TYPE(VARCHAR))) return aggregate_mismatch(binding);
    agg->flags = AGG_NEEDS_ORDER;
    return bound(binding, TYPE(VARCHAR), string_multiset);
}

static const struct aggregate_function functions[] = {
    {"median", "median(x) -> DOUBLE, or the type of a time",
     "The value in the middle, or between the two there", 1, 1, bind_median, NULL},
    {"percentile_cont", "percentile_cont(x, fraction) -> DOUBLE",
     "The value below which that fraction lies, interpolated", 2, 2, bind_percentile, (void *)1},
    {"quantile_cont", "quantile_cont(x, fraction) -> DOUBLE", "Same as percentile_cont", 2, 2,
     bind_percentile, (void *)1},
    {"percentile_disc", "percentile_disc(x, fraction) -> type of x",
     "The first value that at least that fraction does not exceed", 2, 2, bind_percentile, NULL},
    {"quantile_disc", "quantile_disc(x, fraction) -> type of x", "Same as percentile_disc", 2, 2,
     bind_percentile, NULL},
    {"mode", "mode(x) -> type of x", "The most frequent value; the least of those", 1, 1, bind_mode,
     NULL},
    {"histogram", "histogram(x) -> MAP<x, BIGINT>", "How often each value comes", 1, 1,
     bind_histogram, NULL},
    {"array_agg", "array_agg(x [ORDER BY ...]) -> x[]", "All values, nulls too, as an array", 1, 1,
     bind_array, NULL},
    {"list", "list(x [ORDER BY ...]) -> x[]", "Same as array_agg", 1, 1, bind_array, NULL},
    {"string_agg", "string_agg(x, separator [ORDER BY ...]) -> VARCHAR", "The texts, joined", 1, 2,
     bind_string, NULL},
    {"listagg", "listagg(x, separator [ORDER BY ...]) -> VARCHAR", "Same as string_agg", 1, 2,
     bind_string, NULL},
};
AGGREGATE_FAMILY(agg_multiset, functions);
