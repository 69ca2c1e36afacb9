/* What every command has: a loop, channels, output, a call, and one way to end.
 *
 *   start -> the command's calls -> session_end() or session_fail()
 *
 * A session may be stopped from outside at any time: by Ctrl-C, by a closed
 * pipe behind us ("enough"), by a full disk. Then the command's on_stop cancels
 * what is open, and once that is closed the command calls session_end() as
 * ever; the session knows why it ended. It waits until its output is written,
 * and then says on standard error what is to be said: how a call failed, with
 * the details that its status has (weir/status.h), and where to go on from. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include <uv.h>

#include "client-cli/output/output.h"
#include "client-cli/output/progress.h"
#include "client-cli/output/rows.h"
#include "pager.h"
#include "paging.h"
#include "silence.h"
#include "weir/channel.h"
#include "weir/loop.h"
#include "weir/status.h"
#include "weir/stream.h"

struct common;
struct ids;
struct routine;

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

struct session {
    struct loop *loop;
    const struct common *options;
    struct channel *post, *user; /* connect when used; NULL in one that calls nobody */
    struct output out;           /* standard output */
    struct rows rows;            /* what goes there, if the routine names a kind of them */
    struct pager pager;          /* through which the rows are read, if it runs */
    struct progress progress;
    bool stopping; /* read-only: everything that is open is to end */
    bool failed;   /* the exit code will be 1, though the calls went well */
    bool endless;  /* there is always more: the mark is told after a good end, too */
    /* What to do after a failure, in the place of the mark, which leads nowhere then; or NULL. */
    const char *advice;
    char **arguments;
    int argument_count;
    struct paging paging; /* where a listing is */
    struct ids *ids;      /* whom to ask about; NULL: everybody, or it is no command for ids */

    /* The call at which the command is: calls.h. */
    struct stream *call;     /* NULL: none is open */
    struct channel *channel; /* of the call, or of the one before */
    struct stream_handler handler;
    bool answered;    /* it has brought a message */
    bool half_closed; /* it gets no more requests */
    bool wants_room;  /* a read is due when the output has room */
    bool due;         /* the next call is */
    struct timer again;
    struct silence silence; /* of the server that is called */

    /** Begins the command. */
    void (*start)(struct session *s);
    /** Cancels what is open, so that it comes to session_end(). */
    void (*on_stop)(struct session *s);
    /** The output has room again. May be NULL. */
    void (*on_room)(struct session *s);
    /** Whatever is to be said after the last row. May be NULL. */
    void (*last_words)(struct session *s);
    /** Says more of a failure, behind the line about it. May be NULL. */
    void (*say_more)(struct session *s);
    bool calls_nobody;         /* there are no channels */
    const char *pager_command; /* NULL: the output is read without one */
    /** What start and the others are to do. */
    const struct routine *routine;
    /** How long a stop may take before the process is ended; 0: 250 ms. */
    uint64_t patience_ms;

    struct status failure; /* read-only: how the command has failed, in last_words */
    char *later;           /* private, like the rest: a line that waits for the output */
    bool told;             /* the last words are said */
    int code;
    bool ending;
    bool detached; /* a thread is inside a read or write that may never return */
    unsigned reads;
    uint64_t started_ms; /* what --deadline counts from */
    struct task begin;
    struct timer patience;
    uv_signal_t interrupt, terminate;
};

/** Runs a command whose callbacks are set in @s, which is zero otherwise.
 * Returns the exit code; where a thread still waits for a descriptor, it ends
 * the process with that code instead. */
int session_run(struct session *s, const struct common *options);

/** The command is through, with @code; nothing of it is open any more. The
 * first call counts, and a stop that came before it. */
void session_end(struct session *s, enum exit_code code);

/** The same after a failed call: one line tells, and the code is 1. */
void session_fail(struct session *s, const struct status *status);

/** Ends the command early, as if Ctrl-C was hit: with @code after on_stop. */
void session_stop(struct session *s, enum exit_code code);

/** Prints a line on standard error: "postcli: ...". While a pager runs that line is one among
 * the rows, since the terminal is the pager's. */
__attribute__((format(printf, 2, 3))) void session_say(struct session *s, const char *format, ...);

/** Prints a line on standard error as it is. */
__attribute__((format(printf, 2, 3))) void session_note(struct session *s, const char *format, ...);

/** session_note(), once everything before it is written: on one terminal the line then
 * stands in its place. It takes the place of one that waits still. */
__attribute__((format(printf, 2, 3))) void session_note_later(struct session *s, const char *format,
                                                              ...);

/** @format is where to go on from behind all that was printed so far. */
__attribute__((format(printf, 2, 3))) void session_mark(struct session *s, const char *format, ...);

/** The channel to the server that --server names. */
struct channel *session_channel(const struct session *s);

/** A read of a descriptor was handed to (+1), or came back from (-1) the
 * thread pool: it may block for ever, so an end must not wait for it. */
void session_reading(struct session *s, int change);

/** Cancels a call for want of memory. */
void session_no_memory(struct stream *stream);

#endif
