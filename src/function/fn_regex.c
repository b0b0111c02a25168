/* fn_regex.c - ~ and its kin, SIMILAR TO, regexp_like, regexp_match, regexp_replace, regexp_count, regexp_extract.
 *
 * Constant patterns are compiled when the function is bound; others once a run of equal ones. A pattern that takes too many steps on a row is a
 * row error, never a hang. Flags: i (no case), g (all places), s (. takes newlines too), m (^ and $ at lines), x (blanks don't count). */
#include "function/regex.h"
#include "function/string_tool.h"

/* The pattern is argument 1, the flags (constant) may be argument `flags_arg`. In the plan's arena. */
struct regex_data {
    const struct regex *regex; /* NULL: the pattern is not constant */
    uint32_t flags;
    bool is_negated;
};

/* What a kernel call needs while it runs. */
struct regex_run {
    const struct regex_data *data;
    struct arena own;
    struct matcher *matcher;
    const struct regex *regex;          /* of the current row */
    const struct string_view *compiled; /* its pattern, when not constant */
};

static laminar_status run_begin(struct regex_run *run, const struct bound_function *fn,
                                struct eval_env *env)
{
    *run = (struct regex_run){.data = fn->data};
    run->regex = run->data->regex;
    return matcher_create(run->regex && env->scratch ? env->scratch : &run->own, &run->matcher,
                          env->err);
}
static void run_end(struct regex_run *run) { arena_deinit(&run->own); }

/* Brings run->regex to the pattern of row i. *is_bad: the row's pattern is invalid, and was dealt with. */
static laminar_status run_row(struct regex_run *run, struct eval_env *env,
                              const struct vector *args, struct column *out, size_t i, bool *is_bad)
{
    *is_bad = false;
    if (run->data->regex) return LAMINAR_OK;
    const struct string_view *pattern = &ROW(struct string_view, &args[1], i);
    if (run->compiled && string_equal(run->compiled, pattern)) return LAMINAR_OK;
    struct laminar_error invalid = {0};
    arena_deinit(&run->own); /* releases the last pattern */
    run->compiled = NULL;
    laminar_status status = matcher_create(&run->own, &run->matcher, env->err);
    if (status != LAMINAR_OK) return status;
    status = regex_compile(&run->own, string_data(pattern), pattern->size, run->data->flags,
                           &run->regex, &invalid);
    if (status == LAMINAR_OK) {
        run->compiled = pattern;
        return LAMINAR_OK;
    }
    if (status == LAMINAR_OUT_OF_MEMORY) return error_oom(env->err);
    *is_bad = true;
    return eval_fail(env, out, i, "%s", invalid.message) ? eval_failure(env) : LAMINAR_OK;
}

/* MATCH_NONE and MATCH_FOUND as *found; else the row's error. */
static laminar_status run_match(struct regex_run *run, struct eval_env *env, struct column *out,
                                size_t i, const struct string_view *text, size_t from,
                                const size_t **spans, bool *found)
{
    enum match_result result = regex_match(run->regex, run->matcher, string_data(text), text->size,
                                           from, spans);
    *found = result == MATCH_FOUND;
    if (result <= MATCH_FOUND) return LAMINAR_OK;
    if (result == MATCH_OOM) return error_oom(env->err);
    bool fails = eval_fail(env, out, i,
                           "the regular expression takes too many steps on a text of %u bytes",
                           (unsigned)text->size);
    return fails ? eval_failure(env) : LAMINAR_OK;
}

/* The loop of all kernels: BODY sees `text` (string_view), `i`, and run. */
#define REGEX_ROWS(DEFAULT, BODY)                                                                  \
    struct regex_run run;                                                                          \
    laminar_status status = run_begin(&run, fn, env);                                              \
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {                                       \
        DEFAULT;                                                                                   \
        if (!column_is_valid(out, i)) continue;                                                    \
        bool is_bad;                                                                               \
        status = run_row(&run, env, args, out, i, &is_bad);                                        \
        if (status != LAMINAR_OK || is_bad) continue;                                              \
        const struct string_view *text = &ROW(struct string_view, &args[0], i);                    \
        BODY                                                                                       \
    }                                                                                              \
    run_end(&run);                                                                                 \
    return status

