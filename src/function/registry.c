/* registry.c - finding functions by name, and choosing among their overloads.
 *
 * The registry is the families' const tables; finding a name walks them (some 400 names, at bind time only). */
#include "base/strmap.h"
#include "function/family.h"
#include "function/user.h"

static const struct scalar_family *const scalar_families[] = {
#define FAMILY(name) &family_##name,
    SCALAR_FAMILY_LIST(FAMILY)
#undef FAMILY
};
static const struct aggregate_family *const aggregate_families[] = {
#define FAMILY(name) &family_##name,
    AGGREGATE_FAMILY_LIST(FAMILY)
#undef FAMILY
};

const struct scalar_function *function_at(size_t i)
{
    for (size_t f = 0; f < ARRAY_LENGTH(scalar_families); f++) {
        if (i < scalar_families[f]->n) return &scalar_families[f]->functions[i];
        i -= scalar_families[f]->n;
    }
    return NULL;
}

const struct aggregate_function *aggregate_at(size_t i)
{
    for (size_t f = 0; f < ARRAY_LENGTH(aggregate_families); f++) {
        if (i < aggregate_families[f]->n) return &aggregate_families[f]->functions[i];
        i -= aggregate_families[f]->n;
    }
    return NULL;
}

const struct scalar_function *function_find(const char *name)
{
    const struct scalar_function *function;
    for (size_t i = 0; (function = function_at(i)) != NULL; i++)
        if (strcmp(function->name, name) == 0) return function;
    return NULL;
}

const struct aggregate_function *aggregate_find(const char *name)
{
    const struct aggregate_function *function;
    for (size_t i = 0; (function = aggregate_at(i)) != NULL; i++)
        if (strcmp(function->name, name) == 0) return function;
    return NULL;
}

static const char *nearest_name(const char *name)
{
    const char *best = NULL;
    /* half of a short name wrong is another name */
    size_t size = strlen(name), best_distance = size < 4 ? 2 : 3;
    const struct scalar_function *function;
    for (size_t i = 0; (function = function_at(i)) != NULL; i++) {
        size_t distance = edit_distance(name, function->name, best_distance);
        if (distance < best_distance) best = function->name, best_distance = distance;
    }
    const struct aggregate_function *aggregate;
    for (size_t i = 0; (aggregate = aggregate_at(i)) != NULL; i++) {
        size_t distance = edit_distance(name, aggregate->name, best_distance);
        if (distance < best_distance) best = aggregate->name, best_distance = distance;
    }
    return best;
}

static laminar_status unknown_function(const char *what, const char *name,
                                       struct laminar_error *err)
{
    error_set(err, LAMINAR_QUERY_FAILED, "unknown %s \"%s\"", what, name);
    const char *nearest = nearest_name(name);
    if (nearest)
        error_hint(err, "did you mean \"%s\"?", nearest);
    else
        error_hint(err, "SHOW FUNCTIONS lists all of them");
    return LAMINAR_QUERY_FAILED;
}

static void print_call(struct strbuf *text, const char *name, const struct data_type *types,
                       uint32_t n)
{
    strbuf_printf(text, "%s(", name);
    for (uint32_t i = 0; i < n; i++)
        strbuf_printf(text, "%s%s", i ? ", " : "", TYPE_TEXT(types[i]));
    strbuf_putc(text, ')');
}

static laminar_status mismatch(const char *name, const char *signature,
                               const struct data_type *types, uint32_t n, struct laminar_error *err)
{
    struct strbuf text = {0};
    print_call(&text, name, types, n);
    if (text.failed) {
        strbuf_deinit(&text);
        return error_oom(err);
    }
    error_set(err, LAMINAR_QUERY_FAILED, "no function takes these arguments: %s", text.data);
    error_hint(err, "there is %s; cast the arguments to fit", signature);
    strbuf_deinit(&text);
    return LAMINAR_QUERY_FAILED;
}

laminar_status bind_mismatch(struct function_binding *binding)
{
    const struct bound_function *fn = binding->fn;
    return mismatch(fn->name, fn->function->signature, fn->arg_types, fn->n_args, binding->err);
}

laminar_status aggregate_mismatch(struct aggregate_binding *binding)
{
    const struct bound_aggregate *agg = binding->agg;
    return mismatch(agg->name, agg->function->signature, agg->arg_types, agg->n_args, binding->err);
}

static laminar_status copy_types(struct arena *arena, const struct data_type *types, uint32_t n,
                                 struct data_type **out, struct laminar_error *err)
{
    *out = ARENA_ARRAY(arena, struct data_type, n ? n : 1);
    if (!*out) return error_oom(err);
    if (n) memcpy(*out, types, n * sizeof *types);
    return LAMINAR_OK;
}

