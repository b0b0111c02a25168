/* nexmark_words.c - making the texts. A row of the generator holds views into them, so a text costs 16 bytes and no copy; the batch that has the row holds a
 * reference on the whole. */
#include "connect/nexmark_words.h"
#include <stdio.h>

struct source {
    uint64_t key, n;
};

static uint64_t next(struct source *s, uint64_t below)
{
    return words_below(words_random(s->key, s->n++), below);
}

static bool keep(struct words *w, const char *text, size_t size, struct string_view *out)
{
    const char *copy = size <= STRING_INLINE_MAX ? text : arena_strndup(&w->arena, text, size);
    if (!copy) return false;
    *out = string_make(copy, size);
    return true;
}

static bool keep_word(struct words *w, const char *text, struct string_view *out)
{
    return keep(w, text, strlen(text), out);
}

static void put_letters(struct source *s, char *out, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = (char)('a' + next(s, 26));
    out[n] = 0;
}

static bool make_names(struct words *w)
{
    static const char *const first[] = {"Peter", "Paul",  "Luke",  "John",   "Saul",  "Vicky",
                                        "Kate",  "Julie", "Sarah", "Deiter", "Walter"};
    static const char *const last[] = {"Shultz", "Abrams", "Spencer", "White", "Bartels",
                                       "Walton", "Smith",  "Jones",   "Noris"};
    static const char *const cities[] = {"Phoenix",  "Los Angeles", "San Francisco", "Boise",
                                         "Portland", "Bend",        "Redmond",       "Seattle",
                                         "Kent",     "Cheyenne"};
    static const char *const states[] = {"AZ", "CA", "ID", "OR", "WA", "WY"};
    bool is_ok = true;
    for (size_t i = 0; i < WORDS_NAMES; i++) {
        char text[40];
        snprintf(text, sizeof text, "%s %s", first[i % 11], last[i / 11]);
        is_ok &= keep_word(w, text, &w->names[i]);
    }
    for (size_t i = 0; i < WORDS_CITIES; i++) is_ok &= keep_word(w, cities[i], &w->cities[i]);
    for (size_t i = 0; i < WORDS_STATES; i++) is_ok &= keep_word(w, states[i], &w->states[i]);
    return is_ok;
}

static bool make_people_and_items(struct words *w, struct source *s)
{
    bool is_ok = true;
    for (size_t i = 0; i < WORDS_MADE; i++) {
        char a[8], b[8], text[80];
        put_letters(s, a, 7);
        put_letters(s, b, 5);
        snprintf(text, sizeof text, "%s@%s.com", a, b);
        is_ok &= keep_word(w, text, &w->emails[i]);
        snprintf(text, sizeof text, "%04u %04u %04u %04u", (unsigned)next(s, 10000),
                 (unsigned)next(s, 10000), (unsigned)next(s, 10000), (unsigned)next(s, 10000));
        is_ok &= keep_word(w, text, &w->cards[i]);
        char item[24];
        put_letters(s, item, 5 + next(s, 16));
        is_ok &= keep_word(w, item, &w->items[i]);
    }
    return is_ok;
}

static bool make_channels(struct words *w, struct source *s)
{
    static const char *const hot[] = {"Google", "Facebook", "Baidu", "Apple"};
    bool is_ok = true;
    for (unsigned i = 0; i < WORDS_HOT_CHANNELS + WORDS_CHANNELS; i++) {
        char name[24], dirs[3][8], url[120];
        if (i < WORDS_HOT_CHANNELS)
            snprintf(name, sizeof name, "%s", hot[i]);
        else
            snprintf(name, sizeof name, "channel-%u", i - WORDS_HOT_CHANNELS);
        is_ok &= keep_word(w, name, &w->channels[i]);
        for (size_t d = 0; d < 3; d++) put_letters(s, dirs[d], 5);
        int size = snprintf(url, sizeof url, "https://www.nexmark.com/%s/%s/%s/item.htm?query=1",
                            dirs[0], dirs[1], dirs[2]);
        if (next(s, 10) > 0)
            snprintf(url + size, sizeof url - (size_t)size, "&channel_id=%llu",
                     (unsigned long long)next(s, UINT32_MAX));
        is_ok &= keep_word(w, url, &w->urls[i]);
    }
    return is_ok;
}

/* 100 to 100 million, as often between 100 and 1,000 as between 1,000 and 10,000. By products, which IEEE arithmetic makes the same everywhere. */
static void make_prices(struct words *w)
{
    double price = 100;
    for (size_t i = 0; i < WORDS_PRICES; i++, price *= 0x1.00dd6bdf6fc8fp+0)
        w->prices[i] = (int64_t)price;
}

static void make_text(struct words *w, struct source *s)
{
    for (size_t i = 0; i < WORDS_TEXT; i++)
        w->text[i] = next(s, 13) == 0 ? ' ' : (char)('a' + next(s, 26));
    memcpy(w->text + WORDS_TEXT, w->text, WORDS_TEXT_LONGEST);
}

static void release(struct batch_holder *holder)
{
    struct words *w = CONTAINER_OF(holder, struct words, holder);
    arena_deinit(&w->arena);
    mem_free(w);
}

struct words *words_create(uint64_t seed)
{
    struct words *w = mem_calloc(1, sizeof *w);
    if (!w) return NULL;
    w->holder.release = release;
    w->batch = (struct batch){.refs = 1, .holder = &w->holder, .bytes = sizeof *w};
    struct source s = {words_random(seed, 0x6e65786d61726b), 0};
    make_prices(w);
    make_text(w, &s);
    if (make_names(w) && make_people_and_items(w, &s) && make_channels(w, &s)) return w;
    batch_unref(&w->batch);
    return NULL;
}
