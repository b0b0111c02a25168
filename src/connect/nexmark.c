/* nexmark.c - the events of the Nexmark benchmark (Tucker, Tufte, Papadimos, Maier, 2008), out of nothing: people who register, auctions that they open, bids.
 *
 * Event n of an endless sequence: of 50, the first is a person, the next three are auctions, 46 are bids, and it happens n / event_rate seconds after the start.
 * What is in it depends on n and the seed alone: every column is a function of random numbers that are computed from n. So any range of rows can be made at any
 * time, batches may be cut anywhere, three sources with one seed belong together, and a position is a row's number.
 *
 * Rows are made a column at a time for blocks that stay in the first cache. Texts are views into what was made beforehand (nexmark_words.c): a row costs some ten
 * nanoseconds and copies no text. The proportions of hot items and the numbers of open auctions and active people are the benchmark's. */
#include "base/error.h"
#include "base/thread.h"
#include "connect/connector.h"
#include "connect/nexmark_words.h"
#include "vector/batch_body.h"
#include "vector/text.h"

enum {
    PER_GROUP = 50,
    FIRST_ID = 1000, /* of people and auctions */
    OPEN_AUCTIONS = 100,
    ACTIVE_PEOPLE = 1000,
    ID_LEAD = 10,    /* rows may name a person or an auction that comes a little later */
    HOT_EVERY = 100, /* one of so many auctions, sellers and bidders is hot for a while */
    FIRST_CATEGORY = 10,
    N_CATEGORIES = 5,
    BLOCK_ROWS = 512,
    BATCH_ROWS = 8192,
    TABLE_COLUMNS_MAX = 10,
};

/* --- What the tables look like -------------------------------------------------------------------- */

#define BIGINT_COLUMN(name)                                                                        \
    {                                                                                              \
        name, {.id = LAMINAR_TYPE_INT64}, false                                                    \
    }
#define TEXT_COLUMN(name)                                                                          \
    {                                                                                              \
        name, {.id = LAMINAR_TYPE_VARCHAR}, false                                                  \
    }
#define TIME_COLUMN(name)                                                                          \
    {                                                                                              \
        name, {.id = LAMINAR_TYPE_TIMESTAMP, .unit = UNIT_MILLI}, false                            \
    }
enum person_field { PERSON_ID, NAME, EMAIL, CARD, CITY, STATE, PERSON_TIME, PERSON_EXTRA };
static const struct schema_column person_columns[] = {
    BIGINT_COLUMN("id"),        TEXT_COLUMN("name"), TEXT_COLUMN("email_address"),
    TEXT_COLUMN("credit_card"), TEXT_COLUMN("city"), TEXT_COLUMN("state"),
    TIME_COLUMN("date_time"),   TEXT_COLUMN("extra")};
enum auction_field {
    AUCTION_ID,
    ITEM,
    DESCRIPTION,
    INITIAL_BID,
    RESERVE,
    AUCTION_TIME,
    EXPIRES,
    SELLER,
    CATEGORY,
    AUCTION_EXTRA
};
static const struct schema_column auction_columns[] = {
    BIGINT_COLUMN("id"),          TEXT_COLUMN("item_name"), TEXT_COLUMN("description"),
    BIGINT_COLUMN("initial_bid"), BIGINT_COLUMN("reserve"), TIME_COLUMN("date_time"),
    TIME_COLUMN("expires"),       BIGINT_COLUMN("seller"),  BIGINT_COLUMN("category"),
    TEXT_COLUMN("extra")};
enum bid_field { AUCTION, BIDDER, PRICE, CHANNEL, URL, BID_TIME, BID_EXTRA };
static const struct schema_column bid_columns[] = {
    BIGINT_COLUMN("auction"), BIGINT_COLUMN("bidder"), BIGINT_COLUMN("price"),
    TEXT_COLUMN("channel"),   TEXT_COLUMN("url"),      TIME_COLUMN("date_time"),
    TEXT_COLUMN("extra")};

