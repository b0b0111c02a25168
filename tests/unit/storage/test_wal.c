/* test_wal.c - the log on a disk that crashes and fails at every operation: what a flush covered is there afterwards, the rest is a beginning. */
#include "base/hash.h"
#include "sim_disk.h"
#include "storage/wal.h"
#include "unit.h"
#include <string.h>

static struct sim_disk *disk;

static struct sim_disk *use(struct sim_disk *next)
{
    file_use_disk(next ? sim_disk_base(next) : NULL);
    disk = next;
    return next;
}

/* Large records in large segments, written before they are flushed, in whole blocks past the cache. */
static bool writes_early;
static size_t record_size(uint64_t seq)
{
    return (size_t)(hash_u64(seq) % (writes_early ? 7000 : 700));
}

static laminar_status append(struct wal *wal, uint64_t *seq)
{
    struct strbuf *out = wal_begin(wal);
    assert_non_null(out);
    uint64_t next = wal_next_seq(wal);
    for (size_t i = 0; i < record_size(next); i++) strbuf_putc(out, (char)(next + i));
    return wal_end(wal, 7, seq, NULL);
}

struct seen {
    uint64_t next, n;
};

static laminar_status check_record(void *ctx, const struct wal_record *record,
                                   struct laminar_error *err)
{
    (void)err;
    struct seen *seen = ctx;
    assert_int_equal(record->seq, seen->next);
    assert_int_equal(record->kind, 7);
    assert_int_equal(record->size, record_size(record->seq));
    for (size_t i = 0; i < record->size; i++)
        assert_int_equal(record->data[i], (uint8_t)(record->seq + i));
    seen->next++;
    seen->n++;
    return LAMINAR_OK;
}

static laminar_status reopen(uint64_t from, struct wal **out, struct seen *seen,
                             struct laminar_error *err)
{
    *seen = (struct seen){.next = from};
    struct wal_options options = {.folder = "/log",
                                  .segment_bytes = writes_early ? 40960 : 4096,
                                  .direct_bytes = 1,
                                  .from_seq = from,
                                  .replay = check_record,
                                  .ctx = seen};
    return wal_open(&options, out, err);
}

static laminar_status make_folder(void)
{
    laminar_status status = folder_create("/log", NULL);
    return status == LAMINAR_OK ? folder_sync("", NULL) : status;
}

/* Appends n records, flushing after each few; returns the newest one whose flush succeeded. */
static uint64_t work(struct wal *wal, uint64_t n, bool is_giving_up)
{
    uint64_t durable = wal_durable_seq(wal);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t seq;
        if (append(wal, &seq) != LAMINAR_OK) continue;
        if (writes_early && hash_u64(seq) % 8 != 0) {
            (void)!wal_write(wal, NULL);
            continue;
        }
        if (hash_u64(seq) % 3 == 0) continue;
        if (wal_flush(wal, NULL) == LAMINAR_OK)
            durable = wal_durable_seq(wal);
        else if (is_giving_up)
            (void)!wal_discard(wal);
        if (hash_u64(seq) % 16 == 1 && durable > 20) (void)!wal_release(wal, durable - 10, NULL);
    }
    return durable;
}

static void what_was_flushed_is_read_back(void **state)
{
    (void)state;
    struct wal *wal;
    struct seen seen;
    use(sim_disk_create());
    assert_int_equal(make_folder(), LAMINAR_OK);
    assert_int_equal(reopen(1, &wal, &seen, NULL), LAMINAR_OK);
    uint64_t durable = work(wal, 200, false);
    assert_int_equal(wal_flush(wal, NULL), LAMINAR_OK);
    assert_true(durable > 150);
    assert_int_equal(wal_durable_seq(wal), 200);
    uint64_t first = wal_first_seq(wal);
    assert_true(first > 1);
    wal_close(wal);
    assert_int_equal(reopen(195, &wal, &seen, NULL), LAMINAR_OK);
    assert_int_equal(seen.n, 6);
    assert_int_equal(work(wal, 20, false) > 210, 1);
    wal_close(wal);
    assert_int_equal(reopen(first - 1, &wal, &seen, NULL), LAMINAR_IO_ERROR); /* given back */
    sim_disk_free(disk);
    use(NULL);
}

