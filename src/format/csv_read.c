/* csv_read.c - CSV text to columns.
 *
 * Idea: a first pass finds the separators, 64 bytes at a time: the parity of the quotes so far tells which delimiters and line ends lie outside of
 * quotes (Langdale, Lemire: "Parsing Gigabytes of JSON per Second", 2019, for the same use of prefix parity). A second pass converts column by
 * column, in loops that know the type. Both work on windows of some 2,048 records, which stay in the cache.
 *
 * Invariants: a window starts at the start of a record and ends behind one. starts[j] >> 1 is the offset of field j in the window, the separator in
 * front of it lies one byte before; bit 0 tells that this separator is a line end. So field j ends at (starts[j + 1] >> 1) - 1.
 * NOTE: parity finds the right fields only in valid text. A quote in an unquoted field shifts it, so such a field may seem to go on too far; it is
 * refused with the position of that quote, which is right whatever came after it. */
#include "base/array.h"
#include "format/cell.h"
#include "format/csv.h"
#include "format/json.h"
#include "format/scan.h"

enum {
    WINDOW_ROWS = 2048,
    WINDOW_FIELDS = 32768,
    WINDOW_BYTES = 4 << 20,
    BLOCK_BYTES = 64,
    RECORD_BYTES_DEFAULT = 64 << 20
};

struct csv_reader {
    struct schema *schema;
    struct batch_builder *builder;
    char delimiter, quote;
    const char *null_text;
    size_t null_size;
    size_t record_bytes_max;
    bool *has_default;  /* per schema column */
    bool *is_defaulted; /* per schema column: missing in the header */
    bool has_failed, is_at_start, has_columns;
    uint32_t n_fields;     /* of a record */
    uint32_t *field_of;    /* schema column -> field, UINT32_MAX = missing */
    struct strbuf pending; /* the start of a record that is not yet whole */
    size_t lines_before;   /* line ends before the text now at hand */
    size_t rows_before;    /* rows taken before the builder's */
    ARRAY_OF(uint32_t) starts;
    ARRAY_OF(uint32_t) records; /* index into starts of each record's first field */
    struct strbuf scratch;      /* a field without its quotes */
};

/* A window: text from a record's start, with its separators found. */
struct window {
    const char *text;  /* start of the window */
    const char *whole; /* start of the line count: of the text that was handed in */
    size_t whole_size;
    size_t size; /* bytes up to behind the last whole record */
    bool has_quotes;
};

/* --- Errors -------------------------------------------------------------------------------------------------------------------------------- */

/* Line, column and context of `at`, which lies in window->whole. */
static void set_place(const struct csv_reader *reader, const struct window *window, const char *at,
                      struct laminar_error *err)
{
    struct laminar_error place = LAMINAR_ERROR_INIT;
    error_position(&place, window->whole, window->whole_size, (size_t)(at - window->whole));
    err->line = place.line + (int32_t)reader->lines_before;
    err->column = place.column;
    if (utf8_validate(place.context, strlen(place.context)))
        memcpy(err->context, place.context, sizeof err->context);
}

/* Malformed text at `at`. */
printf_like(5, 6) static laminar_status
    text_error(const struct csv_reader *reader, const struct window *window, const char *at,
               struct laminar_error *err, const char *format, ...)
{
    struct laminar_error place = LAMINAR_ERROR_INIT, what = LAMINAR_ERROR_INIT;
    va_list args;
    va_start(args, format);
    error_set_v(&what, LAMINAR_INGESTION_FAILED, format, args);
    va_end(args);
    set_place(reader, window, at, &place);
    error_set(err, LAMINAR_INGESTION_FAILED, "CSV line %d, column %d: %s", place.line, place.column,
              what.message);
    if (err) set_place(reader, window, at, err);
    return LAMINAR_INGESTION_FAILED;
}

/* --- Separators ---------------------------------------------------------------------------------------------------------------------------- */

