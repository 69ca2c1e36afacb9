/* Every day from the year 1 to 9999, beside the C library's calendar. */
#include <criterion/criterion.h>
#include <time.h>

#include "pbjson/time_text.h"

#define FIRST_DAY (-719162) /* since 1970 */
#define LAST_DAY  2932896

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

Test(time_text, fractions)
{
    static const struct {
        int64_t nanos;
        const char *text;
    } rows[] = {
        { 0, "1970-01-01T00:00:00Z" },
        { 500000000, "1970-01-01T00:00:00.500Z" },
        { 1000000, "1970-01-01T00:00:00.001Z" },
        { 1000, "1970-01-01T00:00:00.000001Z" },
        { 999999999, "1970-01-01T00:00:00.999999999Z" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[TIME_TEXT_BYTES];
        const size_t n = time_text_put(text, 0, rows[i].nanos);
        cr_expect(bytes_equal(bytes_of(text, n), bytes_of_text(rows[i].text)), "%.*s", (int)n,
                  text);
    }
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
