#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "client-cli/output/table.h"
#include "client-cli/output/text.h"

static const struct table_column columns[] = {
    { "ID", 4, 8, 0, false, 0 },
    { "TITLE", 10, 0, 1, false, 0 },
    { "AGE", 3, 0, 0, true, 1 },
};

static const char *const cells[] = {
    "1", "커피", "22", "twelve-letters", "a\tb", "7",
};

static char *lines(const struct text_table *t)
{
    struct buf *b = buf_new(0);
    cr_assert(table_put_heading(t, b, false));
    for (int row = 0; row < 2; row++)
        cr_assert(table_put_row(t, b, cells + 3 * row));
    char *text = strndup((char *)b->data, b->len);
    buf_unref(b);
    return text;
}

static void expect(int line_columns, const char *text)
{
    struct text_table t;
    table_layout(&t, columns, 3, cells, 2, line_columns);
    char *got = lines(&t);
    cr_assert_str_eq(got, text, "in %d columns:\n%s", line_columns, got);
    free(got);
}

Test(table, fits_the_line)
{
    text_init();
    expect(25, "ID        TITLE       AGE\n"
               "1         커피         22\n"
               "twelve-…  a\\tb          7\n");
    expect(30, "ID        TITLE            AGE\n"
               "1         커피              22\n"
               "twelve-…  a\\tb               7\n");
    /* Before it cannot be read it goes without a column. */
    expect(20, "ID        TITLE\n"
               "1         커피\n"
               "twelve-…  a\\tb\n");
    /* What shares the space gives some up before the id does. */
    expect(15, "ID        TITLE\n"
               "1         커피\n"
               "twelve-…  a\\tb\n");
}

Test(table, survives_a_line_too_short)
{
    struct text_table t;
    text_init();
    for (int line_columns = 0; line_columns < 12; line_columns++) {
        table_layout(&t, columns, 3, cells, 2, line_columns);
        free(lines(&t));
    }
}

/* No line is wider than asked for, whatever comes after the first rows. */
Test(table, later_rows_keep_the_widths)
{
    static const char *const late[] = { "a very long id",
                                        "a title that is far longer than the first", "1234567890" };
    text_init();
    for (int line_columns = 14; line_columns < 60; line_columns++) {
        struct text_table t;
        struct buf *b = buf_new(0);
        table_layout(&t, columns, 3, cells, 2, line_columns);
        cr_assert(table_put_row(&t, b, late));
        b->data[b->len - 1] = '\0';
        cr_assert_leq(text_width((char *)b->data), line_columns, "%s", (char *)b->data);
        buf_unref(b);
    }
}

Test(table, a_faint_row_is_the_same_between_escapes)
{
    struct text_table t;
    struct buf *b = buf_new(0), *faint = buf_new(0);
    text_init();
    table_layout(&t, columns, 3, cells, 2, 25);
    cr_assert(table_put_row(&t, b, cells) && table_put_faint_row(&t, faint, cells));
    char want[128];
    snprintf(want, sizeof want, "\033[2m%.*s\033[0m\n", (int)b->len - 1, (char *)b->data);
    cr_assert(bytes_equal(bytes_of(faint->data, faint->len), bytes_of_text(want)));
    buf_unref(b);
    buf_unref(faint);
}

/* In a whole table a later row goes past its column, and nothing is lost. */
Test(table, whole_cuts_nothing)
{
    static const char *const late[] = { "12345678901234567890", "x", "9" };
    struct text_table t;
    struct buf *b = buf_new(0);
    text_init();
    table_layout_whole(&t, columns, 3, cells, 2);
    cr_assert(table_put_heading(&t, b, false) && table_put_row(&t, b, cells + 3) &&
              table_put_row(&t, b, late) && buf_append(b, bytes_of("", 1)));
    cr_assert_str_eq((char *)b->data, "ID              TITLE  AGE\n"
                                      "twelve-letters  a\\tb     7\n"
                                      "12345678901234567890  x        9\n");
    buf_unref(b);
}

Test(table, knows_whether_it_fits)
{
    text_init();
    cr_assert(table_fits(columns, 3, cells, 2, 26));
    cr_assert_not(table_fits(columns, 3, cells, 2, 25));
}
