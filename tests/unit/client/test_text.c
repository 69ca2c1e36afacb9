#include <criterion/criterion.h>

#include "base/buf.h"
#include "client-cli/output/text.h"

static const char *text_of(struct buf *b)
{
    cr_assert(buf_append(b, bytes_of("", 1)));
    return (const char *)b->data;
}

Test(text, escapes_cuts_and_measures)
{
    static const struct {
        const char *text;
        int columns;
        const char *put;
        int used, width;
    } table[] = {
        { "", -1, "", 0, 0 },
        { "plain", -1, "plain", 5, 5 },
        { "plain", 5, "plain", 5, 5 },
        { "plain", 4, "pla…", 4, 5 },
        { "plain", 1, "…", 1, 5 },
        { "plain", 0, "", 0, 5 },
        { "a\nb\tc\rd", -1, "a\\nb\\tc\\rd", 10, 10 },
        { "\033[31mred", -1, "\\x1b[31mred", 11, 11 },
        { "\x7f", -1, "\\x7f", 4, 4 },
        { "\xc2\x9b", -1, "\\u009b", 6, 6 }, /* the C1 form of ESC [ */
        { "\xe2\x80\xae"
          "x",
          -1, "\\u202ex", 7, 7 },                          /* right-to-left override */
        { "\xff\xc3", -1, "\\xff\\xc3", 8, 8 },            /* no UTF-8 */
        { "\xed\xa0\x80", -1, "\\xed\\xa0\\x80", 12, 12 }, /* a surrogate */
        { "\xc0\xaf", -1, "\\xc0\\xaf", 8, 8 },            /* overlong */
        { "커피", -1, "커피", 4, 4 },
        { "커피", 4, "커피", 4, 4 },
        { "커피", 3, "커…", 3, 4 },
        { "커피콩", 4, "커…", 3, 6 }, /* half a character does not fit */
        { "🚂!", -1, "🚂!", 3, 3 },
        { "e\xcc\x81t", 2, "e\xcc\x81t", 2, 2 }, /* a combining accent is no column */
        { "ab\ncd", 4, "ab…", 3, 6 },            /* an escape is not cut in two */
    };
    text_init();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct buf *b = buf_new(0);
        cr_assert_eq(text_width(table[i].text), table[i].width, "row %zu: %d", i,
                     text_width(table[i].text));
        int used = text_put(b, table[i].text, table[i].columns);
        cr_assert_str_eq(text_of(b), table[i].put, "row %zu: %s", i, (char *)b->data);
        cr_assert_eq(used, table[i].used, "row %zu: %d", i, used);
        buf_unref(b);
    }
}

Test(text, numbers)
{
    char s[32];
    cr_assert_str_eq(text_number(s, 0), "0");
    cr_assert_str_eq(text_number(s, 999), "999");
    cr_assert_str_eq(text_number(s, 1000), "1,000");
    cr_assert_str_eq(text_number(s, 1234567), "1,234,567");
    cr_assert_str_eq(text_number(s, 18446744073709551615ull), "18,446,744,073,709,551,615");
    cr_assert_str_eq(text_bytes(s, 1023), "1023 B");
    cr_assert_str_eq(text_bytes(s, 1536), "1.5 KiB");
    cr_assert_str_eq(text_bytes(s, 5ull << 40), "5.0 TiB");
    cr_assert_str_eq(text_bytes(s, 5000ull << 40), "5000.0 TiB");
}
