/* dump.c - a database as files that anything can read: dump.sql, and an Arrow file for each relation that keeps rows.
 *
 * dump.sql, run in its folder on an empty database, makes the same relations with the same rows: sources and tables, COPY of what they keep, then the streams, which
 * compute theirs again from that. Sinks are in it as comments, for they would write to the outside. Passwords in options are left out unless they are asked for.
 *
 * All files are of one step. It is held while references to the rows are taken, as queries take them; the files are written beside the steps that follow. Rows that are
 * worked out from a state (streams that keep groups) are worked out under the step, into memory; when such states have been spilled, which says that memory is short, they
 * go to their file at once. */
#include "base/error.h"
#include "base/secret.h"
#include "engine/durable.h"
#include "format/arrow_file.h"
#include "sql/parser.h"
#include "sql/printer.h"
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 64, FILE_BATCH_ROWS = 122880 };

/* Rows of one relation that are to be written. */
struct dump_rows {
    struct relation *relation; /* referenced */
    struct store_snapshot *snapshot;
    struct batch *batch; /* or these; NULL with no snapshot: none */
    char file[NAME_BYTES_MAX + 32];
};
struct dump {
    struct database *db;
    const char *folder;
    bool has_secrets; /* they are written, too */
    bool is_masked;   /* some are not */
    ARRAY_OF(struct dump_rows) rows;
    struct strbuf sql, copies, streams, sinks;
    size_t n_files;
};

/* "003-trades.arrow": the number keeps names apart of which only letters are left. */
static void file_name(struct dump *dump, const char *name, char *out, size_t size)
{
    char letters[NAME_BYTES_MAX];
    size_t n = 0;
    for (const char *c = name; *c && n + 1 < sizeof letters; c++) {
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                        (*c >= '0' && *c <= '9') || *c == '_';
        letters[n++] = is_plain ? *c : '_';
    }
    letters[n] = 0;
    snprintf(out, size, "%03zu-%s.arrow", ++dump->n_files, letters);
}

static const char *sql_of(struct dump *dump, const struct relation *relation)
{
    if (dump->has_secrets) return relation->sql;
    dump->is_masked |= strcmp(relation->sql, relation->shown_sql) != 0;
    return relation->shown_sql;
}

static laminar_status open_file(const struct dump *dump, const struct relation *relation,
                                const char *name, struct arrow_file_writer **out,
                                struct laminar_error *err)
{
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/%s", dump->folder, name);
    laminar_status status = path.failed ? error_oom(err)
                                        : arrow_file_create(path.data, relation->schema, out, err);
    strbuf_deinit(&path);
    return status;
}

/* Rows on their way to a file. */
struct row_writer {
    struct batch_builder *builder;
    struct arrow_file_writer *file;
};

static laminar_status flush_rows(struct row_writer *to, struct laminar_error *err)
{
    struct batch *batch = NULL;
    if (batch_builder_n_rows(to->builder) == 0) return LAMINAR_OK;
    laminar_status status = batch_builder_finish(to->builder, &batch, err);
    if (status == LAMINAR_OK) status = arrow_file_write(to->file, batch, err);
    batch_unref(batch);
    return status;
}

/* A row of weight n stands n times. */
static laminar_status add_chunk(struct row_writer *to, const struct chunk *chunk,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct chunk plain = *chunk;
    plain.weights = NULL;
    if (!chunk->weights) TRY(batch_builder_append(to->builder, &plain, err));
    for (uint32_t i = 0; chunk->weights && i < chunk->n_rows; i++)
        for (int64_t w = chunk->weights[i]; w > 0; w--)
            TRY(batch_builder_append_sel(to->builder, &plain, &i, 1, err));
    if (batch_builder_n_rows(to->builder) >= FILE_BATCH_ROWS) TRY(flush_rows(to, err));
done:
    return status;
}

static laminar_status write_file(const struct dump *dump, struct dump_rows *rows,
                                 struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct row_writer to = {0};
    TRY(batch_builder_create(rows->relation->schema, dump->db->pool, &to.builder, err));
    TRY(open_file(dump, rows->relation, rows->file, &to.file, err));
    if (rows->batch) TRY(arrow_file_write(to.file, rows->batch, err));
    while (rows->snapshot) {
        struct chunk chunk;
        TRY(database_check_open(dump->db, err));
        TRY(store_snapshot_next(rows->snapshot, &chunk, err));
        if (chunk.n_rows == 0) break;
        TRY(add_chunk(&to, &chunk, err));
    }
    TRY(flush_rows(&to, err));
    struct arrow_file_writer *finished = to.file;
    to.file = NULL;
    TRY(arrow_file_finish(finished, err));
done:
    arrow_file_abort(to.file);
    batch_builder_free(to.builder);
    return status;
}

