/* The frame that every command runs in.
 *
 *   prepare -> options -> check -> session, begin -> calls -> session ends, last_words -> close
 *
 * The same for all, and so not in a command's own file: that options are read
 * and wrong ones told, a loop, channels, output that is never waited for, a call
 * that is cancelled by Ctrl-C or by --deadline, one line for what went wrong,
 * and an exit code. Commands differ in:
 *
 *   options    Rows of its own, and those it picks from common.h. "Connection"
 *              and "Calls" come to every command that calls somebody.
 *   arguments  How many, and whether the first is one of a few words.
 *   targets    A session has a channel to each service, and it connects when a
 *              call is opened on it: so this is said where the call is.
 *   progress   What is counted ("posts"), if anything. The command counts in
 *              session->progress.
 *   begin      What it needs before the first call.
 *   calls      What it asks, takes in and asks next, one call after another
 *              (calls.h). bench and generate make none of these: they start,
 *              stop and end by themselves.
 *   end        What follows from how a call ended: by default that a failed one
 *              is told and 1 the exit code. Words after the last row, a token to
 *              go on from.
 *
 * Words are in the table of commands.c, one row a command; what a row runs is
 * in the command's own file. A program runs one command, and once: what that
 * keeps is in variables of its file, as its options are. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <limits.h>

#include "base/options.h"
#include "session.h"

struct command;
struct row_kind;

/* What the messages of a command's calls are, and how they are shown. */
struct content {
    const ProtobufCMessageDescriptor *answer; /* NULL: not decoded */
    const struct row_kind *rows;              /* what it prints; NULL: something else */
    const char *counts; /* "posts", for the progress; NULL: it counts nothing, or says later */
    bool pages;         /* there may be many rows, for which a person wants a pager */
};

/* What a command does. */
struct routine {
    struct {
        const struct option_row *rows;
        size_t n;
    } options;
    struct content brings;
    int64_t page_size; /* --page-size without the option */
    bool calls_nobody;
    bool any_server;      /* whom it calls may be anybody, and is called by the target alone */
    uint64_t patience_ms; /* session->patience_ms */

    /** Before the options are read: defaults of its own. May be NULL. */
    void (*prepare)(int argc, char **argv);
    /** Looks whether the options fit together and to the @n arguments. Returns
     * EXIT_DONE, or what usage_error() returned. May be NULL. */
    int (*check)(const struct command *c, int n, char **arguments);
    /** Gives back what its variables hold; they may be zero. Always, and last. May be
     * NULL. */
    void (*close)(void);

    /** What it needs before the first call. false: out of memory, unless it has
     * ended the session itself. May be NULL. */
    bool (*begin)(struct session *s);
    /** What is to be said after the last row. May be NULL. */
    void (*last_words)(struct session *s);

    /* For one call after another; calls.h has more of it. */
    /** Opens the next call, sends, and reads. */
    void (*next)(struct session *s);
    /** A message came. */
    void (*take)(struct session *s, const ProtobufCMessage *message, struct bytes bytes);
    /** There is room for another message. May be NULL. */
    void (*on_sent)(struct session *s);
    /** More ids are in session->ids, or no more will come. Its arguments are ids, or
     * lines of standard input are. NULL: it takes none. */
    void (*on_ids)(struct session *s);
    /** A call ended with @status: what does that mean? NULL: calls_answered(). */
    struct status (*judge)(struct session *s, const struct status *status);
    /** Whether another call is needed, after one that was well. NULL: no. */
    bool (*more)(struct session *s);

    /* Instead of calls: session->start, on_stop, on_room. */
    void (*start)(struct session *s);
    void (*on_stop)(struct session *s);
    void (*on_room)(struct session *s);
};

/* A row of the table: a command, or a group ("users"), which is a name for others and has
 * no more than its own name, help and summary. */
struct command {
    const char *name;               /* "users get" */
    const char *arguments;          /* for the list of commands: "[ID]..."; of a group: NULL */
    const char *help;               /* and what it does, in a few words */
    const struct command *commands; /* the group's, up to one without a name; else NULL */

    const char *usage;              /* of its own --help: what follows the name */
    const char *summary, *epilogue; /* may be NULL */
    const char *examples;           /* command lines, one a line; may be NULL */
    const char *choices;            /* "posts|users": what the first argument must be; or NULL */
    int most;                       /* arguments */
    const char *too_many;           /* "takes one name"; NULL: "takes no argument" */
    const struct routine *runs;
};

#define ANY_NUMBER INT_MAX

/** Runs @c, whose name is argv[0]. Returns the exit code. */
int command_run(const struct command *c, int argc, char **argv);

/** The last word of its name: "get". */
const char *command_word(const struct command *c);

/** Complains about an argument that the command does not take: prints a line
 * and returns the exit code. */
int usage_error(const char *command, const char *what, const char *argument);

/** The same about a word that is none of "get|list|resolve". */
int choice_error(const char *command, const char *choices, const char *argument);

#endif
