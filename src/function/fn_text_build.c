/* fn_text_build.c - functions that make new texts: concatenation, padding, repeating, replacing, reversing.
 *
 * Results are limited to STRING_RESULT_MAX bytes; longer ones are row errors. */
#include "function/string_tool.h"

#define TEXT(name, k)                                                                              \
    const struct string_view *name##_view = &ROW(struct string_view, &args[k], i);                 \
    const char *name = string_data(name##_view);                                                   \
    const size_t name##_size = name##_view->size

/* --- Concatenation ---------------------------------------------------------------------------------------------------------------------- */

static laminar_status concat_two_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(a, 0);
        TEXT(b, 1);
        if (unlikely(a_size + b_size > STRING_RESULT_MAX)) {
            if (too_long_fail(fn, env, out, i, a_size + b_size)) return eval_failure(env);
            continue;
        }
        char *r = string_start(out, i, a_size + b_size);
        if (!r) return error_oom(env->err);
        memcpy(r, a, a_size);
        memcpy(r + a_size, b, b_size);
        string_end(out, i);
    }
    return LAMINAR_OK;
}

/* concat: nulls count as empty. concat_ws: the first argument stands between those that aren't null. */
static always_inline laminar_status join(bool has_separator, KERNEL_ARGS)
{
    uint32_t first = has_separator ? 1 : 0;
    for (size_t i = 0; i < n; i++) {
        if (has_separator && !vector_is_valid(&args[0], i)) {
            laminar_status status = out_null(out, i, env->err);
            if (status != LAMINAR_OK) return status;
            continue;
        }
        const struct string_view *separator = has_separator ? &ROW(struct string_view, &args[0], i)
                                                            : NULL;
        size_t size = 0, parts = 0, separator_size = separator ? separator->size : 0;
        for (uint32_t k = first; k < fn->n_args; k++) {
            if (!vector_is_valid(&args[k], i)) continue;
            size += ROW(struct string_view, &args[k], i).size + (parts++ ? separator_size : 0);
        }
        if (unlikely(size > STRING_RESULT_MAX)) {
            if (too_long_fail(fn, env, out, i, size)) return eval_failure(env);
            continue;
        }
        char *r = string_start(out, i, size);
        if (!r) return error_oom(env->err);
        parts = 0;
        for (uint32_t k = first; k < fn->n_args; k++) {
            if (!vector_is_valid(&args[k], i)) continue;
            TEXT(s, k);
            if (parts++ && separator_size)
                memcpy(r, string_data(separator), separator_size), r += separator_size;
            memcpy(r, s, s_size);
            r += s_size;
        }
        string_end(out, i);
    }
    return LAMINAR_OK;
}
static laminar_status concat_kernel(KERNEL_ARGS) { return join(false, fn, env, args, n, out); }
static laminar_status concat_ws_kernel(KERNEL_ARGS) { return join(true, fn, env, args, n, out); }

laminar_status bind_list_concat(struct function_binding *binding); /* fn_list.c */

/* Everything becomes text. */
static laminar_status bind_concat(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    for (uint32_t i = 0; i < fn->n_args; i++) {
        if (fn->arg_types[i].id == LAMINAR_TYPE_BINARY) return bind_mismatch(binding);
        fn->arg_types[i] = TYPE(VARCHAR);
    }
    fn->kernel = fn->function->param ? concat_ws_kernel : concat_kernel;
    fn->result = TYPE(VARCHAR);
    fn->flags = FN_FALLIBLE;
    return LAMINAR_OK;
}
/* a || b: text with anything, or bytes with bytes, or lists. */
static laminar_status bind_concat_operator(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type *types = fn->arg_types;
    if (types[0].id == LAMINAR_TYPE_LIST || types[1].id == LAMINAR_TYPE_LIST)
        return bind_list_concat(binding);
    bool is_binary = types[0].id == LAMINAR_TYPE_BINARY || types[1].id == LAMINAR_TYPE_BINARY;
    for (uint32_t i = 0; i < 2; i++) {
        bool fits = !is_binary || types[i].id == LAMINAR_TYPE_BINARY ||
                    types[i].id == LAMINAR_TYPE_NULL || binding_is_string_literal(binding, i);
        if (!fits) return bind_mismatch(binding);
    }
    bool has_text = false;
    for (uint32_t i = 0; i < 2; i++)
        has_text = has_text || types[i].id == LAMINAR_TYPE_VARCHAR ||
                   types[i].id == LAMINAR_TYPE_JSON;
    bool has_null = types[0].id == LAMINAR_TYPE_NULL || types[1].id == LAMINAR_TYPE_NULL;
    if (!is_binary && !has_text && !has_null) return bind_mismatch(binding);
    fn->result = types[0] = types[1] = is_binary ? TYPE(BINARY) : TYPE(VARCHAR);
    fn->kernel = concat_two_kernel;
    fn->flags = FN_STRICT | FN_FALLIBLE;
    return LAMINAR_OK;
}

