/* file.h - files: the door through which the library opens, reads, writes, syncs and renames. Every failure carries the path and the
 * system's reason as LAMINAR_IO_ERROR. Interrupted calls are taken up again; short reads and writes are completed.
 *
 * Below this door stands a disk: a table of the operating system's calls. Tests put another one in its place (file_use_disk), which keeps files
 * in memory, fails, tears and forgets what was not synced, and so can crash at every single operation.
 * @thread one thread at a time a handle; file_write_at, file_read_at and file_sync of one handle: any. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"
#include "base/strbuf.h"

/* Zero-initialised is not open. */
struct file {
    int fd_plus_1; /* 0 = not open */
    char *path;
};

enum file_mode {
    FILE_READ,      /* must exist */
    FILE_CREATE,    /* emptied or made; written from the start */
    FILE_APPEND,    /* made where missing; written at the end */
    FILE_EXCLUSIVE, /* made; an error when it exists */
    FILE_UPDATE,    /* made where missing; contents stay; for file_read_at and file_write_at */
    /* must exist; for file_write_at of whole blocks of 4096 bytes from memory so aligned, past the system's cache. Not every file system has it */
    FILE_DIRECT
};

laminar_status file_open(struct file *file, const char *path, enum file_mode mode,
                         struct laminar_error *err) must_check;
static inline bool file_is_open(const struct file *file) { return file->fd_plus_1 != 0; }
/* Up to `size` bytes from where the last read ended; *n_read = 0 at the end of the file. */
laminar_status file_read(struct file *file, void *data, size_t size, size_t *n_read,
                         struct laminar_error *err) must_check;
/* All `size` bytes at `offset`, or an error. */
laminar_status file_read_at(struct file *file, void *data, size_t size, uint64_t offset,
                            struct laminar_error *err) must_check;
laminar_status file_write(struct file *file, const void *data, size_t size,
                          struct laminar_error *err) must_check;
/* All `size` bytes at `offset`. After a failure any part of them may be there. */
laminar_status file_write_at(struct file *file, const void *data, size_t size, uint64_t offset,
                             struct laminar_error *err) must_check;
/* Room on the disk for `size` bytes, which the file then has at least; new ones are zeros. */
laminar_status file_allocate(struct file *file, uint64_t size, struct laminar_error *err)
    must_check;
/* A lock of the whole file that goes with the handle or the process. *is_locked false: somebody else holds it. */
enum file_lock { FILE_LOCK_SHARED, FILE_LOCK_EXCLUSIVE };
laminar_status file_try_lock(struct file *file, enum file_lock kind, bool *is_locked,
                             struct laminar_error *err) must_check;
laminar_status file_size(struct file *file, uint64_t *out, struct laminar_error *err) must_check;
laminar_status file_truncate(struct file *file, uint64_t size, struct laminar_error *err)
    must_check;
/* The contents (and what of the metadata is needed to read them back) are on the disk. */
laminar_status file_sync(struct file *file, struct laminar_error *err) must_check;
/* A failed close can mean lost data: its error counts where the file was written. Closed afterwards in any case. */
laminar_status file_close(struct file *file, struct laminar_error *err);

/* Whole files. Reading more than `size_max` bytes is an error. */
laminar_status file_read_all(const char *path, size_t size_max, struct strbuf *out,
                             struct laminar_error *err) must_check;
/* Written to a temporary name beside it, synced, renamed, and the folder synced: other readers see the old contents or the new. */
laminar_status file_replace(const char *path, const void *data, size_t size,
                            struct laminar_error *err) must_check;
laminar_status file_rename(const char *from, const char *to, struct laminar_error *err) must_check;
laminar_status file_remove(const char *path, struct laminar_error *err)
    must_check; /* a missing one is fine */
bool file_exists(const char *path);
laminar_status folder_create(const char *path, struct laminar_error *err)
    must_check; /* parents too; existing is fine */
laminar_status folder_sync(const char *path, struct laminar_error *err) must_check;
/* Calls `found` for each name in the folder but . and .., in no order; a failure of it ends the listing. */
laminar_status folder_list(const char *path,
                           laminar_status (*found)(void *ctx, const char *name,
                                                   struct laminar_error *err),
                           void *ctx, struct laminar_error *err) must_check;

/* --- The disk below --------------------------------------------------------------------------------------------------------- */
/* As the system's calls of the same names, but for errors, which are returned as -errno. Handles are 0 or more. */
struct file_disk {
    int (*open)(struct file_disk *disk, const char *path, enum file_mode mode);
    int64_t (*read)(struct file_disk *disk, int handle, void *data, size_t size);
    int64_t (*write)(struct file_disk *disk, int handle, const void *data, size_t size);
    int64_t (*read_at)(struct file_disk *disk, int handle, void *data, size_t size,
                       uint64_t offset);
    int64_t (*write_at)(struct file_disk *disk, int handle, const void *data, size_t size,
                        uint64_t offset);
    int64_t (*size)(struct file_disk *disk, int handle);
    int (*truncate)(struct file_disk *disk, int handle, uint64_t size);
    int (*allocate)(struct file_disk *disk, int handle, uint64_t size);
    int (*sync)(struct file_disk *disk, int handle);
    int (*lock)(struct file_disk *disk, int handle, enum file_lock kind); /* -EWOULDBLOCK */
    int (*close)(struct file_disk *disk, int handle);
    int (*rename)(struct file_disk *disk, const char *from, const char *to);
    int (*remove)(struct file_disk *disk, const char *path);
    int (*exists)(struct file_disk *disk, const char *path); /* 1 or 0 */
    int (*make_folder)(struct file_disk *disk, const char *path);
    int (*sync_folder)(struct file_disk *disk, const char *path);
    /* names, each ended by a zero byte */
    int (*list)(struct file_disk *disk, const char *path, struct strbuf *names);
};
/* Test hook: from now on files are on this disk; NULL = the system's. Nothing may be open. */
void file_use_disk(struct file_disk *disk);
/* Test hook: the n-th file operation from now fails with EIO (once, or from then on); 0 switches it off. */
void file_fail_after(uint64_t n, bool and_all_after);

#endif
