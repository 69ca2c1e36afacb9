/* collect-list: all ids up, one answer back. An answer that would be too long
 * stops early and says where; then a new call goes on from that request:
 *
 *   SENDING -ids ended, or as many sent as one answer may be for-> WAITING
 *   WAITING -answer, OK-> end, or with ids left SENDING (those)
 *   SENDING or WAITING -answer that stopped early, OK-> SENDING (from there) */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/container.h"
#include "command.h"
#include "ids.h"
#include "listing.h"

/* Ids read ahead of those that are sent. */
#define AHEAD 1024

/* Of one call, however small --page-size is. */
#define LEAST_REQUESTS 16

struct collect_list {
    struct listing listing;
    struct session *session;
    struct ids ids;
    struct stream *call; /* NULL: between two calls */
    size_t first;        /* the id that the call's first request is for */
    size_t sent;         /* requests of this call */
    bool half_closed;
    bool answered;
    bool unfinished; /* the answer stopped early, or there are more ids: another call */
    size_t next;     /* the id it begins with, from listing.token on */
    size_t most;     /* requests that this call may have */
};

static bool all;
static char **arguments;
static int argument_count;

static void open_call(struct collect_list *l);

/* --- Requests out ------------------------------------------------------------------ */

static size_t request_count(const struct collect_list *l)
{
    size_t n = all ? 1 : l->ids.n - l->first;
    return n < l->most ? n : l->most;
}

static const char *id_of(const struct collect_list *l, size_t request)
{
    return all ? NULL : ids_at(&l->ids, l->first + request);
}

/* The first request's page size bounds the whole answer, and --limit is for the
 * whole answer too. */
static int64_t page_size(const struct collect_list *l)
{
    int64_t size = l->session->options->page_size;
    return size > 0 && l->listing.left < size ? l->listing.left : size;
}

/* An answer of so many posts has not many more users: ids beyond those would be
 * sent again with each call, and the whole would take time with their square. */
static size_t most_requests(const struct collect_list *l)
{
    int64_t size = page_size(l);
    if (size == 0)
        return SIZE_MAX;
    return size > LEAST_REQUESTS ? (size_t)size : LEAST_REQUESTS;
}

static int send_one(struct collect_list *l)
{
    struct query q = listing_query(&l->listing, id_of(l, l->sent), page_size(l));
    bool more = l->sent + 1 < request_count(l);
    if (l->sent > 0) /* the token is for the first request */
        q.page_token = "";
    return query_send(l->call, &q, more ? STREAM_MORE : 0);
}

static void send_more(struct collect_list *l)
{
    while (l->sent < request_count(l)) {
        if (send_one(l) != 0) /* on_sent or on_close comes */
            return;
        l->sent++;
    }
    if (all || l->ids.ended || l->sent == l->most) {
        struct status ok = status_ok();
        l->half_closed = true;
        stream_finish(l->call, &ok);
    } else {
        ids_want(&l->ids, l->first + l->sent + AHEAD);
    }
}

static void on_ids(struct ids *ids)
{
    struct collect_list *l = container_of(ids, struct collect_list, ids);
    if (l->call != NULL && !l->half_closed)
        send_more(l);
}

static void on_sent(struct stream *stream)
{
    struct collect_list *l = stream->data;
    if (!l->half_closed)
        send_more(l);
}

/* --- The answer ---------------------------------------------------------------------- */

static void tell_errors(struct collect_list *l, const V1__Post__ListPostsResponse *m)
{
    for (size_t i = 0; i < m->n_errors; i++) {
        const V1__Post__RequestError *e = m->errors[i];
        bool known = !all && e->request_index >= 0 && (size_t)e->request_index < l->sent;
        listing_refused(&l->listing, known ? id_of(l, (size_t)e->request_index) : "a request", e);
    }
}

static bool went_nowhere(const struct collect_list *l, const V1__Post__ListPostsResponse *m)
{
    return m->request_index == 0 && strcmp(m->next_page_token, l->listing.token) == 0;
}

static bool more_ids(const struct collect_list *l)
{
    return !all && l->half_closed && l->sent == l->most &&
           !(l->ids.ended && l->first + l->sent == l->ids.n);
}

/* Takes an answer that says it stopped early, with the token in it. */
static void take_part(struct collect_list *l, struct stream *stream,
                      const V1__Post__ListPostsResponse *m, size_t bytes)
{
    l->unfinished = true;
    l->next = l->first + (size_t)m->request_index;
    if (all)
        listing_take(&l->listing, stream, m, bytes, "--page-token %s", m->next_page_token);
    else
        listing_take(&l->listing, stream, m, bytes, "--page-token %s, ids from %s on",
                     m->next_page_token, ids_at(&l->ids, l->next));
}

