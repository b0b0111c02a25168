/* file_disk.c - the operating system's files behind struct file_disk. Calls that a signal interrupted are made again. */
#include "base/file_internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY(result, call)                                                                        \
    do {                                                                                           \
        (result) = (call);                                                                         \
    } while ((result) < 0 && errno == EINTR)

static int answer(int result) { return result < 0 ? -errno : result; }

static int system_open(struct file_disk *disk, const char *path, enum file_mode mode)
{
    static const int flags[] = {[FILE_READ] = O_RDONLY,
                                [FILE_CREATE] = O_RDWR | O_CREAT | O_TRUNC,
                                [FILE_APPEND] = O_RDWR | O_CREAT | O_APPEND,
                                [FILE_EXCLUSIVE] = O_RDWR | O_CREAT | O_EXCL,
                                [FILE_UPDATE] = O_RDWR | O_CREAT,
                                [FILE_DIRECT] = O_WRONLY | O_DIRECT};
    (void)disk;
    int fd;
    RETRY(fd, open(path, flags[mode] | O_CLOEXEC, 0666));
    struct stat info;
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        close(fd);
        return -EISDIR;
    }
    return answer(fd);
}

static int64_t system_read(struct file_disk *disk, int handle, void *data, size_t size)
{
    (void)disk;
    ssize_t n;
    RETRY(n, read(handle, data, size));
    return n < 0 ? -errno : n;
}

static int64_t system_write(struct file_disk *disk, int handle, const void *data, size_t size)
{
    (void)disk;
    ssize_t n;
    RETRY(n, write(handle, data, size));
    return n < 0 ? -errno : n;
}

static int64_t system_read_at(struct file_disk *disk, int handle, void *data, size_t size,
                              uint64_t offset)
{
    (void)disk;
    ssize_t n;
    RETRY(n, pread(handle, data, size, (off_t)offset));
    return n < 0 ? -errno : n;
}

static int64_t system_write_at(struct file_disk *disk, int handle, const void *data, size_t size,
                               uint64_t offset)
{
    (void)disk;
    ssize_t n;
    RETRY(n, pwrite(handle, data, size, (off_t)offset));
    return n < 0 ? -errno : n;
}

static int64_t system_size(struct file_disk *disk, int handle)
{
    (void)disk;
    struct stat info;
    return fstat(handle, &info) == 0 ? (int64_t)info.st_size : -errno;
}

static int system_truncate(struct file_disk *disk, int handle, uint64_t size)
{
    (void)disk;
    int result;
    RETRY(result, ftruncate(handle, (off_t)size));
    return answer(result);
}

static int system_allocate(struct file_disk *disk, int handle, uint64_t size)
{
    (void)disk;
    int result;
    do result = posix_fallocate(handle, 0, (off_t)size);
    while (result == EINTR);
    return -result;
}

static int system_sync(struct file_disk *disk, int handle)
{
    (void)disk;
    int result;
    RETRY(result, fdatasync(handle));
    return answer(result);
}

/* Of the open file, so two handles of one process exclude each other too, and a fork's copy holds it with its parent. */
static int system_lock(struct file_disk *disk, int handle, enum file_lock kind)
{
    (void)disk;
    int result;
    RETRY(result, flock(handle, (kind == FILE_LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB));
    return answer(result);
}

/* Linux closes the descriptor even when close is interrupted: it must not be called again. */
static int system_close(struct file_disk *disk, int handle)
{
    (void)disk;
    return close(handle) == 0 || errno == EINTR ? 0 : -errno;
}

static int system_rename(struct file_disk *disk, const char *from, const char *to)
{
    (void)disk;
    return answer(rename(from, to));
}

static int system_remove(struct file_disk *disk, const char *path)
{
    (void)disk;
    return answer(unlink(path));
}

static int system_exists(struct file_disk *disk, const char *path)
{
    (void)disk;
    return access(path, F_OK) == 0;
}

static int system_make_folder(struct file_disk *disk, const char *path)
{
    (void)disk;
    struct stat info;
    if (mkdir(path, 0777) == 0) return 0;
    int reason = errno;
    return reason == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? 0 : -reason;
}

static int system_sync_folder(struct file_disk *disk, const char *path)
{
    (void)disk;
    int fd, result;
    RETRY(fd, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0) return -errno;
    RETRY(result, fsync(fd));
    result = answer(result);
    close(fd);
    return result;
}

static int system_list(struct file_disk *disk, const char *path, struct strbuf *names)
{
    (void)disk;
    DIR *folder = opendir(path);
    if (!folder) return -errno;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            strbuf_append(names, entry->d_name, strlen(entry->d_name) + 1);
    }
    int reason = errno;
    closedir(folder);
    return -reason;
}

struct file_disk file_system_disk = {.open = system_open,
                                     .read = system_read,
                                     .write = system_write,
                                     .read_at = system_read_at,
                                     .write_at = system_write_at,
                                     .size = system_size,
                                     .truncate = system_truncate,
                                     .allocate = system_allocate,
                                     .sync = system_sync,
                                     .lock = system_lock,
                                     .close = system_close,
                                     .rename = system_rename,
                                     .remove = system_remove,
                                     .exists = system_exists,
                                     .make_folder = system_make_folder,
                                     .sync_folder = system_sync_folder,
                                     .list = system_list};
