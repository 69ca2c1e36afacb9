#include "importer.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/wire.h"
#include "die.h"
#include "load_post.h"
#include "messages.h"

#define NS_PER_S          UINT64_C(1000000000)
#define POSTS_PER_MESSAGE 1000
#define FIRST_ROOM        1024
#define IMPORTED          1 /* field of ImportPostsResponse */

struct import_call {
    struct h2_call call;
    struct importer *by;
    struct import_call *next_spare;
    struct buf *out; /* the message that goes out */
    struct messages in;
    uint64_t next, end; /* numbers that are not in a message yet */
    uint64_t count, imported;
    uint64_t sent_ns;
};

static struct import_call *import_of(struct h2_call *c)
{
    return (struct import_call *)c; /* its first member */
}

/* --- one call --------------------------------------------------------------------------- */

static void append_post(struct import_call *c)
{
    const struct plan *p = c->by->plan;
    const struct load_post post = { .number = c->next, .sent_ns = c->sent_ns };
    load_post_append(c->out, p->name, &post, p->users.line[c->next % p->users.n]);
    c->next++;
}

/* The next message, if there is one. */
static bool more(struct h2_call *call)
{
    struct import_call *c = import_of(call);
    if (c->next == c->end)
        return false;
    c->out->len = 0;
    size_t begin = messages_begin(c->out);
    for (size_t i = 0; i < POSTS_PER_MESSAGE && c->next < c->end; i++)
        append_post(c);
    messages_end(c->out, begin);
    call->body = buf_bytes(c->out);
    return true;
}

static void answer_came(void *arg, struct bytes message)
{
    struct import_call *c = arg;
    struct wire_field f;
    while (wire_next(&message, &f))
        if (f.number == IMPORTED)
            c->imported = f.varint;
}

static void on_data(struct h2_call *call, struct bytes data, uint64_t now_ns)
{
    (void)now_ns;
    struct import_call *c = import_of(call);
    messages_take(&c->in, data, answer_came, c);
}

static void on_over(struct h2_call *call, uint64_t now_ns)
{
    struct import_call *c = import_of(call);
    struct importer *m = c->by;
    if (call->status != 0)
        die("an import has status %d: %s", call->status, call->why);
    if (c->imported != c->count)
        die("%" PRIu64 " of %" PRIu64 " posts are new: was this load there before?", c->imported,
            c->count);
    m->imported += c->count;
    m->last_ns = now_ns;
    m->open--;
    if (c->count == 1)
        durations_add(&m->commit, now_ns - c->sent_ns);
    c->next_spare = m->spare;
    m->spare = c;
}

static const struct h2_call_kind import_posts = {
    .path = "/v1.post.Post/ImportPosts",
    .on_data = on_data,
    .on_over = on_over,
    .more = more,
};

static struct import_call *a_call(struct importer *m)
{
    struct import_call *c = m->spare;
    if (c != NULL) {
        m->spare = c->next_spare;
        return c;
    }
    c = must_have(calloc(1, sizeof *c));
    c->by = m;
    c->call.kind = &import_posts;
    c->out = must_have(buf_new(FIRST_ROOM));
    return c;
}

static void call_begin(struct importer *m, uint64_t first, uint64_t count, uint64_t now_ns)
{
    struct import_call *c = a_call(m);
    c->next = first;
    c->end = first + count;
    c->count = count;
    c->imported = 0;
    c->sent_ns = now_ns;
    m->open++;
    more(&c->call);
    h2_link_call(m->link, &c->call);
}

/* --- many of them ----------------------------------------------------------------------- */

void importer_open(struct importer *m, const struct plan *plan, struct h2_link *link)
{
    *m = (struct importer){ .plan = plan, .link = link };
}

void importer_close(struct importer *m)
{
    while (m->spare != NULL) {
        struct import_call *c = m->spare;
        m->spare = c->next_spare;
        buf_unref(c->out);
        messages_close(&c->in);
        free(c);
    }
    durations_close(&m->commit);
    durations_close(&m->late);
}

void importer_pace(struct importer *m)
{
    m->start_ns = clock_ns();
    m->end = (uint64_t)m->plan->count;
}

void importer_bulk(struct importer *m, uint64_t first, uint64_t count)
{
    uint64_t now_ns = clock_ns();
    if (m->start_ns == 0)
        m->start_ns = now_ns;
    call_begin(m, first, count, now_ns);
}

static uint64_t due_ns(const struct importer *m)
{
    return m->start_ns + m->next * NS_PER_S / (uint64_t)m->plan->rate;
}

uint64_t importer_turn(struct importer *m, uint64_t now_ns)
{
    while (m->next < m->end && due_ns(m) <= now_ns) {
        durations_add(&m->late, now_ns - due_ns(m));
        call_begin(m, m->next++, 1, now_ns);
    }
    return m->next < m->end ? due_ns(m) : IMPORTER_NEVER;
}

bool importer_is_done(const struct importer *m)
{
    return m->next == m->end && m->open == 0;
}

void importer_print(struct importer *m)
{
    printf("\"imported\":%" PRIu64 ",\"import_s\":%.6f,", m->imported,
           m->imported > 0 ? (double)(m->last_ns - m->start_ns) / (double)NS_PER_S : 0);
    durations_print(&m->commit, "commit_ms");
    putchar(',');
    durations_print(&m->late, "late_ms");
}
