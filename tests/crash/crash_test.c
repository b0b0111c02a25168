/* crash_test.c - see crash_test.h. */
#include "crash_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_disk *disk;
bool disk_spills;

struct sim_disk *disk_use(struct sim_disk *next)
{
    file_use_disk(next ? sim_disk_base(next) : NULL);
    disk = next;
    return next;
}

void disk_crash(enum sim_crash kind, uint64_t seed)
{
    struct sim_disk *after = sim_disk_crash(disk, kind, seed);
    sim_disk_free(disk);
    disk_use(after);
}

laminar_db *disk_open(const char *durability, laminar_error *err)
{
    static const char *const options[][2] = {{"wal_segment_bytes", "4096"},
                                             {"checkpoint_interval_ms", "0"},
                                             {"checkpoint_log_bytes", "0"},
                                             {"flush_interval_ms", "1"}};
    laminar_config *config = NULL;
    laminar_db *db = NULL;
    assert_int_equal(laminar_config_create(&config, NULL), LAMINAR_OK);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        assert_int_equal(laminar_config_set(config, options[i][0], options[i][1], NULL),
                         LAMINAR_OK);
    assert_int_equal(laminar_config_set(config, "durability", durability, NULL), LAMINAR_OK);
    if (disk_spills)
        assert_int_equal(laminar_config_set(config, "spill_always", "true", NULL), LAMINAR_OK);
    laminar_status status = laminar_open("/db", config, &db, err);
    laminar_config_free(config);
    return status == LAMINAR_OK ? db : NULL;
}

/* --- Contents ------------------------------------------------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void put(char **text, size_t *size, const char *more)
{
    size_t n = strlen(more);
    *text = realloc(*text, *size + n + 1);
    memcpy(*text + *size, more, n + 1);
    *size += n;
}

static char *row_text(const laminar_result *result, size_t row)
{
    char *text = NULL;
    size_t size = 0;
    put(&text, &size, "");
    for (size_t c = 0; c < laminar_result_n_columns(result); c++) {
        char *cell = laminar_result_text_copy(result, row, c);
        put(&text, &size, cell ? cell : "null");
        put(&text, &size, "|");
        laminar_free(cell);
    }
    return text;
}

static void put_relation(laminar_db *db, const char *name, char **out, size_t *size)
{
    char sql[256];
    laminar_result *result = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    snprintf(sql, sizeof sql, "SELECT * FROM %s", name);
    put(out, size, name);
    put(out, size, ":\n");
    if (laminar_execute(db, sql, &result, &err)) {
        put(out, size, err.message);
        put(out, size, "\n");
        return;
    }
    size_t n = laminar_result_n_rows(result);
    char **rows = calloc(n + 1, sizeof *rows);
    for (size_t i = 0; i < n; i++) rows[i] = row_text(result, i);
    qsort(rows, n, sizeof *rows, by_text);
    for (size_t i = 0; i < n; i++) {
        put(out, size, rows[i]);
        put(out, size, "\n");
        free(rows[i]);
    }
    free(rows);
    laminar_result_free(result);
}

char *contents_of(laminar_db *db)
{
    char *text = NULL;
    size_t size = 0;
    laminar_result *names = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    put(&text, &size, "");
    if (laminar_execute(db,
                        "SELECT name FROM system.sources UNION ALL SELECT name FROM system.tables "
                        "UNION ALL SELECT name FROM system.streams ORDER BY name",
                        &names, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < laminar_result_n_rows(names); i++) {
        char *name = laminar_result_text_copy(names, i, 0);
        put_relation(db, name, &text, &size);
        laminar_free(name);
    }
    laminar_result_free(names);
    if (laminar_execute(db, "SELECT name FROM system.sinks ORDER BY name", &names, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < laminar_result_n_rows(names); i++) {
        char *name = row_text(names, i);
        put(&text, &size, name);
        free(name);
    }
    laminar_result_free(names);
    put(&text, &size, "\n");
    /* whether SET clock was done must show */
    put_relation(db, "(SELECT value FROM system.settings WHERE name = 'clock') q", &text, &size);
    static const char *const files[] = {"/out.csv", "/out.json"};
    for (size_t i = 0; i < 2; i++) {
        struct strbuf file = {0};
        if (!file_exists(files[i]) || file_read_all(files[i], 1 << 20, &file, NULL) ||
            file.size == 0) {
            strbuf_deinit(&file);
            continue;
        }
        put(&text, &size, files[i]);
        put(&text, &size, ":\n");
        put(&text, &size, file.data ? file.data : "");
        strbuf_deinit(&file);
    }
    return text;
}

/* --- Ledger -------------------------------------------------------------------------------------------------------------------------- */

void ledger_init(struct ledger *ledger, const struct workload *workload)
{
    laminar_db *db = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    *ledger = (struct ledger){.workload = workload};
    while (workload->statements[ledger->n]) ledger->n++;
    ledger->contents = calloc(ledger->n + 2, sizeof *ledger->contents);
    disk_use(sim_disk_create()); /* for sinks */
    if (workload->has_end)
        db = disk_open("sync", &err);
    else
        assert_int_equal(laminar_open(":memory:", NULL, &db, NULL), LAMINAR_OK);
    assert_non_null(db);
    ledger->contents[0] = contents_of(db);
    for (size_t i = 0; i < ledger->n; i++) {
        const char *sql = workload->statements[i];
        bool is_nothing = strcmp(sql, "CHECKPOINT") == 0 && !workload->has_end;
        if (!is_nothing && laminar_execute(db, sql, NULL, &err))
            fail_msg("%s: %s: %s", workload->name, sql, err.message);
        ledger->contents[i + 1] = contents_of(db);
    }
    if (workload->has_end) {
        assert_int_equal(laminar_close(db, &err), LAMINAR_OK);
        laminar_db_free(db);
        db = disk_open("sync", &err);
        assert_non_null(db);
        ledger->contents[ledger->n + 1] = contents_of(db);
        assert_string_not_equal(ledger->contents[ledger->n + 1], ledger->contents[ledger->n]);
    }
    laminar_db_free(db);
    sim_disk_free(disk);
    disk_use(NULL);
}

void ledger_deinit(struct ledger *ledger)
{
    for (size_t i = 0; i <= ledger->n + 1; i++) free(ledger->contents[i]);
    free(ledger->contents);
}

size_t run_statements(laminar_db *db, const struct ledger *ledger, size_t from)
{
    for (size_t i = from; i < ledger->n; i++)
        if (laminar_execute(db, ledger->workload->statements[i], NULL, NULL) != LAMINAR_OK)
            return i;
    return ledger->n;
}
