/* sim_disk.c - see sim_disk.h. One lock for everything: speed comes from files being small. */
#include "sim_disk.h"
#include "base/array.h"
#include "base/hash.h"
#include "base/thread.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR_BYTES = 512 };

struct bytes {
    uint8_t *data;
    size_t size, capacity;
};
struct unsynced { /* a write, or (data NULL) a change of the size */
    uint64_t number;
    uint64_t offset;
    size_t size;
    uint8_t *data;
};
struct inode {
    uint32_t refs;
    struct bytes current, durable;
    ARRAY_OF(struct unsynced) writes;
    int lock; /* -1 exclusive, else number of shared ones */
};
struct name {
    char *path;
    struct inode *inode; /* NULL: a folder */
};
struct names {
    ARRAY_OF(struct name) list;
};
struct name_change { /* inode NULL and !is_folder: removed */
    char *path;
    char *from; /* of a rename: goes in the same moment; else NULL */
    struct inode *inode;
    bool is_folder;
};
struct handle {
    struct inode *inode; /* NULL: free */
    uint64_t position;
    bool is_append;
    int lock;
};
struct sim_disk {
    struct file_disk base;
    struct mutex lock;
    struct names current, durable;
    ARRAY_OF(struct name_change) changes; /* of names, not yet synced */
    ARRAY_OF(struct handle) handles;
    uint64_t n_ops, n_writes;
    enum sim_fault fault;
    uint64_t fault_from, fault_to; /* n_ops */
    bool has_crashed;
};

/* --- Bytes and names -------------------------------------------------------------------------------------------------------------- */

static void *checked(void *ptr)
{
    if (!ptr) abort();
    return ptr;
}

static void bytes_resize(struct bytes *bytes, uint64_t size)
{
    if (size > bytes->capacity) {
        size_t capacity = bytes->capacity ? bytes->capacity : 4096;
        while (capacity < size) capacity *= 2;
        bytes->data = checked(mem_realloc(bytes->data, capacity));
        bytes->capacity = capacity;
    }
    if (size > bytes->size) memset(bytes->data + bytes->size, 0, (size_t)size - bytes->size);
    bytes->size = (size_t)size;
}

static void bytes_put(struct bytes *bytes, uint64_t offset, const void *data, size_t size)
{
    if (size == 0) return;
    if (offset + size > bytes->size) bytes_resize(bytes, offset + size);
    memcpy(bytes->data + offset, data, size);
}

static void forget_writes(struct inode *inode)
{
    for (size_t i = 0; i < inode->writes.n; i++) mem_free(inode->writes.items[i].data);
    inode->writes.n = 0;
}

static void inode_unref(struct inode *inode)
{
    if (!inode || --inode->refs > 0) return;
    forget_writes(inode);
    ARRAY_DEINIT(&inode->writes);
    mem_free(inode->current.data);
    mem_free(inode->durable.data);
    mem_free(inode);
}

static struct inode *inode_ref(struct inode *inode)
{
    if (inode) inode->refs++;
    return inode;
}

static struct inode *inode_create(void)
{
    struct inode *inode = checked(mem_calloc(1, sizeof *inode));
    inode->refs = 1;
    return inode;
}

static struct name *names_find(struct names *names, const char *path)
{
    for (size_t i = 0; i < names->list.n; i++)
        if (strcmp(names->list.items[i].path, path) == 0) return &names->list.items[i];
    return NULL;
}

static void names_remove(struct names *names, const char *path)
{
    struct name *name = names_find(names, path);
    if (!name) return;
    mem_free(name->path);
    inode_unref(name->inode);
    *name = names->list.items[--names->list.n];
}

static void names_put(struct names *names, const char *path, struct inode *inode)
{
    names_remove(names, path);
    struct name name = {checked(mem_strdup(path)), inode_ref(inode)};
    if (!ARRAY_PUSH(&names->list, name)) abort();
}

static void names_deinit(struct names *names)
{
    while (names->list.n) names_remove(names, names->list.items[0].path);
    ARRAY_DEINIT(&names->list);
}

static void apply_change(struct names *names, const struct name_change *change)
{
    if (change->from) names_remove(names, change->from);
    if (change->inode || change->is_folder)
        names_put(names, change->path, change->inode);
    else
        names_remove(names, change->path);
}

