#include "listing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int listing_init(struct listing *l, struct session *s)
{
    const struct common *o = s->options;
    *l = (struct listing){ .session = s, .tag = o->tag };
    l->left = o->limit > 0 ? o->limit : NO_LIMIT;
    l->exact = *o->page_token == '\0' && *o->tag == '\0';
    l->token = strdup(o->page_token);
    if (l->token == NULL)
        return ENOMEM;
    rows_init(&l->rows, &row_post, (enum format)o->format, &s->out);
    progress_start(&s->progress, "posts");
    return 0;
}

void listing_close(struct listing *l)
{
    free(l->token);
    l->token = NULL;
}

struct query listing_query(const struct listing *l, const char *user_id, int64_t page_size)
{
    return (struct query){
        .user_id = user_id,
        .page_size = page_size,
        .page_token = l->token,
        .limit = l->left != NO_LIMIT ? l->left : 0,
        .tag = l->tag,
    };
}

static void tell_progress(struct listing *l, int64_t total)
{
    struct progress_counts *p = &l->session->progress.counts;
    if (l->exact && total > 0 && p->total == 0) {
        int64_t limit = l->session->options->limit;
        p->total = (uint64_t)(limit > 0 && limit < total ? limit : total);
    }
    p->done = l->posts;
    p->bytes = l->bytes;
}

static bool take(struct listing *l, const V1__Post__ListPostsResponse *message)
{
    char *token = strdup(message->next_page_token);
    if (token == NULL)
        return false;
    free(l->token);
    l->token = token;
    size_t n = message->n_post_messages;
    if ((int64_t)n > l->left)
        n = (size_t)l->left;
    if (l->left != NO_LIMIT)
        l->left -= (int64_t)n;
    l->posts += n;
    return rows_add(&l->rows, (const void *const *)message->post_messages, n);
}

void listing_take(struct listing *l, struct stream *stream,
                  const V1__Post__ListPostsResponse *message, size_t bytes, const char *mark_format,
                  ...)
{
    if (!take(l, message)) {
        stream_fail(stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    l->messages++;
    l->bytes += bytes;
    tell_progress(l, message->total_size);
    if (mark_format == NULL)
        return;
    char *mark;
    va_list args;
    va_start(args, mark_format);
    if (vasprintf(&mark, mark_format, args) >= 0)
        output_mark(&l->session->out, mark);
    va_end(args);
}

void listing_refused(struct listing *l, const char *what, const V1__Post__RequestError *error)
{
    session_say(l->session, "%s: %s: %s", what, status_name(error->code), error->message);
    l->refused = true;
}

void listing_end(struct listing *l, const struct status *status)
{
    rows_end(&l->rows);
    if (status != NULL && status->code != STATUS_OK)
        session_fail(l->session, status);
    else
        session_end(l->session, l->refused ? EXIT_FAILED : EXIT_DONE);
}