static const char *field_start(const struct csv_reader *reader, const struct window *window,
                               size_t field)
{
    return window->text + (reader->starts.items[field] >> 1);
}
static const char *field_end(const struct csv_reader *reader, const struct window *window,
                             size_t field)
{
    return window->text + (reader->starts.items[field + 1] >> 1) - 1;
}

static laminar_status scan_reserve(struct csv_reader *reader, struct laminar_error *err)
{
    if (unlikely(!ARRAY_RESERVE(&reader->starts, reader->starts.n + BLOCK_BYTES + 2)))
        return error_oom(err);
    return LAMINAR_OK;
}

/* Finds the separators of text[0..size) until there are enough for a window. window->size = 0: there is no whole record. */
static laminar_status scan_window(struct csv_reader *reader, const char *text, size_t size,
                                  bool is_last, struct window *window, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint64_t inside = 0; /* all ones while the block starts inside quotes */
    size_t n_records = 0, at = 0, last_record_field = 0;
    reader->starts.n = 0;
    window->has_quotes = false;
    window->size = 0;
    TRY(scan_reserve(reader, err));
    reader->starts.items[reader->starts.n++] = 0;
    for (; at < size && (n_records == 0 || (n_records < WINDOW_ROWS &&
                                            reader->starts.n < WINDOW_FIELDS && at < WINDOW_BYTES));
         at += BLOCK_BYTES) {
        char tail[BLOCK_BYTES];
        const char *block = text + at;
        if (unlikely(size - at < BLOCK_BYTES)) {
            memset(tail, 0, sizeof tail);
            memcpy(tail, block, size - at);
            block = tail;
        }
        TRY(scan_reserve(reader, err));
        uint64_t quotes = scan_equal(block, reader->quote);
        uint64_t line_ends = scan_equal(block, '\n');
        uint64_t separators = scan_equal(block, reader->delimiter) | line_ends;
        if (quotes | inside) {
            window->has_quotes = true;
            uint64_t quoted = scan_parity(quotes) ^ inside;
            inside = (uint64_t)((int64_t)quoted >> 63);
            separators &= ~quoted;
        }
        uint32_t *starts = reader->starts.items;
        size_t n = reader->starts.n;
        uint32_t behind = (uint32_t)at + 1;
        uint64_t record_ends = separators & line_ends;
        while (separators) {
            unsigned bit = (unsigned)__builtin_ctzll(separators);
            starts[n++] = (behind + bit) << 1 | (uint32_t)(line_ends >> bit & 1);
            separators &= separators - 1;
        }
        reader->starts.n = n;
        if (record_ends) {
            n_records += (unsigned)__builtin_popcountll(record_ends);
            while ((starts[n - 1] & 1) == 0) n--; /* at most 63 back */
            last_record_field = n - 1;
        }
        if (unlikely(at > reader->record_bytes_max && n_records == 0))
            TRY(text_error(reader, window, text, err,
                           inside ? "a quoted field is not closed within %zu bytes"
                                  : "the record is longer than %zu bytes",
                           reader->record_bytes_max));
    }
    if (at >= size && is_last) {
        if (reader->starts.items[reader->starts.n - 1] >> 1 != size ||
            (reader->starts.items[reader->starts.n - 1] & 1) == 0) {
            /* The last record ends with the text. */
            reader->starts.items[reader->starts.n++] = (uint32_t)(size + 1) << 1 | 1;
            last_record_field = reader->starts.n - 1;
        }
    }
    reader->starts.n = last_record_field + 1;
    window->size = reader->starts.items[last_record_field] >> 1;
    if (window->size > size) window->size = size;
    if (inside && at >= size && is_last) {
        const char *open = field_start(reader, window, last_record_field - 1);
        TRY(text_error(reader, window, open, err,
                       "the quoted field that starts here is not closed"));
    }
done:
    return status;
}

