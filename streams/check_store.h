/* What --check does in a program whose records are protobuf messages that came
 * by an import (import.h). */
#ifndef STREAMS_CHECK_STORE_H
#define STREAMS_CHECK_STORE_H

#include "import.h"

struct check_store_words {
    const char *program; /* "post-server" */
    const char *dir;
    const char *kind;   /* "posts" */
    const char *groups; /* "users"; NULL: there is only one */
};

/** Looks at the store in words->dir (store/store_check.h), where each record must
 * decode as @type, be text where it should be, and pass the check of its @kind. Prints a
 * line of what is there to standard output, or the first problems to standard
 * error. Returns the exit status: 0, or 1. */
int check_store(const struct check_store_words *words, const struct import_kind *kind,
                const ProtobufCMessageDescriptor *type);

#endif
