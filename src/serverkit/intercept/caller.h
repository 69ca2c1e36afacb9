/* Where a call comes from, as far as limits tell callers apart. */
#ifndef INTERCEPT_CALLER_H
#define INTERCEPT_CALLER_H

#include "base/bytes.h"

struct stream;

#define CALLER_MAX 128

/** The address of gRPC's @peer ("ipv4:127.0.0.1:5000", "ipv6:%5B::1%5D:5000",
 * "unix:..."), without the port: one caller may open many connections. Of IPv6
 * only the network, "ipv6:2001:db8:1:2::/64": whoever has one address there has
 * them all. In @ret. */
struct bytes caller_of_peer(const char *peer, char ret[CALLER_MAX]);

/** Of this call. */
struct bytes caller_address(struct stream *s, char ret[CALLER_MAX]);

/** Who makes this call, as far as limits tell callers apart: its identity, or without a
 * token its address, which is in @room. */
struct bytes caller_of(struct stream *s, char room[CALLER_MAX]);

#endif