static laminar_status like_kernel(KERNEL_ARGS)
{
    REGEX_ROWS(OUT(uint8_t, out)[i] = 0, {
        bool found;
        status = run_match(&run, env, out, i, text, 0, NULL, &found);
        OUT(uint8_t, out)[i] = (uint8_t)(found != run.data->is_negated);
    });
}

/* Where to look next after a match: an empty one must not be found again. */
static size_t next_start(const char *text, size_t size, const size_t *spans)
{
    return spans[1] > spans[0]
               ? spans[1]
               : spans[1] + char_bytes(text + spans[1], size - spans[1]) + (spans[1] >= size);
}

static laminar_status count_kernel(KERNEL_ARGS)
{
    REGEX_ROWS(OUT(int64_t, out)[i] = 0, {
        const size_t *spans;
        bool found = true;
        for (size_t at = 0; at <= text->size && found && status == LAMINAR_OK;) {
            status = run_match(&run, env, out, i, text, at, &spans, &found);
            if (!found) break;
            OUT(int64_t, out)[i]++;
            at = next_start(string_data(text), text->size, spans);
        }
    });
}

/* regexp_extract(text, pattern [, group]): '' where nothing is found. */
static laminar_status extract_kernel(KERNEL_ARGS)
{
    bool has_group = fn->n_args > 2 && fn->arg_types[2].id == LAMINAR_TYPE_INT64;
    REGEX_ROWS(out_string_borrow(out, i, "", 0), {
        int64_t group = has_group ? ROW(int64_t, &args[2], i) : 0;
        const size_t *spans;
        bool found;
        if (group < 0 || group > regex_groups(run.regex) || group > 63) {
            if (eval_fail(env, out, i, "the regular expression has no group %lld",
                          (long long)group))
                status = eval_failure(env);
            continue;
        }
        status = run_match(&run, env, out, i, text, 0, &spans, &found);
        if (!found || spans[2 * group] == SIZE_MAX) continue;
        out_string_borrow(out, i, string_data(text) + spans[2 * group],
                          spans[2 * group + 1] - spans[2 * group]);
    });
}

/* \1 to \9, \0 and \& in the replacement stand for groups and the whole match. */
static void put_replacement(struct strbuf *result, const struct string_view *replacement,
                            const char *text, const size_t *spans, uint32_t groups)
{
    const char *r = string_data(replacement);
    for (size_t k = 0; k < replacement->size; k++) {
        if (r[k] != '\\' || k + 1 == replacement->size) {
            strbuf_putc(result, r[k]);
            continue;
        }
        char c = r[++k];
        uint32_t group = c == '&' ? 0 : (uint32_t)(c - '0');
        if (c != '&' && (c < '0' || c > '9'))
            strbuf_putc(result, c);
        else if (group <= groups && spans[2 * group] != SIZE_MAX)
            strbuf_append(result, text + spans[2 * group], spans[2 * group + 1] - spans[2 * group]);
    }
}

static laminar_status replace_kernel(KERNEL_ARGS)
{
    struct strbuf result = {0};
    const struct regex_data *data = fn->data;
    struct regex_run run;
    laminar_status status = run_begin(&run, fn, env);
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        out_string_borrow(out, i, "", 0);
        if (!column_is_valid(out, i)) continue;
        bool is_bad, found = true;
        status = run_row(&run, env, args, out, i, &is_bad);
        if (status != LAMINAR_OK || is_bad) continue;
        const struct string_view *text = &ROW(struct string_view, &args[0], i),
                                 *replacement = &ROW(struct string_view, &args[2], i);
        const char *s = string_data(text);
        const size_t *spans;
        size_t copied = 0;
        strbuf_clear(&result);
        for (size_t at = 0; at <= text->size && status == LAMINAR_OK;) {
            status = run_match(&run, env, out, i, text, at, &spans, &found);
            if (!found) break;
            strbuf_append(&result, s + copied, spans[0] - copied);
            put_replacement(&result, replacement, s, spans,
                            regex_groups(run.regex) < 63 ? regex_groups(run.regex) : 63);
            copied = spans[1];
            at = next_start(s, text->size, spans);
            if (!(data->flags & REGEX_GLOBAL) || result.size > STRING_RESULT_MAX) break;
        }
        if (status != LAMINAR_OK || !column_is_valid(out, i)) continue;
        strbuf_append(&result, s + copied, text->size - copied);
        if (result.failed)
            status = error_oom(env->err);
        else if (result.size > STRING_RESULT_MAX)
            status = too_long_fail(fn, env, out, i, result.size) ? eval_failure(env) : LAMINAR_OK;
        else
            status = out_string(out, i, result.data ? result.data : "", result.size, env->err);
    }
    strbuf_deinit(&result);
    run_end(&run);
    return status;
}