/* --- Padding, repeating -------------------------------------------------------------------------------------------------------------------- */

static laminar_status repeat_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        int64_t count = ROW(int64_t, &args[1], i);
        size_t size;
        if (count < 0) count = 0;
        if (unlikely(!size_mul(s_size, (size_t)count, &size) || size > STRING_RESULT_MAX)) {
            if (too_long_fail(fn, env, out, i, size)) return eval_failure(env);
            continue;
        }
        char *r = string_start(out, i, size);
        if (!r) return error_oom(env->err);
        for (size_t at = 0; at < size; at += s_size) memcpy(r + at, s, s_size);
        string_end(out, i);
    }
    return LAMINAR_OK;
}

static always_inline laminar_status pad(bool is_left, KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        int64_t wanted = ROW(int64_t, &args[1], i);
        const char *fill = " ";
        size_t fill_size = 1;
        if (fn->n_args > 2) {
            const struct string_view *view = &ROW(struct string_view, &args[2], i);
            fill = string_data(view);
            fill_size = view->size;
        }
        size_t chars = count_chars(s, s_size);
        if (wanted <= 0 || (uint64_t)wanted <= chars ||
            fill_size == 0) { /* cut, or left as it is */
            out_string_borrow(out, i, s, wanted <= 0 ? 0 : char_offset(s, s_size, (size_t)wanted));
            continue;
        }
        size_t missing = (size_t)wanted - chars, fill_chars = count_chars(fill, fill_size), whole;
        if (unlikely((uint64_t)wanted > STRING_RESULT_MAX ||
                     !size_mul(missing / fill_chars, fill_size, &whole) ||
                     whole > STRING_RESULT_MAX)) {
            if (too_long_fail(fn, env, out, i, (size_t)wanted)) return eval_failure(env);
            continue;
        }
        size_t padding = whole + char_offset(fill, fill_size, missing % fill_chars);
        char *r = string_start(out, i, s_size + padding);
        if (!r) return error_oom(env->err);
        char *p = is_left ? r : r + s_size;
        for (size_t at = 0; at < padding; at += fill_size)
            memcpy(p + at, fill, padding - at < fill_size ? padding - at : fill_size);
        memcpy(is_left ? r + padding : r, s, s_size);
        string_end(out, i);
    }
    return LAMINAR_OK;
}
static laminar_status lpad_kernel(KERNEL_ARGS) { return pad(true, fn, env, args, n, out); }
static laminar_status rpad_kernel(KERNEL_ARGS) { return pad(false, fn, env, args, n, out); }

/* --- Replacing, reversing ------------------------------------------------------------------------------------------------------------------- */

static laminar_status replace_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        TEXT(from, 1);
        TEXT(to, 2);
        size_t count = 0, found;
        if (from_size)
            for (size_t at = 0;
                 (found = find_bytes(s + at, s_size - at, from, from_size)) != SIZE_MAX;
                 at += found + from_size)
                count++;
        if (count == 0) {
            OUT(struct string_view, out)[i] = *s_view;
            continue;
        }
        size_t added;
        if (unlikely(!size_mul(count, to_size, &added) || added > STRING_RESULT_MAX ||
                     s_size + added > (size_t)STRING_RESULT_MAX + count * from_size)) {
            if (too_long_fail(fn, env, out, i, s_size + added)) return eval_failure(env);
            continue;
        }
        char *r = string_start(out, i, s_size - count * from_size + added);
        if (!r) return error_oom(env->err);
        size_t at = 0;
        while ((found = find_bytes(s + at, s_size - at, from, from_size)) != SIZE_MAX) {
            memcpy(r, s + at, found);
            memcpy(r + found, to, to_size);
            r += found + to_size;
            at += found + from_size;
        }
        memcpy(r, s + at, s_size - at);
        string_end(out, i);
    }
    return LAMINAR_OK;
}

