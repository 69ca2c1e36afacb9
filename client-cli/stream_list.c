/* stream-list: one server-streaming call, printed as it comes.
 *
 *   CALL -message-> CALL -last message, OK-> end
 *   CALL -UNAVAILABLE, or an end without a last message-> WAIT -> CALL
 *
 * The next call goes on from the last token with what is left of the limit.
 * Messages are read only while the output has room. */
#include <stddef.h>
#include <unistd.h>

#include "backoff.h"
#include "base/container.h"
#include "command.h"
#include "listing.h"
#include "skim.h"

struct stream_list {
    struct listing listing;
    struct session *session;
    struct stream *call; /* NULL: waiting to try again */
    bool wants_room;     /* a read is due when the output has room */
    bool last;           /* the message that ends the answer was here */
    bool resuming;       /* the call goes on after a broken one */
    unsigned resumed;
    struct backoff backoff;
    struct timer wait;
};

static bool resume = true;
static int64_t max_tries = 10;

static void open_call(struct stream_list *l);

static void read_next(struct stream_list *l)
{
    l->wants_room = output_full(&l->session->out);
    if (!l->wants_room)
        stream_read(l->call);
}

static void take(struct stream *stream, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    struct stream_list *l = stream->data;
    l->last = m->last != 0;
    listing_take(&l->listing, stream, m, bytes,
                 *m->next_page_token != '\0' ? "--page-token %s" : NULL, m->next_page_token);
    backoff_reset(&l->backoff);
    l->resumed += l->resuming;
    l->resuming = false;
    read_next(l);
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    take(stream, (const V1__Post__ListPostsResponse *)message, bytes.len);
}

/* --format none: posts are counted, and not decoded. */
static void on_bytes(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct skim skim;
    (void)message;
    if (skim_read(bytes, &skim))
        take(stream, &skim.message, bytes.len);
    else
        stream_fail(stream, STATUS_INTERNAL, "the server sent bytes that are not a valid %s",
                    QUERY_RESPONSE->name);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

/* A stream that ended without a last message was cut, whatever its status. */
static struct status true_status(const struct stream_list *l, const struct status *status)
{
    if (status->code == STATUS_OK && !l->last)
        return status_of(STATUS_UNAVAILABLE, "the stream ended before its last message");
    return *status;
}

static bool try_again(struct stream_list *l, const struct status *status)
{
    uint64_t wait_ms;
    if (status->code != STATUS_UNAVAILABLE || !resume || l->session->stopping ||
        session_deadline_passed(l->session))
        return false;
    if (!backoff_next(&l->backoff, &wait_ms))
        return false;
    timer_start(l->session->loop, &l->wait, wait_ms);
    return true;
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct stream_list *l = stream->data;
    struct status truth = true_status(l, status);
    l->call = NULL;
    /* Complete is complete, even if the connection broke before the status. */
    if (l->last || listing_enough(&l->listing))
        listing_end(&l->listing, NULL);
    else if (!try_again(l, &truth))
        listing_end(&l->listing, &truth);
}

static const struct stream_handler decoding = {
    .message = QUERY_RESPONSE,
    .on_message = on_message,
    .on_end = on_end,
    .on_close = on_close,
};

static const struct stream_handler counting = {
    .on_message = on_bytes,
    .on_end = on_end,
    .on_close = on_close,
};

static void open_call(struct stream_list *l)
{
    struct session *s = l->session;
    const char *user = s->options->user;
    const struct stream_handler *handler =
        s->options->format == FORMAT_NONE ? &counting : &decoding;
    struct status status;
    l->last = false;
    l->call = session_open(s, s->post, query_path(SHAPE_SERVER, user != NULL), handler, l, &status);
    if (l->call == NULL) {
        listing_end(&l->listing, &status);
        return;
    }
    struct query q = listing_query(&l->listing, user, s->options->page_size);
    if (query_send(l->call, &q, STREAM_LAST) == 0)
        read_next(l);
}

static void on_wait(struct timer *t)
{
    struct stream_list *l = container_of(t, struct stream_list, wait);
    l->resuming = true;
    open_call(l);
}

static void on_room(struct session *s)
{
    struct stream_list *l = s->command;
    if (l->wants_room && l->call != NULL)
        read_next(l);
}

static void on_stop(struct session *s)
{
    struct stream_list *l = s->command;
    timer_stop(&l->wait);
    if (l->call != NULL)
        stream_fail(l->call, STATUS_CANCELLED, "stopped");
    else
        listing_end(&l->listing, NULL);
}

static void last_words(struct session *s)
{
    struct stream_list *l = s->command;
    if (l->resumed > 0)
        session_say(s, "resumed %u time%s", l->resumed, l->resumed == 1 ? "" : "s");
}

static void start(struct session *s)
{
    struct stream_list *l = s->command;
    struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    l->session = s;
    l->wait.fired = on_wait;
    backoff_init(&l->backoff, (unsigned)max_tries, (uint64_t)getpid() << 20 ^ loop_now_ms(s->loop));
    if (listing_init(&l->listing, s) != 0)
        session_fail(s, &status);
    else
        open_call(l);
}

static struct common common = { COMMON_DEFAULTS };

static const struct option_row rows[] = {
    ROW_FORMAT(common),
    ROW_USER(common),
    ROW_LIMIT(common),
    ROW_TAG(common),
    ROW_PAGE_SIZE(common, "most posts of one message; 0: the server chooses"),
    ROW_PAGE_TOKEN(common),
    { .name = "resume",
      .kind = OPTION_FLAG,
      .value = &resume,
      .help = "go on by itself when the connection breaks" },
    { .name = "max-tries",
      .kind = OPTION_INT,
      .value = &max_tries,
      .help = "tries without any progress, then give up",
      .max = 1000 },
    ROW_DEADLINE(common),
    ROW_PROGRESS(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "stream-list [OPTION]...",
    .summary = "Lists posts as they come, by ListPostsServerStream or\n"
               "ListPostsByUserIdServerStream.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int stream_list_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (first < argc)
        return usage_error("stream-list", "takes no argument", argv[first]);
    struct stream_list l = { 0 };
    struct session session = {
        .command = &l,
        .start = start,
        .on_stop = on_stop,
        .on_room = on_room,
        .last_words = last_words,
        .resumable = true,
    };
    code = session_run(&session, &common);
    listing_close(&l.listing);
    return code;
}
