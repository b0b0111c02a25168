/* json_memory.h - memory for yyjson: taken from an arena, so that one call frees or recycles it, and so that a failed allocation is told from
 * malformed text. */
#ifndef FORMAT_JSON_MEMORY_H
#define FORMAT_JSON_MEMORY_H

#include <yyjson.h> /* first: it asks the compiler for attributes that we have names for */

#include "base/mem.h"
#include <string.h>

struct json_memory {
    struct arena arena;
    bool failed; /* an allocation did not succeed since the last reset */
};
#define JSON_MEMORY_INIT                                                                           \
    {                                                                                              \
        .failed = false                                                                            \
    }

static inline void *json_memory_malloc(void *context, size_t size)
{
    struct json_memory *memory = context;
    void *block = arena_alloc(&memory->arena, size);
    if (!block) memory->failed = true;
    return block;
}

static inline void *json_memory_realloc(void *context, void *old, size_t old_size, size_t size)
{
    if (size <= old_size) return old;
    void *block = json_memory_malloc(context, size);
    if (block && old) memcpy(block, old, old_size);
    return block;
}

static inline void json_memory_free(void *context, void *block)
{
    (void)context;
    (void)block;
}

static inline yyjson_alc json_memory_allocator(struct json_memory *memory)
{
    return (yyjson_alc){json_memory_malloc, json_memory_realloc, json_memory_free, memory};
}

static inline void json_memory_reset(struct json_memory *memory)
{
    arena_reset(&memory->arena);
    memory->failed = false;
}

static inline void json_memory_deinit(struct json_memory *memory) { arena_deinit(&memory->arena); }

#endif
