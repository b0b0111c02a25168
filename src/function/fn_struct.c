/* fn_struct.c - structs and maps: making them, their fields, keys and values. */
#include "function/family.h"
#include "vector/kernel.h"

/* The literal text that argument i must be. */
static laminar_status literal_name(struct function_binding *binding, uint32_t arg, const char **out)
{
    const struct vector *constant = binding_constant(binding, arg);
    if (!constant || constant->type.id != LAMINAR_TYPE_VARCHAR) {
        error_set(binding->err, LAMINAR_QUERY_FAILED, "%s: field names must be literals",
                  binding->fn->name);
        error_hint(binding->err, "%s", binding->fn->function->signature);
        return LAMINAR_QUERY_FAILED;
    }
    const struct string_view *s = constant->data;
    *out = arena_strndup(binding->arena, string_data(s), s->size);
    return *out ? LAMINAR_OK : error_oom(binding->err);
}

/* --- Structs ------------------------------------------------------------------------------------------------------------------------------ */

/* Arguments are name1, value1, name2, value2 ... */
static laminar_status pack_kernel(KERNEL_ARGS)
{
    for (uint32_t k = 0; k < out->vec.n_children; k++) {
        laminar_status status = column_append(&out->children[k], &args[2 * k + 1], 0, n,
                                              STRINGS_BORROW, env->err);
        if (status != LAMINAR_OK) return status;
    }
    for (size_t i = 0; i < n; i++) {
        laminar_status status = column_append_struct(out, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_pack(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (fn->n_args % 2) return bind_mismatch(binding);
    uint32_t n = fn->n_args / 2;
    struct type_field *fields = ARENA_ARRAY(binding->arena, struct type_field, n);
    if (!fields) return error_oom(binding->err);
    for (uint32_t k = 0; k < n; k++) {
        laminar_status status = literal_name(binding, 2 * k, &fields[k].name);
        if (status != LAMINAR_OK) return status;
        for (uint32_t other = 0; other < k; other++)
            if (strcmp(fields[other].name, fields[k].name) == 0)
                return error_set(binding->err, LAMINAR_QUERY_FAILED,
                                 "%s: the field '%s' comes twice", fn->name, fields[k].name);
        if (fn->arg_types[2 * k + 1].id == LAMINAR_TYPE_NULL)
            fn->arg_types[2 * k + 1] = TYPE(VARCHAR);
        fields[k].type = fn->arg_types[2 * k + 1];
        fields[k].is_nullable = true;
    }
    fn->kernel = pack_kernel;
    return type_struct(fields, n, &fn->result, binding->err);
}

static laminar_status extract_kernel(KERNEL_ARGS)
{
    uint32_t field = (uint32_t)(uintptr_t)fn->data;
    const struct vector *v = &args[0], *child = &v->children[field];
    size_t width = type_width(fn->result);
    for (size_t i = 0; i < n; i++) {
        size_t row = vector_struct_row(v, i);
        bool is_valid = vector_is_valid(v, i) && vector_is_valid(child, row);
        laminar_status status = LAMINAR_OK;
        if (type_is_nested(fn->result))
            status = is_valid ? column_append(out, child, row, 1, STRINGS_BORROW, env->err)
                              : column_append_null(out, 1, env->err);
        else if (is_valid)
            memcpy((char *)out->vec.data + i * width,
                   (const char *)child->data + (child->shape == VEC_CONST ? 0 : row) * width,
                   width);
        else
            status = out_null(out, i, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_extract(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    const char *name;
    if (fn->arg_types[0].id != LAMINAR_TYPE_STRUCT) return bind_mismatch(binding);
    laminar_status status = literal_name(binding, 1, &name);
    if (status != LAMINAR_OK) return status;
    const struct type_info *info = fn->arg_types[0].info;
    for (uint32_t k = 0; k < info->n_fields; k++) {
        if (strcmp(info->fields[k].name, name) != 0) continue;
        fn->data = (void *)(uintptr_t)k;
        fn->result = info->fields[k].type;
        fn->kernel = extract_kernel;
        return LAMINAR_OK;
    }
    error_set(binding->err, LAMINAR_QUERY_FAILED, "there is no field '%s' in %s", name,
              TYPE_TEXT(fn->arg_types[0]));
    return LAMINAR_QUERY_FAILED;
}

/* --- Maps ---------------------------------------------------------------------------------------------------------------------------------- */

/* map(keys, values): two arrays of one length. */
static laminar_status make_map_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status;
        if (!vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i)) {
            status = column_append_null(out, 1, env->err);
            if (status != LAMINAR_OK) return status;
            continue;
        }
        struct list_entry keys = ROW(struct list_entry, &args[0], i),
                          values = ROW(struct list_entry, &args[1], i);
        const char *wrong = keys.length != values.length
                                ? "map: there are not as many keys as values"
                                : NULL;
        for (uint32_t k = 0; k < keys.length && !wrong; k++) {
            if (!vector_is_valid(&args[0].children[0], keys.offset + k))
                wrong = "map: a key is null";
            for (uint32_t other = 0; other < k && !wrong; other++)
                if (kernel_equal(&args[0].children[0], keys.offset + k, &args[0].children[0],
                                 keys.offset + other))
                    wrong = "map: a key comes twice";
        }
        if (wrong) {
            status = column_append_null(out, 1, env->err);
            if (status != LAMINAR_OK) return status;
            if (eval_fail(env, out, i, "%s", wrong)) return eval_failure(env);
            continue;
        }
        size_t first = out->children[0].n;
        status = column_append(&out->children[0], &args[0].children[0], keys.offset, keys.length,
                               STRINGS_BORROW, env->err);
        if (status == LAMINAR_OK)
            status = column_append(&out->children[1], &args[1].children[0], values.offset,
                                   values.length, STRINGS_BORROW, env->err);
        if (status == LAMINAR_OK) status = column_append_list(out, first, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_make_map(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (fn->arg_types[0].id != LAMINAR_TYPE_LIST || fn->arg_types[1].id != LAMINAR_TYPE_LIST)
        return bind_mismatch(binding);
    fn->kernel = make_map_kernel;
    fn->flags = FN_FALLIBLE;
    return type_map(fn->arg_types[0].info->fields[0].type, fn->arg_types[1].info->fields[0].type,
                    &fn->result, binding->err);
}

static laminar_status map_extract_kernel(KERNEL_ARGS)
{
    const struct vector *keys = &args[0].children[0], *values = &args[0].children[1];
    size_t width = type_width(fn->result);
    for (size_t i = 0; i < n; i++) {
        size_t found = SIZE_MAX, key_row = args[1].shape == VEC_CONST ? 0 : i;
        if (vector_is_valid(&args[0], i) && vector_is_valid(&args[1], i)) {
            struct list_entry entry = ROW(struct list_entry, &args[0], i);
            for (uint32_t k = 0; k < entry.length && found == SIZE_MAX; k++)
                if (kernel_equal(keys, entry.offset + k, &args[1], key_row))
                    found = entry.offset + k;
        }
        bool is_valid = found != SIZE_MAX && vector_is_valid(values, found);
        laminar_status status = LAMINAR_OK;
        if (type_is_nested(fn->result))
            status = is_valid ? column_append(out, values, found, 1, STRINGS_BORROW, env->err)
                              : column_append_null(out, 1, env->err);
        else if (is_valid)
            memcpy((char *)out->vec.data + i * width, (const char *)values->data + found * width,
                   width);
        else
            status = out_null(out, i, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_map_extract(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (fn->arg_types[0].id != LAMINAR_TYPE_MAP) return bind_mismatch(binding);
    struct data_type key = fn->arg_types[0].info->fields[0].type;
    if (!cast_is_implicit(fn->arg_types[1], key, binding_is_string_literal(binding, 1)))
        return bind_mismatch(binding);
    fn->arg_types[1] = key;
    fn->result = fn->arg_types[0].info->fields[1].type;
    fn->kernel = map_extract_kernel;
    return LAMINAR_OK;
}

static laminar_status map_side_kernel(KERNEL_ARGS)
{
    uint32_t side = (uint32_t)(uintptr_t)fn->data;
    for (size_t i = 0; i < n; i++) {
        laminar_status status = LAMINAR_OK;
        if (!vector_is_valid(&args[0], i)) {
            status = column_append_null(out, 1, env->err);
        } else {
            struct list_entry entry = ROW(struct list_entry, &args[0], i);
            size_t first = out->children[0].n;
            if (entry.length)
                status = column_append(&out->children[0], &args[0].children[side], entry.offset,
                                       entry.length, STRINGS_BORROW, env->err);
            if (status == LAMINAR_OK) status = column_append_list(out, first, env->err);
        }
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_map_side(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (fn->arg_types[0].id != LAMINAR_TYPE_MAP) return bind_mismatch(binding);
    fn->data = fn->function->param;
    fn->kernel = map_side_kernel;
    return type_list(fn->arg_types[0].info->fields[(uintptr_t)fn->data].type, &fn->result,
                     binding->err);
}

static const struct scalar_function functions[] = {
    {"named_struct", "named_struct('name', value, ...) -> STRUCT", "A struct of the values", 2, 255,
     bind_pack, NULL},
    {"struct_pack", "struct_pack('name', value, ...) -> STRUCT", "Same as named_struct", 2, 255,
     bind_pack, NULL},
    {"struct_extract", "struct_extract(struct, 'name') -> type of the field", "A field", 2, 2,
     bind_extract, NULL},
    {"get_field", "get_field(struct, 'name') -> type of the field", "Same as struct_extract", 2, 2,
     bind_extract, NULL},
    {"map", "map(keys, values) -> MAP", "A map of two arrays", 2, 2, bind_make_map, NULL},
    {"map_extract", "map_extract(map, key) -> value", "The key's value; null if there is none", 2,
     2, bind_map_extract, NULL},
    {"element_at", "element_at(map, key) -> value", "Same as map_extract", 2, 2, bind_map_extract,
     NULL},
    {"map_keys", "map_keys(map) -> array", "The keys", 1, 1, bind_map_side, (void *)0},
    {"map_values", "map_values(map) -> array", "The values", 1, 1, bind_map_side, (void *)1},
};
SCALAR_FAMILY(nested, functions);
