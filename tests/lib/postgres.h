/* A PostgreSQL server of a test's own, from the system's package: in a folder of its
 * own, as an ordinary user, on a socket in that folder and a port of loopback. It ends
 * with the test, however that ends.
 *
 * A program that uses this file has one server for all of its tests, from before the first
 * to after the last. A test that disturbs it, or wants it otherwise, opens another one, which
 * takes more than a second.
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
    pid_t keeper; /* ends the server when we do; 0: it is the one of all */
    int leash;    /* the keeper hears from its other end that we have */
    pid_t pid;    /* of the server */
};

/** Makes a file or folder the server's user's. */
void postgres_own(const char *path);

/** The server of all tests. */
void postgres_share(struct postgres *pg);

/** Makes another one, which answers when this returns. @settings: lines of
 * postgresql.conf. Whatever fails ends the test, in all of these. */
void postgres_open(struct postgres *pg, const char *settings);
void postgres_close(struct postgres *pg); /* either */

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
