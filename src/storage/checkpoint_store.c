/* checkpoint_store.c - which checkpoints there are: manifests, and what is kept of them. */
#include "base/error.h"
#include "base/hash.h"
#include "storage/checkpoint_internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANIFEST_BYTES_MAX = 1 << 20 };

char *checkpoint_path(const struct checkpoint_store *store, enum checkpoint_name kind, uint64_t id)
{
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/%012" PRIu64 ".%s", store->folder, id,
                  kind == NAME_STATE ? "state" : "manifest");
    return strbuf_take(&path);
}

int piece_compare(const struct piece_entry *a, const struct piece_entry *b)
{
    if (a->object != b->object) return a->object < b->object ? -1 : 1;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    return (a->page > b->page) - (a->page < b->page);
}

/* --- Manifests ----------------------------------------------------------------------------------------------------------------------- */
/* A line an entry, "name value"; "file id bytes" once a file; the last line is "checksum" and XXH3 of all before it. */

void manifest_free(struct manifest *manifest)
{
    if (!manifest) return;
    ARRAY_DEINIT(&manifest->files);
    mem_free(manifest);
}

#define MANIFEST_FIELDS(X)                                                                         \
    X(id, info.id)                                                                                 \
    X(step, info.step)                                                                             \
    X(log_seq, info.log_seq)                                                                       \
    X(bytes_written, info.bytes_written)                                                           \
    X(state_bytes, info.state_bytes)                                                               \
    X(pieces, info.n_pieces)                                                                       \
    X(is_copy, info.is_copy)                                                                       \
    X(index_offset, index_offset)                                                                  \
    X(index_bytes, index_bytes)                                                                    \
    X(index_hash, index_hash)

laminar_status manifest_write(const char *path, const struct manifest *m, struct laminar_error *err)
{
    struct strbuf text = {0};
    laminar_status status = LAMINAR_OK;
    strbuf_printf(&text, "laminardb-checkpoint %d\n", CHECKPOINT_FORMAT);
#define FIELD_WRITE(name, member) strbuf_printf(&text, #name " %" PRIu64 "\n", m->member);
    MANIFEST_FIELDS(FIELD_WRITE)
#undef FIELD_WRITE
    strbuf_printf(&text, "created_us %" PRId64 "\n", m->info.created_us);
    strbuf_printf(&text, "duration_us %" PRId64 "\n", m->info.duration_us);
    strbuf_printf(&text, "pause_us %" PRId64 "\n", m->info.pause_us);
    for (size_t i = 0; i < m->files.n; i++)
        strbuf_printf(&text, "file %" PRIu64 " %" PRIu64 "\n", m->files.items[i].file,
                      m->files.items[i].bytes);
    if (text.failed) TRY(error_oom(err));
    strbuf_printf(&text, "checksum %016" PRIx64 "\n", hash_stored(0, text.data, text.size));
    if (text.failed) TRY(error_oom(err));
    TRY(file_replace(path, text.data, text.size, err));
done:
    strbuf_deinit(&text);
    return status;
}

static laminar_status bad_manifest(const char *path, const char *what, struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "the checkpoint '%s' does not read: %s", path,
                     what);
}

