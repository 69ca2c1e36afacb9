/* What is to be done, from the command line. */
#ifndef FOLLOW_LOAD_PLAN_H
#define FOLLOW_LOAD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The lines of a file. */
struct lines {
    char **line;
    size_t n;
};

enum plan_import {
    IMPORT_BY_OTHERS, /* which is over when standard input ends */
    IMPORT_PACED, /* a call for each post, at a rate: so each is a commit, and its time is known */
    IMPORT_BULK,  /* one call, as fast as it goes */
};

struct plan {
    int64_t port, import_port, connections, followers; /* import_port 0: the same */
    const char *users_file, *tokens_file, *save_tokens_file, *name;
    struct lines users;  /* post number N of the load is by user N, and so round */
    struct lines tokens; /* to resume with, one for each follower; none: they begin */
    bool by_user;        /* follower N follows user N, and so round; else all follow everything */
    bool from_now;
    int import; /* enum plan_import */
    int64_t count, rate;
    uint64_t timeout_ms;
};

/** Reads the command line and its files; what is wrong with it ends the program. */
void plan_read(struct plan *p, int argc, char **argv);
void plan_close(struct plan *p);

#endif
