/* check.c - 'laminar check': is all in a folder what was written there? Nothing is changed. First every byte that has a checksum, in files of checkpoints that
 * nobody may ever read again too; then the proof: the database is opened for reading, which restores it and runs the log. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES_MAX = 1400 };

struct check {
    struct check_report *report;
    const char *folder;
    uint64_t log_needed; /* the first record that the newest checkpoint does not have */
    uint64_t n_readable; /* checkpoints */
};

static void say(struct check *check, bool is_problem, const char *format, ...) printf_like(3, 4);
static void say(struct check *check, bool is_problem, const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (is_problem) check->report->n_problems++;
    if (check->report->found) check->report->found(check->report->ctx, is_problem, line);
}

static char *join(const char *folder, const char *name)
{
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/%s", folder, name);
    return strbuf_take(&path);
}

/* --- Checkpoints --------------------------------------------------------------------------------------------------------------------- */

static laminar_status check_checkpoint(struct check *check, struct checkpoint_store *store,
                                       const struct checkpoint_info *info)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct checkpoint_reader *reader = NULL;
    uint64_t n_bad = 0;
    unsigned long long id = (unsigned long long)info->id;
    laminar_status status = checkpoint_reader_open(store, info->id, &reader, &err);
    if (status == LAMINAR_OK) status = checkpoint_reader_verify(reader, &n_bad, &err);
    checkpoint_reader_close(reader);
    if (status == LAMINAR_OUT_OF_MEMORY) return status;
    if (status != LAMINAR_OK) {
        say(check, true, "checkpoint %llu: %.900s%s", id, err.message,
            n_bad > 1 ? ", and more pieces do not" : "");
        return LAMINAR_OK;
    }
    check->n_readable++;
    check->log_needed = info->log_seq + 1;
    say(check, false, "checkpoint %llu: %llu pieces of state, %llu bytes, up to step %llu", id,
        (unsigned long long)info->n_pieces, (unsigned long long)info->state_bytes,
        (unsigned long long)info->step);
    return LAMINAR_OK;
}

static laminar_status check_checkpoints(struct check *check, const char *folder,
                                        struct laminar_error *err)
{
    laminar_status status;
    struct checkpoint_store *store = NULL;
    TRY(checkpoint_store_open(folder, true, &store, err));
    for (size_t i = 0; i < checkpoint_store_n(store); i++) {
        struct checkpoint_info info = checkpoint_store_at(store, i);
        if (check_checkpoint(check, store, &info) != LAMINAR_OK) TRY(error_oom(err));
    }
    if (checkpoint_store_n(store) == 0) say(check, false, "there is no checkpoint");
done:
    checkpoint_store_close(store);
    return status;
}

/* --- The log --------------------------------------------------------------------------------------------------------------------------- */

static void found_in_log(void *ctx, bool is_problem, const char *text)
{
    say(ctx, is_problem, "%s", text);
}

static laminar_status check_log(struct check *check, const char *folder, struct laminar_error *err)
{
    struct wal_report report = {.found = found_in_log, .ctx = check};
    laminar_status status = wal_check(folder, &report, err);
    if (status != LAMINAR_OK) return status;
    unsigned long long first = (unsigned long long)report.first_seq,
                       next = (unsigned long long)report.next_seq,
                       needed = (unsigned long long)check->log_needed;
    if (report.n_segments == 0)
        say(check, false, "the log is empty");
    else
        say(check, false, "log: records %llu to %llu in %llu segment%s", first, next - 1,
            (unsigned long long)report.n_segments, report.n_segments == 1 ? "" : "s");
    if (report.n_segments > 0 && first > needed)
        say(check, true, "the log begins with record %llu, and record %llu is needed", first,
            needed);
    if (report.n_segments > 0 && next < needed)
        say(check, true, "the log ends before record %llu, which a checkpoint had seen", needed);
    if (report.n_segments == 0 && check->n_readable == 0 && check->log_needed > 1)
        say(check, true, "no checkpoint reads, and there is no log");
    return LAMINAR_OK;
}

/* --- All ------------------------------------------------------------------------------------------------------------------------------- */

/* Restores and replays everything. */
static laminar_status check_opens(struct check *check, struct laminar_error *err)
{
    struct settings settings;
    struct database *db = NULL;
    struct laminar_error own = LAMINAR_ERROR_INIT;
    settings_init(&settings);
    laminar_status status = settings_set(&settings, "read_only", "true", err);
    if (status != LAMINAR_OK) return status;
    status = database_open(check->folder, &settings, &db, &own);
    if (status == LAMINAR_OUT_OF_MEMORY || status == LAMINAR_CONNECTION_IN_USE) {
        if (err) *err = own;
        return status;
    }
    if (status != LAMINAR_OK) {
        say(check, true, "it does not open: %.1000s", own.message);
        return LAMINAR_OK;
    }
    size_t n = 0;
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        const struct relation_runtime *runtime = relation->runtime;
        n += runtime != NULL;
        if (runtime && runtime->has_failed)
            say(check, false, "%s '%s' has stopped: %.800s", relation_kind_name(relation->kind),
                relation->name, runtime->failure.message);
    }
    say(check, false, "it opens: %zu relations, step %llu", n, (unsigned long long)db->step_number);
    laminar_status closed = database_close(db, NULL);
    (void)closed;
    database_unref(db);
    return LAMINAR_OK;
}

/* Nobody may write to it meanwhile. */
static laminar_status lock_folder(const char *path, const char *folder, struct file *out,
                                  struct laminar_error *err)
{
    laminar_status status;
    bool is_locked = false;
    if (!file_exists(path)) {
        error_set(err, LAMINAR_CONNECTION_FAILED, "there is no database in '%.300s'", folder);
        return LAMINAR_CONNECTION_FAILED;
    }
    TRY(file_open(out, path, FILE_READ, err));
    TRY(file_try_lock(out, FILE_LOCK_SHARED, &is_locked, err));
    if (!is_locked) {
        error_set(err, LAMINAR_CONNECTION_IN_USE, "'%.300s' is in use by another connection",
                  folder);
        error_hint(err, "close it first, or check a backup of it");
        status = LAMINAR_CONNECTION_IN_USE;
    }
done:
    return status;
}

laminar_status database_check(const char *folder, struct check_report *report,
                              struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct check check = {.report = report, .folder = folder, .log_needed = 1};
    struct file lock_file = {0};
    char *lock = join(folder, "LOCK"), *log = join(folder, "log"),
         *checkpoints = join(folder, "checkpoints");
    if (!lock || !log || !checkpoints) TRY(error_oom(err));
    TRY(lock_folder(lock, folder, &lock_file, err));
    TRY(check_checkpoints(&check, checkpoints, err));
    TRY(check_log(&check, log, err));
    TRY(check_opens(&check, err));
done:
    file_close(&lock_file, NULL);
    mem_free(lock);
    mem_free(log);
    mem_free(checkpoints);
    return status;
}
