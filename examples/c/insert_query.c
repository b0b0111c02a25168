/* insert_query.c - insert rows, query them, and let a stream keep an aggregate.
 *
 *   cc insert_query.c $(pkg-config --cflags --libs laminar) -o insert_query */
#include <laminar/laminar.h>
#include <stdio.h>

/* Every call can say what went wrong: the code, the message, where in the SQL text, and a hint. */
static int failed(const char *what, const laminar_error *err)
{
    fprintf(stderr, "%s: %s (%d): %s\n", what, laminar_status_title(err->code), (int)err->code,
            err->message);
    if (err->context[0]) fprintf(stderr, "%s\n", err->context);
    if (err->hint[0]) fprintf(stderr, "hint: %s\n", err->hint);
    return 1;
}

/* A row at a time, without SQL text to parse: a writer sets cells by column and flushes rows in batches. */
static laminar_status write_rows(laminar_db *db, laminar_error *err)
{
    static const struct {
        const char *symbol;
        double price;
    } trades[] = {{"ACME", 11.5}, {"INIT", 98.25}, {"ACME", 12.5}};
    laminar_writer *writer = NULL;
    laminar_status status = laminar_writer_create(db, "trades", NULL, &writer, err);
    if (status != LAMINAR_OK) return status;
    for (size_t i = 0; i < sizeof trades / sizeof *trades && status == LAMINAR_OK; i++) {
        size_t size = 0;
        while (trades[i].symbol[size]) size++;
        status = laminar_writer_set_text(writer, 0, trades[i].symbol, size, err);
        if (status == LAMINAR_OK)
            status = laminar_writer_set_double(writer, 1, trades[i].price, err);
        if (status == LAMINAR_OK) status = laminar_writer_end_row(writer, err);
    }
    if (status == LAMINAR_OK)
        status = laminar_writer_close(writer, err); /* flushes: the rows are visible now */
    laminar_writer_free(writer);
    return status;
}

int main(void)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = NULL;
    laminar_result *rows = NULL;
    int code = 1;

    if (laminar_open(":memory:", NULL, &db, &err)) return failed("open", &err);

    /* A source takes rows; a stream is a query over it that is always up to date. */
    if (laminar_execute(
            db,
            "CREATE SOURCE trades (symbol VARCHAR NOT NULL, price DOUBLE);"
            "CREATE STREAM averages AS SELECT symbol, count(*) AS n, avg(price) AS price FROM trades GROUP BY symbol;"
            "INSERT INTO trades VALUES ('ACME', 10.5), ('INIT', 99.75)",
            NULL, &err)) {
        failed("execute", &err);
        goto done;
    }
    if (write_rows(db, &err)) {
        failed("write", &err);
        goto done;
    }
    if (laminar_execute(db, "SELECT symbol, n, price FROM averages ORDER BY symbol", &rows, &err)) {
        failed("query", &err);
        goto done;
    }
    for (size_t row = 0; row < laminar_result_n_rows(rows); row++) {
        size_t size = 0;
        const char *symbol = laminar_result_bytes(rows, row, 0,
                                                  &size); /* borrowed, not zero-terminated */
        printf("%.*s: %lld trades, average %.2f\n", (int)size, symbol,
               (long long)laminar_result_int64(rows, row, 1), laminar_result_double(rows, row, 2));
    }
    code = laminar_result_n_rows(rows) == 2 && laminar_result_double(rows, 0, 2) == 11.5 ? 0 : 1;

done:
    laminar_result_free(rows);
    laminar_db_free(db);
    return code;
}
