/* The posts of many users: what collect-list and bidi-list have in common. Their
 * users are arguments or lines of standard input; with --all it is one request,
 * for everybody's posts. */
#ifndef CLI_MANY_USERS_H
#define CLI_MANY_USERS_H

#include "client-cli/frame/session.h"
#include "post_query.h"

/** Opens the next call, reads, and sends: by the routine's on_sent. */
void many_open(struct session *s, enum shape shape);

/** Requests there can be so far; and whether those are all. */
size_t many_count(const struct session *s);
bool many_ended(const struct session *s);

/** Whom request @i is for; NULL: everybody. */
const char *many_id(const struct session *s, size_t i);

/** Requests up to number @n are of use. */
void many_want(struct session *s, size_t n);

/** Requests below number @n are not needed any more. */
void many_forget(struct session *s, size_t n);

/** The listing stops within request @i, or (@whole) behind it: so is what is printed
 * so far marked. */
void many_mark(struct session *s, size_t i, bool whole);

/** The server refused a single request, for @what: tells, and the exit code will be 1. */
void many_refused(struct session *s, const char *what, const V1__Post__RequestError *error);

#endif
