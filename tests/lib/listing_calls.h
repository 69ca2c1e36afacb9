/* Calls of the eight listing methods, the same for every shape, and what they
 * answered. Posts are called "p0", "p1", ...; an answer is a list of those
 * numbers. */
#ifndef TESTS_LISTING_CALLS_H
#define TESTS_LISTING_CALLS_H

#include "post_world.h"

enum shape { UNARY, SERVER_STREAM, CLIENT_STREAM, BIDI, SHAPES };

struct ask {
    const char *user; /* NULL: ListPosts; the same for all asks of a call */
    int32_t page_size;
    const char *token;
    int64_t limit;
    const char *tag;
    bool follow, from_now;
};

/* One response. */
struct got {
    size_t from, n; /* its posts */
    char token[64];
    int32_t index;
    bool last;
    int64_t total;
    bool caught_up;
    size_t unresolved, errors, deleted;
    char unresolved_id[64]; /* the last of them */
    char deleted_id[64];    /* the same */
    int32_t error_index;    /* of the last one */
    enum status_code error_code;
    size_t bytes;
};

struct answer {
    uint32_t *posts;
    size_t nposts;
    struct got *messages;
    size_t n;
    struct status status;
};

static inline bool many_asks(enum shape shape)
{
    return shape == CLIENT_STREAM || shape == BIDI;
}

/** A call with these requests, of which there is exactly one in shapes that
 * have one; with many it stays open for more. */
struct fake_stream *listing_open(struct post_world *w, enum shape shape, const struct ask *asks,
                                 size_t n);
void listing_push(struct fake_stream *f, const struct ask *ask);

/** As listing_open(), and the client's end. */
struct fake_stream *listing_start(struct post_world *w, enum shape shape, const struct ask *asks,
                                  size_t n);

/** What was sent so far. Every post has the right author and every byte of its
 * body. answer_free() it. */
struct answer answer_read(const struct fake_stream *f);
void answer_free(struct answer *a);

/** A whole call. The status is in the answer. */
struct answer listing_call(struct post_world *w, enum shape shape, const struct ask *asks,
                           size_t n);

/** The same for one request; the call must end with OK. */
struct answer listing_one(struct post_world *w, enum shape shape, struct ask ask);

/** Ends the call: waits until it is over, reads and frees it. */
struct answer listing_end(struct post_world *w, struct fake_stream *f);

/** The client goes away; frees the stream. */
void listing_hang_up(struct post_world *w, struct fake_stream *f);

/** Appends b's posts to a's, keeps a's messages, frees b. */
void answer_append(struct answer *a, struct answer *b);

/* --- Posts -------------------------------------------------------------------------- */

struct post {
    char user[24], tag[8];
    size_t body_len;
    char filler; /* the body is full of these */
};

/* What is in the store, in the order of import. */
struct posts {
    struct post *list;
    size_t n;
};

void posts_add(struct posts *p, const char *user, size_t body_len, const char *tag);
void posts_import(struct post_world *w, const struct posts *p);

/** Imports [from, to) again, with bodies full of @filler. */
void posts_refill(struct post_world *w, struct posts *p, size_t from, size_t to, char filler);
void posts_free(struct posts *p);

/** The numbers of the posts in the order of a listing, filtered by user and
 * tag unless NULL; free() it. */
uint32_t *posts_expect(const struct posts *p, const char *user, const char *tag, size_t *ret_n);

#endif
