/* bind_options.c - WITH (...) of DDL: known keys, ${VARIABLES}, retention, connectors and
 * formats of this build. */
#include "plan/bind_ddl.h"
#include "sql/parser.h"
#include <strings.h>

/* --- Which options there are ------------------------------------------------------------------ */

enum { FOR_SOURCE = 1, FOR_STREAM = 2, FOR_VIEW = 4, FOR_TABLE = 8, FOR_SINK = 16 };
struct known_option {
    const char *key;
    unsigned relations;
};
/* Of the relation itself; a connector's own options are declared by it, and checked when it is
 * opened. */
static const struct known_option known_options[] = {
    {"retention", FOR_SOURCE | FOR_STREAM},
    {"retain_history", FOR_SOURCE | FOR_STREAM | FOR_VIEW | FOR_TABLE},
    {"idle_timeout", FOR_SOURCE},
    {"connector", FOR_SOURCE | FOR_SINK},
    {"format", FOR_SOURCE | FOR_SINK},
};

static unsigned relation_bit(enum relation_kind kind)
{
    switch (kind) {
    case RELATION_SOURCE: return FOR_SOURCE;
    case RELATION_STREAM: return FOR_STREAM;
    case RELATION_VIEW: return FOR_VIEW;
    case RELATION_TABLE: return FOR_TABLE;
    case RELATION_SINK: return FOR_SINK;
    case RELATION_SYSTEM: return 0;
    }
    return 0;
}

static bool is_known_option(enum relation_kind kind, const char *key)
{
    for (size_t i = 0; i < ARRAY_LENGTH(known_options); i++)
        if ((known_options[i].relations & relation_bit(kind)) &&
            strcmp(known_options[i].key, key) == 0)
            return true;
    return false;
}

static laminar_status unknown_option(struct ddl *d, const struct ast_option *option,
                                     const char *key)
{
    struct nearest_name nearest = {.wanted = key};
    struct strbuf all = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(known_options); i++) {
        if (!(known_options[i].relations & relation_bit(d->relation->kind))) continue;
        nearest_offer(&nearest, known_options[i].key);
        strbuf_printf(&all, "%s'%s'", all.size ? ", " : "", known_options[i].key);
    }
    plan_error(d->ctx, LAMINAR_INVALID_SCHEMA, option->key.span.start, "a %s has no option '%s'",
               relation_kind_name(d->relation->kind), key);
    error_object(d->ctx->err, d->relation->name);
    if (nearest.best)
        error_hint(d->ctx->err, "did you mean '%s'?", nearest.best);
    else if (all.size && !all.failed)
        error_hint(d->ctx->err, "there is %s", all.data);
    else
        error_hint(d->ctx->err, "it takes no options");
    strbuf_deinit(&all);
    return LAMINAR_INVALID_SCHEMA;
}

/* --- Collecting ------------------------------------------------------------------------------- */

static laminar_status substituted(struct ddl *d, const struct ast_option *option, char **out)
{
    struct arena *arena = &d->relation->arena;
    if (!d->ctx->variable || option->kind != AST_OPTION_STRING) {
        ALLOC_OR_FAIL(d->ctx, *out,
                      arena_strndup(arena, option->text ? option->text : "", option->size));
        return LAMINAR_OK;
    }
    struct strbuf text = {0};
    laminar_status status = sql_substitute_variables(option->text, option->size, d->ctx->variable,
                                                     d->ctx->variable_ctx, &text, d->ctx->err);
    if (status == LAMINAR_OK) {
        *out = arena_strndup(arena, text.data ? text.data : "", text.size);
        if (!*out || text.failed) status = plan_oom(d->ctx);
    }
    strbuf_deinit(&text);
    return plan_located(d->ctx, status, option->value_span.start);
}

