/* demo: the same posts in each call shape, drawn side by side.
 *
 * WARM-UP (connects) -> five scenes -> a reader that stops -> two that follow -> summary
 *
 * The first scene asks for everybody's posts; the others that ask by user take
 * their users from its answer. The last one imports posts, so it must be asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "client-cli/output/table.h"
#include "client-cli/output/text.h"
#include "demo_draw.h"
#include "demo_live.h"
#include "demo_pause.h"
#include "demo_scene.h"

#define PAGE_SIZE   2 /* so that streams have several messages */
#define POSTS_MOST  24
#define ROWS_MOST   5 /* of the table at the beginning */
#define SCENE_COUNT 5

/* What runs, beside the scenes by their number. */
enum { WARM_UP = -1, PAUSE = SCENE_COUNT, LIVE };

static bool live; /* the option */

static struct demo {
    struct drawing drawing;
    int running;
    struct scene scenes[SCENE_COUNT];
    struct pause pause;
    struct live live;
    struct post_query everybody, everybody_in_pages;
    struct post_query by_user[POSTS_MOST], by_user_in_pages[POSTS_MOST];
    size_t users;
    bool strangers; /* some posts are by people whom User does not know */
} demo = { .running = WARM_UP };

/* --- What is asked ------------------------------------------------------------------ */

static void plan_scenes(struct demo *d)
{
    d->everybody = (struct post_query){ .page_token = "", .tag = "", .limit = POSTS_MOST };
    d->everybody_in_pages = d->everybody;
    d->everybody_in_pages.page_size = PAGE_SIZE;
    const struct scene scenes[SCENE_COUNT] = {
        { .shape = SHAPE_UNARY,
          .name = "unary",
          .words = "one request, one response",
          .requests = &d->everybody,
          .nrequests = 1 },
        { .shape = SHAPE_SERVER,
          .name = "server streaming",
          .words = "one request, many responses",
          .requests = &d->everybody_in_pages,
          .nrequests = 1 },
        { .shape = SHAPE_CLIENT,
          .name = "client streaming",
          .words = "many, then one response",
          .requests = d->by_user },
        { .shape = SHAPE_BIDI,
          .name = "bidirectional, in lock step",
          .words = "in lock step",
          .lock_step = true,
          .requests = d->by_user_in_pages },
        { .shape = SHAPE_BIDI,
          .name = "bidirectional, pipelined",
          .words = "pipelined",
          .requests = d->by_user_in_pages },
    };
    memcpy(d->scenes, scenes, sizeof scenes);
}

/* One request for each user of the first scene's posts, in their order, for as
 * many posts as that scene had. Whom User does not know cannot be asked for. */
static void plan_users(struct demo *d)
{
    const struct scene *first = &d->scenes[0];
    const char *last = NULL;
    for (size_t i = 0; i < first->posts; i++) {
        const char *user_id = first->user_ids[i];
        if (user_id == NULL) {
            d->strangers = true;
            continue;
        }
        if (last == NULL || strcmp(user_id, last) != 0)
            d->by_user[d->users++] =
                (struct post_query){ .user_id = user_id, .page_token = "", .tag = "" };
        d->by_user[d->users - 1].limit++;
        last = user_id;
    }
    for (size_t i = 0; i < d->users; i++) {
        if (first->posts < POSTS_MOST) /* everything there is: no limit needed */
            d->by_user[i].limit = 0;
        d->by_user_in_pages[i] = d->by_user[i];
        d->by_user_in_pages[i].page_size = PAGE_SIZE;
    }
    for (int i = 2; i < SCENE_COUNT; i++)
        d->scenes[i].nrequests = d->users;
}

/* --- What came of it ---------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the ids: order is not what is compared. */
static bool same_posts(struct scene *a, struct scene *b)
{
    if (a->posts != b->posts)
        return false;
    qsort(b->post_ids, b->posts, sizeof *b->post_ids, compare);
    for (size_t i = 0; i < a->posts; i++) {
        if (strcmp(a->post_ids[i], b->post_ids[i]) != 0)
            return false;
    }
    return true;
}

