/* A store in a folder of its own, or in a database, with a loop that its answers come to and
 * a reader.
 *
 * Each value is "GROUP ID TEXT", so that store_check() knows where it belongs; of what
 * is read back only the text is told. What is wrong fails the test. */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H

#include "store/store.h"
#include "store/store_check.h"
#include "weir/loop.h"

#define STORE_WORLD_TEXT 65536

/* A batch, and the bytes of its records. */
struct draft {
    struct write_batch batch;
    struct write_record records[4096];
    size_t n;
    bool answered;
    struct draft *next;
};

struct store_world {
    char *dir;   /* or the database */
    bool is_dir; /* it is one of ours, and goes at the end */
    struct loop *loop;
    struct store_options options; /* of the next store_world_start() */
    struct store *store;
    struct reader *reader;
    bool reading;             /* in a step of store_begin() */
    struct store_fetch fetch; /* of store_need() */
    struct draft *draft;      /* that is filled */
    struct draft *sent;       /* the last one first */
    enum write_result result; /* of the last record that was answered */
    char text[STORE_WORLD_TEXT];
};

/** With a store in it. @w is zeroed but for its options, and for its folder or database:
 * without one a new folder is made. */
void store_world_open(struct store_world *w);
void store_world_close(struct store_world *w);

/** Opens the store, and closes it. */
void store_world_start(struct store_world *w);
void store_world_stop(struct store_world *w);

/* --- Writing ------------------------------------------------------------------------ */

/** Another record of the batch that is to be sent. Texts are copied. */
void store_put(struct store_world *w, const char *group, const char *id, const char *text);
void store_delete(struct store_world *w, const char *id);

/** Hands it to the writer. */
void store_send(struct store_world *w);

/** Waits until all that was sent is committed. */
void store_await(struct store_world *w);

/** Sends and waits. */
void store_commit(struct store_world *w);

/** The same for a batch that is refused. */
void store_commit_refused(struct store_world *w);

/** A commit of one record. */
enum write_result store_put_now(struct store_world *w, const char *group, const char *id,
                                const char *text);
enum write_result store_delete_now(struct store_world *w, const char *id);

/* --- Reading: each in a step of its own, unless one is under way ---------------------- */

void store_begin(struct store_world *w);
void store_end(struct store_world *w);

/** In a step: what @need names can be read when this returns, and the step may be another. */
void store_need(struct store_world *w, const struct store_need *need);

/** All records from *at on, as "GROUP.SEQUENCE=TEXT " of each; valid until the next. */
const char *store_scan(struct store_world *w, struct position *at, uint32_t last_group);
const char *store_list(struct store_world *w);

/** At most @most changes after *revision: "1+ID@GROUP.SEQUENCE " was put, "2-ID@… " was
 * deleted. @want: what reader_changes() is to say. */
const char *store_changes(struct store_world *w, uint64_t *revision, size_t most, int want);

/** The text of the record with this id; NULL: there is none. */
const char *store_get(struct store_world *w, const char *id);

struct store_stats store_figures(struct store_world *w);

/* --- The whole ---------------------------------------------------------------------- */

/** store_check() finds nothing wrong; what it has counted. If the store is open it is
 * closed for that, and opened again: a process must not have it open twice. */
struct store_check store_sound(struct store_world *w);

/** As store_check() wants it. */
const char *store_world_read(struct store_check *check, struct bytes value, struct bytes *ret_group,
                             struct bytes *ret_id);

#endif
