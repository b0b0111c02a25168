/* text_json.c - whether a text is JSON (RFC 8259), without making a tree: what a JSON column admits. One pass, no allocation; the text is
 * known to be UTF-8. Nesting up to TEXT_JSON_DEPTH_MAX. */
#include "vector/text_internal.h"

struct json_scan {
    const char *at;
    const char *end;
    uint32_t depth;
    uint8_t is_object[TEXT_JSON_DEPTH_MAX / 8]; /* a bit a level */
};

static void skip_blanks(struct json_scan *in)
{
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r'))
        in->at++;
}

static bool take_char(struct json_scan *in, char c)
{
    if (in->at == in->end || *in->at != c) return false;
    in->at++;
    return true;
}

static bool take_digits(struct json_scan *in)
{
    const char *from = in->at;
    while (in->at < in->end && text_is_digit(*in->at)) in->at++;
    return in->at > from;
}

static bool take_number(struct json_scan *in)
{
    take_char(in, '-');
    if (!take_char(in, '0') && !take_digits(in)) return false;
    if (take_char(in, '.') && !take_digits(in)) return false;
    if (take_char(in, 'e') || take_char(in, 'E')) {
        if (!take_char(in, '+')) take_char(in, '-');
        return take_digits(in);
    }
    return true;
}

static bool take_hex4(struct json_scan *in)
{
    if (in->end - in->at < 4) return false;
    for (int i = 0; i < 4; i++, in->at++) {
        char c = (char)(*in->at | 0x20);
        if (!text_is_digit(*in->at) && !(c >= 'a' && c <= 'f')) return false;
    }
    return true;
}

static bool take_string(struct json_scan *in)
{
    if (!take_char(in, '"')) return false;
    while (in->at < in->end) {
        char c = *in->at++;
        if (c == '"') return true;
        if ((unsigned char)c < ' ') return false;
        if (c != '\\') continue;
        if (in->at == in->end) return false;
        c = *in->at++;
        if (c == 'u' ? !take_hex4(in) : !strchr("\"\\/bfnrt", c) || c == 0) return false;
    }
    return false;
}

static bool take_word(struct json_scan *in, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(in->end - in->at) < size || memcmp(in->at, word, size) != 0) return false;
    in->at += size;
    return true;
}

static bool take_scalar(struct json_scan *in)
{
    switch (*in->at) {
    case '"': return take_string(in);
    case 't': return take_word(in, "true");
    case 'f': return take_word(in, "false");
    case 'n': return take_word(in, "null");
    default: return take_number(in);
    }
}

static bool take_key(struct json_scan *in)
{
    skip_blanks(in);
    if (!take_string(in)) return false;
    skip_blanks(in);
    return take_char(in, ':');
}

/* After a value: closes what ends here, and moves on to the next value; false on an error. *is_done at the end of the text. */
static bool next_value(struct json_scan *in, bool *is_done)
{
    for (;;) {
        skip_blanks(in);
        if (in->depth == 0) {
            *is_done = true;
            return in->at == in->end;
        }
        bool is_object = bitmap_get(in->is_object, in->depth - 1);
        if (take_char(in, ',')) return !is_object || take_key(in);
        if (!take_char(in, is_object ? '}' : ']')) return false;
        in->depth--;
    }
}

bool text_is_json(const char *data, size_t size)
{
    struct json_scan in = {.at = data, .end = data + size};
    for (bool is_done = false; !is_done;) {
        skip_blanks(&in);
        if (in.at == in.end) return false;
        bool is_object = *in.at == '{';
        if (is_object || *in.at == '[') {
            if (in.depth == TEXT_JSON_DEPTH_MAX) return false;
            in.at++;
            is_object ? bitmap_set(in.is_object, in.depth) : bitmap_clear(in.is_object, in.depth);
            in.depth++;
            skip_blanks(&in);
            bool is_empty = take_char(&in, is_object ? '}' : ']');
            if (!is_empty) {
                if (is_object && !take_key(&in)) return false;
                continue;
            }
            in.depth--;
        } else if (!take_scalar(&in)) {
            return false;
        }
        if (!next_value(&in, &is_done)) return false;
    }
    return true;
}
