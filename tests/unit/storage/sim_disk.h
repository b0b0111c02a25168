/* sim_disk.h - a disk in memory, for tests of crashes and of failing hardware.
 *
 * It keeps two views. Programs see the *current* one. The *durable* one is what a power cut is sure to leave: contents change in it when the file is
 * synced, names when their folder is. sim_disk_crash makes the disk that is found after the power comes back: what was durable, and of the rest
 * whatever the kind of crash lets through, sector by sector and in any order.
 *
 * Every operation that changes something counts; a fault can be set at any of them. */
#ifndef TESTS_UNIT_STORAGE_SIM_DISK_H
#define TESTS_UNIT_STORAGE_SIM_DISK_H

#include "base/file.h"

enum sim_fault {
    SIM_NONE,
    SIM_CRASH,    /* half of the operation happens; nothing works from then on */
    SIM_ERROR,    /* EIO, nothing happens */
    SIM_SHORT,    /* a write leaves half of its bytes and then fails; others: as SIM_ERROR */
    SIM_NO_SPACE, /* ENOSPC for whatever needs room */
    /* a sync fails, and what it should have kept is forgotten: a later one "succeeds" without it; others: as SIM_ERROR */
    SIM_SYNC_LOST,
    SIM_FAULTS
};
enum sim_crash {
    SIM_LOSE_ALL,  /* nothing that wasn't synced */
    SIM_KEEP_ALL,  /* everything, though nobody asked */
    SIM_REORDERED, /* of each unsynced write any sectors; of the names a beginning */
    SIM_TORN,      /* the writes up to one, and of that one a part that ends within a sector */
    SIM_CRASHES
};

struct sim_disk;
struct sim_disk *sim_disk_create(void);
void sim_disk_free(struct sim_disk *disk);
struct file_disk *sim_disk_base(struct sim_disk *disk);
/* The n-th changing operation from now (1 = the next), and the `n_times` - 1 after it, meet the fault. */
void sim_disk_fault(struct sim_disk *disk, enum sim_fault fault, uint64_t n, uint64_t n_times);
uint64_t sim_disk_n_ops(const struct sim_disk *disk);
bool sim_disk_has_crashed(const struct sim_disk *disk);
/* What is found afterwards. `disk` stays as it is and can be crashed again in another way. */
struct sim_disk *sim_disk_crash(struct sim_disk *disk, enum sim_crash kind, uint64_t seed);
/* Hash of all names and contents (the current view). */
uint64_t sim_disk_hash(const struct sim_disk *disk);
/* Flips one bit of a file; false where it has no such byte. */
bool sim_disk_damage(struct sim_disk *disk, const char *path, uint64_t offset);

#endif
