/* statement_copy.c - COPY name FROM 'file' and COPY name | (query) TO 'file', CSV, JSON lines or Arrow.
 *
 * FROM reads the file a piece at a time and inserts all its rows in one step: they are in memory together, and an error leaves the relation as it was. TO writes
 * beside the file and renames at the end, so that a file under the name is always whole. */
#include "base/error.h"
#include "base/file.h"
#include "engine/engine.h"
#include "format/arrow_file.h"
#include "format/csv.h"
#include "format/json.h"
#include "sql/printer.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PIECE_BYTES = 1 << 20, PATH_BYTES_MAX = 4000 };

struct copy {
    struct statement_call *call;
    const struct ast_copy *ast;
    bool is_json, is_arrow;
    struct csv_options csv;
    char null_text[64];
};

/* --- Options -------------------------------------------------------------------------------------------------------------------------- */

static laminar_status bad_option(struct copy *copy, const struct ast_option *option,
                                 const char *what, const char *hint)
{
    error_set(copy->call->err, LAMINAR_QUERY_FAILED, "COPY: %s %s", option->key.text, what);
    error_hint(copy->call->err, "%s", hint);
    return statement_at(copy->call, LAMINAR_QUERY_FAILED, option->value_span.start);
}

static bool ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcasecmp(path + n - m, ending) == 0;
}

static laminar_status choose_format(struct copy *copy, const char *format, uint32_t offset)
{
    static const struct {
        const char *name;
        bool is_json, is_arrow;
    } formats[] = {{"csv", false, false},   {"json", true, false},  {"jsonl", true, false},
                   {"ndjson", true, false}, {"arrow", false, true}, {"feather", false, true}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcasecmp(format, formats[i].name) != 0) continue;
        copy->is_json = formats[i].is_json;
        copy->is_arrow = formats[i].is_arrow;
        return LAMINAR_OK;
    }
    error_set(copy->call->err, LAMINAR_QUERY_UNSUPPORTED,
              "format \"%s\" is not available in this build", format);
    error_hint(copy->call->err, "formats here: csv, json, arrow");
    return statement_at(copy->call, LAMINAR_QUERY_UNSUPPORTED, offset);
}

static laminar_status one_character(struct copy *copy, const struct ast_option *option, char *out)
{
    bool is_tab = option->size == 2 && memcmp(option->text, "\\t", 2) == 0;
    if (!is_tab && (option->size != 1 || *option->text == '\n' || *option->text == '\r'))
        return bad_option(copy, option, "must be one character",
                          "for example ';', or '\\t' for a tab");
    *out = is_tab ? '\t' : *option->text;
    return LAMINAR_OK;
}

static laminar_status read_option(struct copy *copy, const struct ast_option *option)
{
    const char *key = option->key.text;
    if (strcasecmp(key, "format") == 0)
        return choose_format(copy, option->text, option->value_span.start);
    if (strcasecmp(key, "header") == 0) {
        bool is_on = strcasecmp(option->text, "true") == 0 || strcasecmp(option->text, "on") == 0,
             is_off = strcasecmp(option->text, "false") == 0 ||
                      strcasecmp(option->text, "off") == 0;
        if (!is_on && !is_off) return bad_option(copy, option, "is true or false", "HEADER false");
        copy->csv.has_no_header = is_off;
        return LAMINAR_OK;
    }
    if (strcasecmp(key, "delimiter") == 0 || strcasecmp(key, "delim") == 0 ||
        strcasecmp(key, "sep") == 0)
        return one_character(copy, option, &copy->csv.delimiter);
    if (strcasecmp(key, "quote") == 0) return one_character(copy, option, &copy->csv.quote);
    if (strcasecmp(key, "null") == 0) {
        if (option->size >= sizeof copy->null_text)
            return bad_option(copy, option, "is too long", "63 bytes at most");
        memcpy(copy->null_text, option->text, option->size);
        copy->csv.null_text = copy->null_text;
        return LAMINAR_OK;
    }
    error_set(copy->call->err, LAMINAR_QUERY_FAILED, "COPY has no option \"%s\"", key);
    error_hint(copy->call->err,
               "FORMAT csv | json | arrow, HEADER true | false, DELIMITER, QUOTE, NULL");
    return statement_at(copy->call, LAMINAR_QUERY_FAILED, option->key.span.start);
}