static void note_change(struct sim_disk *disk, const char *path, const char *from,
                        struct inode *inode, bool is_folder)
{
    struct name_change change = {checked(mem_strdup(path)), from ? checked(mem_strdup(from)) : NULL,
                                 inode_ref(inode), is_folder};
    if (!ARRAY_PUSH(&disk->changes, change)) abort();
    apply_change(&disk->current, &change);
}

static void free_change(struct name_change *change)
{
    mem_free(change->path);
    mem_free(change->from);
    inode_unref(change->inode);
}

/* --- Faults -------------------------------------------------------------------------------------------------------------------------- */

/* What meets the operation that begins now. */
static enum sim_fault next_fault(struct sim_disk *disk)
{
    if (disk->has_crashed) return SIM_ERROR;
    disk->n_ops++;
    if (disk->fault == SIM_NONE || disk->n_ops < disk->fault_from || disk->n_ops >= disk->fault_to)
        return SIM_NONE;
    if (disk->fault == SIM_CRASH) disk->has_crashed = true;
    return disk->fault;
}

static int fault_answer(enum sim_fault fault, bool needs_space)
{
    if (fault == SIM_NO_SPACE) return needs_space ? -ENOSPC : 0;
    return fault == SIM_NONE ? 0 : -EIO;
}

static void note_write(struct sim_disk *disk, struct inode *inode, uint64_t offset,
                       const void *data, size_t size)
{
    struct unsynced write = {.number = disk->n_writes++, .offset = offset, .size = size};
    if (data) {
        write.data = checked(mem_alloc(size + 1));
        memcpy(write.data, data, size);
        bytes_put(&inode->current, offset, data, size);
    } else {
        bytes_resize(&inode->current, offset);
    }
    if (!ARRAY_PUSH(&inode->writes, write)) abort();
}

/* --- The calls ------------------------------------------------------------------------------------------------------------------------ */

#define ENTER(base_)                                                                               \
    struct sim_disk *disk = CONTAINER_OF(base_, struct sim_disk, base);                            \
    mutex_lock(&disk->lock)
#define LEAVE(value)                                                                               \
    do {                                                                                           \
        mutex_unlock(&disk->lock);                                                                 \
        return (value);                                                                            \
    } while (0)

static bool has_folder(struct sim_disk *disk, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return true;
    char *folder = checked(mem_strndup(path, (size_t)(slash - path)));
    struct name *name = names_find(&disk->current, folder);
    mem_free(folder);
    return name && !name->inode;
}

static int sim_open(struct file_disk *base, const char *path, enum file_mode mode)
{
    ENTER(base);
    if (disk->has_crashed) LEAVE(-EIO);
    struct name *name = names_find(&disk->current, path);
    if (name && !name->inode) LEAVE(-EISDIR);
    if (!name && (mode == FILE_READ || mode == FILE_DIRECT)) LEAVE(-ENOENT);
    if (name && mode == FILE_EXCLUSIVE) LEAVE(-EEXIST);
    if (!name && !has_folder(disk, path)) LEAVE(-ENOENT);
    struct inode *inode = name ? name->inode : NULL;
    if (!name || mode == FILE_CREATE) {
        int answer = fault_answer(next_fault(disk), true);
        if (answer < 0) LEAVE(answer);
        if (!name) {
            inode = inode_create();
            note_change(disk, path, NULL, inode, false);
            inode_unref(inode);
        } else {
            note_write(disk, inode, 0, NULL, 0);
        }
    }
    size_t i = 0;
    while (i < disk->handles.n && disk->handles.items[i].inode) i++;
    if (i == disk->handles.n && !ARRAY_PUSH(&disk->handles, (struct handle){0})) abort();
    disk->handles.items[i] = (struct handle){.inode = inode_ref(inode),
                                             .is_append = mode == FILE_APPEND};
    LEAVE((int)i);
}

static int64_t read_bytes(struct inode *inode, void *data, size_t size, uint64_t offset)
{
    if (offset >= inode->current.size) return 0;
    size_t n = inode->current.size - offset < size ? inode->current.size - (size_t)offset : size;
    memcpy(data, inode->current.data + offset, n);
    return (int64_t)n;
}

static int64_t sim_read(struct file_disk *base, int handle, void *data, size_t size)
{
    ENTER(base);
    struct handle *h = &disk->handles.items[handle];
    int64_t n = disk->has_crashed ? -EIO : read_bytes(h->inode, data, size, h->position);
    if (n > 0) h->position += (uint64_t)n;
    LEAVE(n);
}

