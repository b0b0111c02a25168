/* print_text.c - csv, json and line modes, and the choice of mode.
 *
 * CSV follows RFC 4180 with bare line feeds: null is an empty field, the empty string is "". JSON has one object a row; numbers stay
 * numbers with all their digits (what a double can't say in JSON, NaN and the infinities, are strings), other values are strings. */
#include "display_width.h"
#include "print.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void print_line_out(struct shell *shell)
{
    if (shell->line.size) fwrite(shell->line.data, 1, shell->line.size, shell->out);
    buffer_clear(&shell->line);
}

bool print_is_number(laminar_type type)
{
    return type >= LAMINAR_TYPE_INT8 && type <= LAMINAR_TYPE_DECIMAL;
}

/* --- CSV ------------------------------------------------------------------------------------------------------------------------ */

static void csv_field(struct buffer *buf, const char *text)
{
    if (*text && !strpbrk(text, ",\"\r\n") && text[0] != ' ' && text[strlen(text) - 1] != ' ') {
        buffer_puts(buf, text);
        return;
    }
    buffer_putc(buf, '"');
    for (; *text; text++) {
        if (*text == '"') buffer_putc(buf, '"');
        buffer_putc(buf, *text);
    }
    buffer_putc(buf, '"');
}

void print_csv_header(struct shell *shell, const laminar_result *result)
{
    size_t n_columns = laminar_result_n_columns(result);
    for (size_t c = 0; c < n_columns; c++) {
        if (c) buffer_putc(&shell->line, ',');
        csv_field(&shell->line, laminar_result_column_name(result, c));
    }
    buffer_putc(&shell->line, '\n');
    print_line_out(shell);
}

void print_csv_rows(struct shell *shell, const laminar_result *result, size_t n_rows)
{
    size_t n_columns = laminar_result_n_columns(result);
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t c = 0; c < n_columns; c++) {
            if (c) buffer_putc(&shell->line, ',');
            char *text = laminar_result_text_copy(result, row, c);
            if (text) csv_field(&shell->line, text);
            laminar_free(text);
        }
        buffer_putc(&shell->line, '\n');
        print_line_out(shell);
    }
}

/* --- JSON ----------------------------------------------------------------------------------------------------------------------- */

static void json_string(struct buffer *buf, const char *text, size_t size)
{
    buffer_putc(buf, '"');
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        switch (c) {
        case '"': buffer_puts(buf, "\\\""); break;
        case '\\': buffer_puts(buf, "\\\\"); break;
        case '\n': buffer_puts(buf, "\\n"); break;
        case '\r': buffer_puts(buf, "\\r"); break;
        case '\t': buffer_puts(buf, "\\t"); break;
        default:
            if (c < ' ' || c == 0x7F)
                buffer_printf(buf, "\\u%04x", c);
            else
                buffer_putc(buf, (char)c);
        }
    }
    buffer_putc(buf, '"');
}

/* The text form of a number, where JSON has one. */
static bool is_json_number(const char *text)
{
    const char *digits = text + (*text == '-');
    return *digits >= '0' && *digits <= '9' && strspn(text, "0123456789+-.eE") == strlen(text);
}

static void json_value(struct buffer *buf, const laminar_result *result, size_t row, size_t column)
{
    laminar_type type = laminar_result_column_type(result, column);
    if (laminar_result_is_null(result, row, column)) {
        buffer_puts(buf, "null");
        return;
    }
    if (type == LAMINAR_TYPE_BOOL) {
        buffer_puts(buf, laminar_result_bool(result, row, column) ? "true" : "false");
        return;
    }
    if (type == LAMINAR_TYPE_VARCHAR || type == LAMINAR_TYPE_JSON) {
        size_t size = 0;
        const char *bytes = laminar_result_bytes(result, row, column, &size);
        if (type == LAMINAR_TYPE_JSON)
            buffer_add(buf, bytes, size);
        else
            json_string(buf, bytes, size);
        return;
    }
    char *text = laminar_result_text_copy(result, row, column);
    if (!text)
        buffer_puts(buf, "null");
    else if (print_is_number(type) && is_json_number(text))
        buffer_puts(buf, text);
    else
        json_string(buf, text, strlen(text));
    laminar_free(text);
}

