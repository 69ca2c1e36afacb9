/* The PEM files of tls.h as the core wants them. */
#ifndef CORE_CREDENTIALS_H
#define CORE_CREDENTIALS_H

#include "weir/tls.h"

struct grpc_channel_credentials;
struct grpc_server_credentials;

/* One listener of a server. The core keeps what it was given for each listener
 * apart, so each must get what is new. It must outlive the core's server. */
struct core_listener {
    struct tls_server *tls; /* NULL: plaintext */
    unsigned seen;
    struct core_listener *next;
};

/** Credentials for this listener; the caller releases them. NULL: out of
 * memory. Any thread. */
struct grpc_server_credentials *credentials_of_server(struct core_listener *listener);

/** Credentials from the files as they are, if that is not what they were at the
 * last call with this @seen, which begins with 0; the caller releases them.
 * NULL: use what you have. Any thread. */
struct grpc_channel_credentials *credentials_of_client(struct tls_client *tls, unsigned *seen);

#endif