/* Field `field`, its quotes taken off (then it may lie in scratch). *is_quoted tells an empty string from a null. */
static laminar_status take_field(struct csv_reader *reader, const struct window *window,
                                 size_t field, const char **data, size_t *size, bool *is_quoted,
                                 struct laminar_error *err)
{
    const char *p = field_start(reader, window, field), *end = field_end(reader, window, field);
    if ((reader->starts.items[field + 1] & 1) && end > p && end[-1] == '\r') end--;
    *data = p;
    *size = (size_t)(end - p);
    *is_quoted = false;
    if (likely(!window->has_quotes) || p == end) return LAMINAR_OK;
    if (*p != reader->quote) {
        const char *stray = memchr(p, reader->quote, *size);
        return stray ? text_error(reader, window, stray, err, "a quote inside of an unquoted field")
                     : LAMINAR_OK;
    }
    *is_quoted = true;
    const char *open = p++;
    const char *next = memchr(p, reader->quote, (size_t)(end - p));
    if (!next)
        return text_error(reader, window, open, err,
                          "the quoted field that starts here is not closed");
    if (next + 1 == end) { /* nothing doubled */
        *data = p;
        *size = (size_t)(next - p);
        return LAMINAR_OK;
    }
    strbuf_clear(&reader->scratch);
    for (;;) {
        strbuf_append(&reader->scratch, p, (size_t)(next - p));
        p = next + 1;
        if (p == end) break;
        if (*p != reader->quote)
            return text_error(reader, window, p, err, "text after the quote that closes a field");
        strbuf_putc(&reader->scratch, reader->quote);
        p++;
        next = memchr(p, reader->quote, (size_t)(end - p));
        if (!next)
            return text_error(reader, window, open, err,
                              "the quoted field that starts here is not closed");
    }
    if (reader->scratch.failed) return error_oom(err);
    *data = reader->scratch.data;
    *size = reader->scratch.size;
    return LAMINAR_OK;
}

/* Something is wrong in the window. Where it has quotes, one of them may be the cause and what was noticed only its consequence: the first wrong
 * quote replaces the error. */
static laminar_status blame_quotes(struct csv_reader *reader, const struct window *window,
                                   laminar_status status, struct laminar_error *err)
{
    for (size_t field = 0; window->has_quotes && field + 1 < reader->starts.n; field++) {
        const char *data;
        size_t size;
        bool is_quoted;
        laminar_status quoting = take_field(reader, window, field, &data, &size, &is_quoted, err);
        if (quoting) return quoting;
    }
    return status;
}

/* Adds the place of a field to the error that its value gave. */
static laminar_status at_field(const struct csv_reader *reader, const struct window *window,
                               size_t field, laminar_status status, struct laminar_error *err)
{
    if (err && status == LAMINAR_BATCH_SCHEMA_MISMATCH)
        set_place(reader, window, field_start(reader, window, field), err);
    return status;
}

/* --- Header and records -------------------------------------------------------------------------------------------------------------------- */

static bool is_empty_line(const struct csv_reader *reader, const struct window *window,
                          size_t field)
{
    const char *p = field_start(reader, window, field), *end = field_end(reader, window, field);
    return (reader->starts.items[field + 1] & 1) && (p == end || (p + 1 == end && *p == '\r'));
}

static laminar_status columns_finish(struct csv_reader *reader, struct laminar_error *err)
{
    for (uint32_t i = 0; i < reader->schema->n_columns; i++) {
        if (reader->field_of[i] != UINT32_MAX) continue;
        if (reader->has_default && reader->has_default[i])
            reader->is_defaulted[i] = true;
        else if (!reader->schema->columns[i].is_nullable)
            return column_missing(&reader->schema->columns[i], 0, err);
    }
    reader->has_columns = true;
    return LAMINAR_OK;
}

