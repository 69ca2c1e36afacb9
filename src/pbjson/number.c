#include "number.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Writing ------------------------------------------------------------------------ */

/* So many digits any decimal keeps on its way through a double and back, if it is
 * no subnormal; if they are enough, %g leaves out the zeros behind. */
size_t number_put_double(char *to, double value)
{
    int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
    size_t n;
    do
        n = (size_t)snprintf(to, NUMBER_TEXT_BYTES, "%.*g", digits, value);
    while (strtod(to, NULL) != value && ++digits <= DBL_DECIMAL_DIG);
    return n;
}

size_t number_put_float(char *to, float value)
{
    int digits = fabsf(value) < FLT_MIN ? 1 : FLT_DIG;
    size_t n;
    do
        n = (size_t)snprintf(to, NUMBER_TEXT_BYTES, "%.*g", digits, (double)value);
    while (strtof(to, NULL) != value && ++digits <= FLT_DECIMAL_DIG);
    return n;
}

size_t number_put_unsigned(char *to, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    for (size_t i = 0; i < n; i++)
        to[i] = digits[n - 1 - i];
    return n;
}

size_t number_put_signed(char *to, int64_t value)
{
    if (value >= 0)
        return number_put_unsigned(to, (uint64_t)value);
    *to = '-';
    return 1 + number_put_unsigned(to + 1, 0 - (uint64_t)value);
}

/* --- Reading ------------------------------------------------------------------------ */

static size_t digits_at(struct bytes text, size_t at)
{
    size_t n = 0;
    while (at + n < text.len && text.data[at + n] >= '0' && text.data[at + n] <= '9')
        n++;
    return n;
}

static bool is_at(struct bytes text, size_t at, char c)
{
    return at < text.len && text.data[at] == (uint8_t)c;
}

size_t number_length(struct bytes text)
{
    size_t at = is_at(text, 0, '-'), n = digits_at(text, at);
    if (n == 0)
        return 0;
    at += is_at(text, at, '0') ? 1 : n; /* no zeros in front */
    if (is_at(text, at, '.') && (n = digits_at(text, at + 1)) > 0)
        at += 1 + n;
    if (is_at(text, at, 'e') || is_at(text, at, 'E')) {
        const size_t sign = is_at(text, at + 1, '-') || is_at(text, at + 1, '+');
        n = digits_at(text, at + 1 + sign);
        at += n > 0 ? 1 + sign + n : 0;
    }
    return at;
}

/* A number taken apart: digits with a point behind the first @point of them. */
struct decimal {
    bool negative;
    struct bytes whole, fraction;
    int64_t point;
};

#define MAX_EXPONENT 1000000000 /* beyond it everything is too large, or no integer */

static int64_t read_exponent(struct bytes text, size_t at)
{
    const bool negative = is_at(text, at, '-');
    int64_t value = 0;
    at += negative || is_at(text, at, '+');
    for (; at < text.len; at++)
        if (value < MAX_EXPONENT)
            value = value * 10 + text.data[at] - '0';
    return negative ? -value : value;
}

static bool take_apart(struct bytes text, struct decimal *d)
{
    if (text.len == 0 || number_length(text) != text.len)
        return false;
    *d = (struct decimal){ .negative = text.data[0] == '-' };
    size_t at = d->negative;
    d->whole = bytes_of(text.data + at, digits_at(text, at));
    at += d->whole.len;
    if (is_at(text, at, '.')) {
        d->fraction = bytes_of(text.data + at + 1, digits_at(text, at + 1));
        at += 1 + d->fraction.len;
    }
    d->point = (int64_t)d->whole.len + (at < text.len ? read_exponent(text, at + 1) : 0);
    return true;
}

static unsigned digit_of(const struct decimal *d, size_t i)
{
    return (i < d->whole.len ? d->whole.data[i] : d->fraction.data[i - d->whole.len]) - '0';
}

/* The digits before the point; those behind it must be zeros. Zeros that an exponent
 * adds are counted only while there is something that they make larger. */
static int magnitude_of(const struct decimal *d, uint64_t *ret)
{
    const size_t n = d->whole.len + d->fraction.len;
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        if ((int64_t)i >= d->point && digit_of(d, i) != 0)
            return EINVAL;
    }
    for (int64_t i = 0; i < d->point && (value > 0 || i < (int64_t)n); i++) {
        const unsigned digit = i < (int64_t)n ? digit_of(d, (size_t)i) : 0;
        if (value > (UINT64_MAX - digit) / 10)
            return ERANGE;
        value = value * 10 + digit;
    }
    *ret = value;
    return 0;
}

int number_read_signed(struct bytes text, int64_t min, int64_t max, int64_t *ret)
{
    struct decimal d;
    uint64_t value;
    const int rv = take_apart(text, &d) ? magnitude_of(&d, &value) : EINVAL;
    if (rv != 0)
        return rv;
    if (value > (d.negative ? 0 - (uint64_t)min : (uint64_t)max))
        return ERANGE;
    *ret = (int64_t)(d.negative ? 0 - value : value);
    return 0;
}

int number_read_unsigned(struct bytes text, uint64_t max, uint64_t *ret)
{
    struct decimal d;
    uint64_t value;
    const int rv = take_apart(text, &d) ? magnitude_of(&d, &value) : EINVAL;
    if (rv != 0)
        return rv;
    if (value > max || (d.negative && value > 0))
        return ERANGE;
    *ret = value;
    return 0;
}

bool number_read_double(const char *text, double *ret)
{
    *ret = strtod(text, NULL);
    return isfinite(*ret);
}

bool number_read_float(const char *text, float *ret)
{
    *ret = strtof(text, NULL);
    return isfinite(*ret);
}
