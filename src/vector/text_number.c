/* text_number.c - integers, decimals and binary floating point to and from text.
 *
 * Floats. Reading: a mantissa below 2^53 and a power of ten up to 22 are both exact doubles, so one division or multiplication rounds
 * correctly (Clinger, "How to Read Floating Point Numbers Accurately", PLDI 1990); anything else is normalised to a JSON number and
 * given to yyjson, which is exact for any length. Printing: yyjson finds the shortest digits that read back to the same value; they are
 * laid out here: plain for exponents -5 < e < 16, else "1.5e+30". Nothing here looks at the locale.
 * Cost: some 10 ns for an integer, 20-60 ns for a float. No heap. */
#include <yyjson.h> /* first: it asks the compiler for attributes that we have names for */

#include "vector/text_internal.h"
#include <math.h>

#define E18 ((int128)1000000000000000000LL)
const int128 pow10_table[39] = {1,
                                10,
                                100,
                                1000,
                                10000,
                                100000,
                                1000000,
                                10000000,
                                100000000,
                                1000000000,
                                10000000000LL,
                                100000000000LL,
                                1000000000000LL,
                                10000000000000LL,
                                100000000000000LL,
                                1000000000000000LL,
                                10000000000000000LL,
                                100000000000000000LL,
                                E18,
                                E18 * 10,
                                E18 * 100,
                                E18 * 1000,
                                E18 * 10000,
                                E18 * 100000,
                                E18 * 1000000,
                                E18 * 10000000,
                                E18 * 100000000,
                                E18 * 1000000000,
                                E18 * 10000000000LL,
                                E18 * 100000000000LL,
                                E18 * 1000000000000LL,
                                E18 * 10000000000000LL,
                                E18 * 100000000000000LL,
                                E18 * 1000000000000000LL,
                                E18 * 10000000000000000LL,
                                E18 * 100000000000000000LL,
                                E18 *E18,
                                E18 *E18 * 10,
                                E18 *E18 * 100};

/* --- Integers ------------------------------------------------------------------------------------------------------------------ */

/* Digits data[0..size) (at least one, nothing else) as an unsigned number. */
static enum parse_result parse_magnitude(const char *data, size_t size, uint64_t *out)
{
    if (size == 0) return PARSE_SYNTAX;
    uint64_t value = 0;
    bool is_big = false;
    for (size_t i = 0; i < size; i++) {
        unsigned digit = (unsigned)(unsigned char)data[i] - '0';
        if (digit > 9) return PARSE_SYNTAX;
        if (i >= 19)
            is_big |= __builtin_mul_overflow(value, 10, &value) ||
                      __builtin_add_overflow(value, digit, &value);
        else
            value = value * 10 + digit;
    }
    *out = value;
    return is_big ? PARSE_RANGE : PARSE_OK;
}

enum parse_result text_parse_int64(const char *data, size_t size, int64_t *out)
{
    text_trim(&data, &size);
    bool is_negative = size > 0 && data[0] == '-';
    size_t sign = size > 0 && (data[0] == '-' || data[0] == '+');
    uint64_t magnitude = 0;
    enum parse_result result = parse_magnitude(data + sign, size - sign, &magnitude);
    if (result != PARSE_OK) return result;
    if (magnitude > (uint64_t)INT64_MAX + is_negative) return PARSE_RANGE;
    *out = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return PARSE_OK;
}

enum parse_result text_parse_uint64(const char *data, size_t size, uint64_t *out)
{
    text_trim(&data, &size);
    bool is_negative = size > 0 && data[0] == '-';
    size_t sign = size > 0 && (data[0] == '-' || data[0] == '+');
    uint64_t magnitude = 0;
    enum parse_result result = parse_magnitude(data + sign, size - sign, &magnitude);
    if (result != PARSE_OK) return result;
    if (is_negative && magnitude) return PARSE_RANGE;
    *out = magnitude;
    return PARSE_OK;
}

/* The digits of `value`, right-aligned to `end`; returns their start. */
static char *digits_before(char *end, uint64_t value)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return end;
}

