/* arrow_schema.c - Arrow schemas to types and back: see arrow.h.
 *
 * A schema that comes in is taken for hostile as far as C allows: pointers, counts, depth and names are checked; what can't be checked
 * (that strings end) is the C data interface's promise. For one that goes out nanoarrow keeps the books: each node owns its strings and
 * children, and may be moved away and released on its own. */
#include "base/strmap.h"
#include "vector/arrow.h"
#include "vector/arrow_format.h"
#include "vector/text.h"
#include <nanoarrow/nanoarrow.h>
#include <stdio.h>

enum {
    ARROW_DEPTH_MAX = 2 * TYPE_DEPTH_MAX,
    ARROW_NODES_MAX = 1 << 20, /* children may be shared, so that a small schema is a huge tree */
    ARROW_METADATA_PAIRS_MAX = 1000000,
    NAMES_BY_SCAN_MAX = 32
};

/* A walk over a schema: how deep it is, how many nodes it has seen. */
struct walk {
    int depth;
    uint32_t *n_nodes;
};

#define EXTENSION_KEY "ARROW:extension:name"
#define EXTENSION_METADATA_KEY "ARROW:extension:metadata"

/* --- Import ------------------------------------------------------------------------------------------------------------------- */

static laminar_status bad_schema(struct laminar_error *err, const struct ArrowSchema *schema,
                                 const char *what)
{
    return error_set(err, LAMINAR_INVALID_SCHEMA, "Arrow field '%s': %s",
                     schema && schema->name ? schema->name : "", what);
}

static laminar_status unknown_format(struct laminar_error *err, const struct ArrowSchema *schema)
{
    error_set(err, LAMINAR_INVALID_SCHEMA,
              "Arrow field '%s' has the format '%s', which has no SQL type",
              schema->name ? schema->name : "", schema->format);
    error_hint(err,
               "convert the column to one of the types of the SQL dialect before handing it over");
    return LAMINAR_INVALID_SCHEMA;
}

static int32_t load_i32(const char *bytes)
{
    int32_t value;
    memcpy(&value, bytes, 4);
    return value;
}

/* True where the field's metadata names the extension type `name`. */
static bool has_extension(const struct ArrowSchema *schema, const char *name)
{
    const char *at = schema->metadata;
    if (!at) return false;
    int32_t n_pairs = load_i32(at);
    at += 4;
    if (n_pairs < 0 || n_pairs > ARROW_METADATA_PAIRS_MAX) return false;
    for (int32_t i = 0; i < n_pairs; i++) {
        int32_t key_size = load_i32(at);
        if (key_size < 0) return false;
        const char *key = at + 4;
        at = key + key_size;
        int32_t value_size = load_i32(at);
        if (value_size < 0) return false;
        const char *value = at + 4;
        at = value + value_size;
        if ((size_t)key_size == strlen(EXTENSION_KEY) &&
            memcmp(key, EXTENSION_KEY, (size_t)key_size) == 0)
            return (size_t)value_size == strlen(name) &&
                   memcmp(value, name, (size_t)value_size) == 0;
    }
    return false;
}

