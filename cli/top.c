/* top.c - see top.h. Each picture asks for the metrics of the database and of every relation; rates are what came since the picture
 * before, over the time between. The relations are listed anew each time, as other threads may create and drop them. */
#include "top.h"
#include "display_width.h"
#include "interrupt.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAME_WIDTH_MAX = 32, COUNT_WIDTH = 9 };

struct relation_row {
    char *name;
    const char *kind;
    laminar_relation_metrics metrics;
};

struct picture {
    laminar_metrics metrics;
    struct relation_row *rows;
    size_t n_rows, capacity;
    int64_t at_ms; /* monotonic */
};

static const struct {
    const char *show, *kind;
} lists[] = {{"SHOW SOURCES", "source"},
             {"SHOW TABLES", "table"},
             {"SHOW STREAMS", "stream"},
             {"SHOW MATERIALIZED VIEWS", "view"},
             {"SHOW SINKS", "sink"}};
enum { N_LISTS = sizeof lists / sizeof *lists };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void picture_deinit(struct picture *picture)
{
    for (size_t i = 0; i < picture->n_rows; i++) free(picture->rows[i].name);
    free(picture->rows);
    *picture = (struct picture){0};
}

/* A relation that was dropped since it was listed is left out. */
static void add_relation(struct shell *shell, struct picture *picture, const char *kind,
                         const char *name, size_t size)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    struct relation_row row = {.kind = kind, .metrics = {.struct_size = sizeof row.metrics}};
    row.name = shell_alloc(size + 1, 1);
    memcpy(row.name, name, size);
    row.name[size] = 0;
    if (laminar_get_relation_metrics(shell->db, row.name, &row.metrics, &err) != LAMINAR_OK) {
        free(row.name);
        return;
    }
    if (picture->n_rows == picture->capacity) {
        size_t capacity = picture->capacity ? 2 * picture->capacity : 16;
        struct relation_row *rows = shell_alloc(capacity, sizeof *rows);
        if (picture->n_rows) memcpy(rows, picture->rows, picture->n_rows * sizeof *rows);
        free(picture->rows);
        picture->rows = rows;
        picture->capacity = capacity;
    }
    picture->rows[picture->n_rows++] = row;
}

static bool picture_take(struct shell *shell, struct picture *out)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    *out = (struct picture){.metrics = {.struct_size = sizeof out->metrics}, .at_ms = now_ms()};
    if (laminar_get_metrics(shell->db, &out->metrics, &err) != LAMINAR_OK) {
        report_error(shell, &err, NULL);
        return false;
    }
    for (size_t k = 0; k < N_LISTS; k++) {
        laminar_result *list = run_query(shell, lists[k].show);
        if (!list) return false;
        for (size_t row = 0; row < laminar_result_n_rows(list); row++) {
            size_t size = 0;
            const char *name = laminar_result_bytes(list, row, 0, &size);
            add_relation(shell, out, lists[k].kind, name, size);
        }
        laminar_result_free(list);
    }
    return true;
}

/* --- Text ------------------------------------------------------------------------------------------------------------------------ */

/* 950, 12.3k, 4.56M: four cells of digits at most. */
static void add_count(struct buffer *line, int width, double value, const char *unit)
{
    static const char letters[] = {0, 'k', 'M', 'G', 'T', 'P'};
    size_t i = 0;
    char text[32];
    while (value >= 999.5 && i + 1 < sizeof letters) value /= 1000, i++;
    int decimals = i == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(text, sizeof text, "%.*f%.*s%s", decimals, value, letters[i] ? 1 : 0, &letters[i],
             unit);
    buffer_printf(line, "%*s", width, text);
}

static double rate(uint64_t before, uint64_t now, int64_t elapsed_ms)
{
    if (now < before || elapsed_ms <= 0) return 0;
    return (double)(now - before) * 1000 / (double)elapsed_ms;
}

static const struct relation_row *find_row(const struct picture *picture,
                                           const struct relation_row *like)
{
    for (size_t i = 0; i < picture->n_rows; i++)
        if (strcmp(picture->rows[i].name, like->name) == 0) return &picture->rows[i];
    return NULL;
}

static void add_watermark(struct buffer *line, int64_t watermark_ms)
{
    struct tm parts;
    time_t seconds = (time_t)(watermark_ms / 1000 - (watermark_ms % 1000 < 0));
    char text[64];
    if (watermark_ms == INT64_MIN || !gmtime_r(&seconds, &parts) ||
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts) == 0)
        buffer_puts(line, "  -");
    else
        buffer_printf(line, "  %s", text);
}

