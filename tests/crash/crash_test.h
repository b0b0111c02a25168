/* crash_test.h - scripted workloads on a disk that crashes, and what must be found afterwards.
 *
 * A workload is a list of statements. The ledger says what every relation holds after each of them: it comes from the same statements on a database in
 * memory. A run with a crash must leave the contents after the last statement that was acknowledged, or after the one that was cut short, and go on
 * from there to the same end. */
#ifndef TESTS_CRASH_CRASH_TEST_H
#define TESTS_CRASH_CRASH_TEST_H

#include "unit/storage/sim_disk.h"
#include "unit/unit.h"
#include <laminar/laminar.h>

struct workload {
    const char *name;
    const char *const *statements; /* NULL at the end */
    /* checkpoints and closing give rows out: the ledger is of a database on a disk too, and ends after closing */
    bool has_end;
};
struct ledger {
    const struct workload *workload;
    char **contents; /* after i statements; [n + 1]: after closing, where it has an end */
    size_t n;        /* statements */
};
extern const struct workload workloads[];
extern const size_t n_workloads;

void ledger_init(struct ledger *ledger, const struct workload *workload);
void ledger_deinit(struct ledger *ledger);
/* Names and rows (in any order) of all relations; freed by free(). */
char *contents_of(laminar_db *db);

struct sim_disk *disk_use(struct sim_disk *disk); /* NULL: the system's */
extern struct sim_disk *disk;
extern bool disk_spills; /* databases that are opened put groups into a file whenever they may */
/* The folder "/db" with small segments; NULL and the error when it does not open. */
laminar_db *disk_open(const char *durability, laminar_error *err);
/* Statements from `from` on until one fails; returns its number, or ledger->n. */
size_t run_statements(laminar_db *db, const struct ledger *ledger, size_t from);
/* Power comes back: the old disk goes. */
void disk_crash(enum sim_crash kind, uint64_t seed);

#endif
