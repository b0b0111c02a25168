/* subscribe.c - see subscribe.h. The library parses the statement; the shell only drops the `;`. */
#include "subscribe.h"
#include "interrupt.h"
#include "print.h"
#include "report.h"
#include <math.h>
#include <string.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is left until the deadline; -1: there is none. */
static int64_t time_left(int64_t deadline_ms)
{
    if (deadline_ms < 0) return -1;
    int64_t left_ms = deadline_ms - now_ms();
    return left_ms > 0 ? left_ms : 0;
}

static laminar_status read_rows(struct shell *shell, laminar_subscription *sub, laminar_error *err)
{
    struct print_flow flow = {0};
    bool has_begun = false;
    laminar_status status = LAMINAR_OK;
    int64_t deadline_ms = shell->timeout_s < 0
                              ? -1
                              : now_ms() + (int64_t)llround(shell->timeout_s * 1000);
    for (;;) {
        laminar_result *rows = NULL;
        status = laminar_subscription_next(sub, time_left(deadline_ms), &rows, err);
        if (status != LAMINAR_OK || !rows) break;
        size_t n_rows = laminar_result_n_rows(rows);
        if (shell->limit && n_rows > shell->limit - flow.n_rows)
            n_rows = (size_t)(shell->limit - flow.n_rows);
        if (!has_begun) print_flow_begin(shell, &flow, rows);
        has_begun = true;
        print_flow_rows(shell, &flow, rows, n_rows);
        laminar_result_free(rows);
        if (shell->limit && flow.n_rows >= shell->limit) break;
    }
    print_flow_end(shell, &flow);
    return status == LAMINAR_SUBSCRIPTION_TIMEOUT ? LAMINAR_OK : status;
}

laminar_status subscribe_run(struct shell *shell, const char *sql, laminar_error *err)
{
    laminar_subscription *sub = NULL;
    laminar_subscribe_options options = {.struct_size = sizeof options,
                                         .with_snapshot = shell->has_snapshot,
                                         .with_changes = shell->has_changes};
    laminar_status status = laminar_subscribe(shell->db, sql, &options, &sub, err);
    if (status != LAMINAR_OK) return status;
    if (shell->timeout_s < 0) report_note(shell, "Ctrl-C ends the subscription");
    interrupt_begin_subscription(shell->interrupt, sub);
    status = read_rows(shell, sub, err);
    interrupt_end(shell->interrupt);
    if (status == LAMINAR_OK && shell->limit == 0 && strcasestr(sql, "epoch"))
        report_note(shell, "the last epoch is %llu: AS OF EPOCH %llu goes on from here",
                    (unsigned long long)laminar_subscription_epoch(sub),
                    (unsigned long long)laminar_subscription_epoch(sub));
    if (laminar_subscription_dropped_rows(sub) > 0)
        report_note(shell, "%llu rows were dropped",
                    (unsigned long long)laminar_subscription_dropped_rows(sub));
    laminar_subscription_free(sub);
    return status;
}