void text_print_uint64(struct strbuf *out, uint64_t value)
{
    char buf[20], *end = buf + sizeof buf, *start = digits_before(end, value);
    strbuf_append(out, start, (size_t)(end - start));
}

void text_print_int64(struct strbuf *out, int64_t value)
{
    char buf[21], *end = buf + sizeof buf;
    char *start = digits_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0) *--start = '-';
    strbuf_append(out, start, (size_t)(end - start));
}

/* --- Decimal numerals: what floats and DECIMAL have in common ------------------------------------------------------------------------ */

/* "-012.340e5": sign, digits with a point somewhere, exponent. value = digits * 10^exponent, the point left out of the digits. */
struct numeral {
    const char *digits; /* from the first digit that is not 0 */
    const char *end;    /* after the last digit (a point may lie between) */
    size_t n_digits;    /* without the point; 0 means the value 0 */
    int64_t exponent;   /* of the last digit */
    uint64_t mantissa;  /* the digits as a number, while there are no more than 19 */
    bool is_negative;
};

enum { EXPONENT_MAX = 1000000 }; /* more is as good as infinite for every type */

static bool numeral_exponent(const char *p, const char *end, int64_t *out)
{
    bool is_negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end) return false;
    int64_t value = 0;
    for (; p < end; p++) {
        unsigned digit = (unsigned)(unsigned char)*p - '0';
        if (digit > 9) return false;
        if (value < EXPONENT_MAX) value = value * 10 + digit;
    }
    *out = is_negative ? -value : value;
    return true;
}

static bool numeral_scan(const char *data, size_t size, struct numeral *out)
{
    const char *p = data, *end = data + size, *point = NULL;
    bool is_negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *start = p;
    while (p < end && *p == '0') p++;
    const char *first =
        p; /* of the digits that count, unless only a point and zeros precede them */
    uint64_t mantissa = 0;
    for (; p < end; p++) {
        unsigned digit = (unsigned)(unsigned char)*p - '0';
        if (digit <= 9) {
            mantissa = mantissa * 10 + digit; /* wraps beyond 19 digits, where it isn't used */
        } else if (*p == '.' && !point) {
            point = p;
        } else {
            break;
        }
    }
    if (p - start - (point != NULL) <= 0) return false; /* no digit */
    const char *digits_end = p;
    if (point == first) {
        first++;
        while (first < digits_end && *first == '0') first++;
    }
    size_t n_digits = (size_t)(digits_end - first) - (point && point >= first);
    int64_t exponent = 0;
    if (p < end && ((*p | 0x20) != 'e' || !numeral_exponent(p + 1, end, &exponent))) return false;
    if (point) exponent -= digits_end - point - 1;
    *out = (struct numeral){.digits = first,
                            .end = digits_end,
                            .n_digits = n_digits,
                            .exponent = exponent,
                            .mantissa = mantissa,
                            .is_negative = is_negative};
    return true;
}

/* --- DECIMAL --------------------------------------------------------------------------------------------------------------------- */

enum parse_result text_parse_decimal(const char *data, size_t size, int precision, int scale,
                                     int128 *out, bool *is_exact)
{
    text_trim(&data, &size);
    struct numeral num;
    if (!numeral_scan(data, size, &num)) return PARSE_SYNTAX;
    int128 value = 0;
    bool exact = true;
    if (num.n_digits) {
        /* Digits of the scaled value before its point: those are kept, the next one rounds. */
        int64_t shift = num.exponent + scale;
        int64_t n_keep = (int64_t)num.n_digits + shift;
        if (n_keep > DECIMAL_PRECISION_MAX) return PARSE_RANGE;
        int64_t i = 0;
        bool round_up = false;
        for (const char *p = num.digits; p < num.end; p++) {
            if (*p == '.') continue;
            if (i < n_keep) {
                value = value * 10 + (*p - '0');
            } else {
                if (i == n_keep) round_up = *p >= '5';
                if (*p != '0') exact = false;
            }
            i++;
        }
        if (shift > 0) value *= pow10_table[shift];
        value += round_up;
    }
    if (value >= pow10_table[precision]) return PARSE_RANGE;
    *out = num.is_negative ? -value : value;
    if (is_exact) *is_exact = exact;
    return PARSE_OK;
}