/* Crashes at operation `n`; false once there is no such operation. */
static bool crash_once(uint64_t n, enum sim_crash kind, bool is_again)
{
    struct wal *wal = NULL;
    struct seen seen;
    use(sim_disk_create());
    sim_disk_fault(disk, SIM_CRASH, n, UINT64_MAX / 2);
    uint64_t durable = 0;
    if (make_folder() == LAMINAR_OK && reopen(1, &wal, &seen, NULL) == LAMINAR_OK)
        durable = work(wal, 60, false);
    bool has_crashed = sim_disk_has_crashed(disk);
    wal_close(wal);
    struct sim_disk *after = sim_disk_crash(disk, kind, n * 31 + kind);
    sim_disk_free(disk);
    use(after);
    if (is_again) { /* and once more while it recovers */
        sim_disk_fault(disk, SIM_CRASH, 1 + n % 4, UINT64_MAX / 2);
        if (file_exists("/log") && reopen(durable + 1, &wal, &seen, NULL) == LAMINAR_OK) {
            uint64_t more = work(wal, 3, false);
            if (more > durable) durable = more;
            wal_close(wal);
        }
        after = sim_disk_crash(disk, (kind + n) % SIM_CRASHES, n);
        sim_disk_free(disk);
        use(after);
    }
    if (file_exists("/log")) {
        struct laminar_error err = LAMINAR_ERROR_INIT;
        uint64_t from = durable > 10 ? durable - 9 : 1;
        if (reopen(from, &wal, &seen, &err) != LAMINAR_OK)
            fail_msg("op %llu kind %d: %s", (unsigned long long)n, kind, err.message);
        if (seen.next <= durable)
            fail_msg("op %llu kind %d: record %llu was acknowledged, the log ends before %llu",
                     (unsigned long long)n, kind, (unsigned long long)durable,
                     (unsigned long long)seen.next);
        uint64_t n_ops = sim_disk_n_ops(disk);
        assert_true(work(wal, writes_early ? 60 : 5, false) > 0);
        assert_true(sim_disk_n_ops(disk) > n_ops);
        wal_close(wal);
    } else {
        assert_int_equal(durable, 0);
    }
    sim_disk_free(disk);
    use(NULL);
    return has_crashed;
}

static void nothing_acknowledged_is_lost_whatever_the_crash(void **state)
{
    (void)state;
    uint64_t n_points = 0;
    for (uint64_t n = 1; crash_once(n, SIM_LOSE_ALL, false); n++)
        for (int kind = 0; kind < SIM_CRASHES; kind++)
            for (int again = 0; again < 2; again++) {
                crash_once(n, (enum sim_crash)kind, again);
                n_points++;
            }
    assert_true(n_points > 500);
}

static void a_failing_disk_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    for (int fault = SIM_ERROR; fault < SIM_FAULTS; fault++) {
        for (uint64_t n = 3; n < 120; n += 1) {
            struct wal *wal;
            struct seen seen;
            use(sim_disk_create());
            assert_int_equal(make_folder(), LAMINAR_OK);
            assert_int_equal(reopen(1, &wal, &seen, NULL), LAMINAR_OK);
            sim_disk_fault(disk, (enum sim_fault)fault, n, 1 + n % 5);
            uint64_t durable = work(wal, 60, n % 2);
            wal_close(wal);
            struct sim_disk *after = sim_disk_crash(disk, (enum sim_crash)(n % SIM_CRASHES), n);
            sim_disk_free(disk);
            use(after);
            struct laminar_error err = LAMINAR_ERROR_INIT;
            if (reopen(durable > 10 ? durable - 9 : 1, &wal, &seen, &err) != LAMINAR_OK)
                fail_msg("op %llu fault %d: %s", (unsigned long long)n, fault, err.message);
            assert_true(seen.next > durable);
            wal_close(wal);
            sim_disk_free(disk);
            use(NULL);
        }
    }
}

