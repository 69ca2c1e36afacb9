/* A PostgreSQL server, a loop and a pool of connections to it, and requests that keep
 * what they are answered. */
#ifndef TESTS_PG_WORLD_H
#define TESTS_PG_WORLD_H

#include "lib/loop_until.h"
#include "lib/postgres.h"
#include "store/postgres/pg_pool.h"

struct pg_world {
    struct postgres pg;
    struct loop *loop;
    struct pg_target *target;
    struct pg_pool *pool;
    struct pg_pool_options options; /* of the next pool */
    unsigned changes;               /* of its health */
    unsigned notes;                 /* that came on the channel */
    char note[64];                  /* the last */
};

/** A loop, and options of one connection and seconds to wait. @settings: a server of its own
 * with these lines of postgresql.conf; NULL: the one of all tests. */
void pg_world_open(struct pg_world *w, const char *settings);

/** Frees what there is; the loop runs until all of it is gone. */
void pg_world_close(struct pg_world *w);

/** A pool to @db, which it frees. It has not connected. */
void pg_world_pool(struct pg_world *w, char *db);

/** The same on the server's socket, and it is up when this returns. */
void pg_world_connect(struct pg_world *w);

#define QUESTION_STEPS 4

struct question {
    struct pg_request request; /* its begin, commits and parameters are the test's */
    struct pg_step steps[QUESTION_STEPS];
    struct pg_statement statements[QUESTION_STEPS];
    char texts[QUESTION_STEPS][64]; /* of each step: the last row's first value, or what was done */
    unsigned rows[QUESTION_STEPS];
    size_t bytes;                     /* of all first values */
    unsigned agains;                  /* how often it was sent once more */
    unsigned ends;                    /* how often done was called */
    unsigned place;                   /* the how manyeth of all it was to end, from 1 */
    struct pg_error error;            /* of its end; line "": none */
    void (*then)(struct question *q); /* NULL: nothing is done at its end */
};

/** So many questions have ended. */
extern unsigned g_questions_ended;

/** Fills in a question of these statements, up to a NULL; question_of(q, "a", "b", NULL). */
__attribute__((sentinel)) void question_of(struct question *q, ...);

/** It is sent again where that is of use. */
void question_repeats(struct question *q);

/** The same of one statement, and submits it. */
void question_ask(struct question *q, struct pg_world *w, const char *sql);

/** Runs the loop until it has ended, and fails if not with this trouble. */
#define question_fails(q, w, what)                                                                 \
    do {                                                                                           \
        LOOP_UNTIL((w)->loop, (q)->ends > 0);                                                      \
        cr_assert((q)->error.line[0] != '\0', "it did not fail");                                  \
        cr_assert_eq((q)->error.trouble, what, "%s", (q)->error.line);                             \
    } while (0)

#define question_works(q, w)                                                                       \
    do {                                                                                           \
        LOOP_UNTIL((w)->loop, (q)->ends > 0);                                                      \
        cr_assert_str_eq((q)->error.line, "");                                                     \
    } while (0)

#endif
