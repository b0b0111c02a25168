/* fn_list.c - arrays: making, elements, length, search, joining, slices, sorting, to and from text.
 *
 * Elements are counted from 1, negative ones from the end; what is outside is null. Results that are arrays are appended row by row; those of
 * elements borrow strings from the argument. */
#include "function/string_tool.h"
#include "vector/kernel.h"

static struct list_entry entry_of(const struct vector *v, size_t row)
{
    return ROW(struct list_entry, v, row);
}
static const struct vector *items_of(const struct vector *v) { return &v->children[0]; }
static bool is_list(struct data_type t) { return t.id == LAMINAR_TYPE_LIST; }
static struct data_type item_type(struct data_type list) { return list.info->fields[0].type; }

/* Element `at` of the child as row `row` of the result: in place, or appended for nested elements. */
static laminar_status put_item(const struct vector *items, size_t at, struct column *out,
                               size_t row, struct laminar_error *err)
{
    if (type_is_nested(out->vec.type)) return column_append(out, items, at, 1, STRINGS_BORROW, err);
    if (!vector_is_valid(items, at)) return out_null(out, row, err);
    size_t width = type_width(out->vec.type);
    memcpy((char *)out->vec.data + row * width, (const char *)items->data + at * width, width);
    return LAMINAR_OK;
}
static laminar_status put_null(struct column *out, size_t row, struct laminar_error *err)
{
    return type_is_nested(out->vec.type) ? column_append_null(out, 1, err)
                                         : out_null(out, row, err);
}