/* Reads the header, whose fields begin at *field; moves *field behind it. */
static laminar_status read_header(struct csv_reader *reader, const struct window *window,
                                  size_t *field, struct laminar_error *err)
{
    size_t first = *field;
    for (bool is_end = false; !is_end; (*field)++) {
        const char *name;
        size_t size;
        bool is_quoted;
        laminar_status status = take_field(reader, window, *field, &name, &size, &is_quoted, err);
        if (status) return status;
        if (!is_quoted) { /* blanks around a plain name are decoration */
            while (size && (name[0] == ' ' || name[0] == '\t')) name++, size--;
            while (size && (name[size - 1] == ' ' || name[size - 1] == '\t')) size--;
        }
        int32_t column = schema_find_folded(reader->schema, name, size);
        if (column < 0)
            return at_field(reader, window, *field, column_unknown(reader->schema, name, size, err),
                            err);
        if (reader->field_of[column] != UINT32_MAX)
            return at_field(reader, window, *field, column_twice(name, size, err), err);
        reader->field_of[column] = (uint32_t)(*field - first);
        is_end = reader->starts.items[*field + 1] & 1;
    }
    reader->n_fields = (uint32_t)(*field - first);
    return columns_finish(reader, err);
}

static laminar_status wrong_count(struct csv_reader *reader, const struct window *window,
                                  size_t first, size_t n, struct laminar_error *err)
{
    size_t shown = n > reader->n_fields
                       ? first + reader->n_fields
                       : first + n - 1; /* the first one too many, or the last one */
    return text_error(reader, window, field_start(reader, window, shown), err,
                      "%zu field%s where %u are expected", n, n == 1 ? "" : "s", reader->n_fields);
}

/* Fills reader->records; every record has n_fields. */
static laminar_status find_records(struct csv_reader *reader, const struct window *window,
                                   size_t field, struct laminar_error *err)
{
    const uint32_t *starts = reader->starts.items;
    size_t n_starts = reader->starts.n, n_fields = reader->n_fields;
    reader->records.n = 0;
    while (field + 1 < n_starts) {
        size_t last = field;
        while ((starts[last + 1] & 1) == 0) last++;
        size_t n = last - field + 1;
        if (unlikely(n != n_fields) && n == 1 && is_empty_line(reader, window, field)) {
            field++;
            continue;
        }
        if (unlikely(n != n_fields)) return wrong_count(reader, window, field, n, err);
        if (unlikely(!ARRAY_PUSH(&reader->records, (uint32_t)field))) return error_oom(err);
        field = last + 1;
    }
    return LAMINAR_OK;
}

/* --- Values -------------------------------------------------------------------------------------------------------------------------------- */

static inline bool is_null_field(const struct csv_reader *reader, const char *data, size_t size,
                                 bool is_quoted)
{
    if (is_quoted) return false;
    return size == 0 || (reader->null_text && size == reader->null_size &&
                         memcmp(data, reader->null_text, size) == 0);
}

/* The error for a field whose value data[0..size) does not fit its column. */
static never_inline laminar_status value_error(struct csv_reader *reader,
                                               const struct window *window, size_t field,
                                               enum cell_result why,
                                               const struct schema_column *info, size_t row,
                                               const char *data, size_t size,
                                               struct laminar_error *err)
{
    const char *source = why == CELL_NULL ? "empty field" : "text";
    laminar_status status = cell_error(why, info->name, reader->rows_before + row, data, size,
                                       source, info->type, err);
    return at_field(reader, window, field, status, err);
}

