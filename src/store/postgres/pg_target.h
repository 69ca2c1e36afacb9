/* Which PostgreSQL database --db names, where it names no folder:
 *
 *   postgres://posts@db-1,db-2/posts?target_session_attrs=read-write
 *   service=posts
 *   host=/run/postgresql dbname=posts
 *
 * It is libpq's own syntax, with all that libpq adds from its service file and PG…
 * variables. Here it is read once, for three things that libpq leaves open:
 *
 *   - its hosts, for their names are to be looked up without blocking (pg_lookup.h);
 *   - sslmode. libpq takes plaintext where TLS is not to be had, and says nothing. If
 *     any host is not of this machine, verify-full is asked for, unless --db, the
 *     service file or PGSSLMODE names another; "prefer" counts only in --db itself;
 *   - a password in --db is refused: it shows in the list of processes. */
#ifndef PG_TARGET_H
#define PG_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

#define PG_HOSTS_MAX 16

/* One of the places where the database may be. */
struct pg_host {
    char *name; /* "": the default socket; "/run/postgresql": a socket's folder */
    char *addr; /* hostaddr; "": not given */
    char *port;
};

struct pg_target {
    char *db;      /* as it was given */
    char *name;    /* of the database, for people */
    bool verifies; /* sslmode=verify-full is ours */
    size_t nhosts;
    struct pg_host hosts[PG_HOSTS_MAX];
};

/** Whether @db names a database: it is a URI, or begins with "KEYWORD=". Any thread. */
bool pg_target_is(const char *db);

/** Reads it, with files and variables. Returns 0, or -1 with a line in @error, which
 * never has a password in it. Before there are loops: it reads files. */
int pg_target_new(struct pg_target **ret, const char *db, char error[STORE_ERROR_MAX]);
void pg_target_free(struct pg_target *target); /* NULL is fine */

/** Whether it is a socket of this machine, and has no address to look up. */
bool pg_host_is_socket(const struct pg_host *host);

#endif