/* "12" -> 12; the text ends at `end` (0 or ','). False where it is no number of up to 9 digits. */
static bool parse_number(const char **text, int32_t *out)
{
    bool is_negative = **text == '-';
    const char *at = *text + is_negative;
    int32_t value = 0, n = 0;
    for (; *at >= '0' && *at <= '9' && n < 10; at++, n++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return false;
    *text = at;
    *out = is_negative ? -value : value;
    return n > 0;
}

static laminar_status parse_decimal(const struct ArrowSchema *schema, struct arrow_format *out,
                                    struct laminar_error *err)
{
    const char *at = schema->format + 2;
    int32_t precision, scale, bits = 128;
    if (!parse_number(&at, &precision) || *at++ != ',' || !parse_number(&at, &scale))
        return unknown_format(err, schema);
    if (*at == ',' && (at++, !parse_number(&at, &bits))) return unknown_format(err, schema);
    if (*at || (bits != 128 && bits != 64 && bits != 32)) return unknown_format(err, schema);
    if (precision < 1 || precision > DECIMAL_PRECISION_MAX || scale < 0 || scale > precision)
        return error_set(err, LAMINAR_INVALID_SCHEMA,
                         "Arrow field '%s' is a decimal of %d digits with %d after the point",
                         schema->name ? schema->name : "", precision, scale);
    out->layout = bits == 128 ? ARROW_FIXED : bits == 64 ? ARROW_DECIMAL64 : ARROW_DECIMAL32;
    out->type = type_decimal(precision, scale);
    return LAMINAR_OK;
}

/* 's', 'm', 'u', 'n'. */
static bool parse_unit(char letter, uint8_t *out)
{
    const char letters[] = "smun", *found = letter ? strchr(letters, letter) : NULL;
    if (found) *out = (uint8_t)(found - letters);
    return found != NULL;
}

static laminar_status parse_temporal(const struct ArrowSchema *schema, struct arrow_format *out,
                                     struct laminar_error *err)
{
    const char *f = schema->format;
    uint8_t unit;
    out->layout = ARROW_FIXED;
    if (strcmp(f, "tdD") == 0) {
        out->type = TYPE(DATE);
    } else if (strcmp(f, "tdm") == 0) {
        out->type = TYPE(DATE);
        out->layout = ARROW_DATE64;
    } else if (f[1] == 't' && parse_unit(f[2], &unit) && !f[3]) {
        out->type = type_time((enum time_unit)unit);
        if (unit <= UNIT_MILLI) out->layout = ARROW_TIME32;
    } else if (f[1] == 's' && parse_unit(f[2], &unit) && f[3] == ':') {
        if (f[4]) return type_timestamptz((enum time_unit)unit, f + 4, &out->type, err);
        out->type = type_timestamp((enum time_unit)unit);
    } else if (f[1] == 'D' && parse_unit(f[2], &unit) && !f[3]) {
        out->type = TYPE(INTERVAL);
        out->layout = ARROW_DURATION;
        out->unit = unit;
    } else if (strcmp(f, "tin") == 0) {
        out->type = TYPE(INTERVAL);
    } else if (strcmp(f, "tiM") == 0) {
        out->type = TYPE(INTERVAL);
        out->layout = ARROW_MONTHS;
    } else if (strcmp(f, "tiD") == 0) {
        out->type = TYPE(INTERVAL);
        out->layout = ARROW_DAY_TIME;
    } else {
        return unknown_format(err, schema);
    }
    return LAMINAR_OK;
}

/* Formats of one letter, which most are, by the letter: layout, type + 1 (0: no such format). */
struct letter_format {
    uint8_t layout;
    uint8_t type_plus_1;
};
#define LETTER(layout, type)                                                                       \
    {                                                                                              \
        (layout), LAMINAR_TYPE_##type + 1                                                          \
    }
static const struct letter_format letter_formats[128] = {
    ['n'] = LETTER(ARROW_NULL, NULL),        ['b'] = LETTER(ARROW_BITS, BOOL),
    ['c'] = LETTER(ARROW_FIXED, INT8),       ['C'] = LETTER(ARROW_FIXED, UINT8),
    ['s'] = LETTER(ARROW_FIXED, INT16),      ['S'] = LETTER(ARROW_FIXED, UINT16),
    ['i'] = LETTER(ARROW_FIXED, INT32),      ['I'] = LETTER(ARROW_FIXED, UINT32),
    ['l'] = LETTER(ARROW_FIXED, INT64),      ['L'] = LETTER(ARROW_FIXED, UINT64),
    ['e'] = LETTER(ARROW_HALF, FLOAT),       ['f'] = LETTER(ARROW_FIXED, FLOAT),
    ['g'] = LETTER(ARROW_FIXED, DOUBLE),     ['u'] = LETTER(ARROW_STRING32, VARCHAR),
    ['U'] = LETTER(ARROW_STRING64, VARCHAR), ['z'] = LETTER(ARROW_STRING32, BINARY),
    ['Z'] = LETTER(ARROW_STRING64, BINARY),
};

struct simple_format {
    const char *format;
    uint8_t layout;
    uint8_t type;
    int8_t n_children;
};

static const struct simple_format simple_formats[] = {
    {"vu", ARROW_STRING_VIEW, LAMINAR_TYPE_VARCHAR, 0},
    {"vz", ARROW_STRING_VIEW, LAMINAR_TYPE_BINARY, 0},
    {"+l", ARROW_LIST32, LAMINAR_TYPE_LIST, 1},
    {"+L", ARROW_LIST64, LAMINAR_TYPE_LIST, 1},
    {"+vl", ARROW_LIST_VIEW32, LAMINAR_TYPE_LIST, 1},
    {"+vL", ARROW_LIST_VIEW64, LAMINAR_TYPE_LIST, 1},
    {"+s", ARROW_STRUCT, LAMINAR_TYPE_STRUCT, -1},
    {"+m", ARROW_MAP, LAMINAR_TYPE_MAP, 1},
    {"+r", ARROW_RUN_END, LAMINAR_TYPE_NULL, 2},
};

static struct data_type text_type(const struct ArrowSchema *schema)
{
    return has_extension(schema, "arrow.json") ? TYPE(JSON) : TYPE(VARCHAR);
}

/* The format string alone; *n_children is what it asks for, -1 for any. */
static laminar_status parse_format(const struct ArrowSchema *schema, struct arrow_format *out,
                                   int *n_children, struct laminar_error *err)
{
    const char *f = schema->format;
    *n_children = 0;
    if (f[0] && !f[1]) {
        /* the format is ASCII: checked */
        struct letter_format letter = letter_formats[f[0] & 0x7F];
        if (!letter.type_plus_1) return unknown_format(err, schema);
        out->layout = (enum arrow_layout)letter.layout;
        out->type = type_of((laminar_type)(letter.type_plus_1 - 1));
        if (f[0] == 'u' || f[0] == 'U') out->type = text_type(schema);
        return LAMINAR_OK;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(simple_formats); i++) {
        const struct simple_format *simple = &simple_formats[i];
        if (f[0] != simple->format[0] || strcmp(f, simple->format) != 0) continue;
        out->layout = (enum arrow_layout)simple->layout;
        out->type = type_of((laminar_type)simple->type);
        *n_children = simple->n_children;
        if (out->type.id == LAMINAR_TYPE_VARCHAR) out->type = text_type(schema);
        return LAMINAR_OK;
    }
    if (f[0] == 't') return parse_temporal(schema, out, err);
    if (f[0] == 'd' && f[1] == ':') return parse_decimal(schema, out, err);
    bool is_list = strncmp(f, "+w:", 3) == 0;
    if (is_list || strncmp(f, "w:", 2) == 0) {
        const char *at = f + (is_list ? 3 : 2);
        if (!parse_number(&at, &out->width) || *at || out->width < 0)
            return unknown_format(err, schema);
        out->layout = is_list ? ARROW_FIXED_LIST : ARROW_FIXED_BINARY;
        out->type = is_list ? TYPE(LIST) : TYPE(BINARY);
        *n_children = is_list;
        if (!is_list && out->width == 16 && has_extension(schema, "arrow.uuid")) {
            out->layout = ARROW_FIXED;
            out->type = TYPE(UUID);
        }
        return LAMINAR_OK;
    }
    return unknown_format(err, schema);
}

laminar_status arrow_format_parse(const struct ArrowSchema *schema, struct arrow_format *out,
                                  struct laminar_error *err)
{
    if (!schema || !schema->release || !schema->format)
        return bad_schema(err, NULL, "the schema is missing or was released");
    if ((unsigned char)schema->format[0] >= 0x80)
        return bad_schema(err, NULL, "the format is not a text");
    *out = (struct arrow_format){0};
    int n_children;
    laminar_status status = parse_format(schema, out, &n_children, err);
    if (status) return status;
    if (schema->n_children < 0 || schema->n_children > TYPE_FIELDS_MAX ||
        (schema->n_children > 0 && !schema->children) ||
        (n_children >= 0 && schema->n_children != n_children))
        return error_set(
            err, LAMINAR_INVALID_SCHEMA, "Arrow field '%s' of format '%s' has %lld children",
            schema->name ? schema->name : "", schema->format, (long long)schema->n_children);
    if (schema->dictionary) {
        if (!type_is_integer(out->type))
            return bad_schema(err, schema, "the indexes of a dictionary are not integers");
        out->layout = ARROW_DICTIONARY;
    }
    return LAMINAR_OK;
}

static bool has_duplicate(struct ArrowSchema *const *fields, size_t n, size_t *which, bool *is_oom)
{
    *is_oom = false;
    if (n <= NAMES_BY_SCAN_MAX) {
        for (*which = 1; *which < n; ++*which)
            for (size_t k = 0; k < *which; k++)
                if (strcmp(fields[k]->name ? fields[k]->name : "",
                           fields[*which]->name ? fields[*which]->name : "") == 0)
                    return true;
        return false;
    }
    struct strmap names = {0};
    bool found = false;
    for (size_t i = 0; i < n && !found && !*is_oom; i++) {
        const char *name = fields[i]->name ? fields[i]->name : "";
        found = strmap_get_z(&names, name) != NULL;
        if (found)
            *which = i;
        else
            *is_oom = !strmap_put(&names, name, strlen(name), &names);
    }
    strmap_deinit(&names);
    return found;
}

static laminar_status check_names(struct ArrowSchema *const *fields, size_t n,
                                  struct laminar_error *err)
{
    size_t which;
    bool is_oom;
    if (has_duplicate(fields, n, &which, &is_oom)) {
        error_set(err, LAMINAR_INVALID_SCHEMA, "the field name '%s' occurs twice",
                  fields[which]->name ? fields[which]->name : "");
        error_hint(err, "give each column a name of its own");
        return LAMINAR_INVALID_SCHEMA;
    }
    return is_oom ? error_oom(err) : LAMINAR_OK;
}

static laminar_status import_type(const struct ArrowSchema *schema, struct walk walk,
                                  struct data_type *out, struct laminar_error *err);

/* The children's pointers; their contents are checked when they are imported. */
static laminar_status check_children(const struct ArrowSchema *schema, struct laminar_error *err)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (!schema->children[i]) return bad_schema(err, schema, "a child is missing");
    return LAMINAR_OK;
}

