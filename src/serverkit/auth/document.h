/* A document: a small text that is kept current. It is loaded again and again,
 * outside of the loops, and whoever uses it checks whether there is a new edition.
 * If a text cannot be loaded, or is not good, the last good edition stays, and one
 * line goes into the log.
 *
 * A document belongs to one loop. Functions that any thread may call are marked.
 * Each user makes its own things of the text: only the text itself goes from thread
 * to thread. */
#ifndef AUTH_DOCUMENT_H
#define AUTH_DOCUMENT_H

#include "load.h"
#include "weir/loop.h"

#define DOCUMENT_ERROR 512

struct document;

struct document_options {
    const char *what; /* "the token file", for log lines; stays, like the rest */
    const char *where;
    const char *ca;
    size_t max_bytes;
    load_fn load;
    uint64_t every_ms; /* load again after this time */
    /** Whether this is a good text; else *error says why not. Any thread. */
    bool (*good)(struct bytes text, char error[LOAD_ERROR]);
};

/** Makes a document without a text. Returns 0 or ENOMEM. */
int document_new(struct document **ret, const struct document_options *options);

/** Loads it on this thread: before document_watch(). false: *error says what
 * is wrong with what. */
bool document_load(struct document *d, char error[DOCUMENT_ERROR]);

/** Begins to keep it current, on @loop's thread or before it runs. A document
 * without a text is loaded at once. */
void document_watch(struct document *d, struct loop *loop);

/** Stops keeping it current. A load in flight is given up, and holds the loop until it
 * has ended. Loop thread only. */
void document_stop(struct document *d);

/** Frees it, after its loop has ended. NULL is fine. */
void document_free(struct document *d);

/** The number of the current edition; 0: there is no text yet. Any thread. */
unsigned document_edition(const struct document *d);

/** The text, with a reference that is the caller's, and which edition it is;
 * NULL if there is none yet. Any thread. */
struct buf *document_text(struct document *d, unsigned *ret_edition);

/** Whether the last load failed. Any thread. */
bool document_failing(const struct document *d);

/* Someone who waits for a newer edition. */
struct document_wait {
    void (*done)(struct document_wait *wait); /* on the loop, which is held until then */
    struct loop *loop;
    uint32_t retry_ms; /* at done: 0, or it was not loaded again, and will be after this time */
    struct document *document; /* private, like the rest */
    struct document_wait *next;
    struct posting post;
};

/** Has wait->done called once the document was loaded again; or at once, if
 * that was asked for less than 5 s ago (1 s if it failed). On wait->loop. */
void document_renew(struct document *d, struct document_wait *wait);

#endif
