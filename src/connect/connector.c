/* connector.c - the connectors of this build, and what they share: reading options. */
#include "connect/connector.h"
#include "base/error.h"
#include "vector/text.h"
#include <stdio.h>
#include <string.h>

static const struct connector_class *const classes[] = {&nexmark_connector};

const struct connector_class *connector_at(size_t i)
{
    return i < ARRAY_LENGTH(classes) ? classes[i] : NULL;
}

const struct connector_class *connector_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(classes); i++)
        if (strcmp(classes[i]->name, name) == 0) return classes[i];
    return NULL;
}

/* --- Options ------------------------------------------------------------------------------------ */

laminar_status connector_bad_option(const struct relation *relation, const char *key,
                                    const char *what, const char *hint, struct laminar_error *err)
{
    const char *value = relation_option(relation, key);
    if (value)
        error_set(err, LAMINAR_INVALID_SCHEMA, "option '%s' = '%.100s' %s", key, value, what);
    else
        error_set(err, LAMINAR_INVALID_SCHEMA, "option '%s' %s", key, what);
    error_object(err, relation->name);
    error_hint(err, "%s", hint);
    return LAMINAR_INVALID_SCHEMA;
}

static bool is_in(const char *key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], key) == 0) return true;
    return false;
}

laminar_status connector_check_options(const struct relation *relation, const char *const *known,
                                       size_t n_known, struct laminar_error *err)
{
    static const char *const common[] = {"connector", "format", "retention", "retain_history"};
    char list[300] = "";
    for (uint32_t i = 0; i < relation->n_options; i++) {
        const char *key = relation->options[i].key;
        if (is_in(key, common, ARRAY_LENGTH(common)) || is_in(key, known, n_known)) continue;
        size_t used = 0;
        for (size_t k = 0; k < n_known && used < sizeof list; k++)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s'%s'", k ? ", " : "",
                                     known[k]);
        error_set(err, LAMINAR_INVALID_SCHEMA, "the connector %s has no option '%.100s'",
                  relation->connector, key);
        error_object(err, relation->name);
        error_hint(err, "there is %s", list);
        return LAMINAR_INVALID_SCHEMA;
    }
    return LAMINAR_OK;
}

laminar_status connector_option_number(const struct relation *relation, const char *key,
                                       uint64_t otherwise, uint64_t min, uint64_t max,
                                       uint64_t *out, struct laminar_error *err)
{
    const char *text = relation_option(relation, key);
    char hint[100];
    *out = otherwise;
    if (!text) return LAMINAR_OK;
    if (text_parse_uint64(text, strlen(text), out) == PARSE_OK && *out >= min && *out <= max)
        return LAMINAR_OK;
    snprintf(hint, sizeof hint, "a whole number from %llu to %llu", (unsigned long long)min,
             (unsigned long long)max);
    return connector_bad_option(relation, key, "is not a number that it can have", hint, err);
}

laminar_status connector_option_duration(const struct relation *relation, const char *key,
                                         int64_t otherwise, int64_t *out, struct laminar_error *err)
{
    const char *text = relation_option(relation, key);
    struct laminar_interval interval;
    int64_t days_us;
    *out = otherwise;
    if (!text) return LAMINAR_OK;
    if (text_parse_interval(text, strlen(text), NULL, &interval) == PARSE_OK && !interval.months &&
        !__builtin_mul_overflow((int64_t)interval.days, INT64_C(86400000000), &days_us) &&
        !__builtin_add_overflow(days_us, interval.nanos / 1000, out) && *out >= 0)
        return LAMINAR_OK;
    return connector_bad_option(relation, key, "is not a duration",
                                "'5 seconds', '200 ms' or '0 s'", err);
}
