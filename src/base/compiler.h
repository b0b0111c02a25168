/* compiler.h - what we ask of the compiler, named once. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt_arg, first_arg) __attribute__((format(printf, fmt_arg, first_arg)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define prefetch_read(p) __builtin_prefetch((p), 0, 3)
#define prefetch_write(p) __builtin_prefetch((p), 1, 3)
#define always_inline inline __attribute__((always_inline))
#define never_inline __attribute__((noinline))
#define unused __attribute__((unused))

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* One kernel, several instruction sets, chosen when the library is loaded. Off under sanitizers, which don't allow ifuncs. */
#if defined(__x86_64__) && !defined(LAMINAR_NO_TARGET_CLONES)
#define MULTI_TARGET __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define MULTI_TARGET
#endif

#endif
