/* Those who follow: a call for each, on connections in turn; and what all of them got. */
#ifndef FOLLOW_LOAD_FOLLOWERS_H
#define FOLLOW_LOAD_FOLLOWERS_H

#include "durations.h"
#include "h2_link.h"
#include "messages.h"
#include "plan.h"
#include "tally.h"

#define TOKEN_BYTES 512

struct follower {
    struct h2_call call;
    struct followers *all;
    struct buf *request;
    struct messages in;
    struct tally tally;
    char token[TOKEN_BYTES]; /* of its last message; "": none came */
    bool caught_up, over;
};

struct followers {
    const struct plan *plan;
    struct bytes name; /* of the load */
    struct follower *each;
    size_t n;
    size_t caught_up, complete, fenced, over; /* how many are so; who is over may be others too */
    uint64_t start_ns;                        /* when the first one was opened */
    uint64_t arrivals, messages, bytes;       /* posts of the load, once each; all messages */
    struct durations latency;                 /* import sent to arrival; plan.h says when */
    struct durations caught_up_after, complete_after; /* of each, since start_ns */
};

/** Opens @plan's followers on @links in turn, all at once. What they say comes with the turns of
 * the links, and has to stay until followers_close(). */
void followers_open(struct followers *f, const struct plan *plan, struct h2_link *links);
void followers_close(struct followers *f);

/** Each one is caught up, or over. */
bool followers_are_caught_up(const struct followers *f);

/** Each one has the whole load, or is over. */
bool followers_are_complete(const struct followers *f);

/** Each one has its part of the fence, or is over. */
bool followers_are_fenced(const struct followers *f);

/** The last token of each, a line for each, as plan->tokens are read from. */
void followers_save_tokens(const struct followers *f, const char *path);

/** What they got, as members of a JSON object, to standard output. */
void followers_print(struct followers *f);

#endif
