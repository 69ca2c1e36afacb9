#include "flags.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of --name=VALUE or --name VALUE at argv[*at], or NULL. */
static const char *value_of(const char *name, int argc, char **argv, int *at)
{
    const size_t len = strlen(name);
    const char *arg = argv[*at];
    if (strncmp(arg, name, len) != 0)
        return NULL;
    if (arg[len] == '=')
        return arg + len + 1;
    return arg[len] == '\0' && *at + 1 < argc ? argv[++*at] : NULL;
}

static char *join(const char *a, const char *b)
{
    char *made;
    if (asprintf(&made, "%s%s", a, b) < 0)
        abort();
    return made;
}

const char *flags_credential(const char *name, char *path, size_t room)
{
    const char *folder = getenv(FLAGS_CREDENTIALS);
    snprintf(path, room, "%s/%s", folder != NULL ? folder : ".", name);
    return path;
}

char **flags_translate(int *argc, char **argv)
{
    static char **made; /* options_parse() keeps parts of it */
    made = calloc((size_t)*argc + 4, sizeof *made);
    char path[4096];
    int n = 0;
    if (made == NULL)
        abort();
    made[n++] = argv[0];
    made[n++] = join("--compression=", "gzip"); /* STREAM_PLAIN says which not */
    for (int i = 1; i < *argc; i++) {
        const char *port = value_of("--port", *argc, argv, &i);
        const char *use_tls = port == NULL ? value_of("--use_tls", *argc, argv, &i) : NULL;
        if (port != NULL) {
            made[n++] = join("--listen=localhost:", port);
        } else if (use_tls == NULL) {
            made[n++] = argv[i];
        } else if (strcmp(use_tls, "true") == 0) {
            made[n++] = join("--tls-cert=", flags_credential("server1.pem", path, sizeof path));
            made[n++] = join("--tls-key=", flags_credential("server1.key", path, sizeof path));
        }
    }
    *argc = n;
    return made;
}