/* --- Making ----------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status make_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        size_t first = out->children[0].n;
        for (uint32_t k = 0; k < fn->n_args; k++) {
            laminar_status status = column_append(&out->children[0], &args[k],
                                                  args[k].shape == VEC_CONST ? 0 : i, 1,
                                                  STRINGS_BORROW, env->err);
            if (status != LAMINAR_OK) return status;
        }
        laminar_status status = column_append_list(out, first, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_make(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type common = TYPE(NULL);
    for (uint32_t i = 0; i < fn->n_args; i++)
        if (!binding_is_string_literal(binding, i) &&
            !type_common(common, fn->arg_types[i], &common))
            return bind_mismatch(binding);
    for (uint32_t i = 0; i < fn->n_args; i++) {
        if (!binding_is_string_literal(binding, i)) continue;
        if (common.id == LAMINAR_TYPE_NULL) common = TYPE(VARCHAR);
        if (!cast_is_implicit(fn->arg_types[i], common, true)) return bind_mismatch(binding);
    }
    for (uint32_t i = 0; i < fn->n_args; i++) fn->arg_types[i] = common;
    fn->kernel = make_kernel;
    return type_list(common, &fn->result, binding->err);
}

/* range(to), range(from, to [, step]): to is not included; generate_series includes it. */
static laminar_status range_kernel(KERNEL_ARGS)
{
    enum { ITEMS_MAX = 1 << 24 };
    bool is_closed = fn->data != NULL;
    for (size_t i = 0; i < n; i++) {
        bool is_null = false;
        for (uint32_t k = 0; k < fn->n_args; k++)
            is_null = is_null || !vector_is_valid(&args[k], i);
        laminar_status status = LAMINAR_OK;
        if (is_null) {
            status = column_append_null(out, 1, env->err);
            if (status != LAMINAR_OK) return status;
            continue;
        }
        int64_t from = fn->n_args > 1 ? ROW(int64_t, &args[0], i) : 0,
                to = ROW(int64_t, &args[fn->n_args > 1 ? 1 : 0], i);
        int64_t step = fn->n_args > 2 ? ROW(int64_t, &args[2], i) : 1;
        int128 count = step == 0 ? 0
                                 : ((int128)to - from + (is_closed ? (step > 0 ? 1 : -1) : 0) +
                                    (step > 0 ? step - 1 : step + 1)) /
                                       step;
        if (unlikely(step == 0 || count > ITEMS_MAX)) {
            status = column_append_null(out, 1, env->err);
            if (status != LAMINAR_OK) return status;
            if (eval_fail(env, out, i,
                          step == 0 ? "%s: the step is 0" : "%s: more than 16777216 elements",
                          fn->name))
                return eval_failure(env);
            continue;
        }
        struct column *items = &out->children[0];
        size_t first = items->n;
        for (int128 k = 0; k < count && status == LAMINAR_OK; k++) {
            int64_t value = (int64_t)(from + k * step);
            status = column_append_value(items, &value, env->err);
        }
        if (status == LAMINAR_OK) status = column_append_list(out, first, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_range(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    for (uint32_t i = 0; i < fn->n_args; i++) {
        if (cast_cost(fn->arg_types[i], TYPE(INT64), binding_is_string_literal(binding, i)) < 0)
            return bind_mismatch(binding);
        fn->arg_types[i] = TYPE(INT64);
    }
    fn->data = fn->function->param;
    fn->kernel = range_kernel;
    fn->flags = FN_FALLIBLE;
    return type_list(TYPE(INT64), &fn->result, binding->err);
}

/* --- One array in, one value out -------------------------------------------------------------------------------------------------------------- */

static laminar_status element_kernel(KERNEL_ARGS)
{
    const struct vector *items = items_of(&args[0]);
    for (size_t i = 0; i < n; i++) {
        laminar_status status;
        bool is_null = !vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i);
        struct list_entry entry = is_null ? (struct list_entry){0} : entry_of(&args[0], i);
        int64_t index = is_null ? 0 : ROW(int64_t, &args[1], i);
        if (index < 0) index += (int64_t)entry.length + 1;
        if (index < 1 || index > (int64_t)entry.length)
            status = put_null(out, i, env->err);
        else
            status = put_item(items, entry.offset + (size_t)index - 1, out, i, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_element(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (!is_list(fn->arg_types[0]) || cast_cost(fn->arg_types[1], TYPE(INT64), false) < 0)
        return bind_mismatch(binding);
    fn->arg_types[1] = TYPE(INT64);
    fn->result = item_type(fn->arg_types[0]);
    fn->kernel = element_kernel;
    return LAMINAR_OK;
}

static laminar_status length_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) OUT(int64_t, out)[i] = entry_of(&args[0], i).length;
    return LAMINAR_OK;
}
static laminar_status bind_length(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (!is_list(fn->arg_types[0]) && fn->arg_types[0].id != LAMINAR_TYPE_MAP)
        return bind_mismatch(binding);
    if (fn->n_args > 1)
        return error_set(binding->err, LAMINAR_QUERY_UNSUPPORTED,
                         "%s: only the first dimension is supported", fn->name);
    fn->kernel = length_kernel;
    fn->result = TYPE(INT64);
    fn->flags = FN_STRICT;
    return LAMINAR_OK;
}

/* Where the value is, from 1; 0 if it is not there. */
static size_t position_in(const struct vector *list, const struct vector *value, size_t row)
{
    struct list_entry entry = entry_of(list, row);
    size_t value_row = value->shape == VEC_CONST ? 0 : row;
    for (uint32_t k = 0; k < entry.length; k++)
        if (kernel_equal(items_of(list), entry.offset + k, value, value_row)) return k + 1;
    return 0;
}
static laminar_status contains_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++)
        OUT(uint8_t, out)[i] = column_is_valid(out, i) && position_in(&args[0], &args[1], i) != 0;
    return LAMINAR_OK;
}
static laminar_status position_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        OUT(int64_t, out)
        [i] = column_is_valid(out, i) ? (int64_t)position_in(&args[0], &args[1], i) : 0;
        if (OUT(int64_t, out)[i] || !column_is_valid(out, i)) continue;
        laminar_status status = out_null(out, i, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
/* (array, value): the value is cast to the elements' type, or both to the common one. */
static laminar_status bind_search(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type common;
    bool is_position = fn->function->param != NULL;
    if (!is_list(fn->arg_types[0])) return bind_mismatch(binding);
    if (binding_is_string_literal(binding, 1)) fn->arg_types[1] = item_type(fn->arg_types[0]);
    if (!type_common(item_type(fn->arg_types[0]), fn->arg_types[1], &common))
        return bind_mismatch(binding);
    fn->arg_types[1] = common;
    fn->kernel = is_position ? position_kernel : contains_kernel;
    fn->result = is_position ? TYPE(INT64) : TYPE(BOOL);
    fn->flags = FN_STRICT;
    return type_list(common, &fn->arg_types[0], binding->err);
}

/* --- Two arrays ------------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status has_all_kernel(KERNEL_ARGS)
{
    uint32_t outer = fn->data ? 1 : 0; /* <@ swaps the sides */
    const struct vector *list = &args[outer], *part = &args[1 - outer];
    for (size_t i = 0; i < n; i++) {
        OUT(uint8_t, out)[i] = 1;
        if (!column_is_valid(out, i)) continue;
        struct list_entry a = entry_of(list, i), b = entry_of(part, i);
        for (uint32_t k = 0; k < b.length && OUT(uint8_t, out)[i]; k++) {
            bool found = false;
            for (uint32_t m = 0; m < a.length && !found; m++)
                found = kernel_equal(items_of(list), a.offset + m, items_of(part), b.offset + k);
            OUT(uint8_t, out)[i] = found;
        }
    }
    return LAMINAR_OK;
}
static laminar_status has_any_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        OUT(uint8_t, out)[i] = 0;
        if (!column_is_valid(out, i)) continue;
        struct list_entry a = entry_of(&args[0], i), b = entry_of(&args[1], i);
        for (uint32_t k = 0; k < b.length && !OUT(uint8_t, out)[i]; k++)
            for (uint32_t m = 0; m < a.length && !OUT(uint8_t, out)[i]; m++) OUT(uint8_t, out)
        [i] = kernel_equal(items_of(&args[0]), a.offset + m, items_of(&args[1]), b.offset + k);
    }
    return LAMINAR_OK;
}
static laminar_status bind_two(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type common;
    if (!is_list(fn->arg_types[0]) || !type_common(fn->arg_types[0], fn->arg_types[1], &common))
        return bind_mismatch(binding);
    uintptr_t which = (uintptr_t)fn->function->param;
    fn->arg_types[0] = fn->arg_types[1] = common;
    fn->data = which == 1 ? (void *)1 : NULL;
    fn->kernel = which == 2 ? has_any_kernel : has_all_kernel;
    fn->result = TYPE(BOOL);
    fn->flags = FN_STRICT;
    return LAMINAR_OK;
}

