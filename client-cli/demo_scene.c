#include "demo_scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* --- Texts ------------------------------------------------------------------------- */

static void request_text(char *ret, size_t size, const struct query *q)
{
    int n = 0;
    const char *comma = "";
    ret[0] = '\0';
    if (q->user_id != NULL) {
        n = snprintf(ret, size, "user_id: %.40s", q->user_id);
        comma = ", ";
    }
    if (q->page_size > 0) {
        n += snprintf(ret + n, size - (size_t)n, "%spage_size: %" PRId64, comma, q->page_size);
        comma = ", ";
    }
    if (q->limit > 0)
        snprintf(ret + n, size - (size_t)n, "%slimit: %" PRId64, comma, q->limit);
}

static void posts_text(char *ret, size_t size, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    char number[32];
    size_t n = m->n_post_messages;
    text_number(number, bytes);
    if (n == 0)
        snprintf(ret, size, "no posts, %s B", number);
    else if (n == 1)
        snprintf(ret, size, "post %.20s, %s B", m->post_messages[0]->post_id, number);
    else
        snprintf(ret, size, "%zu posts %.20s %s %.20s, %s B", n, m->post_messages[0]->post_id,
                 n == 2 ? "and" : "to", m->post_messages[n - 1]->post_id, number);
}

/* --- The call ------------------------------------------------------------------------ */

static void half_close(struct scene *c)
{
    struct status ok = status_ok();
    c->half_closed = true;
    stream_finish(c->call, &ok);
}

static void send_more(struct scene *c)
{
    bool many = c->shape == SHAPE_CLIENT || c->shape == SHAPE_BIDI;
    while (c->sent < c->nrequests && !(c->lock_step && c->sent > c->answered)) {
        const struct query *q = &c->requests[c->sent];
        char text[128];
        if (query_send(c->call, q, many ? 0 : STREAM_LAST) != 0) /* on_sent or on_close comes */
            return;
        request_text(text, sizeof text, q);
        draw_request(c->drawing, "{%s}", text);
        c->sent++;
    }
    if (many && !c->half_closed && c->sent == c->nrequests)
        half_close(c);
}

static void on_sent(struct stream *stream)
{
    struct scene *c = stream->data;
    if (!c->half_closed)
        send_more(c);
}

static bool is_stranger(const V1__Post__ListPostsResponse *m, const char *user_id)
{
    for (size_t i = 0; i < m->n_unresolved_user_ids; i++) {
        if (strcmp(m->unresolved_user_ids[i], user_id) == 0)
            return true;
    }
    return false;
}

static bool remember(struct scene *c, const V1__Post__ListPostsResponse *m)
{
    size_t n = c->posts + m->n_post_messages;
    char **post_ids = realloc(c->post_ids, (n + 1) * sizeof *post_ids);
    if (post_ids == NULL)
        return false;
    c->post_ids = post_ids;
    char **user_ids = realloc(c->user_ids, (n + 1) * sizeof *user_ids);
    if (user_ids == NULL)
        return false;
    c->user_ids = user_ids;
    for (size_t i = 0; i < m->n_post_messages; i++, c->posts++) {
        const V1__Post__PostMessage *post = m->post_messages[i];
        bool stranger = is_stranger(m, post->user_id);
        post_ids[c->posts] = strdup(post->post_id);
        user_ids[c->posts] = stranger ? NULL : strdup(post->user_id);
        if (post_ids[c->posts] == NULL || (!stranger && user_ids[c->posts] == NULL)) {
            free(post_ids[c->posts]);
            free(user_ids[c->posts]);
            return false;
        }
    }
    return true;
}

static void draw_message(struct scene *c, const V1__Post__ListPostsResponse *m, size_t bytes)
{
    char text[160], index[32] = "";
    posts_text(text, sizeof text, m, bytes);
    if (c->shape == SHAPE_BIDI)
        snprintf(index, sizeof index, "to request %" PRId32 ": ", m->request_index);
    bool marked = m->last && (c->shape == SHAPE_SERVER || c->shape == SHAPE_BIDI);
    draw_response(c->drawing, "%s%s%s", index, text, marked ? ", last" : "");
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct scene *c = stream->data;
    const V1__Post__ListPostsResponse *m = (const V1__Post__ListPostsResponse *)message;
    if (m->n_errors > 0) {
        stream_fail(stream, (enum status_code)m->errors[0]->code, "%s", m->errors[0]->message);
        return;
    }
    if (m->n_post_messages > 0) {
        c->last_ms = drawing_ms(c->drawing);
        if (c->posts == 0)
            c->first_ms = c->last_ms;
    }
    draw_message(c, m, bytes.len);
    c->messages++;
    c->bytes += bytes.len;
    c->answered += m->last;
    if (!remember(c, m)) {
        stream_fail(stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    if (!c->half_closed)
        send_more(c);
    stream_read(stream);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct scene *c = stream->data;
    c->call = NULL;
    c->status = *status;
    draw_response(c->drawing, "%s", status_name((int)status->code));
    c->done(c);
}

static const struct stream_handler handler = {
    .message = QUERY_RESPONSE,
    .on_message = on_message,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_close = on_close,
};

void scene_run(struct scene *c, struct session *s, struct drawing *d, int number)
{
    bool by_user = c->nrequests > 0 && c->requests[0].user_id != NULL;
    c->session = s;
    c->drawing = d;
    draw_heading(d, number, query_rpc(c->shape, by_user), c->words);
    c->call = session_open(s, s->post, query_path(c->shape, by_user), &handler, c, &c->status);
    if (c->call == NULL) {
        c->done(c);
        return;
    }
    stream_read(c->call);
    send_more(c);
}

void scene_stop(struct scene *c)
{
    if (c->call != NULL)
        stream_fail(c->call, STATUS_CANCELLED, "stopped");
}

void scene_drop_strangers(struct scene *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->posts; i++) {
        if (c->user_ids[i] == NULL) {
            free(c->post_ids[i]);
            continue;
        }
        c->post_ids[kept] = c->post_ids[i];
        c->user_ids[kept++] = c->user_ids[i];
    }
    c->posts = kept;
}

void scene_close(struct scene *c)
{
    for (size_t i = 0; i < c->posts; i++) {
        free(c->post_ids[i]);
        free(c->user_ids[i]);
    }
    free(c->post_ids);
    free(c->user_ids);
    c->post_ids = c->user_ids = NULL;
    c->posts = 0;
}