static laminar_status add_option(struct ddl *d, const struct ast_option *option)
{
    struct relation *relation = d->relation;
    struct option *grown;
    ALLOC_OR_FAIL(d->ctx, grown,
                  ARENA_ARRAY(&relation->arena, struct option, relation->n_options + 1));
    if (relation->n_options) memcpy(grown, relation->options, relation->n_options * sizeof *grown);
    struct option *last = &grown[relation->n_options];
    ALLOC_OR_FAIL(d->ctx, last->key,
                  arena_strndup(&relation->arena, option->key.text, option->key.size));
    for (char *c = last->key; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
    if (relation_option(relation, last->key))
        return plan_error(d->ctx, LAMINAR_INVALID_SCHEMA, option->key.span.start,
                          "option '%s' is given twice", last->key);
    CHECK(substituted(d, option, &last->value));
    relation->options = grown;
    relation->n_options++;
    return LAMINAR_OK;
}

static laminar_status add_options(struct ddl *d, const struct ast_option_list *options)
{
    for (size_t i = 0; i < options->n; i++) CHECK(add_option(d, &options->items[i]));
    return LAMINAR_OK;
}

/* --- Connector and format --------------------------------------------------------------------- */

static laminar_status lower_name(struct ddl *d, const char *text, const char **out)
{
    char *copy;
    ALLOC_OR_FAIL(d->ctx, copy, arena_strndup(&d->relation->arena, text, strlen(text)));
    for (char *c = copy; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
    *out = copy;
    return LAMINAR_OK;
}

static uint32_t option_position(const struct ast_option_list *options, const char *key,
                                uint32_t otherwise)
{
    for (size_t i = 0; i < options->n; i++)
        if (strcasecmp(options->items[i].key.text, key) == 0)
            return options->items[i].value_span.start;
    return otherwise;
}

static laminar_status set_connector(struct ddl *d, const struct ast_connector *connector,
                                    const struct ast_option_list *options)
{
    struct plan_context *ctx = d->ctx;
    struct relation *relation = d->relation;
    const char *by_option = relation_option(relation, "connector"),
               *name = connector->name.text ? connector->name.text : by_option;
    if (connector->name.text && by_option)
        return plan_error(ctx, LAMINAR_INVALID_SCHEMA,
                          option_position(options, "connector", connector->name.span.start),
                          "the connector is given twice: %s and '%s'", connector->name.text,
                          by_option);
    if (!name) return LAMINAR_OK;
    uint32_t offset = connector->name.text ? connector->name.span.start
                                           : option_position(options, "connector", d->offset);
    CHECK(lower_name(d, name, &relation->connector));
    if (relation->is_lookup) {
        /* a table in the process: the program fills it */
        bool is_memory = strcmp(relation->connector, "memory") == 0;
        if (is_memory) relation->connector = NULL;
        if (is_memory) return LAMINAR_OK;
        plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, offset,
                   "lookup tables of connector \"%s\" are not available in this build",
                   relation->connector);
        error_object(ctx->err, relation->name);
        error_hint(ctx->err, "without a connector, or with connector = 'memory', the table is "
                             "filled by INSERT");
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    bool is_sink = relation->kind == RELATION_SINK;
    if (is_sink && strcmp(relation->connector, "file") == 0) return LAMINAR_OK;
    if (!is_sink && ctx->describe_source) {
        laminar_status status = ctx->describe_source(relation, &d->shape, ctx->err);
        if (status != LAMINAR_QUERY_UNSUPPORTED) return plan_located(ctx, status, offset);
    }
    plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, offset,
               "connector \"%s\" is not available in this build", relation->connector);
    error_object(ctx->err, relation->name);
    error_hint(ctx->err, "connectors of %ss here: %s; a %s without one is %s by the program",
               is_sink ? "sink" : "source", is_sink ? "file" : "nexmark",
               is_sink ? "sink" : "source", is_sink ? "read" : "fed");
    return LAMINAR_QUERY_UNSUPPORTED;
}

static laminar_status set_format(struct ddl *d, const struct ast_connector *format,
                                 const struct ast_option_list *options)
{
    static const char *const formats[] = {"csv", "json", "jsonl", "ndjson"};
    struct plan_context *ctx = d->ctx;
    struct relation *relation = d->relation;
    const char *by_option = relation_option(relation, "format"),
               *name = format->name.text ? format->name.text : by_option;
    if (!name) return LAMINAR_OK;
    uint32_t offset = format->name.text ? format->name.span.start
                                        : option_position(options, "format", d->offset);
    if (format->name.text && by_option)
        return plan_error(ctx, LAMINAR_INVALID_SCHEMA, offset,
                          "the format is given twice: %s and '%s'", format->name.text, by_option);
    CHECK(lower_name(d, name, &relation->format));
    if (!relation->connector) {
        plan_error(ctx, LAMINAR_INVALID_SCHEMA, offset, "FORMAT %s needs a connector",
                   relation->format);
        error_hint(ctx->err, "a program that inserts JSON or CSV says so at the insert");
        return LAMINAR_INVALID_SCHEMA;
    }
    struct nearest_name nearest = {.wanted = relation->format};
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
        if (strcmp(formats[i], relation->format) == 0) return add_options(d, &format->options);
        nearest_offer(&nearest, formats[i]);
    }
    plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, offset,
               "format \"%s\" is not available in this build", relation->format);
    if (nearest.best)
        error_hint(ctx->err, "did you mean %s?", nearest.best);
    else
        error_hint(ctx->err, "formats here: csv, json");
    return LAMINAR_QUERY_UNSUPPORTED;
}

