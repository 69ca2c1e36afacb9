/* How a call ended: a gRPC status code, a message for people, and what a
 * program can act on. The latter travels as google.rpc.Status, to and from which
 * status_details.c turns the fields here. */
#ifndef WEIR_STATUS_H
#define WEIR_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/* https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
#define STATUS_MAP(X)                                                                              \
    X(OK, 0)                                                                                       \
    X(CANCELLED, 1)                                                                                \
    X(UNKNOWN, 2)                                                                                  \
    X(INVALID_ARGUMENT, 3)                                                                         \
    X(DEADLINE_EXCEEDED, 4)                                                                        \
    X(NOT_FOUND, 5)                                                                                \
    X(ALREADY_EXISTS, 6)                                                                           \
    X(PERMISSION_DENIED, 7)                                                                        \
    X(RESOURCE_EXHAUSTED, 8)                                                                       \
    X(FAILED_PRECONDITION, 9)                                                                      \
    X(ABORTED, 10)                                                                                 \
    X(OUT_OF_RANGE, 11)                                                                            \
    X(UNIMPLEMENTED, 12)                                                                           \
    X(INTERNAL, 13)                                                                                \
    X(UNAVAILABLE, 14)                                                                             \
    X(DATA_LOSS, 15)                                                                               \
    X(UNAUTHENTICATED, 16)

enum status_code {
#define X(name, number) STATUS_##name = number,
    STATUS_MAP(X)
#undef X
};

#define STATUS_MESSAGE_MAX 512 /* bytes, with the final NUL; longer texts are cut */

#define STATUS_REASON_MAX 64 /* the same */
#define STATUS_FIELD_MAX  64

/* Reasons that a transport gives for what came in. */
#define REASON_PROTOCOL_VIOLATION "PROTOCOL_VIOLATION"
#define REASON_MESSAGE_TOO_LARGE  "MESSAGE_TOO_LARGE"

struct status {
    enum status_code code;
    uint32_t retry_after_ms;        /* there is too much to do: try again after this time; 0:
                                       no time is told */
    bool waited;                    /* this server has waited already, so to make the call again
                                       at once would only wait as long again */
    char reason[STATUS_REASON_MAX]; /* "INVALID_PAGE_TOKEN"; empty: the code says enough */
    char field[STATUS_FIELD_MAX];   /* the field of the request that is wrong, "page_token";
                                       empty: none is */
    char message[STATUS_MESSAGE_MAX];
};

/* How long to wait for memory. */
#define STATUS_RETRY_MS 1000

/** "NOT_FOUND" for 5; "UNKNOWN" for a number without a name. Any thread. */
const char *status_name(int code);

/** A status with a printf-formatted message. Any thread. */
__attribute__((format(printf, 2, 3))) struct status status_of(enum status_code code,
                                                              const char *format, ...);

/** INVALID_ARGUMENT, because @field of the request is wrong. Any thread. */
__attribute__((format(printf, 3, 4))) struct status
status_invalid(const char *field, const char *reason, const char *format, ...);

/** The same with the arguments of the format in a list. Any thread. */
__attribute__((format(printf, 2, 0))) struct status status_with(enum status_code code,
                                                                const char *format, va_list args);

/** Sets the reason, in UPPER_SNAKE_CASE; and the field too. Return @s. Any thread. */
struct status *status_because(struct status *s, const char *reason);
struct status *status_blame(struct status *s, const char *field, const char *reason);

/** OK with an empty message. */
struct status status_ok(void);

/** RESOURCE_EXHAUSTED, with a time after which to try again. */
struct status status_no_memory(void);

/** UNAVAILABLE: this server is stopping. */
struct status status_stopping(void);

#endif