static laminar_status write_piece(void *ctx, struct step *step, const struct chunk *chunk)
{
    return add_chunk(ctx, chunk, step->err);
}

/* What is too large for memory. The caller holds step. */
static laminar_status write_in_pieces(const struct dump *dump, const struct relation *relation,
                                      const char *name, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct row_writer to = {0};
    TRY(batch_builder_create(relation->schema, dump->db->pool, &to.builder, err));
    TRY(open_file(dump, relation, name, &to.file, err));
    TRY(runtime_read_contents(relation->runtime, write_piece, &to, err));
    TRY(flush_rows(&to, err));
    struct arrow_file_writer *finished = to.file;
    to.file = NULL;
    TRY(arrow_file_finish(finished, err));
done:
    arrow_file_abort(to.file);
    batch_builder_free(to.builder);
    return status;
}

/* The caller holds step. */
static laminar_status take_rows(struct dump *dump, struct relation *relation, const char *name,
                                struct laminar_error *err)
{
    struct relation_runtime *runtime = relation->runtime;
    if (runtime_reads_in_pieces(runtime)) return write_in_pieces(dump, relation, name, err);
    struct dump_rows rows = {0};
    snprintf(rows.file, sizeof rows.file, "%s", name);
    laminar_status status = runtime->is_derived
                                ? runtime_contents(runtime, &rows.batch, err)
                                : store_snapshot_create(runtime->store, &rows.snapshot, err);
    if (status != LAMINAR_OK) return status;
    rows.relation = relation_ref(relation);
    if (ARRAY_PUSH(&dump->rows, rows)) return LAMINAR_OK;
    store_snapshot_release(rows.snapshot);
    batch_unref(rows.batch);
    relation_unref(relation);
    return error_oom(err);
}

static laminar_status write_files(struct dump *dump, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < dump->rows.n; i++) {
        struct dump_rows *rows = &dump->rows.items[i];
        TRY(write_file(dump, rows, err));
        store_snapshot_release(rows->snapshot); /* its pages need not be copied any more */
        batch_unref(rows->batch);
        rows->snapshot = NULL;
        rows->batch = NULL;
    }
done:
    return status;
}

/* CREATE TABLE ... AS made its rows once: here it is a table with these columns. */
static laminar_status print_table(struct dump *dump, const struct relation *relation,
                                  struct strbuf *out, struct laminar_error *err)
{
    struct arena arena = {0};
    struct ast_script *script;
    laminar_status status;
    TRY(sql_parse(&arena, relation->sql, strlen(relation->sql), &script, err));
    bool is_plain = script->n != 1 || script->statements[0]->kind != AST_STMT_CREATE_TABLE ||
                    !script->statements[0]->u.create_relation->query;
    if (is_plain) {
        strbuf_printf(out, "%s;\n", sql_of(dump, relation));
        goto done;
    }
    strbuf_puts(out, "CREATE TABLE ");
    sql_print_name(out, relation->name, strlen(relation->name));
    for (uint32_t c = 0; c < relation->schema->n_columns; c++) {
        const struct schema_column *column = &relation->schema->columns[c];
        strbuf_puts(out, c ? ", " : " (");
        sql_print_name(out, column->name, strlen(column->name));
        strbuf_putc(out, ' ');
        type_print(column->type, out);
        if (!column->is_nullable) strbuf_puts(out, " NOT NULL");
    }
    for (uint32_t i = 0; i < relation->n_key_cols; i++) {
        const char *name = relation->schema->columns[relation->key_cols[i]].name;
        strbuf_puts(out, i ? ", " : ", PRIMARY KEY (");
        sql_print_name(out, name, strlen(name));
    }
    strbuf_puts(out, relation->n_key_cols ? "));\n" : ");\n");
done:
    arena_deinit(&arena);
    return status;
}

static laminar_status dump_target(struct dump *dump, const struct relation *relation,
                                  const char *file, struct laminar_error *err)
{
    laminar_status status = print_table(dump, relation, &dump->sql, err);
    if (status != LAMINAR_OK) return status;
    strbuf_puts(&dump->copies, "COPY ");
    sql_print_name(&dump->copies, relation->name, strlen(relation->name));
    strbuf_printf(&dump->copies, " FROM '%s';\n", file);
    return LAMINAR_OK;
}

