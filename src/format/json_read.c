/* json_read.c - JSON text to columns; see json.h.
 *
 * A window is a copy of some whole objects, "[{...},{...}]", that yyjson parses in place. Counting brackets finds where an object ends: the count is
 * right for all valid text, and what it makes of invalid text is refused by the parser, at a position that `parts` leads back to the input.
 * Cost: one pass to find ends and copy, one to parse, one over the values; memory for one window. */
#include <yyjson.h> /* first: it asks the compiler for attributes that we have names for */

#include "base/array.h"
#include "format/json.h"
#include "format/json_value.h"
#include "format/scan.h"

enum {
    WINDOW_BYTES = 64 << 10,
    RECORD_BYTES_DEFAULT = 64 << 20,
    PADDING_BYTES = YYJSON_PADDING_SIZE
};

/* What may come next, blanks aside. */
enum expectation {
    EXPECT_START,      /* '[' or an object */
    EXPECT_OBJECT,     /* after objects that are not in an array: another, or the end */
    EXPECT_FIRST_ITEM, /* after '[' */
    EXPECT_ITEM,       /* after ',' */
    EXPECT_SEPARATOR,  /* after an item */
    EXPECT_END         /* after ']' */
};

/* An object in the window and where it came from. */
struct part {
    size_t at;          /* in the window's buffer */
    const char *source; /* in the text at hand */
};

struct json_reader {
    struct schema *schema;
    struct batch_builder *builder;
    bool *has_default;
    bool has_failed, is_at_start;
    enum expectation expectation;
    size_t record_bytes_max;
    struct strbuf pending; /* the start of an object that is not yet whole */
    size_t lines_before;   /* line ends before the text at hand */
    size_t rows_before;    /* rows taken before the builder's */
    const char *text;      /* the text at hand, for positions */
    size_t text_size;
    struct strbuf window;
    ARRAY_OF(struct part) parts;
    struct json_memory memory;
    uint8_t *widths;    /* per column: bytes a value, 0 = nested */
    size_t *name_sizes; /* per column */
    uint64_t *seen;     /* per column: stamp of the object that last had it */
    uint64_t stamp;
    ARRAY_OF(uint32_t)
    /* column of the k-th key of the last object: the next one mostly has the same order */
    key_columns;
    uint8_t **
        /* per column with a default: bit per row of the builder that had no value; NULL = none yet */
        missing;
    size_t *missing_bytes;
};

/* --- Errors ------------------------------------------------------------------------------------------------------------------------------------ */

static void set_place(const struct json_reader *reader, const char *at, struct laminar_error *err)
{
    struct laminar_error place = LAMINAR_ERROR_INIT;
    error_position(&place, reader->text, reader->text_size, (size_t)(at - reader->text));
    err->line = place.line + (int32_t)reader->lines_before;
    err->column = place.column;
    if (utf8_validate(place.context, strlen(place.context)))
        memcpy(err->context, place.context, sizeof err->context);
}

/* Malformed text at `at`. */
static laminar_status text_error(const struct json_reader *reader, const char *at, const char *what,
                                 struct laminar_error *err)
{
    struct laminar_error place = LAMINAR_ERROR_INIT;
    set_place(reader, at, &place);
    error_set(err, LAMINAR_INGESTION_FAILED, "JSON line %d, column %d: %s", place.line,
              place.column, what);
    if (err) set_place(reader, at, err);
    return LAMINAR_INGESTION_FAILED;
}

/* --- Finding objects ------------------------------------------------------------------------------------------------------------------------------ */

/* Which of the bytes follow a backslash that is not itself escaped; *carry = the first byte of the next block does. */
static uint64_t escaped_bytes(uint64_t backslashes, uint64_t *carry)
{
    uint64_t escaped = *carry;
    *carry = 0;
    backslashes &= ~escaped;
    while (backslashes) {
        uint64_t bit = backslashes & (0 - backslashes);
        *carry = bit >> 63;
        escaped |= bit << 1;
        backslashes &= ~(bit | bit << 1);
    }
    return escaped;
}