/* Appends rows made of spans of children: the shape of concat, append, prepend, slice, sort, distinct. */
static laminar_status append_items(struct column *out, const struct vector *items, size_t from,
                                   size_t n, struct laminar_error *err)
{
    return n ? column_append(&out->children[0], items, from, n, STRINGS_BORROW, err) : LAMINAR_OK;
}

static laminar_status concat_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        size_t first = out->children[0].n;
        bool is_null = true;
        laminar_status status = LAMINAR_OK;
        for (uint32_t k = 0; k < fn->n_args && status == LAMINAR_OK; k++) {
            size_t row = args[k].shape == VEC_CONST ? 0 : i;
            if (!is_list(fn->arg_types[k])) { /* an element: appended as it is, null or not */
                is_null = false;
                status = column_append(&out->children[0], &args[k], row, 1, STRINGS_BORROW,
                                       env->err);
            } else if (vector_is_valid(&args[k], i)) {
                struct list_entry entry = entry_of(&args[k], i);
                is_null = false;
                status = append_items(out, items_of(&args[k]), entry.offset, entry.length,
                                      env->err);
            }
        }
        if (status == LAMINAR_OK)
            status = is_null ? column_append_null(out, 1, env->err)
                             : column_append_list(out, first, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
laminar_status bind_list_concat(struct function_binding *binding);
laminar_status bind_list_concat(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type item = TYPE(NULL), list;
    for (uint32_t i = 0; i < fn->n_args; i++) {
        if (binding_is_string_literal(binding, i)) continue;
        struct data_type type = fn->arg_types[i];
        if (!type_common(item, is_list(type) ? item_type(type) : type, &item))
            return bind_mismatch(binding);
    }
    laminar_status status = type_list(item, &list, binding->err);
    if (status != LAMINAR_OK) return status;
    for (uint32_t i = 0; i < fn->n_args; i++)
        fn->arg_types[i] = is_list(fn->arg_types[i]) ? list : item;
    fn->kernel = concat_kernel;
    fn->result = list;
    return LAMINAR_OK;
}

/* array_slice(a, from, to): both ends included. */
static laminar_status slice_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        bool is_null = !vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i) ||
                       !vector_is_valid(&args[2], i);
        size_t first = out->children[0].n;
        laminar_status status;
        if (is_null) {
            status = column_append_null(out, 1, env->err);
        } else {
            struct list_entry entry = entry_of(&args[0], i);
            int64_t from = ROW(int64_t, &args[1], i), to = ROW(int64_t, &args[2], i),
                    length = entry.length;
            if (from < 0) from = from < -length ? 1 : from + length + 1;
            if (to < 0) to = to < -length ? 0 : to + length + 1;
            if (from < 1) from = 1;
            if (to > length) to = length;
            status = from > to
                         ? LAMINAR_OK
                         : append_items(out, items_of(&args[0]), entry.offset + (size_t)from - 1,
                                        (size_t)(to - from + 1), env->err);
            if (status == LAMINAR_OK) status = column_append_list(out, first, env->err);
        }
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_slice(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (!is_list(fn->arg_types[0])) return bind_mismatch(binding);
    for (uint32_t i = 1; i < 3; i++) {
        if (cast_cost(fn->arg_types[i], TYPE(INT64), false) < 0) return bind_mismatch(binding);
        fn->arg_types[i] = TYPE(INT64);
    }
    fn->kernel = slice_kernel;
    fn->result = fn->arg_types[0];
    return LAMINAR_OK;
}

