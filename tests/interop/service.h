/* grpc.testing.TestService: what gRPC's implementations test each other with. */
#ifndef INTEROP_SERVICE_H
#define INTEROP_SERVICE_H

#include "test.pb-c.h"
#include "weir/server.h"

extern const struct service test_service;

/* One handler for each shape of a call. */
extern const struct stream_handler empty_handler, unary_handler; /* unary.c */
extern const struct stream_handler input_handler;                /* input.c */
extern const struct stream_handler output_handler;               /* output.c */

/* --- echo.c: what the methods have in common ---------------------------------------- */

/** Sends back the two headers that ask for it, one with our headers, one with
 * the trailers. From on_open. */
void echo_metadata(struct stream *s);

/** Ends the call as the client wants it to end. false: it does not say. */
bool echo_status(struct stream *s, const Grpc__Testing__EchoStatus *status);

/** Whether the message came as the client says it sent it; else the call has
 * failed. @compressed may be NULL: it does not say. */
bool check_compressed(struct stream *s, const Grpc__Testing__BoolValue *compressed);

/** Makes @payload one of @size zeros; the caller frees payload->body.data.
 * false: the call has failed. */
bool fill_payload(struct stream *s, int32_t size, Grpc__Testing__Payload *payload);

/** The flag for a response: our server compresses unless it is told not to. */
unsigned plain_unless(const Grpc__Testing__BoolValue *compressed);

/** Where there is nothing to do. */
void ignore(struct stream *s);
void ignore_close(struct stream *s, const struct status *status);

#endif
