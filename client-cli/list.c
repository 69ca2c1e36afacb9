/* list: unary calls, page by page. The next page is asked for when the output
 * has room for it. --page-size 0 is one single call, all or nothing. */
#include <stddef.h>

#include "command.h"
#include "listing.h"

struct list {
    struct listing listing;
    struct stream *call; /* NULL: between two pages */
    bool answered;       /* the call has brought its message */
};

static void ask(struct session *s);

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct session *s = stream->data;
    struct list *l = s->command;
    const V1__Post__ListPostsResponse *page = (const V1__Post__ListPostsResponse *)message;
    l->answered = true;
    listing_take(&l->listing, stream, page, bytes.len,
                 *page->next_page_token != '\0' ? "--page-token %s" : NULL, page->next_page_token);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

static bool complete(const struct list *l)
{
    return *l->listing.token == '\0' || listing_enough(&l->listing) ||
           l->listing.session->options->page_size == 0;
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct session *s = stream->data;
    struct list *l = s->command;
    l->call = NULL;
    struct status silent = status_of(STATUS_INTERNAL, "the server answered OK without a message");
    if (status->code != STATUS_OK)
        listing_end(&l->listing, status);
    else if (!l->answered)
        listing_end(&l->listing, &silent);
    else if (s->stopping || complete(l))
        listing_end(&l->listing, NULL);
    else if (!output_full(&s->out))
        ask(s);
}

static const struct stream_handler handler = {
    .message = QUERY_RESPONSE,
    .on_message = on_message,
    .on_end = on_end,
    .on_close = on_close,
};

static void ask(struct session *s)
{
    struct list *l = s->command;
    const char *user = s->options->user;
    struct status status;
    l->answered = false;
    l->call = session_open(s, s->post, query_path(SHAPE_UNARY, user != NULL), &handler, s, &status);
    if (l->call == NULL) {
        listing_end(&l->listing, &status);
        return;
    }
    struct query q = listing_query(&l->listing, user, s->options->page_size);
    if (q.page_size > 0 && q.limit > 0 && q.limit < q.page_size)
        q.page_size = q.limit;
    if (query_send(l->call, &q, STREAM_LAST) == 0)
        stream_read(l->call);
}

static void on_room(struct session *s)
{
    struct list *l = s->command;
    if (l->call == NULL)
        ask(s);
}

static void on_stop(struct session *s)
{
    struct list *l = s->command;
    if (l->call != NULL)
        stream_fail(l->call, STATUS_CANCELLED, "stopped");
    else
        listing_end(&l->listing, NULL);
}

static void start(struct session *s)
{
    struct list *l = s->command;
    if (listing_init(&l->listing, s) == 0) {
        ask(s);
        return;
    }
    struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    session_fail(s, &status);
}

static struct common common = { COMMON_DEFAULTS, .page_size = 1000 };

/* clang-format off */
static const struct option_row rows[] = {
    ROW_FORMAT(common),
    ROW_USER(common),
    ROW_LIMIT(common),
    ROW_TAG(common),
    ROW_PAGE_SIZE(common, "posts to ask for at once; 0: all in one call"),
    ROW_PAGE_TOKEN(common),
    ROW_DEADLINE(common),
    ROW_PROGRESS(common),
};
/* clang-format on */

static const struct option_program program = {
    .name = "postcli",
    .usage = "list [OPTION]...",
    .summary = "Lists posts page by page, by ListPosts or ListPostsByUserId (unary calls).",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int list_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (first < argc)
        return usage_error("list", "takes no argument", argv[first]);
    struct list list = { 0 };
    struct session session = {
        .command = &list,
        .start = start,
        .on_stop = on_stop,
        .on_room = on_room,
        .resumable = true,
    };
    code = session_run(&session, &common);
    listing_close(&list.listing);
    return code;
}