/* Sorted ascending, nulls last; distinct drops repetitions and nulls; reverse turns round. */
enum order_op { ORDER_SORT, ORDER_SORT_DESC, ORDER_DISTINCT, ORDER_REVERSE };
static laminar_status order_kernel(KERNEL_ARGS)
{
    enum order_op op = (enum order_op)(uintptr_t)fn->data;
    struct arena arena = {0};
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        if (!vector_is_valid(&args[0], i)) {
            status = column_append_null(out, 1, env->err);
            continue;
        }
        struct list_entry entry = entry_of(&args[0], i);
        arena_reset(&arena);
        uint32_t *order = arena_alloc(&arena, (entry.length + 1) * sizeof *order);
        if (!order) {
            status = error_oom(env->err);
            break;
        }
        size_t first = out->children[0].n, used = entry.length;
        for (uint32_t k = 0; k < entry.length; k++)
            order[k] = op == ORDER_REVERSE ? entry.offset + entry.length - 1 - k : entry.offset + k;
        if (op != ORDER_REVERSE && entry.length) {
            struct column span = {0};
            status = column_init(&span, items_of(&args[0])->type, env->err);
            if (status == LAMINAR_OK)
                status = column_append(&span, items_of(&args[0]), entry.offset, entry.length,
                                       STRINGS_BORROW, env->err);
            struct sort_key key = {.is_descending = op == ORDER_SORT_DESC,
                                   .is_nulls_first = op == ORDER_SORT_DESC};
            if (status == LAMINAR_OK)
                status = kernel_sort(&span.vec, &key, 1, entry.length, order, env->err);
            column_deinit(&span);
            for (uint32_t k = 0; k < entry.length; k++) order[k] += entry.offset;
        }
        if (op == ORDER_DISTINCT && status == LAMINAR_OK) {
            used = 0;
            for (uint32_t k = 0; k < entry.length; k++) {
                bool is_kept = vector_is_valid(items_of(&args[0]), order[k]) &&
                               (!used || !kernel_equal(items_of(&args[0]), order[used - 1],
                                                       items_of(&args[0]), order[k]));
                if (is_kept) order[used++] = order[k];
            }
        }
        if (status == LAMINAR_OK)
            status = column_append_sel(&out->children[0], items_of(&args[0]), order, used,
                                       STRINGS_BORROW, env->err);
        if (status == LAMINAR_OK) status = column_append_list(out, first, env->err);
    }
    arena_deinit(&arena);
    return status;
}
static laminar_status bind_order(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (!is_list(fn->arg_types[0])) return bind_mismatch(binding);
    fn->data = fn->function->param;
    fn->kernel = order_kernel;
    fn->result = fn->arg_types[0];
    return LAMINAR_OK;
}

/* --- To and from text -------------------------------------------------------------------------------------------------------------------------------- */