/* Behind the object that starts at p; NULL when it is not whole. */
static const char *object_end(const char *p, const char *end)
{
    int64_t depth = 0;
    uint64_t inside = 0 /* all ones while in a string */, carry = 0;
    for (; p < end; p += 64) {
        char tail[64];
        const char *block = p;
        if (unlikely(end - p < 64)) {
            memset(tail, ' ', sizeof tail);
            memcpy(tail, p, (size_t)(end - p));
            block = tail;
        }
        uint64_t quotes = scan_equal(block, '"'), backslashes = scan_equal(block, '\\');
        if (unlikely(backslashes | carry)) quotes &= ~escaped_bytes(backslashes, &carry);
        uint64_t quoted = scan_parity(quotes) ^ inside;
        inside = (uint64_t)((int64_t)quoted >> 63);
        uint64_t opening = scan_equal_folded(block, '{') & ~quoted,
                 closing = scan_equal_folded(block, '}') & ~quoted;
        for (uint64_t brackets = opening | closing; brackets; brackets &= brackets - 1) {
            uint64_t bit = brackets & (0 - brackets);
            depth += opening & bit ? 1 : -1;
            if (depth == 0) return p + __builtin_ctzll(bit) + 1;
        }
    }
    return NULL;
}

/* --- Objects to rows ------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status find_column(struct json_reader *reader, size_t k, yyjson_val *key,
                                  uint32_t *out, struct laminar_error *err)
{
    const char *name = yyjson_get_str(key);
    size_t size = yyjson_get_len(key);
    if (likely(k < reader->key_columns.n)) {
        uint32_t guess = reader->key_columns.items[k];
        if (likely(size == reader->name_sizes[guess] &&
                   memcmp(reader->schema->columns[guess].name, name, size) == 0)) {
            *out = guess;
            return LAMINAR_OK;
        }
    }
    int32_t column = schema_find_folded(reader->schema, name, size);
    if (column < 0) return column_unknown(reader->schema, name, size, err);
    if (k < reader->key_columns.n)
        reader->key_columns.items[k] = (uint32_t)column;
    else if (!ARRAY_PUSH(&reader->key_columns, (uint32_t)column))
        return error_oom(err);
    *out = (uint32_t)column;
    return LAMINAR_OK;
}

static laminar_status mark_missing(struct json_reader *reader, uint32_t column, size_t row,
                                   struct laminar_error *err)
{
    size_t needed = row / 8 + 1;
    if (needed > reader->missing_bytes[column]) {
        size_t bytes = needed * 2 < 64 ? 64 : needed * 2;
        uint8_t *grown = mem_realloc(reader->missing[column], bytes);
        if (!grown) return error_oom(err);
        memset(grown + reader->missing_bytes[column], 0, bytes - reader->missing_bytes[column]);
        reader->missing[column] = grown;
        reader->missing_bytes[column] = bytes;
    }
    bitmap_set(reader->missing[column], row);
    return LAMINAR_OK;
}

/* A null or nothing for the column in this row (row of the builder). */
static laminar_status put_null(struct json_reader *reader, struct column *columns, uint32_t i,
                               size_t row, bool is_missing, struct laminar_error *err)
{
    const struct schema_column *info = &reader->schema->columns[i];
    bool is_defaulted = is_missing && reader->has_default && reader->has_default[i];
    if (unlikely(!info->is_nullable && !is_defaulted)) {
        size_t number = reader->rows_before + row;
        return is_missing
                   ? column_missing(info, number, err)
                   : cell_error(CELL_NULL, info->name, number, "null", 4, "null", info->type, err);
    }
    if (is_defaulted) {
        laminar_status status = mark_missing(reader, i, row, err);
        if (status) return status;
    }
    return reader->widths[i] ? cell_set_null(&columns[i], row, err)
                             : column_append_null(&columns[i], 1, err);
}

