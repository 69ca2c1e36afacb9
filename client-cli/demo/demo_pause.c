/* ASKING -no request leaves for QUIET_MS-> READING -all answers, OK-> done
 *
 * Nothing is read while ASKING, so the answers fill the window of the stream,
 * at least 4 MiB with gRPC, and the server stops writing; with a few requests
 * read ahead it stops reading, so our requests fill the other window, and
 * stream_send() says EAGAIN. Padding makes a few thousand requests enough. */
#include "demo_pause.h"

#include <inttypes.h>

#include "base/container.h"
#include "client-cli/frame/calls.h"
#include "client-cli/output/text.h"

#define QUIET_MS     300
#define REQUESTS_MAX 200000 /* by then it should have waited */
#define PADDING      4096   /* bytes of a field that nobody knows, from 128 to 16,383 */

/* A request and, behind it, field 100 with the padding: a receiver skips what
 * it does not know. */
static struct buf *make_request(int64_t limit)
{
    static const uint8_t padding[PADDING];
    const uint8_t head[] = { 0xa2, 0x06, (PADDING & 0x7f) | 0x80, PADDING >> 7 };
    V1__Post__ListPostsRequest m = V1__POST__LIST_POSTS_REQUEST__INIT;
    m.limit = limit;
    size_t size = protobuf_c_message_get_packed_size(&m.base);
    struct buf *b = buf_new(size + sizeof head + sizeof padding);
    if (b == NULL)
        return NULL;
    b->len = protobuf_c_message_pack(&m.base, b->data);
    buf_append(b, bytes_of(head, sizeof head)); /* there is room */
    buf_append(b, bytes_of(padding, sizeof padding));
    return b;
}

static void ask_more(struct pause *p)
{
    while (!p->reading && p->accepted < REQUESTS_MAX &&
           stream_send(p->session->call, p->request, 0, p->request->len, 0) == 0)
        p->accepted++;
}

static void start_reading(struct pause *p)
{
    p->reading = true;
    calls_half_close(p->session);
    calls_read(p->session);
}

static void on_quiet(struct timer *t)
{
    struct pause *p = container_of(t, struct pause, quiet);
    char number[32];
    p->waited = p->accepted < REQUESTS_MAX;
    draw_request(p->drawing, "%s requests, no answer read", text_number(number, p->sent));
    draw_note(p->drawing, "%s",
              p->waited ? "the server waits: it takes no more requests"
                        : "the server did not wait");
    draw_note(p->drawing, "now the client reads");
    start_reading(p);
}

void pause_sent(struct pause *p)
{
    p->sent++;
    if (p->reading)
        return;
    timer_start(p->session->loop, &p->quiet, QUIET_MS);
    ask_more(p);
}

void pause_take(struct pause *p, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    p->whole &= m->request_index == (int32_t)p->answered;
    p->answered += m->last;
    p->posts += m->n_post_messages;
    p->bytes += bytes;
    calls_read(p->session);
}

void pause_closed(struct pause *p, const struct status *status)
{
    char answers[32], posts[32], bytes[32];
    timer_stop(&p->quiet);
    buf_unref(p->request);
    p->request = NULL;
    draw_response(p->drawing, "%s answers, %s posts, %s", text_number(answers, p->answered),
                  text_number(posts, p->posts), text_bytes(bytes, p->bytes));
    draw_response(p->drawing, "%s", status_name((int)status->code));
    p->good = p->waited && p->whole && p->answered == p->accepted &&
              p->posts == p->accepted * p->posts_per_answer;
}

void pause_open(struct pause *p, struct session *s, struct drawing *d, int number)
{
    const struct status no_memory = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    p->session = s;
    p->drawing = d;
    p->whole = true;
    p->quiet.fired = on_quiet;
    draw_heading(d, number, post_query_rpc(SHAPE_BIDI, false), "a reader that stops");
    p->request = make_request(p->limit);
    if (p->request == NULL) {
        session_fail(s, &no_memory);
        return;
    }
    if (!calls_open(s, s->post, post_query_path(SHAPE_BIDI, false)))
        return;
    draw_request(d, "{limit: %" PRId64 "} and %d B of padding, again and again", p->limit, PADDING);
    timer_start(s->loop, &p->quiet, QUIET_MS);
    ask_more(p);
}

void pause_free(struct pause *p)
{
    buf_unref(p->request);
}
