/* How far a listing is: where to go on from, how many records are still wanted,
 * and the taking in of answers, whatever call they came by.
 *
 * A message is taken whole: its records go to the output and its token becomes
 * the place to go on from, or neither does. So a listing that breaks can go on
 * without losing or repeating a row. --limit is for the whole command. */
#ifndef CLI_PAGING_H
#define CLI_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;

#define NO_LIMIT INT64_MAX

struct paging {
    char *token;    /* read-only: after the last message taken; "": none */
    int64_t left;   /* read-only: records still wanted, or NO_LIMIT */
    bool torn;      /* the limit came within a message, so that no token leads to the rest */
    bool exact;     /* this listing is one query: its progress is known */
    uint64_t total; /* records of the whole listing; 0: unknown */
};

/* What a message has brought. */
struct taking {
    const void *const *records;
    size_t n;
    const char *const *gone; /* ids of records that are there no more; they do not count */
    size_t ngone;
    const char *token;
    int64_t total; /* of the whole listing; 0: unknown */
    size_t bytes;
};

/** session->paging, from the options. false: out of memory. */
bool paging_init(struct session *s);
void paging_close(struct session *s);

/** What is still wanted, for a request; 0: no limit. */
int64_t paging_limit(const struct session *s);

/** Takes what came; records past the limit are left out. Out of memory: the call
 * is cancelled with a status that says so, and false. */
bool paging_take(struct session *s, const struct taking *t);

/** What is printed so far can be gone on from with --page-token, if there is one. */
void paging_mark(struct session *s);

/** As many records as --limit asked for are here. */
bool paging_enough(const struct session *s);

/** --limit has ended what goes on behind it. */
bool paging_cut(const struct session *s);

/** --limit has ended it and more records are behind, or may be. */
bool paging_left_some(const struct session *s);

/** How many records there are with those left out; 0: that is unknown. */
uint64_t paging_total(const struct session *s);

/** For a routine: more, where the page size is --page-size. */
bool paging_more(struct session *s);

#endif
