/* plan_error.c - errors of the planner: text, position in the SQL, and the nearest name. */
#include "plan/plan_internal.h"

laminar_status plan_error(struct plan_context *ctx, laminar_status code, uint32_t offset,
                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_set_v(ctx->err, code, format, args);
    va_end(args);
    return plan_located(ctx, code, offset);
}

laminar_status plan_located(struct plan_context *ctx, laminar_status status, uint32_t offset)
{
    if (status != LAMINAR_OK && status != LAMINAR_OUT_OF_MEMORY && ctx->sql &&
        offset <= ctx->sql_size)
        error_position(ctx->err, ctx->sql, ctx->sql_size, offset);
    return status;
}

laminar_status plan_unsupported(struct plan_context *ctx, uint32_t offset, const char *what,
                                const char *hint)
{
    plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, offset, "%s", what);
    if (hint) error_hint(ctx->err, "%s", hint);
    return LAMINAR_QUERY_UNSUPPORTED;
}

laminar_status plan_oom(struct plan_context *ctx) { return error_oom(ctx->err); }

void nearest_offer(struct nearest_name *nearest, const char *name)
{
    enum { DISTANCE_MAX = 3 };
    if (!name || !nearest->wanted) return;
    if (nearest->best == NULL) nearest->distance = DISTANCE_MAX + 1;
    if (nearest->distance == 0) return;
    size_t distance = edit_distance(nearest->wanted, name, nearest->distance - 1);
    if (distance < nearest->distance && distance * 2 <= strlen(name)) {
        nearest->best = name;
        nearest->distance = distance;
    }
}
