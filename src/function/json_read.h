/* json_read.h - yyjson over arena memory: one arena serves row after row, being reset between them. */
#ifndef FUNCTION_JSON_READ_H
#define FUNCTION_JSON_READ_H

#include <yyjson.h> /* before our compiler.h, whose `unused` it would see */

#include "function/family.h"

static inline void *json_arena_alloc(void *arena, size_t size) { return arena_alloc(arena, size); }
static inline void *json_arena_realloc(void *arena, void *ptr, size_t old_size, size_t size)
{
    void *grown = arena_alloc(arena, size);
    if (grown) memcpy(grown, ptr, old_size < size ? old_size : size);
    return grown;
}
static inline void json_arena_free(unused void *arena, unused void *ptr) {}
static inline yyjson_alc json_allocator(struct arena *arena)
{
    return (yyjson_alc){json_arena_alloc, json_arena_realloc, json_arena_free, arena};
}
/* NULL: not JSON, or (*is_oom) memory ran out. Lives in the arena. */
static inline yyjson_doc *json_read(struct arena *arena, const struct string_view *text,
                                    bool *is_oom)
{
    yyjson_alc allocator = json_allocator(arena);
    yyjson_read_err error = {0};
    yyjson_doc *doc = yyjson_read_opts((char *)string_data(text), text->size, 0, &allocator,
                                       &error);
    *is_oom = !doc && error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION;
    return doc;
}

#endif