static void json_object(struct buffer *buf, const laminar_result *result, size_t row)
{
    buffer_putc(buf, '{');
    for (size_t c = 0; c < laminar_result_n_columns(result); c++) {
        const char *name = laminar_result_column_name(result, c);
        if (c) buffer_putc(buf, ',');
        json_string(buf, name, strlen(name));
        buffer_putc(buf, ':');
        json_value(buf, result, row, c);
    }
    buffer_putc(buf, '}');
}

void print_json_array(struct shell *shell, const laminar_result *result)
{
    size_t n_rows = laminar_result_n_rows(result);
    buffer_putc(&shell->line, '[');
    for (size_t row = 0; row < n_rows; row++) {
        if (row) buffer_puts(&shell->line, ",\n ");
        json_object(&shell->line, result, row);
        print_line_out(shell);
    }
    buffer_puts(&shell->line, "]\n");
    print_line_out(shell);
}

void print_json_lines(struct shell *shell, const laminar_result *result, size_t n_rows)
{
    for (size_t row = 0; row < n_rows; row++) {
        json_object(&shell->line, result, row);
        buffer_putc(&shell->line, '\n');
        print_line_out(shell);
    }
}

/* --- Line ----------------------------------------------------------------------------------------------------------------------- */

void print_line_rows(struct shell *shell, const laminar_result *result, size_t n_rows,
                     bool is_first)
{
    size_t n_columns = laminar_result_n_columns(result), width = 0;
    for (size_t c = 0; c < n_columns; c++) {
        const char *name = laminar_result_column_name(result, c);
        size_t cells = display_width(name, strlen(name));
        if (cells > width) width = cells;
    }
    for (size_t row = 0; row < n_rows; row++) {
        if (row || !is_first) buffer_putc(&shell->line, '\n');
        for (size_t c = 0; c < n_columns; c++) {
            const char *name = laminar_result_column_name(result, c);
            char *text = laminar_result_text_copy(result, row, c);
            buffer_repeat(&shell->line, " ", width - display_width(name, strlen(name)));
            buffer_printf(&shell->line, "%s = ", name);
            buffer_puts(&shell->line, text ? text : "NULL");
            buffer_putc(&shell->line, '\n');
            laminar_free(text);
        }
        print_line_out(shell);
    }
}

/* --- The choice ----------------------------------------------------------------------------------------------------------------- */

void print_result(struct shell *shell, const laminar_result *result)
{
    size_t n_rows = laminar_result_n_rows(result);
    switch (shell->mode) {
    case MODE_TABLE: print_table(shell, result); break;
    case MODE_CSV:
        if (shell->has_header) print_csv_header(shell, result);
        print_csv_rows(shell, result, n_rows);
        break;
    case MODE_JSON: print_json_array(shell, result); break;
    case MODE_LINE: print_line_rows(shell, result, n_rows, true); break;
    }
    fflush(shell->out);
}

void print_flow_begin(struct shell *shell, struct print_flow *flow, const laminar_result *first)
{
    *flow = (struct print_flow){.n_columns = laminar_result_n_columns(first)};
    if (shell->mode == MODE_TABLE) print_table_flow_begin(shell, flow, first);
    if (shell->mode == MODE_CSV && shell->has_header) print_csv_header(shell, first);
}

void print_flow_rows(struct shell *shell, struct print_flow *flow, const laminar_result *result,
                     size_t n_rows)
{
    switch (shell->mode) {
    case MODE_TABLE: print_table_flow_rows(shell, flow, result, n_rows); break;
    case MODE_CSV: print_csv_rows(shell, result, n_rows); break;
    case MODE_JSON: print_json_lines(shell, result, n_rows); break;
    case MODE_LINE: print_line_rows(shell, result, n_rows, flow->n_rows == 0); break;
    }
    flow->n_rows += n_rows;
    fflush(shell->out);
}

void print_flow_end(struct shell *shell, struct print_flow *flow)
{
    if (shell->mode == MODE_TABLE) print_table_flow_end(shell, flow);
    free(flow->widths);
    *flow = (struct print_flow){0};
    fflush(shell->out);
}
