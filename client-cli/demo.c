/* demo: the same posts in each call shape, drawn side by side.
 *
 * WARM-UP (connects) -> five scenes -> a reader that stops -> summary
 *
 * The first scene asks for everybody's posts; the others that ask by user take
 * their users from its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "command.h"
#include "common.h"
#include "demo_draw.h"
#include "demo_pause.h"
#include "demo_scene.h"
#include "table.h"
#include "text.h"

#define PAGE_SIZE   2 /* so that streams have several messages */
#define POSTS_MOST  24
#define SCENE_COUNT 5

struct demo {
    struct session *session;
    struct drawing drawing;
    struct stream *warm_up;
    int running; /* the scene; SCENE_COUNT: the pause */
    struct scene scenes[SCENE_COUNT];
    struct pause pause;
    struct query everybody, everybody_in_pages;
    struct query by_user[POSTS_MOST], by_user_in_pages[POSTS_MOST];
    size_t users;
    bool strangers; /* some posts are by people whom User does not know */
};

static void next(struct demo *d);

/* --- What is asked ------------------------------------------------------------------ */

static void plan_scenes(struct demo *d)
{
    d->everybody = (struct query){ .page_token = "", .tag = "", .limit = POSTS_MOST };
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
                (struct query){ .user_id = user_id, .page_token = "", .tag = "" };
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

/* --- What came of it ------------------------------------------------------------------ */

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
    { "CALL", 0, 0, 0, false },     { "REQUESTS", 0, 0, 0, true }, { "RESPONSES", 0, 0, 0, true },
    { "POSTS", 0, 0, 0, true },     { "BYTES", 0, 0, 0, true },    { "FIRST POST", 0, 0, 0, true },
    { "LAST POST", 0, 0, 0, true },
};

static void print_summary(struct demo *d)
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
    struct table table;
    struct buf *b = output_buf(&d->session->out);
    draw_text(&d->drawing, "%s", "");
    table_layout(&table, summary_columns, SUMMARY_COLUMNS, cells, SCENE_COUNT, 200);
    table_put_heading(&table, b, d->drawing.colours);
    for (int i = 0; i < SCENE_COUNT; i++)
        table_put_row(&table, b, cells + i * SUMMARY_COLUMNS);
    output_commit(&d->session->out);
}

static void finish(struct demo *d)
{
    print_summary(d);
    bool same = all_same(d);
    draw_text(&d->drawing, "\n%s",
              same ? "All four shapes brought the same posts."
                   : "THE SHAPES BROUGHT DIFFERENT POSTS.");
    if (d->strangers)
        draw_text(&d->drawing, "Some are by people whom User does not know; a listing by user "
                               "has them not.");
    if (!d->pause.good)
        draw_text(&d->drawing, "THE READER THAT STOPPED DID NOT GET WHAT IT SHOULD.");
    session_end(d->session, same && d->pause.good ? EXIT_DONE : EXIT_FAILED);
}

/* --- One after the other ------------------------------------------------------------------ */

static void fail(struct demo *d, const struct status *status)
{
    session_fail(d->session, status);
}

static void on_scene_done(struct scene *scene)
{
    struct demo *d = scene->data;
    struct status empty = status_of(STATUS_NOT_FOUND, "there are no posts to show: import some");
    struct status strange = status_of(STATUS_NOT_FOUND, "these posts are by people whom User does "
                                                        "not know: import those, too");
    if (scene->status.code != STATUS_OK) {
        fail(d, &scene->status);
        return;
    }
    if (d->running == 0)
        plan_users(d);
    if (d->users == 0) {
        fail(d, d->strangers ? &strange : &empty);
        return;
    }
    d->running++;
    next(d);
}

static void on_pause_done(struct pause *pause)
{
    struct demo *d = pause->data;
    if (pause->status.code != STATUS_OK)
        fail(d, &pause->status);
    else
        finish(d);
}

static void next(struct demo *d)
{
    if (d->running < SCENE_COUNT) {
        struct scene *scene = &d->scenes[d->running];
        scene->data = d;
        scene->done = on_scene_done;
        scene_run(scene, d->session, &d->drawing, d->running + 1);
        return;
    }
    d->pause.data = d;
    d->pause.done = on_pause_done;
    d->pause.limit = POSTS_MOST;
    d->pause.posts_per_answer = d->scenes[0].posts;
    pause_run(&d->pause, d->session, &d->drawing, d->running + 1);
}

/* The first call connects; it would make the first scene look slow. */
static void on_warm_message(struct stream *stream, const ProtobufCMessage *message,
                            struct bytes bytes)
{
    (void)stream;
    (void)message;
    (void)bytes;
}

static void on_warm_end(struct stream *stream)
{
    (void)stream;
}

static void on_warm_close(struct stream *stream, const struct status *status)
{
    struct demo *d = stream->data;
    d->warm_up = NULL;
    if (status->code != STATUS_OK)
        fail(d, status);
    else
        next(d);
}

static const struct stream_handler warm_up = {
    .message = QUERY_RESPONSE,
    .on_message = on_warm_message,
    .on_end = on_warm_end,
    .on_close = on_warm_close,
};

static void start(struct session *s)
{
    struct demo *d = s->command;
    struct status status;
    struct query first_post = { .page_token = "", .tag = "", .page_size = 1 };
    d->session = s;
    drawing_init(&d->drawing, &s->out);
    plan_scenes(d);
    d->warm_up = session_open(s, s->post, query_path(SHAPE_UNARY, false), &warm_up, d, &status);
    if (d->warm_up == NULL)
        fail(d, &status);
    else if (query_send(d->warm_up, &first_post, STREAM_LAST) == 0)
        stream_read(d->warm_up);
}

static void on_stop(struct session *s)
{
    struct demo *d = s->command;
    if (d->warm_up != NULL)
        stream_fail(d->warm_up, STATUS_CANCELLED, "stopped");
    else if (d->running < SCENE_COUNT)
        scene_stop(&d->scenes[d->running]);
    else
        pause_stop(&d->pause);
}

static struct common common = { COMMON_DEFAULTS };

static const struct option_row rows[] = {
    ROW_DEADLINE(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "demo [OPTION]...",
    .summary = "Shows what goes over the wire in each of the four call shapes, and what happens\n"
               "when a reader stops. Needs some posts; changes nothing.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int demo_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (first < argc)
        return usage_error("demo", "takes no argument", argv[first]);
    struct demo d = { 0 };
    struct session session = { .command = &d, .start = start, .on_stop = on_stop };
    common.progress = false;
    code = session_run(&session, &common);
    for (int i = 0; i < SCENE_COUNT; i++)
        scene_close(&d.scenes[i]);
    return code;
}