enum table_kind { TABLE_PERSON, TABLE_AUCTION, TABLE_BID };
static const struct table {
    const char *name;
    const struct schema_column *columns;
    uint32_t n_columns;
    uint32_t time_col;
    uint32_t first, n; /* of a group's events */
} tables[] = {
    [TABLE_PERSON] = {"person", person_columns, ARRAY_LENGTH(person_columns), PERSON_TIME, 0, 1},
    [TABLE_AUCTION] = {"auction", auction_columns, ARRAY_LENGTH(auction_columns), AUCTION_TIME, 1,
                       3},
    [TABLE_BID] = {"bid", bid_columns, ARRAY_LENGTH(bid_columns), BID_TIME, 4, 46},
};

/* --- Options ---------------------------------------------------------------------------------------- */

struct nexmark_options {
    enum table_kind table;
    uint64_t events; /* of all three tables; UINT64_MAX = without end */
    uint64_t seed;
    uint64_t rate;       /* events a second of the clock; 0 = as fast as they are taken */
    uint64_t event_rate; /* events a second of event time */
    uint64_t batch_rows;
    int64_t skew_ms; /* how much earlier than in order an event can have happened */
    int64_t start_ms;
};

static const uint64_t EVENTS_MAX = UINT64_C(1) << 50;

static laminar_status read_start(const struct relation *relation, int64_t *out,
                                 struct laminar_error *err)
{
    const char *text = relation_option(relation, "start");
    int64_t seconds;
    uint32_t nanos;
    bool has_zone;
    int32_t offset_s;
    *out = INT64_C(1436918400000); /* 2015-07-15 */
    if (!text) return LAMINAR_OK;
    if (text_parse_timestamp(text, strlen(text), &seconds, &nanos, &has_zone, &offset_s) !=
            PARSE_OK ||
        seconds < -62135596800 || seconds > INT64_C(99999999999))
        return connector_bad_option(relation, "start", "is not a time",
                                    "like '2026-01-01 00:00:00'", err);
    *out = (seconds - (has_zone ? offset_s : 0)) * 1000 + nanos / 1000000;
    return LAMINAR_OK;
}

static laminar_status read_options(const struct relation *relation, struct nexmark_options *out,
                                   struct laminar_error *err)
{
    static const char *const known[] = {"table",      "event_type", "events",     "seed", "rate",
                                        "event_rate", "skew",       "batch_rows", "start"};
    static const char tables_hint[] = "'person', 'auction' or 'bid'";
    laminar_status status;
    int64_t skew_us;
    TRY(connector_check_options(relation, known, ARRAY_LENGTH(known), err));
    const char *key = relation_option(relation, "table") ? "table" : "event_type",
               *name = relation_option(relation, key);
    if (!name) return connector_bad_option(relation, "table", "is missing", tables_hint, err);
    size_t i = 0;
    while (i < ARRAY_LENGTH(tables) && strcmp(tables[i].name, name) != 0) i++;
    if (i == ARRAY_LENGTH(tables))
        return connector_bad_option(relation, key, "is no table of Nexmark", tables_hint, err);
    out->table = (enum table_kind)i;
    TRY(connector_option_number(relation, "events", UINT64_MAX, 0, EVENTS_MAX, &out->events, err));
    TRY(connector_option_number(relation, "seed", 42, 0, UINT64_MAX, &out->seed, err));
    TRY(connector_option_number(relation, "rate", 0, 0, 1000000000, &out->rate, err));
    TRY(connector_option_number(relation, "event_rate", 10000, 1, 1000000000, &out->event_rate,
                                err));
    TRY(connector_option_number(relation, "batch_rows", BATCH_ROWS, 1, 1 << 20, &out->batch_rows,
                                err));
    TRY(connector_option_duration(relation, "skew", 0, &skew_us, err));
    if (skew_us > INT64_C(3600000000) || skew_us % 1000)
        return connector_bad_option(relation, "skew", "is not in whole milliseconds up to an hour",
                                    "'2 seconds', '50 ms'", err);
    out->skew_ms = skew_us / 1000;
    status = read_start(relation, &out->start_ms, err);
done:
    return status;
}

/* --- Blocks ------------------------------------------------------------------------------------------ */

struct generator {
    struct connector base;
    struct nexmark_options options;
    const struct table *table;
    struct words *words;
    struct schema *schema;
    struct batch_pool *pool;
    uint32_t n_fields;
    uint8_t fields[TABLE_COLUMNS_MAX]; /* of each column */
    bool needs_more;                   /* some column wants `more` */
    uint64_t key, more_key;
    uint64_t position, end; /* rows */
    int64_t opened_us;
    uint64_t opened_event;
};