static laminar_status put_value(struct json_reader *reader, struct column *columns, uint32_t i,
                                size_t row, yyjson_val *val, struct laminar_error *err)
{
    struct column *col = &columns[i];
    if (unlikely(yyjson_is_null(val))) return put_null(reader, columns, i, row, false, err);
    struct json_place place = {reader->schema->columns[i].name, reader->rows_before + row};
    if (unlikely(reader->widths[i] == 0))
        return json_value_append(col, val, &place, &reader->memory, err);
    enum cell_result result = json_value_parse(
        col, val, (char *)col->vec.data + row * reader->widths[i], &reader->memory);
    return likely(result == CELL_OK) ? LAMINAR_OK
                                     : json_value_error(result, val, &place, col->vec.type, err);
}

static laminar_status read_object(struct json_reader *reader, struct column *columns,
                                  yyjson_val *object, size_t row, struct laminar_error *err)
{
    size_t n_seen = 0, k = 0;
    uint64_t stamp = ++reader->stamp;
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(object, &iter);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL; k++) {
        uint32_t column = 0;
        laminar_status status = find_column(reader, k, key, &column, err);
        if (unlikely(status)) return status;
        if (unlikely(reader->seen[column] == stamp))
            return column_twice(yyjson_get_str(key), yyjson_get_len(key), err);
        reader->seen[column] = stamp;
        n_seen++;
        status = put_value(reader, columns, column, row, yyjson_obj_iter_get_val(key), err);
        if (unlikely(status)) return status;
    }
    for (uint32_t i = 0; n_seen < reader->schema->n_columns && i < reader->schema->n_columns; i++) {
        if (reader->seen[i] == stamp) continue;
        n_seen++;
        laminar_status status = put_null(reader, columns, i, row, true, err);
        if (status) return status;
    }
    return LAMINAR_OK;
}

/* --- Windows -------------------------------------------------------------------------------------------------------------------------------------- */

