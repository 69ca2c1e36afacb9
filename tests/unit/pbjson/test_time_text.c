/* Times and durations as text. */
#include <criterion/criterion.h>
#include <time.h>

#include "pbjson/time_text.h"

#define FIRST_DAY (-719162) /* since 1970 */
#define LAST_DAY  2932896

/* From the year 1 to 9999, beside the C library's calendar. */
Test(time_text, every_day)
{
    char text[TIME_TEXT_BYTES], expected[TIME_TEXT_BYTES];
    int64_t seconds;
    int32_t nanos;
    for (int day = FIRST_DAY; day <= LAST_DAY; day++) {
        const time_t time = (time_t)day * 86400 + (day & 0xffff);
        struct tm t;
        gmtime_r(&time, &t);
        strftime(expected, sizeof expected, "-%m-%dT%H:%M:%SZ", &t);
        const size_t n = time_text_put(text, time, 0);
        cr_assert_eq(n, 20);
        cr_assert(memcmp(text + 4, expected, 16) == 0, "%.20s: %s", text, expected);
        cr_assert_eq((text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 +
                         text[3] - '0',
                     t.tm_year + 1900);
        cr_assert(time_text_read(bytes_of(text, n), &seconds, &nanos));
        cr_assert(seconds == time && nanos == 0);
    }
    cr_assert_eq(time_text_put(text, (int64_t)FIRST_DAY * 86400 - 1, 0), 0);
    cr_assert_eq(time_text_put(text, (int64_t)(LAST_DAY + 1) * 86400, 0), 0);
    cr_assert_eq(time_text_put(text, 0, -1), 0);
    cr_assert_eq(time_text_put(text, 0, 1000000000), 0);
}

static const char *printed(int64_t seconds, int32_t nanos)
{
    static char text[TIME_TEXT_BYTES + 2];
    memset(text, '#', sizeof(text));
    size_t len = time_text_put(text, seconds, nanos);
    cr_assert_leq(len, TIME_TEXT_BYTES);
    cr_assert_eq(text[len], '#', "wrote past its end");
    text[len] = '\0';
    return text;
}

/* Text that is printed as it was read. */
Test(time_text, both_ways)
{
    static const struct {
        const char *text;
        int64_t seconds;
        int32_t nanos;
    } table[] = {
        { "1970-01-01T00:00:00Z", 0, 0 },
        { "1970-01-01T00:00:00.001Z", 0, 1000000 },
        { "1970-01-01T00:00:00.000001Z", 0, 1000 },
        { "1970-01-01T00:00:00.000000001Z", 0, 1 },
        { "1970-01-01T00:00:00.100Z", 0, 100000000 },
        { "1970-01-01T00:00:00.123456Z", 0, 123456000 },
        { "1969-12-31T23:59:59Z", -1, 0 },
        { "1969-12-31T23:59:59.999999999Z", -1, 999999999 },
        { "0001-01-01T00:00:00Z", -62135596800, 0 },
        { "0001-12-31T23:59:59Z", -62104060801, 0 },
        { "9999-12-31T23:59:59.999999999Z", 253402300799, 999999999 },
        { "2020-10-25T00:00:00Z", 1603584000, 0 },
        { "2000-02-29T00:00:00Z", 951782400, 0 },
        { "1900-02-28T23:59:59Z", -2203891201, 0 },
        { "1900-03-01T00:00:00Z", -2203891200, 0 },
        { "2024-02-29T12:34:56.789Z", 1709210096, 789000000 },
        { "2100-02-28T23:59:59Z", 4107542399, 0 },
        { "2100-03-01T00:00:00Z", 4107542400, 0 },
        { "2038-01-19T03:14:08Z", 2147483648, 0 },
        { "1901-12-13T20:45:51Z", -2147483649, 0 },
        { "1600-12-31T23:59:59Z", -11644473601, 0 },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int64_t seconds = 0;
        int32_t nanos = 0;
        cr_expect(time_text_read(bytes_of_text(table[i].text), &seconds, &nanos), "%s",
                  table[i].text);
        cr_expect_eq(seconds, table[i].seconds, "%s: %ld", table[i].text, seconds);
        cr_expect_eq(nanos, table[i].nanos, "%s: %d", table[i].text, nanos);
        cr_expect_str_eq(printed(table[i].seconds, table[i].nanos), table[i].text);
    }
}

Test(time_text, other_spellings)
{
    static const struct {
        const char *text, *canonical;
    } table[] = {
        { "2020-10-25T09:00:00+09:00", "2020-10-25T00:00:00Z" },
        { "2020-10-24T16:30:00-07:30", "2020-10-25T00:00:00Z" },
        { "2020-10-25T00:00:00-00:00", "2020-10-25T00:00:00Z" },
        { "2020-10-25T00:00:00.5Z", "2020-10-25T00:00:00.500Z" },
        { "2020-10-25T00:00:00.1234Z", "2020-10-25T00:00:00.123400Z" },
        { "2020-10-25T00:00:00.0000000Z", "2020-10-25T00:00:00Z" },
        { "2021-01-01T00:00:00+23:59", "2020-12-31T00:01:00Z" },
        { "0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00Z" },
        { "9999-12-31T22:59:59-01:00", "9999-12-31T23:59:59Z" },
        { "1970-01-01T00:00:00.25+00:01", "1969-12-31T23:59:00.250Z" },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int64_t seconds;
        int32_t nanos;
        cr_assert(time_text_read(bytes_of_text(table[i].text), &seconds, &nanos), "%s",
                  table[i].text);
        cr_expect_str_eq(printed(seconds, nanos), table[i].canonical);
    }
}

Test(time_text, refused)
{
    static const char *const table[] = {
        "",
        "2020-10-25",
        "2020-10-25T00:00:00",
        "2020-10-25 00:00:00Z",
        "2020-10-25t00:00:00Z",
        "2020-10-25T00:00:00z",
        "2020-10-25T00:00Z",
        "2020-10-25T00:00:00Z ",
        " 2020-10-25T00:00:00Z",
        "2020-10-25T00:00:00.Z",
        "2020-10-25T00:00:00,5Z",
        "2020-10-25T00:00:00.1234567890Z",
        "2020-10-25T00:00:00+0900",
        "2020-10-25T00:00:00+09",
        "2020-10-25T00:00:00+24:00",
        "2020-10-25T00:00:00+09:60",
        "2020-10-25T24:00:00Z",
        "2020-10-25T00:60:00Z",
        "2020-10-25T23:59:60Z",
        "2020-00-25T00:00:00Z",
        "2020-13-25T00:00:00Z",
        "2020-10-00T00:00:00Z",
        "2020-10-32T00:00:00Z",
        "2020-04-31T00:00:00Z",
        "2021-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2000-02-30T00:00:00Z",
        "0000-12-31T00:00:00Z",
        "20200-10-25T00:00:00Z",
        "-020-10-25T00:00:00Z",
        "2020-1-25T00:00:00Z",
        "0001-01-01T00:59:59+01:00",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int64_t seconds = 77;
        int32_t nanos = 77;
        cr_expect_not(time_text_read(bytes_of_text(table[i]), &seconds, &nanos), "%s", table[i]);
        cr_expect(seconds == 77 && nanos == 77, "%s: set all the same", table[i]);
    }
    char text[TIME_TEXT_BYTES];
    cr_expect_eq(time_text_put(text, INT64_MIN, 0), 0);
    cr_expect_eq(time_text_put(text, INT64_MAX, 0), 0);
}

Test(time_text, durations)
{
    static const struct {
        int64_t seconds, nanos;
        const char *text; /* NULL: none */
    } rows[] = {
        { 0, 0, "0s" },
        { 1, 500000000, "1.500s" },
        { 0, -1, "-0.000000001s" },
        { -315576000000, 0, "-315576000000s" },
        { 315576000001, 0, NULL },
        { INT64_MIN, 0, NULL },
        { 1, -1, NULL },
        { -1, 1, NULL },
        { 0, 1000000000, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[TIME_TEXT_BYTES];
        int64_t seconds;
        int32_t nanos;
        const size_t n = duration_text_put(text, rows[i].seconds, rows[i].nanos);
        cr_expect_eq(n, rows[i].text != NULL ? strlen(rows[i].text) : 0, "row %zu", i);
        if (n == 0)
            continue;
        cr_expect(memcmp(text, rows[i].text, n) == 0, "row %zu: %.*s", i, (int)n, text);
        cr_expect(duration_text_read(bytes_of(text, n), &seconds, &nanos), "row %zu", i);
        cr_expect(seconds == rows[i].seconds && nanos == rows[i].nanos, "row %zu", i);
    }
}