/* Some rows, with the random numbers that their columns are made of. */
struct block {
    size_t n;
    uint64_t group[BLOCK_ROWS]; /* = people before this one's */
    uint64_t event[BLOCK_ROWS];
    uint64_t random[BLOCK_ROWS]; /* who and what */
    uint64_t chance[BLOCK_ROWS]; /* prices and words */
    uint64_t more[BLOCK_ROWS];   /* lateness and long texts */
};

static uint64_t rows_before_event(const struct table *table, uint64_t event)
{
    uint64_t in_group = event % PER_GROUP,
             n = in_group < table->first ? 0 : in_group - table->first;
    return event / PER_GROUP * table->n + (n < table->n ? n : table->n);
}

static uint64_t event_of_row(const struct table *table, uint64_t row)
{
    return row / table->n * PER_GROUP + table->first + row % table->n;
}

static void fill_block(const struct generator *g, uint64_t row, size_t n, struct block *b)
{
    const struct table *table = g->table;
    uint64_t group = row / table->n, in_group = row % table->n;
    uint64_t key = g->key, more_key = g->more_key;
    b->n = n;
    for (size_t i = 0; i < n; i++) {
        b->group[i] = group;
        b->event[i] = group * PER_GROUP + table->first + in_group;
        if (++in_group == table->n) in_group = 0, group++;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t random = words_random(key, b->event[i]);
        b->random[i] = random;
        b->chance[i] = words_random(random, 1);
    }
    if (g->needs_more)
        for (size_t i = 0; i < n; i++) b->more[i] = words_random(more_key, b->event[i]);
}

/* --- Columns ------------------------------------------------------------------------------------------- */

