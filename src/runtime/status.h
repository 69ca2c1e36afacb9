/* How a call ended: a gRPC status code and a message for people. */
#ifndef RUNTIME_STATUS_H
#define RUNTIME_STATUS_H

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

struct status {
    enum status_code code;
    char message[STATUS_MESSAGE_MAX];
};

/** "NOT_FOUND" for 5; "UNKNOWN" for a number without a name. Any thread. */
const char *status_name(int code);

/** A status with a printf-formatted message. Any thread. */
__attribute__((format(printf, 2, 3))) struct status status_of(enum status_code code,
                                                              const char *format, ...);

/** OK with an empty message. */
struct status status_ok(void);

#endif
