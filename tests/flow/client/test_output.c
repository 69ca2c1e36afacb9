/* Output against pipes, on a loop. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client-cli/output/output.h"
#include "lib/loop_until.h"

struct fixture {
    struct loop *loop;
    struct output out;
    int from, to; /* the pipe */
};

static void set_up(struct fixture *f)
{
    int fds[2];
    signal(SIGPIPE, SIG_IGN);
    cr_assert_eq(pipe(fds), 0);
    f->from = fds[0];
    fcntl(f->from, F_SETFL, O_NONBLOCK);
    f->to = fds[1];
    cr_assert_eq(loop_new(&f->loop, LOOP_IN_UV), 0);
    cr_assert_eq(output_init(&f->out, f->loop, f->to), 0);
}

static void tear_down(struct fixture *f)
{
    output_close(&f->out);
    loop_free(f->loop);
    close(f->from);
    close(f->to);
}

static void put(struct fixture *f, char c, size_t n)
{
    uint8_t *to = buf_reserve(output_buf(&f->out), n);
    cr_assert_not_null(to);
    memset(to, c, n);
    output_buf(&f->out)->len += n;
    output_commit(&f->out);
}

/* Reads @n times @c from the pipe; the loop turns meanwhile. */
static void expect(struct fixture *f, char c, size_t n)
{
    static char data[65536];
    struct loop_until until = { 0 };
    while (n > 0) {
        ssize_t got = read(f->from, data, n < sizeof data ? n : sizeof data);
        if (got < 0) {
            cr_assert_eq(errno, EAGAIN);
            cr_assert(loop_until_turn(f->loop, &until), "%zu bytes are missing", n);
            continue;
        }
        cr_assert_gt(got, 0);
        for (ssize_t i = 0; i < got; i++)
            cr_assert_eq(data[i], c);
        n -= (size_t)got;
    }
}

Test(output, goes_out_in_order_without_being_asked)
{
    struct fixture f;
    set_up(&f);
    put(&f, 'a', 10);
    put(&f, 'b', 10);
    LOOP_UNTIL(f.loop, output_drained(&f.out));
    expect(&f, 'a', 10);
    expect(&f, 'b', 10);
    cr_assert_eq(f.out.bytes, 20);
    tear_down(&f);
}

Test(output, a_full_pipe_fills_two_buffers_and_no_more)
{
    struct fixture f;
    set_up(&f);
    size_t put_bytes = 0;
    while (!output_full(&f.out)) {
        put(&f, 'x', 32 * 1024);
        put_bytes += 32 * 1024;
        cr_assert_leq(put_bytes, 1024 * 1024);
        loop_turns(f.loop, 2);
    }
    /* The loop is not blocked, and a reader sets it going again. */
    loop_turns(f.loop, 10);
    cr_assert(output_full(&f.out));
    expect(&f, 'x', put_bytes / 2);
    LOOP_UNTIL(f.loop, !output_full(&f.out));
    expect(&f, 'x', put_bytes - put_bytes / 2);
    LOOP_UNTIL(f.loop, output_drained(&f.out));
    tear_down(&f);
}

/* A message's rows stay together, however many they are. */
Test(output, one_commit_may_be_large)
{
    struct fixture f;
    set_up(&f);
    put(&f, 'y', 5 * 1024 * 1024);
    expect(&f, 'y', 5 * 1024 * 1024);
    LOOP_UNTIL(f.loop, output_drained(&f.out));
    cr_assert_leq(output_buf(&f.out)->cap, 2 * 1024 * 1024);
    tear_down(&f);
}

Test(output, a_mark_counts_once_its_bytes_are_written)
{
    struct fixture f;
    set_up(&f);
    put(&f, 'a', 10);
    output_mark(&f.out, strdup("first"));
    cr_assert_null(f.out.mark);
    LOOP_UNTIL(f.loop, output_drained(&f.out));
    cr_assert_str_eq(f.out.mark, "first");

    put(&f, 'b', 1024 * 1024); /* more than the pipe holds */
    output_mark(&f.out, strdup("second"));
    LOOP_UNTIL(f.loop, f.out.writing);
    put(&f, 'c', 10);
    output_mark(&f.out, strdup("third"));
    loop_turns(f.loop, 10);
    cr_assert_str_eq(f.out.mark, "first");
    expect(&f, 'a', 10);
    expect(&f, 'b', 1024 * 1024);
    LOOP_UNTIL(f.loop, output_drained(&f.out));
    cr_assert_str_eq(f.out.mark, "third");

    /* Nothing to print: it counts at once. */
    output_mark(&f.out, strdup("fourth"));
    cr_assert_str_eq(f.out.mark, "fourth");
    tear_down(&f);
}

static int failures;

static void on_progress(struct output *o)
{
    failures += o->error != 0;
}

Test(output, a_closed_pipe_is_told_once)
{
    struct fixture f;
    set_up(&f);
    f.out.on_progress = on_progress;
    put(&f, 'a', 1024 * 1024);
    output_mark(&f.out, strdup("never"));
    LOOP_UNTIL(f.loop, f.out.writing);
    close(f.from);
    LOOP_UNTIL(f.loop, f.out.error != 0);
    cr_assert_eq(f.out.error, EPIPE);
    cr_assert(output_drained(&f.out));
    put(&f, 'b', 100); /* thrown away */
    loop_turns(f.loop, 10);
    cr_assert(output_drained(&f.out));
    cr_assert_eq(failures, 1);
    cr_assert_null(f.out.mark);
    f.from = open("/dev/null", O_RDONLY);
    tear_down(&f);
}

Test(output, a_reader_that_goes_is_noticed_without_a_write)
{
    struct fixture f;
    set_up(&f);
    f.out.on_progress = on_progress;
    put(&f, 'a', 10);
    output_watch_reader(&f.out);
    expect(&f, 'a', 10);
    LOOP_UNTIL(f.loop, output_drained(&f.out));
    close(f.from);
    LOOP_UNTIL(f.loop, f.out.error != 0);
    cr_assert_eq(f.out.error, EPIPE);
    cr_assert_eq(failures, 1);
    f.from = open("/dev/null", O_RDONLY);
    tear_down(&f);
}

/* Somebody else who has our terminal may make it non-blocking. */
Test(output, a_non_blocking_descriptor_works_too)
{
    struct fixture f;
    set_up(&f);
    fcntl(f.to, F_SETFL, O_NONBLOCK);
    put(&f, 'z', 1024 * 1024);
    LOOP_UNTIL(f.loop, timer_running(&f.out.again)); /* the pipe is full */
    expect(&f, 'z', 1024 * 1024);
    LOOP_UNTIL(f.loop, output_drained(&f.out));
    tear_down(&f);
}

Test(output, a_full_disk_is_an_error)
{
    struct fixture f;
    set_up(&f);
    close(f.to);
    f.to = open("/dev/full", O_WRONLY);
    f.out.fd = f.to;
    f.out.on_progress = on_progress;
    put(&f, 'a', 10);
    LOOP_UNTIL(f.loop, f.out.error != 0);
    cr_assert_eq(f.out.error, ENOSPC);
    cr_assert_eq(failures, 1);
    tear_down(&f);
}
