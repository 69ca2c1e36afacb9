#include "news.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* --- Telling ------------------------------------------------------------------------ */

/* A look may end any stream and begin new ones. So nobody keeps a place in the
 * ring: who is due is moved out of it, and goes back before its own look. Who
 * joins meanwhile is not due. */
static void tell_readers(struct news_desk *desk)
{
    struct ring due;
    ring_init(&due);
    ring_move(&due, &desk->readers);
    while (!ring_empty(&due)) {
        struct news_reader *reader = container_of(due.next, struct news_reader, link);
        ring_remove(&reader->link);
        ring_append(&desk->readers, &reader->link);
        reader->look(reader);
    }
}

/* Before the looks: what changes from here on is told again. An exchange, not a
 * store: what it reads is of the last publisher, and by that it comes after all
 * of them, also after those who found it set and posted nothing. */
static void on_news(struct loop *loop, void *arg)
{
    struct news_desk *desk = arg;
    (void)loop;
    atomic_exchange_explicit(&desk->has_news, false, memory_order_acq_rel);
    tell_readers(desk);
}

/* Release: for the looks, of what changed. Acquire: the loop is done with the
 * posting of last time. */
void news_publish(struct news *news)
{
    for (size_t i = 0; i < news->ndesks; i++) {
        struct news_desk *desk = &news->desks[i];
        if (!atomic_exchange_explicit(&desk->has_news, true, memory_order_acq_rel))
            loop_post_with(desk->loop, &desk->post, on_news, desk);
    }
}

/* --- Readers ------------------------------------------------------------------------ */

void news_join(const struct news *news, struct loop *loop, struct news_reader *reader)
{
    assert(loop_index(loop) < news->ndesks);
    struct news_desk *desk = &news->desks[loop_index(loop)];
    assert(desk->loop == loop && reader->link.next == NULL);
    ring_append(&desk->readers, &reader->link);
}

void news_leave(struct news_reader *reader)
{
    if (reader->link.next == NULL)
        return;
    ring_remove(&reader->link);
    reader->link.next = NULL;
}

/* --- Life --------------------------------------------------------------------------- */

int news_init(struct news *news, struct loop *const *loops, size_t nloops)
{
    *news = (struct news){ 0 };
    news->desks = calloc(nloops, sizeof *news->desks);
    if (news->desks == NULL)
        return ENOMEM;
    for (size_t i = 0; i < nloops; i++) {
        assert(loop_index(loops[i]) == i);
        news->desks[i].loop = loops[i];
        ring_init(&news->desks[i].readers);
        atomic_init(&news->desks[i].has_news, false);
    }
    news->ndesks = nloops;
    return 0;
}

void news_close(struct news *news)
{
    for (size_t i = 0; i < news->ndesks; i++)
        assert(ring_empty(&news->desks[i].readers));
    free(news->desks);
    *news = (struct news){ 0 };
}
