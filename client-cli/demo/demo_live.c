/* What is waited for, and what is done then. Nothing is done while an import, or the delete,
 * is open.
 *
 *   BEGINS  both have caught up    post 1 is imported                      -> BOTH
 *   BOTH    both have post 1       B is cut                                -> CUT
 *   CUT     B's call is over       post 2 is imported
 *           A has post 2           B opens another call, with its token    -> BACK
 *   BACK    B has post 2           post 3 is imported                      -> LAST
 *   LAST    both have post 3       the posts are deleted                   -> GONE
 *   GONE    both know that         both calls are cancelled                -> OVER */
#include "demo_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client-cli/frame/calls.h"
#include "client-cli/output/text.h"
#include "demo_scene.h"

#define PATH_IMPORT "/v1.post.Post/ImportPosts"
#define PATH_DELETE "/v1.post.Post/DeletePosts"

#define ID_BYTES 32

static void go_on(struct live *live);

/* The scene cannot go on: A's call ends, and by it the demo. */
static void fail(struct live *live, const struct status *status)
{
    if (live->session->call != NULL && live->step != LIVE_OVER)
        stream_finish(live->session->call, status);
}

static void fail_memory(struct live *live)
{
    const struct status no_memory = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    fail(live, &no_memory);
}

static char *post_id(char ret[ID_BYTES], int k)
{
    snprintf(ret, ID_BYTES, "postcli-demo-%d", k + 1);
    return ret;
}

/* --- Imports, and the delete -------------------------------------------------------- */

static void on_import_answer(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__Post__ImportPostsResponse *m = (const V1__Post__ImportPostsResponse *)message;
    struct live *live = s->data;
    (void)bytes;
    if (m->n_errors == 0)
        return;
    const struct status refused =
        status_of((enum status_code)m->errors[0]->code, "%s", m->errors[0]->message);
    fail(live, &refused);
}

static void on_write_close(struct stream *s, const struct status *status)
{
    struct live *live = s->data;
    live->write = NULL;
    if (live->step == LIVE_OVER)
        return;
    draw_response(live->drawing, "%s: %s", live->writes, status_name((int)status->code));
    if (status->code != STATUS_OK)
        fail(live, status);
    else
        go_on(live);
}

static const struct stream_handler import_handler = {
    .message = &v1__post__import_posts_response__descriptor,
    .on_message = on_import_answer,
    .on_close = on_write_close,
};

/* How many were there is of no interest. */
static void on_delete_answer(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    (void)s, (void)message, (void)bytes;
}

static const struct stream_handler delete_handler = {
    .on_message = on_delete_answer,
    .on_close = on_write_close,
};

static bool open_write(struct live *live, const char *writes, const char *path,
                       const struct stream_handler *handler)
{
    struct session *s = live->session;
    live->writes = writes;
    if (channel_open(s->post, s->loop, path, handler, live, NULL, &live->write) == 0)
        return true;
    fail_memory(live);
    return false;
}

static void send_write(struct live *live, const ProtobufCMessage *message)
{
    if (stream_send_message(live->write, message, STREAM_LAST) == 0)
        stream_read(live->write);
    else
        stream_fail_memory(live->write);
}

static void import(struct live *live, int number)
{
    V1__Post__PostMessage post = V1__POST__POST_MESSAGE__INIT;
    V1__Post__ImportPostsRequest m = V1__POST__IMPORT_POSTS_REQUEST__INIT;
    Google__Protobuf__Timestamp now = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    V1__Post__PostMessage *posts[] = { &post };
    char id[ID_BYTES], title[32];
    struct timespec t; /* of the run before are the same posts, but for this */
    clock_gettime(CLOCK_REALTIME, &t);
    now.seconds = t.tv_sec;
    now.nanos = (int32_t)t.tv_nsec;
    snprintf(title, sizeof title, "Live, %d of %d", number, LIVE_POSTS);
    post.post_id = post_id(id, number - 1);
    post.user_id = (char *)live->user_id;
    post.title = title;
    post.create_time = &now;
    m.n_post_messages = 1;
    m.post_messages = posts;
    if (!open_write(live, "import", PATH_IMPORT, &import_handler))
        return;
    draw_request(live->drawing, "import: post %s", id);
    send_write(live, &m.base);
}

