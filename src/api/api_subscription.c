/* api_subscription.c - laminar_subscribe and what is done with a subscription. */
#include "api/handles.h"
#include "base/error.h"
#include "vector/arrow.h"

laminar_status laminar_subscribe(laminar_db *db, const char *name_or_sql,
                                 const laminar_subscribe_options *options,
                                 laminar_subscription **out, laminar_error *err)
{
    if (!db || !name_or_sql || !out)
        return api_null(!db ? "db" : !name_or_sql ? "name_or_sql" : "out", err);
    if (options && options->struct_size < sizeof(size_t))
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "options->struct_size is not set");
    laminar_subscription *handle = mem_calloc(1, sizeof *handle);
    if (!handle) return error_oom(err);
    laminar_status status = engine_subscribe(db->db, name_or_sql, options, &handle->sub, err);
    if (status != LAMINAR_OK) {
        mem_free(handle);
        return status;
    }
    *out = handle;
    return LAMINAR_OK;
}

laminar_status laminar_subscription_next(laminar_subscription *sub, int64_t timeout_ms,
                                         laminar_result **out, laminar_error *err)
{
    if (!sub || !out) return api_null(!sub ? "sub" : "out", err);
    if (timeout_ms == 0 && subscription_is_idle(sub->sub))
        return error_set_text(err, LAMINAR_SUBSCRIPTION_TIMEOUT,
                              "timeout: nothing came within 0 ms");
    struct statement_result answer = {.kind = LAMINAR_RESULT_QUERY};
    laminar_status status = subscription_next(sub->sub, timeout_ms, &answer.rows, err);
    if (status == LAMINAR_OK && answer.rows.n_rows == 0) {
        *out = NULL;
    } else if (status == LAMINAR_OK) {
        status = result_create(&answer, out, err);
    }
    statement_result_deinit(&answer);
    return status;
}

void laminar_subscription_cancel(laminar_subscription *sub)
{
    if (sub) subscription_cancel(sub->sub);
}

void laminar_subscription_free(laminar_subscription *sub)
{
    if (!sub) return;
    subscription_free(sub->sub);
    mem_free(sub);
}

laminar_status laminar_subscription_schema(const laminar_subscription *sub, struct ArrowSchema *out,
                                           laminar_error *err)
{
    if (!sub || !out) return api_null(!sub ? "sub" : "out", err);
    return arrow_export_schema(subscription_schema(sub->sub), false, out, err);
}

laminar_subscription_state laminar_subscription_get_state(const laminar_subscription *sub)
{
    return sub ? subscription_state(sub->sub) : LAMINAR_SUBSCRIPTION_CANCELLED;
}

uint64_t laminar_subscription_epoch(const laminar_subscription *sub)
{
    return sub ? subscription_epoch(sub->sub) : 0;
}

uint64_t laminar_subscription_dropped_rows(const laminar_subscription *sub)
{
    return sub ? subscription_dropped_rows(sub->sub) : 0;
}

int laminar_subscription_fd(laminar_subscription *sub, laminar_error *err)
{
    if (sub) return subscription_fd(sub->sub, err);
    laminar_status status = api_null("sub", err);
    (void)status;
    return -1;
}