/* Takes an answer to all requests of the call. */
static void take_whole(struct collect_list *l, struct stream *stream,
                       const V1__Post__ListPostsResponse *m, size_t bytes)
{
    l->unfinished = more_ids(l);
    l->next = l->first + l->sent;
    if (l->unfinished)
        listing_take(&l->listing, stream, m, bytes, "the ids after %s",
                     ids_at(&l->ids, l->next - 1));
    else
        listing_take(&l->listing, stream, m, bytes, NULL);
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct collect_list *l = stream->data;
    const V1__Post__ListPostsResponse *m = (const V1__Post__ListPostsResponse *)message;
    bool bad_index = m->request_index < 0 || (size_t)m->request_index >= l->sent;
    bool stopped_early = *m->next_page_token != '\0';
    l->answered = true;
    if (stopped_early && (bad_index || went_nowhere(l, m))) {
        stream_fail(stream, STATUS_INTERNAL, "the answer stops at request %" PRId32 ", nowhere new",
                    m->request_index);
        return;
    }
    tell_errors(l, m);
    if (stopped_early)
        take_part(l, stream, m, bytes.len);
    else
        take_whole(l, stream, m, bytes.len);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

static void go_on(struct collect_list *l)
{
    if (!all) {
        l->first = l->next;
        ids_forget(&l->ids, l->first);
    }
    open_call(l);
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct collect_list *l = stream->data;
    struct status silent = status_of(STATUS_INTERNAL, "the server answered OK without a message");
    l->call = NULL;
    l->listing.refused |= l->ids.failed;
    if (status->code != STATUS_OK)
        listing_end(&l->listing, status);
    else if (!l->answered)
        listing_end(&l->listing, &silent);
    else if (!l->unfinished || listing_enough(&l->listing) || l->session->stopping)
        listing_end(&l->listing, NULL);
    else if (!output_full(&l->session->out))
        go_on(l);
}

static const struct stream_handler handler = {
    .message = QUERY_RESPONSE,
    .on_message = on_message,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_close = on_close,
};

/* --- Life ----------------------------------------------------------------------------- */

static void open_call(struct collect_list *l)
{
    struct session *s = l->session;
    struct status status;
    l->sent = 0;
    l->most = most_requests(l);
    l->half_closed = l->answered = l->unfinished = false;
    l->call = session_open(s, s->post, query_path(SHAPE_CLIENT, !all), &handler, l, &status);
    if (l->call == NULL) {
        listing_end(&l->listing, &status);
        return;
    }
    stream_read(l->call);
    send_more(l);
}

static void on_room(struct session *s)
{
    struct collect_list *l = s->command;
    if (l->call == NULL && l->unfinished)
        go_on(l);
}

static void on_stop(struct session *s)
{
    struct collect_list *l = s->command;
    if (l->call != NULL)
        stream_fail(l->call, STATUS_CANCELLED, "stopped");
    else
        listing_end(&l->listing, NULL);
}

static void start(struct session *s)
{
    struct collect_list *l = s->command;
    struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    l->session = s;
    l->ids.on_change = on_ids;
    int rv = listing_init(&l->listing, s);
    if (rv == 0 && !all)
        rv = ids_init(&l->ids, s, arguments, argument_count);
    if (rv != 0)
        session_fail(s, &status);
    else
        open_call(l);
}

static struct common common = { COMMON_DEFAULTS, .page_size = 1000 };

static const struct option_row rows[] = {
    ROW_FORMAT(common),
    { .name = "all",
      .kind = OPTION_FLAG,
      .value = &all,
      .help = "everybody's posts, by one request" },
    ROW_LIMIT(common),
    ROW_TAG(common),
    ROW_PAGE_SIZE(common, "most posts of one answer, asked on until complete; 0: one answer"),
    ROW_PAGE_TOKEN(common),
    ROW_DEADLINE(common),
    ROW_PROGRESS(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "collect-list [OPTION]... [ID]...",
    .summary = "Lists the posts of the users with these ids, or of ids from standard input, by\n"
               "ListPostsByUserIdClientStream; with --all everybody's, by ListPostsClientStream.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int collect_list_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (all && first < argc)
        return usage_error("collect-list", "--all takes no ids", argv[first]);
    arguments = argv + first;
    argument_count = argc - first;
    struct collect_list l = { 0 };
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