/* regexp_match: the groups of the first match (or the match itself, where there are none), null where there is none. Appends rows. */
static laminar_status match_kernel(KERNEL_ARGS)
{
    struct regex_run run;
    laminar_status status = run_begin(&run, fn, env);
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        bool is_bad = false, found = false;
        const size_t *spans;
        const struct string_view *text = NULL;
        if (vector_is_valid(&args[0], i) && vector_is_valid(&args[1], i)) {
            text = &ROW(struct string_view, &args[0], i);
            status = run_row(&run, env, args, out, i, &is_bad);
            if (status == LAMINAR_OK && !is_bad)
                status = run_match(&run, env, out, i, text, 0, &spans, &found);
            if (status != LAMINAR_OK) break;
        }
        if (!found) {
            status = column_append_null(out, 1, env->err);
            continue;
        }
        size_t first = out->children[0].n;
        uint32_t groups = regex_groups(run.regex) < 63 ? regex_groups(run.regex) : 63;
        for (uint32_t g = groups ? 1 : 0; g <= groups && status == LAMINAR_OK; g++) {
            bool is_absent = spans[2 * g] == SIZE_MAX;
            status = is_absent
                         ? column_append_null(&out->children[0], 1, env->err)
                         : column_append_string(&out->children[0], string_data(text) + spans[2 * g],
                                                spans[2 * g + 1] - spans[2 * g], env->err);
        }
        if (status == LAMINAR_OK) status = column_append_list(out, first, env->err);
    }
    run_end(&run);
    return status;
}

/* --- Binding ---------------------------------------------------------------------------------------------------------------------------------- */

struct regex_function {
    scalar_kernel kernel;
    uint32_t flags;
    uint8_t flags_arg; /* index of the argument with the flags; 0 = none */
    bool is_negated;
    uint8_t result; /* laminar_type; LIST = VARCHAR[] */
};

static laminar_status regex_flags(struct function_binding *binding, uint32_t arg, uint32_t *flags)
{
    const struct vector *constant = binding_constant(binding, arg);
    const struct string_view *text = constant && constant->type.id == LAMINAR_TYPE_VARCHAR
                                         ? constant->data
                                         : NULL;
    if (text && regex_parse_flags(string_data(text), text->size, flags)) return LAMINAR_OK;
    error_set(binding->err, text ? LAMINAR_QUERY_FAILED : LAMINAR_QUERY_UNSUPPORTED,
              "%s: the flags must be a literal of the letters i, g, s, m, x", binding->fn->name);
    return text ? LAMINAR_QUERY_FAILED : LAMINAR_QUERY_UNSUPPORTED;
}

