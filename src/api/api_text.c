/* api_text.c - text in: JSON and CSV as whole inserts; and what editors ask of SQL text: is it finished, how does it go on. */
#include "api/handles.h"
#include "base/error.h"
#include "format/csv.h"
#include "format/json.h"
#include "sql/keywords.h"
#include "sql/parser.h"
#include <stdio.h>
#include <string.h>

/* A copy of the reader's marks for column c (it drops them with the rows), in the arena. */
static laminar_status copy_marks(const struct json_reader *reader, uint32_t c, struct arena *arena,
                                 struct missing *out, struct laminar_error *err)
{
    size_t n_missing = 0, n_rows = json_reader_n_rows(reader);
    const uint8_t *bits = json_reader_missing(reader, c, &n_missing);
    *out = (struct missing){0};
    if (!bits) return LAMINAR_OK;
    uint8_t *copy = arena_calloc(arena, bitmap_bytes(n_rows), 1);
    if (!copy) return error_oom(err);
    for (size_t row = 0; row < n_rows && n_missing > 0; row++) {
        if (!bitmap_get(bits, row)) continue;
        bitmap_set(copy, row);
        n_missing--;
    }
    *out = (struct missing){.bits = copy, .n_bits = n_rows};
    return LAMINAR_OK;
}

static laminar_status read_json(struct database *db, struct relation *relation, const char *text,
                                size_t size, struct missing *missing, struct batch **out,
                                struct laminar_error *err)
{
    laminar_status status;
    struct json_reader *reader = NULL;
    struct batch *batch = NULL;
    struct arena arena = {0};
    struct json_options options = {.has_default = relation->has_default, .pool = db->pool};
    TRY(json_reader_create(relation->schema, &options, &reader, err));
    TRY(json_reader_feed(reader, text, size, true, err));
    for (uint32_t c = 0; c < relation->schema->n_columns; c++)
        TRY(copy_marks(reader, c, &arena, &missing[c], err));
    TRY(json_reader_take(reader, &batch, err));
    TRY(engine_fill_defaults(db, relation, batch, missing, out, err));
done:
    batch_unref(batch);
    arena_deinit(&arena);
    json_reader_free(reader);
    return status;
}

static laminar_status read_csv(struct database *db, struct relation *relation, const char *text,
                               size_t size, struct missing *missing, struct batch **out,
                               struct laminar_error *err)
{
    laminar_status status;
    struct batch *batch = NULL;
    struct csv_options options = {.has_default = relation->has_default, .pool = db->pool};
    bool *is_defaulted = mem_calloc(relation->schema->n_columns + 1, sizeof(bool));
    if (!is_defaulted) return error_oom(err);
    TRY(csv_read(relation->schema, text, size, &options, &batch, is_defaulted, err));
    for (uint32_t c = 0; c < relation->schema->n_columns; c++)
        missing[c] = (struct missing){.is_all = is_defaulted[c]};
    TRY(engine_fill_defaults(db, relation, batch, missing, out, err));
done:
    batch_unref(batch);
    mem_free(is_defaulted);
    return status;
}

laminar_status ingest_text(struct database *db, struct relation *relation, const char *text,
                           size_t size, bool is_json, struct batch **out, struct laminar_error *err)
{
    laminar_status status;
    struct missing *missing = mem_calloc(relation->schema->n_columns + 1, sizeof *missing);
    if (!missing) TRY(error_oom(err));
    if (is_json)
        TRY(read_json(db, relation, text, size, missing, out, err));
    else
        TRY(read_csv(db, relation, text, size, missing, out, err));
done:
    if (status != LAMINAR_OK) error_object(err, relation->name);
    mem_free(missing);
    return status;
}

static laminar_status insert_text(laminar_db *db, const char *name, const char *text, size_t size,
                                  bool is_json, uint64_t *out_rows, laminar_error *err)
{
    laminar_status status;
    struct relation *relation = NULL;
    struct batch *batch = NULL;
    if (!db || !name || (!text && size)) return api_null(!db ? "db" : !name ? "name" : "text", err);
    TRY(engine_find_target(db->db, name, &relation, err));
    TRY(ingest_text(db->db, relation, text ? text : "", size, is_json, &batch, err));
    uint64_t n_rows = batch->n_rows;
    TRY(engine_insert(db->db, relation, batch, false, err));
    if (out_rows) *out_rows = n_rows;
done:
    if (status != LAMINAR_OK && relation) error_object(err, relation->name);
    relation_unref(relation);
    return status;
}