/* Field `index` of all records into the column, from row `base` on. Called with a constant type, so that each gets its own loop. */
static always_inline laminar_status convert(struct csv_reader *reader, const struct window *window,
                                            uint32_t column, struct column *col, size_t base,
                                            laminar_type type, struct laminar_error *err)
{
    const struct schema_column *info = &reader->schema->columns[column];
    const uint32_t *records = reader->records.items;
    size_t n = reader->records.n, index = reader->field_of[column],
           width = type_width(col->vec.type);
    for (size_t i = 0; i < n; i++) {
        const char *data;
        size_t size;
        bool is_quoted;
        size_t field = records[i] + index;
        laminar_status status = take_field(reader, window, field, &data, &size, &is_quoted, err);
        if (unlikely(status)) return status;
        if (unlikely(is_null_field(reader, data, size, is_quoted))) {
            if (!info->is_nullable)
                return value_error(reader, window, field, CELL_NULL, info, base + i, data, size,
                                   err);
            status = cell_set_null(col, base + i, err);
            if (status) return status;
            continue;
        }
        enum cell_result result = cell_store(col, type, data, size,
                                             (char *)col->vec.data + (base + i) * width);
        if (unlikely(result != CELL_OK))
            return value_error(reader, window, field, result, info, base + i, data, size, err);
    }
    return LAMINAR_OK;
}

static laminar_status convert_nested(struct csv_reader *reader, const struct window *window,
                                     uint32_t column, struct column *col, size_t base,
                                     struct laminar_error *err)
{
    const struct schema_column *info = &reader->schema->columns[column];
    for (size_t i = 0; i < reader->records.n; i++) {
        const char *data;
        size_t size;
        bool is_quoted;
        size_t field = reader->records.items[i] + reader->field_of[column];
        laminar_status status = take_field(reader, window, field, &data, &size, &is_quoted, err);
        if (status) return status;
        bool is_null = is_null_field(reader, data, size, is_quoted);
        if (is_null && !info->is_nullable)
            return value_error(reader, window, field, CELL_NULL, info, base + i, data, size, err);
        status = is_null ? column_append_null(col, 1, err)
                         : json_append_value(col, data, size, info->name,
                                             reader->rows_before + base + i, err);
        if (status) return at_field(reader, window, field, status, err);
    }
    return LAMINAR_OK;
}

static laminar_status convert_column(struct csv_reader *reader, const struct window *window,
                                     uint32_t i, struct column *col, size_t base,
                                     struct laminar_error *err)
{
    laminar_status status;
    size_t n = reader->records.n;
    struct data_type type = reader->schema->columns[i].type;
    if (reader->field_of[i] == UINT32_MAX || type.id == LAMINAR_TYPE_NULL)
        return column_append_null(col, n, err);
    if (type_is_nested(type)) return convert_nested(reader, window, i, col, base, err);
    status = column_reserve(col, base + n, err);
    if (status) return status;
    if (col->vec.validity) bitmap_fill(col->vec.validity, base, n, true);
    switch ((int)type.id) {
    case LAMINAR_TYPE_INT64:
        status = convert(reader, window, i, col, base, LAMINAR_TYPE_INT64, err);
        break;
    case LAMINAR_TYPE_INT32:
        status = convert(reader, window, i, col, base, LAMINAR_TYPE_INT32, err);
        break;
    case LAMINAR_TYPE_DOUBLE:
        status = convert(reader, window, i, col, base, LAMINAR_TYPE_DOUBLE, err);
        break;
    case LAMINAR_TYPE_VARCHAR:
        status = convert(reader, window, i, col, base, LAMINAR_TYPE_VARCHAR, err);
        break;
    default: status = convert(reader, window, i, col, base, LAMINAR_TYPE_NULL, err); break;
    }
    if (status == LAMINAR_OK) col->n = base + n;
    return status;
}

static laminar_status check_bytes(struct csv_reader *reader, const struct window *window,
                                  struct laminar_error *err)
{
    size_t valid = utf8_valid_prefix(window->text, window->size);
    return valid == window->size
               ? LAMINAR_OK
               : text_error(reader, window, window->text + valid, err, "invalid UTF-8");
}

