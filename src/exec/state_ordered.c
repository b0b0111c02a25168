/* state_ordered.c - see state_ordered.h: a B+tree of byte-string keys with weights.
 *
 * Key: group number, big-endian, then key_encode's bytes. Nodes hold up to NODE_ENTRIES entries and live in the core's heap. A node that was made or
 * copied after the newest freeze (node->epoch == core->epoch) is written in place; an older one is copied first when a snapshot is held, on the
 * way down, so that a snapshot's tree never changes. Full nodes are split on the way down too: an insertion that runs out of memory leaves a
 * valid tree. Emptied nodes are unlinked; half-empty ones are not merged (Johnson, Shasha: "B-trees with inserts and deletes: why
 * free-at-empty is better than merge-at-half", 1993).
 * Key of entry i of an inner node: a lower bound for the keys below it (entry 0: none). */
#include "exec/state_ordered.h"
#include "base/error.h"
#include "exec/key_encode.h"
#include "exec/state_core.h"
#include <stdlib.h>

enum {
    NODE_ENTRIES = 48,
    KEY_INLINE = 28,
    KEY_PREFIX = 20,
    META_PIECE = 0,
    LEAF_PIECE = 1,
    META_MAGIC = 0x31424F4C /* "LOB1" */
};

/* longer than KEY_INLINE: KEY_PREFIX bytes, then a pointer to all of them in the heap */
struct ordered_key {
    uint32_t size;
    uint8_t head[KEY_INLINE];
};
struct entry {
    union {
        int64_t weight; /* leaf */
        struct node *child;
    };
    struct ordered_key key;
};
static_assert(sizeof(struct entry) == 40, "entries are packed");
struct node {
    uint64_t id;
    uint64_t epoch; /* of the last change: core->epoch then */
    uint32_t n;
    bool is_leaf;
    struct entry entries[NODE_ENTRIES];
};

struct state_ordered {
    struct state base; /* first */
    struct state_core *core;
    struct node *root; /* NULL = empty */
    uint64_t next_id;
    uint32_t n_parts;
    struct key_part *parts; /* in key order */
    struct strbuf buf;      /* key of the row at hand */
};
struct ordered_snapshot {
    struct state_snapshot head; /* first */
    struct node *root;
    uint64_t n_rows;
    uint32_t n_parts;
    size_t n_leaves, leaves_capacity;
    struct node **leaves;
};
static const struct state_class ordered_class;

/* --- Keys -------------------------------------------------------------------------------------------------------------------------------------- */

static const uint8_t *key_bytes(const struct ordered_key *key)
{
    if (key->size <= KEY_INLINE) return key->head;
    const uint8_t *ptr;
    memcpy(&ptr, key->head + KEY_PREFIX, sizeof ptr);
    return ptr;
}