double decimal_to_double_wide(int128 value, int scale)
{
    unsigned __int128 divisor = (unsigned __int128)pow10_table[scale],
                      magnitude = value < 0 ? 0 - (unsigned __int128)value
                                            : (unsigned __int128)value,
                      quotient = magnitude / divisor, rest = magnitude % divisor;
    if (magnitude == 0) return 0;
    /* 53 bits, one that rounds, and one that says whether anything is left: 10^38 < 2^127, so that twice the rest fits. */
    int shift = 0;
    for (; !(quotient >> 54); shift++) {
        rest <<= 1;
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    if (rest) quotient |= 1;
    double result = ldexp((double)quotient, -shift);
    return value < 0 ? -result : result;
}

void text_print_decimal(struct strbuf *out, int128 value, int scale)
{
    char buf[48], *end = buf + sizeof buf, *p = end;
    unsigned __int128 magnitude = value < 0 ? 0 - (unsigned __int128)value
                                            : (unsigned __int128)value;
    for (int i = 0; magnitude || i <= scale; i++) {
        if (i == scale && scale > 0) *--p = '.';
        *--p = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    }
    if (value < 0) *--p = '-';
    strbuf_append(out, p, (size_t)(end - p));
}

/* --- Floats ---------------------------------------------------------------------------------------------------------------------- */

/* More significant digits than any tie between two neighbouring doubles has (767); what follows is folded into one sticky digit. */
enum { FLOAT_DIGITS_MAX = 800 };

/* `num` as "<digits>e<exponent>" in buf, zero-terminated, for yyjson. */
static void numeral_to_json(const struct numeral *num, char buf[FLOAT_DIGITS_MAX + 32])
{
    size_t n = 0, i = 0;
    bool has_more = false;
    if (num->is_negative) buf[n++] = '-';
    for (const char *p = num->digits; p < num->end; p++) {
        if (*p == '.') continue;
        if (i < FLOAT_DIGITS_MAX)
            buf[n++] = *p;
        else
            has_more |= *p != '0';
        i++;
    }
    int64_t exponent = num->exponent;
    if (i > FLOAT_DIGITS_MAX) {
        exponent += (int64_t)(i - FLOAT_DIGITS_MAX);
        if (has_more)
            buf[n - 1] |=
                1; /* '0' -> '1', '2' -> '3' ...: only moves a number that lies on a tie off it */
    }
    buf[n++] = 'e';
    if (exponent < 0) buf[n++] = '-';
    char digits[20], *start = digits_before(digits + sizeof digits,
                                            (uint64_t)(exponent < 0 ? -exponent : exponent));
    size_t n_exponent = (size_t)(digits + sizeof digits - start);
    memcpy(buf + n, start, n_exponent);
    buf[n + n_exponent] = 0;
}

static enum parse_result numeral_to_double(const struct numeral *num, double *out)
{
    static const double exact_pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (num->n_digits == 0) {
        *out = num->is_negative ? -0.0 : 0.0;
        return PARSE_OK;
    }
    int64_t magnitude_exponent = (int64_t)num->n_digits + num->exponent; /* value < 10^this */
    if (magnitude_exponent > 310) return PARSE_RANGE;
    if (magnitude_exponent < -330) {
        *out = num->is_negative ? -0.0 : 0.0;
        return PARSE_OK;
    }
    if (num->n_digits <= 19 && num->exponent >= -22 && num->exponent <= 22) {
        if (num->mantissa <= (uint64_t)1 << 53) {
            double value = (double)num->mantissa;
            if (num->exponent < 0)
                value /= exact_pow10[-num->exponent];
            else
                value *= exact_pow10[num->exponent];
            *out = num->is_negative ? -value : value;
            return PARSE_OK;
        }
    }
    char buf[FLOAT_DIGITS_MAX + 32];
    numeral_to_json(num, buf);
    yyjson_val val;
    const char *after = yyjson_read_number(buf, &val, YYJSON_READ_NOFLAG, NULL, NULL);
    if (!after || *after || !yyjson_is_num(&val)) return PARSE_RANGE;
    *out = yyjson_get_num(&val);
    return PARSE_OK;
}

/* "nan", "inf", "infinity" with a sign, in any case. */
static bool parse_special(const char *data, size_t size, double *out)
{
    bool is_negative = size > 0 && data[0] == '-';
    if (size > 0 && (data[0] == '-' || data[0] == '+')) data++, size--;
    if (text_is_word(data, size, "nan"))
        *out = __builtin_nan("");
    else if (text_is_word(data, size, "inf") || text_is_word(data, size, "infinity"))
        *out = __builtin_inf();
    else
        return false;
    if (is_negative) *out = -*out;
    return true;
}

enum parse_result text_parse_double(const char *data, size_t size, double *out)
{
    text_trim(&data, &size);
    struct numeral num;
    if (likely(numeral_scan(data, size, &num))) return numeral_to_double(&num, out);
    return parse_special(data, size, out) ? PARSE_OK : PARSE_SYNTAX;
}

/* Sign of (numeral - mantissa * 2^exponent2), both positive: big integers of 32-bit limbs, both sides made whole. Only for texts that
 * lie within half a double's ulp of the middle of two floats, so never hot; the numeral is within float range. */
enum {
    LIMBS_MAX = 136
}; /* 4,352 bits: 800 digits (2,660 bits) and 2^150 * 10^(800 + 45) in the worst case */
struct bignum {
    uint32_t limbs[LIMBS_MAX];
    size_t n;
};
static void bignum_mul_add(struct bignum *b, uint32_t factor, uint32_t carry_in)
{
    uint64_t carry = carry_in;
    for (size_t i = 0; i < b->n; i++) {
        carry += (uint64_t)b->limbs[i] * factor;
        b->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry && b->n < LIMBS_MAX) b->limbs[b->n++] = (uint32_t)carry;
}
static int bignum_compare(const struct bignum *a, const struct bignum *b)
{
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (size_t i = a->n; i-- > 0;)
        if (a->limbs[i] != b->limbs[i]) return a->limbs[i] < b->limbs[i] ? -1 : 1;
    return 0;
}
static int numeral_compare(const struct numeral *num, uint64_t mantissa, int exponent2)
{
    struct bignum text = {.n = 0};
    struct bignum binary = {.limbs = {(uint32_t)mantissa, (uint32_t)(mantissa >> 32)},
                            .n = 2}; /* mantissa >= 2^52 */
    int64_t exponent10 = num->exponent;
    size_t i = 0;
    bool has_more = false;
    for (const char *p = num->digits; p < num->end; p++) {
        if (*p == '.') continue;
        if (i++ < FLOAT_DIGITS_MAX)
            bignum_mul_add(&text, 10, (uint32_t)(*p - '0'));
        else
            exponent10++, has_more |= *p != '0';
    }
    for (; exponent10 > 0; exponent10--) bignum_mul_add(&text, 10, 0);
    for (; exponent10 < 0; exponent10++) bignum_mul_add(&binary, 10, 0);
    for (; exponent2 > 0; exponent2--) bignum_mul_add(&binary, 2, 0);
    for (; exponent2 < 0; exponent2++) bignum_mul_add(&text, 2, 0);
    int order = bignum_compare(&text, &binary);
    return order == 0 && has_more ? 1 : order;
}

enum parse_result text_parse_float(const char *data, size_t size, float *out)
{
    text_trim(&data, &size);
    struct numeral num;
    double value;
    if (!numeral_scan(data, size, &num)) {
        if (!parse_special(data, size, &value)) return PARSE_SYNTAX;
        *out = (float)value;
        return PARSE_OK;
    }
    enum parse_result result = numeral_to_double(&num, &value);
    if (result != PARSE_OK) return result;
    float rounded = (float)value;
    if (__builtin_isinf(rounded)) return PARSE_RANGE;
    /* Rounding twice is wrong only where the double fell on the middle of two floats and the text did not. */
    double other_side = 2 * value - (double)rounded;
    if (unlikely((double)rounded != value && (double)(float)other_side == other_side &&
                 num.n_digits)) {
        int exponent2;
        double magnitude = value < 0 ? -value : value;
        uint64_t mantissa = (uint64_t)__builtin_ldexp(__builtin_frexp(magnitude, &exponent2), 53);
        int order = numeral_compare(&num, mantissa, exponent2 - 53);
        double low = (double)rounded, high = other_side;
        if ((low < 0 ? -low : low) > (high < 0 ? -high : high))
            low = other_side, high = (double)rounded;
        if (order != 0) rounded = (float)(order > 0 ? high : low);
    }
    *out = rounded;
    return PARSE_OK;
}

/* Lays the digits of yyjson's text ("-12.5", "1e30", "1.5e-7") out our way. */
static void print_shortest(struct strbuf *out, const char *text, size_t size)
{
    char digits[32];
    int n_digits = 0, point = 0; /* value = 0.digits * 10^point */
    bool has_point = false;
    const char *p = text, *end = text + size;
    bool is_negative = *p == '-';
    if (is_negative) p++;
    int exponent = 0;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.')
            has_point = true;
        else {
            if (!has_point) point++;
            if (n_digits == 0 && *p == '0')
                point--;
            else if (n_digits < (int)sizeof digits)
                digits[n_digits++] = *p;
        }
    }
    if (p < end) {
        int64_t value = 0;
        numeral_exponent(p + 1, end, &value);
        exponent = (int)value;
    }
    while (n_digits > 1 && digits[n_digits - 1] == '0') n_digits--;
    if (n_digits == 0) digits[n_digits++] = '0', point = 1;
    int e = point + exponent - 1; /* d.ddd * 10^e */
    char buf[64];
    size_t n = 0;
    if (is_negative) buf[n++] = '-';
    if (e < -4 || e >= 16) {
        buf[n++] = digits[0];
        if (n_digits > 1) buf[n++] = '.';
        for (int i = 1; i < n_digits; i++) buf[n++] = digits[i];
        buf[n++] = 'e';
        buf[n++] = e < 0 ? '-' : '+';
        unsigned magnitude = (unsigned)(e < 0 ? -e : e);
        if (magnitude >= 100) buf[n++] = (char)('0' + magnitude / 100);
        buf[n++] = (char)('0' + magnitude / 10 % 10);
        buf[n++] = (char)('0' + magnitude % 10);
    } else if (e < 0) {
        buf[n++] = '0';
        buf[n++] = '.';
        for (int i = e + 1; i < 0; i++) buf[n++] = '0';
        for (int i = 0; i < n_digits; i++) buf[n++] = digits[i];
    } else {
        for (int i = 0; i <= e || i < n_digits; i++) {
            if (i == e + 1) buf[n++] = '.';
            buf[n++] = i < n_digits ? digits[i] : '0';
        }
        if (n_digits <= e + 1) buf[n++] = '.', buf[n++] = '0';
    }
    strbuf_append(out, buf, n);
}

static void print_binary(struct strbuf *out, double value, bool is_float)
{
    if (value != value) {
        strbuf_puts(out, "NaN");
    } else if (__builtin_isinf(value)) {
        strbuf_puts(out, value < 0 ? "-Infinity" : "Infinity");
    } else {
        char memory[512];
        yyjson_alc alc;
        yyjson_val val;
        yyjson_alc_pool_init(&alc, memory, sizeof memory);
        val.tag = 0;
        yyjson_set_real(&val, value);
        size_t size = 0;
        const char *text = yyjson_val_write_opts(
            &val, is_float ? YYJSON_WRITE_FP_TO_FLOAT : YYJSON_WRITE_NOFLAG, &alc, &size, NULL);
        if (text)
            print_shortest(out, text,
                           size); /* the pool is on the stack and large enough: this can't fail */
        else
            out->failed = true;
    }
}

void text_print_double(struct strbuf *out, double value) { print_binary(out, value, false); }
void text_print_float(struct strbuf *out, float value) { print_binary(out, (double)value, true); }
