/* CSV, expanded rows, and --columns. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "client-cli/output/csv.h"
#include "client-cli/output/expanded.h"
#include "client-cli/output/rows.h"
#include "client-cli/output/text.h"

static void expect(struct buf *b, const char *want)
{
    cr_assert(buf_append(b, bytes_of("", 1)));
    cr_assert_str_eq((char *)b->data, want);
    buf_unref(b);
}

/* --- CSV ---------------------------------------------------------------------------- */

Test(csv, quotes_what_needs_it)
{
    static const char *const cells[] = {
        "a", "", "b,c", "say \"hi\"", "two\nlines", "cr\r", " x "
    };
    struct buf *b = buf_new(0);
    text_init();
    cr_assert(csv_put(b, cells, 7, false));
    expect(b, "a,,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\",\"cr\r\", x \r\n");
}

Test(csv, is_harmless_on_a_terminal)
{
    static const char *const cells[] = { "\033[31mred", "two\nlines, \"b\"" };
    struct buf *b = buf_new(0);
    text_init();
    cr_assert(csv_put(b, cells, 2, true));
    expect(b, "\\x1b[31mred,\"two\\nlines, \"\"b\"\"\"\r\n");
}

/* --- Expanded rows ------------------------------------------------------------------ */

static const char *const labels[] = { "id", "title" };

Test(expanded, a_line_for_each_field)
{
    static const char *const cells[] = { "1", "커피 \033" };
    const struct expanded e = { .line_columns = 20, .wraps = true };
    struct buf *b = buf_new(0);
    text_init();
    cr_assert(expanded_put(&e, b, 12, labels, cells, 2));
    expect(b, "-[ 12 ]-------------\n"
              "id    | 1\n"
              "title | 커피 \\x1b\n");
}

Test(expanded, long_lines_go_on_below)
{
    static const char *const cells[] = { "0123456789abcdef", "one two three\nfour\n" };
    const struct expanded e = { .line_columns = 20, .wraps = true };
    struct buf *b = buf_new(0);
    text_init();
    cr_assert(expanded_put(&e, b, 1, labels, cells, 2));
    expect(b, "-[ 1 ]--------------\n"
              "id    | 0123456789ab\n"
              "      | cdef\n"
              "title | one two \n"
              "      | three\n"
              "      | four\n");
}

Test(expanded, a_pipe_has_lines_of_any_length)
{
    static const char *const cells[] = { "", "one two three four five six" };
    const struct expanded e = { .line_columns = 10, .wraps = false, .colours = true };
    struct buf *b = buf_new(0);
    text_init();
    cr_assert(expanded_put(&e, b, 0, labels, cells, 2));
    expect(b, "\033[2m-[ deleted ]\033[0m\n"
              "\033[1mid\033[0m    | \n"
              "\033[1mtitle\033[0m | one two three four five six\n");
}

Test(expanded, no_line_is_too_wide)
{
    static const char *const cells[] = { "aaaaaaaaaaaaaaaaaaaa",
                                         "커피는 한 방울씩 \t내려야 \xff 맛있다" };
    text_init();
    for (int columns = 12; columns < 60; columns++) {
        const struct expanded e = { .line_columns = columns, .wraps = true };
        struct buf *b = buf_new(0);
        cr_assert(expanded_put(&e, b, 1, labels, cells, 2) && buf_append(b, bytes_of("", 1)));
        for (char *rest = (char *)b->data, *line; (line = strsep(&rest, "\n")) != NULL;)
            cr_assert_leq(text_width(line), columns, "\"%s\" in %d columns", line, columns);
        buf_unref(b);
    }
}

/* --- Columns ------------------------------------------------------------------------ */

Test(columns, are_those_that_were_named)
{
    struct row_choice c;
    char error[ROWS_ERROR_BYTES];
    cr_assert(rows_choose(&c, &row_user, NULL, error) && !c.named && c.n == 0);
    cr_assert(rows_choose(&c, &row_user, "name,user_id", error));
    cr_assert(c.named && c.n == 2 && c.field[0] == 1 && c.field[1] == 0);
}

Test(columns, that_make_no_sense_are_refused)
{
    static const char *const bad[][2] = {
        { "", "there is no column \"\"; there are user_id, name, found" },
        { "name,", "there is no column \"\"; there are user_id, name, found" },
        { "nam", "there is no column \"nam\"; there are user_id, name, found" },
        { "names", "there is no column \"names\"; there are user_id, name, found" },
        { "name,found,name", "name is named twice" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct row_choice c;
        char error[ROWS_ERROR_BYTES];
        cr_assert_not(rows_choose(&c, &row_resolved, bad[i][0], error));
        cr_assert_str_eq(error, bad[i][1]);
    }
}