static laminar_status read_options(struct copy *copy)
{
    const struct ast_option_list *options = &copy->ast->options;
    const char *path = copy->ast->path;
    laminar_status status = LAMINAR_OK;
    if (ends_in(path, ".parquet"))
        status = choose_format(copy, "parquet", copy->ast->path_span.start);
    copy->is_arrow = ends_in(path, ".arrow") || ends_in(path, ".feather");
    for (size_t i = 0; i < options->n; i++)
        if (strcasecmp(options->items[i].key.text, "format") == 0) {
            error_clear(copy->call->err); /* the format is said: the name means nothing */
            status = LAMINAR_OK;
        }
    copy->is_json = ends_in(path, ".json") || ends_in(path, ".jsonl") || ends_in(path, ".ndjson");
    for (size_t i = 0; i < options->n && status == LAMINAR_OK; i++)
        status = read_option(copy, &options->items[i]);
    return status;
}

/* --- FROM ----------------------------------------------------------------------------------------------------------------------------- */

struct loading {
    struct copy *copy;
    struct relation *relation;
    struct schema *schema; /* of the file's rows: all columns, or those listed */
    bool is_whole;
    struct csv_reader *csv;
    struct json_reader *json;
    struct missing *missing;
    struct arena arena; /* of missing marks */
    ARRAY_OF(struct batch *) batches;
    uint64_t n_rows;
};

static laminar_status listed_columns(struct loading *l)
{
    const struct ast_name_list *names = &l->copy->ast->columns;
    const struct schema *all = l->relation->schema;
    struct statement_call *call = l->copy->call;
    struct schema_column *columns = mem_calloc(names->n + 1, sizeof *columns);
    laminar_status status = LAMINAR_OK;
    if (!columns) return error_oom(call->err);
    for (size_t i = 0; i < names->n; i++) {
        int32_t at = schema_find(all, names->items[i].text);
        if (at < 0) {
            error_set(call->err, LAMINAR_QUERY_FAILED, "\"%s\" has no column \"%s\"",
                      l->relation->name, names->items[i].text);
            error_object(call->err, l->relation->name);
            TRY(statement_at(call, LAMINAR_QUERY_FAILED, names->items[i].span.start));
        }
        columns[i] = all->columns[at];
    }
    l->schema = schema_create(columns, (uint32_t)names->n);
    if (!l->schema) TRY(error_oom(call->err));
done:
    mem_free(columns);
    return status;
}

static laminar_status open_reader(struct loading *l)
{
    struct laminar_error *err = l->copy->call->err;
    struct batch_pool *pool = l->copy->call->db->pool;
    const bool *has_default = l->is_whole ? l->relation->has_default : NULL;
    if (l->copy->is_json) {
        struct json_options options = {.has_default = has_default, .pool = pool};
        return json_reader_create(l->schema, &options, &l->json, err);
    }
    l->copy->csv.has_default = has_default;
    l->copy->csv.pool = pool;
    return csv_reader_create(l->schema, &l->copy->csv, &l->csv, err);
}

