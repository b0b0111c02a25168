/* regex.c - see regex.h. SIMILAR TO patterns become regular expressions first. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "function/regex.h"

enum {
    MATCH_LIMIT_STEPS = 1000000, /* calls of the matcher; the JIT counts them too */
    MATCH_LIMIT_HEAP_KB = 20000,
    PATTERN_SIZE_MAX = 32768
};

struct regex {
    pcre2_code *code;
    uint32_t flags;
    uint32_t n_groups;
};
struct matcher {
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_match_data *data;
};

bool regex_parse_flags(const char *text, size_t size, uint32_t *flags)
{
    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case 'i': *flags |= REGEX_NO_CASE; break;
        case 'c': *flags &= ~(uint32_t)REGEX_NO_CASE; break;
        case 'g': *flags |= REGEX_GLOBAL; break;
        case 's': *flags |= REGEX_DOT_ALL; break;
        case 'm':
        case 'n': *flags |= REGEX_MULTILINE; break;
        case 'x': *flags |= REGEX_EXTENDED; break;
        default: return false;
        }
    }
    return true;
}

/* The heap, for compiled patterns: PCRE2 wants sizes forgotten. */
static void *heap_alloc(PCRE2_SIZE size, unused void *context) { return mem_alloc(size); }
static void heap_free(void *ptr, unused void *context) { mem_free(ptr); }
/* An arena, for matching: nothing is freed singly. */
static void *matcher_alloc(PCRE2_SIZE size, void *arena) { return arena_alloc(arena, size); }
static void matcher_free(unused void *ptr, unused void *arena) {}

static void regex_release(void *object) { pcre2_code_free(((struct regex *)object)->code); }

/* SIMILAR TO: % and _ are .* and . ; | * + ? { } ( ) [ ] keep their meaning; all else stands for itself. The whole text must match. */
static bool from_similar(struct strbuf *out, const char *p, size_t size)
{
    bool in_class = false;
    strbuf_puts(out, "\\A(?:");
    for (size_t i = 0; i < size; i++) {
        char c = p[i];
        if (c == '\\' && i + 1 < size) {
            strbuf_putc(out, '\\');
            strbuf_putc(out, p[++i]);
        } else if (in_class) {
            in_class = c != ']';
            if (c == '[') strbuf_putc(out, '\\');
            strbuf_putc(out, c);
        } else if (c == '%') {
            strbuf_puts(out, ".*");
        } else if (c == '_') {
            strbuf_putc(out, '.');
        } else if (c == '(') {
            strbuf_puts(out, "(?:");
        } else {
            if (c == '[') in_class = true;
            if (strchr(".^$#", c) && c) strbuf_putc(out, '\\');
            strbuf_putc(out, c);
        }
    }
    strbuf_puts(out, ")\\z");
    return !out->failed;
}

static laminar_status compile_failed(const char *pattern, size_t size, int code, PCRE2_SIZE offset,
                                     struct laminar_error *err)
{
    PCRE2_UCHAR reason[160];
    if (code == PCRE2_ERROR_HEAP_FAILED) return error_oom(err);
    if (pcre2_get_error_message(code, reason, sizeof reason) < 0) reason[0] = 0;
    error_set(err, LAMINAR_QUERY_FAILED, "invalid regular expression '%.*s': %s at position %zu",
              (int)(size > 200 ? 200 : size), pattern, (const char *)reason, offset + 1);
    return LAMINAR_QUERY_FAILED;
}

laminar_status regex_compile(struct arena *arena, const char *pattern, size_t size, uint32_t flags,
                             const struct regex **out, struct laminar_error *err)
{
    struct strbuf similar = {0};
    struct regex *regex = ARENA_NEW(arena, struct regex);
    laminar_status status = LAMINAR_OK;
    pcre2_general_context *memory = pcre2_general_context_create(heap_alloc, heap_free, NULL);
    pcre2_compile_context *context = memory ? pcre2_compile_context_create(memory) : NULL;
    if (!regex || !context || ((flags & REGEX_SIMILAR) && !from_similar(&similar, pattern, size))) {
        status = error_oom(err);
        goto done;
    }
    uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C;
    if (flags & REGEX_NO_CASE) options |= PCRE2_CASELESS;
    if (flags & (REGEX_DOT_ALL | REGEX_SIMILAR)) options |= PCRE2_DOTALL;
    if (flags & REGEX_MULTILINE) options |= PCRE2_MULTILINE;
    if (flags & REGEX_EXTENDED) options |= PCRE2_EXTENDED;
    int code;
    PCRE2_SIZE offset;
    pcre2_set_max_pattern_length(context, PATTERN_SIZE_MAX);
    regex->code = similar.data
                      ? pcre2_compile((PCRE2_SPTR)similar.data, similar.size, options, &code,
                                      &offset, context)
                      : pcre2_compile((PCRE2_SPTR)pattern, size, options, &code, &offset, context);
    if (!regex->code) {
        status = compile_failed(pattern, size, code, offset, err);
        goto done;
    }
    pcre2_jit_compile(
        regex->code,
        PCRE2_JIT_COMPLETE); /* where there is no JIT the interpreter does the same, slower */
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->n_groups);
    regex->flags = flags;
    if (!arena_on_release(arena, regex_release, regex)) {
        regex_release(regex);
        status = error_oom(err);
        goto done;
    }
    *out = regex;
done:
    strbuf_deinit(&similar);
    if (context) pcre2_compile_context_free(context);
    if (memory) pcre2_general_context_free(memory);
    return status;
}

uint32_t regex_groups(const struct regex *regex) { return regex->n_groups; }
bool regex_has_flag(const struct regex *regex, enum regex_flags flag)
{
    return regex->flags & flag;
}

laminar_status matcher_create(struct arena *arena, struct matcher **out, struct laminar_error *err)
{
    enum { GROUPS_MAX = 64 }; /* spans beyond are not asked for */
    struct matcher *matcher = ARENA_NEW(arena, struct matcher);
    if (!matcher) return error_oom(err);
    matcher->memory = pcre2_general_context_create(matcher_alloc, matcher_free, arena);
    if (!matcher->memory) return error_oom(err);
    matcher->limits = pcre2_match_context_create(matcher->memory);
    matcher->data = pcre2_match_data_create(GROUPS_MAX, matcher->memory);
    if (!matcher->limits || !matcher->data) return error_oom(err);
    pcre2_set_match_limit(matcher->limits, MATCH_LIMIT_STEPS);
    pcre2_set_heap_limit(matcher->limits, MATCH_LIMIT_HEAP_KB);
    *out = matcher;
    return LAMINAR_OK;
}

enum match_result regex_match(const struct regex *regex, struct matcher *matcher, const char *text,
                              size_t size, size_t from, const size_t **spans)
{
    /* NOLINTNEXTLINE(misc-redundant-expression): PCRE2 may be configured with another type */
    static_assert(sizeof(PCRE2_SIZE) == sizeof(size_t), "spans are handed on as they are");
    int count = pcre2_match(regex->code, (PCRE2_SPTR)text, size, from, PCRE2_NO_UTF_CHECK,
                            matcher->data, matcher->limits);
    if (spans) *spans = pcre2_get_ovector_pointer(matcher->data);
    if (count >= 0) return MATCH_FOUND;
    if (count == PCRE2_ERROR_NOMATCH) return MATCH_NONE;
    return count == PCRE2_ERROR_NOMEMORY ? MATCH_OOM : MATCH_LIMIT;
}
