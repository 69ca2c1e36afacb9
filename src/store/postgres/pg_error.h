/* What went wrong with the database: what can be done about it, and a line for people. */
#ifndef PG_ERROR_H
#define PG_ERROR_H

#include <postgresql/libpq-fe.h>
#include <stdbool.h>

#include "store/store.h"

enum pg_trouble {
    PG_AGAIN,   /* it may well work later: connection lost, no answer, a conflict, a standby */
    PG_FULL,    /* no room on its disk, or one of its limits */
    PG_DENIED,  /* who we are, or what we may */
    PG_MISSING, /* the database, or a table */
    PG_OTHER,
};

struct pg_error {
    enum pg_trouble trouble;
    bool unknown;     /* it may have been done all the same */
    char sqlstate[6]; /* "": it did not come from the server */
    char line[STORE_ERROR_MAX];
};

/** The trouble that an SQLSTATE stands for. Any thread, as the next. */
enum pg_trouble pg_trouble_of(const char *sqlstate);

/** Whether the server that says this is of no use: it goes away, is not there yet,
 * or is a standby and was asked to write. Another connection may find a better one. */
bool pg_error_moves(const struct pg_error *error);

/** Whether the same request, asked again at once, may well be answered: the connection was
 * lost, the server moves, or it was rolled back for the sake of others. */
bool pg_error_passes(const struct pg_error *error);

/** PG_AGAIN, and a line of our own. */
__attribute__((format(printf, 1, 2))) struct pg_error pg_error_again(const char *format, ...);

/** What the server said of a statement. @doing: "cannot read the database posts". */
struct pg_error pg_error_of_result(const PGresult *result, const char *doing);

/** Why a connection was not made, in libpq's words for it at PQERRORS_VERBOSE, which
 * have an SQLSTATE. */
struct pg_error pg_error_of_connecting(const char *text, const char *doing);

/** Why one broke, in libpq's words. */
struct pg_error pg_error_of_losing(const char *text, const char *doing);

#endif
