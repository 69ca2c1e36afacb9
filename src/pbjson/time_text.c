#include "time_text.h"

#include "number.h"

#define MIN_SECONDS          INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define MAX_SECONDS          INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define MAX_DURATION_SECONDS INT64_C(315576000000)
#define NANOS                1000000000
#define DAY_SECONDS          86400

/* --- The calendar ------------------------------------------------------------------- */

/* gmtime_r() takes a lock, and costs as much as all the rest of a small message. */
struct date {
    int year, month, day;
};

/* Days since 0000-03-01: years that begin in March end with their leap day. */
#define MARCH_TO_1970 719468
#define DAYS_OF_400   146097
#define DAYS_OF_100   36524
#define DAYS_OF_4     1461

/* Days of such a year before its @month, 0 for March: 31, 30, 31, 30, 31 and again. */
static int days_before(int month)
{
    return (153 * month + 2) / 5;
}

static int64_t days_of_date(struct date d)
{
    const int month = d.month > 2 ? d.month - 3 : d.month + 9;
    const int64_t year = d.month > 2 ? d.year : d.year - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + days_before(month) + d.day - 1 -
           MARCH_TO_1970;
}

/* The last day of 400 years, of 100 and of 4 is one that a division takes for a day more. */
static struct date date_of_days(int64_t since_1970)
{
    int64_t days = since_1970 + MARCH_TO_1970;
    const int64_t n400 = days / DAYS_OF_400;
    days %= DAYS_OF_400;
    const int64_t n100 = days == DAYS_OF_400 - 1 ? 3 : days / DAYS_OF_100;
    days -= n100 * DAYS_OF_100;
    const int64_t n4 = days / DAYS_OF_4;
    days %= DAYS_OF_4;
    const int64_t n1 = days == DAYS_OF_4 - 1 ? 3 : days / 365;
    const int rest = (int)(days - n1 * 365);
    const int month = (5 * rest + 2) / 153;
    struct date d = { .year = (int)(n400 * 400 + n100 * 100 + n4 * 4 + n1) };
    d.day = rest - days_before(month) + 1;
    d.month = month < 10 ? month + 3 : month - 9;
    d.year += month >= 10;
    return d;
}

/* --- Writing ------------------------------------------------------------------------ */

static char *put_digits(char *to, int value, int n)
{
    for (int i = n - 1; i >= 0; i--, value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + n;
}

static char *put_fraction(char *to, int64_t nanos)
{
    const int n = (int)nanos;
    if (n == 0)
        return to;
    *to++ = '.';
    if (n % 1000000 == 0)
        return put_digits(to, n / 1000000, 3);
    if (n % 1000 == 0)
        return put_digits(to, n / 1000, 6);
    return put_digits(to, n, 9);
}

/* @n digits, and what stands behind them. */
static char *put_part(char *to, int value, int n, char behind)
{
    to = put_digits(to, value, n);
    *to++ = behind;
    return to;
}

size_t time_text_put(char *text, int64_t seconds, int64_t nanos)
{
    if (seconds < MIN_SECONDS || seconds > MAX_SECONDS || nanos < 0 || nanos >= NANOS)
        return 0;
    const int64_t since = seconds - MIN_SECONDS; /* not negative */
    const int clock = (int)(since % DAY_SECONDS);
    const struct date d = date_of_days(since / DAY_SECONDS + MIN_SECONDS / DAY_SECONDS);
    char *to = put_part(text, d.year, 4, '-');
    to = put_part(to, d.month, 2, '-');
    to = put_part(to, d.day, 2, 'T');
    to = put_part(to, clock / 3600, 2, ':');
    to = put_part(to, clock / 60 % 60, 2, ':');
    to = put_digits(to, clock % 60, 2);
    to = put_fraction(to, nanos);
    *to++ = 'Z';
    return (size_t)(to - text);
}

size_t duration_text_put(char *text, int64_t seconds, int64_t nanos)
{
    const bool negative = seconds < 0 || nanos < 0;
    char *to = text;
    if (seconds < -MAX_DURATION_SECONDS || seconds > MAX_DURATION_SECONDS || nanos <= -NANOS ||
        nanos >= NANOS || (negative && (seconds > 0 || nanos > 0)))
        return 0;
    if (negative)
        *to++ = '-';
    to += number_put_unsigned(to, (uint64_t)(negative ? -seconds : seconds));
    to = put_fraction(to, negative ? -nanos : nanos);
    *to++ = 's';
    return (size_t)(to - text);
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

static bool take_date(struct bytes *rest, struct date *d)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (!take_number(rest, 4, 1, 9999, &d->year) || !take(rest, '-') ||
        !take_number(rest, 2, 1, 12, &d->month) || !take(rest, '-') ||
        !take_number(rest, 2, 1, 31, &d->day))
        return false;
    const bool leap = (d->year % 4 == 0 && d->year % 100 != 0) || d->year % 400 == 0;
    return d->day <= days[d->month - 1] + (d->month == 2 && leap);
}

static bool take_clock(struct bytes *rest, int *ret_seconds)
{
    int hours, minutes, seconds;
    if (!take_number(rest, 2, 0, 23, &hours) || !take(rest, ':') ||
        !take_number(rest, 2, 0, 59, &minutes) || !take(rest, ':') ||
        !take_number(rest, 2, 0, 59, &seconds))
        return false;
    *ret_seconds = (hours * 60 + minutes) * 60 + seconds;
    return true;
}

bool time_text_read(struct bytes text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct date date;
    int clock, offset;
    int32_t nanos;
    if (!take_date(&text, &date) || !take(&text, 'T') || !take_clock(&text, &clock) ||
        !take_fraction(&text, &nanos) || !take_offset(&text, &offset) || text.len > 0)
        return false;
    const int64_t seconds = days_of_date(date) * DAY_SECONDS + clock - offset;
    if (seconds < MIN_SECONDS || seconds > MAX_SECONDS)
        return false;
    *ret_seconds = seconds;
    *ret_nanos = nanos;
    return true;
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