static int64_t sim_read_at(struct file_disk *base, int handle, void *data, size_t size,
                           uint64_t offset)
{
    ENTER(base);
    int64_t n = disk->has_crashed
                    ? -EIO
                    : read_bytes(disk->handles.items[handle].inode, data, size, offset);
    LEAVE(n);
}

static int64_t write_bytes(struct sim_disk *disk, struct inode *inode, const void *data,
                           size_t size, uint64_t offset)
{
    bool was_crashed = disk->has_crashed;
    enum sim_fault fault = next_fault(disk);
    size_t n = fault == SIM_NONE                                            ? size
               : !was_crashed && (fault == SIM_CRASH || fault == SIM_SHORT) ? size / 2
                                                                            : 0;
    if (n > 0) note_write(disk, inode, offset, data, n);
    int answer = fault_answer(fault, true);
    return answer < 0 ? answer : (int64_t)n;
}

static int64_t sim_write(struct file_disk *base, int handle, const void *data, size_t size)
{
    ENTER(base);
    struct handle *h = &disk->handles.items[handle];
    if (h->is_append) h->position = h->inode->current.size;
    int64_t n = write_bytes(disk, h->inode, data, size, h->position);
    if (n > 0) h->position += (uint64_t)n;
    LEAVE(n);
}

static int64_t sim_write_at(struct file_disk *base, int handle, const void *data, size_t size,
                            uint64_t offset)
{
    ENTER(base);
    LEAVE(write_bytes(disk, disk->handles.items[handle].inode, data, size, offset));
}

static int64_t sim_size(struct file_disk *base, int handle)
{
    ENTER(base);
    LEAVE(disk->has_crashed ? -EIO : (int64_t)disk->handles.items[handle].inode->current.size);
}

static int sim_truncate(struct file_disk *base, int handle, uint64_t size)
{
    ENTER(base);
    int answer = fault_answer(next_fault(disk), false);
    if (answer == 0) note_write(disk, disk->handles.items[handle].inode, size, NULL, 0);
    LEAVE(answer);
}

static int sim_allocate(struct file_disk *base, int handle, uint64_t size)
{
    ENTER(base);
    int answer = fault_answer(next_fault(disk), true);
    struct inode *inode = disk->handles.items[handle].inode;
    if (answer == 0 && size > inode->current.size) note_write(disk, inode, size, NULL, 0);
    LEAVE(answer);
}

static int sim_sync(struct file_disk *base, int handle)
{
    ENTER(base);
    enum sim_fault fault = next_fault(disk);
    struct inode *inode = disk->handles.items[handle].inode;
    if (fault == SIM_SYNC_LOST) forget_writes(inode);
    int answer = fault_answer(fault, false);
    if (answer < 0) LEAVE(answer);
    for (size_t i = 0; i < inode->writes.n; i++) {
        struct unsynced *write = &inode->writes.items[i];
        if (write->data)
            bytes_put(&inode->durable, write->offset, write->data, write->size);
        else
            bytes_resize(&inode->durable, write->offset);
    }
    forget_writes(inode);
    LEAVE(0);
}

static int sim_lock(struct file_disk *base, int handle, enum file_lock kind)
{
    ENTER(base);
    if (disk->has_crashed) LEAVE(-EIO);
    struct handle *h = &disk->handles.items[handle];
    int wanted = kind == FILE_LOCK_SHARED ? 1 : -1, others = h->inode->lock - h->lock;
    if (others < 0 || (others > 0 && wanted < 0)) LEAVE(-EWOULDBLOCK);
    h->inode->lock = others + wanted;
    h->lock = wanted;
    LEAVE(0);
}

static int sim_close(struct file_disk *base, int handle)
{
    ENTER(base);
    struct handle *h = &disk->handles.items[handle];
    h->inode->lock -= h->lock;
    inode_unref(h->inode);
    *h = (struct handle){0};
    LEAVE(0);
}

static int sim_rename(struct file_disk *base, const char *from, const char *to)
{
    ENTER(base);
    if (disk->has_crashed) LEAVE(-EIO);
    struct name *name = names_find(&disk->current, from);
    if (!name || !name->inode) LEAVE(-ENOENT);
    int answer = fault_answer(next_fault(disk), true);
    if (answer < 0) LEAVE(answer);
    struct inode *inode = inode_ref(name->inode);
    note_change(disk, to, from, inode, false);
    inode_unref(inode);
    LEAVE(0);
}