static bool parse_line(struct manifest *m, const char *line)
{
    char name[32];
    int at = 0;
    if (sscanf(line, "%31s %n", name, &at) != 1) return false;
    const char *value = line + at;
    struct file_use use;
    if (strcmp(name, "file") == 0)
        return sscanf(value, "%" SCNu64 " %" SCNu64, &use.file, &use.bytes) == 2 &&
               ARRAY_PUSH(&m->files, use);
#define FIELD_READ(field, member)                                                                  \
    if (strcmp(name, #field) == 0) return sscanf(value, "%" SCNu64, &m->member) == 1;
    MANIFEST_FIELDS(FIELD_READ)
#undef FIELD_READ
    if (strcmp(name, "created_us") == 0) return sscanf(value, "%" SCNd64, &m->info.created_us) == 1;
    if (strcmp(name, "duration_us") == 0)
        return sscanf(value, "%" SCNd64, &m->info.duration_us) == 1;
    if (strcmp(name, "pause_us") == 0) return sscanf(value, "%" SCNd64, &m->info.pause_us) == 1;
    return true; /* of a later version: it said that this one can read it */
}

laminar_status manifest_read(const char *path, struct manifest **out, struct laminar_error *err)
{
    struct strbuf text = {0};
    laminar_status status = LAMINAR_OK;
    struct manifest *m = mem_calloc(1, sizeof *m);
    unsigned format = 0;
    uint64_t checksum = 0;
    if (!m) return error_oom(err);
    TRY(file_read_all(path, MANIFEST_BYTES_MAX, &text, err));
    if (sscanf(text.data, "laminardb-checkpoint %u", &format) != 1)
        TRY(bad_manifest(path, "it is no manifest", err));
    if (format == 0 || format > CHECKPOINT_FORMAT) {
        error_set(err, LAMINAR_CONNECTION_FAILED,
                  "'%s' has format %u of checkpoints, and this program reads up to %d", path,
                  format, CHECKPOINT_FORMAT);
        error_hint(err, "open it with a newer version of the program");
        TRY(LAMINAR_CONNECTION_FAILED);
    }
    char *last = strstr(text.data, "\nchecksum ");
    if (!last || sscanf(last + 1, "checksum %" SCNx64, &checksum) != 1 ||
        checksum != hash_stored(0, text.data, (size_t)(last + 1 - text.data)))
        TRY(bad_manifest(path, "it does not match its checksum", err));
    *last = 0;
    for (char *line = strchr(text.data, '\n'); line; line = strchr(line + 1, '\n'))
        if (!parse_line(m, line + 1)) TRY(bad_manifest(path, "a line is malformed", err));
    *out = m;
    m = NULL;
done:
    manifest_free(m);
    strbuf_deinit(&text);
    return status;
}

/* --- The store ----------------------------------------------------------------------------------------------------------------------- */

static bool parse_name(const char *name, const char *suffix, uint64_t *id)
{
    int end = 0;
    return sscanf(name, "%12" SCNu64 "%n", id, &end) == 1 && end == 12 &&
           strcmp(name + 12, suffix) == 0;
}

static laminar_status note_file(void *ctx, const char *name, struct laminar_error *err)
{
    struct checkpoint_store *store = ctx;
    uint64_t id;
    if (parse_name(name, ".state", &id) && id >= store->next_id) store->next_id = id + 1;
    if (!parse_name(name, ".manifest", &id)) return LAMINAR_OK;
    if (id >= store->next_id) store->next_id = id + 1;
    char *path = checkpoint_path(store, NAME_MANIFEST, id);
    struct manifest *manifest = NULL;
    if (!path) return error_oom(err);
    laminar_status status = manifest_read(path, &manifest, err);
    mem_free(path);
    if (status == LAMINAR_CHECKPOINT_FAILED) { /* an older one may do */
        manifest = mem_calloc(1, sizeof *manifest);
        if (!manifest) return error_oom(err);
        manifest->info = (struct checkpoint_info){.id = id, .is_damaged = true};
        error_clear(err);
        status = LAMINAR_OK;
    }
    if (status != LAMINAR_OK) return status;
    if (ARRAY_PUSH(&store->manifests, manifest)) return LAMINAR_OK;
    manifest_free(manifest);
    return error_oom(err);
}

static int by_id(const void *a, const void *b)
{
    const struct manifest *x = *(struct manifest *const *)a, *y = *(struct manifest *const *)b;
    return (x->info.id > y->info.id) - (x->info.id < y->info.id);
}

laminar_status checkpoint_store_open(const char *folder, bool is_read_only,
                                     struct checkpoint_store **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct checkpoint_store *store = mem_calloc(1, sizeof *store);
    if (!store) return error_oom(err);
    store->next_id = 1;
    store->is_read_only = is_read_only;
    if (!(store->folder = mem_strdup(folder))) TRY(error_oom(err));
    TRY(folder_list(folder, note_file, store, err));
    if (store->manifests.n)
        qsort(store->manifests.items, store->manifests.n, sizeof(struct manifest *), by_id);
    *out = store;
    return LAMINAR_OK;
done:
    checkpoint_store_close(store);
    return status;
}

void checkpoint_store_close(struct checkpoint_store *store)
{
    if (!store) return;
    for (size_t i = 0; i < store->manifests.n; i++) manifest_free(store->manifests.items[i]);
    ARRAY_DEINIT(&store->manifests);
    mem_free(store->last);
    mem_free(store->folder);
    mem_free(store);
}

size_t checkpoint_store_n(const struct checkpoint_store *store) { return store->manifests.n; }
struct checkpoint_info checkpoint_store_at(const struct checkpoint_store *store, size_t i)
{
    return store->manifests.items[i]->info;
}

static laminar_status remove_named(struct checkpoint_store *store, enum checkpoint_name kind,
                                   uint64_t id, struct laminar_error *err)
{
    char *path = checkpoint_path(store, kind, id);
    if (!path) return error_oom(err);
    laminar_status status = file_remove(path, err);
    mem_free(path);
    return status;
}

static laminar_status remove_manifest(struct checkpoint_store *store, size_t i,
                                      struct laminar_error *err)
{
    struct manifest *manifest = store->manifests.items[i];
    laminar_status status = remove_named(store, NAME_MANIFEST, manifest->info.id, err);
    if (status != LAMINAR_OK) return status;
    manifest_free(manifest);
    memmove(store->manifests.items + i, store->manifests.items + i + 1,
            (store->manifests.n - i - 1) * sizeof(struct manifest *));
    store->manifests.n--;
    return LAMINAR_OK;
}

static bool is_needed(const struct checkpoint_store *store, uint64_t file)
{
    for (size_t i = 0; i < store->manifests.n; i++) {
        const struct manifest *m = store->manifests.items[i];
        if (m->info.is_damaged || m->info.id == file) return true; /* nobody knows what it needs */
        for (size_t j = 0; j < m->files.n; j++)
            if (m->files.items[j].file == file) return true;
    }
    return false;
}

struct sweep {
    struct checkpoint_store *store;
};

static laminar_status sweep_file(void *ctx, const char *name, struct laminar_error *err)
{
    struct checkpoint_store *store = ((struct sweep *)ctx)->store;
    uint64_t id;
    if (!parse_name(name, ".state", &id) || is_needed(store, id)) return LAMINAR_OK;
    return remove_named(store, NAME_STATE, id, err);
}

laminar_status checkpoint_store_retain(struct checkpoint_store *store, size_t n_kept,
                                       struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct sweep sweep = {store};
    bool has_removed = false;
    while (store->manifests.n > n_kept) {
        TRY(remove_manifest(store, 0, err));
        has_removed = true;
    }
    /* Only when the manifests are gone for good may their files go. */
    if (has_removed) TRY(folder_sync(store->folder, err));
    TRY(folder_list(store->folder, sweep_file, &sweep, err));
done:
    return status;
}

laminar_status checkpoint_store_cut(struct checkpoint_store *store, uint64_t id,
                                    struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = store->manifests.n; i-- > 0;)
        if (store->manifests.items[i]->info.id > id) TRY(remove_manifest(store, i, err));
    TRY(folder_sync(store->folder, err));
    mem_free(store->last);
    store->last = NULL;
    store->n_last = 0;
done:
    return status;
}