static void dump_sink(struct dump *dump, const struct relation *relation)
{
    strbuf_puts(&dump->sinks, "-- ");
    for (const char *c = sql_of(dump, relation); *c; c++) {
        strbuf_putc(&dump->sinks, *c);
        if (*c == '\n') strbuf_puts(&dump->sinks, "-- ");
    }
    strbuf_puts(&dump->sinks, ";\n");
}

static laminar_status dump_relation(struct dump *dump, struct relation *relation,
                                    struct laminar_error *err)
{
    const struct relation_runtime *runtime = relation->runtime;
    laminar_status status = LAMINAR_OK;
    char file[NAME_BYTES_MAX + 32] = "";
    if (!runtime || relation->kind == RELATION_SYSTEM) return LAMINAR_OK;
    if (relation->kind == RELATION_SINK) {
        dump_sink(dump, relation);
        return LAMINAR_OK;
    }
    bool has_rows = (runtime->store || runtime->is_derived) && !runtime->has_failed;
    if (has_rows) {
        file_name(dump, relation->name, file, sizeof file);
        TRY(take_rows(dump, relation, file, err));
    }
    if (!runtime->is_target)
        strbuf_printf(&dump->streams, "%s;\n", sql_of(dump, relation));
    else if (has_rows && !runtime->feed) /* a connector brings its rows itself */
        TRY(dump_target(dump, relation, file, err));
    else
        strbuf_printf(&dump->sql, "%s;\n", sql_of(dump, relation));
done:
    return status;
}

static laminar_status refuse_name(void *ctx, const char *name, struct laminar_error *err)
{
    error_set(err, LAMINAR_INVALID_ARGUMENT, "the folder '%.300s' is not empty: it has '%.100s'",
              (const char *)ctx, name);
    error_hint(err, "name a folder that does not exist yet");
    return LAMINAR_INVALID_ARGUMENT;
}

/* The caller holds control and step. */
static laminar_status take_all(struct dump *dump, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&dump->db->catalog, &i));)
        TRY(dump_relation(dump, relation, err));
done:
    return status;
}

static laminar_status write_sql(struct dump *dump, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct strbuf path = {0}, text = {0};
    strbuf_puts(&text, "-- Run in this folder, on an empty database.\n");
    if (dump->is_masked)
        strbuf_puts(&text, "-- Passwords are left out: put them where " SECRET_MASK " stands.\n");
    strbuf_append(&text, dump->sql.data, dump->sql.size);
    strbuf_append(&text, dump->copies.data, dump->copies.size);
    strbuf_append(&text, dump->streams.data, dump->streams.size);
    if (dump->sinks.size) strbuf_puts(&text, "-- Sinks write to the outside:\n");
    strbuf_append(&text, dump->sinks.data, dump->sinks.size);
    strbuf_printf(&path, "%s/dump.sql", dump->folder);
    if (dump->sql.failed || dump->copies.failed || dump->streams.failed || dump->sinks.failed ||
        path.failed || text.failed)
        TRY(error_oom(err));
    TRY(file_replace(path.data, text.data, text.size, err));
done:
    strbuf_deinit(&text);
    strbuf_deinit(&path);
    return status;
}

static void dump_deinit(struct dump *dump)
{
    for (size_t i = 0; i < dump->rows.n; i++) {
        store_snapshot_release(dump->rows.items[i].snapshot);
        batch_unref(dump->rows.items[i].batch);
        relation_unref(dump->rows.items[i].relation);
    }
    ARRAY_DEINIT(&dump->rows);
    strbuf_deinit(&dump->sql);
    strbuf_deinit(&dump->copies);
    strbuf_deinit(&dump->streams);
    strbuf_deinit(&dump->sinks);
}

laminar_status database_dump(struct database *db, const char *folder, bool has_secrets,
                             struct laminar_error *err)
{
    struct dump dump = {.db = db, .folder = folder, .has_secrets = has_secrets};
    laminar_status status = database_check_open(db, err);
    if (status != LAMINAR_OK) return status;
    if (!folder || !*folder)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "a dump needs the name of a folder");
    TRY(folder_create(folder, err));
    TRY(folder_list(folder, refuse_name, (void *)(uintptr_t)folder, err));
    engine_hold_control(db);
    engine_lock_statement(db);
    status = take_all(&dump, err);
    engine_unlock_statement(db);
    engine_release_control(db);
    if (status == LAMINAR_OK) status = write_files(&dump, err);
    if (status == LAMINAR_OK) status = write_sql(&dump, err);
done:
    dump_deinit(&dump);
    return status;
}
