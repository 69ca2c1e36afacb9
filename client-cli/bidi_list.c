/* bidi-list: many users on one bidirectional call, answered in order.
 *
 * At most `window` requests are unanswered: one for standard input, so that
 * every line is answered before the next one is asked, more for arguments,
 * which are all there at once. The call ends when the ids do:
 *
 *   OPEN -ids ended, all sent-> half-closed -all answered, OK-> end */
#include <inttypes.h>
#include <stddef.h>

#include "base/container.h"
#include "command.h"
#include "ids.h"
#include "listing.h"

#define WINDOW_OF_ARGUMENTS 32
#define WINDOW_OF_LINES     1

struct bidi_list {
    struct listing listing;
    struct session *session;
    struct ids ids;
    struct stream *call;
    size_t window;
    size_t sent, answered; /* requests */
    bool half_closed;
    bool wants_room; /* a read is due when the output has room */
};

static bool all;
static int64_t window;
static char **arguments;
static int argument_count;

/* --- Requests out ------------------------------------------------------------------ */

static size_t request_count(const struct bidi_list *l)
{
    return all ? 1 : l->ids.n;
}

static bool no_more_requests(const struct bidi_list *l)
{
    return (all || l->ids.ended) && l->sent == request_count(l);
}

static int send_one(struct bidi_list *l)
{
    const char *user = all ? NULL : ids_at(&l->ids, l->sent);
    struct query q = listing_query(&l->listing, user, l->session->options->page_size);
    if (l->sent > 0) /* --page-token is for the first request */
        q.page_token = "";
    return query_send(l->call, &q, 0);
}

static void send_more(struct bidi_list *l)
{
    while (l->call != NULL && l->sent < request_count(l) && l->sent - l->answered < l->window) {
        if (send_one(l) != 0) /* on_sent or on_close comes */
            return;
        l->sent++;
    }
    if (l->call == NULL || l->half_closed)
        return;
    if (no_more_requests(l)) {
        struct status ok = status_ok();
        l->half_closed = true;
        stream_finish(l->call, &ok);
    } else if (!all) {
        ids_want(&l->ids, l->answered + l->window);
    }
}

static void on_ids(struct ids *ids)
{
    send_more(container_of(ids, struct bidi_list, ids));
}

static void on_sent(struct stream *stream)
{
    send_more(stream->data);
}

/* --- Answers in ---------------------------------------------------------------------- */

static void read_next(struct bidi_list *l)
{
    l->wants_room = output_full(&l->session->out);
    if (!l->wants_room)
        stream_read(l->call);
}

static void tell_errors(struct bidi_list *l, const V1__Post__ListPostsResponse *m)
{
    const char *what = all ? "the request" : ids_at(&l->ids, l->answered);
    for (size_t i = 0; i < m->n_errors; i++)
        listing_refused(&l->listing, what, m->errors[i]);
}

/* Takes a message; the mark names the id to go on with. */
static void take(struct bidi_list *l, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    bool ended = m->last && *m->next_page_token == '\0';
    if (all)
        listing_take(&l->listing, l->call, m, bytes, ended ? NULL : "--page-token %s",
                     m->next_page_token);
    else if (!ended && *m->next_page_token != '\0')
        listing_take(&l->listing, l->call, m, bytes, "--page-token %s, ids from %s on",
                     m->next_page_token, ids_at(&l->ids, l->answered));
    else
        listing_take(&l->listing, l->call, m, bytes, "the ids after %s",
                     ids_at(&l->ids, l->answered));
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct bidi_list *l = stream->data;
    const V1__Post__ListPostsResponse *m = (const V1__Post__ListPostsResponse *)message;
    if (l->answered == l->sent || m->request_index != (int32_t)l->answered) {
        stream_fail(stream, STATUS_INTERNAL, "the server answered request %" PRId32 " out of order",
                    m->request_index);
        return;
    }
    tell_errors(l, m);
    take(l, m, bytes.len);
    if (m->last) {
        l->answered++;
        if (!all)
            ids_forget(&l->ids, l->answered);
    }
    if (listing_enough(&l->listing)) {
        stream_fail(stream, STATUS_CANCELLED, "enough");
        return;
    }
    send_more(l);
    read_next(l);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct bidi_list *l = stream->data;
    struct status truth = *status;
    l->call = NULL;
    if (listing_enough(&l->listing))
        truth = status_ok();
    else if (truth.code == STATUS_OK && !(no_more_requests(l) && l->answered == l->sent))
        truth = status_of(STATUS_UNAVAILABLE, "the stream ended before its last answer");
    l->listing.refused |= l->ids.failed;
    listing_end(&l->listing, &truth);
}

static const struct stream_handler handler = {
    .message = QUERY_RESPONSE,
    .on_message = on_message,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_close = on_close,
};

/* --- Life ----------------------------------------------------------------------------- */

static void on_room(struct session *s)
{
    struct bidi_list *l = s->command;
    if (l->wants_room && l->call != NULL)
        read_next(l);
}

static void on_stop(struct session *s)
{
    struct bidi_list *l = s->command;
    if (l->call != NULL)
        stream_fail(l->call, STATUS_CANCELLED, "stopped");
    else
        listing_end(&l->listing, NULL);
}

static void open_call(struct bidi_list *l)
{
    struct session *s = l->session;
    struct status status;
    l->call = session_open(s, s->post, query_path(SHAPE_BIDI, !all), &handler, l, &status);
    if (l->call == NULL) {
        listing_end(&l->listing, &status);
        return;
    }
    read_next(l);
    send_more(l);
}

static void start(struct session *s)
{
    struct bidi_list *l = s->command;
    struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    l->session = s;
    l->ids.on_change = on_ids;
    int rv = listing_init(&l->listing, s);
    if (rv == 0 && !all)
        rv = ids_init(&l->ids, s, arguments, argument_count);
    l->window = (size_t)window;
    if (window == 0)
        l->window = argument_count > 0 ? WINDOW_OF_ARGUMENTS : WINDOW_OF_LINES;
    if (rv != 0)
        session_fail(s, &status);
    else
        open_call(l);
}

static struct common common = { COMMON_DEFAULTS };

static const struct option_row rows[] = {
    ROW_FORMAT(common),
    { .name = "all",
      .kind = OPTION_FLAG,
      .value = &all,
      .help = "everybody's posts, by one request" },
    ROW_LIMIT(common),
    ROW_TAG(common),
    ROW_PAGE_SIZE(common, "most posts of one message; 0: the server chooses"),
    ROW_PAGE_TOKEN(common),
    { .name = "window",
      .kind = OPTION_INT,
      .value = &window,
      .help = "requests that may wait for their answer; 0: 1 for standard input, else 32",
      .max = 4096 },
    ROW_DEADLINE(common),
    ROW_PROGRESS(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "bidi-list [OPTION]... [ID]...",
    .summary = "Lists the posts of the users with these ids, or of ids from standard input, line\n"
               "by line as they come, by ListPostsByUserIdBidiStream; with --all everybody's, by\n"
               "ListPostsBidiStream.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int bidi_list_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (all && first < argc)
        return usage_error("bidi-list", "--all takes no ids", argv[first]);
    arguments = argv + first;
    argument_count = argc - first;
    struct bidi_list l = { 0 };
    struct session session = {
        .command = &l,
        .start = start,
        .on_stop = on_stop,
        .on_room = on_room,
        .resumable = true,
    };
    code = session_run(&session, &common);
    listing_close(&l.listing);
    ids_close(&l.ids);
    return code;
}
