/* The flags that the runners of these tests give to everybody's programs. */
#ifndef INTEROP_FLAGS_H
#define INTEROP_FLAGS_H

#include <stddef.h>

/* The environment variable with the folder of ca.pem, server1.pem and
 * server1.key; without it, the current folder. */
#define FLAGS_CREDENTIALS "INTEROP_CREDENTIALS"

/** The path of one of them, in @path. */
const char *flags_credential(const char *name, char *path, size_t room);

/** A new argv for daemon_main() from one with --port and --use_tls, either as
 * --port=8080 or as --port 8080; other arguments stay. It is never freed. */
char **flags_translate(int *argc, char **argv);

#endif
