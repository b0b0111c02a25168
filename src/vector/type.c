/* type.c - see type.h: interning of type_info, layout facts, printing.
 *
 * The intern table is a fixed array of chains. Nodes are immutable and are only ever added, so readers walk a chain without a lock;
 * adding takes one. Memory: a few hundred bytes a distinct nested type, for the life of the process. */
#include "vector/type.h"
#include "base/hash.h"
#include "base/thread.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { INTERN_BUCKETS = 256 };

struct intern_node {
    struct intern_node *next;
    uint64_t hash;
    struct type_info info;
};

/* Release on store, acquire on load: a reader that sees a node sees all of it. */
static _Atomic(struct intern_node *) intern_table[INTERN_BUCKETS];
static struct mutex intern_lock = {PTHREAD_MUTEX_INITIALIZER};

static uint64_t info_hash(const struct type_info *info)
{
    uint64_t h = info->zone ? hash_bytes(info->zone, strlen(info->zone)) : info->n_fields;
    for (uint32_t i = 0; i < info->n_fields; i++) {
        const struct type_field *field = &info->fields[i];
        h = hash_combine(h, hash_bytes(field->name, strlen(field->name)));
        h = hash_combine(h, hash_bytes(&field->type, sizeof field->type));
    }
    return h;
}

static bool info_equal(const struct type_info *a, const struct type_info *b)
{
    if (a->n_fields != b->n_fields || !a->zone != !b->zone) return false;
    if (a->zone && strcmp(a->zone, b->zone) != 0) return false;
    for (uint32_t i = 0; i < a->n_fields; i++) {
        if (!type_equal(a->fields[i].type, b->fields[i].type) ||
            a->fields[i].is_nullable != b->fields[i].is_nullable ||
            strcmp(a->fields[i].name, b->fields[i].name) != 0)
            return false;
    }
    return true;
}

static const struct type_info *intern_find(const struct type_info *info, uint64_t hash)
{
    struct intern_node *node = atomic_load_explicit(&intern_table[hash % INTERN_BUCKETS],
                                                    memory_order_acquire);
    for (; node; node = node->next)
        if (node->hash == hash && info_equal(&node->info, info)) return &node->info;
    return NULL;
}

/* A copy of info in one allocation: node, fields, names. */
static struct intern_node *intern_copy(const struct type_info *info, uint64_t hash)
{
    size_t names_size = info->zone ? strlen(info->zone) + 1 : 0;
    for (uint32_t i = 0; i < info->n_fields; i++) names_size += strlen(info->fields[i].name) + 1;
    /* n_fields <= TYPE_FIELDS_MAX */
    size_t fields_size = info->n_fields * sizeof(struct type_field);
    struct intern_node *node = mem_alloc(sizeof *node + fields_size + names_size);
    if (!node) return NULL;
    struct type_field *fields = (struct type_field *)(node + 1);
    char *names = (char *)fields + fields_size;
    *node = (struct intern_node){.hash = hash, .info = *info};
    node->info.fields = info->n_fields ? fields : NULL;
    for (uint32_t i = 0; i < info->n_fields; i++) {
        size_t size = strlen(info->fields[i].name) + 1;
        fields[i] = info->fields[i];
        fields[i].name = memcpy(names, info->fields[i].name, size);
        names += size;
    }
    if (info->zone) node->info.zone = memcpy(names, info->zone, strlen(info->zone) + 1);
    return node;
}

/* @thread any @locks intern_lock */
static laminar_status intern(const struct type_info *info, const struct type_info **out,
                             struct laminar_error *err)
{
    uint64_t hash = info_hash(info);
    *out = intern_find(info, hash);
    if (*out) return LAMINAR_OK;
    struct intern_node *node = intern_copy(info, hash);
    if (!node) return error_oom(err);
    mutex_lock(&intern_lock);
    *out = intern_find(info, hash); /* another thread may have been faster */
    if (*out) {
        mem_free(node);
    } else {
        _Atomic(struct intern_node *) *bucket = &intern_table[hash % INTERN_BUCKETS];
        node->next = atomic_load_explicit(bucket, memory_order_relaxed);
        atomic_store_explicit(bucket, node, memory_order_release);
        mem_keep_for_ever(node);
        *out = &node->info;
    }
    mutex_unlock(&intern_lock);
    return LAMINAR_OK;
}

laminar_status type_timestamptz(enum time_unit unit, const char *zone, struct data_type *out,
                                struct laminar_error *err)
{
    const struct type_info info = {.zone = zone}, *interned;
    laminar_status status = intern(&info, &interned, err);
    if (status) return status;
    *out = (struct data_type){
        .id = LAMINAR_TYPE_TIMESTAMPTZ, .unit = (uint8_t)unit, .info = interned};
    return LAMINAR_OK;
}