static laminar_status read_window(struct csv_reader *reader, const struct window *window,
                                  struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t field = 0, n_columns = reader->schema->n_columns,
           base = batch_builder_n_rows(reader->builder);
    struct column *columns;
    TRY(check_bytes(reader, window, err));
    while (!reader->has_columns && field + 1 < reader->starts.n) {
        if (is_empty_line(reader, window, field))
            field++;
        else
            TRY(read_header(reader, window, &field, err));
    }
    TRY(find_records(reader, window, field, err));
    if (reader->records.n == 0) return LAMINAR_OK;
    TRY(batch_builder_columns(reader->builder, &columns, err));
    for (uint32_t i = 0; i < n_columns; i++)
        TRY(convert_column(reader, window, i, &columns[i], base, err));
    TRY(batch_builder_added(reader->builder, reader->records.n, err));
done:
    if (status) batch_builder_undo(reader->builder);
    return status;
}

/* --- The reader ------------------------------------------------------------------------------------------------------------------------------ */

laminar_status csv_reader_create(struct schema *schema, const struct csv_options *options,
                                 struct csv_reader **out, struct laminar_error *err)
{
    static const struct csv_options defaults = {0};
    laminar_status status = LAMINAR_OK;
    if (!options) options = &defaults;
    struct csv_reader *reader = mem_calloc(1, sizeof *reader);
    if (!reader) return error_oom(err);
    uint32_t n = schema->n_columns;
    reader->schema = schema_ref(schema);
    reader->delimiter = options->delimiter ? options->delimiter : ',';
    reader->quote = options->quote ? options->quote : '"';
    reader->record_bytes_max = options->record_bytes_max ? options->record_bytes_max
                                                         : RECORD_BYTES_DEFAULT;
    if (reader->record_bytes_max > 1 << 29)
        reader->record_bytes_max = 1 << 29; /* offsets have 31 bits */
    reader->is_at_start = true;
    if (reader->delimiter == reader->quote || strchr("\r\n", reader->delimiter) ||
        strchr("\r\n", reader->quote) || (reader->delimiter & 0x80) || (reader->quote & 0x80))
        TRY(error_set(
            err, LAMINAR_INVALID_ARGUMENT,
            "the CSV delimiter and quote must be two different ASCII characters and no line ends"));
    reader->field_of = mem_calloc(n, sizeof *reader->field_of);
    reader->is_defaulted = mem_calloc(n, sizeof *reader->is_defaulted);
    if (!reader->field_of || !reader->is_defaulted) TRY(error_oom(err));
    for (uint32_t i = 0; i < n; i++) reader->field_of[i] = options->has_no_header ? i : UINT32_MAX;
    if (options->has_no_header) {
        reader->has_columns = true;
        reader->n_fields = n;
    }
    if (options->has_default) {
        reader->has_default = mem_calloc(n, sizeof *reader->has_default);
        if (!reader->has_default) TRY(error_oom(err));
        if (n) memcpy(reader->has_default, options->has_default, n * sizeof *reader->has_default);
    }
    if (options->null_text) {
        reader->null_size = strlen(options->null_text);
        reader->null_text = mem_strdup(options->null_text);
        if (!reader->null_text) TRY(error_oom(err));
    }
    TRY(batch_builder_create(schema, options->pool, &reader->builder, err));
    *out = reader;
    reader = NULL;
done:
    csv_reader_free(reader);
    return status;
}

void csv_reader_free(struct csv_reader *reader)
{
    if (!reader) return;
    batch_builder_free(reader->builder);
    schema_unref(reader->schema);
    mem_free(reader->has_default);
    mem_free(reader->is_defaulted);
    mem_free(reader->field_of);
    mem_free((char *)(uintptr_t)reader->null_text);
    strbuf_deinit(&reader->pending);
    strbuf_deinit(&reader->scratch);
    ARRAY_DEINIT(&reader->starts);
    ARRAY_DEINIT(&reader->records);
    mem_free(reader);
}

size_t csv_reader_n_rows(const struct csv_reader *reader)
{
    return batch_builder_n_rows(reader->builder);
}
const bool *csv_reader_is_defaulted(const struct csv_reader *reader)
{
    return reader->is_defaulted;
}

