/* convert_out_field.c - Arrow schemas to out_fields, and to the SQL spelling of types. */
#include "convert_out_field.h"
#include <datetime.h>
#include <stdlib.h>
#include <string.h>
#define PyDateTimeAPI ((PyDateTime_CAPI *)state->types.datetime)

static int64_t units_per_second(char letter)
{
    return letter == 's' ? 1 : letter == 'm' ? 1000 : letter == 'u' ? 1000000 : 1000000000;
}

static PyObject *zone_of(struct module_state *state, const char *name, bool *out_is_utc)
{
    *out_is_utc = strcmp(name, "UTC") == 0 || strcmp(name, "+00:00") == 0 ||
                  strcmp(name, "Etc/UTC") == 0;
    if (*out_is_utc) return Py_NewRef(PyDateTime_TimeZone_UTC);
    int hours, minutes;
    char sign;
    if (sscanf(name, "%c%2d:%2d", &sign, &hours, &minutes) == 3 && (sign == '+' || sign == '-')) {
        int seconds = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
        PyObject *offset = PyDelta_FromDSU(0, seconds, 0);
        PyObject *zone = offset ? PyTimeZone_FromOffset(offset) : NULL;
        Py_XDECREF(offset);
        return zone;
    }
    if (!state->types.zone_info) {
        PyObject *module = PyImport_ImportModule("zoneinfo");
        PyObject *type = module ? PyObject_GetAttrString(module, "ZoneInfo") : NULL;
        Py_XDECREF(module);
        if (!type) return NULL;
        Py_XSETREF(state->types.zone_info, type);
    }
    return PyObject_CallFunction(state->types.zone_info, "s", name);
}

static const struct {
    const char *format;
    enum out_kind kind;
} simple_kinds[] = {
    {"n", OUT_NULL},   {"b", OUT_BOOL},    {"c", OUT_INT8},   {"s", OUT_INT16},
    {"i", OUT_INT32},  {"l", OUT_INT64},   {"C", OUT_UINT8},  {"S", OUT_UINT16},
    {"I", OUT_UINT32}, {"L", OUT_UINT64},  {"f", OUT_FLOAT},  {"g", OUT_DOUBLE},
    {"u", OUT_TEXT},   {"z", OUT_BYTES},   {"tdD", OUT_DATE}, {"tin", OUT_INTERVAL},
    {"+l", OUT_LIST},  {"+s", OUT_STRUCT}, {"+m", OUT_MAP},
};

static bool is_uuid(const struct ArrowSchema *schema)
{
    /* The library marks UUIDs as the extension type arrow.uuid; no other fixed binary of 16 bytes leaves it. */
    return schema->metadata != NULL;
}

static int init_field(struct module_state *state, const struct ArrowSchema *schema,
                      struct out_field *out)
{
    const char *f = schema->format;
    bool is_known = false;
    for (size_t i = 0; i < sizeof simple_kinds / sizeof *simple_kinds && !is_known; i++) {
        is_known = strcmp(simple_kinds[i].format, f) == 0;
        if (is_known) out->kind = simple_kinds[i].kind;
    }
    if (is_known) {
    } else if (f[0] == 'd' && f[1] == ':' && strchr(f, ',')) {
        out->kind = OUT_DECIMAL;
        out->scale = atoi(strchr(f, ',') + 1);
    } else if (f[0] == 't' && f[1] == 't') {
        out->per_second = units_per_second(f[2]);
        out->kind = out->per_second <= 1000 ? OUT_TIME32 : OUT_TIME64;
    } else if (f[0] == 't' && f[1] == 's') {
        out->per_second = units_per_second(f[2]);
        out->kind = OUT_TIMESTAMP;
        if (f[4] && !(out->zone = zone_of(state, f + 4, &out->is_utc))) return -1;
    } else if (f[0] == 'w' && f[1] == ':') {
        out->width = atoi(f + 2);
        out->kind = out->width == 16 && is_uuid(schema) ? OUT_UUID : OUT_FIXED_BYTES;
    } else {
        raise_code(state, LAMINAR_INTERNAL_ERROR, NULL, "a result has the Arrow format '%s'", f);
        return -1;
    }
    if (!(out->name = PyUnicode_DecodeUTF8(schema->name ? schema->name : "",
                                           (Py_ssize_t)strlen(schema->name ? schema->name : ""),
                                           "replace")))
        return -1;
    if (schema->n_children == 0) return 0;
    out->fields = PyMem_Calloc((size_t)schema->n_children, sizeof *out->fields);
    if (!out->fields) {
        PyErr_NoMemory();
        return -1;
    }
    out->n_fields = (size_t)schema->n_children;
    for (size_t i = 0; i < out->n_fields; i++)
        if (init_field(state, schema->children[i], &out->fields[i]) < 0) return -1;
    return 0;
}

