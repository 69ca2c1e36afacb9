/* A program through which a person reads long tables: less, or another one.
 *
 *   NONE
 *   WANTED -the first row is to be written-> RUNS    -it cannot be started-> NONE
 *   RUNS   -all is written-> ENDS    -it exits, since the person has seen enough-> OVER
 *   ENDS   -it exits-> OVER
 *
 * It reads a pipe in the place of the terminal, and gets the rows as they come. Where the
 * person stops reading, the pipe is full, and so the server is slowed down in the end. As
 * long as it runs the terminal and its keys are its own: so what else there is to say goes
 * into the pipe too, Ctrl-C does not end us before it exits, and there is no progress.
 *
 * Owner: the session. Loop's thread only. */
#ifndef CLI_PAGER_H
#define CLI_PAGER_H

#include <stdbool.h>
#include <uv.h>

#include "client-cli/output/output.h"

enum pager_state { PAGER_NONE, PAGER_WANTED, PAGER_RUNS, PAGER_ENDS, PAGER_OVER };

struct pager {
    /** It has exited. */
    void (*on_exit)(struct pager *p);
    void *data; /* the caller's */

    const char *command; /* private, like the rest */
    enum pager_state state;
    struct output *out;
    int fd; /* where its input is written; -1: closed */
    uv_process_t process;
};

/** The command to start: @option, if it is not NULL, else $PAGER, else less. NULL: none, since
 * the text is empty or "cat", or less is not there. If another program is not there, then
 * *ret_missing is its command, and else NULL. Puts into the environment what less and lv need
 * to print colours and to leave if a screen is enough. Before any thread is started. */
const char *pager_choose(const char *option, const char **ret_missing);

/** From now on @command is wanted; NULL: none is. @out is what it is to get. */
void pager_init(struct pager *p, struct output *out, const char *command);

/** It is not wanted after all; fine if it never was. Nothing happens to one that runs. */
void pager_refuse(struct pager *p);

/** Starts it if it is wanted and was not started yet, before the first write. Returns whether
 * it was started now. */
bool pager_start(struct pager *p, uv_loop_t *loop);

/** It was started, and has not exited yet. */
bool pager_runs(const struct pager *p);

/** Everything was written: the end of its input. More than once is fine. */
void pager_end(struct pager *p);

#endif
