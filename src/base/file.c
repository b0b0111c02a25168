/* file.c - see file.h. */
#include "base/file.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0 = off; else the number of operations until one fails. Relaxed: set by tests while nothing else runs. */
static _Atomic uint64_t fail_countdown;
static _Atomic bool fail_all_after;

void file_fail_after(uint64_t n, bool and_all_after)
{
    atomic_store_explicit(&fail_all_after, and_all_after, memory_order_relaxed);
    atomic_store_explicit(&fail_countdown, n, memory_order_relaxed);
}

/* Every operation asks this first. */
static bool must_fail(void)
{
    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    if (likely(left == 0)) return false;
    if (left > 1) {
        atomic_store_explicit(&fail_countdown, left - 1, memory_order_relaxed);
        return false;
    }
    if (!atomic_load_explicit(&fail_all_after, memory_order_relaxed))
        atomic_store_explicit(&fail_countdown, 0, memory_order_relaxed);
    errno = EIO;
    return true;
}

/* Fills the error from errno. The error texts of a few frequent causes say more than the system's. */
static laminar_status fail(struct laminar_error *err, const char *what, const char *path)
{
    int reason = errno;
    if (reason == ENOMEM) return error_oom(err);
    char text[128];
    const char *message = strerror_r(reason, text, sizeof text); /* the GNU form returns the text */
    error_set(err, LAMINAR_IO_ERROR, "cannot %s '%s': %s", what, path, message);
    if (reason == ENOSPC || reason == EDQUOT)
        error_hint(err, "free some space on the device and try again");
    if (reason == EMFILE || reason == ENFILE)
        error_hint(err, "raise the limit of open files (ulimit -n)");
    if (err)
        err->is_retriable = reason == EMFILE || reason == ENFILE || reason == ENOSPC ||
                            reason == EAGAIN;
    return LAMINAR_IO_ERROR;
}

static int descriptor(const struct file *file) { return file->fd_plus_1 - 1; }

laminar_status file_open(struct file *file, const char *path, enum file_mode mode,
                         struct laminar_error *err)
{
    static const int flags[] = {[FILE_READ] = O_RDONLY,
                                [FILE_CREATE] = O_RDWR | O_CREAT | O_TRUNC,
                                [FILE_APPEND] = O_RDWR | O_CREAT | O_APPEND,
                                [FILE_EXCLUSIVE] = O_RDWR | O_CREAT | O_EXCL};
    char *copy = mem_strdup(path);
    if (!copy) return error_oom(err);
    int fd = -1;
    while (!must_fail() && (fd = open(path, flags[mode] | O_CLOEXEC, 0666)) < 0 && errno == EINTR) {
    }
    struct stat info;
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd < 0) {
        laminar_status status = fail(err, mode == FILE_READ ? "open" : "open for writing", path);
        mem_free(copy);
        return status;
    }
    *file = (struct file){.fd_plus_1 = fd + 1, .path = copy};
    return LAMINAR_OK;
}

laminar_status file_read(struct file *file, void *data, size_t size, size_t *n_read,
                         struct laminar_error *err)
{
    ssize_t n = -1;
    while (!must_fail() && (n = read(descriptor(file), data, size)) < 0 && errno == EINTR) {}
    if (n < 0) return fail(err, "read", file->path);
    *n_read = (size_t)n;
    return LAMINAR_OK;
}

