/* stream_thread.c - a stream with a subscriber in a thread of its own.
 *
 * The main thread inserts temperatures; the other receives each minute's average once, when the watermark has passed the minute's end.
 *
 *   cc stream_thread.c $(pkg-config --cflags --libs laminar) -pthread -o stream_thread */
#include <laminar/laminar.h>
#include <pthread.h>
#include <stdio.h>

struct reader {
    laminar_subscription *sub;
    size_t n_windows;
    laminar_status status;
};

static void *read_windows(void *user_data)
{
    struct reader *reader = user_data;
    laminar_error err = LAMINAR_ERROR_INIT;
    for (;;) {
        laminar_result *rows = NULL;
        /* -1: wait without limit. It ends with rows == NULL when the subscription is cancelled or the database closed. */
        reader->status = laminar_subscription_next(reader->sub, -1, &rows, &err);
        if (reader->status != LAMINAR_OK) fprintf(stderr, "next: %s\n", err.message);
        if (reader->status != LAMINAR_OK || !rows) return NULL;
        for (size_t row = 0; row < laminar_result_n_rows(rows); row++) {
            char *minute = laminar_result_text_copy(rows, row, 0);
            printf("%s  %lld readings, average %.1f\n", minute ? minute : "?",
                   (long long)laminar_result_int64(rows, row, 1),
                   laminar_result_double(rows, row, 2));
            laminar_free(minute);
        }
        reader->n_windows += laminar_result_n_rows(rows);
        laminar_result_free(rows);
        if (reader->n_windows >= 3) return NULL;
    }
}

/* Readings every 20 seconds for three minutes, and the word that there are no more. */
static laminar_status write_readings(laminar_db *db, laminar_error *err)
{
    const int64_t start_s = 1767225600; /* 2026-01-01 00:00:00 */
    laminar_writer *writer = NULL;
    laminar_status status = laminar_writer_create(db, "readings", NULL, &writer, err);
    for (int i = 0; i < 9 && status == LAMINAR_OK; i++) {
        status = laminar_writer_set_timestamp(writer, 0, start_s + 20 * i, 0, err);
        if (status == LAMINAR_OK) status = laminar_writer_set_double(writer, 1, 20.0 + i, err);
        if (status == LAMINAR_OK) status = laminar_writer_end_row(writer, err);
    }
    if (status == LAMINAR_OK)
        status = laminar_writer_watermark(writer, (start_s + 3600) * 1000, err);
    laminar_writer_free(writer);
    return status;
}

int main(void)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = NULL;
    struct reader reader = {0};
    pthread_t thread;
    int code = 1;

    if (laminar_open(":memory:", NULL, &db, &err) ||
        laminar_execute(
            db,
            "CREATE SOURCE readings (at TIMESTAMP, celsius DOUBLE, WATERMARK FOR at AS at - INTERVAL '5' SECOND);"
            "CREATE STREAM minutes AS SELECT TUMBLE(at, INTERVAL '1' MINUTE) AS minute, count(*) AS n, avg(celsius) AS c"
            "  FROM readings GROUP BY TUMBLE(at, INTERVAL '1' MINUTE) EMIT ON WINDOW CLOSE",
            NULL, &err) ||
        laminar_start(db, &err) || laminar_subscribe(db, "minutes", NULL, &reader.sub, &err)) {
        fprintf(stderr, "%s\n%s\n", err.message, err.context);
        laminar_db_free(db);
        return 1;
    }
    if (pthread_create(&thread, NULL, read_windows, &reader) == 0) {
        laminar_status status = write_readings(db, &err);
        if (status != LAMINAR_OK) {
            fprintf(stderr, "write: %s\n", err.message);
            laminar_subscription_cancel(reader.sub); /* wakes the reader */
        }
        pthread_join(thread, NULL);
        code = status == LAMINAR_OK && reader.status == LAMINAR_OK && reader.n_windows == 3 ? 0 : 1;
    }
    laminar_subscription_free(reader.sub);
    laminar_db_free(db);
    return code;
}