static laminar_status bind_regex(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    const struct regex_function *function = fn->function->param;
    struct regex_data *data = ARENA_NEW(binding->arena, struct regex_data);
    if (!data) return error_oom(binding->err);
    data->flags = function->flags;
    data->is_negated = function->is_negated;
    bool is_extract = function->kernel == extract_kernel;
    for (uint32_t i = 0; i < fn->n_args; i++) {
        struct data_type wanted = is_extract && i == 2 ? TYPE(INT64) : TYPE(VARCHAR);
        if (cast_cost(fn->arg_types[i], wanted, binding_is_string_literal(binding, i)) < 0)
            return bind_mismatch(binding);
        fn->arg_types[i] = wanted;
    }
    if (function->flags_arg && fn->n_args > function->flags_arg) {
        laminar_status status = regex_flags(binding, function->flags_arg, &data->flags);
        if (status != LAMINAR_OK) return status;
    }
    const struct vector *constant = binding_constant(binding, 1);
    if (constant && constant->type.id == LAMINAR_TYPE_VARCHAR) {
        const struct string_view *pattern = constant->data;
        laminar_status status = regex_compile(binding->arena, string_data(pattern), pattern->size,
                                              data->flags, &data->regex, binding->err);
        if (status != LAMINAR_OK) return status;
    }
    fn->data = data;
    fn->kernel = function->kernel;
    fn->result = type_of((laminar_type)function->result);
    fn->flags = FN_STRICT | FN_FALLIBLE;
    if (function->result != LAMINAR_TYPE_LIST) return LAMINAR_OK;
    fn->flags = FN_FALLIBLE;
    return type_list(TYPE(VARCHAR), &fn->result, binding->err);
}

#define REGEX(kernel, flags, flags_arg, negated, result)                                           \
    &(const struct regex_function)                                                                 \
    {                                                                                              \
        kernel##_kernel, flags, flags_arg, negated, LAMINAR_TYPE_##result                          \
    }
static const struct scalar_function functions[] = {
    {"~", "text ~ pattern", "True if the regular expression is found in the text", 2, 2, bind_regex,
     REGEX(like, 0, 0, false, BOOL)},
    {"~*", "text ~* pattern", "~ without regard to case", 2, 2, bind_regex,
     REGEX(like, REGEX_NO_CASE, 0, false, BOOL)},
    {"!~", "text !~ pattern", "True if the regular expression is not found", 2, 2, bind_regex,
     REGEX(like, 0, 0, true, BOOL)},
    {"!~*", "text !~* pattern", "!~ without regard to case", 2, 2, bind_regex,
     REGEX(like, REGEX_NO_CASE, 0, true, BOOL)},
    {"similar to", "text SIMILAR TO pattern", "True if the whole text fits the SQL pattern", 2, 2,
     bind_regex, REGEX(like, REGEX_SIMILAR, 0, false, BOOL)},
    {"regexp_like", "regexp_like(text, pattern [, flags]) -> BOOLEAN",
     "True if the regular expression is found in the text", 2, 3, bind_regex,
     REGEX(like, 0, 2, false, BOOL)},
    {"regexp_matches", "regexp_matches(text, pattern [, flags]) -> BOOLEAN", "Same as regexp_like",
     2, 3, bind_regex, REGEX(like, 0, 2, false, BOOL)},
    {"regexp_count", "regexp_count(text, pattern [, flags]) -> BIGINT",
     "How often the regular expression is found", 2, 3, bind_regex,
     REGEX(count, 0, 2, false, INT64)},
    {"regexp_extract", "regexp_extract(text, pattern [, group]) -> VARCHAR",
     "The part that is found, or a group of it; '' if there is none", 2, 3, bind_regex,
     REGEX(extract, 0, 0, false, VARCHAR)},
    {"regexp_substr", "regexp_substr(text, pattern) -> VARCHAR",
     "The part that is found; '' if there is none", 2, 2, bind_regex,
     REGEX(extract, 0, 0, false, VARCHAR)},
    {"regexp_match", "regexp_match(text, pattern [, flags]) -> VARCHAR[]",
     "The groups of the first place; null if there is none", 2, 3, bind_regex,
     REGEX(match, 0, 2, false, LIST)},
    {"regexp_replace", "regexp_replace(text, pattern, replacement [, flags]) -> VARCHAR",
     "The first place (flag g: all) replaced; \\1 to \\9 stand for groups, \\& for all", 3, 4,
     bind_regex, REGEX(replace, 0, 3, false, VARCHAR)},
};
SCALAR_FAMILY(regex, functions);
