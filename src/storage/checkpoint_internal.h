/* checkpoint_internal.h - the store, the index of pieces and the names of files: shared by checkpoint_store.c, _write.c and _read.c. */
#ifndef STORAGE_CHECKPOINT_INTERNAL_H
#define STORAGE_CHECKPOINT_INTERNAL_H

#include "storage/checkpoint_file.h"
#include <assert.h>

/* One piece; 64 bytes in the index, as it lies in memory, little-endian. */
struct piece_entry {
    uint64_t object;
    uint64_t page;
    uint64_t version;
    uint64_t file; /* id of the checkpoint that wrote it */
    uint64_t offset;
    uint64_t hash; /* of its bytes, seeded with the offset */
    uint32_t kind;
    uint32_t size;
    uint64_t reserved;
};
static_assert(sizeof(struct piece_entry) == 64, "stored");

struct file_use { /* a file of pieces and how much of it a checkpoint needs */
    uint64_t file;
    uint64_t bytes;
};
struct manifest {
    struct checkpoint_info info;
    uint64_t index_offset, index_bytes, index_hash;
    ARRAY_OF(struct file_use) files;
};
struct checkpoint_store {
    char *folder;
    bool is_read_only;
    ARRAY_OF(struct manifest *) manifests; /* oldest first */
    uint64_t next_id;
    /* the newest checkpoint, when this process wrote it */
    struct piece_entry *last;
    size_t n_last;
};

enum checkpoint_name { NAME_STATE, NAME_MANIFEST };
/* "000000000012.state", "….manifest"; NULL: no memory */
char *checkpoint_path(const struct checkpoint_store *store, enum checkpoint_name kind, uint64_t id);
laminar_status manifest_read(const char *path, struct manifest **out, struct laminar_error *err)
    must_check;
laminar_status manifest_write(const char *path, const struct manifest *manifest,
                              struct laminar_error *err) must_check;
void manifest_free(struct manifest *manifest);
int piece_compare(const struct piece_entry *a, const struct piece_entry *b);

#endif
