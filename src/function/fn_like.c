/* fn_like.c - LIKE and ILIKE.
 *
 * A constant pattern is taken apart once: without `_` it is an equality, a prefix, a suffix, a part, or several parts in order; those are found with
 * memcmp and memmem. Other patterns go through a matcher that remembers the last `%` only, so its cost is bounded by size times pattern size.
 * `_` is one character; the escape is `\` unless ESCAPE says otherwise. ILIKE compares in lower case (Unicode's simple mapping). */
#include "function/string_tool.h"
#include <utf8proc.h>

enum { NO_ESCAPE = 0x110000 }; /* beyond Unicode */

/* --- The general matcher ------------------------------------------------------------------------------------------------------------------ */

static uint32_t fold(uint32_t code)
{
    if (code < 0x80) return code - 'A' < 26 ? code + 32 : code;
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)code);
}

static bool match_like(const char *s, size_t size, const char *p, size_t pattern_size,
                       uint32_t escape, bool ignores_case)
{
    const char *end = s + size, *pattern_end = p + pattern_size;
    const char *retry_s = NULL,
               *retry_p = NULL; /* after the last %: where to go on when the rest does not fit */
    while (s < end || p < pattern_end) {
        if (p < pattern_end) {
            size_t p_bytes, s_bytes;
            uint32_t wanted = decode_char(p, (size_t)(pattern_end - p), &p_bytes);
            bool is_escaped = wanted == escape && p + p_bytes < pattern_end;
            if (wanted == '%' && !is_escaped) {
                retry_p = p + 1;
                retry_s = s;
                p++;
                continue;
            }
            if (is_escaped) {
                p += p_bytes;
                wanted = decode_char(p, (size_t)(pattern_end - p), &p_bytes);
            }
            if (s < end) {
                uint32_t code = decode_char(s, (size_t)(end - s), &s_bytes);
                if ((wanted == '_' && !is_escaped) || code == wanted ||
                    (ignores_case && fold(code) == fold(wanted))) {
                    s += s_bytes;
                    p += p_bytes;
                    continue;
                }
            }
        }
        if (!retry_p || retry_s >= end) return false;
        retry_s += char_bytes(retry_s, (size_t)(end - retry_s));
        s = retry_s;
        p = retry_p;
    }
    return true;
}

/* --- Constant patterns ------------------------------------------------------------------------------------------------------------------------ */

enum like_form {
    LIKE_GENERAL,
    LIKE_EQUAL,
    LIKE_PREFIX,
    LIKE_SUFFIX,
    LIKE_CONTAINS,
    LIKE_PARTS,
    LIKE_ANYTHING
};

struct like_part {
    const char *data;
    size_t size;
};
/* In the plan's arena. */
struct like_pattern {
    enum like_form form;
    uint32_t escape;
    bool starts_open; /* begins with % */
    bool ends_open;
    size_t n_parts;
    struct like_part *parts; /* what stands between the %, escapes resolved */
};

static bool parts_match(const struct like_pattern *pattern, const char *s, size_t size)
{
    size_t first = 0, last = pattern->n_parts;
    const struct like_part *parts = pattern->parts;
    if (!pattern->starts_open) {
        if (size < parts[0].size || memcmp(s, parts[0].data, parts[0].size) != 0) return false;
        s += parts[0].size;
        size -= parts[0].size;
        first = 1;
    }
    if (!pattern->ends_open && last > first) {
        const struct like_part *tail = &parts[--last];
        if (size < tail->size || memcmp(s + size - tail->size, tail->data, tail->size) != 0)
            return false;
        size -= tail->size;
    }
    for (size_t i = first; i < last; i++) {
        size_t at = find_bytes(s, size, parts[i].data, parts[i].size);
        if (at == SIZE_MAX) return false;
        s += at + parts[i].size;
        size -= at + parts[i].size;
    }
    return true;
}

/* One loop a form, so that nothing is decided per row. */
#define LIKE_LOOP(TEST)                                                                            \
    for (size_t i = 0; i < n; i++) {                                                               \
        const struct string_view *view = &a[i];                                                    \
        const size_t size = view->size;                                                            \
        unused const char *s = string_data(view);                                                  \
        r[i] = TEST;                                                                               \
    }                                                                                              \
    break

static laminar_status like_constant_kernel(KERNEL_ARGS)
{
    const struct like_pattern *pattern = fn->data;
    const struct string_view *a = args[0].data;
    uint8_t *r = OUT(uint8_t, out);
    const char *part = pattern->n_parts ? pattern->parts[0].data : "";
    const size_t part_size = pattern->n_parts ? pattern->parts[0].size : 0;
    switch (pattern->form) {
    case LIKE_ANYTHING: memset(r, 1, n); break;
    case LIKE_EQUAL: LIKE_LOOP(size == part_size && memcmp(s, part, part_size) == 0);
    case LIKE_PREFIX:
        if (part_size <= 4) { /* the prefix lies in the view */
            uint32_t wanted = 0, mask = 0;
            memcpy(&wanted, part, part_size);
            memset(&mask, 0xFF, part_size);
            for (size_t i = 0; i < n; i++) {
                uint32_t word;
                memcpy(&word, a[i].prefix, 4);
                r[i] = (uint8_t)(((word & mask) == wanted) & (a[i].size >= part_size));
            }
            break;
        }
        LIKE_LOOP(size >= part_size && memcmp(view->prefix, part, 4) == 0 &&
                  memcmp(s, part, part_size) == 0);
    case LIKE_SUFFIX:
        LIKE_LOOP(size >= part_size && memcmp(s + size - part_size, part, part_size) == 0);
    case LIKE_CONTAINS: LIKE_LOOP(find_bytes(s, size, part, part_size) != SIZE_MAX);
    case LIKE_PARTS: LIKE_LOOP(parts_match(pattern, s, size));
    case LIKE_GENERAL: break; /* has another kernel */
    }
    return LAMINAR_OK;
}