/* Name and format are shown and kept, so they must be text. */
static laminar_status check_texts(const struct ArrowSchema *schema, struct laminar_error *err)
{
    if (!schema || !schema->release) return LAMINAR_OK; /* arrow_format_parse says so */
    if (schema->name && !utf8_validate(schema->name, strlen(schema->name)))
        return error_set(err, LAMINAR_INVALID_SCHEMA, "the name of an Arrow field is not UTF-8");
    if (schema->format && !utf8_validate(schema->format, strlen(schema->format)))
        return bad_schema(err, NULL, "the format is not UTF-8");
    return LAMINAR_OK;
}

static laminar_status import_struct(const struct ArrowSchema *schema, struct walk walk,
                                    struct data_type *out, struct laminar_error *err)
{
    uint32_t n = (uint32_t)schema->n_children;
    struct type_field *fields = mem_calloc(n, sizeof *fields);
    if (!fields) return error_oom(err);
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; i < n; i++) {
        TRY(import_type(schema->children[i], walk, &fields[i].type, err));
        fields[i].name = schema->children[i]->name ? schema->children[i]->name : "";
    }
    TRY(check_names(schema->children, n, err));
    TRY(type_struct(fields, n, out, err));
done:
    mem_free(fields);
    return status;
}

static laminar_status import_map(const struct ArrowSchema *schema, struct walk walk,
                                 struct data_type *out, struct laminar_error *err)
{
    const struct ArrowSchema *entries = schema->children[0];
    struct arrow_format format;
    struct data_type key, value;
    laminar_status status = arrow_format_parse(entries, &format, err);
    if (!status) status = check_children(entries, err);
    if (status) return status;
    if (format.layout != ARROW_STRUCT || entries->n_children != 2)
        return bad_schema(err, schema, "the child of a map is not a struct of two fields");
    status = import_type(entries->children[0], walk, &key, err);
    if (!status) status = import_type(entries->children[1], walk, &value, err);
    return status ? status : type_map(key, value, out, err);
}