static bool all_same(struct demo *d)
{
    struct scene *first = &d->scenes[0];
    bool same = true;
    for (int i = 0; i < SCENE_COUNT; i++)
        scene_drop_strangers(&d->scenes[i]);
    qsort(first->post_ids, first->posts, sizeof *first->post_ids, compare);
    for (int i = 1; i < SCENE_COUNT; i++)
        same &= same_posts(first, &d->scenes[i]);
    return same;
}

#define SUMMARY_COLUMNS 7

static const struct table_column summary_columns[SUMMARY_COLUMNS] = {
    { "CALL", 0, 0, 0, false, 0 },     { "REQUESTS", 0, 0, 0, true, 0 },
    { "RESPONSES", 0, 0, 0, true, 0 }, { "POSTS", 0, 0, 0, true, 0 },
    { "BYTES", 0, 0, 0, true, 0 },     { "FIRST POST", 0, 0, 0, true, 0 },
    { "LAST POST", 0, 0, 0, true, 0 },
};

static void print_summary(struct demo *d, struct output *out)
{
    char text[SCENE_COUNT][SUMMARY_COLUMNS][32];
    const char *cells[SCENE_COUNT * SUMMARY_COLUMNS];
    for (int i = 0; i < SCENE_COUNT; i++) {
        const struct scene *c = &d->scenes[i];
        snprintf(text[i][0], 32, "%s", c->name);
        text_number(text[i][1], c->sent);
        text_number(text[i][2], c->messages);
        text_number(text[i][3], c->posts);
        text_number(text[i][4], c->bytes);
        snprintf(text[i][5], 32, "%.1f ms", c->first_ms);
        snprintf(text[i][6], 32, "%.1f ms", c->last_ms);
        for (int j = 0; j < SUMMARY_COLUMNS; j++)
            cells[i * SUMMARY_COLUMNS + j] = text[i][j];
    }
    struct text_table table;
    struct buf *b = output_buf(out);
    draw_text(&d->drawing, "%s", "");
    table_layout(&table, summary_columns, SUMMARY_COLUMNS, cells, SCENE_COUNT, 200);
    table_put_heading(&table, b, d->drawing.colours);
    for (int i = 0; i < SCENE_COUNT; i++)
        table_put_row(&table, b, cells + i * SUMMARY_COLUMNS);
    output_commit(out);
}

static void finish(struct demo *d, struct session *s)
{
    print_summary(d, &s->out);
    bool same = all_same(d);
    draw_text(&d->drawing, "\n%s",
              same ? "All four shapes brought the same posts."
                   : "THE SHAPES BROUGHT DIFFERENT POSTS.");
    if (d->strangers)
        draw_text(
            &d->drawing,
            "Some are by people whom User does not know; a listing by user does not have them.");
    if (!d->pause.good)
        draw_text(&d->drawing, "THE READER THAT STOPPED DID NOT GET WHAT IT SHOULD.");
    if (live && !d->live.good)
        draw_text(&d->drawing, "THE TWO THAT FOLLOWED HAVE NOT HEARD THE SAME.");
    s->failed = !same || !d->pause.good || (live && !d->live.good);
}

/* --- One after the other ------------------------------------------------------------ */

static bool begin(struct session *s)
{
    drawing_init(&demo.drawing, &s->out);
    plan_scenes(&demo);
    return true;
}

/* The first call connects; it would make the first scene look slow. */
static void warm_up(struct session *s)
{
    const struct post_query first_posts = { .page_token = "", .tag = "", .page_size = ROWS_MOST };
    post_query_ask(s, SHAPE_UNARY, &first_posts);
}