/* --- Retention -------------------------------------------------------------------------------- */

/* More than nothing, and no months. */
static bool parse_duration(const char *text, int64_t *out_us)
{
    struct laminar_interval interval;
    int64_t days_us;
    if (text_parse_interval(text, strlen(text), NULL, &interval) != PARSE_OK || interval.months)
        return false;
    if (__builtin_mul_overflow((int64_t)interval.days, INT64_C(86400000000), &days_us) ||
        __builtin_add_overflow(days_us, interval.nanos / 1000, out_us))
        return false;
    return *out_us > 0;
}

static bool parse_retention(const char *text, struct retention *out)
{
    static const struct {
        const char *unit;
        enum retention_kind kind;
        uint64_t factor;
    } units[] = {{"row", RETAIN_ROWS, 1},
                 {"rows", RETAIN_ROWS, 1},
                 {"", RETAIN_ROWS, 1},
                 {"b", RETAIN_BYTES, 1},
                 {"kb", RETAIN_BYTES, 1ULL << 10},
                 {"mb", RETAIN_BYTES, 1ULL << 20},
                 {"gb", RETAIN_BYTES, 1ULL << 30},
                 {"tb", RETAIN_BYTES, 1ULL << 40},
                 {"kib", RETAIN_BYTES, 1ULL << 10},
                 {"mib", RETAIN_BYTES, 1ULL << 20},
                 {"gib", RETAIN_BYTES, 1ULL << 30}};
    if (strcasecmp(text, "all") == 0) return *out = (struct retention){.kind = RETAIN_ALL}, true;
    if (strcasecmp(text, "none") == 0) return *out = (struct retention){.kind = RETAIN_NONE}, true;
    size_t digits = strspn(text, "0123456789");
    uint64_t number;
    if (digits && text_parse_uint64(text, digits, &number) == PARSE_OK) {
        const char *unit = text + digits + strspn(text + digits, " ");
        for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
            if (strcasecmp(units[i].unit, unit) != 0) continue;
            out->kind = units[i].kind;
            return number > 0 && !__builtin_mul_overflow(number, units[i].factor, &out->amount);
        }
    }
    int64_t us;
    if (!parse_duration(text, &us)) return false;
    *out = (struct retention){.kind = RETAIN_TIME, .amount = (uint64_t)us};
    return true;
}

static laminar_status set_retention(struct ddl *d, const struct ast_option_list *options)
{
    struct relation *relation = d->relation;
    static const char *const keys[] = {"retention", "retain_history"};
    struct retention *const kept[] = {&relation->retention, &relation->history};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        const char *text = relation_option(relation, keys[i]);
        if (!text || parse_retention(text, kept[i])) continue;
        plan_error(d->ctx, LAMINAR_INVALID_SCHEMA, option_position(options, keys[i], d->offset),
                   "'%s' is not a valid %s", text, keys[i]);
        error_object(d->ctx->err, relation->name);
        error_hint(d->ctx->err, "'all', 'none', '50000 rows', '1 hour' or '256mb'");
        return LAMINAR_INVALID_SCHEMA;
    }
    return LAMINAR_OK;
}

static laminar_status set_idle_timeout(struct ddl *d, const struct ast_option_list *options)
{
    const char *text = relation_option(d->relation, "idle_timeout");
    if (!text || parse_duration(text, &d->relation->idle_timeout_us)) return LAMINAR_OK;
    plan_error(d->ctx, LAMINAR_INVALID_SCHEMA, option_position(options, "idle_timeout", d->offset),
               "'%s' is not a valid idle_timeout", text);
    error_object(d->ctx->err, d->relation->name);
    error_hint(d->ctx->err, "for example '30 seconds'");
    return LAMINAR_INVALID_SCHEMA;
}

laminar_status ddl_set_options(struct ddl *d, const struct ast_connector *connector,
                               const struct ast_connector *format,
                               const struct ast_option_list *options)
{
    static const struct ast_connector none = {0};
    if (!connector) connector = &none;
    if (!format) format = &none;
    CHECK(add_options(d, &connector->options));
    CHECK(add_options(d, options));
    CHECK(set_connector(d, connector, options));
    CHECK(set_format(d, format, options));
    for (size_t i = 0; i < options->n && !d->relation->connector; i++) {
        const char *key;
        CHECK(lower_name(d, options->items[i].key.text, &key));
        if (d->relation->is_lookup && strcmp(key, "connector") == 0) continue;
        if (!is_known_option(d->relation->kind, key))
            return unknown_option(d, &options->items[i], key);
    }
    CHECK(set_idle_timeout(d, options));
    return set_retention(d, options);
}
