#include "paging.h"

#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "session.h"

bool paging_init(struct session *s)
{
    const struct common *o = s->options;
    s->paging = (struct paging){
        .token = strdup(o->page_token),
        .left = o->limit > 0 ? o->limit : NO_LIMIT,
        .exact = *o->page_token == '\0' && *o->tag == '\0',
    };
    return s->paging.token != NULL;
}

void paging_close(struct session *s)
{
    free(s->paging.token);
    s->paging.token = NULL;
}

int64_t paging_limit(const struct session *s)
{
    return s->paging.left != NO_LIMIT ? s->paging.left : 0;
}

static void count(struct session *s, const struct taking *t, size_t n)
{
    struct progress_counts *counts = &s->progress.counts;
    const int64_t limit = s->options->limit;
    if (s->paging.exact && t->total > 0 && s->paging.total == 0)
        s->paging.total = (uint64_t)t->total;
    if (s->paging.exact && t->total > 0 && counts->total == 0)
        counts->total = (uint64_t)(limit > 0 && limit < t->total ? limit : t->total);
    counts->done += n;
    counts->bytes += t->bytes;
}

bool paging_take(struct session *s, const struct taking *t)
{
    struct paging *p = &s->paging;
    const size_t n = (int64_t)t->n > p->left ? (size_t)p->left : t->n;
    char *token = strdup(t->token);
    p->torn = n < t->n;
    if (token != NULL) {
        free(p->token);
        p->token = token;
        if (p->left != NO_LIMIT)
            p->left -= (int64_t)n;
    }
    if (token == NULL || !rows_add(&s->rows, t->records, n) ||
        !rows_add_gone(&s->rows, t->gone, t->ngone)) {
        session_no_memory(s->call);
        return false;
    }
    count(s, t, n);
    return true;
}

void paging_mark(struct session *s)
{
    if (*s->paging.token != '\0')
        session_mark(s, "--page-token %s", s->paging.token);
}

bool paging_enough(const struct session *s)
{
    return s->paging.left == 0;
}

bool paging_cut(const struct session *s)
{
    const bool known = s->paging.token != NULL && !s->paging.torn;
    return known && paging_enough(s) && (*s->paging.token != '\0' || s->ids != NULL);
}

bool paging_left_some(const struct session *s)
{
    return s->paging.torn || paging_cut(s);
}

uint64_t paging_total(const struct session *s)
{
    return s->paging.total;
}

bool paging_more(struct session *s)
{
    return *s->paging.token != '\0' && !paging_enough(s) && s->options->page_size != 0;
}
