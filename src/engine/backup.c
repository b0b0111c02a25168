/* backup.c - a copy of a running database in another folder: everything up to one step, written beside the steps that follow.
 *
 * The copy is a folder with one checkpoint of everything and an empty log, so it may be made of a database in memory too, and it is opened like any other. Its
 * file sinks stand still until they are made again: the database that it was copied from may be writing to the same files. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include <string.h>

static char *join(const char *folder, const char *name)
{
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/%s", folder, name);
    return strbuf_take(&path);
}

static laminar_status refuse_name(void *ctx, const char *name, struct laminar_error *err)
{
    error_set(err, LAMINAR_INVALID_ARGUMENT, "the folder '%.300s' is not empty: it has '%.100s'",
              (const char *)ctx, name);
    error_hint(err, "name a folder that does not exist yet");
    return LAMINAR_INVALID_ARGUMENT;
}

static laminar_status remove_name(void *ctx, const char *name, struct laminar_error *err)
{
    char *path = join(ctx, name);
    laminar_status status = path ? file_remove(path, err) : error_oom(err);
    mem_free(path);
    return status;
}

static laminar_status make_folders(const char *folder, const char *log, const char *checkpoints,
                                   struct laminar_error *err)
{
    laminar_status status;
    TRY(folder_create(folder, err));
    TRY(folder_list(folder, refuse_name, (void *)(uintptr_t)folder, err));
    TRY(folder_create(log, err));
    TRY(folder_create(checkpoints, err));
done:
    return status;
}

/* Only its functions can keep a stream of a database in memory from being made again: the copy is opened to see. */
static laminar_status try_copy(const struct database *db, const char *folder,
                               struct laminar_error *err)
{
    struct settings settings;
    struct database *copy = NULL;
    settings_init(&settings);
    settings.variables = &db->variables;
    laminar_status status = settings_set(&settings, "read_only", "true", err);
    if (status == LAMINAR_OK) status = database_open(folder, &settings, &copy, err);
    if (copy) {
        laminar_status closed = database_close(copy, NULL);
        (void)closed;
        database_unref(copy);
    }
    return status;
}

laminar_status database_backup(struct database *db, const char *folder, struct laminar_error *err)
{
    laminar_status status = database_check_open(db, err);
    if (status != LAMINAR_OK) return status;
    if (!folder || !*folder || strcmp(folder, ":memory:") == 0)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "a backup needs the name of a folder");
    char *log = join(folder, "log"), *checkpoints = join(folder, "checkpoints"),
         *lock = join(folder, "LOCK");
    bool is_ours = false;
    if (!log || !checkpoints || !lock) TRY(error_oom(err));
    TRY(make_folders(folder, log, checkpoints, err));
    is_ours = true;
    TRY(checkpoint_copy(db, checkpoints, err));
    TRY(file_replace(lock, "", 0, err));
    TRY(folder_sync(folder, err));
    if (!db->durable) TRY(try_copy(db, folder, err));
done:
    if (status != LAMINAR_OK && is_ours) {
        /* half a copy must not look like one; the folders stay */
        laminar_status removed = folder_list(checkpoints, remove_name, checkpoints, NULL);
        if (removed == LAMINAR_OK) removed = file_remove(lock, NULL);
        (void)removed;
    }
    mem_free(log);
    mem_free(checkpoints);
    mem_free(lock);
    return status;
}
