/* A target as people type it, made into one for channel_new(): the port of the service is
 * added where there is none ("127.0.0.1", "[::1]", "posts.example"), and a URL is refused. */
#ifndef WEIR_TARGET_H
#define WEIR_TARGET_H

#include <stdbool.h>

#define TARGET_MAX       1024 /* bytes, with the NUL */
#define TARGET_ERROR_MAX 256

/** Writes @given to @ret, each of its addresses with @port if it has none. What begins with a
 * scheme of gRPC's ("unix:", "dns:") stays as it is. false: @error says in one line what
 * is wrong with it. */
bool target_complete(const char *given, const char *port, char ret[TARGET_MAX],
                     char error[TARGET_ERROR_MAX]);

#endif
