/* regex.h - regular expressions: PCRE2 with its JIT, in UTF-8 mode, with limits, so that no pattern can hang a step.
 *
 * A compiled pattern is immutable: any number of threads match with it, each with a matcher of its own. */
#ifndef FUNCTION_REGEX_H
#define FUNCTION_REGEX_H

#include "function/family.h"

struct regex;   /* a compiled pattern */
struct matcher; /* memory for matching, of one kernel call */

enum regex_flags {
    REGEX_NO_CASE = 1,
    REGEX_GLOBAL = 2,
    REGEX_DOT_ALL = 4,
    REGEX_MULTILINE = 8,
    REGEX_EXTENDED = 16,
    REGEX_SIMILAR = 32
};
/* "i", "g", "s", "m", "n", "x", "c"; false for others. */
bool regex_parse_flags(const char *text, size_t size, uint32_t *flags);

/* Owned by the arena. LAMINAR_QUERY_FAILED with PCRE2's text and position. */
laminar_status regex_compile(struct arena *arena, const char *pattern, size_t size, uint32_t flags,
                             const struct regex **out, struct laminar_error *err) must_check;
uint32_t regex_groups(const struct regex *regex);
bool regex_has_flag(const struct regex *regex, enum regex_flags flag);

/* Takes its memory from the arena. */
laminar_status matcher_create(struct arena *arena, struct matcher **out, struct laminar_error *err)
    must_check;

enum match_result { MATCH_NONE, MATCH_FOUND, MATCH_LIMIT, MATCH_OOM };
/* Looks for the pattern in text[from..size). Spans are byte offsets: spans[2k], spans[2k + 1] of group k; SIZE_MAX where it took no part. */
enum match_result regex_match(const struct regex *regex, struct matcher *matcher, const char *text,
                              size_t size, size_t from, const size_t **spans);

#endif