/* Each character of `from` becomes the one at its place in `to`, or goes. */
static laminar_status translate_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        TEXT(from, 1);
        TEXT(to, 2);
        char *r = column_string_alloc(out,
                                      s_size * 4); /* a character may become one of four bytes */
        size_t used = 0, bytes;
        if (!r) return error_oom(env->err);
        for (size_t at = 0; at < s_size; at += bytes) {
            bytes = char_bytes(s + at, s_size - at);
            size_t index = 0, place = 0, length;
            for (; place < from_size; place += length, index++) {
                length = char_bytes(from + place, from_size - place);
                if (length == bytes && memcmp(from + place, s + at, bytes) == 0) break;
            }
            if (place >= from_size) {
                memcpy(r + used, s + at, bytes);
                used += bytes;
                continue;
            }
            size_t target = char_offset(to, to_size, index),
                   target_bytes = char_bytes(to + target, to_size - target);
            memcpy(r + used, to + target, target_bytes);
            used += target_bytes;
        }
        out_string_borrow(out, i, r, used);
    }
    return LAMINAR_OK;
}

static laminar_status reverse_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        char *r = string_start(out, i, s_size);
        if (!r) return error_oom(env->err);
        for (size_t at = 0, bytes; at < s_size; at += bytes) {
            bytes = char_bytes(s + at, s_size - at);
            memcpy(r + s_size - at - bytes, s + at, bytes);
        }
        string_end(out, i);
    }
    return LAMINAR_OK;
}

/* overlay(s, new, from [, count]): count characters from position `from` on become the new text. */
static laminar_status overlay_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        TEXT(new, 1);
        int64_t from = ROW(int64_t, &args[2], i), count = fn->n_args > 3
                                                              ? ROW(int64_t, &args[3], i)
                                                              : (int64_t)count_chars(new, new_size);
        size_t start = char_offset(s, s_size, from > 1 ? (size_t)from - 1 : 0);
        size_t end = start + char_offset(s + start, s_size - start, count > 0 ? (size_t)count : 0);
        size_t size = start + new_size + (s_size - end);
        if (unlikely(size > STRING_RESULT_MAX)) {
            if (too_long_fail(fn, env, out, i, size)) return eval_failure(env);
            continue;
        }
        char *r = string_start(out, i, size);
        if (!r) return error_oom(env->err);
        memcpy(r, s, start);
        memcpy(r + start, new, new_size);
        memcpy(r + start + new_size, s + end, s_size - end);
        string_end(out, i);
    }
    return LAMINAR_OK;
}

/* quote_ident("), quote_literal('): the quote sign is doubled inside. */
static always_inline laminar_status quote(char sign, KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        size_t signs = 0;
        for (size_t k = 0; k < s_size; k++) signs += s[k] == sign;
        char *r = string_start(out, i, s_size + signs + 2);
        if (!r) return error_oom(env->err);
        *r++ = sign;
        for (size_t k = 0; k < s_size; k++) {
            if (s[k] == sign) *r++ = sign;
            *r++ = s[k];
        }
        *r = sign;
        string_end(out, i);
    }
    return LAMINAR_OK;
}
static laminar_status quote_ident_kernel(KERNEL_ARGS) { return quote('"', fn, env, args, n, out); }
static laminar_status quote_literal_kernel(KERNEL_ARGS)
{
    return quote('\'', fn, env, args, n, out);
}

