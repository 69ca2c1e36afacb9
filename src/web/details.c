#include "details.h"

#include <stdio.h>

#include "base/base64.h"
#include "weir/status_details.h"

static bool are_details(struct bytes name)
{
    return bytes_equal(name, bytes_of_text(STATUS_DETAILS_NAME));
}

struct bytes details_of(const struct dialect_call *d, uint8_t *room)
{
    struct bytes name, value;
    size_t len;
    for (size_t n = 0; dialect_trailer(d, n, &name, &value); n++)
        if (are_details(name) && base64_room(value.len) <= DETAILS_MAX_BYTES &&
            base64_decode(room, value, BASE64_STANDARD, &len))
            return bytes_of(room, len);
    return bytes_of(NULL, 0);
}

bool details_next_trailer(const struct dialect_call *d, size_t *n, struct bytes *ret_name,
                          struct bytes *ret_value)
{
    while (dialect_trailer(d, (*n)++, ret_name, ret_value))
        if (!are_details(*ret_name))
            return true;
    return false;
}

void details_put_headers(struct answer *a, const struct status *status)
{
    char seconds[16];
    if (status->retry_after_ms > 0) {
        snprintf(seconds, sizeof seconds, "%u", (status->retry_after_ms - 1) / 1000 + 1);
        answer_put(a, "retry-after", seconds);
    }
    if (status->code == STATUS_UNAUTHENTICATED)
        answer_put(a, "www-authenticate", "Bearer");
}
