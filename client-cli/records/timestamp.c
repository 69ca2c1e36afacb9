#include "timestamp.h"

#define DAY_SECONDS 86400
#define ERA_DAYS    146097 /* 400 years: after that the calendar repeats itself */
#define EPOCH_DAYS  719468 /* from 0000-03-01 to 1970-01-01 */

/* Years begin in March here: so the leap day is the last one of its year, and
 * a month starts (153 * month + 2) / 5 days into the year. */

static int64_t days_of_date(int year, int month, int day)
{
    int y = month > 2 ? year : year - 1; /* not negative: year is at least 1 */
    int m = month > 2 ? month - 3 : month + 9;
    int64_t leap_days = y / 4 - y / 100 + y / 400;
    return (int64_t)y * 365 + leap_days + (153 * m + 2) / 5 + day - 1 - EPOCH_DAYS;
}

static void date_of_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    days += EPOCH_DAYS; /* positive: years before 1 are out of range */
    int era = (int)(days / ERA_DAYS);
    int day = (int)(days % ERA_DAYS);
    /* Take out the leap days before @day, and every year has 365. */
    int year = (day - day / 1460 + day / 36524 - day / (ERA_DAYS - 1)) / 365;
    day -= year * 365 + year / 4 - year / 100;
    int month = (5 * day + 2) / 153;
    *ret_day = day - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = era * 400 + year + (month >= 10);
}

static char *put_digits(char *to, int n, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        to[i] = (char)('0' + n % 10);
        n /= 10;
    }
    return to + count;
}

static char *put_fraction(char *to, int32_t nanos)
{
    if (nanos == 0)
        return to;
    *to++ = '.';
    if (nanos % 1000000 == 0)
        return put_digits(to, nanos / 1000000, 3);
    if (nanos % 1000 == 0)
        return put_digits(to, nanos / 1000, 6);
    return put_digits(to, nanos, 9);
}

size_t timestamp_print(int64_t seconds, int32_t nanos, char *ret)
{
    if (seconds < TIMESTAMP_MIN_SECONDS || seconds > TIMESTAMP_MAX_SECONDS || nanos < 0 ||
        nanos > 999999999)
        return 0;
    /* C divides towards 0; count from the first day there is. */
    int64_t since = seconds - TIMESTAMP_MIN_SECONDS;
    int time = (int)(since % DAY_SECONDS);
    int year, month, day;
    date_of_days(since / DAY_SECONDS + TIMESTAMP_MIN_SECONDS / DAY_SECONDS, &year, &month, &day);

    char *to = put_digits(ret, year, 4);
    *to++ = '-';
    to = put_digits(to, month, 2);
    *to++ = '-';
    to = put_digits(to, day, 2);
    *to++ = 'T';
    to = put_digits(to, time / 3600, 2);
    *to++ = ':';
    to = put_digits(to, time / 60 % 60, 2);
    *to++ = ':';
    to = put_digits(to, time % 60, 2);
    to = put_fraction(to, nanos);
    *to++ = 'Z';
    return (size_t)(to - ret);
}

/* --- reading ------------------------------------------------------------------------ */

struct timestamp_reader {
    const uint8_t *at, *end;
};

static bool is_digit(const struct timestamp_reader *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

/* Exactly @count digits, from @min to @max. */
static bool take_number(struct timestamp_reader *r, int count, int min, int max, int *ret)
{
    int n = 0;
    for (; count > 0; count--) {
        if (!is_digit(r))
            return false;
        n = n * 10 + (*r->at++ - '0');
    }
    *ret = n;
    return n >= min && n <= max;
}

/* One of the two characters; RFC 3339 allows 't' and 'z' as well. */
static bool take_either(struct timestamp_reader *r, uint8_t a, uint8_t b)
{
    if (r->at == r->end || (*r->at != a && *r->at != b))
        return false;
    r->at++;
    return true;
}

static bool take(struct timestamp_reader *r, char c)
{
    return take_either(r, c, c);
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(struct timestamp_reader *r, int64_t *ret_days)
{
    int year, month, day;
    if (!take_number(r, 4, 1, 9999, &year) || !take(r, '-') || !take_number(r, 2, 1, 12, &month) ||
        !take(r, '-') || !take_number(r, 2, 1, days_in_month(year, month), &day))
        return false;
    *ret_days = days_of_date(year, month, day);
    return true;
}

static bool take_fraction(struct timestamp_reader *r, int32_t *ret_nanos)
{
    *ret_nanos = 0;
    if (!take(r, '.'))
        return true;
    int digits = 0;
    for (; is_digit(r) && digits < 9; digits++)
        *ret_nanos = *ret_nanos * 10 + (*r->at++ - '0');
    for (int i = digits; i < 9; i++)
        *ret_nanos *= 10;
    return digits > 0;
}

static bool take_offset(struct timestamp_reader *r, int *ret_seconds)
{
    *ret_seconds = 0;
    if (take_either(r, 'Z', 'z'))
        return true;
    bool west = take(r, '-');
    int hours, minutes;
    if ((!west && !take(r, '+')) || !take_number(r, 2, 0, 23, &hours) || !take(r, ':') ||
        !take_number(r, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

bool timestamp_parse(struct bytes text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct timestamp_reader r = { text.data, text.data + text.len };
    int64_t days;
    int32_t nanos;
    int hour, minute, second, offset;
    if (!take_date(&r, &days) || !take_either(&r, 'T', 't') || !take_number(&r, 2, 0, 23, &hour) ||
        !take(&r, ':') || !take_number(&r, 2, 0, 59, &minute) || !take(&r, ':') ||
        !take_number(&r, 2, 0, 59, &second) || !take_fraction(&r, &nanos) ||
        !take_offset(&r, &offset) || r.at != r.end)
        return false;
    int64_t seconds = days * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset;
    if (seconds < TIMESTAMP_MIN_SECONDS || seconds > TIMESTAMP_MAX_SECONDS)
        return false;
    *ret_seconds = seconds;
    *ret_nanos = nanos;
    return true;
}