static void what_was_written_early_is_lost_or_kept_in_order(void **state)
{
    writes_early = true;
    nothing_acknowledged_is_lost_whatever_the_crash(state);
    a_failing_disk_loses_nothing_that_was_acknowledged(state);
    writes_early = false;
}

static void damage_is_an_error_that_names_the_place(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 4096; at += 97) {
        struct wal *wal;
        struct seen seen;
        struct laminar_error err = LAMINAR_ERROR_INIT;
        use(sim_disk_create());
        assert_int_equal(make_folder(), LAMINAR_OK);
        assert_int_equal(reopen(1, &wal, &seen, NULL), LAMINAR_OK);
        for (int i = 0; i < 30; i++) {
            assert_int_equal(append(wal, NULL), LAMINAR_OK);
            assert_int_equal(wal_flush(wal, NULL), LAMINAR_OK);
        }
        wal_close(wal);
        assert_true(sim_disk_damage(disk, "/log/0000000000000001.log", at));
        laminar_status status = reopen(1, &wal, &seen, &err);
        if (status == LAMINAR_OK) {
            assert_int_equal(seen.n, 30); /* it hit what nobody reads */
            wal_close(wal);
        } else {
            assert_int_equal(status, LAMINAR_IO_ERROR);
            assert_non_null(strstr(err.message, "0000000000000001.log' at byte"));
            assert_true(at >= 1024);
        }
        sim_disk_free(disk);
        use(NULL);
    }
}

/* Makes the first segment say that it has another format. */
static void set_format(uint32_t format)
{
    struct file file = {0};
    uint8_t head[48];
    assert_int_equal(file_open(&file, "/log/0000000000000001.log", FILE_UPDATE, NULL), LAMINAR_OK);
    assert_int_equal(file_read_at(&file, head, sizeof head, 0, NULL), LAMINAR_OK);
    memcpy(head + 8, &format, 4);
    uint64_t checksum = hash_stored(0, head, 40);
    memcpy(head + 40, &checksum, 8);
    assert_int_equal(file_write_at(&file, head, sizeof head, 0, NULL), LAMINAR_OK);
    assert_int_equal(file_write_at(&file, head, sizeof head, 512, NULL), LAMINAR_OK);
    file_close(&file, NULL);
}

static void older_formats_are_read_and_newer_ones_refused(void **state)
{
    (void)state;
    struct wal *wal;
    struct seen seen;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    use(sim_disk_create());
    assert_int_equal(make_folder(), LAMINAR_OK);
    assert_int_equal(reopen(1, &wal, &seen, NULL), LAMINAR_OK);
    for (int i = 0; i < 3; i++) assert_int_equal(append(wal, NULL), LAMINAR_OK);
    assert_int_equal(wal_flush(wal, NULL), LAMINAR_OK);
    wal_close(wal);
    set_format(1);
    assert_int_equal(reopen(1, &wal, &seen, NULL), LAMINAR_OK);
    assert_int_equal(seen.n, 3);
    assert_int_equal(append(wal, NULL), LAMINAR_OK); /* goes on in a segment of today's format */
    assert_int_equal(wal_flush(wal, NULL), LAMINAR_OK);
    wal_close(wal);
    assert_int_equal(reopen(1, &wal, &seen, NULL), LAMINAR_OK);
    assert_int_equal(seen.n, 4);
    wal_close(wal);
    set_format(4);
    assert_int_equal(reopen(1, &wal, &seen, &err), LAMINAR_CONNECTION_FAILED);
    assert_non_null(strstr(err.message, "format 4"));
    sim_disk_free(disk);
    use(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_flushed_is_read_back),
        cmocka_unit_test(nothing_acknowledged_is_lost_whatever_the_crash),
        cmocka_unit_test(a_failing_disk_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(what_was_written_early_is_lost_or_kept_in_order),
        cmocka_unit_test(older_formats_are_read_and_newer_ones_refused),
        cmocka_unit_test(damage_is_an_error_that_names_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
