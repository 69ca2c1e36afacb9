#include "paging.h"

#include <stdlib.h>
#include <string.h>

#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"

bool paging_init(struct paging *p, struct session *s)
{
    const struct common *o = s->options;
    *p = (struct paging){
        .token = strdup(o->page_token),
        .left = o->limit > 0 ? o->limit : NO_LIMIT,
        .exact = *o->page_token == '\0' && *o->tag == '\0',
    };
    return p->token != NULL;
}

void paging_close(struct paging *p)
{
    free(p->token);
    p->token = NULL;
}

struct post_query paging_query(const struct paging *p, const struct session *s, const char *user_id,
                               int64_t page_size)
{
    return (struct post_query){
        .user_id = user_id,
        .page_size = page_size,
        .page_token = p->token,
        .limit = p->left != NO_LIMIT ? p->left : 0,
        .tag = s->options->tag,
    };
}

static void count(const struct paging *p, struct session *s, const struct taking *t, size_t n)
{
    struct progress_counts *counts = &s->progress.counts;
    const int64_t limit = s->options->limit;
    if (p->exact && t->total > 0 && counts->total == 0)
        counts->total = (uint64_t)(limit > 0 && limit < t->total ? limit : t->total);
    counts->done += n;
    counts->bytes += t->bytes;
}

bool paging_take(struct paging *p, struct session *s, const struct taking *t)
{
    const size_t n = (int64_t)t->n > p->left ? (size_t)p->left : t->n;
    char *token = strdup(t->token);
    if (token != NULL) {
        free(p->token);
        p->token = token;
        if (p->left != NO_LIMIT)
            p->left -= (int64_t)n;
    }
    if (token == NULL || !rows_add(&s->rows, t->records, n)) {
        calls_no_memory(s->call);
        return false;
    }
    count(p, s, t, n);
    return true;
}

bool paging_take_posts(struct paging *p, struct session *s,
                       const V1__Post__ListPostsResponse *message, size_t bytes)
{
    const struct taking t = {
        .records = (const void *const *)message->post_messages,
        .n = message->n_post_messages,
        .token = message->next_page_token,
        .total = message->total_size,
        .bytes = bytes,
    };
    return paging_take(p, s, &t);
}

void paging_mark(const struct paging *p, struct session *s)
{
    if (*p->token != '\0')
        session_mark(s, "--page-token %s", p->token);
}

bool paging_more(const struct paging *p, const struct session *s)
{
    return *p->token != '\0' && !paging_enough(p) && s->options->page_size != 0;
}
