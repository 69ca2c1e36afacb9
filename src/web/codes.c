#include "codes.h"

static const struct {
    const char *connect;
    unsigned http;
} codes[] = {
    [STATUS_OK] = { "unknown", 200 },
    [STATUS_CANCELLED] = { "canceled", 499 },
    [STATUS_UNKNOWN] = { "unknown", 500 },
    [STATUS_INVALID_ARGUMENT] = { "invalid_argument", 400 },
    [STATUS_DEADLINE_EXCEEDED] = { "deadline_exceeded", 504 },
    [STATUS_NOT_FOUND] = { "not_found", 404 },
    [STATUS_ALREADY_EXISTS] = { "already_exists", 409 },
    [STATUS_PERMISSION_DENIED] = { "permission_denied", 403 },
    [STATUS_RESOURCE_EXHAUSTED] = { "resource_exhausted", 429 },
    [STATUS_FAILED_PRECONDITION] = { "failed_precondition", 400 },
    [STATUS_ABORTED] = { "aborted", 409 },
    [STATUS_OUT_OF_RANGE] = { "out_of_range", 400 },
    [STATUS_UNIMPLEMENTED] = { "unimplemented", 501 },
    [STATUS_INTERNAL] = { "internal", 500 },
    [STATUS_UNAVAILABLE] = { "unavailable", 503 },
    [STATUS_DATA_LOSS] = { "data_loss", 500 },
    [STATUS_UNAUTHENTICATED] = { "unauthenticated", 401 },
};

static unsigned known(enum status_code code)
{
    const unsigned number = (unsigned)code;
    return number < sizeof codes / sizeof codes[0] ? number : STATUS_UNKNOWN;
}

unsigned http_status_of(enum status_code code)
{
    return codes[known(code)].http;
}

const char *connect_code_of(enum status_code code)
{
    return codes[known(code)].connect;
}
