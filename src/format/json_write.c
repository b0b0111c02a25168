/* json_write.c - values and rows to JSON text. Times are RFC 3339 text, decimals and integers plain digits, intervals, UUIDs and binary their SQL text. */
#include "base/tz.h"
#include "format/json.h"
#include "vector/text.h"

void json_write_string(struct strbuf *out, const char *data, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    strbuf_putc(out, '"');
    size_t plain = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (likely(c >= ' ' && c != '"' && c != '\\')) continue;
        strbuf_append(out, data + plain, i - plain);
        plain = i + 1;
        static const char short_forms[] =
            "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, the letter that stands for it */
        const char *form = NULL;
        for (size_t j = 0; j + 1 < sizeof short_forms && !form; j += 2)
            if (short_forms[j] == (char)c) form = &short_forms[j + 1];
        if (form)
            strbuf_append(out, (char[2]){'\\', *form}, 2);
        else
            strbuf_append(out, (char[6]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
    strbuf_append(out, data + plain, size - plain);
    strbuf_putc(out, '"');
}

/* A JSON value is written as it is, on one line: line ends can only be blanks between its tokens. */
static void write_json(struct strbuf *out, const char *data, size_t size)
{
    size_t start = out->size;
    strbuf_append(out, data, size);
    if (out->failed) return;
    for (size_t i = start; i < out->size; i++)
        if (out->data[i] == '\n' || out->data[i] == '\r') out->data[i] = ' ';
}

/* The SQL text of the value as a string. */
static void write_text(struct strbuf *out, const struct vector *v, size_t row)
{
    struct strbuf text = {0};
    text_print_value(&text, v, row);
    if (text.failed)
        out->failed = true;
    else
        json_write_string(out, text.data ? text.data : "", text.size);
    strbuf_deinit(&text);
}

static void write_float(struct strbuf *out, const struct vector *v, size_t row)
{
    size_t start = out->size;
    text_print_value(out, v, row);
    if (out->failed) return;
    char last = out->data[out->size - 1];
    if (last != 'y' && last != 'N') return; /* Infinity, NaN */
    size_t size = out->size - start;
    char name[16];
    memcpy(name, out->data + start, size);
    out->size = start;
    json_write_string(out, name, size);
}

static void write_timestamp(struct strbuf *out, const struct vector *v, size_t row)
{
    const struct tz *tz = NULL;
    if (v->type.id == LAMINAR_TYPE_TIMESTAMPTZ &&
        tz_find(v->type.info->zone, strlen(v->type.info->zone), &tz, NULL) != LAMINAR_OK)
        tz = tz_utc();
    strbuf_putc(out, '"');
    text_print_timestamp_iso(out, ((const int64_t *)v->data)[row], (enum time_unit)v->type.unit,
                             tz);
    strbuf_putc(out, '"');
}

static void write_list(struct strbuf *out, const struct vector *v, size_t row)
{
    struct list_entry entry = ((const struct list_entry *)v->data)[row];
    strbuf_putc(out, '[');
    for (size_t i = 0; i < entry.length; i++) {
        if (i) strbuf_putc(out, ',');
        json_write_value(out, &v->children[0], entry.offset + i);
    }
    strbuf_putc(out, ']');
}

/* Keys of other types than strings become their text. */
static void write_map(struct strbuf *out, const struct vector *v, size_t row)
{
    struct list_entry entry = ((const struct list_entry *)v->data)[row];
    strbuf_putc(out, '{');
    for (size_t i = 0; i < entry.length; i++) {
        if (i) strbuf_putc(out, ',');
        write_text(out, &v->children[0], entry.offset + i);
        strbuf_putc(out, ':');
        json_write_value(out, &v->children[1], entry.offset + i);
    }
    strbuf_putc(out, '}');
}

static void write_struct(struct strbuf *out, const struct vector *v, size_t row)
{
    strbuf_putc(out, '{');
    for (uint32_t i = 0; i < v->n_children; i++) {
        if (i) strbuf_putc(out, ',');
        const char *name = v->type.info->fields[i].name;
        json_write_string(out, name, strlen(name));
        strbuf_putc(out, ':');
        json_write_value(out, &v->children[i], vector_struct_row(v, row));
    }
    strbuf_putc(out, '}');
}

void json_write_value(struct strbuf *out, const struct vector *v, size_t row)
{
    if (!vector_is_valid(v, row)) {
        strbuf_append(out, "null", 4);
        return;
    }
    if (v->shape == VEC_CONST) row = 0;
    switch ((laminar_type)v->type.id) {
    case LAMINAR_TYPE_NULL: break; /* never valid */
    case LAMINAR_TYPE_BOOL:
    case LAMINAR_TYPE_INT8:
    case LAMINAR_TYPE_INT16:
    case LAMINAR_TYPE_INT32:
    case LAMINAR_TYPE_INT64:
    case LAMINAR_TYPE_UINT8:
    case LAMINAR_TYPE_UINT16:
    case LAMINAR_TYPE_UINT32:
    case LAMINAR_TYPE_UINT64:
    case LAMINAR_TYPE_DECIMAL: text_print_value(out, v, row); break;
    case LAMINAR_TYPE_FLOAT:
    case LAMINAR_TYPE_DOUBLE: write_float(out, v, row); break;
    case LAMINAR_TYPE_VARCHAR: {
        const struct string_view *s = &((const struct string_view *)v->data)[row];
        json_write_string(out, string_data(s), s->size);
        break;
    }
    case LAMINAR_TYPE_JSON: {
        const struct string_view *s = &((const struct string_view *)v->data)[row];
        write_json(out, string_data(s), s->size);
        break;
    }
    case LAMINAR_TYPE_TIMESTAMP:
    case LAMINAR_TYPE_TIMESTAMPTZ: write_timestamp(out, v, row); break;
    case LAMINAR_TYPE_BINARY:
    case LAMINAR_TYPE_DATE:
    case LAMINAR_TYPE_TIME:
    case LAMINAR_TYPE_INTERVAL:
    case LAMINAR_TYPE_UUID: write_text(out, v, row); break;
    case LAMINAR_TYPE_LIST: write_list(out, v, row); break;
    case LAMINAR_TYPE_MAP: write_map(out, v, row); break;
    case LAMINAR_TYPE_STRUCT: write_struct(out, v, row); break;
    }
}

void json_write_chunk(struct strbuf *out, const struct schema *schema, const struct chunk *chunk)
{
    for (size_t row = 0; row < chunk->n_rows; row++) {
        strbuf_putc(out, '{');
        for (uint32_t i = 0; i < chunk->n_cols; i++) {
            if (i) strbuf_putc(out, ',');
            json_write_string(out, schema->columns[i].name, strlen(schema->columns[i].name));
            strbuf_putc(out, ':');
            json_write_value(out, &chunk->cols[i], row);
        }
        strbuf_append(out, "}\n", 2);
    }
}