/* Edit distance of two texts, by characters; two rows of the table in the scratch arena. */
static laminar_status levenshtein_kernel(KERNEL_ARGS)
{
    enum { LENGTH_MAX = 10000 };
    struct arena arena = {0};
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        TEXT(a, 0);
        TEXT(b, 1);
        OUT(int64_t, out)[i] = 0;
        if (a_size > LENGTH_MAX || b_size > LENGTH_MAX) {
            if (column_is_valid(out, i) &&
                eval_fail(env, out, i, "levenshtein: texts of more than %d bytes are not compared",
                          LENGTH_MAX))
                status = eval_failure(env);
            continue;
        }
        arena_reset(&arena);
        size_t b_chars = count_chars(b, b_size), bytes;
        uint32_t *row = arena_alloc(&arena, (b_chars + 1) * sizeof *row),
                 *chars = arena_alloc(&arena, (b_chars + 1) * sizeof *chars);
        if (!row || !chars) {
            status = error_oom(env->err);
            break;
        }
        for (size_t at = 0, k = 0; at < b_size; at += bytes)
            chars[k++] = decode_char(b + at, b_size - at, &bytes);
        for (size_t k = 0; k <= b_chars; k++) row[k] = (uint32_t)k;
        uint32_t line = 0;
        for (size_t at = 0; at < a_size; at += bytes) {
            uint32_t code = decode_char(a + at, a_size - at, &bytes), diagonal = row[0];
            row[0] = ++line;
            for (size_t k = 1; k <= b_chars; k++) {
                uint32_t above = row[k], best = diagonal + (chars[k - 1] != code);
                if (above + 1 < best) best = above + 1;
                if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
                diagonal = above;
                row[k] = best;
            }
        }
        OUT(int64_t, out)[i] = row[b_chars];
    }
    arena_deinit(&arena);
    return status;
}

#define FALLIBLE (FN_STRICT | FN_FALLIBLE)
static const struct scalar_function functions[] = {
    {"||", "a || b -> VARCHAR, BINARY or array", "One after the other", 2, 2, bind_concat_operator,
     NULL},
    {"concat", "concat(a, b, ...) -> VARCHAR", "One after the other; nulls are left out", 1, 255,
     bind_concat, NULL},
    {"concat_ws", "concat_ws(separator, a, b, ...) -> VARCHAR",
     "One after the other with the separator between; nulls are left out", 2, 255, bind_concat,
     (void *)1},
    {"repeat", "repeat(text, n) -> VARCHAR", "The text n times", 2, 2, bind_overloads,
     OVERLOADS({"s:sl", repeat_kernel, FALLIBLE, NULL})},
    {"lpad", "lpad(text, length [, fill]) -> VARCHAR",
     "Filled up (or cut) to the length at the start", 2, 3, bind_overloads,
     OVERLOADS({"s:sl", lpad_kernel, FALLIBLE, NULL}, {"s:sls", lpad_kernel, FALLIBLE, NULL})},
    {"rpad", "rpad(text, length [, fill]) -> VARCHAR",
     "Filled up (or cut) to the length at the end", 2, 3, bind_overloads,
     OVERLOADS({"s:sl", rpad_kernel, FALLIBLE, NULL}, {"s:sls", rpad_kernel, FALLIBLE, NULL})},
    {"replace", "replace(text, from, to) -> VARCHAR", "Every `from` in the text becomes `to`", 3, 3,
     bind_overloads, OVERLOADS({"s:sss", replace_kernel, FALLIBLE, NULL})},
    {"translate", "translate(text, from, to) -> VARCHAR",
     "Each character of `from` becomes the one at its place in `to`", 3, 3, bind_overloads,
     OVERLOADS({"s:sss", translate_kernel, FN_STRICT, NULL})},
    {"reverse", "reverse(text) -> VARCHAR", "The characters in reverse order", 1, 1, bind_overloads,
     OVERLOADS({"s:s", reverse_kernel, FN_STRICT, NULL})},
    {"overlay", "overlay(text, new, from [, count]) -> VARCHAR", "A part of the text replaced", 3,
     4, bind_overloads,
     OVERLOADS({"s:ssl", overlay_kernel, FALLIBLE, NULL},
               {"s:ssll", overlay_kernel, FALLIBLE, NULL})},
    {"quote_ident", "quote_ident(text) -> VARCHAR", "In double quotes", 1, 1, bind_overloads,
     OVERLOADS({"s:s", quote_ident_kernel, FN_STRICT, NULL})},
    {"quote_literal", "quote_literal(text) -> VARCHAR", "In single quotes", 1, 1, bind_overloads,
     OVERLOADS({"s:s", quote_literal_kernel, FN_STRICT, NULL})},
    {"levenshtein", "levenshtein(a, b) -> BIGINT", "How many characters must change, come or go", 2,
     2, bind_overloads, OVERLOADS({"l:ss", levenshtein_kernel, FALLIBLE, NULL})},
};
SCALAR_FAMILY(text_build, functions);
