/* settings.c - named options of a database: set at open (laminar_config) or by SET. One table (SETTING_LIST) is what the parser of
 * values, SHOW ALL, system.settings and the docs read. */
#include "base/error.h"
#include "engine/engine.h"
#include "vector/text.h"
#include <stdio.h>
#include <string.h>

const struct setting_info setting_table[SETTING_COUNT] = {
#define SETTING_ROW(name, kind, value, help) {#name, SETTING_##kind, value, help},
    SETTING_LIST(SETTING_ROW)
#undef SETTING_ROW
};

int settings_find(const char *name)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (strcmp(setting_table[i].name, name) == 0) return i;
    return -1;
}

/* "64mb", "1gb", "512": the number and a power of 1024. */
static bool parse_bytes(const char *text, int64_t *out)
{
    static const struct {
        const char *suffix;
        int shift;
    } units[] = {{"kb", 10}, {"mb", 20}, {"gb", 30}, {"tb", 40}, {"k", 10},
                 {"m", 20},  {"g", 30},  {"t", 40},  {"b", 0}};
    size_t size = strlen(text);
    int shift = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
        size_t n = strlen(units[i].suffix);
        if (size > n && strcasecmp(text + size - n, units[i].suffix) == 0) {
            shift = units[i].shift;
            size -= n;
            break;
        }
    }
    int64_t number;
    if (text_parse_int64(text, size, &number) != PARSE_OK || number < 0 ||
        number > (INT64_MAX >> shift))
        return false;
    *out = number << shift;
    return true;
}

static bool parse_clock(const char *value, int64_t *out)
{
    if (strcasecmp(value, "system") == 0) {
        *out = CLOCK_SYSTEM;
        return true;
    }
    int64_t seconds;
    uint32_t nanos;
    bool has_zone;
    int32_t offset_s;
    if (text_parse_timestamp(value, strlen(value), &seconds, &nanos, &has_zone, &offset_s) !=
        PARSE_OK)
        return false;
    if (has_zone) seconds -= offset_s;
    return !__builtin_mul_overflow(seconds, (int64_t)1000000, out) &&
           !__builtin_add_overflow(*out, (int64_t)(nanos / 1000), out) && *out > 0;
}

static bool parse_value(int id, const char *value, int64_t *out)
{
    switch (setting_table[id].kind) {
    case SETTING_ROWS: return text_parse_int64(value, strlen(value), out) == PARSE_OK && *out > 0;
    case SETTING_MS: return text_parse_int64(value, strlen(value), out) == PARSE_OK && *out >= 0;
    case SETTING_BYTES: return parse_bytes(value, out);
    case SETTING_WORD:
        *out = strcmp(value, "fail") == 0   ? ROW_ERROR_FAIL
               : strcmp(value, "null") == 0 ? ROW_ERROR_NULL
               : strcmp(value, "skip") == 0 ? ROW_ERROR_SKIP
                                            : -1;
        return *out >= 0;
    case SETTING_TEXT: *out = 0; return true;
    case SETTING_DURABILITY:
        *out = strcmp(value, "sync") == 0    ? DURABILITY_SYNC
               : strcmp(value, "async") == 0 ? DURABILITY_ASYNC
               : strcmp(value, "off") == 0   ? DURABILITY_OFF
                                             : -1;
        return *out >= 0;
    case SETTING_FLAG:
        *out = strcmp(value, "true") == 0 ? 1 : strcmp(value, "false") == 0 ? 0 : -1;
        return *out >= 0;
    case SETTING_CLOCK: return parse_clock(value, out);
    }
    return false;
}

static const char *kind_text(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_ROWS: return "a number of rows above 0";
    case SETTING_MS: return "milliseconds, 0 or more";
    case SETTING_BYTES: return "a size such as 512mb or 2gb";
    case SETTING_WORD: return "fail, null or skip";
    case SETTING_TEXT: return "a text";
    case SETTING_DURABILITY: return "sync, async or off";
    case SETTING_FLAG: return "true or false";
    case SETTING_CLOCK: return "system, or a time such as '2026-01-31 12:00:00'";
    }
    return "";
}

laminar_status settings_set(struct settings *settings, const char *name, const char *value,
                            struct laminar_error *err)
{
    int id = settings_find(name);
    if (id < 0) {
        error_set(err, LAMINAR_INVALID_ARGUMENT, "there is no setting '%s'", name);
        const char *best = NULL;
        size_t best_distance = 4;
        for (int i = 0; i < SETTING_COUNT; i++) {
            size_t distance = edit_distance(name, setting_table[i].name, 3);
            if (distance < best_distance) {
                best_distance = distance;
                best = setting_table[i].name;
            }
        }
        if (best)
            error_hint(err, "did you mean '%s'? SHOW ALL lists the settings", best);
        else
            error_hint(err, "SHOW ALL lists the settings");
        return LAMINAR_INVALID_ARGUMENT;
    }
    if (!value) value = setting_table[id].value;
    int64_t number = 0;
    if (strlen(value) >= SETTING_TEXT_MAX || !parse_value(id, value, &number)) {
        error_set(err, LAMINAR_INVALID_ARGUMENT, "'%.64s' is not a value of the setting '%s'",
                  value, name);
        error_hint(err, "it takes %s", kind_text(setting_table[id].kind));
        return LAMINAR_INVALID_ARGUMENT;
    }
    settings->number[id] = number;
    snprintf(settings->text[id], SETTING_TEXT_MAX, "%s", value);
    return LAMINAR_OK;
}

void settings_init(struct settings *settings)
{
    memset(settings, 0, sizeof *settings);
    for (int i = 0; i < SETTING_COUNT; i++) {
        laminar_status status = settings_set(settings, setting_table[i].name, NULL, NULL);
        assert(status == LAMINAR_OK);
        (void)status;
    }
}