/* yyjson's complaint about the window, at the place in the input. */
static laminar_status parse_error(struct json_reader *reader, const yyjson_read_err *why,
                                  struct laminar_error *err)
{
    if (reader->memory.failed || why->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return error_oom(err);
    size_t i = reader->parts.n - 1;
    while (i > 0 && reader->parts.items[i].at > why->pos) i--;
    size_t into = why->pos > reader->parts.items[i].at ? why->pos - reader->parts.items[i].at : 0;
    const char *at = reader->parts.items[i].source + into, *end = reader->text + reader->text_size;
    return text_error(reader, at > end ? end : at, why->msg, err);
}

/* Row i of the window has failed with a value error: adds where its object is. */
static void add_place(const struct json_reader *reader, size_t i, struct laminar_error *err)
{
    if (err && err->code == LAMINAR_BATCH_SCHEMA_MISMATCH)
        set_place(reader, reader->parts.items[i].source, err);
}

static laminar_status convert_window(struct json_reader *reader, yyjson_val *array,
                                     struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t n = reader->parts.n, base = batch_builder_n_rows(reader->builder), i = 0;
    uint32_t n_columns = reader->schema->n_columns;
    struct column *columns;
    ENSURE(yyjson_arr_size(array) == n, err);
    status = batch_builder_columns(reader->builder, &columns, err);
    if (status) return status;
    for (uint32_t c = 0; c < n_columns; c++) {
        if (reader->widths[c] == 0) continue;
        TRY(column_reserve(&columns[c], base + n, err));
        if (columns[c].vec.validity) bitmap_fill(columns[c].vec.validity, base, n, true);
    }
    yyjson_arr_iter iter;
    yyjson_arr_iter_init(array, &iter);
    for (yyjson_val *object; (object = yyjson_arr_iter_next(&iter)) != NULL; i++) {
        status = read_object(reader, columns, object, base + i, err);
        if (unlikely(status)) {
            add_place(reader, i, err);
            goto done;
        }
    }
    for (uint32_t c = 0; c < n_columns; c++)
        if (reader->widths[c]) columns[c].n = base + n;
    TRY(batch_builder_added(reader->builder, n, err));
done:
    if (status) {
        for (uint32_t c = 0; c < n_columns; c++) json_value_repair(&columns[c]);
        batch_builder_undo(reader->builder);
    }
    return status;
}

static laminar_status parse_window(struct json_reader *reader, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    if (reader->parts.n == 0) return LAMINAR_OK;
    strbuf_putc(&reader->window, ']');
    size_t size = reader->window.size;
    strbuf_append(&reader->window, (char[PADDING_BYTES]){0}, PADDING_BYTES);
    if (reader->window.failed) TRY(error_oom(err));
    yyjson_alc alc = json_memory_allocator(&reader->memory);
    yyjson_read_err why = {0};
    yyjson_doc *doc = yyjson_read_opts(reader->window.data, size,
                                       YYJSON_READ_NUMBER_AS_RAW | YYJSON_READ_INSITU, &alc, &why);
    if (!doc) TRY(parse_error(reader, &why, err));
    TRY(convert_window(reader, yyjson_doc_get_root(doc), err));
done:
    json_memory_reset(&reader->memory);
    strbuf_clear(&reader->window);
    reader->parts.n = 0;
    return status;
}

static laminar_status add_object(struct json_reader *reader, const char *object, size_t size,
                                 struct laminar_error *err)
{
    strbuf_putc(&reader->window, reader->parts.n ? ',' : '[');
    if (!ARRAY_PUSH(&reader->parts, ((struct part){reader->window.size, object})))
        return error_oom(err);
    strbuf_append(&reader->window, object, size);
    if (reader->window.failed) return error_oom(err);
    return reader->window.size < WINDOW_BYTES ? LAMINAR_OK : parse_window(reader, err);
}

/* An object that is not whole though nothing follows: the parser says what is wrong with it. */
static laminar_status truncated(struct json_reader *reader, const char *object, const char *end,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    TRY(parse_window(reader, err)); /* what precedes it may be wrong already */
    yyjson_alc alc = json_memory_allocator(&reader->memory);
    yyjson_read_err why = {0};
    const yyjson_read_flag only_read = YYJSON_READ_NUMBER_AS_RAW;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)object, (size_t)(end - object), only_read,
                                       &alc, &why);
    ENSURE(!doc, err);
    if (reader->memory.failed) TRY(error_oom(err));
    TRY(text_error(reader,
                   object + (why.pos < (size_t)(end - object) ? why.pos : (size_t)(end - object)),
                   why.msg, err));
done:
    return status;
}

/* --- The reader ------------------------------------------------------------------------------------------------------------------------------------ */

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* One token between objects at *p. *is_object = an object starts here (and is not taken). */
static laminar_status take_punctuation(struct json_reader *reader, const char **p, bool *is_object,
                                       struct laminar_error *err)
{
    char c = **p;
    *is_object = false;
    switch (reader->expectation) {
    case EXPECT_START:
        if (c == '[') {
            reader->expectation = EXPECT_FIRST_ITEM;
            break;
        }
        reader->expectation = EXPECT_OBJECT;
        *is_object = true;
        break;
    case EXPECT_FIRST_ITEM:
        if (c == ']')
            reader->expectation = EXPECT_END;
        else
            *is_object = true;
        break;
    case EXPECT_OBJECT:
    case EXPECT_ITEM: *is_object = true; break;
    case EXPECT_SEPARATOR:
        if (c != ',' && c != ']')
            return text_error(reader, *p, "',' or ']' is expected between the rows of an array",
                              err);
        reader->expectation = c == ',' ? EXPECT_ITEM : EXPECT_END;
        break;
    case EXPECT_END: return text_error(reader, *p, "text after the end of the array", err);
    }
    if (!*is_object)
        (*p)++;
    else if (c != '{')
        return text_error(reader, *p, "an object is expected, one a row", err);
    return LAMINAR_OK;
}