static uint64_t minimum(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* A person around the newest one: hot ones three times of four. `random`: 2 bits and 30 more. */
static int64_t pick_person(uint64_t newest, uint64_t random, uint64_t hot_offset)
{
    uint64_t active = minimum(newest, ACTIVE_PEOPLE);
    uint64_t any = newest - active + words_below(random, active + ID_LEAD);
    uint64_t hot = newest / HOT_EVERY * HOT_EVERY + hot_offset;
    return (int64_t)(FIRST_ID + (random & 3 ? hot : any));
}

static int64_t price_of(const struct words *words, uint64_t chance)
{
    int64_t price = words->prices[chance % WORDS_PRICES];
    /* between this step of the scale and the next, which is 0.338 % more */
    return price + (price * 3541 * (int64_t)(chance >> 12 & 0xffff) >> 36);
}

static void fill_times(const struct generator *g, const struct block *b, int64_t *out)
{
    const uint64_t rate = g->options.event_rate;
    uint64_t at = b->event[0], ms = at / rate * 1000 + at % rate * 1000 / rate,
             rest = at % rate * 1000 % rate;
    for (size_t i = 0; i < b->n; at = b->event[i++]) {
        rest += (b->event[i] - at) * 1000;
        if (rest >= rate) {
            ms += rest / rate;
            rest %= rate;
        }
        out[i] = g->options.start_ms + (int64_t)ms;
    }
    if (g->options.skew_ms)
        for (size_t i = 0; i < b->n; i++)
            out[i] -= (int64_t)words_below(b->more[i] >> 32, (uint64_t)g->options.skew_ms + 1);
}

static void fill_text(const struct generator *g, const struct block *b, unsigned shift,
                      uint32_t shortest, uint32_t size_mask, struct string_view *out)
{
    const char *text = g->words->text;
    for (size_t i = 0; i < b->n; i++) {
        uint64_t random = b->more[i] >> shift;
        const char *at = text + (random & (WORDS_TEXT - 1));
        struct string_view view = {.size = shortest + (uint32_t)(random >> 16 & size_mask)};
        memcpy(view.prefix, at, sizeof view.prefix);
        view.ptr = at;
        out[i] = view;
    }
}

static void fill_choice(const struct block *b, const struct string_view *list, uint64_t n,
                        unsigned shift, struct string_view *out)
{
    for (size_t i = 0; i < b->n; i++)
        out[i] = list[words_below(b->random[i] >> shift | b->chance[i] << (32 - shift), n)];
}

static size_t channel_of(uint64_t chance)
{
    uint64_t rare = WORDS_HOT_CHANNELS + words_below(chance >> 32, WORDS_CHANNELS);
    return chance >> 28 & 1 ? chance >> 29 & (WORDS_HOT_CHANNELS - 1) : rare;
}

static void fill_bid(const struct generator *g, const struct block *b, unsigned field, void *data)
{
    const struct words *words = g->words;
    int64_t *out = data;
    struct string_view *texts = data;
    switch ((enum bid_field)field) {
    case AUCTION:
        for (size_t i = 0; i < b->n; i++) {
            uint64_t newest = b->group[i] * 3 + 2, open = minimum(newest, OPEN_AUCTIONS);
            uint64_t any = newest - open + words_below(b->random[i] >> 32, open + 1 + ID_LEAD);
            uint64_t hot = newest / HOT_EVERY * HOT_EVERY;
            out[i] = (int64_t)(FIRST_ID + (b->random[i] >> 2 & 1 ? hot : any));
        }
        return;
    case BIDDER:
        for (size_t i = 0; i < b->n; i++) out[i] = pick_person(b->group[i], b->random[i], 1);
        return;
    case PRICE:
        for (size_t i = 0; i < b->n; i++) out[i] = price_of(words, b->chance[i]);
        return;
    case CHANNEL:
        for (size_t i = 0; i < b->n; i++) texts[i] = words->channels[channel_of(b->chance[i])];
        return;
    case URL:
        for (size_t i = 0; i < b->n; i++) texts[i] = words->urls[channel_of(b->chance[i])];
        return;
    case BID_TIME: fill_times(g, b, out); return;
    case BID_EXTRA: fill_text(g, b, 0, 32, 31, texts); return;
    }
}

/* An auction closes after up to twice the time in which as many are opened as are open at once. */
static void fill_expiry(const struct generator *g, const struct block *b, int64_t *out)
{
    uint64_t horizon_ms = (uint64_t)OPEN_AUCTIONS * PER_GROUP / 3 * 1000 / g->options.event_rate;
    fill_times(g, b, out);
    for (size_t i = 0; i < b->n; i++)
        out[i] += 1 + (int64_t)words_below(b->chance[i] >> 32, 2 * horizon_ms + 1);
}

static void fill_auction(const struct generator *g, const struct block *b, unsigned field,
                         void *data)
{
    const struct words *words = g->words;
    int64_t *out = data;
    struct string_view *texts = data;
    switch ((enum auction_field)field) {
    case AUCTION_ID:
        for (size_t i = 0; i < b->n; i++)
            out[i] = FIRST_ID + (int64_t)(b->group[i] * 3 + b->event[i] % PER_GROUP - 1);
        return;
    case ITEM: fill_choice(b, words->items, WORDS_MADE, 4, texts); return;
    case DESCRIPTION: fill_text(g, b, 24, 60, 127, texts); return;
    case INITIAL_BID:
        for (size_t i = 0; i < b->n; i++) out[i] = price_of(words, b->chance[i]);
        return;
    case RESERVE:
        for (size_t i = 0; i < b->n; i++)
            out[i] = price_of(words, b->chance[i]) + price_of(words, b->random[i] >> 32);
        return;
    case AUCTION_TIME: fill_times(g, b, out); return;
    case EXPIRES: fill_expiry(g, b, out); return;
    case SELLER:
        for (size_t i = 0; i < b->n; i++) out[i] = pick_person(b->group[i], b->random[i], 0);
        return;
    case CATEGORY:
        for (size_t i = 0; i < b->n; i++)
            out[i] = FIRST_CATEGORY + (int64_t)words_below(b->random[i] >> 32, N_CATEGORIES);
        return;
    case AUCTION_EXTRA: fill_text(g, b, 0, 150, 127, texts); return;
    }
}

static void fill_person(const struct generator *g, const struct block *b, unsigned field,
                        void *data)
{
    const struct words *words = g->words;
    int64_t *out = data;
    struct string_view *texts = data;
    switch ((enum person_field)field) {
    case PERSON_ID:
        for (size_t i = 0; i < b->n; i++) out[i] = FIRST_ID + (int64_t)b->group[i];
        return;
    case NAME: fill_choice(b, words->names, WORDS_NAMES, 0, texts); return;
    case EMAIL: fill_choice(b, words->emails, WORDS_MADE, 7, texts); return;
    case CARD: fill_choice(b, words->cards, WORDS_MADE, 13, texts); return;
    case CITY: fill_choice(b, words->cities, WORDS_CITIES, 19, texts); return;
    case STATE: fill_choice(b, words->states, WORDS_STATES, 26, texts); return;
    case PERSON_TIME: fill_times(g, b, out); return;
    case PERSON_EXTRA: fill_text(g, b, 0, 70, 63, texts); return;
    }
}

/* --- The connector ------------------------------------------------------------------------------------------ */

static laminar_status make_batch(struct generator *g, size_t n, struct batch **out,
                                 struct laminar_error *err)
{
    laminar_status status;
    struct batch_body *body = NULL;
    struct block block;
    TRY(batch_body_take(g->pool, g->schema, n, &body, err));
    for (uint32_t c = 0; c < g->n_fields; c++) TRY(column_reserve(&body->columns[c], n, err));
    for (size_t at = 0; at < n; at += BLOCK_ROWS) {
        fill_block(g, g->position + at, minimum(BLOCK_ROWS, n - at), &block);
        for (uint32_t c = 0; c < g->n_fields; c++) {
            struct column *column = &body->columns[c];
            char *data = (char *)column->vec.data + at * type_width(column->vec.type);
            switch (g->options.table) {
            case TABLE_PERSON: fill_person(g, &block, g->fields[c], data); break;
            case TABLE_AUCTION: fill_auction(g, &block, g->fields[c], data); break;
            case TABLE_BID: fill_bid(g, &block, g->fields[c], data); break;
            }
        }
    }
    for (uint32_t c = 0; c < g->n_fields; c++) body->columns[c].n = n;
    body->base = batch_ref(&g->words->batch);
    batch_body_seal(body, n, false);
    *out = &body->batch;
    body = NULL;
done:
    batch_body_give_back(body);
    return status;
}

/* With a rate: the rows that have happened by now; else all. */
static uint64_t rows_due(const struct generator *g, int64_t *wait_us)
{
    *wait_us = 0;
    if (!g->options.rate) return g->end;
    double elapsed_us = (double)(clock_mono_us() - g->opened_us), rate = (double)g->options.rate;
    uint64_t events = g->opened_event + (uint64_t)(elapsed_us * rate / 1e6);
    uint64_t rows = rows_before_event(g->table, events);
    /* not more often than a thousand times a second */
    double next_event = (double)(event_of_row(g->table, g->position) + 1 - g->opened_event);
    double left_us = next_event * 1e6 / rate - elapsed_us;
    *wait_us = left_us < 1000 ? 1000 : left_us > 1e9 ? 1000000000 : (int64_t)left_us;
    return minimum(rows, g->end);
}

static laminar_status nexmark_poll(struct connector *connector, struct connector_batch *out,
                                   struct laminar_error *err)
{
    struct generator *g = CONTAINER_OF(connector, struct generator, base);
    uint64_t due = rows_due(g, &out->wait_us);
    uint64_t left = due > g->position ? due - g->position : 0;
    /* The three tables go through the same events side by side. */
    uint64_t most = (g->options.batch_rows * g->table->n + 45) / 46, n = minimum(left, most);
    if (n > 0) {
        laminar_status status = make_batch(g, n, &out->batch, err);
        if (status != LAMINAR_OK) return status;
    }
    g->position += n;
    out->next_position = g->position;
    out->progress = event_of_row(g->table, g->position);
    out->is_end = g->position >= g->end;
    return LAMINAR_OK;
}

static void nexmark_close(struct connector *connector)
{
    struct generator *g = CONTAINER_OF(connector, struct generator, base);
    if (g->words) batch_unref(&g->words->batch);
    schema_unref(g->schema);
    mem_free(g);
}

/* Each column of the relation is one of the table's. */
static laminar_status map_columns(struct generator *g, const struct relation *relation,
                                  struct laminar_error *err)
{
    const struct table *table = g->table;
    const struct schema *schema = relation->schema;
    for (uint32_t c = 0; c < schema->n_columns; c++) {
        const struct schema_column *column = &schema->columns[c];
        uint32_t f = 0;
        while (f < table->n_columns && strcmp(table->columns[f].name, column->name) != 0) f++;
        if (f == table->n_columns) {
            error_set(err, LAMINAR_INVALID_SCHEMA, "Nexmark's table %s has no column \"%s\"",
                      table->name, column->name);
            error_object(err, relation->name);
            error_hint(err, "without a list of columns the source has all that there are");
            return LAMINAR_INVALID_SCHEMA;
        }
        if (!type_equal(table->columns[f].type, column->type)) {
            error_set(err, LAMINAR_INVALID_SCHEMA, "column \"%s\" of Nexmark's table %s is %s",
                      column->name, table->name, TYPE_TEXT(table->columns[f].type));
            error_object(err, relation->name);
            return LAMINAR_INVALID_SCHEMA;
        }
        g->fields[g->n_fields++] = (uint8_t)f;
        bool is_long_text = f == table->n_columns - 1 ||
                            (g->options.table == TABLE_AUCTION && f == DESCRIPTION);
        g->needs_more |= is_long_text || g->options.skew_ms > 0;
    }
    return LAMINAR_OK;
}

static laminar_status nexmark_seek(struct connector *connector, uint64_t position,
                                   struct laminar_error *err)
{
    (void)err;
    struct generator *g = CONTAINER_OF(connector, struct generator, base);
    g->position = position;
    g->opened_us = clock_mono_us();
    g->opened_event = position ? event_of_row(g->table, position - 1) + 1 : 0;
    return LAMINAR_OK;
}

static laminar_status nexmark_open(const struct relation *relation, struct batch_pool *pool,
                                   struct connector **out, struct laminar_error *err)
{
    laminar_status status;
    struct generator *g = mem_calloc(1, sizeof *g);
    if (!g) return error_oom(err);
    g->base.cls = &nexmark_connector;
    TRY(read_options(relation, &g->options, err));
    g->table = &tables[g->options.table];
    if (relation->schema->n_columns > TABLE_COLUMNS_MAX) {
        error_set(err, LAMINAR_INVALID_SCHEMA, "Nexmark's tables have at most %d columns",
                  TABLE_COLUMNS_MAX);
        TRY(LAMINAR_INVALID_SCHEMA);
    }
    TRY(map_columns(g, relation, err));
    if (!(g->words = words_create(g->options.seed))) TRY(error_oom(err));
    g->schema = schema_ref(relation->schema);
    g->pool = pool;
    g->key = words_random(g->options.seed, 0);
    g->more_key = words_random(g->options.seed, 1);
    g->end = g->options.events == UINT64_MAX ? UINT64_MAX
                                             : rows_before_event(g->table, g->options.events);
    g->opened_us = clock_mono_us();
    *out = &g->base;
    g = NULL;
done:
    if (g) nexmark_close(&g->base);
    return status;
}

static laminar_status nexmark_describe(const struct relation *relation, struct source_shape *out,
                                       struct laminar_error *err)
{
    struct nexmark_options options;
    laminar_status status = read_options(relation, &options, err);
    if (status != LAMINAR_OK) return status;
    const struct table *table = &tables[options.table];
    *out = (struct source_shape){.columns = table->columns,
                                 .n_columns = table->n_columns,
                                 .time_col = (int32_t)table->time_col,
                                 .watermark_delay_us = options.skew_ms * 1000};
    return LAMINAR_OK;
}

static bool nexmark_is_finite(const struct connector *connector)
{
    const struct generator *g = CONTAINER_OF(connector, struct generator, base);
    return g->end != UINT64_MAX && g->options.rate == 0;
}

static bool nexmark_is_paced(const struct connector *connector)
{
    return CONTAINER_OF(connector, struct generator, base)->options.rate != 0;
}

const struct connector_class nexmark_connector = {
    .name = "nexmark",
    .help =
        "the events of the Nexmark benchmark, made from a seed: table = 'person', 'auction' or 'bid', events = how many of all three",
    .describe = nexmark_describe,
    .open = nexmark_open,
    .seek = nexmark_seek,
    .poll = nexmark_poll,
    .close = nexmark_close,
    .is_finite = nexmark_is_finite,
    .is_paced = nexmark_is_paced,
};
