/* How far a listing is: where to go on from, how many records are still wanted,
 * and the taking in of answers, whatever call they came by.
 *
 * A message is taken whole: its records go to the output and its token becomes
 * the place to go on from, or neither does. So a listing that breaks can go on
 * without losing or repeating a row. --limit is for the whole command. */
#ifndef CLI_PAGING_H
#define CLI_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "client-cli/frame/session.h"
#include "post_query.h"

#define NO_LIMIT INT64_MAX

struct paging {
    char *token;  /* read-only: after the last message taken; "": none */
    int64_t left; /* read-only: records still wanted, or NO_LIMIT */
    bool exact;   /* this listing is one query: its progress is known */
};

/* What a message has brought. */
struct taking {
    const void *const *records;
    size_t n;
    const char *token;
    int64_t total; /* of the whole listing; 0: unknown */
    size_t bytes;
};

/** From the session's options. false: out of memory. */
bool paging_init(struct paging *p, struct session *s);
void paging_close(struct paging *p);

/** The query for posts that goes on from here, for @user_id or (NULL) everybody. Its
 * texts belong to the paging and the caller. */
struct post_query paging_query(const struct paging *p, const struct session *s, const char *user_id,
                               int64_t page_size);

/** Takes what came; records past the limit are left out. Out of memory: the call
 * is cancelled with a status that says so, and false. */
bool paging_take(struct paging *p, struct session *s, const struct taking *t);

/** The same for @message of @bytes. */
bool paging_take_posts(struct paging *p, struct session *s,
                       const V1__Post__ListPostsResponse *message, size_t bytes);

/** What is printed so far can be gone on from with --page-token, if there is one. */
void paging_mark(const struct paging *p, struct session *s);

/** As many records as --limit asked for are here. */
static inline bool paging_enough(const struct paging *p)
{
    return p->left == 0;
}

/** Another page is needed, where the page size is --page-size. */
bool paging_more(const struct paging *p, const struct session *s);

#endif