/* All whole objects of the text at hand; *used tells how far they reach. */
static laminar_status read_text(struct json_reader *reader, bool is_last, size_t *used,
                                struct laminar_error *err)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    laminar_status status = LAMINAR_OK;
    const char *p = reader->text, *end = p + reader->text_size;
    if (reader->is_at_start && p < end) {
        size_t n = reader->text_size < 3 ? reader->text_size : 3;
        bool is_mark = memcmp(p, byte_order_mark, n) == 0;
        if (is_mark && n < 3 && !is_last) return LAMINAR_OK; /* wait for the rest of it */
        if (is_mark && n == 3) p += 3;
        reader->is_at_start = false;
    }
    for (;;) {
        while (p < end && is_blank(*p)) p++;
        *used = (size_t)(p - reader->text);
        if (p == end) break;
        bool is_object = false;
        TRY(take_punctuation(reader, &p, &is_object, err));
        if (!is_object) continue;
        const char *behind = object_end(p, end);
        if (!behind) {
            if (is_last) TRY(truncated(reader, p, end, err));
            if ((size_t)(end - p) > reader->record_bytes_max)
                TRY(text_error(
                    reader, p,
                    "the object that starts here is longer than the largest size of a record",
                    err));
            break;
        }
        TRY(add_object(reader, p, (size_t)(behind - p), err));
        reader->expectation = reader->expectation == EXPECT_OBJECT ? EXPECT_OBJECT
                                                                   : EXPECT_SEPARATOR;
        p = behind;
    }
    TRY(parse_window(reader, err));
    if (is_last) {
        if (reader->expectation == EXPECT_START)
            TRY(text_error(reader, end, "there is no JSON value", err));
        if (reader->expectation != EXPECT_OBJECT && reader->expectation != EXPECT_END)
            TRY(text_error(reader, end, "the array is not closed", err));
    }
done:
    return status;
}