/* Which values of the rows read were left out, and so take the column's DEFAULT. */
static laminar_status note_missing(struct loading *l)
{
    for (uint32_t c = 0; c < l->relation->schema->n_columns && l->is_whole; c++) {
        struct missing *missing = &l->missing[c];
        *missing = (struct missing){0};
        if (l->csv) {
            missing->is_all = csv_reader_is_defaulted(l->csv)[c];
            continue;
        }
        size_t n_missing = 0, n = json_reader_n_rows(l->json);
        const uint8_t *bits = json_reader_missing(l->json, c, &n_missing);
        if (!bits) continue;
        uint8_t *copy = arena_calloc(&l->arena, bitmap_bytes(n), 1);
        if (!copy) return error_oom(l->copy->call->err);
        for (size_t row = 0; row < n && n_missing > 0; row++) {
            if (!bitmap_get(bits, row)) continue;
            bitmap_set(copy, row);
            n_missing--;
        }
        *missing = (struct missing){.bits = copy, .n_bits = n};
    }
    return LAMINAR_OK;
}

/* The rows read so far become a batch of the relation's columns. */
static laminar_status take_rows(struct loading *l)
{
    struct statement_call *call = l->copy->call;
    struct batch *read = NULL, *whole = NULL;
    laminar_status status = LAMINAR_OK;
    size_t n = l->csv ? csv_reader_n_rows(l->csv) : json_reader_n_rows(l->json);
    if (n == 0) return LAMINAR_OK;
    TRY(note_missing(l));
    if (l->csv)
        TRY(csv_reader_take(l->csv, &read, call->err));
    else
        TRY(json_reader_take(l->json, &read, call->err));
    if (l->is_whole)
        TRY(engine_fill_defaults(call->db, l->relation, read, l->missing, &whole, call->err));
    else
        TRY(engine_prepare_batch(call->db, l->relation, read, &whole, call->err));
    if (!ARRAY_RESERVE(&l->batches, l->batches.n + 1)) TRY(error_oom(call->err));
    l->n_rows += whole->n_rows;
    l->batches.items[l->batches.n++] = whole;
    whole = NULL;
done:
    arena_reset(&l->arena);
    batch_unref(read);
    batch_unref(whole);
    return status;
}

static laminar_status read_file(struct loading *l)
{
    struct statement_call *call = l->copy->call;
    struct file file = {0};
    laminar_status status;
    char *piece = mem_alloc(PIECE_BYTES);
    size_t n = 1;
    if (!piece) TRY(error_oom(call->err));
    status = statement_at(call, file_open(&file, l->copy->ast->path, FILE_READ, call->err),
                          l->copy->ast->path_span.start);
    while (status == LAMINAR_OK && n > 0) {
        TRY(file_read(&file, piece, PIECE_BYTES, &n, call->err));
        if (l->csv)
            TRY(csv_reader_feed(l->csv, piece, n, n == 0, call->err));
        else
            TRY(json_reader_feed(l->json, piece, n, n == 0, call->err));
        TRY(take_rows(l));
    }
done:
    if (file_is_open(&file)) {
        laminar_status closed = file_close(&file, NULL);
        (void)closed; /* nothing was written */
    }
    mem_free(piece);
    return status;
}

/* Columns are matched by name, as an insert of an Arrow batch does. */
static laminar_status read_arrow(struct loading *l)
{
    struct statement_call *call = l->copy->call;
    laminar_status status;
    struct arrow_file_reader *reader = NULL;
    struct batch *read = NULL, *whole = NULL;
    if (!l->is_whole) {
        error_set(call->err, LAMINAR_QUERY_UNSUPPORTED,
                  "COPY from an Arrow file takes no list of columns: they have names in the file");
        return statement_at(call, LAMINAR_QUERY_UNSUPPORTED,
                            l->copy->ast->columns.items[0].span.start);
    }
    TRY(statement_at(call, arrow_file_open(l->copy->ast->path, call->db->pool, &reader, call->err),
                     l->copy->ast->path_span.start));
    for (;;) {
        TRY(arrow_file_next(reader, &read, call->err));
        if (!read) break;
        TRY(engine_prepare_batch(call->db, l->relation, read, &whole, call->err));
        if (!ARRAY_RESERVE(&l->batches, l->batches.n + 1)) TRY(error_oom(call->err));
        l->n_rows += whole->n_rows;
        l->batches.items[l->batches.n++] = whole;
        whole = NULL;
        batch_unref(read);
        read = NULL;
    }
done:
    batch_unref(read);
    batch_unref(whole);
    arrow_file_close(reader);
    return status;
}