static void delete_all(struct live *live)
{
    V1__Post__DeletePostsRequest m = V1__POST__DELETE_POSTS_REQUEST__INIT;
    char ids[LIVE_POSTS][ID_BYTES], *post_ids[LIVE_POSTS];
    for (int k = 0; k < LIVE_POSTS; k++)
        post_ids[k] = post_id(ids[k], k);
    m.n_post_ids = LIVE_POSTS;
    m.post_ids = post_ids;
    if (!open_write(live, "delete", PATH_DELETE, &delete_handler))
        return;
    draw_request(live->drawing, "delete: posts %s to %s", ids[0], ids[LIVE_POSTS - 1]);
    send_write(live, &m.base);
}

/* --- Followers ---------------------------------------------------------------------- */

/* Posts of others may change meanwhile: they do not count. */
static void count_id(unsigned count[LIVE_POSTS], const char *id)
{
    char ours[ID_BYTES];
    for (int k = 0; k < LIVE_POSTS; k++)
        count[k] += strcmp(id, post_id(ours, k)) == 0;
}

static void count_posts(struct follower *f, const V1__Post__ListPostsResponse *m)
{
    for (size_t i = 0; i < m->n_post_messages; i++)
        count_id(f->told, m->post_messages[i]->post_id);
    for (size_t i = 0; i < m->n_deleted_post_ids; i++)
        count_id(f->gone, m->deleted_post_ids[i]);
}

static void draw_message(const struct follower *f, const V1__Post__ListPostsResponse *m,
                         size_t bytes)
{
    char text[160], number[32];
    if (m->n_deleted_post_ids > 0 && m->n_post_messages == 0)
        snprintf(text, sizeof text, "%zu deleted, %s B", m->n_deleted_post_ids,
                 text_number(number, bytes));
    else
        scene_posts_text(text, sizeof text, m, bytes);
    draw_response(f->live->drawing, "%s: %s%s", f->name, text, m->caught_up ? ", caught up" : "");
}

static void follower_take(struct follower *f, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    char *token = strdup(m->next_page_token);
    if (token == NULL) {
        fail_memory(f->live);
        return;
    }
    free(f->token);
    f->token = token;
    f->caught_up |= m->caught_up != 0;
    count_posts(f, m);
    draw_message(f, m, bytes);
    go_on(f->live);
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes bytes)
{
    follower_take(s->data, (const V1__Post__ListPostsResponse *)message, bytes.len);
    stream_read(s);
}

static void on_close(struct stream *s, const struct status *status)
{
    struct follower *f = s->data;
    const struct status no_end = status_of(STATUS_UNAVAILABLE, "a follow ended by itself");
    f->call = NULL;
    if (f->live->step == LIVE_CUT)
        import(f->live, 2);
    else
        fail(f->live, status->code != STATUS_OK ? status : &no_end);
}

static const struct stream_handler follower_handler = {
    .message = POST_QUERY_RESPONSE,
    .on_message = on_message,
    .on_close = on_close,
};

static bool ask(struct follower *f)
{
    const struct post_query q = {
        .page_token = f->token != NULL ? f->token : "",
        .tag = "",
        .follow = true,
        .from_now = f->token == NULL,
    };
    f->caught_up = false;
    draw_request(f->live->drawing, "%s: {follow: true, %s}", f->name,
                 q.from_now ? "from_now: true" : "page_token: of its last message");
    return post_query_send(f->call, &q, STREAM_LAST) == 0;
}