laminar_status file_read_at(struct file *file, void *data, size_t size, uint64_t offset,
                            struct laminar_error *err)
{
    if (must_fail()) return fail(err, "read", file->path);
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(descriptor(file), (char *)data + done, size - done,
                          (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(err, "read", file->path);
        if (n == 0)
            return error_set(
                err, LAMINAR_IO_ERROR,
                "cannot read '%s': it ends at byte %llu, and bytes up to %llu are needed",
                file->path, (unsigned long long)(offset + done),
                (unsigned long long)(offset + size));
        done += (size_t)n;
    }
    return LAMINAR_OK;
}

laminar_status file_write(struct file *file, const void *data, size_t size,
                          struct laminar_error *err)
{
    bool is_torn = must_fail(); /* an injected failure leaves half of the data, as a crash may */
    size_t wanted = is_torn ? size / 2 : size;
    for (size_t done = 0; done < wanted;) {
        ssize_t n = write(descriptor(file), (const char *)data + done, wanted - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(err, "write to", file->path);
        done += (size_t)n;
    }
    if (is_torn) {
        errno = EIO;
        return fail(err, "write to", file->path);
    }
    return LAMINAR_OK;
}

laminar_status file_size(struct file *file, uint64_t *out, struct laminar_error *err)
{
    struct stat info;
    if (must_fail() || fstat(descriptor(file), &info) != 0) return fail(err, "examine", file->path);
    *out = (uint64_t)info.st_size;
    return LAMINAR_OK;
}

laminar_status file_truncate(struct file *file, uint64_t size, struct laminar_error *err)
{
    int result = -1;
    while (!must_fail() && (result = ftruncate(descriptor(file), (off_t)size)) != 0 &&
           errno == EINTR) {}
    return result == 0 ? LAMINAR_OK : fail(err, "cut", file->path);
}

laminar_status file_sync(struct file *file, struct laminar_error *err)
{
    int result = -1;
    while (!must_fail() && (result = fdatasync(descriptor(file))) != 0 && errno == EINTR) {}
    return result == 0 ? LAMINAR_OK : fail(err, "sync", file->path);
}

laminar_status file_close(struct file *file, struct laminar_error *err)
{
    if (!file_is_open(file)) return LAMINAR_OK;
    laminar_status status = LAMINAR_OK;
    bool is_failing = must_fail();
    /* Linux closes the descriptor even when close is interrupted: it must not be called again. */
    bool is_closed = close(descriptor(file)) == 0 || errno == EINTR;
    if (is_failing) errno = EIO;
    if (is_failing || !is_closed) status = fail(err, "close", file->path);
    mem_free(file->path);
    *file = (struct file){0};
    return status;
}

laminar_status file_read_all(const char *path, size_t size_max, struct strbuf *out,
                             struct laminar_error *err)
{
    enum { BLOCK_BYTES = 64 * 1024 };
    laminar_status status = LAMINAR_OK;
    struct file file = {0};
    TRY(file_open(&file, path, FILE_READ, err));
    for (;;) {
        char *room = strbuf_reserve(out, BLOCK_BYTES);
        size_t n = 0;
        if (!room) TRY(error_oom(err));
        TRY(file_read(&file, room, BLOCK_BYTES, &n, err));
        if (n == 0) break;
        out->size += n;
        if (out->size > size_max)
            TRY(error_set(err, LAMINAR_IO_ERROR,
                          "cannot read '%s': it is larger than the limit of %zu bytes", path,
                          size_max));
    }
    out->data[out->size] = 0;
done:
    file_close(&file, NULL);
    return status;
}

laminar_status file_rename(const char *from, const char *to, struct laminar_error *err)
{
    return !must_fail() && rename(from, to) == 0 ? LAMINAR_OK : fail(err, "rename to", to);
}

laminar_status file_remove(const char *path, struct laminar_error *err)
{
    return !must_fail() && (unlink(path) == 0 || errno == ENOENT) ? LAMINAR_OK
                                                                  : fail(err, "remove", path);
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

laminar_status folder_sync(const char *path, struct laminar_error *err)
{
    int fd = -1;
    while (!must_fail() && (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 &&
           errno == EINTR) {}
    if (fd < 0) return fail(err, "open folder", path);
    laminar_status status = fsync(fd) == 0 ? LAMINAR_OK : fail(err, "sync folder", path);
    close(fd);
    return status;
}

laminar_status folder_create(const char *path, struct laminar_error *err)
{
    char *copy = mem_strdup(path);
    if (!copy) return error_oom(err);
    laminar_status status = LAMINAR_OK;
    for (char *p = copy; status == LAMINAR_OK && *p; p++) {
        if ((p[1] != '/' && p[1] != 0) || *p == '/') continue;
        char next = p[1];
        p[1] = 0;
        struct stat info;
        if (must_fail())
            status = fail(err, "make folder", copy);
        else if (mkdir(copy, 0777) != 0 &&
                 (errno != EEXIST || stat(copy, &info) != 0 || !S_ISDIR(info.st_mode)))
            status = fail(err, "make folder", copy);
        p[1] = next;
    }
    mem_free(copy);
    return status;
}

laminar_status file_replace(const char *path, const void *data, size_t size,
                            struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct file file = {0};
    struct strbuf temporary = {0}, folder = {0};
    strbuf_printf(&temporary, "%s.tmp", path);
    const char *slash = strrchr(path, '/');
    if (slash)
        strbuf_append(&folder, path, slash == path ? 1 : (size_t)(slash - path));
    else
        strbuf_puts(&folder, ".");
    if (temporary.failed || folder.failed) TRY(error_oom(err));
    TRY(file_open(&file, temporary.data, FILE_CREATE, err));
    TRY(file_write(&file, data, size, err));
    TRY(file_sync(&file, err));
    TRY(file_close(&file, err));
    TRY(file_rename(temporary.data, path, err));
    TRY(folder_sync(folder.data, err));
done:
    if (status != LAMINAR_OK && temporary.data) unlink(temporary.data);
    file_close(&file, NULL);
    strbuf_deinit(&temporary);
    strbuf_deinit(&folder);
    return status;
}
