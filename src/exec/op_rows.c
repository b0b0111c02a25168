/* op_rows.c - see op_rows.h. */
#include "exec/op_rows.h"
#include "base/error.h"

laminar_status columns_create(const struct plan_column *cols, uint32_t n_cols, struct column **out,
                              struct laminar_error *err)
{
    struct column *columns = mem_calloc(n_cols + 1, sizeof *columns);
    if (!columns) return error_oom(err);
    for (uint32_t i = 0; i < n_cols; i++) {
        laminar_status status = column_init(&columns[i], cols[i].type, err);
        if (status) {
            columns_free(columns, i);
            return status;
        }
    }
    *out = columns;
    return LAMINAR_OK;
}

void columns_free(struct column *cols, uint32_t n_cols)
{
    for (uint32_t i = 0; cols && i < n_cols; i++) column_deinit(&cols[i]);
    mem_free(cols);
}
