/* run.c - see run.h. */
#include "run.h"
#include "commands.h"
#include "interrupt.h"
#include "print.h"
#include "statement_split.h"
#include "subscribe.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void show_answer(struct shell *shell, const laminar_result *result)
{
    unsigned long long n_rows = (unsigned long long)laminar_result_rows_affected(result);
    switch (laminar_result_get_kind(result)) {
    case LAMINAR_RESULT_QUERY:
    case LAMINAR_RESULT_METADATA:
        if (laminar_result_n_columns(result)) print_result(shell, result);
        break;
    case LAMINAR_RESULT_ROWS_AFFECTED:
        report_note(shell, "%llu row%s", n_rows, n_rows == 1 ? "" : "s");
        break;
    case LAMINAR_RESULT_DDL:
        report_note(shell, "%s %s", laminar_result_ddl_type(result),
                    laminar_result_ddl_object(result));
        break;
    }
}

/* The call between the brackets that let Ctrl-C cancel it. */
static laminar_status execute(struct shell *shell, const char *sql, laminar_result **out,
                              laminar_error *err)
{
    interrupt_begin_query(shell->interrupt, shell->db);
    laminar_status status = laminar_execute(shell->db, sql, out, err);
    interrupt_end(shell->interrupt);
    return status;
}

laminar_result *run_query(struct shell *shell, const char *sql)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    if (execute(shell, sql, &result, &err) == LAMINAR_OK) return result;
    report_error(shell, &err, NULL);
    return NULL;
}

enum run_outcome run_statement(struct shell *shell, const char *sql, size_t size,
                               const struct origin *origin)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    struct buffer text = {0};
    buffer_add(&text, sql, size);
    double start_s = now_s();
    bool is_subscription = split_starts_with(sql, size, "subscribe");
    laminar_status status = is_subscription ? subscribe_run(shell, text.data, &err)
                                            : execute(shell, text.data, &result, &err);
    double seconds = now_s() - start_s;
    bool is_interrupted = interrupt_take(shell->interrupt);
    if (status == LAMINAR_OK && result) show_answer(shell, result);
    laminar_result_free(result);
    buffer_deinit(&text);
    if (status != LAMINAR_OK) report_error(shell, &err, origin);
    if (shell->has_timer) {
        fflush(shell->out);
        fprintf(stderr, "time: %.3f s\n", seconds);
    }
    if (is_interrupted) return RUN_INTERRUPTED;
    return status == LAMINAR_OK ? RUN_OK : RUN_FAILED;
}

/* --- Scripts -------------------------------------------------------------------------------------------------------------------- */

/* Moves the origin over text[0..size). */
static void advance(struct origin *origin, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n') {
            origin->line++;
            origin->column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            origin->column++;
        }
    }
}

static bool is_over(const struct shell *shell, enum run_outcome outcome)
{
    return outcome == RUN_INTERRUPTED || shell->is_quitting ||
           (outcome == RUN_FAILED && !shell->keep_going);
}

/* Runs what is complete in text (all of it when is_last), and gives the bytes that are done with. */
static size_t run_complete(struct shell *shell, const char *text, size_t size, bool is_last,
                           struct origin *origin, enum run_outcome *outcome)
{
    size_t done = 0;
    while (done < size) {
        size_t blank = split_skip_blank(text + done, size - done);
        if (done + blank == size && !is_last) break; /* a comment that may go on */
        advance(origin, text + done, blank);
        done += blank;
        if (done == size) break;
        bool is_ended = false;
        size_t n;
        enum run_outcome this_outcome = RUN_OK;
        if (text[done] == '.') {
            const char *end = memchr(text + done, '\n', size - done);
            if (!end && !is_last) break;
            n = end ? (size_t)(end - text) - done : size - done;
            this_outcome = command_run(shell, text + done, n);
        } else {
            n = split_statement(text + done, size - done, &is_ended);
            if (!is_ended && !is_last) break;
            if (text[done] != ';') this_outcome = run_statement(shell, text + done, n, origin);
        }
        advance(origin, text + done, n);
        done += n;
        if (this_outcome != RUN_OK) *outcome = this_outcome;
        if (interrupt_take(shell->interrupt)) *outcome = this_outcome = RUN_INTERRUPTED;
        if (is_over(shell, this_outcome)) break;
    }
    return done;
}

enum run_outcome run_script(struct shell *shell, const char *text, size_t size, const char *label)
{
    enum run_outcome outcome = RUN_OK;
    struct origin origin = {.label = label, .line = 1, .column = 1};
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* byte order mark */
        text += 3;
        size -= 3;
    }
    run_complete(shell, text, size, true, &origin, &outcome);
    return outcome;
}

enum run_outcome run_file(struct shell *shell, const char *path)
{
    struct buffer text = {0};
    if (strcmp(path, "-") == 0) return run_input(shell, STDIN_FILENO);
    if (!buffer_read_file(&text, path)) {
        report_problem(shell, "can't read %s: %s", path, strerror(errno));
        buffer_deinit(&text);
        return RUN_FAILED;
    }
    const char *label = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    enum run_outcome outcome = run_script(shell, text.data, text.size, label);
    buffer_deinit(&text);
    return outcome;
}

enum run_outcome run_input(struct shell *shell, int fd)
{
    enum run_outcome outcome = RUN_OK;
    struct origin origin = {.line = 1, .column = 1};
    struct buffer text = {0};
    char piece[1 << 16];
    bool is_last = false;
    while (!is_last && !shell->is_quitting && outcome != RUN_INTERRUPTED) {
        if (!interrupt_wait_readable(shell->interrupt, fd)) {
            interrupt_take(shell->interrupt);
            outcome = RUN_INTERRUPTED;
            break;
        }
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR) continue;
        is_last = n <= 0;
        buffer_add(&text, piece, n > 0 ? (size_t)n : 0);
        size_t done = run_complete(shell, text.data, text.size, is_last, &origin, &outcome);
        if (outcome == RUN_FAILED && !shell->keep_going) break;
        memmove(text.data, text.data + done, text.size - done);
        text.size -= done;
    }
    buffer_deinit(&text);
    return outcome;
}
