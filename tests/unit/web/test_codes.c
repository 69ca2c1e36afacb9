/* What gRPC's codes are called by Connect and HTTP: https://connectrpc.com/docs/protocol, "Error
 * Codes"; grpc-gateway's HTTPStatusFromCode() agrees. */
#include <criterion/criterion.h>

#include "web/codes.h"

Test(codes, are_those_of_connect)
{
    static const struct {
        enum status_code code;
        const char *name;
        unsigned http;
    } rows[] = {
        { STATUS_CANCELLED, "canceled", 499 },
        { STATUS_UNKNOWN, "unknown", 500 },
        { STATUS_INVALID_ARGUMENT, "invalid_argument", 400 },
        { STATUS_DEADLINE_EXCEEDED, "deadline_exceeded", 504 },
        { STATUS_NOT_FOUND, "not_found", 404 },
        { STATUS_ALREADY_EXISTS, "already_exists", 409 },
        { STATUS_PERMISSION_DENIED, "permission_denied", 403 },
        { STATUS_RESOURCE_EXHAUSTED, "resource_exhausted", 429 },
        { STATUS_FAILED_PRECONDITION, "failed_precondition", 400 },
        { STATUS_ABORTED, "aborted", 409 },
        { STATUS_OUT_OF_RANGE, "out_of_range", 400 },
        { STATUS_UNIMPLEMENTED, "unimplemented", 501 },
        { STATUS_INTERNAL, "internal", 500 },
        { STATUS_UNAVAILABLE, "unavailable", 503 },
        { STATUS_DATA_LOSS, "data_loss", 500 },
        { STATUS_UNAUTHENTICATED, "unauthenticated", 401 },
        { (enum status_code)17, "unknown", 500 },
        { (enum status_code) - 1, "unknown", 500 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_str_eq(connect_code_of(rows[i].code), rows[i].name);
        cr_assert_eq(http_status_of(rows[i].code), rows[i].http, "%s", rows[i].name);
    }
    cr_assert_eq(http_status_of(STATUS_OK), 200);
}