static void open_b(struct live *live)
{
    struct session *s = live->session;
    struct follower *b = &live->b;
    if (channel_open(s->post, s->loop, post_query_path(SHAPE_SERVER, false), &follower_handler, b,
                     NULL, &b->call) != 0)
        fail_memory(live);
    else if (ask(b))
        stream_read(b->call);
}

static bool both_told(const struct live *live, int number)
{
    return live->a.told[number - 1] > 0 && live->b.told[number - 1] > 0;
}

static bool know_all_gone(const struct live *live)
{
    bool all = true;
    for (int k = 0; k < LIVE_POSTS; k++)
        all &= live->a.gone[k] > 0 && live->b.gone[k] > 0;
    return all;
}

static bool each_once(const struct follower *f)
{
    bool once = true;
    for (int k = 0; k < LIVE_POSTS; k++)
        once &= f->told[k] == 1 && f->gone[k] == 1;
    return once;
}

/* --- The plot ----------------------------------------------------------------------- */

static void cut_b(struct live *live)
{
    live->step = LIVE_CUT;
    draw_note(live->drawing, "B is cut");
    stream_fail(live->b.call, STATUS_CANCELLED, "cut");
}

static void call_b_back(struct live *live)
{
    live->step = LIVE_BACK;
    open_b(live);
}

static void end(struct live *live)
{
    live->good = each_once(&live->a) && each_once(&live->b);
    draw_note(live->drawing, "%s",
              live->good ? "A and B have heard the same" : "A AND B HAVE NOT HEARD THE SAME");
    live->step = LIVE_OVER;
    stream_fail(live->session->call, STATUS_CANCELLED, "enough");
}

static void import_as(struct live *live, int number, enum live_step then)
{
    live->step = then;
    import(live, number);
}

static void delete_as(struct live *live, enum live_step then)
{
    live->step = then;
    delete_all(live);
}

static void go_on(struct live *live)
{
    if (live->write != NULL)
        return;
    if (live->step == LIVE_BEGINS && live->a.caught_up && live->b.caught_up)
        import_as(live, 1, LIVE_BOTH);
    else if (live->step == LIVE_BOTH && both_told(live, 1))
        cut_b(live);
    else if (live->step == LIVE_CUT && live->a.told[1] > 0)
        call_b_back(live);
    else if (live->step == LIVE_BACK && live->b.told[1] > 0 && live->b.caught_up)
        import_as(live, 3, LIVE_LAST);
    else if (live->step == LIVE_LAST && both_told(live, 3))
        delete_as(live, LIVE_GONE);
    else if (live->step == LIVE_GONE && know_all_gone(live))
        end(live);
}

/* --- Life --------------------------------------------------------------------------- */

void live_open(struct live *live, struct session *s, struct drawing *d, int number)
{
    live->session = s;
    live->drawing = d;
    live->a = (struct follower){ .name = "A", .live = live };
    live->b = (struct follower){ .name = "B", .live = live };
    draw_heading(d, number, post_query_rpc(SHAPE_SERVER, false), "two follow, one is cut");
    if (!calls_open(s, s->post, post_query_path(SHAPE_SERVER, false)))
        return;
    live->a.call = s->call;
    if (!ask(&live->a))
        return; /* its end comes */
    calls_read(s);
    open_b(live);
}

void live_take(struct live *live, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    follower_take(&live->a, m, bytes);
    calls_read(live->session);
}

struct status live_closed(struct live *live, const struct status *status)
{
    const bool over = live->step == LIVE_OVER;
    live->step = LIVE_OVER;
    if (live->b.call != NULL)
        stream_fail(live->b.call, STATUS_CANCELLED, "enough");
    if (live->write != NULL)
        stream_fail(live->write, STATUS_CANCELLED, "enough");
    return over ? status_ok() : *status;
}

void live_free(struct live *live)
{
    free(live->a.token);
    free(live->b.token);
}
