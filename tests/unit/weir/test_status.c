#include <criterion/criterion.h>
#include <string.h>

#include "weir/status.h"

Test(status, names)
{
    cr_assert_str_eq(status_name(0), "OK");
    cr_assert_str_eq(status_name(5), "NOT_FOUND");
    cr_assert_str_eq(status_name(16), "UNAUTHENTICATED");
    cr_assert_str_eq(status_name(17), "UNKNOWN");
    cr_assert_str_eq(status_name(-1), "UNKNOWN");
}

Test(status, long_messages_are_cut)
{
    char text[2 * STATUS_MESSAGE_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const struct status s = status_of(STATUS_ABORTED, "%s", text);
    cr_assert_eq(s.code, STATUS_ABORTED);
    cr_assert_eq(strlen(s.message), STATUS_MESSAGE_MAX - 1);
    cr_assert_str_empty(status_ok().message);
}
