/* Input and ids from a pipe, on a loop. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client-cli/input/ids.h"
#include "client-cli/input/input.h"
#include "lib/loop_until.h"

static struct session session;
static char got[4096];
static int ends, end_error, idles, pause_after;

static void set_up(int *ret_to)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
    close(fds[0]);
    *ret_to = fds[1];
    cr_assert_eq(loop_new(&session.loop, LOOP_IN_UV), 0);
}

static void write_text(int to, const char *text)
{
    cr_assert_eq(write(to, text, strlen(text)), (ssize_t)strlen(text));
}

static void on_line(struct input *in, const char *line, size_t len)
{
    size_t at = strlen(got);
    snprintf(got + at, sizeof got - at, "%.*s|", (int)len, line != NULL ? line : "!");
    if (pause_after > 0 && --pause_after == 0)
        input_pause(in);
}

static void on_end(struct input *in, int error)
{
    (void)in;
    ends++;
    end_error = error;
}

static void on_idle(struct input *in)
{
    (void)in;
    idles++;
}

static void open_input(struct input *in)
{
    *in = (struct input){ .on_line = on_line, .on_end = on_end, .on_idle = on_idle };
    cr_assert_eq(input_init(in, &session, "-"), 0);
}

Test(input, lines_as_they_come)
{
    struct input in;
    int to;
    set_up(&to);
    open_input(&in);
    input_resume(&in);
    cr_assert_eq(idles, 1);
    write_text(to, "one\ntw");
    LOOP_UNTIL(session.loop, strcmp(got, "one|") == 0 && idles == 2);
    write_text(to, "o\nthree");
    LOOP_UNTIL(session.loop, strcmp(got, "one|two|") == 0);
    close(to);
    LOOP_UNTIL(session.loop, ends == 1);
    cr_assert_str_eq(got, "one|two|three|");
    cr_assert_eq(end_error, 0);
    cr_assert_eq(session.reads, 0);
    input_close(&in);
    loop_free(session.loop);
}

Test(input, a_pause_holds_lines_back)
{
    struct input in;
    int to;
    set_up(&to);
    open_input(&in);
    pause_after = 2;
    write_text(to, "1\n2\n3\n4\n");
    close(to);
    input_resume(&in);
    LOOP_UNTIL(session.loop, strcmp(got, "1|2|") == 0);
    loop_turns(session.loop, 10);
    cr_assert_str_eq(got, "1|2|");
    pause_after = 1;
    input_resume(&in);
    cr_assert_str_eq(got, "1|2|3|");
    input_resume(&in);
    LOOP_UNTIL(session.loop, ends == 1);
    cr_assert_str_eq(got, "1|2|3|4|");
    input_close(&in);
    loop_free(session.loop);
}

Test(input, what_cannot_be_read_is_told)
{
    struct input in = { .on_line = on_line, .on_end = on_end };
    int to;
    set_up(&to);
    cr_assert_eq(input_init(&in, &session, "/no/such/file"), ENOENT);
    input_close(&in);
    cr_assert_eq(input_init(&in, &session, "/"), 0); /* opens, but cannot be read */
    input_resume(&in);
    LOOP_UNTIL(session.loop, ends == 1);
    cr_assert_eq(end_error, EISDIR);
    input_close(&in);
    close(to);
    loop_free(session.loop);
}

static int changes;

static void on_change(struct ids *ids)
{
    (void)ids;
    changes++;
}

Test(ids, from_arguments)
{
    char *arguments[] = { "a", "", " b" };
    struct ids ids = { .on_change = on_change };
    cr_assert_eq(ids_init(&ids, &session, arguments, 3), 0);
    cr_assert(ids.ended);
    cr_assert_eq(ids.n, 3);
    cr_assert_str_eq(ids_at(&ids, 1), "");
    cr_assert_str_eq(ids_at(&ids, 2), " b");
    ids_close(&ids);
}

Test(ids, read_no_further_than_wanted)
{
    struct ids ids = { .on_change = on_change };
    int to;
    set_up(&to);
    cr_assert_eq(ids_init(&ids, &session, NULL, 0), 0);
    write_text(to, " 1 \n\n\t\n2\r\n3\n4");
    close(to);
    ids_want(&ids, 2);
    LOOP_UNTIL(session.loop, ids.n == 2);
    loop_turns(session.loop, 10);
    cr_assert_eq(ids.n, 2);
    cr_assert_not(ids.ended);
    cr_assert_str_eq(ids_at(&ids, 0), "1");
    cr_assert_str_eq(ids_at(&ids, 1), "2");
    ids_want(&ids, 100);
    LOOP_UNTIL(session.loop, ids.ended);
    cr_assert_eq(ids.n, 4);
    cr_assert_str_eq(ids_at(&ids, 3), "4");
    cr_assert_eq(changes, 5);
    cr_assert_not(ids.failed);
    ids_close(&ids);
    loop_free(session.loop);
}

Test(ids, forgotten_ones_give_their_place_back)
{
    struct ids ids = { .on_change = on_change };
    int to;
    char text[16];
    set_up(&to);
    cr_assert_eq(ids_init(&ids, &session, NULL, 0), 0);
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "%d\n", i);
        write_text(to, text);
    }
    close(to);
    for (size_t i = 0; i < 5000; i++) {
        ids_want(&ids, i + 1);
        LOOP_UNTIL(session.loop, ids.n > i);
        snprintf(text, sizeof text, "%zu", i);
        cr_assert_str_eq(ids_at(&ids, i), text);
        ids_forget(&ids, i);
    }
    cr_assert_leq(ids.cap, 4096);
    ids_close(&ids);
    loop_free(session.loop);
}
