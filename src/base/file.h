/* file.h - files: the door through which the library opens, reads, writes, syncs and renames. Every failure carries the path and the
 * system's reason as LAMINAR_IO_ERROR. Interrupted calls are taken up again; short reads and writes are completed.
 * @thread one thread at a time a handle. */
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
    FILE_READ,     /* must exist */
    FILE_CREATE,   /* emptied or made; written from the start */
    FILE_APPEND,   /* made where missing; written at the end */
    FILE_EXCLUSIVE /* made; an error when it exists */
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
/* Test hook: the n-th file operation from now fails with EIO (once, or from then on); 0 switches it off. */
void file_fail_after(uint64_t n, bool and_all_after);

#endif