laminar_status laminar_insert_json(laminar_db *db, const char *name, const char *text, size_t size,
                                   uint64_t *out_rows, laminar_error *err)
{
    return insert_text(db, name, text, size, true, out_rows, err);
}

laminar_status laminar_insert_csv(laminar_db *db, const char *name, const char *text, size_t size,
                                  uint64_t *out_rows, laminar_error *err)
{
    return insert_text(db, name, text, size, false, out_rows, err);
}

/* --- Editors ----------------------------------------------------------------------------------------------------------------------- */

bool laminar_is_incomplete(const char *text, size_t size)
{
    return text && sql_is_incomplete(text, size);
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || (unsigned char)c >= 0x80;
}

static void offer(struct strbuf *out, struct strmap *seen, const char *word, const char *prefix,
                  size_t prefix_size)
{
    if (strncasecmp(word, prefix, prefix_size) != 0 || strmap_get_z(seen, word)) return;
    if (!strmap_put(seen, word, strlen(word), (void *)(uintptr_t)1)) out->failed = true;
    if (out->size) strbuf_putc(out, '\n');
    strbuf_puts(out, word);
}

struct offering {
    struct strbuf *out;
    struct strmap *seen;
    const char *prefix;
    size_t size;
};

static void offer_function(void *ctx, const char *name, unused bool is_aggregate,
                           unused const char *signature, unused const char *help)
{
    const struct offering *o = ctx;
    offer(o->out, o->seen, name, o->prefix, o->size);
}

/* relation.column after a dot; else everything. */
static void offer_all(struct database *db, struct strbuf *out, struct strmap *seen,
                      const char *prefix, size_t size)
{
    struct relation *relation;
    const char *dot = memchr(prefix, '.', size);
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        offer(out, seen, relation->name, prefix, size);
        for (uint32_t c = 0; c < relation->schema->n_columns; c++) {
            const char *name = relation->schema->columns[c].name;
            if (!dot) {
                if (relation->kind != RELATION_SYSTEM) offer(out, seen, name, prefix, size);
                continue;
            }
            char full[512];
            if (snprintf(full, sizeof full, "%s.%s", relation->name, name) < (int)sizeof full)
                offer(out, seen, full, prefix, size);
        }
    }
    if (dot) return;
    for (int i = SQL_KW_NONE + 1; i < SQL_KEYWORD_COUNT; i++)
        offer(out, seen, sql_keyword_text((enum sql_keyword)i), prefix, size);
    const struct scalar_function *scalar;
    for (size_t i = 0; (scalar = function_at(i)); i++)
        if (scalar->name[0] >= 'a' && scalar->name[0] <= 'z')
            offer(out, seen, scalar->name, prefix, size);
    const struct aggregate_function *aggregate;
    for (size_t i = 0; (aggregate = aggregate_at(i)); i++)
        offer(out, seen, aggregate->name, prefix, size);
    const struct plan_function *bound;
    for (size_t i = 0; (bound = plan_function_at(i)); i++)
        offer(out, seen, bound->name, prefix, size);
    struct offering offering = {out, seen, prefix, size};
    library_visit(db->functions, offer_function, &offering);
}

char *laminar_complete_copy(laminar_db *db, const char *text, size_t cursor)
{
    if (!db || !text || database_check_open(db->db, NULL) != LAMINAR_OK) return NULL;
    size_t start = cursor;
    while (start > 0 && is_name_byte(text[start - 1])) start--;
    if (start == cursor) return NULL;
    struct strbuf out = {0};
    struct strmap seen = {0};
    mutex_lock(&db->db->control);
    offer_all(db->db, &out, &seen, text + start, cursor - start);
    mutex_unlock(&db->db->control);
    strmap_deinit(&seen);
    if (out.size == 0) {
        strbuf_deinit(&out);
        return NULL;
    }
    return strbuf_take(&out);
}