static laminar_status intern_nested(laminar_type id, const struct type_field *fields,
                                    uint32_t n_fields, struct data_type *out,
                                    struct laminar_error *err)
{
    struct type_info info = {.n_fields = n_fields, .depth = 1, .fields = fields};
    const struct type_info *interned;
    for (uint32_t i = 0; i < n_fields; i++) {
        const struct type_info *inner = fields[i].type.info;
        if (inner && inner->depth >= info.depth) info.depth = inner->depth + 1;
    }
    if (info.depth > TYPE_DEPTH_MAX)
        return error_set(err, LAMINAR_INVALID_SCHEMA, "a type is nested more than %d levels deep",
                         TYPE_DEPTH_MAX);
    laminar_status status = intern(&info, &interned, err);
    if (status) return status;
    *out = (struct data_type){.id = (uint8_t)id, .info = interned};
    return LAMINAR_OK;
}

laminar_status type_list(struct data_type item, struct data_type *out, struct laminar_error *err)
{
    return intern_nested(LAMINAR_TYPE_LIST, &(struct type_field){"item", item, true}, 1, out, err);
}

laminar_status type_map(struct data_type key, struct data_type value, struct data_type *out,
                        struct laminar_error *err)
{
    struct type_field fields[2] = {{"key", key, false}, {"value", value, true}};
    return intern_nested(LAMINAR_TYPE_MAP, fields, 2, out, err);
}

laminar_status type_struct(const struct type_field *fields, uint32_t n_fields,
                           struct data_type *out, struct laminar_error *err)
{
    if (n_fields > TYPE_FIELDS_MAX)
        return error_set(err, LAMINAR_INVALID_SCHEMA, "a STRUCT has %u fields, more than %d",
                         n_fields, TYPE_FIELDS_MAX);
    struct type_field few[16] = {0}, *copy = few;
    if (n_fields > ARRAY_LENGTH(few)) copy = mem_alloc(n_fields * sizeof *copy);
    if (!copy) return error_oom(err);
    for (uint32_t i = 0; i < n_fields; i++) {
        copy[i] = fields[i];
        copy[i].is_nullable = true;
    }
    laminar_status status = intern_nested(LAMINAR_TYPE_STRUCT, copy, n_fields, out, err);
    if (copy != few) mem_free(copy);
    return status;
}

bool type_equal(struct data_type a, struct data_type b)
{
    static_assert(sizeof(struct data_type) == 16, "data_type has no padding");
    return memcmp(&a, &b, sizeof a) == 0;
}

const uint8_t type_phys_table[25] = {
    [LAMINAR_TYPE_NULL] = PHYS_NULL,       [LAMINAR_TYPE_BOOL] = PHYS_BOOL,
    [LAMINAR_TYPE_INT8] = PHYS_I8,         [LAMINAR_TYPE_INT16] = PHYS_I16,
    [LAMINAR_TYPE_INT32] = PHYS_I32,       [LAMINAR_TYPE_INT64] = PHYS_I64,
    [LAMINAR_TYPE_UINT8] = PHYS_U8,        [LAMINAR_TYPE_UINT16] = PHYS_U16,
    [LAMINAR_TYPE_UINT32] = PHYS_U32,      [LAMINAR_TYPE_UINT64] = PHYS_U64,
    [LAMINAR_TYPE_FLOAT] = PHYS_F32,       [LAMINAR_TYPE_DOUBLE] = PHYS_F64,
    [LAMINAR_TYPE_DECIMAL] = PHYS_I128,    [LAMINAR_TYPE_VARCHAR] = PHYS_STRING,
    [LAMINAR_TYPE_BINARY] = PHYS_STRING,   [LAMINAR_TYPE_DATE] = PHYS_I32,
    [LAMINAR_TYPE_TIME] = PHYS_I64,        [LAMINAR_TYPE_TIMESTAMP] = PHYS_I64,
    [LAMINAR_TYPE_TIMESTAMPTZ] = PHYS_I64, [LAMINAR_TYPE_INTERVAL] = PHYS_INTERVAL,
    [LAMINAR_TYPE_UUID] = PHYS_UUID,       [LAMINAR_TYPE_JSON] = PHYS_STRING,
    [LAMINAR_TYPE_LIST] = PHYS_LIST,       [LAMINAR_TYPE_STRUCT] = PHYS_STRUCT,
    [LAMINAR_TYPE_MAP] = PHYS_LIST,
};