static int sim_remove(struct file_disk *base, const char *path)
{
    ENTER(base);
    if (disk->has_crashed) LEAVE(-EIO);
    struct name *name = names_find(&disk->current, path);
    if (!name || !name->inode) LEAVE(-ENOENT);
    int answer = fault_answer(next_fault(disk), false);
    if (answer == 0) note_change(disk, path, NULL, NULL, false);
    LEAVE(answer);
}

static int sim_exists(struct file_disk *base, const char *path)
{
    ENTER(base);
    LEAVE(!disk->has_crashed && names_find(&disk->current, path) != NULL);
}

static int sim_make_folder(struct file_disk *base, const char *path)
{
    ENTER(base);
    if (disk->has_crashed) LEAVE(-EIO);
    struct name *name = names_find(&disk->current, path);
    if (name) LEAVE(name->inode ? -ENOTDIR : 0);
    int answer = fault_answer(next_fault(disk), true);
    if (answer == 0) note_change(disk, path, NULL, NULL, true);
    LEAVE(answer);
}

static bool is_in(const char *path, const char *folder)
{
    size_t size = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    return strncmp(path, folder, size) == 0 && path[size] == '/' && !strchr(path + size + 1, '/');
}

static int sim_sync_folder(struct file_disk *base, const char *path)
{
    ENTER(base);
    int answer = fault_answer(next_fault(disk), false);
    if (answer < 0) LEAVE(answer);
    size_t n = 0;
    for (size_t i = 0; i < disk->changes.n; i++) {
        struct name_change *change = &disk->changes.items[i];
        if (!is_in(change->path, path)) {
            disk->changes.items[n++] = *change;
            continue;
        }
        apply_change(&disk->durable, change);
        free_change(change);
    }
    disk->changes.n = n;
    LEAVE(0);
}

static int sim_list(struct file_disk *base, const char *path, struct strbuf *names)
{
    ENTER(base);
    struct name *folder = names_find(&disk->current, path);
    if (disk->has_crashed) LEAVE(-EIO);
    if (!folder || folder->inode) LEAVE(-ENOENT);
    for (size_t i = 0; i < disk->current.list.n; i++) {
        const char *name = disk->current.list.items[i].path;
        if (is_in(name, path))
            strbuf_append(names, name + strlen(path) + 1, strlen(name) - strlen(path));
    }
    LEAVE(0);
}

/* --- Life ------------------------------------------------------------------------------------------------------------------------------ */

struct sim_disk *sim_disk_create(void)
{
    struct sim_disk *disk = checked(mem_calloc(1, sizeof *disk));
    disk->base = (struct file_disk){.open = sim_open,
                                    .read = sim_read,
                                    .write = sim_write,
                                    .read_at = sim_read_at,
                                    .write_at = sim_write_at,
                                    .size = sim_size,
                                    .truncate = sim_truncate,
                                    .allocate = sim_allocate,
                                    .sync = sim_sync,
                                    .lock = sim_lock,
                                    .close = sim_close,
                                    .rename = sim_rename,
                                    .remove = sim_remove,
                                    .exists = sim_exists,
                                    .make_folder = sim_make_folder,
                                    .sync_folder = sim_sync_folder,
                                    .list = sim_list};
    mutex_init(&disk->lock);
    return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
    if (!disk) return;
    for (size_t i = 0; i < disk->handles.n; i++) inode_unref(disk->handles.items[i].inode);
    for (size_t i = 0; i < disk->changes.n; i++) free_change(&disk->changes.items[i]);
    ARRAY_DEINIT(&disk->handles);
    ARRAY_DEINIT(&disk->changes);
    names_deinit(&disk->current);
    names_deinit(&disk->durable);
    mutex_deinit(&disk->lock);
    mem_free(disk);
}

struct file_disk *sim_disk_base(struct sim_disk *disk) { return &disk->base; }
uint64_t sim_disk_n_ops(const struct sim_disk *disk) { return disk->n_ops; }
bool sim_disk_has_crashed(const struct sim_disk *disk) { return disk->has_crashed; }

void sim_disk_fault(struct sim_disk *disk, enum sim_fault fault, uint64_t n, uint64_t n_times)
{
    disk->fault = fault;
    disk->fault_from = disk->n_ops + n;
    disk->fault_to = disk->fault_from + n_times;
}