static laminar_status read_text(struct loading *l)
{
    laminar_status status = LAMINAR_OK;
    if (l->is_whole)
        l->schema = schema_ref(l->relation->schema);
    else
        TRY(listed_columns(l));
    TRY(open_reader(l));
    TRY(read_file(l));
done:
    return status;
}

static laminar_status copy_from(struct copy *copy)
{
    struct statement_call *call = copy->call;
    struct loading l = {.copy = copy, .is_whole = copy->ast->columns.n == 0};
    laminar_status status;
    TRY(statement_find_target(call, &copy->ast->table, &l.relation));
    l.missing = mem_calloc(l.relation->schema->n_columns + 1, sizeof *l.missing);
    if (!l.missing) TRY(error_oom(call->err));
    TRY(copy->is_arrow ? read_arrow(&l) : read_text(&l));
    call->out->kind = LAMINAR_RESULT_ROWS_AFFECTED;
    call->out->rows_affected = l.n_rows;
    if (l.batches.n > 0) {
        size_t n = l.batches.n;
        l.batches.n = 0; /* taken over */
        TRY(engine_insert_batches(call->db, l.relation, l.batches.items, n, call->err));
    }
done:
    for (size_t i = 0; i < l.batches.n; i++) batch_unref(l.batches.items[i]);
    ARRAY_DEINIT(&l.batches);
    csv_reader_free(l.csv);
    json_reader_free(l.json);
    arena_deinit(&l.arena);
    schema_unref(l.schema);
    mem_free(l.missing);
    relation_unref(l.relation);
    return status;
}