static int key_compare(const struct ordered_key *a, const struct ordered_key *b)
{
    uint64_t x[2], y[2]; /* 16 bytes decide most */
    memcpy(x, a->head, 16);
    memcpy(y, b->head, 16);
    if (x[0] != y[0]) return __builtin_bswap64(x[0]) < __builtin_bswap64(y[0]) ? -1 : 1;
    if (x[1] != y[1] && a->size >= 16 && b->size >= 16)
        return __builtin_bswap64(x[1]) < __builtin_bswap64(y[1]) ? -1 : 1;
    uint32_t n = a->size < b->size ? a->size : b->size;
    int order = memcmp(key_bytes(a), key_bytes(b), n);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

/* A key over bytes that stay where they are (for searching). size >= 8. */
static struct ordered_key key_view(const uint8_t *data, size_t size)
{
    struct ordered_key key = {.size = (uint32_t)size};
    if (size <= KEY_INLINE) {
        memcpy(key.head, data, size);
    } else {
        memcpy(key.head, data, KEY_PREFIX);
        memcpy(key.head + KEY_PREFIX, &data, sizeof data);
    }
    return key;
}

/* The same with bytes of its own. False when memory is out. */
static bool key_own(struct state_core *core, struct ordered_key *key)
{
    if (key->size <= KEY_INLINE) return true;
    const uint8_t *from = key_bytes(key);
    uint8_t *copy = state_heap_alloc(core, key->size);
    if (!copy) return false;
    memcpy(copy, from, key->size);
    memcpy(key->head + KEY_PREFIX, &copy, sizeof copy);
    return true;
}
static void key_drop(struct state_core *core, const struct ordered_key *key)
{
    if (key->size > KEY_INLINE) state_heap_free(core, (void *)(uintptr_t)key_bytes(key), key->size);
}

static uint64_t key_group(const struct ordered_key *key)
{
    uint64_t group;
    memcpy(&group, key->head, 8);
    return __builtin_bswap64(group);
}

/* --- Nodes --------------------------------------------------------------------------------------------------------------------------------------- */

static struct node *node_create(struct state_ordered *t, bool is_leaf)
{
    struct node *node = state_heap_alloc(t->core, sizeof *node);
    if (!node) return NULL;
    node->id = t->next_id++;
    node->epoch = t->core->epoch;
    node->n = 0;
    node->is_leaf = is_leaf;
    return node;
}

/* The node that *link leads to, ready to be written; NULL when memory is out. The link's own node is writable. */
static struct node *node_writable(struct state_ordered *t, struct node **link)
{
    struct node *node = *link;
    if (likely(node->epoch == t->core->epoch)) return node;
    /* no snapshot is left that sees it */
    if (atomic_load_explicit(&t->core->oldest_held, memory_order_acquire) == UINT64_MAX) {
        node->epoch = t->core->epoch;
        return node;
    }
    struct node *copy = state_heap_alloc(t->core, sizeof *copy);
    if (!copy) return NULL;
    memcpy(copy, node, offsetof(struct node, entries) + node->n * sizeof node->entries[0]);
    copy->epoch = t->core->epoch;
    state_heap_free(t->core, node, sizeof *node);
    *link = copy;
    return copy;
}

/* Index of the first entry whose key is >= (is_upper: >) `key`. */
static uint32_t node_search(const struct node *node, const struct ordered_key *key, uint32_t from,
                            bool is_upper)
{
    uint32_t low = from, high = node->n;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = key_compare(&node->entries[middle].key, key);
        if (order < 0 || (is_upper && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
/* Which child of an inner node may hold `key`. */
static uint32_t child_of(const struct node *node, const struct ordered_key *key)
{
    return node_search(node, key, 1, true) - 1;
}

static void node_open_gap(struct node *node, uint32_t at)
{
    memmove(&node->entries[at + 1], &node->entries[at], (node->n - at) * sizeof node->entries[0]);
    node->n++;
}
static void node_close_gap(struct node *node, uint32_t at)
{
    node->n--;
    memmove(&node->entries[at], &node->entries[at + 1], (node->n - at) * sizeof node->entries[0]);
}

/* Splits the full child at `at` of `parent` (both writable, the parent not full). False when memory is out: nothing changed. */
static bool node_split(struct state_ordered *t, struct node *parent, uint32_t at,
                       const struct ordered_key *key)
{
    struct node *left = parent->entries[at].child;
    struct node *right = node_create(t, left->is_leaf);
    if (!right) return false;
    /* ascending insertion leaves full nodes behind */
    bool is_ascending = key_compare(&left->entries[NODE_ENTRIES - 1].key, key) < 0;
    uint32_t keep = is_ascending ? NODE_ENTRIES - 1 : NODE_ENTRIES / 2;
    struct ordered_key bound = left->entries[keep].key;
    /* an inner node gives its key up to the parent */
    if (left->is_leaf && !key_own(t->core, &bound)) {
        state_heap_free(t->core, right, sizeof *right);
        return false;
    }
    right->n = NODE_ENTRIES - keep;
    memcpy(right->entries, left->entries + keep, right->n * sizeof right->entries[0]);
    if (!left->is_leaf) right->entries[0].key = (struct ordered_key){0};
    left->n = keep;
    node_open_gap(parent, at + 1);
    parent->entries[at + 1] = (struct entry){.child = right, .key = bound};
    return true;
}

static bool grow_root(struct state_ordered *t)
{
    struct node *root = node_create(t, false);
    if (!root) return false;
    root->n = 1;
    root->entries[0] = (struct entry){.child = t->root};
    t->root = root;
    return true;
}

/* --- Add ------------------------------------------------------------------------------------------------------------------------------------------ */

/* Takes entry `at` out of the leaf at the end of the path; empty nodes go with it. All nodes of the path are writable. */
static void remove_at(struct state_ordered *t, struct node **path, const uint32_t *at,
                      uint32_t depth)
{
    for (uint32_t level = depth; level-- > 0;) {
        struct node *node = path[level];
        key_drop(t->core, &node->entries[at[level]].key);
        node_close_gap(node, at[level]);
        if (node->n) {
            if (!node->is_leaf && at[level] == 0) { /* the first entry has no key */
                key_drop(t->core, &node->entries[0].key);
                node->entries[0].key = (struct ordered_key){0};
            }
            break;
        }
        state_heap_free(t->core, node, sizeof *node);
        if (level == 0) t->root = NULL;
    }
    /* one child only: it is the root now */
    while (t->root && !t->root->is_leaf && t->root->n == 1) {
        struct node *old = t->root;
        t->root = old->entries[0].child;
        state_heap_free(t->core, old, sizeof *old);
    }
}

static laminar_status add_key(struct state_ordered *t, const struct ordered_key *key,
                              int64_t weight, struct laminar_error *err)
{
    struct node *path[ORDERED_DEPTH_MAX];
    uint32_t at[ORDERED_DEPTH_MAX], depth = 0;
    if (!t->root && !(t->root = node_create(t, true))) return error_oom(err);
    struct node *node = node_writable(t, &t->root);
    if (!node) return error_oom(err);
    if (node->n == NODE_ENTRIES) {
        if (!grow_root(t)) return error_oom(err);
        if (!node_split(t, t->root, 0, key)) { /* a root with one child: back to what it was */
            struct node *empty = t->root;
            t->root = node;
            state_heap_free(t->core, empty, sizeof *empty);
            return error_oom(err);
        }
        node = t->root;
    }
    while (!node->is_leaf) {
        ENSURE(depth + 1 < ORDERED_DEPTH_MAX, err);
        uint32_t i = child_of(node, key);
        struct node *child = node_writable(t, &node->entries[i].child);
        if (!child) return error_oom(err);
        if (child->n == NODE_ENTRIES) {
            if (!node_split(t, node, i, key)) return error_oom(err);
            i = child_of(node, key);
            child = node->entries[i].child;
        }
        path[depth] = node;
        at[depth++] = i;
        node = child;
    }
    uint32_t i = node_search(node, key, 0, false);
    if (i < node->n && key_compare(&node->entries[i].key, key) == 0) {
        node->entries[i].weight += weight;
        if (node->entries[i].weight != 0) return LAMINAR_OK;
        path[depth] = node;
        at[depth] = i;
        remove_at(t, path, at, depth + 1);
        t->base.n_rows--;
        return LAMINAR_OK;
    }
    struct ordered_key owned = *key;
    if (!key_own(t->core, &owned)) return error_oom(err);
    node_open_gap(node, i);
    node->entries[i] = (struct entry){.weight = weight, .key = owned};
    t->base.n_rows++;
    return LAMINAR_OK;
}

static void begin_key(struct state_ordered *t, uint64_t group)
{
    strbuf_clear(&t->buf);
    group = __builtin_bswap64(group);
    strbuf_append(&t->buf, (const char *)&group, 8);
}

laminar_status state_ordered_add(struct state_ordered *t, const uint64_t *groups,
                                 const struct vector *cols, const int64_t *weights, size_t n,
                                 struct laminar_error *err)
{
    return state_ordered_add_rows(t, groups, cols, weights, 0, n, err);
}

laminar_status state_ordered_add_rows(struct state_ordered *t, const uint64_t *groups,
                                      const struct vector *cols, const int64_t *weights,
                                      size_t from, size_t to, struct laminar_error *err)
{
    for (size_t i = from; i < to; i++) {
        begin_key(t, groups[i]);
        laminar_status status = key_encode(t->parts, t->n_parts, cols, i, &t->buf, err);
        if (!status && (t->buf.failed || t->buf.size > UINT32_MAX)) status = error_oom(err);
        if (status) return status;
        struct ordered_key key = key_view((const uint8_t *)t->buf.data, t->buf.size);
        if ((status = add_key(t, &key, weights ? weights[i] : 1, err))) return status;
    }
    return LAMINAR_OK;
}

/* --- Reading ---------------------------------------------------------------------------------------------------------------------------------------- */

static const struct entry *cursor_entry(const struct state_ordered_cursor *c)
{
    const struct node *leaf = c->nodes[c->depth - 1];
    return &leaf->entries[c->at[c->depth - 1]];
}

/* Goes on to the next leaf when the position is behind the last entry; false at the end. */
static bool cursor_settle(struct state_ordered_cursor *c)
{
    uint32_t level = c->depth - 1;
    while (c->at[level] >= ((const struct node *)c->nodes[level])->n) {
        if (level == 0) return false;
        level--;
        c->at[level]++;
    }
    for (; level + 1 < c->depth; level++) {
        c->nodes[level + 1] = ((const struct node *)c->nodes[level])->entries[c->at[level]].child;
        c->at[level + 1] = 0;
    }
    return key_group(&cursor_entry(c)->key) == c->group;
}

bool state_ordered_first(struct state_ordered *t, uint64_t group, struct state_ordered_cursor *c)
{
    if (!t->root) return false;
    uint64_t bytes = __builtin_bswap64(group);
    struct ordered_key key = key_view((const uint8_t *)&bytes, 8);
    c->table = t;
    c->group = group;
    c->depth = 0;
    for (struct node *node = t->root;; node = node->entries[c->at[c->depth - 1]].child) {
        if (c->depth == ORDERED_DEPTH_MAX) return false;
        c->nodes[c->depth] = node;
        c->at[c->depth++] = node->is_leaf ? node_search(node, &key, 0, false)
                                          : child_of(node, &key);
        if (node->is_leaf) return cursor_settle(c);
    }
}

bool state_ordered_next(struct state_ordered_cursor *c)
{
    c->at[c->depth - 1]++;
    return cursor_settle(c);
}

laminar_status state_ordered_seek(struct state_ordered *t, uint64_t group,
                                  const struct vector *cols, size_t row, uint32_t n_keys,
                                  struct state_ordered_cursor *c, bool *found,
                                  struct laminar_error *err)
{
    *found = false;
    *c = (struct state_ordered_cursor){.table = t, .group = group};
    if (!t->root) return LAMINAR_OK;
    begin_key(t, group);
    laminar_status status = key_encode(t->parts, n_keys, cols, row, &t->buf, err);
    if (!status && (t->buf.failed || t->buf.size > UINT32_MAX)) status = error_oom(err);
    if (status) return status;
    struct ordered_key key = key_view((const uint8_t *)t->buf.data, t->buf.size);
    for (struct node *node = t->root;; node = node->entries[c->at[c->depth - 1]].child) {
        ENSURE(c->depth < ORDERED_DEPTH_MAX, err);
        c->nodes[c->depth] = node;
        c->at[c->depth++] = node->is_leaf ? node_search(node, &key, 0, false)
                                          : child_of(node, &key);
        if (node->is_leaf) break;
    }
    struct state_ordered_cursor settled = *c;
    *found = cursor_settle(&settled);
    if (*found) *c = settled;
    return LAMINAR_OK;
}

bool state_ordered_previous(struct state_ordered_cursor *c)
{
    if (!c->depth) return false;
    uint32_t level = c->depth - 1;
    while (c->at[level] == 0) {
        if (level == 0) return false;
        level--;
    }
    c->at[level]--;
    for (; level + 1 < c->depth; level++) {
        struct node *child = ((const struct node *)c->nodes[level])->entries[c->at[level]].child;
        c->nodes[level + 1] = child;
        c->at[level + 1] = child->n - 1;
    }
    return key_group(&cursor_entry(c)->key) == c->group;
}

int state_ordered_compare_common(const struct state_ordered_cursor *a,
                                 const struct state_ordered_cursor *b)
{
    const struct ordered_key *x = &cursor_entry(a)->key, *y = &cursor_entry(b)->key;
    return memcmp(key_bytes(x), key_bytes(y), x->size < y->size ? x->size : y->size);
}

bool state_ordered_are_peers(const struct state_ordered_cursor *a,
                             const struct state_ordered_cursor *b, uint32_t n_keys)
{
    const struct ordered_key *x = &cursor_entry(a)->key, *y = &cursor_entry(b)->key;
    size_t size = 8 + key_prefix_size(a->table->parts, n_keys, key_bytes(x) + 8, x->size - 8);
    return y->size >= size && memcmp(key_bytes(x), key_bytes(y), size) == 0;
}

int64_t state_ordered_weight(const struct state_ordered_cursor *c)
{
    return cursor_entry(c)->weight;
}

int state_ordered_compare(const struct state_ordered_cursor *a,
                          const struct state_ordered_cursor *b)
{
    return key_compare(&cursor_entry(a)->key, &cursor_entry(b)->key);
}

int state_ordered_compare_rows(const struct state_ordered_cursor *a,
                               const struct state_ordered_cursor *b)
{
    const struct ordered_key *x = &cursor_entry(a)->key, *y = &cursor_entry(b)->key;
    uint32_t n = x->size < y->size ? x->size : y->size;
    int order = memcmp(key_bytes(x) + 8, key_bytes(y) + 8, n - 8);
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

laminar_status state_ordered_read(const struct state_ordered_cursor *c, struct column *cols,
                                  struct laminar_error *err)
{
    const struct ordered_key *key = &cursor_entry(c)->key;
    return key_decode(c->table->parts, c->table->n_parts, key_bytes(key) + 8, key->size - 8, cols,
                      err);
}

uint64_t state_ordered_first_key(const struct state_ordered_cursor *c)
{
    const struct ordered_key *key = &cursor_entry(c)->key;
    return key_first_u64(key_bytes(key) + 8, key->size - 8);
}

laminar_status state_ordered_remove_group(struct state_ordered *t, uint64_t group,
                                          struct laminar_error *err)
{
    struct state_ordered_cursor c;
    while (state_ordered_first(t, group, &c)) {
        const struct ordered_key *found = &cursor_entry(&c)->key;
        strbuf_clear(&t->buf); /* the entry's bytes go with it */
        strbuf_append(&t->buf, (const char *)key_bytes(found), found->size);
        if (t->buf.failed) return error_oom(err);
        struct ordered_key key = key_view((const uint8_t *)t->buf.data, t->buf.size);
        laminar_status status = add_key(t, &key, -state_ordered_weight(&c), err);
        if (status) return status;
    }
    return LAMINAR_OK;
}

/* --- Creation ---------------------------------------------------------------------------------------------------------------------------------------- */

laminar_status state_ordered_create(const struct state_ordered_options *o,
                                    struct state_ordered **out, struct laminar_error *err)
{
    struct state_ordered *t = mem_calloc(1, sizeof *t);
    if (!t) return error_oom(err);
    t->base = (struct state){.cls = &ordered_class, .name = o->name, .account = o->account};
    t->parts = mem_calloc(o->n_order + o->n_cols + 1, sizeof *t->parts);
    laminar_status status = t->parts ? state_core_create(o->account, &t->core, err)
                                     : error_oom(err);
    if (status) {
        ordered_class.free(&t->base);
        return status;
    }
    /* the named keys, then the columns that none of them is */
    for (uint32_t i = 0; i < o->n_order + o->n_cols; i++) {
        struct key_part part = {.column = i - o->n_order};
        if (i < o->n_order)
            part = (struct key_part){.column = o->order[i].column,
                                     .is_descending = o->order[i].is_descending,
                                     .is_nulls_first = o->order[i].is_nulls_first};
        bool is_there = false;
        for (uint32_t k = 0; k < t->n_parts; k++) is_there |= t->parts[k].column == part.column;
        part.type = o->types[part.column];
        if (!is_there) t->parts[t->n_parts++] = part;
    }
    *out = t;
    return LAMINAR_OK;
}

struct state *state_ordered_base(struct state_ordered *table) { return &table->base; }

static void free_tree(struct state_core *core, struct node *node)
{
    for (uint32_t i = 0; i < node->n; i++) {
        if (!node->is_leaf) free_tree(core, node->entries[i].child);
        key_drop(core, &node->entries[i].key);
    }
    state_heap_free(core, node, sizeof *node);
}

static void ordered_clear(struct state *state)
{
    struct state_ordered *t = (struct state_ordered *)state;
    if (t->root) free_tree(t->core, t->root);
    t->root = NULL;
    t->base.n_rows = 0;
}

/* The heap goes with the core, once the last snapshot has. */
static void ordered_free(struct state *state)
{
    struct state_ordered *t = (struct state_ordered *)state;
    if (!t) return;
    state_core_unref(t->core);
    mem_free(t->parts);
    strbuf_deinit(&t->buf);
    mem_free(t);
}

/* --- Freeze, write, restore ---------------------------------------------------------------------------------------------------------------------------- */

static laminar_status ordered_freeze(struct state *state, struct state_snapshot **out,
                                     struct laminar_error *err)
{
    struct state_ordered *t = (struct state_ordered *)state;
    struct ordered_snapshot *s = mem_calloc(1, sizeof *s);
    if (!s) return error_oom(err);
    s->root = t->root;
    s->n_rows = t->base.n_rows;
    s->n_parts = t->n_parts;
    state_snapshot_enter(&s->head, &ordered_class, t->core);
    *out = &s->head;
    return LAMINAR_OK;
}

static void ordered_release(struct state_snapshot *snapshot)
{
    struct ordered_snapshot *s = (struct ordered_snapshot *)snapshot;
    state_snapshot_leave(snapshot);
    mem_free(s->leaves);
    mem_free(s);
}

static bool collect_leaves(struct ordered_snapshot *s, struct node *node)
{
    if (!node->is_leaf) {
        for (uint32_t i = 0; i < node->n; i++)
            if (!collect_leaves(s, node->entries[i].child)) return false;
        return true;
    }
    if (s->n_leaves == s->leaves_capacity) {
        size_t capacity = s->leaves_capacity ? s->leaves_capacity * 2 : 64;
        struct node **grown = mem_realloc(s->leaves, capacity * sizeof(struct node *));
        if (!grown) return false;
        s->leaves = grown;
        s->leaves_capacity = capacity;
    }
    s->leaves[s->n_leaves++] = node;
    return true;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = (*(struct node *const *)a)->id, y = (*(struct node *const *)b)->id;
    return (x > y) - (x < y);
}

/* Pieces: (META_PIECE, 0): magic, u32 columns, u64 rows; (LEAF_PIECE, node id): entries of i64 weight, u32 size, key bytes. */
static laminar_status ordered_write(struct state_snapshot *snapshot, struct state_sink *sink,
                                    struct laminar_error *err)
{
    struct ordered_snapshot *s = (struct ordered_snapshot *)snapshot;
    struct strbuf buf = {0};
    uint32_t meta[2] = {META_MAGIC, s->n_parts};
    laminar_status status;
    strbuf_append(&buf, (const char *)meta, sizeof meta);
    strbuf_append(&buf, (const char *)&s->n_rows, 8);
    if (buf.failed) TRY(error_oom(err));
    TRY(sink->write(sink, META_PIECE, 0, snapshot->epoch, buf.data, buf.size, err));
    s->n_leaves = 0;
    if (s->root && !collect_leaves(s, s->root)) TRY(error_oom(err));
    if (s->n_leaves) qsort(s->leaves, s->n_leaves, sizeof(struct node *), by_id);
    for (size_t l = 0; l < s->n_leaves; l++) {
        const struct node *node = s->leaves[l];
        if (state_sink_has(sink, LEAF_PIECE, node->id, node->epoch)) continue;
        strbuf_clear(&buf);
        for (uint32_t i = 0; i < node->n; i++) {
            const struct entry *entry = &node->entries[i];
            strbuf_append(&buf, (const char *)&entry->weight, 8);
            strbuf_append(&buf, (const char *)&entry->key.size, 4);
            strbuf_append(&buf, (const char *)key_bytes(&entry->key), entry->key.size);
        }
        if (buf.failed) TRY(error_oom(err));
        TRY(sink->write(sink, LEAF_PIECE, node->id, node->epoch, buf.data, buf.size, err));
    }
done:
    strbuf_deinit(&buf);
    return status;
}

static laminar_status corrupt(const struct state_ordered *t, struct laminar_error *err,
                              const char *what)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "state table '%s' can't be restored: %s",
                     t->base.name ? t->base.name : "?", what);
}

static laminar_status restore_leaf(struct state_ordered *t, const uint8_t *at, const uint8_t *end,
                                   struct column *cols, struct laminar_error *err)
{
    while (at < end) {
        int64_t weight;
        uint32_t size;
        if (end - at < 12) return corrupt(t, err, "a row is cut off");
        memcpy(&weight, at, 8);
        memcpy(&size, at + 8, 4);
        at += 12;
        if ((size_t)(end - at) < size || size < 8 || weight == 0)
            return corrupt(t, err, "a row is malformed");
        for (uint32_t i = 0; i < t->n_parts; i++) column_clear(&cols[i]);
        laminar_status status = key_decode(t->parts, t->n_parts, at + 8, size - 8, cols, err);
        size_t n_before = t->base.n_rows;
        struct ordered_key key = key_view(at, size);
        if (!status) status = add_key(t, &key, weight, err);
        if (status) return status;
        if (t->base.n_rows != n_before + 1) return corrupt(t, err, "a row is there twice");
        at += size;
    }
    return LAMINAR_OK;
}

static laminar_status ordered_restore(struct state *state, struct state_source *source,
                                      struct laminar_error *err)
{
    struct state_ordered *t = (struct state_ordered *)state;
    laminar_status status;
    uint32_t kind, meta[2];
    uint64_t page, n_rows;
    const void *data;
    size_t size;
    struct column *cols = mem_calloc(t->n_parts + 1, sizeof *cols);
    if (!cols) return error_oom(err);
    for (uint32_t i = 0; i < t->n_parts; i++)
        TRY(column_init(&cols[t->parts[i].column], t->parts[i].type, err));
    TRY(source->read(source, &kind, &page, &data, &size, err));
    if (size != 16 || kind != META_PIECE) TRY(corrupt(t, err, "the header is missing"));
    memcpy(meta, data, 8);
    memcpy(&n_rows, (const char *)data + 8, 8);
    if (meta[0] != META_MAGIC || meta[1] != t->n_parts)
        TRY(corrupt(t, err, "it has another shape"));
    for (;;) {
        TRY(source->read(source, &kind, &page, &data, &size, err));
        if (size == 0) break;
        if (kind != LEAF_PIECE) TRY(corrupt(t, err, "an unexpected piece"));
        TRY(restore_leaf(t, data, (const uint8_t *)data + size, cols, err));
    }
    if (t->base.n_rows != n_rows) TRY(corrupt(t, err, "rows are missing"));
done:
    for (uint32_t i = 0; i < t->n_parts; i++) column_deinit(&cols[i]);
    mem_free(cols);
    return status;
}

/* --- Check ------------------------------------------------------------------------------------------------------------------------------------------------ */

/* Keys ascend strictly, stay within the bounds of the nodes above, all leaves are at one depth, no node is empty. */
static bool check_node(const struct node *node, const struct ordered_key *low,
                       const struct ordered_key *high, uint32_t depth, uint32_t *leaf_depth,
                       size_t *n_rows)
{
    if (node->n == 0 || node->n > NODE_ENTRIES) return false;
    for (uint32_t i = 0; i < node->n; i++) {
        const struct ordered_key *key = &node->entries[i].key;
        bool has_key = node->is_leaf || i > 0;
        if (!has_key && key->size != 0) return false;
        if (has_key && low && key_compare(key, low) < 0) return false;
        if (has_key && high && key_compare(key, high) >= 0) return false;
        if (i > (node->is_leaf ? 0U : 1U) && key_compare(&node->entries[i - 1].key, key) >= 0)
            return false;
        if (node->is_leaf) {
            if (node->entries[i].weight == 0) return false;
            continue;
        }
        const struct ordered_key *next = i + 1 < node->n ? &node->entries[i + 1].key : high;
        if (!check_node(node->entries[i].child, has_key ? key : low, next, depth + 1, leaf_depth,
                        n_rows))
            return false;
    }
    if (!node->is_leaf) return true;
    *n_rows += node->n;
    if (*leaf_depth == 0) *leaf_depth = depth;
    return *leaf_depth == depth;
}

static bool ordered_check(const struct state *state)
{
    const struct state_ordered *t = (const struct state_ordered *)state;
    uint32_t leaf_depth = 0;
    size_t n_rows = 0;
    if (t->root && !check_node(t->root, NULL, NULL, 1, &leaf_depth, &n_rows)) return false;
    return n_rows == t->base.n_rows;
}

static size_t ordered_bytes(const struct state *state)
{
    return ((const struct state_ordered *)state)->core->held_bytes;
}

static const struct state_class ordered_class = {
    .name = "ordered",
    .freeze = ordered_freeze,
    .write = ordered_write,
    .release = ordered_release,
    .restore = ordered_restore,
    .clear = ordered_clear,
    .free = ordered_free,
    .check = ordered_check,
    .bytes = ordered_bytes,
};
