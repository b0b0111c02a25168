/* replay.c - runs a fuzz target over files instead of random bytes, with any compiler: the corpus as a regression test, and
 * a finding under a debugger.
 *
 * usage: replay_<target> [--mutate N] file-or-folder ...
 * --mutate N runs N random changes of each file besides (fixed seed), for a little fuzzing without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t n_runs;

/* A copy of exactly `size` bytes, so that a sanitizer sees a read past the end. */
static void run_bytes(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) exit(2);
    if (size) memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    n_runs++;
}

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
    /* xorshift64 (Marsaglia) */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* One to four changes: a byte set, a bit flipped, a range removed or doubled. */
static void run_mutated(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size * 2 + 16);
    if (!copy) exit(2);
    if (size) memcpy(copy, data, size);
    size_t n = size;
    for (uint64_t changes = next_random() % 4 + 1; changes > 0 && n > 0; changes--) {
        size_t at = next_random() % n;
        size_t length = next_random() % (n - at) + 1;
        switch (next_random() % 4) {
        case 0: copy[at] = (uint8_t)next_random(); break;
        case 1: copy[at] ^= (uint8_t)(1u << next_random() % 8); break;
        case 2:
            memmove(copy + at, copy + at + length, n - at - length);
            n -= length;
            break;
        default:
            if (n + length > size * 2 + 16) break;
            memmove(copy + at + length, copy + at, n - at);
            n += length;
            break;
        }
    }
    run_bytes(copy, n);
    free(copy);
}

static void run_path(const char *path, unsigned long n_mutations)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        fprintf(stderr, "replay: cannot read %s\n", path);
        exit(2);
    }
    if (S_ISDIR(info.st_mode)) {
        DIR *folder = opendir(path);
        if (!folder) exit(2);
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            if (entry->d_name[0] == '.') continue;
            char inner[4096];
            snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            run_path(inner, n_mutations);
        }
        closedir(folder);
        return;
    }
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc((size_t)info.st_size + 1);
    if (!file || !data || fread(data, 1, (size_t)info.st_size, file) != (size_t)info.st_size)
        exit(2);
    fclose(file);
    run_bytes(data, (size_t)info.st_size);
    for (unsigned long i = 0; i < n_mutations; i++) run_mutated(data, (size_t)info.st_size);
    free(data);
}

int main(int argc, char **argv)
{
    int first = 1;
    unsigned long n_mutations = 0;
    if (argc > 2 && strcmp(argv[1], "--mutate") == 0) {
        n_mutations = strtoul(argv[2], NULL, 10);
        first = 3;
    }
    run_bytes((const uint8_t *)"", 0);
    for (int i = first; i < argc; i++) run_path(argv[i], n_mutations);
    printf("%zu runs\n", n_runs);
    return 0;
}
