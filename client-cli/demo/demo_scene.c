#include "demo_scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-cli/frame/calls.h"
#include "client-cli/output/text.h"

/* --- Texts -------------------------------------------------------------------------- */

static void request_text(char *ret, size_t size, const struct post_query *q)
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

void scene_posts_text(char *ret, size_t size, const V1__Post__ListPostsResponse *m, size_t bytes)
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

/* --- The call ----------------------------------------------------------------------- */

static void send_more(struct scene *c, struct session *s)
{
    bool many = c->shape == SHAPE_CLIENT || c->shape == SHAPE_BIDI;
    while (c->sent < c->nrequests && !(c->lock_step && c->sent > c->answered)) {
        const struct post_query *q = &c->requests[c->sent];
        char text[128];
        if (post_query_send(s->call, q, many ? 0 : STREAM_LAST) != 0)
            return; /* on_sent or on_close comes */
        request_text(text, sizeof text, q);
        draw_request(c->drawing, "{%s}", text);
        c->sent++;
    }
    if (many && c->sent == c->nrequests)
        calls_half_close(s);
}

void scene_sent(struct scene *c, struct session *s)
{
    if (!s->half_closed)
        send_more(c, s);
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
    scene_posts_text(text, sizeof text, m, bytes);
    if (c->shape == SHAPE_BIDI)
        snprintf(index, sizeof index, "to request %" PRId32 ": ", m->request_index);
    bool marked = m->last && (c->shape == SHAPE_SERVER || c->shape == SHAPE_BIDI);
    draw_response(c->drawing, "%s%s%s", index, text, marked ? ", last" : "");
}

void scene_take(struct scene *c, struct session *s, const V1__Post__ListPostsResponse *m,
                size_t bytes)
{
    if (m->n_post_messages > 0) {
        c->last_ms = drawing_ms(c->drawing);
        if (c->posts == 0)
            c->first_ms = c->last_ms;
    }
    draw_message(c, m, bytes);
    c->messages++;
    c->bytes += bytes;
    c->answered += m->last;
    if (!remember(c, m)) {
        session_no_memory(s->call);
        return;
    }
    scene_sent(c, s);
    calls_read(s);
}

void scene_closed(struct scene *c, const struct status *status)
{
    draw_response(c->drawing, "%s", status_name((int)status->code));
}

void scene_open(struct scene *c, struct session *s, struct drawing *d, int number)
{
    bool by_user = c->nrequests > 0 && c->requests[0].user_id != NULL;
    c->drawing = d;
    draw_heading(d, number, post_query_rpc(c->shape, by_user), c->words);
    if (!calls_open(s, s->post, post_query_path(c->shape, by_user)))
        return;
    calls_read(s);
    send_more(c, s);
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
