/* The posts of many users: what collect-list and bidi-list have in common. Their
 * users are arguments or lines of standard input; with --all it is one request,
 * for everybody's posts. */
#ifndef CLI_MANY_USERS_H
#define CLI_MANY_USERS_H

#include "client-cli/frame/command.h"
#include "client-cli/input/ids.h"
#include "paging.h"

struct many_users {
    struct paging paging;
    struct ids ids; /* unused with --all */
};

/** For a routine: check. */
int many_check(const struct command *c, int n, char **ids);

/** Begins; ids.on_change is set. false: out of memory. */
bool many_begin(struct many_users *m, struct session *s);
void many_close(struct many_users *m);

/** Requests there can be so far; and whether those are all. */
size_t many_count(const struct many_users *m);
bool many_ended(const struct many_users *m);

/** Whom request @i is for; NULL: everybody. */
const char *many_id(const struct many_users *m, size_t i);

/** Requests up to number @n are of use. */
void many_want(struct many_users *m, size_t n);

/** Requests below number @n are not needed any more. */
void many_forget(struct many_users *m, size_t n);

/** The listing stops within request @i, or (@whole) behind it: so is what is printed
 * so far marked. */
void many_mark(const struct many_users *m, struct session *s, size_t i, bool whole);

/** The server refused a single request, for @what: tells, and the exit code will be 1. */
void many_refused(struct session *s, const char *what, const V1__Post__RequestError *error);

#endif