/* array_to_string(a, separator [, for null]) */
static laminar_status to_string_kernel(KERNEL_ARGS)
{
    struct strbuf text = {0};
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        out_string_borrow(out, i, "", 0);
        if (!vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i)) {
            status = out_null(out, i, env->err);
            continue;
        }
        struct list_entry entry = entry_of(&args[0], i);
        const struct string_view *separator = &ROW(struct string_view, &args[1], i);
        const struct string_view *null_text = fn->n_args > 2 && vector_is_valid(&args[2], i)
                                                  ? &ROW(struct string_view, &args[2], i)
                                                  : NULL;
        size_t parts = 0;
        strbuf_clear(&text);
        for (uint32_t k = 0; k < entry.length; k++) {
            bool is_valid = vector_is_valid(items_of(&args[0]), entry.offset + k);
            if (!is_valid && !null_text) continue;
            if (parts++) strbuf_append(&text, string_data(separator), separator->size);
            if (is_valid)
                text_print_value(&text, items_of(&args[0]), entry.offset + k);
            else
                strbuf_append(&text, string_data(null_text), null_text->size);
        }
        if (text.failed)
            status = error_oom(env->err);
        else if (text.size > STRING_RESULT_MAX)
            status = too_long_fail(fn, env, out, i, text.size) ? eval_failure(env) : LAMINAR_OK;
        else
            status = out_string(out, i, text.data ? text.data : "", text.size, env->err);
    }
    strbuf_deinit(&text);
    return status;
}
static laminar_status bind_to_string(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (!is_list(fn->arg_types[0])) return bind_mismatch(binding);
    for (uint32_t i = 1; i < fn->n_args; i++) {
        if (cast_cost(fn->arg_types[i], TYPE(VARCHAR), false) < 0) return bind_mismatch(binding);
        fn->arg_types[i] = TYPE(VARCHAR);
    }
    fn->kernel = to_string_kernel;
    fn->result = TYPE(VARCHAR);
    fn->flags = FN_FALLIBLE;
    return LAMINAR_OK;
}