static laminar_status import_type(const struct ArrowSchema *schema, struct walk walk,
                                  struct data_type *out, struct laminar_error *err)
{
    struct arrow_format format;
    struct data_type inner;
    if (++*walk.n_nodes > ARROW_NODES_MAX)
        return error_set(err, LAMINAR_INVALID_SCHEMA, "an Arrow schema has more than %d nodes",
                         ARROW_NODES_MAX);
    if (walk.depth >= ARROW_DEPTH_MAX)
        return error_set(err, LAMINAR_INVALID_SCHEMA,
                         "an Arrow type is nested more than %d levels deep", ARROW_DEPTH_MAX);
    laminar_status status = check_texts(schema, err);
    if (!status) status = arrow_format_parse(schema, &format, err);
    if (!status) status = check_children(schema, err);
    if (status) return status;
    walk.depth++;
    if (format.layout == ARROW_DICTIONARY) return import_type(schema->dictionary, walk, out, err);
    if (format.layout == ARROW_STRUCT) return import_struct(schema, walk, out, err);
    if (format.layout == ARROW_MAP) return import_map(schema, walk, out, err);
    if (format.layout == ARROW_RUN_END) {
        status = import_type(schema->children[0], walk, &inner, err);
        if (status) return status;
        if (inner.id != LAMINAR_TYPE_INT16 && inner.id != LAMINAR_TYPE_INT32 &&
            inner.id != LAMINAR_TYPE_INT64)
            return bad_schema(err, schema, "run ends are not integers of 16, 32 or 64 bits");
        return import_type(schema->children[1], walk, out, err);
    }
    if (format.type.id == LAMINAR_TYPE_LIST) {
        status = import_type(schema->children[0], walk, &inner, err);
        return status ? status : type_list(inner, out, err);
    }
    *out = format.type;
    return LAMINAR_OK;
}

