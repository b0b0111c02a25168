/* print.h - results as text.
 *
 * A printer writes one result (print_result) or the deliveries of a subscription as one flow (print_begin, print_rows, print_end). */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "shell.h"

/* A whole result in the shell's mode. */
void print_result(struct shell *shell, const laminar_result *result);

/* A flow of results of one schema; `first` gives names, types and, in table mode, the widths. */
struct print_flow {
    size_t *widths; /* table mode */
    size_t n_columns;
    uint64_t n_rows;
};
void print_flow_begin(struct shell *shell, struct print_flow *flow, const laminar_result *first);
/* Rows [0, n_rows) of a result. */
void print_flow_rows(struct shell *shell, struct print_flow *flow, const laminar_result *result,
                     size_t n_rows);
/* Closes the box and counts; also when nothing began. */
void print_flow_end(struct shell *shell, struct print_flow *flow);

/* The parts (print_table.c, print_text.c). */
void print_table(struct shell *shell, const laminar_result *result);
void print_table_flow_begin(struct shell *shell, struct print_flow *flow,
                            const laminar_result *first);
void print_table_flow_rows(struct shell *shell, struct print_flow *flow,
                           const laminar_result *result, size_t n_rows);
void print_table_flow_end(struct shell *shell, struct print_flow *flow);

void print_csv_header(struct shell *shell, const laminar_result *result);
void print_csv_rows(struct shell *shell, const laminar_result *result, size_t n_rows);
void print_json_array(struct shell *shell, const laminar_result *result);
void print_json_lines(struct shell *shell, const laminar_result *result, size_t n_rows);
void print_line_rows(struct shell *shell, const laminar_result *result, size_t n_rows,
                     bool is_first);

/* Writes shell->line to shell->out and empties it. */
void print_line_out(struct shell *shell);

/* Columns of numbers stand at the right. */
bool print_is_number(laminar_type type);

#endif
