/* x-request-id and traceparent: what is taken over can stand in a line of a
 * log, and what is continued is a traceparent of the same trace. */
#include <ctype.h>

#include "fuzz.h"
#include "serverkit/intercept/trace.h"

/* 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 */
static void check_form(const char *text)
{
    cr_assert_eq(strlen(text), TRACEPARENT);
    for (int i = 0; i < TRACEPARENT; i++)
        cr_assert(i == 2 || i == 35 || i == 52
                      ? text[i] == '-'
                      : isdigit((unsigned char)text[i]) || (text[i] >= 'a' && text[i] <= 'f'));
    cr_assert(strncmp(text, "00-", 3) == 0 && text[53] == '0' && (text[54] & ~1) == '0');
    cr_assert(strspn(text + 3, "0") < 32 && strspn(text + 36, "0") < 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = bytes_of(data, size);
    struct trace once, twice;
    if (traceparent_continue(in, &once)) {
        check_form(once.traceparent);
        cr_assert(memcmp(once.traceparent + 3, data + 3, 32) == 0);
        cr_assert(memcmp(once.traceparent + 36, data + 36, 16) != 0); /* a span of our own */
        cr_assert(traceparent_continue(bytes_of_text(once.traceparent), &twice));
    } else {
        cr_assert_eq(once.traceparent[0], '\0');
    }
    if (request_id_valid(in))
        for (size_t i = 0; i < size; i++)
            cr_assert(isgraph(data[i]) && data[i] != '"' && data[i] != '\\');
    return 0;
}
