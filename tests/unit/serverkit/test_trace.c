/* Request ids and trace contexts: what is taken over, and what is not. */
#include <criterion/criterion.h>
#include <string.h>

#include "serverkit/intercept/trace.h"

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

Test(trace, request_ids)
{
    static const char *const good[] = { "a", "9f-3_x.y:z/1+2=3@host", "0123456789abcdef" };
    static const char *const bad[] = { "",     "a b", "a\"b",     "a\\b", "a\nb",
                                       "{id}", "a,b", "\xc3\xa9", "a;b",  "a\x1b[31m" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert(request_id_valid(bytes_of_text(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(!request_id_valid(bytes_of_text(bad[i])), "%s", bad[i]);
    cr_assert(!request_id_valid(bytes_of("a\0b", 3)));
    char longest[REQUEST_ID_MAX + 1];
    memset(longest, 'x', sizeof longest);
    cr_assert(request_id_valid(bytes_of(longest, REQUEST_ID_MAX)));
    cr_assert(!request_id_valid(bytes_of(longest, REQUEST_ID_MAX + 1)));
}

Test(trace, made_ids_are_valid_and_differ)
{
    struct trace a, b;
    for (int i = 0; i < 1000; i++) {
        request_id_make(&a);
        request_id_make(&b);
        cr_assert(request_id_valid(bytes_of_text(a.request_id)));
        cr_assert_eq(strlen(a.request_id), 16);
        cr_assert_str_neq(a.request_id, b.request_id);
    }
}

Test(trace, a_trace_goes_on_in_a_span_of_ours)
{
    struct trace t;
    cr_assert(traceparent_continue(bytes_of_text(PARENT), &t));
    cr_assert_eq(strlen(t.traceparent), TRACEPARENT);
    cr_assert_eq(memcmp(t.traceparent, PARENT, 36), 0, "the same trace: %s", t.traceparent);
    cr_assert_neq(memcmp(t.traceparent + 36, &PARENT[36], 16), 0, "another span");
    cr_assert_str_eq(t.traceparent + 52, "-01");

    struct trace next;
    cr_assert(traceparent_continue(bytes_of_text(t.traceparent), &next), "ours can be continued");
}

static void check_flags(const char *given, const char *want)
{
    struct trace t;
    char parent[] = PARENT;
    memcpy(parent + 53, given, 2);
    cr_assert(traceparent_continue(bytes_of_text(parent), &t));
    cr_assert_str_eq(t.traceparent + 53, want);
}

Test(trace, flags)
{
    check_flags("00", "00");
    check_flags("01", "01");
    check_flags("ff", "01");
    check_flags("0e", "00");
}

Test(trace, later_versions)
{
    struct trace t;
    cr_assert(traceparent_continue(
        bytes_of_text("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-else"), &t));
    cr_assert_eq(strlen(t.traceparent), TRACEPARENT);
    cr_assert_eq(memcmp(t.traceparent, "00-", 3), 0);
    cr_assert(!traceparent_continue(
        bytes_of_text("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what"), &t));
}

Test(trace, what_is_no_trace_context)
{
    static const char *const bad[] = {
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473\"-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };
    struct trace t;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert(!traceparent_continue(bytes_of_text(bad[i]), &t), "%s", bad[i]);
        cr_assert_str_eq(t.traceparent, "");
    }
    cr_assert(!traceparent_continue(bytes_of(NULL, 0), &t));
}