laminar_status arrow_import_type(const struct ArrowSchema *schema, struct data_type *out,
                                 struct laminar_error *err)
{
    return import_type(schema, (struct walk){0, &(uint32_t){0}}, out, err);
}

laminar_status arrow_import_schema(const struct ArrowSchema *schema, struct schema **out,
                                   struct laminar_error *err)
{
    struct arrow_format format;
    laminar_status status = arrow_format_parse(schema, &format, err);
    if (!status) status = check_children(schema, err);
    if (status) return status;
    if (format.layout != ARROW_STRUCT)
        return error_set(err, LAMINAR_INVALID_SCHEMA,
                         "rows need an Arrow struct, not the format '%s'", schema->format);
    uint32_t n = (uint32_t)schema->n_children, n_nodes = 0;
    struct schema_column *columns = mem_calloc(n, sizeof *columns);
    if (!columns) return error_oom(err);
    for (uint32_t i = 0; i < n; i++) {
        const struct ArrowSchema *child = schema->children[i];
        TRY(import_type(child, (struct walk){0, &n_nodes}, &columns[i].type, err));
        if (!child->name || !child->name[0]) {
            status = error_set(err, LAMINAR_INVALID_SCHEMA,
                               "column %u of the Arrow schema has no name", i + 1);
            goto done;
        }
        columns[i].name = child->name;
        columns[i].is_nullable = (child->flags & ARROW_FLAG_NULLABLE) != 0;
    }
    TRY(check_names(schema->children, n, err));
    struct schema *made = schema_create(columns, n);
    if (made)
        *out = made;
    else
        status = error_oom(err);
done:
    mem_free(columns);
    return status;
}

/* --- Export ------------------------------------------------------------------------------------------------------------------------ */

/* Metadata that names an extension type without parameters. */
static bool set_extension(struct ArrowSchema *node, const char *name)
{
    struct ArrowBuffer metadata;
    bool is_ok = ArrowMetadataBuilderInit(&metadata, NULL) == NANOARROW_OK &&
                 ArrowMetadataBuilderAppend(&metadata, ArrowCharView(EXTENSION_KEY),
                                            ArrowCharView(name)) == NANOARROW_OK &&
                 ArrowMetadataBuilderAppend(&metadata, ArrowCharView(EXTENSION_METADATA_KEY),
                                            ArrowCharView("")) == NANOARROW_OK &&
                 ArrowSchemaSetMetadata(node, (const char *)metadata.data) == NANOARROW_OK;
    ArrowBufferReset(&metadata);
    return is_ok;
}