/* --- TO ------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status write_rows(struct copy *copy, const struct rows *rows, struct file *file)
{
    struct laminar_error *err = copy->call->err;
    laminar_status status = LAMINAR_OK;
    struct strbuf text = {0};
    struct vector *cols = mem_calloc(rows->schema->n_columns + 1, sizeof *cols);
    if (!cols) TRY(error_oom(err));
    if (!copy->is_json && !copy->csv.has_no_header)
        csv_write_header(&text, rows->schema, &copy->csv);
    for (size_t b = 0; b < rows->n_batches; b++) {
        for (size_t at = 0; at < rows->batches[b]->n_rows; at += CHUNK_ROWS) {
            struct chunk chunk = batch_chunk(rows->batches[b], at, cols);
            if (copy->is_json)
                json_write_chunk(&text, rows->schema, &chunk);
            else
                csv_write_chunk(&text, &chunk, &copy->csv);
            if (text.failed) TRY(error_oom(err));
            if (text.size < PIECE_BYTES) continue;
            TRY(file_write(file, text.data, text.size, err));
            strbuf_clear(&text);
        }
    }
    if (text.failed) TRY(error_oom(err));
    if (text.size) TRY(file_write(file, text.data, text.size, err));
    TRY(file_sync(file, err));
done:
    strbuf_deinit(&text);
    mem_free(cols);
    return status;
}

static laminar_status write_file(struct copy *copy, const struct rows *rows)
{
    struct laminar_error *err = copy->call->err;
    const char *path = copy->ast->path;
    struct file file = {0};
    char beside[PATH_BYTES_MAX + 8];
    laminar_status status;
    if (strlen(path) > PATH_BYTES_MAX)
        return error_set(err, LAMINAR_QUERY_FAILED, "COPY: the file name is too long");
    snprintf(beside, sizeof beside, "%s.part", path);
    status = file_open(&file, beside, FILE_CREATE, err);
    if (status != LAMINAR_OK) return statement_at(copy->call, status, copy->ast->path_span.start);
    status = write_rows(copy, rows, &file);
    laminar_status closed = file_close(&file, status == LAMINAR_OK ? err : NULL);
    if (status == LAMINAR_OK) status = closed;
    if (status == LAMINAR_OK) status = file_rename(beside, path, err);
    if (status == LAMINAR_OK) return LAMINAR_OK;
    laminar_status removed = file_remove(beside, NULL);
    (void)removed;
    return status;
}

static laminar_status write_arrow(struct copy *copy, const struct rows *rows)
{
    struct statement_call *call = copy->call;
    struct arrow_file_writer *writer = NULL;
    laminar_status status = arrow_file_create(copy->ast->path, rows->schema, &writer, call->err);
    if (status != LAMINAR_OK) return statement_at(call, status, copy->ast->path_span.start);
    for (size_t i = 0; i < rows->n_batches && status == LAMINAR_OK; i++)
        status = arrow_file_write(writer, rows->batches[i], call->err);
    if (status == LAMINAR_OK) return arrow_file_finish(writer, call->err);
    arrow_file_abort(writer);
    return status;
}

/* SELECT columns FROM name, for COPY name (columns) TO. */
static laminar_status query_of_table(struct copy *copy, struct arena *arena, struct ast_query **out)
{
    const struct ast_copy *ast = copy->ast;
    size_t n = ast->columns.n ? ast->columns.n : 1;
    struct ast_query *query = arena_calloc(arena, 1, sizeof *query);
    struct ast_query_body *body = arena_calloc(arena, 1, sizeof *body);
    struct ast_select *select = arena_calloc(arena, 1, sizeof *select);
    struct ast_select_item *items = arena_calloc(arena, n, sizeof *items);
    struct ast_expr *exprs = arena_calloc(arena, n, sizeof *exprs);
    struct ast_table_ref *ref = arena_calloc(arena, 1, sizeof *ref), **from;
    from = arena_calloc(arena, 1, sizeof(struct ast_table_ref *));
    if (!query || !body || !select || !items || !exprs || !ref || !from)
        return error_oom(copy->call->err);
    for (size_t i = 0; i < n; i++) {
        exprs[i].kind = ast->columns.n ? AST_EXPR_COLUMN : AST_EXPR_STAR;
        exprs[i].span = ast->columns.n ? ast->columns.items[i].span : ast->table.span;
        if (ast->columns.n)
            exprs[i].u.column = (struct ast_qname){&ast->columns.items[i], 1, exprs[i].span};
        items[i] = (struct ast_select_item){.expr = &exprs[i], .span = exprs[i].span};
    }
    *ref = (struct ast_table_ref){
        .kind = AST_TABLE_NAMED, .span = ast->table.span, .u.named.name = ast->table};
    from[0] = ref;
    *select = (struct ast_select){.items = items, .n_items = n, .from = from, .n_from = 1};
    *body = (struct ast_query_body){
        .kind = AST_BODY_SELECT, .span = ast->table.span, .u.select = select};
    *query = (struct ast_query){.span = ast->table.span, .body = body};
    *out = query;
    return LAMINAR_OK;
}

static laminar_status copy_to(struct copy *copy)
{
    struct statement_call *call = copy->call;
    struct arena arena = {0};
    struct rows rows = {0};
    struct ast_query *query = copy->ast->query;
    laminar_status status = LAMINAR_OK;
    if (!query) TRY(query_of_table(copy, &arena, &query));
    TRY(engine_query(call->db, query, call->sql, call->sql_size, call->params, &rows, call->err));
    TRY(copy->is_arrow ? write_arrow(copy, &rows) : write_file(copy, &rows));
    call->out->kind = LAMINAR_RESULT_ROWS_AFFECTED;
    call->out->rows_affected = rows.n_rows;
done:
    rows_deinit(&rows);
    arena_deinit(&arena);
    return status;
}

laminar_status engine_copy(struct statement_call *call)
{
    struct copy copy = {.call = call, .ast = call->statement->u.copy};
    laminar_status status = read_options(&copy);
    if (status != LAMINAR_OK) return status;
    return copy.ast->is_from ? copy_from(&copy) : copy_to(&copy);
}