static laminar_status wrong_count(const char *name, const char *signature, uint32_t n, unsigned min,
                                  unsigned max, struct laminar_error *err)
{
    if (min == max)
        error_set(err, LAMINAR_QUERY_FAILED, "%s takes %u argument%s, not %u", name, min,
                  min == 1 ? "" : "s", n);
    else if (max == 255)
        error_set(err, LAMINAR_QUERY_FAILED, "%s takes at least %u argument%s, not %u", name, min,
                  min == 1 ? "" : "s", n);
    else
        error_set(err, LAMINAR_QUERY_FAILED, "%s takes %u to %u arguments, not %u", name, min, max,
                  n);
    error_hint(err, "%s", signature);
    return LAMINAR_QUERY_FAILED;
}

static laminar_status bind_scalar_of(struct arena *arena, const struct scalar_function *function,
                                     const struct data_type *arg_types, uint32_t n_args,
                                     const struct vector *const *constants,
                                     struct bound_function **out, struct laminar_error *err)
{
    if (n_args < function->n_args_min ||
        (function->n_args_max != 255 && n_args > function->n_args_max))
        return wrong_count(function->name, function->signature, n_args, function->n_args_min,
                           function->n_args_max, err);
    struct bound_function *fn = ARENA_NEW(arena, struct bound_function);
    if (!fn) return error_oom(err);
    fn->function = function;
    fn->name = function->name;
    fn->n_args = n_args;
    laminar_status status = copy_types(arena, arg_types, n_args, &fn->arg_types, err);
    if (status != LAMINAR_OK) return status;
    struct function_binding binding = {
        .arena = arena, .fn = fn, .constants = constants, .err = err};
    status = function->bind(&binding);
    if (status != LAMINAR_OK) return status;
    ENSURE(fn->kernel != NULL, err);
    *out = fn;
    return LAMINAR_OK;
}

laminar_status function_bind(struct arena *arena, const char *name,
                             const struct data_type *arg_types, uint32_t n_args,
                             const struct vector *const *constants, struct bound_function **out,
                             struct laminar_error *err)
{
    return library_bind_function(NULL, arena, name, arg_types, n_args, constants, out, err);
}

laminar_status library_bind_function(struct function_library *library, struct arena *arena,
                                     const char *name, const struct data_type *arg_types,
                                     uint32_t n_args, const struct vector *const *constants,
                                     struct bound_function **out, struct laminar_error *err)
{
    const struct scalar_function *function = function_find(name);
    if (!function) {
        laminar_status status = library_find_scalar(library, name, arena, &function, err);
        if (status != LAMINAR_OK) return status;
    }
    if (!function) return unknown_function("function", name, err);
    return bind_scalar_of(arena, function, arg_types, n_args, constants, out, err);
}

static laminar_status bind_aggregate_of(struct arena *arena,
                                        const struct aggregate_function *function,
                                        const struct data_type *arg_types, uint32_t n_args,
                                        const struct vector *const *constants,
                                        struct bound_aggregate **out, struct laminar_error *err)
{
    if (n_args < function->n_args_min ||
        (function->n_args_max != 255 && n_args > function->n_args_max))
        return wrong_count(function->name, function->signature, n_args, function->n_args_min,
                           function->n_args_max, err);
    struct bound_aggregate *agg = ARENA_NEW(arena, struct bound_aggregate);
    if (!agg) return error_oom(err);
    agg->function = function;
    agg->name = function->name;
    agg->n_args = n_args;
    agg->result_is_nullable = true;
    laminar_status status = copy_types(arena, arg_types, n_args, &agg->arg_types, err);
    if (status != LAMINAR_OK) return status;
    struct aggregate_binding binding = {
        .arena = arena, .agg = agg, .constants = constants, .err = err};
    status = function->bind(&binding);
    if (status != LAMINAR_OK) return status;
    ENSURE(agg->kernels || agg->finish_multiset, err);
    *out = agg;
    return LAMINAR_OK;
}

laminar_status aggregate_bind(struct arena *arena, const char *name,
                              const struct data_type *arg_types, uint32_t n_args,
                              const struct vector *const *constants, struct bound_aggregate **out,
                              struct laminar_error *err)
{
    return library_bind_aggregate(NULL, arena, name, arg_types, n_args, constants, out, err);
}

