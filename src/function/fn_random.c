/* fn_random.c - random() and uuid(): the functions whose value is another for every row.
 *
 * Each call of a kernel seeds a splitmix64 generator (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014) from the operating
 * system, so there is no state between calls and threads need no lock. */
#include "function/family.h"
#include <unistd.h>

struct generator {
    uint64_t state;
    uint64_t step; /* odd: generators with different steps are different sequences */
};

static laminar_status generator_seed(struct generator *generator, struct laminar_error *err)
{
    if (getentropy(generator, sizeof *generator) != 0)
        return error_set(err, LAMINAR_IO_ERROR, "the operating system gives no random bytes");
    generator->step |= 1;
    return LAMINAR_OK;
}
static uint64_t generator_next(struct generator *generator)
{
    uint64_t z = generator->state += generator->step;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static laminar_status random_kernel(KERNEL_ARGS)
{
    struct generator generator;
    laminar_status status = generator_seed(&generator, env->err);
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++)
        OUT(double, out)[i] = (double)(generator_next(&generator) >> 11) * 0x1p-53;
    return status;
}

/* Version 4 of RFC 9562: 122 random bits. */
static laminar_status uuid_kernel(KERNEL_ARGS)
{
    struct generator generator;
    laminar_status status = generator_seed(&generator, env->err);
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        uint8_t *bytes = OUT(uint8_t, out) + i * 16;
        for (int half = 0; half < 2; half++) {
            uint64_t word = generator_next(&generator);
            memcpy(bytes + half * 8, &word, 8);
        }
        bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
        bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    }
    return status;
}

static const struct scalar_function functions[] = {
    {"random", "random() -> DOUBLE", "A random number from 0 to below 1, another for each row", 0,
     0, bind_overloads, OVERLOADS({"d:", random_kernel, FN_STRICT | FN_VOLATILE, NULL})},
    {"uuid", "uuid() -> UUID", "A random UUID, another for each row", 0, 0, bind_overloads,
     OVERLOADS({"U:", uuid_kernel, FN_STRICT | FN_VOLATILE, NULL})},
    {"gen_random_uuid", "gen_random_uuid() -> UUID", "Same as uuid()", 0, 0, bind_overloads,
     OVERLOADS({"U:", uuid_kernel, FN_STRICT | FN_VOLATILE, NULL})},
};
SCALAR_FAMILY(random, functions);
