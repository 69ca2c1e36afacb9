/* grpc-status-details-bin, as any server may send it: what is taken of it can
 * be printed, and is the same when it is packed and taken again. */
#include <ctype.h>

#include "fuzz.h"
#include "weir/status_details.h"

static void check_printable(const char *text, size_t max)
{
    cr_assert(strnlen(text, max) < max);
    for (; *text != '\0'; text++)
        cr_assert(isgraph((unsigned char)*text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct status got = status_of((enum status_code)(fuzz_byte(&in) % 17), "message");
    struct status again = got;
    uint8_t packed[STATUS_DETAILS_MAX];
    status_details_unpack(in, &got);
    check_printable(got.reason, sizeof got.reason);
    check_printable(got.field, sizeof got.field);
    const size_t len = status_details_pack(&got, "/v1.post.Post/ListPosts", packed);
    cr_assert(len <= sizeof packed);
    status_details_unpack(bytes_of(packed, len), &again);
    if (got.reason[0] != '\0') /* else packing names the code */
        cr_assert(strcmp(got.reason, again.reason) == 0);
    cr_assert(strcmp(got.field, again.field) == 0);
    cr_assert_eq(got.retry_after_ms, again.retry_after_ms);
    return 0;
}
