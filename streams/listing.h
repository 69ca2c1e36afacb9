/* The listing pipeline: four call shapes are one machine with two switches.
 *
 *     requests: one | many -> cursor over the store -> authors -> responses: one | many
 *
 * A listing RPC is a `struct method`. Its sides set the switches, and its data
 * is a `struct listing_kind`. No RPC has code of its own.
 *
 * The pipeline is pull-driven: it reads the next part of an answer from the
 * store only when there is room for it. A call keeps
 *   requests   at most READ_AHEAD of them are read ahead, so that names are
 *              asked for before they are needed
 *   responses  MANY: two chunks; one is being sent, and one is being filled. A
 *              chunk is a quarter of what has gone out, from 4 to 96 KiB. ONE:
 *              the answer, which draws on a budget of the process
 * So a slow reader costs a constant.
 *
 * The machine works until it has to wait. Then it is in one of these states:
 *
 *   IDLE     for a request           (on_message, on_end)
 *   NAME     for an author's name    (the resolver)
 *   STORE    for records to be fetched, where the engine does that
 *   ROOM     for a chunk to go out   (on_sent)
 *   TURN     for the loop's next round: requests that come together are answered
 *            together, and in a long scan others have their turn (a deferred task)
 *   DONE     for the end of the call (on_close): the status was given
 *
 * From each of them it can come to every other, but after DONE only on_close
 * follows. Every callback only notes what happened. If the machine waits for
 * that, it calls the one tick function.
 *
 * The pipeline works on bytes, not on structs. A stored record is the encoded
 * message without its author. To list it means to copy it, and to append the
 * field of the author. */
#ifndef STREAMS_LISTING_H
#define STREAMS_LISTING_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/bytes.h"
#include "weir/rules.h"
#include "weir/stream.h"

struct listing_env;
struct loop;
struct reader;
struct resolver;

/* A request of any listing. The bytes are the message's. */
struct listing_request {
    struct bytes user_id; /* kinds that are by_user */
    struct bytes page_token;
    struct bytes tag;
    int32_t page_size;
    int64_t limit;
    bool follow, from_now;
    const struct status *wrong; /* how it breaks the handler's rules; NULL: it does not. The
                                   pipeline sets it */
};

struct listing_kind {
    const char *name;   /* what tokens are bound to: "ListPosts" */
    bool by_user;       /* one user's records, not all */
    bool authors;       /* append the author's name, from the resolver */
    bool plain;         /* responses have only fields 1 and 2: records, token */
    unsigned tag_field; /* of a record; 0: records have no tags */
    /* Of what the request says, in the order of the handler's rules, which therefore
     * name every field. */
    void (*read)(const struct said *said, struct listing_request *ret);
    /* Where the service keeps what its listings need on this loop. */
    const struct listing_env *(*env)(const struct loop *loop);
};

/* What listings need on each loop. */
struct listing_env {
    struct reader *reader;
    struct resolver *resolver; /* NULL where no kind has authors */
    uint64_t store_id;
    size_t answer_max_bytes; /* of one single answer */
    struct budget *budget;   /* of all single answers together */
    struct feed *feed;       /* of changes; NULL where no kind can be followed */
    struct limits *follows;  /* of one caller, at once; NULL: no limit */
    uint64_t quiet_ms;       /* until a follow without news says that it is there; 0: 30 s */
    uint32_t first_index;    /* of a stream's requests: 0, but where a test comes to the last one */
};

/* The functions of every listing's `struct stream_handler`. It has no message:
 * requests are read by their rules, without a struct in between. */
void listing_on_open(struct stream *s);
void listing_on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes);
void listing_on_end(struct stream *s);
void listing_on_sent(struct stream *s);
void listing_on_drain(struct stream *s);
void listing_on_close(struct stream *s, const struct status *status);

/* Of the requests of a listing. */
#define LISTING_TAG_MAX 256 /* bytes */

/* clang-format off */
#define LISTING_HANDLER(message_rules)                                                             \
    {                                                                                              \
        .rules = &(message_rules), .on_open = listing_on_open, .on_message = listing_on_message,   \
        .on_end = listing_on_end, .on_sent = listing_on_sent, .on_drain = listing_on_drain,        \
        .on_close = listing_on_close,                                                              \
    }
/* clang-format on */

#endif