static void deinit_field(struct out_field *field)
{
    for (size_t i = 0; i < field->n_fields; i++) deinit_field(&field->fields[i]);
    PyMem_Free(field->fields);
    Py_XDECREF(field->zone);
    Py_XDECREF(field->name);
}

struct out_field *out_field_create(struct module_state *state, const struct ArrowSchema *schema)
{
    if (types_load(state) < 0) return NULL;
    struct out_field *field = PyMem_Calloc(1, sizeof *field);
    if (!field) return (struct out_field *)PyErr_NoMemory();
    if (init_field(state, schema, field) == 0) return field;
    out_field_free(field);
    return NULL;
}

void out_field_free(struct out_field *field)
{
    if (!field) return;
    deinit_field(field);
    PyMem_Free(field);
}

/* --- SQL spelling ------------------------------------------------------------------------------------- */

static const struct {
    const char *format, *name;
} type_names[] = {
    {"n", "NULL"},
    {"b", "BOOLEAN"},
    {"c", "TINYINT"},
    {"s", "SMALLINT"},
    {"i", "INT"},
    {"l", "BIGINT"},
    {"C", "TINYINT UNSIGNED"},
    {"S", "SMALLINT UNSIGNED"},
    {"I", "INT UNSIGNED"},
    {"L", "BIGINT UNSIGNED"},
    {"f", "REAL"},
    {"g", "DOUBLE"},
    {"z", "BINARY"},
    {"tdD", "DATE"},
    {"tin", "INTERVAL"},
    {"w:16", "UUID"},
};

/* Lists and structs by their parts: "BIGINT[]", "STRUCT<a BIGINT>". */
static void nested_type_name(const struct ArrowSchema *schema, char *buf, size_t size)
{
    const struct ArrowSchema *part = schema->format[1] == 'm' ? schema->children[0] : schema;
    bool is_list = schema->format[1] == 'l', is_struct = schema->format[1] == 's';
    size_t used = 0;
    if (!is_list) used += (size_t)PyOS_snprintf(buf, size, is_struct ? "STRUCT<" : "MAP<");
    for (int64_t i = 0; i < part->n_children && used + 1 < size; i++) {
        int wrote = PyOS_snprintf(buf + used, size - used, "%s%s%s", i ? ", " : "",
                                  is_struct ? part->children[i]->name : "", is_struct ? " " : "");
        used += wrote > 0 ? (size_t)wrote : 0;
        if (used + 1 >= size) break;
        out_type_name(part->children[i], buf + used, size - used);
        used += strlen(buf + used);
    }
    if (used + 1 < size) PyOS_snprintf(buf + used, size - used, is_list ? "[]" : ">");
}

void out_type_name(const struct ArrowSchema *schema, char *buf, size_t size)
{
    const char *f = schema->format;
    if (f[0] == '+') {
        nested_type_name(schema, buf, size);
        return;
    }
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (strcmp(type_names[i].format, f) != 0) continue;
        PyOS_snprintf(buf, size, "%s", type_names[i].name);
        return;
    }
    int digits = strncmp(f, "ts", 2) == 0 || strncmp(f, "tt", 2) == 0 ? (f[2] == 's'   ? 0
                                                                         : f[2] == 'm' ? 3
                                                                         : f[2] == 'u' ? 6
                                                                                       : 9)
                                                                      : 0;
    if (f[0] == 'd')
        PyOS_snprintf(buf, size, "DECIMAL(%s)", f + 2);
    else if (strncmp(f, "ts", 2) == 0)
        PyOS_snprintf(buf, size, "TIMESTAMP(%d)%s", digits, f[4] ? " WITH TIME ZONE" : "");
    else if (strncmp(f, "tt", 2) == 0)
        PyOS_snprintf(buf, size, "TIME(%d)", digits);
    else
        PyOS_snprintf(buf, size, "%s", schema->metadata ? "JSON" : "VARCHAR");
}