static laminar_status feed(struct json_reader *reader, const char *data, size_t size, bool is_last,
                           struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t used = 0;
    bool is_pending = reader->pending.size > 0;
    if (is_pending) {
        strbuf_append(&reader->pending, data, size);
        if (reader->pending.failed) TRY(error_oom(err));
    }
    reader->text = is_pending ? reader->pending.data : data;
    reader->text_size = is_pending ? reader->pending.size : size;
    TRY(read_text(reader, is_last, &used, err));
    if (is_last) return LAMINAR_OK;
    for (const char *p = reader->text, *end = p + used;
         p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        reader->lines_before++;
    if (is_pending) {
        memmove(reader->pending.data, reader->text + used, reader->text_size - used);
        reader->pending.size = reader->text_size - used;
    } else {
        strbuf_append(&reader->pending, reader->text + used, reader->text_size - used);
        if (reader->pending.failed) TRY(error_oom(err));
    }
done:
    return status;
}

laminar_status json_reader_feed(struct json_reader *reader, const char *data, size_t size,
                                bool is_last, struct laminar_error *err)
{
    if (reader->has_failed)
        return error_set(err, LAMINAR_INGESTION_FAILED,
                         "the JSON reader stopped at an earlier error");
    laminar_status status = feed(reader, data ? data : "", size, is_last, err);
    reader->has_failed = status != LAMINAR_OK;
    return status;
}

laminar_status json_reader_create(struct schema *schema, const struct json_options *options,
                                  struct json_reader **out, struct laminar_error *err)
{
    static const struct json_options defaults = {0};
    laminar_status status = LAMINAR_OK;
    if (!options) options = &defaults;
    struct json_reader *reader = mem_calloc(1, sizeof *reader);
    if (!reader) return error_oom(err);
    uint32_t n = schema->n_columns;
    reader->schema = schema_ref(schema);
    reader->record_bytes_max = options->record_bytes_max ? options->record_bytes_max
                                                         : RECORD_BYTES_DEFAULT;
    reader->is_at_start = true;
    reader->widths = mem_calloc(n, 1);
    reader->seen = mem_calloc(n, sizeof *reader->seen);
    reader->name_sizes = mem_calloc(n, sizeof *reader->name_sizes);
    reader->missing = mem_calloc(n, sizeof *reader->missing);
    reader->missing_bytes = mem_calloc(n, sizeof *reader->missing_bytes);
    if (!reader->widths || !reader->seen || !reader->name_sizes || !reader->missing ||
        !reader->missing_bytes)
        TRY(error_oom(err));
    for (uint32_t i = 0; i < n; i++) {
        reader->name_sizes[i] = strlen(schema->columns[i].name);
        if (!type_is_nested(schema->columns[i].type))
            reader->widths[i] = (uint8_t)type_width(schema->columns[i].type);
    }
    if (options->has_default) {
        reader->has_default = mem_calloc(n, sizeof *reader->has_default);
        if (!reader->has_default) TRY(error_oom(err));
        if (n) memcpy(reader->has_default, options->has_default, n * sizeof *reader->has_default);
    }
    TRY(batch_builder_create(schema, options->pool, &reader->builder, err));
    *out = reader;
    reader = NULL;
done:
    json_reader_free(reader);
    return status;
}

void json_reader_free(struct json_reader *reader)
{
    if (!reader) return;
    batch_builder_free(reader->builder);
    for (uint32_t i = 0; reader->missing && i < reader->schema->n_columns; i++)
        mem_free(reader->missing[i]);
    mem_free(reader->missing);
    mem_free(reader->missing_bytes);
    mem_free(reader->has_default);
    mem_free(reader->widths);
    mem_free(reader->seen);
    mem_free(reader->name_sizes);
    ARRAY_DEINIT(&reader->key_columns);
    ARRAY_DEINIT(&reader->parts);
    strbuf_deinit(&reader->pending);
    strbuf_deinit(&reader->window);
    json_memory_deinit(&reader->memory);
    schema_unref(reader->schema);
    mem_free(reader);
}

size_t json_reader_n_rows(const struct json_reader *reader)
{
    return batch_builder_n_rows(reader->builder);
}

const uint8_t *json_reader_missing(const struct json_reader *reader, uint32_t column,
                                   size_t *n_missing)
{
    size_t n_rows = batch_builder_n_rows(reader->builder),
           n_bits = reader->missing_bytes[column] * 8;
    *n_missing = reader->missing[column]
                     ? bitmap_count(reader->missing[column], n_rows < n_bits ? n_rows : n_bits)
                     : 0;
    return *n_missing ? reader->missing[column] : NULL;
}

laminar_status json_reader_take(struct json_reader *reader, struct batch **out,
                                struct laminar_error *err)
{
    size_t n = batch_builder_n_rows(reader->builder);
    laminar_status status = batch_builder_finish(reader->builder, out, err);
    if (status) return status;
    reader->rows_before += n;
    for (uint32_t i = 0; i < reader->schema->n_columns; i++)
        if (reader->missing[i]) memset(reader->missing[i], 0, reader->missing_bytes[i]);
    return LAMINAR_OK;
}

laminar_status json_read(struct schema *schema, const char *text, size_t size,
                         const struct json_options *options, struct batch **out, bool *is_defaulted,
                         struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct json_reader *reader = NULL;
    TRY(json_reader_create(schema, options, &reader, err));
    TRY(json_reader_feed(reader, text, size, true, err));
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        size_t n_missing;
        json_reader_missing(reader, i, &n_missing);
        if (n_missing && n_missing < json_reader_n_rows(reader)) {
            error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
                      "column '%s' is missing in %zu of %zu rows", schema->columns[i].name,
                      n_missing, json_reader_n_rows(reader));
            TRY(LAMINAR_BATCH_SCHEMA_MISMATCH);
        }
        if (is_defaulted) is_defaulted[i] = n_missing > 0;
    }
    TRY(json_reader_take(reader, out, err));
done:
    json_reader_free(reader);
    return status;
}
