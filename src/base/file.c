/* file.c - see file.h. Errors are made here, from what the disk below answers. */
#include "base/file.h"
#include "base/file_internal.h"
#include "base/mem.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* 0 = off; else the number of operations until one fails. Relaxed: set by tests while nothing else runs. */
static _Atomic uint64_t fail_countdown;
static _Atomic bool fail_all_after;
static struct file_disk *disk_in_use; /* NULL = the system's */

void file_use_disk(struct file_disk *disk) { disk_in_use = disk; }
static struct file_disk *the_disk(void) { return disk_in_use ? disk_in_use : &file_system_disk; }

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
    return true;
}

/* Fills the error from -errno. The error texts of a few frequent causes say more than the system's. */
static laminar_status fail(struct laminar_error *err, int64_t answer, const char *what,
                           const char *path)
{
    int reason = (int)-answer;
    if (reason == ENOMEM) return error_oom(err);
    char text[128];
    const char *message = strerror_r(reason, text, sizeof text); /* the GNU form returns the text */
    error_set(err, LAMINAR_IO_ERROR, "cannot %s '%s': %s", what, path, message);
    if (reason == ENOSPC || reason == EDQUOT)
        error_hint(err, "free some space on the device and try again");
    if (reason == EMFILE || reason == ENFILE)
        error_hint(err, "raise the limit of open files (ulimit -n)");
    if (reason == EACCES || reason == EPERM || reason == EROFS)
        error_hint(err, "check who may write there");
    if (err)
        err->is_retriable = reason == EMFILE || reason == ENFILE || reason == ENOSPC ||
                            reason == EDQUOT || reason == EAGAIN;
    return LAMINAR_IO_ERROR;
}

/* The answer of a call that must_fail may forbid. */
#define ASK(call) (must_fail() ? -EIO : (call))

static int handle_of(const struct file *file) { return file->fd_plus_1 - 1; }

laminar_status file_open(struct file *file, const char *path, enum file_mode mode,
                         struct laminar_error *err)
{
    char *copy = mem_strdup(path);
    if (!copy) return error_oom(err);
    int handle = ASK(the_disk()->open(the_disk(), path, mode));
    if (handle < 0) {
        laminar_status status = fail(err, handle, mode == FILE_READ ? "open" : "open for writing",
                                     path);
        mem_free(copy);
        return status;
    }
    *file = (struct file){.fd_plus_1 = handle + 1, .path = copy};
    return LAMINAR_OK;
}

laminar_status file_read(struct file *file, void *data, size_t size, size_t *n_read,
                         struct laminar_error *err)
{
    int64_t n = ASK(the_disk()->read(the_disk(), handle_of(file), data, size));
    if (n < 0) return fail(err, n, "read", file->path);
    *n_read = (size_t)n;
    return LAMINAR_OK;
}

laminar_status file_read_at(struct file *file, void *data, size_t size, uint64_t offset,
                            struct laminar_error *err)
{
    if (must_fail()) return fail(err, -EIO, "read", file->path);
    for (size_t done = 0; done < size;) {
        int64_t n = the_disk()->read_at(the_disk(), handle_of(file), (char *)data + done,
                                        size - done, offset + done);
        if (n < 0) return fail(err, n, "read", file->path);
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
        int64_t n = the_disk()->write(the_disk(), handle_of(file), (const char *)data + done,
                                      wanted - done);
        if (n <= 0) return fail(err, n < 0 ? n : -ENOSPC, "write to", file->path);
        done += (size_t)n;
    }
    return is_torn ? fail(err, -EIO, "write to", file->path) : LAMINAR_OK;
}

laminar_status file_write_at(struct file *file, const void *data, size_t size, uint64_t offset,
                             struct laminar_error *err)
{
    bool is_torn = must_fail();
    size_t wanted = is_torn ? size / 2 : size;
    for (size_t done = 0; done < wanted;) {
        int64_t n = the_disk()->write_at(the_disk(), handle_of(file), (const char *)data + done,
                                         wanted - done, offset + done);
        if (n <= 0) return fail(err, n < 0 ? n : -ENOSPC, "write to", file->path);
        done += (size_t)n;
    }
    return is_torn ? fail(err, -EIO, "write to", file->path) : LAMINAR_OK;
}

