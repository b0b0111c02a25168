/* dump.c - a database as files that anything can read: dump.sql, and an Arrow file for each relation that keeps rows.
 *
 * dump.sql, run in its folder on an empty database, makes the same relations with the same rows: sources and tables, COPY of what they keep, then the streams, which
 * compute theirs again from that. Sinks are in it as comments, for they would write to the outside. All files are of one step: the steps wait meanwhile.
 * Options are written as they were given, passwords included: the dump is the database. */
#include "base/error.h"
#include "engine/durable.h"
#include "format/arrow_file.h"
#include "sql/parser.h"
#include "sql/printer.h"
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 64 };

struct dump {
    struct database *db;
    const char *folder;
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

static laminar_status write_rows(struct dump *dump, const struct relation *relation,
                                 const char *name, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct arena arena = {0};
    struct strbuf sql = {0}, path = {0};
    struct ast_script *script;
    struct rows rows = {0};
    struct arrow_file_writer *writer = NULL;
    struct plan_context ctx;
    struct plan *plan;
    strbuf_puts(&sql, "SELECT * FROM ");
    sql_print_name(&sql, relation->name, strlen(relation->name));
    strbuf_printf(&path, "%s/%s", dump->folder, name);
    if (sql.failed || path.failed) TRY(error_oom(err));
    TRY(sql_parse(&arena, sql.data, sql.size, &script, err));
    /* Not as a query of a user: it would wait for connectors, which wait for the step. */
    engine_plan_context(dump->db, &arena, sql.data, sql.size, NULL, err, &ctx);
    TRY(plan_query(&ctx, script->statements[0]->u.query, &plan));
    struct run_options options = {.sql = sql.data, .sql_size = sql.size};
    TRY(engine_run_plan_into(dump->db, plan, &options, &rows, err));
    TRY(arrow_file_create(path.data, rows.schema ? rows.schema : relation->schema, &writer, err));
    for (size_t i = 0; i < rows.n_batches; i++) TRY(arrow_file_write(writer, rows.batches[i], err));
    struct arrow_file_writer *finished = writer;
    writer = NULL;
    TRY(arrow_file_finish(finished, err));
done:
    arrow_file_abort(writer);
    rows_deinit(&rows);
    strbuf_deinit(&sql);
    strbuf_deinit(&path);
    arena_deinit(&arena);
    return status;
}

/* CREATE TABLE ... AS made its rows once: here it is a table with these columns. */
static laminar_status print_table(const struct relation *relation, struct strbuf *out,
                                  struct laminar_error *err)
{
    struct arena arena = {0};
    struct ast_script *script;
    laminar_status status;
    TRY(sql_parse(&arena, relation->sql, strlen(relation->sql), &script, err));
    bool is_plain = script->n != 1 || script->statements[0]->kind != AST_STMT_CREATE_TABLE ||
                    !script->statements[0]->u.create_relation->query;
    if (is_plain) {
        strbuf_printf(out, "%s;\n", relation->sql);
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
    laminar_status status = print_table(relation, &dump->sql, err);
    if (status != LAMINAR_OK) return status;
    strbuf_puts(&dump->copies, "COPY ");
    sql_print_name(&dump->copies, relation->name, strlen(relation->name));
    strbuf_printf(&dump->copies, " FROM '%s';\n", file);
    return LAMINAR_OK;
}

static void dump_sink(struct dump *dump, const struct relation *relation)
{
    strbuf_puts(&dump->sinks, "-- ");
    for (const char *c = relation->sql; *c; c++) {
        strbuf_putc(&dump->sinks, *c);
        if (*c == '\n') strbuf_puts(&dump->sinks, "-- ");
    }
    strbuf_puts(&dump->sinks, ";\n");
}

static laminar_status dump_relation(struct dump *dump, const struct relation *relation,
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
        TRY(write_rows(dump, relation, file, err));
    }
    if (!runtime->is_target)
        strbuf_printf(&dump->streams, "%s;\n", relation->sql);
    else if (has_rows && !runtime->feed) /* a connector brings its rows itself */
        TRY(dump_target(dump, relation, file, err));
    else
        strbuf_printf(&dump->sql, "%s;\n", relation->sql);
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
static laminar_status dump_all(struct dump *dump, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct relation *relation;
    struct strbuf path = {0};
    strbuf_puts(&dump->sql, "-- Run in this folder, on an empty database.\n");
    for (size_t i = 0; (relation = catalog_next(&dump->db->catalog, &i));)
        TRY(dump_relation(dump, relation, err));
    strbuf_append(&dump->sql, dump->copies.data, dump->copies.size);
    strbuf_append(&dump->sql, dump->streams.data, dump->streams.size);
    if (dump->sinks.size) strbuf_puts(&dump->sql, "-- Sinks write to the outside:\n");
    strbuf_append(&dump->sql, dump->sinks.data, dump->sinks.size);
    strbuf_printf(&path, "%s/dump.sql", dump->folder);
    if (dump->sql.failed || dump->copies.failed || dump->streams.failed || dump->sinks.failed ||
        path.failed)
        TRY(error_oom(err));
    TRY(file_replace(path.data, dump->sql.data, dump->sql.size, err));
done:
    strbuf_deinit(&path);
    return status;
}

laminar_status database_dump(struct database *db, const char *folder, struct laminar_error *err)
{
    struct dump dump = {.db = db, .folder = folder};
    laminar_status status = database_check_open(db, err);
    if (status != LAMINAR_OK) return status;
    if (!folder || !*folder)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "a dump needs the name of a folder");
    TRY(folder_create(folder, err));
    TRY(folder_list(folder, refuse_name, (void *)(uintptr_t)folder, err));
    engine_hold_control(db);
    engine_lock_statement(db);
    status = dump_all(&dump, err);
    engine_unlock_statement(db);
    engine_release_control(db);
done:
    strbuf_deinit(&dump.sql);
    strbuf_deinit(&dump.copies);
    strbuf_deinit(&dump.streams);
    strbuf_deinit(&dump.sinks);
    return status;
}