/* --- Crashes --------------------------------------------------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t *seed) { return hash_u64(++*seed * 0x9e3779b97f4a7c15ULL); }

static void put_sectors(struct bytes *to, const struct unsynced *write, uint64_t *seed)
{
    for (size_t at = 0; at < write->size;) {
        size_t room = SECTOR_BYTES - (size_t)((write->offset + at) % SECTOR_BYTES);
        size_t n = write->size - at < room ? write->size - at : room;
        uint64_t dice = draw(seed) % 16;
        if (dice < 8) bytes_put(to, write->offset + at, write->data + at, n);
        if (dice == 8) bytes_put(to, write->offset + at, write->data + at, n / 2); /* torn */
        at += n;
    }
}

static struct inode *crash_inode(const struct inode *from, enum sim_crash kind, uint64_t last_write,
                                 uint64_t *seed)
{
    struct inode *to = inode_create();
    bytes_put(&to->durable, 0, from->durable.data, from->durable.size);
    for (size_t i = 0; i < from->writes.n && kind != SIM_LOSE_ALL; i++) {
        const struct unsynced *write = &from->writes.items[i];
        bool is_last = kind == SIM_TORN && write->number == last_write;
        if (kind == SIM_TORN && write->number > last_write) break;
        if (!write->data) {
            if (kind != SIM_REORDERED || draw(seed) % 2) bytes_resize(&to->durable, write->offset);
        } else if (kind == SIM_REORDERED) {
            put_sectors(&to->durable, write, seed);
        } else {
            bytes_put(&to->durable, write->offset, write->data,
                      is_last ? (size_t)(draw(seed) % (write->size + 1)) : write->size);
        }
    }
    bytes_put(&to->current, 0, to->durable.data, to->durable.size);
    return to;
}

struct sim_disk *sim_disk_crash(struct sim_disk *disk, enum sim_crash kind, uint64_t seed)
{
    struct sim_disk *after = sim_disk_create();
    mutex_lock(&disk->lock);
    uint64_t last_write = disk->n_writes ? disk->n_writes - 1 - draw(&seed) % 4 : 0;
    struct names names = {0};
    for (size_t i = 0; i < disk->durable.list.n; i++)
        names_put(&names, disk->durable.list.items[i].path, disk->durable.list.items[i].inode);
    size_t n_changes = kind == SIM_LOSE_ALL   ? 0
                       : kind == SIM_KEEP_ALL ? disk->changes.n
                                              : (size_t)(draw(&seed) % (disk->changes.n + 1));
    for (size_t i = 0; i < n_changes; i++) apply_change(&names, &disk->changes.items[i]);
    for (size_t i = 0; i < names.list.n; i++) {
        struct name *name = &names.list.items[i];
        struct inode *inode = NULL;
        for (size_t j = 0; j < i && name->inode; j++) /* one file under two names */
            if (names.list.items[j].inode == name->inode)
                inode = inode_ref(after->current.list.items[j].inode);
        if (!inode && name->inode) inode = crash_inode(name->inode, kind, last_write, &seed);
        names_put(&after->current, name->path, inode);
        names_put(&after->durable, name->path, inode);
        inode_unref(inode);
    }
    names_deinit(&names);
    mutex_unlock(&disk->lock);
    return after;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->path, ((const struct name *)b)->path);
}

uint64_t sim_disk_hash(const struct sim_disk *disk)
{
    size_t n = disk->current.list.n;
    struct name *list = checked(mem_alloc((n + 1) * sizeof *list));
    if (n) memcpy(list, disk->current.list.items, n * sizeof *list);
    qsort(list, n, sizeof *list, by_path);
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++) {
        hash = hash_combine(hash, hash_bytes(list[i].path, strlen(list[i].path)));
        if (list[i].inode)
            hash = hash_combine(
                hash, hash_bytes(list[i].inode->current.data, list[i].inode->current.size));
    }
    mem_free(list);
    return hash;
}

bool sim_disk_damage(struct sim_disk *disk, const char *path, uint64_t offset)
{
    struct name *name = names_find(&disk->current, path);
    if (!name || !name->inode || offset >= name->inode->current.size) return false;
    name->inode->current.data[offset] ^= 1;
    bytes_put(&name->inode->durable, offset, name->inode->current.data + offset, 1);
    return true;
}