const uint8_t phys_width_table[18] = {
    [PHYS_BOOL] = 1, [PHYS_I8] = 1,     [PHYS_I16] = 2,     [PHYS_I32] = 4,       [PHYS_I64] = 8,
    [PHYS_U8] = 1,   [PHYS_U16] = 2,    [PHYS_U32] = 4,     [PHYS_U64] = 8,       [PHYS_F32] = 4,
    [PHYS_F64] = 8,  [PHYS_I128] = 16,  [PHYS_STRING] = 16, [PHYS_INTERVAL] = 16, [PHYS_UUID] = 16,
    [PHYS_LIST] = 8, [PHYS_STRUCT] = 0, [PHYS_NULL] = 0,
};

/* --- Printing ------------------------------------------------------------------------------------------------------------ */

/* Text into a buffer that may be too small (or NULL): size counts on. */
struct text_sink {
    char *buf;
    size_t capacity;
    size_t size;
};

static void sink_put(struct text_sink *sink, const char *text)
{
    for (; *text; text++, sink->size++)
        if (sink->size < sink->capacity) sink->buf[sink->size] = *text;
}

static void sink_put_number(struct text_sink *sink, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    sink_put(sink, text);
}

/* A field name as SQL reads it back: quoted unless it is a lower-case word. */
static void sink_put_name(struct text_sink *sink, const char *name)
{
    bool is_plain = (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';
    for (const char *c = name; *c && is_plain; c++)
        is_plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_';
    if (is_plain) {
        sink_put(sink, name);
        return;
    }
    sink_put(sink, "\"");
    for (const char *c = name; *c; c++) sink_put(sink, *c == '"' ? "\"\"" : (char[2]){*c, 0});
    sink_put(sink, "\"");
}

static const char *type_base_name(struct data_type t)
{
    switch ((laminar_type)t.id) {
#define NAME(name, number, sql)                                                                    \
    case LAMINAR_TYPE_##name: return sql;
        LAMINAR_TYPE_LIST(NAME)
#undef NAME
    }
    return "?";
}

static void sink_put_type(struct text_sink *sink, struct data_type t)
{
    const struct type_info *info = t.info;
    if (t.id == LAMINAR_TYPE_LIST && info) {
        struct data_type item = info->fields[0].type;
        bool has_blank = type_is_unsigned(item) || item.id == LAMINAR_TYPE_TIMESTAMPTZ;
        if (has_blank) sink_put(sink, "ARRAY<");
        sink_put_type(sink, item);
        sink_put(sink, has_blank ? ">" : "[]");
    } else if (t.id == LAMINAR_TYPE_MAP && info) {
        sink_put(sink, "MAP<");
        sink_put_type(sink, info->fields[0].type);
        sink_put(sink, ", ");
        sink_put_type(sink, info->fields[1].type);
        sink_put(sink, ">");
    } else if (t.id == LAMINAR_TYPE_STRUCT && info) {
        sink_put(sink, "STRUCT<");
        for (uint32_t i = 0; i < info->n_fields; i++) {
            if (i) sink_put(sink, ", ");
            sink_put_name(sink, info->fields[i].name);
            sink_put(sink, " ");
            sink_put_type(sink, info->fields[i].type);
        }
        sink_put(sink, ">");
    } else if (t.id == LAMINAR_TYPE_DECIMAL) {
        sink_put(sink, "DECIMAL(");
        sink_put_number(sink, t.precision);
        sink_put(sink, ",");
        sink_put_number(sink, t.scale);
        sink_put(sink, ")");
    } else if (type_is_timestamp(t) || (t.id == LAMINAR_TYPE_TIME && t.unit != UNIT_MICRO)) {
        sink_put(sink, t.id == LAMINAR_TYPE_TIME ? "TIME(" : "TIMESTAMP(");
        sink_put_number(sink, 3 * t.unit);
        sink_put(sink, t.id == LAMINAR_TYPE_TIMESTAMPTZ ? ") WITH TIME ZONE" : ")");
    } else {
        sink_put(sink, type_base_name(t));
    }
}

void type_print(struct data_type t, struct strbuf *out)
{
    struct text_sink sink = {0};
    sink_put_type(&sink, t);
    char *room = strbuf_reserve(out, sink.size);
    if (!room) return;
    sink = (struct text_sink){.buf = room, .capacity = sink.size};
    sink_put_type(&sink, t);
    out->size += sink.size;
    out->data[out->size] = 0;
}

const char *type_text(struct data_type t, char *buf, size_t size)
{
    struct text_sink sink = {.buf = buf, .capacity = size - 1};
    sink_put_type(&sink, t);
    if (sink.size <= sink.capacity) {
        buf[sink.size] = 0;
        return buf;
    }
    size_t end = sink.capacity; /* drop a character that was cut in the middle */
    while (end > 0 && ((unsigned char)buf[end - 1] & 0x80)) end--;
    buf[end] = 0;
    return buf;
}
