/* Numbers as text, and back. */
#include <criterion/criterion.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "pbjson/number.h"

#define LENGTH_OF(rows) (sizeof(rows) / sizeof *(rows))

Test(number, doubles_have_the_fewest_digits)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        { 0, "0" },
        { 1, "1" },
        { -1.5, "-1.5" },
        { 0.1, "0.1" },
        { 0.30000000000000004, "0.30000000000000004" },
        { 1e21, "1e+21" },
        { 123456789012345680.0, "1.2345678901234568e+17" },
        { 5e-324, "5e-324" },
        { 2.2250738585072014e-308, "2.2250738585072014e-308" },
        { DBL_MAX, "1.7976931348623157e+308" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char text[NUMBER_TEXT_BYTES];
        const size_t n = number_put_double(text, rows[i].value);
        cr_expect_str_eq(text, rows[i].text);
        cr_expect_eq(n, strlen(text));
    }
}

Test(number, floats_have_the_fewest_digits)
{
    static const struct {
        float value;
        const char *text;
    } rows[] = {
        { 0.1f, "0.1" },
        { 16777216, "16777216" },
        { FLT_MAX, "3.4028235e+38" },
        { 1e-45f, "1e-45" },
        { 1.17549435e-38f, "1.1754944e-38" },
        { 3.3e-43f, "3.3e-43" },
        { 0.3333333433f, "0.33333334" },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char text[NUMBER_TEXT_BYTES];
        number_put_float(text, rows[i].value);
        cr_expect_str_eq(text, rows[i].text);
    }
}

Test(number, every_float_is_read_back)
{
    char text[NUMBER_TEXT_BYTES];
    unsigned seed = 7;
    for (int i = 0; i < 20000; i++) {
        const uint32_t bits = (uint32_t)rand_r(&seed) << 16 ^ (uint32_t)rand_r(&seed);
        const uint64_t wide = (uint64_t)bits << 32 | (uint32_t)rand_r(&seed);
        float f, f_back;
        double d, d_back;
        memcpy(&f, &bits, sizeof f);
        memcpy(&d, &wide, sizeof d);
        if (!isfinite(f) || !isfinite(d))
            continue;
        number_put_float(text, f);
        cr_assert(number_read_float(text, &f_back) && f_back == f, "%s", text);
        number_put_double(text, d);
        cr_assert(number_read_double(text, &d_back) && d_back == d, "%s", text);
    }
}

Test(number, integers)
{
    char text[NUMBER_TEXT_BYTES];
    cr_assert_eq(number_put_unsigned(text, UINT64_MAX), 20);
    cr_assert_eq(memcmp(text, "18446744073709551615", 20), 0);
    cr_assert_eq(number_put_signed(text, INT64_MIN), 20);
    cr_assert_eq(memcmp(text, "-9223372036854775808", 20), 0);
    cr_assert_eq(number_put_signed(text, 0), 1);
    cr_assert_eq(text[0], '0');
}

Test(number, knows_where_one_ends)
{
    static const struct {
        const char *text;
        size_t len;
    } rows[] = {
        { "", 0 },       { "-", 0 },     { "x", 0 },  { "0", 1 },  { "01", 1 },  { "12,", 2 },
        { "-1.5e3", 6 }, { "1.", 1 },    { ".5", 0 }, { "1e", 1 }, { "1e+", 1 }, { "1e+5", 4 },
        { "1E5", 3 },    { "1.5.5", 3 }, { "+1", 0 }, { "-0", 2 }, { "- 1", 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        cr_expect_eq(number_length(bytes_of_text(rows[i].text)), rows[i].len, "%s", rows[i].text);
}

Test(number, reads_integers_exactly)
{
    static const struct {
        const char *text;
        int rv;
        int64_t value;
    } rows[] = {
        { "0", 0, 0 },
        { "-0", 0, 0 },
        { "9223372036854775807", 0, INT64_MAX },
        { "-9223372036854775808", 0, INT64_MIN },
        { "9223372036854775808", ERANGE, 0 },
        { "-9223372036854775809", ERANGE, 0 },
        { "9.223372036854775807e18", 0, INT64_MAX },
        { "922337203685477580700e-2", 0, INT64_MAX },
        { "1e3", 0, 1000 },
        { "1.50e1", 0, 15 },
        { "1.5", EINVAL, 0 },
        { "15e-1", EINVAL, 0 },
        { "1e-1", EINVAL, 0 },
        { "0e99999999999999999999", 0, 0 },
        { "0.000e-99999999999999999999", 0, 0 },
        { "1e99999999999999999999", ERANGE, 0 },
        { "1e-99999999999999999999", EINVAL, 0 },
        { "0.00001e5", 0, 1 },
        { "", EINVAL, 0 },
        { "1 ", EINVAL, 0 },
        { "0x1", EINVAL, 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        int64_t value = 0;
        cr_expect_eq(number_read_signed(bytes_of_text(rows[i].text), INT64_MIN, INT64_MAX, &value),
                     rows[i].rv, "%s", rows[i].text);
        cr_expect_eq(value, rows[i].value, "%s", rows[i].text);
    }
    uint64_t value;
    cr_assert_eq(number_read_unsigned(bytes_of_text("18446744073709551615"), UINT64_MAX, &value),
                 0);
    cr_assert_eq(value, UINT64_MAX);
    cr_assert_eq(number_read_unsigned(bytes_of_text("18446744073709551616"), UINT64_MAX, &value),
                 ERANGE);
    cr_assert_eq(number_read_unsigned(bytes_of_text("-1"), UINT64_MAX, &value), ERANGE);
    cr_assert_eq(number_read_unsigned(bytes_of_text("256"), 255, &value), ERANGE);
}

Test(number, refuses_what_is_too_large)
{
    double d;
    float f;
    cr_assert_not(number_read_double("1e309", &d));
    cr_assert_not(number_read_float("3.5e38", &f));
    cr_assert(number_read_float("3.4028235e38", &f) && f == FLT_MAX);
    cr_assert(number_read_double("1e-400", &d) && d == 0);
}