/* string_to_array(text, separator): every character on its own where the separator is ''. */
static laminar_status split_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status = LAMINAR_OK;
        size_t first = out->children[0].n;
        if (!vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i)) {
            status = column_append_null(out, 1, env->err);
            if (status != LAMINAR_OK) return status;
            continue;
        }
        const struct string_view *text = &ROW(struct string_view, &args[0], i),
                                 *separator = &ROW(struct string_view, &args[1], i);
        const char *s = string_data(text), *sep = string_data(separator);
        for (size_t at = 0;
             at < text->size || (at == text->size && separator->size && text->size);) {
            size_t found = separator->size
                               ? find_bytes(s + at, text->size - at, sep, separator->size)
                               : char_bytes(s + at, text->size - at);
            size_t length = found == SIZE_MAX ? text->size - at : found;
            status = column_append_string(&out->children[0], s + at, length, env->err);
            if (status != LAMINAR_OK) return status;
            at += length + (found == SIZE_MAX ? 1 : separator->size);
        }
        status = column_append_list(out, first, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_split(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    for (uint32_t i = 0; i < 2; i++) {
        if (cast_cost(fn->arg_types[i], TYPE(VARCHAR), binding_is_string_literal(binding, i)) < 0)
            return bind_mismatch(binding);
        fn->arg_types[i] = TYPE(VARCHAR);
    }
    fn->kernel = split_kernel;
    return type_list(TYPE(VARCHAR), &fn->result, binding->err);
}

static const struct scalar_function functions[] = {
    {"make_array", "make_array(a, b, ...), ARRAY[a, b, ...] -> array", "An array of the values", 0,
     255, bind_make, NULL},
    {"make_list", "make_list(a, b, ...) -> array", "Same as make_array", 0, 255, bind_make, NULL},
    {"list_value", "list_value(a, b, ...) -> array", "Same as make_array", 0, 255, bind_make, NULL},
    {"range", "range([from,] to [, step]) -> BIGINT[]", "Numbers from `from` to below `to`", 1, 3,
     bind_range, NULL},
    {"generate_series", "generate_series(from, to [, step]) -> BIGINT[]",
     "Numbers from `from` to `to`", 1, 3, bind_range, (void *)1},
#define ELEMENT(name)                                                                              \
    {                                                                                              \
        name, name "(array, n) -> element",                                                        \
            "Element n, from 1, or from -1 at the end; null if there is none", 2, 2, bind_element, \
            NULL                                                                                   \
    }
    ELEMENT("array_element"),
    ELEMENT("array_extract"),
    ELEMENT("list_element"),
    ELEMENT("list_extract"),
#define LENGTH(name)                                                                               \
    {                                                                                              \
        name, name "(array or map) -> BIGINT", "Number of elements", 1, 2, bind_length, NULL       \
    }
    LENGTH("array_length"),
    LENGTH("cardinality"),
    LENGTH("list_length"),
    LENGTH("len"),
#define CONTAINS(name)                                                                             \
    {                                                                                              \
        name, name "(array, x) -> BOOLEAN", "True if x is an element", 2, 2, bind_search, NULL     \
    }
    CONTAINS("array_contains"),
    CONTAINS("array_has"),
    CONTAINS("list_contains"),
    CONTAINS("list_has"),
#define POSITION(name)                                                                             \
    {                                                                                              \
        name, name "(array, x) -> BIGINT", "Where x is first found; null if it is not", 2, 2,      \
            bind_search, (void *)1                                                                 \
    }
    POSITION("array_position"),
    POSITION("list_position"),
    POSITION("list_indexof"),
    {"@>", "a @> b -> BOOLEAN", "True if every element of b is in a", 2, 2, bind_two, NULL},
    {"array_has_all", "array_has_all(a, b) -> BOOLEAN", "Same as a @> b", 2, 2, bind_two, NULL},
    {"<@", "a <@ b -> BOOLEAN", "True if every element of a is in b", 2, 2, bind_two, (void *)1},
    {"&&", "a && b -> BOOLEAN", "True if the arrays have an element in common", 2, 2, bind_two,
     (void *)2},
    {"array_has_any", "array_has_any(a, b) -> BOOLEAN", "Same as a && b", 2, 2, bind_two,
     (void *)2},
#define JOIN(name, args, help)                                                                     \
    {                                                                                              \
        name, name "(" args ") -> array", help, 2, 255, bind_list_concat, NULL                     \
    }
    JOIN("array_concat", "a, b, ...", "The arrays one after the other"),
    JOIN("array_cat", "a, b, ...", "The arrays one after the other"),
    JOIN("list_concat", "a, b, ...", "The arrays one after the other"),
    JOIN("array_append", "array, x", "The array with an element more at the end"),
    JOIN("list_append", "array, x", "The array with an element more at the end"),
    JOIN("array_prepend", "x, array", "An element, then the array"),
    {"array_slice", "array_slice(a, from, to), a[from:to] -> array",
     "Elements from `from` to `to`, both included", 3, 3, bind_slice, NULL},
    {"list_slice", "list_slice(a, from, to) -> array", "Same as array_slice", 3, 3, bind_slice,
     NULL},
    {"array_sort", "array_sort(a) -> array", "Ascending, nulls last", 1, 1, bind_order,
     (void *)ORDER_SORT},
    {"list_sort", "list_sort(a) -> array", "Ascending, nulls last", 1, 1, bind_order,
     (void *)ORDER_SORT},
    {"list_reverse_sort", "list_reverse_sort(a) -> array", "Descending", 1, 1, bind_order,
     (void *)ORDER_SORT_DESC},
    {"array_distinct", "array_distinct(a) -> array", "Sorted, each element once, without nulls", 1,
     1, bind_order, (void *)ORDER_DISTINCT},
    {"list_distinct", "list_distinct(a) -> array", "Same as array_distinct", 1, 1, bind_order,
     (void *)ORDER_DISTINCT},
    {"array_reverse", "array_reverse(a) -> array", "In reverse order", 1, 1, bind_order,
     (void *)ORDER_REVERSE},
    {"list_reverse", "list_reverse(a) -> array", "In reverse order", 1, 1, bind_order,
     (void *)ORDER_REVERSE},
    {"array_to_string", "array_to_string(a, separator [, null text]) -> VARCHAR",
     "The elements as one text", 2, 3, bind_to_string, NULL},
    {"array_join", "array_join(a, separator [, null text]) -> VARCHAR", "Same as array_to_string",
     2, 3, bind_to_string, NULL},
    {"string_to_array", "string_to_array(text, separator) -> VARCHAR[]", "The parts of the text", 2,
     2, bind_split, NULL},
    {"string_split", "string_split(text, separator) -> VARCHAR[]", "Same as string_to_array", 2, 2,
     bind_split, NULL},
};
SCALAR_FAMILY(list, functions);
