#include <criterion/criterion.h>
#include <string.h>

#include "client-cli/input/lines.h"

/* Puts @len bytes in, @step at a time, and takes lines out after each step.
 * Lines come back joined by '|'; "!" stands for one that is too long. */
static void run(struct lines *l, const char *bytes, size_t len, size_t step, char *ret)
{
    char *line;
    size_t size, line_len;
    enum line_result result;
    size_t out = 0;
    for (size_t at = 0; at <= len; at += step) {
        size_t n = at + step <= len ? step : len - at;
        char *room = lines_room(l, &size);
        cr_assert(room != NULL && size >= n);
        memcpy(room, bytes + at, n);
        lines_added(l, n);
        if (n < step)
            lines_end(l);
        while ((result = lines_next(l, &line, &line_len)) != LINE_NONE) {
            if (result == LINE_TOO_LONG) {
                ret[out++] = '!';
            } else {
                cr_assert_eq(line[line_len], '\0');
                memcpy(ret + out, line, line_len);
                out += line_len;
            }
            ret[out++] = '|';
        }
    }
    ret[out] = '\0';
}

Test(lines, whatever_the_pieces)
{
    static const struct {
        const char *bytes, *lines;
        uint64_t number;
    } table[] = {
        { "", "", 0 },
        { "\n", "|", 1 },
        { "a", "a|", 1 },
        { "a\n", "a|", 1 },
        { "a\nb", "a|b|", 2 },
        { "a\r\nb\r\n\r\n", "a|b||", 3 },
        { "a\rb\n", "a\rb|", 1 },
        { "12345678\nx\n", "12345678|x|", 2 },
        { "12345678\r\nx\n", "12345678|x|", 2 },
        { "123456789\nx\n", "!|x|", 2 },
        { "123456789", "!|", 1 },
        { "a\n1234567890123\nx", "a|!|x|", 3 },
        { "1234567890123\n1234567890123", "!|!|", 2 },
        { "\n\n\n1234567890123456789012345678901234567890\nend", "|||!|end|", 5 },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (size_t step = 1; step <= 16; step++) {
            struct lines l;
            char got[256];
            lines_init(&l, 8);
            run(&l, table[i].bytes, strlen(table[i].bytes), step, got);
            cr_assert_str_eq(got, table[i].lines, "row %zu by %zu: %s", i, step, got);
            cr_assert_eq(l.number, table[i].number, "row %zu by %zu", i, step);
            lines_close(&l);
        }
    }
}

Test(lines, may_hold_nul)
{
    struct lines l;
    char *line;
    size_t size, len;
    lines_init(&l, 100);
    memcpy(lines_room(&l, &size), "a\0b\n", 4);
    lines_added(&l, 4);
    cr_assert_eq(lines_next(&l, &line, &len), LINE_OK);
    cr_assert_eq(len, 3);
    cr_assert_arr_eq(line, "a\0b", 3);
    lines_close(&l);
}

/* What is too long is dropped while it comes: memory stays bounded. */
Test(lines, long_line_takes_no_memory)
{
    struct lines l;
    char *line;
    size_t size, len;
    int too_long = 0;
    lines_init(&l, 1000);
    for (int i = 0; i < 1000; i++) {
        char *room = lines_room(&l, &size);
        memset(room, 'x', size);
        lines_added(&l, size);
        for (enum line_result r; (r = lines_next(&l, &line, &len)) != LINE_NONE;) {
            cr_assert_eq(r, LINE_TOO_LONG);
            too_long++;
        }
    }
    cr_assert_eq(too_long, 1);
    cr_assert_leq(l.cap, (size_t)512 * 1024);
    lines_close(&l);
}

Test(lines, taken_as_they_come)
{
    struct lines l;
    const char *text;
    char *line;
    size_t size, len;
    lines_init(&l, 100);
    memcpy(lines_room(&l, &size), "a\nbc", 4);
    lines_added(&l, 4);
    cr_assert_eq(lines_next(&l, &line, &len), LINE_OK);
    cr_assert_eq(lines_take(&l, &text), 2);
    cr_assert_eq(memcmp(text, "bc", 2), 0);
    cr_assert_eq(lines_take(&l, &text), 0);
    memcpy(lines_room(&l, &size), "d", 1);
    lines_added(&l, 1);
    cr_assert_eq(lines_take(&l, &text), 1);
    lines_close(&l);
}
