#include "time_text.h"

#include <stdio.h>
#include <time.h>

#define MIN_SECONDS          INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define MAX_SECONDS          INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define MAX_DURATION_SECONDS INT64_C(315576000000)
#define NANOS                1000000000

/* --- Writing ------------------------------------------------------------------------ */

static size_t put_fraction(char *to, int64_t nanos)
{
    const int n = (int)nanos;
    if (n == 0)
        return 0;
    if (n % 1000000 == 0)
        return (size_t)sprintf(to, ".%03d", n / 1000000);
    if (n % 1000 == 0)
        return (size_t)sprintf(to, ".%06d", n / 1000);
    return (size_t)sprintf(to, ".%09d", n);
}

size_t time_text_put(char *to, int64_t seconds, int64_t nanos)
{
    struct tm t;
    const time_t time = seconds;
    if (seconds < MIN_SECONDS || seconds > MAX_SECONDS || nanos < 0 || nanos >= NANOS ||
        gmtime_r(&time, &t) == NULL)
        return 0;
    size_t n = (size_t)sprintf(to, "%04d-%02d-%02dT%02d:%02d:%02d", t.tm_year + 1900, t.tm_mon + 1,
                               t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    n += put_fraction(to + n, nanos);
    to[n++] = 'Z';
    return n;
}

size_t duration_text_put(char *to, int64_t seconds, int64_t nanos)
{
    const bool negative = seconds < 0 || nanos < 0;
    if (seconds < -MAX_DURATION_SECONDS || seconds > MAX_DURATION_SECONDS || nanos <= -NANOS ||
        nanos >= NANOS || (negative && (seconds > 0 || nanos > 0)))
        return 0;
    size_t n = (size_t)sprintf(to, "%s%lld", negative ? "-" : "",
                               (long long)(negative ? -seconds : seconds));
    n += put_fraction(to + n, negative ? -nanos : nanos);
    to[n++] = 's';
    return n;
}

/* --- Reading ------------------------------------------------------------------------ */

static bool take(struct bytes *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != (uint8_t)c)
        return false;
    *rest = bytes_of(rest->data + 1, rest->len - 1);
    return true;
}

static bool take_digit(struct bytes *rest, int64_t *value)
{
    if (rest->len == 0 || rest->data[0] < '0' || rest->data[0] > '9')
        return false;
    *value = *value * 10 + rest->data[0] - '0';
    *rest = bytes_of(rest->data + 1, rest->len - 1);
    return true;
}

/* Exactly @n digits, of at least @min and at most @max. */
static bool take_number(struct bytes *rest, int n, int min, int max, int *ret)
{
    int64_t value = 0;
    for (; n > 0; n--)
        if (!take_digit(rest, &value))
            return false;
    *ret = (int)value;
    return value >= min && value <= max;
}

/* ".5", of at most nine digits, or nothing. */
static bool take_fraction(struct bytes *rest, int32_t *ret_nanos)
{
    int64_t value = 0;
    int digits = 0;
    if (take(rest, '.')) {
        while (digits < 9 && take_digit(rest, &value))
            digits++;
        if (digits == 0)
            return false;
    }
    for (; digits < 9; digits++)
        value *= 10;
    *ret_nanos = (int32_t)value;
    return true;
}

static bool take_offset(struct bytes *rest, int *ret_seconds)
{
    int hours, minutes;
    *ret_seconds = 0;
    if (take(rest, 'Z'))
        return true;
    const bool west = take(rest, '-');
    if ((!west && !take(rest, '+')) || !take_number(rest, 2, 0, 23, &hours) || !take(rest, ':') ||
        !take_number(rest, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = (hours * 60 + minutes) * (west ? -60 : 60);
    return true;
}

static bool take_date(struct bytes *rest, struct tm *t)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int year, month, day;
    if (!take_number(rest, 4, 1, 9999, &year) || !take(rest, '-') ||
        !take_number(rest, 2, 1, 12, &month) || !take(rest, '-') ||
        !take_number(rest, 2, 1, 31, &day))
        return false;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    t->tm_year = year - 1900;
    t->tm_mon = month - 1;
    t->tm_mday = day;
    return day <= days[month - 1] + (month == 2 && leap);
}

static bool take_clock(struct bytes *rest, struct tm *t)
{
    return take_number(rest, 2, 0, 23, &t->tm_hour) && take(rest, ':') &&
           take_number(rest, 2, 0, 59, &t->tm_min) && take(rest, ':') &&
           take_number(rest, 2, 0, 59, &t->tm_sec);
}

bool time_text_read(struct bytes text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct tm t = { 0 };
    int offset;
    if (!take_date(&text, &t) || !take(&text, 'T') || !take_clock(&text, &t) ||
        !take_fraction(&text, ret_nanos) || !take_offset(&text, &offset) || text.len > 0)
        return false;
    *ret_seconds = timegm(&t) - offset;
    return *ret_seconds >= MIN_SECONDS && *ret_seconds <= MAX_SECONDS;
}

bool duration_text_read(struct bytes text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    const bool negative = take(&text, '-');
    int64_t seconds = 0;
    if (!take_digit(&text, &seconds))
        return false;
    while (seconds <= MAX_DURATION_SECONDS && take_digit(&text, &seconds))
        ;
    if (!take_fraction(&text, ret_nanos) || !take(&text, 's') || text.len > 0 ||
        seconds > MAX_DURATION_SECONDS)
        return false;
    *ret_seconds = negative ? -seconds : seconds;
    *ret_nanos = negative ? -*ret_nanos : *ret_nanos;
    return true;
}
