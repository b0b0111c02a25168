/* tz.h - time zones: offsets from UTC by name and time.
 *
 * Zones are read from the system's zoneinfo files (TZif, RFC 8536; TZDIR or /usr/share/zoneinfo), with the POSIX rule of their footer for
 * times after the last listed change. "UTC", "GMT", "Z" and fixed offsets ("+02:00", "-0330", "+2") need no file. A zone, once found, lives as
 * long as the process and is shared, so a pointer may be kept. Looking one up by name takes no lock and allocates nothing after the first
 * time. @thread any. */
#ifndef BASE_TZ_H
#define BASE_TZ_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

struct tz;

/* LAMINAR_INVALID_ARGUMENT for an unknown or badly formed name (a name cannot leave the zoneinfo folder). */
laminar_status tz_find(const char *name, size_t size, const struct tz **out,
                       struct laminar_error *err) must_check;
/* The embedded zone. */
const struct tz *tz_utc(void);
/* As it was asked for the first time, but fixed offsets are normalised: "+02:00". */
const char *tz_name(const struct tz *tz);
bool tz_is_fixed(const struct tz *tz);

/* Seconds east of UTC at a moment given in seconds since 1970 UTC. */
int32_t tz_offset_at_utc(const struct tz *tz, int64_t utc_s);
/* The same for a wall clock reading (seconds since 1970 as if it were UTC). A reading that a change skips takes the offset before the
 * change; one that occurs twice takes the second (PostgreSQL's rule). UTC = local - offset. */
int32_t tz_offset_at_local(const struct tz *tz, int64_t local_s);
/* "CET", "+03" ...: what clocks call the offset at that moment. */
const char *tz_abbreviation_at_utc(const struct tz *tz, int64_t utc_s);

/* Reads a TZif file's bytes; for tests and fuzzing. Free with tz_free. LAMINAR_INVALID_ARGUMENT when malformed. */
laminar_status tz_parse(const char *name, const void *data, size_t size, struct tz **out,
                        struct laminar_error *err) must_check;
void tz_free(struct tz *tz);

#endif