static void add_row(struct buffer *line, const struct picture *before, const struct picture *now,
                    const struct relation_row *row, size_t name_width)
{
    const laminar_relation_metrics *m = &row->metrics;
    const struct relation_row *old = find_row(before, row);
    size_t size = strlen(row->name), shown = display_prefix(row->name, size, name_width);
    buffer_add(line, row->name, shown);
    buffer_repeat(line, " ", name_width - display_width(row->name, shown));
    buffer_printf(line, "  %-6s", row->kind);
    add_count(line, COUNT_WIDTH, (double)m->total_rows, "");
    add_count(line, COUNT_WIDTH,
              old ? rate(old->metrics.total_rows, m->total_rows, now->at_ms - before->at_ms) : 0,
              "/s");
    add_count(line, COUNT_WIDTH, (double)m->pending_rows, m->is_backpressured ? "!" : "");
    add_count(line, COUNT_WIDTH, (double)m->kept_rows, "");
    add_count(line, COUNT_WIDTH, (double)m->kept_bytes, "B");
    add_count(line, COUNT_WIDTH, (double)m->late_rows, "");
    add_watermark(line, m->watermark_ms);
    buffer_putc(line, '\n');
}

static void print_picture(struct shell *shell, const struct picture *before,
                          const struct picture *now)
{
    static const char *const states[] = {"created", "running", "stopped"};
    const laminar_metrics *m = &now->metrics;
    struct buffer *line = &shell->line;
    size_t name_width = strlen("relation"), state = (size_t)m->state;
    for (size_t i = 0; i < now->n_rows; i++) {
        size_t width = display_width(now->rows[i].name, strlen(now->rows[i].name));
        if (width > name_width) name_width = width;
    }
    if (name_width > NAME_WIDTH_MAX) name_width = NAME_WIDTH_MAX;
    buffer_clear(line);
    buffer_printf(line, "%s, up %llu s, in ", state < 3 ? states[state] : "?",
                  (unsigned long long)(m->uptime_us / 1000000));
    int64_t elapsed_ms = now->at_ms - before->at_ms;
    add_count(line, 0, rate(before->metrics.events_ingested, m->events_ingested, elapsed_ms), "/s");
    buffer_puts(line, ", out ");
    add_count(line, 0, rate(before->metrics.events_emitted, m->events_emitted, elapsed_ms), "/s");
    buffer_puts(line, ", steps ");
    add_count(line, 0, rate(before->metrics.steps, m->steps, elapsed_ms), "/s");
    buffer_puts(line, ", memory ");
    add_count(line, 0, (double)m->state_bytes, "B");
    buffer_printf(line, ", %llu subscriptions\n", (unsigned long long)m->n_subscriptions);
    buffer_printf(line, "%-*s  %-6s%9s%9s%9s%9s%9s%9s  %s\n", (int)name_width, "relation", "kind",
                  "rows", "rate", "pending", "kept", "bytes", "late", "watermark");
    for (size_t i = 0; i < now->n_rows; i++) add_row(line, before, now, &now->rows[i], name_width);
    fwrite(line->data, 1, line->size, shell->out);
    fflush(shell->out);
    buffer_clear(line);
}

/* --- Running --------------------------------------------------------------------------------------------------------------------- */

/* False: Ctrl-C came. */
static bool wait_ms(struct shell *shell, int64_t left_ms)
{
    struct pollfd fd = {.fd = interrupt_wake_fd(shell->interrupt), .events = POLLIN};
    if (left_ms < 0) left_ms = 0;
    return poll(&fd, 1, (int)left_ms) <= 0 || !fd.revents;
}

enum run_outcome top_run(struct shell *shell, int64_t interval_ms, uint64_t n_pictures)
{
    struct picture before = {0}, now = {0};
    size_t n_lines = 0;
    bool is_going = picture_take(shell, &before);
    enum run_outcome outcome = is_going ? RUN_OK : RUN_FAILED;
    if (is_going && n_pictures == 0) report_note(shell, "Ctrl-C ends it");
    for (uint64_t i = 0; is_going && (n_pictures == 0 || i < n_pictures); i++) {
        /* The first one soon: its rates are of the moment. */
        int64_t due_ms = before.at_ms + (i == 0 && interval_ms > 100 ? 100 : interval_ms);
        if (!wait_ms(shell, due_ms - now_ms())) break;
        if (!picture_take(shell, &now)) {
            outcome = RUN_FAILED;
            picture_deinit(&now);
            break;
        }
        if (shell->is_out_tty && n_lines) fprintf(shell->out, "\033[%zuA\033[J", n_lines);
        print_picture(shell, &before, &now);
        n_lines = 2 + now.n_rows;
        picture_deinit(&before);
        before = now;
    }
    picture_deinit(&before);
    if (n_pictures == 0) interrupt_take(shell->interrupt); /* it was the way to end it */
    return outcome;
}