laminar_status library_bind_aggregate(struct function_library *library, struct arena *arena,
                                      const char *name, const struct data_type *arg_types,
                                      uint32_t n_args, const struct vector *const *constants,
                                      struct bound_aggregate **out, struct laminar_error *err)
{
    const struct aggregate_function *function = aggregate_find(name);
    if (!function) {
        laminar_status status = library_find_aggregate(library, name, arena, &function, err);
        if (status != LAMINAR_OK) return status;
    }
    if (!function) return unknown_function("aggregate function", name, err);
    return bind_aggregate_of(arena, function, arg_types, n_args, constants, out, err);
}

/* --- Overloads ------------------------------------------------------------------------------------------------------ */

/* The type a signature's letter stands for; `given` is the argument's own type. */
static struct data_type letter_type(char letter, struct data_type given)
{
    switch (letter) {
    case 'b': return TYPE(BOOL);
    case 'i': return TYPE(INT32);
    case 'l': return TYPE(INT64);
    case 'u': return TYPE(UINT64);
    case 'f': return TYPE(FLOAT);
    case 'd': return TYPE(DOUBLE);
    case 's': return TYPE(VARCHAR);
    case 'y': return TYPE(BINARY);
    case 'D': return TYPE(DATE);
    case 'M': return type_time(UNIT_MICRO);
    case 'I': return TYPE(INTERVAL);
    case 'U': return TYPE(UUID);
    case 'J': return TYPE(JSON);
    case 't': return type_timestamp(UNIT_SECOND);
    case 'm': return type_timestamp(UNIT_MILLI);
    case 'T': return type_timestamp(UNIT_MICRO);
    case 'N': return type_timestamp(UNIT_NANO);
    default: return given;
    }
}

/* The letter of argument i, 0 when the overload has no such argument. */
static char argument_letter(const char *args, uint32_t i)
{
    for (uint32_t at = 0;; at++, args++) {
        if (!*args) return 0;
        if (args[1] == '*') return at <= i ? args[0] : 0;
        if (at == i) return *args;
    }
}

static bool argument_count_fits(const char *args, uint32_t n)
{
    size_t length = strlen(args);
    bool is_open = length && args[length - 1] == '*';
    return is_open ? n + 2 >= length : n == length;
}

static int overload_cost(const struct overload *overload, const struct function_binding *binding)
{
    const struct bound_function *fn = binding->fn;
    const char *args = strchr(overload->signature, ':') + 1;
    if (!argument_count_fits(args, fn->n_args)) return -1;
    int total = 0;
    for (uint32_t i = 0; i < fn->n_args; i++) {
        char letter = argument_letter(args, i);
        if (letter == 'x') {
            total += 20; /* so that a typed overload wins */
            continue;
        }
        int cost;
        struct data_type from = fn->arg_types[i];
        if (letter == 'Z')
            cost = from.id == LAMINAR_TYPE_TIMESTAMPTZ ? 0 : from.id == LAMINAR_TYPE_NULL ? 2 : -1;
        else
            cost = cast_cost(from, letter_type(letter, from),
                             binding_is_string_literal(binding, i));
        if (cost < 0) return -1;
        total += cost;
    }
    return total;
}

static laminar_status overload_type(char letter, struct data_type given, struct data_type *out,
                                    struct laminar_error *err)
{
    if (letter == 'Z' && given.id == LAMINAR_TYPE_TIMESTAMPTZ) {
        if (given.unit == UNIT_MICRO) {
            *out = given;
            return LAMINAR_OK;
        }
        return type_timestamptz(UNIT_MICRO, given.info ? given.info->zone : "UTC", out, err);
    }
    if (letter == 'Z') return type_timestamptz(UNIT_MICRO, "UTC", out, err);
    *out = letter_type(letter, given);
    return LAMINAR_OK;
}

laminar_status bind_overloads(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    const struct overload_list *list = fn->function->param;
    const struct overload *best = NULL;
    int best_cost = 0;
    for (size_t i = 0; i < list->n; i++) {
        int cost = overload_cost(&list->items[i], binding);
        if (cost >= 0 && (!best || cost < best_cost)) best = &list->items[i], best_cost = cost;
    }
    if (!best) return bind_mismatch(binding);
    const char *args = strchr(best->signature, ':') + 1;
    for (uint32_t i = 0; i < fn->n_args; i++) {
        char letter = argument_letter(args, i);
        laminar_status status = overload_type(letter, fn->arg_types[i], &fn->arg_types[i],
                                              binding->err);
        if (status != LAMINAR_OK) return status;
    }
    struct data_type first = fn->n_args ? fn->arg_types[0] : TYPE(NULL);
    laminar_status status = overload_type(best->signature[0], first, &fn->result, binding->err);
    if (status != LAMINAR_OK) return status;
    fn->kernel = best->kernel;
    fn->flags = best->flags;
    fn->data = best->data;
    return LAMINAR_OK;
}
