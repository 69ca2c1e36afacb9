/* The service: a row for each method. UnimplementedCall has none, so it is
 * answered with UNIMPLEMENTED. */
#include "service.h"

static const char at_end[] = "answers follow the last request"; /* see output.c */

static const struct method methods[] = {
    { "/grpc.testing.TestService/EmptyCall", ONE, ONE, &empty_handler, NULL, NULL },
    { "/grpc.testing.TestService/UnaryCall", ONE, ONE, &unary_handler, NULL, NULL },
    { "/grpc.testing.TestService/StreamingInputCall", MANY, ONE, &input_handler, NULL, NULL },
    { "/grpc.testing.TestService/StreamingOutputCall", ONE, MANY, &output_handler, NULL, NULL },
    { "/grpc.testing.TestService/FullDuplexCall", MANY, MANY, &output_handler, NULL, NULL },
    { "/grpc.testing.TestService/HalfDuplexCall", MANY, MANY, &output_handler, at_end, NULL },
};

const struct service test_service = { "grpc.testing.TestService", methods,
                                      sizeof methods / sizeof methods[0] };
