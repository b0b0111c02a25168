/* rows.c - see rows.h. */
#include "rows.h"

struct schema *rows_schema(const struct data_type *types, uint32_t n, const char *not_null)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                        "j", "k", "l", "m", "n", "o", "p", "q", "r",
                                        "s", "t", "u", "v", "w", "x", "y", "z"};
    struct schema_column columns[26];
    assert_true(n <= 26);
    for (uint32_t i = 0; i < n; i++)
        columns[i] = (struct schema_column){names[i], types[i], !strchr(not_null, names[i][0])};
    struct schema *schema = schema_create(columns, n);
    assert_non_null(schema);
    return schema;
}

void rows_print(struct strbuf *out, const struct batch *batch)
{
    for (size_t row = 0; row < batch->n_rows; row++) {
        for (uint32_t i = 0; i < batch->n_cols; i++) {
            if (i) strbuf_putc(out, '|');
            text_print_value(out, &batch->cols[i], row);
        }
        strbuf_putc(out, '\n');
    }
}

void rows_expect(struct batch *batch, const char *expected)
{
    struct strbuf out = {0};
    strbuf_puts(&out, "");
    rows_print(&out, batch);
    assert_string_equal(out.data, expected);
    strbuf_deinit(&out);
    batch_unref(batch);
}