/* Fills parts; false: the pattern needs the general matcher. */
static bool take_apart(struct arena *arena, const char *p, size_t size, uint32_t escape,
                       struct like_pattern *out, bool *is_oom)
{
    struct like_part *parts = ARENA_ARRAY(arena, struct like_part, size + 1);
    char *bytes = arena_alloc(arena, size + 1);
    *is_oom = !parts || !bytes;
    if (*is_oom) return false;
    size_t n = 0, used = 0, start = 0;
    bool after_percent = false;
    for (size_t at = 0, length; at < size; at += length) {
        uint32_t code = decode_char(p + at, size - at, &length);
        if (code == escape && at + length < size) {
            at += length;
            length = char_bytes(p + at, size - at);
        } else if (code == '_') {
            return false;
        } else if (code == '%') {
            if (at == 0) out->starts_open = true;
            if (used > start) parts[n++] = (struct like_part){bytes + start, used - start};
            start = used;
            after_percent = true;
            continue;
        }
        memcpy(bytes + used, p + at, length);
        used += length;
        after_percent = false;
    }
    if (used > start) parts[n++] = (struct like_part){bytes + start, used - start};
    out->ends_open = after_percent;
    out->parts = parts;
    out->n_parts = n;
    return true;
}

static enum like_form form_of(const struct like_pattern *pattern)
{
    if (pattern->n_parts == 0) return pattern->starts_open ? LIKE_ANYTHING : LIKE_EQUAL;
    if (pattern->n_parts > 1) return LIKE_PARTS;
    if (pattern->starts_open) return pattern->ends_open ? LIKE_CONTAINS : LIKE_SUFFIX;
    return pattern->ends_open ? LIKE_PREFIX : LIKE_EQUAL;
}

/* --- Kernels and binding ------------------------------------------------------------------------------------------------------------------------ */

static always_inline laminar_status like_rows(bool ignores_case, KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        OUT(uint8_t, out)[i] = 0;
        if (!column_is_valid(out, i)) continue;
        const struct string_view *s = &ROW(struct string_view, &args[0], i),
                                 *p = &ROW(struct string_view, &args[1], i);
        uint32_t escape = '\\';
        if (fn->n_args > 2) {
            const struct string_view *e = &ROW(struct string_view, &args[2], i);
            size_t bytes = 0;
            escape = e->size ? decode_char(string_data(e), e->size, &bytes) : NO_ESCAPE;
            if (unlikely(bytes != e->size)) {
                if (eval_fail(env, out, i, "the escape '%s' is not a single character",
                              VALUE_TEXT(&args[2], i)))
                    return eval_failure(env);
                continue;
            }
        }
        OUT(uint8_t, out)
        [i] = match_like(string_data(s), s->size, string_data(p), p->size, escape, ignores_case);
    }
    return LAMINAR_OK;
}
static laminar_status like_kernel(KERNEL_ARGS) { return like_rows(false, fn, env, args, n, out); }
static laminar_status ilike_kernel(KERNEL_ARGS) { return like_rows(true, fn, env, args, n, out); }

static laminar_status bind_like(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    bool ignores_case = fn->function->param != NULL;
    for (uint32_t i = 0; i < fn->n_args; i++) {
        if (cast_cost(fn->arg_types[i], TYPE(VARCHAR), binding_is_string_literal(binding, i)) < 0)
            return bind_mismatch(binding);
        fn->arg_types[i] = TYPE(VARCHAR);
    }
    fn->result = TYPE(BOOL);
    fn->kernel = ignores_case ? ilike_kernel : like_kernel;
    fn->flags = FN_STRICT | (fn->n_args > 2 ? FN_FALLIBLE : 0);
    const struct vector *constant = binding_constant(binding, 1),
                        *escape = fn->n_args > 2 ? binding_constant(binding, 2) : NULL;
    if (ignores_case || !constant || constant->type.id != LAMINAR_TYPE_VARCHAR ||
        (fn->n_args > 2 && !escape))
        return LAMINAR_OK;
    struct like_pattern *pattern = ARENA_NEW(binding->arena, struct like_pattern);
    if (!pattern) return error_oom(binding->err);
    pattern->escape = '\\';
    if (escape) {
        const struct string_view *e = escape->data;
        size_t bytes = 0;
        pattern->escape = e->size ? decode_char(string_data(e), e->size, &bytes) : NO_ESCAPE;
        if (bytes != e->size)
            return error_set(binding->err, LAMINAR_QUERY_FAILED,
                             "the escape '%s' is not a single character", VALUE_TEXT(escape, 0));
    }
    const struct string_view *p = constant->data;
    bool is_oom;
    if (!take_apart(binding->arena, string_data(p), p->size, pattern->escape, pattern, &is_oom))
        return is_oom ? error_oom(binding->err) : LAMINAR_OK;
    pattern->form = form_of(pattern);
    fn->data = pattern;
    fn->kernel = like_constant_kernel;
    fn->flags = FN_STRICT;
    return LAMINAR_OK;
}

static const struct scalar_function functions[] = {
    {"like", "text LIKE pattern [ESCAPE character]",
     "True if the text fits the pattern: % is any text, _ any character", 2, 3, bind_like, NULL},
    {"ilike", "text ILIKE pattern [ESCAPE character]", "LIKE without regard to case", 2, 3,
     bind_like, (void *)1},
};
SCALAR_FAMILY(like, functions);