/* What it brings is what the scenes are about, as a person sees it. */
static void show_first_posts(struct demo *d, struct session *s,
                             const V1__Post__ListPostsResponse *m)
{
    const struct rows_look look = { .format = FORMAT_TABLE };
    if (m->n_post_messages == 0)
        return; /* that is told after the first scene */
    draw_text(&d->drawing, "\nThe first posts, with the names that User has for their authors:\n");
    rows_init(&s->rows, &row_post, &look, &s->out);
    if (!rows_add(&s->rows, (const void *const *)m->post_messages, m->n_post_messages))
        session_no_memory(s->call);
}

static void open_pause(struct demo *d, struct session *s, int number)
{
    d->pause.limit = POSTS_MOST;
    d->pause.posts_per_answer = d->scenes[0].posts;
    pause_open(&d->pause, s, &d->drawing, number);
}

static void open_live(struct demo *d, struct session *s, int number)
{
    d->live.user_id = d->by_user[0].user_id;
    live_open(&d->live, s, &d->drawing, number);
}

static void next(struct session *s)
{
    struct demo *d = &demo;
    const int number = d->running + 1;
    if (d->running == WARM_UP)
        warm_up(s);
    else if (d->running < PAUSE)
        scene_open(&d->scenes[d->running], s, &d->drawing, number);
    else if (d->running == PAUSE)
        open_pause(d, s, number);
    else
        open_live(d, s, number);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__Post__ListPostsResponse *m = (const V1__Post__ListPostsResponse *)message;
    struct demo *d = &demo;
    if (d->running == WARM_UP)
        show_first_posts(d, s, m);
    else if (m->n_errors > 0)
        stream_fail(s->call, (enum status_code)m->errors[0]->code, "%s", m->errors[0]->message);
    else if (d->running < PAUSE)
        scene_take(&d->scenes[d->running], s, m, bytes.len);
    else if (d->running == PAUSE)
        pause_take(&d->pause, m, bytes.len);
    else
        live_take(&d->live, m, bytes.len);
}

static void on_sent(struct session *s)
{
    struct demo *d = &demo;
    if (d->running == PAUSE)
        pause_sent(&d->pause);
    else if (d->running > WARM_UP && d->running < PAUSE)
        scene_sent(&d->scenes[d->running], s);
}

/* After the first scene it is known whom the others are to ask for. */
static struct status cast(struct demo *d)
{
    plan_users(d);
    if (d->users > 0)
        return status_ok();
    return d->strangers ? status_of(STATUS_NOT_FOUND, "these posts are by people whom User does "
                                                      "not know: import those, too")
                        : status_of(STATUS_NOT_FOUND, "there are no posts to show: import some");
}

/* What the end of the call means to what runs. */
static struct status close_running(struct demo *d, const struct status *status)
{
    if (d->running == LIVE)
        return live_closed(&d->live, status);
    if (d->running == PAUSE)
        pause_closed(&d->pause, status);
    else if (d->running > WARM_UP)
        scene_closed(&d->scenes[d->running], status);
    return d->running == 0 && status->code == STATUS_OK ? cast(d) : *status;
}

static int last_one(void)
{
    return live ? LIVE : PAUSE;
}

static struct status judge(struct session *s, const struct status *status)
{
    struct demo *d = &demo;
    const struct status truth = close_running(d, status);
    if (truth.code == STATUS_OK && d->running == last_one())
        finish(d, s);
    return truth;
}

static bool more(struct session *s)
{
    (void)s;
    return demo.running++ < last_one();
}

static void close_demo(void)
{
    for (int i = 0; i < SCENE_COUNT; i++)
        scene_close(&demo.scenes[i]);
    pause_free(&demo.pause);
    live_free(&demo.live);
}

static const struct option_row rows[] = {
    OPT_FLAG("live", live,
             "show one scene more: two clients follow while posts are imported, and these are "
             "deleted at the end"),
    ROW_COLOR,
    ROW_DEADLINE,
};

const struct routine demo_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = { .answer = POST_QUERY_RESPONSE },
    .begin = begin,
    .next = next,
    .take = take,
    .on_sent = on_sent,
    .judge = judge,
    .more = more,
    .close = close_demo,
};
