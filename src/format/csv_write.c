/* csv_write.c - rows to CSV lines. A field is quoted where it would be read back as something else: when it holds a delimiter, a quote or a line end, or
 * is an empty string (an empty unquoted field is null) or the text for null. */
#include "format/csv.h"
#include "format/json.h"
#include "vector/text.h"

struct writer {
    struct strbuf *out;
    char delimiter, quote;
    const char *null_text;
};

static struct writer writer_make(struct strbuf *out, const struct csv_options *options)
{
    struct writer writer = {out, ',', '"', NULL};
    if (options && options->delimiter) writer.delimiter = options->delimiter;
    if (options && options->quote) writer.quote = options->quote;
    if (options) writer.null_text = options->null_text;
    return writer;
}

static void write_field(const struct writer *writer, const char *data, size_t size)
{
    bool is_special = size == 0 || (writer->null_text && strlen(writer->null_text) == size &&
                                    memcmp(data, writer->null_text, size) == 0);
    for (size_t i = 0; i < size && !is_special; i++)
        is_special = data[i] == writer->delimiter || data[i] == writer->quote || data[i] == '\n' ||
                     data[i] == '\r';
    if (!is_special) {
        strbuf_append(writer->out, data, size);
        return;
    }
    strbuf_putc(writer->out, writer->quote);
    for (size_t from = 0; from < size;) {
        const char *next = memchr(data + from, writer->quote, size - from);
        size_t n = next ? (size_t)(next - (data + from)) + 1 : size - from;
        strbuf_append(writer->out, data + from, n);
        if (next) strbuf_putc(writer->out, writer->quote);
        from += n;
    }
    strbuf_putc(writer->out, writer->quote);
}

/* What a value's text cannot be mistaken in: everything but strings and nested values, unless the delimiter is a character of numbers and dates. */
static bool is_plain(struct data_type type)
{
    return type.id != LAMINAR_TYPE_VARCHAR && type.id != LAMINAR_TYPE_BINARY &&
           type.id != LAMINAR_TYPE_JSON && !type_is_nested(type);
}

void csv_write_header(struct strbuf *out, const struct schema *schema,
                      const struct csv_options *options)
{
    struct writer writer = writer_make(out, options);
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        if (i) strbuf_putc(out, writer.delimiter);
        write_field(&writer, schema->columns[i].name, strlen(schema->columns[i].name));
    }
    strbuf_putc(out, '\n');
}

void csv_write_chunk(struct strbuf *out, const struct chunk *chunk,
                     const struct csv_options *options)
{
    struct writer writer = writer_make(out, options);
    bool plain_is_safe = strchr(",;\t|", writer.delimiter) && strchr("\"'", writer.quote) &&
                         !writer.null_text;
    struct strbuf scratch = {0};
    for (size_t row = 0; row < chunk->n_rows; row++) {
        for (uint32_t i = 0; i < chunk->n_cols; i++) {
            const struct vector *v = &chunk->cols[i];
            if (i) strbuf_putc(out, writer.delimiter);
            if (!vector_is_valid(v, row)) {
                if (writer.null_text) strbuf_puts(out, writer.null_text);
            } else if (plain_is_safe && is_plain(v->type)) {
                text_print_value(out, v, row);
            } else if (v->type.id == LAMINAR_TYPE_VARCHAR) {
                const struct string_view *s = &(
                    (const struct string_view *)v->data)[v->shape == VEC_CONST ? 0 : row];
                write_field(&writer, string_data(s), s->size);
            } else {
                strbuf_clear(&scratch);
                if (type_is_nested(v->type))
                    json_write_value(&scratch, v, row);
                else
                    text_print_value(&scratch, v, row);
                if (scratch.failed)
                    out->failed = true;
                else
                    write_field(&writer, scratch.data ? scratch.data : "", scratch.size);
            }
        }
        strbuf_putc(out, '\n');
    }
    strbuf_deinit(&scratch);
}