/* NULL when memory is out. */
static const char *format_of(struct data_type t, unsigned flags, struct arena *arena)
{
    bool as_views = flags & ARROW_EXPORT_VIEWS;
    const char unit = "smun"[t.unit & 3];
    switch ((laminar_type)t.id) {
    case LAMINAR_TYPE_NULL: return "n";
    case LAMINAR_TYPE_BOOL: return "b";
    case LAMINAR_TYPE_INT8: return "c";
    case LAMINAR_TYPE_INT16: return "s";
    case LAMINAR_TYPE_INT32: return "i";
    case LAMINAR_TYPE_INT64: return "l";
    case LAMINAR_TYPE_UINT8: return "C";
    case LAMINAR_TYPE_UINT16: return "S";
    case LAMINAR_TYPE_UINT32: return "I";
    case LAMINAR_TYPE_UINT64: return "L";
    case LAMINAR_TYPE_FLOAT: return "f";
    case LAMINAR_TYPE_DOUBLE: return "g";
    case LAMINAR_TYPE_DECIMAL: return arena_printf(arena, "d:%d,%d", t.precision, t.scale);
    case LAMINAR_TYPE_VARCHAR:
    case LAMINAR_TYPE_JSON: return as_views ? "vu" : "u";
    case LAMINAR_TYPE_BINARY: return as_views ? "vz" : "z";
    case LAMINAR_TYPE_DATE: return "tdD";
    case LAMINAR_TYPE_TIME: return arena_printf(arena, "tt%c", unit);
    case LAMINAR_TYPE_TIMESTAMP: return arena_printf(arena, "ts%c:", unit);
    case LAMINAR_TYPE_TIMESTAMPTZ: return arena_printf(arena, "ts%c:%s", unit, t.info->zone);
    case LAMINAR_TYPE_INTERVAL: return "tin";
    case LAMINAR_TYPE_UUID: return "w:16";
    case LAMINAR_TYPE_LIST: return "+l";
    case LAMINAR_TYPE_STRUCT: return "+s";
    case LAMINAR_TYPE_MAP: return "+m";
    }
    return "n";
}

static bool export_children(struct ArrowSchema *node, const struct type_field *fields, uint32_t n,
                            unsigned flags);

/* Fills an initialised node. False when memory is out: what was filled can be released. */
static bool export_node(struct ArrowSchema *node, const char *name, struct data_type type,
                        bool is_nullable, unsigned flags)
{
    struct arena arena = {0};
    const char *format = format_of(type, flags, &arena);
    bool is_ok = format && ArrowSchemaSetFormat(node, format) == NANOARROW_OK &&
                 ArrowSchemaSetName(node, name) == NANOARROW_OK;
    arena_deinit(&arena);
    node->flags = is_nullable ? ARROW_FLAG_NULLABLE : 0;
    if (is_ok && type.id == LAMINAR_TYPE_JSON) is_ok = set_extension(node, "arrow.json");
    if (is_ok && type.id == LAMINAR_TYPE_UUID) is_ok = set_extension(node, "arrow.uuid");
    if (!is_ok) return false;
    if (type.id == LAMINAR_TYPE_MAP) {
        struct type_field entries = {"entries", TYPE(STRUCT), false};
        return export_children(node, &entries, 1, flags) &&
               export_children(node->children[0], type.info->fields, 2, flags);
    }
    return !type_is_nested(type) || !type.info ||
           export_children(node, type.info->fields, type.info->n_fields, flags);
}

static bool export_children(struct ArrowSchema *node, const struct type_field *fields, uint32_t n,
                            unsigned flags)
{
    if (ArrowSchemaAllocateChildren(node, n) != NANOARROW_OK) return false;
    for (uint32_t i = 0; i < n; i++) ArrowSchemaInit(node->children[i]);
    for (uint32_t i = 0; i < n; i++)
        if (!export_node(node->children[i], fields[i].name, fields[i].type, fields[i].is_nullable,
                         flags))
            return false;
    return true;
}

laminar_status arrow_export_schema(const struct schema *schema, unsigned flags,
                                   struct ArrowSchema *out, struct laminar_error *err)
{
    uint32_t n = schema->n_columns + ((flags & ARROW_EXPORT_WEIGHT) != 0);
    struct type_field *fields = mem_calloc(n, sizeof *fields);
    if (!fields) return error_oom(err);
    for (uint32_t i = 0; i < schema->n_columns; i++)
        fields[i] = (struct type_field){schema->columns[i].name, schema->columns[i].type,
                                        schema->columns[i].is_nullable};
    if (n > schema->n_columns)
        fields[n - 1] = (struct type_field){ARROW_WEIGHT_NAME, TYPE(INT64), false};
    struct ArrowSchema root;
    ArrowSchemaInit(&root);
    bool is_ok = ArrowSchemaSetFormat(&root, "+s") == NANOARROW_OK &&
                 ArrowSchemaSetName(&root, "") == NANOARROW_OK &&
                 export_children(&root, fields, n, flags);
    root.flags = 0;
    mem_free(fields);
    if (!is_ok) {
        ArrowSchemaRelease(&root);
        return error_oom(err);
    }
    *out = root;
    return LAMINAR_OK;
}