laminar_status csv_reader_take(struct csv_reader *reader, struct batch **out,
                               struct laminar_error *err)
{
    size_t n = batch_builder_n_rows(reader->builder);
    laminar_status status = batch_builder_finish(reader->builder, out, err);
    if (status == LAMINAR_OK) reader->rows_before += n;
    return status;
}

/* All whole records of text[0..size); *used tells how far they reach. */
static laminar_status read_text(struct csv_reader *reader, const char *text, size_t size,
                                bool is_last, size_t *used, struct laminar_error *err)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    struct window window = {.text = text, .whole = text, .whole_size = size};
    size_t at = 0;
    if (reader->is_at_start) {
        if (size < 3 && !is_last && memcmp(text, byte_order_mark, size) == 0)
            return LAMINAR_OK; /* wait for it */
        if (size >= 3 && memcmp(text, byte_order_mark, 3) == 0) at = 3;
        reader->is_at_start = false;
    }
    *used = at;
    while (at < size) {
        window.text = text + at;
        laminar_status status = scan_window(reader, text + at, size - at, is_last, &window, err);
        if (status == LAMINAR_OK && window.size == 0) break;
        if (status == LAMINAR_OK) status = read_window(reader, &window, err);
        if (status)
            return status == LAMINAR_OUT_OF_MEMORY ? status
                                                   : blame_quotes(reader, &window, status, err);
        at += window.size;
        *used = at;
    }
    return LAMINAR_OK;
}

static size_t count_line_ends(const char *text, size_t size)
{
    size_t n = 0, at = 0;
    for (; at + BLOCK_BYTES <= size; at += BLOCK_BYTES)
        n += (unsigned)__builtin_popcountll(scan_equal(text + at, '\n'));
    for (; at < size; at++) n += text[at] == '\n';
    return n;
}

static laminar_status feed(struct csv_reader *reader, const char *data, size_t size, bool is_last,
                           struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    const char *text = data;
    size_t text_size = size, used = 0;
    if (reader->pending.size > 0) {
        strbuf_append(&reader->pending, data, size);
        if (reader->pending.failed) TRY(error_oom(err));
        text = reader->pending.data;
        text_size = reader->pending.size;
    }
    if (text_size) TRY(read_text(reader, text, text_size, is_last, &used, err));
    if (is_last) {
        if (!reader->has_columns) {
            error_set(err, LAMINAR_INGESTION_FAILED, "the CSV text has no header line");
            error_hint(err, "begin it with a line of column names");
            return LAMINAR_INGESTION_FAILED;
        }
        return LAMINAR_OK;
    }
    reader->lines_before += count_line_ends(text, used);
    if (reader->pending.size > 0) { /* what is left moves to the front */
        memmove(reader->pending.data, text + used, text_size - used);
        reader->pending.size = text_size - used;
    } else {
        strbuf_append(&reader->pending, text + used, text_size - used);
        if (reader->pending.failed) TRY(error_oom(err));
    }
done:
    return status;
}

laminar_status csv_reader_feed(struct csv_reader *reader, const char *data, size_t size,
                               bool is_last, struct laminar_error *err)
{
    if (reader->has_failed)
        return error_set(err, LAMINAR_INGESTION_FAILED,
                         "the CSV reader stopped at an earlier error");
    laminar_status status = feed(reader, data, size, is_last, err);
    reader->has_failed = status != LAMINAR_OK;
    return status;
}

laminar_status csv_read(struct schema *schema, const char *text, size_t size,
                        const struct csv_options *options, struct batch **out, bool *is_defaulted,
                        struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct csv_reader *reader = NULL;
    TRY(csv_reader_create(schema, options, &reader, err));
    TRY(csv_reader_feed(reader, text, size, true, err));
    TRY(csv_reader_take(reader, out, err));
    if (is_defaulted && schema->n_columns)
        memcpy(is_defaulted, reader->is_defaulted, schema->n_columns * sizeof *is_defaulted);
done:
    csv_reader_free(reader);
    return status;
}
