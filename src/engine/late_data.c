/* late_data.c - LATE DATA TO: rows that come too late for all their windows, on their way into a source.
 *
 * The operator hands them over while its step runs; they are collected a batch a stream, and become a step of their own right after it, as if somebody had
 * inserted them: so the source keeps them, streams read them, subscribers get them. The target has no watermark of ours and is never an input
 * (over any number of streams) of the stream that fills it, so this ends. @thread the step owner, but for the checks: control. */
#include "base/error.h"
#include "engine/engine.h"
#include <string.h>

const struct plan *late_data_plan(const struct plan *plan)
{
    if (!plan || plan->late_data) return plan;
    const struct plan *found = NULL;
    for (uint32_t i = 0; i < plan->n_inputs && !found; i++) found = late_data_plan(plan->inputs[i]);
    return found;
}

/* --- The target ---------------------------------------------------------------------------------------------------------------------------- */

static void put_name(struct strbuf *out, const char *name)
{
    strbuf_putc(out, '"');
    for (; *name; name++) {
        if (*name == '"') strbuf_putc(out, '"');
        strbuf_putc(out, *name);
    }
    strbuf_putc(out, '"');
}

laminar_status late_data_ddl(const struct plan *window, struct strbuf *out,
                             struct laminar_error *err)
{
    const struct plan *input = window->inputs[0];
    strbuf_puts(out, "CREATE SOURCE ");
    put_name(out, window->late_data);
    for (uint32_t i = 0; i < input->n_cols; i++) {
        strbuf_puts(out, i ? ", " : " (");
        put_name(out, input->cols[i].name);
        strbuf_printf(out, " %s", TYPE_TEXT(input->cols[i].type));
    }
    strbuf_putc(out, ')');
    return out->failed ? error_oom(err) : LAMINAR_OK;
}

/* Is `target` among what a relation reads, or does it read some other target of late rows? */
static bool reads(const struct relation *relation, const struct relation *target)
{
    for (uint32_t i = 0; i < relation->n_inputs; i++) {
        const struct relation *input = relation->inputs[i];
        if (input == target || input->is_late_target || reads(input, target)) return true;
    }
    return false;
}

static bool has_columns(const struct relation *target, const struct plan *input)
{
    const struct schema *schema = target->schema;
    if (schema->n_columns != input->n_cols) return false;
    for (uint32_t i = 0; i < input->n_cols; i++)
        if (!type_equal(schema->columns[i].type, input->cols[i].type) ||
            strcmp(schema->columns[i].name, input->cols[i].name) != 0)
            return false;
    return true;
}

laminar_status late_data_check(const struct relation *relation, const struct plan *window,
                               const struct relation *target, struct laminar_error *err)
{
    const char *why = NULL;
    laminar_status code = LAMINAR_QUERY_FAILED;
    if (target->kind != RELATION_SOURCE || target->connector)
        why = "it is no source of this database that rows are inserted into";
    else if (target->n_key_cols || !target->is_append_only)
        why = "it has a key, and late rows are only added";
    else if (!has_columns(target, window->inputs[0])) {
        why = "its columns are not those of the rows that are windowed";
        code = LAMINAR_SCHEMA_MISMATCH;
    } else if (reads(relation, target))
        why = "the stream reads it, or rows that were late for another one";
    if (!why) return LAMINAR_OK;
    struct strbuf ddl = {0};
    laminar_status status = late_data_ddl(window, &ddl, NULL);
    error_set(err, code, "late rows can't go to '%s': %s", target->name, why);
    error_object(err, target->name);
    error_hint(err, "a name that is not in use makes one: %.400s", status ? "" : ddl.data);
    strbuf_deinit(&ddl);
    return code;
}

laminar_status late_data_depend(struct relation *relation, struct relation *target,
                                struct laminar_error *err)
{
    struct relation **inputs = ARENA_ARRAY(&relation->arena, struct relation *,
                                           relation->n_inputs + 1);
    if (!inputs) return error_oom(err);
    if (relation->n_inputs)
        memcpy(inputs, relation->inputs, relation->n_inputs * sizeof(struct relation *));
    inputs[relation->n_inputs++] = relation_ref(target);
    relation->inputs = inputs;
    relation->late_to = target;
    target->is_late_target = true;
    return LAMINAR_OK;
}

/* --- The rows ---------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status take(void *ctx, struct step *step, const struct chunk *chunk)
{
    struct relation_runtime *runtime = ctx;
    struct database *db = runtime->db;
    if (batch_builder_n_rows(runtime->late) == 0 && !ARRAY_PUSH(&db->late, runtime))
        return error_oom(step->err);
    return batch_builder_append(runtime->late, chunk, step->err);
}

laminar_status late_data_connect(struct relation_runtime *runtime, struct laminar_error *err)
{
    for (size_t i = 0; i < runtime->part.ops.n; i++) {
        struct op *op = runtime->part.ops.items[i];
        if (!op->late_data || !runtime->relation->late_to) continue;
        laminar_status status = batch_builder_create(runtime->relation->late_to->schema,
                                                     runtime->db->pool, &runtime->late, err);
        return status ? status : op_take_late(op, take, runtime, err);
    }
    return LAMINAR_OK;
}

void late_data_forget(struct relation_runtime *runtime)
{
    struct database *db = runtime->db;
    for (size_t i = 0; i < db->late.n; i++)
        if (db->late.items[i] == runtime) db->late.items[i--] = db->late.items[--db->late.n];
}

laminar_status late_data_next(struct database *db, struct pending *out, struct laminar_error *err)
{
    struct relation_runtime *runtime = db->late.items[--db->late.n];
    *out = (struct pending){.relation = runtime->relation->late_to, .watermark_us = WATERMARK_NONE};
    return batch_builder_finish(runtime->late, &out->batch, err);
}
