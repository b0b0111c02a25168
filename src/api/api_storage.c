/* api_storage.c - what is done with databases in folders: checkpoints, copies, dumps, checks. */
#include "api/handles.h"
#include "base/error.h"
#include "engine/durable.h"

laminar_status laminar_backup(laminar_db *db, const char *folder, laminar_error *err)
{
    if (!db || !folder) return api_null(!db ? "db" : "folder", err);
    return database_backup(db->db, folder, err);
}

laminar_status laminar_dump(laminar_db *db, const char *folder, laminar_error *err)
{
    if (!db || !folder) return api_null(!db ? "db" : "folder", err);
    return database_dump(db->db, folder, false, err);
}

laminar_status laminar_dump_with_secrets(laminar_db *db, const char *folder, laminar_error *err)
{
    if (!db || !folder) return api_null(!db ? "db" : "folder", err);
    return database_dump(db->db, folder, true, err);
}

laminar_status laminar_check(const char *folder, laminar_check_function found, void *user_data,
                             uint64_t *out_n_problems, laminar_error *err)
{
    if (!folder) return api_null("folder", err);
    struct check_report report = {.found = found, .ctx = user_data};
    laminar_status status = database_check(folder, &report, err);
    if (status == LAMINAR_OK && out_n_problems) *out_n_problems = report.n_problems;
    return status;
}
