/* A PostgreSQL server of a test's own, from the system's package: in a folder of its
 * own, as an ordinary user, on a socket in that folder and a port of loopback. It ends
 * with the test, however that ends.
 *
 * Making a cluster takes longer than all else, so a program makes one before its tests,
 * and each test has a copy of it.
 *
 * On the socket everybody may be POSTGRES_USER, who is the superuser; the port wants
 * POSTGRES_PASSWORD. */
#ifndef TESTS_POSTGRES_H
#define TESTS_POSTGRES_H

#include <stdbool.h>
#include <sys/types.h>

#define POSTGRES_USER     "posts"
#define POSTGRES_PASSWORD "a-secret-of-the-test"

struct postgres {
    char *dir; /* of the socket; its data is below it */
    int port;
    const char *settings; /* NULL: none of its own */
    pid_t keeper;         /* ends the server when we do */
    int leash;            /* the keeper hears from its other end that we have */
    pid_t pid;            /* of the server */
};

/** Copies the cluster and starts a server, which answers when this returns. @settings:
 * lines of postgresql.conf, or NULL. Whatever fails ends the test, in all of these. */
void postgres_open(struct postgres *pg, const char *settings);
void postgres_close(struct postgres *pg);

/** Ends the server, at once; starts it again, at the same place. */
void postgres_stop(struct postgres *pg);
void postgres_start(struct postgres *pg);

/** All of its processes stand still; go on. */
void postgres_freeze(struct postgres *pg);
void postgres_thaw(struct postgres *pg);

/** --db for its socket, for its port; each with more options of libpq behind it ("" is
 * fine). free() it. */
char *postgres_by_socket(const struct postgres *pg, const char *more);
char *postgres_by_port(const struct postgres *pg, const char *more);

/** Runs statements of a connection of our own, and waits. Returns the first value of the
 * last one, "" if there is none; it stays until the next call. */
const char *postgres_ask(struct postgres *pg, const char *sql);

#endif
