/* print_table.c - table mode: a box with names, types, and rows; numbers at the right.
 *
 *   ┌─────────┬────────┐
 *   │   sym   │   px   │
 *   │ varchar │ double │
 *   ├─────────┼────────┤
 *   │ ACME    │   10.5 │
 *   └─────────┴────────┘
 *   (1 row)
 *
 * On a terminal the box fits its width: the widest columns are cut first (with …), and where even narrow columns don't fit, those in the
 * middle are left out. Two passes over what is shown: widths, then lines. Control characters show as escapes, so that a cell stays one line. */
#include "display_width.h"
#include "print.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMN_WIDTH_MIN = 6, CELL_BYTES_MAX = 1 << 16 };
#define DIM "\033[2m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

enum align { ALIGN_LEFT, ALIGN_RIGHT, ALIGN_CENTER };

struct table {
    struct shell *shell;
    size_t n_columns;
    size_t *widths; /* cells; 0 = left out */
    size_t n_left_out;
};

static size_t terminal_width(const struct shell *shell)
{
    struct winsize size;
    if (!shell->is_out_tty) return 0;
    const char *columns = getenv("COLUMNS");
    if (columns && atoi(columns) > 0) return (size_t)atoi(columns);
    if (ioctl(fileno(shell->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

/* The text as one line. */
static void add_visible(struct buffer *buf, const char *text)
{
    size_t size = strlen(text);
    if (size > CELL_BYTES_MAX) size = display_prefix(text, CELL_BYTES_MAX, CELL_BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= ' ' && c != 0x7F)
            buffer_putc(buf, (char)c);
        else if (c == '\n' || c == '\t' || c == '\r')
            buffer_printf(buf, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else
            buffer_printf(buf, "\\x%02x", c);
    }
}

static void cell_text(const laminar_result *result, size_t row, size_t column, struct buffer *out)
{
    buffer_clear(out);
    char *text = laminar_result_text_copy(result, row, column);
    add_visible(out, text ? text : "NULL");
    laminar_free(text);
}

static void type_text(const laminar_result *result, size_t column, struct buffer *out)
{
    bool is_quoted = false; /* the name of a field */
    buffer_clear(out);
    for (const char *name = laminar_result_column_type_name(result, column); *name; name++) {
        is_quoted ^= *name == '"';
        buffer_putc(out, is_quoted ? *name : (char)tolower((unsigned char)*name));
    }
}

/* One cell with its blanks: at most `width` cells of text, cut with …; longer ones push the line where nothing may be cut. */
static void put_cell(struct buffer *line, const struct buffer *text, size_t width, enum align align,
                     const char *colour)
{
    size_t size = text->size, cells = display_width(text->data, size);
    bool is_cut = cells > width;
    if (is_cut) {
        size = display_prefix(text->data, size, width - 1);
        cells = display_width(text->data, size) + 1;
    }
    size_t blanks = width - cells;
    size_t left = align == ALIGN_LEFT ? 0 : align == ALIGN_RIGHT ? blanks : blanks / 2;
    buffer_repeat(line, " ", left + 1);
    if (colour) buffer_puts(line, colour);
    buffer_add(line, text->data, size);
    if (is_cut) buffer_puts(line, "…");
    if (colour) buffer_puts(line, PLAIN);
    buffer_repeat(line, " ", blanks - left + 1);
}

static void put_border(const struct table *table, const char *left, const char *middle,
                       const char *right)
{
    struct buffer *line = &table->shell->line;
    bool is_first = true, has_gap = false;
    buffer_puts(line, left);
    for (size_t c = 0; c < table->n_columns; c++) {
        if (!table->widths[c] && has_gap) continue;
        if (!is_first) buffer_puts(line, middle);
        buffer_repeat(line, "─", table->widths[c] ? table->widths[c] + 2 : 3);
        has_gap = has_gap || !table->widths[c];
        is_first = false;
    }
    buffer_puts(line, right);
    buffer_putc(line, '\n');
    print_line_out(table->shell);
}

enum line_kind { LINE_NAMES, LINE_TYPES, LINE_ROW };

static void put_line(const struct table *table, const laminar_result *result, enum line_kind kind,
                     size_t row)
{
    struct buffer *line = &table->shell->line;
    struct buffer cell = {0};
    bool is_tty = table->shell->is_out_tty, has_gap = false;
    buffer_puts(line, "│");
    for (size_t c = 0; c < table->n_columns; c++) {
        if (!table->widths[c]) {
            if (!has_gap) buffer_puts(line, " … │");
            has_gap = true;
            continue;
        }
        if (kind == LINE_NAMES) {
            buffer_clear(&cell);
            add_visible(&cell, laminar_result_column_name(result, c));
            buffer_puts(&cell, "");
            put_cell(line, &cell, table->widths[c], ALIGN_CENTER, is_tty ? BOLD : NULL);
        } else if (kind == LINE_TYPES) {
            type_text(result, c, &cell);
            put_cell(line, &cell, table->widths[c], ALIGN_CENTER, is_tty ? DIM : NULL);
        } else {
            cell_text(result, row, c, &cell);
            buffer_puts(&cell, "");
            bool is_null = laminar_result_is_null(result, row, c);
            bool is_number = print_is_number(laminar_result_column_type(result, c));
            put_cell(line, &cell, table->widths[c], is_number ? ALIGN_RIGHT : ALIGN_LEFT,
                     is_null && is_tty ? DIM : NULL);
        }
        buffer_puts(line, "│");
    }
    buffer_putc(line, '\n');
    print_line_out(table->shell);
    buffer_deinit(&cell);
}

static void widen(size_t *width, const struct buffer *text)
{
    size_t cells = text->size ? display_width(text->data, text->size) : 0;
    if (cells > *width) *width = cells;
}

/* The widths that rows [0, head) and [tail, n) need. */
static void measure(struct table *table, const laminar_result *result, size_t head, size_t tail)
{
    struct buffer cell = {0};
    size_t n_rows = laminar_result_n_rows(result);
    for (size_t c = 0; c < table->n_columns; c++) {
        table->widths[c] = 1;
        if (table->shell->has_header) {
            buffer_clear(&cell);
            add_visible(&cell, laminar_result_column_name(result, c));
            widen(&table->widths[c], &cell);
            type_text(result, c, &cell);
            widen(&table->widths[c], &cell);
        }
        for (size_t row = 0; row < n_rows; row++) {
            if (row == head) row = tail;
            if (row >= n_rows) break;
            cell_text(result, row, c, &cell);
            widen(&table->widths[c], &cell);
        }
    }
    buffer_deinit(&cell);
}

static size_t total_width(const struct table *table)
{
    size_t total = 1;
    bool has_gap = false;
    for (size_t c = 0; c < table->n_columns; c++) {
        if (!table->widths[c]) {
            if (!has_gap) total += 4;
            has_gap = true;
        } else {
            total += table->widths[c] + 3;
        }
    }
    return total;
}

/* Makes the box at most `limit` cells wide: see the top of the file. */
static void fit(struct table *table, size_t limit)
{
    size_t total;
    while (limit && (total = total_width(table)) > limit) {
        size_t widest = 0, second = 0;
        for (size_t c = 1; c < table->n_columns; c++)
            if (table->widths[c] > table->widths[widest]) widest = c;
        for (size_t c = 0; c < table->n_columns; c++)
            if (c != widest && table->widths[c] > second) second = table->widths[c];
        size_t floor = second > COLUMN_WIDTH_MIN ? second - 1 : COLUMN_WIDTH_MIN;
        size_t excess = total - limit;
        if (table->widths[widest] <= COLUMN_WIDTH_MIN) break;
        if (table->widths[widest] < floor + excess) excess = table->widths[widest] - floor;
        if (excess == 0) excess = 1;
        table->widths[widest] -= excess;
    }
    /* Leave out from the middle: first and last columns say most. */
    while (limit && total_width(table) > limit && table->n_columns - table->n_left_out > 2) {
        size_t middle = table->n_columns / 2;
        for (size_t i = 0; i < table->n_columns; i++) {
            size_t c = i % 2 ? middle - (i + 1) / 2 : middle + i / 2;
            if (c < table->n_columns && table->widths[c]) {
                table->widths[c] = 0;
                break;
            }
        }
        table->n_left_out++;
    }
}

static void put_header(const struct table *table, const laminar_result *result)
{
    put_border(table, "┌", "┬", "┐");
    if (!table->shell->has_header) return;
    put_line(table, result, LINE_NAMES, 0);
    put_line(table, result, LINE_TYPES, 0);
    put_border(table, "├", "┼", "┤");
}

static void put_footer(struct shell *shell, uint64_t n_rows, size_t n_shown, size_t n_left_out,
                       size_t n_columns)
{
    struct buffer *line = &shell->line;
    if (shell->is_out_tty) buffer_puts(line, DIM);
    buffer_printf(line, "(%llu row%s", (unsigned long long)n_rows, n_rows == 1 ? "" : "s");
    if (n_shown < n_rows) buffer_printf(line, ", %zu shown", n_shown);
    if (n_left_out)
        buffer_printf(line, "; %zu of %zu columns shown", n_columns - n_left_out, n_columns);
    buffer_putc(line, ')');
    if (shell->is_out_tty) buffer_puts(line, PLAIN);
    buffer_putc(line, '\n');
    print_line_out(shell);
}

void print_table(struct shell *shell, const laminar_result *result)
{
    size_t n_rows = laminar_result_n_rows(result), head = n_rows, tail = n_rows;
    struct table table = {.shell = shell, .n_columns = laminar_result_n_columns(result)};
    if (table.n_columns == 0) return;
    if (shell->rows_max && n_rows > shell->rows_max) {
        head = (shell->rows_max + 1) / 2;
        tail = n_rows - shell->rows_max / 2;
    }
    table.widths = shell_alloc(table.n_columns, sizeof *table.widths);
    measure(&table, result, head, tail);
    fit(&table, terminal_width(shell));
    put_header(&table, result);
    for (size_t row = 0; row < head; row++) put_line(&table, result, LINE_ROW, row);
    if (head < tail) put_border(&table, "├", "┼", "┤");
    for (size_t row = tail; row < n_rows; row++) put_line(&table, result, LINE_ROW, row);
    put_border(&table, "└", "┴", "┘");
    put_footer(shell, n_rows, head + n_rows - tail, table.n_left_out, table.n_columns);
    free(table.widths);
}

/* --- A flow: the widths are those of the first rows and what the types usually need; later rows are cut to them on a terminal, and
 * push their line elsewhere. -------------------------------------------------------------------------------------------------- */

static size_t usual_width(laminar_type type)
{
    switch ((int)type) {
    case LAMINAR_TYPE_TIMESTAMP:
    case LAMINAR_TYPE_TIMESTAMPTZ: return 26;
    case LAMINAR_TYPE_DOUBLE:
    case LAMINAR_TYPE_DECIMAL: return 18;
    case LAMINAR_TYPE_INT64:
    case LAMINAR_TYPE_UINT64:
    case LAMINAR_TYPE_VARCHAR: return 12;
    default: return 8;
    }
}

void print_table_flow_begin(struct shell *shell, struct print_flow *flow,
                            const laminar_result *first)
{
    struct table table = {.shell = shell, .n_columns = flow->n_columns};
    flow->widths = table.widths = shell_alloc(flow->n_columns, sizeof *flow->widths);
    size_t n_rows = laminar_result_n_rows(first);
    measure(&table, first, n_rows, n_rows);
    for (size_t c = 0; c < flow->n_columns; c++) {
        size_t usual = usual_width(laminar_result_column_type(first, c));
        if (table.widths[c] < usual) table.widths[c] = usual;
    }
    fit(&table, terminal_width(shell));
    put_header(&table, first);
}

void print_table_flow_rows(struct shell *shell, struct print_flow *flow,
                           const laminar_result *result, size_t n_rows)
{
    struct buffer cell = {0};
    struct table table = {.shell = shell, .n_columns = flow->n_columns, .widths = flow->widths};
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t c = 0; c < flow->n_columns && !shell->is_out_tty; c++) {
            if (!flow->widths[c]) continue;
            cell_text(result, row, c, &cell);
            widen(&flow->widths[c], &cell);
        }
        put_line(&table, result, LINE_ROW, row);
    }
    buffer_deinit(&cell);
}

void print_table_flow_end(struct shell *shell, struct print_flow *flow)
{
    struct table table = {.shell = shell, .n_columns = flow->n_columns, .widths = flow->widths};
    if (flow->widths) put_border(&table, "└", "┴", "┘");
    put_footer(shell, flow->n_rows, flow->n_rows, 0, flow->n_columns);
}