laminar_status file_size(struct file *file, uint64_t *out, struct laminar_error *err)
{
    int64_t size = ASK(the_disk()->size(the_disk(), handle_of(file)));
    if (size < 0) return fail(err, size, "examine", file->path);
    *out = (uint64_t)size;
    return LAMINAR_OK;
}

laminar_status file_truncate(struct file *file, uint64_t size, struct laminar_error *err)
{
    int result = ASK(the_disk()->truncate(the_disk(), handle_of(file), size));
    return result < 0 ? fail(err, result, "cut", file->path) : LAMINAR_OK;
}

laminar_status file_allocate(struct file *file, uint64_t size, struct laminar_error *err)
{
    int result = ASK(the_disk()->allocate(the_disk(), handle_of(file), size));
    return result < 0 ? fail(err, result, "allocate room for", file->path) : LAMINAR_OK;
}

laminar_status file_sync(struct file *file, struct laminar_error *err)
{
    int result = ASK(the_disk()->sync(the_disk(), handle_of(file)));
    return result < 0 ? fail(err, result, "sync", file->path) : LAMINAR_OK;
}

laminar_status file_try_lock(struct file *file, enum file_lock kind, bool *is_locked,
                             struct laminar_error *err)
{
    int result = ASK(the_disk()->lock(the_disk(), handle_of(file), kind));
    if (result < 0 && result != -EWOULDBLOCK) return fail(err, result, "lock", file->path);
    *is_locked = result >= 0;
    return LAMINAR_OK;
}

laminar_status file_close(struct file *file, struct laminar_error *err)
{
    if (!file_is_open(file)) return LAMINAR_OK;
    laminar_status status = LAMINAR_OK;
    bool is_failing = must_fail();
    int result = the_disk()->close(the_disk(), handle_of(file));
    if (is_failing) result = -EIO;
    if (result < 0) status = fail(err, result, "close", file->path);
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
    int result = ASK(the_disk()->rename(the_disk(), from, to));
    return result < 0 ? fail(err, result, "rename to", to) : LAMINAR_OK;
}

laminar_status file_remove(const char *path, struct laminar_error *err)
{
    int result = ASK(the_disk()->remove(the_disk(), path));
    return result < 0 && result != -ENOENT ? fail(err, result, "remove", path) : LAMINAR_OK;
}

bool file_exists(const char *path) { return the_disk()->exists(the_disk(), path) == 1; }

laminar_status folder_sync(const char *path, struct laminar_error *err)
{
    int result = ASK(the_disk()->sync_folder(the_disk(), path));
    return result < 0 ? fail(err, result, "sync folder", path) : LAMINAR_OK;
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
        int result = ASK(the_disk()->make_folder(the_disk(), copy));
        if (result < 0) status = fail(err, result, "make folder", copy);
        p[1] = next;
    }
    mem_free(copy);
    return status;
}

laminar_status folder_list(const char *path,
                           laminar_status (*found)(void *ctx, const char *name,
                                                   struct laminar_error *err),
                           void *ctx, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct strbuf names = {0};
    int result = ASK(the_disk()->list(the_disk(), path, &names));
    if (result < 0) TRY(fail(err, result, "list folder", path));
    if (names.failed) TRY(error_oom(err));
    for (size_t at = 0; at < names.size; at += strlen(names.data + at) + 1)
        TRY(found(ctx, names.data + at, err));
done:
    strbuf_deinit(&names);
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
    if (status != LAMINAR_OK && temporary.data) the_disk()->remove(the_disk(), temporary.data);
    file_close(&file, NULL);
    strbuf_deinit(&temporary);
    strbuf_deinit(&folder);
    return status;
}
