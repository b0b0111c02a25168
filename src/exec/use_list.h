/* use_list.h - the order in which the parts of a table that may leave memory were used: a list through an array of structs, by number.
 *
 * Time is counted in rounds by whoever owns the list; what was used in the round at hand stays.
 * @thread the step owner. */
#ifndef EXEC_USE_LIST_H
#define EXEC_USE_LIST_H

#include <stddef.h>
#include <stdint.h>

#define USE_NONE UINT32_MAX

struct use_link {
    uint64_t stamp; /* the round of the last use; 0: in no list */
    uint32_t prev, next;
};
struct use_list { /* the most recent first */
    uint32_t first, last;
};

/* Links are `stride` bytes apart, beginning with *links. */
static inline struct use_link *use_at(struct use_link *links, size_t stride, uint32_t i)
{
    return (struct use_link *)(void *)((uint8_t *)links + stride * i);
}
static inline void use_remove(struct use_list *list, struct use_link *links, size_t stride,
                              uint32_t i)
{
    struct use_link *link = use_at(links, stride, i);
    if (link->prev != USE_NONE)
        use_at(links, stride, link->prev)->next = link->next;
    else
        list->first = link->next;
    if (link->next != USE_NONE)
        use_at(links, stride, link->next)->prev = link->prev;
    else
        list->last = link->prev;
    link->stamp = 0;
}
static inline void use_touch(struct use_list *list, struct use_link *links, size_t stride,
                             uint32_t i, uint64_t stamp)
{
    struct use_link *link = use_at(links, stride, i);
    if (link->stamp) use_remove(list, links, stride, i);
    *link = (struct use_link){.stamp = stamp, .prev = USE_NONE, .next = list->first};
    if (list->first != USE_NONE)
        use_at(links, stride, list->first)->prev = i;
    else
        list->last = i;
    list->first = i;
}

#endif
